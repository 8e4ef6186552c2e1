/* SPDX-License-Identifier: ISC */
/*
 * virtio-blk (virtio 1.2, 5.2) over a raw file or block device, by io_uring: everything that one
 * kick made available goes to the kernel in one call, and what has completed meanwhile comes back
 * with one notification of the driver. Guest memory goes to the kernel as it is, without a copy.
 *
 * With O_DIRECT the guest is told the host's block size, and drivers that obey it align to it. What is
 * not aligned as the host wants it (a boot loader's buffers, say) the host refuses with EINVAL, and it
 * is done once more by way of a buffer of ours, whole blocks at a time, while nothing else is.
 */
#include "blk_policy.h"
#include "bucket.h"
#include "bug.h"
#include "device.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#define SECTOR	     512u
#define REQUESTS_MAX 256u
#define RANGE_MAX    (1u << 22) /* sectors of one discard or write-zeroes */
#define BLOCK_MAX    4096u	/* bytes; drivers know no larger one */
#define ROUNDS_MAX   2u		/* of submitting and reaping, before others have their turn */
#define DETOUR_SIZE  65536u	/* bytes; whole blocks */
#define AT_ONCE_NS   1u
#define RETRY_NS     1000000u

enum { /* 5.2.3 */
       F_SEG_MAX = 2,
       F_RO = 5,
       F_BLK_SIZE = 6,
       F_FLUSH = 9,
       F_CONFIG_WCE = 11,
       F_MQ = 12,
       F_DISCARD = 13,
       F_WRITE_ZEROES = 14,
};

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

/* 5.2.4 */
struct blk_config {
	uint64_t capacity; /* sectors */
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};
_Static_assert(sizeof(struct blk_config) == 64, "5.2.4, padded to its alignment");
#define CONFIG_SIZE 60u

/* 5.2.6 */
struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t count, flags; /* flags bit 0: unmap */
};
_Static_assert(sizeof(struct header) == 16 && sizeof(struct range) == 16, "5.2.6");

struct request {
	struct virtq_req req;
	unsigned queue;
	uint32_t type, mode;	  /* mode: of fallocate */
	uint64_t at, left, total; /* bytes: where in the file, how many are to come, and were */
	uint64_t room;		  /* bytes that may be written before the status */
	bool otherwise;		  /* write-zeroes: the other mode is tried, too */
	bool sync;		  /* write-zeroes: all is done but to make it stable */
	struct iovec iov[VIRTQ_SEGS_MAX];
	int iov_first, iov_count;
	struct request *next; /* that waits for the detour */
};

/* What keeps buffers in the queues; as long as it does, a kick means nothing new. */
enum wait {
	NO_WAIT,
	WAIT_SLOT, /* for a free request, or until others have had their turn */
	WAIT_RATE, /* for the timer */
};

/*
 * Invariant: a request is in the free list, or in io_uring or waiting for the detour and counted for
 * its queue. Between two events of the loop nothing waits that neither a completion nor the timer
 * will wake. While one waits for the detour nothing new is taken; while one takes it, it is alone.
 */
static struct blk {
	struct device *device;
	struct io_uring ring;
	struct loop_source completed, rested;
	struct bucket bucket;
	uint64_t capacity; /* bytes, a multiple of the block size */
	uint32_t block;	   /* bytes */
	bool read_only, direct;
	char serial[DEVICE_SERIAL_MAX];
	enum wait wait;
	unsigned first; /* the queue that is served first after a wait */
	unsigned free_count;
	unsigned in_flight[DEVICE_QUEUES_MAX], in_ring;
	struct request *detours, *last_detour; /* who waits; the first one may be on its way */
	bool on_detour;
	bool called[DEVICE_QUEUES_MAX]; /* something was pushed and not yet told */
	struct log_limit misframed, failed;
	uint16_t free[REQUESTS_MAX]; /* last in, first out: few pages are ever touched */
	struct request request[REQUESTS_MAX];
} blk;

/* Where misaligned data goes by. A write reads the blocks first that it changes. */
static struct {
	_Alignas(BLOCK_MAX) uint8_t bytes[DETOUR_SIZE];
	uint64_t from;
	uint32_t len, skip, done; /* skip: before what was asked for; done: have been written */
	bool writing;
} detour;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 5.2.6.2: without CONFIG_WCE the cache is what FLUSH says. */
static bool write_through(void)
{
	if (device_has(blk.device, F_CONFIG_WCE))
		return blk.device->config[offsetof(struct blk_config, writeback)] == 0;
	return !device_has(blk.device, F_FLUSH);
}

