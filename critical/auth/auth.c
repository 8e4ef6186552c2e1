/* SPDX-License-Identifier: ISC */
#include "auth.h"

#include "critical_settings.h"
#include "log.h"
#include "payment_messages.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>

/* What a guess costs whoever has the verifier: README.md has the figures. */
#define OPERATIONS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY	   crypto_pwhash_MEMLIMIT_INTERACTIVE /* bytes, mapped while it computes */
_Static_assert(crypto_pwhash_STRBYTES == VERIFIER_MAX, "a verifier fits");

#define ANSWER_MS 5000 /* the storage answers at once, or not at all */

/* What the storage was asked last. */
enum state {
	IDLE,
	ATTEMPTING, /* to take a try away, for PIN_TRY */
	GRANTING,   /* to note that it was right */
	PROVING,    /* to take a try away, for PIN_CHANGE */
	PERMITTING, /* to note that the old one was right */
	STORING,    /* to keep the new verifier */
	ASKING,	    /* how many tries there are */
	STATES
};

enum event {
	STORAGE_VERIFIER, /* a try is gone */
	STORAGE_DONE,
	STORAGE_NONE_LEFT,
	STORAGE_UNABLE,
	STORAGE_GONE,
	DISPLAY_GONE,
	TIME_IS_UP,
	EVENTS
};

static struct {
	struct critical_end *from_display, *to_display, *from_storage, *to_storage;
	enum state state;
	uint64_t now_ms, due_ms;
	struct pin_message asked;     /* with its PINs, until it is answered */
	struct verifier_message said; /* by the storage */
} d;

static struct log_limit strays;

static void answer(enum pin_answer_type type)
{
	struct pin_answer a = { .type = type, .id = d.asked.id, .tries = d.said.tries };

	/* Whoever asked need not know of an answer that is late. */
	if (critical_send(d.to_display, &a) != CHAN_OK)
		log_guest(&strays, "the display takes no messages");
	sodium_memzero(&d.asked, sizeof(d.asked));
	sodium_memzero(&d.said, sizeof(d.said));
	d.state = IDLE;
	d.due_ms = UINT64_MAX;
}

static void ask_storage(enum state s, struct verifier_message *m)
{
	enum chan_status st = critical_send(d.to_storage, m);

	sodium_memzero(m, sizeof(*m));
	sodium_memzero(&d.said, sizeof(d.said));
	if (st != CHAN_OK) {
		answer(PIN_UNABLE);
		return;
	}
	d.state = s;
	d.due_ms = d.now_ms + ANSWER_MS;
}

static void ask(enum state s, enum verifier_type type, uint64_t id)
{
	struct verifier_message m = { .type = type, .id = id };

	ask_storage(s, &m);
}

static void store_new_pin(void)
{
	struct verifier_message m = { .type = VERIFIER_STORE, .id = d.asked.id };

	if (crypto_pwhash_str(m.verifier, d.asked.new_pin, strlen(d.asked.new_pin), OPERATIONS,
			      MEMORY) != 0) {
		log_error("there is no memory to compute a verifier");
		answer(PIN_UNABLE);
		return;
	}
	ask_storage(STORING, &m);
}

/* If there is no memory for it, it counts as wrong. */
static bool pin_right(void)
{
	return crypto_pwhash_str_verify(d.said.verifier, d.asked.pin, strlen(d.asked.pin)) == 0;
}

/* What the storage's answers mean in which state. */

static void wrong(void)
{
	answer(d.said.tries > 0 ? PIN_WRONG : PIN_LOCKED);
}

static void judge(void)
{
	if (d.said.verifier[0] == '\0')
		answer(PIN_UNSET);
	else if (pin_right())
		ask(GRANTING, VERIFIER_RIGHT, d.asked.id);
	else
		wrong();
}

static void judge_change(void)
{
	bool unset = d.said.verifier[0] == '\0';

	if (unset && d.asked.pin[0] == '\0')
		store_new_pin(); /* the first one */
	else if (unset)
		answer(PIN_UNSET);
	else if (pin_right())
		ask(PERMITTING, VERIFIER_RIGHT, 0);
	else
		wrong();
}

