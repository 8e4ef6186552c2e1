/* SPDX-License-Identifier: ISC */
/*
 * The authentication without its loop, between a display, a storage that may lie, and a clock that
 * are this file's. Whatever it says is judged: right only after a try was taken and the PIN of this
 * question fits the verifier that came with it; abort() if not.
 */
#ifndef TEST_AUTH_DRIVER_H
#define TEST_AUTH_DRIVER_H

#include "payment_messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct driver {
	uint64_t now_ms;
	struct pin_answer answer;      /* to the last question; type 0: none yet */
	struct verifier_message asked; /* of the storage, last; type 0: nothing */
	unsigned hashes;	       /* computed */
	bool deaf;		       /* the storage takes no messages */
	/* An honest storage's. */
	bool honest;
	uint32_t tries;
	char verifier[VERIFIER_MAX];
	uint64_t granted;
};
extern struct driver driver;

void driver_open(bool honest);
void driver_pin(enum pin_type type, uint64_t id, const char *pin, const char *new_pin);
void driver_display(const struct pin_message *m);
void driver_storage(const struct verifier_message *m);
void driver_storage_says(enum verifier_type type, uint64_t id, const char *verifier,
			 uint32_t tries);
void driver_restart_storage(void);
void driver_restart_display(void);
void driver_wait(uint64_t ms);
unsigned driver_state(void);
bool driver_wiped(void); /* no PIN of a question, nor a verifier, is kept */
/* What the storage keeps for a PIN in these tests, in place of Argon2id's. */
void driver_hash(const char *pin, char verifier[VERIFIER_MAX]);

#endif /* TEST_AUTH_DRIVER_H */
