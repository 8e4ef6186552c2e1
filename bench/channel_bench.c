/* SPDX-License-Identifier: ISC */
/*
 * Two threads on two processors pass data to and fro, or one way, by one of several ways in turn,
 * many rounds in one run. Data larger than a message goes as a run of messages. The floors: memory
 * that both share and a word in it that tells (awake), the same and an eventfd (asleep), memcpy().
 */
#include "channel_bench.h"

#include "audit_record.h"
#include "chan.h"
#include "log.h"
#include "number.h"
#include "options.h"
#include "output.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	   15
#define BYTES_MAX  (64u << 10)
#define TRIP_BYTES (4u << 20) /* that a round of round trips moves at most */
#define STREAM	   (8u << 20) /* bytes one way in a round */
#define TRIPS_MAX  5000u
#define ASLEEP_MAX 1000u

static const struct option_spec specs[] = {
	{ "json", "FILE",
	  "write all results as JSON, for zwinger bench compare; - is the standard output" },
	{ "csv", "FILE", "write the table as comma-separated values" },
	{ "svg", "FILE", "write a picture of all histograms" },
	{ "runs", "N", "so many rounds of everything, in turn (default: 15)" },
	{ "log", "FILE", "the auditor writes its log there; otherwise it only hashes" },
	{ 0 },
};
enum { JSON, CSV, SVG, RUNS, LOG };

struct request {
	struct output output;
	uint64_t runs;
	const char *log;
};

enum kind { LINES, EVENTFD, CHANNEL, AUDITED, PIPE, SOCKET, MEMCPY };
static const char *const kind_name[] = { "shared-memory", "eventfd",	 "channel", "audited",
					 "pipe",	  "unix-socket", "memcpy" };

/* One direction. */
struct way {
	void *data, *ack, *log;
	struct chan_writer writer;
	struct chan_reader reader;
	struct chan_auditor auditor;
	struct chan_geometry geometry;
	int bell[3]; /* writer, reader, auditor */
	int fd[2];   /* from, to: a pipe, a socket, or twice an eventfd */
	uint8_t *shared;
	uint64_t sent, taken;
	_Alignas(64) _Atomic uint64_t word;
};

static struct way ways[2];
static enum kind kind;
static bool awake;
static bool polls; /* who is asleep hears several bells, as the processes of a system do */
static uint32_t size, trips;
static int log_fd = -1;
static uint8_t source[2][BYTES_MAX], sink[2][BYTES_MAX];
static pthread_barrier_t start;
static _Atomic bool done;
static int processor[2] = { -1, -1 };

static _Noreturn void die(const char *what)
{
	log_error("channel: %s: %s", what, strerror(errno));
	exit(STATUS_FAILED);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void stay(unsigned side)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)processor[side], &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("a processor");
}

static void *zeroed(size_t bytes)
{
	void *p = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);

	if (p == NULL)
		die("memory");
	return memset(p, 0, bytes);
}

/* ---- opening and closing ---- */

static void open_channel(struct way *w)
{
	bool audited = kind == AUDITED;

	w->geometry = (struct chan_geometry){ size <= 64 ? 64 : CHAN_SLOTS_MAX,
					      size <= 64 ? 64 : CHAN_MESSAGE_MAX };
	w->data = zeroed(chan_page_bytes(w->geometry));
	w->ack = zeroed(CHAN_ACK_BYTES);
	w->log = zeroed(chan_page_bytes(w->geometry));
	for (unsigned i = 0; i < 3; i++)
		w->bell[i] = eventfd(0, (i == 2 ? EFD_NONBLOCK : 0) | EFD_CLOEXEC);
	w->writer = (struct chan_writer){ .data = w->data,
					  .ack = w->ack,
					  .geometry = w->geometry,
					  .audited = audited,
					  .bell = w->bell[0],
					  .ring = w->bell[audited ? 2 : 1] };
	w->reader = (struct chan_reader){ .data = w->data,
					  .ack = w->ack,
					  .log = audited ? w->log : NULL,
					  .geometry = w->geometry,
					  .bell = w->bell[1],
					  .ring = w->bell[0] };
	w->auditor = (struct chan_auditor){ .data = w->data,
					    .log = w->log,
					    .geometry = w->geometry,
					    .bell = w->bell[2],
					    .ring = w->bell[1] };
	chan_writer_init(&w->writer);
	chan_reader_init(&w->reader);
	chan_auditor_init(&w->auditor);
	if (awake)
		chan_awake(&w->reader);
}

