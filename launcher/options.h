/* SPDX-License-Identifier: ISC */
/* Command-line options from one table: parsing, help and suggestions agree because of it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct option_spec {
	const char *name;  /* without the dashes */
	const char *value; /* what stands behind it, for the help; NULL for a flag */
	const char *help;  /* one line */
};

/*
 * Called for each option: the index in the table and the value (NULL for a flag). False
 * ends the parsing; whoever says false has logged why.
 */
typedef bool options_set(void *state, unsigned index, const char *value);

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_BAD };

/*
 * Parses "--name value", "--name=value" and "--flag" from argv[first] on; the table ends with a
 * NULL name; if it is empty, set may be NULL. OPTIONS_HELP: --help was there. OPTIONS_BAD:
 * one line has been logged.
 */
enum options_result options_parse(const struct option_spec *table, int argc, char **argv,
				  int first, options_set *set, void *state);

/* The table as help text, on standard output. */
void options_print(const struct option_spec *table);

/* The entry of a list (ending with NULL) that text is most likely meant to be, or NULL. */
const char *options_nearest(const char *text, const char *const *list);

#endif /* OPTIONS_H */
