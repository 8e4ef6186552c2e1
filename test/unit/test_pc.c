/* SPDX-License-Identifier: ISC */
/* What images of kvm-unit-tests take for granted of a PC: the tables of ACPI 1.0, the ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "acpi.h"
#include "pc.h"

static uint8_t memory[0x200000];
static struct gmem guest;

static uint32_t number(uint64_t at)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v |= (uint32_t)memory[at + i] << 8 * i;
	return v;
}

static uint8_t sum(uint64_t at, size_t len)
{
	uint8_t s = 0;

	while (len-- > 0)
		s = (uint8_t)(s + memory[at++]);
	return s;
}

static void test_tables(void **state)
{
	const struct gmem_region r = { .size = sizeof(memory), .host = memory };
	uint32_t rsdt, fadt, xsdt;

	(void)state;
	assert_true(gmem_init(&guest, &r, 1));
	assert_true(pc_write_tables(&guest, VM_CPUS_MAX));
	assert_int_equal(sum(ACPI_START, 20), 0);
	assert_int_equal(sum(ACPI_START, ACPI_RSDP_SIZE), 0);
	rsdt = number(ACPI_START + 16);
	xsdt = number(ACPI_START + 24);
	assert_memory_equal(memory + xsdt, "XSDT", 4);
	assert_int_equal(sum(xsdt, number(xsdt + 4)), 0);
	assert_memory_equal(memory + rsdt, "RSDT", 4);
	assert_int_equal(number(rsdt + 4), 40);
	assert_int_equal(sum(rsdt, 40), 0);
	fadt = number(rsdt + 36);
	assert_memory_equal(memory + fadt, "FACP", 4);
	assert_int_equal(number(fadt + 4), 116);
	assert_int_equal(sum(fadt, 116), 0);
	assert_int_equal(number(fadt + 76), PC_TIMER_PORT);
	assert_int_equal(memory[fadt + 91], 4);
}

static void test_no_room_for_tables(void **state)
{
	const struct gmem_region r = { .size = 0x80000, .host = memory };

	(void)state;
	assert_true(gmem_init(&guest, &r, 1));
	assert_false(pc_write_tables(&guest, 1));
}

static struct machine machine = { .vm_fd = -1 };

static uint32_t get(uint16_t port, uint32_t len)
{
	uint8_t data[4] = { 0 };

	bus_dispatch(&machine.ports, port, data, len, false);
	return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
	       (uint32_t)data[3] << 24;
}

static void point(uint32_t address)
{
	uint8_t data[4] = { (uint8_t)address, (uint8_t)(address >> 8), (uint8_t)(address >> 16),
			    (uint8_t)(address >> 24) };

	bus_dispatch(&machine.ports, PCI_CONFIG_PORT, data, 4, true);
}

/* The low bits of the address count with those of the port, and what goes over the edge is nobody's. */
static void test_configuration(void **state)
{
	uint32_t ids;

	(void)state;
	pci_init(&machine.pci);
	bus_claim(&machine.ports, PCI_CONFIG_PORT, PCI_CONFIG_REGS, pci_port_access,
		  &machine.pci);
	pc_create(&machine);
	point(0x80000000);
	ids = get(0xcfc, 4);
	assert_int_not_equal(ids & 0xffff, ids >> 16);
	point(0x80000002);
	assert_int_equal(get(0xcfc, 2), ids >> 16);
	assert_int_equal(get(0xcfd, 1), ids >> 24);
	assert_int_equal(get(0xcfc, 4), UINT32_MAX);
	point(0x80000000);
	assert_int_equal(get(0xcfe, 2), ids >> 16);
}

static void test_timer(void **state)
{
	uint32_t first = get(PC_TIMER_PORT, 4), next;

	(void)state;
	do
		next = get(PC_TIMER_PORT, 4);
	while (next == first);
	assert_int_equal((first | next) >> 24, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_no_room_for_tables),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
