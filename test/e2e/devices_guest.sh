# SPDX-License-Identifier: ISC
# Runs in the guest of test/e2e/devices.sh, which says by zw.do= what is to be done. Whatever is
# expected is said in a line of its own, and nothing else is judged there.
# shellcheck shell=dash disable=SC2046
what=$(sed 's/.*zw.do=\([^ ]*\).*/\1/' /proc/cmdline)
mkdir -p /tmp /mnt
export PATH=/bin:/usr/bin:/usr/sbin:/sbin
mount -t tmpfs tmpfs /tmp
ifconfig lo 127.0.0.1 up

# there PATH: waits some seconds for a device to appear.
there() {
	for _ in $(seq 50); do
		[ -e "$1" ] && return 0
		sleep 0.1
	done
	echo "MISSING $1"
	return 1
}

# port NAME: the device of a named console port.
port() {
	for _ in $(seq 50); do
		for p in /sys/class/virtio-ports/*; do
			[ "$(cat "$p/name" 2>/dev/null)" = "$1" ] && echo "/dev/${p##*/}" && return 0
		done
		sleep 0.1
	done
	return 1
}

# alive: which of the devices beside the disk answer; see the rows "again".
alive() {
	found=''
	[ "$(dd if=/dev/hwrng bs=32 count=1 2>/dev/null | wc -c)" = 32 ] && found="$found rng"
	there /sys/class/net/eth0
	ifconfig eth0 10.98.0.2 netmask 255.255.255.0 up
	ping -c 1 -W 5 10.98.0.1 >/dev/null 2>&1 && found="$found net"
	p=$(port org.zwinger.test) && (: <>"$p") && found="$found console"
	[ -n "$(ls /sys/bus/virtio/drivers/virtio_balloon/ | grep virtio)" ] && found="$found balloon"
	[ "$(echo there | socat -t 5 - VSOCK-CONNECT:2:6001)" = there ] && found="$found vsock"
	echo "ALIVE$found"
}

case $what in
rng)
	echo "CURRENT $(cat /sys/class/misc/hw_random/rng_current)"
	[ "$(dd if=/dev/hwrng bs=256 count=4 2>/dev/null | sort -u | wc -c)" -gt 100 ] && echo RANDOM
	;;
memory)
	there /dev/vda
	ifconfig eth0 10.98.0.2 netmask 255.255.255.0 up
	dd if=/dev/zero of=/dev/vda bs=64k count=64 oflag=direct 2>/dev/null
	ping -c 5 -i 0.2 10.98.0.1 >/dev/null
	dd if=/dev/hwrng of=/dev/null bs=256 count=4 2>/dev/null
	seq 1000 >/dev/hvc0
	echo "ALL USED"
	sleep 20
	;;
disk)
	there /dev/vda
	echo "SECTORS $(cat /sys/block/vda/size) SERIAL $(cat /sys/block/vda/serial) RO $(cat /sys/block/vda/ro)"
	dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null
	dd if=/tmp/data of=/dev/vda bs=64k seek=16 conv=fsync 2>/dev/null && echo WRITTEN
	echo 3 >/proc/sys/vm/drop_caches
	dd if=/dev/vda bs=64k skip=16 count=128 2>/dev/null | cmp - /tmp/data && echo SAME
	blkdiscard -o 1048576 -l 4194304 /dev/vda 2>/dev/null && echo DISCARDED
	;;
disk-readonly)
	there /dev/vda
	echo "RO $(cat /sys/block/vda/ro)"
	dd if=/dev/zero of=/dev/vda bs=4k count=1 conv=fsync 2>/dev/null || echo REFUSED
	dd if=/dev/vda of=/dev/null bs=4k count=1 2>/dev/null && echo READ
	;;
disk-queues)
	there /dev/vda
	echo "QUEUES $(ls /sys/block/vda/mq | wc -l)"
	dd if=/dev/vda of=/dev/null bs=4k count=60 iflag=direct 2>/dev/null # more than its rate allows at once
	;;
