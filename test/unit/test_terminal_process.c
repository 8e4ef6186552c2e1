/* SPDX-License-Identifier: ISC */
/* The untrusted terminal: what becomes of the guest's bytes and of keys, and the process as it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan_pages.h"
#include "critical.h"
#include "critical_settings.h"
#include "grid.h"
#include "terminal.h"

#define WAIT_MS	  20000 /* for what must come */
#define SLOTS	  16u
#define UNTOUCHED 0x12345678u /* in cells that the terminal has no business with */

static struct grid *grid;

/* A new terminal of that size; the grid is as some other left it. */
static void begin(uint32_t rows, uint32_t columns)
{
	if (grid == NULL)
		grid = calloc(1, sizeof(*grid));
	for (unsigned r = 0; r < GRID_ROWS_MAX; r++)
		for (unsigned c = 0; c < GRID_COLUMNS_MAX; c++)
			atomic_store(&grid->cell[r][c], UNTOUCHED);
	assert_true(terminal_init(grid, rows, columns));
}

static void feed(const char *text)
{
	terminal_feed(text, strlen(text));
	(void)terminal_publish();
}

static grid_cell cell(unsigned row, unsigned column)
{
	return atomic_load(&grid->cell[row][column]);
}

static void obey(uint32_t type, uint32_t code, uint32_t modifiers)
{
	const struct grid_input input = { .type = type, .code = code, .modifiers = modifiers };

	terminal_obey(&input);
	(void)terminal_publish();
}

/* What waits for the console, and then no longer. */
static size_t take(char *text, size_t size)
{
	int console[2];
	size_t count = 0;
	bool all;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, console), 0);
	do {
		ssize_t n;

		all = terminal_flush(console[0]);
		n = recv(console[1], text + count, size - 1 - count, MSG_DONTWAIT);
		count += n > 0 ? (size_t)n : 0;
	} while (!all);
	text[count] = '\0';
	close(console[0]);
	close(console[1]);
	return count;
}

static const char *waiting(void)
{
	static char text[32768];

	take(text, sizeof(text));
	return text;
}

#define LOOK(foreground, background)                                                           \
	((uint32_t)(foreground) << 24 | (uint32_t)(background) << 28)
#define PLAIN LOOK(7, 0)

