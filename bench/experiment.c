/* SPDX-License-Identifier: ISC */
#include "experiment.h"

#include <elf.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* The guest, as its build left it: one segment, at GUEST_START. */
__asm__(".section .data\n"
	".balign 4096\n"
	"guest_image:\n"
	".incbin \"" MICROGUEST_ELF "\"\n"
	"guest_image_end:\n"
	".previous\n");
extern uint8_t guest_image[], guest_image_end[];

#define NO_EVENTFD "zwinger-vmm has no ioeventfd on a port: a virtio device notifies by MMIO"
#define NO_RING                                                                                \
	"zwinger-vmm uses no coalesced MMIO: none of its devices takes writes by the dozen"
#define NO_FILTER "zwinger-vmm filters no MSR: KVM answers all of them"
#define NO_WAKING "nobody wakes a vCPU of zwinger-vmm by itself: see device"
#define NO_RETURN "zwinger-vmm never asks for it: none of its vCPUs is ever interrupted"

#define PORT(way, W, width, ring, suffix)                                                      \
	{                                                                                      \
		"port-" way "-" #width suffix,                                                 \
			"port " way " of " #width " byte to user space, ring " #ring,          \
			OP_PORT_##W, ring, width, GUEST_CONFIG_PORT,                           \
			.answer = BY_USER, .counter = "io_exits", .exact = true                \
	}
#define MMIO(way, W, width, ring, suffix)                                                      \
	{                                                                                      \
		"mmio-" way "-" #width suffix,                                                 \
			"MMIO " way " of " #width " byte to user space, ring " #ring,          \
			OP_MMIO_##W, ring, width, GUEST_ECAM,                                  \
			.answer = BY_USER, .counter = "mmio_exits", .exact = true              \
	}
#define PORT_EVENTFD(width)                                                                    \
	{                                                                                      \
		"port-eventfd-" #width, "port write of " #width " byte to an ioeventfd",       \
			OP_PORT_WRITE, 0, width, GUEST_DOORBELL_PORT,                          \
			.answer = BY_EVENTFD, .why_not = NO_EVENTFD, .counter = "exits"        \
	}
#define MMIO_EVENTFD(width, ring, suffix)                                                      \
	{                                                                                      \
		"mmio-eventfd-" #width suffix,                                                 \
			"MMIO write of " #width " byte to an ioeventfd, ring " #ring,          \
			OP_MMIO_WRITE, ring, width, GUEST_DOORBELL, .answer = BY_EVENTFD,      \
								    .counter = "exits"         \
	}
#define MMIO_KERNEL(way, W, width)                                                             \
	{                                                                                      \
		"mmio-" way "-" #width "-kernel",                                              \
			"MMIO " way " of " #width " byte to a device in the kernel (IOAPIC)",  \
			OP_MMIO_##W, 0, width, GUEST_IOAPIC, .answer = BY_KERNEL,              \
							     .counter = "exits"                \
	}

