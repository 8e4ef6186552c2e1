/* SPDX-License-Identifier: ISC */
/*
 * Makes font_data.h of four console fonts (PSF, version 1 or 2): the glyphs of what the display
 * can draw, and no others. Runs when Zwinger is built and is part of no process.
 *
 *   font_compiler OUTPUT LARGE LARGE-BOLD SMALL SMALL-BOLD
 *
 * A code point without a glyph is an error. Block elements are drawn here, exactly as Unicode
 * describes them, since console fonts have three of the 32. In Terminus I and l, ! and |, dot and
 * comma differ by one pixel; so I gets longer serifs, | a longer stem and the comma a longer tail.
 */
#include "draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (1u << 20)
#define CODE_MAX   0x10000u
#define HEIGHT_MAX 32u
#define BLOCKS	   0x2580u
#define BLOCKS_END 0x25a0u

struct psf {
	const char *path;
	uint8_t data[FILE_MAX];
	size_t size;
	uint32_t glyphs, bytes, width, height, header;
	int glyph[CODE_MAX]; /* of a code point; -1: none */
};

static void fail(const char *path, const char *what)
{
	fprintf(stderr, "%s: error: %s\n", path, what);
	exit(1);
}

static uint32_t word(const struct psf *f, size_t at, unsigned bytes)
{
	uint32_t v = 0;

	if (at + bytes > f->size)
		fail(f->path, "it ends too early");
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)f->data[at + i] << (8 * i);
	return v;
}

static void names(struct psf *f, uint32_t code, uint32_t glyph)
{
	if (code < CODE_MAX && f->glyph[code] < 0)
		f->glyph[code] = (int)glyph;
}

/* After the glyphs, for each: its code points, sequences after 0xfffe, 0xffff. */
static void read_table1(struct psf *f, size_t at)
{
	for (uint32_t g = 0; g < f->glyphs; g++) {
		uint32_t code;
		bool sequence = false;

		for (; (code = word(f, at, 2)) != 0xffff; at += 2) {
			sequence |= code == 0xfffe;
			if (!sequence)
				names(f, code, g);
		}
		at += 2;
	}
}

/* The same in UTF-8, with 0xfe and 0xff. */
static void read_table2(struct psf *f, size_t at)
{
	for (uint32_t g = 0; g < f->glyphs; g++) {
		bool sequence = false;
		uint32_t byte;

		for (; (byte = word(f, at++, 1)) != 0xff;) {
			unsigned more = byte < 0xc0 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
			uint32_t code = more == 0 ? byte : byte & (0x3fu >> more);

			sequence |= byte == 0xfe;
			for (; !sequence && more > 0; more--)
				code = code << 6 | (word(f, at++, 1) & 0x3f);
			if (!sequence)
				names(f, code, g);
		}
	}
}

static void read_font(struct psf *f, const char *path, uint32_t width, uint32_t height)
{
	FILE *in = fopen(path, "rbe");
	bool version1;

	f->path = path;
	if (in == NULL)
		fail(path, "it cannot be opened");
	f->size = fread(f->data, 1, sizeof(f->data), in);
	fclose(in);
	for (unsigned i = 0; i < CODE_MAX; i++)
		f->glyph[i] = -1;
	version1 = word(f, 0, 2) == 0x0436;
	if (version1) {
		f->header = 4;
		f->glyphs = (word(f, 2, 1) & 1) != 0 ? 512 : 256;
		f->bytes = f->height = word(f, 3, 1);
		f->width = 8;
		if ((word(f, 2, 1) & 2) == 0)
			fail(path, "it does not say which character a glyph is");
	} else if (word(f, 0, 4) == 0x864ab572) {
		f->header = word(f, 8, 4);
		f->glyphs = word(f, 16, 4);
		f->bytes = word(f, 20, 4);
		f->height = word(f, 24, 4);
		f->width = word(f, 28, 4);
		if ((word(f, 12, 4) & 1) == 0)
			fail(path, "it does not say which character a glyph is");
	} else {
		fail(path, "it is no PSF font");
	}
	if (f->width != width || f->height != height || f->bytes != (width + 7) / 8 * height ||
	    f->glyphs > FILE_MAX / f->bytes)
		fail(path, "its glyphs are of another size");
	if (version1)
		read_table1(f, f->header + f->glyphs * f->bytes);
	else
		read_table2(f, f->header + f->glyphs * f->bytes);
}

