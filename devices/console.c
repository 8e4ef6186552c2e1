/* SPDX-License-Identifier: ISC */
/*
 * virtio-console with several ports (virtio 1.2, 5.3). Port 0 is the launcher's terminal, or is
 * not there; the named ports have the numbers from 1 on, with a terminal and without. A client that
 * connects to a port's socket is its other end, one at a time, until it has gone: not as long as it
 * can still hear, and not before a guest that listens has got all that it said. What the guest sends
 * to a port without a client is dropped, as QEMU does.
 *
 * Bytes go between the host's socket and guest memory without a copy, and wait on the side that they
 * come from. What the guest has to be told about a port is a set of bits, so that no guest can make
 * a queue of messages grow.
 */
#include "console_policy.h"
#include "device.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a queue gets before others have their turn: so many bytes, of which each request is some. */
#define TURN_BYTES    (256u << 10)
#define REQUEST_BYTES 1024u

enum { F_SIZE = 0, F_MULTIPORT = 1 }; /* 5.3.3 */

enum { /* 5.3.6.2 */
       DEVICE_READY = 0,
       DEVICE_ADD = 1,
       PORT_READY = 3,
       CONSOLE_PORT = 4,
       RESIZE = 5,
       PORT_OPEN = 6,
       PORT_NAME = 7,
};

struct control {
	uint32_t id;
	uint16_t event, value;
};
_Static_assert(sizeof(struct control) == 8, "5.3.6.2");

enum { CONTROL_RX = 2, CONTROL_TX = 3 };

struct port {
	uint32_t id;
	const char *name;
	bool terminal;
	bool guest_open, ready;
	uint8_t pending; /* a bit for each event that the guest is yet to be told */
	int client;	 /* -1: nobody */
	bool said_all;	 /* the client sends no more */
	struct loop_source listening;
	struct loop_source stream; /* the client, as long as it hears */
	bool want_in, want_out;	   /* what stream is watched for */
	uint64_t sent;		   /* of the first transmit buffer, already */
};

static struct console {
	struct device *device;
	struct port port[DEVICE_PORTS_MAX];
	unsigned port_count;
	char name[DEVICE_PORTS_MAX][DEVICE_NAME_MAX];
	uint16_t columns, rows;
	struct virtq_req req; /* the one that next_request() has popped */
	struct loop_source next_turn;
	struct log_limit odd;
} console;

/* 5.3.2: port 0 has queues 0 and 1, port n from 1 on has 2n + 2 and the next. */
static unsigned rx_queue(const struct port *p)
{
	return p->id == 0 ? 0 : 2 * p->id + 2;
}

static struct port *port_of_queue(unsigned queue)
{
	for (unsigned i = 0; i < console.port_count; i++)
		if (rx_queue(&console.port[i]) == queue / 2 * 2)
			return &console.port[i];
	return NULL;
}

static struct port *port_of_id(uint32_t id)
{
	for (unsigned i = 0; i < console.port_count; i++)
		if (console.port[i].id == id)
			return &console.port[i];
	return NULL;
}

static bool runs(unsigned queue)
{
	return console.device->queue[queue].running;
}

/*
 * Pops the next request of a queue. False: there is none, and the driver will kick when there is, or
 * the queue has had its turn and gets another one.
 */
static bool next_request(unsigned queue, unsigned *turn)
{
	struct device_queue *q = &console.device->queue[queue];

	while (q->running) {
		if (*turn < REQUEST_BYTES) {
			loop_timer_set(&console.next_turn, 1);
			return false;
		}
		*turn -= REQUEST_BYTES;
		switch (virtq_pop(&q->vq, &console.req)) {
		case VIRTQ_OK:
			return true;
		case VIRTQ_BROKEN:
			device_break(console.device, queue, "a request makes no sense");
			return false;
		case VIRTQ_EMPTY:
			if (!virtq_rearm(&q->vq))
				return false;
		}
	}
	return false;
}

/* ---- what the guest is told ---- */

