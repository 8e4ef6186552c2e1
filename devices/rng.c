/* SPDX-License-Identifier: ISC */
/* virtio-rng, virtio 1.2, 5.4: random bytes of the host's for the guest. */
#include "device.h"

#include "rng_policy.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define REQUEST_MAX (64u << 10) /* bytes; "MAY use less than the entire buffer", 5.4.6.1 */
#define TURN_MAX    16		/* requests, before others have a turn */

static struct loop_source next_turn;
static struct log_limit empty_limit;

static void fill(struct virtq_req *req)
{
	static struct iovec iov[VIRTQ_SEGS_MAX];
	uint64_t len = virtq_writable(req) < REQUEST_MAX ? virtq_writable(req) : REQUEST_MAX;
	int count = virtq_write_iovec(req, len, iov, VIRTQ_SEGS_MAX);

	if (len == 0)
		log_guest(&empty_limit, "a request with no room for a byte");
	for (int i = 0; i < count; i++) {
		ssize_t n = getrandom(iov[i].iov_base, iov[i].iov_len, 0);

		if (n > 0)
			virtq_wrote(req, (uint32_t)n);
		if (n != (ssize_t)iov[i].iov_len)
			break; /* used.len covers a whole beginning */
	}
}

static void rng_kick(struct device *d, unsigned i)
{
	static struct virtq_req req;
	struct virtq *q = &d->queue[i].vq;
	enum virtq_status st = VIRTQ_OK;
	unsigned n = 0;

	virtq_disarm(q);
	for (; n < TURN_MAX; n++) {
		st = virtq_pop(q, &req);
		if (st == VIRTQ_OK) {
			fill(&req);
			virtq_push(q, &req);
		} else if (st == VIRTQ_BROKEN || !virtq_rearm(q)) {
			break;
		}
	}
	device_call(d, i);
	if (st == VIRTQ_BROKEN)
		device_break(d, i, "a request makes no sense");
	else if (n == TURN_MAX)
		loop_timer_set(&next_turn, 1);
}

static void turn(void *arg, uint32_t events)
{
	struct device *d = arg;

	(void)events;
	if (d->queue[0].running)
		rng_kick(d, 0);
}

static enum status rng_open(struct device *d, const struct device_config *c)
{
	if (c->backend_count != 0) {
		log_error("it needs no back end, but was given %u", c->backend_count);
		return STATUS_NOT_STARTED;
	}
	if (!loop_timer_init(&next_turn, turn, d) || !loop_add(&next_turn, EPOLLIN)) {
		log_error("no timer: %s", strerror(errno));
		return STATUS_FAILED;
	}
	d->queue_count = 1;
	return STATUS_OK;
}

const struct device_ops device_ops = {
	.name = "rng",
	.open = rng_open,
	.kick = rng_kick,
	.filter = rng_filter,
	.filter_count = rng_filter_count,
	.open_files = 1, /* the timer */
};
