/* SPDX-License-Identifier: ISC */
/* Token buckets: what a device may do in a second, in bytes and in operations. */
#ifndef BUCKET_H
#define BUCKET_H

#include "device_config.h"

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	struct device_rate rate; /* per second; 0 is without limit */
	/* What is left of each, as the time in which it comes back, so that no fraction is lost. */
	int64_t bytes_ns, operations_ns; /* at most a second; below 0: a debt */
	uint64_t at_ns;			 /* when they were counted */
};

void bucket_init(struct bucket *b, const struct device_rate *rate, uint64_t now_ns);

/*
 * Takes one operation of so many bytes. Returns 0, or after how many nanoseconds to ask again. A
 * request larger than a second's worth waits for a full bucket and then leaves a debt.
 */
uint64_t bucket_take(struct bucket *b, uint64_t bytes, uint64_t now_ns);

#endif /* BUCKET_H */
