/* SPDX-License-Identifier: ISC */
/* The block device as a driver meets it, good or hostile; the disk is a memfd. */
#include "driver.h"

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DISK_SIZE (256u << 10)
#define SECTORS	  (DISK_SIZE / 512)
#define NOT_SET	  0xee

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2 };
enum { F_FLUSH = 9, F_CONFIG_WCE = 11, F_DISCARD = 13 };

static int disk;

static void open_disk(uint32_t flags, uint64_t without)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .flags = flags,
				   .backend_count = 1,
				   .queues = 2,
				   .u.blk.serial = "SERIAL" };
	int fd = memfd_create("disk", MFD_ALLOW_SEALING);

	if (ftruncate(fd, DISK_SIZE) < 0 || dup2(fd, DEVICE_FD_BACKEND) < 0)
		abort();
	close(fd);
	disk = DEVICE_FD_BACKEND;
	assert_int_equal(driver_open(&c, without), STATUS_OK);
	driver_start_all();
}

static int setup(void **state)
{
	(void)state;
	open_disk(0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	driver_stop_all();
	return 0;
}

static gpa_t header(uint32_t type, uint64_t sector)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} h = { htole32(type), 0, htole64(sector) };
	gpa_t at = driver_alloc(sizeof(h));

	memcpy(driver_at(at), &h, sizeof(h));
	return at;
}

static gpa_t status_byte(void)
{
	gpa_t at = driver_alloc(1);

	*(uint8_t *)driver_at(at) = NOT_SET;
	return at;
}

/* Makes one request of the parts, waits for it; the status, and used.len if wanted. */
static unsigned submit(const struct driver_part *part, unsigned count, uint32_t *len)
{
	const struct driver_part *last = &part[count - 1];
	uint16_t head, used;
	uint32_t n;

	head = driver_add(0, part, count);
	driver_kick(0);
	if (!driver_wait(0, &used, &n))
		return 0xff;
	assert_int_equal(head, used);
	if (len != NULL)
		*len = n;
	return *((uint8_t *)driver_at(last->addr) + last->len - 1);
}

static unsigned transfer(uint32_t type, uint64_t sector, gpa_t data, uint32_t len,
			 uint32_t *used)
{
	const struct driver_part part[] = { { header(type, sector), 16, false },
					    { data, len, type == IN || type == GET_ID },
					    { status_byte(), 1, true } };
	const struct driver_part none[] = { part[0], part[2] };

	return len > 0 ? submit(part, 3, used) : submit(none, 2, used);
}

static unsigned range(uint32_t type, uint64_t sector, uint32_t count, uint32_t flags)
{
	struct {
		uint64_t sector;
		uint32_t count, flags;
	} r = { htole64(sector), htole32(count), htole32(flags) };
	gpa_t at = driver_alloc(sizeof(r));

	memcpy(driver_at(at), &r, sizeof(r));
	return transfer(type, 0, at, sizeof(r), NULL);
}

static void data_comes_back_as_it_was_written(void **state)
{
	static uint8_t shadow[DISK_SIZE];
	gpa_t buffer = driver_alloc(16384);
	uint32_t seed = 1, used;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		uint32_t sector, len;

		seed = seed * 1664525 + 1013904223;
		sector = (seed >> 8) % SECTORS;
		len = 512 * (1 + (seed >> 20) % 32);
		len = len < 512 * (SECTORS - sector) ? len : 512 * (SECTORS - sector);
		driver.next_free = buffer.raw + 16384;
		if ((seed >> 30) < 2) {
			memset(driver_at(buffer), (int)(seed >> 16 & 0xff), len);
			memset(shadow + 512u * sector, (int)(seed >> 16 & 0xff), len);
			assert_int_equal(transfer(OUT, sector, buffer, len, &used), OK);
			assert_int_equal(used, 1);
		} else {
			assert_int_equal(transfer(IN, sector, buffer, len, &used), OK);
			assert_int_equal(used, len + 1);
			assert_memory_equal(driver_at(buffer), shadow + 512u * sector, len);
		}
	}
}

