/* SPDX-License-Identifier: ISC */
/*
 * The vsock device between a driver, clients of its socket and a launcher. Time runs faster here
 * where a test is about waiting.
 */
#include "driver.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define CID	   9u
#define HEADER	   44u
#define TABLE	   64u	  /* connections of the device */
#define STRAYS	   16u	  /* resets it holds for those without one */
#define BUFFER	   65536u /* its buf_alloc */
#define FIRST_PORT (1u << 30)
#define PLACE	   (68u << 10) /* of one packet of the driver's */
#define SPEED	   10

enum { RX, TX, EVENT };
enum { INVALID, REQUEST, RESPONSE, RST, SHUTDOWN, RW, UPDATE, ASK, UNKNOWN };
enum { NO_RECEIVE = 1, NO_SEND = 2 };

/* As on the wire; wanted all at once, without the compiler's padding. */
struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));
_Static_assert(sizeof(struct packet) == HEADER, "virtio 1.2, 5.10.6");

static char path[64];
static gpa_t rx_place[DRIVER_QUEUE], tx_place;
static uint32_t rx_len[DRIVER_QUEUE];
static unsigned tx_next, rx_size;
static int host_takes;	    /* bytes that a host's end holds unread; 0: as many as usual */
static bool refill;	    /* each receive buffer is given back at once */
static uint32_t tx_cut;	    /* the first piece of a packet has so many bytes; 0: the header */
static struct packet last;  /* received */
static uint8_t body[PLACE]; /* what came with it */
static uint32_t guest_port, host_port, credit, forwarded;
static unsigned wakes, speed = 1;
static uint64_t real_start, start;

/* Counts how often the device wakes up: one that spins does so thousands of times a second. */
int epoll_pwait(int fd, struct epoll_event *e, int max, int timeout, const sigset_t *mask)
{
	wakes++;
	return (int)syscall(SYS_epoll_pwait, fd, e, max, timeout, mask, (size_t)8);
}

static uint64_t real_now(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now(void)
{
	return start + (real_now() - real_start) * speed;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	uint64_t n = now();

	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){ (time_t)(n / 1000000000u), (long)(n % 1000000000u) };
	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *t, struct itimerspec *old)
{
	uint64_t n = ((uint64_t)t->it_value.tv_sec * 1000000000u +
		      (uint64_t)t->it_value.tv_nsec + speed - 1) /
		     speed;
	struct itimerspec sooner = { .it_value = { (time_t)(n / 1000000000u),
						   (long)(n % 1000000000u) } };

	return (int)syscall(SYS_timerfd_settime, fd, flags, &sooner, old);
}

static void run_at(unsigned times)
{
	uint64_t n = now();

	real_start = real_now();
	start = n;
	speed = times;
}

static void serve_until(uint64_t when)
{
	while (now() < when)
		driver_serve(1);
}

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* ---- the driver ---- */

static void add_rx_at(gpa_t place, uint32_t len)
{
	struct driver_part whole = { place, len, true };
	uint16_t head = driver_add(RX, &whole, 1);

	rx_place[head] = place;
	rx_len[head] = len;
}

/* Receive buffers, in pieces for their sizes' sake. */
static void add_rx(unsigned count, uint32_t len)
{
	while (count-- > 0)
		add_rx_at(driver_alloc(len), len);
	driver_kick(RX);
}

/* Takes one packet; false: there is none at once. */
static bool receive_now(void)
{
	uint16_t head;
	uint32_t len;
	gpa_t place;

	if (!driver_used(RX, &head, &len))
		return false;
	memset(&last, 0, sizeof(last));
	place = rx_place[head];
	memcpy(&last, driver_at(place), len < HEADER ? len : HEADER);
	assert_true(len == 0 || len == HEADER + le32toh(last.len));
	assert_true(len <= rx_len[head]);
	if (len > HEADER)
		memcpy(body, (uint8_t *)driver_at(place) + HEADER, len - HEADER);
	if (len > 0) {
		assert_int_equal(le64toh(last.src_cid), 2);
		assert_int_equal(le64toh(last.dst_cid), CID);
	}
	if (refill) {
		add_rx_at(place, rx_len[head]);
		driver_kick(RX);
	}
	return true;
}

static bool receive(void)
{
	for (unsigned ms = 0; ms < 200; ms++) {
		if (receive_now())
			return true;
		driver_serve(1);
	}
	return false;
}

/* The op of the next packet; INVALID: none comes. */
static unsigned next_op(void)
{
	return receive() ? le16toh(last.op) : INVALID;
}

static bool quiet(void)
{
	driver_serve(5);
	return !receive_now();
}

static void reap_tx(void)
{
	uint16_t head;
	uint32_t len;

	while (driver_used(TX, &head, &len))
		assert_int_equal(len, 0);
}

/* The packet as it is; with so many bytes of body, whatever it says of them. */
static void send_raw(const struct packet *p, const void *data, uint32_t len)
{
	gpa_t at = gpa(tx_place.raw + (uint64_t)PLACE * (tx_next++ % 32));
	uint32_t cut = tx_cut == 0 ? HEADER : tx_cut;
	struct driver_part part[] = {
		{ at, cut, false },
		{ gpa(at.raw + cut), HEADER + len - (cut < HEADER + len ? cut : 0), false },
	};

	memcpy(driver_at(at), p, HEADER);
	if (len > 0)
		memcpy((uint8_t *)driver_at(at) + HEADER, data, len);
	driver_add(TX, part, cut < HEADER + len ? 2 : 1);
	driver_kick(TX);
	reap_tx();
}

static struct packet packet(unsigned op, uint32_t flags, uint32_t len)
{
	return (struct packet){ .src_cid = htole64(CID),
				.dst_cid = htole64(2),
				.src_port = htole32(guest_port),
				.dst_port = htole32(host_port),
				.len = htole32(len),
				.type = htole16(1),
				.op = htole16((uint16_t)op),
				.flags = htole32(flags),
				.buf_alloc = htole32(credit),
				.fwd_cnt = htole32(forwarded) };
}

static void send_op(unsigned op, uint32_t flags)
{
	struct packet p = packet(op, flags, 0);

	send_raw(&p, NULL, 0);
}

static void send_data(const void *data, uint32_t len)
{
	struct packet p = packet(RW, 0, len);

	send_raw(&p, data, len);
}

/* ---- the host ---- */

static int listening(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	unlink(path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static int connect_client(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int call(const char *line)
{
	int fd = connect_client();

	if (line[0] != '\0')
		assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
	driver_serve(2);
	return fd;
}

enum heard { NOTHING = -1, THE_END = 0 }; /* or how many bytes; a reset is an end too */

static int hear(int fd, char *text, size_t size)
{
	ssize_t n = -1;

	for (unsigned ms = 0; n < 0 && ms < 20; ms++) {
		n = recv(fd, text, size - 1, MSG_DONTWAIT);
		if (n < 0 && errno == ECONNRESET)
			n = 0;
		if (n < 0)
			driver_serve(1);
	}
	text[n < 0 ? 0 : n] = '\0';
	return (int)n;
}

static bool ended(int fd)
{
	char text[128];

	return hear(fd, text, sizeof(text)) == THE_END;
}

static bool hears(int fd, const char *wanted)
{
	char text[128];

	return hear(fd, text, sizeof(text)) > 0 && strcmp(text, wanted) == 0;
}

static bool hears_ok(int fd)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "OK %u\n", host_port);
	return hears(fd, wanted);
}

static void device_opens(unsigned rx, uint32_t size)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .backend_count = 1,
				   .u.vsock.cid = CID };
	int fd = listening();

	assert_true(dup2(fd, DEVICE_FD_BACKEND) >= 0);
	close(fd);
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	driver_start_all();
	tx_place = driver_alloc(32 * PLACE);
	tx_next = tx_cut = forwarded = 0;
	credit = 1u << 20;
	guest_port = 1000;
	host_port = 80;
	refill = true;
	rx_size = size;
	add_rx(rx, size);
}

