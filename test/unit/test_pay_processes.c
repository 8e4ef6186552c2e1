/* SPDX-License-Identifier: ISC */
/*
 * zwinger-storage and zwinger-auth as they are started, in their sandboxes and with the real
 * Argon2id; the display and show-and-pay are this file's. They are killed at every step. It prints
 * what a signature and a PIN cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chan_pages.h"
#include "critical_settings.h"
#include "payment_chunks.h"
#include "receipt.h"
#include "spawn.h"

#define WAIT_MS 60000 /* only a hang takes so long */
#define SLOTS	32

/* The leak check cannot work within a sandbox, and takes the exit status for its own. */
#ifdef ZW_SANITIZE
#define AT_THE_END SIGKILL
#else
#define AT_THE_END 0
#endif

enum channel { ORDER, SIGNED, CONFIRM, GUESS, TRIES, PIN, SAID, CHANNELS };
enum process { STORAGE, AUTH, PROCESSES };

static const struct {
	const char *name, *from, *to;
	uint32_t size;
} channels[CHANNELS] = {
	[ORDER] = { "order", "pay", "storage", sizeof(struct payment_message) },
	[SIGNED] = { "signed", "storage", "pay", sizeof(struct payment_message) },
	[CONFIRM] = { "confirm", "screen", "storage", sizeof(struct payment_message) },
	[GUESS] = { "guess", "auth", "storage", sizeof(struct verifier_message) },
	[TRIES] = { "tries", "storage", "auth", sizeof(struct verifier_message) },
	[PIN] = { "pin", "screen", "auth", sizeof(struct pin_message) },
	[SAID] = { "said", "auth", "screen", sizeof(struct pin_answer) },
};
static const char *const names[PROCESSES] = { "storage", "auth" };
static const char *const programs[PROCESSES] = { STORAGE_PROGRAM, AUTH_PROGRAM };

static int files[STORAGE_ANCHOR + 1];
static struct chan_pages pages[CHANNELS];
static struct chan_writer writer[CHANNELS];
static struct chan_reader reader[CHANNELS];
static struct {
	pid_t pid;
	int pidfd, control;
} running[PROCESSES];
static struct payment_reserved reserved;
static struct payment_signatures signature;
static char text[PAYMENT_TEXT_MAX];
static uint32_t text_len;

static void start_process(enum process p)
{
	static struct critical_config c;
	char *argv[] = { (char *)(uintptr_t)names[p], NULL };
	struct spawn_error why = { 0 };
	struct spawn_fd fds[SPAWN_FDS_MAX];
	struct spawn_child child;
	struct storage_settings storage = { .tries = PIN_TRIES };
	unsigned n = 0, k = 0;
	int pair[2], exe = open(programs[p], O_RDONLY | O_CLOEXEC);

	assert_true(exe >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	memset(&c, 0, sizeof(c));
	c.version = CRITICAL_CONFIG_VERSION;
	snprintf(c.name, sizeof(c.name), "%s", names[p]);
	fds[n++] = (struct spawn_fd){ pair[1], CRITICAL_FD_CONTROL };
	fds[n++] = (struct spawn_fd){ STDERR_FILENO, CRITICAL_FD_LOG };
	for (unsigned i = 0; i < CHANNELS; i++) {
		bool writes = strcmp(channels[i].from, names[p]) == 0;
		struct critical_channel *e = &c.channel[k];

		if (!writes && strcmp(channels[i].to, names[p]) != 0)
			continue;
		e->role = writes ? CHANNEL_WRITER : CHANNEL_READER;
		e->geometry = pages[i].geometry;
		snprintf(e->name, sizeof(e->name), "%s", channels[i].name);
		snprintf(e->from, sizeof(e->from), "%s", channels[i].from);
		snprintf(e->to, sizeof(e->to), "%s", channels[i].to);
		for (int w = CHANNEL_DATA; w < CHANNEL_FDS; w++) {
			int fd = chan_pages_fd(&pages[i], writes ? CHAN_WRITER : CHAN_READER,
					       (enum channel_fd)w);

			if (fd >= 0)
				fds[n++] = (struct spawn_fd){
					fd, CRITICAL_FD_CHANNEL + (int)k * CHANNEL_FDS + w
				};
		}
		k++;
	}
	c.channel_count = k;
	if (p == STORAGE) {
		c.resource_count = STORAGE_ANCHOR + 1;
		c.settings_size = sizeof(storage);
		memcpy(c.settings, &storage, sizeof(storage));
		for (int i = 0; i <= STORAGE_ANCHOR; i++)
			fds[n++] =
				(struct spawn_fd){ files[i], CRITICAL_FD_CHANNEL +
								     (int)k * CHANNEL_FDS + i };
	} else {
		c.settings_size = sizeof(struct auth_settings);
	}
	struct spawn_program program = { .exe = exe, .argv = argv, .fds = fds, .fd_count = n };
	if (!spawn_start(&program, &child, &why))
		fail_msg("%s: %s", why.step, strerror(why.error));
	assert_int_equal(send(pair[0], &c, sizeof(c), 0), sizeof(c));
	running[p].pid = child.pid;
	running[p].pidfd = child.pidfd;
	running[p].control = pair[0];
	close(pair[1]);
	close(exe);
}

/* Our own ends; chan_map_*() wants them in a row. */
static int row_of(unsigned i, enum chan_role role)
{
	int first = 600 + (int)i * CHANNEL_FDS;

	for (int w = CHANNEL_DATA; w < CHANNEL_FDS; w++) {
		int fd = chan_pages_fd(&pages[i], role, (enum channel_fd)w);

		close(first + w);
		if (fd >= 0)
			assert_int_equal(dup3(fd, first + w, O_CLOEXEC), first + w);
	}
	return first;
}

static void start(void)
{
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct chan_geometry g = { SLOTS, channels[i].size };

		assert_true(chan_pages_create(&pages[i], g, false));
		if (i == ORDER || i == CONFIRM || i == PIN)
			assert_true(
				chan_map_writer(&writer[i], row_of(i, CHAN_WRITER), g, false));
		if (i == SIGNED || i == SAID)
			assert_true(
				chan_map_reader(&reader[i], row_of(i, CHAN_READER), g, false));
	}
	start_process(STORAGE);
	start_process(AUTH);
}