static void test_cells(void **state)
{
	static const struct {
		const char *what, *bytes;
		unsigned row, column;
		grid_cell cell;
	} rows[] = {
		{ "text", "abc", 0, 1, PLAIN | 'b' },
		{ "nothing", "abc", 0, 3, PLAIN },
		{ "a new line", "a\r\nb", 1, 0, PLAIN | 'b' },
		{ "UTF-8", "\xc3\xa4", 0, 0, PLAIN | 0xe4 },
		{ "box drawing", "\xe2\x94\x80", 0, 0, PLAIN | 0x2500 },
		{ "not UTF-8", "\xff!", 0, 0, PLAIN | 0xfffd },
		{ "a combining mark is left out", "e\xcc\x81", 0, 0, PLAIN | 'e' },
		{ "wide", "\xe4\xb8\xad", 0, 0, PLAIN | 0x4e2d },
		{ "its second half", "\xe4\xb8\xad", 0, 1, PLAIN | GRID_WIDE_TAIL },
		{ "after it", "\xe4\xb8\xad!", 0, 2, PLAIN | '!' },
		{ "bold", "\033[1mx", 0, 0, PLAIN | GRID_BOLD | 'x' },
		{ "underlined", "\033[4mx", 0, 0, PLAIN | GRID_UNDERLINE | 'x' },
		{ "no longer", "\033[1;4m\033[mx", 0, 0, PLAIN | 'x' },
		{ "red", "\033[31mx", 0, 0, LOOK(1, 0) | 'x' },
		{ "bright green on blue", "\033[92;44mx", 0, 0, LOOK(10, 4) | 'x' },
		{ "default again", "\033[31;44;39;49mx", 0, 0, PLAIN | 'x' },
		{ "reverse", "\033[31;44;7mx", 0, 0, LOOK(4, 1) | 'x' },
		{ "one of 256", "\033[38;5;12mx", 0, 0, LOOK(12, 0) | 'x' },
		{ "nearest of 256", "\033[38;5;28mx", 0, 0, LOOK(2, 0) | 'x' },
		{ "nearest grey", "\033[38;5;238mx", 0, 0, LOOK(8, 0) | 'x' },
		{ "nearest of RGB", "\033[48;2;250;250;90mx", 0, 0, LOOK(7, 11) | 'x' },
		{ "nearest white", "\033[38;2;240;240;240mx", 0, 0, LOOK(15, 0) | 'x' },
		{ "the cursor moves", "\033[5;10Hx", 4, 9, PLAIN | 'x' },
		{ "it wraps", "\033[1;80Hxy", 1, 0, PLAIN | 'y' },
		{ "it scrolls", "\033[24;1Hx\r\n", 22, 0, PLAIN | 'x' },
		{ "repeated", "ab\033[3b", 0, 4, PLAIN | 'b' },
		{ "to the end of the line", "a\033[2147483646b", 0, 79, PLAIN | 'a' },
		{ "erased", "abc\033[2J", 0, 0, PLAIN },
		{ "the other screen", "abc\033[?1049h", 0, 0, PLAIN },
		{ "back from it", "abc\033[?1049hxyz\033[?1049l", 0, 0, PLAIN | 'a' },
		{ "16 parameters", "\033[;;;;;;;;;;;;;;;31mx", 0, 0, LOOK(1, 0) | 'x' },
		{ "17 are none", "\033[;;;;;;;;;;;;;;;;31mx", 0, 0, PLAIN | 'x' },
		{ "4 digits", "\033[0031mx", 0, 0, LOOK(1, 0) | 'x' },
		{ "5 are none", "\033[00031mx", 0, 0, PLAIN | 'x' },
		{ "a sequence too long",
		  "\033[0000;0000;0000;0000;0000;0000;0000;0000;0000;0000;0000;0000;0000;31mx",
		  0, 0, PLAIN | 'x' },
		{ "without width", "ab\302\200c", 0, 2, PLAIN | 'c' },
		{ "no end of a sequence", "\033[!2\xd1\xc3\xa4", 0, 0, PLAIN | 0xe4 },
		{ "no test pattern", "\033#8", 0, 0, PLAIN },
		{ "not repeated", "\xc3\xa4\033[3b", 0, 1, PLAIN },
		{ "cancelled", "\033[31\030mx", 0, 0, PLAIN | 'm' },
		{ "Latin-1", "f\xe4hig", 0, 1, PLAIN | 0xfffd },
		{ "after it", "f\xe4hig", 0, 2, PLAIN | 'h' },
		{ "line drawing", "\033(0q", 0, 0, PLAIN | 0x2500 },
		{ "a title is nothing", "\033]0;title\007x", 0, 0, PLAIN | 'x' },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(24, 80);
		feed(rows[i].bytes);
		if (cell(rows[i].row, rows[i].column) != rows[i].cell)
			fail_msg("%s: %08x, not %08x", rows[i].what,
				 cell(rows[i].row, rows[i].column), rows[i].cell);
	}
}

