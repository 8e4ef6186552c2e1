/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vhost_user.h"

static int end[2]; /* the test's; the module's */

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end);
}

static int tear_down(void **state)
{
	(void)state;
	close(end[0]);
	close(end[1]);
	return 0;
}

static unsigned open_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Puts bytes on the wire, with so many descriptors: standard error, again and again. */
static void put(const void *bytes, size_t len, unsigned fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(32 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int any = STDERR_FILENO;

	if (fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &any, sizeof(int));
	}
	assert_int_equal(sendmsg(end[0], &msg, MSG_NOSIGNAL), len);
}

/* What arrives before the other end closes, in up to two pieces with descriptors. */
static const struct {
	const char *name;
	uint32_t request, flags, size; /* the header */
	size_t first, second;	       /* bytes of header and payload */
	unsigned first_fds, second_fds;
	enum vhost_user_status status;
} rows[] = {
	{ "a header alone", 1, 1, 0, 12, 0, 0, 0, VHOST_USER_OK },
	{ "header and payload at once", 2, 1, 8, 20, 0, 0, 0, VHOST_USER_OK },
	{ "header and payload apart", 2, 1, 8, 12, 8, 0, 0, VHOST_USER_OK },
	{ "within the header", 2, 1, 8, 3, 17, 0, 0, VHOST_USER_OK },
	{ "a request nobody has defined", 0xffffffff, 1, 0, 12, 0, 0, 0, VHOST_USER_OK },
	{ "flags beside the version", 1, 0xfffffffd, 0, 12, 0, 0, 0, VHOST_USER_OK },
	{ "the largest payload", 5, 1, sizeof(union vhost_user_payload), 12,
	  sizeof(union vhost_user_payload), 0, 0, VHOST_USER_OK },
	{ "more behind it", 1, 1, 0, 12, 12, 0, 0, VHOST_USER_OK },

	{ "nothing", 0, 0, 0, 0, 0, 0, 0, VHOST_USER_CLOSED },
	{ "one byte", 1, 1, 0, 1, 0, 0, 0, VHOST_USER_CLOSED },
	{ "a header but for a byte", 1, 1, 0, 11, 0, 0, 0, VHOST_USER_CLOSED },
	{ "a payload missing", 2, 1, 8, 12, 0, 0, 0, VHOST_USER_CLOSED },
	{ "a payload but for a byte", 2, 1, 8, 12, 7, 0, 0, VHOST_USER_CLOSED },
	{ "version 0", 1, 0, 0, 12, 0, 0, 0, VHOST_USER_BAD },
	{ "version 2", 1, 2, 0, 12, 0, 0, 0, VHOST_USER_BAD },
	{ "version 3", 1, 3, 0, 12, 0, 0, 0, VHOST_USER_BAD },
	{ "a byte more than the largest", 5, 1, sizeof(union vhost_user_payload) + 1, 12,
	  sizeof(union vhost_user_payload) + 1, 0, 0, VHOST_USER_BAD },
	{ "size 0xffffffff", 5, 1, UINT32_MAX, 12, 300, 0, 0, VHOST_USER_BAD },
	{ "size 0x80000000", 5, 1, 0x80000000, 12, 300, 0, 0, VHOST_USER_BAD },

	{ "one descriptor", 12, 1, 8, 20, 0, 1, 0, VHOST_USER_OK },
	{ "as many as there may be", 5, 1, 8, 20, 0, 8, 0, VHOST_USER_OK },
	{ "one too many", 5, 1, 8, 20, 0, 9, 0, VHOST_USER_BAD },
	{ "far too many", 5, 1, 8, 20, 0, 32, 0, VHOST_USER_BAD },
	{ "with the payload", 5, 1, 8, 12, 8, 0, 3, VHOST_USER_OK },
	{ "with both, as many as there may be", 5, 1, 8, 12, 8, 4, 4, VHOST_USER_OK },
	{ "with both, one too many", 5, 1, 8, 12, 8, 8, 1, VHOST_USER_BAD },
	{ "with both, twice as many", 5, 1, 8, 12, 8, 8, 8, VHOST_USER_BAD },
	{ "with both, cut by the kernel", 5, 1, 8, 12, 8, 1, 9, VHOST_USER_BAD },
	{ "with half a header", 5, 1, 8, 6, 0, 8, 0, VHOST_USER_CLOSED },
	{ "with half a payload", 5, 1, 8, 12, 4, 4, 4, VHOST_USER_CLOSED },
	{ "with a wrong version", 5, 2, 0, 12, 0, 8, 0, VHOST_USER_BAD },
	{ "with too large a size", 5, 1, UINT32_MAX, 12, 0, 8, 0, VHOST_USER_BAD },
};

