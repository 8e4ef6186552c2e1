/* SPDX-License-Identifier: ISC */
#include "test_storage_driver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the process is given by the rest of it. */

struct driver driver;

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

/* Its structs begin anew with each start, as they do with each process. */
#include "storage.c"

enum end { FROM_DISPLAY, FROM_SHOWPAY, TO_SHOWPAY, FROM_AUTH, TO_AUTH, ENDS };

static struct critical critical;
static int files[DRIVER_FILES] = { -1, -1, -1, -1 };
static const void *waiting;
static size_t waiting_size;

/* What is known beside the storage. */
static struct {
	uint64_t reserved, granted, attempt;
	bool attempt_for_change, permitted, confirmed;
	uint32_t tries, most; /* that are left at most; after a right PIN */
	bool has_verifier;
	struct payment_chunks drawn, pending; /* confirmed, when the process died */
	/* What has left, by any process on these files. */
	uint64_t top_count;
	struct {
		uint64_t id, count;
		struct payment_signatures signature;
	} left[64];
	unsigned left_count;
} model;

static struct driver_image unsynced; /* what was there before; len SIZE_MAX: it is synced */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "storage: %s\n", what);
	abort();
}

/* The log. */

void log_init(const char *process)
{
	(void)process;
}

#define KEEP                                                                                   \
	va_list args;                                                                          \
	va_start(args, fmt);                                                                   \
	vsnprintf(driver.log, sizeof(driver.log), fmt, args);                                  \
	va_end(args)

__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...)
{
	KEEP;
	driver.errors++;
}

__attribute__((format(printf, 1, 2))) void log_warn(const char *fmt, ...)
{
	KEEP;
}

__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...)
{
	(void)fmt;
}

__attribute__((format(printf, 2, 3))) void log_guest(struct log_limit *l, const char *fmt, ...)
{
	(void)l;
	(void)fmt;
}

/* The disk. */

static size_t content(int fd, uint8_t bytes[8192])
{
	ssize_t n = pread(fd, bytes, 8192, 0);

	must(n >= 0 && n < 8192, "a file grows");
	return (size_t)n;
}

static void set_content(int fd, const uint8_t *bytes, size_t len)
{
	must(ftruncate(fd, 0) == 0 && __real_pwrite(fd, bytes, len, 0) == (ssize_t)len,
	     "the test's own disk");
}

static unsigned which(int fd)
{
	for (unsigned i = 0; i < DRIVER_FILES; i++)
		if (files[i] == fd)
			return i;
	must(false, "a file that is not its own");
	return 0;
}

static void cut_power(void)
{
	for (unsigned i = 0; i < DRIVER_FILES; i++)
		if (unsynced.len[i] != SIZE_MAX)
			set_content(files[i], unsynced.bytes[i], unsynced.len[i]);
}

static enum driver_fault fault(void)
{
	return driver.io++ == driver.fault_at ? driver.fault : FAULT_NONE;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	enum driver_fault f = fault();
	unsigned i = which(fd);
	/* A sector is written whole or not at all: the anchor, in one, has no parts. */
	size_t part = i == FILE_ANCHOR ? 0 : len / 2;

	if (f == FAULT_ERROR) {
		errno = EIO;
		return -1;
	}
	if (f == FAULT_KILL_BEFORE || f == FAULT_CUT_BEFORE) {
		if (f == FAULT_CUT_BEFORE)
			cut_power();
		longjmp(driver.killed, 1);
	}
	if (unsynced.len[i] == SIZE_MAX)
		unsynced.len[i] = content(fd, unsynced.bytes[i]);
	if (f == FAULT_SHORT || f == FAULT_KILL_WITHIN || f == FAULT_CUT_WITHIN) {
		must(__real_pwrite(fd, bytes, part, at) == (ssize_t)part, "the test's disk");
		if (f == FAULT_SHORT)
			return (ssize_t)part;
		longjmp(driver.killed, 1);
	}
	must(__real_pwrite(fd, bytes, len, at) == (ssize_t)len, "the test's disk");
	if (f == FAULT_CUT_AFTER)
		cut_power();
	if (f == FAULT_KILL_AFTER || f == FAULT_CUT_AFTER)
		longjmp(driver.killed, 1);
	return (ssize_t)len;
}

