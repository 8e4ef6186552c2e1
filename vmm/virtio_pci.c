/* SPDX-License-Identifier: ISC */
#include "virtio_pci.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* 4.1.2: vendor and device; 4.1.2.1: the revision of a device that is not transitional */
#define VENDOR		 0x1af4
#define DEVICE_BASE	 0x1040
#define SUBSYSTEM_DEVICE 0x1100

/* Configuration space: behind the header, the list of capabilities. */
enum {
	CAP_COMMON = 0x40,
	CAP_NOTIFY = 0x50,
	CAP_ISR = 0x64,
	CAP_DEVICE = 0x74,
	CAP_PCI = 0x84, /* an access to the BAR through configuration space, 4.1.4.9 */
	CAP_PCI_OFFSET = CAP_PCI + 8,
	CAP_PCI_LENGTH = CAP_PCI + 12,
	CAP_PCI_DATA = CAP_PCI + 16,
	CAP_MSIX = 0x98,
};
#define STATUS_CAPABILITIES 0x10
#define CAP_ID_VENDOR	    0x09
#define CAP_ID_MSIX	    0x11
#define MSIX_ENABLE	    0x80 /* in the upper byte of the message control register */
#define MSIX_MASK	    0x40

/* BAR 0, the same for every device. */
enum {
	BAR_COMMON = 0x0000,
	BAR_ISR = 0x1000,
	BAR_DEVICE = 0x2000,
	BAR_NOTIFY = 0x3000,
	BAR_MSIX = 0x4000,
	BAR_PENDING = 0x5000,
	BAR_SIZE = 0x8000,
	BAR_PART = 0x1000,
	NOTIFY_MULTIPLIER = 4,
};

/* 4.1.4: types of structures */
enum { COMMON_CFG = 1, NOTIFY_CFG = 2, ISR_CFG = 3, DEVICE_CFG = 4, PCI_CFG = 5 };

/* 4.1.4.3: struct virtio_pci_common_cfg, without what belongs to features that are not here */
struct common {
	uint32_t device_select, device_features, driver_select, driver_features;
	uint16_t config_vector, queue_count;
	uint8_t status, generation;
	uint16_t queue_select, queue_size, queue_vector, queue_enable, queue_notify;
	uint64_t desc, driver, device;
};
_Static_assert(sizeof(struct common) == 0x38, "4.1.4.3");

/* 2.1 */
enum {
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 64,
};

enum { ISR_CONFIG = 2 };

/*
 * 6: features of rings and transport that may pass; device features are 0 to 23 and 50 to 127. The
 * others need something of the transport that is not here.
 */
#define F_VERSION_1 32
#define FEATURES_PASS                                                                          \
	(0xffffffull | 1ull << 28 | 1ull << 29 | 1ull << F_VERSION_1 | 0x3fffull << 50)
#define CONFIG_SOURCE 0 /* of msix; queue i has i + 1 */

/* By device type (5); others are "unclassified". */
static uint16_t pci_class(uint32_t virtio_id)
{
	switch (virtio_id) {
	case 1:
		return 0x0200; /* Ethernet */
	case 2:
	case 26:
		return 0x0180; /* mass storage */
	case 3:
	case 19:
		return 0x0780; /* communication */
	default:
		return 0x00ff;
	}
}

static bool live(const struct virtio_pci *d)
{
	return (d->status & STATUS_DRIVER_OK) != 0;
}

/* Interrupt for the configuration; 4.1.4.5.1: the bit first. */
static void notify_config(struct virtio_pci *d)
{
	uint64_t one = 1;

	d->isr |= ISR_CONFIG;
	if (write(d->msix.source[CONFIG_SOURCE].event_fd, &one, sizeof(one)) < 0)
		log_guest(&d->complaints, "virtio: configuration interrupts pile up");
}

/* 2.1.2: and if the driver was told it is ready, it must hear of it. */
static void need_reset(struct virtio_pci *d, const char *why)
{
	if ((d->status & STATUS_NEEDS_RESET) != 0)
		return;
	log_guest(&d->complaints, "virtio device %u needs a reset: %s",
		  d->pci.config[PCI_REG_DEVICE] - (DEVICE_BASE & 0xff), why);
	d->status |= STATUS_NEEDS_RESET;
	if (live(d))
		notify_config(d);
}

