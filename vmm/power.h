/* SPDX-License-Identifier: ISC */
/*
 * The ways in which a guest ends itself: ACPI's sleep and reset registers (ACPI 6.5, 4.8.3.6 and
 * 4.8.3.7) and
 * the keyboard controller's reset pulse.
 */
#ifndef POWER_H
#define POWER_H

#include "bus.h"
#include "status.h"

#define POWER_PORT	  0x600
#define POWER_REGS	  3 /* sleep control, sleep status, reset; named by the FADT */
#define POWER_RESET_VALUE 0x01
#define POWER_S5_TYPE	  5 /* the DSDT's \_S5 says the same */

#define KEYBOARD_PORT 0x64 /* command and status of the i8042; only its reset exists */

struct power {
	void (*stop)(void *machine, enum status why); /* called once or more, from any vCPU */
	void *machine;
};

void power_access(void *dev, const struct bus_access *a);	   /* bus_handler: POWER_PORT */
void power_keyboard_access(void *dev, const struct bus_access *a); /* KEYBOARD_PORT */

#endif /* POWER_H */
