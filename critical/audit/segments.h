/* SPDX-License-Identifier: ISC */
/*
 * The files of the log. All are handed over at the start and used in turn: a segment that is
 * full is followed by the next file, and an old one is written over only if the limit of what is
 * to be kept says so. Invariant: the first `size` bytes of the current file are whole records.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "audit_record.h"
#include "critical_settings.h"

struct segments {
	int file[AUDIT_SEGMENTS], head;
	unsigned count, current;
	bool used[AUDIT_SEGMENTS];
	bool reuse;		      /* the oldest file may be written over */
	uint64_t segment_bytes, size; /* of a file at most; of the current one */
	uint64_t sequence;	      /* of the next record */
	uint8_t chain[AUDIT_HASH];    /* of the last one */
	uint64_t torn;		      /* bytes that were cut off when the log was opened */
	bool unsynced;
};

/* Goes on where the log in these files ends, or begins it. False: a line was logged. */
bool segments_open(struct segments *s, int head, const int *files, unsigned count,
		   const struct audit_settings *settings) __attribute__((warn_unused_result));

/*
 * Adds whole records, all or nothing. False: nothing was added, and chain and sequence, which
 * the records were made with, are as the caller gave them.
 */
bool segments_append(struct segments *s, const uint8_t *records, size_t len)
	__attribute__((warn_unused_result));

/* Goes on in the next file if the current one is full. False: there is none, or it failed. */
bool segments_rotate(struct segments *s, uint64_t time_ns) __attribute__((warn_unused_result));

/* What was added is on the disk afterwards, and the head says so. */
bool segments_sync(struct segments *s) __attribute__((warn_unused_result));

#endif /* SEGMENTS_H */
