/* SPDX-License-Identifier: ISC */
#include "test_showpay_driver.h"

#include "bug.h"
#include "modem_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TODAY 1795964101 /* 2026-11-29T14:55:01Z */

struct driver driver;

enum end { FROM_GUEST, TO_GUEST, TO_DISPLAY, FROM_DISPLAY, TO_STORAGE, FROM_STORAGE, ENDS };

static struct critical critical;
static const void *waiting; /* a message for it */
static size_t waiting_size;
static struct payment_chunks asked;
static uint64_t crossed; /* answered while the display took nothing */
static uint64_t signed_ms, last_signed;
static uint64_t last_asked, paid_id; /* paid: signed by the storage */
static bool given;
static bool seen; /* its result was, or nobody can see it */

static int driver_clock(clockid_t id, struct timespec *t)
{
	(void)id;
	*t = (struct timespec){ TODAY, 999999999 };
	return 0;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "showpay: %s\n", what);
	abort();
}

static void hear_display(const struct payment_message *m)
{
	must(payment_message_valid(m), "a message for the display that breaks a rule");
	switch ((enum payment_type)m->type) {
	case PAYMENT_TEXT:
		must(payment_chunks_take(&driver.text, m), "a text with gaps");
		return;
	case PAYMENT_ASK:
		must(driver.stands == 0, "a second question while one stands");
		must(m->id != last_asked, "an id that was used");
		must(payment_chunks_whole(&driver.text, m) &&
			     payment_parse(&driver.asks, driver.text.text, driver.text.len),
		     "asks about what is no payment");
		must(strcmp(driver.asks.from, "DE02120300000000202051") == 0 &&
			     driver.asks.count == driver.count &&
			     strcmp(driver.asks.date, "2026-11-29T14:55:01Z") == 0,
		     "another account, count or date than it was told");
		driver.stands = last_asked = m->id;
		asked = driver.text;
		driver.asked++;
		driver.result = 0;
		return;
	case PAYMENT_WITHDRAW:
		must(m->id == driver.stands || m->id == crossed,
		     "withdraws what does not stand");
		driver.stands = 0;
		driver.withdrawn++;
		return;
	case PAYMENT_RESULT:
		must(m->id == last_asked, "a result of nothing");
		must(m->value != PAYMENT_PAID || paid_id == m->id, "paid, and not signed");
		driver.result = m->value;
		driver.stands = 0;
		return;
	case PAYMENT_CONFIRM:
	case PAYMENT_RESERVE:
	case PAYMENT_RESERVED:
	case PAYMENT_SIGNED:
	case PAYMENT_RECEIPT:
	case PAYMENT_REFUSED:
		break;
	}
	must(false, "an unknown message for the display");
}

static void hear_storage(const struct payment_message *m)
{
	must(payment_message_valid(m) && m->length == 0 && m->value == 0,
	     "a message for the storage that breaks a rule");
	must(m->type == PAYMENT_RESERVE || m->type == PAYMENT_RECEIPT,
	     "an unknown message for the storage");
	driver.reserves = driver.fetches = 0;
	if (m->type == PAYMENT_RESERVE) {
		driver.reserves = m->id;
		driver.reserved++;
		driver.count++;
	} else {
		driver.fetches = m->id;
		driver.fetched++;
	}
}

enum chan_status critical_send(struct critical_end *e, const void *message)
{
	struct modem_line m;

	if (!e->open)
		return CHAN_BROKEN;
	if (e == &critical.end[TO_DISPLAY]) {
		if (driver.display_full)
			return CHAN_AGAIN;
		hear_display(message);
		return CHAN_OK;
	}
	if (e == &critical.end[TO_STORAGE]) {
		hear_storage(message);
		return CHAN_OK;
	}
	must(e == &critical.end[TO_GUEST], "writes to a channel that it reads");
	memcpy(&m, message, sizeof(m));
	must(m.type == MODEM_LINE_TYPE && m.reserved == 0 && m.count <= MODEM_LINE_BYTES,
	     "a line that breaks a rule");
	must(m.count == 0 || (driver.connected && (driver.wires & MODEM_DCD) != 0),
	     "bytes without a connection");
	driver.wires = m.wires;
	for (unsigned i = 0; i < m.count; i++) {
		must((m.bytes[i] >= ' ' && m.bytes[i] <= '~') || m.bytes[i] == '\r' ||
			     m.bytes[i] == '\n',
		     "a byte that no answer has");
		must(driver.guest_len < sizeof(driver.guest) - 1, "an answer without an end");
		driver.guest[driver.guest_len++] = (char)m.bytes[i];
	}
	driver.guest[driver.guest_len] = '\0';
	return CHAN_OK;
}

enum chan_status critical_recv(struct critical_end *e, void *message)
{
	(void)e;
	if (waiting == NULL)
		return CHAN_AGAIN;
	memcpy(message, waiting, waiting_size);
	waiting = NULL;
	return CHAN_OK;
}

