/* SPDX-License-Identifier: ISC */
/*
 * Guest memory: the one door between host code and bytes the guest can change.
 *
 * Nothing outside gmem.c turns a guest address into a host pointer. Callers copy
 * in, judge the copy, and copy out; bulk data goes by gmem_iovec() to the kernel.
 */
#ifndef GMEM_H
#define GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* A guest-physical address. A struct, so that it is neither a pointer nor a number. */
typedef struct {
	uint64_t raw;
} gpa_t;

static inline gpa_t gpa(uint64_t raw)
{
	return (gpa_t){ raw };
}

struct gmem_region {
	uint64_t start; /* guest-physical, bytes */
	uint64_t size;	/* bytes, not 0; start + size does not wrap; checked by gmem_init() */
	uint8_t *host;	/* mapping owned by the caller; outlives the gmem */
};

#define GMEM_REGIONS_MAX 8 /* as many as every vhost-user back end must take */

/* Invariant: regions are non-empty, do not wrap and do not overlap. Constant after gmem_init(). */
struct gmem {
	struct gmem_region region[GMEM_REGIONS_MAX];
	unsigned region_count;
};

/* False if there is no region or too many, or one is empty, wraps, or overlaps another. */
bool gmem_init(struct gmem *g, const struct gmem_region *r, unsigned n) MUST_CHECK;

/*
 * Copies len bytes out of / into guest memory. All or nothing: on false (the range is
 * not wholly inside one region) no byte has moved. len == 0 still needs a valid address.
 */
bool gmem_read(const struct gmem *g, gpa_t src, void *dst, size_t len) MUST_CHECK;
bool gmem_write(const struct gmem *g, gpa_t dst, const void *src, size_t len) MUST_CHECK;

/* One aligned access that cannot tear, for ring indices (virtio 1.2, 2.7). Little-endian. */
bool gmem_load16_acquire(const struct gmem *g, gpa_t src, uint16_t *out) MUST_CHECK;
bool gmem_store16_release(const struct gmem *g, gpa_t dst, uint16_t v) MUST_CHECK;

/*
 * A checked range, to be filled or drained by the kernel (preadv, pwritev, io_uring), or by
 * a decompressor before the first vCPU runs. The host never reads a decision from it.
 */
bool gmem_iovec(const struct gmem *g, gpa_t addr, size_t len, struct iovec *out) MUST_CHECK;

#endif /* GMEM_H */
