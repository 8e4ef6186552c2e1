/* SPDX-License-Identifier: ISC */
/*
 * The trusted display and payments, between a hostile show-and-pay, an authentication and a storage
 * that come and go, and a person who presses anything at any time. The input is a list of what they
 * do. The driver judges that nothing is confirmed without a PIN and no yes comes before that; here
 * it is judged that what is confirmed is what was asked, but for the note, and that it could be read.
 */
#include "test_display_driver.h"

#include "payment.h"
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEAD_MS 1000
#define TEXT                                                                                   \
	"Zwinger payment 1\nPayee: Bean and Leaf GmbH\nAccount: DE89370400440532013000\n"      \
	"Item: 2 x 4.50 = 9.00 Espresso\nItem: 1 x 4.49 = 4.49 Tea\nTotal: 13.49 EUR\n"        \
	"Reference: Order 4711\nNote: thank you\nNonce: 00112233445566778899aabbccddeeff\n"    \
	"From: DE02120300000000202051\nDate: 2026-11-29T14:55:01Z\nCount: 17\n"                \
	"Key: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct {
	struct payment asks;
	uint64_t id, since_ms;
	bool stands, closed; /* closed: show-and-pay's channel */
	unsigned confirmed;
} model;

/* After each step. */
static void check(void)
{
	struct payment p;

	if (driver.confirmed != model.confirmed) {
		model.confirmed = driver.confirmed;
		must(payment_parse(&p, driver.stored.text, driver.stored.len),
		     "confirms what is no payment");
		must(model.stands && driver.stored.id == model.id,
		     "confirms what does not stand");
		memcpy(p.note, model.asks.note, sizeof(p.note));
		must(memcmp(&p, &model.asks, sizeof(p)) == 0, "confirms another payment");
		must(driver.now_ms >= model.since_ms + 5 * DEAD_MS,
		     "confirms what was not read");
		must(driver.attached, "confirms what nobody sees");
	}
	if (driver.paid_count >= DRIVER_ANSWERS / 2)
		driver.paid_count = 0;
	if (driver.typed_count > DRIVER_TYPED / 2)
		driver.typed_count = 0;
}

static void ask(void)
{
	static uint64_t id;
	char text[] = TEXT;
	unsigned before = driver.paid_count;
	struct payment p;

	for (unsigned n = next8() % 4; n > 0; n--) {
		size_t at = (size_t)(next8() << 8 | next8()) % (sizeof(text) - 1);

		text[at] = (char)next8();
	}
	driver_pay(++id, text, sizeof(text) - 1);
	if (model.closed)
		return;
	for (unsigned i = before; i < driver.paid_count && i < DRIVER_ANSWERS; i++)
		if (driver.paid[i].id == id && driver.paid[i].type != PAYMENT_SHOWN)
			return;
	must(payment_parse(&p, text, sizeof(text) - 1), "takes what is no payment");
	model.asks = p;
	model.id = id;
	model.since_ms = driver.now_ms;
	model.stands = true;
}

static void say_raw(void)
{
	struct payment_message m = { .type = (next8() % 12) | CHAN_DECISION,
				     .id = model.id + next8() % 2 };

	if (next8() % 4 == 0)
		m.type &= ~(uint32_t)CHAN_DECISION;
	for (unsigned n = next8() % 4; n > 0; n--) {
		size_t at = next8() % sizeof(m);

		((uint8_t *)&m)[at] = next8();
	}
	if ((m.type & ~(uint32_t)CHAN_DECISION) == 2) /* asked by ask() alone */
		return;
	driver_payment(&m);
}

static void pages(void)
{
	unsigned n = next8();

	for (unsigned i = 0; i < n % 8; i++) {
		driver_wait(DEAD_MS + n);
		driver_press(GRID_KEY_PAGE_DOWN);
	}
	driver_wait(DEAD_MS + n);
	driver_press('4');
	driver_wait(100);
	driver_press('9');
	driver_wait(100);
	driver_press(GRID_KEY_ENTER);
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t keys[] = { '4',
					 '9',
					 '1',
					 'e',
					 'n',
					 'q',
					 'p',
					 ' ',
					 GRID_KEY_ENTER,
					 GRID_KEY_ESCAPE,
					 GRID_KEY_PAGE_DOWN,
					 GRID_KEY_PAGE_UP,
					 GRID_KEY_BACKSPACE };

	input = data;
	left = size;
	memset(&model, 0, sizeof(model));
	driver_open_to_pay(DRIVER_PHRASE, true);
	driver_attach(25, 80);
	while (left > 0) {
		unsigned how;

		switch (next8() % 16) {
		case 0:
			ask();
			break;
		case 1:
			say_raw();
			break;
		case 2:
		case 3:
			pages();
			break;
		case 4:
		case 5:
			driver_press(keys[next8() % (sizeof(keys) / sizeof(keys[0]))]);
			break;
		case 6:
			how = next8();
			driver_key(next8(), how & 7, (enum driver_press)((how >> 3) % 3));
			break;
		case 7:
			driver_wait(8u * next8());
			break;
		case 8:
			driver_wait(300u * next8());
			break;
		case 9:
		case 10:
			how = next8();
			driver_pin_says((enum pin_answer_type)((how % 8) | CHAN_DECISION),
					how >> 3);
			break;
		case 11:
			driver_digits("1234");
			break;
		case 12:
			how = next8();
			driver_payment_channel((how >> 1) % 3, (how & 1) != 0);
			if ((how >> 1) % 3 == 0)
				model.closed = (how & 1) == 0;
			break;
		case 13:
			how = next8();
			if ((how & 3) == 0)
				driver_leave();
			else if ((how & 3) == 1)
				driver_attach(24 + how % 30, 70 + how % 60);
			else if ((how & 3) == 2)
				driver_resize(20 + how % 30, 70 + how % 60);
			else
				driver.stuck = !driver.stuck;
			break;
		case 14:
			driver.storage_full = (next8() & 1) != 0;
			driver_room();
			break;
		default:
			driver_key(']', DRIVER_CTRL, DRIVER_PRESSED);
			break;
		}
		check();
	}
	return 0;
}
