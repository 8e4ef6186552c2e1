/* SPDX-License-Identifier: ISC */
/*
 * Both halves of the sandbox, from outside: a process is started by spawn_start(), shuts
 * itself in, does one thing, and the test looks at what came of it. With --as-user the whole
 * of it runs as an ordinary user.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn.h"

#define OTHER_USER 65534
#define ALL_NAMESPACES                                                                         \
	(SPAWN_MOUNT | SPAWN_NET | SPAWN_PID | SPAWN_IPC | SPAWN_UTS | SPAWN_CGROUP)

#ifdef ZW_SANITIZE
#define KILLED_BY(n) 0 /* denials are only logged there */
#else
#define KILLED_BY(n) (n)
#endif

static int exe = -1;

struct run {
	struct spawn_child child;
	int report; /* descriptor 3 of the child is its other end */
	int log;
	char said[64];
	char logged[4096];
	int status;
};

static void start(struct run *r, const char *what)
{
	char *argv[] = { (char[]){ "child" }, (char *)(uintptr_t)what, NULL };
	int pair[2], log[2];
	struct spawn_error why = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
	struct spawn_fd fds[] = { { pair[1], 3 }, { log[1], 2 } };
	struct spawn_program p = { .exe = exe, .argv = argv, .fds = fds, .fd_count = 2 };

	*r = (struct run){ .report = pair[0], .log = log[0] };
	if (!spawn_start(&p, &r->child, &why))
		fail_msg("%s: %s", why.step, strerror(why.error));
	close(pair[1]);
	close(log[1]);
}

static void await_report(struct run *r)
{
	ssize_t n = read(r->report, r->said, sizeof(r->said) - 1);

	r->said[n > 0 ? n : 0] = '\0';
}

static void finish(struct run *r)
{
	ssize_t n;

	assert_int_equal(waitpid(r->child.pid, &r->status, 0), r->child.pid);
	n = read(r->log, r->logged, sizeof(r->logged) - 1);
	r->logged[n > 0 ? n : 0] = '\0';
	close(r->report);
	close(r->log);
	close(r->child.pidfd);
}

