/* SPDX-License-Identifier: ISC */
/* The text of a payment: one form, every rule, no byte that could be another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payment.h"

#define KEY   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NONCE "00112233445566778899aabbccddeeff"

static const char good[] = "Zwinger payment 1\n"
			   "Payee: Bean and Leaf GmbH\n"
			   "Account: DE89370400440532013000\n"
			   "Item: 2 x 4.50 = 9.00 Espresso\n"
			   "Item: 1 x 4.49 = 4.49 Tea (green)\n"
			   "Total: 13.49 EUR\n"
			   "Reference: Order 4711\n"
			   "Note: thank you\n"
			   "Nonce: " NONCE "\n"
			   "From: DE02120300000000202051\n"
			   "Date: 2026-11-29T14:55:01Z\n"
			   "Count: 17\n"
			   "Key: " KEY "\n";

static bool takes(const char *text)
{
	static struct payment p;

	return payment_parse(&p, text, strlen(text));
}

/* `good` with the first `old` replaced. */
static bool takes_with(const char *old, const char *new)
{
	const char *at = strstr(good, old);
	char text[2 * PAYMENT_TEXT_MAX];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
	return takes(text);
}

static void parsed(struct payment *p)
{
	assert_true(payment_parse(p, good, strlen(good)));
}

static void test_fields(void **state)
{
	struct payment p;

	(void)state;
	parsed(&p);
	assert_string_equal(p.payee, "Bean and Leaf GmbH");
	assert_string_equal(p.account, "DE89370400440532013000");
	assert_int_equal(p.item_count, 2);
	assert_int_equal(p.item[0].quantity, 2);
	assert_int_equal(p.item[0].price, 450);
	assert_string_equal(p.item[1].name, "Tea (green)");
	assert_int_equal(p.total, 1349);
	assert_string_equal(p.currency, "EUR");
	assert_string_equal(p.reference, "Order 4711");
	assert_string_equal(p.note, "thank you");
	assert_string_equal(p.nonce, NONCE);
	assert_string_equal(p.from, "DE02120300000000202051");
	assert_string_equal(p.date, "2026-11-29T14:55:01Z");
	assert_int_equal(p.count, 17);
	assert_string_equal(p.key, KEY);
}

