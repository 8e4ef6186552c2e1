/* SPDX-License-Identifier: ISC */
/* The storage: every state and message, a disk that fails everywhere, and files that were changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_storage_driver.h"

#define VERIFIER "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaA"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A store with a PIN, that serves. */
static void start(void)
{
	driver_reset();
	assert_true(driver_start());
	driver_verifier(VERIFIER_STORE, 1, VERIFIER);
	assert_int_equal(driver.auth.type, VERIFIER_DONE);
}

static void grant(uint64_t id)
{
	driver_verifier(VERIFIER_ATTEMPT, id, "");
	driver_verifier(VERIFIER_RIGHT, id, "");
}

static void pay(uint64_t id, const char *note)
{
	char text[PAYMENT_TEXT_MAX];
	size_t len;

	driver_reserve(id);
	grant(id);
	len = driver_text(text, note);
	driver_draw(id, text, len);
	driver_confirm(id, len);
}

static void test_payment(void **state)
{
	struct payment_signatures first;

	(void)state;
	start();
	pay(7, "one");
	assert_int_equal(driver.signatures, 1);
	assert_int_equal(driver.signed_id, 7);
	assert_int_equal(driver.signed_count, 1);
	first = driver.signature;
	driver_ask_receipt();
	assert_int_equal(driver.signatures, 2);
	assert_memory_equal(&first, &driver.signature, sizeof(first));
	pay(8, "");
	assert_int_equal(driver.signed_count, 2);
	/* After a new start the same receipt, and the next count. */
	first = driver.signature;
	driver_died();
	assert_true(driver_start());
	driver_ask_receipt();
	assert_memory_equal(&first, &driver.signature, sizeof(first));
	pay(9, "");
	assert_int_equal(driver.signed_count, 3);
}

/* attack_K4: what was signed is sent again, never signed again, whoever asks how. */
static void test_attack_K4_never_twice(void **state)
{
	char text[PAYMENT_TEXT_MAX];
	size_t len;

	(void)state;
	start();
	pay(7, "one");
	len = driver_text(text, "one");
	driver_confirm(7, len);
	driver_draw(7, text, len);
	driver_confirm(7, len);
	assert_int_equal(driver.signatures, 1);
	driver_reserve(7);
	assert_false(driver.reserved_ok);
	driver_died();
	assert_true(driver_start());
	driver_reserve(7);
	assert_false(driver.reserved_ok);
	/* A receipt that does not fit into the channel goes on when there is room. */
	driver.room = 1;
	driver_ask_receipt();
	assert_int_equal(driver.signatures, 1);
	for (unsigned i = 0; i < 10 && driver.signatures == 1; i++) {
		driver.room = 1;
		driver_wait(0);
		driver_restart(PEER_DISPLAY); /* a bell of any end */
	}
	assert_int_equal(driver.signatures, 2);
}

/* attack_K2, attack_K3, attack_K7, attack_K9: another text than the one that may be signed next. */
static void test_attack_K2_K3_K7_K9_other_texts(void **state)
{
	static const struct {
		const char *name, *old, *new;
	} rows[] = {
		{ "another key", "Key: ", NULL },
		{ "the count before", "Count: 2", "Count: 1" },
		{ "the count after", "Count: 2", "Count: 3" },
		{ "another version", "payment 1", "payment 0" },
		{ "a wrong sum", "= 9.00", "= 8.00" },
		{ "cut off", "\nKey", "\0Key" },
	};
	char text[PAYMENT_TEXT_MAX], *at;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		start();
		pay(7, "");
		driver_reserve(8);
		grant(8);
		len = driver_text(text, "");
		text[len] = '\0';
		at = strstr(text, rows[i].old);
		assert_non_null(at);
		if (rows[i].new != NULL)
			memcpy(at, rows[i].new, strlen(rows[i].old));
		else
			at[5] = at[5] == '0' ? '1' : '0';
		driver_draw(8, text, len);
		driver_confirm(8, len);
		if (driver.signatures != 1)
			fail_msg("signed: %s", rows[i].name);
		assert_int_equal(driver.refused, 1);
		assert_int_equal(driver_state(), 0);
	}
	/* The text of one payment, the confirmation of another. */
	start();
	driver_reserve(8);
	grant(8);
	len = driver_text(text, "");
	driver_draw(9, text, len);
	driver_confirm(8, len);
	assert_int_equal(driver.signatures, 0);
	/* A text that was there before the PIN was. */
	start();
	driver_reserve(8);
	len = driver_text(text, "");
	driver_draw(8, text, len);
	grant(8);
	driver_confirm(8, len);
	assert_int_equal(driver.signatures, 0);
	/* Two halves of two texts. */
	start();
	driver_reserve(8);
	grant(8);
	len = driver_text(text, "a");
	driver_draw(8, text, len / 2);
	driver_draw(8, text, len);
	driver_confirm(8, len / 2);
	assert_int_equal(driver.signatures, 0);
}

