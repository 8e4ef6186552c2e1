#!/bin/bash
# SPDX-License-Identifier: ISC
# A whole system on this host's /dev/kvm, without a guest's operating system: what each process
# holds, what happens when one dies, and what a VMM that was taken over can do. The modem is a
# simulated one that writes down what it is told. usage: system.sh BUILD-DIRECTORY
set -u
build=$(realpath "$1") tests=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) passed=0 failed=0 modem=''
tree=$work/tree
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
if ! "$build/launcher/zwinger" check >/dev/null 2>&1 && ! (: <>/dev/kvm) 2>/dev/null; then
	echo "skipped: there is no usable /dev/kvm on this host"
	exit 77
fi

# The programs as the build has them, and manifests that expect them.
mkdir -p "$tree"
for part in launcher launcher/audit vmm devices devices/terminal critical/audit critical/display critical/dialler; do
	mkdir -p "$tree/$part"
	for exe in "$build/$part"/zwinger*; do
		[ -f "$exe" ] && [ -x "$exe" ] && cp "$exe" "$tree/$part/"
	done
done
zwinger=$tree/launcher/zwinger
simulated=$(find "$build" -name zwinger-simulated-modem -type f | head -1)
person=$build/test/person
"$tests/tinykernel.sh" ebfe >"$work/spin" # jmp .

# manifest NAME: phone.dts with a kernel of two bytes; its name is that of the system.
manifest() {
	mkdir -p "$work/$1"
	"$root/scripts/measure" "$tree" >"$work/$1/measured.dtsi"
	sed "s/model = .*/model = \"$1\";/; s,kernel = .*,kernel = \"$work/spin\";,; /initrd = /d; /disk = /d; /cmdline = /d
		s/memory = .*/memory = \"64M\";/" "$root/guests/phone.dts" >"$work/$1/phone.dts"
	(umask 077 && echo "green elephants sing" >"$work/$1/phrase")
}
wait_for() { # FILE TEXT
	for ((i = 0; i < 300; i++)); do
		grep -qaF -- "$2" "$1" 2>/dev/null && return 0
		sleep 0.1
	done
	echo "--- no '$2' in $1:"; tail -20 "$1"
	return 1
}
# start NAME [OPTION]...: modem and system; its log is $work/NAME/log.
start() {
	local name=$1
	shift
	"$simulated" --link "$work/$name/modem" --record "$work/$name/dialled" >"$work/$name/modem.log" 2>&1 </dev/null &
	modem=$!
	for ((i = 0; i < 50; i++)); do [ -e "$work/$name/modem" ] && break; sleep 0.1; done
	"$zwinger" run "$work/$name/phone.dts" "$@" >"$work/$name/log" 2>&1 </dev/null &
	system=$!
	wait_for "$work/$name/log" "$name runs"
}
end() { # NAME: leaves the exit status in $status
	"$zwinger" stop "$1" >/dev/null 2>&1
	wait "$system"
	status=$?
	kill "$modem" 2>/dev/null
	wait "$modem" 2>/dev/null
}
pid_of() { "$zwinger" ps "$1" | awk -v name="$2" '$1 == name { print $3 }'; }
state_of() { "$zwinger" ps "$1" | awk -v name="$2" '$1 == name { print $4 }'; }
until_state() { # NAME PROCESS STATE
	for ((i = 0; i < 100; i++)); do kill -0 "$system" || return 1; [ "$(state_of "$1" "$2")" = "$3" ] && return 0; sleep 0.1; done
	return 1
}
dialled() { grep -ciE '^AT ?D' "$work/$1/dialled" 2>/dev/null || true; }
trap '"$zwinger" stop held >/dev/null 2>&1; kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT

# attack_C21, attack_C22: each process holds what the manifest says, and nothing else.
manifest held
start held || exit 1
sleep 0.5
check "the five processes of the manifest run" '[ "$("$zwinger" ps held | grep -c running)" = 5 ]'
# kinds PID: what its descriptors are, counted: "eventfd 4, socket 1 ...".
kinds() {
	for fd in /proc/"$1"/fd/*; do readlink "$fd"; done | sed -E 's/^anon_inode:\[?([a-z]+)\]?/\1/; s/^(socket|pipe):.*/\1/; s,^/memfd:([a-z-]+).*,memfd-\1,; s,^/dev/(pts).*,\1,; s,^(/dev)?/null$,null,; s,^/.*/audit/audit-.*,audit-file,; s,^/.*/audit/head,audit-head,' |
		sort | uniq -c | awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1 } END { print "" }'
}
holds() { # PROCESS WHAT
	local is
	is=$(kinds "$(pid_of held "$1")")
	check "attack_C22 descriptors of $1: $2" '[ "$is" = "'"$2"'" ] || { echo "--- it holds: $is"; false; }'
}
holds dialler "eventfd 8, null 2, pipe 1, pts 1, socket 1"
holds terminal "eventfd 3, null 2, pipe 1, socket 2"
holds auditor "audit-file 15, audit-head 1, eventfd 8, null 2, pipe 1, socket 1"
pages() { awk '{ print $2, $6 }' "/proc/$(pid_of held "$1")/maps" | grep '/memfd:\(channel\|grid\)' | sort | uniq -c | awk '{ sub("/memfd:", "", $3); printf "%s%s %s %s", (NR > 1 ? ", " : ""), $3, $2, $1 } END { print "" }'; }
mapped() { # PROCESS WHAT
	local is
	is=$(pages "$1")
	check "attack_C17 attack_C21 shared memory of $1: $2" '[ "$is" = "'"$2"'" ] || { echo "--- it has: $is"; false; }'
}
mapped dialler "channel-ack r--s 2, channel-data r--s 2, channel-log r--s 2, channel-ack rw-s 2, channel-data rw-s 2"
mapped auditor "channel-data r--s 4, channel-log rw-s 4"
mapped terminal "channel-data r--s 1, channel-ack rw-s 1, grid rw-s 1"
mapped screen "channel-ack r--s 2, channel-data r--s 1, channel-log r--s 1, grid r--s 1, channel-ack rw-s 1, channel-data rw-s 2"
for process in auditor screen dialler terminal linux; do
	pid=$(pid_of held $process)
	check "$process has no capability, no new privileges and a filter" \
		'[ "$(awk "/^(CapEff|CapPrm|CapInh|CapBnd|CapAmb)/ && \$2 !~ /^0+\$/ || /^NoNewPrivs:\t0/ || /^Seccomp:\t[01]/" /proc/'"$pid"'/status | wc -l)" = 0 ]'
