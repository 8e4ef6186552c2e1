/* SPDX-License-Identifier: ISC */
#include "critical.h"

#include "bug.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WATCHED_MAX 16
#define COMMAND_FDS 2
#define BARREN_MAX  16 /* rings without a message before a bell is not listened to */
#define DEAF_MS	    5
#define CONTROL_POLL                                                                           \
	0 /* in the table of what is waited for: then the channels, then the watched */
#define CHANNEL_POLL 1

static struct critical self;
static const struct critical_process *process;
static struct pollfd watched[WATCHED_MAX];
static unsigned watched_count;
static bool ended;
static enum status ended_with;

static bool name_valid(const char name[CRITICAL_NAME])
{
	size_t len = strnlen(name, CRITICAL_NAME);

	return len > 0 && len < CRITICAL_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool channel_valid(const struct critical_channel *c)
{
	bool audited = c->audit != AUDIT_NONE;

	return name_valid(c->name) && name_valid(c->from) && name_valid(c->to) &&
	       c->audit <= AUDIT_DECISIONS && chan_geometry_valid(c->geometry) &&
	       (c->role == CHANNEL_WRITER || c->role == CHANNEL_READER ||
		(c->role == CHANNEL_AUDITOR && audited));
}

/* Refuses anything but exactly one well-formed message. */
static bool receive_config(struct critical_config *c)
{
	ssize_t n = recv(CRITICAL_FD_CONTROL, c, sizeof(*c), MSG_TRUNC);

	if (n != (ssize_t)sizeof(*c) || c->version != CRITICAL_CONFIG_VERSION ||
	    c->channel_count > CRITICAL_CHANNELS_MAX ||
	    c->resource_count > CRITICAL_RESOURCES_MAX ||
	    c->settings_size != process->settings_size || !name_valid(c->name))
		return false;
	for (unsigned i = 0; i < c->channel_count; i++)
		if (!channel_valid(&c->channel[i]))
			return false;
	return true;
}

static int channel_fd(unsigned channel, enum channel_fd which)
{
	return CRITICAL_FD_CHANNEL + (int)channel * CHANNEL_FDS + (int)which;
}

static int bell(const struct critical_end *e)
{
	switch ((enum channel_role)e->config->role) {
	case CHANNEL_WRITER:
		return e->writer.bell;
	case CHANNEL_READER:
		return e->reader.bell;
	case CHANNEL_AUDITOR:
		return e->auditor.bell;
	}
	return -1;
}

/* From message number 0; whatever the channel was before. */
static void open_end(struct critical_end *e)
{
	switch ((enum channel_role)e->config->role) {
	case CHANNEL_WRITER:
		chan_writer_init(&e->writer);
		break;
	case CHANNEL_READER:
		chan_reader_init(&e->reader);
		break;
	case CHANNEL_AUDITOR:
		chan_auditor_init(&e->auditor);
		break;
	}
	e->open = true;
	e->more = false;
	e->barren = 0;
	e->deaf_ms = 0;
}

static bool map_end(struct critical_end *e, int first)
{
	struct chan_geometry g = e->config->geometry;
	bool audited = e->config->audit != AUDIT_NONE;

	switch ((enum channel_role)e->config->role) {
	case CHANNEL_WRITER:
		return chan_map_writer(&e->writer, first, g, audited);
	case CHANNEL_READER:
		return chan_map_reader(&e->reader, first, g, audited);
	case CHANNEL_AUDITOR:
		return chan_map_auditor(&e->auditor, first, g);
	}
	return false;
}

static bool map_channels(void)
{
	for (unsigned i = 0; i < self.config.channel_count; i++) {
		struct critical_end *e = &self.end[i];

		e->config = &self.config.channel[i];
		if (!map_end(e, channel_fd(i, CHANNEL_DATA))) {
			log_error("channel %s cannot be mapped: %s", e->config->name,
				  strerror(errno));
			return false;
		}
		e->open = true;
	}
	return true;
}

struct critical_end *critical_find(struct critical *c, const char *name, enum channel_role role)
{
	for (unsigned i = 0; i < c->config.channel_count; i++)
		if (c->config.channel[i].role == (uint32_t)role &&
		    strcmp(c->config.channel[i].name, name) == 0)
			return &c->end[i];
	return NULL;
}

int critical_resource(const struct critical *c, unsigned i)
{
	BUG_ON(i >= c->config.resource_count);
	return channel_fd(c->config.channel_count, CHANNEL_DATA) + (int)i;
}

void critical_break(struct critical_end *e)
{
	e->open = false;
	e->more = false;
}

static enum chan_status judged(struct critical_end *e, enum chan_status st)
{
	if (st == CHAN_BROKEN) {
		log_warn("channel %s: its other end breaks the rules: closed", e->config->name);
		critical_break(e);
	}
	return st;
}

enum chan_status critical_send(struct critical_end *e, const void *message)
{
	BUG_ON(e->config->role != CHANNEL_WRITER);
	return e->open ? judged(e, chan_send(&e->writer, message)) : CHAN_BROKEN;
}

enum chan_status critical_recv(struct critical_end *e, void *message)
{
	enum chan_status st;

	BUG_ON(e->config->role != CHANNEL_READER);
	if (!e->open)
		return CHAN_AGAIN;
	if (e->taken == e->config->geometry.slots) {
		e->more = true;
		return CHAN_AGAIN;
	}
	st = judged(e, chan_recv(&e->reader, message));
	if (st == CHAN_OK)
		e->taken++;
	return st;
}

void critical_watch(int fd, short events)
{
	unsigned i = 0;

	while (i < watched_count && watched[i].fd != fd)
		i++;
	if (events == 0) {
		if (i < watched_count) /* the loop leaves out what has no descriptor */
			watched[i] = (struct pollfd){ .fd = -1 };
		return;
	}
	for (unsigned j = 0; i == watched_count && j < watched_count; j++)
		if (watched[j].fd < 0)
			i = j;
	BUG_ON(i == WATCHED_MAX);
	if (i == watched_count)
		watched_count++;
	watched[i].fd = fd;
	watched[i].events = events;
}

void critical_end_with(enum status st)
{
	ended = true;
	ended_with = st;
}

/* One command with at most COMMAND_FDS descriptors; further ones the kernel has closed. */
static void hear_launcher(void)
{
	struct critical_command m;
	struct iovec part = { .iov_base = &m, .iov_len = sizeof(m) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(COMMAND_FDS * sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(CRITICAL_FD_CONTROL, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int fds[COMMAND_FDS];
	unsigned fd_count = 0;
	struct critical_end *e;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		critical_end_with(STATUS_OK); /* the launcher is gone: so are we */
		return;
	}
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		fd_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), fd_count * sizeof(int));
	}
	if (n == (ssize_t)sizeof(m) && m.kind == CRITICAL_ATTACH && process->command != NULL) {
		process->command(&m, fds, fd_count);
		return;
	}
	for (unsigned i = 0; i < fd_count; i++)
		close(fds[i]);
	BUG_ON(n != (ssize_t)sizeof(m) || m.channel >= self.config.channel_count);
	e = &self.end[m.channel];
	if (m.kind == CRITICAL_OPEN) {
		open_end(e);
		process->notified(e);
	} else if (m.kind == CRITICAL_CLOSE) {
		critical_break(e);
		process->notified(e);
		m.kind = CRITICAL_CLOSED;
		if (send(CRITICAL_FD_CONTROL, &m, sizeof(m), MSG_NOSIGNAL) < 0)
			critical_end_with(STATUS_OK);
	}
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A channel's turn. Bells that ring for nothing, again and again, are left alone for a while. */
static void serve_end(struct critical_end *e)
{
	chan_silence(bell(e));
	e->more = false;
	e->taken = 0;
	process->notified(e);
	if (e->config->role == CHANNEL_READER && e->taken == 0) {
		if (++e->barren >= BARREN_MAX)
			e->deaf_ms = now_ms() + DEAF_MS;
	} else {
		e->barren = 0;
	}
}

/* What a wait is for. Returns how long it may last: ms, or -1 for ever. */
static int prepare(struct pollfd *p, uint64_t wake_ms)
{
	uint64_t now = now_ms();
	bool due = false;

	p[CONTROL_POLL] = (struct pollfd){ .fd = CRITICAL_FD_CONTROL, .events = POLLIN };
	for (unsigned i = 0; i < self.config.channel_count; i++) {
		struct critical_end *e = &self.end[i];
		bool deaf = now < e->deaf_ms;

		p[CHANNEL_POLL + i] = (struct pollfd){ .fd = e->open && !deaf ? bell(e) : -1,
						       .events = POLLIN };
		if (e->open && deaf && e->deaf_ms < wake_ms)
			wake_ms = e->deaf_ms;
		if (e->open && !deaf && e->config->role == CHANNEL_READER &&
		    !chan_doze(&e->reader))
			e->more = true;
		due |= e->open && e->more;
	}
	for (unsigned i = 0; i < watched_count; i++)
		p[CHANNEL_POLL + self.config.channel_count + i] = watched[i];
	if (due || wake_ms <= now)
		return 0;
	if (wake_ms == UINT64_MAX)
		return -1;
	return wake_ms - now > INT32_MAX ? INT32_MAX : (int)(wake_ms - now);
}

static void wait_and_serve(uint64_t wake_ms)
{
	static struct pollfd p[CHANNEL_POLL + CRITICAL_CHANNELS_MAX + WATCHED_MAX];
	unsigned channels = self.config.channel_count, others = watched_count;
	int timeout = prepare(p, wake_ms);

	if (poll(p, CHANNEL_POLL + channels + others, timeout) < 0) {
		BUG_ON(errno != EINTR);
		return;
	}
	/* What is served next has to know how late it is: the wait may have been long. */
	if (process->tick != NULL)
		(void)process->tick(now_ms());
	for (unsigned i = 0; i < channels; i++)
		if (self.end[i].open && self.end[i].config->role == CHANNEL_READER)
			chan_awake(&self.end[i].reader);
	if (p[CONTROL_POLL].revents != 0)
		hear_launcher();
	for (unsigned i = 0; i < channels; i++)
		if (self.end[i].open && (self.end[i].more || p[CHANNEL_POLL + i].revents != 0))
			serve_end(&self.end[i]);
	for (unsigned i = 0; i < others; i++) {
		const struct pollfd *ready = &p[CHANNEL_POLL + channels + i];

		/* It may have been given up by what was served before. */
		if (ready->revents != 0 && watched[i].fd == ready->fd && ready->fd >= 0)
			process->ready(ready->fd, ready->revents);
	}
}

int critical_main(const struct critical_process *p)
{
	struct sandbox_policy policy = {
		.filter = p->filter,
		.filter_count = p->filter_count,
		.file_size = p->file_size,
	};
	enum status st;

	/* 1. Take what the manifest gives us; refuse to start with less or more. */
	process = p;
	log_init(p->kind);
	if (!receive_config(&self.config)) {
		log_error("this program is started by zwinger, not by hand");
		return STATUS_NOT_STARTED;
	}
	log_init(self.config.name);
	if (!map_channels())
		return STATUS_NOT_STARTED;
	st = p->open(&self);
	if (st != STATUS_OK)
		return (int)st;

	/* 2. From here: no path, no socket, no new program. The policy says why each call stays. */
	policy.open_files = (rlim_t)channel_fd(self.config.channel_count, CHANNEL_DATA) +
			    self.config.resource_count + p->open_files + COMMAND_FDS;
	sandbox_enter(&policy);

	/* 3. Wait, decode, apply, answer. */
	while (!ended)
		wait_and_serve(p->tick != NULL ? p->tick(now_ms()) : UINT64_MAX);
	if (p->close != NULL)
		p->close();
	return (int)ended_with;
}
