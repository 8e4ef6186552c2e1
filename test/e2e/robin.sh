#!/bin/bash
# SPDX-License-Identifier: ISC
# The desk with a stock Debian. Robin: its own program (picocom) dials a premium number; a person at the trusted
# display sees it and says no, then yes. Show-and-pay: a shop in it, a purchase, a receipt that a bank
# verifies. Then everything in that Debian is the attacker's.
# usage: robin.sh BUILD-DIRECTORY; --show prints the screens, for demonstrations
set -u
build=$(realpath "$1") root=$(cd "$(dirname "$0")/../.." && pwd) passed=0 failed=0
work=$(mktemp -d)
zwinger=$build/launcher/zwinger
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
dialled() { grep -ai '^AT *D' "$work/dialled" 2>/dev/null | paste -sd ' '; }

# shellcheck source=test/e2e/calls.sh
. "$root/test/e2e/calls.sh"
calls_begin
"$root/guests/systems" --here "$work"
# A second disk brings what the attacker of the last part has.
module=$("$root/guests/module" "$root/test/hostile/hostile_module.c" cloud-6.1 --made)
tar -cf "$work/loot" -C "$(dirname "$module")" "$(basename "$module")"
sed -i "s|disk = .*|disk = \"file=debian.img,readonly\", \"file=$work/loot,readonly\";|" "$work/desk.dts"
"$build/critical/dialler/zwinger-simulated-modem" --link "$work/modem" --record "$work/dialled" </dev/null &
modem=$!
for ((i = 0; i < 50; i++)); do [ -e "$work/modem" ] && break; sleep 0.1; done
"$zwinger" run "$work/desk.dts" >"$work/log" 2>&1 </dev/null &
system=$!
trap '"$zwinger" stop desk >/dev/null 2>&1; kill $modem 2>/dev/null; rm -rf "$work"' EXIT

# acts NAME: the person follows a script, read from here, at the display.
acts() {
	cat >"$work/script"
	if "$build/test/person" "$work/script" "$zwinger" display desk >"$work/seen" 2>&1; then
		ok "$1"
	else
		no "$1"
		cat "$work/seen"
		tail -5 "$work/log"
	fi
	if [ "${2:-}" = --show ]; then cat "$work/seen"; fi
}
for ((i = 0; i < 100; i++)); do grep -q "desk runs" "$work/log" && break; sleep 0.2; done
show=${2:-}
acts "an unmodified Debian boots on the display, and root logs in" $show <<'SCRIPT'
wait 240 login:
type root\r
wait 60 root@
type clear\r
sleep 1000
type picocom -b 115200 /dev/ttyS1; echo go''ne\r
wait 60 Terminal ready
type AT\r
wait 30 OK
show an ordinary modem, for an ordinary program
type ATD0900 123 456;\r
wait 20 PREMIUM NUMBER
wait 5 2.99 EUR per minute
wait 5 your phrase: green elephants sing
show Linux dials; who is at the display is asked
gone 20 please read first
type \e
wait 10 NO CARRIER
wait 10 keyboard: linux (not trusted)
lacks PREMIUM
show the answer was no
SCRIPT
# All of them stand still for a moment, and go on.
pkill -STOP -x 'zwinger-(audit|display|dialler|termina)'
sleep 0.3
pkill -CONT -x 'zwinger-(audit|display|dialler|termina)'
check "the person said no: nothing was dialled" '[ -z "$(dialled)" ]'
acts "and says yes to another number" $show <<'SCRIPT'
wait 20 keyboard: linux
sleep 1500
type ATD030 1234567;\r
wait 20 a national number
gone 20 please read first
type 6
sleep 150
type 7
sleep 150
type \r
wait 20 call 0301234567
wait 10 OK
show the call
type \x1d
wait 5 hang up
type h
sleep 500
type \e
wait 10 NO CARRIER
SCRIPT
check "exactly what was shown was dialled: ATD0301234567;" '[ "$(dialled)" = "ATD0301234567;" ]'
check "and hung up" 'grep -qx ATH "$work/dialled"'

