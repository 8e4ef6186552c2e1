#!/bin/bash
# SPDX-License-Identifier: ISC
# A whole system on this host's /dev/kvm, without a guest's operating system: what each process
# holds, what happens when one dies, and what a VMM that was taken over can do. The modem is a
# simulated one that writes down what it is told. usage: system.sh BUILD-DIRECTORY
set -u
build=$(realpath "$1") tests=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) passed=0 failed=0 modem='' as=()
tree=$work/tree
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
[ -c /dev/kvm ] || { echo "skipped: there is no /dev/kvm here; on_kvm.sh finds one"; exit 77; }

# The programs as the build has them, and manifests that expect them.
mkdir -p "$tree"
for part in launcher launcher/audit launcher/store vmm devices devices/terminal critical/audit critical/display critical/dialler \
	critical/showpay critical/auth critical/storage; do
	mkdir -p "$tree/$part"
	for exe in "$build/$part"/zwinger*; do
		[ -f "$exe" ] && [ -x "$exe" ] && cp "$exe" "$tree/$part/"
	done
done
zwinger=$tree/launcher/zwinger
simulated=$(find "$build" -name zwinger-simulated-modem -type f | head -1)
person=$build/test/person
"$tests/tinykernel.sh" ebfe >"$work/spin" # jmp .

# manifest NAME [DTS]: phone.dts, or another, with a kernel of two bytes; its name is that of the system.
manifest() {
	mkdir -p "$work/$1"
	"$root/scripts/measure" "$tree" >"$work/$1/measured.dtsi"
	sed "s/model = .*/model = \"$1\";/; s,kernel = .*,kernel = \"$work/spin\";,; /initrd = /d; /disk = /d; /cmdline = /d
		s/memory = .*/memory = \"64M\";/" "$root/guests/${2:-phone.dts}" >"$work/$1/phone.dts"
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
	"${as[@]}" "$simulated" --link "$work/$name/modem" --record "$work/$name/dialled" >"$work/$name/modem.log" 2>&1 </dev/null &
	modem=$!
	for ((i = 0; i < 50; i++)); do [ -e "$work/$name/modem" ] && break; sleep 0.1; done
	"${as[@]}" "$zwinger" run "$work/$name/phone.dts" "$@" >"$work/$name/log" 2>&1 </dev/null &
	system=$!
	wait_for "$work/$name/log" "$name runs"
}
end() { # NAME: leaves the exit status in $status
	"${as[@]}" "$zwinger" stop "$1" >/dev/null 2>&1
	wait "$system"
	status=$?
	kill "$modem" 2>/dev/null
	wait "$modem" 2>/dev/null
}
pid_of() { "${as[@]}" "$zwinger" ps "$1" | awk -v name="$2" '$1 == name { print $3 }'; }
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
alone() { awk '/memfd:channel/ { n++; seen[$5] = 1 } END { for (i in seen) k++; exit !(n > 2 && n == k) }' "/proc/$(pid_of held "$1")/maps"; }
check "attack_C20 no two channels of the dialler share a page" 'alone dialler'
check "attack_C20 no two channels of the auditor share a page" 'alone auditor'
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

