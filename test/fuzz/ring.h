/* SPDX-License-Identifier: ISC */
/* For fuzzers of devices: the rings of test/unit/driver.c, written to as nobody should. */
#ifndef RING_H
#define RING_H

#include "driver.h"

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

#endif /* RING_H */
