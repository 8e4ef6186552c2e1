/* SPDX-License-Identifier: ISC */
/*
 * bench/channel: what a channel costs beside what nothing can be cheaper than. Two threads on two
 * processors pass one message to and fro; in turn with the bare way to do the same, many rounds of
 * each in one run, and the median of the rounds of each is compared:
 *
 *   awake    both sides look all the time; bare: two cache lines
 *   asleep   each side sleeps until its eventfd rings; bare: two eventfds, read() and write()
 *   audited  as asleep, with an auditor between them that logs (to a file that is given, or not)
 *
 * Messages have 56 bytes, a cache line with their stamp. usage: channel [--log FILE]
 */
#include "audit_record.h"
#include "chan.h"
#include "critical.h"
#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUNDS	31
#define AWAKE	20000 /* round trips in a round */
#define ASLEEP	2000
#define AUDITED 1000
#define STREAM	400000 /* messages one way */
#define BYTES	56

enum way { LINES, CHAN_AWAKE, EVENTFDS, CHAN_ASLEEP, CHAN_LOGGED, CHAN_SYNCED, WAYS };

static const struct chan_geometry geometry = { 64, BYTES };

static struct link {
	void *data, *ack, *log;
	struct chan_writer writer;
	struct chan_reader reader;
	struct chan_auditor auditor;
	int bell[3]; /* writer, reader, auditor */
} link_[2];

static struct {
	_Alignas(64) _Atomic uint64_t word;
} lines[2];
static int eventfds[2], log_fd = -1;
static enum way way;
static unsigned trips;
static _Atomic bool done;
static pthread_barrier_t start;
static int processor[3] = { 0, 1, 0 };

static void die(const char *what)
{
	fprintf(stderr, "channel: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("two processors are needed");
}

static void *page(size_t size)
{
	void *p = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);

	if (p == NULL)
		die("memory");
	memset(p, 0, size);
	return p;
}

static void open_link(struct link *l, bool audited)
{
	free(l->data);
	free(l->ack);
	free(l->log);
	l->data = page(chan_page_bytes(geometry));
	l->ack = page(CHAN_ACK_BYTES);
	l->log = page(chan_page_bytes(geometry));
	for (unsigned i = 0; i < 3; i++) {
		if (l->bell[i] > 0)
			close(l->bell[i]);
		l->bell[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	l->writer = (struct chan_writer){ .data = l->data,
					  .ack = l->ack,
					  .geometry = geometry,
					  .audited = audited,
					  .bell = l->bell[0],
					  .ring = l->bell[audited ? 2 : 1] };
	l->reader = (struct chan_reader){ .data = l->data,
					  .ack = l->ack,
					  .log = audited ? l->log : NULL,
					  .geometry = geometry,
					  .bell = l->bell[1],
					  .ring = l->bell[0] };
	l->auditor = (struct chan_auditor){ .data = l->data,
					    .log = l->log,
					    .geometry = geometry,
					    .bell = l->bell[2],
					    .ring = l->bell[1] };
	chan_writer_init(&l->writer);
	chan_reader_init(&l->reader);
	chan_auditor_init(&l->auditor);
}

static void sleep_on(int bell)
{
	struct pollfd p = { .fd = bell, .events = POLLIN };

	if (poll(&p, 1, 20000) != 1)
		die("a bell does not ring");
	chan_silence(bell);
}

static void take(struct link *l, void *message)
{
	enum chan_status st;

	while ((st = chan_recv(&l->reader, message)) == CHAN_AGAIN) {
		if (way == CHAN_AWAKE) {
			__builtin_ia32_pause();
			continue;
		}
		l->reader.credit = 0; /* it is to be asleep, however soon the answer comes */
		if (!chan_doze(&l->reader))
			continue;
		sleep_on(l->reader.bell);
		chan_awake(&l->reader);
	}
	if (st != CHAN_OK)
		die("a channel is broken");
}

static void give(struct link *l, const void *message)
{
	if (chan_send(&l->writer, message) != CHAN_OK)
		die("a channel is full or broken");
}

/* One side of `trips` round trips; side 0 begins. */
static void play(unsigned side)
{
	uint64_t m[BYTES / 8] = { 0 }, one;

	if (way == CHAN_AWAKE) /* awake for good: nobody rings */
		chan_awake(&link_[1 - side].reader);
	pthread_barrier_wait(&start);
	for (uint64_t i = 1; i <= trips; i++)
		for (unsigned half = 0; half < 2; half++) {
			bool mine = half == side;

			switch (way) {
			case LINES:
				if (mine)
					atomic_store_explicit(&lines[side].word, i,
							      memory_order_release);
				while (!mine && atomic_load_explicit(&lines[1 - side].word,
								     memory_order_acquire) != i)
					__builtin_ia32_pause();
				break;
			case EVENTFDS:
				one = 1;
				if ((mine ? write(eventfds[side], &one, 8)
					  : read(eventfds[1 - side], &one, 8)) != 8)
					die("eventfd");
				break;
			case CHAN_AWAKE:
			case CHAN_ASLEEP:
			case CHAN_LOGGED:
			case CHAN_SYNCED:
				if (mine)
					give(&link_[side], m);
				else
					take(&link_[1 - side], m);
				break;
			case WAYS:
				break;
			}
		}
}

static void *other_side(void *unused)
{
	stay_on(processor[1]);
	play(1);
	return unused;
}

static void log_message(struct link *l, uint8_t chain[AUDIT_HASH])
{
	uint8_t record[AUDIT_RECORD_MAX], m[CHAN_MESSAGE_MAX];
	struct audit_header h = { .kind = AUDIT_MESSAGE };

	while (chan_tap(&l->auditor, 0, m) == CHAN_OK) {
		size_t len = audit_record_put(record, h, m, BYTES, chain);

		if (log_fd >= 0 && pwrite(log_fd, record, len, 0) != (ssize_t)len)
			die("the log");
		if (way == CHAN_SYNCED && fdatasync(log_fd) < 0)
			die("the log");
		chan_deliver(&l->auditor, m);
	}
}

static void *audit(void *unused)
{
	uint8_t chain[AUDIT_HASH] = { 0 };

	stay_on(processor[2]);
	while (!atomic_load(&done)) {
		struct pollfd p[2] = { { .fd = link_[0].bell[2], .events = POLLIN },
				       { .fd = link_[1].bell[2], .events = POLLIN } };

		if (poll(p, 2, 100) <= 0)
			continue;
		for (unsigned i = 0; i < 2; i++) {
			chan_silence(link_[i].bell[2]);
			log_message(&link_[i], chain);
		}
	}
	return unused;
}

/* Nanoseconds of a round trip. */
static double round_trip(enum way w, unsigned count)
{
	bool audited = w == CHAN_LOGGED || w == CHAN_SYNCED;
	pthread_t other, auditor;
	uint64_t begin, end;

	way = w;
	trips = count;
	atomic_store(&done, false);
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&lines[i].word, 0);
		open_link(&link_[i], audited);
	}
	if (pthread_create(&other, NULL, other_side, NULL) != 0 ||
	    (audited && pthread_create(&auditor, NULL, audit, NULL) != 0))
		die("thread");
	stay_on(processor[0]);
	/* play() waits until both are there. */
	begin = timing_now();
	play(0);
	end = timing_now();
	pthread_join(other, NULL);
	atomic_store(&done, true);
	if (audited)
		pthread_join(auditor, NULL);
	return (double)(end - begin) / count;
}

