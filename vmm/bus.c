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

uint64_t bus_value(const struct bus_access *a)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < a->len && i < 8; i++)
		v |= (uint64_t)a->data[i] << (8 * i);
	return v;
}

void bus_answer(const struct bus_access *a, uint64_t value)
{
	for (uint32_t i = 0; i < a->len; i++)
		a->data[i] = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
}
