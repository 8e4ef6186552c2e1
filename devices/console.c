/* SPDX-License-Identifier: ISC */
/*
 * virtio-console with several ports (virtio 1.2, 5.3). Port 0 is the launcher's terminal, if there
 * is one; the named ports follow, and a client that connects to a port's socket is its other end,
 * one at a time. What the guest sends to a port without a client is dropped, as QEMU does.
 *
 * Bytes go between the host's socket and guest memory without a copy. What the guest has to be
 * told about a port is a set of bits, so that no guest can make a queue of messages grow.
 */
#include "console_policy.h"
#include "device.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_BYTES (256u << 10) /* of one port, before others have their turn */

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
	struct loop_source listening, stream;
	bool want_in, want_out; /* what stream is watched for */
	uint64_t sent;		/* of the first transmit buffer, already */
};

static struct console {
	struct device *device;
	struct port port[DEVICE_PORTS_MAX];
	unsigned port_count;
	char name[DEVICE_PORTS_MAX][DEVICE_NAME_MAX];
	uint16_t columns, rows;
	struct virtq_req req;
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

/* ---- what the guest is told ---- */

/* One message into a buffer; true if there was one. What does not fit is the driver's loss. */
static bool tell(const struct port *p, uint16_t event, uint16_t value, const void *more,
		 size_t len)
{
	struct control c = { htole32(p->id), htole16(event), htole16(value) };
	struct device_queue *q = &console.device->queue[CONTROL_RX];

	switch (virtq_pop(&q->vq, &console.req)) {
	case VIRTQ_EMPTY:
		return false;
	case VIRTQ_BROKEN:
		device_break(console.device, CONTROL_RX, "a control buffer makes no sense");
		return false;
	case VIRTQ_OK:
		break;
	}
	if (!virtq_put(&console.req, &c, sizeof(c)) || !virtq_put(&console.req, more, len))
		log_guest(&console.odd, "console: a control buffer is too small");
	virtq_push(&q->vq, &console.req);
	return true;
}

static bool tell_event(struct port *p, uint16_t event)
{
	uint16_t size[2] = { htole16(console.columns), htole16(console.rows) };

	switch (event) {
	case PORT_NAME:
		return tell(p, event, 1, p->name, strlen(p->name));
	case RESIZE:
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
			if (!runs(CONTROL_RX) || !tell_event(p, order[e]))
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

static void watch(struct port *p, bool in, bool out)
{
	if (p->stream.fd < 0 || (p->want_in == in && p->want_out == out))
		return;
	p->want_in = in;
	p->want_out = out;
	loop_change(&p->stream, (in ? (uint32_t)EPOLLIN : 0) | (out ? (uint32_t)EPOLLOUT : 0));
}

static void hang_up(struct port *p)
{
	if (p->client < 0)
		return;
	loop_remove(&p->stream);
	close(p->client);
	p->client = -1;
	owe(p, PORT_OPEN);
	tell_pending();
	if (p->listening.fd >= 0)
		loop_change(&p->listening, EPOLLIN);
}

/* From the client to the guest, as long as both have something. */
static void receive(struct port *p)
{
	unsigned queue = rx_queue(p), budget = TURN_BYTES;
	struct device_queue *q = &console.device->queue[queue];

	while (p->client >= 0 && p->guest_open && runs(queue) && budget > 0) {
		struct iovec iov[VIRTQ_SEGS_MAX];
		enum virtq_status st = virtq_pop(&q->vq, &console.req);
		uint64_t room;
		ssize_t n;
		int count;

		if (st == VIRTQ_EMPTY && virtq_rearm(&q->vq))
			continue;
		if (st == VIRTQ_BROKEN)
			device_break(console.device, queue, "a receive buffer makes no sense");
		if (st != VIRTQ_OK) {
			watch(p, false, p->want_out);
			break;
		}
		room = virtq_writable(&console.req);
		room = room < budget ? room : budget;
		count = virtq_write_iovec(&console.req, room, iov, VIRTQ_SEGS_MAX);
		n = count > 0 ? readv(p->client, iov, count) : 0;
		if (n > 0) {
			virtq_wrote(&console.req, (uint32_t)n);
			budget -= (unsigned)n;
		} else if (count > 0) {
			int error = n == 0 ? EPIPE : errno;

			virtq_unpop(&q->vq, &console.req);
			if (error != EAGAIN && error != EINTR)
				hang_up(p);
			else
				watch(p, true, p->want_out);
			break;
		}
		virtq_push(&q->vq, &console.req);
	}
	if (!p->guest_open || !runs(queue))
		watch(p, false, p->want_out); /* the client's bytes wait with the client */
	if (runs(queue))
		device_call(console.device, queue);
}

/* From the guest to the client; a buffer that it takes in part is offered again from there. */
static void transmit(struct port *p)
{
	unsigned queue = rx_queue(p) + 1, budget = TURN_BYTES;
	struct device_queue *q = &console.device->queue[queue];
	uint64_t *done = &p->sent;

	while (runs(queue) && budget > 0) {
		struct iovec iov[VIRTQ_SEGS_MAX];
		enum virtq_status st = virtq_pop(&q->vq, &console.req);
		uint64_t len;
		ssize_t n = 0;
		int count;

		if (st == VIRTQ_EMPTY && virtq_rearm(&q->vq))
			continue;
		if (st == VIRTQ_BROKEN)
			device_break(console.device, queue, "a transmit buffer makes no sense");
		if (st != VIRTQ_OK) {
			watch(p, p->want_in, false);
			break;
		}
		len = virtq_readable(&console.req);
		*done = *done < len ? *done : len; /* the guest may have changed the chain */
		if (p->client >= 0 && len > *done) {
			count = virtq_read_iovec(&console.req, *done, iov, VIRTQ_SEGS_MAX);
			count = count < 0 ? count
					  : virtq_read_iovec(&console.req, len - *done, iov,
							     VIRTQ_SEGS_MAX);
			n = count > 0 ? writev(p->client, iov, count) : 0;
			if (n < 0 && errno != EAGAIN && errno != EINTR) {
				hang_up(p);
				n = (ssize_t)(len -
					      *done); /* with nobody there it is dropped */
			}
			n = n < 0 ? 0 : n;
			if ((uint64_t)n < len - *done) {
				*done += (uint64_t)n;
				virtq_unpop(&q->vq, &console.req);
				watch(p, p->want_in, true);
				break;
			}
		}
		budget -= len < budget ? (unsigned)len : budget;
		*done = 0;
		virtq_push(&q->vq, &console.req);
	}
	if (budget == 0) /* the rest with the next turn of the loop */
		watch(p, p->want_in, true);
	if (runs(queue))
		device_call(console.device, queue);
}

static void stream_ready(void *arg, uint32_t events)
{
	struct port *p = arg;

	if ((events & EPOLLOUT) != 0)
		transmit(p);
	if ((events & EPOLLIN) != 0)
		receive(p);
	/* Nobody writes any more, and what was written has been read or is not wanted. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0)
		hang_up(p);
	if (p->client < 0)
		transmit(
			p); /* what waited for it is dropped, or the guest would wait as well */
}

static bool take_client(struct port *p, int fd)
{
	p->client = fd;
	p->stream = (struct loop_source){ .fd = fd, .ready = stream_ready, .arg = p };
	p->want_in = p->want_out = true; /* either will find out */
	return loop_add(&p->stream, EPOLLIN | EPOLLOUT);
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
		p->client = -1;
		return;
	}
	loop_change(&p->listening, 0); /* one at a time */
	owe(p, PORT_OPEN);
	tell_pending();
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
		if (p->guest_open)
			watch(p, true, p->want_out);
	} else {
		log_guest(&console.odd, "console: a message of kind %u", event);
	}
}

static void take_control(void)
{
	struct device_queue *q = &console.device->queue[CONTROL_TX];
	enum virtq_status st = VIRTQ_OK;

	do {
		while ((st = virtq_pop(&q->vq, &console.req)) == VIRTQ_OK) {
			struct control c;

			if (virtq_get(&console.req, &c, sizeof(c)))
				obey(&c);
			else
				log_guest(&console.odd,
					  "console: a control message is too short");
			virtq_push(&q->vq, &console.req);
			device_call(console.device, CONTROL_TX);
		}
	} while (st == VIRTQ_EMPTY && virtq_rearm(&q->vq));
	if (st == VIRTQ_BROKEN)
		device_break(console.device, CONTROL_TX, "a control message makes no sense");
	tell_pending();
}

static void console_kick(struct device *d, unsigned i)
{
	struct port *p = i == CONTROL_RX || i == CONTROL_TX ? NULL : port_of_queue(i);

	(void)d;
	if (i == CONTROL_RX) {
		/* Asked for before looking: buffers that come later are told. */
		(void)virtq_rearm(&console.device->queue[i].vq);
		tell_pending();
	} else if (i == CONTROL_TX) {
		take_control();
	} else if (p == NULL) {
		return; /* queues of no port: 5.3.2 numbers have none left over but port 0's */
	} else if (i % 2 == 0) {
		receive(p);
		if (p->client < 0 && runs(i + 1))
			transmit(p);
	} else {
		transmit(p);
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
	.open_files = DEVICE_PORTS_MAX, /* clients */
};
