/* SPDX-License-Identifier: ISC */
/*
 * Network device (virtio 1.2, 5.1): frames between the driver's buffers and either a tap, whose
 * own header is virtio's, by readv() and writev() on guest memory; or passt's stream socket, where
 * a frame follows its length in 4 bytes, big-endian.
 *
 * Between two events no request is popped, so that a queue can stop at any time. What a queue
 * waits for is one of: its driver (a kick), its back end (the loop), its rate (a timer).
 */
#include "bucket.h"
#include "bug.h"
#include "device.h"
#include "net_header.h"
#include "net_policy.h"
#include "net_window.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX	 DEVICE_BACKENDS_MAX
#define TAP_FRAME_MAX	 65562u
#define STREAM_FRAME_MAX (65535u + ETH_HLEN)
#define STREAM_PREFIX	 4u
#define BUFFER_MIN	 1526u /* what a driver offers at least, header and all (5.1.6.3.1) */
#define TURN_MAX	 64    /* frames of one queue before others have their turn */
#define SOON_NS		 1
#define PATIENCE_NS	 10000000 /* how long a large frame waits for more receive buffers */
#define BIT(feature)	 (1ull << (feature))

_Static_assert(2 * PAIRS_MAX + 1 <= DEVICE_QUEUES_MAX, "a control queue behind the pairs");

/* virtio 1.2, 5.1.4, as far as it is ours. */
struct config {
	uint8_t mac[ETH_ALEN];
	uint16_t status, max_virtqueue_pairs, mtu;
};

/* A tap's queue, or the stream. It feeds receive queue index modulo net.active. */
struct pair {
	struct device *device;
	unsigned index;
	int fd;
	struct loop_source source;
	uint32_t events; /* that source is watched for */
};

/* One direction of all pairs. A frame is paid for before the next one goes. */
struct flow {
	struct bucket bucket;
	struct loop_source timer;
	uint64_t owed;	/* bytes of the last frame; 0: nothing */
	unsigned first; /* the pair whose turn comes first when the timer runs out */
};

static struct {
	struct pair pair[PAIRS_MAX];
	unsigned pairs;
	unsigned active;  /* pairs that the driver uses; receive queues beyond get nothing */
	bool starved;	  /* a large frame may wait for receive buffers; rx.timer runs */
	bool stream;	  /* the back end is passt's */
	bool can_offload; /* the tap takes TUNSETOFFLOAD */
	bool up;	  /* false once the back end has gone; for good */
	struct flow rx, tx;
	struct log_limit bad_frame, bad_control, too_large, bad_offload;
} net;

/* From passt: bytes between from and to are not delivered yet. To passt: not sent yet. */
static struct {
	uint8_t data[128u << 10];
	size_t from, to;
} in;

static struct {
	uint8_t data[STREAM_PREFIX + STREAM_FRAME_MAX]; /* what is left of one frame */
	size_t from, to;
} out;

_Static_assert(sizeof(in.data) >= STREAM_PREFIX + STREAM_FRAME_MAX, "one whole frame");

static struct iovec ranges[NET_WINDOW_RANGES + 2];

static void watch(struct pair *p, uint32_t event, bool on)
{
	uint32_t events = on ? p->events | event : p->events & ~event;

	if (!net.up || events == p->events)
		return;
	p->events = events;
	loop_change(&p->source, events);
}

/* The tap was removed, passt has ended or talks nonsense: the driver sees a pulled cable. */
static void link_down(struct device *d, const char *why)
{
	if (!net.up)
		return;
	log_warn("the link is down: %s", why);
	net.up = false;
	for (unsigned i = 0; i < net.pairs; i++)
		loop_remove(&net.pair[i].source);
	memset(&d->config[offsetof(struct config, status)], 0, 2);
	device_config_changed(d);
}

