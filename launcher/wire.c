/* SPDX-License-Identifier: ISC */
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* POLLOUT promises that this much is taken at once, by a pipe; a terminal takes it too. */
#define DRAIN_MAX 512

size_t wire_pending(const struct wire *w)
{
	return w->end - w->start;
}

bool wire_empty(const struct wire *w)
{
	return wire_pending(w) == 0;
}

/* wire_fill() moves what is pending to the front, so where it stands now does not matter. */
bool wire_full(const struct wire *w)
{
	return wire_pending(w) == WIRE_SIZE;
}

bool wire_fill(struct wire *w)
{
	ssize_t n;

	if (wire_full(w))
		return true;
	memmove(w->bytes, w->bytes + w->start, wire_pending(w));
	w->end = wire_pending(w);
	w->start = 0;
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
	size_t len = wire_pending(w) < DRAIN_MAX ? wire_pending(w) : DRAIN_MAX;
	ssize_t n = len > 0 ? write(w->to, w->bytes + w->start, len) : 0;

	if (n > 0)
		w->start += (size_t)n;
	return n >= 0 || errno == EINTR || errno == EAGAIN;
}
