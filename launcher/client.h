/* SPDX-License-Identifier: ISC */
/* The other side of the control socket: finds a running system and asks it something. */
#ifndef CLIENT_H
#define CLIENT_H

#include "control.h"

#include <stdbool.h>
#include <stddef.h>

#define CLIENT_SYSTEMS 32

/* The names of the systems that run; returns how many. Sockets nobody listens at are passed over. */
unsigned client_list(char names[CLIENT_SYSTEMS][32]);

/*
 * Connects to a system by name; NULL: to the only one that runs. -1: one line has been logged.
 * The name it has is put into found.
 */
int client_connect(const char *name, char found[32]);

/* Asks; the answer is text up to its end of file. False: logged. */
bool client_ask(int system, enum control_question q, char *answer, size_t size);

/* The same without a limit, for free(); fd: what goes along, or -1. NULL: logged. */
char *client_fetch(int system, enum control_question q, int fd);

/* Gives this terminal to the display; returns when it lets go. The terminal is as it was before.
 * False: the system has ended or has no display; a line has been printed. */
bool client_attach(int system);

#endif /* CLIENT_H */
