/* SPDX-License-Identifier: ISC */
#include "words.h"

#include "modem_line.h"
#include "payment_messages.h"
#include "prompt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char line[2048];
static size_t line_len;

__attribute__((format(printf, 1, 2))) static void add(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line + line_len, sizeof(line) - line_len, fmt, args);
	va_end(args);
	if (n > 0)
		line_len += (size_t)n < sizeof(line) - line_len ? (size_t)n
								: sizeof(line) - line_len - 1;
}

/* Bytes that somebody chose: what is not printable, or means something here, in angles. */
static void add_bytes(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		if (b[i] >= ' ' && b[i] <= '~' && b[i] != '\\' && b[i] != '"' && b[i] != '<')
			add("%c", b[i]);
		else if (b[i] == '\r')
			add("<CR>");
		else if (b[i] == '\n')
			add("<LF>");
		else
			add("<%02x>", b[i]);
	}
}

static void add_text(const char *text, size_t size)
{
	add_bytes(text, strnlen(text, size));
}

static void add_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add("%02x", bytes[i]);
}

/* ISO 8601, UTC; without libc's time zones. Days to a date by the proleptic calendar. */
static void add_time(uint64_t ns)
{
	uint64_t s = ns / 1000000000u;
	unsigned days = (unsigned)(s / 86400u), second = (unsigned)(s % 86400u);
	unsigned era, doe, yoe, doy, mp, day, month, year;

	days += 719468u; /* from 1970-01-01 to 0000-03-01 */
	era = days / 146097u;
	doe = days % 146097u;
	yoe = (doe - doe / 1460u + doe / 36524u - doe / 146096u) / 365u;
	doy = doe - (365u * yoe + yoe / 4u - yoe / 100u);
	mp = (5u * doy + 2u) / 153u;
	day = doy - (153u * mp + 2u) / 5u + 1u;
	month = mp < 10u ? mp + 3u : mp - 9u;
	year = yoe + era * 400u + (month <= 2u);
	add("%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day, second / 3600u,
	    second / 60u % 60u, second % 60u, (unsigned)(ns % 1000000000u / 1000000u));
}

static const char *class_name(uint32_t c)
{
	static const char *const names[] = { "no class",      "emergency", "short",
					     "local",	      "national",  "mobile",
					     "international", "free",	   "premium" };

	return c < sizeof(names) / sizeof(names[0]) ? names[c] : "unknown class";
}

static void add_cost(const struct prompt_message *m)
{
	if (m->cents_per_minute != 0)
		add(", %u.%02u EUR/min", m->cents_per_minute / 100, m->cents_per_minute % 100);
	if (m->cents_per_call != 0)
		add(", %u.%02u EUR/call", m->cents_per_call / 100, m->cents_per_call % 100);
}

static void add_prompt(const uint8_t *payload)
{
	struct prompt_message m;
	static const char *const calls[] = { "no call", "dialling", "ringing", "connected" };

	memcpy(&m, payload, sizeof(m));
	switch ((enum prompt_type)m.type) {
	case PROMPT_DIAL:
		add("asks: dial ");
		break;
	case PROMPT_ACCEPT:
		add("asks: take the call from ");
		break;
	case PROMPT_WITHDRAW:
		add("withdraws its question id=%016llx", (unsigned long long)m.id);
		return;
	case PROMPT_CALL:
		add("call: %s ", m.call_state < 4 ? calls[m.call_state] : "unknown state");
		break;
	default:
		add("unknown question ");
		add_hex(payload, sizeof(m));
		return;
	}
	add_text(m.number, sizeof(m.number));
	if (m.number[0] != '\0')
		add(" (%s", class_name(m.number_class));
	add_cost(&m);
	add("%s", m.number[0] != '\0' ? ")" : "");
	if (m.type != PROMPT_CALL)
		add(" id=%016llx", (unsigned long long)m.id);
}

