/* SPDX-License-Identifier: ISC */
/* Samples of a system at one moment, and the two ways to show them beside those of a moment before. */
#ifndef STAT_VIEW_H
#define STAT_VIEW_H

#include "stat_text.h"

#include <stdint.h>

struct stat_view {
	char *text; /* what the samples point into */
	struct stat_sample *sample;
	unsigned count;
	uint64_t at_ns; /* CLOCK_MONOTONIC */
};

/* Takes over text, which malloc() has given. False: it is not what a system says. */
bool stat_view_init(struct stat_view *v, char *text, uint64_t at_ns);
void stat_view_free(struct stat_view *v);

/* before: of the same system, or empty (all 0), which leaves rates out. */
void stat_view_print(const struct stat_view *v, const struct stat_view *before, FILE *f);

/* One line: {"system":...,"time":...,"metrics":{NAME:[{LABEL:...,"value":...,"per_second":...}]}}. */
void stat_view_json(const struct stat_view *v, const struct stat_view *before,
		    const char *system, double time, FILE *f);

#endif /* STAT_VIEW_H */
