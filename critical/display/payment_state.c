/* SPDX-License-Identifier: ISC */
#include "payment_state.h"

#include "bug.h"

#include <stdio.h>
#include <string.h>

/* The last two digits of the total as it is drawn; of one digit, that and a 0 before it. */
static void gesture(const struct payment *p, char keys[3])
{
	snprintf(keys, 3, "%02u", (unsigned)(p->total % 100));
}

bool payer_question(const struct payment_chunks *c, struct prompt_question *q)
{
	struct payment p;

	if (!payment_parse(&p, c->text, c->len))
		return false;
	*q = (struct prompt_question){ .id = c->id };
	snprintf(q->subject, sizeof(q->subject), "%s", p.account);
	gesture(&p, q->keys);
	return true;
}

void payer_begin(struct payer *p, const struct payment_chunks *c)
{
	payer_end(p);
	BUG_ON(!payment_parse(&p->payment, c->text, c->len));
	memcpy(p->text, c->text, c->len);
	p->len = c->len;
	p->id = c->id;
}

void payer_end(struct payer *p)
{
	pin_end(&p->pin);
	p->step = PAYER_READS;
	p->page = p->furthest = 0;
	p->sent = p->result = p->len = 0;
	p->seen = p->note_wrong = false;
	memset(&p->payment, 0, sizeof(p->payment));
}

/* To whom, for what, the particulars, the total. */
unsigned payer_pages(const struct payer *p)
{
	return 3 + (p->payment.item_count + PAYER_ITEMS - 1) / PAYER_ITEMS;
}

static enum payer_outcome of_pin(struct payer *p, struct prompt_state *prompt,
				 enum pin_outcome o, uint64_t now_ms)
{
	switch (o) {
	case PIN_GOES_ON:
		return PAYER_STANDS;
	case PIN_TURNS:
		prompt_renew(prompt, now_ms);
		return PAYER_TURNS;
	case PIN_DONE:
		pin_end(&p->pin);
		p->step = PAYER_CONFIRMS;
		p->sent = 0;
		p->due_ms = now_ms + PAYER_STORAGE_MS;
		return payer_room(p, now_ms);
	case PIN_CANCELLED:
		return PAYER_NO;
	case PIN_EXPIRED:
		return PAYER_TIMED_OUT;
	case PIN_LOCKED_OUT:
		return PAYER_LOCKED;
	case PIN_FAILED:
		break;
	}
	return PAYER_FAILED;
}

static enum payer_outcome last_page_key(struct payer *p, struct prompt_state *prompt,
					const struct key *k, uint64_t now_ms)
{
	switch (prompt_key(prompt, k, now_ms)) {
	case PROMPT_STANDS:
		return PAYER_STANDS;
	case PROMPT_YES:
		p->step = PAYER_PROVES;
		return of_pin(p, prompt, pin_begin(&p->pin, p->id, now_ms), now_ms);
	case PROMPT_NO:
		return PAYER_NO;
	case PROMPT_TIMED_OUT:
		break;
	}
	return PAYER_TIMED_OUT;
}

/* Where a key leads from here; -1: nowhere. */
static int other_page(const struct payer *p, uint32_t code)
{
	if (code == GRID_KEY_PAGE_DOWN || code == GRID_KEY_RIGHT || code == GRID_KEY_DOWN ||
	    code == ' ')
		return p->page + 1 < payer_pages(p) ? (int)p->page + 1 : -1;
	if (code == GRID_KEY_PAGE_UP || code == GRID_KEY_LEFT || code == GRID_KEY_UP ||
	    code == GRID_KEY_BACKSPACE)
		return (int)p->page - 1;
	return -1;
}

/* No page is left before it could be read: each time keys count later, prompt_presented(). */
static enum payer_outcome reading_key(struct payer *p, struct prompt_state *prompt,
				      const struct key *k, uint64_t now_ms)
{
	int to = other_page(p, k->code);

	if (!prompt_counts(prompt, k, now_ms))
		return PAYER_STANDS;
	if (now_ms >= prompt->due_ms)
		return PAYER_TIMED_OUT;
	if (to >= 0) {
		p->page = (unsigned)to;
		if (p->page > p->furthest) {
			p->furthest = p->page;
			prompt_renew(prompt, now_ms);
		}
		return PAYER_TURNS;
	}
	if (k->code == 'e') {
		p->step = PAYER_EDITS;
		p->note_wrong = false;
		memcpy(p->note, p->payment.note, sizeof(p->note));
		return PAYER_TURNS;
	}
	if (p->page + 1 == payer_pages(p))
		return last_page_key(p, prompt, k, now_ms);
	if (prompt_refuses(k))
		return PAYER_NO;
	prompt_presented(prompt, now_ms);
	return PAYER_STANDS;
}

/* The note as it stands there, if it may; then all of it is read anew. */
static enum payer_outcome take_note(struct payer *p, struct prompt_state *prompt,
				    uint64_t now_ms)
{
	struct payment changed = p->payment;

	memcpy(changed.note, p->note, sizeof(changed.note));
	p->note_wrong = payment_fault(&changed) != NULL;
	if (p->note_wrong)
		return PAYER_STANDS;
	p->payment = changed;
	p->len = (uint32_t)payment_format(&p->payment, p->text);
	p->step = PAYER_READS;
	p->page = p->furthest = 0;
	prompt_renew(prompt, now_ms);
	return PAYER_TURNS;
}

