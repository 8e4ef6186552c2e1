#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs on a KVM host (in the lab, or on hardware) as root: a stock Debian kernel and each virtio
# device, good days and bad days. A row is a boot; it says what failed. What a row does inside
# the guest is in devices_guest.sh.
#
# usage: devices.sh ZWINGER INITRD CACHE-DIRECTORY [ROW-PATTERN]
set -u
zwinger=$1 initrd=$2 cache=$3 only=${4:-.}
passed=0 failed=0
kernel=$cache/kernels/cloud-6.1/vmlinuz
work=$(mktemp -d /run/devices.XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
root=$(cd "$(dirname "$0")/../.." && pwd) build=$(cd "$(dirname "$zwinger")/.." && pwd)
cd "$work" || exit 1

# guest DO OPTION...: boots, with the initrd that has the programs; its output goes to $work/out as it comes.
# What is typed comes from $typed, if that is set.
guest() {
	local do=$1 initrd=$initrd
	shift
	case $do in disk-verify) initrd=${initrd%.cpio}-fio.cpio ;; kexec) initrd=${initrd%.cpio}-kexec.cpio ;; esac
	timeout 200 "$zwinger" run --kernel "$kernel" --initrd "$initrd" --memory 256M \
		--append "console=ttyS0 quiet panic=-1 zw.do=$do" "$@" <"${typed:-/dev/null}" >"$work/out" 2>&1
}

