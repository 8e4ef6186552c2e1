/* SPDX-License-Identifier: ISC */
#include "test_display_driver.h"

#include "backend.h"
#include "bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define QUEUE 64

struct driver driver;

static struct critical critical;
static struct screen shown;
static uint64_t log_page[DRIVER_ASKERS][CHAN_HEADER / 8]; /* without a slot */
static struct prompt_message queued[DRIVER_ASKERS][QUEUE];
static unsigned queue_first[DRIVER_ASKERS], queue_end[DRIVER_ASKERS];
static bool breaks[DRIVER_ASKERS];
static unsigned new_rows, new_columns;
static const struct backend_events *told;
static int memory = -1, bell = -1;

/* Channels: question and answer of each, then the keys, then those of payments. */
enum { KEYS = 2 * DRIVER_ASKERS, TEXTS, ANSWERS, PINS, PIN_ANSWERS, STORAGE, ENDS };

static struct payment_message payments[QUEUE];
static unsigned payments_first, payments_end;
static struct pin_answer pin_answer;
static bool pin_waits; /* that answer, to be taken */
static uint64_t granted;

/* The clock, and what lib/critical.c does. */

int clock_gettime(clockid_t id, struct timespec *t)
{
	if (id != CLOCK_BOOTTIME) /* the fuzzer's own */
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){ (time_t)(driver.now_ms / 1000),
				(long)(driver.now_ms % 1000) * 1000000 };
	return 0;
}

static unsigned asker_of(const struct critical_end *e)
{
	return (unsigned)(e - critical.end) / 2;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "display: %s\n", what);
	abort();
}

/* What the storage is told: only a payment that the authentication has granted. */
static enum chan_status hear_storage(const struct payment_message *m)
{
	if (driver.storage_full)
		return CHAN_AGAIN;
	must(payment_message_valid(m), "a message for the storage that breaks a rule");
	if (m->type == PAYMENT_TEXT) {
		must(payment_chunks_take(&driver.stored, m), "a text with gaps");
		return CHAN_OK;
	}
	must(m->type == PAYMENT_CONFIRM && payment_chunks_whole(&driver.stored, m),
	     "confirms no text");
	must(granted == m->id, "confirms without a PIN");
	granted = 0;
	driver.confirmed++;
	return CHAN_OK;
}

static void hear_answer(const struct payment_answer *a)
{
	must(a->reserved == 0 && a->padding == 0, "an answer that breaks a rule");
	must(a->type != PAYMENT_YES || (driver.confirmed > 0 && driver.stored.id == a->id),
	     "yes before the storage knows");
	if (driver.paid_count < DRIVER_ANSWERS)
		driver.paid[driver.paid_count] = *a;
	driver.paid_count++;
	driver.yes += a->type == PAYMENT_YES;
}

static enum chan_status send_of_payments(const struct critical_end *e, const void *message)
{
	if (e == &critical.end[STORAGE])
		return hear_storage(message);
	if (e == &critical.end[ANSWERS]) {
		hear_answer(message);
		return CHAN_OK;
	}
	must(e == &critical.end[PINS], "writes to a channel that it reads");
	memcpy(&driver.pin_slot, message, sizeof(driver.pin_slot));
	if (driver.pin_slot.type == PIN_NOTHING)
		return CHAN_OK;
	driver.pin = driver.pin_slot;
	driver.pins++;
	return CHAN_OK;
}

enum chan_status critical_send(struct critical_end *e, const void *message)
{
	const struct prompt_answer *a = message;
	unsigned i = asker_of(e);

	if (!e->open)
		return CHAN_BROKEN;
	if (e > &critical.end[KEYS])
		return send_of_payments(e, message);
	if (i == DRIVER_ASKERS) {
		if (driver.terminal_full)
			return CHAN_AGAIN;
		e->writer.sent++;
		if (driver.typed_count < DRIVER_TYPED)
			memcpy(&driver.typed[driver.typed_count], message,
			       sizeof(struct grid_input));
		driver.typed_count++;
		return CHAN_OK;
	}
	if (driver.answers[i] < DRIVER_ANSWERS) {
		driver.answer[i][driver.answers[i]] = *a;
		driver.answer_ms[i][driver.answers[i]] = driver.now_ms;
	}
	driver.answers[i]++;
	driver.yes += a->type == ANSWER_YES;
	return CHAN_OK;
}

