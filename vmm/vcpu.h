/* SPDX-License-Identifier: ISC */
/*
 * One virtual processor: its KVM descriptor, its shared run page and the thread that runs it.
 * Once the gate is open the run page belongs to that thread alone.
 */
#ifndef VCPU_H
#define VCPU_H

#include "bus.h"
#include "cpuid_x86.h"
#include "kernel.h"

#include <linux/kvm.h>
#include <pthread.h>

/* What a vCPU needs of its machine; constant once vCPUs run. */
struct vcpu_world {
	void (*shut_in)(void);	 /* a thread's sandbox; does not return if it cannot be had */
	pthread_barrier_t *gate; /* passed twice: once shut in, and once the guest may run */
	const struct bus *ports, *mmio;
	const struct gmem *mem;
	/* Ends the machine; may be called by several threads, and returns. */
	void (*stop)(void *machine, enum status why);
	void *machine;
};

struct vcpu {
	unsigned id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	const struct vcpu_world *world;
	pthread_t thread;
};

/*
 * Starts the thread of vCPU id, which shuts itself in and waits at the gate. The first step of a
 * vCPU: a thread cannot be made later, and has to be one that never could do more than it must.
 */
enum status vcpu_start(struct vcpu *v, unsigned id, const struct vcpu_world *world) MUST_CHECK;

/* Creates the vCPU in a virtual machine. run_size is KVM_GET_VCPU_MMAP_SIZE. */
enum status vcpu_init(struct vcpu *v, int vm_fd, size_t run_size) MUST_CHECK;

enum status vcpu_set_cpuid(struct vcpu *v, struct cpuid *c) MUST_CHECK;

/* The state in which a boot loader hands over to a 64-bit kernel; the others wait for SIPI. */
enum status vcpu_set_entry(struct vcpu *v, const struct kernel_entry *e) MUST_CHECK;

#endif /* VCPU_H */
