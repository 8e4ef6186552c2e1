#!/bin/bash
# SPDX-License-Identifier: ISC
# test/e2e/matrix.sh where stock kernels run: on this host, or else in the lab.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
zwinger=$1
initrd=$root/.cache/matrix.cpio

for flavour in cloud-6.1 generic-6.1 cloud-6.12 generic-6.12; do
	"$root/guests/kernel" $flavour >/dev/null
done
"$root/guests/initrd" --script "$root/test/e2e/guest.sh" "$initrd"
matrix=("$root/test/e2e/matrix.sh" "$zwinger" "$initrd" "$root/.cache")
if "$zwinger" check >/dev/null; then
	exec "${matrix[@]}"
fi
# The lab unpacks its own kernel once, which serves as the ELF image too.
"$root/scripts/lab" run -- true
# 125 is the emulated machine's own end, no word about the guests: it is told, and tried once more.
for try in 1 2; do
	status=0
	"$root/scripts/lab" run --timeout 1500 -- sh -c \
		'echo 70 >/proc/sys/vm/nr_hugepages; exec "$@"' sh "${matrix[@]}" "${@:2}" || status=$?
	[ $status = 125 ] && [ $try = 1 ] || exit $status
	echo "the lab itself failed: once more, in a new one"
done
