/* SPDX-License-Identifier: ISC */
/* Dial strings: one canonical form, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "at.h"
#include "number.h"

static const struct dialler_settings settings = {
	.country = "+49",
	.international = "00",
	.trunk = "0",
	.rule_count = 5,
	.rule = { { "110", NUMBER_EMERGENCY, 0, 0 },
		  { "112", NUMBER_EMERGENCY, 0, 0 },
		  { "0900", NUMBER_PREMIUM, 299, 0 },
		  { "09009", NUMBER_PREMIUM, 0, 500 },
		  { "017", NUMBER_MOBILE, 0, 0 } },
};

/* attack_D10, attack_D17, attack_D19: what is dialled, and its class; NULL: refused. */
static void test_attack_D10_D17_D19_numbers(void **state)
{
	static const struct {
		const char *text, *canonical;
		enum number_class number_class;
		uint32_t cents;
	} rows[] = {
		{ "0900 123 456", "0900123456", NUMBER_PREMIUM, 299 },
		{ "+49 900 123456", "0900123456", NUMBER_PREMIUM, 299 },
		{ "0049-900-123456", "0900123456", NUMBER_PREMIUM, 299 },
		{ "(0900)123456", "0900123456", NUMBER_PREMIUM, 299 },
		{ "09009123", "09009123", NUMBER_PREMIUM, 0 },
		{ "0171.1234567", "01711234567", NUMBER_MOBILE, 0 },
		{ "030/1234567", "0301234567", NUMBER_NATIONAL, 0 },
		{ "1234567", "1234567", NUMBER_LOCAL, 0 },
		{ "11833", "11833", NUMBER_SHORT, 0 },
		{ "+1 900 123456", "+1900123456", NUMBER_INTERNATIONAL, 0 },
		{ "001 900 123456", "+1900123456", NUMBER_INTERNATIONAL, 0 },
		{ "110", "110", NUMBER_EMERGENCY, 0 },
		{ "112", "112", NUMBER_EMERGENCY, 0 },
		{ "1120900123", "1120900123", NUMBER_LOCAL, 0 }, /* no emergency with a tail */
		{ "*21*0900123456#", NULL, 0, 0 },
		{ "#31#0301234", NULL, 0, 0 },
		{ "0301234,0900", NULL, 0, 0 },
		{ "0301234;0900", NULL, 0, 0 },
		{ "0301234p1", NULL, 0, 0 },
		{ "0301234W1", NULL, 0, 0 },
		{ "0301234@1", NULL, 0, 0 },
		{ "0301234!1", NULL, 0, 0 },
		{ "0900VANITY", NULL, 0, 0 },
		{ "01033 0900123", NULL, 0, 0 }, /* another company's bill */
		{ "+0900123", NULL, 0, 0 },
		{ "+49 0900 123", NULL, 0,
		  0 }, /* would be dialled as another country's 900 123 */
		{ "++49900", NULL, 0, 0 },
		{ "0+900123", NULL, 0, 0 },
		{ "+", NULL, 0, 0 },
		{ "", NULL, 0, 0 },
		{ " - ", NULL, 0, 0 },
		{ "0", NULL, 0, 0 },
		{ "tel:0900123", NULL, 0, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct number n;
		bool ok = number_decode(&settings, rows[i].text, strlen(rows[i].text), &n);

		if (ok != (rows[i].canonical != NULL))
			fail_msg("'%s' is %s", rows[i].text, ok ? n.text : "refused");
		if (!ok)
			continue;
		assert_string_equal(n.text, rows[i].canonical);
		assert_int_equal(n.number_class, rows[i].number_class);
		assert_int_equal(n.cents_per_minute, rows[i].cents);
	}
}

/* attack_D1 to attack_D6, attack_P4: every byte, everywhere: a digit, a separator, or refused. */
static void test_attack_D1_D3_D4_D5_D6_every_byte(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 8; at++)
		for (unsigned b = 0; b < 256; b++) {
			char text[9] = "03012345", expected[9] = { 0 };
			bool digit = b >= '0' && b <= '9';
			bool blank = b != 0 && strchr(" -/.()", (int)b) != NULL;
			struct number n;
			size_t len = 0;

			text[at] = (char)b;
			for (unsigned i = 0; i < 8; i++)
				if (i != at || digit)
					expected[len++] = text[i];
			if (!digit && !blank && !(at == 0 && b == '+')) {
				assert_false(number_decode(&settings, text, 8, &n));
				continue;
			}
			if (number_decode(&settings, text, 8, &n) && n.text[0] != '+')
				assert_string_equal(n.text, expected);
		}
}

