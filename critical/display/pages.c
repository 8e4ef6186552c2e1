/* SPDX-License-Identifier: ISC */
#include "pages.h"

#include <stdio.h>
#include <string.h>

#define LEFT PAGE_LEFT

/* With its number, or without. */
static void call_text(const struct strip *t, bool whole, char text[64])
{
	const char *number;

	text[0] = '\0';
	if (t->call_state == CALL_NONE)
		return;
	number = t->number[0] != '\0' ? t->number : "unknown";
	if (t->call_state == CALL_DIALLING)
		snprintf(text, 64, "dialling%s%s", whole ? " " : "", whole ? number : "");
	if (t->call_state == CALL_RINGING)
		snprintf(text, 64, "call%s%s", whole ? " from " : " waits",
			 whole ? number : "");
	if (t->call_state == CALL_CONNECTED)
		snprintf(text, 64, "call %s%s%llu:%02llu", whole ? number : "",
			 whole ? " " : "", (unsigned long long)(t->call_s / 60),
			 (unsigned long long)(t->call_s % 60));
}

/* What the strip says beside its owner. */
static void news_text(const struct strip *t, bool whole, char text[64])
{
	call_text(t, whole, text);
	if (t->audit_stopped)
		snprintf(text, 64, "AUDIT STOPPED%s", whole ? ": nothing passes" : "");
	else if (text[0] == '\0' && !t->trusted)
		snprintf(text, 64, t->waits ? "questions held back: Ctrl-]" : "Ctrl-]: menu");
}

void page_strip(struct screen *s, const struct strip *t)
{
	enum screen_style style = t->trusted ? STYLE_STRIP_TRUSTED : STYLE_STRIP;
	char owner[80], right[64];

	draw_fill(s, 0, style);
	if (t->trusted)
		snprintf(owner, sizeof(owner), " [ZWINGER] keyboard: ZWINGER%s%s",
			 t->asker != NULL ? ", asked by "
			 : t->answered	  ? ", the question has gone"
					  : "",
			 t->asker != NULL ? t->asker : "");
	else
		snprintf(owner, sizeof(owner), " keyboard: %s (not trusted)", t->guest);
	draw_text(s, 0, 0, style, owner);
	/* The owner is never covered, and no number is cut: what is too long is said shorter. */
	news_text(t, true, right);
	if (strlen(owner) + strlen(right) + 2 > s->columns)
		news_text(t, false, right);
	draw_text(s, 0, s->columns - 1 - (unsigned)strlen(right),
		  t->audit_stopped ? STYLE_WARNING : style, right);
}

/* Integers only: 199 cents are "1.99 EUR". */
static void cost_text(const struct prompt_message *m, char text[80])
{
	size_t n = 0;

	text[0] = '\0';
	if (m->cents_per_minute != 0)
		n += (size_t)snprintf(text, 80, "%u.%02u EUR per minute",
				      m->cents_per_minute / 100, m->cents_per_minute % 100);
	if (m->cents_per_call != 0)
		snprintf(text + n, 80 - n, "%s%u.%02u EUR per call", n > 0 ? " and " : "",
			 m->cents_per_call / 100, m->cents_per_call % 100);
	if (text[0] == '\0' && m->number_class == NUMBER_PREMIUM)
		snprintf(text, 80, "at a price that is not known");
}

static const char *class_text(uint32_t c)
{
	static const char *const texts[] = {
		[NUMBER_EMERGENCY] = "an emergency number",
		[NUMBER_SHORT] = "a short number",
		[NUMBER_LOCAL] = "a local number",
		[NUMBER_NATIONAL] = "a national number",
		[NUMBER_MOBILE] = "a mobile number",
		[NUMBER_INTERNATIONAL] = "an INTERNATIONAL number",
		[NUMBER_FREE] = "a number free of charge",
		[NUMBER_PREMIUM] = "PREMIUM NUMBER",
	};

	return c != 0 && c < sizeof(texts) / sizeof(texts[0]) ? texts[c] : "a number";
}

static void class_line(struct screen *s, unsigned row, const struct prompt_message *m)
{
	char cost[80], text[128];

	cost_text(m, cost);
	if (m->number[0] == '\0')
		return;
	snprintf(text, sizeof(text),
		 m->number_class == NUMBER_PREMIUM ? "  !!  %s: %s  !!  " : "%s%s%s",
		 class_text(m->number_class),
		 m->number_class == NUMBER_PREMIUM ? cost
		 : cost[0] != '\0'		   ? ", "
						   : "",
		 cost);
	draw_text(s, row, LEFT,
		  m->number_class == NUMBER_PREMIUM ? STYLE_WARNING : STYLE_STRONG, text);
}

