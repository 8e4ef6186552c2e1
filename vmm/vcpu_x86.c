/* SPDX-License-Identifier: ISC */
#include "vcpu.h"

#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_PE	  (1ull << 0)
#define CR0_MP	  (1ull << 1)
#define CR0_ET	  (1ull << 4)
#define CR0_NE	  (1ull << 5)
#define CR0_WP	  (1ull << 16)
#define CR0_PG	  (1ull << 31)
#define CR4_PAE	  (1ull << 5)
#define EFER_LME  (1ull << 8)
#define EFER_LMA  (1ull << 10)
#define FLAGS_ONE 2u /* bit 1 always reads as one */
#define BOOT_CS	  0x10
#define BOOT_DS	  0x18

#define MSR_MISC_ENABLE		0x1a0
#define MISC_ENABLE_FAST_STRING 1u

static enum status failed(const struct vcpu *v, const char *what)
{
	log_error("vCPU %u: %s: %s", v->id, what, strerror(errno));
	return STATUS_FAILED;
}

enum status vcpu_set_cpuid(struct vcpu *v, struct cpuid *c)
{
	/* Laid out as struct kvm_msrs. */
	struct {
		uint32_t count, padding;
		struct kvm_msr_entry entry[1];
	} msrs = { .count = 1,
		   .entry = { { .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING } } };

	if (ioctl(v->fd, KVM_SET_CPUID2, c) < 0)
		return failed(v, "KVM_SET_CPUID2");
	/* What firmware leaves there. A host without the register refuses; nothing depends on it. */
	(void)ioctl(v->fd, KVM_SET_MSRS, &msrs);
	return STATUS_OK;
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .s = 1,
				     .g = 1,
				     .l = code,
				     .db = !code };
}

enum status vcpu_set_entry(struct vcpu *v, const struct kernel_entry *e)
{
	struct kvm_regs regs = { .rip = e->rip, .rsi = e->rsi, .rflags = FLAGS_ONE };
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return failed(v, "KVM_GET_SREGS");
	s.cs = flat(BOOT_CS, 0xb, true);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(BOOT_DS, 0x3, false);
	s.gdt = (struct kvm_dtable){ .base = e->gdt, .limit = e->gdt_limit };
	s.idt = (struct kvm_dtable){ 0 };
	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s.cr3 = e->page_root;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0)
		return failed(v, "KVM_SET_SREGS");
	if (ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
		return failed(v, "KVM_SET_REGS");
	return STATUS_OK;
}
