/* SPDX-License-Identifier: ISC */
/* For fuzzers of devices: the rings of test/unit/driver.c, written to as nobody should. */
#ifndef RING_H
#define RING_H

#include "driver.h"
#include "input.h"

#include <endian.h>
#include <string.h>

#define RING(q) (4096u * ((q) + 1)) /* driver.c's places */
#define AVAIL	1024u

/* Makes the chain at `head` available, without a word to the device. */
static inline void ring_offers(unsigned queue, uint8_t head)
{
	uint8_t *avail = (uint8_t *)driver_at(gpa(RING(queue))) + AVAIL;
	uint16_t idx;

	memcpy(&idx, avail + 2, sizeof(idx));
	avail[4 + 2u * (idx % DRIVER_QUEUE)] = head;
	avail[5 + 2u * (idx % DRIVER_QUEUE)] = 0;
	idx++;
	memcpy(avail + 2, &idx, sizeof(idx));
}

/* A descriptor at a place of the ring that is taken modulo its size, and so is the next one's. */
static inline void ring_piece(unsigned queue, unsigned place, uint64_t addr, uint32_t len,
			      unsigned flags)
{
	uint8_t *ring = driver_at(gpa(RING(queue)));
	const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d = { .addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16((uint16_t)flags),
		.next = htole16((uint16_t)((place + 1) % DRIVER_QUEUE)) };

	memcpy(ring + 16u * (place % DRIVER_QUEUE), &d, sizeof(d));
}

/*
 * Makes a chain of some pieces available; their places and lengths may be anywhere: both come from the
 * input, shifted to the left.
 */
static inline void ring_adds(unsigned queue, unsigned place_shift, unsigned len_shift)
{
	uint8_t first = next8() % DRIVER_QUEUE, count = next8() % 6;

	for (uint8_t i = 0; i <= count; i++) {
		uint64_t at = (uint64_t)next16() << place_shift;
		uint32_t len = next16();
		unsigned how = next8(),
			 flags = (unsigned)(i < count) | (queue % 2 == 0 ? 2u : 0u);

		if ((how & 0x0f) == 0x0f)
			flags = how >> 4;
		ring_piece(queue, first + i, at, how >= 0xf0 ? len << len_shift : len, flags);
	}
	ring_offers(queue, first);
}

#endif /* RING_H */
