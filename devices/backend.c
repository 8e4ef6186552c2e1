/* SPDX-License-Identifier: ISC */
#include "backend.h"

#include "bug.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEER_MS		     5000 /* a front end reads and finishes its messages sooner */
#define INFLIGHT_SIZE_PACKED 20u  /* as front ends send it that go by the specification alone */
#define RING_INDEX_MASK	     0xffu

#define FEATURES                                                                               \
	(1ull << VIRTIO_F_INDIRECT | 1ull << VIRTIO_F_EVENT_IDX | 1ull << VIRTIO_F_VERSION_1 | \
	 1ull << VHOST_USER_F_PROTOCOL_FEATURES)

#define PROTOCOL_FEATURES                                                                      \
	(1ull << VHOST_USER_PROTOCOL_F_MQ | 1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK |          \
	 1ull << VHOST_USER_PROTOCOL_F_BACKEND_REQ | 1ull << VHOST_USER_PROTOCOL_F_CONFIG |    \
	 1ull << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD |                                        \
	 1ull << VHOST_USER_PROTOCOL_F_RESET_DEVICE)

_Static_assert(VHOST_USER_CONFIG_MAX == DEVICE_CONFIG_SPACE, "one bound for both");
_Static_assert(VHOST_USER_REGIONS_MAX == GMEM_REGIONS_MAX, "every table fits");

/* What has become of a message. */
enum verdict {
	DONE,
	ANSWERED,  /* the message now holds the answer */
	REFUSED,   /* nothing has changed, and the front end may go on */
	MALFORMED, /* no front end says so */
};

static struct backend *backend_of(struct device *d)
{
	return (struct backend *)(void *)((char *)d - offsetof(struct backend, device));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Takes the message's i-th descriptor over. */
static int take_fd(struct vhost_user_message *m, unsigned i)
{
	int fd = m->fd[i];

	m->fd[i] = -1;
	return fd;
}

static enum verdict refuse(struct backend *b, const char *why)
{
	log_guest(&b->refusals, "the front end is refused: %s", why);
	return REFUSED;
}

/* Another process may have filled or closed what is behind it, or it may be no eventfd at all. */
static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

bool device_has(const struct device *d, unsigned feature_bit)
{
	return (d->acked >> feature_bit & 1) != 0;
}

/* Only this thread writes them; whoever reads them sees each number whole. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

void device_call(struct device *d, unsigned i)
{
	struct device_queue *q = &d->queue[i];

	BUG_ON(i >= d->queue_count);
	if (!q->running)
		return;
	count(&d->counters->queue[i].requests, (uint16_t)(q->vq.next_used - q->counted));
	q->counted = q->vq.next_used;
	if (!virtq_wants_call(&q->vq))
		return;
	count(&d->counters->queue[i].interrupts, 1);
	signal_fd(q->call_fd);
}

void device_break(struct device *d, unsigned i, const char *why)
{
	struct device_queue *q = &d->queue[i];

	BUG_ON(i >= d->queue_count);
	if (q->broken)
		return;
	log_guest(&backend_of(d)->breaks, "queue %u: %s; the device needs a reset", i, why);
	q->broken = true;
	q->running = false;
	loop_remove(&q->kick_source);
	signal_fd(q->err_fd);
}

void device_config_changed(struct device *d)
{
	struct backend *b = backend_of(d);
	struct vhost_user_message m = { .request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG };

	if (b->request_fd < 0 || (b->protocol >> VHOST_USER_PROTOCOL_F_CONFIG & 1) == 0)
		return;
	/* It does not wait: one who has not read the earlier ones learns no more by another. */
	if (vhost_user_send(b->request_fd, &m, 0) != VHOST_USER_OK)
		log_guest(&b->refusals, "the front end does not hear of a changed config");
}

