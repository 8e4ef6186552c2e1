/* SPDX-License-Identifier: ISC */
/*
 * What a virtio device is to the process that runs it. The vhost-user back end (backend.h) owns
 * memory, negotiation and rings; the device owns the meaning of its requests. One device per
 * process, one thread, one loop (loop.h).
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "device_config.h"
#include "log.h"
#include "loop.h"
#include "status.h"
#include "virtq.h"

#include <linux/filter.h>
#include <sys/resource.h>

#define DEVICE_CONFIG_SPACE 256 /* bytes */
#define VIRTIO_F_INDIRECT   28	/* VIRTIO_F_INDIRECT_DESC, virtio 1.2, 6 */
#define VIRTIO_F_EVENT_IDX  29
#define VIRTIO_F_VERSION_1  32

struct device;

/* Constant, in read-only data. NULL where optional. */
struct device_ops {
	const char *name; /* the process is zwinger-<name> */

	/*
	 * Takes what the launcher grants: descriptors from DEVICE_FD_BACKEND on. Sets features,
	 * queue_count, config. Runs before the sandbox and before any guest: may open, allocate,
	 * set up. On failure one line has been logged.
	 */
	enum status (*open)(struct device *d, const struct device_config *c);

	/* Optional. Queue i has begun to run, with d->queue[i].vq ready; kick() follows. */
	void (*start)(struct device *d, unsigned i);

	/* There may be new buffers in queue i, which runs. */
	void (*kick)(struct device *d, unsigned i);

	/*
	 * Optional. Queue i is about to stop and its memory to go away. On return nothing refers to
	 * it: every popped request has been pushed, or is abandoned for good.
	 */
	void (*stop)(struct device *d, unsigned i);

	/* Optional. The driver has reset the device: back to power-on. All queues are stopped. */
	void (*reset)(struct device *d);

	/* Optional. The driver wrote len bytes at off of config space: off + len <= config_size. */
	void (*config_write)(struct device *d, uint32_t off, const uint8_t *data, uint32_t len);

	/* Optional. A message of the launcher; fd is -1 or ours from now on. */
	void (*command)(struct device *d, const struct device_command *c, int fd);

	const struct sock_filter *filter; /* made from common.policy and <name>.policy */
	unsigned filter_count;
	rlim_t file_size;  /* RLIM_INFINITY only where the back end is a file to be written */
	rlim_t open_files; /* beyond what the back end holds */
};

struct device_queue {
	struct virtq vq; /* valid while running */
	bool running;
	uint16_t counted; /* vq.next_used when the counters were last brought up to date */
	struct device *device;
	unsigned index;
	/* The rest is backend.c's. */
	struct virtq_layout layout;
	uint64_t ring_addr[3]; /* user addresses of the front end: desc, avail, used */
	uint16_t base;
	bool enabled, addressed, broken;
	int kick_fd, call_fd, err_fd;
	struct loop_source kick_source;
};

struct device {
	const struct device_ops *ops;
	uint64_t
		features; /* offered, device-specific; VERSION_1, rings and the like are added */
	uint64_t acked;	  /* what the driver accepted */
	unsigned queue_count;
	uint8_t config[DEVICE_CONFIG_SPACE]; /* little-endian, as the driver reads it */
	uint32_t config_size;
	struct gmem mem; /* the guest's; may change only while no request is in flight */
	struct device_counters
		*counters; /* shared with the launcher, or of no use to anybody */
	struct device_queue queue[DEVICE_QUEUES_MAX];
};

/* The one device of this program, defined by the device's file. */
extern const struct device_ops device_ops;

bool device_has(const struct device *d, unsigned feature_bit);

/* Tells the driver of what was pushed to queue i, if it wants to know. After a batch. */
void device_call(struct device *d, unsigned i);

/*
 * Queue i makes no sense: it stops (without ops->stop; what is in flight may still be pushed to
 * its vq until then), and the front end learns that the device needs a reset (2.1.2).
 */
void device_break(struct device *d, unsigned i, const char *why);

/* d->config has changed: the driver gets a configuration change notification. */
void device_config_changed(struct device *d);

/* Sends a message to the launcher. False: it cannot take it now. */
bool device_tell(const struct device_command *c);

/* Guest memory's own file and offset behind a range, for holes to be punched; false: none. */
bool device_memory_file(const struct device *d, gpa_t addr, uint64_t len, int *fd,
			uint64_t *offset) MUST_CHECK;

#endif /* DEVICE_H */
