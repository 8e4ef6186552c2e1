/* SPDX-License-Identifier: ISC */
/*
 * The auditor between writers and readers, on files whose disk is full, fails or loses power at
 * every point. Its reader, which has a test of its own, says what is in the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit.h"
#include "audit_record.h"
#include "chan_pages.h"
#include "critical_settings.h"
#include "reader.h"

#define CHANNELS 4u
#define SLOTS	 16u
#define FILES	 4u /* of a log, here */
#define SIZE	 16u
#define TURN	 8u  /* the auditor's */
#define START	 96u /* bytes of a file's first record */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { FULL, DIGEST, DECISIONS, SYNCED };

struct message {
	uint32_t type, pad;
	uint64_t number;
};
_Static_assert(sizeof(struct message) == SIZE, "as the channels' geometry says");

static char directory[64];
static struct critical critical;
static int fds[AUDIT_FILES + FILES];
static struct chan_pages pages[CHANNELS];
static struct chan_writer writer[CHANNELS];
static struct chan_reader reader[CHANNELS];
static uint64_t sent[CHANNELS], received[CHANNELS];
static uint64_t clock_ms = 1000000;
static struct audit_settings settings;

/* ---- what the auditor would be given by the rest of its process ---- */

static char last_log[512];
static unsigned errors;

static void keep_line(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
static void keep_line(const char *fmt, va_list args)
{
	vsnprintf(last_log, sizeof(last_log), fmt, args);
}

void log_error(const char *fmt, ...);
void log_warn(const char *fmt, ...);
void log_info(const char *fmt, ...);

#define KEEP                                                                                   \
	va_list args;                                                                          \
	va_start(args, fmt);                                                                   \
	keep_line(fmt, args);                                                                  \
	va_end(args)

__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...)
{
	KEEP;
	errors++;
}

__attribute__((format(printf, 1, 2))) void log_warn(const char *fmt, ...)
{
	KEEP;
}

__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...)
{
	KEEP;
}

int critical_resource(const struct critical *c, unsigned i)
{
	assert_ptr_equal(c, &critical);
	assert_true(i < c->config.resource_count);
	return fds[i];
}

void critical_break(struct critical_end *e)
{
	e->open = false;
}

/* ---- the disk: libc's calls, as the auditor sees them ---- */

static struct {
	long room;	/* bytes that segments may still get; -1: no end of it */
	int error;	/* what is said when there is none */
	unsigned syncs; /* that fail from now on */
	bool head_fails, cut_fails;
	char trace
		[64]; /* w: a segment is written, s: it is synced, h: the head, H: that is synced */
	size_t written;	      /* bytes of segments */
	void (*during)(void); /* while the auditor writes or syncs */
} disk;

static void trace(char c)
{
	size_t n = strlen(disk.trace);

	if (n + 1 < sizeof(disk.trace))
		disk.trace[n] = c;
	if (disk.during != NULL)
		disk.during();
}

static bool of_the_log(int fd)
{
	for (unsigned i = 0; i < COUNT(fds); i++)
		if (fd == fds[i])
			return true;
	return false;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (!of_the_log(fd))
		return syscall(SYS_pwrite64, fd, bytes, len, at);
	if (fd == fds[AUDIT_HEAD]) {
		trace('h');
		if (!disk.head_fails)
			return syscall(SYS_pwrite64, fd, bytes, len, at);
		errno = disk.error;
		return -1;
	}
	trace('w');
	if (disk.room == 0) {
		errno = disk.error;
		return -1;
	}
	if (disk.room > 0 && (long)len > disk.room)
		len = (size_t)disk.room;
	if (disk.room > 0)
		disk.room -= (long)len;
	disk.written += len;
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

int fdatasync(int fd)
{
	trace(fd == fds[AUDIT_HEAD] ? 'H' : 's');
	if (disk.syncs == 0)
		return 0; /* nobody cuts the power of this test */
	disk.syncs--;
	errno = EIO;
	return -1;
}

int ftruncate(int fd, off_t size)
{
	if (disk.cut_fails && of_the_log(fd)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, size);
}

static void disk_good(void)
{
	memset(&disk, 0, sizeof(disk));
	disk.room = -1;
	disk.error = ENOSPC;
}

/* ---- the log, as its reader sees it ---- */

static struct record seen[4096];
static uint8_t payloads[4096][AUDIT_PAYLOAD_MAX];
static unsigned seen_count;
static struct reader log_reader;

static const char *file_name(unsigned i)
{
	static char name[96];

	if (i == AUDIT_HEAD)
		snprintf(name, sizeof(name), "%s/head", directory);
	else
		snprintf(name, sizeof(name), "%s/audit-%02u", directory, i - AUDIT_FILES);
	return name;
}

static off_t file_size(unsigned i)
{
	struct stat st;

	assert_int_equal(stat(file_name(i), &st), 0);
	return st.st_size;
}

static off_t log_size(void)
{
	off_t sum = 0;

	for (unsigned i = AUDIT_FILES; i < COUNT(fds); i++)
		sum += file_size(i);
	return sum;
}

/* Reads the whole log, which must be in order, into seen[]. */
static void read_log(void)
{
	enum reader_status st;

	seen_count = 0;
	assert_true(reader_open(&log_reader, directory));
	while ((st = reader_next(&log_reader, &seen[seen_count])) == READER_RECORD) {
		memcpy(payloads[seen_count], seen[seen_count].payload,
		       seen[seen_count].payload_len);
		assert_true(++seen_count < COUNT(seen));
	}
	if (st != READER_END || !reader_check_head(&log_reader))
		fail_msg("%s", log_reader.why);
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++)
		if (log_reader.file[i] >= 0)
			close(log_reader.file[i]);
	close(log_reader.head_file);
}

