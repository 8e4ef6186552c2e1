/* SPDX-License-Identifier: ISC */
/*
 * How a process shuts itself in: the first thing in its main() after its log is named.
 *
 * Afterwards it has no capability, opens no path, cannot be traced by its own user, and
 * makes only the system calls of its policy. There is no way back and no way to fail
 * half-way: a step that the kernel refuses ends the process with STATUS_NOT_STARTED and one
 * line that names the step. What an older kernel does not have is absent from the answer.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

/* What is in force beyond what always is. */
enum sandbox_layer {
	SANDBOX_NO_FILES = 1 << 0,    /* Landlock: no path can be opened */
	SANDBOX_NO_TCP = 1 << 1,      /* Landlock: no bind, no connect */
	SANDBOX_NO_SIGNALS = 1 << 2,  /* Landlock: no signal or abstract socket to others */
	SANDBOX_NO_BOUNDING = 1 << 3, /* the capability bounding set is empty too */
	SANDBOX_WEAKER = 1 << 4, /* built with sanitizers: no Landlock, denials only logged */
};

struct sandbox_policy {
	const struct sock_filter *filter; /* made by policyc */
	unsigned filter_count;
	rlim_t open_files; /* highest descriptor plus one */
	rlim_t file_size;  /* bytes of any file, memfds (guest RAM!) included */
	rlim_t processes;  /* 0: no further thread; else RLIM_INFINITY, as the kernel counts
			      every process of the same user */
	/*
	 * Starts the process's other threads, if there are to be any, when all but the filter is
	 * in force, and returns once each has called sandbox_thread(). False: it has logged why not.
	 */
	bool (*threads)(void);
};

/*
 * Enters the sandbox; returns the layers in force, enum sandbox_layer. Does not return if a
 * step fails. Call it before there is a second thread. sandbox_tighten() needs seccomp in
 * the policy.
 *
 * In a Debug build a call that the policy lacks is first named on the log ("system call 41
 * is not in the policy") and then kills all the same.
 */
unsigned sandbox_enter(const struct sandbox_policy *p);

/* Adds a filter for this thread: a call of it must then pass both. Does not return on failure. */
void sandbox_tighten(const struct sock_filter *filter, unsigned count);

/*
 * The only filter of a thread that sandbox_policy.threads has started, and its first call of
 * ours. Does not return on failure.
 */
void sandbox_thread(const struct sock_filter *filter, unsigned count);

#endif /* SANDBOX_H */
