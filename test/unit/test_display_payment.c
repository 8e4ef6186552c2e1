/* SPDX-License-Identifier: ISC */
/* The trusted display and payments: what is read, what is typed, what becomes of both. */
#include "test_display_driver.h"

#include "payment_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define DEAD_MS	   1000
#define PIN	   "739146"
#define PAGES	   4
#define GUEST_OWNS "keyboard: linux (not trusted)"
#define HEAD                                                                                   \
	"Zwinger payment 1\nPayee: Bean and Leaf GmbH\nAccount: DE89370400440532013000\n"      \
	"Item: 2 x 4.50 = 9.00 Espresso\nItem: 1 x 4.49 = 4.49 Tea\nTotal: 13.49 EUR\n"        \
	"Reference: Order 4711\n"
#define TAIL                                                                                   \
	"Nonce: 00112233445566778899aabbccddeeff\nFrom: DE02120300000000202051\n"              \
	"Date: 2026-11-29T14:55:01Z\nCount: 17\n"                                              \
	"Key: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define TEXT HEAD "Note: thank you\n" TAIL

static int set_up(void **state)
{
	(void)state;
	driver_open_to_pay(DRIVER_PHRASE, true);
	driver_attach(25, 80);
	driver_wait(100);
	return 0;
}

static void pay(uint64_t id, const char *text)
{
	driver_pay(id, text, strlen(text));
	driver_wait(50);
}

static void arm(void)
{
	driver_wait(DEAD_MS + 100);
}

static void to_page(unsigned page)
{
	arm();
	for (unsigned i = 0; i < page; i++) {
		driver_press(GRID_KEY_PAGE_DOWN);
		arm();
	}
}

static void gesture(void)
{
	driver_press('4');
	driver_wait(200);
	driver_press('9');
	driver_wait(200);
	driver_press(GRID_KEY_ENTER);
	driver_wait(50);
}

/* The PIN is asked for, and keys count. */
static void to_pin(void)
{
	pay(1, TEXT);
	to_page(PAGES - 1);
	gesture();
	driver_pin_says(PIN_IS_SET, 5);
	arm();
}

static void to_yes(void)
{
	to_pin();
	driver_digits(PIN);
	driver_pin_says(PIN_RIGHT, 5);
}

static void menu(void)
{
	driver_key(']', DRIVER_CTRL, DRIVER_PRESSED);
	driver_wait(50);
}

static void test_payment(void **state)
{
	(void)state;
	pay(1, TEXT);
	assert_int_equal(driver_paid(), PAYMENT_SHOWN);
	assert_true(driver_row_shows(0, "asked by showpay"));
	assert_true(driver_shows("This is a real payment. Page 1 of 4."));
	to_page(PAGES - 1);
	assert_int_equal(driver.pins, 0);
	gesture();
	assert_int_equal(driver.pin.type, PIN_ASK);
	assert_true(driver_shows("Please wait."));
	driver_pin_says(PIN_IS_SET, 5);
	arm();
	assert_true(driver_shows("Enter your PIN to pay.") &&
		    driver_shows("5 tries are left."));
	driver_digits(PIN);
	assert_int_equal(driver.pin.type, PIN_TRY);
	assert_true(driver.pin.id == 1);
	assert_string_equal(driver.pin.pin, PIN);
	assert_string_equal(driver.pin_slot.pin, PIN);
	assert_int_equal(driver.confirmed, 0);
	driver_pin_says(PIN_RIGHT, 5);
	assert_int_equal(driver.pin_slot.type,
			 PIN_NOTHING); /* it stands in the channel no more */
	assert_int_equal(driver.confirmed, 1);
	assert_true(driver.stored.id == 1 && driver.stored.len == strlen(TEXT));
	assert_memory_equal(driver.stored.text, TEXT, strlen(TEXT));
	assert_int_equal(driver_paid(), PAYMENT_YES);
	driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
	driver_wait(100);
	assert_true(driver_shows("Paid: the payment is signed."));
	assert_int_equal(driver_paid(), PAYMENT_YES);
	arm();
	arm();
	assert_int_equal(driver_paid(), PAYMENT_SEEN);
	driver_press(' ');
	driver_wait(2000);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(driver.paid_count, 3);
}

/* attack_D11, attack_D12: no page is left before it was there to be read; keys held skip nothing. */
static void test_attack_D11_D12_I2_pages(void **state)
{
	for (unsigned page = 0; page + 1 < PAGES; page++) {
		set_up(state);
		pay(1, TEXT);
		to_page(page);
		driver_press('4');
		driver_wait(200);
		driver_press('9');
		driver_wait(200);
		driver_press(GRID_KEY_ENTER);
		assert_int_equal(driver.pins, 0);
		assert_int_not_equal(driver_paid(), PAYMENT_YES);
	}
	set_up(state);
	pay(1, TEXT);
	driver_key(GRID_KEY_PAGE_DOWN, 0, DRIVER_PRESSED);
	for (unsigned i = 0; i < 200; i++) { /* held: 5 s */
		driver_wait(25);
		driver_key(GRID_KEY_PAGE_DOWN, 0, DRIVER_REPEATED);
	}
	assert_true(driver_shows("Page 1 of 4"));
	driver_key(GRID_KEY_PAGE_DOWN, 0, DRIVER_RELEASED);
	for (unsigned i = 0; i < 200; i++) { /* a terminal knows no repeats */
		driver_wait(30);
		driver_press(GRID_KEY_PAGE_DOWN);
	}
	assert_true(driver_shows("Page 1 of 4"));
	arm();
	driver_press(GRID_KEY_PAGE_DOWN);
	driver_wait(50);
	assert_true(driver_shows("Page 2 of 4"));
	driver_press(GRID_KEY_PAGE_DOWN); /* too early for this one */
	driver_wait(DEAD_MS - 100);
	driver_press(GRID_KEY_PAGE_DOWN);
	driver_wait(50);
	assert_true(driver_shows("Page 2 of 4"));
	arm();
	driver.stuck = true; /* the third page does not get to the screen */
	driver_press(GRID_KEY_PAGE_DOWN);
	arm();
	driver_press(GRID_KEY_PAGE_DOWN);
	arm();
	driver.stuck = false;
	driver_wait(50);
	assert_true(driver_shows("Page 3 of 4"));
	arm();
	driver_press(GRID_KEY_PAGE_DOWN);
	arm();
	assert_true(driver_shows("Page 4 of 4"));
	driver_press(GRID_KEY_PAGE_UP);
	arm();
	assert_true(driver_shows("Page 3 of 4"));
}

