/* SPDX-License-Identifier: ISC */
/*
 * What a keyboard of the kernel's (evdev) says, as keys. Every release has the code of its press,
 * whatever happened to Shift meanwhile; a repeat or release without a press is left out.
 *
 * Layouts "us" and "de" (accents are characters, not dead keys). The key Print (SysRq) is Ctrl-],
 * since that is hard to type on some layouts. The keypad types numbers.
 */
#ifndef EVDEV_H
#define EVDEV_H

#include "backend.h"

#include <linux/input.h>

#define EVDEV_KEYS 128 /* what keyboards of 105 keys have */

struct evdev_layout;

struct evdev {
	const struct evdev_layout *layout;
	bool held[EVDEV_KEYS];		/* it is down */
	bool caps;			/* Caps Lock is on */
	bool deaf;			/* the kernel has lost events; until its next report */
	struct key pressed[EVDEV_KEYS]; /* as what; code 0: as nothing */
};

/* Nothing is held. False: no such layout. */
bool evdev_init(struct evdev *e, const char *layout);

/* One event. True: it is this key. */
bool evdev_key(struct evdev *e, const struct input_event *event, struct key *k);

/* Something is down that will never be heard of again: gives its release. False: nothing is. */
bool evdev_forget(struct evdev *e, struct key *k);

#endif /* EVDEV_H */
