/* SPDX-License-Identifier: ISC */
/*
 * The sealed store: one state in two slots, written in turns, each encrypted and authenticated with
 * its number (XChaCha20-Poly1305, keys by crypto_kdf from the key file), and an anchor that knows the
 * number of the last. A write is done when the slot and then the anchor are on the disk: so the
 * newest slot's number is the anchor's, or one more after a crash; anything else was rolled back.
 *
 * Until a write is done, nothing that depends on it leaves; a crash may lose it. Two states that both
 * follow one another's predecessor cannot both be accepted: before it is used, a store that was found
 * is written until its number is two more than the anchor was.
 */
#ifndef STORE_H
#define STORE_H

#include "payment_messages.h"
#include "payment.h"
#include "store_anchor.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_SEED 32

struct store_state {
	uint64_t count;	  /* signatures that were made */
	uint64_t paid_id; /* of the last; 0: none yet */
	uint32_t tries;	  /* for the PIN, that are left */
	uint32_t receipt_len;
	uint8_t receipt_seed[STORE_SEED], confirmation_seed[STORE_SEED]; /* of the keys */
	char verifier[VERIFIER_MAX]; /* of the PIN; "": there is none yet */
	struct payment_signatures signatures;
	char receipt[PAYMENT_TEXT_MAX];
};
_Static_assert(sizeof(struct store_state) == 24 + 64 + 128 + 128 + 4096, "no padding on disk");

struct store_files {
	int key, slot[2], anchor;
	uint32_t tpm_index; /* 0: the anchor is a file */
};

struct store {
	struct store_state state;
	struct store_files files;
	struct store_anchor anchor;
	uint8_t key[32];
	uint64_t sequence; /* of the state on the disk */
	bool failed;	   /* what is on the disk is not known any more */
};

enum store_result {
	STORE_FOUND,
	STORE_EMPTY,   /* never written: it may be created */
	STORE_REFUSED, /* why has been logged */
};

/* Reads and checks, and changes nothing. The store is locked until its descriptors are closed. */
enum store_result store_load(struct store *s, const struct store_files *f);

/* After STORE_EMPTY: writes `state`; or one with new keys, if it is NULL. False has been logged. */
bool store_create(struct store *s, const struct store_state *state)
	__attribute__((warn_unused_result));

/* After STORE_FOUND: from now on it may be used and written. False has been logged. */
bool store_begin(struct store *s) __attribute__((warn_unused_result));

/* The state is on the disk, for good. False, which has been logged: use the store no more. */
bool store_save(struct store *s) __attribute__((warn_unused_result));

/* A pair of keys of the state. */
void store_keys(const uint8_t seed[STORE_SEED], uint8_t public[32], uint8_t secret[64]);

/* All secrets become zeros. */
void store_wipe(struct store *s);

#endif /* STORE_H */
