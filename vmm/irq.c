/* SPDX-License-Identifier: ISC */
#include "irq.h"

#include "bug.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

void irq_set(struct irq_line *line, bool level)
{
	struct kvm_irq_level arg = { .irq = line->gsi, .level = level };

	if (line->level == level)
		return;
	line->level = level;
	if (line->vm_fd >= 0)
		BUG_ON(ioctl(line->vm_fd, KVM_IRQ_LINE, &arg) < 0);
}
