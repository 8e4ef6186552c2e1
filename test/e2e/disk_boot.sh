#!/bin/bash
# SPDX-License-Identifier: ISC
# Debian disks with GRUB, booted by firmware: to the login prompt of their own kernel, over the
# installation of another kernel and a reboot into it; memtest86+ from GRUB's menu.
# usage: disk_boot.sh ZWINGER IMAGE [ROW-PATTERN]   where stock kernels run; IMAGE.gpt.img is beside IMAGE.img
set -u
zwinger=$1 base=${2%.img} pattern=${3:-.} failed=0
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
ok() { echo "ok $* ($SECONDS s)"; }
no() { failed=1; echo "FAILED $*; the last of the screen:"; tail -c 3000 "$work/screen" | cat -v; }

# start IMAGE [OPTION]...: a guest on a copy; keys go to descriptor 9, its screen to a file.
start() {
	local image=$1
	shift
	rm -f "$work/keys"
	mkfifo "$work/keys"
	cp --sparse=always "$image" "$work/disk.img"
	"$zwinger" run --firmware seabios --memory 512M --disk "$work/disk.img" "$@" <"$work/keys" >"$work/screen" 2>&1 &
	guest=$!
	exec 9>"$work/keys"
}
# until_said SECONDS TEXT [TIMES]
until_said() {
	for ((i = 0; i < $1 * 5; i++)); do
		[ "$(grep -aoE -- "$2" "$work/screen" | wc -l)" -ge "${3:-1}" ] && return 0
		kill -0 "$guest" 2>/dev/null || return 1
		sleep 0.2
	done
	return 1
}
type_in() { printf '%s\r' "$1" >&9; }
finish() { # leaves the exit status in $status
	exec 9>&-
	wait "$guest"
	status=$?
}
log_in() { until_said "$1" 'zwinger login:' "${2:-1}" && type_in root && until_said 150 'root@zwinger' "${2:-1}"; }

row() { [[ $1 =~ $pattern ]]; }

if row gpt; then
	start "$base.gpt.img"
	if log_in 400; then ok "GPT with a BIOS boot partition: the login prompt of its own kernel"; else no "GPT"; fi
	type_in 'tr -d "\0" </sys/class/dmi/id/bios_vendor; poweroff'
	finish
	if [ $status = 0 ] && grep -qa '^SeaBIOS' "$work/screen"; then ok "GPT: power-off"; else no "GPT: power-off, status $status"; fi
fi
if row memtest; then
	start "$base.img"
	until_said 150 'memtest86\+' && printf m >&9
	if until_said 200 'Memtest86\+ *v'; then ok "memtest86+ shows its screen"; else no "memtest86+"; fi
	kill "$guest"
	finish
fi
if row kernel; then
	start "$base.img"
	if log_in 400; then ok "MBR: the login prompt of its own kernel"; else no "MBR"; fi
	type_in 'uname -r; apt-get -qq install /root/*.deb >/root/log 2>&1 </dev/null; echo "installed: $?"; tail -3 /root/log; reboot'
	if until_said 900 'installed: 0'; then ok "another kernel is installed"; else no "installation"; fi
	if log_in 400 2; then ok "it boots again, through the firmware"; else no "reboot"; fi
	type_in 'uname -r; poweroff'
	finish
	if [ $status = 0 ] && grep -qaE '^6\.1\.' "$work/screen" && grep -qaE '^6\.12\.' "$work/screen"; then
		ok "and it is the other kernel that runs"
	else
		no "the other kernel, status $status"
	fi
fi
exit $failed