static void test_attack_D8_D14_P1_lengths(void **state)
{
	static const unsigned lengths[] = { 21, 22, 23, 220 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char text[256];
		struct number n;

		memset(text, '7', sizeof(text));
		assert_int_equal(number_decode(&settings, text, lengths[i], &n),
				 lengths[i] <= 22);
	}
}

/* attack_D18, attack_D23: whoever reads the canonical form again gets the same: one meaning, one form. */
static void test_attack_D18_D24_canonical(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		char text[32];
		struct number n, again;

		snprintf(text, sizeof(text), "%s%u",
			 i % 3 == 0   ? "+"
			 : i % 3 == 1 ? "0"
				      : "00",
			 i * 2654435761u);
		if (!number_decode(&settings, text, strlen(text), &n))
			continue;
		assert_true(number_decode(&settings, n.text, strlen(n.text), &again));
		assert_memory_equal(&n, &again, sizeof(n));
	}
}

static enum at_action line(struct at *a, const char *text)
{
	enum at_action action = AT_NOTHING;

	a->out_len = 0;
	for (; *text != '\0'; text++)
		action = at_input(a, (uint8_t)*text);
	a->out[a->out_len] = '\0';
	return action;
}

/* Commands: what they do, and what the guest hears (without its echo). */
static void test_commands(void **state)
{
	static const struct {
		const char *text;
		enum at_action action;
		const char *answer; /* begins with it */
	} rows[] = {
		{ "AT\r", AT_NOTHING, "\r\nOK\r\n" },
		{ "at\r", AT_NOTHING, "\r\nOK\r\n" },
		{ "ATZ\r", AT_HANG_UP, "" },
		{ "ATH\r", AT_HANG_UP, "" },
		{ "ATH1\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "ATA\r", AT_ANSWER, "" },
		{ "ATD110;\r", AT_DIAL, "" },
		{ "ATDT 0900\r", AT_DIAL, "" },
		{ "ATX3L1M1D0900\r", AT_DIAL, "" },
		{ "ATE5\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "ATI\r", AT_NOTHING, "\r\nZwinger number display\r\n\r\nOK\r\n" },
		{ "ATS0?\r", AT_NOTHING, "\r\n000\r\n\r\nOK\r\n" },
		{ "ATS0=1S0?\r", AT_NOTHING,
		  "\r\n000\r\n\r\nOK\r\n" }, /* never answers by itself */
		{ "ATS99=1\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "AT+CPIN?\r", AT_NOTHING, "\r\n+CPIN: READY\r\n\r\nOK\r\n" },
		{ "AT+VTS=1\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "AT+CPBW=1\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "AT&Z0=0900\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "AT%X\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "AT*99#\r", AT_NOTHING, "\r\nERROR\r\n" },
		{ "hello\r", AT_NOTHING, "" },
		{ "+++\r", AT_NOTHING, "" },
		{ "AT+GMI;+GMR\r", AT_NOTHING, "\r\nERROR\r\n" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at a;
		enum at_action action;

		at_init(&a);
		a.echo = false;
		action = line(&a, rows[i].text);
		if (action != rows[i].action || strcmp(a.out, rows[i].answer) != 0)
			if (i != sizeof(rows) / sizeof(rows[0]) -
					 1) /* either answer will do there */
				fail_msg("%s: action %d, '%s'", rows[i].text, (int)action,
					 a.out);
	}
}

/* attack_C11, attack_P3: lines that never end, answers that nobody takes: bounded, and in order after. */
static void test_attack_C11_P3_floods(void **state)
{
	struct at a;

	(void)state;
	at_init(&a);
	for (unsigned i = 0; i < 1000000; i++)
		assert_int_equal(at_input(&a, (uint8_t)("ATD0900;A/"[i % 10])), AT_NOTHING);
	assert_true(a.out_len <= AT_OUTPUT && a.len <= AT_LINE);
	a.echo = false;
	line(&a, "\r");
	line(&a, "AT\r");
	assert_string_equal(a.out, "\r\nOK\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attack_D10_D17_D19_numbers),
		cmocka_unit_test(test_attack_D1_D3_D4_D5_D6_every_byte),
		cmocka_unit_test(test_attack_D8_D14_P1_lengths),
		cmocka_unit_test(test_attack_D18_D24_canonical),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_attack_C11_P3_floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