static void add_answer(const uint8_t *payload)
{
	static const char *const names[] = { NULL,   "YES",	"NO",	   "TIMEOUT",
					     "BUSY", "BACKOFF", "REFUSED", "HANG UP",
					     "TONE", "is shown" };
	struct prompt_answer a;
	uint32_t type;

	memcpy(&a, payload, sizeof(a));
	type = a.type & ~(uint32_t)CHAN_DECISION;
	if ((a.type & CHAN_DECISION) == 0 || type == 0 ||
	    type >= sizeof(names) / sizeof(names[0])) {
		add("unknown answer ");
		add_hex(payload, sizeof(a));
		return;
	}
	add("answers: %s", names[type]);
	if (a.type == ANSWER_TONE) {
		add(" ");
		add_bytes(&(uint8_t){ (uint8_t)a.tone }, 1);
	}
	if (a.number[0] != '\0') {
		add(" ");
		add_text(a.number, sizeof(a.number));
	}
	if (a.id != 0)
		add(" id=%016llx", (unsigned long long)a.id);
}

static void add_modem_line(const uint8_t *payload)
{
	struct modem_line m;

	memcpy(&m, payload, sizeof(m));
	if (m.count > MODEM_LINE_BYTES)
		add("claims %u bytes; ", m.count);
	add("line: \"");
	add_bytes(m.bytes, m.count <= MODEM_LINE_BYTES ? m.count : MODEM_LINE_BYTES);
	add("\"%s%s%s%s%s%s", m.wires & MODEM_DTR ? " DTR" : "",
	    m.wires & MODEM_RTS ? " RTS" : "", m.wires & MODEM_CTS ? " CTS" : "",
	    m.wires & MODEM_DSR ? " DSR" : "", m.wires & MODEM_RI ? " RI" : "",
	    m.wires & MODEM_DCD ? " DCD" : "");
}

static void add_id(uint64_t id)
{
	add(" id=%016llx", (unsigned long long)id);
}

/* Of a type that has a name; else its bytes. */
static bool add_named(const char *what, const char *const *names, size_t count, uint32_t type,
		      const uint8_t *payload, size_t len)
{
	uint32_t n = type & ~(uint32_t)CHAN_DECISION;

	if (n < count && names[n] != NULL) {
		add("%s: %s", what, names[n]);
		return true;
	}
	add("unknown %s ", what);
	add_hex(payload, len);
	return false;
}

static void add_payment(const uint8_t *payload)
{
	static const char *const names[] = { NULL,	 "text",
					     "asks",	 "withdraws its question",
					     "result",	 "confirms",
					     "reserves", "reserved",
					     "signed",	 "asks for the last receipt",
					     "refused" };
	struct payment_message m;

	memcpy(&m, payload, sizeof(m));
	if (!add_named("payment", names, sizeof(names) / sizeof(names[0]), m.type, payload,
		       sizeof(m)))
		return;
	if (m.type == PAYMENT_TEXT) {
		add(" from byte %u \"", m.offset);
		add_bytes(m.bytes, m.length <= PAYMENT_CHUNK ? m.length : PAYMENT_CHUNK);
		add("\"");
	} else if (m.type == PAYMENT_RESULT) {
		add(" %s", m.value == PAYMENT_PAID     ? "paid"
			   : m.value == PAYMENT_FAILED ? "failed"
						       : "unknown");
	} else if (m.type == PAYMENT_RESERVED && m.length == sizeof(struct payment_reserved)) {
		struct payment_reserved r;

		memcpy(&r, m.bytes, sizeof(r));
		add(" count %llu, key ", (unsigned long long)r.count);
		add_hex(r.key, sizeof(r.key));
	} else if (m.type == PAYMENT_REFUSED || m.type == PAYMENT_RESERVED) {
		add(" for reason %u", m.value);
	} else if (m.type == PAYMENT_ASK || m.type == PAYMENT_CONFIRM ||
		   m.type == PAYMENT_SIGNED) {
		add(" %u bytes", m.value);
	}
	add_id(m.id);
}

