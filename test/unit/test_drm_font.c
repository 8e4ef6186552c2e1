/* SPDX-License-Identifier: ISC */
/* The display's letters, and its screen in pixels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "font.h"
#include "raster.h"

#define CODE_POINTS 0x110000u
#define OUTSIDE	    0x12345678u /* pixels that are nobody's */

static unsigned distance(const struct font *f, uint32_t a, uint32_t b, int bold)
{
	const uint16_t *p = font_glyph(f, a, bold), *q = font_glyph(f, b, bold);
	unsigned n = 0;

	for (unsigned y = 0; y < f->height; y++)
		n += (unsigned)__builtin_popcount((unsigned)(p[y] ^ q[y]));
	return n;
}

/* Every code point of the repertoire has a glyph that shows something, within its cell. */
static void test_attack_D7_missing_glyph(void **state)
{
	unsigned count = 0;

	(void)state;
	for (uint32_t c = 0; c < CODE_POINTS; c++) {
		if (!draw_has_glyph(c))
			continue;
		count++;
		for (unsigned i = 0; i < FONT_COUNT * 2; i++) {
			const struct font *f = &fonts[i / 2];
			const uint16_t *rows = font_glyph(f, c, i % 2);
			uint32_t all = 0;

			for (unsigned y = 0; y < f->height; y++)
				all |= rows[y];
			if ((all == 0) != (c == ' ') || all >> f->width != 0)
				fail_msg("U+%04X", c);
		}
	}
	assert_int_equal(count, 95 + 94 + 128 + 32);
}

/* What has none is not asked for; who asks all the same has a bug, and ends. */
static void test_no_glyph(void **state)
{
	static const uint32_t rows[] = { 0,	 '\n',	 0x7f,	 0x80,	  0xa0,
					 0xad,	 0x100,	 0x430,	 0x24ff,  0x25a0,
					 0x2028, 0xfffd, 0xff10, 0x1f600, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			close(2);
			(void)font_glyph(&fonts[0], rows[i], 0);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSIGNALED(status))
			fail_msg("U+%04X", rows[i]);
	}
}

/* Letters and digits that are taken for each other: at least so many pixels, of 8 x 16. */
static void test_attack_D2_alike(void **state)
{
	static const struct {
		const char *pair;
		unsigned least;
	} rows[] = {
		{ "0O", 4 }, { "0o", 4 }, { "0D", 4 }, { "0Q", 4 }, { "1l", 3 }, { "1I", 4 },
		{ "lI", 4 }, { "l|", 3 }, { "I|", 4 }, { "1i", 4 }, { "il", 3 }, { "5S", 4 },
		{ "8B", 3 }, { "2Z", 4 }, { "6b", 4 }, { "6G", 4 }, { "9g", 4 }, { "9q", 4 },
		{ "38", 4 }, { "17", 4 }, { "08", 4 }, { "68", 3 }, { "56", 4 }, { "89", 3 },
		{ "uv", 4 }, { "vy", 4 }, { "ao", 4 }, { "O8", 4 }, { "-_", 4 }, { ".,", 2 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned k = 0; k < FONT_COUNT * 2; k++) {
			const struct font *f = &fonts[k / 2];
			unsigned scale = f->width / 8,
				 n = distance(f, (uint8_t)rows[i].pair[0],
					      (uint8_t)rows[i].pair[1], k % 2);

			if (n < rows[i].least * scale * scale)
				fail_msg("%s: %u pixels, %u wide, bold %u", rows[i].pair, n,
					 f->width, k % 2);
		}
	}
}

/* No two of ASCII are alike, and no two that a guest shows are the same. */
static void test_attack_D2_all(void **state)
{
	(void)state;
	for (unsigned k = 0; k < FONT_COUNT * 2; k++) {
		for (uint32_t a = ' '; a <= 0xff; a++) {
			for (uint32_t b = a + 1; b <= 0xff; b++) {
				unsigned scale = fonts[k / 2].width / 8;

				if (draw_has_glyph(a) && draw_has_glyph(b) &&
				    distance(&fonts[k / 2], a, b, k % 2) <
					    (b < 0x80 ? 2 * scale * scale : 1))
					fail_msg("U+%04X and U+%04X, font %u", a, b, k);
			}
		}
	}
}

