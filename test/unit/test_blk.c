/* SPDX-License-Identifier: ISC */
/*
 * The block device over files of several kinds, and over a host that is slow, short of everything,
 * or older: what goes into io_uring and what comes out of it passes through this file.
 */
#include "driver.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define BIT(f)	  (1ull << (f))
#define SECTOR	  512u
#define DISK	  (64u << 10) /* bytes, of most tests */
#define SECTORS	  (DISK / SECTOR)
#define SLOTS	  256u /* requests that the device takes at once */
#define GUARD	  0xee
#define UNWRITTEN 0xdd /* what a status byte holds before it is written */

enum {
	SEG_MAX = 2,
	RO = 5,
	BLK_SIZE = 6,
	FLUSH = 9,
	WCE = 11,
	MQ = 12,
	DISCARD = 13,
	ZEROES = 14
};
enum { T_IN, T_OUT, T_SCSI, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { OK, IOERR, UNSUPP };

#define WRITEBACK 32  /* its place in config space */
#define LOG_FD	  200 /* beyond all others */

/* The host: what it is asked, and what it answers. */

static struct {
	bool slow;		   /* nothing completes within a submission */
	bool hold;		   /* submissions wait for one that waits for completions */
	int refuse;		   /* so many submissions fail */
	int (*answer)(int result); /* NULL: as it is */
	int (*queue_init)(unsigned flags);
	uint64_t align; /* 0: takes every buffer; else refuses what is not aligned to it */
} host;

static struct {
	unsigned submissions, sqes, by_opcode[IORING_OP_LAST], dsync;
	unsigned fallocate_mode[8], fallocates;
	unsigned fsync_flags;
	unsigned waits;		   /* for the rate */
	unsigned detours, company; /* not from guest memory; and with others in the ring */
	unsigned detour_head;
} seen;

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);
int __wrap_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);

/* As a file system does that is asked for O_DIRECT. */
static void align(struct io_uring_sqe *s, unsigned head)
{
	bool one = s->opcode == IORING_OP_READ || s->opcode == IORING_OP_WRITE;
	struct iovec single = { .iov_len = s->len }, *v = &single;
	unsigned count = 1;
	uint64_t bits = s->off;

	if (host.align == 0 ||
	    (!one && s->opcode != IORING_OP_READV && s->opcode != IORING_OP_WRITEV))
		return;
	memcpy(&single.iov_base, &s->addr, sizeof(s->addr));
	if (!one) {
		v = single.iov_base;
		count = s->len;
	}
	for (unsigned i = 0; i < count; i++) {
		uint64_t at;

		memcpy(&at, &v[i].iov_base, sizeof(at));
		bits |= at | v[i].iov_len;
	}
	if (one && (uintptr_t)single.iov_base - (uintptr_t)driver.memory >= DRIVER_MEMORY) {
		seen.detours++;
		seen.company += seen.sqes - head != 1;
		seen.detour_head = head;
	} else if (seen.detours > 0 && head == seen.detour_head) {
		seen.company++;
	}
	if (bits % host.align != 0)
		s->opcode = IORING_OP_LAST; /* which is answered with EINVAL, too */
}

static void see(struct io_uring_sqe *s)
{
	seen.sqes++;
	seen.by_opcode[s->opcode]++;
	if (host.slow)
		s->flags |= IOSQE_ASYNC;
	if (s->opcode == IORING_OP_WRITE || s->opcode == IORING_OP_WRITEV)
		seen.dsync += (s->rw_flags & RWF_DSYNC) != 0;
	if (s->opcode == IORING_OP_FALLOCATE)
		seen.fallocate_mode[seen.fallocates++ % 8] = s->len;
	if (s->opcode == IORING_OP_FSYNC)
		seen.fsync_flags = s->fsync_flags;
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
	unsigned mask = ring->sq.ring_mask, count = ring->sq.sqe_tail - ring->sq.sqe_head;
	unsigned head = *ring->cq.khead;
	int n;

	if (host.hold)
		return 0;
	if (count > 0 && host.refuse > 0) {
		host.refuse--;
		return -EAGAIN;
	}
	seen.submissions += count > 0;
	for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
		see(&ring->sq.sqes[i & mask]);
	for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
		align(&ring->sq.sqes[i & mask], head);
	if (host.answer == NULL || count == 0)
		return __real_io_uring_submit(ring);
	/* All answers must be here before the device sees the first one. */
	n = io_uring_submit_and_wait(ring, count);
	for (; head != io_uring_smp_load_acquire(ring->cq.ktail); head++) {
		struct io_uring_cqe *c = &ring->cq.cqes[head & ring->cq.ring_mask];

		c->res = host.answer(c->res);
	}
	return n;
}

int __wrap_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
	int refused = host.queue_init != NULL ? host.queue_init(flags) : 0;

	return refused < 0 ? refused : __real_io_uring_queue_init(entries, ring, flags);
}

/* Time: while it is virtual, to wait for 2 ms or more takes none. */
static uint64_t virtual_ns;
static void (*at_each_look)(void); /* at the clock: with a rate, once per request */

int clock_gettime(clockid_t id, struct timespec *t)
{
	if (virtual_ns == 0)
		return (int)syscall(SYS_clock_gettime, id, t);
	if (at_each_look != NULL)
		at_each_look();
	*t = (struct timespec){ .tv_sec = (time_t)(virtual_ns / 1000000000),
				.tv_nsec = (long)(virtual_ns % 1000000000) };
	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	struct itimerspec t = *new;
	uint64_t ns = (uint64_t)t.it_value.tv_sec * 1000000000 + (uint64_t)t.it_value.tv_nsec;

	if (virtual_ns != 0 && ns >= 2000000) {
		virtual_ns += ns;
		seen.waits++;
		t.it_value = (struct timespec){ .tv_nsec = 1 };
	}
	return (int)syscall(SYS_timerfd_settime, fd, flags, &t, old);
}

/* Disks. */

static int disk = -1;

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 7 + at / 251 + 1);
}

static void put_at_backend(int fd)
{
	assert_true(fd >= 0);
	assert_true(dup2(fd, DEVICE_FD_BACKEND) >= 0);
	close(fd);
	disk = DEVICE_FD_BACKEND;
}

static void fill_disk(uint64_t len)
{
	uint8_t block[SECTOR];

	for (uint64_t at = 0; at < len; at += sizeof(block)) {
		size_t n = len - at < sizeof(block) ? (size_t)(len - at) : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = pattern(at + i);
		assert_int_equal(pwrite(disk, block, n, (off_t)at), n);
	}
}

/* A file of a real file system, which nobody else can name. */
static int temporary_file(int flags)
{
	char path[] = "/tmp/test_blk.XXXXXX";
	int fd = mkstemp(path), again;

	assert_true(fd >= 0);
	again = open(path, O_RDWR | O_CLOEXEC | flags);
	unlink(path);
	close(fd);
	return again;
}

static void make_disk(uint64_t len)
{
	put_at_backend(temporary_file(0));
	fill_disk(len);
}

static void make_memory_disk(uint64_t len)
{
	put_at_backend(memfd_create("disk", MFD_CLOEXEC));
	fill_disk(len);
}

static uint8_t disk_byte(uint64_t at)
{
	uint8_t b = 0;

	assert_int_equal(pread(disk, &b, 1, (off_t)at), 1);
	return b;
}

static unsigned changed_on_disk(uint64_t from, uint64_t len)
{
	static uint8_t bytes[1 << 20];
	unsigned n = 0;

	assert_true(len <= sizeof(bytes));
	assert_int_equal(pread(disk, bytes, len, (off_t)from), len);
	for (uint64_t i = 0; i < len; i++)
		n += bytes[i] != pattern(from + i);
	return n;
}

static bool zero_on_disk(uint64_t from, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (disk_byte(from + i) != 0)
			return false;
	return true;
}

static uint64_t blocks_on_disk(void)
{
	struct stat st;

	assert_int_equal(fsync(disk), 0);
	assert_int_equal(fstat(disk, &st), 0);
	return (uint64_t)st.st_blocks;
}

/* The device. */

static struct device_config config_of(uint32_t flags, unsigned queues)
{
	return (struct device_config){ .version = DEVICE_CONFIG_VERSION,
				       .flags = flags,
				       .backend_count = 1,
				       .queues = queues,
				       .u.blk.serial = "A serial of 20 bytes" };
}

static void forget(void)
{
	memset(&host, 0, sizeof(host));
	memset(&seen, 0, sizeof(seen));
	virtual_ns = 0;
	at_each_look = NULL;
}

/* The first number that a device's ring and timers get; the driver's own come before. */
static int first_fd = -1;

