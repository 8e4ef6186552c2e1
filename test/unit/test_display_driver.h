/* SPDX-License-Identifier: ISC */
/*
 * The display's process without its loop: applications, terminal process, screen and clock are
 * this file's, and hostile where a test wants it. Nothing happens but by a call from here; the
 * order of events is that of lib/critical.c.
 */
#ifndef TEST_DISPLAY_DRIVER_H
#define TEST_DISPLAY_DRIVER_H

#include "critical_settings.h"
#include "grid.h"
#include "payment_chunks.h"
#include "prompt.h"

#include <stdbool.h>
#include <stdint.h>

#define DRIVER_ASKERS  2
#define DRIVER_ANSWERS 64
#define DRIVER_TYPED   256
#define DRIVER_CTRL    4
#define DRIVER_PHRASE  "green elephants sing"

enum driver_press { DRIVER_PRESSED, DRIVER_REPEATED, DRIVER_RELEASED }; /* enum key_action */

struct screen;

struct driver {
	uint64_t now_ms;
	struct grid *grid;	    /* as the terminal process sees it */
	const struct screen *shown; /* what was presented last, whole */
	unsigned frames;	    /* presented */
	bool attached;
	bool fixed;  /* who attaches next is a screen of its own */
	bool stuck;  /* what is presented does not get to the screen yet */
	bool broken; /* the next show() finds the screen lost */
	struct prompt_answer answer[DRIVER_ASKERS][DRIVER_ANSWERS]; /* the first of them */
	uint64_t answer_ms[DRIVER_ASKERS][DRIVER_ANSWERS];
	unsigned answers[DRIVER_ASKERS];
	struct grid_input typed[DRIVER_TYPED]; /* at the guest, the first of it */
	unsigned typed_count;
	bool terminal_full; /* it takes no keys yet */
	unsigned yes;	    /* answers in all, whoever got them */

	/* Show-and-pay, authentication, storage. */
	struct payment_answer paid[DRIVER_ANSWERS]; /* the first of them */
	unsigned paid_count;
	struct pin_message pin;	     /* the last one */
	struct pin_message pin_slot; /* what still stands in the channel */
	unsigned pins;
	struct payment_chunks stored; /* the text that the storage has, and how often it was */
	unsigned confirmed;	      /* confirmed */
	bool storage_full;	      /* it takes nothing */
};
extern struct driver driver;

/* A display that has just begun, at now_ms 100000; nobody is attached. */
void driver_open(const char *phrase);

/* The same with show-and-pay, authentication and storage; without the dialler and the second. */
void driver_open_to_pay(const char *phrase, bool with_numbers);

/* And then somebody is, and sees it; or has gone. */
void driver_attach(unsigned rows, unsigned columns);
void driver_resize(unsigned rows, unsigned columns);
void driver_leave(void);

/* Time passes; the display is called whenever it wants to be. */
void driver_wait(uint64_t ms);

/* The clock stands somewhere else, and nobody was told. */
void driver_jump(uint64_t now_ms);

void driver_press(uint32_t code);
void driver_key(uint32_t code, uint32_t modifiers, enum driver_press action);

/* Application i says this; or several in one turn, by queue() and then notify(). */
void driver_say(unsigned i, const struct prompt_message *m);
void driver_queue(unsigned i, const struct prompt_message *m);
void driver_notify(unsigned i);

/* What becomes of its channel: the launcher closes or reopens it, it breaks at the next look. */
void driver_close_channel(unsigned i);
void driver_open_channel(unsigned i);
void driver_break_channel(unsigned i);
void driver_audit(unsigned i, bool stopped);

/* The terminal process: its bell rings. */
void driver_ring(void);

/* Show-and-pay says this; a text and the question about it. */
void driver_payment(const struct payment_message *m);
void driver_pay(uint64_t id, const char *text, size_t len);
void driver_pay_type(enum payment_type type, uint64_t id, uint32_t value);

/* The last answer to it, or 0. */
uint32_t driver_paid(void);

/* The authentication answers what it was asked last; the storage has room again. */
void driver_pin_says(enum pin_answer_type type, uint32_t tries);
void driver_room(void);

/* A channel of theirs ends, or begins anew: 0 show-and-pay, 1 authentication, 2 storage. */
void driver_payment_channel(unsigned which, bool open);

/* Digits and Enter, as people type them. */
void driver_digits(const char *digits);

/* Whether the display's memory has these bytes anywhere. */
bool driver_remembers(const void *bytes, size_t len);

/* The last answer to i, or 0; how many of one type. */
uint32_t driver_last(unsigned i);
unsigned driver_count(unsigned i, uint32_t type);

/* Whether the screen shows it, or row r of it. */
bool driver_shows(const char *text);
bool driver_row_shows(unsigned r, const char *text);

/* Messages that are in order. */
struct prompt_message driver_dial(uint64_t id, const char *number);
struct prompt_message driver_withdraw(uint64_t id, const char *number);
struct prompt_message driver_call(enum call_state state, const char *number);

/* The terminal, which was full, takes keys again; or another one begins. */
void driver_terminal_takes(bool anew);

#endif /* TEST_DISPLAY_DRIVER_H */
