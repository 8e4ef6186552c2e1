/* SPDX-License-Identifier: ISC */
/*
 * The vsock device between a hostile driver, hostile clients and a launcher that answers anything.
 * The input is a list of what they do, with packets that are often almost right, so that each state
 * is reached. The device must survive, keep no request between two events, send nothing but whole
 * packets that the specification knows.
 */
#include "input.h"
#include "ring.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CID	  3u
#define HEADER	  44u
#define USED	  1160u
#define PLACE(i)  ((1u << 20) + (i) * (80u << 10)) /* of packets */
#define ENDS	  8				   /* of the host, at most */
#define FIRST_END 60				   /* numbers that nothing else takes */
#define FILES_MAX 200

enum { RX, TX };
enum { RW = 5 };

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

static char path[64];
static uint32_t last_port; /* of the host, that a client got */
static uint64_t skew_ns;
static int clock_fd = -1; /* the device's */
static bool settled;	  /* its rings are as the driver here means them */
static uint16_t rx_seen;

/* Time passes as the input says. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){ (time_t)(1 + skew_ns / 1000000000u),
				(long)(skew_ns % 1000000000u) };
	return 0;
}

/* A timer of the device's rings as soon as it is looked at. */
int timerfd_settime(int fd, int flags, const struct itimerspec *t, struct itimerspec *old)
{
	struct itimerspec now = { .it_value.tv_nsec = 1 };
	uint64_t ns =
		(uint64_t)t->it_value.tv_sec * 1000000000u + (uint64_t)t->it_value.tv_nsec;

	clock_fd = fd;
	if (ns > 1 && skew_ns % 2 == 0)
		now.it_value.tv_nsec = 0; /* not yet */
	return (int)syscall(SYS_timerfd_settime, fd, flags, &now, old);
}

static void time_passes(uint64_t ns)
{
	struct itimerspec now = { .it_value.tv_nsec = 1 };

	skew_ns += ns;
	if (clock_fd >= 0)
		(void)syscall(SYS_timerfd_settime, clock_fd, 0, &now, NULL);
}

static void put_desc(unsigned queue, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d = { htole64(addr), htole32(len), htole16(flags), htole16(next) };

	memcpy(driver.memory + RING(queue) + 16u * i, &d, sizeof(d));
}

/* An unused head, two descriptors long; none: DRIVER_QUEUE. */
static unsigned free_head(unsigned queue)
{
	const struct virtq *q = &driver.device.queue[queue].vq;
	uint16_t idx;

	memcpy(&idx, driver.memory + RING(queue) + AVAIL + 2, sizeof(idx));
	if ((uint16_t)(idx - q->next_used) >= DRIVER_QUEUE / 2)
		return DRIVER_QUEUE;
	return 2u * (idx % (DRIVER_QUEUE / 2));
}

static void add_rx(uint32_t len, uint32_t cut)
{
	unsigned head = free_head(RX);

	if (head == DRIVER_QUEUE)
		return;
	cut = cut < len ? cut : len;
	put_desc(RX, head, PLACE(head / 2), cut, 3, (uint16_t)(head + 1));
	put_desc(RX, head + 1, PLACE(head / 2) + cut, len - cut, 2, 0);
	ring_offers(RX, (uint8_t)head);
}

static void send_packet(void)
{
	unsigned head = free_head(TX), place = 32 + head / 2;
	uint8_t what = next8(), ports = next8(), how = next8();
	uint32_t len = next8() % 4 == 0 ? next16() : next8(), is = len;
	struct packet p = { .src_cid = htole64(CID), .dst_cid = htole64(2) };

	if (head == DRIVER_QUEUE)
		return;
	p.op = htole16(what % 9);
	p.type = htole16(what >= 0xf0 ? what & 3 : 1);
	p.src_port = htole32(5 + (ports & 3));
	p.dst_port = htole32(
		(ports & 0x20) != 0 ? last_port : (1u << 30) * (ports >> 7) + (ports >> 2 & 3));
	p.flags = htole32(how);
	p.len = htole32(le16toh(p.op) == RW || how == 0xff ? len : 0);
	p.buf_alloc = htole32((how & 0xc0) == 0xc0 ? UINT32_MAX : next16());
	p.fwd_cnt = htole32((how & 0x30) == 0x30 ? next16() : 0);
	if (how == 0xee)
		p.src_cid = htole64(next8());
	if (how == 0xdd)
		p.dst_cid = htole64(next8());
	if (how == 0xcc)
		is = next16();
	if (how == 0xbb)
		p.len = htole32(UINT32_MAX - next8());
	memcpy(driver.memory + PLACE(place), &p, HEADER);
	put_desc(TX, head, PLACE(place), how == 0xaa ? len % HEADER : HEADER, 1,
		 (uint16_t)(head + 1));
	put_desc(TX, head + 1, PLACE(place) + HEADER, is, 0, 0);
	ring_offers(TX, (uint8_t)head);
	driver_kick(TX);
}

