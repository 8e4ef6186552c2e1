/* SPDX-License-Identifier: ISC */
/*
 * How a process is started, shut in: the parent's half of the sandbox.
 *
 * The child gets a table of descriptors and nothing else: no other descriptor, no
 * environment, no path, no capability, and namespaces of its own as far as the host
 * permits. It dies with its parent. Its own half is sandbox.h.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_FDS_MAX 128

struct spawn_fd {
	int from; /* in the parent, which keeps it */
	int to;	  /* in the child; 2 to SPAWN_FDS_MAX - 1, each once; 0 and 1 are /dev/null */
};

struct spawn_program {
	int exe;	   /* the executable, statically linked; opened O_PATH or O_RDONLY */
	char *const *argv; /* ends with NULL */
	const struct spawn_fd *fds;
	unsigned fd_count;
};

/* What the child has to itself. */
enum spawn_layer {
	SPAWN_USER = 1 << 0,   /* user namespace */
	SPAWN_MOUNT = 1 << 1,  /* mount namespace */
	SPAWN_NET = 1 << 2,    /* network namespace, without any interface up */
	SPAWN_PID = 1 << 3,    /* process namespace; the child is its process 1 */
	SPAWN_IPC = 1 << 4,    /* System V IPC and POSIX queues */
	SPAWN_UTS = 1 << 5,    /* host name */
	SPAWN_CGROUP = 1 << 6, /* view of control groups */
	SPAWN_ROOT = 1 << 7,   /* an empty, read-only file system instead of the host's */
	SPAWN_UID = 1 << 8,    /* a user id that no other process has; only root can give it */
	SPAWN_ALL = (1 << 9) - 1
};

struct spawn_child {
	pid_t pid;
	int pidfd;	 /* owned by the caller; close-on-exec */
	unsigned layers; /* enum spawn_layer; what is absent, the host has refused */
};

/* Where starting stopped, and why; for "cannot start X: pivot_root: Operation not ...". */
struct spawn_error {
	const char *step;
	int error; /* an errno */
};

/*
 * Starts p and returns when it has been executed. False: there is no child, *why says
 * where it stopped, and *child is untouched. That a host refuses namespaces is not an
 * error; the layers tell. The child is killed when the calling thread ends.
 */
bool spawn_start(const struct spawn_program *p, struct spawn_child *child,
		 struct spawn_error *why) __attribute__((warn_unused_result));

/* The name of the one layer, for people: "network". */
const char *spawn_layer_name(enum spawn_layer l);

#endif /* SPAWN_H */
