/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gmem.h"

/*
 * Two regions with a hole between them, at the top of the address space in the second:
 *   0x1000 .. 0x1fff   RAM
 *   0x2000 .. 0x2fff   hole
 *   0x3000 .. 0x3fff   RAM
 *   0x4000 .. 0x4fff   RAM, touching the one before, another mapping
 */
static _Alignas(4096) uint8_t ram[3][4096];

static const struct gmem_region regions[] = {
	{ 0x1000, 0x1000, ram[0] },
	{ 0x3000, 0x1000, ram[1] },
	{ 0x4000, 0x1000, ram[2] },
};

static const struct {
	const char *name;
	uint64_t addr;
	size_t len;
	const uint8_t *at; /* NULL: refused */
} ranges[] = {
	{ "first byte", 0x1000, 1, ram[0] },
	{ "whole region", 0x1000, 0x1000, ram[0] },
	{ "ends exactly at the region's end", 0x1ff0, 0x10, ram[0] + 0xff0 },
	{ "one past the region's end", 0x1ff0, 0x11, NULL },
	{ "last byte", 0x1fff, 1, ram[0] + 0xfff },
	{ "first byte of the hole", 0x2000, 1, NULL },
	{ "last byte of the hole", 0x2fff, 1, NULL },
	{ "from the hole into RAM", 0x2fff, 2, NULL },
	{ "from RAM over the hole into RAM", 0x1fff, 0x1002, NULL },
	{ "one before the first region", 0xfff, 1, NULL },
	{ "from before into the first region", 0xfff, 2, NULL },
	{ "address 0", 0, 1, NULL },
	{ "second region", 0x3000, 0x1000, ram[1] },
	{ "over the seam of two touching regions", 0x3fff, 2, NULL },
	{ "first byte after the seam", 0x4000, 1, ram[2] },
	{ "one past the last region", 0x5000, 1, NULL },
	{ "length that wraps to inside", 0x1800, SIZE_MAX - 0x700, NULL },
	{ "length SIZE_MAX", 0x1000, SIZE_MAX, NULL },
	{ "highest address", UINT64_MAX, 1, NULL },
	{ "highest address, wraps to 0x1000", UINT64_MAX, 0x1002, NULL },
	{ "zero length inside", 0x1800, 0, ram[0] + 0x800 },
	{ "zero length at the region's end", 0x2000, 0, NULL },
	{ "zero length in the hole", 0x2800, 0, NULL },
	{ "low half of an address inside", 0x100001000, 1, NULL },
};

static struct gmem mem;

static int set_up(void **state)
{
	(void)state;
	return gmem_init(&mem, regions, 3) ? 0 : -1;
}

