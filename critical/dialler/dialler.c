/* SPDX-License-Identifier: ISC */
#include "dialler.h"

#include "at.h"
#include "bug.h"
#include "critical_settings.h"
#include "log.h"
#include "modem.h"
#include "modem_line.h"

#include <poll.h>
#include <string.h>
#include <sys/random.h>

#define ANSWER_MS                                                                              \
	300000	     /* the display has time-outs of its own; this is for one that is stuck */
#define RING_MS 8000 /* after the last RING the caller has given up */

enum state {
	IDLE,
	ASKING,	  /* may the guest's number be dialled? */
	DIALLING, /* it was confirmed, the other side has not answered */
	CONNECTED,
	RINGING,   /* somebody calls */
	ACCEPTING, /* may the guest take the call? */
	STATES
};

enum event {
	GUEST_HANGS_UP, /* ATH, ATZ, DTR, any key while something is going on; or it is gone */
	GUEST_ANSWERS,	/* ATA */
	PERSON_YES,
	PERSON_NO,	/* or nobody, in time */
	PERSON_BUSY,	/* another question stands, or this one was asked too often */
	PERSON_REFUSED, /* the display does not take it */
	PERSON_HANGS_UP,
	DISPLAY_GONE,
	CALL_OK, /* the modem's: the other side has answered */
	CALL_RING,
	CALL_ENDS,  /* NO CARRIER */
	CALL_FAILS, /* ERROR, BUSY, NO ANSWER, NO DIALTONE; see why */
	TIME_IS_UP,
	EVENTS
};

static struct {
	struct dialler_settings settings;
	struct critical_end *from_guest, *to_guest, *question, *answer;
	struct at at;
	struct modem modem;
	enum state state;
	struct number number; /* of the question, and of the call */
	uint64_t id;	      /* of the question that stands; 0: none */
	uint64_t now_ms, due_ms;
	enum at_result why; /* of CALL_FAILS */
	uint8_t guest_wires, told_wires;
} d;

static struct log_limit refusals, strays;

static void say(enum prompt_type type, enum call_state call)
{
	struct prompt_message m = { .type = type,
				    .id = d.id,
				    .number_class = d.number.number_class,
				    .cents_per_minute = d.number.cents_per_minute,
				    .cents_per_call = d.number.cents_per_call,
				    .call_state = call };

	memcpy(m.number, d.number.text, sizeof(m.number));
	if (m.number[0] == '\0')
		m.number_class = m.cents_per_minute = m.cents_per_call = 0;
	/* A display that takes nothing gives no answer either, and no answer is a no. */
	if (critical_send(d.question, &m) != CHAN_OK)
		log_guest(&strays, "the display takes no messages");
}

static void enter(enum state s, uint64_t limit_ms)
{
	d.state = s;
	d.due_ms = limit_ms != 0 ? d.now_ms + limit_ms : UINT64_MAX;
}

static void show_call(enum call_state call)
{
	uint64_t id = d.id;

	d.id = 0;
	say(PROMPT_CALL, call);
	d.id = id;
}

static void ask(enum prompt_type type, enum state s)
{
	do
		BUG_ON(getrandom(&d.id, sizeof(d.id), 0) != sizeof(d.id));
	while (d.id == 0);
	enter(s, ANSWER_MS);
	say(type, CALL_NONE);
}

static void withdraw(void)
{
	if (d.id != 0)
		say(PROMPT_WITHDRAW, CALL_NONE);
	d.id = 0;
}

static void idle(void)
{
	memset(&d.number, 0, sizeof(d.number));
	d.id = 0;
	show_call(CALL_NONE);
	enter(IDLE, 0);
}

/* The only way to a dialled number: the copy that was shown and confirmed, or an emergency one. */
static void dial(void)
{
	d.id = 0;
	if (!modem_send(&d.modem, MODEM_DIAL, &d.number, 0)) {
		at_result(&d.at, AT_NO_DIALTONE);
		idle();
		return;
	}
	show_call(CALL_DIALLING);
	enter(DIALLING, 0);
}

/* What can happen in which state. */

static void give_up_asking(void)
{
	withdraw();
	at_result(&d.at, AT_NO_CARRIER);
	idle();
}

