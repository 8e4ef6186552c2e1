/* SPDX-License-Identifier: ISC */
/*
 * A person at a terminal, for tests and demonstrations: runs a program on a pseudo-terminal, reads
 * its screen as a person would (libvterm draws it) and types by a script.
 *
 * usage: person SCRIPT PROGRAM [ARGUMENT]...
 *
 *   wait SECONDS TEXT   until the screen shows TEXT; otherwise the screen is printed, status 1
 *   gone SECONDS TEXT   until it does not show TEXT any more
 *   lacks TEXT          the screen does not show TEXT, or status 1
 *   show [TITLE]        prints the screen
 *   type TEXT           keys; \r \e \\ and \xNN
 *   sleep MILLISECONDS  looks on
 *   size ROWS COLUMNS   makes the terminal that big (at first 25 80)
 *   end SECONDS         until the program has ended; otherwise status 1
 *
 * At the script's end the terminal hangs up. Exit status 0, or 1 with a line that says why.
 */
#include "eyes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int master, rows = 25, columns = 80, line_number;
static pid_t child;
static bool child_ended;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void print_screen(const char *title)
{
	static char text[EYES_LINE];
	int last = rows;

	printf("+--- %s\n", title);
	for (; last > 1; last--) {
		eyes_row(last - 1, text);
		if (text[0] != '\0')
			break;
	}
	for (int r = 0; r < last; r++) {
		eyes_row(r, text);
		printf("| %s\n", text);
	}
	puts("+---");
	fflush(stdout);
}

/* Reads what the program draws for so long, or until there is something. */
static void look(int ms)
{
	struct pollfd p = { .fd = master, .events = POLLIN };

	if (child_ended || poll(&p, 1, ms) <= 0) {
		if (child_ended)
			usleep((useconds_t)ms * 1000);
		return;
	}
	child_ended = !eyes_look(master);
}

static void type(const char *text)
{
	char keys[16];
	size_t len = 0;

	while (*text != '\0') {
		char key = *text++;

		if (key == '\\' && *text != '\0') {
			char escape = *text++;
			char hex[3] = { 0 };

			key = escape;
			if (escape == 'r')
				key = '\r';
			if (escape == 'e')
				key = '\033';
			if (escape == 'x' && strlen(text) >= 2) {
				memcpy(hex, text, 2);
				key = (char)strtol(hex, NULL, 16);
				text += 2;
			}
		}
		if (len == sizeof(keys))
			len = 0;
		keys[len++] = key;
		/* A key that is a sequence, ESC [ ... and a letter or ~, must not come in parts. */
		if (keys[0] == '\033' && *text != '\0' && (len < 3 || key < '@'))
			continue;
		(void)!write(master, keys, len);
		len = 0;
	}
}

static void resize(int new_rows, int new_columns)
{
	struct winsize size = { .ws_row = (unsigned short)new_rows,
				.ws_col = (unsigned short)new_columns };

	rows = new_rows;
	columns = new_columns;
	eyes_size(rows, columns);
	ioctl(master, TIOCSWINSZ, &size);
}

/* Until the screen shows the text, or does not any more. */
static bool wait_for(const char *arguments, bool there)
{
	char *text;
	uint64_t until = now_ms() + 1000 * strtoul(arguments, &text, 10);

	text += strspn(text, " ");
	while (eyes_see(text) != there) {
		if (now_ms() >= until || child_ended) {
			print_screen("the screen as it is");
			printf("line %d: %s '%s'%s\n", line_number, there ? "no" : "still",
			       text, child_ended ? ": the program has ended" : "");
			return false;
		}
		look(50);
	}
	return true;
}

static bool wait_for_end(const char *arguments)
{
	uint64_t until = now_ms() + 1000 * strtoul(arguments, NULL, 10);

	while (!child_ended && now_ms() < until)
		look(50);
	if (!child_ended)
		printf("line %d: the program goes on\n", line_number);
	return child_ended;
}

static bool obey(char *line)
{
	char *arguments = strchr(line, ' ');
	uint64_t until;
	int r, c;

	if (arguments != NULL)
		*arguments++ = '\0';
	else
		arguments = line + strlen(line);
	if (strcmp(line, "wait") == 0)
		return wait_for(arguments, true);
	if (strcmp(line, "gone") == 0)
		return wait_for(arguments, false);
	if (strcmp(line, "end") == 0)
		return wait_for_end(arguments);
	if (strcmp(line, "lacks") == 0) {
		if (!eyes_see(arguments))
			return true;
		print_screen("the screen as it is");
		printf("line %d: there is '%s'\n", line_number, arguments);
		return false;
	}
	if (strcmp(line, "show") == 0) {
		print_screen(arguments);
		return true;
	}
	if (strcmp(line, "type") == 0) {
		type(arguments);
		return true;
	}
	if (strcmp(line, "sleep") == 0) {
		until = now_ms() + strtoul(arguments, NULL, 10);
		while (now_ms() < until)
			look(20);
		return true;
	}
	if (strcmp(line, "size") == 0 && sscanf(arguments, "%d %d", &r, &c) == 2 && r > 0 &&
	    r <= EYES_ROWS_MAX && c > 0 && c <= EYES_COLUMNS_MAX) {
		resize(r, c);
		return true;
	}
	printf("line %d: unknown: %s %s\n", line_number, line, arguments);
	return false;
}

static void start(char **argv)
{
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		perror("pseudo-terminal");
		exit(1);
	}
	eyes_open(rows, columns);
	resize(rows, columns);
	child = fork();
	if (child == 0) {
		char name[64];
		int slave, number;

		setsid();
		if (ioctl(master, TIOCGPTN, &number) < 0)
			_exit(127);
		snprintf(name, sizeof(name), "/dev/pts/%d", number);
		slave = open(name, O_RDWR);
		if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
			_exit(127);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		setenv("TERM", "xterm-256color", 1);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
}

int main(int argc, char **argv)
{
	static char line[EYES_LINE];
	FILE *script = argc > 2 ? fopen(argv[1], "re") : NULL;
	bool ok = true;
	int status;

	if (script == NULL) {
		fprintf(stderr, "usage: person SCRIPT PROGRAM [ARGUMENT]...\n");
		return 2;
	}
	start(argv + 2);
	while (ok && fgets(line, sizeof(line), script) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		line_number++;
		if (line[0] != '\0' && line[0] != '#')
			ok = obey(line);
	}
	close(master); /* hangs up */
	if (!child_ended)
		kill(child, SIGHUP);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return ok ? 0 : 1;
}
