/* SPDX-License-Identifier: ISC */
/* The PCI transport as a driver, good or hostile, meets it; behind it a stub of a back end. */
#include "backend_stub.h"
#include "virtio_pci.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define RAM_SIZE (2u << 20)
#define USER(a)	 ((a) + (1ull << 46))

/* Offsets in the BAR, as fill_config_space() announces them; the first test compares. */
#define COMMON	0x0000u
#define ISR	0x1000u
#define DEVICE	0x2000u
#define NOTIFY	0x3000u
#define MSIX	0x4000u
#define PENDING 0x5000u

enum { /* 4.1.4.3 */
       DEVICE_SELECT = 0,
       DEVICE_FEATURES = 4,
       DRIVER_SELECT = 8,
       DRIVER_FEATURES = 12,
       CONFIG_VECTOR = 16,
       NUM_QUEUES = 18,
       STATUS = 20,
       GENERATION = 21,
       QUEUE_SELECT = 22,
       QUEUE_SIZE = 24,
       QUEUE_VECTOR = 26,
       QUEUE_ENABLE = 28,
       QUEUE_NOTIFY = 30,
       QUEUE_DESC = 32,
       QUEUE_DRIVER = 40,
       QUEUE_DEVICE = 48
};

#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)
#define F_PACKED    (1ull << 34)
#define FEATURES    (F_VERSION_1 | F_EVENT_IDX | F_PACKED | 5)

static struct backend_stub stub;
static struct virtio_pci device, second;
static struct pci pci;
static struct irq_routes routes;
static struct ram ram;
static uint8_t *memory;

static const struct vm_device block = { .virtio_id = 2 };

static void offer_all(void)
{
	stub = (struct backend_stub){
		.features = FEATURES | 1ull << VHOST_USER_F_PROTOCOL_FEATURES,
		.protocol = UINT64_MAX,
		.queue_count = STUB_QUEUES,
		.config = { 1, 2, 3, 4 },
	};
}

static int setup(void **state)
{
	struct gmem_region r = { .size = RAM_SIZE };

	(void)state;
	ram = (struct ram){ .fd = memfd_create("ram", MFD_CLOEXEC), .size = RAM_SIZE };
	if (ftruncate(ram.fd, RAM_SIZE) < 0)
		return -1;
	memory = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram.fd, 0);
	r.host = memory;
	if (!gmem_init(&ram.mem, &r, 1))
		return -1;
	pci_init(&pci);
	irq_routes_init(&routes, -1);
	offer_all();
	stub_start(&stub);
	if (virtio_pci_init(&device, &block, stub.socket, &ram, -1, &routes, &pci) != STATUS_OK)
		return -1;
	pci_set16(&device.pci, 4, 0);
	return 0;
}

static void close_device(struct virtio_pci *d)
{
	vhost_lose(&d->vhost);
	if (d->vhost.inflight_fd >= 0)
		close(d->vhost.inflight_fd);
	close(d->vhost.events[0]);
	close(d->vhost.events[1]);
	close(d->vhost.error_fd);
	for (unsigned i = 0; i <= d->queue_count; i++) {
		close(d->msix.source[i].event_fd);
		if (i > 0)
			close(d->ring[i - 1].kick_fd);
	}
}

static int teardown(void **state)
{
	(void)state;
	close_device(&device);
	stub_stop(&stub);
	munmap(memory, RAM_SIZE);
	close(ram.fd);
	return 0;
}

/* ---- a driver ---- */

static void put(uint64_t at, uint32_t len, uint64_t value)
{
	uint8_t data[8];
	struct bus_access a = { .offset = at, .len = len, .write = true, .data = data };

	memcpy(data, &value, sizeof(data));
	device.pci.bar_access(&device, &a);
}

static uint64_t get(uint64_t at, uint32_t len)
{
	uint64_t value = 0xeeeeeeeeeeeeeeee;
	uint8_t data[8];
	struct bus_access a = { .offset = at, .len = len, .data = data };

	memcpy(data, &value, sizeof(data));
	device.pci.bar_access(&device, &a);
	value = 0;
	memcpy(&value, data, len);
	return value;
}

static uint32_t config(uint32_t slot, uint32_t offset, uint32_t len, bool write, uint32_t value)
{
	uint8_t data[4];
	struct bus_access a = {
		.offset = slot * 8 * 4096 + offset, .len = len, .write = write, .data = data
	};

	memcpy(data, &value, sizeof(data));
	pci_ecam_access(&pci, &a);
	value = 0;
	memcpy(&value, data, len);
	return value;
}

