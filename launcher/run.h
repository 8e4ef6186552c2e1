/* SPDX-License-Identifier: ISC */
/* `zwinger run`: one virtual machine from plain options. */
#ifndef RUN_H
#define RUN_H

#include "options.h"

#include <stdint.h>

extern const struct option_spec run_options[];

/* started_ns: CLOCK_MONOTONIC when the command began. Returns an enum status. */
int run_main(int argc, char **argv, uint64_t started_ns);

/*
 * Blocks the signals that end a command, SIGTSTP and SIGWINCH; a signalfd of them, or -1. One that
 * whoever started us has had ignored (nohup) stays ignored.
 */
int run_open_signals(void);

#endif /* RUN_H */
