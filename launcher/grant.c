/* SPDX-License-Identifier: ISC */
#include "grant.h"

#include "audit_record.h"
#include "store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define SEGMENT_DEFAULT (16ull << 20)

/* The role of m in l; false: none. An auditor is at the side of every audited channel. */
static bool role_in(const struct system *s, const struct member *m, const struct link *l,
		    enum chan_role *role)
{
	unsigned self = (unsigned)(m - s->member);

	if (l->is->link != LINK_MESSAGES)
		return false;
	if (l->is->from == self)
		*role = CHAN_WRITER;
	else if (l->is->to == self)
		*role = CHAN_READER;
	else if (m->is->kind == MANIFEST_AUDITOR && l->is->audit != AUDIT_NONE)
		*role = CHAN_AUDITOR;
	else
		return false;
	return true;
}

/* Which of a VM's lines a channel of it is. */
static int line_of(const struct system *s, const struct link *l)
{
	return s->member[l->is->from].is->kind == MANIFEST_SHOWPAY ||
			       s->member[l->is->to].is->kind == MANIFEST_SHOWPAY
		       ? VM_LINE_ORDERS
		       : VM_LINE_MODEM;
}

int grant_channel(const struct system *s, const struct member *m, const struct link *l)
{
	enum chan_role role;
	int n = 0;

	if (!role_in(s, m, l, &role))
		return -1;
	if (m->is->kind == MANIFEST_VM)
		return 2 * line_of(s, l) + (role == CHAN_WRITER ? 0 : 1);
	for (const struct link *other = s->link; other < l; other++)
		n += role_in(s, m, other, &role);
	return n;
}

/* The descriptors of one end, from `first` on. */
static void grant_end(struct grant *g, const struct link *l, enum chan_role role, int first)
{
	for (enum channel_fd which = CHANNEL_DATA; which < CHANNEL_FDS; which++) {
		int fd = chan_pages_fd(&l->pages, role, which);

		if (fd >= 0)
			g->fds[g->fd_count++] = (struct spawn_fd){ fd, first + (int)which };
	}
}

static void grant_channels(struct system *s, const struct member *m, struct grant *g)
{
	static const enum channel_role roles[] = {
		[CHAN_WRITER] = CHANNEL_WRITER,
		[CHAN_READER] = CHANNEL_READER,
		[CHAN_AUDITOR] = CHANNEL_AUDITOR,
	};

	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		const struct link *l = &s->link[i];
		uint32_t n = g->config.channel_count;
		struct critical_channel *c = &g->config.channel[n];
		enum chan_role role;

		if (!role_in(s, m, l, &role))
			continue;
		*c = (struct critical_channel){ .role = roles[role],
						.audit = l->is->audit,
						.geometry = l->is->geometry,
						.sync = l->is->sync };
		memcpy(c->name, l->is->name, sizeof(c->name));
		memcpy(c->from, s->manifest->process[l->is->from].name, sizeof(c->from));
		memcpy(c->to, s->manifest->process[l->is->to].name, sizeof(c->to));
		grant_end(g, l, role, CRITICAL_FD_CHANNEL + (int)n * CHANNEL_FDS);
		g->config.channel_count++;
	}
}

static void set_settings(struct critical_config *c, const void *settings, size_t size)
{
	c->settings_size = (uint32_t)size;
	memcpy(c->settings, settings, size);
}

static unsigned divide(struct audit_settings *a);

