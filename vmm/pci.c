/* SPDX-License-Identifier: ISC */
#include "pci.h"

#include "bug.h"

#include <string.h>

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

void pci_set32(struct pci_device *d, unsigned offset, uint32_t value)
{
	pci_set16(d, offset, (uint16_t)value);
	pci_set16(d, offset + 2, (uint16_t)(value >> 16));
}

uint32_t pci_get32(const struct pci_device *d, unsigned offset)
{
	const uint8_t *b = &d->config[offset];

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

void pci_init(struct pci *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	pci_set16(&p->bridge, PCI_REG_VENDOR, BRIDGE_VENDOR);
	pci_set16(&p->bridge, PCI_REG_DEVICE, BRIDGE_DEVICE);
	pci_set16(&p->bridge, PCI_REG_CLASS, CLASS_HOST_BRIDGE);
	p->bridge.bar_at = PCI_NOWHERE;
	p->slot[0] = &p->bridge;
	p->next_bar = PCI_MMIO_START;
}

void pci_plug(struct pci *p, struct pci_device *d)
{
	unsigned slot = 0;

	while (slot < PCI_SLOTS && p->slot[slot] != NULL)
		slot++;
	BUG_ON(slot == PCI_SLOTS || d->bar_size < 16 || (d->bar_size & (d->bar_size - 1)) != 0);
	p->slot[slot] = d;
	d->bar_at = PCI_NOWHERE; /* until the guest enables memory */
	pci_set32(d, PCI_REG_BAR0, (uint32_t)p->next_bar);
	for (unsigned i = 0; i < 4; i++)
		d->writable[PCI_REG_BAR0 + i] = (uint8_t)(~(d->bar_size - 1) >> 8 * i);
	d->writable[PCI_REG_COMMAND] |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	p->next_bar += d->bar_size;
	BUG_ON(p->next_bar > PCI_MMIO_START + PCI_MMIO_SIZE);
}

/* After a write: where the BAR answers now. All of it lies inside the window, or nothing. */
static void place_bar(struct pci_device *d)
{
	uint64_t at = pci_get32(d, PCI_REG_BAR0), was = d->bar_at;

	if ((d->config[PCI_REG_COMMAND] & PCI_COMMAND_MEMORY) == 0 || at < PCI_MMIO_START ||
	    at - PCI_MMIO_START > PCI_MMIO_SIZE - d->bar_size)
		at = PCI_NOWHERE;
	if (at == was)
		return;
	d->bar_at = at;
	d->bar_moved(d->dev, was, at);
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
	if (!a->write && d->config_reading != NULL)
		d->config_reading(d->dev, offset, a->len);
	for (uint32_t i = 0; i < a->len; i++) {
		uint8_t *reg = &d->config[offset + i], mask = d->writable[offset + i];

		if (a->write)
			*reg = (uint8_t)((*reg & ~mask) | (a->data[i] & mask));
		else
			a->data[i] = *reg;
	}
	if (a->write && d->bar_size != 0)
		place_bar(d);
	if (a->write && d->config_written != NULL)
		d->config_written(d->dev, offset, a->len);
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

void pci_mmio_access(void *dev, const struct bus_access *a)
{
	struct pci *p = dev;
	struct pci_device *d = NULL;
	struct bus_access inner = *a;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < PCI_SLOTS && d == NULL; i++) {
		struct pci_device *s = p->slot[i];

		if (s == NULL || s->bar_at == PCI_NOWHERE)
			continue;
		inner.offset = PCI_MMIO_START + a->offset - s->bar_at; /* wraps if below */
		if (inner.offset < s->bar_size)
			d = s;
	}
	pthread_mutex_unlock(&p->lock);
	if (d != NULL && inner.len <= d->bar_size - inner.offset)
		d->bar_access(d->dev, &inner);
	else if (!a->write)
		bus_answer(a, UINT64_MAX);
}