int __wrap_fdatasync(int fd)
{
	enum driver_fault f = fault();

	if (f == FAULT_ERROR || f == FAULT_SHORT) {
		errno = ENOSPC;
		return -1;
	}
	if (f == FAULT_CUT_BEFORE || f == FAULT_CUT_WITHIN)
		cut_power();
	if (f == FAULT_KILL_BEFORE || f == FAULT_KILL_WITHIN || f == FAULT_CUT_BEFORE ||
	    f == FAULT_CUT_WITHIN)
		longjmp(driver.killed, 1);
	unsynced.len[which(fd)] = SIZE_MAX;
	if (f == FAULT_KILL_AFTER || f == FAULT_CUT_AFTER)
		longjmp(driver.killed, 1);
	return 0;
}

static bool all_synced(void)
{
	for (unsigned i = 0; i < DRIVER_FILES; i++)
		if (unsynced.len[i] != SIZE_MAX)
			return false;
	return true;
}

void driver_save(struct driver_image *image)
{
	for (unsigned i = 0; i < DRIVER_FILES; i++)
		image->len[i] = content(files[i], image->bytes[i]);
}

void driver_restore(const struct driver_image *image)
{
	for (unsigned i = 0; i < DRIVER_FILES; i++) {
		set_content(files[i], image->bytes[i], image->len[i]);
		unsynced.len[i] = SIZE_MAX;
	}
}

enum store_result driver_load(struct store *s)
{
	struct store_files f = { .key = files[FILE_KEY],
				 .slot = { files[FILE_SLOT_A], files[FILE_SLOT_B] },
				 .anchor = files[FILE_ANCHOR] };

	return store_load(s, &f);
}

#define QUESTION 999 /* the id of a question for a receipt */

/* What leaves. */

static bool genuine(void)
{
	uint8_t message[RECEIPT_MESSAGE_MAX], cbor[RECEIPT_CONFIRMED_MAX];
	struct payment p;
	size_t n, m;

	if (!payment_parse(&p, driver.text, driver.text_len))
		return false;
	n = receipt_message(driver.text, driver.text_len, message);
	m = receipt_confirmed(driver.text, driver.text_len, p.nonce, cbor);
	driver.signed_count = p.count;
	return crypto_sign_verify_detached(driver.signature.signature, message, n,
					   driver.reserved.key) == 0 &&
	       crypto_sign_verify_detached(driver.signature.confirmation, cbor, m,
					   driver.reserved.confirmation_key) == 0;
}

static bool confirmed(const struct payment_chunks *c, uint64_t id)
{
	return c->id == id && c->len > 0 && c->len == driver.text_len &&
	       memcmp(c->text, driver.text, driver.text_len) == 0;
}

/* Whose a signature is: the payment that it answers, or, if the question was for a receipt, the one of its count. */
static uint64_t signed_id(const struct payment_message *m)
{
	if (m->id != QUESTION)
		return m->id;
	for (unsigned i = 0; i < model.left_count; i++)
		if (model.left[i].count == driver.signed_count)
			return model.left[i].id;
	return model.confirmed ? model.drawn.id : model.pending.id;
}

static void hear_signature(const struct payment_message *m)
{
	unsigned i = 0;
	uint64_t id;

	must(m->length == sizeof(driver.signature) && m->value == driver.text_len,
	     "a receipt that is not whole");
	memcpy(&driver.signature, m->bytes, sizeof(driver.signature));
	must(genuine(), "a signature that is none");
	driver.signed_id = id = signed_id(m);
	driver.signatures++;
	while (i < model.left_count && model.left[i].id != id)
		i++;
	if (i < model.left_count) {
		must(memcmp(&model.left[i].signature, &driver.signature,
			    sizeof(driver.signature)) == 0,
		     "two signatures for one payment");
		return;
	}
	/* What is confirmed is granted, and of the same payment. */
	must((model.confirmed && confirmed(&model.drawn, id)) || confirmed(&model.pending, id),
	     "a text that was not confirmed");
	must(driver.signed_count == model.top_count + 1, "a count that is not the next");
	must(all_synced(), "a signature left before it was on the disk");
	model.top_count = driver.signed_count;
	model.reserved = model.granted = 0;
	model.confirmed = false;
	if (model.left_count < sizeof(model.left) / sizeof(*model.left)) {
		model.left[model.left_count].id = id;
		model.left[model.left_count].count = driver.signed_count;
		model.left[model.left_count++].signature = driver.signature;
	}
}

