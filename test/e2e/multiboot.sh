#!/bin/bash
# SPDX-License-Identifier: ISC
# Multiboot images by zwinger run --test-devices, each beside the same image under QEMU on the same
# host: what they print and how they end are compared. usage: multiboot.sh BUILD-DIRECTORY
set -u
build=$(realpath "$1") root=$(cd "$(dirname "$0")/../.." && pwd)
type -P qemu-system-x86_64 >/dev/null || { echo "skipped: there is no QEMU to compare with: scripts/setup"; exit 77; }
if ! { [ -c /dev/kvm ] && [ -w /dev/kvm ]; }; then
	# 125 is the emulated machine's own end, no word about us: it is told, and tried once more.
	for try in 1 2; do
		"$root/scripts/lab" run --timeout 300 -- "$0" "$build"
		status=$?
		[ $status = 125 ] && [ $try = 1 ] || exit $status
		echo "the lab itself failed: once more, in a new one"
	done
fi
work=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$work"' EXIT
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
zwinger=$build/launcher/zwinger image=$build/test/multiboot.elf
printf 'NR_CPUS=2\nTEST_DEVICE=0\n' >"$work/environ"

# under_qemu and under_zwinger: MEMORY CPUS ARGUMENTS INITRD
under_qemu() {
	timeout 100 qemu-system-x86_64 -nodefaults -no-user-config -accel kvm -cpu host -vga none -display none -serial stdio \
		-device pc-testdev -device isa-debug-exit,iobase=0xf4,iosize=0x4 -device pci-testdev -m "$1" -smp "$2" -kernel "$image" -append "$3" ${4:+-initrd "$4"} </dev/null 2>"$work/qemu.err"
}
under_zwinger() {
	timeout 100 "$zwinger" run --test-devices --kernel "$image" --memory "$1" --cpus "$2" --append "$3" ${4:+--initrd "$4"} \
		</dev/null 2>"$work/zwinger.err"
}
row() { # NAME MEMORY CPUS ARGUMENTS INITRD: alike, and what is expected in it
	local name=$1 is should
	shift
	under_qemu "$@" >"$work/qemu"
	should=$?
	under_zwinger "$@" >"$work/zwinger"
	is=$?
	# The BIOS of the other says what it likes before.
	sed -n '/^magic/,$p' "$work/qemu" | tr -d '\r' >"$work/should"
	tr -d '\r' <"$work/zwinger" >"$work/is"
	if [ $is = $should ] && [ -s "$work/is" ] && diff "$work/should" "$work/is" >"$work/diff"; then
		ok "$name: as under QEMU, status $is"
	else
		no "$name: status $is, under QEMU $should; $(cat "$work/diff" "$work/zwinger.err" "$work/qemu.err")"
	fi
}
if [ -d /sys/module/kvm_pvm ]; then
	echo "skipped: this host runs 32-bit kernel code only in its instruction emulator"
	exit 77
fi
row "an image exits with 0" 64M 1 "" ""
grep -qx "magic 2badb002" "$work/is" && ok "it is a loader of Multiboot" || no "the magic number"
row "arguments, a module, two processors, a status that does not fit" 128M 2 "cpuid 300" "$work/environ"

bad() { # NAME STATUS TEXT FILE [OPTION]...
	local name=$1 status=$2 wanted=$3 file=$4 is
	shift 4
	timeout 60 "$zwinger" run --kernel "$file" --memory 64M --no-reboot "$@" </dev/null >"$work/out" 2>&1
	is=$?
	[ $is = "$status" ] && { [ -z "$wanted" ] || grep -qF -- "$wanted" "$work/out"; } && ok "$name" || no "$name: status $is: $(cat "$work/out")"
}
bad "without the option it is no kernel" 4 "is for 32-bit x86" "$image"
head -c 4200 "$image" >"$work/cut"
bad "a truncated image" 4 "truncated" "$work/cut" --test-devices
bad "an image that wants a video mode" 4 "video mode" "$build/test/multiboot_video.elf" --test-devices
# mov dx, f4; mov al, 3; out dx, al; then the sleep register
"$root/test/e2e/tinykernel.sh" 66baf400b003ee66ba0006b034eef4ebfd >"$work/off"
bad "without the option nothing is at 0xf4" 0 "" "$work/off"
bad "with it, other kernels boot too" 7 "" "$work/off" --test-devices
echo "$passed passed, $failed failed"
[ $failed = 0 ]
