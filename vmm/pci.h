/* SPDX-License-Identifier: ISC */
/*
 * One PCI bus with a host bridge at 00:00.0, reached by ECAM (PCI Express Base 4.0, 7.2.2) and
 * by configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2).
 *
 * Invariant: a bit of configuration space changes by a guest's write only if its device
 * declared it writable.
 */
#ifndef PCI_H
#define PCI_H

#include "bus.h"

#include <pthread.h>

#define PCI_CONFIG_PORT 0xcf8
#define PCI_CONFIG_REGS 8
#define PCI_ECAM_START	0xe0000000ull
#define PCI_ECAM_SIZE	(1ull << 20)  /* bus 0 alone */
#define PCI_MMIO_START	0xc0000000ull /* window for BARs; the DSDT says the same */
#define PCI_MMIO_SIZE	0x20000000ull
#define PCI_SLOTS	32
#define PCI_CONFIG_SIZE 256 /* bytes; no device here has extended capabilities */

struct pci_device {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that the guest may change */
};

struct pci {
	pthread_mutex_t lock; /* protects address and every config[] */
	uint32_t address;     /* port 0xcf8 */
	struct pci_device bridge;
	struct pci_device *slot[PCI_SLOTS]; /* function 0 each; NULL is an empty slot */
};

void pci_init(struct pci *p);
void pci_port_access(void *dev, const struct bus_access *a); /* bus_handler: 0xcf8 to 0xcff */
void pci_ecam_access(void *dev, const struct bus_access *a); /* bus_handler: ECAM window */

/* Little-endian stores into a device's own configuration space, at start-up. */
void pci_set16(struct pci_device *d, unsigned offset, uint16_t value);

#endif /* PCI_H */
