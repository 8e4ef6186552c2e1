#!/bin/bash
# SPDX-License-Identifier: ISC
# What a running zwinger-vmm and each device process hold, by /proc, against what they should hold:
# descriptors, capabilities, namespaces, file system, mappings, limits. Once started by root, once by
# an ordinary user.
#
# usage: sandbox.sh ZWINGER
set -u
export LC_ALL=C
zwinger=$(realpath "$1") tests=$(dirname "$(realpath "$0")")
cpus=2 memory=$((64 << 20))
{ [ -c /dev/kvm ] && sh -c 'exec 3<>/dev/kvm'; } 2>/dev/null || { echo "skipped: /dev/kvm cannot be opened here"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "skipped: only root sees a process that has shut itself in"; exit 77; }
work=$(mktemp -d)
chmod 755 "$work"
pid=''
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
passed=0 failed=0 who=''
"$tests/tinykernel.sh" ebfe >"$work/spin" # a guest that never ends: jmp .

# row NAME IS SHOULD-BE
row() {
	if [ "$2" = "$3" ]; then
		echo "ok $who: $1"
		passed=$((passed + 1))
	else
		echo "FAILED $who: $1: is '${2//$'\n'/; }', should be '${3//$'\n'/; }'"
		failed=$((failed + 1))
	fi
}

# Each descriptor: its number, what it may do, what it is.
descriptors() {
	local fd n type inode
	for fd in $(ls "/proc/$vmm/fd" | sort -n); do
		n=$(readlink "/proc/$vmm/fd/$fd")
		type=$(stat -Lc '%F %t:%T' "/proc/$vmm/fd/$fd")
		case $n,$type in
		*,'character special file 1:3') n=null ;;
		*,'character special file a:e8') n=kvm ;;
		socket:*)
			inode=${n//[^0-9]/}
			# Both ends were made in the launcher's network namespace.
			n=socket-$(awk -v i="$inode" '$7 == i { print $5 }' "/proc/$pid/net/unix")
			;;
		pipe:*) ! readlink "/proc/$pid/fd/"* | grep -qFx "$n" || n=pipe-to-launcher ;;
		anon_inode:*) n=${n#anon_inode:} ;;
		'/memfd:guest-ram (deleted)',*) n=memfd:guest-ram ;;
		*,'character special file a:c8') n=tap ;;
		*,'regular file 0:0') n=file:${n##*/} ;;
		esac
		echo "$fd $(stat -c %A "/proc/$vmm/fd/$fd" | cut -c2-3) $n"
	done
}
status() { awk -F: -v k="$1" '$1 == k { gsub(/^[ \t]+|[ \t]+$/, "", $2); gsub(/[ \t]+/, " ", $2); print $2 }' "/proc/$vmm/status"; }
limit() { sed -n "s/^$1  *\([^ ]*  *[^ ]*\).*/\1/p" "/proc/$vmm/limits" | tr -s ' '; }
# Kernel helpers that stand in the thread list (PF_USER_WORKER, PF_IO_WORKER) run no code of ours.
threads() {
	local task flags
	for task in "/proc/$vmm/task/"*; do
		flags=$(sed 's/.*) //' "$task/stat" | cut -d' ' -f7)
		[ $((flags & 0x4010)) != 0 ] || echo "$task"
	done
}

