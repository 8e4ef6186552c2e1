/* SPDX-License-Identifier: ISC */
#include "peripheral.h"

#include "number.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool peripheral_describe(struct peripheral *d, enum device_kind kind, const char *text)
{
	struct backing *b = &d->backing;
	struct device_spec spec;
	unsigned at = b->spec_count;

	if (!device_spec_parse(&spec, kind, text))
		return false;
	b->kind = kind;
	snprintf(b->label, sizeof(b->label), "--%s%s%s", device_kind_name(kind),
		 text[0] != '\0' ? " " : "", text);
	d->process.who = b->label;
	d->helper.who = "passt";
	/* hvc0 is port 0, whatever the order of the options. */
	if (at > 0 && spec.hvc) {
		memmove(b->spec + 1, b->spec, at * sizeof(spec));
		at = 0;
	}
	b->spec[at] = spec;
	b->spec_count++;
	return true;
}

enum status peripheral_open(struct peripheral *d)
{
	return backing_open(&d->backing);
}

/* passt's end of the stream lives in it alone; false: one line has been logged. */
static bool start_passt(struct peripheral *d, int *end)
{
	const struct device_spec *s = d->backing.spec;
	const char *words[12] = { "/usr/bin/passt", "--foreground", "--quiet", "--fd", "3" };
	unsigned count = 5;
	char *argv[12] = { NULL }, mtu[8];
	int pair[2];
	bool ok;

	if (s->ports[0] != '\0') {
		words[count++] = "--tcp-ports";
		words[count++] = s->ports;
	}
	if (s->mtu != 0) {
		snprintf(mtu, sizeof(mtu), "%u", (unsigned)s->mtu);
		words[count++] = "--mtu";
		words[count++] = mtu;
	}
	memcpy(argv, words, sizeof(argv)); /* execve() reads them only */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("%s: socketpair: %s", d->backing.label, strerror(errno));
		return false;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	ok = process_start_foreign(&d->helper, argv, pair[1]);
	close(pair[1]);
	if (!ok)
		close(pair[0]);
	*end = pair[0];
	return ok;
}

/* virtiofsd wants to accept its one connection. */
static int start_virtiofsd(struct peripheral *d)
{
	const struct backing *b = &d->backing;
	bool rust = strstr(b->program, "libexec") != NULL; /* the later one has other options */
	const char *words[6] = { b->program, "--fd=3" };
	char source[4200], *argv[6] = { NULL };
	int listening, socket;
	bool ok;

	snprintf(source, sizeof(source), rust ? "--shared-dir=%s" : "log_level=warn,source=%s",
		 b->spec->path);
	words[2] = rust ? "--log-level=warn" : "-f";
	words[3] = rust ? source : "-o";
	words[4] = !rust ? source : b->spec->readonly ? "--readonly" : NULL;
	memcpy(argv, words, sizeof(argv));
	if (!unix_listen_for(&listening, &socket)) {
		log_error("%s: socket: %s", b->label, strerror(errno));
		return -1;
	}
	ok = process_start_foreign(&d->process, argv, listening);
	close(listening);
	if (!ok)
		close(socket);
	return ok ? socket : -1;
}

bool peripheral_serve(struct peripheral *d, int vhost)
{
	struct backing *b = &d->backing;
	struct spawn_fd fds[2 + DEVICE_BACKENDS_MAX + PROCESS_FDS] = {
		{ vhost, DEVICE_FD_VHOST }, { b->counters, DEVICE_FD_COUNTERS }
	};
	int stream = -1;
	bool ok;

	if ((b->config.flags & DEVICE_STREAM) != 0) {
		if (!start_passt(d, &stream))
			return false;
		b->fd[0] = stream;
	}
	for (unsigned i = 0; i < b->config.backend_count; i++)
		fds[2 + i] = (struct spawn_fd){ b->fd[i], DEVICE_FD_BACKEND + (int)i };
	ok = process_start(&d->process, b->exe, b->program, fds, 2 + b->config.backend_count,
			   &b->config, sizeof(b->config));
	if (stream >= 0)
		close(stream);
	if (!ok)
		process_reap(&d->helper, true);
	return ok;
}

int peripheral_start(struct peripheral *d)
{
	struct backing *b = &d->backing;
	int pair[2], socket = b->connected;

	b->connected = -1;
	if (b->server != NULL) {
		if (socket < 0)
			socket = unix_connect(b->server);
		if (socket >= 0)
			fcntl(socket, F_SETFL, 0);
		return socket;
	}
	if (b->exe < 0)
		return start_virtiofsd(d);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("%s: socketpair: %s", b->label, strerror(errno));
		return -1;
	}
	if (!peripheral_serve(d, pair[1])) {
		close(pair[0]);
		pair[0] = -1;
	}
	close(pair[1]);
	return pair[0];
}

