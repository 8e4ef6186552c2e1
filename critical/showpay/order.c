/* SPDX-License-Identifier: ISC */
#include "order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 32

struct form {
	const char *at, *end;
	char *fault;		 /* [ORDER_FAULT]; "": none yet */
	char name[NAME_MAX_LEN]; /* of the field at `at`; "?": it has none that could be said */
};

/* What comes next, without taking it. */
static void look(struct form *f)
{
	size_t n = 0;

	while (f->at + n < f->end && n < sizeof(f->name) - 1 &&
	       ((f->at[n] >= 'a' && f->at[n] <= 'z') || (f->at[n] >= '0' && f->at[n] <= '9') ||
		f->at[n] == '-'))
		n++;
	if (n == 0 || f->at + n == f->end || f->at[n] != '=') {
		memcpy(f->name, "?", 2);
		return;
	}
	memcpy(f->name, f->at, n);
	f->name[n] = '\0';
}

static bool wrong(struct form *f, const char *field, const char *what)
{
	if (f->fault[0] == '\0')
		snprintf(f->fault, ORDER_FAULT, "%s: %s", field, what);
	return false;
}

/* Another field, or none, is in its place; nothing is wrong before it. */
static bool out_of_place(struct form *f, const char *field)
{
	if (f->at == f->end)
		return wrong(f, field, "missing");
	snprintf(f->fault, ORDER_FAULT, "%s: unknown, twice, or before %s", f->name, field);
	return false;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character of a value; 0: it is none that an order may have. */
static char decoded(struct form *f)
{
	char c = *f->at++;
	int high, low;

	if (c == '+')
		return ' ';
	if (c != '%')
		return c > ' ' && c <= '~' ? c : '\0';
	if (f->end - f->at < 2)
		return '\0';
	high = hex(f->at[0]);
	low = hex(f->at[1]);
	f->at += 2;
	return high < 2 || high > 7 || low < 0 || (high == 7 && low == 15)
		       ? '\0'
		       : (char)(high * 16 + low);
}

/* The field of that name, which has to be the next one; its value without the encoding. */
static bool take(struct form *f, const char *name, char *value, size_t size)
{
	size_t n = 0;

	value[0] = '\0';
	if (f->fault[0] != '\0')
		return false;
	look(f);
	if (strcmp(f->name, name) != 0)
		return out_of_place(f, name);
	f->at += strlen(name) + 1;
	while (f->at < f->end && *f->at != '&') {
		char c = decoded(f);

		if (c == '\0')
			return wrong(f, name, "has a character that it may not have");
		if (n == size - 1)
			return wrong(f, name, "too long");
		value[n++] = c;
	}
	value[n] = '\0';
	if (f->at == f->end)
		return true;
	if (++f->at == f->end)
		return wrong(f, name, "nothing follows the & behind it");
	return true;
}

static bool take_text(struct form *f, const char *name, char *value, size_t size)
{
	return take(f, name, value, size) &&
	       (payment_text_valid(value, size - 1) ||
		wrong(f, name, "empty, or not of the SEPA characters with single blanks"));
}

/* 1 to max, no leading zero. */
static bool take_number(struct form *f, const char *name, uint64_t max, uint64_t *value)
{
	char text[24];

	*value = 0;
	if (!take(f, name, text, sizeof(text)))
		return false;
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] < '0' || text[i] > '9' || text[0] == '0' ||
		    __builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
			return wrong(f, name, "not a canonical whole number");
	}
	return (*value >= 1 && *value <= max) || wrong(f, name, "too small or too large");
}

