/* SPDX-License-Identifier: ISC */
/*
 * What the processes of show-and-pay say to each other. doc/showpay.md has the whole conversation.
 *
 *   guest <-> showpay      bytes of HTTP, struct modem_line (modem_line.h): DTR of the guest up: a
 *                          connection has begun; down: it is over. DCD of showpay: it listens.
 *   showpay -> display     the text of a payment, asked; its result
 *   display -> showpay     what the person says
 *   display -> auth        PINs
 *   auth -> display        what came of them
 *   display -> storage     the very text that was drawn, and that the person confirmed it
 *   auth -> storage        attempts, before they are made; grants; a new verifier
 *   storage -> auth        tries that are left; the verifier
 *   showpay -> storage     a payment is about to be asked; is there a receipt
 *   storage -> showpay     count and key for it; the signed text and its signatures
 *
 * Every field that a type does not use is 0, or the message is refused. A PIN, a verifier and a
 * text have no CHAN_DECISION: a log of decisions counts them and does not hold them.
 */
#ifndef PAYMENT_MESSAGES_H
#define PAYMENT_MESSAGES_H

#include "critical.h"

#include <stdint.h>

#define PAYMENT_CHUNK 224

enum payment_type {
	/* A part of a text, in order and without gaps: offset, length, bytes. With offset 0 begins a new text. */
	PAYMENT_TEXT = 1,

	/* showpay -> display; value is the length of the whole text, which has come before. */
	PAYMENT_ASK = 2 | CHAN_DECISION,
	PAYMENT_WITHDRAW = 3 | CHAN_DECISION, /* the question no longer stands */
	PAYMENT_RESULT =
		4 | CHAN_DECISION, /* value: enum payment_result; answered by PAYMENT_SEEN */

	/* display -> storage: the person has seen all of it, confirmed it and given the PIN; value: length. */
	PAYMENT_CONFIRM = 5 | CHAN_DECISION,

	/* showpay -> storage: payment `id` is about to be asked. Forgets what was reserved before. */
	PAYMENT_RESERVE = 6 | CHAN_DECISION,
	/* storage -> showpay: bytes are a struct payment_reserved. Or value 1: it cannot sign now. */
	PAYMENT_RESERVED = 7 | CHAN_DECISION,
	/* storage -> showpay, after the text; value: its length; bytes are a struct payment_signatures.
	 * To PAYMENT_RECEIPT the same, text and all, with the id of that question; value 0: there is none. */
	PAYMENT_SIGNED = 8 | CHAN_DECISION,
	PAYMENT_RECEIPT =
		9 | CHAN_DECISION, /* showpay -> storage: the last receipt, once more */
	PAYMENT_REFUSED =
		10 |
		CHAN_DECISION, /* storage -> showpay: `id` will not be signed; value: why, for the log */
};

enum payment_result { PAYMENT_PAID = 1, PAYMENT_FAILED = 2 };

/* showpay <-> storage, showpay -> display, display -> storage. */
struct payment_message {
	uint32_t type;	 /* enum payment_type */
	uint32_t length; /* of bytes that are used; the others are 0 */
	uint64_t id;	 /* the payment's: random, never 0, never used twice */
	uint32_t offset;
	uint32_t value;
	uint8_t bytes[PAYMENT_CHUNK];
};
_Static_assert(sizeof(struct payment_message) == 248, "no padding in the channel");

struct payment_reserved {
	uint64_t count;	 /* what the text has to say */
	uint8_t key[32]; /* Ed25519 public key of the receipts: what the text has to say */
	uint8_t confirmation_key[32]; /* ... of the same in the Protected Confirmation form */
};

struct payment_signatures {
	uint8_t signature[64]; /* Ed25519 over PAYMENT_DOMAIN, its NUL, and the text */
	uint8_t confirmation
		[64]; /* Ed25519 with the confirmation key over the CBOR map {prompt, extra} */
};
#define PAYMENT_DOMAIN "zwinger payment receipt 1"

