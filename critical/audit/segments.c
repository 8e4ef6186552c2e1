/* SPDX-License-Identifier: ISC */
#include "segments.h"

#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_DEFAULT (16ull << 20)
#define START_BYTES	(sizeof(struct audit_header) + 2 * AUDIT_HASH) /* a file's first record */
#define FIRST_RECORDS	(4 + CRITICAL_CHANNELS_MAX) /* up to the first sync of a new log */

static bool refuse(const char *why)
{
	log_error("the log cannot be gone on with: %s", why);
	return false;
}

#define CHANGED "it was changed: see zwinger audit verify. Move it away to begin a new one"

/* How much of its first record a file has, which says where the chain goes on; -1: it is none. */
static ssize_t read_start(int file, struct audit_header *h, uint8_t chain[AUDIT_HASH])
{
	uint8_t start[START_BYTES];
	ssize_t n = pread(file, start, sizeof(start), 0);

	if (n < (ssize_t)sizeof(start))
		return n;
	memcpy(h, start, sizeof(*h));
	memcpy(chain, start + sizeof(*h), AUDIT_HASH);
	return h->magic == AUDIT_MAGIC && h->kind == AUDIT_SEGMENT && h->size == sizeof(start)
		       ? n
		       : -1;
}

/* Finds the newest file; *part is one whose first record was cut off by a power cut, or count. */
static bool find_newest(struct segments *s, unsigned *part)
{
	uint8_t chain[AUDIT_HASH];
	struct audit_header h;
	bool found = false;

	for (unsigned i = 0; i < s->count; i++) {
		ssize_t n = read_start(s->file[i], &h, chain);

		s->used[i] = n == (ssize_t)START_BYTES;
		if (n < 0 || (n > 0 && !s->used[i] && *part < s->count) ||
		    (s->used[i] && found && h.sequence == s->sequence))
			return refuse(CHANGED);
		if (n > 0 && !s->used[i]) {
			*part = i;
			s->torn = (uint64_t)n;
		}
		if (!s->used[i] || (found && h.sequence < s->sequence))
			continue;
		s->current = i;
		s->sequence = h.sequence;
		memcpy(s->chain, chain, sizeof(chain));
		found = true;
	}
	return *part == s->count || *part == (found ? (s->current + 1) % s->count : 0) ||
	       refuse(CHANGED);
}

/*
 * Walks through the newest file, from the hash that it begins with. It ends where its last whole
 * record does; a part behind it is a power cut's. What the head remembers must be among it.
 */
static bool read_end(struct segments *s, const struct audit_head *head)
{
	const uint8_t *at = NULL, *payload;
	enum audit_verdict v = AUDIT_END;
	bool other = false;
	struct audit_header h;
	struct stat st;

	if (fstat(s->file[s->current], &st) == 0)
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, s->file[s->current],
			  0);
	if (at == NULL || at == MAP_FAILED)
		return refuse(strerror(errno));
	do {
		other |= head->sequence + 1 == s->sequence &&
			 memcmp(head->hash, s->chain, AUDIT_HASH) != 0;
		v = audit_record_get(at + s->size, (size_t)st.st_size - s->size, &h, &payload,
				     s->chain);
		s->size += v == AUDIT_GOOD ? h.size : 0;
	} while (v == AUDIT_GOOD && h.sequence == s->sequence++);
	munmap((void *)(uintptr_t)at, (size_t)st.st_size);
	if (v != AUDIT_END && v != AUDIT_CUT)
		return refuse(CHANGED);
	s->torn += (uint64_t)st.st_size - s->size;
	s->synced = s->size;
	return !other || refuse(CHANGED);
}