/* "rn" beside "m", wherever the m stands. */
static void test_attack_D2_rn(void **state)
{
	(void)state;
	for (unsigned k = 0; k < FONT_COUNT * 2; k++) {
		const struct font *f = &fonts[k / 2];
		const uint16_t *r = font_glyph(f, 'r', k % 2), *n = font_glyph(f, 'n', k % 2),
			       *m = font_glyph(f, 'm', k % 2);

		for (unsigned shift = 0; shift <= f->width; shift++) {
			unsigned pixels = 0;

			for (unsigned y = 0; y < f->height; y++)
				pixels += (unsigned)__builtin_popcount(
					((uint32_t)r[y] << f->width | n[y]) ^ (uint32_t)m[y]
										      << shift);
			assert_true(pixels >= 8);
		}
	}
}

/* A zero has something inside, an O nothing. */
static void test_zero_is_slashed(void **state)
{
	(void)state;
	for (unsigned k = 0; k < FONT_COUNT * 2; k++) {
		const struct font *f = &fonts[k / 2];
		const uint16_t *zero = font_glyph(f, '0', k % 2),
			       *o = font_glyph(f, 'O', k % 2);
		uint32_t inside = 3u << (f->width / 2 - 1);
		unsigned in_zero = 0, in_o = 0;

		for (unsigned y = f->height * 5 / 16; y < f->height * 9 / 16; y++) {
			in_zero += (zero[y] & inside) != 0;
			in_o += (o[y] & inside) != 0;
		}
		assert_true(in_zero > 0);
		assert_int_equal(in_o, 0);
	}
}

