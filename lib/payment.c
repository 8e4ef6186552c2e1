/* SPDX-License-Identifier: ISC */
#include "payment.h"

#include "bug.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TITLE "Zwinger payment 1\n"

/* What the SEPA rules let through every bank, EPC217-08: no more letters than these. */
static bool sepa(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("/-?:().,'+ ", c) != NULL);
}

bool payment_text_valid(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len == 0 || len > max || text[0] == ' ' || text[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!sepa(text[i]) || (text[i] == ' ' && text[i + 1] == ' '))
			return false;
	return true;
}

/* The registry of ISO 13616: a country's IBANs have one length. */
static size_t iban_length(const char *iban)
{
	static const char lengths[] =
		"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18"
		"DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23"
		"IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27"
		"MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19"
		"SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

	for (const char *at = lengths; *at != '\0'; at += 4)
		if (at[0] == iban[0] && at[1] == iban[1])
			return (size_t)((at[2] - '0') * 10 + at[3] - '0');
	return 0;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

bool payment_iban_valid(const char *iban)
{
	size_t len = strnlen(iban, PAYMENT_IBAN);
	unsigned check, rest = 0;

	if (len < 4 || len != iban_length(iban) || !digit(iban[2]) || !digit(iban[3]))
		return false;
	/* 00, 01 and 99 would pass as well, beside the check digits that banks compute. */
	check = (unsigned)((iban[2] - '0') * 10 + iban[3] - '0');
	if (check < 2 || check > 98)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = iban[(i + 4) % len];

		if (digit(c))
			rest = (rest * 10 + (unsigned)(c - '0')) % 97;
		else if (c >= 'A' && c <= 'Z')
			rest = (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
		else
			return false;
	}
	return rest == 1;
}

/*
 * ISO 4217 by number of decimals: the currencies that people pay in as of 2026; no funds (CHE),
 * no metals (XAU), nothing for tests (XTS) or withdrawn (BGN).
 */
static const char *const currencies[] = {
	[0] = "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXVNDVUVXAFXOFXPF",
	[2] = "AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBMDBNDBOBBRLBSDBTNBWPBYNBZDCADCDFCHFCNYCOP"
	      "CRCCUPCVECZKDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGTQGYDHKDHNLHTGHUFIDRILS"
	      "INRIRRJMDKESKGSKHRKPWKYDKZTLAKLBPLKRLRDLSLMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXN"
	      "MYRMZNNADNGNNIONOKNPRNZDPABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDGSEKSGDSHPSLE"
	      "SOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTOPTRYTTDTWDTZSUAHUSDUYUUZSVEDVESWSTXCDXCGYERZAR"
	      "ZMWZWG",
	[3] = "BHDIQDJODKWDLYDOMRTND",
};

int payment_exponent(const char *currency)
{
	if (strnlen(currency, 4) != 3)
		return -1;
	for (size_t i = 0; i < sizeof(currencies) / sizeof(*currencies); i++)
		for (const char *at = currencies[i]; at != NULL && *at != '\0'; at += 3)
			if (memcmp(at, currency, 3) == 0)
				return (int)i;
	return -1;
}

/* What `pattern` says: '0' stands for a digit, 'x' for one or a lower-case a to f. */
static bool matches(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; text++, pattern++)
		if (*pattern == '0'   ? !digit(*text)
		    : *pattern == 'x' ? !digit(*text) && (*text < 'a' || *text > 'f')
				      : *text != *pattern)
			return false;
	return *text == '\0';
}

static unsigned two_digits(const char *at)
{
	return (unsigned)((at[0] - '0') * 10 + at[1] - '0');
}

bool payment_date_valid(const char *date)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;
	bool leap;

	if (!matches(date, "2000-00-00T00:00:00Z"))
		return false;
	year = two_digits(date) * 100 + two_digits(date + 2);
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	month = two_digits(date + 5);
	day = two_digits(date + 8);
	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap ? 1u : 0u) &&
	       two_digits(date + 11) < 24 && two_digits(date + 14) < 60 &&
	       two_digits(date + 17) < 60; /* no leap seconds: no computer's clock has them */
}

