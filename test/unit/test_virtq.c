/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "virtq.h"

/* The device is little-endian as the ring is: this test runs on x86-64. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

enum { N = 1, W = 2, I = 4 }; /* NEXT, WRITE, INDIRECT */

/* One region; what lies where in most tests. */
#define RAM   0x10000u
#define END   0x20000u /* the first byte behind it */
#define DESC  0x10000u
#define AVAIL 0x11000u
#define USED  0x11400u
#define TABLE 0x12000u /* indirect descriptors */
#define INNER 0x13000u /* those that they refer to */
#define DATA  0x18000u
#define SIZE  8u

static _Alignas(4096) uint8_t ram[END - RAM];
static struct gmem mem;
static struct virtq_layout layout;
static struct virtq q;
static struct virtq_req req[VIRTQ_SIZE_MAX + 1];

static void poke(uint64_t addr, const void *from, size_t len)
{
	assert_true(gmem_write(&mem, gpa(addr), from, len));
}

static void poke16(uint64_t addr, unsigned value)
{
	uint16_t v = (uint16_t)value;

	poke(addr, &v, sizeof(v));
}

static void peek(uint64_t addr, void *to, size_t len)
{
	assert_true(gmem_read(&mem, gpa(addr), to, len));
}

static uint16_t peek16(uint64_t addr)
{
	uint16_t v;

	peek(addr, &v, sizeof(v));
	return v;
}

static void set_desc(uint64_t table, unsigned i, struct desc d)
{
	poke(table + 16 * i, &d, sizeof(d));
}

/*
 * Empty rings of which `base` elements have been used. All other memory is descriptors of one
 * readable byte without next: a walk that goes astray ends well, and the row is seen to fail.
 */
static void set_up_queue(uint16_t size, uint16_t base)
{
	struct gmem_region region = { RAM, sizeof(ram), ram };

	assert_true(gmem_init(&mem, &region, 1));
	for (unsigned i = 0; i < sizeof(ram) / 16; i++)
		set_desc(RAM, i, (struct desc){ DATA, 1, 0, 0 });
	memset(ram + (AVAIL - RAM), 0, TABLE - AVAIL);
	layout = (struct virtq_layout){ gpa(DESC), gpa(AVAIL), gpa(USED), size, false, true };
	poke16(AVAIL + 2, base);
	poke16(USED + 2, base);
	assert_true(virtq_init(&q, &mem, &layout, base));
}

static void offer(unsigned head)
{
	uint16_t idx = peek16(AVAIL + 2);

	poke16(AVAIL + 4 + 2u * (idx % q.size), head);
	poke16(AVAIL + 2, idx + 1u);
}

static enum virtq_status offer_and_pop(unsigned head, struct virtq_req *r)
{
	offer(head);
	return virtq_pop(&q, r);
}

/* clang-format off */
#define R16 { DATA, 16, 0, 0 }
/* clang-format on */

