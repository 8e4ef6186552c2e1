/* SPDX-License-Identifier: ISC */
/*
 * The terminal between a hostile guest and any display. The input is a list of bytes for the
 * console, keys, sizes, and a console that takes what waits or does not. The terminal must
 * survive, write no cell outside of its size, and let no more wait than it has room for.
 */
#include "terminal.h"
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNTOUCHED   0x12345678u
#define WAITING_MAX 16384

static struct grid grid;

static uint32_t next32(void)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v = v << 8 | next8();
	return v;
}

static void spoil_cells(void)
{
	for (unsigned r = 0; r < GRID_ROWS_MAX; r++)
		for (unsigned c = 0; c < GRID_COLUMNS_MAX; c++)
			atomic_store_explicit(&grid.cell[r][c], UNTOUCHED,
					      memory_order_relaxed);
}

/* Nothing lies beyond the largest size that it has had. */
static void check_cells(uint32_t rows, uint32_t columns)
{
	for (unsigned r = 0; r < GRID_ROWS_MAX; r++)
		for (unsigned c = r < rows ? columns : 0; c < GRID_COLUMNS_MAX; c++)
			must(atomic_load_explicit(&grid.cell[r][c], memory_order_relaxed) ==
				     UNTOUCHED,
			     "a cell outside of the screen");
}

/* True if the grid changed. */
static void check(bool told)
{
	static uint32_t before;
	uint32_t now = atomic_load(&grid.generation), rows = atomic_load(&grid.rows),
		 columns = atomic_load(&grid.columns), cursor = atomic_load(&grid.cursor);

	must(told == (now != before), "a change that is not told, or told in vain");
	before = now;
	must(rows >= TERMINAL_MIN && rows <= GRID_ROWS_MAX && columns >= TERMINAL_MIN &&
		     columns <= GRID_COLUMNS_MAX,
	     "a size that cannot be");
	must(cursor == UINT32_MAX || (cursor >> 16 < rows && (cursor & 0xffff) < columns),
	     "the cursor is outside of the screen");
}

static void feed(void)
{
	char bytes[256];
	size_t count = next8();

	for (size_t i = 0; i < count; i++)
		bytes[i] = (char)next8();
	terminal_feed(bytes, count);
}

/* A control sequence that is often one that libvterm knows; it is not instrumented. */
static void feed_sequence(void)
{
	static const char *const begins[] = { "\033[", "\033[?", "\033[>",  "\033[!", "\033",
					      "\033#", "\033(",	 "\033P$q", "\033]",  "" };
	static const char *const numbers[] = {
		"",	"0",	"1",	 "2",	       "5",	      "7",
		"25",	"79",	"80",	 "255",	       "999",	      "1049",
		"48:2", "38:5", "65535", "2147483646", "99999999999", "4294967295",
	};
	static const char *const texts[] = { "x",    "\xe4\xb8\xad", "\xcc\x81",
					     "\r\n", "\t",	     "\010" };
	char bytes[128];
	unsigned count = next8() % 5u;
	size_t n = (size_t)snprintf(bytes, sizeof(bytes), "%s%s", texts[next8() % 6u],
				    begins[next8() % 10u]);

	for (unsigned i = 0; i < count; i++)
		n += (size_t)snprintf(bytes + n, sizeof(bytes) - n, "%s%s", i > 0 ? ";" : "",
				      numbers[next8() % 18u]);
	bytes[n++] = (char)(' ' + next8() % 95u);
	terminal_feed(bytes, n);
}

static void obey(uint32_t type)
{
	const struct grid_input message = { .type = type,
					    .code = next32(),
					    .modifiers = next8() };

	terminal_obey(&message);
}

/* The guest reads its console. */
static void listen_to(void)
{
	static int console[2] = { -1, -1 };
	char bytes[WAITING_MAX + 1];
	size_t heard = 0;
	ssize_t n;

	if (console[0] < 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, console) < 0)
		abort();
	must(terminal_flush(console[0]), "a console that takes all");
	while ((n = recv(console[1], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		heard += (size_t)n;
	must(heard <= WAITING_MAX, "too much waited");
}

static void resize(uint32_t *rows, uint32_t *columns)
{
	const uint32_t r = 2 + next8() % 99u, c = 2 + next8() % 255u;
	const struct grid_input message = { .type = GRID_RESIZE, .code = r << 16 | c };

	terminal_obey(&message);
	*rows = r > *rows ? r : *rows;
	*columns = c > *columns ? c : *columns;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t rows, columns;

	input = data;
	left = size;
	rows = 2 + next8() % 40u;
	columns = 2 + next8() % 100u;
	spoil_cells();
	must(terminal_init(&grid, rows, columns), "a size that can be is refused");
	check(terminal_publish());
	while (left > 0) {
		switch (next8() % 10) {
		case 0:
			obey(GRID_KEY);
			break;
		case 1: {
			const struct grid_input key = { GRID_KEY,
							GRID_KEY_ENTER + next8() % 32u, next8(),
							0 };

			terminal_obey(&key);
			break;
		}
		case 2:
			resize(&rows, &columns);
			break;
		case 3:
			obey(next8() % 5 == GRID_RESIZE ? 0 : next8() % 2u);
			break;
		case 4:
			listen_to();
			break;
		case 5:
			check(terminal_publish());
			break;
		case 6:
			feed();
			break;
		default:
			feed_sequence();
		}
	}
	check(terminal_publish());
	check_cells(rows, columns);
	return 0;
}