/*
 * attack_P5: every message in every state: which state follows, and what is answered. The states
 * are idle, reserved, granted, in this order; id 7 is the payment's.
 */
enum message {
	RESERVE_SAME,
	RESERVE_OTHER,
	ATTEMPT_SAME,
	ATTEMPT_OTHER,
	RIGHT_SAME,
	RIGHT_OTHER,
	RIGHT_NONE,
	STORE_ONE,
	ASK_TRIES,
	DRAW,
	CONFIRM_SAME,
	CONFIRM_OTHER,
	RECEIPT,
	GARBAGE_SHOWPAY,
	GARBAGE_DISPLAY,
	GARBAGE_AUTH,
	WAIT_SHORT,
	WAIT_LONG,
	DISPLAY_GOES,
	SHOWPAY_GOES,
	AUTH_GOES,
	MESSAGES
};

static void send(enum message m)
{
	static const struct payment_message garbage = { .type = 77, .id = 7 };
	static const struct verifier_message nonsense = { .type = VERIFIER_RIGHT, .tries = 3 };
	static char text[PAYMENT_TEXT_MAX];
	size_t len = driver.reserved.count > 0 ? driver_text(text, "") : 0;

	switch (m) {
	case RESERVE_SAME:
		driver_reserve(7);
		return;
	case RESERVE_OTHER:
		driver_reserve(8);
		return;
	case ATTEMPT_SAME:
		driver_verifier(VERIFIER_ATTEMPT, 7, "");
		return;
	case ATTEMPT_OTHER:
		driver_verifier(VERIFIER_ATTEMPT, 8, "");
		return;
	case RIGHT_SAME:
		driver_verifier(VERIFIER_RIGHT, 7, "");
		return;
	case RIGHT_OTHER:
		driver_verifier(VERIFIER_RIGHT, 8, "");
		return;
	case RIGHT_NONE:
		driver_verifier(VERIFIER_RIGHT, 0, "");
		return;
	case STORE_ONE:
		driver_verifier(VERIFIER_STORE, 5, VERIFIER);
		return;
	case ASK_TRIES:
		driver_verifier(VERIFIER_ASK, 5, "");
		return;
	case DRAW:
		driver_draw(7, text, len);
		return;
	case CONFIRM_SAME:
		driver_confirm(7, len);
		return;
	case CONFIRM_OTHER:
		driver_confirm(8, len);
		return;
	case RECEIPT:
		driver_ask_receipt();
		return;
	case GARBAGE_SHOWPAY:
		driver_showpay(&garbage);
		return;
	case GARBAGE_DISPLAY:
		driver_display(&garbage);
		return;
	case GARBAGE_AUTH:
		driver_auth(&nonsense);
		return;
	case WAIT_SHORT:
		driver_wait(40000);
		return;
	case WAIT_LONG:
		driver_wait(1000000);
		return;
	case DISPLAY_GOES:
		driver_restart(PEER_DISPLAY);
		return;
	case SHOWPAY_GOES:
		driver_restart(PEER_SHOWPAY);
		return;
	case AUTH_GOES:
		driver_restart(PEER_AUTH);
		return;
	case MESSAGES:
		break;
	}
}