bool device_tell(const struct device_command *c)
{
	return send(DEVICE_FD_CONTROL, c, sizeof(*c), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(*c);
}

bool device_memory_file(const struct device *d, gpa_t addr, uint64_t len, int *fd,
			uint64_t *offset)
{
	const struct backend *b =
		(const void *)((const char *)d - offsetof(struct backend, device));

	for (unsigned i = 0; i < d->mem.region_count; i++) {
		const struct gmem_region *r = &d->mem.region[i];

		if (addr.raw < r->start || addr.raw - r->start >= r->size ||
		    len > r->size - (addr.raw - r->start))
			continue;
		*fd = b->region[i].fd;
		*offset = b->region[i].offset + (addr.raw - r->start);
		return true;
	}
	return false;
}

/* Rings. */

static void kicked(void *arg, uint32_t events)
{
	struct device_queue *q = arg;
	uint64_t kicks;
	ssize_t n = read(q->kick_fd, &kicks, sizeof(kicks));

	if (n == (ssize_t)sizeof(kicks)) {
		count(&q->device->counters->queue[q->index].notifications, kicks);
		q->device->ops->kick(q->device, q->index);
	} else if (n >= 0 || errno != EAGAIN || (events & (EPOLLHUP | EPOLLERR)) != 0)
		device_break(q->device, q->index, "what kicks it is no eventfd");
}

/* Rings are named by addresses of the front end. */
static bool translate(const struct backend *b, uint64_t user_addr, gpa_t *out)
{
	for (unsigned i = 0; i < b->device.mem.region_count; i++) {
		const struct gmem_region *r = &b->device.mem.region[i];
		uint64_t base = b->region[i].user_addr;

		if (user_addr < base || user_addr - base >= r->size)
			continue;
		*out = gpa(r->start + (user_addr - base));
		return true;
	}
	return false;
}

/* NULL, or what is wrong with a ring that is otherwise complete. */
static const char *set_up_ring(struct backend *b, struct device_queue *q)
{
	struct device *d = &b->device;
	struct virtq_layout *l = &q->layout;

	if (!device_has(d, VIRTIO_F_VERSION_1))
		return "its driver is older than virtio 1.0";
	l->event_idx = device_has(d, VIRTIO_F_EVENT_IDX);
	l->indirect = device_has(d, VIRTIO_F_INDIRECT);
	if (!translate(b, q->ring_addr[0], &l->desc) ||
	    !translate(b, q->ring_addr[1], &l->avail) ||
	    !translate(b, q->ring_addr[2], &l->used) ||
	    !virtq_init(&q->vq, &d->mem, l, q->base))
		return "its ring is misplaced";
	if (b->inflight != NULL) {
		size_t at = q->index * b->inflight_part;

		if (at >= b->inflight_len ||
		    !virtq_track(&q->vq, (void *)(b->inflight + at), b->inflight_part))
			return "what was in flight contradicts its ring";
	}
	q->kick_source = (struct loop_source){ .fd = q->kick_fd, .ready = kicked, .arg = q };
	if (loop_add(&q->kick_source, EPOLLIN))
		return NULL;
	q->kick_source.fd = -1;
	return "what kicks it cannot be watched";
}

static void start_ring(struct backend *b, struct device_queue *q)
{
	struct device *d = &b->device;
	const char *wrong = set_up_ring(b, q);

	if (wrong != NULL) {
		device_break(d, q->index, wrong);
		return;
	}
	b->begun[q->index] = true;
	q->running = true;
	q->counted = q->vq.next_used;
	if (q->vq.next_used != 0)
		signal_fd(q->call_fd); /* of what was used before, the driver may not know */
	if (d->ops->start != NULL)
		d->ops->start(d, q->index);
	if (q->running)
		d->ops->kick(d, q->index);
}

static void stop_ring(struct backend *b, struct device_queue *q)
{
	struct device *d = &b->device;

	if (!b->begun[q->index])
		return;
	if (d->ops->stop != NULL)
		d->ops->stop(d, q->index);
	loop_remove(&q->kick_source);
	b->begun[q->index] = false;
	q->running = false;
	q->base = q->vq.next_avail;
}

/* Starts a ring that has become complete, stops one that no longer is. */
static void update_ring(struct backend *b, struct device_queue *q)
{
	const struct device *d = &b->device;
	bool enabled = q->enabled || !device_has(d, VHOST_USER_F_PROTOCOL_FEATURES);
	bool complete = enabled && q->layout.size != 0 && q->addressed && q->kick_fd >= 0 &&
			d->mem.region_count > 0;

	if (!complete)
		stop_ring(b, q);
	else if (!b->begun[q->index] && !q->broken)
		start_ring(b, q);
}

static void update_all_rings(struct backend *b)
{
	for (unsigned i = 0; i < b->device.queue_count; i++)
		update_ring(b, &b->device.queue[i]);
}

static void stop_all_rings(struct backend *b)
{
	for (unsigned i = 0; i < b->device.queue_count; i++)
		stop_ring(b, &b->device.queue[i]);
}

static bool any_ring_begun(const struct backend *b)
{
	for (unsigned i = 0; i < b->device.queue_count; i++)
		if (b->begun[i])
			return true;
	return false;
}

static void init_ring(struct backend *b, unsigned i)
{
	b->device.queue[i] = (struct device_queue){ .device = &b->device,
						    .index = i,
						    .kick_fd = -1,
						    .call_fd = -1,
						    .err_fd = -1,
						    .kick_source.fd = -1 };
}

static void drop_inflight(struct backend *b)
{
	if (b->inflight != NULL)
		munmap(b->inflight, b->inflight_len);
	b->inflight = NULL;
}

static void drop_memory(struct backend *b)
{
	for (unsigned i = 0; i < b->device.mem.region_count; i++) {
		munmap(b->device.mem.region[i].host, b->device.mem.region[i].size);
		close_fd(&b->region[i].fd);
	}
	b->device.mem.region_count = 0;
}

/* As after power-on, but for memory and what the front end can do. */
static void reset(struct backend *b)
{
	stop_all_rings(b);
	for (unsigned i = 0; i < b->device.queue_count; i++) {
		close_fd(&b->device.queue[i].kick_fd);
		close_fd(&b->device.queue[i].call_fd);
		close_fd(&b->device.queue[i].err_fd);
		init_ring(b, i);
	}
	drop_inflight(b);
	b->device.acked = 0;
	if (b->device.ops->reset != NULL)
		b->device.ops->reset(&b->device);
}

/* Messages: negotiation. */

static enum verdict answer_u64(struct vhost_user_message *m, uint64_t value)
{
	m->size = sizeof(m->p.u64);
	m->p.u64 = value;
	return ANSWERED;
}

static enum verdict get_features(struct backend *b, struct vhost_user_message *m)
{
	return answer_u64(m, b->device.features | FEATURES);
}

static enum verdict set_features(struct backend *b, struct vhost_user_message *m)
{
	if ((m->p.u64 & ~(b->device.features | FEATURES)) != 0)
		return refuse(b, "features that were not offered");
	if (m->p.u64 != b->device.acked && any_ring_begun(b))
		return refuse(b, "other features while a ring runs");
	b->device.acked = m->p.u64;
	update_all_rings(b); /* without protocol features they need not be enabled */
	return DONE;
}

static enum verdict get_protocol_features(struct backend *b, struct vhost_user_message *m)
{
	(void)b;
	return answer_u64(m, PROTOCOL_FEATURES);
}

static enum verdict set_protocol_features(struct backend *b, struct vhost_user_message *m)
{
	if ((m->p.u64 & ~PROTOCOL_FEATURES) != 0)
		return refuse(b, "protocol features that were not offered");
	b->protocol = m->p.u64;
	return DONE;
}

static enum verdict get_queue_num(struct backend *b, struct vhost_user_message *m)
{
	return answer_u64(m, b->device.queue_count);
}

static enum verdict nothing(struct backend *b, struct vhost_user_message *m)
{
	(void)b;
	(void)m;
	return DONE;
}

static enum verdict reset_device(struct backend *b, struct vhost_user_message *m)
{
	(void)m;
	reset(b);
	return DONE;
}

static enum verdict set_backend_req_fd(struct backend *b, struct vhost_user_message *m)
{
	close_fd(&b->request_fd);
	b->request_fd = take_fd(m, 0);
	return DONE;
}

/* Messages: memory. */

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b ? b - a < a_len : a - b < b_len;
}

