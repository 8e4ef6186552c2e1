/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "acpi.h"
#include "irq.h"
#include "pci.h"
#include "power.h"
#include "rtc.h"
#include "serial.h"
#include "vm_config.h"

#define RSDP_SIZE   36
#define HEADER_SIZE 36

static uint8_t memory[ACPI_SIZE];
static size_t used;

static uint64_t number(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	for (size_t i = 0; i < len; i++)
		s = (uint8_t)(s + p[i]);
	return s;
}

static bool inside(uint64_t address, uint64_t len)
{
	return address >= ACPI_START && address - ACPI_START <= used &&
	       len <= used - (address - ACPI_START);
}

/* The table at a guest-physical address if it is whole: header, length, checksum. */
static const uint8_t *whole(uint64_t address, const char *signature)
{
	const uint8_t *t;
	uint64_t len;

	if (!inside(address, HEADER_SIZE))
		return NULL;
	t = memory + (address - ACPI_START);
	if (memcmp(t, signature, 4) != 0)
		return NULL;
	len = number(t + 4, 4);
	return len >= HEADER_SIZE && inside(address, len) && sum(t, len) == 0 ? t : NULL;
}

/* As a guest looks for a table: from the RSDP by way of the XSDT. */
static const uint8_t *table(const char *signature)
{
	const uint8_t *xsdt = whole(number(memory + 24, 8), "XSDT"), *found = NULL;

	for (uint64_t at = HEADER_SIZE; xsdt != NULL && at + 8 <= number(xsdt + 4, 4);
	     at += 8) {
		const uint8_t *t = whole(number(xsdt + at, 8), signature);

		found = t != NULL ? t : found;
	}
	return found;
}

static void build(unsigned cpu_count)
{
	memset(memory, 0xee, sizeof(memory));
	used = acpi_build(memory, ACPI_START, cpu_count);
}

static const unsigned cpu_counts[] = { 1, 2, 3, 64 };

static void test_every_table_is_whole(void **state)
{
	static const char *const signatures[] = { "FACP", "APIC", "MCFG" };

	(void)state;
	for (size_t c = 0; c < sizeof(cpu_counts) / sizeof(cpu_counts[0]); c++) {
		const uint8_t *xsdt;

		build(cpu_counts[c]);
		assert_in_range(used, 1, ACPI_SIZE);
		assert_int_equal(memory[used], 0xee);
		assert_memory_equal(memory, "RSD PTR ", 8);
		assert_int_equal(memory[15], 2);
		assert_int_equal(number(memory + 20, 4), RSDP_SIZE);
		assert_int_equal(sum(memory, 20), 0);
		assert_int_equal(sum(memory, RSDP_SIZE), 0);

		xsdt = whole(number(memory + 24, 8), "XSDT");
		assert_non_null(xsdt);
		assert_int_equal(number(xsdt + 4, 4), HEADER_SIZE + 3 * 8);
		for (unsigned i = 0; i < 3; i++)
			assert_non_null(
				whole(number(xsdt + HEADER_SIZE + 8 * i, 8), signatures[i]));
		assert_non_null(whole(number(table("FACP") + 40, 4), "DSDT"));
		assert_true(number(table("FACP") + 140, 8) == number(table("FACP") + 40, 4));
	}
}

static void test_tables_do_not_overlap(void **state)
{
	struct {
		uint64_t start, len;
	} t[6] = { { ACPI_START, RSDP_SIZE } };

	(void)state;
	build(VM_CPUS_MAX);
	t[1].start = number(memory + 24, 8);
	for (unsigned i = 0; i < 3; i++)
		t[2 + i].start =
			number(memory + (t[1].start - ACPI_START) + HEADER_SIZE + 8 * i, 8);
	t[5].start = number(table("FACP") + 140, 8);
	for (unsigned i = 1; i < 6; i++)
		t[i].len = number(memory + (t[i].start - ACPI_START) + 4, 4);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < i; j++)
			assert_true(t[i].start >= t[j].start + t[j].len ||
				    t[j].start >= t[i].start + t[i].len);
}

