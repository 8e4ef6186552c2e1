/* SPDX-License-Identifier: ISC */
/*
 * The PCI transport of one virtio device (virtio 1.2, 2.1, 2.2, 4.1): modern only, MSI-X only.
 * It owns status, feature negotiation, queue registers and interrupts; what the device is,
 * the back end behind the vhost-user connection knows. Once the driver is ready, neither
 * notifications (ioeventfd) nor interrupts (irqfd) pass through this process.
 *
 * Everything but the config space of PCI is under the lock; pci.lock may be held when it is
 * taken, never the other way round.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "log.h"
#include "msix.h"
#include "pci.h"
#include "vhost.h"
#include "vm_config.h"

#include <poll.h>

struct virtio_pci {
	pthread_mutex_t lock;
	struct pci_device pci;
	struct msix msix;
	struct vhost vhost;
	int vm_fd; /* for ioeventfds; -1 in unit tests */

	/* 4.1.4.3, the common configuration structure */
	uint64_t offered; /* to the driver */
	uint64_t driver_features;
	uint32_t device_select, driver_select;
	uint16_t queue_select;
	uint8_t status, generation, isr;
	unsigned queue_count;
	struct vhost_ring ring[VHOST_QUEUES_MAX];

	uint8_t config[VHOST_USER_CONFIG_MAX]; /* the device's; a copy of the back end's */
	uint32_t config_size;
	bool own_config; /* the back end has none */
	bool served;	 /* the back end was given the rings, and has not given them back */
	bool master;	 /* the guest lets it reach memory; as its command register last said */
	bool told_lost;	 /* whoever has to know knows that the connection is lost */
	struct log_limit complaints;
};

/*
 * Makes a device of what is behind a socket, which it takes over, and plugs it in. On failure
 * one line is logged.
 */
enum status virtio_pci_init(struct virtio_pci *d, const struct vm_device *config, int socket,
			    const struct ram *ram, int vm_fd, struct irq_routes *routes,
			    struct pci *pci) MUST_CHECK;

/* A new back end in the place of one that was lost: it goes on where that one was. */
void virtio_pci_reconnect(struct virtio_pci *d, int socket);

/* What the main thread waits for on behalf of a device; -1 where there is nothing. */
enum { VIRTIO_PCI_POLLS = 3 };
void virtio_pci_poll(struct virtio_pci *d, struct pollfd p[VIRTIO_PCI_POLLS]);

/* After poll(). True, once, when the connection to the back end is found lost. */
bool virtio_pci_polled(struct virtio_pci *d, const struct pollfd p[VIRTIO_PCI_POLLS]);

#endif /* VIRTIO_PCI_H */
