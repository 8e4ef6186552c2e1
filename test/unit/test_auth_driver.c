/* SPDX-License-Identifier: ISC */
#include "test_auth_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct driver driver;

/* Its one struct begins anew with each test. */
#include "auth.c"

enum end { FROM_DISPLAY, TO_DISPLAY, FROM_STORAGE, TO_STORAGE, ENDS };

static struct critical critical;
static const void *waiting;
static size_t waiting_size;
static struct pin_message asked; /* by the display, and not answered */
static bool proven;		 /* the PIN fitted a verifier that cost a try */
static bool stored;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "auth: %s\n", what);
	abort();
}

int __wrap_crypto_pwhash_str(char out[VERIFIER_MAX], const char *passwd, unsigned long long len,
			     unsigned long long operations, size_t memory);
int __wrap_crypto_pwhash_str_verify(const char *str, const char *passwd,
				    unsigned long long len);

void driver_hash(const char *pin, char verifier[VERIFIER_MAX])
{
	memset(verifier, 0, VERIFIER_MAX);
	snprintf(verifier, VERIFIER_MAX, "$fast$%s", pin);
}

int __wrap_crypto_pwhash_str(char out[VERIFIER_MAX], const char *passwd, unsigned long long len,
			     unsigned long long operations, size_t memory)
{
	must(strlen(passwd) == len && len >= PIN_MIN && len <= PIN_MAX, "a PIN that is none");
	must(operations >= 2 && memory >= 64 << 20, "a cheap verifier");
	driver_hash(passwd, out);
	driver.hashes++;
	return 0;
}

int __wrap_crypto_pwhash_str_verify(const char *str, const char *passwd, unsigned long long len)
{
	char verifier[VERIFIER_MAX];

	must(strlen(passwd) == len, "a PIN of another length");
	driver_hash(passwd, verifier);
	driver.hashes++;
	return strcmp(str, verifier) == 0 ? 0 : -1;
}

static void honest_storage(const struct verifier_message *m)
{
	switch ((enum verifier_type)m->type) {
	case VERIFIER_ATTEMPT:
		if (driver.verifier[0] != '\0' && driver.tries == 0) {
			driver_storage_says(VERIFIER_NONE_LEFT, m->id, "", 0);
			return;
		}
		if (driver.verifier[0] != '\0')
			driver.tries--;
		driver_storage_says(VERIFIER_IS, m->id, driver.verifier, driver.tries);
		return;
	case VERIFIER_RIGHT:
		driver.tries = PIN_TRIES;
		driver.granted = m->id;
		driver_storage_says(VERIFIER_DONE, m->id, "\1", driver.tries);
		return;
	case VERIFIER_STORE:
		memcpy(driver.verifier, m->verifier, VERIFIER_MAX);
		driver.tries = PIN_TRIES;
		driver_storage_says(VERIFIER_DONE, m->id, "\1", driver.tries);
		return;
	case VERIFIER_ASK:
		if (driver.verifier[0] != '\0' && driver.tries == 0)
			driver_storage_says(VERIFIER_NONE_LEFT, m->id, "", 0);
		else
			driver_storage_says(VERIFIER_DONE, m->id,
					    driver.verifier[0] != '\0' ? "\1" : "",
					    driver.tries);
		return;
	case VERIFIER_IS:
	case VERIFIER_DONE:
	case VERIFIER_NONE_LEFT:
	case VERIFIER_UNABLE:
		break;
	}
	must(false, "a message that is the storage's");
}

static void hear_storage(const struct verifier_message *m)
{
	size_t len = strnlen(m->verifier, VERIFIER_MAX);

	must(asked.type != 0, "asks the storage on its own");
	must(m->tries == 0, "tries are the storage's to say");
	must((m->type == VERIFIER_STORE) == (len > 0) && len < VERIFIER_MAX, "a verifier");
	if (m->type == VERIFIER_RIGHT) {
		must(proven, "a grant for a PIN that was not right");
		must(m->id == (asked.type == PIN_TRY ? asked.id : 0), "a grant for another");
	} else {
		must(m->id == asked.id, "another id than the question's");
	}
	if (m->type == VERIFIER_STORE) {
		must(asked.type == PIN_CHANGE, "a verifier that nobody wanted");
		stored = true;
	}
	driver.asked = *m;
}

static void hear_display(const struct pin_answer *a)
{
	must(a->padding[0] == 0 && a->padding[1] == 0, "padding");
	driver.answer = *a;
	if (a->type == PIN_RIGHT) {
		must(a->id == asked.id && (asked.type == PIN_TRY ? proven : stored),
		     "right, and it was not");
		must(asked.type == PIN_TRY || asked.type == PIN_CHANGE, "right, to no PIN");
	}
}