static void give_back(struct request *r)
{
	blk.free[blk.free_count++] = (uint16_t)(r - blk.request);
}

/* Answers; data: whole bytes before the status. The cursor stands on the status byte. */
static void finish(struct request *r, uint8_t status, uint32_t data)
{
	struct device_queue *q = &blk.device->queue[r->queue];

	BUG_ON(!virtq_put(&r->req, &status, sizeof(status)));
	/* "MUST have written at least len bytes", from the first on, 2.7.8.2. */
	r->req.written = data == r->room ? data + 1 : data;
	virtq_push(&q->vq, &r->req);
	blk.called[r->queue] = true;
	give_back(r);
}

static struct io_uring_sqe *next_sqe(void)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&blk.ring);

	BUG_ON(s == NULL); /* there are as many as requests */
	return s;
}

static void count_io(struct request *r)
{
	blk.in_flight[r->queue]++;
	blk.in_ring++;
}

/* Hands a request, or what is left of it, to the kernel with the next submission. */
static void queue_io(struct request *r)
{
	struct io_uring_sqe *s = next_sqe();
	const struct iovec *v = &r->iov[r->iov_first];
	unsigned n = (unsigned)(r->iov_count - r->iov_first);

	switch (r->sync ? T_FLUSH : r->type) {
	case T_IN:
		if (n == 1)
			io_uring_prep_read(s, 0, v->iov_base, (unsigned)v->iov_len, r->at);
		else
			io_uring_prep_readv(s, 0, v, n, r->at);
		break;
	case T_OUT:
		if (n == 1)
			io_uring_prep_write(s, 0, v->iov_base, (unsigned)v->iov_len, r->at);
		else
			io_uring_prep_writev(s, 0, v, n, r->at);
		s->rw_flags = write_through() ? RWF_DSYNC : 0;
		break;
	case T_FLUSH:
		io_uring_prep_fsync(s, 0, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(s, 0, (int)r->mode, (off_t)r->at, (off_t)r->left);
		break;
	}
	s->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(s, r);
	count_io(r);
}

/* Where data that a driver has no business to offer would go. */
static struct iovec skipped[VIRTQ_SEGS_MAX];

/* Within the disk, in bytes; false if it is not. No chain has more than 2^32 bytes, 2.7.5.2. */
static bool place(struct request *r, uint64_t sector, uint64_t len)
{
	if (len % SECTOR != 0 || len > UINT32_MAX || sector > blk.capacity / SECTOR ||
	    len > blk.capacity - sector * SECTOR)
		return false;
	r->at = sector * SECTOR;
	r->left = r->total = len;
	return true;
}

/* The range of a discard or write-zeroes (one is all that max_..._seg allows); a status. */
static uint8_t decode_range(struct request *r, uint64_t readable)
{
	struct range range;
	uint32_t count, flags;

	if (readable != sizeof(range) || !virtq_get(&r->req, &range, sizeof(range)))
		return S_IOERR;
	count = le32toh(range.count);
	flags = le32toh(range.flags);
	/* 5.2.6.2: unknown flags, and unmap in a discard, MUST be S_UNSUPP. */
	if ((flags & ~1u) != 0 || (flags != 0 && r->type == T_DISCARD))
		return S_UNSUPP;
	if (count > RANGE_MAX || !place(r, le64toh(range.sector), (uint64_t)count * SECTOR))
		return S_IOERR;
	r->mode = FALLOC_FL_KEEP_SIZE |
		  (r->type == T_DISCARD || flags != 0 ? FALLOC_FL_PUNCH_HOLE
						      : FALLOC_FL_ZERO_RANGE);
	return S_OK;
}

static uint8_t answer_id(struct request *r, uint64_t writable)
{
	size_t len = writable < sizeof(blk.serial) ? (size_t)writable : sizeof(blk.serial);

	if (!virtq_put(&r->req, blk.serial, len))
		return S_IOERR;
	r->total = len;
	return S_OK;
}

/*
 * What is asked, with everything checked; *now: it needs no I/O. A status. Whatever it is, the
 * cursor stands on the status byte afterwards: the last byte that may be written.
 */
static uint8_t decode(struct request *r, uint64_t writable, bool *now)
{
	uint64_t readable = virtq_readable(&r->req) - sizeof(struct header);
	struct header h;
	uint8_t status = S_OK;
	int count;

	*now = false;
	if (virtq_readable(&r->req) < sizeof(h) || !virtq_get(&r->req, &h, sizeof(h))) {
		r->type = UINT32_MAX;
		status = S_IOERR;
	} else {
		r->type = le32toh(h.type);
	}
	r->at = r->left = r->total = 0;
	r->room = writable;
	r->otherwise = r->sync = false;
	r->iov_first = r->iov_count = 0;
	switch (r->type) {
	case T_IN:
		if (!place(r, le64toh(h.sector), writable))
			status = S_IOERR;
		break;
	case T_OUT:
		/* 5.2.6.2: a read-only disk MUST answer with S_IOERR. */
		if (blk.read_only || !place(r, le64toh(h.sector), readable)) {
			status = S_IOERR;
			break;
		}
		count = virtq_read_iovec(&r->req, readable, r->iov, VIRTQ_SEGS_MAX);
		BUG_ON(count < 0);
		r->iov_count = count;
		break;
	case T_FLUSH:
		break;
	case T_GET_ID:
		*now = true;
		status = answer_id(r, writable);
		writable -= r->total;
		break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		if (!device_has(blk.device, r->type == T_DISCARD ? F_DISCARD : F_WRITE_ZEROES))
			status = S_UNSUPP;
		else
			status = blk.read_only ? S_IOERR : decode_range(r, readable);
		break;
	default:
		if (status == S_OK)
			status = S_UNSUPP;
		break;
	}
	count = virtq_write_iovec(&r->req, writable, r->type == T_IN ? r->iov : skipped,
				  VIRTQ_SEGS_MAX);
	BUG_ON(count < 0);
	if (r->type == T_IN)
		r->iov_count = count;
	if (r->left == 0 && r->type != T_FLUSH)
		*now = true; /* nothing of it is left to do */
	return status;
}

/* Takes one request on. False: the rate does not allow it yet, or the queue is broken. */
static bool take(struct request *r, unsigned i)
{
	struct device_queue *q = &blk.device->queue[i];
	uint64_t bytes = virtq_readable(&r->req) + virtq_writable(&r->req), wait;
	uint8_t status;
	bool now;

	r->queue = i;
	if (virtq_writable(&r->req) == 0) {
		/* There is no byte in which to say anything. */
		give_back(r);
		device_break(blk.device, i, "a request without room for its status");
		return false;
	}
	wait = bucket_take(&blk.bucket, bytes,
			   blk.bucket.rate.bytes | blk.bucket.rate.operations ? now_ns() : 0);
	if (wait > 0) {
		virtq_unpop(&q->vq, &r->req);
		give_back(r);
		loop_timer_set(&blk.rested, wait);
		blk.wait = WAIT_RATE;
		return false;
	}
	status = decode(r, virtq_writable(&r->req) - 1, &now);
	if (status == S_IOERR)
		log_guest(&blk.misframed, "a request makes no sense (type %u)", r->type);
	if (status != S_OK || now)
		finish(r, status, status == S_OK ? (uint32_t)r->total : 0);
	else
		queue_io(r);
	return true;
}

/*
 * What queue i holds, as far as slots and rate allow: at most as much as there are slots, for a
 * driver can make more available while we look.
 */
static void take_all(unsigned i)
{
	struct device_queue *q = &blk.device->queue[i];
	unsigned taken = 0;

	do {
		virtq_disarm(&q->vq);
		for (;; taken++) {
			struct request *r;
			enum virtq_status st;

			if (blk.free_count == 0 || taken == REQUESTS_MAX ||
			    blk.detours != NULL) {
				blk.wait = WAIT_SLOT;
				break;
			}
			r = &blk.request[blk.free[blk.free_count - 1]];
			st = virtq_pop(&q->vq, &r->req);
			if (st == VIRTQ_BROKEN)
				device_break(blk.device, i, "a chain that makes no sense");
			if (st != VIRTQ_OK)
				break;
			blk.free_count--;
			if (!take(r, i))
				break;
		}
		if (blk.wait != NO_WAIT) {
			/* Whoever had something goes behind the others; who had nothing, before. */
			blk.first = (i + (taken > 0)) % blk.device->queue_count;
			return;
		}
	} while (q->running && virtq_rearm(&q->vq));
}

/* Every queue in turn, until one has to wait: then all do. */
static void take_from_all(void)
{
	unsigned n = blk.device->queue_count, first = blk.first;

	blk.wait = NO_WAIT;
	for (unsigned i = 0; i < n && blk.wait == NO_WAIT; i++)
		if (blk.device->queue[(first + i) % n].running)
			take_all((first + i) % n);
}

/*
 * The host cannot do this to a range. A hole reads as zero as well, and to unmap is allowed, not
 * demanded: what sets to zero has two ways. A discard is only a hint (5.2.6.2).
 */
static void unsupported(struct request *r)
{
	if (r->type == T_WRITE_ZEROES && !r->otherwise) {
		r->otherwise = true;
		r->mode ^= FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE;
		queue_io(r);
		return;
	}
	finish(r, r->type == T_DISCARD ? S_OK : S_UNSUPP, 0);
}

/* So much of a request has been moved. */
static void advance(struct request *r, uint64_t len)
{
	r->at += len;
	r->left -= len;
	while (len > 0) {
		struct iovec *v = &r->iov[r->iov_first];
		size_t n = v->iov_len < len ? v->iov_len : (size_t)len;

		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		len -= n;
		if (v->iov_len == 0)
			r->iov_first++;
	}
}

/* The blocks around what is left of the request, as many as there is room for. */
static void next_detour(struct request *r)
{
	/* No host wants more than 4096, and not every one says what it wants. */
	uint64_t block = blk.capacity % BLOCK_MAX == 0 ? BLOCK_MAX : blk.block;

	detour.from = r->at - r->at % block;
	detour.skip = (uint32_t)(r->at - detour.from);
	detour.len = DETOUR_SIZE;
	if (r->left < DETOUR_SIZE - detour.skip)
		detour.len = (uint32_t)((detour.skip + r->left + block - 1) / block * block);
	detour.done = 0;
	detour.writing = false;
}

static void queue_detour(struct request *r)
{
	struct io_uring_sqe *s = next_sqe();

	if (detour.writing) {
		io_uring_prep_write(s, 0, detour.bytes + detour.done, detour.len - detour.done,
				    detour.from + detour.done);
		s->rw_flags = write_through() ? RWF_DSYNC : 0;
	} else {
		io_uring_prep_read(s, 0, detour.bytes, detour.len, detour.from);
	}
	s->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(s, r);
	count_io(r);
}

/* The first who waits sets out once the kernel has nothing else of ours. */
static void set_out(void)
{
	if (blk.detours == NULL || blk.on_detour || blk.in_ring > 0)
		return;
	blk.on_detour = true;
	blk.in_flight[blk.detours->queue]--; /* and is counted anew */
	next_detour(blk.detours);
	queue_detour(blk.detours);
}

static void wait_for_detour(struct request *r)
{
	r->next = NULL;
	if (blk.detours == NULL)
		blk.detours = r;
	else
		blk.last_detour->next = r;
	blk.last_detour = r;
	blk.in_flight[r->queue]++;
}

/* Between the blocks that were read and the request's own buffers. */
static uint64_t exchange(const struct request *r, uint32_t len)
{
	uint64_t all = len - detour.skip < r->left ? len - detour.skip : r->left;
	uint8_t *at = detour.bytes + detour.skip;
	uint64_t left = all;

	for (int i = r->iov_first; left > 0; i++) {
		const struct iovec *v = &r->iov[i];
		size_t n = v->iov_len < left ? v->iov_len : (size_t)left;

		if (r->type == T_IN)
			memcpy(v->iov_base, at, n);
		else
			memcpy(at, v->iov_base, n);
		at += n;
		left -= n;
	}
	return all;
}

/* A step of the detour is done; false if the request is not at its end. */
static bool detoured(struct request *r, uint32_t result)
{
	if (detour.writing) {
		detour.done += result;
	} else if (r->type == T_IN) {
		advance(r, exchange(r, result));
	} else {
		(void)exchange(r, detour.len);
		detour.writing = true;
	}
	if (detour.writing && detour.done == detour.len) {
		uint64_t all = detour.len - detour.skip;

		advance(r, all < r->left ? all : r->left);
		detour.writing = false;
	}
	if (r->left == 0)
		return true;
	if (!detour.writing)
		next_detour(r);
	queue_detour(r);
	return false;
}

/* Answers; whoever waits for the detour may be next. */
static void end(struct request *r, uint8_t status, uint32_t data)
{
	if (blk.on_detour && r == blk.detours) {
		blk.detours = r->next;
		blk.on_detour = false;
	}
	finish(r, status, data);
}

/* One completion: the end of a request, or a part of it. */
static void complete(struct request *r, int result)
{
	bool moves = r->type == T_IN || r->type == T_OUT;
	bool ranged = r->type == T_DISCARD || r->type == T_WRITE_ZEROES;
	bool detours = blk.on_detour && r == blk.detours;

	blk.in_flight[r->queue]--;
	blk.in_ring--;
	if (result == -EINTR || result == -EAGAIN) {
		(detours ? queue_detour : queue_io)(r);
		return;
	}
	if (result == -EINVAL && moves && blk.direct && !detours) {
		wait_for_detour(r);
		return;
	}
	/* Nothing of what was asked for, or not all that is about to be written again. */
	if (detours && result >= 0 && !detour.writing &&
	    (uint32_t)result < (r->type == T_IN ? detour.skip + 1 : detour.len))
		result = 0;
	/* A block device says EINVAL where its own blocks are larger than ours. */
	if ((result == -EOPNOTSUPP || result == -EINVAL) && ranged && !r->sync) {
		unsupported(r);
		return;
	}
	if (result < 0 || (moves && result == 0)) {
		log_guest(&blk.failed, "a request of type %u at byte %llu failed: %s", r->type,
			  (unsigned long long)r->at,
			  result < 0 ? strerrordesc_np(-result)
				     : "the file has become shorter");
		end(r, S_IOERR, 0);
		return;
	}
	if (detours && !detoured(r, (uint32_t)result))
		return;
	if (moves && !detours && (uint64_t)result < r->left) {
		advance(r, (uint64_t)result);
		queue_io(r);
		return;
	}
	if (r->type == T_WRITE_ZEROES && !r->sync && write_through()) {
		r->sync = true;
		queue_io(r);
		return;
	}
	end(r, S_OK, r->type == T_IN ? (uint32_t)r->total : 0);
}

/* Everything that has completed; true if there was something. */
static bool reap(void)
{
	struct io_uring_cqe *c;
	unsigned head, seen = 0;

	io_uring_for_each_cqe(&blk.ring, head, c)
	{
		complete(io_uring_cqe_get_data(c), c->res);
		seen++;
	}
	io_uring_cq_advance(&blk.ring, seen);
	set_out();
	return seen > 0;
}

static void submit(void)
{
	int result;

	do
		result = io_uring_submit(&blk.ring);
	while (result == -EINTR);
	/* The kernel is short of memory, and perhaps no completion is to come that wakes us. */
	if (result < 0)
		loop_timer_set(&blk.rested, RETRY_NS);
}

/* After each event: drivers learn what was pushed, and whoever waits will be woken. */
static void settle(void)
{
	for (unsigned i = 0; i < blk.device->queue_count; i++) {
		if (!blk.called[i])
			continue;
		blk.called[i] = false;
		device_call(blk.device, i);
	}
	if (blk.wait == WAIT_SLOT && blk.free_count > 0 && blk.detours == NULL)
		loop_timer_set(&blk.rested, AT_ONCE_NS);
}

/* Submits, takes what is done already, and goes on with those that wait for a slot. */
static void turn(void)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		submit();
		if (!reap())
			break;
		if (blk.wait == WAIT_SLOT)
			take_from_all();
	}
	submit();
	settle();
}

