/* SPDX-License-Identifier: ISC */
#include "system.h"

#include "bug.h"
#include "grant.h"
#include "grid.h"
#include "host.h"
#include "run.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A process that ends sooner than this after its first start has not started. */
#define START_MS   2000
#define RESTART_MS 1000
#define PARTING_MS 2000 /* how long the end of a process in good order may take */
#define RESETS_MAX 5

enum { MEMBER_LOG, MEMBER_CONTROL, MEMBER_END, MEMBER_POLLS };

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool runs(const struct member *m)
{
	return m->process.child.pid != 0;
}

static unsigned index_of(const struct system *s, const struct member *m)
{
	return (unsigned)(m - s->member);
}

static unsigned member_count(const struct system *s)
{
	return s->manifest->process_count;
}

struct member *system_find(struct system *s, enum manifest_kind kind)
{
	for (unsigned i = 0; i < member_count(s); i++)
		if (s->member[i].is->kind == kind)
			return &s->member[i];
	return NULL;
}

/* Who has an end of a channel. */
static bool takes_part(const struct system *s, const struct member *m, const struct link *l)
{
	return grant_channel(s, m, l) >= 0;
}

/* Opening. */

static enum status create_link(struct link *l)
{
	bool ok = false;

	switch (l->is->link) {
	case LINK_MESSAGES:
		ok = chan_pages_create(&l->pages, l->is->geometry, l->is->audit != AUDIT_NONE);
		break;
	case LINK_GRID:
		l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ok = l->bell >= 0 && chan_memory_create("grid", sizeof(struct grid),
							&l->writable, &l->readable);
		break;
	case LINK_STREAM:
		ok = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, l->stream) == 0 &&
		     fcntl(l->stream[1], F_SETFL, O_NONBLOCK) == 0;
		break;
	}
	if (!ok)
		log_error("channel %s cannot be created: %s", l->is->name, strerror(errno));
	return ok ? STATUS_OK : STATUS_FAILED;
}

static enum status open_guest(struct system *s, struct member *m)
{
	const struct manifest_vm *vm = &m->is->vm;
	struct guest *g;
	static const char *const options[] = { "rng",	"disk",	 "net",	   "console",
					       "vsock", "share", "balloon" };
	static const enum device_kind kinds[] = { KIND_RNG,	KIND_DISK,  KIND_NET,
						  KIND_CONSOLE, KIND_VSOCK, KIND_SHARE,
						  KIND_BALLOON };

	if (s->guest_count == SYSTEM_VMS) {
		log_error("%s: more than %d virtual machines", m->is->name, SYSTEM_VMS);
		return STATUS_USAGE;
	}
	g = m->guest = &s->guest[s->guest_count++];
	*g = (struct guest){ .vmm_fd = -1,
			     .kvm_fd = -1,
			     .kernel_fd = -1,
			     .initrd_fd = -1,
			     .signal_fd = -1,
			     .escape = -1 };
	g->config.version = VM_CONFIG_VERSION;
	g->config.cpu_count = vm->cpu_count;
	g->config.memory_size = vm->memory_size;
	memcpy(g->config.cmdline, vm->cmdline, sizeof(g->config.cmdline));
	for (unsigned i = 0; i < vm->device_count; i++)
		for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (strcmp(vm->device[i].option, options[k]) == 0 &&
			    !devices_add(&g->devices, kinds[k], vm->device[i].value))
				return STATUS_USAGE;
	if (!vm->no_rng && !devices_add(&g->devices, KIND_RNG, ""))
		return STATUS_USAGE;
	return vm_open(g, &(struct vm_software){
				  .kernel = vm->kernel,
				  .initrd = vm->initrd[0] != '\0' ? vm->initrd : NULL,
				  .firmware = vm->firmware[0] != '\0' ? vm->firmware : NULL });
}

static enum status open_member(struct system *s, struct member *m)
{
	m->process.who = m->is->name;
	if (m->is->kind == MANIFEST_VM)
		return s->played ? STATUS_OK : open_guest(s, m);
	m->exe = host_open_program(manifest_program(m->is));
	if (m->exe < 0) {
		log_error("%s: %s cannot be started", m->is->name, manifest_program(m->is));
		return STATUS_FAILED;
	}
	return grant_open(s, m);
}

enum status system_open(struct system *s)
{
	const struct manifest *m = s->manifest;

