/* SPDX-License-Identifier: ISC */
/*
 * What of a payment leaves the system: the text that was confirmed, with its signatures. Two forms
 * of one payment, doc/receipts.md: a text, and the bytes of Android's Protected Confirmation. Each
 * has one encoding and a parser that takes nothing else. Here is no cryptography.
 */
#ifndef RECEIPT_H
#define RECEIPT_H

#include "payment.h"
#include "payment_messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECEIPT_MAX	      (PAYMENT_TEXT_MAX + 320)
#define RECEIPT_MESSAGE_MAX   (PAYMENT_TEXT_MAX + sizeof(PAYMENT_DOMAIN))
#define RECEIPT_CONFIRMED_MAX 6144 /* as of Protected Confirmation */

struct receipt {
	struct payment payment; /* without fault */
	size_t len;
	char text[PAYMENT_TEXT_MAX]; /* what was signed */
	struct payment_signatures signatures;
};

/* What `signature` is over: PAYMENT_DOMAIN, its NUL, the text. Returns the length. */
size_t receipt_message(const char *text, size_t len, uint8_t out[RECEIPT_MESSAGE_MAX]);

/*
 * What `confirmation` is over: a CBOR map of "prompt", the text, and "extra", the nonce's 16 bytes.
 * The text is a payment's, shorter than PAYMENT_TEXT_MAX. Returns the length.
 */
size_t receipt_confirmed(const char *text, size_t len, const char nonce[PAYMENT_NONCE],
			 uint8_t out[RECEIPT_CONFIRMED_MAX]);

/* The text form, for a text of payment_format(). Returns its length; no NUL. */
size_t receipt_format(const struct payment_signatures *s, const char *text, size_t len,
		      char out[RECEIPT_MAX]);

/* False: it is not what receipt_format() makes of any payment; *r is garbage then. */
bool receipt_parse(struct receipt *r, const char *receipt, size_t len)
	__attribute__((warn_unused_result));

/* The same of receipt_confirmed(); the signatures are 0. */
bool receipt_parse_confirmed(struct receipt *r, const uint8_t *cbor, size_t len)
	__attribute__((warn_unused_result));

/* The file of the public keys that a verifier needs. */
#define RECEIPT_KEYS_MAX 192
struct receipt_keys {
	uint8_t receipts[32], confirmations[32];
};
size_t receipt_format_keys(const struct receipt_keys *k, char out[RECEIPT_KEYS_MAX]);
bool receipt_parse_keys(struct receipt_keys *k, const char *text, size_t len)
	__attribute__((warn_unused_result));

/* Lower-case hexadecimal digits, and back; false: they are not 2 * size of those. */
void receipt_hex(const uint8_t *bytes, size_t size, char *out);
bool receipt_unhex(const char *digits, size_t size, uint8_t *out)
	__attribute__((warn_unused_result));

#endif /* RECEIPT_H */
