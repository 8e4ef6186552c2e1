/* SPDX-License-Identifier: ISC */
/* What a keyboard says, as keys: layouts, modifiers, and that every press has its release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "evdev.h"

enum { UP, DOWN, AGAIN };
enum { SHIFT = 1, ALT = 2, CONTROL = 4 };

static struct evdev keyboard;

static bool event(uint16_t type, uint16_t code, int32_t value, struct key *k)
{
	const struct input_event e = { .type = type, .code = code, .value = value };

	return evdev_key(&keyboard, &e, k);
}

static bool hit(uint16_t code, int32_t value, struct key *k)
{
	return event(EV_KEY, code, value, k);
}

static void test_keys(void **state)
{
	static const struct {
		const char *layout;
		uint16_t with[3], key; /* held before it */
		uint32_t code, modifiers;
	} rows[] = {
		{ "us", { 0 }, KEY_A, 'a', 0 },
		{ "us", { KEY_LEFTSHIFT }, KEY_A, 'A', 0 },
		{ "us", { KEY_RIGHTSHIFT }, KEY_A, 'A', 0 },
		{ "us", { KEY_CAPSLOCK }, KEY_A, 'A', 0 },
		{ "us", { KEY_CAPSLOCK, KEY_LEFTSHIFT }, KEY_A, 'a', 0 },
		{ "us", { KEY_CAPSLOCK }, KEY_1, '1', 0 },
		{ "us", { KEY_LEFTSHIFT }, KEY_1, '!', 0 },
		{ "us", { KEY_LEFTCTRL }, KEY_RIGHTBRACE, ']', CONTROL },
		{ "us", { KEY_RIGHTCTRL }, KEY_C, 'c', CONTROL },
		{ "us", { KEY_LEFTALT }, KEY_X, 'x', ALT },
		{ "us", { KEY_RIGHTALT }, KEY_X, 'x', ALT },
		{ "us", { KEY_LEFTCTRL, KEY_LEFTALT }, KEY_X, 'x', ALT | CONTROL },
		{ "us", { 0 }, KEY_EQUAL, '=', 0 },
		{ "us", { 0 }, KEY_P, 'p', 0 },
		{ "us", { 0 }, KEY_GRAVE, '`', 0 },
		{ "us", { KEY_LEFTSHIFT }, KEY_GRAVE, '~', 0 },
		{ "us", { 0 }, KEY_APOSTROPHE, '\'', 0 },
		{ "us", { 0 }, KEY_BACKSLASH, '\\', 0 },
		{ "us", { 0 }, KEY_Z, 'z', 0 },
		{ "us", { KEY_LEFTSHIFT }, KEY_SLASH, '?', 0 },
		{ "us", { 0 }, KEY_102ND, '<', 0 },
		{ "us", { 0 }, KEY_SPACE, ' ', 0 },
		{ "us", { KEY_LEFTSHIFT }, KEY_SPACE, ' ', 0 },
		{ "us", { 0 }, KEY_KP0, '0', 0 },
		{ "us", { 0 }, KEY_KP7, '7', 0 },
		{ "us", { 0 }, KEY_KPDOT, '.', 0 },
		{ "us", { 0 }, KEY_KPMINUS, '-', 0 },
		{ "us", { 0 }, KEY_KPASTERISK, '*', 0 },
		{ "us", { 0 }, KEY_KPSLASH, '/', 0 },
		{ "us", { 0 }, KEY_KPENTER, GRID_KEY_ENTER, 0 },
		{ "us", { 0 }, KEY_ENTER, GRID_KEY_ENTER, 0 },
		{ "us", { 0 }, KEY_ESC, GRID_KEY_ESCAPE, 0 },
		{ "us", { KEY_LEFTSHIFT }, KEY_TAB, GRID_KEY_TAB, SHIFT },
		{ "us", { 0 }, KEY_BACKSPACE, GRID_KEY_BACKSPACE, 0 },
		{ "us", { KEY_LEFTCTRL }, KEY_RIGHT, GRID_KEY_RIGHT, CONTROL },
		{ "us", { 0 }, KEY_LEFT, GRID_KEY_LEFT, 0 },
		{ "us", { 0 }, KEY_UP, GRID_KEY_UP, 0 },
		{ "us", { 0 }, KEY_DOWN, GRID_KEY_DOWN, 0 },
		{ "us", { 0 }, KEY_HOME, GRID_KEY_HOME, 0 },
		{ "us", { 0 }, KEY_END, GRID_KEY_END, 0 },
		{ "us", { 0 }, KEY_PAGEUP, GRID_KEY_PAGE_UP, 0 },
		{ "us", { 0 }, KEY_PAGEDOWN, GRID_KEY_PAGE_DOWN, 0 },
		{ "us", { 0 }, KEY_INSERT, GRID_KEY_INSERT, 0 },
		{ "us", { 0 }, KEY_DELETE, GRID_KEY_DELETE, 0 },
		{ "us", { 0 }, KEY_F1, GRID_KEY_F1, 0 },
		{ "us", { 0 }, KEY_F10, GRID_KEY_F1 + 9, 0 },
		{ "us", { 0 }, KEY_F11, GRID_KEY_F1 + 10, 0 },
		{ "us", { KEY_LEFTALT }, KEY_F12, GRID_KEY_F12, ALT },
		{ "us", { 0 }, KEY_SYSRQ, ']', CONTROL },
		{ "us", { KEY_LEFTSHIFT, KEY_LEFTALT }, KEY_SYSRQ, ']', CONTROL },
		{ "us", { 0 }, KEY_LEFTMETA, 0, 0 },
		{ "us", { 0 }, KEY_LEFTSHIFT, 0, 0 },
		{ "us", { 0 }, KEY_MUTE, 0, 0 },
		{ "us", { 0 }, BTN_LEFT, 0, 0 },
		{ "us", { 0 }, UINT16_MAX, 0, 0 },
		{ "de", { 0 }, KEY_Y, 'z', 0 },
		{ "de", { 0 }, KEY_Z, 'y', 0 },
		{ "de", { 0 }, KEY_MINUS, 0xdf, 0 },
		{ "de", { KEY_CAPSLOCK }, KEY_MINUS, 0xdf, 0 },
		{ "de", { 0 }, KEY_SEMICOLON, 0xf6, 0 },
		{ "de", { KEY_LEFTSHIFT }, KEY_SEMICOLON, 0xd6, 0 },
		{ "de", { KEY_CAPSLOCK }, KEY_APOSTROPHE, 0xc4, 0 },
		{ "de", { 0 }, KEY_LEFTBRACE, 0xfc, 0 },
		{ "de", { KEY_LEFTSHIFT }, KEY_7, '/', 0 },
		{ "de", { KEY_LEFTSHIFT }, KEY_2, '"', 0 },
		{ "de", { KEY_LEFTSHIFT }, KEY_3, 0xa7, 0 },
		{ "de", { KEY_RIGHTALT }, KEY_Q, '@', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_E, 0x20ac, 0 },
		{ "de", { KEY_RIGHTALT }, KEY_RIGHTBRACE, '~', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_7, '{', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_8, '[', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_9, ']', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_0, '}', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_MINUS, '\\', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_2, 0xb2, 0 },
		{ "de", { KEY_RIGHTALT }, KEY_M, 0xb5, 0 },
		{ "de", { KEY_RIGHTALT }, KEY_102ND, '|', 0 },
		{ "de", { KEY_RIGHTALT }, KEY_A, 0, 0 },
		{ "de", { KEY_RIGHTALT }, KEY_1, 0, 0 },
		{ "de", { KEY_LEFTALT }, KEY_Q, 'q', ALT },
		{ "de", { KEY_RIGHTALT, KEY_LEFTCTRL }, KEY_9, ']', CONTROL },
		{ "de", { 0 }, KEY_GRAVE, '^', 0 },
		{ "de", { KEY_LEFTSHIFT }, KEY_GRAVE, 0xb0, 0 },
		{ "de", { 0 }, KEY_SLASH, '-', 0 },
		{ "de", { 0 }, KEY_BACKSLASH, '#', 0 },
		{ "de", { 0 }, KEY_KPDOT, ',', 0 },
		{ "de", { 0 }, KEY_SYSRQ, ']', CONTROL },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key k = { 0 };
		bool any;

		assert_true(evdev_init(&keyboard, rows[i].layout));
		for (unsigned j = 0; j < 3 && rows[i].with[j] != 0; j++)
			assert_false(hit(rows[i].with[j], DOWN, &k));
		any = hit(rows[i].key, DOWN, &k);
		if (any != (rows[i].code != 0) ||
		    (any && (k.code != rows[i].code || k.modifiers != rows[i].modifiers ||
			     k.action != KEY_PRESSED)))
			fail_msg("row %u: %x %x", i, k.code, k.modifiers);
	}
}

