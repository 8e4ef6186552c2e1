#!/bin/bash
# SPDX-License-Identifier: ISC
# The systemd unit, as it is installed: systemd has nothing against it, and what it starts and stops
# by exists. usage: service.sh BUILD-DIRECTORY
set -u
build=$(realpath "$1") work=$(mktemp -d) failed=0
trap 'rm -rf "$work"' EXIT
check() { if eval "$2"; then echo "ok $1"; else echo "FAILED $1"; failed=1; fi; }
type -P systemd-analyze >/dev/null || { echo "skipped: there is no systemd-analyze (package systemd)"; exit 77; }
cmake --install "$build" --prefix "$work/usr" --strip >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
unit=$work/usr/lib/systemd/system/zwinger@.service
cp "$unit" "$work/zwinger@phone.service"
said=$(systemd-analyze verify --man=no --recursive-errors=no "$work/zwinger@phone.service" 2>&1)
check "systemd has nothing against the unit" '[ $? = 0 ] && [ -z "$(grep -F zwinger@ <<<"$said")" ] || { echo "$said"; false; }'
exposure=$(systemd-analyze security --offline=yes "$work/zwinger@phone.service" 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: \([0-9]*\).*/\1/p')
check "its exposure is no more than medium ($exposure)" '[ "${exposure:-10}" -le 6 ]'
check "what it runs is what was installed" '[ "$(sed -n "s/^Exec[A-Za-z]*=\([^ ]*\).*/\1/p" "$unit" | sort -u)" = "$work/usr/bin/zwinger" ] && [ -x "$work/usr/bin/zwinger" ]'
check "its commands are there" '"$work/usr/bin/zwinger" stop --help >/dev/null && "$work/usr/bin/zwinger" run x --help >/dev/null'
# A manifest as the unit's comment says: by the hashes that came along.
mkdir "$work/etc"
sed "s,measured.dtsi,$work/usr/share/zwinger/measured.dtsi," "$build/../guests/phone.dts" >"$work/etc/phone.dts"
grep -q "$work/usr" "$work/etc/phone.dts" || printf '/include/ "%s"\n' "$work/usr/share/zwinger/measured.dtsi" >>"$work/etc/phone.dts"
check "a manifest can include the installed hashes" '"$work/usr/bin/zwinger" show "$work/etc/phone.dts" >"$work/out" 2>&1 && grep -q zwinger-vmm "$work/out" || { cat "$work/out"; false; }'
[ $failed = 0 ]
