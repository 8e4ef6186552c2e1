/* SPDX-License-Identifier: ISC */
#include "payment_pin.h"

#include "prompt_state.h"

#include <string.h>

static void wipe_typed(struct pin_dialog *p)
{
	explicit_bzero(p->typed, sizeof(p->typed));
	p->count = 0;
}

static void wipe(struct pin_dialog *p)
{
	wipe_typed(p);
	explicit_bzero(p->old, sizeof(p->old));
	explicit_bzero(p->chosen, sizeof(p->chosen));
}

void pin_end(struct pin_dialog *p)
{
	wipe(p);
	p->step = PIN_OFF;
	p->waits_for = 0;
	p->last_code = 0;
}

static enum pin_outcome turn(struct pin_dialog *p, enum pin_step step, enum pin_remark remark,
			     uint64_t now_ms)
{
	p->step = step;
	p->remark = remark;
	p->due_ms = now_ms + (step == PIN_WAITING ? PIN_AUTH_MS : PIN_STEP_MS);
	return PIN_TURNS;
}

/* What goes out is forgotten here. */
static enum pin_outcome ask(struct pin_dialog *p, enum pin_type type, uint64_t now_ms)
{
	struct pin_message m = { .type = type, .id = p->payment };
	bool sent;

	if (type != PIN_TRY) {
		p->id += p->id == UINT64_MAX ? 2 : 1; /* 0 is none */
		m.id = p->id;
	}
	if (type == PIN_TRY)
		memcpy(m.pin, p->typed, sizeof(m.pin));
	if (type == PIN_CHANGE) {
		memcpy(m.pin, p->old, sizeof(m.pin));
		memcpy(m.new_pin, p->chosen, sizeof(m.new_pin));
	}
	wipe(p);
	p->waits_for = m.id;
	p->asked = type;
	sent = critical_send(p->to_auth, &m) == CHAN_OK;
	explicit_bzero(&m, sizeof(m));
	if (sent && type != PIN_ASK)
		p->written = p->waits_for;
	return sent ? turn(p, PIN_WAITING, PIN_SAYS_NOTHING, now_ms) : PIN_FAILED;
}

/* It was taken, so that there is room: over every slot, and the auditor's copies of them. */
void pin_overwrite(struct pin_dialog *p, const struct pin_answer *a)
{
	const struct pin_message nothing = { .type = PIN_NOTHING };

	if (a->id != p->written || p->written == 0)
		return;
	for (uint32_t i = 0; i < p->to_auth->config->geometry.slots; i++)
		if (critical_send(p->to_auth, &nothing) != CHAN_OK)
			return;
	p->written = 0;
}

enum pin_outcome pin_begin(struct pin_dialog *p, uint64_t payment, uint64_t now_ms)
{
	pin_end(p);
	p->payment = payment;
	p->tries = 0;
	return ask(p, PIN_ASK, now_ms);
}

/* Enter, and there are digits enough. */
static enum pin_outcome entered(struct pin_dialog *p, uint64_t now_ms)
{
	switch (p->step) {
	case PIN_ENTERING:
		if (p->payment != 0)
			return ask(p, PIN_TRY, now_ms);
		memcpy(p->old, p->typed, sizeof(p->old));
		wipe_typed(p);
		return turn(p, PIN_CHOOSING, PIN_SAYS_NOTHING, now_ms);
	case PIN_CHOOSING:
		memcpy(p->chosen, p->typed, sizeof(p->chosen));
		wipe_typed(p);
		return turn(p, PIN_REPEATING, PIN_SAYS_NOTHING, now_ms);
	case PIN_REPEATING:
		if (memcmp(p->chosen, p->typed, sizeof(p->chosen)) == 0)
			return ask(p, PIN_CHANGE, now_ms);
		wipe_typed(p);
		explicit_bzero(p->chosen, sizeof(p->chosen));
		return turn(p, PIN_CHOOSING, PIN_DIFFERED, now_ms);
	case PIN_OFF:
	case PIN_WAITING:
		break;
	}
	return PIN_GOES_ON;
}

/* A key that bounces, or that a terminal repeats while it is held. */
static bool again(struct pin_dialog *p, uint32_t code, uint64_t now_ms)
{
	bool is = code == p->last_code && now_ms - p->last_ms < PROMPT_PRESS_MS;

	p->last_code = code;
	p->last_ms = now_ms;
	return is;
}

enum pin_outcome pin_key(struct pin_dialog *p, const struct key *k, uint64_t now_ms)
{
	if (k->action != KEY_PRESSED || k->modifiers != 0 || again(p, k->code, now_ms))
		return PIN_GOES_ON;
	if (k->code == GRID_KEY_ESCAPE)
		return PIN_CANCELLED;
	if (p->step == PIN_OFF || p->step == PIN_WAITING)
		return PIN_GOES_ON;
	if (k->code >= '0' && k->code <= '9' && p->count < PIN_MAX)
		p->typed[p->count++] = (char)k->code;
	else if (k->code == GRID_KEY_BACKSPACE && p->count > 0)
		p->typed[--p->count] = '\0';
	if (k->code != GRID_KEY_ENTER)
		return PIN_GOES_ON;
	if (p->count >= PIN_MIN)
		return entered(p, now_ms);
	wipe_typed(p);
	p->remark = PIN_WAS_SHORT;
	return PIN_GOES_ON;
}

/* What came of it, whichever it was; false: nothing that belongs to the question. */
static bool belongs(const struct pin_dialog *p, enum pin_answer_type type)
{
	switch (type) {
	case PIN_IS_SET:
	case PIN_UNSET:
		return p->asked == PIN_ASK;
	case PIN_RIGHT:
	case PIN_WRONG:
		return p->asked == PIN_TRY || p->asked == PIN_CHANGE;
	case PIN_LOCKED:
		return true;
	case PIN_UNABLE:
		break;
	}
	return false;
}

enum pin_outcome pin_answered(struct pin_dialog *p, const struct pin_answer *a, uint64_t now_ms)
{
	if (p->step != PIN_WAITING || a->id != p->waits_for)
		return PIN_GOES_ON; /* late: nobody waits for it */
	p->waits_for = 0;
	p->tries = a->tries;
	if (a->padding[0] != 0 || a->padding[1] != 0 ||
	    !belongs(p, (enum pin_answer_type)a->type))
		return PIN_FAILED;
	switch ((enum pin_answer_type)a->type) {
	case PIN_IS_SET:
		return turn(p, PIN_ENTERING, PIN_SAYS_NOTHING, now_ms);
	case PIN_UNSET:
		return turn(p, PIN_CHOOSING, PIN_SAYS_NOTHING, now_ms);
	case PIN_RIGHT:
		/* A new one has to be entered to pay: to choose it is no confirmation. */
		return p->asked == PIN_CHANGE && p->payment != 0
			       ? turn(p, PIN_ENTERING, PIN_WAS_SET, now_ms)
			       : PIN_DONE;
	case PIN_WRONG:
		return p->tries > 0 ? turn(p, PIN_ENTERING, PIN_WAS_WRONG, now_ms)
				    : PIN_LOCKED_OUT;
	case PIN_LOCKED:
		return PIN_LOCKED_OUT;
	case PIN_UNABLE:
		break;
	}
	return PIN_FAILED;
}

enum pin_outcome pin_time(const struct pin_dialog *p, uint64_t now_ms)
{
	if (p->step == PIN_OFF || now_ms < p->due_ms)
		return PIN_GOES_ON;
	return p->step == PIN_WAITING ? PIN_FAILED : PIN_EXPIRED;
}