# until_said TEXT: waits for it in the guest's output.
until_said() {
	for _ in $(seq 600); do
		grep -qa "$1" "$work/out" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

# judge NAME STATUS WANTED-STATUS TEXT...: each TEXT, an extended regular expression, was said.
judge() {
	local name=$1 status=$2 wanted=$3 missing='' text
	shift 3
	for text in "$@"; do
		grep -qaE -- "$text" "$work/out" || missing="$missing /$text/"
	done
	if [ "$status" = "$wanted" ] && [ -z "$missing" ]; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAILED $name: status $status, wanted $wanted; not said:$missing; said:"
		tail -25 "$work/out"
		failed=$((failed + 1))
	fi
	rm -f "$work/out"
}

# fact NAME COMMAND...: something on the host that must hold.
fact() {
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAILED $name: $*"
		failed=$((failed + 1))
	fi
}

# Which system calls do all these processes make? policy_use.sh asks later.
# shellcheck source=test/e2e/calls.sh
. "$root/test/e2e/calls.sh"
calls_begin

# wanted ROW: is this group of them to be run? When nothing in it has failed, "done ROW" is said.
row='' failed_before=0
end_row() {
	[ -z "$row" ] || calls_save devices
	[ -z "$row" ] || [ $failed != $failed_before ] || echo "done $row"
	row=''
}
wanted() {
	end_row
	[[ $1 =~ $only ]] || return 1
	row=$1 failed_before=$failed
}

# tap: zwt0, with nothing of an earlier row.
tap() {
	[ -e /dev/net/tun ] || modprobe tun
	ip link del zwt0 2>/dev/null
	ip tuntap add dev zwt0 mode tap vnet_hdr
	ip addr add 10.98.0.1/24 dev zwt0
	ip link set zwt0 up
}

if wanted rng; then
	guest rng --no-reboot
	judge "rng: random numbers without asking for them" $? 0 'CURRENT virtio_rng' RANDOM DONE
	truncate -s 8M disk.img
	tap
	# What all processes hold beside the guest's RAM, when it has used disk, network, console and rng.
	read -r _ kib < <(timeout 100 "$build/bench/until" 'ALL USED' "$zwinger" run --kernel "$kernel" --initrd "$initrd" --memory 256M \
		--append "console=ttyS0 quiet panic=-1 zw.do=memory" --no-reboot --disk file=disk.img --net tap=zwt0 --console hvc </dev/null)
	echo "rng: launcher, VMM, blk, net, console and rng hold ${kib:-?} KiB beside guest RAM"
	fact "rng: that is less than 5 MiB" [ "${kib:-9999}" -lt 5120 ]
	rm disk.img
fi

if wanted disk; then
	truncate -s 32M disk.img
	guest disk --no-reboot --disk file=disk.img,serial=ABC123
	judge "disk: written, flushed, read back, discarded" $? 0 'SECTORS 65536 SERIAL ABC123 RO 0' WRITTEN SAME DISCARDED DONE
	fact "disk: a discarded range is free on the host" [ "$(stat -c %b disk.img)" -lt 12000 ]
	guest disk-readonly --no-reboot --disk file=disk.img,readonly
	judge "disk: read-only" $? 0 'RO 1' REFUSED READ DONE
	guest disk-queues --no-reboot --cpus 2 --disk file=disk.img,ops=20
	judge "disk: a queue per processor, and few requests a second" $? 0 'QUEUES 2' DONE
	[ -e /dev/ram0 ] || modprobe brd rd_nr=1 rd_size=32768
	guest disk --no-reboot --disk file=/dev/ram0,direct,serial=D
	judge "disk: a block device, past the page cache" $? 0 WRITTEN SAME DONE
	guest clock --no-reboot --disk file=disk.img &
	until_said STOP
	"$zwinger" run --kernel "$kernel" --disk file=disk.img </dev/null >second 2>&1
	fact "disk: refused while another guest has it" grep -q 'in use' second
	wait $!
	judge "disk: that guest goes on" $? 0 DONE
fi

if wanted faults; then
	truncate -s 64M disk.img
	(
		until_said BEGIN
		for _ in 1 2 3; do
			sleep 1
			pkill -9 -x zwinger-blk
		done
	) &
	guest disk-verify --no-reboot --disk file=disk.img --memory 768M
	judge "faults: the disk's process is killed under load, no acknowledged write is lost" $? 0 BEGIN VERIFIED DONE
	mkdir small
	mount -t tmpfs -o size=4M tmpfs small
	truncate -s 32M small/disk.img
	guest disk-fails --no-reboot --disk file=small/disk.img
	judge "faults: the host's disk is full" $? 0 'FAILED .*(Input.output error|No space)' 'STILL READS' DONE
	umount small
	truncate -s 32M disk.img
	(
		until_said TRUNCATE
		truncate -s 1M disk.img
	) &
	guest disk-truncated --no-reboot --disk file=disk.img
	judge "faults: the disk's file is cut under the guest" $? 0 READ FAILED DONE
	rm -f disk.img
fi

if wanted again; then
	tap
	socat UNIX-LISTEN:all.sock_6001,fork PIPE &
	echoes=$!
	all=(--net tap=zwt0 --console name=org.zwinger.test,socket=all.port --vsock cid=9,path=all.sock --balloon size=0)
	alive='ALIVE rng net console balloon vsock'
	truncate -s 8M disk.img
	guest reload --no-reboot --disk file=disk.img "${all[@]}"
	judge "again: the driver is unbound, bound, unloaded and loaded" $? 0 SAME "$alive" RELOADED DONE
	rm disk.img
	truncate -s 8M disk.img
	guest reboot --disk file=disk.img "${all[@]}"
	status=$?
	fact "again: every device answers each time" [ "$(grep -ac "$alive" out)" = 3 ]
	judge "again: the guest reboots twice" $status 0 'START 0' 'START 1' 'START 2' DONE
	rm disk.img
	truncate -s 8M disk.img
	guest kexec --no-reboot --disk file=disk.img --memory 512M "${all[@]}"
	status=$?
	fact "again: every device answers both" [ "$(grep -ac "$alive" out)" = 2 ]
	judge "again: the guest's kernel starts another" $status 0 'START 0' 'START 1' DONE
	rm disk.img
	kill $echoes
fi

if wanted bars; then
	tap
	truncate -s 8M one.img two.img
	guest bars --no-reboot --disk file=one.img --disk file=two.img --net tap=zwt0
	judge "bars: BAR and vectors of one device moved over RAM and others, with traffic on all: only that one breaks" $? 0 \
		'MASKED AND BACK' 'MOVED AND BACK' 'SCRIBBLED AND BACK' 'OTHERS GO ON' 'DISK WAS RIGHT' 'NET WAS RIGHT' DONE
	rm one.img two.img
fi

if wanted net; then
	tap
	mkdir -p www
	dd if=/dev/urandom of=www/data bs=64k count=32 2>/dev/null
	echo "hello from the host" >www/hello
	busybox httpd -f -p 8080 -h www &
	socat -u TCP-LISTEN:8081,reuseaddr OPEN:received,creat &
	guest net --no-reboot --net tap=zwt0,mac=02:00:00:00:00:42,mtu=1400
	judge "net: a tap, both ways" $? 0 'MAC 02:00:00:00:00:42 MTU 1400' PONG "$(md5sum <www/data | cut -c1-32)" SENT DONE
	fact "net: the host got what the guest sent" cmp www/data received
	(
		until_said REMOVE
		ip link del zwt0
	) &
	guest net-removed --no-reboot --net tap=zwt0,rate=2K
	judge "net: the tap is removed under the guest" $? 0 'CARRIER 1' 'CARRIER NOW 0' ALIVE DONE
	ip link add zwd0 type dummy 2>/dev/null || { modprobe dummy && ip link add zwd0 type dummy; }
	ip addr add 10.97.0.5/24 dev zwd0
	ip link set zwd0 up
	ip route add default via 10.97.0.1 dev zwd0
	guest passt --no-reboot --net passt
	judge "net: passt, without root" $? 0 'ADDRESS 10.97.0.5' 'hello from the host' DONE
fi

if wanted console; then
	(
		until_said PORT
		for _ in $(seq 50); do [ -S port.sock ] && break; sleep 0.1; done
		echo "hello from the host" | socat -t 5 - UNIX-CONNECT:port.sock >port.out
	) &
	talk=$!
	guest console --no-reboot --console name=org.zwinger.test,socket=port.sock
	judge "console: a named port" $? 0 'PORT /dev/vport' 'GOT hello from the host' DONE
	wait $talk
	guest hvc --no-reboot --console hvc
	judge "console: the terminal as hvc0" $? 0 'on hvc0' DONE
	printf '%s\n' 'wait 90 READY' 'size 33 101' 'wait 20 SIZE 33 101' 'end 60' >resize
	timeout 150 "$build/test/person" resize "$zwinger" run --kernel "$kernel" --initrd "$initrd" --memory 256M \
		--append "console=ttyS0 quiet panic=-1 zw.do=resize" --no-reboot --console hvc >out 2>&1
	judge "console: the terminal becomes larger, and hvc0 with it" $? 0
	mkfifo typed
	exec 9<>typed
	(
		until_said TYPE
		echo "hello by hand" >&9
	) &
	typed=typed guest typed --no-reboot
	judge "console: what is typed reaches the serial port" $? 0 'TYPED hello by hand' DONE
	exec 9>&-
	"$root/test/e2e/tinykernel.sh" b8000000d0ffe0 >nowhere # mov eax, 0xd0000000; jmp rax
	timeout 50 "$zwinger" run --kernel nowhere --memory 64M --no-reboot </dev/null >out 2>&1
	judge "console: a guest that runs into nothing is told where" $? 12 'RIP 0xd0000000, ring 0, 64-bit mode'
fi

if wanted vsock; then
	socat UNIX-LISTEN:vm.sock_6000 OPEN:called,creat &
	socat UNIX-LISTEN:vm.sock_6001 PIPE &
	(
		until_said LISTENING
		(printf 'CONNECT 5000\n'; sleep 1; echo "host calls"; sleep 1) | socat -t 3 - UNIX-CONNECT:vm.sock >answer
		# Gone before the guest has read it all.
		(printf 'CONNECT 5001\n'; sleep 1; head -c 1000000 /dev/zero) | socat -u - UNIX-CONNECT:vm.sock
	) &
	talk=$!
	guest vsock --no-reboot --vsock cid=7,path=vm.sock
	judge "vsock: both ways" $? 0 LISTENING "BIG 1000000" ECHOED NOBODY DONE
	wait $talk
	fact "vsock: the host was called" grep -q 'guest calls' called
	fact "vsock: the guest was called" grep -q 'HOST CALLS' answer
fi

if wanted share; then
	mkdir -p shared
	echo "hello from the directory" >shared/hello
	guest share --no-reboot --share path=shared,tag=shared
	judge "share: a directory by virtiofsd" $? 0 'hello from the directory' WROTE UNMOUNTED DONE
	fact "share: the host sees what the guest wrote" grep -q 'from the guest' shared/answer
	qemu-img create -q -f qcow2 disk.qcow2 32M
	qemu-storage-daemon --blockdev driver=file,node-name=f,filename=disk.qcow2 --blockdev driver=qcow2,node-name=d,file=f \
		--export type=vhost-user-blk,id=e,node-name=d,writable=on,addr.type=unix,addr.path=qsd.sock &
	daemon=$!
	for _ in $(seq 50); do [ -S qsd.sock ] && break; sleep 0.1; done
	guest disk --no-reboot --disk socket=qsd.sock
	judge "share: a qcow2 disk by qemu-storage-daemon" $? 0 'SECTORS 65536' WRITTEN SAME DONE
	kill $daemon
fi

if wanted qemu; then
	truncate -s 32M disk.img
	"$zwinger" device --socket blk.sock --disk file=disk.img,serial=FORQEMU >device.log 2>&1 &
	server=$!
	for _ in $(seq 50); do [ -S blk.sock ] && break; sleep 0.1; done
	timeout 100 qemu-system-x86_64 -accel kvm -cpu host -M q35 -m 256 -nodefaults -no-user-config -no-reboot -display none -serial stdio \
		-object memory-backend-memfd,id=m,size=256M,share=on -machine memory-backend=m -kernel "$kernel" -initrd "$initrd" \
		-append "console=ttyS0 quiet panic=-1 zw.do=disk" -chardev socket,id=c,path=blk.sock -device vhost-user-blk-pci,chardev=c \
		</dev/null >out 2>&1
	judge "qemu: our block device serves it" $? 0 'SECTORS 65536 SERIAL FORQEMU' WRITTEN SAME DONE
	kill $server
fi

if wanted balloon; then
	(
		until_said INFLATE
		echo 100M | socat -t 1 - UNIX-CONNECT:balloon.sock >/dev/null
		until_said DEFLATE
		echo 0 | socat -t 1 - UNIX-CONNECT:balloon.sock >/dev/null
	) &
	guest balloon --no-reboot --balloon size=0,socket=balloon.sock
	judge "balloon: inflated and deflated" $? 0 TAKEN GIVEN DONE
fi

if wanted debian; then
	for cpus in 1 2 8; do
		timeout 280 "$zwinger" run --kernel "$cache/demo.vmlinuz" --initrd "$cache/demo.initrd" --memory 512M --cpus $cpus \
			--append "console=ttyS0 quiet root=/dev/vda zw.overlay zw.demo" --disk "file=$cache/demo.img,readonly" \
			--no-reboot </dev/null >out 2>&1
		judge "debian: a whole system boots, shows itself and powers off, $cpus processors" $? 0 'Debian GNU/Linux 12' 'vda +disk'
	done
fi

if wanted clock; then
	(
		until_said STOP
		pkill -STOP -x zwinger-vmm
		sleep 3
		pkill -CONT -x zwinger-vmm
	) &
	guest clock --no-reboot
	status=$?
	fact "clock: the guest's is the host's" test $(($(date +%s) - $(sed -n 's/^TIME \([0-9]*\).*/\1/p' out | tr -d '\r'))) -le 3
	judge "clock: the guest lives on after its process has stood still" $status 0 TIME DONE
fi

end_row
echo "$passed passed, $failed failed"
[ $failed = 0 ]
