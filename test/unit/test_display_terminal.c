/* SPDX-License-Identifier: ISC */
/*
 * The display's back end for terminals, on a pseudo-terminal whose other end is a real emulator
 * (libvterm): what the person sees is what the display meant, cell by cell.
 */
#include "backend.h"
#include "critical.h"
#include "log.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <vterm.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEARD	 64
#define CONTROL	 4u

static const struct backend *backend;
static int master = -1, tty = -1, client = -1;
static int given_tty, given_client; /* to the display, which closes them */
static struct termios before;
static VTerm *vterm;
static VTermScreen *seen;
static struct screen wanted;
static struct key heard[HEARD];
static unsigned heard_count, rows, columns, lost, resizes;
static int two_screens = 1;	     /* of the emulator: most have an alternate one */
static const char *typed_ahead = ""; /* before the display gets the terminal */

void critical_watch(int fd, short events)
{
	(void)fd;
	(void)events;
}

static void on_key(const struct key *k)
{
	if (heard_count < HEARD)
		heard[heard_count] = *k;
	heard_count++;
}

static void on_resize(unsigned new_rows, unsigned new_columns)
{
	rows = new_rows;
	columns = new_columns;
	resizes++;
}

static void on_loss(const char *why)
{
	(void)why;
	lost++;
}

static void set_size(unsigned new_rows, unsigned new_columns)
{
	struct winsize size = { .ws_row = (unsigned short)new_rows,
				.ws_col = (unsigned short)new_columns };

	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	vterm_set_size(vterm, (int)new_rows, (int)new_columns);
	wanted.rows = new_rows;
	wanted.columns = new_columns;
}

/* The emulator reads what there is. */
static void look(void)
{
	char bytes[65536];
	ssize_t n;

	while ((n = read(master, bytes, sizeof(bytes))) > 0)
		vterm_input_write(vterm, bytes, (size_t)n);
}

/* The kernel hands keys on in its own time: waits until all of them are there to be read. */
static void type(const char *bytes)
{
	size_t len = strlen(bytes);
	int there = 0;

	assert_int_equal(write(master, bytes, len), len);
	while ((size_t)there < len)
		assert_int_equal(ioctl(tty, FIONREAD, &there), 0);
}

