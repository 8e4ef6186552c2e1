/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cpuid_x86.h"

enum reg { EAX, EBX, ECX, EDX };

#define X 0xffffffffu

/* A host of 8 cores with 2 threads each, seen from its APIC id 13; what we rewrite is noise. */
static const struct kvm_cpuid_entry2 host[] = {
	{ .function = 0, .eax = 0x1f, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
	{ .function = 1,
	  .eax = 0x906ea,
	  .ebx = 0x0d100800,
	  .ecx = 0x76fa3203,
	  .edx = 0x1fabfbff },
	{ .function = 4, .index = 0, .eax = 0x1c004121, .ebx = 0x01c0003f, .ecx = 0x3f },
	{ .function = 4, .index = 1, .eax = 0x1c004122, .ebx = 0x01c0003f, .ecx = 0x3f },
	{ .function = 4, .index = 2, .eax = 0x1c004143, .ebx = 0x00c0003f, .ecx = 0x3ff },
	{ .function = 4, .index = 3, .eax = 0x1c03c163, .ebx = 0x03c0003f, .ecx = 0x3fff },
	{ .function = 4, .index = 4, .eax = 0 },
	{ .function = 7, .eax = 2, .ebx = 0x29c6fbf, .ecx = 0, .edx = 0x9c000000 },
	{ .function = 0xb, .index = 0, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 13 },
	{ .function = 0xb, .index = 1, .eax = 4, .ebx = 16, .ecx = 0x201, .edx = 13 },
	{ .function = 0xb, .index = 2, .eax = X, .ebx = X, .ecx = X, .edx = 13 },
	{ .function = 0x1f, .index = 0, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 13 },
	{ .function = 0x1f, .index = 1, .eax = 4, .ebx = 16, .ecx = 0x201, .edx = 13 },
	{ .function = 0x1f, .index = 2, .eax = X, .ebx = X, .ecx = 0x302, .edx = 13 },
	{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b },
	{ .function = 0x40000001, .eax = 0x01007efb },
	{ .function = 0x80000001, .ecx = 0x123, .edx = 0x2c100800 },
	{ .function = 0x80000008, .eax = 0x3027, .ecx = 0x0003700f },
	{ .function = 0x8000001d, .index = 0, .eax = 0x00004121, .ebx = 0x01c0003f },
	{ .function = 0x8000001d, .index = 3, .eax = 0x0003c163, .ebx = 0x03c0003f },
	{ .function = 0x8000001e, .eax = 13, .ebx = 0x106, .ecx = 0x707 },
};

static struct cpuid cpuid;

static int reset(void **state)
{
	(void)state;
	memset(&cpuid, 0, sizeof(cpuid));
	cpuid.count = sizeof(host) / sizeof(host[0]);
	memcpy(cpuid.entry, host, sizeof(host));
	return 0;
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function, uint32_t index)
{
	static const struct kvm_cpuid_entry2 none = { .eax = 0xdead };

	for (uint32_t i = 0; i < cpuid.count; i++)
		if (cpuid.entry[i].function == function && cpuid.entry[i].index == index)
			return &cpuid.entry[i];
	return &none;
}

static uint32_t value(uint32_t function, uint32_t index, enum reg r)
{
	const struct kvm_cpuid_entry2 *e = leaf(function, index);
	const uint32_t regs[] = { e->eax, e->ebx, e->ecx, e->edx };

	return regs[r];
}

/* The last vCPU of a machine with so many, and bits of one register that it must find. */
static const struct {
	const char *name;
	uint32_t function, index;
	enum reg reg;
	uint32_t mask;
	uint32_t expected[4]; /* with 1, 2, 3 and 64 vCPUs */
} rows[] = {
	{ "vendor stays", 0, 0, EBX, X, { 0x756e6547, 0x756e6547, 0x756e6547, 0x756e6547 } },
	{ "family stays", 1, 0, EAX, X, { 0x906ea, 0x906ea, 0x906ea, 0x906ea } },
	{ "CLFLUSH size stays", 1, 0, EBX, 0xffff, { 0x0800, 0x0800, 0x0800, 0x0800 } },
	{ "logical processors", 1, 0, EBX, 0xff0000, { 0x10000, 0x20000, 0x30000, 0x400000 } },
	{ "initial APIC id", 1, 0, EBX, 0xff000000, { 0, 0x1000000, 0x2000000, 0x3f000000 } },
	{ "HTT: more than one", 1, 0, EDX, 1u << 28, { 0, 1u << 28, 1u << 28, 1u << 28 } },
	{ "other features stay",
	  1,
	  0,
	  EDX,
	  0xefffffff,
	  { 0xfabfbff, 0xfabfbff, 0xfabfbff, 0xfabfbff } },
	{ "x2APIC", 1, 0, ECX, 1u << 21, { 1u << 21, 1u << 21, 1u << 21, 1u << 21 } },
	{ "hypervisor", 1, 0, ECX, 1u << 31, { 1u << 31, 1u << 31, 1u << 31, 1u << 31 } },

	{ "L1d: one core's", 4, 0, EAX, 0x03ffc000, { 0, 0, 0, 0 } },
	{ "L1i: one core's", 4, 1, EAX, 0x03ffc000, { 0, 0, 0, 0 } },
	{ "L2: one core's", 4, 2, EAX, 0x03ffc000, { 0, 0, 0, 0 } },
	{ "L3: all cores'", 4, 3, EAX, 0x03ffc000, { 0, 1u << 14, 2u << 14, 63u << 14 } },
	{ "core ids", 4, 0, EAX, 0xfc000000, { 0, 1u << 26, 3u << 26, 63u << 26 } },
	{ "core ids, L3", 4, 3, EAX, 0xfc000000, { 0, 1u << 26, 3u << 26, 63u << 26 } },
	{ "type and level stay", 4, 3, EAX, 0x3fff, { 0x163, 0x163, 0x163, 0x163 } },
	{ "sets stay", 4, 3, ECX, X, { 0x3fff, 0x3fff, 0x3fff, 0x3fff } },
	{ "no cache stays none", 4, 4, EAX, X, { 0, 0, 0, 0 } },

	{ "thread bits", 0xb, 0, EAX, X, { 0, 0, 0, 0 } },
	{ "threads of a core", 0xb, 0, EBX, X, { 1, 1, 1, 1 } },
	{ "level 0 is threads", 0xb, 0, ECX, X, { 0x100, 0x100, 0x100, 0x100 } },
	{ "x2APIC id", 0xb, 0, EDX, X, { 0, 1, 2, 63 } },
	{ "package bits", 0xb, 1, EAX, X, { 0, 1, 2, 6 } },
	{ "cores of the package", 0xb, 1, EBX, X, { 1, 2, 3, 64 } },
	{ "level 1 is cores", 0xb, 1, ECX, X, { 0x201, 0x201, 0x201, 0x201 } },
	{ "x2APIC id at level 1", 0xb, 1, EDX, X, { 0, 1, 2, 63 } },
	{ "level 2 has no bits", 0xb, 2, EAX, X, { 0, 0, 0, 0 } },
	{ "level 2 has no processors", 0xb, 2, EBX, X, { 0, 0, 0, 0 } },
	{ "level 2 ends the list", 0xb, 2, ECX, X, { 2, 2, 2, 2 } },
	{ "x2APIC id at level 2", 0xb, 2, EDX, X, { 0, 1, 2, 63 } },
	{ "v2: thread bits", 0x1f, 0, EAX, X, { 0, 0, 0, 0 } },
	{ "v2: threads of a core", 0x1f, 0, EBX, X, { 1, 1, 1, 1 } },
	{ "v2: package bits", 0x1f, 1, EAX, X, { 0, 1, 2, 6 } },
	{ "v2: cores of the package", 0x1f, 1, EBX, X, { 1, 2, 3, 64 } },
	{ "v2: level 2 ends the list", 0x1f, 2, ECX, X, { 2, 2, 2, 2 } },

	{ "AMD: CmpLegacy", 0x80000001, 0, ECX, X, { 0x121, 0x123, 0x123, 0x123 } },
	{ "AMD: cores", 0x80000008, 0, ECX, 0xff, { 0, 1, 2, 63 } },
	{ "AMD: id bits", 0x80000008, 0, ECX, 0xf000, { 0, 0x1000, 0x2000, 0x6000 } },
	{ "AMD: other bits stay",
	  0x80000008,
	  0,
	  ECX,
	  0xffff0f00,
	  { 0x30000, 0x30000, 0x30000, 0x30000 } },
	{ "AMD: address sizes stay",
	  0x80000008,
	  0,
	  EAX,
	  X,
	  { 0x3027, 0x3027, 0x3027, 0x3027 } },
	{ "AMD: L1", 0x8000001d, 0, EAX, X, { 0x121, 0x121, 0x121, 0x121 } },
	{ "AMD: L3", 0x8000001d, 3, EAX, X, { 0x163, 0x4163, 0x8163, 0xfc163 } },
	{ "AMD: extended APIC id", 0x8000001e, 0, EAX, X, { 0, 1, 2, 63 } },
	{ "AMD: core id, one thread", 0x8000001e, 0, EBX, X, { 0, 1, 2, 63 } },
	{ "AMD: one node", 0x8000001e, 0, ECX, X, { 0, 0, 0, 0 } },

	{ "timing: announced",
	  0x40000000,
	  0,
	  EAX,
	  X,
	  { 0x40000010, 0x40000010, 0x40000010, 0x40000010 } },
	{ "timing: TSC", 0x40000010, 0, EAX, X, { 2900000, 2900000, 2900000, 2900000 } },
	{ "timing: LAPIC bus", 0x40000010, 0, EBX, X, { 1000000, 1000000, 1000000, 1000000 } },
	{ "KVM's features stay",
	  0x40000001,
	  0,
	  EAX,
	  X,
	  { 0x01007efb, 0x01007efb, 0x01007efb, 0x01007efb } },
	{ "leaf 7 stays", 7, 0, EBX, X, { 0x29c6fbf, 0x29c6fbf, 0x29c6fbf, 0x29c6fbf } },
};

static void test_topology(void **state)
{
	static const uint32_t cpu_counts[4] = { 1, 2, 3, 64 };
	unsigned wrong = 0;

	for (unsigned c = 0; c < 4; c++) {
		reset(state);
		/* One list serves all vCPUs in turn. */
		for (uint32_t id = 0; id < cpu_counts[c]; id++)
			cpuid_set_cpu(&cpuid, id, cpu_counts[c], 2900000, true);
		wrong += cpuid.count != sizeof(host) / sizeof(host[0]) + 1;
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			uint32_t v = value(rows[i].function, rows[i].index, rows[i].reg);

			if ((v & rows[i].mask) == rows[i].expected[c])
				continue;
			print_error("row: %s, %u vCPUs: 0x%x\n", rows[i].name, cpu_counts[c],
				    v);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* Each vCPU its own id, whatever the list said before. */
static void test_ids_are_unique(void **state)
{
	(void)state;
	for (uint32_t id = 64; id-- > 0;) {
		cpuid_set_cpu(&cpuid, id, 64, 0, false);
		assert_int_equal(value(1, 0, EBX) >> 24, id);
		assert_int_equal(value(0xb, 0, EDX), id);
		assert_int_equal(value(0x1f, 1, EDX), id);
		assert_int_equal(value(0x8000001e, 0, EAX), id);
	}
}

static void test_deadline_timer_only_if_the_host_has_it(void **state)
{
	cpuid_set_cpu(&cpuid, 0, 1, 0, true);
	assert_int_equal(value(1, 0, ECX) >> 24 & 1, 1);
	reset(state);
	cpuid.entry[1].ecx &= ~(1u << 24);
	cpuid_set_cpu(&cpuid, 0, 1, 0, false);
	assert_int_equal(value(1, 0, ECX) >> 24 & 1, 0);
}

static void test_unknown_frequency_is_not_told(void **state)
{
	(void)state;
	cpuid_set_cpu(&cpuid, 0, 1, 0, false);
	assert_int_equal(cpuid.count, sizeof(host) / sizeof(host[0]));
	assert_int_equal(value(0x40000000, 0, EAX), 0x40000001);
}

static void test_timing_needs_the_first_hypervisor_leaf(void **state)
{
	(void)state;
	cpuid.count = 8;
	cpuid_set_cpu(&cpuid, 0, 1, 2900000, false);
	assert_int_equal(cpuid.count, 8);
}

static void test_higher_hypervisor_leaves_stay_announced(void **state)
{
	(void)state;
	cpuid.entry[14].eax = 0x40000020;
	cpuid_set_cpu(&cpuid, 0, 1, 2900000, false);
	assert_int_equal(value(0x40000000, 0, EAX), 0x40000020);
	assert_int_equal(value(0x40000010, 0, EAX), 2900000);
}

static void test_full_list_is_left_alone(void **state)
{
	struct {
		struct cpuid list;
		uint32_t behind;
	} full = { .behind = 0x5a5a5a5a };

	(void)state;
	full.list = cpuid;
	full.list.count = CPUID_ENTRIES_MAX;
	cpuid_set_cpu(&full.list, 0, 1, 2900000, false);
	assert_int_equal(full.list.count, CPUID_ENTRIES_MAX);
	assert_int_equal(full.list.entry[14].eax, 0x40000001);
	assert_int_equal(full.behind, 0x5a5a5a5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_topology, reset),
		cmocka_unit_test_setup(test_ids_are_unique, reset),
		cmocka_unit_test_setup(test_deadline_timer_only_if_the_host_has_it, reset),
		cmocka_unit_test_setup(test_unknown_frequency_is_not_told, reset),
		cmocka_unit_test_setup(test_timing_needs_the_first_hypervisor_leaf, reset),
		cmocka_unit_test_setup(test_higher_hypervisor_leaves_stay_announced, reset),
		cmocka_unit_test_setup(test_full_list_is_left_alone, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