/* Maps size bytes of a file that has them; NULL otherwise. */
static uint8_t *map_file(int fd, uint64_t offset, uint64_t size)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0 || st.st_size < 0 || offset > (uint64_t)st.st_size ||
	    size > (uint64_t)st.st_size - offset)
		return NULL;
	/* The kernel refuses a size of 0, an offset that is not aligned, and what is no file. */
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		 (off_t)offset);
	return p == MAP_FAILED ? NULL : p;
}

/* The addresses by which the front end names its memory: what guest addresses must be, they too. */
static bool user_addresses_valid(const struct vhost_user_region *r, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (r[i].size > UINT64_MAX - r[i].user_addr)
			return false;
		for (unsigned j = 0; j < i; j++)
			if (overlaps(r[i].user_addr, r[i].size, r[j].user_addr, r[j].size))
				return false;
	}
	return true;
}

/* Maps a whole table; all or nothing. */
static bool map_table(const struct vhost_user_message *m, struct gmem *out)
{
	struct gmem_region mapped[GMEM_REGIONS_MAX];
	unsigned n = 0, count = m->p.memory.count;

	while (n < count) {
		const struct vhost_user_region *r = &m->p.memory.region[n];
		uint8_t *host = map_file(m->fd[n], r->mmap_offset, r->size);

		if (host == NULL)
			break;
		mapped[n++] = (struct gmem_region){ .start = r->guest_addr,
						    .size = r->size,
						    .host = host };
	}
	if (n == count && user_addresses_valid(m->p.memory.region, count) &&
	    gmem_init(out, mapped, count))
		return true;
	while (n-- > 0)
		munmap(mapped[n].host, mapped[n].size);
	return false;
}

