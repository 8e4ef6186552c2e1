/* SPDX-License-Identifier: ISC */
/*
 * attack_K12: the files of a store, changed anyhow: parts of older ones put in, bytes changed, ends cut
 * off. It is refused, or it is the newest state.
 */
#include "test_storage_driver.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define OLDER 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct driver_image history[OLDER];
static struct store newest;

static void make_history(void)
{
	if (sodium_init() < 0)
		abort();
	driver_reset();
	if (!driver_start())
		abort();
	driver_verifier(VERIFIER_STORE, 1, "a verifier");
	for (unsigned i = 0; i < OLDER; i++) {
		driver_save(&history[i]);
		if (i < OLDER - 1)
			driver_verifier(VERIFIER_ATTEMPT, 50 + i, "");
	}
	if (driver_load(&newest) != STORE_FOUND)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct driver_image i;
	static struct store s;
	bool anchor = false;

	if (history[0].len[FILE_KEY] == 0)
		make_history();
	i = history[OLDER - 1];
	for (; size >= 5; data += 5, size -= 5) {
		unsigned f = data[0] & 3;
		size_t at = (size_t)(data[1] | data[2] << 8) % sizeof(i.bytes[f]);
		size_t len = (size_t)(data[3] * 32);

		switch (data[0] >> 2 & 3) {
		case 0:
			i.bytes[f][at] ^= data[3];
			break;
		case 1: /* of an older copy, but not of the anchor: that is what a file cannot tell */
			len = len < sizeof(i.bytes[f]) - at ? len : sizeof(i.bytes[f]) - at;
			anchor |= f == FILE_ANCHOR;
			memcpy(i.bytes[f] + at, history[data[4] % OLDER].bytes[f] + at, len);
			break;
		case 2:
			i.len[f] = at;
			anchor |= f == FILE_ANCHOR;
			break;
		default:
			memcpy(i.bytes[f], i.bytes[data[4] & 3], sizeof(i.bytes[f]));
		}
	}
	driver_restore(&i);
	if (!anchor && driver_load(&s) != STORE_REFUSED &&
	    memcmp(&s.state, &newest.state, sizeof(s.state)) != 0)
		abort();
	return 0;
}