static void close_device(void)
{
	if (first_fd >= 0)
		close_range((unsigned)first_fd, LOG_FD - 1, 0);
}

static void open_with(const struct device_config *c, uint64_t without)
{
	close_device();
	forget();
	assert_int_equal(driver_open(c, without), STATUS_OK);
	if (first_fd < 0)
		first_fd = dup(STDERR_FILENO);
	driver_start_all();
}

static void open_device(uint32_t flags, unsigned queues)
{
	struct device_config c = config_of(flags, queues);

	open_with(&c, 0);
}

/* Requests. */

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t count, flags;
};

struct slot {
	gpa_t header, data, status;
};

static uint32_t used_len;

static struct slot make_slot(uint32_t data)
{
	struct slot s;

	s.header = driver_alloc(sizeof(struct header));
	s.data = driver_alloc(data);
	s.status = driver_alloc(1);
	return s;
}

static uint8_t *bytes_of(const struct slot *s)
{
	return driver_at(s->data);
}

static uint8_t status_of(const struct slot *s)
{
	return *(uint8_t *)driver_at(s->status);
}

static uint16_t post(unsigned queue, const struct slot *s, uint32_t type, uint64_t sector,
		     uint32_t len)
{
	struct header h = { .type = htole32(type), .sector = htole64(sector) };
	struct driver_part part[3] = { { s->header, sizeof(h), false },
				       { s->data, len, type == T_IN || type == T_GET_ID },
				       { s->status, 1, true } };

	memcpy(driver_at(s->header), &h, sizeof(h));
	*(uint8_t *)driver_at(s->status) = UNWRITTEN;
	if (len > 0)
		return driver_add(queue, part, 3);
	part[1] = part[2];
	return driver_add(queue, part, 2);
}

/* The status of one request that is alone in queue 0; UNWRITTEN if it never comes. */
static uint8_t ask(const struct slot *s, uint32_t type, uint64_t sector, uint32_t len)
{
	uint16_t head;

	post(0, s, type, sector, len);
	driver_kick(0);
	return driver_wait(0, &head, &used_len) ? status_of(s) : UNWRITTEN;
}

static uint8_t ask_range(const struct slot *s, uint32_t type, uint64_t sector, uint32_t count,
			 uint32_t flags)
{
	struct range r = { htole64(sector), htole32(count), htole32(flags) };

	memcpy(bytes_of(s), &r, sizeof(r));
	return ask(s, type, 0, sizeof(r));
}

static unsigned wait_for(unsigned queue, unsigned count)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	while (n < count && driver_wait(queue, &head, &len))
		n++;
	return n;
}

/*
 * One request each. Pieces come in this order; all that are readable together are the header and
 * what follows it, all that are writable together are data and, as their last byte, the status.
 */
#define PIECES_MAX 8
#define BROKEN	   0xff
#define ROOM	   4096u /* of each kind */

struct piece {
	char kind; /* 'r', 'w', or 0: no more */
	uint32_t len;
};

#define WRAP (UINT64_MAX / SECTOR + 1) /* whose byte address is 0 mod 2^64 */

