/* SPDX-License-Identifier: ISC */
/* Leaves by Intel SDM vol. 2A, CPUID, and AMD APM vol. 3, appendix E. */
#include "cpuid_x86.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#define LEAF1_ECX_X2APIC       (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_EDX_HTT	       (1u << 28)
#define LEAFB_TYPE_SMT	       (1u << 8)
#define LEAFB_TYPE_CORE	       (2u << 8)
#define AMD_ECX_CMP_LEGACY     (1u << 1)

#define LEAF_KVM_TIMING                                                                        \
	0x40000010u	       /* kHz of TSC and of the LAPIC bus; from VMware, read by Linux */
#define LAPIC_BUS_KHZ 1000000u /* KVM's APIC bus: 1 ns a cycle */

_Static_assert(offsetof(struct cpuid, count) == offsetof(struct kvm_cpuid2, nent) &&
		       offsetof(struct cpuid, entry) == offsetof(struct kvm_cpuid2, entries),
	       "KVM's layout");

int cpuid_init(struct cpuid *c, int kvm_fd)
{
	memset(c, 0, sizeof(*c));
	c->count = CPUID_ENTRIES_MAX;
	return ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0 ? -errno : 0;
}

/* The number of APIC id bits that tell cores apart. */
static uint32_t id_bits(uint32_t cpu_count)
{
	return cpu_count > 1 ? 32 - (uint32_t)__builtin_clz(cpu_count - 1) : 0;
}

/* The extended topology leaves 0xb, 0x1f: one thread a core, all cores in one package. */
static void set_topology(struct kvm_cpuid_entry2 *e, uint32_t id, uint32_t cpu_count)
{
	e->eax = e->ebx = 0;
	e->ecx = e->index;
	e->edx = id;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= LEAFB_TYPE_SMT;
	} else if (e->index == 1) {
		e->eax = id_bits(cpu_count);
		e->ebx = cpu_count;
		e->ecx |= LEAFB_TYPE_CORE;
	}
}

/* Caches: levels 1 and 2 belong to one core, level 3 to all. Both vendors' encodings agree. */
static void set_cache_sharing(struct kvm_cpuid_entry2 *e, uint32_t cpu_count, bool intel)
{
	uint32_t type = e->eax & 0x1f, level = e->eax >> 5 & 7;
	uint32_t cores = (1u << id_bits(cpu_count)) - 1;

	if (type == 0)
		return;
	e->eax &= intel ? 0x3fffu : 0xfc003fffu;
	e->eax |= (level >= 3 ? cpu_count - 1 : 0) << 14;
	if (intel)
		e->eax |= (cores < 63 ? cores : 63) << 26;
}

static void set_leaf(struct kvm_cpuid_entry2 *e, uint32_t id, uint32_t cpu_count,
		     bool tsc_deadline)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xffff) | cpu_count << 16 | id << 24;
		e->ecx |= LEAF1_ECX_X2APIC | LEAF1_ECX_HYPERVISOR;
		if (tsc_deadline)
			e->ecx |= LEAF1_ECX_TSC_DEADLINE;
		e->edx &= ~LEAF1_EDX_HTT;
		if (cpu_count > 1)
			e->edx |= LEAF1_EDX_HTT;
		break;
	case 4:
		set_cache_sharing(e, cpu_count, true);
		break;
	case 0xb:
	case 0x1f:
		set_topology(e, id, cpu_count);
		break;
	case 0x80000001:
		e->ecx &= ~AMD_ECX_CMP_LEGACY;
		if (cpu_count > 1)
			e->ecx |= AMD_ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | id_bits(cpu_count) << 12 | (cpu_count - 1);
		break;
	case 0x8000001d:
		set_cache_sharing(e, cpu_count, false);
		break;
	case 0x8000001e:
		e->eax = id;
		e->ebx = id; /* core id; one thread in it */
		e->ecx = 0;  /* node 0 of 1 */
		break;
	default:
		break;
	}
}

static struct kvm_cpuid_entry2 *find(struct cpuid *c, uint32_t function)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->entry[i].function == function)
			return &c->entry[i];
	return NULL;
}

/* The leaf of frequencies has to be announced by the first hypervisor leaf. */
static void add_timing(struct cpuid *c, uint32_t tsc_khz)
{
	struct kvm_cpuid_entry2 *first = find(c, 0x40000000), *e = find(c, LEAF_KVM_TIMING);

	if (first == NULL || tsc_khz == 0)
		return;
	if (e == NULL) {
		if (c->count == CPUID_ENTRIES_MAX)
			return;
		e = &c->entry[c->count++];
		*e = (struct kvm_cpuid_entry2){ .function = LEAF_KVM_TIMING };
	}
	if (first->eax < LEAF_KVM_TIMING)
		first->eax = LEAF_KVM_TIMING;
	e->eax = tsc_khz;
	e->ebx = LAPIC_BUS_KHZ;
}

void cpuid_set_cpu(struct cpuid *c, uint32_t id, uint32_t cpu_count, uint32_t tsc_khz,
		   bool tsc_deadline)
{
	for (uint32_t i = 0; i < c->count; i++)
		set_leaf(&c->entry[i], id, cpu_count, tsc_deadline);
	add_timing(c, tsc_khz);
}
