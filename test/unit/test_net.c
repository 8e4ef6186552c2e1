/* SPDX-License-Identifier: ISC */
/*
 * The network device between a driver and its back end: a socket that keeps messages apart, as a
 * tap does; a stream socket, as passt's; and a real tap where that is permitted.
 */
#include "driver.h"
#include "net_header.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define BIT(f)	   (1ull << (f))
#define PAIRS	   4
#define BYTES_MAX  (70u << 10)
#define STREAM_MAX (65535u + ETH_HLEN)
#define FRAMES	   gpa(4096u * (DEVICE_QUEUES_MAX + 1)) /* the first driver_alloc() */
#define MERGED	   0ull			       /* all features: merged receive buffers */
#define SINGLE	   BIT(VIRTIO_NET_F_MRG_RXBUF) /* without them */

enum kind { MESSAGES, STREAM };

static int peer[PAIRS] = { -1, -1, -1, -1 };
static uint8_t bytes[BYTES_MAX];
static unsigned wakes;

/* Counts how often the device wakes up: one that spins does so thousands of times a second. */
int epoll_pwait(int fd, struct epoll_event *e, int max, int timeout, const sigset_t *mask)
{
	wakes++;
	return (int)syscall(SYS_epoll_pwait, fd, e, max, timeout, mask, (size_t)8);
}

static struct device_config config_of(enum kind kind, unsigned queues)
{
	return (struct device_config){ .version = DEVICE_CONFIG_VERSION,
				       .flags = kind == STREAM ? DEVICE_STREAM : 0,
				       .backend_count = queues,
				       .queues = queues,
				       .u.net.mac = { 0x52, 0x54, 0, 1, 2, 3 } };
}

static void connect_peers(enum kind kind, unsigned queues)
{
	for (unsigned i = 0; i < queues; i++) {
		int s[2], type = kind == STREAM ? SOCK_STREAM : SOCK_SEQPACKET;

		close(peer[i]);
		assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, s), 0);
		assert_true(dup2(s[0], DEVICE_FD_BACKEND + (int)i) >= 0);
		close(s[0]);
		peer[i] = s[1];
	}
}

static void open_device(enum kind kind, unsigned queues, uint64_t without)
{
	struct device_config c = config_of(kind, queues);

	connect_peers(kind, queues);
	assert_int_equal(driver_open(&c, without), STATUS_OK);
	driver_start_all();
}

static uint8_t pattern(uint32_t i, unsigned seed)
{
	return (uint8_t)(i * 7 + (i >> 8) + seed);
}

static void fill(uint8_t *p, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = pattern(i, seed);
}

static unsigned differences(const uint8_t *p, uint32_t len, unsigned seed)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < len; i++)
		n += p[i] != pattern(i, seed);
	return n;
}

/* Makes len bytes available in pieces; the first one may have another size. */
static uint16_t add_pieces(unsigned queue, gpa_t at, uint32_t len, uint32_t first,
			   uint32_t piece, bool writable)
{
	static struct driver_part part[VIRTQ_SEGS_MAX];
	unsigned count = 0;

	for (uint32_t off = 0, n = first; off < len || count == 0; off += n, n = piece) {
		n = n < len - off ? n : len - off;
		part[count++] = (struct driver_part){ gpa(at.raw + off), n, writable };
	}
	return driver_add(queue, part, count);
}

/* Sending: the driver's side. */

static uint16_t add_frame(unsigned queue, const struct virtio_net_hdr_v1 *h, uint32_t len,
			  unsigned seed)
{
	gpa_t at = driver_alloc(NET_HEADER + len);

	memcpy(driver_at(at), h, NET_HEADER);
	fill((uint8_t *)driver_at(at) + NET_HEADER, len, seed);
	return add_pieces(queue, at, NET_HEADER + len, NET_HEADER + len, 1, false);
}

static void send_frame(unsigned queue, uint32_t len, unsigned seed)
{
	struct virtio_net_hdr_v1 h = { .flags = 0 };

	add_frame(queue, &h, len, seed);
	driver_kick(queue);
}

static unsigned all_used(unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	while (driver_used(queue, &head, &len))
		n += len == 0 ? 1 : 1000; /* a frame that was sent has nothing written */
	return n;
}

/* The peer takes a message, or what is there of a stream; -1: nothing. */
static int peer_take(unsigned pair)
{
	return (int)recv(peer[pair], bytes, sizeof(bytes), MSG_DONTWAIT);
}

/* Exactly len bytes of a stream, while the device is served; false: they do not come. */
static bool peer_take_all(uint32_t len)
{
	uint32_t got = 0;

	for (unsigned i = 0; i < 1000 && got < len; i++) {
		ssize_t n = recv(peer[0], bytes + got, len - got, MSG_DONTWAIT);

		got += n > 0 ? (uint32_t)n : 0;
		driver_serve(n > 0 ? 0 : 1);
	}
	return got == len;
}

/* Receiving: the driver's buffers, and a frame in them. */

static struct {
	gpa_t at;
	uint32_t size;
} rx_buffer[DEVICE_QUEUES_MAX][DRIVER_QUEUE];

static struct {
	unsigned buffers; /* used elements that it took; 0: there was none */
	uint32_t len, size;
	struct virtio_net_hdr_v1 h;
	uint8_t frame[BYTES_MAX];
} got;

static void add_buffers(unsigned queue, unsigned count, uint32_t size, uint32_t first,
			uint32_t piece)
{
	while (count-- > 0) {
		gpa_t at = driver_alloc(size);
		uint16_t head = add_pieces(queue, at, size, first, piece, true);

		memset(driver_at(at), 0xee, size);
		rx_buffer[queue][head].at = at;
		rx_buffer[queue][head].size = size;
	}
}

static void post(unsigned queue, unsigned count, uint32_t size)
{
	add_buffers(queue, count, size, size, size);
	driver_kick(queue);
}

/* Takes one frame out of used buffers into `got`, with the header's word on how many. */
static bool take_frame(unsigned queue)
{
	unsigned want = 1;

	got.buffers = 0;
	got.size = 0;
	for (; got.buffers < want; got.buffers++) {
		uint16_t head;
		uint32_t len;
		const uint8_t *p;

		if (!driver_used(queue, &head, &len) || len > rx_buffer[queue][head].size ||
		    len > sizeof(bytes) - got.size)
			return false;
		p = driver_at(rx_buffer[queue][head].at);
		memcpy(bytes + got.size, p, len);
		got.size += len;
		if (got.buffers > 0)
			continue;
		memcpy(&got.h, p, NET_HEADER);
		want = le16toh(got.h.num_buffers);
	}
	got.len = got.size - NET_HEADER;
	memcpy(got.frame, bytes + NET_HEADER, got.len);
	return true;
}

static void peer_send_header(unsigned pair, const struct virtio_net_hdr_v1 *h, uint32_t len,
			     unsigned seed)
{
	memcpy(bytes, h, NET_HEADER);
	fill(bytes + NET_HEADER, len, seed);
	assert_int_equal(send(peer[pair], bytes, NET_HEADER + len, MSG_DONTWAIT),
			 NET_HEADER + len);
}

static void peer_send(enum kind kind, unsigned pair, uint32_t len, unsigned seed)
{
	struct virtio_net_hdr_v1 h = { .num_buffers = 0 };
	uint32_t prefix = htobe32(len);

	if (kind == MESSAGES) {
		peer_send_header(pair, &h, len, seed);
		return;
	}
	memcpy(bytes, &prefix, sizeof(prefix));
	fill(bytes + sizeof(prefix), len, seed);
	assert_int_equal(send(peer[pair], bytes, sizeof(prefix) + len, MSG_DONTWAIT),
			 sizeof(prefix) + len);
}

/* Rows. */