/* One message into a buffer; true if there was one. What does not fit is the driver's loss. */
static bool tell(const struct port *p, uint16_t event, uint16_t value, const void *more,
		 size_t len)
{
	struct control c = { htole32(p->id), htole16(event), htole16(value) };
	unsigned turn = TURN_BYTES;

	if (!next_request(CONTROL_RX, &turn))
		return false;
	if (!virtq_put(&console.req, &c, sizeof(c)) || !virtq_put(&console.req, more, len))
		log_guest(&console.odd, "console: a control buffer is too small");
	virtq_push(&console.device->queue[CONTROL_RX].vq, &console.req);
	return true;
}

static bool tell_event(struct port *p, uint16_t event)
{
	uint16_t size[2] = { htole16(console.columns), htole16(console.rows) };

	switch (event) {
	case PORT_NAME:
		return tell(p, event, 1, p->name, strlen(p->name));
	case RESIZE: /* in the order of 5.3.6.2; Linux 6.1 takes it the other way around */
		return tell(p, event, 0, size, sizeof(size));
	case PORT_OPEN:
		return tell(p, event, p->client >= 0, NULL, 0);
	default:
		return tell(p, event, 1, NULL, 0);
	}
}

/* In the order in which a driver has to hear it. */
static void tell_pending(void)
{
	static const uint16_t order[] = { DEVICE_ADD, CONSOLE_PORT, PORT_NAME, RESIZE,
					  PORT_OPEN };

	if (!runs(CONTROL_RX))
		return;
	for (unsigned i = 0; i < console.port_count; i++) {
		struct port *p = &console.port[i];

		for (unsigned e = 0; e < sizeof(order) / sizeof(order[0]); e++) {
			if ((p->pending >> order[e] & 1) == 0)
				continue;
			if (!tell_event(p, order[e]))
				goto out;
			p->pending &= (uint8_t) ~(1u << order[e]);
		}
	}
out:
	device_call(console.device, CONTROL_RX);
}

static void owe(struct port *p, uint16_t event)
{
	if (p->ready || event == DEVICE_ADD)
		p->pending |= (uint8_t)(1u << event);
}

/* ---- the host's end of a port ---- */

/* Without MULTIPORT there is no way to say so, and no port but this one. */
static bool guest_listens(const struct port *p)
{
	return p->guest_open || (p->id == 0 && !device_has(console.device, F_MULTIPORT));
}

static bool client_hears(const struct port *p)
{
	return p->stream.fd >= 0;
}

static void watch(struct port *p, bool in, bool out)
{
	if (!client_hears(p) || (p->want_in == in && p->want_out == out))
		return;
	p->want_in = in;
	p->want_out = out;
	loop_change(&p->stream, (in ? (uint32_t)EPOLLIN : 0) | (out ? (uint32_t)EPOLLOUT : 0));
}

/* From the guest to the client; a buffer that it takes in part is offered again from there. */
static void transmit(struct port *p)
{
	unsigned queue = rx_queue(p) + 1, turn = TURN_BYTES;
	bool full = false;

	while (!full && next_request(queue, &turn)) {
		uint64_t len = virtq_readable(&console.req), part = 0;
		struct iovec iov[VIRTQ_SEGS_MAX];
		int count;

		/* The guest may have changed the chain since. */
		p->sent = p->sent < len ? p->sent : len;
		virtq_read_iovec(&console.req, p->sent, iov, VIRTQ_SEGS_MAX);
		count = virtq_read_iovec(&console.req, len - p->sent, iov, VIRTQ_SEGS_MAX);
		if (client_hears(p) && count > 0) {
			ssize_t n = writev(p->client, iov, count);

			part = n < 0 ? 0 : (uint64_t)n;
			/* Other errors are those of a client that hears no more. */
			full = n < 0 ? errno == EAGAIN : part < len - p->sent;
		}
		turn -= part < turn ? (unsigned)part : turn;
		p->sent = full ? p->sent + part : 0;
		if (full)
			virtq_unpop(&console.device->queue[queue].vq, &console.req);
		else
			virtq_push(&console.device->queue[queue].vq, &console.req);
	}
	watch(p, p->want_in, full);
	device_call(console.device, queue);
}

static void hang_up(struct port *p)
{
	loop_remove(&p->stream);
	close(p->client);
	p->client = -1;
	p->said_all = false;
	p->sent = 0;
	owe(p, PORT_OPEN);
	tell_pending();
	if (p->listening.fd >= 0)
		loop_change(&p->listening, EPOLLIN);
}