static void test_ranges(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct iovec v = { .iov_base = NULL, .iov_len = 12345 };
		bool got = gmem_iovec(&mem, gpa(ranges[i].addr), ranges[i].len, &v);

		if (got == (ranges[i].at != NULL) &&
		    v.iov_base == (void *)(uintptr_t)ranges[i].at &&
		    v.iov_len == (got ? ranges[i].len : 12345))
			continue;
		print_error("row: %s\n", ranges[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_read_and_write_move_all_or_nothing(void **state)
{
	uint8_t buf[16];

	(void)state;
	memset(ram, 0xaa, sizeof(ram));
	memset(buf, 0x55, sizeof(buf));
	assert_false(gmem_write(&mem, gpa(0x1ff1), buf, 16));
	assert_int_equal(ram[0][0xff1], 0xaa);
	assert_int_equal(ram[0][0xfff], 0xaa);
	assert_false(gmem_read(&mem, gpa(0x1ff1), buf, 16));
	assert_int_equal(buf[0], 0x55);
	assert_true(gmem_write(&mem, gpa(0x1ff0), buf, 16));
	assert_int_equal(ram[0][0xfef], 0xaa);
	assert_int_equal(ram[0][0xff0], 0x55);
	assert_int_equal(ram[0][0xfff], 0x55);
	assert_int_equal(ram[1][0], 0xaa);
	memset(buf, 0, sizeof(buf));
	assert_true(gmem_read(&mem, gpa(0x1ff0), buf, 16));
	assert_int_equal(buf[15], 0x55);
}

static void test_words(void **state)
{
	static const struct {
		const char *name;
		uint64_t addr;
		bool works;
	} rows[] = {
		{ "aligned", 0x1000, true },	  { "odd address", 0x1001, false },
		{ "last word", 0x1ffe, true },	  { "half past the end", 0x1fff, false },
		{ "in the hole", 0x2000, false }, { "over the seam", 0x3fff, false },
		{ "highest", UINT64_MAX, false },
	};
	unsigned wrong = 0;

	(void)state;
	memset(ram, 0, sizeof(ram));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t v = 0;
		bool stored = gmem_store16_release(&mem, gpa(rows[i].addr), 0x1234);
		bool loaded = gmem_load16_acquire(&mem, gpa(rows[i].addr), &v);

		if (stored == rows[i].works && loaded == rows[i].works &&
		    v == (rows[i].works ? 0x1234 : 0))
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(ram[0][0], 0x34); /* little-endian in memory */
	assert_int_equal(ram[0][1], 0x12);
}

/* And one more. */
#define EIGHT                                                                                  \
	{                                                                                      \
		{ 0, 1, ram[0] }, { 1, 1, ram[0] }, { 2, 1, ram[0] }, { 3, 1, ram[0] },        \
			{ 4, 1, ram[0] }, { 5, 1, ram[0] }, { 6, 1, ram[0] },                  \
			{ 7, 1, ram[0] }, { 8, 1, ram[0] },                                    \
	}

static void test_regions(void **state)
{
	static const struct {
		const char *name;
		struct gmem_region r[GMEM_REGIONS_MAX + 1];
		unsigned count;
		bool works;
	} rows[] = {
		{ "one", { { 0, 1, ram[0] } }, 1, true },
		{ "none", { { 0, 1, ram[0] } }, 0, false },
		{ "as many as there may be",
		  { { 0, 1, ram[0] },
		    { 1, 1, ram[0] },
		    { 2, 1, ram[0] },
		    { 3, 1, ram[0] },
		    { 4, 1, ram[0] },
		    { 5, 1, ram[0] },
		    { 6, 1, ram[0] },
		    { 7, 1, ram[0] } },
		  8,
		  true },
		{ "one too many",
		  { { 0, 1, ram[0] },
		    { 1, 1, ram[0] },
		    { 2, 1, ram[0] },
		    { 3, 1, ram[0] },
		    { 4, 1, ram[0] },
		    { 5, 1, ram[0] },
		    { 6, 1, ram[0] },
		    { 7, 1, ram[0] },
		    { 8, 1, ram[0] } },
		  9,
		  false },
		{ "empty", { { 0x1000, 0, ram[0] } }, 1, false },
		{ "second is empty", { { 0, 1, ram[0] }, { 0x1000, 0, ram[0] } }, 2, false },
		{ "ends at the very top", { { UINT64_MAX - 0xfff, 0xfff, ram[0] } }, 1, true },
		{ "wraps by one", { { UINT64_MAX - 0xfff, 0x1001, ram[0] } }, 1, false },
		{ "wraps by all", { { 1, UINT64_MAX, ram[0] } }, 1, false },
		{ "touching", { { 0x1000, 0x1000, ram[0] }, { 0x2000, 1, ram[1] } }, 2, true },
		{ "overlap by a byte",
		  { { 0x1000, 0x1001, ram[0] }, { 0x2000, 1, ram[1] } },
		  2,
		  false },
		{ "overlap, higher first",
		  { { 0x2000, 1, ram[1] }, { 0x1000, 0x1001, ram[0] } },
		  2,
		  false },
		{ "touching, higher first",
		  { { 0x2000, 1, ram[1] }, { 0x1000, 0x1000, ram[0] } },
		  2,
		  true },
		{ "the same twice",
		  { { 0x1000, 8, ram[0] }, { 0x1000, 8, ram[0] } },
		  2,
		  false },
		{ "one inside the other",
		  { { 0x1000, 64, ram[0] }, { 0x1010, 8, ram[0] } },
		  2,
		  false },
		{ "first and third overlap",
		  { { 0x1000, 64, ram[0] }, { 0x3000, 8, ram[0] }, { 0x1020, 8, ram[0] } },
		  3,
		  false },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gmem g;

		if (gmem_init(&g, rows[i].r, rows[i].count) == rows[i].works)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_read_and_write_move_all_or_nothing),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_regions),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
