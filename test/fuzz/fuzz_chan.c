/* SPDX-License-Identifier: ISC */
/*
 * A channel one of whose ends lies: it writes anything into any word of the pages that are its to
 * write, between the steps of the others. Pages are of the exact size, so that a step outside is
 * seen. Input: who lies, slots, words of a message; then steps.
 *
 * What holds: with a writer or a reader that lies, an audited message that is taken is the very
 * one that was logged, in this order; with an auditor that lies, the very one that was sent; a
 * writer never has more messages under way than slots; what is broken stays where it was.
 */
#include "chan.h"
#include "input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEPT 4096u

static uint64_t sent[KEPT], logged[KEPT]; /* the first word of each message */

/* A word that is likely to matter. */
static uint64_t next_word(uint64_t near)
{
	static const uint64_t odd[] = { 0, 1, 1ull << 32, 1ull << 63, UINT64_MAX };
	uint8_t b = next8();

	if (b < sizeof(odd) / sizeof(odd[0]))
		return odd[b];
	return b < 128 ? near + b % 16 - 8 : (uint64_t)b << (b % 56);
}

static void scribble(void *page, size_t bytes, uint64_t near)
{
	chan_word *word = page;
	size_t at = (size_t)(next8() << 8 | next8()) % (bytes / sizeof(*word));

	atomic_store_explicit(&word[at], next_word(near), memory_order_relaxed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { WRITER, READER, AUDITOR, NOBODY } liar;
	struct chan_geometry g;
	struct chan_writer w;
	struct chan_reader r;
	struct chan_auditor a;
	uint64_t message[CHAN_MESSAGE_MAX / 8];
	bool audited, writer_good = true, reader_good = true, auditor_good = true;
	static int bell = -1;
	void *data_page, *ack_page, *log_page;
	size_t bytes;

	if (bell < 0)
		bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	input = data;
	left = size;
	liar = next8() % 4;
	audited = next8() % 2 != 0;
	g.slots = 1u << next8() % 4;
	g.message_size = 8u * (1 + next8() % (CHAN_MESSAGE_MAX / 8));
	must(chan_geometry_valid(g), "it does not hold");
	bytes = chan_page_bytes(g);
	data_page = calloc(1, bytes);
	log_page = calloc(1, bytes);
	ack_page = calloc(1, CHAN_ACK_BYTES);
	must(data_page != NULL && log_page != NULL && ack_page != NULL, "it does not hold");
	w = (struct chan_writer){ .data = data_page,
				  .ack = ack_page,
				  .geometry = g,
				  .audited = audited,
				  .bell = bell,
				  .ring = bell };
	r = (struct chan_reader){ .data = data_page,
				  .ack = ack_page,
				  .log = audited ? log_page : NULL,
				  .geometry = g,
				  .bell = bell,
				  .ring = bell };
	a = (struct chan_auditor){
		.data = data_page, .log = log_page, .geometry = g, .bell = bell, .ring = bell
	};
	chan_writer_init(&w);
	chan_reader_init(&r);
	chan_auditor_init(&a);

	while (left > 0 && w.sent < KEPT && a.logged < KEPT) {
		enum chan_status st;
		uint64_t was;

		switch (next8() % 5) {
		case 0:
			if (!writer_good)
				break;
			message[0] = w.sent << 8 | next8();
			memset(message + 1, (int)w.sent, sizeof(message) - 8);
			was = w.sent;
			st = chan_send(&w, message);
			must(w.sent == was + (st == CHAN_OK) && w.sent - w.received <= g.slots,
			     "it does not hold");
			if (st == CHAN_OK)
				sent[was] = message[0];
			writer_good = st != CHAN_BROKEN;
			must(writer_good || liar == READER || liar == WRITER,
			     "it does not hold");
			break;
		case 1:
			if (!audited || !auditor_good)
				break;
			st = chan_tap(&a, 0, message);
			auditor_good = st != CHAN_BROKEN;
			must(auditor_good || liar != NOBODY, "it does not hold");
			if (st != CHAN_OK)
				break;
			logged[a.logged] = message[0];
			chan_deliver(&a, message);
			break;
		case 2:
			if (!reader_good)
				break;
			was = r.received;
			st = chan_recv(&r, message);
			must(r.received == was + (st == CHAN_OK), "it does not hold");
			reader_good = st != CHAN_BROKEN;
			must(reader_good || liar != NOBODY, "it does not hold");
			if (st != CHAN_OK)
				break;
			/* From somebody who is not the liar. */
			if (audited && liar != AUDITOR)
				must(was < a.logged && message[0] == logged[was],
				     "it does not hold");
			if (liar != WRITER && (audited || liar != AUDITOR))
				must(was < w.sent && message[0] == sent[was],
				     "it does not hold");
			break;
		case 3:
			if (reader_good && chan_doze(&r))
				chan_awake(&r);
			must(r.credit <= CHAN_SPIN_MAX, "it does not hold");
			break;
		default:
			if (liar == WRITER)
				scribble(data_page, bytes, r.received);
			else if (liar == READER)
				scribble(ack_page, CHAN_ACK_BYTES, w.sent);
			else if (liar == AUDITOR && audited)
				scribble(log_page, bytes, r.received);
			break;
		}
		chan_silence(bell);
	}
	free(data_page);
	free(log_page);
	free(ack_page);
	return 0;
}