const struct experiment experiments[] = {
	PORT("write", WRITE, 1, 0, ""),
	PORT("write", WRITE, 2, 0, ""),
	PORT("write", WRITE, 4, 0, ""),
	PORT("read", READ, 1, 0, ""),
	PORT("read", READ, 2, 0, ""),
	PORT("read", READ, 4, 0, ""),
	PORT("write", WRITE, 4, 3, "-ring3"),
	PORT("read", READ, 4, 3, "-ring3"),
	PORT_EVENTFD(1),
	PORT_EVENTFD(2),
	PORT_EVENTFD(4),
	{ "port-write-1-kernel", "port write of 1 byte to a device in the kernel (8259)",
	  OP_PORT_WRITE, 0, 1, GUEST_PIC, .answer = BY_KERNEL, .counter = "exits" },
	{ "port-read-1-kernel", "port read of 1 byte from a device in the kernel (8259)",
	  OP_PORT_READ, 0, 1, GUEST_PIC, .answer = BY_KERNEL, .counter = "exits" },
	MMIO("write", WRITE, 1, 0, ""),
	MMIO("write", WRITE, 2, 0, ""),
	MMIO("write", WRITE, 4, 0, ""),
	MMIO("write", WRITE, 8, 0, ""),
	MMIO("read", READ, 1, 0, ""),
	MMIO("read", READ, 2, 0, ""),
	MMIO("read", READ, 4, 0, ""),
	MMIO("read", READ, 8, 0, ""),
	MMIO("write", WRITE, 4, 3, "-ring3"),
	MMIO("read", READ, 4, 3, "-ring3"),
	MMIO_EVENTFD(1, 0, ""),
	MMIO_EVENTFD(2, 0, ""),
	MMIO_EVENTFD(4, 0, ""),
	MMIO_EVENTFD(4, 3, "-ring3"),
	MMIO_KERNEL("write", WRITE, 1),
	MMIO_KERNEL("write", WRITE, 4),
	MMIO_KERNEL("read", READ, 1),
	MMIO_KERNEL("read", READ, 4),
	{ "mmio-coalesced", "MMIO write of 4 bytes, gathered in KVM's ring", OP_MMIO_WRITE, 0,
	  4, GUEST_COALESCED, .answer = BY_RING, .why_not = NO_RING, .counter = "exits" },
	{ "hypercall", "hypercall that does nothing", OP_HYPERCALL, .answer = BY_KERNEL,
	  .counter = "hypercalls", .exact = true },
	{ "cpuid", "CPUID, ring 0", OP_CPUID, .answer = BY_KERNEL, .counter = "exits" },
	{ "cpuid-ring3", "CPUID, ring 3", OP_CPUID, 3, .answer = BY_KERNEL,
	  .counter = "exits" },
	{ "msr-read", "RDMSR, answered by the kernel", OP_MSR_READ, .address = GUEST_MSR,
	  .answer = BY_KERNEL, .counter = "exits" },
	{ "msr-write", "WRMSR, answered by the kernel", OP_MSR_WRITE, .address = GUEST_MSR,
	  .answer = BY_KERNEL, .counter = "exits" },
	{ "msr-read-user", "RDMSR to user space, by an MSR filter", OP_MSR_READ,
	  .address = GUEST_MSR, .answer = BY_FILTER, .why_not = NO_FILTER, .counter = "exits" },
	{ "msr-write-user", "WRMSR to user space, by an MSR filter", OP_MSR_WRITE,
	  .address = GUEST_MSR, .answer = BY_FILTER, .why_not = NO_FILTER, .counter = "exits" },
	{ "halt-wake-polling", "irqfd to the handler of a vCPU in HLT, the host polling",
	  OP_HALT, .answer = BY_WAKING, .two = true, .samples_max = 2000, .why_not = NO_WAKING,
	  .counter = "halt_exits" },
	{ "halt-wake-blocking", "irqfd to the handler of a vCPU in HLT, the host asleep",
	  OP_HALT, .answer = BY_WAKING, .two = true, .samples_max = 1000, .block = true,
	  .why_not = NO_WAKING, .counter = "halt_exits" },
	{ "inject", "port write upon which user space raises an interrupt, to its handler",
	  OP_INJECT, .answer = BY_INJECTION, .counter = "irq_injections" },
	{ "self-ipi", "interrupt to oneself, to its handler", OP_SELF_IPI, .answer = BY_KERNEL,
	  .counter = "irq_injections" },
	{ "eoi", "end of interrupt", OP_EOI, .answer = BY_KERNEL, .counter = "exits" },
	{ "ipi", "interrupt to another vCPU, until its handler is seen to have run", OP_IPI,
	  .answer = BY_KERNEL, .two = true, .samples_max = 2000, .counter = "exits" },
	{ "fault-untouched", "first touch of a page that the host does not have yet", OP_TOUCH,
	  .width = 4096, .answer = BY_KERNEL, .samples_max = 4000, .counter = "pf_taken" },
	{ "fault-untouched-ring3", "the same from ring 3", OP_TOUCH, 3, 4096,
	  .answer = BY_KERNEL, .samples_max = 4000, .counter = "pf_taken" },
	{ "fault-prefaulted", "first touch of a page, one in 2 MiB, that the host has already",
	  OP_TOUCH, .width = 2u << 20, .answer = BY_KERNEL, .memory = MEMORY_PREFAULTED,
	  .samples_max = 90, .counter = "pf_taken" },
	{ "fault-huge", "first touch of a huge page (2 MiB) that the host does not have yet",
	  OP_TOUCH, .width = 2u << 20, .answer = BY_KERNEL, .memory = MEMORY_HUGE,
	  .samples_max = 90, .counter = "pf_taken" },
	{ "immediate-exit", "KVM_RUN that is to return at once", OP_NOTHING,
	  .answer = BY_NOBODY, .why_not = NO_RETURN },
	{ "device",
	  "notification of a device to the interrupt that answers it; the floor: a thread with two eventfds",
	  OP_DEVICE, .answer = BY_DEVICE, .two = true, .samples_max = 2000,
	  .counter = "irq_injections" },
};
const unsigned experiment_count = sizeof(experiments) / sizeof(experiments[0]);

