/* SPDX-License-Identifier: ISC */
#include "net_header.h"

#include <endian.h>

_Static_assert(sizeof(struct virtio_net_hdr_v1) == NET_HEADER, "virtio 1.2, 5.1.6");

/* Which features allow what in the header of a frame, by direction. */
struct offload {
	unsigned csum, tso4, tso6, ecn;
	uint8_t flags; /* that mean something */
};

/* clang-format off */
static const struct offload offloads[] = {
	[NET_FROM_DRIVER] = { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6,
			      VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_HDR_F_NEEDS_CSUM },
	[NET_TO_DRIVER] = { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
			    VIRTIO_NET_F_GUEST_ECN,
			    VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID },
};
/* clang-format on */

static bool gso_negotiated(const struct device *d, uint8_t type, const struct offload *o)
{
	if ((type & VIRTIO_NET_HDR_GSO_ECN) != 0 && !device_has(d, o->ecn))
		return false;
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return device_has(d, o->tso4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return device_has(d, o->tso6);
	}
	return false;
}

bool net_header_agree(const struct device *d, enum net_direction direction,
		      struct virtio_net_hdr_v1 *h, uint32_t len)
{
	const struct offload *o = &offloads[direction];
	bool csum = (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
	struct virtio_net_hdr_v1 agreed = { .num_buffers = 0 };

	if (device_has(d, o->csum))
		agreed.flags = h->flags & o->flags;
	else if (csum)
		return false;
	if (csum) {
		if ((uint32_t)le16toh(h->csum_start) + le16toh(h->csum_offset) + 2 > len)
			return false;
		agreed.csum_start = h->csum_start;
		agreed.csum_offset = h->csum_offset;
	}
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		if (!csum || h->gso_size == 0 || !gso_negotiated(d, h->gso_type, o))
			return false;
		agreed.gso_type = h->gso_type;
		agreed.gso_size = h->gso_size;
		/* "MUST NOT rely on hdr_len to be correct", 5.1.6.2.2; the tap would. */
		agreed.hdr_len =
			le16toh(h->hdr_len) > len ? htole16((uint16_t)len) : h->hdr_len;
	}
	*h = agreed;
	return true;
}
