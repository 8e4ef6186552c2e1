#!/bin/bash
# SPDX-License-Identifier: ISC
# Who may include whom: lib nothing but itself; vmm, launcher, devices and each process of critical/
# beside that only themselves, and critical/ no guest memory. Looks at what every include line leads
# to. usage: layers.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
failed=0 count=0 inner=''

# Every file of the tree by its last name; a name is no path of two files' worth.
declare -A named
while read -r file; do named[${file##*/}]+=" $file"; done < <(find lib vmm launcher devices critical -type f)

# layer PART OTHER...: includes in PART lead into PART, one of OTHERs, or out of the tree.
layer() {
	local part=$1 file line text name found place allowed
	shift
	while IFS=: read -r file line text; do
		count=$((count + 1))
		[[ $text =~ [\"\<]([^\"\>]*)[\"\>] ]] || continue
		name=${BASH_REMATCH[1]}
		case $name in
		*..*)
			echo "FAILED $file:$line includes by a path upwards: $name"
			failed=1
			continue ;;
		esac
		allowed=''
		for place in "$part" "$@"; do [ ! -e "$place/$name" ] || allowed=1; done
		[ -z "$allowed" ] || continue
		# Not there: made by the build, the system's, or another part's.
		for found in ${named[${name##*/}]:-}; do
			[[ $found == */$name ]] || continue
			echo "FAILED $file:$line includes $found"
			failed=1
			break
		done
	done < <(grep -rnE ${inner:+$(printf -- '--exclude-dir=%s ' $inner)} --include='*.[chS]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' "$part")
}
layer lib
inner='firmware testing' layer vmm lib
inner='' layer vmm/firmware vmm lib # a program of its own, of the same objects
inner='' layer vmm/testing vmm lib # the same
inner='audit verify store' layer launcher lib
inner='' layer launcher/audit launcher lib # reads its log
inner='' layer launcher/verify launcher lib
inner='' layer launcher/store launcher lib
[ ! -d devices ] || inner=terminal layer devices lib
[ ! -d devices/terminal ] || inner='' layer devices/terminal lib # a process of its own, like those below
for process in critical/*/; do
	[ -d "$process" ] || continue
	layer "${process%/}" lib
	if grep -rnE --include='*.[chS]' '#[[:space:]]*include[[:space:]]*["<](gmem|virtq)\.h' "$process"; then
		echo "FAILED $process includes guest-memory code"
		failed=1
	fi
done
[ $count -gt 50 ] || { echo "FAILED only $count includes found"; exit 1; }
[ $failed = 0 ] && echo "ok $count includes stay within their layers"
exit $failed
