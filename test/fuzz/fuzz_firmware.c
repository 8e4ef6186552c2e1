/* SPDX-License-Identifier: ISC */
/*
 * The input is what a guest does to what only a machine with firmware has: the first 64 bytes are the
 * memory at 0, where DMA requests can lie; then six bytes a step, as in fuzz_devices.c:
 *   what, address (2, little-endian), value (3).
 * What: bits 0-1 width 1, 2, 4; bit 2 write; bit 3 near a device, or any port; bit 4 a DMA request of
 * the address that follows.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "debug_port.h"
#include "fw_cfg.h"
#include "no_boot.h"
#include "rtc.h"

#define STEP	  6
#define HEAD	  64
#define RAM_SIZE  0x3000u
#define RAM_START 0x1000u /* a second region, not of whole pages */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop(void *machine, enum status why)
{
	if (machine != NULL || why != STATUS_NO_BOOT)
		abort();
}

static void access_port(const struct bus *b, uint16_t port, const uint8_t *step)
{
	uint8_t *data = malloc(8);
	uint32_t len = 1u << (step[0] & 3) % 3;

	if (data == NULL)
		abort();
	memset(data, step[5], 8);
	memcpy(data, step + 3, 3);
	bus_dispatch(b, port, data + 8 - len, len, (step[0] & 4) != 0);
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t devices[] = { FW_CFG_PORT, FW_CFG_PORT + 8, NO_BOOT_PORT,
					    DEBUG_PORT, RTC_PORT };
	static const uint8_t big[5000] = { 1 };
	static struct fw_cfg f;
	static struct debug_port debug;
	static struct rtc rtc;
	struct no_boot no_boot = { .stop = stop };
	struct bus ports = { .count = 0 };
	struct gmem_region r[2] = { { 0, HEAD, malloc(HEAD) },
				    { RAM_START, RAM_SIZE, calloc(1, RAM_SIZE) } };
	struct gmem mem;

	if (size < HEAD || r[0].host == NULL || r[1].host == NULL || !gmem_init(&mem, r, 2))
		goto free;
	memcpy(r[0].host, data, HEAD);
	fw_cfg_init(&f, &mem);
	fw_cfg_add(&f, FW_CFG_CPUS, "\1", 2);
	fw_cfg_add_file(&f, "etc/big", big, sizeof(big));
	fw_cfg_add_file(&f, "etc/empty", big, 0);
	fw_cfg_add_file(&f, "genroms/zwinger.rom", no_boot_rom(), NO_BOOT_ROM_SIZE);
	rtc_init(&rtc);
	bus_claim(&ports, FW_CFG_PORT, FW_CFG_REGS, fw_cfg_access, &f);
	bus_claim(&ports, NO_BOOT_PORT, 1, no_boot_access, &no_boot);
	bus_claim(&ports, DEBUG_PORT, 1, debug_port_access, debug_port_init(&debug));
	bus_claim(&ports, RTC_PORT, RTC_REGS, rtc_access, &rtc);

	for (data += HEAD, size -= HEAD; size >= STEP; data += STEP, size -= STEP) {
		uint16_t addr = (uint16_t)(data[1] | data[2] << 8);
		uint8_t at[4] = { 0, 0, data[2], data[1] };

		if ((data[0] & 16) != 0) /* big-endian, so mostly where memory is */
			bus_dispatch(&ports, FW_CFG_PORT + 8, at, 4, true);
		else
			access_port(&ports,
				    (data[0] & 8) != 0 ? addr
						       : (uint16_t)(devices[data[2] % 5] +
								    data[1] % 8 - 1),
				    data);
		if (f.selected != NULL && f.offset > f.selected->len)
			abort();
	}
free:
	free(r[0].host);
	free(r[1].host);
	return 0;
}