static bool row_right(size_t i)
{
	struct {
		uint32_t header[3];
		uint8_t payload[400];
	} wire;
	static const uint8_t zero[sizeof(union vhost_user_payload)];
	struct vhost_user_message m;
	enum vhost_user_status st;
	unsigned before, fds = rows[i].first_fds + rows[i].second_fds;
	bool right;

	assert_int_equal(set_up(NULL), 0);
	wire.header[0] = rows[i].request;
	wire.header[1] = rows[i].flags;
	wire.header[2] = rows[i].size;
	memset(wire.payload, 0xa5, sizeof(wire.payload));
	before = open_fds() - 1;
	if (rows[i].first > 0)
		put(&wire, rows[i].first, rows[i].first_fds);
	if (rows[i].second > 0)
		put((uint8_t *)&wire + rows[i].first, rows[i].second, rows[i].second_fds);
	close(end[0]);
	memset(&m, 0xff, sizeof(m));
	st = vhost_user_receive(end[1], &m, -1);
	right = st == rows[i].status;
	if (right && st == VHOST_USER_OK) {
		right = m.request == rows[i].request && m.flags == rows[i].flags &&
			m.size == rows[i].size && m.fd_count == fds &&
			memcmp(&m.p, wire.payload, m.size) == 0 &&
			memcmp((uint8_t *)&m.p + m.size, zero, sizeof(m.p) - m.size) == 0;
		for (unsigned n = 0; n < m.fd_count; n++)
			right = right && fcntl(m.fd[n], F_GETFD) == FD_CLOEXEC;
		right = right && open_fds() == before + fds;
		vhost_user_close_fds(&m);
	}
	right = right && m.fd_count == 0 && open_fds() == before;
	close(end[1]);
	return right;
}

static void test_receive(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (row_right(i))
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_there_and_back(void **state)
{
	struct vhost_user_message in, out = { .request = VHOST_USER_SET_MEM_TABLE,
					      .flags = VHOST_USER_NEED_REPLY,
					      .size = VHOST_USER_MEMORY_SIZE(2),
					      .fd_count = 2 };

	(void)state;
	out.p.memory.count = 2;
	out.p.memory.region[1] = (struct vhost_user_region){ 1, 2, 3, 0x123456789abcdefull };
	out.fd[0] = end[0];
	out.fd[1] = STDERR_FILENO;
	assert_int_equal(vhost_user_send(end[0], &out, 1000), VHOST_USER_OK);
	assert_int_equal(vhost_user_receive(end[1], &in, 1000), VHOST_USER_OK);
	assert_int_equal(in.request, VHOST_USER_SET_MEM_TABLE);
	assert_int_equal(in.flags, VHOST_USER_NEED_REPLY | VHOST_USER_VERSION);
	assert_int_equal(in.size, 72);
	assert_memory_equal(&in.p, &out.p, sizeof(in.p));
	assert_int_equal(in.fd_count, 2);
	assert_int_equal(fcntl(out.fd[0], F_GETFD), FD_CLOEXEC); /* nothing is closed */
	assert_true(fcntl(out.fd[1], F_GETFD) >= 0);
	close(in.fd[0]);
	in.fd[0] = -1; /* taken */
	vhost_user_close_fds(&in);
	assert_int_equal(fcntl(in.fd[1], F_GETFD), -1);
}

static void test_one_message_after_the_other(void **state)
{
	struct vhost_user_message m = { .size = 8, .fd_count = 1 };

	(void)state;
	m.fd[0] = end[0];
	for (uint32_t i = 0; i < 10; i++) {
		m.request = i;
		assert_int_equal(vhost_user_send(end[0], &m, 1000), VHOST_USER_OK);
	}
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(vhost_user_receive(end[1], &m, 0), VHOST_USER_OK);
		assert_int_equal(m.request, i);
		assert_int_equal(m.fd_count, 1);
		vhost_user_close_fds(&m);
	}
}

