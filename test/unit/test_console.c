/* SPDX-License-Identifier: ISC */
/* The console between a driver, good or hostile, and the clients of its ports. */
#include "driver.h"

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define F_MULTIPORT 1
#define BULK	    (3u << 20) /* bytes; more than sockets and queues hold together */

/* 5.3.6.2 */
enum { READY = 0, ADD = 1, PORT_READY = 3, CONSOLE = 4, RESIZE = 5, OPEN = 6, NAME = 7 };
enum { CONTROL_RX = 2, CONTROL_TX = 3 };
/* Two named ports have the numbers 1 and 2, with a terminal and without. */
enum { ONE_RX = 4, ONE_TX = 5, TWO_RX = 6, TWO_TX = 7 };

struct control {
	uint32_t id;
	uint16_t event, value;
};

struct message {
	uint32_t id;
	uint16_t event, value;
	char more[64];
};

static char directory[] = "/tmp/console.XXXXXX";
static int terminal = -1;
static unsigned wakes, writes;
static bool tireless; /* the guest adds a buffer for each that is used */
static gpa_t room[DEVICE_QUEUES_MAX][DRIVER_QUEUE]; /* of the buffer with that head */
static uint8_t bulk[BULK];

/* Counts how often the device wakes up: one that spins does so thousands of times a second. */
int epoll_pwait(int fd, struct epoll_event *e, int max, int timeout, const sigset_t *mask)
{
	wakes++;
	return (int)syscall(SYS_epoll_pwait, fd, e, max, timeout, mask, (size_t)8);
}

static void add_one_again(void);

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	writes++;
	if (tireless)
		add_one_again();
	return syscall(SYS_writev, fd, iov, count);
}

/* Beside the wakes of the harness, which come once in a millisecond. */
static void assert_idle(void)
{
	driver_serve(5);
	wakes = 0;
	driver_serve(50);
	assert_in_range(wakes, 0, 100);
}

/* ---- the host's side ---- */

static struct sockaddr_un address(unsigned port)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, directory);
	strcat(a.sun_path, port == 1 ? "/1" : "/2");
	return a;
}

static void put_at(int fd, unsigned place)
{
	assert_true(fd >= 0 && dup2(fd, DEVICE_FD_BACKEND + (int)place) >= 0);
	close(fd);
}

static void listen_at(unsigned port, unsigned place)
{
	struct sockaddr_un a = address(port);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	unlink(a.sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	put_at(fd, place);
}

static int connect_to(unsigned port)
{
	struct sockaddr_un a = address(port);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	driver_serve(1);
	return fd;
}

static void tell(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	driver_serve(1);
}

/* What has come to a client so far; "EOF" if the device has closed and "" if there is nothing. */
static const char *read_text(int fd)
{
	static char text[256];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return n == 0 ? "EOF" : text;
}

/* ---- the driver's side ---- */

static void open_console(bool with_terminal, uint64_t without)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION, .u.console.ports = 2 };
	unsigned i = 0;
	int s[2];

	if (with_terminal) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
		put_at(s[0], i++);
		terminal = s[1];
		c.flags = DEVICE_TERMINAL;
		c.u.console.ports = 3;
	}
	c.backend_count = c.u.console.ports;
	strcpy(c.u.console.name[i], "org.example.one");
	listen_at(1, i++);
	memset(c.u.console.name[i], 'x', DEVICE_NAME_MAX); /* too long by its NUL */
	listen_at(2, i++);
	assert_int_equal(driver_open(&c, without), STATUS_OK);
}

static int setup(void **state)
{
	(void)state;
	open_console(false, 0);
	driver_start_all();
	return 0;
}

static int setup_terminal(void **state)
{
	(void)state;
	open_console(true, 0);
	driver_start_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	driver_reset();
	if (terminal >= 0)
		close(terminal);
	terminal = -1;
	dup2(STDIN_FILENO, DEVICE_FD_BACKEND); /* a terminal that has gone left its number */
	return 0;
}

/* 2.7.10: a driver kicks only if the device has asked for what it added since. */
static void kick_if_wanted(unsigned queue, uint16_t before)
{
	const struct virtq_layout *l = &driver.device.queue[queue].layout;
	uint16_t event, after = driver.avail[queue];

	memcpy(&event, driver_at(gpa(l->used.raw + 4 + 8 * DRIVER_QUEUE)), sizeof(event));
	if ((uint16_t)(after - le16toh(event) - 1) < (uint16_t)(after - before))
		driver_kick(queue);
}

static uint16_t add(unsigned queue, const struct driver_part *part, unsigned count)
{
	uint16_t before = driver.avail[queue], head = driver_add(queue, part, count);

	room[queue][head] = part[0].addr;
	kick_if_wanted(queue, before);
	return head;
}

/* One buffer of len bytes, in pieces of so many. */
static void add_pieces(unsigned queue, gpa_t at, uint32_t len, uint32_t piece, bool writable)
{
	static struct driver_part part[VIRTQ_SEGS_MAX];
	unsigned count = 0;

	for (uint32_t off = 0; off < len; off += piece)
		part[count++] =
			(struct driver_part){ gpa(at.raw + off),
					      piece < len - off ? piece : len - off, writable };
	add(queue, part, count);
}

