/* SPDX-License-Identifier: ISC */
/*
 * A log that somebody made: by its bytes, or record by record with hashes that are right, so that
 * its reader gets to the words. Whatever it is, it is read to an end, what is said of a record is
 * one printable line, and a file that was changed afterwards does not pass.
 *
 * Input: a byte, odd if the log is made by records. Then for each file its length, 16 bits, and
 * its bytes; or for each record a byte of flags (1: in the next file, 2: its number is out of
 * order), its kind, its channel, the length of its payload, and that.
 */
#include "reader.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILES 3u
#define ROOM  (64u << 10)
#define CHECK(c)                                                                               \
	do {                                                                                   \
		if (!(c))                                                                      \
			abort();                                                               \
	} while (0)

static struct reader reader;
static int file[FILES], head_file;
static uint8_t bytes[FILES][ROOM];
static size_t len[FILES];
static FILE *words;
static char line[1 << 14];

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

static void set_up(void)
{
	if (words != NULL)
		return;
	for (unsigned i = 0; i < FILES; i++)
		file[i] = memfd_create("segment", MFD_CLOEXEC);
	head_file = memfd_create("head", MFD_CLOEXEC);
	words = fmemopen(line, sizeof(line), "w");
	CHECK(words != NULL);
	stdout = words;
}

static uint8_t take(const uint8_t **in, size_t *size)
{
	if (*size == 0)
		return 0;
	(*size)--;
	return *(*in)++;
}

static void make_by_bytes(const uint8_t *in, size_t size)
{
	for (unsigned i = 0; i < FILES; i++) {
		size_t n = (size_t)(take(&in, &size) << 8 | take(&in, &size));

		len[i] = n < size ? n : size;
		memcpy(bytes[i], in, len[i]);
		in += len[i];
		size -= len[i];
	}
}

/* Whether what was made is a log that nobody has changed. */
static bool make_by_records(const uint8_t *in, size_t size, struct audit_head *head)
{
	uint8_t chain[AUDIT_HASH] = { 0 }, before[AUDIT_HASH];
	uint64_t sequence = 0;
	unsigned f = 0;
	bool whole = size > 0;

	while (size > 0) {
		uint8_t flags = take(&in, &size), kind = take(&in, &size),
			channel = take(&in, &size), n = take(&in, &size);
		struct audit_header h = { .time_ns = sequence * 1000000007u * n,
					  .kind = (uint16_t)(1 + kind % (AUDIT_KINDS - 1)),
					  .channel = channel };

		if (n > AUDIT_PAYLOAD_MAX)
			n = AUDIT_PAYLOAD_MAX;
		if (n > size)
			n = (uint8_t)size;
		if ((flags & 1) != 0 && f + 1 < FILES && len[f] > 0)
			f++;
		if ((flags & 2) != 0) {
			sequence += flags;
			whole = false;
		}
		if (len[f] + 2 * AUDIT_RECORD_MAX > ROOM)
			break;
		h.sequence = sequence;
		if (len[f] == 0) {
			h.kind = AUDIT_SEGMENT;
			memcpy(before, chain, sizeof(before));
			len[f] += audit_record_put(bytes[f], h, before, sizeof(before), chain);
		} else {
			whole &= h.kind != AUDIT_SEGMENT;
			len[f] += audit_record_put(bytes[f] + len[f], h, in, n, chain);
		}
		head->sequence = sequence++;
		memcpy(head->hash, chain, AUDIT_HASH);
		in += n;
		size -= n;
	}
	return whole;
}

static void look_at_line(void)
{
	size_t n;

	fflush(words);
	n = strlen(line);
	CHECK(n > 0 && line[n - 1] == '\n');
	for (size_t i = 0; i + 1 < n; i++)
		CHECK(line[i] >= ' ' && line[i] <= '~');
	rewind(words);
	memset(line, 0, n);
}

static bool verifies(const struct audit_head *head)
{
	struct record record;
	enum reader_status st;

	memset(&reader, 0, sizeof(reader));
	for (unsigned i = 0; i < AUDIT_SEGMENTS; i++)
		reader.file[i] = -1;
	for (unsigned i = 0; i < FILES; i++) {
		CHECK(ftruncate(file[i], 0) == 0);
		CHECK(pwrite(file[i], bytes[i], len[i], 0) == (ssize_t)len[i]);
		reader.file[i] = file[i];
	}
	CHECK(pwrite(head_file, head, sizeof(*head), 0) == (ssize_t)sizeof(*head));
	reader.head_file = head_file;
	reader_begin(&reader);
	while ((st = reader_next(&reader, &record)) == READER_RECORD) {
		words_print(&record);
		look_at_line();
		words_print_json(&record);
		look_at_line();
	}
	CHECK(reader.records <= FILES * ROOM / 64);
	return st == READER_END && reader_check_head(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	struct audit_head head = { .sequence = 0 };
	bool by_records = (take(&in, &size) & 1) != 0;

	set_up();
	memset(len, 0, sizeof(len));
	if (!by_records) {
		make_by_bytes(in, size);
		(void)verifies(&head);
		return 0;
	}
	if (make_by_records(in, size, &head)) {
		size_t at = size * 2654435761u % (8 * len[0]);

		CHECK(verifies(&head));
		bytes[0][at / 8] ^= (uint8_t)(1u << at % 8);
		CHECK(!verifies(&head));
	} else {
		(void)verifies(&head);
	}
	return 0;
}