static void reset(struct virtio_pci *d)
{
	if (d->served)
		vhost_reset(&d->vhost, d->ring);
	d->served = false;
	d->driver_features = 0;
	d->device_select = d->driver_select = 0;
	d->queue_select = 0;
	d->status = d->isr = 0;
	msix_set_vector(&d->msix, CONFIG_SOURCE, MSIX_NO_VECTOR);
	for (unsigned i = 0; i < d->queue_count; i++) {
		struct vhost_ring *r = &d->ring[i];

		msix_set_vector(&d->msix, (uint16_t)(i + 1), MSIX_NO_VECTOR);
		*r = (struct vhost_ring){ .size = VHOST_QUEUE_SIZE,
					  .kick_fd = r->kick_fd,
					  .call_fd = r->call_fd };
	}
}

/* The back end learns only addresses that lie in RAM; what a queue is made of, it checks. */
static bool rings_in_memory(const struct virtio_pci *d)
{
	for (unsigned i = 0; i < d->queue_count; i++) {
		const struct vhost_ring *r = &d->ring[i];
		struct iovec v;

		if (r->enabled &&
		    (!gmem_iovec(&d->vhost.ram->mem, gpa(r->desc), 16u * r->size, &v) ||
		     !gmem_iovec(&d->vhost.ram->mem, gpa(r->driver), 6u + 2u * r->size, &v) ||
		     !gmem_iovec(&d->vhost.ram->mem, gpa(r->device), 6u + 8u * r->size, &v) ||
		     r->desc % 16 != 0 || r->driver % 2 != 0 || r->device % 4 != 0))
			return false;
	}
	return true;
}

static void start(struct virtio_pci *d, bool resume)
{
	if (!rings_in_memory(d)) {
		need_reset(d, "a queue is outside memory");
		return;
	}
	d->served = true;
	vhost_start(&d->vhost, d->driver_features, d->ring, resume);
}

static void write_status(struct virtio_pci *d, uint8_t status)
{
	uint8_t added = (uint8_t)(status & ~d->status);

	if (status == 0) {
		reset(d);
		return;
	}
	/* 2.1.1: the driver does not clear bits; 2.1.2: NEEDS_RESET is the device's. */
	d->status |= (uint8_t)(added & ~STATUS_NEEDS_RESET);
	if ((added & STATUS_FEATURES_OK) != 0 && ((d->driver_features & ~d->offered) != 0 ||
						  (d->driver_features >> F_VERSION_1 & 1) == 0))
		d->status &= (uint8_t)~STATUS_FEATURES_OK; /* 2.2.2, 6.2 */
	if ((added & STATUS_DRIVER_OK) != 0) {
		if ((d->status & STATUS_FEATURES_OK) == 0)
			d->status &= (uint8_t)~STATUS_DRIVER_OK;
		else if ((d->status & STATUS_NEEDS_RESET) == 0)
			start(d, false);
	}
}

/* ---- the common configuration structure ---- */

static void read_common(const struct virtio_pci *d, struct common *c)
{
	*c = (struct common){
		.device_select = d->device_select,
		.driver_select = d->driver_select,
		.config_vector = d->msix.source[CONFIG_SOURCE].vector,
		.queue_count = (uint16_t)d->queue_count,
		.status = d->status,
		.generation = d->generation,
		.queue_select = d->queue_select,
	};
	if (d->device_select < 2)
		c->device_features = (uint32_t)(d->offered >> 32 * d->device_select);
	if (d->driver_select < 2)
		c->driver_features = (uint32_t)(d->driver_features >> 32 * d->driver_select);
	if (d->queue_select < d->queue_count) { /* 4.1.4.3.1: others have size 0 */
		const struct vhost_ring *r = &d->ring[d->queue_select];

		c->queue_size = r->size;
		c->queue_vector = d->msix.source[d->queue_select + 1].vector;
		c->queue_enable = r->enabled;
		c->queue_notify = d->queue_select;
		c->desc = r->desc;
		c->driver = r->driver;
		c->device = r->device;
	}
}

/* Four or eight bytes of a 64-bit register, from byte `at` of it on. */
static void put64(uint64_t *reg, uint64_t at, uint32_t len, uint64_t value)
{
	if (len == 8)
		*reg = value;
	else if (at == 0)
		*reg = (*reg & ~0xffffffffull) | value;
	else
		*reg = (*reg & 0xffffffffull) | value << 32;
}

