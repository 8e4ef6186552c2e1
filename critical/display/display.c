/* SPDX-License-Identifier: ISC */
#include "display.h"

#include "backend.h"
#include "log.h"
#include "pages.h"
#include "payment_pages.h"
#include "typed_ahead.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MS  16
#define CLOCK_MS  250  /* what is counted in seconds on the screen is drawn anew */
#define GAP_MS	  3000 /* unwatched for so long: the person may not have seen the screen */
#define LOST_MS	  1000 /* until a screen of its own that was lost is tried again */
#define QUIET_MS  1000 /* after a question without a key, until keys are the guest's again */
#define NOTICE_MS 5000 /* ... if there is something to be read about it */
#define ASKERS	  8
#define ATTENTION (']' | 4u << 24) /* Ctrl-], as code and modifiers together */

static struct {
	struct display_settings settings;
	struct {
		struct critical_end *question, *answer;
		struct prompt_asker past;
		bool pays;		    /* it asks about payments, not numbers */
		struct prompt_message call; /* of numbers */
		uint64_t call_since_ms;
	} asker[ASKERS];
	unsigned asker_count;
	unsigned caller; /* whose call the strip and the menu are about */
	struct critical_end *keys;
	const struct grid *grid;
	int grid_bell;

	const struct backend *backend; /* NULL: nobody is attached */
	struct screen screen;
	bool small;	  /* it is too small for anything that could be trusted */
	bool menu;	  /* the display's own page is open */
	bool changed;	  /* the screen is not as it should be */
	bool unseen;	  /* ... and the question on it has not been presented since */
	bool leaving;	  /* the person detaches */
	bool trusted;	  /* `screen` says that the guest does not have the keyboard */
	bool lent;	  /* all of the person's screen says that it has */
	uint64_t hold_ms; /* until then keys are nobody's: they may be meant for a question */
	bool audit_stopped;
	uint64_t drawn_ms; /* when it was drawn last */

	struct prompt_state prompt;
	struct prompt_message asks; /* if it is about a number */
	struct payer payer; /* if it is about a payment; its PIN dialogue is the menu's too */
	struct payment_chunks chunks;
	struct critical_end *from_auth;
	const char *gone; /* why no question stands any more */
	uint64_t seen_ms; /* when the clock was looked at last */
	bool waits;	  /* an asker has been told to wait for the person to look */
} d;

static struct log_limit refusals, lost_answers;

/* What is on the screen is not what the person has seen so far: keys count after that time again,
 * and what was typed is forgotten. */
static void disturb(void)
{
	prompt_hidden(&d.prompt);
	d.unseen = d.changed = true;
}

