/* SPDX-License-Identifier: ISC */
/*
 * The one question that may stand, from its arrival to its answer: a number's or a payment's. Time
 * comes in from outside, milliseconds that only grow; whatever is unclear, late or lost ends in No.
 *
 * To say yes, a person types the last two digits of what is drawn large, then Enter: three
 * presses of (mostly) different keys, none of them within the dead time, which begins anew with
 * every change of the screen and every other key.
 */
#ifndef PROMPT_STATE_H
#define PROMPT_STATE_H

#include "backend.h"
#include "prompt.h"

#define PROMPT_DEAD_MS	  1000
#define PROMPT_TIMEOUT_MS 60000
#define PROMPT_PRESS_MS	  40	/* two presses that are closer are one bouncing key */
#define PROMPT_GESTURE_MS 10000 /* from its first press to its last */
#define PROMPT_BACKOFF_MS 5000	/* after the first No to a subject; doubles */
#define PROMPT_BACKOFFS	  16	/* subjects remembered */
#define PROMPT_SUBJECT	  36
#define PROMPT_NOS_MAX	  5 /* in a row, of one asker; then it waits for the person to look */

/* What counts of a question, whatever it is about and however its pages look. */
struct prompt_question {
	uint64_t id;
	char subject[PROMPT_SUBJECT]; /* a No to it is remembered; NUL-padded */
	char keys[3];		      /* two, which begin the gesture */
};

struct prompt_asker {
	unsigned nos;
	struct {
		char subject[PROMPT_SUBJECT];
		uint64_t until_ms;
		unsigned nos;
	} backoff[PROMPT_BACKOFFS];
	unsigned next;
};

enum prompt_outcome { PROMPT_STANDS, PROMPT_YES, PROMPT_NO, PROMPT_TIMED_OUT };

struct prompt_state {
	bool stands;
	bool shown;	/* it has been on the screen, and the asker knows */
	unsigned asker; /* index, the caller's */
	struct prompt_question asks;
	uint64_t due_ms;   /* no answer by then is a No */
	uint64_t armed_ms; /* keys count from then on; UINT64_MAX: it is not on the screen */
	uint64_t first_ms, last_ms;   /* presses of the gesture */
	unsigned typed;		      /* of the two digits */
	uint32_t dead_ms, timeout_ms; /* settings */
};

/* True if every rule of prompt.h holds; and the question of one that asks. */
bool prompt_valid(const struct prompt_message *m);
struct prompt_question prompt_question(const struct prompt_message *m);

/* 0: it stands now. Otherwise the answer that it gets without being shown. */
enum answer_type prompt_ask(struct prompt_state *p, struct prompt_asker *a, unsigned index,
			    const struct prompt_question *q, uint64_t now_ms);

/* It is completely on the screen now, or its picture has changed; or it is not on any screen. */
void prompt_presented(struct prompt_state *p, uint64_t now_ms);
void prompt_hidden(struct prompt_state *p);

/* The person has come further with it: there is time again. */
void prompt_renew(struct prompt_state *p, uint64_t now_ms);

/* Whether k counts: it was pressed after the dead time, which any other press begins anew. */
bool prompt_counts(struct prompt_state *p, const struct key *k, uint64_t now_ms);

/* Enter, Escape, n, q. */
bool prompt_refuses(const struct key *k);

enum prompt_outcome prompt_key(struct prompt_state *p, const struct key *k, uint64_t now_ms);
enum prompt_outcome prompt_time(struct prompt_state *p, uint64_t now_ms);

/* It has been answered so; remembers what a No means for the next question. */
void prompt_done(struct prompt_state *p, struct prompt_asker *a, bool yes, uint64_t now_ms);

#endif /* PROMPT_STATE_H */
