/* SPDX-License-Identifier: ISC */
#include "driver.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* virtio 1.2, 2.7.5, 2.7.6, 2.7.8. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

struct ring {
	struct desc desc[DRIVER_QUEUE];
	struct {
		uint16_t flags, idx, ring[DRIVER_QUEUE], used_event;
	} avail;
	struct {
		_Alignas(4) uint16_t flags;
		uint16_t idx;
		struct {
			uint32_t id, len;
		} ring[DRIVER_QUEUE];
		uint16_t avail_event;
	} used;
};

#define RING_SPACE 4096u /* of each queue; the first one begins at that address */

_Static_assert(sizeof(struct ring) <= RING_SPACE, "a page each");
_Static_assert(DRIVER_QUEUE == 64, "a bit of a word each");

struct driver driver;
static int memory_fd = -1;

/* The test is wrong, or the device is beyond all bounds. */
static void die_if(bool wrong, const char *why)
{
	if (!wrong)
		return;
	fprintf(stderr, "driver: %s\n", why);
	abort();
}

/* Fills the numbers that a launcher fills, so that no other descriptor of a test lands there. */
__attribute__((constructor)) static void reserve_descriptors(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	die_if(null < 0, "/dev/null");
	for (int fd = DEVICE_FD_CONTROL; fd < DEVICE_FD_BACKEND + DEVICE_BACKENDS_MAX; fd++)
		die_if(fd != null && dup2(null, fd) < 0, "dup2");
}

static struct ring *ring(unsigned queue)
{
	return driver_at(gpa(RING_SPACE * (queue + 1)));
}

static void empty_memory(void)
{
	if (memory_fd < 0) {
		memory_fd = memfd_create("guest", MFD_CLOEXEC);
		die_if(memory_fd < 0 || ftruncate(memory_fd, DRIVER_MEMORY) < 0, "memfd");
		driver.memory = mmap(NULL, DRIVER_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
				     memory_fd, 0);
		die_if(driver.memory == MAP_FAILED, "mmap");
	}
	die_if(ftruncate(memory_fd, 0) < 0 || ftruncate(memory_fd, DRIVER_MEMORY) < 0,
	       "ftruncate");
}

enum status driver_open(const struct device_config *c, uint64_t without)
{
	struct device *d = &driver.device;
	struct gmem_region all = { .size = DRIVER_MEMORY };
	enum status st;

	empty_memory();
	driver = (struct driver){ .memory = driver.memory,
				  .next_free = RING_SPACE * (DEVICE_QUEUES_MAX + 1) };
	all.host = driver.memory;
	die_if(!gmem_init(&d->mem, &all, 1), "gmem_init");
	die_if(!loop_init(), "loop_init");
	d->ops = &device_ops;
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++) {
		d->queue[i].device = d;
		d->queue[i].index = i;
		d->queue[i].kick_fd = d->queue[i].call_fd = d->queue[i].err_fd = -1;
		d->queue[i].kick_source.fd = -1;
	}
	st = device_ops.open(d, c);
	if (st != STATUS_OK)
		return st;
	die_if(d->queue_count == 0 || d->queue_count > DEVICE_QUEUES_MAX, "queue_count");
	die_if(d->config_size > DEVICE_CONFIG_SPACE, "config_size");
	d->acked = (d->features | 1ull << VIRTIO_F_INDIRECT | 1ull << VIRTIO_F_EVENT_IDX |
		    1ull << VIRTIO_F_VERSION_1) &
		   ~without;
	return STATUS_OK;
}