/* Fills the popped request. False: there is nothing to be had, and it has been put back. */
static bool fill(struct port *p, struct virtq *q, unsigned *turn)
{
	struct iovec iov[VIRTQ_SEGS_MAX];
	uint64_t room = virtq_writable(&console.req);
	int count;
	ssize_t n;

	room = room < TURN_BYTES ? room : TURN_BYTES;
	count = virtq_write_iovec(&console.req, room, iov, VIRTQ_SEGS_MAX);
	if (count == 0)
		return true; /* it has room for nothing */
	n = readv(p->client, iov, count);
	if (n <= 0) {
		p->said_all = n == 0 || errno != EAGAIN;
		virtq_unpop(q, &console.req);
		return false;
	}
	virtq_wrote(&console.req, (uint32_t)n);
	*turn -= n < *turn ? (unsigned)n : *turn;
	return true;
}

/* From the client to the guest, as long as both have something. */
static void receive(struct port *p)
{
	unsigned queue = rx_queue(p), turn = TURN_BYTES;
	struct virtq *q = &console.device->queue[queue].vq;
	bool empty = false;

	while (!empty && p->client >= 0 && !p->said_all && guest_listens(p) &&
	       next_request(queue, &turn)) {
		empty = !fill(p, q, &turn);
		if (!empty)
			virtq_push(q, &console.req);
	}
	device_call(console.device, queue);
	watch(p, empty, p->want_out); /* else its bytes wait with the client */
	if (p->client >= 0 && !client_hears(p) && (p->said_all || !guest_listens(p)))
		hang_up(p);
}

static void stream_ready(void *arg, uint32_t events)
{
	struct port *p = arg;

	/* It would be told for ever. What the client has left behind can be read all the same. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		loop_remove(&p->stream);
	transmit(p); /* or drops what waited for it: the guest would wait as well */
	receive(p);
}

/* 0 as events: each direction is watched once it was tried and has to wait. */
static bool take_client(struct port *p, int fd)
{
	p->client = fd;
	p->stream = (struct loop_source){ .fd = fd, .ready = stream_ready, .arg = p };
	p->want_in = p->want_out = false;
	return loop_add(&p->stream, 0);
}

