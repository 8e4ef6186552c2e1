/* SPDX-License-Identifier: ISC */
/*
 * User authentication: is a PIN the right one? Each guess costs a try, and the storage has taken it
 * away, on the disk, before the guess is judged.
 */
#ifndef AUTH_H
#define AUTH_H

#include "critical.h"

/* The callbacks of lib/critical.h. */
enum status auth_open(struct critical *c);
void auth_notified(struct critical_end *end);
uint64_t auth_tick(uint64_t now_ms);
void auth_close(void);

#endif /* AUTH_H */
