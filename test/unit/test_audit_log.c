/* SPDX-License-Identifier: ISC */
/*
 * What `zwinger audit` makes of a log: of a good one, of one that was changed at any bit or cut
 * at any byte, of one that says what its writers liked; and the program as it is called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit_record.h"
#include "modem_line.h"
#include "payment_messages.h"
#include "prompt.h"
#include "reader.h"
#include "status.h"
#include "words.h"

#define FILES	 3u /* of a log that are used */
#define EMPTY	 2u /* more */
#define RECORDS	 7u /* of each */
#define ALL	 (FILES * RECORDS)
#define ROOM	 8192u
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char directory[64];
static struct reader r;

/* A log as its files will be, and where its records are. */
static struct {
	uint8_t bytes[FILES + EMPTY][ROOM];
	size_t len[FILES + EMPTY];
	struct audit_head head;
	bool headless;
	size_t at[ALL], size[ALL];
	uint8_t hash[ALL][AUDIT_HASH];
} good, now;

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static const char *file_path(unsigned i)
{
	char name[16];

	snprintf(name, sizeof(name), "audit-%02u", i);
	return path_of(name);
}

static void put_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

static void put_log(void)
{
	for (unsigned i = 0; i < FILES + EMPTY; i++)
		put_file(file_path(i), now.bytes[i], now.len[i]);
	put_file(path_of(AUDIT_HEAD_FILE), &now.head, now.headless ? 0 : sizeof(now.head));
}

static size_t put_record(unsigned file, uint64_t sequence, enum audit_kind kind,
			 unsigned channel, const void *payload, size_t len,
			 uint8_t chain[AUDIT_HASH])
{
	const struct audit_header h = { .sequence = sequence,
					/* 2026-11-24 10:00:00.123 and so many seconds */
					.time_ns = (1795514400ull + sequence) * 1000000000u +
						   123456789u,
					.kind = (uint16_t)kind,
					.channel = (uint16_t)channel };
	size_t size = audit_record_put(now.bytes[file] + now.len[file], h, payload, len, chain);

	now.len[file] += size;
	return size;
}

static const struct audit_channel dial = { .name = "dial-question",
					   .from = "dialler",
					   .to = "screen",
					   .audit = AUDIT_FULL,
					   .message_size = sizeof(struct prompt_message) };

/* FILES files of RECORDS records, all on the disk. */
static void make_log(void)
{
	uint8_t chain[AUDIT_HASH] = { 0 }, before[AUDIT_HASH];

	memset(&now, 0, sizeof(now));
	for (unsigned i = 0; i < ALL; i++) {
		unsigned file = i / RECORDS;
		uint64_t payload[3] = { i, i, i };

		now.at[i] = now.len[file];
		memcpy(before, chain, sizeof(before));
		if (i % RECORDS == 0)
			now.size[i] = put_record(file, i, AUDIT_SEGMENT, AUDIT_NO_CHANNEL,
						 before, AUDIT_HASH, chain);
		else if (i % RECORDS == 1)
			now.size[i] = put_record(file, i, AUDIT_CHANNEL, 0, &dial, sizeof(dial),
						 chain);
		else /* of different sizes */
			now.size[i] = put_record(file, i, AUDIT_MESSAGE, 0, payload,
						 8 * (1 + i % 3), chain);
		memcpy(now.hash[i], chain, AUDIT_HASH);
	}
	now.head.sequence = ALL - 1;
	memcpy(now.head.hash, chain, AUDIT_HASH);
	good = now;
}

static void close_reader(void)
{
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++)
		if (r.file[i] >= 0)
			close(r.file[i]);
	if (r.head_file >= 0)
		close(r.head_file);
}

/* As verify does. True: nothing is wrong. */
static bool verifies(void)
{
	struct record record;
	enum reader_status st;

	assert_true(reader_open(&r, directory));
	while ((st = reader_next(&r, &record)) == READER_RECORD)
		;
	if (st == READER_CUT) /* and still is */
		assert_int_equal(reader_next(&r, &record), READER_CUT);
	close_reader();
	return st == READER_END && reader_check_head(&r);
}

static void assert_verifies(const char *what)
{
	put_log();
	if (!verifies())
		fail_msg("%s: %s", what, r.why);
}

/* It does not, and the first record that is wrong is named. */
static void assert_wrong(const char *what, size_t i, unsigned record)
{
	char wanted[32];

	put_log();
	snprintf(wanted, sizeof(wanted), "record %u", record);
	if (verifies())
		fail_msg("%s %zu: nothing was found", what, i);
	if (strncmp(r.why, wanted, strlen(wanted)) != 0 ||
	    (r.why[strlen(wanted)] != ' ' && r.why[strlen(wanted)] != ':'))
		fail_msg("%s %zu: %s", what, i, r.why);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test_audit_log.XXXXXX");
	assert_non_null(mkdtemp(directory));
	make_log();
	put_log();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++)
		(void)unlink(file_path(i));
	(void)unlink(path_of(AUDIT_HEAD_FILE));
	assert_int_equal(rmdir(directory), 0);
	return 0;
}

/* ---- the chain ---- */

