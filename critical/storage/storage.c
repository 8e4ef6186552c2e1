/* SPDX-License-Identifier: ISC */
#include "storage.h"

#include "bug.h"
#include "critical_settings.h"
#include "log.h"
#include "payment.h"
#include "payment_chunks.h"
#include "receipt.h"
#include "store.h"

#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESERVED_MS                                                                            \
	900000 /* the display's own limits are shorter; this is for one that is stuck */
#define GRANTED_MS 30000 /* the display confirms at once */

enum state {
	IDLE,
	RESERVED, /* a payment is being asked */
	GRANTED,  /* ... and the PIN was right */
	STATES
};

enum event {
	SHOWPAY_RESERVES,
	AUTH_ATTEMPTS,	  /* a PIN is about to be judged */
	AUTH_GRANTS,	  /* it was right, for the payment that is reserved */
	DISPLAY_CONFIRMS, /* the payment that is reserved, and its text is whole */
	AFOUL,		  /* a confirmation or a grant of anything else */
	PEER_GONE,	  /* one of the three */
	TIME_IS_UP,
	EVENTS
};

/* What has no place in a core file, nor on a swap device. */
static struct {
	struct store store;
	uint8_t receipt_secret[64], confirmation_secret[64];
} secret;

static struct {
	struct payment_reserved keys; /* count: of the next signature */
	struct critical_end *display, *from_showpay, *to_showpay, *from_auth, *to_auth;
	uint32_t tries; /* after a right PIN */
	enum state state;
	uint64_t id; /* of the payment; 0: IDLE */
	uint64_t now_ms, due_ms;
	struct payment_chunks drawn; /* by the display */
	uint64_t attempt;	     /* that auth may call right; 0: none */
	bool may_store;		     /* a verifier: the PIN before it was right */
	bool sending;		     /* the receipt, to showpay, from here on: */
	uint64_t
		sending_id; /* the payment's that is signed, or of the question for a receipt */
	uint32_t sent;
} d;

static struct log_limit afoul, strays;

/* What it says has to be on the disk first. False: the process ends, and nobody is told anything. */
static bool save(void)
{
	bool saved = store_save(&secret.store);

	if (!saved)
		critical_end_with(STATUS_FAILED);
	d.keys.count = secret.store.state.count + 1;
	return saved;
}

static void tell_showpay(enum payment_type type, uint64_t id, uint32_t value, const void *bytes,
			 uint32_t length)
{
	struct payment_message m = { .type = type, .length = length, .id = id, .value = value };

	if (length > 0)
		memcpy(m.bytes, bytes, length);
	if (critical_send(d.to_showpay, &m) != CHAN_OK)
		log_guest(&strays, "show-and-pay takes no messages");
}

/* Why: enum event, for the log. */
static void forget(enum event why)
{
	if (d.id != 0 && why != SHOWPAY_RESERVES)
		tell_showpay(PAYMENT_REFUSED, d.id, why, NULL, 0);
	d.id = 0;
	d.state = IDLE;
	d.due_ms = UINT64_MAX;
	d.drawn.len = 0;
}

/* What can happen in which state. */

static void reserve(uint64_t id)
{
	forget(SHOWPAY_RESERVES);
	if (id == secret.store.state.paid_id) {
		log_guest(&afoul, "a payment that was signed is reserved again");
		tell_showpay(PAYMENT_RESERVED, id, 1, NULL, 0);
		return;
	}
	d.id = id;
	d.state = RESERVED;
	d.due_ms = d.now_ms + RESERVED_MS;
	tell_showpay(PAYMENT_RESERVED, id, 0, &d.keys, sizeof(d.keys));
}

static void grant(uint64_t id)
{
	(void)id;
	d.state = GRANTED;
	d.due_ms = d.now_ms + GRANTED_MS;
}

static void foul(uint64_t id)
{
	(void)id;
	log_guest(&afoul, "a payment is forgotten: somebody breaks the rules");
	forget(AFOUL);
}

static void gone(uint64_t id)
{
	(void)id;
	forget(PEER_GONE);
}

static void late(uint64_t id)
{
	(void)id;
	log_info("a payment is forgotten: it took too long");
	forget(TIME_IS_UP);
}

/* False: it is not a payment that the next signature of our key is for. */
static bool text_ours(struct payment *p)
{
	char key[PAYMENT_KEY] = "";

	receipt_hex(d.keys.key, sizeof(d.keys.key), key);
	return payment_parse(p, d.drawn.text, d.drawn.len) && p->count == d.keys.count &&
	       strcmp(p->key, key) == 0;
}

