/* SPDX-License-Identifier: ISC */
/*
 * attack_C8, attack_C9: a channel whose ends run at the same time on processors of their own, built
 * with ThreadSanitizer. Messages of many words, each with a sum, all of them, whole and in order;
 * sleeping and waking by the bells. A wake-up that is lost shows as a message that never comes.
 */
#include "chan.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define MESSAGES 30000u
#define WORDS	 15u
#define WAIT_MS	 20000

static const struct chan_geometry geometry = { 8, WORDS * 8 };
static void *data_page, *ack_page, *log_page;
static int bell[3]; /* the writer's, the reader's, the auditor's */
static bool audited;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("FAILED %s channel: %s\n", audited ? "audited" : "plain", what);
	exit(1);
}

static void sleep_on(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(poll(&p, 1, WAIT_MS) == 1, "a wake-up is lost");
}

static void *write_all(void *unused)
{
	struct chan_writer w = { .data = data_page,
				 .ack = ack_page,
				 .geometry = geometry,
				 .audited = audited,
				 .bell = bell[0],
				 .ring = bell[audited ? 2 : 1] };
	uint64_t m[WORDS];

	chan_writer_init(&w);
	for (uint64_t i = 0; i < MESSAGES; i++) {
		enum chan_status st;

		m[WORDS - 1] = 0;
		for (unsigned k = 0; k < WORDS - 1; k++) {
			m[k] = i * 31 + k;
			m[WORDS - 1] += m[k];
		}
		for (;;) {
			chan_silence(w.bell);
			st = chan_send(&w, m);
			if (st != CHAN_AGAIN)
				break;
			sleep_on(w.bell);
		}
		must(st == CHAN_OK, "the writer finds it broken");
	}
	return unused;
}

static void *audit_all(void *unused)
{
	struct chan_auditor a = { .data = data_page,
				  .log = log_page,
				  .geometry = geometry,
				  .bell = bell[2],
				  .ring = bell[1] };
	uint64_t m[WORDS];

	chan_auditor_init(&a);
	while (a.logged < MESSAGES) {
		enum chan_status st;

		chan_silence(a.bell);
		while ((st = chan_tap(&a, 0, m)) == CHAN_OK)
			chan_deliver(&a, m);
		must(st == CHAN_AGAIN, "the auditor finds it broken");
		if (a.logged < MESSAGES)
			sleep_on(a.bell);
	}
	return unused;
}

static void *read_all(void *unused)
{
	struct chan_reader r = { .data = data_page,
				 .ack = ack_page,
				 .log = audited ? log_page : NULL,
				 .geometry = geometry,
				 .bell = bell[1],
				 .ring = bell[0] };
	uint64_t m[WORDS], sum;

	chan_reader_init(&r);
	for (uint64_t i = 0; i < MESSAGES;) {
		enum chan_status st;

		chan_silence(r.bell);
		while ((st = chan_recv(&r, m)) == CHAN_OK) {
			sum = 0;
			for (unsigned k = 0; k < WORDS - 1; k++)
				sum += m[k];
			must(m[0] == i * 31 && sum == m[WORDS - 1],
			     "a message is torn, or not the next");
			i++;
		}
		must(st == CHAN_AGAIN, "the reader finds it broken");
		if (i == MESSAGES || !chan_doze(&r))
			continue;
		sleep_on(r.bell);
		chan_awake(&r);
	}
	return unused;
}

int main(void)
{
	size_t bytes = chan_page_bytes(geometry);
	pthread_t thread[3];

	for (unsigned i = 0; i < 3; i++)
		bell[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned round = 0; round < 2; round++) {
		audited = round == 1;
		data_page = aligned_alloc(64, (bytes + 63) / 64 * 64);
		log_page = aligned_alloc(64, (bytes + 63) / 64 * 64);
		ack_page = aligned_alloc(64, (CHAN_ACK_BYTES + 63) / 64 * 64);
		must(data_page != NULL && log_page != NULL && ack_page != NULL, "no memory");
		memset(data_page, 0, bytes);
		memset(log_page, 0, bytes);
		memset(ack_page, 0, CHAN_ACK_BYTES);
		/* Not rung yet, and nobody sleeps: the first round of chan_*_init() is ordered by this. */
		pthread_create(&thread[0], NULL, read_all, NULL);
		if (audited)
			pthread_create(&thread[2], NULL, audit_all, NULL);
		pthread_create(&thread[1], NULL, write_all, NULL);
		pthread_join(thread[0], NULL);
		pthread_join(thread[1], NULL);
		if (audited)
			pthread_join(thread[2], NULL);
		printf("ok %u messages over %s channel, whole and in order\n", MESSAGES,
		       audited ? "an audited" : "a plain");
		free(data_page);
		free(log_page);
		free(ack_page);
	}
	return 0;
}
