/* SPDX-License-Identifier: ISC */
#include "vhost_user.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define VERSION_MASK 3u
#define HEADER_SIZE  12u
#define CONTROL_SIZE CMSG_SPACE(sizeof(int) * VHOST_USER_REGIONS_MAX)

_Static_assert(sizeof(struct vhost_user_region) == 32, "as it travels");
_Static_assert(sizeof(((union vhost_user_payload *)0)->addr) == 40, "as it travels");
_Static_assert(sizeof(((union vhost_user_payload *)0)->config) == 268, "as it travels");

enum vhost_user_status vhost_user_send(int socket, const struct vhost_user_message *m,
				       int timeout_ms)
{
	uint32_t header[3] = { m->request, m->flags | VHOST_USER_VERSION, m->size };
	uint8_t bytes[HEADER_SIZE + sizeof(m->p)];
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE] = { 0 };
	struct iovec iov = { .iov_base = bytes, .iov_len = HEADER_SIZE + m->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (m->size > sizeof(m->p) || m->fd_count > VHOST_USER_REGIONS_MAX)
		return VHOST_USER_BAD;
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + HEADER_SIZE, &m->p, m->size);
	if (m->fd_count > 0) {
		size_t len = m->fd_count * sizeof(int);
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(len);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(c), m->fd, len);
	}
	while (iov.iov_len > 0) {
		struct pollfd p = { .fd = socket, .events = POLLOUT };
		ssize_t n = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 &&
		    (errno == EINTR || (errno == EAGAIN && poll(&p, 1, timeout_ms) > 0)))
			continue;
		if (n <= 0)
			return VHOST_USER_CLOSED;
		iov.iov_base = (uint8_t *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		msg.msg_control = NULL; /* they went with the first byte */
		msg.msg_controllen = 0;
	}
	return VHOST_USER_OK;
}

/* Keeps the descriptors that came along; more than fit were closed by the kernel. */
static bool take_fds(struct vhost_user_message *m, struct msghdr *msg)
{
	bool ok = (msg->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (m->fd_count < VHOST_USER_REGIONS_MAX) {
				m->fd[m->fd_count++] = fd;
			} else {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True once there is something to read; without a deadline (-1) reading itself waits. */
static bool wait_until(int socket, int64_t deadline_ms)
{
	struct pollfd p = { .fd = socket, .events = POLLIN };
	int n = -1;

	if (deadline_ms < 0)
		return true;
	while (n < 0) {
		int64_t left = deadline_ms - now_ms();

		n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n < 0 && errno != EINTR)
			return false;
	}
	return n > 0;
}

/* Exactly len bytes. Descriptors may come with any of them. */
static enum vhost_user_status receive(int socket, struct vhost_user_message *m, void *out,
				      size_t len, int64_t deadline_ms)
{
	uint8_t *bytes = out;

	while (len > 0) {
		_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
		struct iovec iov = { .iov_base = bytes, .iov_len = len };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n;

		if (!wait_until(socket, deadline_ms))
			return VHOST_USER_CLOSED;
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return VHOST_USER_CLOSED;
		if (!take_fds(m, &msg))
			return VHOST_USER_BAD;
		bytes += n;
		len -= (size_t)n;
	}
	return VHOST_USER_OK;
}

enum vhost_user_status vhost_user_receive(int socket, struct vhost_user_message *m,
					  int timeout_ms)
{
	/* For the whole message: the other end may send it a byte at a time. */
	int64_t deadline_ms = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	enum vhost_user_status st;
	uint32_t header[3];

	memset(m, 0, sizeof(*m));
	st = receive(socket, m, header, sizeof(header), deadline_ms);
	if (st == VHOST_USER_OK) {
		m->request = header[0];
		m->flags = header[1];
		m->size = header[2];
		if ((m->flags & VERSION_MASK) != VHOST_USER_VERSION || m->size > sizeof(m->p))
			st = VHOST_USER_BAD;
		else
			st = receive(socket, m, &m->p, m->size, deadline_ms);
	}
	if (st != VHOST_USER_OK)
		vhost_user_close_fds(m);
	return st;
}

void vhost_user_close_fds(struct vhost_user_message *m)
{
	for (unsigned i = 0; i < m->fd_count; i++)
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	m->fd_count = 0;
}
