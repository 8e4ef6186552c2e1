/* SPDX-License-Identifier: ISC */
/* The balloon as a driver meets it, good or hostile; the memory is the harness's own file. */
#include "driver.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define PAGE	    4096u
#define PAGES	    (DRIVER_MEMORY / PAGE)
#define FREE	    512u /* from this page number on the harness has nothing of its own */
#define F_REPORTING 5
#define REQUEST_MAX 4096u /* page numbers that the device takes of a request */
#define PUNCH	    (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

enum { INFLATE = 0, DEFLATE = 1, REPORT_LINUX = 2, REPORT = 4 }; /* 5.5.2 */

/* What the device has given back, in order; and what the host says to it. */
static struct {
	unsigned count;
	uint64_t offset[64], len[64];
	int fd, error;
	bool busy; /* the launcher takes no message */
} host;

bool __wrap_device_tell(const struct device_command *c);
bool __real_device_tell(const struct device_command *c);

bool __wrap_device_tell(const struct device_command *c)
{
	return !host.busy && __real_device_tell(c);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	unsigned i = host.count++ % 64;

	assert_int_equal(mode, PUNCH);
	assert_true(offset % PAGE == 0 && len % PAGE == 0 && len > 0);
	host.fd = fd;
	host.offset[i] = (uint64_t)offset;
	host.len[i] = (uint64_t)len;
	errno = host.error;
	return host.error != 0 ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

static struct device_config config_of(uint64_t target)
{
	return (struct device_config){ .version = DEVICE_CONFIG_VERSION,
				       .u.balloon.target = target };
}

static int setup(void **state)
{
	struct device_config c = config_of(0);

	(void)state;
	memset(&host, 0, sizeof(host));
	assert_int_equal(driver_open(&c, 0), STATUS_OK);
	driver_start_all();
	memset(driver_at(gpa(FREE * PAGE)), 0xaa, (PAGES - FREE) * PAGE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	driver_reset();
	return 0;
}

static uint32_t config(unsigned at)
{
	uint32_t value;

	memcpy(&value, driver.device.config + at, sizeof(value));
	return le32toh(value);
}

/* True if the page was given back: it reads as zero. */
static bool gone(uint32_t page)
{
	const uint8_t *p = driver_at(gpa((uint64_t)page * PAGE));

	for (unsigned i = 0; i < PAGE; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static unsigned all_gone(void)
{
	unsigned count = 0;

	for (uint32_t page = FREE; page < PAGES; page++)
		count += gone(page);
	return count;
}

static unsigned all_used(unsigned queue)
{
	unsigned count = 0;
	uint16_t head;
	uint32_t len;

	while (driver_used(queue, &head, &len))
		count++;
	return count;
}

static void add_array(unsigned queue, const uint32_t *page, uint32_t count, uint32_t odd)
{
	uint32_t len = count * 4 + odd;
	struct driver_part part = { driver_alloc(len), len, false };
	uint8_t *at = driver_at(part.addr);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t v = htole32(page[i]);

		memcpy(at + 4 * i, &v, sizeof(v));
	}
	memset(at + 4 * count, 0x02, odd);
	driver_add(queue, &part, 1);
}

static void give(unsigned queue, const uint32_t *page, uint32_t count, uint32_t odd)
{
	add_array(queue, page, count, odd);
	driver_kick(queue);
	assert_int_equal(all_used(queue), 1);
}

/* ---- what is offered ---- */

static void target_is_told_in_pages(void **state)
{
	static const struct {
		uint64_t bytes;
		uint32_t pages;
	} rows[] = { { 0, 0 },
		     { 4095, 0 },
		     { 128u << 20, 32768 },
		     { 1ull << 40, 1u << 28 },
		     { 1ull << 44, UINT32_MAX },
		     { UINT64_MAX, UINT32_MAX } };

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct device_command c = { .kind = DEVICE_BALLOON, .value = rows[i].bytes };
		struct device_config open = config_of(rows[i].bytes);

		device_ops.command(&driver.device, &c, -1);
		assert_int_equal(config(0), rows[i].pages);
		assert_int_equal(driver.config_changes, 1);
		driver_stop_all();
		assert_int_equal(driver_open(&open, 0), STATUS_OK);
		assert_int_equal(config(0), rows[i].pages);
	}
	assert_int_equal(driver.device.config_size, 8);
	/* DEFLATE_ON_OOM, REPORTING */
	assert_int_equal(driver.device.features, 1u << 2 | 1u << F_REPORTING);
}

static void other_commands_mean_nothing(void **state)
{
	const struct device_command c = { .kind = DEVICE_RESIZE, .value = 1u << 30 };
	int fd = dup(STDERR_FILENO);

	(void)state;
	device_ops.command(&driver.device, &c, fd);
	assert_int_equal(close(fd), -1); /* it was closed there */
	assert_int_equal(config(0), 0);
	assert_int_equal(driver.config_changes, 0);
}

/* ---- memory ---- */

static void pages_go_back_to_the_host(void **state)
{
	const uint32_t page[] = { FREE + 7, FREE + 100, FREE + 3 };
	struct stat before, after;

	(void)state;
	give(INFLATE, (const uint32_t[]){ FREE }, 1, 0);
	fstat(host.fd, &before);
	give(INFLATE, page, 3, 0);
	fstat(host.fd, &after);
	assert_int_equal(before.st_blocks - after.st_blocks, 3 * PAGE / 512);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(all_gone(), 4);
	assert_true(gone(FREE) && gone(FREE + 7) && gone(FREE + 100) && gone(FREE + 3));
	assert_true(driver.calls[INFLATE] > 0);
}

static void neighbours_go_together(void **state)
{
	static const struct {
		const char *name;
		uint32_t page[8], count;
		unsigned calls;
	} rows[] = {
		{ "upwards", { 600, 601, 602, 603 }, 4, 1 },
		{ "downwards, as Linux has it", { 603, 602, 601, 600 }, 4, 1 },
		{ "both ways", { 601, 602, 600, 603 }, 4, 1 },
		{ "with a gap", { 600, 601, 603, 604 }, 4, 2 },
		{ "the same twice", { 600, 600 }, 2, 2 },
		{ "up to the last page", { PAGES - 2, PAGES - 1 }, 2, 1 },
		{ "across the last page", { PAGES - 2, PAGES - 1, PAGES, PAGES + 1 }, 4, 1 },
		{ "back into memory", { PAGES + 1, PAGES, PAGES - 1, PAGES - 2 }, 4, 1 },
		{ "what is no memory between neighbours", { 600, UINT32_MAX, 601 }, 3, 1 },
		{ "none", { 0 }, 0, 0 },
	};
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		unsigned missing = 0;

		memset(driver_at(gpa(FREE * PAGE)), 0xaa, (PAGES - FREE) * PAGE);
		host.count = 0;
		give(INFLATE, rows[i].page, rows[i].count, 0);
		for (unsigned k = 0; k < rows[i].count; k++)
			missing += rows[i].page[k] < PAGES && !gone(rows[i].page[k]);
		if (missing == 0 && host.count == rows[i].calls && driver.broken[INFLATE] == 0)
			continue;
		print_error("row: %s: %u calls, %u pages missing\n", rows[i].name, host.count,
			    missing);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void deflating_takes_nothing(void **state)
{
	(void)state;
	give(DEFLATE, (const uint32_t[]){ FREE, FREE + 1, UINT32_MAX }, 3, 1);
	assert_int_equal(host.count, 0);
	assert_int_equal(all_gone(), 0);
}

/* By its number in 5.5.2, and by the one that Linux 6.1 gives it. */
static void reported_buffers_go_back(void **state)
{
	static const unsigned queues[] = { REPORT_LINUX, REPORT };

	(void)state;
	for (unsigned i = 0; i < COUNT(queues); i++) {
		const struct driver_part part[] = { { gpa(600 * PAGE), 64 * PAGE, true },
						    { gpa(800 * PAGE), PAGE, true } };

		memset(driver_at(gpa(FREE * PAGE)), 0xaa, (PAGES - FREE) * PAGE);
		host.count = 0;
		driver_add(queues[i], part, 2);
		driver_kick(queues[i]);
		assert_int_equal(all_used(queues[i]), 1);
		assert_int_equal(host.count, 2);
		assert_int_equal(all_gone(), 65);
		assert_true(gone(600) && gone(663) && gone(800) && !gone(599) && !gone(664));
	}
}

/* Whatever is not a whole page of the buffer stays as it is. */
static void reported_parts_of_pages_stay(void **state)
{
	static const struct {
		const char *name;
		uint64_t at;
		uint32_t len;
		unsigned pages;
	} rows[] = {
		{ "nothing", 600 * PAGE, 0, 0 },
		{ "one byte", 600 * PAGE, 1, 0 },
		{ "a page but for a byte", 600 * PAGE, PAGE - 1, 0 },
		{ "a page from its second byte", 600 * PAGE + 1, PAGE, 0 },
		{ "a byte, a page, a byte", 601 * PAGE - 1, PAGE + 2, 1 },
		{ "the last byte of memory", DRIVER_MEMORY - 1, 1, 0 },
		{ "the last page of memory", DRIVER_MEMORY - PAGE - 1, PAGE + 1, 1 },
	};
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const struct driver_part part = { gpa(rows[i].at), rows[i].len, true };

		memset(driver_at(gpa(FREE * PAGE)), 0xaa, (PAGES - FREE) * PAGE);
		driver_add(REPORT, &part, 1);
		driver_kick(REPORT);
		if (all_used(REPORT) == 1 && all_gone() == rows[i].pages)
			continue;
		print_error("row: %s: %u pages\n", rows[i].name, all_gone());
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* It is the device's to write: what is readable is not free. */
static void reported_readable_buffers_stay(void **state)
{
	const struct driver_part part[] = { { gpa(600 * PAGE), PAGE, false },
					    { gpa(700 * PAGE), PAGE, true } };

	(void)state;
	driver_add(REPORT, part, 2);
	driver_kick(REPORT);
	assert_int_equal(all_used(REPORT), 1);
	assert_true(!gone(600) && gone(700));
}

static void host_that_takes_nothing_back_is_no_fault(void **state)
{
	static const int errors[] = { EINVAL, EOPNOTSUPP, EPERM, ENOMEM, EBADF };

	(void)state;
	for (unsigned i = 0; i < COUNT(errors); i++) {
		host.error = errors[i];
		give(INFLATE, (const uint32_t[]){ FREE }, 1, 0);
		assert_int_equal(driver.broken[INFLATE], 0);
		assert_int_equal(host.count, i + 1);
	}
}

/* ---- hostile drivers ---- */

/* CVE-2021-45464, kvmtool: what the guest chose was an index. */
static void arrays_that_make_no_sense_do_no_harm(void **state)
{
	static const struct {
		const char *name;
		uint32_t page[4], count, odd;
		unsigned gone;
	} rows[] = {
		{ "no byte", { 0 }, 0, 0, 0 },
		{ "one byte", { 0 }, 0, 1, 0 },
		{ "three bytes", { 0 }, 0, 3, 0 },
		{ "a number and three bytes", { 700 }, 1, 3, 1 },
		{ "first page behind memory", { PAGES }, 1, 0, 0 },
		{ "page whose address is 2^31", { 1u << 19 }, 1, 0, 0 },
		{ "page whose address is 2^32", { 1u << 20 }, 1, 0, 0 },
		{ "page whose address would be 700's in 32 bits",
		  { (1u << 20) + 700 },
		  1,
		  0,
		  0 },
		{ "last number", { UINT32_MAX }, 1, 0, 0 },
		{ "last number and the first that it would wrap to",
		  { UINT32_MAX, 700 },
		  2,
		  0,
		  1 },
		{ "sign bit", { 1u << 31, (1u << 31) + 700 }, 2, 0, 0 },
		{ "one that is memory among others",
		  { PAGES, 700, PAGES + 1, 1u << 30 },
		  4,
		  2,
		  1 },
	};
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		memset(driver_at(gpa(FREE * PAGE)), 0xaa, (PAGES - FREE) * PAGE);
		give(INFLATE, rows[i].page, rows[i].count, rows[i].odd);
		if (all_gone() == rows[i].gone && driver.broken[INFLATE] == 0)
			continue;
		print_error("row: %s: %u pages\n", rows[i].name, all_gone());
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void arrays_may_be_cut_anywhere(void **state)
{
	uint32_t page[] = { htole32(FREE + 1), htole32(FREE + 9) };
	struct driver_part part[8];
	gpa_t at = driver_alloc(8);

	(void)state;
	memcpy(driver_at(at), page, sizeof(page));
	for (unsigned i = 0; i < 8; i++)
		part[i] = (struct driver_part){ gpa(at.raw + i), 1, false };
	driver_add(INFLATE, part, 8);
	driver_kick(INFLATE);
	assert_int_equal(all_used(INFLATE), 1);
	assert_int_equal(all_gone(), 2);
	assert_true(gone(FREE + 1) && gone(FREE + 9));
}

static void writable_arrays_are_not_read(void **state)
{
	struct driver_part part = { driver_alloc(4), 4, true };
	uint32_t page = htole32(FREE);

	(void)state;
	memcpy(driver_at(part.addr), &page, sizeof(page));
	driver_add(INFLATE, &part, 1);
	driver_kick(INFLATE);
	assert_int_equal(all_used(INFLATE), 1);
	assert_int_equal(host.count, 0);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 130 times the same 4 MiB: 136 million page numbers in one request. */
static void giant_arrays_cost_little(void **state)
{
	static struct driver_part part[VIRTQ_SEGS_MAX];
	uint32_t *page = driver_at(gpa(4u << 20));
	double begin;

	(void)state;
	for (uint32_t i = 0; i < 1u << 20; i++)
		page[i] = htole32(FREE + i % 2 * 2); /* no neighbours */
	for (unsigned i = 0; i < VIRTQ_SEGS_MAX; i++)
		part[i] = (struct driver_part){ gpa(4u << 20), 4u << 20, false };
	host.error = EINVAL;
	for (unsigned i = 0; i < 8; i++)
		driver_add(INFLATE, part, VIRTQ_SEGS_MAX);
	begin = seconds();
	driver_kick(INFLATE);
	assert_in_range(host.count, 1, 2 * REQUEST_MAX);
	driver_serve(20);
	assert_int_equal(all_used(INFLATE), 8);
	assert_true(seconds() - begin < 5);
	assert_in_range(host.count, 1, 8 * REQUEST_MAX);
}

/* One kick may bring more than a turn's worth; all of it is taken, without another kick. */
static void requests_of_one_kick_are_taken_in_turns(void **state)
{
	static uint32_t page[REQUEST_MAX / 2];
	unsigned used, in_turn;

	(void)state;
	for (unsigned i = 0; i < COUNT(page); i++)
		page[i] = UINT32_MAX;
	for (unsigned i = 0; i < 32; i++)
		add_array(INFLATE, page, COUNT(page), 0);
	driver_kick(INFLATE);
	in_turn = all_used(INFLATE);
	assert_in_range(in_turn, 1, 4);
	driver_serve(20);
	used = in_turn + all_used(INFLATE);
	assert_int_equal(used, 32);
	assert_int_equal(driver.device.queue[INFLATE].vq.taken_count, 0);
}

/* 2.7.10: a driver kicks only if the device has asked for what it added since. */
static void queues_ask_for_the_next_kick(void **state)
{
	uint16_t event;

	(void)state;
	for (unsigned q = 0; q < driver.device.queue_count; q++)
		for (uint16_t i = 1; i <= 3; i++) {
			const struct virtq_layout *l = &driver.device.queue[q].layout;

			give(q, (const uint32_t[]){ FREE }, 1, 0);
			memcpy(&event, driver_at(gpa(l->used.raw + 4 + 8 * DRIVER_QUEUE)),
			       sizeof(event));
			assert_int_equal(le16toh(event), i);
		}
}

/* The rings themselves, the array, and all of memory are given away. */
static void guest_that_gives_away_its_rings_is_alone_with_it(void **state)
{
	static uint32_t page[PAGES];

	(void)state;
	for (uint32_t i = 0; i < PAGES; i++)
		page[i] = i;
	add_array(INFLATE, page, PAGES, 0);
	add_array(INFLATE, page, PAGES, 0);
	driver_kick(INFLATE);
	driver_serve(5);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned q = 0; q < driver.device.queue_count; q++)
			driver_kick(q);
	assert_true(host.count > 0);
	assert_true(gone(700));
	driver_reset();
	driver_start_all();
	memset(driver_at(gpa(700 * PAGE)), 0xaa, PAGE);
	driver.next_free = FREE * PAGE;
	give(INFLATE, (const uint32_t[]){ 700 }, 1, 0);
	assert_true(gone(700));
}

/* 2.1.2: the queue stops, and asks for a reset; another one goes on. */
static void broken_rings_break_only_themselves(void **state)
{
	static const struct {
		const char *name;
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next, jump;
	} rows[] = {
		{ "array behind memory", DRIVER_MEMORY, 8, 0, 0, 1 },
		{ "array that wraps", UINT64_MAX - 4, 8, 0, 0, 1 },
		{ "array of 4 GiB", 0, UINT32_MAX, 0, 0, 1 },
		{ "report behind memory", DRIVER_MEMORY, PAGE, 2, 0, 1 },
		{ "report across the end", DRIVER_MEMORY - PAGE, 2 * PAGE, 2, 0, 1 },
		{ "chain that is a loop", 0, 8, 1, 0, 1 },
		{ "chain out of its table", 0, 8, 1, DRIVER_QUEUE, 1 },
		{ "more requests than the queue has", 0, 8, 0, 0, DRIVER_QUEUE + 1 },
	};
	static const unsigned queues[] = { INFLATE, DEFLATE, REPORT_LINUX, REPORT };
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows) * COUNT(queues); i++) {
		unsigned r = i / COUNT(queues), q = queues[i % COUNT(queues)];
		unsigned other = q == INFLATE ? DEFLATE : INFLATE;
		const struct virtq_layout *l;
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t flags, next;
		} d = { htole64(rows[r].addr), htole32(rows[r].len), htole16(rows[r].flags),
			htole16(rows[r].next) };
		uint16_t idx = htole16(rows[r].jump);

		driver_reset();
		driver.broken[q] = host.count = 0;
		driver.next_free = FREE * PAGE;
		driver_start_all();
		l = &driver.device.queue[q].layout;
		memcpy(driver_at(l->desc), &d, sizeof(d));
		memcpy(driver_at(gpa(l->avail.raw + 2)), &idx, sizeof(idx));
		driver_kick(q);
		give(other, (const uint32_t[]){ FREE }, 1, 0);
		if (driver.broken[q] == 1 && host.count == (other == INFLATE))
			continue;
		print_error("row: %s, queue %u\n", rows[r].name, q);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* ---- config space ---- */

static void write_actual(uint32_t pages)
{
	uint32_t v = htole32(pages);

	device_ops.config_write(&driver.device, 4, (const uint8_t *)&v, sizeof(v));
}

static void actual_is_told_once_for_each_change(void **state)
{
	(void)state;
	write_actual(0);
	assert_int_equal(driver.tells, 0);
	write_actual(256);
	assert_int_equal(driver.tells, 1);
	assert_int_equal(driver.told.kind, DEVICE_ACTUAL);
	assert_int_equal(driver.told.value, 256 * PAGE);
	write_actual(256);
	assert_int_equal(driver.tells, 1);
	write_actual(UINT32_MAX);
	assert_int_equal(driver.tells, 2);
	assert_true(driver.told.value == (uint64_t)UINT32_MAX * PAGE);
	assert_int_equal(config(4), UINT32_MAX);
	assert_int_equal(config(0), 0);
}

static void actual_is_told_later_if_the_launcher_is_busy(void **state)
{
	(void)state;
	host.busy = true;
	write_actual(1);
	write_actual(2);
	write_actual(3);
	driver_serve(150);
	assert_int_equal(driver.tells, 0);
	host.busy = false;
	driver_serve(150);
	assert_int_equal(driver.tells, 1);
	assert_int_equal(driver.told.value, 3 * PAGE);
}

static void reset_means_an_empty_balloon(void **state)
{
	(void)state;
	write_actual(5);
	driver_reset();
	assert_int_equal(config(4), 0);
	assert_int_equal(driver.told.value, 0);
	assert_int_equal(driver.tells, 2);
	driver_reset();
	assert_int_equal(driver.tells, 2);
	driver_start_all();
}

static void config_writes_of_other_places_and_widths_do_nothing(void **state)
{
	const struct device_command c = { .kind = DEVICE_BALLOON, .value = 1u << 30 };
	uint8_t before[DEVICE_CONFIG_SPACE], ones[8];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	device_ops.command(&driver.device, &c, -1);
	memcpy(before, driver.device.config, sizeof(before));
	for (uint32_t len = 0; len <= 8; len++)
		for (uint32_t off = 0; off + len <= driver.device.config_size; off++)
			if (off != 4 || len != 4)
				device_ops.config_write(&driver.device, off, ones, len);
	assert_memory_equal(before, driver.device.config, sizeof(before));
	assert_int_equal(driver.tells, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(target_is_told_in_pages),
		T(other_commands_mean_nothing),
		T(pages_go_back_to_the_host),
		T(neighbours_go_together),
		T(deflating_takes_nothing),
		T(reported_buffers_go_back),
		T(reported_parts_of_pages_stay),
		T(reported_readable_buffers_stay),
		T(host_that_takes_nothing_back_is_no_fault),
		T(arrays_that_make_no_sense_do_no_harm),
		T(arrays_may_be_cut_anywhere),
		T(writable_arrays_are_not_read),
		T(giant_arrays_cost_little),
		T(requests_of_one_kick_are_taken_in_turns),
		T(queues_ask_for_the_next_kick),
		T(guest_that_gives_away_its_rings_is_alone_with_it),
		T(broken_rings_break_only_themselves),
		T(actual_is_told_once_for_each_change),
		T(actual_is_told_later_if_the_launcher_is_busy),
		T(reset_means_an_empty_balloon),
		T(config_writes_of_other_places_and_widths_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
