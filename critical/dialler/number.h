/* SPDX-License-Identifier: ISC */
/*
 * Telephone numbers: a dial string becomes the one canonical form that is shown, asked about and
 * dialled, or it is refused. Nothing is mended but blanks and the usual separators.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include "critical_settings.h"

#include <stdbool.h>
#include <stddef.h>

struct number {
	char text[PROMPT_NUMBER]; /* digits, at most one leading '+'; NULs behind it */
	enum number_class number_class;
	uint32_t cents_per_minute, cents_per_call;
};

/* True if what the manifest says can be used: texts end, repertoires hold. */
bool number_settings_valid(const struct dialler_settings *s);

/* Decodes len bytes of a dial string. False: refused; *n is garbage. */
bool number_decode(const struct dialler_settings *s, const char *text, size_t len,
		   struct number *n) __attribute__((warn_unused_result));

#endif /* NUMBER_H */
