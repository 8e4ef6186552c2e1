/* SPDX-License-Identifier: ISC */
/*
 * virtio-vsock (virtio 1.2, 5.10), streams only. Into the guest: a client of the listening socket
 * writes "CONNECT <port>\n" and hears "OK <its own port>\n" once the guest has accepted. Out of
 * the guest: port P of CID 2 is whatever socket the launcher connects for us, as we can open none.
 *
 * A fixed table of connections, a fixed buffer each for what the host's end does not take at once:
 * that buffer is the credit the guest has. What a guest has to be told is a bit of its connection,
 * so that nothing it does makes a queue grow.
 */
#include "device.h"
#include "vsock_policy.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define BUFFER		32768u /* bytes from the guest, per connection */
#define STRAYS_MAX	16     /* resets owed to connections that do not exist */
#define LINE_MAX_BYTES	32
#define FIRST_HOST_PORT (1u << 30)
#define HOST_CID	2u
#define PATIENCE	3 /* seconds for a client's line, and for the guest's answer */
#define SECOND_NS	1000000000ull
#define TURN_PACKETS	64

enum { RX, TX, EVENT, QUEUE_COUNT }; /* 5.10.2 */

enum { /* 5.10.6 */
       OP_REQUEST = 1,
       OP_RESPONSE = 2,
       OP_RST = 3,
       OP_SHUTDOWN = 4,
       OP_RW = 5,
       OP_CREDIT_UPDATE = 6,
       OP_CREDIT_REQUEST = 7,
};
enum { TYPE_STREAM = 1, NO_RECEIVE = 1, NO_SEND = 2 };

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};
#define HEADER_SIZE 44u /* 5.10.6, without our padding */
_Static_assert(offsetof(struct packet, fwd_cnt) + 4 == HEADER_SIZE, "5.10.6");

enum state {
	FREE,
	GREETING,  /* a client is to say which port it wants */
	REQUESTED, /* the guest is to answer */
	ASKED,	   /* the launcher is to answer */
	OPEN,
	ENDED, /* only a reset is still owed */
};

struct connection {
	enum state state;
	uint32_t guest_port, host_port;
	uint32_t generation;	   /* an answer to an earlier use of this place is not ours */
	int fd;			   /* the host's end, or -1 */
	struct loop_source source; /* which is watched, until it has hung up */
	uint8_t owed;		   /* a bit for each op that the guest is yet to be told */
	unsigned patience;

	/* 5.10.6.3: credit. All counts wrap. */
	uint32_t peer_alloc, peer_forwarded; /* as the guest says */
	uint32_t sent;			     /* bytes to the guest */
	uint32_t forwarded, told_forwarded;  /* bytes that the host's end has taken */

	bool host_ended; /* no more bytes come from the host's end */
	bool guest_sends_no_more, guest_reads_no_more; /* what the guest has said */
	uint32_t start, filled;			       /* of buffer; until open: of the line */
	uint8_t *buffer; /* BUFFER bytes; last, as new_connection() leaves it alone */
};

static struct vsock {
	struct device *device;
	uint64_t cid;
	uint32_t next_port;
	struct loop_source listening, clock;
	bool ticking;
	struct connection connection[CONNECTIONS_MAX];
	struct {
		uint32_t guest_port, host_port;
	} stray[STRAYS_MAX];
	unsigned stray_count, next; /* next: who may send first */
	struct virtq_req req;
	struct log_limit odd;
} vsock;

/* By themselves, so that what nobody uses is never touched. */
static uint8_t buffers[CONNECTIONS_MAX][BUFFER];

static void deliver(void);

/* ---- one connection ---- */

/* 5.10.6.3; a guest that claims to have forwarded more than was sent has no credit. */
static uint32_t credit(const struct connection *c)
{
	uint32_t in_flight = c->sent - c->peer_forwarded;

	return in_flight > c->peer_alloc ? 0 : c->peer_alloc - in_flight;
}

static void watch(struct connection *c)
{
	uint32_t events = 0;

	if (c->source.fd < 0)
		return;
	if (c->state == GREETING ||
	    (c->state == OPEN && !c->host_ended && !c->guest_reads_no_more && credit(c) > 0))
		events |= EPOLLIN;
	if (c->state == OPEN && c->filled > 0)
		events |= EPOLLOUT;
	loop_change(&c->source, events);
}

