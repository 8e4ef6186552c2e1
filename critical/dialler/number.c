/* SPDX-License-Identifier: ISC */
#include "number.h"

#include <string.h>

#define DIGITS_MAX     (PROMPT_NUMBER - 2) /* and a '+', and the NUL */
#define SHORT_MAX      6     /* digits of a number that is not dialled with a trunk prefix */
#define CARRIER_PREFIX "010" /* call-by-call: another company's bill */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* text ends within size, and consists of digits after an optional '+'. */
static bool digits_only(const char *text, size_t size, bool plus)
{
	size_t i = plus && text[0] == '+' ? 1 : 0;

	while (i < size && digit(text[i]))
		i++;
	return i < size && text[i] == '\0';
}

bool number_settings_valid(const struct dialler_settings *s)
{
	if (!digits_only(s->country, sizeof(s->country), true) || s->country[0] != '+' ||
	    !digits_only(s->international, sizeof(s->international), false) ||
	    !digits_only(s->trunk, sizeof(s->trunk), false) || s->rule_count > DIALLER_RULES)
		return false;
	for (unsigned i = 0; i < s->rule_count; i++)
		if (!digits_only(s->rule[i].prefix, sizeof(s->rule[i].prefix), true) ||
		    s->rule[i].number_class < NUMBER_EMERGENCY ||
		    s->rule[i].number_class > NUMBER_PREMIUM)
			return false;
	return true;
}

static bool begins(const char *text, const char *with)
{
	return with[0] != '\0' && strncmp(text, with, strlen(with)) == 0;
}

/* Replaces the first `skip` characters by `with`. False: it does not fit. */
static bool replace(char text[PROMPT_NUMBER], size_t skip, const char *with)
{
	size_t front = strlen(with), rest = strlen(text + skip);
	char out[2 * PROMPT_NUMBER] = { 0 };

	memcpy(out, with, front);
	memcpy(out + front, text + skip, rest);
	if (front + rest >= PROMPT_NUMBER)
		return false;
	memcpy(text, out, PROMPT_NUMBER);
	return true;
}

/* Blanks and separators go; anything else but digits and a leading '+' is refused. */
static bool strip(const char *text, size_t len, char out[PROMPT_NUMBER])
{
	size_t n = 0, digits = 0;

	memset(out, 0, PROMPT_NUMBER);
	for (size_t i = 0; i < len; i++) {
		bool plus = text[i] == '+' && n == 0;

		/* strchr() would find the NUL. */
		if (text[i] != '\0' && strchr(" -/.()", text[i]) != NULL)
			continue;
		digits += digit(text[i]);
		if ((!digit(text[i]) && !plus) || digits > DIGITS_MAX)
			return false;
		out[n++] = text[i];
	}
	return digits > 0;
}

/* One form for each destination: national for this country's, '+' for any other's. */
static bool fold(const struct dialler_settings *s, char text[PROMPT_NUMBER])
{
	if (begins(text, s->international) && !replace(text, strlen(s->international), "+"))
		return false;
	if (text[0] == '+' && text[1] == '0')
		return false; /* no country begins so */
	if (begins(text, s->country) && !replace(text, strlen(s->country), s->trunk))
		return false;
	/* A national number that would read as another country's, if it were read again. */
	if (begins(text, s->international))
		return false;
	return strlen(text) > (text[0] == '+' ? 3u : 1u) && !begins(text, CARRIER_PREFIX);
}

static enum number_class class_without_rule(const struct dialler_settings *s, const char *text)
{
	if (text[0] == '+')
		return NUMBER_INTERNATIONAL;
	if (begins(text, s->trunk))
		return NUMBER_NATIONAL;
	return strlen(text) <= SHORT_MAX ? NUMBER_SHORT : NUMBER_LOCAL;
}

/* The longest prefix wins; an emergency number is one only as it is, without a tail. */
static const struct dialler_rule *find_rule(const struct dialler_settings *s, const char *text)
{
	const struct dialler_rule *best = NULL;

	for (unsigned i = 0; i < s->rule_count; i++) {
		const struct dialler_rule *r = &s->rule[i];

		if (!begins(text, r->prefix) ||
		    (r->number_class == NUMBER_EMERGENCY && strcmp(text, r->prefix) != 0))
			continue;
		if (best == NULL || strlen(r->prefix) > strlen(best->prefix))
			best = r;
	}
	return best;
}

bool number_decode(const struct dialler_settings *s, const char *text, size_t len,
		   struct number *n)
{
	const struct dialler_rule *r;

	memset(n, 0, sizeof(*n));
	if (!strip(text, len, n->text) || !fold(s, n->text))
		return false;
	r = find_rule(s, n->text);
	n->number_class =
		r != NULL ? (enum number_class)r->number_class : class_without_rule(s, n->text);
	n->cents_per_minute = r != NULL ? r->cents_per_minute : 0;
	n->cents_per_call = r != NULL ? r->cents_per_call : 0;
	return true;
}
