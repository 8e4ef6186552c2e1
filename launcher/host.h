/* SPDX-License-Identifier: ISC */
/* What this host can do, found out once and said in plain words. */
#ifndef HOST_H
#define HOST_H

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

enum host_kind {
	HOST_NONE,     /* no usable /dev/kvm */
	HOST_PVM,      /* KVM without hardware virtualisation: firmware and small guests only */
	HOST_EMULATED, /* KVM in a machine that is itself emulated: everything, slowly */
	HOST_HARDWARE, /* KVM with hardware virtualisation */
};

enum host_kind host_kind(void);

/*
 * Opens /dev/kvm and makes sure that it can do all that a VMM needs. On failure returns -1;
 * why holds a sentence and fix the command that mends it (or "").
 */
int host_open_kvm(char why[256], char fix[256]);

/*
 * Opens the executable of one of our processes. -1 if it is not installed. Once host_expect() was
 * called, it must be in that list with its very hash; otherwise HOST_REFUSED, and a line has been
 * logged.
 */
#define HOST_REFUSED (-2)
int host_open_program(const char *name);

struct manifest_binary;
void host_expect(const struct manifest_binary *list, unsigned count);

/* Bytes of RAM; processors online. */
uint64_t host_memory(void);
unsigned host_cpus(void);

/* True if there is a default route, of IPv4 or IPv6. */
bool host_has_route(void);

/* The first line of a small file, without its end of line. False if it cannot be read. */
bool host_read_line(const char *path, char *line, unsigned size);

#endif /* HOST_H */
