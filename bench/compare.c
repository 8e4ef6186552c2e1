/* SPDX-License-Identifier: ISC */
#include "compare.h"

#include "json.h"
#include "log.h"
#include "options.h"
#include "results.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATIO	1.05
#define P_VALUE 0.01

static const struct option_spec specs[] = {
	{ "ratio", "R",
	  "a median that became worse by more than this is a regression (default: 1.05)" },
	{ "p", "P", "if chance explains it with less than this probability (default: 0.01)" },
	{ 0 },
};

struct limits {
	double ratio, p;
};

static bool set(void *state, unsigned index, const char *value)
{
	struct limits *l = state;
	char *end;
	double v = strtod(value, &end);

	if (*end != '\0' || end == value || (index == 0 ? v < 1 : v <= 0 || v >= 1)) {
		log_error(index == 0 ? "--ratio: '%s' is not a number of 1 or more"
				     : "--p: '%s' is not a number between 0 and 1",
			  value);
		return false;
	}
	*(index == 0 ? &l->ratio : &l->p) = v;
	return true;
}

static char *whole_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t len = 0, room = 0;

	while (f != NULL && !feof(f) && !ferror(f)) {
		if (room - len < 2) {
			char *more = realloc(text, room = 2 * room + 65536);

			if (more == NULL)
				break;
			text = more;
		}
		len += fread(text + len, 1, room - len - 1, f);
		text[len] = '\0';
	}
	if (f == NULL)
		log_error("%s: %s", path, strerror(errno));
	else
		fclose(f);
	return text;
}

/* The file's array of series, or NULL with a line logged. */
static const struct json *read_results(const char *path, char kind[16])
{
	char *text = whole_file(path);
	const struct json *file, *series;
	size_t where = 0;

	if (text == NULL)
		return NULL;
	file = json_read(text, &where);
	series = json_member(file, "series");
	if (file == NULL)
		log_error("%s: not JSON, at byte %zu", path, where);
	else if (strcmp(json_text(file, "format"), RESULTS_FORMAT) != 0 || series == NULL ||
		 series->kind != JSON_ARRAY)
		log_error("%s: not a file that zwinger bench --json has written", path);
	else {
		snprintf(kind, 16, "%s", json_text(file, "kind"));
		return series;
	}
	return NULL;
}

static double *samples(const struct json *s, size_t *count)
{
	const struct json *list = json_member(s, "samples");
	double *out;

	*count = 0;
	if (list == NULL)
		return NULL;
	for (const struct json *i = list->item; i != NULL; i = i->next)
		++*count;
	out = calloc(*count + 1, sizeof(*out));
	*count = 0;
	for (const struct json *i = list->item; i != NULL && out != NULL; i = i->next)
		out[(*count)++] = i->number;
	return out;
}

static const struct json *find(const struct json *list, const struct json *like)
{
	for (const struct json *s = list->item; s != NULL; s = s->next)
		if (strcmp(json_text(s, "row"), json_text(like, "row")) == 0 &&
		    strcmp(json_text(s, "side"), json_text(like, "side")) == 0 &&
		    strcmp(json_text(s, "unit"), json_text(like, "unit")) == 0)
			return s;
	return NULL;
}

/* True for a regression. */
static bool compare(const struct json *old, const struct json *new, const struct limits *l)
{
	const struct json *a = json_member(old, "p50"), *b = json_member(new, "p50");
	bool more = strcmp(json_text(new, "better"), "more") == 0, sure, worse, better;
	size_t a_count, b_count;
	double *x = samples(old, &a_count), *y = samples(new, &b_count), ratio, p;

	if (a == NULL || b == NULL || a->number <= 0 || b->number <= 0)
		return false;
	ratio = more ? a->number / b->number : b->number / a->number;
	p = statistics_mann_whitney(x, a_count, y, b_count);
	free(x);
	free(y);
	sure = p < l->p;
	worse = sure && ratio > l->ratio;
	better = sure && ratio < 1 / l->ratio;
	printf("%-24s %-14s %12.6g %12.6g %-7s %7.3f  %8.2g  %s\n", json_text(new, "row"),
	       json_text(new, "side"), a->number, b->number, json_text(new, "unit"),
	       b->number / a->number, p,
	       worse	? "WORSE"
	       : better ? "better"
			: "");
	return worse;
}

int compare_main(int argc, char **argv)
{
	struct limits limits = { RATIO, P_VALUE };
	const char *help =
		"usage: zwinger bench compare OLD.json NEW.json [OPTION]...\n\n"
		"Exit status 1 if a median became worse beyond the ratio and chance does not explain it\n"
		"(Mann-Whitney, two-sided).\n";
	const struct json *old, *new;
	char old_kind[16], new_kind[16];
	unsigned compared = 0, worse = 0, alone = 0;
	bool named = argc > 3 && argv[2][0] != '-' && argv[3][0] != '-';

	if (!named && argc > 2 && argv[2][0] != '-') {
		log_error("two files are needed: zwinger bench compare OLD.json NEW.json");
		return STATUS_USAGE;
	}
	switch (options_parse(specs, argc, argv, named ? 4 : 2, set, &limits)) {
	case OPTIONS_HELP:
		puts(help);
		options_print(specs);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (!named) {
		log_error("two files are needed: zwinger bench compare OLD.json NEW.json");
		return STATUS_USAGE;
	}
	old = read_results(argv[2], old_kind);
	new = read_results(argv[3], new_kind);
	if (old == NULL || new == NULL)
		return STATUS_NO_FILE;
	if (strcmp(old_kind, new_kind) != 0) {
		log_error("%s is of '%s', %s of '%s'", argv[2], old_kind, argv[3], new_kind);
		return STATUS_USAGE;
	}
	printf("%-24s %-14s %12s %12s %-7s %7s  %8s\n", "", "", "old", "new", "", "new/old",
	       "p");
	for (const struct json *s = new->item; s != NULL; s = s->next) {
		const struct json *before = find(old, s);

		if (json_member(s, "p50") == NULL)
			continue;
		if (before == NULL || json_member(before, "p50") == NULL) {
			alone++;
			continue;
		}
		compared++;
		worse += compare(before, s, &limits);
	}
	printf("\n%u compared, %u worse by more than %g (p < %g)", compared, worse,
	       limits.ratio, limits.p);
	printf(alone > 0 ? "; %u only in the new file\n" : "\n", alone);
	if (compared == 0) {
		log_error("the files have nothing in common");
		return STATUS_NO_FILE;
	}
	return worse > 0 ? 1 : STATUS_OK;
}
