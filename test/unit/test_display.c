/* SPDX-License-Identifier: ISC */
/* The trusted display as a whole: who has the screen has the keyboard, and the strip says who. */
#include "test_display_driver.h"

#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define NUMBER	     "0301234567"
#define DEAD_MS	     1000
#define GUEST_OWNS   "keyboard: linux (not trusted)"
#define ZWINGER_OWNS "[ZWINGER] keyboard: ZWINGER"
#define TONES	     "0123456789*#ABCD"

static int set_up(void **state)
{
	(void)state;
	driver_open(DRIVER_PHRASE);
	driver_attach(25, 80);
	driver_wait(100);
	return 0;
}

static void ask(unsigned i, uint64_t id, const char *number)
{
	struct prompt_message m = driver_dial(id, number);

	driver_say(i, &m);
}

/* It is on the screen, and keys count. */
static void ask_and_arm(unsigned i, uint64_t id, const char *number)
{
	ask(i, id, number);
	driver_wait(DEAD_MS + 100);
}

static void gesture(const char keys[2])
{
	driver_press((uint32_t)keys[0]);
	driver_wait(200);
	driver_press((uint32_t)keys[1]);
	driver_wait(200);
	driver_press(GRID_KEY_ENTER);
}

static void attention(void)
{
	driver_key(']', DRIVER_CTRL, DRIVER_PRESSED);
	driver_wait(50);
}

/* Each printable key and some others to whoever gets them; to the guest go so many of them. */
static unsigned keys_that_reach_the_guest(void)
{
	unsigned before = driver.typed_count;

	for (uint32_t c = 0x20; c < 0x7f; c++)
		driver_press(c);
	driver_press(GRID_KEY_TAB);
	driver_press(GRID_KEY_F1);
	return driver.typed_count - before;
}

static void test_yes_and_no(void **state)
{
	(void)state;
	ask_and_arm(0, 7, NUMBER);
	assert_int_equal(driver_last(0), ANSWER_SHOWN);
	gesture("67");
	assert_int_equal(driver_last(0), ANSWER_YES);
	assert_true(driver.answer[0][driver.answers[0] - 1].id == 7);
	assert_string_equal(driver.answer[0][driver.answers[0] - 1].number, NUMBER);
	ask_and_arm(0, 8, NUMBER);
	driver_press('n');
	assert_int_equal(driver_last(0), ANSWER_NO);
	assert_int_equal(driver.yes, 1);
}

/* Whatever is asked, shown, detached: the strip names who gets the keys, and nobody else does. */
static void test_attack_S4_I18_one_owner(void **state)
{
	(void)state;
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(keys_that_reach_the_guest(), 97);
	attention();
	assert_true(driver_row_shows(0, ZWINGER_OWNS));
	assert_false(driver_row_shows(0, "linux"));
	driver_press('x');
	assert_int_equal(driver.typed_count, 98); /* and a size at first */
	driver_press(GRID_KEY_ESCAPE);
	driver_wait(50);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	ask(0, 1, NUMBER);
	driver_wait(50);
	assert_true(driver_row_shows(0, ZWINGER_OWNS ", asked by dialler"));
	assert_false(driver_row_shows(0, "linux"));
	for (unsigned i = 0; i < 30; i++) {
		driver_press('5');
		driver_press(GRID_KEY_TAB);
		driver_wait(100);
	}
	assert_int_equal(driver.typed_count, 98);
	driver_wait(2000);
	driver_press(GRID_KEY_ESCAPE);
	driver_wait(50);
	/* Keys that were meant for the question are not the guest's. */
	assert_true(driver_row_shows(0, ZWINGER_OWNS ", the question has gone"));
	assert_int_equal(keys_that_reach_the_guest(), 0);
	driver_wait(1500);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(keys_that_reach_the_guest(), 97);
}

/* A slow terminal still says that Zwinger has the keyboard: then the guest has not. */
static void test_attack_S4_slow_terminal(void **state)
{
	(void)state;
	attention();
	driver.stuck = true;
	driver_press(GRID_KEY_ESCAPE);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(keys_that_reach_the_guest(), 0);
		driver_wait(50);
	}
	assert_true(driver_row_shows(0, ZWINGER_OWNS));
	driver.stuck = false;
	driver_wait(50);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(keys_that_reach_the_guest(), 97);
	driver.stuck = true; /* and what the guest draws slowly does not lock its keys out */
	driver_ring();
	driver_wait(50);
	assert_int_equal(keys_that_reach_the_guest(), 97);
	attention();
	driver_press(GRID_KEY_ESCAPE); /* who knows how much of the menu is there */
	driver_wait(50);
	assert_int_equal(keys_that_reach_the_guest(), 0);
}

/* Within the dead time and before it, at every moment: keys do not count. */
static void test_attack_I1_I4_nothing_before_it_was_seen(void **state)
{
	static const char keys[] = "67";

	for (unsigned at = 0; at < DEAD_MS; at += 5) {
		set_up(state);
		driver.stuck = true; /* a flood of keys before the first frame */
		ask(0, 1, NUMBER);
		for (unsigned i = 0; i < 100; i++)
			driver_press((uint32_t)keys[i % 2]);
		driver_press(GRID_KEY_ENTER);
		driver.stuck = false;
		driver_wait(16);
		driver_wait(at);
		driver_press('6');
		driver_wait(60);
		driver_press('7');
		driver_wait(60);
		driver_press(GRID_KEY_ENTER);
		assert_int_equal(driver.yes, 0);
		assert_int_equal(driver_count(0, ANSWER_NO), 0);
	}
}

