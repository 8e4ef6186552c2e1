/* SPDX-License-Identifier: ISC */
/*
 * One-way channel of fixed-size messages between two processes that do not trust each other,
 * and, if it is audited, a third that logs each message before it is delivered.
 *
 *   data page  slots, each with the stamp of its message     writer: read-write; others: read-only
 *   ack page   how many messages the reader has taken        reader: read-write; writer: read-only
 *   log page   the auditor's copy of the slots               auditor: read-write; reader: read-only
 *
 * The stamp of message number i (from 0) is i + 1; it is stored after the message, in front of
 * it, in the same cache line if both fit. Each side keeps its own number and the geometry in
 * private memory and believes nothing about the others': a peer can stall or garble the
 * channel, never move us outside it. A message is copied out once and only the copy is judged.
 * The reader of an audited channel takes a message only if the writer's slot and the auditor's
 * copy agree byte for byte: the writer cannot deliver what was not logged, and the auditor
 * cannot deliver what was not sent.
 */
#ifndef CHAN_H
#define CHAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_SLOTS_MAX	 256 /* and a power of two */
#define CHAN_MESSAGE_MAX 248 /* bytes; a multiple of 8, at least 8 */

struct chan_geometry {
	uint32_t slots;
	uint32_t message_size;
};

typedef _Atomic uint64_t chan_word;

/* Each page begins a memfd of its own; slots begin CHAN_HEADER bytes behind it. */
#define CHAN_HEADER   64
#define CHAN_PAGE_MAX (CHAN_HEADER + CHAN_SLOTS_MAX * (8 + CHAN_MESSAGE_MAX))

struct chan_data {
	chan_word waiting; /* 1: the writer sleeps until there is room */
	uint64_t pad[7];
	chan_word slot[];
};

struct chan_ack {
	chan_word received;
	uint64_t pad[7];
	chan_word dozing; /* 0: the reader looks by itself, do not ring; else: ring */
	uint64_t pad2[7];
};
#define CHAN_ACK_BYTES sizeof(struct chan_ack)

enum chan_log_state { CHAN_LOG_GOOD = 0, CHAN_LOG_STOPPED = 1 };

struct chan_log {
	chan_word state; /* enum chan_log_state: why nothing comes, for people */
	uint64_t pad[7];
	chan_word slot[];
};

enum chan_status {
	CHAN_OK,
	CHAN_AGAIN,  /* full, or nothing there: wait for the bell */
	CHAN_BROKEN, /* what a peer wrote makes no sense: close the channel for good */
};

/*
 * The bells are eventfds, non-blocking: each side waits for its bell and rings the next one's.
 * In an audited channel the writer rings the auditor, the auditor the reader, the reader the
 * writer. In any other the writer rings the reader, unless that is awake.
 */
struct chan_writer {
	struct chan_data *data;
	const struct chan_ack *ack;
	struct chan_geometry geometry;
	bool audited;
	int bell, ring;
	uint64_t sent; /* how many */
	uint64_t
		received; /* how many were taken when we last looked; sent - received <= slots */
};

struct chan_reader {
	const struct chan_data *data;
	struct chan_ack *ack;
	const struct chan_log *log; /* NULL: not audited */
	struct chan_geometry geometry;
	int bell, ring;
	uint64_t received; /* how many */
	unsigned credit;   /* how long to spin: 0 to CHAN_SPIN_MAX */
	unsigned naps;
};

struct chan_auditor {
	const struct chan_data *data;
	struct chan_log *log;
	struct chan_geometry geometry;
	int bell, ring;
	uint64_t logged; /* how many */
};

/* True if g can be a channel's. */
bool chan_geometry_valid(struct chan_geometry g);

/* Bytes of a data page and of a log page with all slots. */
size_t chan_page_bytes(struct chan_geometry g);

/*
 * Begins with message number 0; the caller has set the pages, the geometry, the bells and
 * audited, the rest to 0. All pages must be 0, and both sides begin together: nobody has used
 * the channel yet, or everybody has closed it and its creator has zeroed the pages.
 */
void chan_writer_init(struct chan_writer *c);
void chan_reader_init(struct chan_reader *c);
void chan_auditor_init(struct chan_auditor *c);

/*
 * Puts one message and rings if need be. After CHAN_AGAIN the bell rings when half of the
 * slots are free. What is put, the reader may see at once.
 */
enum chan_status chan_send(struct chan_writer *c, const void *message)
	__attribute__((warn_unused_result));

/* Takes one message. What this hands over, no peer can edit. On failure *message is garbage. */
enum chan_status chan_recv(struct chan_reader *c, void *message)
	__attribute__((warn_unused_result));

/*
 * The auditor's two halves: the next message, which stays the next one until it is delivered;
 * and its delivery, to be called when the log holds it, with the very bytes that it holds.
 * Several may be tapped ahead: `ahead` counts from 0, less than slots.
 */
enum chan_status chan_tap(const struct chan_auditor *c, unsigned ahead, void *message)
	__attribute__((warn_unused_result));
void chan_deliver(struct chan_auditor *c, const void *message);

/* Says why nothing comes, and rings the reader so that it can say so. */
void chan_set_log_state(struct chan_auditor *c, enum chan_log_state state);
enum chan_log_state chan_log_state(const struct chan_reader *c);

/* Forgets that the bell has rung; before looking, so that no ring is lost. */
void chan_silence(int bell);

/*
 * Before and after sleeping on the bell. doze() first looks for a while, as long as that has
 * lately paid off, and asks to be rung. False: there is a message (or a breach) to take and no
 * time to sleep; awake() need not follow then.
 */
#define CHAN_SPIN_MAX 4096 /* looks */
bool chan_doze(struct chan_reader *c);
void chan_awake(struct chan_reader *c);

#endif /* CHAN_H */
