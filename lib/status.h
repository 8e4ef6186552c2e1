/* SPDX-License-Identifier: ISC */
/*
 * Exit statuses of `zwinger` and of the processes it starts. They are part of the command
 * line's contract: zwinger(1) lists them, tests compare them, none is ever renumbered.
 */
#ifndef STATUS_H
#define STATUS_H

enum status {
	STATUS_OK = 0,		 /* the guest powered off; the command did its work */
	STATUS_FAILED = 1,	 /* the host failed us: memory, descriptors, a system call */
	STATUS_USAGE = 2,	 /* the command line is wrong */
	STATUS_NO_FILE = 3,	 /* a file cannot be opened, is a directory, or is empty */
	STATUS_BAD_IMAGE = 4,	 /* the kernel image is malformed or for another machine */
	STATUS_NO_FIT = 5,	 /* kernel, initrd or command line do not fit into the guest */
	STATUS_NO_KVM = 6,	 /* /dev/kvm missing, not permitted, or too old */
	STATUS_NO_BOOT = 7,	 /* the firmware found no disk that it could boot */
	STATUS_GUEST_RESET = 10, /* the guest asked for a reset, under --no-reboot */
	STATUS_GUEST_CRASHED = 11,  /* triple fault, under --no-reboot */
	STATUS_INTERNAL_ERROR = 12, /* KVM cannot go on with the guest */
	STATUS_ATTACKED = 13,	    /* a process died of a signal: treat it as taken over */
	STATUS_NOT_STARTED = 111,   /* a process refused what its parent handed it */
	/* 128 + n: ended by signal n, as in a shell (130: SIGINT, 143: SIGTERM) */
};

#endif /* STATUS_H */
