/* SPDX-License-Identifier: ISC */
/* The anchor in a TPM: what is sent, what may come back; and the store on a real TPM's code, swtpm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "store.h"
#include "tpm_counter.h"

#define INDEX	 0x1500016
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A TPM that answers what it is told, and that what it was asked can be read of. */

static int pair[2];

static void answer(const char *bytes, size_t len)
{
	assert_int_equal(send(pair[1], bytes, len, 0), (ssize_t)len);
}
#define ANSWER(text) answer(text, sizeof(text) - 1)

static void asked(const char *bytes, size_t len)
{
	char got[256];

	assert_int_equal(recv(pair[1], got, sizeof(got), 0), (ssize_t)len);
	assert_memory_equal(got, bytes, len);
}
#define ASKED(text) asked(text, sizeof(text) - 1)

static void open_pair(void)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
}

static void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

/* NV_ReadPublic's answer with these attributes; then the name, which nobody reads. */
#define PUBLIC(attributes)                                                                     \
	"\x80\x01\x00\x00\x00\x3e\x00\x00\x00\x00\x00\x0e\x01\x50\x00\x16\x00\x0b" attributes  \
	"\x00\x00\x00\x08\x00\x22\x00\x0b"                                                     \
	"01234567890123456789012345678901"
#define VALUE                                                                                  \
	"\x80\x02\x00\x00\x00\x1d\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x08"                     \
	"\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x01\x00\x00"
#define GOOD "\x22\x06\x00\x14"

static void test_commands(void **state)
{
	uint64_t value = 0;

	(void)state;
	open_pair();
	ANSWER(PUBLIC(GOOD));
	ANSWER(VALUE);
	assert_int_equal(tpm_counter_read(pair[0], INDEX, &value), TPM_COUNTER_GOOD);
	assert_true(value == 0x0102030405060708);
	ASKED("\x80\x01\x00\x00\x00\x0e\x00\x00\x01\x69\x01\x50\x00\x16");
	ASKED("\x80\x02\x00\x00\x00\x23\x00\x00\x01\x4e\x01\x50\x00\x16\x01\x50\x00\x16"
	      "\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00\x00\x08\x00\x00");
	ANSWER("\x80\x02\x00\x00\x00\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00");
	assert_true(tpm_counter_increment(pair[0], INDEX));
	ASKED("\x80\x02\x00\x00\x00\x1f\x00\x00\x01\x34\x01\x50\x00\x16\x01\x50\x00\x16"
	      "\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00");
	ANSWER(PUBLIC("\x02\x06\x00\x14")); /* never written */
	assert_int_equal(tpm_counter_read(pair[0], INDEX, &value), TPM_COUNTER_UNUSED);
	close_pair();
}

static void test_hostile_answers(void **state)
{
	static const struct {
		const char *name, *public, *value;
		size_t public_len, value_len;
	} rows[] = {
#define ROW(name, public, value) { name, public, value, sizeof(public) - 1, sizeof(value) - 1 }
		ROW("nothing", "", ""),
		ROW("an error", "\x80\x01\x00\x00\x00\x0a\x00\x00\x01\x8b", VALUE),
		ROW("cut off", "\x80\x01\x00\x00\x00\x3e\x00\x00", VALUE),
		ROW("another size",
		    "\x80\x01\x00\x00\x00\x3f"
		    "\x00\x00\x00\x00"
		    "0123456789012345678901234567890123456789012345678901",
		    VALUE),
		ROW("an ordinary index", PUBLIC("\x22\x06\x00\x04"), VALUE),
		ROW("bits", PUBLIC("\x22\x06\x00\x24"), VALUE),
		ROW("an orderly counter", PUBLIC("\x26\x06\x00\x14"), VALUE),
		ROW("no value", PUBLIC(GOOD), ""),
		ROW("an error for a value", PUBLIC(GOOD),
		    "\x80\x01\x00\x00\x00\x0a\x00\x00\x01\x49"),
		ROW("a value that is cut off", PUBLIC(GOOD),
		    "\x80\x02\x00\x00\x00\x12\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x08\x01\x02"),
		ROW("a value of another size", PUBLIC(GOOD),
		    "\x80\x02\x00\x00\x00\x1d\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x04"
		    "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x01\x00\x00"),
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		open_pair();
		if (rows[i].public_len > 0)
			answer(rows[i].public, rows[i].public_len);
		if (rows[i].value_len > 0)
			answer(rows[i].value, rows[i].value_len);
		if (tpm_counter_read(pair[0], INDEX, &value) != TPM_COUNTER_FAILED)
			fail_msg("believed: %s", rows[i].name);
		close_pair();
	}
	open_pair();
	ANSWER("\x80\x01\x00\x00\x00\x0a\x00\x00\x09\x22"); /* TPM_RC_RETRY */
	assert_false(tpm_counter_increment(pair[0], INDEX));
	close(pair[1]);
	assert_false(tpm_counter_increment(pair[0], INDEX));
	close(pair[0]);
}

