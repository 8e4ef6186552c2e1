/* SPDX-License-Identifier: ISC */
#ifdef __clang__ /* which in C11 wants rows to end in ", )" */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"

/* Guest memory: two regions of one file, one above 4 GiB; the front end's addresses lie elsewhere. */
#define REGION	     (1ull << 20)
#define HIGH	     (1ull << 32)
#define USER_LOW     0x7f0000000000ull
#define USER_HIGH    0x7e0000000000ull
#define QUEUE	     32u /* more than the device serves in one turn */
#define DESC	     0x1000u
#define AVAIL	     0x2000u
#define USED	     0x3000u
#define BUFFER	     0x10000u
#define BUFFER_LEN   100u
#define REPLY_MS     5000
#define DESC_F_WRITE 2u

struct ring {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} * desc;
	struct {
		uint16_t flags, idx, ring[QUEUE], used_event;
	} * avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[QUEUE];
		uint16_t avail_event;
	} * used;
};

static struct backend backend;
static struct device *const device = &backend.device;
static int front = -1, back = -1; /* back -1: the back end is another process */
static int memory_fd, kick_fd, call_fd, err_fd, null_fd, small_fd;
static uint8_t *memory;
static struct ring ring;

/* What came of a message. */
enum outcome { ENDS, DONE, FAILED, SILENT, ANSWERS };

static const char *const outcomes[] = { "the end", "done", "failed", "silence", "an answer" };

static enum outcome exchange(const struct vhost_user_message *m,
			     struct vhost_user_message *reply)
{
	if (vhost_user_send(front, m, 1000) != VHOST_USER_OK)
		return ENDS;
	if (back >= 0) {
		struct vhost_user_message in;

		assert_int_equal(vhost_user_receive(back, &in, 0), VHOST_USER_OK);
		if (!backend_message(&backend, &in))
			return ENDS;
	}
	if (vhost_user_receive(front, reply, back >= 0 ? 0 : REPLY_MS) != VHOST_USER_OK)
		return back >= 0 ? SILENT : ENDS;
	assert_int_equal(reply->request, m->request);
	assert_int_equal(reply->flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	if ((m->flags & VHOST_USER_NEED_REPLY) == 0 || reply->size != 8 || reply->p.u64 > 1)
		return ANSWERS;
	return reply->p.u64 == 0 ? DONE : FAILED;
}

static void tell(struct vhost_user_message m)
{
	struct vhost_user_message reply;

	m.flags = VHOST_USER_NEED_REPLY;
	assert_int_equal(exchange(&m, &reply), DONE);
}

static struct vhost_user_message ask(struct vhost_user_message m)
{
	struct vhost_user_message reply;

	assert_int_equal(exchange(&m, &reply), ANSWERS);
	return reply;
}

#define MESSAGE(...) ((struct vhost_user_message){ __VA_ARGS__ })

static void tell_u64(uint32_t request, uint64_t v)
{
	tell(MESSAGE(.request = request, .size = 8, .p.u64 = v));
}

static void tell_vring(uint32_t request, uint32_t num)
{
	tell(MESSAGE(.request = request, .size = 8, .p.vring = { 0, num }));
}

static void tell_fd(uint32_t request, int fd)
{
	tell(MESSAGE(.request = request, .size = 8, .fd_count = 1, .fd = { fd }));
}

static void tell_memory(int fd, uint64_t low_user)
{
	tell(MESSAGE(.request = VHOST_USER_SET_MEM_TABLE, .size = VHOST_USER_MEMORY_SIZE(2),
		     .p.memory = { 2,
				   0,
				   { { 0, REGION, low_user, 0 },
				     { HIGH, REGION, USER_HIGH, REGION } } },
		     .fd_count = 2, .fd = { fd, fd }));
}

static void tell_addr(uint64_t base)
{
	tell(MESSAGE(.request = VHOST_USER_SET_VRING_ADDR, .size = VHOST_USER_VRING_ADDR_SIZE,
		     .p.addr = { .desc = base + DESC,
				 .avail = base + AVAIL,
				 .used = base + USED }));
}

#define ALL_PROTOCOL                                                                           \
	(1u << VHOST_USER_PROTOCOL_F_MQ | 1u << VHOST_USER_PROTOCOL_F_REPLY_ACK |              \
	 1u << VHOST_USER_PROTOCOL_F_BACKEND_REQ | 1u << VHOST_USER_PROTOCOL_F_CONFIG |        \
	 1u << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD |                                          \
	 1u << VHOST_USER_PROTOCOL_F_RESET_DEVICE)

static void tell_features(void)
{
	tell_u64(VHOST_USER_SET_PROTOCOL_FEATURES, ALL_PROTOCOL);
	tell_u64(VHOST_USER_SET_FEATURES,
		 1ull << VIRTIO_F_VERSION_1 | 1ull << VHOST_USER_F_PROTOCOL_FEATURES);
	tell(MESSAGE(.request = VHOST_USER_SET_OWNER));
}

static void tell_ring(uint16_t base)
{
	tell_vring(VHOST_USER_SET_VRING_NUM, QUEUE);
	tell_vring(VHOST_USER_SET_VRING_BASE, base);
	tell_addr(USER_LOW);
	tell_fd(VHOST_USER_SET_VRING_ERR, err_fd);
	tell_fd(VHOST_USER_SET_VRING_CALL, call_fd);
	tell_fd(VHOST_USER_SET_VRING_KICK, kick_fd);
	tell_vring(VHOST_USER_SET_VRING_ENABLE, 1);
}

static void start(void)
{
	tell_features();
	tell_memory(memory_fd, USER_LOW);
	tell_ring(0);
}

static uint16_t stop(void)
{
	struct vhost_user_message m =
		ask(MESSAGE(.request = VHOST_USER_GET_VRING_BASE, .size = 8));

	assert_int_equal(m.size, 8);
	return (uint16_t)m.p.vring.num;
}

/* The driver's side. */

static void offer_at(uint64_t addr, uint32_t len)
{
	uint16_t slot = ring.avail->idx % QUEUE;

	ring.desc[slot].addr = addr;
	ring.desc[slot].len = len;
	ring.desc[slot].flags = DESC_F_WRITE;
	ring.avail->ring[slot] = slot;
	__atomic_store_n(&ring.avail->idx, (uint16_t)(ring.avail->idx + 1), __ATOMIC_RELEASE);
}

static void offer(void)
{
	offer_at(BUFFER, BUFFER_LEN);
}

static bool signalled(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n);
}

static void end_loop(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_end();
}

