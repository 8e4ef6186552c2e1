/* SPDX-License-Identifier: ISC */
#include "receipt.h"

#include "bug.h"

#include <string.h>

#define TITLE	     "zwinger receipt 1\n"
#define KEYS_TITLE   "zwinger keys 1\n"
#define SIGNATURE    "Signature: "
#define CONFIRMATION "Confirmation: "
#define DIGITS	     (2 * sizeof(((struct payment_signatures *)NULL)->signature))
#define AROUND                                                                                 \
	(sizeof(TITLE) - 1 + sizeof(SIGNATURE) - 1 + DIGITS + 1 + sizeof(CONFIRMATION) - 1 +   \
	 DIGITS + 1) /* bytes beside the text */
_Static_assert(AROUND + PAYMENT_TEXT_MAX <= RECEIPT_MAX, "every receipt has room");

/* RFC 8949, 3: major type in the upper three bits, the length in as few bytes as it needs. */
enum { CBOR_BYTES = 2 << 5, CBOR_TEXT = 3 << 5, CBOR_MAP = 5 << 5 };
#define NONCE_BYTES ((PAYMENT_NONCE - 1) / 2)

struct output {
	uint8_t *bytes;
	size_t len;
};

static void put(struct output *o, const void *bytes, size_t len)
{
	memcpy(o->bytes + o->len, bytes, len);
	o->len += len;
}

void receipt_hex(const uint8_t *bytes, size_t size, char *out)
{
	for (size_t i = 0; i < size; i++) {
		out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool receipt_unhex(const char *digits, size_t size, uint8_t *out)
{
	for (size_t i = 0; i < size; i++) {
		int high = digit(digits[2 * i]), low = high < 0 ? -1 : digit(digits[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

size_t receipt_message(const char *text, size_t len, uint8_t out[RECEIPT_MESSAGE_MAX])
{
	struct output o = { .bytes = out };

	BUG_ON(len >= PAYMENT_TEXT_MAX);
	put(&o, PAYMENT_DOMAIN, sizeof(PAYMENT_DOMAIN));
	put(&o, text, len);
	return o.len;
}

static void put_string(struct output *o, unsigned major, const void *bytes, size_t len)
{
	uint8_t head[] = { (uint8_t)(major | (len < 24	  ? len
					      : len < 256 ? 24
							  : 25)),
			   (uint8_t)(len >> 8), (uint8_t)len };

	put(o, head, 1);
	if (len >= 24)
		put(o, len < 256 ? head + 2 : head + 1, len < 256 ? 1 : 2);
	put(o, bytes, len);
}

size_t receipt_confirmed(const char *text, size_t len, const char nonce[PAYMENT_NONCE],
			 uint8_t out[RECEIPT_CONFIRMED_MAX])
{
	struct output o = { .bytes = out };
	uint8_t head = CBOR_MAP | 2, extra[NONCE_BYTES];

	BUG_ON(len >= PAYMENT_TEXT_MAX || !receipt_unhex(nonce, sizeof(extra), extra));
	put(&o, &head, 1);
	put_string(&o, CBOR_TEXT, "prompt", 6);
	put_string(&o, CBOR_TEXT, text, len);
	put_string(&o, CBOR_TEXT, "extra", 5);
	put_string(&o, CBOR_BYTES, extra, sizeof(extra));
	return o.len;
}

static void put_hex(struct output *o, const char *label, const uint8_t *bytes, size_t size)
{
	char digits[DIGITS];

	receipt_hex(bytes, size, digits);
	put(o, label, strlen(label));
	put(o, digits, 2 * size);
	put(o, "\n", 1);
}

size_t receipt_format(const struct payment_signatures *s, const char *text, size_t len,
		      char out[RECEIPT_MAX])
{
	struct output o = { .bytes = (uint8_t *)out };

	BUG_ON(len >= PAYMENT_TEXT_MAX);
	put(&o, TITLE, sizeof(TITLE) - 1);
	put(&o, text, len);
	put_hex(&o, SIGNATURE, s->signature, sizeof(s->signature));
	put_hex(&o, CONFIRMATION, s->confirmation, sizeof(s->confirmation));
	return o.len;
}

/* Where things stand follows from the length alone; what encodes to the same bytes is good. */
bool receipt_parse(struct receipt *r, const char *receipt, size_t len)
{
	char canonical[RECEIPT_MAX];
	const char *signature, *confirmation;

	if (len < AROUND || len >= AROUND + PAYMENT_TEXT_MAX)
		return false;
	r->len = len - AROUND;
	memcpy(r->text, receipt + sizeof(TITLE) - 1, r->len);
	confirmation = receipt + len - 1 - DIGITS;
	signature = confirmation - (sizeof(CONFIRMATION) - 1) - 1 - DIGITS;
	return payment_parse(&r->payment, r->text, r->len) &&
	       receipt_unhex(signature, 64, r->signatures.signature) &&
	       receipt_unhex(confirmation, 64, r->signatures.confirmation) &&
	       receipt_format(&r->signatures, r->text, r->len, canonical) == len &&
	       memcmp(canonical, receipt, len) == 0;
}

/* The text of any payment is longer than 255 bytes: its length has two. */
bool receipt_parse_confirmed(struct receipt *r, const uint8_t *cbor, size_t len)
{
	static const size_t text_at = 1 + 1 + 6 + 3, behind = 1 + 5 + 1 + NONCE_BYTES;
	uint8_t canonical[RECEIPT_CONFIRMED_MAX];

	if (len < text_at + behind || len >= text_at + behind + PAYMENT_TEXT_MAX)
		return false;
	r->len = len - text_at - behind;
	memcpy(r->text, cbor + text_at, r->len);
	memset(&r->signatures, 0, sizeof(r->signatures));
	return payment_parse(&r->payment, r->text, r->len) &&
	       receipt_confirmed(r->text, r->len, r->payment.nonce, canonical) == len &&
	       memcmp(canonical, cbor, len) == 0;
}

#define RECEIPTS      "Receipts: "
#define CONFIRMATIONS "Confirmations: "

size_t receipt_format_keys(const struct receipt_keys *k, char out[RECEIPT_KEYS_MAX])
{
	struct output o = { .bytes = (uint8_t *)out };

	put(&o, KEYS_TITLE, sizeof(KEYS_TITLE) - 1);
	put_hex(&o, RECEIPTS, k->receipts, sizeof(k->receipts));
	put_hex(&o, CONFIRMATIONS, k->confirmations, sizeof(k->confirmations));
	return o.len;
}

bool receipt_parse_keys(struct receipt_keys *k, const char *text, size_t len)
{
	char canonical[RECEIPT_KEYS_MAX];
	const size_t first = sizeof(KEYS_TITLE) - 1 + sizeof(RECEIPTS) - 1;
	const size_t second = first + 64 + 1 + sizeof(CONFIRMATIONS) - 1;

	return len == second + 64 + 1 && receipt_unhex(text + first, 32, k->receipts) &&
	       receipt_unhex(text + second, 32, k->confirmations) &&
	       receipt_format_keys(k, canonical) == len && memcmp(canonical, text, len) == 0;
}
