/* SPDX-License-Identifier: ISC */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double statistics_percentile(const double *sorted, size_t count, double p)
{
	size_t rank = (size_t)ceil(p * (double)count - 1e-9);

	return sorted[rank > 0 ? rank - 1 : 0];
}

void statistics_summarise(double *sample, size_t count, struct summary *out)
{
	*out = (struct summary){ .count = count };
	if (count == 0)
		return;
	qsort(sample, count, sizeof(*sample), ascending);
	out->min = sample[0];
	out->p50 = statistics_percentile(sample, count, 0.5);
	out->p90 = statistics_percentile(sample, count, 0.9);
	out->p99 = statistics_percentile(sample, count, 0.99);
	out->p999 = statistics_percentile(sample, count, 0.999);
	out->max = sample[count - 1];
	for (size_t i = 0; i < count; i++) {
		out->mean += sample[i] / (double)count;
		out->disturbed += sample[i] > DISTURBED * out->p50;
	}
}

double statistics_mann_whitney(double *a, size_t a_count, double *b, size_t b_count)
{
	double n = (double)a_count, m = (double)b_count, all = n + m;
	double ranks = 0, ties = 0, u, variance, z;
	size_t i = 0, j = 0;

	if (a_count < MANN_WHITNEY_MIN || b_count < MANN_WHITNEY_MIN)
		return 1;
	qsort(a, a_count, sizeof(*a), ascending);
	qsort(b, b_count, sizeof(*b), ascending);
	while (i < a_count || j < b_count) {
		double value = j == b_count || (i < a_count && a[i] < b[j]) ? a[i] : b[j];
		double before = (double)(i + j), of_a = 0, of_b = 0, t;

		for (; i < a_count && a[i] <= value; i++)
			of_a++;
		for (; j < b_count && b[j] <= value; j++)
			of_b++;
		t = of_a + of_b;
		ranks += of_a * (before + (t + 1) / 2);
		ties += t * t * t - t;
	}
	u = ranks - n * (n + 1) / 2;
	variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
	if (variance <= 0) /* all are equal */
		return 1;
	z = (fabs(u - n * m / 2) - 0.5) / sqrt(variance);
	return z <= 0 ? 1 : erfc(z / sqrt(2));
}
