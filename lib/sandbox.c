/* SPDX-License-Identifier: ISC */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "status.h"

/* Landlock by its numbers: Debian 12's headers end at ABI 2. */
#define LANDLOCK_VERSION      1u
#define LANDLOCK_FS_ABI1      ((1ull << 13) - 1)
#define LANDLOCK_FS_REFER     (1ull << 13) /* ABI 2 */
#define LANDLOCK_FS_TRUNCATE  (1ull << 14) /* ABI 3 */
#define LANDLOCK_NET_TCP      3ull	   /* ABI 4: bind, connect */
#define LANDLOCK_FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define LANDLOCK_SCOPES	      3ull	   /* ABI 6: abstract sockets, signals */

struct landlock_attr {
	uint64_t fs;
	uint64_t net;	/* ABI 4 */
	uint64_t scope; /* ABI 6 */
};

static _Noreturn void refuse(const char *step, int error)
{
	log_error("cannot shut itself in: %s: %s", step, strerror(error));
	_exit(STATUS_NOT_STARTED);
}

static void limit(const char *step, __rlimit_resource_t what, rlim_t n)
{
	if (n == RLIM_INFINITY)
		return;
	if (setrlimit(what, &(struct rlimit){ n, n }) < 0)
		refuse(step, errno);
}

/* libcap-ng cannot drop the bounding set without CAP_SETPCAP; the rest it must drop. */
static unsigned drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_ALL) != 0 && capng_apply(CAPNG_SELECT_CAPS) != 0)
		refuse("capng_apply", EPERM);
	if (syscall(SYS_capget, &head, data) < 0)
		refuse("capget", errno);
	for (int i = 0; i < 2; i++)
		if ((data[i].effective | data[i].permitted | data[i].inheritable) != 0)
			refuse("capabilities remain after dropping them", EPERM);
	for (unsigned long c = 0;; c++) {
		int in = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

		if (in < 0) /* past the last one */
			return SANDBOX_NO_BOUNDING;
		if (in > 0)
			return 0;
	}
}

/* An empty ruleset that handles every right there is: nothing is permitted. */
static unsigned landlock(void)
{
	struct landlock_attr a = { .fs = LANDLOCK_FS_ABI1 };
	size_t size = sizeof(a.fs);
	unsigned layers = SANDBOX_NO_FILES;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	int fd;

	if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (abi < 1)
		refuse("landlock_create_ruleset", errno);
	if (abi >= 2)
		a.fs |= LANDLOCK_FS_REFER;
	if (abi >= 3)
		a.fs |= LANDLOCK_FS_TRUNCATE;
	if (abi >= 4) {
		a.net = LANDLOCK_NET_TCP;
		size = sizeof(a.fs) + sizeof(a.net);
		layers |= SANDBOX_NO_TCP;
	}
	if (abi >= 5)
		a.fs |= LANDLOCK_FS_IOCTL_DEV;
	if (abi >= 6) {
		a.scope = LANDLOCK_SCOPES;
		size = sizeof(a);
		layers |= SANDBOX_NO_SIGNALS;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (fd < 0)
		refuse("landlock_create_ruleset", errno);
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		refuse("landlock_restrict_self", errno);
	close(fd);
	return layers;
}

#ifdef ZW_POLICY_TRAP
/* SA_RESETHAND has restored the default action: the second denied call is the last. */
static void name_denied_call(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	log_error("system call %d is not in the policy (called from %p)", info->si_syscall,
		  info->si_call_addr);
	syscall(-1);
}
#endif

/* SECCOMP_FILTER_FLAG_TSYNC: for every thread, and none has another. */
static void install(const struct sock_filter *filter, unsigned count, unsigned long flags)
{
	struct sock_fprog prog = { .len = (unsigned short)count };
	long thread;

	if (count == 0 || count > BPF_MAXINSNS)
		refuse("seccomp: empty or oversized policy", EINVAL);
	/* The kernel only reads it; its type predates const. */
	memcpy(&prog.filter, &filter, sizeof(filter));
	thread = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (thread < 0)
		refuse("seccomp", errno);
	if (thread > 0)
		refuse("seccomp: a thread has a filter of its own", ESRCH);
}

/*
 * Code that only start-up has needed is unmapped again; what is needed after all comes back from the
 * file by itself. It saves half of what a small process holds.
 */
static void forget_start_up(void)
{
	extern const char __executable_start[], etext[];
	const uintptr_t page = 4096;
	uintptr_t start = ((uintptr_t)__executable_start + page - 1) / page * page;
	uintptr_t end = (uintptr_t)etext / page * page;

#ifndef ZW_SANITIZE
	(void)syscall(SYS_madvise, start, end - start, MADV_DONTNEED);
#else
	(void)start;
	(void)end;
#endif
}

unsigned sandbox_enter(const struct sandbox_policy *p)
{
	unsigned layers = 0;

	/* For ps and pkill: it may have been executed from a file of the launcher's, with another name. */
	(void)prctl(PR_SET_NAME, program_invocation_short_name, 0, 0, 0);
	limit("RLIMIT_CORE", RLIMIT_CORE, 0);
	limit("RLIMIT_NOFILE", RLIMIT_NOFILE, p->open_files);
	limit("RLIMIT_FSIZE", RLIMIT_FSIZE, p->file_size);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		refuse("PR_SET_NO_NEW_PRIVS", errno);
	layers |= drop_capabilities();
#ifdef ZW_SANITIZE
	(void)landlock; /* the sanitizers read /proc when they report, and trace for leaks */
	log_warn("built with sanitizers: sandbox is weaker");
	layers |= SANDBOX_WEAKER;
#else
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		refuse("PR_SET_DUMPABLE", errno);
	layers |= landlock();
#endif
#ifdef ZW_POLICY_TRAP
	struct sigaction once = { .sa_sigaction = name_denied_call,
				  .sa_flags = SA_SIGINFO | SA_NODEFER | (int)SA_RESETHAND };

	if (sigaction(SIGSYS, &once, NULL) < 0)
		refuse("sigaction", errno);
#endif
	if (p->threads != NULL && !p->threads())
		_exit(STATUS_NOT_STARTED);
	limit("RLIMIT_NPROC", RLIMIT_NPROC, p->processes);
	forget_start_up();
	install(p->filter, p->filter_count, p->threads == NULL ? SECCOMP_FILTER_FLAG_TSYNC : 0);
	return layers;
}

void sandbox_tighten(const struct sock_filter *filter, unsigned count)
{
	install(filter, count, 0);
	forget_start_up();
}

void sandbox_thread(const struct sock_filter *filter, unsigned count)
{
	install(filter, count, 0);
}