enum chan_status critical_send(struct critical_end *e, const void *message)
{
	struct verifier_message v;
	struct pin_answer a;

	if (!e->open || (driver.deaf && e == &critical.end[TO_STORAGE]))
		return e->open ? CHAN_AGAIN : CHAN_BROKEN;
	if (e == &critical.end[TO_STORAGE]) {
		memcpy(&v, message, sizeof(v));
		hear_storage(&v);
	} else {
		must(e == &critical.end[TO_DISPLAY], "writes to what it reads");
		memcpy(&a, message, sizeof(a));
		hear_display(&a);
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

static void set_channel(enum end i, enum channel_role role, uint32_t size)
{
	critical.config.channel[i].role = (uint32_t)role;
	critical.config.channel[i].geometry = (struct chan_geometry){ 8, size };
	critical.end[i].config = &critical.config.channel[i];
	critical.end[i].open = true;
}

void driver_open(bool honest)
{
	memset(&critical, 0, sizeof(critical));
	memset(&asked, 0, sizeof(asked));
	proven = stored = false;
	driver = (struct driver){ .now_ms = 1000, .honest = honest, .tries = PIN_TRIES };
	set_channel(FROM_DISPLAY, CHANNEL_READER, sizeof(struct pin_message));
	set_channel(TO_DISPLAY, CHANNEL_WRITER, sizeof(struct pin_answer));
	set_channel(FROM_STORAGE, CHANNEL_READER, sizeof(struct verifier_message));
	set_channel(TO_STORAGE, CHANNEL_WRITER, sizeof(struct verifier_message));
	critical.config.channel_count = ENDS;
	must(auth_open(&critical) == STATUS_OK, "it does not begin");
	auth_tick(driver.now_ms);
}

static void check(void)
{
	must(d.state < STATES, "a state that is none");
	must(d.state != IDLE || driver_wiped(), "a PIN is kept");
	if (d.state == IDLE)
		memset(&asked, 0, sizeof(asked));
}

static void deliver(enum end end, const void *message, size_t size)
{
	driver.now_ms++;
	auth_tick(driver.now_ms);
	waiting = message;
	waiting_size = size;
	auth_notified(&critical.end[end]);
	check();
	while (driver.honest && driver.asked.type != 0) {
		struct verifier_message m = driver.asked;

		driver.asked.type = 0;
		honest_storage(&m);
	}
}

void driver_display(const struct pin_message *m)
{
	driver.answer.type = 0;
	if (d.state == IDLE) {
		asked = *m;
		proven = stored = false;
	}
	deliver(FROM_DISPLAY, m, sizeof(*m));
}

void driver_pin(enum pin_type type, uint64_t id, const char *pin, const char *new_pin)
{
	struct pin_message m = { .type = type, .id = id };

	memcpy(m.pin, pin, strlen(pin));
	memcpy(m.new_pin, new_pin, strlen(new_pin));
	driver_display(&m);
}

void driver_storage(const struct verifier_message *m)
{
	char fits[VERIFIER_MAX], pin[sizeof(asked.pin) + 1] = "";

	memcpy(pin, asked.pin, sizeof(asked.pin));
	driver_hash(pin, fits);
	proven |= (d.state == ATTEMPTING || d.state == PROVING) && m->type == VERIFIER_IS &&
		  m->id == asked.id && strncmp(m->verifier, fits, VERIFIER_MAX) == 0;
	deliver(FROM_STORAGE, m, sizeof(*m));
}

void driver_storage_says(enum verifier_type type, uint64_t id, const char *verifier,
			 uint32_t tries)
{
	struct verifier_message m = { .type = type, .id = id, .tries = tries };

	snprintf(m.verifier, sizeof(m.verifier), "%s", verifier);
	driver_storage(&m);
}

static void restart(enum end one, enum end other)
{
	for (unsigned open = 0; open < 2; open++) {
		critical.end[one].open = critical.end[other].open = open != 0;
		auth_notified(&critical.end[one]);
		auth_notified(&critical.end[other]);
	}
	must(d.state == IDLE, "it goes on for whom is gone");
	check();
}

void driver_restart_storage(void)
{
	restart(FROM_STORAGE, TO_STORAGE);
}

void driver_restart_display(void)
{
	restart(FROM_DISPLAY, TO_DISPLAY);
}

void driver_wait(uint64_t ms)
{
	driver.now_ms += ms;
	auth_tick(driver.now_ms);
	check();
}

unsigned driver_state(void)
{
	return d.state;
}

bool driver_wiped(void)
{
	return sodium_is_zero((const uint8_t *)&d.asked, sizeof(d.asked)) &&
	       sodium_is_zero((const uint8_t *)&d.said, sizeof(d.said));
}