/* A key that goes down here and up there is nobody's: the guest gets whole presses only. */
static void test_attack_I2_I3_down_here_up_there(void **state)
{
	unsigned before;

	(void)state;
	driver_press('6');
	before = driver.typed_count;
	driver_key('6', 0, DRIVER_RELEASED);
	driver_key(']', DRIVER_CTRL, DRIVER_RELEASED);
	driver_wait(50);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(driver.typed_count, before);
	ask(0, 1, NUMBER);
	driver_wait(DEAD_MS + 100);
	driver_key('6', 0, DRIVER_REPEATED); /* still held: the question is not for it */
	driver_key('6', 0, DRIVER_RELEASED);
	driver_wait(10);
	gesture("67");
	assert_int_equal(driver.yes, 0); /* it begins anew only after another dead time */
	driver_wait(DEAD_MS + 100);
	driver_press('6');
	driver_wait(200);
	driver_press('7');
	driver_key('7', 0, DRIVER_RELEASED);
	driver_wait(200);
	driver_press(GRID_KEY_ENTER);
	assert_int_equal(driver.yes, 1);
	for (unsigned i = 0; i < 100; i++) { /* Enter, held on */
		driver_key(GRID_KEY_ENTER, 0, DRIVER_REPEATED);
		driver_wait(33);
	}
	driver_key(GRID_KEY_ENTER, 0, DRIVER_RELEASED);
	assert_int_equal(driver.typed_count, before);
}

/* The answer is that of what was drawn, whatever comes before and after. */
static void test_attack_I9_I20_C13_swapped(void **state)
{
	struct prompt_message gone = driver_withdraw(1, NUMBER),
			      old = driver_withdraw(9, NUMBER);

	(void)state;
	ask_and_arm(0, 1, NUMBER);
	driver_press('6');
	driver_wait(200);
	driver_press('7');
	driver_queue(0, &gone);
	gone = driver_dial(2, "0900123467");
	driver_queue(0, &gone);
	driver_notify(0);
	driver_press(GRID_KEY_ENTER); /* meant for the first */
	driver_wait(16);
	driver_press(GRID_KEY_ENTER);
	assert_int_equal(driver.yes, 0);
	driver_wait(DEAD_MS + 100);
	driver_say(0, &old); /* of another question: nothing */
	gone = driver_withdraw(2, "0900123467");
	driver_say(1, &gone); /* another's */
	assert_true(driver_shows("Shall this number be dialled?"));
	gesture("67");
	assert_int_equal(driver_last(0), ANSWER_YES);
	assert_true(driver.answer[0][driver.answers[0] - 1].id == 2);
	assert_int_equal(driver.answers[1], 0);
}

/* What was typed is forgotten with each change of the picture that is not the display's own. */
static void test_attack_I8_changes_rearm(void **state)
{
	struct prompt_message call = driver_call(CALL_RINGING, "0891234567");

	for (unsigned change = 0; change < 3; change++) {
		set_up(state);
		ask_and_arm(0, 1, NUMBER);
		driver_press('6');
		driver_wait(200);
		driver_press('7');
		driver_wait(200);
		if (change == 0)
			driver_resize(30, 100);
		else if (change == 1)
			driver_say(1, &call);
		else
			driver_audit(1, true);
		driver_press(GRID_KEY_ENTER); /* before the new picture is there, and after */
		driver_wait(50);
		driver_press(GRID_KEY_ENTER);
		driver_wait(300);
		gesture("67");
		if (driver.yes != 0)
			printf("change %u\n", change);
		assert_int_equal(driver.yes, 0);
		assert_int_equal(driver_count(0, ANSWER_SHOWN), 1);
		driver_wait(DEAD_MS + 100);
		gesture("67");
		assert_int_equal(driver.yes, 1);
	}
}

/* attack_S12: nothing counts while the picture is on its way, nor within the dead time after. */
static void test_attack_S12_presented_without_a_break(void **state)
{
	(void)state;
	driver.stuck = true;
	ask(0, 1, NUMBER);
	for (unsigned i = 0; i < 20; i++) {
		driver_wait(300);
		gesture("67");
	}
	assert_int_equal(driver.answers[0], 0); /* not even SHOWN */
	driver.stuck = false;
	driver_wait(50);
	assert_int_equal(driver_last(0), ANSWER_SHOWN);
	gesture("67");
	assert_int_equal(driver.yes, 0);
}