/* A queue's registers hold still once it is enabled: 4.1.4.3.2, and until a reset. */
static void write_queue(struct virtio_pci *d, uint64_t offset, uint32_t len, uint64_t value)
{
	struct vhost_ring *r;

	if (d->queue_select >= d->queue_count)
		return;
	r = &d->ring[d->queue_select];
	if (offset == offsetof(struct common, queue_vector) && len == 2) {
		(void)msix_set_vector(&d->msix, (uint16_t)(d->queue_select + 1),
				      (uint16_t)value);
		return;
	}
	if (r->enabled || (d->status & STATUS_FEATURES_OK) == 0 || live(d))
		return;
	if (offset == offsetof(struct common, queue_size) && len == 2) {
		if (value != 0 && value <= VHOST_QUEUE_SIZE && (value & (value - 1)) == 0)
			r->size = (uint16_t)value;
	} else if (offset == offsetof(struct common, queue_enable) && len == 2) {
		r->enabled = value == 1;
	} else if (offset >= offsetof(struct common, desc) && len >= 4 && offset % 4 == 0) {
		uint64_t *reg[] = { &r->desc, &r->driver, &r->device };

		if (len == 4 || offset % 8 == 0)
			put64(reg[(offset - offsetof(struct common, desc)) / 8], offset % 8,
			      len, value);
	}
}

/* 4.1.3.1: the driver writes each field with its own width; anything else does nothing. */
static void write_common(struct virtio_pci *d, uint64_t offset, uint32_t len, uint64_t value)
{
	switch (offset << 8 | len) {
	case offsetof(struct common, device_select) << 8 | 4:
		d->device_select = (uint32_t)value;
		break;
	case offsetof(struct common, driver_select) << 8 | 4:
		d->driver_select = (uint32_t)value;
		break;
	case offsetof(struct common, driver_features) << 8 | 4:
		if (d->driver_select < 2 && (d->status & STATUS_FEATURES_OK) == 0)
			put64(&d->driver_features, 4ull * d->driver_select, 4, value);
		break;
	case offsetof(struct common, config_vector) << 8 | 2:
		(void)msix_set_vector(&d->msix, CONFIG_SOURCE, (uint16_t)value);
		break;
	case offsetof(struct common, status) << 8 | 1:
		write_status(d, (uint8_t)value);
		break;
	case offsetof(struct common, queue_select) << 8 | 2:
		d->queue_select = (uint16_t)value;
		break;
	default:
		if (offset > offsetof(struct common, queue_select))
			write_queue(d, offset, len, value);
		break;
	}
}

static void access_common(struct virtio_pci *d, const struct bus_access *a)
{
	struct common c;

	if (a->offset > sizeof(c) - a->len) {
		if (!a->write)
			bus_answer(a, 0);
	} else if (a->write) {
		write_common(d, a->offset, a->len, bus_value(a));
	} else {
		read_common(d, &c);
		memcpy(a->data, (const uint8_t *)&c + a->offset, a->len);
	}
}

/* ---- the rest of the BAR ---- */

/* What the back end has now; a driver notices by the generation if it was changed (2.5.3). */
static void refresh_config(struct virtio_pci *d)
{
	uint8_t now[VHOST_USER_CONFIG_MAX];

	if (d->own_config || d->config_size == 0 ||
	    !vhost_read_config(&d->vhost, now, d->config_size) ||
	    memcmp(now, d->config, d->config_size) == 0)
		return;
	memcpy(d->config, now, d->config_size);
	d->generation++;
}

static void access_config(struct virtio_pci *d, const struct bus_access *a)
{
	if (a->offset > d->config_size || a->len > d->config_size - a->offset) {
		if (!a->write)
			bus_answer(a, 0);
	} else if (!a->write) {
		memcpy(a->data, d->config + a->offset, a->len);
	} else if (!d->own_config &&
		   vhost_write_config(&d->vhost, (uint32_t)a->offset, a->data, a->len)) {
		refresh_config(d);
	}
}

/* Only where no ioeventfd has caught it. What the back end finds it makes of it itself. */
static void notify(struct virtio_pci *d, const struct bus_access *a)
{
	uint64_t one = 1, queue = a->offset / NOTIFY_MULTIPLIER;

	if (a->write && a->offset % NOTIFY_MULTIPLIER == 0 && queue < d->queue_count &&
	    write(d->ring[queue].kick_fd, &one, sizeof(one)) < 0)
		log_guest(&d->complaints, "virtio: notifications pile up");
}

