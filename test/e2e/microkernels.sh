#!/bin/bash
# SPDX-License-Identifier: ISC
# The whole product on this host's /dev/kvm, with kernels of a few instructions: ELF images made
# by tinykernel.sh, entered in 64-bit mode. Shows how each way of ending comes out of `zwinger run`.
#
# usage: microkernels.sh ZWINGER
set -u
zwinger=$1
{ [ -c /dev/kvm ] && [ -w /dev/kvm ]; } || { echo "skipped: /dev/kvm cannot be opened here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 typed=/dev/null

# row NAME STATUS OUTPUT HEX [OPTION]...
row() {
	local name=$1 status=$2 wanted=$3 output got=0
	"$(dirname "$0")/tinykernel.sh" "$4" >"$work/kernel"
	shift 4
	output=$(timeout 60 "$zwinger" run --kernel "$work/kernel" --memory 64M "$@" <"$typed" 2>&1) || got=$?
	if [ $got = "$status" ] && grep -qE -- "$wanted" <<<"$output"; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAILED $name: status $got, wanted $status and /$wanted/ in: $output"
		failed=$((failed + 1))
	fi
}

hlt=f4ebfd             # 1: hlt; jmp 1b
outb() { echo "66ba$2b0$1ee"; } # mov dx, PORT (low byte first); mov al, VALUE; out dx, al
row "power-off by the sleep register" 0 '^$' "$(outb 34 0006)$hlt"
row "reset register" 10 'asked for a reset' "$(outb 01 0206)$hlt" --no-reboot
row "reset by the keyboard controller" 10 'asked for a reset' "$(outb fe 6400)$hlt" --no-reboot
row "a guest that resets at once is given up" 10 'resets again and again' "$(outb 01 0206)$hlt"
# lidt [rip + 5], an empty table; ud2
row "triple fault" 11 'triple fault' "0f011d050000000f0b${hlt}0000000000000000" --no-reboot
row "output arrives, also the last byte" 0 '^Hi$' "$(outb 48 f803)$(outb 69 f803)$(outb 34 0006)$hlt"
# ecx = 10000; 1: poll the line status until data is ready, take a byte, loop 1b
head -c 20000 /dev/zero >"$work/typed"
typed=$work/typed
row "more input arrives than any buffer holds" 0 '^$' \
	"b91027000066bafd03eca80174f766baf803ecffc975ee$(outb 34 0006)$hlt"
typed=/dev/null
row "every vCPU count starts: 64" 0 '^$' "$(outb 34 0006)$hlt" --cpus 64
row "prefault" 0 '^$' "$(outb 34 0006)$hlt" --prefault
row "timing names the first KVM_RUN" 0 'timing: .* first KVM_RUN' "$(outb 34 0006)$hlt" --timing
if [ -d /sys/module/kvm_pvm ]; then
	# xsave [rsp]: a PVM host's emulator does not know it in ring 0
	row "internal error tells RIP, bytes and what it means" 12 'RIP 0x100000, ring 0, 64-bit mode, instruction bytes: 0f ae 24 24' \
		"0fae2424$hlt"
	row "internal error speaks of this kind of host" 12 'PVM' "0fae2424$hlt"
else
	# jmp to an address that is neither RAM nor a device
	row "internal error tells RIP" 12 'RIP 0xd0000000' "b8000000d0ffe0"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