enum chan_status critical_recv(struct critical_end *e, void *message)
{
	unsigned i = asker_of(e);

	if (!e->open)
		return CHAN_AGAIN;
	if (e == &critical.end[PIN_ANSWERS]) {
		memcpy(message, &pin_answer, sizeof(pin_answer));
		return pin_waits ? (pin_waits = false, CHAN_OK) : CHAN_AGAIN;
	}
	if (e == &critical.end[TEXTS]) {
		if (payments_first == payments_end)
			return CHAN_AGAIN;
		memcpy(message, &payments[payments_first++ % QUEUE], sizeof(payments[0]));
		return CHAN_OK;
	}
	if (breaks[i]) {
		e->open = false;
		return CHAN_BROKEN;
	}
	if (queue_first[i] == queue_end[i])
		return CHAN_AGAIN;
	memcpy(message, &queued[i][queue_first[i]++ % QUEUE], sizeof(struct prompt_message));
	return CHAN_OK;
}

void critical_watch(int fd, short events)
{
	(void)fd;
	(void)events;
}

int critical_resource(const struct critical *c, unsigned i)
{
	(void)c;
	return i == DISPLAY_GRID ? dup(memory) : bell;
}

/* The screen. */

static bool show(const struct screen *s)
{
	if (driver.broken)
		return false;
	if (driver.stuck)
		return true;
	shown = *s;
	driver.frames++;
	return true;
}

static bool busy(void)
{
	return driver.stuck;
}

static void ready(int fd, short revents)
{
	(void)fd;
	(void)revents;
}

static void close_screen(void)
{
	driver.attached = false;
	memset(&shown, 0, sizeof(shown));
}

const struct backend *terminal_open(int tty, int client, const struct backend_events *events)
{
	static struct backend backend = { .name = "driver",
					  .show = show,
					  .ready = ready,
					  .busy = busy,
					  .close = close_screen };

	(void)tty;
	(void)client;
	told = events;
	backend.fixed = driver.fixed;
	driver.attached = true;
	events->resized(new_rows, new_columns);
	return &backend;
}

const struct backend *drm_open(int drm, const int *inputs, unsigned input_count,
			       const char *layout, const struct backend_events *events)
{
	(void)drm;
	(void)inputs;
	(void)input_count;
	(void)layout;
	(void)events;
	return NULL;
}

/* What a test does. The display is compiled into it: its one struct begins anew for each test, as
 * it does with each process. */
#include "display.c"

static void set_channel(unsigned i, const char *from, const char *to, enum channel_role role,
			uint32_t size)
{
	struct critical_channel *c = &critical.config.channel[i];

	strcpy(c->from, from);
	strcpy(c->to, to);
	strcpy(c->name, "channel");
	c->role = (uint32_t)role;
	c->geometry = (struct chan_geometry){ 16, size };
	critical.end[i].config = c;
	critical.end[i].open = true;
}

