/* SPDX-License-Identifier: ISC */
/*
 * BUG_ON: a statement about our own code, never about input. It stays in release builds and
 * ends the process at once; whoever supervises it notices.
 */
#ifndef BUG_H
#define BUG_H

#include <stdlib.h>

#define BUG_ON(cond)                                                                           \
	do {                                                                                   \
		if (__builtin_expect(!!(cond), 0))                                             \
			abort();                                                               \
	} while (0)

#endif /* BUG_H */
