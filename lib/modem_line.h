/* SPDX-License-Identifier: ISC */
/*
 * What the two channels of a guest's modem carry: bytes of the serial line and the state of its
 * wires. One message is one struct modem_line.
 */
#ifndef MODEM_LINE_H
#define MODEM_LINE_H

#include <stdint.h>

/* Wires: the guest drives DTR and RTS; the dialler the others. */
enum modem_wire {
	MODEM_DTR = 1 << 0,
	MODEM_RTS = 1 << 1,
	MODEM_CTS = 1 << 2,
	MODEM_DSR = 1 << 3,
	MODEM_RI = 1 << 4, /* ring indicator */
	MODEM_DCD = 1 << 5,
};

#define MODEM_LINE_BYTES 46

struct modem_line {
	uint32_t type;	   /* MODEM_LINE_TYPE */
	uint32_t reserved; /* 0 */
	uint8_t wires;	   /* enum modem_wire of the sender, after the bytes */
	uint8_t count;	   /* of bytes; 0: only the wires have changed */
	uint8_t bytes[MODEM_LINE_BYTES];
};
_Static_assert(sizeof(struct modem_line) == 56, "no padding; with its stamp one cache line");

#define MODEM_LINE_TYPE 1

#endif /* MODEM_LINE_H */
