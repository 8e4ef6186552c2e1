/* SPDX-License-Identifier: ISC */
#include "stat_command.h"

#include "client.h"
#include "log.h"
#include "number.h"
#include "options.h"
#include "stat_view.h"
#include "status.h"
#include "timing.h"
#include "unix_socket.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct option_spec options[] = {
	{ "json", NULL, "one line of JSON each time" },
	{ "once", NULL, "what there is now, then end; no rates" },
	{ "interval", "SECONDS", "how often, 1 to 3600 (default: 2)" },
	{ "metrics", "PATH", "let the system serve Prometheus at this Unix socket, then end" },
	{ 0 },
};
enum { JSON, ONCE, INTERVAL, METRICS };

struct request {
	bool json, once;
	uint64_t interval_s;
	const char *metrics;
};

static bool set(void *state, unsigned index, const char *value)
{
	struct request *r = state;

	switch (index) {
	case JSON:
		r->json = true;
		return true;
	case ONCE:
		r->once = true;
		return true;
	case INTERVAL:
		if (number_parse(value, 1, 3600, &r->interval_s))
			return true;
		log_error("--interval: '%s' is not a number from 1 to 3600", value);
		return false;
	default:
		r->metrics = value;
		return true;
	}
}

/* The socket is made here, where its path is meant, and given away for as long as the system runs. */
static int serve_metrics(int system, const char *path)
{
	static char absolute[2 * PATH_MAX];
	char here[PATH_MAX], *answer;
	int socket;
	bool ok;

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		snprintf(absolute, sizeof(absolute), "%s", path);
	else
		snprintf(absolute, sizeof(absolute), "%s/%s", here, path);
	socket = unix_listen("--metrics", absolute);
	if (socket < 0)
		return STATUS_NO_FILE;
	answer = client_fetch(system, CONTROL_METRICS, socket);
	ok = answer != NULL && strcmp(answer, "OK\n") == 0;
	if (ok)
		unix_give_away(absolute);
	else
		log_error("--metrics: the system does not take it");
	free(answer);
	return ok ? STATUS_OK : STATUS_FAILED;
}

static void show(const struct stat_view *now, const struct stat_view *before, const char *name,
		 const struct request *r)
{
	struct timespec t;
	char clock[16];

	clock_gettime(CLOCK_REALTIME, &t);
	if (r->json) {
		stat_view_json(now, before, name, (double)t.tv_sec + (double)t.tv_nsec / 1e9,
			       stdout);
	} else {
		strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&t.tv_sec));
		if (!r->once && isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		printf("SYSTEM %s, %s\n", name, clock);
		stat_view_print(now, before, stdout);
		if (!r->once && !isatty(STDOUT_FILENO))
			putchar('\n');
	}
	fflush(stdout);
}

/* As client_connect(), but that nobody is there is no error. */
static int connect_again(const char *name)
{
	char path[108];

	return control_path(name, path) ? unix_connect(path) : -1;
}

/* Until the system ends, or whoever reads this. */
static int watch(int system, const char *name, const struct request *r)
{
	struct stat_view before = { .text = NULL }, now;

	for (;;) {
		char *text = client_fetch(system, CONTROL_STAT, -1);

		close(system);
		if (text != NULL && text[0] == '\0' && before.count > 0)
			break;
		if (text == NULL || !stat_view_init(&now, text, timing_now())) {
			log_error("the system says nothing that makes sense");
			return STATUS_FAILED;
		}
		show(&now, &before, name, r);
		stat_view_free(&before);
		before = now;
		if (r->once || ferror(stdout))
			return STATUS_OK;
		(void)sleep((unsigned)r->interval_s);
		system = connect_again(name);
		if (system < 0)
			break;
	}
	log_info("%s has ended", name);
	return STATUS_OK;
}

int stat_main(int argc, char **argv)
{
	struct request r = { .interval_s = 2 };
	bool named = argc > 2 && argv[2][0] != '-';
	char found[32];
	int system;

	switch (options_parse(options, argc, argv, named ? 3 : 2, set, &r)) {
	case OPTIONS_HELP:
		puts("usage: zwinger stat [NAME] [OPTION]...\n\n"
		     "Shows what a running system or VM does: processes, exits, queues, channels.\n");
		options_print(options);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	system = client_connect(named ? argv[2] : NULL, found);
	if (system < 0)
		return STATUS_NO_FILE;
	return r.metrics != NULL ? serve_metrics(system, r.metrics) : watch(system, found, &r);
}
