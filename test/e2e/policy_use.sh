#!/bin/bash
# SPDX-License-Identifier: ISC
# No permitted call is unused: each line of each process's policies was used in the runs that calls.sh has
# watched (the tests devices, robin and display_drm), or says in its comment "rare: WHY", and those are printed.
# A process is asked for all of its policy, also for the lines that it shares with others.
# usage: policy_use.sh [CALLS-DIRECTORY]
set -u
cd "$(dirname "$0")/../.." || exit 1
calls=${1:-.cache/calls}
compgen -G "$calls/*.used" >/dev/null || { echo "skipped: no run was watched (it takes root and tracefs)"; exit 77; }
used=$(cat "$calls"/*.used | sort -u)
unused=0 rare=0 count=0
# ask PROCESS POLICY...
ask() {
	local process=$1 policy line text
	shift
	if ! grep -q "^$process " <<<"$used"; then
		echo "FAILED $process did not run"
		unused=$((unused + 1))
		return
	fi
	for policy in "$@"; do
		while IFS=: read -r line text; do
			count=$((count + 1))
			grep -qxF "$process $policy $line" <<<"$used" && continue
			if [[ $text == *"rare: "* ]]; then
				echo "rare $process $policy:$line $text"
				rare=$((rare + 1))
			else
				echo "FAILED $process never used $policy:$line $text"
				unused=$((unused + 1))
			fi
		done < <(grep -nE '^[a-z]' "$policy")
	done
}
ask zwinger-vmm vmm/vmm_setup.policy vmm/vmm_run.policy
for device in blk net console rng vsock balloon; do ask zwinger-$device devices/common.policy devices/$device.policy; done
ask zwinger-termina lib/critical.policy devices/terminal/terminal.policy
ask zwinger-audit lib/critical.policy critical/audit/audit.policy
ask zwinger-dialler lib/critical.policy critical/dialler/dialler.policy
ask zwinger-display lib/critical.policy critical/display/display.policy
ask drm_screen critical/display/drm.policy
echo "$count lines, $rare of them rare, $unused never used"
[ $unused = 0 ]
