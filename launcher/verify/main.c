/* SPDX-License-Identifier: ISC */
/* zwinger-verify: what `zwinger verify` runs. Is a receipt genuine, fresh, and for this order? */
#include "log.h"
#include "options.h"
#include "receipt.h"
#include "seen.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SKEW_S	       300 /* a payer's clock may be ahead by */
#define CONFIRMED_TAIL 64  /* the signature, behind the CBOR map */

static const struct option_spec options[] = {
	{ "key", "FILE", "the keys that must have signed, as zwinger store key prints them" },
	{ "seen", "FILE", "refuses what was accepted before; keeps in FILE what was" },
	{ "max-age", "SECONDS", "refuses a receipt that is older" },
	{ "nonce", "HEX", "refuses another nonce than this" },
	{ "account", "IBAN", "refuses another account than this" },
	{ "total", "AMOUNT", "refuses another total than this, as \"13.49 EUR\"" },
	{ "confirmed", "FILE", "writes the form of Protected Confirmation, and its signature" },
	{ "json", NULL, "one JSON object" },
	{ 0 },
};
enum { KEY, SEEN, MAX_AGE, NONCE, ACCOUNT, TOTAL, CONFIRMED, JSON };

static const char usage[] = "usage: zwinger verify RECEIPT --key FILE [OPTION]...";

struct request {
	const char *value[JSON];
	bool json;
	uint64_t max_age_s;
};

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;
	char *end;

	if (index == JSON) {
		q->json = true;
		return true;
	}
	q->value[index] = value;
	if (index != MAX_AGE)
		return true;
	errno = 0;
	q->max_age_s = strtoull(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0)
		return true;
	log_error("--max-age: '%s' is no number of seconds", value);
	return false;
}

