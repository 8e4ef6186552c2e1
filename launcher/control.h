/* SPDX-License-Identifier: ISC */
/*
 * The control socket of a running system: who may connect is whoever may open its name, its owner.
 * One question, one answer, end of file; only a terminal stays connected, to the display.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <poll.h>
#include <stdint.h>

struct system;

#define CONTROL_CLIENTS 8
#define CONTROL_POLLS	(1 + CONTROL_CLIENTS)

enum control_question {
	CONTROL_PS = 1,	    /* answer: a table */
	CONTROL_STOP = 2,   /* ends the system; end of file when it has ended */
	CONTROL_ATTACH = 3, /* a terminal comes along; then bytes between client and display */
	CONTROL_AUDIT = 4,  /* answer: the absolute path of the log's directory */
};

struct control_message {
	uint32_t magic;	   /* CONTROL_MAGIC */
	uint32_t question; /* enum control_question */
};
#define CONTROL_MAGIC 0x5a57474cu

/* Bytes on the connection of a terminal: the client's that its size has changed; the display's
 * that it lets go of the terminal. */
#define CONTROL_RESIZED	 'W'
#define CONTROL_DETACHED 'D'

/* Where the sockets of the user's systems are; then that of one system. False: too long. */
const char *control_directory(void);
_Bool control_path(const char *name, char path[108]);

/* Listens. -1: one line has been logged. */
int control_listen(const char *name);

void control_poll(const struct system *s, struct pollfd p[CONTROL_POLLS]);
void control_polled(struct system *s, const struct pollfd p[CONTROL_POLLS]);

#endif /* CONTROL_H */
