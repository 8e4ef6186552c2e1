# SPDX-License-Identifier: ISC
# Sourced by the project's scripts: where things are, and how they speak.
# shellcheck shell=bash disable=SC2034 # those who source this use them

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${ZW_CACHE:-$root/.cache}
export LC_ALL=C

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

# usage: prints the comment block behind the first two lines of a script as its help.
usage() { sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }
