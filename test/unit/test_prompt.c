/* SPDX-License-Identifier: ISC */
/* The trusted display's one question: what it takes to say yes, and all that ends in no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "pages.h"

static struct prompt_state p;
static struct prompt_asker asker;
static const struct prompt_message dial = { .type = PROMPT_DIAL,
					    .id = 77,
					    .number = "0900123456",
					    .number_class = NUMBER_PREMIUM,
					    .cents_per_minute = 299 };

static enum answer_type ask(unsigned i, const struct prompt_message *m, uint64_t at)
{
	const struct prompt_question q = prompt_question(m);

	return prompt_ask(&p, &asker, i, &q, at);
}

static enum prompt_outcome press(uint32_t code, uint64_t at)
{
	const struct key k = { .code = code, .action = KEY_PRESSED };

	return prompt_key(&p, &k, at);
}

/* Stands since 0, on the screen since 100, keys count from 1100. */
static int set_up(void **state)
{
	(void)state;
	memset(&p, 0, sizeof(p));
	memset(&asker, 0, sizeof(asker));
	assert_int_equal(ask(0, &dial, 0), 0);
	prompt_presented(&p, 100);
	return 0;
}

static void test_yes(void **state)
{
	(void)state;
	assert_int_equal(press('5', 1100), PROMPT_STANDS);
	assert_int_equal(press('6', 1300), PROMPT_STANDS);
	assert_int_equal(press(GRID_KEY_ENTER, 1500), PROMPT_YES);
}

/* Keys within the dead time do not count and begin it anew. */
static void test_attack_I1_I4_dead_time(void **state)
{
	for (uint64_t t = 100; t < 1100; t += 5) {
		set_up(state);
		assert_int_equal(press('5', t), PROMPT_STANDS);
		assert_int_equal(press('6', t + 50), PROMPT_STANDS);
		assert_int_equal(press(GRID_KEY_ENTER, t + 100), PROMPT_STANDS);
		assert_int_equal(p.typed, 0);
		assert_true(p.armed_ms >= t + 1000);
	}
}

static void test_attack_I2_I6_repeats_and_bounces(void **state)
{
	struct key held = { .code = '5', .action = KEY_REPEATED };

	(void)state;
	assert_int_equal(press('5', 1100), PROMPT_STANDS);
	assert_int_equal(press('6', 1110), PROMPT_STANDS); /* bounced: begins anew */
	assert_int_equal(p.typed, 0);
	assert_int_equal(prompt_key(&p, &held, 3000), PROMPT_STANDS);
	assert_int_equal(p.typed, 0);
	assert_true(p.armed_ms == 4000);
	assert_int_equal(press('5', 5000), PROMPT_STANDS);
	assert_int_equal(press('6', 5100), PROMPT_STANDS);
	assert_int_equal(press(GRID_KEY_ENTER, 15101), PROMPT_STANDS); /* too slow */
	assert_int_equal(p.typed, 0);
}

/* Everything but the gesture: no, or nothing. */
static void test_attack_I7_default_is_no(void **state)
{
	static const uint32_t nos[] = { GRID_KEY_ENTER, GRID_KEY_ESCAPE, 'n', 'N', 'q' };

	for (unsigned i = 0; i < sizeof(nos) / sizeof(nos[0]); i++) {
		set_up(state);
		assert_int_equal(press(nos[i], 2000), PROMPT_NO);
	}
	for (uint32_t c = 0; c < 0x200040; c = c == 0x7f ? 0x1fffff : c + 1) {
		set_up(state);
		assert_int_not_equal(press(c, 2000), PROMPT_YES);
		assert_int_not_equal(press(c, 2100), PROMPT_YES);
		assert_int_not_equal(press(GRID_KEY_ENTER, 2200), PROMPT_YES);
	}
	set_up(state);
	assert_int_equal(press('5', 2000), PROMPT_STANDS);
	assert_int_equal(press(GRID_KEY_ENTER, 2100), PROMPT_NO); /* one digit is not enough */
}

/* A change of the screen: keys count anew, and what was typed is forgotten. */
static void test_attack_I8_S11_rearmed(void **state)
{
	(void)state;
	assert_int_equal(press('5', 1100), PROMPT_STANDS);
	assert_int_equal(press('6', 1300), PROMPT_STANDS);
	prompt_presented(&p, 1400);
	assert_int_equal(press(GRID_KEY_ENTER, 1500), PROMPT_STANDS);
	prompt_hidden(&p);
	for (uint64_t t = 2000; t < 20000; t += 500) {
		assert_int_equal(press('5', t), PROMPT_STANDS);
		assert_int_equal(press('6', t + 100), PROMPT_STANDS);
		assert_int_equal(press(GRID_KEY_ENTER, t + 200), PROMPT_STANDS);
	}
}

