/* SPDX-License-Identifier: ISC */
/*
 * vhost-user front end: the VMM's connection to one back end, a device process of ours or a
 * foreign one. Names and order of messages as in QEMU's docs/interop/vhost-user.rst.
 *
 * A back end is believed in nothing: an answer that is late, malformed or out of range makes the
 * connection lost. A lost connection stays lost until vhost_connect() is given a new socket; what
 * a guest had in flight is then handed on by the inflight region, if the back end has one.
 */
#ifndef VHOST_H
#define VHOST_H

#include "ram.h"
#include "vhost_user.h"

#define VHOST_QUEUES_MAX 66
#define VHOST_QUEUE_SIZE 256

/* One virtqueue, as the transport knows it. */
struct vhost_ring {
	bool enabled;		       /* by the driver */
	uint16_t size;		       /* elements; a power of two, at most VHOST_QUEUE_SIZE */
	uint64_t desc, driver, device; /* guest-physical; inside RAM once started */
	int kick_fd, call_fd;	       /* eventfds; owned */
};

struct vhost {
	int socket;    /* -1: lost */
	int events[2]; /* [0] ours, [1] the back end's: it tells of configuration changes */
	int error_fd;  /* eventfd: the back end found a ring that makes no sense */
	const struct ram *ram;
	uint64_t features; /* virtio features that the back end has */
	uint64_t protocol; /* protocol features that both have */
	unsigned queue_count;
	bool told_memory;
	int inflight_fd; /* -1: none */
	uint64_t inflight_size, inflight_offset;
};

/* Creates what outlives a connection. False: one line has been logged. */
bool vhost_init(struct vhost *v, const struct ram *ram) MUST_CHECK;

/*
 * Takes a socket over and learns what is behind it. queue_count 0: as many as the back end says.
 * False: the socket has been closed.
 */
bool vhost_connect(struct vhost *v, int socket, unsigned queue_count) MUST_CHECK;

/* Hangs up. */
void vhost_lose(struct vhost *v);

/* Reads the whole config space, size bytes / passes a driver's write on. */
bool vhost_read_config(struct vhost *v, void *config, uint32_t size) MUST_CHECK;
bool vhost_write_config(struct vhost *v, uint32_t offset, const void *data,
			uint32_t len) MUST_CHECK;

/*
 * Hands the enabled rings to the back end, which begins to serve them; `features` is what the
 * driver accepted. resume: they were being served when the connection was lost. If it is lost
 * now, whoever waits for it to be lost finds out.
 */
void vhost_start(struct vhost *v, uint64_t features, const struct vhost_ring *ring,
		 bool resume);

/* Takes all rings back and resets the device. Nothing touches them afterwards. */
void vhost_reset(struct vhost *v, const struct vhost_ring *ring);

/* True if the back end has said that its config space changed. */
bool vhost_config_changed(struct vhost *v);

#endif /* VHOST_H */