/* One chain. */
static const struct chain {
	const char *name;
	enum virtq_status status;
	uint16_t count, first_writable;
	uint64_t readable, writable;
	uint16_t head;
	struct desc desc[SIZE], table[4], inner[2];
	unsigned chain_of, table_of; /* instead: so many of one byte each */
	uint64_t table_at;	     /* 0: TABLE */
	bool no_indirect;
} chains[] = {
	{ "one readable", VIRTQ_OK, 1, 1, 16, 0, .desc = { R16 } },
	{ "one writable", VIRTQ_OK, 1, 0, 0, 16, .desc = { { DATA, 16, W, 0 } } },
	{ "not the first descriptor", VIRTQ_OK, 1, 1, 5, 0, 7,
	  .desc = { [7] = { DATA, 5, 0, 0 } } },
	{ "next without NEXT means nothing", VIRTQ_OK, 1, 1, 16, 0,
	  .desc = { { DATA, 16, 0, 99 } } },
	{ "readable and writable", VIRTQ_OK, 3, 2, 17, 512, 2,
	  .desc = { [2] = { DATA, 16, N, 5 },
		    [5] = { DATA + 99, 1, N, 0 },
		    [0] = { DATA, 512, W, 0 } } },
	{ "flags that nobody has defined", VIRTQ_OK, 1, 1, 16, 0,
	  .desc = { { DATA, 16, 0xfff8, 0 } } },
	{ "of the whole table", VIRTQ_OK, 8, 8, 8, 0, .chain_of = 8 },
	{ "as long as is taken", VIRTQ_OK, 130, 130, 130, 0, .chain_of = 130 },
	{ "one longer than is taken", VIRTQ_BROKEN, .chain_of = 131 },
	{ "twice as long as is taken", VIRTQ_BROKEN, .chain_of = 256 },
	{ "one descriptor twice, writable", VIRTQ_OK, 2, 0, 0, 32,
	  .desc = { { DATA, 16, N | W, 1 }, { DATA, 16, W, 0 } } },
	{ "a buffer over the ring itself", VIRTQ_OK, 1, 0, 0, 0x2000,
	  .desc = { { DESC, 0x2000, W, 0 } } },

	{ "head one past the table", VIRTQ_BROKEN, .head = SIZE },
	{ "head 65535", VIRTQ_BROKEN, .head = 65535 },
	{ "next one past the table", VIRTQ_BROKEN, .desc = { { DATA, 16, N, SIZE } } },
	{ "next 65535", VIRTQ_BROKEN, .desc = { { DATA, 16, N, 65535 } } },
	{ "next is itself", VIRTQ_BROKEN, .desc = { { DATA, 16, N, 0 } } },
	{ "loop of two", VIRTQ_BROKEN, .desc = { { DATA, 16, N, 1 }, { DATA, 16, N, 0 } } },
	{ "loop behind a beginning", VIRTQ_BROKEN,
	  .desc = { { DATA, 16, N, 1 }, { DATA, 16, N, 2 }, { DATA, 16, N, 1 } } },
	{ "loop of nothing", VIRTQ_BROKEN, .desc = { { DATA, 0, N, 0 } } },

	{ "readable after writable", VIRTQ_BROKEN, .desc = { { DATA, 16, N | W, 1 }, R16 } },
	{ "readable after readable and writable", VIRTQ_BROKEN,
	  .desc = { { DATA, 16, N, 1 }, { DATA, 16, N | W, 2 }, R16 } },

	{ "length 0", VIRTQ_OK, 1, 1, 0, 0, .desc = { { DATA, 0, 0, 0 } } },
	{ "length 0 among others", VIRTQ_OK, 3, 1, 16, 1,
	  .desc = { { DATA, 16, N, 1 }, { DATA, 0, N | W, 2 }, { DATA, 1, W, 0 } } },
	{ "length 0 at the end of memory", VIRTQ_BROKEN, .desc = { { END, 0, 0, 0 } } },
	{ "length 0xffffffff", VIRTQ_BROKEN, .desc = { { DATA, UINT32_MAX, 0, 0 } } },
	{ "length 0xffffffff, writable", VIRTQ_BROKEN, .desc = { { DATA, UINT32_MAX, W, 0 } } },
	{ "length over the end by one", VIRTQ_BROKEN,
	  .desc = { { DATA, END - DATA + 1, 0, 0 } } },
	{ "length to the end", VIRTQ_OK, 1, 1, END - DATA, 0,
	  .desc = { { DATA, END - DATA, 0, 0 } } },
	{ "last byte of memory", VIRTQ_OK, 1, 1, 1, 0, .desc = { { END - 1, 1, 0, 0 } } },
	{ "address before memory", VIRTQ_BROKEN, .desc = { { RAM - 1, 1, 0, 0 } } },
	{ "address 0", VIRTQ_BROKEN, .desc = { { 0, 1, 0, 0 } } },
	{ "address behind memory", VIRTQ_BROKEN, .desc = { { END, 1, 0, 0 } } },
	{ "address and length wrap to inside", VIRTQ_BROKEN,
	  .desc = { { UINT64_MAX - 15, DATA + 32, 0, 0 } } },
	{ "address beyond 32 bits", VIRTQ_BROKEN,
	  .desc = { { DATA + (1ull << 32), 1, 0, 0 } } },
	{ "second descriptor outside", VIRTQ_BROKEN,
	  .desc = { { DATA, 1, N, 1 }, { END, 1, W, 0 } } },

	{ "indirect", VIRTQ_OK, 2, 1, 16, 8, .desc = { { TABLE, 32, I, 0 } },
	  .table = { { DATA, 16, N, 1 }, { DATA, 8, W, 0 } } },
	{ "indirect, not negotiated", VIRTQ_BROKEN, .desc = { { TABLE, 16, I, 0 } },
	  .table = { R16 }, .no_indirect = true },
	{ "indirect with WRITE, which is ignored", VIRTQ_OK, 1, 1, 16, 0,
	  .desc = { { TABLE, 16, I | W, 0 } }, .table = { R16 } },
	{ "indirect with NEXT", VIRTQ_BROKEN, .desc = { { TABLE, 16, I | N, 1 }, R16 },
	  .table = { R16 } },
	{ "indirect at the end of a chain", VIRTQ_OK, 2, 1, 16, 8,
	  .desc = { { DATA, 16, N, 1 }, { TABLE, 16, I, 0 } }, .table = { { DATA, 8, W, 0 } } },
	{ "indirect at the end, readable after writable", VIRTQ_BROKEN,
	  .desc = { { DATA, 16, N | W, 1 }, { TABLE, 16, I, 0 } }, .table = { R16 } },
	{ "indirect inside indirect", VIRTQ_BROKEN, .desc = { { TABLE, 16, I, 0 } },
	  .table = { { INNER, 16, I, 0 } }, .inner = { R16 } },
	{ "indirect inside indirect, later", VIRTQ_BROKEN, .desc = { { TABLE, 32, I, 0 } },
	  .table = { { DATA, 16, N, 1 }, { INNER, 16, I, 0 } }, .inner = { R16 } },
	{ "indirect to itself", VIRTQ_BROKEN, .desc = { { DESC, 16, I, 0 } } },
	{ "indirect, length 0", VIRTQ_BROKEN, .desc = { { TABLE, 0, I, 0 } },
	  .table = { R16 } },
	{ "indirect, length 1", VIRTQ_BROKEN, .desc = { { TABLE, 1, I, 0 } },
	  .table = { R16 } },
	{ "indirect, length 17", VIRTQ_BROKEN, .desc = { { TABLE, 17, I, 0 } },
	  .table = { R16 } },
	{ "indirect, length 24", VIRTQ_BROKEN, .desc = { { TABLE, 24, I, 0 } },
	  .table = { R16 } },
	{ "indirect, length 0xfffffff0", VIRTQ_BROKEN, .desc = { { TABLE, 0xfffffff0, I, 0 } },
	  .table = { R16 } },
	{ "indirect, over the end of memory", VIRTQ_BROKEN,
	  .desc = { { END - 16, 32, I, 0 } } },
	{ "indirect, outside", VIRTQ_BROKEN, .desc = { { END, 16, I, 0 } } },
	{ "indirect, at any address", VIRTQ_OK, 1, 1, 16, 0,
	  .desc = { { TABLE + 1, 16, I, 0 } }, .table = { R16 }, .table_at = TABLE + 1 },
	{ "indirect, next one past its table", VIRTQ_BROKEN, .desc = { { TABLE, 32, I, 0 } },
	  .table = { { DATA, 1, N, 2 } } },
	{ "indirect, loop", VIRTQ_BROKEN, .desc = { { TABLE, 32, I, 0 } },
	  .table = { { DATA, 1, N, 1 }, { DATA, 1, N, 0 } } },
	{ "indirect, longer than the queue", VIRTQ_OK, 64, 64, 64, 0,
	  .desc = { { TABLE, 64 * 16, I, 0 } }, .table_of = 64 },
	{ "indirect, as long as is taken", VIRTQ_OK, 130, 130, 130, 0,
	  .desc = { { TABLE, 130 * 16, I, 0 } }, .table_of = 130 },
	{ "indirect, one longer than is taken", VIRTQ_BROKEN,
	  .desc = { { TABLE, 131 * 16, I, 0 } }, .table_of = 131 },
	{ "indirect, together one longer than is taken", VIRTQ_BROKEN,
	  .desc = { { DATA, 1, N, 1 }, { TABLE, 130 * 16, I, 0 } }, .table_of = 130 },
	{ "indirect, a long table of which little is used", VIRTQ_OK, 1, 1, 16, 0,
	  .desc = { { TABLE, 0x8000, I, 0 } }, .table = { R16 } },
};