void page_head(struct screen *s, const char *asker, const char *phrase)
{
	char text[128];

	draw_clear(s);
	snprintf(text, sizeof(text), "The %s asks", asker);
	draw_text(s, 2, LEFT, STYLE_LABEL, text);
	if (phrase[0] == '\0')
		return;
	snprintf(text, sizeof(text), "your phrase: %s", phrase);
	draw_text(s, 3, LEFT, STYLE_DIM, text);
}

void page_left(struct screen *s, unsigned row, uint64_t due_ms, uint64_t now_ms)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "Enter alone or Esc says no; so does waiting for %3llu seconds.",
		 (unsigned long long)(due_ms > now_ms ? (due_ms - now_ms + 999) / 1000 : 0));
	draw_text(s, row, LEFT, STYLE_LABEL, text);
}

void page_gesture(struct screen *s, unsigned row, const struct prompt_state *p,
		  const char *word, uint64_t now_ms)
{
	char text[64];

	snprintf(text, sizeof(text), "%s: [%c] [%c] [Enter]", word,
		 p->typed > 0 ? p->asks.keys[0] : ' ', p->typed > 1 ? p->asks.keys[1] : ' ');
	draw_text(s, row, LEFT, now_ms >= p->armed_ms ? STYLE_STRONG : STYLE_DIM,
		  now_ms >= p->armed_ms ? text : "please read first");
}

bool page_question(struct screen *s, const struct prompt_message *m,
		   const struct prompt_state *p, const char *asker, const char *phrase,
		   uint64_t now_ms)
{
	unsigned row = 9, rows = 0;
	char text[128];

	page_head(s, asker, phrase);
	draw_text(s, 5, LEFT, STYLE_STRONG,
		  m->type == PROMPT_DIAL
			  ? "Shall this number be dialled?"
			  : "Shall the computer take the call from this number?");
	if (m->number[0] != '\0')
		rows = draw_number(s, 7, LEFT, s->rows - 7 - 6, m->number);
	else
		draw_text(s, 7, LEFT, STYLE_VALUE, "no number: the caller withholds it");
	if (m->number[0] != '\0' && rows == 0)
		return false;
	row = 7 + (rows > 0 ? rows : 1) + 1;
	class_line(s, row, m);
	snprintf(text, sizeof(text), "To say yes, type %c %c and then Enter%s", p->asks.keys[0],
		 p->asks.keys[1],
		 m->number[0] != '\0' ? " (the number's last two digits)." : ".");
	draw_text(s, row + 2, LEFT, STYLE_LABEL, text);
	page_left(s, row + 3, p->due_ms, now_ms);
	page_gesture(s, row + 4, p, "yes", now_ms);
	return row + 4 < s->rows;
}

void page_menu(struct screen *s, const struct strip *t, bool waits, bool pin)
{
	unsigned row = 4;
	char text[80];

	draw_clear(s);
	draw_text(s, 2, LEFT, STYLE_STRONG, "Zwinger");
	call_text(t, true, text);
	if (text[0] != '\0') {
		draw_text(s, row, LEFT, STYLE_VALUE, text);
		draw_text(s, row + 2, LEFT, STYLE_LABEL, "h            hang up");
		draw_text(s, row + 3, LEFT, STYLE_LABEL,
			  "0-9 * #      send a tone, during a call");
		row += 5;
	}
	if (pin)
		draw_text(s, row++, LEFT, STYLE_LABEL,
			  "p            choose another PIN for payments");
	if (!t->fixed)
		draw_text(s, row++, LEFT, STYLE_LABEL,
			  "d            detach this terminal; the system goes on");
	draw_text(s, row, LEFT, STYLE_LABEL, "]            type Ctrl-] for the guest");
	draw_text(s, row + 1, LEFT, STYLE_LABEL, "Esc, Ctrl-]  back to the guest");
	if (waits)
		draw_text(
			s, row + 3, LEFT, STYLE_LABEL,
			"Questions were held back after many a no; from now on they are shown again.");
}

void page_gone(struct screen *s, const char *why)
{
	draw_clear(s);
	draw_text(s, 5, LEFT, STYLE_STRONG, why);
	draw_text(s, 7, LEFT, STYLE_LABEL,
		  "The guest gets the keyboard when no key was pressed for a second.");
}

void page_small(struct screen *s)
{
	draw_clear(s);
	draw_text(s, 0, 0, STYLE_STRIP_TRUSTED, "ZWINGER: too small");
	draw_text(s, 1, 0, STYLE_STRONG, "make it 80x24 or more");
}
