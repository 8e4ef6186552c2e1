/* SPDX-License-Identifier: ISC */
#include "acpi.h"

#include "bug.h"
#include "dsdt_aml.h"
#include "pci.h"
#include "power.h"

#include <string.h>

/* A table is written front to back; its length and checksum are filled in when it is whole. */
struct builder {
	uint8_t *out;
	uint32_t base; /* guest-physical, of out */
	size_t at;     /* next free byte */
	size_t start;  /* of the table being built */
};

enum { HEADER_LENGTH = 4, HEADER_CHECKSUM = 9 };

static void put(struct builder *b, const void *bytes, size_t len)
{
	BUG_ON(len > ACPI_SIZE - b->at);
	memcpy(b->out + b->at, bytes, len);
	b->at += len;
}

/* Little-endian; len is at most 8 bytes. */
static void put_number(struct builder *b, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put(b, &(uint8_t){ (uint8_t)(v >> (8 * i)) }, 1);
}

uint8_t acpi_checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

/* The common header, ACPI 6.5, 5.2.6. */
static void table_begin(struct builder *b, const char *signature, uint8_t revision)
{
	b->at = (b->at + 15) & ~(size_t)15;
	b->start = b->at;
	put(b, signature, 4);
	put_number(b, 0, 4); /* length */
	put_number(b, revision, 1);
	put_number(b, 0, 1); /* checksum */
	put(b, "ZWINGR", 6);
	put(b, "ZWINGER ", 8);
	put_number(b, 1, 4);
	put(b, "ZWNG", 4);
	put_number(b, 1, 4);
}

/* Returns the guest-physical address of the table. */
static uint64_t table_end(struct builder *b)
{
	uint32_t len = (uint32_t)(b->at - b->start);

	for (unsigned i = 0; i < 4; i++)
		b->out[b->start + HEADER_LENGTH + i] = (uint8_t)(len >> (8 * i));
	b->out[b->start + HEADER_CHECKSUM] = 0;
	b->out[b->start + HEADER_CHECKSUM] = acpi_checksum(b->out + b->start, len);
	return b->base + b->start;
}

/* A generic address of one byte in I/O space, 5.2.3.2. */
static void put_port(struct builder *b, uint16_t port)
{
	put_number(b, 1, 1); /* system I/O */
	put_number(b, 8, 1); /* bits */
	put_number(b, 0, 1);
	put_number(b, 1, 1); /* byte access */
	put_number(b, port, 8);
}

static void put_zeros(struct builder *b, size_t len)
{
	while (len-- > 0)
		put(b, "", 1);
}

#define BOOT_ARCH_NO_VGA       (1u << 2)
#define FADT_WBINVD	       (1u << 0)
#define FADT_POWER_BUTTON_NONE (1u << 4)
#define FADT_SLEEP_BUTTON_NONE (1u << 5)
#define FADT_RESET_REG	       (1u << 10)
#define FADT_HARDWARE_REDUCED  (1u << 20)

/* 5.2.9; offsets at the right are those of the specification. */
static uint64_t fadt(struct builder *b, uint64_t dsdt)
{
	table_begin(b, "FACP", 6);
	put_number(b, 0, 4);		    /* 36: FACS, none when hardware-reduced */
	put_number(b, dsdt, 4);		    /* 40 */
	put_zeros(b, 108 - 44);		    /* 44: ACPI 1.0 hardware, none */
	put_number(b, 0x32, 1);		    /* 108: the century register of the RTC */
	put_number(b, BOOT_ARCH_NO_VGA, 2); /* 109 */
	put_zeros(b, 1);
	put_number(b,
		   FADT_WBINVD | FADT_POWER_BUTTON_NONE | FADT_SLEEP_BUTTON_NONE |
			   FADT_RESET_REG | FADT_HARDWARE_REDUCED,
		   4);			     /* 112 */
	put_port(b, POWER_PORT + 2);	     /* 116: reset register */
	put_number(b, POWER_RESET_VALUE, 1); /* 128 */
	put_number(b, 0, 2);		     /* 129: ARM only */
	put_number(b, 5, 1);		     /* 131: minor version */
	put_number(b, 0, 8);		     /* 132: X_FACS */
	put_number(b, dsdt, 8);		     /* 140: X_DSDT */
	put_zeros(b, 244 - 148);	     /* 148: X_ of the same hardware */
	put_port(b, POWER_PORT);	     /* 244: sleep control */
	put_port(b, POWER_PORT + 1);	     /* 256: sleep status */
	put(b, "ZWINGER", 8);		     /* 268: hypervisor vendor */
	return table_end(b);
}

/* 5.2.12: processors are enabled; ISA interrupts are wired straight to the IOAPIC's pins. */
static uint64_t madt(struct builder *b, unsigned cpu_count)
{
	table_begin(b, "APIC", 5);
	put_number(b, LAPIC_START, 4);
	put_number(b, 0, 4); /* no 8259 */
	for (unsigned i = 0; i < cpu_count; i++) {
		put_number(b, 0, 1); /* processor local APIC */
		put_number(b, 8, 1);
		put_number(b, i, 1);
		put_number(b, i, 1);
		put_number(b, 1, 4); /* enabled */
	}
	put_number(b, 1, 1); /* IOAPIC */
	put_number(b, 12, 1);
	put_number(b, 0, 2); /* its id; KVM's is 0 after reset */
	put_number(b, IOAPIC_START, 4);
	put_number(b, 0, 4);
	return table_end(b);
}

/* PCI Firmware 3.0, 4.1.2. */
static uint64_t mcfg(struct builder *b)
{
	table_begin(b, "MCFG", 1);
	put_zeros(b, 8);
	put_number(b, PCI_ECAM_START, 8);
	put_number(b, 0, 2);				  /* segment */
	put_number(b, 0, 1);				  /* first bus */
	put_number(b, PCI_ECAM_SIZE / (1u << 20) - 1, 1); /* last bus */
	put_zeros(b, 4);
	return table_end(b);
}

/* 5.2.5.3 */
static void rsdp(struct builder *b, uint64_t xsdt)
{
	struct builder r = { .out = b->out };

	put(&r, "RSD PTR ", 8);
	put_number(&r, 0, 1);
	put(&r, "ZWINGR", 6);
	put_number(&r, 2, 1);
	put_number(&r, 0, 4);
	put_number(&r, ACPI_RSDP_SIZE, 4);
	put_number(&r, xsdt, 8);
	put_zeros(&r, 4);
	r.out[8] = acpi_checksum(r.out, 20);
	r.out[32] = acpi_checksum(r.out, ACPI_RSDP_SIZE);
}

size_t acpi_build(uint8_t table[ACPI_SIZE], uint32_t start, unsigned cpu_count)
{
	struct builder b = { .out = table, .base = start };
	uint64_t entry[3], dsdt;

	b.at = b.start = 64; /* behind the RSDP */
	put(&b, dsdt_aml_code, sizeof(dsdt_aml_code));
	dsdt = table_end(&b);
	entry[0] = fadt(&b, dsdt);
	entry[1] = madt(&b, cpu_count);
	entry[2] = mcfg(&b);

	table_begin(&b, "XSDT", 1);
	for (unsigned i = 0; i < 3; i++)
		put_number(&b, entry[i], 8);
	rsdp(&b, table_end(&b));
	return b.at;
}

bool acpi_write(const struct gmem *mem, uint32_t start, unsigned cpu_count)
{
	static uint8_t table[ACPI_SIZE];
	size_t len = acpi_build(table, start, cpu_count);

	return gmem_write(mem, gpa(start), table, len);
}