static enum verdict set_mem_table(struct backend *b, struct vhost_user_message *m)
{
	unsigned count = m->p.memory.count;
	struct gmem mem;

	if (count == 0 || count > VHOST_USER_REGIONS_MAX || m->fd_count != count ||
	    m->size != VHOST_USER_MEMORY_SIZE(count))
		return MALFORMED;
	if (!map_table(m, &mem))
		return refuse(b, "a memory table that does not fit its files");
	stop_all_rings(b);
	drop_memory(b);
	b->device.mem = mem;
	for (unsigned i = 0; i < count; i++) {
		b->region[i].fd = take_fd(m, i);
		b->region[i].user_addr = m->p.memory.region[i].user_addr;
		b->region[i].offset = m->p.memory.region[i].mmap_offset;
	}
	update_all_rings(b);
	return DONE;
}

/* Messages: rings. */

static struct device_queue *queue_at(struct backend *b, uint64_t i)
{
	return i < b->device.queue_count ? &b->device.queue[i] : NULL;
}

static enum verdict set_vring_num(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q = queue_at(b, m->p.vring.index);
	uint32_t num = m->p.vring.num;

	if (q == NULL)
		return MALFORMED;
	if (b->begun[q->index])
		return refuse(b, "another size for a ring that runs");
	if (num == 0 || num > VIRTQ_SIZE_MAX || (num & (num - 1)) != 0)
		return refuse(b, "a ring of a size that is not offered");
	q->layout.size = (uint16_t)num;
	update_ring(b, q);
	return DONE;
}

static enum verdict set_vring_addr(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q = queue_at(b, m->p.addr.index);

	if (q == NULL)
		return MALFORMED;
	if (b->begun[q->index])
		return refuse(b, "another place for a ring that runs");
	if (m->p.addr.flags != 0)
		return refuse(b, "a log of writes");
	q->ring_addr[0] = m->p.addr.desc;
	q->ring_addr[1] = m->p.addr.avail;
	q->ring_addr[2] = m->p.addr.used;
	q->addressed = true;
	update_ring(b, q);
	return DONE;
}

static enum verdict set_vring_base(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q = queue_at(b, m->p.vring.index);

	if (q == NULL || m->p.vring.num > UINT16_MAX)
		return MALFORMED;
	if (b->begun[q->index])
		return refuse(b, "another index for a ring that runs");
	q->base = (uint16_t)m->p.vring.num;
	return DONE;
}

/* The ring stops, and is whole again for what comes next. */
static enum verdict get_vring_base(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q = queue_at(b, m->p.vring.index);

	if (q == NULL)
		return MALFORMED;
	stop_ring(b, q);
	close_fd(&q->kick_fd);
	q->broken = false;
	m->p.vring.num = q->base;
	return ANSWERED;
}