static int setup(void **state)
{
	(void)state;
	host_takes = 0;
	run_at(1);
	device_opens(8, 4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	driver_reset();
	run_at(1);
	return 0;
}

/* What the driver knows of a connection that the last packet has begun. */
static void learn_ports(void)
{
	guest_port = le32toh(last.dst_port);
	host_port = le32toh(last.src_port);
}

/* A client that the guest has accepted. */
static int connected_client(void)
{
	int fd = call("CONNECT 5000\n");

	assert_int_equal(next_op(), REQUEST);
	learn_ports();
	send_op(RESPONSE, 0);
	assert_true(hears_ok(fd));
	return fd;
}

/* The launcher's answer: one end of a pair, whose other end is returned; or none. */
static int launcher_answers(uint64_t value, bool with)
{
	struct device_command c = { .kind = DEVICE_CONNECTED, .value = value };
	int s[2] = { -1, -1 };

	if (with)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	if (host_takes > 0)
		setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &host_takes, sizeof(host_takes));
	device_ops.command(&driver.device, &c, s[0]);
	return s[1];
}

/* A connection that the guest has asked for. */
static int connected_guest(void)
{
	int fd;

	send_op(REQUEST, 0);
	assert_int_equal(driver.told.kind, DEVICE_CONNECT);
	assert_int_equal((uint32_t)driver.told.value, host_port);
	fd = launcher_answers(driver.told.value, true);
	assert_int_equal(next_op(), RESPONSE);
	return fd;
}

/* ---- stories, a row each ---- */

enum act {
	END,
	CALLS,	/* a client connects and writes text */
	WRITES, /* it writes text */
	CANNOT_WRITE,
	HEARS,	 /* it reads text; "OK" is the whole line */
	LISTENS, /* it reads nothing, and it is not the end */
	SEES_END,
	HANGS_UP,
	STOPS_SENDING,
	STOPS_READING,
	SENDS,	  /* the guest: op, flags */
	SENDS_RW, /* text, and a length that it claims if not 0 */
	GETS,	  /* op, flags; of RW text */
	GETS_NOTHING,
	ASKS,		 /* the launcher was asked for this port, so often in all */
	ANSWERS,	 /* the launcher: 1 with a socket that becomes the client, 0 without */
	ANSWERS_WRONGLY, /* with a socket for value ^ this; it must be closed */
	HAS,		 /* receive buffers: so many, of so many bytes */
	CREDIT,		 /* the guest's: buf_alloc, fwd_cnt; told by the next packet */
	PORTS,		 /* guest's, host's */
	PASSES,		 /* so many ms */
	RESETS,		 /* the driver resets the device and starts anew */
	CUTS,		 /* the guest's packets after so many bytes */
};

struct step {
	enum act act;
	uint32_t a, b;
	const char *text;
};

#define STEPS_MAX 24

/* clang-format off */
#define CALL(t)	   { CALLS, 0, 0, t }
#define WRITE(t)   { WRITES, 0, 0, t }
#define HEAR(t)	   { HEARS, 0, 0, t }
#define NO_WRITE   { CANNOT_WRITE, 0, 0, NULL }
#define LISTEN	   { LISTENS, 0, 0, NULL }
#define SEE_END	   { SEES_END, 0, 0, NULL }
#define HANG_UP	   { HANGS_UP, 0, 0, NULL }
#define STOP_SEND  { STOPS_SENDING, 0, 0, NULL }
#define STOP_READ  { STOPS_READING, 0, 0, NULL }
#define SEND(o)	   { SENDS, o, 0, NULL }
#define SHUT(f)	   { SENDS, SHUTDOWN, f, NULL }
#define DATA(t)	   { SENDS_RW, 0, 0, t }
#define LIE(t, n)  { SENDS_RW, n, 0, t }
#define GET(o)	   { GETS, o, 0, NULL }
#define GET_SHUT(f){ GETS, SHUTDOWN, f, NULL }
#define GET_RW(t)  { GETS, RW, 0, t }
#define QUIET	   { GETS_NOTHING, 0, 0, NULL }
#define ASK(p)	   { ASKS, p, 0, NULL }
#define ANSWER(y)  { ANSWERS, y, 0, NULL }
#define MISANSWER(x){ ANSWERS_WRONGLY, x, 0, NULL }
#define RX_HAS(n, s){ HAS, n, s, NULL }
#define ROOM(n, f) { CREDIT, n, f, NULL }
#define PORTS(g, h){ PORTS, g, h, NULL }
#define PASS(ms)   { PASSES, ms, 0, NULL }
#define RESET	   { RESETS, 0, 0, NULL }
#define CUT(n)	   { CUTS, n, 0, NULL }
/* A client that is connected; a guest that is; in three and four steps. */
#define CLIENT	CALL("CONNECT 5000\n"), GET(REQUEST), SEND(RESPONSE), HEAR("OK")
#define GUEST	SEND(REQUEST), ANSWER(1), GET(RESPONSE)
#define BOTH	(NO_RECEIVE | NO_SEND)
/* clang-format on */

