#!/bin/bash
# SPDX-License-Identifier: ISC
# Show-and-pay as a whole: real processes in their sandboxes, a person at the display, a bank that checks; and whoever
# is killed, asked twice or lied to. The guest is played: its line for orders is a port of this host.
# usage: payment.sh BUILD-DIRECTORY; --show prints the screens
set -u
build=$(realpath "$1") root=$(cd "$(dirname "$0")/../.." && pwd) show=${2:-}
work=$(mktemp -d) passed=0 failed=0 port=$((20000 + $$ % 20000)) modem='' played=''
zwinger=$build/launcher/zwinger
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
trap 'for s in pay-a pay-b pay-c; do "$zwinger" stop $s >/dev/null 2>&1; done; kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT

# start NAME: the system of desk.dts under that name; its files are in $work/NAME.
start() {
	local name=$1
	mkdir -p "$work/$name"
	cp "$build/measured.dtsi" "$work/$name/"
	sed "s/model = .*/model = \"$name\";/; s/dead-time-ms = .*/dead-time-ms = <500>;/" "$root/guests/desk.dts" >"$work/$name/desk.dts"
	(umask 077 && echo "green elephants sing" >"$work/$name/phrase")
	"$build/critical/dialler/zwinger-simulated-modem" --link "$work/$name/modem" --record "$work/$name/dialled" >/dev/null 2>&1 </dev/null &
	modem=$!
	for ((i = 0; i < 50; i++)); do [ -e "$work/$name/modem" ] && break; sleep 0.1; done
	"$build/test/played" "$work/$name/desk.dts" $port >"$work/$name/modem.out" 2>>"$work/$name/log" < <(exec sleep 1000) &
	played=$!
	for ((i = 0; i < 100; i++)); do
		kill -0 "$played" 2>/dev/null || break
		curl -s --max-time 5 "http://127.0.0.1:$port/" >"$work/out" && return 0
		sleep 0.2
	done
	cat "$work/$name/log"
	return 1
}
end() {
	"$zwinger" stop "$1" >/dev/null 2>&1
	wait "$played"
	kill "$modem" 2>/dev/null
	wait "$modem" 2>/dev/null
}
pid_of() { "$zwinger" ps "$1" | awk -v name="$2" '$1 == name { print $3 }'; }
nonce() { od -An -tx1 -N16 /dev/urandom | tr -d ' \n'; }
order() { # NONCE [ACCOUNT]: who has been told no asks for the same account again only after a while
	printf 'payee=Bean+and+Leaf+GmbH&account=%s&item-1-name=Espresso+beans+250+g&item-1-quantity=2&item-1-price=450&item-2-name=Assam+tea+100+g&item-2-quantity=1&item-2-price=320&total=1220&currency=EUR&reference=Order+4711&nonce=%s' "${2:-DE89370400440532013000}" "$1"
}
post() { curl -s --max-time "${3:-120}" -o "$2" -w '%{http_code}' -H 'Accept: text/plain' --data "$1" "http://127.0.0.1:$port/order"; }
# meets NAME TITLE: the person does what $work/script says.
meets() {
	if "$build/test/person" "$work/script" "$zwinger" display "$1" >"$work/seen" 2>&1; then
		ok "$2"
	else
		no "$2"
		cat "$work/seen"
		tail -5 "$work/$1/log"
	fi
	if [ -n "$show" ]; then cat "$work/seen"; fi
}
# What a person does who reads all of it, and then the gesture.
reads='wait 30 Shall this be paid?
wait 5 To be paid
wait 5 Bean and Leaf GmbH
wait 5 your phrase: green elephants sing
show whom
wait 5 [Page Down]
type \e[6~
wait 5 Espresso beans 250 g
wait 5 2 x 4.50 = 9.00
show what for
wait 5 [Page Down]
type \e[6~
wait 5 Signature no.
show particulars
wait 5 [Page Down]
type \e[6~
wait 5 To pay, type 2 0
wait 5 pay: [ ] [ ] [Enter]
show how much
type 2
sleep 100
type 0
sleep 100
type \r'
pin() { for ((i = 0; i < ${#1}; i++)); do printf 'type %s\nsleep 100\n' "${1:i:1}"; done; printf 'type \\r\n'; }

start pay-a || exit 1
# --- A purchase; the first one chooses the PIN.
n1=$(nonce)
post "$(order "$n1")" "$work/first" >"$work/first.status" &
first=$!
# The dead time is over when the display says what keys do; the page before may be read for minutes.
{
	echo "$reads"
	echo "wait 5 Choose one"; echo "gone 5 please read first"; echo "show there is no PIN yet"; pin 4711
	echo "wait 5 once more"; echo "gone 5 please read first"; pin 4711
	echo "wait 10 Enter your PIN to pay"; echo "sleep 6000"; pin 4711
	echo "wait 10 Paid: the payment is signed"; echo "show paid"
	echo "wait 15 keyboard: linux (not trusted)"; echo "lacks green elephants"
} >"$work/script"
meets pay-a "a purchase: seen, read to the end, confirmed, a PIN chosen and given, signed"
wait $first
check "the shop has a receipt: status 200" '[ "$(cat "$work/first.status")" = 200 ] && grep -q "^zwinger receipt 1$" "$work/first"'
"$zwinger" store key "$work/pay-a/store" >"$work/key" 2>"$work/err" || cat "$work/err"
check "the bank verifies it" '"$zwinger" verify "$work/first" --key "$work/key" >"$work/out" 2>&1 && grep -q "12.20 EUR" "$work/out" || { cat "$work/out"; false; }'
sed 's/12\.20/12.30/' "$work/first" >"$work/altered"
check "attack_K2 and not one with another amount" '! "$zwinger" verify "$work/altered" --key "$work/key" >/dev/null 2>&1'
check "attack_K1 nor the same one twice" '"$zwinger" verify "$work/first" --key "$work/key" --seen "$work/bank" >/dev/null 2>&1 && ! "$zwinger" verify "$work/first" --key "$work/key" --seen "$work/bank" >/dev/null 2>&1'
curl -s --max-time 10 -H 'Accept: text/plain' "http://127.0.0.1:$port/receipt/$n1" >"$work/again"
check "attack_K4 a receipt that was lost is sent again, the same bytes" 'cmp -s "$work/first" "$work/again"'
check "attack_K4 the same order again is answered with it, and nobody is asked" '[ "$(post "$(order "$n1")" "$work/again" 10)" = 200 ] && cmp -s "$work/first" "$work/again"'
check "attack_I18 attack_P7 neither PIN nor phrase is in any log" '! grep -rqa -e 4711s -e "green elephants" "$work/pay-a/log" "$work/pay-a/audit" && ! "$zwinger" audit show "$work/pay-a/audit" | grep -E "^ *[0-9]+ [^ ]+ (pin|verify) " | grep -qE "4711|34373131|argon2"'
# memory PROCESS: the files that its channels are in; only root may look.
memory() { for f in /proc/"$(pid_of pay-a "$1")"/map_files/*; do case $(readlink "$f") in /memfd:*) LC_ALL=C cat "$f" ;; esac; done; }
if [ "$(id -u)" = 0 ]; then
	check "what is in channels is found there" 'memory screen | LC_ALL=C grep -qa "Payee: Bean and Leaf GmbH"'
	check "attack_I18 nor does the PIN stand in any" '! { memory screen; memory auth; memory auditor; } | LC_ALL=C grep -qaP "4711\x00\x00"'
fi
check "the audit log verifies" '"$zwinger" audit verify "$work/pay-a/audit" >/dev/null'

# --- A note of the person's own; then no.
n2=$(nonce)
post "$(order "$n2")" "$work/second" >"$work/second.status" &
second=$!
{
	echo "wait 30 Shall this be paid?"; echo "wait 5 [Page Down]"; echo "type e"; echo "wait 5 Which note"; echo "sleep 700"
	echo "type cheaper please"; echo "sleep 700"; echo "type \\r"; echo "wait 5 cheaper please"; echo "show with a note"
	echo "sleep 700"; echo "type \\e"; echo "wait 10 keyboard: linux (not trusted)"
} >"$work/script"
meets pay-a "a note is the person's to change; then the person says no"
wait $second
check "the shop is told so, and there is no receipt" '[ "$(cat "$work/second.status")" = 403 ] && ! grep -q Signature "$work/second"'

# attack_D11, attack_D12, attack_I1, attack_I7: what is typed before the last page was read is not heard.
n3=$(nonce)
post "$(order "$n3" GB33BUKB20201555555555)" "$work/third" >"$work/third.status" &
third=$!
{
	echo "wait 30 Shall this be paid?"
	for i in 1 2 3 4 5 6 7 8; do echo 'type \e[6~'; done
	echo "type 20"; echo "sleep 300"; echo "lacks Enter your PIN"; echo "wait 5 Page 1 of 4"
	echo "sleep 1000"; echo "type \\r"; echo "wait 10 keyboard: linux (not trusted)"
} >"$work/script"
meets pay-a "attack_D11 attack_D12 attack_I1 attack_I7 Page Down held, digits and Enter at once: no page is skipped, and Enter alone is no"
wait $third
check "nothing was signed" '[ "$(cat "$work/third.status")" = 403 ]'

# attack_P8, attack_P9: what is no order, by the line of a guest that says anything.
refused() { # NAME BODY
	local status
	status=$(post "$2" "$work/out" 10)
	check "attack_P9 $1 is refused" '[ "'"$status"'" = 400 ]'
}
good=$(order "$(nonce)")
refused "a wrong total" "${good/total=1220/total=1219}"
refused "a field twice" "$good&total=1220"
refused "an unknown field" "$good&tip=1"
refused "a field that is missing" "${good/&currency=EUR/}"
refused "an amount with a sign" "${good/total=1220/total=%2B1220}"
refused "attack_D1 a payee that is not ASCII" "${good/Bean/B%D0%B5an}"
refused "attack_D5 a payee with a line of its own" "${good/Bean/Bean%0AAccount:+DE89}"
refused "attack_D16 an account that is none" "${good/DE8937/DE8837}"
refused "attack_D10 leading blanks" "${good/Bean/++Bean}"
refused "attack_D14 a number too large" "${good/price=450/price=18446744073709552066}"
raw() { # NAME BYTES STATUS
	local answer
	exec 3<>"/dev/tcp/127.0.0.1/$port"
	printf "%b" "$2" >&3
	answer=$(timeout 15 head -1 <&3 | tr -d '\r')
	exec 3>&-
	check "attack_P8 $1" 'case "'"$answer"'" in *" '"$3"' "*) true ;; *) echo "--- '"$answer"'"; false ;; esac'
}
raw "a path that is not there" 'GET /../etc/passwd HTTP/1.0\r\n\r\n' 404
raw "another method" 'DELETE /order HTTP/1.0\r\n\r\n' 501
raw "chunks" 'POST /order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' 400
raw "two lengths" 'POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx' 400
raw "a body that is too long" 'POST /order HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999\r\n\r\n' 413
check "and it serves on" 'curl -s --max-time 20 "http://127.0.0.1:$port/" | grep -q "Ready for an order"'
check "the person was never asked" '[ "$("$zwinger" audit show "$work/pay-a/audit" | grep -c " pay-answer ")" -le 12 ]'

# --- attack_K13: wrong PINs lock it, for good.
n4=$(nonce)
post "$(order "$n4" NL91ABNA0417164300)" "$work/fourth" >"$work/fourth.status" &
fourth=$!
{
	echo "$reads"
	echo "wait 10 Enter your PIN to pay"
	for tries in "4 tries are" "3 tries are" "2 tries are" "One try is"; do echo "gone 5 please read first"; pin 1111; echo "wait 10 $tries left"; done
	echo "show wrong"; echo "gone 5 please read first"; pin 1111; echo "wait 10 locked"; echo "show locked"
} >"$work/script"
meets pay-a "attack_K13 five wrong PINs"
wait $fourth
check "attack_K13 lock it, and nothing is signed" '[ "$(cat "$work/fourth.status")" = 403 ] && ! grep -q Signature "$work/fourth"'
end pay-a
start pay-a || exit 1
n5=$(nonce)
post "$(order "$n5" NL91ABNA0417164300)" "$work/fifth" >"$work/fifth.status" &
fifth=$!
{ echo "$reads"; echo "wait 10 locked"; } >"$work/script"
meets pay-a "attack_K13 after a new start, the right PIN comes too late"
wait $fifth
check "and nothing is signed" '[ "$(cat "$work/fifth.status")" = 403 ]'
curl -s --max-time 10 -H 'Accept: text/plain' "http://127.0.0.1:$port/receipt/$n1" >"$work/again"
check "attack_K4 the last receipt has survived the restart" 'cmp -s "$work/first" "$work/again"'
end pay-a

# --- attack_K12: an older copy of the store.
start pay-b || exit 1
end pay-b
cp -a "$work/pay-b/store" "$work/old"
start pay-b || exit 1
post "$(order "$(nonce)")" "$work/out" >"$work/status" &
buys=$!
{
	echo "$reads"
	echo "wait 5 Choose one"; echo "gone 5 please read first"; pin 4711; echo "wait 5 once more"; echo "gone 5 please read first"; pin 4711
	echo "wait 10 Enter your PIN to pay"; echo "gone 5 please read first"; pin 4711; echo "wait 10 Paid: the payment is signed"; echo "wait 15 keyboard: linux"
} >"$work/script"
meets pay-b "another system, another purchase"
wait $buys
end pay-b
cp -a "$work/pay-b/store" "$work/store"
for slot in slot-a slot-b; do cat "$work/old/$slot" >"$work/pay-b/store/$slot"; done
rm -f "$work/pay-b/log"
start pay-b >"$work/out"
end pay-b
check "attack_K12 an older copy of the store is noticed: the storage does not start" 'grep -q "storage.*older" "$work/pay-b/log" || { cat "$work/pay-b/log"; false; }'

# --- attack_P10, attack_O4: whoever dies, at whichever step of a payment: nothing is signed that was not confirmed, nothing
# twice, no count goes back, and what is left comes to a good end. The store has a PIN already.
signatures() { "$zwinger" store show "$work/pay-c/store" | sed -n 's/^signatures: //p'; }
until_step() { # STEP: what the person does until then
	case $1 in
	asked) echo 'wait 30 Shall this be paid?' ;;
	read) sed '/^type 2$/,$d' <<<"$reads" ;;
	confirmed) echo "$reads"; echo 'wait 10 Enter your PIN to pay' ;;
	proved) until_step confirmed; echo 'gone 20 please read first'; pin 4711 ;;
	esac
}
dies() { # VICTIM STEP
	local victim=$1 step=$2 before after=0 buys person
	rm -rf "$work/pay-c" "$work/killed" "$work/seen"
	mkdir -p "$work/pay-c"
	cp -a "$work/store" "$work/pay-c/store"
	before=$(signatures)
	start pay-c || exit 1
	post "$(order "$(nonce)")" "$work/killed" 60 >"$work/killed.status" &
	buys=$!
	{ until_step "$step"; echo "show HERE"; echo "sleep 60000"; } >"$work/script"
	"$build/test/person" "$work/script" "$zwinger" display pay-c >"$work/seen" 2>&1 &
	person=$!
	for ((i = 0; i < 600; i++)); do grep -qs HERE "$work/seen" && break; kill -0 $person 2>/dev/null || break; sleep 0.1; done
	check "$step: that step is reached" 'grep -q HERE "$work/seen" || { cat "$work/seen"; false; }'
	[ "$step" != proved ] || sleep 0.$((RANDOM % 4)) # somewhere between the PIN's hash and the receipt
	kill -9 "$(pid_of pay-c "$victim")"
	sleep 1
	check "$step: $victim stays dead, the others go on" '[ "$("$zwinger" ps pay-c | awk "\$4 == \"dead\"" | wc -l)" = 1 ] || { "$zwinger" ps pay-c; false; }'
	kill $person $buys 2>/dev/null
	wait $person $buys 2>/dev/null
	end pay-c
	after=$(signatures)
	if [ "$step" = proved ]; then
		check "attack_P10 attack_O4 $step: $victim is killed: at most this payment is signed, once" \
			'[ "$after" = "$before" ] || [ "$after" = $((before + 1)) ]'
	else
		check "attack_P10 attack_O4 $step: $victim is killed: nothing is signed" \
			'[ "$after" = "$before" ] && [ "$(cat "$work/killed.status")" != 200 ] && ! grep -qs Signature "$work/killed" && ! grep -rqa "Signature:" "$work/pay-c/audit"'
	fi
	check "$step: the log of what went before verifies" '"$zwinger" audit verify "$work/pay-c/audit" >"$work/out" 2>&1 || { cat "$work/out"; false; }'
}
for step in asked read confirmed proved; do
	for victim in showpay auth storage screen auditor; do dies $victim $step; done
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
