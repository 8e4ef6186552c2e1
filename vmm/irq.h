/* SPDX-License-Identifier: ISC */
/* Interrupts into the in-kernel controllers: a legacy line, and the table of message-signalled ones. */
#ifndef IRQ_H
#define IRQ_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Legacy lines that this machine uses: the IOAPIC pin equals the number. */
enum { IRQ_MODEM = 3, IRQ_SERIAL = 4, IRQ_ORDERS = 5 };

#define IRQ_PINS	 24   /* of the IOAPIC; message-signalled GSIs come after them */
#define IRQ_MESSAGES_MAX 1088 /* 16 devices of 66 queues, each with a vector of its own */

struct irq_line {
	int vm_fd; /* -1 in unit tests: the level is only remembered */
	uint32_t gsi;
	bool level;
};

/* Drives the line; costs a system call only when the level changes. Caller serialises. */
void irq_set(struct irq_line *line, bool level);

/* Where each message-signalled GSI leads. Invariant: KVM has exactly this table. */
struct irq_routes {
	int vm_fd; /* -1 in unit tests: nothing reaches KVM */
	pthread_mutex_t lock;
	uint32_t message_count;
	struct {
		uint32_t nr, flags; /* struct kvm_irq_routing, with the room for its entries */
		struct kvm_irq_routing_entry entry[IRQ_PINS + IRQ_MESSAGES_MAX];
	} kvm;
};

void irq_routes_init(struct irq_routes *r, int vm_fd);

/* Reserves count GSIs in a row, before any guest code runs. False: there are no more. */
bool irq_reserve(struct irq_routes *r, uint32_t count, uint32_t *first_gsi)
	__attribute__((warn_unused_result));

/* Sends a reserved GSI to a message. False: KVM refuses the message; nothing has changed. */
bool irq_route(struct irq_routes *r, uint32_t gsi, uint64_t address, uint32_t data)
	__attribute__((warn_unused_result));

/* Ties an eventfd to a GSI, or unties it; whatever is in its counter then stays there. */
void irq_attach(const struct irq_routes *r, uint32_t gsi, int event_fd, bool attach);

#endif /* IRQ_H */