static void blk_kick(struct device *d, unsigned i)
{
	(void)d;
	if (blk.wait == NO_WAIT)
		take_all(i);
	turn();
}

static void completed(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	turn();
}

static void rested(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	take_from_all();
	turn();
}

/* Nothing new is taken here: the driver may go on filling the queue. */
static void blk_stop(struct device *d, unsigned i)
{
	(void)d;
	while (blk.in_flight[i] > 0) {
		(void)io_uring_submit_and_wait(&blk.ring, 1);
		(void)reap();
	}
	submit();
	settle();
}

static void blk_reset(struct device *d)
{
	d->config[offsetof(struct blk_config, writeback)] = 1;
}

static void blk_config_write(struct device *d, uint32_t off, const uint8_t *data, uint32_t len)
{
	if (off == offsetof(struct blk_config, writeback) && len == 1 && data[0] <= 1)
		d->config[off] = data[0];
}

/* What a file opened with O_DIRECT asks of offsets, bytes; kernels before 6.1 do not say. */
static unsigned direct_block(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) < 0 ||
	    (st.stx_mask & STATX_DIOALIGN) == 0 || st.stx_dio_offset_align < SECTOR)
		return SECTOR;
	return st.stx_dio_offset_align;
}

/* The size of what is behind the descriptor, in bytes; false if it is nothing of the kind. */
static bool measure(int fd, bool direct)
{
	struct stat st;
	unsigned block = SECTOR;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &blk.capacity) < 0 ||
		    ioctl(fd, BLKSSZGET, &block) < 0)
			return false;
	} else if (S_ISREG(st.st_mode)) {
		blk.capacity = (uint64_t)st.st_size;
		block = direct ? direct_block(fd) : SECTOR;
	} else {
		return false;
	}
	if (block < SECTOR || block > BLOCK_MAX || (block & (block - 1)) != 0)
		return false;
	blk.block = direct ? block : SECTOR;
	if (blk.capacity % blk.block != 0)
		log_warn("the last %u bytes of the disk are no whole block and stay hidden",
			 (unsigned)(blk.capacity % blk.block));
	blk.capacity -= blk.capacity % blk.block;
	return true;
}