static void lay_table(uint64_t table, const struct desc *d, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (d[i].addr != 0 || d[i].len != 0)
			set_desc(table, i, d[i]);
}

static void lay_chain(uint64_t table, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		set_desc(
			table, i,
			(struct desc){ DATA + i, 1, i + 1 < count ? N : 0, (uint16_t)(i + 1) });
}

static bool chain_right(const struct chain *row)
{
	struct virtq_req *r = &req[0];
	enum virtq_status st;

	set_up_queue(row->chain_of > SIZE ? 256 : SIZE, 0);
	lay_table(DESC, row->desc, SIZE);
	lay_table(row->table_at != 0 ? row->table_at : TABLE, row->table, 4);
	lay_table(INNER, row->inner, 2);
	lay_chain(DESC, row->chain_of);
	lay_chain(TABLE, row->table_of);
	q.indirect = !row->no_indirect;
	st = offer_and_pop(row->head, r);
	if (row->status != VIRTQ_OK) /* for good, and nothing is taken */
		return st == row->status && virtq_pop(&q, r) == row->status &&
		       q.taken_count == 0;
	return st == VIRTQ_OK && q.taken_count == 1 && r->head == row->head &&
	       r->count == row->count && r->first_writable == row->first_writable &&
	       r->written == 0 && virtq_readable(r) == row->readable &&
	       virtq_writable(r) == row->writable && virtq_pop(&q, &req[1]) == VIRTQ_EMPTY;
}

