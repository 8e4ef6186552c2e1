/* SPDX-License-Identifier: ISC */
/* The authentication: with a storage that is honest, and with one that says anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "test_auth_driver.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void expect(enum pin_answer_type type, uint64_t id, uint32_t tries)
{
	assert_int_equal(driver.answer.type, type);
	assert_int_equal(driver.answer.id, id);
	assert_int_equal(driver.answer.tries, tries);
	assert_true(driver_wiped());
}

static void enrol(const char *pin)
{
	driver_pin(PIN_CHANGE, 1, "", pin);
	expect(PIN_RIGHT, 1, PIN_TRIES);
}

static void test_life(void **state)
{
	(void)state;
	driver_open(true);
	driver_pin(PIN_ASK, 3, "", "");
	expect(PIN_UNSET, 3, PIN_TRIES);
	driver_pin(PIN_TRY, 7, "1234", "");
	expect(PIN_UNSET, 7, PIN_TRIES);
	enrol("1234");
	driver_pin(PIN_ASK, 4, "", "");
	expect(PIN_IS_SET, 4, PIN_TRIES);
	driver_pin(PIN_TRY, 7, "1234", "");
	expect(PIN_RIGHT, 7, PIN_TRIES);
	assert_int_equal(driver.granted, 7);
	driver_pin(PIN_TRY, 8, "1235", "");
	expect(PIN_WRONG, 8, PIN_TRIES - 1);
	assert_int_equal(driver.granted, 7);
	driver_pin(PIN_CHANGE, 9, "1234", "987654321098");
	expect(PIN_RIGHT, 9, PIN_TRIES);
	assert_int_equal(driver.granted, 0);
	driver_pin(PIN_TRY, 10, "1234", "");
	expect(PIN_WRONG, 10, PIN_TRIES - 1);
	driver_pin(PIN_TRY, 11, "987654321098", "");
	expect(PIN_RIGHT, 11, PIN_TRIES);
}

/* attack_K13: as many guesses as there are tries, by either question; then none, not even the right one. */
static void test_attack_K13_guesses(void **state)
{
	(void)state;
	for (unsigned change = 0; change < 2; change++) {
		driver_open(true);
		enrol("1234");
		for (unsigned i = 1; i <= PIN_TRIES; i++) {
			driver_pin(change ? PIN_CHANGE : PIN_TRY, 10 + i, "0000",
				   change ? "1111" : "");
			expect(i < PIN_TRIES ? PIN_WRONG : PIN_LOCKED, 10 + i, PIN_TRIES - i);
		}
		driver.hashes = 0;
		driver_pin(PIN_TRY, 20, "1234", "");
		expect(PIN_LOCKED, 20, 0);
		driver_pin(PIN_CHANGE, 21, "1234", "1111");
		expect(PIN_LOCKED, 21, 0);
		driver_pin(PIN_CHANGE, 22, "", "1111");
		expect(PIN_LOCKED, 22, 0);
		driver_pin(PIN_ASK, 23, "", "");
		expect(PIN_LOCKED, 23, 0);
		assert_int_equal(driver.hashes, 0);
	}
}

/* attack_K13: no first PIN where there is one. */
static void test_attack_K13_enrolment(void **state)
{
	(void)state;
	driver_open(true);
	enrol("1234");
	driver_pin(PIN_CHANGE, 2, "", "1111");
	expect(PIN_WRONG, 2, PIN_TRIES - 1);
	driver_pin(PIN_TRY, 3, "1234", "");
	expect(PIN_RIGHT, 3, PIN_TRIES);
}

