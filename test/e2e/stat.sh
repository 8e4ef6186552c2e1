#!/bin/bash
# SPDX-License-Identifier: ISC
# zwinger stat and the metrics socket, against guests that do a known number of things, on this
# host's /dev/kvm or, where there is none, in the lab. usage: stat.sh BUILD-DIRECTORY
set -u
build=$(realpath "$1") tests=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
if ! { [ -c /dev/kvm ] && [ -w /dev/kvm ]; }; then
	# 125 is the emulated machine's own end, no word about us: it is told, and tried once more.
	for try in 1 2; do
		"$root/scripts/lab" run --timeout 400 -- "$0" "$build"
		status=$?
		[ $status = 125 ] && [ $try = 1 ] || exit $status
		echo "the lab itself failed: once more, in a new one"
	done
fi
work=$(mktemp -d) passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
zwinger=$build/launcher/zwinger
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
wait_for() { # SHELL-CONDITION
	for ((i = 0; i < 300; i++)); do eval "$1" && return 0; sleep 0.1; done
	return 1
}

# ecx = 5000; 1: out 0x80, al; loop 1b. Then it says something that looks like a metric, and halts.
code=b988130000e680e2fc66baf803
says='zwinger_vcpu_exits_total{system="vm-x"} 7'
text=$'\n'$says$'\n'
for ((i = 0; i < ${#text}; i++)); do code+=b0$(printf %02x "'${text:i:1}")ee; done
"$tests/tinykernel.sh" "${code}fbf4ebfd" >"$work/kernel"
odd=$work/$'di"sk\\ \e[31m'
head -c 1M /dev/zero >"$odd"
"$zwinger" run --kernel "$work/kernel" --memory 64M --cpus 2 --name counted --metrics "$work/metrics" \
	--disk "file=$odd" >"$work/out" 2>"$work/err" </dev/null &
vm=$!
wait_for 'grep -qF "$says" "$work/out"' || { no "the guest runs: $(cat "$work/err")"; exit 1; }
value() { awk -v n="$1" 'index($0, n) == 1 { print $NF; exit }' "$work/page"; } # NAME{LABELS
fetch() { curl -s --max-time 20 --unix-socket "$work/metrics" "$@"; }

check "the page comes by HTTP" '[ "$(fetch -o "$work/page" -w "%{http_code} %{content_type}" http://zwinger/metrics)" = "200 text/plain; version=0.0.4; charset=utf-8" ]'
# The format: HELP, TYPE, then only samples of that family, each family once, labels within quotes.
cat >"$work/format.awk" <<'AWK'
/^# HELP [a-z][a-z0-9_]* [ -~]+$/ { if (seen[$3]++) bad("twice: " $0); family = $3; typed = 0; next }
/^# TYPE [a-z][a-z0-9_]* (counter|gauge)$/ {
	if ($3 != family || typed) bad("TYPE out of place: " $0)
	if (($4 == "counter") != (family ~ /_total$/)) bad("name and type differ: " $0)
	typed = 1; next
}
/^[a-z][a-z0-9_]*\{([a-z]+="([^"\\]|\\["\\n])*",?)+\} [0-9.]+$/ { split($0, part, "{"); if (part[1] != family || !typed) bad("out of its family: " $0); n++; next }
{ bad("no such line: " $0) }
function bad(why) { print why; failed = 1 }
END { exit failed || n < 30 }
AWK
check "its format is Prometheus' text" 'LC_ALL=C awk -f "$work/format.awk" "$work/page" >"$work/why" || { head -5 "$work/why"; false; }'
[ -n "$(value 'zwinger_vcpu_exits_total{')" ] && kvm=1 || kvm=''
if [ -n "$kvm" ]; then
	exits=$(value 'zwinger_vcpu_io_exits_total{system="counted",vm="vm",vcpu="0"}')
	[ -n "$exits" ] && [ "$exits" -gt 0 ] || exits=$(value 'zwinger_vcpu_exits_total{system="counted",vm="vm",vcpu="0"}')
	check "KVM counts the guest's 5000 port writes: $exits" '[ "${exits:-0}" -ge 5000 ]'
	check "the other vCPU did none" '[ "$(value "zwinger_vcpu_io_exits_total{system=\"counted\",vm=\"vm\",vcpu=\"1\"}")" -lt 100 ]'
else
	echo "skipped: this host's KVM has no binary statistics"
fi
check "what the guest says is no metric" '! grep -qF "vm-x" "$work/page"'
check "labels are escaped" 'grep -qF "zwinger_device_info{system=\"counted\",vm=\"vm\",device=\"disk0\",option=\"--disk file=$work/di\\\"sk\\\\ ?[31m\"} 1" "$work/page"'
check "the VMM's memory: code and data by itself, guest RAM by itself" \
	'[ "$(value "zwinger_process_private_bytes{system=\"counted\",process=\"vm\"")" -gt 100000 ] && [ "$(value "zwinger_process_private_bytes{system=\"counted\",process=\"vm\"")" -lt 20000000 ]'
pid=$("$zwinger" ps counted | awk '$1 == "vm" { print $3 }')
check "ps and the page name the same process" '[ "$(readlink "/proc/$pid/exe" | grep -c zwinger-vmm)" = 1 ] && [ "$(value "zwinger_process_pid{system=\"counted\",process=\"vm\"")" = "$pid" ]'
check "attack_C22 the VMM keeps none of KVM's statistics" '! ls -l "/proc/$pid/fd" | grep -q stats'
check "another page: 404" '[ "$(fetch -o /dev/null -w "%{http_code}" http://zwinger/other)" = 404 ]'
check "another method: 405" '[ "$(fetch -o /dev/null -w "%{http_code}" -d x http://zwinger/metrics)" = 405 ]'
check "no HTTP: 400" '[ "$(printf "GET\r\n\r\n" | socat -t 5 - "UNIX-CONNECT:$work/metrics" | head -1 | tr -d "\r")" = "HTTP/1.1 400 Bad Request" ]'
check "nobody else may connect" '[ "$(stat -c %a "$work/metrics")" = 600 ]'

# Clients that say nothing, half of something, or too much, keep nobody out.
for i in 1 2 3 4 5 6 7 8 9 10; do { sleep 60; } | socat - "UNIX-CONNECT:$work/metrics" >/dev/null 2>&1 & done
head -c 5000 /dev/zero | tr '\0' x | socat -t 1 - "UNIX-CONNECT:$work/metrics" >/dev/null 2>&1
check "idle clients keep nobody out" '[ "$(fetch -o /dev/null -w "%{http_code}" http://zwinger/metrics)" = 200 ]'

"$zwinger" stat counted --json --once >"$work/json" 2>&1
check "JSON is one line that parses" '[ "$(wc -l <"$work/json")" = 1 ] && [ "$(jq -r .system "$work/json")" = counted ]'
check "it has the same numbers" '[ "$(jq -r ".metrics.zwinger_process_pid[] | select(.process == \"vm\").value" "$work/json")" = "$pid" ] && [ -z "$kvm" -o "$(jq -r ".metrics.zwinger_vcpu_exits_total[0].value" "$work/json")" -ge 5000 ]'
check "what a label holds comes out as it went in" '[ "$(jq -r ".metrics.zwinger_device_info[] | select(.device == \"disk0\").option" "$work/json")" = "--disk file=$work/di\"sk\\ ?[31m" ]'
check "no rates without an interval" '! grep -q per_second "$work/json"'
timeout 6 "$zwinger" stat counted --json --interval 1 >"$work/json" 2>&1
check "each interval one line, and rates from the second on" \
	'[ "$(wc -l <"$work/json")" -ge 2 ] && ! head -1 "$work/json" | grep -q per_second && [ "$(sed -n 2p "$work/json" | jq "[.metrics[][] | select(.per_second)] | length > 3")" = true ]'
"$zwinger" stat counted --once >"$work/table" 2>&1
check "the table names processes, exits and queues" 'grep -q "^PROCESS " "$work/table" && grep -q "^vm  *vm  *$pid " "$work/table" && { [ -z "$kvm" ] || grep -qE "^exits  *[0-9]+" "$work/table"; }'
check "without a name, the only one" '"$zwinger" stat --once | grep -q "^SYSTEM counted"'

mkdir "$work/here"
check "a running VM begins to serve" '(cd "$work/here" && "$zwinger" stat counted --metrics late) && curl -s --unix-socket "$work/here/late" http://z/metrics | grep -q "^zwinger_info{system=\"counted\""'
check "what the path names is left alone" '! "$zwinger" stat counted --metrics "$work/kernel" 2>"$work/why" && grep -q "is no socket" "$work/why"'
"$zwinger" stat counted --interval 1 >"$work/table" 2>"$work/ended" &
watching=$!
sleep 2
"$zwinger" stop counted
wait $vm
check "zwinger stop ends the VM with status 0" '[ $? = 0 ]'
check "whoever watches is told" 'wait $watching && grep -q "counted has ended" "$work/ended"'
check "no socket is left" '[ ! -e "$work/here/late" ] && ! [ -e "$work/metrics" ]'
check "of nobody there is nothing" '"$zwinger" stat counted --once 2>"$work/why"; [ $? = 3 ]'
check "a bad interval" '"$zwinger" stat --interval 0 2>"$work/why"; [ $? = 2 ] && grep -q "1 to 3600" "$work/why"'
check "a bad name" '"$zwinger" run --kernel "$work/kernel" --name A/b 2>"$work/why"; [ $? = 2 ] && grep -q -e "--name" "$work/why"'

# A guest that resets: KVM's numbers begin anew, and so do the descriptors.
"$tests/tinykernel.sh" 66ba0206b001eef4 >"$work/kernel"
timeout 20 "$zwinger" run --kernel "$work/kernel" --memory 64M --name again >"$work/out" 2>&1 </dev/null
status=$? # on a slow machine the resets are not within seconds, and it goes on
check "a VM with statistics resets as ever" '[ $status = 10 ] || [ "$(grep -c "resets, starting it again" "$work/out")" -ge 2 ]'

# A whole system: its channels count.
simulated=$(find "$build" -name zwinger-simulated-modem -type f | head -1)
if [ -n "$simulated" ]; then
	dial='ATD112;'
	code=66baf802
	for ((i = 0; i < ${#dial}; i++)); do code+=b0$(printf %02x "'${dial:i:1}")ee; done
	"$tests/tinykernel.sh" "${code}b00deef4ebfd" >"$work/kernel"
	cp "$build/measured.dtsi" "$work/"
	sed "s/model = .*/model = \"phoned\";/; s,kernel = .*,kernel = \"$work/kernel\";,; /initrd = /d; /disk = /d; /cmdline = /d
		s/memory = .*/memory = \"64M\";/" "$root/guests/phone.dts" >"$work/phone.dts"
	(umask 077 && echo "green elephants sing" >"$work/phrase")
	"$simulated" --link "$work/modem" --record "$work/dialled" >"$work/modem.log" 2>&1 </dev/null &
	wait_for '[ -e "$work/modem" ]'
	socat -u "UNIX-RECV:$work/notify" "OPEN:$work/ready,creat" 2>/dev/null &
	wait_for '[ -e "$work/notify" ]'
	NOTIFY_SOCKET=$work/notify "$zwinger" run "$work/phone.dts" --metrics "$work/metrics" >"$work/err" 2>&1 </dev/null &
	system=$!
	if wait_for 'grep -q "ATD112" "$work/dialled" 2>/dev/null'; then
		check "a service manager is told that it is ready" 'wait_for "grep -qx READY=1 \"$work/ready\""'
		fetch -o "$work/page" http://zwinger/
		check "its page has the format too" 'LC_ALL=C awk -f "$work/format.awk" "$work/page" >"$work/why" || { head -5 "$work/why"; false; }'
		check "every process has memory" '[ "$(grep -c "^zwinger_process_private_bytes.*kind=\"\(vm\|dialler\|auditor\|display\|terminal\)\"} [1-9]" "$work/page")" = 5 ]'
		grep zwinger_channel "$work/page" >"$work/channels"
		check "the guest's words and the dialler's answers are counted" \
			'[ "$(grep -c "^zwinger_channel_sent_messages_total.* [1-9][0-9]*$" "$work/channels")" -ge 2 ] && [ "$(grep -c "^zwinger_channel_received_messages_total.* [1-9][0-9]*$" "$work/channels")" -ge 2 ] || { cat "$work/channels"; false; }'
		"$zwinger" stat phoned --once >"$work/table" 2>&1
		check "the table names the channels" 'grep -qE "^[a-z-]+ +open +[0-9]+" "$work/table" || { cat "$work/table"; false; }'
	else
		no "the system dials: $(tail -5 "$work/err")"
	fi
	"$zwinger" stop phoned
	wait $system
fi
[ "$failed" = 0 ] || { echo "--- the last table"; cat "$work/table"; }
echo "$passed passed, $failed failed"
[ $failed = 0 ]