disk-fails) # the host cannot keep what it promised
	there /dev/vda
	dd if=/dev/zero of=/dev/vda bs=64k seek=8 count=256 oflag=direct 2>/tmp/error || echo "FAILED $(cat /tmp/error)" | head -1
	dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null && echo "STILL READS"
	;;
disk-truncated)
	there /dev/vda
	dd if=/dev/vda of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null && echo READ
	echo TRUNCATE
	sleep 3
	dd if=/dev/vda of=/dev/null bs=64k skip=64 count=1 iflag=direct 2>/dev/null || echo FAILED
	;;
disk-verify) # a device process is killed meanwhile, several times
	there /dev/vda
	echo "BEGIN"
	fio --name=v --filename=/dev/vda --direct=1 --ioengine=libaio --rw=randwrite --bs=4k --iodepth=16 --size=24M \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --randseed=7 --fsync=64 --thread --minimal >/tmp/out 2>&1 &&
		echo VERIFIED || tail -3 /tmp/out
	;;
reload)
	there /dev/vda
	pci=$(basename "$(readlink -f /sys/block/vda/device/..)")
	for _ in 1 2 3; do
		dd if=/dev/urandom of=/tmp/data bs=64k count=4 2>/dev/null
		dd if=/tmp/data of=/dev/vda bs=64k oflag=direct 2>/dev/null
		echo "$pci" >/sys/bus/pci/drivers/virtio-pci/unbind
		[ -e /dev/vda ] && echo STAYED
		echo "$pci" >/sys/bus/pci/drivers/virtio-pci/bind
		there /dev/vda
		dd if=/dev/vda bs=64k count=4 iflag=direct 2>/dev/null | cmp - /tmp/data && echo SAME
	done
	for pci in /sys/bus/pci/drivers/virtio-pci/0000*; do
		echo "${pci##*/}" >/sys/bus/pci/drivers/virtio-pci/unbind
		echo "${pci##*/}" >/sys/bus/pci/drivers/virtio-pci/bind
	done
	there /dev/vda
	alive
	rmmod virtio_blk && insmod /modules/*virtio_blk.ko && there /dev/vda && echo RELOADED
	;;
reboot)
	there /dev/vda
	n=$(dd if=/dev/vda bs=512 count=1 2>/dev/null | tr -d '\0')
	echo "START ${n:-0}"
	alive
	if [ "${n:-0}" -lt 2 ]; then
		echo "$((${n:-0} + 1))" | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null
		reboot -f
	fi
	;;
kexec)
	there /dev/vda
	n=$(dd if=/dev/vda bs=512 count=1 2>/dev/null | tr -d '\0')
	echo "START ${n:-0}"
	alive
	if [ "${n:-0}" -lt 1 ]; then
		echo 1 | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null
		kexec -l /boot/vmlinuz --initrd=/boot/initrd --reuse-cmdline && sync && kexec -e
	fi
	;;
bars) # root plays with a device's BAR and vectors; vda and the network card look on
	there /dev/vdb
	pci=$(readlink -f /sys/block/vdb/device/..)
	bar() { printf '%d' "0x$(od -An -tx4 -j16 -N4 "$1/config" | tr -d ' ')"; }
	home=$(bar "$pci") other=$(bar "$(readlink -f /sys/block/vda/device/..)")
	# poke OFFSET WIDTH VALUE: one write of that width
	poke() {
		bytes='' value=$3
		for _ in $(seq "$2"); do
			bytes="$bytes\\$(printf %03o $((value & 255)))"
			value=$((value >> 8))
		done
		printf "$bytes" | dd of="$pci/config" bs="$2" seek=$(($1 / $2)) conv=notrunc 2>/dev/null
	}
	byte() { od -An -tu1 -j"$1" -N1 "$pci/config" | tr -d ' '; }
	msix=$(byte 52)
	while [ "$msix" != 0 ] && [ "$(byte "$msix")" != 17 ]; do msix=$(byte $((msix + 1))); done
	# Each round writes and reads back; a round that differs says so.
	load() {
		for i in $(seq "$2"); do
			dd if=/tmp/data of="$1" bs=64k oflag=direct 2>/dev/null && dd if="$1" bs=64k count=2 iflag=direct 2>/dev/null |
				cmp -s - /tmp/data || { echo "$1 WRONG in round $i"; return 1; }
		done
	}
	dd if=/dev/urandom of=/tmp/data bs=64k count=2 2>/dev/null
	ifconfig eth0 10.98.0.2 netmask 255.255.255.0 up
	: >/tmp/go
	(while [ -e /tmp/go ]; do load /dev/vda 1 || exit; echo round >>/tmp/rounds; done) &
	looks_on=$!
	ping -i 0.2 10.98.0.1 >/tmp/ping 2>&1 &
	ping=$!

	load /dev/vdb 5 &
	toyed=$!
	while kill -0 $toyed 2>/dev/null; do
		for control in 0xc000 0x0000 0x8000 0x4000; do poke $((msix + 2)) 2 $control; done
		poke $((msix + 2)) 2 0x8000
	done
	wait $toyed && echo "MASKED AND BACK"

	for at in 0x00100000 0x01000000 0x0fff0000 "$other" 0xe0000000 0xfec00000 0xfee00000 0xffff0000 0x00000000 0x3ffff000; do
		poke 16 4 "$at"
		poke 4 2 4
		poke 4 2 6
		poke 16 4 "$home"
		load /dev/vdb 1 || echo "LOST by $at"
	done
	[ "$(bar "$pci")" = "$home" ] && load /dev/vdb 1 && echo "MOVED AND BACK"

	echo "${pci##*/}" >/sys/bus/pci/drivers/virtio-pci/unbind
	echo 1 >"$pci/enable"
	poke $((msix + 2)) 2 0x8000
	table=$(od -An -tu4 -j$((msix + 4)) -N4 "$pci/config" | tr -d ' ')
	for word in 0xfee00000 0x00100000 0xffffffff "$home" "$other" 0; do
		for i in $(seq 0 15); do devmem $((home + (table & ~7) + i * 4)) 32 "$word"; done
	done
	echo 0 >"$pci/enable"
	echo "${pci##*/}" >/sys/bus/pci/drivers/virtio-pci/bind
	there /dev/vdb && load /dev/vdb 2 && echo "SCRIBBLED AND BACK"

	# At last it stays away, with requests on their way: it hangs, and nobody else does.
	(load /dev/vdb 1000) &
	poke 16 4 0x00100000
	before=$(wc -l </tmp/rounds)
	sleep 2
	[ "$(wc -l </tmp/rounds)" -gt "$before" ] && echo "OTHERS GO ON"
	rm /tmp/go
	wait $looks_on && echo "DISK WAS RIGHT"
	kill -INT $ping
	wait $ping
	grep -q ' 0% packet loss' /tmp/ping && echo "NET WAS RIGHT" || tail -3 /tmp/ping
	poke 16 4 "$home" # or the kernel would wait for ever for its reset
	echo DONE
	echo o >/proc/sysrq-trigger # at once: an orderly end might wait for the disk that hangs
	sleep 60
	;;
