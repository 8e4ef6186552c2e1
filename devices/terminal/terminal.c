/* SPDX-License-Identifier: ISC */
#include "terminal.h"

#include "bug.h"
#include "filter.h"
#include "keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define COLOURS 16
#define TAIL	UINT32_MAX /* libvterm's mark in the second half of a wide character */

/* Bytes for a console that does not take them; the half is for keys alone, so that a guest which
 * asks and does not listen loses answers only. */
#define WAITING_MAX 16384

/* libvterm uses 12 pieces of memory, and one more while it replaces another at a resize; none is
 * larger than the cells of the largest screen. What is not used of a piece is never touched. */
#define PIECES	    16
#define PIECE_BYTES (1u << 20)

static _Alignas(16) uint8_t piece[PIECES][PIECE_BYTES];
static bool used[PIECES];

static struct grid *grid;
static VTerm *vterm;
static VTermScreen *screen;
static bool cursor_visible;
static bool typing; /* what comes out now is a key */
static char waiting[WAITING_MAX];
static size_t waiting_count;
static bool changed;   /* some cell, since terminal_publish() */
static uint32_t shown; /* the cursor, as in the grid */

static void *take(size_t size, void *unused)
{
	unsigned i = 0;

	(void)unused;
	while (i < PIECES && used[i])
		i++;
	BUG_ON(i == PIECES || size > PIECE_BYTES);
	used[i] = true;
	return memset(piece[i], 0, size); /* libvterm expects zeros */
}

static void give(void *memory, void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < PIECES; i++)
		used[i] &= memory != piece[i];
}

/* The nearest of a PC console's colours; green counts most, as it does to the eye. */
static uint32_t nearest(int red, int green, int blue)
{
	int least = INT32_MAX;

	for (int i = 0; i < COLOURS; i++) {
		int base = i < 8 ? 0 : 85, r = red - base - (i & 1) * 170,
		    g = green - base - (i >> 1 & 1) * 170, b = blue - base - (i >> 2 & 1) * 170;
		int distance_and_colour = (3 * r * r + 6 * g * g + b * b) * COLOURS + i;

		if (distance_and_colour < least)
			least = distance_and_colour;
	}
	return (uint32_t)(least % COLOURS);
}

static uint32_t colour(VTermColor c)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(&c) || VTERM_COLOR_IS_DEFAULT_BG(&c))
		return VTERM_COLOR_IS_DEFAULT_FG(&c) ? 7 : 0; /* grey on black */
	if (VTERM_COLOR_IS_INDEXED(&c) && c.indexed.idx < COLOURS)
		return c.indexed.idx;
	vterm_screen_convert_color_to_rgb(screen, &c);
	return nearest(c.rgb.red, c.rgb.green, c.rgb.blue);
}

/* A cell in the grid's one word; blank if it lies outside of the screen. */
static grid_cell cell(VTermPos pos)
{
	VTermScreenCell c;

	if (!vterm_screen_get_cell(screen, pos, &c))
		return 0;
	return (c.chars[0] == TAIL ? GRID_WIDE_TAIL : GRID_CODE_POINT(c.chars[0])) |
	       (c.attrs.bold ? GRID_BOLD : 0) | (c.attrs.underline ? GRID_UNDERLINE : 0) |
	       colour(c.fg) << (c.attrs.reverse ? 28 : 24) |
	       colour(c.bg) << (c.attrs.reverse ? 24 : 28);
}

static int damaged(VTermRect r, void *unused)
{
	VTermPos at;

	(void)unused;
	for (at.row = r.start_row; at.row < r.end_row; at.row++)
		for (at.col = r.start_col; at.col < r.end_col; at.col++)
			atomic_store_explicit(&grid->cell[at.row][at.col], cell(at),
					      memory_order_relaxed);
	changed = true;
	return 1;
}

static int property_set(VTermProp p, VTermValue *value, void *unused)
{
	(void)unused;
	if (p == VTERM_PROP_CURSORVISIBLE)
		cursor_visible = value->boolean != 0;
	return 1;
}