# compare WHO USER-NAMESPACE: all rows, for the process $vmm that $pid has started.
compare() {
	local other ns task wanted n
	who=$1
	row "descriptors" "$(descriptors)" "0 rw null
1 rw null
2 -w pipe-to-launcher
3 rw socket-0005
$holds"
	for other in CapInh CapPrm CapEff CapBnd CapAmb; do
		row "$other" "$(status $other)" 0000000000000000
	done
	row "NoNewPrivs" "$(status NoNewPrivs)" 1
	wanted=''
	for task in $(threads); do wanted+="$(awk '/^Seccomp(_filters)?:/ { printf "%s ", $2 }' "$task/status"),"; done
	row "seccomp: $filters in the first thread, one in each other" "$wanted" "2 $filters ,$(for ((n = 1; n < count; n++)); do printf '2 1 ,'; done)"
	row "threads" "$(threads | wc -l)" "$count"
	row "no children" "$(pgrep -P "$vmm")" ""
	row "user and group ids are all the same" "$(printf '%s\n' $(status Uid; status Gid) | sort -u | wc -l)" "$3"
	row "user id is not root's" "$([ "$(status Uid | cut -d' ' -f1)" -gt 0 ] && echo yes)" yes
	for ns in mnt net pid ipc uts cgroup $2; do
		row "namespace of its own: $ns" \
			"$([ "$(readlink "/proc/$vmm/ns/$ns")" != "$(readlink "/proc/$pid/ns/$ns")" ] && echo yes)" yes
	done
	row "is process 1" "$(status NSpid | wc -w) $(status NSpid | cut -d' ' -f2)" "2 1"
	row "network has nothing but lo" "$(awk -F: 'NR > 2 { gsub(/ /, "", $1); print $1 }' "/proc/$vmm/net/dev")" lo
	row "network has no address" "$(cat "/proc/$vmm/net/if_inet6" 2>/dev/null; grep -c LOCAL "/proc/$vmm/net/fib_trie")" 0
	row "root directory is empty" "$(ls -A "/proc/$vmm/root/" 2>&1)" ""
	row "working directory" "$(readlink "/proc/$vmm/cwd")" /
	if [ "$(stat -fc %T "/proc/$pid/root/")" = ramfs ]; then
		echo "skipped: mounts, since an initial ramfs cannot be left behind"
	else
		row "mounts: one, read-only" "$(awk '{ print $2, $3, substr($4, 1, 3) }' "/proc/$vmm/mounts")" "/ tmpfs ro,"
	fi
	row "no memory is both writable and executable" "$(grep -E '^[^ ]+ .w.?x' "/proc/$vmm/maps")" ""
	row "no code but the program's and the kernel's" \
		"$(awk '$2 ~ /x/ && $6 != "[vsyscall]" { n = split($6, part, "/"); print part[n] }' "/proc/$vmm/maps" | sort -u | tr '\n' ' ')" \
		"[vdso] $program "
	row "environment is empty" "$(wc -c <"/proc/$vmm/environ")" 0
	row "arguments" "$(tr '\0' ' ' <"/proc/$vmm/cmdline")" "$program "
	row "limit: core dumps" "$(limit 'Max core file size')" "0 0"
	row "limit: open files" "$(limit 'Max open files')" "$files $files"
	row "limit: size of files" "$(limit 'Max file size')" "$size $size"
	row "its own user may not look into it" "$(stat -c %u "/proc/$vmm/maps")" 0
	row "umask" "$(status Umask)" 0077
	row "traced by nobody" "$(status TracerPid)" 0
}

# The process that is to be looked at, once it runs its guest: then both filters are in force.
await() {
	local i
	for ((i = 0; i < 100; i++)); do
		vmm=$(pgrep -P "$pid" -x zwinger-vmm) && [ "$(status Seccomp_filters)" = 2 ] && return 0
		sleep 0.05
	done
	row "a VMM process runs its guest under both filters" "no; zwinger said: $(cat "$work/err")" yes
	return 1
}
finish() {
	kill -TERM "$pid"
	wait "$pid" 2>/dev/null
	pid=''
}