net)
	there /sys/class/net/eth0
	echo "MAC $(cat /sys/class/net/eth0/address) MTU $(cat /sys/class/net/eth0/mtu)"
	ifconfig eth0 10.98.0.2 netmask 255.255.255.0 up
	ping -c 3 -s 1400 -W 5 10.98.0.1 >/tmp/out 2>&1 && echo PONG || cat /tmp/out
	wget -q -O /tmp/file http://10.98.0.1:8080/data && md5sum /tmp/file
	md5sum /tmp/file >/dev/null && nc -w 10 10.98.0.1 8081 </tmp/file && echo SENT
	;;
net-removed)
	there /sys/class/net/eth0
	ifconfig eth0 10.98.0.2 netmask 255.255.255.0 up
	echo "CARRIER $(cat /sys/class/net/eth0/carrier)"
	ping -c 5 -s 1000 -i 0.2 -W 2 10.98.0.1 >/dev/null 2>&1 # more than its rate allows at once
	echo REMOVE
	for _ in $(seq 50); do
		[ "$(cat /sys/class/net/eth0/carrier)" = 0 ] && break
		sleep 0.1
	done
	echo "CARRIER NOW $(cat /sys/class/net/eth0/carrier)"
	ping -c 1 -W 1 10.98.0.1 >/dev/null 2>&1 || echo ALIVE
	;;
