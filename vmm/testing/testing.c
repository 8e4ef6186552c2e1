/* SPDX-License-Identifier: ISC */
/*
 * The devices by which kvm-unit-tests' images talk to QEMU, of zwinger-vmm-test alone: isa-debug-exit
 * (a write of v ends the machine with status v << 1 | 1), and so much of fw_cfg as tells the number
 * of processors and the size of memory; the PCI test device is beside it.
 */
#include "boot.h"
#include "log.h"
#include "multiboot.h"
#include "pc.h"
#include "pci_testdev.h"

#include <string.h>
#include <unistd.h>

#define EXIT_PORT     0xf4
#define EXIT_REGS     4
#define FW_CFG_PORT   0x510 /* selector, 16 bits; then the data, byte by byte */
#define FW_CFG_REGS   2
#define FW_CFG_ITEM   8 /* bytes at most */
#define FW_CFG_DATA   1
#define FW_CFG_ID_OLD 1 /* "traditional interface" alone */

enum { ITEM_SIGNATURE = 0, ITEM_ID = 1, ITEM_RAM_SIZE = 3, ITEM_CPUS = 5, ITEM_CPUS_MAX = 15 };

/* Invariant: at <= FW_CFG_ITEM. */
static struct {
	pthread_mutex_t lock;
	struct machine *machine;
	uint8_t item[FW_CFG_ITEM];
	unsigned at;
} fw_cfg = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* QEMU ends before the next instruction; so this vCPU waits for the end, on a lock never released. */
static void exit_access(void *dev, const struct bus_access *a)
{
	static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

	if (!a->write) {
		bus_answer(a, 0);
		return;
	}
	machine_stop(dev, (enum status)((bus_value(a) << 1 | 1) & 0xff));
	pthread_mutex_lock(&never);
	pthread_mutex_lock(&never);
}

static void select_item(uint16_t key)
{
	const struct machine *m = fw_cfg.machine;
	uint64_t value = 0;

	switch (key) {
	case ITEM_SIGNATURE:
		memcpy(&value, "QEMU", 4);
		break;
	case ITEM_ID:
		value = FW_CFG_ID_OLD;
		break;
	case ITEM_RAM_SIZE:
		value = m->ram.size;
		break;
	case ITEM_CPUS:
	case ITEM_CPUS_MAX:
		value = m->cpu_count;
		break;
	}
	memcpy(fw_cfg.item, &value, sizeof(value));
	fw_cfg.at = 0;
}

/* What is not there, and what lies behind an item, reads as zeros. */
static void fw_cfg_access(void *dev, const struct bus_access *a)
{
	(void)dev;
	pthread_mutex_lock(&fw_cfg.lock);
	if (a->write && a->offset == 0 && a->len == 2)
		select_item((uint16_t)bus_value(a));
	else if (!a->write && a->offset == FW_CFG_DATA && a->len == 1)
		bus_answer(a, fw_cfg.at < FW_CFG_ITEM ? fw_cfg.item[fw_cfg.at++] : 0);
	else if (!a->write)
		bus_answer(a, 0);
	pthread_mutex_unlock(&fw_cfg.lock);
}

static enum status create_devices(struct machine *m)
{
	fw_cfg.machine = m;
	bus_claim(&m->ports, EXIT_PORT, EXIT_REGS, exit_access, m);
	bus_claim(&m->ports, FW_CFG_PORT, FW_CFG_REGS, fw_cfg_access, NULL);
	pc_create(m);
	return pci_testdev_create(m);
}

enum status boot_load(struct machine *m, const struct vm_config *c)
{
	static uint8_t bytes[MULTIBOOT_SEARCH];
	struct kernel_source source = { .kernel_fd = VMM_FD_KERNEL,
					.initrd_fd = VMM_FD_INITRD,
					.cmdline = c->cmdline,
					.cpu_count = c->cpu_count };
	ssize_t n = pread(VMM_FD_KERNEL, bytes, sizeof(bytes), 0);
	struct span head = { bytes, n > 0 ? (size_t)n : 0 };
	struct kernel_entry entry;
	uint32_t flags;
	enum status st = create_devices(m);

	if (st != STATUS_OK)
		return st;
	if (multiboot_recognise(head, &flags))
		st = multiboot_load(&m->ram, &source, head, flags, &entry);
	else
		st = kernel_load(&m->ram, &source, &entry);
	/* In the place of those that kernel_load() has written; an image of Multiboot has none yet. */
	if (st == STATUS_OK && !pc_write_tables(&m->ram.mem, m->cpu_count)) {
		log_error("memory is too small: the ACPI tables do not fit");
		st = STATUS_NO_FIT;
	}
	return st == STATUS_OK ? vcpu_set_entry(&m->vcpu[0], &entry) : st;
}