/* What is on all pages of a text, as one picture; false: it is no payment. */
static struct screen picture[8];

static bool draw_pages(const char *text, size_t len)
{
	static struct payment_chunks c;
	static struct payer p;
	struct prompt_state prompt = { .armed_ms = UINT64_MAX };

	c.id = 1;
	c.len = (uint32_t)len;
	memcpy(c.text, text, len);
	if (!payer_question(&c, &prompt.asks))
		return false;
	payer_begin(&p, &c);
	for (unsigned i = 0; i < payer_pages(&p); i++) {
		picture[i].rows = 24;
		picture[i].columns = 80;
		p.page = i;
		assert_true(page_payment(&picture[i], &p, &prompt, "showpay", "", 0));
	}
	return true;
}

/* All glyphs in the style of values. */
static size_t values(char *out)
{
	size_t n = 0;

	for (unsigned i = 0; i < PAGES; i++)
		for (unsigned r = 0; r < 24; r++)
			for (unsigned c = 0; c < 80; c++) {
				const struct screen_cell *cell = &picture[i].cell[r][c];

				out[n++] = cell->style != STYLE_VALUE ? '\0'
					   : cell->glyph == BLOCK     ? '#'
								      : (char)cell->glyph;
			}
	return n;
}

/* attack_D22: whatever bit of the text is flipped, it is no payment, or a value looks different. */
static void test_attack_D22_D23_flip_any_bit(void **state)
{
	static char was[PAGES * 24 * 80], is[sizeof(was)];
	char text[] = TEXT;
	unsigned taken = 0;

	(void)state;
	assert_true(draw_pages(text, strlen(TEXT)));
	values(was);
	for (size_t bit = 0; bit < strlen(TEXT) * 8; bit++) {
		text[bit / 8] ^= (char)(1 << bit % 8);
		if (draw_pages(text, strlen(TEXT))) {
			values(is);
			if (memcmp(is, was, sizeof(is)) == 0)
				fail_msg("bit %zu changes nothing: %s", bit, text);
			taken++;
		}
		text[bit / 8] ^= (char)(1 << bit % 8);
	}
	printf("%u of %zu texts with a flipped bit are payments\n", taken, strlen(TEXT) * 8);
	assert_true(taken > 500);
}

static bool page_has(unsigned page, const char *value)
{
	size_t len = strlen(value);

	for (unsigned r = 0; r < 24; r++)
		for (unsigned c = 0; c + len <= 80; c++) {
			size_t n = 0;

			while (n < len &&
			       picture[page].cell[r][c + n].glyph ==
				       (uint32_t)(uint8_t)value[n] &&
			       picture[page].cell[r][c + n].style == STYLE_VALUE)
				n++;
			if (n == len)
				return true;
		}
	return false;
}

/* Every field as long as it may be is there, whole; one more, or a byte more of all, is refused. */
static void test_attack_D8_D9_P1_longest(void **state)
{
	static struct payment p;
	static char text[PAYMENT_TEXT_MAX + PAYMENT_CHUNK];
	size_t len;
	struct payment_message m;

	(void)state;
	assert_true(payment_parse(&p, TEXT, strlen(TEXT)));
	memset(p.payee, 'P', PAYMENT_NAME - 1);
	memset(p.reference, 'R', PAYMENT_SHORT - 1);
	memset(p.note, 'N', PAYMENT_SHORT - 1);
	strcpy(p.account, "MT84MALT011000012345MTLCAST001S");
	strcpy(p.from, "LC55HEMM000100010012001200023015"); /* Saint Lucia has the most */
	p.count = UINT64_MAX;
	p.item_count = PAYMENT_ITEMS;
	p.total = 0;
	for (unsigned i = 0; i < PAYMENT_ITEMS; i++) {
		p.item[i] = (struct payment_item){ .quantity = 9999, .price = 6250000 };
		memset(p.item[i].name, 'A' + (int)i, PAYMENT_SHORT - 1);
		p.total += p.item[i].quantity * p.item[i].price;
	}
	if (payment_fault(&p) != NULL)
		fail_msg("%s", payment_fault(&p));
	len = payment_format(&p, text);
	assert_true(draw_pages(text, len));
	assert_true(page_has(0, p.payee) && page_has(0, p.reference) && page_has(0, p.note));
	assert_true(page_has(0, "MT84 MALT 0110 0001 2345 MTLC AST0 01S"));
	assert_true(page_has(0, "LC55 HEMM 0001 0001 0012 0012 0002 3015"));
	for (unsigned i = 0; i < PAYMENT_ITEMS; i++) {
		assert_true(page_has(1 + i / PAYER_ITEMS, p.item[i].name));
		assert_true(page_has(1 + i / PAYER_ITEMS, "9999 x 62500.00 = 624937500.00"));
	}
	assert_true(page_has(3, "18446744073709551615") && page_has(3, p.nonce) &&
		    page_has(3, p.date));
	assert_true(page_has(4, p.payee));

	/* attack_D9: the chunk that ends where the room does, and one byte more. */
	set_up(state);
	memset(text, 'x', sizeof(text));
	for (uint32_t at = 0; at < PAYMENT_TEXT_MAX;) {
		at = payment_chunk(&m, 1, text, PAYMENT_TEXT_MAX, at);
		driver_payment(&m);
	}
	m = (struct payment_message){ .type = PAYMENT_TEXT,
				      .length = 1,
				      .id = 1,
				      .offset = PAYMENT_TEXT_MAX,
				      .bytes = "x" };
	driver_payment(&m);
	driver_pay_type(PAYMENT_ASK, 1, PAYMENT_TEXT_MAX + 1);
	assert_int_equal(driver_paid(), PAYMENT_INVALID);
}