/* Its one struct begins anew with each test, as it does with each process. */
#define clock_gettime driver_clock
#include "showpay.c"

static void check(void)
{
	must(d.state < STATES, "a state that is none");
	if (driver.guest_len > 0 && driver_status() == 200 &&
	    driver_told("zwinger receipt 1") && driver.receipts == 0) {
		must(driver.signed_text.len > 0 && driver_told(DRIVER_NONCE),
		     "a receipt that the storage did not make");
		must(paid_id == 0 || seen || given, "a receipt before the result was seen");
		driver.receipts++;
		given = true; /* that one may be given again */
	}
}

static void begin(void)
{
	driver.now_ms++;
	seen |= driver.now_ms - signed_ms >= RESULT_MS;
	showpay_tick(driver.now_ms);
}

static void set_channel(enum end i, enum channel_role role, uint32_t size, const char *from,
			const char *to)
{
	struct critical_channel *c = &critical.config.channel[i];

	c->role = (uint32_t)role;
	c->geometry = (struct chan_geometry){ 16, size };
	strcpy(c->from, from);
	strcpy(c->to, to);
	critical.end[i].config = c;
	critical.end[i].open = true;
}

void driver_open(void)
{
	static const struct showpay_settings settings = { "DE02120300000000202051" };

	memset(&critical, 0, sizeof(critical));
	memset(&driver, 0, sizeof(driver));
	driver.now_ms = 1000;
	driver.count = 17;
	waiting = NULL;
	last_asked = last_signed = paid_id = crossed = signed_ms = 0;
	seen = given = false;
	set_channel(FROM_GUEST, CHANNEL_READER, sizeof(struct modem_line), "linux", "showpay");
	set_channel(TO_GUEST, CHANNEL_WRITER, sizeof(struct modem_line), "showpay", "linux");
	set_channel(TO_DISPLAY, CHANNEL_WRITER, sizeof(struct payment_message), "showpay",
		    "screen");
	set_channel(FROM_DISPLAY, CHANNEL_READER, sizeof(struct payment_answer), "screen",
		    "showpay");
	set_channel(TO_STORAGE, CHANNEL_WRITER, sizeof(struct payment_message), "showpay",
		    "storage");
	set_channel(FROM_STORAGE, CHANNEL_READER, sizeof(struct payment_message), "storage",
		    "showpay");
	critical.config.channel_count = ENDS;
	memcpy(critical.config.settings, &settings, sizeof(settings));
	BUG_ON(showpay_open(&critical) != STATUS_OK);
	begin();
	check();
}

static void deliver_to(enum end end, const void *message, size_t size)
{
	waiting = message;
	waiting_size = size;
	showpay_notified(&critical.end[end]);
	waiting = NULL;
	check();
}

static void line_of(const void *bytes, size_t len, uint8_t to)
{
	struct modem_line m = { .type = MODEM_LINE_TYPE, .wires = to, .count = (uint8_t)len };

	if (len > 0)
		memcpy(m.bytes, bytes, len);
	begin();
	deliver_to(FROM_GUEST, &m, sizeof(m));
}

void driver_connect(void)
{
	driver_hang_up();
	driver.guest_len = driver.receipts = 0;
	driver.guest[0] = '\0';
	driver.connected = true;
	line_of(NULL, 0, MODEM_DTR | MODEM_RTS);
}

void driver_type(const void *bytes, size_t len)
{
	if (!driver.connected)
		driver_connect();
	for (size_t i = 0; i < len; i += MODEM_LINE_BYTES)
		line_of((const uint8_t *)bytes + i,
			len - i < MODEM_LINE_BYTES ? len - i : MODEM_LINE_BYTES,
			MODEM_DTR | MODEM_RTS);
}

void driver_hang_up(void)
{
	line_of(NULL, 0, 0);
	driver.connected = false;
}

void driver_request(const char *text)
{
	driver_connect();
	driver_type(text, strlen(text));
}

void driver_post(const char *body)
{
	static char text[16384];

	snprintf(text, sizeof(text),
		 "POST /order HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain\r\n"
		 "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n"
		 "\r\n%s",
		 strlen(body), body);
	driver_request(text);
}

void driver_get(const char *path)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain\r\n\r\n", path);
	driver_request(text);
}

int driver_status(void)
{
	const char *length = strstr(driver.guest, "\r\nContent-Length: ");
	const char *body = strstr(driver.guest, "\r\n\r\n");

	if (strncmp(driver.guest, "HTTP/1.1 ", 9) != 0 || length == NULL || body == NULL ||
	    strstr(driver.guest, "\r\nConnection: close\r\n") == NULL ||
	    strlen(body + 4) < strtoul(length + 18, NULL, 10))
		return 0;
	must(strlen(body + 4) == strtoul(length + 18, NULL, 10), "more than an answer");
	return (int)strtol(driver.guest + 9, NULL, 10);
}