static void enter(unsigned state)
{
	start();
	if (state >= 1)
		send(RESERVE_SAME);
	if (state >= 2)
		grant(7);
	assert_int_equal(driver_state(), state);
}

static void test_attack_P5_state_and_message(void **state)
{
	static const struct {
		enum message message;
		unsigned then[3], answer[3];
	} rows[] = {
		{ RESERVE_SAME, { 1, 1, 1 }, { 0 } },
		{ RESERVE_OTHER, { 1, 1, 1 }, { 0 } },
		{ ATTEMPT_SAME, { 0, 1, 0 }, { VERIFIER_IS, VERIFIER_IS, VERIFIER_IS } },
		{ ATTEMPT_OTHER, { 0, 1, 0 }, { VERIFIER_IS, VERIFIER_IS, VERIFIER_IS } },
		/* Without an attempt before. */
		{ RIGHT_SAME,
		  { 0, 0, 0 },
		  { VERIFIER_UNABLE, VERIFIER_UNABLE, VERIFIER_UNABLE } },
		{ RIGHT_OTHER,
		  { 0, 0, 0 },
		  { VERIFIER_UNABLE, VERIFIER_UNABLE, VERIFIER_UNABLE } },
		{ RIGHT_NONE,
		  { 0, 0, 0 },
		  { VERIFIER_UNABLE, VERIFIER_UNABLE, VERIFIER_UNABLE } },
		{ STORE_ONE,
		  { 0, 1, 2 },
		  { VERIFIER_UNABLE, VERIFIER_UNABLE, VERIFIER_UNABLE } },
		{ ASK_TRIES, { 0, 1, 2 }, { VERIFIER_DONE, VERIFIER_DONE, VERIFIER_DONE } },
		{ DRAW, { 0, 1, 2 }, { 0 } },
		{ CONFIRM_SAME, { 0, 0, 0 }, { 0 } }, /* nothing was drawn */
		{ CONFIRM_OTHER, { 0, 0, 0 }, { 0 } },
		{ RECEIPT, { 0, 1, 2 }, { 0 } },
		{ GARBAGE_SHOWPAY, { 0, 1, 2 }, { 0 } },
		{ GARBAGE_DISPLAY, { 0, 0, 0 }, { 0 } },
		{ GARBAGE_AUTH,
		  { 0, 1, 2 },
		  { VERIFIER_UNABLE, VERIFIER_UNABLE, VERIFIER_UNABLE } },
		{ WAIT_SHORT, { 0, 1, 0 }, { 0 } },
		{ WAIT_LONG, { 0, 0, 0 }, { 0 } },
		{ DISPLAY_GOES, { 0, 0, 0 }, { 0 } },
		{ SHOWPAY_GOES, { 0, 0, 0 }, { 0 } },
		{ AUTH_GOES, { 0, 0, 0 }, { 0 } },
	};

	(void)state;
	assert_int_equal(COUNT(rows), MESSAGES);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (unsigned s = 0; s < 3; s++) {
			enter(s);
			driver.auth.type = 0;
			send(rows[i].message);
			if (driver_state() != rows[i].then[s] ||
			    driver.auth.type != rows[i].answer[s] || driver.signatures != 0)
				fail_msg("state %u, message %d: state %u, answer %x", s,
					 (int)rows[i].message, driver_state(),
					 driver.auth.type);
		}
}

/* attack_P5, attack_K1, attack_K4: every sequence of three messages from each state; the model says no. */
static void test_attack_P5_K1_K4_sequences(void **state)
{
	(void)state;
	for (unsigned s = 0; s < 3; s++)
		for (unsigned i = 0; i < MESSAGES * MESSAGES * MESSAGES; i++) {
			enter(s);
			send((enum message)(i % MESSAGES));
			send((enum message)(i / MESSAGES % MESSAGES));
			send((enum message)(i / MESSAGES / MESSAGES));
		}
}