static void bar_access(void *dev, const struct bus_access *a)
{
	struct virtio_pci *d = dev;
	struct bus_access part = *a;

	part.offset %= BAR_PART;
	if (!a->write)
		bus_answer(a, 0);
	if (part.offset > BAR_PART - a->len)
		return;
	pthread_mutex_lock(&d->lock);
	switch (a->offset - part.offset) {
	case BAR_COMMON:
		access_common(d, &part);
		break;
	case BAR_ISR:
		if (!a->write && part.offset == 0) {
			bus_answer(a, d->isr);
			d->isr = 0; /* 4.1.4.5.1: reset by the read */
		}
		break;
	case BAR_DEVICE:
		access_config(d, &part);
		break;
	case BAR_NOTIFY:
		notify(d, &part);
		break;
	case BAR_MSIX:
		msix_table_access(&d->msix, &part);
		break;
	case BAR_PENDING:
		msix_pending_access(&d->msix, &part);
		break;
	default:
		break;
	}
	pthread_mutex_unlock(&d->lock);
}

/* ---- configuration space ---- */

static bool assign(struct virtio_pci *d, unsigned queue, uint64_t bar, uint32_t flags)
{
	struct kvm_ioeventfd arg = {
		.addr = bar + BAR_NOTIFY + NOTIFY_MULTIPLIER * queue,
		.len = 0, /* of any width: KVM need not decode the instruction */
		.fd = d->ring[queue].kick_fd,
		.flags = flags,
	};

	return d->vm_fd < 0 || ioctl(d->vm_fd, KVM_IOEVENTFD, &arg) == 0;
}

/*
 * Notifications follow the BAR. Where another device's BAR lies, KVM refuses (or gives them to
 * that device's queue, if it was there first); then they come as ordinary accesses, or go astray:
 * a guest that puts one BAR over another has only its own devices to lose.
 */
static void bar_moved(void *dev, uint64_t from, uint64_t to)
{
	struct virtio_pci *d = dev;

	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < d->queue_count; i++) {
		if (from != PCI_NOWHERE)
			(void)assign(d, i, from, KVM_IOEVENTFD_FLAG_DEASSIGN);
		if (to != PCI_NOWHERE && !assign(d, i, to, 0))
			log_guest(&d->complaints, "virtio: a BAR lies over another");
	}
	pthread_mutex_unlock(&d->lock);
}

/* 4.1.4.9: bar, offset and length as the driver has set them; false if they make no access. */
static bool window(const struct virtio_pci *d, struct bus_access *a)
{
	uint32_t len = pci_get32(&d->pci, CAP_PCI_LENGTH);

	a->offset = pci_get32(&d->pci, CAP_PCI_OFFSET);
	a->len = len;
	return d->pci.config[CAP_PCI + 4] == 0 && (len == 1 || len == 2 || len == 4) &&
	       a->offset % len == 0 && a->offset < BAR_SIZE;
}

static bool touches(uint32_t offset, uint32_t len, uint32_t reg, uint32_t size)
{
	return offset < reg + size && reg < offset + len;
}

static void config_reading(void *dev, uint32_t offset, uint32_t len)
{
	struct virtio_pci *d = dev;
	struct bus_access a = { .data = &d->pci.config[CAP_PCI_DATA] };

	if (touches(offset, len, CAP_PCI_DATA, 4) && window(d, &a))
		bar_access(d, &a);
}

/*
 * A device whose bus mastering is taken away leaves memory alone, or it would write into that of a
 * kernel that was started by another (kexec), which turns it off and resets nothing.
 */
static void master_written(struct virtio_pci *d)
{
	bool master = (d->pci.config[PCI_REG_COMMAND] & PCI_COMMAND_MASTER) != 0;

	if (d->master && !master && d->served) {
		vhost_reset(&d->vhost, d->ring);
		d->served = false;
		d->status |= STATUS_NEEDS_RESET;
	}
	d->master = master;
}

