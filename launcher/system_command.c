/* SPDX-License-Identifier: ISC */
#include "system_command.h"

#include "client.h"
#include "host.h"
#include "options.h"
#include "system.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct option_spec options[] = {
	{ "display", NULL, "attach this terminal to the trusted display; Ctrl-] d detaches" },
	{ "drm", NULL,
	  "use the screen and the keyboards that the manifest grants the display" },
	{ "log", "FILE",
	  "where log lines go while a terminal is attached (default: beside the socket)" },
	{ "metrics", "PATH", "statistics for Prometheus, by HTTP at a Unix socket" },
	{ 0 },
};
enum { DISPLAY, DRM, LOG, METRICS };

struct request {
	bool display, drm;
	const char *log, *metrics;
};

/* As it is meant where the command was typed, wherever the manifest is. */
static const char *absolute(const char *path)
{
	static char text[2 * PATH_MAX];
	char here[PATH_MAX];

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		return path;
	snprintf(text, sizeof(text), "%s/%s", here, path);
	return text;
}

static bool set(void *state, unsigned index, const char *value)
{
	struct request *r = state;

	r->display |= index == DISPLAY;
	r->drm |= index == DRM;
	if (index == LOG)
		r->log = value;
	if (index == METRICS)
		r->metrics = absolute(value);
	return true;
}

static struct manifest manifest;

static int run_here(const struct request *r, int ready_fd)
{
	static struct system s;
	enum status st;

	s.manifest = &manifest;
	s.drm = r->drm;
	s.control.metrics = r->metrics != NULL ? unix_listen("--metrics", r->metrics) : -1;
	if (r->metrics != NULL && s.control.metrics < 0)
		return STATUS_NO_FILE;
	st = system_open(&s);
	return st == STATUS_OK ? system_run(&s, ready_fd) : (int)st;
}

/* Where the log goes once a terminal shows something else. */
static int open_log(const struct request *r, char path[PATH_MAX])
{
	int fd;

	if (r->log != NULL)
		snprintf(path, PATH_MAX, "%s", r->log);
	else
		snprintf(path, PATH_MAX, "%s/%s.log", control_directory(), manifest.name);
	if (r->log == NULL)
		(void)mkdir(control_directory(), 0700);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		log_error("--log: cannot open '%s': %s", path, strerror(errno));
	return fd;
}

