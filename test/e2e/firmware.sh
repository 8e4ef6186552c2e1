#!/bin/bash
# SPDX-License-Identifier: ISC
# zwinger run --firmware on this host's /dev/kvm, with boot sectors of ours in place of a
# boot loader: SeaBIOS from its package up to them, and what goes wrong.
# usage: firmware.sh BUILD-DIRECTORY
set -u
build=$(realpath "$1") tests=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
zwinger=$build/launcher/zwinger seabios=/usr/share/seabios/bios-microvm.bin
{ [ -c /dev/kvm ] && [ -w /dev/kvm ]; } || { echo "skipped: there is no usable /dev/kvm on this host"; exit 77; }
work=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# sector NAME DO [SIZE]: NAME.img, which says so and then does what DO says.
sector() {
	gcc -m32 -c -x assembler-with-cpp "-DNAME=\"boot sector $1\"" -DDO="$2" -o "$1.o" "$tests/bootsector.S" &&
		ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$1.img" "$1.o" || exit 1
	truncate -s "${3:-1M}" "$1.img"
}
# row NAME STATUS WANTED [OPTION]...: exit status, and an expression that is in the output.
row() {
	local name=$1 status=$2 wanted=$3 got=0
	shift 3
	output=$(timeout 60 "$zwinger" run --firmware seabios --memory 64M "$@" </dev/null 2>&1) || got=$?
	if [ $got = "$status" ] && grep -qaE -- "$wanted" <<<"$output"; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAILED $name: status $got, wanted $status and /$wanted/ in:"
		cat -v <<<"$output"
		failed=$((failed + 1))
	fi
}
check() { if eval "$2"; then echo "ok $1"; passed=$((passed + 1)); else echo "FAILED $1: $(cat -v <<<"$output")"; failed=$((failed + 1)); fi; }

for one in "one 1" "two 1" "back 2" "again 3" "short 4" "timer 5" "loop 6"; do
	# shellcheck disable=SC2086 # words
	sector $one
done
truncate -s 1M blank.img

row "SeaBIOS boots a disk, its screen is the serial port" 0 'Booting from Hard Disk' --disk one.img
check "the boot sector ran" 'grep -qa "boot sector one" <<<"$output"'
check "no debug output unless asked for" '! grep -qa "firmware: " <<<"$output"'
row "of two disks the first" 0 'boot sector one' --disk one.img --disk two.img
row "of two disks the one with the lower boot index" 0 'boot sector two' --disk one.img,bootindex=2 --disk two.img,bootindex=1
row "a boot index is before none, on two processors" 0 'boot sector two' --disk blank.img --disk two.img,bootindex=16 --cpus 2
row "a disk behind other devices" 0 'boot sector one' --console hvc --disk one.img --no-rng
row "the PIT that boot loaders measure time with" 0 'as it should' --disk timer.img
row "a reset goes through the firmware, and the disk has kept what was written" 0 'as it should' --disk again.img
check "it booted twice" '[ "$(grep -oa "boot sector again" <<<"$output" | wc -l)" = 2 ] && grep -q "resets, starting" <<<"$output"'
row "debug output when asked for" 0 'firmware: SeaBIOS' --disk one.img --firmware-debug
row "a disk without a boot sector" 7 'no disk could be booted' --disk blank.img
row "no disk at all" 7 'no disk could be booted'
row "a boot loader that gives up" 7 'no disk could be booted' --disk back.img
row "a truncated image" 0 'read failed' --disk short.img
row "an empty image" 3 'blank0.img. is empty|empty' --disk "$(: >blank0.img; echo blank0.img)"

# Firmware that is none.
head -c 100000 "$seabios" >cut.bin
row "firmware of a wrong size" 4 'is not a PC BIOS.*seabios' --firmware ./cut.bin
head -c 65536 "$seabios" >half.bin
row "the first half of a firmware" 4 'is not a PC BIOS' --firmware ./half.bin
head -c 1M /dev/zero >zero.bin
row "firmware that is too large" 4 'is not a PC BIOS' --firmware ./zero.bin
row "no such file" 3 "cannot open './none.bin'" --firmware ./none.bin
row "neither a name nor a path" 2 "neither 'seabios' nor a path" --firmware ovmf
row "a kernel beside it" 2 "kernel does not go with --firmware" --kernel one.img
row "a command line beside it" 2 "append does not go with --firmware" --append quiet
row "a copy of it by its path" 0 'boot sector one' --firmware "$seabios" --disk one.img
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	output=$(unshare -m sh -c 'mount -t tmpfs none /usr/share/seabios && exec "$0" run --firmware seabios' "$zwinger" 2>&1)
	check "a missing package is named" '[ $? = 3 ] && grep -q "apt-get install seabios" <<<"$output"'
fi

# What each VMM is made of.
has_fw_cfg() { nm "$build/$1" | grep -q ' fw_cfg_access$'; }
check "none of it is in the process of a direct boot" 'has_fw_cfg vmm/firmware/zwinger-vmm-firmware && ! has_fw_cfg vmm/zwinger-vmm'

# One that does not end: the user ends it. And while it runs: both filters, and no descriptor more.
mkfifo keys
script -qec "stty rows 24 cols 80; '$zwinger' run --firmware seabios --memory 64M --disk loop.img; echo \"status \$?\"" /dev/null <keys >said 2>&1 &
exec 9>keys
for ((i = 0; i < 600; i++)); do grep -qa "boot sector loop" said && break; sleep 0.1; done
vmm=$(pgrep -nf '^zwinger-vmm-firmware')
output=$(cat said; ls -l "/proc/$vmm/fd")
check "both filters are in force" '[ "$(awk "/^Seccomp_filters/ { print \$2 }" "/proc/$vmm/status")" = 2 ]'
check "it holds neither the firmware's file nor a disk" '! readlink "/proc/$vmm"/fd/* | grep -qE "\.img|seabios"'
printf '\035x' >&9
for ((i = 0; i < 100; i++)); do grep -qa "^status" said && break; sleep 0.1; done
exec 9>&-
output=$(cat said)
check "a boot loader that loops is ended from the keyboard" 'grep -qa "ended from the keyboard" said && grep -qa "^status 0" said'

# The same by a manifest.
"$root/scripts/measure" "$build" >measured.dtsi
cat >legacy.dts <<'MANIFEST'
/dts-v1/;
/include/ "measured.dtsi"
/ {
	compatible = "zwinger,system-1";
	model = "legacy";
	processes {
		linux {
			kind = "vm";
			firmware = "seabios";
			memory = "64M";
			disk = "one.img";
		};
	};
};
MANIFEST
output=$(timeout 120 "$zwinger" run legacy.dts </dev/null 2>&1)
check "a manifest with firmware" '[ $? = 0 ]'
output=$("$zwinger" show legacy.dts)
check "and what it says" 'grep -q "firmware seabios" <<<"$output" && grep -q zwinger-vmm-firmware <<<"$output"'

echo "$passed passed, $failed failed"
[ $failed = 0 ]
