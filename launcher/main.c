/* SPDX-License-Identifier: ISC */
/* zwinger: the command line. Finds the command and hands over. */
#include "check.h"
#include "device_command.h"
#include "log.h"
#include "options.h"
#include "run.h"
#include "show.h"
#include "stat_command.h"
#include "status.h"
#include "system_command.h"
#include "timing.h"
#include "tool_command.h"

#include <stdio.h>
#include <string.h>

static const char *const commands[] = { "run",	  "show",  "ps",     "stop",  "display",
					"stat",	  "audit", "verify", "store", "check",
					"device", "bench", "help",   NULL };

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} mains[] = {
	{ "run", system_main }, /* of a manifest; with options only it is run_main() */
	{ "show", show_main },	     { "ps", ps_main },		{ "stop", stop_main },
	{ "display", display_main }, { "audit", audit_main },	{ "check", check_main },
	{ "device", device_main },   { "verify", verify_main }, { "store", store_main },
	{ "bench", bench_main },     { "stat", stat_main },
};

static int print_help(void)
{
	puts("usage: zwinger COMMAND [OPTION]...\n\n"
	     "  run     runs a virtual machine: zwinger run --kernel FILE [--initrd FILE] ...\n"
	     "          or a system of several processes: zwinger run FILE.dts [--display]\n"
	     "  show    what a manifest says, as a table or a drawing: zwinger show FILE.dts\n"
	     "  ps      lists running systems and their processes\n"
	     "  stop    ends a running system\n"
	     "  display attaches this terminal to the trusted display of a running system\n"
	     "  stat    shows what a running system does: exits, queues, channels, memory\n"
	     "  audit   the log of what passed: zwinger audit show|follow|verify\n"
	     "  verify  is a receipt genuine, and for this order? zwinger verify RECEIPT --key FILE\n"
	     "  store   keys and backups of a secure storage: zwinger store show|key|backup|restore\n"
	     "  check   says what this host can do, and how to mend what it cannot\n"
	     "  device  serves one device to any vhost-user front end\n"
	     "  bench   what exits, boots, channels, memory and I/O cost on this host\n"
	     "  help    this text; zwinger help COMMAND or zwinger COMMAND --help tells more\n\n"
	     "  --version\n\nThe manual is zwinger(1).");
	return STATUS_OK;
}

static int unknown(const char *command)
{
	const char *nearest = options_nearest(command, commands);

	if (nearest != NULL)
		log_error("unknown command '%s'; did you mean '%s'?", command, nearest);
	else
		log_error("unknown command '%s'; see zwinger --help", command);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	char *help[] = { argv[0], argc > 2 ? argv[2] : NULL, "--help", NULL };
	const char *command = argc > 1 ? argv[1] : "help";
	uint64_t started_ns = timing_now();

	log_init("zwinger");
	if (strcmp(command, "help") == 0 && argc > 2) {
		command = argv[2];
		argv = help;
		argc = 3;
	}
	if (strcmp(command, "run") == 0 && (argc < 3 || argv[2][0] == '-'))
		return run_main(argc, argv, started_ns);
	for (unsigned i = 0; i < sizeof(mains) / sizeof(mains[0]); i++)
		if (strcmp(command, mains[i].name) == 0)
			return mains[i].main(argc, argv);
	if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
	    strcmp(command, "-h") == 0)
		return print_help();
	if (strcmp(command, "--version") == 0) {
		puts("zwinger " ZW_VERSION);
		return STATUS_OK;
	}
	return unknown(command);
}
