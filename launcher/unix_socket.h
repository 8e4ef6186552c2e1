/* SPDX-License-Identifier: ISC */
/*
 * Unix stream sockets with names in the file system, and descriptors sent through sockets. What
 * listens is for the user alone (mode 0600), and its name goes when this process exits.
 */
#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Listens at path, without blocking. A socket that nobody listens at any more is replaced, nothing
 * else is. -1: one line, beginning with the option, has been logged.
 */
int unix_listen(const char *option, const char *path);

/* Connects, at once or not at all; the descriptor does not block. -1: errno. */
int unix_connect(const char *path);

/*
 * For a program that wants to accept: a socket that listens under no name of the file system, and
 * the one connection to it, which is ours. Both block. False: errno.
 */
bool unix_listen_for(int *listening, int *connected);

/* The socket at path is another process's from now on: its name stays when this one exits. */
void unix_give_away(const char *path);

/* The other side of that: a listening socket becomes ours, its name too. False: it is none. */
bool unix_adopt(int fd);

/* Takes one message and at most one descriptor (else -1), which is the caller's; further ones are
 * closed by the kernel. Returns what recvmsg() does, without waiting. */
ssize_t unix_receive(int socket, void *message, size_t size, int *fd);

/* Sends one message and, unless it is -1, a descriptor. False if that is not possible now. */
bool unix_send(int socket, const void *message, size_t size, int fd);

/* Tells the service manager that has started us, if one has; sd_notify(3). */
void unix_notify(const char *message);

#endif /* UNIX_SOCKET_H */
