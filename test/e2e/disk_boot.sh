#!/bin/bash
# SPDX-License-Identifier: ISC
# A Debian disk with GRUB, booted by firmware, as guests/image --bootable makes it. The rows:
#   login    to the login prompt of its own kernel, and power-off
#   memtest  memtest86+ from GRUB's menu, to its screen
#   kernel   over the installation of another kernel, from its package, and a reboot into it
# usage: disk_boot.sh ZWINGER DISK ROW    where stock kernels run; the disk is written to
set -u
zwinger=$1 disk=$2 row=$3 failed=0
work=$(mktemp -d) screen=${ZW_OUT:-$work}/screen
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
ok() { echo "ok $* ($SECONDS s)"; }
no() {
	failed=1
	echo "FAILED $* ($SECONDS s); the last of the screen:"
	tail -c 3000 "$screen" | cat -v
}

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@"; then ok "$name"; else no "$name"; fi
}
# said SECONDS TEXT: waits for it, as long as the guest runs.
said() {
	local i
	for ((i = 0; i < $1; i++)); do # seldom, since the guest has this processor too
		grep -qaE -- "$2" "$screen" && return 0
		kill -0 "$guest" 2>/dev/null && ! grep -qa 'Kernel panic' "$screen" || return 1
		sleep 1
	done
	return 1
}
type_in() { printf '%s\r' "$1" >&9; }
logged_in() { said 400 'zwinger login:' && type_in root && said 150 'root@zwinger'; }
powered_off() {
	type_in "$1; poweroff"
	exec 9>&-
	wait "$guest" # 0: it has powered itself off
}

mkfifo "$work/keys"
: >"$screen"
"$zwinger" run --firmware seabios --memory 512M --disk "$disk" <"$work/keys" >"$screen" 2>&1 &
guest=$!
exec 9>"$work/keys"
trap '' PIPE # keys for a guest that is gone
case $row in
login)
	check "the login prompt of its own kernel" logged_in
	check "power-off" powered_off 'findmnt -no SOURCE /'
	check "SeaBIOS was its firmware" grep -qa 'SeaBIOS (version' "$screen"
	check "its root is behind the BIOS boot partition" grep -qa '/dev/vda2' "$screen"
	;;
memtest)
	check "GRUB's menu" said 150 'memtest86\+'
	printf m >&9
	check "memtest86+ shows its screen" said 200 'Memtest86\+ *v'
	kill "$guest"
	;;
kernel)
	check "the login prompt of its own kernel" logged_in
	# shellcheck disable=SC2016 # expands in the guest
	type_in 'uname -r; apt-get -qq -o Dpkg::Options::=--force-unsafe-io install /root/*.deb >/root/log 2>&1 </dev/null; echo "installed: $?"'
	check "another kernel is installed" said 2400 'installed: 0'
	check "it was the one kernel" grep -qa $'\r6\\.1\\.' "$screen"
	type_in 'tail -3 /root/log; reboot; sleep 999' # no prompt again
	sleep 2
	: >"$screen" # from here on what the other one says
	check "it boots again, through the firmware" logged_in
	check "power-off" powered_off 'uname -r'
	check "it is the other one now" grep -qa $'\r6\\.12\\.' "$screen"
	;;
*) echo "no such row: $row" && exit 2 ;;
esac
exit $failed