/* 2.7.4.1: no assumption on how a request is cut into descriptors. */
static void header_data_and_status_may_be_cut_anywhere(void **state)
{
	gpa_t h = header(OUT, 3), data = driver_alloc(512), s = status_byte();
	const struct driver_part out[] = {
		{ h, 1, false },
		{ gpa(h.raw + 1), 14, false },
		{ gpa(h.raw + 15), 1, false },
		{ data, 511, false },
		{ gpa(data.raw + 511), 1, false },
		{ s, 1, true },
	};
	gpa_t back = driver_alloc(513);
	const struct driver_part in[] = { { header(IN, 3), 16, false },
					  { back, 7, true },
					  { gpa(back.raw + 7), 506, true } };

	(void)state;
	memset(driver_at(data), 0x5a, 512);
	assert_int_equal(submit(out, 6, NULL), OK);
	assert_int_equal(submit(in, 3, NULL), OK);
	assert_memory_equal(driver_at(back), driver_at(data), 512);
}

static void requests_that_make_no_sense_are_errors(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
		uint64_t sector;
		uint32_t len;
		unsigned status;
	} rows[] = {
		{ "read past the end", IN, SECTORS, 512, IOERR },
		{ "read across the end", IN, SECTORS - 1, 1024, IOERR },
		{ "read at a sector that wraps", IN, UINT64_MAX / 512, 512, IOERR },
		{ "read at the last sector there is", IN, UINT64_MAX, 512, IOERR },
		{ "read at a sector whose byte wraps to 0", IN, 1ull << 55, 512, IOERR },
		{ "write past the end", OUT, SECTORS, 512, IOERR },
		{ "write at a sector that wraps", OUT, UINT64_MAX - 1, 1024, IOERR },
		{ "CVE-2011-1750: read of 511 bytes", IN, 0, 511, IOERR },
		{ "write of 513 bytes", OUT, 0, 513, IOERR },
		{ "unknown type", 77, 0, 512, UNSUPP },
		{ "CVE-2026-48914: a SCSI command", 2, 0, 512, UNSUPP },
		{ "last sector", IN, SECTORS - 1, 512, OK },
		{ "read of nothing", IN, 0, 0, OK },
		{ "write of nothing", OUT, 0, 0, OK },
		{ "flush with data", FLUSH, 0, 512, OK },
		{ "discard of half a range", DISCARD, 0, 8, IOERR },
		{ "discard of two ranges", DISCARD, 0, 32, IOERR },
	};
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gpa_t data = driver_alloc(2048);
		unsigned status =
			transfer(rows[i].type, rows[i].sector, data, rows[i].len, NULL);

		if (status == rows[i].status && driver.broken[0] == 0)
			continue;
		print_error("row: %s: status %u\n", rows[i].name, status);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void short_header_is_an_error(void **state)
{
	const struct driver_part part[] = { { header(IN, 0), 15, false },
					    { status_byte(), 1, true } };

	(void)state;
	assert_int_equal(submit(part, 2, NULL), IOERR);
}

static void no_room_for_a_status_breaks_the_queue(void **state)
{
	const struct driver_part part[] = { { header(OUT, 0), 16, false },
					    { driver_alloc(512), 512, false } };

	(void)state;
	driver_add(0, part, 2);
	driver_kick(0);
	assert_int_equal(driver.broken[0], 1);
	assert_int_equal(driver.broken[1], 0);
}