static const struct {
	const char *name;
	enum kind kind;
	uint32_t size;	       /* of what the driver offers, header and all */
	uint32_t first, piece; /* how it is cut */
	int comes;	       /* bytes of the frame that the peer gets; -1: none */
} sent_rows[] = {
	{ "nothing at all", MESSAGES, 0, 1, 1, -1 },
	{ "one byte of a header", MESSAGES, 1, 1, 1, -1 },
	{ "all but one byte of a header", MESSAGES, 11, 11, 1, -1 },
	{ "a header alone", MESSAGES, 12, 12, 1, -1 },
	{ "a frame of 1", MESSAGES, 12 + 1, 13, 1, -1 },
	{ "a frame of 13", MESSAGES, 12 + 13, 25, 1, -1 },
	{ "a frame of 14", MESSAGES, 12 + 14, 26, 1, 14 },
	{ "a frame of 60", MESSAGES, 12 + 60, 72, 1, 60 },
	{ "header and frame apart", MESSAGES, 12 + 60, 12, 60, 60 },
	{ "a header in two pieces", MESSAGES, 12 + 60, 5, 67, 60 },
	{ "a byte each", MESSAGES, 12 + 60, 1, 1, 60 },
	{ "an empty piece first", MESSAGES, 12 + 60, 0, 72, 60 },
	{ "a frame of 1514", MESSAGES, 12 + 1514, 12, 100, 1514 },
	{ "the largest frame", MESSAGES, 12 + 65562, 12, 4096, 65562 },
	{ "the largest and one byte", MESSAGES, 12 + 65563, 12, 65563, -1 },
	{ "stream: nothing at all", STREAM, 0, 1, 1, -1 },
	{ "stream: a header alone", STREAM, 12, 12, 1, -1 },
	{ "stream: a frame of 13", STREAM, 12 + 13, 25, 1, -1 },
	{ "stream: a frame of 14", STREAM, 12 + 14, 26, 1, 14 },
	{ "stream: a frame of 1514", STREAM, 12 + 1514, 7, 1519, 1514 },
	{ "stream: a byte each", STREAM, 12 + 60, 1, 1, 60 },
	{ "stream: the largest frame", STREAM, 12 + STREAM_MAX, 12, 4096, STREAM_MAX },
	{ "stream: the largest and one byte", STREAM, 13 + STREAM_MAX, 12, 65536, -1 },
};

static void test_frames_that_are_sent(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(sent_rows); i++) {
		uint32_t before = sent_rows[i].kind == STREAM ? 4 : 12;
		int expect = sent_rows[i].comes < 0 ? -1 : sent_rows[i].comes + (int)before;
		uint32_t size = sent_rows[i].size, prefix;
		unsigned used;
		gpa_t at;
		int n;

		open_device(sent_rows[i].kind, 1, 0);
		at = driver_alloc(size + 12);
		fill((uint8_t *)driver_at(at) + 12, size, 5);
		add_pieces(1, at, size, sent_rows[i].first, sent_rows[i].piece, false);
		driver_kick(1);
		used = all_used(1);
		n = peer_take(0);
		memcpy(&prefix, bytes, 4);
		if (used == 1 && n == expect && driver.calls[1] == 1 && driver.broken[1] == 0 &&
		    (n < 0 ||
		     (be32toh(prefix) == (before == 4 ? (uint32_t)sent_rows[i].comes : 0) &&
		      differences(bytes + before, (uint32_t)sent_rows[i].comes, 5) == 0)))
			continue;
		print_error("row: %s: used %u, %d bytes came\n", sent_rows[i].name, used, n);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *name;
	enum kind kind;
	uint64_t without;
	unsigned count; /* receive buffers */
	uint32_t size;	/* of each */
	uint32_t first, piece;
	uint32_t frame;
	unsigned buffers; /* that it comes in; 0: not at all */
} received_rows[] = {
	{ "a frame of 1", MESSAGES, MERGED, 4, 1526, 1526, 1, 1, 0 },
	{ "a frame of 13", MESSAGES, MERGED, 4, 1526, 1526, 1, 13, 0 },
	{ "a frame of 14", MESSAGES, MERGED, 4, 1526, 1526, 1, 14, 1 },
	{ "a frame of 60", MESSAGES, MERGED, 4, 1526, 1526, 1, 60, 1 },
	{ "a frame of 1514, just fitting", MESSAGES, MERGED, 4, 1526, 1526, 1, 1514, 1 },
	{ "a frame of 1515, one byte over", MESSAGES, MERGED, 4, 1526, 1526, 1, 1515, 2 },
	{ "the largest frame", MESSAGES, MERGED, 60, 1526, 1526, 1, 65562, 43 },
	{ "the largest in one buffer", MESSAGES, MERGED, 1, 65574, 4096, 4096, 65562, 1 },
	{ "one byte too large for all", MESSAGES, MERGED, 2, 1526, 1526, 1, 3041, 0 },
	{ "just fitting in all", MESSAGES, MERGED, 2, 1526, 1526, 1, 3040, 2 },
	{ "larger than the largest", MESSAGES, MERGED, 2, 70000, 70000, 1, 65563, 0 },
	{ "the smallest buffers", MESSAGES, MERGED, 64, 12, 12, 1, 60, 6 },
	{ "the smallest buffers, all full", MESSAGES, MERGED, 64, 12, 12, 1, 756, 64 },
	{ "the smallest buffers, too few", MESSAGES, MERGED, 64, 12, 12, 1, 757, 0 },
	{ "buffers in pieces of 7", MESSAGES, MERGED, 3, 700, 7, 7, 1514, 3 },
	{ "a header in bytes", MESSAGES, MERGED, 1, 1538, 1, 13, 1514, 1 },
	{ "an empty piece first", MESSAGES, MERGED, 1, 1526, 0, 1526, 60, 1 },
	{ "as many pieces as one call takes", MESSAGES, MERGED, 8, 130, 1, 1, 898, 7 },
	{ "more pieces than one call takes", MESSAGES, MERGED, 8, 130, 1, 1, 899, 0 },
	{ "single: a frame of 14", MESSAGES, SINGLE, 4, 1526, 1526, 1, 14, 1 },
	{ "single: a frame of 1514", MESSAGES, SINGLE, 4, 1526, 1526, 1, 1514, 1 },
	{ "single: a frame of 1515", MESSAGES, SINGLE, 4, 1526, 1526, 1, 1515, 0 },
	{ "single: the largest", MESSAGES, SINGLE, 1, 65574, 65574, 1, 65562, 1 },
	{ "single: a header alone fits", MESSAGES, SINGLE, 4, 12, 12, 1, 60, 0 },
	{ "single: in pieces", MESSAGES, SINGLE, 1, 1526, 5, 20, 1514, 1 },
	{ "stream: a frame of 1", STREAM, MERGED, 4, 1526, 1526, 1, 1, 0 },
	{ "stream: a frame of 13", STREAM, MERGED, 4, 1526, 1526, 1, 13, 0 },
	{ "stream: a frame of 14", STREAM, MERGED, 4, 1526, 1526, 1, 14, 1 },
	{ "stream: a frame of 1514", STREAM, MERGED, 4, 1526, 1526, 1, 1514, 1 },
	{ "stream: a frame of 1515", STREAM, MERGED, 4, 1526, 1526, 1, 1515, 2 },
	{ "stream: the largest", STREAM, MERGED, 60, 1526, 1526, 1, STREAM_MAX, 43 },
	{ "stream: too large for all", STREAM, MERGED, 2, 1526, 1526, 1, 3041, 0 },
	{ "stream: the smallest buffers", STREAM, MERGED, 64, 12, 12, 1, 60, 6 },
	{ "stream: buffers in pieces of 7", STREAM, MERGED, 3, 700, 7, 7, 1514, 3 },
	{ "stream, single: 1514", STREAM, SINGLE, 4, 1526, 1526, 1, 1514, 1 },
	{ "stream, single: 1515", STREAM, SINGLE, 4, 1526, 1526, 1, 1515, 0 },
	{ "stream, single: in pieces", STREAM, SINGLE, 1, 1526, 5, 20, 1514, 1 },
};

static void test_frames_that_are_received(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(received_rows); i++) {
		uint32_t frame = received_rows[i].frame;
		unsigned expect = received_rows[i].buffers;
		bool came;

		open_device(received_rows[i].kind, 1, received_rows[i].without);
		add_buffers(0, received_rows[i].count, received_rows[i].size,
			    received_rows[i].first, received_rows[i].piece);
		driver_kick(0);
		peer_send(received_rows[i].kind, 0, frame, 3);
		driver_serve(40);
		came = take_frame(0);
		if (driver.broken[0] == 0 && came == (expect != 0) && got.buffers == expect &&
		    driver.calls[0] == came &&
		    (!came || (got.len == frame && got.h.flags == 0 && got.h.gso_type == 0 &&
			       differences(got.frame, frame, 3) == 0)))
			continue;
		print_error("row: %s: %u buffers, %u bytes\n", received_rows[i].name,
			    got.buffers, got.size);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* A frame that was dropped, and bytes of it that are in a buffer already, harm no later one. */
static void test_the_next_frame_comes_whole(void **state)
{
	static const enum kind kinds[] = { MESSAGES, STREAM };

	(void)state;
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		open_device(kinds[i], 1, SINGLE);
		post(0, 4, 1526);
		peer_send(kinds[i], 0, 5000, 1);
		peer_send(kinds[i], 0, 13, 2);
		peer_send(kinds[i], 0, 100, 3);
		driver_serve(5);
		assert_true(take_frame(0));
		assert_int_equal(got.len, 100);
		assert_int_equal(differences(got.frame, 100, 3), 0);
		assert_false(take_frame(0));
	}
}