/* As much of what makes it quicker as this kernel has. */
static int open_ring(void)
{
	static const unsigned flags[] = {
#ifdef IORING_SETUP_SINGLE_ISSUER
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
#endif
		0
	};
	int result = -EINVAL, fd = DEVICE_FD_BACKEND;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && result == -EINVAL; i++)
		result = io_uring_queue_init(REQUESTS_MAX, &blk.ring, flags[i]);
	if (result == 0)
		result = io_uring_register_files(&blk.ring, &fd, 1);
	return result;
}

static enum status blk_open(struct device *d, const struct device_config *c)
{
	struct blk_config config = { .seg_max = htole32(VIRTQ_SEGS_MAX - 2), .writeback = 1 };
	int result;

	memset(&blk, 0, offsetof(struct blk, request)); /* whose pages nobody has touched yet */
	blk.device = d;
	blk.read_only = (c->flags & DEVICE_READ_ONLY) != 0;
	blk.direct = (c->flags & DEVICE_DIRECT) != 0;
	memcpy(blk.serial, c->u.blk.serial, sizeof(blk.serial));
	if (!measure(DEVICE_FD_BACKEND, blk.direct)) {
		log_error(
			"the disk is no file or block device with blocks of 512 to 4096 bytes");
		return STATUS_NO_FILE;
	}
	result = open_ring();
	if (result < 0) {
		log_error(
			"this host has no io_uring for us: %s; if sysctl kernel.io_uring_disabled "
			"is not 0, set it so",
			strerror(-result));
		return STATUS_FAILED;
	}
	/* The ring itself is watched: an eventfd would have to be read for each batch. */
	blk.completed = (struct loop_source){ .fd = blk.ring.ring_fd, .ready = completed };
	if (!loop_add(&blk.completed, EPOLLIN) || !loop_timer_init(&blk.rested, rested, NULL) ||
	    !loop_add(&blk.rested, EPOLLIN)) {
		log_error("cannot watch the disk: %s", strerror(errno));
		return STATUS_FAILED;
	}
	bucket_init(&blk.bucket, &c->rate, now_ns());
	for (unsigned i = REQUESTS_MAX; i-- > 0;)
		blk.free[blk.free_count++] = (uint16_t)i;