/* The screen is lost, taken, or too small: no. */
static void test_attack_S11_screen_lost(void **state)
{
	for (unsigned how = 0; how < 5; how++) {
		set_up(state);
		ask_and_arm(0, 1, NUMBER);
		driver_press('6');
		driver_wait(200);
		driver_press('7');
		if (how == 0)
			driver_leave();
		else if (how == 1)
			driver_attach(25, 80);
		else if (how == 2)
			driver_resize(23, 80);
		else if (how == 3)
			driver_resize(25, 79);
		else
			driver.broken = true;
		driver_wait(300);
		assert_int_equal(driver_last(0), ANSWER_TIMEOUT);
		driver_press(GRID_KEY_ENTER);
		driver_wait(100);
		assert_int_equal(driver.yes, 0);
		assert_int_equal(driver.answers[0], 2);
	}
}

/* The clock goes on while nobody saw the screen, or goes back: what was typed does not count. */
static void test_attack_I13_O5_clock_jumps(void **state)
{
	static const int64_t jumps[] = {
		6000, 20000, 59000, 3600000, INT64_MAX / 2, -50, -90000
	};

	for (unsigned i = 0; i < COUNT(jumps); i++)
		for (unsigned typed = 0; typed < 3; typed++) {
			set_up(state);
			if (typed == 0)
				ask(0, 1, NUMBER); /* and there is no time to read it */
			else
				ask_and_arm(0, 1, NUMBER);
			if (typed == 0)
				driver_wait(20);
			else
				driver_press('6');
			driver_wait(100);
			if (typed == 2)
				driver_press('7');
			driver_jump((uint64_t)((int64_t)driver.now_ms + jumps[i]));
			if (typed == 0)
				driver_press('6');
			driver_wait(200);
			if (typed < 2)
				driver_press('7');
			driver_wait(200);
			driver_press(GRID_KEY_ENTER);
			if (driver.yes != 0)
				printf("jump %lld, %u typed\n", (long long)jumps[i], typed);
			assert_int_equal(driver.yes, 0);
		}
}

/* It dies with its channel, however that ends; what is asked by its successor begins anew. */
static void test_attack_C14_I14_channel_ends(void **state)
{
	for (unsigned how = 0; how < 3; how++) {
		struct prompt_message gone = driver_withdraw(1, NUMBER);

		set_up(state);
		ask_and_arm(0, 1, NUMBER);
		driver_press('6');
		driver_wait(200);
		driver_press('7');
		driver_wait(200);
		if (how == 0)
			driver_close_channel(0);
		else if (how == 1)
			driver_break_channel(0);
		else
			driver_say(0, &gone);
		driver_press(GRID_KEY_ENTER);
		driver_wait(2000);
		if (driver_row_shows(0, "asked by"))
			printf("how %u\n", how);
		assert_true(driver_row_shows(0, GUEST_OWNS));
		assert_false(driver_shows("dialled?"));
		assert_int_equal(driver.yes, 0);
		driver_wait(100000);
		driver_open_channel(0);
		driver_press(GRID_KEY_ENTER);
		assert_int_equal(driver.yes, 0);
		ask_and_arm(0, 2, NUMBER);
		driver_press(GRID_KEY_ENTER);
		assert_int_equal(driver_last(0), ANSWER_NO);
	}
}

/* What is asked and withdrawn, again and again: soon nothing of it is shown, until the person
 * looks; and the keyboard is the guest's again. */
static void test_attack_I10_I11_S13_ask_and_withdraw(void **state)
{
	unsigned asked = 0;

	(void)state;
	for (uint64_t id = 1; id < 1000; id++) {
		char number[16];
		struct prompt_message gone;

		snprintf(number, sizeof(number), "0%u", 1000000 + (unsigned)id);
		gone = driver_withdraw(id, number);
		ask(0, id, number);
		driver_wait(20);
		asked += driver_shows("dialled?");
		driver_say(0, &gone);
		driver_wait(100);
	}
	assert_true(asked <= 5);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(keys_that_reach_the_guest(), 97);
	/* The same number, in pieces of one turn. */
	set_up(state);
	for (uint64_t id = 1; id < 1000; id++) {
		struct prompt_message m = driver_dial(id, NUMBER),
				      gone = driver_withdraw(id, NUMBER);

		driver_queue(0, &m);
		driver_queue(0, &gone);
		driver_notify(0);
		driver_wait(10);
	}
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_int_equal(keys_that_reach_the_guest(), 97);
}

/* What is pasted comes faster than a terminal takes it: it waits, in its order, and no question waits for it. */
static void test_typed_ahead(void **state)
{
	unsigned before = driver.typed_count;

	(void)state;
	driver.terminal_full = true;
	for (unsigned i = 0; i < 200; i++)
		driver_press('!' + i % 90);
	assert_int_equal(driver.typed_count, before);
	ask(0, 7, NUMBER);
	driver_wait(20);
	assert_true(driver_shows("dialled?"));
	driver_terminal_takes(false);
	assert_int_equal(driver.typed_count, before + 200);
	for (unsigned i = 0; i < 200 && before + i < DRIVER_TYPED; i++)
		assert_int_equal(driver.typed[before + i].code, '!' + i % 90);
	/* And is not for the one that comes after it. */
	set_up(state);
	before = driver.typed_count;
	driver.terminal_full = true;
	driver_press('a');
	driver_terminal_takes(true);
	for (unsigned i = before; i < driver.typed_count; i++)
		assert_int_equal(driver.typed[i].type, GRID_RESIZE);
}

/* Held back after many a no: the strip says so, and the attention key lets them through again. */
static void test_attack_I11_held_back_is_told(void **state)
{
	static const char *const numbers[] = { "0301", "0302", "0303", "0304", "0305" };

	(void)state;
	for (unsigned i = 0; i < COUNT(numbers); i++) {
		assert_false(driver_row_shows(0, "held back"));
		ask_and_arm(0, i + 1, numbers[i]);
		driver_press(GRID_KEY_ESCAPE);
		driver_wait(2000);
		assert_int_equal(driver_last(0), ANSWER_NO);
	}
	ask_and_arm(0, 9, "0306");
	assert_int_equal(driver_last(0), ANSWER_BACKOFF);
	assert_true(driver_row_shows(0, "held back"));
	assert_true(driver_row_shows(0, GUEST_OWNS));
	ask_and_arm(1, 9, "0306"); /* another's are not */
	assert_int_equal(driver_last(1), ANSWER_SHOWN);
	driver_press(GRID_KEY_ESCAPE);
	driver_wait(2000);
	attention();
	assert_true(driver_shows("held back"));
	driver_press(GRID_KEY_ESCAPE);
	driver_wait(2000);
	assert_false(driver_row_shows(0, "held back"));
	ask_and_arm(0, 10, "0307");
	assert_int_equal(driver_last(0), ANSWER_SHOWN);
}

static void test_attack_I15_S13_two_at_once(void **state)
{
	(void)state;
	ask_and_arm(0, 1, NUMBER);
	for (uint64_t id = 10; id < 40; id++) {
		ask(1, id, "0900123456");
		assert_int_equal(driver_last(1), ANSWER_BUSY);
		assert_true(driver.answer[1][driver.answers[1] - 1].id == id);
	}
	assert_true(driver_row_shows(0, "asked by dialler"));
	driver_press(GRID_KEY_ESCAPE);
	assert_int_equal(driver_last(0), ANSWER_NO);
	ask_and_arm(1, 50, "0900123456");
	assert_true(driver_row_shows(0, "asked by second"));
	assert_int_equal(driver_last(1), ANSWER_SHOWN);
	assert_int_equal(driver_last(0), ANSWER_NO);
}

/* The guest writes whatever it likes, as often as it likes: the question stays as it is. */
static void test_attack_S5_S6_guest_writes_on(void **state)
{
	static struct screen before;

	(void)state;
	ask_and_arm(0, 1, NUMBER);
	before = *driver.shown;
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned r = 0; r < GRID_ROWS_MAX; r++)
			for (unsigned c = 0; c < 80; c++)
				atomic_store(&driver.grid->cell[r][c], 0x07000058 + i);
		atomic_store(&driver.grid->rows, i % 3 == 0 ? UINT32_MAX : 24);
		atomic_store(&driver.grid->columns, i % 5 == 0 ? UINT32_MAX : 80);
		atomic_store(&driver.grid->cursor, i);
		driver_ring();
		driver_wait(1);
		for (unsigned r = 0; r < 25; r++)
			for (unsigned c = 0; c < 80; c++)
				assert_int_not_equal(driver.shown->cell[r][c].style,
						     STYLE_GUEST);
		assert_int_equal(driver.shown->cursor_row, -1);
		assert_memory_equal(&driver.shown->cell[1], &before.cell[1],
				    17 * sizeof(before.cell[0])); /* above what counts down */
	}
	assert_true(driver_row_shows(0, ZWINGER_OWNS));
	gesture("67");
	assert_string_equal(driver.answer[0][driver.answers[0] - 1].number, NUMBER);
}

/* The guest's whole screen is a copy of a question: row 0 says what it is. */
static void test_attack_S1_S2_copy_of_a_question(void **state)
{
	static struct screen copy;

	(void)state;
	ask_and_arm(0, 1, NUMBER);
	copy = *driver.shown;
	driver_press(GRID_KEY_ESCAPE);
	atomic_store(&driver.grid->rows, 25);
	atomic_store(&driver.grid->columns, 80);
	for (unsigned r = 0; r < 25; r++)
		for (unsigned c = 0; c < 80; c++)
			atomic_store(&driver.grid->cell[r][c],
				     copy.cell[r][c].glyph | 7u << 24);
	driver_ring();
	/* While the strip still names Zwinger, nothing of the guest's is below it. */
	for (unsigned i = 0; i < 20; i++) {
		driver_press('x');
		driver_wait(300);
		assert_true(driver_row_shows(0, ZWINGER_OWNS));
		assert_false(driver_shows("dialled?"));
		assert_int_not_equal(driver.shown->cell[1][0].style, STYLE_GUEST);
	}
	driver_wait(2000);
	assert_true(
		driver_row_shows(1, "[ZWINGER] keyboard: ZWINGER")); /* as near as it gets */
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_false(driver_row_shows(0, "ZWINGER"));
	for (unsigned c = 0; c < 80; c++)
		assert_int_equal(driver.shown->cell[0][c].style, STYLE_STRIP);
}