static void open_way(struct way *w)
{
	memset(w, 0, sizeof(*w));
	w->fd[0] = w->fd[1] = w->bell[0] = w->bell[1] = w->bell[2] = -1;
	switch (kind) {
	case CHANNEL:
	case AUDITED:
		open_channel(w);
		break;
	case PIPE:
		if (pipe2(w->fd, O_CLOEXEC) < 0)
			die("pipe");
		break;
	case SOCKET:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->fd) < 0)
			die("socketpair");
		break;
	case EVENTFD:
		w->fd[0] = w->fd[1] = eventfd(0, EFD_CLOEXEC);
		w->shared = zeroed(BYTES_MAX);
		break;
	case LINES:
	case MEMCPY:
		w->shared = zeroed(BYTES_MAX);
		break;
	}
}

static void close_way(struct way *w)
{
	for (unsigned i = 0; i < 3; i++)
		if (w->bell[i] >= 0)
			close(w->bell[i]);
	if (w->fd[0] >= 0)
		close(w->fd[0]);
	if (w->fd[1] >= 0 && w->fd[1] != w->fd[0])
		close(w->fd[1]);
	free(w->data);
	free(w->ack);
	free(w->log);
	free(w->shared);
}

/* ---- passing `size` bytes ---- */

static void await_bell(int bell)
{
	struct pollfd p = { .fd = bell, .events = POLLIN };

	if (polls && poll(&p, 1, 20000) != 1)
		die("a bell does not ring");
}

static void sleep_on(int bell)
{
	await_bell(bell);
	chan_silence(bell); /* these bells block */
}

static void send_message(struct way *w, const void *message)
{
	enum chan_status st;

	while ((st = chan_send(&w->writer, message)) == CHAN_AGAIN) {
		if (awake)
			__builtin_ia32_pause();
		else
			sleep_on(w->writer.bell);
	}
	if (st != CHAN_OK)
		die("a channel is broken");
}

static void take_message(struct way *w, void *message)
{
	enum chan_status st;

	while ((st = chan_recv(&w->reader, message)) == CHAN_AGAIN) {
		if (awake) {
			__builtin_ia32_pause();
			continue;
		}
		w->reader.credit = 0; /* it is to be asleep, however soon the answer comes */
		if (!chan_doze(&w->reader))
			continue;
		sleep_on(w->reader.bell);
		chan_awake(&w->reader);
	}
	if (st != CHAN_OK)
		die("a channel is broken");
}

static void give(struct way *w, const uint8_t *bytes)
{
	uint32_t step = w->geometry.message_size;
	uint64_t one = 1;

	switch (kind) {
	case CHANNEL:
	case AUDITED:
		for (uint32_t at = 0; at < size; at += step) {
			uint8_t last[CHAN_MESSAGE_MAX] = { 0 };

			if (size - at < step)
				memcpy(last, bytes + at, size - at);
			send_message(w, size - at < step ? last : bytes + at);
		}
		break;
	case PIPE:
	case SOCKET:
		for (uint32_t at = 0; at < size;) {
			ssize_t n = write(w->fd[1], bytes + at, size - at);

			if (n <= 0)
				die("write");
			at += (uint32_t)n;
		}
		break;
	case EVENTFD:
		memcpy(w->shared, bytes, size);
		if (write(w->fd[1], &one, sizeof(one)) != sizeof(one))
			die("eventfd");
		break;
	case LINES:
	case MEMCPY:
		memcpy(w->shared, bytes, size);
		atomic_store_explicit(&w->word, ++w->sent, memory_order_release);
		break;
	}
}