static void accept_features(uint64_t features)
{
	put(COMMON + STATUS, 1, 1);
	put(COMMON + STATUS, 1, 3);
	put(COMMON + DRIVER_SELECT, 4, 0);
	put(COMMON + DRIVER_FEATURES, 4, (uint32_t)features);
	put(COMMON + DRIVER_SELECT, 4, 1);
	put(COMMON + DRIVER_FEATURES, 4, features >> 32);
	put(COMMON + STATUS, 1, 11);
}

static void set_queue(uint16_t i, uint64_t at)
{
	put(COMMON + QUEUE_SELECT, 2, i);
	put(COMMON + QUEUE_SIZE, 2, 8);
	put(COMMON + QUEUE_VECTOR, 2, i + 1u);
	put(COMMON + QUEUE_DESC, 4, (uint32_t)at);
	put(COMMON + QUEUE_DESC + 4, 4, at >> 32);
	put(COMMON + QUEUE_DRIVER, 8, at + 0x1000);
	put(COMMON + QUEUE_DEVICE, 8, at + 0x2000);
	put(COMMON + QUEUE_ENABLE, 2, 1);
}

static void drive(void)
{
	accept_features(F_VERSION_1 | F_EVENT_IDX);
	put(COMMON + CONFIG_VECTOR, 2, 0);
	set_queue(0, 0x10000);
	set_queue(1, 0x20000);
	put(COMMON + STATUS, 1, 15);
}

static uint64_t count_of(int event_fd)
{
	uint64_t n = 0;

	return read(event_fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* ---- tests ---- */

static void config_space_names_a_modern_virtio_device(void **state)
{
	uint32_t at = config(1, 0x34, 1, false, 0), seen[6] = { 0 }, steps = 0;
	static const uint32_t place[] = { 0, COMMON, NOTIFY, ISR, DEVICE, 0 };

	(void)state;
	assert_int_equal(config(1, 0, 4, false, 0), 0x10421af4);
	assert_int_equal(config(1, 8, 1, false, 0), 1);
	assert_int_equal(config(1, 6, 2, false, 0), 0x10);
	for (; at != 0 && steps < 8; at = config(1, at + 1, 1, false, 0), steps++) {
		uint32_t type = config(1, at + 3, 1, false, 0);

		if (config(1, at, 1, false, 0) == 0x11) { /* MSI-X */
			assert_int_equal(config(1, at + 2, 2, false, 0), STUB_QUEUES);
			assert_int_equal(config(1, at + 4, 4, false, 0), MSIX);
			assert_int_equal(config(1, at + 8, 4, false, 0), PENDING);
			continue;
		}
		assert_int_equal(config(1, at, 1, false, 0), 9);
		assert_in_range(type, 1, 5);
		seen[type]++;
		assert_int_equal(config(1, at + 8, 4, false, 0), place[type]);
	}
	assert_int_equal(steps, 6);
	for (unsigned type = 1; type <= 5; type++)
		assert_int_equal(seen[type], 1);
}

static void every_bit_outside_the_writable_ones_holds_still(void **state)
{
	uint8_t before[PCI_CONFIG_SIZE];

	(void)state;
	memcpy(before, device.pci.config, sizeof(before));
	for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at++)
		for (uint32_t value = 0; value < 256; value += 255)
			config(1, at, 1, true, value);
	for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at++)
		assert_int_equal(device.pci.config[at] & ~device.pci.writable[at],
				 before[at] & ~device.pci.writable[at]);
}

static void bar_is_sized_and_moved(void **state)
{
	(void)state;
	assert_int_equal(config(1, 0x10, 4, false, 0), PCI_MMIO_START);
	config(1, 0x10, 4, true, UINT32_MAX);
	assert_int_equal(config(1, 0x10, 4, false, 0), 0xffff8000);
	config(1, 0x10, 4, true, PCI_MMIO_START + 0x100000);
	assert_true(device.pci.bar_at == PCI_NOWHERE); /* memory is not enabled */
	config(1, 4, 2, true, 2);
	assert_true(device.pci.bar_at == PCI_MMIO_START + 0x100000);
}

