/* SPDX-License-Identifier: ISC */
#include "tool_command.h"

#include "host.h"
#include "log.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *nothing[] = { NULL }; /* an environment */

/* argv[1] is the command; the program takes its place. */
static int become(char *program, char **argv, char **environment)
{
	int exe = host_open_program(program);

	if (exe < 0) {
		log_error("%s is not installed beside this program", program);
		return STATUS_FAILED;
	}
	argv[1] = program;
	fcntl(exe, F_SETFD, 0);
	fexecve(exe, argv + 1, environment);
	log_error("%s: %s", program, strerror(errno));
	return STATUS_FAILED;
}

int verify_main(int argc, char **argv)
{
	char program[] = "zwinger-verify";

	(void)argc;
	return become(program, argv, nothing);
}

int store_main(int argc, char **argv)
{
	char program[] = "zwinger-store";

	(void)argc;
	return become(program, argv, nothing);
}

int bench_main(int argc, char **argv)
{
	char program[] = "zwinger-bench", self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)argc;
	if (n > 0) {
		self[n] = '\0';
		setenv("ZW_ZWINGER", self, 1); /* it measures this very one */
	}
	return become(program, argv, environ);
}