static void attach(unsigned new_rows, unsigned new_columns)
{
	static const struct backend_events events = { .key = on_key,
						      .resized = on_resize,
						      .lost = on_loss };
	char name[64];
	int number, zero = 0, ends[2];

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(master >= 0);
	assert_int_equal(ioctl(master, TIOCSPTLCK, &zero), 0);
	assert_int_equal(ioctl(master, TIOCGPTN, &number), 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	tty = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(tty >= 0);
	assert_int_equal(tcgetattr(tty, &before), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	client = ends[0];
	vterm = vterm_new((int)new_rows, (int)new_columns);
	vterm_set_utf8(vterm, 1);
	seen = vterm_obtain_screen(vterm);
	vterm_screen_enable_altscreen(seen, two_screens);
	vterm_screen_reset(seen, 1);
	memset(&wanted, 0, sizeof(wanted));
	set_size(new_rows, new_columns);
	heard_count = lost = resizes = 0;
	type(typed_ahead);
	given_tty = dup(tty);
	given_client = ends[1];
	backend = terminal_open(given_tty, given_client, &events);
	assert_non_null(backend);
}

static int set_up(void **state)
{
	(void)state;
	attach(25, 80);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	backend->close();
	vterm_free(vterm);
	close(master);
	close(tty);
	close(client);
	return 0;
}

/* One frame, however slow the terminal is. */
static void present(void)
{
	assert_true(backend->show(&wanted));
	for (unsigned i = 0; backend->busy(); i++) {
		assert_true(i < 100000);
		look();
		backend->ready(given_tty, POLLOUT);
	}
	look();
}

static uint32_t glyph_at(unsigned r, unsigned c)
{
	VTermScreenCell cell;

	vterm_screen_get_cell(seen, (VTermPos){ .row = (int)r, .col = (int)c }, &cell);
	return cell.chars[0] == 0 ? ' ' : cell.chars[0];
}

static bool seen_as_wanted(void)
{
	for (unsigned r = 0; r < wanted.rows; r++)
		for (unsigned c = 0; c < wanted.columns; c++)
			if (glyph_at(r, c) != wanted.cell[r][c].glyph) {
				printf("row %u, column %u: %x instead of %x\n", r, c,
				       glyph_at(r, c), wanted.cell[r][c].glyph);
				return false;
			}
	return true;
}

/* The costliest frame to send: each cell another style, and each a glyph of three bytes. */
static void fill_as_guest(unsigned seed, unsigned every)
{
	for (unsigned c = 0; c < wanted.columns; c++)
		wanted.cell[0][c] = (struct screen_cell){ .glyph = 'S', .style = STYLE_STRIP };
	for (unsigned r = 1; r < wanted.rows; r++)
		for (unsigned c = seed % every; c < wanted.columns; c += every)
			wanted.cell[r][c] = (struct screen_cell){
				.glyph = 0x2500 + (r * 7 + c + seed) % 0x80,
				.style = STYLE_GUEST,
				.colour = (uint8_t)(0x88 | (c + seed) % 8 << 4 | (r + c) % 7),
				.bold = (c / every) % 2 == 0,
				.underline = 1,
			};
}

static void fill(uint32_t glyph, enum screen_style style)
{
	for (unsigned r = 0; r < wanted.rows; r++)
		for (unsigned c = 0; c < wanted.columns; c++)
			wanted.cell[r][c] =
				(struct screen_cell){ .glyph = glyph, .style = (uint8_t)style };
	wanted.cursor_row = wanted.cursor_column = -1;
}

/* attack_S3, attack_S5, attack_S8: a guest that uses every colour on the largest screen moves
 * nothing and hides nothing; frame after frame, and in a question after it. */
static void test_attack_S3_S5_S7_S8_costly_frames(void **state)
{
	static const struct {
		unsigned rows, columns;
	} sizes[] = { { 24, 80 }, { 64, 232 }, { SCREEN_ROWS_MAX, SCREEN_COLUMNS_MAX } };

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		tear_down(state);
		attach(sizes[i].rows, sizes[i].columns);
		fill(' ', STYLE_LABEL);
		present();
		for (unsigned frame = 0; frame < 6; frame++) {
			fill_as_guest(frame, 1 + frame % 3);
			present();
			assert_true(seen_as_wanted());
		}
		fill('q', STYLE_LABEL);
		present();
		assert_true(seen_as_wanted());
	}
}

/* A terminal that takes nothing for a while: frames are left out, none is mixed with another. */
static void test_attack_S12_slow(void **state)
{
	tear_down(state);
	attach(SCREEN_ROWS_MAX, SCREEN_COLUMNS_MAX);
	fill(' ', STYLE_LABEL);
	for (unsigned frame = 0; frame < 5; frame++) {
		fill_as_guest(frame, 1);
		assert_true(backend->show(&wanted));
		assert_true(backend->busy());
	}
	look();
	backend->ready(given_tty, POLLOUT);
	fill_as_guest(7, 1);
	while (backend->busy()) {
		look();
		backend->ready(given_tty, POLLOUT);
	}
	present();
	assert_true(seen_as_wanted());
}

/* The terminal has become smaller and nobody has said so yet: row 0 stays where it is. */
static void test_attack_S3_S11_smaller_than_told(void **state)
{
	(void)state;
	fill(' ', STYLE_LABEL);
	fill_as_guest(0, 1);
	present();
	vterm_set_size(vterm, 12, 40);
	fill_as_guest(1, 1);
	present();
	for (unsigned c = 0; c < 40; c++)
		assert_int_equal(glyph_at(0, c), 'S');
}

/* What each key sends, and what is made of it. */
static const struct {
	const char *bytes;
	unsigned count;
	struct {
		uint32_t code, modifiers;
	} key[3];
} keys[] = {
	{ "a", 1, { { 'a', 0 } } },
	{ "\r", 1, { { GRID_KEY_ENTER, 0 } } },
	{ "\t", 1, { { GRID_KEY_TAB, 0 } } },
	{ "\x7f", 1, { { GRID_KEY_BACKSPACE, 0 } } },
	{ "\x1b", 1, { { GRID_KEY_ESCAPE, 0 } } },
	{ "\x1b\x1b", 1, { { GRID_KEY_ESCAPE, 0 } } },
	{ "\x1d", 1, { { ']', CONTROL } } },
	{ "\x03", 1, { { 'c', CONTROL } } },
	{ "\x1bx", 1, { { 'x', 2 } } },
	{ "\x1b[A", 1, { { GRID_KEY_UP, 0 } } },
	{ "\x1bOA", 1, { { GRID_KEY_UP, 0 } } },
	{ "\x1b[B\x1b[C\x1b[D",
	  3,
	  { { GRID_KEY_DOWN, 0 }, { GRID_KEY_RIGHT, 0 }, { GRID_KEY_LEFT, 0 } } },
	{ "\x1b[H", 1, { { GRID_KEY_HOME, 0 } } },
	{ "\x1b[1~", 1, { { GRID_KEY_HOME, 0 } } },
	{ "\x1b[4~", 1, { { GRID_KEY_END, 0 } } },
	{ "\x1b[5~", 1, { { GRID_KEY_PAGE_UP, 0 } } },
	{ "\x1b[3~", 1, { { GRID_KEY_DELETE, 0 } } },
	{ "\x1b[1;5C", 1, { { GRID_KEY_RIGHT, CONTROL } } },
	{ "\x1b[1;2A", 1, { { GRID_KEY_UP, 1 } } },
	{ "\x1b[15~", 1, { { GRID_KEY_F1 + 4, 0 } } },
	{ "\x1b[24~", 1, { { GRID_KEY_F12, 0 } } },
	{ "\x1bOP", 1, { { GRID_KEY_F1, 0 } } },
	{ "\x1b[[A", 1, { { GRID_KEY_F1, 0 } } }, /* a Linux console */
	{ "\x1b[[E", 1, { { GRID_KEY_F1 + 4, 0 } } },
	{ "\xc3\xa4", 1, { { 0xe4, 0 } } },
	{ "\xe2\x82\xac", 1, { { 0x20ac, 0 } } },
	{ "\xf0\x9f\x90\x98", 1, { { 0x1f418, 0 } } },
	/* attack_D6: no key */
	{ "\xc0\x8d", 0, { { 0, 0 } } },
	{ "\xff", 0, { { 0, 0 } } },
	{ "\x80", 0, { { 0, 0 } } },
	{ "\xed\xa0\x80", 0, { { 0, 0 } } },
	{ "\xe0\x80\x8d", 0, { { 0, 0 } } },
	{ "\xf4\x90\x80\x80", 0, { { 0, 0 } } },
	{ "\x1b[67676767676767676767676767z", 0, { { 0, 0 } } },
	{ "\x1b[67;67;67;67;67;67;67;67;67~n", 1, { { 'n', 0 } } },
	/* attack_I20: what is pasted was typed by nobody */
	{ "\x1b[200~67\r\x1b[201~", 0, { { 0, 0 } } },
	{ "\x1b[200~67\r\x1b[201~n", 1, { { 'n', 0 } } },
};

static void test_attack_I20_D6_keys(void **state)
{
	for (unsigned i = 0; i < COUNT(keys); i++) {
		tear_down(state);
		set_up(state);
		type(keys[i].bytes);
		backend->ready(given_tty, POLLIN);
		if (heard_count != keys[i].count)
			printf("row %u: %u keys\n", i, heard_count);
		assert_int_equal(heard_count, keys[i].count);
		for (unsigned k = 0; k < keys[i].count; k++) {
			assert_int_equal(heard[k].code, keys[i].key[k].code);
			assert_int_equal(heard[k].modifiers, keys[i].key[k].modifiers);
			assert_int_equal(heard[k].action, KEY_PRESSED);
		}
	}
}

/* What was typed before the terminal was attached was typed for something else. */
static void test_attack_I4_typed_ahead(void **state)
{
	tear_down(state);
	typed_ahead = "67\r67\r";
	set_up(state);
	typed_ahead = "";
	backend->ready(given_tty, POLLIN);
	assert_int_equal(heard_count, 0);
}

/* Bold, underlined, inverse of each style; what looks like another differs by more than colour. */
static void test_attack_D16_D27_looks(void **state)
{
	unsigned look[STYLES];

	(void)state;
	fill(' ', STYLE_LABEL);
	for (unsigned i = 0; i < STYLES; i++)
		wanted.cell[1][i] = (struct screen_cell){ .glyph = 'x', .style = (uint8_t)i };
	present();
	for (unsigned i = 0; i < STYLES; i++) {
		VTermScreenCell cell;

		vterm_screen_get_cell(seen, (VTermPos){ .row = 1, .col = (int)i }, &cell);
		look[i] = (cell.attrs.bold ? 1u : 0) | (cell.attrs.underline ? 2u : 0) |
			  (cell.attrs.reverse ? 4u : 0);
	}
	for (unsigned i = STYLE_STRIP; i < STYLES; i++)
		for (unsigned k = STYLE_STRIP; k < i; k++)
			if (i !=
			    STYLE_DIM) /* an emulator may not have it: then it is a label */
				assert_int_not_equal(look[i], look[k]);
}

/* The guest's colours are those that it chose, all of them. */
static void test_guest_colours(void **state)
{
	(void)state;
	fill(' ', STYLE_LABEL);
	for (unsigned c = 0; c < 80; c++)
		wanted.cell[3][c] = (struct screen_cell){ .glyph = '0' + c % 10,
							  .style = STYLE_GUEST,
							  .colour = (uint8_t)(c * 3 + 1),
							  .bold = c % 2,
							  .underline = c / 2 % 2 };
	present();
	assert_true(seen_as_wanted());
	for (unsigned c = 0; c < 80; c++) {
		VTermScreenCell cell;

		vterm_screen_get_cell(seen, (VTermPos){ .row = 3, .col = (int)c }, &cell);
		assert_int_equal(cell.attrs.bold, c % 2);
		assert_int_equal(cell.attrs.underline, c / 2 % 2);
		if ((uint8_t)(c * 3 + 1) == 7)
			continue; /* the terminal's own colours */
		assert_int_equal(cell.fg.indexed.idx, (c * 3 + 1) & 15);
		assert_int_equal(cell.bg.indexed.idx, (c * 3 + 1) >> 4 & 15);
	}
}

/* Detached: the terminal is as it was, nothing of ours is on it, and the client knows. */
static void test_attack_S7_detached(void **state)
{
	struct termios after;
	char byte = 0;

	tear_down(state);
	two_screens = 0;
	set_up(state);
	two_screens = 1;
	fill('q', STYLE_LABEL);
	present();
	assert_int_equal(tcgetattr(tty, &after), 0);
	assert_int_equal(after.c_lflag & (tcflag_t)(ECHO | ICANON | ISIG), 0);
	backend->close();
	look();
	for (unsigned r = 0; r < 25; r++)
		for (unsigned c = 0; c < 80; c++)
			assert_int_equal(glyph_at(r, c), ' ');
	assert_int_equal(tcgetattr(tty, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	assert_int_equal(fcntl(tty, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(read(client, &byte, 1), 1);
	assert_int_equal(byte, 'D');
	assert_int_equal(read(client, &byte, 1), 0);
	assert_int_equal(fcntl(given_tty, F_GETFD), -1);
	assert_int_equal(fcntl(given_client, F_GETFD), -1);
}

static void test_attack_S11_gone(void **state)
{
	(void)state;
	assert_int_equal(rows, 25);
	assert_int_equal(columns, 80);
	fill('q', STYLE_LABEL);
	present();
	set_size(40, 132);
	vterm_screen_reset(seen, 1); /* as some do */
	assert_int_equal(write(client, "W", 1), 1);
	backend->ready(given_client, POLLIN);
	fill('q', STYLE_LABEL);
	present();
	assert_true(seen_as_wanted());
	assert_int_equal(resizes, 2);
	assert_int_equal(rows, 40);
	assert_int_equal(columns, 132);
	set_size(0, 0); /* a serial line does not know */
	assert_int_equal(write(client, "W", 1), 1);
	backend->ready(given_client, POLLIN);
	assert_int_equal(rows, 24);
	assert_int_equal(columns, 80);
	assert_int_equal(lost, 0);
	shutdown(client, SHUT_WR);
	backend->ready(given_client, POLLIN | POLLHUP);
	assert_int_equal(lost, 1);
	close(master);
	master = -1;
	backend->ready(given_tty, POLLHUP);
	assert_int_equal(lost, 2);
}

/* What is no terminal is closed, and its client too. */
static void test_attack_C16_no_terminal(void **state)
{
	int ends[2], others[2];
	char byte;

	(void)state;
	backend->close();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, others), 0);
	assert_null(terminal_open(ends[1], others[1], NULL));
	assert_int_equal(read(ends[0], &byte, 1), 0);
	assert_int_equal(read(others[0], &byte, 1), 0);
	close(ends[0]);
	close(others[0]);
}

/* A terminal that was opened for reading alone shows nothing: it is no screen. */
static void test_read_only(void **state)
{
	char byte, name[64];
	int other[2];

	(void)state;
	backend->close();
	assert_int_equal(ttyname_r(tty, name, sizeof(name)), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	assert_null(terminal_open(open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC), other[1], NULL));
	assert_int_equal(read(other[0], &byte, 1), 0);
	close(other[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_attack_S3_S5_S7_S8_costly_frames, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_attack_S12_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_S3_S11_smaller_than_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_attack_I20_D6_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_I4_typed_ahead, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_D16_D27_looks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_guest_colours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_S7_detached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_S11_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attack_C16_no_terminal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