/* Each level of each layout types what stands on that keyboard, nothing twice that is once. */
static void test_every_ascii_character(void **state)
{
	static const char *const layouts[] = { "us", "de" };

	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		for (uint32_t wanted = ' '; wanted <= '~'; wanted++) {
			bool found = false;

			for (unsigned level = 0; level < 3; level++) {
				for (uint16_t key = 1; key < EVDEV_KEYS; key++) {
					struct key k;

					assert_true(evdev_init(&keyboard, layouts[l]));
					if (level == 1)
						hit(KEY_LEFTSHIFT, DOWN, &k);
					if (level == 2)
						hit(KEY_RIGHTALT, DOWN, &k);
					found |= hit(key, DOWN, &k) && k.code == wanted &&
						 k.modifiers == 0;
				}
			}
			if (!found)
				fail_msg("%s: %c", layouts[l], (char)wanted);
		}
	}
}

static void test_layouts(void **state)
{
	(void)state;
	assert_true(evdev_init(&keyboard, "us"));
	assert_true(evdev_init(&keyboard, "de"));
	assert_false(evdev_init(&keyboard, ""));
	assert_false(evdev_init(&keyboard, "fr"));
	assert_false(evdev_init(&keyboard, "use"));
}

/* Whatever happens to Shift meanwhile, a key goes up as what it went down as. */
static void test_attack_I3_release(void **state)
{
	struct key k;

	(void)state;
	assert_true(evdev_init(&keyboard, "us"));
	hit(KEY_LEFTSHIFT, DOWN, &k);
	assert_true(hit(KEY_A, DOWN, &k));
	assert_int_equal(k.code, 'A');
	hit(KEY_LEFTSHIFT, UP, &k);
	assert_true(hit(KEY_A, AGAIN, &k));
	assert_int_equal(k.code, 'A');
	assert_int_equal(k.action, KEY_REPEATED);
	assert_true(hit(KEY_A, UP, &k));
	assert_int_equal(k.code, 'A');
	assert_int_equal(k.action, KEY_RELEASED);
	assert_true(hit(KEY_A, DOWN, &k));
	assert_int_equal(k.code, 'a');
}