static void client_waits(void *arg, uint32_t events)
{
	struct port *p = arg;
	int fd = accept4(p->listening.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (!take_client(p, fd)) {
		close(fd);
		p->client = p->stream.fd = -1;
		return;
	}
	loop_change(&p->listening, 0); /* one at a time */
	owe(p, PORT_OPEN);
	tell_pending();
	receive(p);
}

/* ---- the guest's requests ---- */

static void obey(const struct control *c)
{
	uint16_t event = le16toh(c->event), value = le16toh(c->value);
	struct port *p = port_of_id(le32toh(c->id));

	if (event == DEVICE_READY) {
		for (unsigned i = 0; value == 1 && i < console.port_count; i++)
			owe(&console.port[i], DEVICE_ADD);
	} else if (p == NULL) {
		log_guest(&console.odd, "console: message %u to a port that is not there",
			  event);
	} else if (event == PORT_READY && value == 1) {
		p->ready = true;
		if (p->terminal)
			owe(p, CONSOLE_PORT);
		if (p->terminal && console.columns != 0)
			owe(p, RESIZE);
		if (p->name[0] != '\0')
			owe(p, PORT_NAME);
		if (p->client >= 0)
			owe(p, PORT_OPEN);
	} else if (event == PORT_OPEN) {
		p->guest_open = value != 0;
		receive(p);
	} else {
		log_guest(&console.odd, "console: a message of kind %u", event);
	}
}

static void take_control(void)
{
	unsigned turn = TURN_BYTES;

	while (next_request(CONTROL_TX, &turn)) {
		struct control c;
		bool whole = virtq_get(&console.req, &c, sizeof(c));

		/* First, as to obey may take other requests. */
		virtq_push(&console.device->queue[CONTROL_TX].vq, &console.req);
		if (whole)
			obey(&c);
		else
			log_guest(&console.odd, "console: a control message is too short");
	}
	device_call(console.device, CONTROL_TX);
	tell_pending();
}

static void console_kick(struct device *d, unsigned i)
{
	struct port *p = i == CONTROL_RX || i == CONTROL_TX ? NULL : port_of_queue(i);

	if (i == CONTROL_RX) {
		tell_pending();
	} else if (i == CONTROL_TX) {
		take_control();
	} else if (p == NULL) {
		if (virtq_rearm(&d->queue[i].vq))
			log_guest(&console.odd, "console: queue %u has no port", i);
	} else if (i % 2 == 0) {
		receive(p);
	} else {
		transmit(p);
	}
}

static void turn(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	take_control();
	for (unsigned i = 0; i < console.port_count; i++) {
		transmit(&console.port[i]);
		receive(&console.port[i]);
	}
}

/* The driver has gone, or will begin anew: clients stay, and are told to it again. */
static void console_reset(struct device *d)
{
	(void)d;
	for (unsigned i = 0; i < console.port_count; i++) {
		struct port *p = &console.port[i];

		p->guest_open = p->ready = false;
		p->pending = 0;
		p->sent = 0;
		watch(p, false, false);
	}
}

static void console_command(struct device *d, const struct device_command *c, int fd)
{
	uint16_t size[2] = { htole16(c->columns), htole16(c->rows) };

	if (fd >= 0)
		close(fd);
	if (c->kind != DEVICE_RESIZE)
		return;
	console.columns = c->columns;
	console.rows = c->rows;
	memcpy(d->config, size, sizeof(size));
	device_config_changed(d);
	for (unsigned i = 0; i < console.port_count; i++)
		if (console.port[i].terminal)
			owe(&console.port[i], RESIZE);
	tell_pending();
}

static bool open_port(unsigned i, const struct device_config *c)
{
	struct port *p = &console.port[i];
	int fd = DEVICE_FD_BACKEND + (int)i;
	bool has_terminal = (c->flags & DEVICE_TERMINAL) != 0;

	p->terminal = has_terminal && i == 0;
	p->id = has_terminal ? i : i + 1; /* without a terminal there is no port 0 */
	p->client = p->listening.fd = p->stream.fd = -1;
	memcpy(console.name[i], c->u.console.name[i], DEVICE_NAME_MAX - 1);
	p->name = console.name[i];
	if (p->terminal)
		return take_client(p, fd);
	p->listening = (struct loop_source){ .fd = fd, .ready = client_waits, .arg = p };
	return loop_add(&p->listening, EPOLLIN);
}

static enum status console_open(struct device *d, const struct device_config *c)
{
	uint32_t ports;

	memset(&console, 0, sizeof(console));
	console.device = d;
	if (c->u.console.ports == 0 || c->u.console.ports > DEVICE_PORTS_MAX ||
	    c->backend_count != c->u.console.ports) {
		log_error("it was given %u ports and %u descriptors", c->u.console.ports,
			  c->backend_count);
		return STATUS_NOT_STARTED;
	}
	if (!loop_timer_init(&console.next_turn, turn, NULL) ||
	    !loop_add(&console.next_turn, EPOLLIN)) {
		log_error("no timer: %s", strerror(errno));
		return STATUS_FAILED;
	}
	for (; console.port_count < c->u.console.ports; console.port_count++)
		if (!open_port(console.port_count, c)) {
			log_error("cannot watch a port: %s", strerror(errno));
			return STATUS_FAILED;
		}
	ports = console.port[console.port_count - 1].id + 1;
	d->features = 1ull << F_SIZE | 1ull << F_MULTIPORT;
	d->queue_count = 2 * ports + 2;
	d->config_size = 12; /* cols, rows, max_nr_ports, emerg_wr */
	ports = htole32(ports);
	memcpy(d->config + 4, &ports, sizeof(ports));
	return STATUS_OK;
}

const struct device_ops device_ops = {
	.name = "console",
	.open = console_open,
	.kick = console_kick,
	.reset = console_reset,
	.command = console_command,
	.filter = console_filter,
	.filter_count = console_filter_count,
	.open_files = DEVICE_PORTS_MAX + 1, /* clients, and the timer */
};
