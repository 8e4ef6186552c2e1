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
#include <sys/inotify.h>
#include <unistd.h>

#define SETTLE_MS 20   /* for a record that is being written ... */
#define SETTLES	  25   /* ... so often, before it was cut off */
#define LOOK_MS	  1000 /* where nobody is told of changes */

static const struct option_spec options[] = {
	{ "json", NULL, "a JSON object a line" },
	{ "channel", "NAME", "only what this channel carried" },
	{ "expect", "HASH", "verify: the log holds the record with this hash, noted before" },
	{ 0 },
};
enum { JSON, CHANNEL, EXPECT };

static const char usage[] =
	"usage: zwinger audit show|follow|verify [SYSTEM|DIRECTORY] [OPTION]...";

struct request {
	bool json;
	const char *channel, *expect;
	uint8_t expected[AUDIT_HASH];
};

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;
	size_t len = 0;

	q->json |= index == JSON;
	if (index == CHANNEL)
		q->channel = value;
	if (index != EXPECT)
		return true;
	q->expect = value;
	if (sodium_hex2bin(q->expected, AUDIT_HASH, value, strlen(value), NULL, &len, NULL) <
		    0 ||
	    len != AUDIT_HASH) {
		log_error("--expect: a hash is %d hexadecimal digits, as verify prints it",
			  2 * AUDIT_HASH);
		return false;
	}
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

/* As reader_next(), but a record that is being written is waited for. */
static enum reader_status next(struct reader *r, struct record *out)
{
	enum reader_status st = reader_next(r, out);

	for (unsigned i = 0; st == READER_CUT && i < SETTLES; i++) {
		(void)poll(NULL, 0, SETTLE_MS);
		st = reader_next(r, out);
	}
	return st;
}

/* Until something in the directory has changed. */
static void wait_for_change(int watch)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	char events[4096];

	if (poll(&p, 1, LOOK_MS) > 0)
		(void)!read(watch, events, sizeof(events));
}

static int show(struct reader *r, const struct request *q, const char *follow)
{
	int watch = follow != NULL ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
	enum reader_status st;
	struct record record;

	/* Before reading, so that no change is missed; where it fails, we look now and then. */
	if (watch >= 0)
		(void)inotify_add_watch(watch, follow, IN_MODIFY);
	for (;;) {
		st = next(r, &record);
		if (st == READER_RECORD)
			print(q, &record);
		else if (st == READER_END && follow != NULL)
			wait_for_change(watch);
		else
			break;
		if (ferror(stdout))
			return STATUS_FAILED; /* nobody reads it */
	}
	if (st == READER_END)
		return STATUS_OK;
	log_error("%s", r->why);
	return STATUS_FAILED;
}

static int verify(struct reader *r, const struct request *q)
{
	bool expected = q->expect == NULL;
	char text[2 * AUDIT_HASH + 1];
	enum reader_status st;
	struct record record;

	while ((st = next(r, &record)) == READER_RECORD)
		expected |= memcmp(record.hash, q->expected, AUDIT_HASH) == 0;
	if (st == READER_END && r->records == 0 && r->headless) {
		log_error("there is no record in the log");
		return STATUS_NO_FILE;
	}
	if (st != READER_END || !reader_check_head(r)) {
		log_error("%s", r->why);
		return STATUS_FAILED;
	}
	if (!expected) {
		log_error("no record has the hash %s: the log is another one, or was cut back, "
			  "or no longer keeps it",
			  q->expect);
		return STATUS_FAILED;
	}
	sodium_bin2hex(text, sizeof(text), r->chain, AUDIT_HASH);
	printf(q->json ? "{\"ok\":true,\"records\":%llu,\"segments\":%llu,\"last\":\"%s\"}\n"
		       : "ok: %llu records in %llu segments, last hash %s\n",
	       (unsigned long long)r->records, (unsigned long long)r->segments, text);
	return STATUS_OK;
}

static int help(void)
{
	printf("%s\n\n", usage);
	options_print(options);
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
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help();
	if (!known || argc < 3) {
		log_error("%s", usage);
		return STATUS_USAGE;
	}
	if (options_parse(options, argc, argv, 3, set, &q) != OPTIONS_OK)
		return STATUS_USAGE;
	if (what[0] != 'v' && q.expect != NULL) {
		log_error("--expect is for verify");
		return STATUS_USAGE;
	}
	if (sodium_init() < 0)
		return STATUS_FAILED;
	if (!reader_open(&reader, argv[2])) {
		log_error("%s", reader.why);
		return STATUS_NO_FILE;
	}
	if (what[0] == 'v')
		return verify(&reader, &q);
	return show(&reader, &q, what[0] == 'f' ? argv[2] : NULL);
}