done
for process in auditor screen terminal linux; do
	check "$process does not hold the modem" '! ls -l "/proc/$(pid_of held '"$process"')/fd" | grep -q /dev/pts/'
done

# attack_P10, attack_O4: whatever dies, nothing is dialled and the others go on.
kill -9 "$(pid_of held terminal)"
check "attack_O4 a killed terminal is not believed again" 'until_state held terminal dead'
kill -9 "$(pid_of held dialler)"
check "attack_P10 a killed dialler stays dead; the guest goes on" \
	'until_state held dialler dead && [ "$(state_of held linux)" = running ]'
check "its channels are closed" '[ "$("$zwinger" ps held | grep -c "^channel .* is closed")" -ge 4 ]'
kill -9 "$(pid_of held auditor)"
check "attack_P10 a killed auditor stays dead" 'until_state held auditor dead'
kill -9 "$(pid_of held screen)"
check "attack_P10 a killed display stays dead; the guest goes on" \
	'until_state held screen dead && [ "$(state_of held linux)" = running ]'
[ -n "$("$zwinger" ps held 2>/dev/null)" ] || cat "$work/held/log"
end held
check "zwinger stop ends it with status 0" '[ $status = 0 ]'
check "nothing was dialled" '[ "$(dialled held)" = 0 ]'
check "the log of a killed auditor verifies" '"$zwinger" audit verify "$work/held/audit" >"$work/out" 2>&1 || { cat "$work/out"; false; }'

# attack_K16: a program that is not what it was is not started.
manifest altered
cp "$tree/critical/dialler/zwinger-dialler" "$work/dialler"
printf x >>"$tree/critical/dialler/zwinger-dialler"
"$zwinger" run "$work/altered/phone.dts" >"$work/out" 2>&1 </dev/null
check "attack_K16 an altered dialler is not started, and named" '[ $? = 1 ] && grep -q "zwinger-dialler is not what the manifest expects" "$work/out"'
cp "$work/dialler" "$tree/critical/dialler/zwinger-dialler"

# attack_O2: the VMM is the attacker's.
cp "$tree/vmm/zwinger-vmm" "$work/vmm"
cp "$build/test/hostile_vmm" "$tree/vmm/zwinger-vmm"
manifest taken
cat >"$work/look" <<'SCRIPT'
wait 20 linux
sleep 3000
type secret
show while the VMM attacks
sleep 60000
show after the attacks
SCRIPT
start taken || exit 1
"$person" "$work/look" "$zwinger" display taken >"$work/seen" 2>&1 &
watching=$!
check "attack_O2 the attacks of a hostile VMM come to an end" 'wait_for "$work/taken/log" "all attacks are over" || wait_for "$work/taken/log" "all attacks are over"'
while read -r row; do
	check "$row" 'case "$row" in *held) true ;; *) false ;; esac'
done < <(grep -ao 'attack_.*' "$work/taken/log" | tr -d '\r' | sort -u)
check "every attack of the table was made" '[ "$(grep -ac "attack_" "$work/taken/log")" -ge 13 ]'
check "display, auditor and dialler live" \
	'[ "$(state_of taken screen) $(state_of taken auditor) $(state_of taken dialler)" = "running running running" ]'
kill $watching 2>/dev/null
wait $watching 2>/dev/null
end taken
check "attack_O2 no digit was dialled" '[ "$(dialled taken)" = 0 ] || { cat "$work/taken/dialled"; false; }'
check "attack_O2 the audit log verifies" '"$zwinger" audit verify "$work/taken/audit" >"$work/out" 2>&1 || { cat "$work/out"; false; }'
check "attack_P6 the log shows printable characters only" '! "$zwinger" audit show "$work/taken/audit" | LC_ALL=C grep -q "[^ -~]"'
cp "$work/vmm" "$tree/vmm/zwinger-vmm"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
