/* SPDX-License-Identifier: ISC */
/*
 * From a guest's wish to the question on the screen: the time from the first byte of an AT command or of an
 * order, on its line, until the trusted display's terminal has the question. And from the last key of the
 * PIN to the signature: its parts, by the times in the audit log. Real processes, the guest is played
 * (test/e2e/play.h); meanwhile the other line carries noise.
 *
 * usage: prompt MANIFEST ZWINGER SAMPLES NOISE-PER-SECOND PAYMENTS
 */
#include "eyes.h"
#include "payment_messages.h"
#include "play.h"
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ROWS	25
#define COLUMNS 80
#define DEAD_MS 500 /* of the manifest; keys count this long after a page was drawn */
#define LOOK_MS 40  /* an idle display's last frame is older */

static struct play play;
static int master;

/* As the log's. */
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the person ---- */

static void attach(const char *zwinger, const char *name)
{
	const struct winsize size = { .ws_row = ROWS, .ws_col = COLUMNS };
	int slave;

	eyes_open(ROWS, COLUMNS);
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ioctl(master, TIOCSWINSZ, &size) < 0)
		exit(1);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (fork() == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(slave, fd);
		execl(zwinger, zwinger, "display", name, (char *)NULL);
		_exit(127);
	}
	close(slave);
}

/* When the screen showed the text, or 0: it has not within timeout_ms. */
static uint64_t shown(const char *text, int timeout_ms)
{
	uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000u;

	while (!eyes_see(text)) {
		struct pollfd p = { .fd = master, .events = POLLIN };

		if (now_ns() >= end)
			return 0;
		if (poll(&p, 1, 100) > 0 && !eyes_look(master))
			exit(1);
	}
	return now_ns();
}

/* Keeps looking, so that the display can write. */
static void rest(unsigned ms)
{
	uint64_t end = now_ns() + ms * 1000000ull;

	while (now_ns() < end) {
		struct pollfd p = { .fd = master, .events = POLLIN };

		if (poll(&p, 1, 2) > 0 && !eyes_look(master))
			exit(1);
	}
}

static void press(const char *keys)
{
	(void)!write(master, keys, strlen(keys));
}

/* One after the other, as a person's come. */
static void type(const char *keys)
{
	for (; *keys != '\0'; keys++) {
		(void)!write(master, keys, 1);
		rest(100);
	}
}

static void need(const char *text)
{
	char row[EYES_LINE];

	if (shown(text, 20000) != 0)
		return;
	fprintf(stderr, "prompt: the display does not show '%s', but:\n", text);
	for (int r = 0; r < ROWS; r++) {
		eyes_row(r, row);
		fprintf(stderr, "  %s\n", row);
	}
	play_end(&play);
	exit(1);
}

/* ---- the guest ---- */

static void digits(char *text, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned char c;

		(void)!getrandom(&c, 1, 0);
		text[i] = (char)('0' + c % 10);
	}
}

/* A German IBAN: its check digits make the whole, rearranged, 1 modulo 97 (ISO 13616). */
static void iban(char text[23])
{
	unsigned rest = 0;

	memcpy(text, "DE00", 4);
	digits(text + 4, 18);
	text[22] = '\0';
	for (unsigned i = 4; i < 22; i++)
		rest = (rest * 10 + (unsigned)(text[i] - '0')) % 97;
	for (const char *p = "131400"; *p != '\0'; p++)
		rest = (rest * 10 + (unsigned)(*p - '0')) % 97;
	rest = 98 - rest;
	text[2] = (char)('0' + rest / 10);
	text[3] = (char)('0' + rest % 10);
}

static void dial(void)
{
	char command[] = "ATD0300000000;\r";

	digits(command + 6, 7);
	command[6] = '5';
	play_send(&play.line[VM_LINE_MODEM], command, strlen(command), MODEM_DTR | MODEM_RTS);
}

