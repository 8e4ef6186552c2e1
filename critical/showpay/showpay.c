/* SPDX-License-Identifier: ISC */
#include "showpay.h"

#include "answer.h"
#include "bug.h"
#include "critical_settings.h"
#include "date.h"
#include "http.h"
#include "log.h"
#include "modem_line.h"
#include "order.h"
#include "payment_chunks.h"
#include "receipt.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REQUEST_MS 10000 /* from the first wire to the last byte of a request */
#define ANSWER_MS  30000 /* for the guest to take all of an answer */
#define LINGER_MS  2000	 /* for it to close by itself, when it has */
#define STORAGE_MS 10000 /* for the storage to answer */
#define PERSON_MS                                                                              \
	900000 /* the display has time-outs of its own; this is for one that is stuck */
#define RESULT_MS 60000

/* The guest's connection. */
enum line {
	NONE,
	READING,   /* a request comes */
	WAITING,   /* it is complete, and its answer is not known yet */
	ANSWERING, /* the answer goes */
	CLOSED,	   /* all is said; the guest has to hang up */
};

/* The payment, which may outlive the connection that it came by. */
enum state {
	IDLE,
	FETCHING,  /* which receipt has the storage? */
	RESERVING, /* what will be its count and key? */
	ASKING,	   /* may it be paid? */
	SIGNING,   /* yes, and the storage knows */
	SHOWING,   /* the person looks at what came of it */
	STATES
};

enum event {
	GUEST_GONE, /* or it has said more than one request */
	STORAGE_READY,
	STORAGE_UNABLE,
	STORAGE_RECEIPT,
	STORAGE_NO_RECEIPT,
	STORAGE_REFUSES,
	STORAGE_GONE,
	PERSON_YES,
	PERSON_NO,
	PERSON_SILENT,
	PERSON_BUSY,	/* another question stands, or this one was asked too often */
	PERSON_INVALID, /* the display does not take it */
	PERSON_LOCKED,	/* no PIN can be tried any more */
	PERSON_SEEN,	/* the result */
	DISPLAY_GONE,
	TIME_IS_UP,
	EVENTS
};

static struct {
	struct showpay_settings settings;
	struct critical_end *from_guest, *to_guest;
	struct critical_end *to_display, *from_display, *to_storage, *from_storage;
	uint64_t now_ms;

	enum line line;
	uint64_t line_due_ms;
	uint8_t guest_wires, told_wires;
	struct http request;
	struct answer answer;

	enum state state;
	uint64_t id; /* of the payment, or of what the storage was asked; 0: none */
	uint64_t due_ms;
	struct payment payment;
	bool paid; /* while SHOWING: what is shown */

	/* To the display: what it has not taken yet, in this order. */
	uint64_t withdrawn; /* 0: none */
	char text[PAYMENT_TEXT_MAX];
	uint32_t text_len, text_sent;
	bool ask, asked; /* asked: the question went out */
	uint32_t result; /* enum payment_result; 0: none */

	/* From the storage. */
	struct payment_chunks chunks;
	struct payment_reserved reserved;
	struct payment_signatures signatures;

	/* The last receipt, as far as it is known. */
	bool receipt_known; /* the storage has been asked, and has signed nothing since */
	struct payment receipt_of;
	size_t receipt_len; /* 0: there is none */
	char receipt[RECEIPT_MAX];
} d;

static struct log_limit refusals, strays;

static void enter(enum state s, uint64_t limit_ms)
{
	d.state = s;
	d.due_ms = limit_ms != 0 ? d.now_ms + limit_ms : UINT64_MAX;
}

static void idle(void)
{
	d.id = 0;
	enter(IDLE, 0);
}

static void new_id(void)
{
	do
		BUG_ON(getrandom(&d.id, sizeof(d.id), 0) != sizeof(d.id));
	while (d.id == 0);
}

/* What the guest is told. */

