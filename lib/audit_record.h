/* SPDX-License-Identifier: ISC */
/*
 * The records of an audit log and the chain of hashes through them: written by the auditor, read
 * by whoever verifies. A log is a set of segment files, each a sequence of records:
 *
 *   struct audit_header, its payload, and 32 bytes: BLAKE2b-256 of the hash before it, the
 *   header and the payload
 *
 * A segment begins with AUDIT_SEGMENT, whose payload is the hash before it; so the chain goes on
 * from file to file, and from the oldest that is kept. Numbers are little-endian.
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include "critical.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_HASH	 32
#define AUDIT_MAGIC	 0x6475417au /* "zAud" */
#define AUDIT_SEGMENTS	 15	     /* files of a log, at most: audit-00 to audit-14 */
#define AUDIT_HEAD_FILE	 "head"	     /* struct audit_head, renewed at checkpoints */
#define AUDIT_RECORD_MAX (sizeof(struct audit_header) + AUDIT_PAYLOAD_MAX + AUDIT_HASH)

enum audit_kind {
	AUDIT_SEGMENT = 1,    /* payload: the hash before it */
	AUDIT_CHANNEL = 2,    /* the channel of that number: struct audit_channel */
	AUDIT_MESSAGE = 3,    /* the message */
	AUDIT_HASHED = 4,     /* BLAKE2b-256 of the message */
	AUDIT_SKIPPED = 5,    /* how many messages that decide nothing: 64 bits */
	AUDIT_OPENED = 6,     /* the channel begins anew */
	AUDIT_CLOSED = 7,     /* an end of the channel is gone */
	AUDIT_CHECKPOINT = 8, /* what is before it is on the disk */
	AUDIT_STARTED = 9,    /* an auditor begins */
	AUDIT_ENDED = 10,     /* ... and ends in good order */
	AUDIT_TORN = 11,      /* bytes cut off the end, left by a power cut: 64 bits */
	AUDIT_STOPPED = 12,   /* delivery had stopped for so many ms, as the log could not be
				written: 64 bits */
	AUDIT_KINDS
};

struct audit_header {
	uint32_t magic;	   /* AUDIT_MAGIC */
	uint32_t size;	   /* of the whole record */
	uint64_t sequence; /* from 0, through all segments */
	uint64_t time_ns;  /* CLOCK_REALTIME */
	uint16_t kind;	   /* enum audit_kind */
	uint16_t channel;  /* index in the auditor's configuration; 0xffff: none */
	uint32_t reserved; /* 0 */
};
_Static_assert(sizeof(struct audit_header) == 32, "no padding in the log");
#define AUDIT_NO_CHANNEL 0xffff

struct audit_channel {
	char name[CRITICAL_NAME], from[CRITICAL_NAME], to[CRITICAL_NAME];
	uint32_t audit; /* enum channel_audit */
	uint32_t message_size;
};
#define AUDIT_PAYLOAD_MAX                                                                      \
	(CHAN_MESSAGE_MAX > sizeof(struct audit_channel) ? CHAN_MESSAGE_MAX                    \
							 : sizeof(struct audit_channel))

struct audit_head {
	uint64_t sequence; /* of the last record that was on the disk */
	uint8_t hash[AUDIT_HASH];
};

/* Writes one record to `to`, which has room for AUDIT_RECORD_MAX; returns its size. *chain becomes
 * its hash. */
size_t audit_record_put(uint8_t *to, struct audit_header h, const void *payload, size_t len,
			uint8_t chain[AUDIT_HASH]);

enum audit_verdict {
	AUDIT_GOOD,
	AUDIT_END,	/* nothing is left */
	AUDIT_CUT,	/* a part of a record is left */
	AUDIT_GARBLED,	/* its header makes no sense */
	AUDIT_BAD_HASH, /* it, or one before it, was changed */
};

/*
 * Judges what begins at `at`, of which `left` bytes are there. AUDIT_GOOD: *h is its header, *payload
 * lies behind it, *chain is now its hash. Otherwise *chain is untouched.
 */
enum audit_verdict audit_record_get(const uint8_t *at, size_t left, struct audit_header *h,
				    const uint8_t **payload, uint8_t chain[AUDIT_HASH]);

/* What a hash of a message is. */
void audit_hash(const void *message, size_t len, uint8_t hash[AUDIT_HASH]);

#endif /* AUDIT_RECORD_H */