static unsigned count_of(enum audit_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < seen_count; i++)
		n += seen[i].header.kind == kind;
	return n;
}

static uint64_t number_in(unsigned record)
{
	uint64_t n;

	assert_int_equal(seen[record].payload_len, sizeof(n));
	memcpy(&n, payloads[record], sizeof(n));
	return n;
}

static unsigned find(enum audit_kind kind)
{
	for (unsigned i = 0; i < seen_count; i++)
		if (seen[i].header.kind == kind)
			return i;
	fail_msg("no record of kind %d", kind);
	return 0;
}

/* The log has each message of a full channel once, in order. */
static void assert_logged_once(unsigned channel)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < seen_count; i++) {
		struct message m;

		if (seen[i].header.kind != AUDIT_MESSAGE || seen[i].header.channel != channel)
			continue;
		memcpy(&m, payloads[i], sizeof(m));
		assert_int_equal(m.number, n);
		n++;
	}
	assert_int_equal(n, sent[channel]);
}

/* ---- the channels ---- */

static void *map(int fd, size_t size)
{
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(page != MAP_FAILED);
	return page;
}

/* Both ends and the auditor begin with message 0, as the launcher has them do. */
static void begin_channel(unsigned i)
{
	struct critical_end *e = &critical.end[i];

	assert_true(chan_pages_reset(&pages[i]));
	chan_writer_init(&writer[i]);
	chan_reader_init(&reader[i]);
	chan_auditor_init(&e->auditor);
	e->open = true;
	sent[i] = received[i] = 0;
}

static void make_channel(unsigned i)
{
	static const struct chan_geometry g = { SLOTS, SIZE };
	struct chan_pages *p = &pages[i];
	size_t size = chan_page_bytes(g);

	assert_true(chan_pages_create(p, g, true));
	writer[i] = (struct chan_writer){ .data = map(p->data, size),
					  .ack = map(p->ack, CHAN_ACK_BYTES),
					  .geometry = g,
					  .audited = true,
					  .bell = p->bell[CHAN_WRITER],
					  .ring = p->bell[CHAN_AUDITOR] };
	reader[i] = (struct chan_reader){ .data = map(p->data, size),
					  .ack = map(p->ack, CHAN_ACK_BYTES),
					  .log = map(p->log, size),
					  .geometry = g,
					  .bell = p->bell[CHAN_READER],
					  .ring = p->bell[CHAN_WRITER] };
	critical.end[i].config = &critical.config.channel[i];
	critical.end[i].auditor = (struct chan_auditor){ .data = map(p->data, size),
							 .log = map(p->log, size),
							 .geometry = g,
							 .bell = p->bell[CHAN_AUDITOR],
							 .ring = p->bell[CHAN_READER] };
}

static void send_type(unsigned channel, uint32_t type)
{
	struct message m = { .type = type, .number = sent[channel] };

	assert_int_equal(chan_send(&writer[channel], &m), CHAN_OK);
	sent[channel]++;
	audit_notified(&critical.end[channel]);
}

static void send(unsigned channel, unsigned count)
{
	while (count-- > 0)
		send_type(channel, 1);
}

/* Takes what has been delivered: all that is expected, each once, in order. */
static void assert_received(unsigned channel, uint64_t all)
{
	enum chan_status st;
	struct message m;

	while ((st = chan_recv(&reader[channel], &m)) == CHAN_OK) {
		assert_int_equal(m.number, received[channel]);
		received[channel]++;
	}
	assert_int_equal(st, CHAN_AGAIN);
	assert_int_equal(received[channel], all);
}

static void assert_state(enum chan_log_state state)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		if (critical.end[i].open)
			assert_int_equal(chan_log_state(&reader[i]), state);
}

static uint64_t tick(void)
{
	return audit_tick(clock_ms);
}

/* As the loop of the process would: until the auditor has nothing more to do at once. */
static void settle(void)
{
	while (tick() <= clock_ms)
		;
}

/* ---- lives of an auditor ---- */

static void open_files(void)
{
	for (unsigned i = 0; i < COUNT(fds); i++) {
		fds[i] = open(file_name(i), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fds[i] >= 0);
	}
}