void driver_start(unsigned queue)
{
	struct device *d = &driver.device;
	struct device_queue *q = &d->queue[queue];
	struct ring *r = ring(queue);
	uint64_t base = RING_SPACE * (queue + 1);
	struct virtq_layout l = { .desc = gpa(base),
				  .avail = gpa(base + offsetof(struct ring, avail)),
				  .used = gpa(base + offsetof(struct ring, used)),
				  .size = DRIVER_QUEUE,
				  .event_idx = device_has(d, VIRTIO_F_EVENT_IDX),
				  .indirect = device_has(d, VIRTIO_F_INDIRECT) };

	die_if(queue >= d->queue_count || q->running, "a queue that cannot be started");
	memset(r, 0, sizeof(*r));
	driver.descs[queue] = driver.heads[queue] = 0;
	driver.avail[queue] = driver.seen_used[queue] = 0;
	die_if(!virtq_init(&q->vq, &d->mem, &l, 0), "virtq_init");
	q->layout = l;
	q->running = true;
	q->broken = false;
	if (d->ops->start != NULL)
		d->ops->start(d, queue);
	driver_kick(queue);
}

void driver_start_all(void)
{
	for (unsigned i = 0; i < driver.device.queue_count; i++)
		driver_start(i);
}

void driver_stop_all(void)
{
	struct device *d = &driver.device;

	for (unsigned i = 0; i < d->queue_count; i++) {
		struct device_queue *q = &d->queue[i];

		if ((q->running || q->broken) && d->ops->stop != NULL)
			d->ops->stop(d, i);
		q->running = q->broken = false;
	}
}

void driver_reset(void)
{
	driver_stop_all();
	if (driver.device.ops->reset != NULL)
		driver.device.ops->reset(&driver.device);
}

gpa_t driver_alloc(uint32_t len)
{
	uint64_t at = driver.next_free;

	die_if(len > DRIVER_MEMORY - at, "guest memory is used up");
	driver.next_free = (at + len + 63) & ~63ull;
	return gpa(at);
}

void *driver_at(gpa_t addr)
{
	die_if(addr.raw >= DRIVER_MEMORY, "an address outside");
	return driver.memory + addr.raw;
}

static uint16_t take_desc(unsigned queue)
{
	unsigned i;

	die_if(~driver.descs[queue] == 0, "no descriptor is free");
	i = (unsigned)__builtin_ctzll(~driver.descs[queue]);
	driver.descs[queue] |= 1ull << i;
	return (uint16_t)i;
}

static void free_chain(unsigned queue, uint16_t i)
{
	const struct desc *table = ring(queue)->desc;

	for (;; i = le16toh(table[i].next)) {
		driver.descs[queue] &= ~(1ull << i);
		if ((le16toh(table[i].flags) & NEXT) == 0)
			break;
	}
}

static struct desc make_desc(const struct driver_part *part, bool more, uint16_t next)
{
	unsigned flags = (more ? NEXT : 0u) | (part->writable ? WRITE : 0u);

	return (struct desc){ .addr = htole64(part->addr.raw),
			      .len = htole32(part->len),
			      .flags = htole16((uint16_t)flags),
			      .next = htole16(next) };
}

static uint16_t add_chain(unsigned queue, const struct driver_part *part, unsigned count)
{
	uint16_t head = take_desc(queue), i = head;

	for (unsigned n = 0; n < count; n++) {
		bool more = n + 1 < count;
		uint16_t next = more ? take_desc(queue) : 0;

		ring(queue)->desc[i] = make_desc(&part[n], more, next);
		i = next;
	}
	return head;
}

static uint16_t add_indirect(unsigned queue, const struct driver_part *part, unsigned count)
{
	uint32_t len = count * (uint32_t)sizeof(struct desc);
	gpa_t addr = driver_alloc(len);
	struct desc *table = driver_at(addr);
	uint16_t head = take_desc(queue);

	die_if(!device_has(&driver.device, VIRTIO_F_INDIRECT), "a chain too long");
	for (unsigned n = 0; n < count; n++)
		table[n] = make_desc(&part[n], n + 1 < count, (uint16_t)(n + 1));
	ring(queue)->desc[head] = (struct desc){ .addr = htole64(addr.raw),
						 .len = htole32(len),
						 .flags = htole16(INDIRECT) };
	return head;
}