void payment_amount(uint64_t minor, int exponent, char out[24])
{
	uint64_t unit = 1;

	BUG_ON(exponent < 0 || exponent > 3);
	for (int i = 0; i < exponent; i++)
		unit *= 10;
	if (exponent == 0)
		snprintf(out, 24, "%" PRIu64, minor);
	else /* the longest, UINT64_MAX, has 20 digits */
		snprintf(out, 24, "%" PRIu64 ".%0*" PRIu64, minor / unit, exponent,
			 minor % unit);
}

static const char *item_fault(const struct payment_item *i, uint64_t *total)
{
	if (!payment_text_valid(i->name, PAYMENT_SHORT - 1))
		return "item name";
	if (i->quantity < 1 || i->quantity > PAYMENT_QUANTITY)
		return "item quantity";
	/* With these limits no product and no sum of products wraps. */
	if (i->price < 1 || i->price > PAYMENT_AMOUNT ||
	    i->quantity * i->price > PAYMENT_AMOUNT)
		return "item price";
	*total += i->quantity * i->price;
	return NULL;
}

const char *payment_fault(const struct payment *p)
{
	const char *fault = NULL;
	uint64_t total = 0;

	if (!payment_text_valid(p->payee, PAYMENT_NAME - 1))
		return "payee";
	if (!payment_iban_valid(p->account))
		return "account";
	if (p->item_count < 1 || p->item_count > PAYMENT_ITEMS)
		return "number of items";
	for (uint32_t i = 0; i < p->item_count && fault == NULL; i++)
		fault = item_fault(&p->item[i], &total);
	if (fault != NULL)
		return fault;
	if (payment_exponent(p->currency) < 0)
		return "currency";
	if (p->total != total || total > PAYMENT_AMOUNT)
		return "total";
	if (!payment_text_valid(p->reference, PAYMENT_SHORT - 1))
		return "reference";
	if (p->note[0] != '\0' &&
	    (!payment_text_valid(p->note, PAYMENT_SHORT - 1) || strcmp(p->note, "-") == 0))
		return "note";
	if (!matches(p->nonce, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))
		return "nonce";
	if (!payment_iban_valid(p->from))
		return "payer's account";
	if (!payment_date_valid(p->date))
		return "date";
	if (p->count == 0)
		return "count";
	if (!matches(p->key,
		     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))
		return "key";
	return NULL;
}

struct output {
	char *text;
	size_t len;
};

static void put(struct output *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct output *o, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->text + o->len, PAYMENT_TEXT_MAX - o->len, format, args);
	va_end(args);
	/* The limits of all the fields together come to half of it. */
	BUG_ON(n < 0 || (size_t)n >= PAYMENT_TEXT_MAX - o->len);
	o->len += (size_t)n;
}

size_t payment_format(const struct payment *p, char text[PAYMENT_TEXT_MAX])
{
	struct output o = { .text = text };
	int exponent = payment_exponent(p->currency);
	char price[24], sum[24];

	put(&o, TITLE "Payee: %s\nAccount: %s\n", p->payee, p->account);
	for (uint32_t i = 0; i < p->item_count; i++) {
		const struct payment_item *item = &p->item[i];

		payment_amount(item->price, exponent, price);
		payment_amount(item->quantity * item->price, exponent, sum);
		put(&o, "Item: %" PRIu32 " x %s = %s %s\n", item->quantity, price, sum,
		    item->name);
	}
	payment_amount(p->total, exponent, sum);
	put(&o, "Total: %s %s\nReference: %s\nNote: %s\n", sum, p->currency, p->reference,
	    p->note[0] != '\0' ? p->note : "-");
	put(&o, "Nonce: %s\nFrom: %s\nDate: %s\n", p->nonce, p->from, p->date);
	put(&o, "Count: %" PRIu64 "\nKey: %s\n", p->count, p->key);
	return o.len;
}

