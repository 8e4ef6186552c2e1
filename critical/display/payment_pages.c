/* SPDX-License-Identifier: ISC */
#include "payment_pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEFT	 PAGE_LEFT
#define VALUES	 16 /* where values begin, beside their labels */
#define FIRST	 7  /* row of what a page is about */
#define DIGITS	 8
#define KEYS_ROW 20 /* what the keys do: three rows */
#define ROWS	 23

static const char *const real = "This is a real payment.";

static void labelled(struct screen *s, unsigned row, const char *label, const char *value)
{
	draw_text(s, row, LEFT, STYLE_LABEL, label);
	draw_text(s, row, VALUES, STYLE_VALUE, value);
}

/* As on paper, in groups of four. */
static void iban_text(const char *iban, char text[PAYMENT_IBAN + 9])
{
	size_t n = 0;

	for (size_t i = 0; iban[i] != '\0'; i++) {
		if (i > 0 && i % 4 == 0)
			text[n++] = ' ';
		text[n++] = iban[i];
	}
	text[n] = '\0';
}

static void amount_text(const struct payment *p, char text[32])
{
	char amount[24];

	payment_amount(p->total, payment_exponent(p->currency), amount);
	snprintf(text, 32, "%s %s", amount, p->currency);
}

static void page_whom(struct screen *s, const struct payment *p)
{
	char iban[PAYMENT_IBAN + 9];

	draw_text(s, FIRST, LEFT, STYLE_LABEL, "To be paid");
	draw_text(s, FIRST + 1, LEFT + 2, STYLE_VALUE, p->payee);
	iban_text(p->account, iban);
	labelled(s, FIRST + 3, "on account", iban);
	labelled(s, FIRST + 5, "Reference", p->reference);
	draw_text(s, FIRST + 7, LEFT, STYLE_LABEL, "Note");
	if (p->note[0] != '\0')
		draw_text(s, FIRST + 7, VALUES, STYLE_VALUE, p->note);
	else
		draw_text(s, FIRST + 7, VALUES, STYLE_DIM, "(there is none)");
	iban_text(p->from, iban);
	labelled(s, FIRST + 9, "from yours", iban);
}

static void page_items(struct screen *s, const struct payment *p, unsigned first)
{
	int exponent = payment_exponent(p->currency);
	char price[24], sum[24], text[80];
	unsigned row = FIRST;

	snprintf(text, sizeof(text), "Items, of %" PRIu32 " in all:", p->item_count);
	draw_text(s, row++, LEFT, STYLE_LABEL, text);
	for (unsigned i = first; i < p->item_count && i < first + PAYER_ITEMS; i++) {
		const struct payment_item *item = &p->item[i];

		payment_amount(item->price, exponent, price);
		payment_amount(item->quantity * item->price, exponent, sum);
		snprintf(text, sizeof(text), "%" PRIu32 " x %s = %s", item->quantity, price,
			 sum);
		draw_text(s, ++row, LEFT, STYLE_VALUE, item->name);
		draw_text(s, row, LEFT + PAYMENT_SHORT, STYLE_VALUE, text);
	}
}

static void page_particulars(struct screen *s, const struct payment *p)
{
	char count[24], half[33];

	snprintf(count, sizeof(count), "%" PRIu64, p->count);
	labelled(s, FIRST, "Date", p->date);
	labelled(s, FIRST + 2, "Signature no.", "");
	draw_text(s, FIRST + 2, VALUES + 2, STYLE_VALUE, count);
	labelled(s, FIRST + 4, "Nonce", p->nonce);
	memcpy(half, p->key, 32);
	half[32] = '\0';
	labelled(s, FIRST + 6, "Key", half);
	draw_text(s, FIRST + 7, VALUES, STYLE_VALUE, p->key + 32);
	draw_text(s, FIRST + 9, LEFT, STYLE_DIM,
		  "These tell this payment from all others; there is "
		  "nothing to compare.");
}

