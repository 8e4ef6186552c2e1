/* SPDX-License-Identifier: ISC */
#include "stat_text.h"

#include <stdlib.h>
#include <string.h>

void stat_text_family(FILE *f, const char *name, bool counter, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		counter ? "counter" : "gauge");
}

/* The format's three escapes; what is no printable ASCII has no business here. */
static void put_value(FILE *f, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', f);
		if (*value == '\n')
			fputs("\\n", f);
		else
			fputc(*value >= ' ' && *value <= '~' ? *value : '?', f);
	}
}

void stat_text_sample(FILE *f, const char *name, const struct stat_label *labels, double value,
		      int decimals)
{
	fputs(name, f);
	for (unsigned i = 0; labels[i].name != NULL; i++) {
		fprintf(f, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
		put_value(f, labels[i].value);
		fputc('"', f);
	}
	fprintf(f, "%s %.*f\n", labels[0].name != NULL ? "}" : "", decimals, value);
}

/* Ends a word of [a-z0-9_] that stop follows; moves on behind it. NULL: it is none. */
static char *take_word(char **at, char stop)
{
	char *word = *at;
	size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (len == 0 || word[len] != stop)
		return NULL;
	word[len] = '\0';
	*at = word + len + 1;
	return word;
}

/* Unescapes up to the closing quote and moves on behind it. NULL: there is none. */
static char *take_value(char **at)
{
	char *value = *at, *to = value;

	for (char *from = value; *from != '\0' && *from != '\n'; from++) {
		if (*from == '"') {
			*to = '\0';
			*at = from + 1;
			return value;
		}
		if (*from == '\\' && from[1] != '\0' && *++from == 'n')
			*to++ = '\n';
		else
			*to++ = *from;
	}
	return NULL;
}

static bool take_labels(char **at, struct stat_sample *s)
{
	for (unsigned i = 0; i < STAT_LABELS_MAX; i++) {
		s->label[i].name = take_word(at, '=');
		if (s->label[i].name == NULL || *(*at)++ != '"')
			return false;
		s->label[i].value = take_value(at);
		if (s->label[i].value == NULL)
			return false;
		if (**at == '}') {
			(*at)++;
			return true;
		}
		if (*(*at)++ != ',')
			return false;
	}
	return false;
}

bool stat_text_next(char **text, struct stat_sample *out)
{
	char *at, *end;

	while (**text == '#' || **text == '\n')
		*text += strcspn(*text, "\n") + (**text == '\n');
	at = *text;
	*out = (struct stat_sample){ .name = NULL };
	if (at[strcspn(at, "{ \n")] == '{') {
		out->name = take_word(&at, '{');
		if (out->name == NULL || !take_labels(&at, out) || *at++ != ' ')
			return false;
	} else {
		out->name = take_word(&at, ' ');
		if (out->name == NULL)
			return false;
	}
	out->value = strtod(at, &end);
	if (end == at || *end != '\n')
		return false;
	*text = end + 1;
	return true;
}

const char *stat_text_label(const struct stat_sample *s, const char *name)
{
	for (unsigned i = 0; s->label[i].name != NULL; i++)
		if (strcmp(s->label[i].name, name) == 0)
			return s->label[i].value;
	return "";
}
