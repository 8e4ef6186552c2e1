/* SPDX-License-Identifier: ISC */
#include "vsock_connection.h"

#include "bug.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define LINGER_NS (2 * SECOND_NS)  /* for the guest's reset, when both sides have finished */
#define DRAIN_NS  (10 * SECOND_NS) /* between two reads of a host's end, when the guest has */

static struct connection table[CONNECTIONS_MAX];
/* By themselves, so that what nobody uses is never touched. */
static _Alignas(4096) uint8_t buffers[CONNECTIONS_MAX][CONNECTION_BUFFER];
static void (*host_ready)(void *arg, uint32_t events);

uint64_t connection_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

void connections_init(void (*ready)(void *arg, uint32_t events))
{
	host_ready = ready;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		table[i] =
			(struct connection){ .fd = -1, .source.fd = -1, .buffer = buffers[i] };
}

struct connection *connection_at(unsigned i)
{
	BUG_ON(i >= CONNECTIONS_MAX);
	return &table[i];
}

unsigned connection_index(const struct connection *c)
{
	return (unsigned)(c - table);
}

struct connection *connection_find(uint32_t guest_port, uint32_t host_port)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &table[i];

		if (c->state != FREE && c->state != GREETING && c->state != DRAINING &&
		    c->guest_port == guest_port && c->host_port == host_port)
			return c;
	}
	return NULL;
}

struct connection *connection_new(enum connection_state state, uint64_t patience_ns)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &table[i];

		if (c->state != FREE)
			continue;
		*c = (struct connection){ .state = state,
					  .generation = c->generation + 1,
					  .fd = -1,
					  .source.fd = -1,
					  .buffer = buffers[i] };
		connection_expect(c, patience_ns);
		return c;
	}
	return NULL;
}

bool connection_attach(struct connection *c, int fd)
{
	c->fd = fd;
	c->source = (struct loop_source){ .fd = fd, .ready = host_ready, .arg = c };
	c->watched = 0;
	if (loop_add(&c->source, 0))
		return true;
	c->fd = c->source.fd = -1;
	close(fd);
	return false;
}

void connection_expect(struct connection *c, uint64_t patience_ns)
{
	c->deadline_ns = patience_ns == 0 ? 0 : connection_now() + patience_ns;
}

static void close_host_end(struct connection *c)
{
	loop_remove(&c->source);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->readable = false;
	c->filled = 0;
}

void connection_free(struct connection *c)
{
	close_host_end(c);
	c->state = FREE;
	c->owed = 0;
	c->deadline_ns = 0;
}

void connection_end(struct connection *c)
{
	bool unheard = c->state == GREETING || c->state == DRAINING ||
		       (c->state == REQUESTED && (c->owed >> OP_REQUEST & 1) != 0);

	connection_free(c);
	if (unheard)
		return;
	c->state = ENDED;
	c->owed = 1u << OP_RST;
}

/* A guest that claims to have forwarded what was never sent has no credit, 5.10.6.3. */
uint32_t connection_credit(const struct connection *c)
{
	uint32_t in_flight = c->sent - c->peer_forwarded;

	return in_flight > c->peer_alloc ? 0 : c->peer_alloc - in_flight;
}

bool connection_sends(const struct connection *c)
{
	return c->state == OPEN && c->readable && (c->host_done & NO_SEND) == 0 &&
	       (c->guest_done & NO_RECEIVE) == 0;
}

static void shut(struct connection *c, uint8_t flag, int how)
{
	if (c->fd >= 0 && (c->shut & flag) == 0)
		(void)shutdown(c->fd, how);
	c->shut |= flag;
}

/* What follows from what both sides have said and what is on its way. */
static void settle(struct connection *c)
{
	bool sent_all = c->filled == 0 && (c->guest_done & NO_SEND) != 0;

	if (c->state == DRAINING && c->filled == 0)
		connection_free(c);
	if (c->state != OPEN)
		return;
	if ((c->guest_done & NO_SEND) == 0 &&
	    c->forwarded - c->told_forwarded >= CONNECTION_BUFFER / 2)
		c->owed |= 1u << OP_CREDIT_UPDATE;
	if ((sent_all || (c->host_done & NO_RECEIVE) != 0) &&
	    ((c->host_done & NO_SEND) | (c->guest_done & NO_RECEIVE)) != 0) {
		/* Both directions are over: who has not said so is told, and resets (5.10.6.5). */
		close_host_end(c);
		if (c->guest_done == NEITHER) {
			connection_end(c);
		} else if (c->deadline_ns == 0) {
			c->host_done = NEITHER;
			c->owed |= 1u << OP_SHUTDOWN;
			connection_expect(c, LINGER_NS);
		}
		return;
	}
	if (sent_all)
		shut(c, NO_SEND, SHUT_WR);
	if ((c->guest_done & NO_RECEIVE) != 0)
		shut(c, NO_RECEIVE, SHUT_RD);
	if (c->guest_done == NEITHER && c->deadline_ns == 0)
		connection_expect(c, DRAIN_NS);
}

