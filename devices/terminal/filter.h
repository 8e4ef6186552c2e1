/* SPDX-License-Identifier: ISC */
/*
 * What of the guest's bytes libvterm gets: whole characters that have a width, control
 * characters, and whole escape sequences with numbers and parameters as they occur. Version 0.1.4
 * writes outside of its memory for more than 16 parameters, for characters of negative width
 * (U+0080) and for text that ends within a character; reads outside of it when a string's end is
 * cut in two; and repeats what has no width (CSI b) for ever. Strings (titles) are left out.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stddef.h>
#include <vterm.h>

/* As after power-on: nothing has begun. */
void filter_reset(void);

/* Takes bytes cut anywhere, gives libvterm what is whole. */
void filter_feed(VTerm *vterm, const char *bytes, size_t count);

#endif /* FILTER_H */
