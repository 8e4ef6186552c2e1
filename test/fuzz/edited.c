/* SPDX-License-Identifier: ISC */
#include "edited.h"

#include <string.h>

const char edited_payment[] =
	"Zwinger payment 1\n"
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
	"Key: 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\n";

size_t edited(const void *good, size_t len, const uint8_t *changes, size_t n, uint8_t *out,
	      size_t size)
{
	memcpy(out, good, len);
	for (; n >= 4 && len > 0; changes += 4, n -= 4) {
		size_t at = (size_t)(changes[1] | changes[2] << 8) % len;

		if (changes[0] % 3 == 0) {
			out[at] = changes[3];
		} else if (changes[0] % 3 == 1 && len < size) {
			memmove(out + at + 1, out + at, len - at);
			out[at] = changes[3];
			len++;
		} else {
			memmove(out + at, out + at + 1, len - at - 1);
			len--;
		}
	}
	return len;
}
