/* SPDX-License-Identifier: ISC */
#include "at.h"

#include <stdio.h>
#include <string.h>

enum { S_CR = 3, S_LF = 4, S_BACKSPACE = 5 };

/* What can follow a letter, V.250 6: a decimal number up to a limit; answered OK, and kept where
 * it changes the form of answers. */
static const struct {
	char letter;
	uint8_t max;
} basic[] = { { 'E', 1 }, { 'Q', 1 }, { 'V', 1 }, { 'X', 4 }, { 'L', 3 },
	      { 'M', 3 }, { 'H', 0 }, { 'Z', 0 }, { 'I', 9 }, { 'O', 1 } };

/* Extended commands are compared whole; what they say has no effect, or there is one answer. */
static const struct {
	const char *command, *answer; /* NULL: only OK */
} extended[] = {
	{ "+GMI", "Zwinger" },
	{ "+GMM", "Number display" },
	{ "+GMR", "1" },
	{ "+CGMI", "Zwinger" },
	{ "+CGMM", "Number display" },
	{ "+CGMR", "1" },
	{ "+CPIN?", "+CPIN: READY" },
	{ "+CSQ", "+CSQ: 31,99" },
	{ "+CREG?", "+CREG: 0,1" },
	{ "+CLIP=0", NULL },
	{ "+CLIP=1", NULL },
	{ "+CMEE=0", NULL },
	{ "+FCLASS=0", NULL },
	{ "+FCLASS=8", NULL },
	{ "+FCLASS?", "0" },
	{ "+GCAP", "+GCAP: +CGSM" },
	{ "&F", NULL },
	{ "&F0", NULL },
	{ "&C0", NULL },
	{ "&C1", NULL },
	{ "&D0", NULL },
	{ "&D1", NULL },
	{ "&D2", NULL },
	{ "&K0", NULL },
	{ "&K3", NULL },
};

void at_init(struct at *a)
{
	memset(a, 0, sizeof(*a));
	a->echo = a->verbose = true;
	a->s[S_CR] = '\r';
	a->s[S_LF] = '\n';
	a->s[S_BACKSPACE] = '\b';
}

static void put(struct at *a, const char *text, size_t len)
{
	if (len <= sizeof(a->out) - a->out_len) {
		memcpy(a->out + a->out_len, text, len);
		a->out_len += len;
	}
}

/* A line of information or a verbose result code, V.250 5.7.1. */
static void put_framed(struct at *a, const char *text)
{
	char framed[64];
	int n = snprintf(framed, sizeof(framed), "%c%c%s%c%c", a->s[S_CR], a->s[S_LF], text,
			 a->s[S_CR], a->s[S_LF]);

	if (a->verbose)
		put(a, framed, (size_t)n);
	else
		put(a, framed + 2, (size_t)n - 2);
}

void at_result(struct at *a, enum at_result r)
{
	static const struct {
		const char *text;
		char code;
	} results[] = {
		[AT_OK] = { "OK", '0' },
		[AT_RING] = { "RING", '2' },
		[AT_NO_CARRIER] = { "NO CARRIER", '3' },
		[AT_ERROR] = { "ERROR", '4' },
		[AT_NO_DIALTONE] = { "NO DIALTONE", '6' },
		[AT_BUSY] = { "BUSY", '7' },
		[AT_NO_ANSWER] = { "NO ANSWER", '8' },
	};

	if (a->quiet)
		return;
	if (a->verbose)
		put_framed(a, results[r].text);
	else
		put(a, (const char[]){ results[r].code, (char)a->s[S_CR] }, 2);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Digits at *at, at most three; none are 0. */
static unsigned number(const char **at)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 3 && **at >= '0' && **at <= '9'; i++, (*at)++)
		n = n * 10 + (unsigned)(**at - '0');
	return n;
}

/* ATSn=v and ATSn?; automatic answering stays off whatever is written. False: ERROR. */
static bool obey_register(struct at *a, const char **at)
{
	unsigned n = number(at), v;
	char text[8];

	if (n >= sizeof(a->s))
		return false;
	if (**at == '?') {
		(*at)++;
		snprintf(text, sizeof(text), "%03u", a->s[n]);
		put_framed(a, text);
		return true;
	}
	if (**at != '=')
		return false;
	(*at)++;
	v = number(at);
	if (v > 255 || (n <= S_BACKSPACE && n >= S_CR && v > 127))
		return false;
	if (n != 0)
		a->s[n] = (uint8_t)v;
	return true;
}