static void identity_is_the_serial_number(void **state)
{
	gpa_t data = driver_alloc(20);
	uint32_t used;

	(void)state;
	assert_int_equal(transfer(GET_ID, 0, data, 20, &used), OK);
	assert_int_equal(used, 21);
	assert_memory_equal(driver_at(data), "SERIAL\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_int_equal(transfer(GET_ID, 0, data, 4, &used), OK);
	assert_int_equal(used, 5);
	assert_int_equal(transfer(GET_ID, 0, driver_alloc(40), 40, NULL), OK);
}

static uint8_t byte_at(off_t at)
{
	uint8_t b = 0;

	return pread(disk, &b, 1, at) == 1 ? b : 0xff;
}

static void discard_and_zeroes_clear_just_their_range(void **state)
{
	static uint8_t ones[DISK_SIZE];
	struct stat before, after;

	(void)state;
	memset(ones, 1, sizeof(ones));
	assert_int_equal(pwrite(disk, ones, sizeof(ones), 0), sizeof(ones));
	fstat(disk, &before);
	assert_int_equal(range(DISCARD, 16, 64, 0), OK);
	fstat(disk, &after);
	assert_true(after.st_blocks < before.st_blocks);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(byte_at(16 * 512 - 1), 1);
	assert_int_equal(byte_at(16 * 512), 0);
	assert_int_equal(byte_at(80 * 512 - 1), 0);
	assert_int_equal(byte_at(80 * 512), 1);
	assert_int_equal(range(WRITE_ZEROES, 200, 3, 0), OK);
	assert_int_equal(range(WRITE_ZEROES, 210, 3, 1), OK);
	assert_int_equal(byte_at(200 * 512 - 1), 1);
	assert_int_equal(byte_at(200 * 512), 0);
	assert_int_equal(byte_at(203 * 512), 1);
	assert_int_equal(byte_at(210 * 512), 0);
	assert_int_equal(byte_at(213 * 512), 1);
	/* 5.2.6.2: what is not understood is not done. */
	assert_int_equal(range(DISCARD, 0, 1, 1), UNSUPP);
	assert_int_equal(range(DISCARD, 0, 1, 2), UNSUPP);
	assert_int_equal(range(WRITE_ZEROES, 0, 1, 2), UNSUPP);
	assert_int_equal(range(DISCARD, SECTORS, 1, 0), IOERR);
	assert_int_equal(range(DISCARD, UINT64_MAX, 2, 0), IOERR);
	assert_int_equal(range(WRITE_ZEROES, SECTORS - 1, 2, 0), IOERR);
	assert_int_equal(range(DISCARD, 0, UINT32_MAX, 0), IOERR);
	assert_int_equal(byte_at(0), 1);
}

static void features_that_were_declined_are_unsupported(void **state)
{
	(void)state;
	driver_stop_all();
	open_disk(0, 1ull << F_DISCARD);
	assert_int_equal(range(DISCARD, 0, 1, 0), UNSUPP);
}

static void read_only_disk_is_never_written(void **state)
{
	gpa_t data = driver_alloc(512);

	(void)state;
	driver_stop_all();
	open_disk(DEVICE_READ_ONLY, 0);
	memset(driver_at(data), 7, 512);
	assert_int_equal(transfer(OUT, 0, data, 512, NULL), IOERR);
	assert_int_equal(range(WRITE_ZEROES, 0, 1, 0), UNSUPP);
	assert_int_equal(byte_at(0), 0);
	assert_int_equal(transfer(IN, 0, data, 512, NULL), OK);
	assert_int_equal(transfer(FLUSH, 0, data, 0, NULL), OK);
}

static void write_cache_is_what_the_driver_says(void **state)
{
	const uint8_t off = 0, odd = 7;
	gpa_t data = driver_alloc(512);

	(void)state;
	assert_int_equal(driver.device.config[32], 1);
	device_ops.config_write(&driver.device, 32, &odd, 1);
	assert_int_equal(driver.device.config[32], 1);
	device_ops.config_write(&driver.device, 32, &off, 1);
	assert_int_equal(driver.device.config[32], 0);
	assert_int_equal(transfer(OUT, 1, data, 512, NULL), OK);
	driver_reset();
	assert_int_equal(driver.device.config[32], 1);
}

static void config_holds_still_but_for_the_write_cache(void **state)
{
	const uint8_t bytes[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t before[DEVICE_CONFIG_SPACE];

	(void)state;
	memcpy(before, driver.device.config, sizeof(before));
	for (uint32_t len = 1; len <= 8; len *= 2)
		for (uint32_t off = 0; off + len <= driver.device.config_size; off++)
			device_ops.config_write(&driver.device, off, bytes, len);
	assert_memory_equal(before, driver.device.config, sizeof(before));
}

static void file_that_shrinks_ends_in_errors(void **state)
{
	gpa_t data = driver_alloc(4096);

	(void)state;
	assert_int_equal(ftruncate(disk, 1024), 0);
	assert_int_equal(transfer(IN, 0, data, 1024, NULL), OK);
	assert_int_equal(transfer(IN, 1, data, 1024, NULL), IOERR);
	assert_int_equal(transfer(IN, 100, data, 512, NULL), IOERR);
}

static void disk_without_space_ends_in_errors(void **state)
{
	gpa_t data = driver_alloc(4096);

	(void)state;
	/* As good as a full one: nothing may grow. */
	assert_int_equal(ftruncate(disk, 4096), 0);
	assert_int_equal(fcntl(disk, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(transfer(OUT, 0, data, 4096, NULL), OK);
	assert_int_equal(transfer(OUT, 64, data, 4096, NULL), IOERR);
	assert_int_equal(transfer(IN, 0, data, 4096, NULL), OK);
}

static void all_that_is_available_is_served_in_one_go(void **state)
{
	uint16_t head;
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		const struct driver_part part[] = { { header(IN, i), 16, false },
						    { driver_alloc(512), 512, true },
						    { status_byte(), 1, true } };

		driver_add(0, part, 3);
		driver_add(1, part, 3);
	}
	driver_kick(0);
	driver_kick(1);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(driver_wait(0, &head, &len));
		assert_true(driver_wait(1, &head, &len));
	}
	assert_false(driver_used(0, &head, &len));
}

/* What was popped is pushed before stop returns; what was not popped waits for the next start. */
static void stop_leaves_nothing_in_flight(void **state)
{
	unsigned done = 0;
	uint16_t head;
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		const struct driver_part part[] = { { header(OUT, i), 16, false },
						    { driver_alloc(512), 512, false },
						    { status_byte(), 1, true } };

		driver_add(0, part, 3);
	}
	driver_kick(0);
	device_ops.stop(&driver.device, 0);
	assert_int_equal(driver.device.queue[0].vq.taken_count, 0);
	while (driver_used(0, &head, &len))
		done++;
	assert_int_equal(done, 20);
}

static void rate_defers_and_loses_nothing(void **state)
{
	struct device_config c = { .version = DEVICE_CONFIG_VERSION,
				   .backend_count = 1,
				   .queues = 1,
				   .rate = { .operations = 20 } };
	unsigned at_once = 0;
	uint16_t head;
	uint32_t len;

	(void)state;
	driver_stop_all();
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	driver_start_all();
	for (unsigned i = 0; i < 21; i++) {
		const struct driver_part part[] = { { header(IN, i), 16, false },
						    { driver_alloc(512), 512, true },
						    { status_byte(), 1, true } };

		driver_add(0, part, 3);
	}
	driver_kick(0);
	device_ops.stop(&driver.device, 0); /* until what was taken is done */
	while (driver_used(0, &head, &len))
		at_once++;
	assert_int_equal(at_once, 20);
	assert_true(driver_wait(0, &head, &len));
}

static void serial_and_size_are_announced(void **state)
{
	uint64_t capacity;

	(void)state;
	memcpy(&capacity, driver.device.config, sizeof(capacity));
	assert_int_equal(le64toh(capacity), SECTORS);
	assert_int_equal(driver.device.config[34], 2); /* num_queues */
	assert_int_equal(driver.device.queue_count, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_comes_back_as_it_was_written),
		T(header_data_and_status_may_be_cut_anywhere),
		T(requests_that_make_no_sense_are_errors),
		T(short_header_is_an_error),
		T(no_room_for_a_status_breaks_the_queue),
		T(identity_is_the_serial_number),
		T(discard_and_zeroes_clear_just_their_range),
		T(features_that_were_declined_are_unsupported),
		T(read_only_disk_is_never_written),
		T(write_cache_is_what_the_driver_says),
		T(config_holds_still_but_for_the_write_cache),
		T(file_that_shrinks_ends_in_errors),
		T(disk_without_space_ends_in_errors),
		T(all_that_is_available_is_served_in_one_go),
		T(stop_leaves_nothing_in_flight),
		T(rate_defers_and_loses_nothing),
		T(serial_and_size_are_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
