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

void prompt_gesture(const struct prompt_message *m, char keys[3])
{
	size_t len = strlen(m->number);

	/* Of a call without a number: a word instead. */
	memcpy(keys, len >= 2 ? m->number + len - 2 : "ok", 2);
	keys[2] = '\0';
}

enum answer_type prompt_ask(struct prompt_state *p, struct prompt_asker *a, unsigned index,
			    const struct prompt_message *m, uint64_t now_ms)
{
	if (p->stands)
		return ANSWER_BUSY;
	if (a->nos >= PROMPT_NOS_MAX)
		return ANSWER_BACKOFF;
	for (unsigned i = 0; i < PROMPT_BACKOFFS; i++)
		if (memcmp(a->backoff[i].number, m->number, PROMPT_NUMBER) == 0 &&
		    now_ms < a->backoff[i].until_ms)
			return ANSWER_BACKOFF;
	p->stands = true;
	p->shown = false;
	p->asker = index;
	p->asks = *m;
	p->typed = 0;
	p->armed_ms = UINT64_MAX;
	p->due_ms = now_ms + (p->timeout_ms != 0 ? p->timeout_ms : PROMPT_TIMEOUT_MS);
	return 0;
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

enum prompt_outcome prompt_key(struct prompt_state *p, const struct key *k, uint64_t now_ms)
{
	char keys[3];

	if (k->action == KEY_RELEASED || p->armed_ms == UINT64_MAX)
		return PROMPT_STANDS;
	/* Too early, or a key held down: whoever presses it has not read yet. */
	if (now_ms < p->armed_ms || k->action == KEY_REPEATED || k->modifiers != 0) {
		rearm(p, now_ms);
		return PROMPT_STANDS;
	}
	if (now_ms >= p->due_ms)
		return PROMPT_TIMED_OUT;
	prompt_gesture(&p->asks, keys);
	if (p->typed > 0 && (now_ms - p->last_ms < PROMPT_PRESS_MS ||
			     now_ms - p->first_ms > PROMPT_GESTURE_MS)) {
		rearm(p, now_ms);
		return PROMPT_STANDS;
	}
	if (p->typed < 2 && k->code == (uint32_t)keys[p->typed]) {
		if (p->typed++ == 0)
			p->first_ms = now_ms;
		p->last_ms = now_ms;
		return PROMPT_STANDS;
	}
	if (k->code == GRID_KEY_ENTER)
		return p->typed == 2 ? PROMPT_YES : PROMPT_NO;
	if (k->code == GRID_KEY_ESCAPE || k->code == 'n' || k->code == 'N' || k->code == 'q')
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
	       memcmp(a->backoff[i].number, p->asks.number, PROMPT_NUMBER) != 0)
		i++;
	if (i == PROMPT_BACKOFFS) {
		if (yes)
			return;
		i = a->next;
		a->next = (a->next + 1) % PROMPT_BACKOFFS;
		memset(&a->backoff[i], 0, sizeof(a->backoff[i]));
		memcpy(a->backoff[i].number, p->asks.number, PROMPT_NUMBER);
	}
	if (yes)
		memset(&a->backoff[i], 0, sizeof(a->backoff[i]));
	else
		a->backoff[i].until_ms =
			now_ms + ((uint64_t)PROMPT_BACKOFF_MS
				  << (a->backoff[i].nos < 6 ? a->backoff[i].nos++ : 6));
}
