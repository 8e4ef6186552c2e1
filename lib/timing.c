/* SPDX-License-Identifier: ISC */
#include "timing.h"

#include "log.h"

#include <time.h>

#define MARKS_MAX 16

static bool enabled;
static uint64_t start;
static unsigned count;
static struct {
	const char *step;
	uint64_t at;
} mark[MARKS_MAX];

uint64_t timing_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void timing_init(bool on, uint64_t start_ns)
{
	enabled = on;
	start = start_ns;
	count = 0;
}

void timing_mark(const char *step)
{
	if (!enabled || count == MARKS_MAX)
		return;
	mark[count].step = step;
	mark[count++].at = timing_now();
}

void timing_report(void)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t us = (mark[i].at - start) / 1000;

		log_info("timing: %5llu.%03llu ms  %s", (unsigned long long)(us / 1000),
			 (unsigned long long)(us % 1000), mark[i].step);
	}
	count = 0;
}
