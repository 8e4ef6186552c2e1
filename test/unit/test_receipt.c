/* SPDX-License-Identifier: ISC */
/* Receipts: the vectors of doc/receipts.md, and every bit of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "receipt.h"

/* The vector's keys are of seeds 01..01 and 02..02; any others in a real store. */
#define KEY "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"

static const char text[] = "Zwinger payment 1\n"
			   "Payee: Bean and Leaf GmbH\n"
			   "Account: DE89370400440532013000\n"
			   "Item: 2 x 4.50 = 9.00 Espresso\n"
			   "Item: 1 x 4.49 = 4.49 Tea (green)\n"
			   "Total: 13.49 EUR\n"
			   "Reference: Order 4711\n"
			   "Note: thank you\n"
			   "Nonce: 00112233445566778899aabbccddeeff\n"
			   "From: DE02120300000000202051\n"
			   "Date: 2026-11-29T14:55:01Z\n"
			   "Count: 17\n"
			   "Key: " KEY "\n";
#define LEN (sizeof(text) - 1)

static struct {
	uint8_t public[32], secret[64];
} receipts, confirmations;

static void make_keys(void)
{
	uint8_t seed[32];

	memset(seed, 1, sizeof(seed));
	crypto_sign_seed_keypair(receipts.public, receipts.secret, seed);
	memset(seed, 2, sizeof(seed));
	crypto_sign_seed_keypair(confirmations.public, confirmations.secret, seed);
}

static struct payment_signatures sign(void)
{
	uint8_t message[RECEIPT_MESSAGE_MAX], cbor[RECEIPT_CONFIRMED_MAX];
	struct payment_signatures s;
	size_t n = receipt_message(text, LEN, message);

	crypto_sign_detached(s.signature, NULL, message, n, receipts.secret);
	n = receipt_confirmed(text, LEN, "00112233445566778899aabbccddeeff", cbor);
	crypto_sign_detached(s.confirmation, NULL, cbor, n, confirmations.secret);
	return s;
}

static bool genuine(const struct receipt *r)
{
	uint8_t message[RECEIPT_MESSAGE_MAX], cbor[RECEIPT_CONFIRMED_MAX];
	size_t n = receipt_message(r->text, r->len, message);
	size_t m = receipt_confirmed(r->text, r->len, r->payment.nonce, cbor);

	return crypto_sign_verify_detached(r->signatures.signature, message, n,
					   receipts.public) == 0 &&
	       crypto_sign_verify_detached(r->signatures.confirmation, cbor, m,
					   confirmations.public) == 0;
}

/* doc/receipts.md has this vector; whoever implements the format compares with it. */
static void test_vector(void **state)
{
	struct payment_signatures s = sign();
	char out[RECEIPT_MAX], key[65] = "";
	uint8_t cbor[RECEIPT_CONFIRMED_MAX];
	static char document[65536];
	static struct receipt r;
	size_t n = receipt_format(&s, text, LEN, out);
	FILE *f = fopen(RECEIPTS_MD, "r");

	(void)state;
	receipt_hex(receipts.public, 32, key);
	assert_string_equal(key, KEY);
	assert_true(receipt_parse(&r, out, n) && genuine(&r));
	assert_memory_equal(&r.signatures, &s, sizeof(s));
	assert_int_equal(r.len, LEN);
	assert_non_null(f);
	assert_true(fread(document, 1, sizeof(document) - 1, f) > 0);
	fclose(f);
	out[n] = '\0';
	/* A document's code is indented. */
	for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char indented[256];

		snprintf(indented, sizeof(indented), "    %s\n", line);
		if (strstr(document, indented) == NULL)
			fail_msg("doc/receipts.md lacks: %s", line);
	}
	n = receipt_confirmed(text, LEN, "00112233445566778899aabbccddeeff", cbor);
	assert_memory_equal(cbor, "\xa2\x66prompt\x79\x01\x74Zwinger payment 1\n", 29);
	assert_memory_equal(cbor + n - 23,
			    "\x65"
			    "extra\x50",
			    7);
	assert_true(n == LEN + 1 + 7 + 3 + 6 + 17);
}