/* "BAR over RAM": addresses that are not the window's are nobody's. */
static void bar_outside_the_window_answers_nowhere(void **state)
{
	static const uint32_t places[] = { 0,	       0x1000,	   0xbfff8000, 0xfebfc000,
					   0xc00f8000, 0xfee00000, 0xffff8000 };

	(void)state;
	config(1, 4, 2, true, 2);
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool inside = (places[i] & 0xffff8000) == 0xfebf8000;

		config(1, 0x10, 4, true, places[i]);
		assert_true((device.pci.bar_at == PCI_NOWHERE) != inside);
	}
}

static void lower_slot_answers_where_bars_overlap(void **state)
{
	struct backend_stub other = stub;
	uint8_t data[4] = { 0 };
	struct bus_access a = { .offset = NUM_QUEUES, .len = 2, .data = data };

	(void)state;
	other.queue_count = 1;
	stub_start(&other);
	assert_int_equal(
		virtio_pci_init(&second, &block, other.socket, &ram, -1, &routes, &pci),
		STATUS_OK);
	config(1, 0x10, 4, true, PCI_MMIO_START);
	config(2, 0x10, 4, true, PCI_MMIO_START);
	config(2, 4, 2, true, 2);
	pci_mmio_access(&pci, &a);
	assert_int_equal(data[0], 1);
	config(1, 4, 2, true, 2);
	pci_mmio_access(&pci, &a);
	assert_int_equal(data[0], STUB_QUEUES);
	config(1, 4, 2, true, 0);
	pci_mmio_access(&pci, &a);
	assert_int_equal(data[0], 1);
	config(2, 4, 2, true, 0);
	pci_mmio_access(&pci, &a);
	assert_int_equal(data[0], 0xff);
	close_device(&second);
	stub_stop(&other);
}

static void only_known_features_are_offered(void **state)
{
	(void)state;
	put(COMMON + DEVICE_SELECT, 4, 0);
	assert_int_equal(get(COMMON + DEVICE_FEATURES, 4), (uint32_t)(F_EVENT_IDX | 5));
	put(COMMON + DEVICE_SELECT, 4, 1);
	assert_int_equal(get(COMMON + DEVICE_FEATURES, 4), 1); /* no PACKED */
	put(COMMON + DEVICE_SELECT, 4, 2);
	assert_int_equal(get(COMMON + DEVICE_FEATURES, 4), 0);
}

static void features_that_were_not_offered_are_refused(void **state)
{
	(void)state;
	accept_features(F_VERSION_1 | F_PACKED);
	assert_int_equal(get(COMMON + STATUS, 1), 3);
	put(COMMON + STATUS, 1, 0);
	accept_features(F_VERSION_1 | 2);
	assert_int_equal(get(COMMON + STATUS, 1), 3);
	put(COMMON + STATUS, 1, 0);
	accept_features(5); /* no VERSION_1 */
	assert_int_equal(get(COMMON + STATUS, 1), 3);
	put(COMMON + STATUS, 1, 0);
	accept_features(F_VERSION_1 | 5);
	assert_int_equal(get(COMMON + STATUS, 1), 11);
}

static void features_hold_still_after_features_ok(void **state)
{
	(void)state;
	accept_features(F_VERSION_1);
	put(COMMON + DRIVER_SELECT, 4, 0);
	put(COMMON + DRIVER_FEATURES, 4, 5);
	assert_int_equal(get(COMMON + DRIVER_FEATURES, 4), 0);
	put(COMMON + STATUS, 1, 15);
	assert_true(stub.acked == (F_VERSION_1 | 1ull << VHOST_USER_F_PROTOCOL_FEATURES));
}

static void driver_ok_hands_the_queues_over(void **state)
{
	(void)state;
	drive();
	assert_int_equal(get(COMMON + STATUS, 1), 15);
	assert_int_equal(stub.regions, 1);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = 0x10000 * (i + 1ull);

		assert_int_equal(stub.ring[i].num, 8);
		assert_int_equal(stub.ring[i].base, 0);
		assert_true(stub.ring[i].desc == USER(at));
		assert_true(stub.ring[i].avail == USER(at + 0x1000));
		assert_true(stub.ring[i].used == USER(at + 0x2000));
		assert_int_equal(stub.ring[i].started, 1);
		assert_int_equal(stub.ring[i].enabled, 1);
	}
	assert_int_equal(stub.ring[2].started, 0); /* the driver left it alone */
	assert_int_equal(stub.inflight_asked, 1);
	assert_int_equal(stub.inflight_told, 1);
}