	s->control.listener = -1;
	host_expect(m->binary, m->binary_count);
	s->signal_fd = run_open_signals();
	if (s->signal_fd < 0) {
		log_error("signalfd: %s", strerror(errno));
		return STATUS_FAILED;
	}
	for (unsigned i = 0; i < m->process_count; i++)
		s->member[i].is = &m->process[i];
	for (unsigned i = 0; i < m->channel_count; i++) {
		s->link[i].is = &m->channel[i];
		if (create_link(&s->link[i]) != STATUS_OK)
			return STATUS_FAILED;
	}
	for (unsigned i = 0; i < m->process_count; i++) {
		enum status st = open_member(s, &s->member[i]);

		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

/* Starting, and the life of channels. */

/* Tells one end of a channel; what an end that cannot be told misses, it never needed. */
static void tell(const struct system *s, const struct member *m, const struct link *l,
		 enum critical_command_kind kind)
{
	bool vm = m->is->kind == MANIFEST_VM;
	const uint32_t words[2] = { vm ? kind == CRITICAL_OPEN ? VM_LINE_OPEN : VM_LINE_CLOSE
				       : (uint32_t)kind,
				    (uint32_t)grant_channel(s, m, l) };

	_Static_assert(sizeof(words) == sizeof(struct critical_command) &&
			       sizeof(words) == sizeof(struct vm_command),
		       "commands are a kind and a channel");
	if (runs(m) && m->process.control >= 0)
		(void)!send(m->process.control, words, sizeof(words),
			    MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Its channels begin anew; one whose other end is gone is closed for it too. */
static void connect_member(struct system *s, struct member *m, bool again)
{
	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		struct link *l = &s->link[i];
		bool all = true;

		if (!takes_part(s, m, l))
			continue;
		for (unsigned j = 0; j < member_count(s); j++)
			all &= !takes_part(s, &s->member[j], l) || runs(&s->member[j]) ||
			       !again;
		if (!all)
			tell(s, m, l, CRITICAL_CLOSE);
		if (!all || !l->closed)
			continue;
		l->closed = false;
		for (unsigned j = 0; j < member_count(s); j++)
			if (&s->member[j] != m && takes_part(s, &s->member[j], l))
				tell(s, &s->member[j], l, CRITICAL_OPEN);
	}
}

/* Before its start: the memory of its closed channels is as if nobody had ever used it. */
static bool clear_links(const struct system *s, const struct member *m)
{
	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		const struct link *l = &s->link[i];

		if (takes_part(s, m, l) && l->closed && !chan_pages_reset(&l->pages)) {
			log_error("channel %s cannot be cleared: %s", l->is->name,
				  strerror(errno));
			return false;
		}
	}
	return true;
}

static bool start_member(struct system *s, struct member *m)
{
	static struct grant g;
	bool ok;

	if (m->is->kind == MANIFEST_VM && s->played)
		return true;
	if (!clear_links(s, m))
		return false;
	if (m->is->kind == MANIFEST_VM) {
		int console, nobody[2] = { -1, -1 };

		grant_vm(s, m, &g, &console);
		/* Without a terminal its console leads nowhere. */
		ok = console >= 0 ||
		     socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, nobody) == 0;
		if (nobody[1] >= 0)
			close(nobody[1]);
		ok = ok && vm_start(m->guest, &m->process, console >= 0 ? console : nobody[0],
				    g.fds, g.fd_count);
		if (nobody[0] >= 0)
			close(nobody[0]);
	} else {
		grant_critical(s, m, &g);
		ok = process_start(&m->process, m->exe, manifest_program(m->is), g.fds,
				   g.fd_count, &g.config, sizeof(g.config));
		explicit_bzero(&g, sizeof(g));
	}
	if (!ok)
		return false;
	m->began_ms = now_ms();
	m->due_ms = 0;
	connect_member(s, m, m->starts++ > 0);
	return true;
}

/* One of its ends is gone: the others let go, and say so. */
static void close_links(struct system *s, const struct member *gone)
{
	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		struct link *l = &s->link[i];

		l->awaited &= ~(1u << index_of(s, gone));
		if (!takes_part(s, gone, l) || l->closed)
			continue;
		l->closed = true;
		for (unsigned j = 0; j < member_count(s); j++) {
			if (!takes_part(s, &s->member[j], l) || !runs(&s->member[j]))
				continue;
			tell(s, &s->member[j], l, CRITICAL_CLOSE);
			l->awaited |= 1u << j;
		}
	}
}

