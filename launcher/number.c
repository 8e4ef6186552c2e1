/* SPDX-License-Identifier: ISC */
#include "number.h"

#include <string.h>

/* Digits at *text; moves *text behind them. */
static bool digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	if (p == *text)
		return false;
	*text = p;
	*out = v;
	return true;
}

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (!digits(&text, &v) || *text != '\0' || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool number_parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t v;

	if (!digits(&text, &v))
		return false;
	if (*text != '\0') {
		/* A letter only: with bit 5 cleared a blank would be the end of the list. */
		unit = (*text | 0x20) >= 'a' ? strchr(units, *text & ~0x20) : NULL;
		if (unit == NULL || text[1] != '\0' ||
		    __builtin_mul_overflow(v, 1ull << (10 * (unit - units + 1)), &v))
			return false;
	}
	*out = v;
	return true;
}