static void config_written(void *dev, uint32_t offset, uint32_t len)
{
	struct virtio_pci *d = dev;
	struct bus_access a = { .data = &d->pci.config[CAP_PCI_DATA], .write = true };
	uint8_t control = d->pci.config[CAP_MSIX + 3];

	if (touches(offset, len, PCI_REG_COMMAND, 1)) {
		pthread_mutex_lock(&d->lock);
		master_written(d);
		pthread_mutex_unlock(&d->lock);
	}
	if (touches(offset, len, CAP_MSIX + 3, 1)) {
		pthread_mutex_lock(&d->lock);
		msix_control(&d->msix, (control & MSIX_ENABLE) != 0,
			     (control & MSIX_MASK) != 0);
		pthread_mutex_unlock(&d->lock);
	}
	if (touches(offset, len, CAP_PCI_DATA, 4) && window(d, &a))
		bar_access(d, &a);
}

/* 4.1.4: struct virtio_pci_cap; returns where the next one may stand. */
static void put_cap(struct pci_device *p, unsigned at, unsigned next, uint8_t type,
		    uint8_t cap_len, uint32_t offset, uint32_t len)
{
	p->config[at] = CAP_ID_VENDOR;
	p->config[at + 1] = (uint8_t)next;
	p->config[at + 2] = cap_len;
	p->config[at + 3] = type;
	pci_set32(p, at + 8, offset);
	pci_set32(p, at + 12, len);
}

static void fill_config_space(struct virtio_pci *d, uint32_t virtio_id)
{
	struct pci_device *p = &d->pci;
	/* 4.1.4.6.1: there is a device structure exactly if the device has a config space. */
	unsigned after_isr = d->config_size != 0 ? CAP_DEVICE : CAP_PCI;

	pci_set16(p, PCI_REG_VENDOR, VENDOR);
	pci_set16(p, PCI_REG_DEVICE, (uint16_t)(DEVICE_BASE + virtio_id));
	pci_set16(p, PCI_REG_STATUS, STATUS_CAPABILITIES);
	p->config[PCI_REG_REVISION] = 1;
	pci_set16(p, PCI_REG_CLASS, pci_class(virtio_id));
	pci_set16(p, PCI_REG_SUBSYSTEM_VENDOR, VENDOR);
	pci_set16(p, PCI_REG_SUBSYSTEM, SUBSYSTEM_DEVICE);
	p->config[PCI_REG_CAPABILITIES] = CAP_COMMON;

	put_cap(p, CAP_COMMON, CAP_NOTIFY, COMMON_CFG, 16, BAR_COMMON, sizeof(struct common));
	put_cap(p, CAP_NOTIFY, CAP_ISR, NOTIFY_CFG, 20, BAR_NOTIFY,
		NOTIFY_MULTIPLIER * d->queue_count);
	pci_set32(p, CAP_NOTIFY + 16, NOTIFY_MULTIPLIER);
	put_cap(p, CAP_ISR, after_isr, ISR_CFG, 16, BAR_ISR, 1);
	if (d->config_size != 0)
		put_cap(p, CAP_DEVICE, CAP_PCI, DEVICE_CFG, 16, BAR_DEVICE, d->config_size);
	put_cap(p, CAP_PCI, CAP_MSIX, PCI_CFG, 20, 0, 0);
	p->writable[CAP_PCI + 4] = 0xff;
	memset(&p->writable[CAP_PCI_OFFSET], 0xff, 12);

	p->config[CAP_MSIX] = CAP_ID_MSIX;
	pci_set16(p, CAP_MSIX + 2, (uint16_t)(d->msix.vector_count - 1));
	p->writable[CAP_MSIX + 3] = MSIX_ENABLE | MSIX_MASK;
	pci_set32(p, CAP_MSIX + 4, BAR_MSIX);
	pci_set32(p, CAP_MSIX + 8, BAR_PENDING);
}

/* How many bytes of config space a device type has at most (5); what a back end lacks reads as 0. */
static uint32_t config_size(uint32_t virtio_id)
{
	switch (virtio_id) {
	case 1:
		return 12; /* up to mtu */
	case 2:
		return 60; /* up to write_zeroes_may_unmap */
	case 3:
		return 12;
	case 5:
		return 16;
	case 19:
		return 8;
	default:
		return 0;
	}
}

static bool open_queues(struct virtio_pci *d)
{
	for (unsigned i = 0; i <= d->queue_count; i++) {
		int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (call < 0)
			return false;
		d->msix.source[i].event_fd = call;
		if (i == CONFIG_SOURCE)
			continue;
		d->ring[i - 1].call_fd = call;
		d->ring[i - 1].kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (d->ring[i - 1].kick_fd < 0)
			return false;
	}
	return true;
}

