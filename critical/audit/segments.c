/* SPDX-License-Identifier: ISC */
#include "segments.h"

#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_MIN (64ull << 10)

static bool fail(unsigned file, const char *what)
{
	log_error("audit-%02u: %s", file, what);
	return false;
}

/* What begins a file: the number of its first record, and the hash before it. */
static bool read_start(int file, uint64_t *sequence, uint8_t chain[AUDIT_HASH])
{
	uint8_t start[sizeof(struct audit_header) + AUDIT_HASH];
	struct audit_header h;

	if (pread(file, start, sizeof(start), 0) != (ssize_t)sizeof(start))
		return false;
	memcpy(&h, start, sizeof(h));
	*sequence = h.sequence;
	memcpy(chain, start + sizeof(h), AUDIT_HASH);
	return h.magic == AUDIT_MAGIC && h.kind == AUDIT_SEGMENT;
}

/* The newest file ends where its last whole record does; a part behind it is a power cut's. */
static bool read_end(struct segments *s)
{
	const uint8_t *at = NULL, *payload;
	struct audit_header h;
	enum audit_verdict v;
	size_t done = 0;
	struct stat st;

	if (fstat(s->file[s->current], &st) == 0)
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, s->file[s->current],
			  0);
	if (at == NULL || at == MAP_FAILED)
		return fail(s->current, strerror(errno));
	while ((v = audit_record_get(at + done, (size_t)st.st_size - done, &h, &payload,
				     s->chain)) == AUDIT_GOOD) {
		done += h.size;
		s->sequence = h.sequence + 1;
	}
	munmap((void *)(uintptr_t)at, (size_t)st.st_size);
	if (v == AUDIT_GARBLED || v == AUDIT_BAD_HASH)
		return fail(s->current,
			    "the log was changed; `zwinger audit verify` says where. "
			    "Move it away to begin a new one");
	s->torn = (uint64_t)st.st_size - done;
	s->size = done;
	return ftruncate(s->file[s->current], (off_t)done) == 0 ||
	       fail(s->current, "cannot be cut");
}

/* A log that was cut back behind what the head remembers was not cut by a power failure. */
static bool check_head(const struct segments *s)
{
	struct audit_head h;

	if (pread(s->head, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || h.sequence < s->sequence)
		return true;
	log_error(
		"the log ends before record %llu, which had been on the disk: records are missing. "
		"Move it away to begin a new one",
		(unsigned long long)h.sequence);
	return false;
}

bool segments_open(struct segments *s, int head, const int *files, unsigned count,
		   const struct audit_settings *settings)
{
	uint64_t newest = 0, sequence;
	bool found = false;
	uint8_t chain[AUDIT_HASH];

	memset(s, 0, sizeof(*s));
	s->segment_bytes =
		settings->segment_bytes > SEGMENT_MIN ? settings->segment_bytes : SEGMENT_MIN;
	s->reuse = settings->keep_bytes != 0;
	s->count = count;
	s->head = head;
	if (flock(s->head, LOCK_EX | LOCK_NB) < 0)
		return fail(0, "another auditor writes this log");
	for (unsigned i = 0; i < count; i++) {
		s->file[i] = files[i];
		s->used[i] = read_start(s->file[i], &sequence, chain);
		if (s->used[i] && (!found || sequence >= newest)) {
			newest = sequence;
			s->current = i;
			memcpy(s->chain, chain, sizeof(chain));
			found = true;
		}
	}
	return !found || (read_end(s) && check_head(s));
}

bool segments_append(struct segments *s, const uint8_t *records, size_t len)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < len) {
		n = pwrite(s->file[s->current], records + done, len - done,
			   (off_t)(s->size + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done < len) {
		/* No part of a record stays; should even this fail, the next append writes over it. */
		(void)!ftruncate(s->file[s->current], (off_t)s->size);
		return false;
	}
	s->size += len;
	s->used[s->current] = true;
	s->unsynced = true;
	return true;
}

/* A segment goes on from the hash before it: so the first record of a file is made and checked. */
static bool begin(struct segments *s, uint64_t time_ns)
{
	const struct audit_header h = { .sequence = s->sequence,
					.time_ns = time_ns,
					.kind = AUDIT_SEGMENT,
					.channel = AUDIT_NO_CHANNEL };
	uint8_t record[AUDIT_RECORD_MAX], before[AUDIT_HASH];
	size_t len;

	memcpy(before, s->chain, sizeof(before));
	len = audit_record_put(record, h, before, sizeof(before), s->chain);
	if (segments_append(s, record, len)) {
		s->sequence++;
		return true;
	}
	memcpy(s->chain, before, sizeof(before));
	return false;
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
	s->size = 0;
	return begin(s, time_ns);
}

bool segments_sync(struct segments *s)
{
	struct audit_head h = { .sequence = s->sequence - 1 };

	if (!s->unsynced)
		return true;
	memcpy(h.hash, s->chain, sizeof(h.hash));
	if (fdatasync(s->file[s->current]) < 0 ||
	    pwrite(s->head, &h, sizeof(h), 0) != (ssize_t)sizeof(h))
		return false;
	s->unsynced = false;
	return true;
}