/* The same bytes one by one: it makes no difference where a read ends. */
static void test_cut_anywhere(void **state)
{
	static const char text[] = "\033]0;title\033\\a\033P$qm\033\\b\xe2\x94\x80"
				   "\033[31;44mc\033(0q\033(Bd\033[2be\033[1;20Hf";
	static const grid_cell row[] = {
		PLAIN | 'a',	  PLAIN | 'b',	       PLAIN | 0x2500,
		LOOK(1, 4) | 'c', LOOK(1, 4) | 0x2500, LOOK(1, 4) | 'd',
		LOOK(1, 4) | 'd', LOOK(1, 4) | 'd',    LOOK(1, 4) | 'e',
	};

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		begin(24, 80);
		if (cut == 0) {
			for (size_t i = 0; i + 1 < sizeof(text); i++)
				terminal_feed(&text[i], 1);
		} else {
			terminal_feed(text, cut);
			terminal_feed(text + cut, sizeof(text) - 1 - cut);
		}
		(void)terminal_publish();
		for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
			assert_int_equal(cell(0, i), row[i]);
		assert_int_equal(cell(0, 19), LOOK(1, 4) | 'f');
		assert_string_equal(waiting(), "");
	}
}

/* What libvterm 0.1.4 does not survive; what comes after it is drawn. */
static void test_attack_emulator(void **state)
{
	static const char *const rows[] = {
		"\033[b",
		"\033[2147483646b",
		"\xcc\x81\033[5b",
		"x\033[H\xcc\x81\033[5b",
		"\xc2\x80\xc2\x80\033H", /* a negative width, then a tab stop there */
		"\342\224AB",		 /* more code points than bytes */
		"\xe2\033[m\xe2\x94\033[m",
		"\033[!2\xd1\xd1",
		"\033[;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;m",
		"\033[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18m",
		"\033[99999999999999999999999999C",
		"\033]0;x",
		"\033]0;\033\\",
		"\033P\033\\\033P$q\033\\",
		"\033N\xe2\x94\x80",
		"\033#8\033#6\033 G\033%@",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned one_by_one = 0; one_by_one < 2; one_by_one++) {
			begin(24, 80);
			if (one_by_one)
				for (const char *c = rows[i]; *c != '\0'; c++)
					terminal_feed(c, 1);
			else
				terminal_feed(rows[i], strlen(rows[i]));
			feed("\030\033[5;5Hok");
			if (cell(4, 4) != (PLAIN | 'o') || cell(4, 5) != (PLAIN | 'k') ||
			    atomic_load(&grid->cursor) != (4u << 16 | 6))
				fail_msg("row %u", i);
		}
	}
}

static void test_cursor(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t cursor;
	} rows[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "\r\nab", 1u << 16 | 2 },
		{ "\033[999;999H", 23u << 16 | 79 },
		{ "ab\033[?25l", UINT32_MAX },
		{ "ab\033[?25l\033[?25h", 2 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(24, 80);
		feed(rows[i].bytes);
		assert_int_equal(atomic_load(&grid->cursor), rows[i].cursor);
	}
}

/* Only what changes is told, and all of it. */
static void test_generation(void **state)
{
	uint32_t before;

	(void)state;
	begin(24, 80);
	assert_true(terminal_publish());
	before = atomic_load(&grid->generation);
	assert_false(terminal_publish());
	terminal_feed("\007\033[m", 4);
	assert_false(terminal_publish());
	assert_int_equal(atomic_load(&grid->generation), before);
	terminal_feed("x", 1);
	assert_true(terminal_publish());
	assert_int_equal(atomic_load(&grid->generation), before + 1);
	terminal_feed("\033[H", 3); /* the cursor alone */
	assert_true(terminal_publish());
	terminal_feed("\033[?25l", 6);
	assert_true(terminal_publish());
	assert_int_equal(atomic_load(&grid->generation), before + 3);
}

