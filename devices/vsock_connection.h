/* SPDX-License-Identifier: ISC */
/*
 * The streams between ports of the guest and sockets on the host (virtio 1.2, 5.10.6): a fixed
 * table, and for each a fixed buffer for what the host's end does not take at once; that buffer is
 * the credit the guest has. What the guest has to be told is a bit of its connection, so that
 * nothing it does makes a queue grow. No packets here, and no queues: those are vsock.c's.
 */
#ifndef VSOCK_CONNECTION_H
#define VSOCK_CONNECTION_H

#include "loop.h"
#include "virtq.h"

#define CONNECTIONS_MAX	  64
#define CONNECTION_BUFFER 65536u /* bytes from the guest; a power of two */

enum vsock_op { /* 5.10.6 */
		OP_REQUEST = 1,
		OP_RESPONSE = 2,
		OP_RST = 3,
		OP_SHUTDOWN = 4,
		OP_RW = 5,
		OP_CREDIT_UPDATE = 6,
		OP_CREDIT_REQUEST = 7,
};

/* Flags of SHUTDOWN, 5.10.6.5; permanent once said. */
enum { NO_RECEIVE = 1, NO_SEND = 2, NEITHER = NO_RECEIVE | NO_SEND };

enum connection_state {
	FREE,
	GREETING,  /* a client is to say which port it wants */
	REQUESTED, /* the guest is to answer */
	ASKED,	   /* the launcher is to answer */
	OPEN,
	DRAINING, /* the guest has gone; what it had sent is still on its way */
	ENDED,	  /* only a reset is still owed */
	CONNECTION_STATES,
};

/* Its fields are changed in vsock_connection.c, but for those that vsock.c alone knows of. */
struct connection {
	enum connection_state state;
	uint32_t generation; /* vsock.c's answer to an earlier use of this place is not ours */
	int fd;		     /* the host's end; -1: there is none yet, or no more */
	struct loop_source source;     /* watches it; not after a hang-up */
	uint32_t watched;	       /* for these events */
	bool readable;		       /* the host's end has something, or has ended */
	uint8_t host_done, guest_done; /* NO_RECEIVE, NO_SEND: what either has finished */
	uint8_t shut;	      /* of the host's end: NO_RECEIVE, NO_SEND of the guest's */
	uint64_t deadline_ns; /* 0: it may take as long as it likes */

	/* 5.10.6.3: credit. All counts wrap. */
	uint32_t sent;			    /* bytes to the guest */
	uint32_t forwarded, told_forwarded; /* bytes that the host's end has taken */

	/* vsock.c's */
	uint32_t guest_port, host_port;
	uint8_t owed; /* a bit for each op that the guest is to be told */
	uint32_t peer_alloc, peer_forwarded; /* as the guest says */
	bool asked;			     /* for credit, and not answered since */

	uint32_t start, filled; /* of buffer; while greeting: of the client's line */
	uint8_t *buffer;	/* CONNECTION_BUFFER bytes */
};

/* Empties the table; ready will be called with a connection whose host's end is. */
void connections_init(void (*ready)(void *arg, uint32_t events));

struct connection *connection_at(unsigned i);
unsigned connection_index(const struct connection *c);

/* The one that the guest knows by these ports, or NULL. */
struct connection *connection_find(uint32_t guest_port, uint32_t host_port);

/* A new one without a host's end, with so much time; NULL: the table is full. */
struct connection *connection_new(enum connection_state state, uint64_t patience_ns);

/* Takes the host's end over, which does not block; false: it is closed. */
bool connection_attach(struct connection *c, int fd);

/* From now on it has so much time; 0: as long as it likes. */
void connection_expect(struct connection *c, uint64_t patience_ns);

/* Forgets it, host's end and all. */
void connection_free(struct connection *c);

/* The same, but the guest is owed a reset if it ever heard of it. */
void connection_end(struct connection *c);

/* Bytes that the guest has room for. */
uint32_t connection_credit(const struct connection *c);

/* The host's end may have bytes that the guest would take. */
bool connection_sends(const struct connection *c);

/*
 * One read from the host's end into len bytes of the request; how many. 0: none came, or its end,
 * or it has failed; the connection knows.
 */
uint32_t connection_read(struct connection *c, struct virtq_req *req, uint64_t len);

/* len bytes of the request for the host's end. False: the guest may not send them. */
bool connection_write(struct connection *c, struct virtq_req *req, uint32_t len);

/* What the guest says of itself: NO_RECEIVE, NO_SEND. */
void connection_shutdown(struct connection *c, uint8_t flags);

/* The guest has reset it. */
void connection_reset(struct connection *c);

/* The host's end takes bytes again; or is gone. */
void connection_drain(struct connection *c);
void connection_hung_up(struct connection *c);

/* Watches the host's end for what makes a difference. */
void connection_watch(struct connection *c);

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t connection_now(void);

#endif /* VSOCK_CONNECTION_H */