/* Whether a block element covers the pixel. */
static bool block(uint32_t code, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	/* Upper left 1, upper right 2, lower left 4, lower right 8; from U+2596 on. */
	static const uint8_t quadrants[] = { 4, 8, 1, 13, 9, 7, 11, 2, 6, 14 };
	unsigned quadrant = (x < width / 2 ? 0u : 1u) + (y < height / 2 ? 0u : 2u);

	if (code == 0x2580)
		return y < height / 2;
	if (code <= 0x2588)
		return (height - 1 - y) * 8 < (code - 0x2580) * height;
	if (code <= 0x258f)
		return x * 8 < (0x2590 - code) * width;
	if (code == 0x2590)
		return x >= width / 2;
	if (code == 0x2591)
		return x % 2 == 0 && (x / 2 + y) % 2 == 0;
	if (code == 0x2592)
		return (x + y) % 2 == 0;
	if (code == 0x2593)
		return x % 2 != 0 || (x / 2 + y) % 2 != 0;
	if (code == 0x2594)
		return y * 8 < height;
	if (code == 0x2595)
		return (width - 1 - x) * 8 < width;
	return (quadrants[code - 0x2596] >> quadrant & 1) != 0;
}

static uint32_t row(const struct psf *f, uint32_t code, uint32_t y)
{
	uint32_t bytes = f->bytes / f->height, bits = 0;
	size_t at = f->header + (uint32_t)f->glyph[code] * f->bytes + y * bytes;

	for (uint32_t i = 0; i < bytes; i++)
		bits = bits << 8 | word(f, at + i, 1);
	return bits >> (bytes * 8 - f->width);
}

static unsigned count(uint32_t bits)
{
	return (unsigned)__builtin_popcount(bits);
}

/* The rows of I that are wider than its stem get wider still, by an eighth on each side. */
static uint32_t serif(const struct psf *f, uint32_t y)
{
	uint32_t bits = row(f, 'I', y);

	if (count(bits) <= count(row(f, 'I', f->height / 2)))
		return bits;
	for (uint32_t i = 0; i < f->width / 8; i++)
		bits |= bits << 1 | bits >> 1;
	return bits & ((1u << f->width) - 1);
}

/* A comma goes on where it ends, to the left. */
static uint32_t tail(const struct psf *f, uint32_t code, uint32_t y)
{
	uint32_t step = f->height / 16;

	if (row(f, code, y) == 0 && y >= step && row(f, code, y - step) != 0 &&
	    y > f->height / 2)
		return row(f, code, y - step) << f->width / 8;
	return row(f, code, y);
}

static uint32_t glyph_row(const struct psf *f, uint32_t code, uint32_t y)
{
	uint32_t bits = 0;

	if (code == 'I')
		return serif(f, y);
	if (code == ',' || code == ';')
		return tail(f, code, y);
	if (code == '|' && y >= f->height / 16 && y < f->height - f->height / 8)
		return row(f, '|', f->height / 2);
	if (code < BLOCKS || code >= BLOCKS_END)
		return row(f, code, y);
	for (uint32_t x = 0; x < f->width; x++)
		bits = bits << 1 | block(code, x, y, f->width, f->height);
	return bits;
}

static void write_font(FILE *out, const struct psf *f, const char *name)
{
	fprintf(out, "static const uint16_t %s[FONT_GLYPHS][%u] = {\n", name, f->height);
	for (uint32_t code = 0; code < CODE_MAX; code++) {
		if (!draw_has_glyph(code))
			continue;
		if (f->glyph[code] < 0 && (code < BLOCKS || code >= BLOCKS_END)) {
			fprintf(stderr, "%s: error: it has no glyph for U+%04X\n", f->path,
				code);
			exit(1);
		}
		fprintf(out, "\t{ ");
		for (uint32_t y = 0; y < f->height; y++)
			fprintf(out, "0x%x, ", glyph_row(f, code, y));
		fprintf(out, "},\n");
	}
	fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t width, height;
	} tables[] = { { "font_large", 16, 32 },
		       { "font_large_bold", 16, 32 },
		       { "font_small", 8, 16 },
		       { "font_small_bold", 8, 16 } };
	static struct psf f;
	unsigned glyphs = 0;
	FILE *out;

	if (argc != 6) {
		fprintf(stderr,
			"usage: font_compiler OUTPUT LARGE LARGE-BOLD SMALL SMALL-BOLD\n");
		return 2;
	}
	out = fopen(argv[1], "we");
	if (out == NULL)
		fail(argv[1], "it cannot be written");
	for (uint32_t code = 0; code < CODE_MAX; code++)
		glyphs += draw_has_glyph(code);
	fprintf(out, "/* Made by font_compiler. */\n#pragma once\n#include <stdint.h>\n\n");
	fprintf(out, "#define FONT_GLYPHS %u\n", glyphs);
	fprintf(out, "static const uint16_t font_code_point[FONT_GLYPHS] = {\n");
	for (uint32_t code = 0; code < CODE_MAX; code++)
		if (draw_has_glyph(code))
			fprintf(out, "\t0x%04x,\n", code);
	fprintf(out, "};\n");
	for (int i = 0; i < 4; i++) {
		read_font(&f, argv[i + 2], tables[i].width, tables[i].height);
		write_font(out, &f, tables[i].name);
	}
	if (fclose(out) != 0)
		fail(argv[1], "it cannot be written");
	return 0;
}