static void serve(unsigned ms)
{
	struct loop_source timer;
	int fd;

	assert_true(loop_timer_init(&timer, end_loop, NULL) && loop_add(&timer, EPOLLIN));
	fd = timer.fd;
	loop_timer_set(&timer, ms * 1000000ull);
	loop_run();
	loop_remove(&timer);
	close(fd);
}

static void kick(void)
{
	uint64_t one = 1;

	assert_int_equal(write(kick_fd, &one, sizeof(one)), sizeof(one));
	if (back >= 0)
		serve(2);
}

/* Makes a buffer available and expects it filled. */
static void expect_served(void)
{
	static const uint8_t zeros[BUFFER_LEN];
	uint16_t slot = ring.used->idx % QUEUE, idx = ring.used->idx;
	struct pollfd p = { .fd = call_fd, .events = POLLIN };

	memset(memory + BUFFER, 0, BUFFER_LEN + 1);
	offer();
	kick();
	do { /* another process may still be calling for what was used before a new start */
		assert_int_equal(poll(&p, 1, back >= 0 ? 0 : REPLY_MS), 1);
		assert_true(signalled(call_fd));
	} while (back < 0 && __atomic_load_n(&ring.used->idx, __ATOMIC_ACQUIRE) == idx);
	assert_int_equal(ring.used->idx, (uint16_t)(idx + 1));
	assert_int_equal(ring.used->ring[slot].len, BUFFER_LEN);
	assert_memory_not_equal(memory + BUFFER, zeros, BUFFER_LEN);
	if (back >= 0)
		assert_int_equal(ring.used->flags, 0); /* it wants to be kicked again */
	assert_int_equal(memory[BUFFER + BUFFER_LEN], 0);
}

static void expect_ignored(void)
{
	uint16_t idx = ring.used->idx;

	offer();
	kick();
	assert_false(signalled(call_fd));
	assert_int_equal(ring.used->idx, idx);
}

/* What this process holds. */

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static unsigned count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "memfd:") != NULL;
	fclose(f);
	return n;
}

static int connect_again(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	front = pair[0];
	back = pair[1];
	backend_init(&backend, back);
	device->queue_count = 1; /* the device was opened once, by set_up() */
	return 0;
}

static int connect_front(void **state)
{
	(void)state;
	memset(memory, 0, 2 * REGION);
	signalled(kick_fd);
	signalled(call_fd);
	signalled(err_fd);
	return connect_again();
}

static int hang_up(void **state)
{
	(void)state;
	if (back >= 0) {
		backend_hang_up(&backend);
		close(back);
	}
	close(front);
	return 0;
}

/* Hostile messages. Descriptors of a row are these, exchanged for real ones. */
enum { NONE, EVENT, MEMORY, SMALL, DEVICE };

static int real_fd(int kind)
{
	const int fds[] = { -1, kick_fd, memory_fd, small_fd, null_fd };

	return fds[kind];
}

#define VRING(r, i, n)                                                                         \
	{                                                                                      \
		.request = r, .size = 8, .p.vring = { i, n }                                   \
	}
#define U64(r, v, ...)                                                                         \
	{                                                                                      \
		.request = r, .size = 8, .p.u64 = v, __VA_ARGS__                               \
	}
#define ONE(...)                                                                               \
	{                                                                                      \
		.request = VHOST_USER_SET_MEM_TABLE, .size = 40,                               \
		.p.memory = { 1, 0, { __VA_ARGS__ } }, .fd_count = 1,                          \
		.fd = { MEMORY }                                                               \
	}
#define TWO(...)                                                                               \
	{                                                                                      \
		.request = VHOST_USER_SET_MEM_TABLE, .size = 72,                               \
		.p.memory = { 2, 0, { __VA_ARGS__ } }, .fd_count = 2,                          \
		.fd = { MEMORY,                                                                \
			MEMORY }                                                               \
	}
#define CONFIG(r, s, o, n)                                                                     \
	{                                                                                      \
		.request = r, .size = s, .p.config = {.offset = o, .size = n }                 \
	}
#define INFLIGHT(r, s, len, off, n, q, ...)                                                    \
	{                                                                                      \
		.request = r, .size = s, .p.inflight = { len, off, n, q }, __VA_ARGS__         \
	}

enum when { FRESH, RUNNING };
enum how { QUIET, ASKED }; /* without or with NEED_REPLY */