/* CVE-2023-6693: the header's size depends on what was negotiated. Ours never does. */
static void test_every_set_of_features(void **state)
{
	static const unsigned feature[] = {
		VIRTIO_NET_F_CSUM,	 VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_MTU,
		VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN,
		VIRTIO_NET_F_HOST_TSO4,	 VIRTIO_NET_F_HOST_TSO6,  VIRTIO_NET_F_HOST_ECN,
		VIRTIO_NET_F_MRG_RXBUF,	 VIRTIO_NET_F_STATUS,	  VIRTIO_NET_F_CTRL_VQ,
		VIRTIO_NET_F_MQ,	 VIRTIO_F_EVENT_IDX,
	};
	struct virtio_net_hdr_v1 h = { .flags = 0 };
	unsigned wrong = 0;
	gpa_t frame, buffer;

	(void)state;
	open_device(MESSAGES, 2, 0);
	frame = driver_alloc(NET_HEADER + 60);
	buffer = driver_alloc(65574);
	fill((uint8_t *)driver_at(frame) + NET_HEADER, 60, 1);
	rx_buffer[0][0].at = buffer;
	rx_buffer[0][0].size = 65574;
	for (unsigned set = 0; set < 1u << COUNT(feature); set++) {
		driver_reset();
		driver.device.acked = BIT(VIRTIO_F_VERSION_1);
		for (unsigned f = 0; f < COUNT(feature); f++)
			driver.device.acked |= (set >> f & 1ull) << feature[f];
		driver_start(0);
		driver_start(1);
		add_pieces(1, frame, NET_HEADER + 60, NET_HEADER + 60, 1, false);
		driver_kick(1);
		wrong += all_used(1) != 1 || peer_take(0) != NET_HEADER + 60 ||
			 differences(bytes + NET_HEADER, 60, 1) != 0;
		memset(driver_at(buffer), 0xee, 100);
		add_pieces(0, buffer, 65574, 65574, 1, true);
		peer_send_header(0, &h, 60, 2);
		driver_kick(0);
		wrong += !take_frame(0) || got.size != NET_HEADER + 60 || got.buffers != 1 ||
			 differences(got.frame, 60, 2) != 0 ||
			 ((uint8_t *)driver_at(buffer))[NET_HEADER + 60] != 0xee;
	}
	assert_int_equal(wrong, 0);
}

/* What headers mean, in both directions; the frame is of 100 bytes. */

#define NO_CSUM	    BIT(VIRTIO_NET_F_CSUM)
#define NO_TSO4	    BIT(VIRTIO_NET_F_HOST_TSO4)
#define NO_TSO6	    BIT(VIRTIO_NET_F_HOST_TSO6)
#define NO_ECN	    BIT(VIRTIO_NET_F_HOST_ECN)
#define GUEST_CSUM  BIT(VIRTIO_NET_F_GUEST_CSUM)
#define GUEST_TSO4  BIT(VIRTIO_NET_F_GUEST_TSO4)
#define GUEST_TSO6  BIT(VIRTIO_NET_F_GUEST_TSO6)
#define GUEST_ECN   BIT(VIRTIO_NET_F_GUEST_ECN)
#define LE(n)	    ((uint8_t)(n)), (uint8_t)((n) >> 8)
#define SUM(at, by) LE(at), LE(by)
#define PLAIN                                                                                  \
	{                                                                                      \
		0, 0, LE(0), LE(0), SUM(0, 0)                                                  \
	}
#define PARTIAL                                                                                \
	{                                                                                      \
		1, 0, LE(0), LE(0), SUM(34, 16)                                                \
	}
#define TCP(gso)                                                                               \
	{                                                                                      \
		1, (gso), LE(54), LE(1448), SUM(34, 16)                                        \
	}

static const struct {
	const char *name;
	uint64_t features; /* without these; or, to the driver, with these */
	uint8_t h[10], comes[10];
	bool passes;
} from_driver_rows[] = {
	{ "plain", 0, PLAIN, PLAIN, true },
	{ "unknown flags mean nothing", 0, { 0xfe }, PLAIN, true },
	{ "fields without flag mean nothing", 0, { 0, 0, LE(7), LE(8), SUM(9, 10) }, PLAIN, true },
	{ "partial checksum", 0, PARTIAL, PARTIAL, true },
	{ "partial checksum, not negotiated", NO_CSUM, PARTIAL, PLAIN, false },
	{ "checksum at the end", 0, { 1, 0, 0, 0, 0, 0, SUM(96, 2) }, { 1, 0, 0, 0, 0, 0, SUM(96, 2) }, true },
	{ "checksum past the end", 0, { 1, 0, 0, 0, 0, 0, SUM(96, 3) }, PLAIN, false },
	{ "checksum that wraps", 0, { 1, 0, 0, 0, 0, 0, SUM(0xffff, 0xffff) }, PLAIN, false },
	{ "TSO over IPv4", 0, TCP(1), TCP(1), true },
	{ "TSO over IPv4, not negotiated", NO_TSO4, TCP(1), PLAIN, false },
	{ "TSO over IPv6", 0, TCP(4), TCP(4), true },
	{ "TSO over IPv6, not negotiated", NO_TSO6, TCP(4), PLAIN, false },
	{ "TSO with ECN", 0, TCP(0x81), TCP(0x81), true },
	{ "TSO with ECN, not negotiated", NO_ECN, TCP(0x81), PLAIN, false },
	{ "ECN without TSO", 0, TCP(0x80), PLAIN, false },
	{ "UFO, never offered", 0, TCP(3), PLAIN, false },
	{ "USO, never offered", 0, TCP(5), PLAIN, false },
	{ "unknown type", 0, TCP(0x7f), PLAIN, false },
	{ "TSO without checksum", 0, { 0, 1, LE(54), LE(1448), SUM(34, 16) }, PLAIN, false },
	{ "TSO of segments of 0", 0, { 1, 1, LE(54), LE(0), SUM(34, 16) }, PLAIN, false },
	{ "header longer than the frame", 0, { 1, 1, LE(101), LE(8), SUM(34, 16) }, { 1, 1, LE(100), LE(8), SUM(34, 16) }, true },
}, to_driver_rows[] = {
	{ "plain", 0, PLAIN, PLAIN, true },
	{ "valid checksum, not negotiated", 0, { 2 }, PLAIN, true },
	{ "valid checksum", GUEST_CSUM, { 2 }, { 2 }, true },
	{ "unknown flags", GUEST_CSUM, { 0xfc }, PLAIN, true },
	{ "partial checksum", GUEST_CSUM, PARTIAL, PARTIAL, true },
	{ "partial checksum of an earlier driver", 0, PARTIAL, PLAIN, false },
	{ "TSO", GUEST_CSUM | GUEST_TSO4, TCP(1), TCP(1), true },
	{ "TSO of an earlier driver", GUEST_CSUM | GUEST_TSO6, TCP(1), PLAIN, false },
	{ "TSO over IPv6", GUEST_CSUM | GUEST_TSO6, TCP(4), TCP(4), true },
	{ "TSO over IPv6 of an earlier driver", GUEST_CSUM | GUEST_TSO4, TCP(4), PLAIN, false },
	{ "ECN", GUEST_CSUM | GUEST_TSO4 | GUEST_ECN, TCP(0x81), TCP(0x81), true },
	{ "ECN of an earlier driver", GUEST_CSUM | GUEST_TSO4, TCP(0x81), PLAIN, false },
};