static void test_blocks(void **state)
{
	static const struct {
		uint32_t code;
		unsigned sixteenths; /* of the cell that are covered */
	} rows[] = {
		{ 0x2580, 8 },	{ 0x2581, 2 },	{ 0x2584, 8 }, { 0x2588, 16 }, { 0x2589, 14 },
		{ 0x258c, 8 },	{ 0x258f, 2 },	{ 0x2590, 8 }, { 0x2591, 4 },  { 0x2592, 8 },
		{ 0x2593, 12 }, { 0x2594, 2 },	{ 0x2595, 2 }, { 0x2596, 4 },  { 0x2599, 12 },
		{ 0x259a, 8 },	{ 0x259f, 12 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned k = 0; k < FONT_COUNT; k++)
			assert_int_equal(distance(&fonts[k], rows[i].code, ' ', 0),
					 rows[i].sixteenths * fonts[k].width * fonts[k].height /
						 16);
	assert_true((font_glyph(&fonts[1], 0x2598, 0)[0] & 0x80) != 0);
	assert_true((font_glyph(&fonts[1], 0x259d, 0)[0] & 0x01) != 0);
	assert_true((font_glyph(&fonts[1], 0x2596, 0)[15] & 0x80) != 0);
	assert_true((font_glyph(&fonts[1], 0x2597, 0)[15] & 0x01) != 0);
}

static void test_fit(void **state)
{
	static const struct {
		unsigned width, height; /* of the screen */
		unsigned cell, scale;	/* width of the font, and how often; 0: refused */
		unsigned rows, columns, left;
	} rows[] = {
		{ 640, 400, 8, 1, 25, 80, 0 },
		{ 640, 480, 8, 1, 30, 80, 0 },
		{ 639, 400, 0, 0, 0, 0, 0 },
		{ 640, 399, 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, 0, 0, 0 },
		{ 800, 600, 8, 1, 37, 100, 0 },
		{ 1024, 768, 8, 1, 48, 128, 0 },
		{ 1279, 800, 8, 1, 50, 159, 3 },
		{ 1280, 800, 16, 1, 25, 80, 0 },
		{ 1366, 768, 8, 1, 48, 170, 3 },
		{ 1920, 1080, 16, 1, 33, 120, 0 },
		{ 1920, 1200, 16, 1, 37, 120, 0 },
		{ 2560, 1440, 16, 1, 45, 160, 0 },
		{ 2560, 1600, 16, 2, 25, 80, 0 },
		{ 3840, 2160, 16, 2, 33, 120, 0 },
		{ 7680, 4320, 16, 5, 27, 96, 0 },
		{ 65535, 400, 8, 1, 25, 256, 31743 },
		{ 640, 65535, 8, 1, 100, 80, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct raster r = { .scale = 0 };
		bool fits = raster_fit(&r, rows[i].width, rows[i].height);

		assert_int_equal(fits, rows[i].cell != 0);
		if (!fits)
			continue;
		if (r.font->width != rows[i].cell || r.scale != rows[i].scale ||
		    r.rows != rows[i].rows || r.columns != rows[i].columns ||
		    r.left != rows[i].left)
			fail_msg("%u x %u: %u rows, %u columns, %u x %u, left %u",
				 rows[i].width, rows[i].height, r.rows, r.columns,
				 r.font->width, r.scale, r.left);
	}
}

#define WIDTH  663u /* 82 columns and 7 pixels */
#define HEIGHT 410u
#define STRIDE (WIDTH + 7)

static uint32_t pixels[2][STRIDE * HEIGHT];
static struct raster_buffer buffer[2];
static struct raster raster;
static struct screen screen;

static int set_up(void **state)
{
	(void)state;
	assert_true(raster_fit(&raster, WIDTH, HEIGHT));
	memset(&screen, 0, sizeof(screen));
	screen.rows = raster.rows;
	screen.columns = raster.columns;
	draw_clear(&screen);
	for (unsigned i = 0; i < 2; i++) {
		memset(&buffer[i], 0, sizeof(buffer[i]));
		for (unsigned p = 0; p < STRIDE * HEIGHT; p++)
			pixels[i][p] = OUTSIDE;
		buffer[i].pixels = pixels[i];
		buffer[i].stride = STRIDE;
	}
	return 0;
}

static uint32_t pixel(unsigned i, unsigned row, unsigned column, unsigned x, unsigned y)
{
	return pixels[i][(row * 16 + y) * STRIDE + raster.left + column * 8 + x];
}

static void test_nothing_outside(void **state)
{
	(void)state;
	/* A screen larger than its raster is not drawn beyond it. */
	screen.rows = SCREEN_ROWS_MAX;
	screen.columns = SCREEN_COLUMNS_MAX;
	draw_clear(&screen);
	raster_draw(&raster, &buffer[0], &screen);
	for (unsigned y = 0; y < HEIGHT; y++)
		for (unsigned x = 0; x < STRIDE; x++)
			assert_int_equal(pixels[0][y * STRIDE + x] == OUTSIDE,
					 y >= raster.rows * 16 || x < raster.left ||
						 x >= raster.left + raster.columns * 8);
}

/* Whatever was there before, afterwards it is what it would be without it. */
static void test_changes(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 300; i++) {
			struct screen_cell *c =
				&screen.cell[(unsigned)random() % screen.rows]
					    [(unsigned)random() % screen.columns];

			*c = (struct screen_cell){
				.glyph = (uint32_t)(' ' + random() % 95),
				.style = (uint8_t)(random() % STYLES),
				.colour = (uint8_t)random(),
				.bold = (uint8_t)(random() & 1),
				.underline = (uint8_t)(random() & 1),
			};
		}
		screen.cursor_row = (int)(random() % 30) - 1;
		screen.cursor_column = (int)(random() % 90) - 1;
		raster_draw(&raster, &buffer[0], &screen);
		memset(buffer[1].drawn, 0, sizeof(buffer[1].drawn));
		raster_draw(&raster, &buffer[1], &screen);
		assert_memory_equal(pixels[0], pixels[1], sizeof(pixels[0]));
	}
}

static bool bright(uint32_t p)
{
	return (p >> 16 & 255) * 30 + (p >> 8 & 255) * 59 + (p & 255) * 11 > 128 * 100;
}