static void hear_showpay(const struct payment_message *m)
{
	must(payment_message_valid(m), "a message that is none");
	switch ((enum payment_type)m->type) {
	case PAYMENT_TEXT:
		if (m->offset == 0)
			driver.text_len = 0;
		must(m->offset == driver.text_len, "a gap in the text");
		memcpy(driver.text + m->offset, m->bytes, m->length);
		driver.text_len += m->length;
		return;
	case PAYMENT_RESERVED:
		driver.reserved_ok = m->value == 0;
		must(m->length == (m->value == 0 ? sizeof(driver.reserved) : 0),
		     "an answer that has too much or too little");
		if (m->value != 0)
			return;
		memcpy(&driver.reserved, m->bytes, sizeof(driver.reserved));
		must(driver.reserved.count > model.top_count, "a count that has left");
		return;
	case PAYMENT_SIGNED:
		if (m->value != 0)
			hear_signature(m);
		return;
	case PAYMENT_REFUSED:
		driver.refused++;
		must(m->id == model.reserved || model.reserved == 0, "refuses another");
		model.reserved = model.granted = 0;
		return;
	case PAYMENT_ASK:
	case PAYMENT_WITHDRAW:
	case PAYMENT_RESULT:
	case PAYMENT_CONFIRM:
	case PAYMENT_RESERVE:
	case PAYMENT_RECEIPT:
		break;
	}
	must(false, "a message that is not its own");
}

static void hear_auth(const struct verifier_message *m)
{
	driver.auth = *m;
	must(m->tries <= model.most, "more tries than there can be");
	if (m->type == VERIFIER_IS && m->verifier[0] != '\0') {
		must(all_synced(), "a verifier left before its try was on the disk");
		must(m->tries < model.tries, "a verifier without a try");
		model.attempt = m->id;
	}
	if (m->type == VERIFIER_DONE)
		must(all_synced(), "said to be done, and not on the disk");
	must(m->tries <= model.tries, "tries from nowhere");
	model.tries = m->tries;
}

enum chan_status critical_send(struct critical_end *e, const void *message)
{
	struct payment_message p;
	struct verifier_message v;

	must(!driver.ended, "it goes on after its end");
	if (!e->open)
		return CHAN_BROKEN;
	if (e == &critical.end[TO_SHOWPAY]) {
		if (driver.room == 0)
			return CHAN_AGAIN;
		driver.room--;
		memcpy(&p, message, sizeof(p));
		hear_showpay(&p);
	} else {
		must(e == &critical.end[TO_AUTH], "writes to what it reads");
		memcpy(&v, message, sizeof(v));
		hear_auth(&v);
	}
	return CHAN_OK;
}

enum chan_status critical_recv(struct critical_end *e, void *message)
{
	(void)e;
	if (waiting == NULL)
		return CHAN_AGAIN;
	memcpy(message, waiting, waiting_size);
	waiting = NULL;
	return CHAN_OK;
}

/* The storage closes the key. */
int critical_resource(const struct critical *c, unsigned i)
{
	(void)c;
	return i == STORAGE_KEY ? dup(files[FILE_KEY]) : files[i];
}

void critical_end_with(enum status st)
{
	must(st == STATUS_FAILED && secret.store.failed, "it ends without a reason");
	driver.ended = true;
}

