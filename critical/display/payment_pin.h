/* SPDX-License-Identifier: ISC */
/*
 * A PIN: entered, chosen and repeated by the person, judged by the authentication, and nowhere
 * kept. What is typed is wiped as soon as it has gone out, and whenever the dialogue ends.
 */
#ifndef PAYMENT_PIN_H
#define PAYMENT_PIN_H

#include "backend.h"
#include "critical.h"
#include "payment_messages.h"

#define PIN_DIGITS  (PIN_MAX + 4) /* bytes, as in struct pin_message */
#define PIN_STEP_MS 60000	  /* for the person */
#define PIN_AUTH_MS 10000	  /* for the authentication */

enum pin_step {
	PIN_OFF,
	PIN_WAITING, /* for the authentication */
	PIN_ENTERING,
	PIN_CHOOSING,
	PIN_REPEATING,
};

/* What the page says about the step before. */
enum pin_remark { PIN_SAYS_NOTHING, PIN_WAS_WRONG, PIN_DIFFERED, PIN_WAS_SHORT, PIN_WAS_SET };

enum pin_outcome {
	PIN_GOES_ON,
	PIN_TURNS, /* to another step */
	PIN_DONE,  /* it was right, or is changed */
	PIN_CANCELLED,
	PIN_EXPIRED,
	PIN_LOCKED_OUT,
	PIN_FAILED, /* the authentication does not answer, or not as it should */
};

struct pin_dialog {
	struct critical_end *to_auth; /* NULL: there is none */
	enum pin_step step;
	uint64_t payment; /* that is granted with it; 0: the PIN is to be changed */
	uint64_t id;	  /* of the last question that has no payment: random, then counted */
	uint64_t waits_for;
	uint32_t asked;	  /* enum pin_type of what it waits for */
	uint64_t written; /* the question whose PIN still stands in the channel; 0: none */
	uint64_t due_ms;
	uint32_t tries; /* that are left */
	enum pin_remark remark;
	unsigned count; /* of digits typed */
	char typed[PIN_DIGITS], old[PIN_DIGITS], chosen[PIN_DIGITS];
	uint32_t last_code;
	uint64_t last_ms;
};

/* Asks the authentication first whether there is a PIN. */
enum pin_outcome pin_begin(struct pin_dialog *p, uint64_t payment, uint64_t now_ms);

enum pin_outcome pin_key(struct pin_dialog *p, const struct key *k, uint64_t now_ms);
enum pin_outcome pin_answered(struct pin_dialog *p, const struct pin_answer *a,
			      uint64_t now_ms);
/* Whoever waits for it: a PIN that was answered stands in the channel no more. */
void pin_overwrite(struct pin_dialog *p, const struct pin_answer *a);
enum pin_outcome pin_time(const struct pin_dialog *p, uint64_t now_ms);

/* Whatever it was about: no digit is left. */
void pin_end(struct pin_dialog *p);

#endif /* PAYMENT_PIN_H */