# A guest of a few instructions that dials: mov dx, 2f8; then al = each character, out dx, al; jmp .
dials() { # TEXT with \r
	local hex=66baf802 i text
	text=$(printf "%b" "$1x")
	for ((i = 0; i < ${#text} - 1; i++)); do hex+=b0$(printf '%02x' "'${text:i:1}")ee; done
	"$tests/tinykernel.sh" "${hex}ebfe" >"$work/spin"
}
# meets NAME SCRIPT: somebody looks at the display and does what the script says.
meets() {
	if "${as[@]}" "$person" "$2" "$zwinger" display "$1" >"$work/$1/seen" 2>&1; then
		ok "$1: the person sees what is to be seen"
	else
		no "$1: $(cat "$work/$1/seen")"
	fi
}

# Robin: the number is seen, and the person decides.
dials 'ATD0900 123 456;\r'
manifest denied
start denied || exit 1
cat >"$work/no" <<'SCRIPT'
wait 20 PREMIUM NUMBER
wait 5 To say yes, type 5 6
show the question
wait 1 your phrase: green elephants sing
wait 1 2.99 EUR per minute
wait 1 [ZWINGER] keyboard: ZWINGER, asked by dialler
sleep 1500
type \r
wait 5 keyboard: linux (not trusted)
lacks PREMIUM
lacks green elephants
SCRIPT
meets denied "$work/no"
end denied
check "Robin: the person says no, and nothing is dialled" '[ "$(dialled denied)" = 0 ]'
"$zwinger" audit show "$work/denied/audit" >"$work/denied/story" 2>&1
check "the log tells the story" 'grep -q "asks: dial 0900123456 (premium, 2.99 EUR/min)" "$work/denied/story" && grep -q "answers: NO 0900123456" "$work/denied/story"'
check "and verifies" '"$zwinger" audit verify "$work/denied/audit" >/dev/null'
check "attack_I19 attack_P7 the secret phrase is in no log" '! grep -rqa "green elephants" "$work/denied/audit" "$work/denied/log"'

manifest agreed
start agreed || exit 1
cat >"$work/yes" <<'SCRIPT'
wait 20 PREMIUM NUMBER
# attack_I1, attack_I7: whoever types on is not heard, and no is what happens by itself
type 56\r
sleep 1500
type 5
sleep 100
type 6
sleep 100
type \r
wait 5 call 0900123456
show the call
SCRIPT
meets agreed "$work/yes"
check "Robin: the person says yes, and exactly what was shown is dialled" \
	'[ "$(grep -ai "^ATD" "$work/agreed/dialled")" = "ATD0900123456;" ]'
cat >"$work/hang" <<'SCRIPT'
wait 5 call 0900123456
type \x1d
wait 5 hang up
show the menu
type h
wait 5 Zwinger
type \e
wait 5 keyboard: linux
lacks call 0900
type \x1d
wait 5 detach
type d
end 5
SCRIPT
meets agreed "$work/hang"
check "the person hangs up" 'grep -qx ATH "$work/agreed/dialled"'
end agreed

# Nobody looks: no.
manifest unseen
sed -i 's/timeout-ms = .*/timeout-ms = <1000>;/' "$work/unseen/phone.dts"
start unseen || exit 1
sleep 3
end unseen
check "attack_I13 without a display, time decides for no" \
	'[ "$(dialled unseen)" = 0 ] && "$zwinger" audit show "$work/unseen/audit" | grep -q "answers: TIMEOUT 0900123456"'

# The same, by a user who may open /dev/kvm and nothing more.
plain=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all)
if ! "${plain[@]}" unshare -U true 2>/dev/null; then
	echo "skipped: by an ordinary user, since this host refuses user namespaces"
elif [ "$(id -u)" != 0 ]; then
	echo "skipped: by another user, since this is one already"
else
	manifest user
	mkdir -m 700 "$work/runtime" "$work/dev"
	chmod 711 "$work"
	chown -R 65534:65534 "$work/user" "$work/runtime"
	# /dev/kvm for everybody, in a mount namespace that only these processes see.
	cat >"$work/as" <<-AS
		#!/bin/sh
		exec unshare -m sh -c 'mount -t tmpfs none "$work/dev" && mknod -m 666 "$work/dev/kvm" c 10 232 &&
			mount --bind "$work/dev/kvm" /dev/kvm && XDG_RUNTIME_DIR="$work/runtime" exec ${plain[*]} "\$@"' - "\$@"
	AS
	chmod 755 "$work/as"
	as=("$work/as")
	start user || exit 1
	for process in auditor screen dialler terminal linux; do
		check "by an ordinary user: $process is this user's own, without capabilities, in a user namespace of its own" \
			'is=/proc/$(pid_of user '$process'); [ "$(stat -c %u "$is")" = 65534 ] && grep -q "^CapEff:.0*$" "$is/status" && [ "$(readlink "$is/ns/user")" != "$(readlink /proc/self/ns/user)" ]'
	done
	meets user "$work/yes"
	check "by an ordinary user: exactly what was shown is dialled" '[ "$(grep -ai "^ATD" "$work/user/dialled")" = "ATD0900123456;" ]'
	end user
	check "by an ordinary user: zwinger stop ends it with status 0, the log verifies" \
		'[ $status = 0 ] && "${as[@]}" "$zwinger" audit verify "$work/user/audit" >/dev/null'
	as=()
fi

# An emergency number is never asked about.
dials 'ATD112;\r'
manifest urgent
start urgent || exit 1
check "an emergency number is dialled at once" 'wait_for "$work/urgent/dialled" "ATD112;"'
end urgent
"$tests/tinykernel.sh" ebfe >"$work/spin"

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
manifest taken desk.dts
cat >"$work/look" <<'SCRIPT'
wait 60 To say yes
type s
type e
type c
type r
type e
type t
show while the VMM attacks
sleep 60000
SCRIPT
start taken || exit 1
"$person" "$work/look" "$zwinger" display taken >"$work/seen" 2>&1 &
watching=$!
check "attack_O2 the attacks of a hostile VMM come to an end" 'wait_for "$work/taken/log" "all attacks are over" || wait_for "$work/taken/log" "all attacks are over"'
while read -r row; do
	check "$row" 'case "$row" in *held) true ;; *) false ;; esac'
done < <(grep -ao 'attack_.*' "$work/taken/log" | tr -d '\r' | sort -u)
check "every attack of the table was made" '[ "$(grep -ac "attack_" "$work/taken/log")" -ge 22 ]'
check "every critical process lives" \
	'[ "$("$zwinger" ps taken | grep -cE "^(screen|auditor|dialler|showpay|auth|storage) .* running ")" = 6 ] || { "$zwinger" ps taken; tail -20 "$work/taken/log"; false; }'
kill $watching 2>/dev/null
wait $watching 2>/dev/null
end taken
check "attack_O2 no digit was dialled" '[ "$(dialled taken)" = 0 ] || { cat "$work/taken/dialled"; false; }'
check "attack_O2 nothing was signed" '"$zwinger" store show "$work/taken/store" | grep -qx "signatures: 0"'
check "attack_O2 the audit log verifies" '"$zwinger" audit verify "$work/taken/audit" >"$work/out" 2>&1 || { cat "$work/out"; false; }'
check "attack_P6 the log shows printable characters only" '! "$zwinger" audit show "$work/taken/audit" | LC_ALL=C grep -q "[^ -~]"'
cp "$work/vmm" "$tree/vmm/zwinger-vmm"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