static void take(struct way *w, uint8_t *bytes)
{
	uint32_t step = w->geometry.message_size;
	uint64_t rung;

	switch (kind) {
	case CHANNEL:
	case AUDITED:
		for (uint32_t at = 0; at < size; at += step) {
			uint8_t last[CHAN_MESSAGE_MAX];

			take_message(w, size - at < step ? last : bytes + at);
			if (size - at < step)
				memcpy(bytes + at, last, size - at);
		}
		break;
	case PIPE:
	case SOCKET:
		for (uint32_t at = 0; at < size;) {
			ssize_t n = read(w->fd[0], bytes + at, size - at);

			if (n <= 0)
				die("read");
			at += (uint32_t)n;
		}
		break;
	case EVENTFD:
		await_bell(w->fd[0]);
		if (read(w->fd[0], &rung, sizeof(rung)) != sizeof(rung))
			die("eventfd");
		memcpy(bytes, w->shared, size);
		break;
	case LINES:
	case MEMCPY:
		w->taken++;
		while (atomic_load_explicit(&w->word, memory_order_acquire) != w->taken)
			__builtin_ia32_pause();
		memcpy(bytes, w->shared, size);
		break;
	}
}

/* ---- the auditor ---- */

static void log_messages(struct way *w, uint8_t chain[AUDIT_HASH])
{
	uint8_t record[AUDIT_RECORD_MAX], m[CHAN_MESSAGE_MAX];
	struct audit_header h = { .kind = AUDIT_MESSAGE };

	while (chan_tap(&w->auditor, 0, m) == CHAN_OK) {
		size_t len = audit_record_put(record, h, m, w->geometry.message_size, chain);

		if (log_fd >= 0 && pwrite(log_fd, record, len, 0) != (ssize_t)len)
			die("the log");
		chan_deliver(&w->auditor, m);
	}
}

static void *audit(void *unused)
{
	uint8_t chain[AUDIT_HASH] = { 0 };

	stay(0);
	while (!atomic_load(&done)) {
		struct pollfd p[2] = { { .fd = ways[0].bell[2], .events = POLLIN },
				       { .fd = ways[1].bell[2], .events = POLLIN } };

		if (poll(p, 2, 50) <= 0)
			continue;
		for (unsigned i = 0; i < 2; i++) {
			chan_silence(ways[i].bell[2]);
			log_messages(&ways[i], chain);
		}
	}
	return unused;
}

/* ---- a round ---- */

static void *other_side(void *one_way)
{
	stay(1);
	pthread_barrier_wait(&start);
	for (uint32_t i = 0; i < trips; i++) {
		take(&ways[0], sink[1]);
		if (one_way == NULL || i + 1 == trips)
			give(&ways[1], source[1]);
	}
	return NULL;
}

/* Nanoseconds of `trips` times there and back; or there, and at the end once back. */
static double play(bool one_way)
{
	pthread_t other, auditor;
	double begin, end;

	atomic_store(&done, false);
	for (unsigned i = 0; i < 2; i++)
		open_way(&ways[i]);
	if (pthread_create(&other, NULL, other_side, one_way ? &done : NULL) != 0 ||
	    (kind == AUDITED && pthread_create(&auditor, NULL, audit, NULL) != 0))
		die("a thread");
	stay(0);
	pthread_barrier_wait(&start);
	begin = now();
	for (uint32_t i = 0; i < trips; i++) {
		give(&ways[0], source[0]);
		if (!one_way || i + 1 == trips)
			take(&ways[1], sink[0]);
	}
	end = now();
	pthread_join(other, NULL);
	atomic_store(&done, true);
	if (kind == AUDITED)
		pthread_join(auditor, NULL);
	for (unsigned i = 0; i < 2; i++)
		close_way(&ways[i]);
	if (memcmp(sink[1], source[0], size) != 0 || memcmp(sink[0], source[1], size) != 0)
		die("what arrived is not what was sent");
	return end - begin;
}

static double copy(void)
{
	double begin = now();

	for (uint32_t i = 0; i < trips; i++) {
		memcpy(sink[0], source[0], size);
		__asm__ volatile("" : : "r"(sink[0]) : "memory");
	}
	return now() - begin;
}

