/* SPDX-License-Identifier: ISC */
/*
 * Prometheus' text format, version 0.0.4: written, and read again by `zwinger stat`. All samples of
 * a family follow its head. What a label says cannot leave its quotes.
 */
#ifndef STAT_TEXT_H
#define STAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A label: a name of ours, and a value that may be anybody's. A list ends with a NULL name. */
struct stat_label {
	const char *name, *value;
};

/* The HELP and TYPE lines. counter: it only grows, and its name ends in _total. */
void stat_text_family(FILE *f, const char *name, bool counter, const char *help);

/* One line of a family; decimals: digits behind the point. */
void stat_text_sample(FILE *f, const char *name, const struct stat_label *labels, double value,
		      int decimals);

#define STAT_LABELS_MAX 6

/* A sample as it was read: pointers into the text, whose labels are unescaped in place. */
struct stat_sample {
	const char *name;
	struct stat_label label[STAT_LABELS_MAX + 1];
	double value;
};

/*
 * The next sample of *text, which moves on; comments are passed over. False: there is none, or the
 * line is none of ours; then *text stands at it, at its end it is "".
 */
bool stat_text_next(char **text, struct stat_sample *out);

/* The value of a sample's label, or "". */
const char *stat_text_label(const struct stat_sample *s, const char *name);

#endif /* STAT_TEXT_H */
