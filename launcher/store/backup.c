/* SPDX-License-Identifier: ISC */
#include "backup.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "zwinger backup 1"

struct file {
	char magic[sizeof(MAGIC)];
	uint8_t salt[crypto_pwhash_SALTBYTES];
	uint8_t nonce[crypto_secretbox_NONCEBYTES];
	uint8_t box[sizeof(struct store_state) + crypto_secretbox_MACBYTES];
};

static bool derive(const struct file *f, const char *passphrase, uint8_t key[32])
{
	if (crypto_pwhash(key, crypto_secretbox_KEYBYTES, passphrase, strlen(passphrase),
			  f->salt, crypto_pwhash_OPSLIMIT_MODERATE,
			  crypto_pwhash_MEMLIMIT_MODERATE, crypto_pwhash_ALG_ARGON2ID13) == 0)
		return true;
	log_error("a key from a passphrase needs %u MiB of memory",
		  (unsigned)(crypto_pwhash_MEMLIMIT_MODERATE >> 20));
	return false;
}

bool backup_write(const char *path, const struct store_state *state, const char *passphrase)
{
	struct file f = { .magic = MAGIC };
	uint8_t key[crypto_secretbox_KEYBYTES];
	int fd;
	bool ok;

	randombytes_buf(f.salt, sizeof(f.salt));
	randombytes_buf(f.nonce, sizeof(f.nonce));
	if (!derive(&f, passphrase, key))
		return false;
	crypto_secretbox_easy(f.box, (const uint8_t *)state, sizeof(*state), f.nonce, key);
	sodium_memzero(key, sizeof(key));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	errno = fd < 0 ? errno : ENOSPC; /* for a write that is short */
	ok = fd >= 0 && write(fd, &f, sizeof(f)) == (ssize_t)sizeof(f) && fsync(fd) == 0;
	if (!ok)
		log_error("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && !ok)
		unlink(path);
	return ok;
}

bool backup_read(const char *path, struct store_state *state, const char *passphrase)
{
	uint8_t key[crypto_secretbox_KEYBYTES], bytes[sizeof(struct file) + 1];
	struct file f;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	bool ok;

	if (n < 0)
		log_error("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	memcpy(&f, bytes, sizeof(f));
	if (n != (ssize_t)sizeof(f) || memcmp(f.magic, MAGIC, sizeof(MAGIC)) != 0) {
		log_error("%s: it is not a backup of a store", path);
		return false;
	}
	if (!derive(&f, passphrase, key))
		return false;
	ok = crypto_secretbox_open_easy((uint8_t *)state, f.box, sizeof(f.box), f.nonce, key) ==
	     0;
	sodium_memzero(key, sizeof(key));
	if (!ok)
		log_error("%s: the passphrase is another one, or the file was changed", path);
	return ok;
}

void backup_age(struct store_state *state)
{
	state->count += BACKUP_AHEAD;
	if (state->tries > 1)
		state->tries = 1;
}