static void set_channel(enum end i, enum channel_role role, uint32_t size, const char *peer)
{
	struct critical_channel *c = &critical.config.channel[i];

	c->role = (uint32_t)role;
	c->geometry = (struct chan_geometry){ 8, size };
	snprintf(role == CHANNEL_READER ? c->from : c->to, CRITICAL_NAME, "%s", peer);
	critical.end[i].config = c;
	critical.end[i].open = true;
}

void driver_reset(void)
{
	uint8_t key[32];

	randombytes_buf(key, sizeof(key));
	for (unsigned i = 0; i < DRIVER_FILES; i++) {
		if (files[i] < 0)
			files[i] = memfd_create("store", MFD_CLOEXEC);
		set_content(files[i], key, i == FILE_KEY ? sizeof(key) : 0);
		unsynced.len[i] = SIZE_MAX;
	}
	memset(&model, 0, sizeof(model));
	model.tries = model.most = PIN_TRIES;
	driver = (struct driver){ .now_ms = 1000, .room = 1000, .fault_at = UINT32_MAX };
}

bool driver_start(void)
{
	static const struct storage_settings settings = { .tries = PIN_TRIES };
	enum status st;

	driver.ended = false;
	memset(&critical, 0, sizeof(critical));
	memset(&secret, 0, sizeof(secret));
	set_channel(FROM_DISPLAY, CHANNEL_READER, sizeof(struct payment_message), "screen");
	set_channel(FROM_SHOWPAY, CHANNEL_READER, sizeof(struct payment_message), "pay");
	set_channel(TO_SHOWPAY, CHANNEL_WRITER, sizeof(struct payment_message), "pay");
	set_channel(FROM_AUTH, CHANNEL_READER, sizeof(struct verifier_message), "pin");
	set_channel(TO_AUTH, CHANNEL_WRITER, sizeof(struct verifier_message), "pin");
	critical.config.channel_count = ENDS;
	critical.config.resource_count = STORAGE_ANCHOR + 1;
	memcpy(critical.config.settings, &settings, sizeof(settings));
	st = storage_open(&critical);
	if (st != STATUS_OK)
		return false;
	must(all_synced(), "it serves what is not on the disk");
	must(secret.store.state.count >= model.top_count, "the count went back");
	storage_tick(driver.now_ms);
	return true;
}

void driver_died(void)
{
	if (model.confirmed)
		model.pending = model.drawn;
	model.reserved = model.granted = model.attempt = 0;
	model.permitted = model.confirmed = false;
	model.drawn.len = 0;
	driver.fault = FAULT_NONE;
	driver.room = 1000;
	driver.auth.type = 0;
	/* Where a kill hits, what was written may be there or not; a cut has said which. */
	for (unsigned i = 0; i < DRIVER_FILES; i++)
		unsynced.len[i] = SIZE_MAX;
}

static void deliver(enum end end, const void *message, size_t size)
{
	if (driver.ended)
		return;
	driver.now_ms++;
	storage_tick(driver.now_ms);
	waiting = message;
	waiting_size = size;
	driver.auth.type = 0;
	storage_notified(&critical.end[end]);
	must(d.state < STATES && (d.state == IDLE) == (d.id == 0), "a state that is none");
	must(d.state != GRANTED || driver.ended || model.granted == d.id,
	     "granted, and nobody did");
	must(d.state != RESERVED || driver.ended || model.reserved == d.id,
	     "reserved, and nobody did");
}

void driver_showpay(const struct payment_message *m)
{
	if (m->type == PAYMENT_RESERVE && payment_message_valid(m) && m->length == 0 &&
	    m->value == 0) {
		model.reserved = m->id;
		model.granted = 0;
		model.confirmed = false;
	}
	deliver(FROM_SHOWPAY, m, sizeof(*m));
}

void driver_display(const struct payment_message *m)
{
	if (m->type == PAYMENT_TEXT)
		(void)payment_chunks_take(&model.drawn, m);
	if (m->type == PAYMENT_CONFIRM)
		model.confirmed = model.granted != 0 && payment_message_valid(m) &&
				  m->length == 0 && m->id == model.granted &&
				  payment_chunks_whole(&model.drawn, m);
	deliver(FROM_DISPLAY, m, sizeof(*m));
}