/* attack_K13: tries go down before each guess, and only a right PIN brings them back. */
static void test_attack_K13_tries(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < PIN_TRIES; i++) {
		driver_verifier(VERIFIER_ATTEMPT, 20 + i, "");
		assert_int_equal(driver.auth.type, VERIFIER_IS);
		assert_int_equal(driver.auth.tries, PIN_TRIES - 1 - i);
		driver_died();
		assert_true(driver_start());
	}
	driver_verifier(VERIFIER_ATTEMPT, 30, "");
	assert_int_equal(driver.auth.type, VERIFIER_NONE_LEFT);
	assert_string_equal(driver.auth.verifier, "");
	driver_verifier(VERIFIER_ASK, 31, "");
	assert_int_equal(driver.auth.type, VERIFIER_NONE_LEFT);
	driver_verifier(VERIFIER_RIGHT, 0, "");
	assert_int_equal(driver.auth.type, VERIFIER_UNABLE);
	driver_verifier(VERIFIER_STORE, 32, VERIFIER);
	assert_int_equal(driver.auth.type, VERIFIER_UNABLE);
	driver_died();
	assert_true(driver_start());
	driver_verifier(VERIFIER_ATTEMPT, 33, "");
	assert_int_equal(driver.auth.type, VERIFIER_NONE_LEFT);
}

/* A change of the PIN, and that it needs the old one. */
static void test_change(void **state)
{
	(void)state;
	start();
	driver_verifier(VERIFIER_ATTEMPT, 20, "");
	driver_verifier(VERIFIER_STORE, 20, "other");
	assert_int_equal(driver.auth.type, VERIFIER_UNABLE);
	driver_verifier(VERIFIER_RIGHT, 0, "");
	assert_int_equal(driver.auth.type, VERIFIER_DONE);
	driver_verifier(VERIFIER_STORE, 20, "other");
	assert_int_equal(driver.auth.type, VERIFIER_DONE);
	assert_int_equal(driver.auth.tries, PIN_TRIES);
	driver_verifier(VERIFIER_STORE, 20, "another");
	assert_int_equal(driver.auth.type, VERIFIER_UNABLE);
	driver_verifier(VERIFIER_ATTEMPT, 21, "");
	assert_string_equal(driver.auth.verifier, "other");
	/* Where there is no PIN, nobody grants. */
	driver_reset();
	assert_true(driver_start());
	driver_reserve(7);
	grant(7);
	assert_int_equal(driver.auth.type, VERIFIER_UNABLE);
	assert_int_not_equal(driver_state(), 2);
}

/* What a disk does, at each call, to each operation. */

enum operation { OPEN, ENROL, ATTEMPT, RIGHT, CHANGE, SIGN, OPERATIONS };

static void prepare(enum operation o)
{
	driver_reset();
	if (o == OPEN)
		return;
	assert_true(driver_start());
	if (o == ENROL)
		return;
	driver_verifier(VERIFIER_STORE, 1, VERIFIER);
	pay(6, "before");
	driver_verifier(VERIFIER_ATTEMPT, 2, ""); /* a wrong guess: four are left */
	driver_reserve(7);
	if (o == RIGHT)
		driver_verifier(VERIFIER_ATTEMPT, 7, "");
	if (o == CHANGE) {
		driver_verifier(VERIFIER_ATTEMPT, 9, "");
		driver_verifier(VERIFIER_RIGHT, 0, "");
	}
	if (o == SIGN) {
		char text[PAYMENT_TEXT_MAX];

		grant(7);
		driver_draw(7, text, driver_text(text, "now"));
	}
}