/* After a question, and after the person has gone, nothing of it is left to be seen. */
static void test_attack_S7_I19_nothing_is_left(void **state)
{
	(void)state;
	ask_and_arm(0, 1, NUMBER);
	assert_true(driver_shows(DRIVER_PHRASE));
	driver_press(GRID_KEY_ESCAPE);
	driver_wait(50);
	assert_false(driver_shows(DRIVER_PHRASE));
	assert_false(driver_shows("dialled?"));
	driver_wait(2000);
	for (unsigned r = 1; r < 25; r++)
		for (unsigned c = 0; c < 80; c++)
			assert_int_equal(driver.shown->cell[r][c].glyph, ' ');
	attention();
	assert_false(driver_shows(DRIVER_PHRASE));
	assert_false(driver_shows("dialled?"));
}

/* What an application filled in looks different from all that the display says. */
static void test_attack_D16_D26_values_are_marked(void **state)
{
	unsigned blocks = 0;

	(void)state;
	ask_and_arm(0, 1, NUMBER);
	for (unsigned r = 0; r < 25; r++)
		for (unsigned c = 0; c < 80; c++) {
			bool block = driver.shown->cell[r][c].glyph == 0x2588;

			blocks += block;
			assert_int_equal(driver.shown->cell[r][c].style == STYLE_VALUE, block);
		}
	assert_true(blocks > 100);
}

/* On the strip, whoever asks and whoever calls: its owner is there, whole, and nothing is cut. */
static void test_attack_D8_S4_strip_fits(void **state)
{
	static const char longest[] = "+4912345678901234567890";
	struct prompt_message call = driver_call(CALL_DIALLING, longest);

	(void)state;
	driver_say(0, &call);
	driver_wait(50);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_true(driver_row_shows(0, "dialling +4912345678901234567890"));
	for (uint32_t s = CALL_DIALLING; s <= CALL_CONNECTED; s++) {
		call = driver_call((enum call_state)s, longest);
		driver_say(0, &call);
		ask(0, s, "0301234567");
		driver_wait(50);
		assert_true(driver_row_shows(0, ZWINGER_OWNS ", asked by dialler "));
		assert_true(driver_row_shows(0, longest) || !driver_row_shows(0, "+"));
		assert_true(driver_row_shows(0, s == CALL_DIALLING ? "dialling" : "call"));
		driver_press(GRID_KEY_ESCAPE);
		driver_wait(30000);
		driver_press(GRID_KEY_ESCAPE);
		driver_wait(30000);
	}
	driver_audit(0, true);
	driver_wait(50);
	assert_true(driver_row_shows(0, GUEST_OWNS));
	assert_true(driver_row_shows(0, "AUDIT STOPPED"));
	assert_int_equal(driver.shown->cell[0][70].style, STYLE_WARNING);
	driver_audit(0, false);
	driver_wait(50);
	assert_false(driver_row_shows(0, "AUDIT"));
}

/* Four times a second while something counts seconds; when keys begin to count, at once; else not at all. */
static void test_frames(void **state)
{
	unsigned before;

	(void)state;
	ask(0, 7, NUMBER);
	driver_wait(DEAD_MS);
	assert_false(driver_shows("please read first"));
	before = driver.frames;
	driver_wait(10000);
	assert_in_range(driver.frames - before, 40, 42);
	driver_press(GRID_KEY_ENTER);
	driver_wait(1000);
	assert_true(driver_row_shows(0, "(not trusted)"));
	before = driver.frames;
	driver_wait(2000);
	assert_int_equal(driver.frames, before);
}

/* During a call: keys in the display's menu, to the one whose call it is, once for each press. */
static void test_call_keys(void **state)
{
	struct prompt_message m = driver_call(CALL_DIALLING, NUMBER);

	(void)state;
	attention();
	driver_press('h');
	driver_press('5');
	assert_int_equal(driver.answers[0], 0); /* there is no call */
	driver_say(0, &m);
	driver_press('5');
	assert_int_equal(driver.answers[0], 0); /* nor one that hears tones */
	m = driver_call(CALL_CONNECTED, NUMBER);
	driver_say(0, &m);
	for (const char *c = TONES; *c != '\0'; c++) {
		driver_press((uint32_t)*c);
		assert_int_equal(driver_last(0), ANSWER_TONE);
		assert_int_equal(driver.answer[0][driver.answers[0] - 1].tone, *c);
		assert_true(driver.answer[0][driver.answers[0] - 1].id == 0);
	}
	assert_int_equal(driver.answers[0], 16);
	for (unsigned i = 0; i < 10; i++)
		driver_key('5', 0, DRIVER_REPEATED);
	driver_key('5', 0, DRIVER_RELEASED);
	assert_int_equal(driver.answers[0], 16); /* held down is pressed once */
	driver_wait(61000 + 250);		 /* drawn four times a second */
	assert_true(driver_row_shows(0, "call 0301234567 1:01"));
	driver_press('h');
	assert_int_equal(driver_last(0), ANSWER_HANGUP);
	m = driver_call(CALL_NONE, "");
	driver_say(0, &m);
	driver_wait(50);
	assert_false(driver_row_shows(0, "call"));
	driver_press('h');
	assert_int_equal(driver.answers[0], 17);
	assert_int_equal(driver.typed_count, 1); /* the size */
}

