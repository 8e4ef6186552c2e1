#!/bin/bash
# SPDX-License-Identifier: ISC
# The shop of the guest's image in a real browser: goods are chosen and ordered on its pages, without any script;
# a person at the trusted display confirms, or says no; the browser shows what came of it, and the bank checks the
# receipt that stands on the page. The guest is played (payment.sh); its two ports are those of a network namespace.
# usage: shop.sh BUILD-DIRECTORY [PICTURES]; PICTURES: a directory for what the browser shows, as PNG
set -u
build=$(realpath "$1") root=$(cd "$(dirname "$0")/../.." && pwd) pictures=${2:-}
for program in chromium chromedriver unshare ip busybox jq; do
	command -v $program >/dev/null || { echo "$program is missing (scripts/setup browser): the shop was not tested"; exit 77; }
done
if [ -z "${ZW_SHOP_ALONE:-}" ]; then
	alone=(unshare --mount --net)
	[ "$(id -u)" = 0 ] || alone=(unshare --map-root-user --mount --net)
	"${alone[@]}" true 2>/dev/null || { echo "namespaces are not allowed here: the shop was not tested"; exit 77; }
	[ -z "$pictures" ] || { mkdir -p "$pictures" && pictures=$(realpath "$pictures"); }
	ZW_SHOP_ALONE=1 exec "${alone[@]}" "$0" "$build" "$pictures"
fi
mount -t tmpfs tmpfs /run && mkdir -m 700 /run/shop /run/user && ip link set lo up || exit 1
export XDG_RUNTIME_DIR=/run/user
work=$(mktemp -d) passed=0 failed=0
zwinger=$build/launcher/zwinger shop=http://127.0.0.1:8080
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
finish() {
	[ -z "${session:-}" ] || wd DELETE '' >/dev/null
	"$zwinger" stop shop >/dev/null 2>&1
	kill $(jobs -p) 2>/dev/null
	wait
	rm -rf "$work"
}
trap finish EXIT

# --- The browser, by the WebDriver protocol.
driver=http://127.0.0.1:9515/session
wd() { curl -s --max-time 60 -X "$1" -H 'Content-Type: application/json' ${3:+--data "$3"} "$driver/$session$2"; }
value() { jq -r '.value | if type == "object" and .error then "error: " + .error else . end'; }
open_page() { wd POST /url "{\"url\":\"$1\"}" >/dev/null; }
element() { wd POST /element "$(jq -n --arg css "$1" '{using: "css selector", value: $css}')" | jq -r '.value["element-6066-11e4-a52e-4f735466cecf"] // empty'; }
text() { wd GET "/element/$(element "${1:-body}")/text" | value; }
click() { wd POST "/element/$(element "$1")/click" '{}' >/dev/null; }
fill() { # CSS TEXT
	wd POST "/element/$(element "$1")/clear" '{}' >/dev/null
	wd POST "/element/$(element "$1")/value" "{\"text\":\"$2\"}" >/dev/null
}
into_frame() { wd POST /frame "$(wd POST /element '{"using":"css selector","value":"iframe"}' | jq -c '{id: .value}')" >/dev/null; }
out_of_frame() { wd POST /frame '{"id":null}' >/dev/null; }
# reads SECONDS CSS TEXT: until the page has it.
reads() {
	for ((end = SECONDS + $1; SECONDS < end; )); do
		[[ $(text "$2") == *"$3"* ]] && return 0
		sleep 0.1
	done
	echo "--- no '$3', but: $(text body | head -5)"
	return 1
}
window() { wd POST /goog/cdp/execute "{\"cmd\":\"Emulation.setDeviceMetricsOverride\",\"params\":{\"width\":$1,\"height\":$2,\"deviceScaleFactor\":1,\"mobile\":$3}}" >/dev/null; }
picture() { # NAME: at the size of a desk's window and of a telephone's
	[ -n "$pictures" ] || return 0
	out_of_frame
	for size in "1280 800 false" "390 844 true"; do
		window $size
		sleep 0.3
		wd GET /screenshot | jq -r .value | base64 -d >"$pictures/$1-${size%% *}.png"
	done
	window 1280 800 false
}

# --- The guest: its shop, its port for orders, and the browser.
cp -r "$root/guests/image.d/root/srv/shop" "$work/shop"
(cd "$work/shop" && exec busybox httpd -f -p 127.0.0.1:8080 -h .) &
mkdir "$work/system"
cp "$build/measured.dtsi" "$work/system/"
sed 's/model = .*/model = "shop";/; s/dead-time-ms = .*/dead-time-ms = <500>;/' "$root/guests/desk.dts" >"$work/system/desk.dts"
(umask 077 && echo "green elephants sing" >"$work/system/phrase")
"$build/critical/dialler/zwinger-simulated-modem" --link "$work/system/modem" --record "$work/dialled" >/dev/null 2>&1 </dev/null &
for ((i = 0; i < 50; i++)); do [ -e "$work/system/modem" ] && break; sleep 0.1; done
"$build/test/played" "$work/system/desk.dts" 8700 >/dev/null 2>"$work/log" < <(exec sleep 1000) &
chromedriver --port=9515 --log-path="$work/driver.log" >/dev/null 2>&1 &
for ((i = 0; i < 100; i++)); do curl -s --max-time 2 "${driver%session}status" | grep -q '"ready":true' && break; sleep 0.2; done
session='' # no script runs in any page, and a page is read while its frame still waits for the person
session=$(curl -s --max-time 60 --data '{"capabilities":{"alwaysMatch":{"pageLoadStrategy":"none","goog:chromeOptions":{"args":["--headless=new","--no-sandbox","--disable-gpu","--disable-dev-shm-usage","--disable-background-networking","--user-data-dir='"$work"'/profile"],"prefs":{"profile.managed_default_content_settings.javascript":2}}}}}' "$driver" | jq -r .value.sessionId)
[ "$session" != null ] || { cat "$work/driver.log"; exit 1; }
window 1280 800 false
for ((i = 0; i < 100; i++)); do curl -s --max-time 5 http://127.0.0.1:8700/ >/dev/null && break; sleep 0.2; done