static void answered(void)
{
	d.line = ANSWERING;
	d.line_due_ms = d.now_ms + ANSWER_MS;
}

/* Nobody waits for it when its connection is gone. */
static void answer(int status, const char *text)
{
	if (d.line != WAITING)
		return;
	answer_status(&d.answer, status, d.request.plain, text);
	answered();
}

static void give_receipt(void)
{
	if (d.line != WAITING)
		return;
	answer_receipt(&d.answer, d.request.plain, d.receipt, d.receipt_len);
	answered();
}

/* To the display and the storage. */

static bool send_display(enum payment_type type, uint64_t id, uint32_t value)
{
	const struct payment_message m = { .type = type, .id = id, .value = value };

	return critical_send(d.to_display, &m) == CHAN_OK;
}

/* As far as there is room; the bell brings us back. */
static void tell_display(void)
{
	if (d.withdrawn != 0 && send_display(PAYMENT_WITHDRAW, d.withdrawn, 0))
		d.withdrawn = 0;
	while (d.withdrawn == 0 && d.text_sent < d.text_len) {
		struct payment_message m;
		uint32_t next = payment_chunk(&m, d.id, d.text, d.text_len, d.text_sent);

		if (critical_send(d.to_display, &m) != CHAN_OK)
			return;
		d.text_sent = next;
	}
	if (d.withdrawn != 0)
		return;
	if (d.ask && send_display(PAYMENT_ASK, d.id, d.text_len)) {
		d.ask = false;
		d.asked = true;
	}
	if (d.result != 0 && send_display(PAYMENT_RESULT, d.id, d.result))
		d.result = 0;
}

/* An older one that has not gone out yet has kept this question from going out. */
static void withdraw(void)
{
	if (d.asked && d.withdrawn == 0)
		d.withdrawn = d.id;
	d.ask = d.asked = false;
	d.text_len = d.text_sent = 0;
	d.result = 0;
}

static void ask_storage(enum payment_type type, enum state s)
{
	struct payment_message m = { .type = type };

	new_id();
	m.id = d.id;
	d.chunks.len = 0;
	enter(s, STORAGE_MS);
	if (critical_send(d.to_storage, &m) == CHAN_OK)
		return;
	idle();
	answer(503, "The storage cannot be reached. Nothing was paid.");
}

/* What can happen in which state. */

static void serve(void);

static void fetched(void)
{
	idle();
	d.receipt_known = true;
	serve();
}

static void fetched_none(void)
{
	d.receipt_len = 0;
	fetched();
}

static void unable(void)
{
	withdraw();
	idle();
	answer(503, "Payments are not possible now. Nothing was paid.");
}

static void forget(void)
{
	withdraw();
	idle();
}

/* The text is made here once; what the person sees and what is signed are made of the text. */
static void ask(void)
{
	struct timespec now;
	const char *fault;

	clock_gettime(CLOCK_REALTIME, &now);
	date_format(now.tv_sec, d.payment.date);
	memcpy(d.payment.from, d.settings.account, sizeof(d.payment.from));
	d.payment.count = d.reserved.count;
	receipt_hex(d.reserved.key, sizeof(d.reserved.key), d.payment.key);
	fault = payment_fault(&d.payment);
	if (fault != NULL) {
		log_error("no payment can be asked about: %s", fault);
		idle();
		answer(500, "Something is wrong with this computer. Nothing was paid.");
		return;
	}
	d.text_len = (uint32_t)payment_format(&d.payment, d.text);
	d.text_sent = 0;
	d.ask = true;
	d.asked = false;
	enter(ASKING, PERSON_MS);
}

static void sign(void)
{
	enter(SIGNING, STORAGE_MS);
}

static void show_result(bool paid)
{
	d.ask = false;
	d.text_len = d.text_sent = 0;
	d.paid = paid;
	d.result = paid ? PAYMENT_PAID : PAYMENT_FAILED;
	enter(SHOWING, RESULT_MS);
}

