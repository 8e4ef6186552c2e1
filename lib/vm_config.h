/* SPDX-License-Identifier: ISC */
/*
 * What the launcher tells a VMM process: one message on the control socket, and one
 * descriptor per right, at fixed numbers. A VMM holds nothing else.
 */
#ifndef VM_CONFIG_H
#define VM_CONFIG_H

#include <stdint.h>

/* The descriptors of a VMM process. 0 and 1 are /dev/null, 2 is a pipe to the launcher's log. */
enum vmm_fd {
	VMM_FD_CONTROL = 3, /* SOCK_SEQPACKET to the launcher; its end of file ends the VMM */
	VMM_FD_KVM = 4,	    /* /dev/kvm */
	VMM_FD_KERNEL = 5,  /* regular file, read-only: the kernel, or the firmware */
	VMM_FD_INITRD = 6,  /* regular file, read-only; /dev/null when there is none */
	VMM_FD_CONSOLE = 7, /* SOCK_STREAM: bytes of the serial console, both ways */
	VMM_FD_DEVICE = 8,  /* and the next ones: SOCK_STREAM, vhost-user to a back end each */
	/* Then, for each line that there is, CHANNEL_FDS for each of its channels, chan_map.h. */
};

#define VM_CPUS_MAX	  64
#define VM_MEMORY_MIN	  (64ull << 20) /* bytes */
#define VM_CMDLINE_MAX	  4096		/* bytes with the final NUL; a kernel may take less */
#define VM_DEVICES_MAX	  16
#define VM_DEVICE_CONFIG  64 /* bytes */
#define VM_BOOT_LAST	  (VM_DEVICES_MAX + 1)
#define VM_CONFIG_VERSION 5

enum vm_flag {
	VM_HUGE_PAGES = 1 << 0,	    /* back RAM by reserved (hugetlb) 2 MiB pages or fail */
	VM_PREFAULT = 1 << 1,	    /* touch all of RAM before the guest starts */
	VM_TIMING = 1 << 2,	    /* report the time of each start-up step */
	VM_FIRMWARE_DEBUG = 1 << 3, /* log what the firmware tells its developers */
};

/* Serial lines that end in a critical process. */
enum vm_line {
	VM_LINE_MODEM = 0,  /* 0x2f8, ttyS1: a dialler */
	VM_LINE_ORDERS = 1, /* 0x3e8, ttyS2: show-and-pay */
	VM_LINES_MAX
};

enum vm_line_audited { VM_LINE_OUT_AUDITED = 1, VM_LINE_IN_AUDITED = 2 };

/* One virtio device, served by the back end behind descriptor VMM_FD_DEVICE + its index. */
struct vm_device {
	uint32_t virtio_id;   /* virtio 1.2, 5 */
	uint32_t queue_count; /* 0: as many as the back end says it has */
	uint32_t
		config_size; /* 0: the back end has the config space; else these bytes are it */
	uint32_t
		boot_index; /* of a disk, for firmware: 1 is tried first; 0: behind all others */
	uint8_t config[VM_DEVICE_CONFIG];
};

/* Sent once by the launcher, fixed size, before anything else. */
struct vm_config {
	uint32_t version;      /* VM_CONFIG_VERSION */
	uint32_t flags;	       /* enum vm_flag */
	uint32_t cpu_count;    /* 1 to VM_CPUS_MAX */
	uint32_t device_count; /* at most VM_DEVICES_MAX */
	uint64_t memory_size;  /* bytes, a multiple of 2 MiB, at least VM_MEMORY_MIN */
	uint64_t started_ns;   /* CLOCK_MONOTONIC when the user's command started */
	struct {
		uint32_t slots;	  /* of each of the line's two channels; 0: no line */
		uint32_t audited; /* enum vm_line_audited */
	} line[VM_LINES_MAX];
	char cmdline[VM_CMDLINE_MAX]; /* NUL-terminated kernel command line */
	struct vm_device device[VM_DEVICES_MAX];
};
_Static_assert(sizeof(struct vm_config) ==
		       48 + VM_CMDLINE_MAX + VM_DEVICES_MAX * sizeof(struct vm_device),
	       "no padding on the wire");
_Static_assert(sizeof(struct vm_device) == 16 + VM_DEVICE_CONFIG, "no padding on the wire");

/* Afterwards, on the control socket. */
enum vm_command_kind {
	VM_RECONNECT = 1, /* to the VMM: a new socket to the back end of a device comes along */
	VM_DEVICE_LOST = 2, /* from the VMM: the back end of a device has closed its socket */
	VM_LINE_CLOSE = 3,  /* to the VMM: the line's other end is gone */
	VM_LINE_OPEN = 4,   /* to the VMM: there is one again; the channel begins anew */
	VM_LINE_CLOSED = 5, /* from the VMM: it touches the closed channel no more */
	VM_COUNTERS =
		6, /* from the VMM: KVM's statistics come along; device: 0 VM, 1 + n vCPU n */
};

struct vm_command {
	uint32_t kind;	 /* enum vm_command_kind */
	uint32_t device; /* index; of a line's channels: 2 * enum vm_line + 0 out, 1 in */
};

#endif /* VM_CONFIG_H */
