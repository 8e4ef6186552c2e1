/* SPDX-License-Identifier: ISC */
/*
 * A whole system, its real processes in their real sandboxes, whose virtual machine is played by this
 * process: what a guest would send and hear by its lines. Needs no /dev/kvm.
 */
#ifndef PLAY_H
#define PLAY_H

#include "chan.h"
#include "modem_line.h"
#include "vm_config.h"

#include <sys/types.h>

/* One of the guest's serial lines. Not there: out.data is NULL. */
struct play_line {
	struct chan_writer out;
	struct chan_reader in;
};

struct play {
	pid_t system; /* runs the launcher's part; ended by SIGTERM */
	struct play_line line[VM_LINES_MAX];
};

/* Starts the system of a manifest; returns when it runs, or does not return. */
void play_start(struct play *p, const char *manifest);

/* Ends it; the system's exit status. */
int play_end(struct play *p);

/* Bytes and wires to the other end, which has to be awake. */
void play_send(struct play_line *l, const void *bytes, size_t len, uint8_t wires);

/* What comes next within timeout_ms; false: nothing did. */
bool play_recv(struct play_line *l, struct modem_line *m, int timeout_ms);

#endif /* PLAY_H */
