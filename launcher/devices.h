/* SPDX-License-Identifier: ISC */
/*
 * All devices of a guest, supervised: what dies while the guest runs is started again and the VMM
 * given a new connection to it; a foreign server that has gone is waited for.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include "peripheral.h"

struct devices {
	unsigned count;
	struct {
		struct peripheral peripheral;
		uint64_t began_ns, due_ns;  /* the last start; the next one, 0 for none */
		uint64_t restarts_since_ns; /* when the first of the last few restarts was */
		unsigned restarts;
		struct log_limit losses;
	} device[VM_DEVICES_MAX];
};

/* One option's worth. False: one line has been logged. */
bool devices_add(struct devices *s, enum device_kind kind, const char *text);

/* Opens what stands behind them all. What is not STATUS_OK has been logged. */
enum status devices_open(struct devices *s, unsigned cpu_count);

/*
 * Starts them all for a VMM, writes them into its configuration and the front ends' sockets, the
 * caller's, into sockets[]. False: none runs, and one line has been logged.
 */
bool devices_start(struct devices *s, struct vm_config *c, int sockets[VM_DEVICES_MAX]);

/* The next moment at which there is something to do without being asked, as poll() wants it. */
int devices_timeout_ms(const struct devices *s);

/* What to wait for, PERIPHERAL_POLLS for each; after poll() the work. vmm: its control socket. */
void devices_poll(const struct devices *s, struct pollfd *p);
void devices_polled(struct devices *s, const struct pollfd *p, int vmm);

/* The VMM says that it has lost device i. */
void devices_lost(struct devices *s, unsigned i);

/* Ends all that devices_start() has started. */
void devices_stop(struct devices *s);

/* The launcher's end of hvc0, or -1; and the size of the terminal, for whoever has it. */
int devices_terminal(const struct devices *s);
void devices_resize(const struct devices *s);

#endif /* DEVICES_H */
