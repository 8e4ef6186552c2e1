/* SPDX-License-Identifier: ISC */
/*
 * What the firmware reads, and what a guest can do instead: CVE-2016-1714 (an entry that is not there,
 * a read past an end), requests that name memory that is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "debug_port.h"
#include "fw_cfg.h"
#include "no_boot.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RAM_SIZE (4u << 20)
#define REQUEST	 0x1000u /* where the tests put a DMA request */

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

static struct fw_cfg f;
static struct gmem mem;
static uint8_t *ram;
static struct bus ports;
static const uint8_t fruit[] = "apples and pears", nothing[1];

static int setup(void **state)
{
	struct gmem_region r = { 0, RAM_SIZE, malloc(RAM_SIZE) };

	(void)state;
	ram = r.host;
	memset(ram, 0x5a, RAM_SIZE);
	if (!gmem_init(&mem, &r, 1))
		return -1;
	ports = (struct bus){ .count = 0 };
	fw_cfg_init(&f, &mem);
	fw_cfg_add(&f, FW_CFG_CPUS, "\2\0", 2);
	fw_cfg_add_file(&f, "etc/fruit", fruit, sizeof(fruit));
	fw_cfg_add_file(&f, "etc/nothing", nothing, 0);
	bus_claim(&ports, FW_CFG_PORT, FW_CFG_REGS, fw_cfg_access, &f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

static void out(uint16_t port, uint32_t len, uint64_t value)
{
	uint8_t data[8];

	for (unsigned i = 0; i < 8; i++)
		data[i] = (uint8_t)(value >> 8 * i);
	bus_dispatch(&ports, port, data, len, true);
}

static uint64_t in(uint16_t port, uint32_t len)
{
	uint8_t data[8] = { 0 };
	uint64_t v = 0;

	bus_dispatch(&ports, port, data, len, false);
	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | data[i];
	return v;
}

static void big(uint8_t *to, unsigned len, uint64_t v)
{
	for (; len-- > 0; v >>= 8)
		to[len] = (uint8_t)v;
}

/* Puts a request into memory and starts it; returns what its control word is then. */
static uint32_t dma(uint32_t control, uint32_t len, uint64_t address)
{
	uint8_t *r = ram + REQUEST;

	big(r, 4, control);
	big(r + 4, 4, len);
	big(r + 8, 8, address);
	out(FW_CFG_PORT + 8, 4, __builtin_bswap32(REQUEST));
	return (uint32_t)r[0] << 24 | (uint32_t)r[1] << 16 | (uint32_t)r[2] << 8 | r[3];
}

static uint32_t select_and(uint16_t key, uint32_t what)
{
	return (uint32_t)key << 16 | DMA_SELECT | what;
}

static void firmware_finds_the_device(void **state)
{
	(void)state;
	out(FW_CFG_PORT, 2, FW_CFG_SIGNATURE);
	for (const char *c = "QEMU"; *c != '\0'; c++)
		assert_int_equal(in(FW_CFG_PORT + 1, 1), *c);
	out(FW_CFG_PORT, 2, FW_CFG_FEATURES);
	assert_int_equal(in(FW_CFG_PORT + 1, 1), 3);
	assert_int_equal(in(FW_CFG_PORT + 4, 4), 0x554d4551); /* "QEMU" as the bytes stand */
	assert_int_equal(in(FW_CFG_PORT + 8, 4), 0x47464320); /* " CFG" */
}

static void directory_names_the_files(void **state)
{
	static const uint8_t wanted[] = { 0, 0, 0,   2,	  0,   0,   0,	sizeof(fruit), 0, 0x20,
					  0, 0, 'e', 't', 'c', '/', 'f' };

	(void)state;
	assert_int_equal(dma(select_and(FW_CFG_DIRECTORY, DMA_READ), 4 + 2 * 64, 0x2000), 0);
	assert_memory_equal(ram + 0x2000, wanted, sizeof(wanted));
	assert_string_equal((char *)ram + 0x2000 + 4 + 64 + 8, "etc/nothing");
	assert_int_equal(ram[0x2000 + 4 + 64 + 5], 0x21);
}

static void reads_go_on_where_the_last_one_ended(void **state)
{
	(void)state;
	assert_int_equal(dma(select_and(0x20, DMA_READ), 6, 0x2000), 0);
	assert_int_equal(in(FW_CFG_PORT + 1, 1), ' ');
	assert_int_equal(dma(DMA_SKIP, 4, 0), 0);
	assert_int_equal(dma(DMA_READ, 5, 0x2006), 0);
	assert_memory_equal(ram + 0x2000, "applespears\x5a", 12);
}

/* CVE-2016-1714: keys that there are not, and more than there is, read as zeros. */
static void any_key_and_any_length_read_zeros_past_the_end(void **state)
{
	(void)state;
	for (unsigned key = 0; key < 0x10000; key++) {
		uint8_t last = 0xff;

		out(FW_CFG_PORT, 2, key);
		for (unsigned i = 0; i < 2000 && key < 0x40; i++)
			last = (uint8_t)in(FW_CFG_PORT + 1, 1);
		assert_true(key >= 0x40 || last == 0);
		if (key >= 0x40)
			assert_int_equal(in(FW_CFG_PORT + 1, 1), 0);
	}
	memset(ram + 0x2000, 0x5a, 0x10000);
	assert_int_equal(dma(select_and(0x20, DMA_READ), 0x5000, 0x2000), 0);
	assert_memory_equal(ram + 0x2000, fruit, sizeof(fruit));
	for (unsigned i = sizeof(fruit); i < 0x5000; i++)
		assert_int_equal(ram[0x2000 + i], 0);
	assert_int_equal(ram[0x7000], 0x5a);
	assert_int_equal(dma(DMA_SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(DMA_SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(DMA_READ, 1, 0x2000), 0);
	assert_int_equal(ram[0x2000], 0);
}

/* A request is done wholly or not at all, and only in memory. */
static void memory_that_is_none_is_an_error_and_nothing_moves(void **state)
{
	static const struct {
		uint32_t len;
		uint64_t address;
	} rows[] = {
		{ 2, RAM_SIZE - 1 },	       { 1, RAM_SIZE },
		{ 17, UINT64_MAX - 3 },	       { 1, UINT64_MAX },
		{ 0x100000, RAM_SIZE - 4096 }, { FW_CFG_DMA_MAX + 1, 0x2000 },
		{ UINT32_MAX, 0x2000 },	       { 16, 0xfee00000 },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		memset(ram + 0x2000, 0x5a, RAM_SIZE - 0x2000);
		assert_int_equal(dma(select_and(0x20, DMA_READ), rows[i].len, rows[i].address),
				 DMA_ERROR);
		for (unsigned at = 0x2000; at < RAM_SIZE; at++)
			assert_int_equal(ram[at], 0x5a);
	}
	assert_int_equal(dma(select_and(0x20, DMA_READ), 1, RAM_SIZE - 1), 0);
	assert_int_equal(ram[RAM_SIZE - 1], 'a');
}

static void requests_that_are_not_in_memory_are_nothing(void **state)
{
	static const uint64_t at[] = { RAM_SIZE, RAM_SIZE - 15, UINT64_MAX, UINT64_MAX - 15,
				       0xffffffff00000000 };

	(void)state;
	for (unsigned i = 0; i < COUNT(at); i++) {
		out(FW_CFG_PORT + 4, 4, __builtin_bswap32((uint32_t)(at[i] >> 32)));
		out(FW_CFG_PORT + 8, 4, __builtin_bswap32((uint32_t)at[i]));
	}
	for (unsigned i = 0; i < RAM_SIZE; i++)
		assert_int_equal(ram[i], 0x5a);
	/* The upper half is used up by each request. */
	assert_int_equal(dma(select_and(0x20, DMA_READ), 1, 0x2000), 0);
}

static void nothing_can_be_written(void **state)
{
	(void)state;
	memcpy(ram + 0x2000, "oranges", 7);
	assert_int_equal(dma(select_and(0x20, DMA_WRITE), 7, 0x2000), DMA_ERROR);
	assert_int_equal(dma(select_and(0x20, DMA_WRITE | DMA_READ), 7, 0x2000), DMA_ERROR);
	out(FW_CFG_PORT + 1, 1, 'x');
	assert_int_equal(dma(select_and(0x20, DMA_READ), 7, 0x3000), 0);
	assert_memory_equal(ram + 0x3000, "apples ", 7);
}

/* The request overwrites itself: it was read before, and the answer comes last. */
static void a_request_may_lie_in_its_own_target(void **state)
{
	(void)state;
	assert_int_equal(dma(select_and(0x20, DMA_READ), 16, REQUEST), 0);
	assert_memory_equal(ram + REQUEST + 4, fruit + 4, 12);
}

/* CVE-2015-3214: every port in every width answers, and reading changes no item. */
static void every_width_at_every_port(void **state)
{
	static const uint32_t widths[] = { 1, 2, 4 };

	(void)state;
	for (uint16_t port = FW_CFG_PORT - 2; port < FW_CFG_PORT + FW_CFG_REGS + 2; port++)
		for (unsigned w = 0; w < 3; w++) {
			out(port, widths[w], 0x20);
			(void)in(port, widths[w]);
			assert_true(f.selected == NULL || f.offset <= f.selected->len);
		}
	out(FW_CFG_PORT, 2, 0x20);
	assert_int_equal(in(FW_CFG_PORT, 1), 0xff);
	assert_int_equal(in(FW_CFG_PORT + 1, 2), 0xffff);
	assert_int_equal(in(FW_CFG_PORT + 2, 2), 0xffff);
	assert_int_equal(in(FW_CFG_PORT + 1, 1), 'a');
}

static enum status stopped;
static void stop(void *machine, enum status why)
{
	(void)machine;
	stopped = why;
}

static void option_rom_is_one_and_its_port_ends_the_machine(void **state)
{
	struct no_boot n = { .stop = stop };
	const uint8_t *rom = no_boot_rom();
	unsigned pnp = rom[0x1a] | rom[0x1b] << 8, bev;
	uint8_t sum = 0;

	(void)state;
	bus_claim(&ports, NO_BOOT_PORT, 1, no_boot_access, &n);
	for (unsigned i = 0; i < NO_BOOT_ROM_SIZE; i++)
		sum = (uint8_t)(sum + rom[i]);
	assert_int_equal(sum, 0);
	assert_int_equal(no_boot_rom()[NO_BOOT_ROM_SIZE - 1], rom[NO_BOOT_ROM_SIZE - 1]);
	assert_memory_equal(rom, "\x55\xaa\x01\xcb", 4);
	assert_memory_equal(rom + pnp, "$PnP\x01\x02\0\0", 8);
	bev = rom[pnp + 0x1a] | rom[pnp + 0x1b] << 8;
	assert_memory_equal(rom + bev, "\xba\x10\x06\xee", 4);
	assert_int_equal(in(NO_BOOT_PORT, 1), 0xff);
	assert_int_equal(stopped, STATUS_OK);
	out(NO_BOOT_PORT, 1, 0);
	assert_int_equal(stopped, STATUS_NO_BOOT);
}

static void debug_lines_are_cut_not_overrun(void **state)
{
	static struct {
		struct debug_port d;
		uint8_t guard[64];
	} x;

	(void)state;
	bus_claim(&ports, DEBUG_PORT, 1, debug_port_access, debug_port_init(&x.d));
	assert_int_equal(in(DEBUG_PORT, 1), 0xe9);
	for (unsigned i = 0; i < 1000; i++) {
		out(DEBUG_PORT, 1, i % 300 == 299 ? '\n' : 'x');
		assert_true(x.d.len < sizeof(x.d.line));
	}
	for (unsigned i = 0; i < sizeof(x.guard); i++)
		assert_int_equal(x.guard[i], 0);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(firmware_finds_the_device),
		TEST(directory_names_the_files),
		TEST(reads_go_on_where_the_last_one_ended),
		TEST(any_key_and_any_length_read_zeros_past_the_end),
		TEST(memory_that_is_none_is_an_error_and_nothing_moves),
		TEST(requests_that_are_not_in_memory_are_nothing),
		TEST(nothing_can_be_written),
		TEST(a_request_may_lie_in_its_own_target),
		TEST(every_width_at_every_port),
		TEST(option_rom_is_one_and_its_port_ends_the_machine),
		TEST(debug_lines_are_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