/* attack_P5, attack_P1: what is no message, or comes while another is answered, takes no try. */
static void test_attack_P1_P5_messages(void **state)
{
	static const struct pin_message rows[] = {
		{ .type = 0, .id = 1 },
		{ .type = PIN_NOTHING, .id = 1 },
		{ .type = PIN_NOTHING, .pin = "1234" },
		{ .type = PIN_NOTHING | CHAN_DECISION },
		{ .type = 5, .id = 1 },
		{ .type = PIN_TRY | CHAN_DECISION, .id = 1, .pin = "1234" },
		{ .type = PIN_TRY, .id = 0, .pin = "1234" },
		{ .type = PIN_TRY, .id = 1, .reserved = 1, .pin = "1234" },
		{ .type = PIN_TRY, .id = 1, .pin = "123" },
		{ .type = PIN_TRY, .id = 1, .pin = "1234567890123" },
		{ .type = PIN_TRY, .id = 1, .pin = "123456789012345\1" },
		{ .type = PIN_TRY, .id = 1, .pin = "12a4" },
		{ .type = PIN_TRY, .id = 1, .pin = "1234\0x" },
		{ .type = PIN_TRY, .id = 1, .pin = "" },
		{ .type = PIN_TRY, .id = 1, .pin = "1234", .new_pin = "1234" },
		{ .type = PIN_CHANGE, .id = 1, .pin = "1234", .new_pin = "" },
		{ .type = PIN_CHANGE, .id = 1, .pin = "12", .new_pin = "1234" },
		{ .type = PIN_CHANGE, .id = 1, .pin = "\0x", .new_pin = "1234" },
		{ .type = PIN_CHANGE, .id = 1, .pin = "1234", .new_pin = "12345678901234" },
		{ .type = PIN_ASK, .id = 1, .pin = "1234" },
		{ .type = PIN_ASK, .id = 1, .new_pin = "1234" },
	};
	const struct pin_message nothing = { .type = PIN_NOTHING };
	struct pin_message unterminated = { .type = PIN_TRY, .id = 1 };

	(void)state;
	driver_open(false);
	for (size_t i = 0; i < COUNT(rows); i++) {
		driver_display(&nothing); /* not answered, and nothing ends by it */
		assert_int_equal(driver.answer.type, 0);
		driver_display(&rows[i]);
		if (driver.answer.type != PIN_UNABLE || driver.asked.type != 0)
			fail_msg("taken: row %zu", i);
	}
	memset(unterminated.pin, '1', sizeof(unterminated.pin));
	driver_display(&unterminated);
	assert_int_equal(driver.answer.type, PIN_UNABLE);
	driver_pin(PIN_TRY, 7, "1234", "");
	assert_int_equal(driver.asked.type, VERIFIER_ATTEMPT);
	driver.asked.type = 0;
	driver_pin(PIN_TRY, 8, "1234", "");
	assert_int_equal(driver.answer.type, PIN_UNABLE);
	assert_int_equal(driver.answer.id, 8);
	assert_int_equal(driver.asked.type, 0);
}

/* attack_P5: each of the storage's answers in each state; which state follows. */
static void enter(unsigned state)
{
	char verifier[VERIFIER_MAX];

	driver_open(false);
	driver_hash("1234", verifier);
	if (state == 1 || state == 2)
		driver_pin(PIN_TRY, 7, "1234", "");
	if (state == 2)
		driver_storage_says(VERIFIER_IS, 7, verifier, 4);
	if (state == 3 || state == 4 || state == 5)
		driver_pin(PIN_CHANGE, 7, "1234", "4321");
	if (state == 4 || state == 5)
		driver_storage_says(VERIFIER_IS, 7, verifier, 4);
	if (state == 5)
		driver_storage_says(VERIFIER_DONE, 0, "\1", 5);
	if (state == 6)
		driver_pin(PIN_ASK, 7, "", "");
	assert_int_equal(driver_state(), state);
	driver.answer.type = 0;
}

static void send(unsigned what)
{
	char right[VERIFIER_MAX];
	uint64_t id = driver_state() == 4 ? 0 : 7;

	driver_hash("1234", right);
	switch (what) {
	case 0:
		driver_storage_says(VERIFIER_IS, id, right, 4);
		return;
	case 1:
		driver_storage_says(VERIFIER_IS, id, "$fast$0", 4);
		return;
	case 2:
		driver_storage_says(VERIFIER_IS, id, "", 5);
		return;
	case 3:
		driver_storage_says(VERIFIER_DONE, id, "\1", 5);
		return;
	case 4:
		driver_storage_says(VERIFIER_NONE_LEFT, id, "", 0);
		return;
	case 5:
		driver_storage_says(VERIFIER_UNABLE, id, "", 0);
		return;
	case 6:
		driver_storage_says(VERIFIER_IS, id + 1, right, 4);
		return;
	case 7:
		driver_storage_says(VERIFIER_DONE, id + 1, "\1", 5);
		return;
	case 8:
		driver_storage_says((enum verifier_type)99, id, "", 0);
		return;
	case 9:
		driver_storage_says(VERIFIER_IS, id, right, 6);
		return;
	case 10:
		driver_restart_storage();
		return;
	case 11:
		driver_restart_display();
		return;
	case 12:
		driver_wait(5001);
		return;
	case 13:
		driver_pin(PIN_TRY, 7, "1234", "");
		return;
	case 14:
		driver_pin(PIN_CHANGE, 7, "1234", "4321");
		return;
	default:
		driver_pin(PIN_ASK, 7, "", "");
	}
}