static const struct {
	const char *name;
	enum when when;
	enum how how;
	struct vhost_user_message m;
	enum outcome outcome;
} hostile[] = {
	/* clang-format off */
	{ "request 0", FRESH, ASKED, { .request = 0 }, FAILED },
	{ "unknown", FRESH, ASKED, { .request = 33, .size = 200 }, FAILED },
	{ "unknown, unasked", FRESH, QUIET, { .request = 33, .size = 200 }, SILENT },
	{ "unknown, with descriptors", FRESH, QUIET, { .request = 99, .fd_count = 2, .fd = { EVENT, EVENT } }, SILENT },
	{ "unknown, beyond all", FRESH, ASKED, { .request = UINT32_MAX }, FAILED },
	{ "an answer as a question", FRESH, ASKED, { .request = VHOST_USER_GET_FEATURES, .flags = VHOST_USER_REPLY }, ENDS },
	{ "a flag of the future", FRESH, ASKED, { .request = VHOST_USER_GET_FEATURES, .flags = 16 }, ENDS },
	{ "a descriptor with a question", FRESH, ASKED, { .request = VHOST_USER_GET_FEATURES, .fd_count = 1, .fd = { EVENT } }, ENDS },
	{ "a log", FRESH, ASKED, U64(VHOST_USER_SET_LOG_BASE, 0, .fd_count = 1, .fd = { MEMORY }), FAILED },

	{ "a feature that was not offered", FRESH, ASKED, U64(VHOST_USER_SET_FEATURES, 1), FAILED },
	{ "the same, unasked", FRESH, QUIET, U64(VHOST_USER_SET_FEATURES, 1), ENDS },
	{ "short features", FRESH, ASKED, { .request = VHOST_USER_SET_FEATURES, .size = 4 }, ENDS },
	{ "long features", FRESH, ASKED, { .request = VHOST_USER_SET_FEATURES, .size = 16 }, ENDS },
	{ "features with a descriptor", FRESH, ASKED, U64(VHOST_USER_SET_FEATURES, 0, .fd_count = 1, .fd = { EVENT }), ENDS },
	{ "features while running", RUNNING, ASKED, U64(VHOST_USER_SET_FEATURES, 1ull << VIRTIO_F_VERSION_1), FAILED },
	{ "a protocol feature that was not offered", FRESH, ASKED, U64(VHOST_USER_SET_PROTOCOL_FEATURES, 2), FAILED },

	{ "no region", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 8 }, ENDS },
	{ "nine regions", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 264, .p.memory.count = 9, .fd_count = 1, .fd = { MEMORY } }, ENDS },
	{ "2^27 regions", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 8, .p.memory.count = 1u << 27 }, ENDS },
	{ "a table that is cut", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 39, .p.memory.count = 1, .fd_count = 1, .fd = { MEMORY } }, ENDS },
	{ "a region without a file", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 40, .p.memory.count = 1 }, ENDS },
	{ "a file without a region", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 40, .p.memory.count = 1, .fd_count = 2, .fd = { MEMORY, MEMORY } }, ENDS },
	{ "an empty region", FRESH, ASKED, ONE({ 0, 0, USER_LOW, 0 }), FAILED },
	{ "more than the file", FRESH, ASKED, ONE({ 0, 2 * REGION + 1, USER_LOW, 0 }), FAILED },
	{ "more than the rest of the file", FRESH, ASKED, ONE({ 0, REGION + 1, USER_LOW, REGION }), FAILED },
	{ "behind the file", FRESH, ASKED, ONE({ 0, 1, USER_LOW, 2 * REGION }), FAILED },
	{ "far behind the file", FRESH, ASKED, ONE({ 0, 4096, USER_LOW, 2 * REGION + 4096 }), FAILED },
	{ "offset and size wrap", FRESH, ASKED, ONE({ 0, 8192, USER_LOW, UINT64_MAX - 4095 }), FAILED },
	{ "a negative offset", FRESH, ASKED, ONE({ 0, 4096, USER_LOW, 1ull << 63 }), FAILED },
	{ "an unaligned offset", FRESH, ASKED, ONE({ 0, 4096, USER_LOW, 512 }), FAILED },
	{ "a guest address that wraps", FRESH, ASKED, ONE({ UINT64_MAX - 4094, 4096, USER_LOW, 0 }), FAILED },
	{ "a user address that wraps", FRESH, ASKED, ONE({ 0, 4096, UINT64_MAX - 4094, 0 }), FAILED },
	{ "guest addresses overlap", FRESH, ASKED, TWO({ 0, 8192, USER_LOW, 0 }, { 4096, 4096, USER_HIGH, 0 }), FAILED },
	{ "user addresses overlap", FRESH, ASKED, TWO({ 0, 8192, USER_LOW, 0 }, { HIGH, 8192, USER_LOW - 4096, 0 }), FAILED },
	{ "the second region is wrong", FRESH, ASKED, TWO({ 0, 8192, USER_LOW, 0 }, { HIGH, 0, USER_HIGH, 0 }), FAILED },
	{ "the same, unasked", FRESH, QUIET, TWO({ 0, 8192, USER_LOW, 0 }, { HIGH, 0, USER_HIGH, 0 }), ENDS },
	{ "a wrong table while running", RUNNING, ASKED, ONE({ 0, 0, USER_LOW, 0 }), FAILED },
	{ "no file but an eventfd", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 40, .p.memory = { 1, 0, { { 0, 4096, USER_LOW, 0 } } }, .fd_count = 1, .fd = { EVENT } }, FAILED },
	{ "no file but a device", FRESH, ASKED, { .request = VHOST_USER_SET_MEM_TABLE, .size = 40, .p.memory = { 1, 0, { { 0, 4096, USER_LOW, 0 } } }, .fd_count = 1, .fd = { DEVICE } }, FAILED },
	{ "memory without its first region", RUNNING, ASKED, ONE({ HIGH, REGION, USER_HIGH, REGION }), DONE },

	{ "size 0", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_NUM, 0, 0), FAILED },
	{ "size 3", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_NUM, 0, 3), FAILED },
	{ "size 512", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_NUM, 0, 512), FAILED },
	{ "size 65536 + 8", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_NUM, 0, 65544), FAILED },
	{ "size of queue 1", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_NUM, 1, 8), ENDS },
	{ "size of queue -1", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_NUM, UINT32_MAX, 8), ENDS },
	{ "size while running", RUNNING, ASKED, VRING(VHOST_USER_SET_VRING_NUM, 0, 8), FAILED },
	{ "a longer size", FRESH, ASKED, { .request = VHOST_USER_SET_VRING_NUM, .size = 12 }, ENDS },
	{ "base 65536", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_BASE, 0, 65536), ENDS },
	{ "base of queue 66", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_BASE, 66, 0), ENDS },
	{ "base while running", RUNNING, ASKED, VRING(VHOST_USER_SET_VRING_BASE, 0, 0), FAILED },
	{ "place of queue 1", FRESH, ASKED, { .request = VHOST_USER_SET_VRING_ADDR, .size = 40, .p.addr.index = 1 }, ENDS },
	{ "place with a log", FRESH, ASKED, { .request = VHOST_USER_SET_VRING_ADDR, .size = 40, .p.addr.flags = 1 }, FAILED },
	{ "place while running", RUNNING, ASKED, { .request = VHOST_USER_SET_VRING_ADDR, .size = 40 }, FAILED },
	{ "a short place", FRESH, ASKED, { .request = VHOST_USER_SET_VRING_ADDR, .size = 36 }, ENDS },
	{ "enabled twice over", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_ENABLE, 0, 2), ENDS },
	{ "queue 1 enabled", FRESH, ASKED, VRING(VHOST_USER_SET_VRING_ENABLE, 1, 1), ENDS },
	{ "queue 1 stopped", FRESH, ASKED, VRING(VHOST_USER_GET_VRING_BASE, 1, 0), ENDS },
	{ "a fresh queue stopped", FRESH, QUIET, VRING(VHOST_USER_GET_VRING_BASE, 0, 0), ANSWERS },

	{ "a ring to be polled", FRESH, ASKED, U64(VHOST_USER_SET_VRING_KICK, VHOST_USER_NO_FD), FAILED },
	{ "a running ring to be polled", RUNNING, QUIET, U64(VHOST_USER_SET_VRING_KICK, VHOST_USER_NO_FD), ENDS },
	{ "no descriptor", FRESH, ASKED, U64(VHOST_USER_SET_VRING_KICK, 0), ENDS },
	{ "a descriptor that there is not", FRESH, ASKED, U64(VHOST_USER_SET_VRING_KICK, VHOST_USER_NO_FD, .fd_count = 1, .fd = { EVENT }), ENDS },
	{ "two descriptors", FRESH, ASKED, U64(VHOST_USER_SET_VRING_CALL, 0, .fd_count = 2, .fd = { EVENT, EVENT }), ENDS },
	{ "eight descriptors", FRESH, ASKED, U64(VHOST_USER_SET_VRING_ERR, 0, .fd_count = 8, .fd = { EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT }), ENDS },
	{ "kick of queue 1", FRESH, ASKED, U64(VHOST_USER_SET_VRING_KICK, 1, .fd_count = 1, .fd = { EVENT }), ENDS },
	{ "kick of queue 2^32", FRESH, ASKED, U64(VHOST_USER_SET_VRING_KICK, 1ull << 32, .fd_count = 1, .fd = { EVENT }), ENDS },
	{ "kick of queue 512", FRESH, ASKED, U64(VHOST_USER_SET_VRING_KICK, 512, .fd_count = 1, .fd = { EVENT }), ENDS },
	{ "kick that cannot be watched", RUNNING, ASKED, U64(VHOST_USER_SET_VRING_KICK, 0, .fd_count = 1, .fd = { MEMORY }), DONE },
	{ "nobody to be called", RUNNING, ASKED, U64(VHOST_USER_SET_VRING_CALL, VHOST_USER_NO_FD), DONE },
	{ "nobody to be told", RUNNING, ASKED, U64(VHOST_USER_SET_VRING_ERR, VHOST_USER_NO_FD), DONE },

	{ "256 bytes of config", FRESH, QUIET, CONFIG(VHOST_USER_GET_CONFIG, 268, 0, 256), ANSWERS },
	{ "257 bytes of config", FRESH, QUIET, CONFIG(VHOST_USER_GET_CONFIG, 268, 0, 257), ENDS },
	{ "config of another size", FRESH, QUIET, CONFIG(VHOST_USER_GET_CONFIG, 20, 0, 4), ENDS },
	{ "config of a size that wraps", FRESH, QUIET, CONFIG(VHOST_USER_GET_CONFIG, 8, 0, UINT32_MAX - 3), ENDS },
	{ "config beyond", FRESH, QUIET, CONFIG(VHOST_USER_GET_CONFIG, 16, 253, 4), ANSWERS },
	{ "config far beyond", FRESH, QUIET, CONFIG(VHOST_USER_GET_CONFIG, 16, UINT32_MAX - 1, 4), ANSWERS },
	{ "a write where nothing is", FRESH, ASKED, CONFIG(VHOST_USER_SET_CONFIG, 13, 0, 1), FAILED },
	{ "a write far beyond", FRESH, ASKED, CONFIG(VHOST_USER_SET_CONFIG, 16, UINT32_MAX - 7, 4), FAILED },
	{ "an empty write", FRESH, ASKED, CONFIG(VHOST_USER_SET_CONFIG, 12, 0, 0), DONE },
	{ "a write of another size", FRESH, ASKED, CONFIG(VHOST_USER_SET_CONFIG, 16, 0, 8), ENDS },

	{ "inflight of no queue", FRESH, QUIET, INFLIGHT(VHOST_USER_GET_INFLIGHT_FD, 20, 0, 0, 0, 8, .fd_count = 0), ENDS },
	{ "inflight of two queues", FRESH, QUIET, INFLIGHT(VHOST_USER_GET_INFLIGHT_FD, 20, 0, 0, 2, 8, .fd_count = 0), ENDS },
	{ "inflight of no size", FRESH, QUIET, INFLIGHT(VHOST_USER_GET_INFLIGHT_FD, 20, 0, 0, 1, 0, .fd_count = 0), ENDS },
	{ "inflight of size 512", FRESH, QUIET, INFLIGHT(VHOST_USER_GET_INFLIGHT_FD, 20, 0, 0, 1, 512, .fd_count = 0), ENDS },
	{ "inflight, cut", FRESH, QUIET, INFLIGHT(VHOST_USER_GET_INFLIGHT_FD, 16, 0, 0, 1, 8, .fd_count = 0), ENDS },
	{ "no inflight file", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 4096, 0, 1, 8, .fd_count = 0), ENDS },
	{ "inflight too small", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 100, 0, 1, 8, .fd_count = 1, .fd = { MEMORY }), FAILED },
	{ "inflight file too small", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 4096, 0, 1, 8, .fd_count = 1, .fd = { SMALL }), FAILED },
	{ "inflight behind the file", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 4096, 2 * REGION, 1, 8, .fd_count = 1, .fd = { MEMORY }), FAILED },
	{ "inflight that wraps", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 4096, UINT64_MAX - 4095, 1, 8, .fd_count = 1, .fd = { MEMORY }), FAILED },
	{ "inflight in no file", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 4096, 0, 1, 8, .fd_count = 1, .fd = { DEVICE }), FAILED },
	{ "inflight while running", RUNNING, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 20, 4096, 0, 1, 8, .fd_count = 1, .fd = { MEMORY }), FAILED },
	{ "inflight", FRESH, ASKED, INFLIGHT(VHOST_USER_SET_INFLIGHT_FD, 24, 4096, 4096, 1, 8, .fd_count = 1, .fd = { MEMORY }), DONE },

	{ "no socket", FRESH, ASKED, { .request = VHOST_USER_SET_BACKEND_REQ_FD }, ENDS },
	{ "two sockets", FRESH, ASKED, { .request = VHOST_USER_SET_BACKEND_REQ_FD, .fd_count = 2, .fd = { EVENT, EVENT } }, ENDS },
	{ "something else for a socket", FRESH, ASKED, { .request = VHOST_USER_SET_BACKEND_REQ_FD, .fd_count = 1, .fd = { EVENT } }, DONE },
	{ "a reset while running", RUNNING, ASKED, { .request = VHOST_USER_RESET_DEVICE }, DONE },
	{ "a change of owner", RUNNING, ASKED, { .request = VHOST_USER_RESET_OWNER }, DONE },
	/* clang-format on */
};

