/* SPDX-License-Identifier: ISC */
/*
 * What the launcher tells a device process: one message on the control socket, and one
 * descriptor per right, at fixed numbers. A device holds nothing else. Later messages on the
 * control socket are struct device_command, both ways.
 */
#ifndef DEVICE_CONFIG_H
#define DEVICE_CONFIG_H

#include <stdatomic.h>
#include <stdint.h>

/* The descriptors of a device. 0 and 1 are /dev/null, 2 is a pipe to the launcher's log. */
enum device_fd {
	DEVICE_FD_CONTROL =
		3, /* SOCK_SEQPACKET to the launcher; its end of file ends the device */
	DEVICE_FD_VHOST = 4,   /* SOCK_STREAM: vhost-user, to the VMM or another front end */
	DEVICE_FD_BACKEND = 5, /* and the next ones: disk file, tap queues, sockets */
};

#define DEVICE_BACKENDS_MAX   24 /* descriptors from DEVICE_FD_BACKEND on */
#define DEVICE_FD_COUNTERS    (DEVICE_FD_BACKEND + DEVICE_BACKENDS_MAX) /* see DEVICE_COUNTED */
#define DEVICE_CONFIG_VERSION 1
#define DEVICE_SERIAL_MAX     20 /* virtio 1.2, 5.2.6: bytes, NUL-padded */
#define DEVICE_PORTS_MAX      8
#define DEVICE_NAME_MAX	      32 /* of a console port, with its NUL */

enum device_flag {
	DEVICE_READ_ONLY = 1 << 0, /* blk: refuse writes */
	DEVICE_DIRECT = 1 << 1,	   /* blk: the file was opened with O_DIRECT */
	DEVICE_STREAM = 1 << 2,	   /* net: the back end is passt's stream socket, not a tap */
	DEVICE_TERMINAL = 1 << 3,  /* console: port 0 is the launcher's terminal */
	DEVICE_COUNTED = 1 << 4,   /* DEVICE_FD_COUNTERS is there, a struct device_counters */
};

/* What a device may do in a second; 0 is without limit. A burst may take one second's worth. */
struct device_rate {
	uint64_t bytes, operations;
};

/* Sent once by the launcher, fixed size, before anything else. */
struct device_config {
	uint32_t version;	 /* DEVICE_CONFIG_VERSION */
	uint32_t flags;		 /* enum device_flag */
	uint32_t backend_count;	 /* descriptors from DEVICE_FD_BACKEND on */
	uint32_t queues;	 /* blk: request queues; net: pairs; others: 0 */
	struct device_rate rate; /* blk; net: each direction by itself */
	union {
		struct {
			char serial[DEVICE_SERIAL_MAX];
		} blk; /* backend 0: the file */
		struct {
			uint8_t mac[6];
			uint16_t mtu; /* 0: not told to the guest */
		} net;		      /* backends: one per pair */
		struct {
			uint32_t ports; /* backend i belongs to port i */
			char name[DEVICE_PORTS_MAX][DEVICE_NAME_MAX];
		} console; /* port 0 with DEVICE_TERMINAL: a connected stream; others: listening */
		struct {
			uint64_t cid;
		} vsock; /* backend 0: listening socket for connections into the guest */
		struct {
			uint64_t target; /* bytes to take from the guest */
		} balloon;
		uint8_t size[512];
	} u;
};
_Static_assert(sizeof(struct device_config) == 544, "no padding on the wire");

/*
 * What a device has done, for whoever reads the launcher's statistics: shared memory that the
 * device alone writes. They go on counting when its process is replaced.
 */
#define DEVICE_QUEUES_MAX 66 /* 64 for blk, 32 pairs and control for net */
struct device_counters {
	struct {
		_Atomic uint64_t requests;	/* given back to the driver */
		_Atomic uint64_t notifications; /* by the driver */
		_Atomic uint64_t interrupts;	/* asked for by the device */
	} queue[DEVICE_QUEUES_MAX];
};

enum device_command_kind {
	DEVICE_RESIZE = 1,  /* to console: port, columns, rows */
	DEVICE_BALLOON = 2, /* to balloon: value is the new target in bytes */
	DEVICE_ACTUAL = 3,  /* from balloon: value is what it now holds, in bytes */
	DEVICE_CONNECT = 4, /* from vsock: value is id << 32 | port that the guest wants */
	DEVICE_CONNECTED =
		5, /* to vsock: value as asked; a connected stream comes along, or none */
};

struct device_command {
	uint32_t kind; /* enum device_command_kind */
	uint16_t port;
	uint16_t columns, rows;
	uint16_t reserved[3]; /* 0 */
	uint64_t value;
};
_Static_assert(sizeof(struct device_command) == 24, "no padding on the wire");

#endif /* DEVICE_CONFIG_H */
