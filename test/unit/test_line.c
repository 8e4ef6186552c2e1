/* SPDX-License-Identifier: ISC */
/* The guest's modem port and its two channels; the dialler's side of them is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chan_pages.h"
#include "line.h"
#include "vm_config.h"

#define FIRST 200 /* descriptors of the VMM's ends */
#define OTHER 240 /* of the dialler's */
#define SLOTS 4u

enum { DATA = 0, IER = 1, MCR = 4, LSR = 5, MSR = 6 };

static struct chan_pages out, in;
static struct line modem;
static struct chan_reader dialler_in;
static struct chan_writer dialler_out;

static void place(const struct chan_pages *p, enum chan_role role, int first)
{
	for (enum channel_fd f = CHANNEL_DATA; f < CHANNEL_FDS; f++)
		if (chan_pages_fd(p, role, f) >= 0)
			assert_true(dup2(chan_pages_fd(p, role, f), first + (int)f) >= 0);
}

static int set_up(void **state)
{
	struct chan_geometry g = { SLOTS, sizeof(struct modem_line) };

	(void)state;
	assert_true(chan_pages_create(&out, g, false) && chan_pages_create(&in, g, false));
	place(&out, CHAN_WRITER, FIRST);
	place(&in, CHAN_READER, FIRST + CHANNEL_FDS);
	place(&out, CHAN_READER, OTHER);
	place(&in, CHAN_WRITER, OTHER + CHANNEL_FDS);
	memset(&modem, 0, sizeof(modem));
	assert_true(line_open(&modem, "modem", FIRST, SLOTS, 0));
	assert_true(chan_map_reader(&dialler_in, OTHER, g, false));
	assert_true(chan_map_writer(&dialler_out, OTHER + CHANNEL_FDS, g, false));
	line_init(&modem, (struct irq_line){ .vm_fd = -1 }, -1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (enum channel_fd f = CHANNEL_DATA; f < CHANNEL_FDS; f++) {
		for (enum chan_role r = CHAN_WRITER; r <= CHAN_READER; r++) {
			close(chan_pages_fd(&out, r, f));
			close(chan_pages_fd(&in, r, f));
		}
	}
	return 0;
}

static void port_write(uint64_t reg, uint8_t value)
{
	struct bus_access a = { .offset = reg, .len = 1, .write = true, .data = &value };

	serial_access(&modem.port, &a);
}

static uint8_t port_read(uint64_t reg)
{
	uint8_t value = 0;
	struct bus_access a = { .offset = reg, .len = 1, .data = &value };

	serial_access(&modem.port, &a);
	return value;
}

static void serve(void)
{
	struct pollfd p[LINE_POLLS];

	line_poll(&modem, p);
	assert_true(poll(p, LINE_POLLS, 0) >= 0);
	line_polled(&modem, p);
}

static void type(const char *text)
{
	while (*text != '\0')
		port_write(DATA, (uint8_t)*text++);
}

static void test_guest_dials(void **state)
{
	struct modem_line m;

	(void)state;
	port_write(MCR, 0x0b); /* DTR, RTS, OUT2 */
	type("ATD110;\r");
	serve();
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_OK);
	assert_int_equal(m.type, MODEM_LINE_TYPE);
	assert_int_equal(m.count, 8);
	assert_memory_equal(m.bytes, "ATD110;\r", 8);
	assert_int_equal(m.wires, MODEM_DTR | MODEM_RTS);
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_AGAIN);
}

static void test_wires_out(void **state)
{
	struct modem_line m;

	(void)state;
	serve();
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_AGAIN); /* as they were */
	port_write(MCR, 0x01);
	serve();
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_OK);
	assert_int_equal(m.count, 0);
	assert_int_equal(m.wires, MODEM_DTR);
	port_write(MCR, 0x00); /* hangs up */
	serve();
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_OK);
	assert_int_equal(m.wires, 0);
}

static void test_wires_in(void **state)
{
	static const struct {
		uint8_t wires, msr;
	} rows[] = {
		{ MODEM_CTS, 0x10 },
		{ MODEM_DSR, 0x20 },
		{ MODEM_RI, 0x40 },
		{ MODEM_DCD, 0x80 },
		{ MODEM_CTS | MODEM_DSR | MODEM_DCD, 0xb0 },
		{ 0, 0 },
		{ MODEM_DTR | MODEM_RTS, 0 }, /* not the dialler's to drive */
	};

	(void)state;
	assert_int_equal(port_read(MSR) & 0xf0, 0); /* nobody is connected yet */
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct modem_line m = { .type = MODEM_LINE_TYPE, .wires = rows[i].wires };

		assert_int_equal(chan_send(&dialler_out, &m), CHAN_OK);
		serve();
		assert_int_equal(port_read(MSR) & 0xf0, rows[i].msr);
	}
}

