/* SPDX-License-Identifier: ISC */
/* The back end for a terminal that somebody attached: any tty, tmux, ssh. ECMA-48 sequences. */
#include "backend.h"
#include "bug.h"
#include "critical.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* A frame in which each cell has a place, a look and a glyph of its own: it always fits, so that
 * nothing is left out and no sequence is cut in two. */
#define CELL_MAX  (10 + 18 + 3)
#define OUT_SIZE  (SCREEN_ROWS_MAX * SCREEN_COLUMNS_MAX * CELL_MAX + 128)
#define PASTE_END 201

static struct {
	int tty, client, flags;
	const struct backend_events *events;
	struct termios before;
	struct screen shown; /* what the terminal shows once `out` is written */
	bool fresh;	     /* it shows nothing of ours yet */
	char out[OUT_SIZE];
	size_t out_len, out_sent;
	char escape[16]; /* a sequence of keys that has begun */
	size_t escape_len;
	bool pasting;
	uint32_t character; /* of several bytes */
	unsigned character_left;
} t = { .tty = -1 };

static void put(const char *text, size_t len)
{
	BUG_ON(len > sizeof(t.out) - t.out_len);
	memcpy(t.out + t.out_len, text, len);
	t.out_len += len;
}

static void put_text(const char *text)
{
	put(text, strlen(text));
}

static bool flush(void)
{
	while (t.out_sent < t.out_len) {
		ssize_t n = write(t.tty, t.out + t.out_sent, t.out_len - t.out_sent);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0)
			return false;
		t.out_sent += (size_t)n;
	}
	if (t.out_sent == t.out_len)
		t.out_sent = t.out_len = 0;
	critical_watch(t.tty, t.out_len > 0 ? POLLIN | POLLOUT : POLLIN);
	return true;
}