static bool page_total(struct screen *s, const struct payment *p)
{
	char amount[24];
	unsigned rows;

	payment_amount(p->total, payment_exponent(p->currency), amount);
	labelled(s, FIRST, "In all", p->currency);
	rows = draw_number(s, DIGITS, LEFT, KEYS_ROW - 1 - DIGITS, amount);
	draw_text(s, KEYS_ROW - 1, LEFT, STYLE_LABEL, "to");
	draw_text(s, KEYS_ROW - 1, LEFT + 3, STYLE_VALUE, p->payee);
	return rows > 0;
}

static bool page_of(struct screen *s, const struct payer *p)
{
	unsigned pages = payer_pages(p);

	if (p->page == 0)
		page_whom(s, &p->payment);
	else if (p->page + 2 < pages)
		page_items(s, &p->payment, (p->page - 1) * PAYER_ITEMS);
	else if (p->page + 2 == pages)
		page_particulars(s, &p->payment);
	else
		return page_total(s, &p->payment);
	return true;
}

static bool page_reading(struct screen *s, const struct payer *p,
			 const struct prompt_state *prompt, uint64_t now_ms)
{
	bool last = p->page + 1 == payer_pages(p), armed = now_ms >= prompt->armed_ms;
	char text[96];

	snprintf(text, sizeof(text), "Shall this be paid? %s Page %u of %u.", real, p->page + 1,
		 payer_pages(p));
	draw_text(s, 5, LEFT, STYLE_STRONG, text);
	if (last)
		snprintf(
			text, sizeof(text),
			"To pay, type %c %c and then Enter (the last two digits). e: change the "
			"note.",
			prompt->asks.keys[0], prompt->asks.keys[1]);
	else
		snprintf(text, sizeof(text),
			 "Page Down: go on. Page Up: go back. e: change the note.");
	draw_text(s, KEYS_ROW, LEFT, STYLE_LABEL, text);
	page_left(s, KEYS_ROW + 1, prompt->due_ms, now_ms);
	if (last)
		page_gesture(s, KEYS_ROW + 2, prompt, "pay", now_ms);
	else
		draw_text(s, KEYS_ROW + 2, LEFT, armed ? STYLE_STRONG : STYLE_DIM,
			  armed ? "[Page Down]" : "please read first");
	return page_of(s, p);
}

static void page_editing(struct screen *s, const struct payer *p)
{
	unsigned len = (unsigned)strlen(p->note);

	draw_text(s, 5, LEFT, STYLE_STRONG, "Which note shall go with the payment?");
	for (unsigned c = 0; c < PAYMENT_SHORT - 1; c++)
		draw_text(s, FIRST, LEFT + c, STYLE_VALUE, " ");
	draw_text(s, FIRST, LEFT, STYLE_VALUE, p->note);
	s->cursor_row = FIRST;
	s->cursor_column = (int)(LEFT + len);
	draw_text(s, FIRST + 2, LEFT, STYLE_LABEL,
		  "Letters, digits, / - ? : ( ) . , ' + and single blanks; 35 characters.");
	if (p->note_wrong)
		draw_text(s, FIRST + 4, LEFT, STYLE_WARNING,
			  "It must not begin or end with a blank, or have two together.");
	draw_text(s, KEYS_ROW, LEFT, STYLE_LABEL,
		  "Enter: take it; then all of it is read anew. Nothing is paid yet.");
	draw_text(s, KEYS_ROW + 1, LEFT, STYLE_LABEL, "Esc: leave the note as it was.");
}

static const char *pin_question(const struct pin_dialog *p)
{
	switch (p->step) {
	case PIN_ENTERING:
		return p->payment != 0 ? "Enter your PIN to pay."
				       : "Enter the PIN that you have.";
	case PIN_CHOOSING:
		return p->payment != 0 ? "There is no PIN yet. Choose one: 4 to 12 digits."
				       : "Choose the new PIN: 4 to 12 digits.";
	case PIN_REPEATING:
		return "Enter the new PIN once more.";
	case PIN_OFF:
	case PIN_WAITING:
		break;
	}
	return "Please wait.";
}

