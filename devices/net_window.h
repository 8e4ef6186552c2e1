/* SPDX-License-Identifier: ISC */
/*
 * The receive buffers that the next frames may be put into: requests popped from one receive queue,
 * in their order. Empty before and after each turn of the device, so that the queue can stop.
 */
#ifndef NET_WINDOW_H
#define NET_WINDOW_H

#include "device.h"

#include <linux/virtio_net.h>

#define NET_WINDOW_MAX	  64   /* buffers */
#define NET_WINDOW_RANGES 1022 /* pieces of guest memory in all of them together */

enum net_supply {
	NET_ENOUGH, /* there is room for what is wanted */
	NET_FULL,   /* there is not, and there will not be more */
	NET_EMPTY,  /* there is not; the driver is to kick as soon as it adds a buffer */
	NET_BROKEN, /* the queue has stopped */
};

/* Pops buffers until a frame of so many bytes, header and all, has room in them. */
enum net_supply net_window_fill(struct device_queue *q, uint64_t want);

/* Bytes in all buffers, header and all. */
uint64_t net_window_room(void);

/*
 * The ranges behind the place of the header, of up to *len bytes in all; *len becomes what they
 * are. Returns how many, at most NET_WINDOW_RANGES.
 */
int net_window_ranges(struct iovec *iov, uint32_t *len);

/*
 * Gives the driver one frame in the first buffers, whose room it does not exceed. Its bytes are at
 * data; or, with NULL, already where net_window_ranges() said.
 */
void net_window_deliver(struct device_queue *q, struct virtio_net_hdr_v1 *h,
			const uint8_t *data, uint32_t len);

/* Puts back all that are left. */
void net_window_close(struct device_queue *q);

#endif /* NET_WINDOW_H */