/* One application's call is not another's to hide, to hang up or to hear. */
static void test_attack_O4_another_ones_call(void **state)
{
	struct prompt_message m = driver_call(CALL_CONNECTED, NUMBER);

	(void)state;
	driver_say(0, &m);
	driver_wait(50);
	for (uint32_t s = CALL_NONE; s <= CALL_CONNECTED; s++) {
		m = driver_call((enum call_state)s, s == CALL_NONE ? "" : "0999");
		driver_say(1, &m);
		driver_wait(50);
		assert_true(driver_row_shows(0, "call 0301234567"));
		attention();
		driver_press('h');
		driver_press('5');
		driver_press(GRID_KEY_ESCAPE);
		driver_wait(50);
	}
	assert_int_equal(driver.answers[1], 0);
	assert_int_equal(driver_count(0, ANSWER_TONE), 4);
	driver_close_channel(0);
	driver_wait(50);
	assert_false(driver_row_shows(0, "0301234567"));
	assert_true(driver_row_shows(0, "call 0999")); /* now it is the other's turn */
	attention();
	driver_press('h');
	assert_int_equal(driver_last(1), ANSWER_HANGUP);
	assert_int_equal(driver_count(0, ANSWER_HANGUP), 4);
}

/* What breaks a rule is not repeated to anybody; a key with a modifier is another key. */
static void test_attack_I6_P6_not_repeated(void **state)
{
	static const char none[PROMPT_NUMBER];
	struct prompt_message m = driver_dial(5, "123\033[2J");

	driver_say(0, &m);
	assert_int_equal(driver_last(0), ANSWER_REFUSED);
	assert_memory_equal(driver.answer[0][0].number, none, sizeof(none));
	for (uint32_t modifiers = 1; modifiers < 8; modifiers++)
		for (unsigned which = 0; which < 3; which++) {
			set_up(state);
			ask_and_arm(0, 1, NUMBER);
			driver_key('6', which == 0 ? modifiers : 0, DRIVER_PRESSED);
			driver_wait(200);
			driver_key('7', which == 1 ? modifiers : 0, DRIVER_PRESSED);
			driver_wait(200);
			driver_key(GRID_KEY_ENTER, which == 2 ? modifiers : 0, DRIVER_PRESSED);
			assert_int_equal(driver.yes, 0);
		}
}

/* Even of the launcher's own words, nothing but glyphs gets to a screen. */
static void test_attack_D5_P6_only_glyphs(void **state)
{
	(void)state;
	driver_open("a\033[2Jb\n\x7f\x9b");
	driver_attach(25, 80);
	ask(0, 1, NUMBER);
	driver_wait(100);
	assert_true(driver_shows("your phrase: a"));
	for (unsigned r = 0; r < 25; r++)
		for (unsigned c = 0; c < 80; c++) {
			uint32_t g = driver.shown->cell[r][c].glyph;

			assert_true((g >= 0x20 && g < 0x7f) || (g >= 0xa1 && g <= 0xff) ||
				    g == 0x2588);
		}
}

/* Every state, every message: a const table of what is answered. */
enum at { IDLE, UNSEEN, SHOWN, ARMED, TYPED, CALLING, HELD, AFTER, ATS };
enum what { ASK, ACCEPT, OWN, FOREIGN, CALL, UNKNOWN, TYPE_OF_ANSWER, NO_ID, WHATS };

static void reach(enum at at, void **state)
{
	struct prompt_message call = driver_call(CALL_CONNECTED, "0891234567");

	set_up(state);
	if (at == CALLING)
		driver_say(0, &call);
	if (at == IDLE || at == CALLING)
		return;
	if (at == HELD) {
		static const char *const numbers[] = { "0301", "0302", "0303", "0304", "0305" };

		for (unsigned i = 0; i < COUNT(numbers); i++) {
			ask_and_arm(0, i + 100, numbers[i]);
			driver_press(GRID_KEY_ESCAPE);
		}
		return;
	}
	driver.stuck = at == UNSEEN;
	ask(0, 1, NUMBER);
	driver_wait(at == ARMED || at == TYPED || at == AFTER ? DEAD_MS + 100 : 50);
	if (at == TYPED || at == AFTER) {
		driver_press('6');
		driver_wait(200);
		driver_press('7');
		driver_wait(200);
	}
	if (at == AFTER)
		driver_press(GRID_KEY_ESCAPE);
}