static void hang_up(void)
{
	play_send(&play.line[VM_LINE_MODEM], "AT\r", 3, MODEM_DTR | MODEM_RTS);
}

static void order(void)
{
	char account[23], nonce[33], body[512], request[1024];
	int n;

	iban(account);
	digits(nonce, 32);
	nonce[32] = '\0';
	n = snprintf(
		body, sizeof(body),
		"payee=Bean+and+Leaf+GmbH&account=%s&item-1-name=Espresso+beans+250+g&item-1-quantity=2"
		"&item-1-price=453&total=906&currency=EUR&reference=Order+1&nonce=%s",
		account, nonce);
	n = snprintf(
		request, sizeof(request),
		"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		"Content-Length: %d\r\n\r\n%s",
		n, body);
	play_send(&play.line[VM_LINE_ORDERS], request, (size_t)n, MODEM_DTR | MODEM_RTS);
}

static void leave(void)
{
	play_send(&play.line[VM_LINE_ORDERS], NULL, 0, 0);
}

static const struct wish {
	const char *name, *question;
	enum vm_line line, other;
	void (*make)(void), (*take_back)(void);
} wishes[] = {
	{ "AT command to its question", "Shall this number", VM_LINE_MODEM, VM_LINE_ORDERS,
	  dial, hang_up },
	{ "order to its question", "Shall this be paid", VM_LINE_ORDERS, VM_LINE_MODEM, order,
	  leave },
};

/* ---- noise ---- */

static _Atomic(struct play_line *) noisy;
static unsigned per_second;
static uint64_t noise;