/* False: the last frame cannot be paid for yet; the timer is set. */
static bool settle(struct flow *f)
{
	struct timespec t;
	uint64_t wait;

	if (f->owed == 0 || (f->bucket.rate.bytes | f->bucket.rate.operations) == 0)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &t);
	wait = bucket_take(&f->bucket, f->owed,
			   (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
	if (wait > 0) {
		loop_timer_set(&f->timer, wait);
		return false;
	}
	f->owed = 0;
	return true;
}

/* Receiving. */

static void drop_too_large(void)
{
	log_guest(&net.too_large, "a frame has no room in the receive buffers and is dropped");
}

/*
 * Reads one frame: its header to *h, the rest into the window. Returns what readv() does; *room
 * becomes what there was room for, so that a frame that had to be cut is longer.
 */
static ssize_t tap_read(int fd, struct virtio_net_hdr_v1 *h, uint32_t *room)
{
	static uint8_t too_much;
	int count;

	*room = TAP_FRAME_MAX;
	count = net_window_ranges(&ranges[1], room);
	*room += NET_HEADER;
	ranges[0] = (struct iovec){ .iov_base = h, .iov_len = NET_HEADER };
	ranges[count + 1] = (struct iovec){ .iov_base = &too_much, .iov_len = 1 };
	return readv(fd, ranges, count + 2);
}

/* Whether to wait for more buffers once more. */
static bool wait_for_buffers(bool patient)
{
	if (patient) {
		net.starved = true;
		loop_timer_set(&net.rx.timer, PATIENCE_NS);
	}
	return patient;
}

/* Whether to read now; a large frame may turn out not to fit. */
static bool tap_supplied(struct device_queue *q, bool patient)
{
	bool large = device_has(q->device, VIRTIO_NET_F_GUEST_TSO4) ||
		     device_has(q->device, VIRTIO_NET_F_GUEST_TSO6);

	switch (net_window_fill(q, NET_HEADER + TAP_FRAME_MAX)) {
	case NET_ENOUGH:
	case NET_FULL:
		return net_window_room() > 0;
	case NET_EMPTY:
		break;
	case NET_BROKEN:
		return false;
	}
	return net_window_room() >= BUFFER_MIN && (!large || !wait_for_buffers(patient));
}

/* A turn of receiving. Returns whether the back end is now to be waited for. */
static bool tap_receive(struct pair *p, struct device_queue *q, bool patient)
{
	for (unsigned frames = 0; frames < TURN_MAX; frames++) {
		struct virtio_net_hdr_v1 h;
		uint32_t room, len;
		ssize_t n;

		if (!settle(&net.rx) || !tap_supplied(q, patient))
			return false;
		n = tap_read(p->fd, &h, &room);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0 && errno != EFAULT) {
			link_down(p->device, "the tap has gone");
			return false;
		}
		if (n < (ssize_t)(NET_HEADER + ETH_HLEN))
			continue;
		len = (uint32_t)n - NET_HEADER;
		net.rx.owed = len;
		if ((uint32_t)n > room)
			drop_too_large();
		else if (net_header_agree(p->device, NET_TO_DRIVER, &h, len))
			net_window_deliver(q, &h, NULL, len);
	}
	return true;
}

/* Reads what fits. False: there is nothing, now or ever. */
static bool stream_fill(struct pair *p)
{
	ssize_t n;

	memmove(in.data, in.data + in.from, in.to - in.from);
	in.to -= in.from;
	in.from = 0;
	n = recv(p->fd, in.data + in.to, sizeof(in.data) - in.to, MSG_DONTWAIT);
	if (n > 0)
		in.to += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		link_down(p->device, "passt has closed its socket");
	return n > 0;
}

/* Takes the length of the next frame. False: not all of it is there; or the link is down. */
static bool stream_next(struct pair *p, uint32_t *len)
{
	uint32_t prefix;

	if (in.to - in.from < STREAM_PREFIX)
		return false;
	memcpy(&prefix, in.data + in.from, sizeof(prefix));
	*len = be32toh(prefix);
	if (*len == 0 || *len > STREAM_FRAME_MAX) {
		link_down(p->device, "passt sends a frame of impossible length");
		return false;
	}
	return in.to - in.from - STREAM_PREFIX >= *len;
}

/* True if a frame of so many bytes is to be delivered or dropped now, as the window has room. */
static bool stream_supplied(struct device_queue *q, uint32_t len, bool patient)
{
	switch (net_window_fill(q, NET_HEADER + (uint64_t)len)) {
	case NET_ENOUGH:
	case NET_FULL:
		return true;
	case NET_EMPTY:
		break;
	case NET_BROKEN:
		return false;
	}
	return net_window_room() > 0 && !wait_for_buffers(patient);
}

static bool stream_receive(struct pair *p, struct device_queue *q, bool patient)
{
	uint32_t len;

	for (unsigned frames = 0; frames < TURN_MAX; frames++) {
		struct virtio_net_hdr_v1 h = { .num_buffers = 0 };

		if (!stream_next(p, &len)) {
			if (!net.up || !stream_fill(p))
				return true;
			continue;
		}
		if (!settle(&net.rx) || !stream_supplied(q, len, patient))
			return false;
		net.rx.owed = len;
		if (len >= ETH_HLEN && NET_HEADER + (uint64_t)len <= net_window_room())
			net_window_deliver(q, &h, in.data + in.from + STREAM_PREFIX, len);
		else if (len >= ETH_HLEN)
			drop_too_large();
		in.from += STREAM_PREFIX + len;
	}
	/* There may be whole frames left of which the socket knows nothing any more. */
	loop_timer_set(&net.rx.timer, SOON_NS);
	return false;
}

