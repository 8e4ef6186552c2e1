#!/bin/bash
# SPDX-License-Identifier: ISC
# Every C source is as .clang-format wants it. Names those that are not. usage: format.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
type clang-format >/dev/null 2>&1 || { echo "skipped: clang-format is missing: scripts/setup"; exit 77; }
[ -e .clang-format ] || { echo "FAILED there is no .clang-format"; exit 1; }
mapfile -t sources < <(find lib vmm launcher devices critical guests test bench -name '*.[ch]' | sort)
failed=0
for source in "${sources[@]}"; do
	clang-format --dry-run -Werror "$source" >/dev/null 2>&1 && continue
	echo "FAILED $source: clang-format -i $source mends it"
	failed=$((failed + 1))
done
[ ${#sources[@]} -gt 10 ] || { echo "FAILED only ${#sources[@]} sources found"; exit 1; }
echo "$((${#sources[@]} - failed)) formatted, $failed not"
[ $failed = 0 ]