/* What was held before we began is heard of when it goes down again. */
static void test_attack_I2_held_before(void **state)
{
	struct key k;

	(void)state;
	assert_true(evdev_init(&keyboard, "us"));
	assert_false(hit(KEY_ENTER, AGAIN, &k));
	assert_false(hit(KEY_ENTER, UP, &k));
	assert_false(hit(KEY_LEFTSHIFT, UP, &k));
	assert_true(hit(KEY_A, DOWN, &k));
	assert_int_equal(k.code, 'a');
	assert_false(hit(KEY_A, DOWN, &k)); /* it is down */
	assert_true(hit(KEY_A, UP, &k));
	assert_false(hit(KEY_A, UP, &k));
	/* Held twice, by both keys of a kind. */
	hit(KEY_LEFTSHIFT, DOWN, &k);
	hit(KEY_RIGHTSHIFT, DOWN, &k);
	hit(KEY_LEFTSHIFT, UP, &k);
	assert_true(hit(KEY_A, DOWN, &k));
	assert_int_equal(k.code, 'A');
}

/* Any keys in any order: presses and releases of each code are in turn, and end balanced. */
static void test_attack_I3_balance(void **state)
{
	static int down[0x300000];
	struct key k;

	(void)state;
	srandom(1);
	assert_true(evdev_init(&keyboard, "de"));
	for (unsigned i = 0; i < 200000; i++) {
		if (random() % 1000 == 0)
			event(EV_SYN, SYN_DROPPED, 0, &k);
		if (random() % 10 == 0)
			event(EV_SYN, SYN_REPORT, 0, &k);
		if (random() % 500 == 0) {
			while (evdev_forget(&keyboard, &k)) {
				assert_int_equal(k.action, KEY_RELEASED);
				down[k.code]--;
			}
		}
		if (!hit((uint16_t)(random() % 200), (int32_t)(random() % 3), &k))
			continue;
		assert_true(k.code != 0 && k.code <= GRID_KEY_F12);
		if (k.action == KEY_REPEATED)
			assert_true(down[k.code] > 0);
		else
			down[k.code] += k.action == KEY_PRESSED ? 1 : -1;
		assert_true(down[k.code] >= 0);
	}
	while (evdev_forget(&keyboard, &k))
		down[k.code]--;
	for (unsigned i = 0; i < sizeof(down) / sizeof(down[0]); i++)
		assert_int_equal(down[i], 0);
}

