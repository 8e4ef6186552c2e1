/* SPDX-License-Identifier: ISC */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum reader_status bad(struct reader *r, const char *what)
{
	snprintf(r->why, sizeof(r->why), "record %llu (audit-%02u, byte %zu): %s",
		 (unsigned long long)r->next, r->current, r->done, what);
	return READER_BAD;
}

static void find_firsts(struct reader *r)
{
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++) {
		struct audit_header h;

		r->first[i] = UINT64_MAX;
		if (r->file[i] >= 0 &&
		    pread(r->file[i], &h, sizeof(h), 0) == (ssize_t)sizeof(h))
			r->first[i] = h.sequence;
	}
}

/* The file whose first record is the oldest that is not before `from`; false: none. */
static bool find_file(const struct reader *r, uint64_t from, unsigned *found)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++)
		if (r->first[i] >= from && r->first[i] < best) {
			best = r->first[i];
			*found = i;
		}
	return best != UINT64_MAX;
}

/* The whole of the current file as it is now. */
static bool map_file(struct reader *r)
{
	struct stat st;
	void *map;

	if (r->map != NULL)
		munmap((void *)(uintptr_t)r->map, r->size);
	r->map = NULL;
	if (fstat(r->file[r->current], &st) < 0 || st.st_size == 0)
		return false;
	r->size = (size_t)st.st_size;
	map = mmap(NULL, r->size, PROT_READ, MAP_PRIVATE, r->file[r->current], 0);
	if (map != MAP_FAILED)
		r->map = map;
	return r->map != NULL;
}

bool reader_open(struct reader *r, const char *directory)
{
	int d = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool any = false;
	char name[16];

	memset(r, 0, sizeof(*r));
	r->directory = directory;
	if (d < 0) {
		snprintf(r->why, sizeof(r->why), "%.200s: %s", directory, strerror(errno));
		return false;
	}
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++) {
		snprintf(name, sizeof(name), "audit-%02u", i);
		r->file[i] = openat(d, name, O_RDONLY | O_CLOEXEC);
		any |= r->file[i] >= 0;
	}
	close(d);
	if (!any)
		snprintf(r->why, sizeof(r->why), "%.200s: no audit log is in there", directory);
	return any;
}

/* The next file, which must go on where this one ended. */
static enum reader_status next_file(struct reader *r)
{
	unsigned found;

	find_firsts(r);
	if (!find_file(r, r->begun ? r->next : 0, &found))
		return READER_END;
	if (r->begun && r->first[found] != r->next)
		return bad(r, "missing: the next file begins later; records were removed");
	r->current = found;
	r->next = r->first[found];
	r->done = 0;
	if (!map_file(r))
		return bad(r, "cannot be read");
	/* The oldest file that is kept is believed about the hash before it. */
	if (!r->begun && r->size >= sizeof(struct audit_header) + AUDIT_HASH)
		memcpy(r->chain, r->map + sizeof(struct audit_header), AUDIT_HASH);
	r->begun = true;
	r->segments++;
	return READER_RECORD;
}

static bool is_segment(const struct audit_header *h)
{
	return h->kind == AUDIT_SEGMENT;
}

/* What can be said about a record without knowing what it means. */
static enum reader_status accept(struct reader *r, const struct audit_header *h,
				 const uint8_t *payload, const uint8_t before[AUDIT_HASH],
				 struct record *out)
{
	size_t len = h->size - sizeof(*h) - AUDIT_HASH;

	if (h->sequence != r->next)
		return bad(r, h->sequence > r->next ? "missing: records were removed"
						    : "out of order or repeated");
	if (is_segment(h) != (r->done == 0) ||
	    (is_segment(h) && (len != AUDIT_HASH || memcmp(payload, before, AUDIT_HASH) != 0)))
		return bad(r, "does not go on from the record before it");
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

enum reader_status reader_next(struct reader *r, struct record *out)
{
	uint8_t before[AUDIT_HASH];
	const uint8_t *payload = NULL;
	struct audit_header h;

	for (;;) {
		enum audit_verdict v = AUDIT_END;
		enum reader_status st;

		memcpy(before, r->chain, sizeof(before));
		if (r->begun)
			v = audit_record_get(r->map + r->done, r->size - r->done, &h, &payload,
					     r->chain);
		switch (v) {
		case AUDIT_GOOD:
			return accept(r, &h, payload, before, out);
		case AUDIT_GARBLED:
			return bad(
				r,
				"its header makes no sense: it, or the length of one before, was changed");
		case AUDIT_BAD_HASH:
			return bad(
				r,
				"its hash is wrong: it was changed, or the one before it removed");
		case AUDIT_CUT:
		case AUDIT_END:
			break;
		}
		/* A file that has grown meanwhile goes on; else the next one. */
		if (r->begun) {
			size_t size = r->size;

			if (!map_file(r))
				return bad(r, "cannot be read");
			if (r->size > size)
				continue;
		}
		st = next_file(r);
		if (st == READER_END && v == AUDIT_CUT)
			return bad(r, "it is cut short");
		if (st != READER_RECORD)
			return st;
		if (v == AUDIT_CUT)
			return bad(r, "the one before it is cut short");
	}
}

bool reader_check_head(struct reader *r)
{
	struct audit_head h;
	char path[4200];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", r->directory, AUDIT_HEAD_FILE);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, &h, sizeof(h));
	if (fd >= 0)
		close(fd);
	if (n == (ssize_t)sizeof(h) && h.sequence < r->next)
		return true;
	if (n == 0 && r->records == 0)
		return true;
	if (n == (ssize_t)sizeof(h))
		snprintf(
			r->why, sizeof(r->why),
			"record %llu: missing: the log ends before it, though it had been on the disk",
			(unsigned long long)r->next);
	else
		snprintf(r->why, sizeof(r->why), "the file '%s' is missing or cut short",
			 AUDIT_HEAD_FILE);
	return false;
}