/* After each of them nothing is left open or mapped, and after a refusal a ring still runs. */
static void test_hostile_messages(void **state)
{
	unsigned wrong = 0, fds = count_fds(), maps = count_maps();

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct vhost_user_message m = hostile[i].m, reply = { 0 };
		enum outcome got;

		assert_int_equal(connect_front(NULL), 0);
		if (hostile[i].when == RUNNING)
			start();
		for (unsigned n = 0; n < m.fd_count; n++)
			m.fd[n] = real_fd(m.fd[n]);
		if (hostile[i].how == ASKED)
			m.flags |= VHOST_USER_NEED_REPLY;
		got = exchange(&m, &reply);
		if (got != hostile[i].outcome ||
		    (got == ENDS) != (backend.status == STATUS_FAILED)) {
			print_error("row: %s: it came to %s\n", hostile[i].name, outcomes[got]);
			wrong++;
		}
		device_config_changed(device);
		if (got == FAILED && hostile[i].when == RUNNING)
			expect_served();
		hang_up(NULL);
		if (count_fds() == fds && count_maps() == maps)
			continue;
		print_error("row: %s: %u descriptors and %u mappings, not %u and %u\n",
			    hostile[i].name, count_fds(), count_maps(), fds, maps);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* The whole life of a device, by what a front end sees. */
static void test_serves(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 3 * QUEUE; i++)
		expect_served();
	assert_int_equal(stop(), 3 * QUEUE);
	expect_ignored();
	tell_ring(3 * QUEUE);
	assert_int_equal(ring.used->idx, 3 * QUEUE + 1); /* it looks before it is kicked */
	assert_true(signalled(call_fd));
	expect_served();
}

