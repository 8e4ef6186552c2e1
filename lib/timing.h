/* SPDX-License-Identifier: ISC */
/* When each step of the start was reached, in milliseconds since the user's command began. */
#ifndef TIMING_H
#define TIMING_H

#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t timing_now(void);

/* start_ns: timing_now() of the command's start. Without enabled, marks cost nothing. */
void timing_init(bool enabled, uint64_t start_ns);

/* Remembers that a step is done. The string is kept, not copied; main thread only. */
void timing_mark(const char *step);

/* Logs all marks so far, one line each, and forgets them. */
void timing_report(void);

#endif /* TIMING_H */