static void right(void)
{
	answer(PIN_RIGHT);
}

static void tell_tries(void)
{
	answer(d.said.verifier[0] != '\0' ? PIN_IS_SET : PIN_UNSET);
}

static void locked(void)
{
	answer(PIN_LOCKED);
}

static void unable(void)
{
	answer(PIN_UNABLE);
}

/* Nothing: it means nothing in that state, and is not waited for. */
static void (*const on[STATES][EVENTS])(void) = {
	[IDLE] = { NULL },
	[ATTEMPTING] = { [STORAGE_VERIFIER] = judge,
			 [STORAGE_NONE_LEFT] = locked,
			 [STORAGE_UNABLE] = unable,
			 [STORAGE_GONE] = unable,
			 [DISPLAY_GONE] = unable,
			 [TIME_IS_UP] = unable },
	[GRANTING] = { [STORAGE_DONE] = right,
		       [STORAGE_UNABLE] = unable,
		       [STORAGE_GONE] = unable,
		       [DISPLAY_GONE] = unable,
		       [TIME_IS_UP] = unable },
	[PROVING] = { [STORAGE_VERIFIER] = judge_change,
		      [STORAGE_NONE_LEFT] = locked,
		      [STORAGE_UNABLE] = unable,
		      [STORAGE_GONE] = unable,
		      [DISPLAY_GONE] = unable,
		      [TIME_IS_UP] = unable },
	[PERMITTING] = { [STORAGE_DONE] = store_new_pin,
			 [STORAGE_UNABLE] = unable,
			 [STORAGE_GONE] = unable,
			 [DISPLAY_GONE] = unable,
			 [TIME_IS_UP] = unable },
	[STORING] = { [STORAGE_DONE] = right,
		      [STORAGE_UNABLE] = unable,
		      [STORAGE_GONE] = unable,
		      [DISPLAY_GONE] = unable,
		      [TIME_IS_UP] = unable },
	[ASKING] = { [STORAGE_DONE] = tell_tries,
		     [STORAGE_NONE_LEFT] = locked,
		     [STORAGE_UNABLE] = unable,
		     [STORAGE_GONE] = unable,
		     [DISPLAY_GONE] = unable,
		     [TIME_IS_UP] = unable },
};

static void happens(enum event e)
{
	if (on[d.state][e] != NULL)
		on[d.state][e]();
}

static void storage_says(void)
{
	/* What the permission of a change is answered with has no id, as it was asked. */
	uint64_t id = d.state == PERMITTING ? 0 : d.asked.id;

	if (d.state == IDLE || d.said.id != id || d.said.verifier[VERIFIER_MAX - 1] != '\0' ||
	    d.said.tries > PIN_TRIES) {
		log_guest(&strays, "an answer of the storage's to no question is ignored");
		return;
	}
	switch (d.said.type) {
	case VERIFIER_IS:
		happens(STORAGE_VERIFIER);
		break;
	case VERIFIER_DONE:
		happens(STORAGE_DONE);
		break;
	case VERIFIER_NONE_LEFT:
		happens(STORAGE_NONE_LEFT);
		break;
	case VERIFIER_UNABLE:
		happens(STORAGE_UNABLE);
		break;
	default: /* it may say anything */
		log_guest(&strays, "the storage sends what is no message");
	}
}

/* The display. */

/* `min` to PIN_MAX digits, and NULs behind them. */
static bool digits(const char pin[PIN_MAX + 4], size_t min)
{
	size_t len = strnlen(pin, PIN_MAX + 4);

	for (size_t i = len; i < PIN_MAX + 4; i++)
		if (pin[i] != '\0')
			return false;
	return len >= min && len <= PIN_MAX && strspn(pin, "0123456789") == len;
}

static bool none(const char pin[PIN_MAX + 4])
{
	return pin[0] == '\0' && digits(pin, 0);
}