static void test_says_what_it_offers(void **state)
{
	struct vhost_user_message m = ask(MESSAGE(.request = VHOST_USER_GET_FEATURES));

	(void)state;
	assert_int_equal(m.p.u64, 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_EVENT_IDX |
					  1ull << VIRTIO_F_INDIRECT |
					  1ull << VHOST_USER_F_PROTOCOL_FEATURES);
	m = ask(MESSAGE(.request = VHOST_USER_GET_PROTOCOL_FEATURES));
	assert_int_equal(m.p.u64, ALL_PROTOCOL);
	m = ask(MESSAGE(.request = VHOST_USER_GET_QUEUE_NUM));
	assert_int_equal(m.p.u64, 1);
}

static void test_config(void **state)
{
	struct vhost_user_message m = { .request = VHOST_USER_GET_CONFIG,
					.size = VHOST_USER_CONFIG_SIZE(4),
					.p.config = { .offset = 2, .size = 4, .flags = 1 } };

	(void)state;
	device->config_size = 4;
	memcpy(device->config, "abcd", 4);
	m = ask(m);
	assert_int_equal(m.size, VHOST_USER_CONFIG_SIZE(4));
	assert_int_equal(m.p.config.offset, 2);
	assert_int_equal(m.p.config.size, 4);
	assert_memory_equal(m.p.config.data, "cd\0\0", 4);
	m.p.config.offset = 253;
	m.flags = 0;
	m = ask(m);
	assert_int_equal(m.size, 0);
}

/* Without protocol features a ring runs from the start; with them it waits to be enabled. */
static void test_enabling(void **state)
{
	(void)state;
	start();
	tell_vring(VHOST_USER_SET_VRING_ENABLE, 0);
	expect_ignored();
	tell_vring(VHOST_USER_SET_VRING_ENABLE, 1);
	assert_int_equal(ring.used->idx, 1);
	stop();
	tell_vring(VHOST_USER_SET_VRING_ENABLE, 0);
	tell_u64(VHOST_USER_SET_FEATURES, 1ull << VIRTIO_F_VERSION_1);
	signalled(call_fd);
	tell_fd(VHOST_USER_SET_VRING_KICK, kick_fd);
	expect_served();
}

static void test_old_driver(void **state)
{
	(void)state;
	start();
	stop();
	tell_u64(VHOST_USER_SET_FEATURES, 1ull << VHOST_USER_F_PROTOCOL_FEATURES);
	tell_fd(VHOST_USER_SET_VRING_KICK, kick_fd);
	assert_true(signalled(err_fd));
	expect_ignored();
}

/* A ring goes on where it was, in new memory. */
static void test_memory_is_replaced(void **state)
{
	int copy = memfd_create("copy", MFD_CLOEXEC);
	uint8_t *old = memory;
	const struct ring old_ring = ring;
	int fd = -1;
	uint64_t offset;

	(void)state;
	start();
	expect_served();
	assert_int_equal(ftruncate(copy, 2 * REGION), 0);
	assert_int_equal(pwrite(copy, memory, REGION, 0), REGION);
	memory = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
	assert_true(memory != MAP_FAILED);
	ring.desc = (void *)(memory + DESC);
	ring.avail = (void *)(memory + AVAIL);
	ring.used = (void *)(memory + USED);
	tell_memory(copy, USER_LOW);
	expect_served();
	assert_int_equal(old_ring.used->idx, 1);
	assert_true(device_memory_file(device, gpa(HIGH + 4096), REGION - 4096, &fd, &offset));
	assert_int_equal(offset, REGION + 4096);
	assert_true(fd >= 0);
	assert_false(device_memory_file(device, gpa(HIGH + 4096), REGION, &fd, &offset));
	assert_false(device_memory_file(device, gpa(REGION), 1, &fd, &offset));
	/* Elsewhere for the front end: the ring's addresses mean nothing now. */
	tell_memory(copy, USER_LOW + (1ull << 30));
	assert_true(signalled(err_fd));
	expect_ignored();
	munmap(memory, 2 * REGION);
	close(copy);
	memory = old;
	ring = old_ring;
}

/* virtio 1.2, 2.1.2: what makes no sense ends in a device that needs a reset, and a reset helps. */
static void test_broken_ring(void **state)
{
	(void)state;
	start();
	expect_served();
	ring.avail->idx = (uint16_t)(ring.avail->idx + QUEUE + 1);
	kick();
	assert_true(signalled(err_fd));
	assert_false(device->queue[0].running);
	ring.avail->idx = (uint16_t)(ring.avail->idx - QUEUE - 1); /* too late */
	expect_ignored();
	tell_vring(VHOST_USER_SET_VRING_ENABLE, 1);
	tell_memory(memory_fd, USER_LOW);
	expect_ignored();
	assert_false(signalled(err_fd));
	assert_int_equal(stop(), 1);
	tell(MESSAGE(.request = VHOST_USER_RESET_DEVICE));
	memset(memory, 0, REGION);
	tell_u64(VHOST_USER_SET_FEATURES,
		 1ull << VIRTIO_F_VERSION_1 | 1ull << VHOST_USER_F_PROTOCOL_FEATURES);
	signalled(kick_fd);
	tell_ring(0);
	expect_served();
}