static void test_attack_P5_state_and_message(void **state)
{
	/* Columns: idle, attempting, granting, proving, permitting, storing, asking. */
	static const struct {
		unsigned then[7], answer[7];
	} rows[] = {
		[0] = { { 0, 2, 2, 4, 4, 5, 6 }, { 0 } },
		[1] = { { 0, 0, 2, 0, 4, 5, 6 }, { 0, PIN_WRONG, 0, PIN_WRONG } },
		[2] = { { 0, 0, 2, 0, 4, 5, 6 }, { 0, PIN_UNSET, 0, PIN_UNSET } },
		[3] = { { 0, 1, 0, 3, 5, 0, 0 },
			{ 0, 0, PIN_RIGHT, 0, 0, PIN_RIGHT, PIN_IS_SET } },
		[4] = { { 0, 0, 2, 0, 4, 5, 0 },
			{ 0, PIN_LOCKED, 0, PIN_LOCKED, 0, 0, PIN_LOCKED } },
		[5] = { { 0 },
			{ 0, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE,
			  PIN_UNABLE } },
		[6] = { { 0, 1, 2, 3, 4, 5, 6 }, { 0 } },
		[7] = { { 0, 1, 2, 3, 4, 5, 6 }, { 0 } },
		[8] = { { 0, 1, 2, 3, 4, 5, 6 }, { 0 } },
		[9] = { { 0, 1, 2, 3, 4, 5, 6 }, { 0 } },
		[10] = { { 0 },
			 { 0, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE,
			   PIN_UNABLE } },
		[11] = { { 0 }, { 0, 0, 0, 0, 0, 0, 0 } },
		[12] = { { 0 },
			 { 0, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE,
			   PIN_UNABLE } },
		[13] = { { 1, 1, 2, 3, 4, 5, 6 },
			 { 0, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE,
			   PIN_UNABLE } },
		[14] = { { 3, 1, 2, 3, 4, 5, 6 },
			 { 0, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE,
			   PIN_UNABLE } },
		[15] = { { 6, 1, 2, 3, 4, 5, 6 },
			 { 0, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE, PIN_UNABLE,
			   PIN_UNABLE } },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++)
		for (unsigned s = 0; s < 7; s++) {
			enter(s);
			send(i);
			if (driver_state() != rows[i].then[s] ||
			    driver.answer.type != rows[i].answer[s])
				fail_msg("state %u, message %u: state %u, answer %x", s, i,
					 driver_state(), driver.answer.type);
		}
	/* Every three of them: the driver knows what may be said. */
	for (unsigned s = 0; s < 7; s++)
		for (unsigned i = 0; i < COUNT(rows) * COUNT(rows) * COUNT(rows); i++) {
			enter(s);
			send((unsigned)(i % COUNT(rows)));
			send((unsigned)(i / COUNT(rows) % COUNT(rows)));
			send((unsigned)(i / COUNT(rows) / COUNT(rows)));
		}
}

/* A storage that takes no messages: unable, and the PIN is gone. */
static void test_deaf_storage(void **state)
{
	(void)state;
	driver_open(false);
	driver.deaf = true;
	driver_pin(PIN_TRY, 7, "1234", "");
	expect(PIN_UNABLE, 7, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_attack_K13_guesses),
		cmocka_unit_test(test_attack_K13_enrolment),
		cmocka_unit_test(test_attack_P1_P5_messages),
		cmocka_unit_test(test_attack_P5_state_and_message),
		cmocka_unit_test(test_deaf_storage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
