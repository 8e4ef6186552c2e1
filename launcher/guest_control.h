/* SPDX-License-Identifier: ISC */
/* The control socket of a virtual machine that plain options describe: ps, stop, stat, metrics. */
#ifndef GUEST_CONTROL_H
#define GUEST_CONTROL_H

#include "control.h"
#include "vm.h"

/* One for all runs of a guest; 0 but for guest, name and control.metrics (-1 or listening). */
struct guest_control {
	struct control control;
	const struct guest *guest;
	const char *name;	   /* NULL: vm- and our process id */
	const struct process *vmm; /* while it runs, else NULL */
	unsigned starts;
	bool stop; /* somebody has asked for the end */
};

/*
 * Listens. A VM that nobody has named does without if it has to. False: one line has been logged.
 */
bool guest_control_open(struct guest_control *c);

#endif /* GUEST_CONTROL_H */
