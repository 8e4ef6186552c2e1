/* SPDX-License-Identifier: ISC */
#include "irq.h"

#include "bug.h"

#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

_Static_assert(offsetof(struct irq_routes, kvm.entry) - offsetof(struct irq_routes, kvm) ==
		       offsetof(struct kvm_irq_routing, entries),
	       "as KVM_SET_GSI_ROUTING reads it");

void irq_set(struct irq_line *line, bool level)
{
	struct kvm_irq_level arg = { .irq = line->gsi, .level = level };

	if (line->level == level)
		return;
	line->level = level;
	if (line->vm_fd >= 0)
		BUG_ON(ioctl(line->vm_fd, KVM_IRQ_LINE, &arg) < 0);
}

void irq_routes_init(struct irq_routes *r, int vm_fd)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->vm_fd = vm_fd;
	r->kvm.nr = IRQ_PINS;
	for (uint32_t pin = 0; pin < IRQ_PINS; pin++)
		r->kvm.entry[pin] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin },
		};
}

bool irq_reserve(struct irq_routes *r, uint32_t count, uint32_t *first_gsi)
{
	if (count > IRQ_MESSAGES_MAX - r->message_count)
		return false;
	*first_gsi = IRQ_PINS + r->message_count;
	r->message_count += count;
	return true;
}

bool irq_route(struct irq_routes *r, uint32_t gsi, uint64_t address, uint32_t data)
{
	const struct kvm_irq_routing_entry wanted = {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (uint32_t)address,
			   .address_hi = (uint32_t)(address >> 32),
			   .data = data },
	};
	struct kvm_irq_routing_entry *e = r->kvm.entry + IRQ_PINS, old;
	bool ok = true;

	BUG_ON(gsi < IRQ_PINS || gsi - IRQ_PINS >= r->message_count);
	pthread_mutex_lock(&r->lock);
	/* Only GSIs that have a message stand in the table. */
	while (e < r->kvm.entry + r->kvm.nr && e->gsi != gsi)
		e++;
	old = *e;
	if (memcmp(&old, &wanted, sizeof(old)) != 0) {
		bool added = e == r->kvm.entry + r->kvm.nr;

		*e = wanted;
		r->kvm.nr += added;
		ok = r->vm_fd < 0 || ioctl(r->vm_fd, KVM_SET_GSI_ROUTING, &r->kvm) == 0;
		if (!ok) {
			*e = old;
			r->kvm.nr -= added;
		}
	}
	pthread_mutex_unlock(&r->lock);
	return ok;
}

void irq_attach(const struct irq_routes *r, uint32_t gsi, int event_fd, bool attach)
{
	struct kvm_irqfd arg = { .fd = (uint32_t)event_fd,
				 .gsi = gsi,
				 .flags = attach ? 0 : KVM_IRQFD_FLAG_DEASSIGN };

	if (r->vm_fd >= 0)
		BUG_ON(ioctl(r->vm_fd, KVM_IRQFD, &arg) < 0);
}
