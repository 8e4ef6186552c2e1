/* SPDX-License-Identifier: ISC */
/*
 * The trusted display between hostile applications, a hostile guest's cells, a person who presses
 * anything at any time, screens that come and go, and a clock that jumps. The input is a list of
 * what they do. After each: no yes but by the whole gesture, on the question that stood on the
 * screen long enough; no key for the guest but while the screen says that the guest has the
 * keyboard; row 0 is the display's; and nobody is asked without end.
 */
#include "test_display_driver.h"

#include "screen.h"
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEAD_MS	   1000
#define BOUNCE_MS  40
#define GESTURE_MS 10000
#define GAP_MS	   3000 /* a longer step of the clock is a change of the picture too */
#define NOES_MAX   5
#define GUEST_OWNS "keyboard: linux (not trusted)"

static const char *const numbers[] = { "0301234567", "0900123466", "+4912345678901234567890",
				       "112", "0301234568" };

/* What a person and an auditor would know. */
static struct {
	bool stands;
	unsigned asker;
	struct prompt_message asks;
	uint64_t changed_ms; /* when the picture last changed in a way that matters */
	struct {
		uint32_t code;
		uint64_t ms;
	} press[3]; /* the last, all within one gesture; the last one is [2] */
	unsigned presses;
	unsigned shown[DRIVER_ASKERS]; /* questions since its last yes or the attention key */
	bool open[DRIVER_ASKERS], stopped[DRIVER_ASKERS];
} model;

static uint32_t next32(void)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v = v << 8 | next8();
	return v;
}

static void picture_changed(void)
{
	model.changed_ms = driver.now_ms;
	model.presses = 0;
}

/* As it was before what happens now: a yes may be followed by the next picture at once. */
static unsigned answers_before[DRIVER_ASKERS];
static bool asked_before;

/* The presses so far are exactly the gesture for the question that stands. */
static void must_be_the_gesture(const struct prompt_answer *a)
{
	const char *number = model.asks.number;
	size_t len = strlen(number);
	const char *keys = len >= 2 ? number + len - 2 : "ok";

	must(model.stands && a->id == model.asks.id, "yes to a question that does not stand");
	must(strcmp(a->number, number) == 0, "yes to another number");
	must(asked_before, "yes to what nobody saw");
	must(model.presses >= 3 && model.press[0].code == (uint32_t)keys[0] &&
		     model.press[1].code == (uint32_t)keys[1] &&
		     model.press[2].code == GRID_KEY_ENTER,
	     "yes by other keys");
	must(model.press[0].ms >= model.changed_ms + DEAD_MS, "yes within the dead time");
	must(model.press[1].ms >= model.press[0].ms + BOUNCE_MS &&
		     model.press[2].ms >= model.press[1].ms + BOUNCE_MS,
	     "yes by a key that bounces");
	must(model.press[2].ms <= model.press[0].ms + GESTURE_MS, "yes by a slow gesture");
}

/* What was answered since `before` to asker i. */
static void learn_answers(unsigned i, unsigned before)
{
	for (unsigned k = before; k < driver.answers[i]; k++) {
		const struct prompt_answer *a = &driver.answer[i][k];

		switch ((enum answer_type)a->type) {
		case ANSWER_YES:
			must_be_the_gesture(a);
			model.shown[i] = 0;
			model.stands = false;
			break;
		case ANSWER_NO:
		case ANSWER_TIMEOUT:
			must(model.stands && model.asker == i && a->id == model.asks.id,
			     "no to a question that does not stand");
			model.stands = false;
			break;
		case ANSWER_SHOWN:
			must(model.stands && model.asker == i && a->id == model.asks.id,
			     "shown what does not stand");
			must(driver_row_shows(0, "asked by"), "shown, but not on the screen");
			must(++model.shown[i] <= NOES_MAX, "asked without end");
			model.changed_ms = driver.answer_ms[i][k];
			model.presses = 0;
			break;
		case ANSWER_REFUSED:
		case ANSWER_BUSY:
		case ANSWER_BACKOFF:
			break;
		case ANSWER_HANGUP:
		case ANSWER_TONE:
			must(a->id == 0, "a call key with an id");
			break;
		}
	}
	if (driver.answers[i] >= DRIVER_ANSWERS / 2)
		driver.answers[i] = 0; /* room for more */
}

