/* SPDX-License-Identifier: ISC */
#include "options.h"

#include "log.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64
#define WORD_MAX  32

/* Levenshtein's distance, of words shorter than WORD_MAX. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t m = strlen(b);

	if (strlen(a) >= WORD_MAX || m >= WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned change = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			row[j] = row[j] + 1 < change ? row[j] + 1 : change;
			row[j] = row[j - 1] + 1 < row[j] ? row[j - 1] + 1 : row[j];
		}
	}
	return row[m];
}

const char *options_nearest(const char *text, const char *const *list)
{
	const char *best = NULL;
	unsigned least = 4;

	for (; *list != NULL; list++) {
		unsigned d = distance(text, *list);

		if (d < least && d < strlen(*list)) {
			least = d;
			best = *list;
		}
	}
	return best;
}

/* name is what stands between the dashes and a '=', if any. */
static enum options_result unknown(const struct option_spec *table, const char *name,
				   size_t len)
{
	const char *names[NAMES_MAX + 1] = { NULL }, *nearest;
	char word[WORD_MAX] = "";

	for (unsigned i = 0; i < NAMES_MAX && table[i].name != NULL; i++)
		names[i] = table[i].name;
	if (len < sizeof(word))
		memcpy(word, name, len);
	nearest = options_nearest(word, names);
	if (nearest != NULL)
		log_error("unknown option '--%.*s'; did you mean '--%s'?", (int)len, name,
			  nearest);
	else
		log_error("unknown option '--%.*s'; see --help", (int)len, name);
	return OPTIONS_BAD;
}

enum options_result options_parse(const struct option_spec *table, int argc, char **argv,
				  int first, options_set *set, void *state)
{
	for (int i = first; i < argc; i++) {
		const char *name = argv[i], *equals, *value = NULL;
		unsigned at = 0;
		size_t len;

		if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
			return OPTIONS_HELP;
		if (strncmp(name, "--", 2) != 0 || name[2] == '\0') {
			log_error("unexpected word '%s'; options begin with '--', see --help",
				  name);
			return OPTIONS_BAD;
		}
		name += 2;
		equals = strchr(name, '=');
		len = equals != NULL ? (size_t)(equals - name) : strlen(name);
		while (table[at].name != NULL && (strlen(table[at].name) != len ||
						  memcmp(table[at].name, name, len) != 0))
			at++;
		if (table[at].name == NULL)
			return unknown(table, name, len);
		if (table[at].value == NULL && equals != NULL) {
			log_error("--%s takes no value", table[at].name);
			return OPTIONS_BAD;
		}
		if (table[at].value != NULL) {
			value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
			if (value == NULL) {
				log_error("--%s needs a value: --%s %s", table[at].name,
					  table[at].name, table[at].value);
				return OPTIONS_BAD;
			}
		}
		if (!set(state, at, value))
			return OPTIONS_BAD;
	}
	return OPTIONS_OK;
}

void options_print(const struct option_spec *table)
{
	for (; table->name != NULL; table++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", table->name,
			 table->value != NULL ? table->value : "");
		printf(strlen(left) > 20 ? "  %s\n  %20s %s\n" : "  %-20s%s %s\n", left, "",
		       table->help);
	}
	printf("  %-20s %s\n", "--help", "this text");
}
