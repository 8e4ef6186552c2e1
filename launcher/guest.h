/* SPDX-License-Identifier: ISC */
/*
 * One run of a guest: the VMM process and the devices, and the wires between them and the user:
 * console bytes, log lines, signals. What the VMM process says is believed in nothing.
 */
#ifndef GUEST_H
#define GUEST_H

#include "guest_control.h"

enum guest_end {
	GUEST_EXITED, /* the VMM process ended; status says how */
	GUEST_SIGNAL, /* a signal ended us; status is 128 + its number */
	GUEST_QUIT,   /* the user asked for it, on the keyboard or by zwinger stop */
};

/*
 * Starts the VMM process, serves it until it has ended and everything that it said has been
 * delivered. What went wrong has been logged. The terminal is as it was before.
 */
enum guest_end guest_run(struct guest *g, struct guest_control *c, int *status);

#endif /* GUEST_H */