/* The system in a process of its own; this one keeps the terminal. */
static int run_attached(const struct request *r)
{
	char path[PATH_MAX], found[32], byte;
	int ready[2], log = open_log(r, path), st = 0, system;
	pid_t pid;

	if (log < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return STATUS_FAILED;
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		close(ready[0]);
		dup2(log, STDERR_FILENO);
		exit(run_here(r, ready[1]));
	}
	close(ready[1]);
	if (pid < 0 || (read(ready[0], &byte, 1) < 0 && errno != EINTR)) {
		log_error("fork: %s", strerror(errno));
		return STATUS_FAILED;
	}
	if (waitpid(pid, &st, WNOHANG) == 0) {
		system = client_connect(manifest.name, found);
		if (system >= 0 && client_attach(system)) {
			log_info(
				"detached; `zwinger display %s` attaches again, `zwinger stop %s` "
				"ends the system",
				found, found);
			return STATUS_OK;
		}
		if (system >= 0)
			close(system);
		while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
			;
	}
	log_info("the system has ended; its log is %s", path);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

int system_main(int argc, char **argv)
{
	struct request r = { .log = NULL };

	switch (options_parse(options, argc, argv, 3, set, &r)) {
	case OPTIONS_HELP:
		puts("usage: zwinger run FILE [OPTION]...\n\n"
		     "Runs the system that the manifest FILE (.dts or .dtb) describes.\n");
		options_print(options);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (!manifest_read(&manifest, argv[2]))
		return STATUS_USAGE;
	if (manifest.directory[0] != '\0' && chdir(manifest.directory) < 0) {
		log_error("'%s': %s", manifest.directory, strerror(errno));
		return STATUS_NO_FILE;
	}
	return r.display ? run_attached(&r) : run_here(&r, -1);
}

/* The one optional word of a command; false: wrong usage, or --help was printed. */
static bool take_name(int argc, char **argv, const char *usage, const char **name, int *status)
{
	*name = argc > 2 ? argv[2] : NULL;
	*status = STATUS_USAGE;
	if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
		puts(usage);
		*status = STATUS_OK;
		return false;
	}
	if (argc <= 3 && (*name == NULL || (*name)[0] != '-'))
		return true;
	log_error("usage: %s", usage);
	return false;
}

int ps_main(int argc, char **argv)
{
	static char names[CLIENT_SYSTEMS][32], text[8192];
	unsigned n;
	const char *name;
	char found[32];
	int status, fd;

	if (!take_name(argc, argv, "zwinger ps [SYSTEM]: what runs, process by process", &name,
		       &status))
		return status;
	n = client_list(names);
	if (name != NULL) {
		n = 1;
		snprintf(names[0], sizeof(names[0]), "%s", name);
	}
	if (n == 0)
		puts("no system runs");
	for (unsigned i = 0; i < n; i++) {
		fd = client_connect(names[i], found);
		if (fd < 0)
			return STATUS_NO_FILE;
		if (!client_ask(fd, CONTROL_PS, text, sizeof(text)))
			return STATUS_FAILED;
		printf("%sSYSTEM %s\n%s", i > 0 ? "\n" : "", found, text);
		close(fd);
	}
	return STATUS_OK;
}

int stop_main(int argc, char **argv)
{
	char text[64], found[32];
	const char *name;
	int status, fd;

	if (!take_name(argc, argv, "zwinger stop [SYSTEM]: ends a running system", &name,
		       &status))
		return status;
	fd = client_connect(name, found);
	if (fd < 0)
		return STATUS_NO_FILE;
	return client_ask(fd, CONTROL_STOP, text, sizeof(text)) ? STATUS_OK : STATUS_FAILED;
}

int display_main(int argc, char **argv)
{
	const char *name;
	char found[32];
	int status, fd;

	if (!take_name(
		    argc, argv,
		    "zwinger display [SYSTEM]: attaches this terminal to the trusted display; "
		    "Ctrl-] d detaches",
		    &name, &status))
		return status;
	fd = client_connect(name, found);
	if (fd < 0)
		return STATUS_NO_FILE;
	return client_attach(fd) ? STATUS_OK : STATUS_FAILED;
}

/* Where the log of a running system is; a word with a '/' or a directory's name is one itself. */
static bool find_log(const char *word, char path[PATH_MAX])
{
	struct stat st;
	char found[32];
	int fd;

	if (word != NULL &&
	    (strchr(word, '/') != NULL || (stat(word, &st) == 0 && S_ISDIR(st.st_mode)))) {
		snprintf(path, PATH_MAX, "%s", word);
		return true;
	}
	fd = client_connect(word, found);
	if (fd < 0 || !client_ask(fd, CONTROL_AUDIT, path, PATH_MAX))
		return false;
	close(fd);
	if (path[0] == '\0')
		log_error("system %s has no auditor", found);
	return path[0] != '\0';
}

int audit_main(int argc, char **argv)
{
	static const char usage[] =
		"usage: zwinger audit show|follow|verify [SYSTEM|DIRECTORY] [OPTION]...";
	static char *environment[] = { NULL };
	bool named = argc > 3 && argv[3][0] != '-';
	char path[PATH_MAX], program[] = "zwinger-audit-log", *args[32] = { program };
	int count = 1, exe;

	if (argc < 3 || strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) {
		puts(usage);
		return argc < 3 ? STATUS_USAGE : STATUS_OK;
	}
	exe = host_open_program(program);
	if (exe < 0) {
		log_error("%s is not installed beside this program", program);
		return STATUS_FAILED;
	}
	if (!find_log(named ? argv[3] : NULL, path))
		return STATUS_NO_FILE;
	args[count++] = argv[2];
	args[count++] = path;
	for (int i = named ? 4 : 3; i < argc && count < 31; i++)
		args[count++] = argv[i];
	fcntl(exe, F_SETFD, 0);
	fexecve(exe, args, environment);
	log_error("%s: %s", program, strerror(errno));
	return STATUS_FAILED;
}
