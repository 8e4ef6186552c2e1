/* SPDX-License-Identifier: ISC */
/*
 * What the display shows: a grid of cells, complete in memory before any of it is presented.
 * Row 0 is the strip; only strip.c draws there, and nothing that a guest says gets into it.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdint.h>

#define SCREEN_ROWS_MIN	   25
#define SCREEN_COLUMNS_MIN 80
#define SCREEN_ROWS_MAX	   100
#define SCREEN_COLUMNS_MAX 256

/* Back ends give each a look; no two differ by colour alone. */
enum screen_style {
	STYLE_GUEST = 0,     /* with colour: foreground | background << 4, of a PC console */
	STYLE_STRIP = 1,     /* the strip while the guest has the keyboard: plain */
	STYLE_STRIP_TRUSTED, /* ... while the display or an application has it: inverse, bold */
	STYLE_LABEL,	     /* what the display says */
	STYLE_STRONG,	     /* ... and wants to be read first */
	STYLE_VALUE,	     /* what an application filled in: always framed by this style */
	STYLE_WARNING,	     /* inverse and bold */
	STYLE_DIM,
	STYLES
};

struct screen_cell {
	uint32_t glyph; /* a code point of the repertoire, glyph.h; ' ' where nothing is */
	uint8_t style;	/* enum screen_style */
	uint8_t colour; /* of STYLE_GUEST */
	uint8_t bold, underline; /* of STYLE_GUEST */
};

struct screen {
	unsigned rows, columns;	       /* SCREEN_*_MIN to SCREEN_*_MAX */
	int cursor_row, cursor_column; /* -1: not shown */
	struct screen_cell cell[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX];
};

#endif /* SCREEN_H */