static void test_fadt(void **state)
{
	static const struct {
		const char *name;
		unsigned offset, len;
		uint64_t value;
	} rows[] = {
		{ "length", 4, 4, 276 },
		{ "revision", 8, 1, 6 },
		{ "no FACS", 36, 4, 0 },
		{ "no SMI port", 48, 4, 0 },
		{ "century register", 108, 1, 0x32 },
		{ "flags: reset register, hardware-reduced, no buttons", 112, 4, 0x100431 },
		{ "reset register: I/O space, 8 bits, bytes", 116, 4, 0x01000801 },
		{ "reset register: port", 120, 8, POWER_PORT + 2 },
		{ "reset value", 128, 1, POWER_RESET_VALUE },
		{ "minor revision", 131, 1, 5 },
		{ "no X_FACS", 132, 8, 0 },
		{ "sleep control: I/O space, 8 bits, bytes", 244, 4, 0x01000801 },
		{ "sleep control: port", 248, 8, POWER_PORT },
		{ "sleep status: I/O space, 8 bits, bytes", 256, 4, 0x01000801 },
		{ "sleep status: port", 260, 8, POWER_PORT + 1 },
	};
	const uint8_t *fadt;
	unsigned wrong = 0;

	(void)state;
	build(1);
	fadt = table("FACP");
	assert_non_null(fadt);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (number(fadt + rows[i].offset, rows[i].len) == rows[i].value)
			continue;
		print_error("row: %s: 0x%llx\n", rows[i].name,
			    (unsigned long long)number(fadt + rows[i].offset, rows[i].len));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_madt(void **state)
{
	static const uint8_t ioapic[12] = { 1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0 };

	(void)state;
	assert_int_equal(number(ioapic + 4, 4), IOAPIC_START);
	for (size_t c = 0; c < sizeof(cpu_counts) / sizeof(cpu_counts[0]); c++) {
		const uint8_t *madt, *at;

		build(cpu_counts[c]);
		madt = table("APIC");
		assert_non_null(madt);
		assert_int_equal(number(madt + 4, 4), 44 + 8 * cpu_counts[c] + sizeof(ioapic));
		assert_int_equal(number(madt + 36, 4), LAPIC_START);
		assert_int_equal(number(madt + 40, 4), 0);
		at = madt + 44;
		for (unsigned id = 0; id < cpu_counts[c]; id++, at += 8) {
			const uint8_t cpu[8] = { 0, 8, (uint8_t)id, (uint8_t)id, 1, 0, 0, 0 };

			assert_memory_equal(at, cpu, sizeof(cpu));
		}
		assert_memory_equal(at, ioapic, sizeof(ioapic));
	}
}

static void test_mcfg(void **state)
{
	const uint8_t *mcfg;

	(void)state;
	build(1);
	mcfg = table("MCFG");
	assert_non_null(mcfg);
	assert_int_equal(number(mcfg + 4, 4), 60);
	assert_true(number(mcfg + 44, 8) == PCI_ECAM_START);
	assert_int_equal(number(mcfg + 52, 2), 0);
	assert_int_equal(mcfg[54], 0);
	assert_int_equal(((uint64_t)mcfg[55] + 1) << 20, PCI_ECAM_SIZE);
}

#define LE16(v) (uint8_t)((v)&0xff), (uint8_t)((v) >> 8 & 0xff)
#define LE32(v) LE16(v), LE16((v) >> 16)

/* Resource descriptors (ACPI 6.5, 6.4) with the numbers of the modules that they describe. */
static const struct {
	const char *name;
	uint8_t bytes[26];
	size_t len;
} resources[] = {
	{ "PCI window, DWordMemory",
	  { 0x87, 0x17, 0, 0, 0x0c, 0x01, LE32(0), LE32(PCI_MMIO_START),
	    LE32(PCI_MMIO_START + PCI_MMIO_SIZE - 1), LE32(0), LE32(PCI_MMIO_SIZE) },
	  26 },
	{ "PCI buses: one for each MiB of ECAM",
	  { 0x88, 0x0d, 0, 2, 0x0c, 0, LE16(0), LE16(0), LE16(PCI_ECAM_SIZE / (1 << 20) - 1),
	    LE16(0), LE16(PCI_ECAM_SIZE / (1 << 20)) },
	  16 },
	{ "PCI configuration ports",
	  { 0x47, 1, LE16(PCI_CONFIG_PORT), LE16(PCI_CONFIG_PORT), 1, PCI_CONFIG_REGS },
	  8 },
	{ "ECAM, Memory32Fixed",
	  { 0x86, 9, 0, 1, LE32(PCI_ECAM_START), LE32(PCI_ECAM_SIZE) },
	  12 },
	{ "serial port", { 0x47, 1, LE16(SERIAL_PORT), LE16(SERIAL_PORT), 0, SERIAL_REGS }, 8 },
	{ "serial port's interrupt", { 0x22, LE16(1 << IRQ_SERIAL) }, 3 },
	{ "clock", { 0x47, 1, LE16(RTC_PORT), LE16(RTC_PORT), 0, RTC_REGS }, 8 },
	{ "sleep type of S5",
	  { 0x08, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, POWER_S5_TYPE, 0x0a, POWER_S5_TYPE },
	  12 },
};

static void test_dsdt_repeats_the_numbers_of_the_devices(void **state)
{
	const uint8_t *dsdt;
	uint64_t len;
	unsigned wrong = 0;

	(void)state;
	build(1);
	assert_non_null(table("FACP"));
	dsdt = whole(number(table("FACP") + 140, 8), "DSDT");
	assert_non_null(dsdt);
	len = number(dsdt + 4, 4);
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		unsigned found = 0;

		for (uint64_t at = HEADER_SIZE; at + resources[i].len <= len; at++)
			found += memcmp(dsdt + at, resources[i].bytes, resources[i].len) == 0;
		if (found == 1)
			continue;
		print_error("row: %s: found %u times\n", resources[i].name, found);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_write_needs_memory(void **state)
{
	static uint8_t ram[ACPI_SIZE];
	struct gmem_region whole_region = { ACPI_START, ACPI_SIZE, ram };
	struct gmem_region one_short = { ACPI_START + 1, ACPI_SIZE - 1, ram };
	struct gmem_region small = { ACPI_START, 512, ram };
	struct gmem mem;

	(void)state;
	memset(memory, 0, sizeof(memory));
	used = acpi_build(memory, ACPI_START, 3);
	assert_true(gmem_init(&mem, &whole_region, 1));
	assert_true(acpi_write(&mem, ACPI_START, 3));
	assert_memory_equal(ram, memory, used);
	assert_true(gmem_init(&mem, &one_short, 1));
	assert_false(acpi_write(&mem, ACPI_START, 3));
	assert_true(gmem_init(&mem, &small, 1));
	assert_false(acpi_write(&mem, ACPI_START, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_table_is_whole),
		cmocka_unit_test(test_tables_do_not_overlap),
		cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_mcfg),
		cmocka_unit_test(test_dsdt_repeats_the_numbers_of_the_devices),
		cmocka_unit_test(test_write_needs_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
