#!/bin/bash
# SPDX-License-Identifier: ISC
# The display's screen and keyboard of its own, in an emulated PC with a stock Debian kernel: what it
# shows is looked at through the emulator's screen, its keys are pressed on the emulated keyboard.
# On one of the cards the program is shut in as the display is. The pictures stay in .cache/drm.
# usage: display_drm_lab.sh DRM-SCREEN [std|virtio|small]...
# shellcheck disable=SC2016,SC2017,SC2034 # what check evaluates; the rest of a division is to go
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "$1")
cards=("${@:2}")
[ ${#cards[@]} -gt 0 ] || cards=(std virtio small)
out=$root/.cache/drm calls=$root/.cache/calls build=$(dirname "$program")/..
mkdir -p "$out" "$calls"
rm -f "$calls"/display_drm.*
work=$(mktemp -d) passed=0 failed=0 qemu=''
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
trap '[ -z "$qemu" ] || kill "$qemu" 2>/dev/null; rm -rf "$work"' EXIT

kernel=$("$root/guests/kernel" generic-6.1) || exit 1
cat >"$work/script" <<'E2'
for w in $(cat /proc/cmdline); do case $w in layout=*) layout=${w#*=} ;; esac; done
while [ ! -e /dev/dri/card0 ]; do sleep 0.1; done
set --
for e in /sys/class/input/event*; do
	case $(cat "$e/device/name") in *eyboard*) set -- "$@" "/dev/input/${e##*/}" ;; esac
done
echo "inputs $*"
status=none
[ "$layout" = de ] || status=$(ls /sys/class/drm/card0-*/status | head -1)
trace=/sys/kernel/tracing # which calls of its policy does it use? See calls.sh
mount -t tracefs tracefs $trace
echo 1 >$trace/options/record-tgid
echo 'comm == "drm_screen"' >$trace/events/raw_syscalls/sys_enter/filter
echo 1 >$trace/events/raw_syscalls/sys_enter/enable
/drm_screen "$layout" "$status" /dev/dri/card0 "$@"
status=$?
for nr in 317 16; do # seccomp, then ioctl; of their arguments only what the policy asks for
	sed -n "s/^ *\(drm_screen-[0-9]* *( *[0-9]*)\).*\(: sys_enter: NR $nr (\)\([^,]*\), \([^,]*\),.*/call \1\2\3, \4, 0, 0, 0, 0)/p" $trace/trace |
		sort -u
done
echo "status $status"
E2
"$root/guests/initrd" --script "$work/script" --add "$program:/drm_screen" \
	--modules generic-6.1:evdev,bochs,virtio_pci,virtio-gpu,virtio_input "$work/initrd" || exit 1

# start CARD LAYOUT
start() {
	local devices
	case $1 in
	std) devices=(-vga std) ;;
	virtio) devices=(-device "virtio-gpu-pci,xres=1920,yres=1080" -device virtio-keyboard-pci) ;;
	small) devices=(-device "virtio-gpu-pci,xres=640,yres=400") ;;
	tiny) devices=(-device "virtio-gpu-pci,xres=600,yres=400") ;;
	esac
	rm -f "$work"/*.fifo.*
	mkfifo "$work/monitor.fifo.in" "$work/monitor.fifo.out"
	exec 7<>"$work/monitor.fifo.in" 8<>"$work/monitor.fifo.out"
	: >"$work/serial"
	qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -accel tcg -cpu max -m 512M -display none \
		"${devices[@]}" -kernel "$kernel" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet panic=-1 layout=$2 tsc=reliable random.trust_cpu=on" \
		-chardev "file,id=serial,path=$work/serial" -serial chardev:serial \
		-chardev "pipe,id=monitor,path=$work/monitor.fifo" -mon chardev=monitor,mode=readline \
		>"$work/qemu" 2>&1 7>&- 8>&- &
	qemu=$!
}
end() {
	wait "$qemu"
	qemu=''
	exec 7>&- 8>&-
}
# wait_for TEXT: a line of the serial console, from the mark on.
mark=0
wait_for() {
	for ((i = 0; i < 900; i++)); do
		tail -n "+$((mark + 1))" "$work/serial" | tr -d '\r' | grep -qxF -- "$1" && return 0
		kill -0 "$qemu" 2>/dev/null || break
		sleep 0.1
	done
	echo "--- no '$1'; the console:"; tail -15 "$work/serial"
	return 1
}
set_mark() { mark=$(wc -l <"$work/serial"); }
press() { echo "sendkey $1 30" >&7; }
# picture NAME F-KEY: shown, and taken to $work/NAME.ppm and $out/NAME.png.
picture() {
	set_mark
	press "$2"
	wait_for "key $(printf %x $((0x20000e + ${2#f} - 1))) 0 released" || return 1
	rm -f "$work/$1.ppm"
	echo "screendump $out/$1.png -f png" >&7
	echo "screendump $work/$1.ppm" >&7
	echo "info version" >&7
	for ((i = 0; i < 100; i++)); do
		[ -s "$work/$1.ppm" ] && sleep 0.3 && return 0
		sleep 0.1
	done
	return 1
}
# colours PPM Y HEIGHT: the colours of those lines, the most frequent first.
colours() {
	local width offset
	read -r width offset < <(LC_ALL=C awk 'NR == 2 { w = $1 } { n += length($0) + 1 } NR == 3 { print w, n; exit }' "$work/$1.ppm")
	od -An -v -tx1 -w3 -j $((offset + $2 * width * 3)) -N $(($3 * width * 3)) "$work/$1.ppm" |
		tr -d ' ' | sort | uniq -c | sort -rn | awk '{ print $2 }'
}
# whether the strip, and nothing below it, has the colour: strip NAME COLOUR HEIGHT ROWS
strip() {
	[ "$(colours "$1" 0 "$3" | head -1)" = "$2" ] &&
		! colours "$1" "$3" $(($3 * ($4 - 1))) | grep -qx "$2"
}

trusted=f2b632 guest=2c343c
for card in "${cards[@]}"; do
	case $card in
	virtio) layout=de ;;
	*) layout=us ;;
	esac
	start "$card" "$layout"
	set_mark
	wait_for ready || { no "$card: it starts"; end; continue; }
	size=$(sed -n 's/^screen \([0-9]* [0-9]*\).*/\1/p' "$work/serial" | tr -d '\r')
	echo "$card: $size"
	read -r rows columns <<<"$size"
	# The hidden frame becomes the shown one each time: picture by picture in turn.
	for p in question:f1 warning:f2 guest:f3 glyphs:f4 menu:f5 guest-again:f3 question-again:f1; do
		picture "$card-${p%:*}" "${p#*:}" || no "$card: picture $p"
	done
	read -r width height < <(sed -n 2p "$work/$card-question.ppm")
	down=$((width / columns * 2)) # a cell is twice as high as wide, and the rest is margin
	echo "$card: ${width}x$height, $rows rows of $columns"
	case $card in
	std) expected="1280x800 25 80" ;;
	virtio) expected="1920x1080 33 120" ;;
	small) expected="640x400 25 80" ;;
	esac
	check "$card: it is divided as it should be" '[ "${width}x$height $rows $columns" = "$expected" ]'
	check "$card: the question's strip is the trusted one" "strip $card-question $trusted $down $rows"
	check "$card: the guest's strip is the plain one" "strip $card-guest $guest $down $rows"
	check "$card: a copy of the trusted strip in the guest's area is plain text" \
		'! colours $card-guest $down $((down * (rows - 1))) | grep -qx $trusted'
	check "$card: the same picture in the other frame" \
		'cmp -s "$work/$card-guest.ppm" "$work/$card-guest-again.ppm" && cmp -s "$work/$card-question.ppm" "$work/$card-question-again.ppm"'
	check "$card: a warning is one" 'colours $card-warning $down $((down * (rows - 1))) | grep -qx b3261e'

	set_mark
	case $layout in
	us) keys='a:61:0 shift-a:41:0 ctrl-bracket_right:5d:4 alt-x:78:2 1:31:0 ret:200000:0 esc:200003:0
		tab:200001:0 backspace:200002:0 up:200004:0 shift-up:200004:1 f12:200019:0 kp_5:35:0 asterisk:2a:0' ;;
	de) keys='y:7a:0 z:79:0 minus:df:0 shift-2:22:0 alt_r-q:40:0 alt_r-e:20ac:0 less:3c:0 alt_r-less:7c:0
		semicolon:f6:0 ctrl-alt_r-9:5d:4 sysrq:5d:4' ;;
	esac
	for k in $keys; do
		IFS=: read -r name code modifiers <<<"$k"
		set_mark
		press "$name"
		check "$card: key $name" "wait_for 'key $code $modifiers pressed' && wait_for 'key $code $modifiers released'"
	done
	if [ $layout = us ]; then
		set_mark
		press f7
		check "$card: attack_S15: nobody else gets the screen" \
			'wait_for "screen a second time: Permission denied" && wait_for "master a second time: Device or resource busy"'
		check "$card: attack_I16: nobody else gets the keyboard" 'wait_for "keyboard a second time: Device or resource busy"'
		press f1
		set_mark
		press f8
		check "$card: attack_S11: without its plug the screen is lost" 'wait_for "plug off" && wait_for "LOST 0"'
		set_mark
		press f9
		check "$card: and is there again" 'wait_for "plug on" && wait_for "shown 0"'
	else
		check "$card: all this by the display's policy" 'grep -qx "shut in.*" "$work/serial"'
	fi
	set_mark
	press f10
	check "$card: closed" 'wait_for closed && wait_for "status 0"'
	end
	if [ -x "$build/test/policy_use" ]; then
		sed -n 's/^call //p' "$work/serial" | tr -d '\r' |
			"$build/test/policy_use" "$root" drm_screen=critical/display/drm.policy >"$calls/display_drm.$card.used" 2>/dev/null
	fi
done

# Too small for 80 columns and 25 rows: it says so and does not start.
if [[ " ${cards[*]} " == *" small "* ]]; then
	start tiny us
	mark=0
	check "tiny: refused" 'wait_for "status 1" && grep -q "no room for 80 columns and 25 rows" "$work/serial"'
	end
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
