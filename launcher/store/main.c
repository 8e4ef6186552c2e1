/* SPDX-License-Identifier: ISC */
/* zwinger-store: what `zwinger store` runs: for the administrator of a store. */
#include "backup.h"
#include "log.h"
#include "options.h"
#include "passphrase.h"
#include "receipt.h"
#include "status.h"
#include "store.h"
#include "store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct option_spec options[] = {
	{ "passphrase-file", "FILE",
	  "its first line is the passphrase; else the terminal asks" },
	{ "tpm", "DEVICE", "the anchor is a TPM, as in the manifest: /dev/tpmrm0" },
	{ "tpm-index", "N", "of its NV counter: 0x1500016" },
	{ 0 },
};
enum { PASSPHRASE_FILE, TPM, TPM_INDEX, VALUES };

#define FILE_MAX (1 << 20) /* bytes; those of a store are shorter */

static const char usage[] = "usage: zwinger store show|key DIRECTORY [OPTION]...\n"
			    "       zwinger store backup|restore DIRECTORY FILE [OPTION]...";

struct request {
	const char *value[VALUES];
	uint32_t tpm_index;
};

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;
	unsigned long long n;
	char *end;

	q->value[index] = value;
	if (index != TPM_INDEX)
		return true;
	n = strtoull(value, &end, 0);
	q->tpm_index = (uint32_t)n;
	if (*end == '\0' && n >= 0x01000000 && n <= 0x01ffffff)
		return true;
	log_error("--tpm-index: '%s' is not 0x1000000 to 0x1ffffff", value);
	return false;
}

static struct store_files files_of(const int fd[STORE_FILES], const struct request *q)
{
	return (struct store_files){ .key = fd[STORAGE_KEY],
				     .slot = { fd[STORAGE_SLOT_A], fd[STORAGE_SLOT_B] },
				     .anchor = fd[STORAGE_ANCHOR],
				     .tpm_index = q->tpm_index };
}

/* The same bytes in memory, so that a storage that runs meanwhile is neither waited for nor disturbed. */
static int copy_of(int file)
{
	int memory = memfd_create("store", MFD_CLOEXEC);
	char bytes[4096];
	ssize_t n = 0;
	bool ok = file >= 0 && memory >= 0;

	for (off_t at = 0; ok && (n = pread(file, bytes, sizeof(bytes), at)) > 0; at += n)
		ok = at < FILE_MAX && pwrite(memory, bytes, (size_t)n, at) == n;
	sodium_memzero(bytes, sizeof(bytes));
	if (ok && n == 0) {
		close(file);
		return memory;
	}
	if (file >= 0)
		close(file);
	if (memory >= 0)
		close(memory);
	return -1;
}