/* As a kernel does that starts another: the device must not write into the other's memory. */
static void without_bus_mastering_memory_is_left_alone(void **state)
{
	(void)state;
	config(1, 4, 2, true, 6);
	drive();
	config(1, 4, 2, true, 6);
	config(1, 4, 2, true, 4); /* memory decoding alone changes nothing */
	assert_int_equal(stub.ring[0].stopped, 0);
	config(1, 4, 2, true, 2);
	assert_int_equal(stub.ring[0].stopped, 1);
	assert_int_equal(stub.ring[1].stopped, 1);
	assert_int_equal(get(COMMON + STATUS, 1), 15 | 64);
	config(1, 4, 2, true, 6);
	put(COMMON + STATUS, 1, 0);
	drive();
	assert_int_equal(get(COMMON + STATUS, 1), 15);
	assert_int_equal(stub.ring[0].started, 2);
}

static void driver_ok_without_features_ok_starts_nothing(void **state)
{
	(void)state;
	put(COMMON + STATUS, 1, 1);
	put(COMMON + STATUS, 1, 7);
	assert_int_equal(get(COMMON + STATUS, 1), 3);
	assert_int_equal(stub.ring[0].started, 0);
}

static void queue_registers_wait_for_features_ok(void **state)
{
	(void)state;
	put(COMMON + STATUS, 1, 3);
	set_queue(0, 0x10000);
	assert_int_equal(get(COMMON + QUEUE_SIZE, 2), VHOST_QUEUE_SIZE);
	assert_int_equal(get(COMMON + QUEUE_ENABLE, 2), 0);
	assert_int_equal(get(COMMON + QUEUE_DESC, 8), 0);
}

/* CVE-2026-5747: a queue that is in use, resized. */
static void queue_registers_hold_still_while_in_use(void **state)
{
	(void)state;
	drive();
	for (uint16_t i = 0; i < 3; i++) {
		uint8_t before[0x38], after[0x38];

		put(COMMON + QUEUE_SELECT, 2, i);
		for (unsigned at = 0; at < sizeof(before); at++)
			before[at] = (uint8_t)get(COMMON + at, 1);
		for (unsigned at = QUEUE_SIZE; at < sizeof(before); at += 2)
			for (uint32_t len = 1; len <= 8; len *= 2)
				if (at != QUEUE_VECTOR)
					put(COMMON + at, len, 4);
		for (unsigned at = 0; at < sizeof(after); at++)
			after[at] = (uint8_t)get(COMMON + at, 1);
		assert_memory_equal(before, after, sizeof(before));
	}
	assert_int_equal(stub.ring[2].started, 0);
}

static void absurd_queue_sizes_are_ignored(void **state)
{
	static const uint16_t sizes[] = { 0, 3, 255, 257, 512, 0x8000, 0xffff };

	(void)state;
	accept_features(F_VERSION_1);
	put(COMMON + QUEUE_SELECT, 2, 1);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(COMMON + QUEUE_SIZE, 2, sizes[i]);
		assert_int_equal(get(COMMON + QUEUE_SIZE, 2), VHOST_QUEUE_SIZE);
	}
	put(COMMON + QUEUE_SIZE, 2, 16);
	assert_int_equal(get(COMMON + QUEUE_SIZE, 2), 16);
}

/* CVE-2021-45464 and kvmtool's QUEUE_SEL: an index that selects nothing. */
static void queues_that_are_not_there_read_as_zero(void **state)
{
	static const uint16_t selects[] = { STUB_QUEUES, 66, 0x7fff, 0x8000, 0xffff };

	(void)state;
	accept_features(F_VERSION_1);
	for (unsigned i = 0; i < sizeof(selects) / sizeof(selects[0]); i++) {
		put(COMMON + QUEUE_SELECT, 2, selects[i]);
		for (unsigned at = QUEUE_SIZE; at < 0x38; at += 2) {
			put(COMMON + at, 2, 0xffff);
			assert_int_equal(get(COMMON + at, 2), 0);
		}
	}
}

