#!/bin/bash
# SPDX-License-Identifier: ISC
# test/e2e/firmware.sh on this host's /dev/kvm, or else in the lab. usage: firmware_lab.sh BUILD-DIRECTORY
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
rows=("$root/test/e2e/firmware.sh" "$(realpath "$1")")
if [ -c /dev/kvm ] && [ -w /dev/kvm ]; then
	exec "${rows[@]}"
fi
# 125 is the emulated machine's own end, no word about the guests: once more, in a new one.
status=0
"$root/scripts/lab" run --timeout 700 -- "${rows[@]}" || status=$?
[ $status = 125 ] || exit $status
echo "the lab itself failed: once more, in a new one"
exec "$root/scripts/lab" run --timeout 700 -- "${rows[@]}"
