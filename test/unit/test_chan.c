/* SPDX-License-Identifier: ISC */
/* Channels: a reference model in small scope, every order of steps; and a peer who lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chan_pages.h"

#define SLOTS 2u
#define DEPTH 12 /* steps */

static const struct chan_geometry geometry = { SLOTS, 8 };
static struct chan_pages pages;
static struct chan_data *data;
static struct chan_ack *ack;
static struct chan_log *log_page;
static struct chan_writer writer;
static struct chan_reader reader;
static struct chan_auditor auditor;

static void *map(int fd, size_t size)
{
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(page != MAP_FAILED);
	return page;
}

static void begin(bool audited)
{
	assert_true(chan_pages_reset(&pages));
	writer = (struct chan_writer){ .data = data,
				       .ack = ack,
				       .geometry = geometry,
				       .audited = audited,
				       .bell = pages.bell[0],
				       .ring = pages.bell[audited ? 2 : 1] };
	reader = (struct chan_reader){ .data = data,
				       .ack = ack,
				       .log = audited ? log_page : NULL,
				       .geometry = geometry,
				       .bell = pages.bell[1],
				       .ring = pages.bell[0] };
	auditor = (struct chan_auditor){ .data = data,
					 .log = log_page,
					 .geometry = geometry,
					 .bell = pages.bell[2],
					 .ring = pages.bell[1] };
	chan_writer_init(&writer);
	chan_reader_init(&reader);
	chan_auditor_init(&auditor);
}

static int set_up(void **state)
{
	(void)state;
	assert_true(chan_pages_create(&pages, geometry, true));
	data = map(pages.data, chan_page_bytes(geometry));
	ack = map(pages.ack, CHAN_ACK_BYTES);
	log_page = map(pages.log, chan_page_bytes(geometry));
	return 0;
}

/* Every sequence of DEPTH steps of writer, auditor and reader, against three counters. */
static unsigned long walk(bool audited, unsigned depth, uint64_t sent, uint64_t logged,
			  uint64_t received)
{
	struct chan_writer w = writer;
	struct chan_reader r = reader;
	struct chan_auditor a = auditor;
	uint8_t data_was[512], log_was[512];
	struct chan_ack ack_was = { 0 };
	size_t size = chan_page_bytes(geometry);
	unsigned long states = 1;
	uint64_t m;

	if (depth == 0)
		return states;
	memcpy(data_was, data, size);
	memcpy(log_was, log_page, size);
	memcpy(&ack_was, ack, sizeof(ack_was));
	for (unsigned step = 0; step < (audited ? 3u : 2u); step++) {
		uint64_t s = sent, l = logged, g = received;

		if (step == 0) {
			m = 100 + sent;
			if (sent - received < SLOTS) {
				assert_int_equal(chan_send(&writer, &m), CHAN_OK);
				s++;
			} else {
				assert_int_equal(chan_send(&writer, &m), CHAN_AGAIN);
			}
		} else if (step == 1) {
			if (received < (audited ? logged : sent)) {
				assert_int_equal(chan_recv(&reader, &m), CHAN_OK);
				assert_int_equal(
					m,
					100 + received); /* none lost, twice or out of order */
				g++;
			} else {
				assert_int_equal(chan_recv(&reader, &m), CHAN_AGAIN);
			}
		} else if (logged < sent) {
			assert_int_equal(chan_tap(&auditor, 0, &m), CHAN_OK);
			assert_int_equal(m, 100 + logged);
			chan_deliver(&auditor, &m);
			l++;
		} else {
			assert_int_equal(chan_tap(&auditor, 0, &m), CHAN_AGAIN);
		}
		states += walk(audited, depth - 1, s, l, g);
		writer = w;
		reader = r;
		auditor = a;
		memcpy(data, data_was, size);
		memcpy(log_page, log_was, size);
		memcpy(ack, &ack_was, sizeof(ack_was));
	}
	return states;
}

static void test_every_order_of_steps(void **state)
{
	(void)state;
	begin(false);
	printf("%lu states of a channel\n", walk(false, DEPTH, 0, 0, 0));
	begin(true);
	printf("%lu states of an audited channel\n", walk(true, DEPTH, 0, 0, 0));
}

