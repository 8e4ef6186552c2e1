/* SPDX-License-Identifier: ISC */
#include "payment_chunks.h"

#include <string.h>

bool payment_message_valid(const struct payment_message *m)
{
	if (m->id == 0 || m->length > PAYMENT_CHUNK)
		return false;
	for (uint32_t i = m->length; i < PAYMENT_CHUNK; i++)
		if (m->bytes[i] != 0)
			return false;
	return m->type == PAYMENT_TEXT ? m->length > 0 && m->value == 0 : m->offset == 0;
}

uint32_t payment_chunk(struct payment_message *m, uint64_t id, const char *text, uint32_t len,
		       uint32_t offset)
{
	uint32_t n = len - offset < PAYMENT_CHUNK ? len - offset : PAYMENT_CHUNK;

	*m = (struct payment_message){
		.type = PAYMENT_TEXT, .length = n, .id = id, .offset = offset
	};
	memcpy(m->bytes, text + offset, n);
	return offset + n;
}

bool payment_chunks_take(struct payment_chunks *c, const struct payment_message *m)
{
	if (m->offset == 0) {
		c->len = 0;
		c->id = m->id;
	}
	if (m->type != PAYMENT_TEXT || !payment_message_valid(m) || m->id != c->id ||
	    m->offset != c->len || m->length > PAYMENT_TEXT_MAX - c->len) {
		c->len = 0;
		c->id = 0;
		return false;
	}
	memcpy(c->text + c->len, m->bytes, m->length);
	c->len += m->length;
	return true;
}

bool payment_chunks_whole(const struct payment_chunks *c, const struct payment_message *m)
{
	return c->len > 0 && c->id == m->id && c->len == m->value;
}