static void paid(void)
{
	d.receipt_known = true;
	show_result(true);
}

/* What the storage does not sign, or not in time; whether it has, it says the next time. */
static void failed(void)
{
	show_result(false);
}

/* The question has its answer: there is nothing to withdraw. */
static void settle(int status, const char *text)
{
	d.asked = false;
	forget();
	answer(status, text);
}

static void said_no(void)
{
	settle(403, "The person at the display said no. Nothing was paid.");
}

static void said_nothing(void)
{
	settle(402, "Nobody confirmed it in time. Nothing was paid.");
}

static void out_of_time(void)
{
	withdraw();
	said_nothing();
}

static void busy(void)
{
	settle(503,
	       "The display has another question, or has been asked too often. Nothing was "
	       "paid; try again later.");
}

static void invalid(void)
{
	settle(400, "The display does not take this payment. Nothing was paid.");
}

static void locked(void)
{
	settle(403, "No PIN can be tried any more. Nothing was paid.");
}

/* The receipt goes when the person has seen that it will. */
static void deliver(void)
{
	d.asked = false;
	d.result = 0;
	idle();
	if (d.paid)
		give_receipt();
	else
		answer(500, "The payment was not signed. Ask for its receipt before you try "
			    "again.");
}

/* Nothing: it means nothing in that state. */
static void (*const on[STATES][EVENTS])(void) = {
	[IDLE] = { NULL },
	[FETCHING] = { [GUEST_GONE] = forget,
		       [STORAGE_RECEIPT] = fetched,
		       [STORAGE_NO_RECEIPT] = fetched_none,
		       [STORAGE_UNABLE] = unable,
		       [STORAGE_REFUSES] = unable,
		       [STORAGE_GONE] = unable,
		       [TIME_IS_UP] = unable },
	[RESERVING] = { [GUEST_GONE] = forget,
			[STORAGE_READY] = ask,
			[STORAGE_UNABLE] = unable,
			[STORAGE_REFUSES] = unable,
			[STORAGE_GONE] = unable,
			[DISPLAY_GONE] = unable,
			[TIME_IS_UP] = unable },
	/* The storage's word may overtake the display's: it signs only after that. */
	[ASKING] = { [GUEST_GONE] = forget,
		     [STORAGE_RECEIPT] = paid,
		     [STORAGE_REFUSES] = failed,
		     [STORAGE_GONE] = unable,
		     [PERSON_YES] = sign,
		     [PERSON_NO] = said_no,
		     [PERSON_SILENT] = said_nothing,
		     [PERSON_BUSY] = busy,
		     [PERSON_INVALID] = invalid,
		     [PERSON_LOCKED] = locked,
		     [DISPLAY_GONE] = unable,
		     [TIME_IS_UP] = out_of_time },
	[SIGNING] = { [STORAGE_RECEIPT] = paid,
		      [STORAGE_NO_RECEIPT] = failed,
		      [STORAGE_REFUSES] = failed,
		      [STORAGE_GONE] = failed,
		      [TIME_IS_UP] = failed },
	[SHOWING] = { [PERSON_SEEN] = deliver,
		      [DISPLAY_GONE] = deliver,
		      [TIME_IS_UP] = deliver },
};

static void happens(enum event e)
{
	if (on[d.state][e] != NULL)
		on[d.state][e]();
}

/* The guest. */

static void guest_orders(void)
{
	char fault[ORDER_FAULT];

	if (d.state != IDLE) {
		answer(503, "Another payment is under way. Nothing was paid; try again later.");
	} else if (!order_parse(http_body(&d.request), d.request.body_len, &d.payment, fault)) {
		answer(400, fault);
	} else if (!d.receipt_known) {
		ask_storage(PAYMENT_RECEIPT, FETCHING);
	} else if (d.receipt_len > 0 && strcmp(d.receipt_of.nonce, d.payment.nonce) == 0) {
		/* What was paid is never paid again: its receipt once more, or nothing. */
		if (order_same(&d.receipt_of, &d.payment))
			give_receipt();
		else
			answer(409, "nonce: another order with this one was paid");
	} else {
		d.receipt_known = false;
		ask_storage(PAYMENT_RESERVE, RESERVING);
	}
}