static void hang_up(struct peripheral *d)
{
	if (d->asker > 0)
		close(d->asker);
	d->asker = 0;
}

void peripheral_stop(struct peripheral *d)
{
	process_reap(&d->process, true);
	process_reap(&d->helper, true);
	hang_up(d);
}

void peripheral_poll(const struct peripheral *d, struct pollfd p[PERIPHERAL_POLLS])
{
	bool runs = d->process.child.pid != 0, helped = d->helper.child.pid != 0;
	const int fd[PERIPHERAL_POLLS] = {
		[SERVER_LOG] = runs ? d->process.log : -1,
		[SERVER_CONTROL] = runs ? d->process.control : -1,
		[SERVER_END] = runs ? d->process.child.pidfd : -1,
		[HELPER_LOG] = helped ? d->helper.log : -1,
		[HELPER_END] = helped ? d->helper.child.pidfd : -1,
		[ASKER] = d->backing.control,
		[ASKED] = d->asker > 0 ? d->asker : -1,
	};

	for (unsigned i = 0; i < PERIPHERAL_POLLS; i++)
		p[i] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
}

static void tell(const struct peripheral *d, const struct device_command *c, int fd)
{
	if (d->process.child.pid != 0 && d->process.control >= 0)
		(void)!unix_send(d->process.control, c, sizeof(*c), fd); /* its loss, if full */
}

void peripheral_resize(const struct peripheral *d, unsigned columns, unsigned rows)
{
	const struct device_command c = { .kind = DEVICE_RESIZE,
					  .columns = (uint16_t)columns,
					  .rows = (uint16_t)rows };

	if (d->backing.terminal >= 0)
		tell(d, &c, -1);
}

/* What a process says that may be an attacker's: it gets what any guest may have. */
static void hear(struct peripheral *d)
{
	struct device_command c;
	ssize_t n = recv(d->process.control, &c, sizeof(c), MSG_DONTWAIT);
	char path[128];
	int fd;

	if (n == 0) {
		close(d->process.control);
		d->process.control = -1;
	}
	if (n != (ssize_t)sizeof(c))
		return;
	if (c.kind == DEVICE_ACTUAL && d->backing.kind == KIND_BALLOON)
		d->actual = c.value;
	if (c.kind != DEVICE_CONNECT || d->backing.kind != KIND_VSOCK)
		return;
	snprintf(path, sizeof(path), "%s_%u", d->backing.spec->path, (uint32_t)c.value);
	fd = unix_connect(path);
	tell(d, &(struct device_command){ .kind = DEVICE_CONNECTED, .value = c.value }, fd);
	if (fd >= 0)
		close(fd);
}

/* One line of the balloon's control socket: a new target, or nothing. */
static void answer(struct peripheral *d, const char *line)
{
	uint64_t *target = &d->backing.config.u.balloon.target;
	char text[64] = "this is no size\n";

	if (line[0] == '\0' || number_parse_size(line, target)) {
		const struct device_command c = { .kind = DEVICE_BALLOON, .value = *target };

		if (line[0] != '\0')
			tell(d, &c, -1);
		snprintf(text, sizeof(text), "%llu %llu\n", (unsigned long long)*target,
			 (unsigned long long)d->actual);
	}
	(void)!send(d->asker, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void converse(struct peripheral *d)
{
	ssize_t n = read(d->asker, d->question + d->question_len,
			 sizeof(d->question) - d->question_len);
	char *end;

	if (n > 0)
		d->question_len += (size_t)n;
	while ((end = memchr(d->question, '\n', d->question_len)) != NULL) {
		*end++ = '\0';
		answer(d, d->question);
		d->question_len -= (size_t)(end - d->question);
		memmove(d->question, end, d->question_len);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN) || d->question_len == sizeof(d->question))
		hang_up(d);
}

bool peripheral_polled(struct peripheral *d, const struct pollfd p[PERIPHERAL_POLLS])
{
	int st;

	if (p[ASKED].revents != 0)
		converse(d);
	if (p[ASKER].revents != 0) { /* who comes later takes the place of who was first */
		hang_up(d);
		d->asker =
			accept4(d->backing.control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		d->question_len = 0;
	}
	if (p[SERVER_LOG].revents != 0)
		process_relay(&d->process);
	if (p[HELPER_LOG].revents != 0)
		process_relay(&d->helper);
	if (p[SERVER_CONTROL].revents != 0)
		hear(d);
	if (p[SERVER_END].revents == 0 && p[HELPER_END].revents == 0)
		return true;
	if (p[SERVER_END].revents == 0)
		log_warn("%s: passt has ended", d->backing.label);
	st = process_reap(&d->process, p[SERVER_END].revents == 0);
	d->ended = p[SERVER_END].revents != 0 ? st : -1;
	process_reap(&d->helper, true);
	return false;
}
