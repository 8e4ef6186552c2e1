/* SPDX-License-Identifier: ISC */
#include "bus.h"

#include "bug.h"

#include <string.h>

void bus_claim(struct bus *b, uint64_t start, uint64_t size, bus_handler *handler, void *dev)
{
	BUG_ON(b->count == BUS_RANGES_MAX || size == 0 || size > UINT64_MAX - start);
	for (unsigned i = 0; i < b->count; i++)
		BUG_ON(start < b->range[i].start + b->range[i].size &&
		       b->range[i].start < start + size);
	b->range[b->count++] = (struct bus_range){ start, size, handler, dev };
}

void bus_dispatch(const struct bus *b, uint64_t addr, uint8_t *data, uint32_t len, bool write)
{
	for (unsigned i = 0; i < b->count; i++) {
		const struct bus_range *r = &b->range[i];

		if (addr < r->start || addr - r->start >= r->size)
			continue;
		if (len > r->size - (addr - r->start))
			break;
		r->handler(r->dev, &(struct bus_access){ addr - r->start, len, write, data });
		return;
	}
	if (!write)
		memset(data, 0xff, len);
}

/* Both machines are little-endian, as is the data. */
static uint32_t bytes(const struct bus_access *a)
{
	return a->len < sizeof(uint64_t) ? a->len : (uint32_t)sizeof(uint64_t);
}

uint64_t bus_value(const struct bus_access *a)
{
	uint64_t v = 0;

	memcpy(&v, a->data, bytes(a));
	return v;
}

void bus_answer(const struct bus_access *a, uint64_t value)
{
	memcpy(a->data, &value, bytes(a));
}
