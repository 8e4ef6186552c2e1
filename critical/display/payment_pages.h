/* SPDX-License-Identifier: ISC */
/*
 * What a payment looks like. Labels and texts are the display's own and fixed; values, which the
 * guest and show-and-pay filled in, are in STYLE_VALUE and complete: whatever is signed is on
 * one of the pages.
 */
#ifndef PAYMENT_PAGES_H
#define PAYMENT_PAGES_H

#include "pages.h"
#include "payment_state.h"

/* Where p is now. False: it does not fit, and must not be asked. */
bool page_payment(struct screen *s, const struct payer *p, const struct prompt_state *prompt,
		  const char *asker, const char *phrase, uint64_t now_ms);

/* The PIN is changed, from the menu. */
void page_pin(struct screen *s, const struct pin_dialog *p, const char *phrase);

#endif /* PAYMENT_PAGES_H */