/* Not patient: takes the receive buffers that there are, even if a large frame would not fit. */
static void receive(struct pair *p, bool patient)
{
	struct device_queue *q = &p->device->queue[2 * (p->index % net.active)];
	bool wait = false;

	if (!net.up)
		return;
	if (q->running) {
		virtq_disarm(&q->vq);
		wait = net.stream ? stream_receive(p, q, patient) : tap_receive(p, q, patient);
		net_window_close(q);
		device_call(p->device, q->index);
	}
	watch(p, EPOLLIN, wait);
}

/* Sending. */

enum sent {
	SENT,	 /* or dropped */
	BLOCKED, /* the back end has no room */
};

static enum sent tap_send(struct pair *p, struct virtio_net_hdr_v1 *h, struct virtq_req *req,
			  uint32_t len)
{
	int n = virtq_read_iovec(req, len, &ranges[1], VIRTQ_SEGS_MAX);

	BUG_ON(n < 0);
	ranges[0] = (struct iovec){ .iov_base = h, .iov_len = NET_HEADER };
	if (writev(p->fd, ranges, n + 1) >= 0)
		return SENT;
	if (errno == EAGAIN || errno == EINTR)
		return BLOCKED;
	if (errno == EBADFD || errno == EPIPE)
		link_down(p->device, "the tap has gone");
	return SENT; /* the host finds fault with it, or the interface is not up */
}

