/* SPDX-License-Identifier: ISC */
/*
 * Every kind of screen as it was when somebody looked at it and found it good: test/golden/NAME.txt
 * has its glyphs and below them its styles. They change by `test_display_golden --write` only.
 */
#include "test_display_driver.h"

#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define FILE_SIZE (64u << 10)

static bool writing;

static void guest_prints(unsigned row, const char *text, unsigned colour)
{
	for (unsigned c = 0; text[c] != '\0'; c++)
		atomic_store(&driver.grid->cell[row][c],
			     (uint32_t)(unsigned char)text[c] | colour << 24);
}

static void guest_console(void)
{
	static const uint32_t odd[] = { 0x41f, 0xff10, 0x200b, 0x202e, 0x1b,
					0x7f,  0xe4,   0xdf,   0x2502 };

	atomic_store(&driver.grid->rows, 20); /* what is beyond means nothing */
	guest_prints(22, "outside", 7);
	atomic_store(&driver.grid->columns, 80);
	guest_prints(0, "Debian GNU/Linux 12 debian ttyS0", 7);
	guest_prints(2, "debian login: root", 7);
	guest_prints(3, "root@debian:~# ", 0x0a);
	for (unsigned i = 0; i < COUNT(odd); i++)
		atomic_store(&driver.grid->cell[5][i], odd[i] | 7u << 24);
	atomic_store(&driver.grid->cell[6][0], 0x6f22 | 7u << 24); /* a wide character */
	atomic_store(&driver.grid->cell[6][1], 'x' | GRID_WIDE_TAIL | 7u << 24);
	atomic_store(&driver.grid->cursor, 3 << 16 | 15);
	driver_ring();
	driver_wait(100);
}

static void question(const struct prompt_message *m)
{
	driver_say(0, m);
	driver_wait(1500);
}

static void dial(const char *number, enum number_class class, uint32_t per_minute,
		 uint32_t per_call)
{
	struct prompt_message m = driver_dial(1, number);

	m.number_class = (uint32_t) class;
	m.cents_per_minute = per_minute;
	m.cents_per_call = per_call;
	question(&m);
}

static void accept_from(const char *number, enum number_class class)
{
	struct prompt_message m = driver_dial(1, number);

	m.type = PROMPT_ACCEPT;
	m.number_class = (uint32_t) class;
	question(&m);
}

static void call(enum call_state state)
{
	struct prompt_message m = driver_call(state, "0301234567");

	driver_say(0, &m);
	driver_wait(65000);
}

static void menu(void)
{
	driver_key(']', DRIVER_CTRL, DRIVER_PRESSED);
	driver_wait(100);
}

static void dial_emergency(void)
{
	dial("112", NUMBER_EMERGENCY, 0, 0);
}

static void dial_short(void)
{
	dial("22833", NUMBER_SHORT, 0, 0);
}

static void dial_local(void)
{
	dial("1234567", NUMBER_LOCAL, 0, 0);
}

static void dial_national(void)
{
	dial("0301234567", NUMBER_NATIONAL, 0, 0);
}

static void dial_mobile(void)
{
	dial("01711234567", NUMBER_MOBILE, 9, 0);
}

static void dial_international(void)
{
	dial("+81312345678", NUMBER_INTERNATIONAL, 0, 0);
}

static void dial_longest(void)
{
	dial("+4912345678901234567890", NUMBER_INTERNATIONAL, 0, 0);
}

static void dial_free(void)
{
	dial("08001234567", NUMBER_FREE, 0, 0);
}

static void dial_premium(void)
{
	dial("0900123456", NUMBER_PREMIUM, 199, 0);
}

static void dial_premium_both(void)
{
	dial("0137123456", NUMBER_PREMIUM, 5, 100);
}

static void dial_premium_unknown(void)
{
	dial("0900123456", NUMBER_PREMIUM, 0, 0);
}

static void dial_unread(void)
{
	struct prompt_message m = driver_dial(1, "0301234567");

	driver_say(0, &m);
	driver_wait(100);
}

static void dial_typed(void)
{
	dial_national();
	driver_press('6');
	driver_wait(100);
}

static void dial_gone(void)
{
	dial_national();
	driver_press(GRID_KEY_ESCAPE);
	driver_wait(100);
}

static void accept_number(void)
{
	accept_from("0301234567", NUMBER_NATIONAL);
}

static void accept_unknown(void)
{
	accept_from("", 0);
}

static void call_dialling(void)
{
	guest_console();
	call(CALL_DIALLING);
}

static void call_ringing(void)
{
	guest_console();
	call(CALL_RINGING);
}

static void call_connected(void)
{
	guest_console();
	call(CALL_CONNECTED);
}