/* The machine may have slept, or the clock was set: whoever is there now has to see first. */
static uint64_t notice(uint64_t now)
{
	if (now < d.seen_ms || now - d.seen_ms > GAP_MS)
		disturb();
	d.seen_ms = now;
	return now;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return notice((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

/* Answers. */

static void send_answer(unsigned asker, const void *a)
{
	/* Who does not take its answers gets none, which means no. */
	if (critical_send(d.asker[asker].answer, a) != CHAN_OK)
		log_guest(&lost_answers, "an answer to %s is lost",
			  d.asker[asker].question->config->from);
}

static void answer_payment(unsigned asker, enum payment_answer_type type, uint64_t id)
{
	const struct payment_answer a = { .type = type, .id = id };

	send_answer(asker, &a);
}

/* What both kinds of askers are told. */
static enum payment_answer_type of_payment(enum answer_type type)
{
	static const enum payment_answer_type types[] = {
		[ANSWER_YES & 15] = PAYMENT_YES,
		[ANSWER_NO & 15] = PAYMENT_NO,
		[ANSWER_TIMEOUT & 15] = PAYMENT_TIMEOUT,
		[ANSWER_BUSY & 15] = PAYMENT_BUSY,
		[ANSWER_BACKOFF & 15] = PAYMENT_BACKOFF,
		[ANSWER_REFUSED & 15] = PAYMENT_INVALID,
		[ANSWER_SHOWN & 15] = PAYMENT_SHOWN,
	};

	return types[type & 15];
}

/* number: the answer's; NULL: what breaks a rule is not repeated. */
static void answer(unsigned asker, enum answer_type type, uint64_t id, const char *number)
{
	struct prompt_answer a = { .type = type, .id = id };

	if (d.asker[asker].pays) {
		answer_payment(asker, of_payment(type), id);
		return;
	}
	if (number != NULL)
		memcpy(a.number, number, sizeof(a.number));
	send_answer(asker, &a);
}

/* A payment stands, whether it has been confirmed or not. */
static bool paying(void)
{
	return d.prompt.stands && d.asker[d.prompt.asker].pays;
}

static bool confirmed(void)
{
	return paying() && d.payer.step >= PAYER_WAITS;
}

static void show_notice(const char *why)
{
	d.gone = why;
	d.hold_ms = now_ms() + (why != NULL ? NOTICE_MS : QUIET_MS);
	d.changed = true;
}

static void question_over(bool yes, const char *why)
{
	if (paying())
		payer_end(&d.payer);
	prompt_done(&d.prompt, &d.asker[d.prompt.asker].past, yes, now_ms());
	show_notice(why);
}

static void end_question(enum answer_type type)
{
	unsigned i = d.prompt.asker;

	if (!d.prompt.stands)
		return;
	if (confirmed()) { /* it has its answer; and nobody is there to see the result */
		if (d.payer.step == PAYER_SEES && !d.payer.seen)
			answer_payment(i, PAYMENT_SEEN, d.payer.id);
		question_over(true, NULL);
		return;
	}
	answer(i, type, d.prompt.asks.id, type != ANSWER_REFUSED ? d.asks.number : NULL);
	question_over(type == ANSWER_YES, NULL);
}

/* The one who asked takes it back, or is gone: nobody is answered. But it was a question without
 * a yes: to ask and to withdraw is no way to ask without end. Who has confirmed a payment is told
 * what is known. */
static void drop_question(void)
{
	if (!confirmed())
		question_over(false, NULL);
	else if (payer_result(&d.payer, 0))
		disturb();
}

/* Where a payment goes from a key, an answer, or the time. */
static void payment_goes(enum payer_outcome o)
{
	unsigned i = d.prompt.asker;

	d.changed |= o != PAYER_STANDS;
	switch (o) {
	case PAYER_STANDS:
		break;
	case PAYER_TURNS:
		disturb();
		break;
	case PAYER_NO:
		end_question(ANSWER_NO);
		break;
	case PAYER_TIMED_OUT:
		end_question(ANSWER_TIMEOUT);
		break;
	case PAYER_LOCKED:
		answer_payment(i, PAYMENT_LOCKED, d.payer.id);
		question_over(false,
			      "The PIN is locked: there are no tries left. Nothing was paid.");
		break;
	case PAYER_FAILED:
		answer_payment(i, PAYMENT_TIMEOUT, d.payer.id);
		question_over(false, "The PIN cannot be checked now. Nothing was paid.");
		break;
	case PAYER_YES:
		answer_payment(i, PAYMENT_YES, d.payer.id);
		disturb();
		break;
	case PAYER_SEEN:
		answer_payment(i, PAYMENT_SEEN, d.payer.id);
		break;
	case PAYER_DONE:
		question_over(true, NULL);
		break;
	}
}

/* The screen. */

static const char *asker_name(unsigned i)
{
	return d.asker[i].question->config->from;
}

static void draw(uint64_t now)
{
	const struct prompt_message *call = &d.asker[d.caller].call;
	struct strip strip = {
		.guest = d.settings.guest,
		.trusted = d.menu || d.prompt.stands || now < d.hold_ms,
		.answered = !d.menu && !d.prompt.stands,
		.asker = d.prompt.stands ? asker_name(d.prompt.asker) : NULL,
		.audit_stopped = d.audit_stopped,
		.waits = d.waits,
		.fixed = d.backend != NULL && d.backend->fixed,
		.call_state = call->call_state,
		.number = call->number,
		.call_s = (now - d.asker[d.caller].call_since_ms) / 1000,
	};
	bool fits = true;

	draw_clear(&d.screen);
	d.trusted = true;
	if (d.small) {
		page_small(&d.screen);
		return;
	}
	if (paying())
		fits = page_payment(&d.screen, &d.payer, &d.prompt, strip.asker,
				    d.settings.phrase, now);
	else if (d.prompt.stands)
		fits = page_question(&d.screen, &d.asks, &d.prompt, strip.asker,
				     d.settings.phrase, now);
	else if (d.menu && d.payer.pin.step != PIN_OFF)
		page_pin(&d.screen, &d.payer.pin, d.settings.phrase);
	else if (d.menu)
		page_menu(&d.screen, &strip, d.waits, d.from_auth != NULL);
	else if (strip.trusted)
		page_gone(&d.screen, d.gone != NULL ? d.gone : "The question has gone.");
	else
		draw_guest(&d.screen, d.grid);
	if (!fits) {
		end_question(ANSWER_REFUSED);
		draw_clear(&d.screen);
		strip.trusted = d.menu;
		strip.asker = NULL;
	}
	page_strip(&d.screen, &strip);
	d.trusted = strip.trusted;
}

static void lose(const char *why)
{
	if (d.backend != NULL)
		log_info("%s", why);
	d.leaving = true;
}

/* Whatever was typed there is forgotten. */
static void leave_menu(void)
{
	if (d.menu)
		pin_end(&d.payer.pin);
	d.menu = false;
}

static void detach(void)
{
	d.leaving = false;
	if (d.backend == NULL)
		return;
	d.backend->close();
	d.backend = NULL;
	leave_menu();
	d.lent = false;
	memset(&d.screen, 0, sizeof(d.screen));
	if (d.prompt.stands) {
		prompt_hidden(&d.prompt);
		end_question(ANSWER_TIMEOUT); /* who cannot see it any more cannot say yes */
	}
}

static void present(uint64_t now)
{
	draw(now);
	d.drawn_ms = now;
	d.changed = false;
	d.lent &= !d.trusted;
	if (!d.backend->show(&d.screen)) {
		d.lent = false;
		if (!d.backend->fixed) {
			lose("the screen is lost");
			return;
		}
		if (d.prompt.stands)
			end_question(ANSWER_TIMEOUT);
		disturb();
		d.drawn_ms = now + LOST_MS;
		return;
	}
	if (d.backend->busy != NULL && d.backend->busy()) {
		d.changed = true; /* until it is really there */
		return;
	}
	d.lent = !d.trusted;
	if (d.unseen && d.prompt.stands && !d.small) {
		prompt_presented(&d.prompt, now);
		if (!d.prompt.shown)
			answer(d.prompt.asker, ANSWER_SHOWN, d.prompt.asks.id, d.asks.number);
		d.prompt.shown = true;
		d.unseen = false;
		d.changed = true;
	}
}

static void tell_terminal(enum grid_input_type type, uint32_t code, uint32_t modifiers)
{
	const struct grid_input i = { .type = type, .code = code, .modifiers = modifiers };

	if (d.keys != NULL)
		typed_ahead(d.keys, &i);
}

static void resized(unsigned rows, unsigned columns)
{
	d.small = rows < SCREEN_ROWS_MIN - 1 || columns < SCREEN_COLUMNS_MIN;
	d.screen.rows = rows < 2 ? 2 : rows > SCREEN_ROWS_MAX ? SCREEN_ROWS_MAX : rows;
	d.screen.columns = columns < 1			  ? 1
			   : columns > SCREEN_COLUMNS_MAX ? SCREEN_COLUMNS_MAX
							  : columns;
	disturb();
	if (d.small)
		end_question(ANSWER_TIMEOUT);
	else
		tell_terminal(GRID_RESIZE, (d.screen.rows - 1) << 16 | d.screen.columns, 0);
}

/* Keys: to the question, else to the menu, else to the guest; never to two of them. */

static void key_for_question(const struct key *k)
{
	if (paying()) {
		payment_goes(payer_key(&d.payer, &d.prompt, k, now_ms()));
		return;
	}
	switch (prompt_key(&d.prompt, k, now_ms())) {
	case PROMPT_YES:
		end_question(ANSWER_YES);
		break;
	case PROMPT_NO:
		end_question(ANSWER_NO);
		break;
	case PROMPT_TIMED_OUT:
		end_question(ANSWER_TIMEOUT);
		break;
	case PROMPT_STANDS:
		break;
	}
}

static void during_call(enum answer_type type, uint32_t tone)
{
	const struct prompt_answer a = { .type = type, .tone = tone };

	if (d.asker[d.caller].call.call_state != CALL_NONE)
		send_answer(d.caller, &a);
}

static void close_menu(void)
{
	leave_menu();
	d.waits = false;
}

static void pin_goes(enum pin_outcome o)
{
	d.changed |= o != PIN_GOES_ON;
	switch (o) {
	case PIN_GOES_ON:
	case PIN_TURNS:
		return;
	case PIN_DONE:
		show_notice("The PIN is changed.");
		break;
	case PIN_LOCKED_OUT:
		show_notice("The PIN is locked: there are no tries left.");
		break;
	case PIN_FAILED:
		show_notice("The PIN cannot be changed now.");
		break;
	case PIN_CANCELLED:
	case PIN_EXPIRED:
		break;
	}
	close_menu();
}

static void key_for_menu(const struct key *k)
{
	if (k->code == GRID_KEY_ESCAPE || (k->code | k->modifiers << 24) == ATTENTION) {
		close_menu();
	} else if (k->modifiers != 0 || k->code > 0x7e) {
		return;
	} else if (k->code == 'd' && !d.backend->fixed) {
		lose("detached");
	} else if (k->code == ']') {
		tell_terminal(GRID_KEY, ']', 4);
		close_menu();
	} else if (k->code == 'p' && d.from_auth != NULL) {
		pin_goes(pin_begin(&d.payer.pin, 0, now_ms()));
	} else if (k->code == 'h') {
		during_call(ANSWER_HANGUP, 0);
	} else if (d.asker[d.caller].call.call_state == CALL_CONNECTED && k->code != 0 &&
		   strchr("0123456789*#ABCD", (int)k->code) != NULL) {
		during_call(ANSWER_TONE, k->code);
	}
}

static void key(const struct key *k)
{
	d.changed = true;
	if (d.leaving || d.small)
		return;
	if (d.prompt.stands) {
		key_for_question(k);
		return;
	}
	if (k->action == KEY_RELEASED)
		return;
	if (d.menu && d.payer.pin.step != PIN_OFF) {
		pin_goes(pin_key(&d.payer.pin, k, now_ms()));
	} else if (d.menu) {
		if (k->action == KEY_PRESSED) /* a key held down is one tone */
			key_for_menu(k);
	} else if ((k->code | k->modifiers << 24) == ATTENTION) {
		d.menu = true;
		for (unsigned i = 0; i < d.asker_count; i++)
			d.asker[i].past.nos = 0; /* the person looks */
	} else if (now_ms() < d.hold_ms) {
		if (d.hold_ms < now_ms() + QUIET_MS)
			d.hold_ms = now_ms() + QUIET_MS;
	} else if (d.lent) {
		tell_terminal(GRID_KEY, k->code, k->modifiers);
	}
}

static const struct backend_events events = { .key = key, .resized = resized, .lost = lose };

/* Questions. */

/* A call stays on the strip until it ends; nobody else's takes its place. */
static void set_call(unsigned i, const struct prompt_message *m)
{
	if (m->call_state == CALL_CONNECTED && d.asker[i].call.call_state != CALL_CONNECTED)
		d.asker[i].call_since_ms = now_ms();
	d.asker[i].call = *m;
	for (i = 0; i < d.asker_count && d.asker[d.caller].call.call_state == CALL_NONE; i++)
		d.caller = i;
	disturb();
}

static void refuse(unsigned i, uint64_t id)
{
	log_guest(&refusals, "%s asks what cannot be asked: refused", asker_name(i));
	answer(i, ANSWER_REFUSED, id, NULL);
}

/* One question at a time, whoever asks. True: it stands now, and nothing else is on the screen. */
static bool ask(unsigned i, const struct prompt_question *q, const char *number)
{
	enum answer_type at_once = prompt_ask(&d.prompt, &d.asker[i].past, i, q, now_ms());

	if (at_once != 0) {
		d.waits |= d.asker[i].past.nos >= PROMPT_NOS_MAX;
		d.changed = true;
		answer(i, at_once, q->id, number);
		return false;
	}
	leave_menu();
	disturb();
	return true;
}

static void hear_result(unsigned i, const struct payment_message *m)
{
	bool ours = paying() && d.prompt.asker == i && d.payer.id == m->id;

	if (ours && payer_result(&d.payer, m->value)) {
		disturb();
		return;
	}
	if (ours && !confirmed())
		drop_question();
	answer_payment(i, PAYMENT_SEEN, m->id); /* nobody is there who waits for it */
}

static void hear_payment(unsigned i, const struct payment_message *m)
{
	struct prompt_question q;

	if (!payment_message_valid(m) || (m->type != PAYMENT_TEXT && m->length != 0)) {
		refuse(i, m->id);
		return;
	}
	switch ((enum payment_type)m->type) {
	case PAYMENT_TEXT: /* what is no text is refused when it is asked about */
		(void)payment_chunks_take(&d.chunks, m);
		return;
	case PAYMENT_ASK:
		if (!payment_chunks_whole(&d.chunks, m) || !payer_question(&d.chunks, &q))
			refuse(i, m->id);
		else if (ask(i, &q, NULL))
			payer_begin(&d.payer, &d.chunks);
		return;
	case PAYMENT_WITHDRAW:
		if (paying() && d.prompt.asker == i && d.payer.id == m->id)
			drop_question();
		return;
	case PAYMENT_RESULT:
		if (m->value == PAYMENT_PAID || m->value == PAYMENT_FAILED)
			hear_result(i, m);
		else
			refuse(i, m->id);
		return;
	case PAYMENT_CONFIRM:
	case PAYMENT_RESERVE:
	case PAYMENT_RESERVED:
	case PAYMENT_SIGNED:
	case PAYMENT_RECEIPT:
	case PAYMENT_REFUSED:
		break;
	}
	refuse(i, m->id);
}

static void hear(unsigned i, const struct prompt_message *m)
{
	struct prompt_question q;

	if (!prompt_valid(m)) {
		refuse(i, m->id);
		return;
	}
	switch ((enum prompt_type)m->type) {
	case PROMPT_DIAL:
	case PROMPT_ACCEPT:
		q = prompt_question(m);
		if (ask(i, &q, m->number))
			d.asks = *m;
		break;
	case PROMPT_WITHDRAW:
		if (d.prompt.stands && d.prompt.asker == i && d.prompt.asks.id == m->id)
			drop_question();
		break;
	case PROMPT_CALL:
		set_call(i, m);
		break;
	}
}

static void look_at_audit(void)
{
	bool stopped = false;

	for (unsigned i = 0; i < d.asker_count; i++)
		stopped |= d.asker[i].question->open &&
			   chan_log_state(&d.asker[i].question->reader) == CHAN_LOG_STOPPED;
	if (stopped != d.audit_stopped)
		disturb();
	d.audit_stopped = stopped;
}

static void notified_asker(unsigned i, struct critical_end *end)
{
	static const struct prompt_message no_call;
	struct payment_message payment;
	struct prompt_message number;

	if (end == d.asker[i].question && d.asker[i].pays)
		while (critical_recv(end, &payment) == CHAN_OK)
			hear_payment(i, &payment);
	else if (end == d.asker[i].question)
		while (critical_recv(end, &number) == CHAN_OK)
			hear(i, &number);
	if (end->open)
		return;
	/* By the launcher, or because it has just proved broken. */
	if (d.prompt.stands && d.prompt.asker == i)
		drop_question();
	if (d.asker[i].pays)
		d.chunks.len = 0; /* whoever comes next has said nothing yet */
	else
		set_call(i, &no_call);
}

/* Authentication and storage. */
static void notified_helper(struct critical_end *end)
{
	struct pin_answer a;

	while (end == d.from_auth && critical_recv(end, &a) == CHAN_OK) {
		pin_overwrite(&d.payer.pin, &a);
		if (paying())
			payment_goes(payer_pin(&d.payer, &d.prompt, &a, now_ms()));
		else
			pin_goes(pin_answered(&d.payer.pin, &a, now_ms()));
	}
	if (end == d.payer.to_storage && end->open && paying())
		payment_goes(payer_room(&d.payer, now_ms()));
	if (end->open)
		return;
	if (paying() &&
	    d.payer.step == (end == d.payer.to_storage ? PAYER_CONFIRMS : PAYER_PROVES))
		payment_goes(PAYER_FAILED);
	else if (end != d.payer.to_storage && d.menu && d.payer.pin.step != PIN_OFF)
		pin_goes(PIN_FAILED);
}

static void notified_keys(void)
{
	if (d.keys->open && d.keys->writer.sent > 0) {
		typed_ahead_go(d.keys);
		return;
	}
	/* A terminal that begins anew gets nobody else's keys, and does not know the size. */
	typed_ahead_forget();
	if (d.keys->open && d.backend != NULL && !d.small)
		tell_terminal(GRID_RESIZE, (d.screen.rows - 1) << 16 | d.screen.columns, 0);
}

void display_notified(struct critical_end *end)
{
	for (unsigned i = 0; i < d.asker_count; i++)
		if (end == d.asker[i].question || end == d.asker[i].answer)
			notified_asker(i, end);
	if (end == d.from_auth || end == d.payer.pin.to_auth || end == d.payer.to_storage)
		notified_helper(end);
	if (end == d.keys)
		notified_keys();
	look_at_audit();
}

void display_ready(int fd, short revents)
{
	if (fd == d.grid_bell) {
		chan_silence(fd);
		d.changed |= !d.prompt.stands && !d.menu;
	} else if (d.backend != NULL) {
		d.backend->ready(fd, revents);
	}
	if (d.leaving)
		detach();
}

void display_command(const struct critical_command *m, const int *fds, unsigned fd_count)
{
	if (m->kind != CRITICAL_ATTACH || fd_count != 2) {
		for (unsigned i = 0; i < fd_count; i++)
			close(fds[i]);
		return;
	}
	if (d.backend != NULL && d.backend->fixed) {
		log_warn("it has a screen of its own: no terminal is attached");
		close(fds[0]);
		close(fds[1]);
		return;
	}
	detach(); /* one screen at a time: the newer one */
	d.backend = terminal_open(fds[0], fds[1], &events);
	if (d.leaving)
		detach();
}

static void earlier(uint64_t *due, uint64_t ms)
{
	if (ms > d.drawn_ms && ms < *due)
		*due = ms;
}

/* When the screen has to be drawn anew by itself: what it counts in seconds, and what keys mean. */
static uint64_t due(void)
{
	uint64_t ms = UINT64_MAX;

	if (d.prompt.stands || d.asker[d.caller].call.call_state == CALL_CONNECTED ||
	    d.payer.pin.step != PIN_OFF)
		earlier(&ms, d.drawn_ms + CLOCK_MS);
	if (d.prompt.stands)
		earlier(&ms, d.prompt.armed_ms);
	earlier(&ms, d.hold_ms);
	return ms;
}

uint64_t display_tick(uint64_t now)
{
	uint64_t next = UINT64_MAX;

	notice(now);
	if (paying())
		payment_goes(payer_time(&d.payer, &d.prompt, now));
	else if (prompt_time(&d.prompt, now) == PROMPT_TIMED_OUT)
		end_question(ANSWER_TIMEOUT);
	if (d.menu)
		pin_goes(pin_time(&d.payer.pin, now));
	d.changed |= due() <= now;
	if (d.backend != NULL && d.changed && now >= d.drawn_ms + FRAME_MS)
		present(now);
	if (d.leaving)
		detach();
	if (d.backend != NULL)
		next = d.changed ? d.drawn_ms + FRAME_MS : due();
	if (d.prompt.stands && d.prompt.due_ms < next)
		next = d.prompt.due_ms;
	return next;
}

void display_close(void)
{
	detach();
}

static struct critical_end *find(struct critical *c, enum channel_role role, size_t size,
				 const char *to)
{
	for (unsigned i = 0; i < c->config.channel_count; i++) {
		const struct critical_channel *k = &c->config.channel[i];

		if (k->role == (uint32_t)role && k->geometry.message_size == size &&
		    (to == NULL || strcmp(k->to, to) == 0))
			return &c->end[i];
	}
	return NULL;
}

/* Which end is which follows from its direction, the size of its messages, and for who asks from
 * who is answered. */
static enum status pair_up(struct critical *c)
{
	unsigned payers = 0;

	d.keys = find(c, CHANNEL_WRITER, sizeof(struct grid_input), NULL);
	d.from_auth = find(c, CHANNEL_READER, sizeof(struct pin_answer), NULL);
	d.payer.pin.to_auth = find(c, CHANNEL_WRITER, sizeof(struct pin_message), NULL);
	d.payer.to_storage = find(c, CHANNEL_WRITER, sizeof(struct payment_message), NULL);
	for (unsigned i = 0; i < c->config.channel_count; i++) {
		const struct critical_channel *q = &c->config.channel[i];
		bool pays = q->geometry.message_size == sizeof(struct payment_message);
		struct critical_end *a;

		if (q->role != CHANNEL_READER ||
		    (!pays && q->geometry.message_size != sizeof(struct prompt_message)))
			continue;
		a = find(c, CHANNEL_WRITER,
			 pays ? sizeof(struct payment_answer) : sizeof(struct prompt_answer),
			 q->from);
		if (a == NULL || d.asker_count == ASKERS)
			continue;
		d.asker[d.asker_count].question = &c->end[i];
		d.asker[d.asker_count].answer = a;
		d.asker[d.asker_count++].pays = pays;
		payers += pays;
	}
	if (payers > 0 && (payers > 1 || d.from_auth == NULL || d.payer.pin.to_auth == NULL ||
			   d.payer.to_storage == NULL))
		return STATUS_NOT_STARTED;
	return d.asker_count > 0 ? STATUS_OK : STATUS_NOT_STARTED;
}

enum status display_open(struct critical *c)
{
	int grid;

	memcpy(&d.settings, c->config.settings, sizeof(d.settings));
	explicit_bzero(c->config.settings, sizeof(c->config.settings));
	d.settings.phrase[DISPLAY_PHRASE - 1] = d.settings.guest[CRITICAL_NAME - 1] = '\0';
	d.prompt.dead_ms = d.settings.dead_time_ms;
	d.prompt.timeout_ms = d.settings.timeout_ms;
	signal(SIGPIPE, SIG_IGN);
	if (getrandom(&d.payer.pin.id, sizeof(d.payer.pin.id), 0) != sizeof(d.payer.pin.id))
		return STATUS_NOT_STARTED;
	if (c->config.resource_count < 2 || pair_up(c) != STATUS_OK) {
		log_error("it needs a grid, its bell, and channels with an application; for "
			  "payments, one, and with an authentication and a storage");
		return STATUS_NOT_STARTED;
	}
	grid = critical_resource(c, DISPLAY_GRID);
	d.grid_bell = critical_resource(c, DISPLAY_GRID_BELL);
	d.grid = mmap(NULL, sizeof(*d.grid), PROT_READ, MAP_SHARED, grid, 0);
	if (d.grid == MAP_FAILED)
		return STATUS_NOT_STARTED;
	close(grid);
	critical_watch(d.grid_bell, POLLIN);
	if (d.settings.drm != 0) {
		int inputs[CRITICAL_RESOURCES_MAX];
		unsigned n = 0;

		for (;
		     n < d.settings.input_count && DISPLAY_INPUT + n < c->config.resource_count;
		     n++)
			inputs[n] = critical_resource(c, DISPLAY_INPUT + n);
		d.backend = drm_open(critical_resource(c, DISPLAY_DRM), inputs, n,
				     d.settings.layout, &events);
		if (d.backend == NULL)
			return STATUS_FAILED;
	}
	return STATUS_OK;
}