passt)
	there /sys/class/net/eth0
	ifconfig eth0 up
	udhcpc -i eth0 -n -q -t 5 -s /dhcp >/tmp/out 2>&1 || cat /tmp/out
	echo "ADDRESS $(ip -4 addr show dev eth0 | awk '/inet/ { print $2 }')"
	gateway=$(ip route | awk '/default/ { print $3 }')
	wget -q -O - "http://$gateway:8080/hello"
	;;
console)
	p=$(port org.zwinger.test)
	exec 3<>"$p" # what comes while nobody has it open is thrown away by the driver
	echo "PORT $p"
	echo "hello from the guest" >&3
	read -r line <&3
	echo "GOT $line"
	;;
hvc)
	there /dev/hvc0
	stty -F /dev/hvc0 size
	echo "on hvc0" >/dev/hvc0
	;;
resize)
	there /dev/hvc0
	echo READY >/dev/hvc0
	for _ in $(seq 100); do
		[ "$(stty -F /dev/hvc0 size)" = "33 101" ] && echo "SIZE $(stty -F /dev/hvc0 size)" >/dev/hvc0 && break
		sleep 0.1
	done
	sleep 1
	;;
typed)
	echo TYPE
	read -r line </dev/console
	echo "TYPED $line"
	;;
vsock)
	there /dev/vsock
	socat VSOCK-LISTEN:5000 EXEC:'tr a-z A-Z' &
	socat -u VSOCK-LISTEN:5001 OPEN:/tmp/big,creat &
	sleep 0.5
	echo LISTENING
	echo "guest calls" | socat -t 5 - VSOCK-CONNECT:2:6000
	wait
	echo "BIG $(wc -c </tmp/big)"
	dd if=/dev/urandom bs=64k count=16 2>/dev/null >/tmp/data
	socat -t 10 - VSOCK-CONNECT:2:6001 </tmp/data >/tmp/back
	cmp /tmp/data /tmp/back && echo ECHOED
	socat - VSOCK-CONNECT:2:6666 </dev/null 2>/dev/null || echo NOBODY
	;;
share)
	mount -t virtiofs shared /mnt && cat /mnt/hello
	echo "from the guest" >/mnt/answer && echo WROTE
	ls /mnt/.. >/dev/null
	umount /mnt && echo UNMOUNTED
	;;
balloon)
	free=$(awk '/MemFree/ { print $2 }' /proc/meminfo)
	echo INFLATE
	for _ in $(seq 100); do
		now=$(awk '/MemFree/ { print $2 }' /proc/meminfo)
		[ $((free - now)) -gt 50000 ] && echo TAKEN && break
		sleep 0.1
	done
	echo DEFLATE
	for _ in $(seq 100); do
		now=$(awk '/MemFree/ { print $2 }' /proc/meminfo)
		[ $((free - now)) -lt 20000 ] && echo GIVEN && break
		sleep 0.1
	done
	;;
clock)
	echo STOP
	sleep 4
	echo "TIME $(date +%s)"
	;;
*) echo "UNKNOWN $what" ;;
esac
echo DONE
