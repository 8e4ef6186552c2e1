#!/bin/bash
# SPDX-License-Identifier: ISC
# Every C source is as .clang-format wants it. Names those that are not. usage: format.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
type clang-format >/dev/null 2>&1 || { echo "skipped: clang-format is missing: scripts/setup"; exit 77; }
[ -e .clang-format ] || { echo "FAILED there is no .clang-format"; exit 1; }
mapfile -t sources < <(find lib vmm launcher devices critical guests test bench -name '*.[ch]' | sort)
mapfile -t unlike < <(printf '%s\0' "${sources[@]}" | xargs -0 -n 16 -P "$(nproc)" clang-format --dry-run -Werror 2>&1 |
	sed -n 's/^\([^:]*\.[ch]\):[0-9].*/\1/p' | sort -u)
failed=${#unlike[@]}
for source in "${unlike[@]}"; do echo "FAILED $source: clang-format -i $source mends it"; done
[ ${#sources[@]} -gt 10 ] || { echo "FAILED only ${#sources[@]} sources found"; exit 1; }
echo "$((${#sources[@]} - failed)) formatted, $failed not"
[ $failed = 0 ]