static void give_room(unsigned queue, uint32_t len, unsigned count)
{
	while (count-- > 0)
		add_pieces(queue, driver_alloc(len), len, len, true);
}

static void put(unsigned queue, const void *data, uint32_t len, uint32_t piece)
{
	gpa_t at = driver_alloc(len);

	memcpy(driver_at(at), data, len);
	add_pieces(queue, at, len, piece, false);
}

static void put_text(unsigned queue, const char *text)
{
	put(queue, text, (uint32_t)strlen(text), (uint32_t)strlen(text));
}

static void say(uint32_t id, uint16_t event, uint16_t value)
{
	const struct control c = { htole32(id), htole16(event), htole16(value) };

	put(CONTROL_TX, &c, sizeof(c), sizeof(c));
}

static unsigned all_used(unsigned queue)
{
	unsigned count = 0;
	uint16_t head;
	uint32_t len;

	while (driver_used(queue, &head, &len))
		count++;
	return count;
}

/* The next message of the device. */
static bool hear(struct message *m)
{
	struct control c;
	uint16_t head;
	uint32_t len;

	memset(m, 0, sizeof(*m));
	if (!driver_used(CONTROL_RX, &head, &len))
		return false;
	assert_in_range(len, sizeof(c), sizeof(c) + sizeof(m->more) - 1);
	memcpy(&c, driver_at(room[CONTROL_RX][head]), sizeof(c));
	memcpy(m->more, (char *)driver_at(room[CONTROL_RX][head]) + sizeof(c), len - sizeof(c));
	m->id = le32toh(c.id);
	m->event = le16toh(c.event);
	m->value = le16toh(c.value);
	return true;
}

static void assert_heard(uint32_t id, uint16_t event, uint16_t value, const char *more)
{
	struct message m;

	assert_true(hear(&m));
	assert_int_equal(m.id, id);
	assert_int_equal(m.event, event);
	assert_int_equal(m.value, value);
	assert_string_equal(m.more, more);
}

static void assert_silent(void)
{
	struct message m;

	assert_false(hear(&m));
}

/* What has come to the guest since it last looked. */
static const char *received(unsigned queue)
{
	static char text[256];
	size_t at = 0;
	uint16_t head;
	uint32_t len;

	while (driver_used(queue, &head, &len)) {
		assert_in_range(len, 0, sizeof(text) - 1 - at);
		memcpy(text + at, driver_at(room[queue][head]), len);
		at += len;
	}
	text[at] = '\0';
	return text;
}

/* As a driver begins; what it is told is thrown away. */
static void begin(void)
{
	struct message m;

	give_room(CONTROL_RX, 64, 16);
	say(UINT32_MAX, READY, 1);
	say(1, PORT_READY, 1);
	say(2, PORT_READY, 1);
	while (hear(&m))
		;
	all_used(CONTROL_TX);
}

/* ---- the control queues ---- */