void driver_auth(const struct verifier_message *m)
{
	bool was_set = model.has_verifier;

	if (!verifier_message_valid(m)) {
		deliver(FROM_AUTH, m, sizeof(*m));
		must(driver.ended || driver.auth.type == VERIFIER_UNABLE,
		     "takes what is no message");
		return;
	}
	if (m->type == VERIFIER_RIGHT && model.attempt != 0) {
		model.tries = model.most;
		model.permitted = m->id == 0;
		if (m->id != 0 && m->id == model.attempt && m->id == model.reserved)
			model.granted = m->id;
	}
	if (m->type == VERIFIER_STORE && (model.permitted || !was_set))
		model.tries = model.most;
	deliver(FROM_AUTH, m, sizeof(*m));
	if (m->type == VERIFIER_RIGHT ||
	    (m->type == VERIFIER_STORE && driver.auth.type == VERIFIER_DONE))
		model.attempt = 0;
	if (m->type == VERIFIER_STORE) {
		must(driver.auth.type != VERIFIER_DONE || model.permitted || !was_set,
		     "a verifier that nobody permitted");
		model.has_verifier |= driver.auth.type == VERIFIER_DONE;
	}
	if (m->type == VERIFIER_STORE || m->type == VERIFIER_ATTEMPT)
		model.permitted = false;
}

void driver_reserve(uint64_t id)
{
	struct payment_message m = { .type = PAYMENT_RESERVE, .id = id };

	driver_showpay(&m);
}

void driver_ask_receipt(void)
{
	struct payment_message m = { .type = PAYMENT_RECEIPT, .id = QUESTION };

	driver_showpay(&m);
}

void driver_verifier(enum verifier_type type, uint64_t id, const char *verifier)
{
	struct verifier_message m = { .type = type, .id = id };

	strncpy(m.verifier, verifier, sizeof(m.verifier) - 1);
	driver_auth(&m);
}

size_t driver_text(char text[PAYMENT_TEXT_MAX], const char *note)
{
	struct payment p = { .payee = "Bean and Leaf GmbH",
			     .account = "DE89370400440532013000",
			     .item_count = 1,
			     .item = { { 2, 450, "Espresso" } },
			     .total = 900,
			     .currency = "EUR",
			     .reference = "Order 4711",
			     .nonce = "00112233445566778899aabbccddeeff",
			     .from = "DE02120300000000202051",
			     .date = "2026-11-29T14:55:01Z",
			     .count = driver.reserved.count };

	strncpy(p.note, note, sizeof(p.note) - 1);
	receipt_hex(driver.reserved.key, sizeof(driver.reserved.key), p.key);
	return payment_format(&p, text);
}

void driver_draw(uint64_t id, const char *text, size_t len)
{
	struct payment_message m;

	for (uint32_t at = 0; at < len;) {
		at = payment_chunk(&m, id, text, (uint32_t)len, at);
		driver_display(&m);
	}
}

void driver_confirm(uint64_t id, size_t len)
{
	struct payment_message m = { .type = PAYMENT_CONFIRM,
				     .id = id,
				     .value = (uint32_t)len };

	driver_display(&m);
}

void driver_wait(uint64_t ms)
{
	if (driver.ended)
		return;
	driver.now_ms += ms;
	storage_tick(driver.now_ms);
}

void driver_restart(enum driver_peer p)
{
	static const enum end first[] = { FROM_DISPLAY, FROM_SHOWPAY, FROM_AUTH };
	static const enum end second[] = { FROM_DISPLAY, TO_SHOWPAY, TO_AUTH };

	if (driver.ended)
		return;
	for (unsigned open = 0; open < 2; open++) {
		critical.end[first[p]].open = critical.end[second[p]].open = open != 0;
		storage_notified(&critical.end[first[p]]);
		storage_notified(&critical.end[second[p]]);
	}
	model.reserved = model.granted = 0;
	must(d.state == IDLE, "it goes on for whom is gone");
	if (p == PEER_AUTH) {
		model.attempt = 0;
		model.permitted = false;
	}
}

unsigned driver_state(void)
{
	return d.state;
}
