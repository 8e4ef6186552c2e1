#!/bin/bash
# SPDX-License-Identifier: ISC
# Checks the model of the channels with SPIN: with honest processes (safety, and that everything
# arrives), with a hostile writer and a hostile auditor; and that each mutant fails.
set -u
model=$(cd "$(dirname "$0")" && pwd)/channel.pml
type spin >/dev/null 2>&1 || { echo "skipped: spin is missing: scripts/setup"; exit 77; }
work=$(mktemp -d) failed=0
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# run WANTED NAME MODE -D...: WANTED is holds or fails; MODE safety or liveness.
run() {
	local wanted=$1 name=$2 mode=$3 got
	shift 3
	rm -f pan.* _spin*
	# With a hostile side, the others may well wait for ever; what they may not is deliver.
	end=''
	case "$*" in *HOSTILE*) end=-E ;; esac
	spin -a "$@" "$model" >out 2>&1 || { echo "FAILED $name: $(tail -1 out)"; failed=1; return; }
	if [ "$mode" = safety ]; then
		gcc -O2 -w -DSAFETY -DNOCLAIM -DMEMLIM=2048 -o pan pan.c && ./pan $end -m100000 >out 2>&1
	else
		gcc -O2 -w -DNFAIR=4 -DMEMLIM=2048 -o pan pan.c && ./pan -a -f -m100000 >out 2>&1
	fi
	got=holds
	grep -q 'errors: 0' out || got=fails
	if grep -q 'max search depth too small\|reached.*memory' out; then got='was not finished'; fi
	if [ "$got" = "$wanted" ]; then
		echo "ok $name $got: $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' out | head -1)"
	else
		echo "FAILED $name $got"; failed=1
	fi
}
run holds "honest processes: logged first, none lost, twice or out of order" safety
run holds "honest processes: everything arrives" liveness
run holds "attack_C1 attack_C3 hostile writer: only what is logged" safety -DHOSTILE_WRITER
run holds "hostile auditor: only what was sent" safety -DHOSTILE_AUDITOR
run fails "mutant: no second look before sleeping" liveness -DNO_LOOK_AGAIN
run fails "mutant: the log alone is believed, hostile auditor" safety -DHOSTILE_AUDITOR -DNO_COMPARE
run fails "mutant: a log slot keeps its stamp while it changes, hostile writer" safety -DHOSTILE_WRITER -DNO_INVALIDATION
run fails "mutant: delivered before it is logged" safety -DDELIVER_FIRST
exit $failed