static void ports_are_announced_by_name(void **state)
{
	uint32_t ports;

	(void)state;
	memcpy(&ports, driver.device.config + 4, sizeof(ports));
	assert_int_equal(le32toh(ports), 3); /* numbers are below it, 5.3.5.1 */
	assert_int_equal(driver.device.queue_count, 8);
	give_room(CONTROL_RX, 64, 16);
	assert_silent();
	say(UINT32_MAX, READY, 1);
	assert_heard(1, ADD, 1, "");
	assert_heard(2, ADD, 1, "");
	say(2, PORT_READY, 1);
	assert_heard(2, NAME, 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	say(1, PORT_READY, 1);
	assert_heard(1, NAME, 1, "org.example.one");
	assert_silent();
	assert_true(driver.calls[CONTROL_RX] > 0);
}

static void terminal_is_port_0_and_a_console(void **state)
{
	(void)state;
	assert_int_equal(driver.device.queue_count, 8);
	give_room(CONTROL_RX, 64, 16);
	say(UINT32_MAX, READY, 1);
	assert_heard(0, ADD, 1, "");
	assert_heard(1, ADD, 1, "");
	assert_heard(2, ADD, 1, "");
	say(0, PORT_READY, 1);
	assert_heard(0, CONSOLE, 1, "");
	assert_heard(0, OPEN, 1, "");
	assert_silent();
	say(0, OPEN, 1);
	give_room(0, 16, 2);
	tell(terminal, "typed");
	assert_string_equal(received(0), "typed");
	put_text(1, "shown");
	assert_string_equal(read_text(terminal), "shown");
}

static void size_of_the_terminal_is_told_and_kept(void **state)
{
	const struct device_command c = { .kind = DEVICE_RESIZE,
					  .columns = 0x4142,
					  .rows = 0x4344 };

	(void)state;
	give_room(CONTROL_RX, 64, 16);
	device_ops.command(&driver.device, &c, -1);
	assert_int_equal(driver.config_changes, 1);
	assert_memory_equal(driver.device.config, "BADC", 4); /* columns first */
	assert_silent();				      /* nobody has asked yet */
	say(0, PORT_READY, 1);
	assert_heard(0, CONSOLE, 1, "");
	assert_heard(0, RESIZE, 0, "BADC");
	assert_heard(0, OPEN, 1, "");
	device_ops.command(&driver.device, &c, -1);
	assert_heard(0, RESIZE, 0, "BADC");
	assert_silent();
}

static void other_commands_mean_nothing(void **state)
{
	const struct device_command c = { .kind = DEVICE_BALLOON, .value = UINT64_MAX };
	int fd = dup(STDERR_FILENO);

	(void)state;
	device_ops.command(&driver.device, &c, fd);
	assert_int_equal(close(fd), -1); /* it was closed there */
	assert_int_equal(driver.config_changes, 0);
}

/* Without MULTIPORT there are no control queues: port 0 is there, and open. */
static void driver_of_one_port_has_the_terminal(void **state)
{
	(void)state;
	open_console(true, 1u << F_MULTIPORT);
	driver_start(0);
	driver_start(1);
	give_room(0, 16, 2);
	tell(terminal, "typed");
	assert_string_equal(received(0), "typed");
	put_text(1, "shown");
	assert_string_equal(read_text(terminal), "shown");
}

/* One buffer at a time, and a kick only where the device has asked for one. */
static void messages_wait_for_buffers(void **state)
{
	static const struct message rows[] = {
		{ 1, ADD, 1, "" },
		{ 1, NAME, 1, "org.example.one" },
		{ 1, OPEN, 1, "" },
		{ 2, ADD, 1, "" },
	};
	int one = connect_to(1), two;

	(void)state;
	say(UINT32_MAX, READY, 1);
	say(1, PORT_READY, 1);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		assert_silent();
		give_room(CONTROL_RX, 64, 1);
		assert_heard(rows[i].id, rows[i].event, rows[i].value, rows[i].more);
	}
	say(2, PORT_READY, 1);
	give_room(CONTROL_RX, 64, 1);
	assert_heard(2, NAME, 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	two = connect_to(2);
	assert_silent();
	give_room(CONTROL_RX, 64, 1);
	assert_heard(2, OPEN, 1, "");
	close(one);
	close(two);
}

static void flood_of_messages_is_answered_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		driver.next_free = 1u << 20;
		say(UINT32_MAX, READY, 1);
		say(1, PORT_READY, 1);
		assert_int_equal(all_used(CONTROL_TX), 2);
	}
	give_room(CONTROL_RX, 64, 32);
	assert_heard(1, ADD, 1, "");
	assert_heard(1, NAME, 1, "org.example.one");
	assert_heard(2, ADD, 1, "");
	assert_silent();
}

static void control_messages_that_make_no_sense_do_nothing(void **state)
{
	static const struct {
		const char *name;
		uint32_t id;
		uint16_t event, value;
		uint32_t len;
	} rows[] = {
		{ "nothing", 1, OPEN, 1, 0 },
		{ "one byte", 1, OPEN, 1, 1 },
		{ "one byte too few", 1, OPEN, 1, 7 },
		{ "port 0, which is not there", 0, OPEN, 1, 8 },
		{ "port 3, the first that is not there", 3, PORT_READY, 1, 8 },
		{ "port 2^31", 1u << 31, OPEN, 1, 8 },
		{ "port 2^32 - 1", UINT32_MAX, PORT_READY, 1, 8 },
		{ "port that the driver could not add", 1, PORT_READY, 0, 8 },
		{ "device that the driver could not add", 1, READY, 0, 8 },
		{ "device ready, twice over", 1, READY, 2, 8 },
		{ "port added by the driver", 1, ADD, 1, 8 },
		{ "port removed by the driver", 1, 2, 1, 8 },
		{ "console by the driver", 1, CONSOLE, 1, 8 },
		{ "size by the driver", 1, RESIZE, 1, 8 },
		{ "name by the driver", 1, NAME, 1, 8 },
		{ "first event that is not there", 1, 8, 1, 8 },
		{ "event beyond a byte of bits", 1, 0x107, 1, 8 },
		{ "last event", 1, UINT16_MAX, UINT16_MAX, 8 },
		{ "far too long", 1, UINT16_MAX, 1, 64 },
	};
	int client = connect_to(1);
	unsigned wrong = 0;
	struct message m;

	(void)state;
	give_room(CONTROL_RX, 64, 8);
	give_room(ONE_RX, 16, 1);
	tell(client, "x");
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const struct control c = { htole32(rows[i].id), htole16(rows[i].event),
					   htole16(rows[i].value) };
		struct driver_part part = { driver_alloc(64), rows[i].len, false };

		memcpy(driver_at(part.addr), &c, sizeof(c));
		add(CONTROL_TX, &part, 1);
		driver_serve(0);
		if (!hear(&m) && all_used(CONTROL_TX) == 1 && all_used(ONE_RX) == 0 &&
		    driver.broken[CONTROL_TX] == 0)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	close(client);
}

