/* SPDX-License-Identifier: ISC */
/* Shuts itself in, then does what argv[1] says. Reports one line to descriptor 3. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"
#include "sandbox_child_policy.h"
#include "sandbox_child_tight_policy.h"

#define REPORT 3

static void say(const char *text)
{
	(void)!write(REPORT, text, strlen(text));
}

static void say_number(int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	say(text);
}

static void wait_for_test(void)
{
	char c;

	say("ready");
	(void)!read(REPORT, &c, 1);
}

static void call_denied(void)
{
	(void)syscall(SYS_getppid);
	say("alive");
}

static void call_allowed(void)
{
	int n;

	say_number(ioctl(REPORT, FIONREAD, &n));
}

static void call_other_descriptor(void)
{
	int n;

	(void)ioctl(0, FIONREAD, &n);
	say("alive");
}

static void call_high_half(void)
{
	int n;

	/* The kernel looks at the low half of a descriptor only; the filter at all of it. */
	(void)syscall(SYS_ioctl, REPORT | 1ul << 32, FIONREAD, &n);
	say("alive");
}

static void map_data(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	say_number(p == MAP_FAILED);
}

static void map_code(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("alive");
}

static void open_path(void)
{
	static const char *const paths[] = { "/",	    ".",
					     "..",	    "/proc/self/status",
					     "/etc/passwd", "/../../etc/passwd",
					     "/dev/null" };
	int opened = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		opened += openat(AT_FDCWD, paths[i], O_RDONLY) >= 0;
	opened += openat(AT_FDCWD, "/new", O_CREAT | O_WRONLY, 0600) >= 0;
	say_number(opened);
}

static void reach_network(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	say_number(connect(fd, (struct sockaddr *)(void *)&a, sizeof(a)) < 0 ? errno : 0);
}

static void call_after_tightening(void)
{
	char c;

	sandbox_tighten(sandbox_child_tight_filter, sandbox_child_tight_filter_count);
	(void)!read(0, &c, 1); /* /dev/null: would return at once */
	say("alive");
}

static void exit_at_once(void)
{
	say_number(0);
}

/* The second thread, which has the tight filter alone: does it once the first is shut in too. */
static void (*_Atomic thread_act)(void);
static _Atomic bool thread_started, thread_done;

static void *second_thread(void *unused)
{
	sandbox_thread(sandbox_child_tight_filter, sandbox_child_tight_filter_count);
	thread_started = true;
	while (thread_act == NULL)
		;
	thread_act();
	thread_done = true;
	for (;;)
		;
	return unused;
}

static bool start_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, second_thread, NULL) != 0)
		return false;
	while (!thread_started)
		;
	return true;
}

static void in_thread(void (*act)(void))
{
	thread_act = act;
	while (!thread_done)
		;
}

static void read_null(void)
{
	char c;

	(void)!read(0, &c, 1);
	say("alive");
}

static void thread_may(void)
{
	in_thread(exit_at_once);
}

static void thread_may_not(void)
{
	in_thread(read_null);
}

static void no_thread_afterwards(void)
{
	thread_started = false;
	(void)start_thread();
	say("alive");
}

static void count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	say_number(count);
}

int main(int argc, char **argv, char **environment)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} acts[] = {
		{ "wait", wait_for_test },
		{ "denied", call_denied },
		{ "allowed", call_allowed },
		{ "other-descriptor", call_other_descriptor },
		{ "high-half", call_high_half },
		{ "map-data", map_data },
		{ "map-code", map_code },
		{ "open", open_path },
		{ "network", reach_network },
		{ "tightened", call_after_tightening },
		{ "descriptors", count_descriptors },
		{ "exit", exit_at_once },
		{ "thread-may", thread_may },
		{ "thread-may-not", thread_may_not },
		{ "thread-not-the-first", call_allowed },
		{ "thread-later", no_thread_afterwards },
	};
	struct sandbox_policy policy = {
		.filter = sandbox_child_filter,
		.filter_count = sandbox_child_filter_count,
		.open_files = 64,
		.file_size = 1 << 20,
		.processes = RLIM_INFINITY,
	};

	log_init("child");
	if (argc != 2 || environment[0] != NULL)
		return 99;
	if (strncmp(argv[1], "thread-", 7) == 0)
		policy.threads = start_thread;
	(void)sandbox_enter(&policy);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(argv[1], acts[i].name) == 0) {
			acts[i].act();
			_exit(0);
		}
	_exit(98);
}
