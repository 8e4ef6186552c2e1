/* SPDX-License-Identifier: ISC */
/*
 * A guest without a virtual machine, for tests of what is beside it: the line for orders is a TCP port of
 * this host's loopback, as a forwarder in a guest makes it one of the guest's. What is typed on
 * stdin goes to the modem, and what the modem says comes out. Ends with the system or at SIGTERM.
 *
 * usage: played MANIFEST [PORT]
 */
#include "play.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int listen_at(uint16_t port)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0) {
		perror("played: the port cannot be listened at");
		exit(1);
	}
	return fd;
}

static struct play play;
static bool carrier; /* show-and-pay listens */

/* What the line says, until it is silent. True: it has hung up meanwhile. */
static bool pass_on(struct play_line *l, int client)
{
	struct modem_line m;
	bool hung_up = false;

	chan_silence(l->in.bell);
	while (play_recv(l, &m, 0)) {
		if (client >= 0 && m.count > 0)
			(void)!send(client, m.bytes, m.count, MSG_NOSIGNAL);
		carrier = (m.wires & MODEM_DCD) != 0;
		hung_up |= !carrier;
	}
	return hung_up;
}

/* As much as there is, from a client to the line. False: the client has gone. */
static bool pass_in(struct play_line *l, int client)
{
	char bytes[4096];
	ssize_t n = read(client, bytes, sizeof(bytes));

	if (n > 0)
		play_send(l, bytes, (size_t)n, MODEM_DTR | MODEM_RTS);
	return n > 0;
}

int main(int argc, char **argv)
{
	enum { LISTEN, CLIENT, ORDERS, STDIN, MODEM, POLLS };
	struct play_line *orders = &play.line[VM_LINE_ORDERS],
			 *modem = &play.line[VM_LINE_MODEM];
	int client = -1, listener = -1, input = STDIN_FILENO;
	bool shop, dials;
	struct modem_line m;

	if (argc < 2)
		return 2;
	play_start(&play, argv[1]);
	if (argc > 2)
		listener = listen_at((uint16_t)atoi(argv[2]));
	shop = orders->in.data != NULL;
	dials = modem->in.data != NULL;
	if (dials)
		play_send(modem, NULL, 0, MODEM_DTR | MODEM_RTS);
	while (waitpid(play.system, NULL, WNOHANG) == 0) {
		struct pollfd p[POLLS] = {
			[LISTEN] = { .fd = client < 0 && carrier ? listener : -1 },
			[CLIENT] = { .fd = client },
			[ORDERS] = { .fd = shop ? orders->in.bell : -1 },
			[STDIN] = { .fd = dials ? input : -1 },
			[MODEM] = { .fd = dials ? modem->in.bell : -1 },
		};
		bool over = false;

		for (unsigned i = 0; i < POLLS; i++)
			p[i].events = POLLIN;
		poll(p, POLLS, 100);
		if (shop)
			over = pass_on(orders, client);
		if (p[CLIENT].revents != 0)
			over |= !pass_in(orders, client);
		if (over && client >= 0) {
			close(client);
			client = -1;
			play_send(orders, NULL, 0, 0);
		}
		if (p[LISTEN].revents != 0 && client < 0 &&
		    (client = accept(listener, NULL, NULL)) >= 0)
			play_send(orders, NULL, 0, MODEM_DTR | MODEM_RTS);
		if (p[STDIN].revents != 0 && !pass_in(modem, input))
			input = -1;
		if (dials)
			chan_silence(modem->in.bell);
		while (dials && play_recv(modem, &m, 0))
			(void)!write(STDOUT_FILENO, m.bytes, m.count);
	}
	return 0;
}