static void messages_may_be_cut_anywhere(void **state)
{
	const struct control c = { htole32(1), htole16(PORT_READY), htole16(1) };

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		add_pieces(CONTROL_RX, driver_alloc(64), 64, 3, true);
	put(CONTROL_TX, &c, sizeof(c), 1);
	assert_heard(1, NAME, 1, "org.example.one");
	/* What is behind it is the driver's own affair. */
	put(CONTROL_TX, "\2\0\0\0\3\0\1\0and more", 16, 5);
	assert_heard(2, NAME, 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void control_buffers_too_small_are_the_drivers_loss(void **state)
{
	const struct driver_part none = { driver_alloc(8), 8, false };

	(void)state;
	give_room(CONTROL_RX, 1, 1);
	give_room(CONTROL_RX, 7, 1);
	add(CONTROL_RX, &none, 1);
	say(UINT32_MAX, READY, 1);
	say(1, PORT_READY, 1);
	assert_int_equal(all_used(CONTROL_RX), 3);
	assert_int_equal(driver.broken[CONTROL_RX], 0);
	give_room(CONTROL_RX, 64, 1);
	say(2, PORT_READY, 1);
	assert_heard(2, NAME, 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

/* ---- clients ---- */

static void client_comes_and_goes_and_comes(void **state)
{
	int client;

	(void)state;
	begin();
	say(1, OPEN, 1);
	give_room(ONE_RX, 16, 4);
	for (unsigned i = 0; i < 3; i++) {
		client = connect_to(1);
		assert_heard(1, OPEN, 1, "");
		tell(client, "in");
		assert_string_equal(received(ONE_RX), "in");
		put_text(ONE_TX, "out");
		assert_string_equal(read_text(client), "out");
		close(client);
		driver_serve(1);
		assert_heard(1, OPEN, 0, "");
		assert_silent();
	}
}

static void next_client_waits_until_the_first_has_gone(void **state)
{
	int first, second;

	(void)state;
	begin();
	say(1, OPEN, 1);
	give_room(ONE_RX, 16, 4);
	first = connect_to(1);
	second = connect_to(1);
	tell(second, "second");
	assert_string_equal(received(ONE_RX), "");
	put_text(ONE_TX, "one");
	assert_string_equal(read_text(second), "");
	assert_string_equal(read_text(first), "one");
	assert_heard(1, OPEN, 1, "");
	assert_idle();
	close(first);
	driver_serve(2);
	assert_string_equal(received(ONE_RX), "second");
	put_text(ONE_TX, "two");
	assert_string_equal(read_text(second), "two");
	close(second);
}

static void client_before_the_driver_is_told_to_it(void **state)
{
	int client = connect_to(1);

	(void)state;
	give_room(CONTROL_RX, 64, 8);
	say(UINT32_MAX, READY, 1);
	say(1, PORT_READY, 1);
	assert_heard(1, ADD, 1, "");
	assert_heard(2, ADD, 1, "");
	assert_heard(1, NAME, 1, "org.example.one");
	assert_heard(1, OPEN, 1, "");
	close(client);
}

/* What it has sent before is not lost, however slow the guest is. */
static void bytes_of_a_client_that_has_gone_still_come(void **state)
{
	int client, next;

	(void)state;
	begin();
	say(1, OPEN, 1);
	client = connect_to(1);
	assert_heard(1, OPEN, 1, "");
	tell(client, "the rest");
	close(client);
	driver_serve(2);
	next = connect_to(1);
	tell(next, "next");
	assert_idle();
	assert_silent();
	give_room(ONE_RX, 5, 1);
	assert_string_equal(received(ONE_RX), "the r");
	give_room(ONE_RX, 5, 1);
	assert_string_equal(received(ONE_RX), "est");
	give_room(ONE_RX, 16, 1);
	assert_heard(1, OPEN, 0, "");
	driver_serve(2);
	assert_heard(1, OPEN, 1, "");
	assert_string_equal(received(ONE_RX), "next");
	close(next);
}

/* Else a client that nobody listened to would be in the way of all others. */
static void bytes_for_a_closed_guest_go_with_their_client(void **state)
{
	int client, next;

	(void)state;
	begin();
	give_room(ONE_RX, 16, 2);
	client = connect_to(1);
	tell(client, "lost");
	close(client);
	driver_serve(2);
	next = connect_to(1);
	tell(next, "next");
	say(1, OPEN, 1);
	driver_serve(2);
	assert_string_equal(received(ONE_RX), "next");
	/* The same where the guest closes while the bytes wait. */
	tell(next, "0123456789abcdef0123456789abcdef and more");
	close(next);
	driver_serve(2);
	all_used(ONE_RX);
	say(1, OPEN, 0);
	next = connect_to(1);
	put_text(ONE_TX, "hello");
	assert_string_equal(read_text(next), "hello");
	close(next);
}

static void client_that_has_said_all_still_hears(void **state)
{
	int client;

	(void)state;
	begin();
	say(1, OPEN, 1);
	give_room(ONE_RX, 16, 4);
	client = connect_to(1);
	assert_heard(1, OPEN, 1, "");
	tell(client, "question");
	shutdown(client, SHUT_WR);
	assert_idle();
	assert_string_equal(received(ONE_RX), "question");
	assert_silent();
	put_text(ONE_TX, "answer");
	assert_string_equal(read_text(client), "answer");
	close(client);
	driver_serve(2);
	assert_heard(1, OPEN, 0, "");
	assert_idle();
}

/* What it would not hear is dropped; what it says is not. */
static void client_that_hears_nothing_still_speaks(void **state)
{
	int client = connect_to(1);

	(void)state;
	begin();
	say(1, OPEN, 1);
	give_room(ONE_RX, 16, 4);
	shutdown(client, SHUT_RD);
	put_text(ONE_TX, "unheard");
	driver_serve(2);
	assert_int_equal(all_used(ONE_TX), 1);
	tell(client, "spoken");
	assert_string_equal(received(ONE_RX), "spoken");
	assert_idle();
	close(client);
}

static void without_a_client_all_is_dropped(void **state)
{
	int client;

	(void)state;
	begin();
	for (unsigned i = 0; i < DRIVER_QUEUE; i++) {
		struct driver_part part = { gpa(4u << 20), 16384, false };

		driver_add(ONE_TX, &part, 1);
	}
	driver_kick(ONE_TX);
	driver_serve(5);
	assert_int_equal(all_used(ONE_TX), DRIVER_QUEUE);
	client = connect_to(1);
	assert_string_equal(read_text(client), "");
	put_text(ONE_TX, "now");
	assert_string_equal(read_text(client), "now");
	close(client);
	assert_idle();
}

/* The guest would wait for ever, and the next client get the end of another's bytes. */
static void what_waited_for_a_client_is_dropped_with_it(void **state)
{
	int client, next;

	(void)state;
	begin();
	client = connect_to(1);
	for (unsigned i = 0; i < 30; i++)
		put(ONE_TX, bulk, 32768, 32768);
	driver_serve(2);
	assert_in_range(all_used(ONE_TX), 1, 29);
	assert_int_equal(driver.device.queue[ONE_TX].vq.taken_count, 0);
	next = connect_to(1);
	close(client);
	driver_serve(5);
	all_used(ONE_TX);
	assert_int_equal(driver.heads[ONE_TX], 0);
	assert_string_equal(read_text(next), "");
	put_text(ONE_TX, "whole");
	assert_string_equal(read_text(next), "whole");
	close(next);
}

/* ---- data ---- */

static void fill_bulk(void)
{
	for (uint32_t i = 0; i < BULK; i++)
		bulk[i] = (uint8_t)(i * 7 + (i >> 8) * 3 + (i >> 16));
}

static bool room_for(unsigned queue, uint32_t len, uint32_t piece)
{
	return (unsigned)__builtin_popcountll(~driver.descs[queue]) >=
	       (len + piece - 1) / piece;
}

/* A client that reads odd numbers of bytes, now and then. */
static void bytes_out_arrive_whole_and_in_order(void **state)
{
	static const struct {
		uint32_t len, piece, read;
	} rows[] = { { 1, 1, 1 },
		     { 100, 7, 13 },
		     { 4096, 4096, 100000 },
		     { 40000, 999, 3333 },
		     { 65536, 65536, 1 << 20 } };
	static uint8_t got[1 << 20];

	(void)state;
	fill_bulk();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		uint32_t out = 0, in = 0, all = rows[i].len * 40;
		int client = connect_to(2);

		driver.next_free = 1u << 20;
		for (unsigned round = 0; in < all && round < 100000; round++) {
			ssize_t n;

			if (out < all && room_for(TWO_TX, rows[i].len, rows[i].piece)) {
				put(TWO_TX, bulk + out, rows[i].len, rows[i].piece);
				out += rows[i].len;
			} else {
				driver_serve(0);
			}
			all_used(TWO_TX);
			n = read(client, got, rows[i].read);
			if (n > 0)
				assert_memory_equal(got, bulk + in, (size_t)n);
			in += n > 0 ? (uint32_t)n : 0;
		}
		assert_int_equal(in, all);
		all_used(TWO_TX);
		assert_int_equal(driver.heads[TWO_TX], 0);
		close(client);
		driver_serve(2);
	}
}

static void bytes_in_arrive_whole_and_in_order(void **state)
{
	static const struct {
		uint32_t write, len, piece;
	} rows[] = { { 1, 1, 1 },
		     { 100, 7, 3 },
		     { 5000, 4096, 4096 },
		     { 65536, 1000, 40 },
		     { 10, 4096, 1000 } };

	(void)state;
	begin();
	say(2, OPEN, 1);
	fill_bulk();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		uint32_t out = 0, in = 0, all = rows[i].write * 30, len;
		int client = connect_to(2);
		uint16_t head;

		for (unsigned round = 0; in < all && round < 1000000; round++) {
			uint32_t left = all - out, most = rows[i].write;
			ssize_t n = write(client, bulk + out, left < most ? left : most);

			out += n > 0 ? (uint32_t)n : 0;
			if (round % 3 == 0 && room_for(TWO_RX, rows[i].len, rows[i].piece)) {
				driver.next_free = (1u << 20) + round % 256 * 4096;
				add_pieces(TWO_RX, driver_alloc(rows[i].len), rows[i].len,
					   rows[i].piece, true);
			}
			if (round % 7 == 0)
				driver_serve(0);
			while (driver_used(TWO_RX, &head, &len)) {
				assert_in_range(len, 1, rows[i].len);
				assert_memory_equal(driver_at(room[TWO_RX][head]), bulk + in,
						    len);
				in += len;
			}
		}
		assert_int_equal(in, all);
		close(client);
		driver_serve(2);
	}
}

/* The device does not read what the guest does not take. */
static void client_waits_for_a_guest_that_is_slow_or_closed(void **state)
{
	int client = connect_to(1);
	ssize_t n, all = 0;

	(void)state;
	give_room(ONE_RX, 16, 2);
	while ((n = write(client, bulk, 65536)) > 0 && all < (ssize_t)BULK) {
		all += n;
		driver_serve(0);
	}
	assert_in_range(all, 1, 1 << 20);
	assert_idle();
	assert_int_equal(all_used(ONE_RX), 0);
	begin();
	say(1, OPEN, 1);
	assert_int_equal(all_used(ONE_RX), 2);
	assert_idle();
	say(1, OPEN, 0);
	give_room(ONE_RX, 16, 2);
	driver_serve(2);
	assert_int_equal(all_used(ONE_RX), 0);
	assert_idle();
	close(client);
}

/* More than a turn's worth at a single kick, of a client that has gone: no event comes for it. */
static void many_bytes_at_one_kick_come_in_turns(void **state)
{
	int client = connect_to(1), size = 4 << 20;
	uint32_t in = 0, first, len, out;
	uint16_t head;

	(void)state;
	fill_bulk();
	begin();
	say(1, OPEN, 1);
	/* The kernel gives what it permits. */
	setsockopt(client, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	out = (uint32_t)write(client, bulk, 1u << 20);
	assert_in_range(out, 65536, 1u << 20);
	close(client);
	driver_serve(2);
	for (unsigned i = 0; i < DRIVER_QUEUE; i++) {
		struct driver_part part = { driver_alloc(65536), 65536, true };

		room[ONE_RX][driver_add(ONE_RX, &part, 1)] = part.addr;
	}
	driver_kick(ONE_RX);
	for (first = 0; driver_used(ONE_RX, &head, &len); first += len)
		assert_memory_equal(driver_at(room[ONE_RX][head]), bulk + first, len);
	assert_in_range(first, 65536, 512u << 10);
	driver_serve(10);
	for (in = first; driver_used(ONE_RX, &head, &len); in += len)
		assert_memory_equal(driver_at(room[ONE_RX][head]), bulk + in, len);
	assert_int_equal(in, out);
}

/* ---- rings ---- */

static void buffers_of_the_wrong_direction_or_empty_come_back(void **state)
{
	const struct driver_part readable = { driver_alloc(8), 8, false },
				 writable = { driver_alloc(8), 8, true },
				 empty_in = { driver_alloc(8), 0, true },
				 empty_out = { driver_alloc(8), 0, false };
	int client = connect_to(1);

	(void)state;
	begin();
	say(1, OPEN, 1);
	tell(client, "x");
	add(ONE_RX, &readable, 1);
	add(ONE_RX, &empty_in, 1);
	add(ONE_TX, &writable, 1);
	add(ONE_TX, &empty_out, 1);
	assert_int_equal(all_used(ONE_RX), 2);
	assert_int_equal(all_used(ONE_TX), 2);
	give_room(ONE_RX, 8, 1);
	assert_string_equal(received(ONE_RX), "x");
	assert_string_equal(read_text(client), "");
	close(client);
}

/* 2.1.2: the queue stops, and asks for a reset; the other port goes on. */
static void broken_rings_break_only_themselves(void **state)
{
	static const struct {
		const char *name;
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next, jump;
	} rows[] = {
		{ "buffer behind memory", DRIVER_MEMORY, 8, 0, 0, 1 },
		{ "buffer across the end", DRIVER_MEMORY - 4, 8, 0, 0, 1 },
		{ "buffer that wraps", UINT64_MAX - 4, 8, 0, 0, 1 },
		{ "buffer of 4 GiB", 0, UINT32_MAX, 0, 0, 1 },
		{ "chain that is a loop", 0, 8, 1, 0, 1 },
		{ "chain out of its table", 0, 8, 1, DRIVER_QUEUE, 1 },
		{ "CVE-2016-5403: more requests than the queue has", 0, 8, 0, 0,
		  DRIVER_QUEUE + 1 },
		{ "requests that are taken back", 0, 8, 0, 0, UINT16_MAX },
	};
	static const unsigned queues[] = { CONTROL_RX, CONTROL_TX, ONE_RX, ONE_TX };
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows) * COUNT(queues); i++) {
		unsigned r = i / COUNT(queues), q = queues[i % COUNT(queues)];
		const struct virtq_layout *l;
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t flags, next;
		} d = { htole64(rows[r].addr), htole32(rows[r].len), htole16(rows[r].flags),
			htole16(rows[r].next) };
		int client, two;
		uint16_t idx;

		driver_reset();
		driver.broken[q] = 0;
		driver.next_free = 1u << 20;
		driver_start_all();
		say(1, OPEN, 1);
		say(1, PORT_READY, 1);
		client = connect_to(1);
		two = connect_to(2);
		tell(client, "x");
		l = &driver.device.queue[q].layout;
		memcpy(&idx, driver_at(gpa(l->avail.raw + 2)), sizeof(idx));
		idx = htole16((uint16_t)(le16toh(idx) + rows[r].jump));
		memset(driver_at(l->desc), 0, 16 * DRIVER_QUEUE);
		memcpy(driver_at(l->desc), &d, sizeof(d));
		memset(driver_at(gpa(l->avail.raw + 4)), 0, 2 * DRIVER_QUEUE);
		memcpy(driver_at(gpa(l->avail.raw + 2)), &idx, sizeof(idx));
		driver_kick(q);
		driver_serve(2);
		wakes = 0;
		driver_serve(10);
		put_text(TWO_TX, "well");
		if (driver.broken[q] == 0 || wakes > 50 ||
		    strcmp(read_text(two), "well") != 0) {
			print_error("row: %s, queue %u: broken %u, wakes %u\n", rows[r].name, q,
				    driver.broken[q], wakes);
			wrong++;
		}
		close(client);
		close(two);
		driver_serve(2);
	}
	assert_int_equal(wrong, 0);
}

