/* SPDX-License-Identifier: ISC */
/*
 * until MARKER COMMAND [ARG]...: how long a command takes until its output contains MARKER.
 *
 * Prints two numbers: seconds from exec to the marker, and the KiB of memory (PSS) that the
 * command and its children hold then, without mappings as large as a guest's RAM (64 MiB and
 * more). Then ends the command.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RAM_KIB 65536L

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* PSS of one process in KiB, without the mappings that are guest RAM. */
static long pss(const char *pid)
{
	char path[300], line[512];
	long size = 0, value, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Size: %ld", &value) == 1)
			size = value;
		if (sscanf(line, "Pss: %ld", &value) == 1 && size < RAM_KIB)
			sum += value;
	}
	fclose(f);
	return sum;
}

/* All processes of the command's session, and ours, which lead sessions of their own. */
static long pss_of_session(pid_t session)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	long sum = 0;

	while (proc != NULL && (e = readdir(proc)) != NULL) {
		char path[300], name[64] = "";
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		if (fgets(name, sizeof(name), f) == NULL)
			name[0] = '\0';
		fclose(f);
		if (getsid((pid_t)atoi(e->d_name)) == session ||
		    strncmp(name, "zwinger-", 8) == 0)
			sum += pss(e->d_name);
	}
	if (proc != NULL)
		closedir(proc);
	return sum;
}

int main(int argc, char **argv)
{
	static char text[1 << 16];
	size_t len = 0;
	int out[2], status;
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
			printf("%.6f %ld\n", now() - start, pss_of_session(pid));
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
