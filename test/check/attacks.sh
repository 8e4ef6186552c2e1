#!/bin/bash
# SPDX-License-Identifier: ISC
# doc/attacks.md has every class once, and each that it calls tested is named by a test: attack_ID,
# alone or in a list like attack_C2_C3. usage: attacks.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
failed=0 tested=0 open=0 count=0
named=$(grep -rhoE --include='*.c' --include='*.sh' --include='*.pml' 'attack(_[A-Z][0-9]+)+' test | sed 's/^attack_//' | tr _ '\n' | sort -u)
for class in D:28 S:16 I:20 C:22 P:11 K:16 V:9 E:7 O:8; do
	for ((i = 1; i <= ${class#*:}; i++)); do
		id=${class%:*}$i count=$((count + 1))
		row=$(grep -E "^\| $id \|" doc/attacks.md)
		if [ -z "$row" ] || [ "$(wc -l <<<"$row")" != 1 ]; then
			echo "FAILED doc/attacks.md has no row, or several, for $id"
			failed=1
			continue
		fi
		state=$(cut -d'|' -f4 <<<"$row" | tr -d ' ')
		case $state in
		test)
			tested=$((tested + 1))
			grep -qx "$id" <<<"$named" || { echo "FAILED $id: no test is named attack_$id"; failed=1; } ;;
		open) open=$((open + 1)) ;;
		residual | notyet) ;;
		*) echo "FAILED $id: unknown state '$state'"; failed=1 ;;
		esac
	done
done
[ $failed = 0 ] && echo "ok $count classes, $tested of them with a test of that name, $open without one yet"
exit $failed