static const uint64_t odd[] = { 0,
				1,
				2,
				3,
				4,
				5,
				7,
				1ull << 31,
				1ull << 32,
				(1ull << 32) - 1,
				1ull << 63,
				UINT64_MAX,
				UINT64_MAX - 1 };
#define ODD (sizeof(odd) / sizeof(odd[0]))

/* The writer puts any stamp anywhere: the reader takes the next message, or nothing, or closes. */
static void test_attack_C2_C3_C4_any_stamp(void **state)
{
	uint64_t m;

	(void)state;
	for (unsigned audited = 0; audited < 2; audited++)
		for (uint64_t taken = 0; taken < 4; taken++)
			for (unsigned i = 0; i < ODD; i++) {
				enum chan_status st;

				begin(audited);
				for (uint64_t n = 0; n < taken; n++) {
					m = n;
					assert_int_equal(chan_send(&writer, &m), CHAN_OK);
					if (audited)
						chan_deliver(&auditor, &m);
					assert_int_equal(chan_recv(&reader, &m), CHAN_OK);
				}
				data->slot[(taken % SLOTS) * 8] = odd[i];
				if (audited)
					log_page->slot[(taken % SLOTS) * 8] = odd[i];
				st = chan_recv(&reader, &m);
				if (odd[i] == taken + 1)
					assert_int_equal(st, CHAN_OK);
				else if (odd[i] == 0 ||
					 (taken >= SLOTS && odd[i] == taken + 1 - SLOTS))
					assert_int_equal(st, CHAN_AGAIN);
				else
					assert_int_equal(st, CHAN_BROKEN);
				assert_int_equal(reader.received, taken + (st == CHAN_OK));
			}
}

/* The reader acknowledges what it likes: the writer never leaves its slots. */
static void test_attack_C2_C3_any_acknowledgement(void **state)
{
	uint64_t m = 1;

	(void)state;
	for (unsigned i = 0; i < ODD; i++) {
		begin(false);
		for (unsigned n = 0; n < SLOTS; n++)
			assert_int_equal(chan_send(&writer, &m), CHAN_OK);
		ack->received = odd[i];
		assert_int_equal(chan_send(&writer, &m), odd[i] == 0	   ? CHAN_AGAIN
							 : odd[i] <= SLOTS ? CHAN_OK
									   : CHAN_BROKEN);
	}
	begin(false);
	for (unsigned n = 0; n < SLOTS; n++)
		assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	ack->received = 2;
	for (unsigned n = 0; n < SLOTS; n++)
		assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	ack->received = 1; /* back */
	assert_int_equal(chan_send(&writer, &m), CHAN_BROKEN);
}

/* What was logged is not what stands in the slot, or was never sent: it is not delivered. */
static void test_attack_C1_logged_or_not_delivered(void **state)
{
	uint64_t m = 7, other = 8;

	(void)state;
	begin(true);
	assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	assert_int_equal(chan_recv(&reader, &m), CHAN_AGAIN); /* not before it is logged */
	assert_int_equal(chan_tap(&auditor, 0, &m), CHAN_OK);
	data->slot[1] = 9; /* after the tap, before the delivery */
	chan_deliver(&auditor, &m);
	assert_int_equal(chan_recv(&reader, &m), CHAN_BROKEN);
	begin(true);
	assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	chan_deliver(&auditor, &other); /* an auditor that forges */
	assert_int_equal(chan_recv(&reader, &m), CHAN_BROKEN);
	begin(true);
	chan_deliver(&auditor, &other); /* what nobody sent */
	assert_int_equal(chan_recv(&reader, &m), CHAN_BROKEN);
}

