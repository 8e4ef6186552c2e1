#!/bin/bash
# SPDX-License-Identifier: ISC
# The inputs from which the fuzzers start, kept as text: test/fuzz/seeds/NAME, an input a line, in hexadecimal.
#
#   seeds.sh unpack NAME CORPUS          into the corpus that the fuzzer reads and adds to (the tests do so)
#   seeds.sh keep BUILD-FUZZ [NAME]...   after fuzzing: of what is in the corpora, a few small inputs that
#                                        together reach most of what all of them reach become the seeds
set -eu
here=$(cd "$(dirname "$0")" && pwd)
LARGEST=512 # bytes of a seed
MOST=32     # seeds of a fuzzer

unpack() {
	local n=0 line
	mkdir -p "$2"
	[ -e "$here/seeds/$1" ] || return 0
	while read -r line; do
		n=$((n + 1))
		# shellcheck disable=SC2001,SC2059
		[ -e "$2/seed-$n" ] || printf "$(sed "s/../\\\\x&/g" <<<"$line")" >"$2/seed-$n"
	done <"$here/seeds/$1"
}

keep() {
	local build=$1 name work f
	shift
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # now, not when it is gone
	trap "rm -rf '$work'" EXIT
	[ $# -gt 0 ] || for f in "$build"/test/fuzz_*.corpus; do set -- "$@" "$(basename "$f" .corpus)"; done
	for name in "$@"; do
		mkdir -p "$work/$name"
		"$build/test/$name" -merge=1 -close_fd_mask=3 -max_len=$LARGEST "$work/$name" "$build/test/$name.corpus" >/dev/null 2>&1 ||
			{ echo "$name: no seeds"; continue; }
		find "$work/$name" -type f -size +0c -printf '%s %p\n' | sort -n | head -n $MOST | while read -r _ f; do
			od -An -v -tx1 "$f" | tr -d ' \n'
			echo
		done >"$here/seeds/$name"
		echo "$name: $(wc -l <"$here/seeds/$name") seeds, $(wc -c <"$here/seeds/$name") bytes"
	done
}

case ${1:-} in
unpack | keep) "$@" ;;
*) sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; exit 2 ;;
esac
