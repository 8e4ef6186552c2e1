/* SPDX-License-Identifier: ISC */
/*
 * A serial line of the guest's that ends in a critical process: an ordinary 16550A to its driver, two
 * channels of struct modem_line to the process. The second port leads to a dialler, which makes it a
 * modem; the third to show-and-pay. Used by the main thread alone, but for the port itself. A process
 * that does not take what the guest sends makes the transmitter look busy, as a slow modem does.
 */
#ifndef LINE_H
#define LINE_H

#include "chan.h"
#include "modem_line.h"
#include "serial.h"

#include <poll.h>

#define LINE_POLLS 2

struct line {
	const char *name; /* for the log */
	bool present;
	struct serial port;
	struct chan_writer out;
	struct chan_reader in;
	bool out_cut, in_cut;	/* the other side broke the rules: that wire is cut */
	bool sending;		/* `line` has found no room yet */
	struct modem_line line; /* to the process */
	struct modem_line
		received; /* from it; bytes from `given` on wait for room in the port */
	unsigned given;
	uint8_t wires; /* what the process was last told of */
};

/* Maps the channels, whose descriptors are first and the next ones. False: errno. */
bool line_open(struct line *m, const char *name, int first, uint32_t slots, uint32_t audited)
	__attribute__((warn_unused_result));

/* The port; then as the parts of console_serve(): what to wait for, and what to do. */
void line_init(struct line *m, struct irq_line irq, int wake_fd);
void line_poll(struct line *m, struct pollfd p[LINE_POLLS]);
void line_polled(struct line *m, const struct pollfd p[LINE_POLLS]);

/* The process is gone, or there is one again; channel 0 is out, 1 in. */
void line_cut(struct line *m, uint32_t channel);
void line_mend(struct line *m, uint32_t channel);

#endif /* LINE_H */
