#!/bin/bash
# SPDX-License-Identifier: ISC
# tinykernel.sh HEX: an ELF kernel on stdout whose whole code is HEX, at 1 MiB, in 64-bit mode.
set -eu
code=$1 size=$((${#1} / 2))

# le BYTES NUMBER: little-endian, as printf escapes.
le() { for ((i = 0; i < $1; i++)); do printf '\\x%02x' $((($2 >> (8 * i)) & 255)); done; }

printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0'
printf "$(le 2 2)$(le 2 62)$(le 4 1)$(le 8 0x100000)$(le 8 64)$(le 8 0)$(le 4 0)"
printf "$(le 2 64)$(le 2 56)$(le 2 1)$(le 2 0)$(le 2 0)$(le 2 0)"
printf "$(le 4 1)$(le 4 5)$(le 8 0x1000)$(le 8 0x100000)$(le 8 0x100000)"
printf "$(le 8 $size)$(le 8 $size)$(le 8 0x1000)"
head -c $((0x1000 - 120)) /dev/zero
printf "$(sed 's/../\\x&/g' <<<"$code")"
