/* SPDX-License-Identifier: ISC */
/*
 * A process that the launcher started, one of ours or a foreign program: its log lines become
 * lines of our log, and how it ended is said in words. Nothing that it says is believed.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "log.h"
#include "spawn.h"

/* Set who (for messages: "the VMM process"), the rest to 0. */
struct process {
	const char *who;
	struct spawn_child child; /* pid 0: it does not run */
	int control, log;	  /* while it runs; ours, or -1 */
	bool foreign;
	char line[LOG_LINE_MAX]; /* the log line being gathered */
	size_t line_len;
};

/* How many descriptors process_start() adds: 2, the log, and 3, a SOCK_SEQPACKET for control. */
#define PROCESS_FDS 2

/*
 * Starts one of our programs with a first message on its control socket. fds has room for
 * PROCESS_FDS more than count. False: one line has been logged.
 */
bool process_start(struct process *p, int exe, const char *program, struct spawn_fd *fds,
		   unsigned count, const void *message, size_t size);

/* Starts a foreign program with the user's rights and descriptor fd as 3. As above. */
bool process_start_foreign(struct process *p, char *const *argv, int fd);

/* Passes on what it says; log is -1 once nobody can say more. */
void process_relay(struct process *p);

/*
 * Waits for its end, passes on its last words, forgets it; kill: ends it first. Returns what
 * waitpid() says; 0 if none ran.
 */
int process_reap(struct process *p, bool kill);

/* True, and logged, if it was killed by a signal. */
bool process_was_killed(const struct process *p, int wait_status);

#endif /* PROCESS_H */
