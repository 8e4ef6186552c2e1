/* SPDX-License-Identifier: ISC */
/*
 * The balloon and a hostile driver. The input is a list of what that does; the device must survive
 * it, keep no request between two events, give back nothing but whole pages of the guest's memory,
 * no more at a time than a turn permits, and come to rest once the driver does nothing any more.
 */
#include "input.h"
#include "ring.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGE	  4096u
#define TURNS	  4000
#define CALLS_MAX (5 * 9000u) /* of all queues: a turn, and a request at its end */

static int events_seen;
static unsigned calls;

int epoll_pwait(int fd, struct epoll_event *e, int max, int timeout, const sigset_t *mask)
{
	events_seen = (int)syscall(SYS_epoll_pwait, fd, e, max, timeout, mask, (size_t)8);
	return events_seen;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	must(mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), "another mode");
	must(offset % PAGE == 0 && len % PAGE == 0 && len > 0, "no pages");
	must(offset >= 0 && len <= DRIVER_MEMORY && offset <= DRIVER_MEMORY - len,
	     "not the guest's");
	must(++calls <= CALLS_MAX, "too many at once");
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

static void end_turn(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_end();
}

static void open_device(void)
{
	static struct loop_source turn = { .ready = end_turn };
	static int first_fd = -1;
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .u.balloon.target = (uint64_t)next16() << 20 };

	/* The timer of the device before; the numbers below are kept. */
	if (first_fd > 0)
		close_range((unsigned)first_fd, ~0u, 0);
	must(driver_open(&c, 0) == STATUS_OK, "driver_open");
	if (first_fd < 0)
		first_fd = dup(0);
	turn.fd = eventfd(1, EFD_CLOEXEC);
	must(turn.fd >= 0 && loop_add(&turn, EPOLLIN), "eventfd");
	driver_start_all();
}

/* A chain of some pieces; page numbers may be in them, and be anything. */
static void driver_adds(unsigned queue)
{
	uint8_t first = next8() % DRIVER_QUEUE, count = next8() % 6;

	for (uint8_t i = 0; i <= count; i++) {
		uint64_t at = (uint64_t)next16() << 7;
		uint32_t len = next16();
		unsigned how = next8(), flags = (unsigned)(i < count) | (queue >= 2 ? 2u : 0u);

		if ((how & 0x0f) == 0x0f)
			flags = how >> 4;
		ring_piece(queue, first + i, at | how >> 4, how >= 0xe0 ? len << 8 : len,
			   flags);
	}
	ring_offers(queue, first);
}

/* Page numbers in a row, or not, from some place on. */
static void driver_writes(void)
{
	uint64_t at = (uint64_t)next16() << 7;
	uint32_t number = (uint32_t)next16() << 16 >> (next8() % 32), step = next8() % 4;
	unsigned count = next8();

	for (unsigned i = 0; i < count && at + 4 <= DRIVER_MEMORY; i++, at += 4) {
		uint32_t v = htole32(number);

		memcpy(driver_at(gpa(at)), &v, sizeof(v));
		number += step == 3 ? UINT32_MAX : step;
	}
}

static void write_config(void)
{
	uint32_t size = driver.device.config_size, off = next8(), len = next8() % 9;
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = next8();
	if (off <= size && len <= size - off)
		device_ops.config_write(&driver.device, off, bytes, len);
}

static void step(void)
{
	uint8_t what = next8(), n = what / 8;
	struct device_command c = { .kind = n % 6 };
	unsigned queue = n % driver.device.queue_count;

	calls = 0;
	switch (what % 8) {
	case 0:
	case 1:
		driver_adds(queue);
		break;
	case 2:
		driver_kick(queue);
		break;
	case 3:
		loop_run();
		break;
	case 4:
		driver_writes();
		break;
	case 5:
		write_config();
		break;
	case 6:
		c.value = (uint64_t)next16() << next8() % 64;
		device_ops.command(&driver.device, &c, -1);
		driver.memory[RING(queue) + next16() % 4096] = next8();
		break;
	case 7:
		if (n % 4 != 0)
			break;
		driver_reset();
		driver_start_all();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned turns = 0;

	input = data;
	left = size;
	open_device();
	while (left > 0) {
		step();
		for (unsigned q = 0; q < driver.device.queue_count; q++)
			must(!driver.device.queue[q].running ||
				     driver.device.queue[q].vq.taken_count == 0,
			     "a request is kept");
	}
	do {
		calls = 0;
		loop_run();
	} while (events_seen > 1 && turns++ < TURNS);
	must(turns < TURNS, "it does not come to rest");
	return 0;
}