static void test_attack_C5_chains(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		if (chain_right(&chains[i]))
			continue;
		print_error("row: %s\n", chains[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_layouts(void **state)
{
	/* Of 8 elements: 128, 22 and 70 bytes. */
	static const struct {
		const char *name;
		uint64_t desc, avail, used;
		uint16_t size;
		bool works;
	} rows[] = {
		{ "plain", DESC, AVAIL, USED, 8, true },
		{ "size 0", DESC, AVAIL, USED, 0, false },
		{ "size 1", DESC, AVAIL, USED, 1, true },
		{ "size 3", DESC, AVAIL, USED, 3, false },
		{ "size 128", DESC, AVAIL, USED, 128, true },
		{ "size 255", DESC, AVAIL, USED, 255, false },
		{ "size 256", DESC, AVAIL, USED, 256, true },
		{ "size 257", DESC, AVAIL, USED, 257, false },
		{ "size 512", DESC, TABLE, INNER, 512, false },
		{ "size 32768", DESC, AVAIL, USED, 32768, false },
		{ "size 65535", DESC, AVAIL, USED, 65535, false },
		{ "desc off by 1", DESC + 1, AVAIL, USED, 8, false },
		{ "desc off by 8", DESC + 8, AVAIL, USED, 8, false },
		{ "desc off by 16", DESC + 16, AVAIL, USED, 8, true },
		{ "avail off by 1", DESC, AVAIL + 1, USED, 8, false },
		{ "avail off by 2", DESC, AVAIL + 2, USED, 8, true },
		{ "used off by 1", DESC, AVAIL, USED + 1, 8, false },
		{ "used off by 2", DESC, AVAIL, USED + 2, 8, false },
		{ "used off by 4", DESC, AVAIL, USED + 4, 8, true },
		{ "desc to the end of memory", END - 128, AVAIL, USED, 8, true },
		{ "desc 16 bytes over the end", END - 112, AVAIL, USED, 8, false },
		{ "avail to the end of memory", DESC, END - 22, USED, 8, true },
		{ "avail over the end: used_event", DESC, END - 20, USED, 8, false },
		{ "avail over the end: index", DESC, END - 2, USED, 8, false },
		{ "used over the end: avail_event", DESC, AVAIL, END - 68, 8, false },
		{ "used over the end: index", DESC, AVAIL, END - 4, 8, false },
		{ "used before the end", DESC, AVAIL, END - 72, 8, true },
		{ "desc before memory", RAM - 16, AVAIL, USED, 8, false },
		{ "desc outside", END, AVAIL, USED, 8, false },
		{ "avail outside", DESC, END, USED, 8, false },
		{ "used outside", DESC, AVAIL, END, 8, false },
		{ "desc at address 0", 0, AVAIL, USED, 8, false },
		{ "desc that wraps", UINT64_MAX - 15, AVAIL, USED, 8, false },
		{ "avail that wraps", DESC, UINT64_MAX - 1, USED, 8, false },
		{ "used that wraps", DESC, AVAIL, UINT64_MAX - 3, 8, false },
		{ "used is avail", DESC, USED, USED, 8, false },
		{ "used begins in avail", DESC, USED - 20, USED, 8, false },
		{ "used begins behind avail", DESC, USED - 24, USED, 8, true },
		{ "avail begins in used", DESC, USED + 68, USED, 8, false },
		{ "avail begins behind used", DESC, USED + 70, USED, 8, true },
		{ "used over desc: the driver's own harm", USED, AVAIL, USED, 8, true },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up_queue(SIZE, 0);
		layout.desc = gpa(rows[i].desc);
		layout.avail = gpa(rows[i].avail);
		layout.used = gpa(rows[i].used);
		layout.size = rows[i].size;
		if (virtq_init(&q, &mem, &layout, 0) == rows[i].works)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* The available ring says head 7 - i in slot i; a row moves its index and pops. */
static const struct {
	const char *name;
	uint16_t base, idx, count;
	uint16_t heads[SIZE];	/* that are popped, in order */
	enum virtq_status then; /* after these */
} avails[] = {
	{ "nothing", 0, 0, 0, { 0 }, VIRTQ_EMPTY },
	{ "nothing, later", 1234, 1234, 0, { 0 }, VIRTQ_EMPTY },
	{ "one", 0, 1, 1, { 7 }, VIRTQ_EMPTY },
	{ "a full ring", 0, 8, 8, { 7, 6, 5, 4, 3, 2, 1, 0 }, VIRTQ_EMPTY },
	{ "a full ring from the middle", 3, 11, 8, { 4, 3, 2, 1, 0, 7, 6, 5 }, VIRTQ_EMPTY },
	{ "one ahead of a full ring", 0, 9, 0, { 0 }, VIRTQ_BROKEN },
	{ "far ahead", 0, 32768, 0, { 0 }, VIRTQ_BROKEN },
	{ "one back", 5, 4, 0, { 0 }, VIRTQ_BROKEN },
	{ "one back from 0", 0, 65535, 0, { 0 }, VIRTQ_BROKEN },
	{ "to 65535", 65534, 65535, 1, { 1 }, VIRTQ_EMPTY },
	{ "past 65535 to 0", 65534, 0, 2, { 1, 0 }, VIRTQ_EMPTY },
	{ "past 65535", 65533, 2, 5, { 2, 1, 0, 7, 6 }, VIRTQ_EMPTY },
	{ "past 65535, a full ring", 65532, 4, 8, { 3, 2, 1, 0, 7, 6, 5, 4 }, VIRTQ_EMPTY },
	{ "past 65535, one too far", 65532, 5, 0, { 0 }, VIRTQ_BROKEN },
};

static void test_available_ring(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(avails) / sizeof(avails[0]); i++) {
		bool right = true;

		set_up_queue(SIZE, avails[i].base);
		for (unsigned slot = 0; slot < SIZE; slot++)
			poke16(AVAIL + 4 + 2 * slot, 7 - slot);
		poke16(AVAIL + 2, avails[i].idx);
		for (unsigned n = 0; n < avails[i].count; n++)
			right = right && virtq_pop(&q, &req[n]) == VIRTQ_OK &&
				req[n].head == avails[i].heads[n];
		if (right && virtq_pop(&q, &req[SIZE]) == avails[i].then)
			continue;
		print_error("row: %s\n", avails[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* CVE-2026-45782: a head that is in flight cannot come again before it has been used. */
static void test_a_head_in_flight_is_refused(void **state)
{
	(void)state;
	set_up_queue(SIZE, 0);
	assert_int_equal(offer_and_pop(3, &req[0]), VIRTQ_OK);
	assert_int_equal(offer_and_pop(4, &req[1]), VIRTQ_OK);
	assert_int_equal(offer_and_pop(3, &req[2]), VIRTQ_BROKEN);
	virtq_push(&q, &req[1]);
	assert_int_equal(virtq_pop(&q, &req[2]), VIRTQ_BROKEN);
	virtq_push(&q, &req[0]);
	assert_int_equal(virtq_pop(&q, &req[2]), VIRTQ_OK);
	assert_int_equal(req[2].head, 3);

	/* Heads of the other words of the set. */
	set_up_queue(256, 0);
	for (unsigned head = 0; head < 256; head += 51)
		assert_int_equal(offer_and_pop(head, &req[head]), VIRTQ_OK);
	for (unsigned head = 0; head < 256; head += 51) {
		assert_int_equal(offer_and_pop(head, &req[256]), VIRTQ_BROKEN);
		poke16(AVAIL + 2, peek16(AVAIL + 2) - 1u);
	}
}

/* CVE-2016-5403: never more requests than elements, whatever the index does. */
static void test_in_flight_and_available_fit_the_ring(void **state)
{
	(void)state;
	set_up_queue(SIZE, 0);
	for (unsigned head = 0; head < SIZE; head++)
		assert_int_equal(offer_and_pop(head, &req[head]), VIRTQ_OK);
	assert_int_equal(virtq_pop(&q, &req[SIZE]), VIRTQ_EMPTY);
	virtq_push(&q, &req[5]);
	offer(5);
	offer(5); /* two, where only one can be */
	assert_int_equal(virtq_pop(&q, &req[SIZE]), VIRTQ_BROKEN);
	virtq_push(&q, &req[2]);
	assert_int_equal(virtq_pop(&q, &req[5]), VIRTQ_OK);
}

static void test_a_request_is_a_snapshot(void **state)
{
	uint8_t buf[4] = { 1, 2, 3, 4 }, got[4] = { 0 };

	(void)state;
	set_up_queue(SIZE, 0);
	set_desc(DESC, 0, (struct desc){ TABLE, 32, I, 0 });
	set_desc(TABLE, 0, (struct desc){ DATA, 4, N, 1 });
	set_desc(TABLE, 1, (struct desc){ DATA + 16, 4, W, 0 });
	poke(DATA, buf, 4);
	assert_int_equal(offer_and_pop(0, &req[0]), VIRTQ_OK);
	set_desc(DESC, 0, (struct desc){ END, 1, W, 9 });
	set_desc(TABLE, 0, (struct desc){ DATA + 256, UINT32_MAX, W | N | I, 9 });
	set_desc(TABLE, 1, (struct desc){ UINT64_MAX, 1, 0, 0 });
	assert_int_equal(virtq_readable(&req[0]), 4);
	assert_int_equal(virtq_writable(&req[0]), 4);
	assert_true(virtq_get(&req[0], got, 4));
	assert_memory_equal(got, buf, 4);
	assert_true(virtq_put(&req[0], buf, 4));
	assert_memory_equal(ram + (DATA + 16 - RAM), buf, 4);
	virtq_push(&q, &req[0]);
	assert_int_equal(peek16(USED + 4), 0);
}

/* Readable: 3, 0 and 5 bytes that count from 1; writable: 2, 0 and 6. */
static void pop_pieces(struct virtq_req *r)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	set_up_queue(SIZE, 0);
	memset(ram + (DATA - RAM), 0, 0x1000);
	poke(DATA, bytes, 3);
	poke(DATA + 0x100, bytes + 3, 5);
	set_desc(DESC, 0, (struct desc){ DATA, 3, N, 1 });
	set_desc(DESC, 1, (struct desc){ DATA + 0x80, 0, N, 2 });
	set_desc(DESC, 2, (struct desc){ DATA + 0x100, 5, N, 3 });
	set_desc(DESC, 3, (struct desc){ DATA + 0x200, 2, N | W, 4 });
	set_desc(DESC, 4, (struct desc){ DATA + 0x280, 0, N | W, 5 });
	set_desc(DESC, 5, (struct desc){ DATA + 0x300, 6, W, 0 });
	assert_int_equal(offer_and_pop(0, r), VIRTQ_OK);
}

static void test_get_and_put_across_segments(void **state)
{
	static const uint8_t in[] = { 11, 12, 13, 14, 15, 16, 17, 18 };
	uint8_t out[9] = { 0 };

	(void)state;
	pop_pieces(&req[0]);
	assert_int_equal(virtq_readable(&req[0]), 8);
	assert_true(virtq_get(&req[0], out, 0));
	assert_true(virtq_get(&req[0], out, 2));
	assert_int_equal(virtq_readable(&req[0]), 6);
	assert_true(virtq_get(&req[0], out + 2, 4));
	assert_int_equal(virtq_readable(&req[0]), 2);
	assert_true(virtq_get(&req[0], out + 6, 2));
	assert_memory_equal(out, "\1\2\3\4\5\6\7\10", 9);
	assert_int_equal(virtq_readable(&req[0]), 0);
	assert_false(virtq_get(&req[0], out, 1));
	assert_true(virtq_get(&req[0], out, 0));

	assert_int_equal(virtq_writable(&req[0]), 8);
	assert_true(virtq_put(&req[0], in, 1));
	assert_int_equal(virtq_writable(&req[0]), 7);
	assert_true(virtq_put(&req[0], in + 1, 6));
	assert_int_equal(virtq_writable(&req[0]), 1);
	assert_int_equal(req[0].written, 7);
	assert_false(virtq_put(&req[0], in, 2));
	assert_memory_equal(ram + (DATA + 0x200 - RAM), "\13\14\0", 3);
	assert_memory_equal(ram + (DATA + 0x300 - RAM), "\15\16\17\20\21\13\0", 7);
	assert_int_equal(virtq_writable(&req[0]), 0);
	assert_false(virtq_put(&req[0], in, 1));
	assert_int_equal(req[0].written, 8);

	pop_pieces(&req[0]);
	assert_false(virtq_get(&req[0], out, 9)); /* never into the writable ones */
}

static void test_ranges_of_a_request(void **state)
{
	static const struct {
		const char *name;
		uint64_t skip, len; /* so many before are taken already */
		int max, count;
		struct {
			uint64_t addr, len;
		} read[2], write[2];
	} rows[] = {
		{ "nothing", 0, 0, 0, 0, .read = { { 0, 0 } } },
		{ "one byte", 0, 1, 1, 1, { { DATA, 1 } }, { { DATA + 0x200, 1 } } },
		{ "all",
		  0,
		  8,
		  2,
		  2,
		  { { DATA, 3 }, { DATA + 0x100, 5 } },
		  { { DATA + 0x200, 2 }, { DATA + 0x300, 6 } } },
		{ "all, more room",
		  0,
		  8,
		  9,
		  2,
		  { { DATA, 3 }, { DATA + 0x100, 5 } },
		  { { DATA + 0x200, 2 }, { DATA + 0x300, 6 } } },
		{ "all, less room", 0, 8, 1, -1, .read = { { 0, 0 } } },
		{ "all, no room", 0, 8, 0, -1, .read = { { 0, 0 } } },
		{ "one too many", 0, 9, 9, -1, .read = { { 0, 0 } } },
		{ "2^64-1", 0, UINT64_MAX, 9, -1, .read = { { 0, 0 } } },
		{ "from the middle",
		  1,
		  6,
		  2,
		  2,
		  { { DATA + 1, 2 }, { DATA + 0x100, 4 } },
		  { { DATA + 0x201, 1 }, { DATA + 0x300, 5 } } },
		{ "the last", 7, 1, 1, 1, { { DATA + 0x104, 1 } }, { { DATA + 0x305, 1 } } },
		{ "one too many, from the middle", 7, 2, 2, -1, .read = { { 0, 0 } } },
		{ "none is left", 8, 1, 2, -1, .read = { { 0, 0 } } },
		{ "none is left, none wanted", 8, 0, 2, 0, .read = { { 0, 0 } } },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iovec rd[10], wr[10];
		uint64_t taken = rows[i].skip + (rows[i].count < 0 ? 0 : rows[i].len);
		bool right;

		pop_pieces(&req[0]);
		right = virtq_read_iovec(&req[0], rows[i].skip, rd, 10) >= 0 &&
			virtq_write_iovec(&req[0], rows[i].skip, wr, 10) >= 0 &&
			virtq_read_iovec(&req[0], rows[i].len, rd, rows[i].max) ==
				rows[i].count &&
			virtq_write_iovec(&req[0], rows[i].len, wr, rows[i].max) ==
				rows[i].count &&
			virtq_readable(&req[0]) == 8 - taken &&
			virtq_writable(&req[0]) == 8 - taken && req[0].written == 0;
		for (int n = 0; n < rows[i].count; n++)
			right = right && rd[n].iov_base == ram + (rows[i].read[n].addr - RAM) &&
				rd[n].iov_len == rows[i].read[n].len &&
				wr[n].iov_base == ram + (rows[i].write[n].addr - RAM) &&
				wr[n].iov_len == rows[i].write[n].len;
		if (right)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void assert_used(unsigned slot, uint32_t head, uint32_t len)
{
	uint32_t e[2];

	peek(USED + 4 + 8 * slot, e, sizeof(e));
	assert_int_equal(e[0], head);
	assert_int_equal(e[1], len);
}

static void test_used_ring(void **state)
{
	(void)state;
	set_up_queue(SIZE, 65534);
	for (unsigned head = 0; head < 5; head++)
		assert_int_equal(offer_and_pop(head, &req[head]), VIRTQ_OK);
	virtq_wrote(&req[3], 70000);
	virtq_push(&q, &req[3]);
	assert_int_equal(peek16(USED + 2), 65535);
	assert_used(6, 3, 70000);
	assert_used(7, 0, 0);
	virtq_push(&q, &req[1]);
	assert_int_equal(peek16(USED + 2), 0);
	assert_used(7, 1, 0);
	virtq_push(&q, &req[4]);
	assert_int_equal(peek16(USED + 2), 1);
	assert_used(0, 4, 0);
	assert_int_equal(peek16(USED), 0);
	assert_int_equal(q.taken_count, 2);
}

/* The used index goes on where the driver's memory says, and is then ours alone. */
static void test_used_index_is_ours(void **state)
{
	(void)state;
	set_up_queue(SIZE, 0);
	poke16(USED + 2, 100);
	assert_true(virtq_init(&q, &mem, &layout, 0));
	assert_int_equal(offer_and_pop(1, &req[0]), VIRTQ_OK);
	poke16(USED + 2, 5);
	virtq_push(&q, &req[0]);
	assert_int_equal(peek16(USED + 2), 101);
	assert_used(100 % SIZE, 1, 0);
}

static void test_several_appear_at_once(void **state)
{
	uint16_t heads[3];

	(void)state;
	set_up_queue(SIZE, 65534);
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(offer_and_pop(7u - i, &req[i]), VIRTQ_OK);
		virtq_wrote(&req[i], 100u + i);
		virtq_stage(&q, &req[i], i);
		heads[i] = req[i].head;
		assert_int_equal(peek16(USED + 2), 65534);
	}
	virtq_publish(&q, heads, 3);
	assert_int_equal(peek16(USED + 2), 1);
	assert_used(6, 7, 100);
	assert_used(7, 6, 101);
	assert_used(0, 5, 102);
	assert_int_equal(q.taken_count, 0);
}

static void test_unpop(void **state)
{
	(void)state;
	set_up_queue(SIZE, 65535);
	offer(4);
	offer(2);
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_OK);
	assert_int_equal(virtq_pop(&q, &req[1]), VIRTQ_OK);
	virtq_unpop(&q, &req[1]);
	assert_int_equal(q.taken_count, 1);
	set_desc(DESC, 2, (struct desc){ DATA, 77, W, 0 }); /* it is read anew */
	assert_int_equal(virtq_pop(&q, &req[1]), VIRTQ_OK);
	assert_int_equal(req[1].head, 2);
	assert_int_equal(virtq_writable(&req[1]), 77);
	virtq_unpop(&q, &req[1]);
	virtq_unpop(&q, &req[0]);
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_OK);
	assert_int_equal(req[0].head, 4);
	assert_int_equal(virtq_pop(&q, &req[1]), VIRTQ_OK);
	assert_int_equal(req[1].head, 2);
	assert_int_equal(virtq_pop(&q, &req[2]), VIRTQ_EMPTY);
}

static void test_wants_call(void **state)
{
	static const struct {
		const char *name;
		bool event_idx;
		uint16_t base, pushes, avail_flags, used_event;
		bool wants;
	} rows[] = {
		{ "flags: yes", false, 0, 1, 0, 0, true },
		{ "flags: no", false, 0, 1, 1, 0, false },
		{ "flags: other bits mean nothing", false, 0, 1, 0xfffe, 0, true },
		{ "flags: nothing pushed", false, 0, 0, 0, 0, false },
		{ "flags: used_event means nothing", false, 10, 1, 0, 9, true },
		{ "flags: no, used_event means nothing", false, 10, 1, 1, 10, false },
		{ "event: this one", true, 0, 1, 0, 0, true },
		{ "event: flags mean nothing", true, 0, 1, 1, 0, true },
		{ "event: the next one", true, 0, 1, 0, 1, false },
		{ "event: the one before", true, 10, 1, 0, 9, false },
		{ "event: first of three", true, 10, 3, 0, 10, true },
		{ "event: last of three", true, 10, 3, 0, 12, true },
		{ "event: behind three", true, 10, 3, 0, 13, false },
		{ "event: before three", true, 10, 3, 0, 9, false },
		{ "event: far ahead", true, 0, 1, 0, 32768, false },
		{ "event: nothing pushed", true, 0, 0, 0, 0, false },
		{ "event: 65535 by one", true, 65535, 1, 0, 65535, true },
		{ "event: 0 over the wrap", true, 65534, 3, 0, 0, true },
		{ "event: 65534 over the wrap", true, 65534, 3, 0, 65534, true },
		{ "event: 1 over the wrap", true, 65534, 3, 0, 1, false },
		{ "event: 65533 over the wrap", true, 65534, 3, 0, 65533, false },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up_queue(SIZE, rows[i].base);
		q.event_idx = rows[i].event_idx;
		poke16(AVAIL, rows[i].avail_flags);
		poke16(AVAIL + 4 + 2 * SIZE, rows[i].used_event);
		for (unsigned n = 0; n < rows[i].pushes; n++) {
			assert_int_equal(offer_and_pop(n, &req[0]), VIRTQ_OK);
			virtq_push(&q, &req[0]);
		}
		if (virtq_wants_call(&q) == rows[i].wants && !virtq_wants_call(&q))
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_rearm_with_flags(void **state)
{
	(void)state;
	set_up_queue(SIZE, 7);
	virtq_disarm(&q);
	assert_int_equal(peek16(USED), 1);
	assert_false(virtq_rearm(&q));
	assert_int_equal(peek16(USED), 0);
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 0);
	virtq_disarm(&q);
	offer(0);
	assert_true(virtq_rearm(&q));
	assert_int_equal(peek16(USED), 0);
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_OK);
	assert_false(virtq_rearm(&q));
	virtq_unpop(&q, &req[0]);
	assert_true(virtq_rearm(&q));
}

/* "The device MUST set flags to 0", 2.7.10.2. */
static void test_rearm_with_event_idx(void **state)
{
	(void)state;
	set_up_queue(SIZE, 65535);
	q.event_idx = true;
	virtq_disarm(&q);
	assert_int_equal(peek16(USED), 0);
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 0);
	assert_false(virtq_rearm(&q));
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 65535);
	offer(0);
	assert_true(virtq_rearm(&q));
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 65535);
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_OK);
	virtq_disarm(&q);
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 65535);
	assert_false(virtq_rearm(&q));
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 0);
	assert_int_equal(peek16(USED), 0);
}