static void test_what_a_process_may_call(void **state)
{
	static const struct {
		const char *name;
		const char *what;
		const char *says;
		int signal;
	} rows[] = {
		{ "a call that the policy lacks", "denied", "", SIGSYS },
		{ "a call that it has", "allowed", "0", 0 },
		{ "the same on another descriptor", "other-descriptor", "", SIGSYS },
		{ "high half of an argument", "high-half", "", SIGSYS },
		{ "mask: data", "map-data", "0", 0 },
		{ "mask: code", "map-code", "", SIGSYS },
		{ "a path, although the filter lets openat pass", "open", "0", 0 },
		{ "a call that only the second filter lacks", "tightened", "", SIGSYS },
		{ "nothing but the granted descriptors", "descriptors", "4", 0 },
		{ "a thread with a filter of its own: what it has", "thread-may", "0", 0 },
		{ "what only the first thread has", "thread-may-not", "", SIGSYS },
		{ "and the first thread has it", "thread-not-the-first", "0", 0 },
		{ "a thread made afterwards", "thread-later", "", SIGSYS },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run r;

#ifdef ZW_SANITIZE
		if (rows[i].signal != 0 || strcmp(rows[i].what, "open") == 0)
			continue;
#endif
		start(&r, rows[i].what);
		await_report(&r);
		finish(&r);
		if (strcmp(r.said, rows[i].says) == 0 &&
		    (rows[i].signal != 0
			     ? WIFSIGNALED(r.status) && WTERMSIG(r.status) == rows[i].signal
			     : r.status == 0))
			continue;
		print_error("row: %s: said '%s', status 0x%x, log '%s'\n", rows[i].name, r.said,
			    (unsigned)r.status, r.logged);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_network_is_empty(void **state)
{
	struct run r;

	(void)state;
	start(&r, "network");
	await_report(&r);
	finish(&r);
	if ((r.child.layers & SPAWN_NET) == 0)
		skip();
	assert_int_equal(atoi(r.said), ENETUNREACH);
}

#ifdef ZW_POLICY_TRAP
static void test_debug_build_names_the_call(void **state)
{
	char want[64];
	struct run r;

	(void)state;
	start(&r, "denied");
	finish(&r);
	snprintf(want, sizeof(want), "system call %d is not in the policy", (int)SYS_getppid);
	assert_non_null(strstr(r.logged, want));
}
#endif

static void slurp(char *text, size_t size, const char *fmt, int pid)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, fmt);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

static void assert_line(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("'%s' is not in\n%s", line, text);
}

static void test_status_seen_from_outside(void **state)
{
	char text[8192];
	struct run r;
	unsigned uid = 0;

	(void)state;
	start(&r, "wait");
	await_report(&r);
	slurp(text, sizeof(text), "status", r.child.pid);
	close(r.report);
	finish(&r);
	assert_line(text, "\nCapInh:\t0000000000000000\n");
	assert_line(text, "\nCapPrm:\t0000000000000000\n");
	assert_line(text, "\nCapEff:\t0000000000000000\n");
	assert_line(text, "\nCapAmb:\t0000000000000000\n");
	assert_line(text, "\nNoNewPrivs:\t1\n");
	assert_line(text, "\nSeccomp:\t2\n");
	assert_line(text, "\nShdPnd:\t0000000000000000\n");
	assert_line(text, "\nSigBlk:\t0000000000000000\n");
	assert_line(text, "\nSigIgn:\t0000000000000000\n");
	if ((r.child.layers & (SPAWN_USER | SPAWN_UID)) != 0)
		assert_line(text, "\nCapBnd:\t0000000000000000\n");
	assert_int_equal(sscanf(strstr(text, "\nUid:"), "\nUid: %u", &uid), 1);
	assert_int_not_equal(uid, 0);
	if (geteuid() == 0) {
		assert_line(text, "\nGroups:\t \n");
		assert_true(uid >= 0x5a000000);
	} else {
		assert_int_equal(uid, geteuid());
	}
}

static void test_namespaces_are_its_own(void **state)
{
	static const char *const kinds[] = { "mnt", "net", "pid", "ipc", "uts", "cgroup" };
	char own[64], its[64], path[64];
	struct run r;
	ssize_t n;

	(void)state;
	start(&r, "wait");
	await_report(&r);
	if (geteuid() != 0 || (r.child.layers & ALL_NAMESPACES) != ALL_NAMESPACES) {
		close(r.report);
		finish(&r);
		print_message("layers 0x%x; only root can look closer\n", r.child.layers);
		skip();
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		n = readlink(path, own, sizeof(own) - 1);
		assert_true(n > 0);
		own[n] = '\0';
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", r.child.pid, kinds[i]);
		n = readlink(path, its, sizeof(its) - 1);
		assert_true(n > 0);
		its[n] = '\0';
		assert_string_not_equal(own, its);
	}
	close(r.report);
	finish(&r);
}

static void test_user_gets_every_namespace_the_host_gives(void **state)
{
	struct run r;
	int probe;

	(void)state;
	if (geteuid() == 0)
		skip();
	probe = fork();
	if (probe == 0)
		_exit(syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) == 0 ? 0 : 1);
	start(&r, "exit");
	finish(&r);
	assert_int_equal(r.status, 0);
	assert_int_equal(waitpid(probe, &r.status, 0), probe);
	if (r.status == 0)
		assert_int_equal(r.child.layers & (SPAWN_USER | ALL_NAMESPACES),
				 SPAWN_USER | ALL_NAMESPACES);
	else
		print_message("this host refuses user namespaces: layers 0x%x\n",
			      r.child.layers);
}

static void test_descriptors_seen_from_outside(void **state)
{
	char path[64], found[64] = "";
	struct dirent *e;
	struct run r;
	DIR *d;

	(void)state;
	if (geteuid() != 0)
		skip(); /* not even its own user may look */
	start(&r, "wait");
	await_report(&r);
	snprintf(path, sizeof(path), "/proc/%d/fd", r.child.pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && strlen(found) < 50)
			strcat(found, e->d_name);
	closedir(d);
	snprintf(path, sizeof(path), "/proc/%d/root", r.child.pid);
	d = opendir(path);
	assert_non_null(d);
#ifndef ZW_SANITIZE
	for (int entries = 0; (e = readdir(d)) != NULL; entries++)
		assert_true(entries < 2); /* . and .. */
#endif
	closedir(d);
	close(r.report);
	finish(&r);
	assert_string_equal(found, "0123");
}

/* Numbers that collide: each descriptor lies where another is to go. */
static void test_descriptors_do_not_trample_each_other(void **state)
{
	char *argv[] = { (char[]){ "child" }, (char[]){ "exit" }, NULL };
	int pair[2], log[2], a, b;
	struct spawn_error why = { 0 };
	struct spawn_child child;
	char c = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
	a = fcntl(pair[1], F_DUPFD_CLOEXEC, 20);
	b = fcntl(log[1], F_DUPFD_CLOEXEC, 20);
	struct spawn_fd fds[] = { { a, 3 }, { a, b }, { b, a }, { b, 2 } };
	struct spawn_program p = { .exe = exe, .argv = argv, .fds = fds, .fd_count = 4 };

	assert_true(spawn_start(&p, &child, &why));
	assert_int_equal(read(pair[0], &c, 1), 1);
	assert_int_equal(c, '0');
	assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
	close(pair[0]), close(pair[1]), close(log[0]), close(log[1]), close(a), close(b);
	close(child.pidfd);
}

static void test_failures_are_named(void **state)
{
	char *argv[] = { (char[]){ "child" }, NULL };
	int text = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct {
		const char *name, *step;
		int error, exe;
		struct spawn_fd fd;
	} rows[] = {
		{ "not a program", "execveat", EACCES, text, { null, 2 } },
		{ "no descriptor to give", "passing descriptors", EBADF, exe, { 999, 3 } },
		{ "number 1 is taken", "passing descriptors", EINVAL, exe, { null, 1 } },
		{ "number out of range",
		  "passing descriptors",
		  EINVAL,
		  exe,
		  { null, SPAWN_FDS_MAX } },
		{ "negative number", "passing descriptors", EINVAL, exe, { null, -1 } },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spawn_program p = {
			.exe = rows[i].exe, .argv = argv, .fds = &rows[i].fd, .fd_count = 1
		};
		struct spawn_child child = { .pid = 77 };
		struct spawn_error why = { .step = "none" };

		if (!spawn_start(&p, &child, &why) && child.pid == 77 &&
		    strcmp(why.step, rows[i].step) == 0 && why.error == rows[i].error &&
		    waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			continue;
		print_error("row: %s: %s: %s\n", rows[i].name, why.step, strerror(why.error));
		wrong++;
	}
	assert_int_equal(wrong, 0);
	close(text);
	close(null);
}

/* The other end of the child's socket lives on: only its parent's death can end it. */
static void test_child_dies_with_its_parent(void **state)
{
	int tell[2], hold[2], status = 0;
	struct run r;
	pid_t parent, pid = 0;
	char c;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		start(&r, "wait");
		await_report(&r);
		(void)!write(tell[1], &r.child.pid, sizeof(r.child.pid));
		/* Our end of its socket stays open in a process that outlives us. */
		if (fork() == 0) {
			close(hold[1]);
			(void)!read(hold[0], &c, 1);
		}
		_exit(0);
	}
	assert_int_equal(read(tell[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	alarm(10);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	alarm(0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	close(hold[0]), close(hold[1]), close(tell[0]), close(tell[1]);
	assert_true(wait(NULL) > 0); /* the one that held the socket */
}

static int become_user(void)
{
	if (geteuid() != 0) {
		printf("already an ordinary user; test_sandbox has done this\n");
		return 77;
	}
	if (syscall(SYS_setgroups, 0, NULL) < 0 ||
	    setresgid(OTHER_USER, OTHER_USER, OTHER_USER) < 0 ||
	    setresuid(OTHER_USER, OTHER_USER, OTHER_USER) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) {
		printf("cannot become an ordinary user: %s\n", strerror(errno));
		return 77;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_process_may_call),
		cmocka_unit_test(test_network_is_empty),
#ifdef ZW_POLICY_TRAP
		cmocka_unit_test(test_debug_build_names_the_call),
#endif
		cmocka_unit_test(test_status_seen_from_outside),
		cmocka_unit_test(test_namespaces_are_its_own),
		cmocka_unit_test(test_user_gets_every_namespace_the_host_gives),
		cmocka_unit_test(test_descriptors_seen_from_outside),
		cmocka_unit_test(test_descriptors_do_not_trample_each_other),
		cmocka_unit_test(test_failures_are_named),
		cmocka_unit_test(test_child_dies_with_its_parent),
	};

	exe = open(CHILD, O_PATH | O_CLOEXEC);
	if (exe < 0) {
		printf("%s: %s\n", CHILD, strerror(errno));
		return 1;
	}
	if (argc > 1 && strcmp(argv[1], "--as-user") == 0) {
		int skipped = become_user();

		if (skipped != 0)
			return skipped;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
