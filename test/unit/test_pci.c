/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "pci.h"

enum { CF8 = PCI_CONFIG_PORT, CFC = PCI_CONFIG_PORT + 4 };

static struct pci pci;
static struct pci_device nic; /* stands at 00:05.0 */
static struct bus ports, mmio;

static uint64_t read_at(const struct bus *b, uint64_t addr, uint32_t len)
{
	uint8_t data[8] = { 0 };

	bus_dispatch(b, addr, data, len, false);
	return bus_value(&(struct bus_access){ 0, len, false, data });
}

static void write_at(const struct bus *b, uint64_t addr, uint32_t len, uint64_t value)
{
	uint8_t data[8];

	bus_answer(&(struct bus_access){ 0, 8, false, data }, value);
	bus_dispatch(b, addr, data, len, true);
}

static int reset(void **state)
{
	(void)state;
	memset(&nic, 0, sizeof(nic));
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
		nic.config[i] = (uint8_t)(i ^ 0x5a);
	nic.writable[0x3c] = 0xff;
	nic.writable[0x04] = 0x06;
	nic.writable[0xff] = 0x80;
	pci_init(&pci);
	pci.slot[5] = &nic;
	ports.count = mmio.count = 0;
	bus_claim(&ports, PCI_CONFIG_PORT, PCI_CONFIG_REGS, pci_port_access, &pci);
	bus_claim(&mmio, PCI_ECAM_START, PCI_ECAM_SIZE, pci_ecam_access, &pci);
	return 0;
}

static uint64_t ones(uint32_t len)
{
	return len == 8 ? UINT64_MAX : (1ull << (8 * len)) - 1;
}

static const uint32_t widths[] = { 1, 2, 4, 8 };

/* What a guest reads of a device by ECAM: its 256 bytes, then zeros, then the edge. */
static uint64_t expected(const struct pci_device *d, uint64_t offset, uint32_t len)
{
	uint64_t v = 0;

	if (offset + len > 4096 || d == NULL)
		return ones(len);
	if (offset + len > PCI_CONFIG_SIZE)
		return 0;
	for (uint32_t i = 0; i < len; i++)
		v |= (uint64_t)d->config[offset + i] << (8 * i);
	return v;
}

/* CVE-2020-13754: every width at every offset, of devices present and absent. */
static void test_ecam_reads(void **state)
{
	static const struct {
		const char *name;
		uint32_t bdf;
		const struct pci_device *d;
	} rows[] = {
		{ "host bridge", 0, &pci.bridge },
		{ "function 1 of the host bridge", 1, NULL },
		{ "empty slot", 1 * 8, NULL },
		{ "a device", 5 * 8, &nic },
		{ "function 7 of the device", 5 * 8 + 7, NULL },
		{ "last function of the bus", 255, NULL },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned w = 0; w < 4; w++)
			for (uint64_t offset = 0; offset < 4096; offset++) {
				uint64_t base = PCI_ECAM_START + rows[i].bdf * 4096ull;

				if (read_at(&mmio, base + offset, widths[w]) ==
				    expected(rows[i].d, offset, widths[w]))
					continue;
				print_error("row: %s: %u bytes at 0x%llx\n", rows[i].name,
					    widths[w], (unsigned long long)offset);
				wrong++;
			}
	assert_int_equal(wrong, 0);
}