static void test_headers_of_the_driver(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(from_driver_rows); i++) {
		struct virtio_net_hdr_v1 h = { .num_buffers = htole16(7) };
		bool passed;

		memcpy(&h, from_driver_rows[i].h, 10);
		open_device(MESSAGES, 1, from_driver_rows[i].features);
		add_frame(1, &h, 100, 1);
		driver_kick(1);
		passed = peer_take(0) == NET_HEADER + 100;
		if (all_used(1) == 1 && passed == from_driver_rows[i].passes &&
		    (!passed || (memcmp(bytes, from_driver_rows[i].comes, 10) == 0 &&
				 bytes[10] == 0 && bytes[11] == 0)))
			continue;
		print_error("row: %s\n", from_driver_rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_headers_of_the_tap(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(to_driver_rows); i++) {
		struct virtio_net_hdr_v1 h = { .num_buffers = htole16(7) };
		bool passed;

		memcpy(&h, to_driver_rows[i].h, 10);
		open_device(MESSAGES, 1, 0);
		driver.device.acked |= to_driver_rows[i].features;
		post(0, 1, 65574);
		peer_send_header(0, &h, 100, 1);
		driver_serve(5);
		passed = take_frame(0);
		if (passed == to_driver_rows[i].passes &&
		    (!passed || (memcmp(&got.h, to_driver_rows[i].comes, 10) == 0 &&
				 got.h.num_buffers == htole16(1) && got.len == 100)))
			continue;
		print_error("row: %s\n", to_driver_rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Waiting. */

/* CVE-2020-16843: a flood while the guest is slow must not stop the queue for ever. */
static void test_a_slow_guest_recovers(void **state)
{
	static const enum kind kinds[] = { MESSAGES, STREAM };

	(void)state;
	for (unsigned k = 0; k < COUNT(kinds); k++) {
		unsigned frames = 0;

		open_device(kinds[k], 1, 0);
		post(0, 3, 1526);
		for (unsigned i = 0; i < 20; i++)
			peer_send(kinds[k], 0, 200 + i, i);
		driver_serve(5);
		wakes = 0;
		driver_serve(20);
		assert_true(wakes < 100); /* the back end is full, and does not wake it */
		for (; frames < 20 && take_frame(0); frames++) {
			assert_int_equal(got.len, 200 + frames);
			assert_int_equal(differences(got.frame, got.len, frames), 0);
			post(0, 1, 1526);
		}
		assert_int_equal(frames, 20);
	}
}

/* A frame too large for the few buffers that are left waits for more; but not for ever. */
static void test_a_large_frame_waits_a_little(void **state)
{
	static const enum kind kinds[] = { MESSAGES, STREAM };
	uint16_t head;
	uint32_t len;

	(void)state;
	for (unsigned k = 0; k < COUNT(kinds); k++) {
		open_device(kinds[k], 1, 0);
		driver.device.acked |= GUEST_CSUM | GUEST_TSO4;
		post(0, 4, 1526);
		peer_send(kinds[k], 0, 20000, 1);
		driver_serve(1);
		post(0, 40, 1526);
		assert_true(take_frame(0));
		assert_int_equal(got.len, 20000);
		assert_int_equal(differences(got.frame, 20000, 1), 0);

		open_device(kinds[k], 1, 0);
		driver.device.acked |= GUEST_CSUM | GUEST_TSO4;
		post(0, 4, 1526);
		peer_send(kinds[k], 0, 20000, 1);
		peer_send(kinds[k], 0, 100, 2);
		assert_true(driver_wait(0, &head, &len));
		assert_int_equal(len, NET_HEADER + 100);
	}
}

/* The back end takes no more: frames stay in the queue, and go in their order later. */
static void test_a_full_tap(void **state)
{
	unsigned sent = 0, came = 0, wrong = 0;

	(void)state;
	open_device(MESSAGES, 1, 0);
	for (; all_used(1) == (sent > 0); sent++)
		send_frame(1, 30000, sent);
	assert_true(sent > 1 && sent < 30);
	wakes = 0;
	driver_serve(20);
	assert_true(wakes < 100);
	send_frame(1, 30000, sent++);
	assert_int_equal(all_used(1), 0);
	for (unsigned i = 0; i < 200 && came < sent; i++) {
		int n = peer_take(0);

		wrong += n >= 0 && (n != NET_HEADER + 30000 ||
				    differences(bytes + NET_HEADER, 30000, came) != 0);
		came += n >= 0;
		driver_serve(n < 0);
	}
	assert_int_equal(came, sent);
	assert_int_equal(wrong, 0);
	assert_int_equal(all_used(1), 2);
}

/* What a stream takes before it is full: less than a frame, or several whole ones. */
static const int stream_room[] = { 10000, 200000 };

/* Opens such a stream and sends until a frame stays in the queue; the number of frames. */
static unsigned fill_stream(int room)
{
	unsigned sent = 0;

	open_device(STREAM, 1, 0);
	assert_int_equal(
		setsockopt(DEVICE_FD_BACKEND, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	for (; all_used(1) == (sent > 0); sent++)
		send_frame(1, 30001, sent);
	return sent;
}

static void take_stream(unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		uint32_t prefix;

		assert_true(peer_take_all(4));
		memcpy(&prefix, bytes, 4);
		assert_int_equal(be32toh(prefix), 30001);
		assert_true(peer_take_all(30001));
		assert_int_equal(differences(bytes, 30001, i), 0);
	}
}

static void test_a_full_stream(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(stream_room); i++) {
		unsigned sent = fill_stream(stream_room[i]);

		assert_true(sent > 1 && sent < 50);
		send_frame(1, 30001, sent++);
		wakes = 0;
		driver_serve(20);
		assert_true(wakes < 100);
		take_stream(0, sent);
		driver_serve(5);
		assert_int_equal(all_used(1), 2);
		assert_int_equal(peer_take(0), -1);
	}
}

/* The queue stops between two parts of a frame, and its memory is no longer what it was. */
static void test_a_stop_in_the_middle_of_a_frame(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(stream_room); i++) {
		unsigned sent = fill_stream(stream_room[i]);

		driver_reset();
		memset(driver_at(FRAMES), 0, 30001 * (sent + 1)); /* the rings stay */
		take_stream(0, sent - 1); /* the last one never left the queue */
		driver_serve(5);
		assert_int_equal(peer_take(0), -1);
		wakes = 0;
		driver_serve(20);
		assert_true(wakes < 100);
		driver_start_all();
		send_frame(1, 30001, sent);
		take_stream(sent, 1);
	}
}

static void test_a_stream_byte_by_byte(void **state)
{
	static uint8_t stream[4 + 100 + 4 + 50];
	uint32_t prefix[2] = { htobe32(100), htobe32(50) };

	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 4, 1526);
	memcpy(stream, &prefix[0], 4);
	fill(stream + 4, 100, 1);
	memcpy(stream + 104, &prefix[1], 4);
	fill(stream + 108, 50, 2);
	for (unsigned i = 0; i < sizeof(stream); i++) {
		assert_false(i < 104 && take_frame(0));
		assert_int_equal(send(peer[0], stream + i, 1, 0), 1);
		driver_serve(0);
		driver_kick(0);
	}
	assert_true(take_frame(0));
	assert_int_equal(got.len, 100);
	assert_int_equal(differences(got.frame, 100, 1), 0);
	assert_true(take_frame(0));
	assert_int_equal(got.len, 50);
	assert_int_equal(differences(got.frame, 50, 2), 0);
}

/* A queue that stops takes no part of the stream with it. */
static void test_a_stop_in_the_middle_of_a_received_frame(void **state)
{
	uint32_t prefix = htobe32(100);

	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 1, 1526);
	fill(bytes, 100, 1);
	assert_int_equal(send(peer[0], &prefix, 4, 0), 4);
	assert_int_equal(send(peer[0], bytes, 40, 0), 40);
	driver_serve(2);
	driver_reset();
	assert_int_equal(send(peer[0], bytes + 40, 60, 0), 60);
	wakes = 0;
	driver_serve(20);
	assert_true(wakes < 100);
	driver_start_all();
	post(0, 1, 1526);
	driver_serve(2);
	assert_true(take_frame(0));
	assert_int_equal(got.len, 100);
	assert_int_equal(differences(got.frame, 100, 1), 0);
}

/* More than a turn's worth, of which the socket soon knows nothing any more. */
static void test_many_small_frames_at_once(void **state)
{
	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 64, 100);
	for (unsigned i = 0; i < 200; i++)
		peer_send(STREAM, 0, 60, i);
	for (unsigned i = 0; i < 200; i++) {
		driver_serve(i % 8 == 0);
		assert_true(take_frame(0));
		assert_int_equal(differences(got.frame, 60, i), 0);
		post(0, 1, 100);
	}
	assert_false(take_frame(0));
}

/* A turn that gave the driver nothing, and has left a frame in the device. */
static void test_many_frames_that_are_none(void **state)
{
	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 60, 1526);
	for (unsigned i = 0; i < 70; i++)
		peer_send(STREAM, 0, 13, i);
	peer_send(STREAM, 0, 60, 70);
	driver_serve(5);
	assert_true(take_frame(0));
	assert_int_equal(differences(got.frame, 60, 70), 0);
}

