/* SPDX-License-Identifier: ISC */
/*
 * Reads a log's segments in their order, verifies the chain, hands over record after record. The
 * auditor may be writing it meanwhile; nothing is mapped, as it may cut its files.
 */
#ifndef READER_H
#define READER_H

#include "audit_record.h"

struct record {
	struct audit_header header;
	const uint8_t *payload; /* payload_len bytes, until the next reader_next() */
	size_t payload_len;
	const struct audit_channel *channel; /* as the log describes it; NULL: not (yet) */
	uint8_t hash[AUDIT_HASH];
};

enum reader_status {
	READER_RECORD,
	READER_END, /* so far; there may be more later */
	READER_CUT, /* so far, and a part of a record: it is being written, or was cut off */
	READER_BAD, /* why says which record, and what is wrong with it; also after CUT */
};

struct reader {
	int file[AUDIT_SEGMENTS], head_file; /* -1: there is none */
	struct audit_head head;		     /* as it was when the log was opened */
	bool headless;
	bool read[AUDIT_SEGMENTS];	/* whether a file was read ... */
	uint64_t begin[AUDIT_SEGMENTS]; /* ... when it began with this record */
	unsigned current;
	uint64_t done; /* bytes of the current file */
	uint64_t next; /* sequence number of the next record */
	uint64_t records, segments;
	uint8_t chain[AUDIT_HASH];
	struct audit_channel channel[CRITICAL_CHANNELS_MAX];
	bool described[CRITICAL_CHANNELS_MAX];
	uint8_t buffer[64 << 10]; /* of the current file, from buffer_at on */
	uint64_t buffer_at;
	size_t buffer_len;
	char why[256];
};

/* False: no such directory, or no log in it; r->why says so. */
bool reader_open(struct reader *r, const char *directory);

/* Begins with the files that are set. */
void reader_begin(struct reader *r);

enum reader_status reader_next(struct reader *r, struct record *out);

/* At the end: whether the log holds what its head remembers. False: r->why. */
bool reader_check_head(struct reader *r);

#endif /* READER_H */