static void queue_outside_memory_needs_a_reset(void **state)
{
	static const uint64_t places[] = { RAM_SIZE,	      RAM_SIZE - 0x1000, 0x10008,
					   UINT64_MAX - 4095, 1ull << 46,	 0xc0000000 };

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		put(COMMON + STATUS, 1, 0);
		accept_features(F_VERSION_1);
		set_queue(0, places[i]);
		put(COMMON + STATUS, 1, 15);
		assert_int_equal(get(COMMON + STATUS, 1), 15 | 64);
		assert_int_equal(stub.ring[0].started, 0);
		assert_true(count_of(device.msix.source[0].event_fd) > 0);
	}
	put(COMMON + STATUS, 1, 0);
	drive();
	assert_int_equal(get(COMMON + STATUS, 1), 15);
}

static void reset_takes_everything_back(void **state)
{
	(void)state;
	for (unsigned turn = 1; turn <= 3; turn++) {
		drive();
		assert_int_equal(stub.ring[0].started, turn);
		put(COMMON + STATUS, 1, 0);
		assert_int_equal(get(COMMON + STATUS, 1), 0);
		assert_int_equal(stub.ring[0].stopped, turn);
		assert_int_equal(stub.ring[2].stopped, 0);
		assert_int_equal(stub.resets, turn);
		put(COMMON + QUEUE_SELECT, 2, 0);
		assert_int_equal(get(COMMON + QUEUE_SIZE, 2), VHOST_QUEUE_SIZE);
		assert_int_equal(get(COMMON + QUEUE_ENABLE, 2), 0);
		assert_int_equal(get(COMMON + QUEUE_VECTOR, 2), MSIX_NO_VECTOR);
		assert_int_equal(get(COMMON + CONFIG_VECTOR, 2), MSIX_NO_VECTOR);
	}
}

/* CVE-2011-2512: notify 0..65535. */
static void notifications_reach_their_queue_and_no_other(void **state)
{
	(void)state;
	drive();
	for (uint32_t at = 0; at < 0x1000; at++)
		put(NOTIFY + at, 2, at);
	for (unsigned i = 0; i < STUB_QUEUES; i++)
		assert_int_equal(count_of(device.ring[i].kick_fd), 1);
}

static void notification_before_driver_ok_waits_for_it(void **state)
{
	(void)state;
	put(NOTIFY, 2, 0);
	assert_int_equal(stub.ring[0].started, 0);
	drive();
	assert_int_equal(count_of(stub.ring[0].kick_fd), 1); /* the same eventfd */
}

static void back_end_that_finds_nonsense_resets_the_device(void **state)
{
	struct pollfd p[VIRTIO_PCI_POLLS];
	uint64_t one = 1;

	(void)state;
	drive();
	assert_int_equal(write(stub.ring[1].err_fd, &one, sizeof(one)), sizeof(one));
	virtio_pci_poll(&device, p);
	assert_true(poll(p, VIRTIO_PCI_POLLS, 1000) > 0);
	assert_false(virtio_pci_polled(&device, p));
	assert_int_equal(get(COMMON + STATUS, 1), 15 | 64);
	assert_int_equal(count_of(device.msix.source[0].event_fd), 1);
	assert_int_equal(get(ISR, 1), 2);
	assert_int_equal(get(ISR, 1), 0);
}

static void changed_config_is_told_with_a_new_generation(void **state)
{
	struct vhost_user_message m = { .request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG };
	struct pollfd p[VIRTIO_PCI_POLLS];
	uint64_t generation = get(COMMON + GENERATION, 1);

	(void)state;
	drive();
	assert_int_equal(get(DEVICE, 4), 0x04030201);
	stub.config[1] = 9;
	assert_int_equal(vhost_user_send(stub.event_fd, &m, 1000), VHOST_USER_OK);
	virtio_pci_poll(&device, p);
	assert_true(poll(p, VIRTIO_PCI_POLLS, 1000) > 0);
	assert_false(virtio_pci_polled(&device, p));
	assert_int_equal(get(DEVICE, 4), 0x04030901);
	assert_int_equal(get(COMMON + GENERATION, 1), generation + 1);
	assert_int_equal(count_of(device.msix.source[0].event_fd), 1);
}

static void driver_writes_config_within_its_size(void **state)
{
	(void)state;
	put(DEVICE + 32, 1, 0x55);
	assert_int_equal(stub.config[32], 0x55);
	assert_int_equal(get(DEVICE + 32, 1), 0x55);
	put(DEVICE + 58, 4, UINT32_MAX);
	put(DEVICE + 60, 1, UINT32_MAX);
	put(DEVICE + 0xff8, 8, UINT64_MAX);
	assert_int_equal(get(DEVICE + 56, 4), 0);
	assert_int_equal(get(DEVICE + 60, 1), 0);
}

