/* SPDX-License-Identifier: ISC */
#include "pci.h"

#include <string.h>

enum { REG_VENDOR = 0x00, REG_DEVICE = 0x02, REG_SUBCLASS = 0x0a };

/* Red Hat's generic PCI Express host bridge: no driver binds to it, none has quirks for it. */
#define BRIDGE_VENDOR	  0x1b36
#define BRIDGE_DEVICE	  0x0008
#define CLASS_HOST_BRIDGE 0x0600

#define ADDRESS_ENABLE	 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu

void pci_set16(struct pci_device *d, unsigned offset, uint16_t value)
{
	d->config[offset] = (uint8_t)value;
	d->config[offset + 1] = (uint8_t)(value >> 8);
}

void pci_init(struct pci *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	pci_set16(&p->bridge, REG_VENDOR, BRIDGE_VENDOR);
	pci_set16(&p->bridge, REG_DEVICE, BRIDGE_DEVICE);
	pci_set16(&p->bridge, REG_SUBCLASS, CLASS_HOST_BRIDGE);
	p->slot[0] = &p->bridge;
}

/* One access to the configuration space of bus, device, function; offset is within it. */
static void config_access(struct pci *p, uint32_t bdf, uint32_t offset,
			  const struct bus_access *a)
{
	struct pci_device *d = bdf % 8 == 0 && bdf / 8 < PCI_SLOTS ? p->slot[bdf / 8] : NULL;

	if (d == NULL || offset > PCI_CONFIG_SIZE - a->len) {
		/* An absent device reads as ones, an absent extended register as zero. */
		if (!a->write)
			bus_answer(a, d == NULL ? UINT64_MAX : 0);
		return;
	}
	for (uint32_t i = 0; i < a->len; i++) {
		uint8_t *reg = &d->config[offset + i], mask = d->writable[offset + i];

		if (a->write)
			*reg = (uint8_t)((*reg & ~mask) | (a->data[i] & mask));
		else
			a->data[i] = *reg;
	}
}

void pci_port_access(void *dev, const struct bus_access *a)
{
	struct pci *p = dev;

	pthread_mutex_lock(&p->lock);
	if (a->offset == 0 && a->len == 4) {
		if (a->write)
			p->address = (uint32_t)bus_value(a) & ADDRESS_WRITABLE;
		else
			bus_answer(a, p->address);
	} else if (a->offset >= 4 && a->offset + a->len <= 8 && (p->address & ADDRESS_ENABLE)) {
		config_access(p, p->address >> 8 & 0xffff,
			      (p->address & 0xfc) + (uint32_t)(a->offset - 4), a);
	} else if (!a->write) {
		bus_answer(a, UINT64_MAX);
	}
	pthread_mutex_unlock(&p->lock);
}

void pci_ecam_access(void *dev, const struct bus_access *a)
{
	struct pci *p = dev;

	pthread_mutex_lock(&p->lock);
	/* An access may not leave its function's 4 KiB; hardware would not let it either. */
	if (a->offset % 4096 + a->len <= 4096)
		config_access(p, (uint32_t)(a->offset >> 12), a->offset % 4096, a);
	else if (!a->write)
		bus_answer(a, UINT64_MAX);
	pthread_mutex_unlock(&p->lock);
}