bool driver_told(const char *text)
{
	return strstr(driver.guest, text) != NULL;
}

void driver_answer(uint32_t type, uint64_t id)
{
	struct payment_answer a = { .type = type, .id = id };

	if (id == driver.stands && type >= PAYMENT_NO && type <= PAYMENT_LOCKED) {
		crossed = driver.display_full ? id : 0;
		driver.stands = 0;
	}
	seen |= type == PAYMENT_SEEN && id == last_asked && driver.result != 0;
	begin();
	deliver_to(FROM_DISPLAY, &a, sizeof(a));
}

void driver_says(uint32_t type)
{
	driver_answer(type, driver.stands != 0 ? driver.stands : last_asked);
}

void driver_room(void)
{
	begin();
	deliver_to(TO_DISPLAY, NULL, 0);
}

void driver_storage(const struct payment_message *m)
{
	begin();
	deliver_to(FROM_STORAGE, m, sizeof(*m));
}

void driver_ready(void)
{
	const struct payment_reserved r = { .count = driver.count, .key = { 0xab, 0xcd } };
	struct payment_message m = { .type = PAYMENT_RESERVED,
				     .length = sizeof(r),
				     .id = driver.reserves };

	memcpy(m.bytes, &r, sizeof(r));
	driver_storage(&m);
}

void driver_unable(void)
{
	const struct payment_message m = { .type = PAYMENT_RESERVED,
					   .id = driver.reserves,
					   .value = 1 };

	driver_storage(&m);
}

static void tell_receipt(uint64_t id)
{
	const struct payment_signatures s = { .signature = { 1, 2, 3 } };
	struct payment_message m;

	for (uint32_t at = 0; at < driver.signed_text.len;) {
		at = payment_chunk(&m, id, driver.signed_text.text, driver.signed_text.len, at);
		driver_storage(&m);
	}
	m = (struct payment_message){ .type = PAYMENT_SIGNED,
				      .id = id,
				      .value = driver.signed_text.len };
	if (m.value != 0) {
		m.length = sizeof(s);
		memcpy(m.bytes, &s, sizeof(s));
	}
	driver_storage(&m);
}

void driver_sign(void)
{
	if (last_asked == 0 || last_signed == last_asked)
		return;
	last_signed = last_asked;
	driver.signed_text = asked;
	paid_id = last_asked;
	signed_ms = driver.now_ms;
	seen = false;
	tell_receipt(paid_id);
}

void driver_refuse(void)
{
	const struct payment_message m = { .type = PAYMENT_REFUSED,
					   .id = driver.reserves != 0 ? driver.reserves : 1,
					   .value = 3 };

	driver_storage(&m);
}

void driver_tell_last(void)
{
	if (driver.fetches == 0)
		return;
	paid_id = 0; /* whatever it was: it is no news */
	tell_receipt(driver.fetches);
}

void driver_to_question(const char *order)
{
	driver_post(order);
	driver_tell_last();
	driver_ready();
}

void driver_pay(const char *order)
{
	driver_to_question(order);
	driver_says(PAYMENT_SHOWN);
	driver_says(PAYMENT_YES);
	driver_sign();
	driver_says(PAYMENT_SEEN);
}

void driver_restart(enum driver_peer peer)
{
	static const enum end ends[][2] = { { FROM_GUEST, TO_GUEST },
					    { TO_DISPLAY, FROM_DISPLAY },
					    { TO_STORAGE, FROM_STORAGE } };

	begin();
	if (peer == DRIVER_DISPLAY) {
		driver.stands = 0;
		driver.text.len = 0;
		seen = true;
	}
	for (unsigned i = 0; i < 2; i++)
		critical.end[ends[peer][i]].open = false;
	if (peer == DRIVER_GUEST) {
		driver.connected = false;
		driver.wires = 0;
	}
	for (unsigned i = 0; i < 2; i++)
		deliver_to(ends[peer][i], NULL, 0);
	for (unsigned i = 0; i < 2; i++)
		critical.end[ends[peer][i]].open = true;
	for (unsigned i = 0; i < 2; i++)
		deliver_to(ends[peer][i], NULL, 0);
}

void driver_wait(uint64_t ms)
{
	driver.now_ms += ms;
	begin();
	check();
}

unsigned driver_state(unsigned state, unsigned event)
{
	char fault[ORDER_FAULT];

	driver_open();
	BUG_ON(!order_parse(DRIVER_ORDER, strlen(DRIVER_ORDER), &d.payment, fault));
	d.reserved.count = 1;
	d.state = (enum state)state;
	d.id = state == IDLE ? 0 : 7;
	happens((enum event)event);
	return d.state;
}