static void add(struct results *r, const char *row, const char *what, bool rate, double ns)
{
	struct series *s = results_series(r, row, kind_name[kind], what, rate ? "MB/s" : "ns");
	double value = rate ? (double)size * trips / ns * 1e3 : ns / trips;

	s->more = rate;
	series_add(s, &value, 1);
}

static void measure_size(struct results *r, bool two)
{
	static const enum kind sleepers[] = { EVENTFD, CHANNEL, AUDITED, PIPE, SOCKET };
	static const enum kind lookers[] = { LINES, CHANNEL };
	char row[48];
	uint32_t most = TRIP_BYTES / size;

	awake = true;
	trips = most < TRIPS_MAX ? most : TRIPS_MAX;
	snprintf(row, sizeof(row), "round-trip-%u-awake", size);
	for (unsigned i = 0; i < 2; i++) {
		kind = lookers[i];
		if (two)
			add(r, row, "there and back, both sides looking", false, play(false));
		else
			snprintf(results_series(r, row, kind_name[kind], "", "ns")->reason, 200,
				 "needs two processors: there is one here");
	}
	awake = false;
	trips = most < ASLEEP_MAX ? most : ASLEEP_MAX;
	snprintf(row, sizeof(row), "round-trip-%u-asleep", size);
	for (unsigned i = 0; i < 5; i++) {
		kind = sleepers[i];
		add(r, row, "there and back, each side asleep until it is woken", false,
		    play(false));
	}
	polls = true;
	snprintf(row, sizeof(row), "round-trip-%u-polled", size);
	for (unsigned i = 0; i < 3; i++) {
		kind = sleepers[i];
		add(r, row, "there and back, each side asleep in poll()", false, play(false));
	}
	polls = false;
}

static void measure_stream(struct results *r)
{
	static const enum kind streams[] = { CHANNEL, AUDITED, PIPE, SOCKET };
	char row[48];

	trips = STREAM / size < 20000 ? STREAM / size : 20000;
	snprintf(row, sizeof(row), "stream-%u", size);
	kind = MEMCPY;
	add(r, row, "one way", true, copy());
	for (unsigned i = 0; i < 4; i++) {
		kind = streams[i];
		add(r, row, "one way", true, play(true));
	}
}

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;

	switch (index) {
	case JSON:
		q->output.json = value;
		break;
	case CSV:
		q->output.csv = value;
		break;
	case SVG:
		q->output.svg = value;
		break;
	case LOG:
		q->log = value;
		break;
	default:
		if (number_parse(value, 1, RESULTS_RUNS_MAX, &q->runs))
			break;
		log_error("--runs: '%s' is not a number from 1 to %d", value, RESULTS_RUNS_MAX);
		return false;
	}
	return true;
}

static bool choose_processors(void)
{
	unsigned found = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		die("sched_getaffinity");
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET((size_t)i, &set))
			processor[found++] = i;
	if (found == 1)
		processor[1] = processor[0];
	return found == 2;
}

int channel_main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 64, 4096, BYTES_MAX };
	struct request q = { .runs = ROUNDS };
	struct results r = { .kind = "channel" };
	bool two;

	switch (options_parse(specs, argc, argv, 2, set, &q)) {
	case OPTIONS_HELP:
		puts("usage: zwinger bench channel [OPTION]...\n\n"
		     "Round trips and throughput of 64 bytes, 4 KiB and 64 KiB over a channel, plain and audited,\n"
		     "beside shared memory, eventfds, a pipe, a Unix socket and memcpy().\n");
		options_print(specs);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (q.log != NULL && (log_fd = open(q.log, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0) {
		log_error("%s: %s", q.log, strerror(errno));
		return STATUS_NO_FILE;
	}
	if (sodium_init() < 0 || pthread_barrier_init(&start, NULL, 2) != 0)
		die("start");
	randombytes_buf(source, sizeof(source));
	environment_look(&r.environment, 0, argc - 1, argv + 1);
	two = choose_processors();
	for (uint64_t run = 0; run < q.runs; run++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size = sizes[i];
			measure_size(&r, two);
			awake = two;
			measure_stream(&r);
		}
	results_sort(&r);
	return output_results(&q.output, &r) ? STATUS_OK : STATUS_FAILED;
}
