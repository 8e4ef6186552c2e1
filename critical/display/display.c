/* SPDX-License-Identifier: ISC */
#include "display.h"

#include "backend.h"
#include "log.h"
#include "pages.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MS  16
#define GAP_MS	  3000 /* unwatched for so long: the person may not have seen the screen */
#define LOST_MS	  1000 /* until a screen of its own that was lost is tried again */
#define QUIET_MS  1000 /* after a question without a key, until keys are the guest's again */
#define ASKERS	  8
#define ATTENTION (']' | 4u << 24) /* Ctrl-], as code and modifiers together */

static struct {
	struct display_settings settings;
	struct {
		struct critical_end *question, *answer;
		struct prompt_asker past;
		struct prompt_message call;
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

static void send_answer(unsigned asker, const struct prompt_answer *a)
{
	/* Who does not take its answers gets none, which means no. */
	if (critical_send(d.asker[asker].answer, a) != CHAN_OK)
		log_guest(&lost_answers, "an answer to %s is lost",
			  d.asker[asker].question->config->from);
}

static void answer(unsigned asker, enum answer_type type, const struct prompt_message *m)
{
	struct prompt_answer a = { .type = type, .id = m->id };

	/* What breaks a rule is not repeated. */
	if (type != ANSWER_REFUSED)
		memcpy(a.number, m->number, sizeof(a.number));
	send_answer(asker, &a);
}

static void end_question(enum answer_type type)
{
	unsigned i = d.prompt.asker;

	if (!d.prompt.stands)
		return;
	answer(i, type, &d.prompt.asks);
	prompt_done(&d.prompt, &d.asker[i].past, type == ANSWER_YES, now_ms());
	d.hold_ms = now_ms() + QUIET_MS;
	d.changed = true;
}

/* The one who asked takes it back, or is gone: nobody is answered. But it was a question without
 * a yes: to ask and to withdraw is no way to ask without end. */
static void drop_question(void)
{
	prompt_done(&d.prompt, &d.asker[d.prompt.asker].past, false, now_ms());
	d.hold_ms = now_ms() + QUIET_MS;
	d.changed = true;
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
	if (d.prompt.stands)
		fits = page_question(&d.screen, &d.prompt, strip.asker, d.settings.phrase, now);
	else if (d.menu)
		page_menu(&d.screen, &strip, d.waits);
	else if (strip.trusted)
		page_gone(&d.screen);
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

static void detach(void)
{
	d.leaving = false;
	if (d.backend == NULL)
		return;
	d.backend->close();
	d.backend = NULL;
	d.menu = d.lent = false;
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
			answer(d.prompt.asker, ANSWER_SHOWN, &d.prompt.asks);
		d.prompt.shown = true;
		d.unseen = false;
		d.changed = true;
	}
}

static void tell_terminal(enum grid_input_type type, uint32_t code, uint32_t modifiers)
{
	const struct grid_input i = { .type = type, .code = code, .modifiers = modifiers };

	if (d.keys != NULL && critical_send(d.keys, &i) == CHAN_BROKEN)
		return; /* there is no terminal any more */
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
	d.menu = d.waits = false;
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
	if (d.menu) {
		if (k->action == KEY_PRESSED) /* a key held down is one tone */
			key_for_menu(k);
	} else if ((k->code | k->modifiers << 24) == ATTENTION) {
		d.menu = true;
		for (unsigned i = 0; i < d.asker_count; i++)
			d.asker[i].past.nos = 0; /* the person looks */
	} else if (now_ms() < d.hold_ms) {
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

static void hear(unsigned i, const struct prompt_message *m)
{
	enum answer_type at_once;

	if (!prompt_valid(m)) {
		log_guest(&refusals, "%s asks what cannot be asked: refused", asker_name(i));
		answer(i, ANSWER_REFUSED, m);
		return;
	}
	switch ((enum prompt_type)m->type) {
	case PROMPT_DIAL:
	case PROMPT_ACCEPT:
		at_once = prompt_ask(&d.prompt, &d.asker[i].past, i, m, now_ms());
		if (at_once != 0) {
			d.waits |= d.asker[i].past.nos >= PROMPT_NOS_MAX;
			d.changed = true;
			answer(i, at_once, m);
			return;
		}
		d.menu = false;
		disturb();
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

void display_notified(struct critical_end *end)
{
	static const struct prompt_message no_call;
	struct prompt_message m;

	for (unsigned i = 0; i < d.asker_count; i++) {
		if (end != d.asker[i].question && end != d.asker[i].answer)
			continue;
		while (end == d.asker[i].question && critical_recv(end, &m) == CHAN_OK)
			hear(i, &m);
		if (!end->open) { /* by the launcher, or because it has just proved broken */
			if (d.prompt.stands && d.prompt.asker == i)
				drop_question();
			set_call(i, &no_call);
		}
	}
	/* A terminal that begins anew does not know the size. */
	if (end == d.keys && end->open && d.backend != NULL && !d.small)
		tell_terminal(GRID_RESIZE, (d.screen.rows - 1) << 16 | d.screen.columns, 0);
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

uint64_t display_tick(uint64_t now)
{
	uint64_t next = UINT64_MAX;

	notice(now);
	if (prompt_time(&d.prompt, now) == PROMPT_TIMED_OUT)
		end_question(ANSWER_TIMEOUT);
	if (d.backend != NULL && d.changed && now >= d.drawn_ms + FRAME_MS)
		present(now);
	if (d.leaving)
		detach();
	if (d.backend != NULL && d.changed)
		next = d.drawn_ms + FRAME_MS;
	/* What is counted in seconds on the screen; and when keys begin to count. */
	else if (d.backend != NULL &&
		 (d.prompt.stands || d.asker[d.caller].call.call_state == CALL_CONNECTED ||
		  d.hold_ms != 0)) {
		if (now >= d.hold_ms)
			d.hold_ms = 0;
		next = now + 250;
		d.changed = true;
	}
	if (d.prompt.stands && d.prompt.due_ms < next)
		next = d.prompt.due_ms;
	return next;
}

void display_close(void)
{
	detach();
}

static enum status pair_up(struct critical *c)
{
	for (unsigned i = 0; i < c->config.channel_count; i++) {
		const struct critical_channel *q = &c->config.channel[i];

		if (q->role == CHANNEL_WRITER &&
		    q->geometry.message_size == sizeof(struct grid_input))
			d.keys = &c->end[i];
		if (q->role != CHANNEL_READER ||
		    q->geometry.message_size != sizeof(struct prompt_message))
			continue;
		for (unsigned j = 0; j < c->config.channel_count; j++) {
			const struct critical_channel *a = &c->config.channel[j];

			if (a->role != CHANNEL_WRITER || d.asker_count == ASKERS ||
			    a->geometry.message_size != sizeof(struct prompt_answer) ||
			    strcmp(a->to, q->from) != 0)
				continue;
			d.asker[d.asker_count].question = &c->end[i];
			d.asker[d.asker_count++].answer = &c->end[j];
			break;
		}
	}
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
	if (c->config.resource_count < 2 || pair_up(c) != STATUS_OK) {
		log_error("it needs a grid, its bell, and channels with an application");
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