/* A power cut, or SIGKILL: the next one begins with what is in the files. */
static void die(void)
{
	for (unsigned i = 0; i < COUNT(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	memset(fds, 0xff, sizeof(fds));
}

static enum status try_start(void)
{
	open_files();
	memcpy(critical.config.settings, &settings, sizeof(settings));
	for (unsigned i = 0; i < CHANNELS; i++)
		begin_channel(i);
	return audit_open(&critical);
}

static void start(void)
{
	enum status st = try_start();

	if (st != STATUS_OK)
		fail_msg("%s", last_log);
}

static void finish(void)
{
	audit_close();
	die();
}

static void remove_log(void)
{
	for (unsigned i = 0; i < COUNT(fds); i++)
		(void)unlink(file_name(i));
}

static int set_up(void **state)
{
	static const uint32_t modes[CHANNELS] = { AUDIT_FULL, AUDIT_DIGEST, AUDIT_DECISIONS,
						  AUDIT_FULL };

	(void)state;
	disk_good();
	memset(&settings, 0, sizeof(settings));
	settings.segment_bytes = 1u << 20;
	snprintf(directory, sizeof(directory), "/tmp/test_audit.XXXXXX");
	assert_non_null(mkdtemp(directory));
	memset(fds, 0xff, sizeof(fds));
	critical.config.channel_count = CHANNELS;
	critical.config.resource_count = COUNT(fds);
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct critical_channel *c = &critical.config.channel[i];

		snprintf(c->name, sizeof(c->name), "channel-%u", i);
		snprintf(c->from, sizeof(c->from), "from-%u", i);
		snprintf(c->to, sizeof(c->to), "to-%u", i);
		c->role = CHANNEL_AUDITOR;
		c->audit = modes[i];
		c->geometry = (struct chan_geometry){ SLOTS, SIZE };
		c->sync = i == SYNCED;
		if (pages[i].geometry.slots == 0)
			make_channel(i);
	}
	return 0;
}

/* Leaves the auditor without a care: its variables are those of one process, and here it has
 * several lives. */
static int tear_down(void **state)
{
	(void)state;
	disk_good();
	for (unsigned i = 0; i < CHANNELS; i++)
		begin_channel(i);
	if (fds[0] >= 0) {
		for (unsigned i = 0; i < CHANNELS; i++)
			audit_notified(&critical.end[i]);
		clock_ms += 5000;
		settle();
		finish();
	}
	remove_log();
	assert_int_equal(rmdir(directory), 0);
	return 0;
}

/* ---- what is in the log ---- */

struct expected {
	enum audit_kind kind;
	unsigned channel;
};

static void assert_records(const struct expected *e, unsigned count)
{
	read_log();
	for (unsigned i = 0; i < count && i < seen_count; i++)
		if (seen[i].header.kind != e[i].kind || seen[i].header.channel != e[i].channel)
			fail_msg("record %u is of kind %u, channel %u", i, seen[i].header.kind,
				 seen[i].header.channel);
	assert_int_equal(seen_count, count);
}

#define NONE AUDIT_NO_CHANNEL

static void test_every_kind_of_record(void **state)
{
	static const struct expected story[] = {
		{ AUDIT_SEGMENT, NONE },      { AUDIT_STARTED, NONE },
		{ AUDIT_CHANNEL, 0 },	      { AUDIT_CHANNEL, 1 },
		{ AUDIT_CHANNEL, 2 },	      { AUDIT_CHANNEL, 3 },
		{ AUDIT_CHECKPOINT, NONE },   { AUDIT_MESSAGE, FULL },
		{ AUDIT_MESSAGE, FULL },      { AUDIT_HASHED, DIGEST },
		{ AUDIT_SKIPPED, DECISIONS }, { AUDIT_MESSAGE, DECISIONS },
		{ AUDIT_CLOSED, FULL },	      { AUDIT_OPENED, FULL },
		{ AUDIT_MESSAGE, FULL },      { AUDIT_SKIPPED, DECISIONS },
		{ AUDIT_ENDED, NONE },
	};
	struct message m = { .type = 1, .number = 0 };
	uint8_t hash[AUDIT_HASH];
	struct audit_channel c;

	(void)state;
	start();
	send(FULL, 2);
	send(DIGEST, 1);
	send(DECISIONS, 3);
	send_type(DECISIONS, 7 | CHAN_DECISION);
	settle();
	assert_received(FULL, 2);
	assert_received(DIGEST, 1);
	assert_received(DECISIONS, 4); /* also those that only were counted */
	critical_break(&critical.end[FULL]);
	audit_notified(&critical.end[FULL]);
	settle();
	begin_channel(FULL);
	audit_notified(&critical.end[FULL]);
	send(FULL, 1);
	send(DECISIONS, 2);
	settle();
	assert_received(FULL, 1);
	finish();

	assert_records(story, COUNT(story));
	memcpy(&c, payloads[2 + SYNCED], sizeof(c));
	assert_string_equal(c.name, "channel-3");
	assert_string_equal(c.from, "from-3");
	assert_string_equal(c.to, "to-3");
	assert_int_equal(c.audit, AUDIT_FULL);
	assert_int_equal(c.message_size, SIZE);
	assert_memory_equal(payloads[7], &m, SIZE);
	audit_hash(&m, SIZE, hash);
	assert_int_equal(seen[9].payload_len, AUDIT_HASH);
	assert_memory_equal(payloads[9], hash, AUDIT_HASH);
	assert_int_equal(number_in(10), 3);
	assert_int_equal(number_in(15), 2);
	for (unsigned i = 1; i < seen_count; i++)
		assert_true(seen[i].header.time_ns >= seen[i - 1].header.time_ns);
}

/* What decides nothing is said within a second, and no later than an end of its channel. */
static void test_counts_are_said(void **state)
{
	(void)state;
	start();
	send(DECISIONS, 5);
	settle();
	assert_int_equal(tick(), clock_ms + 1000);
	clock_ms += 1000;
	settle();
	assert_int_equal(tick(), UINT64_MAX);
	read_log();
	assert_int_equal(number_in(find(AUDIT_SKIPPED)), 5);

	send(DECISIONS, 2);
	settle();
	critical_break(&critical.end[DECISIONS]);
	audit_notified(&critical.end[DECISIONS]);
	settle();
	read_log();
	assert_int_equal(seen[seen_count - 2].header.kind, AUDIT_SKIPPED);
	assert_int_equal(number_in(seen_count - 2), 2);
	assert_int_equal(seen[seen_count - 1].header.kind, AUDIT_CLOSED);
}

/* ---- audit before delivery ---- */

static void nothing_is_delivered(void)
{
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct chan_reader r = reader[i];
		struct message m;

		assert_int_equal(chan_recv(&r, &m), CHAN_AGAIN);
	}
}

