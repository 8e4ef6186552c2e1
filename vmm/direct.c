/* SPDX-License-Identifier: ISC */
/* Direct boot: a Linux kernel, entered as its boot protocol says. */
#include "boot.h"
#include "kernel.h"

enum status boot_load(struct machine *m, const struct vm_config *c)
{
	struct kernel_source source = { .kernel_fd = VMM_FD_KERNEL,
					.initrd_fd = VMM_FD_INITRD,
					.cmdline = c->cmdline,
					.cpu_count = c->cpu_count };
	struct kernel_entry entry;
	enum status st = kernel_load(&m->ram, &source, &entry);

	return st == STATUS_OK ? vcpu_set_entry(&m->vcpu[0], &entry) : st;
}
