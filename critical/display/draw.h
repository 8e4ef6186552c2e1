/* SPDX-License-Identifier: ISC */
/* Drawing into a screen: text of the display's own, numbers in large digits, the guest's cells. */
#ifndef DRAW_H
#define DRAW_H

#include "grid.h"
#include "screen.h"

#include <stdbool.h>
#include <stddef.h>

#define DIGIT_ROWS    5
#define DIGIT_COLUMNS 6 /* with the gap behind it */
#define BLOCK	      0x2588
#define UNKNOWN	      0x00bf /* stands for what the guest shows and we have no glyph for */

/* Everything blank, of the size that it has; no cursor. */
void draw_clear(struct screen *s);

/* One row of one style. */
void draw_fill(struct screen *s, unsigned row, enum screen_style style);

/* ASCII; what does not fit the row is our own mistake and not drawn. */
void draw_text(struct screen *s, unsigned row, unsigned column, enum screen_style style,
	       const char *text);

/* A canonical number, or an amount, in large digits, wrapped at `columns`. Returns the rows that it took; 0: it
 * does not fit into `rows`, and nothing was drawn. */
unsigned draw_number(struct screen *s, unsigned row, unsigned column, unsigned rows,
		     const char *number);

/* The guest's grid from row 1 on, each cell copied once and judged. */
void draw_guest(struct screen *s, const struct grid *g);

/* Whether the display has a glyph for it. */
bool draw_has_glyph(uint32_t code_point);

#endif /* DRAW_H */
