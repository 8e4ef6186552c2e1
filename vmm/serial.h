/* SPDX-License-Identifier: ISC */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet): the guest's console, and its lines.
 *
 * vCPU threads touch its registers; the console thread moves bytes between it and the host.
 * Both FIFOs are bounded. A host that does not take output makes the transmitter look busy;
 * a guest that does not read leaves the input where it is, with the sender.
 */
#ifndef SERIAL_H
#define SERIAL_H

#include "bus.h"
#include "irq.h"

#include <pthread.h>

#define SERIAL_PORT    0x3f8
#define MODEM_PORT     0x2f8
#define ORDERS_PORT    0x3e8
#define SERIAL_REGS    8
#define SERIAL_RX_SIZE 64
#define SERIAL_TX_SIZE 4096

struct serial {
	pthread_mutex_t lock; /* protects every field below */
	struct irq_line irq;
	int wake_fd; /* timerfd: expires when output is due; -1 in unit tests */

	uint8_t ier, lcr, mcr, msr, scr, dll, dlm, fcr;
	uint8_t lines; /* what the other side of the wire drives: the upper half of the MSR */
	uint8_t lsr_errors; /* error bits not yet read */
	bool thre_pending;  /* "transmitter empty" not yet acknowledged */

	uint8_t rx[SERIAL_RX_SIZE];
	unsigned rx_head, rx_count;
	uint8_t tx[SERIAL_TX_SIZE];
	unsigned tx_head, tx_count;
};

/* wake_fd is the caller's; it is armed when the guest has put bytes into an empty buffer. */
void serial_init(struct serial *s, struct irq_line irq, int wake_fd);

/* bus_handler for the eight registers; only accesses of one byte mean anything. */
void serial_access(void *dev, const struct bus_access *a);

/* How many bytes serial_receive() would take now. */
size_t serial_room(struct serial *s);

/* Bytes typed by the user. len is at most what serial_room() said. */
void serial_receive(struct serial *s, const uint8_t *bytes, size_t len);

/*
 * The wires: what the other side drives, as SERIAL_CTS and so on; and what the guest does. wake_fd
 * is armed when the latter changes.
 */
enum serial_line {
	SERIAL_CTS = 0x10,
	SERIAL_DSR = 0x20,
	SERIAL_RI = 0x40,
	SERIAL_DCD = 0x80,
};
void serial_set_lines(struct serial *s, unsigned lines);
void serial_outputs(struct serial *s, bool *dtr, bool *rts);

/* Takes up to len bytes that the guest has sent; returns how many. */
size_t serial_transmit(struct serial *s, uint8_t *bytes, size_t len);

#endif /* SERIAL_H */
