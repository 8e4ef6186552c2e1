/* SPDX-License-Identifier: ISC */
/*
 * Show-and-pay: an order that the guest posts is checked, shown and asked about on the trusted
 * display, signed by the storage, and its receipt given back. doc/showpay.md has the whole way.
 */
#ifndef SHOWPAY_H
#define SHOWPAY_H

#include "critical.h"

/* The callbacks of lib/critical.h. */
enum status showpay_open(struct critical *c);
void showpay_notified(struct critical_end *end);
uint64_t showpay_tick(uint64_t now_ms);

#endif /* SHOWPAY_H */