static void put_glyph(uint32_t c)
{
	char utf8[3] = { (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
			 (char)(0x80 | (c & 0x3f)) };

	if (c < 0x80)
		put((const char[]){ (char)c }, 1);
	else if (c < 0x800)
		put((const char[]){ (char)(0xc0 | c >> 6), utf8[2] }, 2);
	else
		put(utf8, 3);
}

/* Looks that differ on a terminal without colours too. */
static void put_style(const struct screen_cell *c)
{
	static const char *const looks[STYLES] = {
		[STYLE_GUEST] = "",
		[STYLE_STRIP] = ";4",
		[STYLE_STRIP_TRUSTED] = ";1;7",
		[STYLE_LABEL] = "",
		[STYLE_STRONG] = ";1",
		[STYLE_VALUE] = ";1;4",
		[STYLE_WARNING] = ";1;4;7",
		[STYLE_DIM] = ";2",
	};
	unsigned front = c->colour & 15, back = c->colour >> 4;
	char text[32];

	put_text("\033[0");
	put_text(looks[c->style < STYLES ? c->style : STYLE_LABEL]);
	if (c->style == STYLE_GUEST && c->colour != 7) {
		/* 30-37 and 40-47, or 90-97 and 100-107. */
		snprintf(text, sizeof(text), ";%u;%u", front < 8 ? 30 + front : 82 + front,
			 back < 8 ? 40 + back : 92 + back);
		put_text(text);
	}
	if (c->style == STYLE_GUEST && c->bold)
		put_text(";1");
	if (c->style == STYLE_GUEST && c->underline)
		put_text(";4");
	put_text("m");
}

static bool same_style(const struct screen_cell *a, const struct screen_cell *b)
{
	return a->style == b->style &&
	       (a->style != STYLE_GUEST ||
		(a->colour == b->colour && a->bold == b->bold && a->underline == b->underline));
}

static bool same(const struct screen_cell *a, const struct screen_cell *b)
{
	return a->glyph == b->glyph && same_style(a, b);
}

static void move(unsigned row, unsigned column)
{
	char text[32];

	snprintf(text, sizeof(text), "\033[%u;%uH", row + 1, column + 1);
	put_text(text);
}

static bool show(const struct screen *s)
{
	const struct screen_cell *style = NULL;

	if (t.out_len > 0)
		return true; /* the terminal is slow; busy() says so, and we are called again */
	put_text("\033[?25l");
	if (t.fresh)
		put_text("\033[0m\033[2J");
	for (unsigned r = 0; r < s->rows; r++)
		for (unsigned c = 0, at = UINT32_MAX; c < s->columns; c++) {
			const struct screen_cell *cell = &s->cell[r][c];

			if (!t.fresh && same(cell, &t.shown.cell[r][c]))
				continue;
			if (at != c)
				move(r, c);
			if (style == NULL || !same_style(cell, style))
				put_style(cell);
			style = cell;
			put_glyph(cell->glyph);
			at = c + 1;
		}
	if (s->cursor_row >= 0) {
		move((unsigned)s->cursor_row, (unsigned)s->cursor_column);
		put_text("\033[?25h");
	}
	t.shown = *s;
	t.fresh = false;
	return flush();
}

static bool busy(void)
{
	return t.out_len > 0;
}

/* Keys. */

static void key(uint32_t code, uint32_t modifiers)
{
	const struct key k = { .code = code, .modifiers = modifiers, .action = KEY_PRESSED };

	/* What is pasted was typed by nobody. */
	if (!t.pasting)
		t.events->key(&k);
}

/* "A", "15~", "1;5C": what is between the introducer and its end. */
static void sequence(const char *text, size_t len)
{
	static const struct {
		char end;
		unsigned number;
		uint32_t code;
	} keys[] = {
		{ 'A', 0, GRID_KEY_UP },       { 'B', 0, GRID_KEY_DOWN },
		{ 'C', 0, GRID_KEY_RIGHT },    { 'D', 0, GRID_KEY_LEFT },
		{ 'H', 0, GRID_KEY_HOME },     { 'F', 0, GRID_KEY_END },
		{ '~', 1, GRID_KEY_HOME },     { '~', 2, GRID_KEY_INSERT },
		{ '~', 3, GRID_KEY_DELETE },   { '~', 4, GRID_KEY_END },
		{ '~', 5, GRID_KEY_PAGE_UP },  { '~', 6, GRID_KEY_PAGE_DOWN },
		{ 'P', 0, GRID_KEY_F1 },       { 'Q', 0, GRID_KEY_F1 + 1 },
		{ 'R', 0, GRID_KEY_F1 + 2 },   { 'S', 0, GRID_KEY_F1 + 3 },
		{ '~', 11, GRID_KEY_F1 },      { '~', 12, GRID_KEY_F1 + 1 },
		{ '~', 13, GRID_KEY_F1 + 2 },  { '~', 14, GRID_KEY_F1 + 3 },
		{ '~', 15, GRID_KEY_F1 + 4 },  { '~', 17, GRID_KEY_F1 + 5 },
		{ '~', 18, GRID_KEY_F1 + 6 },  { '~', 19, GRID_KEY_F1 + 7 },
		{ '~', 20, GRID_KEY_F1 + 8 },  { '~', 21, GRID_KEY_F1 + 9 },
		{ '~', 23, GRID_KEY_F1 + 10 }, { '~', 24, GRID_KEY_F1 + 11 },
	};
	unsigned number = 0, modifier = 0;
	char end = text[len - 1];
	size_t i = 0;

	if (len == 2 && text[0] == '[' && end >= 'A' &&
	    end <= 'E') { /* a Linux console's F1 to F5 */
		key(GRID_KEY_F1 + (uint32_t)(end - 'A'), 0);
		return;
	}

	for (; i < len && i < 4 && text[i] >= '0' && text[i] <= '9'; i++)
		number = number * 10 + (unsigned)(text[i] - '0');
	if (i + 1 < len && text[i] == ';')
		modifier = (unsigned)(text[i + 1] - '1') & 7;
	if (end == '~' && (number == 200 || number == PASTE_END)) {
		t.pasting = number == 200;
		return;
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].end == end && (end != '~' || keys[i].number == number))
			key(keys[i].code, modifier);
}

static void control(uint8_t byte)
{
	if (byte == '\r' || byte == '\n')
		key(GRID_KEY_ENTER, 0);
	else if (byte == '\t')
		key(GRID_KEY_TAB, 0);
	else if (byte == 0x7f || byte == '\b')
		key(GRID_KEY_BACKSPACE, 0);
	else /* Ctrl-A to Ctrl-_ as the letter with its modifier */
		key(byte >= 1 && byte <= 26 ? (uint32_t)byte + 'a' - 1 : (uint32_t)byte + '@',
		    4);
}

static void character(uint8_t byte)
{
	if (byte < 0x80) {
		t.character_left = 0;
		key(byte, 0);
	} else if (byte >= 0xc2 && byte <= 0xf4) {
		t.character_left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
		t.character = byte & (0x3fu >> t.character_left);
	} else if (t.character_left > 0 && byte < 0xc0) {
		t.character = t.character << 6 | (byte & 0x3f);
		if (--t.character_left == 0 && t.character >= 0xa0 && t.character <= 0x10ffff &&
		    (t.character < 0xd800 || t.character > 0xdfff))
			key(t.character, 0);
	}
}

