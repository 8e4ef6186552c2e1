/* SPDX-License-Identifier: ISC */
/* What a person sees of a terminal: what a program writes to it, drawn by libvterm, read as text. */
#ifndef EYES_H
#define EYES_H

#include <stdbool.h>

#define EYES_ROWS_MAX	 100
#define EYES_COLUMNS_MAX 256
#define EYES_LINE	 (EYES_COLUMNS_MAX * 4 + 1)

/* A screen of that size; once. */
void eyes_open(int rows, int columns);

void eyes_size(int rows, int columns);

/* Takes what has been written to the other end of this pseudo-terminal, and answers what a terminal
 * would. False: that end is closed. */
bool eyes_look(int master);

/* A row without blanks at its end, as UTF-8. */
void eyes_row(int row, char text[EYES_LINE]);

/* A row of the screen has the text. */
bool eyes_see(const char *text);

#endif /* EYES_H */
