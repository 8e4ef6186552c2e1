/* SPDX-License-Identifier: ISC */
#include "test_dialler_driver.h"

#include "bug.h"
#include "modem_line.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct driver driver;

enum end { FROM_GUEST, TO_GUEST, QUESTION, ANSWER, ENDS };

static struct critical critical;
static int line_end[2] = { -1, -1 }; /* the dialler's, ours */
static const void *waiting;	     /* a message for the dialler */
static size_t waiting_size;
static char permitted[PROMPT_NUMBER];	    /* may be dialled by what happens now */
static bool may_answer, may_tone, may_help; /* help: an emergency number */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "dialler: %s\n", what);
	abort();
}

/* The loop's side. */

static void hear_question(const struct prompt_message *m)
{
	switch ((enum prompt_type)m->type) {
	case PROMPT_DIAL:
	case PROMPT_ACCEPT:
		must(!driver.stands, "a second question while one stands");
		must(m->id != 0 && m->id != driver.asks.id, "an id that is none, or was used");
		driver.stands = true;
		driver.asks = *m;
		driver.asked++;
		return;
	case PROMPT_WITHDRAW:
		must(driver.stands && m->id == driver.asks.id, "withdraws what does not stand");
		driver.stands = false;
		return;
	case PROMPT_CALL:
		driver.call = *m;
		return;
	}
	must(false, "an unknown message for the display");
}

enum chan_status critical_send(struct critical_end *e, const void *message)
{
	struct modem_line m;
	size_t len = strlen(driver.guest);

	if (!e->open)
		return CHAN_BROKEN;
	if (e == &critical.end[QUESTION]) {
		hear_question(message);
		return CHAN_OK;
	}
	must(e == &critical.end[TO_GUEST], "writes to a channel that it reads");
	memcpy(&m, message, sizeof(m));
	must(m.count <= MODEM_LINE_BYTES, "a line that is too long");
	driver.wires = m.wires;
	for (unsigned i = 0; i < m.count; i++) {
		must(m.bytes[i] < 0x80, "a byte of the modem's came to the guest");
		if (len < sizeof(driver.guest) - 1)
			driver.guest[len++] = (char)m.bytes[i];
	}
	driver.guest[len] = '\0';
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

int critical_resource(const struct critical *c, unsigned i)
{
	(void)c;
	(void)i;
	return line_end[0];
}

void critical_watch(int fd, short events)
{
	(void)fd;
	(void)events;
}

void critical_end_with(enum status st)
{
	must(st == STATUS_OK, "the modem is not gone");
}

/* Its one struct begins anew with each test, as it does with each process. */
#include "dialler.c"

static void check_command(const char *text)
{
	if (may_help && (strcmp(text, "ATD110;") == 0 || strcmp(text, "ATD112;") == 0)) {
		driver.dialled++;
	} else if (strncmp(text, "ATD", 3) == 0) {
		size_t len = strlen(permitted);

		must(len > 0 && strncmp(text + 3, permitted, len) == 0 &&
			     strcmp(text + 3 + len, ";") == 0,
		     "dials what was not shown and confirmed");
		permitted[0] = '\0';
		driver.dialled++;
	} else if (strcmp(text, "ATA") == 0) {
		must(may_answer, "answers what was not asked for");
		may_answer = false;
		driver.answered++;
	} else if (strncmp(text, "AT+VTS=", 7) == 0) {
		must(may_tone && strlen(text) == 8, "a tone that nobody pressed");
		driver.tones++;
	} else if (strcmp(text, "ATH") == 0) {
		driver.hung_up++;
	} else {
		must(strcmp(text, "ATE0V1+CLIP=1") == 0, "another command than these");
	}
}

static void check(void)
{
	char text[sizeof(driver.modem)], *rest = text, *command;
	ssize_t n = read(line_end[1], driver.modem, sizeof(driver.modem) - 1);

	driver.modem[n > 0 ? n : 0] = '\0';
	memcpy(text, driver.modem, sizeof(text));
	while ((command = strsep(&rest, "\r")) != NULL && rest != NULL)
		check_command(command);
	must(command == NULL || command[0] == '\0', "a command without an end");
	must(d.state < STATES, "a state that is none");
	must((driver.wires & MODEM_DCD) == 0 || d.state == CONNECTED, "DCD without a call");
	must(driver.stands == (d.state == ASKING || d.state == ACCEPTING),
	     "asks, or does not, beside its state");
	permitted[0] = '\0';
	may_answer = may_tone = may_help = false;
}

static void begin(void)
{
	driver.guest[0] = '\0';
	driver.now_ms++;
	dialler_tick(driver.now_ms);
}

static void set_channel(enum end i, enum channel_role role, uint32_t size)
{
	critical.config.channel[i].role = (uint32_t)role;
	critical.config.channel[i].geometry = (struct chan_geometry){ 16, size };
	critical.end[i].config = &critical.config.channel[i];
	critical.end[i].open = true;
}

void driver_open(void)
{
	static const struct dialler_settings settings = {
		.country = "+49",
		.international = "00",
		.trunk = "0",
		.rule_count = 3,
		.rule = { { "110", NUMBER_EMERGENCY, 0, 0 },
			  { "112", NUMBER_EMERGENCY, 0, 0 },
			  { "0900", NUMBER_PREMIUM, 299, 0 } },
	};

	memset(&critical, 0, sizeof(critical));
	driver = (struct driver){ .now_ms = 1000 };
	waiting = NULL;
	if (line_end[0] < 0)
		BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
				  line_end) < 0);
	set_channel(FROM_GUEST, CHANNEL_READER, sizeof(struct modem_line));
	set_channel(TO_GUEST, CHANNEL_WRITER, sizeof(struct modem_line));
	set_channel(QUESTION, CHANNEL_WRITER, sizeof(struct prompt_message));
	set_channel(ANSWER, CHANNEL_READER, sizeof(struct prompt_answer));
	critical.config.channel_count = ENDS;
	critical.config.resource_count = 1;
	memcpy(critical.config.settings, &settings, sizeof(settings));
	while (read(line_end[1], driver.modem, sizeof(driver.modem)) > 0)
		;
	BUG_ON(dialler_open(&critical) != STATUS_OK);
	begin();
	check();
}

