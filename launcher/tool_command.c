/* SPDX-License-Identifier: ISC */
#include "tool_command.h"

#include "host.h"
#include "log.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* argv[1] is the command; the program takes its place. */
static int become(char *program, char **argv)
{
	static char *environment[] = { NULL };
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
	return become(program, argv);
}

int store_main(int argc, char **argv)
{
	char program[] = "zwinger-store";

	(void)argc;
	return become(program, argv);
}
