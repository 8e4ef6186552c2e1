/* SPDX-License-Identifier: ISC */
/*
 * A payment's text on a channel: in chunks, in order, without gaps, and put together again. What
 * comes is copied before it is judged; a chunk that breaks a rule takes all that came before with it.
 */
#ifndef PAYMENT_CHUNKS_H
#define PAYMENT_CHUNKS_H

#include "payment.h"
#include "payment_messages.h"

/* len <= PAYMENT_TEXT_MAX; 0: there is no text, or none that could be used. */
struct payment_chunks {
	uint64_t id;
	uint32_t len;
	char text[PAYMENT_TEXT_MAX];
};

/* True if m's length is possible, what it does not use is 0, and its id is not. */
bool payment_message_valid(const struct payment_message *m);

/* m becomes the chunk of the text at offset, which is less than len. Returns where the next begins. */
uint32_t payment_chunk(struct payment_message *m, uint64_t id, const char *text, uint32_t len,
		       uint32_t offset);

/* A PAYMENT_TEXT. False: it breaks a rule, and there is no text now. */
bool payment_chunks_take(struct payment_chunks *c, const struct payment_message *m);

/* True if the whole text of payment m->id is there and has the length that m->value says. */
bool payment_chunks_whole(const struct payment_chunks *c, const struct payment_message *m);

#endif /* PAYMENT_CHUNKS_H */