static void lost_back_end_is_told_once_and_replaced(void **state)
{
	struct pollfd p[VIRTIO_PCI_POLLS];
	uint16_t used = 7;

	(void)state;
	drive();
	memcpy(memory + 0x12000 + 2, &used, sizeof(used));
	stub_stop(&stub);
	virtio_pci_poll(&device, p);
	assert_true(poll(p, VIRTIO_PCI_POLLS, 1000) > 0);
	assert_true(virtio_pci_polled(&device, p));
	virtio_pci_poll(&device, p);
	assert_false(virtio_pci_polled(&device, p));
	assert_int_equal(get(DEVICE, 4), 0x04030201); /* as it was */

	offer_all();
	stub_start(&stub);
	virtio_pci_reconnect(&device, stub.socket);
	assert_int_equal(stub.ring[0].base, 7);
	assert_int_equal(stub.ring[0].started, 1);
	assert_int_equal(stub.ring[1].base, 0);
	assert_int_equal(stub.inflight_asked, 0); /* it gets the old one's */
	assert_int_equal(stub.inflight_told, 1);
	assert_int_equal(count_of(stub.ring[0].kick_fd), 1);
	assert_int_equal(get(COMMON + STATUS, 1), 15);
}

static void reset_while_the_back_end_is_lost(void **state)
{
	(void)state;
	drive();
	stub_stop(&stub);
	put(COMMON + STATUS, 1, 0);
	drive();
	assert_int_equal(get(COMMON + STATUS, 1), 15);
	offer_all();
	stub_start(&stub);
	virtio_pci_reconnect(&device, stub.socket);
	assert_int_equal(stub.ring[0].started, 1);
	assert_int_equal(stub.inflight_asked, 1);
}

static void another_device_in_its_place_is_not_taken(void **state)
{
	(void)state;
	drive();
	stub_stop(&stub);
	offer_all();
	stub.features &= ~F_EVENT_IDX;
	stub_start(&stub);
	virtio_pci_reconnect(&device, stub.socket);
	assert_int_equal(stub.ring[0].started, 0);
	assert_int_equal(device.vhost.socket, -1);
}

static void back_end_that_refuses_is_lost(void **state)
{
	(void)state;
	stub.refuse = VHOST_USER_SET_VRING_ADDR;
	drive();
	assert_int_equal(device.vhost.socket, -1);
	assert_int_equal(stub.ring[0].started, 0);
}

/* CVE-2020-13754: every width at every place of the table and the pending bits. */
static void msix_table_takes_only_what_fits(void **state)
{
	(void)state;
	config(1, 0x98 + 2, 2, true, 0x8000);
	for (uint32_t at = 0; at < 0x1000; at++)
		for (uint32_t len = 1; len <= 8; len *= 2) {
			put(MSIX + at, len, UINT64_MAX);
			put(PENDING + at, len, UINT64_MAX);
			assert_int_equal(get(PENDING + at, len), 0);
		}
	for (uint16_t v = 0; v <= STUB_QUEUES; v++) {
		assert_true(get(MSIX + 16u * v, 8) == (UINT64_MAX & ~3ull));
		assert_int_equal(get(MSIX + 16u * v + 12, 4), 1);
	}
	assert_int_equal(get(MSIX + 16u * (STUB_QUEUES + 1), 4), 0);
}