static void test_keys(void **state)
{
	enum { SHIFT = 1, ALT = 2, CONTROL = 4 };
	static const struct {
		const char *mode; /* what the guest has said before */
		uint32_t code, modifiers;
		const char *bytes;
	} rows[] = {
		{ "", 'a', 0, "a" },
		{ "", 'A', SHIFT, "A" },
		{ "", 0xe4, 0, "\xc3\xa4" },
		{ "", 0x20ac, 0, "\xe2\x82\xac" },
		{ "", 0x1f600, 0, "\xf0\x9f\x98\x80" },
		{ "", 'a', ALT, "\033a" },
		{ "", 0x20ac, ALT, "\033\xe2\x82\xac" },
		{ "", 'c', CONTROL, "\003" },
		{ "", 'C', CONTROL | SHIFT, "\003" },
		{ "", 'i', CONTROL, "\t" },
		{ "", 'm', CONTROL, "\r" },
		{ "", '[', CONTROL, "\033" },
		{ "", '\\', CONTROL, "\034" },
		{ "", ']', CONTROL, "\035" },
		{ "", '_', CONTROL, "\037" },
		{ "", '/', CONTROL, "\037" },
		{ "", '?', CONTROL, "\177" },
		{ "", '1', CONTROL, "1" },
		{ "", 'c', CONTROL | ALT, "\033\003" },
		{ "", GRID_KEY_ENTER, 0, "\r" },
		{ "\033[20h", GRID_KEY_ENTER, 0, "\r\n" },
		{ "", GRID_KEY_TAB, 0, "\t" },
		{ "", GRID_KEY_TAB, SHIFT, "\033[Z" },
		{ "", GRID_KEY_BACKSPACE, 0, "\177" },
		{ "", GRID_KEY_ESCAPE, 0, "\033" },
		{ "", GRID_KEY_UP, 0, "\033[A" },
		{ "\033[?1h", GRID_KEY_UP, 0, "\033OA" },
		{ "", GRID_KEY_DOWN, CONTROL, "\033[1;5B" },
		{ "", GRID_KEY_RIGHT, 0, "\033[C" },
		{ "", GRID_KEY_LEFT, 0, "\033[D" },
		{ "", GRID_KEY_HOME, 0, "\033[H" },
		{ "", GRID_KEY_END, 0, "\033[F" },
		{ "", GRID_KEY_PAGE_UP, 0, "\033[5~" },
		{ "", GRID_KEY_PAGE_DOWN, 0, "\033[6~" },
		{ "", GRID_KEY_INSERT, 0, "\033[2~" },
		{ "", GRID_KEY_DELETE, 0, "\033[3~" },
		{ "", GRID_KEY_F1, 0, "\033OP" },
		{ "", GRID_KEY_F1 + 4, 0, "\033[15~" },
		{ "", GRID_KEY_F12, 0, "\033[24~" },
		{ "", GRID_KEY_F12, SHIFT, "\033[24;2~" },
		{ "", GRID_KEY_F12 + 1, 0, "" },
		{ "", GRID_KEY_ENTER - 1, 0, "" },
		{ "", 0x110000, 0, "" },
		{ "", UINT32_MAX, 0, "" },
		{ "", UINT32_MAX, UINT32_MAX, "" },
		{ "", 'a', ~7u, "a" }, /* modifiers that nobody knows */
	};
	const char *bytes;
	char text[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(24, 80);
		feed(rows[i].mode);
		obey(GRID_KEY, rows[i].code, rows[i].modifiers);
		bytes = waiting();
		if (strcmp(bytes, rows[i].bytes) != 0)
			fail_msg("row %u: %zu bytes, the first %d", i, strlen(bytes), bytes[0]);
	}
	begin(24, 80);
	obey(GRID_KEY, ' ', CONTROL);
	assert_int_equal(take(text, sizeof(text)), 1);
	assert_int_equal(text[0], 0);
	begin(24, 80);
	obey(0, 'a', 0);
	obey(3, 'a', 0);
	assert_string_equal(waiting(), "");
}

static void test_answers(void **state)
{
	(void)state;
	begin(24, 80);
	feed("\033[3;4H\033[6n");
	assert_string_equal(waiting(), "\033[3;4R");
	feed("\033[5n");
	assert_string_equal(waiting(), "\033[0n");
}

