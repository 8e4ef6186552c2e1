/* SPDX-License-Identifier: ISC */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum reader_status bad(struct reader *r, uint64_t record, const char *what)
{
	snprintf(r->why, sizeof(r->why), "record %llu (audit-%02u, byte %llu): %s",
		 (unsigned long long)record, r->current, (unsigned long long)r->done, what);
	return READER_BAD;
}

/* The number that a file's first record bears, whatever else is wrong with it. False: empty. */
static bool read_begin(const struct reader *r, unsigned file, uint64_t *begin)
{
	struct audit_header h = { 0 };
	ssize_t n = r->file[file] < 0 ? 0 : pread(r->file[file], &h, sizeof(h), 0);

	/* A part of a header says nothing; it is to be found cut short where it is expected. */
	*begin = n == (ssize_t)sizeof(h) ? h.sequence : r->next;
	return n > 0;
}

bool reader_open(struct reader *r, const char *directory)
{
	int d = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool any = false;
	char name[16];

	memset(r, 0, sizeof(*r));
	if (d < 0) {
		snprintf(r->why, sizeof(r->why), "%.200s: %s", directory, strerror(errno));
		return false;
	}
	/* The head first: what it remembers is in the files by then. */
	r->head_file = openat(d, AUDIT_HEAD_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++) {
		snprintf(name, sizeof(name), "audit-%02u", i);
		r->file[i] = openat(d, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		any |= r->file[i] >= 0;
	}
	close(d);
	if (!any)
		snprintf(r->why, sizeof(r->why), "%.200s: no audit log is in there", directory);
	else
		reader_begin(r);
	return any;
}

void reader_begin(struct reader *r)
{
	r->headless =
		pread(r->head_file, &r->head, sizeof(r->head), 0) != (ssize_t)sizeof(r->head);
}

/*
 * Files are used in turn. So if the oldest that is kept is not the log's first, it comes right
 * behind the newest; at most one that was emptied just now is between them.
 */
static bool oldest_follows_newest(const struct reader *r, unsigned oldest, unsigned newest)
{
	unsigned count = 0, behind;
	uint64_t begin;

	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++)
		if (r->file[i] >= 0)
			count = i + 1;
	behind = (newest + 1) % count;
	if (behind != oldest && r->file[behind] >= 0 && !read_begin(r, behind, &begin))
		behind = (behind + 1) % count;
	return behind == oldest;
}

/* Of the files that were not read as they are now, the one that begins first. False: none. */
static bool find_next(const struct reader *r, unsigned *found, uint64_t *least,
		      unsigned *newest)
{
	uint64_t begin, most = 0;
	bool any = false;

	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++) {
		if (!read_begin(r, i, &begin))
			continue;
		if (begin >= most) {
			most = begin;
			*newest = i;
		}
		if ((r->read[i] && r->begin[i] == begin) || (any && begin >= *least))
			continue;
		*least = begin;
		*found = i;
		any = true;
	}
	return any;
}

/* Goes on with a file, which must begin where the one before it ended. */
static enum reader_status enter(struct reader *r, unsigned file, uint64_t begin,
				unsigned newest)
{
	if (r->segments == 0) {
		if (begin != 0 && !oldest_follows_newest(r, file, newest))
			return bad(r, 0, "missing: the file that began with it was removed");
		/* The oldest file that is kept is believed about the hash before it. */
		(void)!pread(r->file[file], r->chain, AUDIT_HASH, sizeof(struct audit_header));
	} else if (begin != r->next) {
		snprintf(r->why, sizeof(r->why),
			 "record %llu: missing or changed: audit-%02u ends before it, and "
			 "audit-%02u begins with record %llu",
			 (unsigned long long)r->next, r->current, file,
			 (unsigned long long)begin);
		return READER_BAD;
	}
	r->current = file;
	r->read[file] = true;
	r->begin[file] = r->next = begin;
	r->done = r->buffer_at = r->buffer_len = 0;
	r->segments++;
	return READER_RECORD;
}

/* Bytes of the current file that are known behind what was taken. */
static size_t left(const struct reader *r)
{
	return (size_t)(r->buffer_at + r->buffer_len - r->done);
}

static void fill(struct reader *r)
{
	ssize_t n = pread(r->file[r->current], r->buffer, sizeof(r->buffer), (off_t)r->done);

	r->buffer_at = r->done;
	r->buffer_len = n > 0 ? (size_t)n : 0;
}

