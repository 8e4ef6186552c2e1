/* SPDX-License-Identifier: ISC */
#include "devices.h"

#include "timing.h"
#include "unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS	     1000000ull
#define SETTLE_MS    100 /* the VMM's own end, which takes the devices with it, is seen before */
#define RETRY_MS     500 /* to reach a foreign server again */
#define RESTARTS_MAX 5	 /* within RESTARTS_MS */
#define RESTARTS_MS  10000
#define GRACE_MS     2000 /* what is said to be lost, but younger, was not yet meant */

bool devices_add(struct devices *s, enum device_kind kind, const char *text)
{
	unsigned at = s->count;

	for (unsigned i = 0; i < s->count; i++) {
		struct backing *b = &s->device[i].peripheral.backing;

		if (b->kind != kind || kind == KIND_DISK || kind == KIND_NET ||
		    kind == KIND_SHARE)
			continue;
		if (kind != KIND_CONSOLE || b->spec_count == DEVICE_PORTS_MAX) {
			log_error("--%s: too many of them; a guest has at most %d",
				  device_kind_name(kind),
				  kind == KIND_CONSOLE ? DEVICE_PORTS_MAX : 1);
			return false;
		}
		at = i; /* one more port */
	}
	if (at == VM_DEVICES_MAX) {
		log_error("--%s: a guest has at most %d devices", device_kind_name(kind),
			  VM_DEVICES_MAX);
		return false;
	}
	if (!peripheral_describe(&s->device[at].peripheral, kind, text))
		return false;
	s->count = at == s->count ? at + 1 : s->count;
	return true;
}

enum status devices_open(struct devices *s, unsigned cpu_count)
{
	enum status st = STATUS_OK;

	for (unsigned i = 0; i < s->count && st == STATUS_OK; i++) {
		struct backing *b = &s->device[i].peripheral.backing;

		if (b->kind == KIND_DISK && b->spec->queues == 0)
			b->spec->queues = cpu_count;
		st = peripheral_open(&s->device[i].peripheral);
	}
	return st;
}

bool devices_start(struct devices *s, struct vm_config *c, int sockets[VM_DEVICES_MAX])
{
	c->device_count = s->count;
	for (unsigned i = 0; i < s->count; i++) {
		struct peripheral *p = &s->device[i].peripheral;

		sockets[i] = peripheral_start(p);
		s->device[i].began_ns = timing_now();
		s->device[i].due_ns = 0;
		c->device[i] = p->backing.vm;
		if (sockets[i] >= 0)
			continue;
		if (p->backing.server != NULL)
			log_error("%s: cannot connect to it: %s", p->backing.label,
				  strerror(errno));
		while (i > 0)
			close(sockets[--i]);
		devices_stop(s);
		return false;
	}
	devices_resize(s);
	return true;
}

void devices_stop(struct devices *s)
{
	for (unsigned i = 0; i < s->count; i++)
		peripheral_stop(&s->device[i].peripheral);
}

int devices_timeout_ms(const struct devices *s)
{
	uint64_t now = timing_now(), least = UINT64_MAX;

	for (unsigned i = 0; i < s->count; i++)
		if (s->device[i].due_ns != 0 && s->device[i].due_ns < least)
			least = s->device[i].due_ns;
	return least == UINT64_MAX ? -1 : least <= now ? 0 : (int)((least - now) / MS) + 1;
}

void devices_poll(const struct devices *s, struct pollfd *p)
{
	for (unsigned i = 0; i < s->count; i++)
		peripheral_poll(&s->device[i].peripheral, p + i * PERIPHERAL_POLLS);
}

/* Whether one more start of device i is not one too many. */
static bool again(struct devices *s, unsigned i, uint64_t now)
{
	if (now - s->device[i].restarts_since_ns > RESTARTS_MS * MS) {
		s->device[i].restarts_since_ns = now;
		s->device[i].restarts = 0;
	}
	return s->device[i].restarts++ < RESTARTS_MAX;
}

static void restart(struct devices *s, unsigned i, int vmm)
{
	const struct vm_command c = { .kind = VM_RECONNECT, .device = i };
	struct peripheral *p = &s->device[i].peripheral;
	uint64_t now = timing_now();
	int socket;

	s->device[i].due_ns = 0;
	if (p->backing.server == NULL && !again(s, i, now)) {
		log_error(
			"%s: it ended %d times within %d s: given up; the guest goes on without",
			p->backing.label, RESTARTS_MAX + 1, RESTARTS_MS / 1000);
		return;
	}
	if (p->backing.server == NULL && WIFEXITED(p->ended))
		log_warn("%s: its process ended with status %d", p->backing.label,
			 WEXITSTATUS(p->ended));
	if (p->backing.server == NULL)
		log_info("%s: starting it again", p->backing.label);
	socket = peripheral_start(p);
	s->device[i].began_ns = now;
	if (socket >= 0 && unix_send(vmm, &c, sizeof(c), socket)) {
		devices_resize(s);
		if (p->backing.server != NULL)
			log_guest(&s->device[i].losses, "%s: its server is back",
				  p->backing.label);
	} else {
		peripheral_stop(p);
		s->device[i].due_ns = now + RETRY_MS * MS;
	}
	if (socket >= 0)
		close(socket);
}

void devices_polled(struct devices *s, const struct pollfd *p, int vmm)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct peripheral *d = &s->device[i].peripheral;

		if (!peripheral_polled(d, p + i * PERIPHERAL_POLLS)) {
			process_was_killed(&d->process, d->ended);
			s->device[i].due_ns = timing_now() + SETTLE_MS * MS;
		}
		if (s->device[i].due_ns != 0 && timing_now() >= s->device[i].due_ns)
			restart(s, i, vmm);
	}
}

void devices_lost(struct devices *s, unsigned i)
{
	uint64_t now = timing_now();
	struct peripheral *p;

	if (i >= s->count || s->device[i].due_ns != 0)
		return;
	p = &s->device[i].peripheral;
	if (p->backing.server != NULL) {
		log_guest(&s->device[i].losses, "%s: its server has gone: waiting for it",
			  p->backing.label);
		s->device[i].due_ns = now + RETRY_MS * MS;
	} else if (p->process.child.pid != 0 && now - s->device[i].began_ns > GRACE_MS * MS) {
		log_warn("%s: the VMM process cannot use it any more", p->backing.label);
		p->ended = -1;
		peripheral_stop(p);
		s->device[i].due_ns = now;
	}
}

int devices_terminal(const struct devices *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->device[i].peripheral.backing.terminal >= 0)
			return s->device[i].peripheral.backing.terminal;
	return -1;
}

void devices_resize(const struct devices *s)
{
	struct winsize w;

	for (unsigned i = 0; i < s->count && ioctl(STDIN_FILENO, TIOCGWINSZ, &w) == 0; i++)
		peripheral_resize(&s->device[i].peripheral, w.ws_col, w.ws_row);
}