/* attack_D13, attack_D14, attack_D20, attack_D24, attack_D25, attack_P9, attack_K5, attack_K6: a row is one change of the good text that must be refused. */
static void test_attack_D13_D14_D20_D24_D25_P9_K5_K6_refused(void **state)
{
	static const struct {
		const char *name, *old, *new;
	} rows[] = {
		/* D13, D14: amounts and sums */
		{ "no decimals", "13.49 EUR", "13 EUR" },
		{ "one decimal", "9.00 Esp", "9.0 Esp" },
		{ "three decimals", "4.50 =", "4.500 =" },
		{ "comma", "4.50", "4,50" },
		{ "two points", "4.50", "4.5.0" },
		{ "point first", "4.50", ".450" },
		{ "point last", "4.50", "450." },
		{ "thousands", "13.49", "1'3.49" },
		{ "leading zero", "13.49", "013.49" },
		{ "plus", "13.49", "+13.49" },
		{ "minus", "4.50", "-4.50" },
		{ "exponent", "13.49", "1349e-2" },
		{ "hexadecimal", "2 x", "0x2 x" },
		{ "quantity 0", "2 x 4.50 = 9.00", "0 x 4.50 = 0.00" },
		{ "quantity with zero", "2 x", "02 x" },
		{ "quantity over", "2 x 4.50 = 9.00", "10000 x 4.50 = 45000.00" },
		{ "quantity of 2^32 + 2", "2 x", "4294967298 x" },
		{ "price 0", "1 x 4.49 = 4.49", "1 x 0.00 = 0.00" },
		{ "price over", "1 x 4.49 = 4.49", "1 x 10000000000.00 = 10000000000.00" },
		{ "price wraps", "4.50", "184467440737095520.66" },
		{ "total wraps", "13.49", "184467440737095529.65" },
		{ "product", "= 9.00", "= 9.01" },
		{ "no product", " = 9.00", "" },
		{ "total too low", "13.49", "13.48" },
		{ "total too high", "13.49", "13.50" },
		{ "decimals of another currency", "EUR", "JPY" },
		{ "decimals of a third", "EUR", "KWD" },
		/* K5, K6: one payee, nothing beside the items */
		{ "a second total", "Total: 13.49 EUR\n",
		  "Total: 13.49 EUR\nTotal: 13.49 EUR\n" },
		{ "a fee", "Total:", "Fee: 1.00\nTotal:" },
		{ "a second payee", "Account:", "Payee: Other\nAccount:" },
		{ "a second account", "Item:", "Account: DE89370400440532013000\nItem:" },
		{ "a second payment", "Zwinger payment 1\n",
		  "Zwinger payment 1\nZwinger payment 1\n" },
		/* D24: blanks, case, ends of lines, order */
		{ "two blanks after a label", "Payee: ", "Payee:  " },
		{ "no blank after a label", "Payee: ", "Payee:" },
		{ "two blanks inside", "Bean and", "Bean  and" },
		{ "blank at the end", "GmbH\n", "GmbH \n" },
		{ "tab", "Bean and", "Bean\tand" },
		{ "carriage return", "GmbH\n", "GmbH\r\n" },
		{ "label in capitals", "Payee", "PAYEE" },
		{ "empty line", "Total", "\nTotal" },
		{ "no final end of line", KEY "\n", KEY },
		{ "two final ends of line", KEY "\n", KEY "\n\n" },
		{ "something behind", KEY "\n", KEY "\nx" },
		{ "order", "Reference: Order 4711\nNote: thank you\n",
		  "Note: thank you\nReference: Order 4711\n" },
		{ "unknown line", "Note:", "Priority: high\nNote:" },
		{ "item after the total", "Reference:", "Item: 1 x 1.00 = 1.00 A\nReference:" },
		{ "upper-case nonce", "aabbccddeeff", "AABBCCDDEEFF" },
		{ "short nonce", NONCE, "00112233445566778899aabbccddeef" },
		{ "long nonce", NONCE, NONCE "0" },
		{ "no nonce", "Nonce: " NONCE "\n", "" },
		{ "upper-case key", "0a0b0c0d", "0A0B0C0D" },
		{ "short key", "1e1f\n", "1e1\n" },
		{ "count 0", "17", "0" },
		{ "count with zero", "17", "017" },
		{ "count with point", "17", "1.7" },
		{ "count wraps", "17", "18446744073709551633" },
		{ "no count", "Count: 17", "Count: " },
		/* D25: another version, another thing */
		{ "version 2", "payment 1", "payment 2" },
		{ "another title", "payment", "mandate" },
		/* notes */
		{ "empty note", "Note: thank you", "Note: " },
		{ "note of 36", "thank you", "abcdefghijklmnopqrstuvwxyzabcdefghij" },
		/* texts */
		{ "payee empty", "Bean and Leaf GmbH", "" },
		{ "reference empty", "Order 4711", "" },
		{ "letter outside SEPA", "Bean and", "Bean & " },
		{ "underscore", "Bean and", "Bean_and" },
		{ "UTF-8", "Bean", "B\xc3\xa4n" },
		{ "escape", "Bean", "\033[1m" },
		{ "DEL", "Bean", "Be\x7fn" },
		{ "item name of 36", "Espresso", "abcdefghijklmnopqrstuvwxyzabcdefghij" },
		{ "no items",
		  "Item: 2 x 4.50 = 9.00 Espresso\nItem: 1 x 4.49 = 4.49 Tea (green)\n", "" },
		/* accounts */
		{ "check digits", "DE89", "DE88" },
		{ "digits swapped", "37040044", "37404004" },
		{ "lower case", "DE89", "de89" },
		{ "in groups", "DE893704", "DE89 3704" },
		{ "too short", "DE89370400440532013000", "DE8937040044053201300" },
		{ "no country", "DE89370400440532013000", "XX89370400440532013000" },
		{ "country alone", "DE89370400440532013000", "DE" },
		{ "payer's check digits", "DE02", "DE03" },
		{ "check digits 99 for 02", "DE02", "DE99" },
		/* D20: dates */
		{ "day 31 of 30", "2026-11-29", "2026-11-31" },
		{ "29 February", "2026-11-29", "2026-02-29" },
		{ "29 February 2100", "2026-11-29", "2100-02-29" },
		{ "month 13", "2026-11-29", "2026-13-29" },
		{ "month 0", "2026-11-29", "2026-00-29" },
		{ "day 0", "2026-11-29", "2026-11-00" },
		{ "American", "2026-11-29", "11/29/2026" },
		{ "year 1999", "2026-11-29", "1999-11-29" },
		{ "two digits", "2026-11-29", "26-11-29" },
		{ "hour 24", "T14", "T24" },
		{ "minute 60", ":55:", ":60:" },
		{ "second 60", ":01Z", ":60Z" },
		{ "another zone", "01Z", "01+01:00" },
		{ "no zone", "01Z", "01" },
		{ "small t", "T14", "t14" },
		{ "fraction", "01Z", "01.5Z" },
		/* currencies */
		{ "lower-case currency", "EUR", "eur" },
		{ "unknown currency", "EUR", "EUX" },
		{ "for tests", "EUR", "XTS" },
		{ "across two in the table", "EUR", "EDA" },
		{ "no currency", "13.49 EUR", "13.49" },
		{ "long currency", "EUR", "EURO" },
	};

	(void)state;
	assert_true(takes(good));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (takes_with(rows[i].old, rows[i].new))
			fail_msg("taken: %s", rows[i].name);
}

