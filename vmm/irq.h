/* SPDX-License-Identifier: ISC */
/* An interrupt line into the in-kernel interrupt controllers. */
#ifndef IRQ_H
#define IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* Legacy lines that this machine uses: the IOAPIC pin equals the number. */
enum { IRQ_SERIAL = 4 };

struct irq_line {
	int vm_fd; /* -1 in unit tests: the level is only remembered */
	uint32_t gsi;
	bool level;
};

/* Drives the line; costs a system call only when the level changes. Caller serialises. */
void irq_set(struct irq_line *line, bool level);

#endif /* IRQ_H */
