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

/*
 * Makes a chain of some pieces available; their places and lengths may be anywhere: both come from the
 * input, shifted to the left.
 */
static inline void ring_adds(unsigned queue, unsigned place_shift, unsigned len_shift)
{
	uint8_t *ring = driver_at(gpa(RING(queue))), first = next8() % DRIVER_QUEUE;
	uint8_t count = next8() % 6;

	for (uint8_t i = 0; i <= count; i++) {
		uint64_t at = (uint64_t)next16() << place_shift;
		uint32_t len = next16();
		uint8_t how = next8();
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t flags, next;
		} d = { .addr = htole64(at),
			.len = htole32(how >= 0xf0 ? len << len_shift : len),
			.flags = htole16((uint16_t)((i < count) | (queue % 2 == 0 ? 2 : 0))),
			.next = htole16((uint16_t)((first + i + 1) % DRIVER_QUEUE)) };

		if ((how & 0x0f) == 0x0f)
			d.flags = htole16(how >> 4);
		memcpy(ring + 16u * ((first + i) % DRIVER_QUEUE), &d, sizeof(d));
	}
	ring_offers(queue, first);
}

#endif /* RING_H */