static void menu_call(void)
{
	call(CALL_CONNECTED);
	menu();
}

static void audit_stopped(void)
{
	guest_console();
	driver_audit(0, true);
	driver_wait(100);
}

static void held_back(void)
{
	guest_console();
	for (unsigned i = 0; i < 6; i++) {
		struct prompt_message m = driver_dial(i + 1, "0301");

		m.number[4] = (char)('0' + i);
		question(&m);
		driver_press(GRID_KEY_ESCAPE);
		driver_wait(1500);
	}
}

static void menu_held_back(void)
{
	held_back();
	menu();
}

static void too_small(void)
{
	driver_resize(20, 70);
	driver_wait(100);
}

#define PAY_HEAD                                                                               \
	"Zwinger payment 1\nPayee: Bean and Leaf GmbH\nAccount: DE89370400440532013000\n"
#define PAY_ITEMS                                                                              \
	"Item: 2 x 4.50 = 9.00 Espresso\nItem: 1 x 4.49 = 4.49 Tea (green)\n"                  \
	"Total: 13.49 EUR\n"
#define PAY_TAIL                                                                               \
	"From: DE02120300000000202051\nDate: 2026-11-29T14:55:01Z\nCount: 17\n"                \
	"Key: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define PAY_NONCE "Nonce: 00112233445566778899aabbccddeeff\n"
#define PAY_TEXT                                                                               \
	PAY_HEAD PAY_ITEMS "Reference: Order 4711\nNote: thank you\n" PAY_NONCE PAY_TAIL

/* Keys count, on the page of that number. */
static void pay_page(const char *text, unsigned page)
{
	driver_pay(1, text, strlen(text));
	driver_wait(1500);
	for (unsigned i = 0; i < page; i++) {
		driver_press(GRID_KEY_PAGE_DOWN);
		driver_wait(1500);
	}
}

static void pay_unread(void)
{
	driver_pay(1, PAY_TEXT, strlen(PAY_TEXT));
	driver_wait(100);
}

static void pay_whom(void)
{
	pay_page(PAY_TEXT, 0);
}

static void pay_no_note(void)
{
	pay_page(PAY_HEAD PAY_ITEMS "Reference: Order 4711\nNote: -\n" PAY_NONCE PAY_TAIL, 0);
}

static void pay_items(void)
{
	pay_page(PAY_TEXT, 1);
}

static void pay_particulars(void)
{
	pay_page(PAY_TEXT, 2);
}

static void pay_total(void)
{
	pay_page(PAY_TEXT, 3);
}

static void pay_typed(void)
{
	pay_total();
	driver_press('4');
	driver_wait(100);
}

#define ITEM "Item: 9999 x 50000.05 = 499950499.95 An item of all thirty-five signs: 3\n"
#define MANY ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM
#define LONGEST                                                                                              \
	"Zwinger payment 1\nPayee: A name of a payee that is as long as it may be, that is seventy signs.\n" \
	"Account: MT84MALT011000012345MTLCAST001S\n" MANY                                                    \
	"Total: 4999504999.50 EUR\nReference: A reference of thirty-five signs 35\n"                         \
	"Note: And a note that is as long as that.\n" PAY_NONCE PAY_TAIL

static void pay_whom_longest(void)
{
	pay_page(LONGEST, 0);
}

static void pay_items_longest(void)
{
	pay_page(LONGEST, 2);
}

static void pay_total_longest(void)
{
	pay_page(LONGEST, 4);
}

static void pay_edit(void)
{
	pay_whom();
	driver_press('e');
	driver_wait(1500);
}

static void pay_edit_wrong(void)
{
	pay_edit();
	driver_press(' ');
	driver_press(GRID_KEY_ENTER);
	driver_wait(100);
}

static void pay_asked(enum pin_answer_type type, uint32_t tries)
{
	pay_typed();
	driver_press('9');
	driver_wait(100);
	driver_press(GRID_KEY_ENTER);
	driver_wait(100);
	driver_pin_says(type, tries);
	driver_wait(1500);
}

static void pay_pin(void)
{
	pay_asked(PIN_IS_SET, 5);
}

static void pay_pin_unread(void)
{
	pay_typed();
	driver_press('9');
	driver_wait(100);
	driver_press(GRID_KEY_ENTER);
	driver_wait(100);
	driver_pin_says(PIN_IS_SET, 5);
	driver_wait(100);
}

static void pay_pin_typed(void)
{
	pay_pin();
	driver_press('1');
	driver_wait(100);
	driver_press('2');
	driver_wait(100);
}

static void pay_pin_short(void)
{
	pay_pin_typed();
	driver_press(GRID_KEY_ENTER);
	driver_wait(100);
}

