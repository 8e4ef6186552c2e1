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

/* False: it does not fit, and must not be asked. left_s: until it is a No. */
bool page_question(struct screen *s, const struct prompt_state *p, const char *asker,
		   const char *phrase, uint64_t now_ms);

void page_menu(struct screen *s, const struct strip *t, bool waits);

/* Between a question and the guest's screen: under the trusted strip is nothing of the guest's. */
void page_gone(struct screen *s);

/* The whole screen is one line: it is too small for anything that could be trusted. */
void page_small(struct screen *s);

#endif /* PAGES_H */
