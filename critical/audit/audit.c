/* SPDX-License-Identifier: ISC */
#include "audit.h"

#include "log.h"
#include "segments.h"

#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define BATCH		 32   /* messages that one write and one sync serve */
#define CHECKPOINT_EVERY 1024 /* records */
#define SYNC_MS		 1000 /* what is younger than this, a power cut may take */
#define RETRY_MS	 1000

static struct critical *self;
static struct segments segments;
static uint32_t checkpoint_every;
static uint64_t since_checkpoint;		    /* records */
static uint64_t sync_due_ms, stopped_since_ms, now; /* 0: not */
static uint64_t skipped[CRITICAL_CHANNELS_MAX];
static bool was_open[CRITICAL_CHANNELS_MAX];

/* Records that are made together and written together. */
static struct {
	uint8_t bytes[(BATCH + 2) * AUDIT_RECORD_MAX];
	size_t len;
	unsigned count;
	uint8_t chain[AUDIT_HASH]; /* before them */
} batch;

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void begin_batch(void)
{
	batch.len = 0;
	batch.count = 0;
	memcpy(batch.chain, segments.chain, sizeof(batch.chain));
}

static void put(enum audit_kind kind, unsigned channel, const void *payload, size_t len)
{
	const struct audit_header h = { .sequence = segments.sequence + batch.count,
					.time_ns = realtime_ns(),
					.kind = (uint16_t)kind,
					.channel = (uint16_t)channel };

	batch.len += audit_record_put(batch.bytes + batch.len, h, payload, len, segments.chain);
	batch.count++;
}

/* All or nothing; on false the chain is as it was. */
static bool write_batch(bool sync)
{
	if (batch.count == 0)
		return true;
	if (!segments_append(&segments, batch.bytes, batch.len)) {
		memcpy(segments.chain, batch.chain, sizeof(batch.chain));
		return false;
	}
	segments.sequence += batch.count;
	since_checkpoint += batch.count;
	if (sync_due_ms == 0)
		sync_due_ms = now + SYNC_MS;
	if (sync)
		return segments_sync(&segments);
	return true;
}

static bool checkpoint(void)
{
	begin_batch();
	put(AUDIT_CHECKPOINT, AUDIT_NO_CHANNEL, NULL, 0);
	if (!write_batch(true))
		return false;
	since_checkpoint = 0;
	sync_due_ms = 0;
	return true;
}

/* What the log says about itself, so that it can be read without the manifest. */
static bool describe(enum audit_kind first)
{
	begin_batch();
	if (first != 0)
		put(first, AUDIT_NO_CHANNEL, NULL, 0);
	for (unsigned i = 0; i < self->config.channel_count; i++) {
		const struct critical_channel *c = &self->config.channel[i];
		struct audit_channel a = { .audit = c->audit,
					   .message_size = c->geometry.message_size };

		memcpy(a.name, c->name, sizeof(a.name));
		memcpy(a.from, c->from, sizeof(a.from));
		memcpy(a.to, c->to, sizeof(a.to));
		put(AUDIT_CHANNEL, i, &a, sizeof(a));
	}
	return write_batch(false);
}

/* There is a file with room, and it begins with who is who. */
static bool make_room(void)
{
	uint64_t before = segments.sequence;

	return segments_rotate(&segments, realtime_ns()) &&
	       (segments.sequence == before || describe(0));
}

static void say_state(enum chan_log_state state)
{
	for (unsigned i = 0; i < self->config.channel_count; i++)
		if (self->end[i].open && self->end[i].config->role == CHANNEL_AUDITOR)
			chan_set_log_state(&self->end[i].auditor, state);
}

static void stop(void)
{
	if (stopped_since_ms != 0)
		return;
	stopped_since_ms = now;
	log_error("the log cannot be written: nothing is delivered until it can");
	say_state(CHAN_LOG_STOPPED);
}

static bool resume(void)
{
	uint64_t ms = now - stopped_since_ms;

	if (!make_room())
		return false;
	begin_batch();
	put(AUDIT_STOPPED, AUDIT_NO_CHANNEL, &ms, sizeof(ms));
	if (!write_batch(true))
		return false;
	stopped_since_ms = 0;
	log_info("the log can be written again");
	say_state(CHAN_LOG_GOOD);
	return true;
}

/* What of a message its channel's mode wants in the log. */
static void put_message(unsigned channel, const struct critical_channel *c,
			const uint8_t *message)
{
	uint8_t hash[AUDIT_HASH];
	uint32_t type;

	memcpy(&type, message, sizeof(type));
	switch ((enum channel_audit)c->audit) {
	case AUDIT_DIGEST:
		audit_hash(message, c->geometry.message_size, hash);
		put(AUDIT_HASHED, channel, hash, sizeof(hash));
		return;
	case AUDIT_DECISIONS:
		if ((type & CHAN_DECISION) == 0) {
			skipped[channel]++;
			return;
		}
		if (skipped[channel] > 0)
			put(AUDIT_SKIPPED, channel, &skipped[channel],
			    sizeof(skipped[channel]));
		skipped[channel] = 0;
		put(AUDIT_MESSAGE, channel, message, c->geometry.message_size);
		return;
	case AUDIT_FULL:
	case AUDIT_NONE: /* the configuration has none such for an auditor */
		put(AUDIT_MESSAGE, channel, message, c->geometry.message_size);
		return;
	}
}