/* While the device waits for the client the guest makes something else of the request. */
static void request_may_change_while_it_is_half_sent(void **state)
{
	static const uint32_t rows[] = { 1, 4096, 65536, 500000, 2000000 };

	(void)state;
	begin();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const struct virtq_layout *l = &driver.device.queue[ONE_TX].layout;
		struct driver_part part = { gpa(1u << 20), 1000000, false };
		uint32_t len = htole32(rows[i]);
		int client = connect_to(1);
		ssize_t n, before, all = 0;
		uint16_t head;

		head = add(ONE_TX, &part, 1);
		assert_int_equal(all_used(ONE_TX), 0);
		memcpy(driver_at(gpa(l->desc.raw + 16u * head + 8)), &len, sizeof(len));
		before = read(client, bulk, BULK);
		for (unsigned round = 0; round < 100; round++) {
			driver_serve(0);
			n = read(client, bulk, BULK);
			all += n > 0 ? n : 0;
		}
		/* What has gone has gone; and no byte goes twice. */
		assert_int_equal(all_used(ONE_TX), 1);
		assert_int_equal(before + all, rows[i] > before ? (ssize_t)rows[i] : before);
		close(client);
		driver_serve(2);
	}
}

/* Without a terminal there is no port 0, but its queues are there. */
static void queues_of_no_port_are_left_alone(void **state)
{
	(void)state;
	put_text(1, "into nothing");
	give_room(0, 8, 1);
	driver_serve(0);
	assert_int_equal(all_used(0) + all_used(1), 0);
	assert_int_equal(driver.broken[0] + driver.broken[1], 0);
}

