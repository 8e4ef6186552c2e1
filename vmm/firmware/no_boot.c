/* SPDX-License-Identifier: ISC */
#include "no_boot.h"

#include "log.h"

/* Plug and Play BIOS 1.0A, 3.2: an expansion ROM with one bootstrap entry. */
enum { PNP = 0x20, BOOT = 0x60, NAME = 0x70, CHECKSUM = NO_BOOT_ROM_SIZE - 1 };

static uint8_t rom[NO_BOOT_ROM_SIZE] = {
	0x55,
	0xaa,
	NO_BOOT_ROM_SIZE / 512,
	0xcb, /* lret: there is nothing to initialise */
	[0x1a] = PNP,
	[PNP] = '$',
	'P',
	'n',
	'P',
	1,		     /* revision */
	2,		     /* length, in 16 bytes */
	[PNP + 0x10] = NAME, /* what a boot menu would show */
	[PNP + 0x1a] = BOOT, /* the bootstrap entry */
	[BOOT] = 0xba,
	NO_BOOT_PORT & 0xff,
	NO_BOOT_PORT >> 8, /* mov $NO_BOOT_PORT, %dx */
	0xee,		   /* out %al, %dx */
	0xf4,		   /* hlt */
	0xeb,
	0xfd, /* jmp to the hlt */
	[NAME] = 'Z',
	'w',
	'i',
	'n',
	'g',
	'e',
	'r',
};

const uint8_t *no_boot_rom(void)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < CHECKSUM; i++)
		sum = (uint8_t)(sum + rom[i]);
	rom[CHECKSUM] = (uint8_t)-sum;
	return rom;
}

void no_boot_access(void *dev, const struct bus_access *a)
{
	const struct no_boot *n = dev;

	if (!a->write) {
		bus_answer(a, UINT64_MAX);
		return;
	}
	log_error(
		"no disk could be booted: there is none, or the first of them has no boot sector "
		"(--disk; its key bootindex=1 makes another the first)");
	n->stop(n->machine, STATUS_NO_BOOT);
}
