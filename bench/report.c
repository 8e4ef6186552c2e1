/* SPDX-License-Identifier: ISC */
#include "report.h"

#include "boot.h"
#include "channel_bench.h"
#include "exits.h"
#include "log.h"
#include "options.h"
#include "status.h"
#include "svg.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct option_spec specs[] = {
	{ "report", "DIR", "where report.html goes, and beside it what it was made of" },
	{ "pin", "CPU", "as for exits" },
	{ "runs", "N", "as for each benchmark" },
	{ "samples", "N", "as for exits" },
	{ "kernel", "FILE", "as for boot and memory, which need it" },
	{ "initrd", "FILE", "as for boot and memory, which need it" },
	{ "vmlinux", "FILE", "as for boot and memory" },
	{ "io", NULL, "run bench/io of the source tree too; it takes long" },
	{ 0 },
};
enum { REPORT, PIN, RUNS, SAMPLES, KERNEL, INITRD, VMLINUX_OPTION, IO };

static const char *option[IO + 1];

/* The benchmarks, and which of the options each takes. */
static const struct {
	const char *name, *title;
	int (*main)(int argc, char **argv);
	unsigned takes;
} parts[] = {
	{ "exits", "Exits", exits_main, 1u << PIN | 1u << RUNS | 1u << SAMPLES },
	{ "boot", "Boot", boot_main,
	  1u << RUNS | 1u << KERNEL | 1u << INITRD | 1u << VMLINUX_OPTION },
	{ "memory", "Memory", memory_main,
	  1u << RUNS | 1u << KERNEL | 1u << INITRD | 1u << VMLINUX_OPTION },
	{ "channel", "Channels", channel_main, 1u << RUNS },
	{ "io", "Disk, network, console", io_main, 0 },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool set(void *state, unsigned index, const char *value)
{
	(void)state;
	option[index] = value != NULL ? value : "";
	return true;
}

static void in_directory(char path[PATH_MAX], const char *name, const char *suffix)
{
	snprintf(path, PATH_MAX, "%s/%s%s", option[REPORT], name, suffix);
}

/* One benchmark, as a command of its own; what it says goes to a file. */
static bool run(unsigned part)
{
	static const char *const suffix[] = { ".json", ".csv", ".svg" };
	static const char *const flag[] = { "--json", "--csv", "--svg" };
	static char path[3][PATH_MAX], text[PATH_MAX];
	const char *argument[32] = { "zwinger-bench", parts[part].name };
	unsigned n = 2;
	char name[16];
	int status = 1;
	pid_t pid;

	for (unsigned i = 0; i < 3 && parts[part].takes != 0; i++) {
		in_directory(path[i], parts[part].name, suffix[i]);
		(void)unlink(path[i]);
		argument[n++] = flag[i];
		argument[n++] = path[i];
	}
	for (unsigned i = 0; specs[i].name != NULL; i++)
		if ((parts[part].takes & 1u << i) != 0 && option[i] != NULL) {
			static char flags[IO + 1][24];

			snprintf(name, sizeof(name), "%s", specs[i].name);
			snprintf(flags[i], sizeof(flags[i]), "--%s", name);
			argument[n++] = flags[i];
			argument[n++] = option[i];
		}
	in_directory(text, parts[part].name, ".txt");
	log_info("%s", parts[part].name);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int fd = open(text, O_WRONLY | O_CREAT | O_TRUNC, 0666);

		if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(STATUS_FAILED);
		status = parts[part].main((int)n, (char **)(uintptr_t)argument);
		fflush(NULL);
		_exit(status);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void include(FILE *out, const char *name, const char *suffix, bool quote)
{
	char path[PATH_MAX], line[4096];
	FILE *f;

	in_directory(path, name, suffix);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (!quote) {
			fputs(line, out);
			continue;
		}
		line[strcspn(line, "\n")] = '\0';
		svg_text(out, line);
		fputc('\n', out);
	}
	if (f != NULL)
		fclose(f);
}

static bool write_page(void)
{
	char path[PATH_MAX];
	FILE *out;
	bool ok;

	in_directory(path, "report", ".html");
	out = fopen(path, "we");
	if (out == NULL) {
		log_error("%s: %s", path, strerror(errno));
		return false;
	}
	fputs("<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>\n"
	      "<title>zwinger bench</title>\n<style>body{font-family:sans-serif;margin:2em}"
	      "pre{font-size:11px;overflow-x:auto}</style></head><body>\n"
	      "<h1>zwinger bench</h1>\n",
	      out);
	for (unsigned i = 0; i < PARTS; i++) {
		if (parts[i].takes == 0 && option[IO] == NULL)
			continue;
		fprintf(out, "<h2>%s</h2>\n", parts[i].title);
		include(out, parts[i].name, ".svg", false);
		fputs("<pre>\n", out);
		include(out, parts[i].name, ".txt", true);
		fputs("</pre>\n", out);
	}
	fputs("</body></html>\n", out);
	ok = !ferror(out);
	ok = fclose(out) == 0 && ok;
	if (ok)
		printf("%s\n", path);
	return ok;
}

int all_main(int argc, char **argv)
{
	bool ok = true;

	switch (options_parse(specs, argc, argv, 2, set, NULL)) {
	case OPTIONS_HELP:
		puts("usage: zwinger bench all --report DIR [OPTION]...\n\n"
		     "Every benchmark, one after the other, and one page of HTML of them all.\n");
		options_print(specs);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (option[REPORT] == NULL) {
		log_error("--report DIR is needed");
		return STATUS_USAGE;
	}
	if (mkdir(option[REPORT], 0777) < 0 && errno != EEXIST) {
		log_error("%s: %s", option[REPORT], strerror(errno));
		return STATUS_NO_FILE;
	}
	for (unsigned i = 0; i < PARTS; i++) {
		if (parts[i].takes == 0 && option[IO] == NULL)
			continue;
		if (!run(i)) {
			log_error("%s: see %s/%s.txt", parts[i].name, option[REPORT],
				  parts[i].name);
			ok = false;
		}
	}
	return write_page() && ok ? STATUS_OK : STATUS_FAILED;
}

int io_main(int argc, char **argv)
{
	static char script[] = ZW_SOURCE "/bench/io";

	if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
		puts("usage: zwinger bench io [OPTION]...\n\n"
		     "Disk, network and console throughput of a guest under zwinger and QEMU, in turn, by fio and\n"
		     "iperf3. Runs bench/io of the source tree that this program was built from, since the guest is\n"
		     "made there; bench/io --help tells the options.");
		return STATUS_OK;
	}
	if (access(script, X_OK) < 0) {
		log_error("%s: %s; the guest is made in the source tree", script,
			  strerror(errno));
		return STATUS_NO_FILE;
	}
	argv[1] = script;
	execv(script, argv + 1);
	log_error("%s: %s", script, strerror(errno));
	return STATUS_FAILED;
}
