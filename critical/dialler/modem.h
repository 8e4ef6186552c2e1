/* SPDX-License-Identifier: ISC */
/*
 * The real modem. The only code that writes to its line: from a closed set of commands and a
 * canonical number. What it says is parsed into a closed set of events; the rest is ignored.
 */
#ifndef DIALLER_MODEM_H
#define DIALLER_MODEM_H

#include "number.h"

enum modem_command { MODEM_INIT, MODEM_DIAL, MODEM_HANG_UP, MODEM_ANSWER, MODEM_TONE };

enum modem_event {
	MODEM_NOTHING,
	MODEM_OK,
	MODEM_ERROR,
	MODEM_CONNECT,
	MODEM_RING,
	MODEM_CALLER, /* who rings: modem->caller, "" if that is withheld */
	MODEM_NO_CARRIER,
	MODEM_BUSY,
	MODEM_NO_ANSWER,
	MODEM_NO_DIALTONE,
	MODEM_GONE,
};

#define MODEM_REPLY 64 /* characters of a line; a longer one is ignored */

struct modem {
	int tty; /* does not block */
	char line[MODEM_REPLY];
	size_t len;
	bool too_long;
	char caller[PROMPT_NUMBER];
	char out[128];
	size_t out_len;
};

/* number: of MODEM_DIAL; tone: of MODEM_TONE, one of 0-9 * # A-D. False: the line is stuck. */
bool modem_send(struct modem *m, enum modem_command c, const struct number *number, char tone);

/* Writes what could not be written before. */
void modem_flush(struct modem *m);

/* Reads at most one event; call it until MODEM_NOTHING. */
enum modem_event modem_read(struct modem *m);

#endif /* DIALLER_MODEM_H */
