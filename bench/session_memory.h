/* SPDX-License-Identifier: ISC */
/* What the processes of a virtual machine hold beside the guest's RAM. */
#ifndef SESSION_MEMORY_H
#define SESSION_MEMORY_H

#include <sys/types.h>

/*
 * Tells each process of a session, and each of Zwinger's, which lead sessions of their own: its name
 * and its PSS in KiB, without mappings as large as a guest's RAM (64 MiB and more).
 */
void memory_of_session(pid_t session, void (*tell)(void *arg, const char *name, long kib),
		       void *arg);

#endif /* SESSION_MEMORY_H */
