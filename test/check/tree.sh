#!/bin/bash
# SPDX-License-Identifier: ISC
# Properties of the source tree: formatted; every header compiles alone; who may include whom; the
# line budgets of the design. Prints a line for each, and the lines of each part.
set -u
cd "$(dirname "$0")/../.." || exit 1
failed=0
fail() { echo "FAILED $*"; failed=1; }

mapfile -t sources < <(find lib vmm launcher bench test -name '*.[ch]' | sort)
clang-format --dry-run -Werror "${sources[@]}" 2>&1 | head -20
[ "${PIPESTATUS[0]}" = 0 ] && echo "ok formatted" || fail "formatted: clang-format -i mends it"

bad=''
for h in lib/*.h vmm/*.h launcher/*.h; do
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -x c -Ilib -Ivmm -Ilauncher \
		-include "$h" /dev/null || bad="$bad $h"
done
[ -z "$bad" ] && echo "ok headers stand alone" || fail "headers stand alone:$bad"

# part PARTS...: headers of the other parts must not be included by the first.
layer() {
	local part=$1 other h bad=''
	shift
	for other in "$@"; do
		for h in "$other"/*.h; do
			[ -e "$h" ] || continue
			grep -ln "#include \"$(basename "$h")\"" "$part"/*.[ch] 2>/dev/null && bad=1
		done
	done
	[ -z "$bad" ] && echo "ok $part includes nothing of $*" || fail "$part includes something of $*"
}
layer lib vmm launcher
layer launcher vmm
layer vmm launcher

# A call of a running VMM has to pass both policies.
rules() { sed 's/#.*//; s/ \+$//' "$@" | grep . | sort -u; }
missing=$(comm -23 <(rules vmm/vmm_run.policy) <(rules vmm/vmm_setup.policy) |
	grep -vE '^(write|madvise)' || true)
[ -z "$missing" ] && echo "ok vmm_run.policy is part of vmm_setup.policy" ||
	fail "vmm_setup.policy lacks: $missing"

# Lines without blanks and comments.
lines() { cat "$@" | gcc -fpreprocessed -dD -E -P -x c - 2>/dev/null | grep -c '[^[:space:]]'; }
budget() {
	local what=$1 limit=$2 n
	shift 2
	n=$(lines "$@")
	printf '   %-28s %6d lines of %6d\n' "$what" "$n" "$limit"
	[ "$n" -le "$limit" ] || fail "budget of $what: $n lines, $limit allowed"
}
budget "VMM with boot" 8000 vmm/*.[ch]
budget "launcher" 2000 launcher/*.[ch]
budget "sandbox, spawn, log, gmem" 1200 lib/[^p]*.[ch]
[ $failed = 0 ] && echo "ok budgets"
exit $failed