/* The only way to a signature. It is on the disk before any of it leaves. */
static void sign(uint64_t id)
{
	struct store_state *s = &secret.store.state;
	uint8_t message[RECEIPT_MESSAGE_MAX], confirmed[RECEIPT_CONFIRMED_MAX];
	struct payment p;
	size_t n;

	if (!text_ours(&p)) {
		foul(id);
		return;
	}
	n = receipt_message(d.drawn.text, d.drawn.len, message);
	crypto_sign_detached(s->signatures.signature, NULL, message, n, secret.receipt_secret);
	n = receipt_confirmed(d.drawn.text, d.drawn.len, p.nonce, confirmed);
	crypto_sign_detached(s->signatures.confirmation, NULL, confirmed, n,
			     secret.confirmation_secret);
	memset(s->receipt, 0, sizeof(s->receipt));
	memcpy(s->receipt, d.drawn.text, d.drawn.len);
	s->receipt_len = d.drawn.len;
	s->paid_id = id;
	s->count++;
	if (!save())
		return;
	forget(SHOWPAY_RESERVES);
	d.sending = true;
	d.sending_id = id;
	d.sent = 0;
}

/* Nothing: it changes nothing in that state. */
static void (*const on[STATES][EVENTS])(uint64_t id) = {
	[IDLE] = { [SHOWPAY_RESERVES] = reserve },
	[RESERVED] = { [SHOWPAY_RESERVES] = reserve,
		       [AUTH_GRANTS] = grant,
		       [DISPLAY_CONFIRMS] = foul,
		       [AFOUL] = foul,
		       [PEER_GONE] = gone,
		       [TIME_IS_UP] = late },
	[GRANTED] = { [SHOWPAY_RESERVES] = reserve,
		      [AUTH_ATTEMPTS] = foul,
		      [AUTH_GRANTS] = foul,
		      [DISPLAY_CONFIRMS] = sign,
		      [AFOUL] = foul,
		      [PEER_GONE] = gone,
		      [TIME_IS_UP] = late },
};

static void happens(enum event e, uint64_t id)
{
	if (on[d.state][e] != NULL)
		on[d.state][e](id);
}

/* The display. */

static void display_says(const struct payment_message *m)
{
	if (m->type == PAYMENT_TEXT) {
		/* Whatever is drawn before the PIN was right is not for us. */
		if (d.state != GRANTED || m->id != d.id || !payment_chunks_take(&d.drawn, m))
			d.drawn.len = 0;
	} else if (m->type == PAYMENT_CONFIRM && payment_message_valid(m) && m->length == 0 &&
		   m->id == d.id && payment_chunks_whole(&d.drawn, m)) {
		happens(DISPLAY_CONFIRMS, m->id);
	} else {
		happens(AFOUL, m->id);
	}
}

/* Show-and-pay. */

static void showpay_says(const struct payment_message *m)
{
	bool empty = payment_message_valid(m) && m->length == 0 && m->value == 0;

	if (empty && m->type == PAYMENT_RESERVE) {
		happens(SHOWPAY_RESERVES, m->id);
	} else if (empty && m->type == PAYMENT_RECEIPT) {
		d.sending = secret.store.state.paid_id != 0;
		d.sending_id = m->id;
		d.sent = 0;
		if (!d.sending)
			tell_showpay(PAYMENT_SIGNED, m->id, 0, NULL, 0);
	} else {
		log_guest(&strays, "show-and-pay sends what is no message");
	}
}

/* The receipt, as far as there is room; the bell brings us back. */
static void send_receipt(void)
{
	const struct store_state *s = &secret.store.state;
	struct payment_message m;

	while (d.sending) {
		uint32_t next = d.sent;

		if (next < s->receipt_len) {
			next = payment_chunk(&m, d.sending_id, s->receipt, s->receipt_len,
					     next);
		} else {
			m = (struct payment_message){ .type = PAYMENT_SIGNED,
						      .length = sizeof(s->signatures),
						      .id = d.sending_id,
						      .value = s->receipt_len };
			memcpy(m.bytes, &s->signatures, sizeof(s->signatures));
		}
		if (critical_send(d.to_showpay, &m) != CHAN_OK)
			return;
		d.sending = m.type == PAYMENT_TEXT;
		d.sent = next;
	}
}

