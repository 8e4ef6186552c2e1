/* SPDX-License-Identifier: ISC */
#include "bucket.h"

#define SECOND_NS 1000000000

void bucket_init(struct bucket *b, const struct device_rate *rate, uint64_t now_ns)
{
	*b = (struct bucket){ .rate = *rate,
			      .bytes_ns = SECOND_NS,
			      .operations_ns = SECOND_NS,
			      .at_ns = now_ns };
}

__extension__ typedef unsigned __int128 product; /* of any two numbers */

/* How long n tokens take to come back; 146 years at most, so that sums of two do not overflow. */
static int64_t cost(uint64_t n, uint64_t rate)
{
	product ns;

	if (rate == 0)
		return 0;
	ns = ((product)n * SECOND_NS + rate - 1) / rate;
	return ns < INT64_MAX / 2 ? (int64_t)ns : INT64_MAX / 2;
}

static int64_t refilled(int64_t left_ns, uint64_t elapsed_ns)
{
	/* left_ns <= SECOND_NS, so that the difference is not below 0. */
	uint64_t missing = (uint64_t)SECOND_NS - (uint64_t)left_ns;

	return elapsed_ns < missing ? (int64_t)((uint64_t)left_ns + elapsed_ns) : SECOND_NS;
}

/* What must be there before so much is taken. */
static int64_t wanted(int64_t cost_ns)
{
	return cost_ns < SECOND_NS ? cost_ns : SECOND_NS;
}

uint64_t bucket_take(struct bucket *b, uint64_t bytes, uint64_t now_ns)
{
	int64_t bytes_cost = cost(bytes, b->rate.bytes);
	int64_t operation_cost = cost(1, b->rate.operations);
	int64_t wait, operation_wait;

	if (now_ns > b->at_ns) {
		b->bytes_ns = refilled(b->bytes_ns, now_ns - b->at_ns);
		b->operations_ns = refilled(b->operations_ns, now_ns - b->at_ns);
		b->at_ns = now_ns;
	}
	wait = wanted(bytes_cost) - b->bytes_ns;
	operation_wait = wanted(operation_cost) - b->operations_ns;
	if (operation_wait > wait)
		wait = operation_wait;
	if (wait > 0)
		return (uint64_t)wait;
	b->bytes_ns -= bytes_cost;
	b->operations_ns -= operation_cost;
	return 0;
}