static void operate(enum operation o)
{
	char text[PAYMENT_TEXT_MAX];

	switch (o) {
	case OPEN:
		driver.ended = !driver_start();
		return;
	case ENROL:
	case CHANGE:
		driver_verifier(VERIFIER_STORE, 9, "new");
		return;
	case ATTEMPT:
		driver_verifier(VERIFIER_ATTEMPT, 7, "");
		return;
	case RIGHT:
		driver_verifier(VERIFIER_RIGHT, 7, "");
		return;
	case SIGN:
		driver_confirm(7, driver_text(text, "now"));
		return;
	case OPERATIONS:
		break;
	}
}

/* After whatever happened: it starts again, and nothing that left is taken back. */
static void check_after(enum operation o, enum driver_fault f, unsigned at)
{
	static struct store before, after;
	unsigned signatures = driver.signatures;
	bool torn = o == OPEN &&
		    (f == FAULT_SHORT || f == FAULT_KILL_WITHIN || f == FAULT_CUT_WITHIN) &&
		    at == 0;

	driver_died();
	if (!driver_start()) {
		/* Of the very first write a part: that is no store, and nothing has left yet. */
		if (!torn)
			fail_msg("operation %d, fault %d at %u: %s", (int)o, (int)f, at,
				 driver.log);
		return;
	}
	assert_int_equal(driver_load(&before), STORE_FOUND);
	driver_ask_receipt();
	if (o == SIGN && driver.signatures == signatures + 1 && driver.signed_id == 7) {
		driver_reserve(7);
		assert_false(driver.reserved_ok);
	}
	if (before.state.verifier[0] != '\0') {
		driver_verifier(VERIFIER_ATTEMPT, 40, "");
		assert_int_equal(driver.auth.type, VERIFIER_IS);
		assert_int_equal(driver_load(&after), STORE_FOUND);
		assert_int_equal(after.state.tries, before.state.tries - 1);
		pay(41, "after");
		assert_int_equal(driver.signed_id, 41);
	}
	driver_died();
	assert_true(driver_start());
}

/* attack_K4, attack_K12, attack_K13, attack_P2: killed, out of power, or a disk that fails or is full: at each call of each operation. */
static void test_attack_K4_K12_K13_P2_faults(void **state)
{
	volatile unsigned cases = 0;

	(void)state;
	for (volatile int o = 0; o < OPERATIONS; o++)
		for (volatile int f = FAULT_NONE + 1; f < FAULTS; f++)
			for (volatile unsigned at = 0;; at++) {
				volatile bool hit;

				prepare((enum operation)o);
				driver.io = 0;
				driver.fault = (enum driver_fault)f;
				driver.fault_at = at;
				if (setjmp(driver.killed) == 0) {
					operate((enum operation)o);
					hit = driver.io > at;
					if (hit && !driver.ended)
						fail_msg(
							"operation %d goes on after fault %d at %u",
							o, f, at);
				} else {
					hit = true;
				}
				check_after((enum operation)o, (enum driver_fault)f, at);
				cases++;
				if (!hit)
					break;
			}
	printf("%u cases\n", cases);
}

/*
 * attack_K12: two writes that both follow the same one cannot both come true: the one that a cut
 * took back is dead once the system has served again.
 */
static void test_attack_K12_fork(void **state)
{
	static struct driver_image before, lost, now;
	static struct store s;

	(void)state;
	for (volatile unsigned starts = 0; starts < 2; starts++) {
		start();
		driver_verifier(VERIFIER_ATTEMPT, 9, "");
		driver_save(&before);
		/* The PIN was right, all tries are back, and the plug is pulled before the anchor. */
		driver.io = 0;
		driver.fault = FAULT_KILL_BEFORE;
		driver.fault_at = 2;
		if (setjmp(driver.killed) == 0)
			driver_verifier(VERIFIER_RIGHT, 0, "");
		driver_save(&lost);
		driver_restore(&before);
		driver_died();
		assert_true(driver_start());
		driver_save(&now);
		for (unsigned i = 0; starts == 1 && i < 2; i++)
			driver_verifier(VERIFIER_ATTEMPT, 10, "");
		driver_save(&now);
		/* The slots of then, the anchor of now. */
		memcpy(lost.bytes[FILE_ANCHOR], now.bytes[FILE_ANCHOR], 64);
		driver_restore(&lost);
		assert_int_equal(driver_load(&s), STORE_REFUSED);
	}
}

