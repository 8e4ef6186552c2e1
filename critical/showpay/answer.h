/* SPDX-License-Identifier: ISC */
/*
 * What the web server says: a whole response, with its exact length, made before any of it goes.
 * Nothing that the guest chose gets into a header; in a page it is escaped.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_HEAD 512
#define ANSWER_BODY 24576 /* a receipt in which every other character is escaped */

struct answer {
	size_t at, end; /* what is still to be sent */
	char bytes[ANSWER_HEAD + ANSWER_BODY];
};

/* A page that says why; plain: as text. */
void answer_status(struct answer *a, int status, bool plain, const char *text);

/* A receipt that anybody can verify, as it is (plain) or on a page. */
void answer_receipt(struct answer *a, bool plain, const char *receipt, size_t len);

/* What this is. */
void answer_home(struct answer *a, bool busy);

#endif /* ANSWER_H */