/* Every ring at every place over the others: nothing outside is touched, and it comes to an end. */
static void test_attack_C6_overlapping_rings_end(void **state)
{
	(void)state;
	for (unsigned avail = 0; avail < 512; avail += 2) {
		for (unsigned used = 0; used < 512; used += 4) {
			unsigned pops = 0;

			set_up_queue(SIZE, 0);
			for (unsigned i = 0; i < SIZE; i++)
				set_desc(DESC, i, (struct desc){ DESC, 512, W, 0 });
			layout.avail = gpa(DESC + avail);
			layout.used = gpa(DESC + used);
			if (!virtq_init(&q, &mem, &layout,
					(uint16_t)(peek16(DESC + avail + 2) - 1)))
				continue;
			while (pops < 64 && virtq_pop(&q, &req[0]) == VIRTQ_OK) {
				virtq_push(&q, &req[0]);
				(void)virtq_wants_call(&q);
				(void)virtq_rearm(&q);
				pops++;
			}
			assert_true(pops <= SIZE);
		}
	}
}

/* What the device writes may be the rings themselves: the next look at them decides. */
static void test_a_request_over_the_available_ring(void **state)
{
	uint8_t bytes[22];

	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		unsigned pops = 0;

		set_up_queue(SIZE, 0);
		set_desc(DESC, 0, (struct desc){ AVAIL, sizeof(bytes), W, 0 });
		offer(0);
		memset(bytes, (int)value, sizeof(bytes));
		while (pops < 64 && virtq_pop(&q, &req[0]) == VIRTQ_OK) {
			assert_true(virtq_put(&req[0], bytes, sizeof(bytes)));
			virtq_push(&q, &req[0]);
			pops++;
		}
		assert_true(pops <= SIZE);
	}
}

