/* SPDX-License-Identifier: ISC */
/*
 * virtio-balloon (virtio 1.2, 5.5) with free page reporting: pages that the guest gives away are
 * punched out of the memory's file, so that the host has them back at once. Which pages those
 * are is the guest's affair alone; they read as zero afterwards, also if it lied.
 *
 * A page comes back when it is touched, so that nobody has to be told first: no MUST_TELL_HOST.
 */
#include "balloon_policy.h"
#include "device.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PAGE 4096u /* 5.5.6: whatever the guest's own size */

enum { F_DEFLATE_ON_OOM = 2, F_REPORTING = 5 }; /* 5.5.3 */

/*
 * 5.5.2 has reporting_vq as number 4; Linux 6.1 numbers only the queues that are there, and so has
 * it as 2. Without statistics and hints nothing else can be in 2, 3 and 4.
 */
enum { INFLATE, DEFLATE, REPORT_FIRST, QUEUE_COUNT = 5 };

enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4 }; /* 5.5.4; le32 each */

#define BATCH	    256	 /* page numbers that are read at once */
#define REQUEST_MAX 4096 /* page numbers taken of a request */
#define TURN	    4096 /* page numbers and requests, before others have their turn */
#define LATER_NS    100000000u

static struct balloon {
	struct device *device;
	struct virtq_req req;
	struct loop_source next_turn;
	uint32_t told; /* the last "actual" that the launcher knows of */
	struct log_limit odd;
} balloon;

/* Part of the memory's file. */
struct run {
	int fd;
	uint64_t offset, len;
};

static void set_config(struct device *d, unsigned at, uint32_t value)
{
	value = htole32(value);
	memcpy(&d->config[at], &value, sizeof(value));
}

/* Gives a run back to the host; memory in larger pages than the run keeps it. */
static void release(const struct run *r)
{
	if (r->len > 0 &&
	    fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)r->offset,
		      (off_t)r->len) < 0 &&
	    errno != EINVAL && errno != EOPNOTSUPP)
		log_guest(&balloon.odd, "balloon: the host takes no memory back: %s",
			  strerror(errno));
}

/* Adds a page to a run of neighbours, or releases that and begins another. */
static void add_page(struct run *r, uint32_t number)
{
	struct run page = { .len = PAGE };

	if (!device_memory_file(balloon.device, gpa((uint64_t)number * PAGE), PAGE, &page.fd,
				&page.offset)) {
		log_guest(&balloon.odd, "balloon: page 0x%x is no memory", number);
		return;
	}
	if (r->len > 0 && r->fd == page.fd && r->offset + r->len == page.offset) {
		r->len += PAGE;
	} else if (r->len > 0 && r->fd == page.fd && page.offset + PAGE == r->offset) {
		r->offset = page.offset;
		r->len += PAGE;
	} else {
		release(r);
		*r = page;
	}
}

/* 5.5.6: an array of page numbers. Returns how many there were, of those that are taken. */
static unsigned inflate(struct virtq_req *req)
{
	uint64_t all = virtq_readable(req) / sizeof(uint32_t);
	unsigned left = all < REQUEST_MAX ? (unsigned)all : REQUEST_MAX, count = left;
	struct run r = { .len = 0 };

	if (all > REQUEST_MAX)
		log_guest(&balloon.odd, "balloon: a request of %llu pages, of which %u count",
			  (unsigned long long)all, REQUEST_MAX);
	while (left > 0) {
		uint32_t number[BATCH];
		unsigned n = left < BATCH ? left : BATCH;

		if (!virtq_get(req, number, n * sizeof(number[0])))
			break;
		left -= n;
		for (unsigned i = 0; i < n; i++)
			add_page(&r, le32toh(number[i]));
	}
	release(&r);
	return count;
}

/* 5.5.6.7: each buffer is itself the memory that is free. Returns how many. */
static unsigned report(const struct virtq_req *req)
{
	for (unsigned i = req->first_writable; i < req->count; i++) {
		const struct virtq_seg *s = &req->seg[i];
		uint64_t skip = (PAGE - s->addr.raw % PAGE) % PAGE;
		struct run r;

		if (s->len <= skip)
			continue;
		r.len = (s->len - skip) / PAGE * PAGE;
		if (device_memory_file(balloon.device, gpa(s->addr.raw + skip), r.len, &r.fd,
				       &r.offset))
			release(&r);
	}
	return req->count;
}