/* One batch of one channel. False: there was nothing, or it may not be delivered. */
static bool serve(struct critical_end *e, unsigned channel)
{
	static uint8_t message[BATCH][CHAN_MESSAGE_MAX];
	uint64_t skipped_before = skipped[channel];
	unsigned n = 0;

	if (stopped_since_ms != 0 || !e->open)
		return false;
	if (!make_room()) {
		stop();
		return false;
	}
	begin_batch();
	/* Half of the batch: a decision may bring the count of what was skipped with it. */
	while (n < BATCH / 2) {
		enum chan_status st = chan_tap(&e->auditor, n, message[n]);

		if (st == CHAN_BROKEN) {
			log_warn("channel %s: its writer breaks the rules: closed",
				 e->config->name);
			critical_break(e);
		}
		if (st != CHAN_OK)
			break;
		put_message(channel, e->config, message[n++]);
	}
	if (n > 0 && !write_batch(e->config->sync != 0)) {
		skipped[channel] = skipped_before;
		stop();
		return false;
	}
	for (unsigned i = 0; i < n; i++)
		chan_deliver(&e->auditor, message[i]);
	if (since_checkpoint >= checkpoint_every && !checkpoint())
		stop();
	return n == BATCH / 2;
}

void audit_notified(struct critical_end *end)
{
	unsigned channel = (unsigned)(end - self->end), rounds = 0;

	if (end->open != was_open[channel]) {
		was_open[channel] = end->open;
		begin_batch();
		put(end->open ? AUDIT_OPENED : AUDIT_CLOSED, channel, NULL, 0);
		if (stopped_since_ms == 0 && !write_batch(false))
			stop();
		else if (stopped_since_ms != 0)
			memcpy(segments.chain, batch.chain, sizeof(batch.chain));
		if (stopped_since_ms != 0 && end->open)
			chan_set_log_state(&end->auditor, CHAN_LOG_STOPPED);
	}
	/* At most a few batches a turn; then the others. */
	while (serve(end, channel))
		if (++rounds == 4) {
			end->more = true;
			break;
		}
}

uint64_t audit_tick(uint64_t now_ms)
{
	now = now_ms;
	if (stopped_since_ms != 0) {
		if (!resume())
			return now_ms + RETRY_MS;
		for (unsigned i = 0; i < self->config.channel_count; i++)
			audit_notified(&self->end[i]);
	}
	if (sync_due_ms != 0 && now_ms >= sync_due_ms) {
		sync_due_ms = 0;
		if (!segments_sync(&segments))
			stop();
	}
	return stopped_since_ms != 0 ? now_ms + RETRY_MS
	       : sync_due_ms != 0    ? sync_due_ms
				     : UINT64_MAX;
}

enum status audit_open(struct critical *c)
{
	struct audit_settings settings;
	unsigned count = c->config.resource_count - AUDIT_FILES;
	int files[AUDIT_SEGMENTS];

	if (c->config.resource_count < AUDIT_FILES + 2 || count > AUDIT_SEGMENTS ||
	    sodium_init() < 0) {
		log_error("it needs the files of its log");
		return STATUS_NOT_STARTED;
	}
	for (unsigned i = 0; i < c->config.channel_count; i++) {
		was_open[i] = true;
		if (c->config.channel[i].role != CHANNEL_AUDITOR) {
			log_error("an auditor has no end of a channel");
			return STATUS_NOT_STARTED;
		}
	}
	self = c;
	memcpy(&settings, c->config.settings, sizeof(settings));
	checkpoint_every =
		settings.checkpoint_every != 0 ? settings.checkpoint_every : CHECKPOINT_EVERY;
	for (unsigned i = 0; i < count; i++)
		files[i] = critical_resource(c, AUDIT_FILES + i);
	if (!segments_open(&segments, critical_resource(c, AUDIT_HEAD), files, count,
			   &settings))
		return STATUS_FAILED;
	signal(SIGXFSZ, SIG_IGN);
	if (!segments_rotate(&segments, realtime_ns()) || !describe(AUDIT_STARTED)) {
		log_error("the log cannot be written");
		return STATUS_FAILED;
	}
	if (segments.torn > 0) {
		begin_batch();
		put(AUDIT_TORN, AUDIT_NO_CHANNEL, &segments.torn, sizeof(segments.torn));
		log_warn("%llu bytes of an unfinished record were cut off the log",
			 (unsigned long long)segments.torn);
		if (!write_batch(false))
			return STATUS_FAILED;
	}
	return checkpoint() ? STATUS_OK : STATUS_FAILED;
}

void audit_close(void)
{
	begin_batch();
	put(AUDIT_ENDED, AUDIT_NO_CHANNEL, NULL, 0);
	(void)!write_batch(true);
}