# person SCRIPT: at the trusted display.
person() {
	if "$build/test/person" "$work/script" "$zwinger" display shop >"$work/seen" 2>&1; then
		ok "$1"
	else
		no "$1"
		cat "$work/seen"
		tail -5 "$work/log"
	fi
}
reading='wait 30 Shall this be paid?
wait 5 Bean and Leaf GmbH
wait 5 [Page Down]
type \e[6~
wait 5 2 x 4.50 = 9.00
wait 5 [Page Down]
type \e[6~
wait 5 Signature no.
wait 5 [Page Down]
type \e[6~
wait 5 To pay, type 2 0
wait 5 pay: [ ] [ ] [Enter]
type 2
sleep 100
type 0
sleep 100
type \r'
# No key twice: on a busy machine the display could hear them together, and take them for one that bounces.
pin() { for ((i = 0; i < ${#1}; i++)); do printf 'type %s\nsleep 100\n' "${1:i:1}"; done; printf 'type \\r\n'; }

# choose NUMBER-OF-EACH...: what a visitor does up to the order's page.
choose() {
	open_page $shop/
	reads 10 body "Choose what you like" || return 1
	for goods in espresso assam filters; do
		fill "#$goods" "$1"
		shift
	done
	click "form button"
	reads 10 body "$1"
}

# --- The pages by themselves.
open_page $shop/
check "the shop's page has its goods" 'reads 10 body "Espresso beans, 250 g"'
picture goods
check "its style is there" '[ "$(wd GET "/element/$(element h1)/css/border-bottom-width" | value)" = 3px ]'
check "who chooses nothing is told so" 'choose 0 0 0 "You have chosen nothing"'
check "no page has a script" '! grep -rqi -e "<script" -e "javascript:" -e " on[a-z]*=" "$work/shop"'
check "goods are chosen, and the order says what they cost" 'choose 2 1 0 "12.20 EUR"'
paid_page=$(wd GET "/element/$(element "a.button")/attribute/href" | value)
nonce=${paid_page#*\?}
check "an order is not paid because somebody says so" 'curl -s --max-time 20 "$shop$paid_page" | grep -q "has not been paid yet"'
check "nor is one that there never was" 'curl -s --max-time 20 "$shop/cgi-bin/receipt?00112233445566778899aabbccddeeff" | grep -q "no such order"'

# --- A purchase.
into_frame
check "before it is paid, nothing says that it is" 'reads 5 body "Not paid yet."'
out_of_frame
picture order
click "form button"
{
	echo "$reading"
	echo "wait 5 Choose one"; echo "gone 5 please read first"; pin 4712
	echo "wait 5 once more"; echo "gone 5 please read first"; pin 4712
	echo "wait 10 Enter your PIN to pay"; echo "gone 5 please read first"; pin 4712
	echo "wait 10 Paid: the payment is signed"; echo "wait 10 Any key: go on"; echo "type x"; echo "wait 15 keyboard: linux (not trusted)"
} >"$work/script"
person "the person reads the order at the trusted display, confirms it, and gives a PIN"
into_frame
check "the browser shows the receipt" 'reads 20 pre "zwinger receipt 1"'
text pre >"$work/receipt"
check "in the style that its policy lets through, no other" '[[ $(wd GET "/element/$(element body)/css/font-family" | value) == *sans-serif* ]]'
"$zwinger" store key "$work/system/store" >"$work/key"
check "the bank accepts what stands on the page" '"$zwinger" verify "$work/receipt" --key "$work/key" --nonce "$nonce" --account DE89370400440532013000 --total "12.20 EUR" >"$work/out" 2>&1 || { cat "$work/out"; false; }'
picture paid
open_page "$shop$paid_page"
check "and the shop has it too" 'reads 10 body "This is what our bank checks" && [ "$(text pre)" = "$(cat "$work/receipt")" ]'
picture thanks
sed -i 's/ 1220$/ 9999/' "/run/shop/$nonce"
open_page "$shop$paid_page"
check "but not for an order of another total" 'reads 10 body "not a receipt of order"'

# --- No.
choose 2 1 1 "14.19 EUR"
paid_page=$(wd GET "/element/$(element "a.button")/attribute/href" | value)
click "form button"
printf '%s\n' "wait 30 Shall this be paid?" "wait 5 [Page Down]" 'type \e' "wait 10 keyboard: linux (not trusted)" >"$work/script"
person "the person says no"
into_frame
check "the browser says so" 'reads 20 h1 "Not paid" && reads 1 body "The person at the display said no. Nothing was paid."'
check "and has no receipt" '[ -z "$(element pre)" ]'
picture refused
open_page "$shop$paid_page"
check "nor has the shop" 'reads 10 body "has not been paid yet"'

echo "$passed passed, $failed failed"
[ $failed = 0 ]
