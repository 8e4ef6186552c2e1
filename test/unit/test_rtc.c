/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "rtc.h"

enum { SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8, YEAR = 9 };
enum { A = 10, B = 11, C = 12, D = 13, CENTURY = 0x32 };

static time_t host_seconds;

static time_t now(void)
{
	return host_seconds;
}

static struct rtc rtc;
static struct bus bus;

static uint8_t get(uint8_t reg)
{
	uint8_t v = 0xee;

	bus_dispatch(&bus, RTC_PORT, &reg, 1, true);
	bus_dispatch(&bus, RTC_PORT + 1, &v, 1, false);
	return v;
}

static void put(uint8_t reg, uint8_t v)
{
	bus_dispatch(&bus, RTC_PORT, &reg, 1, true);
	bus_dispatch(&bus, RTC_PORT + 1, &v, 1, true);
}

/* All in BCD as the guest reads it; Sunday is 1. */
static const struct {
	const char *name;
	time_t at;
	uint8_t century, year, month, day, hour, minute, second, weekday;
} rows[] = {
	{ "the epoch, a Thursday", 0, 0x19, 0x70, 1, 1, 0, 0, 0, 5 },
	{ "one second later", 1, 0x19, 0x70, 1, 1, 0, 0, 1, 5 },
	{ "last second of the first day", 86399, 0x19, 0x70, 1, 1, 0x23, 0x59, 0x59, 5 },
	{ "the second day", 86400, 0x19, 0x70, 1, 2, 0, 0, 0, 6 },
	{ "Saturday is 7", 172800, 0x19, 0x70, 1, 3, 0, 0, 0, 7 },
	{ "Sunday is 1", 259200, 0x19, 0x70, 1, 4, 0, 0, 0, 1 },
	{ "tens carry", 36610, 0x19, 0x70, 1, 1, 0x10, 0x10, 0x10, 5 },
	{ "last second of 1999", 946684799, 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59, 6 },
	{ "first second of 2000", 946684800, 0x20, 0x00, 1, 1, 0, 0, 0, 7 },
	{ "28 February 2000", 951782399, 0x20, 0x00, 2, 0x28, 0x23, 0x59, 0x59, 2 },
	{ "29 February 2000", 951782400, 0x20, 0x00, 2, 0x29, 0, 0, 0, 3 },
	{ "1 March 2000", 951868800, 0x20, 0x00, 3, 1, 0, 0, 0, 4 },
	{ "28 February 2023 is the last", 1677628799, 0x20, 0x23, 2, 0x28, 0x23, 0x59, 0x59,
	  3 },
	{ "1 March 2023", 1677628800, 0x20, 0x23, 3, 1, 0, 0, 0, 4 },
	{ "29 February 2024", 1709164800, 0x20, 0x24, 2, 0x29, 0, 0, 0, 5 },
	{ "30 April is the last", 1714521599, 0x20, 0x24, 4, 0x30, 0x23, 0x59, 0x59, 3 },
	{ "31 December of a leap year", 1735689599, 0x20, 0x24, 0x12, 0x31, 0x23, 0x59, 0x59,
	  3 },
	{ "32 bits end", 2147483647, 0x20, 0x38, 1, 0x19, 3, 0x14, 7, 3 },
	{ "a second past 32 bits", 2147483648, 0x20, 0x38, 1, 0x19, 3, 0x14, 8, 3 },
	{ "28 February 2100 is the last", 4107542399, 0x21, 0, 2, 0x28, 0x23, 0x59, 0x59, 1 },
	{ "2100 has no leap day", 4107542400, 0x21, 0, 3, 1, 0, 0, 0, 2 },
	{ "2400 has one", 13574563200, 0x24, 0, 2, 0x29, 0, 0, 0, 3 },
	{ "last second of 9999", 253402300799, 0x99, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59, 6 },
};