# Show-and-pay: chosen in Linux; seen, authenticated, signed and paid outside of it.
acts "a purchase in the shop: seen page by page, confirmed, a PIN chosen, signed" $show <<'SCRIPT'
wait 20 keyboard: linux
sleep 1500
type \x01\x18
wait 20 gone
type clear; buy 'espresso=2&assam=1' | cut -c1-70; echo bou''ght\r
wait 60 Shall this be paid?
wait 5 Bean and Leaf GmbH
wait 5 your phrase: green elephants sing
wait 5 [Page Down]
show whom
type \e[6~
wait 10 2 x 4.50 = 9.00
wait 10 [Page Down]
show what for
type \e[6~
wait 10 Signature no.
wait 10 [Page Down]
type \e[6~
wait 10 To pay, type 2 0
wait 10 pay: [ ] [ ] [Enter]
show how much
type 2
sleep 200
type 0
sleep 200
type \r
wait 20 Choose one
gone 20 please read first
type 4
sleep 150
type 7
sleep 150
type 1
sleep 150
type 1
sleep 150
type \r
wait 20 once more
gone 20 please read first
type 4
sleep 150
type 7
sleep 150
type 1
sleep 150
type 1
sleep 150
type \r
wait 30 Enter your PIN to pay
gone 20 please read first
type 4
sleep 150
type 7
sleep 150
type 1
sleep 150
type 1
sleep 150
type \r
wait 60 Paid: the payment is signed
show paid
wait 60 bought
show Linux has its receipt
SCRIPT
"$zwinger" store key "$work/store" >"$work/key"
# What went to Linux is in the log, and so is the receipt.
"$zwinger" audit show "$work/audit" | sed -n '/ order-in /s/.*line: "\(.*\)".*/\1/p' | tr -d '\n' | sed 's/<CR>//g; s/<LF>/\n/g' |
	sed -n '/^zwinger receipt 1$/,/^Confirmation/p' >"$work/receipt"
check "the bank verifies the receipt that Linux got" '"$zwinger" verify "$work/receipt" --key "$work/key" >"$work/paid" 2>&1 || { cat "$work/paid"; false; }'
[ -z "$show" ] || cat "$work/paid"

# attack_O3: root in that Debian, with the modem's port in hand, paints a prompt and dials, again and again.
acts "attack_O3 attack_S1 attack_D17 root in the guest tries what there is" <<'SCRIPT'
wait 20 keyboard: linux
sleep 1500
type clear; stty -F /dev/ttyS1 raw -echo; for n in '*21*0900123456#' 0900,1 '030123;D0900' '>1' L 01033#; do printf 'ATD%s;\\r' "$n"; sleep 0.1; done >/dev/ttyS1; echo do''ne\r
wait 30 done
sleep 500
lacks To say yes
type printf '\\033[1;1H\\033[7m [ZWINGER] keyboard: ZWINGER, asked by dialler \\033[0m'; sleep 1\r
wait 5 asked by dialler
wait 1 keyboard: linux (not trusted)
type \x1d
wait 5 detach this terminal
type \e
sleep 500
type clear; for i in 1 2 3 4 5 6 7 8; do printf 'ATD0900123456;\\r' >/dev/ttyS1; sleep 0.2; done; echo st''opped\r
sleep 3000
type n
sleep 200
type n
wait 60 stopped
wait 20 keyboard: linux
SCRIPT
check "attack_O3 no further digit was dialled" '[ "$(dialled)" = "ATD0301234567;" ]'
acts "attack_O3 attack_S4 attack_I16 a kernel module in the guest tries what ring 0 can reach" $show <<'SCRIPT'
wait 20 keyboard: linux
type clear; tar xf /dev/vdb -C /run; insmod /run/hostile_module.ko\r
wait 300 all attacks are over
show the guest's kernel has tried everything
lacks To say yes
wait 1 keyboard: linux (not trusted)
type \x1d
wait 5 detach this terminal
type \e
wait 5 keyboard: linux (not trusted)
SCRIPT
check "attack_O3 the module made every attack" '[ "$(grep -c "made: " "$work/seen")" = 10 ] || { cat "$work/seen"; false; }'
check "attack_O3 no digit was dialled by it" '[ "$(dialled)" = "ATD0301234567;" ]'
check "attack_O3 nothing was signed by it" '"$zwinger" store show "$work/store" | grep -qx "signatures: 1"'
check "attack_O3 every critical process lives, and the VMM" \
	'[ "$("$zwinger" ps desk | grep -cE "^(auditor|screen|dialler|storage|auth|showpay|linux) .* running ")" = 7 ] || { "$zwinger" ps desk; false; }'
"$zwinger" stop desk
wait "$system"
check "the system ends with status 0" '[ $? = 0 ]'
check "the audit log verifies" '"$zwinger" audit verify "$work/audit"'
"$zwinger" audit show "$work/audit" >"$work/story"
check "and tells the story" 'grep -q "answers: NO 0900123456" "$work/story" && grep -q "answers: YES 0301234567" "$work/story" && grep -q "call: connected 0301234567" "$work/story"'
[ -z "$show" ] || grep -E "asks|answers|call:" "$work/story"
calls_save robin
echo "$passed passed, $failed failed"
[ $failed = 0 ]