/* At most size - 1 bytes; -1, and a line in the log. "-" is standard input. */
static ssize_t read_file(const char *path, void *bytes, size_t size)
{
	int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ssize_t n = -1;

	while (fd >= 0 && len < size) {
		n = read(fd, (char *)bytes + len, size - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (fd < 0 || n < 0) {
		log_error("%s: %s", path, strerror(errno));
		len = 0;
	}
	if (fd >= 0)
		close(fd);
	return fd < 0 || n < 0 ? -1 : (ssize_t)len;
}

static bool signature_good(const struct receipt *r, const struct receipt_keys *k)
{
	uint8_t message[RECEIPT_MESSAGE_MAX];
	size_t n = receipt_message(r->text, r->len, message);

	return crypto_sign_verify_detached(r->signatures.signature, message, n, k->receipts) ==
	       0;
}

static bool confirmation_good(const struct receipt *r, const struct receipt_keys *k)
{
	uint8_t cbor[RECEIPT_CONFIRMED_MAX];
	size_t n = receipt_confirmed(r->text, r->len, r->payment.nonce, cbor);

	return crypto_sign_verify_detached(r->signatures.confirmation, cbor, n,
					   k->confirmations) == 0;
}

/* Of either form; NULL, or why it is not to be accepted. */
static const char *check_signatures(struct receipt *r, const struct receipt_keys *k,
				    const char *bytes, size_t len)
{
	char key[PAYMENT_KEY] = "";
	bool text = receipt_parse(r, bytes, len);

	if (!text) {
		if (len < CONFIRMED_TAIL ||
		    !receipt_parse_confirmed(r, (const uint8_t *)bytes, len - CONFIRMED_TAIL))
			return "it is not a receipt, or not in the one form that receipts have";
		memcpy(r->signatures.confirmation, bytes + len - CONFIRMED_TAIL,
		       CONFIRMED_TAIL);
	}
	receipt_hex(k->receipts, sizeof(k->receipts), key);
	if (strcmp(key, r->payment.key) != 0)
		return "it is signed by another key";
	if ((text && !signature_good(r, k)) || !confirmation_good(r, k))
		return "a signature is wrong: it was changed, or never signed";
	return NULL;
}

static time_t seconds(const char date[PAYMENT_DATE])
{
	struct tm t = { 0 };

	(void)strptime(date, "%Y-%m-%dT%H:%M:%SZ", &t);
	return timegm(&t);
}

static void total_of(const struct payment *p, char out[32])
{
	payment_amount(p->total, payment_exponent(p->currency), out);
	strcat(out, " ");
	strcat(out, p->currency);
}

static const char *check_order(const struct request *q, const struct payment *p)
{
	int64_t age_s = (int64_t)time(NULL) - (int64_t)seconds(p->date);
	char total[32];

	total_of(p, total);
	if (q->value[NONCE] != NULL && strcmp(q->value[NONCE], p->nonce) != 0)
		return "the nonce is another one: it is for another order";
	if (q->value[ACCOUNT] != NULL && strcmp(q->value[ACCOUNT], p->account) != 0)
		return "another account is paid";
	if (q->value[TOTAL] != NULL && strcmp(q->value[TOTAL], total) != 0)
		return "another total is paid";
	if (q->value[MAX_AGE] != NULL && age_s < -SKEW_S)
		return "its date is in the future";
	if (q->value[MAX_AGE] != NULL && age_s > 0 && (uint64_t)age_s > q->max_age_s)
		return "it is too old";
	return NULL;
}

/* All of it is printable ASCII without '"' and '\'. */
static void print(const struct request *q, const struct receipt *r)
{
	const struct payment *p = &r->payment;
	char total[32];

	total_of(p, total);
	if (!q->json) {
		printf("ok: %s to %s, account %s\n", total, p->payee, p->account);
		fwrite(r->text, 1, r->len, stdout);
		return;
	}
	printf("{\"ok\":true,\"payee\":\"%s\",\"account\":\"%s\",\"total\":\"%s\",\"minor\":%" PRIu64
	       ",\"currency\":\"%s\",\"reference\":\"%s\",\"note\":\"%s\",\"nonce\":\"%s\","
	       "\"from\":\"%s\",\"date\":\"%s\",\"count\":%" PRIu64 ",\"key\":\"%s\"}\n",
	       p->payee, p->account, total, p->total, p->currency, p->reference, p->note,
	       p->nonce, p->from, p->date, p->count, p->key);
}

static int refuse(const struct request *q, const char *why)
{
	if (q->json)
		printf("{\"ok\":false,\"why\":\"%s\"}\n", why);
	log_error("not to be accepted: %s", why);
	return STATUS_FAILED;
}

static bool write_confirmed(const char *path, const struct receipt *r)
{
	uint8_t cbor[RECEIPT_CONFIRMED_MAX + CONFIRMED_TAIL];
	size_t n = receipt_confirmed(r->text, r->len, r->payment.nonce, cbor);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	bool ok;

	memcpy(cbor + n, r->signatures.confirmation, CONFIRMED_TAIL);
	n += CONFIRMED_TAIL;
	ok = fd >= 0 && write(fd, cbor, n) == (ssize_t)n && close(fd) == 0;
	if (!ok)
		log_error("%s: %s", path, strerror(errno));
	return ok;
}

/* What was seen is looked at last, so that nothing that is refused is noted. */
static int accept_once(const struct request *q, const struct receipt *r)
{
	enum seen_result found;
	struct seen s;
	const char *why;

	if (q->value[SEEN] == NULL)
		return STATUS_OK;
	if (!seen_open(&s, q->value[SEEN], &why)) {
		log_error("%s: %s", q->value[SEEN], why);
		return STATUS_NO_FILE;
	}
	found = seen_find(&s, &r->payment);
	if (found == SEEN_NONCE)
		return refuse(q, "a receipt with its nonce was accepted before");
	if (found == SEEN_COUNT)
		return refuse(q, "another receipt with its count was accepted before: the "
				 "store that signed it was copied or rolled back");
	if (seen_add(&s, &r->payment))
		return STATUS_OK;
	log_error("%s: %s: nothing is accepted", q->value[SEEN], strerror(errno));
	return STATUS_NO_FILE;
}

static int verify(const struct request *q, const char *path)
{
	static char bytes[RECEIPT_CONFIRMED_MAX + CONFIRMED_TAIL + 1];
	static struct receipt r;
	char text[RECEIPT_KEYS_MAX];
	struct receipt_keys keys;
	const char *why;
	ssize_t n = read_file(q->value[KEY], text, sizeof(text)), len;
	int st;

	if (n < 0)
		return STATUS_NO_FILE;
	if (!receipt_parse_keys(&keys, text, (size_t)n)) {
		log_error("%s: it is not what zwinger store key prints", q->value[KEY]);
		return STATUS_NO_FILE;
	}
	len = read_file(path, bytes, sizeof(bytes));
	if (len < 0)
		return STATUS_NO_FILE;
	why = check_signatures(&r, &keys, bytes, (size_t)len);
	if (why == NULL)
		why = check_order(q, &r.payment);
	if (why != NULL)
		return refuse(q, why);
	if (q->value[CONFIRMED] != NULL && !write_confirmed(q->value[CONFIRMED], &r))
		return STATUS_NO_FILE;
	st = accept_once(q, &r);
	if (st == STATUS_OK)
		print(q, &r);
	return fflush(stdout) != 0 && st == STATUS_OK ? STATUS_FAILED : st;
}

int main(int argc, char **argv)
{
	struct request q = { .json = false };
	bool named = argc > 1 && (argv[1][0] != '-' || argv[1][1] == '\0');

	log_init("zwinger");
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			printf("%s\n\n", usage);
			options_print(options);
			return STATUS_OK;
		}
	if (named && options_parse(options, argc, argv, 2, set, &q) != OPTIONS_OK)
		return STATUS_USAGE;
	if (!named || q.value[KEY] == NULL) {
		log_error("%s", usage);
		return STATUS_USAGE;
	}
	if (sodium_init() < 0)
		return STATUS_FAILED;
	return verify(&q, argv[1]);
}