/* What can be said about a record without knowing what it means. */
static enum reader_status accept(struct reader *r, const struct audit_header *h,
				 const uint8_t *payload, const uint8_t before[AUDIT_HASH],
				 struct record *out)
{
	size_t len = h->size - sizeof(*h) - AUDIT_HASH;
	bool first = h->kind == AUDIT_SEGMENT;

	if (h->sequence != r->next)
		return bad(r, r->next,
			   h->sequence > r->next ? "missing: records were removed"
						 : "out of order or repeated");
	if (first != (r->done == 0) ||
	    (first && (len != AUDIT_HASH || memcmp(payload, before, AUDIT_HASH) != 0)))
		return bad(r, r->next, "does not go on from the record before it");
	if (!r->headless && h->sequence == r->head.sequence &&
	    memcmp(r->chain, r->head.hash, AUDIT_HASH) != 0)
		return bad(r, r->next, "is another one than the log's head remembers");
	if (h->kind == AUDIT_CHANNEL && h->channel < CRITICAL_CHANNELS_MAX &&
	    len == sizeof(struct audit_channel)) {
		struct audit_channel *c = &r->channel[h->channel];

		memcpy(c, payload, sizeof(*c));
		c->name[CRITICAL_NAME - 1] = c->from[CRITICAL_NAME - 1] = '\0';
		c->to[CRITICAL_NAME - 1] = '\0';
		r->described[h->channel] = true;
	}
	*out = (struct record){ .header = *h, .payload = payload, .payload_len = len };
	if (h->channel < CRITICAL_CHANNELS_MAX && r->described[h->channel])
		out->channel = &r->channel[h->channel];
	memcpy(out->hash, r->chain, AUDIT_HASH);
	r->done += h->size;
	r->next++;
	r->records++;
	return READER_RECORD;
}

/* Something is wrong with the next record; unless the file is another one by now. */
static enum reader_status reject(struct reader *r, const char *what)
{
	uint64_t begin;

	if (!read_begin(r, r->current, &begin) || begin != r->begin[r->current])
		what = "the auditor has begun this file anew while it was read: run this again";
	return bad(r, r->next, what);
}

enum reader_status reader_next(struct reader *r, struct record *out)
{
	for (;;) {
		enum audit_verdict v = AUDIT_END;
		uint8_t before[AUDIT_HASH];
		const uint8_t *payload;
		struct audit_header h;
		unsigned file = 0, newest = 0;
		uint64_t begin = 0;
		size_t had;
		bool more;

		if (r->segments > 0) {
			if (left(r) < AUDIT_RECORD_MAX)
				fill(r);
			memcpy(before, r->chain, sizeof(before));
			v = audit_record_get(r->buffer + (r->done - r->buffer_at), left(r), &h,
					     &payload, r->chain);
		}
		switch (v) {
		case AUDIT_GOOD:
			return accept(r, &h, payload, before, out);
		case AUDIT_GARBLED:
			return reject(r, "its header makes no sense: it, or the length of the "
					 "one before, was changed");
		case AUDIT_BAD_HASH:
			return reject(r, "its hash is wrong: it was changed, or the one before "
					 "it removed");
		case AUDIT_CUT:
		case AUDIT_END:
			break;
		}
		/* In this order: a file with another behind it has all that it will ever have. */
		more = find_next(r, &file, &begin, &newest);
		had = left(r);
		if (r->segments > 0)
			fill(r);
		if (left(r) > had)
			continue;
		if (v == AUDIT_CUT) {
			bad(r, r->next, "is cut short");
			return more ? READER_BAD : READER_CUT;
		}
		if (!more)
			return READER_END;
		if (enter(r, file, begin, newest) != READER_RECORD)
			return READER_BAD;
	}
}

bool reader_check_head(struct reader *r)
{
	if (r->headless)
		snprintf(r->why, sizeof(r->why), "the file '%s' is missing or cut short",
			 AUDIT_HEAD_FILE);
	else if (r->head.sequence >= r->next)
		snprintf(r->why, sizeof(r->why),
			 "record %llu: missing: the log ends before it, though record %llu "
			 "had been on the disk",
			 (unsigned long long)r->next, (unsigned long long)r->head.sequence);
	else
		return true;
	return false;
}