/* Takes what it can make sense of; whether it was canonical, payment_parse() finds out. */
struct input {
	const char *at, *end;
	bool good;
};

static void take(struct input *in, const char *word)
{
	size_t len = strlen(word);

	in->good =
		in->good && (size_t)(in->end - in->at) >= len && memcmp(in->at, word, len) == 0;
	if (in->good)
		in->at += len;
}

/* Up to the end of the line, which is taken too. */
static void take_text(struct input *in, char *out, size_t size)
{
	const char *stop = memchr(in->at, '\n', (size_t)(in->end - in->at));
	size_t len = stop != NULL ? (size_t)(stop - in->at) : size;

	in->good = in->good && len < size;
	if (!in->good)
		return;
	memcpy(out, in->at, len);
	out[len] = '\0';
	in->at = stop + 1;
}

/* Digits; a point among them is left out, as where it belongs follows from the currency. */
static uint64_t take_number(struct input *in)
{
	uint64_t n = 0;

	for (; in->at < in->end && (digit(*in->at) || *in->at == '.'); in->at++)
		if (*in->at != '.' &&
		    (__builtin_mul_overflow(n, 10, &n) ||
		     __builtin_add_overflow(n, (uint64_t)(*in->at - '0'), &n)))
			in->good = false;
	return n;
}

static void take_item(struct input *in, struct payment *p)
{
	struct payment_item *item = &p->item[p->item_count];
	uint64_t quantity;

	in->good = in->good && p->item_count < PAYMENT_ITEMS;
	if (!in->good)
		return;
	take(in, "Item: ");
	quantity = take_number(in);
	in->good = in->good && quantity <= PAYMENT_QUANTITY;
	item->quantity = (uint32_t)quantity;
	take(in, " x ");
	item->price = take_number(in);
	take(in, " = ");
	(void)take_number(in); /* follows from the others */
	take(in, " ");
	take_text(in, item->name, sizeof(item->name));
	p->item_count++;
}

static void take_note(struct input *in, struct payment *p)
{
	take(in, "Note: ");
	take_text(in, p->note, sizeof(p->note));
	if (strcmp(p->note, "-") == 0)
		p->note[0] = '\0';
}

static void take_line(struct input *in, const char *label, char *out, size_t size)
{
	take(in, label);
	take_text(in, out, size);
}

static bool take_payment(struct payment *p, const char *text, size_t len)
{
	struct input in = { .at = text, .end = text + len, .good = true };

	memset(p, 0, sizeof(*p));
	take(&in, TITLE);
	take_line(&in, "Payee: ", p->payee, sizeof(p->payee));
	take_line(&in, "Account: ", p->account, sizeof(p->account));
	do
		take_item(&in, p);
	while (in.good && in.at < in.end && *in.at == 'I');
	take(&in, "Total: ");
	p->total = take_number(&in);
	take_line(&in, " ", p->currency, sizeof(p->currency));
	take_line(&in, "Reference: ", p->reference, sizeof(p->reference));
	take_note(&in, p);
	take_line(&in, "Nonce: ", p->nonce, sizeof(p->nonce));
	take_line(&in, "From: ", p->from, sizeof(p->from));
	take_line(&in, "Date: ", p->date, sizeof(p->date));
	take(&in, "Count: ");
	p->count = take_number(&in);
	take(&in, "\n");
	take_line(&in, "Key: ", p->key, sizeof(p->key));
	return in.good && in.at == in.end;
}

bool payment_parse(struct payment *p, const char *text, size_t len)
{
	char canonical[PAYMENT_TEXT_MAX];

	return len < PAYMENT_TEXT_MAX && take_payment(p, text, len) &&
	       payment_fault(p) == NULL && payment_format(p, canonical) == len &&
	       memcmp(canonical, text, len) == 0;
}
