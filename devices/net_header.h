/* SPDX-License-Identifier: ISC */
/*
 * The header in front of a frame, virtio 1.2, 5.1.6: whether it keeps to what was negotiated. Of
 * one size whatever that is, as VERSION_1 always is.
 */
#ifndef NET_HEADER_H
#define NET_HEADER_H

#include "device.h"

#include <linux/virtio_net.h>

#define NET_HEADER 12u /* bytes */

enum net_direction { NET_FROM_DRIVER, NET_TO_DRIVER };

/*
 * Judges the header of a frame of len bytes, and leaves nothing in it that was not judged. False:
 * the frame must not go on.
 */
bool net_header_agree(const struct device *d, enum net_direction direction,
		      struct virtio_net_hdr_v1 *h, uint32_t len) MUST_CHECK;

#endif /* NET_HEADER_H */
