/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "serial.h"

enum reg { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

/* One row is a story told in steps; the first step that comes out otherwise ends it. */
enum op { END, WRITE, READ, LEVEL, WIRE_IN, WIRE_OUT, GUEST_IN, GUEST_OUT, ROOM, WOKEN };

struct step {
	enum op op;
	unsigned reg, value;
};

#define STEPS_MAX 24

/* clang-format off */
#define W(r, v)	 { WRITE, r, v }	/* the guest writes a register */
#define R(r, v)	 { READ, r, v }		/* the guest reads it, and finds this */
#define IRQ(v)	 { LEVEL, 0, v }	/* the interrupt line has this level */
#define RX(n)	 { WIRE_IN, 0, n }	/* bytes 0, 1, 2 ... arrive from the wire */
#define TX(n)	 { WIRE_OUT, 0, n }	/* so many leave when as many are asked for */
#define NO_TX	 { WIRE_OUT, 1, 0 }	/* one is asked for, none leaves */
#define IN(n)	 { GUEST_IN, 0, n }	/* the guest reads bytes 0, 1, 2 ... */
#define OUT(n)	 { GUEST_OUT, 0, n }	/* the guest writes as many bytes */
#define FREE(n)	 { ROOM, 0, n }		/* so many bytes could arrive */
#define WAKES(v) { WOKEN, 0, v }	/* the console thread has been woken since */
/* clang-format on */

static const struct {
	const char *name;
	struct step step[STEPS_MAX];
} rows[] = {
	{ "after reset",
	  { R(IER, 0), R(IIR, 0x01), R(LCR, 0), R(MCR, 0), R(LSR, 0x60), R(MSR, 0xb0),
	    R(SCR, 0), R(DATA, 0), IRQ(0), FREE(64), NO_TX } },
	{ "scratch keeps", { W(SCR, 0xa5), R(SCR, 0xa5) } },
	{ "LCR keeps all bits", { W(LCR, 0x7f), R(LCR, 0x7f) } },
	{ "IER keeps four bits", { W(IER, 0xff), R(IER, 0x0f) } },
	{ "MCR keeps five bits", { W(MCR, 0xff), R(MCR, 0x1f) } },
	{ "LSR is read-only", { W(LSR, 0xff), R(LSR, 0x60) } },
	{ "MSR is read-only", { W(MSR, 0x0f), R(MSR, 0xb0) } },

	/* Receiver. */
	{ "a byte arrives", { RX(1), R(LSR, 0x61), R(DATA, 0), R(LSR, 0x60) } },
	{ "a byte interrupts",
	  { W(IER, 1), IRQ(0), RX(1), IRQ(1), R(IIR, 0x04), R(DATA, 0), IRQ(0),
	    R(IIR, 0x01) } },
	{ "a byte does not interrupt unasked", { W(IER, 0x0e), R(IIR, 2), RX(1), IRQ(0) } },
	{ "asked while a byte waits", { RX(1), IRQ(0), W(IER, 1), IRQ(1) } },
	{ "bytes keep their order", { RX(60), IN(60), RX(60), IN(60), R(LSR, 0x60) } },
	{ "reading nothing", { R(DATA, 0), R(LSR, 0x60), RX(1), IN(1) } },

	/* FIFO control. */
	{ "FIFO announced in IIR", { W(FCR, 0x01), R(IIR, 0xc1), W(FCR, 0), R(IIR, 0x01) } },
	{ "FCR without its enable bit is nothing",
	  { W(FCR, 0xc0), W(IER, 1), RX(1), R(IIR, 0x04) } },
	{ "trigger at 1", { W(FCR, 0x01), W(IER, 1), RX(1), R(IIR, 0xc4) } },
	{ "trigger at 4",
	  { W(FCR, 0x41), W(IER, 1), RX(3), R(IIR, 0xcc), RX(1), R(IIR, 0xc4) } },
	{ "trigger at 8",
	  { W(FCR, 0x81), W(IER, 1), RX(7), R(IIR, 0xcc), RX(1), R(IIR, 0xc4) } },
	{ "trigger at 14",
	  { W(FCR, 0xc1), W(IER, 1), RX(13), R(IIR, 0xcc), IRQ(1), RX(1), R(IIR, 0xc4) } },
	{ "clear the receiver", { W(FCR, 0x01), RX(5), W(FCR, 0x03), R(LSR, 0x60), FREE(64) } },
	{ "clear the receiver lowers the line",
	  { W(FCR, 0x01), W(IER, 1), RX(5), IRQ(1), W(FCR, 0x03), IRQ(0), R(IIR, 0xc1) } },
	{ "FIFO on clears", { RX(5), W(FCR, 0x01), R(LSR, 0x60) } },
	{ "FIFO off clears", { W(FCR, 0x01), RX(5), W(FCR, 0x00), R(LSR, 0x60) } },
	{ "the same again clears nothing", { W(FCR, 0x01), RX(5), W(FCR, 0x01), IN(5) } },
	{ "clear transmitter keeps what was sent", { OUT(5), W(FCR, 0x05), TX(5) } },

	/* Overrun. */
	{ "full is no overrun", { RX(64), FREE(0), R(LSR, 0x61), IN(64), R(LSR, 0x60) } },
	{ "one too many",
	  { RX(64), RX(1), R(LSR, 0x63), R(LSR, 0x61), IN(64), R(LSR, 0x60), R(DATA, 0) } },
	{ "overrun interrupts",
	  { W(IER, 4), RX(65), IRQ(1), R(IIR, 0x06), R(LSR, 0x63), IRQ(0) } },
	{ "a flood is bounded", { RX(1000000), FREE(0), IN(64), R(LSR, 0x62), FREE(64) } },

	/* Transmitter. */
	{ "asking for THRE interrupts at once",
	  { W(IER, 2), IRQ(1), R(IIR, 0x02), IRQ(0), R(IIR, 0x01) } },
	{ "a written byte interrupts again",
	  { W(IER, 2), R(IIR, 0x02), OUT(1), IRQ(1), R(IIR, 0x02), R(IIR, 0x01) } },
	{ "asking twice is asking once", { W(IER, 2), R(IIR, 0x02), W(IER, 2), IRQ(0) } },
	{ "asking anew interrupts", { W(IER, 2), R(IIR, 0x02), W(IER, 0), W(IER, 2), IRQ(1) } },
	{ "IIR acknowledges only what it tells",
	  { W(IER, 3), RX(1), R(IIR, 0x04), R(IIR, 0x04), IN(1), R(IIR, 0x02), R(IIR, 0x01) } },
	{ "not unasked", { OUT(1), IRQ(0), R(IIR, 0x01) } },
	{ "room for a FIFO's worth is empty", { OUT(4080), R(LSR, 0x60) } },
	{ "less is busy", { OUT(4081), R(LSR, 0x00) } },
	{ "busy lowers the line, draining raises it",
	  { W(IER, 2), OUT(4080), IRQ(1), OUT(1), IRQ(0), R(IIR, 0x01), TX(1), IRQ(1),
	    R(LSR, 0x60), R(IIR, 0x02), R(IIR, 0x01) } },
	{ "draining too little does not",
	  { W(IER, 2), OUT(4096), TX(15), IRQ(0), TX(1), IRQ(1) } },
	{ "asking while busy waits", { OUT(4096), W(IER, 2), IRQ(0), TX(16), IRQ(1) } },
	{ "written while full is lost", { OUT(5000), TX(4096), NO_TX, R(LSR, 0x60) } },
	{ "around the ring", { OUT(4000), TX(4000), OUT(4000), TX(4000), NO_TX } },

	/* Priorities: line status, data, transmitter, modem. */
	{ "each behind the other",
	  { W(IER, 0x0f), RX(65), W(MCR, 0x10), R(IIR, 0x06), R(LSR, 0x63), R(IIR, 0x04),
	    IN(64), R(IIR, 0x02), R(IIR, 0x00), IRQ(1), R(MSR, 0x0b), R(IIR, 0x01), IRQ(0) } },
	{ "old data before the transmitter",
	  { W(FCR, 0xc1), W(IER, 0x0f), RX(1), R(IIR, 0xcc), IN(1), R(IIR, 0xc2) } },

	/* Loop-back. */
	{ "loop-back drops every line", { W(MCR, 0x10), R(MSR, 0x0b), R(MSR, 0x00) } },
	{ "DTR is DSR",
	  { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0x11), R(MSR, 0x22), R(MSR, 0x20) } },
	{ "RTS is CTS", { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0x12), R(MSR, 0x11) } },
	{ "OUT2 is DCD", { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0x18), R(MSR, 0x88) } },
	{ "OUT1 is RI, told at its trailing edge",
	  { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0x14), R(MSR, 0x40), W(MCR, 0x10),
	    R(MSR, 0x04) } },
	{ "all lines", { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0x1f), R(MSR, 0xfb) } },
	{ "deltas gather until read",
	  { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0x11), W(MCR, 0x10), R(MSR, 0x02) } },
	{ "a delta interrupts",
	  { W(IER, 8), IRQ(0), W(MCR, 0x10), IRQ(1), R(IIR, 0), R(MSR, 0x0b), IRQ(0) } },
	{ "leaving restores the lines",
	  { W(MCR, 0x10), R(MSR, 0x0b), W(MCR, 0), R(MSR, 0xbb) } },
	{ "without loop-back the outputs go nowhere", { W(MCR, 0x0f), R(MSR, 0xb0) } },
	{ "what is sent comes back and does not leave",
	  { W(MCR, 0x10), W(DATA, 0x55), NO_TX, R(LSR, 0x61), R(DATA, 0x55) } },
	{ "a flood of one's own is bounded",
	  { W(MCR, 0x10), OUT(10000), R(LSR, 0x63), NO_TX } },
	{ "the wire is cut off", { W(MCR, 0x10), FREE(0), W(MCR, 0), FREE(64) } },

	/* Divisor latch. */
	{ "the latch hides data and IER",
	  { W(IER, 5), W(LCR, 0x83), W(DATA, 0x34), W(IER, 0x12), R(DATA, 0x34), R(IER, 0x12),
	    NO_TX, W(LCR, 0x03), R(IER, 5), R(DATA, 0) } },
	{ "the latch does not eat input", { RX(1), W(LCR, 0x80), R(DATA, 12), R(LSR, 0x61) } },

	/* Whoever serves the wire sleeps until there is something to do. */
	{ "the first byte wakes", { WAKES(0), OUT(1), WAKES(1), OUT(1), WAKES(0) } },
	{ "half full wakes", { OUT(1), WAKES(1), OUT(2046), WAKES(0), OUT(1), WAKES(1) } },
	{ "room in a full receiver wakes", { RX(64), WAKES(0), IN(1), WAKES(1) } },
	{ "room in any other does not", { RX(63), IN(1), WAKES(0) } },
	{ "leaving loop-back wakes", { W(MCR, 0x10), WAKES(0), W(MCR, 0), WAKES(1) } },
	{ "clearing a full receiver wakes",
	  { W(FCR, 1), RX(64), W(FCR, 3), FREE(64), WAKES(1) } },
};