static void add_one_again(void)
{
	struct driver_part part = { gpa(1u << 20), 1, false };

	all_used(ONE_TX);
	if (writes < 10000)
		driver_add(ONE_TX, &part, 1);
}

/* Another processor of the guest may be as fast as the device is. */
static void guest_without_rest_gets_no_more_than_its_turn(void **state)
{
	int client = connect_to(1);

	(void)state;
	writes = 0;
	add_one_again();
	tireless = true;
	driver_kick(ONE_TX);
	tireless = false;
	assert_in_range(writes, 1, 1000);
	driver_serve(5);
	all_used(ONE_TX);
	assert_int_equal(driver.heads[ONE_TX], 0);
	close(client);
}

/* More than a turn's worth; the rest comes with the next one, without another kick. */
static void floods_are_taken_in_turns(void **state)
{
	static const unsigned queues[] = { CONTROL_TX, ONE_TX };
	const struct control c = { htole32(1), htole16(OPEN), htole16(1) };
	struct driver_part part = { driver_alloc(sizeof(c)), sizeof(c), false };

	(void)state;
	memcpy(driver_at(part.addr), &c, sizeof(c));
	for (unsigned q = 0; q < COUNT(queues); q++) {
		unsigned used = 0;

		for (unsigned round = 0; round < 20; round++) {
			for (unsigned i = 0; i < DRIVER_QUEUE; i++)
				driver_add(queues[q], &part, 1);
			driver_kick(queues[q]);
			driver_serve(2);
			used += all_used(queues[q]);
		}
		assert_int_equal(used, 20 * DRIVER_QUEUE);
	}
	assert_idle();
}