static void close_host_end(struct connection *c)
{
	if (c->source.fd >= 0)
		loop_remove(&c->source);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void drop(struct connection *c)
{
	close_host_end(c);
	c->state = FREE;
	c->owed = 0;
}

/* The guest gets a reset; then the place is free. */
static void end(struct connection *c)
{
	close_host_end(c);
	c->state = ENDED;
	c->owed = 1u << OP_RST;
}

static void tick_on(void)
{
	if (!vsock.ticking)
		loop_timer_set(&vsock.clock, SECOND_NS);
	vsock.ticking = true;
}

static struct connection *new_connection(enum state state)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock.connection[i];
		uint32_t generation = c->generation + 1;

		if (c->state != FREE)
			continue;
		memset(c, 0, offsetof(struct connection, buffer));
		c->state = state;
		c->generation = generation;
		c->fd = c->source.fd = -1;
		c->patience = PATIENCE;
		tick_on();
		return c;
	}
	return NULL;
}

static struct connection *find(uint32_t guest_port, uint32_t host_port)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock.connection[i];

		if (c->state > GREETING && c->guest_port == guest_port &&
		    c->host_port == host_port)
			return c;
	}
	return NULL;
}

/* Once all that the guest has sent is with the host's end, what it said about its own takes effect. */
static void settle(struct connection *c)
{
	if (c->state != OPEN)
		return;
	if (c->filled == 0 && c->guest_sends_no_more) {
		if (c->guest_reads_no_more || c->host_ended) {
			end(c);
			return;
		}
		(void)shutdown(c->fd, SHUT_WR);
	}
	if (c->forwarded - c->told_forwarded >= BUFFER / 2)
		c->owed |= 1u << OP_CREDIT_UPDATE;
	watch(c);
}

/* Bytes that waited for the host's end. */
static void drain(struct connection *c)
{
	struct iovec v = { c->buffer + c->start, c->filled };
	ssize_t n = writev(c->fd, &v, 1);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end(c);
		return;
	}
	c->start += (uint32_t)n;
	c->filled -= (uint32_t)n;
	c->forwarded += (uint32_t)n;
	settle(c);
}

/* A client's line, so far. */
static void greet(struct connection *c)
{
	struct iovec v = { c->buffer + c->filled, LINE_MAX_BYTES - c->filled };
	ssize_t n = readv(c->fd, &v, 1);
	char *text = (char *)c->buffer, *stop;
	unsigned long port;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			drop(c);
		return;
	}
	c->filled += (uint32_t)n;
	if (text[c->filled - 1] != '\n') {
		/* Nothing may follow the line: who does not wait for the answer is not ours. */
		if (c->filled == LINE_MAX_BYTES || memchr(text, '\n', c->filled) != NULL)
			drop(c);
		return;
	}
	text[c->filled - 1] = '\0';
	if (strlen(text) != c->filled - 1 || strncmp(text, "CONNECT ", 8) != 0 ||
	    text[8] < '0' || text[8] > '9') {
		drop(c);
		return;
	}
	port = strtoul(text + 8, &stop, 10);
	if (*stop != '\0' || port >= UINT32_MAX) {
		drop(c);
		return;
	}
	c->filled = 0;
	c->guest_port = (uint32_t)port;
	do
		c->host_port = vsock.next_port++ | FIRST_HOST_PORT;
	while (find(c->guest_port, c->host_port) != NULL);
	c->state = REQUESTED;
	c->owed = 1u << OP_REQUEST;
	c->patience = PATIENCE;
	watch(c);
}

static void host_ready(void *arg, uint32_t events)
{
	struct connection *c = arg;

	if (c->state == GREETING && (events & EPOLLIN) != 0)
		greet(c);
	if (c->state == OPEN && (events & EPOLLOUT) != 0)
		drain(c);
	/* Nobody is there any more; what was sent before is still read, at the guest's pace. */
	if (c->source.fd >= 0 && (events & (EPOLLHUP | EPOLLERR)) != 0) {
		if (c->state == OPEN && !c->host_ended && !c->guest_reads_no_more)
			loop_remove(&c->source);
		else if (c->state == GREETING)
			drop(c);
		else
			end(c);
	}
	deliver();
}

static bool give_host_end(struct connection *c, int fd)
{
	c->source = (struct loop_source){ .fd = fd, .ready = host_ready, .arg = c };
	if (loop_add(&c->source, c->state == GREETING ? EPOLLIN : 0)) {
		c->fd = fd;
		return true;
	}
	c->source.fd = -1;
	close(fd);
	return false;
}

