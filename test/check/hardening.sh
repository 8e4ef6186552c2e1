#!/bin/bash
# SPDX-License-Identifier: ISC
# attack_P11: How the processes' executables are built. usage: hardening.sh BUILD-DIRECTORY
set -u
build=$1 failed=0
check() { if eval "$2"; then echo "ok $1"; else echo "FAILED $1"; failed=1; fi; }

for exe in "$build/launcher/zwinger" "$build/vmm/zwinger-vmm" "$build"/vmm/*/zwinger-* "$build"/devices/zwinger-* "$build"/devices/*/zwinger-* "$build"/critical/*/zwinger-*; do
	[ -f "$exe" ] || continue
	name=$(basename "$exe")
	header=$(readelf -hW "$exe") segments=$(readelf -lW "$exe") dynamic=$(readelf -dW "$exe")
	check "$name is position-independent" 'grep -q "Type:.*DYN" <<<"$header"'
	check "$name needs no loader" '! grep -q INTERP <<<"$segments"'
	check "$name has read-only relocations" 'grep -q GNU_RELRO <<<"$segments"'
	check "$name binds at start" 'grep -q "BIND_NOW\|FLAGS.*NOW" <<<"$dynamic"'
	check "$name has no text relocations" '! grep -q TEXTREL <<<"$dynamic"'
	check "$name has no executable stack" 'grep -q "GNU_STACK.* RW " <<<"$segments"'
	check "$name has no writable code" '! grep -q "LOAD.* RWE " <<<"$segments"'
	check "$name loads code and data separately" 'grep -q "LOAD.* R E " <<<"$segments" && grep -q "LOAD.* RW " <<<"$segments"'
done

# Debian's libc.a carries no CET property, so the linked files cannot; our own objects do. Nor does
# a stack check in the linked file show anything: libc has its own.
without='' count=0 guarded=0
for object in $(find "$build/lib" "$build/vmm" "$build/launcher" "$build/devices" "$build/critical" -name '*.o' -not -path '*policyc*' -not -path '*compiler*' 2>/dev/null); do
	count=$((count + 1))
	readelf -nW "$object" 2>/dev/null | grep -q 'IBT, SHSTK' || without="$without $(basename "$object")"
	readelf -sW "$object" | grep -q 'UND __stack_chk_fail' && guarded=$((guarded + 1))
done
check "all $count objects are built for CET (without:$without)" '[ -z "$without" ] && [ $count -gt 10 ]'
check "stacks are checked in $guarded objects" '[ $guarded -gt $((count / 4)) ]'
unguarded=$(tr -d '\n' <"$build/compile_commands.json" | sed 's/},{/\n/g; s/}, *{/\n/g' |
	grep -E '"file": *"[^"]*/(lib|vmm|launcher|devices|critical)/[a-z0-9_/]*\.c"' | grep -v -- ' -fstack-protector-strong ' |
	sed 's/.*"file": *"\([^"]*\)".*/\1/' | tr '\n' ' ')
check "every source is compiled with checked stacks (without: $unguarded)" '[ -z "$unguarded" ]'
exit $failed
