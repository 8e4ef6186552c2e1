/* SPDX-License-Identifier: ISC */
#include "font.h"

#include "bug.h"
#include "font_data.h"

const struct font fonts[FONT_COUNT] = {
	{ 16, 32, font_large[0], font_large_bold[0] },
	{ 8, 16, font_small[0], font_small_bold[0] },
};

const uint16_t *font_glyph(const struct font *f, uint32_t code_point, int bold)
{
	unsigned first = 0, end = FONT_GLYPHS;

	while (end - first > 1) {
		unsigned middle = (first + end) / 2;

		if (font_code_point[middle] <= code_point)
			first = middle;
		else
			end = middle;
	}
	/* What is drawn has been judged before. */
	BUG_ON(font_code_point[first] != code_point);
	return (bold ? f->bold : f->regular) + first * f->height;
}