static void check_screen(void)
{
	static unsigned looked_at;
	const struct screen *s = driver.shown;
	bool guest = driver_row_shows(0, GUEST_OWNS);

	if (!driver.attached || driver.frames == looked_at || s->rows < 24 || s->columns < 80)
		return;
	looked_at = driver.frames;
	must(guest != driver_row_shows(0, "keyboard: ZWINGER"),
	     "a strip with no owner, or two");
	for (unsigned c = 0; c < s->columns; c++)
		must(s->cell[0][c].style == STYLE_STRIP ||
			     s->cell[0][c].style == STYLE_STRIP_TRUSTED ||
			     s->cell[0][c].style == STYLE_WARNING,
		     "row 0 is not the strip's");
	for (unsigned r = 0; r < s->rows; r++)
		for (unsigned c = 0; c < s->columns; c++) {
			uint32_t g = s->cell[r][c].glyph;

			must((g >= 0x20 && g <= 0x7e) || (g >= 0xa1 && g <= 0xff) ||
				     (g >= 0x2500 && g <= 0x259f),
			     "a glyph outside of the repertoire");
			must(guest || s->cell[r][c].style != STYLE_GUEST,
			     "the guest's cells while Zwinger has the keyboard");
		}
	must(s->cursor_row != 0 && s->cursor_row < (int)s->rows &&
		     s->cursor_column < (int)s->columns,
	     "a cursor outside of the guest's area");
}

/* Whatever happens happens in here: then everything is looked at. */
static void before(void)
{
	asked_before = driver.attached && driver_row_shows(0, "asked by");
	for (unsigned i = 0; i < DRIVER_ASKERS; i++)
		answers_before[i] = driver.answers[i];
}

static void after(void)
{
	for (unsigned i = 0; i < DRIVER_ASKERS; i++)
		learn_answers(i, answers_before[i]);
	check_screen();
}

static void wait_for(uint64_t ms)
{
	/* In pieces, so that what is learned has its time. */
	for (uint64_t piece; ms > 0; ms -= piece) {
		piece = ms < 250 ? ms : 250;
		before();
		driver_wait(piece);
		after();
	}
}

static void press(uint32_t code, uint32_t modifiers, enum driver_press action)
{
	unsigned typed = driver.typed_count;
	bool guest = driver_row_shows(0, GUEST_OWNS), attached = driver.attached;
	bool stood = model.stands;

	if (action == DRIVER_PRESSED && modifiers == 0) {
		memmove(model.press, model.press + 1, 2 * sizeof(model.press[0]));
		model.press[2].code = code;
		model.press[2].ms = driver.now_ms;
		model.presses++;
	} else if (action != DRIVER_RELEASED) {
		picture_changed(); /* it counts as one: the dead time begins anew */
	}
	before();
	driver_key(code, modifiers, action);
	if (driver.typed_count > typed) {
		/* The menu's one key for the guest, by the person's own wish. */
		bool by_menu = !guest && code == ']' && modifiers == 0 && !stood &&
			       (typed >= DRIVER_TYPED ||
				(driver.typed[typed].code == ']' &&
				 driver.typed[typed].modifiers == DRIVER_CTRL));

		must(attached && (guest || by_menu),
		     "a key for the guest while the strip names another");
		must(!stood, "a key for the guest while a question stands");
		must(action != DRIVER_RELEASED, "half a key for the guest");
	}
	after();
	if (code == ']' && modifiers == DRIVER_CTRL && action != DRIVER_RELEASED && !stood)
		memset(model.shown, 0, sizeof(model.shown));
}

static void gesture(void)
{
	const char *number = model.asks.number;
	size_t len = strlen(number);
	const char *keys = len >= 2 ? number + len - 2 : "ok";
	unsigned how = next8();

	wait_for(8u * next8());
	press((uint32_t)keys[0], 0, DRIVER_PRESSED);
	wait_for(how & 1 ? next8() : 100);
	press((uint32_t)keys[1], 0, DRIVER_PRESSED);
	wait_for(how & 2 ? next8() : 100);
	press(GRID_KEY_ENTER, 0, DRIVER_PRESSED);
}

static void say(unsigned i, const struct prompt_message *m)
{
	uint64_t stood = model.stands ? model.asks.id : 0;
	bool asks = m->type == PROMPT_DIAL || m->type == PROMPT_ACCEPT;
	struct prompt_message was = model.asks;
	unsigned was_asker = model.asker;
	bool refused = false;

	if (!model.open[i])
		return;
	before();
	if (m->type == PROMPT_CALL)
		picture_changed();
	if (asks && stood == 0) { /* it may be shown within say() */
		model.stands = true;
		model.asker = i;
		model.asks = *m;
		picture_changed();
	}
	if (m->type == PROMPT_WITHDRAW && stood != 0 && was_asker == i && m->id == stood)
		model.stands = false; /* unless it is malformed: see below */
	driver_say(i, m);
	for (unsigned k = answers_before[i]; k < driver.answers[i]; k++)
		refused |= driver.answer[i][k].type == ANSWER_REFUSED ||
			   driver.answer[i][k].type == ANSWER_BUSY ||
			   driver.answer[i][k].type == ANSWER_BACKOFF;
	if (refused) {
		model.stands = stood != 0;
		model.asks = was;
		model.asker = was_asker;
	}
	after();
}

static void ask(bool dial)
{
	struct prompt_message m;
	unsigned i = next8() % DRIVER_ASKERS;
	static uint64_t id;

	m = driver_dial(++id, numbers[next8() % (sizeof(numbers) / sizeof(numbers[0]))]);
	if (!dial)
		m.type = PROMPT_ACCEPT;
	if (!dial && next8() % 4 == 0) {
		memset(m.number, 0, sizeof(m.number));
		m.number_class = 0;
	}
	say(i, &m);
}

