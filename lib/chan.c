/* SPDX-License-Identifier: ISC */
#include "chan.h"

#include <string.h>
#include <unistd.h>

#define WORDS_MAX (CHAN_MESSAGE_MAX / sizeof(uint64_t))
#define LINE	  8 /* words of a cache line */

#define PROBE	    64
#define PROBE_EVERY 32

bool chan_geometry_valid(struct chan_geometry g)
{
	return g.slots >= 1 && g.slots <= CHAN_SLOTS_MAX && (g.slots & (g.slots - 1)) == 0 &&
	       g.message_size >= sizeof(uint64_t) && g.message_size <= CHAN_MESSAGE_MAX &&
	       g.message_size % sizeof(uint64_t) == 0;
}

/* From one slot to the next, in words: a stamp and a message, whole cache lines. */
static size_t stride(struct chan_geometry g)
{
	return (1 + g.message_size / sizeof(uint64_t) + LINE - 1) / LINE * LINE;
}

size_t chan_page_bytes(struct chan_geometry g)
{
	return CHAN_HEADER + g.slots * stride(g) * sizeof(uint64_t);
}

/* Where message number i is, in words from the first slot. */
static size_t place(struct chan_geometry g, uint64_t i)
{
	return (size_t)(i & (g.slots - 1)) * stride(g);
}

/*
 * Word by word and atomic: whatever the other side does meanwhile, each word is read once and
 * is no race. The stamp orders them: release after the last word, acquire before the first.
 */
static void put(chan_word *slot, struct chan_geometry g, const void *message, uint64_t stamp)
{
	uint64_t word[WORDS_MAX];

	memcpy(word, message, g.message_size);
	for (size_t i = 0; i < g.message_size / sizeof(uint64_t); i++)
		atomic_store_explicit(&slot[1 + i], word[i], memory_order_relaxed);
	atomic_store_explicit(&slot[0], stamp, memory_order_release);
}

static void take(const chan_word *slot, struct chan_geometry g, uint64_t word[WORDS_MAX])
{
	for (size_t i = 0; i < g.message_size / sizeof(uint64_t); i++)
		word[i] = atomic_load_explicit(&slot[1 + i], memory_order_relaxed);
}

/* Whether the slot holds message number i; until then it holds the one a round before, or 0. */
static enum chan_status look(const chan_word *slot, struct chan_geometry g, uint64_t i)
{
	uint64_t stamp = atomic_load_explicit(&slot[0], memory_order_acquire);

	if (stamp == i + 1)
		return CHAN_OK;
	/* 0 also while it is being written over. */
	return stamp == 0 || (i >= g.slots && stamp == i + 1 - g.slots) ? CHAN_AGAIN
									: CHAN_BROKEN;
}

static void ring(int bell)
{
	uint64_t one = 1;

	/* Full only after 2^64 - 2 rings that nobody heard: then it rings already. */
	if (write(bell, &one, sizeof(one)) < 0)
		return;
}

void chan_silence(int bell)
{
	uint64_t rings;

	if (read(bell, &rings, sizeof(rings)) < 0)
		return; /* it has not rung */
}

/* Writing. */

void chan_writer_init(struct chan_writer *c)
{
	c->sent = 0;
	c->received = 0;
	atomic_store_explicit(&c->data->waiting, 0, memory_order_relaxed);
}

/* Whether there is room, by the reader's word for it, which can neither go back nor ahead. */
static enum chan_status find_room(struct chan_writer *c)
{
	uint64_t received = atomic_load_explicit(&c->ack->received, memory_order_acquire);

	if (received < c->received || received > c->sent)
		return CHAN_BROKEN;
	c->received = received;
	return c->sent - received < c->geometry.slots ? CHAN_OK : CHAN_AGAIN;
}

/* As find_room(); if there is none, the reader will ring when there is. */
static enum chan_status await_room(struct chan_writer *c)
{
	enum chan_status st = find_room(c);

	if (st != CHAN_AGAIN)
		return st;
	atomic_store_explicit(&c->data->waiting, 1, memory_order_relaxed);
	/* Pairs with the one in acknowledge(): the reader sees us wait, or we see the room. */
	atomic_thread_fence(memory_order_seq_cst);
	st = find_room(c);
	if (st == CHAN_OK)
		atomic_store_explicit(&c->data->waiting, 0, memory_order_relaxed);
	return st;
}

enum chan_status chan_send(struct chan_writer *c, const void *message)
{
	if (c->sent - c->received == c->geometry.slots) {
		enum chan_status st = await_room(c);

		if (st != CHAN_OK)
			return st;
		atomic_store_explicit(&c->data->waiting, 0, memory_order_relaxed);
	}
	put(&c->data->slot[place(c->geometry, c->sent)], c->geometry, message, c->sent + 1);
	c->sent++;
	/* Pairs with the one in chan_doze(): the reader sees the message, or we see it doze. */
	atomic_thread_fence(memory_order_seq_cst);
	if (c->audited || atomic_load_explicit(&c->ack->dozing, memory_order_relaxed) != 0)
		ring(c->ring);
	return CHAN_OK;
}

