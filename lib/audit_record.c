/* SPDX-License-Identifier: ISC */
#include "audit_record.h"

#include <sodium.h>
#include <string.h>

static void chain_on(const uint8_t before[AUDIT_HASH], const void *record, size_t len,
		     uint8_t after[AUDIT_HASH])
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, AUDIT_HASH);
	crypto_generichash_update(&s, before, AUDIT_HASH);
	crypto_generichash_update(&s, record, len);
	crypto_generichash_final(&s, after, AUDIT_HASH);
}

void audit_hash(const void *message, size_t len, uint8_t hash[AUDIT_HASH])
{
	crypto_generichash(hash, AUDIT_HASH, message, len, NULL, 0);
}

size_t audit_record_put(uint8_t *to, struct audit_header h, const void *payload, size_t len,
			uint8_t chain[AUDIT_HASH])
{
	h.magic = AUDIT_MAGIC;
	h.size = (uint32_t)(sizeof(h) + len + AUDIT_HASH);
	memcpy(to, &h, sizeof(h));
	if (len > 0)
		memcpy(to + sizeof(h), payload, len);
	chain_on(chain, to, sizeof(h) + len, chain);
	memcpy(to + sizeof(h) + len, chain, AUDIT_HASH);
	return h.size;
}

enum audit_verdict audit_record_get(const uint8_t *at, size_t left, struct audit_header *h,
				    const uint8_t **payload, uint8_t chain[AUDIT_HASH])
{
	uint8_t hash[AUDIT_HASH];
	size_t body;

	if (left == 0)
		return AUDIT_END;
	if (left < sizeof(*h))
		return AUDIT_CUT;
	memcpy(h, at, sizeof(*h));
	if (h->magic != AUDIT_MAGIC || h->size < sizeof(*h) + AUDIT_HASH ||
	    h->size > AUDIT_RECORD_MAX || h->kind == 0 || h->kind >= AUDIT_KINDS ||
	    h->reserved != 0)
		return AUDIT_GARBLED;
	if (left < h->size)
		return AUDIT_CUT;
	body = h->size - AUDIT_HASH;
	*payload = at + sizeof(*h);
	/* A segment says which hash it goes on from; whether that is right, its reader knows. */
	chain_on(chain, at, body, hash);
	if (memcmp(hash, at + body, AUDIT_HASH) != 0)
		return AUDIT_BAD_HASH;
	memcpy(chain, hash, AUDIT_HASH);
	return AUDIT_GOOD;
}
