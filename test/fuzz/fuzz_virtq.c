/* SPDX-License-Identifier: ISC */
/*
 * The input is what a driver has set up and what then happens:
 *   0  size (bits 0-3: 2^n), event_idx (4), indirect (5), tracked (6), places below (7)
 *   1  places of desc, avail, used, in 16, 2 and 4 bytes; each a little-endian word
 *   7  base, as low byte
 *   8  a third of a chain's length (bits 0-5; 0: no chains), in an indirect table (6), region cut short (7)
 *   9  the script, a step each byte: what (bits 0-2) and with which argument (3-7)
 *   73 which bits of guest memory from address 0 differ from well-made chains
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"
#include "virtq.h"

#define HEADER 9
#define SCRIPT 64
#define MEMORY 65536u
#define AVAIL  0x1000u
#define USED   0x1800u
#define TABLE  0x4000u /* indirect descriptors, as many as fit in 8 KiB */
#define DATA   0x6000u
#define MORE   4096u /* a second region, not beside the first in the host */
#define ROUNDS 4     /* the script is gone through so many times */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step { POP, PUSH, UNPOP, LOOK, BATCH, RESTART, OFFER, DRAIN };

static struct {
	uint8_t *low, *high; /* allocated for each run: the sanitizer watches their ends */
	struct gmem mem;
	struct virtq_layout layout;
	struct virtq q;
	uint16_t base;
	bool tracked;
	struct virtq_inflight *region;
	size_t region_len;
	struct virtq_req held[VIRTQ_SIZE_MAX];
	unsigned order[VIRTQ_SIZE_MAX]; /* of each held one: which pop it was */
	unsigned held_count, pops;
} f;

static void inside(const struct iovec *v)
{
	const uint8_t *p = v->iov_base;

	BUG_ON(!(p >= f.low && p <= f.low + MEMORY &&
		 v->iov_len <= (size_t)(f.low + MEMORY - p)) &&
	       !(p >= f.high && p <= f.high + MORE &&
		 v->iov_len <= (size_t)(f.high + MORE - p)));
}

/* What virtq_pop() promises. */
static void judge(const struct virtq_req *r)
{
	uint64_t readable = 0, writable = 0;
	struct iovec v;

	BUG_ON(r->head >= f.q.size || r->count == 0 || r->count > VIRTQ_SEGS_MAX);
	BUG_ON(r->first_writable > r->count || r->written != 0);
	for (unsigned i = 0; i < f.held_count; i++)
		BUG_ON(f.held[i].head == r->head);
	for (unsigned i = 0; i < r->count; i++) {
		BUG_ON(!gmem_iovec(&f.mem, r->seg[i].addr, r->seg[i].len, &v));
		inside(&v);
		*(i < r->first_writable ? &readable : &writable) += r->seg[i].len;
	}
	BUG_ON(virtq_readable(r) != readable || virtq_writable(r) != writable);
}

/* What a device may do with a request, in pieces of a size. */
static void use(struct virtq_req *r, size_t piece)
{
	struct iovec iov[VIRTQ_SEGS_MAX];
	uint8_t bytes[32] = { 0 };
	uint64_t had = virtq_readable(r), room = virtq_writable(r);
	int n;

	BUG_ON(virtq_get(r, bytes, piece) != (piece <= had));
	had = virtq_readable(r);
	n = virtq_read_iovec(r, piece, iov, (int)(piece % 4));
	BUG_ON(n > (int)(piece % 4) || virtq_readable(r) != (n < 0 ? had : had - piece));
	for (int i = 0; i < n; i++)
		inside(&iov[i]);
	BUG_ON(virtq_read_iovec(r, virtq_readable(r) + 1, iov, VIRTQ_SEGS_MAX) != -1);
	BUG_ON(virtq_write_iovec(r, room + 1, iov, VIRTQ_SEGS_MAX) != -1);
	n = virtq_write_iovec(r, room / 2, iov, VIRTQ_SEGS_MAX);
	BUG_ON(n < 0 || virtq_writable(r) != room - room / 2);
	for (int i = 0; i < n; i++)
		inside(&iov[i]);
	virtq_wrote(r, (uint32_t)(room / 2));
	BUG_ON(virtq_put(r, bytes, piece) != (piece <= room - room / 2));
}

static void drop_held(unsigned i)
{
	f.held_count--;
	memmove(&f.held[i], &f.held[i + 1], (f.held_count - i) * sizeof(f.held[0]));
	memmove(&f.order[i], &f.order[i + 1], (f.held_count - i) * sizeof(f.order[0]));
}

static bool pop(void)
{
	static struct virtq_req r;

	if (virtq_pop(&f.q, &r) != VIRTQ_OK)
		return false;
	BUG_ON(f.held_count == f.q.size);
	judge(&r);
	f.held[f.held_count] = r;
	f.order[f.held_count++] = ++f.pops;
	return true;
}

static void push(unsigned i)
{
	virtq_push(&f.q, &f.held[i]);
	drop_held(i);
}

static void unpop(void)
{
	unsigned last = f.held_count - 1;

	if (f.held_count == 0 || f.order[last] != f.pops)
		return; /* the one popped last is not ours any more */
	virtq_unpop(&f.q, &f.held[last]);
	drop_held(last);
	f.pops--;
}

static void batch(void)
{
	uint16_t heads[VIRTQ_SIZE_MAX];
	unsigned count = f.held_count;

	for (unsigned i = 0; i < count; i++) {
		virtq_stage(&f.q, &f.held[i], (uint16_t)i);
		heads[i] = f.held[i].head;
	}
	f.held_count = 0;
	virtq_publish(&f.q, heads, (uint16_t)count);
}