/* The authentication. */

static void tell_auth(enum verifier_type type, uint64_t id)
{
	const struct store_state *s = &secret.store.state;
	struct verifier_message m = { .type = type, .id = id, .tries = s->tries };

	if (type == VERIFIER_IS)
		memcpy(m.verifier, s->verifier, sizeof(m.verifier));
	else
		m.verifier[0] = type == VERIFIER_DONE && s->verifier[0] != '\0';
	if (critical_send(d.to_auth, &m) != CHAN_OK)
		log_guest(&strays, "the authentication takes no messages");
	sodium_memzero(&m, sizeof(m));
}

/* One try is gone before the verifier is out, whatever happens then. */
static void attempt(uint64_t id)
{
	struct store_state *s = &secret.store.state;

	happens(AUTH_ATTEMPTS, id);
	d.attempt = 0;
	d.may_store = false;
	if (s->verifier[0] == '\0') {
		tell_auth(VERIFIER_IS, id);
	} else if (s->tries == 0) {
		tell_auth(VERIFIER_NONE_LEFT, id);
	} else {
		s->tries--;
		if (!save())
			return;
		d.attempt = id;
		tell_auth(VERIFIER_IS, id);
	}
}

/* Of an attempt, once; for the payment that it was made for, or for none: then the PIN may be changed. */
static void right(uint64_t id)
{
	struct store_state *s = &secret.store.state;
	bool allowed = d.attempt != 0 &&
		       (id == 0 || (id == d.attempt && id == d.id && d.state == RESERVED));

	d.attempt = 0;
	d.may_store = false;
	if (!allowed) {
		happens(AFOUL, id);
		tell_auth(VERIFIER_UNABLE, id);
		return;
	}
	s->tries = d.tries;
	if (!save())
		return;
	d.may_store = id == 0;
	if (id != 0)
		happens(AUTH_GRANTS, id);
	tell_auth(VERIFIER_DONE, id);
}

static void store_verifier(const struct verifier_message *m)
{
	struct store_state *s = &secret.store.state;

	if (!d.may_store && s->verifier[0] != '\0') {
		tell_auth(VERIFIER_UNABLE, m->id);
		return;
	}
	d.may_store = false;
	d.attempt = 0;
	memcpy(s->verifier, m->verifier, sizeof(s->verifier));
	s->tries = d.tries;
	if (save())
		tell_auth(VERIFIER_DONE, m->id);
}

/* What a type does not use is 0; a text ends, and nothing is behind its end. */
static bool verifier_message_valid(const struct verifier_message *m)
{
	size_t len = strnlen(m->verifier, sizeof(m->verifier));

	for (size_t i = len; i < sizeof(m->verifier); i++)
		if (m->verifier[i] != '\0')
			return false;
	return m->tries == 0 && len < sizeof(m->verifier) &&
	       (len > 0) == (m->type == VERIFIER_STORE) &&
	       (m->id != 0 || m->type == VERIFIER_RIGHT);
}

static void auth_says(const struct verifier_message *m)
{
	bool valid = verifier_message_valid(m);

	if (valid && m->type == VERIFIER_ATTEMPT) {
		attempt(m->id);
	} else if (valid && m->type == VERIFIER_RIGHT) {
		right(m->id);
	} else if (valid && m->type == VERIFIER_STORE) {
		store_verifier(m);
	} else if (valid && m->type == VERIFIER_ASK) {
		const struct store_state *s = &secret.store.state;
		bool locked = s->verifier[0] != '\0' && s->tries == 0;

		tell_auth(locked ? VERIFIER_NONE_LEFT : VERIFIER_DONE, m->id);
	} else {
		log_guest(&strays, "the authentication sends what is no message");
		tell_auth(VERIFIER_UNABLE, m->id);
	}
}

/* An end that went away takes with it what it has said, and what was asked on its behalf. */
static void end_gone(const struct critical_end *end)
{
	if (end == d.from_auth || end == d.to_auth) {
		d.attempt = 0;
		d.may_store = false;
	}
	if (end == d.from_showpay || end == d.to_showpay)
		d.sending = false;
	happens(PEER_GONE, 0);
}