/* attack_K12: the same for the keys of a store that a crash has kept from being made. */
static void test_attack_K12_fork_of_the_first(void **state)
{
	static struct driver_image lost, now;
	static struct store s;

	(void)state;
	driver_reset();
	driver.fault = FAULT_KILL_BEFORE;
	driver.fault_at = 2;
	if (setjmp(driver.killed) == 0)
		(void)driver_start();
	driver_save(&lost);
	now = lost;
	now.len[FILE_SLOT_A] = now.len[FILE_SLOT_B] = 0;
	driver_restore(&now);
	driver_died();
	assert_true(driver_start());
	driver_save(&now);
	memcpy(lost.bytes[FILE_ANCHOR], now.bytes[FILE_ANCHOR], 64);
	lost.len[FILE_ANCHOR] = now.len[FILE_ANCHOR];
	driver_restore(&lost);
	assert_int_equal(driver_load(&s), STORE_REFUSED);
}

/* The files. */

static struct driver_image history[8];

static void make_history(void)
{
	start();
	for (unsigned i = 0; i < COUNT(history); i++) {
		driver_save(&history[i]);
		driver_verifier(VERIFIER_ATTEMPT, 50 + i, "");
		driver_verifier(VERIFIER_RIGHT, 0, "");
	}
}

static enum driver_file newest(const struct driver_image *i)
{
	uint64_t a, b;

	memcpy(&a, i->bytes[FILE_SLOT_A] + 16, sizeof(a));
	memcpy(&b, i->bytes[FILE_SLOT_B] + 16, sizeof(b));
	return a > b ? FILE_SLOT_A : FILE_SLOT_B;
}

/* Refused, or, if `loses_old`, used: then the state is the newest. */
static void judge(const struct driver_image *i, bool may_open, const char *what, size_t at)
{
	static struct store good, s;
	enum store_result r;
	unsigned errors;

	driver_restore(&history[7]);
	assert_int_equal(driver_load(&good), STORE_FOUND);
	driver_restore(i);
	errors = driver.errors;
	driver.log[0] = '\0';
	r = driver_load(&s);
	if (r == STORE_FOUND) {
		if (!may_open || driver.log[0] == '\0')
			fail_msg("not found out: %s, %zu", what, at);
		assert_memory_equal(&s.state, &good.state, sizeof(s.state));
		return;
	}
	if (r != STORE_REFUSED || driver.errors == errors)
		fail_msg("no word of it: %s, %zu", what, at);
	assert_false(driver_start());
}

/* attack_K12: any byte of any file, any length; the older slot alone may be lost, as a cut may have torn it. */
static void test_attack_K12_bytes(void **state)
{
	static struct driver_image i;

	(void)state;
	make_history();
	for (unsigned f = 0; f < DRIVER_FILES; f++) {
		const struct driver_image *good = &history[7];
		bool older = f != newest(good) && (f == FILE_SLOT_A || f == FILE_SLOT_B);

		for (size_t at = 0; at < good->len[f]; at++) {
			i = *good;
			i.bytes[f][at] ^= (uint8_t)(1u << at % 8);
			judge(&i, older, "a byte", f * 10000 + at);
		}
		for (size_t len = 0; len < good->len[f]; len += len < 64 ? 1 : 97) {
			i = *good;
			i.len[f] = len;
			judge(&i, older, "its length", f * 10000 + len);
		}
		i = *good;
		i.len[f]++;
		judge(&i, older, "a byte more", f);
	}
}