/* More than the device reads at once: the end of one frame comes apart from its beginning. */
static void test_large_frames_in_a_row(void **state)
{
	static uint8_t stream[3 * (4 + 50000)];
	uint32_t prefix = htobe32(50000);

	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 3, 60000);
	for (unsigned i = 0; i < 3; i++) {
		memcpy(stream + i * 50004, &prefix, 4);
		fill(stream + i * 50004 + 4, 50000, i);
	}
	assert_int_equal(send(peer[0], stream, sizeof(stream), MSG_DONTWAIT), sizeof(stream));
	driver_serve(5);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take_frame(0));
		assert_int_equal(differences(got.frame, 50000, i), 0);
	}
}

/* Without large frames to come, a buffer too small for any is no room, but one of two is. */
static void test_a_small_buffer_waits_for_others(void **state)
{
	(void)state;
	open_device(MESSAGES, 1, 0);
	post(0, 1, 1000);
	peer_send(MESSAGES, 0, 1200, 1);
	driver_serve(30);
	post(0, 1, 1526);
	assert_true(take_frame(0));
	assert_int_equal(got.buffers, 2);
	assert_int_equal(differences(got.frame, 1200, 1), 0);
}

/* Whether the driver is asked to kick when it adds a buffer. */
static bool wants_kick(unsigned queue)
{
	const struct device_queue *q = &driver.device.queue[queue];
	const uint8_t *used = driver_at(q->layout.used);
	uint16_t flags, event;

	memcpy(&flags, used, sizeof(flags));
	memcpy(&event, used + 4 + 8 * DRIVER_QUEUE, sizeof(event));
	return device_has(&driver.device, VIRTIO_F_EVENT_IDX) ? event == q->vq.next_avail
							      : flags == 0;
}

static void test_kicks_that_are_wanted(void **state)
{
	static const struct {
		uint64_t without;
		bool with_buffers; /* an old wish is not taken back with EVENT_IDX */
	} rows[] = { { 0, true }, { BIT(VIRTIO_F_EVENT_IDX), false } };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		open_device(MESSAGES, 1, rows[i].without);
		assert_true(wants_kick(0));
		assert_true(wants_kick(1));
		send_frame(1, 60, 1);
		assert_true(wants_kick(1));
		post(0, 60, 1526);
		assert_int_equal(wants_kick(0), rows[i].with_buffers);
		for (unsigned f = 0; f < 60; f++)
			peer_send(MESSAGES, 0, 60, 1);
		driver_serve(5);
		assert_true(wants_kick(0)); /* there are none */
		assert_int_equal(driver.broken[0] + driver.broken[1], 0);
	}
}

/* One turn's frames of a queue do not exceed 64; the rest comes in the next. */
static void test_a_turn_is_bounded(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = 0 };

	(void)state;
	open_device(MESSAGES, 1, 0);
	for (unsigned i = 0; i < 64; i++)
		add_frame(1, &h, 20, i);
	driver_kick(1);
	assert_int_equal(all_used(1), 64);
	add_frame(1, &h, 20, 64); /* nobody kicks: the turn was full */
	assert_int_equal(all_used(1), 0);
	driver_serve(2);
	assert_int_equal(all_used(1), 1);
	for (unsigned i = 0; i < 65; i++) {
		assert_int_equal(peer_take(0), NET_HEADER + 20);
		assert_int_equal(differences(bytes + NET_HEADER, 20, i), 0);
	}
}

/* The link. */

static uint16_t link_status(void)
{
	uint16_t status;

	memcpy(&status, &driver.device.config[6], sizeof(status));
	return le16toh(status);
}

/* Frames of the driver are taken and go nowhere, and nothing happens any more. */
static void assert_link_down(void)
{
	assert_int_equal(link_status(), 0);
	assert_int_equal(driver.config_changes, 1);
	wakes = 0;
	driver_serve(20);
	assert_true(wakes < 100);
	send_frame(1, 60, 1);
	assert_int_equal(all_used(1), 1);
	driver_reset();
	driver_start_all();
	post(0, 1, 1526);
	send_frame(1, 60, 1);
	assert_int_equal(all_used(1), 1);
	assert_int_equal(link_status(), 0);
	assert_int_equal(driver.config_changes, 1);
}

static void test_a_closed_back_end(void **state)
{
	static const struct {
		enum kind kind;
		unsigned buffers; /* with none it does not listen for frames */
	} rows[] = { { MESSAGES, 0 }, { MESSAGES, 4 }, { STREAM, 0 }, { STREAM, 4 } };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		open_device(rows[i].kind, 1, 0);
		assert_int_equal(link_status(), VIRTIO_NET_S_LINK_UP);
		post(0, rows[i].buffers, 1526);
		close(peer[0]);
		peer[0] = -1;
		driver_serve(5);
		assert_link_down();
	}
}

/* passt sends no more, though it would still take frames. */
static void test_a_half_closed_stream(void **state)
{
	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 4, 1526);
	assert_int_equal(shutdown(peer[0], SHUT_WR), 0);
	driver_serve(5);
	assert_link_down();
	assert_int_equal(peer_take(0), -1);
}

/* One of several has gone: so has the link, in both directions, for all pairs. */
static void test_one_closed_back_end_of_two(void **state)
{
	(void)state;
	open_device(MESSAGES, 2, 0);
	post(0, 4, 1526);
	close(peer[0]);
	peer[0] = -1;
	driver_serve(5);
	peer_send(MESSAGES, 1, 60, 1);
	post(0, 4, 1526);
	driver_serve(5);
	assert_false(take_frame(0));
	send_frame(3, 60, 1);
	assert_int_equal(all_used(3), 1);
	assert_int_equal(peer_take(1), -1);
	assert_link_down();
}

/* What passt sent before it ended still comes. */
static void test_the_last_frame_of_a_stream(void **state)
{
	(void)state;
	open_device(STREAM, 1, 0);
	post(0, 4, 1526);
	peer_send(STREAM, 0, 100, 1);
	close(peer[0]);
	peer[0] = -1;
	driver_serve(5);
	assert_true(take_frame(0));
	assert_int_equal(differences(got.frame, 100, 1), 0);
	assert_link_down();
}

/* passt ends while a part of a frame is still to be sent, and the guest goes on sending. */
static void test_a_stream_that_ends_when_full(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(stream_room); i++) {
		fill_stream(stream_room[i]);
		close(peer[0]);
		peer[0] = -1;
		send_frame(1, 60, 1);
		assert_int_equal(all_used(1), 2);
		assert_link_down();
	}
}

static void test_lengths_that_passt_never_sends(void **state)
{
	static const uint32_t rows[] = { 0, STREAM_MAX + 1, 0x80000000, 0xffffffff,
					 0xfffffffc };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		uint32_t prefix = htobe32(rows[i]);

		open_device(STREAM, 1, 0);
		post(0, 4, 1526);
		memset(bytes, 0, 1000);
		assert_int_equal(send(peer[0], &prefix, 4, 0), 4);
		assert_int_equal(send(peer[0], bytes, 1000, 0), 1000);
		driver_serve(5);
		assert_false(take_frame(0));
		assert_link_down();
	}
}

/* Hostile rings. CVE-2021-3748: a receive buffer that is not RAM. */

static const struct {
	const char *name;
	unsigned queue;
	struct driver_part part[2];
	unsigned count;
} broken_rows[] = {
	{ "receive: outside", 0, { { { DRIVER_MEMORY }, 1526, true } }, 1 },
	{ "receive: across the end", 0, { { { DRIVER_MEMORY - 1525 }, 1526, true } }, 1 },
	{ "receive: where the interrupt controller is",
	  0,
	  { { { 0xfee00000 }, 4096, true } },
	  1 },
	{ "receive: address wraps", 0, { { { UINT64_MAX - 5 }, 1526, true } }, 1 },
	{ "receive: 4 GiB", 0, { { { 0 }, UINT32_MAX, true } }, 1 },
	{ "receive: the second piece outside",
	  0,
	  { { { 0x100000 }, 12, true }, { { DRIVER_MEMORY }, 1514, true } },
	  2 },
	{ "receive: nothing may be written", 0, { { { 0x100000 }, 1526, false } }, 1 },
	{ "receive: no room for a header", 0, { { { 0x100000 }, 11, true } }, 1 },
	{ "receive: no room at all", 0, { { { 0x100000 }, 0, true } }, 1 },
	{ "send: outside", 1, { { { DRIVER_MEMORY }, 72, false } }, 1 },
	{ "send: the frame outside",
	  1,
	  { { { 0x100000 }, 12, false }, { { 0xfee00000 }, 60, false } },
	  2 },
	{ "send: readable behind writable",
	  1,
	  { { { 0x100000 }, 12, true }, { { 0x100000 }, 60, false } },
	  2 },
	{ "control: outside", 4, { { { DRIVER_MEMORY }, 4, false } }, 1 },
};

