/* SPDX-License-Identifier: ISC */
/*
 * The display's letters: Terminus of the distribution's console fonts, made part of the program
 * when it is built (font_compiler.c), so that nothing is read or parsed later. There is a glyph
 * for exactly the code points of draw_has_glyph(); a font that lacks one does not build.
 */
#ifndef FONT_H
#define FONT_H

#include <stdint.h>

struct font {
	unsigned width, height; /* of each glyph, in pixels; at most 16 and 32 */
	const uint16_t *regular, *bold;
};

#define FONT_COUNT 2
extern const struct font fonts[FONT_COUNT]; /* the finer one first */

/* Its rows, from the top; the leftmost pixel is bit width - 1. The repertoire only. */
const uint16_t *font_glyph(const struct font *f, uint32_t code_point, int bold);

#endif /* FONT_H */
