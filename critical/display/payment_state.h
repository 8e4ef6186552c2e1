/* SPDX-License-Identifier: ISC */
/*
 * One payment at the display, from its text to its result: read page by page, perhaps with
 * another note, confirmed by the gesture and the PIN, handed to the storage as it was drawn.
 * What the person reads is always made of `text`, and `text` is what is confirmed. That it stands,
 * when keys count and when time is up, struct prompt_state knows, as for every question.
 */
#ifndef PAYMENT_STATE_H
#define PAYMENT_STATE_H

#include "payment.h"
#include "payment_chunks.h"
#include "payment_pin.h"
#include "prompt_state.h"

#define PAYER_ITEMS	 8     /* on a page */
#define PAYER_STORAGE_MS 10000 /* for the storage to take the text */
#define PAYER_RESULT_MS	 30000 /* for the result to come */
#define PAYER_SEES_MS	 10000 /* the result is left on the screen */

enum payer_step {
	PAYER_READS,
	PAYER_EDITS,	/* the note */
	PAYER_PROVES,	/* with the PIN */
	PAYER_CONFIRMS, /* the text goes to the storage */
	PAYER_WAITS,	/* for the result */
	PAYER_SEES,	/* it */
};

enum payer_outcome {
	PAYER_STANDS,
	PAYER_TURNS, /* to another page */
	PAYER_NO,
	PAYER_TIMED_OUT,
	PAYER_LOCKED,
	PAYER_FAILED, /* authentication or storage cannot be reached */
	PAYER_YES,    /* and the storage knows */
	PAYER_SEEN,   /* the result was on the screen long enough */
	PAYER_DONE,   /* and the person has read it */
};

struct payer {
	struct critical_end *to_storage; /* NULL: there are no payments here */
	struct pin_dialog pin;
	enum payer_step step;
	uint64_t id;
	struct payment payment;
	uint32_t len;
	char text[PAYMENT_TEXT_MAX];
	unsigned page, furthest; /* from 0 */
	char note[PAYMENT_SHORT];
	bool note_wrong;
	uint32_t sent;	 /* of text, to the storage */
	uint64_t due_ms; /* from PAYER_CONFIRMS on */
	uint32_t result; /* enum payment_result; 0: it has not come in time */
	bool seen;
};

/* False: the text is not a payment. Otherwise q is the question that it asks. */
bool payer_question(const struct payment_chunks *c, struct prompt_question *q)
	__attribute__((warn_unused_result));

/* It stands now. */
void payer_begin(struct payer *p, const struct payment_chunks *c);

unsigned payer_pages(const struct payer *p);

enum payer_outcome payer_key(struct payer *p, struct prompt_state *prompt, const struct key *k,
			     uint64_t now_ms);
enum payer_outcome payer_pin(struct payer *p, struct prompt_state *prompt,
			     const struct pin_answer *a, uint64_t now_ms);
enum payer_outcome payer_time(struct payer *p, const struct prompt_state *prompt,
			      uint64_t now_ms);

/* The storage has room again. */
enum payer_outcome payer_room(struct payer *p, uint64_t now_ms);

/* False: it has not been confirmed, or was shown before. */
bool payer_result(struct payer *p, uint32_t result);

/* Nobody is asked any more: nothing of it is kept. */
void payer_end(struct payer *p);

#endif /* PAYMENT_STATE_H */
