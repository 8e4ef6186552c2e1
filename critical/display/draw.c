/* SPDX-License-Identifier: ISC */
#include "draw.h"

#include <string.h>

/* No two differ in fewer than four of their 25 blocks; zero is slashed, one has a foot. */
static const char digits[12][DIGIT_ROWS][DIGIT_COLUMNS] = {
	{ "#####", "#  ##", "# # #", "##  #", "#####" },
	{ "  #  ", " ##  ", "  #  ", "  #  ", " ### " },
	{ "#####", "    #", "#####", "#    ", "#####" },
	{ "#####", "    #", "  ###", "    #", "#####" },
	{ "#   #", "#   #", "#####", "    #", "    #" },
	{ "#####", "#    ", "#####", "    #", "#####" },
	{ "#    ", "#    ", "#####", "#   #", "#####" },
	{ "#####", "    #", "   # ", "  #  ", "  #  " },
	{ "#####", "#   #", "#####", "#   #", "#####" },
	{ "#####", "#   #", "#####", "    #", "    #" },
	{ "     ", "  #  ", "#####", "  #  ", "     " },
	{ "     ", "     ", "     ", " ##  ", " ##  " },
};

bool draw_has_glyph(uint32_t c)
{
	return (c >= 0x20 && c <= 0x7e) || (c >= 0xa1 && c <= 0xff && c != 0xad) ||
	       (c >= 0x2500 && c <= 0x257f) || (c >= 0x2580 && c <= 0x259f);
}

static void put(struct screen *s, unsigned row, unsigned column, uint32_t glyph,
		enum screen_style style)
{
	if (row < s->rows && column < s->columns)
		s->cell[row][column] =
			(struct screen_cell){ .glyph = draw_has_glyph(glyph) ? glyph : UNKNOWN,
					      .style = (uint8_t)style };
}

void draw_clear(struct screen *s)
{
	for (unsigned r = 0; r < s->rows; r++)
		draw_fill(s, r, STYLE_LABEL);
	s->cursor_row = s->cursor_column = -1;
}

void draw_fill(struct screen *s, unsigned row, enum screen_style style)
{
	for (unsigned c = 0; c < s->columns; c++)
		put(s, row, c, ' ', style);
}

void draw_text(struct screen *s, unsigned row, unsigned column, enum screen_style style,
	       const char *text)
{
	for (; *text != '\0'; text++, column++)
		put(s, row, column, (uint32_t)(unsigned char)*text, style);
}

static void draw_digit(struct screen *s, unsigned row, unsigned column, char digit)
{
	unsigned which = digit == '+' ? 10 : digit == '.' ? 11 : (unsigned)(digit - '0');

	for (unsigned r = 0; r < DIGIT_ROWS; r++)
		for (unsigned c = 0; c < DIGIT_COLUMNS - 1; c++)
			if (digits[which][r][c] == '#')
				put(s, row + r, column + c, BLOCK, STYLE_VALUE);
}

unsigned draw_number(struct screen *s, unsigned row, unsigned column, unsigned rows,
		     const char *number)
{
	unsigned len = (unsigned)strlen(number), lines, each;
	unsigned most = s->columns > 2 * column ? (s->columns - 2 * column) / DIGIT_COLUMNS : 0;

	if (most == 0 || len == 0)
		return 0;
	lines = (len + most - 1) / most;
	each = (len + lines - 1) / lines; /* lines of one length */
	if (lines * (DIGIT_ROWS + 1) - 1 > rows)
		return 0;
	for (unsigned i = 0; i < len; i++)
		draw_digit(s, row + i / each * (DIGIT_ROWS + 1),
			   column + i % each * DIGIT_COLUMNS, number[i]);
	return lines * (DIGIT_ROWS + 1) - 1;
}

static struct screen_cell judge(grid_cell c)
{
	uint32_t glyph = GRID_CODE_POINT(c);

	if (glyph == 0 || (c & GRID_WIDE_TAIL) != 0)
		glyph = ' ';
	return (struct screen_cell){ .glyph = draw_has_glyph(glyph) ? glyph : UNKNOWN,
				     .style = STYLE_GUEST,
				     .colour = (uint8_t)(c >> 24),
				     .bold = (c & GRID_BOLD) != 0,
				     .underline = (c & GRID_UNDERLINE) != 0 };
}

void draw_guest(struct screen *s, const struct grid *g)
{
	uint32_t rows = atomic_load_explicit(&g->rows, memory_order_acquire);
	uint32_t columns = atomic_load_explicit(&g->columns, memory_order_relaxed);
	uint32_t cursor = atomic_load_explicit(&g->cursor, memory_order_relaxed);

	for (unsigned r = 0; r + 1 < s->rows && r < rows && r < GRID_ROWS_MAX; r++)
		for (unsigned c = 0; c < s->columns && c < columns && c < GRID_COLUMNS_MAX; c++)
			s->cell[r + 1][c] = judge(
				atomic_load_explicit(&g->cell[r][c], memory_order_relaxed));
	if ((cursor >> 16) + 1 < s->rows && (cursor & 0xffff) < s->columns) {
		s->cursor_row = (int)(cursor >> 16) + 1;
		s->cursor_column = (int)(cursor & 0xffff);
	}
}