static void balloon_kick(struct device *d, unsigned i)
{
	struct virtq *q = &d->queue[i].vq;
	enum virtq_status st = VIRTQ_OK;
	unsigned left = TURN;

	while (left > 0) {
		unsigned cost = 0;

		st = virtq_pop(q, &balloon.req);
		if (st == VIRTQ_OK) {
			if (i == INFLATE)
				cost = inflate(&balloon.req);
			else if (i >= REPORT_FIRST)
				cost = report(&balloon.req);
			virtq_push(q, &balloon.req);
		} else if (st == VIRTQ_BROKEN || !virtq_rearm(q)) {
			break;
		}
		left -= cost + 1 < left ? cost + 1 : left;
	}
	device_call(d, i);
	if (st == VIRTQ_BROKEN)
		device_break(d, i, "a request makes no sense");
	else if (left == 0)
		loop_timer_set(&balloon.next_turn, 1);
}

/* The launcher hears of a change once; later, if it cannot take the message now. */
static void tell_actual(void)
{
	struct device_command c = { .kind = DEVICE_ACTUAL };
	uint32_t actual;

	memcpy(&actual, &balloon.device->config[CONFIG_ACTUAL], sizeof(actual));
	actual = le32toh(actual);
	if (actual == balloon.told)
		return;
	c.value = (uint64_t)actual * PAGE;
	if (device_tell(&c))
		balloon.told = actual;
	else
		loop_timer_set(&balloon.next_turn, LATER_NS);
}

static void turn(void *arg, uint32_t events)
{
	struct device *d = arg;

	(void)events;
	tell_actual(); /* first, as it may set the timer to a later time than a queue does */
	for (unsigned i = 0; i < QUEUE_COUNT; i++)
		if (d->queue[i].running)
			balloon_kick(d, i);
}

/* 2.5: a driver writes a field as a whole; anything else is no write to it. */
static void balloon_config_write(struct device *d, uint32_t off, const uint8_t *data,
				 uint32_t len)
{
	if (off != CONFIG_ACTUAL || len != sizeof(uint32_t))
		return;
	memcpy(&d->config[CONFIG_ACTUAL], data, sizeof(uint32_t));
	tell_actual();
}

static void set_target(struct device *d, uint64_t bytes)
{
	uint64_t pages = bytes / PAGE;

	set_config(d, CONFIG_NUM_PAGES, pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX);
}

static void balloon_command(struct device *d, const struct device_command *c, int fd)
{
	if (fd >= 0)
		close(fd);
	if (c->kind != DEVICE_BALLOON)
		return;
	set_target(d, c->value);
	device_config_changed(d);
}

static void balloon_reset(struct device *d)
{
	set_config(d, CONFIG_ACTUAL, 0);
	tell_actual();
}

static enum status balloon_open(struct device *d, const struct device_config *c)
{
	memset(&balloon, 0, sizeof(balloon));
	balloon.device = d;
	if (!loop_timer_init(&balloon.next_turn, turn, d) ||
	    !loop_add(&balloon.next_turn, EPOLLIN)) {
		log_error("no timer: %s", strerror(errno));
		return STATUS_FAILED;
	}
	d->features = 1ull << F_DEFLATE_ON_OOM | 1ull << F_REPORTING;
	d->queue_count = QUEUE_COUNT;
	d->config_size = 8;
	set_target(d, c->u.balloon.target);
	return STATUS_OK;
}

const struct device_ops device_ops = {
	.name = "balloon",
	.open = balloon_open,
	.kick = balloon_kick,
	.reset = balloon_reset,
	.config_write = balloon_config_write,
	.command = balloon_command,
	.filter = balloon_filter,
	.filter_count = balloon_filter_count,
	.file_size = 0,	 /* a hole makes no file longer */
	.open_files = 1, /* the timer */
};