/* True if nobody can still be touching the channels of m. */
static bool let_go(const struct system *s, const struct member *m)
{
	for (unsigned i = 0; i < s->manifest->channel_count; i++)
		if (takes_part(s, m, &s->link[i]) && s->link[i].awaited != 0)
			return false;
	return true;
}

/* What a member says: that it has let go of a channel. Nothing else is believed of anybody. */
static void hear(struct system *s, struct member *m)
{
	uint32_t words[2] = { 0, 0 };
	bool closed;

	if (m->is->kind == MANIFEST_VM) {
		struct vm_command c = vm_hear(m->guest, &m->process);

		words[1] = c.device;
		closed = c.kind == VM_LINE_CLOSED;
	} else {
		ssize_t n = recv(m->process.control, words, sizeof(words), MSG_DONTWAIT);

		if (n == 0) {
			close(m->process.control);
			m->process.control = -1;
		}
		closed = n == (ssize_t)sizeof(words) && words[0] == CRITICAL_CLOSED;
	}
	for (unsigned i = 0; closed && i < s->manifest->channel_count; i++)
		if (grant_channel(s, m, &s->link[i]) == (int)words[1])
			s->link[i].awaited &= ~(1u << index_of(s, m));
}

static void end_system(struct system *s, int status)
{
	s->ended = true;
	s->status = status;
}

/* Whether a guest that ended with this status is to be started again. */
static bool resets(struct member *m, int status)
{
	if (status != STATUS_GUEST_RESET && status != STATUS_GUEST_CRASHED)
		return false;
	m->too_soon = now_ms() - m->began_ms < START_MS ? m->too_soon + 1 : 0;
	if (m->too_soon >= RESETS_MAX) {
		log_error("%s resets again and again: giving up", m->is->name);
		return false;
	}
	log_info("%s resets, starting it again", m->is->name);
	return true;
}

static void ended(struct system *s, struct member *m)
{
	int wait_status = process_reap(&m->process, false);
	bool killed = process_was_killed(&m->process, wait_status);
	int status = killed ? STATUS_ATTACKED : WEXITSTATUS(wait_status);

	close_links(s, m);
	if (m->is->kind == MANIFEST_VM) {
		vm_stop(m->guest);
		if (!killed && resets(m, status))
			m->due_ms = now_ms();
		else
			end_system(s, status);
	} else if (!killed && m->starts == 1 && now_ms() - m->began_ms < START_MS &&
		   status != STATUS_OK) {
		log_error("%s could not start: the system ends", m->is->name);
		end_system(s, status);
	} else if (!killed && m->is->restart) {
		log_warn("%s has ended (%d), starting it again", m->is->name, status);
		m->due_ms = now_ms() + RESTART_MS;
	} else {
		log_error("%s has ended; what needs it stays closed", m->is->name);
		m->dead = true;
	}
}

/* Serving. */

static int timeout_ms(const struct system *s)
{
	uint64_t now = now_ms();
	int timeout = -1;

	for (unsigned i = 0; i < member_count(s); i++) {
		const struct member *m = &s->member[i];
		int wait = -1;

		if (m->guest != NULL && runs(m))
			wait = devices_timeout_ms(&m->guest->devices);
		else if (m->due_ms != 0 && let_go(s, m))
			wait = m->due_ms > now ? (int)(m->due_ms - now) : 0;
		if (wait >= 0 && (timeout < 0 || wait < timeout))
			timeout = wait;
	}
	return timeout;
}

static void poll_member(const struct member *m, struct pollfd p[MEMBER_POLLS])
{
	p[MEMBER_LOG] =
		(struct pollfd){ .fd = runs(m) ? m->process.log : -1, .events = POLLIN };
	p[MEMBER_CONTROL] =
		(struct pollfd){ .fd = runs(m) ? m->process.control : -1, .events = POLLIN };
	p[MEMBER_END] = (struct pollfd){ .fd = runs(m) ? m->process.child.pidfd : -1,
					 .events = POLLIN };
}

static void serve_member(struct system *s, struct member *m,
			 const struct pollfd p[MEMBER_POLLS])
{
	if (p[MEMBER_LOG].revents != 0 && m->process.log >= 0)
		process_relay(&m->process);
	if (p[MEMBER_CONTROL].revents != 0)
		hear(s, m);
	if (p[MEMBER_END].revents != 0)
		ended(s, m);
}

