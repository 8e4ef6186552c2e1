/* SPDX-License-Identifier: ISC */
/* The dialler as a whole: every event in every state, and every short sequence of what its peers do. */
#include "test_dialler_driver.h"

#include "modem_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NUMBER "0900123"
#define DEPTH  4

unsigned driver_state(unsigned state, unsigned event);

/* attack_P5: the table of states and events, said a second time: what follows, what the modem is told. */
static void test_attack_P5_C7_state_and_event(void **state)
{
	static const char names[] =
		"IADCRP"; /* idle, asking, dialling, connected, ringing, accepting */
	/* The guest hangs up, answers; the person: yes, no, busy, refused, hangs up, is gone; the
	 * modem: OK, RING, ends, fails; time. */
	static const char *const next[] = {
		"IIIIIIIIIRIII", "IADIIIIIAAAAI", "IDDDDDIDCDIID",
		"ICCCCCICCCIIC", "RPRRRRIRRRIRI", "RPDRRRIRPPIPR",
	};

	(void)state;
	for (unsigned s = 0; s < 6; s++)
		for (unsigned e = 0; e < 13; e++) {
			const char *told = "";
			unsigned found = driver_state(s, e);

			if (names[found] != next[s][e])
				fail_msg("state %c, event %u: %c", names[s], e, names[found]);
			if (s == 1 && e == 2)
				told = "ATD" NUMBER ";\r";
			if (s == 5 && e == 2)
				told = "ATA\r";
			if (((s == 2 || s == 3) && (e == 0 || e == 6)) || (s >= 4 && e == 6))
				told = "ATH\r";
			assert_string_equal(driver.modem, told);
		}
}

/* What anybody may do. */
enum { STIMULI = 24 };

static void stimulate(unsigned what, struct prompt_answer *old)
{
	static const enum answer_type answers[] = { ANSWER_YES,	    ANSWER_NO,
						    ANSWER_TIMEOUT, ANSWER_BUSY,
						    ANSWER_BACKOFF, ANSWER_REFUSED,
						    ANSWER_HANGUP,  ANSWER_SHOWN };
	static const char *const modem[] = { "OK",   "RING",  "NO CARRIER",
					     "BUSY", "ERROR", "+CLIP: \"0171555\",129" };
	struct prompt_answer a = { .type = ANSWER_TONE, .tone = '5' };

	if (driver.stands) { /* to be said too late */
		old->id = driver.asks.id;
		memcpy(old->number, driver.asks.number, sizeof(old->number));
	}
	old->type = ANSWER_YES;
	if (what < 8) {
		driver_say(answers[what]);
		return;
	}
	if (what < 14) {
		driver_modem_says(modem[what - 8]);
		return;
	}
	switch (what) {
	case 14:
		driver_line("ATD" NUMBER ";\r");
		return;
	case 15:
		driver_line("ATD112;\r");
		return;
	case 16:
		driver_line("ATH\r");
		return;
	case 17:
		driver_line("ATA\r");
		return;
	case 18:
		driver_type("", 0, 0); /* DTR falls */
		return;
	case 19:
		driver_restart_guest();
		return;
	case 20:
		driver_restart_display();
		return;
	case 21: /* yes to the right question, about another number; and to one that has gone */
		a = *old;
		memcpy(a.number, "0301", 5);
		driver_answer(&a);
		a = *old;
		a.id ^= 1;
		driver_answer(&a);
		return;
	case 22:
		driver_answer(&a);
		return;
	default:
		driver_wait(300001);
	}
}

/*
 * attack_I14, attack_C13, attack_C7, attack_I9: every sequence of DEPTH steps; the driver judges
 * each. Each ends with a yes to the last question, which is too late if it does not stand.
 */
static void test_attack_C7_C13_I9_I14_every_sequence(void **state)
{
	unsigned long sequences = 0, dialled = 0, answered = 0, tones = 0;
	unsigned step[DEPTH] = { 0 };

	(void)state;
	for (;;) {
		struct prompt_answer old = { 0 };
		unsigned i = 0;

		driver_open();
		for (unsigned k = 0; k < DEPTH; k++)
			stimulate(step[k], &old);
		driver_answer(&old);
		sequences++;
		dialled += driver.dialled;
		answered += driver.answered;
		tones += driver.tones;
		while (i < DEPTH && ++step[i] == STIMULI)
			step[i++] = 0;
		if (i == DEPTH)
			break;
	}
	printf("%lu sequences: %lu numbers dialled, %lu calls taken, %lu tones\n", sequences,
	       dialled, answered, tones);
	assert_true(dialled > 0 && answered > 0 && tones > 0);
}

/* A whole call, as people have them. */
static void test_call(void **state)
{
	(void)state;
	driver_open();
	driver_line("AT\r");
	assert_string_equal(driver.guest, "AT\r\r\nOK\r\n");
	driver_line("ATD" NUMBER ";\r");
	assert_true(driver.stands);
	assert_string_equal(driver.asks.number, NUMBER);
	assert_int_equal(driver.asks.number_class, NUMBER_PREMIUM);
	assert_int_equal(driver.asks.cents_per_minute, 299);
	driver_say(ANSWER_SHOWN);
	assert_string_equal(driver.modem, "");
	driver_say(ANSWER_YES);
	assert_string_equal(driver.modem, "ATD" NUMBER ";\r");
	driver_modem_says("OK");
	assert_string_equal(driver.guest, "\r\nOK\r\n");
	assert_int_equal(driver.call.call_state, CALL_CONNECTED);
	assert_true((driver.wires & MODEM_DCD) != 0);
	driver_line("ATH\r");
	assert_string_equal(driver.modem, "ATH\r");
	assert_int_equal(driver.call.call_state, CALL_NONE);
	assert_true((driver.wires & MODEM_DCD) == 0);
}

/* attack_C18: what goes to the display has nothing behind its texts. */
static void test_attack_C18_no_leak_in_padding(void **state)
{
	static const uint8_t zero[sizeof(((struct prompt_message *)0)->padding)];
	size_t len = strlen(NUMBER);

	(void)state;
	driver_open();
	driver_line("ATD0900123456789012;\r"); /* a longer one before */
	driver_say(ANSWER_NO);
	driver_line("ATD" NUMBER ";\r");
	assert_memory_equal(driver.asks.number + len, zero, PROMPT_NUMBER - len);
	assert_memory_equal(driver.asks.padding, zero, sizeof(zero));
	assert_int_equal(driver.asks.reserved, 0);
	driver_say(ANSWER_NO);
	assert_memory_equal(driver.call.number, zero, PROMPT_NUMBER);
	assert_int_equal(driver.call.id, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attack_P5_C7_state_and_event),
		cmocka_unit_test(test_attack_C7_C13_I9_I14_every_sequence),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_attack_C18_no_leak_in_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