/* The user's secret; a manifest is no place for it. */
static bool read_phrase(const char *path, char phrase[DISPLAY_PHRASE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[DISPLAY_PHRASE + 1];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct stat st;

	if (fd < 0 || n < 0 || fstat(fd, &st) < 0) {
		log_error("phrase-file: '%s': %s", path, strerror(errno));
	} else if ((st.st_mode & 077) != 0) {
		log_error("phrase-file: others may read '%s': chmod 600 '%s'", path, path);
	} else {
		while (n > 0 && text[n - 1] == '\n')
			n--;
		for (ssize_t i = 0; i < n; i++)
			n = text[i] < ' ' || text[i] > '~' ? -1 : n;
		if (n > 0 && n < DISPLAY_PHRASE)
			memcpy(phrase, text, (size_t)n);
		else
			log_error(
				"phrase-file: '%s' is no line of 1 to %d printable ASCII characters",
				path, DISPLAY_PHRASE - 1);
	}
	if (fd >= 0)
		close(fd);
	return phrase[0] != '\0';
}

static void set_display(const struct system *s, const struct member *m,
			struct critical_config *c)
{
	struct display_settings d = m->is->display.settings;

	if (m->is->display.phrase_file[0] != '\0' &&
	    !read_phrase(m->is->display.phrase_file, d.phrase))
		d.phrase[0] = '\0'; /* system_open() has refused it; it was changed since */
	d.drm = s->drm;
	if (!s->drm)
		d.input_count = 0;
	set_settings(c, &d, sizeof(d));
	explicit_bzero(&d, sizeof(d));
}

void grant_critical(struct system *s, const struct member *m, struct grant *g)
{
	struct critical_config *c = &g->config;
	int first;

	memset(g, 0, sizeof(*g));
	c->version = CRITICAL_CONFIG_VERSION;
	memcpy(c->name, m->is->name, sizeof(c->name));
	grant_channels(s, m, g);
	first = CRITICAL_FD_CHANNEL + (int)c->channel_count * CHANNEL_FDS;
	c->resource_count = m->resource_count;
	for (unsigned i = 0; i < m->resource_count; i++)
		g->fds[g->fd_count++] = (struct spawn_fd){ m->resource[i], first + (int)i };
	switch (m->is->kind) {
	case MANIFEST_TERMINAL:
		set_settings(c, &m->is->terminal, sizeof(m->is->terminal));
		break;
	case MANIFEST_DISPLAY:
		set_display(s, m, c);
		break;
	case MANIFEST_AUDITOR: {
		struct audit_settings a = m->is->auditor.settings;

		(void)divide(&a);
		set_settings(c, &a, sizeof(a));
		break;
	}
	case MANIFEST_DIALLER:
		set_settings(c, &m->is->dialler.settings, sizeof(m->is->dialler.settings));
		break;
	case MANIFEST_SHOWPAY:
		set_settings(c, &m->is->showpay.settings, sizeof(m->is->showpay.settings));
		break;
	case MANIFEST_STORAGE:
		set_settings(c, &m->is->storage.settings, sizeof(m->is->storage.settings));
		break;
	case MANIFEST_AUTH:
		set_settings(c, &(struct auth_settings){ 0 }, sizeof(struct auth_settings));
		break;
	case MANIFEST_VM:
	case MANIFEST_KINDS:
		break;
	}
}

void grant_vm(struct system *s, const struct member *m, struct grant *g, int *console)
{
	int first = VMM_FD_DEVICE + (int)m->guest->devices.count;
	struct vm_config *c = &m->guest->config;
	enum chan_role role;
	int channel;

	memset(g, 0, sizeof(*g));
	*console = -1;
	memset(c->line, 0, sizeof(c->line));
	for (unsigned i = 0; i < s->manifest->channel_count; i++)
		if (role_in(s, m, &s->link[i], &role)) {
			int line = line_of(s, &s->link[i]);

			c->line[line].slots = s->link[i].is->geometry.slots;
			if (s->link[i].is->audit != AUDIT_NONE)
				c->line[line].audited |= role == CHAN_WRITER
								 ? VM_LINE_OUT_AUDITED
								 : VM_LINE_IN_AUDITED;
		}
	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		const struct link *l = &s->link[i];

		if (l->is->link == LINK_STREAM && &s->member[l->is->from] == m)
			*console = l->stream[0];
		if (!role_in(s, m, l, &role))
			continue;
		/* The lines that there are follow each other. */
		channel = grant_channel(s, m, l);
		if (channel >= 2 && c->line[0].slots == 0)
			channel -= 2;
		grant_end(g, l, role, first + channel * CHANNEL_FDS);
	}
}

/* Resources. */

static enum status hold(struct member *m, const char *property, const char *path, int fd)
{
	if (fd < 0) {
		log_error("%s: %s: cannot open '%s': %s", m->is->name, property, path,
			  strerror(errno));
		return STATUS_NO_FILE;
	}
	m->resource[m->resource_count++] = fd;
	return STATUS_OK;
}

/* A line without echo, editing or signals; ours alone. */
static enum status open_modem(struct member *m)
{
	const char *path = m->is->dialler.modem;
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios t;

	if (fd >= 0 && tcgetattr(fd, &t) < 0) {
		log_error("%s: modem: '%s' is no serial line", m->is->name, path);
		close(fd);
		return STATUS_NO_FILE;
	}
	if (fd >= 0) {
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL | CREAD;
		cfsetspeed(&t, B115200);
		(void)tcsetattr(fd, TCSANOW, &t);
		(void)ioctl(fd, TIOCEXCL);
	}
	return hold(m, "modem", path, fd);
}