static const struct request_row {
	const char *name;
	uint32_t type;
	uint64_t sector;
	struct piece piece[PIECES_MAX];
	uint8_t status;
	uint32_t used;
	struct range range;
} request_rows[] = {
	/* clang-format off */
	{ "read a sector", T_IN, 3, { {'r', 16}, {'w', 512}, {'w', 1} }, OK, 513, { 0 } },
	{ "read several", T_IN, 3, { {'r', 16}, {'w', 2048}, {'w', 1} }, OK, 2049, { 0 } },
	{ "read the last", T_IN, SECTORS - 1, { {'r', 16}, {'w', 512}, {'w', 1} }, OK, 513, { 0 } },
	{ "read nothing", T_IN, 3, { {'r', 16}, {'w', 1} }, OK, 1, { 0 } },
	{ "read nothing at the end", T_IN, SECTORS, { {'r', 16}, {'w', 1} }, OK, 1, { 0 } },
	{ "write a sector", T_OUT, 3, { {'r', 16}, {'r', 512}, {'w', 1} }, OK, 1, { 0 } },
	{ "write the last", T_OUT, SECTORS - 1, { {'r', 16}, {'r', 512}, {'w', 1} }, OK, 1, { 0 } },
	{ "write nothing", T_OUT, 3, { {'r', 16}, {'w', 1} }, OK, 1, { 0 } },
	{ "flush", T_FLUSH, 0, { {'r', 16}, {'w', 1} }, OK, 1, { 0 } },
	{ "serial", T_GET_ID, 0, { {'r', 16}, {'w', 20}, {'w', 1} }, OK, 21, { 0 } },

	/* 2.7.4.1: no assumption on framing. */
	{ "header in two", T_IN, 3, { {'r', 7}, {'r', 9}, {'w', 512}, {'w', 1} }, OK, 513, { 0 } },
	{ "header and data in one", T_OUT, 3, { {'r', 528}, {'w', 1} }, OK, 1, { 0 } },
	{ "header's end with data", T_OUT, 3, { {'r', 15}, {'r', 513}, {'w', 1} }, OK, 1, { 0 } },
	{ "data and status in one", T_IN, 3, { {'r', 16}, {'w', 513} }, OK, 513, { 0 } },
	{ "data in odd pieces", T_IN, 3, { {'r', 16}, {'w', 1}, {'w', 1023}, {'w', 1} }, OK, 1025, { 0 } },
	{ "written in odd pieces", T_OUT, 3, { {'r', 17}, {'r', 2}, {'r', 509}, {'w', 1} }, OK, 1, { 0 } },
	{ "empty pieces all over", T_IN, 3, { {'r', 0}, {'r', 16}, {'r', 0}, {'w', 0}, {'w', 512}, {'w', 0}, {'w', 1}, {'w', 0} }, OK, 513, { 0 } },
	{ "read with data to read from", T_IN, 3, { {'r', 16}, {'r', 100}, {'w', 512}, {'w', 1} }, OK, 513, { 0 } },
	{ "write with room to be written", T_OUT, 3, { {'r', 16}, {'r', 512}, {'w', 100}, {'w', 1} }, OK, 0, { 0 } },
	{ "flush with data", T_FLUSH, 0, { {'r', 16}, {'r', 5}, {'w', 5}, {'w', 1} }, OK, 0, { 0 } },
	{ "short room for the serial", T_GET_ID, 0, { {'r', 16}, {'w', 7}, {'w', 1} }, OK, 8, { 0 } },
	{ "no room for the serial", T_GET_ID, 0, { {'r', 16}, {'w', 1} }, OK, 1, { 0 } },
	{ "much room for the serial", T_GET_ID, 0, { {'r', 16}, {'w', 100}, {'w', 1} }, OK, 20, { 0 } },

	/* What makes no sense. */
	{ "no status", T_IN, 3, { {'r', 16} }, BROKEN, 0, { 0 } },
	{ "no status after data", T_OUT, 3, { {'r', 16}, {'r', 512} }, BROKEN, 0, { 0 } },
	{ "status of no bytes", T_IN, 3, { {'r', 16}, {'w', 0} }, BROKEN, 0, { 0 } },
	{ "header of 15 bytes", T_IN, 3, { {'r', 15}, {'w', 512}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "no header", T_IN, 3, { {'w', 512}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "only a status", T_IN, 3, { {'w', 1} }, IOERR, 1, { 0 } },
	{ "read 511 bytes", T_IN, 3, { {'r', 16}, {'w', 511}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "read 513 bytes", T_IN, 3, { {'r', 16}, {'w', 514} }, IOERR, 0, { 0 } },
	{ "the status makes the sector whole", T_IN, 3, { {'r', 16}, {'w', 511}, {'w', 0}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "write 511 bytes", T_OUT, 3, { {'r', 16}, {'r', 511}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "write 1 byte", T_OUT, 3, { {'r', 16}, {'r', 1}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "read past the end", T_IN, SECTORS, { {'r', 16}, {'w', 512}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "read across the end", T_IN, SECTORS - 1, { {'r', 16}, {'w', 1024}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "write past the end", T_OUT, SECTORS, { {'r', 16}, {'r', 512}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "write across the end", T_OUT, SECTORS - 1, { {'r', 16}, {'r', 1024}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "read nothing past the end", T_IN, SECTORS + 1, { {'r', 16}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "a sector whose byte wraps to 0", T_IN, WRAP, { {'r', 16}, {'w', 512}, {'w', 1} }, IOERR, 0, { 0 } },
	{ "write there", T_OUT, WRAP, { {'r', 16}, {'r', 512}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "the last sector of all", T_OUT, UINT64_MAX, { {'r', 16}, {'r', 512}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "a sector below 0 in bytes", T_IN, WRAP - 1, { {'r', 16}, {'w', 1024}, {'w', 1} }, IOERR, 0, { 0 } },

	/* Types that are not served: CVE-2026-48914 came with T_SCSI_CMD. */
	{ "SCSI command", T_SCSI, 0, { {'r', 16}, {'r', 32}, {'w', 96}, {'w', 1} }, UNSUPP, 0, { 0 } },
	{ "legacy SCSI command", 3, 0, { {'r', 16}, {'w', 1} }, UNSUPP, 1, { 0 } },
	{ "lifetime", 10, 0, { {'r', 16}, {'w', 40}, {'w', 1} }, UNSUPP, 0, { 0 } },
	{ "secure erase", 14, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, UNSUPP, 1, { 0, 1, 0 } },
	{ "unknown type", 0x12345678, 0, { {'r', 16}, {'w', 1} }, UNSUPP, 1, { 0 } },
	{ "barrier bit", 0x80000000, 0, { {'r', 16}, {'w', 512}, {'w', 1} }, UNSUPP, 0, { 0 } },
	{ "type -1", UINT32_MAX, 0, { {'r', 16}, {'w', 1} }, UNSUPP, 1, { 0 } },

	/* Ranges. */
	{ "discard", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, OK, 1, { 8, 16, 0 } },
	{ "discard split", T_DISCARD, 0, { {'r', 20}, {'r', 12}, {'w', 1} }, OK, 1, { 8, 16, 0 } },
	{ "discard nothing", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, OK, 1, { 8, 0, 0 } },
	{ "discard to the end", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, OK, 1, { SECTORS - 8, 8, 0 } },
	{ "discard across the end", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { SECTORS - 8, 9, 0 } },
	{ "discard past the end", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { SECTORS + 1, 0, 0 } },
	{ "discard that wraps", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { UINT64_MAX - 3, 8, 0 } },
	{ "discard that wraps in bytes", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { WRAP, 8, 0 } },
	{ "discard of too many", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { 0, UINT32_MAX, 0 } },
	{ "discard with unmap", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, UNSUPP, 1, { 8, 8, 1 } },
	{ "discard with unknown flag", T_DISCARD, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, UNSUPP, 1, { 8, 8, 2 } },
	{ "discard without range", T_DISCARD, 0, { {'r', 16}, {'w', 1} }, IOERR, 1, { 0 } },
	{ "discard of half a range", T_DISCARD, 0, { {'r', 16}, {'r', 8}, {'w', 1} }, IOERR, 1, { 8, 8, 0 } },
	{ "discard of two ranges", T_DISCARD, 0, { {'r', 16}, {'r', 32}, {'w', 1} }, IOERR, 1, { 8, 8, 0 } },
	{ "write zeroes", T_ZEROES, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, OK, 1, { 8, 16, 0 } },
	{ "write zeroes, unaligned", T_ZEROES, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, OK, 1, { 9, 1, 0 } },
	{ "write zeroes with unmap", T_ZEROES, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, OK, 1, { 8, 16, 1 } },
	{ "write zeroes with unknown flag", T_ZEROES, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, UNSUPP, 1, { 8, 16, 0x80000001 } },
	{ "write zeroes across the end", T_ZEROES, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { SECTORS - 1, 2, 0 } },
	{ "write zeroes that wrap", T_ZEROES, 0, { {'r', 16}, {'r', 16}, {'w', 1} }, IOERR, 1, { WRAP, 1, 1 } },
	{ "write zeroes, one byte more", T_ZEROES, 0, { {'r', 16}, {'r', 17}, {'w', 1} }, IOERR, 1, { 8, 8, 0 } },
	/* clang-format on */
};

/* The two areas of a row, and what may have changed on the disk. */
struct areas {
	gpa_t readable, writable;
	uint32_t readable_len, writable_len;
};

static struct areas add_row(const struct request_row *row)
{
	struct header h = { .type = htole32(row->type), .sector = htole64(row->sector) };
	struct range r = { htole64(row->range.sector), htole32(row->range.count),
			   htole32(row->range.flags) };
	struct driver_part part[PIECES_MAX];
	struct areas a = { driver_alloc(ROOM), driver_alloc(ROOM), 0, 0 };
	uint8_t *readable = driver_at(a.readable);
	unsigned n = 0;

	memset(readable, 0x5a, ROOM);
	memcpy(readable, &h, sizeof(h));
	if (row->type >= T_DISCARD && row->type < 100)
		memcpy(readable + sizeof(h), &r, sizeof(r));
	memset(driver_at(a.writable), GUARD, ROOM);
	for (; n < PIECES_MAX && row->piece[n].kind != 0; n++) {
		bool writable = row->piece[n].kind == 'w';
		uint32_t *len = writable ? &a.writable_len : &a.readable_len;
		gpa_t base = writable ? a.writable : a.readable;

		part[n] = (struct driver_part){ gpa(base.raw + *len), row->piece[n].len,
						writable };
		*len += row->piece[n].len;
	}
	driver_add(0, part, n);
	return a;
}

/* Which bytes of the disk the row changes: none, or those with what it wrote. */
static bool disk_is_right(const struct request_row *row, const struct areas *a)
{
	uint64_t from = row->sector * SECTOR, len = a->readable_len - sizeof(struct header);
	uint8_t expect = 0x5a;

	if (row->status != OK || row->type < T_OUT || row->type == T_FLUSH ||
	    row->type == T_GET_ID)
		return changed_on_disk(0, DISK) == 0;
	if (row->type != T_OUT) {
		from = row->range.sector * SECTOR;
		len = (uint64_t)row->range.count * SECTOR;
		expect = 0;
	}
	for (uint64_t i = 0; i < len; i++)
		if (disk_byte(from + i) != expect)
			return false;
	return changed_on_disk(0, from) == 0 &&
	       changed_on_disk(from + len, DISK - from - len) == 0;
}

/* Data before the status is what was read, or untouched; nothing behind it changes ever. */
static bool memory_is_right(const struct request_row *row, const struct areas *a)
{
	static const char serial[] = "A serial of 20 bytes";
	const uint8_t *p = driver_at(a->writable);
	uint32_t data = a->writable_len > 0 ? a->writable_len - 1 : 0;

	for (uint32_t i = 0; i < ROOM; i++) {
		uint8_t expect = GUARD;

		if (i < data && row->status == OK && row->type == T_IN)
			expect = pattern(row->sector * SECTOR + i);
		if (i < data && i < 20 && row->type == T_GET_ID)
			expect = (uint8_t)serial[i];
		if (i == data && row->status != BROKEN)
			expect = row->status;
		if (p[i] != expect)
			return false;
	}
	return true;
}

static bool row_is_right(const struct request_row *row)
{
	struct areas a;
	uint16_t head;
	uint32_t len = 0;
	bool came;

	fill_disk(DISK);
	driver_reset();
	driver_start_all();
	driver.broken[0] = 0;
	driver.next_free = 4096 * (DEVICE_QUEUES_MAX + 1);
	a = add_row(row);
	driver_kick(0);
	came = row->status != BROKEN && driver_wait(0, &head, &len);
	return came == (row->status != BROKEN) && len == row->used &&
	       (driver.broken[0] != 0) == (row->status == BROKEN) && memory_is_right(row, &a) &&
	       disk_is_right(row, &a);
}

static void check_rows(void (*make)(uint64_t len))
{
	unsigned wrong = 0;

	make(DISK);
	open_device(0, 1);
	for (size_t i = 0; i < COUNT(request_rows); i++) {
		if (row_is_right(&request_rows[i]))
			continue;
		print_error("row: %s\n", request_rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_requests_on_a_file(void **state)
{
	(void)state;
	check_rows(make_disk);
}

/* It cannot set ranges to zero, only punch holes. */
static void test_requests_on_tmpfs(void **state)
{
	(void)state;
	check_rows(make_memory_disk);
}

/* After a request without status, what is in flight still ends well, and a reset mends all. */
static void test_a_break_with_requests_in_flight(void **state)
{
	struct driver_part lone = { .len = 16 }, outside = { gpa(DRIVER_MEMORY), 16, false };
	const struct driver_part *bad[] = { &lone, &outside };

	(void)state;
	for (unsigned b = 0; b < COUNT(bad); b++) {
		struct slot s[10];
		uint16_t head;
		uint32_t len;

		make_disk(DISK);
		open_device(0, 1);
		host.slow = true;
		lone.addr = driver_alloc(16);
		for (unsigned i = 0; i < 10; i++) {
			s[i] = make_slot(SECTOR);
			post(0, &s[i], T_IN, i, SECTOR);
		}
		driver_add(0, bad[b], 1);
		post(0, &s[0], T_IN, 0, SECTOR);
		driver_kick(0);
		assert_int_equal(driver.broken[0], 1);
		for (unsigned i = 0; i < 10; i++) {
			assert_true(driver_wait(0, &head, &len));
			assert_int_equal(bytes_of(&s[i])[100], pattern(i * SECTOR + 100));
		}
		assert_false(driver_used(0, &head, &len));
		assert_int_equal(driver.calls[0], 0);
		driver_reset();
		driver_start_all();
		host.slow = false;
		assert_int_equal(ask(&s[0], T_IN, 1, SECTOR), OK);
	}
}

/* Configuration. */

static uint64_t config_at(unsigned off, unsigned len)
{
	uint64_t v = 0;

	memcpy(&v, driver.device.config + off, len);
	return le64toh(v);
}

static void test_config_space(void **state)
{
	(void)state;
	make_disk(DISK);
	open_device(0, 4);
	assert_int_equal(config_at(0, 8), SECTORS);
	assert_int_equal(config_at(8, 4), 0);
	assert_int_equal(config_at(12, 4), VIRTQ_SEGS_MAX - 2);
	assert_int_equal(config_at(20, 4), SECTOR);
	assert_int_equal(config_at(WRITEBACK, 1), 1);
	assert_int_equal(config_at(34, 2), 4);
	assert_true(config_at(36, 4) >= SECTORS); /* sectors of a discard */
	assert_int_equal(config_at(40, 4), 1);
	assert_int_equal(config_at(44, 4), 1);
	assert_true(config_at(48, 4) >= SECTORS);
	assert_int_equal(config_at(52, 4), 1);
	assert_int_equal(config_at(56, 1), 1);
	assert_int_equal(driver.device.config_size, 60);
	assert_int_equal(driver.device.queue_count, 4);
	assert_int_equal(driver.device.features, BIT(SEG_MAX) | BIT(BLK_SIZE) | BIT(FLUSH) |
							 BIT(WCE) | BIT(MQ) | BIT(DISCARD) |
							 BIT(ZEROES));
}

static void config_write(uint32_t off, uint8_t value, uint32_t len)
{
	uint8_t bytes[8];

	memset(bytes, value, sizeof(bytes));
	driver.device.ops->config_write(&driver.device, off, bytes, len);
}

static void test_config_writes(void **state)
{
	uint8_t before[DEVICE_CONFIG_SPACE];

	(void)state;
	make_disk(DISK);
	open_device(0, 1);
	memcpy(before, driver.device.config, sizeof(before));
	for (uint32_t off = 0; off < driver.device.config_size; off++)
		for (uint32_t len = 1; len <= 8 && len <= driver.device.config_size - off;
		     len *= 2) {
			config_write(off, off == WRITEBACK && len == 1 ? 2 : 0, len);
			config_write(off, 0xff, len);
		}
	assert_memory_equal(before, driver.device.config, sizeof(before));
	config_write(WRITEBACK, 0, 1);
	assert_int_equal(config_at(WRITEBACK, 1), 0);
	driver_reset();
	assert_int_equal(config_at(WRITEBACK, 1), 1);
}

/* When a write must be stable before it is answered, 5.2.6.2. */
static const struct {
	const char *name;
	uint64_t without;
	bool write_back;
	bool stable;
} cache_rows[] = {
	{ "write back", 0, true, false },
	{ "write through", 0, false, true },
	{ "write back for good", BIT(WCE), true, false },
	{ "the field counts only if negotiated", BIT(WCE), false, false },
	{ "a driver that cannot flush", BIT(WCE) | BIT(FLUSH), true, true },
	{ "one that has the field", BIT(FLUSH), true, false },
	{ "one that has the field, and says so", BIT(FLUSH), false, true },
};

static void test_what_is_stable(void **state)
{
	struct device_config c = config_of(0, 1);
	unsigned wrong = 0;

	(void)state;
	make_disk(DISK);
	for (size_t i = 0; i < COUNT(cache_rows); i++) {
		bool stable = cache_rows[i].stable, right;
		struct slot s;

		open_with(&c, cache_rows[i].without);
		s = make_slot(4096);
		config_write(WRITEBACK, cache_rows[i].write_back, 1);
		right = ask(&s, T_OUT, 0, SECTOR) == OK && seen.dsync == stable &&
			ask(&s, T_IN, 0, SECTOR) == OK && seen.by_opcode[IORING_OP_FSYNC] == 0;
		/* A range is made stable by itself; a discard never is. */
		right = right && ask_range(&s, T_DISCARD, 0, 8, 0) == OK &&
			seen.by_opcode[IORING_OP_FSYNC] == 0 &&
			ask_range(&s, T_ZEROES, 0, 8, 0) == OK &&
			seen.by_opcode[IORING_OP_FSYNC] == stable;
		right = right && ask(&s, T_FLUSH, 0, 0) == OK &&
			seen.by_opcode[IORING_OP_FSYNC] == 1u + stable &&
			seen.fsync_flags == IORING_FSYNC_DATASYNC;
		if (right)
			continue;
		print_error("row: %s\n", cache_rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_read_only(void **state)
{
	struct slot s;

	(void)state;
	make_disk(DISK); /* could be written, so that it is the device that refuses */
	open_device(DEVICE_READ_ONLY, 1);
	assert_true(device_has(&driver.device, RO));
	assert_false(device_has(&driver.device, DISCARD));
	assert_false(device_has(&driver.device, ZEROES));
	s = make_slot(SECTOR);
	assert_int_equal(ask(&s, T_IN, 5, SECTOR), OK);
	assert_int_equal(bytes_of(&s)[9], pattern(5 * SECTOR + 9));
	assert_int_equal(ask(&s, T_OUT, 5, SECTOR), IOERR);
	assert_int_equal(ask(&s, T_OUT, 5, 0), IOERR);
	assert_int_equal(ask(&s, T_FLUSH, 0, 0), OK);
	assert_int_equal(ask_range(&s, T_DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(ask_range(&s, T_ZEROES, 0, 8, 0), UNSUPP);
	/* A driver that pretends it was offered more. */
	driver.device.acked |= BIT(DISCARD) | BIT(ZEROES);
	driver.device.acked &= ~BIT(RO);
	assert_int_equal(ask(&s, T_OUT, 5, SECTOR), IOERR);
	assert_int_equal(ask_range(&s, T_DISCARD, 0, 8, 0), IOERR);
	assert_int_equal(ask_range(&s, T_ZEROES, 0, 8, 0), IOERR);
	assert_int_equal(changed_on_disk(0, DISK), 0);
}

static void test_ranges_that_were_not_negotiated(void **state)
{
	struct device_config c = config_of(0, 1);
	struct slot s;

	(void)state;
	make_disk(DISK);
	open_with(&c, BIT(DISCARD) | BIT(ZEROES));
	s = make_slot(SECTOR);
	assert_int_equal(ask_range(&s, T_DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(ask_range(&s, T_ZEROES, 0, 8, 0), UNSUPP);
	assert_int_equal(changed_on_disk(0, DISK), 0);
}

/* Data. */

#define REGIONS	 8u
#define REGION	 (128u * SECTOR)
#define SHADOWED (REGIONS * REGION)

static uint8_t shadow[SHADOWED];

static uint32_t next_random(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* One request per region, so that their order does not matter. */
struct deed {
	struct slot slot;
	uint32_t type, sector, count;
};

static void begin(struct deed *d, unsigned region)
{
	static const uint32_t types[] = { T_IN,	 T_IN,	T_IN,	 T_OUT,
					  T_OUT, T_OUT, T_FLUSH, T_ZEROES };
	struct header h = { .reserved = 0 };
	struct driver_part part[12];
	uint32_t len, seed = next_random();
	unsigned n = 0;
	bool in;

	d->type = types[next_random() % COUNT(types)];
	d->count = 1 + next_random() % 40;
	d->sector = region * (REGION / SECTOR) + next_random() % (REGION / SECTOR - d->count);
	h.type = htole32(d->type);
	h.sector = htole64(d->sector);
	in = d->type == T_IN;
	len = d->count * SECTOR;
	for (uint32_t i = 0; i < len; i++)
		bytes_of(&d->slot)[i] = (uint8_t)(seed >> i % 23);
	if (d->type == T_FLUSH)
		len = 0;
	if (d->type == T_ZEROES) {
		struct range r = { htole64(d->sector), htole32(d->count),
				   htole32(next_random() % 2) };

		len = sizeof(r);
		memcpy(bytes_of(&d->slot), &r, sizeof(r));
	}
	memcpy(driver_at(d->slot.header), &h, sizeof(h));
	*(uint8_t *)driver_at(d->slot.status) = UNWRITTEN;
	part[n++] = (struct driver_part){ d->slot.header, sizeof(h), false };
	for (uint32_t at = 0, piece; at < len; at += piece) {
		piece = n == 6 ? len - at : 1 + next_random() % (len - at);
		part[n++] = (struct driver_part){ gpa(d->slot.data.raw + at), piece, in };
	}
	part[n++] = (struct driver_part){ d->slot.status, 1, true };
	driver_add(region % driver.device.queue_count, part, n);
}

static unsigned end(const struct deed *d)
{
	uint8_t *disk_now = shadow + d->sector * SECTOR;
	size_t len = d->count * SECTOR;

	if (d->type == T_OUT)
		memcpy(disk_now, bytes_of(&d->slot), len);
	if (d->type == T_ZEROES)
		memset(disk_now, 0, len);
	return status_of(&d->slot) != OK ||
	       (d->type == T_IN && memcmp(disk_now, bytes_of(&d->slot), len) != 0);
}

static unsigned do_random_deeds(unsigned rounds)
{
	static struct deed deed[REGIONS];
	static uint8_t after[SHADOWED];
	unsigned wrong = 0;

	for (unsigned i = 0; i < REGIONS; i++)
		deed[i].slot = make_slot(REGION);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < REGIONS; i++)
			begin(&deed[i], i);
		for (unsigned q = 0; q < driver.device.queue_count; q++)
			driver_kick(q);
		for (unsigned i = 0; i < REGIONS; i++)
			wait_for(i % driver.device.queue_count, 1);
		for (unsigned i = 0; i < REGIONS; i++)
			wrong += end(&deed[i]);
	}
	assert_int_equal(pread(disk, after, sizeof(after), 0), sizeof(after));
	return wrong + (memcmp(after, shadow, sizeof(after)) != 0);
}

static void open_shadowed(unsigned queues)
{
	make_disk(SHADOWED);
	assert_int_equal(pread(disk, shadow, sizeof(shadow), 0), sizeof(shadow));
	open_device(0, queues);
}

static void test_random_requests(void **state)
{
	(void)state;
	open_shadowed(3);
	assert_int_equal(do_random_deeds(400), 0);
	host.slow = true;
	assert_int_equal(do_random_deeds(50), 0);
}

/* A kernel may move less than it was asked to, by any count of bytes; or nothing yet. */
static int answer_short(int result)
{
	if (result > 1 && next_random() % 4 != 0)
		return 1 + (int)(next_random() % (unsigned)result);
	return result;
}

static int answer_again(int result)
{
	if (next_random() % 4 != 0)
		return result;
	return next_random() % 2 == 0 ? -EAGAIN : -EINTR;
}

static void test_short_and_interrupted_requests(void **state)
{
	static int (*const answers[])(int) = { answer_short, answer_again };

	(void)state;
	for (unsigned i = 0; i < COUNT(answers); i++) {
		open_shadowed(2);
		host.answer = answers[i];
		assert_int_equal(do_random_deeds(100), 0);
	}
}

/* The longest chain that is allowed: 128 pieces of data. */
static void test_as_many_segments_as_promised(void **state)
{
	struct driver_part part[VIRTQ_SEGS_MAX];
	unsigned pieces = (unsigned)VIRTQ_SEGS_MAX - 2, wrong = 0;
	struct header h = { .type = htole32(T_IN) };
	struct slot s;
	uint16_t head;
	uint32_t len;

	(void)state;
	make_disk(DISK);
	open_device(0, 1);
	s = make_slot(pieces * 256);
	memcpy(driver_at(s.header), &h, sizeof(h));
	part[0] = (struct driver_part){ s.header, sizeof(h), false };
	for (unsigned i = 0; i < pieces; i++) /* the last piece comes first */
		part[1 + i] = (struct driver_part){ gpa(s.data.raw + (pieces - 1 - i) * 256),
						    256, true };
	part[1 + pieces] = (struct driver_part){ s.status, 1, true };
	driver_add(0, part, VIRTQ_SEGS_MAX);
	driver_kick(0);
	assert_true(driver_wait(0, &head, &len));
	assert_int_equal(len, pieces * 256 + 1);
	for (unsigned i = 0; i < pieces * 256; i++)
		wrong += bytes_of(&s)[(pieces - 1 - i / 256) * 256 + i % 256] != pattern(i);
	assert_int_equal(wrong, 0);
}

static void test_discard_gives_back(void **state)
{
	static void (*const makers[])(uint64_t) = { make_disk, make_memory_disk };
	uint64_t before;
	struct slot s;

	(void)state;
	for (unsigned i = 0; i < COUNT(makers); i++) {
		makers[i](SHADOWED);
		open_device(0, 1);
		s = make_slot(SECTOR);
		before = blocks_on_disk();
		assert_int_equal(ask_range(&s, T_DISCARD, 256, 256, 0), OK);
		assert_true(blocks_on_disk() + 200 <= before);
		assert_true(zero_on_disk(256 * SECTOR, 256 * SECTOR));
		before = blocks_on_disk();
		assert_int_equal(ask_range(&s, T_ZEROES, 1024 - 256, 256, 1), OK);
		assert_true(blocks_on_disk() + 200 <= before);
		assert_true(zero_on_disk((1024 - 256) * SECTOR, 256 * SECTOR));
		assert_int_equal(changed_on_disk(0, 256 * SECTOR), 0);
		assert_int_equal(changed_on_disk(512 * SECTOR, 256 * SECTOR), 0);
		assert_int_equal(lseek(disk, 0, SEEK_END), SHADOWED);
	}
}

/* Without unmap, space that was there stays, where the file system can. */
static void test_write_zeroes_keeps_space(void **state)
{
	struct slot s;

	(void)state;
	make_disk(SHADOWED);
	open_device(0, 1);
	s = make_slot(SECTOR);
	assert_int_equal(ask_range(&s, T_ZEROES, 0, 256, 0), OK);
	assert_true(seen.fallocate_mode[0] == (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE));
	assert_int_equal(ask_range(&s, T_ZEROES, 0, 256, 1), OK);
	assert_true(seen.fallocate_mode[seen.fallocates - 1] ==
		    (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE));
}

static int unsupported_answers, unsupported_with;

static int answer_unsupported(int result)
{
	return unsupported_answers-- > 0 ? -unsupported_with : result;
}

/* What a host cannot do to a range is tried the other way, once, and then not insisted on. */
static const struct {
	const char *name;
	uint32_t type, flags;
	int error, times;
	unsigned tries;
	uint8_t status;
} range_rows[] = {
	{ "discard, unsupported", T_DISCARD, 0, EOPNOTSUPP, 1, 1, OK },
	{ "discard, blocks are larger", T_DISCARD, 0, EINVAL, 1, 1, OK },
	{ "discard, fails", T_DISCARD, 0, EIO, 1, 1, IOERR },
	{ "zeroes, first way unsupported", T_ZEROES, 0, EOPNOTSUPP, 1, 2, OK },
	{ "zeroes, blocks are larger", T_ZEROES, 0, EINVAL, 2, 2, UNSUPP },
	{ "zeroes with unmap, first way unsupported", T_ZEROES, 1, EOPNOTSUPP, 1, 2, OK },
	{ "zeroes, both unsupported", T_ZEROES, 0, EOPNOTSUPP, 2, 2, UNSUPP },
	{ "zeroes with unmap, both unsupported", T_ZEROES, 1, EOPNOTSUPP, 2, 2, UNSUPP },
	{ "zeroes, no space", T_ZEROES, 0, ENOSPC, 1, 1, IOERR },
};

static void test_ranges_the_host_cannot_do(void **state)
{
	unsigned wrong = 0;
	struct slot s;

	(void)state;
	make_disk(DISK);
	open_device(0, 1);
	s = make_slot(SECTOR);
	for (size_t i = 0; i < COUNT(range_rows); i++) {
		uint8_t status;
		bool two_ways;

		forget();
		host.answer = answer_unsupported;
		unsupported_with = range_rows[i].error;
		unsupported_answers = range_rows[i].times;
		status = ask_range(&s, range_rows[i].type, 0, 8, range_rows[i].flags);
		two_ways =
			seen.fallocates < 2 || seen.fallocate_mode[0] != seen.fallocate_mode[1];
		if (status == range_rows[i].status && seen.fallocates == range_rows[i].tries &&
		    two_ways)
			continue;
		print_error("row: %s: status %u, %u tries\n", range_rows[i].name, status,
			    seen.fallocates);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Hosts that fail. */

static int log_fd = -1, log_kept = -1;

static void log_begin(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD);
	log_kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, LOG_FD);
	close(fd);
	assert_true(log_kept >= 0 && log_fd >= 0 && dup2(log_fd, STDERR_FILENO) >= 0);
}

/* Lines since then, and whether one of them holds the text. */
static unsigned log_end(const char *text, bool *holds)
{
	static char all[1 << 16];
	ssize_t n = pread(log_fd, all, sizeof(all) - 1, 0);
	unsigned lines = 0;

	dup2(log_kept, STDERR_FILENO);
	close(log_kept);
	close(log_fd);
	assert_true(n >= 0);
	all[n] = '\0';
	for (const char *c = all; *c != '\0'; c++)
		lines += *c == '\n';
	*holds = strstr(all, text) != NULL;
	return lines;
}

static void test_a_file_that_became_shorter(void **state)
{
	struct slot s;
	bool told;
	unsigned lines;

	(void)state;
	make_disk(DISK);
	open_device(0, 1);
	s = make_slot(4096);
	assert_int_equal(ftruncate(disk, DISK / 2 + 100), 0);
	log_begin();
	assert_int_equal(ask(&s, T_IN, SECTORS / 2 - 1, SECTOR), OK);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(ask(&s, T_IN, SECTORS / 2, SECTOR), IOERR);
		assert_int_equal(used_len, 0);
		assert_int_equal(ask(&s, T_IN, SECTORS / 2 - 2, 4096), IOERR);
		assert_int_equal(ask(&s, T_IN, SECTORS - 1, SECTOR), IOERR);
	}
	lines = log_end("the file has become shorter", &told);
	assert_true(told);
	assert_true(lines < 20);
	/* A write makes it longer. */
	assert_int_equal(ask(&s, T_OUT, SECTORS - 1, SECTOR), OK);
	assert_int_equal(ask(&s, T_IN, SECTORS / 2 + 5, SECTOR), OK);
}

static int answer_no_space(int result)
{
	(void)result;
	return -ENOSPC;
}

static void test_no_space(void **state)
{
	struct slot s;
	bool told;
	unsigned lines;

	(void)state;
	make_disk(DISK);
	open_device(0, 1);
	s = make_slot(SECTOR);
	host.answer = answer_no_space;
	log_begin();
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(ask(&s, T_OUT, 0, SECTOR), IOERR);
	assert_int_equal(ask(&s, T_FLUSH, 0, 0), IOERR);
	lines = log_end("No space left on device", &told);
	assert_true(told);
	assert_true(lines < 20);
	host.answer = NULL;
	assert_int_equal(ask(&s, T_OUT, 0, SECTOR), OK);
}

/* A limit of the process: the first part goes, the rest does not. */
static void test_a_file_size_limit(void **state)
{
	struct rlimit was, limit;
	struct slot s;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	put_at_backend(temporary_file(0));
	assert_int_equal(ftruncate(disk, DISK), 0);
	open_device(0, 1);
	s = make_slot(4096);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = DISK / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(ask(&s, T_OUT, SECTORS / 2 - 1, SECTOR), OK);
	assert_int_equal(ask(&s, T_OUT, SECTORS / 2, SECTOR), IOERR);
	assert_int_equal(ask(&s, T_OUT, SECTORS / 2 - 1, 1024), IOERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(ask(&s, T_OUT, SECTORS / 2, SECTOR), OK);
}

static void test_ends_of_files(void **state)
{
	struct slot s;
	bool told;

	(void)state;
	/* Nothing but holes. */
	put_at_backend(temporary_file(0));
	assert_int_equal(ftruncate(disk, 1ll << 40), 0);
	open_device(0, 1);
	s = make_slot(SECTOR);
	memset(bytes_of(&s), 1, SECTOR);
	assert_int_equal(config_at(0, 8), (1ull << 40) / SECTOR);
	assert_int_equal(ask(&s, T_IN, (1ull << 40) / SECTOR - 1, SECTOR), OK);
	assert_int_equal(bytes_of(&s)[511], 0);
	assert_int_equal(ask(&s, T_OUT, (1ull << 40) / SECTOR - 1, SECTOR), OK);
	assert_int_equal(ask(&s, T_IN, (1ull << 40) / SECTOR, SECTOR), IOERR);
	/* No range is longer than config space says, 5.2.6.2. */
	assert_int_equal(ask_range(&s, T_DISCARD, 0, (uint32_t)config_at(36, 4), 0), OK);
	assert_int_equal(ask_range(&s, T_DISCARD, 0, (uint32_t)config_at(36, 4) + 1, 0), IOERR);
	assert_int_equal(ask_range(&s, T_ZEROES, 0, (uint32_t)config_at(48, 4) + 1, 1), IOERR);

	/* The tail of less than a sector is not the guest's. */
	make_disk(DISK + 100);
	log_begin();
	open_device(0, 1);
	log_end("100 bytes", &told);
	assert_true(told);
	s = make_slot(SECTOR);
	assert_int_equal(config_at(0, 8), SECTORS);
	assert_int_equal(ask(&s, T_OUT, SECTORS, SECTOR), IOERR);
	assert_int_equal(ask(&s, T_IN, SECTORS - 1, SECTOR), OK);
	assert_int_equal(changed_on_disk(0, DISK + 100), 0);
}

static int never(unsigned flags)
{
	(void)flags;
	return -EPERM;
}

static int without_flags(unsigned flags)
{
	return flags != 0 ? -EINVAL : 0;
}

static void test_other_hosts(void **state)
{
	struct device_config c = config_of(0, 1);
	struct slot s;
	int pipes[2];
	bool told;

	(void)state;
	make_disk(DISK);
	forget();
	host.queue_init = never;
	log_begin();
	assert_int_equal(driver_open(&c, 0), STATUS_FAILED);
	assert_int_equal(log_end("kernel.io_uring_disabled", &told), 1);
	assert_true(told);

	host.queue_init = without_flags;
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	driver_start_all();
	s = make_slot(SECTOR);
	assert_int_equal(ask(&s, T_IN, 0, SECTOR), OK);
	assert_int_equal(bytes_of(&s)[77], pattern(77));

	assert_int_equal(pipe(pipes), 0);
	put_at_backend(pipes[0]);
	log_begin();
	assert_int_equal(driver_open(&c, 0), STATUS_NO_FILE);
	assert_int_equal(log_end("the disk", &told), 1);
	close(pipes[1]);
}

/* O_DIRECT: buffers that a driver aligned go as they are, and others by a detour. */
static void test_direct(void **state)
{
	struct driver_part part[3];
	struct slot s;
	uint16_t head;
	uint64_t block;
	int fd = temporary_file(O_DIRECT);

	(void)state;
	if (fd < 0) {
		print_message("no O_DIRECT here\n");
		skip();
	}
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	put_at_backend(fd);
	fill_disk(DISK);
	assert_int_equal(fcntl(disk, F_SETFL, O_DIRECT), 0);
	open_device(DEVICE_DIRECT, 1);
	block = config_at(20, 4);
	assert_true(block >= SECTOR && block <= 4096 && (block & (block - 1)) == 0);
	driver.next_free = (driver.next_free + 4095) & ~4095ull;
	s.data = driver_alloc(8192);
	s.header = driver_alloc(16);
	s.status = driver_alloc(1);
	assert_int_equal(ask(&s, T_IN, 8, 4096), OK);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(bytes_of(&s)[i], pattern(4096 + i));
	assert_int_equal(ask(&s, T_OUT, 16, 4096), OK);

	part[0] = (struct driver_part){ s.header, 16, false };
	part[1] = (struct driver_part){ gpa(s.data.raw + 1), 4096, true };
	part[2] = (struct driver_part){ s.status, 1, true };
	memset(driver_at(s.header), 0, 16);
	driver_add(0, part, 3);
	driver_kick(0);
	assert_true(driver_wait(0, &head, &used_len));
	assert_int_equal(status_of(&s), OK);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(bytes_of(&s)[i + 1], pattern(i));
	assert_int_equal(ask(&s, T_IN, 8, 4096), OK);
}

/*
 * A host that wants everything aligned, and a driver that does not: 16 requests at once, every other
 * one misaligned in its address, its pieces or its sector. Each arrives; what lies around a write
 * stays; who takes the detour has the disk alone.
 */
static void misaligned(uint64_t wanted, uint32_t len, uint32_t flags)
{
	static struct slot slot[DRIVER_QUEUE / 4];
	static uint8_t expected[1 << 20];
	uint64_t stride = (uint64_t)len + 3 * SECTOR;
	struct driver_part part[4];
	unsigned done = 0;

	make_memory_disk(stride * COUNT(slot) / 4096 * 4096 + 4096);
	open_device(flags, 1);
	host.align = wanted;
	host.slow = true;
	for (uint64_t i = 0; i < stride * COUNT(slot); i++)
		expected[i] = pattern(i);
	for (unsigned i = 0; i < COUNT(slot); i++) {
		uint64_t at = i * stride / SECTOR * SECTOR;
		bool in = i % 2 == 0;
		uint32_t odd = i % 4 < 2 ? 1 + i : 0, first = i % 3 == 0 ? len : len / 2 + i;
		struct header h = { .type = in ? T_IN : T_OUT, .sector = at / SECTOR };

		driver.next_free = (driver.next_free + 4095) & ~4095ull;
		slot[i].data = gpa(driver_alloc(len + 4096).raw + odd);
		slot[i].header = driver_alloc(sizeof(h));
		slot[i].status = driver_alloc(1);
		memcpy(driver_at(slot[i].header), &h, sizeof(h));
		memset(bytes_of(&slot[i]), (int)i, len);
		if (!in)
			memset(expected + at, (int)i, len);
		part[0] = (struct driver_part){ slot[i].header, sizeof(h), false };
		part[1] = (struct driver_part){ slot[i].data, first, in };
		part[2] =
			(struct driver_part){ gpa(slot[i].data.raw + first), len - first, in };
		part[3] = (struct driver_part){ slot[i].status, 1, true };
		driver_add(0, part, 4);
		if (i % 4 == 3) { /* the next ones come while others are on their way */
			driver_kick(0);
			done += wait_for(0, 1);
		}
	}
	assert_int_equal(done + wait_for(0, COUNT(slot) - done), COUNT(slot));
	for (unsigned i = 0; i < COUNT(slot); i++) {
		uint64_t at = i * stride / SECTOR * SECTOR;

		assert_int_equal(status_of(&slot[i]), OK);
		for (uint32_t b = 0; i % 2 == 0 && b < len; b++)
			assert_int_equal(bytes_of(&slot[i])[b], pattern(at + b));
	}
	for (uint64_t i = 0; i < stride * COUNT(slot); i++)
		if (disk_byte(i) != expected[i])
			fail_msg("byte %llu of the disk", (unsigned long long)i);
	assert_true(seen.detours > 0);
	assert_int_equal(seen.company, 0);
}

static void test_misaligned(void **state)
{
	(void)state;
	misaligned(512, 2048, DEVICE_DIRECT);
	misaligned(4096, 512, DEVICE_DIRECT);
	misaligned(4096, 8192, DEVICE_DIRECT);
}

/* More than the detour holds; a host that does half of everything; a stop meanwhile. */
static void test_misaligned_and_long(void **state)
{
	struct slot s;
	uint32_t len = 200 * 1024;

	(void)state;
	make_memory_disk(256 * 1024);
	open_device(DEVICE_DIRECT, 1);
	host.align = 512;
	driver.next_free |= 1;
	s.data = driver_alloc(len);
	s.header = driver_alloc(sizeof(struct header));
	s.status = driver_alloc(1);
	assert_int_equal(ask(&s, T_IN, 5, len), OK);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(bytes_of(&s)[i], pattern(5 * SECTOR + i));
	memset(bytes_of(&s), 0x5a, len);
	assert_int_equal(ask(&s, T_OUT, 7, len), OK);
	assert_int_equal(changed_on_disk(0, 7 * SECTOR), 0);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(disk_byte(7 * SECTOR + i), 0x5a);
	assert_int_equal(changed_on_disk(7 * SECTOR + len, 256 * 1024 - 7 * SECTOR - len), 0);

	host.slow = true;
	post(0, &s, T_IN, 5, len);
	post(0, &s, T_IN, 6, len);
	driver_kick(0);
	driver_stop_all();
	assert_int_equal(wait_for(0, 2), 2);
	assert_int_equal(status_of(&s), OK);

	/* The file is shorter than it was. */
	driver_start_all();
	log_begin();
	assert_int_equal(ftruncate(disk, 8192), 0);
	assert_int_equal(ask(&s, T_IN, 0, len), IOERR);
	assert_int_equal(ask(&s, T_OUT, 0, len), IOERR);
	log_end("", &(bool){ false });
	assert_int_equal(lseek(disk, 0, SEEK_END), 8192);
}

/* Many requests. */

static void post_many(unsigned queue, const struct slot *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		post(queue, &s[i], T_IN, i % SECTORS, SECTOR);
}

static struct slot many[2 * SLOTS];

static void open_many(unsigned queues)
{
	make_disk(DISK);
	open_device(0, queues);
	for (unsigned i = 0; i < COUNT(many); i++)
		many[i] = make_slot(SECTOR);
}

/* What one kick brings goes in one submission, and comes back with one notification. */
static void test_one_call_for_many(void **state)
{
	(void)state;
	open_many(1);
	post_many(0, many, DRIVER_QUEUE / 3);
	driver_kick(0);
	assert_int_equal(wait_for(0, DRIVER_QUEUE / 3), DRIVER_QUEUE / 3);
	assert_int_equal(seen.submissions, 1);
	assert_int_equal(seen.sqes, DRIVER_QUEUE / 3);
	assert_int_equal(driver.calls[0], 1);
}

/* As many as 8 queues hold: twice what the device has slots for. */
static void test_more_requests_than_slots(void **state)
{
	const unsigned per_queue = DRIVER_QUEUE / 2; /* two descriptors, at the least, each */
	const unsigned queues = 24;

	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		unsigned answered = 0, wrong = 0;

		make_disk(DISK);
		open_device(0, queues);
		host.slow = slow != 0;
		/* The status shares a descriptor with the data. */
		for (unsigned q = 0; q < queues; q++) {
			for (unsigned i = 0; i < per_queue; i++) {
				struct header h = { .sector = htole64((q + i) % SECTORS) };
				gpa_t at = driver_alloc(16 + SECTOR + 1);
				struct driver_part part[2] = { { at, 16, false },
							       { gpa(at.raw + 16), SECTOR + 1,
								 true } };

				memcpy(driver_at(at), &h, sizeof(h));
				driver_add(q, part, 2);
			}
		}
		for (unsigned q = 0; q < queues; q++)
			driver_kick(q);
		for (unsigned q = 0; q < queues; q++) {
			uint16_t head;
			uint32_t len;

			for (unsigned i = 0; i < per_queue && driver_wait(q, &head, &len);
			     i++) {
				answered++;
				wrong += len != SECTOR + 1;
			}
		}
		assert_int_equal(answered, queues * per_queue);
		assert_int_equal(wrong, 0);
		assert_int_equal(seen.sqes, queues * per_queue);
	}
}

/* The host takes nothing for a while: nothing is lost, and nobody need kick again. */
static void test_a_host_that_refuses_submissions(void **state)
{
	(void)state;
	open_many(1);
	host.refuse = 5;
	post_many(0, many, 10);
	driver_kick(0);
	assert_int_equal(host.refuse > 0 ? 1 : 0, 1);
	assert_int_equal(wait_for(0, 10), 10);
}

static void test_a_stop_with_requests_in_flight(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		uint16_t head;
		uint32_t len;
		unsigned came[2] = { 0, 0 };

		open_many(2);
		host.hold = round % 2 == 0;
		host.slow = true;
		post_many(0, many, DRIVER_QUEUE / 3);
		post_many(1, many + 100, DRIVER_QUEUE / 3);
		driver_kick(0);
		driver_kick(1);
		assert_true(!host.hold || driver.device.queue[0].vq.taken_count > 0);
		driver_stop_all();
		host.hold = false;
		for (unsigned q = 0; q < 2; q++) {
			assert_int_equal(driver.device.queue[q].vq.taken_count, 0);
			while (driver_used(q, &head, &len))
				came[q] += len == SECTOR + 1;
			assert_int_equal(came[q], DRIVER_QUEUE / 3);
		}
		/* The memory is no longer the device's. */
		memset(driver_at(many[0].data), GUARD, SECTOR);
		driver_serve(1);
		assert_int_equal(bytes_of(&many[0])[0], GUARD);
		driver_start_all();
		assert_int_equal(ask(&many[0], T_IN, 1, SECTOR), OK);
	}
}

/* One queue stops while the other waits for the slots it holds. */
static void test_a_stop_frees_slots_for_others(void **state)
{
	const unsigned queues = 16, per_queue = DRIVER_QUEUE / 3;

	(void)state;
	open_many(queues);
	host.slow = true;
	for (unsigned q = 0; q < queues; q++)
		post_many(q, many + q * per_queue, per_queue);
	for (unsigned q = 0; q < queues; q++)
		driver_kick(q);
	for (unsigned q = 0; q + 1 < queues; q++) {
		device_ops.stop(&driver.device, q);
		driver.device.queue[q].running = false;
	}
	assert_int_equal(wait_for(queues - 1, per_queue), per_queue);
}

/* Rates; time is virtual, so that they are exact. */

static void open_limited(unsigned queues, uint64_t bytes, uint64_t operations)
{
	struct device_config c = config_of(0, queues);

	make_disk(DISK);
	c.rate = (struct device_rate){ .bytes = bytes, .operations = operations };
	close_device();
	forget();
	virtual_ns = 1000000000;
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	driver_start_all();
	for (unsigned i = 0; i < COUNT(many); i++)
		many[i] = make_slot(SECTOR);
}

/* A second's worth at once; then as many in each second as allowed, and none is lost. */
static void test_rates(void **state)
{
	static const struct {
		const char *name;
		uint64_t bytes, operations;
		uint64_t ms; /* for 100 requests of 16 + 512 + 1 bytes */
	} rows[] = {
		{ "20 operations", 0, 20, 4000 },
		{ "one operation", 0, 1, 99000 },
		{ "a hundred operations", 0, 100, 0 },
		{ "10 requests' bytes", 5290, 0, 9000 },
		{ "bytes rule", 5290, 50, 9000 },
		{ "operations rule", 52900, 10, 9000 },
		{ "no limit", 0, 0, 0 },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t ms, from;
		unsigned came = 0;

		open_limited(1, rows[i].bytes, rows[i].operations);
		from = virtual_ns;
		for (unsigned round = 0; round < 5; round++) {
			post_many(0, many, 20);
			driver_kick(0);
			came += wait_for(0, 20);
		}
		ms = (virtual_ns - from) / 1000000;
		if (came == 100 && ms == rows[i].ms)
			continue;
		print_error("row: %s: %u came in %llu ms\n", rows[i].name, came,
			    (unsigned long long)ms);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* A driver that makes more available in queue 0 while the device looks. */
static unsigned endless_left;
static bool
	endless_reads; /* one of 64; then a completion wakes the device, else nothing does */

static void refill(void)
{
	uint16_t head;
	uint32_t len;

	while (endless_left > 0 && driver_used(0, &head, &len)) {
		bool reads = endless_left-- % 64 == 0 && endless_reads;

		post(0, &many[reads], reads ? T_IN : T_GET_ID, 0, reads ? SECTOR : 20);
	}
}

static unsigned others_came, left_when_others_had_all;

static void refill_and_count(void)
{
	uint16_t head;
	uint32_t len;

	refill();
	while (driver_used(1, &head, &len))
		if (++others_came == 10)
			left_when_others_had_all = endless_left;
}

/* A queue that is never empty does not starve another: they take turns. */
static void test_rates_are_shared(void **state)
{
	(void)state;
	open_limited(2, 0, 10);
	others_came = left_when_others_had_all = 0;
	endless_left = 200;
	for (unsigned i = 0; i < 10; i++)
		post(0, &many[2 + i], T_GET_ID, 0, 20);
	post_many(1, many + 100, 10);
	at_each_look = refill_and_count;
	driver_kick(0);
	driver_kick(1);
	for (unsigned i = 0; i < 200 && others_came < 10 && endless_left > 0; i++)
		driver_serve(1);
	assert_int_equal(others_came, 10);
	assert_true(left_when_others_had_all >= 200 - 10 - 20);
}

/* The driver resets while its queue waits. */
static void test_a_reset_while_the_rate_rules(void **state)
{
	unsigned waits;

	(void)state;
	open_limited(1, 0, 10);
	post_many(0, many, 20);
	driver_kick(0);
	assert_int_equal(wait_for(0, 10), 10);
	assert_false(driver_used(0, &(uint16_t){ 0 }, &(uint32_t){ 0 }));
	waits = seen.waits;
	for (unsigned i = 0; i < 10; i++)
		driver_kick(0); /* costs nothing, and is no way round */
	assert_int_equal(seen.waits, waits);
	driver_reset();
	driver_serve(3);
	assert_int_equal(driver.device.queue[0].vq.taken_count, 0);
	assert_false(driver_used(0, &(uint16_t){ 0 }, &(uint32_t){ 0 }));
	driver_start_all();
	assert_int_equal(ask(&many[0], T_IN, 3, SECTOR), OK);
}

/* Others have their turn. */
static void test_a_driver_without_end(void **state)
{
	const unsigned before = 100000;

	(void)state;
	for (int reads = 0; reads < 2; reads++) {
		open_limited(1, 0, 1ull << 40);
		endless_left = before;
		endless_reads = reads != 0;
		at_each_look = refill;
		/* Answered at once, each of them. */
		for (unsigned i = 0; i < DRIVER_QUEUE / 3; i++)
			post(0, &many[2 + i], T_GET_ID, 0, 20);
		driver_kick(0);
		assert_true(before - endless_left <= 4 * SLOTS);
		/* Nobody need kick again; nor does a stop wait for an end. */
		driver_serve(5);
		assert_true(before - endless_left > 4 * SLOTS);
		endless_left = before;
		driver_kick(0);
		driver_stop_all();
		assert_true(before - endless_left <= 8 * SLOTS);
		assert_int_equal(driver.device.queue[0].vq.taken_count, 0);
	}
}

/* The policy holds what the device calls. */

static void look(void *arg, uint32_t events)
{
	uint16_t head;
	uint32_t len;

	(void)events;
	if (driver_used(0, &head, &len) && ++*(unsigned *)arg == 20)
		loop_end();
}

static int serve_in_a_sandbox(void)
{
	struct device_config c = config_of(0, 1);
	struct sock_fprog program = { .len = (unsigned short)device_ops.filter_count,
				      .filter = (struct sock_filter *)device_ops.filter };
	unsigned came = 0;
	struct loop_source always = { .fd = eventfd(1, 0), .ready = look, .arg = &came };
	struct slot s = { .data = gpa(0) };

	c.rate.operations = 18;
	if (driver_open(&c, 0) != STATUS_OK || !loop_add(&always, EPOLLIN))
		return 2;
	driver_start_all();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return 3;
	for (unsigned i = 0; i < 20; i++) {
		static const uint32_t types[] = { T_IN, T_OUT, T_FLUSH, T_ZEROES };

		s = make_slot(SECTOR);
		if (i % 4 == 3) {
			struct range r = { 0, htole32(8), 0 };

			memcpy(bytes_of(&s), &r, sizeof(r));
		}
		post(0, &s, types[i % 4], 0, i % 4 == 3 ? 16 : i % 4 == 2 ? 0 : SECTOR);
	}
	driver_kick(0);
	loop_run();
	driver_stop_all();
	driver_reset();
	return status_of(&s) == OK ? 0 : 4;
}

static void test_the_policy(void **state)
{
	int status;
	pid_t child;

	(void)state;
#ifdef ZW_SANITIZE
	skip();
#endif
	make_disk(DISK);
	forget();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(serve_in_a_sandbox());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_on_a_file),
		cmocka_unit_test(test_requests_on_tmpfs),
		cmocka_unit_test(test_a_break_with_requests_in_flight),
		cmocka_unit_test(test_config_space),
		cmocka_unit_test(test_config_writes),
		cmocka_unit_test(test_what_is_stable),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_ranges_that_were_not_negotiated),
		cmocka_unit_test(test_random_requests),
		cmocka_unit_test(test_short_and_interrupted_requests),
		cmocka_unit_test(test_as_many_segments_as_promised),
		cmocka_unit_test(test_discard_gives_back),
		cmocka_unit_test(test_write_zeroes_keeps_space),
		cmocka_unit_test(test_ranges_the_host_cannot_do),
		cmocka_unit_test(test_a_file_that_became_shorter),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_a_file_size_limit),
		cmocka_unit_test(test_ends_of_files),
		cmocka_unit_test(test_other_hosts),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_misaligned),
		cmocka_unit_test(test_misaligned_and_long),
		cmocka_unit_test(test_one_call_for_many),
		cmocka_unit_test(test_more_requests_than_slots),
		cmocka_unit_test(test_a_host_that_refuses_submissions),
		cmocka_unit_test(test_a_stop_with_requests_in_flight),
		cmocka_unit_test(test_a_stop_frees_slots_for_others),
		cmocka_unit_test(test_a_driver_without_end),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_rates_are_shared),
		cmocka_unit_test(test_a_reset_while_the_rate_rules),
		cmocka_unit_test(test_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