static bool take_item(struct form *f, struct payment *p)
{
	struct payment_item *item = &p->item[p->item_count++];
	char name[NAME_MAX_LEN];
	uint64_t quantity, price;

	snprintf(name, sizeof(name), "item-%" PRIu32 "-name", p->item_count);
	take_text(f, name, item->name, sizeof(item->name));
	snprintf(name, sizeof(name), "item-%" PRIu32 "-quantity", p->item_count);
	take_number(f, name, PAYMENT_QUANTITY, &quantity);
	snprintf(name, sizeof(name), "item-%" PRIu32 "-price", p->item_count);
	if (!take_number(f, name, PAYMENT_AMOUNT, &price))
		return false;
	item->quantity = (uint32_t)quantity;
	item->price = price;
	return quantity * price <= PAYMENT_AMOUNT || wrong(f, name, "too large");
}

static bool take_items(struct form *f, struct payment *p)
{
	char next[NAME_MAX_LEN];

	do {
		if (!take_item(f, p))
			return false;
		snprintf(next, sizeof(next), "item-%" PRIu32 "-name", p->item_count + 1);
		look(f);
	} while (p->item_count < PAYMENT_ITEMS && strcmp(f->name, next) == 0);
	return true;
}

static bool nonce_valid(const char *nonce)
{
	return strlen(nonce) == PAYMENT_NONCE - 1 &&
	       strspn(nonce, "0123456789abcdef") == PAYMENT_NONCE - 1;
}

static bool take_note(struct form *f, struct payment *p)
{
	look(f);
	if (f->at == f->end)
		return true;
	if (strcmp(f->name, "note") != 0)
		return wrong(f, f->name, "unknown, twice, or out of place");
	/* A form whose note was left empty says so. */
	return take(f, "note", p->note, sizeof(p->note)) &&
	       (p->note[0] == '\0' ||
		(payment_text_valid(p->note, sizeof(p->note) - 1) &&
		 strcmp(p->note, "-") != 0) ||
		wrong(f, "note", "not of the SEPA characters with single blanks"));
}

static bool total_right(const struct payment *p)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->item_count; i++)
		sum += p->item[i].quantity * p->item[i].price;
	return sum == p->total;
}

bool order_parse(const char *body, size_t len, struct payment *p, char fault[ORDER_FAULT])
{
	struct form f = { .at = body, .end = body + len, .fault = fault };

	memset(p, 0, sizeof(*p));
	fault[0] = '\0';
	take_text(&f, "payee", p->payee, sizeof(p->payee));
	if (take(&f, "account", p->account, sizeof(p->account)) &&
	    !payment_iban_valid(p->account))
		wrong(&f, "account", "not an IBAN whose check digits are right");
	take_items(&f, p);
	if (take_number(&f, "total", PAYMENT_AMOUNT, &p->total) && !total_right(p))
		wrong(&f, "total", "not the sum of the items");
	if (take(&f, "currency", p->currency, sizeof(p->currency)) &&
	    payment_exponent(p->currency) < 0)
		wrong(&f, "currency", "unknown");
	take_text(&f, "reference", p->reference, sizeof(p->reference));
	if (take(&f, "nonce", p->nonce, sizeof(p->nonce)) && !nonce_valid(p->nonce))
		wrong(&f, "nonce", "not 32 lower-case hexadecimal digits");
	if (fault[0] == '\0' && take_note(&f, p) && f.at != f.end) {
		look(&f);
		wrong(&f, f.name, "unknown, twice, or out of place");
	}
	return fault[0] == '\0';
}

bool order_same(const struct payment *a, const struct payment *b)
{
	if (a->item_count != b->item_count || a->total != b->total ||
	    strcmp(a->payee, b->payee) != 0 || strcmp(a->account, b->account) != 0 ||
	    strcmp(a->currency, b->currency) != 0 || strcmp(a->reference, b->reference) != 0 ||
	    strcmp(a->nonce, b->nonce) != 0)
		return false;
	for (uint32_t i = 0; i < a->item_count; i++)
		if (a->item[i].quantity != b->item[i].quantity ||
		    a->item[i].price != b->item[i].price ||
		    strcmp(a->item[i].name, b->item[i].name) != 0)
			return false;
	return true;
}