static struct serial serial;
static struct bus bus;
static int wake_fd = -1;

static void reset(void)
{
	serial_init(&serial, (struct irq_line){ .vm_fd = -1 }, wake_fd);
	timerfd_settime(wake_fd, 0, &(struct itimerspec){ .it_value = { 0, 0 } }, NULL);
}

static void put(unsigned reg, uint8_t v)
{
	bus_dispatch(&bus, SERIAL_PORT + reg, &v, 1, true);
}

static uint8_t get(unsigned reg)
{
	uint8_t v = 0xee;

	bus_dispatch(&bus, SERIAL_PORT + reg, &v, 1, false);
	return v;
}

/* Whether the timer was armed; disarms it. */
static bool woken(void)
{
	struct itimerspec now, never = { .it_value = { 0, 0 } };
	uint64_t ticks;
	bool expired = read(wake_fd, &ticks, sizeof(ticks)) > 0;

	timerfd_settime(wake_fd, 0, &never, &now);
	return expired || now.it_value.tv_sec != 0 || now.it_value.tv_nsec != 0;
}

/* What the step came to; it should have come to s->value. */
static unsigned perform(const struct step *s)
{
	static uint8_t bytes[SERIAL_TX_SIZE];
	unsigned n = 0;
	uint8_t b;

	switch (s->op) {
	case WRITE:
		put(s->reg, (uint8_t)s->value);
		return s->value;
	case READ:
		return get(s->reg);
	case LEVEL:
		return serial.irq.level;
	case WIRE_IN:
		for (n = 0; n < s->value; n++) {
			b = (uint8_t)n;
			serial_receive(&serial, &b, 1);
		}
		return n;
	case WIRE_OUT:
		return (unsigned)serial_transmit(&serial, bytes, s->value + s->reg);
	case GUEST_IN:
		while (n < s->value && get(DATA) == (uint8_t)n)
			n++;
		return n;
	case GUEST_OUT:
		for (n = 0; n < s->value; n++)
			put(DATA, (uint8_t)n);
		return n;
	case ROOM:
		return (unsigned)serial_room(&serial);
	case WOKEN:
		return woken();
	case END:
		break;
	}
	return s->value;
}