/* attack_D24, attack_K2: each bit of either form, each prefix: not a receipt, or not genuine. */
static void test_attack_D24_K2_every_bit(void **state)
{
	struct payment_signatures s = sign();
	uint8_t cbor[RECEIPT_CONFIRMED_MAX], confirmation[64];
	char out[RECEIPT_MAX];
	static struct receipt r;
	size_t n = receipt_format(&s, text, LEN, out);

	(void)state;
	memcpy(confirmation, s.confirmation, 64);
	for (size_t i = 0; i < 8 * n; i++) {
		out[i / 8] = (char)(out[i / 8] ^ (1 << i % 8));
		if (receipt_parse(&r, out, n) && genuine(&r))
			fail_msg("bit %zu makes no difference", i);
		out[i / 8] = (char)(out[i / 8] ^ (1 << i % 8));
	}
	for (size_t i = 0; i < n; i++)
		assert_false(receipt_parse(&r, out, i));
	assert_false(receipt_parse(&r, out, n + 1));
	n = receipt_confirmed(text, LEN, "00112233445566778899aabbccddeeff", cbor);
	assert_true(receipt_parse_confirmed(&r, cbor, n));
	for (size_t i = 0; i < 8 * n; i++) {
		cbor[i / 8] = (uint8_t)(cbor[i / 8] ^ (1 << i % 8));
		if (receipt_parse_confirmed(&r, cbor, n) &&
		    crypto_sign_verify_detached(confirmation, cbor, n, confirmations.public) ==
			    0)
			fail_msg("bit %zu of the CBOR makes no difference", i);
		cbor[i / 8] = (uint8_t)(cbor[i / 8] ^ (1 << i % 8));
	}
	for (size_t i = 0; i < n; i++)
		assert_false(receipt_parse_confirmed(&r, cbor, i));
}

/* attack_K8, attack_K3: a signature of one form is none of the other, nor with the other key, nor with another text. */
static void test_attack_K3_K8_forms_do_not_mix(void **state)
{
	struct payment_signatures s = sign(), swapped;
	uint8_t message[RECEIPT_MESSAGE_MAX], cbor[RECEIPT_CONFIRMED_MAX];
	char out[RECEIPT_MAX], other[sizeof(text)];
	static struct receipt r;
	size_t n, m;

	(void)state;
	memcpy(swapped.signature, s.confirmation, 64);
	memcpy(swapped.confirmation, s.signature, 64);
	n = receipt_format(&swapped, text, LEN, out);
	assert_true(receipt_parse(&r, out, n));
	assert_false(genuine(&r));
	n = receipt_message(text, LEN, message);
	m = receipt_confirmed(text, LEN, "00112233445566778899aabbccddeeff", cbor);
	assert_int_not_equal(message[0], cbor[0]); /* no text of one is a text of the other */
	assert_int_not_equal(crypto_sign_verify_detached(s.signature, cbor, m, receipts.public),
			     0);
	assert_int_not_equal(crypto_sign_verify_detached(s.signature, (const uint8_t *)text,
							 LEN, receipts.public),
			     0);
	assert_int_not_equal(
		crypto_sign_verify_detached(s.signature, message, n, confirmations.public), 0);
	memcpy(other, text, sizeof(text));
	memcpy(strstr(other, "Count: 17"), "Count: 18", 9);
	n = receipt_format(&s, other, LEN, out);
	assert_true(receipt_parse(&r, out, n));
	assert_false(genuine(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_attack_D24_K2_every_bit),
		cmocka_unit_test(test_attack_K3_K8_forms_do_not_mix),
	};

	if (sodium_init() < 0)
		return 1;
	make_keys();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
