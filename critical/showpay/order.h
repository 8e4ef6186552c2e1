/* SPDX-License-Identifier: ISC */
/*
 * An order as an HTML form posts it (application/x-www-form-urlencoded), its fields in this order:
 *
 *   payee, account, item-1-name, item-1-quantity, item-1-price, item-2-name ... total, currency,
 *   reference, nonce, and perhaps note
 *
 * Prices and the total are integers of minor units. There is one way to write each value, but for
 * percent-encoding, which browsers and curl do differently: %20 is the blank too, hexadecimal
 * digits are upper case.
 */
#ifndef ORDER_H
#define ORDER_H

#include "payment.h"

#define ORDER_FAULT 96

/* False: fault names the field and what is wrong with it. What an order does not say stays 0. */
bool order_parse(const char *body, size_t len, struct payment *p, char fault[ORDER_FAULT])
	__attribute__((warn_unused_result));

/* Whether a and b are one order; the note may differ, as the person may have changed it. */
bool order_same(const struct payment *a, const struct payment *b);

#endif /* ORDER_H */
