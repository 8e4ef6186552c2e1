/* SPDX-License-Identifier: ISC */
/* The display's keys as the guest's terminal sends them. */
#ifndef KEYS_H
#define KEYS_H

#include "grid.h"

#include <vterm.h>

/* Types the key, if there is such a key: libvterm's output callback gets the bytes. */
void keys_type(VTerm *vterm, const struct grid_input *key);

#endif /* KEYS_H */
