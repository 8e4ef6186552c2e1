/* SPDX-License-Identifier: ISC */
/*
 * The input is a back end's bytes and then a driver's accesses to the transport:
 *   length of the bytes (2, little-endian), bytes, then eight bytes a step:
 *   what, address (2), value (5).
 * What: bits 0-1 width 1, 2, 4, 8; bit 2 write; bits 3-4 the BAR, the common structure,
 * configuration space, the main thread's turn. The bytes come behind well-formed answers to the
 * first questions, without which there would be no device.
 */
#include "virtio_pci.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP	 8
#define RAM_SIZE (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct virtio_pci device;
static struct irq_routes routes;
static struct pci pci;
static struct ram ram;

static void answer(int socket, uint32_t request, uint64_t value)
{
	struct vhost_user_message m = {
		.request = request, .flags = VHOST_USER_REPLY, .size = 8, .p.u64 = value
	};

	if (vhost_user_send(socket, &m, 1000) != VHOST_USER_OK)
		abort();
}

static void step(const uint8_t *s)
{
	uint32_t len = 1u << (s[0] & 3);
	uint8_t *bytes = malloc(len); /* exactly; the sanitizer watches */
	struct bus_access a = { .len = len, .write = (s[0] & 4) != 0, .data = bytes };
	uint32_t at = (uint32_t)(s[1] | s[2] << 8);
	struct pollfd p[VIRTIO_PCI_POLLS];

	if (bytes == NULL)
		abort();
	memset(bytes, s[7], len);
	memcpy(bytes, s + 3, len < 5 ? len : 5);
	switch (s[0] >> 3 & 3) {
	case 0:
		a.offset = at % (0x8000 + 1 - len);
		device.pci.bar_access(&device, &a);
		break;
	case 1:
		a.offset = at % 0x40;
		device.pci.bar_access(&device, &a);
		break;
	case 2:
		a.offset = 0x8000 + at % (0x1001 - len);
		pci_ecam_access(&pci, &a);
		break;
	default:
		virtio_pci_poll(&device, p);
		if (poll(p, VIRTIO_PCI_POLLS, 0) > 0)
			(void)!virtio_pci_polled(&device, p);
		break;
	}
	free(bytes);
}

static void close_all(void)
{
	vhost_lose(&device.vhost);
	if (device.vhost.inflight_fd >= 0)
		close(device.vhost.inflight_fd);
	close(device.vhost.events[0]);
	close(device.vhost.events[1]);
	close(device.vhost.error_fd);
	for (unsigned i = 0; i <= device.queue_count && device.msix.source_count > 0; i++) {
		close(device.msix.source[i].event_fd);
		if (i > 0)
			close(device.ring[i - 1].kick_fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vm_device entropy = { .virtio_id = 4 };
	size_t bytes;
	int pair[2];

	if (ram.fd == 0) {
		struct gmem_region r = { .size = RAM_SIZE };

		ram.fd = memfd_create("ram", MFD_CLOEXEC);
		ram.size = RAM_SIZE;
		if (ftruncate(ram.fd, RAM_SIZE) < 0)
			abort();
		r.host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram.fd, 0);
		if (!gmem_init(&ram.mem, &r, 1))
			abort();
	}
	if (size < 2)
		return 0;
	bytes = (size_t)(data[0] | data[1] << 8) % 4096;
	data += 2;
	size -= 2;
	bytes = bytes < size ? bytes : size;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	answer(pair[1], VHOST_USER_GET_FEATURES, UINT64_MAX);
	answer(pair[1], VHOST_USER_GET_PROTOCOL_FEATURES, UINT64_MAX);
	answer(pair[1], VHOST_USER_SET_OWNER, 0);
	answer(pair[1], VHOST_USER_GET_QUEUE_NUM, 2);
	answer(pair[1], VHOST_USER_SET_BACKEND_REQ_FD, 0);
	if (send(pair[1], data, bytes, 0) < 0 && bytes > 0)
		abort();
	shutdown(pair[1], SHUT_WR); /* a silent one would only make us wait */
	data += bytes;
	size -= bytes;

	pci_init(&pci);
	irq_routes_init(&routes, -1);
	if (virtio_pci_init(&device, &entropy, pair[0], &ram, -1, &routes, &pci) == STATUS_OK)
		for (; size >= STEP; data += STEP, size -= STEP)
			step(data);
	close_all();
	close(pair[1]);
	return 0;
}