static void test_rings_that_make_no_sense(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(broken_rows); i++) {
		unsigned queue = broken_rows[i].queue, broken;

		open_device(MESSAGES, 2, 0);
		driver_add(queue, broken_rows[i].part, broken_rows[i].count);
		peer_send(MESSAGES, 0, 60, 1);
		driver_kick(queue);
		broken = driver.broken[queue];
		driver_serve(2);
		driver_kick(queue);
		/* The device reset, all is well again. */
		driver_reset();
		driver_start_all();
		post(0, 1, 1526);
		send_frame(1, 60, 1);
		if (broken == 1 && driver.broken[queue] == 1 && take_frame(0) &&
		    peer_take(0) == NET_HEADER + 60)
			continue;
		print_error("row: %s: broken %u times\n", broken_rows[i].name, broken);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* A bad buffer behind good ones: what is delivered before it stays whole. */
static void test_a_bad_buffer_behind_good_ones(void **state)
{
	struct driver_part bad = { { DRIVER_MEMORY }, 1526, true };

	(void)state;
	open_device(MESSAGES, 1, 0);
	add_buffers(0, 2, 1526, 1526, 1);
	driver_add(0, &bad, 1);
	peer_send(MESSAGES, 0, 60, 1);
	driver_kick(0);
	assert_int_equal(driver.broken[0], 1);
	assert_false(take_frame(0));
	driver_reset();
	driver_start_all();
	post(0, 1, 1526);
	assert_true(take_frame(0));
	assert_int_equal(differences(got.frame, 60, 1), 0);
}

/* The control queue. */

#define OK  VIRTIO_NET_OK
#define BAD VIRTIO_NET_ERR

static const struct {
	const char *name;
	uint32_t len; /* of the request */
	uint8_t request[6];
	uint32_t room; /* for the answer */
	int ack;       /* -1: none */
} control_rows[] = {
	{ "one pair", 4, { 4, 0, 1, 0 }, 1, OK },
	{ "all pairs", 4, { 4, 0, 4, 0 }, 1, OK },
	{ "room for more than the answer", 4, { 4, 0, 2, 0 }, 9, OK },
	{ "no pair", 4, { 4, 0, 0, 0 }, 1, BAD },
	{ "one pair too many", 4, { 4, 0, 5, 0 }, 1, BAD },
	{ "256 pairs too many", 4, { 4, 0, 1, 1 }, 1, BAD },
	{ "65535 pairs", 4, { 4, 0, 255, 255 }, 1, BAD },
	{ "nothing", 0, { 0 }, 1, BAD },
	{ "a class alone", 1, { 4 }, 1, BAD },
	{ "no number", 2, { 4, 0 }, 1, BAD },
	{ "half a number", 3, { 4, 0, 1 }, 1, BAD },
	{ "a byte too many", 5, { 4, 0, 1, 0, 0 }, 1, BAD },
	{ "hashes, never offered", 4, { 4, 1, 1, 0 }, 1, BAD },
	{ "promiscuous mode, never offered", 3, { 0, 0, 1 }, 1, BAD },
	{ "another class", 4, { 5, 0, 1, 0 }, 1, BAD },
	{ "an unknown class", 4, { 255, 0, 1, 0 }, 1, BAD },
	{ "no room for an answer", 4, { 4, 0, 1, 0 }, 0, -1 },
};

static int ask(unsigned queue, const uint8_t *request, uint32_t len, uint32_t room)
{
	gpa_t in = driver_alloc(16), out = driver_alloc(16);
	struct driver_part part[] = { { in, 1, false },
				      { { in.raw + 1 }, len > 0 ? len - 1 : 0, false },
				      { out, room, true } };
	uint8_t *ack = driver_at(out);
	uint16_t head;
	uint32_t written;

	part[0].len = len > 0;
	memcpy(driver_at(in), request, len);
	*ack = 0xee;
	driver_add(queue, part, room > 0 ? 3 : 2);
	driver_kick(queue);
	if (!driver_used(queue, &head, &written) || written != (room > 0))
		return -2;
	return room > 0 ? *ack : -1;
}

static void test_control_requests(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(control_rows); i++) {
		int ack;

		open_device(MESSAGES, 4, 0);
		ack = ask(8, control_rows[i].request, control_rows[i].len,
			  control_rows[i].room);
		if (ack == control_rows[i].ack && driver.broken[8] == 0 && driver.calls[8] == 1)
			continue;
		print_error("row: %s: answer %d\n", control_rows[i].name, ack);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Which receive queue gets the frames of which tap, after the driver has chosen so many pairs. */
static void test_pairs(void **state)
{
	static const struct {
		uint8_t pairs;
		unsigned queue[4];
	} rows[] = { { 1, { 0, 0, 0, 0 } },
		     { 2, { 0, 2, 0, 2 } },
		     { 3, { 0, 2, 4, 0 } },
		     { 4, { 0, 2, 4, 6 } } };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		open_device(MESSAGES, 4, 0);
		for (unsigned q = 0; q < 8; q += 2)
			post(q, 4, 1526);
		for (unsigned pair = 0; pair < 4; pair++) {
			peer_send(MESSAGES, pair, 60, pair); /* before it has chosen: queue 0 */
			driver_serve(2);
			assert_true(take_frame(0));
			assert_int_equal(differences(got.frame, 60, pair), 0);
			post(0, 1, 1526);
		}
		assert_int_equal(ask(8, (uint8_t[]){ 4, 0, rows[i].pairs, 0 }, 4, 1), OK);
		for (unsigned pair = 0; pair < 4; pair++) {
			peer_send(MESSAGES, pair, 60, pair);
			driver_serve(2);
			assert_true(take_frame(rows[i].queue[pair]));
			assert_int_equal(differences(got.frame, 60, pair), 0);
			send_frame(2 * pair + 1, 60, pair);
			assert_int_equal(peer_take(pair), NET_HEADER + 60);
		}
		driver_reset(); /* and one pair again */
		driver_start_all();
		post(0, 1, 1526);
		peer_send(MESSAGES, 3, 60, 3);
		driver_serve(2);
		assert_true(take_frame(0));
	}
}

/* Taps that had nowhere to put their frames go on as soon as they have. */
static void test_pairs_that_wait(void **state)
{
	(void)state;
	open_device(MESSAGES, 2, 0);
	post(2, 4, 1526);
	peer_send(MESSAGES, 1, 60, 1);
	driver_serve(2);
	assert_false(take_frame(2));
	assert_int_equal(ask(4, (uint8_t[]){ 4, 0, 2, 0 }, 4, 1), OK);
	assert_true(take_frame(2));
	assert_int_equal(ask(4, (uint8_t[]){ 4, 0, 1, 0 }, 4, 1), OK);
	peer_send(MESSAGES, 1, 60, 1);
	driver_serve(2);
	post(0, 1, 1526);
	assert_true(take_frame(0));
}

/* Without MQ the control queue is the third one, 5.1.2; and it knows of no pairs. */
static void test_one_pair_of_many(void **state)
{
	(void)state;
	open_device(MESSAGES, 4, BIT(VIRTIO_NET_F_MQ));
	assert_int_equal(ask(2, (uint8_t[]){ 4, 0, 2, 0 }, 4, 1), BAD);
	assert_int_equal(ask(8, (uint8_t[]){ 4, 0, 2, 0 }, 4, 1), -2); /* nobody there */
	post(0, 4, 1526);
	peer_send(MESSAGES, 3, 60, 3);
	driver_serve(2);
	assert_true(take_frame(0));
	send_frame(1, 60, 1);
	assert_int_equal(peer_take(0), NET_HEADER + 60);
}

/* Rates. A burst is a second's worth; the frame after it is paid for when the next one comes. */

static void open_limited(enum kind kind, uint64_t bytes_a_second, uint64_t operations)
{
	struct device_config c = config_of(kind, 1);

	c.rate = (struct device_rate){ .bytes = bytes_a_second, .operations = operations };
	connect_peers(kind, 1);
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	driver_start_all();
}

static void test_rates(void **state)
{
	static const struct {
		enum kind kind;
		uint64_t bytes, operations;
		unsigned burst; /* of frames of 1000 bytes */
	} rows[] = { { MESSAGES, 0, 1, 2 },  { MESSAGES, 1000, 0, 2 }, { MESSAGES, 1000, 1, 2 },
		     { MESSAGES, 1, 0, 2 },  { MESSAGES, 1, 1, 2 },    { STREAM, 0, 1, 2 },
		     { STREAM, 1000, 0, 2 }, { MESSAGES, 0, 0, 8 },    { STREAM, 0, 0, 8 } };
	struct virtio_net_hdr_v1 h = { .flags = 0 };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		unsigned frames = 0;

		open_limited(rows[i].kind, rows[i].bytes, rows[i].operations);
		for (unsigned f = 0; f < 8; f++)
			add_frame(1, &h, 1000, f);
		driver_kick(1);
		assert_int_equal(all_used(1), rows[i].burst);
		add_buffers(0, 8, 1526, 1526, 1);
		for (unsigned f = 0; f < 8; f++)
			peer_send(rows[i].kind, 0, 1000, f);
		driver_kick(0);
		while (take_frame(0))
			frames++;
		assert_int_equal(frames, rows[i].burst);
	}
}

