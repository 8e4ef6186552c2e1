/* SPDX-License-Identifier: ISC */
/*
 * MSI-X (PCI Local Bus 3.0, 6.8.2): the vector table and the pending bits of one device, and the
 * eventfds that raise them. An unmasked vector's eventfds are irqfds: the device process raises
 * the interrupt in KVM and this process sleeps. A masked one's counters are the pending bit.
 *
 * Invariant: source[i].gsi is attached exactly while its vector exists, is enabled and not masked.
 */
#ifndef MSIX_H
#define MSIX_H

#include "bus.h"
#include "irq.h"

#define MSIX_VECTORS_MAX 67	/* one for each queue, and one for the configuration */
#define MSIX_NO_VECTOR	 0xffff /* virtio 1.2, 4.1.4.3: VIRTIO_MSI_NO_VECTOR */

struct msix {
	struct irq_routes *routes;
	uint32_t first_gsi; /* of vector 0 */
	uint16_t vector_count, source_count;
	bool enabled, masked; /* the function as a whole */
	struct msix_vector {
		uint64_t address;
		uint32_t data, control; /* control bit 0: masked */
	} vector[MSIX_VECTORS_MAX];
	struct msix_source {
		int event_fd;
		uint16_t vector; /* or MSIX_NO_VECTOR */
		bool attached;
	} source[MSIX_VECTORS_MAX];
};

/* One source per queue and one for the configuration, and as many vectors. False: out of GSIs. */
bool msix_init(struct msix *m, struct irq_routes *routes, uint16_t count)
	__attribute__((warn_unused_result));

/* The message control register of the capability has been written. */
void msix_control(struct msix *m, bool enabled, bool masked);

/* Gives a source another vector; false, and none, if there is no such vector. */
bool msix_set_vector(struct msix *m, uint16_t source, uint16_t vector);

/* Accesses to the table and to the pending bits; offsets from the start of each. */
void msix_table_access(struct msix *m, const struct bus_access *a);
void msix_pending_access(struct msix *m, const struct bus_access *a);

#endif /* MSIX_H */