static bool pin_message_valid(const struct pin_message *m)
{
	if (m->id == 0 || m->reserved != 0)
		return false;
	switch (m->type) {
	case PIN_TRY:
		return digits(m->pin, PIN_MIN) && none(m->new_pin);
	case PIN_CHANGE:
		return (none(m->pin) || digits(m->pin, PIN_MIN)) && digits(m->new_pin, PIN_MIN);
	case PIN_ASK:
		return none(m->pin) && none(m->new_pin);
	default: /* it may say anything */
		return false;
	}
}

static bool nothing(const struct pin_message *m)
{
	const struct pin_message is = { .type = PIN_NOTHING };

	return sodium_memcmp(m, &is, sizeof(is)) == 0;
}

static void display_says(struct pin_message *m)
{
	struct pin_answer no = { .type = PIN_UNABLE, .id = m->id };
	bool good = d.state == IDLE && pin_message_valid(m);

	if (!good) {
		log_guest(&strays, "a question of the display's is refused");
		if (critical_send(d.to_display, &no) != CHAN_OK)
			log_guest(&strays, "the display takes no messages");
	} else {
		d.asked = *m;
	}
	sodium_memzero(m, sizeof(*m));
	if (!good)
		return;
	if (d.asked.type == PIN_TRY)
		ask(ATTEMPTING, VERIFIER_ATTEMPT, d.asked.id);
	else if (d.asked.type == PIN_CHANGE)
		ask(PROVING, VERIFIER_ATTEMPT, d.asked.id);
	else
		ask(ASKING, VERIFIER_ASK, d.asked.id);
}

void auth_notified(struct critical_end *end)
{
	struct pin_message m;

	if (!end->open && (end == d.from_storage || end == d.to_storage))
		happens(STORAGE_GONE);
	if (!end->open && (end == d.from_display || end == d.to_display))
		happens(DISPLAY_GONE);
	while (end == d.from_storage && critical_recv(end, &d.said) == CHAN_OK) {
		storage_says();
		sodium_memzero(&d.said, sizeof(d.said));
	}
	while (end == d.from_display && critical_recv(end, &m) == CHAN_OK)
		if (!nothing(&m))
			display_says(&m);
}

uint64_t auth_tick(uint64_t now_ms)
{
	d.now_ms = now_ms;
	if (now_ms >= d.due_ms) {
		d.due_ms = UINT64_MAX;
		happens(TIME_IS_UP);
	}
	return d.due_ms;
}

void auth_close(void)
{
	sodium_memzero(&d, sizeof(d));
}

/* The only end of that direction and size. */
static struct critical_end *find(struct critical *c, enum channel_role role, size_t size)
{
	struct critical_end *found = NULL;

	for (unsigned i = 0; i < c->config.channel_count; i++) {
		if (c->config.channel[i].role != (uint32_t)role ||
		    c->config.channel[i].geometry.message_size != size)
			continue;
		if (found != NULL)
			return NULL;
		found = &c->end[i];
	}
	return found;
}

enum status auth_open(struct critical *c)
{
	memset(&d, 0, sizeof(d));
	d.due_ms = UINT64_MAX;
	d.from_display = find(c, CHANNEL_READER, sizeof(struct pin_message));
	d.to_display = find(c, CHANNEL_WRITER, sizeof(struct pin_answer));
	d.from_storage = find(c, CHANNEL_READER, sizeof(struct verifier_message));
	d.to_storage = find(c, CHANNEL_WRITER, sizeof(struct verifier_message));
	if (d.from_display == NULL || d.to_display == NULL || d.from_storage == NULL ||
	    d.to_storage == NULL || c->config.resource_count != 0 || sodium_init() < 0) {
		log_error("it needs channels from and to the display and the storage");
		return STATUS_NOT_STARTED;
	}
	if (mlock(&d, sizeof(d)) < 0)
		log_warn("PINs may be swapped out: the limit of locked memory is too low");
	return STATUS_OK;
}
