/* SPDX-License-Identifier: ISC */
#include "virtq.h"

#include "bug.h"

#include <endian.h>
#include <stdatomic.h>
#include <string.h>

#define DESC_F_NEXT	     1u
#define DESC_F_WRITE	     2u
#define DESC_F_INDIRECT	     4u
#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY     1u
#define INFLIGHT_VERSION     1

/* Wire formats, virtio 1.2, 2.7.5 and 2.7.8. All fields little-endian. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct used_elem {
	uint32_t id, len;
};

_Static_assert(sizeof(struct desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(sizeof(struct used_elem) == 8, "virtio 1.2, 2.7.8");
_Static_assert(sizeof(struct virtq_inflight) == 16, "vhost-user, QueueRegionSplit");
_Static_assert(sizeof(((struct virtq_inflight *)0)->desc[0]) == 16,
	       "vhost-user, DescStateSplit");

static gpa_t at(gpa_t base, uint64_t off)
{
	return gpa(base.raw + off);
}

static bool usable(const struct gmem *mem, gpa_t base, uint64_t align, size_t len)
{
	struct iovec whole;

	return base.raw % align == 0 && gmem_iovec(mem, base, len, &whole);
}

/* Both ranges are usable, so no sum wraps. */
static bool apart(gpa_t a, size_t a_len, gpa_t b, size_t b_len)
{
	return a.raw < b.raw ? b.raw - a.raw >= a_len : a.raw - b.raw >= b_len;
}

/*
 * Alignments and sizes: table in 2.7; the two bytes behind avail and used are used_event and
 * avail_event. After this, at(base, off) for an index below size is inside checked memory. The
 * two rings lie apart: else each request that is used could make the next one available.
 */
bool virtq_init(struct virtq *q, const struct gmem *mem, const struct virtq_layout *l,
		uint16_t base)
{
	size_t avail_len = 6u + 2u * l->size, used_len = 6u + 8u * l->size;
	uint16_t used_idx;

	if (l->size == 0 || l->size > VIRTQ_SIZE_MAX || (l->size & (l->size - 1)) != 0)
		return false;
	if (!usable(mem, l->desc, 16, 16u * l->size) || !usable(mem, l->avail, 2, avail_len) ||
	    !usable(mem, l->used, 4, used_len) ||
	    !apart(l->avail, avail_len, l->used, used_len) ||
	    !gmem_load16_acquire(mem, at(l->used, 2), &used_idx))
		return false;
	*q = (struct virtq){ .mem = mem,
			     .desc = l->desc,
			     .avail = l->avail,
			     .used = l->used,
			     .size = l->size,
			     .next_avail = base,
			     .next_used = used_idx,
			     .called_at = used_idx,
			     .event_idx = l->event_idx,
			     .indirect = l->indirect };
	return true;
}

static bool taken(const struct virtq *q, uint16_t head)
{
	return (q->taken[head / 64] >> head % 64 & 1) != 0;
}

static void take(struct virtq *q, uint16_t head)
{
	q->taken[head / 64] |= 1ull << head % 64;
	q->taken_count++;
}

static void release(struct virtq *q, uint16_t head)
{
	BUG_ON(!taken(q, head));
	q->taken[head / 64] &= ~(1ull << head % 64);
	q->taken_count--;
}