static void restart_due(struct system *s)
{
	for (unsigned i = 0; i < member_count(s); i++) {
		struct member *m = &s->member[i];

		if (runs(m) || m->due_ms == 0 || now_ms() < m->due_ms || !let_go(s, m))
			continue;
		if (start_member(s, m))
			continue;
		m->due_ms = 0;
		m->dead = true;
		if (m->is->kind == MANIFEST_VM)
			end_system(s, STATUS_FAILED);
	}
}

static void hear_signal(struct system *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGTSTP)
		return; /* who is attached hears of it by itself */
	log_info("ended by SIG%s", sigabbrev_np((int)info.ssi_signo));
	end_system(s, 128 + (int)info.ssi_signo);
}

static void serve(struct system *s)
{
	enum { SIGNAL, CONTROL, MEMBERS = CONTROL + CONTROL_POLLS };
	struct pollfd p[MEMBERS + MANIFEST_PROCESSES * MEMBER_POLLS +
			SYSTEM_VMS * VM_DEVICES_MAX * PERIPHERAL_POLLS];
	unsigned count = MEMBERS, devices;

	p[SIGNAL] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	control_poll(&s->control, &p[CONTROL]);
	for (unsigned i = 0; i < member_count(s); i++, count += MEMBER_POLLS)
		poll_member(&s->member[i], &p[count]);
	devices = count;
	for (unsigned i = 0; i < s->guest_count; i++) {
		devices_poll(&s->guest[i].devices, &p[count]);
		count += s->guest[i].devices.count * PERIPHERAL_POLLS;
	}
	if (poll(p, count, timeout_ms(s)) < 0)
		return;
	if (p[SIGNAL].revents != 0)
		hear_signal(s);
	count = devices;
	for (unsigned i = 0; i < member_count(s); i++) {
		struct member *m = &s->member[i];

		if (m->guest == NULL)
			continue;
		if (runs(m))
			devices_polled(&m->guest->devices, &p[count], m->process.control);
		count += m->guest->devices.count * PERIPHERAL_POLLS;
	}
	for (unsigned i = 0; i < member_count(s); i++)
		serve_member(s, &s->member[i], &p[MEMBERS + i * MEMBER_POLLS]);
	control_polled(&s->control, &p[CONTROL]);
	restart_due(s);
}

/* In the order of their start backwards, so that the auditor hears the others' last words. */
static void part(struct system *s)
{
	for (unsigned i = member_count(s); i-- > 0;) {
		struct member *m = &s->member[i];
		struct pollfd p = { .fd = m->process.child.pidfd, .events = POLLIN };

		if (!runs(m))
			continue;
		if (m->guest != NULL) {
			process_reap(&m->process, true);
			vm_stop(m->guest);
			continue;
		}
		close(m->process.control);
		m->process.control = -1;
		process_reap(&m->process, poll(&p, 1, PARTING_MS) <= 0);
	}
}

int system_run(struct system *s, int ready_fd)
{
	for (unsigned i = 0; i < member_count(s) && !s->ended; i++)
		if (!start_member(s, &s->member[i]))
			end_system(s, STATUS_FAILED);
	if (!s->ended && !system_listen(s))
		end_system(s, STATUS_FAILED);
	if (!s->ended)
		log_info("%s runs: %u processes, %u channels", s->manifest->name,
			 member_count(s), s->manifest->channel_count);
	if (!s->ended)
		unix_notify("READY=1");
	if (ready_fd >= 0)
		close(ready_fd);
	while (!s->ended)
		serve(s);
	part(s);
	return s->status;
}

size_t system_describe(const struct system *s, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "%-16s %-9s %8s %-8s %7s %s\n", "PROCESS",
				      "KIND", "PID", "STATE", "STARTS", "UP");

	for (unsigned i = 0; i < member_count(s) && len < size; i++) {
		const struct member *m = &s->member[i];
		uint64_t up_s = runs(m) ? (now_ms() - m->began_ms) / 1000 : 0;

		len += (size_t)snprintf(
			text + len, size - len, "%-16s %-9s %8d %-8s %7u %llus\n", m->is->name,
			manifest_kind_name(m->is->kind), (int)m->process.child.pid,
			runs(m)	  ? "running"
			: m->dead ? "dead"
				  : "waiting",
			m->starts, (unsigned long long)up_s);
	}
	for (unsigned i = 0; i < s->manifest->channel_count && len < size; i++)
		if (s->link[i].closed)
			len += (size_t)snprintf(text + len, size - len,
						"channel %s is closed\n", s->link[i].is->name);
	return len < size ? len : size - 1;
}