static void test_stories(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned s = 0, got = 0;

		reset();
		while (s < STEPS_MAX && rows[i].step[s].op != END &&
		       (got = perform(&rows[i].step[s])) == rows[i].step[s].value)
			s++;
		if (s == STEPS_MAX || rows[i].step[s].op == END)
			continue;
		print_error("row: %s: step %u came to 0x%x, not 0x%x\n", rows[i].name, s, got,
			    rows[i].step[s].value);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Bytes leave in the order in which they were written, across the end of the ring. */
static void test_output_keeps_its_order(void **state)
{
	uint8_t bytes[251];
	unsigned wrong = 0;

	(void)state;
	reset();
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < sizeof(bytes); i++)
			put(DATA, (uint8_t)(i + round));
		assert_int_equal(serial_transmit(&serial, bytes, sizeof(bytes)), sizeof(bytes));
		for (unsigned i = 0; i < sizeof(bytes); i++)
			wrong += bytes[i] != (uint8_t)(i + round);
	}
	assert_int_equal(wrong, 0);
}

/* CVE-2016-8669: the guest chooses a divisor by which a host divides. */
static void test_every_divisor(void **state)
{
	unsigned wrong = 0;

	(void)state;
	reset();
	for (unsigned divisor = 0; divisor <= 0xffff; divisor++) {
		uint8_t b = 0;

		put(LCR, 0x83);
		put(DATA, (uint8_t)divisor);
		put(IER, (uint8_t)(divisor >> 8));
		wrong += (get(DATA) | get(IER) << 8) != (int)divisor;
		put(LCR, 0x03);
		put(DATA, 'x');
		wrong += serial_transmit(&serial, &b, 1) != 1 || b != 'x';
		serial_receive(&serial, &b, 1);
		wrong += get(DATA) != 'x';
	}
	assert_int_equal(wrong, 0);
}

