/* SPDX-License-Identifier: ISC */
#include "audit.h"

#include "log.h"
#include "segments.h"

#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define TURN		 8    /* messages of one channel in a batch */
#define CHECKPOINT_EVERY 1024 /* records */
#define SYNC_MS		 1000 /* what is younger than this, a power cut may take */
#define RETRY_MS	 1000

/* What the log has yet to say of the channels; sets have a bit for each. */
struct unsaid {
	uint32_t closed, opened;		 /* in this order */
	uint64_t skipped[CRITICAL_CHANNELS_MAX]; /* messages that decide nothing */
};

static struct critical *self;
static struct segments segments;
static uint32_t checkpoint_every;
static uint64_t since_checkpoint;	    /* records */
static uint64_t now, sync_due_ms;	    /* 0: not due */
static uint64_t stopped_since_ms, retry_ms; /* 0: it goes on */
static bool described;			    /* this file says who is who */
static uint32_t was_open;		    /* a set */
static struct unsaid unsaid, unsaid_before; /* the batch */

/*
 * Records that are made together and written together: of each channel at most an end, a
 * beginning, the messages of a turn, and a count before each of them and after them all.
 */
#define BATCH_RECORDS (CRITICAL_CHANNELS_MAX * (2 * TURN + 3) + 1)
static uint8_t records[BATCH_RECORDS * AUDIT_RECORD_MAX];
static struct segments_batch batch = { .records = records };

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put(enum audit_kind kind, unsigned channel, const void *payload, size_t len)
{
	const struct audit_header h = { .sequence = segments.sequence + batch.count,
					.time_ns = realtime_ns(),
					.kind = (uint16_t)kind,
					.channel = (uint16_t)channel };

	batch.len += audit_record_put(records + batch.len, h, payload, len, batch.chain);
	batch.count++;
}

static void begin_batch(void)
{
	uint64_t stopped_ms = now - stopped_since_ms;

	batch.len = 0;
	batch.count = 0;
	memcpy(batch.chain, segments.chain, sizeof(batch.chain));
	unsaid_before = unsaid;
	if (stopped_since_ms != 0)
		put(AUDIT_STOPPED, AUDIT_NO_CHANNEL, &stopped_ms, sizeof(stopped_ms));
}

static void put_skipped(unsigned channel)
{
	uint64_t n = unsaid.skipped[channel];

	if (n > 0)
		put(AUDIT_SKIPPED, channel, &n, sizeof(n));
	unsaid.skipped[channel] = 0;
}

/* Whether anything is delivered, for people; a change is for the log of this process too. */
static void set_state(enum chan_log_state state)
{
	if ((stopped_since_ms != 0) == (state == CHAN_LOG_STOPPED))
		return;
	stopped_since_ms = state == CHAN_LOG_STOPPED ? now : 0;
	if (state == CHAN_LOG_STOPPED)
		log_error("the log cannot be written: nothing is delivered until it can");
	else
		log_info("the log can be written again");
	for (unsigned i = 0; i < self->config.channel_count; i++)
		if (self->end[i].open)
			chan_set_log_state(&self->end[i].auditor, state);
}

/* All or nothing: on false the log has not changed, and what is unsaid still is. */
static bool write_batch(bool sync)
{
	if (batch.count == 0)
		return !sync || segments_sync(&segments);
	if (!segments_append(&segments, &batch, sync || stopped_since_ms != 0)) {
		unsaid_before.closed |= unsaid.closed;
		unsaid = unsaid_before;
		return false;
	}
	since_checkpoint += batch.count;
	if (sync_due_ms == 0)
		sync_due_ms = now + SYNC_MS;
	set_state(CHAN_LOG_GOOD);
	return true;
}

/* All is said and on the disk; `last` is the kind of a record that says so, or 0. */
static bool settle(unsigned last)
{
	begin_batch();
	for (unsigned i = 0; i < self->config.channel_count; i++)
		put_skipped(i);
	if (last != 0)
		put((enum audit_kind)last, AUDIT_NO_CHANNEL, NULL, 0);
	if (!write_batch(true))
		return false;
	if (last != 0)
		since_checkpoint = 0;
	sync_due_ms = 0;
	return true;
}

/* What the log says about itself, so that it can be read without the manifest. */
static bool describe(unsigned first)
{
	begin_batch();
	if (first != 0)
		put((enum audit_kind)first, AUDIT_NO_CHANNEL, NULL, 0);
	if (first != 0 && segments.torn > 0)
		put(AUDIT_TORN, AUDIT_NO_CHANNEL, &segments.torn, sizeof(segments.torn));
	for (unsigned i = 0; i < self->config.channel_count; i++) {
		const struct critical_channel *c = &self->config.channel[i];
		struct audit_channel a = { .audit = c->audit,
					   .message_size = c->geometry.message_size };

		memcpy(a.name, c->name, sizeof(a.name));
		memcpy(a.from, c->from, sizeof(a.from));
		memcpy(a.to, c->to, sizeof(a.to));
		put(AUDIT_CHANNEL, i, &a, sizeof(a));
	}
	return described = write_batch(false);
}

