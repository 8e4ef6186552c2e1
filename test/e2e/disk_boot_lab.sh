#!/bin/bash
# SPDX-License-Identifier: ISC
# test/e2e/disk_boot.sh where stock kernels run: on this host, or else in the lab.
# usage: disk_boot_lab.sh ZWINGER [ROW-PATTERN]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
zwinger=$(realpath "$1")

# What looks after a network that is not there only takes time.
mask=''
for unit in ssh ssh-host-key dhcpcd; do mask="$mask systemd.mask=$unit.service"; done
"$root/guests/image" --force --bootable both --size 2G --packages memtest86+ --append "quiet systemd.show_status=0$mask" \
	--copy "$("$root/guests/kernel" --package cloud-6.12)" "$root/.cache/boot.img"
rows=("$root/test/e2e/disk_boot.sh" "$zwinger" "$root/.cache/boot.img" "${2:-.}")
if "$zwinger" check >/dev/null; then
	exec "${rows[@]}"
fi
# 125 is the emulated machine's own end, no word about the guests: once more, in a new one.
status=0
"$root/scripts/lab" run --timeout 1700 -- "${rows[@]}" || status=$?
[ $status = 125 ] || exit $status
echo "the lab itself failed: once more, in a new one"
exec "$root/scripts/lab" run --timeout 1700 -- "${rows[@]}"