static void test_good_log(void **state)
{
	struct record record;

	(void)state;
	assert_verifies("a good log");
	assert_int_equal(r.records, ALL);
	assert_int_equal(r.segments, FILES);
	assert_memory_equal(r.chain, good.hash[ALL - 1], AUDIT_HASH);
	assert_true(reader_open(&r, directory));
	for (unsigned i = 0; i < ALL; i++) {
		assert_int_equal(reader_next(&r, &record), READER_RECORD);
		assert_int_equal(record.header.sequence, i);
		assert_memory_equal(record.hash, good.hash[i], AUDIT_HASH);
		assert_int_equal(record.channel != NULL, i % RECORDS != 0);
	}
	close_reader();
}

/* Each bit of each file: the record that has it is named. */
static void test_every_bit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL; i++) {
		unsigned f = i / RECORDS;

		for (size_t bit = 8 * good.at[i]; bit < 8 * (good.at[i] + good.size[i]);
		     bit++) {
			size_t in = bit / 8 - good.at[i];

			now = good;
			now.bytes[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
			/* The number that a file begins with says which is the first one. */
			if (i % RECORDS == 0 && in >= 8 && in < 16) {
				put_log();
				if (verifies())
					fail_msg("bit %zu of file %u", bit, f);
			} else {
				assert_wrong("bit", bit, i);
			}
		}
	}
}

static void test_every_bit_of_the_head(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(good.head); bit++) {
		now = good;
		((uint8_t *)&now.head)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		put_log();
		if (verifies())
			fail_msg("bit %zu", bit);
	}
	now = good;
	now.headless = true;
	put_log();
	assert_false(verifies());
	assert_non_null(strstr(r.why, "head"));
}

/* Cut at each byte: of the last file, whose end the head knows, and of the others. */
static void test_every_cut(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL; i++)
		for (size_t cut = good.at[i]; cut < good.at[i] + good.size[i]; cut++) {
			unsigned f = i / RECORDS;

			now = good;
			now.len[f] = cut;
			assert_wrong("cut to", cut, f == 0 && cut == 0 ? 0 : i);
		}
	/* What was not on the disk may be missing, as a whole. */
	now = good;
	now.head.sequence = ALL - 3;
	memcpy(now.head.hash, good.hash[ALL - 3], AUDIT_HASH);
	now.len[FILES - 1] = good.at[ALL - 1];
	assert_verifies("the end was not on the disk");
	now.len[FILES - 1] = good.at[ALL - 2];
	assert_verifies("the end was not on the disk");
	now.len[FILES - 1] = good.at[ALL - 3];
	assert_wrong("cut to", now.len[FILES - 1], ALL - 3);
}

/* Takes `gone` bytes out of a file, and puts others in their place. */
static void exchange(unsigned file, size_t at, size_t gone, const void *bytes, size_t len)
{
	uint8_t *to = now.bytes[file] + at;

	memmove(to + len, to + gone, now.len[file] - at - gone);
	memcpy(to, bytes, len);
	now.len[file] += len - gone;
}

static void test_every_record(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL; i++) {
		unsigned f = i / RECORDS;
		bool last = i % RECORDS == RECORDS - 1;
		uint8_t two[2 * AUDIT_RECORD_MAX];

		now = good;
		exchange(f, good.at[i], good.size[i], "", 0);
		assert_wrong("removed:", i, i);

		now = good;
		exchange(f, good.at[i], 0, good.bytes[f] + good.at[i], good.size[i]);
		assert_wrong("repeated:", i, i + 1);

		if (last)
			continue;
		now = good;
		memcpy(two, good.bytes[f] + good.at[i + 1], good.size[i + 1]);
		memcpy(two + good.size[i + 1], good.bytes[f] + good.at[i], good.size[i]);
		exchange(f, good.at[i], good.size[i] + good.size[i + 1], two,
			 good.size[i] + good.size[i + 1]);
		if (i % RECORDS == 0) { /* as above: which is the first file now? */
			put_log();
			assert_false(verifies());
		} else {
			assert_wrong("reordered:", i, i);
		}
	}
}

static void swap_files(unsigned a, unsigned b)
{
	memcpy(now.bytes[a], good.bytes[b], ROOM);
	memcpy(now.bytes[b], good.bytes[a], ROOM);
	now.len[a] = good.len[b];
	now.len[b] = good.len[a];
}

static void test_every_file(void **state)
{
	(void)state;
	for (unsigned f = 0; f < FILES; f++) {
		now = good;
		now.len[f] = 0;
		assert_wrong("emptied:", f, f * RECORDS);
		put_log();
		assert_int_equal(unlink(file_path(f)), 0);
		assert_false(verifies());

		for (unsigned other = 0; other < FILES; other++) {
			now = good; /* a copy where there was nothing, and over another */
			memcpy(now.bytes[FILES], good.bytes[f], ROOM);
			now.len[FILES] = good.len[f];
			put_log();
			assert_false(verifies());
			now = good;
			memcpy(now.bytes[other], good.bytes[f], ROOM);
			now.len[other] = good.len[f];
			put_log();
			assert_int_equal(verifies(), f == other);
		}
	}
	now = good; /* something else where there was nothing */
	memset(now.bytes[FILES], 'x', 100);
	now.len[FILES] = 100;
	put_log();
	assert_false(verifies());
	/* Which file has which part is not a matter of the chain. */
	now = good;
	swap_files(0, 1);
	assert_verifies("files in another order");
}