/* Whatever waits on all channels: one write, one sync, then all is delivered. */
static void test_batch_before_delivery(void **state)
{
	(void)state;
	start();
	memset(disk.trace, 0, sizeof(disk.trace));
	disk.during = nothing_is_delivered;
	for (unsigned i = 0; i < CHANNELS; i++)
		send(i, 5);
	assert_true(tick() > clock_ms);
	assert_string_equal(disk.trace, "wsh");
	for (unsigned i = 0; i < CHANNELS; i++)
		assert_received(i, 5);

	memset(disk.trace, 0, sizeof(disk.trace));
	send(FULL, 5); /* not a channel that wants to be on the disk first ... */
	assert_int_equal(tick(), clock_ms + 1000);
	assert_string_equal(disk.trace, "w");
	assert_received(FULL, 10);
	clock_ms += 1000; /* ... but then it is, with the count of what decides nothing */
	assert_int_equal(tick(), UINT64_MAX);
	assert_string_equal(disk.trace, "wwsh");
}

static void test_checkpoints(void **state)
{
	(void)state;
	settings.checkpoint_every = 10;
	start();
	memset(disk.trace, 0, sizeof(disk.trace));
	for (unsigned i = 0; i < 25; i++) {
		send(FULL, 1);
		settle();
		assert_received(FULL, i + 1);
	}
	read_log();
	assert_int_equal(count_of(AUDIT_CHECKPOINT), 3); /* and one at the start */
	assert_string_equal(disk.trace, "wwwwwwwwwwwshwwwwwwwwwwwshwwwww");
}

/* A flood on one channel: a message on another waits for one batch. */
static void test_flood_on_another_channel(void **state)
{
	(void)state;
	start();
	send(FULL, SLOTS);
	send(SYNCED, 1);
	assert_int_equal(tick(), clock_ms); /* there is more */
	assert_received(SYNCED, 1);
	assert_received(FULL, TURN);
	settle();
	assert_received(FULL, SLOTS);
}

static void rewrite_slot(void)
{
	atomic_store(&writer[SYNCED].data->slot[2], 666);
}

/* The writer changes its message while the auditor writes: the log has what it was, nobody gets
 * what it is, and nobody gets what it was either, since the writer's slot disagrees. */
static void test_attack_C1_writer_changes_its_mind(void **state)
{
	struct message m;

	(void)state;
	start();
	disk.during = rewrite_slot;
	send(SYNCED, 1);
	settle();
	assert_int_equal(chan_recv(&reader[SYNCED], &m), CHAN_BROKEN);
	disk.during = NULL;
	read_log();
	assert_logged_once(SYNCED);
}

/* Stamps that make no sense: what came before counts, the channel ends, the others go on. */
static void test_attack_C3_writer_breaks_the_rules(void **state)
{
	(void)state;
	start();
	send(FULL, 3);
	send(SYNCED, 1);
	atomic_store(&writer[FULL].data->slot[3 * 8], 77);
	settle();
	assert_false(critical.end[FULL].open);
	assert_received(FULL, 3);
	assert_received(SYNCED, 1);
	send(SYNCED, 1);
	settle();
	assert_received(SYNCED, 2);
	begin_channel(FULL);
	audit_notified(&critical.end[FULL]);
	settle();
	read_log();
	assert_int_equal(count_of(AUDIT_CLOSED), 1);
	assert_int_equal(count_of(AUDIT_OPENED), 1);
	assert_true(find(AUDIT_CLOSED) < find(AUDIT_OPENED));
}

/* ---- a disk that does not take it ---- */

/* Some of each channel, which the disk takes, then more, which it does not. */
static void send_into_trouble(void)
{
	start();
	send(FULL, 2);
	send(SYNCED, 1);
	settle();
	assert_received(FULL, 2);
	assert_received(SYNCED, 1);
	send(FULL, 3);
	send(DIGEST, 1);
	send(DECISIONS, 2);
	send(SYNCED, 2);
}

static void assert_stopped(off_t size)
{
	assert_int_equal(tick(), clock_ms + 1000);
	assert_received(FULL, 2);
	assert_received(DIGEST, 0);
	assert_received(DECISIONS, 0);
	assert_received(SYNCED, 1);
	assert_state(CHAN_LOG_STOPPED);
	if (size >= 0)
		assert_int_equal(log_size(), size);
}