static void refuse_busy(void)
{
	at_result(&d.at, AT_BUSY);
	idle();
}

static void refuse_error(void)
{
	at_result(&d.at, AT_ERROR);
	idle();
}

static void hang_up(void)
{
	(void)!modem_send(&d.modem, MODEM_HANG_UP, NULL, 0);
	at_result(&d.at, AT_NO_CARRIER);
	idle();
}

static void hung_up(void)
{
	at_result(&d.at, AT_OK);
}

static void failed(void)
{
	at_result(&d.at, d.why);
	idle();
}

static void connected(void)
{
	at_result(&d.at, AT_OK);
	show_call(CALL_CONNECTED);
	enter(CONNECTED, 0);
}

static void no_carrier(void)
{
	at_result(&d.at, AT_NO_CARRIER);
	idle();
}

static void ring(void)
{
	at_result(&d.at, AT_RING);
	if (d.state == IDLE)
		show_call(CALL_RINGING);
	enter(RINGING, RING_MS);
}

static void ring_on(void)
{
	at_result(&d.at, AT_RING);
}

static void may_accept(void)
{
	ask(PROMPT_ACCEPT, ACCEPTING);
}

static void accept_call(void)
{
	d.id = 0;
	(void)!modem_send(&d.modem, MODEM_ANSWER, NULL, 0);
	show_call(CALL_DIALLING);
	enter(DIALLING, 0);
}

/* The call goes on ringing; the guest may ask again, as often as the display lets it. */
static void accept_not(void)
{
	withdraw();
	at_result(&d.at, AT_NO_CARRIER);
	enter(RINGING, RING_MS);
}

static void caller_gone(void)
{
	withdraw();
	at_result(&d.at, AT_NO_CARRIER);
	idle();
}

static void reject(void)
{
	withdraw();
	(void)!modem_send(&d.modem, MODEM_HANG_UP, NULL, 0);
	idle();
}

/* Nothing: it means nothing in that state. */
static void (*const on[STATES][EVENTS])(void) = {
	[IDLE] = { [GUEST_HANGS_UP] = hung_up,
		   [GUEST_ANSWERS] = refuse_error,
		   [CALL_RING] = ring },
	[ASKING] = { [GUEST_HANGS_UP] = give_up_asking,
		     [PERSON_YES] = dial,
		     [PERSON_NO] = give_up_asking,
		     [PERSON_BUSY] = refuse_busy,
		     [PERSON_REFUSED] = refuse_error,
		     [PERSON_HANGS_UP] = give_up_asking,
		     [DISPLAY_GONE] = give_up_asking,
		     [TIME_IS_UP] = give_up_asking },
	[DIALLING] = { [GUEST_HANGS_UP] = hang_up,
		       [PERSON_HANGS_UP] = hang_up,
		       [CALL_OK] = connected,
		       [CALL_ENDS] = no_carrier,
		       [CALL_FAILS] = failed },
	[CONNECTED] = { [GUEST_HANGS_UP] = hang_up,
			[PERSON_HANGS_UP] = hang_up,
			[CALL_ENDS] = no_carrier,
			[CALL_FAILS] = failed },
	[RINGING] = { [GUEST_HANGS_UP] = hung_up,
		      [GUEST_ANSWERS] = may_accept,
		      [PERSON_HANGS_UP] = reject,
		      [CALL_RING] = ring,
		      [CALL_ENDS] = caller_gone,
		      [TIME_IS_UP] = caller_gone },
	[ACCEPTING] = { [GUEST_HANGS_UP] = accept_not,
			[PERSON_YES] = accept_call,
			[PERSON_NO] = accept_not,
			[PERSON_BUSY] = accept_not,
			[PERSON_REFUSED] = accept_not,
			[PERSON_HANGS_UP] = reject,
			[DISPLAY_GONE] = accept_not,
			[CALL_RING] = ring_on,
			[CALL_ENDS] = caller_gone,
			[TIME_IS_UP] = accept_not },
};

static void happens(enum event e)
{
	if (on[d.state][e] != NULL)
		on[d.state][e]();
}

/* The guest. */