/* The host's end takes no more: what was for it is lost, as with every socket. */
static void refused(struct connection *c)
{
	c->forwarded += c->filled;
	c->filled = 0;
	if (c->state == OPEN) {
		c->host_done |= NO_RECEIVE;
		c->owed |= 1u << OP_SHUTDOWN;
	}
	settle(c);
}

uint32_t connection_read(struct connection *c, struct virtq_req *req, uint64_t len)
{
	struct iovec iov[VIRTQ_SEGS_MAX];
	int count = virtq_write_iovec(req, len, iov, VIRTQ_SEGS_MAX);
	ssize_t n;

	BUG_ON(count <= 0); /* the caller has asked for the room */
	n = readv(c->fd, iov, count);
	if (n < 0 && errno != EAGAIN) {
		connection_end(c);
	} else if (n < 0) {
		c->readable = false;
	} else if (n == 0) {
		c->readable = false;
		c->host_done |= NO_SEND;
		c->owed |= 1u << OP_SHUTDOWN;
		settle(c);
	} else {
		c->sent += (uint32_t)n;
		/* There was no more; the loop tells of what comes, unless it has told of the end. */
		c->readable = (uint64_t)n == len || c->source.fd < 0;
	}
	return n > 0 ? (uint32_t)n : 0;
}

/* The rest of a packet that the host's end has not taken; there is room. */
static void keep(struct connection *c, struct virtq_req *req, uint32_t len)
{
	uint32_t at = (c->start + c->filled) % CONNECTION_BUFFER;
	uint32_t first = len < CONNECTION_BUFFER - at ? len : CONNECTION_BUFFER - at;

	BUG_ON(!virtq_get(req, c->buffer + at, first) ||
	       !virtq_get(req, c->buffer, len - first));
	c->filled += len;
}

bool connection_write(struct connection *c, struct virtq_req *req, uint32_t len)
{
	uint16_t seg = req->rd_seg;
	uint32_t off = req->rd_off;
	struct iovec iov[VIRTQ_SEGS_MAX];
	ssize_t n = 0;

	if ((c->guest_done & NO_SEND) != 0 || len > virtq_readable(req) ||
	    len > CONNECTION_BUFFER - c->filled)
		return false;
	if (c->fd < 0 || (c->host_done & NO_RECEIVE) != 0) {
		c->forwarded += len; /* nobody is there: it was on its way when that was told */
		return true;
	}
	if (len > 0 && c->filled == 0) {
		n = writev(c->fd, iov, virtq_read_iovec(req, len, iov, VIRTQ_SEGS_MAX));
		if (n < 0 && errno != EAGAIN) {
			c->forwarded += len;
			refused(c);
			return true;
		}
		n = n < 0 ? 0 : n;
		c->forwarded += (uint32_t)n;
		c->start = 0;
		/* Back to what is left of it. */
		req->rd_seg = seg;
		req->rd_off = off;
		(void)virtq_read_iovec(req, (uint64_t)n, iov, VIRTQ_SEGS_MAX);
	}
	keep(c, req, len - (uint32_t)n);
	settle(c);
	return true;
}

void connection_drain(struct connection *c)
{
	uint32_t first = CONNECTION_BUFFER - c->start;
	struct iovec iov[2] = { { c->buffer + c->start, first }, { c->buffer, 0 } };
	ssize_t n;

	if (c->filled < first)
		iov[0].iov_len = c->filled;
	else
		iov[1].iov_len = c->filled - first;
	n = writev(c->fd, iov, 2);
	if (n < 0) {
		if (errno != EAGAIN)
			refused(c);
		return;
	}
	c->start = (c->start + (uint32_t)n) % CONNECTION_BUFFER;
	c->filled -= (uint32_t)n;
	c->forwarded += (uint32_t)n;
	if (c->deadline_ns != 0)
		connection_expect(c, DRAIN_NS);
	settle(c);
}

void connection_shutdown(struct connection *c, uint8_t flags)
{
	c->guest_done |= flags;
	settle(c);
}

void connection_reset(struct connection *c)
{
	/* Who had finished in good order may leave: what it had sent arrives all the same. */
	if (c->filled == 0 || (c->guest_done & NO_SEND) == 0) {
		connection_free(c);
		return;
	}
	c->state = DRAINING;
	c->owed = 0;
	connection_expect(c, DRAIN_NS);
}

void connection_hung_up(struct connection *c)
{
	if (c->state != OPEN) {
		connection_end(c);
		return;
	}
	/* Nothing more can be written, and all that there is can be read: no more to wait for. */
	loop_remove(&c->source);
	c->readable = true;
	refused(c);
}

void connection_watch(struct connection *c)
{
	uint32_t events = 0;

	if (c->source.fd < 0)
		return;
	if (c->state == GREETING || (c->state == OPEN && !c->readable))
		events |= EPOLLIN;
	if (c->filled > 0 && (c->state == OPEN || c->state == DRAINING))
		events |= EPOLLOUT;
	if (events != c->watched)
		loop_change(&c->source, events);
	c->watched = events;
}
