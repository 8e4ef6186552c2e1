/* SPDX-License-Identifier: ISC */
/* attack_P9: any bytes as a receipt of either form: what is taken encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
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
	return 0;
}
