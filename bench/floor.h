/* SPDX-License-Identifier: ISC */
/*
 * The floor: the guest under a bare loop around KVM_RUN, which does for each exit the least that
 * lets the guest go on. In a process of its own, so that a guest that hangs harms nobody.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include "experiment.h"

/* *o is in memory that is shared with child processes. */
void floor_measure(const struct experiment *e, const struct plan *p, struct outcome *o);

#endif /* FLOOR_H */
