/* SPDX-License-Identifier: ISC */
/*
 * One PCI bus with a host bridge at 00:00.0, reached by ECAM (PCI Express Base 4.0, 7.2.2) and
 * by configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), and the window in which the
 * devices' memory lies.
 *
 * Invariant: a bit of configuration space changes by a guest's write only if its device
 * declared it writable. A BAR answers only inside the window, which is nobody's RAM; where two
 * overlap the lower slot answers.
 */
#ifndef PCI_H
#define PCI_H

#include "bus.h"

#include <pthread.h>

#define PCI_CONFIG_PORT 0xcf8
#define PCI_CONFIG_REGS 8
/* The hole in RAM from 3 GiB on; the DSDT says the same. SeaBIOS puts BARs below the IOAPIC. */
#define PCI_ECAM_START	0xc0000000ull
#define PCI_ECAM_SIZE	(1ull << 20)  /* bus 0 alone */
#define PCI_MMIO_START	0xc0100000ull /* window for BARs */
#define PCI_MMIO_SIZE	(0xfec00000ull - PCI_MMIO_START)
#define PCI_SLOTS	32
#define PCI_CONFIG_SIZE 256 /* bytes; no device here has extended capabilities */
#define PCI_NOWHERE	UINT64_MAX

/* The header of type 0 and the bits of its command register (PCI Local Bus 3.0, 6.1 and 6.2.2). */
enum {
	PCI_REG_VENDOR = 0x00,
	PCI_REG_DEVICE = 0x02,
	PCI_REG_COMMAND = 0x04,
	PCI_REG_STATUS = 0x06,
	PCI_REG_REVISION = 0x08,
	PCI_REG_CLASS = 0x0a, /* and subclass */
	PCI_REG_BAR0 = 0x10,
	PCI_REG_BAR1 = 0x14,
	PCI_REG_SUBSYSTEM_VENDOR = 0x2c,
	PCI_REG_SUBSYSTEM = 0x2e,
	PCI_REG_CAPABILITIES = 0x34,
};
#define PCI_COMMAND_PORTS  1u
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u

struct pci_device {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that the guest may change */
	uint32_t bar_size;		   /* of BAR 0, a power of two; 0: has none */
	uint64_t bar_at;		   /* where it answers, or PCI_NOWHERE */

	/* Of the device; NULL where there is none. All but the first are called under pci.lock. */
	void *dev;
	bus_handler *bar_access;
	void (*bar_moved)(void *dev, uint64_t from, uint64_t to);
	void (*config_reading)(void *dev, uint32_t offset, uint32_t len);
	void (*config_written)(void *dev, uint32_t offset, uint32_t len);
};

struct pci {
	pthread_mutex_t lock; /* protects address and every config[] */
	uint32_t address;     /* port 0xcf8 */
	struct pci_device bridge;
	struct pci_device *slot[PCI_SLOTS]; /* function 0 each; NULL is an empty slot */
	uint64_t next_bar;
};

void pci_init(struct pci *p);
void pci_port_access(void *dev, const struct bus_access *a); /* bus_handler: 0xcf8 to 0xcff */
void pci_ecam_access(void *dev, const struct bus_access *a); /* bus_handler: ECAM window */
void pci_mmio_access(void *dev, const struct bus_access *a); /* bus_handler: the BARs' window */

/*
 * Puts a device into the next free slot, its BAR at a place of its own, at start-up. The guest
 * may move it. There are more slots than devices, or it is our bug.
 */
void pci_plug(struct pci *p, struct pci_device *d);

/* Little-endian stores into a device's own configuration space, at start-up. */
void pci_set16(struct pci_device *d, unsigned offset, uint16_t value);
void pci_set32(struct pci_device *d, unsigned offset, uint32_t value);
uint32_t pci_get32(const struct pci_device *d, unsigned offset);

#endif /* PCI_H */
