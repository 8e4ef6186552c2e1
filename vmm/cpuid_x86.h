/* SPDX-License-Identifier: ISC */
/*
 * What each vCPU answers to CPUID: what KVM supports on this host, with a topology of one
 * package of single-threaded cores and the frequencies that spare the guest a calibration.
 */
#ifndef CPUID_X86_H
#define CPUID_X86_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#define CPUID_ENTRIES_MAX 128

/* Laid out as struct kvm_cpuid2, with room; made once, adjusted for each vCPU. */
struct cpuid {
	uint32_t count;
	uint32_t padding;
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
};

/* KVM's list for this host. 0, or -errno. */
int cpuid_init(struct cpuid *c, int kvm_fd);

/*
 * Rewrites the leaves that differ between vCPUs, and those that describe the machine.
 * id is the APIC id, below cpu_count; tsc_khz is 0 if unknown.
 */
void cpuid_set_cpu(struct cpuid *c, uint32_t id, uint32_t cpu_count, uint32_t tsc_khz,
		   bool tsc_deadline);

#endif /* CPUID_X86_H */