static enum verdict set_vring_enable(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q = queue_at(b, m->p.vring.index);

	if (q == NULL || m->p.vring.num > 1)
		return MALFORMED;
	q->enabled = m->p.vring.num == 1;
	update_ring(b, q);
	return DONE;
}

/* The ring's new descriptor, which never makes us wait, or -1. */
static enum verdict ring_fd(struct backend *b, struct vhost_user_message *m,
			    struct device_queue **q, int *fd)
{
	bool none = (m->p.u64 & VHOST_USER_NO_FD) != 0;

	*q = queue_at(b, m->p.u64 & RING_INDEX_MASK);
	*fd = -1;
	if (*q == NULL || (m->p.u64 & ~(uint64_t)(RING_INDEX_MASK | VHOST_USER_NO_FD)) != 0 ||
	    m->fd_count != (none ? 0 : 1))
		return MALFORMED;
	if (none)
		return DONE;
	if (fcntl(m->fd[0], F_SETFL, O_NONBLOCK) < 0)
		return refuse(b, "a descriptor that cannot be set not to wait");
	*fd = take_fd(m, 0);
	return DONE;
}

static enum verdict set_vring_kick(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q;
	int fd;
	enum verdict v = ring_fd(b, m, &q, &fd);

	if (v != DONE)
		return v;
	if (fd < 0)
		return refuse(b, "a ring to be polled");
	stop_ring(b, q);
	close_fd(&q->kick_fd);
	q->kick_fd = fd;
	update_ring(b, q);
	return DONE;
}

static enum verdict set_vring_call(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q;
	int fd;
	enum verdict v = ring_fd(b, m, &q, &fd);

	if (v != DONE)
		return v;
	close_fd(&q->call_fd);
	q->call_fd = fd;
	/* The driver may have been called through the old one when nobody looked at it any more. */
	if (q->running)
		signal_fd(fd);
	return DONE;
}

static enum verdict set_vring_err(struct backend *b, struct vhost_user_message *m)
{
	struct device_queue *q;
	int fd;
	enum verdict v = ring_fd(b, m, &q, &fd);

	if (v != DONE)
		return v;
	close_fd(&q->err_fd);
	q->err_fd = fd;
	return DONE;
}

/* Messages: config space. */

/* What lies behind the device's fields is 0, for front ends that know of more fields. */
static enum verdict get_config(struct backend *b, struct vhost_user_message *m)
{
	uint32_t off = m->p.config.offset, len = m->p.config.size;

	if (len > VHOST_USER_CONFIG_MAX || m->size != VHOST_USER_CONFIG_SIZE(len))
		return MALFORMED;
	if (off > VHOST_USER_CONFIG_MAX - len) {
		m->size = 0; /* "zero length payload": an error */
		return ANSWERED;
	}
	memcpy(m->p.config.data, b->device.config + off, len);
	return ANSWERED;
}

static enum verdict set_config(struct backend *b, struct vhost_user_message *m)
{
	struct device *d = &b->device;
	uint32_t off = m->p.config.offset, len = m->p.config.size;

	if (len > VHOST_USER_CONFIG_MAX || m->size != VHOST_USER_CONFIG_SIZE(len))
		return MALFORMED;
	if (off > d->config_size || len > d->config_size - off)
		return refuse(b, "a write outside of the config space");
	if (d->ops->config_write != NULL)
		d->ops->config_write(d, off, m->p.config.data, len);
	return DONE;
}

/* Messages: what is in flight. */

static bool inflight_valid(const struct backend *b, const struct vhost_user_message *m)
{
	return (m->size == VHOST_USER_INFLIGHT_SIZE || m->size == INFLIGHT_SIZE_PACKED) &&
	       m->p.inflight.queue_count > 0 &&
	       m->p.inflight.queue_count <= b->device.queue_count &&
	       m->p.inflight.queue_size > 0 && m->p.inflight.queue_size <= VIRTQ_SIZE_MAX;
}