/* How it ended: 0, or what killed it. */
static int stop(enum process p, int by)
{
	int status = 0;

	if (by != 0)
		assert_int_equal(kill(running[p].pid, by), 0);
	else
		close(running[p].control);
	assert_int_equal(waitpid(running[p].pid, &status, 0), running[p].pid);
	if (by != 0)
		close(running[p].control);
	close(running[p].pidfd);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void stop_all(int by)
{
	assert_int_equal(stop(AUTH, by), by);
	assert_int_equal(stop(STORAGE, by), by);
	for (unsigned i = 0; i < CHANNELS; i++) {
		const int fds[] = { pages[i].data,    pages[i].data_ro, pages[i].ack,
				    pages[i].ack_ro,  pages[i].log,	pages[i].log_ro,
				    pages[i].bell[0], pages[i].bell[1], pages[i].bell[2] };

		for (size_t j = 0; j < sizeof(fds) / sizeof(*fds); j++)
			if (fds[j] >= 0)
				close(fds[j]);
	}
}

static void put(enum channel c, const void *message)
{
	assert_int_equal(chan_send(&writer[c], message), CHAN_OK);
}

static void take(enum channel c, void *message)
{
	struct pollfd p = { .fd = reader[c].bell, .events = POLLIN };

	while (chan_recv(&reader[c], message) != CHAN_OK) {
		if (!chan_doze(&reader[c]))
			continue;
		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("nothing comes on %s", channels[c].name);
		chan_awake(&reader[c]);
		chan_silence(p.fd);
	}
}

static struct pin_answer say_pin(enum pin_type type, uint64_t id, const char *pin,
				 const char *new_pin)
{
	struct pin_message m = { .type = type, .id = id };
	struct pin_answer a;

	memcpy(m.pin, pin, strlen(pin));
	memcpy(m.new_pin, new_pin, strlen(new_pin));
	put(PIN, &m);
	take(SAID, &a);
	assert_int_equal(a.id, id);
	return a;
}

static void reserve(uint64_t id)
{
	struct payment_message m = { .type = PAYMENT_RESERVE, .id = id };

	put(ORDER, &m);
	take(SIGNED, &m);
	assert_int_equal(m.type, PAYMENT_RESERVED);
	assert_int_equal(m.value, 0);
	memcpy(&reserved, m.bytes, sizeof(reserved));
}

static void make_text(void)
{
	struct payment p = { .payee = "Bean and Leaf GmbH",
			     .account = "DE89370400440532013000",
			     .item_count = 1,
			     .item = { { 2, 450, "Espresso" } },
			     .total = 900,
			     .currency = "EUR",
			     .reference = "Order 4711",
			     .nonce = "00112233445566778899aabbccddeeff",
			     .from = "DE02120300000000202051",
			     .date = "2026-11-29T14:55:01Z",
			     .count = reserved.count };

	receipt_hex(reserved.key, sizeof(reserved.key), p.key);
	text_len = (uint32_t)payment_format(&p, text);
}

static void confirm(uint64_t id)
{
	struct payment_message m;

	for (uint32_t at = 0; at < text_len;) {
		at = payment_chunk(&m, id, text, text_len, at);
		put(CONFIRM, &m);
	}
	m = (struct payment_message){ .type = PAYMENT_CONFIRM, .id = id, .value = text_len };
	put(CONFIRM, &m);
}

static bool genuine(void)
{
	uint8_t message[RECEIPT_MESSAGE_MAX];
	size_t n = receipt_message(text, text_len, message);

	return crypto_sign_verify_detached(signature.signature, message, n, reserved.key) == 0;
}

/* The count of the receipt that comes; 0: there is none. */
static uint64_t take_receipt(void)
{
	static struct payment_chunks chunks;
	struct payment_message m;
	struct payment p;

	do {
		take(SIGNED, &m);
		if (m.type == PAYMENT_TEXT)
			assert_true(payment_chunks_take(&chunks, &m));
	} while (m.type == PAYMENT_TEXT);
	assert_int_equal(m.type, PAYMENT_SIGNED);
	memcpy(&signature, m.bytes, sizeof(signature));
	if (m.value == 0)
		return 0;
	assert_true(payment_chunks_whole(&chunks, &m));
	assert_true(payment_parse(&p, chunks.text, chunks.len));
	return p.count;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void test_life(void **state)
{
	double begun, signed_ms;

	(void)state;
	start();
	assert_int_equal(say_pin(PIN_ASK, 1, "", "").type, PIN_UNSET);
	assert_int_equal(say_pin(PIN_CHANGE, 2, "", "1234").type, PIN_RIGHT);
	reserve(7);
	make_text();
	assert_int_equal(say_pin(PIN_TRY, 7, "0000", "").type, PIN_WRONG);
	begun = now_ms();
	assert_int_equal(say_pin(PIN_TRY, 7, "1234", "").type, PIN_RIGHT);
	signed_ms = now_ms();
	confirm(7);
	assert_int_equal(take_receipt(), 1);
	printf("a PIN took %.1f ms, a signature %.2f ms\n", signed_ms - begun,
	       now_ms() - signed_ms);
	assert_true(genuine());
	assert_int_equal(say_pin(PIN_CHANGE, 8, "1234", "123456789012").type, PIN_RIGHT);
	assert_int_equal(say_pin(PIN_TRY, 9, "1234", "").tries, PIN_TRIES - 1);
	stop_all(AT_THE_END);
	/* All is there again. */
	start();
	assert_int_equal(say_pin(PIN_ASK, 1, "", "").tries, PIN_TRIES - 1);
	reserve(8);
	assert_int_equal(reserved.count, 2);
	stop_all(AT_THE_END);
}

/* attack_K4, attack_K12, attack_K13, attack_O4: both are killed after each message of a payment, then a few times at any moment. */
static void test_attack_K4_K12_K13_O4_killed(void **state)
{
	uint64_t count = 1, id = 100, last = 1;
	uint32_t tries = PIN_TRIES;

	(void)state;
	for (unsigned step = 0; step < 24; step++) {
		struct pin_answer a;
		struct payment_message m = { .type = PAYMENT_RECEIPT, .id = 1 };

		start();
		a = say_pin(PIN_ASK, 1, "", "");
		assert_int_equal(a.type, PIN_IS_SET); /* by the test before */
		/* Whatever was killed: no try has come back, but by a right PIN. */
		assert_true(a.tries <= tries);
		tries = a.tries;
		put(ORDER, &m);
		/* What was signed is there, once, whether it was heard of or not. */
		assert_in_range(take_receipt(), last, last + 1);
		reserve(++id);
		assert_true(reserved.count > count);
		count = last = reserved.count - 1;
		make_text();
		if (step % 8 >= 1 && tries > 1) {
			a = say_pin(PIN_TRY, id, "0000", "");
			assert_int_equal(a.type, PIN_WRONG);
			assert_int_equal(a.tries, tries - 1);
			tries--;
		}
		if (step % 8 >= 2) {
			tries = PIN_TRIES;
			assert_int_equal(say_pin(PIN_TRY, id, "123456789012", "").type,
					 PIN_RIGHT);
		}
		if (step % 8 >= 3) {
			confirm(id);
			if (step >= 8)
				usleep(step * 20); /* somewhere while it signs */
		}
		if (step % 8 >= 4 && step < 8) {
			last = count = take_receipt();
			assert_int_equal(last, reserved.count);
			assert_true(genuine());
		}
		stop_all(SIGKILL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_attack_K4_K12_K13_O4_killed),
	};
	char path[] = "/tmp/zwinger-store-XXXXXX", name[64];
	uint8_t key[32];
	int result;

	if (sodium_init() < 0 || mkdtemp(path) == NULL)
		return 1;
	randombytes_buf(key, sizeof(key));
	for (int i = 0; i <= STORAGE_ANCHOR; i++) {
		snprintf(name, sizeof(name), "%s/%d", path, i);
		files[i] = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		unlink(name);
	}
	rmdir(path);
	if (write(files[STORAGE_KEY], key, sizeof(key)) != sizeof(key))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	return result;
}