/* In black and white too, no style looks like another. */
static void test_attack_D27_without_colour(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STYLES; i++)
		draw_text(&screen, i * 2 + 2, 4, (enum screen_style)i, "Text 123");
	raster_draw(&raster, &buffer[0], &screen);
	for (unsigned i = 1; i < STYLES; i++) {
		for (unsigned j = i + 1; j < STYLES; j++) {
			unsigned differ = 0;

			for (unsigned y = 0; y < 16; y++)
				for (unsigned x = 0; x < 64; x++)
					differ += bright(pixel(0, i * 2 + 2, 4, x, y)) !=
						  bright(pixel(0, j * 2 + 2, 4, x, y));
			if (differ < 16)
				fail_msg("styles %u and %u: %u pixels", i, j, differ);
		}
	}
}

/* A frame around what stands together, and around nothing else. */
static void test_frame(void **state)
{
	(void)state;
	draw_text(&screen, 5, 10, STYLE_VALUE, "ab");
	draw_text(&screen, 6, 10, STYLE_VALUE, "a");
	raster_draw(&raster, &buffer[0], &screen);
	uint32_t frame = pixel(0, 5, 10, 0, 0);

	assert_int_equal(pixel(0, 5, 11, 7, 15), frame);
	assert_int_equal(pixel(0, 5, 11, 7, 8), frame);
	assert_int_equal(pixel(0, 6, 10, 0, 15), frame);
	assert_int_equal(pixel(0, 6, 10, 7, 8), frame);
	assert_int_not_equal(pixel(0, 5, 10, 7, 8), frame);
	assert_int_not_equal(pixel(0, 5, 11, 0, 8), frame);
	assert_int_not_equal(pixel(0, 6, 10, 4, 0), frame);
	assert_int_not_equal(pixel(0, 5, 10, 4, 15), frame);
	assert_int_not_equal(pixel(0, 5, 12, 0, 8), frame);
	screen.cell[6][10].style = STYLE_LABEL; /* its neighbours are drawn anew */
	raster_draw(&raster, &buffer[0], &screen);
	assert_int_equal(pixel(0, 5, 10, 4, 15), frame);
	assert_int_not_equal(pixel(0, 6, 10, 0, 15), frame);
}

static void test_guest_look(void **state)
{
	(void)state;
	screen.cell[3][3] = (struct screen_cell){ .glyph = 0x2588, .colour = 0xf0 };
	screen.cell[3][4] = (struct screen_cell){ .glyph = ' ', .colour = 0xf0 };
	screen.cell[3][5] =
		(struct screen_cell){ .glyph = ' ', .colour = 0xf0, .underline = 1 };
	screen.cell[3][6] = (struct screen_cell){ .glyph = ' ', .colour = 0xf0 };
	screen.cursor_row = 3;
	screen.cursor_column = 6;
	raster_draw(&raster, &buffer[0], &screen);
	assert_int_equal(pixel(0, 3, 3, 4, 8), 0x000000);
	assert_int_equal(pixel(0, 3, 4, 4, 8), 0xffffff);
	assert_int_equal(pixel(0, 3, 5, 4, 8), 0xffffff);
	assert_int_equal(pixel(0, 3, 5, 4, 14), 0x000000);
	assert_int_equal(pixel(0, 3, 6, 4, 8), 0x000000);
	screen.cursor_row = -1;
	raster_draw(&raster, &buffer[0], &screen);
	assert_int_equal(pixel(0, 3, 6, 4, 8), 0xffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attack_D7_missing_glyph),
		cmocka_unit_test(test_no_glyph),
		cmocka_unit_test(test_attack_D2_alike),
		cmocka_unit_test(test_attack_D2_all),
		cmocka_unit_test(test_attack_D2_rn),
		cmocka_unit_test(test_zero_is_slashed),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_fit),
		cmocka_unit_test_setup(test_nothing_outside, set_up),
		cmocka_unit_test_setup(test_changes, set_up),
		cmocka_unit_test_setup(test_attack_D27_without_colour, set_up),
		cmocka_unit_test_setup(test_frame, set_up),
		cmocka_unit_test_setup(test_guest_look, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