static void test_sizes(void **state)
{
	static const struct {
		uint32_t rows, columns;
		bool valid;
	} rows[] = {
		{ 24, 80, true },	 { 2, 2, true },     { 100, 256, true },
		{ 100, 2, true },	 { 2, 256, true },   { 1, 80, false },
		{ 24, 1, false },	 { 0, 80, false },   { 24, 0, false },
		{ 0, 0, false },	 { 101, 80, false }, { 24, 257, false },
		{ 65535, 65535, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(30, 90);
		assert_true(terminal_publish());
		obey(GRID_RESIZE, rows[i].rows << 16 | rows[i].columns, 0);
		assert_int_equal(atomic_load(&grid->rows), rows[i].valid ? rows[i].rows : 30);
		assert_int_equal(atomic_load(&grid->columns),
				 rows[i].valid ? rows[i].columns : 90);
		assert_int_equal(terminal_init(grid, rows[i].rows, rows[i].columns),
				 rows[i].valid);
	}
	assert_false(terminal_init(grid, 1u << 31, 80));
	assert_false(terminal_init(grid, 24, UINT32_MAX));
}

/* What is on the screen stays, what is beyond it is not touched. */
static void test_resize(void **state)
{
	(void)state;
	begin(24, 80);
	feed("abc");
	obey(GRID_RESIZE, 30u << 16 | 100, 0);
	assert_int_equal(cell(0, 2), PLAIN | 'c');
	assert_int_equal(cell(29, 99), PLAIN);
	assert_int_equal(cell(30, 0), UNTOUCHED);
	assert_int_equal(cell(0, 100), UNTOUCHED);
	feed("\033[30;100Hx");
	assert_int_equal(cell(29, 99), PLAIN | 'x');
	feed("\033[999B\033[999CX\033[1000@");
	assert_int_equal(cell(30, 0), UNTOUCHED);
	assert_int_equal(cell(0, 100), UNTOUCHED);
}

/* Whatever was outside of the new screen, the cursor is inside. */
static void test_resize_smaller(void **state)
{
	static const struct {
		const char *bytes, *then;
		uint32_t cursor;
	} rows[] = {
		{ "\033[40;1Hx\033[H", "", 0 },
		{ "\033[40;90H", "", 9u << 16 | 39 },
		{ "\033[40;90H\0337\033[H", "\0338", 0 },
		{ "\033[30;40r\033[?6h", "", 9u << 16 },
		{ "\033[30;40r", "\033[10;1H\n", 9u << 16 },
		{ "\033[?69h\033[60;80s", "\033[1;40Hx", 39 },
		{ "\033[40;90H\033[?1049h\033[H", "\033[?1049l", 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(50, 100);
		feed(rows[i].bytes);
		obey(GRID_RESIZE, 10u << 16 | 40, 0);
		feed(rows[i].then);
		if (atomic_load(&grid->cursor) != rows[i].cursor)
			fail_msg("row %u: %08x", i, atomic_load(&grid->cursor));
	}
}

/* Margins outside of the new screen are none: a line more at the end scrolls. */
static void test_resize_margins(void **state)
{
	static const char *const rows[] = { "", "\033[30;40r", "\033[?69h\033[60;80s",
					    "\033[30;40r\033[?6h" };

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(50, 100);
		feed(rows[i]);
		obey(GRID_RESIZE, 10u << 16 | 40, 0);
		feed("\033[2;1Hx\033[10;1H\n");
		assert_int_equal(cell(0, 0), PLAIN | 'x');
		assert_int_equal(cell(1, 0), PLAIN);
	}
}

/* Its memory is what it was, whatever the sizes were. Damage of a larger screen is not written. */
static void test_memory(void **state)
{
	static const uint32_t sizes[] = { 100u << 16 | 256, 2u << 16 | 2,   24u << 16 | 80,
					  2u << 16 | 256,   100u << 16 | 2, 25u << 16 | 132 };
	static const char text[] = "\033[?1049h\033[2Jx\xe4\xb8\xad\033[?1049lx\xe4\xb8\xad";

	(void)state;
	begin(24, 80);
	for (unsigned i = 0; i < 600; i++) {
		const struct grid_input resize = { GRID_RESIZE, sizes[i * 7 % 6], 0, 0 };

		terminal_feed(text, strlen(text));
		terminal_obey(&resize);
		if (i % 3 == 0)
			(void)terminal_publish();
	}
}

/* A guest that asks and does not listen: answers are lost, whole ones; keys are not. */
static void test_attack_C12_deaf_guest(void **state)
{
	const char *text, *answers;

	(void)state;
	begin(24, 80);
	for (unsigned i = 0; i < 10000; i++)
		terminal_feed("\033[6n", 4);
	obey(GRID_KEY, 'k', 0);
	for (unsigned i = 0; i < 10000; i++)
		obey(GRID_KEY, GRID_KEY_F12, 0);
	text = waiting();
	assert_true(strlen(text) > 16000 && strlen(text) <= 16384);
	answers = strchr(text, 'k');
	assert_non_null(answers);
	assert_int_equal((size_t)(answers - text) / strlen("\033[1;1R"), 8192 / 6);
	assert_int_equal((size_t)(answers - text) % strlen("\033[1;1R"), 0);
	assert_int_equal((strlen(answers) - 1) % strlen("\033[24~"), 0);
	assert_string_equal(text + strlen(text) - 5, "\033[24~");
	obey(GRID_KEY, 'a', 0);
	assert_string_equal(waiting(), "a");
}

/* The process. */

struct process {
	pid_t pid;
	int control, console, bell, log;
	struct chan_pages keys;
	struct chan_writer display;
	struct grid *grid;
	int grid_fd, grid_ro;
};

static struct process p;

/* Gives the child those descriptors and no others, from 0 on; -1: none. */
static _Noreturn void become(const int *fds, unsigned count)
{
	int high[32];

	for (unsigned i = 0; i < count; i++)
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, 100);
	for (unsigned i = 0; i < count; i++) {
		close((int)i);
		if (high[i] >= 0 && dup2(high[i], (int)i) < 0)
			_exit(99);
	}
	close_range(count, ~0u, 0);
	execl(TERMINAL, TERMINAL, (char *)NULL);
	_exit(99);
}

