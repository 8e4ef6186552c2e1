/* SPDX-License-Identifier: ISC */
/*
 * virtio-balloon (virtio 1.2, 5.5) with free page reporting: pages that the guest gives away are
 * punched out of the memory's file, so that the host has them back at once. Which pages those
 * are is the guest's affair alone; they read as zero afterwards, also if it lied.
 */
#include "balloon_policy.h"
#include "device.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u /* 5.5.6: whatever the guest's own size */

enum { F_DEFLATE_ON_OOM = 2, F_REPORTING = 5 }; /* 5.5.3 */

/* 5.5.2: without statistics and hints, reporting is the third. */
enum { INFLATE, DEFLATE, REPORT, QUEUE_COUNT };

enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4 }; /* 5.5.4; le32 each */

#define BATCH 256 /* page numbers that are read at once */

static struct balloon {
	struct device *device;
	struct virtq_req req;
	struct log_limit odd;
} balloon;

static void set_config(struct device *d, unsigned at, uint32_t value)
{
	value = htole32(value);
	memcpy(&d->config[at], &value, sizeof(value));
}

/* Gives a range back to the host; memory in larger pages than the range keeps it. */
static void release(gpa_t start, uint64_t len)
{
	uint64_t offset;
	int fd;

	if (len == 0)
		return;
	if (!device_memory_file(balloon.device, start, len, &fd, &offset)) {
		log_guest(&balloon.odd, "balloon: pages that are not memory");
		return;
	}
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)len) < 0 &&
	    errno != EINVAL && errno != EOPNOTSUPP)
		log_guest(&balloon.odd, "balloon: the host takes no memory back: %s",
			  strerror(errno));
}

/* 5.5.6: an array of page numbers. Neighbours go back together. */
static void inflate(struct virtq_req *req)
{
	uint64_t start = 0, len = 0, left = virtq_readable(req) / sizeof(uint32_t);

	while (left > 0) {
		uint32_t page[BATCH];
		size_t n = left < BATCH ? (size_t)left : BATCH;

		if (!virtq_get(req, page, n * sizeof(page[0])))
			break;
		left -= n;
		for (size_t i = 0; i < n; i++) {
			uint64_t at = (uint64_t)le32toh(page[i]) * PAGE;

			if (len > 0 && at == start + len) {
				len += PAGE;
			} else if (len > 0 && at + PAGE == start) {
				start = at;
				len += PAGE;
			} else {
				release(gpa(start), len);
				start = at;
				len = PAGE;
			}
		}
	}
	release(gpa(start), len);
}

/* 5.5.6.7: each buffer is itself the memory that is free. */
static void report(const struct virtq_req *req)
{
	for (unsigned i = req->first_writable; i < req->count; i++) {
		const struct virtq_seg *s = &req->seg[i];
		uint64_t skip = (PAGE - s->addr.raw % PAGE) % PAGE;

		if (s->len > skip)
			release(gpa(s->addr.raw + skip), (s->len - skip) / PAGE * PAGE);
	}
}

static void balloon_kick(struct device *d, unsigned i)
{
	struct device_queue *q = &d->queue[i];
	enum virtq_status st;

	do {
		while ((st = virtq_pop(&q->vq, &balloon.req)) == VIRTQ_OK) {
			if (i == INFLATE)
				inflate(&balloon.req);
			else if (i == REPORT)
				report(&balloon.req);
			/* Deflating needs nothing: a page comes back when it is touched. */
			virtq_push(&q->vq, &balloon.req);
			device_call(d, i);
		}
	} while (st == VIRTQ_EMPTY && virtq_rearm(&q->vq));
	if (st == VIRTQ_BROKEN)
		device_break(d, i, "a request makes no sense");
}

static void balloon_config_write(struct device *d, uint32_t off, const uint8_t *data,
				 uint32_t len)
{
	struct device_command c = { .kind = DEVICE_ACTUAL };
	uint32_t actual;

	if (off != CONFIG_ACTUAL || len != sizeof(actual))
		return;
	memcpy(&actual, data, sizeof(actual));
	if (memcmp(&d->config[CONFIG_ACTUAL], data, sizeof(actual)) == 0)
		return;
	memcpy(&d->config[CONFIG_ACTUAL], data, sizeof(actual));
	c.value = (uint64_t)le32toh(actual) * PAGE;
	(void)!device_tell(&c); /* who asks again is told again */
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
}

static enum status balloon_open(struct device *d, const struct device_config *c)
{
	memset(&balloon, 0, sizeof(balloon));
	balloon.device = d;
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
	.file_size = RLIM_INFINITY,
};