/* A device that takes what there is comes to an end, as the driver adds nothing meanwhile. */
static void drain(void)
{
	unsigned limit = f.q.size + f.q.again_count - f.q.again_at + f.held_count;

	while (pop()) {
		BUG_ON(limit-- == 0);
		push(f.held_count - 1);
	}
}

static bool start(void)
{
	f.held_count = 0;
	if (!virtq_init(&f.q, &f.mem, &f.layout, f.base))
		return false;
	return !f.tracked || virtq_track(&f.q, f.region, f.region_len);
}

/* The region, too, is shared; a few bytes of it change. */
static void spoil_region(const uint8_t *with)
{
	uint8_t *bytes = (uint8_t *)f.region;

	for (size_t i = 0; i < f.region_len && i < 256; i++)
		bytes[i] ^= with[i];
}

/* The driver says that there is more. */
static void offer(unsigned more)
{
	uint16_t idx;

	if (gmem_load16_acquire(&f.mem, gpa(f.layout.avail.raw + 2), &idx) &&
	    !gmem_store16_release(&f.mem, gpa(f.layout.avail.raw + 2), (uint16_t)(idx + more)))
		abort();
}

static bool step(enum step what, unsigned arg)
{
	switch (what) {
	case POP:
		(void)pop();
		break;
	case PUSH:
		if (f.held_count > 0) {
			use(&f.held[arg % f.held_count], arg);
			push(arg % f.held_count);
		}
		break;
	case UNPOP:
		unpop();
		break;
	case LOOK:
		(void)virtq_wants_call(&f.q);
		virtq_disarm(&f.q);
		(void)virtq_rearm(&f.q);
		break;
	case BATCH:
		batch();
		break;
	case RESTART:
		if (arg > 1)
			spoil_region(f.low + DATA + arg * 256u);
		return start();
	case OFFER:
		offer(arg);
		break;
	case DRAIN:
		drain();
		break;
	}
	return true;
}

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* Chains of so many descriptors each, half of them writable. */
static void make_chains(uint64_t table, unsigned count, unsigned chain)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned n = i % chain;
		struct desc d = { .addr = DATA + i * 8,
				  .len = n * 5,
				  .flags = (uint16_t)((n + 1 < chain ? 1 : 0) |
						      (n >= chain / 2 ? 2 : 0)),
				  .next = (uint16_t)(i + 1) };

		memcpy(f.low + table + i * sizeof(d), &d, sizeof(d));
	}
}

static void make_rings(unsigned elements, unsigned chain, bool indirect)
{
	for (unsigned i = 0; i < elements; i++) {
		uint16_t head = (uint16_t)(i * (indirect ? 1 : chain) % elements);

		memcpy(f.low + AVAIL + 4 + i * sizeof(head), &head, sizeof(head));
	}
	make_chains(0, elements, chain);
	if (!indirect)
		return;
	make_chains(TABLE, (DATA - TABLE) / sizeof(struct desc), chain);
	for (unsigned i = 0; i < elements; i++) {
		struct desc d = { .addr = TABLE, .len = chain * 16, .flags = 4 };

		memcpy(f.low + i * sizeof(d), &d, sizeof(d));
	}
}

static uint32_t word(const uint8_t *p)
{
	return p[0] + 256u * p[1];
}

static void run(const uint8_t *data, size_t size)
{
	unsigned elements = 1u << (data[0] & 15);
	bool going;

	f.layout = (struct virtq_layout){ gpa(0),
					  gpa(AVAIL),
					  gpa(USED),
					  (uint16_t)elements,
					  (data[0] & 0x10) != 0,
					  (data[0] & 0x20) != 0 };
	if ((data[0] & 0x80) != 0) {
		f.layout.desc = gpa(16u * word(data + 1));
		f.layout.avail = gpa(2u * word(data + 3));
		f.layout.used = gpa(4u * word(data + 5));
	}
	if ((data[8] & 0x3f) != 0 && elements <= VIRTQ_SIZE_MAX)
		make_rings(elements, 3u * (data[8] & 0x3f), (data[8] & 0x40) != 0);
	for (size_t i = 0; i < MEMORY && i < size - HEADER - SCRIPT; i++)
		f.low[i] ^= data[HEADER + SCRIPT + i];
	f.base = data[7];
	f.tracked = (data[0] & 0x40) != 0;
	f.pops = 0;
	f.region_len =
		sizeof(*f.region) + elements * sizeof(f.region->desc[0]) - (data[8] >> 7);
	f.region = calloc(1, f.region_len);
	BUG_ON(f.region == NULL);
	going = start();
	for (unsigned i = 0; i < ROUNDS * SCRIPT && going; i++) {
		uint8_t b = data[HEADER + i % SCRIPT];

		going = step((enum step)(b & 7), b >> 3);
		BUG_ON(going && f.q.taken_count != f.held_count);
	}
	free(f.region);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gmem_region regions[2] = { { 0, MEMORY, NULL }, { 0x20000, MORE, NULL } };

	if (size < HEADER + SCRIPT)
		return 0;
	f.low = calloc(1, MEMORY);
	f.high = calloc(1, MORE);
	BUG_ON(f.low == NULL || f.high == NULL);
	regions[0].host = f.low;
	regions[1].host = f.high;
	BUG_ON(!gmem_init(&f.mem, regions, 2));
	run(data, size);
	free(f.low);
	free(f.high);
	return 0;
}