/* Reads it; nothing is made and nothing changed. */
static int load(struct store *s, const char *directory, const struct request *q)
{
	static const char *const names[STORE_FILES] = { "key", "slot-a", "slot-b", "anchor" };
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd[STORE_FILES];
	struct store_files f;

	for (unsigned i = 0; i < STORE_FILES; i++) {
		bool tpm = i == STORAGE_ANCHOR && q->value[TPM] != NULL;

		fd[i] = dir < 0 ? -1
			: tpm	? open(q->value[TPM], O_RDWR | O_CLOEXEC | O_NOCTTY)
				: copy_of(openat(dir, names[i],
						 O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
		if (fd[i] < 0) {
			log_error("%s: %s: %s", directory, tpm ? q->value[TPM] : names[i],
				  strerror(errno));
			return STATUS_NO_FILE;
		}
	}
	f = files_of(fd, q);
	switch (store_load(s, &f)) {
	case STORE_FOUND:
		return STATUS_OK;
	case STORE_EMPTY:
		log_error(
			"%s: the store is empty: the storage makes it when it is first started",
			directory);
		return STATUS_NO_FILE;
	case STORE_REFUSED:
		break;
	}
	return STATUS_FAILED;
}

static void print_key(const struct store_state *s)
{
	struct receipt_keys k;
	char text[RECEIPT_KEYS_MAX];
	uint8_t secret[64];

	store_keys(s->receipt_seed, k.receipts, secret);
	store_keys(s->confirmation_seed, k.confirmations, secret);
	sodium_memzero(secret, sizeof(secret));
	fwrite(text, 1, receipt_format_keys(&k, text), stdout);
}

static void print(const struct store *s)
{
	const struct store_state *t = &s->state;

	printf("signatures: %" PRIu64 "\nPIN: %s, %" PRIu32 " tries left%s\n"
	       "writes: %" PRIu64 ", known to the %s\n",
	       t->count, t->verifier[0] != '\0' ? "set" : "none yet", t->tries,
	       t->tries == 0 ? ": locked for good" : "", s->sequence,
	       s->anchor.tpm_index != 0 ? "TPM" : "anchor file (weaker than a TPM)");
	print_key(t);
	if (t->receipt_len > 0)
		printf("last receipt:\n%.*s", (int)t->receipt_len, t->receipt);
}

static int backup(const struct store *s, const char *path, const struct request *q)
{
	char passphrase[PASSPHRASE_MAX];
	bool ok = passphrase_read(q->value[PASSPHRASE_FILE], true, passphrase) &&
		  backup_write(path, &s->state, passphrase);

	sodium_memzero(passphrase, sizeof(passphrase));
	return ok ? STATUS_OK : STATUS_FAILED;
}

/* Into a directory that is not there, or empty; in it nothing of a store is ever replaced. */
static int restore(struct store *s, const char *directory, const char *path,
		   const struct request *q)
{
	char passphrase[PASSPHRASE_MAX];
	struct store_state state;
	int fd[STORE_FILES];
	struct store_files f;
	bool ok = passphrase_read(q->value[PASSPHRASE_FILE], false, passphrase) &&
		  backup_read(path, &state, passphrase);

	sodium_memzero(passphrase, sizeof(passphrase));
	if (!ok)
		return STATUS_FAILED;
	if (access(directory, F_OK) == 0 && rmdir(directory) < 0) {
		log_error("%s: a backup is restored into an empty directory only: %s",
			  directory, strerror(errno));
		return STATUS_FAILED;
	}
	backup_age(&state);
	if (!store_files_open("store", directory, q->value[TPM] != NULL ? q->value[TPM] : "",
			      fd))
		return STATUS_FAILED;
	f = files_of(fd, q);
	ok = store_load(s, &f) == STORE_EMPTY && store_create(s, &state);
	sodium_memzero(&state, sizeof(state));
	if (!ok) {
		log_error("%s: nothing was restored%s", directory,
			  q->tpm_index != 0 ? "; a TPM's counter has to be a new one" : "");
		return STATUS_FAILED;
	}
	printf("restored: the next signature has count %" PRIu64 ", %" PRIu32
	       " tries for the PIN are left\n",
	       s->state.count + 1, s->state.tries);
	return STATUS_OK;
}

static int run(const char *what, char **argv, const struct request *q)
{
	static struct store s;
	int st;

	if (what[0] == 'r') {
		st = restore(&s, argv[2], argv[3], q);
	} else {
		st = load(&s, argv[2], q);
		if (st == STATUS_OK && what[0] == 's')
			print(&s);
		if (st == STATUS_OK && what[0] == 'k')
			print_key(&s.state);
		if (st == STATUS_OK && what[0] == 'b')
			st = backup(&s, argv[3], q);
	}
	store_wipe(&s);
	return fflush(stdout) != 0 && st == STATUS_OK ? STATUS_FAILED : st;
}

int main(int argc, char **argv)
{
	struct request q = { .tpm_index = 0 };
	const char *what = argc > 1 ? argv[1] : "";
	bool file = strcmp(what, "backup") == 0 || strcmp(what, "restore") == 0;
	bool known = file || strcmp(what, "show") == 0 || strcmp(what, "key") == 0;
	int first = file ? 4 : 3;

	log_init("zwinger");
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			printf("%s\n\n", usage);
			options_print(options);
			return STATUS_OK;
		}
	for (int i = 2; i < first && i < argc; i++)
		known &= argv[i][0] != '-';
	if (!known || argc < first) {
		log_error("usage: zwinger store show|key|backup|restore DIRECTORY [FILE]");
		return STATUS_USAGE;
	}
	if (options_parse(options, argc, argv, first, set, &q) != OPTIONS_OK)
		return STATUS_USAGE;
	if ((q.value[TPM] != NULL) != (q.tpm_index != 0)) {
		log_error("--tpm and --tpm-index go together");
		return STATUS_USAGE;
	}
	if (sodium_init() < 0)
		return STATUS_FAILED;
	return run(what, argv, &q);
}
