/* SPDX-License-Identifier: ISC */
/*
 * What was measured: series of samples, each of one side of one row, and what is written of them.
 * Every benchmark fills these, so that tables, plots, files and comparisons are the same for all.
 */
#ifndef RESULTS_H
#define RESULTS_H

#include "environment.h"
#include "histogram.h"
#include "statistics.h"

#include <stdint.h>
#include <stdio.h>

#define RESULTS_RUNS_MAX 64
#define RESULTS_FORMAT	 "zwinger-bench-1"

struct series {
	char row[48], side[32]; /* a row is measured for several sides; the first is its base */
	char what[120];		/* the row in words */
	char unit[12];		/* "cycles" (then nanoseconds are shown), "ns", "MB/s", "KiB" */
	bool more;		/* more is better */
	double *sample;		/* in the order of measuring */
	size_t count, room;
	double run[RESULTS_RUNS_MAX]; /* medians */
	unsigned run_count;
	double overhead;  /* already subtracted */
	char reason[200]; /* why there are none */
	char counter[32]; /* of KVM's: counted and performed, of all runs */
	double counted, performed, seen;
	struct summary summary; /* by results_finish() */
	struct histogram histogram;
};

struct results {
	char kind[16];
	struct environment environment;
	struct series *series;
	size_t count, room;
};

/* The series of a row and side; made if there is none. Never NULL; the pointer holds till the next. */
struct series *results_series(struct results *r, const char *row, const char *side,
			      const char *what, const char *unit);

/* One run's samples; their median is the run's. */
void series_add(struct series *s, const double *sample, size_t count);

/* Rows together, in the order in which each was first seen; likewise sides in a row. */
void results_sort(struct results *r);

/* Computes every summary and histogram. */
void results_finish(struct results *r);

/* The base of a series' row: the first of the row. */
const struct series *results_base(const struct results *r, const struct series *s);

/* Run by run, s against base: the median of the ratios, and the least and the largest. */
struct ratio {
	double median, min, max;
};
bool series_ratio(const struct series *s, const struct series *base, struct ratio *out);

/* A value in nanoseconds where the unit is cycles. */
double series_ns(const struct results *r, const struct series *s, double value);

void results_print(const struct results *r);
bool results_write_json(const struct results *r, FILE *f);
bool results_write_csv(const struct results *r, FILE *f);

/* Eight levels of shade for a histogram, as UTF-8 text; room for 3 bytes a cell. */
#define SPARKLINE_CELLS 24
void results_sparkline(const struct histogram *h, char text[3 * SPARKLINE_CELLS + 1]);

#endif /* RESULTS_H */