static const struct {
	const char *name;
	struct step step[STEPS_MAX];
} rows[] = {
	/* Into the guest. */
	{ "a client reaches the guest and hears OK", { CLIENT } },
	{ "bytes to the guest", { CLIENT, WRITE("hello"), GET_RW("hello") } },
	{ "bytes from the guest", { CLIENT, DATA("hello"), HEAR("hello") } },
	{ "the line may come in parts",
	  { CALL("CONN"), WRITE("ECT 5"), WRITE("000"), QUIET, WRITE("\n"), GET(REQUEST),
	    SEND(RESPONSE), HEAR("OK") } },
	{ "what follows the line is the guest's",
	  { CALL("CONNECT 5000\nhello\n"), GET(REQUEST), SEND(RESPONSE), HEAR("OK"),
	    GET_RW("hello\n") } },
	{ "a client that has said all and sends no more",
	  { CALL("CONNECT 5000\nhello"), STOP_SEND, GET(REQUEST), SEND(RESPONSE), HEAR("OK"),
	    GET_RW("hello"), GET_SHUT(NO_SEND), DATA("answer"), HEAR("answer") } },
	{ "the guest refuses",
	  { CALL("CONNECT 5000\n"), GET(REQUEST), SEND(RST), SEE_END, QUIET } },
	{ "the client leaves before the guest answers",
	  { CALL("CONNECT 5000\n"), GET(REQUEST), HANG_UP, GET(RST), QUIET } },
	{ "the client leaves before the guest has heard",
	  { RX_HAS(0, 0), CALL("CONNECT 5000\n"), HANG_UP, PASS(5), RX_HAS(4, 4096), QUIET } },
	{ "the client leaves before the line is whole",
	  { CALL("CONNECT 50"), HANG_UP, QUIET } },
	{ "the largest port", { CALL("CONNECT 4294967294\n"), GET(REQUEST) } },
	{ "the smallest port", { CALL("CONNECT 0\n"), GET(REQUEST) } },
	{ "a line as long as may be",
	  { CALL("CONNECT 00000000000000000005000\n"), GET(REQUEST) } },

	/* Lines that are none. */
	{ "an empty line", { CALL("\n"), SEE_END, QUIET } },
	{ "no port", { CALL("CONNECT \n"), SEE_END, QUIET } },
	{ "no space", { CALL("CONNECT5000\n"), SEE_END, QUIET } },
	{ "two spaces", { CALL("CONNECT  5000\n"), SEE_END, QUIET } },
	{ "in small letters", { CALL("connect 5000\n"), SEE_END, QUIET } },
	{ "a carriage return", { CALL("CONNECT 5000\r\n"), SEE_END, QUIET } },
	{ "a negative port", { CALL("CONNECT -1\n"), SEE_END, QUIET } },
	{ "a plus", { CALL("CONNECT +1\n"), SEE_END, QUIET } },
	{ "a hexadecimal port", { CALL("CONNECT 0x50\n"), SEE_END, QUIET } },
	{ "any port", { CALL("CONNECT 4294967295\n"), SEE_END, QUIET } },
	{ "a port of 33 bits", { CALL("CONNECT 4294967296\n"), SEE_END, QUIET } },
	{ "a port that wraps to 80",
	  { CALL("CONNECT 18446744073709551696\n"), SEE_END, QUIET } },
	{ "a line too long", { CALL("CONNECT 000000000000000000005000\n"), SEE_END, QUIET } },
	{ "a flood without a line",
	  { CALL("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), SEE_END, QUIET } },
	{ "an end instead of the line's", { CALL("CONNECT 5000"), STOP_SEND, SEE_END, QUIET } },
	{ "an end where another's line had ended",
	  { CALL("CONNECT 5000\n"), GET(REQUEST), SEND(RST), CALL("CONNECT 5000"), STOP_SEND,
	    SEE_END, QUIET } },

	/* Out of the guest. */
	{ "the guest reaches a socket", { SEND(REQUEST), ASK(80), ANSWER(1), GET(RESPONSE) } },
	{ "bytes both ways",
	  { GUEST, DATA("ping"), HEAR("ping"), WRITE("pong"), GET_RW("pong") } },
	{ "nobody listens", { SEND(REQUEST), ASK(80), ANSWER(0), GET(RST), QUIET } },
	{ "bytes that were there before the guest knew",
	  { SEND(REQUEST), ANSWER(1), WRITE("early"), GET(RESPONSE), GET_RW("early") } },
	{ "an answer after the guest gave up",
	  { SEND(REQUEST), SEND(RST), MISANSWER(0), QUIET } },
	{ "an answer to another port",
	  { SEND(REQUEST), MISANSWER(1), ANSWER(1), GET(RESPONSE) } },
	{ "an answer twice", { GUEST, MISANSWER(0), DATA("ping"), HEAR("ping") } },
	{ "an answer nobody waits for", { MISANSWER(0xffff), QUIET } },
	{ "an answer after a reset", { SEND(REQUEST), RESET, MISANSWER(0), QUIET } },
	{ "the guest's port twice is another connection with another port",
	  { GUEST, PORTS(1000, 81), GUEST, DATA("x"), HEAR("x") } },
	{ "the same request twice", { GUEST, SEND(REQUEST), GET(RST), SEE_END, QUIET } },

	/* Half closed, closed. */
	{ "the guest sends no more",
	  { GUEST, DATA("bye"), SHUT(NO_SEND), HEAR("bye"), SEE_END, WRITE("still"),
	    GET_RW("still") } },
	{ "the guest reads no more",
	  { GUEST, SHUT(NO_RECEIVE), NO_WRITE, DATA("still"), HEAR("still"), LISTEN, QUIET } },
	{ "flags add up",
	  { GUEST, SHUT(NO_SEND), QUIET, SHUT(0), QUIET, SHUT(NO_RECEIVE), GET(RST),
	    SEE_END } },
	{ "the guest closes",
	  { GUEST, DATA("bye"), SHUT(BOTH), GET(RST), HEAR("bye"), SEE_END, QUIET } },
	{ "the host sends no more",
	  { GUEST, WRITE("bye"), STOP_SEND, GET_RW("bye"), GET_SHUT(NO_SEND), QUIET,
	    DATA("still"), HEAR("still") } },
	{ "the host sends no more, then the guest",
	  { GUEST, STOP_SEND, GET_SHUT(NO_SEND), SHUT(NO_SEND), SEE_END, GET_SHUT(BOTH),
	    SEND(RST), QUIET } },
	{ "the guest sends no more, then the host",
	  { GUEST, SHUT(NO_SEND), SEE_END, STOP_SEND, GET_SHUT(NO_RECEIVE), GET_SHUT(BOTH),
	    SEND(RST), QUIET } },
	{ "the host closes",
	  { GUEST, WRITE("bye"), HANG_UP, GET_RW("bye"), GET_SHUT(NO_RECEIVE), GET_SHUT(BOTH),
	    SEND(RST), QUIET } },
	{ "the host closes, and the guest too",
	  { GUEST, HANG_UP, GET_SHUT(NO_RECEIVE), GET_SHUT(BOTH), SHUT(BOTH), GET(RST),
	    QUIET } },
	{ "what was sent before the host closed waits for room",
	  { ROOM(0, 0),	  GUEST,	WRITE("bye"),
	    GET(ASK),	  HANG_UP,	GET_SHUT(NO_RECEIVE),
	    QUIET,	  ROOM(2, 0),	SEND(UPDATE),
	    GET_RW("by"), GET(ASK),	ROOM(3, 0),
	    SEND(UPDATE), GET_RW("e"),	GET(ASK),
	    ROOM(100, 3), SEND(UPDATE), GET_SHUT(BOTH),
	    SEND(RST),	  QUIET } },
	{ "the host reads no more, but sends",
	  { GUEST, STOP_READ, DATA("lost"), GET_SHUT(NO_RECEIVE), DATA("lost too"), QUIET,
	    WRITE("still"), GET_RW("still") } },
	{ "a reset of the guest's", { GUEST, SEND(RST), SEE_END, QUIET } },
	{ "after a reset of ours the ports are free",
	  { GUEST, SEND(UNKNOWN), GET(RST), SEE_END, GUEST, DATA("x"), HEAR("x") } },
	{ "after a reset it is unknown", { GUEST, SEND(RST), DATA("x"), GET(RST), QUIET } },
	{ "who lingers is forgotten in the end",
	  { GUEST, HANG_UP, GET_SHUT(NO_RECEIVE), GET_SHUT(BOTH), PASS(1000), QUIET, PASS(1500),
	    GET(RST), SEND(ASK), GET(RST) } },

	/* Waiting. */
	{ "a client that says nothing", { CALL(""), PASS(1000), LISTEN, PASS(1500), SEE_END } },
	{ "a client that dribbles",
	  { CALL("CON"), PASS(1000), WRITE("NECT 50"), PASS(500), LISTEN, PASS(1000),
	    SEE_END } },
	{ "a guest that does not answer",
	  { CALL("CONNECT 5000\n"), GET(REQUEST), PASS(1000), LISTEN, PASS(1500), SEE_END,
	    GET(RST) } },
	{ "a guest that does not even hear",
	  { RX_HAS(0, 0), CALL("CONNECT 5000\n"), PASS(2500), SEE_END, RX_HAS(4, 4096),
	    QUIET } },
	{ "a launcher that does not answer",
	  { SEND(REQUEST), PASS(1000), QUIET, PASS(1500), GET(RST), MISANSWER(0), QUIET } },
	{ "who is connected may be silent",
	  { CLIENT, PASS(4000), LISTEN, QUIET, DATA("x"), HEAR("x") } },

	/* Whom a packet is of, and to. */
	{ "what nobody knows is reset",
	  { DATA("x"), GET(RST), SEND(RESPONSE), GET(RST), SHUT(BOTH), GET(RST), SEND(UPDATE),
	    GET(RST), SEND(ASK), GET(RST), SEND(INVALID), GET(RST), SEND(UNKNOWN), GET(RST) } },
	{ "but not a reset", { SEND(RST), QUIET } },
	{ "an op that has the low bits of another",
	  { GUEST, SEND(ASK + 32), GET(RST), SEE_END, PORTS(1001, 80), GUEST, SEND(ASK + 256),
	    GET(RST), SEE_END, PORTS(1002, 80), GUEST, SEND(0xffff), GET(RST), SEE_END } },
	{ "another port of the guest's",
	  { GUEST, PORTS(1001, 80), DATA("x"), GET(RST), PORTS(1000, 80), DATA("y"),
	    HEAR("y") } },
	{ "another port of the host's",
	  { GUEST, PORTS(1000, 81), DATA("x"), GET(RST), PORTS(1000, 80), DATA("y"),
	    HEAR("y") } },
	{ "a client's ports belong to it", { CLIENT, SEND(REQUEST), GET(RST), SEE_END } },

	/* Credit. */
	{ "asked for, it is told", { GUEST, SEND(ASK), GET(UPDATE), QUIET } },
	{ "without room nothing is sent, but room is asked for once",
	  { ROOM(0, 0), GUEST, WRITE("hello"), GET(ASK), QUIET, SEND(UPDATE), QUIET,
	    ROOM(100, 0), SEND(UPDATE), GET_RW("hello") } },
	{ "so much room, so many bytes",
	  { ROOM(2, 0), GUEST, WRITE("hello"), GET_RW("he"), GET(ASK), ROOM(2, 1), SEND(UPDATE),
	    GET_RW("l"), GET(ASK), ROOM(2, 3), SEND(UPDATE), GET_RW("lo") } },
	{ "room comes with data too",
	  { ROOM(0, 0), GUEST, WRITE("hello"), GET(ASK), ROOM(5, 0), DATA("x"),
	    GET_RW("hello") } },
	{ "room that shrinks below what was sent is none",
	  { ROOM(3, 0), GUEST, WRITE("hello"), GET_RW("hel"), GET(ASK), ROOM(1, 0),
	    SEND(UPDATE), QUIET } },
	{ "more forwarded than was sent is no room",
	  { ROOM(3, 0), GUEST, WRITE("hello"), GET_RW("hel"), GET(ASK), ROOM(100, 1000),
	    SEND(UPDATE), QUIET } },
	{ "a claim beyond all bounds gets what there is",
	  { ROOM(UINT32_MAX, 0), GUEST, WRITE("hello"), GET_RW("hello"), WRITE("again"),
	    GET_RW("again") } },

	/* CVE-2019-18960: what a packet says of itself, and what it is. */
	{ "a length beyond the buffers", { GUEST, LIE("four", 5), GET(RST), SEE_END } },
	{ "a length of 4 GiB", { GUEST, LIE("four", UINT32_MAX), GET(RST), SEE_END } },
	{ "a length that wraps with the header's",
	  { GUEST, LIE("four", UINT32_MAX - 43), GET(RST), SEE_END } },
	{ "only as much as it says", { GUEST, LIE("four", 3), HEAR("fou") } },
	{ "no bytes at all", { GUEST, DATA(""), QUIET, LISTEN, DATA("x"), HEAR("x") } },
	{ "a header in two pieces", { CUT(1), GUEST, DATA("hello"), HEAR("hello") } },
	{ "a header and data in one piece", { CUT(46), GUEST, DATA("hello"), HEAR("hello") } },
	{ "data after it was said that there is none",
	  { GUEST, SHUT(NO_SEND), SEE_END, DATA("x"), GET(RST) } },

	/* Without buffers of the guest's. */
	{ "what is to be said waits",
	  { RX_HAS(0, 0), SEND(REQUEST), ANSWER(0), DATA("x"), PASS(5), RX_HAS(2, 4096),
	    GET(RST), QUIET } },
	{ "bytes wait with their sender",
	  { RX_HAS(0, 0), SEND(REQUEST), ANSWER(1), WRITE("hello"), PASS(5), RX_HAS(2, 4096),
	    GET(RESPONSE), GET_RW("hello") } },
	{ "so they do with one who has left",
	  { RX_HAS(1, 4096), GUEST, RX_HAS(0, 0), WRITE("bye"), HANG_UP, PASS(5),
	    RX_HAS(4, 4096), GET_SHUT(NO_RECEIVE), GET_RW("bye"), GET_SHUT(BOTH) } },
	{ "what is said twice is heard once",
	  { RX_HAS(1, 4096), GUEST, RX_HAS(0, 0), SEND(ASK), SEND(ASK), SEND(ASK),
	    RX_HAS(4, 4096), GET(UPDATE), QUIET } },
	{ "a buffer for no byte comes back and does no harm",
	  { RX_HAS(1, 4096), GUEST, RX_HAS(0, 0), RX_HAS(1, 44), RX_HAS(1, 10), RX_HAS(2, 4096),
	    WRITE("hello"), GET(INVALID), GET(INVALID), GET_RW("hello") } },
	{ "a buffer for one byte",
	  { RX_HAS(1, 4096), GUEST, RX_HAS(0, 0), RX_HAS(3, 45), WRITE("abc"), GET_RW("a"),
	    GET_RW("b"), GET_RW("c") } },

	/* The driver begins anew. */
	{ "a reset closes a client", { CLIENT, RESET, SEE_END, QUIET } },
	{ "a reset closes a client that has said nothing", { CALL(""), RESET, SEE_END } },
	{ "a reset closes one that waits",
	  { CALL("CONNECT 5000\n"), GET(REQUEST), RESET, SEE_END, QUIET } },
	{ "a reset closes the guest's", { GUEST, RESET, SEE_END, QUIET, DATA("x"), GET(RST) } },
	{ "a reset forgets what was owed", { RX_HAS(0, 0), DATA("x"), RESET, QUIET } },
	{ "after a reset clients come as before",
	  { CLIENT, RESET, CLIENT, DATA("x"), HEAR("x") } },
};

/* What came of it; it should have come to nothing. */
static const char *perform(const struct step *s, int *client)
{
	const char *text = s->text == NULL ? "" : s->text;
	uint32_t len = (uint32_t)strlen(text);
	struct packet p;
	char heard[128];
	unsigned op;
	int fd;

	switch (s->act) {
	case CALLS:
		close(*client);
		*client = call(text);
		return NULL;
	case WRITES:
		fd = (int)send(*client, text, len, MSG_NOSIGNAL);
		driver_serve(2);
		return fd == (int)len ? NULL : "it cannot write";
	case CANNOT_WRITE:
		return send(*client, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE
			       ? NULL
			       : "it can write";
	case HEARS:
		if (strcmp(text, "OK") == 0)
			return hears_ok(*client) ? NULL : "no OK";
		return hears(*client, text) ? NULL : "it hears something else, or nothing";
	case LISTENS:
		return hear(*client, heard, sizeof(heard)) == NOTHING ? NULL : "it hears";
	case SEES_END:
		return ended(*client) ? NULL : "there is no end";
	case HANGS_UP:
		close(*client);
		*client = -1;
		driver_serve(2);
		return NULL;
	case STOPS_SENDING:
		shutdown(*client, SHUT_WR);
		driver_serve(2);
		return NULL;
	case STOPS_READING:
		shutdown(*client, SHUT_RD);
		return NULL;
	case SENDS:
		send_op(s->a, s->b);
		return NULL;
	case SENDS_RW:
		p = packet(RW, 0, s->a == 0 ? len : s->a);
		send_raw(&p, text, len);
		return NULL;
	case GETS:
		if (!receive())
			return "the guest gets nothing";
		op = le16toh(last.op);
		if (op == REQUEST)
			learn_ports();
		if (op != s->a || le32toh(last.flags) != s->b)
			return "the guest gets another packet";
		if (op != INVALID && (le32toh(last.dst_port) != guest_port ||
				      le32toh(last.src_port) != host_port))
			return "with other ports";
		return le32toh(last.len) == len && memcmp(body, text, len) == 0 ? NULL
										: "other data";
	case GETS_NOTHING:
		return quiet() ? NULL : "the guest gets something";
	case ASKS:
		return driver.tells == 1 && (uint32_t)driver.told.value == s->a &&
				       driver.told.kind == DEVICE_CONNECT
			       ? NULL
			       : "another port";
	case ANSWERS:
		fd = launcher_answers(driver.told.value, s->a != 0);
		if (fd >= 0) {
			close(*client);
			*client = fd;
		}
		return NULL;
	case ANSWERS_WRONGLY:
		fd = launcher_answers(driver.told.value ^ s->a, true);
		op = ended(fd);
		close(fd);
		return op ? NULL : "it was kept";
	case HAS:
		if (refill || s->a == 0) { /* none but those that are given by hand */
			driver_stop_all();
			driver_start_all();
		}
		refill = false;
		add_rx(s->a, s->b);
		return NULL;
	case CREDIT:
		credit = s->a;
		forwarded = s->b;
		return NULL;
	case PORTS:
		guest_port = s->a;
		host_port = s->b;
		return NULL;
	case PASSES:
		serve_until(now() + s->a * 1000000ull);
		return NULL;
	case RESETS:
		driver_reset();
		driver_start_all();
		refill = true;
		add_rx(8, 4096);
		return NULL;
	case CUTS:
		tx_cut = s->a;
		return NULL;
	case END:
		break;
	}
	return NULL;
}

static bool waits(const struct step *s)
{
	for (unsigned i = 0; i < STEPS_MAX; i++)
		if (s[i].act == PASSES && s[i].a >= 100)
			return true;
	return false;
}

static void test_stories(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *why = NULL;
		unsigned s = 0, files;
		int client = -1;

		teardown(NULL);
		setup(NULL);
		files = open_files();
		run_at(waits(rows[i].step) ? SPEED : 1);
		while (s < STEPS_MAX && rows[i].step[s].act != END &&
		       (why = perform(&rows[i].step[s], &client)) == NULL)
			s++;
		close(client);
		driver_reset();
		if (why == NULL && open_files() != files)
			why = "a descriptor is left open";
		if (why == NULL && driver.broken[RX] + driver.broken[TX] != 0)
			why = "a queue is broken";
		if (why == NULL)
			continue;
		print_error("row: %s: step %u: %s (op %u, flags %u, %u bytes)\n", rows[i].name,
			    s, why, le16toh(last.op), le32toh(last.flags), le32toh(last.len));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* ---- each op in each state ---- */

enum where {
	NOWHERE,
	AT_REQUESTED,
	AT_ASKED,
	AT_OPEN,
	HOST_HALF,
	GUEST_HALF,
	LINGERS,
	AT_ENDED,
	PLACES
};

/*
 * Of ops 0 to 8: R one reset, and it is over; F it is over without one; . nothing; U a credit
 * update; A the launcher is asked; O the client hears OK; D the client gets data.
 */
static const struct {
	const char *name, *outcome;
} places[PLACES] = {
	[NOWHERE] = { "nowhere", "RAR.RRRRR" },
	[AT_REQUESTED] = { "requested", "RROFRRRRR" },
	[AT_ASKED] = { "asked", "RRRFRRRRR" },
	[AT_OPEN] = { "open", "RRRFRD.UR" },
	[HOST_HALF] = { "the host sends no more", "RRRFRD.UR" },
	[GUEST_HALF] = { "the guest sends no more", "RRRFRR.UR" },
	[LINGERS] = { "both told, no reset yet", "RRRFR..UR" },
	[AT_ENDED] = { "a reset is owed", "RRRFRRRRR" },
};

/* Brings a connection there; returns the host's end. */
static int go(enum where w)
{
	int fd = -1;

	if (w == AT_REQUESTED) {
		fd = call("CONNECT 5000\n");
		assert_int_equal(next_op(), REQUEST);
		learn_ports();
	} else if (w == AT_ASKED) {
		send_op(REQUEST, 0);
	} else if (w != NOWHERE) {
		fd = connected_guest();
	}
	if (w == HOST_HALF) {
		shutdown(fd, SHUT_WR);
		assert_int_equal(next_op(), SHUTDOWN);
	} else if (w == GUEST_HALF) {
		send_op(SHUTDOWN, NO_SEND);
		assert_true(ended(fd));
	} else if (w == LINGERS) {
		close(fd);
		fd = -1;
		assert_int_equal(next_op(), SHUTDOWN);
		assert_int_equal(next_op(), SHUTDOWN);
		assert_int_equal(le32toh(last.flags), NO_RECEIVE | NO_SEND);
	} else if (w == AT_ENDED) {
		refill = false;
		driver_stop_all();
		driver_start_all();
		send_op(UNKNOWN, 0);
	}
	return fd;
}

static char outcome_of(enum where w, unsigned op)
{
	unsigned tells, got;
	struct packet p;
	char text[64] = "", result = '.';
	int fd = go(w), n;

	tells = driver.tells;
	p = packet(op, op == SHUTDOWN ? NO_RECEIVE | NO_SEND : 0, op == RW ? 4 : 0);
	send_raw(&p, "data", op == RW ? 4 : 0);
	if (w == AT_ENDED)
		add_rx(8, 4096);
	driver_serve(2);
	n = fd < 0 ? NOTHING : hear(fd, text, sizeof(text));
	got = receive_now() ? le16toh(last.op) : INVALID;
	if (receive_now())
		return '2'; /* no op has two answers */
	if (got == RST)
		result = 'R';
	else if (got == UPDATE)
		result = 'U';
	else if (driver.tells != tells)
		result = 'A';
	else if (strncmp(text, "OK ", 3) == 0)
		result = 'O';
	else if (strcmp(text, "data") == 0)
		result = 'D';
	else if (got != INVALID)
		return '?';
	/* Whether anybody still knows it. */
	refill = true;
	add_rx(4, 4096);
	send_op(ASK, 0);
	got = next_op();
	if (result == '.' && got == RST && w != NOWHERE)
		result = 'F';
	else if (got != (result == 'R' || result == 'A' || w == NOWHERE ? RST : UPDATE))
		return '!';
	if (strchr("RF", result) != NULL && fd >= 0 && n != THE_END && !ended(fd))
		return '#';
	if (fd >= 0)
		close(fd);
	return result;
}

static void test_each_op_in_each_state(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum where w = NOWHERE; w < PLACES; w++)
		for (unsigned op = 0; op <= UNKNOWN; op++) {
			char got;

			teardown(NULL);
			setup(NULL);
			got = outcome_of(w, op);
			if (got == places[w].outcome[op])
				continue;
			print_error("%s, op %u: %c, not %c\n", places[w].name, op, got,
				    places[w].outcome[op]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

/* 5.10.6.4.2: an unknown type is reset, as it came; the stream of these ports is another one. */
static void test_each_op_of_another_type(void **state)
{
	static const uint16_t types[] = { 0, 2, 3, 0x100, 0xffff };
	unsigned wrong = 0;
	int fd = connected_guest();

	(void)state;
	for (unsigned t = 0; t < COUNT(types); t++)
		for (unsigned op = 0; op <= UNKNOWN; op++) {
			struct packet p = packet(op, 3, 0);

			p.type = htole16(types[t]);
			send_raw(&p, NULL, 0);
			if (op == RST)
				wrong += !quiet();
			else
				wrong += next_op() != RST || le16toh(last.type) != types[t] ||
					 le32toh(last.dst_port) != guest_port ||
					 le32toh(last.src_port) != host_port;
		}
	assert_int_equal(wrong, 0);
	assert_int_equal(driver.tells, 1);
	send_data("x", 1);
	assert_true(hears(fd, "x"));
	close(fd);
}

static void test_each_op_of_or_to_somebody_else(void **state)
{
	static const uint64_t cids[][2] = {
		{ CID, 0 },
		{ CID, 1 },
		{ CID, 3 },
		{ CID, CID },
		{ CID, UINT32_MAX },
		{ CID, 2 | 1ull << 32 },
		{ 0, 2 },
		{ 2, 2 },
		{ CID + 1, 2 },
		{ CID | 1ull << 32, 2 },
		{ UINT64_MAX, 2 },
		{ 2, CID },
	};
	int fd = connected_guest();

	(void)state;
	for (unsigned i = 0; i < COUNT(cids); i++)
		for (unsigned op = 0; op <= UNKNOWN; op++) {
			struct packet p = packet(op, 3, op == RW ? 1 : 0);

			p.src_cid = htole64(cids[i][0]);
			p.dst_cid = htole64(cids[i][1]);
			send_raw(&p, "y", 1);
		}
	assert_true(quiet());
	assert_int_equal(driver.tells, 1);
	send_data("x", 1);
	assert_true(hears(fd, "x"));
	close(fd);
}

static void test_each_length_of_a_header_that_is_too_short(void **state)
{
	struct packet p = packet(ASK, 0, 0);
	int fd = connected_guest();
	gpa_t at = driver_alloc(HEADER);

	(void)state;
	p = packet(ASK, 0, 0);
	memcpy(driver_at(at), &p, HEADER);
	for (uint32_t len = 0; len < HEADER; len++) {
		struct driver_part part = { at, len, false };

		driver_add(TX, &part, 1);
		driver_kick(TX);
		reap_tx();
	}
	/* One that the device may write to has no header at all. */
	driver_add(TX, &(struct driver_part){ at, HEADER, true }, 1);
	driver_kick(TX);
	reap_tx();
	assert_true(quiet());
	send_op(ASK, 0);
	assert_int_equal(next_op(), UPDATE);
	assert_int_equal(driver.broken[TX], 0);
	close(fd);
}

/* Every length that a packet may claim around what it is. */
static void test_each_claim_of_a_length(void **state)
{
	static const uint8_t bytes[64];
	unsigned wrong = 0;

	(void)state;
	for (uint32_t is = 0; is < 64; is += 9)
		for (uint32_t claimed = 0; claimed < 128; claimed++) {
			struct packet p;
			char text[256];
			int fd, n;

			guest_port++;
			fd = connected_guest();
			p = packet(RW, 0, claimed);
			send_raw(&p, bytes, is);
			n = hear(fd, text, sizeof(text));
			if (claimed > is)
				wrong += n != THE_END || next_op() != RST;
			else
				wrong += n != (claimed == 0 ? NOTHING : (int)claimed);
			close(fd);
			send_op(RST, 0);
			while (receive_now())
				continue;
		}
	assert_int_equal(wrong, 0);
}

/* ---- credit ---- */

static uint32_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 3 + (i >> 16));
}

#define MEGABYTE (1u << 20)

/* All receive buffers there can be, of odd sizes in odd pieces; each at the place of its head. */
static void add_odd_rx(gpa_t pool)
{
	while (__builtin_popcountll(driver.descs[RX]) <= DRIVER_QUEUE - 3) {
		uint64_t place =
			pool.raw + 6000u * (uint64_t)__builtin_ctzll(~driver.descs[RX]);
		uint32_t len = 45 + random_below(5900), first = 1 + random_below(44);
		uint32_t second = random_below(len - first);
		struct driver_part part[] = { { gpa(place), first, true },
					      { gpa(place + first), second, true },
					      { gpa(place + first + second),
						len - first - second, true } };
		uint16_t head = driver_add(RX, part, 3);

		rx_place[head] = gpa(place);
		rx_len[head] = len;
	}
	driver_kick(RX);
}

static struct flow {
	uint32_t in, out;	/* bytes of the guest, received and sent */
	uint32_t read, written; /* of the host */
	uint32_t peer_alloc, peer_forwarded;
	unsigned wrong;
} flow;

static void host_moves(int fd)
{
	static uint8_t bytes[40000];
	uint32_t n = random_below(sizeof(bytes));
	ssize_t got;

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = pattern(flow.written + i);
	n = n < MEGABYTE - flow.written ? n : MEGABYTE - flow.written;
	got = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	flow.written += got < 0 ? 0 : (uint32_t)got;
	got = recv(fd, bytes, random_below(sizeof(bytes)), MSG_DONTWAIT);
	for (ssize_t i = 0; i < got; i++)
		flow.wrong += bytes[i] != pattern(flow.read++);
}

/* Takes all there is; none of it is beyond the room that the device was told of last. */
static void guest_receives(void)
{
	while (receive_now()) {
		for (uint32_t i = 0; i < le32toh(last.len); i++)
			flow.wrong += body[i] != pattern(flow.in++);
		flow.wrong += flow.in - forwarded > credit;
		flow.wrong += le32toh(last.buf_alloc) != BUFFER;
		flow.peer_alloc = le32toh(last.buf_alloc);
		flow.peer_forwarded = le32toh(last.fwd_cnt);
	}
}

static void guest_sends(void)
{
	static uint8_t bytes[BUFFER];
	uint32_t room = flow.peer_alloc - (flow.out - flow.peer_forwarded);
	uint32_t n = random_below(3) == 0 ? BUFFER : random_below(9000);

	n = n < room ? n : room;
	n = n < MEGABYTE - flow.out ? n : MEGABYTE - flow.out;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = pattern(flow.out + i);
	tx_cut = 1 + random_below(100);
	forwarded = flow.in;
	credit = random_below(4) == 0 ? 0 : random_below(20000);
	flow.out += n;
	if (n > 0)
		send_data(bytes, n);
	else
		send_op(UPDATE, 0);
}

static void move_a_megabyte(int fd)
{
	gpa_t pool = driver_alloc(DRIVER_QUEUE * 6000);

	flow = (struct flow){ .peer_alloc = BUFFER };
	refill = false;
	driver_stop_all();
	driver_start_all();
	for (unsigned turn = 0; turn < 20000; turn++) {
		if (flow.read == MEGABYTE && flow.in == MEGABYTE)
			break;
		if (random_below(4) != 0) /* sometimes the guest has no buffers */
			add_odd_rx(pool);
		host_moves(fd);
		driver_serve(0);
		guest_receives();
		guest_sends();
	}
	assert_int_equal(flow.in, MEGABYTE);
	assert_int_equal(flow.read, MEGABYTE);
	assert_int_equal(flow.wrong, 0);
	assert_int_equal(driver.broken[RX] + driver.broken[TX], 0);
	tx_cut = 0;
	close(fd);
}

static void test_a_megabyte_both_ways_with_a_client(void **state)
{
	(void)state;
	move_a_megabyte(connected_client());
}

static void test_a_megabyte_both_ways_of_the_guest(void **state)
{
	(void)state;
	host_takes = 4096;
	move_a_megabyte(connected_guest());
}

/* As many bytes as a count has values, a packet after the other. */
static void test_counts_wrap(void **state)
{
	static uint8_t bytes[BUFFER];
	int fd = connected_guest();
	uint64_t sent = 0;

	(void)state;
	while (sent <= 1ull << 32) {
		ssize_t n = 0;

		send_data(bytes, BUFFER);
		while (n >= 0 || errno != EAGAIN)
			if ((n = recv(fd, bytes, BUFFER, MSG_DONTWAIT)) == 0)
				fail_msg("it ended after %llu bytes", (unsigned long long)sent);
		sent += BUFFER;
		if (!receive_now() || le16toh(last.op) != UPDATE ||
		    le32toh(last.fwd_cnt) != (uint32_t)sent)
			fail_msg("no word after %llu bytes", (unsigned long long)sent);
	}
	close(fd);
}

/* Sends until the host's end takes no more, and then what there is credit for; exactly. */
static uint32_t fill_up(void)
{
	static uint8_t bytes[4096];
	uint32_t sent = 0, taken = 0;

	for (unsigned i = 0; i < 1000 && sent - taken < BUFFER; i++) {
		for (uint32_t b = 0; b < sizeof(bytes); b++)
			bytes[b] = pattern(sent + b);
		send_data(bytes, sizeof(bytes));
		sent += (uint32_t)sizeof(bytes);
		send_op(ASK, 0);
		if (next_op() != UPDATE)
			break;
		taken = le32toh(last.fwd_cnt);
		/* What is left of the credit, in a packet that fits it. */
		if (BUFFER - (sent - taken) < sizeof(bytes)) {
			uint32_t rest = BUFFER - (sent - taken);

			for (uint32_t b = 0; b < rest; b++)
				bytes[b] = pattern(sent + b);
			send_data(bytes, rest);
			sent += rest;
		}
	}
	assert_int_equal(sent - taken, BUFFER);
	return sent;
}

/* What comes, but not more, of the stream from there on. */
static uint32_t read_some(int fd, uint32_t from, uint32_t max)
{
	static uint8_t bytes[8192];
	uint32_t got = 0;
	int n;

	while (got < max && (n = hear(fd, (char *)bytes, sizeof(bytes))) > 0)
		for (int i = 0; i < n; i++)
			assert_int_equal(bytes[i], pattern(from + got++));
	return got;
}

static uint32_t read_all(int fd)
{
	return read_some(fd, 0, UINT32_MAX);
}

static void test_a_byte_beyond_the_credit_is_a_reset(void **state)
{
	int fd = connected_guest();

	(void)state;
	fill_up();
	assert_true(quiet());
	send_data("x", 1);
	assert_int_equal(next_op(), RST);
	close(fd);
}

static void test_what_waited_is_read_in_the_end(void **state)
{
	int fd = connected_guest();
	uint32_t sent = fill_up();

	(void)state;
	assert_int_equal(read_all(fd), sent);
	assert_int_equal(next_op(), UPDATE);
	assert_in_range(sent - le32toh(last.fwd_cnt), 0, BUFFER / 2);
	close(fd);
}

/* What was counted without a packet that says so is still to be told. */
static void test_each_count_is_told(void **state)
{
	static char bytes[20000];
	int fd = connected_guest();

	(void)state;
	refill = false;
	driver_stop_all();
	driver_start_all();
	add_rx(1, 4096);
	assert_int_equal(write(fd, bytes, 4096 - HEADER), 4096 - HEADER);
	assert_int_equal(next_op(), RW); /* as much as there was room: there might be more */
	send_data(bytes, sizeof(bytes));
	add_rx(1, 4096); /* but there is not */
	assert_true(quiet());
	send_data(bytes, sizeof(bytes));
	assert_int_equal(next_op(), UPDATE);
	assert_int_equal(le32toh(last.fwd_cnt), 2 * sizeof(bytes));
	close(fd);
}

static void test_what_nobody_reads_is_counted_too(void **state)
{
	static char bytes[5000];
	int fd = connected_guest();

	(void)state;
	shutdown(fd, SHUT_RD);
	for (unsigned i = 1; i < 40; i++)
		send_data(bytes, sizeof(bytes));
	assert_int_equal(next_op(), SHUTDOWN);
	send_op(ASK, 0);
	assert_int_equal(next_op(), UPDATE);
	assert_int_equal(le32toh(last.fwd_cnt), 39 * sizeof(bytes));
	close(fd);
}

static void test_what_waited_in_vain_is_counted_too(void **state)
{
	int fd = connected_guest();
	uint32_t sent = fill_up();

	(void)state;
	close(fd);
	assert_int_equal(next_op(), SHUTDOWN);
	assert_int_equal(le32toh(last.fwd_cnt), sent);
	assert_int_equal(next_op(), UPDATE);
	assert_int_equal(next_op(), RST); /* it had not read all */
}

/* 2.7.10: who has seen no more packets, or buffers, asks to be told of the next one. */
static void test_it_asks_to_be_kicked(void **state)
{
	uint16_t event;

	(void)state;
	for (unsigned n = 1; n < 5; n++) {
		for (unsigned q = RX; q <= TX; q++) {
			const struct virtq *vq = &driver.device.queue[q].vq;
			gpa_t at = gpa(vq->used.raw + 4 + 8u * vq->size);

			memset(driver_at(at), 0xff, sizeof(event));
			refill = false;
			if (n == 1) {
				driver_stop_all();
				driver_start_all();
			}
			send_data("", 0);
			memcpy(&event, driver_at(at), sizeof(event));
			assert_int_equal(le16toh(event), vq->next_avail);
		}
		add_rx(2, 4096);
		assert_int_equal(next_op(), RST);
		assert_int_equal(next_op(), RST);
	}
}

/* The guest closes while the host is slow: first all that it had sent, then the reset. */
static void test_a_close_waits_for_a_slow_host(void **state)
{
	uint32_t sent, got = 0;
	int fd;

	(void)state;
	host_takes = 4096;
	run_at(SPEED);
	fd = connected_guest();
	sent = fill_up();
	send_op(SHUTDOWN, NO_RECEIVE | NO_SEND);
	for (unsigned i = 0; i < 4; i++) { /* as long as it takes something now and then */
		serve_until(now() + 4000000000u);
		assert_true(quiet());
		got += read_some(fd, got, 10000);
	}
	got += read_some(fd, got, UINT32_MAX);
	assert_int_equal(got, sent);
	assert_int_equal(next_op(), RST);
	close(fd);
}

static void test_a_close_does_not_wait_for_ever(void **state)
{
	unsigned files;
	int fd;

	(void)state;
	run_at(SPEED);
	fd = connected_guest();
	files = open_files();
	fill_up();
	send_op(SHUTDOWN, NO_RECEIVE | NO_SEND);
	serve_until(now() + 8000000000u);
	assert_int_equal(open_files(), files);
	serve_until(now() + 3000000000u);
	assert_int_equal(open_files(), files - 1);
	assert_int_equal(next_op(), RST);
	close(fd);
}

/* Who sends no more and then resets has left in good order. */
static void test_a_reset_after_the_last_byte_loses_none(void **state)
{
	int fd = connected_guest();
	uint32_t sent = fill_up();

	(void)state;
	send_op(SHUTDOWN, NO_RECEIVE | NO_SEND);
	send_op(RST, 0);
	/* Its ports are free at once. */
	connected_guest();
	assert_int_equal(read_all(fd), sent);
	close(fd);
}

/* But nothing comes back to who has gone. */
static void test_nothing_is_read_for_who_has_gone(void **state)
{
	int fd;

	(void)state;
	credit = 0;
	fd = connected_guest();
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(next_op(), ASK);
	fill_up();
	send_op(SHUTDOWN, NO_SEND);
	credit = 100;
	send_op(RST, 0);
	assert_true(quiet());
	close(fd);
}

static void test_nor_does_that_wait_for_ever(void **state)
{
	unsigned files;
	int fd;

	(void)state;
	run_at(SPEED);
	fd = connected_guest();
	files = open_files();
	fill_up();
	send_op(SHUTDOWN, NO_SEND);
	send_op(RST, 0);
	serve_until(now() + 8000000000u);
	assert_int_equal(open_files(), files);
	serve_until(now() + 3000000000u);
	assert_int_equal(open_files(), files - 1);
	close(fd);
}

static void test_a_reset_in_the_middle_loses_what_waited(void **state)
{
	int fd = connected_guest();
	uint32_t sent = fill_up();

	(void)state;
	send_op(RST, 0);
	assert_true(read_all(fd) < sent);
	close(fd);
}

/* ---- bounds ---- */

static void test_the_table_fills_and_recovers(void **state)
{
	int fd[TABLE];
	unsigned files = open_files();

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < TABLE; i++) {
			guest_port = 2000 + i;
			host_port = 80;
			fd[i] = i % 2 == 0 ? connected_guest() : connected_client();
		}
		guest_port = 1;
		host_port = 80;
		driver.tells = 0;
		send_op(REQUEST, 0);
		assert_int_equal(next_op(), RST);
		assert_int_equal(driver.tells, 0);
		close(fd[0]);
		fd[0] = call("CONNECT 5000\n"); /* not yet free: the guest has not said so */
		assert_true(ended(fd[0]));
		for (unsigned i = 0; i < TABLE; i++)
			close(fd[i]);
		if (round == 1) {
			driver_reset();
			driver_start_all();
			add_rx(8, 4096);
			continue;
		}
		for (unsigned both = 0; both < TABLE;) {
			unsigned op = next_op();

			assert_int_equal(op, SHUTDOWN);
			if (le32toh(last.flags) != (NO_RECEIVE | NO_SEND))
				continue;
			learn_ports();
			send_op(RST, 0);
			both++;
		}
		assert_true(quiet());
		assert_int_equal(open_files(), files);
	}
}

/* 5.10.6.1.2: packets are taken without receive buffers, as long as there is where to keep answers. */
static void test_resets_wait_and_none_is_lost(void **state)
{
	const unsigned sent = 3 * STRAYS;
	bool seen[3 * STRAYS] = { false };
	unsigned taken = 0;
	uint16_t head;
	uint32_t len;

	(void)state;
	refill = false;
	driver_stop_all();
	driver_start_all();
	for (unsigned i = 0; i < sent; i++) {
		struct driver_part part = { tx_place, HEADER, false };
		struct packet p;

		guest_port = i;
		p = packet(RW, 0, 0);
		part.addr.raw += i * HEADER;
		memcpy(driver_at(part.addr), &p, HEADER);
		driver_add(TX, &part, 1);
	}
	driver_kick(TX);
	driver_serve(5);
	while (driver_used(TX, &head, &len))
		taken++;
	assert_int_equal(taken, STRAYS);
	wakes = 0;
	driver_serve(20);
	assert_true(wakes < 100);
	refill = true;
	add_rx(2, 4096);
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(next_op(), RST);
		assert_true(le32toh(last.dst_port) < sent);
		seen[le32toh(last.dst_port)] = true;
	}
	for (unsigned i = 0; i < sent; i++)
		assert_true(seen[i]);
	assert_true(quiet());
}

/* So much in a turn of the loop, each way; and the rest in the next ones. */
static void test_a_turn_has_an_end(void **state)
{
	const unsigned queue = DRIVER_QUEUE;
	struct packet p;
	unsigned taken = 0, got = 0;
	static char bytes[10 * DRIVER_QUEUE];
	uint16_t head;
	uint32_t len;
	int fd = connected_guest();

	(void)state;
	p = packet(UPDATE, 0, 0);
	memcpy(driver_at(tx_place), &p, HEADER);
	for (unsigned i = 0; i < queue; i++)
		driver_add(TX, &(struct driver_part){ tx_place, HEADER, false }, 1);
	driver_kick(TX);
	while (driver_used(TX, &head, &len))
		taken++;
	assert_in_range(taken, 1, queue - 1);
	driver_serve(5);
	while (driver_used(TX, &head, &len))
		taken++;
	assert_int_equal(taken, queue);

	refill = false;
	driver_stop_all();
	driver_start_all();
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	driver_serve(2);
	add_rx(queue, HEADER + 10);
	while (receive_now())
		got++;
	assert_in_range(got, 1, queue - 1);
	driver_serve(5);
	while (receive_now())
		got++;
	assert_int_equal(got, queue);
	close(fd);
}

/* Without receive buffers every connection can owe all that there is to be owed. */
static void test_everybody_owes_something(void **state)
{
	unsigned got[UNKNOWN] = { 0 };
	int fd[TABLE];

	(void)state;
	for (unsigned i = 0; i < TABLE; i++) {
		guest_port = 2000 + i;
		fd[i] = connected_guest();
	}
	refill = false;
	driver_stop_all();
	driver_start_all();
	for (unsigned i = 0; i < TABLE; i++) {
		guest_port = 2000 + i;
		send_op(ASK, 0);
		if (i % 2 == 0)
			send_op(UNKNOWN, 0);
		else
			close(fd[i]);
	}
	driver_serve(5);
	refill = true;
	add_rx(1, 4096);
	for (unsigned op; (op = next_op()) != INVALID;)
		got[op]++;
	assert_int_equal(got[RST], TABLE / 2);
	assert_int_equal(got[SHUTDOWN], TABLE); /* no more is read; and then, none is sent */
	assert_int_equal(got[UPDATE], TABLE / 2);
	for (unsigned i = 0; i < TABLE; i += 2)
		close(fd[i]);
}

/* Everything that may be ready for ever while nothing can be done about it. */
static void test_nothing_spins(void **state)
{
	int fd[8];

	(void)state;
	credit = 0;
	fd[0] = connected_guest(); /* there is data, but no credit */
	assert_int_equal(write(fd[0], "x", 1), 1);
	guest_port++;
	fd[1] = connected_guest(); /* the same, and it has hung up */
	assert_int_equal(write(fd[1], "x", 1), 1);
	close(fd[1]);
	guest_port++;
	fd[2] = connected_guest(); /* it has ended */
	shutdown(fd[2], SHUT_WR);
	guest_port++;
	fd[3] = connected_guest(); /* it does not read */
	fill_up();
	guest_port++;
	credit = 100;
	fd[4] = connected_guest(); /* there is data, but no buffer */
	refill = false;
	driver_stop_all();
	driver_start_all();
	assert_int_equal(write(fd[4], "x", 1), 1);
	guest_port++;
	send_op(REQUEST, 0); /* no buffer for the answer, and gone */
	fd[5] = launcher_answers(driver.told.value, true);
	close(fd[5]);
	fd[6] = call("CONNECT 1\n");
	fd[7] = call("CONNECT 1\n");
	close(fd[7]);
	driver_serve(20);
	wakes = 0;
	driver_serve(50);
	assert_true(wakes < 120); /* fifty are the test's own */
	/* A buffer in which there is no room for a byte. */
	add_rx(1, HEADER);
	wakes = 0;
	driver_serve(50);
	assert_true(wakes < 120);
}

/* Connections have their turns: one that has much does not keep the others waiting. */
static void test_everybody_has_a_turn(void **state)
{
	static char bytes[60000];
	unsigned first_of_b = 0, got = 0;
	int a = connected_guest(), b;

	(void)state;
	host_port++;
	b = connected_guest();
	refill = false;
	driver_stop_all();
	driver_start_all();
	assert_int_equal(write(a, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(write(b, "x", 1), 1);
	driver_serve(2);
	add_rx(8, 1000);
	while (receive_now()) {
		got++;
		if (le32toh(last.src_port) == host_port && first_of_b == 0)
			first_of_b = got;
	}
	assert_int_equal(got, 8);
	assert_in_range(first_of_b, 1, 2);
	close(a);
	close(b);
}

static void test_an_answer_to_an_earlier_request_in_the_same_place(void **state)
{
	uint64_t earlier;
	int fd;

	(void)state;
	send_op(REQUEST, 0);
	earlier = driver.told.value;
	send_op(RST, 0);
	send_op(REQUEST, 0);
	assert_int_equal(driver.tells, 2);
	assert_int_equal((uint32_t)driver.told.value, (uint32_t)earlier);
	fd = launcher_answers(earlier, true);
	assert_true(ended(fd));
	close(fd);
	assert_true(quiet());
	fd = launcher_answers(driver.told.value, true);
	assert_int_equal(next_op(), RESPONSE);
	close(fd);
}

static void test_other_commands_change_nothing(void **state)
{
	int s[2];

	(void)state;
	send_op(REQUEST, 0);
	for (uint32_t kind = 0; kind < 20; kind++) {
		struct device_command c = { .kind = kind, .value = driver.told.value };

		if (kind == DEVICE_CONNECTED)
			continue;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		device_ops.command(&driver.device, &c, s[0]);
		assert_true(ended(s[1]));
		close(s[1]);
	}
	assert_true(quiet());
}

/* A host's end that the launcher made, which would wait, does not stop the device. */
static void test_a_host_end_never_blocks(void **state)
{
	int fd = connected_guest();

	(void)state;
	fill_up();
	close(fd);
}

static void test_the_host_may_have_no_descriptor_left(void **state)
{
	struct rlimit all, few;
	int fd, next;

	(void)state;
	run_at(SPEED);
	fd = connect_client();
	assert_int_equal(send(fd, "CONNECT 1\n", 10, 0), 10);
	next = dup(0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = (rlim_t)next + 1; /* for the test's own timer */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	wakes = 0;
	driver_serve(50);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_true(wakes < 120);
	assert_true(quiet());
	serve_until(now() + 1500000000u);
	assert_int_equal(next_op(), REQUEST);
	close(fd);
}

static void test_broken_rings_break_only_their_queue(void **state)
{
	struct driver_part outside = { gpa(UINT64_MAX - 10), HEADER, false };
	int fd = connected_guest();

	(void)state;
	driver_add(TX, &outside, 1);
	driver_kick(TX);
	assert_int_equal(driver.broken[TX], 1);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(next_op(), RW);
	outside.writable = true;
	refill = false;
	driver_stop_all();
	driver_start_all();
	driver_add(RX, &outside, 1);
	driver_kick(RX);
	send_op(ASK, 0);
	assert_int_equal(driver.broken[RX], 1);
	driver_serve(5);
	assert_int_equal(driver.broken[RX], 1);
	close(fd);
}

static void test_events_never_happen(void **state)
{
	struct driver_part part = { driver_alloc(4), 4, true };
	uint16_t head;
	uint32_t len;
	int fd;

	(void)state;
	driver_add(EVENT, &part, 1);
	driver_kick(EVENT);
	fd = connected_client();
	close(fd);
	driver_serve(5);
	assert_false(driver_used(EVENT, &head, &len));
}

static void test_what_it_is_given(void **state)
{
	static const struct {
		uint64_t cid;
		uint32_t backends;
		enum status wanted;
	} given[] = {
		{ 3, 1, STATUS_OK },
		{ 0xfffffffe, 1, STATUS_OK },
		{ 0, 1, STATUS_NOT_STARTED },
		{ 1, 1, STATUS_NOT_STARTED },
		{ 2, 1, STATUS_NOT_STARTED },
		{ 0xffffffff, 1, STATUS_NOT_STARTED },
		{ 1ull << 32 | 3, 1, STATUS_NOT_STARTED },
		{ UINT64_MAX, 1, STATUS_NOT_STARTED },
		{ 3, 0, STATUS_NOT_STARTED },
		{ 3, 2, STATUS_NOT_STARTED },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(given); i++) {
		struct device_config c = { .version = DEVICE_CONFIG_VERSION,
					   .backend_count = given[i].backends,
					   .u.vsock.cid = given[i].cid };
		uint64_t cid = htole64(given[i].cid);

		assert_int_equal(driver_open(&c, 0), given[i].wanted);
		if (given[i].wanted != STATUS_OK)
			continue;
		assert_int_equal(driver.device.queue_count, 3);
		assert_int_equal(driver.device.config_size, 8);
		assert_memory_equal(driver.device.config, &cid, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stories, setup, teardown),
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		TEST(test_each_op_in_each_state),
		TEST(test_each_op_of_another_type),
		TEST(test_each_op_of_or_to_somebody_else),
		TEST(test_each_length_of_a_header_that_is_too_short),
		TEST(test_each_claim_of_a_length),
		TEST(test_a_megabyte_both_ways_with_a_client),
		TEST(test_a_megabyte_both_ways_of_the_guest),
		TEST(test_counts_wrap),
		TEST(test_a_byte_beyond_the_credit_is_a_reset),
		TEST(test_what_waited_is_read_in_the_end),
		TEST(test_each_count_is_told),
		TEST(test_what_nobody_reads_is_counted_too),
		TEST(test_what_waited_in_vain_is_counted_too),
		TEST(test_it_asks_to_be_kicked),
		TEST(test_a_close_waits_for_a_slow_host),
		TEST(test_a_close_does_not_wait_for_ever),
		TEST(test_a_reset_after_the_last_byte_loses_none),
		TEST(test_nothing_is_read_for_who_has_gone),
		TEST(test_nor_does_that_wait_for_ever),
		TEST(test_a_reset_in_the_middle_loses_what_waited),
		TEST(test_the_table_fills_and_recovers),
		TEST(test_resets_wait_and_none_is_lost),
		TEST(test_a_turn_has_an_end),
		TEST(test_everybody_owes_something),
		TEST(test_nothing_spins),
		TEST(test_everybody_has_a_turn),
		TEST(test_an_answer_to_an_earlier_request_in_the_same_place),
		TEST(test_other_commands_change_nothing),
		TEST(test_a_host_end_never_blocks),
		TEST(test_the_host_may_have_no_descriptor_left),
		TEST(test_broken_rings_break_only_their_queue),
		TEST(test_events_never_happen),
		TEST(test_what_it_is_given),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN); /* as in main.c */
	strcpy(path, "/tmp/test_vsock.XXXXXX");
	if (mkdtemp(path) == NULL)
		return 1;
	strcat(path, "/s");
	real_start = real_now();
	start = real_start;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	path[strlen(path) - 2] = '\0';
	rmdir(path);
	return failed;
}
