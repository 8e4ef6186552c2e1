/* SPDX-License-Identifier: ISC */
/*
 * Where the display shows its screen and gets its keys: a terminal that somebody attached, or a
 * screen and keyboard of its own (DRM/KMS and evdev). At most one is in use at a time.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include "grid.h"
#include "screen.h"

#include <stdbool.h>

enum key_action { KEY_PRESSED, KEY_REPEATED, KEY_RELEASED };

struct key {
	uint32_t code;		/* a code point or enum grid_key */
	uint32_t modifiers;	/* as in struct grid_input */
	enum key_action action; /* a terminal knows only presses */
};

/* What a back end tells its user, from inside ready() or show(). */
struct backend_events {
	void (*key)(const struct key *k);
	void (*resized)(unsigned rows, unsigned columns);
	void (*lost)(const char *why); /* the screen is gone: cancel what stands on it */
};

/* Presents s; compares with what it presented last and changes only what differs. False: lost. */
struct backend {
	const char *name;
	bool fixed; /* nobody detaches from it; what is lost is tried again */
	bool (*show)(const struct screen *s);
	void (*ready)(int fd, short revents); /* for the descriptors that it watches */
	bool (*busy)(
		void); /* what show() was given is not all on the screen yet; NULL: never */
	void (*close)(void); /* leaves no trace of what was shown */
};

/* Takes over both descriptors. NULL: they are closed, and the reason is logged. */
const struct backend *terminal_open(int tty, int client, const struct backend_events *events);

/*
 * Before the sandbox: takes the mode that the screen is in, maps two frame buffers. columns and
 * rows come by events->resized(). Keys by the layout "us" or "de". NULL: logged.
 */
const struct backend *drm_open(int drm, const int *inputs, unsigned input_count,
			       const char *layout, const struct backend_events *events);

#endif /* BACKEND_H */