static void pay_pin_wait(void)
{
	pay_pin();
	driver_digits("1234");
}

static void pay_pin_wrong(void)
{
	pay_pin_wait();
	driver_pin_says(PIN_WRONG, 1);
	driver_wait(1500);
}

static void pay_choose(void)
{
	pay_asked(PIN_UNSET, 5);
}

static void pay_repeat(void)
{
	pay_choose();
	driver_digits("1234");
	driver_wait(1500);
}

static void pay_differ(void)
{
	pay_repeat();
	driver_digits("1235");
	driver_wait(1500);
}

static void pay_pin_set(void)
{
	pay_repeat();
	driver_digits("1234");
	driver_pin_says(PIN_RIGHT, 5);
	driver_wait(1500);
}

static void pay_locked(void)
{
	pay_asked(PIN_LOCKED, 0);
}

static void pay_unable(void)
{
	pay_asked(PIN_UNABLE, 0);
}

static void pay_signing(void)
{
	pay_pin_wait();
	driver_pin_says(PIN_RIGHT, 5);
	driver_wait(100);
}

static void pay_result(uint32_t result, uint64_t ms)
{
	pay_signing();
	driver_pay_type(PAYMENT_RESULT, 1, result);
	driver_wait(ms);
}

static void pay_paid(void)
{
	pay_result(PAYMENT_PAID, 100);
}

static void pay_paid_seen(void)
{
	pay_result(PAYMENT_PAID, 2000);
}

static void pay_failed(void)
{
	pay_result(PAYMENT_FAILED, 2000);
}

static void pay_unknown(void)
{
	pay_signing();
	driver_wait(32000);
}

static void menu_pin(void)
{
	menu();
	driver_press('p');
	driver_pin_says(PIN_IS_SET, 5);
	driver_wait(100);
}

static void menu_pin_new(void)
{
	menu_pin();
	driver_digits("1234");
}

static void menu_pin_changed(void)
{
	menu_pin_new();
	driver_digits("5678");
	driver_digits("5678");
	driver_pin_says(PIN_RIGHT, 5);
	driver_wait(100);
}

static const struct {
	const char *name;
	void (*reach)(void);
	unsigned rows, columns;
	bool pays;
} screens[] = {
	{ "guest", guest_console, 25, 80, false },
	{ "dial_emergency", dial_emergency, 25, 80, false },
	{ "dial_short", dial_short, 25, 80, false },
	{ "dial_local", dial_local, 25, 80, false },
	{ "dial_national", dial_national, 25, 80, false },
	{ "dial_national_wide", dial_national, 40, 132, false },
	{ "dial_mobile", dial_mobile, 25, 80, false },
	{ "dial_international", dial_international, 25, 80, false },
	{ "dial_longest", dial_longest, 24, 80, false },
	{ "dial_free", dial_free, 25, 80, false },
	{ "dial_premium", dial_premium, 25, 80, false },
	{ "dial_premium_both", dial_premium_both, 25, 80, false },
	{ "dial_premium_unknown", dial_premium_unknown, 25, 80, false },
	{ "dial_unread", dial_unread, 25, 80, false },
	{ "dial_typed", dial_typed, 25, 80, false },
	{ "dial_gone", dial_gone, 25, 80, false },
	{ "accept", accept_number, 25, 80, false },
	{ "accept_unknown", accept_unknown, 25, 80, false },
	{ "call_dialling", call_dialling, 25, 80, false },
	{ "call_ringing", call_ringing, 25, 80, false },
	{ "call_connected", call_connected, 25, 80, false },
	{ "menu", menu, 25, 80, false },
	{ "menu_call", menu_call, 25, 80, false },
	{ "menu_held_back", menu_held_back, 25, 80, false },
	{ "audit_stopped", audit_stopped, 25, 80, false },
	{ "held_back", held_back, 25, 80, false },
	{ "too_small", too_small, 25, 80, false },
	{ "pay_unread", pay_unread, 25, 80, true },
	{ "pay_whom", pay_whom, 25, 80, true },
	{ "pay_no_note", pay_no_note, 25, 80, true },
	{ "pay_items", pay_items, 25, 80, true },
	{ "pay_particulars", pay_particulars, 25, 80, true },
	{ "pay_total", pay_total, 25, 80, true },
	{ "pay_typed", pay_typed, 25, 80, true },
	{ "pay_whom_longest", pay_whom_longest, 24, 80, true },
	{ "pay_items_longest", pay_items_longest, 24, 80, true },
	{ "pay_total_longest", pay_total_longest, 24, 80, true },
	{ "pay_edit", pay_edit, 25, 80, true },
	{ "pay_edit_wrong", pay_edit_wrong, 25, 80, true },
	{ "pay_pin", pay_pin, 25, 80, true },
	{ "pay_pin_unread", pay_pin_unread, 25, 80, true },
	{ "pay_pin_typed", pay_pin_typed, 25, 80, true },
	{ "pay_pin_short", pay_pin_short, 25, 80, true },
	{ "pay_pin_wait", pay_pin_wait, 25, 80, true },
	{ "pay_pin_wrong", pay_pin_wrong, 25, 80, true },
	{ "pay_choose", pay_choose, 25, 80, true },
	{ "pay_repeat", pay_repeat, 25, 80, true },
	{ "pay_differ", pay_differ, 25, 80, true },
	{ "pay_pin_set", pay_pin_set, 25, 80, true },
	{ "pay_locked", pay_locked, 25, 80, true },
	{ "pay_unable", pay_unable, 25, 80, true },
	{ "pay_signing", pay_signing, 25, 80, true },
	{ "pay_paid", pay_paid, 25, 80, true },
	{ "pay_paid_seen", pay_paid_seen, 25, 80, true },
	{ "pay_failed", pay_failed, 25, 80, true },
	{ "pay_unknown", pay_unknown, 25, 80, true },
	{ "menu_pin", menu_pin, 25, 80, true },
	{ "menu_pin_new", menu_pin_new, 25, 80, true },
	{ "menu_pin_changed", menu_pin_changed, 25, 80, true },
	{ "menu_to_pay", menu, 25, 80, true },
	{ "pay_total_wide", pay_total, 40, 132, true },
};

