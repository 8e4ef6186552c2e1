/* SPDX-License-Identifier: ISC */
/*
 * Keys for the guest that its terminal has not taken yet, in their order: a whole page that is pasted
 * comes faster than a terminal takes it. Nobody waits here, neither the person nor a question.
 */
#ifndef TYPED_AHEAD_H
#define TYPED_AHEAD_H

#include "critical.h"
#include "grid.h"

#define TYPED_AHEAD_MAX 8192 /* keys; more are lost, as with any keyboard */

/* Behind those that wait; then as many as the channel takes. */
void typed_ahead(struct critical_end *keys, const struct grid_input *key);

/* The channel has room again. */
void typed_ahead_go(struct critical_end *keys);

/* There is another terminal now, or none. */
void typed_ahead_forget(void);

#endif /* TYPED_AHEAD_H */
