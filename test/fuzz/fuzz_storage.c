/* SPDX-License-Identifier: ISC */
/*
 * attack_P5, attack_K4: the storage between three that say anything, on a disk that may fail. The input is
 * a list of what they do; the driver judges what leaves.
 */
#include "test_storage_driver.h"

#include <sodium.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mutate(void *message, size_t len, const uint8_t *data, uint8_t n)
{
	for (unsigned i = 0; i < n; i++)
		((uint8_t *)message)[data[i] % len] ^= (uint8_t)(1u << (data[i] & 7));
}

static void step(uint8_t what, const uint8_t *data, uint8_t n)
{
	static const enum payment_type payments[] = { PAYMENT_RESERVE, PAYMENT_RECEIPT,
						      PAYMENT_CONFIRM, PAYMENT_TEXT };
	static const enum verifier_type verifiers[] = { VERIFIER_ATTEMPT, VERIFIER_RIGHT,
							VERIFIER_STORE, VERIFIER_ASK };
	static char text[PAYMENT_TEXT_MAX];
	uint64_t id = 7 + (what >> 6);
	struct payment_message p = { .id = id, .type = payments[what >> 4 & 3] };
	struct verifier_message v = { .id = id, .type = verifiers[what >> 4 & 3] };
	size_t len = driver.reserved.count > 0 ? driver_text(text, "fuzz") : 0;

	switch (what & 15) {
	case 0:
		driver_reserve(id);
		return;
	case 1:
		driver_verifier(VERIFIER_ATTEMPT, id, "");
		return;
	case 2:
		driver_verifier(VERIFIER_RIGHT, id, "");
		return;
	case 3:
		driver_verifier(VERIFIER_STORE, id, "a verifier");
		return;
	case 4:
		if (n > 0 && len > 0 && data[0] != 0)
			text[data[0] % len] ^= 1;
		driver_draw(id, text, len);
		return;
	case 5:
		driver_confirm(id, len);
		return;
	case 6:
		driver_ask_receipt();
		return;
	case 7:
		mutate(&p, sizeof(p), data, n);
		driver_showpay(&p);
		return;
	case 8:
		mutate(&p, sizeof(p), data, n);
		driver_display(&p);
		return;
	case 9:
		v.verifier[0] = v.type == VERIFIER_STORE ? 'x' : '\0';
		mutate(&v, sizeof(v), data, n);
		driver_auth(&v);
		return;
	case 10:
		driver_wait((uint64_t)(what >> 4) * 10000);
		return;
	case 11:
		driver_restart((enum driver_peer)((what >> 4) % 3));
		return;
	case 12:
		driver_verifier(VERIFIER_RIGHT, 0, "");
		return;
	case 13:
		driver.room = what >> 4;
		return;
	default:
		driver.fault = (enum driver_fault)((what >> 4) % FAULTS);
		driver.fault_at = driver.io + n;
	}
}

/* Killed: what comes next finds a new process. */
static void survive(void)
{
	driver_died();
	if (!driver_start())
		__builtin_trap(); /* it was there, and is not now */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t *at, *end; /* they outlive a longjmp() */
	static bool ready;

	if (!ready && sodium_init() < 0)
		return 0;
	ready = true;
	driver_reset();
	if (!driver_start())
		return 0;
	at = data;
	end = data + size;
	if (setjmp(driver.killed) != 0)
		survive();
	while (end - at >= 2) {
		uint8_t what = at[0], n = at[1] % 16;
		const uint8_t *bytes = at + 2;

		n = n < end - bytes ? n : (uint8_t)(end - bytes);
		at = bytes + n;
		step(what, bytes, n);
		if (driver.ended)
			survive();
	}
	return 0;
}
