/* SPDX-License-Identifier: ISC */
/*
 * What zwinger-vmm-test has beyond zwinger-vmm, chosen when they are linked: there test_devices.c,
 * otherwise extras_none.c, which does nothing. No ordinary VMM process contains the rest.
 */
#ifndef EXTRAS_H
#define EXTRAS_H

#include "kernel.h"
#include "machine.h"

/* Claims further registers, at start-up. */
void extras_create(struct machine *m);

/* True if the image is of a kind that only this program boots; *st says how that went. */
bool extras_load(const struct machine *m, const struct kernel_source *src,
		 struct kernel_entry *out, enum status *st);

#endif /* EXTRAS_H */