static void test_taken(void **state)
{
	static const struct {
		const char *name, *old, *new;
	} rows[] = {
		{ "no note", "thank you", "-" },
		{ "note of 35", "thank you", "abcdefghijklmnopqrstuvwxyzabcdefghi" },
		{ "note of one blank inside", "thank you", "a b" },
		{ "all of SEPA's", "Bean and Leaf GmbH", "aZ0/-?:().,'+ x" },
		{ "leap day", "2026-11-29", "2028-02-29" },
		{ "leap day of 2000", "2026-11-29", "2000-02-29" },
		{ "Malta's longest", "DE89370400440532013000",
		  "MT84MALT011000012345MTLCAST001S" },
		{ "Norway's shortest", "DE89370400440532013000", "NO9386011117947" },
		{ "greatest count", "17", "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!takes_with(rows[i].old, rows[i].new))
			fail_msg("refused: %s", rows[i].name);
}

/* All limits at once: it fits, and format and parse agree. */
static void test_longest(void **state)
{
	struct payment p, again;
	char text[PAYMENT_TEXT_MAX];
	size_t len;

	(void)state;
	parsed(&p);
	memset(p.payee, 'W', sizeof(p.payee) - 1);
	memset(p.reference, 'W', sizeof(p.reference) - 1);
	memset(p.note, 'W', sizeof(p.note) - 1);
	p.item_count = PAYMENT_ITEMS;
	for (unsigned i = 0; i < PAYMENT_ITEMS; i++) {
		p.item[i].quantity = PAYMENT_QUANTITY;
		p.item[i].price = PAYMENT_AMOUNT / PAYMENT_QUANTITY / PAYMENT_ITEMS;
		memset(p.item[i].name, 'W', sizeof(p.item[i].name) - 1);
		p.item[i].name[sizeof(p.item[i].name) - 1] = '\0';
	}
	p.total = PAYMENT_ITEMS * PAYMENT_QUANTITY * p.item[0].price;
	p.count = UINT64_MAX;
	memcpy(p.account, "MT84MALT011000012345MTLCAST001S", 32);
	memcpy(p.from, "MT84MALT011000012345MTLCAST001S", 32);
	assert_null(payment_fault(&p));
	len = payment_format(&p, text);
	assert_true(len < PAYMENT_TEXT_MAX);
	assert_true(payment_parse(&again, text, len));
	assert_memory_equal(&p, &again, sizeof(p));
	p.item[3].price *= 17;
	assert_string_equal(payment_fault(&p), "item price");
	for (unsigned i = 0; i < PAYMENT_ITEMS; i++)
		p.item[i] = (struct payment_item){ 1, PAYMENT_AMOUNT, "A" };
	p.total = PAYMENT_ITEMS * PAYMENT_AMOUNT;
	assert_string_equal(payment_fault(&p), "total");
}

/* attack_P1: strings that fill their arrays without a NUL. */
static void test_attack_P1_unterminated(void **state)
{
	struct payment p;

	(void)state;
#define UNTERMINATED(field, byte)                                                              \
	do {                                                                                   \
		parsed(&p);                                                                    \
		memset(p.field, byte, sizeof(p.field));                                        \
		assert_non_null(payment_fault(&p));                                            \
	} while (0)
	UNTERMINATED(payee, 'a');
	UNTERMINATED(account, 'A');
	UNTERMINATED(item[1].name, 'a');
	UNTERMINATED(currency, 'E');
	UNTERMINATED(reference, 'a');
	UNTERMINATED(note, 'a');
	UNTERMINATED(nonce, 'a');
	UNTERMINATED(from, 'A');
	UNTERMINATED(date, '0');
	UNTERMINATED(key, 'a');
	parsed(&p);
	p.item_count = PAYMENT_ITEMS + 1;
	assert_string_equal(payment_fault(&p), "number of items");
}

/* attack_D24: every other byte at every place, and every prefix: refused, or another payment with its own text. */
static void test_attack_D24_every_byte(void **state)
{
	static char text[sizeof(good)], out[PAYMENT_TEXT_MAX];
	struct payment p, original;
	size_t len = strlen(good);

	(void)state;
	parsed(&original);
	for (size_t i = 0; i < len; i++)
		for (unsigned byte = 0; byte < 256; byte++) {
			memcpy(text, good, len);
			if (text[i] == (char)byte)
				continue;
			text[i] = (char)byte;
			if (!payment_parse(&p, text, len))
				continue;
			assert_int_equal(payment_format(&p, out), len);
			assert_memory_equal(out, text, len);
			assert_memory_not_equal(&p, &original, sizeof(p));
		}
	for (size_t i = 0; i < len; i++)
		assert_false(payment_parse(&p, good, i));
}

static void test_amounts(void **state)
{
	static const struct {
		uint64_t minor;
		int exponent;
		const char *text;
	} rows[] = { { 449, 2, "4.49" },
		     { 5, 2, "0.05" },
		     { 100, 2, "1.00" },
		     { 449, 0, "449" },
		     { 449, 3, "0.449" },
		     { PAYMENT_AMOUNT, 2, "9999999999.99" },
		     { 0, 2, "0.00" },
		     { UINT64_MAX, 0, "18446744073709551615" },
		     { UINT64_MAX, 3, "18446744073709551.615" } };
	char out[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		payment_amount(rows[i].minor, rows[i].exponent, out);
		assert_string_equal(out, rows[i].text);
	}
	assert_int_equal(payment_exponent("EUR"), 2);
	assert_int_equal(payment_exponent("JPY"), 0);
	assert_int_equal(payment_exponent("TND"), 3);
	assert_int_equal(payment_exponent(""), -1);
	assert_int_equal(payment_exponent("EU"), -1);
}

/* One of each country's, from the registry's examples. */
static void test_ibans(void **state)
{
	static const char *const rows[] = {
		"AD1200012030200359100100",   "AE070331234567890123456",
		"AT611904300234573201",	      "BE68539007547034",
		"CH9300762011623852957",      "CZ6508000000192000145399",
		"DK5000400440116243",	      "ES9121000418450200051332",
		"FI2112345600000785",	      "FR1420041010050500013M02606",
		"GB29NWBK60161331926819",     "GI75NWBK000000007099453",
		"IE29AIBK93115212345678",     "IT60X0542811101000000123456",
		"LI21088100002324013AA",      "LU280019400644750000",
		"NL91ABNA0417164300",	      "PL61109010140000071219812874",
		"PT50000201231234567890154",  "SE4550000000058398257466",
		"SK3112000000198742637541",   "SM86U0322509800000000270100",
		"TR330006100519786457841326", "LC55HEMM000100010012001200023015"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!payment_iban_valid(rows[i]))
			fail_msg("refused: %s", rows[i]);
	assert_false(payment_iban_valid(""));
	assert_false(payment_iban_valid("D"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_attack_D13_D14_D20_D24_D25_P9_K5_K6_refused),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_attack_P1_unterminated),
		cmocka_unit_test(test_attack_D24_every_byte),
		cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_ibans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
