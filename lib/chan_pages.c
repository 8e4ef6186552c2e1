/* SPDX-License-Identifier: ISC */
#include "chan_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void close_fd(int *fd)
{
	int error = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = error;
}

bool chan_memory_create(const char *name, size_t size, int *writable, int *readable)
{
	char path[32];

	*readable = -1;
	*writable = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *writable);
	if (*writable >= 0 && ftruncate(*writable, (off_t)size) == 0 &&
	    fcntl(*writable, F_ADD_SEALS, SEALS) == 0)
		*readable = open(path, O_RDONLY | O_CLOEXEC);
	/* Whoever finds a way to open it again gets no further than that. */
	if (*readable >= 0 && fchmod(*writable, 0400) == 0)
		return true;
	close_fd(readable);
	close_fd(writable);
	return false;
}

bool chan_pages_create(struct chan_pages *p, struct chan_geometry g, bool audited)
{
	size_t size = chan_page_bytes(g);
	bool ok;

	*p = (struct chan_pages){ .geometry = g,
				  .audited = audited,
				  .data = -1,
				  .data_ro = -1,
				  .ack = -1,
				  .ack_ro = -1,
				  .log = -1,
				  .log_ro = -1,
				  .bell = { -1, -1, -1 } };
	ok = chan_memory_create("channel-data", size, &p->data, &p->data_ro) &&
	     chan_memory_create("channel-ack", CHAN_ACK_BYTES, &p->ack, &p->ack_ro) &&
	     (!audited || chan_memory_create("channel-log", size, &p->log, &p->log_ro));
	for (unsigned i = 0; ok && i < (audited ? 3 : 2); i++) {
		p->bell[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ok = p->bell[i] >= 0;
	}
	if (ok)
		return true;
	close_fd(&p->data);
	close_fd(&p->data_ro);
	close_fd(&p->ack);
	close_fd(&p->ack_ro);
	close_fd(&p->log);
	close_fd(&p->log_ro);
	for (unsigned i = 0; i < 3; i++)
		close_fd(&p->bell[i]);
	return false;
}

int chan_pages_fd(const struct chan_pages *p, enum chan_role role, enum channel_fd which)
{
	const int fd[3][CHANNEL_FDS] = {
		[CHAN_WRITER] = { p->data, p->ack_ro, -1, p->bell[CHAN_WRITER],
				  p->bell[p->audited ? CHAN_AUDITOR : CHAN_READER] },
		[CHAN_READER] = { p->data_ro, p->ack, p->log_ro, p->bell[CHAN_READER],
				  p->bell[CHAN_WRITER] },
		[CHAN_AUDITOR] = { p->data_ro, -1, p->log, p->bell[CHAN_AUDITOR],
				   p->bell[CHAN_READER] },
	};

	return fd[role][which];
}

/* To the byte: a page grows no further. */
static bool clear(int fd, size_t size)
{
	static const char zeros[CHAN_PAGE_MAX];

	return fd < 0 || pwrite(fd, zeros, size, 0) == (ssize_t)size;
}

bool chan_pages_reset(const struct chan_pages *p)
{
	size_t size = chan_page_bytes(p->geometry);

	for (unsigned i = 0; i < 3; i++)
		if (p->bell[i] >= 0)
			chan_silence(p->bell[i]);
	return clear(p->data, size) && clear(p->ack, CHAN_ACK_BYTES) && clear(p->log, size);
}
