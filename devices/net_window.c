/* SPDX-License-Identifier: ISC */
#include "net_window.h"

#include "bug.h"
#include "net_header.h"

#include <endian.h>

/* Invariant: count buffers from first on, around the end; room and segs are theirs in sum. */
static struct {
	struct virtq_req req[NET_WINDOW_MAX];
	unsigned first, count, segs;
	uint64_t room; /* bytes */
} window;

static struct virtq_req *buffer(unsigned i)
{
	return &window.req[(window.first + i) % NET_WINDOW_MAX];
}

static unsigned segs(const struct virtq_req *req)
{
	return (unsigned)req->count - req->first_writable;
}

/* Nothing has been written. */
static void rewind_buffer(struct virtq_req *req)
{
	req->wr_seg = req->first_writable;
	req->wr_off = req->written = 0;
}

static void forget(struct virtq_req *req)
{
	rewind_buffer(req);
	window.room -= virtq_writable(req);
	window.segs -= segs(req);
	window.count--;
}

/* A driver that has most of its buffers back is about to add them again. */
static enum net_supply none_left(const struct device_queue *q)
{
	return window.count > 0 && window.count >= q->vq.size / 2u ? NET_FULL : NET_EMPTY;
}

enum net_supply net_window_fill(struct device_queue *q, uint64_t want)
{
	/* Without MRG_RXBUF a frame has one buffer, 5.1.6.4. */
	unsigned max = device_has(q->device, VIRTIO_NET_F_MRG_RXBUF) ? NET_WINDOW_MAX : 1;

	while (window.room < want) {
		struct virtq_req *req = buffer(window.count);
		enum virtq_status st;

		if (window.count == max)
			return NET_FULL;
		st = virtq_pop(&q->vq, req);
		if (st == VIRTQ_EMPTY && virtq_rearm(&q->vq))
			st = virtq_pop(&q->vq, req);
		if (st == VIRTQ_EMPTY)
			return none_left(q);
		/* Each buffer has at least room for the header, 5.1.6.3.1. */
		if (st == VIRTQ_BROKEN || virtq_writable(req) < NET_HEADER) {
			device_break(q->device, q->index, "a receive buffer makes no sense");
			return NET_BROKEN;
		}
		if (segs(req) > NET_WINDOW_RANGES - window.segs) {
			virtq_unpop(&q->vq, req);
			return NET_FULL;
		}
		window.segs += segs(req);
		window.room += virtq_writable(req);
		window.count++;
	}
	return NET_ENOUGH;
}

uint64_t net_window_room(void)
{
	return window.room;
}

int net_window_ranges(struct iovec *iov, uint32_t *len)
{
	uint64_t room = window.room - NET_HEADER;
	uint64_t left = *len < room ? *len : room;
	int count = 0;

	BUG_ON(window.room < NET_HEADER);
	*len = (uint32_t)left;
	for (unsigned i = 0; left > 0; i++) {
		struct virtq_req *req = buffer(i);
		uint64_t n;
		int more;

		rewind_buffer(req);
		/* Past the header's place: these ranges are overwritten at once. */
		more = i > 0 ? 0 : virtq_write_iovec(req, NET_HEADER, iov, NET_WINDOW_RANGES);
		BUG_ON(more < 0);
		n = virtq_writable(req) < left ? virtq_writable(req) : left;
		more = virtq_write_iovec(req, n, iov + count, NET_WINDOW_RANGES - count);
		BUG_ON(more < 0);
		count += more;
		left -= n;
	}
	return count;
}

/* How many buffers a frame of so many bytes takes, header and all. */
static uint16_t buffers_for(uint64_t size)
{
	uint16_t count = 0;

	BUG_ON(size > window.room);
	for (; size > 0; count++) {
		uint64_t room;

		rewind_buffer(buffer(count));
		room = virtq_writable(buffer(count));
		size -= size < room ? size : room;
	}
	return count;
}

void net_window_deliver(struct device_queue *q, struct virtio_net_hdr_v1 *h,
			const uint8_t *data, uint32_t len)
{
	uint16_t heads[NET_WINDOW_MAX];
	uint16_t count = buffers_for(NET_HEADER + (uint64_t)len);

	h->num_buffers = htole16(count);
	for (uint16_t i = 0; i < count; i++) {
		struct virtq_req *req = buffer(i);
		bool fits = i > 0 || virtq_put(req, h, NET_HEADER);
		uint32_t n = virtq_writable(req) < len ? (uint32_t)virtq_writable(req) : len;

		if (data == NULL)
			virtq_wrote(req, n);
		else
			fits = fits && virtq_put(req, data, n);
		BUG_ON(!fits);
		data = data == NULL ? NULL : data + n;
		len -= n;
		virtq_stage(&q->vq, req, i);
		heads[i] = req->head;
	}
	/* "all buffers used by a single packet at once", 5.1.6.4. */
	virtq_publish(&q->vq, heads, count);
	for (uint16_t i = 0; i < count; i++) {
		forget(buffer(0));
		window.first = (window.first + 1) % NET_WINDOW_MAX;
	}
}

void net_window_close(struct device_queue *q)
{
	while (window.count > 0) {
		struct virtq_req *last = buffer(window.count - 1);

		forget(last);
		virtq_unpop(&q->vq, last);
	}
}
