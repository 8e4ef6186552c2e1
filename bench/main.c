/* SPDX-License-Identifier: ISC */
/* zwinger-bench: what `zwinger bench` runs. */
#include "boot.h"
#include "channel_bench.h"
#include "compare.h"
#include "exits.h"
#include "log.h"
#include "options.h"
#include "report.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *help;
	int (*main)(int argc, char **argv);
} commands[] = {
	{ "exits", "what leaving the guest costs, for each kind of exit", exits_main },
	{ "boot", "from exec to the guest's first process and its end, beside other VMMs",
	  boot_main },
	{ "channel", "messages between two processors, beside pipes, sockets and memory",
	  channel_main },
	{ "memory", "what the processes of a guest hold beyond its RAM, beside other VMMs",
	  memory_main },
	{ "io", "disk, network and console of a guest, beside QEMU", io_main },
	{ "all", "all of these, and one page of HTML of them", all_main },
	{ "compare", "did it become slower? OLD.json NEW.json", compare_main },
};
#define COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	puts("usage: zwinger bench COMMAND [OPTION]...\n");
	for (unsigned i = 0; i < COUNT; i++)
		printf("  %-9s %s\n", commands[i].name, commands[i].help);
	puts("\nzwinger bench COMMAND --help tells more. The manual is zwinger-bench(1).");
}

int main(int argc, char **argv)
{
	const char *names[COUNT + 1] = { NULL };
	const char *command = argc > 1 ? argv[1] : "--help", *nearest;

	log_init("bench");
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 ||
	    strcmp(command, "help") == 0) {
		print_help();
		return argc > 1 ? STATUS_OK : STATUS_USAGE;
	}
	for (unsigned i = 0; i < COUNT; i++) {
		names[i] = commands[i].name;
		if (strcmp(command, names[i]) == 0)
			return commands[i].main(argc, argv);
	}
	nearest = options_nearest(command, names);
	if (nearest != NULL)
		log_error("unknown benchmark '%s'; did you mean '%s'?", command, nearest);
	else
		log_error("unknown benchmark '%s'; see zwinger bench --help", command);
	return STATUS_USAGE;
}