static void masked_interrupt_is_pending_until_unmasked(void **state)
{
	uint64_t one = 1;

	(void)state;
	drive();
	config(1, 0x98 + 2, 2, true, 0x8000);
	put(MSIX + 16, 4, 0xfee00000);
	assert_int_equal(write(stub.ring[0].call_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(get(PENDING, 8), 2);
	put(MSIX + 16 + 12, 4, 0);
	assert_true(device.msix.source[1].attached);
	assert_int_equal(get(PENDING, 8), 0);
	assert_int_equal(count_of(device.msix.source[1].event_fd), 1); /* KVM would take it */
	put(MSIX + 16 + 12, 4, 1);
	assert_false(device.msix.source[1].attached);
	put(MSIX + 16 + 12, 4, 0);
	config(1, 0x98 + 2, 2, true, 0xc000); /* the function masked */
	assert_false(device.msix.source[1].attached);
	config(1, 0x98 + 2, 2, true, 0x8000);
	assert_true(device.msix.source[1].attached);
	config(1, 0x98 + 2, 2, true, 0);
	assert_false(device.msix.source[1].attached);
}

static void vectors_that_are_not_there_are_refused(void **state)
{
	static const uint16_t vectors[] = { STUB_QUEUES + 1, 67, 0x7fff, 0x8000, 0xfffe };

	(void)state;
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		put(COMMON + CONFIG_VECTOR, 2, 1);
		put(COMMON + CONFIG_VECTOR, 2, vectors[i]);
		assert_int_equal(get(COMMON + CONFIG_VECTOR, 2), MSIX_NO_VECTOR);
		put(COMMON + QUEUE_VECTOR, 2, vectors[i]);
		assert_int_equal(get(COMMON + QUEUE_VECTOR, 2), MSIX_NO_VECTOR);
	}
}

static void bar_is_reached_through_configuration_space(void **state)
{
	(void)state;
	config(1, 0x84 + 8, 4, true, COMMON + NUM_QUEUES);
	config(1, 0x84 + 12, 4, true, 2);
	assert_int_equal(config(1, 0x84 + 16, 2, false, 0), STUB_QUEUES);
	config(1, 0x84 + 8, 4, true, COMMON + STATUS);
	config(1, 0x84 + 12, 4, true, 1);
	config(1, 0x84 + 16, 1, true, 3);
	assert_int_equal(get(COMMON + STATUS, 1), 3);
	/* Windows that are none change nothing. */
	for (uint32_t len = 0; len < 10; len++) {
		config(1, 0x84 + 8, 4, true, 0x7fff + len * 0x10000000);
		config(1, 0x84 + 12, 4, true, len == 1 ? 8 : len);
		config(1, 0x84 + 16, 4, true, 0);
		config(1, 0x84 + 16, 4, false, 0);
	}
	assert_int_equal(get(COMMON + STATUS, 1), 3);
}

/* Every width and offset, with a back end and without; the sanitizers watch. */
static void random_accesses_break_nothing(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		seed = seed * 1664525 + 1013904223;
		if (i == 3000)
			stub_stop(&stub);
		if ((seed >> 24) % 5 == 0)
			config(1, seed >> 8 & 0xfc, 4, true, seed * 2654435761u);
		else if ((seed >> 24) % 5 == 1)
			put((seed >> 8 & 0x3f), 1u << (seed >> 30), seed >> 3);
		else if ((seed >> 24) % 5 == 2)
			put(seed >> 8 & 0x7fff, 1u << (seed >> 30), seed);
		else
			get(seed >> 8 & 0x7fff, 1u << (seed >> 30));
	}
	offer_all();
	stub_start(&stub);
	virtio_pci_reconnect(&device, stub.socket);
	put(COMMON + STATUS, 1, 0);
	config(1, 4, 2, true, 2);
	drive();
	assert_int_equal(get(COMMON + STATUS, 1), 15);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(config_space_names_a_modern_virtio_device),
		T(every_bit_outside_the_writable_ones_holds_still),
		T(bar_is_sized_and_moved),
		T(bar_outside_the_window_answers_nowhere),
		T(without_bus_mastering_memory_is_left_alone),
		T(lower_slot_answers_where_bars_overlap),
		T(only_known_features_are_offered),
		T(features_that_were_not_offered_are_refused),
		T(features_hold_still_after_features_ok),
		T(driver_ok_hands_the_queues_over),
		T(driver_ok_without_features_ok_starts_nothing),
		T(queue_registers_wait_for_features_ok),
		T(queue_registers_hold_still_while_in_use),
		T(absurd_queue_sizes_are_ignored),
		T(queues_that_are_not_there_read_as_zero),
		T(queue_outside_memory_needs_a_reset),
		T(reset_takes_everything_back),
		T(notifications_reach_their_queue_and_no_other),
		T(notification_before_driver_ok_waits_for_it),
		T(back_end_that_finds_nonsense_resets_the_device),
		T(changed_config_is_told_with_a_new_generation),
		T(driver_writes_config_within_its_size),
		T(lost_back_end_is_told_once_and_replaced),
		T(reset_while_the_back_end_is_lost),
		T(another_device_in_its_place_is_not_taken),
		T(back_end_that_refuses_is_lost),
		T(msix_table_takes_only_what_fits),
		T(masked_interrupt_is_pending_until_unmasked),
		T(vectors_that_are_not_there_are_refused),
		T(bar_is_reached_through_configuration_space),
		T(random_accesses_break_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
