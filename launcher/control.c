/* SPDX-License-Identifier: ISC */
#include "control.h"

#include "log.h"
#include "system.h"
#include "unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who has connected and not yet asked; then who waits for the end. 0: nobody. */
static int clients[CONTROL_CLIENTS];
static unsigned next_client;

const char *control_directory(void)
{
	static char path[96];
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		snprintf(path, sizeof(path), "/run/zwinger");
	else if (run != NULL && run[0] == '/' && strlen(run) < 64)
		snprintf(path, sizeof(path), "%s/zwinger", run);
	else
		snprintf(path, sizeof(path), "/tmp/zwinger-%u", (unsigned)geteuid());
	return path;
}

bool control_path(const char *name, char path[108])
{
	return snprintf(path, 108, "%s/%s.sock", control_directory(), name) < 108;
}

int control_listen(const char *name)
{
	static char path[108]; /* unix_listen() keeps it */
	const char *directory = control_directory();
	struct stat st;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		log_error("cannot make '%s': %s", directory, strerror(errno));
		return -1;
	}
	/* In /tmp somebody else may have been there first. */
	if (lstat(directory, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0) {
		log_error("'%s' is not a directory of this user's alone", directory);
		return -1;
	}
	return control_path(name, path) ? unix_listen("control socket", path) : -1;
}

void control_poll(const struct system *s, struct pollfd p[CONTROL_POLLS])
{
	p[0] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		p[1 + i] = (struct pollfd){ .fd = clients[i] > 0 ? clients[i] : -1,
					    .events = POLLIN };
}

static void drop(unsigned i)
{
	if (clients[i] > 0)
		close(clients[i]);
	clients[i] = 0;
}

/* The newest takes the place of the oldest: nobody can keep the others out. */
static void welcome(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	drop(next_client);
	clients[next_client] = fd;
	next_client = (next_client + 1) % CONTROL_CLIENTS;
}

static void answer(int client, const char *text)
{
	(void)!send(client, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The display gets the terminal and the connection; whatever it does with them, we are out of it. */
static void attach(struct system *s, int client, int terminal)
{
	struct critical_command c = { .kind = CRITICAL_ATTACH };
	struct iovec part = { .iov_base = &c, .iov_len = sizeof(c) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	const struct member *display = system_find(s, MANIFEST_DISPLAY);
	int fds[2] = { terminal, client };

	control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS,
					   .cmsg_len = CMSG_LEN(sizeof(fds)) };
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	if (terminal < 0)
		answer(client, "no terminal came along\n");
	else if (display == NULL)
		answer(client, "this system has no display\n");
	else if (display->process.child.pid == 0)
		answer(client, "the display has ended\n");
	else if (sendmsg(display->process.control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		answer(client, "the display does not answer\n");
}

/* Takes at most one descriptor; the kernel closes further ones. */
static ssize_t receive(int client, struct control_message *q, int *fd)
{
	struct iovec part = { .iov_base = q, .iov_len = sizeof(*q) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(client, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}

/* True if the client is to stay connected. */
static bool serve(struct system *s, int client, const struct control_message *q, int fd)
{
	static char text[4096];
	const struct member *auditor;

	switch ((enum control_question)q->question) {
	case CONTROL_PS:
		system_describe(s, text, sizeof(text));
		answer(client, text);
		return false;
	case CONTROL_STOP:
		log_info("ended by zwinger stop");
		s->ended = true;
		s->status = STATUS_OK;
		return true;
	case CONTROL_ATTACH:
		attach(s, client, fd);
		return false;
	case CONTROL_AUDIT:
		auditor = system_find(s, MANIFEST_AUDITOR);
		if (auditor != NULL && realpath(auditor->is->auditor.directory, text) != NULL)
			answer(client, text);
		return false;
	}
	return false;
}

void control_polled(struct system *s, const struct pollfd p[CONTROL_POLLS])
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_message q;
		ssize_t n;
		int fd;

		if (p[1 + i].revents == 0 || clients[i] <= 0)
			continue;
		n = receive(clients[i], &q, &fd);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n != (ssize_t)sizeof(q) || q.magic != CONTROL_MAGIC ||
		    !serve(s, clients[i], &q, fd))
			drop(i);
		if (fd >= 0)
			close(fd);
	}
	if (p[0].revents != 0)
		welcome(s->listener);
}
