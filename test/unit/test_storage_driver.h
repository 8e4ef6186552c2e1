/* SPDX-License-Identifier: ISC */
/*
 * The storage without its loop, between a display, an authentication, a show-and-pay, a clock and a
 * disk that are this file's. A model beside it knows what may leave; whatever leaves against it is
 * an abort(): a signature without a reservation, a grant and a confirmation of that very text, two
 * for one count or one payment, a verifier before its try was on the disk, tries from nowhere.
 */
#ifndef TEST_STORAGE_DRIVER_H
#define TEST_STORAGE_DRIVER_H

#include "payment_messages.h"
#include "store.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum driver_file { FILE_KEY, FILE_SLOT_A, FILE_SLOT_B, FILE_ANCHOR, DRIVER_FILES };

struct driver_image {
	size_t len[DRIVER_FILES];
	uint8_t bytes[DRIVER_FILES][8192];
};

/* What the disk does with the call number `at` of pwrite() and fdatasync(), from 0. */
enum driver_fault {
	FAULT_NONE,
	FAULT_ERROR,	   /* fails, and has done nothing */
	FAULT_SHORT,	   /* writes a part, and says so; a sync fails */
	FAULT_KILL_BEFORE, /* the process is killed */
	FAULT_KILL_WITHIN, /* ... when a part was written */
	FAULT_KILL_AFTER,
	FAULT_CUT_BEFORE, /* ... and what was not synced is lost */
	FAULT_CUT_WITHIN, /* ... but for a part of it */
	FAULT_CUT_AFTER,
	FAULTS
};

struct driver {
	uint64_t now_ms;
	bool ended, reserved_ok;
	unsigned io; /* calls of pwrite() and fdatasync() so far */
	enum driver_fault fault;
	unsigned fault_at;
	jmp_buf killed;

	struct payment_reserved reserved; /* the last answer */
	struct verifier_message auth;	  /* the last answer; type 0: none */
	unsigned refused, signatures;	  /* how often */
	uint64_t signed_id, signed_count; /* the last */
	struct payment_signatures signature;
	uint32_t text_len;
	char text[PAYMENT_TEXT_MAX];
	unsigned room; /* for messages to show-and-pay */
	char log[512]; /* its last error or warning */
	unsigned errors;
};
extern struct driver driver;

/* Files that are empty but for the key; everything is forgotten. */
void driver_reset(void);
/* A process is started on the files; true if it serves. */
bool driver_start(void);
/* What is on the disk. */
void driver_save(struct driver_image *i);
void driver_restore(const struct driver_image *i);
/* Reads the files, as an administrator would; the state. */
enum store_result driver_load(struct store *s);
/* After a kill or a cut: what the model knows of the process is forgotten, not what has left. */
void driver_died(void);

/* Messages, any, and those that a payment needs. */
void driver_showpay(const struct payment_message *m);
void driver_display(const struct payment_message *m);
void driver_auth(const struct verifier_message *m);
void driver_reserve(uint64_t id);
void driver_ask_receipt(void);
void driver_verifier(enum verifier_type type, uint64_t id, const char *verifier);
/* The text of a payment as the last reservation wants it. */
size_t driver_text(char text[PAYMENT_TEXT_MAX], const char *note);
void driver_draw(uint64_t id, const char *text, size_t len);
void driver_confirm(uint64_t id, size_t len);
void driver_wait(uint64_t ms);
enum driver_peer { PEER_DISPLAY, PEER_SHOWPAY, PEER_AUTH };
void driver_restart(enum driver_peer p);
unsigned driver_state(void); /* the storage's own */

#endif /* TEST_STORAGE_DRIVER_H */
