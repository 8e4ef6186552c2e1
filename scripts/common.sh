# SPDX-License-Identifier: ISC
# Sourced by the project's scripts: where things are, and how they speak.
# shellcheck shell=bash disable=SC2034 # those who source this use them

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${ZW_CACHE:-$root/.cache}
export LC_ALL=C

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

# bzimage_payload BZIMAGE: the compressed vmlinux in it, on stdout (boot.rst, payload_offset), without
# the unpacked size that the kernel's build appends in four bytes.
bzimage_payload() {
	field() { od -An -t "u$2" -j "$1" -N "$2" "$3" | tr -d ' '; }
	dd if="$1" bs=64K iflag=skip_bytes,count_bytes status=none count=$(($(field 588 4 "$1") - 4)) \
		skip=$((($(field 497 1 "$1") + 1) * 512 + $(field 584 4 "$1")))
}

# usage: prints the comment block behind the first two lines of a script as its help.
usage() { sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }
