/* SPDX-License-Identifier: ISC */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_WORDS_MAX 256 /* reads; a pipe holds no more */

static bool fail(const struct process *p, const char *step, int error)
{
	log_error("cannot start %s: %s: %s", p->who, step, strerror(error));
	return false;
}

/* What the host refuses is said, once. Root needs no user namespace, others get no user id. */
static void say_missing_layers(const char *who, unsigned layers)
{
	static bool said;
	unsigned missing = SPAWN_ALL & ~layers;
	char names[128] = "";
	size_t len = 0;

	if ((layers & (SPAWN_USER | SPAWN_UID)) != 0)
		missing &= ~(unsigned)(SPAWN_USER | SPAWN_UID);
	if (missing == 0 || said)
		return;
	said = true;
	for (unsigned l = 1; l <= SPAWN_UID; l <<= 1)
		if ((missing & l) != 0)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len > 0 ? ", " : "", spawn_layer_name(l));
	log_warn("this host gives %s none of its own: %s", who, names);
}

static void began(struct process *p, struct spawn_child child, int control, int log)
{
	p->child = child;
	p->control = control;
	p->log = log;
	p->line_len = 0;
	fcntl(log, F_SETFL, O_NONBLOCK);
}

/* The other ends live in the child alone, so that their end of file means its death. */
bool process_start(struct process *p, int exe, const char *program, struct spawn_fd *fds,
		   unsigned count, const void *message, size_t size)
{
	int control[2] = { -1, -1 }, log[2] = { -1, -1 };
	char name[32], *const argv[] = { name, NULL };
	struct spawn_program s = {
		.exe = exe, .argv = argv, .fds = fds, .fd_count = count + PROCESS_FDS
	};
	struct spawn_error why = { "descriptors", 0 };
	struct spawn_child child;
	bool ok = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0 &&
		  pipe2(log, O_CLOEXEC) == 0;

	snprintf(name, sizeof(name), "%s", program);
	fds[count] = (struct spawn_fd){ log[1], 2 };
	fds[count + 1] = (struct spawn_fd){ control[1], 3 };
	/* The message waits in the socket: the child finds it whenever it looks. */
	if (!ok || send(control[0], message, size, MSG_NOSIGNAL) < 0)
		why.error = errno;
	else if (spawn_start(&s, &child, &why))
		why.step = NULL;
	close(control[1]);
	close(log[1]);
	if (why.step != NULL) {
		close(control[0]);
		close(log[0]);
		return fail(p, why.step, why.error);
	}
	began(p, child, control[0], log[0]);
	say_missing_layers(p->who, child.layers);
	return true;
}

static _Noreturn void become(char *const *argv, int fd, int log)
{
	static char *const environment[] = { "PATH=/usr/bin:/bin:/usr/sbin:/sbin", NULL };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		(void)signal(n, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid(); /* the keyboard's signals are for us */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Out of the way of every number that is going to be given. */
	fd = fcntl(fd, F_DUPFD, 10);
	log = fcntl(log, F_DUPFD, 10);
	if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || dup2(fd, 3) < 0 ||
	    syscall(SYS_close_range, 4, ~0u, 0) < 0)
		_exit(127);
	execve(argv[0], argv, environment);
	_exit(127);
}

bool process_start_foreign(struct process *p, char *const *argv, int fd)
{
	struct spawn_child child = { .pidfd = -1 };
	int log[2];

	if (pipe2(log, O_CLOEXEC) < 0)
		return fail(p, "pipe2", errno);
	child.pid = fork();
	if (child.pid == 0)
		become(argv, fd, log[1]);
	close(log[1]);
	if (child.pid > 0)
		child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	began(p, child, -1, log[0]);
	p->foreign = true;
	if (child.pidfd >= 0)
		return true;
	fail(p, "fork", errno);
	if (child.pid < 0) {
		p->child.pid = 0;
		close(log[0]);
	}
	process_reap(p, true);
	return false;
}

/* Whole lines go to our log; what the process cannot finish within a line is cut there. */
static ssize_t pass_on(struct process *p)
{
	char bytes[256];
	ssize_t n = read(p->log, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != '\n' && p->line_len < sizeof(p->line))
			p->line[p->line_len++] = bytes[i];
		if (bytes[i] != '\n' && p->line_len < sizeof(p->line))
			continue;
		if (p->foreign)
			log_warn("%s: %.*s", p->who, (int)p->line_len, p->line);
		else
			log_relay(p->line, p->line_len);
		p->line_len = 0;
	}
	return n;
}

void process_relay(struct process *p)
{
	ssize_t n = pass_on(p);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	close(p->log);
	p->log = -1;
}

int process_reap(struct process *p, bool end)
{
	int st = 0;

	if (p->child.pid == 0)
		return 0;
	if (end)
		kill(p->child.pid, SIGKILL);
	while (waitpid(p->child.pid, &st, 0) < 0 && errno == EINTR)
		;
	/* A foreign program that we end has nothing to say about it that we do not know. */
	for (unsigned i = 0; i < LAST_WORDS_MAX && !(end && p->foreign) && pass_on(p) > 0; i++)
		;
	p->child.pid = 0;
	close(p->log);
	close(p->control);
	close(p->child.pidfd);
	return st;
}

bool process_was_killed(const struct process *p, int st)
{
	int signal = WIFSIGNALED(st) ? WTERMSIG(st) : 0;

	if (signal == SIGSYS)
		log_error("%s made a system call that its policy forbids and was killed: "
			  "treat it as taken over. The host's audit log names the call: "
			  "journalctl -k | grep type=1326",
			  p->who);
	else if (signal == SIGBUS)
		log_error("%s lost memory under it (SIGBUS): the host is out of (huge) pages, "
			  "or a file was cut while it was used",
			  p->who);
	else if (signal != 0)
		log_error("%s was killed by signal %d (%s)", p->who, signal, strsignal(signal));
	return signal != 0;
}
