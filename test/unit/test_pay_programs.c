/* SPDX-License-Identifier: ISC */
/* zwinger verify and zwinger store, as people meet them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "receipt.h"
#include "store.h"
#include "store_files.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char directory[] = "/tmp/zwinger-pay-XXXXXX";
static struct store store;
static int fds[STORE_FILES];
static char output[16384];

/* A shell's command in the directory; its exit status, and what it wrote in output[]. */
static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...)
{
	char command[4096], whole[8192];
	va_list args;
	size_t n;
	FILE *f;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "cd %s && %s 2>&1", directory, command);
	f = popen(whole, "r");
	assert_non_null(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static void expect(int status, const char *word, const char *command)
{
	int st = run("%s", command);

	if (st != status || strstr(output, word) == NULL)
		fail_msg("%s: exit %d, not %d, or not \"%s\":\n%s", command, st, status, word,
			 output);
}

static void put_file(const char *name, const void *bytes, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_true(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static void open_store(void)
{
	char path[256];
	struct store_files f;

	snprintf(path, sizeof(path), "%s/store", directory);
	assert_true(store_files_open("test", path, "", fds));
	f = (struct store_files){ .key = fds[0], .slot = { fds[1], fds[2] }, .anchor = fds[3] };
	if (store_load(&store, &f) == STORE_EMPTY)
		assert_true(store_create(&store, NULL));
}

static void close_store(void)
{
	for (unsigned i = 0; i < STORE_FILES; i++)
		close(fds[i]);
}

/* A receipt as the storage makes them; with a date `age_s` ago. */
static size_t make_receipt(const char *name, uint64_t count, const char *nonce, time_t age_s)
{
	struct payment p = { .payee = "Bean and Leaf GmbH",
			     .account = "DE89370400440532013000",
			     .item_count = 1,
			     .item = { { 2, 450, "Espresso" } },
			     .total = 900,
			     .currency = "EUR",
			     .reference = "Order 4711",
			     .from = "DE02120300000000202051",
			     .count = count };
	uint8_t public[32], secret[64], message[RECEIPT_MESSAGE_MAX],
		cbor[RECEIPT_CONFIRMED_MAX];
	char text[PAYMENT_TEXT_MAX], receipt[RECEIPT_MAX];
	struct payment_signatures s;
	time_t then = time(NULL) - age_s;
	size_t len, n;

	strftime(p.date, sizeof(p.date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&then));
	memcpy(p.nonce, nonce, PAYMENT_NONCE);
	store_keys(store.state.receipt_seed, public, secret);
	receipt_hex(public, 32, p.key);
	assert_null(payment_fault(&p));
	len = payment_format(&p, text);
	n = receipt_message(text, len, message);
	crypto_sign_detached(s.signature, NULL, message, n, secret);
	store_keys(store.state.confirmation_seed, public, secret);
	n = receipt_confirmed(text, len, p.nonce, cbor);
	crypto_sign_detached(s.confirmation, NULL, cbor, n, secret);
	n = receipt_format(&s, text, len, receipt);
	put_file(name, receipt, n);
	memcpy(store.state.receipt, text, len);
	store.state.receipt_len = (uint32_t)len;
	store.state.signatures = s;
	store.state.count = count;
	store.state.paid_id = 7;
	return n;
}

#define NONCE_A "00112233445566778899aabbccddeeff"
#define NONCE_B "10112233445566778899aabbccddeeff"
#define NONCE_C "20112233445566778899aabbccddeeff"

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	open_store();
	make_receipt("old", 1, NONCE_A, 7200);
	make_receipt("ahead", 2, NONCE_B, -900);
	make_receipt("twice", 3, NONCE_C, 0);
	make_receipt("receipt", 3, NONCE_B, 0);
	memcpy(store.state.verifier, "$argon2id$", 11);
	store.state.tries = 3;
	assert_true(store_save(&store));
	close_store();
	expect(0, "zwinger keys 1\nReceipts: ", ZWINGER " store key store");
	expect(0, "", ZWINGER " store key store > keys");
	put_file("phrase", "correct horse\nbattery", 21);
	put_file("other-phrase", "correct horsf\n", 14);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return run("rm -rf %s", directory);
}

#define VERIFY ZWINGER " verify "

static void test_verify(void **state)
{
	(void)state;
	expect(0,
	       "ok: 9.00 EUR to Bean and Leaf GmbH, account DE89370400440532013000\n"
	       "Zwinger payment 1\n",
	       VERIFY "receipt --key keys");
	expect(0, "{\"ok\":true,\"payee\":\"Bean and Leaf GmbH\",",
	       VERIFY "receipt --key keys --json");
	expect(0, "\"total\":\"9.00 EUR\",\"minor\":900,\"currency\":\"EUR\"",
	       VERIFY "receipt --key keys --json");
	expect(0, "ok: ", VERIFY "- --key keys < receipt");
	expect(0, "ok: ",
	       VERIFY "receipt --key keys --nonce " NONCE_B
		      " --account DE89370400440532013000 --total '9.00 EUR' --max-age 600");
	expect(1, "another order", VERIFY "receipt --key keys --nonce " NONCE_A);
	expect(1, "another account",
	       VERIFY "receipt --key keys --account DE02120300000000202051");
	expect(1, "another total", VERIFY "receipt --key keys --total '9.01 EUR'");
	expect(1, "too old", VERIFY "old --key keys --max-age 3600");
	expect(0, "ok: ", VERIFY "old --key keys --max-age 9000");
	expect(1, "in the future", VERIFY "ahead --key keys --max-age 600");
	expect(1, "\"ok\":false", VERIFY "old --key keys --max-age 3600 --json");
	/* What is no use to it. */
	expect(2, "usage", VERIFY "receipt");
	expect(2, "usage", VERIFY);
	expect(2, "max-age", VERIFY "receipt --key keys --max-age -1");
	expect(2, "max-age", VERIFY "receipt --key keys --max-age 1h");
	expect(3, "nothere", VERIFY "nothere --key keys");
	expect(3, "not what zwinger store key prints", VERIFY "receipt --key receipt");
	expect(1, "not a receipt", VERIFY "keys --key keys");
	expect(1, "not a receipt", VERIFY "/dev/zero --key keys");
	expect(1, "not a receipt", VERIFY "/dev/null --key keys");
	expect(3, "No space", VERIFY "receipt --key keys --confirmed /dev/full");
	expect(1, "", VERIFY "receipt --key keys > /dev/full");
}

/* attack_K1, attack_K10: a receipt is accepted once; nor another with its nonce, or its count. */
static void test_attack_K1_K10_replay(void **state)
{
	(void)state;
	expect(0, "ok: ", VERIFY "receipt --key keys --seen seen");
	expect(1, "was accepted before", VERIFY "receipt --key keys --seen seen");
	expect(1, "copied or rolled back", VERIFY "twice --key keys --seen seen");
	expect(1, "a receipt with its nonce", VERIFY "ahead --key keys --seen seen");
	expect(0, "ok: ", VERIFY "old --key keys --seen seen");
	expect(0, "2 seen", "wc -l seen");
	/* What is refused for another reason is not noted. */
	expect(1, "another total", VERIFY "receipt --key keys --total 1 --seen fresh");
	expect(1, "", "test -s fresh");
	/* A line that a crash has cut off; one that was changed. */
	expect(0, "", "head -c 150 seen > torn");
	expect(0, "ok: ", VERIFY "old --key keys --seen torn");
	expect(0, "2 torn", "wc -l torn");
	expect(0, "", "tr 0 x < seen > changed");
	expect(3, "was changed", VERIFY "receipt --key keys --seen changed");
	expect(3, "Is a directory", VERIFY "receipt --key keys --seen store");
	/* The same at the same time: once. */
	expect(0, "", "rm -f race");
	expect(0, "1\n",
	       "for i in 1 2 3 4 5 6 7 8; do " VERIFY
	       "receipt --key keys --seen race >ok.$i 2>/dev/null & done; wait; cat ok.* | grep "
	       "-c ^ok:");
}

/* attack_K2, attack_K7, attack_K9, attack_K11: any bit of a receipt; another store's keys. */
static void test_attack_K2_K7_K9_K11_forged(void **state)
{
	(void)state;
	expect(0, "",
	       "sed 's/4.50 = 9.00/0.50 = 1.00/; s/9.00 EUR/1.00 EUR/' receipt > forged");
	expect(1, "a signature is wrong", VERIFY "forged --key keys");
	expect(0, "", "sed 's/^Note: -/Note: a/' receipt > forged");
	expect(1, "a signature is wrong", VERIFY "forged --key keys");
	expect(0, "", "sed '/^Confirmation: /y/0123/3210/' receipt > forged");
	expect(1, "a signature is wrong", VERIFY "forged --key keys");
	expect(0, "", "sed 's/receipt 1/receipt 0/' receipt > forged");
	expect(1, "not a receipt", VERIFY "forged --key keys");
	expect(0, "", "sed '/^Confirmation/d' receipt > forged");
	expect(1, "not a receipt", VERIFY "forged --key keys");
	expect(0, "", "sed 's/^Receipts: ../Receipts: 00/' keys > other");
	expect(1, "another key", VERIFY "receipt --key other");
	expect(0, "", "sed 's/^Confirmations: ../Confirmations: 00/' keys > other");
	expect(1, "a signature is wrong", VERIFY "receipt --key other");
	/* The key of the test vector is nobody's. */
	expect(1, "", "grep -q 8a88e3dd7409f195fd52db2d3cba5d72 keys");
}

/* The form of Protected Confirmation: our own reader, and a verifier that knows only Ed25519. */
static void test_confirmed(void **state)
{
	(void)state;
	expect(0, "ok: ", VERIFY "receipt --key keys --confirmed both");
	expect(0, "ok: ", VERIFY "both --key keys --total '9.00 EUR'");
	expect(0, "", "head -c -64 both > cbor; tail -c 64 both > signature");
	expect(0, "",
	       "{ printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000'; "
	       "sed -n 's/Confirmations: //p' keys | perl -ne 'print pack(\"H64\", $_)'; } > key.der");
	expect(0, "Success",
	       "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in cbor "
	       "-sigfile signature");
	expect(0, "", "sed 's/9.00 EUR/8.00 EUR/' both > forged");
	expect(1, "not a receipt", VERIFY "forged --key keys");
	expect(0, "", "sed 's/Espresso/Expresso/' both > forged");
	expect(1, "a signature is wrong", VERIFY "forged --key keys");
}

#define STORE ZWINGER " store "

static void test_store(void **state)
{
	(void)state;
	expect(0, "signatures: 3\nPIN: set, 3 tries left\n", STORE "show store");
	expect(0, "Reference: Order 4711", STORE "show store");
	expect(2, "usage", STORE);
	expect(2, "usage", STORE "show");
	expect(2, "usage", STORE "backup store");
	expect(2, "usage", STORE "shred store");
	expect(2, "go together", STORE "show store --tpm-index 0x1500016");
	expect(2, "0x1ffffff", STORE "show store --tpm-index 5");
	expect(3, "nothere", STORE "show nothere");
	expect(0, "", "mkdir -m 700 empty && cd empty && : >key >slot-a >slot-b >anchor");
	expect(1, "32 bytes", STORE "show empty");
	expect(0, "", "head -c 32 /dev/urandom > empty/key");
	expect(3, "the store is empty", STORE "show empty");
	/* Reading changes nothing, and disturbs nobody who uses it. */
	expect(0, "", "cat store/* | sha256sum > before");
	expect(0, "", STORE "show store");
	expect(0, "", "cat store/* | sha256sum | cmp - before");
	open_store();
	expect(0, "signatures: ", STORE "show store");
	expect(0, "", STORE "backup store b0 --passphrase-file phrase && rm b0");
	close_store();
	expect(1, "", "test -e b0");
}

/* attack_K12, attack_K13: a restored store goes on far ahead, and with one try at most. */
static void test_attack_K12_K13_restore(void **state)
{
	(void)state;
	expect(0, "", STORE "backup store b1 --passphrase-file phrase");
	expect(0, "600", "stat -c %a b1");
	expect(1, "File exists", STORE "backup store b1 --passphrase-file phrase");
	expect(1, "not a backup", STORE "restore again keys --passphrase-file phrase");
	expect(1, "the passphrase is another one",
	       STORE "restore again b1 --passphrase-file other-phrase");
	expect(1, "", "test -e again");
	expect(1, "into an empty directory", STORE "restore store b1 --passphrase-file phrase");
	expect(0, "next signature has count 1000004, 1 tries",
	       STORE "restore again b1 --passphrase-file phrase");
	expect(0, "PIN: set, 1 tries left", STORE "show again");
	expect(0, "", STORE "key again | cmp - keys");
	expect(1, "", "cmp again/key store/key");
	expect(0, "700", "stat -c %a again");
	expect(1, "into an empty directory", STORE "restore again b1 --passphrase-file phrase");
	/* Any byte of it. */
	expect(0, "", "cp b1 b2; printf x | dd of=b2 bs=1 seek=3000 conv=notrunc");
	expect(1, "was changed", STORE "restore third b2 --passphrase-file phrase");
	expect(0, "", "head -c 4000 b1 > b2");
	expect(1, "not a backup", STORE "restore third b2 --passphrase-file phrase");
	expect(0, "", "printf short > p");
	expect(1, "less than 8 bytes", STORE "backup store b3 --passphrase-file p");
	expect(1, "No space", STORE "key store > /dev/full || echo No space; false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_attack_K1_K10_replay),
		cmocka_unit_test(test_attack_K2_K7_K9_K11_forged),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_attack_K12_K13_restore),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
