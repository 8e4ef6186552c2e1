/* SPDX-License-Identifier: ISC */
/*
 * "No disk could be booted", told by the firmware: an option ROM of ours is its last boot device, and
 * all that it does is to write to a port of ours.
 */
#ifndef NO_BOOT_H
#define NO_BOOT_H

#include "bus.h"
#include "status.h"

#define NO_BOOT_PORT	 0x610
#define NO_BOOT_ROM_SIZE 512

struct no_boot {
	void (*stop)(void *machine, enum status why); /* called once or more, from any vCPU */
	void *machine;
};

/* The ROM, for as long as the process lives. */
const uint8_t *no_boot_rom(void);

void no_boot_access(void *dev, const struct bus_access *a); /* bus_handler: NO_BOOT_PORT */

#endif /* NO_BOOT_H */