static bool note_character(uint32_t code)
{
	const char text[2] = { (char)code, '\0' };

	return code == ' ' || (code > ' ' && code < 0x7f && payment_text_valid(text, 1));
}

static enum payer_outcome editing_key(struct payer *p, struct prompt_state *prompt,
				      const struct key *k, uint64_t now_ms)
{
	size_t len = strlen(p->note);

	if (k->action == KEY_RELEASED || k->modifiers != 0 || now_ms < prompt->armed_ms)
		return PAYER_STANDS;
	if (now_ms >= prompt->due_ms)
		return PAYER_TIMED_OUT;
	if (k->code == GRID_KEY_ENTER)
		return take_note(p, prompt, now_ms);
	if (k->code == GRID_KEY_ESCAPE) {
		p->step = PAYER_READS;
		return PAYER_TURNS;
	}
	if (k->code == GRID_KEY_BACKSPACE && len > 0)
		p->note[len - 1] = '\0';
	else if (note_character(k->code) && len + 1 < sizeof(p->note)) {
		p->note[len] = (char)k->code;
		p->note[len + 1] = '\0';
	}
	p->note_wrong = false;
	return PAYER_STANDS;
}

enum payer_outcome payer_key(struct payer *p, struct prompt_state *prompt, const struct key *k,
			     uint64_t now_ms)
{
	bool pressed = k->action == KEY_PRESSED && now_ms >= prompt->armed_ms;

	switch (p->step) {
	case PAYER_READS:
		return reading_key(p, prompt, k, now_ms);
	case PAYER_EDITS:
		return editing_key(p, prompt, k, now_ms);
	case PAYER_PROVES:
		return pressed ? of_pin(p, prompt, pin_key(&p->pin, k, now_ms), now_ms)
			       : PAYER_STANDS;
	case PAYER_CONFIRMS:
		return pressed && k->code == GRID_KEY_ESCAPE ? PAYER_NO : PAYER_STANDS;
	case PAYER_WAITS:
		break;
	case PAYER_SEES:
		return pressed && p->seen ? PAYER_DONE : PAYER_STANDS;
	}
	return PAYER_STANDS;
}

enum payer_outcome payer_pin(struct payer *p, struct prompt_state *prompt,
			     const struct pin_answer *a, uint64_t now_ms)
{
	return p->step == PAYER_PROVES
		       ? of_pin(p, prompt, pin_answered(&p->pin, a, now_ms), now_ms)
		       : PAYER_STANDS;
}

enum payer_outcome payer_room(struct payer *p, uint64_t now_ms)
{
	const struct payment_message confirm = { .type = PAYMENT_CONFIRM,
						 .id = p->id,
						 .value = p->len };
	enum chan_status st = CHAN_OK;

	if (p->step != PAYER_CONFIRMS)
		return PAYER_STANDS;
	while (st == CHAN_OK && p->sent < p->len) {
		struct payment_message m;
		uint32_t next = payment_chunk(&m, p->id, p->text, p->len, p->sent);

		st = critical_send(p->to_storage, &m);
		if (st == CHAN_OK)
			p->sent = next;
	}
	if (st == CHAN_OK)
		st = critical_send(p->to_storage, &confirm);
	if (st == CHAN_AGAIN)
		return PAYER_STANDS;
	if (st == CHAN_BROKEN)
		return PAYER_FAILED;
	p->step = PAYER_WAITS;
	p->due_ms = now_ms + PAYER_RESULT_MS;
	return PAYER_YES;
}

bool payer_result(struct payer *p, uint32_t result)
{
	if (p->step != PAYER_WAITS && (p->step != PAYER_SEES || p->result != 0))
		return false;
	p->step = PAYER_SEES;
	p->result = result;
	p->seen = false;
	p->due_ms = UINT64_MAX;
	return true;
}

/* What is seen is on the screen, and has been for the dead time. */
static enum payer_outcome seeing_time(struct payer *p, const struct prompt_state *prompt,
				      uint64_t now_ms)
{
	if (!p->seen && now_ms >= prompt->armed_ms) {
		p->seen = true;
		p->due_ms = now_ms + PAYER_SEES_MS;
		return p->result != 0 ? PAYER_SEEN : PAYER_STANDS;
	}
	return p->seen && now_ms >= p->due_ms ? PAYER_DONE : PAYER_STANDS;
}

enum payer_outcome payer_time(struct payer *p, const struct prompt_state *prompt,
			      uint64_t now_ms)
{
	enum pin_outcome o;

	switch (p->step) {
	case PAYER_READS:
	case PAYER_EDITS:
		return now_ms >= prompt->due_ms ? PAYER_TIMED_OUT : PAYER_STANDS;
	case PAYER_PROVES:
		o = pin_time(&p->pin, now_ms);
		return o == PIN_FAILED				      ? PAYER_FAILED
		       : o == PIN_EXPIRED || now_ms >= prompt->due_ms ? PAYER_TIMED_OUT
								      : PAYER_STANDS;
	case PAYER_CONFIRMS:
		return now_ms >= p->due_ms ? PAYER_FAILED : PAYER_STANDS;
	case PAYER_WAITS:
		if (now_ms < p->due_ms)
			return PAYER_STANDS;
		(void)payer_result(p, 0);
		return PAYER_TURNS;
	case PAYER_SEES:
		return seeing_time(p, prompt, now_ms);
	}
	return PAYER_STANDS;
}
