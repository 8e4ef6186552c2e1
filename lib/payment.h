/* SPDX-License-Identifier: ISC */
/*
 * A payment as text: the very bytes that the display draws, that the person confirms and that the
 * storage signs. One grammar, one parser, for all of them: a text that payment_parse() takes is what
 * payment_format() makes of the result, byte for byte, and nothing else is taken.
 *
 * Lines in this order, each "Label: value\n", ASCII:
 *
 *   Zwinger payment 1
 *   Payee: Bean and Leaf GmbH           1 to 70 characters of the SEPA set, no blank at either end, no two together
 *   Account: DE89370400440532013000     IBAN, upper case, check digits right
 *   Item: 2 x 4.50 = 9.00 Espresso      1 to PAYMENT_ITEMS lines; quantity x price = sum, name 1 to 35 characters
 *   Total: 13.49 EUR                    ISO 4217; as many decimals as the currency has; the sum of the items
 *   Reference: Order 4711               1 to 35
 *   Note: thank you                     0 to 35: the one line that the person may change; "Note: -" if there is none
 *   Nonce: 32 lower-case hexadecimal digits, the shop's
 *   From: DE02120300000000202051        the payer's account, as the manifest says
 *   Date: 2026-11-29T14:55:01Z          UTC
 *   Count: 17                           of the key's signatures, from 1
 *   Key: 64 lower-case hexadecimal digits, the public key that signs
 */
#ifndef PAYMENT_H
#define PAYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYMENT_TEXT_MAX 4096 /* bytes */
#define PAYMENT_ITEMS	 16
#define PAYMENT_NAME	 71 /* bytes with the final NUL, as all of these */
#define PAYMENT_SHORT	 36 /* item, reference, note */
#define PAYMENT_IBAN	 35
#define PAYMENT_NONCE	 33
#define PAYMENT_DATE	 21
#define PAYMENT_KEY	 65
#define PAYMENT_AMOUNT	 999999999999ull /* minor units, at most */
#define PAYMENT_QUANTITY 9999

struct payment_item {
	uint32_t quantity; /* 1 to PAYMENT_QUANTITY */
	uint64_t price;	   /* minor units, 1 to PAYMENT_AMOUNT */
	char name[PAYMENT_SHORT];
};

struct payment {
	char payee[PAYMENT_NAME];
	char account[PAYMENT_IBAN];
	uint32_t item_count;
	struct payment_item item[PAYMENT_ITEMS];
	uint64_t total; /* minor units */
	char currency[4];
	char reference[PAYMENT_SHORT];
	char note[PAYMENT_SHORT]; /* "": none */
	char nonce[PAYMENT_NONCE];
	char from[PAYMENT_IBAN];
	char date[PAYMENT_DATE];
	uint64_t count;
	char key[PAYMENT_KEY];
};

/* Each rule by itself, for those who take fields one by one. */
bool payment_text_valid(const char *text, size_t max); /* SEPA set, 1 to max characters */
bool payment_iban_valid(const char *iban);
int payment_exponent(const char *currency); /* decimals; -1: unknown currency */
bool payment_date_valid(const char *date);

/* An amount as it is drawn and signed: 449 and 2 make "4.49". out has room for 24 bytes. */
void payment_amount(uint64_t minor, int exponent, char out[24]);

/* NULL: every rule holds. Otherwise what does not, in a few words, for a log or an answer. */
const char *payment_fault(const struct payment *p) __attribute__((warn_unused_result));

/* The text of a payment without fault; returns its length, less than PAYMENT_TEXT_MAX. No NUL. */
size_t payment_format(const struct payment *p, char text[PAYMENT_TEXT_MAX]);

/* False: it is not what payment_format() makes of any payment; *p is garbage then. */
bool payment_parse(struct payment *p, const char *text, size_t len)
	__attribute__((warn_unused_result));

#endif /* PAYMENT_H */