/* Sends ranges to passt. Returns how many bytes it took; 0 if it has no room, or has gone. */
static size_t stream_write(struct pair *p, int count)
{
	struct msghdr m = { .msg_iov = ranges, .msg_iovlen = (size_t)count };
	ssize_t n = sendmsg(p->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
		link_down(p->device, "passt has closed its socket");
	return n < 0 ? 0 : (size_t)n;
}

/* True if no part of an earlier frame is left to be sent. */
static bool stream_drained(struct pair *p)
{
	if (out.from < out.to) {
		ranges[0] = (struct iovec){ .iov_base = out.data + out.from,
					    .iov_len = out.to - out.from };
		out.from += stream_write(p, 1);
	}
	return !net.up || out.from == out.to;
}

/*
 * A frame of which passt took a part is kept to its end, outside guest memory: the queue may stop
 * before there is room again, and the stream may not lose its step.
 */
static enum sent stream_send(struct pair *p, struct virtq_req *req, uint32_t len)
{
	uint32_t prefix = htobe32(len);
	uint16_t seg = req->rd_seg;
	uint32_t off = req->rd_off;
	int n = virtq_read_iovec(req, len, &ranges[1], VIRTQ_SEGS_MAX);
	size_t sent;
	bool whole;

	BUG_ON(n < 0);
	ranges[0] = (struct iovec){ .iov_base = &prefix, .iov_len = sizeof(prefix) };
	sent = stream_write(p, n + 1);
	if (!net.up || sent == sizeof(prefix) + len)
		return SENT;
	if (sent == 0)
		return BLOCKED;
	req->rd_seg = seg;
	req->rd_off = off;
	memcpy(out.data, &prefix, sizeof(prefix));
	whole = virtq_get(req, out.data + sizeof(prefix), len);
	BUG_ON(!whole);
	out.from = sent;
	out.to = sizeof(prefix) + len;
	return SENT;
}

static enum sent send_frame(struct pair *p, struct virtq_req *req)
{
	uint64_t size = virtq_readable(req);
	uint32_t max = net.stream ? STREAM_FRAME_MAX : TAP_FRAME_MAX, len;
	struct virtio_net_hdr_v1 h;
	enum sent sent;

	if (size < NET_HEADER + ETH_HLEN || size - NET_HEADER > max ||
	    !virtq_get(req, &h, NET_HEADER) ||
	    !net_header_agree(p->device, NET_FROM_DRIVER, &h, (uint32_t)size - NET_HEADER)) {
		log_guest(&net.bad_frame, "a malformed frame is dropped");
		return SENT;
	}
	if (!net.up)
		return SENT;
	len = (uint32_t)size - NET_HEADER;
	sent = net.stream ? stream_send(p, req, len) : tap_send(p, &h, req, len);
	if (sent == SENT)
		net.tx.owed = len;
	return sent;
}

/* A turn of sending. Returns whether the back end is now to be waited for. */
static bool transmit_turn(struct pair *p, struct device_queue *q)
{
	static struct virtq_req req;

	for (unsigned frames = 0; frames < TURN_MAX; frames++) {
		if (net.stream && !stream_drained(p))
			return true;
		if (!settle(&net.tx))
			return false;
		switch (virtq_pop(&q->vq, &req)) {
		case VIRTQ_OK:
			break;
		case VIRTQ_EMPTY:
			if (virtq_rearm(&q->vq))
				continue;
			return false;
		case VIRTQ_BROKEN:
			device_break(p->device, q->index, "a frame to be sent makes no sense");
			return false;
		}
		if (send_frame(p, &req) == BLOCKED) {
			virtq_unpop(&q->vq, &req);
			return true;
		}
		virtq_push(&q->vq, &req);
	}
	loop_timer_set(&net.tx.timer, SOON_NS);
	return false;
}

static void transmit(struct pair *p)
{
	struct device_queue *q = &p->device->queue[2 * p->index + 1];
	bool blocked = net.stream && !stream_drained(p);

	if (!blocked && q->running) {
		virtq_disarm(&q->vq);
		blocked = transmit_turn(p, q);
		device_call(p->device, q->index);
	}
	watch(p, EPOLLOUT, blocked);
}

/* The control queue (5.1.6.5). */

static uint8_t control_ack(struct device *d, struct virtq_req *req)
{
	struct virtio_net_ctrl_hdr h;
	uint16_t pairs;

	if (virtq_readable(req) != sizeof(h) + sizeof(pairs) ||
	    !virtq_get(req, &h, sizeof(h)) || !virtq_get(req, &pairs, sizeof(pairs)) ||
	    h.class != VIRTIO_NET_CTRL_MQ || h.cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET ||
	    !device_has(d, VIRTIO_NET_F_MQ) ||
	    le16toh(pairs) < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || le16toh(pairs) > net.pairs)
		return VIRTIO_NET_ERR;
	net.active = le16toh(pairs);
	return VIRTIO_NET_OK;
}

static void control(struct device *d, struct device_queue *q)
{
	static struct virtq_req req;
	unsigned requests = 0;

	for (; requests < TURN_MAX; requests++) {
		enum virtq_status st = virtq_pop(&q->vq, &req);
		uint8_t ack;

		if (st == VIRTQ_BROKEN) {
			device_break(d, q->index, "a control request makes no sense");
			return;
		}
		if (st == VIRTQ_EMPTY && !virtq_rearm(&q->vq))
			break;
		if (st == VIRTQ_EMPTY)
			continue;
		ack = control_ack(d, &req);
		if (!virtq_put(&req, &ack, sizeof(ack)) || ack != VIRTIO_NET_OK)
			log_guest(&net.bad_control, "a control request is refused");
		virtq_push(&q->vq, &req);
	}
	if (requests == TURN_MAX)
		loop_timer_set(&net.tx.timer, SOON_NS);
	device_call(d, q->index);
	/* A pair that feeds another queue now may find buffers there. */
	for (unsigned i = 0; i < net.pairs; i++)
		receive(&net.pair[i], true);
}

/* The control queue comes behind the pairs that the driver knows of (5.1.2). */
static unsigned control_queue(const struct device *d)
{
	return device_has(d, VIRTIO_NET_F_MQ) ? 2 * net.pairs : 2;
}

static void net_kick(struct device *d, unsigned i)
{
	if (i == control_queue(d) && device_has(d, VIRTIO_NET_F_CTRL_VQ)) {
		control(d, &d->queue[i]);
	} else if (i >= control_queue(d)) {
		return;
	} else if (i % 2 != 0) {
		transmit(&net.pair[i / 2]);
	} else if (i / 2 < net.active) {
		for (unsigned p = i / 2; p < net.pairs; p += net.active)
			receive(&net.pair[p], true);
	}
}

static void backend_ready(void *arg, uint32_t events)
{
	struct pair *p = arg;

	if ((events & EPOLLOUT) != 0)
		transmit(p);
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		receive(p, true);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		link_down(p->device, "the back end has gone");
}

static void receive_again(void *arg, uint32_t events)
{
	bool patient = !net.starved;

	(void)arg;
	(void)events;
	net.starved = false;
	net.rx.first++;
	for (unsigned i = 0; i < net.pairs; i++)
		receive(&net.pair[(net.rx.first + i) % net.pairs], patient);
}

static void transmit_again(void *arg, uint32_t events)
{
	struct device *d = arg;

	(void)events;
	net.tx.first++;
	for (unsigned i = 0; i < net.pairs; i++)
		transmit(&net.pair[(net.tx.first + i) % net.pairs]);
	if (device_has(d, VIRTIO_NET_F_CTRL_VQ) && d->queue[control_queue(d)].running)
		control(d, &d->queue[control_queue(d)]);
}

static void net_start(struct device *d, unsigned i)
{
	unsigned offload = 0;

	if (i != 0 || !net.can_offload || !net.up)
		return;
	if (device_has(d, VIRTIO_NET_F_GUEST_CSUM)) {
		offload = TUN_F_CSUM;
		if (device_has(d, VIRTIO_NET_F_GUEST_TSO4))
			offload |= TUN_F_TSO4;
		if (device_has(d, VIRTIO_NET_F_GUEST_TSO6))
			offload |= TUN_F_TSO6;
		if (device_has(d, VIRTIO_NET_F_GUEST_ECN) && offload != TUN_F_CSUM)
			offload |= TUN_F_TSO_ECN;
	}
	if (ioctl(net.pair[0].fd, TUNSETOFFLOAD, offload) < 0)
		log_guest(&net.bad_offload, "the tap refuses offloads: %s",
			  strerrordesc_np(errno));
}

static void net_reset(struct device *d)
{
	(void)d;
	net.active = 1;
}

static bool flow_init(struct flow *f, const struct device_rate *rate,
		      void (*again)(void *arg, uint32_t events), struct device *d)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	bucket_init(&f->bucket, rate, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
	return loop_timer_init(&f->timer, again, d) && loop_add(&f->timer, EPOLLIN);
}

/* A tap with a header of another size would shift every frame. False: refused. */
static bool open_tap(int fd, struct device *d)
{
	int size;

	if (ioctl(fd, TUNGETVNETHDRSZ, &size) == 0 && size != NET_HEADER)
		return false;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return false;
	d->features |= BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) |
		       BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN);
	net.can_offload = ioctl(fd, TUNSETOFFLOAD,
				TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0;
	if (net.can_offload && ioctl(fd, TUNSETOFFLOAD, 0) == 0)
		d->features |= BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
			       BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN);
	return true;
}

