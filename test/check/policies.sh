#!/bin/bash
# SPDX-License-Identifier: ISC
# A call of a running VMM has to pass both of its policies, so the second may list nothing that
# the first does not; a line of the second may be narrower than that of the first. Both programs
# have vmm_setup.policy and vmm_run.policy, so what is true of these is true of them.
set -u
cd "$(dirname "$0")/../../vmm" || exit 1
calls() { sed 's/#.*//; s/ \+$//' "$1" | grep . | sort -u; }
unlisted=''
while read -r call condition; do
	grep -qxE "$call( +$(printf '%s' "$condition" | sed 's/[][&|().*^$]/\\&/g'))?" <(calls vmm_setup.policy) ||
		unlisted="$unlisted '$call $condition'"
done < <(calls vmm_run.policy)
if [ -n "$unlisted" ]; then
	echo "FAILED vmm_setup.policy lacks:$unlisted"
	exit 1
fi
echo "ok vmm_run.policy is part of vmm_setup.policy"