static void guest_dials(void)
{
	if (d.state != IDLE ||
	    !number_decode(&d.settings, d.at.line + d.at.dial_at, d.at.dial_len, &d.number)) {
		log_guest(&refusals, "a dial string is refused");
		at_result(&d.at, AT_ERROR);
		return;
	}
	if (d.number.number_class == NUMBER_EMERGENCY)
		dial();
	else
		ask(PROMPT_DIAL, ASKING);
}

/* While something is going on any key but the end of a line aborts it, V.250 5.6.1. */
static bool aborts(uint8_t byte)
{
	return (d.state == ASKING || d.state == DIALLING) && byte != d.at.s[4] && byte != '\n';
}

static void guest_types(const struct modem_line *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (aborts(m->bytes[i])) {
			happens(GUEST_HANGS_UP);
			continue;
		}
		switch (at_input(&d.at, m->bytes[i])) {
		case AT_DIAL:
			guest_dials();
			break;
		case AT_HANG_UP:
			happens(GUEST_HANGS_UP);
			break;
		case AT_ANSWER:
			happens(GUEST_ANSWERS);
			break;
		case AT_NOTHING:
		case AT_RESULT_ERROR:
			break;
		}
	}
	/* Letting go of DTR hangs up; V.250 6.2.9 as with &D2. */
	if ((d.guest_wires & MODEM_DTR) != 0 && (m->wires & MODEM_DTR) == 0 &&
	    d.state != IDLE && d.state != RINGING)
		happens(GUEST_HANGS_UP);
	d.guest_wires = m->wires;
}

static uint8_t wires(void)
{
	return (uint8_t)(MODEM_CTS | MODEM_DSR | (d.state == CONNECTED ? MODEM_DCD : 0) |
			 (d.state == RINGING ? MODEM_RI : 0));
}

/* Answers, as far as there is room; the bell brings us back. */
static void tell_guest(void)
{
	while (d.at.out_len > 0 || d.told_wires != wires()) {
		size_t n = d.at.out_len < MODEM_LINE_BYTES ? d.at.out_len : MODEM_LINE_BYTES;
		struct modem_line m = { .type = MODEM_LINE_TYPE,
					.wires = wires(),
					.count = (uint8_t)n };

		memcpy(m.bytes, d.at.out, n);
		if (critical_send(d.to_guest, &m) != CHAN_OK)
			return;
		d.told_wires = m.wires;
		d.at.out_len -= n;
		memmove(d.at.out, d.at.out + n, d.at.out_len);
	}
}

/* The display. */

static bool concerns(const struct prompt_answer *a)
{
	return d.id != 0 && a->id == d.id &&
	       memcmp(a->number, d.number.text, sizeof(a->number)) == 0;
}

static void person_says(const struct prompt_answer *a)
{
	static const char tones[] = "0123456789*#ABCD";

	switch ((enum answer_type)a->type) {
	case ANSWER_HANGUP:
		happens(PERSON_HANGS_UP);
		return;
	case ANSWER_TONE:
		if (d.state == CONNECTED && a->tone != 0 && a->tone < 128 &&
		    strchr(tones, (int)a->tone) != NULL)
			(void)!modem_send(&d.modem, MODEM_TONE, NULL, (char)a->tone);
		return;
	case ANSWER_SHOWN:
		return;
	case ANSWER_YES:
	case ANSWER_NO:
	case ANSWER_TIMEOUT:
	case ANSWER_BUSY:
	case ANSWER_BACKOFF:
	case ANSWER_REFUSED:
		break;
	}
	/* To this question, about this number, and nothing later counts. */
	if (!concerns(a)) {
		log_guest(&strays, "an answer to no question of ours is ignored");
		return;
	}
	if (a->type == ANSWER_YES)
		happens(PERSON_YES);
	else if (a->type == ANSWER_BUSY || a->type == ANSWER_BACKOFF)
		happens(PERSON_BUSY);
	else if (a->type == ANSWER_REFUSED)
		happens(PERSON_REFUSED);
	else
		happens(PERSON_NO);
}

