/* SPDX-License-Identifier: ISC */
/*
 * Secure storage: keys that never leave it, a count that never goes back, tries for a PIN. It signs
 * a payment that was reserved by show-and-pay, granted by the authentication, and confirmed by the
 * display, in this order, each once, and the very text that the display drew.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include "critical.h"

/* The callbacks of lib/critical.h. */
enum status storage_open(struct critical *c);
void storage_notified(struct critical_end *end);
uint64_t storage_tick(uint64_t now_ms);
void storage_close(void);

#endif /* STORAGE_H */