/* Reading. */

void chan_reader_init(struct chan_reader *c)
{
	c->received = 0;
	c->credit = 0;
	c->naps = 0;
	atomic_store_explicit(&c->ack->received, 0, memory_order_relaxed);
	atomic_store_explicit(&c->ack->dozing, 1, memory_order_relaxed);
}

/* The slot whose stamp says that the next message may be taken. */
static const chan_word *next(const struct chan_reader *c)
{
	size_t at = place(c->geometry, c->received);

	return c->log != NULL ? &c->log->slot[at] : &c->data->slot[at];
}

/* Says that one more is taken; a writer that waits is rung at every half round. */
static void acknowledge(struct chan_reader *c)
{
	uint64_t half = c->geometry.slots > 1 ? c->geometry.slots / 2 : 1;

	c->received++;
	atomic_store_explicit(&c->ack->received, c->received, memory_order_release);
	if (c->received % half != 0)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&c->data->waiting, memory_order_relaxed) != 0)
		ring(c->ring);
}

enum chan_status chan_recv(struct chan_reader *c, void *message)
{
	const chan_word *sent = &c->data->slot[place(c->geometry, c->received)];
	uint64_t word[WORDS_MAX], logged[WORDS_MAX];
	enum chan_status st = look(next(c), c->geometry, c->received);

	if (st != CHAN_OK)
		return st;
	take(next(c), c->geometry, word);
	if (c->log != NULL) {
		atomic_thread_fence(memory_order_acquire);
		if (look(next(c), c->geometry, c->received) != CHAN_OK)
			return CHAN_BROKEN;
		/* What is logged must also stand where the writer put it. */
		if (look(sent, c->geometry, c->received) != CHAN_OK)
			return CHAN_BROKEN;
		take(sent, c->geometry, logged);
		if (memcmp(word, logged, c->geometry.message_size) != 0)
			return CHAN_BROKEN;
	}
	memcpy(message, word, c->geometry.message_size);
	acknowledge(c);
	return CHAN_OK;
}

bool chan_doze(struct chan_reader *c)
{
	for (unsigned i = 0; i < c->credit; i++) {
		if (look(next(c), c->geometry, c->received) != CHAN_AGAIN) {
			c->credit = CHAN_SPIN_MAX;
			return false;
		}
		__builtin_ia32_pause();
	}
	c->credit /= 2; /* it did not pay off */
	atomic_store_explicit(&c->ack->dozing, 1, memory_order_relaxed);
	/* Pairs with the one in chan_send(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (look(next(c), c->geometry, c->received) == CHAN_AGAIN)
		return true;
	chan_awake(c);
	return false;
}

void chan_awake(struct chan_reader *c)
{
	atomic_store_explicit(&c->ack->dozing, 0, memory_order_relaxed);
	/* Once in a while, see whether spinning pays off by now. */
	if (++c->naps % PROBE_EVERY == 0 && c->credit < PROBE)
		c->credit = PROBE;
}

/* Auditing. */

void chan_auditor_init(struct chan_auditor *c)
{
	c->logged = 0;
	atomic_store_explicit(&c->log->state, CHAN_LOG_GOOD, memory_order_relaxed);
}

enum chan_status chan_tap(const struct chan_auditor *c, unsigned ahead, void *message)
{
	const chan_word *slot = &c->data->slot[place(c->geometry, c->logged + ahead)];
	uint64_t word[WORDS_MAX];
	enum chan_status st;

	if (ahead >= c->geometry.slots)
		return CHAN_AGAIN;
	st = look(slot, c->geometry, c->logged + ahead);
	if (st != CHAN_OK)
		return st;
	take(slot, c->geometry, word);
	memcpy(message, word, c->geometry.message_size);
	return CHAN_OK;
}

void chan_deliver(struct chan_auditor *c, const void *message)
{
	chan_word *slot = &c->log->slot[place(c->geometry, c->logged)];

	/* A writer that runs ahead makes us write over what the reader is just copying: it sees this
	 * stamp, or its own twice. Pairs with the fence in chan_recv(). */
	atomic_store_explicit(&slot[0], 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	put(slot, c->geometry, message, c->logged + 1);
	c->logged++;
	ring(c->ring);
}

void chan_set_log_state(struct chan_auditor *c, enum chan_log_state state)
{
	atomic_store_explicit(&c->log->state, (uint64_t)state, memory_order_release);
	ring(c->ring);
}

enum chan_log_state chan_log_state(const struct chan_reader *c)
{
	if (c->log == NULL || atomic_load_explicit(&c->log->state, memory_order_acquire) == 0)
		return CHAN_LOG_GOOD;
	return CHAN_LOG_STOPPED;
}