/* There is a file with room, and it begins with who is who. */
static bool make_room(void)
{
	uint64_t before = segments.sequence;
	bool room = segments_rotate(&segments, realtime_ns());

	described &= segments.sequence == before;
	return room && (described || describe(0));
}

/* What of a message its channel's mode wants in the log. */
static void put_message(unsigned channel, const uint8_t *message)
{
	const struct critical_channel *c = &self->config.channel[channel];
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
			unsaid.skipped[channel]++;
			return;
		}
		put_skipped(channel);
		break;
	case AUDIT_FULL:
	case AUDIT_NONE: /* the configuration has none such for an auditor */
		break;
	}
	put(AUDIT_MESSAGE, channel, message, c->geometry.message_size);
}

/* That a channel ended or began, since the log said so last. */
static void put_changes(unsigned channel)
{
	uint32_t bit = 1u << channel;

	if (((unsaid.closed | unsaid.opened) & bit) != 0)
		put_skipped(channel);
	if ((unsaid.closed & bit) != 0)
		put(AUDIT_CLOSED, channel, NULL, 0);
	if ((unsaid.opened & bit) != 0 && self->end[channel].open)
		put(AUDIT_OPENED, channel, NULL, 0);
	unsaid.closed &= ~bit;
	unsaid.opened &= ~bit;
}

/* Copies what waits, up to a turn; the copies are logged, and the same are delivered. */
static unsigned tap(unsigned channel, uint8_t message[TURN][CHAN_MESSAGE_MAX])
{
	struct critical_end *e = &self->end[channel];
	enum chan_status st = CHAN_AGAIN;
	unsigned n = 0;

	while (e->open && n < TURN && (st = chan_tap(&e->auditor, n, message[n])) == CHAN_OK)
		put_message(channel, message[n++]);
	if (st == CHAN_BROKEN) {
		log_warn("channel %s: its writer breaks the rules: closed", e->config->name);
		critical_break(e);
		audit_notified(e);
	}
	return n;
}

/*
 * What waits on all channels, a turn of each, in one write and at most one sync; then it is
 * delivered. False: it may not be. *more: a channel had a whole turn.
 */
static bool serve(bool *more)
{
	static uint8_t message[CRITICAL_CHANNELS_MAX][TURN][CHAN_MESSAGE_MAX];
	unsigned count[CRITICAL_CHANNELS_MAX] = { 0 };
	bool sync = false;

	if (!make_room())
		return false;
	begin_batch();
	for (unsigned i = 0; i < self->config.channel_count; i++) {
		put_changes(i);
		count[i] = tap(i, message[i]);
		sync |= count[i] > 0 && self->config.channel[i].sync != 0;
		*more |= count[i] == TURN || unsaid.closed != 0;
		if (unsaid.skipped[i] > 0 && sync_due_ms == 0)
			sync_due_ms = now + SYNC_MS;
	}
	if (!write_batch(sync))
		return false;
	for (unsigned i = 0; i < self->config.channel_count; i++)
		for (unsigned j = 0; j < count[i]; j++)
			chan_deliver(&self->end[i].auditor, message[i][j]);
	return since_checkpoint < checkpoint_every || settle(AUDIT_CHECKPOINT);
}

/* What there is, the next audit_tick() takes: it follows at once. */
void audit_notified(struct critical_end *end)
{
	uint32_t bit = 1u << (end - self->end);

	if (end->open == ((was_open & bit) != 0))
		return;
	was_open ^= bit;
	*(end->open ? &unsaid.opened : &unsaid.closed) |= bit;
	if (end->open && stopped_since_ms != 0)
		chan_set_log_state(&end->auditor, CHAN_LOG_STOPPED);
}

uint64_t audit_tick(uint64_t now_ms)
{
	bool more = false;

	now = now_ms;
	if (stopped_since_ms != 0 && now < retry_ms)
		return retry_ms;
	if (!serve(&more) || (sync_due_ms != 0 && now >= sync_due_ms && !settle(0))) {
		set_state(CHAN_LOG_STOPPED);
		return retry_ms = now + RETRY_MS;
	}
	return more ? now : sync_due_ms != 0 ? sync_due_ms : UINT64_MAX;
}

enum status audit_open(struct critical *c)
{
	struct audit_settings settings;
	unsigned count = c->config.resource_count - AUDIT_FILES;
	bool granted = c->config.resource_count >= AUDIT_FILES + 2 && count <= AUDIT_SEGMENTS;
	int files[AUDIT_SEGMENTS];

	for (unsigned i = 0; i < c->config.channel_count; i++) {
		was_open |= 1u << i;
		granted &= c->config.channel[i].role == CHANNEL_AUDITOR;
	}
	if (!granted || sodium_init() < 0) {
		log_error("it needs the files of its log, and has no end of a channel");
		return STATUS_NOT_STARTED;
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
	if (segments.torn > 0)
		log_warn("%llu bytes of an unfinished record were cut off the log",
			 (unsigned long long)segments.torn);
	if (!segments_rotate(&segments, realtime_ns()) || !describe(AUDIT_STARTED) ||
	    !settle(AUDIT_CHECKPOINT)) {
		log_error("the log cannot be written");
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

void audit_close(void)
{
	(void)settle(AUDIT_ENDED);
}
