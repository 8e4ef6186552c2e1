/* SPDX-License-Identifier: ISC */
/*
 * The dialler between a guest that types anything, a display that answers anything, a modem that
 * says anything. The input is a list of what they do; the driver judges what the modem is told.
 */
#include "test_dialler_driver.h"

#include "modem_line.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "ATD0900123;\r", "ATD0301234567\r",
					     "ATA\r",	      "ATH\r",
					     "ATD112;\r",     "ATD110;\r",
					     "ATE0\r",	      "A/" };
	static const char *const replies[] = {
		"OK",	 "RING",      "NO CARRIER",	 "BUSY",
		"ERROR", "NO ANSWER", "+CLIP: \"0171\"", "CONNECT"
	};

	driver_open();
	while (size >= 2) {
		uint8_t what = data[0], n = data[1];
		uint8_t bytes[64];

		data += 2;
		size -= 2;
		n = n % 32 < size ? n % 32 : (uint8_t)size;
		switch (what % 8) {
		case 0:
			for (unsigned i = 0; i < n; i++)
				bytes[i] = data[i] & 0x7f;
			driver_type(bytes, n, what >> 3);
			break;
		case 1:
			driver_line(words[what >> 5]);
			continue;
		case 2:
			driver_modem(data, n);
			break;
		case 3:
			driver_modem_says(replies[what >> 5]);
			continue;
		case 4:
			driver_say((enum answer_type)(what >> 4 | CHAN_DECISION));
			continue;
		case 5: {
			struct prompt_answer a = { .id = driver.asks.id };

			memcpy(a.number, driver.asks.number, sizeof(a.number));
			for (unsigned i = 0; i < n; i++)
				((uint8_t *)&a)[(data[i] >> 3) % sizeof(a)] ^=
					(uint8_t)(1u << (data[i] & 7));
			driver_answer(&a);
			break;
		}
		case 6:
			if ((what & 8) != 0)
				driver_restart_guest();
			else
				driver_restart_display();
			continue;
		default:
			driver_wait((uint64_t)n * 1000);
			continue;
		}
		data += n;
		size -= n;
	}
	return 0;
}
