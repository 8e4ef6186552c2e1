/* SPDX-License-Identifier: ISC */
/*
 * virtio-vsock (virtio 1.2, 5.10), streams only. Into the guest: a client of the listening socket
 * writes "CONNECT <port>\n" and hears "OK <its own port>\n" once the guest has accepted. Out of
 * the guest: port P of CID 2 is whatever socket the launcher connects for us, as we can open none.
 *
 * Packets and queues are here, the streams themselves in vsock_connection.c. All work is done by
 * serve(), so much in a turn of the loop.
 */
#include "device.h"
#include "vsock_connection.h"
#include "vsock_policy.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STRAYS_MAX	16 /* resets owed to those who have no connection */
#define LINE_BYTES_MAX	32
#define FIRST_HOST_PORT (1u << 30)
#define HOST_CID	2u
#define CID_MAX		0xfffffffeull /* 5.10.4: the next one is reserved */
#define PATIENCE_NS	2000000000ull /* for a client's line, and for an answer to a request */
#define DEAF_NS		1000000000ull /* after the host could give us no client */
#define TURN_PACKETS	32	      /* each way */

enum { RX, TX, EVENT, QUEUE_COUNT }; /* 5.10.2 */
enum { TYPE_STREAM = 1 };	     /* 5.10.6.2 */

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};
#define HEADER_SIZE 44u /* 5.10.6, without our padding */
_Static_assert(offsetof(struct packet, fwd_cnt) + 4 == HEADER_SIZE, "5.10.6");

/* Which op of the guest may come in which state; any other one is answered by a reset. */
#define ALLOW(op) (1u << (op))
static const uint8_t allowed[CONNECTION_STATES] = {
	[REQUESTED] = ALLOW(OP_RESPONSE) | ALLOW(OP_RST),
	[ASKED] = ALLOW(OP_RST),
	[OPEN] = ALLOW(OP_RST) | ALLOW(OP_SHUTDOWN) | ALLOW(OP_RW) | ALLOW(OP_CREDIT_UPDATE) |
		 ALLOW(OP_CREDIT_REQUEST),
	[ENDED] = ALLOW(OP_RST),
};

static struct vsock {
	struct device *device;
	uint64_t cid;
	uint32_t next_port;
	struct loop_source listening, clock;
	uint64_t deaf_until_ns; /* 0: it listens */
	uint64_t wakes_ns;	/* when the clock does; UINT64_MAX: never */
	bool tx_due;		/* there may be packets of the guest */
	struct {
		uint32_t guest_port, host_port;
		uint16_t type;
	} stray[STRAYS_MAX];
	unsigned stray_count;
	unsigned next; /* the connection that may send first */
	struct virtq_req req;
	struct log_limit odd;
} vsock;

static void serve(void);

/* ---- to the guest ---- */

static struct packet packet_for(uint32_t guest_port, uint32_t host_port, unsigned op)
{
	return (struct packet){
		.src_cid = htole64(HOST_CID),
		.dst_cid = htole64(vsock.cid),
		.src_port = htole32(host_port),
		.dst_port = htole32(guest_port),
		.type = htole16(TYPE_STREAM),
		.op = htole16((uint16_t)op),
	};
}

static struct packet packet_of(struct connection *c, unsigned op)
{
	struct packet p = packet_for(c->guest_port, c->host_port, op);

	p.buf_alloc = htole32(CONNECTION_BUFFER);
	p.fwd_cnt = htole32(c->forwarded);
	c->told_forwarded = c->forwarded;
	return p;
}

/*
 * A bit for each op. A guest need not tell that it has room again, unless it is asked (5.10.6.3).
 */
static unsigned owed(const struct connection *c)
{
	bool ask = !c->asked && connection_sends(c) && connection_credit(c) == 0;

	return c->owed | (ask ? 1u << OP_CREDIT_REQUEST : 0);
}

/* The next control packet that is owed; false if none is. */
static bool next_owed(struct packet *p)
{
	if (vsock.stray_count > 0) {
		vsock.stray_count--;
		*p = packet_for(vsock.stray[vsock.stray_count].guest_port,
				vsock.stray[vsock.stray_count].host_port, OP_RST);
		p->type = htole16(vsock.stray[vsock.stray_count].type);
		return true;
	}
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = connection_at(i);
		unsigned op;

		if (owed(c) == 0)
			continue;
		op = (unsigned)__builtin_ctz(owed(c));
		*p = packet_of(c, op);
		if (op == OP_SHUTDOWN)
			p->flags = htole32(c->host_done);
		c->asked = c->asked || op == OP_CREDIT_REQUEST;
		c->owed &= (uint8_t) ~(1u << op);
		if (op == OP_RST)
			connection_free(c);
		return true;
	}
	return false;
}

