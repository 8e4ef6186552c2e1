/* SPDX-License-Identifier: ISC */
/*
 * The input is what the other end of a vhost-user socket sends before it goes, in pieces:
 *   0  length of the piece
 *   1  descriptors that go with it, modulo 12
 *   2  its bytes
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bug.h"
#include "vhost_user.h"

#define FDS_MAX 12u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: the socket holds no more. */
static bool put(int socket, const uint8_t *bytes, size_t len, unsigned fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))] = { 0 };
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
	return sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

static unsigned open_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void receive_all(int socket)
{
	static const uint8_t zero[sizeof(union vhost_user_payload)];
	struct vhost_user_message m;
	unsigned before = open_fds();
	enum vhost_user_status st;

	while ((st = vhost_user_receive(socket, &m, -1)) == VHOST_USER_OK) {
		BUG_ON((m.flags & 3) != VHOST_USER_VERSION || m.size > sizeof(m.p));
		BUG_ON(m.fd_count > VHOST_USER_REGIONS_MAX);
		BUG_ON(memcmp((uint8_t *)&m.p + m.size, zero, sizeof(m.p) - m.size) != 0);
		for (unsigned i = 0; i < m.fd_count; i++)
			BUG_ON(fcntl(m.fd[i], F_GETFD) != FD_CLOEXEC);
		vhost_user_close_fds(&m);
	}
	BUG_ON(m.fd_count != 0 || open_fds() != before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int end[2];

	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) < 0);
	while (size > 2) {
		size_t len = data[0] < size - 2 ? data[0] : size - 2;

		if (len > 0 && !put(end[0], data + 2, len, data[1] % FDS_MAX))
			break;
		data += 2 + len;
		size -= 2 + len;
	}
	close(end[0]);
	receive_all(end[1]);
	close(end[1]);
	return 0;
}