/* Starts it, as the launcher does; `change` may spoil its configuration. */
static void start(void (*change)(struct critical_config *))
{
	static struct critical_config config;
	struct chan_geometry g = { SLOTS, sizeof(struct grid_input) };
	const struct terminal_settings settings = { .rows = 24, .columns = 80 };
	int control[2], console[2], log[2];
	int null = open("/dev/null", O_RDWR);

	memset(&config, 0, sizeof(config));
	config.version = CRITICAL_CONFIG_VERSION;
	config.channel_count = 1;
	config.resource_count = 3;
	config.settings_size = sizeof(settings);
	strcpy(config.name, "terminal");
	strcpy(config.channel[0].name, "keys");
	strcpy(config.channel[0].from, "display");
	strcpy(config.channel[0].to, "terminal");
	config.channel[0].role = CHANNEL_READER;
	config.channel[0].geometry = g;
	memcpy(config.settings, &settings, sizeof(settings));
	if (change != NULL)
		change(&config);

	memset(&p, 0, sizeof(p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, console), 0);
	assert_int_equal(pipe(log), 0);
	assert_int_equal(fcntl(console[1], F_SETFL, O_NONBLOCK), 0);
	assert_true(chan_pages_create(&p.keys, g, false));
	assert_true(chan_memory_create("grid", sizeof(struct grid), &p.grid_fd, &p.grid_ro));
	p.bell = eventfd(0, EFD_NONBLOCK);
	p.pid = fork();
	if (p.pid == 0) {
		int fds[] = { null,
			      null,
			      log[1],
			      control[1],
			      chan_pages_fd(&p.keys, CHAN_READER, CHANNEL_DATA),
			      chan_pages_fd(&p.keys, CHAN_READER, CHANNEL_ACK),
			      chan_pages_fd(&p.keys, CHAN_READER, CHANNEL_LOG),
			      chan_pages_fd(&p.keys, CHAN_READER, CHANNEL_BELL),
			      chan_pages_fd(&p.keys, CHAN_READER, CHANNEL_RING),
			      p.grid_fd,
			      p.bell,
			      console[1] };

		become(fds, sizeof(fds) / sizeof(fds[0]));
	}
	close(control[1]);
	close(console[1]);
	close(log[1]);
	close(null);
	p.control = control[0];
	p.console = console[0];
	p.log = log[0];
	p.grid = mmap(NULL, sizeof(struct grid), PROT_READ, MAP_SHARED, p.grid_ro, 0);
	assert_ptr_not_equal(p.grid, MAP_FAILED);
	p.display = (struct chan_writer){ .geometry = g,
					  .bell = p.keys.bell[CHAN_WRITER],
					  .ring = p.keys.bell[CHAN_READER] };
	p.display.data = mmap(NULL, chan_page_bytes(g), PROT_READ | PROT_WRITE, MAP_SHARED,
			      p.keys.data, 0);
	p.display.ack = mmap(NULL, CHAN_ACK_BYTES, PROT_READ, MAP_SHARED, p.keys.ack_ro, 0);
	chan_writer_init(&p.display);
	assert_int_equal(send(p.control, &config, sizeof(config), MSG_NOSIGNAL),
			 sizeof(config));
}