static void test_what_cannot_be_sent(void **state)
{
	struct vhost_user_message m = { .request = 1, .size = sizeof(m.p) + 1 };

	(void)state;
	assert_int_equal(vhost_user_send(end[0], &m, 1000), VHOST_USER_BAD);
	m.size = UINT32_MAX;
	assert_int_equal(vhost_user_send(end[0], &m, 1000), VHOST_USER_BAD);
	m.size = 0;
	m.fd_count = VHOST_USER_REGIONS_MAX + 1;
	assert_int_equal(vhost_user_send(end[0], &m, 1000), VHOST_USER_BAD);
	assert_int_equal(vhost_user_receive(end[1], &m, 0), VHOST_USER_CLOSED); /* not a byte */
	shutdown(end[1], SHUT_RDWR);
	m = (struct vhost_user_message){ .request = 1 };
	assert_int_equal(vhost_user_send(end[0], &m, 1000), VHOST_USER_CLOSED);
}

static void test_waits_no_longer_than_told(void **state)
{
	static const uint32_t header[3] = { VHOST_USER_SET_VRING_KICK, 1, 8 };
	struct vhost_user_message m;
	unsigned before = open_fds();

	(void)state;
	assert_int_equal(vhost_user_receive(end[1], &m, 0), VHOST_USER_CLOSED);
	assert_int_equal(vhost_user_receive(end[1], &m, 10), VHOST_USER_CLOSED);
	put(header, sizeof(header), 3);
	assert_int_equal(vhost_user_receive(end[1], &m, 10), VHOST_USER_CLOSED);
	assert_int_equal(open_fds(), before);
}

/* A child that sends a byte every 5 ms, whole messages in 60 ms and no end. */
static void test_a_byte_at_a_time_does_not_win_time(void **state)
{
	static const uint32_t header[3] = { 5, 1, sizeof(union vhost_user_payload) };
	struct vhost_user_message m;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		close(end[1]);
		for (unsigned i = 0; i < sizeof(m.p); i++) {
			const uint8_t *byte =
				i < 12 ? (const uint8_t *)header + i : (const uint8_t *)"";

			if (send(end[0], byte, 1, MSG_NOSIGNAL) < 0)
				_exit(0);
			poll(NULL, 0, 5);
		}
		_exit(1);
	}
	assert_int_equal(vhost_user_receive(end[1], &m, 100), VHOST_USER_CLOSED);
	close(end[1]);
	close(end[0]);
	{
		int status;

		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0); /* it had not come to its end */
	}
	assert_int_equal(set_up(NULL), 0);
}

#define MANY 2000

/* Far more than the socket holds: sending waits for the child to receive. */
static void test_sending_waits_for_room(void **state)
{
	struct vhost_user_message m = { .request = 5, .size = sizeof(m.p) };
	int status, small = 4096;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		close(end[0]);
		for (uint32_t i = 0; i < MANY; i++)
			if (vhost_user_receive(end[1], &m, 5000) != VHOST_USER_OK ||
			    m.p.vring.index != i)
				_exit(1);
		_exit(0);
	}
	setsockopt(end[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (uint32_t i = 0; i < MANY; i++) {
		m.p.vring.index = i;
		assert_int_equal(vhost_user_send(end[0], &m, 1000), VHOST_USER_OK);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_sending_waits_no_longer_than_told(void **state)
{
	struct vhost_user_message m = { .request = 5, .size = sizeof(m.p) };
	enum vhost_user_status st = VHOST_USER_OK;
	int small = 4096;
	unsigned count = 0;

	(void)state;
	setsockopt(end[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (; st == VHOST_USER_OK && count < MANY; count++)
		st = vhost_user_send(end[0], &m, 10);
	assert_int_equal(st, VHOST_USER_CLOSED);
	assert_in_range(count, 2, MANY - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receive),
		cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_message_after_the_other, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waits_no_longer_than_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_byte_at_a_time_does_not_win_time, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_sending_waits_for_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sending_waits_no_longer_than_told, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
