#!/bin/bash
# SPDX-License-Identifier: ISC
# attack_O8: Lines of each part, without blank ones and comments, against what the design allows it. A part that
# is not in the table fails: nothing grows unseen. usage: budget.sh [TREE]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
table='vmm 8000
devices 4000
devices/terminal 450
launcher 5100
launcher/audit 850
launcher/verify 350
launcher/store 400
launcher/manifest 1700
launcher/stat 1000
guests 400
scripts 200
lib 1200
lib/virtio 900
lib/chan 500
lib/critical 700
lib/payment 800
lib/store 450
lib/policyc 500
critical/display 3130
critical/audit 500
critical/dialler 1050
critical/showpay 1500
critical/auth 500
critical/storage 1000'
failed=0

# Comments go, strings stay whole; what has nothing left is no line.
lines() {
	awk 'BEGIN { n = 0 } {
		text = ""
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1); two = substr($0, i, 2)
			if (comment) { if (two == "*/") { comment = 0; i++ } continue }
			if (quote != "") {
				text = text c
				if (c == "\\") i++
				else if (c == quote) quote = ""
				continue
			}
			if (two == "/*") { comment = 1; i++; continue }
			if (two == "//") break
			if (c == "\"" || c == "\047") quote = c
			text = text c
		}
		quote = ""
		if (text ~ /[^ \t\r]/) n++
	} END { print n }' "$@"
}

printf '%-18s %7s %7s\n' part lines budget
while read -r part budget; do
	case $part in
	launcher/manifest) mapfile -t sources < <(find launcher -name 'manifest*.[ch]' -o -name 'show.[ch]') ;;
	launcher/stat) mapfile -t sources < <(find launcher -name 'stat*.[ch]' -o -name 'kvm_stats.[ch]' -o -name 'http.[ch]') ;;
	launcher) mapfile -t sources < <(find launcher -name "*.[ch]" -not -path "*/audit/*" -not -path "*/verify/*" -not -path "*/store/*" -not -name 'manifest*' -not -name 'show.[ch]' \
		-not -name 'stat*' -not -name 'kvm_stats*' -not -name 'http.*') ;;
	devices) mapfile -t sources < <(find devices -name '*.[ch]' -not -path '*/terminal/*') ;;
	lib/chan) mapfile -t sources < <(find lib -name 'chan*.[chS]' 2>/dev/null) ;;
	lib/virtio) mapfile -t sources < <(find lib -name 'virtq.[ch]' -o -name 'vhost_user.[ch]' -o -name 'device_config.h') ;;
	lib/critical) mapfile -t sources < <(find lib -name 'critical*.[ch]' -o -name 'prompt.h' -o -name 'grid.h' -o -name 'modem_line.h') ;;
	lib/payment) mapfile -t sources < <(find lib -name 'payment*.[ch]' -o -name 'receipt.[ch]') ;; # show-and-pay's
	lib/store) mapfile -t sources < <(find lib -name 'store*.[ch]' -o -name 'tpm_counter.[ch]') ;; # the storage and its administrator
	lib/policyc) mapfile -t sources < <(find lib -name 'policyc*.[chS]' 2>/dev/null) ;; # only the build runs it
	lib) mapfile -t sources < <(find lib -name '*.[chS]' -not -name 'chan*' -not -name 'policyc*' -not -name 'virtq.*' \
		-not -name 'vhost_user.*' -not -name 'device_config.h' -not -name 'critical*' -not -name prompt.h \
		-not -name grid.h -not -name modem_line.h -not -name 'payment*' -not -name 'receipt.*' \
		-not -name 'store*' -not -name 'tpm_counter.*' 2>/dev/null) ;;
	*) mapfile -t sources < <(find "$part" -name '*.[chS]' -not -name '*_compiler.c' 2>/dev/null) ;; # only the build runs those
	esac
	[ ${#sources[@]} -gt 0 ] || continue
	n=$(lines "${sources[@]}")
	if [ "$n" -le "$budget" ]; then
		printf '%-18s %7d %7d\n' "$part" "$n" "$budget"
	else
		printf '%-18s %7d %7d  FAILED\n' "$part" "$n" "$budget"
		failed=1
	fi
done <<<"$table"
while read -r source; do
	case $source in bench/* | test/*) continue ;; esac
	part=$(dirname "$source")
	while [ "$part" != . ] && ! grep -q "^$part " <<<"$table"; do part=$(dirname "$part"); done
	[ "$part" != . ] && continue
	echo "FAILED $source belongs to no part that has a budget"
	failed=1
done < <(find ./*/ -name '*.[chS]' -not -path './build*' -not -path './.*/*' | sed 's,^\./*,,')
[ $failed = 0 ] && echo "ok budgets"
exit $failed
