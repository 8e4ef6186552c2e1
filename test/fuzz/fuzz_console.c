/* SPDX-License-Identifier: ISC */
/*
 * The console between a hostile driver and hostile clients: a terminal and two named ports. The
 * input is a list of what they do; the device must survive it, keep no request between two events,
 * and come to rest once nobody does anything any more.
 */
#include "input.h"
#include "ring.h"

#include <endian.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEER  60 /* the host's ends: numbers that nothing else takes */
#define PEERS 5	 /* the terminal, and two clients of each port */
#define TURNS 4000

static int events_seen;
static struct sockaddr_un address[2];
static socklen_t address_len[2];

int epoll_pwait(int fd, struct epoll_event *e, int max, int timeout, const sigset_t *mask)
{
	events_seen = (int)syscall(SYS_epoll_pwait, fd, e, max, timeout, mask, (size_t)8);
	return events_seen;
}

static void put_at(int fd, int place)
{
	must(fd >= 0 && dup2(fd, place) >= 0, "dup2");
	close(fd);
}

static void listen_at(unsigned port)
{
	struct sockaddr_un *a = &address[port];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	address_len[port] = sizeof(*a);
	/* The kernel finds a name. */
	must(bind(fd, (const struct sockaddr *)a, sizeof(sa_family_t)) == 0 &&
		     listen(fd, 4) == 0 &&
		     getsockname(fd, (struct sockaddr *)a, &address_len[port]) == 0,
	     "listen");
	put_at(fd, DEVICE_FD_BACKEND + 1 + (int)port);
}

static void end_turn(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_end();
}

static void open_device(uint64_t without)
{
	static struct loop_source turn = { .ready = end_turn };
	static int first_fd = -1;
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .flags = DEVICE_TERMINAL,
				   .backend_count = 3,
				   .u.console = { .ports = 3, .name = { "", "one", "two" } } };
	int s[2];

	/* The clients and timers of the device before. */
	if (first_fd > 0)
		close_range((unsigned)first_fd, ~0u, 0);
	dup2(0, DEVICE_FD_BACKEND); /* a terminal that has gone left its number to others */
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) == 0,
	     "pair");
	put_at(s[0], DEVICE_FD_BACKEND);
	put_at(s[1], PEER);
	listen_at(0);
	listen_at(1);
	if (first_fd < 0)
		for (int i = 1; i <= PEERS; i++) /* and one that is kept free behind them */
			must(dup2(0, PEER + i) >= 0, "dup2");
	must(driver_open(&c, without) == STATUS_OK, "driver_open");
	if (first_fd < 0)
		first_fd = PEER + PEERS + 1;
	put_at(eventfd(1, EFD_CLOEXEC), PEER + PEERS);
	turn.fd = PEER + PEERS;
	must(loop_add(&turn, EPOLLIN), "eventfd");
	driver_start_all();
}

/* A control message that is whole, and mostly of a kind that there is. */
static void driver_says(void)
{
	uint8_t *ring = driver_at(gpa(RING(3))), what = next8();
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d = { .addr = htole64(1u << 20), .len = htole32(8) };
	struct {
		uint32_t id;
		uint16_t event, value;
	} c = { htole32(what >> 4 & 3), htole16(what & 7), htole16(what >> 7 ^ 1) };

	memcpy(driver_at(gpa(1u << 20)), &c, sizeof(c));
	memcpy(ring, &d, sizeof(d));
	ring_offers(3, 0);
	driver_kick(3);
}

static void client_comes(unsigned i)
{
	unsigned port = i / 2 % 2;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* Only so many may wait. */
	(void)!connect(fd, (const struct sockaddr *)&address[port], address_len[port]);
	put_at(fd, PEER + 1 + (int)(i % (PEERS - 1)));
}

static void peer_writes(int fd, uint16_t len)
{
	static uint8_t bytes[65536];

	(void)!send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void peer_reads(int fd, uint16_t len)
{
	static uint8_t bytes[65536];

	(void)!recv(fd, bytes, len, MSG_DONTWAIT);
}

static void restart(uint8_t how)
{
	if ((how & 1) != 0)
		driver_stop_all();
	else
		driver_reset();
	for (unsigned q = 0; q < driver.device.queue_count; q++)
		if ((how >> (1 + q % 7) & 1) == 0)
			driver_start(q);
}

static void step(void)
{
	uint8_t what = next8(), n = what / 12;
	struct device_command c = { .kind = n % 6 };
	int peer = PEER + n % PEERS;

	switch (what % 12) {
	case 0:
	case 1:
		ring_adds(n % driver.device.queue_count, 6, 8);
		break;
	case 2:
		driver_kick(n % driver.device.queue_count);
		break;
	case 3:
		loop_run();
		break;
	case 4:
		driver_says();
		break;
	case 5:
		client_comes(n);
		break;
	case 6:
		peer_writes(peer, next16());
		break;
	case 7:
		peer_reads(peer, next16());
		break;
	case 8:
		shutdown(peer, next8() % 3);
		break;
	case 9:
		dup2(0, peer); /* it goes */
		break;
	case 10:
		c.columns = next16();
		device_ops.command(&driver.device, &c, -1);
		driver.memory[RING(n % 10) + next16() % 4096] = next8();
		break;
	case 11:
		if (n == 0)
			restart(next8());
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned turns = 0;

	signal(SIGPIPE, SIG_IGN); /* as in every device */
	input = data;
	left = size;
	open_device(next8() % 8 == 0 ? 1u << 1 : 0);
	while (left > 0) {
		step();
		for (unsigned q = 0; q < driver.device.queue_count; q++)
			must(!driver.device.queue[q].running ||
				     driver.device.queue[q].vq.taken_count == 0,
			     "a request is kept");
	}
	do
		loop_run();
	while (events_seen > 1 && turns++ < TURNS);
	must(turns < TURNS, "it does not come to rest");
	return 0;
}
