/* SPDX-License-Identifier: ISC */
/* What can be said of a set of samples. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stddef.h>

struct summary {
	size_t count;
	double min, p50, p90, p99, p999, max, mean;
	size_t disturbed; /* more than DISTURBED times the median: the host did something else */
};

#define DISTURBED 3.0

/* Sorts the samples. count may be 0: then everything is 0. */
void statistics_summarise(double *sample, size_t count, struct summary *out);

/* Of sorted samples, by nearest rank: the least that at least p of them do not exceed; 0 < p <= 1. */
double statistics_percentile(const double *sorted, size_t count, double p);

/*
 * Mann-Whitney's U, two-sided, by the normal approximation with the correction for ties and for
 * continuity: the probability that two sets of one distribution differ as much as these do.
 * 1 if either has fewer than MANN_WHITNEY_MIN. Sorts both.
 */
#define MANN_WHITNEY_MIN 4
double statistics_mann_whitney(double *a, size_t a_count, double *b, size_t b_count);

#endif /* STATISTICS_H */
