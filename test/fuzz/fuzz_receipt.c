/* SPDX-License-Identifier: ISC */
/* attack_P9: any bytes as a receipt of either form: what is taken encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "edited.h"
#include "receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size)
{
	static struct receipt r;
	static char text[RECEIPT_MAX];
	static uint8_t cbor[RECEIPT_CONFIRMED_MAX];

	if (receipt_parse(&r, (const char *)data, size) &&
	    (receipt_format(&r.signatures, r.text, r.len, text) != size ||
	     memcmp(text, data, size) != 0))
		abort();
	if (receipt_parse_confirmed(&r, data, size) &&
	    (receipt_confirmed(r.text, r.len, r.payment.nonce, cbor) != size ||
	     memcmp(cbor, data, size) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct payment_signatures s = { { 1 }, { 2 } };
	static uint8_t form[RECEIPT_CONFIRMED_MAX + 64];
	char good[RECEIPT_CONFIRMED_MAX];
	size_t len = receipt_format(&s, edited_payment, strlen(edited_payment), good);

	check(data, size);
	check(form, edited(good, len, data, size, form, sizeof(form)));
	len = receipt_confirmed(edited_payment, strlen(edited_payment),
				"00112233445566778899aabbccddeeff", (uint8_t *)good);
	check(form, edited(good, len, data, size, form, sizeof(form)));
	return 0;
}
