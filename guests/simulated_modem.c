/* SPDX-License-Identifier: ISC */
/*
 * A modem on a pseudo-terminal, for demonstrations and tests: answers AT commands as a voice modem
 * does and writes down every line that it is told.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int line_fd = -1;
static bool echo = true, ringing;
static FILE *record;

static void say(const char *text)
{
	char framed[128];
	int n = snprintf(framed, sizeof(framed), "\r\n%s\r\n", text);

	(void)!write(line_fd, framed, (size_t)n);
}

static void obey(const char *line)
{
	fprintf(record, "%s\n", line);
	fflush(record);
	if (strncasecmp(line, "AT", 2) != 0)
		return;
	if (strncasecmp(line, "ATE0", 4) == 0)
		echo = false;
	if (strcasecmp(line, "ATA") == 0 && !ringing) {
		say("NO CARRIER");
		return;
	}
	ringing = false;
	say("OK");
}

static void hear(void)
{
	static char line[256];
	static size_t len;
	char c;

	while (read(line_fd, &c, 1) == 1) {
		if (echo)
			(void)!write(line_fd, &c, 1);
		if (c == '\r') {
			line[len] = '\0';
			if (len > 0)
				obey(line);
			len = 0;
		} else if (c != '\n' && len < sizeof(line) - 1) {
			line[len++] = c;
		}
	}
}

/* "ring +4930123456", "busy", "hangup", "quit". False: quit. */
static bool command(char *text)
{
	char caller[128];

	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "ring", 4) == 0) {
		ringing = true;
		say("RING");
		if (text[4] == ' ') {
			snprintf(caller, sizeof(caller), "+CLIP: \"%.64s\",145", text + 5);
			say(caller);
		}
	} else if (strcmp(text, "busy") == 0) {
		say("BUSY");
	} else if (strcmp(text, "hangup") == 0) {
		say("NO CARRIER");
	} else if (strcmp(text, "quit") == 0) {
		return false;
	} else {
		fprintf(stderr, "ring [NUMBER], busy, hangup or quit\n");
	}
	return true;
}

static bool open_line(const char *link)
{
	struct termios t;
	int number, slave;
	char name[64];
	struct stat st;

	line_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (line_fd < 0 || grantpt(line_fd) < 0 || unlockpt(line_fd) < 0 ||
	    ioctl(line_fd, TIOCGPTN, &number) < 0)
		return false;
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	slave = open(name,
		     O_RDWR | O_NOCTTY | O_CLOEXEC); /* stays open: no hang-up between users */
	if (slave < 0 || tcgetattr(slave, &t) < 0)
		return false;
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	if (lstat(link, &st) == 0 && S_ISLNK(st.st_mode))
		unlink(link);
	return symlink(name, link) == 0;
}

int main(int argc, char **argv)
{
	const char *link = NULL, *file = NULL;
	struct pollfd p[3] = { { .events = POLLIN },
			       { .events = POLLIN },
			       { .events = POLLIN } };
	char text[256];
	bool on = true;
	sigset_t ends;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--link") == 0)
			link = argv[i + 1];
		else if (strcmp(argv[i], "--record") == 0)
			file = argv[i + 1];
		else
			link = NULL, i = argc;
	}
	if (link == NULL || argc % 2 == 0) {
		FILE *to = argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr;

		fprintf(to,
			"usage: zwinger-simulated-modem --link PATH [--record FILE]\n\n"
			"A modem whose serial line is PATH. Writes what it is told to FILE (default: its\n"
			"output). Commands on its input: ring [NUMBER], busy, hangup, quit.\n");
		return to == stdout ? 0 : 2;
	}
	record = file != NULL ? fopen(file, "ae") : stdout;
	if (record == NULL || !open_line(link)) {
		perror(record == NULL ? file : link);
		return 1;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	p[0].fd = line_fd;
	p[1].fd = STDIN_FILENO;
	p[2].fd = signalfd(-1, &ends, SFD_CLOEXEC);
	while (on) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents != 0)
			hear();
		if (p[1].revents != 0) {
			if (fgets(text, sizeof(text), stdin) == NULL)
				p[1].fd = -1;
			else
				on = command(text);
		}
		on &= p[2].revents == 0;
	}
	unlink(link);
	return 0;
}
