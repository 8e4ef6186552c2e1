/* SPDX-License-Identifier: ISC */
/* For fuzzers of long texts: the input is a list of changes to a good one. */
#ifndef EDITED_H
#define EDITED_H

#include <stddef.h>
#include <stdint.h>

extern const char edited_payment[]; /* a payment without fault */

/* `good` with the changes, in out; returns the length, at most size. Four bytes are a change. */
size_t edited(const void *good, size_t len, const uint8_t *changes, size_t n, uint8_t *out,
	      size_t size);

#endif /* EDITED_H */