static void test_attack_P5_state_and_message(void **state)
{
	/* 0: nothing is answered at once. */
	static const uint32_t wanted[ATS][WHATS] = {
		[IDLE] = { [UNKNOWN] = ANSWER_REFUSED,
			   [TYPE_OF_ANSWER] = ANSWER_REFUSED,
			   [NO_ID] = ANSWER_REFUSED },
		[UNSEEN] = { ANSWER_BUSY, ANSWER_BUSY, 0, 0, 0, ANSWER_REFUSED, ANSWER_REFUSED,
			     ANSWER_REFUSED },
		[SHOWN] = { ANSWER_BUSY, ANSWER_BUSY, 0, 0, 0, ANSWER_REFUSED, ANSWER_REFUSED,
			    ANSWER_REFUSED },
		[ARMED] = { ANSWER_BUSY, ANSWER_BUSY, 0, 0, 0, ANSWER_REFUSED, ANSWER_REFUSED,
			    ANSWER_REFUSED },
		[TYPED] = { ANSWER_BUSY, ANSWER_BUSY, 0, 0, 0, ANSWER_REFUSED, ANSWER_REFUSED,
			    ANSWER_REFUSED },
		[CALLING] = { [UNKNOWN] = ANSWER_REFUSED,
			      [TYPE_OF_ANSWER] = ANSWER_REFUSED,
			      [NO_ID] = ANSWER_REFUSED },
		[HELD] = { ANSWER_BACKOFF, ANSWER_BACKOFF, 0, 0, 0, ANSWER_REFUSED,
			   ANSWER_REFUSED, ANSWER_REFUSED },
		[AFTER] = { ANSWER_BACKOFF, ANSWER_BACKOFF, 0, 0, 0, ANSWER_REFUSED,
			    ANSWER_REFUSED, ANSWER_REFUSED },
	};
	/* Whose the screen is afterwards: whether a question stands. */
	static const bool stands[ATS][WHATS] = {
		[IDLE] = { [ASK] = true, [ACCEPT] = true },
		[UNSEEN] = { 1, 1, 0, 1, 1, 1, 1, 1 },
		[SHOWN] = { 1, 1, 0, 1, 1, 1, 1, 1 },
		[ARMED] = { 1, 1, 0, 1, 1, 1, 1, 1 },
		[TYPED] = { 1, 1, 0, 1, 1, 1, 1, 1 },
		[CALLING] = { [ASK] = true, [ACCEPT] = true },
	};

	for (enum at at = 0; at < ATS; at++)
		for (enum what what = 0; what < WHATS; what++) {
			struct prompt_message m = driver_dial(2, NUMBER);
			unsigned before;
			uint32_t answer;

			reach(at, state);
			before = driver.answers[0];
			if (what == ACCEPT)
				m.type = PROMPT_ACCEPT;
			if (what == OWN || what == FOREIGN)
				m = driver_withdraw(what == OWN ? 1 : 3, NUMBER);
			if (what == CALL)
				m = driver_call(CALL_RINGING, NUMBER);
			if (what == UNKNOWN)
				m.type = 5 | CHAN_DECISION;
			if (what == TYPE_OF_ANSWER)
				m.type = ANSWER_SHOWN;
			if (what == NO_ID)
				m.id = 0;
			driver_say(0, &m);
			answer = driver.answers[0] > before ? driver_last(0) : 0;
			driver.stuck = false;
			if (at == IDLE || at == CALLING)
				answer = answer == ANSWER_SHOWN ? 0 : answer;
			if (answer != wanted[at][what])
				printf("state %d, message %d: %x\n", at, what, answer);
			assert_int_equal(answer, wanted[at][what]);
			driver_wait(50);
			assert_int_equal(driver_row_shows(0, "asked by"), stands[at][what]);
			assert_int_equal(driver.yes, 0);
		}
}

/* A size for the terminal with each that the screen gets, but not while there is no room. */
static void test_sizes(void **state)
{
	static const struct {
		unsigned rows, columns;
		uint32_t told;
	} sizes[] = {
		{ 24, 80, 23 << 16 | 80 },    { 100, 256, 99 << 16 | 256 },
		{ 101, 257, 99 << 16 | 256 }, { 4000, 16384, 99 << 16 | 256 },
		{ 25, 80, 24 << 16 | 80 },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		unsigned before = driver.typed_count;

		driver_resize(sizes[i].rows, sizes[i].columns);
		driver_wait(50);
		assert_int_equal(driver.typed_count, before + 1);
		assert_int_equal(driver.typed[before].type, GRID_RESIZE);
		assert_int_equal(driver.typed[before].code, sizes[i].told);
		assert_true(driver_row_shows(0, GUEST_OWNS));
	}
}

/* attack_S3, attack_S9: from nothing to more than there is: the strip, or why there is none. */
static void test_attack_S3_S9_every_size(void **state)
{
	for (unsigned rows = 1; rows < 110; rows += rows < 30 ? 1 : 13)
		for (unsigned columns = 1; columns < 300; columns += columns < 85 ? 3 : 31) {
			bool room = rows >= 24 && columns >= 80;

			set_up(state);
			driver_resize(rows, columns);
			driver_wait(50);
			assert_int_equal(driver_row_shows(0, GUEST_OWNS), room);
			if (!room) { /* nor does anybody see a menu */
				attention();
				driver_press(']');
				assert_int_equal(driver.typed_count, 1);
			}
			ask(0, 1, NUMBER);
			driver_wait(50);
			assert_int_equal(driver_row_shows(0, ZWINGER_OWNS), room);
			assert_int_equal(driver_shows("dialled?"), room);
			assert_int_equal(driver_last(0), room ? ANSWER_SHOWN : 0);
			if (room)
				continue;
			driver_wait(DEAD_MS + 100);
			gesture("67");
			assert_int_equal(driver.yes, 0);
			assert_int_equal(driver.typed_count, 1);
		}
}