/* What the guest has got: all of it makes sense, or the rings here are not to be trusted. */
static void receive(void)
{
	const uint8_t *used = driver.memory + RING(RX) + USED;
	struct packet p;
	uint32_t e[2];
	uint16_t idx;

	memcpy(&idx, used + 2, sizeof(idx));
	for (; settled && rx_seen != idx; rx_seen++) {
		memcpy(e, used + 4 + 8u * (rx_seen % DRIVER_QUEUE), sizeof(e));
		must(e[0] < DRIVER_QUEUE && e[0] % 2 == 0, "another head");
		if (e[1] == 0)
			continue;
		memcpy(&p, driver.memory + PLACE(e[0] / 2), HEADER);
		must(e[1] == HEADER + le32toh(p.len), "a length that is not the packet's");
		must(le64toh(p.src_cid) == 2 && le64toh(p.dst_cid) == CID, "another CID");
		must(le16toh(p.op) >= 1 && le16toh(p.op) <= 7, "no op");
		must(le16toh(p.type) == 1 || le16toh(p.op) == 3, "another type");
		must(le32toh(p.len) == 0 || le16toh(p.op) == RW, "data in a control packet");
		must(le32toh(p.len) > 0 || le16toh(p.op) != RW, "no data");
		must(le32toh(p.flags) <= 3, "a flag that nobody knows");
		if (le16toh(p.op) == 1)
			last_port = le32toh(p.src_port);
	}
}

static int end_of(uint8_t i)
{
	return FIRST_END + i % ENDS;
}

static void become(int fd, int number)
{
	must(dup2(fd, number) >= 0, "dup2");
	close(fd);
}

static void answer(uint8_t how)
{
	struct device_command c = { .kind = DEVICE_CONNECTED, .value = driver.told.value };
	int s[2] = { -1, -1 };

	if (how < 4)
		c.value ^= (uint64_t)next16() << (16 * how);
	if (how == 4)
		c.kind = next8();
	if (how % 8 != 0) {
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0, "socketpair");
		if (how >= 0x80) /* one that soon takes no more */
			setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int));
		become(s[1], end_of(how / 8));
		fcntl(end_of(how / 8), F_SETFL, O_NONBLOCK);
	}
	device_ops.command(&driver.device, &c, s[0]);
}

static void client_calls(uint8_t how)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char line[] = "CONNECT 5\n";

	memcpy(a.sun_path, path, strlen(path) + 1);
	must(fd >= 0, "socket");
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd); /* too many wait */
		return;
	}
	line[8] = (char)('5' + (how & 3));
	if (how < 0x10)
		line[how % 10] = (char)next8();
	(void)!send(fd, line, how < 0x20 ? next8() % 11 : 10, MSG_NOSIGNAL);
	become(fd, end_of(how >> 2));
}

static void host_moves(uint8_t how)
{
	static uint8_t bytes[65536];
	int fd = end_of(how);

	switch (how >> 3 & 7) {
	case 0:
	case 1:
		(void)!send(fd, bytes, next16(), MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case 2:
	case 3:
		(void)!recv(fd, bytes, next16(), MSG_DONTWAIT);
		break;
	case 4:
		shutdown(fd, next8() % 3);
		break;
	case 5:
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ next8() }, sizeof(int));
		break;
	default:
		must(dup2(0, fd) >= 0, "dup2"); /* it is gone */
		break;
	}
}

static void end_turn(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_end();
}

static void open_device(void)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .backend_count = 1,
				   .u.vsock.cid = CID };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	static struct loop_source turn;

	signal(SIGPIPE, SIG_IGN);
	strcpy(path, "/tmp/fuzz.XXXXXX");
	must(mkdtemp(path) != NULL, "mkdtemp");
	strcat(path, "/s");
	memcpy(a.sun_path, path, strlen(path) + 1);
	must(bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 16) == 0,
	     "listen");
	become(fd, DEVICE_FD_BACKEND);
	must(driver_open(&c, 0) == STATUS_OK, "driver_open");
	/* Each turn of the loop ends itself. */
	turn = (struct loop_source){ .fd = eventfd(1, EFD_CLOEXEC), .ready = end_turn };
	must(turn.fd >= 0 && loop_add(&turn, EPOLLIN), "eventfd");
}

static void begin(void)
{
	driver_stop_all();
	driver_reset();
	driver_start_all();
	rx_seen = 0;
	settled = true;
}

static unsigned open_sockets(void)
{
	struct stat st;
	unsigned n = 0;

	for (int fd = 0; fd < FILES_MAX; fd++)
		n += fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	return n;
}

static void step(void)
{
	uint8_t what = next8(), n;

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		send_packet();
		break;
	case 4:
	case 5:
		n = next8();
		for (unsigned i = 0; i <= n % 8u; i++)
			add_rx(n < 0x10 ? n * 4u : 64u << (n >> 5), n);
		driver_kick(RX);
		break;
	case 6:
	case 7:
	case 8:
		loop_run();
		break;
	case 9:
		client_calls(next8());
		break;
	case 10:
		answer(next8());
		break;
	case 11:
	case 12:
		host_moves(next8());
		break;
	case 13:
		time_passes(((uint64_t)next8() << 26) | 1);
		break;
	case 14:
		if (what == 14)
			begin();
		break;
	default:
		if (what >= 0xc0) { /* anything, anywhere in the rings */
			settled = false;
			driver.memory[RING(0) + next16() % (2 * 4096)] = next8();
		}
		break;
	}
	receive();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned sockets;

	if (sockets == 0)
		open_device();
	for (uint8_t i = 0; i < ENDS; i++)
		must(dup2(0, end_of(i)) >= 0, "dup2");
	begin();
	loop_run(); /* clients of the input before, who were still waiting */
	begin();
	sockets = sockets == 0 ? open_sockets() : sockets;
	must(open_sockets() == sockets, "a socket is left open");
	input = data;
	left = size;
	last_port = 0;
	memset(driver.memory + PLACE(0), 0, 64);
	while (left > 0) {
		step();
		for (unsigned q = 0; q < driver.device.queue_count; q++)
			must(!driver.device.queue[q].running ||
				     driver.device.queue[q].vq.taken_count == 0,
			     "a request is kept");
	}
	return 0;
}