/* Its end: how it was. */
static int end(void)
{
	int status;

	close(p.control);
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	munmap(p.grid, sizeof(struct grid));
	munmap(p.display.data, chan_page_bytes(p.display.geometry));
	close(p.console);
	close(p.log);
	close(p.bell);
	close(p.grid_fd);
	close(p.grid_ro);
	return status;
}

static void await(int fd)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&f, 1, WAIT_MS), 1);
}

/* Until the cell holds that code point; each look follows a ring. */
static void await_cell(unsigned row, unsigned column, uint32_t code)
{
	while (GRID_CODE_POINT(atomic_load(&p.grid->cell[row][column])) != code) {
		await(p.bell);
		chan_silence(p.bell);
	}
}

static void await_columns(uint32_t columns)
{
	while (atomic_load(&p.grid->columns) != columns) {
		await(p.bell);
		chan_silence(p.bell);
	}
}

static void press(uint32_t type, uint32_t code)
{
	const struct grid_input input = { .type = type, .code = code };

	while (chan_send(&p.display, &input) == CHAN_AGAIN) {
		await(p.keys.bell[CHAN_WRITER]);
		chan_silence(p.keys.bell[CHAN_WRITER]);
	}
}

static void say(const char *text)
{
	assert_int_equal(write(p.console, text, strlen(text)), strlen(text));
}

static void expect(const char *text)
{
	char heard[64];
	size_t n = 0;

	while (n < strlen(text)) {
		await(p.console);
		ssize_t more = read(p.console, heard + n, strlen(text) - n);

		assert_true(more > 0);
		n += (size_t)more;
	}
	assert_memory_equal(heard, text, n);
}

static void test_process(void **state)
{
	(void)state;
	start(NULL);
	await_columns(80);
	assert_int_equal(atomic_load(&p.grid->rows), 24);
	say("hello");
	await_cell(0, 4, 'o');
	press(GRID_KEY, 'l');
	press(GRID_KEY, 's');
	press(GRID_KEY, GRID_KEY_ENTER);
	expect("ls\r");
	press(GRID_RESIZE, 50u << 16 | 132);
	await_columns(132);
	say("\033[50;132H\033[6nx");
	expect("\033[50;132R");
	await_cell(49, 131, 'x');
	assert_int_equal(end(), 0);
}

