/* SPDX-License-Identifier: ISC */
/*
 * until MARKER COMMAND [ARG]...: how long a command takes until its output contains MARKER.
 *
 * Prints two numbers: seconds from exec to the marker, and the KiB of memory that its processes
 * hold then (session_memory.h). Then ends the command.
 */
#include "session_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(void *sum, const char *name, long kib)
{
	(void)name;
	*(long *)sum += kib;
}

int main(int argc, char **argv)
{
	static char text[1 << 16];
	size_t len = 0;
	int out[2], status;
	long kib = 0;
	double start;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: until MARKER COMMAND [ARG]...\n");
		return 2;
	}
	if (pipe(out) < 0)
		return 1;
	start = now();
	pid = fork();
	if (pid == 0) {
		setsid();
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	close(out[1]);
	while (len < sizeof(text) - 1) {
		ssize_t n = read(out[0], text + len, sizeof(text) - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, argv[1]) != NULL) {
			start = now() - start;
			memory_of_session(pid, add, &kib);
			printf("%.6f %ld\n", start, kib);
			fflush(stdout);
			kill(pid, SIGTERM);
			waitpid(pid, &status, 0);
			return 0;
		}
	}
	fprintf(stderr, "the output ended without '%s':\n%s\n", argv[1], text);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return 1;
}
