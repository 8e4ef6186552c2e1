/* SPDX-License-Identifier: ISC */
/*
 * One device and what serves it now: a device process of ours, with passt behind it if it is a
 * network card of that kind; virtiofsd; or a foreign server somewhere else.
 */
#ifndef PERIPHERAL_H
#define PERIPHERAL_H

#include "backing.h"
#include "process.h"

#include <poll.h>

/* What peripheral_poll() waits for. */
enum {
	SERVER_LOG,
	SERVER_CONTROL,
	SERVER_END,
	HELPER_LOG,
	HELPER_END,
	ASKER,
	ASKED,
	PERIPHERAL_POLLS
};

struct peripheral {
	struct backing backing;
	struct process process, helper; /* helper: passt */
	int ended;			/* how the process did, by waitpid(); -1: we ended it */
	uint64_t actual;		/* of a balloon, in bytes */
	int asker; /* connection to the control socket of a balloon, or 0 */
	char question[24];
	size_t question_len;
};

/*
 * Takes an option's text: of a new device (all 0), or of a further port of a console. False: one
 * line has been logged.
 */
bool peripheral_describe(struct peripheral *d, enum device_kind kind, const char *text);

/* Opens what stands behind it. What is not STATUS_OK has been logged. */
enum status peripheral_open(struct peripheral *d);

/*
 * Starts what serves the device, or connects to it. Returns the front end's socket, which is the
 * caller's, or -1: one line has been logged, unless the server is a foreign one.
 */
int peripheral_start(struct peripheral *d);

/* Starts the device process on a connection of somebody else's, which stays the caller's. */
bool peripheral_serve(struct peripheral *d, int vhost);

/* Ends what peripheral_start() has started; what stands behind it stays open. */
void peripheral_stop(struct peripheral *d);

/* What to wait for, and after poll() the work. False: what served it has ended; see d->ended. */
void peripheral_poll(const struct peripheral *d, struct pollfd p[PERIPHERAL_POLLS]);
bool peripheral_polled(struct peripheral *d, const struct pollfd p[PERIPHERAL_POLLS]);

/* Tells a console the size of the terminal, if that is one of its ports. */
void peripheral_resize(const struct peripheral *d, unsigned columns, unsigned rows);

#endif /* PERIPHERAL_H */
