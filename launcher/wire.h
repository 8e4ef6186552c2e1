/* SPDX-License-Identifier: ISC */
/*
 * Bytes on their way from one descriptor to another, with a fixed buffer between: a reader that
 * stalls stops the writer, and memory stays what it is.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_SIZE 4096

/* Invariant: start <= end <= WIRE_SIZE; the bytes in between are still to be written. */
struct wire {
	int from, to; /* the caller's; from is -1 once it has nothing more */
	uint8_t bytes[WIRE_SIZE];
	size_t start, end;
};

/* Reads what is there, if there is room. False, and from is -1, at its end or on an error. */
bool wire_fill(struct wire *w);

/* Writes as much as to takes without waiting long. False if nobody will ever read it. */
bool wire_drain(struct wire *w);

/* How many bytes are still to be written; nothing is; no more would be read. */
size_t wire_pending(const struct wire *w);
bool wire_empty(const struct wire *w);
bool wire_full(const struct wire *w);

#endif /* WIRE_H */
