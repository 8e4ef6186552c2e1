/* SPDX-License-Identifier: ISC */
#include "modem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void modem_flush(struct modem *m)
{
	ssize_t n = m->out_len > 0 ? write(m->tty, m->out, m->out_len) : 0;

	if (n <= 0)
		return;
	m->out_len -= (size_t)n;
	memmove(m->out, m->out + n, m->out_len);
}

bool modem_send(struct modem *m, enum modem_command c, const struct number *number, char tone)
{
	char text[PROMPT_NUMBER + 16];
	int n = 0;

	switch (c) {
	case MODEM_INIT:
		n = snprintf(text, sizeof(text), "ATE0V1+CLIP=1\r");
		break;
	case MODEM_DIAL:
		n = snprintf(text, sizeof(text), "ATD%s;\r", number->text);
		break;
	case MODEM_HANG_UP:
		n = snprintf(text, sizeof(text), "ATH\r");
		break;
	case MODEM_ANSWER:
		n = snprintf(text, sizeof(text), "ATA\r");
		break;
	case MODEM_TONE:
		n = snprintf(text, sizeof(text), "AT+VTS=%c\r", tone);
		break;
	}
	if ((size_t)n > sizeof(m->out) - m->out_len)
		return false;
	memcpy(m->out + m->out_len, text, (size_t)n);
	m->out_len += (size_t)n;
	modem_flush(m);
	return true;
}

/* +CLIP: "number",type: only digits, and a '+' in front, are believed; else it is withheld. */
static void read_caller(struct modem *m, const char *text)
{
	size_t n = 0;

	memset(m->caller, 0, sizeof(m->caller));
	text += strspn(text, " ");
	if (*text++ != '"')
		return;
	while (n < PROMPT_NUMBER - 1 &&
	       ((text[n] >= '0' && text[n] <= '9') || (text[n] == '+' && n == 0)))
		n++;
	if (text[n] == '"' && n > 1)
		memcpy(m->caller, text, n);
}

static enum modem_event judge(struct modem *m)
{
	static const struct {
		const char *text;
		enum modem_event event;
	} replies[] = {
		{ "OK", MODEM_OK },
		{ "ERROR", MODEM_ERROR },
		{ "CONNECT", MODEM_CONNECT },
		{ "RING", MODEM_RING },
		{ "NO CARRIER", MODEM_NO_CARRIER },
		{ "BUSY", MODEM_BUSY },
		{ "NO ANSWER", MODEM_NO_ANSWER },
		{ "NO DIALTONE", MODEM_NO_DIALTONE },
	};

	for (unsigned i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		if (strcmp(m->line, replies[i].text) == 0)
			return replies[i].event;
	if (strncmp(m->line, "+CLIP:", 6) != 0)
		return MODEM_NOTHING;
	read_caller(m, m->line + 6);
	return MODEM_CALLER;
}

enum modem_event modem_read(struct modem *m)
{
	char c;
	ssize_t n;

	while ((n = read(m->tty, &c, 1)) == 1) {
		enum modem_event e = MODEM_NOTHING;

		if (c != '\r' && c != '\n') {
			m->too_long |= c == '\0' || m->len == sizeof(m->line) - 1;
			if (!m->too_long)
				m->line[m->len++] = c;
			continue;
		}
		m->line[m->len] = '\0';
		if (m->len > 0 && !m->too_long)
			e = judge(m);
		m->len = 0;
		m->too_long = false;
		if (e != MODEM_NOTHING)
			return e;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? MODEM_NOTHING : MODEM_GONE;
}