/* A writer that runs ahead makes the auditor write over a slot that the reader has not taken. */
static void test_attack_C1_C13_writer_runs_ahead(void **state)
{
	uint64_t m = 1;

	(void)state;
	begin(true);
	for (unsigned i = 0; i < SLOTS + 1; i++) {
		data->slot[i % SLOTS * 8 + 1] = 100 + i;
		data->slot[i % SLOTS * 8] = i + 1;
		assert_int_equal(chan_tap(&auditor, 0, &m), CHAN_OK);
		chan_deliver(&auditor, &m);
	}
	data->slot[0] = 1; /* and pretends that it is still the first */
	assert_int_equal(chan_recv(&reader, &m), CHAN_BROKEN);
	begin(true);
	log_page->slot[0] = 0; /* in the middle of being written over: wait */
	assert_int_equal(chan_recv(&reader, &m), CHAN_AGAIN);
}

static bool rung(unsigned who)
{
	uint64_t n;

	return read(pages.bell[who], &n, sizeof(n)) == (ssize_t)sizeof(n);
}

/* A ring for each message while the reader dozes, none while it is awake; room is told. */
static void test_attack_C10_bells(void **state)
{
	uint64_t m = 1;

	(void)state;
	begin(false);
	assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	assert_true(rung(1)); /* one that never says that it is awake is always rung */
	assert_false(chan_doze(&reader)); /* there is a message: no time to sleep */
	chan_awake(&reader);
	assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	assert_false(rung(1));
	assert_int_equal(chan_send(&writer, &m), CHAN_AGAIN);
	assert_false(rung(0));
	assert_int_equal(chan_recv(&reader, &m), CHAN_OK);
	assert_true(rung(0)); /* half of the slots are free */
	assert_int_equal(chan_recv(&reader, &m), CHAN_OK);
	assert_true(chan_doze(&reader));
	assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	assert_true(rung(1));
	begin(true);
	assert_int_equal(chan_send(&writer, &m), CHAN_OK);
	assert_true(rung(2) && !rung(1)); /* the auditor first */
	chan_deliver(&auditor, &m);
	assert_true(rung(1));
	chan_set_log_state(&auditor, CHAN_LOG_STOPPED);
	assert_true(rung(1));
	assert_int_equal(chan_log_state(&reader), CHAN_LOG_STOPPED);
	log_page->state = 99;
	assert_int_equal(chan_log_state(&reader), CHAN_LOG_STOPPED);
}

/* A page keeps its size; a read-only end stays one. */
static void test_attack_C15_C17_pages(void **state)
{
	const int read_only[] = { pages.data_ro, pages.ack_ro, pages.log_ro };
	const int writable[] = { pages.data, pages.ack, pages.log };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		void *page;

		assert_int_equal(ftruncate(writable[i], 0), -1);
		assert_int_equal(ftruncate(writable[i], 1 << 20), -1);
		assert_true(mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, read_only[i],
				 0) == MAP_FAILED);
		page = mmap(NULL, 64, PROT_READ, MAP_SHARED, read_only[i], 0);
		assert_true(page != MAP_FAILED);
		assert_int_equal(mprotect(page, 64, PROT_READ | PROT_WRITE), -1);
		assert_int_equal(write(read_only[i], "x", 1), -1);
		munmap(page, 64);
	}
}

static void test_geometry(void **state)
{
	static const struct {
		struct chan_geometry g;
		bool valid;
	} rows[] = {
		{ { 1, 8 }, true },	    { { 256, 248 }, true }, { { 0, 8 }, false },
		{ { 3, 8 }, false },	    { { 512, 8 }, false },  { { 2, 0 }, false },
		{ { 2, 4 }, false },	    { { 2, 12 }, false },   { { 2, 256 }, false },
		{ { 1u << 31, 8 }, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(chan_geometry_valid(rows[i].g), rows[i].valid);
	assert_true(chan_page_bytes((struct chan_geometry){ 256, 248 }) <= CHAN_PAGE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_order_of_steps),
		cmocka_unit_test(test_attack_C2_C3_C4_any_stamp),
		cmocka_unit_test(test_attack_C2_C3_any_acknowledgement),
		cmocka_unit_test(test_attack_C1_logged_or_not_delivered),
		cmocka_unit_test(test_attack_C1_C13_writer_runs_ahead),
		cmocka_unit_test(test_attack_C10_bells),
		cmocka_unit_test(test_attack_C15_C17_pages),
		cmocka_unit_test(test_geometry),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
