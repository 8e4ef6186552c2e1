/* SPDX-License-Identifier: ISC */
#include "histogram.h"

#include <math.h>
#include <string.h>

#define PARTS 8

unsigned histogram_bucket(double value)
{
	uint64_t v = value < 0 ? 0 : value > 9e18 ? 9000000000000000000ull : (uint64_t)value;
	unsigned power;

	if (v < PARTS)
		return (unsigned)v;
	power = 63 - (unsigned)__builtin_clzll(v); /* 3 or more */
	return (power - 2) * PARTS + (unsigned)(v >> (power - 3) & (PARTS - 1));
}

double histogram_from(unsigned bucket)
{
	if (bucket < PARTS)
		return bucket;
	return ldexp(PARTS + bucket % PARTS, (int)(bucket / PARTS) - 1);
}

void histogram_fill(struct histogram *h, const double *sample, size_t count)
{
	memset(h, 0, sizeof(*h));
	h->first = HISTOGRAM_BUCKETS;
	for (size_t i = 0; i < count; i++) {
		unsigned b = histogram_bucket(sample[i]);

		h->count[b]++;
		if (b < h->first)
			h->first = b;
		if (b > h->last)
			h->last = b;
	}
}
