/* SPDX-License-Identifier: ISC */
#include "store_anchor.h"

#include "log.h"
#include "tpm_counter.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

/* Within one sector, which a disk writes whole or not at all. */
struct content {
	uint64_t value;
	uint8_t mac[32];
};

static void authenticate(const struct store_anchor *a, uint64_t value, uint8_t mac[32])
{
	crypto_generichash(mac, 32, (const uint8_t *)&value, sizeof(value), a->key,
			   sizeof(a->key));
}

static bool read_file(struct store_anchor *a)
{
	struct content c;
	uint8_t mac[32], beyond;
	ssize_t n = pread(a->fd, &c, sizeof(c), 0);

	a->used = n != 0;
	a->value = 0;
	if (n == 0)
		return true;
	if (n < 0)
		log_error("anchor: %s", strerror(errno));
	authenticate(a, c.value, mac);
	if (n != (ssize_t)sizeof(c) || pread(a->fd, &beyond, 1, sizeof(c)) != 0 ||
	    sodium_memcmp(mac, c.mac, sizeof(mac)) != 0) {
		log_error("anchor: it was changed, or belongs to another key");
		return false;
	}
	a->value = c.value;
	return true;
}

static bool raise_file(struct store_anchor *a)
{
	struct content c = { .value = a->value + 1 };

	authenticate(a, c.value, c.mac);
	if (pwrite(a->fd, &c, sizeof(c), 0) != (ssize_t)sizeof(c) || fdatasync(a->fd) < 0) {
		log_error("anchor: it cannot be written: %s", strerror(errno));
		return false;
	}
	a->value++;
	a->used = true;
	return true;
}

bool store_anchor_read(struct store_anchor *a)
{
	enum tpm_counter_status st;

	if (a->tpm_index == 0)
		return read_file(a);
	a->value = 0;
	st = tpm_counter_read(a->fd, a->tpm_index, &a->value);
	a->used = st == TPM_COUNTER_GOOD;
	return st != TPM_COUNTER_FAILED;
}

bool store_anchor_raise(struct store_anchor *a)
{
	bool used = a->used;
	uint64_t before = a->value;

	if (a->tpm_index == 0)
		return raise_file(a);
	if (!tpm_counter_increment(a->fd, a->tpm_index) || !store_anchor_read(a))
		return false;
	if (used && a->value != before + 1) {
		log_error("anchor: somebody else counts with index 0x%x of the TPM",
			  a->tpm_index);
		return false;
	}
	return a->used;
}