static void test_edges_of_the_window(void **state)
{
	static const struct {
		const char *name;
		uint64_t addr;
		uint32_t len;
		uint64_t answer;
	} rows[] = {
		{ "first bytes", PCI_ECAM_START, 4, 0x00081b36 },
		{ "one before", PCI_ECAM_START - 1, 1, 0xff },
		{ "from before into it", PCI_ECAM_START - 1, 2, 0xffff },
		{ "last byte", PCI_ECAM_START + PCI_ECAM_SIZE - 1, 1, 0xff },
		{ "last byte, word", PCI_ECAM_START + PCI_ECAM_SIZE - 1, 2, 0xffff },
		{ "last byte, dword", PCI_ECAM_START + PCI_ECAM_SIZE - 1, 4, 0xffffffff },
		{ "last byte, qword", PCI_ECAM_START + PCI_ECAM_SIZE - 1, 8, UINT64_MAX },
		{ "one past", PCI_ECAM_START + PCI_ECAM_SIZE, 8, UINT64_MAX },
		{ "from one function into the next", PCI_ECAM_START + 4095, 2, 0xffff },
		{ "from an absent one into the device", PCI_ECAM_START + 5 * 8 * 4096 - 1, 2,
		  0xffff },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (read_at(&mmio, rows[i].addr, rows[i].len) == rows[i].answer)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Everything is read-only but what a device has declared writable, by both mechanisms. */
static void test_writes(void **state)
{
	struct pci_device bridge = pci.bridge, before = nic;

	(void)state;
	for (unsigned w = 0; w < 4; w++)
		for (uint64_t offset = 0; offset < PCI_ECAM_SIZE; offset++)
			write_at(&mmio, PCI_ECAM_START + offset, widths[w], UINT64_MAX);
	before.config[0x3c] = 0xff;
	before.config[0x04] |= 0x06;
	before.config[0xff] |= 0x80;
	assert_memory_equal(&pci.bridge, &bridge, sizeof(bridge));
	assert_memory_equal(&nic, &before, sizeof(nic));

	for (uint64_t offset = 0; offset < PCI_ECAM_SIZE; offset += 4) {
		write_at(&ports, CF8, 4, 0x80000000 | offset);
		write_at(&ports, CFC, 4, 0);
	}
	before.config[0x3c] = 0;
	before.config[0x04] &= 0xf9;
	before.config[0xff] &= 0x7f;
	assert_memory_equal(&pci.bridge, &bridge, sizeof(bridge));
	assert_memory_equal(&nic, &before, sizeof(nic));
}

/* Every register of every function of bus 0, and of a bus that is not there. */
static void test_both_mechanisms_agree(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (uint32_t bdf = 0; bdf < 256; bdf++)
		for (uint32_t offset = 0; offset < 256; offset += 4) {
			uint64_t ecam = PCI_ECAM_START + bdf * 4096ull + offset;

			write_at(&ports, CF8, 4, 0x80000000 | bdf << 8 | offset);
			wrong += read_at(&ports, CFC, 4) != read_at(&mmio, ecam, 4);
			for (uint32_t i = 0; i < 4; i++)
				wrong += read_at(&ports, CFC + i, 1) !=
					 read_at(&mmio, ecam + i, 1);
			for (uint32_t i = 0; i < 3; i++)
				wrong += read_at(&ports, CFC + i, 2) !=
					 read_at(&mmio, ecam + i, 2);
			write_at(&ports, CF8, 4, 0x80010000 | bdf << 8 | offset);
			wrong += read_at(&ports, CFC, 4) != 0xffffffff;
		}
	assert_int_equal(wrong, 0);
}

/* One row: a write to the address port, then one access. */
static void test_config_ports(void **state)
{
	static const struct {
		const char *name;
		uint64_t port; /* where the address is written, how wide, which */
		uint32_t len, address;
		uint64_t from;
		uint32_t from_len;
		uint64_t answer;
	} rows[] = {
		{ "address reads back", CF8, 4, 0x80002804, CF8, 4, 0x80002804 },
		{ "address without reserved bits", CF8, 4, 0xffffffff, CF8, 4, 0x80fffffc },
		{ "address by a byte is ignored", CF8, 1, 0x80, CF8, 4, 0 },
		{ "address by a word is ignored", CF8, 2, 0x8000, CF8, 4, 0 },
		{ "address by its upper half is ignored", CF8 + 2, 2, 0x8000, CF8, 4, 0 },
		{ "address across into the data", CF8 + 2, 4, 0x80008000, CF8, 4, 0 },
		{ "address read by a byte", CF8, 4, 0x80000000, CF8, 1, 0xff },
		{ "address read by a word", CF8, 4, 0x80000000, CF8, 2, 0xffff },
		{ "across address and data", CF8, 4, 0x80000000, CF8 + 2, 4, 0xffffffff },
		{ "eight bytes", CF8, 4, 0x80000000, CF8, 8, UINT64_MAX },
		{ "data not enabled", CF8, 4, 0, CFC, 4, 0xffffffff },
		{ "data", CF8, 4, 0x80000000, CFC, 4, 0x00081b36 },
		{ "data, upper word", CF8, 4, 0x80000000, CFC + 2, 2, 0x0008 },
		{ "data, second byte", CF8, 4, 0x80000000, CFC + 1, 1, 0x1b },
		{ "data over the edge", CF8, 4, 0x80000000, CFC + 1, 4, 0xffffffff },
		{ "low bits of the address do not count", CF8, 4, 0x80000003, CFC, 4,
		  0x00081b36 },
		{ "class", CF8, 4, 0x80000008, CFC + 2, 2, 0x0600 },
		{ "last register", CF8, 4, 0x800028fc, CFC, 4, 0xa5a4a7a6 },
		{ "last register, last byte", CF8, 4, 0x800028fc, CFC + 3, 1, 0xa5 },
		{ "absent device", CF8, 4, 0x80000800, CFC, 4, 0xffffffff },
		{ "absent function", CF8, 4, 0x80000100, CFC, 2, 0xffff },
		{ "absent bus", CF8, 4, 0x80ff0000, CFC, 1, 0xff },
		{ "extended register bits are reserved", CF8, 4, 0x8f000000, CFC, 4,
		  0x00081b36 },
	};
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t got;

		reset(state);
		write_at(&ports, rows[i].port, rows[i].len, rows[i].address);
		got = read_at(&ports, rows[i].from, rows[i].from_len);
		if (got == rows[i].answer)
			continue;
		print_error("row: %s: 0x%llx\n", rows[i].name, (unsigned long long)got);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_set16(void **state)
{
	(void)state;
	pci_set16(&nic, 0x10, 0xabcd);
	assert_int_equal(nic.config[0x10], 0xcd);
	assert_int_equal(nic.config[0x11], 0xab);
	assert_int_equal(nic.config[0x12], 0x12 ^ 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ecam_reads, reset),
		cmocka_unit_test_setup(test_edges_of_the_window, reset),
		cmocka_unit_test_setup(test_writes, reset),
		cmocka_unit_test_setup(test_both_mechanisms_agree, reset),
		cmocka_unit_test_setup(test_config_ports, reset),
		cmocka_unit_test_setup(test_set16, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