static bool obey_basic(struct at *a, const char **at, enum at_action *action)
{
	char letter = upper(**at);
	unsigned v;

	(*at)++;
	if (letter == 'S')
		return obey_register(a, at);
	if (letter == 'A') {
		*action = AT_ANSWER;
		return true;
	}
	v = number(at);
	for (unsigned i = 0; i < sizeof(basic) / sizeof(basic[0]); i++) {
		if (basic[i].letter != letter)
			continue;
		if (v > basic[i].max)
			return false;
		if (letter == 'E')
			a->echo = v != 0;
		if (letter == 'Q')
			a->quiet = v != 0;
		if (letter == 'V')
			a->verbose = v != 0;
		if (letter == 'I')
			put_framed(a, "Zwinger number display");
		if (letter == 'H' || letter == 'Z')
			*action = AT_HANG_UP;
		return true;
	}
	return false;
}

/* Up to a ';' or the end of the line. */
static bool obey_extended(struct at *a, const char **at)
{
	size_t len = strcspn(*at, ";");

	for (unsigned i = 0; i < sizeof(extended) / sizeof(extended[0]); i++) {
		const char *c = extended[i].command;
		size_t n = 0;

		while (n < len && c[n] != '\0' && upper((*at)[n]) == c[n])
			n++;
		if (c[n] != '\0' || (c[0] == '+' && n != len))
			continue;
		if (extended[i].answer != NULL)
			put_framed(a, extended[i].answer);
		*at += n;
		*at += **at == ';';
		return true;
	}
	return false;
}

/* The commands of a line, after its AT. The first that is wrong ends it. */
static enum at_action obey(struct at *a, const char *at)
{
	enum at_action action = AT_NOTHING;

	while (*at != '\0' && action == AT_NOTHING) {
		if (*at == ' ') {
			at++;
		} else if (upper(*at) == 'D') {
			at++;
			at += upper(*at) == 'T' || upper(*at) == 'P';
			a->dial_at = (size_t)(at - a->line);
			a->dial_len = strlen(at);
			/* "A voice call": the only kind there is. */
			if (a->dial_len > 0 && at[a->dial_len - 1] == ';')
				a->dial_len--;
			return AT_DIAL;
		} else if (*at == '+' || *at == '&') {
			if (!obey_extended(a, &at))
				return AT_RESULT_ERROR;
		} else if (!obey_basic(a, &at, &action)) {
			return AT_RESULT_ERROR;
		}
	}
	return action;
}

static enum at_action end_line(struct at *a)
{
	enum at_action action;
	bool too_long = a->too_long;
	size_t len = a->len;

	a->line[len] = '\0';
	a->len = 0;
	a->too_long = false;
	/* A NUL within would hide what is behind it. */
	if (too_long || (strlen(a->line) != len && len > 0)) {
		at_result(a, AT_ERROR);
		return AT_NOTHING;
	}
	if (len < 2 || upper(a->line[0]) != 'A' || upper(a->line[1]) != 'T')
		return AT_NOTHING; /* not for a modem */
	memcpy(a->last, a->line, sizeof(a->last));
	action = obey(a, a->line + 2);
	if (action == AT_RESULT_ERROR) {
		at_result(a, AT_ERROR);
		return AT_NOTHING;
	}
	if (action == AT_NOTHING)
		at_result(a, AT_OK);
	return action;
}

enum at_action at_input(struct at *a, uint8_t byte)
{
	if (a->echo)
		put(a, (const char *)&byte, 1);
	if (byte == a->s[S_CR])
		return end_line(a);
	if (byte == a->s[S_LF])
		return AT_NOTHING;
	if (byte == a->s[S_BACKSPACE]) {
		a->len -= a->len > 0;
		return AT_NOTHING;
	}
	if (a->len == AT_LINE)
		a->too_long = true;
	else
		a->line[a->len++] = (char)byte;
	/* "A/" repeats at once, V.250 5.2.4. */
	if (a->len == 2 && upper(a->line[0]) == 'A' && a->line[1] == '/') {
		memcpy(a->line, a->last, sizeof(a->line));
		a->len = strlen(a->line);
		return end_line(a);
	}
	return AT_NOTHING;
}