# Each device with what it holds behind the control socket; a VMM that has only a console.
vmm_row() {
	program=zwinger-vmm filters=2 count=$((cpus + 1)) files=80 size=$memory holds="4 rw kvm
7 rw socket-0001
8 rw [eventfd]
9 rw kvm-vm
10 rw memfd:guest-ram
11 rw [timerfd]
12 rw kvm-vcpu:0
13 rw kvm-vcpu:1"
	compare "$1" "$2" 1
}
# device_row NAME FILES SIZE DESCRIPTOR...: what it is, from number 4 on.
device_row() {
	local n=5 d
	program=$1 filters=1 count=1 files=$2 size=$3 holds="4 rw socket-0001"
	shift 3
	for d in "$@"; do
		holds+="
$n rw $d"
		n=$((n + 1))
	done
	if vmm=$(pgrep -P "$pid" -x "$program"); then
		compare "$program" "" 1
	else
		row "$program runs" no yes
	fi
}

run=("$zwinger" run --kernel "$work/spin" --memory 64M --cpus "$cpus" --no-rng)
# What must not be inherited: descriptors, the environment, a directory.
cd /usr || exit 1
SECRET=1 "${run[@]}" </dev/null >/dev/null 2>"$work/err" 20</etc/passwd 30>"$work/leak" &
pid=$! who="by root"
if await; then
	vmm_row "by root" ""
	row "user id is nobody else's" "$([ "$(status Uid | cut -d' ' -f1)" -ge $((0x5a000000)) ] && echo yes)" yes
	row "no further groups" "$(status Groups)" ""
fi
finish

# The devices, before a driver has come: guest memory is not even mapped. The last socket of each was
# made by the VMM, in its own network namespace.
truncate -s 1M "$work/disk"
tap=()
if ip tuntap add dev zwsb0 mode tap vnet_hdr 2>/dev/null; then
	tap=(--net tap=zwsb0)
else
	echo "skipped: zwinger-net, since this host gives no tap"
fi
"$zwinger" run --kernel "$work/spin" --memory 64M --disk "file=$work/disk" "${tap[@]}" --console "name=a,socket=$work/port" \
	--vsock "cid=9,path=$work/vsock" --balloon size=0 </dev/null >/dev/null 2>"$work/err" &
pid=$! who="devices"
if await; then
	unlimited="unlimited"
	device_row zwinger-blk 257 $unlimited file:disk '[eventpoll]' '[io_uring]' '[timerfd]' socket-
	[ ${#tap[@]} = 0 ] || device_row zwinger-net 257 274560 tap '[eventpoll]' '[timerfd]' '[timerfd]' socket-
	device_row zwinger-console 264 274560 socket-0001 '[eventpoll]' '[timerfd]' socket-
	device_row zwinger-vsock 321 274560 socket-0001 '[eventpoll]' '[timerfd]' socket-
	device_row zwinger-balloon 256 274560 '[eventpoll]' '[timerfd]' socket-
	device_row zwinger-rng 256 274560 '[eventpoll]' '[timerfd]' socket-
fi
finish
[ ${#tap[@]} = 0 ] || ip link del zwsb0

group=$(getent group kvm | cut -d: -f3)
ordinary=(setpriv --reuid 65534 --regid 65534 --groups "${group:-65534}" --inh-caps -all)
if ! "${ordinary[@]}" "$zwinger" --version >/dev/null 2>&1; then
	echo "skipped: by an ordinary user, since nobody may not execute $zwinger"
elif ! "${ordinary[@]}" unshare -U true 2>/dev/null; then
	echo "skipped: by an ordinary user, since this host refuses user namespaces"
else
	# /dev/kvm for everybody, in a mount namespace that only these processes see.
	mkdir "$work/dev"
	SECRET=1 unshare -m sh -c 'mount -t tmpfs none "$0/dev" && mknod -m 666 "$0/dev/kvm" c 10 232 &&
		mount --bind "$0/dev/kvm" /dev/kvm && exec "$@"' "$work" "${ordinary[@]}" "${run[@]}" \
		</dev/null >/dev/null 2>"$work/err" 20</etc/passwd 30>"$work/leak2" &
	pid=$! who="by a user"
	if await; then
		vmm_row "by a user" user
		row "maps one user id" "$(tr -s ' ' <"/proc/$vmm/uid_map" | sed 's/^ //')" "65534 65534 1"
	fi
	finish
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
