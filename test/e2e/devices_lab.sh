#!/bin/bash
# SPDX-License-Identifier: ISC
# test/e2e/devices.sh where stock kernels run: on this host, or else in the lab.
# usage: devices_lab.sh ZWINGER [ROW-PATTERN]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
zwinger=$(realpath "$1")
work=$root/.cache/devices
mkdir -p "$work"

kernel=$("$root/guests/kernel" cloud-6.1)
cat >"$work/dhcp" <<'DHCP'
#!/bin/sh
[ "$1" = bound ] || exit 0
ifconfig "$interface" "$ip" netmask "$subnet"
route add default gw $router dev "$interface"
DHCP
chmod 755 "$work/dhcp"
modules=cloud-6.1:virtio_pci,virtio_blk,virtio_net,virtio_console,virtio_rng,virtio_balloon,vmw_vsock_virtio_transport,virtiofs

# make OUTPUT PROGRAM...: an initrd with these programs and their libraries.
make() {
	local output=$1 add=(--add "$work/dhcp:/dhcp") file
	shift
	while read -r file; do add+=(--add "$file"); done < <(for p in "$@"; do
		type -P "$p"
		ldd "$(type -P "$p")" | awk '/=> \//{ print $3 } /^\t\//{ print $1 }'
	done | sort -u)
	[ "$1" != kexec ] || add+=(--add "$kernel:/boot/vmlinuz" --add "$work/initrd.cpio:/boot/initrd")
	"$root/guests/initrd" --script "$root/test/e2e/devices_guest.sh" "${add[@]}" --modules "$modules" "$output"
}
make "$work/initrd.cpio" socat
make "$work/initrd-fio.cpio" fio
make "$work/initrd-kexec.cpio" kexec socat # and the kernel that the guest starts itself has the first one

"$root/guests/image" --force --packages picocom,socat,busybox "$root/.cache/demo.img"

calls=$root/.cache/calls # see calls.sh
mkdir -p "$calls"
rm -f "$calls"/devices.*
rows=("$root/test/e2e/devices.sh" "$zwinger" "$work/initrd.cpio" "$root/.cache" "${@:2}")
if [ "$(id -u)" = 0 ] && "$zwinger" check >/dev/null; then
	exec "${rows[@]}"
fi
# The emulated machine has faults of its own (it may stand still, or a guest in it may go wrong, once in
# hundreds of boots): what failed or was not reached is told, and has one more try in a new one.
status=0
"$root/scripts/lab" run --timeout 1200 --output "$calls" -- "${rows[@]}" | tee "$work/said" || status=$?
[ $status != 0 ] || exit 0
again=''
for row in $(sed -n 's/^if wanted \([a-z]*\);.*/\1/p' "$root/test/e2e/devices.sh"); do
	[[ $row =~ ${2:-.} ]] && ! grep -qx "done $row" "$work/said" && again+="${again:+|}$row"
done
[ -n "$again" ] || exit $status
echo "once more, in a new lab: $again"
exec "$root/scripts/lab" run --timeout 1200 --output "$calls" -- "${rows[@]:0:4}" "$again"