static void client_waits(void *arg, uint32_t events)
{
	int fd = accept4(vsock.listening.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	(void)arg;
	(void)events;
	if (fd < 0)
		return;
	c = new_connection(GREETING);
	if (c == NULL)
		close(fd);
	else if (!give_host_end(c, fd))
		drop(c);
}

/* Once a second while somebody is waited for. */
static void tick(void *arg, uint32_t events)
{
	bool waiting = false;

	(void)arg;
	(void)events;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock.connection[i];

		if (c->state != GREETING && c->state != REQUESTED && c->state != ASKED)
			continue;
		if (c->patience-- == 0) {
			if (c->state == GREETING)
				drop(c);
			else
				end(c);
		} else {
			waiting = true;
		}
	}
	vsock.ticking = false;
	if (waiting)
		tick_on();
	deliver();
}

/* ---- to the guest ---- */

static struct packet packet_for(uint32_t guest_port, uint32_t host_port, uint16_t op)
{
	return (struct packet){
		.src_cid = htole64(HOST_CID),
		.dst_cid = htole64(vsock.cid),
		.src_port = htole32(host_port),
		.dst_port = htole32(guest_port),
		.type = htole16(TYPE_STREAM),
		.op = htole16(op),
	};
}

static struct packet packet_of(struct connection *c, uint16_t op)
{
	struct packet p = packet_for(c->guest_port, c->host_port, op);

	p.buf_alloc = htole32(BUFFER);
	p.fwd_cnt = htole32(c->forwarded);
	c->told_forwarded = c->forwarded;
	return p;
}

/* The next control packet that is owed; false if none is. */
static bool next_owed(struct packet *p)
{
	if (vsock.stray_count > 0) {
		vsock.stray_count--;
		*p = packet_for(vsock.stray[vsock.stray_count].guest_port,
				vsock.stray[vsock.stray_count].host_port, OP_RST);
		return true;
	}
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock.connection[i];

		for (uint16_t op = OP_REQUEST; op <= OP_CREDIT_UPDATE; op++) {
			if ((c->owed >> op & 1) == 0)
				continue;
			*p = packet_of(c, op);
			if (op == OP_SHUTDOWN)
				p->flags = htole32(NO_SEND);
			c->owed &= (uint8_t) ~(1u << op);
			if (op == OP_RST)
				drop(c);
			return true;
		}
	}
	return false;
}

/* Data of one connection into the request, whose header comes after its length is known. */
static bool fill(struct connection *c, struct virtq_req *req, struct packet *p)
{
	uint8_t header[HEADER_SIZE] = { 0 };
	uint16_t seg = req->wr_seg;
	uint32_t off = req->wr_off;
	struct iovec iov[VIRTQ_SEGS_MAX];
	uint64_t room;
	ssize_t n = 0;
	int count;

	if (!virtq_put(req, header, sizeof(header)))
		return false;
	room = virtq_writable(req);
	room = room < credit(c) ? room : credit(c);
	count = virtq_write_iovec(req, room, iov, VIRTQ_SEGS_MAX);
	if (count > 0) {
		n = readv(c->fd, iov, count);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			n = -2;
	}
	req->wr_seg = seg;
	req->wr_off = off;
	req->written = 0;
	if (count <= 0 || n == -2)
		return false;
	if (n < 0) {
		end(c);
		return false;
	}
	if (n == 0) {
		c->host_ended = true;
		c->owed |= 1u << OP_SHUTDOWN;
		settle(c);
		return false;
	}
	c->sent += (uint32_t)n;
	*p = packet_of(c, OP_RW);
	p->len = htole32((uint32_t)n);
	return true;
}

/* Data of whoever has some, in turn; false if nobody has. */
static bool next_data(struct virtq_req *req, struct packet *p)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock.connection[(vsock.next + i) % CONNECTIONS_MAX];

		if (c->state != OPEN || c->host_ended || c->guest_reads_no_more ||
		    credit(c) == 0 || !fill(c, req, p))
			continue;
		vsock.next = (unsigned)(c - vsock.connection) + 1;
		return true;
	}
	return false;
}