/* Inflight tracking. A `restart` is a new process with the same memory and the same region. */
#define REGION_SIZE(n) (sizeof(struct virtq_inflight) + (n)*16u)

static _Alignas(8) uint8_t region_bytes[REGION_SIZE(VIRTQ_SIZE_MAX)];
static struct virtq_inflight *const region = (void *)region_bytes;

static bool restart(void)
{
	memset(&q, 0x5a, sizeof(q));
	return virtq_init(&q, &mem, &layout, 0) && virtq_track(&q, region, REGION_SIZE(q.size));
}

static void set_up_tracked(uint16_t size, uint16_t base)
{
	set_up_queue(size, base);
	memset(region_bytes, 0, sizeof(region_bytes));
	assert_true(virtq_track(&q, region, REGION_SIZE(size)));
}

static void pop_head(uint16_t head, bool again, struct virtq_req *r)
{
	assert_int_equal(virtq_pop(&q, r), VIRTQ_OK);
	assert_int_equal(r->head, head);
	assert_int_equal(r->again, again);
}

static void test_fresh_region(void **state)
{
	(void)state;
	set_up_tracked(SIZE, 65535);
	assert_int_equal(region->version, 1);
	assert_int_equal(region->features, 0);
	assert_int_equal(region->desc_num, SIZE);
	assert_int_equal(region->used_idx, 65535);
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_EMPTY);
	offer(3);
	pop_head(3, false, &req[0]);
	assert_int_equal(region->desc[3].inflight, 1);
	virtq_push(&q, &req[0]);
	assert_int_equal(region->desc[3].inflight, 0);
	assert_int_equal(region->used_idx, 0);
	assert_int_equal(region->last_batch_head, 3);
	offer(2);
	pop_head(2, false, &req[0]);
	virtq_unpop(&q, &req[0]);
	assert_int_equal(region->desc[2].inflight, 0);
	assert_true(restart());
	pop_head(2, false, &req[0]);
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_EMPTY);
}

