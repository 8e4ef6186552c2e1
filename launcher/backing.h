/* SPDX-License-Identifier: ISC */
/*
 * What stands behind a device: disk file, tap, listening sockets, the program that serves it. It is
 * opened once and outlives the processes that use it, also over a reboot of the guest.
 */
#ifndef BACKING_H
#define BACKING_H

#include "device_config.h"
#include "device_spec.h"
#include "status.h"
#include "vm_config.h"

struct backing {
	enum device_kind kind;
	struct device_spec spec[DEVICE_PORTS_MAX]; /* of a console one per port, else one */
	unsigned spec_count;
	char label[80]; /* for messages: "--disk x.img" */

	/* backing_open() sets the rest. */
	struct device_config config;
	struct vm_device vm;
	int exe;	     /* of the device process; -1: somebody else serves the device */
	const char *program; /* its name, or virtiofsd's path */
	const char *server;  /* where a foreign server listens, or NULL */
	int connected;	     /* the first connection to it, for whoever takes it */
	int fd[DEVICE_BACKENDS_MAX];
	int terminal; /* our end of a console's hvc0 */
	int control;  /* the listening socket of a balloon; -1 for none */
	int counters; /* memory of a struct device_counters; -1: not a process of ours */
};

/* Opens it all. What is not STATUS_OK has been logged. */
enum status backing_open(struct backing *b);

#endif /* BACKING_H */
