/* SPDX-License-Identifier: ISC */
/*
 * The number display (Robin, TU Dresden 2008): what the guest's modem is told to dial is parsed,
 * shown and asked about on the trusted display, and only what was shown and confirmed is dialled.
 */
#ifndef DIALLER_H
#define DIALLER_H

#include "critical.h"

/* The callbacks of lib/critical.h. */
enum status dialler_open(struct critical *c);
void dialler_notified(struct critical_end *end);
void dialler_ready(int fd, short revents);
uint64_t dialler_tick(uint64_t now_ms);
void dialler_close(void);

#endif /* DIALLER_H */
