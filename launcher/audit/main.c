/* SPDX-License-Identifier: ISC */
/* zwinger-audit-log: what `zwinger audit` runs. Reads a log; changes nothing. */
#include "log.h"
#include "options.h"
#include "reader.h"
#include "status.h"
#include "words.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 250

static const struct option_spec options[] = {
	{ "json", NULL, "a JSON object a line" },
	{ "channel", "NAME", "only what this channel carried" },
	{ "expect", "HASH", "verify: the log holds the record with this hash, noted before" },
	{ 0 },
};
enum { JSON, CHANNEL, EXPECT };

struct request {
	bool json;
	const char *channel, *expect;
};

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;

	q->json |= index == JSON;
	if (index == CHANNEL)
		q->channel = value;
	if (index == EXPECT)
		q->expect = value;
	return true;
}

static void print(const struct request *q, const struct record *r)
{
	if (q->channel != NULL && (r->channel == NULL || r->header.kind == AUDIT_CHANNEL ||
				   strcmp(r->channel->name, q->channel) != 0))
		return;
	if (q->json)
		words_print_json(r);
	else
		words_print(r);
}

static int show(struct reader *r, const struct request *q, bool follow)
{
	struct record record;

	for (;;) {
		enum reader_status st = reader_next(r, &record);

		if (st == READER_RECORD) {
			print(q, &record);
			continue;
		}
		/* While the log grows, a record may be there in part. */
		if (follow && (st == READER_END || strstr(r->why, "cut short") != NULL)) {
			(void)poll(NULL, 0, LOOK_MS);
			continue;
		}
		if (st == READER_END)
			return STATUS_OK;
		log_error("%s", r->why);
		return STATUS_FAILED;
	}
}

static int verify(struct reader *r, const struct request *q)
{
	char text[2 * AUDIT_HASH + 1] = "";
	bool expected = q->expect == NULL;
	struct record record;
	enum reader_status st;

	while ((st = reader_next(r, &record)) == READER_RECORD) {
		sodium_bin2hex(text, sizeof(text), record.hash, AUDIT_HASH);
		expected |= !expected && strcmp(text, q->expect) == 0;
	}
	if (st == READER_BAD || !reader_check_head(r)) {
		log_error("%s", r->why);
		return STATUS_FAILED;
	}
	if (!expected) {
		log_error("no record has the hash %s: the log is another one, or was cut back",
			  q->expect);
		return STATUS_FAILED;
	}
	if (q->json)
		printf("{\"ok\":true,\"records\":%llu,\"segments\":%llu,\"last\":\"%s\"}\n",
		       (unsigned long long)r->records, (unsigned long long)r->segments, text);
	else
		printf("ok: %llu records in %llu files, last hash %s\n",
		       (unsigned long long)r->records, (unsigned long long)r->segments, text);
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	static struct reader reader;
	struct request q = { .json = false };
	const char *what = argc > 1 ? argv[1] : "";
	bool known = strcmp(what, "show") == 0 || strcmp(what, "follow") == 0 ||
		     strcmp(what, "verify") == 0;

	log_init("zwinger");
	if (!known || argc < 3) {
		log_error(
			"usage: zwinger audit show|follow|verify [SYSTEM|DIRECTORY] [OPTION]...");
		return STATUS_USAGE;
	}
	switch (options_parse(options, argc, argv, 3, set, &q)) {
	case OPTIONS_HELP:
		puts("usage: zwinger audit show|follow|verify [SYSTEM|DIRECTORY] [OPTION]...\n");
		options_print(options);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (sodium_init() < 0 || !reader_open(&reader, argv[2])) {
		log_error("%s", reader.why);
		return STATUS_NO_FILE;
	}
	return what[0] == 'v' ? verify(&reader, &q) : show(&reader, &q, what[0] == 'f');
}