/* Amounts as the currency has them, digit by digit, up to the largest. */
static void test_attack_D13_D14_D15_amounts(void **state)
{
	static const struct {
		const char *currency;
		uint64_t total;
		const char *amount, *keys;
	} rows[] = {
		{ "EUR", 1, "0.01", "01" },
		{ "EUR", 10, "0.10", "10" },
		{ "EUR", 100000, "1000.00", "00" },
		{ "EUR", 2147483648, "21474836.48", "48" },
		{ "EUR", 999999999999, "9999999999.99", "99" },
		{ "JPY", 5, "5", "05" },
		{ "JPY", 999999999999, "999999999999", "99" },
		{ "KWD", 1, "0.001", "01" },
		{ "KWD", 999999999999, "999999999.999", "99" },
	};
	static struct payment p;
	static struct screen wanted = { .rows = 24, .columns = 80 };
	static char text[PAYMENT_TEXT_MAX];
	char line[80];

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		assert_true(payment_parse(&p, TEXT, strlen(TEXT)));
		p.item_count = 1;
		p.item[0].quantity = 1;
		p.item[0].price = p.total = rows[i].total;
		strcpy(p.currency, rows[i].currency);
		assert_true(draw_pages(text, payment_format(&p, text)));
		snprintf(line, sizeof(line), "1 x %s = %s", rows[i].amount, rows[i].amount);
		assert_true(page_has(1, line));
		assert_true(page_has(3, rows[i].currency));
		draw_clear(&wanted);
		assert_true(draw_number(&wanted, 8, PAGE_LEFT, 11, rows[i].amount) > 0);
		for (unsigned r = 8; r < 19; r++)
			assert_memory_equal(wanted.cell[r], picture[3].cell[r],
					    80 * sizeof(wanted.cell[r][0]));
		snprintf(line, sizeof(line), "To pay, type %c %c and", rows[i].keys[0],
			 rows[i].keys[1]);
		set_up(&(void *){ NULL });
		driver_pay(1, text, payment_format(&p, text));
		driver_wait(50);
		to_page(3);
		assert_true(driver_shows(line));
	}
}

/* A value that says what the display says is still seen to be a value. */
static void test_attack_D16_D26_K14_labels(void **state)
{
	static const char *const payees[] = { "This is a real payment.", "Total: 0.01 EUR",
					      "To pay, type 0 1 and then Enter",
					      "ZWINGER keyboard: ZWINGER, asked by showpay" };
	static struct payment p;
	static char text[PAYMENT_TEXT_MAX];

	(void)state;
	for (unsigned i = 0; i < COUNT(payees); i++) {
		assert_true(payment_parse(&p, TEXT, strlen(TEXT)));
		snprintf(p.payee, sizeof(p.payee), "%s", payees[i]);
		assert_true(draw_pages(text, payment_format(&p, text)));
		assert_true(page_has(0, payees[i]) && page_has(3, payees[i]));
		for (unsigned page = 0; page < PAGES; page++)
			for (unsigned c = 0; c < 80; c++) {
				assert_int_not_equal(picture[page].cell[5][c].style,
						     STYLE_VALUE);
				assert_int_equal(picture[page].cell[0][c].glyph, ' ');
				for (unsigned r = 20; r < 24; r++)
					assert_int_not_equal(picture[page].cell[r][c].style,
							     STYLE_VALUE);
			}
	}
}

/* attack_K7, attack_D20, attack_D21: who pays whom, when, by which key; nothing is compared. */
static void test_attack_D20_D21_K5_K6_K7_all_is_said(void **state)
{
	(void)state;
	assert_true(draw_pages(TEXT, strlen(TEXT)));
	assert_true(page_has(0, "DE89 3704 0044 0532 0130 00") &&
		    page_has(0, "DE02 1203 0000 0000 2020 51") && page_has(0, "thank you"));
	assert_true(page_has(1, "Espresso") && page_has(1, "2 x 4.50 = 9.00") &&
		    page_has(1, "Tea") && page_has(1, "1 x 4.49 = 4.49"));
	assert_true(page_has(2, "2026-11-29T14:55:01Z") && page_has(2, "17") &&
		    page_has(2, "000102030405060708090a0b0c0d0e0f") &&
		    page_has(2, "101112131415161718191a1b1c1d1e1f"));
	set_up(state);
	pay(1, TEXT);
	to_page(2);
	assert_true(driver_shows("there is nothing to compare"));
}

