/* SPDX-License-Identifier: ISC */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXE_FD	     SPAWN_FDS_MAX
#define REPORT_FD    (SPAWN_FDS_MAX + 1)
#define FIRST_UID    0x5a000000u /* no distribution hands out ids from here on */
#define OVERFLOW_UID 65534u

enum step {
	STEP_NONE,
	STEP_CLONE,
	STEP_PIPE,
	STEP_FDS,
	STEP_NULL,
	STEP_ID_MAP,
	STEP_ROOT,
	STEP_SETGROUPS,
	STEP_SETGID,
	STEP_SETUID,
	STEP_DEATHSIG,
	STEP_NO_NEW_PRIVS,
	STEP_EXEC,
	STEP_DIED,
};

static const char *const step_name[] = {
	[STEP_NONE] = "nothing",
	[STEP_CLONE] = "clone",
	[STEP_PIPE] = "pipe2",
	[STEP_FDS] = "passing descriptors",
	[STEP_NULL] = "/dev/null",
	[STEP_ID_MAP] = "mapping the user id",
	[STEP_ROOT] = "leaving the host's file system",
	[STEP_SETGROUPS] = "setgroups",
	[STEP_SETGID] = "setresgid",
	[STEP_SETUID] = "setresuid",
	[STEP_DEATHSIG] = "PR_SET_PDEATHSIG",
	[STEP_NO_NEW_PRIVS] = "PR_SET_NO_NEW_PRIVS",
	[STEP_EXEC] = "execveat",
	[STEP_DIED] = "died before it was executed",
};

/* What the child says on its way: first that all is ready, then, if it must, that exec failed. */
struct report {
	enum step failed; /* STEP_NONE: ready */
	int error;
	unsigned layers;
};

static const struct {
	unsigned layer;
	unsigned long flag;
	const char *name;
} namespaces[] = {
	{ SPAWN_USER, CLONE_NEWUSER, "user" },	     { SPAWN_MOUNT, CLONE_NEWNS, "mount" },
	{ SPAWN_NET, CLONE_NEWNET, "network" },	     { SPAWN_PID, CLONE_NEWPID, "process" },
	{ SPAWN_IPC, CLONE_NEWIPC, "ipc" },	     { SPAWN_UTS, CLONE_NEWUTS, "host name" },
	{ SPAWN_CGROUP, CLONE_NEWCGROUP, "cgroup" },
};
#define NAMESPACE_COUNT (sizeof(namespaces) / sizeof(namespaces[0]))

#define NAMESPACES                                                                             \
	(SPAWN_USER | SPAWN_MOUNT | SPAWN_NET | SPAWN_PID | SPAWN_IPC | SPAWN_UTS |            \
	 SPAWN_CGROUP)
#define AT_BIRTH_ONLY (SPAWN_USER | SPAWN_PID) /* cannot be had by unshare() later */

/* What a child is to become; written before clone(), read by the child. */
struct birth {
	const struct spawn_program *program;
	unsigned wanted; /* namespaces */
	unsigned layers; /* those that it is born with */
	uid_t uid;	 /* the parent's */
	gid_t gid;
	uid_t become; /* 0: stay the parent's user */
};

const char *spawn_layer_name(enum spawn_layer l)
{
	for (size_t i = 0; i < NAMESPACE_COUNT; i++)
		if (namespaces[i].layer == l)
			return namespaces[i].name;
	return l == SPAWN_ROOT ? "empty root" : "user id";
}

static unsigned long clone_flags(unsigned layers)
{
	unsigned long flags = 0;

	for (size_t i = 0; i < NAMESPACE_COUNT; i++)
		if ((layers & namespaces[i].layer) != 0)
			flags |= namespaces[i].flag;
	return flags;
}

/* ---- the child, between clone and exec: only async-signal-safe calls from here ---- */