static void *read_stream(void *unused)
{
	uint64_t m[BYTES / 8];

	stay_on(processor[1]);
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < STREAM; i++)
		take(&link_[0], m);
	return unused;
}

/* Messages a second, one way, both awake. */
static double stream(void)
{
	uint64_t m[BYTES / 8] = { 0 }, begin, end;
	pthread_t reader;

	way = CHAN_AWAKE;
	open_link(&link_[0], false);
	chan_awake(&link_[0].reader);
	if (pthread_create(&reader, NULL, read_stream, NULL) != 0)
		die("thread");
	pthread_barrier_wait(&start);
	begin = timing_now();
	for (unsigned i = 0; i < STREAM; i++)
		while (chan_send(&link_[0].writer, m) == CHAN_AGAIN)
			__builtin_ia32_pause();
	pthread_join(reader, NULL);
	end = timing_now();
	return STREAM * 1e9 / (double)(end - begin);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(bool same, double median[WAYS], double *streamed)
{
	static double found[WAYS][ROUNDS], streams[ROUNDS];
	const unsigned count[WAYS] = { AWAKE, AWAKE, ASLEEP, ASLEEP, AUDITED, AUDITED / 10 };

	processor[1] = same ? 0 : 1;
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned w = 0; w < WAYS; w++) {
			bool spins = w == LINES || w == CHAN_AWAKE;

			if ((same && spins) || (w == CHAN_SYNCED && log_fd < 0))
				found[w][r] =
					0; /* two that spin on one processor measure its time slice */
			else
				found[w][r] = round_trip((enum way)w, count[w]);
		}
		streams[r] = same ? 0 : stream();
	}
	for (unsigned w = 0; w < WAYS; w++) {
		qsort(found[w], ROUNDS, sizeof(double), compare);
		median[w] = found[w][ROUNDS / 2];
	}
	qsort(streams, ROUNDS, sizeof(double), compare);
	*streamed = streams[ROUNDS / 2];
}

static void print(const char *what, double ns, double bare)
{
	if (ns == 0)
		return;
	printf("| %-42s | %10.0f |", what, ns);
	if (bare != 0)
		printf(" %5.2f |\n", ns / bare);
	else
		printf("       |\n");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--log") == 0 && i + 1 < argc) {
			log_fd = open(argv[++i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (log_fd < 0)
				die(argv[i]);
		} else {
			fprintf(stderr,
				"usage: channel [--log FILE]: round trips over channels beside the bare way\n");
			return strcmp(argv[i], "--help") == 0 ? 0 : 2;
		}
	}
	if (sodium_init() < 0 || pthread_barrier_init(&start, NULL, 2) != 0)
		die("start");
	for (unsigned i = 0; i < 2; i++)
		eventfds[i] = eventfd(0, EFD_CLOEXEC);
	printf("| round trip, median of %d rounds              |         ns | ratio |\n|---|--:|--:|\n",
	       ROUNDS);
	for (unsigned same = 0; same < 2; same++) {
		const char *where = same ? "one processor" : "two processors";
		double m[WAYS], streamed;
		char text[80];

		measure(same != 0, m, &streamed);
		print("two cache lines, two processors (bare)", m[LINES], 0);
		print("channel, both awake", m[CHAN_AWAKE], m[LINES]);
		snprintf(text, sizeof(text), "two eventfds, %s (bare)", where);
		print(text, m[EVENTFDS], 0);
		print("channel, both asleep", m[CHAN_ASLEEP], m[EVENTFDS]);
		print(log_fd < 0 ? "audited: tapped and hashed"
				 : "audited: tapped, hashed, written",
		      m[CHAN_LOGGED], m[EVENTFDS]);
		print("audited: and synced before delivery", m[CHAN_SYNCED], m[EVENTFDS]);
		if (streamed != 0)
			printf("\n%.1f million messages of %d bytes a second, one way, both awake\n\n| round trip | ns | ratio |\n|---|--:|--:|\n",
			       streamed / 1e6, BYTES);
	}
	return 0;
}
