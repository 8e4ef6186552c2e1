/* SPDX-License-Identifier: ISC */
/* Numbers as people type them. On false nothing is written. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits and nothing else, within [min, max]. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out)
	__attribute__((warn_unused_result));

/* Bytes: decimal digits, then K, M, G or T (powers of 1024) or nothing. */
bool number_parse_size(const char *text, uint64_t *out) __attribute__((warn_unused_result));

#endif /* NUMBER_H */