static void add_payment_answer(const uint8_t *payload)
{
	static const char *const names[] = { NULL,	 "YES",	    "NO",      "TIMEOUT",
					     "BUSY",	 "BACKOFF", "INVALID", "LOCKED",
					     "is shown", "was seen" };
	struct payment_answer a;

	memcpy(&a, payload, sizeof(a));
	if (add_named("payment", names, sizeof(names) / sizeof(names[0]), a.type, payload,
		      sizeof(a)))
		add_id(a.id);
}

/* Neither PIN, nor how long it is; whatever the message is. */
static void add_pin(const uint8_t *payload)
{
	static const char *const names[] = { NULL, "tried", "to be changed", "is there one?" };
	uint32_t type;

	memcpy(&type, payload, sizeof(type));
	add("PIN: %s (not shown)",
	    type > 0 && type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown");
}

static void add_pin_answer(const uint8_t *payload)
{
	static const char *const names[] = { NULL,   "RIGHT",	     "WRONG", "LOCKED",
					     "none", "there is one", "UNABLE" };
	struct pin_answer a;

	memcpy(&a, payload, sizeof(a));
	if (!add_named("PIN", names, sizeof(names) / sizeof(names[0]), a.type, payload,
		       sizeof(a)))
		return;
	add(", %u tries left", a.tries);
	add_id(a.id);
}

/* The verifier is what a thief would try PINs against: it is not shown either. */
static void add_verifier(const uint8_t *payload)
{
	static const char *const names[] = { NULL,
					     "an attempt begins",
					     "RIGHT: granted",
					     "a new verifier (not shown)",
					     "how many tries?",
					     "the verifier (not shown)",
					     "done",
					     "no tries left",
					     "UNABLE" };
	struct verifier_message m;
	uint32_t n;

	memcpy(&m, payload, sizeof(m));
	n = m.type & ~(uint32_t)CHAN_DECISION;
	add("PIN: %s",
	    n > 0 && n < sizeof(names) / sizeof(names[0]) ? names[n] : "unknown (not shown)");
	if (n == 5 || n == 6)
		add(", %u tries left", m.tries);
	add_id(m.id);
	explicit_bzero(&m, sizeof(m));
}

/* What the log of a channel holds that must not be shown: of PINs and verifiers. */
static bool secret(const struct record *r)
{
	return r->header.kind == AUDIT_MESSAGE &&
	       (r->payload_len == sizeof(struct pin_message) ||
		r->payload_len == sizeof(struct verifier_message));
}

static uint64_t number(const struct record *r)
{
	uint64_t n = 0;

	memcpy(&n, r->payload, r->payload_len < sizeof(n) ? r->payload_len : sizeof(n));
	return n;
}

static void add_message(const struct record *r)
{
	if (r->payload_len == sizeof(struct prompt_message))
		add_prompt(r->payload);
	else if (r->payload_len == sizeof(struct prompt_answer))
		add_answer(r->payload);
	else if (r->payload_len == sizeof(struct modem_line))
		add_modem_line(r->payload);
	else if (r->payload_len == sizeof(struct payment_message))
		add_payment(r->payload);
	else if (r->payload_len == sizeof(struct payment_answer))
		add_payment_answer(r->payload);
	else if (r->payload_len == sizeof(struct pin_message))
		add_pin(r->payload);
	else if (r->payload_len == sizeof(struct pin_answer))
		add_pin_answer(r->payload);
	else if (r->payload_len == sizeof(struct verifier_message))
		add_verifier(r->payload);
	else
		add_hex(r->payload, r->payload_len);
}

static void add_channel(const struct audit_channel *c)
{
	static const char *const modes[] = { "none", "full", "digest", "decisions" };

	add("channel ");
	add_text(c->name, sizeof(c->name));
	add(": from ");
	add_text(c->from, sizeof(c->from));
	add(" to ");
	add_text(c->to, sizeof(c->to));
	add(", audit %s, messages of %u bytes", c->audit < 4 ? modes[c->audit] : "unknown",
	    c->message_size);
}

/* What the record says, after time and channel. */
static void add_body(const struct record *r)
{
	switch ((enum audit_kind)r->header.kind) {
	case AUDIT_SEGMENT:
		add("a new file begins");
		break;
	case AUDIT_CHANNEL:
		if (r->channel != NULL)
			add_channel(r->channel);
		break;
	case AUDIT_MESSAGE:
		add_message(r);
		break;
	case AUDIT_HASHED:
		add("message with BLAKE2b ");
		add_hex(r->payload, r->payload_len);
		break;
	case AUDIT_SKIPPED:
		add("%llu messages that decide nothing", (unsigned long long)number(r));
		break;
	case AUDIT_OPENED:
		add("the channel begins anew");
		break;
	case AUDIT_CLOSED:
		add("an end of the channel is gone");
		break;
	case AUDIT_CHECKPOINT:
		add("checkpoint");
		break;
	case AUDIT_STARTED:
		add("the auditor begins");
		break;
	case AUDIT_ENDED:
		add("the auditor ends");
		break;
	case AUDIT_TORN:
		add("%llu bytes of an unfinished record were cut off",
		    (unsigned long long)number(r));
		break;
	case AUDIT_STOPPED:
		add("the log could not be written, and nothing was delivered, for %llu ms",
		    (unsigned long long)number(r));
		break;
	case AUDIT_KINDS:
	default:
		add("a record of unknown kind %u", r->header.kind);
		break;
	}
}

static void put_line(void)
{
	puts(line);
	fflush(stdout);
}

void words_print(const struct record *r)
{
	line_len = 0;
	add("%8llu ", (unsigned long long)r->header.sequence);
	add_time(r->header.time_ns);
	add(" ");
	if (r->channel != NULL && r->header.kind != AUDIT_CHANNEL) {
		add_text(r->channel->name, CRITICAL_NAME);
		add(" ");
		add_text(r->channel->from, CRITICAL_NAME);
		add("->");
		add_text(r->channel->to, CRITICAL_NAME);
		add(" ");
	}
	add_body(r);
	put_line();
}

void words_print_json(const struct record *r)
{
	static const char *const kinds[] = { "",	   "segment", "channel", "message",
					     "hashed",	   "skipped", "opened",	 "closed",
					     "checkpoint", "started", "ended",	 "torn",
					     "stopped" };
	size_t begin;

	line_len = 0;
	add("{\"sequence\":%llu,\"time\":\"", (unsigned long long)r->header.sequence);
	add_time(r->header.time_ns);
	add("\",\"kind\":\"%s\"", r->header.kind < sizeof(kinds) / sizeof(kinds[0])
					  ? kinds[r->header.kind]
					  : "unknown");
	if (r->channel != NULL) {
		add(",\"channel\":\"");
		add_text(r->channel->name, CRITICAL_NAME);
		add("\",\"from\":\"");
		add_text(r->channel->from, CRITICAL_NAME);
		add("\",\"to\":\"");
		add_text(r->channel->to, CRITICAL_NAME);
		add("\"");
	} else {
		add(",\"channel\":null,\"from\":null,\"to\":null");
	}
	add(",\"text\":\"");
	begin = line_len;
	add_body(r);
	for (size_t i = begin; i < line_len; i++)
		if (line[i] == '"') /* our own, around a line of the modem */
			line[i] = '\'';
	add("\",\"payload\":\"");
	if (!secret(r))
		add_hex(r->payload, r->payload_len);
	add("\",\"hash\":\"");
	add_hex(r->hash, AUDIT_HASH);
	add("\"}");
	put_line();
}