static void open_display(const char *phrase, bool numbers, bool payments_too)
{
	static const char *const names[DRIVER_ASKERS] = { "dialler", "second" };
	struct display_settings s = { .guest = "linux" };

	if (d.grid != NULL)
		munmap((void *)(uintptr_t)d.grid, sizeof(*d.grid));
	memset(&d, 0, sizeof(d));
	memset(&critical, 0, sizeof(critical));
	typed_ahead_forget();
	memset(&shown, 0, sizeof(shown));
	memset(log_page, 0, sizeof(log_page));
	memset(queue_first, 0, sizeof(queue_first));
	memset(queue_end, 0, sizeof(queue_end));
	memset(breaks, 0, sizeof(breaks));
	payments_first = payments_end = 0;
	pin_waits = false;
	granted = 0;
	if (memory < 0) {
		memory = memfd_create("grid", MFD_CLOEXEC);
		bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		BUG_ON(memory < 0 || bell < 0 || ftruncate(memory, sizeof(struct grid)) < 0);
		driver.grid = mmap(NULL, sizeof(struct grid), PROT_READ | PROT_WRITE,
				   MAP_SHARED, memory, 0);
		BUG_ON(driver.grid == MAP_FAILED);
	}
	memset((void *)driver.grid, 0, sizeof(*driver.grid));
	atomic_store(&driver.grid->cursor, UINT32_MAX);
	driver = (struct driver){ .now_ms = 100000, .grid = driver.grid, .shown = &shown };
	for (unsigned i = 0; i < DRIVER_ASKERS && numbers; i++) {
		set_channel(2 * i, names[i], "screen", CHANNEL_READER,
			    sizeof(struct prompt_message));
		critical.end[2 * i].reader.log = (const struct chan_log *)log_page[i];
		set_channel(2 * i + 1, "screen", names[i], CHANNEL_WRITER,
			    sizeof(struct prompt_answer));
	}
	set_channel(KEYS, "screen", "terminal", CHANNEL_WRITER, sizeof(struct grid_input));
	if (payments_too) {
		set_channel(TEXTS, "showpay", "screen", CHANNEL_READER,
			    sizeof(struct payment_message));
		critical.end[TEXTS].reader.log = (const struct chan_log *)log_page[0];
		set_channel(ANSWERS, "screen", "showpay", CHANNEL_WRITER,
			    sizeof(struct payment_answer));
		set_channel(PINS, "screen", "auth", CHANNEL_WRITER, sizeof(struct pin_message));
		set_channel(PIN_ANSWERS, "auth", "screen", CHANNEL_READER,
			    sizeof(struct pin_answer));
		set_channel(STORAGE, "screen", "storage", CHANNEL_WRITER,
			    sizeof(struct payment_message));
	}
	critical.config.channel_count = payments_too ? ENDS : KEYS + 1;
	critical.config.resource_count = 2;
	snprintf(s.phrase, sizeof(s.phrase), "%s", phrase);
	memcpy(critical.config.settings, &s, sizeof(s));
	BUG_ON(display_open(&critical) != STATUS_OK);
	driver_wait(0);
}

void driver_open(const char *phrase)
{
	open_display(phrase, true, false);
}

void driver_open_to_pay(const char *phrase, bool with_numbers)
{
	open_display(phrase, with_numbers, true);
}

void driver_payment(const struct payment_message *m)
{
	if (!critical.end[TEXTS].open)
		return;
	payments[payments_end++ % QUEUE] = *m;
	display_notified(&critical.end[TEXTS]);
	driver_wait(0);
}

void driver_pay_type(enum payment_type type, uint64_t id, uint32_t value)
{
	const struct payment_message m = { .type = type, .id = id, .value = value };

	driver_payment(&m);
}

void driver_pay(uint64_t id, const char *text, size_t len)
{
	struct payment_message m;

	for (uint32_t at = 0; at < len;) {
		at = payment_chunk(&m, id, text, (uint32_t)len, at);
		driver_payment(&m);
	}
	driver_pay_type(PAYMENT_ASK, id, (uint32_t)len);
}

uint32_t driver_paid(void)
{
	return driver.paid_count == 0 ? 0 : driver.paid[driver.paid_count - 1].type;
}

void driver_pin_says(enum pin_answer_type type, uint32_t tries)
{
	if (!critical.end[PIN_ANSWERS].open)
		return;
	pin_answer = (struct pin_answer){ .type = type, .tries = tries, .id = driver.pin.id };
	pin_waits = true;
	if (type == PIN_RIGHT && driver.pin.type == PIN_TRY)
		granted = driver.pin.id;
	display_notified(&critical.end[PIN_ANSWERS]);
	driver_wait(0);
}

void driver_room(void)
{
	display_notified(&critical.end[STORAGE]);
	driver_wait(0);
}

void driver_payment_channel(unsigned which, bool open)
{
	static const unsigned ends[][2] = { { TEXTS, ANSWERS },
					    { PINS, PIN_ANSWERS },
					    { STORAGE, STORAGE } };

	for (unsigned i = 0; i < 2; i++)
		critical.end[ends[which][i]].open = open;
	for (unsigned i = 0; i < 2; i++)
		display_notified(&critical.end[ends[which][i]]);
	driver_wait(0);
}

void driver_digits(const char *digits)
{
	for (; *digits != '\0'; digits++) {
		driver_press((uint32_t)*digits);
		driver_wait(100);
	}
	driver_press(GRID_KEY_ENTER);
	driver_wait(50);
}

bool driver_remembers(const void *bytes, size_t len)
{
	return memmem(&d, sizeof(d), bytes, len) != NULL;
}

void driver_attach(unsigned rows, unsigned columns)
{
	static const struct critical_command m = { .kind = CRITICAL_ATTACH };
	static const int none[2] = { -1, -1 };

	new_rows = rows;
	new_columns = columns;
	display_command(&m, none, 2);
	driver_wait(FRAME_MS);
}