static const struct {
	const char *name;
	uint64_t desc, avail, used;
	bool ok;
} places[] = {
	{ "each at its place", USER_LOW + DESC, USER_LOW + AVAIL, USER_LOW + USED, true },
	{ "two regions", USER_LOW + DESC, USER_HIGH, USER_HIGH + 4096, true },
	{ "desc is a guest address", DESC, USER_LOW + AVAIL, USER_LOW + USED, false },
	{ "avail is a guest address", USER_LOW + DESC, AVAIL, USER_LOW + USED, false },
	{ "used is a guest address", USER_LOW + DESC, USER_LOW + AVAIL, USED, false },
	{ "desc across the end", USER_LOW + REGION - 16 * QUEUE + 16, USER_LOW + AVAIL,
	  USER_LOW + USED, false },
	{ "avail across the end", USER_LOW + DESC, USER_LOW + REGION - 2 * QUEUE - 4,
	  USER_LOW + USED, false },
	{ "used across the end", USER_LOW + DESC, USER_LOW + AVAIL,
	  USER_LOW + REGION - 8 * QUEUE - 4, false },
	{ "desc to the very end", USER_LOW + REGION - 16 * QUEUE, USER_LOW + AVAIL,
	  USER_LOW + USED, true },
	{ "desc just behind", USER_LOW + REGION, USER_LOW + AVAIL, USER_LOW + USED, false },
	{ "desc far behind, where a guest address would be", USER_LOW + HIGH, USER_LOW + AVAIL,
	  USER_LOW + USED, false },
	{ "desc just before", USER_LOW - 16, USER_LOW + AVAIL, USER_LOW + USED, false },
	{ "desc unaligned", USER_LOW + DESC + 8, USER_LOW + AVAIL, USER_LOW + USED, false },
	{ "used unaligned", USER_LOW + DESC, USER_LOW + AVAIL, USER_LOW + USED + 2, false },
	{ "at the end of all addresses", UINT64_MAX - 15, USER_LOW + AVAIL, USER_LOW + USED,
	  false },
};