/* All that waits is delivered, and the log has each once, behind the word of how long it took. */
static void assert_resumed(uint64_t ms)
{
	settle();
	assert_received(FULL, 5);
	assert_received(DIGEST, 1);
	assert_received(DECISIONS, 2);
	assert_received(SYNCED, 3);
	assert_state(CHAN_LOG_GOOD);
	read_log();
	assert_int_equal(count_of(AUDIT_STOPPED), 1);
	assert_int_equal(number_in(find(AUDIT_STOPPED)), ms);
	assert_logged_once(FULL);
	assert_logged_once(SYNCED);
}

/* Every byte at which the disk can be full, and every way of saying so. */
static void test_attack_P2_disk_full(void **state)
{
	static const int faults[] = { ENOSPC, EFBIG, EIO, EDQUOT };
	size_t len;
	off_t size;

	send_into_trouble();
	disk.written = 0;
	settle();
	len = disk.written; /* of the batch that will fail */
	tear_down(state);
	for (unsigned i = 0; i < COUNT(faults); i++)
		for (size_t room = 0; room < len; room += i == 0 ? 1 : 61) {
			set_up(state);
			send_into_trouble();
			size = log_size();
			disk.room = (long)room;
			disk.error = faults[i];
			errors = 0;
			assert_stopped(size);
			clock_ms +=
				999; /* a writer that rings does not make it try more often */
			assert_int_equal(tick(), clock_ms + 1);
			clock_ms += 1;
			disk.room = 0;
			assert_stopped(size); /* again */
			assert_int_equal(errors, 1);
			disk_good();
			clock_ms += 1500;
			assert_resumed(2500);
			tear_down(state);
		}
	set_up(state);
}

/* The part that was written cannot be cut off either: it is written over, or is a torn record. */
static void test_disk_full_and_not_even_cut(void **state)
{
	(void)state;
	send_into_trouble();
	disk.room = 200;
	disk.cut_fails = true;
	assert_stopped(-1);
	disk_good();
	clock_ms += 1000;
	assert_resumed(1000);
	die();
	start();
	read_log();
	assert_int_equal(count_of(AUDIT_TORN), 0);

	send(SYNCED, 1);
	disk.room = 20;
	disk.cut_fails = true;
	tick();
	die();
	disk_good();
	start(); /* tear_down() may not have it said that it was stopped in this life */
	read_log();
	assert_int_equal(number_in(find(AUDIT_TORN)), 20);
}

/* The real thing: a limit of the file's size, whose signal is ignored. */
static void test_file_size_limit(void **state)
{
	struct rlimit old, limit;
	off_t size;

	(void)state;
	send_into_trouble();
	size = file_size(AUDIT_FILES);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)size + 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_stopped(size);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	clock_ms += 1000;
	assert_resumed(1000);
}

/* The kernel took it, the disk did not; the kernel says so once, then takes it for written. */
static void test_attack_P2_sync_fails(void **state)
{
	off_t size;

	(void)state;
	start();
	send(SYNCED, 1);
	settle();
	send(FULL, 2); /* delivered, and not on the disk yet */
	settle();
	assert_received(FULL, 2);
	assert_received(SYNCED, 1);
	size = log_size();
	send(FULL, 3);
	send(DIGEST, 1);
	send(DECISIONS, 2);
	send(SYNCED, 2);
	disk.syncs = 2;
	assert_stopped(size);
	clock_ms += 1000;
	disk.written = 0;
	assert_stopped(size);
	clock_ms += 1000;
	disk.written = 0;
	assert_resumed(2000);
	/* Once to add it; and once more, with the two before it, as they were not on the disk. Only
	 * the count of what decides nothing has come later, when all was well. */
	assert_int_equal(disk.written, 2 * (log_size() - size) + 2 * (32 + SIZE + AUDIT_HASH) -
					       (32 + 8 + AUDIT_HASH));
}

static void test_head_fails(void **state)
{
	off_t size;

	(void)state;
	send_into_trouble();
	size = log_size();
	disk.head_fails = true;
	assert_stopped(size);
	disk_good();
	clock_ms += 1000;
	assert_resumed(1000);
}

/* What is not for a channel that wants it first fails a second later: then it stops, too. */
static void test_late_sync_fails(void **state)
{
	(void)state;
	start();
	send(FULL, 2);
	settle();
	assert_received(FULL, 2);
	disk.syncs = 1;
	clock_ms += 1000;
	assert_int_equal(tick(), clock_ms + 1000);
	assert_state(CHAN_LOG_STOPPED);
	send(FULL, 1);
	tick();
	assert_received(FULL, 2);
	clock_ms += 1000;
	settle();
	assert_state(CHAN_LOG_GOOD);
	assert_received(FULL, 3);
	read_log();
	assert_logged_once(FULL);
}

static void test_cannot_start(void **state)
{
	(void)state;
	for (long room = 0; room < 400; room += 7) {
		disk.room = room;
		assert_int_equal(try_start(), STATUS_FAILED);
		die();
		disk_good();
		remove_log();
	}
	disk.head_fails = true;
	assert_int_equal(try_start(), STATUS_FAILED);
	die();
	disk_good();
	disk.syncs = 1;
	assert_int_equal(try_start(), STATUS_FAILED);
	die();
	disk_good();
	start(); /* on what these have left */
	finish();
	read_log();
}