static _Noreturn void give_up(int report, enum step step)
{
	struct report r = { .failed = step, .error = errno };

	(void)!write(report, &r, sizeof(r));
	_exit(127);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* One id, to the overflow id: not 0, so that exec does not give the capabilities back. */
static bool map_ids(uid_t uid, gid_t gid)
{
	char map[64];

	(void)put("/proc/self/setgroups", "deny"); /* absent before Linux 3.19 */
	snprintf(map, sizeof(map), "%u %u 1", OVERFLOW_UID, uid);
	if (!put("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "%u %u 1", OVERFLOW_UID, gid);
	return put("/proc/self/gid_map", map);
}

/*
 * Puts an empty tmpfs over "/", steps onto it ("/.." leads from the covered root to what
 * covers it) and lets go of the rest. Where "/" is the initial ramfs, which cannot be
 * pivoted, the old root stays mounted underneath, out of reach without a capability.
 * Returns an errno; 0 if done.
 */
static int leave_file_system(void)
{
	/* First of all, or the host would see the mounts that follow. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	if (mount("none", "/", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,mode=0555") < 0)
		return errno;
	if (chdir("/..") < 0)
		return errno;
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) < 0)
			return errno;
	} else if (errno != EINVAL) {
		return errno;
	}
	if (chroot(".") < 0 || chdir("/") < 0)
		return errno;
	return 0;
}

/* A refusal by the host's policy is reported by what is missing; a half-done move is fatal. */
static bool refused(int error)
{
	return error == EPERM || error == ENOSPC || error == EINVAL || error == ENOSYS ||
	       error == EUSERS || error == EACCES;
}

static unsigned own_root(int report)
{
#ifdef ZW_SANITIZE
	(void)report;
	(void)leave_file_system; /* its shared libraries and /proc are still needed */
	return 0;
#else
	int error = leave_file_system();
	struct stat root;

	if (error == 0)
		return SPAWN_ROOT;
	errno = error;
	if (!refused(error) || stat("/proc", &root) < 0)
		give_up(report, STEP_ROOT);
	return 0;
#endif
}

/* In the order of the table, and nothing but the table. */
static void place_fds(const struct spawn_program *p, int report)
{
	int held[SPAWN_FDS_MAX], exe, out, null;
	bool used[SPAWN_FDS_MAX] = { true, true };

	/* Out of the way of every number that is going to be given. */
	exe = fcntl(p->exe, F_DUPFD_CLOEXEC, REPORT_FD + 1);
	out = fcntl(report, F_DUPFD_CLOEXEC, REPORT_FD + 1);
	if (exe < 0 || out < 0)
		give_up(report, STEP_FDS);
	for (unsigned i = 0; i < p->fd_count; i++) {
		held[i] = fcntl(p->fds[i].from, F_DUPFD_CLOEXEC, REPORT_FD + 1);
		if (held[i] < 0)
			give_up(out, STEP_FDS);
	}
	if (dup3(exe, EXE_FD, O_CLOEXEC) < 0 || dup3(out, REPORT_FD, O_CLOEXEC) < 0)
		give_up(out, STEP_FDS);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		give_up(REPORT_FD, STEP_NULL);
	for (unsigned i = 0; i < p->fd_count; i++) {
		if (dup2(held[i], p->fds[i].to) < 0)
			give_up(REPORT_FD, STEP_FDS);
		used[p->fds[i].to] = true;
	}
	for (int fd = 0; fd < SPAWN_FDS_MAX; fd++)
		if (!used[fd])
			close(fd);
	if (syscall(SYS_close_range, REPORT_FD + 1, ~0u, 0) < 0) {
		struct rlimit max;

		if (getrlimit(RLIMIT_NOFILE, &max) < 0)
			give_up(REPORT_FD, STEP_FDS);
		for (int fd = REPORT_FD + 1; (rlim_t)fd < max.rlim_max; fd++)
			close(fd);
	}
}

static void default_signals(void)
{
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		(void)signal(n, SIG_DFL); /* SIGKILL and SIGSTOP refuse, harmlessly */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_IGN); /* until exec: the report must fail, not kill */
}

/* The bounding set can be emptied only while there is a capability to do it with. */
static void empty_bounding_set(void)
{
	for (unsigned long c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0; c++)
		;
}

static void become_nobody(uid_t id)
{
	/* By the bare calls: libc's look after threads, which this copy of the parent lacks. */
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		give_up(REPORT_FD, STEP_SETGROUPS);
	if (syscall(SYS_setresgid, id, id, id) < 0)
		give_up(REPORT_FD, STEP_SETGID);
	if (syscall(SYS_setresuid, id, id, id) < 0)
		give_up(REPORT_FD, STEP_SETUID);
}

static _Noreturn void child(const struct birth *b, int report)
{
	static char *const no_environment[] = { NULL };
	struct report ready = { .failed = STEP_NONE };
	unsigned layers = b->layers;

	default_signals();
	(void)umask(077);
	(void)setsid();
	place_fds(b->program, report);
	if ((layers & SPAWN_USER) != 0 && !map_ids(b->uid, b->gid))
		give_up(REPORT_FD, STEP_ID_MAP);
	for (size_t i = 0; i < NAMESPACE_COUNT; i++)
		if ((b->wanted & ~layers & ~(unsigned)AT_BIRTH_ONLY & namespaces[i].layer) !=
			    0 &&
		    unshare((int)namespaces[i].flag) == 0)
			layers |= namespaces[i].layer;
	if ((layers & SPAWN_MOUNT) != 0)
		layers |= own_root(REPORT_FD);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	empty_bounding_set();
	if (b->become != 0) {
		become_nobody(b->become);
		layers |= SPAWN_UID;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		give_up(REPORT_FD, STEP_NO_NEW_PRIVS);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* until exec; then sandbox_enter() again */

	/*
	 * Last, because a change of user clears it. If the parent has died before, nobody
	 * holds the other end of the pipe, and the report that follows cannot be written.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		give_up(REPORT_FD, STEP_DEATHSIG);
	ready.layers = layers;
	if (write(REPORT_FD, &ready, sizeof(ready)) != (ssize_t)sizeof(ready))
		_exit(127);
	(void)signal(SIGPIPE, SIG_DFL);
	syscall(SYS_execveat, EXE_FD, "", b->program->argv, no_environment, AT_EMPTY_PATH);
	give_up(REPORT_FD, STEP_EXEC);
}

/* ---- the parent ---- */

/* Everything at once, or else what only clone() can give, then less; the child asks for the rest. */
static pid_t clone_child(unsigned wanted, unsigned *layers, int *pidfd)
{
	const unsigned attempts[] = { wanted, wanted & AT_BIRTH_ONLY, wanted & SPAWN_USER, 0 };
	long pid = -1;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		*layers = attempts[i];
		pid = syscall(SYS_clone, clone_flags(attempts[i]) | CLONE_PIDFD | SIGCHLD, NULL,
			      pidfd, NULL, NULL);
		if (pid >= 0 || !refused(errno))
			break;
	}
	return (pid_t)pid;
}

static bool fail(struct spawn_error *why, enum step step, int error)
{
	*why = (struct spawn_error){ .step = step_name[step], .error = error };
	return false;
}

static ssize_t receive(int fd, struct report *r)
{
	ssize_t got;

	do
		got = read(fd, r, sizeof(*r));
	while (got < 0 && errno == EINTR);
	return got;
}

/* The end of file after "ready" is the pipe's close-on-exec: the program runs. */
static struct report await_exec(int fd)
{
	const struct report died = { .failed = STEP_DIED, .error = ECHILD };
	struct report ready, failed;

	if (receive(fd, &ready) != (ssize_t)sizeof(ready))
		return died;
	if (ready.failed != STEP_NONE)
		return ready;
	switch (receive(fd, &failed)) {
	case 0:
		return ready;
	case sizeof(failed):
		return failed;
	default:
		return died;
	}
}

/* Root over all ids, and not only over those of some container: it can become any of them. */
static bool real_root(void)
{
	unsigned first = 0, host, count = 0;
	char map[64] = "";
	int fd;

	if (geteuid() != 0)
		return false;
	fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	(void)!read(fd, map, sizeof(map) - 1);
	close(fd);
	return sscanf(map, "%u %u %u", &first, &host, &count) == 3 && first == 0 &&
	       count >= FIRST_UID * 2;
}

/* Another one for each child of each process, so that none may signal or trace another. */
static uid_t unused_id(void)
{
	static unsigned started;

	return FIRST_UID + ((uid_t)getpid() & 0x3fffff) * 64 + started++ % 64;
}

bool spawn_start(const struct spawn_program *p, struct spawn_child *out,
		 struct spawn_error *why)
{
	struct birth b = {
		.program = p, .wanted = NAMESPACES, .uid = geteuid(), .gid = getegid()
	};
	int report[2], pidfd = -1;
	struct report end;
	pid_t pid;

	if (p->fd_count > SPAWN_FDS_MAX)
		return fail(why, STEP_FDS, E2BIG);
	for (unsigned i = 0; i < p->fd_count; i++)
		if (p->fds[i].to < 2 || p->fds[i].to >= SPAWN_FDS_MAX)
			return fail(why, STEP_FDS, EINVAL);
	if (real_root()) { /* needs no user namespace, and can change to a user of its own */
		b.wanted &= ~(unsigned)SPAWN_USER;
		b.become = unused_id();
	}
	if (pipe2(report, O_CLOEXEC) < 0)
		return fail(why, STEP_PIPE, errno);
	pid = clone_child(b.wanted, &b.layers, &pidfd);
	if (pid == 0) {
		close(report[0]);
		child(&b, report[1]);
	}
	end = (struct report){ .failed = STEP_CLONE, .error = errno };
	close(report[1]);
	if (pid > 0)
		end = await_exec(report[0]);
	close(report[0]);
	if (end.failed == STEP_NONE) {
		*out = (struct spawn_child){ .pid = pid, .pidfd = pidfd, .layers = end.layers };
		return true;
	}
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(pidfd);
	}
	return fail(why, end.failed, end.error);
}
