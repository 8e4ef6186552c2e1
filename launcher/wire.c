/* SPDX-License-Identifier: ISC */
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* POLLOUT promises that this much is taken at once, by a pipe; a terminal takes it too. */
#define DRAIN_MAX 512

bool wire_empty(const struct wire *w)
{
	return w->start == w->end;
}

bool wire_fill(struct wire *w)
{
	ssize_t n;

	memmove(w->bytes, w->bytes + w->start, w->end - w->start);
	w->end -= w->start;
	w->start = 0;
	if (w->end == WIRE_SIZE)
		return true;
	n = read(w->from, w->bytes + w->end, WIRE_SIZE - w->end);
	if (n > 0)
		w->end += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		w->from = -1;
		return false;
	}
	return true;
}

bool wire_drain(struct wire *w)
{
	size_t len = w->end - w->start < DRAIN_MAX ? w->end - w->start : DRAIN_MAX;
	ssize_t n = len > 0 ? write(w->to, w->bytes + w->start, len) : 0;

	if (n > 0)
		w->start += (size_t)n;
	return n >= 0 || errno == EINTR || errno == EAGAIN;
}
