/* SPDX-License-Identifier: ISC */
/*
 * Show-and-pay between a guest that says anything, a display that answers anything, a storage that
 * signs, refuses or garbles. The input is a list of what they do; the driver judges. What is taken
 * as an order makes a text that is a payment, and stays one when it is read back.
 */
#include "test_showpay_driver.h"

#include "order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_order(const char *body, size_t len)
{
	static struct payment p, again;
	static char text[PAYMENT_TEXT_MAX];
	char fault[ORDER_FAULT];
	size_t n;

	if (!order_parse(body, len, &p, fault)) {
		if (strlen(fault) == 0 || strlen(fault) >= ORDER_FAULT)
			abort();
		return;
	}
	strcpy(p.from, "DE02120300000000202051");
	strcpy(p.date, "2026-11-29T14:55:01Z");
	p.count = 1;
	memset(p.key, '0', PAYMENT_KEY - 1);
	if (payment_fault(&p) != NULL)
		abort();
	n = payment_format(&p, text);
	if (!payment_parse(&again, text, n) || !order_same(&p, &again))
		abort();
}

/* The order, with some of its bytes replaced. */
static void mutated(const uint8_t *data, size_t n, bool post)
{
	char order[] = DRIVER_ORDER "&note=two+cups";

	for (size_t i = 0; i + 2 < n; i += 3)
		order[((size_t)data[i] << 8 | data[i + 1]) % (sizeof(order) - 1)] =
			(char)data[i + 2];
	try_order(order, sizeof(order) - 1);
	if (post && strlen(order) == sizeof(order) - 1)
		driver_post(order);
}

static void storage_says(const uint8_t *data, size_t n)
{
	struct payment_message m = { .type = (n > 0 ? data[0] % 11 : 0) | CHAN_DECISION,
				     .id = driver.reserves != 0 ? driver.reserves
								: driver.fetches };

	for (size_t i = 1; i + 1 < n; i += 2)
		((uint8_t *)&m)[data[i] % sizeof(m)] ^= data[i + 1];
	driver_storage(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	driver_open();
	while (size >= 2) {
		uint8_t what = data[0];
		size_t n = data[1] < size - 2 ? data[1] : size - 2;

		data += 2;
		size -= 2;
		switch (what % 16) {
		case 0:
			driver_connect();
			break;
		case 1:
			driver_type(data, n);
			break;
		case 2:
			driver_type("POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: ", 48);
			driver_type(data, n);
			break;
		case 3:
			try_order((const char *)data, n);
			break;
		case 4:
		case 5:
			mutated(data, n, (what & 16) != 0);
			break;
		case 6:
			driver_post(DRIVER_ORDER);
			n = 0;
			break;
		case 7:
			driver_get("/receipt/" DRIVER_NONCE);
			n = 0;
			break;
		case 8:
			driver_says((what >> 4) | CHAN_DECISION);
			n = 0;
			break;
		case 9:
			driver_ready();
			n = 0;
			break;
		case 10:
			driver_sign();
			n = 0;
			break;
		case 11:
			driver_tell_last();
			n = 0;
			break;
		case 12:
			driver_restart((enum driver_peer)((what >> 4) % 3));
			n = 0;
			break;
		case 13:
			driver_wait(n * 300);
			n = 0;
			break;
		case 14:
			storage_says(data, n);
			break;
		default:
			driver.display_full = (what & 16) != 0;
			driver_room();
			n = 0;
			break;
		}
		data += n;
		size -= n;
	}
	return 0;
}
