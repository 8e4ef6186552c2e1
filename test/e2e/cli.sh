#!/bin/bash
# SPDX-License-Identifier: ISC
# The command line as people meet it: bad input, each with its own status and one line that says
# what is wrong; signals; floods; a VMM process that is killed. usage: cli.sh ZWINGER [KERNEL]
set -u
zwinger=$(realpath "$1") tests=$(dirname "$(realpath "$0")")
kernel=${2:-$("$tests/../../guests/kernel" cloud-6.1)} || exit 1
work=$(mktemp -d)
chmod 755 "$work"
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
passed=0 failed=0
ok() { echo "ok $1"; passed=$((passed + 1)); }
no() { echo "FAILED $*"; failed=$((failed + 1)); }

# bad NAME STATUS TEXT ARGUMENT...: nothing on stdout, one line with TEXT on stderr.
bad() {
	local name=$1 status=$2 text=$3 got=0
	shift 3
	timeout 30 "$zwinger" "$@" </dev/null >"$work/out" 2>"$work/err" || got=$?
	if [ $got = "$status" ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" = 1 ] &&
		grep -qF -- "$text" "$work/err"; then
		ok "$name"
	else
		no "$name: status $got, wanted $status and '$text'; said: $(head -c 400 "$work/err")"
	fi
}
good() { # NAME TEXT ARGUMENT...: status 0, TEXT on stdout, nothing on stderr
	local name=$1 text=$2
	shift 2
	if "$zwinger" "$@" </dev/null >"$work/out" 2>"$work/err" && [ ! -s "$work/err" ] &&
		grep -qF -- "$text" "$work/out"; then
		ok "$name"
	else
		no "$name: said: $(cat "$work/out" "$work/err")"
	fi
}

good "no arguments print help" "usage: zwinger"
good "--help" "usage: zwinger" --help
good "help run" "--kernel FILE" help run
good "run --help" "Exit status" run --help
good "check --help" "usage: zwinger check" check --help
good "--version" "zwinger 0." --version
good "help help" "usage: zwinger" help
good "help check" "usage: zwinger check" help check
good "-h" "usage: zwinger" -h
bad "an empty command" 2 "unknown command ''" ''
bad "help for what is no command" 2 "unknown command 'frob'" help frob
bad "check with a word" 2 "unexpected word" check x
bad "an empty word" 2 "cannot open it" run ''
bad "two dashes alone" 2 "unexpected word" run --
bad "unknown command" 2 "did you mean 'check'" chekc
bad "unknown option" 2 "did you mean '--memory'" run --memry 1G
bad "missing value" 2 "--kernel needs a value" run --kernel
bad "flag with a value" 2 "takes no value" run --prefault=1
bad "stray word" 2 "x: cannot open it" run x
bad "no kernel" 2 "--kernel FILE is needed" run
for m in '' 0 3 63M junk -1 1.5G 99999999999999999999 65M1 65537K 65M 100000000T ' 64M' '64M '; do
	bad "--memory '$m'" 2 "--memory" run --kernel "$kernel" "--memory=$m"
done
for c in '' 0 65 x -1 1e2 18446744073709551617; do
	bad "--cpus '$c'" 2 "--cpus" run --kernel "$kernel" "--cpus=$c"
done
bad "--escape" 2 "--escape" run --kernel "$kernel" --escape 12
bad "--escape empty" 2 "--escape" run --kernel "$kernel" --escape=
bad "--append far too long" 2 "too many" run --kernel "$kernel" --append "$(printf 'x%.0s' {1..5000})"

# Devices: words first. unit/test_device_spec.c has the rest of them.
run=(run --kernel "$kernel")
bad "--disk without anything" 2 "--disk needs a value" run --disk
bad "--disk, an unknown key" 2 "did you mean 'readonly'" "${run[@]}" --disk x,readonli
bad "--disk, a bad number" 2 "not a number from 1 to 64" "${run[@]}" --disk x,queues=65
bad "--disk, another format" 2 "qemu-storage-daemon" "${run[@]}" --disk x,format=qcow2
bad "--disk, file and socket" 2 "exactly one of file, socket" "${run[@]}" --disk file=x,socket=y
bad "--net, neither" 2 "exactly one of tap, fd, passt" "${run[@]}" --net mtu=1400
bad "--net, a group's address" 2 "the address of one card" "${run[@]}" --net tap=x,mac=01:00:5e:00:00:01
bad "--console, no socket" 2 "goes only with 'socket'" "${run[@]}" --console log
bad "--vsock, the host's number" 2 "from 3" "${run[@]}" --vsock cid=2,path=x
bad "--vsock twice" 2 "at most 1" "${run[@]}" --vsock cid=3,path=x --vsock cid=4,path=y
bad "--balloon, no size" 2 "is not a size" "${run[@]}" --balloon lots
bad "--share, no tag" 2 "tag is needed" "${run[@]}" --share /tmp
bad "too many ports" 2 "at most 8" "${run[@]}" $(for n in {1..9}; do echo "--console n$n,socket=s$n"; done)
bad "too many devices" 2 "at most 16" "${run[@]}" $(printf -- '--disk d%d ' {1..17})
bad "sixteen devices and the random numbers" 2 "--rng: a guest has at most 16" "${run[@]}" $(printf -- '--disk d%d ' {1..16})
good "help device" "--socket PATH" help device
bad "device without a socket" 2 "--socket PATH is needed" device --rng
bad "device without a device" 2 "a device is needed" device --socket "$work/s"
bad "two devices" 2 "one device is enough" device --socket "$work/s" --rng --disk x
bad "device: the terminal of a guest" 2 "only with \`zwinger run\`" device --socket "$work/s" --console hvc
bad "device: another's server" 2 "needs no" device --socket "$work/s" --disk socket=x
bad "device: a share" 2 "unknown option '--share'" device --socket "$work/s" --share /tmp,tag=x

mkfifo "$work/fifo"
: >"$work/empty"
bad "kernel missing" 3 "No such file" run --kernel "$work/none"
bad "kernel is a directory" 3 "is a directory" run --kernel "$work"
bad "kernel is empty" 3 "is empty" run --kernel "$work/empty"
bad "kernel is a device" 3 "not a regular file" run --kernel /dev/null
bad "kernel is a pipe" 3 "not a regular file" run --kernel "$work/fifo"
bad "initrd missing" 3 "No such file" run --kernel "$kernel" --initrd "$work/none"
bad "kernel's name is empty" 3 "No such file" run --kernel=
bad "initrd is a directory" 3 "is a directory" run --kernel "$kernel" --initrd "$work"
bad "initrd is empty" 3 "is empty" run --kernel "$kernel" --initrd "$work/empty"

# What stands behind devices.
truncate -s 1M "$work/disk"
printf 'QFI\xfb' | dd of="$work/qcow2" bs=1M conv=sync status=none
ln -s disk "$work/link"
bad "disk missing" 3 "No such file" "${run[@]}" --disk "$work/none"
bad "disk is a directory" 3 "directory" "${run[@]}" --disk "$work"
bad "disk is a directory, read-only" 3 "is a directory" "${run[@]}" --disk "$work,readonly"
bad "disk is a pipe" 3 "no block device" "${run[@]}" --disk "$work/fifo"
bad "disk is a device without blocks" 3 "no block device" "${run[@]}" --disk /dev/null
bad "disk is empty" 3 "is empty" "${run[@]}" --disk "$work/empty"
bad "disk is qcow2" 3 "is a qcow2 image" "${run[@]}" --disk "$work/qcow2"
bad "disk with a comma in its name is missing" 3 "a,b" "${run[@]}" --disk "$work/a,,b"
bad "one disk twice" 3 "in use by another guest" "${run[@]}" --disk "$work/disk" --disk "$work/link"
bad "one disk to write and to read" 3 "in use by another guest" "${run[@]}" --disk "$work/disk" --disk "$work/link,readonly"
bad "nobody serves the disk" 3 "start its server first" "${run[@]}" --disk socket="$work/none"
bad "nobody serves the share" 3 "start its server first" "${run[@]}" --share socket="$work/none",tag=x
bad "share is missing" 3 "No such file" "${run[@]}" --share "$work/none,tag=x"
bad "share is a file" 3 "is not a directory" "${run[@]}" --share "$work/disk,tag=x"
bad "a socket in the place of a file" 3 "exists and is no socket" "${run[@]}" --console x,socket="$work/disk"
bad "a socket in no directory" 3 "cannot listen" "${run[@]}" --vsock 3,path="$work/none/x"
bad "a descriptor that is not open" 1 "descriptor 77 is not a tap" "${run[@]}" --net fd=77
bad "a descriptor that is no tap" 1 "descriptor 8 is not a tap" "${run[@]}" --net fd=8 8<"$work/disk"
if [ -e "$work/x" ]; then no "a socket stays behind"; else ok "no socket stays behind"; fi

# serve NAME OPTION...: a device server at $work/s, which has said so; its process is $pid.
serve() {
	env --default-signal=INT,QUIT "$zwinger" device --socket "$work/s" "$@" </dev/null >"$work/out" 2>"$work/err" &
	pid=$!
	for _ in {1..100}; do grep -q "listening on" "$work/err" && return; sleep 0.05; done
	no "device $*: said: $(cat "$work/err")"
}
served() { # NAME STATUS: it has ended so, said nothing more, and its socket has gone
	local got=0
	wait "$pid" 2>/dev/null || got=$?
	if [ $got = "$2" ] && [ "$(wc -l <"$work/err")" = 1 ] && [ ! -e "$work/s" ]; then ok "$1"; else no "$1: status $got; said: $(cat "$work/err")"; fi
}
serve --disk "$work/disk"
bad "a disk that is being served" 3 "in use by another guest" "${run[@]}" --disk "$work/disk"
bad "a socket that somebody listens at" 3 "another process listens" device --socket "$work/s" --rng
kill -INT "$pid"
served "device: SIGINT" 130
serve --rng
kill -KILL "$pid"
wait "$pid" 2>/dev/null
if [ -S "$work/s" ]; then ok "device: killed, it leaves its socket"; else no "device: killed, it leaves its socket"; fi
serve --rng
kill -TERM "$pid"
served "device: the socket that was left is replaced; SIGTERM" 143
if type socat >/dev/null 2>&1; then
	serve --rng
	for _ in 1 2 3; do head -c 5000 /dev/urandom | timeout 5 socat -t 5 - UNIX-CONNECT:"$work/s" >/dev/null 2>&1; done
	if [ "$(grep -c 'vhost-user' "$work/err")" = 3 ] && kill -0 "$pid"; then ok "device: noise ends a connection, not the server"; else no "device: noise: $(cat "$work/err")"; fi
	kill -TERM "$pid"
	wait "$pid" 2>/dev/null
else
	echo "skipped: noise, since there is no socat"
fi

# unprivileged COMMAND...: as nobody, who is in no group.
unprivileged() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all "$@"; }
if [ "$(id -u)" = 0 ] && unprivileged "$zwinger" --version >/dev/null 2>&1; then
	cp "$kernel" "$work/secret"
	chmod 600 "$work/secret"
	got=0
	unprivileged "$zwinger" run --kernel "$work/secret" </dev/null >"$work/out" 2>"$work/err" || got=$?
	if [ $got = 3 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" = 1 ] &&
		grep -qF "Permission denied" "$work/err"; then
		ok "kernel is not readable"
	else
		no "kernel is not readable: status $got; said: $(cat "$work/err")"
	fi
else
	echo "skipped: kernel is not readable, since only root can become a user who may run $zwinger"
fi

# Nothing is ever put into a temporary directory.
export TMPDIR=/nonexistent
good "TMPDIR that does not exist: --version" "zwinger 0." --version
"$zwinger" check >"$work/out" 2>"$work/err" || true
if grep -q '^This host' "$work/out" && [ ! -s "$work/err" ]; then ok "TMPDIR that does not exist: check"; else no "TMPDIR that does not exist: check: $(cat "$work/err")"; fi
unset TMPDIR

if { [ -c /dev/kvm ] && sh -c 'exec 3<>/dev/kvm'; } 2>/dev/null; then kvm=1; else kvm=; fi
if [ -n "$kvm" ]; then
	image() { printf "$2" >"$work/image"; head -c 8192 /dev/zero >>"$work/image"; bad "kernel is $1" 4 "$3" run --kernel "$work/image"; }
	image "text" 'hello, world\n' "is not a kernel"
	image "gzip" '\x1f\x8b\x08' "gzip"
	image "xz" '\xfd7zXZ\0' "xz"
	image "zstd" '\x28\xb5\x2f\xfd' "zstd"
	image "an initrd" '070701' "cpio"
	image "qcow2" 'QFI\xfb' "qcow2"
	image "an ELF for arm64" '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0' "arm64"
	image "a 32-bit ELF" '\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0' "32-bit"
	bad "kernel is a program" 4 "kernel image" run --kernel /bin/true
	for n in 100 512 600 4096 5000 20480 1000000 $(($(stat -Lc %s "$kernel") / 2)); do
		head -c $n "$kernel" >"$work/cut"
		bad "kernel cut at $n bytes" 4 "kernel image" run --kernel "$work/cut"
	done
	# Always the same damage: what exactly unpacking trips over depends on it.
	cp "$kernel" "$work/damaged"
	head -c 65536 /dev/zero | tr '\0' '\252' |
		dd of="$work/damaged" bs=64K oflag=seek_bytes seek=3000000 conv=notrunc status=none
	bad "kernel damaged in its payload" 4 "does not unpack" run --kernel "$work/damaged"
	truncate -s 200M "$work/big"
	bad "initrd larger than memory" 5 "kernel and initrd do not fit" run --kernel "$kernel" \
		--initrd "$work/big" --memory 128M
	bad "initrd larger than the least memory" 5 "kernel and initrd do not fit" run --kernel "$kernel" \
		--initrd "$work/big" --memory 64M
	bad "command line too long for the kernel" 5 "this kernel takes 2047" run --kernel "$kernel" \
		--append "$(printf 'x%.0s' {1..2100})"
	if [ "$(cat /proc/sys/vm/nr_hugepages /proc/sys/vm/nr_overcommit_hugepages | tr -d '0\n')" = '' ]; then
		bad "too few huge pages" 1 "nr_hugepages" run --kernel "$kernel" --huge-pages
	else
		echo "skipped: too few huge pages, since this host has some"
	fi
else
	echo "skipped: images and signals, since /dev/kvm cannot be opened here"
fi

# Without /dev/kvm: in a mount namespace with another /dev.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	without() { # NAME STATUS TEXT SETUP
		local name=$1 status=$2 text=$3 setup=$4 got=0
		unshare -m sh -c "$setup; exec '$zwinger' run --kernel '$kernel'" </dev/null >"$work/out" 2>"$work/err" || got=$?
		if [ $got = "$status" ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" = 1 ] &&
			grep -qF -- "$text" "$work/err"; then
			ok "$name"
		else
			no "$name: status $got, wanted $status and '$text'; said: $(cat "$work/err")"
		fi
	}
	without "no /dev/kvm" 6 "modprobe kvm_" "mount -t tmpfs none /dev"
	[ ! -e /dev/kvm ] ||
		without "/dev/kvm is something else" 6 "is not KVM" "mount --bind /dev/null /dev/kvm"
	: >"$work/regular"
	without "/dev/kvm is a regular file" 6 "is not KVM" \
		"mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; cp '$work/regular' /dev/kvm"
	without "no permission for /dev/kvm" 6 "adduser" \
		"cp '$kernel' '$work/k'; chmod 755 '$work'; mount -t tmpfs none /dev; mknod -m 600 /dev/kvm c 10 232; mknod -m 666 /dev/null c 1 3; exec setpriv --reuid 65534 --regid 65534 --clear-groups '$zwinger' run --kernel '$work/k'"
	[ ! -x /usr/bin/passt ] ||
		without "no passt" 1 "apt-get install passt" \
			"mount --bind /dev/null /usr/bin/passt; exec '$zwinger' run --kernel '$kernel' --net passt"
	[ ! -x /usr/bin/passt ] ||
		without "no route for passt" 1 "no default route" \
			"exec unshare -n '$zwinger' run --kernel '$kernel' --net passt"
	if [ -n "$kvm" ]; then
		without "a read-only temporary directory does not matter" 4 "is not a kernel" \
			"mount --bind /tmp /tmp; mount -o remount,bind,ro /tmp; exec '$zwinger' run --kernel /etc/passwd"
	fi
else
	echo "skipped: other /dev, since this user may not make mount namespaces"
fi

# Guests that run until they are ended: jmp . at 1 MiB; one that prints for ever.
spin=$work/spin print=$work/print
"$tests/tinykernel.sh" ebfe >"$spin"
"$tests/tinykernel.sh" 66baf803b041eeb00aeeebf4 >"$print" # mov dx, 3f8; 1: 'A', '\n' to dx; jmp 1b
# A background job of a script has SIGINT ignored, which zwinger respects; people's do not.
start() {
	env --default-signal=INT,QUIT "$zwinger" run --kernel "$spin" --memory 64M "$@" </dev/null >"$work/out" 2>"$work/err" &
	pid=$!
	sleep 0.5
}
gone() { # PID SECONDS: true once the process is gone, within that time
	local i
	for ((i = 0; i < $2 * 20; i++)); do
		case $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) in '' | Z) return 0 ;; esac
		sleep 0.05
	done
	return 1
}
# ended NAME STATUS TEXT: the launcher started by start() ends with both.
ended() {
	local got=0
	gone "$pid" 10 || { pkill -KILL -P "$pid"; kill -KILL "$pid"; }
	wait "$pid" 2>/dev/null || got=$?
	if [ $got = "$2" ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -qF -- "$3" "$work/err"; then
		ok "$1"
	else
		no "$1: status $got, said: $(cat "$work/err")"
	fi
}
rss() { awk '/RssAnon/ { s += $2 } END { print s }' "/proc/$1/status" "/proc/$2/status"; }
flat() { # NAME: the memory of $pid and its child, while something floods them
	local vmm before after
	sleep 0.5
	vmm=$(pgrep -P "$pid" -x zwinger-vmm)
	before=$(rss "$pid" "$vmm")
	sleep 1.5
	after=$(rss "$pid" "$vmm")
	if [ -n "$vmm" ] && [ -n "$before" ] && [ "$after" -le $((before + 64)) ]; then
		ok "$1"
	else
		no "$1: $before to $after KiB"
	fi
}

# terminal NAME STATUS ACT: in a terminal of its own; ACT has the launcher's pid in $pid and the
# keyboard on standard output. The settings afterwards must be those from before.
terminal() {
	local name=$1 status=$2 act=$3
	rm -f "$work"/{pid,status,before,after}
	cat >"$work/session" <<-END
		stty -a >'$work/before'
		sh -c 'echo \$\$ >"$work/pid"; exec "$zwinger" run --kernel "$spin" --memory 64M' 2>'$work/err'
		echo \$? >'$work/status'
		stty -a >'$work/after'
	END
	{
		sleep 1
		pid=$(cat "$work/pid")
		stty -a <"$(readlink "/proc/$pid/fd/0")" >"$work/during"
		eval "$act"
		gone "$pid" 5 || kill -KILL "$pid"
		sleep 0.3
	} | timeout 20 script -qec "sh '$work/session'" /dev/null >/dev/null 2>&1
	if [ "$(cat "$work/status" 2>/dev/null)" = "$status" ] && cmp -s "$work/before" "$work/after" &&
		! cmp -s "$work/before" "$work/during"; then
		ok "$name"
	else
		no "$name: status $(cat "$work/status" 2>/dev/null), wanted $status; $(diff "$work/before" "$work/after" | tr '\n' ' '); said: $(cat "$work/err")"
	fi
}

if [ -n "$kvm" ]; then
	start; kill -TERM "$pid"; ended "SIGTERM" 143 "ended by SIGTERM"
	# A shell starts background jobs with SIGINT ignored, so this one stands in front.
	got=0
	timeout --preserve-status -s INT 1 "$zwinger" run --kernel "$spin" --memory 64M </dev/null 2>"$work/err" || got=$?
	if [ $got = 130 ] && grep -q "ended by SIGINT" "$work/err"; then ok "SIGINT"; else no "SIGINT: status $got"; fi
	start; kill -HUP "$pid"; ended "SIGHUP" 129 "ended by SIGHUP"
	start; kill -QUIT "$pid"; ended "SIGQUIT" 131 "ended by SIGQUIT"
	# Other signals than this one do not reach a process 1 of a namespace from outside.
	start; pkill -KILL -x -P "$pid" zwinger-vmm; ended "a killed VMM process" 13 "killed by signal 9"
	start
	vmm=$(pgrep -P "$pid" -x zwinger-vmm)
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	if [ -n "$vmm" ] && gone "$vmm" 1; then ok "the VMM process dies with its launcher"; else no "the VMM process outlives its launcher"; fi
	# One that cannot notice by itself, as a process that hangs or was taken over.
	start
	vmm=$(pgrep -P "$pid" -x zwinger-vmm)
	kill -STOP "$vmm"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	if [ -n "$vmm" ] && gone "$vmm" 1; then
		ok "so does one that stands still"
	else
		no "a VMM process that stands still outlives its launcher"
		kill -KILL "$vmm"
	fi
	# nohup: whoever has a signal ignored keeps it ignored.
	(trap '' HUP; exec "$zwinger" run --kernel "$spin" --memory 64M </dev/null >"$work/out" 2>"$work/err") &
	pid=$!
	sleep 0.5
	kill -HUP "$pid"
	if gone "$pid" 1; then no "an ignored SIGHUP ends it"; else ok "a SIGHUP that is ignored stays so"; fi
	kill -TERM "$pid"
	ended "and SIGTERM still ends it" 143 "ended by SIGTERM"

	# A device process that dies is replaced, but not for ever; the guest goes on without it.
	start
	for _ in {1..6}; do
		for _ in {1..40}; do pkill -KILL -x -P "$pid" zwinger-rng && break; sleep 0.05; done
		sleep 0.05
	done
	sleep 0.5
	if [ "$(grep -c -- '--rng: starting it again' "$work/err")" = 5 ] && grep -q 'given up' "$work/err" &&
		! pgrep -x -P "$pid" zwinger-rng >/dev/null && pgrep -x -P "$pid" zwinger-vmm >/dev/null; then
		ok "a device process that is killed again and again"
	else
		no "a device process that is killed again and again: $(cat "$work/err")"
	fi
	kill -TERM "$pid"
	wait "$pid" 2>/dev/null

	# Its reader goes away: it ends, as with any pipe.
	got=$(timeout 20 bash -c '"$1" run --kernel "$2" --memory 64M </dev/null 2>/dev/null | head -1 >"$3"; echo "${PIPESTATUS[0]}"' \
		- "$zwinger" "$print" "$work/out")
	if [ "$got" = 141 ] && [ "$(tr -d '\r' <"$work/out")" = A ]; then ok "closed output"; else no "closed output: status $got, got '$(cat "$work/out")'"; fi

	# CVE-2020-27174: input for a guest that does not read must not grow anywhere.
	mkfifo "$work/in" "$work/stall"
	yes >"$work/in" 2>/dev/null &
	"$zwinger" run --kernel "$spin" --memory 64M <"$work/in" >"$work/out" 2>"$work/err" &
	pid=$!
	flat "attack CVE-2020-27174: flood of input"
	kill -TERM "$pid"
	ended "SIGTERM in a flood of input" 143 "ended by SIGTERM"

	# A reader that takes nothing: the guest waits for it, and a signal still ends it.
	exec 9<>"$work/stall"
	"$zwinger" run --kernel "$print" --memory 64M </dev/null >"$work/stall" 2>"$work/err" &
	pid=$!
	flat "attack: flood of output that nobody reads"
	kill -TERM "$pid"
	ended "SIGTERM in a flood of output" 143 "ended by SIGTERM"
	exec 9>&-

	if type script >/dev/null 2>&1; then
		terminal "terminal is as before after Ctrl-] x" 0 'printf "\035x"'
		terminal "terminal is as before after SIGTERM" 143 'kill -TERM "$pid"'
		terminal "terminal is as before after a killed VMM process" 13 'pkill -KILL -x -P "$pid" zwinger-vmm'
	else
		echo "skipped: terminal, since there is no script(1)"
	fi
else
	echo "skipped: signals, floods and terminal, since /dev/kvm cannot be opened here"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