/* As much as there is and the guest has buffers for. Without buffers nobody is read from. */
static void deliver(void)
{
	struct device_queue *q = &vsock.device->queue[RX];
	bool starved = true;

	for (unsigned n = 0; q->running && n < TURN_PACKETS; n++) {
		struct packet p;
		enum virtq_status st = virtq_pop(&q->vq, &vsock.req);
		bool data;

		if (st == VIRTQ_EMPTY && virtq_rearm(&q->vq))
			continue;
		if (st == VIRTQ_BROKEN)
			device_break(vsock.device, RX, "a receive buffer makes no sense");
		if (st != VIRTQ_OK)
			break;
		starved = false;
		data = false;
		if (!next_owed(&p) && !(data = next_data(&vsock.req, &p)) && !next_owed(&p)) {
			virtq_unpop(&q->vq, &vsock.req);
			break;
		}
		if (!virtq_put(&vsock.req, &p, HEADER_SIZE))
			log_guest(&vsock.odd, "vsock: a receive buffer is too small");
		if (data)
			virtq_wrote(&vsock.req, le32toh(p.len));
		virtq_push(&q->vq, &vsock.req);
		starved = true; /* unless there is another */
	}
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock.connection[i];

		if (c->source.fd < 0 || c->state == FREE)
			continue;
		if (starved && c->state == OPEN)
			loop_change(&c->source, c->filled > 0 ? EPOLLOUT : 0);
		else
			watch(c);
	}
	if (q->running)
		device_call(vsock.device, RX);
}

/* ---- from the guest ---- */

static void owe_reset(uint32_t guest_port, uint32_t host_port)
{
	if (vsock.stray_count == STRAYS_MAX)
		return; /* a guest that floods us with strays waits for its own time-out */
	vsock.stray[vsock.stray_count].guest_port = guest_port;
	vsock.stray[vsock.stray_count++].host_port = host_port;
}

static void request(uint32_t guest_port, uint32_t host_port)
{
	struct connection *c = new_connection(ASKED);
	struct device_command ask = { .kind = DEVICE_CONNECT };

	if (c == NULL) {
		owe_reset(guest_port, host_port);
		return;
	}
	c->guest_port = guest_port;
	c->host_port = host_port;
	ask.value =
		(uint64_t)((uint32_t)(c - vsock.connection) | (c->generation & 0xffffff) << 8)
			<< 32 |
		host_port;
	if (!device_tell(&ask))
		end(c);
}

/* len bytes behind the header. More than its credit ends the connection. */
static void take_data(struct connection *c, struct virtq_req *req, uint32_t len)
{
	uint16_t seg = req->rd_seg;
	uint32_t off = req->rd_off, done = 0;
	struct iovec iov[VIRTQ_SEGS_MAX];

	if (c->guest_sends_no_more || len > virtq_readable(req) || len > BUFFER - c->filled) {
		end(c);
		return;
	}
	if (c->filled == 0) {
		int count = virtq_read_iovec(req, len, iov, VIRTQ_SEGS_MAX);
		ssize_t n = count > 0 ? writev(c->fd, iov, count) : 0;

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			end(c);
			return;
		}
		done = n < 0 ? 0 : (uint32_t)n;
		c->forwarded += done;
		/* Back to what is left. */
		req->rd_seg = seg;
		req->rd_off = off;
		(void)virtq_read_iovec(req, done, iov, VIRTQ_SEGS_MAX);
		c->start = 0;
	} else if (c->start > 0) {
		memmove(c->buffer, c->buffer + c->start, c->filled);
		c->start = 0;
	}
	if (done < len && virtq_get(req, c->buffer + c->filled, len - done))
		c->filled += len - done;
	settle(c);
}

static void accepted(struct connection *c)
{
	char line[LINE_MAX_BYTES];
	struct iovec v = { .iov_base = line };

	v.iov_len = (size_t)snprintf(line, sizeof(line), "OK %u\n", c->host_port);
	if (writev(c->fd, &v, 1) != (ssize_t)v.iov_len) {
		end(c);
		return;
	}
	c->state = OPEN;
	settle(c);
}

