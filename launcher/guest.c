/* SPDX-License-Identifier: ISC */
#include "guest.h"

#include "log.h"
#include "spawn.h"
#include "terminal.h"
#include "timing.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long, once a signal has ended us, the user's side may take to swallow what is left. */
#define SWALLOW_MS 1000

/* A VMM process and our ends of what leads to it. */
struct vmm {
	struct spawn_child child;
	int control, console, log;
	struct wire output, input; /* console to user, user to console */
	char line[LOG_LINE_MAX];   /* the log line being gathered */
	size_t line_len;
	bool escaped; /* the last byte typed was the escape byte */
	bool quit;
};

static bool start_failed(const char *what, int error)
{
	log_error("cannot start the VMM process: %s: %s", what, strerror(error));
	return false;
}

/* What the host refuses is said, once. Root needs no user namespace, others get no user id. */
static void say_missing_layers(unsigned layers)
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
	log_warn("this host gives the VMM process none of its own: %s", names);
}

/* The other ends live in the child alone, so that their end of file means its death. */
static bool start(const struct guest *g, struct vmm *v)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int control[2] = { -1, -1 }, console[2] = { -1, -1 }, log[2] = { -1, -1 };
	char *const argv[] = { "zwinger-vmm", NULL };
	struct spawn_error why = { "descriptors", 0 };
	bool ok = null >= 0 &&
		  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0 &&
		  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) == 0 &&
		  pipe2(log, O_CLOEXEC) == 0;
	const struct spawn_fd fds[] = {
		{ log[1], 2 },
		{ control[1], VMM_FD_CONTROL },
		{ g->kvm_fd, VMM_FD_KVM },
		{ g->kernel_fd, VMM_FD_KERNEL },
		{ g->initrd_fd >= 0 ? g->initrd_fd : null, VMM_FD_INITRD },
		{ console[1], VMM_FD_CONSOLE },
	};
	const struct spawn_program program = { .exe = g->vmm_fd,
					       .argv = argv,
					       .fds = fds,
					       .fd_count = sizeof(fds) / sizeof(fds[0]) };

	if (!ok)
		why.error = errno;
	/* The message waits in the socket: the child finds it whenever it looks. */
	if (ok && send(control[0], &g->config, sizeof(g->config), MSG_NOSIGNAL) < 0) {
		ok = false;
		why = (struct spawn_error){ "send", errno };
	}
	ok = ok && spawn_start(&program, &v->child, &why);
	close(null);
	close(control[1]);
	close(console[1]);
	close(log[1]);
	if (!ok) {
		close(control[0]);
		close(console[0]);
		close(log[0]);
		return start_failed(why.step, why.error);
	}
	timing_mark("VMM process executed");
	timing_report();
	say_missing_layers(v->child.layers);
	v->control = control[0];
	v->console = console[0];
	v->log = log[0];
	fcntl(v->console, F_SETFL, O_NONBLOCK);
	fcntl(v->log, F_SETFL, O_NONBLOCK);
	v->output = (struct wire){ .from = v->console, .to = STDOUT_FILENO };
	v->input = (struct wire){ .from = STDIN_FILENO, .to = v->console };
	return true;
}