bool segments_open(struct segments *s, int head, const int *files, unsigned count,
		   const struct audit_settings *settings)
{
	struct audit_head h = { .sequence = UINT64_MAX };
	ssize_t n = pread(head, &h, sizeof(h), 0);
	unsigned part = count;

	*s = (struct segments){ .head = head,
				.count = count,
				.segment_bytes = settings->segment_bytes != 0
							 ? settings->segment_bytes
							 : SEGMENT_DEFAULT,
				.reuse = settings->keep_bytes != 0,
				.headless = n == 0 };
	memcpy(s->file, files, count * sizeof(*files));
	if (flock(s->head, LOCK_EX | LOCK_NB) < 0)
		return refuse("another auditor writes it");
	if (!find_newest(s, &part) || (s->used[s->current] && !read_end(s, &h)))
		return false;
	/* Of what has been on the disk, the head says how far it went. */
	if (s->headless ? s->sequence > FIRST_RECORDS
			: n != (ssize_t)sizeof(h) || h.sequence >= s->sequence)
		return refuse("its head or its end is missing. Move it away to begin anew");
	if ((part < count && ftruncate(s->file[part], 0) < 0) ||
	    ftruncate(s->file[s->current], (off_t)s->size) < 0)
		return refuse(strerror(errno));
	return true;
}

static bool write_at(int file, const uint8_t *bytes, size_t len, uint64_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(file, bytes + done, len - done, (off_t)(at + done));

		if (n <= 0) /* no signal interrupts it: none is handled */
			return false;
		done += (size_t)n;
	}
	return true;
}

/*
 * A kernel that has failed to write pages to the disk says so once and takes them for written. So
 * what it may have lost is given to it again, from its own memory.
 */
static bool write_again(const struct segments *s)
{
	uint8_t block[4096];
	ssize_t n;

	for (uint64_t at = s->synced; at < s->size; at += (uint64_t)n) {
		n = pread(s->file[s->current], block, sizeof(block), (off_t)at);
		if (n <= 0 || !write_at(s->file[s->current], block, (size_t)n, at))
			return false;
	}
	return true;
}

bool segments_append(struct segments *s, const struct segments_batch *b, bool sync)
{
	struct segments after = *s;

	after.size += b->len;
	after.sequence += b->count;
	memcpy(after.chain, b->chain, sizeof(after.chain));
	after.used[s->current] = true;
	if (write_at(s->file[s->current], b->records, b->len, s->size) &&
	    (!sync || segments_sync(&after))) {
		*s = after;
		return true;
	}
	s->doubtful = after.doubtful;
	/* No part of a record stays; should even this fail, the next append writes over it. */
	(void)!ftruncate(s->file[s->current], (off_t)s->size);
	return false;
}

/* A segment goes on from the hash before it: so the first record of a file is made and checked. */
static bool begin(struct segments *s, uint64_t time_ns)
{
	const struct audit_header h = { .sequence = s->sequence,
					.time_ns = time_ns,
					.kind = AUDIT_SEGMENT,
					.channel = AUDIT_NO_CHANNEL };
	uint8_t record[START_BYTES];
	struct segments_batch b = { .records = record, .count = 1 };

	memcpy(b.chain, s->chain, sizeof(b.chain));
	b.len = audit_record_put(record, h, s->chain, sizeof(s->chain), b.chain);
	return segments_append(s, &b, false);
}

bool segments_rotate(struct segments *s, uint64_t time_ns)
{
	unsigned next = (s->current + 1) % s->count;

	if (s->size == 0)
		return begin(s, time_ns);
	if (s->size < s->segment_bytes)
		return true;
	if ((s->used[next] && !s->reuse) || !segments_sync(s) ||
	    ftruncate(s->file[next], 0) < 0)
		return false;
	s->current = next;
	s->used[next] = false;
	s->size = s->synced = 0;
	return begin(s, time_ns);
}

bool segments_sync(struct segments *s)
{
	struct audit_head h = { .sequence = s->sequence - 1 };

	if (s->synced == s->size)
		return true;
	if (s->doubtful && !write_again(s))
		return false;
	s->doubtful = fdatasync(s->file[s->current]) < 0;
	memcpy(h.hash, s->chain, sizeof(h.hash));
	if (s->doubtful || !write_at(s->head, (const uint8_t *)&h, sizeof(h), 0))
		return false;
	/* From then on a log without a head was not left by a power cut. */
	if (s->headless)
		s->headless = fdatasync(s->head) < 0;
	s->synced = s->size;
	return true;
}
