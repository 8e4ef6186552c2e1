#!/bin/bash
# SPDX-License-Identifier: ISC
# zwinger bench compare on made-up files: what is worse, what only looks so, what cannot be compared.
# usage: bench_compare.sh ZWINGER
set -u
zwinger=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# results FILE KIND BETTER ROW MEDIAN SAMPLE...: a file with one series.
results() {
	local file=$1 kind=$2 better=$3 row=$4 median=$5
	shift 5
	cat >"$work/$file" <<JSON
{"format": "zwinger-bench-1", "kind": "$kind", "environment": {}, "series": [
 {"row": "$row", "side": "floor", "unit": "cycles", "better": "$better", "p50": $median,
  "samples": [$(IFS=,; echo "$*")]}]}
JSON
}
# row NAME STATUS PATTERN ARGUMENT...: what `zwinger bench compare` answers.
row() {
	local name=$1 status=$2 pattern=$3 output got=0
	shift 3
	output=$(cd "$work" && "$zwinger" bench compare "$@" 2>&1) || got=$?
	if [ $got = "$status" ] && grep -qE -- "$pattern" <<<"$output"; then
		echo "ok $name"
	else
		echo "FAILED $name: status $got, wanted $status and /$pattern/ in: $output"
		failed=1
	fi
}

results base exits less a 1000 $(seq 991 1010)
results same exits less a 1001 $(seq 992 1011)
results slow exits less a 1200 $(seq 1190 1210)
results noise exits less a 1200 500 600 900 990 1000 1200 1201 1210 3000
results few exits less a 1200 1199 1200 1201
results quick exits less a 800 $(seq 790 810)
results rate channel more a 1000 $(seq 991 1010)
results lower channel more a 800 $(seq 790 810)
results other exits less b 1000 $(seq 991 1010)
echo '{"format": "zwinger-bench-1"' >"$work/cut"
echo '{"format": "else", "series": []}' >"$work/foreign"

row "the same is no regression" 0 '1 compared, 0 worse' base base
row "a difference within the ratio is none" 0 '1 compared, 0 worse' base same
row "slower by a fifth is one" 1 'WORSE' base slow
row "not if a quarter is allowed" 0 '0 worse' base slow --ratio 1.25
row "not if chance explains it" 0 '0 worse' base noise
row "not from three samples" 0 '0 worse' base few
row "quicker is better" 0 'better' base quick
row "where more is better, less is one" 1 'WORSE' rate lower
row "and more is not" 0 'better' lower rate
row "kinds must agree" 2 "is of 'exits'.*of 'channel'" base rate
row "files with nothing in common" 3 'nothing in common' base other
row "a file that is cut" 3 'not JSON, at byte' base cut
row "a file of something else" 3 'not a file that zwinger bench' foreign base
row "a file that is not there" 3 'No such file' base missing
row "one file" 2 'two files are needed' base
row "a ratio that is none" 2 'not a number of 1 or more' base same --ratio 0.5
exit $failed
