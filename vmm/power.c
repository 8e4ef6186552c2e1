/* SPDX-License-Identifier: ISC */
#include "power.h"

enum { REG_SLEEP_CONTROL, REG_SLEEP_STATUS, REG_RESET };

#define SLEEP_TYPE(v)  ((v) >> 2 & 7u)
#define SLEEP_ENABLE   0x20u
#define KEYBOARD_PULSE 0xfeu

void power_access(void *dev, const struct bus_access *a)
{
	const struct power *p = dev;

	if (!a->write) {
		bus_answer(a, 0);
		return;
	}
	if (a->len != 1)
		return;
	if (a->offset == REG_RESET && a->data[0] == POWER_RESET_VALUE)
		p->stop(p->machine, STATUS_GUEST_RESET);
	else if (a->offset == REG_SLEEP_CONTROL && (a->data[0] & SLEEP_ENABLE) != 0 &&
		 SLEEP_TYPE(a->data[0]) == POWER_S5_TYPE)
		p->stop(p->machine, STATUS_OK);
}

void power_keyboard_access(void *dev, const struct bus_access *a)
{
	const struct power *p = dev;

	/* Status 0: "input buffer empty", so that a guest writes its command without waiting. */
	if (!a->write)
		bus_answer(a, 0);
	else if (a->len == 1 && a->data[0] == KEYBOARD_PULSE)
		p->stop(p->machine, STATUS_GUEST_RESET);
}
