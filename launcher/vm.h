/* SPDX-License-Identifier: ISC */
/* A guest's processes: its devices and its VMM. What the VMM process says is believed in nothing. */
#ifndef VM_H
#define VM_H

#include "devices.h"

#define VM_MORE_FDS 16

/* The program that boots a kernel directly, and the one that lets firmware boot a disk. */
#define VM_DIRECT   "zwinger-vmm"
#define VM_FIRMWARE "zwinger-vmm-firmware"
#define VM_TESTING  "zwinger-vmm-test" /* --test-devices */

/* What a guest is made of. Descriptors are the caller's and stay open. */
struct guest {
	int vmm_fd;	       /* the executable */
	const char *vmm;       /* its name: VM_DIRECT or one of the others */
	int kvm_fd, kernel_fd; /* of the kernel, or of the firmware */
	int initrd_fd;	       /* -1 for none */
	int signal_fd; /* signalfd of those that end us, SIGTSTP and SIGWINCH; they are blocked */
	int escape;    /* the byte that begins a command on the keyboard; -1 for none */
	struct vm_config config; /* without its devices */
	struct devices devices;
	/* KVM's statistics of the VM and of each vCPU, while it runs; 0: none. */
	int counters[1 + VM_CPUS_MAX];
};

/* What boots it: a kernel, with or without (NULL) an initrd; or firmware and nothing else. */
struct vm_software {
	const char *kernel, *initrd;
	const char *firmware; /* "seabios", a path, or NULL */
	bool test_devices;    /* it is, or may be, an image of kvm-unit-tests */
};

/*
 * Opens the software, /dev/kvm, the executable, and what stands behind the devices. What is not
 * STATUS_OK has been logged.
 */
enum status vm_open(struct guest *g, const struct vm_software *s);

/*
 * Starts the devices first, so that nobody waits for one that cannot be started, then the VMM
 * process. console is its end of the console and stays the caller's; more goes to it too. False:
 * nothing runs and one line has been logged.
 */
bool vm_start(struct guest *g, struct process *p, int console, const struct spawn_fd *more,
	      unsigned more_count);

/* The VMM process has ended: ends the devices and lets go of what it had handed over. */
void vm_stop(struct guest *g);

/* What the VMM process says on its control socket. Returns what it is not about devices, or 0. */
struct vm_command vm_hear(struct guest *g, struct process *p);

#endif /* VM_H */
