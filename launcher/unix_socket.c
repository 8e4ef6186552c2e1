/* SPDX-License-Identifier: ISC */
#include "unix_socket.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAMES_MAX 32
#define WAITING	  16 /* connections that are not yet accepted */

static const char *names[NAMES_MAX];
static unsigned name_count;

static void unlink_all(void)
{
	while (name_count > 0)
		unlink(names[--name_count]);
}

static bool address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(a->sun_path, path, strlen(path) + 1);
	return true;
}

int unix_connect(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;
	struct sockaddr_un a;

	if (fd >= 0 && address(&a, path) &&
	    connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

static bool make_room(const char *option, const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s: '%s' exists and is no socket", option, path);
		return false;
	}
	fd = unix_connect(path);
	if (fd >= 0 || errno != ECONNREFUSED) {
		log_error("%s: another process listens at '%s'", option, path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	unlink(path);
	return true;
}

int unix_listen(const char *option, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a;
	mode_t mask;
	bool ok;

	if (name_count == NAMES_MAX || !make_room(option, path)) {
		close(fd);
		return -1;
	}
	mask = umask(0177);
	ok = fd >= 0 && address(&a, path) &&
	     bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
	umask(mask);
	if (ok) {
		if (name_count == 0)
			atexit(unlink_all);
		names[name_count++] = path;
		if (listen(fd, WAITING) == 0)
			return fd;
	}
	log_error("%s: cannot listen at '%s': %s", option, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void unix_give_away(const char *path)
{
	for (unsigned i = 0; i < name_count; i++)
		if (names[i] == path)
			names[i] = names[--name_count];
}

bool unix_adopt(int fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(a), size = sizeof(int);
	int listens = 0;
	const char *name;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens == 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0 || a.sun_family != AF_UNIX ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return false;
	name = a.sun_path[0] == '/' && name_count < NAMES_MAX
		       ? strndup(a.sun_path, sizeof(a.sun_path))
		       : NULL;
	if (name_count == 0)
		atexit(unlink_all);
	if (name != NULL)
		names[name_count++] = name;
	return true;
}

ssize_t unix_receive(int socket, void *message, size_t size, int *fd)
{
	struct iovec part = { .iov_base = message, .iov_len = size };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}

bool unix_listen_for(int *listening, int *connected)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(a.sun_family); /* the kernel chooses an abstract name, unix(7) */

	*listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*listening >= 0 && *connected >= 0 &&
	    bind(*listening, (const struct sockaddr *)&a, len) == 0) {
		len = sizeof(a);
		/* Only one can wait: whoever was faster than we makes connect() fail. */
		if (listen(*listening, 0) == 0 &&
		    getsockname(*listening, (struct sockaddr *)&a, &len) == 0 &&
		    connect(*connected, (const struct sockaddr *)&a, len) == 0) {
			fcntl(*connected, F_SETFL, 0);
			return true;
		}
	}
	if (*listening >= 0)
		close(*listening);
	if (*connected >= 0)
		close(*connected);
	return false;
}

bool unix_send(int socket, const void *message, size_t size, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &message, sizeof(message)); /* sendmsg() reads it only */
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

void unix_notify(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = path != NULL ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	struct sockaddr_un a;

	if (fd < 0)
		return;
	if (address(&a, path)) {
		socklen_t len = (socklen_t)(sizeof(a.sun_family) + strlen(path));

		if (path[0] == '@') /* an abstract name */
			a.sun_path[0] = '\0';
		(void)!sendto(fd, message, strlen(message), MSG_NOSIGNAL,
			      (const struct sockaddr *)&a, len);
	}
	close(fd);
}
