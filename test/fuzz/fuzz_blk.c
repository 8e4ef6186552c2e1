/* SPDX-License-Identifier: ISC */
/*
 * The block device between a hostile driver and a small disk. The input is a list of requests in
 * pieces of any size, and of what else a driver does; the device must survive, write nothing
 * outside what it was given, touch no byte beyond the disk's end, and answer all in the end.
 */
#include "input.h"
#include "ring.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUEUES	   2u
#define DISK	   (64u << 10)
#define TAIL	   300u	     /* bytes of the file that are not the guest's */
#define READABLE   0x100000u /* where pieces lie; each area has 64 KiB */
#define WRITABLE   0x200000u
#define GUARD	   0x210000u /* nothing is ever written here */
#define GUARD_SIZE 4096u
#define PIECES_MAX 7u

static void open_device(void)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .backend_count = 1,
				   .queues = QUEUES,
				   .u.blk.serial = "fuzz" };
	int fd = memfd_create("disk", MFD_CLOEXEC);

	must(fd >= 0 && ftruncate(fd, DISK + TAIL) == 0, "memfd");
	must(dup2(fd, DEVICE_FD_BACKEND) >= 0, "dup2");
	close(fd);
	must(driver_open(&c, 0) == STATUS_OK, "driver_open");
}

/* A length near those that matter. */
static uint32_t length(void)
{
	static const uint32_t some[] = { 0, 1, 15, 16, 17, 20, 32, 511, 512, 513, 1024, 4096 };
	uint8_t how = next8();

	return how < 0xf0 ? some[how % 12] : next16() % 8192u;
}

static uint64_t sector(void)
{
	uint8_t how = next8();

	if (how < 0x80)
		return how;
	if (how < 0xa0)
		return UINT64_MAX - how % 4;
	return how < 0xc0 ? (UINT64_MAX / 512) + how % 3 : DISK / 512 - how % 4;
}

/* One request, its header and range at the beginning of what can be read. */
static void add(void)
{
	static const uint8_t types[] = { 0, 1, 4, 8, 11, 13, 0, 1 };
	uint8_t shape = next8(), type = next8();
	unsigned queue = shape >> 7, n = 1 + shape % PIECES_MAX, first = next8() % DRIVER_QUEUE;
	uint32_t at[2] = { READABLE, WRITABLE };
	struct {
		uint32_t type, reserved;
		uint64_t sector;
		struct {
			uint64_t sector;
			uint32_t count, flags;
		} range;
	} h = { .type = htole32(type < 0xf0 ? types[type % 8] : type), .sector = sector() };

	h.range.sector = sector();
	h.range.count = next8();
	h.range.flags = next8() % 4;
	at[0] += 256u * (next8() % 16);
	memcpy(driver.memory + at[0], &h, sizeof(h));
	for (unsigned i = 0; i < n; i++) {
		bool writable = i >= 1 + (unsigned)(shape >> 4) % 4;
		uint32_t len = length();

		ring_piece(queue, first + i, at[writable], len,
			   (unsigned)(i + 1 < n) | (writable ? 2u : 0u));
		at[writable] += len;
	}
	ring_offers(queue, (uint8_t)first);
}

static void check(void)
{
	static const uint8_t zeros[GUARD_SIZE];
	uint8_t tail[TAIL + 1];

	must(memcmp(driver.memory + GUARD, zeros, GUARD_SIZE) == 0, "written outside");
	must(pread(DEVICE_FD_BACKEND, tail, sizeof(tail), DISK) == TAIL, "the disk's size");
	must(memcmp(tail, zeros, TAIL) == 0, "written behind the end");
}

static void restart(void)
{
	driver_reset();
	for (unsigned q = 0; q < QUEUES; q++)
		must(driver.device.queue[q].vq.taken_count == 0 || driver.broken[q] > 0,
		     "a request is kept");
	memset(driver.broken, 0, sizeof(driver.broken));
	driver_start_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool opened;

	if (!opened)
		open_device();
	opened = true;
	input = data;
	left = size;
	restart();
	while (left > 0) {
		uint8_t what = next8(), value;

		switch (what % 8) {
		default:
			add();
			break;
		case 5:
			driver_kick(what / 8 % QUEUES);
			break;
		case 6:
			value = next8();
			device_ops.config_write(&driver.device, what < 0x80 ? 32 : next8() % 60,
						&value, 1);
			break;
		case 7:
			if (what == 7)
				restart();
			else
				driver_kick(what / 8 % QUEUES);
			break;
		}
	}
	driver_kick(0);
	driver_kick(1);
	restart();
	check();
	return 0;
}