/* A key or an answer: whole, or not at all. */
static void put(const char *bytes, size_t count, void *unused)
{
	(void)unused;
	if (waiting_count + count > (typing ? WAITING_MAX : WAITING_MAX / 2))
		return;
	memcpy(waiting + waiting_count, bytes, count);
	waiting_count += count;
}

bool terminal_flush(int console)
{
	ssize_t n = send(console, waiting, waiting_count, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0) {
		waiting_count -= (size_t)n;
		memmove(waiting, waiting + n, waiting_count);
	}
	return waiting_count == 0;
}

static bool size_valid(uint32_t rows, uint32_t columns)
{
	return rows >= TERMINAL_MIN && rows <= GRID_ROWS_MAX && columns >= TERMINAL_MIN &&
	       columns <= GRID_COLUMNS_MAX;
}

bool terminal_init(struct grid *g, uint32_t rows, uint32_t columns)
{
	static VTermAllocatorFunctions allocator = { take, give };
	static const VTermScreenCallbacks callbacks = { .damage = damaged,
							.settermprop = property_set };

	if (!size_valid(rows, columns))
		return false;
	grid = g;
	waiting_count = 0;
	filter_reset();
	memset(used, 0, sizeof(used));
	vterm = vterm_new_with_allocator((int)rows, (int)columns, &allocator, NULL);
	vterm_set_utf8(vterm, 1);
	vterm_output_set_callback(vterm, put, NULL);
	screen = vterm_obtain_screen(vterm);
	vterm_screen_set_callbacks(screen, &callbacks, NULL);
	vterm_screen_enable_altscreen(screen, 1);
	vterm_screen_set_damage_merge(screen, VTERM_DAMAGE_SCREEN);
	vterm_screen_reset(screen, 1);
	return true;
}

void terminal_feed(const char *bytes, size_t count)
{
	filter_feed(vterm, bytes, count);
}

/* libvterm 0.1.4 leaves margins, the saved cursor and even the cursor outside of a smaller screen,
 * and uses them. As after a reset, but for the cursor. */
static void resize(uint32_t rows, uint32_t columns)
{
	char text[64];
	VTermPos at;

	vterm_set_size(vterm, (int)rows, (int)columns);
	vterm_state_get_cursorpos(vterm_obtain_state(vterm), &at);
	snprintf(text, sizeof(text), "\033[?69l\033[r\033[%d;%dH\0337",
		 at.row < 0 ? 1 : at.row + 1, at.col + 1);
	vterm_input_write(vterm, text, strlen(text));
	damaged((VTermRect){ 0, (int)rows, 0, (int)columns }, NULL);
}

void terminal_obey(const struct grid_input *input)
{
	uint32_t rows = input->code >> 16, columns = input->code & 0xffff;

	if (input->type == GRID_KEY) {
		typing = true;
		keys_type(vterm, input);
		typing = false;
	} else if (input->type == GRID_RESIZE && size_valid(rows, columns)) {
		resize(rows, columns);
	}
}

bool terminal_publish(void)
{
	uint32_t cursor = UINT32_MAX;
	int rows, columns;
	VTermPos at;

	vterm_screen_flush_damage(screen);
	vterm_get_size(vterm, &rows, &columns);
	vterm_state_get_cursorpos(vterm_obtain_state(vterm), &at);
	if (cursor_visible)
		cursor = (uint32_t)at.row << 16 | (uint32_t)at.col;
	if (!changed && cursor == shown)
		return false;
	changed = false;
	shown = cursor;
	atomic_store_explicit(&grid->rows, (uint32_t)rows, memory_order_relaxed);
	atomic_store_explicit(&grid->columns, (uint32_t)columns, memory_order_relaxed);
	atomic_store_explicit(&grid->cursor, cursor, memory_order_relaxed);
	/* Release: who sees the new generation sees all that is above. */
	atomic_fetch_add_explicit(&grid->generation, 1, memory_order_release);
	return true;
}
