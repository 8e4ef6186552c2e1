/* SPDX-License-Identifier: ISC */
/*
 * The guest's second serial port: an ordinary modem to its driver, two channels of struct
 * modem_line to a dialler. Used by the main thread alone, but for the port itself. A dialler that
 * does not take what the guest sends makes the transmitter look busy, as a slow modem does.
 */
#ifndef MODEM_H
#define MODEM_H

#include "chan.h"
#include "modem_line.h"
#include "serial.h"

#include <poll.h>

#define MODEM_POLLS 2

struct modem {
	bool present;
	struct serial port;
	struct chan_writer out;
	struct chan_reader in;
	bool out_cut, in_cut;	/* the other side broke the rules: that wire is cut */
	bool sending;		/* `line` has found no room yet */
	struct modem_line line; /* to the dialler */
	struct modem_line
		received; /* from it; bytes from `given` on wait for room in the port */
	unsigned given;
	uint8_t wires; /* what the dialler was last told of */
};

/* Maps the channels, whose descriptors are first and the next ones. False: errno. */
bool modem_open(struct modem *m, int first, uint32_t slots, uint32_t audited)
	__attribute__((warn_unused_result));

/* The port; then as the parts of console_serve(): what to wait for, and what to do. */
void modem_init(struct modem *m, struct irq_line irq, int wake_fd);
void modem_poll(struct modem *m, struct pollfd p[MODEM_POLLS]);
void modem_polled(struct modem *m, const struct pollfd p[MODEM_POLLS]);

/* The dialler is gone, or there is one again; channel 0 is out, 1 in. */
void modem_cut(struct modem *m, uint32_t channel);
void modem_mend(struct modem *m, uint32_t channel);

#endif /* MODEM_H */
