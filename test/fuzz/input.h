/* SPDX-License-Identifier: ISC */
/* For fuzzers whose input is a list of events: what it says next, zeros at its end; and what must hold. */
#ifndef INPUT_H
#define INPUT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t *input;
static size_t left;

static inline uint8_t next8(void)
{
	return left == 0 ? 0 : (left--, *input++);
}

static inline uint16_t next16(void)
{
	uint16_t high = next8();

	return (uint16_t)(high << 8 | next8());
}

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	abort();
}

#endif /* INPUT_H */