/* An escape that nothing follows within one read is the Escape key. */
static void typed(uint8_t byte, bool last)
{
	if (t.escape_len == 0) {
		if (byte == 0x1b && last)
			key(GRID_KEY_ESCAPE, 0);
		else if (byte == 0x1b)
			t.escape[t.escape_len++] = (char)byte;
		else if (byte < ' ' || byte == 0x7f)
			control(byte);
		else
			character(byte);
		return;
	}
	if (t.escape_len == 1 && byte == 0x1b) { /* of two escapes the first was the key */
		key(GRID_KEY_ESCAPE, 0);
		t.escape_len = last ? 0 : 1;
		return;
	}
	if (t.escape_len == 1 && byte != '[' && byte != 'O') {
		t.escape_len = 0; /* Alt and a key */
		if (byte >= ' ' && byte < 0x7f)
			key(byte, 2);
		return;
	}
	if (t.escape_len == sizeof(t.escape)) /* too long: nothing of it is a character */
		t.escape_len--;
	t.escape[t.escape_len++] = (char)byte;
	if (t.escape_len > 2 && byte >= 0x40 && byte <= 0x7e &&
	    (t.escape_len > 3 || byte != '[')) {
		size_t len = t.escape_len;

		t.escape_len = 0;
		sequence(t.escape + 2, len - 2);
	}
}

static void measure(void)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	(void)ioctl(t.tty, TIOCGWINSZ, &size);
	if (size.ws_row == 0 || size.ws_col == 0) { /* a serial line does not know */
		size.ws_row = 24;
		size.ws_col = 80;
	}
	t.fresh = true;
	t.events->resized(size.ws_row, size.ws_col);
}

static void ready(int fd, short revents)
{
	uint8_t bytes[256];
	ssize_t n;

	if (fd == t.tty && (revents & POLLOUT) != 0 && !flush()) {
		t.events->lost("the terminal takes nothing");
		return;
	}
	if ((revents & ~POLLOUT) == 0)
		return;
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		t.events->lost("the terminal has gone");
		return;
	}
	/* A key may end it all. */
	for (ssize_t i = 0; fd == t.tty && i < n && t.tty >= 0; i++)
		typed(bytes[i], i + 1 == n);
	if (fd != t.tty && fd == t.client && bytes[0] == 'W')
		measure();
	explicit_bzero(bytes, sizeof(bytes)); /* it may have been a PIN */
}

static void leave(void)
{
	static const char tidy[] =
		"\033[0m\033[2J\033[H\033[?7h\033[?2004l\033[?1049l\033[?25h";

	if (t.tty < 0)
		return;
	critical_watch(t.tty, 0);
	critical_watch(t.client, 0);
	(void)!write(t.tty, tidy, sizeof(tidy) - 1);
	(void)tcsetattr(t.tty, TCSANOW, &t.before);
	(void)fcntl(t.tty, F_SETFL, t.flags);
	(void)!write(t.client, "D", 1);
	close(t.tty);
	close(t.client);
	explicit_bzero(t.out, sizeof(t.out));
	explicit_bzero(&t.shown, sizeof(t.shown));
	t.tty = t.client = -1;
	t.out_len = t.out_sent = t.escape_len = 0;
	t.pasting = false;
}

const struct backend *terminal_open(int tty, int client, const struct backend_events *events)
{
	static const struct backend backend = {
		.name = "terminal", .show = show, .ready = ready, .busy = busy, .close = leave
	};
	struct termios raw;

	t.tty = tty;
	t.client = client;
	t.events = events;
	t.flags = fcntl(tty, F_GETFL);
	if (t.flags < 0 || (t.flags & O_ACCMODE) != O_RDWR || tcgetattr(tty, &t.before) < 0) {
		log_warn("what was attached is no terminal to read and write on");
		close(tty);
		close(client);
		t.tty = t.client = -1;
		return NULL;
	}
	raw = t.before;
	raw.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag |= CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	(void)tcsetattr(tty, TCSAFLUSH, &raw); /* what was typed before was not for us */
	(void)fcntl(tty, F_SETFL, t.flags | O_NONBLOCK);
	critical_watch(tty, POLLIN);
	critical_watch(client, POLLIN);
	/* Without line wrap nothing can scroll row 0 away, however small the terminal has become. */
	put_text("\033[?1049h\033[?2004h\033[?7l");
	measure();
	(void)flush(); /* if it takes nothing, ready() hears of it */
	return &backend;
}