/* The oldest was written over: a log may begin later, but only behind its newest file. */
static void test_oldest_is_gone(void **state)
{
	(void)state;
	/* The third part, what is about to be begun, the second part. */
	now = good;
	memcpy(now.bytes[0], good.bytes[2], ROOM);
	memcpy(now.bytes[2], good.bytes[1], ROOM);
	now.len[0] = good.len[2];
	now.len[2] = good.len[1];
	now.len[1] = 0;
	assert_verifies("a file between is begun anew");
	put_log();
	assert_int_equal(unlink(file_path(1)), 0);
	assert_false(verifies());

	now = good; /* 1 2 as they were: nobody has written over 0 */
	now.len[0] = 0;
	assert_wrong("oldest emptied", 0, 0);
	now = good;
	now.len[0] = now.len[1] = 0;
	assert_wrong("oldest emptied", 1, 0);
}

/* A log of another history, whole in itself: the head, or a hash noted elsewhere, tells. */
static void test_other_history(void **state)
{
	struct audit_head head;

	(void)state;
	head = good.head;
	memset(&now, 0, sizeof(now));
	make_log();
	now.len[FILES - 1] = now.at[ALL - 1];
	{
		uint8_t chain[AUDIT_HASH];

		memcpy(chain, now.hash[ALL - 2], AUDIT_HASH);
		put_record(FILES - 1, ALL - 1, AUDIT_ENDED, AUDIT_NO_CHANNEL, NULL, 0, chain);
	}
	now.head = head;
	assert_wrong("another end", 0, ALL - 1);
	assert_non_null(strstr(r.why, "head remembers"));
}

/* A log that is written while it is read: in parts, in the next file, over the oldest. */
static void test_grows(void **state)
{
	struct record record;
	unsigned n = 0;

	(void)state;
	now = good;
	for (unsigned f = 0; f < FILES; f++)
		now.len[f] = 0;
	now.len[0] = good.at[1];
	now.headless = true;
	put_log();
	assert_true(reader_open(&r, directory));
	for (unsigned f = 0; f < FILES; f++)
		for (unsigned i = f * RECORDS; i < (f + 1) * RECORDS; i++) {
			now.len[f] = good.at[i] + good.size[i] / 2;
			put_log();
			if (i > 0)
				assert_int_equal(reader_next(&r, &record), READER_CUT);
			now.len[f] = good.at[i] + good.size[i];
			put_log();
			assert_int_equal(reader_next(&r, &record), READER_RECORD);
			assert_int_equal(record.header.sequence, n++);
			assert_int_equal(reader_next(&r, &record), READER_END);
		}
	/* The first file is begun anew, while the reader is behind it: it goes on. */
	memcpy(now.bytes[0], good.bytes[0], ROOM);
	now.len[0] = 0;
	put_record(0, ALL, AUDIT_SEGMENT, AUDIT_NO_CHANNEL, good.hash[ALL - 1], AUDIT_HASH,
		   memcpy(now.head.hash, good.hash[ALL - 1], AUDIT_HASH));
	put_log();
	assert_int_equal(reader_next(&r, &record), READER_RECORD);
	assert_int_equal(record.header.sequence, ALL);
	assert_int_equal(reader_next(&r, &record), READER_END);
	close_reader();
}

/* It is begun anew while the reader is in it: that is said, and is no other accusation. */
static void test_overtaken(void **state)
{
	uint8_t chain[AUDIT_HASH];
	struct record record;

	(void)state;
	now = good;
	now.len[0] = good.at[3];
	now.len[1] = now.len[2] = 0;
	put_log();
	assert_true(reader_open(&r, directory));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(reader_next(&r, &record), READER_RECORD);
	memcpy(chain, good.hash[ALL - 1], AUDIT_HASH);
	now.len[0] = 0;
	for (uint64_t i = 0; i < RECORDS; i++)
		put_record(0, ALL + i, i == 0 ? AUDIT_SEGMENT : AUDIT_MESSAGE,
			   i == 0 ? AUDIT_NO_CHANNEL : 0, good.hash[ALL - 1], AUDIT_HASH,
			   chain);
	put_log();
	assert_int_equal(reader_next(&r, &record), READER_BAD);
	assert_non_null(strstr(r.why, "run this again"));
	close_reader();
}

/* ---- words ---- */

static char said[1 << 16];

static void say(const struct record *record, bool json)
{
	FILE *f = fmemopen(said, sizeof(said), "w"), *out = stdout;

	assert_non_null(f);
	memset(said, 0, sizeof(said));
	fflush(out);
	stdout = f;
	if (json)
		words_print_json(record);
	else
		words_print(record);
	stdout = out;
	fclose(f);
}

static struct record record_of(enum audit_kind kind, const struct audit_channel *c,
			       const void *payload, size_t len)
{
	struct record record = { .header = { .sequence = 42,
					     .time_ns = 1795514400123456789u,
					     .kind = (uint16_t)kind,
					     .channel = c != NULL ? 0 : AUDIT_NO_CHANNEL },
				 .payload = payload,
				 .payload_len = len,
				 .channel = c };

	memset(record.hash, 0xab, sizeof(record.hash));
	return record;
}

static void assert_says(enum audit_kind kind, const struct audit_channel *c,
			const void *payload, size_t len, const char *wanted)
{
	struct record record = record_of(kind, c, payload, len);
	char line[1024];

	snprintf(line, sizeof(line), "      42 2026-11-24T10:00:00.123Z %s\n", wanted);
	say(&record, false);
	assert_string_equal(said, line);
}

