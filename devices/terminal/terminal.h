/* SPDX-License-Identifier: ISC */
/*
 * The one terminal of this process: bytes of the guest's console in, cells in the grid out;
 * libvterm emulates it. What a person types, and the answers to what the guest asks (where is the
 * cursor?), wait to be written. The grid is only written: what stands there decides nothing here.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "grid.h"

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_MIN 2 /* rows and columns; a wide character needs two */

/* Begins with a blank screen. False: there is no such size. */
bool terminal_init(struct grid *grid, uint32_t rows, uint32_t columns)
	__attribute__((warn_unused_result));

/* Bytes of the guest's. */
void terminal_feed(const char *bytes, size_t count);

/* A key or a new size, of the display's; what makes no sense does nothing. */
void terminal_obey(const struct grid_input *input);

/* Brings the grid up to date. False: it was already. */
bool terminal_publish(void);

/* Gives the console, a socket, what it takes. False: more waits. Never blocks. */
bool terminal_flush(int console);

#endif /* TERMINAL_H */