static void test_time(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		host_seconds = rows[i].at;
		if (get(SECONDS) == rows[i].second && get(MINUTES) == rows[i].minute &&
		    get(HOURS) == rows[i].hour && get(WEEKDAY) == rows[i].weekday &&
		    get(DAY) == rows[i].day && get(MONTH) == rows[i].month &&
		    get(YEAR) == rows[i].year && get(CENTURY) == rows[i].century)
			continue;
		print_error("row: %s: %02x%02x-%02x-%02x %02x:%02x:%02x, weekday %x\n",
			    rows[i].name, get(CENTURY), get(YEAR), get(MONTH), get(DAY),
			    get(HOURS), get(MINUTES), get(SECONDS), get(WEEKDAY));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static int decimal(uint8_t b)
{
	return (b >> 4) * 10 + (b & 15);
}

/* Every day of 430 years, against the C library. */
static void test_every_day(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (time_t day = 0; day < 430 * 366; day++) {
		struct tm t;

		host_seconds = day * 86400 + day % 86400;
		gmtime_r(&host_seconds, &t);
		wrong += decimal(get(DAY)) != t.tm_mday ||
			 decimal(get(MONTH)) != t.tm_mon + 1 ||
			 decimal(get(CENTURY)) * 100 + decimal(get(YEAR)) != t.tm_year + 1900 ||
			 get(WEEKDAY) != t.tm_wday + 1 || decimal(get(HOURS)) != t.tm_hour;
	}
	assert_int_equal(wrong, 0);
}

static void test_status_registers(void **state)
{
	(void)state;
	host_seconds = 0;
	assert_int_equal(get(A), 0x26); /* no update in progress, ever */
	assert_int_equal(get(B), 0x02); /* BCD, 24 hours */
	assert_int_equal(get(C), 0x00); /* no interrupt */
	assert_int_equal(get(D), 0x80); /* valid */
}

static void test_the_clock_cannot_be_set(void **state)
{
	static const uint8_t regs[] = { SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH,
					YEAR,	 A,	  B,	 C,	  D,   CENTURY };
	unsigned wrong = 0;

	(void)state;
	host_seconds = 0;
	for (size_t i = 0; i < sizeof(regs); i++) {
		uint8_t before = get(regs[i]);

		put(regs[i], 0x5a);
		if (get(regs[i]) == before)
			continue;
		print_error("row: register 0x%x\n", regs[i]);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* What is no register of the clock is memory; bit 7 of the index is not part of it. */
static void test_memory(void **state)
{
	(void)state;
	put(0x0e, 0x11);
	put(0x7f, 0x22);
	put(0xff, 0x33);
	assert_int_equal(get(0x0e), 0x11);
	assert_int_equal(get(0x7f), 0x33);
	assert_int_equal(get(0x8e), 0x11);
	assert_int_equal(get(0x80), get(0x00));
}

/* Every index, every port, every width: only bytes at the second port tell anything. */
static void test_other_accesses_read_ones(void **state)
{
	static const struct {
		const char *name;
		unsigned port;
		uint32_t len;
	} at[] = {
		{ "index, byte", 0, 1 }, { "index, word", 0, 2 }, { "index, dword", 0, 4 },
		{ "data, word", 1, 2 },	 { "data, dword", 1, 4 },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (unsigned index = 0; index < 256; index++) {
			uint8_t data[4] = { 0 }, select = (uint8_t)index;

			bus_dispatch(&bus, RTC_PORT, &select, 1, true);
			bus_dispatch(&bus, RTC_PORT + at[i].port, data, at[i].len, false);
			if (memcmp(data, "\xff\xff\xff\xff", at[i].len) == 0)
				continue;
			print_error("row: %s, index %u\n", at[i].name, index);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

static void test_wide_writes_are_ignored(void **state)
{
	uint8_t wide[2] = { 0x40, 0x55 };

	(void)state;
	put(0x40, 0x11);
	put(0x41, 0x12);
	bus_dispatch(&bus, RTC_PORT, wide, 2, true);
	assert_int_equal(rtc.index, 0x41);
	assert_int_equal(get(0x40), 0x11);
}

static int set_up(void **state)
{
	(void)state;
	rtc_init(&rtc);
	rtc.now = now;
	bus_claim(&bus, RTC_PORT, RTC_REGS, rtc_access, &rtc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_status_registers),
		cmocka_unit_test(test_the_clock_cannot_be_set),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_other_accesses_read_ones),
		cmocka_unit_test(test_wide_writes_are_ignored),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