static void test_words_of_messages(void **state)
{
	static const struct audit_channel line = { .name = "modem-out",
						   .from = "linux",
						   .to = "dialler" };
	static const struct audit_channel back = { .name = "dial-answer",
						   .from = "screen",
						   .to = "dialler" };
#define ASKS   "dial-question dialler->screen "
#define ANSWER "dial-answer screen->dialler "
#define LINE   "modem-out linux->dialler "
	static const struct {
		struct prompt_message m;
		const char *says;
	} prompts[] = {
		{ { .type = PROMPT_DIAL,
		    .id = 0x1234,
		    .number = "0900123456",
		    .number_class = NUMBER_PREMIUM,
		    .cents_per_minute = 199 },
		  ASKS "asks: dial 0900123456 (premium, 1.99 EUR/min) id=0000000000001234" },
		{ { .type = PROMPT_DIAL,
		    .id = UINT64_MAX,
		    .number = "110",
		    .number_class = NUMBER_EMERGENCY,
		    .cents_per_call = 5 },
		  ASKS "asks: dial 110 (emergency, 0.05 EUR/call) id=ffffffffffffffff" },
		{ { .type = PROMPT_DIAL, .id = 1, .number = "1", .number_class = 99 },
		  ASKS "asks: dial 1 (unknown class) id=0000000000000001" },
		{ { .type = PROMPT_ACCEPT, .id = 2, .number = "+49351", .number_class = 4 },
		  ASKS "asks: take the call from +49351 (national) id=0000000000000002" },
		{ { .type = PROMPT_WITHDRAW, .id = 3 },
		  ASKS "withdraws its question id=0000000000000003" },
		{ { .type = PROMPT_CALL, .number = "110", .number_class = 1, .call_state = 3 },
		  ASKS "call: connected 110 (emergency)" },
		{ { .type = PROMPT_CALL, .call_state = 77 }, ASKS "call: unknown state " },
	};
	static const struct {
		struct prompt_answer a;
		const char *says;
	} answers[] = {
		{ { .type = ANSWER_YES, .id = 1, .number = "0351" },
		  ANSWER "answers: YES 0351 id=0000000000000001" },
		{ { .type = ANSWER_NO, .id = 2 }, ANSWER "answers: NO id=0000000000000002" },
		{ { .type = ANSWER_TIMEOUT, .id = 2 },
		  ANSWER "answers: TIMEOUT id=0000000000000002" },
		{ { .type = ANSWER_BUSY, .id = 2 },
		  ANSWER "answers: BUSY id=0000000000000002" },
		{ { .type = ANSWER_BACKOFF, .id = 2 },
		  ANSWER "answers: BACKOFF id=0000000000000002" },
		{ { .type = ANSWER_REFUSED, .id = 2 },
		  ANSWER "answers: REFUSED id=0000000000000002" },
		{ { .type = ANSWER_HANGUP }, ANSWER "answers: HANG UP" },
		{ { .type = ANSWER_TONE, .tone = '#' }, ANSWER "answers: TONE #" },
		{ { .type = ANSWER_SHOWN, .id = 9 },
		  ANSWER "answers: is shown id=0000000000000009" },
		{ { .type = 1 },
		  ANSWER
		  "unknown answer 01000000000000000000000000000000000000000000000000000000"
		  "000000000000000000000000" },
	};
	static const struct {
		struct modem_line m;
		const char *says;
	} lines[] = {
		{ { .type = 1, .wires = MODEM_DTR | MODEM_RTS, .count = 4, .bytes = "ATZ\r" },
		  LINE "line: \"ATZ<CR>\" DTR RTS" },
		{ { .type = 1, .count = 10, .bytes = "\n\033]52;\0<\"\\" },
		  LINE "line: \"<LF><1b>]52;<00><3c><22><5c>\"" },
		{ { .type = 1, .wires = MODEM_CTS | MODEM_DSR | MODEM_RI | MODEM_DCD },
		  LINE "line: \"\" CTS DSR RI DCD" },
		{ { .type = 1, .count = 0 }, LINE "line: \"\"" },
	};
	struct modem_line lies = { .type = 1, .count = 255 };

	(void)state;
	for (unsigned i = 0; i < COUNT(prompts); i++)
		assert_says(AUDIT_MESSAGE, &dial, &prompts[i].m, sizeof(prompts[i].m),
			    prompts[i].says);
	for (unsigned i = 0; i < COUNT(answers); i++)
		assert_says(AUDIT_MESSAGE, &back, &answers[i].a, sizeof(answers[i].a),
			    answers[i].says);
	for (unsigned i = 0; i < COUNT(lines); i++)
		assert_says(AUDIT_MESSAGE, &line, &lines[i].m, sizeof(lines[i].m),
			    lines[i].says);
	memset(lies.bytes, 'a', sizeof(lies.bytes));
	assert_says(AUDIT_MESSAGE, &line, &lies, sizeof(lies),
		    LINE "claims 255 bytes; line: "
			 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
	assert_says(AUDIT_MESSAGE, &line, "\x01\xff", 2, LINE "01ff");
}

/* attack_P7: what a log holds of payments is told; of PINs and verifiers nothing is, in either form. */
static void test_attack_P7_words_of_payments(void **state)
{
	static const struct audit_channel line = { .name = "pay", .from = "a", .to = "b" };
#define PAY "pay a->b "
#define ID  " id=0000000000000007"
	static const struct {
		struct payment_message m;
		const char *says;
	} payments[] = {
		{ { PAYMENT_TEXT, 9, 7, 224, 0, "Payee: <\n" },
		  PAY "payment: text from byte 224 \"Payee: <3c><LF>\"" ID },
		{ { PAYMENT_TEXT, 999, 7, 0, 0, "" }, NULL },
		{ { PAYMENT_ASK, 0, 7, 0, 364, "" }, PAY "payment: asks 364 bytes" ID },
		{ { PAYMENT_WITHDRAW, 0, 7, 0, 0, "" },
		  PAY "payment: withdraws its question" ID },
		{ { PAYMENT_RESULT, 0, 7, 0, PAYMENT_PAID, "" },
		  PAY "payment: result paid" ID },
		{ { PAYMENT_RESULT, 0, 7, 0, PAYMENT_FAILED, "" },
		  PAY "payment: result failed" ID },
		{ { PAYMENT_RESULT, 0, 7, 0, 9, "" }, PAY "payment: result unknown" ID },
		{ { PAYMENT_CONFIRM, 0, 7, 0, 364, "" }, PAY "payment: confirms 364 bytes" ID },
		{ { PAYMENT_RESERVE, 0, 7, 0, 0, "" }, PAY "payment: reserves" ID },
		{ { PAYMENT_RESERVED, 0, 7, 0, 1, "" },
		  PAY "payment: reserved for reason 1" ID },
		{ { PAYMENT_RESERVED, 72, 7, 0, 0, "\x11\0\0\0\0\0\0\0\xab\xcd" },
		  PAY
		  "payment: reserved count 17, key abcd000000000000000000000000000000000000000"
		  "000000000000000000000" ID },
		{ { PAYMENT_SIGNED, 128, 7, 0, 364, "" }, PAY "payment: signed 364 bytes" ID },
		{ { PAYMENT_RECEIPT, 0, 7, 0, 0, "" },
		  PAY "payment: asks for the last receipt" ID },
		{ { PAYMENT_REFUSED, 0, 7, 0, 3, "" }, PAY "payment: refused for reason 3" ID },
		{ { 11 | CHAN_DECISION, 0, 7, 0, 3, "" }, NULL },
	};
	static const struct {
		struct payment_answer a;
		const char *says;
	} answers[] = {
		{ { PAYMENT_YES, 0, 7, 0 }, PAY "payment: YES" ID },
		{ { PAYMENT_LOCKED, 0, 7, 0 }, PAY "payment: LOCKED" ID },
		{ { PAYMENT_SHOWN, 0, 7, 0 }, PAY "payment: is shown" ID },
		{ { PAYMENT_SEEN, 0, 7, 0 }, PAY "payment: was seen" ID },
		{ { 10, 0, 0, 0 },
		  PAY "unknown payment 0a0000000000000000000000000000000000000000000000" },
	};
	static const struct {
		struct pin_answer a;
		const char *says;
	} pin_answers[] = {
		{ { PIN_RIGHT, 5, 7, { 0 } }, PAY "PIN: RIGHT, 5 tries left" ID },
		{ { PIN_WRONG, 4, 7, { 0 } }, PAY "PIN: WRONG, 4 tries left" ID },
		{ { PIN_UNSET, 5, 7, { 0 } }, PAY "PIN: none, 5 tries left" ID },
	};
	static const struct {
		struct verifier_message m;
		const char *says;
	} verifiers[] = {
		{ { VERIFIER_ATTEMPT, 0, 7, "" }, PAY "PIN: an attempt begins" ID },
		{ { VERIFIER_RIGHT, 0, 7, "" }, PAY "PIN: RIGHT: granted" ID },
		{ { VERIFIER_STORE, 0, 7, "$argon2id$" },
		  PAY "PIN: a new verifier (not shown)" ID },
		{ { VERIFIER_IS, 3, 7, "$argon2id$" },
		  PAY "PIN: the verifier (not shown), 3 tries left" ID },
		{ { VERIFIER_DONE, 5, 7, "\1" }, PAY "PIN: done, 5 tries left" ID },
		{ { VERIFIER_NONE_LEFT, 0, 7, "" }, PAY "PIN: no tries left" ID },
		{ { 77, 0, 7, "$argon2id$" }, PAY "PIN: unknown (not shown)" ID },
	};
	static const char *const pins[] = { "unknown", "tried", "to be changed",
					    "is there one?", "unknown" };
	struct record record;
	char wanted[128];

	(void)state;
	for (unsigned i = 0; i < COUNT(payments); i++) {
		if (payments[i].says != NULL)
			assert_says(AUDIT_MESSAGE, &line, &payments[i].m, sizeof(payments[i].m),
				    payments[i].says);
		record = record_of(AUDIT_MESSAGE, &line, &payments[i].m, sizeof(payments[i].m));
		say(&record, true); /* whatever it is, it fits */
		assert_non_null(strstr(said, "\"}\n"));
	}
	for (unsigned i = 0; i < COUNT(answers); i++)
		assert_says(AUDIT_MESSAGE, &line, &answers[i].a, sizeof(answers[i].a),
			    answers[i].says);
	for (unsigned i = 0; i < COUNT(pin_answers); i++)
		assert_says(AUDIT_MESSAGE, &line, &pin_answers[i].a, sizeof(pin_answers[i].a),
			    pin_answers[i].says);
	for (unsigned i = 0; i < COUNT(verifiers); i++) {
		assert_says(AUDIT_MESSAGE, &line, &verifiers[i].m, sizeof(verifiers[i].m),
			    verifiers[i].says);
		record = record_of(AUDIT_MESSAGE, &line, &verifiers[i].m,
				   sizeof(verifiers[i].m));
		say(&record, true);
		assert_null(strstr(said, "argon2id"));
		assert_null(strstr(said, "6172676f6e"));
	}
	for (unsigned type = 0; type < COUNT(pins); type++) {
		const struct pin_message m = { type, 0, 7, "739146", "4321" };

		snprintf(wanted, sizeof(wanted), PAY "PIN: %s (not shown)", pins[type]);
		assert_says(AUDIT_MESSAGE, &line, &m, sizeof(m), wanted);
		record = record_of(AUDIT_MESSAGE, &line, &m, sizeof(m));
		say(&record, true);
		assert_null(strstr(said, "739146"));
		assert_null(strstr(said, "373339"));
	}
}

static void test_words_of_the_rest(void **state)
{
	const uint64_t n = 12345;

	(void)state;
	assert_says(AUDIT_SEGMENT, NULL, "", 0, "a new file begins");
	assert_says(
		AUDIT_CHANNEL, &dial, &dial, sizeof(dial),
		"channel dial-question: from dialler to screen, audit full, messages of 120 "
		"bytes");
	assert_says(AUDIT_HASHED, &dial, "\xde\xad", 2, ASKS "message with BLAKE2b dead");
	assert_says(AUDIT_SKIPPED, &dial, &n, sizeof(n),
		    ASKS "12345 messages that decide nothing");
	assert_says(AUDIT_OPENED, &dial, "", 0, ASKS "the channel begins anew");
	assert_says(AUDIT_CLOSED, &dial, "", 0, ASKS "an end of the channel is gone");
	assert_says(AUDIT_CHECKPOINT, NULL, "", 0, "checkpoint");
	assert_says(AUDIT_STARTED, NULL, "", 0, "the auditor begins");
	assert_says(AUDIT_ENDED, NULL, "", 0, "the auditor ends");
	assert_says(AUDIT_TORN, NULL, &n, sizeof(n),
		    "12345 bytes of an unfinished record were cut off");
	assert_says(AUDIT_STOPPED, NULL, &n, sizeof(n),
		    "the log could not be written, and nothing was delivered, for 12345 ms");
	assert_says(AUDIT_KINDS, NULL, "", 0, "a record of unknown kind 13");
}

/* Dates that go wrong easily. */
static void test_times(void **state)
{
	static const struct {
		uint64_t s;
		const char *date;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 951782399, "2000-02-28T23:59:59.000Z" },
		{ 951782400, "2000-02-29T00:00:00.000Z" },
		{ 951868800, "2000-03-01T00:00:00.000Z" },
		{ 1735689599, "2024-12-31T23:59:59.000Z" },
		{ 1735689600, "2025-01-01T00:00:00.000Z" },
		{ 4107542400, "2100-03-01T00:00:00.000Z" },
		{ UINT64_MAX / 1000000000, "2554-07-21T23:34:33.000Z" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct record record = record_of(AUDIT_CHECKPOINT, NULL, "", 0);

		record.header.time_ns = rows[i].s * 1000000000u;
		say(&record, false);
		assert_memory_equal(said + 9, rows[i].date, strlen(rows[i].date));
	}
}

/* ---- JSON, judged by the letter ---- */

static const char *json_value(const char *at);

static const char *json_string(const char *at)
{
	if (at == NULL || *at++ != '"')
		return NULL;
	for (; *at != '"'; at++) /* the rest of what JSON permits is not used */
		if (*at < ' ' || *at > '~' || *at == '\\')
			return NULL;
	return at + 1;
}

static const char *json_object(const char *at)
{
	if (*at++ != '{')
		return NULL;
	for (;;) {
		at = json_string(at);
		if (at == NULL || *at++ != ':')
			return NULL;
		at = json_value(at);
		if (at == NULL)
			return NULL;
		if (*at == '}')
			return at + 1;
		if (*at++ != ',')
			return NULL;
	}
}

static const char *json_value(const char *at)
{
	size_t digits = strspn(at, "0123456789");

	if (digits > 0)
		return digits > 1 && *at == '0' ? NULL : at + digits;
	if (strncmp(at, "null", 4) == 0 || strncmp(at, "true", 4) == 0)
		return at + 4;
	return *at == '{' ? json_object(at) : json_string(at);
}

static void assert_one_json_object(void)
{
	const char *end = json_object(said);

	if (end == NULL || strcmp(end, "\n") != 0)
		fail_msg("no JSON: %s", said);
	/* The same fields in the same order, always. */
	for (unsigned i = 0; i < 9; i++) {
		static const char *const fields[] = {
			"{\"sequence\":", ",\"time\":",	   ",\"kind\":",
			",\"channel\":",  ",\"from\":",	   ",\"to\":",
			",\"text\":",	  ",\"payload\":", ",\"hash\":"
		};
		const char *before = i == 0 ? said : strstr(said, fields[i - 1]);

		assert_non_null(strstr(before, fields[i]));
	}
}

static void assert_one_clean_line(void)
{
	size_t len = strlen(said);

	assert_true(len > 0 && said[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++)
		if (said[i] < ' ' || said[i] > '~')
			fail_msg("byte %02x in: %s", (unsigned char)said[i], said);
}

/* Any byte at any place of any message, and in names: one line, printable, and one object. */
static void test_attack_P6_injection(void **state)
{
	static const char *const corpus[] = {
		"\033[2J\033[H",
		"\033]0;owned\007",
		"\033]52;c;cm0gLXJm\007",
		"\r\nok: 1 records",
		"\x9b"
		"31m",
		"\x1bP$q\x1b\\",
		"\",\"kind\":\"ended",
		"\\u0022",
		"\xe2\x80\xae"
		"",
		"\xff\xfe\x00\x00",
		"%n%s%d",
		"<CR>",
	};
	static const size_t sizes[] = { 0,  1,	2,  7,	8,   9,	  16,  32,
					40, 56, 80, 96, 120, 121, 240, AUDIT_PAYLOAD_MAX };
	uint8_t payload[AUDIT_PAYLOAD_MAX];
	struct audit_channel c;

	(void)state;
	for (unsigned kind = 0; kind <= AUDIT_KINDS; kind++)
		for (unsigned s = 0; s < COUNT(sizes); s++)
			for (unsigned i = 0; i < COUNT(corpus) + 256; i++) {
				const struct audit_channel *named =
					kind == AUDIT_SEGMENT ? NULL : &c;
				struct record record;

				memset(payload, (int)i, sizeof(payload));
				memset(&c, 0, sizeof(c));
				snprintf(c.name, sizeof(c.name), "%s",
					 corpus[i % COUNT(corpus)]);
				memset(c.from, (int)i, sizeof(c.from));
				memset(c.to, (int)(255 - i), sizeof(c.to));
				c.audit = i;
				if (i >= 256) { /* behind a type that is known */
					const uint32_t type = PROMPT_DIAL + i % 4;
					const char *text = corpus[i - 256];

					memcpy(payload, &type, sizeof(type));
					memcpy(payload + 16, text, strlen(text) + 1);
					memcpy(payload + 60, text, strlen(text) + 1);
				}
				record = record_of((enum audit_kind)kind, named, payload,
						   sizes[s]);
				say(&record, false);
				assert_one_clean_line();
				say(&record, true);
				assert_one_clean_line();
				assert_one_json_object();
			}
}

/* ---- the program ---- */

static char heard[1 << 16];

static pid_t run(const char *const *arguments, int *out)
{
	const char *args[8] = { PROGRAM };
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	for (unsigned i = 0; i < 6 && arguments[i] != NULL; i++)
		args[i + 1] = arguments[i][0] == '@' ? directory : arguments[i];
	pid = fork();
	if (pid == 0) {
		char *copy[8];

		memcpy(copy, args, sizeof(copy));
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		execv(PROGRAM, copy);
		_exit(99);
	}
	assert_true(pid > 0);
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* All that it says, and its exit status. */
static int run_to_end(const char *const *arguments)
{
	int out, status;
	pid_t pid = run(arguments, &out);
	size_t len = 0;
	ssize_t n;

	while ((n = read(out, heard + len, sizeof(heard) - 1 - len)) > 0)
		len += (size_t)n;
	heard[len] = '\0';
	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_program(void **state)
{
	static const char other[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	char known[2 * AUDIT_HASH + 1], upper[2 * AUDIT_HASH + 1];
	const struct {
		const char *arguments[6];
		int status;
		const char *says;
	} rows[] = {
		{ { "verify", "@" }, 0, "ok: 21 records in 3 segments, last hash " },
		{ { "verify", "@", "--json" },
		  0,
		  "{\"ok\":true,\"records\":21,\"segments\":3," },
		{ { "verify", "@", "--expect", known }, 0, "ok: 21 records" },
		{ { "verify", "@", "--expect", upper }, 0, "ok: 21 records" },
		{ { "verify", "@", "--expect", other }, STATUS_FAILED, other },
		{ { "verify", "@", "--expect", "123" }, STATUS_USAGE, "64 hexadecimal digits" },
		{ { "verify", "@", "--expect", "xyz" }, STATUS_USAGE, "64 hexadecimal digits" },
		{ { "verify", "@", "--expect", "" }, STATUS_USAGE, "64 hexadecimal digits" },
		{ { "show", "@", "--expect", known }, STATUS_USAGE, "--expect is for verify" },
		{ { "show", "@" }, 0, "channel dial-question: from dialler to screen" },
		{ { "show", "@", "--json" }, 0, "\"kind\":\"message\"" },
		{ { "show", "@", "--channel", "dial-question" }, 0, "dialler->screen" },
		{ { "--help" }, 0, "usage: zwinger audit" },
		{ { "show", "--help" }, 0, "--channel NAME" },
		{ { "verify", "@", "-h" }, 0, "--expect HASH" },
		{ { NULL }, STATUS_USAGE, "usage: zwinger audit" },
		{ { "show" }, STATUS_USAGE, "usage: zwinger audit" },
		{ { "vrify", "@" }, STATUS_USAGE, "usage: zwinger audit" },
		{ { "show", "@", "--jsom" }, STATUS_USAGE, "did you mean '--json'" },
		{ { "show", "@", "--channel" }, STATUS_USAGE, "needs a value" },
		{ { "verify", "/proc/nonexistent" },
		  STATUS_NO_FILE,
		  "/proc/nonexistent: No such file" },
		{ { "show", "/proc/nonexistent" },
		  STATUS_NO_FILE,
		  "/proc/nonexistent: No such file" },
		{ { "verify", "/proc" }, STATUS_NO_FILE, "/proc: no audit log is in there" },
		{ { "verify", PROGRAM }, STATUS_NO_FILE, "Not a directory" },
	};

	(void)state;
	for (unsigned i = 0; i < AUDIT_HASH; i++) {
		snprintf(known + 2 * i, 3, "%02x", good.hash[5][i]);
		snprintf(upper + 2 * i, 3, "%02X", good.hash[5][i]);
	}
	for (unsigned i = 0; i < COUNT(rows); i++) {
		int status = run_to_end(rows[i].arguments);

		if (status != rows[i].status || strstr(heard, rows[i].says) == NULL)
			fail_msg("row %u: status %d, %s", i, status, heard);
	}
}

static void test_program_on_a_bad_log(void **state)
{
	const char *verify[] = { "verify", "@", NULL }, *show[] = { "show", "@", NULL };

	(void)state;
	now.bytes[1][good.at[RECORDS + 2] + 40] ^= 1;
	put_log();
	assert_int_equal(run_to_end(verify), STATUS_FAILED);
	assert_non_null(strstr(heard, "record 9 (audit-01, byte "));
	assert_int_equal(run_to_end(show), STATUS_FAILED); /* as far as it is good */
	assert_non_null(strstr(heard, "\n       8 "));
	assert_null(strstr(heard, "\n       9 "));
	assert_non_null(strstr(heard, "record 9 (audit-01, byte "));

	now = good;
	now.len[2] = good.len[2] - 1;
	put_log();
	assert_int_equal(run_to_end(verify), STATUS_FAILED);
	assert_non_null(strstr(heard, "record 20 (audit-02, "));
	assert_non_null(strstr(heard, "is cut short"));

	memset(now.len, 0, sizeof(now.len));
	put_log(); /* of which the head remembers more */
	assert_int_equal(run_to_end(verify), STATUS_FAILED);
	now.headless = true;
	put_log();
	assert_int_equal(run_to_end(verify), STATUS_NO_FILE);
}

/* --channel leaves out all that others have carried, and what the log says of itself. */
static void test_one_channel(void **state)
{
	const char *mine[] = { "show", "@", "--channel", "dial-question", NULL };
	const char *none[] = { "show", "@", "--channel", "dial", NULL };
	unsigned lines = 0;

	(void)state;
	assert_int_equal(run_to_end(mine), 0);
	for (const char *at = heard; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, FILES * (RECORDS - 2));
	assert_int_equal(run_to_end(none), 0);
	assert_string_equal(heard, "");
}

/* Every line of a whole log is one JSON object, by its program too. */
static void test_json_lines(void **state)
{
	const char *arguments[] = { "show", "@", "--json", NULL };
	unsigned lines = 0;

	(void)state;
	assert_int_equal(run_to_end(arguments), 0);
	for (char *line = heard, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		memcpy(said, line, (size_t)(end + 1 - line));
		said[end + 1 - line] = '\0';
		assert_one_json_object();
		lines++;
	}
	assert_int_equal(lines, ALL);
}

/* Reads until the text has come; it must come. */
static void hear(int out, const char *text)
{
	struct pollfd p = { .fd = out, .events = POLLIN };
	size_t len = 0;

	heard[0] = '\0';
	while (strstr(heard, text) == NULL) {
		ssize_t n = poll(&p, 1, 20000) > 0
				    ? read(out, heard + len, sizeof(heard) - 1 - len)
				    : 0;

		if (n <= 0)
			fail_msg("not heard: %s", text);
		len += (size_t)n;
		heard[len] = '\0';
	}
}

static void test_follow(void **state)
{
	const char *arguments[] = { "follow", "@", NULL };
	int out, status, fd;
	pid_t pid;

	(void)state;
	now.len[2] = good.at[ALL - 2];
	now.headless = true;
	put_log();
	pid = run(arguments, &out);
	hear(out, "\n      18 ");
	fd = open(file_path(2), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, good.bytes[2] + good.at[ALL - 2], good.size[ALL - 2]),
			 good.size[ALL - 2]);
	hear(out, "      19 ");
	assert_int_equal(write(fd, good.bytes[2] + good.at[ALL - 1], good.size[ALL - 1]),
			 good.size[ALL - 1]);
	hear(out, "      20 ");
	close(fd);
	kill(pid, SIGINT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	close(out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_good_log),
		TEST(test_every_bit),
		TEST(test_every_bit_of_the_head),
		TEST(test_every_cut),
		TEST(test_every_record),
		TEST(test_every_file),
		TEST(test_oldest_is_gone),
		TEST(test_other_history),
		TEST(test_grows),
		TEST(test_overtaken),
		TEST(test_words_of_messages),
		TEST(test_attack_P7_words_of_payments),
		TEST(test_words_of_the_rest),
		TEST(test_times),
		TEST(test_attack_P6_injection),
		TEST(test_program),
		TEST(test_program_on_a_bad_log),
		TEST(test_one_channel),
		TEST(test_json_lines),
		TEST(test_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
