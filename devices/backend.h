/* SPDX-License-Identifier: ISC */
/*
 * The vhost-user back end of a device process; names and order of messages as in QEMU's
 * docs/interop/vhost-user.rst. It owns guest memory, negotiation and rings, and calls the device
 * (device.h) for what the requests mean.
 *
 * The front end is a VMM, which may have been taken over: whatever it sends, it gets no more than
 * an end of this process.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include "device.h"
#include "vhost_user.h"

/* One queue's part of the inflight region; the parts are 64-byte aligned. */
#define BACKEND_INFLIGHT_SIZE(queue_size)                                                      \
	((sizeof(struct virtq_inflight) + 16u * (queue_size) + 63u) & ~(size_t)63)
#define BACKEND_INFLIGHT_MAX (DEVICE_QUEUES_MAX * BACKEND_INFLIGHT_SIZE(VIRTQ_SIZE_MAX))

/* Descriptors that a back end holds at most, beside those of the launcher and of the device. */
#define BACKEND_FDS_MAX (3 * DEVICE_QUEUES_MAX + 3 * VHOST_USER_REGIONS_MAX + 4)

/*
 * Invariant: device.mem is mapped, and region[i] is what is behind its region i. A ring that has
 * begun lies inside device.mem, its kick descriptor is watched unless it broke, and it has not
 * been stopped since.
 */
struct backend {
	struct device device;
	int vhost_fd;
	struct loop_source vhost, control;
	struct {
		int fd; /* owned */
		uint64_t user_addr, offset;
	} region[VHOST_USER_REGIONS_MAX];
	uint64_t protocol; /* protocol features that the front end accepted */
	int request_fd;	   /* owned; -1: none */
	uint8_t *inflight; /* NULL: none */
	size_t inflight_len, inflight_part;
	bool begun[DEVICE_QUEUES_MAX]; /* ops->start was called, ops->stop has not been */
	enum status status; /* of the process, once backend_message() has said false */
	struct log_limit refusals, breaks;
};

/* A back end without memory or rings, for device_ops. The socket stays the caller's. */
void backend_init(struct backend *b, int vhost_fd);

/*
 * Obeys one message as vhost_user_receive() has left it, and answers it on the socket. Its
 * descriptors are used up. False: the connection is of no more use.
 */
bool backend_message(struct backend *b, struct vhost_user_message *m);

/* Stops all rings and gives back what the front end has handed over. */
void backend_hang_up(struct backend *b);

/* Serves both sockets until one is closed, or makes no sense. */
enum status backend_serve(struct backend *b);

#endif /* BACKEND_H */