/* Data of one connection behind the place of the header. */
static bool read_data(struct connection *c, struct virtq_req *req, struct packet *p)
{
	uint8_t header[HEADER_SIZE] = { 0 };
	uint16_t seg = req->wr_seg;
	uint32_t off = req->wr_off, n;
	uint64_t room;

	if (!virtq_put(req, header, sizeof(header)))
		return false;
	room = virtq_writable(req);
	room = room < connection_credit(c) ? room : connection_credit(c);
	n = connection_read(c, req, room);
	/* Back to where the header goes. */
	req->wr_seg = seg;
	req->wr_off = off;
	req->written = 0;
	if (n == 0)
		return false;
	*p = packet_of(c, OP_RW);
	p->len = htole32(n);
	return true;
}

/* Data of whoever has some, in turn; false if nobody has. */
static bool next_data(struct virtq_req *req, struct packet *p)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = connection_at((vsock.next + i) % CONNECTIONS_MAX);

		if (!connection_sends(c) || connection_credit(c) == 0 || !read_data(c, req, p))
			continue;
		vsock.next = connection_index(c) + 1;
		return true;
	}
	return false;
}

static bool anything_due(void)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = connection_at(i);

		if (owed(c) != 0 || (connection_sends(c) && connection_credit(c) > 0))
			return true;
	}
	return vsock.stray_count > 0;
}

/* Fills one buffer; false: nobody has anything for it. */
static bool fill(struct virtq_req *req)
{
	struct packet p;
	uint32_t len = 0;

	if (virtq_writable(req) <= HEADER_SIZE) {
		log_guest(&vsock.odd, "a receive buffer of %u bytes",
			  (unsigned)virtq_writable(req));
		return true; /* and back it goes, for nothing */
	}
	if (!next_owed(&p)) {
		if (next_data(req, &p))
			len = le32toh(p.len);
		else if (!next_owed(&p)) /* it may have found an end */
			return false;
	}
	(void)!virtq_put(req, &p, HEADER_SIZE);
	virtq_wrote(req, len);
	return true;
}

/* As much as there is and the guest has buffers for; without buffers nobody is read from. */
static bool deliver(void)
{
	struct device_queue *q = &vsock.device->queue[RX];
	unsigned n;

	for (n = 0; n < TURN_PACKETS && q->running && anything_due(); n++) {
		enum virtq_status st = virtq_pop(&q->vq, &vsock.req);

		if (st == VIRTQ_EMPTY && virtq_rearm(&q->vq))
			continue;
		if (st == VIRTQ_BROKEN)
			device_break(vsock.device, RX, "a receive buffer makes no sense");
		if (st != VIRTQ_OK)
			break;
		if (!fill(&vsock.req)) {
			virtq_unpop(&q->vq, &vsock.req);
			break;
		}
		virtq_push(&q->vq, &vsock.req);
	}
	if (q->running)
		device_call(vsock.device, RX);
	return n == TURN_PACKETS && q->running;
}

/* ---- from the guest ---- */

static void owe_reset(const struct packet *p)
{
	vsock.stray[vsock.stray_count].guest_port = le32toh(p->src_port);
	vsock.stray[vsock.stray_count].host_port = le32toh(p->dst_port);
	vsock.stray[vsock.stray_count++].type = le16toh(p->type);
}

/* The value that the launcher is to repeat in its answer. */
static uint64_t question(const struct connection *c)
{
	uint32_t id = connection_index(c) | (c->generation & 0xffffff) << 8;

	return (uint64_t)id << 32 | c->host_port;
}

static void request(const struct packet *p)
{
	struct connection *c = connection_new(ASKED, PATIENCE_NS);

	if (c == NULL) {
		owe_reset(p);
		return;
	}
	c->guest_port = le32toh(p->src_port);
	c->host_port = le32toh(p->dst_port);
	c->peer_alloc = le32toh(p->buf_alloc);
	c->peer_forwarded = le32toh(p->fwd_cnt);
	if (!device_tell(
		    &(struct device_command){ .kind = DEVICE_CONNECT, .value = question(c) }))
		connection_end(c);
}

