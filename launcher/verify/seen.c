/* SPDX-License-Identifier: ISC */
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* All lines have one length, and "nonce " begins at one place, "key" at another. */
#define LINE	 (20 + 1 + PAYMENT_NONCE - 1 + 1 + PAYMENT_KEY - 1 + 1)
#define NONCE_AT 21
#define KEY_AT	 (NONCE_AT + PAYMENT_NONCE)

static void make_line(const struct payment *p, char line[LINE + 1])
{
	snprintf(line, LINE + 1, "%020" PRIu64 " %s %s\n", p->count, p->nonce, p->key);
}

static bool line_valid(const char line[LINE])
{
	return strspn(line, "0123456789") == 20 && line[20] == ' ' &&
	       strspn(line + NONCE_AT, "0123456789abcdef") == PAYMENT_NONCE - 1 &&
	       line[KEY_AT - 1] == ' ' &&
	       strspn(line + KEY_AT, "0123456789abcdef") == PAYMENT_KEY - 1 &&
	       line[LINE - 1] == '\n';
}

bool seen_open(struct seen *s, const char *path, const char **why)
{
	char line[LINE + 1] = "";
	ssize_t n;

	s->end = 0;
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (s->fd < 0 || flock(s->fd, LOCK_EX) < 0) {
		*why = strerror(errno);
		return false;
	}
	while ((n = pread(s->fd, line, LINE, s->end)) == LINE) {
		if (!line_valid(line)) {
			*why = "it is not a file of seen receipts, or was changed";
			return false;
		}
		s->end += LINE;
	}
	/* Less than a line is what a crash has left: that receipt was not accepted. */
	*why = n < 0 ? strerror(errno) : NULL;
	return n >= 0;
}

enum seen_result seen_find(struct seen *s, const struct payment *p)
{
	char line[LINE + 1], wanted[LINE + 1];

	make_line(p, wanted);
	for (long long at = 0; at < s->end; at += LINE) {
		if (pread(s->fd, line, LINE, at) != LINE)
			return SEEN_NONCE; /* when in doubt, it was */
		if (memcmp(line + NONCE_AT, wanted + NONCE_AT, PAYMENT_NONCE - 1) == 0)
			return SEEN_NONCE;
		if (memcmp(line, wanted, 20) == 0 &&
		    memcmp(line + KEY_AT, wanted + KEY_AT, PAYMENT_KEY - 1) == 0)
			return SEEN_COUNT;
	}
	return SEEN_NEW;
}

bool seen_add(struct seen *s, const struct payment *p)
{
	char line[LINE + 1];

	make_line(p, line);
	errno = ENOSPC; /* for a write that is short */
	return ftruncate(s->fd, s->end) == 0 && pwrite(s->fd, line, LINE, s->end) == LINE &&
	       fdatasync(s->fd) == 0;
}
