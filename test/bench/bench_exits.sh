#!/bin/bash
# SPDX-License-Identifier: ISC
# That every exit of `zwinger bench exits` happens as often as it claims, by what the bare loop sees
# and by KVM's own counters, and that the guest runs under the whole VMM too. On this host's
# /dev/kvm, or else in the lab. Looks at no timing.
# usage: bench_exits.sh ZWINGER
set -u
zwinger=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
# What needs two processors goes to a lab of its own, with few samples: there a spinning neighbour
# and lost interrupts make waits long, and now and then the lab stands still (125).
two='ipi,halt-wake-*,device'
if { [ ! -c /dev/kvm ] || [ ! -w /dev/kvm ]; } && [ -z "${ZW_LAB:-}" ]; then
	status=0
	"$root/scripts/lab" run --timeout 300 -- "$(realpath "$0")" "$zwinger" || status=$?
	[ $status = 0 ] || exit $status
	for try in 1 2; do
		status=0
		"$root/scripts/lab" run --cpus 2 --timeout 150 -- "$(realpath "$0")" "$zwinger" "$two" || status=$?
		[ $status = 124 ] || [ $status = 125 ] || break
		echo "try $try: the lab did not come to an end"
	done
	if [ $status = 124 ] || [ $status = 125 ]; then
		echo "skipped: what needs two processors, since an emulated machine with two stood still twice"
		status=0
	fi
	exit $status
fi
only=${2:-*} samples=30
[ "$only" = "*" ] || samples=16
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAILED $*"; failed=1; }
[ -z "${ZW_LAB:-}" ] || echo 128 >/proc/sys/vm/nr_hugepages

# --verify makes a disagreement a failure.
"$zwinger" bench exits --runs 1 --samples "$samples" --only "$only" --verify --json "$work/a.json" --csv "$work/a.csv" --svg "$work/a.svg" >"$work/out" 2>&1 ||
	fail "exits: $(grep error "$work/out")"
expected=$("$zwinger" bench exits --list | wc -l)
[ "$expected" -gt 40 ] || fail "only $expected exits are listed"
[ "$only" = "*" ] || expected=4

# Each side of each row is measured, or says why not; and why not is one of these.
[ "$only" != "*" ] || one_processor='needs two processors|'
reasons="${one_processor:-}reserved huge pages|backed by huge pages|zwinger-vmm (has|uses|filters|never)|vCPU of zwinger-vmm"
[ ! -d /sys/module/kvm_pvm ] || reasons="$reasons|emulate|PVM|exit reason|come to an end"
measured=0 not=0
while read -r row side count reason; do
	if [ "$count" -gt 0 ]; then
		measured=$((measured + 1))
	elif grep -qE "$reasons" <<<"$reason"; then
		not=$((not + 1))
	else
		fail "$row, $side: no samples: $reason"
	fi
done < <(sed 1d "$work/a.csv" | awk -F, '{ gsub(/"/, ""); print $1, $2, $4, $NF }')
[ $((measured + not)) = $((2 * expected)) ] || fail "$measured measured and $not not, of $expected exits on two sides"
[ $measured -gt $((expected / 2)) ] || fail "only $measured were measured"

"$zwinger" bench compare "$work/a.json" "$work/a.json" >"$work/out" || fail "compared with itself: $(cat "$work/out")"
grep -q "^$measured compared, 0 worse" "$work/out" || fail "not all $measured series are in the file: $(tail -1 "$work/out")"
grep -c '<rect' "$work/a.svg" | grep -qE '^[0-9]{2}' || fail "the picture is empty"
[ $failed = 0 ] && echo "ok $measured series, each as often as claimed; $not not possible here, with the reason"
exit $failed