/* display -> showpay. */
enum payment_answer_type {
	PAYMENT_YES = 1 | CHAN_DECISION, /* confirmed; the storage has been told */
	PAYMENT_NO = 2 | CHAN_DECISION,
	PAYMENT_TIMEOUT = 3 | CHAN_DECISION, /* nobody answered, or there was no display */
	PAYMENT_BUSY = 4 | CHAN_DECISION,    /* another question stands: ask later */
	PAYMENT_BACKOFF = 5 | CHAN_DECISION, /* asked too soon after a no: not shown */
	PAYMENT_INVALID =
		6 | CHAN_DECISION, /* the text breaks a rule or does not fit: not shown */
	PAYMENT_LOCKED = 7 | CHAN_DECISION, /* there are no tries for a PIN left */
	PAYMENT_SHOWN = 8 | CHAN_DECISION,  /* the first page is on the screen now */
	PAYMENT_SEEN =
		9 |
		CHAN_DECISION, /* the result was on the screen long enough, or nobody is there */
};

struct payment_answer {
	uint32_t type; /* enum payment_answer_type */
	uint32_t reserved;
	uint64_t id;
	uint64_t padding; /* 0 */
};
_Static_assert(sizeof(struct payment_answer) == 24,
	       "no padding; no other message of the display's is so long");

/* display <-> auth. */
#define PIN_MIN	  4 /* digits */
#define PIN_MAX	  12
#define PIN_TRIES 5 /* at most, until a right one */

enum pin_type {
	PIN_TRY = 1,	/* pin; granted for the payment `id` if it is right */
	PIN_CHANGE = 2, /* pin is the old one, "" where there is none yet; new_pin */
	PIN_ASK = 3,	/* is there a PIN, and how many tries are left? */
	PIN_NOTHING =
		4, /* all else 0; not answered: takes the place of a PIN that was answered */
};

struct pin_message {
	uint32_t type; /* enum pin_type */
	uint32_t reserved;
	uint64_t id;	       /* of the payment; PIN_CHANGE, PIN_ASK: random */
	char pin[PIN_MAX + 4]; /* digits, NUL-padded */
	char new_pin[PIN_MAX + 4];
};
_Static_assert(sizeof(struct pin_message) == 48, "no padding in the channel");

enum pin_answer_type {
	PIN_RIGHT = 1 | CHAN_DECISION, /* granted, or changed */
	PIN_WRONG = 2 | CHAN_DECISION,
	PIN_LOCKED = 3 | CHAN_DECISION, /* no tries are left */
	PIN_UNSET = 4 | CHAN_DECISION,	/* there is no PIN yet: choose one */
	PIN_IS_SET = 5 | CHAN_DECISION, /* to PIN_ASK */
	PIN_UNABLE =
		6 | CHAN_DECISION, /* storage does not answer, or the message breaks a rule */
};

struct pin_answer {
	uint32_t type;	/* enum pin_answer_type */
	uint32_t tries; /* that are left */
	uint64_t id;
	uint64_t padding[2]; /* 0 */
};
_Static_assert(sizeof(struct pin_answer) == 32, "no padding in the channel");

/* auth <-> storage. */
#define VERIFIER_MAX 128 /* bytes: libsodium's crypto_pwhash_STRBYTES */

enum verifier_type {
	/* auth -> storage */
	VERIFIER_ATTEMPT =
		1 |
		CHAN_DECISION, /* a PIN is about to be judged: take one try away, on the disk, then tell */
	VERIFIER_RIGHT =
		2 |
		CHAN_DECISION, /* it was right: all tries are back; the payment `id` is granted; 0: none */
	VERIFIER_STORE = 3, /* a new verifier, after VERIFIER_RIGHT, or the first one */
	VERIFIER_ASK = 4 | CHAN_DECISION, /* how many tries are left? takes none away */
	/* storage -> auth */
	VERIFIER_IS =
		5, /* to ATTEMPT: the verifier ("" where there is none yet) and tries left */
	VERIFIER_DONE =
		6 |
		CHAN_DECISION, /* to RIGHT, STORE, ASK: on the disk; tries; verifier[0] is 1 if there is one */
	VERIFIER_NONE_LEFT = 7 | CHAN_DECISION, /* to ATTEMPT, ASK: there are no tries left */
	VERIFIER_UNABLE = 8 | CHAN_DECISION,	/* the disk, or the message breaks a rule */
};

struct verifier_message {
	uint32_t type; /* enum verifier_type */
	uint32_t tries;
	uint64_t id; /* the payment's, or that of the attempt; comes back */
	char verifier[VERIFIER_MAX];
};
_Static_assert(sizeof(struct verifier_message) == 144, "no padding in the channel");

#endif /* PAYMENT_MESSAGES_H */