/* Where digits are, is a dot; which, nobody sees. armed: keys count. */
static void pin_field(struct screen *s, const struct pin_dialog *p, bool armed)
{
	static const char *const remarks[] = {
		[PIN_SAYS_NOTHING] = "",
		[PIN_WAS_WRONG] = "That was wrong.",
		[PIN_DIFFERED] = "The two were not the same. Choose again.",
		[PIN_WAS_SHORT] = "A PIN has 4 to 12 digits.",
		[PIN_WAS_SET] = "The PIN is set. Now enter it to pay.",
	};
	char text[64];

	draw_text(s, 5, LEFT, STYLE_STRONG, pin_question(p));
	if (p->step == PIN_WAITING)
		return;
	memset(text, ' ', PIN_MAX + 2);
	text[0] = '[';
	memset(text + 1, 0xb7, p->count);
	text[PIN_MAX + 1] = ']';
	text[PIN_MAX + 2] = '\0';
	draw_text(s, FIRST, LEFT, armed ? STYLE_STRONG : STYLE_DIM,
		  armed ? text : "please read first");
	draw_text(s, FIRST + 2, LEFT, STYLE_WARNING, remarks[p->remark]);
	snprintf(text, sizeof(text),
		 p->tries == 1 ? "One try is left." : "%" PRIu32 " tries are left.", p->tries);
	if (p->step == PIN_ENTERING)
		draw_text(s, FIRST + 3, LEFT, STYLE_LABEL, text);
	draw_text(s, KEYS_ROW, LEFT, STYLE_LABEL,
		  "Enter: done. Backspace: take the last digit back. Esc: no.");
}

/* What it is about, while the person does something else than to read it. */
static void page_summary(struct screen *s, const struct payment *p)
{
	char text[32];

	amount_text(p, text);
	draw_text(s, FIRST + 5, LEFT, STYLE_LABEL, real);
	labelled(s, FIRST + 7, "In all", text);
	draw_text(s, FIRST + 8, LEFT, STYLE_LABEL, "to");
	draw_text(s, FIRST + 8, LEFT + 3, STYLE_VALUE, p->payee);
}

static void page_result(struct screen *s, const struct payer *p)
{
	if (p->result == PAYMENT_PAID)
		draw_text(s, 5, LEFT, STYLE_STRONG, "Paid: the payment is signed.");
	else if (p->result == PAYMENT_FAILED)
		draw_text(s, 5, LEFT, STYLE_WARNING, "Not paid: the payment was not signed.");
	else
		draw_text(
			s, 5, LEFT, STYLE_WARNING,
			"It is not known whether it was paid. Ask the shop before you try again.");
	draw_text(s, KEYS_ROW, LEFT, p->seen ? STYLE_STRONG : STYLE_DIM,
		  p->seen ? "Any key: go on." : "please read first");
}

bool page_payment(struct screen *s, const struct payer *p, const struct prompt_state *prompt,
		  const char *asker, const char *phrase, uint64_t now_ms)
{
	if (s->rows < ROWS || s->columns < SCREEN_COLUMNS_MIN)
		return false;
	page_head(s, asker, phrase);
	switch (p->step) {
	case PAYER_READS:
		return page_reading(s, p, prompt, now_ms);
	case PAYER_EDITS:
		page_editing(s, p);
		return true;
	case PAYER_PROVES:
		pin_field(s, &p->pin, now_ms >= prompt->armed_ms);
		break;
	case PAYER_CONFIRMS:
	case PAYER_WAITS:
		draw_text(s, 5, LEFT, STYLE_STRONG, "Please wait: it is signed now.");
		break;
	case PAYER_SEES:
		page_result(s, p);
		break;
	}
	page_summary(s, &p->payment);
	return true;
}

void page_pin(struct screen *s, const struct pin_dialog *p, const char *phrase)
{
	char text[128];

	draw_clear(s);
	draw_text(s, 2, LEFT, STYLE_STRONG, "Zwinger: the PIN for payments");
	if (phrase[0] != '\0') {
		snprintf(text, sizeof(text), "your phrase: %s", phrase);
		draw_text(s, 3, LEFT, STYLE_DIM, text);
	}
	pin_field(s, p, true);
}
