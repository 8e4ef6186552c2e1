/* SPDX-License-Identifier: ISC */
/*
 * How often which magnitude: eight buckets to a power of two, so that a bucket's ends differ by
 * an eighth at most, whatever the magnitude.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 512

struct histogram {
	size_t count[HISTOGRAM_BUCKETS];
	unsigned first, last; /* that are not empty; first > last: all are */
};

void histogram_fill(struct histogram *h, const double *sample, size_t count);

/* The least value of a bucket; that of the next one is its end. */
double histogram_from(unsigned bucket);
unsigned histogram_bucket(double value);

#endif /* HISTOGRAM_H */
