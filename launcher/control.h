/* SPDX-License-Identifier: ISC */
/*
 * The sockets of a running system or VM: its control socket, where one question gets one answer,
 * then end of file (only a terminal stays connected, to the display); and, if asked for, one where
 * its statistics are a page of HTTP. Who may connect is whoever may open its name, its owner.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "http.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONTROL_CLIENTS 8
#define CONTROL_POLLS	(2 + CONTROL_CLIENTS)

enum control_question {
	CONTROL_PS = 1,	    /* answer: a table */
	CONTROL_STOP = 2,   /* ends the system; end of file when it has ended */
	CONTROL_ATTACH = 3, /* a terminal comes along; then bytes between client and display */
	CONTROL_AUDIT = 4,  /* answer: the absolute path of the log's directory */
	CONTROL_STAT = 5,   /* answer: stat_text.h */
	CONTROL_METRICS =
		6, /* a listening socket comes along, for the same by HTTP; answer: OK */
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

/* Who answers. */
struct control_host {
	/*
	 * Answers into f, which becomes what the client reads; client and fd (-1: none came along)
	 * may be handed on, but stay the caller's. True if the client is to stay connected, unanswered.
	 */
	bool (*answer)(void *state, enum control_question q, int client, int fd, FILE *f);
	/* The statistics, into f. */
	void (*stat)(void *state, FILE *f);
	void *state;
};

struct control_client {
	int fd;	   /* 0: nobody */
	bool http; /* it came to the metrics socket */
	bool stays;
	char request[HTTP_REQUEST_MAX];
	size_t request_len;
	char *text; /* what is to be sent, from at on; NULL: it has not asked yet */
	size_t at, len;
};

/* Set the host; listeners are -1 or listening sockets that do not block; the rest is 0. */
struct control {
	struct control_host host;
	int listener, metrics;
	struct control_client client[CONTROL_CLIENTS];
	unsigned next_client;
};

/* Where the sockets of the user's systems are; then that of one system. False: too long. */
const char *control_directory(void);
bool control_path(const char *name, char path[108]);

/* Makes the directory, for this user alone. False: why holds a sentence. */
bool control_make_directory(char why[256]);

/* Listens at the control socket of a system. -1: one line has been logged. */
int control_listen(const char *name);

void control_poll(const struct control *c, struct pollfd p[CONTROL_POLLS]);
void control_polled(struct control *c, const struct pollfd p[CONTROL_POLLS]);

#endif /* CONTROL_H */