static void *make_noise(void *arg)
{
	static const char line[] = "AT+NOISE=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r";
	struct play_line *l;

	(void)arg;
	while ((l = noisy) != NULL) {
		struct modem_line answer;

		for (unsigned i = 0; i < per_second / 1000; i++, noise++)
			play_send(l, line, sizeof(line) - 1, MODEM_DTR | MODEM_RTS);
		while (play_recv(l, &answer, 0))
			;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return NULL;
}

/* ---- the measurement ---- */

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print_times(const char *name, uint64_t *ns, unsigned count)
{
	qsort(ns, count, sizeof(*ns), by_time);
	printf("%-42s %9.2f %9.2f %9.2f %9.2f", name, (double)ns[0] / 1e6,
	       (double)ns[count / 2] / 1e6, (double)ns[(count * 99 - 1) / 100] / 1e6,
	       (double)ns[count - 1] / 1e6);
	fflush(stdout);
}

static void progress(const char *what, unsigned done, unsigned of)
{
	if (!isatty(STDOUT_FILENO))
		return;
	printf("\r%s: %u of %u\033[K%s", what, done, of, done == of ? "\r\033[K" : "");
	fflush(stdout);
}

static pthread_t noise_thread;
static uint64_t noise_began;

static void begin_noise(enum vm_line line)
{
	noise = 0;
	noise_began = now_ns();
	noisy = &play.line[line];
	if (per_second >= 1000)
		pthread_create(&noise_thread, NULL, make_noise, NULL);
}

/* How much it was, in a second. */
static double end_noise(void)
{
	double per_s = (double)noise * 1e9 / (double)(now_ns() - noise_began);

	noisy = NULL;
	if (per_second >= 1000)
		pthread_join(noise_thread, NULL);
	leave();
	hang_up();
	return per_s;
}

/* All of it that there is, and whether it has the text. */
static bool heard(struct play_line *l, const char *text)
{
	static char bytes[1 << 14];
	static size_t len;
	struct modem_line m;

	while (play_recv(l, &m, 0)) {
		if (len + m.count > sizeof(bytes))
			len = 0;
		memcpy(bytes + len, m.bytes, m.count);
		len += m.count;
	}
	if (memmem(bytes, len, text, strlen(text)) == NULL)
		return false;
	len = 0;
	return true;
}

static void measure(const struct wish *w, unsigned samples, uint64_t *ns)
{
	struct modem_line m;

	begin_noise(w->other);
	for (unsigned i = 0; i < samples; i++) {
		uint64_t t;
		unsigned char some;

		progress(w->name, i, samples);
		(void)!getrandom(&some, 1, 0);
		rest(LOOK_MS + some % 16);
		t = now_ns();
		w->make();
		ns[i] = shown(w->question, 20000);
		if (ns[i] == 0) {
			while (play_recv(&play.line[w->line], &m, 0))
				fprintf(stderr, "%.*s", m.count, (const char *)m.bytes);
			need(w->question);
		}
		ns[i] -= t;
		w->take_back();
		need("question has gone");
		while (play_recv(&play.line[w->line], &m, 0))
			;
		/* Who looks is asked again, after many a question that came to nothing. */
		press("\x1d");
		need("back to the guest");
		press("\x1d");
		need("question has gone");
	}
	progress(w->name, samples, samples);
	print_times(w->name, ns, samples);
	printf(" %9.0f\n", end_noise());
}

/* ---- signatures ---- */

#define PIN "4712"

/* The parts of the way from a PIN's Enter to the receipt. */
enum part { JUDGED, GRANTED, CONFIRMED, SIGNED, SHOWN, DELIVERED, PARTS };

static const char *const parts[PARTS] = {
	[JUDGED] = "Enter, to the PIN was right (Argon2id)",
	[GRANTED] = "... to it is granted, on the disk",
	[CONFIRMED] = "... to the confirmed text is in the log",
	[SIGNED] = "... to signed, and on the disk",
	[SHOWN] = "... to \"Paid\" is on the screen",
	[DELIVERED] = "... seen for the dead time, to the guest",
};

static void choose_pin(void)
{
	press("\x1d");
	need("back to the guest");
	press("p");
	need("Choose the new PIN");
	type(PIN "\r");
	need("once more");
	type(PIN "\r");
	need("PIN is changed");
}

/* Reads, confirms, gives the PIN. t[JUDGED]: when Enter was pressed, until the log says more. */
static void pay(uint64_t t[PARTS + 1])
{
	order();
	for (unsigned page = 0; page < 3; page++) {
		static const char *const title[] = { "Page 1 of 4", "Page 2 of 4",
						     "Page 3 of 4" };

		need(title[page]);
		need("[Page Down]");
		(void)!write(master, "\x1b[6~", 4);
	}
	/* On a busy machine two keys may come together, like one that bounces: then it all begins anew. */
	do {
		need("pay: [ ] [ ] [Enter]");
		press("0");
		if (shown("pay: [0] [ ]", 2000) == 0)
			continue;
		rest(100);
		press("6");
	} while (shown("pay: [0] [6]", 2000) == 0);
	rest(100);
	press("\r");
	need("Enter your PIN to pay");
	need("[            ]");
	type(PIN);
	t[0] = now_ns();
	press("\r");
	t[1 + SHOWN] = shown("Paid: the payment is signed", 20000);
	while (!heard(&play.line[VM_LINE_ORDERS], "Confirmation: "))
		rest(1);
	t[1 + DELIVERED] = now_ns();
	leave();
	need("Any key: go on");
	press("x");
	rest(100);
}

/* When the log had what of the payments, one after the other. */
static void read_log(uint64_t (*t)[PARTS + 1], unsigned payments)
{
	static const struct {
		const char *channel;
		uint32_t type;
		enum part part;
	} steps[] = {
		{ "verify", VERIFIER_RIGHT, JUDGED },
		{ "verified", VERIFIER_DONE, GRANTED },
		{ "pay-drawn", PAYMENT_CONFIRM, CONFIRMED },
		{ "pay-receipt", PAYMENT_SIGNED, SIGNED },
	};
	static struct reader r;
	struct record record;
	unsigned payment = 0, step = 0;

	if (!reader_open(&r, "audit"))
		exit(1);
	while (payment < payments && reader_next(&r, &record) == READER_RECORD) {
		uint32_t type;

		if (record.header.kind != AUDIT_MESSAGE ||
		    record.header.time_ns < t[payment][0] ||
		    strcmp(record.channel->name, steps[step].channel) != 0)
			continue;
		memcpy(&type, record.payload, sizeof(type));
		if (type != steps[step].type)
			continue;
		t[payment][1 + steps[step].part] = record.header.time_ns;
		if (++step == sizeof(steps) / sizeof(steps[0])) {
			step = 0;
			payment++;
		}
	}
	if (payment < payments) {
		fprintf(stderr, "prompt: the log has %u of %u payments: %s\n", payment,
			payments, r.why);
		exit(1);
	}
}

/* What cannot be quicker: a PIN's hash, and a write of the size of the store's to this disk. */
static void print_floor(uint64_t *ns)
{
	enum { HASHES = 5, WRITES = 50, BYTES = 4608 };
	static char verifier[crypto_pwhash_STRBYTES], bytes[BYTES];
	int file = open("floor", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t t;

	if (file < 0 || sodium_init() < 0 ||
	    crypto_pwhash_str(verifier, PIN, strlen(PIN), crypto_pwhash_OPSLIMIT_INTERACTIVE,
			      crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		exit(1);
	for (unsigned i = 0; i < HASHES; i++) {
		t = now_ns();
		if (crypto_pwhash_str_verify(verifier, PIN, strlen(PIN)) != 0)
			exit(1);
		ns[i] = now_ns() - t;
	}
	print_times("(Argon2id alone)", ns, HASHES);
	printf("\n");
	for (unsigned i = 0; i < WRITES; i++) {
		rest(20);
		t = now_ns();
		if (pwrite(file, bytes, BYTES, 0) != BYTES || fdatasync(file) < 0)
			exit(1);
		ns[i] = now_ns() - t;
	}
	print_times("(one synced write to this disk alone)", ns, WRITES);
	printf("\n");
	close(file);
}

static void measure_payments(unsigned payments, uint64_t *ns)
{
	uint64_t(*t)[PARTS + 1] = calloc(payments, sizeof(*t));

	if (t == NULL)
		exit(1);
	choose_pin();
	begin_noise(VM_LINE_MODEM);
	for (unsigned i = 0; i < payments; i++) {
		progress("payment", i, payments);
		pay(t[i]);
	}
	progress("payment", payments, payments);
	printf("with noise of %.0f a second:\n", end_noise());
	read_log(t, payments);
	for (unsigned p = 0; p < PARTS; p++) {
		for (unsigned i = 0; i < payments; i++)
			ns[i] = t[i][p + 1] - t[i][p];
		print_times(parts[p], ns, payments);
		printf("\n");
	}
	free(t);
	print_floor(ns);
}

int main(int argc, char **argv)
{
	unsigned samples, payments;
	uint64_t *ns;

	if (argc != 6)
		return 2;
	samples = (unsigned)atoi(argv[3]);
	per_second = (unsigned)atoi(argv[4]);
	payments = (unsigned)atoi(argv[5]);
	ns = calloc(samples + payments + 100, sizeof(*ns));
	if (ns == NULL)
		return 2;
	play_start(&play, argv[1]);
	attach(argv[2], "prompt");
	need("keyboard: linux");
	play_send(&play.line[VM_LINE_MODEM], NULL, 0, MODEM_DTR | MODEM_RTS);
	printf("%-42s %9s %9s %9s %9s %9s\n", "milliseconds", "fastest", "median", "p99",
	       "slowest", "noise/s");
	for (unsigned i = 0; samples > 0 && i < sizeof(wishes) / sizeof(wishes[0]); i++)
		measure(&wishes[i], samples, ns);
	if (payments > 0)
		measure_payments(payments, ns);
	free(ns);
	return play_end(&play) == 128 + SIGTERM ? 0 : 1;
}
