/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "power.h"

static unsigned stops;
static enum status reason;

static void stop(void *machine, enum status why)
{
	*(unsigned *)machine += 1;
	reason = why;
}

static const struct power power = { .stop = stop, .machine = &stops };
static struct bus bus;

enum { SLEEP = POWER_PORT, STATUS = POWER_PORT + 1, RESET = POWER_PORT + 2 };

static const struct {
	const char *name;
	uint64_t port;
	uint32_t len;
	uint32_t value;
	unsigned stops;
	enum status why;
} writes[] = {
	{ "S5", SLEEP, 1, 0x34, 1, STATUS_OK },
	{ "S5, the other bits set too", SLEEP, 1, 0xf7, 1, STATUS_OK },
	{ "S5 without the enable bit", SLEEP, 1, 0x14, 0, 0 },
	{ "enable bit alone", SLEEP, 1, 0x20, 0, 0 },
	{ "S1", SLEEP, 1, 0x24, 0, 0 },
	{ "S3", SLEEP, 1, 0x2c, 0, 0 },
	{ "type 4", SLEEP, 1, 0x30, 0, 0 },
	{ "type 6", SLEEP, 1, 0x38, 0, 0 },
	{ "type 7", SLEEP, 1, 0x3c, 0, 0 },
	{ "S5 as a word", SLEEP, 2, 0x34, 0, 0 },
	{ "S5 as a dword", SLEEP, 4, 0x34, 0, 0 },
	{ "S5 in the status register", STATUS, 1, 0x34, 0, 0 },
	{ "S5 in the reset register", RESET, 1, 0x34, 0, 0 },
	{ "reset", RESET, 1, 0x01, 1, STATUS_GUEST_RESET },
	{ "reset, another value", RESET, 1, 0x03, 0, 0 },
	{ "reset, zero", RESET, 1, 0x00, 0, 0 },
	{ "reset value as a word", STATUS, 2, 0x0101, 0, 0 },
	{ "reset value to sleep control", SLEEP, 1, 0x01, 0, 0 },
	{ "reset value to sleep status", STATUS, 1, 0x01, 0, 0 },
	{ "reset over the edge", RESET, 2, 0x0001, 0, 0 },
	{ "keyboard pulse", KEYBOARD_PORT, 1, 0xfe, 1, STATUS_GUEST_RESET },
	{ "keyboard pulse as a word", KEYBOARD_PORT, 2, 0xfe, 0, 0 },
	{ "keyboard pulse from the port before", KEYBOARD_PORT - 1, 2, 0xfefe, 0, 0 },
	{ "keyboard, another command", KEYBOARD_PORT, 1, 0xff, 0, 0 },
	{ "keyboard, A20", KEYBOARD_PORT, 1, 0xd1, 0, 0 },
	{ "keyboard, zero", KEYBOARD_PORT, 1, 0x00, 0, 0 },
};

static void test_writes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		uint8_t data[4];

		stops = 0;
		reason = 0;
		memcpy(data, &writes[i].value, sizeof(data));
		bus_dispatch(&bus, writes[i].port, data, writes[i].len, true);
		if (stops == writes[i].stops && reason == writes[i].why)
			continue;
		print_error("row: %s\n", writes[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Only one value of 256 in each register means anything. */
static void test_every_value(void **state)
{
	static const struct {
		const char *name;
		uint64_t port;
		unsigned stops; /* how many of the 256 values end the guest */
	} ports[] = {
		{ "sleep control", SLEEP, 16 }, /* bits 0, 1, 6 and 7 are nobody's */
		{ "sleep status", STATUS, 0 },
		{ "reset", RESET, 1 },
		{ "keyboard", KEYBOARD_PORT, 1 },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		stops = 0;
		for (unsigned v = 0; v < 256; v++)
			bus_dispatch(&bus, ports[i].port, &(uint8_t){ (uint8_t)v }, 1, true);
		if (stops == ports[i].stops)
			continue;
		print_error("row: %s: %u values\n", ports[i].name, stops);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* "Input buffer empty", "not asleep": zero, so that no guest waits; and nothing ends. */
static void test_reads(void **state)
{
	static const struct {
		const char *name;
		uint64_t port;
		uint32_t len;
		uint32_t answer;
	} reads[] = {
		{ "sleep control", SLEEP, 1, 0 },
		{ "sleep status", STATUS, 1, 0 },
		{ "reset", RESET, 1, 0 },
		{ "word", SLEEP, 2, 0 },
		{ "over the edge", SLEEP, 4, 0xffffffff },
		{ "keyboard", KEYBOARD_PORT, 1, 0 },
		{ "keyboard over the edge", KEYBOARD_PORT, 2, 0xffff },
	};
	unsigned wrong = 0;

	(void)state;
	stops = 0;
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		uint8_t data[4] = { 0x34, 0x34, 0x34, 0x34 };
		struct bus_access a = { 0, reads[i].len, false, data };

		bus_dispatch(&bus, reads[i].port, data, reads[i].len, false);
		if (bus_value(&a) == reads[i].answer)
			continue;
		print_error("row: %s\n", reads[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(stops, 0);
}

static int set_up(void **state)
{
	(void)state;
	bus_claim(&bus, POWER_PORT, POWER_REGS, power_access, (void *)(uintptr_t)&power);
	bus_claim(&bus, KEYBOARD_PORT, 1, power_keyboard_access, (void *)(uintptr_t)&power);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_every_value),
		cmocka_unit_test(test_reads),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