static void accepted(struct connection *c)
{
	char line[LINE_BYTES_MAX];
	struct iovec v = { .iov_base = line };

	v.iov_len = (size_t)snprintf(line, sizeof(line), "OK %u\n", c->host_port);
	if (writev(c->fd, &v, 1) != (ssize_t)v.iov_len) {
		connection_end(c);
		return;
	}
	c->state = OPEN;
	connection_expect(c, 0);
}

static void take_packet_of(struct connection *c, const struct packet *p, struct virtq_req *req)
{
	c->peer_alloc = le32toh(p->buf_alloc);
	c->peer_forwarded = le32toh(p->fwd_cnt);
	c->asked = c->asked && connection_credit(c) == 0;
	switch (le16toh(p->op)) {
	case OP_RESPONSE:
		accepted(c);
		break;
	case OP_RST:
		connection_reset(c);
		break;
	case OP_SHUTDOWN:
		connection_shutdown(c, le32toh(p->flags) & NEITHER);
		break;
	case OP_RW:
		if (!connection_write(c, req, le32toh(p->len)))
			connection_end(c);
		break;
	case OP_CREDIT_REQUEST:
		c->owed |= 1u << OP_CREDIT_UPDATE;
		break;
	default: /* OP_CREDIT_UPDATE has said all */
		break;
	}
}

static void take_packet(struct virtq_req *req)
{
	struct connection *c;
	struct packet p;
	unsigned op;

	if (!virtq_get(req, &p, HEADER_SIZE)) {
		log_guest(&vsock.odd, "a packet without a whole header");
		return;
	}
	if (le64toh(p.src_cid) != vsock.cid || le64toh(p.dst_cid) != HOST_CID) {
		log_guest(&vsock.odd, "a packet of or to somebody else");
		return;
	}
	op = le16toh(p.op);
	c = connection_find(le32toh(p.src_port), le32toh(p.dst_port));
	if (le16toh(p.type) != TYPE_STREAM || (c == NULL && op != OP_REQUEST)) {
		/* 5.10.6.4.2: "RST reply MUST be sent" to an unknown type; but never to a reset. */
		if (op != OP_RST)
			owe_reset(&p);
	} else if (c == NULL) {
		request(&p);
	} else if (op > OP_CREDIT_REQUEST || (allowed[c->state] >> op & 1) == 0) {
		connection_end(c);
	} else {
		take_packet_of(c, &p, req);
	}
}

/*
 * 5.10.6.1.2: "The tx virtqueue MUST be processed even when the rx virtqueue is full so long as
 * there are additional resources available to hold packets". Only strays need any.
 */
static bool may_transmit(void)
{
	return vsock.tx_due && vsock.device->queue[TX].running &&
	       vsock.stray_count < STRAYS_MAX;
}

static void transmit(void)
{
	struct device_queue *q = &vsock.device->queue[TX];

	for (unsigned n = 0; n < TURN_PACKETS && may_transmit(); n++) {
		switch (virtq_pop(&q->vq, &vsock.req)) {
		case VIRTQ_OK:
			take_packet(&vsock.req);
			virtq_push(&q->vq, &vsock.req);
			break;
		case VIRTQ_EMPTY:
			vsock.tx_due = virtq_rearm(&q->vq);
			break;
		case VIRTQ_BROKEN:
			device_break(vsock.device, TX, "a packet makes no sense");
			break;
		}
	}
	if (q->running)
		device_call(vsock.device, TX);
}

/* ---- clients, who want into the guest ---- */

static bool line_decode(const uint8_t *line, uint32_t len, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	uint64_t n = 0;

	if (len < sizeof(word) || memcmp(line, word, sizeof(word) - 1) != 0)
		return false;
	for (uint32_t i = sizeof(word) - 1; i < len; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		n = 10 * n + line[i] - '0'; /* of a line at most LINE_BYTES_MAX long */
		if (n >= UINT32_MAX)	    /* which is no port, but any */
			return false;
	}
	*port = (uint32_t)n;
	return true;
}

/* One byte after the other: what follows the line is the guest's. */
static void greet(struct connection *c)
{
	bool whole = false;

	while (!whole) {
		ssize_t n = read(c->fd, c->buffer + c->filled, 1);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || c->filled == LINE_BYTES_MAX) {
			connection_free(c);
			return;
		}
		whole = c->buffer[c->filled] == '\n';
		c->filled += !whole;
	}
	if (!line_decode(c->buffer, c->filled, &c->guest_port)) {
		connection_free(c);
		return;
	}
	do
		c->host_port = vsock.next_port++ | FIRST_HOST_PORT;
	while (connection_find(c->guest_port, c->host_port) != NULL);
	c->state = REQUESTED;
	c->filled = 0;
	c->owed = 1u << OP_REQUEST;
	connection_expect(c, PATIENCE_NS);
}