/* Events were lost: what comes before the next report is part of what is not known. */
static void test_lost_events(void **state)
{
	struct key k;

	(void)state;
	assert_true(evdev_init(&keyboard, "us"));
	hit(KEY_LEFTSHIFT, DOWN, &k);
	event(EV_SYN, SYN_DROPPED, 0, &k);
	assert_true(keyboard.deaf);
	assert_false(hit(KEY_A, DOWN, &k));
	assert_false(evdev_forget(&keyboard, &k)); /* Shift is no key of its own */
	event(EV_SYN, SYN_REPORT, 0, &k);
	assert_false(keyboard.deaf);
	assert_false(hit(KEY_A, AGAIN, &k));
	assert_true(hit(KEY_A, DOWN, &k));
	assert_int_equal(k.code, 'a');
	/* A press that was held. */
	assert_true(evdev_forget(&keyboard, &k));
	assert_int_equal(k.code, 'a');
	assert_int_equal(k.action, KEY_RELEASED);
	assert_false(evdev_forget(&keyboard, &k));
	assert_false(hit(KEY_A, UP, &k));
	/* Caps Lock is no state of a finger. */
	hit(KEY_CAPSLOCK, DOWN, &k);
	assert_false(evdev_forget(&keyboard, &k));
	assert_true(hit(KEY_B, DOWN, &k));
	assert_int_equal(k.code, 'B');
}

static void test_other_events(void **state)
{
	struct key k;

	(void)state;
	assert_true(evdev_init(&keyboard, "us"));
	assert_false(event(EV_REL, KEY_A, DOWN, &k));
	assert_false(event(EV_MSC, KEY_A, DOWN, &k));
	assert_false(event(EV_LED, KEY_A, DOWN, &k));
	assert_false(event(EV_SYN, KEY_A, DOWN, &k));
	assert_false(hit(KEY_A, 3, &k));
	assert_false(hit(KEY_A, -1, &k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_every_ascii_character),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_attack_I3_release),
		cmocka_unit_test(test_attack_I2_held_before),
		cmocka_unit_test(test_attack_I3_balance),
		cmocka_unit_test(test_lost_events),
		cmocka_unit_test(test_other_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