static void test_places_of_rings(void **state)
{
	unsigned wrong = 0;

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		stop();
		tell(MESSAGE(.request = VHOST_USER_SET_VRING_ADDR,
			     .size = VHOST_USER_VRING_ADDR_SIZE,
			     .p.addr = { .desc = places[i].desc,
					 .avail = places[i].avail,
					 .used = places[i].used }));
		tell_fd(VHOST_USER_SET_VRING_KICK, kick_fd);
		if (signalled(err_fd) != places[i].ok &&
		    device->queue[0].running == places[i].ok)
			continue;
		print_error("row: %s\n", places[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Requests of the device itself: bounded, and what makes no sense breaks nothing but its ring. */
static void test_requests(void **state)
{
	(void)state;
	start();
	offer_at(HIGH, REGION);
	kick();
	assert_int_equal(ring.used->ring[0].len, 64u << 10);
	assert_int_equal(memory[REGION + (64u << 10)] | memory[REGION + (64u << 10) + 1], 0);
	ring.desc[1].flags = 0;
	offer_at(BUFFER, 0);
	kick();
	assert_int_equal(ring.used->ring[1].len, 0);
	assert_int_equal(ring.used->idx, 2);
	offer_at(HIGH + REGION - 1, 2);
	kick();
	assert_int_equal(ring.used->idx, 2);
	assert_true(signalled(err_fd));
}

/* More than one turn's worth is served to the end, by several turns. */
static void test_turns(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned n = 0; n < QUEUE; n++)
			offer();
		device_ops.kick(device, 0);
		assert_in_range(ring.used->idx, i * QUEUE + 1, (i + 1) * QUEUE - 1);
		serve(2);
		assert_int_equal(ring.used->idx, (i + 1) * QUEUE);
	}
}

/* What was in flight when a process ended is served by the next. */
static void test_restart(void **state)
{
	struct vhost_user_message m = { .request = VHOST_USER_GET_INFLIGHT_FD,
					.size = VHOST_USER_INFLIGHT_SIZE,
					.p.inflight = { .queue_count = 1, .queue_size = 256 } };
	struct virtq_inflight *region;
	struct vhost_user_message set;
	int fd;

	(void)state;
	start();
	stop();
	m = ask(m);
	assert_int_equal(m.size, VHOST_USER_INFLIGHT_SIZE);
	assert_int_equal(m.fd_count, 1);
	assert_int_equal(m.p.inflight.mmap_offset, 0);
	assert_true(m.p.inflight.mmap_size >= 16 + 256 * 16);
	fd = m.fd[0];
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	region = mmap(NULL, m.p.inflight.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(region != MAP_FAILED);
	set = m;
	set.request = VHOST_USER_SET_INFLIGHT_FD;
	tell(set);
	tell_ring(0);
	expect_served();
	assert_int_equal(region->version, 1);
	assert_int_equal(region->desc_num, QUEUE);
	assert_int_equal(region->used_idx, 1);

	/* It takes one more, and is gone before it answers. */
	hang_up(NULL);
	offer();
	region->desc[1].inflight = 1;
	region->desc[1].counter = 2;
	assert_int_equal(connect_again(), 0);
	tell_features();
	tell_memory(memory_fd, USER_LOW);
	tell(set);
	tell_ring(1);
	assert_int_equal(ring.used->idx, 2);
	assert_int_equal(ring.used->ring[1].id, 1);
	assert_int_equal(ring.used->ring[1].len, BUFFER_LEN);
	assert_int_equal(region->desc[1].inflight, 0);
	assert_true(signalled(call_fd));
	expect_served();
	assert_int_equal(stop(), 3);

	/* A region that contradicts the ring breaks it, no more. */
	region->desc_num = QUEUE / 2;
	tell_ring(3);
	assert_true(signalled(err_fd));
	assert_false(device->queue[0].running);
	munmap(region, m.p.inflight.mmap_size);
	close(fd);
}

/* The padded form of the same message is answered in kind. */
static void test_inflight_padded(void **state)
{
	struct vhost_user_message m = { .request = VHOST_USER_GET_INFLIGHT_FD,
					.size = 24,
					.p.inflight = { .queue_count = 1, .queue_size = 8 } };

	unsigned maps;

	(void)state;
	m = ask(m);
	assert_int_equal(m.size, 24);
	assert_int_equal(m.fd_count, 1);
	m.request = VHOST_USER_SET_INFLIGHT_FD;
	tell(m);
	maps = count_maps();
	tell(m); /* the one before goes */
	assert_int_equal(count_maps(), maps);
	vhost_user_close_fds(&m);
}

/* Whoever is to be called may have filled the eventfd. */
static void test_call_never_waits(void **state)
{
	uint64_t most = UINT64_MAX - 1;
	int full = eventfd(0, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(full, &most, sizeof(most)), sizeof(most));
	start();
	tell_fd(VHOST_USER_SET_VRING_CALL, full);
	offer();
	kick();
	assert_int_equal(ring.used->idx, 1);
	close(full);
}

/* An interrupt that went to where nobody looks any more is not lost. */
static void test_called_anew(void **state)
{
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	start();
	assert_false(signalled(call_fd)); /* nothing was used yet */
	expect_served();
	tell_fd(VHOST_USER_SET_VRING_CALL, other);
	assert_true(signalled(other));
	assert_int_equal(stop(), 1);
	tell_ring(1);
	assert_true(signalled(call_fd));
	close(other);
}

static void test_config_change(void **state)
{
	struct vhost_user_message m;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	device_config_changed(device);
	tell_features();
	tell(MESSAGE(.request = VHOST_USER_SET_BACKEND_REQ_FD, .fd_count = 1,
		     .fd = { pair[1] }));
	close(pair[1]);
	device_config_changed(device);
	assert_int_equal(vhost_user_receive(pair[0], &m, 0), VHOST_USER_OK);
	assert_int_equal(m.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(m.flags, VHOST_USER_VERSION);
	assert_int_equal(m.size, 0);
	for (unsigned i = 0; i < 10000; i++) /* nobody reads: it neither waits nor ends */
		device_config_changed(device);
	close(pair[0]);
	device_config_changed(device);
}

/* A kick that cannot be read would be ready for ever. */
static void test_kick_by_a_pipe(void **state)
{
	int pipe_fd[2];

	(void)state;
	start();
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	tell_fd(VHOST_USER_SET_VRING_KICK, pipe_fd[0]);
	assert_true(device->queue[0].running);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	serve(2);
	assert_true(signalled(err_fd));
	expect_ignored();
}

/* The loop. */

static struct loop_source pair_source[2];
static unsigned ready_count;

static void remove_both(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	ready_count++;
	loop_remove(&pair_source[0]);
	loop_remove(&pair_source[1]);
}

static void count(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	ready_count++;
}

static void test_loop_remove(void **state)
{
	int fd[2];

	(void)state;
	ready_count = 0;
	for (unsigned i = 0; i < 2; i++) {
		pair_source[i] = (struct loop_source){ .fd = eventfd(1, EFD_CLOEXEC),
						       .ready = remove_both };
		fd[i] = pair_source[i].fd;
		assert_true(loop_add(&pair_source[i], EPOLLIN));
	}
	serve(2);
	assert_int_equal(ready_count, 1); /* the other one was in the same batch */
	assert_int_equal(pair_source[0].fd, -1);
	loop_remove(&pair_source[0]); /* once more is nothing */
	close(fd[0]);
	close(fd[1]);
}

static void test_loop_timer(void **state)
{
	struct loop_source t;
	int fd;

	(void)state;
	ready_count = 0;
	assert_true(loop_timer_init(&t, count, NULL) && loop_add(&t, EPOLLIN));
	fd = t.fd;
	loop_timer_set(&t, 1);
	serve(5);
	assert_int_equal(ready_count, 1); /* once, though nobody has read it */
	loop_timer_set(&t, 1);
	serve(5);
	assert_int_equal(ready_count, 2);
	loop_timer_set(&t, 1000000);
	loop_timer_set(&t, 0);
	serve(5);
	assert_int_equal(ready_count, 2);
	loop_timer_set(&t, 3600ull * 1000000000);
	serve(2);
	assert_int_equal(ready_count, 2);
	loop_remove(&t);
	close(fd);
}

static void test_loop_change(void **state)
{
	struct loop_source s = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count };
	int fd = s.fd;

	(void)state;
	ready_count = 0;
	assert_true(loop_add(&s, 0));
	serve(2);
	assert_int_equal(ready_count, 0);
	loop_change(&s, EPOLLIN);
	serve(2);
	assert_true(ready_count > 0);
	loop_remove(&s);
	close(fd);
}

static void expect_counted(const struct device_counters *c, uint64_t requests)
{
	assert_int_equal(c->queue[0].requests, requests);
	assert_int_equal(c->queue[0].notifications, requests);
	assert_int_equal(c->queue[0].interrupts, requests);
	assert_int_equal(c->queue[1].requests, 0);
}

/* Each request once, also over a stop and from a ring that did not begin at 0. */
static void test_counters(void **state)
{
	static struct device_counters counters;

	(void)state;
	counters = (struct device_counters){ 0 };
	device->counters = &counters;
	start();
	for (unsigned i = 0; i < 3; i++)
		expect_served();
	expect_counted(&counters, 3);
	stop();
	tell_ring(3);
	signalled(call_fd); /* of what was used before */
	expect_served();
	expect_counted(&counters, 4);
}

/* The real thing, shut in. */

static int control_fd;
static int counters_fd = -1; /* goes to the process if it is there */
static pid_t pid;

static int start_process(void **state)
{
	int vhost[2], control[2];
	char *const argv[] = { (char *)"rng", NULL };

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vhost) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -1;
	memset(memory, 0, 2 * REGION);
	signalled(kick_fd);
	signalled(call_fd);
	signalled(err_fd);
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		int v = fcntl(vhost[1], F_DUPFD_CLOEXEC, 100);
		int c = fcntl(control[1], F_DUPFD_CLOEXEC, 100);

		dup2(null_fd, 0);
		dup2(null_fd, 1);
		dup2(c, DEVICE_FD_CONTROL);
		dup2(v, DEVICE_FD_VHOST);
		if (counters_fd >= 0)
			dup2(counters_fd, DEVICE_FD_COUNTERS);
		execve(RNG, argv, (char *[]){ NULL });
		_exit(127);
	}
	close(vhost[1]);
	close(control[1]);
	front = vhost[0];
	back = -1;
	control_fd = control[0];
	return 0;
}

static void send_config(size_t len, uint32_t version)
{
	struct device_config c = { .version = version };

	assert_int_equal(send(control_fd, &c, len, 0), len);
}

