/* SPDX-License-Identifier: ISC */
#include "guest.h"

#include "terminal.h"
#include "timing.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long, once a signal has ended us, the user's side may take to swallow what is left. */
#define SWALLOW_MS 1000

/* A VMM process and our ends of what leads to it. */
struct vmm {
	struct process process;
	int console;
	int terminal;		   /* the stream of hvc0, which then has the keyboard; or -1 */
	struct wire output, input; /* console to user, user to console */
	bool escaped;		   /* the last byte typed was the escape byte */
	bool quit;
};

/* The console's other end lives in the VMM process alone, so that its end of file means an end. */
static bool start(struct guest *g, struct vmm *v)
{
	int console[2];

	v->process.who = "the VMM process";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0) {
		log_error("cannot start the VMM process: socketpair: %s", strerror(errno));
		return false;
	}
	if (!vm_start(g, &v->process, console[1], NULL, 0)) {
		close(console[0]);
		close(console[1]);
		return false;
	}
	close(console[1]);
	v->console = console[0];
	v->terminal = devices_terminal(&g->devices);
	fcntl(v->console, F_SETFL, O_NONBLOCK);
	v->output = (struct wire){ .from = v->console, .to = STDOUT_FILENO };
	v->input = (struct wire){ .from = STDIN_FILENO,
				  .to = v->terminal >= 0 ? v->terminal : v->console };
	return true;
}

/* hvc0's output goes the same way as the serial console's, through the same buffer. */
static void fill_from_terminal(struct vmm *v)
{
	int console = v->output.from;

	v->output.from = v->terminal;
	(void)wire_fill(&v->output);
	v->output.from = console;
}

static bool terminal_waits(const struct vmm *v)
{
	int count = 0;

	return v->terminal >= 0 && ioctl(v->terminal, FIONREAD, &count) == 0 && count > 0;
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
static int pending_signal(const struct guest *g, bool tty)
{
	struct signalfd_siginfo s;

	if (read(g->signal_fd, &s, sizeof(s)) != sizeof(s))
		return 0;
	if (s.ssi_signo == SIGWINCH)
		devices_resize(&g->devices);
	if (s.ssi_signo == SIGTSTP) {
		terminal_restore();
		raise(SIGSTOP); /* returns when we are continued */
		if (tty)
			terminal_raw();
	}
	return s.ssi_signo == SIGWINCH || s.ssi_signo == SIGTSTP ? 0 : (int)s.ssi_signo;
}

/* Until the VMM process is gone and nothing of what it said is left. Returns a signal or 0. */
static int serve(struct guest *g, struct guest_control *c, struct vmm *v, bool tty)
{
	enum { TYPED, SHOWN, CONSOLE, TERMINAL, LOG, CONTROL, SIGNAL, ASKED_US };
	enum { COUNT = ASKED_US + CONTROL_POLLS };
	struct pollfd p[COUNT + VM_DEVICES_MAX * PERIPHERAL_POLLS];
	nfds_t devices = g->devices.count * PERIPHERAL_POLLS;
	bool told = false;
	int ended_by = 0, ready;

	while (v->output.from >= 0 || !wire_empty(&v->output) || v->process.log >= 0 ||
	       terminal_waits(v)) {
		bool runs = v->output.from >= 0 && !told;
		struct pollfd *keyboard = &p[v->terminal >= 0 ? TERMINAL : CONSOLE];

		p[TYPED] = (struct pollfd){ .fd = !wire_full(&v->input) && !told ? v->input.from
										 : -1,
					    .events = POLLIN };
		p[SHOWN] = (struct pollfd){ .fd = wire_empty(&v->output) ? -1 : STDOUT_FILENO,
					    .events = POLLOUT };
		p[CONSOLE] = (struct pollfd){ .fd = v->console };
		p[TERMINAL] = (struct pollfd){ .fd = v->terminal };
		p[LOG] = (struct pollfd){ .fd = v->process.log, .events = POLLIN };
		p[CONTROL] = (struct pollfd){ .fd = v->process.control, .events = POLLIN };
		p[SIGNAL] = (struct pollfd){ .fd = told ? -1 : g->signal_fd, .events = POLLIN };
		control_poll(&c->control, p + ASKED_US);
		devices_poll(&g->devices, p + COUNT);

		if (v->output.from >= 0 && !wire_full(&v->output))
			p[CONSOLE].events |= POLLIN;
		if (!wire_full(&v->output))
			p[TERMINAL].events |= POLLIN;
		if (!wire_empty(&v->input) && v->output.from >= 0)
			keyboard->events |= POLLOUT;
		if (p[CONSOLE].events == 0)
			p[CONSOLE].fd = -1;
		ready = poll(p, runs ? COUNT + devices : COUNT,
			     runs   ? devices_timeout_ms(&g->devices)
			     : told ? SWALLOW_MS
				    : -1);
		if (ready == 0 && told)
			break; /* nobody takes the rest */
		if (ready < 0)
			continue;

		if (p[SIGNAL].revents != 0)
			ended_by = pending_signal(g, tty);
		if (p[TYPED].revents != 0) {
			size_t before = wire_pending(&v->input); /* wire_fill() moves them */

			wire_fill(&v->input);
			if (tty && g->escape >= 0)
				take_commands(v, before, g->escape);
		}
		if (p[CONSOLE].revents & (POLLIN | POLLHUP | POLLERR))
			wire_fill(&v->output);
		if (p[TERMINAL].revents & POLLIN)
			fill_from_terminal(v);
		if (keyboard->revents & POLLOUT && !wire_drain(&v->input))
			v->input.start = v->input.end;
		/* A reader that has gone away takes the guest with it, as with any pipe. */
		if (p[SHOWN].revents != 0 && !wire_drain(&v->output)) {
			v->output.start = v->output.end;
			ended_by = ended_by != 0 ? ended_by : SIGPIPE;
		}
		if (p[LOG].revents != 0)
			process_relay(&v->process);
		if (p[CONTROL].revents != 0)
			(void)vm_hear(g, &v->process);
		if (runs)
			devices_polled(&g->devices, p + COUNT, v->process.control);
		control_polled(&c->control, p + ASKED_US);
		if ((ended_by != 0 || v->quit || c->stop) && !told) {
			kill(v->process.child.pid, SIGKILL);
			told = true;
		}
	}
	return ended_by;
}

enum guest_end guest_run(struct guest *g, struct guest_control *c, int *status)
{
	struct vmm v = { .quit = false };
	int signal, st;
	bool tty;

	if (!start(g, &v)) {
		*status = STATUS_FAILED;
		return GUEST_EXITED;
	}
	tty = terminal_raw();
	c->vmm = &v.process;
	c->starts++;
	signal = serve(g, c, &v, tty);
	c->vmm = NULL;
	terminal_restore();
	st = process_reap(&v.process, false);
	vm_stop(g);
	close(v.console);
	if (signal != 0 || v.quit || c->stop)
		*status = signal != 0 ? 128 + signal : STATUS_OK;
	else
		*status =
			process_was_killed(&v.process, st) ? STATUS_ATTACKED : WEXITSTATUS(st);
	return signal != 0 ? GUEST_SIGNAL : v.quit || c->stop ? GUEST_QUIT : GUEST_EXITED;
}