static void guest_asks_for_receipt(const char *nonce)
{
	if (d.state != IDLE)
		answer(503, "A payment is under way; try again later.");
	else if (!d.receipt_known)
		ask_storage(PAYMENT_RECEIPT, FETCHING);
	else if (d.receipt_len > 0 && strcmp(d.receipt_of.nonce, nonce) == 0)
		give_receipt();
	else
		answer(404, "There is no receipt for this nonce.");
}

/* A request that is complete and good; again, when the storage's last receipt is known. */
static void serve(void)
{
	static const char receipt[] = "/receipt/";
	const char *path = d.request.path;
	enum http_method wanted = HTTP_GET;
	bool one = strncmp(path, receipt, sizeof(receipt) - 1) == 0;

	if (strcmp(path, "/order") == 0)
		wanted = HTTP_POST;
	else if (strcmp(path, "/") != 0 && !one) {
		answer(404, "There is no such page.");
		return;
	}
	if (d.request.method != wanted) {
		answer(405, wanted == HTTP_POST ? "An order is posted." : "Only GET is taken.");
		return;
	}
	if (wanted == HTTP_POST) {
		guest_orders();
	} else if (one) {
		guest_asks_for_receipt(path + sizeof(receipt) - 1);
	} else {
		answer_home(&d.answer, d.state != IDLE);
		answered();
	}
}

static void refuse(int status, const char *why)
{
	log_guest(&refusals, "a request is refused: %d", status);
	d.line = WAITING;
	answer(status, why);
}

/* True: the request is complete. */
static bool guest_says(uint8_t byte)
{
	const char *why;
	int status;

	if (d.line != READING && d.line != WAITING)
		return false;
	status = http_input(&d.request, (char)byte, &why);
	if (status == 200) {
		d.line = WAITING;
		d.line_due_ms = UINT64_MAX; /* the payment has a limit of its own */
		return true;
	}
	if (status != 0 && d.line == WAITING)
		happens(GUEST_GONE);
	if (status != 0)
		refuse(status, why);
	return false;
}

static void hang_up(void)
{
	bool waited = d.line == WAITING;

	d.line = NONE;
	d.line_due_ms = UINT64_MAX;
	if (waited)
		happens(GUEST_GONE);
}

static void guest_line(const struct modem_line *m)
{
	bool complete = false;

	if ((m->wires & MODEM_DTR) != 0 && (d.guest_wires & MODEM_DTR) == 0) {
		http_begin(&d.request);
		d.line = READING;
		d.line_due_ms = d.now_ms + REQUEST_MS;
	}
	/* A second request that comes with the first one is seen before that is served. */
	for (unsigned i = 0; i < m->count; i++)
		complete |= guest_says(m->bytes[i]);
	if ((m->wires & MODEM_DTR) == 0 && d.line != NONE)
		hang_up();
	else if (complete && d.line == WAITING)
		serve();
	d.guest_wires = m->wires;
}

static uint8_t wires(void)
{
	return (uint8_t)(MODEM_CTS | MODEM_DSR | (d.line != CLOSED ? MODEM_DCD : 0));
}

