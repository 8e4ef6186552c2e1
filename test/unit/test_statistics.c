/* SPDX-License-Identifier: ISC */
/* The statistics of the benchmarks against distributions whose answers are known. */
#include "histogram.h"
#include "statistics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 1000

/* xorshift64*, so that every run has the same numbers. */
static double uniform(void)
{
	static uint64_t s = 88172645463325252ull;

	s ^= s >> 12;
	s ^= s << 25;
	s ^= s >> 27;
	return (double)(s * 2685821657736338717ull >> 11) / 9007199254740992.0;
}

static void percentiles_of_1_to_1000(void **state)
{
	double sample[COUNT];
	struct summary s;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		sample[i] = 1 + i * 7 % COUNT; /* each of 1..1000 once, not in order */
	statistics_summarise(sample, COUNT, &s);
	assert_float_equal(s.min, 1, 0);
	assert_float_equal(s.p50, 500, 0);
	assert_float_equal(s.p90, 900, 0);
	assert_float_equal(s.p99, 990, 0);
	assert_float_equal(s.p999, 999, 0);
	assert_float_equal(s.max, 1000, 0);
	assert_float_equal(s.mean, 500.5, 1e-9);
	assert_int_equal(s.disturbed, 0);
}

static void few_samples_and_none(void **state)
{
	double one[] = { 7 }, two[] = { 9, 3 };
	struct summary s;

	(void)state;
	statistics_summarise(one, 0, &s);
	assert_int_equal(s.count, 0);
	statistics_summarise(one, 1, &s);
	assert_true(s.min == 7 && s.p50 == 7 && s.p999 == 7 && s.max == 7);
	statistics_summarise(two, 2, &s);
	assert_true(s.p50 == 3 && s.p90 == 9);
}

static void disturbed_samples_are_counted(void **state)
{
	double sample[] = { 10, 10, 10, 30, 31, 1000 };
	struct summary s;

	(void)state;
	statistics_summarise(sample, 6, &s);
	assert_int_equal(s.disturbed, 2); /* 30 is not more than three times the median */
}

/* By hand: ranks 1 2 3 4 against 5 6 7 8, U = 0, z = (8 - 0.5) / sqrt(12), p = 0.0304. */
static void mann_whitney_of_separate_sets(void **state)
{
	double a[] = { 4, 1, 3, 2 }, b[] = { 5, 8, 6, 7 };

	(void)state;
	assert_float_equal(statistics_mann_whitney(a, 4, b, 4), erfc(7.5 / sqrt(12) / sqrt(2)),
			   1e-12);
	assert_float_equal(statistics_mann_whitney(b, 4, a, 4), 0.0304, 1e-4);
}

/*
 * With ties, by hand: a = 1 1 2 2 2, b = 2 2 3 3 3. Ranks of 1: 1.5; of 2: 5; of 3: 9. Sum of a's
 * 18, U = 3; ties 2, 5, 3: (6 + 120 + 24) = 150; variance 25/12 * (11 - 150/90) = 19.444.
 */
static void mann_whitney_with_ties(void **state)
{
	double a[] = { 1, 1, 2, 2, 2 }, b[] = { 2, 2, 3, 3, 3 };
	double z = (12.5 - 3 - 0.5) / sqrt(25.0 / 12 * (11 - 150.0 / 90));

	(void)state;
	assert_float_equal(statistics_mann_whitney(a, 5, b, 5), erfc(z / sqrt(2)), 1e-12);
}

static void mann_whitney_of_what_cannot_differ(void **state)
{
	double a[] = { 5, 5, 5, 5 }, b[] = { 5, 5, 5, 5 }, c[] = { 9, 9, 9 };

	(void)state;
	assert_float_equal(statistics_mann_whitney(a, 4, b, 4), 1, 0);
	assert_float_equal(statistics_mann_whitney(a, 4, c, 3), 1, 0); /* too few */
}

/* Of equal distributions p is uniform: about a twentieth of the trials is below 0.05. */
static void mann_whitney_is_as_often_wrong_as_it_says(void **state)
{
	enum { TRIALS = 2000, N = 30 };
	unsigned below = 0, found = 0;

	(void)state;
	for (unsigned t = 0; t < TRIALS; t++) {
		double a[N], b[N], c[N];

		for (unsigned i = 0; i < N; i++) {
			a[i] = -log(1 - uniform()); /* exponential */
			b[i] = -log(1 - uniform());
			c[i] = 2 * a[i];
		}
		found += statistics_mann_whitney(b, N, c, N) < 0.05;
		below += statistics_mann_whitney(a, N, b, N) < 0.05;
	}
	assert_in_range(below, TRIALS * 35 / 1000, TRIALS * 65 / 1000);
	assert_in_range(found, TRIALS / 2, TRIALS); /* and what differs by half it finds */
}

static void buckets_hold_what_they_say(void **state)
{
	(void)state;
	for (unsigned b = 0; b < 400; b++) {
		assert_int_equal(histogram_bucket(histogram_from(b)), b);
		assert_true(histogram_from(b + 1) > histogram_from(b));
		if (b >= 8) { /* no wider than an eighth */
			double width = histogram_from(b + 1) - histogram_from(b);

			assert_true(width <= histogram_from(b) / 8);
		}
	}
	assert_int_equal(histogram_bucket(7.9), 7);
	assert_int_equal(histogram_bucket(-1), 0);
}

static void histogram_counts_everything_once(void **state)
{
	static double sample[COUNT];
	struct histogram h;
	size_t all = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		sample[i] = 100 + 10000 * uniform();
	sample[0] = 100;
	sample[1] = 10099;
	histogram_fill(&h, sample, COUNT);
	for (unsigned b = h.first; b <= h.last; b++)
		all += h.count[b];
	assert_int_equal(all, COUNT);
	assert_true(h.count[h.first] > 0 && h.count[h.last] > 0);
	assert_int_equal(h.first, histogram_bucket(100));
	assert_int_equal(h.last, histogram_bucket(10099));
	histogram_fill(&h, sample, 0);
	assert_true(h.first > h.last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_of_1_to_1000),
		cmocka_unit_test(few_samples_and_none),
		cmocka_unit_test(disturbed_samples_are_counted),
		cmocka_unit_test(mann_whitney_of_separate_sets),
		cmocka_unit_test(mann_whitney_with_ties),
		cmocka_unit_test(mann_whitney_of_what_cannot_differ),
		cmocka_unit_test(mann_whitney_is_as_often_wrong_as_it_says),
		cmocka_unit_test(buckets_hold_what_they_say),
		cmocka_unit_test(histogram_counts_everything_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