/* The region is shared with the front end: what is judged must be what is used. */
static uint16_t once(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

bool virtq_track(struct virtq *q, struct virtq_inflight *r, size_t len)
{
	uint16_t used_idx = q->next_used, count = 0;

	if (len < sizeof(*r) + q->size * sizeof(r->desc[0]))
		return false;
	if (r->version == 0) {
		r->version = INFLIGHT_VERSION;
		r->desc_num = q->size;
		r->used_idx = used_idx;
	}
	if (r->version != INFLIGHT_VERSION || r->desc_num != q->size)
		return false;
	if (r->used_idx != used_idx) {
		/* The process ended between publishing the last batch and noting it down. */
		uint16_t head = once(&r->last_batch_head),
			 n = (uint16_t)(used_idx - r->used_idx);

		for (; n > 0 && n <= q->size && head < q->size; n--) {
			r->desc[head].inflight = 0;
			head = once(&r->desc[head].next);
		}
		r->used_idx = used_idx;
	}
	for (uint16_t head = 0; head < q->size; head++) {
		uint16_t i = count;

		if (r->desc[head].inflight == 0)
			continue;
		for (; i > 0 && r->desc[q->again[i - 1]].counter > r->desc[head].counter; i--)
			q->again[i] = q->again[i - 1];
		q->again[i] = head;
		count++;
	}
	q->counter = count > 0 ? r->desc[q->again[count - 1]].counter : 0;
	q->again_count = count;
	q->next_avail = (uint16_t)(used_idx + count);
	q->inflight = r;
	return true;
}

/* The next head: one that an earlier process left unfinished, or the driver's next. */
static enum virtq_status next_head(const struct virtq *q, uint16_t *head)
{
	uint16_t avail_idx, pending;

	if (q->again_at < q->again_count) {
		*head = q->again[q->again_at];
		return VIRTQ_OK;
	}
	/* Acquire pairs with the driver's barrier before it moves idx, 2.7.13.3. */
	if (!gmem_load16_acquire(q->mem, at(q->avail, 2), &avail_idx))
		return VIRTQ_BROKEN;
	pending = (uint16_t)(avail_idx - q->next_avail); /* mod 2^16, 2.7.6 */
	if (pending == 0)
		return VIRTQ_EMPTY;
	/* What is in flight cannot be available as well. */
	if (pending > q->size - q->taken_count)
		return VIRTQ_BROKEN;
	if (!gmem_load16_acquire(q->mem, at(q->avail, 4 + 2u * (q->next_avail % q->size)),
				 head))
		return VIRTQ_BROKEN;
	return VIRTQ_OK;
}

/* One step along a chain: false if the descriptor is outside or not guest memory. */
static bool append(const struct virtq *q, struct virtq_req *req, const struct desc *d)
{
	bool writable = (le16toh(d->flags) & DESC_F_WRITE) != 0;
	struct iovec range;

	if (req->count == VIRTQ_SEGS_MAX ||
	    !gmem_iovec(q->mem, gpa(le64toh(d->addr)), le32toh(d->len), &range))
		return false;
	if (!writable && req->first_writable != req->count)
		return false; /* readable after writable, 2.7.4.2 */
	req->seg[req->count++] =
		(struct virtq_seg){ .addr = gpa(le64toh(d->addr)), .len = le32toh(d->len) };
	if (!writable)
		req->first_writable = req->count;
	return true;
}

/* Follows the chain that begins at element i of a table of `size` descriptors. */
static bool walk(const struct virtq *q, struct virtq_req *req, gpa_t table, uint32_t size,
		 uint32_t i, bool may_indirect)
{
	/* A chain longer than its table is a loop. */
	for (uint32_t steps = 0; steps < size; steps++) {
		struct desc d;
		uint16_t flags;

		if (i >= size || !gmem_read(q->mem, at(table, 16ull * i), &d, sizeof(d)))
			return false;
		flags = le16toh(d.flags);
		if ((flags & DESC_F_INDIRECT) != 0) {
			uint32_t len = le32toh(d.len);
			gpa_t inner = gpa(le64toh(d.addr));

			/*
			 * Not inside another table, and not with NEXT (2.7.5.3.1); WRITE means
			 * nothing here (2.7.5.3.2).
			 */
			if (!may_indirect || (flags & DESC_F_NEXT) != 0 || len == 0 ||
			    len % 16 != 0 || !usable(q->mem, inner, 1, len))
				return false;
			return walk(q, req, inner, len / 16, 0, false);
		}
		if (!append(q, req, &d))
			return false;
		if ((flags & DESC_F_NEXT) == 0)
			return true;
		i = le16toh(d.next);
	}
	return false;
}

enum virtq_status virtq_pop(struct virtq *q, struct virtq_req *req)
{
	uint16_t head;
	enum virtq_status st = next_head(q, &head);

	if (st != VIRTQ_OK)
		return st;
	/* The same head twice would be two requests with one identity. */
	if (head >= q->size || taken(q, head))
		return VIRTQ_BROKEN;
	req->mem = q->mem;
	req->head = head;
	req->count = req->first_writable = 0;
	req->rd_seg = 0;
	req->rd_off = req->wr_off = req->written = 0;
	if (!walk(q, req, q->desc, q->size, head, q->indirect))
		return VIRTQ_BROKEN;
	req->wr_seg = req->first_writable;
	take(q, head);
	req->again = q->again_at < q->again_count;
	if (req->again) {
		q->again_at++; /* already stands in the inflight region */
		return VIRTQ_OK;
	}
	q->next_avail++;
	if (q->inflight != NULL) {
		q->inflight->desc[head].counter = ++q->counter;
		atomic_signal_fence(memory_order_release);
		q->inflight->desc[head].inflight = 1;
	}
	return VIRTQ_OK;
}

void virtq_unpop(struct virtq *q, const struct virtq_req *req)
{
	release(q, req->head);
	if (req->again) {
		q->again_at--;
		return;
	}
	q->next_avail--;
	if (q->inflight != NULL)
		q->inflight->desc[req->head].inflight = 0;
}

bool virtq_get(struct virtq_req *req, void *dst, size_t len)
{
	uint8_t *out = dst;

	while (len > 0) {
		const struct virtq_seg *s = &req->seg[req->rd_seg];
		uint32_t n;

		if (req->rd_seg == req->first_writable)
			return false;
		n = s->len - req->rd_off;
		n = len < n ? (uint32_t)len : n;
		if (!gmem_read(req->mem, at(s->addr, req->rd_off), out, n))
			return false;
		out += n;
		len -= n;
		req->rd_off += n;
		if (req->rd_off == s->len) {
			req->rd_seg++;
			req->rd_off = 0;
		}
	}
	return true;
}

bool virtq_put(struct virtq_req *req, const void *src, size_t len)
{
	const uint8_t *in = src;

	while (len > 0) {
		const struct virtq_seg *s = &req->seg[req->wr_seg];
		uint32_t n;

		if (req->wr_seg == req->count)
			return false;
		n = s->len - req->wr_off;
		n = len < n ? (uint32_t)len : n;
		if (!gmem_write(req->mem, at(s->addr, req->wr_off), in, n))
			return false;
		in += n;
		len -= n;
		req->wr_off += n;
		req->written += n;
		if (req->wr_off == s->len) {
			req->wr_seg++;
			req->wr_off = 0;
		}
	}
	return true;
}

static uint64_t left(const struct virtq_req *req, uint16_t seg, uint16_t end, uint32_t off)
{
	uint64_t bytes = 0;

	for (uint16_t i = seg; i < end; i++)
		bytes += req->seg[i].len;
	return bytes - off; /* off is within the first segment, or 0 */
}

uint64_t virtq_readable(const struct virtq_req *req)
{
	return left(req, req->rd_seg, req->first_writable, req->rd_off);
}

uint64_t virtq_writable(const struct virtq_req *req)
{
	return left(req, req->wr_seg, req->count, req->wr_off);
}

static int ranges(const struct virtq_req *req, uint16_t *seg, uint32_t *off, uint16_t end,
		  uint64_t len, struct iovec *iov, int max)
{
	uint16_t i = *seg;
	uint32_t from = *off;
	int count = 0;

	while (len > 0) {
		const struct virtq_seg *s = &req->seg[i];
		uint32_t n;

		if (i == end)
			return -1;
		n = s->len - from;
		n = len < n ? (uint32_t)len : n;
		if (n > 0) {
			if (count == max ||
			    !gmem_iovec(req->mem, at(s->addr, from), n, &iov[count]))
				return -1;
			count++;
		}
		len -= n;
		from += n;
		if (from == s->len) {
			i++;
			from = 0;
		}
	}
	*seg = i;
	*off = from;
	return count;
}

int virtq_read_iovec(struct virtq_req *req, uint64_t len, struct iovec *iov, int max)
{
	return ranges(req, &req->rd_seg, &req->rd_off, req->first_writable, len, iov, max);
}

int virtq_write_iovec(struct virtq_req *req, uint64_t len, struct iovec *iov, int max)
{
	return ranges(req, &req->wr_seg, &req->wr_off, req->count, len, iov, max);
}

void virtq_wrote(struct virtq_req *req, uint32_t len)
{
	req->written += len;
}

void virtq_stage(struct virtq *q, const struct virtq_req *req, uint16_t place)
{
	uint16_t slot = (uint16_t)(q->next_used + place) % q->size;
	struct used_elem e = { .id = htole32(req->head), .len = htole32(req->written) };

	BUG_ON(!gmem_write(q->mem, at(q->used, 4 + 8u * slot), &e, sizeof(e)));
	release(q, req->head);
	if (q->inflight != NULL) {
		q->inflight->desc[req->head].next = q->inflight->last_batch_head;
		q->inflight->last_batch_head = req->head;
	}
}

void virtq_publish(struct virtq *q, const uint16_t *heads, uint16_t count)
{
	q->next_used = (uint16_t)(q->next_used + count);
	/* Release: "MUST set len prior to updating the used idx", 2.7.8.1. */
	BUG_ON(!gmem_store16_release(q->mem, at(q->used, 2), q->next_used));
	if (q->inflight == NULL)
		return;
	for (uint16_t i = 0; i < count; i++)
		q->inflight->desc[heads[i]].inflight = 0;
	atomic_signal_fence(memory_order_release);
	q->inflight->used_idx = q->next_used;
}

void virtq_push(struct virtq *q, const struct virtq_req *req)
{
	virtq_stage(q, req, 0);
	virtq_publish(q, &req->head, 1);
}

bool virtq_wants_call(struct virtq *q)
{
	uint16_t was = q->called_at, event, flags;

	if (was == q->next_used)
		return false;
	q->called_at = q->next_used;
	/* Our used idx must be out before we look whether the driver sleeps, 2.7.7.2, 2.7.10. */
	atomic_thread_fence(memory_order_seq_cst);
	if (q->event_idx)
		return !gmem_load16_acquire(q->mem, at(q->avail, 4 + 2u * q->size), &event) ||
		       (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - was);
	return !gmem_load16_acquire(q->mem, q->avail, &flags) ||
	       (flags & AVAIL_F_NO_INTERRUPT) == 0;
}

void virtq_disarm(struct virtq *q)
{
	/* With EVENT_IDX flags MUST be 0 (2.7.10.2): an avail_event left behind does it. */
	if (!q->event_idx)
		BUG_ON(!gmem_store16_release(q->mem, q->used, USED_F_NO_NOTIFY));
}

bool virtq_rearm(struct virtq *q)
{
	uint16_t avail_idx;

	if (q->event_idx)
		BUG_ON(!gmem_store16_release(q->mem, at(q->used, 4 + 8u * q->size),
					     q->next_avail));
	else
		BUG_ON(!gmem_store16_release(q->mem, q->used, 0));
	/* The wish must be out before we look, or a buffer that comes now is not told. */
	atomic_thread_fence(memory_order_seq_cst);
	return q->again_at < q->again_count ||
	       (gmem_load16_acquire(q->mem, at(q->avail, 2), &avail_idx) &&
		avail_idx != q->next_avail);
}
