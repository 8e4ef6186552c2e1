/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>

#include "number.h"

#define UNTOUCHED 4711

static const struct {
	const char *text;
	bool good;
	uint64_t value;
} sizes[] = {
	{ "0", true, 0 },
	{ "1", true, 1 },
	{ "512M", true, 512ull << 20 },
	{ "512m", true, 512ull << 20 },
	{ "1k", true, 1024 },
	{ "2G", true, 2ull << 30 },
	{ "1T", true, 1ull << 40 },
	{ "007", true, 7 },
	{ "18446744073709551615", true, UINT64_MAX },
	{ "18446744073709551616", false, 0 },
	{ "99999999999999999999999", false, 0 },
	{ "16777215T", true, 16777215ull << 40 },
	{ "16777216T", false, 0 },
	{ "18014398509481983K", true, 18014398509481983ull << 10 },
	{ "18014398509481984K", false, 0 },
	{ "", false, 0 },
	{ "M", false, 0 },
	{ "-1", false, 0 },
	{ "+1", false, 0 },
	{ " 1", false, 0 },
	{ "1 ", false, 0 },
	{ "1 M", false, 0 },
	{ "1MB", false, 0 },
	{ "1MiB", false, 0 },
	{ "1MM", false, 0 },
	{ "1B", false, 0 },
	{ "1P", false, 0 },
	{ "1.5G", false, 0 },
	{ "0x100000", false, 0 },
	{ "1e9", false, 0 },
	{ "1\v", false, 0 }, /* '\v' with bit 5 cleared is itself; 'K' it is not */
	{ "1\x0b", false, 0 },
	{ "\xd9\xa1", false, 0 }, /* a digit, but not one of ours */
};

static void test_sizes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t v = UNTOUCHED;

		if (number_parse_size(sizes[i].text, &v) == sizes[i].good &&
		    v == (sizes[i].good ? sizes[i].value : UNTOUCHED))
			continue;
		print_error("row: '%s'\n", sizes[i].text);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		bool good;
	} rows[] = {
		{ "1", 1, 64, true },
		{ "64", 1, 64, true },
		{ "0", 1, 64, false },
		{ "65", 1, 64, false },
		{ "18446744073709551615", 0, UINT64_MAX, true },
		{ "18446744073709551616", 0, UINT64_MAX, false },
		{ "", 0, 64, false },
		{ "-1", 0, UINT64_MAX, false },
		{ "2x", 1, 64, false },
		{ "2K", 1, 4096, false },
		{ "2 ", 1, 64, false },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = UNTOUCHED;
		bool good = number_parse(rows[i].text, rows[i].min, rows[i].max, &v);

		if (good == rows[i].good && (v == UNTOUCHED) == !good)
			continue;
		print_error("row: '%s'\n", rows[i].text);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