/* A frame is paid for once, however often somebody looks. */
static void test_a_frame_is_paid_for_once(void **state)
{
	(void)state;
	open_limited(MESSAGES, 0, 3);
	send_frame(1, 60, 0);
	for (unsigned i = 0; i < 10; i++)
		driver_kick(1);
	for (unsigned i = 0; i < 4; i++)
		send_frame(1, 60, i);
	assert_int_equal(all_used(1), 4);
}

/* What has to wait goes on by itself. */
static void test_a_rate_lets_all_through_in_time(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = 0 };
	unsigned sent = 0, came = 0;

	(void)state;
	open_limited(STREAM, 0, 100);
	for (unsigned f = 0; f < 62; f++)
		add_frame(1, &h, 20, f);
	driver_kick(1);
	all_used(1);
	for (unsigned f = 0; f < 60; f++)
		add_frame(1, &h, 20, f);
	driver_kick(1);
	post(0, 60, 1526);
	for (unsigned f = 0; f < 120; f++)
		peer_send(STREAM, 0, 20, f);
	wakes = 0;
	for (unsigned i = 0; i < 200 && (sent < 60 || came < 120); i++) {
		driver_serve(10);
		sent += all_used(1);
		for (; take_frame(0); came++) {
			assert_int_equal(differences(got.frame, 20, came), 0);
			post(0, 1, 1526);
		}
	}
	assert_int_equal(came, 120);
	assert_true(sent > 0);
	assert_true(wakes < 10000);
}

/* What the launcher must not say. */
static void test_refused_configurations(void **state)
{
	struct device_config rows[] = {
		config_of(MESSAGES, 0), config_of(MESSAGES, 25), config_of(STREAM, 2),
		config_of(MESSAGES, 2), config_of(MESSAGES, 1),	 config_of(MESSAGES, 1),
		config_of(STREAM, 0),
	};

	(void)state;
	rows[3].backend_count = 1;
	rows[4].u.net.mac[0] = 1;
	rows[5].u.net.mtu = 67;
	connect_peers(MESSAGES, 2);
	for (unsigned i = 0; i < COUNT(rows); i++)
		assert_int_equal(driver_open(&rows[i], 0), STATUS_NOT_STARTED);
}

static void test_what_is_offered(void **state)
{
	static const uint8_t expect[12] = { 0x52, 0x54, 0, 1, 2, 3, 1, 0, 4, 0, 0xdc, 0x05 };
	struct device_config c = config_of(MESSAGES, 4);
	uint64_t always =
		BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF);

	(void)state;
	c.u.net.mtu = 1500;
	connect_peers(MESSAGES, 4);
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	assert_memory_equal(driver.device.config, expect, sizeof(expect));
	assert_int_equal(driver.device.config_size, sizeof(expect));
	assert_int_equal(driver.device.queue_count, 9);
	assert_int_equal(driver.device.features,
			 always | BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_CTRL_VQ) |
				 BIT(VIRTIO_NET_F_MQ) | NO_CSUM | NO_TSO4 | NO_TSO6 | NO_ECN);
	open_device(STREAM, 1, 0);
	assert_int_equal(driver.device.features, always);
	assert_int_equal(driver.device.queue_count, 2);
}

/* A real tap, in a network namespace of our own. */

static const char *no_tap; /* NULL: there can be one; else why not */
static unsigned tap_index;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)!write(fd, text, strlen(text));
	close(fd);
}

static int new_namespace(void **state)
{
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		no_tap = "no network namespace of our own is permitted";
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (no_tap == NULL && fd < 0)
		no_tap = "/dev/net/tun cannot be opened";
	close(fd);
	/* Or the host sends frames of its own. */
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (no_tap != NULL)
		print_message("no tap: %s\n", no_tap);
	return 0;
}

static void attach_tap(unsigned pair)
{
	struct ifreq r = { .ifr_name = "tap0" };
	int size = NET_HEADER, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	r.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	assert_true(dup2(fd, DEVICE_FD_BACKEND + (int)pair) >= 0);
	close(fd);
}