/* How many files make up the log, and how long each may get, so that all keep what is wanted. */
static unsigned divide(struct audit_settings *a)
{
	unsigned count = AUDIT_SEGMENTS;

	if (a->segment_bytes == 0)
		a->segment_bytes = SEGMENT_DEFAULT;
	if (a->keep_bytes == 0)
		return count;
	if (a->keep_bytes / a->segment_bytes < count)
		count = (unsigned)(a->keep_bytes / a->segment_bytes);
	else
		a->segment_bytes = a->keep_bytes / count;
	return count < 2 ? 2 : count;
}

/* The auditor opens nothing, and under another user's id it could not. */
static enum status open_log(struct member *m)
{
	struct audit_settings a = m->is->auditor.settings;
	unsigned count = divide(&a);
	const char *path = m->is->auditor.directory;
	char name[16] = AUDIT_HEAD_FILE;
	enum status st = STATUS_OK;
	int directory;

	(void)mkdir(path, 0700);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; st == STATUS_OK && i <= count; i++) {
		st = hold(m, "directory", path,
			  openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				 0600));
		snprintf(name, sizeof(name), "audit-%02u", i);
	}
	if (directory >= 0)
		close(directory);
	return st;
}

static enum status open_store(struct member *m)
{
	if (!store_files_open(m->is->name, m->is->storage.directory, m->is->storage.tpm,
			      m->resource))
		return STATUS_NO_FILE;
	m->resource_count = STORE_FILES;
	return STATUS_OK;
}

/* The grid that connects m, at its end. */
static enum status hold_grid(struct system *s, struct member *m, bool writable)
{
	unsigned self = (unsigned)(m - s->member);

	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		const struct link *l = &s->link[i];

		if (l->is->link != LINK_GRID || (writable ? l->is->from : l->is->to) != self)
			continue;
		m->resource[m->resource_count++] = writable ? l->writable : l->readable;
		m->resource[m->resource_count++] = l->bell;
		return STATUS_OK;
	}
	log_error("%s: no channel of link \"grid\" leads %s it", m->is->name,
		  writable ? "from" : "to");
	return STATUS_USAGE;
}

static enum status hold_stream(struct system *s, struct member *m)
{
	for (unsigned i = 0; i < s->manifest->channel_count; i++) {
		const struct link *l = &s->link[i];

		if (l->is->link != LINK_STREAM || &s->member[l->is->to] != m)
			continue;
		m->resource[m->resource_count++] = l->stream[1];
		return STATUS_OK;
	}
	log_error("%s: no channel of link \"stream\" leads to it", m->is->name);
	return STATUS_USAGE;
}

static enum status open_display(struct system *s, struct member *m)
{
	enum status st = hold_grid(s, m, false);
	char phrase[DISPLAY_PHRASE] = "";

	if (st == STATUS_OK && m->is->display.phrase_file[0] != '\0' &&
	    !read_phrase(m->is->display.phrase_file, phrase))
		st = STATUS_NO_FILE;
	explicit_bzero(phrase, sizeof(phrase));
	if (st != STATUS_OK || !s->drm)
		return st;
	if (m->is->display.drm[0] == '\0') {
		log_error("--drm: the manifest grants %s no screen: drm = \"/dev/dri/card0\";",
			  m->is->name);
		return STATUS_USAGE;
	}
	st = hold(m, "drm", m->is->display.drm, open(m->is->display.drm, O_RDWR | O_CLOEXEC));
	for (unsigned i = 0; st == STATUS_OK && i < m->is->display.settings.input_count; i++)
		st = hold(m, "input", m->is->display.input[i],
			  open(m->is->display.input[i], O_RDWR | O_NONBLOCK | O_CLOEXEC));
	return st;
}

enum status grant_open(struct system *s, struct member *m)
{
	switch (m->is->kind) {
	case MANIFEST_TERMINAL: {
		enum status st = hold_grid(s, m, true);

		return st == STATUS_OK ? hold_stream(s, m) : st;
	}
	case MANIFEST_DISPLAY:
		return open_display(s, m);
	case MANIFEST_AUDITOR:
		return open_log(m);
	case MANIFEST_DIALLER:
		return open_modem(m);
	case MANIFEST_STORAGE:
		return open_store(m);
	case MANIFEST_SHOWPAY:
	case MANIFEST_AUTH:
	case MANIFEST_VM:
	case MANIFEST_KINDS:
		break;
	}
	return STATUS_OK;
}
