/* SPDX-License-Identifier: ISC */
#include "store.h"

#include "bug.h"
#include "log.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAGIC "zwinger store 1"
enum subkey { SUBKEY_SLOTS = 1, SUBKEY_ANCHOR = 2 };
#define CONTEXT "zwstore1"

struct slot {
	char magic[sizeof(MAGIC)]; /* with what follows, authenticated */
	uint64_t sequence;
	uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
	uint8_t box[sizeof(struct store_state) + crypto_aead_xchacha20poly1305_ietf_ABYTES];
};
#define SLOT_CLEAR (sizeof(MAGIC) + sizeof(uint64_t))
_Static_assert(sizeof(struct slot) == SLOT_CLEAR + 24 + sizeof(struct store_state) + 16,
	       "no padding on disk");

enum slot_content { SLOT_EMPTY, SLOT_DAMAGED, SLOT_GOOD };

static enum store_result refuse(const char *why)
{
	log_error("the store is not used: %s", why);
	return STORE_REFUSED;
}

/* Nothing of the key file itself is kept. */
static bool derive_keys(struct store *s)
{
	uint8_t master[crypto_kdf_KEYBYTES + 1];
	bool whole = pread(s->files.key, master, sizeof(master), 0) == crypto_kdf_KEYBYTES;

	if (whole) {
		crypto_kdf_derive_from_key(s->key, sizeof(s->key), SUBKEY_SLOTS, CONTEXT,
					   master);
		crypto_kdf_derive_from_key(s->anchor.key, sizeof(s->anchor.key), SUBKEY_ANCHOR,
					   CONTEXT, master);
	}
	sodium_memzero(master, sizeof(master));
	return whole;
}

static bool sane(const struct store_state *state)
{
	return state->tries <= PIN_TRIES && state->receipt_len < PAYMENT_TEXT_MAX &&
	       state->verifier[VERIFIER_MAX - 1] == '\0';
}

static enum slot_content read_slot(const struct store *s, unsigned i, uint64_t *sequence,
				   struct store_state *state)
{
	struct slot slot;
	uint8_t beyond;
	ssize_t n = pread(s->files.slot[i], &slot, sizeof(slot), 0);

	if (n == 0)
		return SLOT_EMPTY;
	/* Each number has its slot, so that two cannot change places. */
	if (n != (ssize_t)sizeof(slot) ||
	    pread(s->files.slot[i], &beyond, 1, sizeof(slot)) != 0 ||
	    memcmp(slot.magic, MAGIC, sizeof(MAGIC)) != 0 || slot.sequence % 2 != i ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)state, NULL, NULL, slot.box,
						       sizeof(slot.box), (const uint8_t *)&slot,
						       SLOT_CLEAR, slot.nonce, s->key) != 0 ||
	    !sane(state))
		return SLOT_DAMAGED;
	*sequence = slot.sequence;
	return SLOT_GOOD;
}

/* The newest state that is whole. */
static enum store_result find_newest(struct store *s)
{
	enum slot_content content[2];
	struct store_state state;
	uint64_t sequence;
	bool found = false;

	for (unsigned i = 0; i < 2; i++) {
		content[i] = read_slot(s, i, &sequence, &state);
		if (content[i] != SLOT_GOOD || (found && sequence < s->sequence))
			continue;
		found = true;
		s->sequence = sequence;
		s->state = state;
	}
	sodium_memzero(&state, sizeof(state));
	for (unsigned i = 0; found && i < 2; i++)
		if (content[i] != SLOT_GOOD)
			log_warn(
				"slot-%c holds nothing whole: a write was cut off, or it was changed",
				"ab"[i]);
	if (found)
		return STORE_FOUND;
	if (content[0] == SLOT_EMPTY && content[1] == SLOT_EMPTY)
		return STORE_EMPTY;
	return refuse("both slots are damaged, or sealed with another key; restore a backup");
}

enum store_result store_load(struct store *s, const struct store_files *f)
{
	enum store_result r;

	memset(s, 0, sizeof(*s));
	s->files = *f;
	s->anchor.fd = f->anchor;
	s->anchor.tpm_index = f->tpm_index;
	if (flock(f->slot[0], LOCK_EX | LOCK_NB) < 0)
		return refuse("another process uses it");
	if (!derive_keys(s))
		return refuse("the key file does not have 32 bytes");
	if (!store_anchor_read(&s->anchor))
		return refuse("its anchor cannot be trusted");
	r = find_newest(s);
	if (r == STORE_EMPTY && s->anchor.used)
		return refuse(
			"both slots are empty, but the anchor was used; restore a backup into a "
			"new directory, with a new anchor");
	if (r != STORE_FOUND)
		return r;
	if (s->sequence < s->anchor.value)
		return refuse(
			"it is an older copy: it was rolled back, or its newest slot is damaged");
	if (s->sequence > s->anchor.value + 1 || (s->anchor.tpm_index != 0 && !s->anchor.used))
		return refuse("the anchor is older than the store, or another one");
	return STORE_FOUND;
}

/* False: nobody knows what is on the disk; a new start finds out. */
static bool fail(struct store *s, const char *what)
{
	log_error("%s cannot be written: %s", what, strerror(errno));
	s->failed = true;
	return false;
}

static bool write_slot(struct store *s)
{
	struct slot slot = { .magic = MAGIC, .sequence = s->sequence + 1 };
	int fd = s->files.slot[slot.sequence % 2];

	randombytes_buf(slot.nonce, sizeof(slot.nonce));
	crypto_aead_xchacha20poly1305_ietf_encrypt(slot.box, NULL, (const uint8_t *)&s->state,
						   sizeof(s->state), (const uint8_t *)&slot,
						   SLOT_CLEAR, NULL, slot.nonce, s->key);
	return pwrite(fd, &slot, sizeof(slot), 0) == (ssize_t)sizeof(slot) &&
	       fdatasync(fd) == 0;
}

bool store_save(struct store *s)
{
	if (s->failed)
		return false;
	if (!write_slot(s))
		return fail(s, "a slot");
	s->sequence++;
	if (!store_anchor_raise(&s->anchor))
		return fail(s, "the anchor");
	BUG_ON(s->anchor.value != s->sequence);
	return true;
}

bool store_create(struct store *s, const struct store_state *state)
{
	/* A TPM's counter begins where it likes. */
	if (s->anchor.tpm_index != 0 && !s->anchor.used && !store_anchor_raise(&s->anchor))
		return fail(s, "the anchor");
	s->sequence = s->anchor.value;
	if (state != NULL) {
		s->state = *state;
	} else {
		randombytes_buf(s->state.receipt_seed, STORE_SEED);
		randombytes_buf(s->state.confirmation_seed, STORE_SEED);
		s->state.tries = PIN_TRIES;
	}
	return store_save(s) && store_save(s);
}

bool store_begin(struct store *s)
{
	uint64_t end = s->anchor.value + 2;

	if (s->sequence > s->anchor.value && !store_anchor_raise(&s->anchor))
		return fail(s, "the anchor");
	while (s->sequence < end)
		if (!store_save(s))
			return false;
	return true;
}

void store_keys(const uint8_t seed[STORE_SEED], uint8_t public[32], uint8_t secret[64])
{
	crypto_sign_seed_keypair(public, secret, seed);
}

void store_wipe(struct store *s)
{
	sodium_memzero(s, sizeof(*s));
}
