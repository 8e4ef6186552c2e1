/* SPDX-License-Identifier: ISC */
#include "play.h"

#include "chan_map.h"
#include "log.h"
#include "system.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct manifest manifest;
static struct system s;

static void fail(const char *what)
{
	log_error("%s", what);
	exit(1);
}

/* The descriptors of an end in a row, as a process would be granted them. */
static int granted(const struct chan_pages *p, enum chan_role role)
{
	static int next = 200;
	int first = next;

	for (enum channel_fd which = CHANNEL_DATA; which < CHANNEL_FDS; which++, next++) {
		int fd = chan_pages_fd(p, role, which);

		if (fd >= 0 && dup2(fd, next) < 0)
			fail("dup2");
	}
	return first;
}

static void map_line(struct play *p, const struct link *l)
{
	const struct manifest_process *from = &manifest.process[l->is->from];
	const struct manifest_process *to = &manifest.process[l->is->to];
	bool out = from->kind == MANIFEST_VM, audited = l->is->audit != AUDIT_NONE;
	enum manifest_kind other = out ? to->kind : from->kind;
	struct play_line *line =
		&p->line[other == MANIFEST_SHOWPAY ? VM_LINE_ORDERS : VM_LINE_MODEM];

	if (l->is->link != LINK_MESSAGES || (!out && to->kind != MANIFEST_VM))
		return;
	if (!(out ? chan_map_writer(&line->out, granted(&l->pages, CHAN_WRITER),
				    l->is->geometry, audited)
		  : chan_map_reader(&line->in, granted(&l->pages, CHAN_READER), l->is->geometry,
				    audited)))
		fail("a channel cannot be mapped");
}

void play_start(struct play *p, const char *path)
{
	int ready[2];
	char byte;

	log_init("play");
	if (!manifest_read(&manifest, path))
		exit(2);
	if (manifest.directory[0] != '\0' && chdir(manifest.directory) < 0)
		fail("chdir");
	s.manifest = &manifest;
	s.played = true;
	s.control.metrics = -1;
	if (system_open(&s) != STATUS_OK || pipe(ready) < 0)
		exit(1);
	p->system = fork();
	if (p->system == 0) {
		close(ready[0]);
		exit(prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0 ? 1
								   : system_run(&s, ready[1]));
	}
	close(ready[1]);
	for (unsigned i = 0; i < manifest.channel_count; i++)
		map_line(p, &s.link[i]);
	(void)!read(ready[0], &byte, 1); /* its end: the system runs, or has ended */
	close(ready[0]);
	if (waitpid(p->system, NULL, WNOHANG) != 0)
		fail("the system has not started");
}

int play_end(struct play *p)
{
	int status;

	kill(p->system, SIGTERM);
	waitpid(p->system, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void wait_for_bell(int bell, int timeout_ms)
{
	struct pollfd p = { .fd = bell, .events = POLLIN };

	poll(&p, 1, timeout_ms);
	chan_silence(bell);
}

void play_send(struct play_line *l, const void *bytes, size_t len, uint8_t wires)
{
	const uint8_t *from = bytes;
	enum chan_status st;

	do {
		size_t n = len < MODEM_LINE_BYTES ? len : MODEM_LINE_BYTES;
		struct modem_line m = { .type = MODEM_LINE_TYPE,
					.wires = wires,
					.count = (uint8_t)n };

		if (n > 0)
			memcpy(m.bytes, from, n);
		while ((st = chan_send(&l->out, &m)) == CHAN_AGAIN)
			wait_for_bell(l->out.bell, 100);
		if (st != CHAN_OK)
			fail("a line is broken");
		from += n;
		len -= n;
	} while (len > 0);
}

bool play_recv(struct play_line *l, struct modem_line *m, int timeout_ms)
{
	enum chan_status st = chan_recv(&l->in, m);

	if (st == CHAN_AGAIN && timeout_ms > 0) {
		wait_for_bell(l->in.bell, timeout_ms);
		st = chan_recv(&l->in, m);
	}
	if (st == CHAN_BROKEN)
		fail("a line is broken");
	return st == CHAN_OK;
}