/* A guest that floods and does not listen delays nobody but itself. */
static void test_attack_C12_flood(void **state)
{
	static char questions[64 << 10];
	char answers[4096];
	ssize_t n;

	(void)state;
	for (unsigned i = 0; i < sizeof(questions); i += 4)
		memcpy(questions + i, "\033[6n", 4);
	start(NULL);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(write(p.console, questions, sizeof(questions)),
				 sizeof(questions));
	}
	press(GRID_RESIZE, 30u << 16 | 100);
	await_columns(100);
	press(GRID_KEY, 'k');
	say("\033[1;1H.");
	await_cell(0, 0, '.'); /* it has read everything */
	do {
		await(p.console);
		n = read(p.console, answers, sizeof(answers));
		assert_true(n > 0);
	} while (memchr(answers, 'k', (size_t)n) == NULL);
	assert_int_equal(end(), 0);
}

/* Until it sleeps; one that spins never does. */
static void await_sleep(void)
{
	char path[64], text[512];
	const char *state = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p.pid);
	for (unsigned ms = 0; ms < WAIT_MS && state[0] != 'S'; ms++) {
		FILE *f = fopen(path, "re");

		state = fgets(text, sizeof(text), f) == NULL ? "" : strchr(text, ')') + 2;
		fclose(f);
		poll(NULL, 0, 1);
	}
	assert_int_equal(state[0], 'S');
}

/* The guest's end of the console goes away: the terminal stays. */
static void test_console_ends(void **state)
{
	(void)state;
	start(NULL);
	say("bye");
	await_cell(0, 2, 'e');
	shutdown(p.console, SHUT_RDWR);
	press(GRID_KEY, 'x');
	press(GRID_RESIZE, 30u << 16 | 100);
	await_columns(100);
	await_cell(0, 2, 'e');
	press(GRID_KEY, 'x');
	await_sleep();
	assert_int_equal(end(), 0);
}

static void test_keys_broken(void **state)
{
	(void)state;
	start(NULL);
	await_columns(80);
	/* A stamp that no message has: the channel is closed, the terminal stays. */
	atomic_store(&p.display.data->slot[0], 77);
	assert_int_equal(eventfd_write(p.keys.bell[CHAN_READER], 1), 0);
	say("x");
	await_cell(0, 0, 'x');
	assert_int_equal(end(), 0);
}

static void no_rows(struct critical_config *c)
{
	c->settings[0] = 0;
}

static void many_columns(struct critical_config *c)
{
	c->settings[5] = 2;
}

static void writer(struct critical_config *c)
{
	c->channel[0].role = CHANNEL_WRITER;
}

static void wide_messages(struct critical_config *c)
{
	c->channel[0].geometry.message_size = 24;
}

static void no_channel(struct critical_config *c)
{
	c->channel_count = 0;
}

static void no_console(struct critical_config *c)
{
	c->resource_count = 2;
}

static void test_refused(void **state)
{
	static const struct {
		const char *what;
		void (*change)(struct critical_config *);
	} rows[] = {
		{ "no rows", no_rows },	   { "too many columns", many_columns },
		{ "a writer", writer },	   { "other messages", wide_messages },
		{ "no keys", no_channel }, { "no console", no_console },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status;

		start(rows[i].change);
		await(p.log); /* it says why */
		status = end();
		if (!WIFEXITED(status) || WEXITSTATUS(status) != STATUS_NOT_STARTED)
			fail_msg("%s: status %x", rows[i].what, (unsigned)status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_attack_emulator),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_smaller),
		cmocka_unit_test(test_resize_margins),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_attack_C12_deaf_guest),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_attack_C12_flood),
		cmocka_unit_test(test_console_ends),
		cmocka_unit_test(test_keys_broken),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
