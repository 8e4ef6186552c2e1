/* SPDX-License-Identifier: ISC */
/* Reads a log's segments in their order, verifies the chain, hands over record after record. */
#ifndef READER_H
#define READER_H

#include "audit_record.h"

struct record {
	struct audit_header header;
	const uint8_t *payload; /* payload_len bytes, mapped */
	size_t payload_len;
	const struct audit_channel *channel; /* as the log describes it; NULL: not (yet) */
	uint8_t hash[AUDIT_HASH];
};

enum reader_status {
	READER_RECORD,
	READER_END, /* so far; there may be more later */
	READER_BAD, /* why says which record, and what is wrong with it */
};

struct reader {
	const char *directory;
	int file[AUDIT_SEGMENTS];
	uint64_t first
		[AUDIT_SEGMENTS]; /* sequence number of each file's first record; UINT64_MAX: empty */
	unsigned current;
	bool begun;
	const uint8_t *map;
	size_t size, done;
	uint64_t next; /* sequence number of the next record */
	uint64_t records, segments;
	uint8_t chain[AUDIT_HASH];
	struct audit_channel channel[CRITICAL_CHANNELS_MAX];
	bool described[CRITICAL_CHANNELS_MAX];
	char why[256];
};

/* False: no such directory, or no log in it; r->why says so. */
bool reader_open(struct reader *r, const char *directory);

enum reader_status reader_next(struct reader *r, struct record *out);

/* At the end: whether the log holds what its head remembers. False: r->why. */
bool reader_check_head(struct reader *r);

#endif /* READER_H */
