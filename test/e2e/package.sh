#!/bin/bash
# SPDX-License-Identifier: ISC
# The Debian package of the release build: lintian; then, in a fresh Debian, it installs without
# anything else, works, and leaves nothing behind. The fresh Debian is made once and kept in the
# cache directory. usage: package.sh BUILD-DIRECTORY
set -u
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/../../scripts/common.sh"
build=$(realpath "$1")
work=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$work"' EXIT
ok() { passed=$((passed + 1)); echo "ok $*"; }
no() { failed=$((failed + 1)); echo "FAILED $*"; }
check() { if eval "$2"; then ok "$1"; else no "$1"; fi; }
chmod 755 "$work"

for tool in cpack dpkg-deb mmdebstrap; do
	type -P $tool >/dev/null || { echo "skipped: $tool is missing: scripts/setup"; exit 77; }
done
if ! (cd "$build" && cpack -G DEB -B "$work") >"$work/log" 2>&1; then
	cat "$work/log"
	exit 1
fi
deb=$(echo "$work"/zwinger_*_amd64.deb)
check "cpack makes a package" '[ -f "$deb" ]'
dpkg-deb -c "$deb" >"$work/list"
dpkg-deb -f "$deb" >"$work/control"
check "it needs no other package" '! grep -q "^Depends:" "$work/control"'
for path in usr/bin/zwinger usr/libexec/zwinger/zwinger-vmm usr/share/man/man1/zwinger.1.gz \
	usr/share/bash-completion/completions/zwinger \
	usr/share/zsh/vendor-completions/_zwinger usr/share/fish/vendor_completions.d/zwinger.fish \
	usr/share/man/man1/zwinger-run.1.gz usr/share/doc/zwinger/copyright usr/share/zwinger/measured.dtsi \
	usr/lib/systemd/system/zwinger@.service; do
	check "it has /$path" 'grep -q " \./$path$" "$work/list"'
done
check "all of it is root's, nothing is setuid or writable by others" '! awk "\$2 != \"root/root\" || \$1 ~ /s|.......w/" "$work/list" | grep .'
check "manual pages are compressed" '! grep "/man/.*[0-9]$" "$work/list"'
if type -P lintian >/dev/null; then
	[ "$(id -u)" = 0 ] && user=(setpriv --reuid 65534 --regid 65534 --clear-groups) || user=()
	chmod 644 "$deb"
	HOME=$work TMPDIR=/tmp "${user[@]}" lintian --profile debian --fail-on error,warning "$deb" >"$work/lintian" 2>&1
	check "lintian has nothing to say" '[ $? = 0 ] || { cat "$work/lintian"; false; }'
else
	echo "skipped: lintian is missing: scripts/setup"
fi

# A Debian of the essential packages; by root alone, since a package manager wants to be it.
if [ "$(id -u)" != 0 ]; then
	echo "skipped: only root installs a package"
	exit $((failed > 0 ? 1 : 77))
fi
suite=bookworm tar=$cache/chroot/bookworm.tar
if [ ! -e "$tar" ]; then
	mkdir -p "$cache/chroot"
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		awk '$1 == "deb" && / bookworm/' >"$work/sources"
	# Where sources are in the other format, apt says what they are.
	[ -s "$work/sources" ] || apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) main' 'Created-By: Packages' |
		awk -v s=$suite '$3 == s' | sort -u >"$work/sources"
	mmdebstrap --variant=essential --aptopt='Apt::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' $suite "${tar%.tar}.new.tar" - <"$work/sources" >"$work/log" 2>&1 ||
		{ tail -5 "$work/log"; exit 1; }
	mv "${tar%.tar}.new.tar" "$tar"
fi
debian=$work/debian
mkdir "$debian"
tar -C "$debian" --exclude='./dev/*' -xf "$tar"
mknod -m 666 "$debian/dev/null" c 1 3
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$debian" "$@"; }
everything() { (cd "$debian" && find . -path ./proc -prune -o -path ./var/lib/dpkg -prune -o -path ./var/log -prune -o -print | sort); }
everything >"$work/before"
cp "$deb" "$debian/zwinger.deb"
inside dpkg -i /zwinger.deb >"$work/log" 2>&1
check "it installs" '[ $? = 0 ] && [ "$(inside dpkg-query -W -f "\${db:Status-Status}" zwinger)" = installed ] || { cat "$work/log"; false; }'
check "zwinger says its version" '[ "$(inside zwinger --version)" = "zwinger $(sed -n "s/^Version: //p" "$work/control")" ]'
# zwinger finds its other programs by /proc.
unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" /usr/bin/zwinger check' "$debian" >"$work/out" 2>&1
status=$?
check "zwinger check finds the programs (status $status)" '{ [ $status = 0 ] || [ $status = 6 ]; } && grep -q "ok  *the programs of the VMM and the devices are installed" "$work/out" || { cat "$work/out"; false; }'
"$root/scripts/measure" "$debian/usr/libexec/zwinger" >"$work/measured"
check "the hashes that it brings are those of its programs" 'cmp "$work/measured" "$debian/usr/share/zwinger/measured.dtsi" && [ "$(wc -l <"$work/measured")" -gt 8 ]'
inside dpkg -r zwinger >"$work/log" 2>&1
check "it removes" '[ $? = 0 ] && ! grep -qi warning "$work/log" || { cat "$work/log"; false; }'
inside dpkg -P zwinger >"$work/log" 2>&1
rm "$debian/zwinger.deb"
everything >"$work/after"
check "nothing is left" 'diff "$work/before" "$work/after"'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
