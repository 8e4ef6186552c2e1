/* SPDX-License-Identifier: ISC */
#include "evdev.h"

#include <string.h>
#include <wchar.h>

enum { SHIFT = 1, ALT = 2, CONTROL = 4 };

/* Characters of neighbouring keys, from `first` on; with AltGr a blank is none. */
struct row {
	uint16_t first;
	const wchar_t *plain, *shift, *altgr;
};

struct evdev_layout {
	const char *name;
	bool altgr; /* the right Alt is AltGr */
	struct row row[6];
};

static const struct evdev_layout layouts[] = {
	{ "us",
	  false,
	  { { KEY_1, L"1234567890-=", L"!@#$%^&*()_+", L"" },
	    { KEY_Q, L"qwertyuiop[]", L"QWERTYUIOP{}", L"" },
	    { KEY_A, L"asdfghjkl;'`", L"ASDFGHJKL:\"~", L"" },
	    { KEY_BACKSLASH, L"\\zxcvbnm,./", L"|ZXCVBNM<>?", L"" },
	    { KEY_102ND, L"<", L">", L"" },
	    { KEY_KP7, L"789-456+1230.", L"789-456+1230.", L"" } } },
	{ "de",
	  true,
	  { { KEY_1, L"1234567890\u00df\u00b4", L"!\"\u00a7$%&/()=?`",
	      L" \u00b2\u00b3   {[]}\\ " },
	    { KEY_Q, L"qwertzuiop\u00fc+", L"QWERTZUIOP\u00dc*", L"@ \u20ac        ~" },
	    { KEY_A, L"asdfghjkl\u00f6\u00e4^", L"ASDFGHJKL\u00d6\u00c4\u00b0", L"" },
	    { KEY_BACKSLASH, L"#yxcvbnm,.-", L"'YXCVBNM;:_", L"       \u00b5   " },
	    { KEY_102ND, L"<", L">", L"|" },
	    { KEY_KP7, L"789-456+1230,", L"789-456+1230,", L"" } } },
};

/* The same in every layout; F1 to F10 follow each other. */
static const uint32_t others[EVDEV_KEYS] = {
	[KEY_SPACE] = ' ',
	[KEY_KPSLASH] = '/',
	[KEY_KPASTERISK] = '*',
	[KEY_ENTER] = GRID_KEY_ENTER,
	[KEY_KPENTER] = GRID_KEY_ENTER,
	[KEY_TAB] = GRID_KEY_TAB,
	[KEY_BACKSPACE] = GRID_KEY_BACKSPACE,
	[KEY_ESC] = GRID_KEY_ESCAPE,
	[KEY_UP] = GRID_KEY_UP,
	[KEY_DOWN] = GRID_KEY_DOWN,
	[KEY_LEFT] = GRID_KEY_LEFT,
	[KEY_RIGHT] = GRID_KEY_RIGHT,
	[KEY_HOME] = GRID_KEY_HOME,
	[KEY_END] = GRID_KEY_END,
	[KEY_PAGEUP] = GRID_KEY_PAGE_UP,
	[KEY_PAGEDOWN] = GRID_KEY_PAGE_DOWN,
	[KEY_INSERT] = GRID_KEY_INSERT,
	[KEY_DELETE] = GRID_KEY_DELETE,
	[KEY_F11] = GRID_KEY_F1 + 10,
	[KEY_F12] = GRID_KEY_F12,
};

bool evdev_init(struct evdev *e, const char *layout)
{
	memset(e, 0, sizeof(*e));
	for (unsigned i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (strcmp(layout, layouts[i].name) == 0)
			e->layout = &layouts[i];
	return e->layout != NULL;
}

static bool letter(wchar_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7);
}

/* The character of a key of the layout; 0: none. */
static uint32_t character(const struct evdev *e, uint16_t key)
{
	bool shift = e->held[KEY_LEFTSHIFT] || e->held[KEY_RIGHTSHIFT];
	bool altgr = e->layout->altgr && e->held[KEY_RIGHTALT];

	for (unsigned i = 0; i < sizeof(e->layout->row) / sizeof(e->layout->row[0]); i++) {
		const struct row *r = &e->layout->row[i];
		size_t at = (size_t)key - r->first;

		if (key < r->first || at >= wcslen(r->plain))
			continue;
		if (altgr)
			return at < wcslen(r->altgr) && r->altgr[at] != ' '
				       ? (uint32_t)r->altgr[at]
				       : 0;
		shift ^= e->caps && letter(r->plain[at]);
		return (uint32_t)(shift ? r->shift[at] : r->plain[at]);
	}
	return 0;
}

static void translate(struct evdev *e, uint16_t key)
{
	struct key *k = &e->pressed[key];
	bool shift = e->held[KEY_LEFTSHIFT] || e->held[KEY_RIGHTSHIFT];
	bool alt = e->held[KEY_LEFTALT] || (e->held[KEY_RIGHTALT] && !e->layout->altgr);
	bool control = e->held[KEY_LEFTCTRL] || e->held[KEY_RIGHTCTRL];

	k->modifiers = (alt ? ALT : 0u) | (control ? CONTROL : 0u);
	k->code = others[key] != 0 ? others[key] : character(e, key);
	if (key >= KEY_F1 && key <= KEY_F10)
		k->code = GRID_KEY_F1 + key - KEY_F1;
	/* A character has its Shift in it. */
	if (k->code >= GRID_KEY_ENTER && shift)
		k->modifiers |= SHIFT;
	if (key == KEY_SYSRQ)
		*k = (struct key){ .code = ']', .modifiers = CONTROL };
}

bool evdev_key(struct evdev *e, const struct input_event *event, struct key *k)
{
	enum { RELEASE, PRESS };
	uint16_t key = event->code;

	if (event->type == EV_SYN)
		e->deaf = event->code == SYN_DROPPED;
	if (event->type != EV_KEY || key >= EVDEV_KEYS || e->deaf)
		return false;
	if (event->value == PRESS && !e->held[key]) {
		e->caps ^= key == KEY_CAPSLOCK;
		translate(e, key);
	}
	if (e->held[key] ==
	    (event->value == PRESS)) /* a press of what is down, or the reverse */
		return false;
	e->held[key] = event->value != RELEASE;
	*k = e->pressed[key];
	k->action = event->value == RELEASE ? KEY_RELEASED
		    : event->value == PRESS ? KEY_PRESSED
					    : KEY_REPEATED;
	return k->code != 0;
}

bool evdev_forget(struct evdev *e, struct key *k)
{
	for (uint16_t key = 0; key < EVDEV_KEYS; key++) {
		bool was = e->held[key];

		e->held[key] = false;
		*k = e->pressed[key];
		k->action = KEY_RELEASED;
		if (was && k->code != 0)
			return true;
	}
	return false;
}
