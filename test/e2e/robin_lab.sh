#!/bin/bash
# SPDX-License-Identifier: ISC
# test/e2e/robin.sh where stock kernels run: on this host, or else in the lab.
# usage: robin_lab.sh BUILD-DIRECTORY [--show]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
"$root/guests/systems" >/dev/null
"$root/guests/module" "$root/test/hostile/hostile_module.c" cloud-6.1 >/dev/null
if "$build/launcher/zwinger" check >/dev/null; then
	exec "$root/test/e2e/robin.sh" "$build" "${@:2}"
fi
calls=$root/.cache/calls # see calls.sh
mkdir -p "$calls"
rm -f "$calls"/robin.*
status=0
"$root/scripts/lab" run --timeout 900 --output "$calls" -- "$root/test/e2e/robin.sh" "$build" "${@:2}" || status=$?
[ $status = 125 ] || exit $status
echo "once more, in a new lab"
exec "$root/scripts/lab" run --timeout 900 --output "$calls" -- "$root/test/e2e/robin.sh" "$build" "${@:2}"
