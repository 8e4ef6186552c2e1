/* SPDX-License-Identifier: ISC */
/*
 * One run of a guest: the VMM process and the devices, and the wires between them and the user:
 * console bytes, log lines, signals. What the VMM process says is believed in nothing.
 */
#ifndef GUEST_H
#define GUEST_H

#include "devices.h"

/* What a guest is made of. Descriptors are the caller's and stay open. */
struct guest {
	int vmm_fd; /* the executable */
	int kvm_fd, kernel_fd;
	int initrd_fd; /* -1 for none */
	int signal_fd; /* signalfd of those that end us, SIGTSTP and SIGWINCH; they are blocked */
	int escape;    /* the byte that begins a command on the keyboard; -1 for none */
	struct vm_config config; /* without its devices */
	struct devices devices;
};

enum guest_end {
	GUEST_EXITED, /* the VMM process ended; status says how */
	GUEST_SIGNAL, /* a signal ended us; status is 128 + its number */
	GUEST_QUIT,   /* the user asked for it on the keyboard */
};

/*
 * Starts the VMM process, serves it until it has ended and everything that it said has been
 * delivered. What went wrong has been logged. The terminal is as it was before.
 */
enum guest_end guest_run(struct guest *g, int *status);

#endif /* GUEST_H */
