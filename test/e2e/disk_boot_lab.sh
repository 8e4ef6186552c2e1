#!/bin/bash
# SPDX-License-Identifier: ISC
# Rows of test/e2e/disk_boot.sh where stock kernels run: on this host, or else in the lab. Each
# begins with the disk as guests/image made it: "login" with a GPT, the others with an MBR.
# usage: disk_boot_lab.sh ZWINGER ROW...
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
zwinger=$(realpath "$1") base=$root/.cache/boot
shift
if [ "$*" = kernel ] && [ -z "${ZW_LONG:-}" ]; then
	echo "skipped: it takes many minutes in the lab; ZW_LONG=1 or scripts/test --long runs it"
	exit 77
fi

# What looks after a network that is not there only takes time.
mask=''
for unit in ssh ssh-host-key dhcpcd; do mask="$mask systemd.mask=$unit.service"; done
"$root/guests/image" --force --bootable both --packages memtest86+ --append "quiet systemd.show_status=0$mask" \
	--copy "$("$root/guests/kernel" --package cloud-6.12)" "$base.img"

boot() { # ROW DISK
	if "$zwinger" check >/dev/null; then
		cp --sparse=always "$2" "$base.tmp.img"
		"$root/test/e2e/disk_boot.sh" "$zwinger" "$base.tmp.img" "$1"
		return
	fi
	# 125 is the emulated machine's own end, no word about the guest: once more, in a new one.
	local status=0 lab=("$root/scripts/lab" run --timeout 3600 --memory 3G --disk "$2" --
		"$root/test/e2e/disk_boot.sh" "$zwinger" /dev/vda "$1")
	"${lab[@]}" || status=$?
	[ $status = 125 ] || return $status
	echo "the lab itself failed: once more, in a new one"
	"${lab[@]}"
}
trap 'rm -f "$base.tmp.img"' EXIT
failed=0
for row in "$@"; do
	disk=$base.img
	[ "$row" != login ] || disk=$base.gpt.img
	echo "$row, with $disk"
	boot "$row" "$disk" || failed=1
done
exit $failed
