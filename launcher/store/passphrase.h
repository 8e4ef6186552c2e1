/* SPDX-License-Identifier: ISC */
/* A passphrase from the terminal, unseen, or from the first line of a file. */
#ifndef PASSPHRASE_H
#define PASSPHRASE_H

#include <stdbool.h>

#define PASSPHRASE_MIN 8
#define PASSPHRASE_MAX 256 /* bytes with the final NUL */

/* path NULL: the terminal; `twice`, if it is a new one. False has been logged. */
bool passphrase_read(const char *path, bool twice, char out[PASSPHRASE_MAX]);

#endif /* PASSPHRASE_H */
