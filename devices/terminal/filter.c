/* SPDX-License-Identifier: ISC */
#include "filter.h"

#include <string.h>

#define HELD_MAX       64 /* bytes of an escape sequence; of a character, 4 */
#define PARAMETERS_MAX 16
#define DIGITS_MAX     4
#define REPEAT_MAX     256

enum { BEL = 0x07, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, DEL = 0x7f };

static enum { TEXT, ESCAPE, SEQUENCE, STRING } state;
static char held[HELD_MAX]; /* of a character or an escape sequence, as far as it has come */
static size_t held_count;
static unsigned missing; /* bytes of a character */
static uint32_t code_point;
static char last; /* character, if it was ASCII */

/* libvterm's own: what it will take a character's width for. */
int vterm_unicode_width(uint32_t codepoint);

void filter_reset(void)
{
	state = TEXT;
	missing = 0;
	last = '\0';
}

static void hold(uint8_t c)
{
	if (held_count < HELD_MAX)
		held[held_count++] = (char)c;
}

static void character(VTerm *vterm, uint8_t c)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

	if ((c & 0xc0) != 0x80) { /* it begins one */
		if (missing > 0)
			vterm_input_write(vterm, replacement, 3);
		held_count = 0;
		missing = c < 0xc2 || c > 0xf4 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		code_point = missing == 0 ? c : c & (0x3fu >> missing);
	} else if (missing > 0) {
		missing--;
		code_point = code_point << 6 | (c & 0x3f);
	} else {
		code_point = DEL; /* the middle of none */
	}
	hold(c);
	if (missing > 0)
		return;
	last = c < DEL ? (char)c : '\0';
	if (held_count == 1 && c >= DEL)
		vterm_input_write(vterm, replacement, 3);
	else if (vterm_unicode_width(code_point) > 0)
		vterm_input_write(vterm, held, held_count);
}

/* The last character again: "ESC [ count b". */
static void repeat(VTerm *vterm)
{
	unsigned count = 0;

	for (size_t i = 2; i < held_count && held[i] >= '0' && held[i] <= '9'; i++)
		count = count < REPEAT_MAX ? count * 10 + (unsigned)(held[i] - '0') : count;
	for (unsigned i = 0; last != '\0' && i < REPEAT_MAX && (i < count || i == 0); i++)
		vterm_input_write(vterm, &last, 1);
}

/* Whether the held sequence is one that occurs. */
static bool sane(void)
{
	unsigned parameters = 1, digits = 0;

	for (size_t i = 0; i < held_count; i++) {
		digits = held[i] >= '0' && held[i] <= '9' ? digits + 1 : 0;
		parameters += held[i] == ';' || held[i] == ':';
		if (digits > DIGITS_MAX || parameters > PARAMETERS_MAX)
			return false;
	}
	return held_count < HELD_MAX;
}

/* A byte that is no control character. */
static void printable(VTerm *vterm, uint8_t c)
{
	switch (state) {
	case TEXT:
		character(vterm, c);
		break;
	case ESCAPE:
		hold(c);
		if (c == '[') {
			state = SEQUENCE;
		} else if (c >= '0') { /* else something intermediate */
			state = strchr("]PX^_", c) != NULL ? STRING : TEXT;
			if (held_count == 2 ? strchr("78=>cDEHM", c) != NULL
					    : strchr("()", held[1]) != NULL && c < DEL)
				vterm_input_write(vterm, held, held_count);
		}
		break;
	case SEQUENCE:
		hold(c);
		if (c < '@')
			break;
		state = TEXT;
		if (c == 'b')
			repeat(vterm);
		else if (c < DEL && sane())
			vterm_input_write(vterm, held, held_count);
		break;
	case STRING:
		break;
	}
}

void filter_feed(VTerm *vterm, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t c = (uint8_t)bytes[i];

		if (c >= ' ' && c != DEL) {
			printable(vterm, c);
		} else if (c == ESC || c == CAN || c == SUB || (c == BEL && state == STRING)) {
			state = c == ESC ? ESCAPE : TEXT;
			missing = 0;
			held_count = 0;
			hold(c);
		} else if (state != STRING) {
			vterm_input_write(vterm, &bytes[i], 1);
		}
	}
}