/* swtpm. */

static char directory[] = "/tmp/zwinger-tpm-XXXXXX";
static int tpm = -1;
static int key_fd, slot_fd[2];

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...)
{
	char command[2048], whole[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(whole, sizeof(whole),
		 "cd %s && export TPM2TOOLS_TCTI=swtpm:path=$PWD/sock && { %s; } >>log 2>&1",
		 directory, command);
	return system(whole);
}

static void start_tpm(void)
{
	assert_int_equal(
		run("rm -f sock sock.ctrl && swtpm socket --tpm2 --tpmstate dir=$PWD --server "
		    "type=unixio,path=$PWD/sock --ctrl type=unixio,path=$PWD/sock.ctrl --flags "
		    "not-need-init,startup-clear --daemon --pid file=$PWD/pid"),
		0);
}

static void connect_tpm(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock", directory);
	tpm = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(tpm, (struct sockaddr *)&a, sizeof(a)), 0);
}

static void disconnect_tpm(void)
{
	close(tpm);
}

static enum store_result load(struct store *s)
{
	struct store_files f = { .key = key_fd,
				 .slot = { slot_fd[0], slot_fd[1] },
				 .anchor = tpm,
				 .tpm_index = INDEX };

	return store_load(s, &f);
}

static void copy_slots(uint8_t to[2][8192], size_t len[2])
{
	for (unsigned i = 0; i < 2; i++)
		len[i] = (size_t)pread(slot_fd[i], to[i], 8192, 0);
}

static void put_slots(uint8_t from[2][8192], const size_t len[2])
{
	for (unsigned i = 0; i < 2; i++)
		assert_true(ftruncate(slot_fd[i], 0) == 0 &&
			    pwrite(slot_fd[i], from[i], len[i], 0) == (ssize_t)len[i]);
}

/* attack_K12: with a TPM no copy of all the files is taken for the newest, not after a power cut either. */
static void test_attack_K12_tpm(void **state)
{
	static struct store s;
	static uint8_t old[2][8192], new[2][8192];
	size_t old_len[2], new_len[2];

	(void)state;
	if (system("type swtpm tpm2_nvdefine >/dev/null 2>&1") != 0) {
		print_message("skipped: swtpm or tpm2-tools is missing: scripts/setup\n");
		skip();
	}
	assert_non_null(mkdtemp(directory));
	start_tpm();
	connect_tpm();
	assert_int_equal(load(&s), STORE_REFUSED); /* there is no counter */
	disconnect_tpm();
	assert_int_equal(run(TPM_COUNTER " define"), 0);
	assert_int_not_equal(run(TPM_COUNTER " define"), 0);
	connect_tpm();
	assert_int_equal(load(&s), STORE_EMPTY);
	assert_true(store_create(&s, NULL));
	s.state.count = 1;
	assert_true(store_save(&s));
	copy_slots(old, old_len);
	s.state.count = 2;
	assert_true(store_save(&s));
	assert_true(store_save(&s));
	copy_slots(new, new_len);
	assert_int_equal(load(&s), STORE_FOUND);
	assert_int_equal(s.state.count, 2);
	put_slots(old, old_len);
	assert_int_equal(load(&s), STORE_REFUSED);
	/* The power goes, and the TPM has kept it. */
	disconnect_tpm();
	assert_int_equal(run("kill -9 $(cat pid) && sleep 0.2"), 0);
	start_tpm();
	connect_tpm();
	assert_int_equal(load(&s), STORE_REFUSED);
	put_slots(new, new_len);
	assert_int_equal(load(&s), STORE_FOUND);
	assert_true(store_begin(&s));
	/* Nothing of it is there any more, but the TPM knows. */
	old_len[0] = old_len[1] = 0;
	put_slots(old, old_len);
	assert_int_equal(load(&s), STORE_REFUSED);
	/* Somebody else has counted: it stops at once. */
	copy_slots(new, new_len);
	disconnect_tpm();
	assert_int_equal(run(TPM_COUNTER " show && grep -q 'value: 0x0' log"), 0);
	assert_int_equal(run(TPM_COUNTER " remove && " TPM_COUNTER " define"), 0);
	connect_tpm();
	assert_int_equal(load(&s), STORE_EMPTY);
	assert_true(store_create(&s, NULL));
	assert_true(tpm_counter_increment(tpm, INDEX));
	assert_false(store_save(&s));
	assert_false(store_save(&s));
	disconnect_tpm();
	assert_int_equal(run("kill $(cat pid) && rm -rf %s", directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_attack_K12_tpm),
	};
	uint8_t key[32];

	if (sodium_init() < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	randombytes_buf(key, sizeof(key));
	key_fd = memfd_create("key", MFD_CLOEXEC);
	slot_fd[0] = memfd_create("a", MFD_CLOEXEC);
	slot_fd[1] = memfd_create("b", MFD_CLOEXEC);
	if (write(key_fd, key, sizeof(key)) != sizeof(key))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