/* A guest that does not read leaves the rest where it is; nothing is lost or reordered. */
static void test_answers_wait_for_the_guest(void **state)
{
	struct modem_line m = { .type = MODEM_LINE_TYPE, .count = MODEM_LINE_BYTES };
	unsigned sent = 0, read = 0;

	(void)state;
	while (sent < 100u * MODEM_LINE_BYTES || read < sent) {
		if (sent < 100u * MODEM_LINE_BYTES) {
			for (unsigned i = 0; i < MODEM_LINE_BYTES; i++)
				m.bytes[i] = (uint8_t)(sent + i);
			if (chan_send(&dialler_out, &m) == CHAN_OK)
				sent += MODEM_LINE_BYTES;
		}
		serve();
		for (unsigned i = 0; i < 7 && (port_read(LSR) & 1) != 0; i++, read++)
			assert_int_equal(port_read(DATA), (uint8_t)read);
	}
	assert_int_equal(read, sent);
	assert_int_equal(port_read(LSR) & 2, 0); /* no overrun */
}

/* A dialler that does not take what comes makes the transmitter busy, and memory stays what it is. */
static void test_attack_C12_slow_dialler(void **state)
{
	unsigned typed = 0, taken = 0;
	struct modem_line m;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		if ((port_read(LSR) & 0x20) != 0) {
			port_write(DATA, (uint8_t)typed);
			typed++;
		}
		serve();
	}
	assert_true(typed < SERIAL_TX_SIZE + (SLOTS + 1) * MODEM_LINE_BYTES);
	while (taken < typed) {
		if (chan_recv(&dialler_in, &m) == CHAN_AGAIN) {
			serve();
			continue;
		}
		for (unsigned i = 0; i < m.count; i++, taken++)
			assert_int_equal(m.bytes[i], (uint8_t)taken);
	}
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_AGAIN);
}

/* What the dialler writes is judged too: a count past the message, an acknowledgement of what was
 * never sent. The line is cut and the guest lives. */
static void test_lying_dialler(void **state)
{
	struct modem_line m = { .type = MODEM_LINE_TYPE, .count = MODEM_LINE_BYTES + 1 };

	(void)state;
	assert_int_equal(chan_send(&dialler_out, &m), CHAN_OK);
	serve();
	assert_true(modem.in_cut);
	assert_int_equal(port_read(LSR) & 1, 0);
	atomic_store(&dialler_in.ack->received, 17);
	for (unsigned i = 0; i < SLOTS + 1; i++) {
		port_write(MCR, (uint8_t)(i & 1));
		type("x");
		serve();
	}
	assert_true(modem.out_cut);
	type("AT\r");
	serve();
}

static void test_attack_C14_cut_and_mended(void **state)
{
	struct modem_line m = { .type = MODEM_LINE_TYPE, .wires = MODEM_DCD };

	(void)state;
	assert_int_equal(chan_send(&dialler_out, &m), CHAN_OK);
	serve();
	assert_int_equal(port_read(MSR) & 0x80, 0x80);
	type("ATD0900");
	serve();
	line_cut(&modem, 0);
	line_cut(&modem, 1);
	assert_int_equal(port_read(MSR) & 0xf0, 0); /* nobody is connected */
	type("1234\r");
	serve();
	assert_true(chan_pages_reset(&out) && chan_pages_reset(&in));
	chan_reader_init(&dialler_in);
	chan_writer_init(&dialler_out);
	line_mend(&modem, 0);
	line_mend(&modem, 1);
	serve();
	assert_int_equal(chan_recv(&dialler_in, &m), CHAN_OK);
	assert_int_equal(
		m.count,
		5); /* what waited in the port comes; what was sent does not come again */
	assert_memory_equal(m.bytes, "1234\r", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_guest_dials, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wires_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wires_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_answers_wait_for_the_guest, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_attack_C12_slow_dialler, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_lying_dialler, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_C14_cut_and_mended, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