void experiment_parameters(const struct experiment *e, const struct plan *p,
			   struct guest_parameters *out)
{
	uint32_t samples = p->samples, warm_up = p->warm_up;

	if (e->samples_max != 0 && samples + warm_up > e->samples_max) {
		warm_up = warm_up < e->samples_max / 8 ? warm_up : e->samples_max / 8;
		samples =
			samples < e->samples_max - warm_up ? samples : e->samples_max - warm_up;
	}
	*out = (struct guest_parameters){ .operation = e->operation,
					  .ring = e->ring,
					  .samples = samples,
					  .warm_up = warm_up,
					  .width = e->width,
					  .value = 0xff,
					  .address = e->address };
}

bool experiment_segment(const uint8_t *elf, uint32_t size, struct image *out)
{
	Elf64_Ehdr h;
	Elf64_Phdr p;

	if (size < sizeof(h))
		return false;
	memcpy(&h, elf, sizeof(h));
	if (h.e_phnum != 1 || h.e_phoff > size - sizeof(p))
		return false;
	memcpy(&p, elf + h.e_phoff, sizeof(p));
	if (p.p_paddr != GUEST_START || p.p_offset > size || p.p_filesz > size - p.p_offset)
		return false;
	*out = (struct image){ elf + p.p_offset, (uint32_t)p.p_filesz, (uint32_t)p.p_memsz, 0 };
	memcpy(&out->tables, out->bytes + GUEST_TABLES, sizeof(out->tables));
	return true;
}

uint32_t experiment_image(const struct experiment *e, const struct plan *p,
			  const uint8_t **image)
{
	uint32_t size = (uint32_t)(guest_image_end - guest_image);
	struct guest_parameters parameters;
	struct image segment;

	if (!experiment_segment(guest_image, size, &segment))
		return 0;
	experiment_parameters(e, p, &parameters);
	memcpy(guest_image + (segment.bytes - guest_image) + GUEST_PARAMETERS, &parameters,
	       sizeof(parameters));
	*image = guest_image;
	return size;
}

static bool no_report(struct outcome *o, const char *why)
{
	if (o->reason[0] == '\0')
		snprintf(o->reason, sizeof(o->reason), "%s", why);
	return false;
}

bool experiment_parse(const uint8_t *bytes, uint32_t len, struct outcome *o)
{
	struct guest_report r;
	uint32_t sum = 0;

	if (len < sizeof(r))
		return no_report(o, "the guest has not reported");
	memcpy(&r, bytes, sizeof(r));
	if (r.magic != GUEST_MAGIC || r.count > GUEST_SAMPLES_MAX ||
	    len != sizeof(r) + 4ull * r.count)
		return no_report(o, "the guest's report is malformed");
	if (r.failed)
		return no_report(o, "the guest does not find the device");
	memcpy(o->sample, bytes + sizeof(r), 4ull * r.count);
	for (uint32_t i = 0; i < r.count; i++)
		sum += o->sample[i];
	if (sum != r.sum)
		return no_report(o, "the guest's report is damaged");
	o->count = r.count;
	o->overhead = r.overhead;
	o->performed = r.performed;
	o->done = true;
	return true;
}

void experiment_stay(int cpu, int other)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (other >= 0)
		CPU_SET((size_t)other, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* the caller has looked at it */
}