void driver_resize(unsigned rows, unsigned columns)
{
	if (driver.attached)
		told->resized(rows, columns);
	driver_wait(0);
}

void driver_leave(void)
{
	if (driver.attached)
		told->lost("the person has gone");
	driver_wait(0);
}

void driver_wait(uint64_t ms)
{
	uint64_t until = driver.now_ms + ms, next = display_tick(driver.now_ms);

	while (next <= until) {
		driver.now_ms = next > driver.now_ms ? next : driver.now_ms + 1;
		(void)display_tick(driver.now_ms); /* when it wakes up; then before it waits */
		next = display_tick(driver.now_ms);
	}
	if (driver.now_ms >= until)
		return;
	driver.now_ms = until;
	display_tick(until);
}

void driver_jump(uint64_t now_ms)
{
	driver.now_ms = now_ms;
}

void driver_key(uint32_t code, uint32_t modifiers, enum driver_press action)
{
	const struct key k = { code, modifiers, (enum key_action)action };

	if (driver.attached)
		told->key(&k);
	driver_wait(0);
}

void driver_press(uint32_t code)
{
	driver_key(code, 0, DRIVER_PRESSED);
}

void driver_queue(unsigned i, const struct prompt_message *m)
{
	if (queue_end[i] - queue_first[i] < QUEUE)
		queued[i][queue_end[i]++ % QUEUE] = *m;
}

void driver_notify(unsigned i)
{
	display_notified(&critical.end[2 * i]);
	driver_wait(0);
}

void driver_say(unsigned i, const struct prompt_message *m)
{
	driver_queue(i, m);
	driver_notify(i);
}

void driver_close_channel(unsigned i)
{
	critical.end[2 * i].open = critical.end[2 * i + 1].open = false;
	driver_notify(i);
}

void driver_open_channel(unsigned i)
{
	queue_first[i] = queue_end[i];
	breaks[i] = false;
	critical.end[2 * i].open = critical.end[2 * i + 1].open = true;
	driver_notify(i);
}

void driver_break_channel(unsigned i)
{
	breaks[i] = true;
	driver_notify(i);
}

void driver_audit(unsigned i, bool stopped)
{
	log_page[i][0] = stopped ? CHAN_LOG_STOPPED : CHAN_LOG_GOOD;
	driver_notify(i);
}

void driver_ring(void)
{
	display_ready(bell, POLLIN);
	driver_wait(0);
}

uint32_t driver_last(unsigned i)
{
	return driver.answers[i] == 0 ? 0 : driver.answer[i][driver.answers[i] - 1].type;
}

unsigned driver_count(unsigned i, uint32_t type)
{
	unsigned n = 0;

	for (unsigned k = 0; k < driver.answers[i] && k < DRIVER_ANSWERS; k++)
		n += driver.answer[i][k].type == type;
	return n;
}

bool driver_row_shows(unsigned r, const char *text)
{
	size_t len = strlen(text);

	for (unsigned c = 0; c + len <= shown.columns; c++) {
		size_t n = 0;

		while (n < len &&
		       shown.cell[r][c + n].glyph == (uint32_t)(unsigned char)text[n])
			n++;
		if (n == len)
			return true;
	}
	return false;
}

bool driver_shows(const char *text)
{
	for (unsigned r = 0; r < shown.rows; r++)
		if (driver_row_shows(r, text))
			return true;
	return false;
}

struct prompt_message driver_dial(uint64_t id, const char *number)
{
	struct prompt_message m = { .type = PROMPT_DIAL,
				    .id = id,
				    .number_class = NUMBER_NATIONAL };

	memcpy(m.number, number, strlen(number) + 1);
	return m;
}

struct prompt_message driver_withdraw(uint64_t id, const char *number)
{
	struct prompt_message m = driver_dial(id, number);

	m.type = PROMPT_WITHDRAW;
	return m;
}

struct prompt_message driver_call(enum call_state state, const char *number)
{
	struct prompt_message m = driver_dial(0, number);

	m.type = PROMPT_CALL;
	m.call_state = (uint32_t)state;
	m.number_class = number[0] != '\0' ? NUMBER_NATIONAL : 0;
	return m;
}

void driver_terminal_takes(bool anew)
{
	driver.terminal_full = false;
	if (anew)
		critical.end[KEYS].writer.sent = 0;
	display_notified(&critical.end[KEYS]);
}