/* The answer has the size that the question had. */
static enum verdict get_inflight_fd(struct backend *b, struct vhost_user_message *m)
{
	uint64_t len = m->p.inflight.queue_count *
		       (uint64_t)BACKEND_INFLIGHT_SIZE(m->p.inflight.queue_size);
	int fd;

	if (!inflight_valid(b, m))
		return MALFORMED;
	fd = memfd_create("inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)len) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		log_warn("no region for requests in flight: %s", strerror(errno));
		close_fd(&fd);
		len = 0;
	}
	m->p.inflight.mmap_size = len;
	m->p.inflight.mmap_offset = 0;
	m->fd_count = fd >= 0 ? 1 : 0;
	m->fd[0] = fd;
	return ANSWERED;
}

static enum verdict set_inflight_fd(struct backend *b, struct vhost_user_message *m)
{
	size_t part = BACKEND_INFLIGHT_SIZE(m->p.inflight.queue_size);
	uint64_t len = m->p.inflight.queue_count * part;
	uint8_t *region;

	if (!inflight_valid(b, m))
		return MALFORMED;
	if (any_ring_begun(b))
		return refuse(b, "another inflight region while a ring runs");
	if (m->p.inflight.mmap_size < len)
		return refuse(b, "too small an inflight region");
	region = map_file(m->fd[0], m->p.inflight.mmap_offset, len);
	if (region == NULL)
		return refuse(b, "an inflight region that does not fit its file");
	drop_inflight(b);
	b->inflight = region;
	b->inflight_len = len;
	b->inflight_part = part;
	return DONE;
}

#define ANY UINT32_MAX

/* Size and descriptors a message must not differ in; ANY: the function judges, or none matters. */
static const struct {
	enum verdict (*obey)(struct backend *b, struct vhost_user_message *m);
	uint32_t size;
	uint32_t fds;
} requests[] = {
	[VHOST_USER_GET_FEATURES] = { get_features, ANY, 0 },
	[VHOST_USER_SET_FEATURES] = { set_features, 8, 0 },
	[VHOST_USER_SET_OWNER] = { nothing, ANY, 0 },
	[VHOST_USER_RESET_OWNER] = { nothing, ANY, 0 },
	[VHOST_USER_SET_MEM_TABLE] = { set_mem_table, ANY, ANY },
	[VHOST_USER_SET_VRING_NUM] = { set_vring_num, VHOST_USER_VRING_SIZE, 0 },
	[VHOST_USER_SET_VRING_ADDR] = { set_vring_addr, VHOST_USER_VRING_ADDR_SIZE, 0 },
	[VHOST_USER_SET_VRING_BASE] = { set_vring_base, VHOST_USER_VRING_SIZE, 0 },
	[VHOST_USER_GET_VRING_BASE] = { get_vring_base, VHOST_USER_VRING_SIZE, 0 },
	[VHOST_USER_SET_VRING_KICK] = { set_vring_kick, 8, ANY },
	[VHOST_USER_SET_VRING_CALL] = { set_vring_call, 8, ANY },
	[VHOST_USER_SET_VRING_ERR] = { set_vring_err, 8, ANY },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { get_protocol_features, ANY, 0 },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { set_protocol_features, 8, 0 },
	[VHOST_USER_GET_QUEUE_NUM] = { get_queue_num, ANY, 0 },
	[VHOST_USER_SET_VRING_ENABLE] = { set_vring_enable, VHOST_USER_VRING_SIZE, 0 },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { set_backend_req_fd, ANY, 1 },
	[VHOST_USER_GET_CONFIG] = { get_config, ANY, 0 },
	[VHOST_USER_SET_CONFIG] = { set_config, ANY, 0 },
	[VHOST_USER_GET_INFLIGHT_FD] = { get_inflight_fd, ANY, 0 },
	[VHOST_USER_SET_INFLIGHT_FD] = { set_inflight_fd, ANY, 1 },
	[VHOST_USER_RESET_DEVICE] = { reset_device, ANY, 0 },
};

static enum verdict obey(struct backend *b, struct vhost_user_message *m, bool ack)
{
	uint32_t r = m->request;

