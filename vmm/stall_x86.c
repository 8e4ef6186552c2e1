/* SPDX-License-Identifier: ISC */
#include "stall.h"

#include "log.h"
#include "vcpu.h"

#include <stdio.h>
#include <sys/ioctl.h>

#define INSTRUCTION_MAX 15
#define EFER_LMA	(1ull << 10)
#define CR0_PE		1u

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

static void say_reason(const struct vcpu *v)
{
	const struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
			log_error(
				"KVM cannot emulate an instruction of the guest (vCPU %u). On "
				"hardware KVM the guest ran into memory that is not RAM. On a PVM "
				"host (see `zwinger check`) kernel code of a stock Linux cannot "
				"run: use scripts/lab there",
				v->id);
		else
			log_error(
				"KVM failed inside vCPU %u (internal error %u): see the host's "
				"kernel log",
				v->id, run->internal.suberror);
		return;
	case KVM_EXIT_FAIL_ENTRY:
		log_error("the processor refused the guest's state on vCPU %u (reason 0x%llx)",
			  v->id,
			  (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return;
	case KVM_EXIT_MEMORY_FAULT:
		log_error("the host cannot provide the guest's memory to vCPU %u", v->id);
		return;
	default:
		log_error("vCPU %u stopped for a reason this program does not know (exit %u)",
			  v->id, run->exit_reason);
	}
}

/* The bytes at RIP, through the guest's own page tables. */
static size_t fetch(const struct vcpu *v, uint64_t linear, uint8_t bytes[INSTRUCTION_MAX])
{
	size_t n = 0;

	while (n < INSTRUCTION_MAX) {
		struct kvm_translation t = { .linear_address = linear + n };

		if (ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid ||
		    !gmem_read(v->world->mem, gpa(t.physical_address), &bytes[n], 1))
			break;
		n++;
	}
	return n;
}

void stall_report(const struct vcpu *v)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	uint8_t bytes[INSTRUCTION_MAX];
	char text[3 * INSTRUCTION_MAX + 1] = "none readable";
	const char *mode;
	size_t n;

	say_reason(v);
	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return;
	mode = (s.cr0 & CR0_PE) == 0	  ? "real mode"
	       : (s.efer & EFER_LMA) == 0 ? "protected mode"
	       : s.cs.l			  ? "64-bit mode"
					  : "compatibility mode";
	n = fetch(v, s.cs.base + r.rip, bytes);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 3 * i, 4, "%02x ", bytes[i]);
	log_error("vCPU %u: RIP 0x%llx, ring %u, %s, instruction bytes: %s", v->id,
		  (unsigned long long)r.rip, s.cs.selector & 3u, mode, text);
}