enum status virtio_pci_init(struct virtio_pci *d, const struct vm_device *config, int socket,
			    const struct ram *ram, int vm_fd, struct irq_routes *routes,
			    struct pci *pci)
{
	memset(d, 0, sizeof(*d));
	pthread_mutex_init(&d->lock, NULL);
	d->vm_fd = vm_fd;
	if (!vhost_init(&d->vhost, ram))
		return STATUS_FAILED;
	if (!vhost_connect(&d->vhost, socket, config->queue_count)) {
		log_error("virtio device %u: its back end does not speak vhost-user as needed",
			  config->virtio_id);
		return STATUS_FAILED;
	}
	d->queue_count = d->vhost.queue_count;
	d->offered = d->vhost.features & FEATURES_PASS;
	if ((d->offered >> F_VERSION_1 & 1) == 0) {
		log_error("virtio device %u: its back end knows only virtio before 1.0",
			  config->virtio_id);
		return STATUS_FAILED;
	}
	d->own_config = config->config_size != 0;
	if (d->own_config) {
		d->config_size = config->config_size;
		memcpy(d->config, config->config, config->config_size);
	} else if ((d->vhost.protocol >> VHOST_USER_PROTOCOL_F_CONFIG & 1) != 0) {
		d->config_size = config_size(config->virtio_id);
		refresh_config(d);
	}
	if (!msix_init(&d->msix, routes, (uint16_t)(d->queue_count + 1)) || !open_queues(d)) {
		log_error("virtio device %u: cannot have %u queues: %s", config->virtio_id,
			  d->queue_count, strerror(errno));
		return STATUS_FAILED;
	}
	reset(d);
	fill_config_space(d, config->virtio_id);
	d->pci.dev = d;
	d->pci.bar_size = BAR_SIZE;
	d->pci.bar_access = bar_access;
	d->pci.bar_moved = bar_moved;
	d->pci.config_reading = config_reading;
	d->pci.config_written = config_written;
	pci_plug(pci, &d->pci);
	return STATUS_OK;
}

/* ---- the main thread ---- */

void virtio_pci_reconnect(struct virtio_pci *d, int socket)
{
	unsigned queues = d->queue_count;

	pthread_mutex_lock(&d->lock);
	d->told_lost = false;
	/* Another program in the same place must at least be the same device. */
	if (!vhost_connect(&d->vhost, socket, 0) || d->vhost.queue_count < queues ||
	    (d->offered & ~d->vhost.features) != 0) {
		vhost_lose(&d->vhost);
	} else {
		d->vhost.queue_count = queues;
		refresh_config(d);
		if (d->served)
			start(d, true);
	}
	pthread_mutex_unlock(&d->lock);
}

void virtio_pci_poll(struct virtio_pci *d, struct pollfd p[VIRTIO_PCI_POLLS])
{
	pthread_mutex_lock(&d->lock);
	p[0] = (struct pollfd){ .fd = d->vhost.socket, .events = POLLRDHUP };
	p[1] = (struct pollfd){ .fd = d->vhost.events[0], .events = POLLIN };
	p[2] = (struct pollfd){ .fd = d->vhost.error_fd, .events = POLLIN };
	pthread_mutex_unlock(&d->lock);
}

bool virtio_pci_polled(struct virtio_pci *d, const struct pollfd p[VIRTIO_PCI_POLLS])
{
	uint64_t count;
	bool tell;

	pthread_mutex_lock(&d->lock);
	/* A socket that was replaced meanwhile is not the one that hung up. */
	if (p[0].revents != 0 && p[0].fd == d->vhost.socket)
		vhost_lose(&d->vhost);
	if (p[1].revents != 0 && vhost_config_changed(&d->vhost)) {
		refresh_config(d);
		if (live(d))
			notify_config(d);
	}
	if (p[2].revents != 0 && read(d->vhost.error_fd, &count, sizeof(count)) > 0)
		need_reset(d, "its back end found a queue that makes no sense");
	tell = d->vhost.socket < 0 && !d->told_lost;
	d->told_lost |= tell;
	pthread_mutex_unlock(&d->lock);
	return tell;
}