static enum status net_open(struct device *d, const struct device_config *c)
{
	struct config config = { .status = htole16(VIRTIO_NET_S_LINK_UP),
				 .max_virtqueue_pairs = htole16((uint16_t)c->queues),
				 .mtu = htole16(c->u.net.mtu) };
	bool stream = (c->flags & DEVICE_STREAM) != 0;

	memset(&net, 0, sizeof(net));
	in.from = in.to = out.from = out.to = 0;
	if (c->queues == 0 || c->queues > (stream ? 1u : PAIRS_MAX) ||
	    c->backend_count != c->queues || (c->u.net.mac[0] & 1) != 0 ||
	    (c->u.net.mtu != 0 && c->u.net.mtu < ETH_MIN_MTU)) {
		log_error("what the launcher says makes no sense");
		return STATUS_NOT_STARTED;
	}
	net.pairs = c->queues;
	net.active = 1;
	net.stream = stream;
	net.up = true;
	d->features =
		BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF);
	d->queue_count = 2 * net.pairs;
	if (c->u.net.mtu != 0)
		d->features |= BIT(VIRTIO_NET_F_MTU);
	if (net.pairs > 1) {
		d->features |= BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ);
		d->queue_count++;
	}
	memcpy(config.mac, c->u.net.mac, sizeof(config.mac));
	memcpy(d->config, &config, sizeof(config));
	d->config_size = sizeof(config);
	if (!flow_init(&net.rx, &c->rate, receive_again, d) ||
	    !flow_init(&net.tx, &c->rate, transmit_again, d)) {
		log_error("no timer: %s", strerrordesc_np(errno));
		return STATUS_FAILED;
	}
	for (unsigned i = 0; i < net.pairs; i++) {
		struct pair *p = &net.pair[i];

		p->device = d;
		p->index = i;
		p->fd = DEVICE_FD_BACKEND + (int)i;
		p->source =
			(struct loop_source){ .fd = p->fd, .ready = backend_ready, .arg = p };
		if ((!stream && !open_tap(p->fd, d)) || !loop_add(&p->source, 0)) {
			log_error("descriptor %d is no back end", p->fd);
			return STATUS_NOT_STARTED;
		}
	}
	return STATUS_OK;
}

const struct device_ops device_ops = {
	.name = "net",
	.open = net_open,
	.start = net_start,
	.kick = net_kick,
	.reset = net_reset,
	.filter = net_filter,
	.filter_count = net_filter_count,
	.file_size = 0,
	.open_files = 2, /* timers */
};
