/* SPDX-License-Identifier: ISC */
#include "raster.h"

#define SIZE_MAX_UNITS 16 /* cells of at most so many times 8 x 16 pixels */

/* What is drawn for a cell, in one word: its glyph, style and colour, and these. */
#define GLYPH	  0x1fffff
#define STYLE_AT  24
#define COLOUR_AT 32
#define BOLD	  (1ull << 40)
#define UNDERLINE (1ull << 41)
#define CURSOR	  (1ull << 42)
#define DRAWN	  (1ull << 43)
#define EDGES_AT  44

/* The frame around what an application filled in. */
enum edge { ABOVE = 1, BELOW = 2, LEFT = 4, RIGHT = 8 };
#define FRAME 0x7fb2e5

static const struct look {
	uint32_t front, back;
	bool bold, underline, slanted;
} looks[STYLES] = {
	[STYLE_STRIP] = { .front = 0xc8d0d8, .back = 0x2c343c, .underline = true },
	[STYLE_STRIP_TRUSTED] = { .front = 0x101418, .back = 0xf2b632, .bold = true },
	[STYLE_LABEL] = { .front = 0xc8d0d8, .back = 0x101418 },
	[STYLE_STRONG] = { .front = 0xffffff, .back = 0x101418, .bold = true },
	[STYLE_VALUE] = { .front = 0xffffff, .back = 0x16324f, .bold = true },
	[STYLE_WARNING] = { .front = 0xffffff,
			    .back = 0xb3261e,
			    .bold = true,
			    .underline = true },
	[STYLE_DIM] = { .front = 0x8c96a0, .back = 0x101418, .slanted = true },
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

bool raster_fit(struct raster *r, unsigned width, unsigned height)
{
	/* The finer font, unless there is no room for it. */
	for (unsigned n = SIZE_MAX_UNITS; n > 0; n -= n > 2 ? 2 : 1) {
		r->font = &fonts[n > 1 ? 0 : 1];
		r->scale = n > 1 ? n / 2 : 1;
		r->columns = width / (8 * n);
		r->rows = height / (16 * n);
		if (r->columns < SCREEN_COLUMNS_MIN || r->rows < SCREEN_ROWS_MIN)
			continue;
		r->columns = least(r->columns, SCREEN_COLUMNS_MAX);
		r->rows = least(r->rows, SCREEN_ROWS_MAX);
		r->left = (width - r->columns * 8 * n) / 2;
		return true;
	}
	return false;
}

static bool framed(const struct screen *s, unsigned row, unsigned column)
{
	return row < s->rows && column < s->columns &&
	       s->cell[row][column].style == STYLE_VALUE;
}

static uint64_t word_of(const struct screen *s, unsigned row, unsigned column)
{
	const struct screen_cell *c = &s->cell[row][column];
	uint64_t w = DRAWN | c->glyph | (uint64_t)c->style << STYLE_AT, edges = 0;

	if ((int)row == s->cursor_row && (int)column == s->cursor_column)
		w |= CURSOR;
	if (c->style == STYLE_GUEST)
		w |= (uint64_t)c->colour << COLOUR_AT | (c->bold ? BOLD : 0) |
		     (c->underline ? UNDERLINE : 0);
	if (!framed(s, row, column))
		return w;
	edges |= framed(s, row - 1, column) ? 0 : ABOVE;
	edges |= framed(s, row + 1, column) ? 0 : BELOW;
	edges |= framed(s, row, column - 1) ? 0 : LEFT;
	edges |= framed(s, row, column + 1) ? 0 : RIGHT;
	return w | edges << EDGES_AT;
}

static struct look look_of(uint64_t w)
{
	/* A PC console's, but that its dark colours can be read on black. */
	static const uint32_t palette[16] = {
		0x000000, 0xc23b3b, 0x3fa34d, 0xb9822b, 0x4474d8, 0xa653b0, 0x2f9ea6, 0xb4bcc4,
		0x626a72, 0xff6b6b, 0x6bdc78, 0xf5d76e, 0x82a9ff, 0xe08cea, 0x6fdde3, 0xffffff,
	};
	struct look l = looks[(w >> STYLE_AT & 0xff) % STYLES];

	if ((w >> STYLE_AT & 0xff) == STYLE_GUEST)
		l = (struct look){ .front = palette[w >> COLOUR_AT & 15],
				   .back = palette[w >> (COLOUR_AT + 4) & 15],
				   .bold = (w & BOLD) != 0,
				   .underline = (w & UNDERLINE) != 0 };
	return l;
}

/* One line of a glyph: a bit for each pixel, the leftmost on top. */
static uint32_t line(const struct font *f, const struct look *l, const uint16_t *glyph,
		     unsigned y)
{
	uint32_t bits = glyph[y];
	int right = (int)((f->height - y) * f->width / (4 * f->height)) - (int)f->width / 8;

	if (l->underline && y >= f->height - f->height / 8 && y < f->height - f->height / 16)
		return UINT32_MAX;
	if (l->slanted)
		return right >= 0 ? bits >> right : bits << -right;
	return bits;
}

/* The same of the frame. */
static uint32_t frame_line(const struct font *f, unsigned edges, unsigned y)
{
	unsigned thick = f->height / 16;
	uint32_t bits = (edges & RIGHT) != 0 ? (1u << thick) - 1 : 0;

	if (((edges & ABOVE) != 0 && y < thick) ||
	    ((edges & BELOW) != 0 && y >= f->height - thick))
		return UINT32_MAX;
	return (edges & LEFT) != 0 ? bits | ((1u << thick) - 1) << (f->width - thick) : bits;
}

static void draw_cell(const struct raster *r, uint32_t *pixels, size_t stride, uint64_t w)
{
	const struct font *f = r->font;
	struct look l = look_of(w);
	const uint16_t *glyph = font_glyph(f, w & GLYPH, l.bold);

	for (unsigned y = 0; y < f->height * r->scale; y++, pixels += stride) {
		uint32_t bits = line(f, &l, glyph, y / r->scale);
		uint32_t frame = frame_line(f, (unsigned)(w >> EDGES_AT), y / r->scale);

		if ((w & CURSOR) != 0)
			bits = ~bits;
		for (unsigned x = 0; x < f->width * r->scale; x++) {
			uint32_t bit = 1u << (f->width - 1 - x / r->scale);

			pixels[x] = (frame & bit) != 0	? FRAME
				    : (bits & bit) != 0 ? l.front
							: l.back;
		}
	}
}

void raster_draw(const struct raster *r, struct raster_buffer *b, const struct screen *s)
{
	size_t across = r->font->width * r->scale;
	size_t down = r->font->height * r->scale * b->stride;
	uint32_t *origin = b->pixels + r->left;

	for (unsigned row = 0; row < least(s->rows, r->rows); row++) {
		for (unsigned column = 0; column < least(s->columns, r->columns); column++) {
			uint64_t w = word_of(s, row, column);

			if (b->drawn[row][column] != w)
				draw_cell(r, origin + row * down + column * across, b->stride,
					  w);
			b->drawn[row][column] = w;
		}
	}
}