/* attack_I8: another note makes another payment: it is read from the beginning, and it is signed. */
static void test_attack_I8_D22_note(void **state)
{
	static const char with[] = HEAD "Note: thank you, 2\n" TAIL;
	static const char without[] = HEAD "Note: -\n" TAIL;

	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		set_up(state);
		pay(1, TEXT);
		to_page(PAGES - 1);
		driver_press('4');
		driver_wait(200);
		driver_press('e');
		arm();
		assert_true(driver_shows("Which note") && driver_shows("thank you"));
		if (how == 0)
			for (const char *c = ", 2\xe4&\"_"; *c != '\0'; c++)
				driver_press((
					uint8_t)*c); /* what is no character of SEPA's is none */
		for (unsigned i = 0; how == 1 && i < 40; i++)
			driver_key(GRID_KEY_BACKSPACE, 0, DRIVER_REPEATED);
		driver_press(how == 2 ? GRID_KEY_ESCAPE : GRID_KEY_ENTER);
		driver_wait(50);
		assert_true(driver_shows(how == 2 ? "Page 4 of 4" : "Page 1 of 4"));
		to_page(how == 2 ? 0 : PAGES - 1);
		gesture();
		driver_pin_says(PIN_IS_SET, 5);
		arm();
		driver_digits(PIN);
		driver_pin_says(PIN_RIGHT, 5);
		assert_int_equal(driver.confirmed, 1);
		driver.stored.text[driver.stored.len] = '\0';
		assert_string_equal(driver.stored.text, how == 0   ? with
							: how == 1 ? without
								   : TEXT);
	}
	set_up(state);
	pay(1, TEXT);
	arm();
	driver_press('e');
	arm();
	for (unsigned i = 0; i < 60; i++)
		driver_press('x');
	driver_wait(50);
	assert_true(driver_shows("thank youxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	assert_false(driver_shows("thank youxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	driver_press(GRID_KEY_BACKSPACE);
	driver_press(' ');
	driver_press(GRID_KEY_ENTER); /* a blank at its end */
	driver_wait(50);
	assert_true(driver_shows("It must not begin or end with a blank"));
	assert_int_equal(driver.confirmed, 0);
}

static void lose_screen(void)
{
	driver_leave();
}

static void withdraw(void)
{
	driver_pay_type(PAYMENT_WITHDRAW, 1, 0);
}

static void close_showpay(void)
{
	driver_payment_channel(0, false);
}

static void close_auth(void)
{
	driver_payment_channel(1, false);
}

static void escape(void)
{
	driver_press(GRID_KEY_ESCAPE);
}

static void too_late(void)
{
	driver_wait(61000);
}

static void too_small(void)
{
	driver_resize(20, 70);
}

static void with_enter(void)
{
	driver_press(GRID_KEY_ENTER);
}

/* attack_P7, attack_I18: after whatever ends its entry, no digit of a PIN is left, nor was one seen. */
static void test_attack_I18_P7_wiped(void **state)
{
	static void (*const ends[])(
		void) = { lose_screen, withdraw, close_showpay, close_auth,
			  escape,      too_late, too_small,	with_enter };
	static struct screen one;

	for (unsigned i = 0; i < COUNT(ends); i++) {
		set_up(state);
		to_pin();
		for (const char *c = PIN; *c != '\0'; c++) {
			driver_press((uint32_t)*c);
			driver_wait(100);
		}
		assert_true(driver_remembers(PIN, strlen(PIN)));
		assert_true(driver_shows("[\xb7\xb7\xb7\xb7\xb7\xb7      ]"));
		ends[i]();
		assert_false(driver_remembers(PIN, strlen(PIN)));
		assert_int_equal(driver.confirmed, 0);
		assert_int_equal(driver.pins, ends[i] == with_enter ? 2 : 1);
	}
	/* Of two PINs of one length, the picture is the same. */
	for (unsigned i = 0; i < 2; i++) {
		set_up(state);
		to_pin();
		for (unsigned n = 0; n < 5; n++) {
			driver_press(i == 0 ? '1' : '7' + n % 2);
			driver_wait(100);
		}
		if (i == 0)
			one = *driver.shown;
		else
			assert_memory_equal(one.cell, driver.shown->cell, sizeof(one.cell));
	}
	assert_int_equal(driver.typed_count, 1); /* the size; no key got to the guest */
}

/* PINs that are too short, corrected, bounced, wrong; the last try. */
static void test_attack_K13_pin(void **state)
{
	(void)state;
	to_pin();
	driver_digits("123");
	assert_int_equal(driver.pins, 1);
	assert_true(driver_shows("A PIN has 4 to 12 digits."));
	driver_press('9');
	driver_wait(10);
	driver_press('9'); /* bounces */
	driver_wait(100);
	driver_press('8');
	driver_wait(100);
	driver_press('7');
	driver_wait(100);
	driver_press(GRID_KEY_BACKSPACE);
	driver_wait(100);
	driver_key('5', 0, DRIVER_REPEATED);
	driver_key('5', 0, DRIVER_RELEASED);
	driver_press('x');
	driver_digits("1234567890123"); /* no more than twelve */
	assert_int_equal(driver.pin.type, PIN_TRY);
	assert_string_equal(driver.pin.pin, "981234567890");
	assert_int_equal(driver.pin.new_pin[0], 0);
	driver_pin_says(PIN_WRONG, 1);
	arm();
	assert_true(driver_shows("That was wrong.") && driver_shows("One try is left."));
	driver_digits(PIN);
	driver_pin_says(PIN_WRONG, 0);
	driver_wait(50);
	assert_int_equal(driver_paid(), PAYMENT_LOCKED);
	assert_true(driver_shows("The PIN is locked"));
	assert_int_equal(driver.confirmed, 0);
	driver_pin_says(PIN_RIGHT, 5); /* a late one */
	assert_int_equal(driver.confirmed, 0);

	set_up(state);
	pay(1, TEXT);
	to_page(PAGES - 1);
	gesture();
	driver_pin_says(PIN_LOCKED, 0);
	assert_int_equal(driver_paid(), PAYMENT_LOCKED);
	set_up(state);
	pay(1, TEXT);
	to_page(PAGES - 1);
	gesture();
	driver_wait(11000); /* no answer */
	assert_int_equal(driver_paid(), PAYMENT_TIMEOUT);
	assert_true(driver_shows("The PIN cannot be checked now."));
	set_up(state);
	to_pin();
	driver_digits(PIN);
	driver.pin.id ^= 8; /* what belongs to no question of now */
	driver_pin_says(PIN_RIGHT, 5);
	assert_int_equal(driver_paid(), PAYMENT_SHOWN);
	for (unsigned type = 0; type < 8; type++) { /* what belongs to another question */
		set_up(state);
		to_pin();
		driver_digits(PIN);
		driver_pin_says((enum pin_answer_type)(type | CHAN_DECISION), 3);
		assert_int_equal(driver.confirmed, type == (PIN_RIGHT & 15));
		assert_int_equal(driver_paid(), type == (PIN_RIGHT & 15)    ? PAYMENT_YES
						: type == (PIN_WRONG & 15)  ? PAYMENT_SHOWN
						: type == (PIN_LOCKED & 15) ? PAYMENT_LOCKED
									    : PAYMENT_TIMEOUT);
	}
}

/* There is none yet: it is chosen, repeated, and then entered; to choose it pays nothing. */
static void test_attack_I19_enrolment(void **state)
{
	(void)state;
	pay(1, TEXT);
	to_page(PAGES - 1);
	gesture();
	driver_pin_says(PIN_UNSET, 5);
	arm();
	assert_true(driver_shows("There is no PIN yet.") && driver_shows(DRIVER_PHRASE));
	driver_digits("1234");
	arm();
	driver_digits("1235");
	arm();
	assert_true(driver_shows("The two were not the same."));
	assert_int_equal(driver.pins, 1);
	driver_digits(PIN);
	arm();
	assert_true(driver_shows("once more"));
	driver_digits(PIN);
	assert_int_equal(driver.pin.type, PIN_CHANGE);
	assert_string_equal(driver.pin.pin, "");
	assert_string_equal(driver.pin.new_pin, PIN);
	assert_string_equal(driver.pin_slot.new_pin, PIN);
	assert_false(driver_remembers(PIN, strlen(PIN)));
	driver_pin_says(PIN_RIGHT, 5);
	assert_int_equal(driver.confirmed, 0);
	arm();
	assert_true(driver_shows("Now enter it to pay."));
	driver_digits(PIN);
	assert_int_equal(driver.pin.type, PIN_TRY);
	driver_pin_says(PIN_RIGHT, 5);
	assert_int_equal(driver.confirmed, 1);
}

static void test_change_in_menu(void **state)
{
	(void)state;
	menu();
	assert_true(driver_shows("choose another PIN"));
	driver_press('p');
	driver_pin_says(PIN_IS_SET, 5);
	driver_wait(100);
	assert_true(driver_shows("Enter the PIN that you have."));
	driver_digits("1234");
	driver_digits(PIN);
	driver_digits(PIN);
	assert_int_equal(driver.pin.type, PIN_CHANGE);
	assert_string_equal(driver.pin.pin, "1234");
	assert_string_equal(driver.pin.new_pin, PIN);
	driver_pin_says(PIN_WRONG, 4);
	driver_wait(100);
	assert_true(driver_shows("That was wrong.") && driver_shows("4 tries are left."));
	driver_digits("4321");
	driver_digits(PIN);
	driver_digits(PIN);
	driver_pin_says(PIN_RIGHT, 5);
	driver_wait(100);
	assert_true(driver_shows("The PIN is changed."));
	driver_wait(7000);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(driver.paid_count, 0);

	/* A question comes, and all of it is forgotten. */
	for (unsigned how = 0; how < 4; how++) {
		struct prompt_message m = driver_dial(1, "0301234567");

		set_up(state);
		menu();
		driver_press('p');
		driver_pin_says(PIN_IS_SET, 5);
		for (const char *c = PIN; *c != '\0'; c++) {
			driver_press((uint32_t)*c);
			driver_wait(100);
		}
		assert_true(driver_remembers(PIN, strlen(PIN)));
		if (how == 0)
			pay(1, TEXT);
		else if (how == 1)
			driver_say(0, &m);
		else if (how == 2)
			driver_wait(61000);
		else
			driver_leave();
		assert_false(driver_remembers(PIN, strlen(PIN)));
		driver_wait(50);
		assert_int_equal(driver_row_shows(0, "asked by"), how < 2);
	}
}

/* attack_I15: one question at a time, of either kind; attack_I10: a no sticks. */
static void test_attack_I10_I15_S13_one_queue(void **state)
{
	struct prompt_message m = driver_dial(9, "0301234567");

	(void)state;
	pay(1, TEXT);
	driver_say(0, &m);
	assert_int_equal(driver_last(0), ANSWER_BUSY);
	pay(2, TEXT);
	assert_int_equal(driver_paid(), PAYMENT_BUSY);
	assert_true(driver.paid[driver.paid_count - 1].id == 2);
	arm();
	driver_press('n');
	assert_int_equal(driver_paid(), PAYMENT_NO);
	pay(3, TEXT);
	assert_int_equal(driver_paid(), PAYMENT_BACKOFF);
	driver_say(0, &m);
	driver_wait(50);
	assert_int_equal(driver_last(0), ANSWER_SHOWN);
	driver_wait(6000);
	pay(4, TEXT);
	assert_int_equal(driver_paid(), PAYMENT_BUSY);
	driver_press(GRID_KEY_ESCAPE);
	assert_int_equal(driver_last(0), ANSWER_NO);
	pay(5, TEXT);
	assert_int_equal(driver_paid(), PAYMENT_SHOWN);
	for (unsigned i = 0; i < 5; i++) { /* and after many a no, the person has to look */
		driver_wait(200000);
		driver_press('n');
		pay(6 + i, TEXT);
	}
	driver_wait(1000000);
	pay(20, TEXT);
	assert_int_equal(driver_paid(), PAYMENT_BACKOFF);
	assert_int_equal(driver.yes, 0);
}

/* attack_I7, attack_I13: whatever is not the whole way is a no. */
static void test_attack_I7_I13_S11_no(void **state)
{
	static const uint32_t nos[] = { GRID_KEY_ENTER, GRID_KEY_ESCAPE, 'n', 'N', 'q' };
	static void (*const ends[])(void) = { lose_screen, too_late, too_small };

	for (unsigned page = 0; page < PAGES; page++) {
		for (unsigned i = 0; i < COUNT(nos); i++) {
			set_up(state);
			pay(1, TEXT);
			to_page(page);
			driver_press(nos[i]);
			assert_int_equal(driver_paid(), PAYMENT_NO);
		}
		for (unsigned i = 0; i < COUNT(ends); i++) {
			set_up(state);
			pay(1, TEXT);
			to_page(page);
			ends[i]();
			driver_wait(50);
			assert_int_equal(driver_paid(), PAYMENT_TIMEOUT);
			assert_int_equal(driver.paid_count, 2);
		}
	}
	for (unsigned i = 0; i < COUNT(ends); i++) {
		set_up(state);
		to_pin();
		driver_digits(PIN);
		ends[i]();
		driver_pin_says(PIN_RIGHT, 5);
		assert_int_equal(driver.confirmed, 0);
		assert_int_equal(driver_paid(), PAYMENT_TIMEOUT);
	}
}

/* attack_K15: the result is seen when it was on the screen without a break, or nobody is there. */
static void test_attack_K15_S12_result(void **state)
{
	for (uint32_t result = PAYMENT_PAID; result <= PAYMENT_FAILED; result++) {
		set_up(state);
		to_yes();
		driver.stuck = true;
		driver_pay_type(PAYMENT_RESULT, 1, result);
		driver_wait(5000);
		assert_int_equal(driver_paid(), PAYMENT_YES); /* it is not there yet */
		driver.stuck = false;
		driver_wait(700);
		driver_resize(30, 90);
		driver_wait(700);
		assert_int_equal(driver_paid(), PAYMENT_YES); /* and now it looks different */
		driver_wait(600);
		assert_int_equal(driver_paid(), PAYMENT_SEEN);
		driver_wait(11000);
		assert_false(driver_shows("aid:"));
		assert_int_equal(driver.paid_count, 3);
	}
	set_up(state);
	to_yes();
	driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
	driver_wait(50);
	driver_jump(driver.now_ms + DEAD_MS + 100);
	driver_press(' '); /* before anybody looked at the clock: it is not read away */
	assert_int_equal(driver_paid(), PAYMENT_SEEN);
	assert_true(driver_shows("Paid:"));
	set_up(state);
	to_yes();
	driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
	driver_leave();
	assert_int_equal(driver_paid(), PAYMENT_SEEN);
	set_up(state);
	to_yes();
	driver_leave();
	assert_int_equal(driver_paid(), PAYMENT_YES);
	driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
	assert_int_equal(driver_paid(), PAYMENT_SEEN);

	/* None comes; or who would tell it is gone: then that is said. */
	for (unsigned how = 0; how < 3; how++) {
		set_up(state);
		to_yes();
		if (how == 0)
			driver_wait(31000);
		else if (how == 1)
			close_showpay();
		else
			withdraw();
		driver_wait(100);
		assert_true(driver_shows("It is not known whether it was paid."));
		driver_wait(12000);
		assert_int_equal(driver.paid_count, 2);
		driver_wait(2000);
		assert_true(driver_row_shows(0, GUEST_OWNS));
	}
	set_up(state);
	pay(1, TEXT); /* a result before its time takes the question away */
	driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
	driver_wait(100);
	assert_int_equal(driver_paid(), PAYMENT_SEEN);
	assert_false(driver_shows("Page"));
}

/* The storage takes the text slowly, or not at all: no yes before it has all of it. */
static void test_attack_C12_P10_storage(void **state)
{
	(void)state;
	to_pin();
	driver.storage_full = true;
	driver_digits(PIN);
	driver_pin_says(PIN_RIGHT, 5);
	driver_wait(1000);
	assert_int_equal(driver_paid(), PAYMENT_SHOWN);
	driver.storage_full = false;
	driver_room();
	assert_int_equal(driver_paid(), PAYMENT_YES);
	for (unsigned how = 0; how < 3; how++) {
		set_up(state);
		to_pin();
		driver.storage_full = true;
		driver_digits(PIN);
		driver_pin_says(PIN_RIGHT, 5);
		if (how == 0)
			driver_wait(11000);
		else if (how == 1)
			driver_payment_channel(2, false);
		else {
			arm();
			driver_press(GRID_KEY_ESCAPE);
		}
		assert_int_equal(driver_paid(), how == 2 ? PAYMENT_NO : PAYMENT_TIMEOUT);
		driver.storage_full = false;
		driver_payment_channel(2, true);
		driver_room();
		assert_int_equal(driver.confirmed, 0);
	}
}

/* attack_P5: every step, every message: what is answered, and whether it goes on. */
static void test_attack_P5_I9_I14_step_and_message(void **state)
{
	enum { READS, EDITS, PROVES, TRIES, WAITS, SEES, STEPS };
	enum {
		ASK,
		OTHER,
		WITHDRAW,
		ELSE_WITHDRAW,
		RESULT,
		ELSE_RESULT,
		CONFIRM,
		STRANGE,
		MESSAGES
	};
	/* .: nothing; B busy, I invalid, S seen; then whether payment 1 still stands. */
	static const char *const wanted[STEPS] = {
		[READS] = "B+I+. .+S S+I+I+",  [EDITS] = "B+I+. .+S S+I+I+",
		[PROVES] = "B+I+. .+S S+I+I+", [TRIES] = "B+I+. .+S S+I+I+",
		[WAITS] = "B+I+.+.+.+S+I+I+",  [SEES] = "B+I+.+.+S+S+I+I+",
	};

	for (unsigned step = READS; step < STEPS; step++)
		for (unsigned what = 0; what < MESSAGES; what++) {
			unsigned before;
			uint32_t last;
			char answered;

			set_up(state);
			if (step < PROVES) {
				pay(1, TEXT);
				arm();
				if (step == EDITS)
					driver_press('e');
			} else if (step < WAITS) {
				to_pin();
				if (step == TRIES)
					driver_digits(PIN);
			} else {
				to_yes();
				if (step == SEES)
					driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
			}
			driver_wait(50);
			before = driver.paid_count;
			if (what == ASK)
				driver_pay(2, TEXT, strlen(TEXT));
			else if (what == OTHER)
				driver_pay_type(PAYMENT_ASK, 2, 12);
			else if (what == WITHDRAW || what == ELSE_WITHDRAW)
				driver_pay_type(PAYMENT_WITHDRAW, what == WITHDRAW ? 1 : 2, 0);
			else if (what == RESULT || what == ELSE_RESULT)
				driver_pay_type(PAYMENT_RESULT, what == RESULT ? 1 : 2,
						PAYMENT_FAILED);
			else
				driver_pay_type(what == CONFIRM ? PAYMENT_CONFIRM
								: 77 | CHAN_DECISION,
						1, 0);
			last = driver.paid_count > before ? driver_paid() : 0;
			answered = last == 0		     ? '.'
				   : last == PAYMENT_BUSY    ? 'B'
				   : last == PAYMENT_INVALID ? 'I'
				   : last == PAYMENT_SEEN    ? 'S'
							     : '?';
			driver_wait(20);
			if (answered != wanted[step][2 * what] ||
			    driver_row_shows(0, "asked by") !=
				    (wanted[step][2 * what + 1] == '+'))
				fail_msg("step %u, message %u: %c", step, what, answered);
		}
}

/* Messages that break a rule, bit by bit, in front of a question. */
static void test_attack_D24_D25_C18_P9_messages(void **state)
{
	struct payment_message good, m;
	char text[] = TEXT;

	(void)state;
	payment_chunk(&good, 1, TEXT, strlen(TEXT), 0);
	for (unsigned bit = 0; bit <= 24 * 8; bit++) { /* of its head; and none at all */
		m = good;
		if (bit < 24 * 8)
			((uint8_t *)&m)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		set_up(state);
		driver_payment(&m);
		payment_chunk(&m, 1, TEXT, strlen(TEXT), PAYMENT_CHUNK);
		driver_payment(&m);
		driver_pay_type(PAYMENT_ASK, 1, strlen(TEXT));
		driver_wait(50);
		assert_int_equal(driver_paid(), bit < 24 * 8 ? PAYMENT_INVALID : PAYMENT_SHOWN);
	}
	for (unsigned i = 0; i < strlen(TEXT); i++) { /* no byte of it may be another kind */
		for (unsigned k = 0; k < 4; k++) {
			set_up(state);
			text[i] = "\n\0\x1b\xe4"[k];
			if (text[i] != TEXT[i]) {
				driver_pay(1, text, strlen(TEXT));
				assert_int_equal(driver_paid(), PAYMENT_INVALID);
			}
			text[i] = TEXT[i];
		}
	}
}

/* attack_S6: what comes while a payment is read changes nothing of it; attack_I12: nor does a yes last. */
static void test_attack_S6_I12_swapped(void **state)
{
	static const char other[] = HEAD "Note: thank you 2\n" TAIL;
	struct payment_message m;

	(void)state;
	pay(1, TEXT);
	to_page(PAGES - 1);
	for (uint64_t id = 1; id < 3; id++)
		for (uint32_t at = 0; at < sizeof(other) - 1;) {
			at = payment_chunk(&m, id, other, sizeof(other) - 1, at);
			driver_payment(&m);
		}
	gesture();
	driver_pin_says(PIN_IS_SET, 5);
	arm();
	driver_digits(PIN);
	driver_pin_says(PIN_RIGHT, 5);
	assert_int_equal(driver.confirmed, 1);
	assert_memory_equal(driver.stored.text, TEXT, strlen(TEXT));
	driver_pay_type(PAYMENT_RESULT, 1, PAYMENT_PAID);
	driver_wait(20000);
	driver_pay_type(PAYMENT_ASK, 2, sizeof(other) - 1);
	driver_wait(50);
	assert_int_equal(driver_paid(), PAYMENT_SHOWN);
	driver_pin_says(PIN_RIGHT, 5); /* nobody was asked */
	arm();
	gesture();
	assert_int_equal(driver.confirmed, 1);
	assert_int_equal(driver.pins, 2);
}

/* attack_C4: chunks by themselves: their order, their length, what is behind them. */
static void test_attack_C4_C18_chunks(void **state)
{
	static struct payment_chunks c;
	static char text[PAYMENT_TEXT_MAX];
	struct payment_message m, good, end = { .type = PAYMENT_ASK, .id = 1 };

	(void)state;
	memset(text, 'x', sizeof(text));
	for (uint32_t at = 0; at < sizeof(text);) {
		at = payment_chunk(&m, 1, text, sizeof(text), at);
		assert_true(payment_chunks_take(&c, &m));
	}
	end.value = sizeof(text);
	assert_true(payment_chunks_whole(&c, &end));
	end.value--;
	assert_false(payment_chunks_whole(&c, &end));
	m = (struct payment_message){
		.type = PAYMENT_TEXT, .length = 1, .id = 1, .offset = c.len, .bytes = "x"
	};
	assert_false(payment_chunks_take(&c, &m)); /* no room */
	assert_int_equal(c.len, 0);
	(void)!payment_chunk(&good, 1, text, 300, 0);
	(void)!payment_chunk(&m, 1, text, 300, PAYMENT_CHUNK);
	for (unsigned how = 0; how < 5; how++) {
		struct payment_message bad = m;

		assert_true(payment_chunks_take(&c, &good));
		bad.offset += how == 0 ? 1 : how == 1 ? UINT32_MAX : 0;
		bad.id += how == 2;
		bad.length = how == 3 ? PAYMENT_CHUNK + 1 : bad.length;
		bad.bytes[PAYMENT_CHUNK - 1] = how == 4;
		assert_false(payment_chunks_take(&c, &bad));
		end.value = c.len;
		assert_false(payment_chunks_whole(&c, &end));
	}
}

/* attack_C14: half a text of one show-and-pay is none of the next one's. */
static void test_attack_C14_new_show_and_pay(void **state)
{
	struct payment_message m;

	(void)state;
	(void)!payment_chunk(&m, 1, TEXT, strlen(TEXT), 0);
	driver_payment(&m);
	driver_payment_channel(0, false);
	driver_payment_channel(0, true);
	(void)!payment_chunk(&m, 1, TEXT, strlen(TEXT), PAYMENT_CHUNK);
	driver_payment(&m);
	driver_pay_type(PAYMENT_ASK, 1, strlen(TEXT));
	assert_int_equal(driver_paid(), PAYMENT_INVALID);
}

/* attack_S7: of a payment that has gone, no cell is left; attack_S3, attack_S9: all of it, or none. */
static void test_attack_S3_S7_S9_whole_or_none(void **state)
{
	for (unsigned page = 0; page < PAGES; page++) {
		set_up(state);
		pay(1, TEXT);
		to_page(page);
		driver_press('n');
		driver_wait(2000);
		assert_true(driver_row_shows(0, GUEST_OWNS));
		for (unsigned r = 1; r < 25; r++)
			for (unsigned c = 0; c < 80; c++)
				assert_int_equal(driver.shown->cell[r][c].glyph, ' ');
	}
	for (unsigned rows = 20; rows < 110; rows += rows < 30 ? 1 : 17)
		for (unsigned columns = 70; columns < 300; columns += columns < 85 ? 3 : 31) {
			bool room = rows >= 24 && columns >= 80;

			set_up(state);
			driver_resize(rows, columns);
			pay(1, TEXT);
			assert_int_equal(driver_shows("Page 1 of 4."), room);
			assert_int_equal(driver_shows("[Page Down]") ||
						 driver_shows("please read"),
					 room);
			assert_int_equal(driver_paid(), room ? PAYMENT_SHOWN : 0);
			to_page(PAGES - 1);
			gesture();
			assert_int_equal(driver.pins, room);
		}
}

/* Without show-and-pay nothing is different; and it alone is enough. */
static void test_alone(void **state)
{
	(void)state;
	driver_open(DRIVER_PHRASE);
	driver_attach(25, 80);
	menu();
	assert_false(driver_shows("PIN"));
	driver_press('p');
	assert_int_equal(driver.pins, 0);
	driver_open_to_pay("", false);
	driver_attach(24, 80);
	driver_wait(100);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	to_yes();
	assert_int_equal(driver.confirmed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_payment, set_up),
		cmocka_unit_test_setup(test_attack_D11_D12_I2_pages, set_up),
		cmocka_unit_test_setup(test_attack_D22_D23_flip_any_bit, set_up),
		cmocka_unit_test_setup(test_attack_D8_D9_P1_longest, set_up),
		cmocka_unit_test_setup(test_attack_D13_D14_D15_amounts, set_up),
		cmocka_unit_test_setup(test_attack_D16_D26_K14_labels, set_up),
		cmocka_unit_test_setup(test_attack_D20_D21_K5_K6_K7_all_is_said, set_up),
		cmocka_unit_test_setup(test_attack_I8_D22_note, set_up),
		cmocka_unit_test_setup(test_attack_I18_P7_wiped, set_up),
		cmocka_unit_test_setup(test_attack_K13_pin, set_up),
		cmocka_unit_test_setup(test_attack_I19_enrolment, set_up),
		cmocka_unit_test_setup(test_change_in_menu, set_up),
		cmocka_unit_test_setup(test_attack_I10_I15_S13_one_queue, set_up),
		cmocka_unit_test_setup(test_attack_I7_I13_S11_no, set_up),
		cmocka_unit_test_setup(test_attack_K15_S12_result, set_up),
		cmocka_unit_test_setup(test_attack_C12_P10_storage, set_up),
		cmocka_unit_test_setup(test_attack_P5_I9_I14_step_and_message, set_up),
		cmocka_unit_test_setup(test_attack_D24_D25_C18_P9_messages, set_up),
		cmocka_unit_test_setup(test_attack_S6_I12_swapped, set_up),
		cmocka_unit_test_setup(test_attack_C4_C18_chunks, set_up),
		cmocka_unit_test_setup(test_attack_C14_new_show_and_pay, set_up),
		cmocka_unit_test_setup(test_attack_S3_S7_S9_whole_or_none, set_up),
		cmocka_unit_test_setup(test_alone, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
