/* SPDX-License-Identifier: ISC */
/*
 * The files of the log. All are handed over at the start and used in turn: a segment that is
 * full is followed by the next file, and an old one is written over only if the limit of what is
 * to be kept says so. Invariant: the first `size` bytes of the current file are whole records,
 * and the first `synced` of them are on the disk.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "audit_record.h"
#include "critical_settings.h"

struct segments {
	int file[AUDIT_SEGMENTS], head;
	unsigned count, current;
	bool used[AUDIT_SEGMENTS];
	bool reuse;			      /* the oldest file may be written over */
	bool headless;			      /* the head was never on the disk */
	bool doubtful;			      /* the kernel has failed to write what it took */
	uint64_t segment_bytes, size, synced; /* of a file at most; of the current one */
	uint64_t sequence;		      /* of the next record */
	uint8_t chain[AUDIT_HASH];	      /* of the last one */
	uint64_t torn; /* bytes that were cut off when the log was opened */
};

/* Records that were made together, on from segments.chain, and are to be written together. */
struct segments_batch {
	uint8_t *records;
	size_t len;
	unsigned count;
	uint8_t chain[AUDIT_HASH]; /* of the last one */
};

/* Goes on where the log in these files ends, or begins it. False: a line was logged. */
bool segments_open(struct segments *s, int head, const int *files, unsigned count,
		   const struct audit_settings *settings) __attribute__((warn_unused_result));

/* All or nothing: on false the log is as it was. sync: they are on the disk afterwards. */
bool segments_append(struct segments *s, const struct segments_batch *b, bool sync)
	__attribute__((warn_unused_result));

/* Goes on in the next file if the current one is full. False: there is none, or it failed. */
bool segments_rotate(struct segments *s, uint64_t time_ns) __attribute__((warn_unused_result));

/* What was added is on the disk afterwards, and the head says so. */
bool segments_sync(struct segments *s) __attribute__((warn_unused_result));

#endif /* SEGMENTS_H */