/* The answer, as far as there is room; the bell brings us back. */
static void tell_guest(void)
{
	while ((d.line == ANSWERING && d.answer.at < d.answer.end) || d.told_wires != wires()) {
		size_t n = d.line == ANSWERING ? d.answer.end - d.answer.at : 0;
		struct modem_line m = { .type = MODEM_LINE_TYPE, .wires = wires() };

		m.count = (uint8_t)(n < MODEM_LINE_BYTES ? n : MODEM_LINE_BYTES);
		memcpy(m.bytes, d.answer.bytes + d.answer.at, m.count);
		if (critical_send(d.to_guest, &m) != CHAN_OK)
			return;
		d.told_wires = m.wires;
		d.answer.at += m.count;
		if (n > 0 && m.count == n) /* all of it: whoever has read it hangs up */
			d.line_due_ms = d.now_ms + LINGER_MS;
	}
}

/* The display. */

static void person_says(const struct payment_answer *a)
{
	/* To this question, and nothing later counts. */
	if (d.id == 0 || a->id != d.id || a->reserved != 0 || a->padding != 0) {
		log_guest(&strays, "an answer to no question of ours is ignored");
		return;
	}
	switch ((enum payment_answer_type)a->type) {
	case PAYMENT_YES:
		happens(PERSON_YES);
		return;
	case PAYMENT_NO:
		happens(PERSON_NO);
		return;
	case PAYMENT_TIMEOUT:
		happens(PERSON_SILENT);
		return;
	case PAYMENT_BUSY:
	case PAYMENT_BACKOFF:
		happens(PERSON_BUSY);
		return;
	case PAYMENT_INVALID:
		happens(PERSON_INVALID);
		return;
	case PAYMENT_LOCKED:
		happens(PERSON_LOCKED);
		return;
	case PAYMENT_SEEN:
		if (d.result == 0) /* it has gone out */
			happens(PERSON_SEEN);
		return;
	case PAYMENT_SHOWN:
		return;
	}
}

/* The storage. */

static void storage_reserved(const struct payment_message *m)
{
	if (m->value != 0 || m->length != sizeof(d.reserved)) {
		happens(STORAGE_UNABLE);
		return;
	}
	if (d.state != RESERVING)
		return;
	memcpy(&d.reserved, m->bytes, sizeof(d.reserved));
	happens(STORAGE_READY);
}

/* The receipt of this very payment, or, if none is under way, of the last one. */
static bool receipt_right(const struct payment_message *m, struct payment *p)
{
	return m->length == sizeof(d.signatures) && payment_chunks_whole(&d.chunks, m) &&
	       payment_parse(p, d.chunks.text, d.chunks.len) &&
	       (d.state == FETCHING ||
		(order_same(p, &d.payment) && p->count == d.payment.count));
}

static void storage_signed(const struct payment_message *m)
{
	struct payment p;

	if (d.state != FETCHING && d.state != ASKING && d.state != SIGNING)
		return;
	if (m->value == 0) {
		happens(STORAGE_NO_RECEIPT);
		return;
	}
	if (!receipt_right(m, &p)) {
		log_warn("the storage's receipt is not one of this payment");
		happens(STORAGE_REFUSES);
		return;
	}
	d.receipt_of = p;
	memcpy(&d.signatures, m->bytes, sizeof(d.signatures));
	d.receipt_len = receipt_format(&d.signatures, d.chunks.text, d.chunks.len, d.receipt);
	happens(STORAGE_RECEIPT);
}

static void storage_says(const struct payment_message *m)
{
	if (!payment_message_valid(m) || m->id != d.id) {
		log_guest(&strays, "the storage answers what was not asked");
		return;
	}
	switch ((enum payment_type)m->type) {
	case PAYMENT_TEXT:
		(void)payment_chunks_take(&d.chunks, m);
		return;
	case PAYMENT_RESERVED:
		storage_reserved(m);
		return;
	case PAYMENT_SIGNED:
		storage_signed(m);
		return;
	case PAYMENT_REFUSED:
		log_warn("the storage refuses to sign: %u", m->value);
		happens(STORAGE_REFUSES);
		return;
	case PAYMENT_ASK:
	case PAYMENT_WITHDRAW:
	case PAYMENT_RESULT:
	case PAYMENT_CONFIRM:
	case PAYMENT_RESERVE:
	case PAYMENT_RECEIPT:
		return;
	}
}