static void take_packet(struct virtq_req *req)
{
	uint32_t guest_port, host_port, flags;
	struct connection *c;
	struct packet p;

	if (!virtq_get(req, &p, HEADER_SIZE)) {
		log_guest(&vsock.odd, "vsock: a packet without a whole header");
		return;
	}
	guest_port = le32toh(p.src_port);
	host_port = le32toh(p.dst_port);
	flags = le32toh(p.flags);
	if (le64toh(p.src_cid) != vsock.cid || le64toh(p.dst_cid) != HOST_CID) {
		log_guest(&vsock.odd, "vsock: a packet of or to somebody else");
		return;
	}
	c = find(guest_port, host_port);
	if (le16toh(p.type) != TYPE_STREAM || (c == NULL && le16toh(p.op) != OP_REQUEST)) {
		/* 5.10.6.4.2: an unknown type is answered by a reset; a reset never. */
		if (le16toh(p.op) != OP_RST)
			owe_reset(guest_port, host_port);
		return;
	}
	if (c == NULL) {
		request(guest_port, host_port);
		c = find(guest_port, host_port);
		if (c == NULL)
			return;
	} else if (le16toh(p.op) == OP_REQUEST) {
		end(c);
		return;
	}
	c->peer_alloc = le32toh(p.buf_alloc);
	c->peer_forwarded = le32toh(p.fwd_cnt);
	switch (le16toh(p.op)) {
	case OP_REQUEST:
		break;
	case OP_RESPONSE:
		if (c->state == REQUESTED)
			accepted(c);
		else
			end(c);
		break;
	case OP_RST:
		drop(c);
		break;
	case OP_SHUTDOWN:
		c->guest_reads_no_more |= (flags & NO_RECEIVE) != 0;
		c->guest_sends_no_more |= (flags & NO_SEND) != 0;
		if (c->state != OPEN)
			end(c);
		settle(c);
		break;
	case OP_RW:
		if (c->state == OPEN)
			take_data(c, req, le32toh(p.len));
		else
			end(c);
		break;
	case OP_CREDIT_REQUEST:
		c->owed |= 1u << OP_CREDIT_UPDATE;
		break;
	case OP_CREDIT_UPDATE:
		watch(c);
		break;
	default:
		end(c);
		break;
	}
}

static void vsock_kick(struct device *d, unsigned i)
{
	struct device_queue *q = &d->queue[i];
	enum virtq_status st = VIRTQ_OK;

	if (i == TX) {
		do {
			while ((st = virtq_pop(&q->vq, &vsock.req)) == VIRTQ_OK) {
				take_packet(&vsock.req);
				virtq_push(&q->vq, &vsock.req);
			}
		} while (st == VIRTQ_EMPTY && virtq_rearm(&q->vq));
		device_call(d, i);
		if (st == VIRTQ_BROKEN)
			device_break(d, i, "a packet makes no sense");
	}
	if (i != EVENT) /* whose buffers wait for events that do not happen */
		deliver();
}

static void vsock_reset(struct device *d)
{
	(void)d;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		drop(&vsock.connection[i]);
	vsock.stray_count = 0;
}

/* The launcher's answer to a guest's request: a connected stream, or none. */
static void vsock_command(struct device *d, const struct device_command *m, int fd)
{
	uint32_t id = (uint32_t)(m->value >> 32);
	struct connection *c = &vsock.connection[id % 256 % CONNECTIONS_MAX];

	(void)d;
	if (m->kind != DEVICE_CONNECTED || c->state != ASKED ||
	    (c->generation & 0xffffff) != id >> 8 || c->host_port != (uint32_t)m->value) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fd < 0) {
		end(c);
	} else if (give_host_end(c, fd)) {
		c->state = OPEN;
		c->owed = 1u << OP_RESPONSE;
		watch(c);
	} else {
		end(c);
	}
	deliver();
}

static enum status vsock_open(struct device *d, const struct device_config *c)
{
	uint64_t cid = htole64(c->u.vsock.cid);

	memset(&vsock, 0, offsetof(struct vsock, connection));
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		vsock.connection[i].state = FREE;
		vsock.connection[i].fd = vsock.connection[i].source.fd = -1;
		vsock.connection[i].buffer = buffers[i];
	}
	vsock.device = d;
	vsock.cid = c->u.vsock.cid;
	vsock.listening =
		(struct loop_source){ .fd = DEVICE_FD_BACKEND, .ready = client_waits };
	if (!loop_add(&vsock.listening, EPOLLIN) ||
	    !loop_timer_init(&vsock.clock, tick, NULL) || !loop_add(&vsock.clock, EPOLLIN)) {
		log_error("cannot wait for clients: %s", strerror(errno));
		return STATUS_FAILED;
	}
	d->queue_count = QUEUE_COUNT;
	d->config_size = sizeof(cid);
	memcpy(d->config, &cid, sizeof(cid));
	return STATUS_OK;
}

const struct device_ops device_ops = {
	.name = "vsock",
	.open = vsock_open,
	.kick = vsock_kick,
	.reset = vsock_reset,
	.command = vsock_command,
	.filter = vsock_filter,
	.filter_count = vsock_filter_count,
	.open_files = CONNECTIONS_MAX + 2, /* their sockets, one more that waits, the timer */
};
