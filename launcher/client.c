/* SPDX-License-Identifier: ISC */
#include "client.h"

#include "log.h"
#include "unix_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

unsigned client_list(char names[CLIENT_SYSTEMS][32])
{
	DIR *d = opendir(control_directory());
	const struct dirent *e;
	unsigned n = 0;

	while (d != NULL && n < CLIENT_SYSTEMS && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		char path[108];
		int fd;

		if (len < 6 || len >= 32 + 5 || strcmp(e->d_name + len - 5, ".sock") != 0)
			continue;
		memcpy(names[n], e->d_name, len - 5);
		names[n][len - 5] = '\0';
		fd = control_path(names[n], path) ? unix_connect(path) : -1;
		if (fd < 0)
			continue;
		close(fd);
		n++;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

int client_connect(const char *name, char found[32])
{
	static char names[CLIENT_SYSTEMS][32];
	char path[108];
	unsigned n = 1;
	int fd;

	if (name == NULL) {
		n = client_list(names);
		name = names[0];
	}
	if (n != 1) {
		log_error(n == 0 ? "no system runs; zwinger run FILE starts one"
				 : "several systems run, say which: zwinger ps lists them");
		return -1;
	}
	if (strchr(name, '/') != NULL || strlen(name) >= 32 || !control_path(name, path)) {
		log_error("'%s' is not the name of a system", name);
		return -1;
	}
	memcpy(found, name, strlen(name) + 1);
	fd = unix_connect(path);
	if (fd < 0)
		log_error("no system '%s' runs (%s: %s)", name, path, strerror(errno));
	return fd;
}

static bool say(int system, enum control_question q, int fd)
{
	const struct control_message m = { .magic = CONTROL_MAGIC, .question = (uint32_t)q };

	if (unix_send(system, &m, sizeof(m), fd))
		return true;
	log_error("the system does not answer: %s", strerror(errno));
	return false;
}

char *client_fetch(int system, enum control_question q, int fd)
{
	struct pollfd p = { .fd = system, .events = POLLIN };
	char *text = NULL, some[4096];
	size_t len;
	FILE *f;
	ssize_t n;

	if (!say(system, q, fd))
		return NULL;
	f = open_memstream(&text, &len);
	while (f != NULL) {
		if (poll(&p, 1, -1) < 0 && errno == EINTR)
			continue;
		n = read(system, some, sizeof(some));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		fwrite(some, 1, (size_t)n, f);
	}
	if (f == NULL || fclose(f) != 0)
		log_error("no memory for what the system says");
	return text;
}

bool client_ask(int system, enum control_question q, char *answer, size_t size)
{
	char *text = client_fetch(system, q, -1);

	if (text == NULL)
		return false;
	snprintf(answer, size, "%s", text);
	free(text);
	return true;
}

/* Whatever the display left behind: the ordinary screen, a cursor, no attributes. */
static const char tidy[] = "\033[?1049l\033[?25h\033[?2004l\033[0m\r\n";

/* The terminal of stdin, which a shell may have opened for reading alone ("<TTY"). */
static int open_terminal(void)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) == O_RDWR)
		return STDIN_FILENO;
	return open("/proc/self/fd/0", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

bool client_attach(int system)
{
	struct termios before;
	sigset_t set;
	struct pollfd p[2] = { { .fd = system, .events = POLLIN }, { .events = POLLIN } };
	bool detached = false;
	char text[256];
	ssize_t n = 0;
	int tty;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) {
		log_error("this is no terminal; the display needs one");
		return false;
	}
	tty = open_terminal();
	if (tty < 0) {
		log_error("the display cannot write to this terminal: %s", strerror(errno));
		return false;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p[1].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p[1].fd < 0 || !say(system, CONTROL_ATTACH, tty))
		return false;
	while (!detached) {
		struct signalfd_siginfo s;
		const char resized = CONTROL_RESIZED;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents != 0 && read(p[1].fd, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
			if (s.ssi_signo != SIGWINCH)
				break;
			(void)!send(system, &resized, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		if (p[0].revents == 0)
			continue;
		n = read(system, text, sizeof(text));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		detached = n <= 0 || text[0] == CONTROL_DETACHED;
		if (n > 1) /* words instead: why there is nothing to attach to */
			break;
	}
	close(p[1].fd);
	if (tty != STDIN_FILENO)
		close(tty);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (n <= 1)
		(void)!write(STDOUT_FILENO, tidy, sizeof(tidy) - 1);
	if (n > 1)
		log_error("%.*s", (int)(text[n - 1] == '\n' ? n - 1 : n), text);
	return n == 1;
}