/* ---- the life of the device ---- */

static void reset_closes_the_guests_side_and_keeps_clients(void **state)
{
	int client = connect_to(1);

	(void)state;
	begin();
	say(1, OPEN, 1);
	put(ONE_TX, bulk, 1u << 20, 1u << 20); /* the device is half way in it */
	driver_reset();
	driver.next_free = 1u << 20;
	while (read(client, bulk, BULK) > 0)
		;
	tell(client, "new");
	assert_idle();
	driver_start_all();
	give_room(ONE_RX, 16, 1);
	give_room(CONTROL_RX, 64, 8);
	driver_serve(2);
	assert_string_equal(received(ONE_RX), "");
	assert_silent();
	say(UINT32_MAX, READY, 1);
	assert_heard(1, ADD, 1, "");
	assert_heard(2, ADD, 1, "");
	say(1, PORT_READY, 1);
	assert_heard(1, NAME, 1, "org.example.one");
	assert_heard(1, OPEN, 1, "");
	say(1, OPEN, 1);
	assert_string_equal(received(ONE_RX), "new");
	put_text(ONE_TX, "from the beginning");
	assert_string_equal(read_text(client), "from the beginning");
	close(client);
}

static void reset_forgets_what_was_to_be_told(void **state)
{
	int client;

	(void)state;
	say(UINT32_MAX, READY, 1);
	say(1, PORT_READY, 1);
	driver_reset();
	driver_start_all();
	give_room(CONTROL_RX, 64, 8);
	assert_silent();
	client = connect_to(1);
	assert_silent();
	close(client);
}