uint16_t driver_add(unsigned queue, const struct driver_part *part, unsigned count)
{
	struct ring *r = ring(queue);
	uint16_t head;

	die_if(count == 0, "a chain of nothing");
	head = count <= DRIVER_QUEUE ? add_chain(queue, part, count)
				     : add_indirect(queue, part, count);
	driver.heads[queue] |= 1ull << head;
	r->avail.ring[driver.avail[queue] % DRIVER_QUEUE] = htole16(head);
	driver.avail[queue]++;
	__atomic_store_n(&r->avail.idx, htole16(driver.avail[queue]), __ATOMIC_RELEASE);
	return head;
}

void driver_kick(unsigned queue)
{
	if (driver.device.queue[queue].running)
		driver.device.ops->kick(&driver.device, queue);
}

static bool has_used(unsigned queue)
{
	uint16_t idx = __atomic_load_n(&ring(queue)->used.idx, __ATOMIC_ACQUIRE);

	return le16toh(idx) != driver.seen_used[queue];
}

bool driver_used(unsigned queue, uint16_t *head, uint32_t *len)
{
	struct ring *r = ring(queue);
	uint16_t slot = driver.seen_used[queue] % DRIVER_QUEUE;
	uint32_t id;

	if (!has_used(queue))
		return false;
	id = le32toh(r->used.ring[slot].id);
	die_if(id >= DRIVER_QUEUE || (driver.heads[queue] >> id & 1) == 0,
	       "used what was not available");
	driver.heads[queue] &= ~(1ull << id);
	free_chain(queue, (uint16_t)id);
	driver.seen_used[queue]++;
	r->avail.used_event = htole16(driver.seen_used[queue]); /* wants the next one */
	*head = (uint16_t)id;
	*len = le32toh(r->used.ring[slot].len);
	return true;
}

#define TICK_NS 1000000u

/* What ends loop_run(): a used element of the queue, or enough ticks. */
static struct {
	struct loop_source timer;
	int queue; /* -1: none */
	unsigned ticks;
} until;

static void tick(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	if (until.ticks == 0 || (until.queue >= 0 && has_used((unsigned)until.queue))) {
		loop_end();
		return;
	}
	until.ticks--;
	loop_timer_set(&until.timer, TICK_NS);
}

static void serve(int queue, unsigned ticks)
{
	int fd;

	until.queue = queue;
	until.ticks = ticks;
	die_if(!loop_timer_init(&until.timer, tick, NULL) || !loop_add(&until.timer, EPOLLIN),
	       "timer");
	fd = until.timer.fd;
	loop_timer_set(&until.timer, TICK_NS);
	loop_run();
	loop_remove(&until.timer);
	close(fd);
}

bool driver_wait(unsigned queue, uint16_t *head, uint32_t *len)
{
	if (!has_used(queue))
		serve((int)queue, 1000);
	return driver_used(queue, head, len);
}

void driver_serve(unsigned ms)
{
	serve(-1, ms);
}

bool device_has(const struct device *d, unsigned feature_bit)
{
	return (d->acked >> feature_bit & 1) != 0;
}

void device_call(struct device *d, unsigned i)
{
	if (d->queue[i].running && virtq_wants_call(&d->queue[i].vq))
		driver.calls[i]++;
}

void device_break(struct device *d, unsigned i, const char *why)
{
	(void)why;
	d->queue[i].running = false;
	d->queue[i].broken = true;
	driver.broken[i]++;
}

void device_config_changed(struct device *d)
{
	(void)d;
	driver.config_changes++;
}

bool device_tell(const struct device_command *c)
{
	driver.told = *c;
	driver.tells++;
	return true;
}

bool device_memory_file(const struct device *d, gpa_t addr, uint64_t len, int *fd,
			uint64_t *offset)
{
	(void)d;
	if (addr.raw >= DRIVER_MEMORY || len > DRIVER_MEMORY - addr.raw)
		return false;
	*fd = memory_fd;
	*offset = addr.raw;
	return true;
}