/* Ends and beginnings of channels while nothing can be said are said when something can. */
static void test_changes_while_stopped(void **state)
{
	(void)state;
	send_into_trouble();
	disk.room = 0;
	assert_stopped(-1);
	critical_break(&critical.end[FULL]);
	audit_notified(&critical.end[FULL]);
	critical_break(&critical.end[SYNCED]);
	audit_notified(&critical.end[SYNCED]);
	begin_channel(SYNCED);
	assert_int_equal(chan_log_state(&reader[SYNCED]), CHAN_LOG_GOOD);
	audit_notified(&critical.end[SYNCED]);
	assert_int_equal(chan_log_state(&reader[SYNCED]), CHAN_LOG_STOPPED);
	clock_ms += 1000;
	tick(); /* once more in vain */
	disk_good();
	clock_ms += 1000;
	settle();
	read_log();
	assert_int_equal(count_of(AUDIT_CLOSED), 2);
	assert_int_equal(count_of(AUDIT_OPENED), 1);
	assert_int_equal(seen[find(AUDIT_OPENED)].header.channel, SYNCED);
	assert_int_equal(seen[find(AUDIT_OPENED) - 1].header.kind, AUDIT_CLOSED);
}

/* A channel breaks in the very batch that cannot be written. */
static void test_broken_while_stopped(void **state)
{
	(void)state;
	start();
	send(FULL, 1);
	atomic_store(&writer[FULL].data->slot[8], 77);
	disk.room = 10;
	tick();
	assert_false(critical.end[FULL].open);
	disk_good();
	clock_ms += 1000;
	settle();
	read_log();
	assert_int_equal(count_of(AUDIT_CLOSED), 1);
	assert_received(FULL, 0);
	assert_int_equal(count_of(AUDIT_MESSAGE), 0);
}

/* ---- segments ---- */

/* Messages until so many more files have begun. */
static void fill_files(unsigned files)
{
	read_log();
	for (unsigned before = (unsigned)log_reader.segments;
	     log_reader.segments < before + files; read_log()) {
		send(FULL, 8);
		settle();
		assert_received(FULL, sent[FULL]);
	}
}

/* Each file says who is who, and begins with the hash of the former's last record. */
static void assert_self_explaining(void)
{
	unsigned channels = CHANNELS;

	for (unsigned i = 0; i < seen_count; i++) {
		if (seen[i].header.kind == AUDIT_SEGMENT) {
			assert_int_equal(channels, CHANNELS);
			channels = 0;
			if (i > 0)
				assert_memory_equal(payloads[i], seen[i - 1].hash, AUDIT_HASH);
		}
		if (seen[i].header.kind == AUDIT_STARTED)
			channels = 0;
		channels += seen[i].header.kind == AUDIT_CHANNEL;
		if (seen[i].header.kind == AUDIT_MESSAGE)
			assert_int_equal(channels, CHANNELS);
	}
}

static void test_rotation(void **state)
{
	(void)state;
	settings.segment_bytes = 4096;
	start();
	memset(disk.trace, 0, sizeof(disk.trace));
	fill_files(FILES - 1);
	assert_non_null(
		strstr(disk.trace, "wshww")); /* the former is on the disk, and the head */
	assert_int_equal(log_reader.segments, FILES);
	assert_self_explaining();
	assert_logged_once(FULL);
	for (unsigned i = AUDIT_FILES; i + 1 < COUNT(fds); i++)
		assert_in_range(file_size(i), 4096, 4096 + 8 * 80);
	finish();
	start(); /* and goes on in the right one */
	send(FULL, 1);
	settle();
	finish();
	read_log();
	assert_int_equal(log_reader.segments, FILES);
}

/* Without leave to write over the oldest: when all files are full, nothing is delivered. */
static void test_all_files_full(void **state)
{
	off_t size;

	(void)state;
	settings.segment_bytes = 4096;
	start();
	fill_files(FILES - 1);
	while (chan_log_state(&reader[FULL]) == CHAN_LOG_GOOD) {
		send(FULL, 8);
		settle();
		assert_received(FULL, sent[FULL]);
	}
	size = log_size();
	assert_in_range(size, FILES * 4096, FILES * (4096 + 8 * 80));
	send(FULL, 1);
	settle();
	assert_received(FULL, sent[FULL] - 1);
	clock_ms += 10000;
	tick();
	assert_int_equal(log_size(), size);
	assert_state(CHAN_LOG_STOPPED);
	read_log();
	assert_int_equal(seen[0].header.sequence, 0);
	die();
	assert_int_equal(try_start(), STATUS_FAILED);
	settings.keep_bytes = 1; /* so that tear_down() can */
	die();
	start();
}

