/* SPDX-License-Identifier: ISC */
/*
 * One device between a hostile driver and a hostile host's end; linked once with each device's file.
 * The input is a list of what they do, four to twelve bytes each:
 *   0 descriptor: queue, index, address (2, in units of 16), length (2), flags, next
 *   1 available: queue, head       2 bytes: address (2), eight bytes      3 kick: queue
 *   4 config write: offset, length, eight bytes    5 command: kind, port, value (2)
 *   6 the loop's turn              7 what the host's end sends: bytes     8 reset
 * The device must survive and hold no more requests than a queue has.
 */
#include "input.h"
#include "ring.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK (64u << 10)

static int host_end = -1;
static char path[64];

static void put_at(int fd, int place)
{
	if (fd != place) {
		dup2(fd, place);
		close(fd);
	}
}

static int listening(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0)
		abort();
	return fd;
}

static void connect_host_end(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, path, strlen(path) + 1);
	if (host_end >= 0)
		close(host_end);
	host_end = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	/* As long as nobody is taken there may be only so many that wait. */
	if (connect(host_end, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		close(host_end);
		host_end = -1;
	}
}

/* Once: what the launcher would grant. Each input then begins with a reset. */
static void open_device(void)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION, .queues = 2 };
	const char *name = device_ops.name;

	strcpy(path, "/tmp/fuzz.XXXXXX");
	if (mkdtemp(path) == NULL)
		abort();
	strcat(path, "/s");
	if (strcmp(name, "blk") == 0) {
		int fd = memfd_create("disk", 0);

		if (ftruncate(fd, DISK) < 0)
			abort();
		put_at(fd, DEVICE_FD_BACKEND);
		c.backend_count = 1;
	} else if (strcmp(name, "console") == 0 || strcmp(name, "vsock") == 0) {
		put_at(listening(), DEVICE_FD_BACKEND);
		c.backend_count = 1;
		if (strcmp(name, "vsock") == 0) {
			c.u.vsock.cid = 3;
		} else {
			c.u.console.ports = 1;
			strcpy(c.u.console.name[0], "port");
		}
	} else {
		c.queues = 0;
	}
	/* Numbers that the back end has in a real process, so that nothing else takes them. */
	for (int fd = 3; fd < DEVICE_FD_BACKEND; fd++)
		dup2(0, fd);
	if (driver_open(&c, 0) != STATUS_OK)
		abort();
}

static void write_descriptor(void)
{
	unsigned queue = next8() % driver.device.queue_count, i = next8() % DRIVER_QUEUE;
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d = { .addr = htole64((uint64_t)next16() * 16) };
	uint8_t flags;

	d.len = htole32(next16());
	flags = next8();
	if ((flags & 0xc0) == 0xc0)
		d.addr = htole64(le64toh(d.addr) << 44);
	if ((flags & 0x30) == 0x30)
		d.len = UINT32_MAX;
	d.flags = htole16(flags & 7);
	d.next = htole16(next8() % (DRIVER_QUEUE + 1));
	memcpy((uint8_t *)driver_at(gpa(RING(queue))) + 16 * i, &d, sizeof(d));
}

static void make_available(void)
{
	unsigned queue = next8() % driver.device.queue_count;
	uint8_t *avail = (uint8_t *)driver_at(gpa(RING(queue))) + AVAIL, head = next8();
	uint16_t idx, entry = htole16(head);

	memcpy(&idx, avail + 2, sizeof(idx));
	memcpy(avail + 4 + 2 * (le16toh(idx) % DRIVER_QUEUE), &entry, sizeof(entry));
	idx = htole16((uint16_t)(le16toh(idx) + (head < 250 ? 1 : head)));
	memcpy(avail + 2, &idx, sizeof(idx));
}

static void write_bytes(void)
{
	uint32_t at = next16();
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = next8();
	memcpy(driver_at(gpa((uint64_t)at * 4)), bytes, sizeof(bytes));
}

static void write_config(void)
{
	uint32_t size = driver.device.config_size, off = next8(), len = 1u << next8() % 4;
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = next8();
	if (device_ops.config_write != NULL && size >= len && off <= size - len)
		device_ops.config_write(&driver.device, off, bytes, len);
}

static void command(void)
{
	struct device_command c = { .kind = next8() % 6 };

	c.port = next8();
	c.columns = next16();
	/* What the device itself has asked for, now and then. */
	c.value = (c.columns & 1) != 0 ? driver.told.value : c.columns;
	if (device_ops.command != NULL)
		device_ops.command(&driver.device, &c, -1);
}

static void host_sends(void)
{
	uint8_t n = next8() % 32, bytes[32];

	for (unsigned i = 0; i < n; i++)
		bytes[i] = next8();
	if (path[0] == '\0' || device_ops.command == NULL ||
	    strcmp(device_ops.name, "balloon") == 0)
		return;
	if (host_end < 0 || n == 0)
		connect_host_end();
	if (host_end >= 0)
		(void)!send(host_end, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool opened;

	if (!opened)
		open_device();
	opened = true;
	input = data;
	left = size;
	driver_stop_all();
	driver_reset();
	if (host_end >= 0)
		close(host_end);
	host_end = -1;
	memset(driver.memory, 0, 1u << 18);
	driver_start_all();
	while (left > 0) {
		switch (next8() % 9) {
		case 0:
			write_descriptor();
			break;
		case 1:
			make_available();
			break;
		case 2:
			write_bytes();
			break;
		case 3:
			driver_kick(next8() % driver.device.queue_count);
			break;
		case 4:
			write_config();
			break;
		case 5:
			command();
			break;
		case 6:
			driver_serve(0);
			break;
		case 7:
			host_sends();
			break;
		default:
			driver_stop_all();
			driver_reset();
			driver_start_all();
			break;
		}
		for (unsigned i = 0; i < driver.device.queue_count; i++)
			if (driver.device.queue[i].vq.taken_count > DRIVER_QUEUE)
				abort();
	}
	return 0;
}
