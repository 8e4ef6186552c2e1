/* SPDX-License-Identifier: ISC */
#include "eyes.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <vterm.h>

static int rows, columns;
static VTerm *terminal;
static VTermScreen *screen;

void eyes_open(int open_rows, int open_columns)
{
	rows = open_rows;
	columns = open_columns;
	terminal = vterm_new(rows, columns);
	vterm_set_utf8(terminal, 1);
	screen = vterm_obtain_screen(terminal);
	vterm_screen_enable_altscreen(screen, 1);
	vterm_screen_reset(screen, 1);
}

void eyes_size(int new_rows, int new_columns)
{
	rows = new_rows;
	columns = new_columns;
	vterm_set_size(terminal, rows, columns);
}

bool eyes_look(int master)
{
	char bytes[4096];
	size_t answer;
	ssize_t n = read(master, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	vterm_input_write(terminal, bytes, (size_t)n);
	while ((answer = vterm_output_read(terminal, bytes, sizeof(bytes))) > 0)
		(void)!write(master, bytes, answer);
	return true;
}

static size_t put_utf8(char *at, uint32_t c)
{
	if (c < 0x80) {
		at[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		at[0] = (char)(0xc0 | c >> 6);
		at[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	at[0] = (char)(0xe0 | (c >> 12 & 0x0f));
	at[1] = (char)(0x80 | (c >> 6 & 0x3f));
	at[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

void eyes_row(int row, char text[EYES_LINE])
{
	size_t len = 0, end = 0;

	for (int c = 0; c < columns; c++) {
		VTermScreenCell cell;
		uint32_t glyph;

		if (vterm_screen_get_cell(screen, (VTermPos){ .row = row, .col = c }, &cell) ==
		    0)
			continue;
		glyph = cell.chars[0] == 0 || cell.chars[0] > 0xffff ? ' ' : cell.chars[0];
		len += put_utf8(text + len, glyph);
		if (glyph != ' ')
			end = len;
	}
	text[end] = '\0';
}

bool eyes_see(const char *wanted)
{
	static char text[EYES_LINE];

	for (int r = 0; r < rows; r++) {
		eyes_row(r, text);
		if (strstr(text, wanted) != NULL)
			return true;
	}
	return false;
}