/* Whatever the clock does, it does not say yes. */
static void test_attack_I13_O5_time(void **state)
{
	(void)state;
	assert_int_equal(prompt_time(&p, 59999), PROMPT_STANDS);
	assert_int_equal(prompt_time(&p, 60000), PROMPT_TIMED_OUT);
	assert_int_equal(prompt_time(&p, UINT64_MAX), PROMPT_TIMED_OUT);
	assert_int_equal(press('5', 59000), PROMPT_STANDS);
	assert_int_equal(press('6', 59500), PROMPT_STANDS);
	assert_int_equal(press(GRID_KEY_ENTER, 60001), PROMPT_TIMED_OUT);
	set_up(state);
	assert_int_equal(press('5', 2000), PROMPT_STANDS);
	assert_int_equal(press('6', 2100), PROMPT_STANDS);
	assert_int_not_equal(press(GRID_KEY_ENTER, 1900), PROMPT_YES); /* the clock went back */
}

static void test_attack_I15_S13_one_at_a_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(ask(1, &dial, i), ANSWER_BUSY);
	assert_int_equal(p.asker, 0);
}

/* A no sticks, longer each time; many of them, and nothing is shown until the person looks. */
static void test_attack_I10_I11_I12_backoff(void **state)
{
	uint64_t t = 10000, wait = PROMPT_BACKOFF_MS;
	struct prompt_message other = dial;

	(void)state;
	for (unsigned i = 0; i < PROMPT_NOS_MAX; i++) {
		prompt_done(&p, &asker, false, t);
		if (i + 1 == PROMPT_NOS_MAX)
			break;
		assert_int_equal(ask(0, &dial, t + wait - 1), ANSWER_BACKOFF);
		t += wait;
		wait *= 2;
		assert_int_equal(ask(0, &dial, t), 0);
	}
	memcpy(other.number, "0301234567", 10);
	assert_int_equal(ask(0, &other, t + 1000000), ANSWER_BACKOFF);
	asker.nos = 0;
	assert_int_equal(ask(0, &other, t + 1000000), 0);
	prompt_done(&p, &asker, true, t);
	assert_false(p.stands); /* a yes is for one call: the next one is asked about again */
	assert_int_equal(ask(0, &other, t + 1000001), 0);
	assert_int_equal(p.typed, 0);
}

/* Every field out of its range, every byte of padding: refused. */
static void test_attack_D3_D4_D5_D6_D8_D15_D22_D24_D25_D26_P1_messages(void **state)
{
	struct prompt_message m = dial;

	(void)state;
	assert_true(prompt_valid(&m));
	for (unsigned i = 0; i < sizeof(m.number); i++)
		for (unsigned b = 0; b < 256; b++) {
			bool digit = b >= '0' && b <= '9', ok;

			m = dial;
			m.number[i] = (char)b;
			ok = i < 10 ? digit || (i == 0 && b == '+') || (i == 9 && b == 0)
				    : b == 0 || (i == 10 && digit);
			assert_int_equal(prompt_valid(&m), ok);
		}
	for (unsigned i = 0; i < sizeof(m.padding); i++) {
		m = dial;
		m.padding[i] = 1;
		assert_false(prompt_valid(&m));
	}
	for (uint32_t c = 0; c < 20; c++) {
		m = dial;
		m.number_class = c;
		assert_int_equal(prompt_valid(&m), c >= 1 && c <= 8);
	}
	for (uint64_t type = 0; type < 1ull << 32; type += type < 64 ? 1 : 65537) {
		m = dial;
		m.type = (uint32_t)type;
		assert_int_equal(prompt_valid(&m), type == PROMPT_DIAL ||
							   type == PROMPT_ACCEPT ||
							   type == PROMPT_WITHDRAW);
	}
	m = dial;
	m.cents_per_minute = UINT32_MAX;
	assert_false(prompt_valid(&m));
	m = dial;
	m.reserved = 1;
	assert_false(prompt_valid(&m));
	m = dial;
	m.id = 0;
	assert_false(prompt_valid(&m));
	m = dial;
	m.call_state = 1;
	assert_false(prompt_valid(&m));
	m = dial;
	memset(m.number, '1', sizeof(m.number)); /* no end */
	assert_false(prompt_valid(&m));
}

static bool shows(const struct screen *s, const char *text)
{
	for (unsigned r = 0; r < s->rows; r++)
		for (unsigned c = 0; c + strlen(text) <= s->columns; c++) {
			size_t n = 0;

			while (text[n] != '\0' && s->cell[r][c + n].glyph == (uint32_t)text[n])
				n++;
			if (text[n] == '\0')
				return true;
		}
	return false;
}

