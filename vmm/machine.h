/* SPDX-License-Identifier: ISC */
/*
 * One virtual machine: RAM, interrupt controllers, vCPUs and the few devices that live in this
 * process. machine_start() makes the threads, machine_init() everything else; after
 * machine_release() only the devices change, each under its own lock, until machine_stop() has
 * been heard.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "bus.h"
#include "line.h"
#include "pci.h"
#include "power.h"
#include "ram.h"
#include "rtc.h"
#include "serial.h"
#include "vcpu.h"
#include "virtio_pci.h"
#include "vm_config.h"

#include <stdatomic.h>

struct machine {
	int kvm_fd, vm_fd;   /* kvm_fd is the caller's */
	int stop_fd;	     /* eventfd: readable once the machine has stopped */
	int wake_fd;	     /* timerfd: readable when the serial port wants service */
	_Atomic int stopped; /* enum status + 1 once stopped; the first reason stays */

	struct ram ram;
	struct bus ports, mmio;
	struct serial serial;
	struct line line
		[VM_LINES_MAX]; /* those that there are, opened by the caller before all else */
	struct rtc rtc;
	struct pci pci;
	struct power power;
	struct irq_routes routes;
	struct virtio_pci virtio[VM_DEVICES_MAX];
	unsigned virtio_count;

	pthread_barrier_t gate; /* main and the vCPU threads: all shut in; the guest runs */
	struct vcpu_world world;
	struct vcpu vcpu[VM_CPUS_MAX];
	unsigned cpu_count;
};

/*
 * Starts a thread for each vCPU, which calls shut_in() for its sandbox. On return each is parked
 * at the gate, and makes no system call before the gate opens. *m is 0 but for the lines.
 */
enum status machine_start(struct machine *m, unsigned cpu_count,
			  void (*shut_in)(void)) MUST_CHECK;

/* Then creates everything but the guest's software (boot.h). On failure one line is logged. */
enum status machine_init(struct machine *m, int kvm_fd,
			 const struct vm_config *config) MUST_CHECK;

/* Opens the gate: the guest runs. */
void machine_release(struct machine *m);

/* Any thread. The first caller's reason is kept; stop_fd becomes readable. */
void machine_stop(void *machine, enum status why);

/* The reason, once stop_fd is readable. */
enum status machine_stop_reason(const struct machine *m);

#endif /* MACHINE_H */