/* The menu types its one key for the guest, and detaches. */
static void test_menu(void **state)
{
	(void)state;
	attention();
	assert_true(driver_shows("detach this terminal"));
	driver_press(']');
	driver_wait(50);
	assert_int_equal(driver.typed_count, 2);
	assert_int_equal(driver.typed[1].code, ']');
	assert_int_equal(driver.typed[1].modifiers, DRIVER_CTRL);
	attention();
	driver_press('d');
	driver_wait(50);
	assert_false(driver.attached);
	driver_attach(25, 80);
	driver_wait(50);
	assert_true(driver_row_shows(0, GUEST_OWNS));
}

/* A screen of its own: nobody leaves it, no terminal takes its place, and without its plug every
 * question is a no until it is there again. */
static void test_attack_S11_I17_screen_of_its_own(void **state)
{
	unsigned frames;

	(void)state;
	driver_open(DRIVER_PHRASE);
	driver.fixed = true;
	driver_attach(25, 80);
	driver_wait(100);
	attention();
	assert_false(driver_shows("detach"));
	driver_press('d');
	driver_wait(100);
	assert_true(driver.attached);
	driver_press(GRID_KEY_ESCAPE);
	driver.fixed = false;
	driver_attach(24, 80);
	assert_int_equal(driver.shown->rows, 25);

	ask_and_arm(0, 1, NUMBER);
	driver_press('6');
	driver.broken = true;
	driver_wait(300);
	assert_int_equal(driver_last(0), ANSWER_TIMEOUT);
	ask(0, 2, NUMBER);
	driver_wait(3000);
	gesture("67");
	driver_press(GRID_KEY_ENTER);
	driver_wait(100);
	assert_int_equal(driver.yes, 0);
	assert_int_equal(driver.typed_count, 1); /* the size */
	frames = driver.frames;
	driver.broken = false;
	driver_wait(3000);
	assert_true(driver.attached && driver.frames > frames);
	assert_true(driver_row_shows(0, GUEST_OWNS));
}

/* Nobody can answer: in time that is no. */
static void test_nobody_attached(void **state)
{
	(void)state;
	driver_open("");
	ask(0, 1, NUMBER);
	driver_wait(59000);
	assert_int_equal(driver.answers[0], 0);
	driver_wait(2000);
	assert_int_equal(driver_last(0), ANSWER_TIMEOUT);
	assert_int_equal(driver.answers[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_yes_and_no, set_up),
		cmocka_unit_test_setup(test_attack_S4_I18_one_owner, set_up),
		cmocka_unit_test_setup(test_attack_S4_slow_terminal, set_up),
		cmocka_unit_test_setup(test_attack_I1_I4_nothing_before_it_was_seen, set_up),
		cmocka_unit_test_setup(test_attack_I2_I3_down_here_up_there, set_up),
		cmocka_unit_test_setup(test_attack_I9_I20_C13_swapped, set_up),
		cmocka_unit_test_setup(test_attack_I8_changes_rearm, set_up),
		cmocka_unit_test_setup(test_attack_S12_presented_without_a_break, set_up),
		cmocka_unit_test_setup(test_attack_S11_screen_lost, set_up),
		cmocka_unit_test_setup(test_attack_I13_O5_clock_jumps, set_up),
		cmocka_unit_test_setup(test_attack_C14_I14_channel_ends, set_up),
		cmocka_unit_test_setup(test_attack_I10_I11_S13_ask_and_withdraw, set_up),
		cmocka_unit_test_setup(test_attack_I11_held_back_is_told, set_up),
		cmocka_unit_test_setup(test_attack_I15_S13_two_at_once, set_up),
		cmocka_unit_test_setup(test_attack_S5_S6_guest_writes_on, set_up),
		cmocka_unit_test_setup(test_attack_S1_S2_copy_of_a_question, set_up),
		cmocka_unit_test_setup(test_attack_S7_I19_nothing_is_left, set_up),
		cmocka_unit_test_setup(test_attack_D16_D26_values_are_marked, set_up),
		cmocka_unit_test_setup(test_attack_D8_S4_strip_fits, set_up),
		cmocka_unit_test_setup(test_call_keys, set_up),
		cmocka_unit_test_setup(test_typed_ahead, set_up),
		cmocka_unit_test_setup(test_attack_O4_another_ones_call, set_up),
		cmocka_unit_test_setup(test_attack_I6_P6_not_repeated, set_up),
		cmocka_unit_test_setup(test_attack_D5_P6_only_glyphs, set_up),
		cmocka_unit_test_setup(test_attack_P5_state_and_message, set_up),
		cmocka_unit_test_setup(test_sizes, set_up),
		cmocka_unit_test_setup(test_attack_S3_S9_every_size, set_up),
		cmocka_unit_test_setup(test_frames, set_up),
		cmocka_unit_test_setup(test_menu, set_up),
		cmocka_unit_test_setup(test_attack_S11_I17_screen_of_its_own, set_up),
		cmocka_unit_test_setup(test_nobody_attached, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