/* On every size of screen: all of the question is there, or it is refused; row 0 is the strip's. */
static void test_attack_S3_S9_D8_every_size(void **state)
{
	static struct screen s;
	static const char longest[] = "+491234567890123456789";
	struct prompt_message m = dial;

	(void)state;
	memcpy(m.number, longest, sizeof(longest));
	p.asks = prompt_question(&m);
	for (s.rows = SCREEN_ROWS_MIN - 1; s.rows <= SCREEN_ROWS_MAX; s.rows++)
		for (s.columns = SCREEN_COLUMNS_MIN; s.columns <= SCREEN_COLUMNS_MAX;
		     s.columns += 16) {
			unsigned blocks = 0;

			assert_true(page_question(&s, &m, &p, "dialler", "phrase", 200));
			assert_true(shows(&s, "PREMIUM NUMBER: 2.99 EUR per minute"));
			assert_true(shows(&s, "your phrase: phrase"));
			assert_true(shows(&s, "To say yes, type 8 9 and then Enter"));
			for (unsigned c = 0; c < s.columns; c++)
				assert_int_equal(s.cell[0][c].glyph, ' ');
			for (unsigned r = 0; r < s.rows; r++)
				for (unsigned c = 0; c < s.columns; c++)
					blocks += s.cell[r][c].glyph == BLOCK;
			assert_int_equal(blocks, 299); /* of all its digits */
		}
	s.rows = 12;
	s.columns = SCREEN_COLUMNS_MIN;
	assert_false(page_question(&s, &m, &p, "dialler", "", 200));
}

/* Cells of the guest never reach row 0, whatever they and the sizes say; unknown ones are marked. */
static void test_attack_S1_S2_S5_D1_D7_guest_cells(void **state)
{
	static struct screen s = { .rows = 25, .columns = 80 };
	static struct grid g;
	struct strip strip = { .guest = "linux" };

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		g.rows = i % 7 == 0 ? UINT32_MAX : i;
		g.columns = i % 5 == 0 ? UINT32_MAX : i;
		g.cursor = i * 2654435761u;
		for (unsigned r = 0; r < GRID_ROWS_MAX; r++)
			for (unsigned c = 0; c < 80; c++)
				g.cell[r][c] = (r * 256 + c + i) * 2654435761u;
		draw_clear(&s);
		draw_guest(&s, &g);
		page_strip(&s, &strip);
		assert_true(shows(&s, "keyboard: linux (not trusted)"));
		assert_true(s.cursor_row != 0 && s.cursor_row < 25 && s.cursor_column < 80);
		for (unsigned c = 0; c < 80; c++)
			assert_int_equal(s.cell[0][c].style, STYLE_STRIP);
		for (unsigned r = 1; r < 25; r++)
			for (unsigned c = 0; c < 80; c++)
				assert_true(draw_has_glyph(s.cell[r][c].glyph));
	}
	strip.trusted = true;
	page_strip(&s, &strip); /* attack_D27: another text, not only another look */
	assert_true(shows(&s, "[ZWINGER] keyboard: ZWINGER"));
	assert_false(shows(&s, "linux"));
}

/* attack_D2: digits differ in at least one of every row or in several blocks. */
static void test_attack_D2_D13_digits_and_costs(void **state)
{
	static struct screen a = { .rows = 25, .columns = 80 },
			     b = { .rows = 25, .columns = 80 };
	static const char glyphs[] = "0123456789+.";
	struct prompt_message m = dial;

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		for (unsigned j = 0; j < i; j++) {
			unsigned differ = 0;

			draw_clear(&a);
			draw_clear(&b);
			assert_int_equal(draw_number(&a, 0, 0, 5, (char[]){ glyphs[i], 0 }), 5);
			assert_int_equal(draw_number(&b, 0, 0, 5, (char[]){ glyphs[j], 0 }), 5);
			for (unsigned r = 0; r < 5; r++)
				for (unsigned c = 0; c < 5; c++)
					differ += a.cell[r][c].glyph != b.cell[r][c].glyph;
			assert_true(differ >= 1);
		}
	m.cents_per_minute = 5;
	m.cents_per_call = 100;
	assert_true(page_question(&a, &m, &p, "dialler", "", 200));
	assert_true(shows(&a, "0.05 EUR per minute and 1.00 EUR per call"));
	m.cents_per_minute = m.cents_per_call = 0;
	assert_true(page_question(&a, &m, &p, "dialler", "", 200));
	assert_true(shows(&a, "at a price that is not known"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_yes, set_up),
		cmocka_unit_test_setup(test_attack_I1_I4_dead_time, set_up),
		cmocka_unit_test_setup(test_attack_I2_I6_repeats_and_bounces, set_up),
		cmocka_unit_test_setup(test_attack_I7_default_is_no, set_up),
		cmocka_unit_test_setup(test_attack_I8_S11_rearmed, set_up),
		cmocka_unit_test_setup(test_attack_I13_O5_time, set_up),
		cmocka_unit_test_setup(test_attack_I15_S13_one_at_a_time, set_up),
		cmocka_unit_test_setup(test_attack_I10_I11_I12_backoff, set_up),
		cmocka_unit_test_setup(
			test_attack_D3_D4_D5_D6_D8_D15_D22_D24_D25_D26_P1_messages, set_up),
		cmocka_unit_test_setup(test_attack_S3_S9_D8_every_size, set_up),
		cmocka_unit_test_setup(test_attack_S1_S2_S5_D1_D7_guest_cells, set_up),
		cmocka_unit_test_setup(test_attack_D2_D13_digits_and_costs, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
