/* SPDX-License-Identifier: ISC */
#include "typed_ahead.h"

/* Invariant: first < TYPED_AHEAD_MAX, count <= TYPED_AHEAD_MAX. */
static struct grid_input waiting[TYPED_AHEAD_MAX];
static unsigned first, count;

void typed_ahead(struct critical_end *keys, const struct grid_input *key)
{
	if (count < TYPED_AHEAD_MAX)
		waiting[(first + count++) % TYPED_AHEAD_MAX] = *key;
	typed_ahead_go(keys);
}

void typed_ahead_go(struct critical_end *keys)
{
	enum chan_status st = CHAN_OK;

	while (count > 0 && (st = critical_send(keys, &waiting[first])) == CHAN_OK) {
		first = (first + 1) % TYPED_AHEAD_MAX;
		count--;
	}
	if (st == CHAN_BROKEN)
		typed_ahead_forget();
}

void typed_ahead_forget(void)
{
	count = 0;
}