static void test_restart_gives_requests_again_oldest_first(void **state)
{
	static const uint16_t heads[] = { 6, 1, 7, 0, 3, 2 };

	(void)state;
	set_up_tracked(SIZE, 65533);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(offer_and_pop(heads[i], &req[i]), VIRTQ_OK);
	virtq_push(&q, &req[2]); /* 7 */
	virtq_push(&q, &req[0]); /* 6 */
	offer(5);

	for (unsigned times = 0; times < 2; times++) {
		assert_true(restart());
		assert_true(virtq_rearm(&q));
		pop_head(1, true, &req[0]);
		pop_head(0, true, &req[1]);
		virtq_unpop(&q, &req[1]);
		pop_head(0, true, &req[1]);
		pop_head(3, true, &req[2]);
		pop_head(2, true, &req[3]);
		assert_true(virtq_rearm(&q));
	}
	pop_head(5, false, &req[4]);
	assert_int_equal(virtq_pop(&q, &req[5]), VIRTQ_EMPTY);
	assert_false(virtq_rearm(&q));

	/* New ones are newer than those from before. */
	virtq_push(&q, &req[1]);
	assert_int_equal(peek16(USED + 2), 0);
	assert_true(restart());
	pop_head(1, true, &req[0]);
	pop_head(3, true, &req[1]);
	pop_head(2, true, &req[2]);
	pop_head(5, true, &req[3]);
	assert_int_equal(virtq_pop(&q, &req[4]), VIRTQ_EMPTY);
	for (unsigned i = 0; i < 4; i++)
		virtq_push(&q, &req[i]);
	assert_true(restart());
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_EMPTY);
}

static void test_restart_with_a_full_ring(void **state)
{
	(void)state;
	set_up_tracked(256, 65500);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(offer_and_pop(255 - i, &req[i]), VIRTQ_OK);
	assert_true(restart());
	assert_true(virtq_rearm(&q)); /* though the driver offers nothing new */
	for (uint16_t i = 0; i < 256; i++)
		pop_head(255 - i, true, &req[i]);
	assert_int_equal(virtq_pop(&q, &req[256]), VIRTQ_EMPTY);
	offer(0);
	assert_int_equal(virtq_pop(&q, &req[256]), VIRTQ_BROKEN);
}

/* The driver may ruin a descriptor before it is read again. */
static void test_again_is_judged_anew(void **state)
{
	(void)state;
	set_up_tracked(SIZE, 0);
	assert_int_equal(offer_and_pop(1, &req[0]), VIRTQ_OK);
	set_desc(DESC, 1, (struct desc){ END, 1, 0, 0 });
	assert_true(restart());
	assert_int_equal(virtq_pop(&q, &req[0]), VIRTQ_BROKEN);
	set_desc(DESC, 1, (struct desc){ DATA, 1, 0, 0 });
	pop_head(1, true, &req[0]);
}