static void host_ready(void *arg, uint32_t events)
{
	struct connection *c = arg;

	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		connection_hung_up(c);
	} else if (c->state == GREETING) {
		greet(c);
	} else {
		if ((events & EPOLLIN) != 0)
			c->readable = true;
		if ((events & EPOLLOUT) != 0)
			connection_drain(c);
	}
	serve();
}

static void client_waits(void *arg, uint32_t events)
{
	int fd = accept4(vsock.listening.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	(void)arg;
	(void)events;
	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) {
		vsock.deaf_until_ns = connection_now() + DEAF_NS;
		loop_change(&vsock.listening, 0);
	} else if (fd >= 0) {
		c = connection_new(GREETING, PATIENCE_NS);
		if (c == NULL)
			close(fd);
		else if (!connection_attach(c, fd))
			connection_free(c);
	}
	serve();
}

/* ---- turns ---- */

static void wake_at(uint64_t at_ns, uint64_t now_ns)
{
	if (at_ns >= vsock.wakes_ns)
		return;
	vsock.wakes_ns = at_ns;
	loop_timer_set(&vsock.clock, at_ns > now_ns ? at_ns - now_ns : 1);
}

/* One turn: both ways, and then what is waited for. */
static void serve(void)
{
	uint64_t now, next = vsock.deaf_until_ns == 0 ? UINT64_MAX : vsock.deaf_until_ns;
	bool more;

	transmit();
	more = deliver();
	now = connection_now();
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = connection_at(i);

		connection_watch(c);
		if (c->deadline_ns != 0 && c->deadline_ns < next)
			next = c->deadline_ns;
	}
	wake_at(more || may_transmit() ? now : next, now);
}

static void clock_rings(void *arg, uint32_t events)
{
	uint64_t now = connection_now();

	(void)arg;
	(void)events;
	vsock.wakes_ns = UINT64_MAX;
	if (vsock.deaf_until_ns != 0 && vsock.deaf_until_ns <= now) {
		vsock.deaf_until_ns = 0;
		loop_change(&vsock.listening, EPOLLIN);
	}
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = connection_at(i);

		if (c->deadline_ns != 0 && c->deadline_ns <= now)
			connection_end(c);
	}
	serve();
}

static void vsock_kick(struct device *d, unsigned i)
{
	(void)d;
	vsock.tx_due = vsock.tx_due || i == TX;
	if (i != EVENT) /* whose buffers wait for an event that never comes */
		serve();
}

static void vsock_reset(struct device *d)
{
	(void)d;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		connection_free(connection_at(i));
	vsock.stray_count = 0;
	vsock.tx_due = false;
}

/* The launcher's answer to a guest's request: a connected stream, or none. */
static void vsock_command(struct device *d, const struct device_command *m, int fd)
{
	struct connection *c = connection_at((m->value >> 32) % CONNECTIONS_MAX);

	(void)d;
	if (m->kind != DEVICE_CONNECTED || c->state != ASKED || question(c) != m->value) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && connection_attach(c, fd)) {
		c->state = OPEN;
		c->owed = 1u << OP_RESPONSE;
		connection_expect(c, 0);
	} else {
		connection_end(c);
	}
	serve();
}

static enum status vsock_open(struct device *d, const struct device_config *c)
{
	uint64_t cid = htole64(c->u.vsock.cid);

	/* 5.10.4.2: "MUST NOT contain a reserved CID". */
	if (c->backend_count != 1 || c->u.vsock.cid <= HOST_CID || c->u.vsock.cid > CID_MAX) {
		log_error("it was given %u descriptors and CID %llu", c->backend_count,
			  (unsigned long long)c->u.vsock.cid);
		return STATUS_NOT_STARTED;
	}
	connections_init(host_ready);
	memset(&vsock, 0, sizeof(vsock));
	vsock.device = d;
	vsock.cid = c->u.vsock.cid;
	vsock.wakes_ns = UINT64_MAX;
	vsock.listening =
		(struct loop_source){ .fd = DEVICE_FD_BACKEND, .ready = client_waits };
	if (!loop_add(&vsock.listening, EPOLLIN) ||
	    !loop_timer_init(&vsock.clock, clock_rings, NULL) ||
	    !loop_add(&vsock.clock, EPOLLIN)) {
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