void dialler_notified(struct critical_end *end)
{
	struct modem_line line;
	struct prompt_answer answer;

	if (!end->open && end == d.from_guest) {
		at_init(&d.at); /* whoever comes next finds a modem that was just switched on */
		happens(GUEST_HANGS_UP);
		d.at.out_len = 0;
		d.told_wires = 0;
		d.guest_wires = 0;
	}
	if (!end->open && (end == d.question || end == d.answer))
		happens(DISPLAY_GONE);
	while (end == d.from_guest && critical_recv(end, &line) == CHAN_OK)
		if (line.type == MODEM_LINE_TYPE && line.count <= MODEM_LINE_BYTES)
			guest_types(&line);
	while (end == d.answer && critical_recv(end, &answer) == CHAN_OK)
		person_says(&answer);
	tell_guest();
}

/* The modem. */

static void modem_says(enum modem_event e)
{
	d.why = AT_ERROR;
	switch (e) {
	case MODEM_OK: /* to a command; of a voice call: it stands */
	case MODEM_CONNECT:
		happens(CALL_OK);
		return;
	case MODEM_RING:
		happens(CALL_RING);
		return;
	case MODEM_CALLER:
		if (d.state == RINGING && d.number.text[0] == '\0' &&
		    d.modem.caller[0] != '\0' &&
		    number_decode(&d.settings, d.modem.caller, strlen(d.modem.caller),
				  &d.number))
			show_call(CALL_RINGING);
		return;
	case MODEM_NO_CARRIER:
		happens(CALL_ENDS);
		return;
	case MODEM_BUSY:
		d.why = AT_BUSY;
		break;
	case MODEM_NO_ANSWER:
		d.why = AT_NO_ANSWER;
		break;
	case MODEM_NO_DIALTONE:
		d.why = AT_NO_DIALTONE;
		break;
	case MODEM_ERROR:
		break;
	case MODEM_GONE:
		log_error("the modem is gone");
		critical_end_with(STATUS_FAILED);
		return;
	case MODEM_NOTHING:
		return;
	}
	happens(CALL_FAILS);
}

void dialler_ready(int fd, short revents)
{
	enum modem_event e;

	(void)fd;
	if ((revents & POLLOUT) != 0)
		modem_flush(&d.modem);
	do {
		e = modem_read(&d.modem);
		modem_says(e);
	} while (e != MODEM_NOTHING && e != MODEM_GONE);
	tell_guest();
}

uint64_t dialler_tick(uint64_t now_ms)
{
	d.now_ms = now_ms;
	if (d.state != IDLE && now_ms >= d.due_ms) {
		d.due_ms = UINT64_MAX;
		happens(TIME_IS_UP);
		tell_guest();
	}
	critical_watch(d.modem.tty, d.modem.out_len > 0 ? POLLIN | POLLOUT : POLLIN);
	return d.due_ms;
}

void dialler_close(void)
{
	if (d.state == DIALLING || d.state == CONNECTED)
		(void)!modem_send(&d.modem, MODEM_HANG_UP, NULL, 0);
}

/* Which end is which follows from its direction and the size of its messages. */
static struct critical_end *find(struct critical *c, enum channel_role role, size_t size)
{
	for (unsigned i = 0; i < c->config.channel_count; i++)
		if (c->config.channel[i].role == (uint32_t)role &&
		    c->config.channel[i].geometry.message_size == size)
			return &c->end[i];
	return NULL;
}

enum status dialler_open(struct critical *c)
{
	memset(&d, 0, sizeof(d));
	memcpy(&d.settings, c->config.settings, sizeof(d.settings));
	d.from_guest = find(c, CHANNEL_READER, sizeof(struct modem_line));
	d.to_guest = find(c, CHANNEL_WRITER, sizeof(struct modem_line));
	d.question = find(c, CHANNEL_WRITER, sizeof(struct prompt_message));
	d.answer = find(c, CHANNEL_READER, sizeof(struct prompt_answer));
	if (d.from_guest == NULL || d.to_guest == NULL || d.question == NULL ||
	    d.answer == NULL || c->config.resource_count != 1 ||
	    !number_settings_valid(&d.settings)) {
		log_error(
			"it needs channels from and to a guest and a display, a modem, and numbers");
		return STATUS_NOT_STARTED;
	}
	d.modem.tty = critical_resource(c, DIALLER_MODEM);
	d.due_ms = UINT64_MAX;
	at_init(&d.at);
	(void)!modem_send(&d.modem, MODEM_INIT, NULL, 0);
	critical_watch(d.modem.tty, POLLIN);
	return STATUS_OK;
}