static int end_process(void)
{
	int status = -1;

	close(front);
	close(control_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_process_serves(void **state)
{
	struct vhost_user_message m = { .request = VHOST_USER_GET_INFLIGHT_FD,
					.size = VHOST_USER_INFLIGHT_SIZE,
					.p.inflight = { .queue_count = 1, .queue_size = 256 } };

	(void)state;
	send_config(sizeof(struct device_config), DEVICE_CONFIG_VERSION);
	start();
	expect_served();
	assert_int_equal(stop(), 1);
	m = ask(m);
	assert_int_equal(m.fd_count, 1);
	m.request = VHOST_USER_SET_INFLIGHT_FD;
	tell(m);
	close(m.fd[0]);
	tell(MESSAGE(.request = VHOST_USER_SET_BACKEND_REQ_FD, .fd_count = 1, .fd = { front }));
	tell_ring(1);
	for (unsigned i = 0; i < 100; i++)
		expect_served();
	tell_memory(memory_fd, USER_LOW);
	expect_served();
	for (unsigned i = 0; i < QUEUE; i++) /* more than one turn */
		offer_at(HIGH, REGION);
	kick();
	while (__atomic_load_n(&ring.used->idx, __ATOMIC_ACQUIRE) != ring.avail->idx &&
	       poll(&(struct pollfd){ .fd = call_fd, .events = POLLIN }, 1, REPLY_MS) == 1)
		signalled(call_fd);
	assert_int_equal(ring.used->idx, ring.avail->idx);
	ring.avail->idx = (uint16_t)(ring.avail->idx + 300);
	kick();
	assert_int_equal(poll(&(struct pollfd){ .fd = err_fd, .events = POLLIN }, 1, REPLY_MS),
			 1);
	tell(MESSAGE(.request = VHOST_USER_RESET_DEVICE));
	assert_int_equal(end_process(), STATUS_OK);
}

static int start_counted(void **state)
{
	counters_fd = memfd_create("counters", MFD_CLOEXEC);
	if (counters_fd < 0 || ftruncate(counters_fd, sizeof(struct device_counters)) < 0)
		return -1;
	return start_process(state);
}

static void send_counted(void)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION, .flags = DEVICE_COUNTED };

	assert_int_equal(send(control_fd, &c, sizeof(c), 0), sizeof(c));
}

static void test_process_counts(void **state)
{
	static struct device_counters counters;

	(void)state;
	send_counted();
	start();
	expect_served();
	expect_served();
	assert_int_equal(pread(counters_fd, &counters, sizeof(counters), 0), sizeof(counters));
	expect_counted(&counters, 2);
	close(counters_fd);
	counters_fd = -1;
	assert_int_equal(end_process(), STATUS_OK);
}

static void test_process_without_counters(void **state)
{
	(void)state;
	send_counted();
	assert_int_equal(end_process(), STATUS_NOT_STARTED);
}

static void test_process_without_launcher(void **state)
{
	struct device_command command = { .kind = DEVICE_RESIZE };

	(void)state;
	send_config(sizeof(struct device_config), DEVICE_CONFIG_VERSION);
	assert_int_equal(send(control_fd, &command, sizeof(command), 0), sizeof(command));
	start();
	shutdown(control_fd, SHUT_RDWR);
	assert_int_equal(poll(&(struct pollfd){ .fd = front, .events = POLLIN }, 1, REPLY_MS),
			 1);
	assert_int_equal(end_process(), STATUS_OK);
}

static void test_process_refuses_command(void **state)
{
	(void)state;
	send_config(sizeof(struct device_config), DEVICE_CONFIG_VERSION);
	assert_int_equal(send(control_fd, "short", 5, 0), 5);
	assert_int_equal(end_process(), STATUS_FAILED);
}

static void test_process_refuses_config(void **state)
{
	(void)state;
	send_config(sizeof(struct device_config), DEVICE_CONFIG_VERSION + 1);
	assert_int_equal(end_process(), STATUS_NOT_STARTED);
	assert_int_equal(start_process(NULL), 0);
	send_config(sizeof(struct device_config) - 1, DEVICE_CONFIG_VERSION);
	assert_int_equal(end_process(), STATUS_NOT_STARTED);
	assert_int_equal(start_process(NULL), 0);
	assert_int_equal(end_process(), STATUS_NOT_STARTED);
}

static void test_process_refuses_garbage(void **state)
{
	static const uint32_t garbage[3] = { 1, 2, 0 };
	struct vhost_user_message reply, m = { .request = VHOST_USER_SET_FEATURES, .size = 4 };

	(void)state;
	send_config(sizeof(struct device_config), DEVICE_CONFIG_VERSION);
	assert_int_equal(exchange(&m, &reply), ENDS);
	assert_int_equal(end_process(), STATUS_FAILED);
	assert_int_equal(start_process(NULL), 0);
	send_config(sizeof(struct device_config), DEVICE_CONFIG_VERSION);
	assert_int_equal(send(front, garbage, sizeof(garbage), 0), sizeof(garbage));
	assert_int_equal(poll(&(struct pollfd){ .fd = front, .events = POLLIN }, 1, REPLY_MS),
			 1);
	assert_int_equal(end_process(), STATUS_FAILED);
}

static int set_up(void **state)
{
	static const struct device_config config = { .version = DEVICE_CONFIG_VERSION };

	(void)state;
	kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	memory_fd = memfd_create("guest", MFD_CLOEXEC);
	small_fd = memfd_create("small", MFD_CLOEXEC);
	if (ftruncate(memory_fd, 2 * REGION) < 0 || ftruncate(small_fd, 100) < 0)
		return -1;
	memory = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	if (memory == MAP_FAILED)
		return -1;
	ring.desc = (void *)(memory + DESC);
	ring.avail = (void *)(memory + AVAIL);
	ring.used = (void *)(memory + USED);
	if (!loop_init() || !loop_init()) /* once more is allowed */
		return -1;
	return device_ops.open(device, &config) == STATUS_OK ? 0 : -1;
}

#define CONNECTED(t) cmocka_unit_test_setup_teardown(t, connect_front, hang_up)
#define PROCESS(t)   cmocka_unit_test_setup(t, start_process)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_messages),
		CONNECTED(test_serves),
		CONNECTED(test_says_what_it_offers),
		CONNECTED(test_config),
		CONNECTED(test_enabling),
		CONNECTED(test_old_driver),
		CONNECTED(test_memory_is_replaced),
		CONNECTED(test_broken_ring),
		CONNECTED(test_places_of_rings),
		CONNECTED(test_requests),
		CONNECTED(test_turns),
		CONNECTED(test_restart),
		CONNECTED(test_inflight_padded),
		CONNECTED(test_call_never_waits),
		CONNECTED(test_called_anew),
		CONNECTED(test_config_change),
		CONNECTED(test_kick_by_a_pipe),
		CONNECTED(test_counters),
		cmocka_unit_test(test_loop_remove),
		cmocka_unit_test(test_loop_timer),
		cmocka_unit_test(test_loop_change),
		cmocka_unit_test_setup(test_process_counts, start_counted),
		PROCESS(test_process_without_counters),
		PROCESS(test_process_serves),
		PROCESS(test_process_without_launcher),
		PROCESS(test_process_refuses_command),
		PROCESS(test_process_refuses_config),
		PROCESS(test_process_refuses_garbage),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
