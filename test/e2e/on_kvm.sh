#!/bin/bash
# SPDX-License-Identifier: ISC
# on_kvm.sh COMMAND [ARG]...: runs a test where there is a /dev/kvm of any kind: on this host, or else in the lab.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# No test by opening alone: what opens for writing makes a file where nothing is.
if [ -c /dev/kvm ] && sh -c 'exec 3<>/dev/kvm' 2>/dev/null; then
	exec "$@"
fi
echo "this host has no /dev/kvm: in the lab"
status=0
"$root/scripts/lab" run --timeout 1000 -- "$@" || status=$?
[ $status = 125 ] || exit $status
echo "once more, in a new lab"
exec "$root/scripts/lab" run --timeout 1000 -- "$@"