static void test_oldest_goes(void **state)
{
	(void)state;
	settings.segment_bytes = 4096;
	settings.keep_bytes = FILES * 4096;
	start();
	fill_files(FILES - 1);
	for (unsigned i = 0; i < 3 * FILES; i++) {
		uint64_t first = seen[0].header.sequence;

		while (seen[0].header.sequence == first) {
			send(FULL, 8);
			settle();
			assert_received(FULL, sent[FULL]);
			read_log();
		}
		assert_self_explaining();
		assert_int_equal(log_reader.segments, FILES);
		if (i % 3 == 0) {
			die();
			start();
			read_log();
		}
	}
}

/* Every byte at which the disk can be full while the log goes on in the next file. */
static void test_disk_full_at_rotation(void **state)
{
	for (long room = 0; room < 800; room++) {
		settings.segment_bytes = 1000;
		start();
		send(FULL, 8);
		settle();
		assert_received(FULL, 8);
		disk.room = room;
		send(FULL, 1);
		settle();
		disk_good();
		clock_ms += 1000;
		settle();
		assert_received(FULL, 9);
		send(FULL, 1); /* a batch of its own may have rotated again by now */
		settle();
		read_log();
		assert_logged_once(FULL);
		assert_self_explaining();
		tear_down(state);
		set_up(state);
	}
}

/* ---- another life ---- */

static void cut_file(unsigned i, off_t size)
{
	assert_int_equal(truncate(file_name(i), size), 0);
}

static void test_goes_on(void **state)
{
	uint8_t last[AUDIT_HASH];
	unsigned before;

	(void)state;
	start();
	send(FULL, 3);
	settle();
	finish();
	read_log();
	before = seen_count;
	memcpy(last, seen[before - 1].hash, sizeof(last));
	for (unsigned i = 0; i < 3; i++) {
		start();
		if (i == 1)
			finish();
		else
			die();
	}
	read_log();
	assert_int_equal(seen[before].header.kind, AUDIT_STARTED);
	assert_int_equal(seen[before].header.sequence, before);
	assert_memory_equal(seen[before - 1].hash, last, sizeof(last));
	assert_int_equal(count_of(AUDIT_STARTED), 4);
	assert_int_equal(count_of(AUDIT_ENDED), 2);
	assert_int_equal(count_of(AUDIT_SEGMENT), 1);
}

/* A power cut at every byte of what was not on the disk. */
static void test_attack_O4_power_cut(void **state)
{
	off_t synced, size;

	start();
	synced = log_size();
	send(FULL, 3);
	settle();
	size = log_size();
	assert_int_equal(size - synced, 3 * (32 + SIZE + AUDIT_HASH));
	for (off_t cut = synced; cut < size; cut++) {
		uint64_t torn = (uint64_t)(cut - synced) % (32 + SIZE + AUDIT_HASH);

		die();
		cut_file(AUDIT_FILES, cut);
		start();
		read_log();
		assert_int_equal(count_of(AUDIT_TORN), torn > 0);
		if (torn > 0)
			assert_int_equal(number_in(find(AUDIT_TORN)), torn);
		assert_int_equal(count_of(AUDIT_MESSAGE),
				 (uint64_t)(cut - synced) / (32 + SIZE + AUDIT_HASH));
		tear_down(state);
		set_up(state);
		start();
		send(FULL, 3);
		settle();
	}
}

/* A power cut at every byte of a file's first record, of the log's first too. */
static void test_power_cut_at_rotation(void **state)
{
	(void)state;
	for (off_t cut = 1; cut < (off_t)START; cut++) {
		settings.segment_bytes = 1000;
		start();
		fill_files(1);
		die();
		cut_file(AUDIT_FILES + 1, cut);
		start();
		read_log();
		assert_int_equal(number_in(find(AUDIT_TORN)), cut);
		assert_self_explaining();
		finish();
		remove_log();

		start();
		die();
		cut_file(AUDIT_FILES, cut);
		cut_file(AUDIT_HEAD, 0); /* it comes to the disk after what it remembers */
		start();
		read_log();
		assert_int_equal(number_in(find(AUDIT_TORN)), cut);
		finish();
		remove_log();
	}
}

