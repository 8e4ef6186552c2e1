/* SPDX-License-Identifier: ISC */
/* Audit before delivery: what the channels carry goes into the log, and only then to its reader. */
#ifndef AUDIT_H
#define AUDIT_H

#include "critical.h"

/* The callbacks of lib/critical.h. */
enum status audit_open(struct critical *c);
void audit_notified(struct critical_end *end);
uint64_t audit_tick(uint64_t now_ms);
void audit_close(void);

#endif /* AUDIT_H */