	d->queue_count = c->queues > 0 && c->queues < DEVICE_QUEUES_MAX ? c->queues : 1;
	d->features = 1ull << F_SEG_MAX | 1ull << F_BLK_SIZE | 1ull << F_FLUSH |
		      1ull << F_CONFIG_WCE | 1ull << F_MQ;
	d->features |=
		blk.read_only ? 1ull << F_RO : 1ull << F_DISCARD | 1ull << F_WRITE_ZEROES;
	config.capacity = htole64(blk.capacity / SECTOR);
	config.blk_size = htole32(blk.block);
	config.num_queues = htole16((uint16_t)d->queue_count);
	config.max_discard_sectors = config.max_write_zeroes_sectors = htole32(RANGE_MAX);
	config.max_discard_seg = config.max_write_zeroes_seg = htole32(1);
	config.discard_sector_alignment = htole32(blk.block / SECTOR);
	config.write_zeroes_may_unmap = 1;
	d->config_size = CONFIG_SIZE;
	memcpy(d->config, &config, CONFIG_SIZE);
	return STATUS_OK;
}

const struct device_ops device_ops = {
	.name = "blk",
	.open = blk_open,
	.kick = blk_kick,
	.stop = blk_stop,
	.reset = blk_reset,
	.config_write = blk_config_write,
	.filter = blk_filter,
	.filter_count = blk_filter_count,
	.file_size = RLIM_INFINITY,
	.open_files = 2, /* the ring and the timer */
};