static void test_wide_accesses_mean_nothing(void **state)
{
	static const uint32_t widths[] = { 2, 4, 8 };
	struct serial before;
	uint8_t ones[8], data[8], zeros[8] = { 0 };
	unsigned wrong = 0;

	(void)state;
	reset();
	serial_receive(&serial, (const uint8_t *)"abc", 3);
	put(IER, 3);
	before = serial;
	memset(ones, 0xff, sizeof(ones));
	for (unsigned w = 0; w < 3; w++)
		for (unsigned reg = 0; reg < SERIAL_REGS; reg++) {
			memset(data, 0, sizeof(data));
			bus_dispatch(&bus, SERIAL_PORT + reg, data, widths[w], false);
			wrong += memcmp(data, ones, widths[w]) != 0;
			bus_dispatch(&bus, SERIAL_PORT + reg, zeros, widths[w], true);
		}
	assert_int_equal(wrong, 0);
	assert_memory_equal(&before, &serial, sizeof(serial));
}

static int set_up(void **state)
{
	(void)state;
	wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	bus_claim(&bus, SERIAL_PORT, SERIAL_REGS, serial_access, &serial);
	return wake_fd < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_output_keeps_its_order),
		cmocka_unit_test(test_every_divisor),
		cmocka_unit_test(test_wide_accesses_mean_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
