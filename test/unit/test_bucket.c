/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bucket.h"

#define MS 1000000ull
#define S  (1000 * MS)

/* One row: takes of `bytes` at `at`, in order; each waits so long, or has been granted. */
struct take {
	uint64_t at, bytes, wait;
};

static const struct {
	const char *name;
	struct device_rate rate;
	struct take take[6];
	unsigned count;
} rows[] = {
	{ "no limit is none", { 0, 0 }, { { 0, UINT64_MAX, 0 }, { 0, 1, 0 } }, 2 },
	{ "a burst is one second's worth", { 1000, 0 }, { { 0, 1000, 0 }, { 0, 1, MS } }, 2 },
	{ "what is missing is waited for",
	  { 1000, 0 },
	  { { 0, 900, 0 }, { 0, 200, 100 * MS }, { 100 * MS, 200, 0 } },
	  3 },
	{ "being refused costs nothing",
	  { 1000, 0 },
	  { { 0, 1000, 0 }, { 0, 500, 500 * MS }, { 0, 500, 500 * MS }, { 500 * MS, 500, 0 } },
	  4 },
	{ "idle time is worth no more than a second",
	  { 1000, 0 },
	  { { 0, 1000, 0 }, { 100 * S, 1000, 0 }, { 100 * S, 1, MS } },
	  3 },
	{ "operations alone",
	  { 0, 2 },
	  { { 0, 1 << 30, 0 }, { 0, 0, 0 }, { 0, 0, 500 * MS }, { 500 * MS, 0, 0 } },
	  4 },
	{ "the slower one rules",
	  { 1000, 10 },
	  { { 0, 1000, 0 }, { 0, 500, 500 * MS }, { 0, 0, 0 }, { 500 * MS, 500, 0 } },
	  4 },
	{ "a large one waits for a full bucket",
	  { 1000, 0 },
	  { { 0, 1, 0 }, { 0, 5000, MS }, { MS, 5000, 0 } },
	  3 },
	{ "and leaves a debt",
	  { 1000, 0 },
	  { { 0, 5000, 0 }, { 0, 1, 4 * S + MS }, { 4 * S + MS, 1, 0 }, { 4 * S + MS, 1, MS } },
	  4 },
	{ "even what is free waits for the debt",
	  { 1000, 0 },
	  { { 0, 5000, 0 }, { 0, 0, 4 * S }, { 4 * S, 0, 0 } },
	  3 },
	{ "asking often loses nothing",
	  { 0, 2 },
	  { { 0, 0, 0 },
	    { 0, 0, 0 },
	    { 250 * MS, 0, 250 * MS },
	    { 250 * MS + 1, 0, 250 * MS - 1 },
	    { 500 * MS, 0, 0 } },
	  5 },
	{ "what it costs is rounded up", { 3, 0 }, { { 0, 3, 0 }, { 0, 1, 333333334 } }, 2 },
	{ "a clock that steps back gives nothing",
	  { 1000, 0 },
	  { { S, 1000, 0 }, { 0, 1, MS }, { S, 1, MS } },
	  3 },
	{ "a request beyond all measure is granted once",
	  { 1, 0 },
	  { { 0, UINT64_MAX, 0 }, { 0, 1, INT64_MAX / 2 } },
	  2 },
	{ "a rate beyond all measure",
	  { UINT64_MAX, UINT64_MAX },
	  { { 0, UINT64_MAX, 0 } },
	  1 },
};

static void test_rows(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bucket b;

		bucket_init(&b, &rows[i].rate, rows[i].take[0].at);
		for (unsigned t = 0; t < rows[i].count; t++) {
			const struct take *k = &rows[i].take[t];
			uint64_t wait = bucket_take(&b, k->bytes, k->at);

			if (wait == k->wait)
				continue;
			print_error("row: %s: take %u waits %llu ns, not %llu\n", rows[i].name,
				    t, (unsigned long long)wait, (unsigned long long)k->wait);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* Asked at odd moments for ten seconds, it grants what ten seconds and the burst are worth. */
static void test_long_run(void **state)
{
	struct device_rate rate = { .bytes = 100000, .operations = 7 };
	struct bucket b;
	uint64_t granted = 0;

	(void)state;
	bucket_init(&b, &rate, 0);
	for (uint64_t now = 0; now <= 10 * S; now += 777777)
		granted += bucket_take(&b, 512, now) == 0;
	assert_in_range(granted, 76, 77);
}

/* What it says is when to ask again, not earlier and not later. */
static void test_wait_is_exact(void **state)
{
	struct device_rate rate = { .bytes = 12345, .operations = 333 };
	struct bucket b;
	uint64_t now = 5, wait;

	(void)state;
	bucket_init(&b, &rate, now);
	for (unsigned i = 0; i < 1000; i++) {
		wait = bucket_take(&b, 1000, now);
		if (wait == 0)
			continue;
		assert_int_equal(bucket_take(&b, 1000, now + wait - 1), 1);
		now += wait;
		assert_int_equal(bucket_take(&b, 1000, now), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_wait_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