static void deliver(enum end end, const void *message, size_t size)
{
	waiting = message;
	waiting_size = size;
	dialler_notified(&critical.end[end]);
	check();
}

void driver_type(const void *bytes, size_t len, uint8_t wires)
{
	begin();
	do {
		struct modem_line m = { .type = MODEM_LINE_TYPE, .wires = wires };

		m.count = (uint8_t)(len < MODEM_LINE_BYTES ? len : MODEM_LINE_BYTES);
		memcpy(m.bytes, bytes, m.count);
		bytes = (const uint8_t *)bytes + m.count;
		len -= m.count;
		may_help = true;
		deliver(FROM_GUEST, &m, sizeof(m));
	} while (len > 0);
}

void driver_line(const char *text)
{
	driver_type(text, strlen(text), MODEM_DTR);
}

static void restart(enum end one, enum end other)
{
	begin();
	critical.end[one].open = critical.end[other].open = false;
	dialler_notified(&critical.end[one]);
	dialler_notified(&critical.end[other]);
	if (one == QUESTION)
		driver.stands = false;
	else
		driver.wires = 0;
	check();
	critical.end[one].open = critical.end[other].open = true;
	dialler_notified(&critical.end[one]);
	dialler_notified(&critical.end[other]);
	check();
}

void driver_restart_guest(void)
{
	restart(FROM_GUEST, TO_GUEST);
}

void driver_restart_display(void)
{
	restart(QUESTION, ANSWER);
}

void driver_answer(const struct prompt_answer *a)
{
	bool ends = a->type == ANSWER_YES || a->type == ANSWER_NO ||
		    a->type == ANSWER_TIMEOUT || a->type == ANSWER_BUSY ||
		    a->type == ANSWER_BACKOFF || a->type == ANSWER_REFUSED;

	begin();
	may_tone = a->type == ANSWER_TONE && d.state == CONNECTED;
	if (ends && driver.stands && a->id == driver.asks.id &&
	    memcmp(a->number, driver.asks.number, sizeof(a->number)) == 0) {
		if (a->type == ANSWER_YES && driver.asks.type == PROMPT_DIAL)
			memcpy(permitted, a->number, sizeof(permitted));
		may_answer = a->type == ANSWER_YES && driver.asks.type == PROMPT_ACCEPT;
		/* An accepted question that is answered with no may still be withdrawn. */
		if (a->type == ANSWER_YES || a->type == ANSWER_BUSY ||
		    a->type == ANSWER_BACKOFF || a->type == ANSWER_REFUSED)
			driver.stands =
				driver.asks.type == PROMPT_ACCEPT && a->type != ANSWER_YES;
	}
	deliver(ANSWER, a, sizeof(*a));
}

void driver_say(enum answer_type type)
{
	struct prompt_answer a = { .type = type, .id = driver.asks.id };

	memcpy(a.number, driver.asks.number, sizeof(a.number));
	driver_answer(&a);
}

void driver_modem(const void *bytes, size_t len)
{
	begin();
	BUG_ON(write(line_end[1], bytes, len) < 0);
	dialler_ready(line_end[0], POLLIN);
	check();
}

void driver_modem_says(const char *line)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "\r\n%s\r\n", line);

	driver_modem(text, (size_t)n);
}

void driver_wait(uint64_t ms)
{
	begin();
	driver.now_ms += ms;
	dialler_tick(driver.now_ms);
	check();
}

/* For the table of states and events. */
unsigned driver_state(unsigned state, unsigned event);
unsigned driver_state(unsigned state, unsigned event)
{
	driver_open();
	if (state == ASKING || state == DIALLING || state == CONNECTED)
		driver_line("ATD0900123;\r");
	if (state == DIALLING || state == CONNECTED)
		driver_say(ANSWER_YES);
	if (state == CONNECTED)
		driver_modem_says("OK");
	if (state == RINGING || state == ACCEPTING)
		driver_modem_says("RING");
	if (state == ACCEPTING)
		driver_line("ATA\r");
	must(d.state == state, "the way into a state");
	begin();
	if (event == PERSON_YES) {
		memcpy(permitted, driver.asks.number, state == ASKING ? sizeof(permitted) : 0);
		may_answer = state == ACCEPTING;
	}
	if (event >= PERSON_YES && event <= PERSON_REFUSED)
		driver.stands = driver.stands && d.state == ASKING && event == PERSON_NO;
	d.why = AT_ERROR;
	if (event >= PERSON_YES && event <= PERSON_REFUSED && state == ACCEPTING)
		driver.stands = event != PERSON_YES;
	happens((enum event)event);
	tell_guest();
	check();
	return d.state;
}