	if ((m->flags & ~(VHOST_USER_VERSION | VHOST_USER_NEED_REPLY)) != 0)
		return MALFORMED;
	if (r >= sizeof(requests) / sizeof(requests[0]) || requests[r].obey == NULL)
		return ack ? refuse(b, "an unknown message") : DONE;
	if ((requests[r].size != ANY && requests[r].size != m->size) ||
	    (requests[r].fds != ANY && requests[r].fds != m->fd_count))
		return MALFORMED;
	return requests[r].obey(b, m);
}

bool backend_message(struct backend *b, struct vhost_user_message *m)
{
	bool ack = (m->flags & VHOST_USER_NEED_REPLY) != 0;
	uint32_t request = m->request, size = m->size;
	enum verdict v = obey(b, m, ack);
	bool ok = true;

	if (v == MALFORMED || (v == REFUSED && !ack)) {
		log_warn(
			"message %u of the front end (%u bytes) is not to be obeyed; this is the end",
			request, size);
		b->status = STATUS_FAILED;
		ok = false;
	} else if (v == ANSWERED || ack) {
		if (v != ANSWERED) {
			vhost_user_close_fds(m); /* what came does not go back */
			answer_u64(m, v == DONE ? 0 : 1);
		}
		m->flags = VHOST_USER_REPLY;
		ok = vhost_user_send(b->vhost_fd, m, PEER_MS) == VHOST_USER_OK;
	}
	vhost_user_close_fds(m);
	return ok;
}

void backend_init(struct backend *b, int vhost_fd)
{
	static struct device_counters nobodys;

	*b = (struct backend){ .vhost_fd = vhost_fd, .request_fd = -1 };
	b->device.ops = &device_ops;
	b->device.counters = &nobodys;
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		init_ring(b, i);
}

void backend_hang_up(struct backend *b)
{
	reset(b);
	drop_memory(b);
	close_fd(&b->request_fd);
}

/* The process's two sockets. */

static void vhost_ready(void *arg, uint32_t events)
{
	struct backend *b = arg;
	struct vhost_user_message m;

	(void)events;
	switch (vhost_user_receive(b->vhost_fd, &m, PEER_MS)) {
	case VHOST_USER_OK:
		if (backend_message(b, &m))
			return;
		break;
	case VHOST_USER_CLOSED:
		break;
	case VHOST_USER_BAD:
		log_warn("the front end does not speak vhost-user; this is the end");
		b->status = STATUS_FAILED;
		break;
	}
	loop_remove(&b->vhost);
	loop_end();
}

/* One command and at most one descriptor; of more the kernel closes the rest. */
static void control_ready(void *arg, uint32_t events)
{
	struct backend *b = arg;
	const struct device_ops *ops = b->device.ops;
	struct device_command c;
	struct iovec iov = { .iov_base = &c, .iov_len = sizeof(c) };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = CMSG_LEN(sizeof(int)) };
	const struct cmsghdr *rights;
	ssize_t n;
	int fd = -1;

	(void)events;
	n = recvmsg(DEVICE_FD_CONTROL, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	rights = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	if (rights != NULL && rights->cmsg_type == SCM_RIGHTS &&
	    rights->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
	if (n != (ssize_t)sizeof(c) || (msg.msg_flags & MSG_TRUNC) != 0) {
		if (n > 0) {
			log_warn("the launcher's command makes no sense; this is the end");
			b->status = STATUS_FAILED;
		}
		close_fd(&fd);
		loop_remove(&b->control);
		loop_end();
	} else if (ops->command != NULL) {
		ops->command(&b->device, &c, fd);
	} else {
		close_fd(&fd);
	}
}

enum status backend_serve(struct backend *b)
{
	b->vhost = (struct loop_source){ .fd = b->vhost_fd, .ready = vhost_ready, .arg = b };
	b->control = (struct loop_source){ .fd = DEVICE_FD_CONTROL,
					   .ready = control_ready,
					   .arg = b };
	if (!loop_add(&b->vhost, EPOLLIN) || !loop_add(&b->control, EPOLLIN)) {
		log_error("cannot wait: %s", strerror(errno));
		return STATUS_FAILED;
	}
	loop_run();
	backend_hang_up(b);
	return b->status;
}
