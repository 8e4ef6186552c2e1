/* SPDX-License-Identifier: ISC */
/*
 * The user's terminal in raw mode while a guest's console has it, and back again on every way
 * out: return, exit(), and the signals of a crash. One per process.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

/* Raw mode on standard input. False, and nothing done, if that is not a terminal. */
bool terminal_raw(void);

/* The state before terminal_raw(); does nothing if that was not called. */
void terminal_restore(void);

#endif /* TERMINAL_H */
