/* SPDX-License-Identifier: ISC */
/*
 * A run of bytes that came from a file and is believed in nothing: loads are checked and
 * copy out, little-endian.
 */
#ifndef SPAN_H
#define SPAN_H

#include "gmem.h"

struct span {
	const uint8_t *at;
	size_t len;
};

/* True if [offset, offset + len) lies inside a file of size bytes; cannot wrap. */
bool span_inside(uint64_t offset, uint64_t len, uint64_t size) MUST_CHECK;

/* Copies len bytes at offset. On false, dst is untouched. */
bool span_read(struct span s, uint64_t offset, void *dst, size_t len) MUST_CHECK;

#endif /* SPAN_H */