static void reset_lets_go_of_clients_that_have_gone(void **state)
{
	int client, next;

	(void)state;
	begin();
	say(1, OPEN, 1);
	client = connect_to(1);
	tell(client, "lost");
	close(client);
	driver_serve(2);
	driver_reset();
	next = connect_to(1);
	tell(next, "next");
	driver_start_all();
	give_room(ONE_RX, 16, 2);
	say(1, OPEN, 1);
	driver_serve(2);
	assert_string_equal(received(ONE_RX), "next");
	close(next);
}

/* Rings may stop and start again without a reset. */
static void client_that_leaves_while_the_queue_stands_takes_its_part_along(void **state)
{
	int client = connect_to(1), next;

	(void)state;
	put(ONE_TX, bulk, 1u << 20, 1u << 20);
	driver_stop_all();
	close(client);
	driver_serve(2);
	driver_start_all();
	next = connect_to(1);
	put_text(ONE_TX, "whole");
	assert_string_equal(read_text(next), "whole");
	close(next);
}

static void nothing_spins_while_the_driver_is_away(void **state)
{
	int one, two;

	(void)state;
	driver_reset();
	assert_idle();
	one = connect_to(1);
	two = connect_to(2);
	assert_idle();
	tell(one, "waits");
	shutdown(two, SHUT_WR);
	assert_idle();
	close(one);
	assert_idle();
	close(two);
	assert_idle();
}

static void nothing_spins_once_the_terminal_has_gone(void **state)
{
	(void)state;
	driver_reset();
	assert_idle();
	tell(terminal, "typed");
	assert_idle();
	close(terminal);
	terminal = -1;
	assert_idle();
	driver_start_all();
	begin();
	say(0, OPEN, 1);
	put_text(1, "shown to nobody");
	assert_int_equal(all_used(1), 1);
	assert_idle();
}

static void grants_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		uint32_t ports, backends;
	} rows[] = { { 0, 0 },
		     { DEVICE_PORTS_MAX + 1, DEVICE_PORTS_MAX + 1 },
		     { 2, 1 },
		     { 1, 2 },
		     { UINT32_MAX, UINT32_MAX } };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct device_config c = { .version = DEVICE_CONFIG_VERSION,
					   .backend_count = rows[i].backends,
					   .u.console.ports = rows[i].ports };

		assert_int_equal(driver_open(&c, 0), STATUS_NOT_STARTED);
	}
}

#define T(name)	       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TERMINAL(name) cmocka_unit_test_setup_teardown(name, setup_terminal, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ports_are_announced_by_name),
		TERMINAL(terminal_is_port_0_and_a_console),
		TERMINAL(size_of_the_terminal_is_told_and_kept),
		TERMINAL(other_commands_mean_nothing),
		cmocka_unit_test_teardown(driver_of_one_port_has_the_terminal, teardown),
		T(messages_wait_for_buffers),
		T(flood_of_messages_is_answered_once),
		T(control_messages_that_make_no_sense_do_nothing),
		T(messages_may_be_cut_anywhere),
		T(control_buffers_too_small_are_the_drivers_loss),
		T(client_comes_and_goes_and_comes),
		T(next_client_waits_until_the_first_has_gone),
		T(client_before_the_driver_is_told_to_it),
		T(bytes_of_a_client_that_has_gone_still_come),
		T(bytes_for_a_closed_guest_go_with_their_client),
		T(client_that_has_said_all_still_hears),
		T(client_that_hears_nothing_still_speaks),
		T(without_a_client_all_is_dropped),
		T(what_waited_for_a_client_is_dropped_with_it),
		T(bytes_out_arrive_whole_and_in_order),
		T(bytes_in_arrive_whole_and_in_order),
		T(client_waits_for_a_guest_that_is_slow_or_closed),
		T(many_bytes_at_one_kick_come_in_turns),
		T(buffers_of_the_wrong_direction_or_empty_come_back),
		T(broken_rings_break_only_themselves),
		T(request_may_change_while_it_is_half_sent),
		T(queues_of_no_port_are_left_alone),
		T(guest_without_rest_gets_no_more_than_its_turn),
		T(floods_are_taken_in_turns),
		T(reset_closes_the_guests_side_and_keeps_clients),
		T(reset_forgets_what_was_to_be_told),
		T(reset_lets_go_of_clients_that_have_gone),
		T(client_that_leaves_while_the_queue_stands_takes_its_part_along),
		T(nothing_spins_while_the_driver_is_away),
		TERMINAL(nothing_spins_once_the_terminal_has_gone),
		cmocka_unit_test(grants_that_do_not_fit_are_refused),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN); /* as in every device */
	if (mkdtemp(directory) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(address(1).sun_path);
	unlink(address(2).sun_path);
	rmdir(directory);
	return failed;
}
