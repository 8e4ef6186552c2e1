#!/bin/bash
# SPDX-License-Identifier: ISC
# Every header compiles alone, with only the include directories that its part has, and twice in
# one source without harm. usage: headers.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
failed=0 count=0
for part in lib vmm vmm/firmware vmm/testing launcher devices test/unit; do
	directories=(-Ilib -I"$part")
	[ "$part" = "${part#vmm/}" ] || directories+=(-Ivmm)
	[ "$part" != test/unit ] || directories+=(-Ivmm -Ilauncher -Idevices)
	for header in "$part"/*.h; do
		[ -e "$header" ] || continue
		count=$((count + 1))
		if ! printf '#include "%s"\n#include "%s"\n' "$PWD/$header" "$PWD/$header" |
			"${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wundef -Wstrict-prototypes -Werror \
				-fsyntax-only "${directories[@]}" -x c -; then
			echo "FAILED $header"
			failed=$((failed + 1))
		fi
	done
done
[ $count -gt 10 ] || { echo "FAILED only $count headers found"; exit 1; }
echo "$((count - failed)) compile alone, $failed do not"
[ $failed = 0 ]