/* The process ends after the used index is out and before the region says so. */
static void test_crash_between_publishing_and_noting(void **state)
{
	(void)state;
	set_up_tracked(SIZE, 65535);
	for (unsigned head = 0; head < 5; head++)
		assert_int_equal(offer_and_pop(head, &req[head]), VIRTQ_OK);
	virtq_push(&q, &req[2]);
	assert_int_equal(offer_and_pop(2, &req[2]), VIRTQ_OK);
	virtq_stage(&q, &req[1], 0);
	virtq_stage(&q, &req[4], 1);
	poke16(USED + 2, 2);
	assert_true(restart());
	assert_int_equal(region->used_idx, 2);
	pop_head(0, true, &req[0]);
	pop_head(3, true, &req[1]);
	pop_head(2, true, &req[2]); /* the batch before stays as it is */
	assert_int_equal(virtq_pop(&q, &req[3]), VIRTQ_EMPTY);
}

static void test_crash_before_publishing(void **state)
{
	(void)state;
	set_up_tracked(SIZE, 0);
	for (unsigned head = 0; head < 3; head++)
		assert_int_equal(offer_and_pop(head, &req[head]), VIRTQ_OK);
	virtq_stage(&q, &req[1], 0);
	virtq_stage(&q, &req[2], 1);
	assert_true(restart());
	for (uint16_t head = 0; head < 3; head++)
		pop_head(head, true, &req[head]);
	assert_int_equal(virtq_pop(&q, &req[3]), VIRTQ_EMPTY);
}

/* Whatever the region says, there is no more than a ring of requests in it. */
static void test_corrupt_regions(void **state)
{
	static const struct {
		const char *name;
		uint16_t version, desc_num, last_batch_head, used_idx, next;
		uint8_t inflight; /* of every descriptor */
		uint64_t counter;
		unsigned missing; /* bytes of the region's length */
		bool works;
		unsigned again;
	} rows[] = {
		{ "sound", 1, SIZE, 0, 0, 0, 0, 0, 0, true, 0 },
		{ "too short by a byte", 1, SIZE, 0, 0, 0, 0, 0, 1, false, 0 },
		{ "fresh and too short", 0, 0, 0, 0, 0, 0, 0, 1, false, 0 },
		{ "no length at all", 1, SIZE, 0, 0, 0, 0, 0, 16 + 16 * SIZE, false, 0 },
		{ "version 2", 2, SIZE, 0, 0, 0, 0, 0, 0, false, 0 },
		{ "of another queue size", 1, 2 * SIZE, 0, 0, 0, 0, 0, 0, false, 0 },
		{ "of queue size 0", 1, 0, 0, 0, 0, 0, 0, 0, false, 0 },
		{ "all in flight, none older", 1, SIZE, 0, 0, 0, 1, 0, 0, true, SIZE },
		{ "all in flight, odd flags", 1, SIZE, 0, 0, 0, 0xfe, 7, 0, true, SIZE },
		{ "highest counter", 1, SIZE, 0, 0, 0, 1, UINT64_MAX, 0, true, SIZE },
		{ "last head outside", 1, SIZE, SIZE, 65535, 0, 1, 0, 0, true, SIZE },
		{ "last head 65535", 1, SIZE, 65535, 65530, 0, 1, 0, 0, true, SIZE },
		{ "next outside", 1, SIZE, 3, 65534, SIZE, 1, 0, 0, true, SIZE - 1 },
		{ "next 65535", 1, SIZE, 3, 65530, 65535, 1, 0, 0, true, SIZE - 1 },
		{ "next in a circle", 1, SIZE, 3, 65530, 3, 1, 0, 0, true, SIZE - 1 },
		{ "used far away", 1, SIZE, 3, 1000, 3, 1, 0, 0, true, SIZE },
		{ "used one more than a ring away", 1, SIZE, 3, 65527, 3, 1, 0, 0, true, SIZE },
		{ "used a ring away", 1, SIZE, 3, 65528, 3, 1, 0, 0, true, SIZE - 1 },
		{ "all bits", 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xff, UINT64_MAX, 0,
		  false, 0 },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned again = 0;
		bool works;

		set_up_queue(SIZE, 0);
		memset(region_bytes, 0xff, sizeof(region_bytes));
		*region = (struct virtq_inflight){ .features = UINT64_MAX,
						   .version = rows[i].version,
						   .desc_num = rows[i].desc_num,
						   .last_batch_head = rows[i].last_batch_head,
						   .used_idx = rows[i].used_idx };
		for (unsigned n = 0; n < SIZE; n++) {
			region->desc[n].inflight = rows[i].inflight;
			region->desc[n].next = rows[i].next;
			region->desc[n].counter = rows[i].counter;
		}
		works = virtq_track(&q, region, REGION_SIZE(SIZE) - rows[i].missing);
		while (works && again <= SIZE && virtq_pop(&q, &req[again]) == VIRTQ_OK)
			again++;
		for (unsigned n = 0; n < again; n++)
			virtq_push(&q, &req[n]);
		if (works == rows[i].works && again == rows[i].again)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attack_C5_chains),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_available_ring),
		cmocka_unit_test(test_a_head_in_flight_is_refused),
		cmocka_unit_test(test_in_flight_and_available_fit_the_ring),
		cmocka_unit_test(test_a_request_is_a_snapshot),
		cmocka_unit_test(test_get_and_put_across_segments),
		cmocka_unit_test(test_ranges_of_a_request),
		cmocka_unit_test(test_used_ring),
		cmocka_unit_test(test_used_index_is_ours),
		cmocka_unit_test(test_several_appear_at_once),
		cmocka_unit_test(test_unpop),
		cmocka_unit_test(test_wants_call),
		cmocka_unit_test(test_rearm_with_flags),
		cmocka_unit_test(test_rearm_with_event_idx),
		cmocka_unit_test(test_attack_C6_overlapping_rings_end),
		cmocka_unit_test(test_a_request_over_the_available_ring),
		cmocka_unit_test(test_fresh_region),
		cmocka_unit_test(test_restart_gives_requests_again_oldest_first),
		cmocka_unit_test(test_restart_with_a_full_ring),
		cmocka_unit_test(test_again_is_judged_anew),
		cmocka_unit_test(test_crash_between_publishing_and_noting),
		cmocka_unit_test(test_crash_before_publishing),
		cmocka_unit_test(test_corrupt_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
