/* SPDX-License-Identifier: ISC */
/*
 * What a critical application says to the trusted display, and what the display answers.
 *
 * The application fills fields; the texts, labels and styles are the display's. Every text is
 * ASCII, from a repertoire that depends on the field, ends with NUL and is followed by NULs
 * only; a message that breaks a rule is refused (ANSWER_REFUSED), never mended or cut.
 */
#ifndef PROMPT_H
#define PROMPT_H

#include "critical.h"

#include <stdint.h>

#define PROMPT_NUMBER 24 /* [0-9], at most one leading '+'; with the final NUL */

enum number_class {
	NUMBER_EMERGENCY = 1, /* never asked for, never blocked */
	NUMBER_SHORT = 2,
	NUMBER_LOCAL = 3,
	NUMBER_NATIONAL = 4,
	NUMBER_MOBILE = 5,
	NUMBER_INTERNATIONAL = 6,
	NUMBER_FREE = 7,
	NUMBER_PREMIUM = 8, /* cost in cents_per_minute or cents_per_call; 0 both: unknown */
};

/* To the display. */
enum prompt_type {
	PROMPT_DIAL = 1 | CHAN_DECISION,     /* ask: shall this number be dialled? */
	PROMPT_ACCEPT = 2 | CHAN_DECISION,   /* ask: shall this incoming call be taken? */
	PROMPT_WITHDRAW = 3 | CHAN_DECISION, /* the question `id` no longer stands */
	PROMPT_CALL = 4 | CHAN_DECISION,     /* not a question: the state of the call */
};

enum call_state {
	CALL_NONE = 0,	    /* there is no call (any more) */
	CALL_DIALLING = 1,  /* confirmed, the other side has not answered yet */
	CALL_RINGING = 2,   /* an incoming call waits */
	CALL_CONNECTED = 3, /* since this message */
};

struct prompt_message {
	uint32_t type; /* enum prompt_type */
	uint32_t reserved;
	uint64_t id;		    /* random, never 0, never used twice */
	char number[PROMPT_NUMBER]; /* "": an incoming call without a number */
	uint32_t number_class;	    /* enum number_class; 0 if there is no number */
	uint32_t cents_per_minute;  /* for NUMBER_PREMIUM and wherever known; else 0 */
	uint32_t cents_per_call;
	uint32_t call_state; /* enum call_state, for PROMPT_CALL */
	uint8_t padding[64]; /* 0 */
};
_Static_assert(sizeof(struct prompt_message) == 120, "no padding in the channel");

/* From the display. */
enum answer_type {
	ANSWER_YES = 1 | CHAN_DECISION,
	ANSWER_NO = 2 | CHAN_DECISION,	    /* the person said no */
	ANSWER_TIMEOUT = 3 | CHAN_DECISION, /* nobody answered, or there was no display */
	ANSWER_BUSY = 4 | CHAN_DECISION,    /* another question stands: ask later */
	ANSWER_BACKOFF = 5 | CHAN_DECISION, /* asked too soon after a no: not shown */
	ANSWER_REFUSED = 6 | CHAN_DECISION, /* the message breaks a rule: not shown */
	ANSWER_HANGUP = 7 | CHAN_DECISION,  /* the person ends the call; id 0 */
	ANSWER_TONE = 8 | CHAN_DECISION, /* the person presses a DTMF key during a call; id 0 */
	ANSWER_SHOWN = 9 | CHAN_DECISION, /* the question stands on the screen now */
};

struct prompt_answer {
	uint32_t type; /* enum answer_type */
	uint32_t tone; /* ANSWER_TONE: one of "0123456789*#ABCD", else 0 */
	uint64_t id;   /* the question's */
	char number
		[PROMPT_NUMBER]; /* what was drawn; the asker compares it with what it asked */
};
_Static_assert(sizeof(struct prompt_answer) == 40, "no padding in the channel");

#endif /* PROMPT_H */