/* attack_K12: older copies, slots that changed places, another store's. */
static void test_attack_K12_rollback(void **state)
{
	static struct driver_image i, other, *good = &history[7];
	static struct store s;
	enum driver_file new;

	(void)state;
	start();
	driver_save(&other);
	make_history();
	new = newest(good);
	for (unsigned old = 0; old < 7; old++) {
		/* Both slots; and with the anchor, which is what a file cannot find out. */
		i = *good;
		memcpy(i.bytes[FILE_SLOT_A], history[old].bytes[FILE_SLOT_A], 8192);
		memcpy(i.bytes[FILE_SLOT_B], history[old].bytes[FILE_SLOT_B], 8192);
		judge(&i, false, "both slots", old);
		memcpy(i.bytes[FILE_ANCHOR], history[old].bytes[FILE_ANCHOR], 8192);
		driver_restore(&i);
		assert_int_equal(driver_load(&s), STORE_FOUND);
		/* The newest slot alone; the anchor alone. */
		i = *good;
		memcpy(i.bytes[new], history[old].bytes[new], 8192);
		judge(&i, false, "the newest slot", old);
		i = *good;
		memcpy(i.bytes[FILE_ANCHOR], history[old].bytes[FILE_ANCHOR], 8192);
		judge(&i, false, "the anchor", old);
	}
	i = *good;
	memcpy(i.bytes[FILE_SLOT_A], good->bytes[FILE_SLOT_B], 8192);
	memcpy(i.bytes[FILE_SLOT_B], good->bytes[FILE_SLOT_A], 8192);
	judge(&i, false, "slots that changed places", 0);
	i = *good;
	memcpy(i.bytes[new], good->bytes[FILE_SLOT_A + FILE_SLOT_B - new], 8192);
	judge(&i, false, "the older slot twice", 0);
	for (unsigned f = FILE_KEY; f < DRIVER_FILES; f++) {
		i = *good;
		memcpy(i.bytes[f], other.bytes[f], 8192);
		judge(&i, f != new &&f != FILE_KEY &&f != FILE_ANCHOR, "another store's", f);
	}
	/* All of it gone, but not the anchor: never made anew. */
	i = *good;
	i.len[FILE_SLOT_A] = i.len[FILE_SLOT_B] = 0;
	judge(&i, false, "empty slots", 0);
	i.len[FILE_ANCHOR] = 0;
	driver_restore(&i);
	assert_int_equal(driver_load(&s), STORE_EMPTY);
	i = *good;
	i.len[FILE_ANCHOR] = 0;
	judge(&i, false, "an empty anchor", 0);
}

/* attack_K8, attack_K10, attack_K11: two stores share no key; no key is built in. */
static void test_attack_K8_K10_K11_keys(void **state)
{
	struct payment_reserved first;

	(void)state;
	start();
	driver_reserve(7);
	first = driver.reserved;
	assert_memory_not_equal(first.key, first.confirmation_key, 32);
	start();
	driver_reserve(7);
	assert_memory_not_equal(first.key, driver.reserved.key, 32);
	assert_memory_not_equal(first.confirmation_key, driver.reserved.confirmation_key, 32);
	assert_memory_not_equal(first.key, driver.reserved.confirmation_key, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payment),
		cmocka_unit_test(test_attack_K4_never_twice),
		cmocka_unit_test(test_attack_K2_K3_K7_K9_other_texts),
		cmocka_unit_test(test_attack_P5_state_and_message),
		cmocka_unit_test(test_attack_P5_K1_K4_sequences),
		cmocka_unit_test(test_attack_K13_tries),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_attack_K4_K12_K13_P2_faults),
		cmocka_unit_test(test_attack_K12_fork),
		cmocka_unit_test(test_attack_K12_fork_of_the_first),
		cmocka_unit_test(test_attack_K12_bytes),
		cmocka_unit_test(test_attack_K12_rollback),
		cmocka_unit_test(test_attack_K8_K10_K11_keys),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