/* A tap of so many queues, up; peer[0] is the host's side, where each frame has a header of 10. */
static void open_tap_device(unsigned queues, uint64_t without)
{
	struct device_config c = config_of(MESSAGES, queues);
	struct ifreq r = { .ifr_name = "tap0" };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htobe16(ETH_P_ALL) };
	int one = 1;

	connect_peers(MESSAGES, PAIRS); /* no tap of an earlier test is left */
	for (unsigned i = 0; i < queues; i++)
		attach_tap(i);
	close(peer[0]);
	peer[0] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(peer[0], SIOCGIFINDEX, &r), 0);
	tap_index = (unsigned)r.ifr_ifindex;
	at.sll_ifindex = r.ifr_ifindex;
	assert_int_equal(ioctl(peer[0], SIOCGIFFLAGS, &r), 0);
	r.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(peer[0], SIOCSIFFLAGS, &r), 0);
	assert_int_equal(setsockopt(peer[0], SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)),
			 0);
	assert_int_equal(
		setsockopt(peer[0], SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	assert_int_equal(bind(peer[0], (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(driver_open(&c, without), STATUS_OK);
	driver_start_all();
}

/* An Ethernet frame of IPv4 and TCP, which a host can cut into segments. */
static void tcp_frame(uint8_t *p, uint32_t len)
{
	static const uint8_t head[54] = {
		/* to, from, type */
		0x52, 0x54, 0, 1, 2, 3, 0x52, 0x54, 0, 9, 9, 9, 8, 0,
		/* version, length, identification, lifetime, TCP, checksum, from, to */
		0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		/* ports, numbers, length, flags, window, checksum, urgent */
		0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0
	};

	fill(p, len, 0);
	memcpy(p, head, sizeof(head));
	p[16] = (uint8_t)((len - 14) >> 8);
	p[17] = (uint8_t)(len - 14);
}

static const struct virtio_net_hdr_v1 tso = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	.hdr_len = 54,
	.gso_size = 1446,
	.csum_start = 34,
	.csum_offset = 16,
};

static void host_sends(const struct virtio_net_hdr_v1 *h, uint32_t len)
{
	memcpy(bytes, h, 10);
	tcp_frame(bytes + 10, len);
	assert_int_equal(send(peer[0], bytes, 10 + len, 0), 10 + len);
}

static void test_tap_frames(void **state)
{
	static const uint32_t rows[] = { 54, 60, 1514 };
	static const struct virtio_net_hdr_v1 plain;

	(void)state;
	if (no_tap != NULL)
		skip();
	open_tap_device(1, 0);
	post(0, 40, 1526);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		gpa_t at = driver_alloc(NET_HEADER + rows[i]);

		tcp_frame((uint8_t *)driver_at(at) + NET_HEADER, rows[i]);
		add_pieces(1, at, NET_HEADER + rows[i], 12, rows[i], false);
		driver_kick(1);
		assert_int_equal(all_used(1), 1);
		assert_int_equal(peer_take(0), 10 + rows[i]);
		assert_memory_equal(bytes + 10, (uint8_t *)driver_at(at) + NET_HEADER, rows[i]);
		host_sends(&plain, rows[i]);
		driver_serve(5);
		assert_true(take_frame(0));
		assert_int_equal(got.len, rows[i]);
		tcp_frame(bytes, rows[i]);
		assert_memory_equal(got.frame, bytes, rows[i]);
	}
}

static void test_tap_sends_large_frames(void **state)
{
	const uint32_t len = 60000;
	gpa_t at;

	(void)state;
	if (no_tap != NULL)
		skip();
	open_tap_device(1, 0);
	at = driver_alloc(NET_HEADER + len);
	memcpy(driver_at(at), &tso, NET_HEADER);
	tcp_frame((uint8_t *)driver_at(at) + NET_HEADER, len);
	add_pieces(1, at, NET_HEADER + len, 12, 4096, false);
	driver_kick(1);
	assert_int_equal(all_used(1), 1);
	assert_int_equal(peer_take(0), 10 + len);
	assert_int_equal(bytes[0], VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(bytes[1], VIRTIO_NET_HDR_GSO_TCPV4);
	assert_memory_equal(bytes + 10 + 54, (uint8_t *)driver_at(at) + 12 + 54, len - 54);
}

/* What the driver cannot take the kernel cuts; TUNSETOFFLOAD has told it. */
static void test_tap_offloads(void **state)
{
	static const struct {
		const char *name;
		uint64_t without;
		unsigned frames;
		uint32_t first; /* bytes of the first frame */
		uint8_t flags, gso;
	} rows[] = {
		{ "all", 0, 1, 54 + 4 * 1446, 1, 1 },
		{ "no TSO over IPv4", GUEST_TSO4, 4, 54 + 1446, 1, 0 },
		{ "no TSO over IPv6", GUEST_TSO6, 1, 54 + 4 * 1446, 1, 1 },
		{ "no checksums, and so no TSO", GUEST_CSUM, 4, 54 + 1446, 0, 0 },
		{ "nothing", GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN, 4, 54 + 1446, 0,
		  0 },
	};
	unsigned wrong = 0;

	(void)state;
	if (no_tap != NULL)
		skip();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		unsigned frames = 0;
		bool ok;

		open_tap_device(1, rows[i].without);
		post(0, 40, 1526);
		host_sends(&tso, 54 + 4 * 1446);
		driver_serve(5);
		ok = take_frame(0) && got.len == rows[i].first &&
		     got.h.gso_type == rows[i].gso && (got.h.flags & 1) == rows[i].flags;
		for (frames = ok; take_frame(0); frames++)
			ok = ok && got.len == 54 + 1446;
		if (ok && frames == rows[i].frames)
			continue;
		print_error("row: %s: %u frames, %u bytes\n", rows[i].name, frames, got.len);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* The driver takes nothing while the host floods it; the tap drops, and all goes on after it. */
static void test_tap_flood(void **state)
{
	static const struct virtio_net_hdr_v1 plain;

	(void)state;
	if (no_tap != NULL)
		skip();
	open_tap_device(1, 0);
	memcpy(bytes, &plain, 10);
	tcp_frame(bytes + 10, 60);
	for (unsigned i = 0; i < 2000; i++)
		send(peer[0], bytes, 70, 0);
	wakes = 0;
	driver_serve(20);
	assert_true(wakes < 100);
	post(0, 64, 1526);
	for (unsigned i = 0; i < 400; i++) {
		driver_serve(i % 16 == 0);
		assert_true(take_frame(0));
		post(0, 1, 1526);
	}
}

static void test_tap_pairs(void **state)
{
	static const struct virtio_net_hdr_v1 plain;
	gpa_t at;

	(void)state;
	if (no_tap != NULL)
		skip();
	open_tap_device(4, 0);
	post(0, 40, 1526);
	for (unsigned i = 0; i < 4; i++) { /* each tap's queue learns of the flow in turn */
		at = driver_alloc(NET_HEADER + 60);
		tcp_frame((uint8_t *)driver_at(at) + NET_HEADER, 60);
		add_pieces(2 * i + 1, at, NET_HEADER + 60, 72, 1, false);
		driver_kick(2 * i + 1);
		assert_int_equal(all_used(2 * i + 1), 1);
		assert_int_equal(peer_take(0), 10 + 60);
		host_sends(&plain, 60);
		driver_serve(2);
		assert_true(take_frame(0));
	}
}

static void test_tap_of_another_header_size(void **state)
{
	struct device_config c = config_of(MESSAGES, 1);
	int size = 10;

	(void)state;
	if (no_tap != NULL)
		skip();
	connect_peers(MESSAGES, PAIRS);
	attach_tap(0);
	assert_int_equal(ioctl(DEVICE_FD_BACKEND, TUNSETVNETHDRSZ, &size), 0);
	assert_int_equal(driver_open(&c, 0), STATUS_NOT_STARTED);
}

static void test_tap_that_is_down(void **state)
{
	struct ifreq r = { .ifr_name = "tap0" };

	(void)state;
	if (no_tap != NULL)
		skip();
	open_tap_device(1, 0);
	post(0, 4, 1526);
	assert_int_equal(ioctl(peer[0], SIOCSIFFLAGS, &r), 0);
	send_frame(1, 60, 1);
	assert_int_equal(all_used(1), 1);
	wakes = 0;
	driver_serve(20);
	assert_true(wakes < 100);
	assert_int_equal(link_status(), VIRTIO_NET_S_LINK_UP);
	r.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(peer[0], SIOCSIFFLAGS, &r), 0);
	send_frame(1, 60, 2);
	assert_int_equal(peer_take(0), -1); /* ENETDOWN, once */
	assert_int_equal(peer_take(0), 10 + 60);
}

static void remove_tap(void)
{
	struct {
		struct nlmsghdr n;
		struct ifinfomsg i;
	} m = { .n = { .nlmsg_len = sizeof(m),
		       .nlmsg_type = RTM_DELLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_index = (int)tap_index } };
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(send(s, &m, sizeof(m), 0), sizeof(m));
	assert_true(recv(s, bytes, sizeof(bytes), 0) > 0);
	close(s);
}

/* Without receive buffers nobody listens for frames; then it is found out as soon as there are. */
static void test_tap_that_is_removed(void **state)
{
	static const struct {
		unsigned queues, before, after; /* receive buffers */
	} rows[] = { { 1, 40, 0 }, { 4, 40, 0 }, { 1, 0, 40 } };

	(void)state;
	if (no_tap != NULL)
		skip();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		open_tap_device(rows[i].queues, 0);
		post(0, rows[i].before, 1526);
		driver_serve(2);
		remove_tap();
		driver_serve(2);
		post(0, rows[i].after, 1526);
		assert_link_down();
	}
	open_tap_device(1, 0);
	remove_tap();
	send_frame(1, 60, 1); /* the driver is the first to find out */
	assert_int_equal(all_used(1), 1);
	assert_link_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_offered),
		cmocka_unit_test(test_refused_configurations),
		cmocka_unit_test(test_frames_that_are_sent),
		cmocka_unit_test(test_frames_that_are_received),
		cmocka_unit_test(test_the_next_frame_comes_whole),
		cmocka_unit_test(test_every_set_of_features),
		cmocka_unit_test(test_headers_of_the_driver),
		cmocka_unit_test(test_headers_of_the_tap),
		cmocka_unit_test(test_a_slow_guest_recovers),
		cmocka_unit_test(test_a_large_frame_waits_a_little),
		cmocka_unit_test(test_a_small_buffer_waits_for_others),
		cmocka_unit_test(test_a_full_tap),
		cmocka_unit_test(test_a_full_stream),
		cmocka_unit_test(test_a_stop_in_the_middle_of_a_frame),
		cmocka_unit_test(test_a_stream_byte_by_byte),
		cmocka_unit_test(test_a_stop_in_the_middle_of_a_received_frame),
		cmocka_unit_test(test_many_small_frames_at_once),
		cmocka_unit_test(test_many_frames_that_are_none),
		cmocka_unit_test(test_large_frames_in_a_row),
		cmocka_unit_test(test_a_turn_is_bounded),
		cmocka_unit_test(test_kicks_that_are_wanted),
		cmocka_unit_test(test_a_closed_back_end),
		cmocka_unit_test(test_a_half_closed_stream),
		cmocka_unit_test(test_one_closed_back_end_of_two),
		cmocka_unit_test(test_the_last_frame_of_a_stream),
		cmocka_unit_test(test_a_stream_that_ends_when_full),
		cmocka_unit_test(test_lengths_that_passt_never_sends),
		cmocka_unit_test(test_rings_that_make_no_sense),
		cmocka_unit_test(test_a_bad_buffer_behind_good_ones),
		cmocka_unit_test(test_control_requests),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_pairs_that_wait),
		cmocka_unit_test(test_one_pair_of_many),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_a_frame_is_paid_for_once),
		cmocka_unit_test(test_a_rate_lets_all_through_in_time),
		cmocka_unit_test(test_tap_frames),
		cmocka_unit_test(test_tap_sends_large_frames),
		cmocka_unit_test(test_tap_offloads),
		cmocka_unit_test(test_tap_flood),
		cmocka_unit_test(test_tap_pairs),
		cmocka_unit_test(test_tap_of_another_header_size),
		cmocka_unit_test(test_tap_that_is_down),
		cmocka_unit_test(test_tap_that_is_removed),
	};

	return cmocka_run_group_tests(tests, new_namespace, NULL);
}
