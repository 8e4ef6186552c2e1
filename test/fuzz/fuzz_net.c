/* SPDX-License-Identifier: ISC */
/*
 * The network device between a hostile driver and a hostile back end: passt's stream, or two
 * sockets that keep messages apart, as taps do. The input is a list of what they do; the device
 * must survive it, keep no request between two events, and send nothing but whole frames.
 */
#include "input.h"
#include "ring.h"

#include <endian.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEER	  60 /* a number that nothing else takes */
#define FRAME_MAX (65535u + ETH_HLEN)

static bool stream;

/* What passt has got: the rest of a prefix or of a frame is still to come. */
static struct {
	uint32_t prefix_len, frame_left;
	uint8_t prefix[4];
} passt;

static void take(uint8_t byte)
{
	uint32_t len;

	if (passt.frame_left > 0) {
		passt.frame_left--;
		return;
	}
	passt.prefix[passt.prefix_len++] = byte;
	if (passt.prefix_len < 4)
		return;
	memcpy(&len, passt.prefix, sizeof(len));
	passt.frame_left = be32toh(len);
	passt.prefix_len = 0;
	must(passt.frame_left >= ETH_HLEN && passt.frame_left <= FRAME_MAX,
	     "no frame's length");
}

static void peer_reads(size_t max)
{
	static uint8_t got[70000];
	ssize_t n = recv(PEER, got, stream ? max : sizeof(got), MSG_DONTWAIT);

	for (ssize_t i = 0; stream && i < n; i++)
		take(got[i]);
	must(stream || n <= 0 || (n >= 12 + ETH_HLEN && n <= 12 + 65562), "no frame");
}

static void peer_writes(const void *p, size_t len)
{
	(void)!send(PEER + (len & !stream), p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void peer_writes_frame(uint32_t len)
{
	static uint8_t frame[4 + 65536];
	uint32_t prefix = htobe32(len);

	memcpy(frame, &prefix, sizeof(prefix));
	peer_writes(frame, sizeof(prefix) + len);
}

static void end_turn(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_end();
}

static void open_device(void)
{
	static struct loop_source turn = { .ready = end_turn };
	static int first_fd = -1;
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .flags = stream ? DEVICE_STREAM : 0,
				   .backend_count = stream ? 1 : 2,
				   .queues = stream ? 1 : 2 };
	int s[2], type = stream ? SOCK_STREAM : SOCK_SEQPACKET;

	/* The timers of the device before; the numbers below are kept. */
	if (first_fd > 0)
		close_range((unsigned)first_fd, ~0u, 0);
	for (int i = 0; i < 2; i++) {
		must(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, s) == 0, "socketpair");
		must(dup2(s[0], DEVICE_FD_BACKEND + i) >= 0 && dup2(s[1], PEER + i) >= 0,
		     "dup2");
		close(s[0]);
		close(s[1]);
	}
	must(driver_open(&c, 0) == STATUS_OK, "driver_open");
	if (first_fd < 0)
		first_fd = dup(0);
	turn.fd = eventfd(1, EFD_CLOEXEC);
	must(turn.fd >= 0 && loop_add(&turn, EPOLLIN), "eventfd");
	passt.prefix_len = passt.frame_left = 0;
	driver_start_all();
}

static void restart(uint8_t how)
{
	static const unsigned feature[] = { VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_EVENT_IDX,
					    VIRTIO_F_INDIRECT, VIRTIO_NET_F_MQ };

	driver_reset();
	for (unsigned i = 0; i < 4; i++) {
		driver.device.acked |= 1ull << feature[i];
		if ((how >> i & 1) != 0)
			driver.device.acked &= ~(1ull << feature[i]);
	}
	for (unsigned q = 0; q < driver.device.queue_count; q++)
		if (q < 3 ? (how >> (4 + q) & 1) == 0 : how < 0x80)
			driver_start(q);
}

static void step(void)
{
	uint8_t what = next8(), where;
	uint16_t n;

	switch (what % 11) {
	case 0:
	case 1:
		ring_adds(what / 11 % driver.device.queue_count, 8, 16);
		break;
	case 2:
	case 3:
		driver_kick(what / 11 % driver.device.queue_count);
		break;
	case 4:
		loop_run();
		break;
	case 5:
		peer_writes_frame(next16());
		break;
	case 6:
		n = next8();
		n = n < left ? n : (uint16_t)left;
		peer_writes(input, n);
		input += n;
		left -= n;
		break;
	case 7:
		n = next16();
		peer_reads(n + 1u);
		break;
	case 8:
		n = next16();
		where = next8();
		driver.memory[RING(where % 5) + n % 4096] = next8();
		break;
	case 9:
		restart(next8());
		break;
	case 10:
		if (what == 10)
			shutdown(PEER, next8() % 3);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
	stream = next8() % 2 == 0;
	open_device();
	while (left > 0) {
		step();
		for (unsigned q = 0; q < driver.device.queue_count; q++)
			must(!driver.device.queue[q].running ||
				     driver.device.queue[q].vq.taken_count == 0,
			     "a request is kept");
	}
	/* What is left of a frame comes, unless the link is down. */
	for (unsigned i = 0; i < 100 && driver.config_changes == 0; i++) {
		peer_reads(65536);
		loop_run();
	}
	must(driver.config_changes > 0 || passt.prefix_len + passt.frame_left == 0,
	     "half a frame");
	return 0;
}
