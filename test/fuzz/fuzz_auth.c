/* SPDX-License-Identifier: ISC */
/* attack_K13, attack_P5: the authentication between a display and a storage that say anything; the driver judges. */
#include "test_auth_driver.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step(uint8_t what, const uint8_t *data, uint8_t n)
{
	static const char *const pins[] = { "1234", "0000", "", "123456789012" };
	uint8_t other = what >> 4;
	struct pin_message p = { .type = 1 + other % 3, .id = 7 };
	struct verifier_message v = { .type = VERIFIER_IS, .id = 7, .tries = 4 };
	char verifier[VERIFIER_MAX];

	driver_hash(pins[other & 3], verifier);
	switch (what & 7) {
	case 0:
		driver_pin(PIN_TRY, 7 + (other >> 3), pins[other & 3], "");
		return;
	case 1:
		driver_pin(PIN_CHANGE, 7, pins[other & 3], pins[other >> 2]);
		return;
	case 2:
		driver_storage_says(VERIFIER_IS, 7, other & 4 ? "" : verifier, 4);
		return;
	case 3:
		driver_storage_says(VERIFIER_DONE, other & 1 ? 7 : 0, "\1", 5);
		return;
	case 4:
		memcpy(p.pin, "1234", 4);
		for (unsigned i = 0; i < n; i++)
			((uint8_t *)&p)[data[i] % sizeof(p)] ^= (uint8_t)(1u << (data[i] & 7));
		driver_display(&p);
		return;
	case 5:
		memcpy(v.verifier, verifier, sizeof(v.verifier));
		for (unsigned i = 0; i < n; i++)
			((uint8_t *)&v)[data[i] % sizeof(v)] ^= (uint8_t)(1u << (data[i] & 7));
		driver_storage(&v);
		return;
	case 6:
		driver_wait((uint64_t)other * 1000);
		return;
	default:
		if (other & 1)
			driver_restart_storage();
		else
			driver_restart_display();
		driver.deaf = (other & 2) != 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	driver_open(size > 0 && (data[0] & 1) != 0);
	while (size >= 2) {
		uint8_t what = data[0], n = data[1] % 16;

		data += 2;
		size -= 2;
		n = n < size ? n : (uint8_t)size;
		step(what, data, n);
		data += n;
		size -= n;
	}
	return 0;
}
