/* SPDX-License-Identifier: ISC */
#include "prompt_state.h"

#include <string.h>

#define CENTS_MAX 999999

static bool number_valid(const char number[PROMPT_NUMBER])
{
	size_t len = number[0] == '+' ? 1 : 0, digits = len;

	while (len < PROMPT_NUMBER && number[len] >= '0' && number[len] <= '9')
		len++;
	for (size_t i = len; i < PROMPT_NUMBER; i++)
		if (number[i] != '\0')
			return false;
	return len < PROMPT_NUMBER && (number[0] == '\0' || len > digits);
}

static bool zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

bool prompt_valid(const struct prompt_message *m)
{
	bool cost = m->cents_per_minute != 0 || m->cents_per_call != 0;
	bool number = m->number[0] != '\0';

	if (!number_valid(m->number) || m->reserved != 0 ||
	    !zero(m->padding, sizeof(m->padding)) || m->cents_per_minute > CENTS_MAX ||
	    m->cents_per_call > CENTS_MAX ||
	    (number ? m->number_class < NUMBER_EMERGENCY || m->number_class > NUMBER_PREMIUM
		    : m->number_class != 0 || cost))
		return false;
	switch ((enum prompt_type)m->type) {
	case PROMPT_DIAL:
		return m->id != 0 && strlen(m->number) >= 2 && m->call_state == CALL_NONE;
	case PROMPT_ACCEPT:
	case PROMPT_WITHDRAW:
		return m->id != 0 && m->call_state == CALL_NONE;
	case PROMPT_CALL:
		return m->id == 0 && m->call_state <= CALL_CONNECTED;
	}
	return false;
}

struct prompt_question prompt_question(const struct prompt_message *m)
{
	struct prompt_question q = { .id = m->id };
	size_t len = strlen(m->number);

	memcpy(q.subject, m->number, sizeof(m->number));
	/* Of a call without a number: a word instead. */
	memcpy(q.keys, len >= 2 ? m->number + len - 2 : "ok", 2);
	return q;
}

enum answer_type prompt_ask(struct prompt_state *p, struct prompt_asker *a, unsigned index,
			    const struct prompt_question *q, uint64_t now_ms)
{
	if (p->stands)
		return ANSWER_BUSY;
	if (a->nos >= PROMPT_NOS_MAX)
		return ANSWER_BACKOFF;
	for (unsigned i = 0; i < PROMPT_BACKOFFS; i++)
		if (memcmp(a->backoff[i].subject, q->subject, PROMPT_SUBJECT) == 0 &&
		    now_ms < a->backoff[i].until_ms)
			return ANSWER_BACKOFF;
	p->stands = true;
	p->shown = false;
	p->asker = index;
	p->asks = *q;
	p->typed = 0;
	p->armed_ms = UINT64_MAX;
	prompt_renew(p, now_ms);
	return 0;
}

void prompt_renew(struct prompt_state *p, uint64_t now_ms)
{
	p->due_ms = now_ms + (p->timeout_ms != 0 ? p->timeout_ms : PROMPT_TIMEOUT_MS);
}

static void rearm(struct prompt_state *p, uint64_t now_ms)
{
	p->typed = 0;
	p->armed_ms = now_ms + (p->dead_ms != 0 ? p->dead_ms : PROMPT_DEAD_MS);
}

void prompt_presented(struct prompt_state *p, uint64_t now_ms)
{
	rearm(p, now_ms);
}

void prompt_hidden(struct prompt_state *p)
{
	p->typed = 0;
	p->armed_ms = UINT64_MAX;
}

enum prompt_outcome prompt_time(struct prompt_state *p, uint64_t now_ms)
{
	return p->stands && now_ms >= p->due_ms ? PROMPT_TIMED_OUT : PROMPT_STANDS;
}

bool prompt_counts(struct prompt_state *p, const struct key *k, uint64_t now_ms)
{
	if (k->action == KEY_RELEASED || p->armed_ms == UINT64_MAX)
		return false;
	/* Too early, or a key held down: whoever presses it has not read yet. */
	if (now_ms < p->armed_ms || k->action == KEY_REPEATED || k->modifiers != 0) {
		rearm(p, now_ms);
		return false;
	}
	return true;
}

bool prompt_refuses(const struct key *k)
{
	return k->code == GRID_KEY_ENTER || k->code == GRID_KEY_ESCAPE || k->code == 'n' ||
	       k->code == 'N' || k->code == 'q';
}

enum prompt_outcome prompt_key(struct prompt_state *p, const struct key *k, uint64_t now_ms)
{
	if (!prompt_counts(p, k, now_ms))
		return PROMPT_STANDS;
	if (now_ms >= p->due_ms)
		return PROMPT_TIMED_OUT;
	if (p->typed > 0 && (now_ms - p->last_ms < PROMPT_PRESS_MS ||
			     now_ms - p->first_ms > PROMPT_GESTURE_MS)) {
		rearm(p, now_ms);
		return PROMPT_STANDS;
	}
	if (p->typed < 2 && k->code == (uint32_t)p->asks.keys[p->typed]) {
		if (p->typed++ == 0)
			p->first_ms = now_ms;
		p->last_ms = now_ms;
		return PROMPT_STANDS;
	}
	if (k->code == GRID_KEY_ENTER && p->typed == 2)
		return PROMPT_YES;
	if (prompt_refuses(k))
		return PROMPT_NO;
	rearm(p, now_ms);
	return PROMPT_STANDS;
}

void prompt_done(struct prompt_state *p, struct prompt_asker *a, bool yes, uint64_t now_ms)
{
	unsigned i = 0;

	p->stands = false;
	a->nos = yes ? 0 : a->nos + 1;
	while (i < PROMPT_BACKOFFS &&
	       memcmp(a->backoff[i].subject, p->asks.subject, PROMPT_SUBJECT) != 0)
		i++;
	if (i == PROMPT_BACKOFFS) {
		if (yes)
			return;
		i = a->next;
		a->next = (a->next + 1) % PROMPT_BACKOFFS;
		memset(&a->backoff[i], 0, sizeof(a->backoff[i]));
		memcpy(a->backoff[i].subject, p->asks.subject, PROMPT_SUBJECT);
	}
	if (yes)
		memset(&a->backoff[i], 0, sizeof(a->backoff[i]));
	else
		a->backoff[i].until_ms =
			now_ms + ((uint64_t)PROMPT_BACKOFF_MS
				  << (a->backoff[i].nos < 6 ? a->backoff[i].nos++ : 6));
}