/* Whole lines go to our log; what the process cannot finish within a line is cut there. */
static bool relay_log(struct vmm *v)
{
	char bytes[256];
	ssize_t n = read(v->log, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != '\n' && v->line_len < sizeof(v->line))
			v->line[v->line_len++] = bytes[i];
		if (bytes[i] == '\n' || v->line_len == sizeof(v->line)) {
			log_relay(v->line, v->line_len);
			v->line_len = 0;
		}
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void say_keys(int escape)
{
	log_info("Ctrl-%c x ends the guest, Ctrl-%c Ctrl-%c types the key itself", escape + 64,
		 escape + 64, escape + 64);
}

/* Takes the commands out of what was just typed, from byte `from` of the wire's buffer on. */
static void take_commands(struct vmm *v, size_t from, int escape)
{
	struct wire *w = &v->input;
	size_t kept = from;

	for (size_t i = from; i < w->end; i++) {
		uint8_t key = w->bytes[i];

		if (!v->escaped && key == escape) {
			v->escaped = true;
			continue;
		}
		if (v->escaped && key == 'x')
			v->quit = true;
		else if (v->escaped && key != escape)
			say_keys(escape);
		else
			w->bytes[kept++] = key;
		v->escaped = false;
	}
	w->end = kept;
}

/* The number of a signal that ends us, or 0. One that only stops us has done so. */
static int pending_signal(int fd, bool tty)
{
	struct signalfd_siginfo s;

	if (read(fd, &s, sizeof(s)) != sizeof(s))
		return 0;
	if (s.ssi_signo != SIGTSTP)
		return (int)s.ssi_signo;
	terminal_restore();
	raise(SIGSTOP); /* returns when we are continued */
	if (tty)
		terminal_raw();
	return 0;
}

/* Until the VMM process is gone and nothing of what it said is left. Returns a signal or 0. */
static int serve(const struct guest *g, struct vmm *v, bool tty)
{
	enum { TYPED, SHOWN, CONSOLE, LOG, SIGNAL, COUNT };
	bool log_open = true, told = false;
	int ended_by = 0, ready;

	while (v->output.from >= 0 || !wire_empty(&v->output) || log_open) {
		struct pollfd p[COUNT] = {
			[TYPED] = { .fd = !wire_full(&v->input) && !told ? v->input.from : -1,
				    .events = POLLIN },
			[SHOWN] = { .fd = wire_empty(&v->output) ? -1 : STDOUT_FILENO,
				    .events = POLLOUT },
			[CONSOLE] = { .fd = v->console },
			[LOG] = { .fd = log_open ? v->log : -1, .events = POLLIN },
			[SIGNAL] = { .fd = told ? -1 : g->signal_fd, .events = POLLIN },
		};

		if (v->output.from >= 0 && !wire_full(&v->output))
			p[CONSOLE].events |= POLLIN;
		if (!wire_empty(&v->input) && v->output.from >= 0)
			p[CONSOLE].events |= POLLOUT;
		if (p[CONSOLE].events == 0)
			p[CONSOLE].fd = -1;
		ready = poll(p, COUNT, told ? SWALLOW_MS : -1);
		if (ready == 0)
			break; /* nobody takes the rest */
		if (ready < 0)
			continue;

		if (p[SIGNAL].revents != 0)
			ended_by = pending_signal(g->signal_fd, tty);
		if (p[TYPED].revents != 0) {
			size_t before = wire_pending(&v->input); /* wire_fill() moves them */

			wire_fill(&v->input);
			if (tty && g->escape >= 0)
				take_commands(v, before, g->escape);
		}
		if (p[CONSOLE].revents & (POLLIN | POLLHUP | POLLERR))
			wire_fill(&v->output);
		if (p[CONSOLE].revents & POLLOUT && !wire_drain(&v->input))
			v->input.start = v->input.end;
		/* A reader that has gone away takes the guest with it, as with any pipe. */
		if (p[SHOWN].revents != 0 && !wire_drain(&v->output)) {
			v->output.start = v->output.end;
			ended_by = ended_by != 0 ? ended_by : SIGPIPE;
		}
		if (p[LOG].revents != 0)
			log_open = relay_log(v);
		if ((ended_by != 0 || v->quit) && !told) {
			kill(v->child.pid, SIGKILL);
			told = true;
		}
	}
	return ended_by;
}

/* How the process ended, in words where it is not its own. */
static int reap(struct vmm *v, bool killed_by_us)
{
	int st = 0, signal;

	while (waitpid(v->child.pid, &st, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(st))
		return WEXITSTATUS(st);
	signal = WTERMSIG(st);
	if (killed_by_us)
		return STATUS_OK;
	if (signal == SIGSYS)
		log_error(
			"the VMM process made a system call that its policy forbids and was killed: "
			"treat it as taken over. The host's audit log names the call: "
			"journalctl -k | grep type=1326");
	else if (signal == SIGBUS)
		log_error(
			"the VMM process lost memory under it (SIGBUS): the host is out of (huge) "
			"pages, or the kernel image was cut while it was read");
	else
		log_error("the VMM process was killed by signal %d (%s)", signal,
			  strsignal(signal));
	return STATUS_ATTACKED;
}

enum guest_end guest_run(const struct guest *g, int *status)
{
	struct vmm v = { .quit = false };
	bool tty;
	int signal;

	if (!start(g, &v)) {
		*status = STATUS_FAILED;
		return GUEST_EXITED;
	}
	tty = terminal_raw();
	signal = serve(g, &v, tty);
	terminal_restore();
	*status = reap(&v, signal != 0 || v.quit);
	close(v.control);
	close(v.console);
	close(v.log);
	close(v.child.pidfd);
	if (signal != 0)
		*status = 128 + signal;
	else if (v.quit)
		*status = STATUS_OK;
	return signal != 0 ? GUEST_SIGNAL : v.quit ? GUEST_QUIT : GUEST_EXITED;
}