static void closed(const struct critical_end *end)
{
	if (end == d.from_guest || end == d.to_guest) {
		hang_up();
		d.guest_wires = d.told_wires = 0;
	} else if (end == d.to_display || end == d.from_display) {
		happens(DISPLAY_GONE);
		d.withdrawn = 0; /* whoever comes next knows of nothing */
		d.text_len = d.text_sent = d.result = 0;
		d.ask = d.asked = false;
	} else {
		d.receipt_known = false;
		happens(STORAGE_GONE);
	}
}

void showpay_notified(struct critical_end *end)
{
	struct modem_line line;
	struct payment_answer answer;
	struct payment_message m;

	if (!end->open)
		closed(end);
	while (end == d.from_guest && critical_recv(end, &line) == CHAN_OK)
		if (line.type == MODEM_LINE_TYPE && line.count <= MODEM_LINE_BYTES)
			guest_line(&line);
	while (end == d.from_display && critical_recv(end, &answer) == CHAN_OK)
		person_says(&answer);
	while (end == d.from_storage && critical_recv(end, &m) == CHAN_OK)
		storage_says(&m);
	if (!end->open) /* it has just proved broken */
		closed(end);
	tell_display();
	tell_guest();
}

uint64_t showpay_tick(uint64_t now_ms)
{
	d.now_ms = now_ms;
	if (now_ms >= d.due_ms) {
		d.due_ms = UINT64_MAX;
		happens(TIME_IS_UP);
	}
	if (now_ms >= d.line_due_ms) {
		d.line_due_ms = UINT64_MAX;
		if (d.line == READING)
			refuse(408, "The request was not complete in time.");
		else if (d.line == ANSWERING)
			d.line = CLOSED;
	}
	tell_display();
	tell_guest();
	return d.due_ms < d.line_due_ms ? d.due_ms : d.line_due_ms;
}

/* Which end is which follows from its direction, the size of its messages, and for the display
 * and the storage from who answers in which way. */
static struct critical_end *find(struct critical *c, enum channel_role role, size_t size,
				 const char *peer)
{
	for (unsigned i = 0; i < c->config.channel_count; i++) {
		const struct critical_channel *k = &c->config.channel[i];

		if (k->role == (uint32_t)role && k->geometry.message_size == size &&
		    (peer == NULL ||
		     strcmp(role == CHANNEL_READER ? k->from : k->to, peer) == 0))
			return &c->end[i];
	}
	return NULL;
}

enum status showpay_open(struct critical *c)
{
	memset(&d, 0, sizeof(d));
	memcpy(&d.settings, c->config.settings, sizeof(d.settings));
	d.from_guest = find(c, CHANNEL_READER, sizeof(struct modem_line), NULL);
	d.to_guest = find(c, CHANNEL_WRITER, sizeof(struct modem_line), NULL);
	d.from_display = find(c, CHANNEL_READER, sizeof(struct payment_answer), NULL);
	d.from_storage = find(c, CHANNEL_READER, sizeof(struct payment_message), NULL);
	if (d.from_display != NULL && d.from_storage != NULL) {
		d.to_display = find(c, CHANNEL_WRITER, sizeof(struct payment_message),
				    d.from_display->config->from);
		d.to_storage = find(c, CHANNEL_WRITER, sizeof(struct payment_message),
				    d.from_storage->config->from);
	}
	if (d.from_guest == NULL || d.to_guest == NULL || d.to_display == NULL ||
	    d.to_storage == NULL || c->config.resource_count != 0 ||
	    !payment_iban_valid(d.settings.account)) {
		log_error(
			"it needs channels from and to a guest, a display and a storage, and the "
			"payer's account, an IBAN");
		return STATUS_NOT_STARTED;
	}
	d.due_ms = d.line_due_ms = UINT64_MAX;
	return STATUS_OK;
}
