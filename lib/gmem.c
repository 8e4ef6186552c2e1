/* SPDX-License-Identifier: ISC */
#include "gmem.h"

#include <endian.h>
#include <stdatomic.h>
#include <string.h>

static bool overlap(const struct gmem_region *a, const struct gmem_region *b)
{
	return a->start < b->start ? b->start - a->start < a->size
				   : a->start - b->start < b->size;
}

bool gmem_init(struct gmem *g, const struct gmem_region *r, unsigned n)
{
	if (n == 0 || n > GMEM_REGIONS_MAX)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (r[i].size == 0 || r[i].size > UINT64_MAX - r[i].start)
			return false;
		for (unsigned j = 0; j < i; j++)
			if (overlap(&r[i], &r[j]))
				return false;
	}
	*g = (struct gmem){ .region_count = n };
	memcpy(g->region, r, n * sizeof(*r));
	return true;
}

/* The only translation in the program. Subtract first: addr + len may wrap. */
static uint8_t *host_range(const struct gmem *g, gpa_t addr, size_t len)
{
	for (unsigned i = 0; i < g->region_count; i++) {
		const struct gmem_region *r = &g->region[i];

		if (addr.raw < r->start || addr.raw - r->start >= r->size)
			continue;
		if (len > r->size - (addr.raw - r->start))
			return NULL; /* a range never spans two regions */
		return r->host + (addr.raw - r->start);
	}
	return NULL;
}

bool gmem_read(const struct gmem *g, gpa_t src, void *dst, size_t len)
{
	const uint8_t *p = host_range(g, src, len);

	if (p == NULL)
		return false;
	memcpy(dst, p, len);
	/*
	 * The guest may rewrite *p at any time. Without this fence the compiler may fetch a
	 * field again from *p instead of from the caller's copy, after the caller checked it.
	 */
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

bool gmem_write(const struct gmem *g, gpa_t dst, const void *src, size_t len)
{
	uint8_t *p = host_range(g, dst, len);

	if (p == NULL)
		return false;
	memcpy(p, src, len);
	return true;
}

bool gmem_load16_acquire(const struct gmem *g, gpa_t src, uint16_t *out)
{
	const uint8_t *p = host_range(g, src, sizeof(*out));

	if (p == NULL || (uintptr_t)p % sizeof(*out) != 0)
		return false;
	*out = le16toh(__atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE));
	return true;
}

bool gmem_store16_release(const struct gmem *g, gpa_t dst, uint16_t v)
{
	uint8_t *p = host_range(g, dst, sizeof(v));

	if (p == NULL || (uintptr_t)p % sizeof(v) != 0)
		return false;
	__atomic_store_n((uint16_t *)(void *)p, htole16(v), __ATOMIC_RELEASE);
	return true;
}

bool gmem_iovec(const struct gmem *g, gpa_t addr, size_t len, struct iovec *out)
{
	uint8_t *p = host_range(g, addr, len);

	if (p == NULL)
		return false;
	*out = (struct iovec){ .iov_base = p, .iov_len = len };
	return true;
}
