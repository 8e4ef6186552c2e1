/* SPDX-License-Identifier: ISC */
/*
 * What a member of a system is started with: its configuration and its descriptors, exactly those
 * that the manifest grants. The same order as the process finds them in, lib/critical.h.
 */
#ifndef GRANT_H
#define GRANT_H

#include "system.h"

struct grant {
	struct critical_config config; /* of a critical process */
	struct spawn_fd fds[SPAWN_FDS_MAX];
	unsigned fd_count;
};

/* For a member that is no VM. */
void grant_critical(struct system *s, const struct member *m, struct grant *g);

/* For a VM: its modem's channels, and its end of the console, or -1. */
void grant_vm(struct system *s, const struct member *m, struct grant *g, int *console);

/*
 * Which channel of the member's own configuration link l is, as commands name it; -1: none. role
 * may be NULL.
 */
int grant_channel(const struct system *s, const struct member *m, const struct link *l);

/* Opens the resources of a member; what is not STATUS_OK has been logged. */
enum status grant_open(struct system *s, struct member *m);

#endif /* GRANT_H */