static uint8_t *map_file(unsigned i)
{
	int fd = open(file_name(i), O_RDWR | O_CLOEXEC);
	uint8_t *bytes =
		mmap(NULL, (size_t)file_size(i), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(bytes != MAP_FAILED);
	close(fd);
	return bytes;
}

/* Not a power cut: every bit of the newest file and of the head, and every cut before its end. */
static void test_refuses_a_changed_log(void **state)
{
	unsigned which[] = { AUDIT_HEAD, AUDIT_FILES, 0 };

	(void)state;
	settings.segment_bytes = 1000;
	start();
	finish();
	for (unsigned f = 0; f < COUNT(which); f++) {
		if (f == 2) {
			start();
			fill_files(1);
			finish();
			read_log();
			assert_int_not_equal(log_reader.current, 0);
			which[f] = AUDIT_FILES + log_reader.current;
		}
		uint8_t *bytes = map_file(which[f]);
		size_t size = (size_t)file_size(which[f]);

		for (size_t bit = 0; bit < 8 * size; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (try_start() != STATUS_FAILED)
				fail_msg("bit %zu of file %u", bit, which[f]);
			assert_non_null(strstr(last_log, "cannot be gone on with"));
			die();
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t cut = f == 0 ? 1 : 0; cut < size; cut++) {
			uint8_t copy[8192];

			memcpy(copy, bytes, size);
			cut_file(which[f], (off_t)cut);
			if (try_start() != STATUS_FAILED)
				fail_msg("cut to %zu of file %u", cut, which[f]);
			die();
			cut_file(which[f], (off_t)size);
			memcpy(bytes, copy, size);
		}
		munmap(bytes, size);
	}
	start(); /* as it was, it goes on */
}

/* What a log can be like that no power cut has left. */
static void test_refuses_an_odd_log(void **state)
{
	enum odd { NO_HEAD, NO_FILES, OLD_START, OLD_PART, TWICE, TWO_PARTS, NO_SEGMENT, ROWS };
	uint8_t *bytes;

	for (unsigned row = 0; row < ROWS; row++) {
		settings.segment_bytes = 1000;
		start();
		fill_files(2);
		finish();
		switch ((enum odd)row) {
		case NO_HEAD:
			cut_file(AUDIT_HEAD, 0);
			break;
		case NO_FILES:
			for (unsigned i = AUDIT_FILES; i < COUNT(fds); i++)
				cut_file(i, 0);
			break;
		case OLD_START: /* of an older file, which it would else write over some day */
			bytes = map_file(AUDIT_FILES);
			bytes[0] ^= 1;
			munmap(bytes, (size_t)file_size(AUDIT_FILES));
			break;
		case OLD_PART:
			cut_file(AUDIT_FILES, 50);
			break;
		case TWICE: {
			uint8_t copy[8192];
			off_t size = file_size(AUDIT_FILES + 2);

			bytes = map_file(AUDIT_FILES + 2);
			memcpy(copy, bytes, (size_t)size);
			munmap(bytes, (size_t)size);
			cut_file(AUDIT_FILES + 3, size);
			bytes = map_file(AUDIT_FILES + 3);
			memcpy(bytes, copy, (size_t)size);
			munmap(bytes, (size_t)size);
			break;
		}
		case TWO_PARTS:
			cut_file(AUDIT_FILES, 50);
			cut_file(AUDIT_FILES + 3, 50);
			break;
		case NO_SEGMENT: /* something else altogether */
			cut_file(AUDIT_FILES + 3, 5000);
			break;
		case ROWS:
			break;
		}
		if (try_start() != STATUS_FAILED)
			fail_msg("row %u", row);
		die();
		remove_log();
	}
	set_up(state);
}

static void test_one_auditor(void **state)
{
	int second[COUNT(fds)], first[COUNT(fds)];

	(void)state;
	start();
	memcpy(first, fds, sizeof(fds));
	assert_int_equal(try_start(), STATUS_FAILED);
	assert_non_null(strstr(last_log, "another auditor"));
	memcpy(second, fds, sizeof(fds));
	die();
	memcpy(fds, first, sizeof(fds));
	die();
	start();
}

/* It starts with what it needs, or not at all. */
static void test_attack_C16_grants(void **state)
{
	static const struct {
		unsigned resources;
		uint32_t role;
		enum status status;
	} rows[] = {
		{ AUDIT_FILES + 2, CHANNEL_AUDITOR, STATUS_OK },
		{ AUDIT_FILES + 1, CHANNEL_AUDITOR, STATUS_NOT_STARTED },
		{ AUDIT_FILES, CHANNEL_AUDITOR, STATUS_NOT_STARTED },
		{ 0, CHANNEL_AUDITOR, STATUS_NOT_STARTED },
		{ AUDIT_FILES + AUDIT_SEGMENTS + 1, CHANNEL_AUDITOR, STATUS_NOT_STARTED },
		{ AUDIT_FILES + FILES, CHANNEL_READER, STATUS_NOT_STARTED },
		{ AUDIT_FILES + FILES, CHANNEL_WRITER, STATUS_NOT_STARTED },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		critical.config.resource_count = rows[i].resources;
		critical.config.channel[CHANNELS - 1].role = rows[i].role;
		assert_int_equal(try_start(), rows[i].status);
		critical.config.channel[CHANNELS - 1].role = CHANNEL_AUDITOR;
		critical.config.resource_count = COUNT(fds);
		die();
		remove_log();
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_every_kind_of_record),
		TEST(test_counts_are_said),
		TEST(test_batch_before_delivery),
		TEST(test_checkpoints),
		TEST(test_flood_on_another_channel),
		TEST(test_attack_C1_writer_changes_its_mind),
		TEST(test_attack_C3_writer_breaks_the_rules),
		TEST(test_attack_P2_disk_full),
		TEST(test_disk_full_and_not_even_cut),
		TEST(test_file_size_limit),
		TEST(test_attack_P2_sync_fails),
		TEST(test_head_fails),
		TEST(test_late_sync_fails),
		TEST(test_cannot_start),
		TEST(test_changes_while_stopped),
		TEST(test_broken_while_stopped),
		TEST(test_rotation),
		TEST(test_all_files_full),
		TEST(test_oldest_goes),
		TEST(test_disk_full_at_rotation),
		TEST(test_goes_on),
		TEST(test_attack_O4_power_cut),
		TEST(test_power_cut_at_rotation),
		TEST(test_refuses_a_changed_log),
		TEST(test_refuses_an_odd_log),
		TEST(test_one_auditor),
		TEST(test_attack_C16_grants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
