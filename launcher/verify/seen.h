/* SPDX-License-Identifier: ISC */
/*
 * What receipts a verifier has accepted: a file of lines, one each, "count nonce key". It is locked
 * while it is open; a line is on the disk before its receipt is accepted.
 */
#ifndef SEEN_H
#define SEEN_H

#include "payment.h"

#include <stdbool.h>

struct seen {
	int fd;
	long long end; /* of the lines that are whole */
};

enum seen_result { SEEN_NEW, SEEN_NONCE, SEEN_COUNT };

/* Makes the file if it is not there. False: *why says why. */
bool seen_open(struct seen *s, const char *path, const char **why);

/* Has the nonce been seen, or the count of that key? The file is as long as its receipts are many. */
enum seen_result seen_find(struct seen *s, const struct payment *p);

/* It has, from now on. False: it could not be written, errno says why. */
bool seen_add(struct seen *s, const struct payment *p) __attribute__((warn_unused_result));

#endif /* SEEN_H */
