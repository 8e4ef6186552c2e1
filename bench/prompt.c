/* SPDX-License-Identifier: ISC */
/*
 * From a guest's wish to the question on the screen: the time from the first byte of an AT command or of an
 * order, on its line, until the trusted display's terminal has the question. Real processes, the guest is
 * played (test/e2e/play.h); meanwhile the other line carries noise.
 *
 * usage: prompt MANIFEST ZWINGER SAMPLES NOISE-PER-SECOND
 */
#include "play.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SEEN (1 << 16)

static struct play play;
static int master;
static char seen[SEEN]; /* what the terminal has got since forget() */
static size_t seen_len;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the person ---- */

static void attach(const char *zwinger, const char *name)
{
	const struct winsize size = { .ws_row = 25, .ws_col = 80 };
	int slave;

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

static void forget(void)
{
	seen_len = 0;
}

/* When the terminal had got the text, or 0: it has not within timeout_ms. */
static uint64_t shown(const char *text, int timeout_ms)
{
	uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000u;

	while (now_ns() < end) {
		struct pollfd p = { .fd = master, .events = POLLIN };
		ssize_t n;

		if (memmem(seen, seen_len, text, strlen(text)) != NULL)
			return now_ns();
		if (poll(&p, 1, 100) <= 0)
			continue;
		if (seen_len == SEEN)
			forget();
		n = read(master, seen + seen_len, SEEN - seen_len);
		if (n <= 0)
			exit(1);
		seen_len += (size_t)n;
	}
	return 0;
}

static void press(const char *keys)
{
	(void)!write(master, keys, strlen(keys));
}

static void need(const char *text)
{
	if (shown(text, 20000) != 0)
		return;
	fprintf(stderr, "prompt: the display does not show '%s'\n", text);
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
		"&item-1-price=450&total=900&currency=EUR&reference=Order+1&nonce=%s",
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
	{ "AT command", "Shall this number", VM_LINE_MODEM, VM_LINE_ORDERS, dial, hang_up },
	{ "order", "Shall this be paid", VM_LINE_ORDERS, VM_LINE_MODEM, order, leave },
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

static void measure(const struct wish *w, unsigned samples, uint64_t *ns)
{
	struct modem_line m;
	pthread_t thread;
	uint64_t begin = now_ns();

	noise = 0;
	noisy = &play.line[w->other];
	if (per_second >= 1000)
		pthread_create(&thread, NULL, make_noise, NULL);
	for (unsigned i = 0; i < samples; i++) {
		uint64_t t;

		forget();
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
		need("keyboard: linux");
		while (play_recv(&play.line[w->line], &m, 0))
			;
		/* Who looks is asked again, after many a question that came to nothing. */
		forget();
		press("\x1d");
		need("back to the guest");
		forget();
		press("\x1d");
		need("keyboard: linux");
	}
	noisy = NULL;
	if (per_second >= 1000)
		pthread_join(thread, NULL);
	leave(); /* of the noise, too */
	hang_up();
	qsort(ns, samples, sizeof(*ns), by_time);
	printf("%-12s %9.2f %9.2f %9.2f %9.2f %9.0f\n", w->name, (double)ns[0] / 1e6,
	       (double)ns[samples / 2] / 1e6, (double)ns[(samples * 99 - 1) / 100] / 1e6,
	       (double)ns[samples - 1] / 1e6, (double)noise * 1e9 / (double)(now_ns() - begin));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned samples;
	uint64_t *ns;

	if (argc != 5)
		return 2;
	samples = (unsigned)atoi(argv[3]);
	per_second = (unsigned)atoi(argv[4]);
	ns = calloc(samples + 1, sizeof(*ns));
	if (samples == 0 || ns == NULL)
		return 2;
	play_start(&play, argv[1]);
	attach(argv[2], "prompt");
	need("keyboard: linux");
	play_send(&play.line[VM_LINE_MODEM], NULL, 0, MODEM_DTR | MODEM_RTS);
	printf("milliseconds    fastest    median       p99   slowest   noise/s\n");
	for (unsigned i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		measure(&wishes[i], samples, ns);
	free(ns);
	return play_end(&play) == 128 + SIGTERM ? 0 : 1;
}
