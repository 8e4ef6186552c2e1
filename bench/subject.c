/* SPDX-License-Identifier: ISC */
#include "subject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 24

/* A file of the image, open for whoever is started. */
static int image_file(const struct experiment *e, const struct plan *p)
{
	const uint8_t *image;
	uint32_t size = experiment_image(e, p, &image);
	int fd = memfd_create("microguest", 0);

	if (fd >= 0 && (size == 0 || write(fd, image, size) != (ssize_t)size)) {
		close(fd);
		return -1;
	}
	return fd;
}

static _Noreturn void start(const struct experiment *e, const struct plan *p, int image,
			    int output, int errors)
{
	char kernel[32];
	const char *argument[ARGUMENTS] = { "zwinger",	"run",	"--kernel",   kernel,
					    "--memory", "256M", "--append",   "",
					    "--escape", "none", "--no-reboot" };
	unsigned n = 11;
	int null = open("/dev/null", O_RDWR);

	snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", image);
	if (e->operation == OP_IPI) {
		argument[n++] = "--cpus";
		argument[n++] = "2";
	}
	if (e->memory == MEMORY_PREFAULTED)
		argument[n++] = "--prefault";
	if (e->memory == MEMORY_HUGE)
		argument[n++] = "--huge-pages";
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	experiment_stay(p->pin, e->two ? p->other : -1);
	if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0)
		_exit(127);
	execv(p->zwinger, (char *const *)argument);
	dprintf(2, "%s: %s\n", p->zwinger, strerror(errno));
	_exit(127);
}

static long milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All that comes until the end of file or the deadline. */
static uint32_t gather(int fd, uint8_t *bytes, uint32_t size, long deadline, bool *late)
{
	uint32_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		long left = deadline - milliseconds();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			*late = true;
			return len;
		}
		n = read(fd, bytes + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return len;
		len += (uint32_t)n;
	}
}

/* The line that says most: the last that speaks of an error, or else the last. */
static void explain(struct outcome *o, char *text, int status)
{
	char *line = text, *best = NULL, *end;

	for (; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		if (best == NULL || strstr(line, "error") != NULL ||
		    strstr(line, "cannot") != NULL)
			best = line;
	}
	if (best != NULL)
		snprintf(o->reason, sizeof(o->reason), "%.190s", best);
	else
		snprintf(o->reason, sizeof(o->reason), "zwinger run ended with status %d",
			 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void subject_measure(const struct experiment *e, const struct plan *p, struct outcome *o)
{
	static uint8_t bytes[sizeof(struct guest_report) + 4ull * GUEST_SAMPLES_MAX + 1];
	static char said[4096];
	int image = image_file(e, p), output[2] = { -1, -1 }, errors, status = 0;
	bool late = false;
	uint32_t len;
	ssize_t n;
	pid_t pid;

	memset(o, 0, sizeof(*o));
	errors = memfd_create("errors", MFD_CLOEXEC);
	if (image < 0 || errors < 0 || pipe2(output, O_CLOEXEC) < 0) {
		snprintf(o->reason, sizeof(o->reason), "the guest's image: %s",
			 strerror(errno));
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		start(e, p, image, output[1], errors);
	close(output[1]);
	close(image);
	len = gather(output[0], bytes, sizeof(bytes), milliseconds() + 1000l * p->timeout,
		     &late);
	if (late)
		kill(pid, SIGTERM);
	close(output[0]);
	waitpid(pid, &status, 0);
	n = pread(errors, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(errors);
	if (late)
		snprintf(o->reason, sizeof(o->reason), "the guest did not come to an end");
	else if (status != 0)
		explain(o, said, status);
	if (late || status != 0) {
		o->impossible = true;
		return;
	}
	o->impossible = !experiment_parse(bytes, len, o);
	o->seen = o->performed;
}