static size_t put_glyph(char *at, uint32_t c)
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
	at[0] = (char)(0xe0 | c >> 12);
	at[1] = (char)(0x80 | (c >> 6 & 0x3f));
	at[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static char style_letter(const struct screen_cell *c)
{
	static const char letters[STYLES] = {
		[STYLE_GUEST] = 'g',   [STYLE_STRIP] = 's',  [STYLE_STRIP_TRUSTED] = 'Z',
		[STYLE_LABEL] = '.',   [STYLE_STRONG] = 'S', [STYLE_VALUE] = 'V',
		[STYLE_WARNING] = 'W', [STYLE_DIM] = 'd'
	};

	if (c->style == STYLE_GUEST && c->colour != 7)
		return 'c';
	return letters[c->style];
}

/* Glyphs without blanks at the ends of rows; styles of every cell. */
static size_t print_screen(char *text)
{
	const struct screen *s = driver.shown;
	size_t len = 0, end;

	len += (size_t)sprintf(text, "%u rows, %u columns, cursor %d %d\n", s->rows, s->columns,
			       s->cursor_row, s->cursor_column);
	for (unsigned r = 0; r < s->rows; r++) {
		end = len;
		for (unsigned c = 0; c < s->columns; c++) {
			len += put_glyph(text + len, s->cell[r][c].glyph);
			end = s->cell[r][c].glyph != ' ' ? len : end;
		}
		len = end;
		text[len++] = '\n';
	}
	len += (size_t)sprintf(text + len, "styles\n");
	for (unsigned r = 0; r < s->rows; r++) {
		for (unsigned c = 0; c < s->columns; c++)
			text[len++] = style_letter(&s->cell[r][c]);
		text[len++] = '\n';
	}
	text[len] = '\0';
	return len;
}

static void one_screen(void **state)
{
	static char is[FILE_SIZE], was[FILE_SIZE];
	const unsigned i = *(const unsigned *)*state;
	char path[512];
	size_t len;
	FILE *f;

	if (screens[i].pays)
		driver_open_to_pay(DRIVER_PHRASE, true);
	else
		driver_open(DRIVER_PHRASE);
	driver_attach(screens[i].rows, screens[i].columns);
	screens[i].reach();
	len = print_screen(is);
	snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN, screens[i].name);
	f = fopen(path, writing ? "we" : "re");
	if (f == NULL)
		perror(path);
	assert_non_null(f);
	if (writing) {
		assert_int_equal(fwrite(is, 1, len, f), len);
		fclose(f);
		return;
	}
	was[fread(was, 1, sizeof(was) - 1, f)] = '\0';
	fclose(f);
	if (strcmp(is, was) != 0)
		printf("%s is not what it was:\n%s", screens[i].name, is);
	assert_true(strcmp(is, was) == 0);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[COUNT(screens)];
	static unsigned index[COUNT(screens)];

	writing = argc == 2 && strcmp(argv[1], "--write") == 0;
	for (unsigned i = 0; i < COUNT(screens); i++) {
		index[i] = i;
		tests[i] = (struct CMUnitTest){ screens[i].name, one_screen, NULL, NULL,
						&index[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
