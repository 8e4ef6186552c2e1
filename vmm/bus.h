/* SPDX-License-Identifier: ISC */
/*
 * An address space of device registers: port I/O or MMIO. Devices claim ranges before the
 * first vCPU runs; after that the table is constant and any thread may dispatch.
 */
#ifndef BUS_H
#define BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One register access that lies wholly inside a device's range: offset + len <= the range's
 * size. len is 1, 2, 4 or 8 bytes. Data is little-endian.
 */
struct bus_access {
	uint64_t offset; /* from the start of the device's range */
	uint32_t len;
	bool write;
	uint8_t *data;
};

typedef void bus_handler(void *dev, const struct bus_access *a);

#define BUS_RANGES_MAX 16

struct bus {
	struct bus_range {
		uint64_t start, size;
		bus_handler *handler;
		void *dev;
	} range[BUS_RANGES_MAX];
	unsigned count;
};

/* The ranges are ours alone, so a clash or a full table is our own bug and aborts. */
void bus_claim(struct bus *b, uint64_t start, uint64_t size, bus_handler *handler, void *dev);

/*
 * Performs one access. What nobody claims, or what straddles the edge of a range, reads as
 * all ones and ignores writes, like an empty slot of a PC.
 */
void bus_dispatch(const struct bus *b, uint64_t addr, uint8_t *data, uint32_t len, bool write);

/* The value of an access, and back; upper bytes are dropped. */
uint64_t bus_value(const struct bus_access *a);
void bus_answer(const struct bus_access *a, uint64_t value);

#endif /* BUS_H */
