/* SPDX-License-Identifier: ISC */
/*
 * The display's screen in pixels. Cells are drawn as large as 80 columns and 25 rows permit, from
 * the top; each style has a look that differs from the others' without colour too: bold,
 * slanted, underlined, framed.
 */
#ifndef RASTER_H
#define RASTER_H

#include "font.h"
#include "screen.h"

#include <stdbool.h>
#include <stddef.h>

struct raster {
	const struct font *font;
	unsigned scale, rows, columns;
	unsigned left; /* margin, in pixels; none above */
};

/* 32 bits a pixel, 0x00rrggbb; and what is drawn there, so that only changes are drawn. */
struct raster_buffer {
	uint32_t *pixels;
	size_t stride; /* from one line to the next, in pixels */
	uint64_t drawn[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX]; /* 0: nothing yet */
};

/* How a screen of that many pixels is divided. False: it is too small. */
bool raster_fit(struct raster *r, unsigned width, unsigned height);

/* After this the buffer shows s, whatever it showed before. */
void raster_draw(const struct raster *r, struct raster_buffer *b, const struct screen *s);

#endif /* RASTER_H */
