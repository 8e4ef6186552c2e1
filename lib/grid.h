/* SPDX-License-Identifier: ISC */
/*
 * The guest's screen as a grid of cells in shared memory: filled by the untrusted terminal
 * process, read by the trusted display, which copies each cell once and judges the copy. And
 * what the display sends back: keys and its size.
 */
#ifndef GRID_H
#define GRID_H

#include <stdatomic.h>
#include <stdint.h>

#define GRID_ROWS_MAX	 100
#define GRID_COLUMNS_MAX 256

/* A cell in one word, so that a copy of it is never torn: bits 0-20 code point (0: blank),
 * 24-27 foreground, 28-31 background (the 16 colours of a PC console), 21 bold, 22 underlined,
 * 23 the second half of a wide character. */
typedef uint32_t grid_cell;
#define GRID_BOLD	   (1u << 21)
#define GRID_UNDERLINE	   (1u << 22)
#define GRID_WIDE_TAIL	   (1u << 23)
#define GRID_FOREGROUND(c) ((c) >> 24 & 15)
#define GRID_BACKGROUND(c) ((c) >> 28)
#define GRID_CODE_POINT(c) ((c)&0x1fffff)

/* Written by the terminal process only. Cells beyond rows and columns mean nothing. */
struct grid {
	_Atomic uint32_t generation; /* changes after each change of the rest */
	_Atomic uint32_t rows, columns;
	_Atomic uint32_t cursor; /* row << 16 | column; UINT32_MAX: not shown */
	_Atomic grid_cell cell[GRID_ROWS_MAX][GRID_COLUMNS_MAX];
};

/* From the display to the terminal, on a channel. */
enum grid_input_type {
	GRID_KEY = 1,	 /* code: enum grid_key or a Unicode code point */
	GRID_RESIZE = 2, /* code: rows << 16 | columns */
};

enum grid_key { /* above every code point */
		GRID_KEY_ENTER = 0x200000,
		GRID_KEY_TAB,
		GRID_KEY_BACKSPACE,
		GRID_KEY_ESCAPE,
		GRID_KEY_UP,
		GRID_KEY_DOWN,
		GRID_KEY_LEFT,
		GRID_KEY_RIGHT,
		GRID_KEY_HOME,
		GRID_KEY_END,
		GRID_KEY_PAGE_UP,
		GRID_KEY_PAGE_DOWN,
		GRID_KEY_INSERT,
		GRID_KEY_DELETE,
		GRID_KEY_F1, /* to F12 */
		GRID_KEY_F12 = GRID_KEY_F1 + 11,
};

struct grid_input {
	uint32_t type; /* enum grid_input_type */
	uint32_t code;
	uint32_t modifiers; /* 1 shift, 2 alt, 4 control */
	uint32_t reserved;  /* 0 */
};
_Static_assert(sizeof(struct grid_input) == 16, "no padding in the channel");

#endif /* GRID_H */
