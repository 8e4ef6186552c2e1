#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs on a KVM host (in the lab, or on hardware): stock Debian kernels under zwinger, with each
# number of processors, amount of memory and way of ending. A row is a boot; it says what failed.
#
# usage: matrix.sh ZWINGER INITRD CACHE-DIRECTORY [ROW-PATTERN]
set -u
zwinger=$1 initrd=$2 cache=$3 only=${4:-.}
passed=0 failed=0

# row NAME WANTED-STATUS WANTED-OUTPUT OPTION...: boots; the output is an extended regular expression.
# The lab's processor is emulated, and now and then (one boot in hundreds, with 6.12 kernels) a guest
# in it goes wrong by no fault of ours: there, and only there, a row has a second try, which is told.
row() {
	local name=$1 status=$2 wanted=$3 output got=0
	shift 3
	[[ $name =~ $only ]] || return 0
	output=$(timeout 120 "$zwinger" run --initrd "$initrd" "$@" </dev/null 2>&1) || got=$?
	if [ -n "${ZW_LAB:-}" ] && { [ $got != "$status" ] || ! grep -qE "$wanted" <<<"$output"; }; then
		echo "again $name: status $got, wanted $status and /$wanted/; it said last:"
		tail -3 <<<"$output"
		got=0
		output=$(timeout 120 "$zwinger" run --initrd "$initrd" "$@" </dev/null 2>&1) || got=$?
	fi
	if [ $got = "$status" ] && grep -qE "$wanted" <<<"$output"; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAILED $name: status $got, wanted $status and /$wanted/ in:"
		tail -15 <<<"$output"
		failed=$((failed + 1))
	fi
}

quiet="console=ttyS0 quiet panic=-1"
for flavour in cloud-6.1 generic-6.1 cloud-6.12 generic-6.12; do
	row "$flavour, 1 vCPU" 0 'GUEST cpus=1 ' --kernel "$cache/kernels/$flavour/vmlinuz" \
		--append "$quiet" --memory 256M --no-reboot
done
for cpus in 2 4 7; do
	row "cloud-6.1, $cpus vCPUs" 0 "GUEST cpus=$cpus " --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
		--append "$quiet" --memory 256M --cpus $cpus --no-reboot
done
row "generic-6.12, 4 vCPUs" 0 "GUEST cpus=4 " --kernel "$cache/kernels/generic-6.12/vmlinuz" \
	--append "$quiet" --memory 512M --cpus 4 --no-reboot
row "without a random slide" 0 'GUEST' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet nokaslr" --memory 256M --no-reboot
row "an ELF vmlinux" 0 'GUEST' --kernel "$cache/lab/vmlinux" \
	--append "$quiet" --memory 256M --no-reboot

# Memory: the least in which this kernel lives, both sides of the hole below 4 GiB.
row "80 MiB" 0 'GUEST cpus=1 mem=[0-9]{5} ' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet" --memory 80M --no-reboot
row "3 GiB, up to the hole" 0 'GUEST cpus=1 mem=30[0-9]{5} ' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet" --memory 3G --no-reboot
row "5 GiB, around the hole" 0 'GUEST cpus=2 mem=5[01][0-9]{5} ' \
	--kernel "$cache/kernels/cloud-6.1/vmlinuz" --append "$quiet" --memory 5G --cpus 2 --no-reboot
row "prefaulted" 0 'GUEST' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet" --memory 128M --prefault --no-reboot
row "reserved huge pages" 0 'GUEST' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet" --memory 128M --huge-pages --no-reboot

# Ways of ending. The guest's script does what zw.do says.
row "reset as the kernel likes it" 10 'asked for a reset' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet zw.do=reboot" --memory 128M --no-reboot
row "reset by ACPI" 10 'asked for a reset' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet reboot=a zw.do=reboot" --memory 128M --no-reboot
row "reset by the keyboard controller" 10 'asked for a reset' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet reboot=k zw.do=reboot" --memory 128M --no-reboot
row "triple fault" 11 'triple fault' --kernel "$cache/kernels/cloud-6.1/vmlinuz" \
	--append "$quiet reboot=t zw.do=reboot" --memory 128M --no-reboot
row "no kernel facts are missing" 0 'GUEST .*clock=kvm-clock .*rtc=rtc0 .*acpi=1' \
	--kernel "$cache/kernels/cloud-6.1/vmlinuz" --append "$quiet" --memory 256M --cpus 2 --no-reboot

echo "$passed passed, $failed failed"
[ $failed = 0 ]