void storage_notified(struct critical_end *end)
{
	struct payment_message payment;
	struct verifier_message verifier;

	if (!end->open)
		end_gone(end);
	while (end == d.display && critical_recv(end, &payment) == CHAN_OK)
		display_says(&payment);
	while (end == d.from_showpay && critical_recv(end, &payment) == CHAN_OK)
		showpay_says(&payment);
	while (end == d.from_auth && critical_recv(end, &verifier) == CHAN_OK)
		auth_says(&verifier);
	sodium_memzero(&verifier, sizeof(verifier));
	send_receipt();
}

uint64_t storage_tick(uint64_t now_ms)
{
	d.now_ms = now_ms;
	if (now_ms >= d.due_ms) {
		d.due_ms = UINT64_MAX;
		happens(TIME_IS_UP, d.id);
	}
	return d.due_ms;
}

void storage_close(void)
{
	sodium_memzero(&secret, sizeof(secret));
}

/* The only end of that direction and size; from or to `peer`, or, if `other`, anybody else. */
static struct critical_end *find(struct critical *c, enum channel_role role, size_t size,
				 const char *peer, bool other)
{
	struct critical_end *found = NULL;

	for (unsigned i = 0; i < c->config.channel_count; i++) {
		const struct critical_channel *k = &c->config.channel[i];
		const char *end = role == CHANNEL_READER ? k->from : k->to;

		if (k->role != (uint32_t)role || k->geometry.message_size != size ||
		    (peer != NULL && (strcmp(end, peer) == 0) == other))
			continue;
		if (found != NULL)
			return NULL;
		found = &c->end[i];
	}
	return found;
}

static bool find_ends(struct critical *c)
{
	const char *showpay;

	d.to_showpay = find(c, CHANNEL_WRITER, sizeof(struct payment_message), NULL, false);
	if (d.to_showpay == NULL)
		return false;
	showpay = c->config.channel[d.to_showpay - c->end].to;
	d.from_showpay =
		find(c, CHANNEL_READER, sizeof(struct payment_message), showpay, false);
	d.display = find(c, CHANNEL_READER, sizeof(struct payment_message), showpay, true);
	d.from_auth = find(c, CHANNEL_READER, sizeof(struct verifier_message), NULL, false);
	d.to_auth = find(c, CHANNEL_WRITER, sizeof(struct verifier_message), NULL, false);
	return d.from_showpay != NULL && d.display != NULL && d.from_auth != NULL &&
	       d.to_auth != NULL && c->config.channel_count == 5;
}

static bool open_store(const struct store_files *f)
{
	struct store *s = &secret.store;

	if (mlock(&secret, sizeof(secret)) < 0)
		log_warn(
			"its secrets may be swapped out: the limit of locked memory is too low");
	switch (store_load(s, f)) {
	case STORE_EMPTY:
		if (!store_create(s, NULL))
			return false;
		log_info("a new store is made, with new keys");
		break;
	case STORE_FOUND:
		if (!store_begin(s))
			return false;
		break;
	case STORE_REFUSED:
		return false;
	}
	store_keys(s->state.receipt_seed, d.keys.key, secret.receipt_secret);
	store_keys(s->state.confirmation_seed, d.keys.confirmation_key,
		   secret.confirmation_secret);
	d.keys.count = s->state.count + 1;
	if (s->state.tries > d.tries)
		s->state.tries = d.tries;
	return true;
}

enum status storage_open(struct critical *c)
{
	struct storage_settings settings;
	struct store_files f;

	memcpy(&settings, c->config.settings, sizeof(settings));
	memset(&d, 0, sizeof(d));
	if (!find_ends(c) || c->config.resource_count != STORAGE_ANCHOR + 1 ||
	    settings.tries < 1 || settings.tries > PIN_TRIES || sodium_init() < 0) {
		log_error("it needs its store, 1 to %d tries for a PIN, and channels from the "
			  "display, and from and to show-and-pay and the authentication",
			  PIN_TRIES);
		return STATUS_NOT_STARTED;
	}
	d.tries = settings.tries;
	d.due_ms = UINT64_MAX;
	f = (struct store_files){ .key = critical_resource(c, STORAGE_KEY),
				  .slot = { critical_resource(c, STORAGE_SLOT_A),
					    critical_resource(c, STORAGE_SLOT_B) },
				  .anchor = critical_resource(c, STORAGE_ANCHOR),
				  .tpm_index = settings.tpm_index };
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (!open_store(&f))
		return STATUS_FAILED;
	close(f.key); /* what it opens is in the slots' key */
	return STATUS_OK;
}
