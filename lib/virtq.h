/* SPDX-License-Identifier: ISC */
/*
 * Device side of a split virtqueue (virtio 1.2, 2.7), for device processes.
 *
 * virtq_pop() takes one request off the queue as a snapshot: after it returns, nothing the
 * guest does to its descriptors can change the request. Indices and the set of requests in
 * flight are ours; the guest's are only ever compared with them.
 */
#ifndef VIRTQ_H
#define VIRTQ_H

#include "gmem.h"

#define VIRTQ_SIZE_MAX 256
#define VIRTQ_SEGS_MAX 130 /* longest chain taken; a device MAY limit it (2.7.4.1) */

enum virtq_status {
	VIRTQ_OK,
	VIRTQ_EMPTY,
	VIRTQ_BROKEN, /* the driver broke the protocol: the device needs a reset (2.1.2) */
};

/* What a driver has set up; nothing of it is believed. */
struct virtq_layout {
	gpa_t desc, avail, used;
	uint16_t size;	/* elements */
	bool event_idx; /* VIRTIO_F_EVENT_IDX was negotiated */
	bool indirect;	/* VIRTIO_F_INDIRECT_DESC was negotiated */
};

/* One queue's part of the inflight region (vhost-user, "Inflight I/O tracking", split). */
struct virtq_inflight {
	uint64_t features;
	uint16_t version; /* 1; 0 in a region nobody has used */
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct {
		uint8_t inflight;
		uint8_t padding[5];
		uint16_t next;
		uint64_t counter;
	} desc[];
};

/* Invariant: the three rings lie inside mem; taken_count heads are popped and not yet pushed. */
struct virtq {
	const struct gmem *mem;
	gpa_t desc, avail, used;
	uint16_t size;	     /* a power of two, at most VIRTQ_SIZE_MAX */
	uint16_t next_avail; /* ours: never read back from guest memory */
	uint16_t next_used;  /* ours */
	uint16_t called_at;  /* next_used when virtq_wants_call() was last asked */
	uint16_t taken_count;
	bool event_idx, indirect;
	uint64_t taken[VIRTQ_SIZE_MAX / 64]; /* a bit for each head in flight */
	uint64_t counter;		     /* orders the requests in the inflight region */
	struct virtq_inflight *inflight;     /* NULL: not tracked */
	uint16_t again[VIRTQ_SIZE_MAX]; /* heads to be popped again after a restart, in order */
	uint16_t again_at, again_count;
};

struct virtq_seg {
	gpa_t addr;
	uint32_t len;
};

/* One request: readable segments first, then writable ones (2.7.4.2). */
struct virtq_req {
	const struct gmem *mem;
	uint16_t head;
	uint16_t count;
	uint16_t first_writable;
	uint16_t rd_seg, wr_seg; /* cursors of virtq_get() and virtq_put() */
	uint32_t rd_off, wr_off;
	uint32_t written; /* becomes used.len */
	bool again;	  /* popped before, by an earlier process */
	struct virtq_seg seg[VIRTQ_SEGS_MAX];
};

/*
 * Takes over a queue of whose available ring `base` entries are already taken; the used ring
 * goes on where it stands. False: sizes, alignment or place are wrong.
 */
bool virtq_init(struct virtq *q, const struct gmem *mem, const struct virtq_layout *l,
		uint16_t base) MUST_CHECK;

/*
 * Tracks requests in a region that outlives this process, len bytes long and kept mapped by the
 * caller. Requests that an earlier process left in it will be popped once more, oldest first.
 * Call it right after virtq_init(). False: too small, or it contradicts the rings.
 */
bool virtq_track(struct virtq *q, struct virtq_inflight *region, size_t len) MUST_CHECK;

enum virtq_status virtq_pop(struct virtq *q, struct virtq_req *req) MUST_CHECK;

/* Puts back the request that was popped last; the next virtq_pop() gives it again. */
void virtq_unpop(struct virtq *q, const struct virtq_req *req);

/* Copies exactly len bytes from / to the request; on false some may have been moved. */
bool virtq_get(struct virtq_req *req, void *dst, size_t len) MUST_CHECK;
bool virtq_put(struct virtq_req *req, const void *src, size_t len) MUST_CHECK;

/* Bytes that are still to be read / may still be written. */
uint64_t virtq_readable(const struct virtq_req *req);
uint64_t virtq_writable(const struct virtq_req *req);

/*
 * Up to max ranges for preadv/pwritev that cover the next len bytes to read (or to write),
 * and moves the cursor past them. Returns how many, or -1 with the cursor where it was, if there
 * are fewer bytes or more ranges. A write counts as written only with virtq_wrote().
 */
int virtq_read_iovec(struct virtq_req *req, uint64_t len, struct iovec *iov, int max);
int virtq_write_iovec(struct virtq_req *req, uint64_t len, struct iovec *iov, int max);
void virtq_wrote(struct virtq_req *req, uint32_t len);

/*
 * Gives the request back with written bytes; every popped request is pushed exactly once, in
 * any order. Only our own fault makes it fail, as the used ring was checked; then it aborts.
 */
void virtq_push(struct virtq *q, const struct virtq_req *req);

/*
 * The same in two steps, for several requests that must appear at once (virtio 1.2, 5.1.6.4):
 * stage any number, each with its place (0, 1, ...), then publish that many.
 */
void virtq_stage(struct virtq *q, const struct virtq_req *req, uint16_t place);
void virtq_publish(struct virtq *q, const uint16_t *heads, uint16_t count);

/* True if the driver wants to be notified of what was pushed since it was last asked. */
bool virtq_wants_call(struct virtq *q);

/* Asks the driver not to notify, while we look by ourselves. Best effort. */
void virtq_disarm(struct virtq *q);

/* Asks the driver to notify of the next buffer. True if there is one already. */
bool virtq_rearm(struct virtq *q);

#endif /* VIRTQ_H */
