/* SPDX-License-Identifier: ISC */
/* attack_P9: any bytes as the text of a payment: what is taken is what is made of it, and its sums are right. */
#include <stdlib.h>
#include <string.h>

#include "edited.h"
#include "payment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size)
{
	static struct payment p;
	char text[PAYMENT_TEXT_MAX];
	uint64_t total = 0;

	if (!payment_parse(&p, (const char *)data, size))
		return;
	for (uint32_t i = 0; i < p.item_count; i++)
		total += p.item[i].quantity * p.item[i].price;
	if (payment_fault(&p) != NULL || total != p.total || payment_format(&p, text) != size ||
	    memcmp(text, data, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t text[PAYMENT_TEXT_MAX + 64];

	check(data, size);
	check(text,
	      edited(edited_payment, strlen(edited_payment), data, size, text, sizeof(text)));
	return 0;
}