static void say_raw(void)
{
	struct prompt_message m = { .type = 0 };

	for (size_t i = 0; i < sizeof(m); i++)
		((uint8_t *)&m)[i] = next8();
	m.type = (m.type & 7) | CHAN_DECISION;
	say(next8() % DRIVER_ASKERS, &m);
}

static void channel(void)
{
	unsigned i = next8() % DRIVER_ASKERS, how = next8() % 3;

	before();
	if (how < 2 && model.stands && model.asker == i)
		model.stands = false;
	if (how < 2)
		picture_changed();
	model.open[i] = how == 2;
	if (how == 0)
		driver_close_channel(i);
	else if (how == 1)
		driver_break_channel(i);
	else
		driver_open_channel(i);
	after();
}

static bool audit_stopped(void)
{
	bool stopped = false;

	for (unsigned i = 0; i < DRIVER_ASKERS; i++)
		stopped |= model.open[i] && model.stopped[i];
	return stopped;
}

/* What it is already is no news. */
static void audit(unsigned i, bool stopped)
{
	bool told = audit_stopped();

	before();
	model.stopped[i] = stopped;
	if (audit_stopped() != told)
		picture_changed();
	driver_audit(i, stopped);
	after();
}

static void scribble(void)
{
	uint32_t seed = next32();

	for (unsigned n = 0; n < 64; n++)
		atomic_store(&driver.grid->cell[(seed + n) % GRID_ROWS_MAX][seed * n % 128],
			     seed * (n + 1) * 2654435761u);
	atomic_store(&driver.grid->rows, seed % 3 == 0 ? seed : 24);
	atomic_store(&driver.grid->columns, seed % 5 == 0 ? seed : 80);
	atomic_store(&driver.grid->cursor, seed % 7 == 0 ? seed : next8());
	before();
	driver_ring();
	after();
}

static void jump(void)
{
	int64_t by = (int32_t)next32() >> (next8() % 20);

	if ((int64_t)driver.now_ms + by < 1000)
		return;
	driver_jump((uint64_t)((int64_t)driver.now_ms + by));
	if (by < 0 || by > GAP_MS)
		picture_changed();
}

static void screen(void)
{
	static const unsigned sizes[][2] = {
		{ 25, 80 }, { 24, 80 },	 { 23, 80 },   { 25, 79 },
		{ 1, 1 },   { 60, 200 }, { 999, 999 }, { 40, 132 }
	};
	unsigned how = next8(), k = how >> 2 & 7;

	before();
	if ((how & 3) == 0)
		driver_leave();
	else if ((how & 3) == 1)
		driver_attach(sizes[k][0], sizes[k][1]);
	else if ((how & 3) == 2)
		driver_resize(sizes[k][0], sizes[k][1]);
	else
		driver.stuck = !driver.stuck;
	if ((how & 3) != 3)
		picture_changed();
	if (how >= 250)
		driver.broken = !driver.broken;
	after();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
	memset(&model, 0, sizeof(model));
	for (unsigned i = 0; i < DRIVER_ASKERS; i++)
		model.open[i] = true;
	driver_open(DRIVER_PHRASE);
	driver_attach(25, 80);
	while (left > 0) {
		static const uint32_t keys[] = { '6',
						 '7',
						 '8',
						 '9',
						 '0',
						 'o',
						 'k',
						 'n',
						 'q',
						 'h',
						 '5',
						 ']',
						 GRID_KEY_ESCAPE,
						 GRID_KEY_ENTER };
		struct prompt_message m;
		unsigned i;

		switch (next8() % 16) {
		case 0:
		case 1:
			ask(true);
			break;
		case 2:
			ask(false);
			break;
		case 3:
			m = driver_withdraw(model.asks.id + next8() % 2, numbers[0]);
			say(next8() % DRIVER_ASKERS, &m);
			break;
		case 4:
			m = driver_call((enum call_state)(next8() % 4), numbers[next8() % 3]);
			say(next8() % DRIVER_ASKERS, &m);
			break;
		case 5:
			say_raw();
			break;
		case 6:
			press(keys[next8() % (sizeof(keys) / sizeof(keys[0]))], 0,
			      DRIVER_PRESSED);
			break;
		case 7:
			i = next8();
			press(next32() & 0x3fffff, i & 7, (enum driver_press)((i >> 3) % 3));
			break;
		case 8:
			wait_for(next8());
			break;
		case 9:
			wait_for(32u * next8());
			break;
		case 10:
			screen();
			break;
		case 11:
			scribble();
			break;
		case 12:
			jump();
			break;
		case 13:
			channel();
			break;
		case 14:
			i = next8();
			if (i & 1) {
				press(']', DRIVER_CTRL, DRIVER_PRESSED);
			} else {
				audit(i >> 1 & 1, (i & 4) != 0);
			}
			break;
		default:
			gesture();
			break;
		}
	}
	return 0;
}
