/* SPDX-License-Identifier: ISC */
/*
 * vhost-user messages, as both the VMM (front end) and the device processes (back ends) speak
 * them; names and numbers as in QEMU's docs/interop/vhost-user.rst. This module knows how a
 * message travels, not what it means.
 */
#ifndef VHOST_USER_H
#define VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
};

/* From the back end, on the socket of VHOST_USER_SET_BACKEND_REQ_FD. */
enum { VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2 };

/* Bits of VHOST_USER_GET_PROTOCOL_FEATURES. */
enum {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
};

#define VHOST_USER_F_PROTOCOL_FEATURES 30 /* a bit among the virtio features */
#define VHOST_USER_VERSION	       1u /* flags, bits 0-1 */
#define VHOST_USER_REPLY	       4u
#define VHOST_USER_NEED_REPLY	       8u
#define VHOST_USER_REGIONS_MAX	       8
#define VHOST_USER_CONFIG_MAX	       256
#define VHOST_USER_NO_FD	       0x100u /* in u64: a vring message without descriptor */
#define VHOST_USER_CONFIG_WRITABLE     1u     /* config.flags: a driver's write */

struct vhost_user_region {
	uint64_t guest_addr, size, user_addr, mmap_offset;
};

/* Payloads; in host byte order, without padding. */
union vhost_user_payload {
	uint64_t u64;
	struct {
		uint32_t index, num;
	} vring;
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log; /* user addresses of the front end */
	} addr;
	struct {
		uint32_t count, padding;
		struct vhost_user_region region[VHOST_USER_REGIONS_MAX];
	} memory;
	struct {
		uint32_t offset, size, flags;
		uint8_t data[VHOST_USER_CONFIG_MAX];
	} config;
	struct {
		uint64_t mmap_size, mmap_offset;
		uint16_t queue_count, queue_size;
	} inflight;
};

#define VHOST_USER_MEMORY_SIZE(n) (8u + (uint32_t)(n)*32u)
#define VHOST_USER_CONFIG_SIZE(n) (12u + (uint32_t)(n))
/* As QEMU, libvhost-user and DPDK have it and insist on: their C structure, with its padding. */
#define VHOST_USER_INFLIGHT_SIZE   24u
#define VHOST_USER_VRING_SIZE	   8u
#define VHOST_USER_VRING_ADDR_SIZE 40u

struct vhost_user_message {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload, bytes */
	union vhost_user_payload p;
	unsigned fd_count;
	int fd[VHOST_USER_REGIONS_MAX]; /* sent: the caller's; received: the receiver's to close */
};

enum vhost_user_status {
	VHOST_USER_OK,
	VHOST_USER_CLOSED, /* the other end has gone, or did not answer in time */
	VHOST_USER_BAD,	   /* no message of this protocol: the connection is of no more use */
};

/*
 * Sends one message with its descriptors, waiting that long for room at most. The version goes
 * into flags here; nothing is closed.
 */
enum vhost_user_status vhost_user_send(int socket, const struct vhost_user_message *m,
				       int timeout_ms) __attribute__((warn_unused_result));

/*
 * Receives one whole message. Unless VHOST_USER_OK, no descriptor is left open. Bytes of
 * the payload that were not sent are 0. timeout_ms is for all of it; -1 waits for ever.
 */
enum vhost_user_status vhost_user_receive(int socket, struct vhost_user_message *m,
					  int timeout_ms) __attribute__((warn_unused_result));

/* Closes the descriptors that came with a message and have not been set to -1. */
void vhost_user_close_fds(struct vhost_user_message *m);

#endif /* VHOST_USER_H */
