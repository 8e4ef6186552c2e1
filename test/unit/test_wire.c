/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

static int in[2], out[2];
static struct wire w;

static int set_up(void **state)
{
	(void)state;
	if (pipe2(in, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out) < 0)
		return -1;
	w = (struct wire){ .from = in[0], .to = out[1] };
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(in[0]), close(in[1]), close(out[0]), close(out[1]);
	return 0;
}

/* Every byte that goes in comes out, in order, whatever the pieces. */
static void test_bytes_arrive_in_order(void **state)
{
	uint8_t sent = 0, expected = 0, buf[997];

	(void)state;
	for (int round = 0; round < 500; round++) {
		size_t n = (size_t)(round * 37 % (int)sizeof(buf));
		ssize_t got;

		for (size_t i = 0; i < n; i++)
			buf[i] = sent++;
		assert_int_equal(write(in[1], buf, n), n);
		while (!wire_empty(&w) || n > 0) {
			assert_true(wire_fill(&w));
			assert_true(wire_drain(&w));
			got = read(out[0], buf, sizeof(buf));
			for (ssize_t i = 0; i < got; i++)
				assert_int_equal(buf[i], expected++);
			n = sent != expected;
		}
	}
	assert_int_equal(sent, expected);
}

/* A flood against a reader that takes nothing: the buffer is full, and the writer waits. */
static void test_stalled_reader_stops_the_writer(void **state)
{
	static const uint8_t flood[65536];

	(void)state;
	while (write(in[1], flood, sizeof(flood)) > 0)
		;
	while (send(out[1], flood, sizeof(flood), MSG_DONTWAIT) > 0)
		;
	for (int i = 0; i < 1000; i++) {
		assert_true(wire_fill(&w));
		assert_true(wire_drain(&w));
		assert_true(w.start <= w.end && w.end <= WIRE_SIZE);
	}
	assert_int_equal(w.end - w.start, WIRE_SIZE);

	/* The pipe has room for what the wire took; once that is gone, nothing moves any more. */
	while (write(in[1], flood, sizeof(flood)) > 0)
		;
	for (int i = 0; i < 1000; i++)
		assert_true(wire_fill(&w) && wire_drain(&w));
	assert_int_equal(write(in[1], flood, 1), -1);
}

/* Written to its end and then drained, a wire has room again, wherever its bytes stood. */
static void test_drained_wire_has_room(void **state)
{
	static const uint8_t flood[WIRE_SIZE];
	uint8_t sink[WIRE_SIZE];

	(void)state;
	assert_int_equal(write(in[1], flood, sizeof(flood)), sizeof(flood));
	assert_true(wire_fill(&w));
	assert_true(wire_full(&w));
	while (!wire_empty(&w)) {
		assert_true(wire_drain(&w));
		assert_false(wire_full(&w));
		assert_true(read(out[0], sink, sizeof(sink)) > 0);
	}
	assert_int_equal(write(in[1], "more", 4), 4);
	assert_true(wire_fill(&w));
	assert_int_equal(wire_pending(&w), 4);
}

static void test_ends(void **state)
{
	(void)state;
	assert_int_equal(write(in[1], "last", 4), 4);
	close(in[1]);
	in[1] = -1;
	assert_true(wire_fill(&w));
	assert_false(wire_fill(&w)); /* end of file, and the bytes are still there */
	assert_int_equal(w.from, -1);
	assert_false(wire_empty(&w));
	close(out[0]);
	out[0] = -1;
	assert_false(wire_drain(&w)); /* nobody will ever read them */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes_arrive_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stalled_reader_stops_the_writer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_drained_wire_has_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
