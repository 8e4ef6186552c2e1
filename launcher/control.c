/* SPDX-License-Identifier: ISC */
#include "control.h"

#include "log.h"
#include "unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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

bool control_make_directory(char why[256])
{
	const char *directory = control_directory();
	struct stat st;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		snprintf(why, 256, "cannot make '%s': %s", directory, strerror(errno));
		return false;
	}
	/* In /tmp somebody else may have been there first. */
	if (lstat(directory, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0) {
		snprintf(why, 256, "'%s' is not a directory of this user's alone", directory);
		return false;
	}
	return true;
}

int control_listen(const char *name)
{
	static char path[108]; /* unix_listen() keeps it */
	char why[256];

	if (!control_make_directory(why)) {
		log_error("%s", why);
		return -1;
	}
	return control_path(name, path) ? unix_listen("control socket", path) : -1;
}

void control_poll(const struct control *c, struct pollfd p[CONTROL_POLLS])
{
	p[0] = (struct pollfd){ .fd = c->listener, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = c->metrics, .events = POLLIN };
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		p[2 + i] = (struct pollfd){ .fd = c->client[i].fd > 0 ? c->client[i].fd : -1,
					    .events = c->client[i].text != NULL ? POLLOUT
										: POLLIN };
}

static void drop(struct control_client *k)
{
	if (k->fd > 0)
		close(k->fd);
	free(k->text);
	*k = (struct control_client){ .fd = 0 };
}

/* The newest takes the place of the oldest: nobody can keep the others out. */
static void welcome(struct control *c, int listener, bool http)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct control_client *k = &c->client[c->next_client];

	if (fd < 0)
		return;
	drop(k);
	k->fd = fd;
	k->http = http;
	c->next_client = (c->next_client + 1) % CONTROL_CLIENTS;
}

/* False once there is nothing more to send, or nobody to send it to. */
static bool send_on(struct control_client *k)
{
	ssize_t n = send(k->fd, k->text + k->at, k->len - k->at, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		k->at += (size_t)n;
	return k->at < k->len && (n > 0 || errno == EAGAIN || errno == EINTR);
}

/* False at the end of what it says, or if it is no question. */
static bool hear_question(struct control *c, struct control_client *k)
{
	struct control_message q;
	int fd;
	ssize_t n = unix_receive(k->fd, &q, sizeof(q), &fd);
	bool stays, ok;
	FILE *f;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	f = open_memstream(&k->text, &k->len);
	ok = n == (ssize_t)sizeof(q) && q.magic == CONTROL_MAGIC && !k->stays && f != NULL;
	if (ok && q.question == CONTROL_METRICS && fd >= 0 && unix_adopt(fd)) {
		if (c->metrics >= 0)
			close(c->metrics);
		c->metrics = fd;
		fd = -1;
		fputs("OK\n", f);
	} else if (ok && q.question == CONTROL_STAT) {
		c->host.stat(c->host.state, f);
	}
	stays = ok &&
		c->host.answer(c->host.state, (enum control_question)q.question, k->fd, fd, f);
	if (f != NULL)
		fclose(f);
	if (fd >= 0)
		close(fd);
	if (stays || !ok) {
		free(k->text);
		k->text = NULL;
	}
	k->stays = stays;
	return ok && (stays || send_on(k));
}

/* The page, or why there is none; its end is the end of the connection. */
static bool hear_request(struct control *c, struct control_client *k)
{
	ssize_t n =
		read(k->fd, k->request + k->request_len, sizeof(k->request) - k->request_len);
	char head[HTTP_HEAD_MAX], *page = NULL;
	enum http_verdict verdict;
	size_t len = 0, head_len;
	FILE *f;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	k->request_len += (size_t)n;
	verdict = http_judge(k->request, k->request_len);
	if (verdict == HTTP_MORE)
		return true;
	f = open_memstream(&page, &len);
	if (f != NULL && verdict == HTTP_PAGE)
		c->host.stat(c->host.state, f);
	if (f != NULL)
		fclose(f);
	head_len = http_head(verdict, len, head);
	k->text = page != NULL ? malloc(head_len + len) : NULL;
	if (k->text != NULL) {
		memcpy(k->text, head, head_len);
		memcpy(k->text + head_len, page, len);
		k->len = head_len + len;
	}
	free(page);
	return k->text != NULL && send_on(k);
}

void control_polled(struct control *c, const struct pollfd p[CONTROL_POLLS])
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *k = &c->client[i];

		if (p[2 + i].revents == 0 || k->fd <= 0)
			continue;
		if (!(k->text != NULL ? send_on(k)
		      : k->http	      ? hear_request(c, k)
				      : hear_question(c, k)))
			drop(k);
	}
	if (p[0].revents != 0)
		welcome(c, c->listener, false);
	if (p[1].revents != 0)
		welcome(c, c->metrics, true);
}
