/* SPDX-License-Identifier: ISC */
/* The pages that the display itself draws: strip, question, menu, and why there is no room. */
#ifndef PAGES_H
#define PAGES_H

#include "critical_settings.h"
#include "draw.h"
#include "prompt_state.h"

/* What the strip says. */
struct strip {
	const char *guest; /* who has the keyboard when nobody else has */
	bool trusted;	   /* the display has it itself */
	const char *asker; /* whose question stands, or NULL */
	bool answered;	   /* it has it only because a question has just gone */
	bool audit_stopped;
	bool waits;	     /* questions are held back until the person looks */
	bool fixed;	     /* the screen is nobody's to detach */
	uint32_t call_state; /* enum call_state */
	const char *number;  /* of the call */
	uint64_t call_s;
};

void page_strip(struct screen *s, const struct strip *t);

/* A number's question, which stands as p says. False: it does not fit, and must not be asked. */
bool page_question(struct screen *s, const struct prompt_message *m,
		   const struct prompt_state *p, const char *asker, const char *phrase,
		   uint64_t now_ms);

/* Parts of every question: who asks, and the user's phrase; until when, as a row of its own; the
 * gesture as far as it is typed, after a word. */
#define PAGE_LEFT 4 /* where text begins */
void page_head(struct screen *s, const char *asker, const char *phrase);
void page_left(struct screen *s, unsigned row, uint64_t due_ms, uint64_t now_ms);
void page_gesture(struct screen *s, unsigned row, const struct prompt_state *p,
		  const char *word, uint64_t now_ms);

/* pin: there is one that could be changed. */
void page_menu(struct screen *s, const struct strip *t, bool waits, bool pin);

/* Between a question and the guest's screen: under the trusted strip is nothing of the guest's. */
void page_gone(struct screen *s, const char *why);

/* The whole screen is one line: it is too small for anything that could be trusted. */
void page_small(struct screen *s);

#endif /* PAGES_H */
