/* SPDX-License-Identifier: ISC */
#include "pc.h"

#include "acpi.h"
#include "bug.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

#define TIMER_HZ   3579545u
#define TIMER_REGS 4
#define TIMER_BITS 0xffffffu
#define FLUSH_PORT 0xe4
#define FLUSH_REGS 4
#define PAGE	   4096u
#define LINES_PORT 0x2000

/* ACPI 1.0, 4.7.3.3: counts by itself, and is not written. */
static void timer_access(void *dev, const struct bus_access *a)
{
	struct timespec t;
	uint64_t ticks;

	(void)dev;
	if (a->write)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	ticks = (uint64_t)t.tv_sec * TIMER_HZ + (uint64_t)t.tv_nsec * TIMER_HZ / 1000000000u;
	bus_answer(a, (ticks & TIMER_BITS) >> 8 * a->offset);
}

static struct {
	pthread_mutex_t lock;
	struct irq_line line[IRQ_PINS];
} lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A port for each pin of the IOAPIC: not 0 is high. */
static void line_access(void *dev, const struct bus_access *a)
{
	(void)dev;
	if (!a->write) {
		bus_answer(a, UINT64_MAX);
		return;
	}
	pthread_mutex_lock(&lines.lock);
	irq_set(&lines.line[a->offset], bus_value(a) != 0);
	pthread_mutex_unlock(&lines.lock);
}

/* The page at the address written is not mapped until it is next touched; RAM is shared, so it stays as it is. */
static void flush_access(void *dev, const struct bus_access *a)
{
	const struct machine *m = dev;
	struct iovec page;

	if (!a->write)
		bus_answer(a, UINT64_MAX);
	else if (gmem_iovec(&m->ram.mem, gpa(bus_value(a) & ~(uint64_t)(PAGE - 1)), PAGE,
			    &page))
		madvise(page.iov_base, page.iov_len, MADV_DONTNEED);
}

/*
 * PCI Local Bus 3.0, 3.2.2.3.2, has the address register's bits 0 and 1 read as zeros: which byte is
 * meant, the data port says. QEMU keeps them and adds them to it, and the library counts on that.
 */
static void config_access(void *dev, const struct bus_access *a)
{
	static _Atomic uint8_t low;
	struct bus_access moved = *a;

	if (a->offset == 0 && a->len == 4 && a->write)
		low = a->data[0] & 3;
	else if (a->offset >= 4)
		moved.offset += low;
	pci_port_access(dev, &moved);
}

void pc_create(struct machine *m)
{
	for (unsigned i = 0; i < m->ports.count; i++)
		if (m->ports.range[i].start == PCI_CONFIG_PORT)
			m->ports.range[i].handler = config_access;
	for (unsigned i = 0; i < IRQ_PINS; i++)
		lines.line[i] = (struct irq_line){ .vm_fd = m->vm_fd, .gsi = i };
	bus_claim(&m->ports, PC_TIMER_PORT, TIMER_REGS, timer_access, NULL);
	bus_claim(&m->ports, FLUSH_PORT, FLUSH_REGS, flush_access, m);
	bus_claim(&m->ports, LINES_PORT, IRQ_PINS, line_access, NULL);
}

enum { RSDP_RSDT = 16, RSDP_SUM = 8, RSDP_SUM_ALL = 32, RSDP_OLD_SIZE = 20 };
enum { LENGTH = 4, REVISION = 8, SUM = 9, OEM = 10, HEADER = 36 };
enum { FADT_TIMER = 76, FADT_TIMER_LENGTH = 91, FADT_SIZE = 116 };

static void put32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* Afterwards all len bytes sum to 0. */
static void add_up(uint8_t *table, size_t len, unsigned at)
{
	table[at] = 0;
	table[at] = acpi_checksum(table, len);
}

static void finish(uint8_t *table, const char *signature, uint32_t len)
{
	memcpy(table, signature, 4);
	put32(table + LENGTH, len);
	table[REVISION] = 1;
	memcpy(table + OEM, "ZWINGRZWINGER ", 14);
	add_up(table, len, SUM);
}

bool pc_write_tables(const struct gmem *mem, unsigned cpu_count)
{
	static uint8_t table[ACPI_SIZE];
	size_t at = (acpi_build(table, ACPI_START, cpu_count) + 15) & ~(size_t)15;
	uint8_t *fadt = table + at, *rsdt = fadt + ((FADT_SIZE + 15) & ~15);

	BUG_ON(rsdt + HEADER + 4 > table + ACPI_SIZE);
	put32(fadt + FADT_TIMER, PC_TIMER_PORT);
	fadt[FADT_TIMER_LENGTH] = TIMER_REGS;
	finish(fadt, "FACP", FADT_SIZE);
	put32(rsdt + HEADER, (uint32_t)(ACPI_START + at));
	finish(rsdt, "RSDT", HEADER + 4);
	put32(table + RSDP_RSDT, (uint32_t)(ACPI_START + (rsdt - table)));
	add_up(table, RSDP_OLD_SIZE, RSDP_SUM);
	add_up(table, ACPI_RSDP_SIZE, RSDP_SUM_ALL);
	return gmem_write(mem, gpa(ACPI_START), table, (size_t)(rsdt - table) + HEADER + 4);
}
