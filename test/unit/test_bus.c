/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus.h"

/* A device that remembers its last access and answers 0x8877665544332211. */
struct probe {
	unsigned calls;
	uint64_t offset, value;
	uint32_t len;
	bool write;
};

static void probe_access(void *dev, const struct bus_access *a)
{
	struct probe *p = dev;

	*p = (struct probe){ p->calls + 1, a->offset, a->write ? bus_value(a) : 0, a->len,
			     a->write };
	if (!a->write)
		bus_answer(a, 0x8877665544332211);
}

static struct probe first, second, top;
static struct bus bus;

static int set_up(void **state)
{
	(void)state;
	bus_claim(&bus, 0x1000, 8, probe_access, &first);
	bus_claim(&bus, 0x1008, 8, probe_access, &second); /* touches the one before */
	bus_claim(&bus, UINT64_MAX - 16, 16, probe_access, &top);
	return 0;
}

static const struct {
	const char *name;
	uint64_t addr;
	uint32_t len;
	struct probe *to; /* NULL: nobody's */
	uint64_t offset, answer;
} rows[] = {
	{ "first byte", 0x1000, 1, &first, 0, 0x11 },
	{ "word", 0x1002, 2, &first, 2, 0x2211 },
	{ "dword up to the edge", 0x1004, 4, &first, 4, 0x44332211 },
	{ "the whole range", 0x1000, 8, &first, 0, 0x8877665544332211 },
	{ "last byte", 0x1007, 1, &first, 7, 0x11 },
	{ "one before", 0xfff, 1, NULL, 0, 0xff },
	{ "from before into the range", 0xfff, 2, NULL, 0, 0xffff },
	{ "over the seam of two devices", 0x1007, 2, NULL, 0, 0xffff },
	{ "eight bytes over the seam", 0x1001, 8, NULL, 0, UINT64_MAX },
	{ "the second device", 0x1008, 4, &second, 0, 0x44332211 },
	{ "over the end", 0x100f, 2, NULL, 0, 0xffff },
	{ "one past the end", 0x1010, 1, NULL, 0, 0xff },
	{ "nobody's", 0x5000, 8, NULL, 0, UINT64_MAX },
	{ "address 0", 0, 4, NULL, 0, 0xffffffff },
	{ "low half of an address claimed", 0x100001000, 1, NULL, 0, 0xff },
	{ "near the top", UINT64_MAX - 16, 8, &top, 0, 0x8877665544332211 },
	{ "over the top range's end", UINT64_MAX - 2, 4, NULL, 0, 0xffffffff },
	{ "highest address", UINT64_MAX, 1, NULL, 0, 0xff },
	{ "highest address, wraps", UINT64_MAX, 8, NULL, 0, UINT64_MAX },
};

static void test_reads(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t data[16] = { 0 };
		struct probe dummy = { 0 }, *p = rows[i].to != NULL ? rows[i].to : &dummy;
		struct bus_access a = { 0, rows[i].len, false, data };
		unsigned calls = first.calls + second.calls + top.calls;

		bus_dispatch(&bus, rows[i].addr, data, rows[i].len, false);
		calls = first.calls + second.calls + top.calls - calls;
		if (calls == (rows[i].to != NULL) && bus_value(&a) == rows[i].answer &&
		    data[rows[i].len] == 0 && p->offset == rows[i].offset && !p->write &&
		    (rows[i].to == NULL || p->len == rows[i].len))
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_writes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
		struct probe dummy = { .write = true },
			     *p = rows[i].to != NULL ? rows[i].to : &dummy;
		struct bus_access a = { 0, rows[i].to != NULL ? rows[i].len : 0, true, data };
		unsigned calls = first.calls + second.calls + top.calls;

		bus_dispatch(&bus, rows[i].addr, data, rows[i].len, true);
		calls = first.calls + second.calls + top.calls - calls;
		if (calls == (rows[i].to != NULL) && p->value == bus_value(&a) && p->write &&
		    p->offset == rows[i].offset && memcmp(data, "\1\2\3\4\5\6\7\10", 8) == 0)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *name;
	uint64_t start, size;
	bool aborts;
} claims[] = {
	{ "the same again", 0x1000, 8, true },
	{ "inside", 0x1002, 1, true },
	{ "around", 0xf00, 0x200, true },
	{ "over the front by a byte", 0xff9, 8, true },
	{ "over the back by a byte", 0x1007, 8, true },
	{ "touching the front", 0xff8, 8, false },
	{ "touching the back", 0x1008, 8, false },
	{ "empty", 0x2000, 0, true },
	{ "wraps", UINT64_MAX - 7, 16, true },
	{ "wraps by all", 1, UINT64_MAX, true },
	{ "up to the top", UINT64_MAX - 7, 7, false },
};

/* How a child that claims this beside [0x1000, 0x1008) ends: a wait status. */
static int claim_in_child(unsigned already, uint64_t start, uint64_t size)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit no_core = { 0, 0 };
		struct bus b = { .count = 0 };

		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		for (unsigned i = 0; i < already; i++)
			bus_claim(&b, 0x1000 + 0x10000 * (uint64_t)i, 8, probe_access, &first);
		bus_claim(&b, start, size, probe_access, &second);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_claims(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		int status = claim_in_child(1, claims[i].start, claims[i].size);

		if (claims[i].aborts ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
				     : status == 0)
			continue;
		print_error("row: %s\n", claims[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_full_table_aborts(void **state)
{
	(void)state;
	assert_int_equal(claim_in_child(BUS_RANGES_MAX - 1, 0, 1), 0);
	assert_int_equal(WTERMSIG(claim_in_child(BUS_RANGES_MAX, 0, 1)), SIGABRT);
}

static void test_values(void **state)
{
	uint8_t data[10] = { 0 };
	struct bus_access four = { 0, 4, false, data }, ten = { 0, 10, false, data };

	(void)state;
	bus_answer(&four, 0xaabbccdd11223344);
	assert_int_equal(bus_value(&four), 0x11223344);
	assert_int_equal(data[0], 0x44);
	assert_int_equal(data[4], 0);
	bus_answer(&ten, UINT64_MAX);
	assert_int_equal(data[7], 0xff);
	assert_int_equal(data[8], 0);
	assert_true(bus_value(&ten) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_full_table_aborts),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
