/* SPDX-License-Identifier: ISC */
/* A record in words, for people and for programs. Nothing of it is printed but printable ASCII. */
#ifndef WORDS_H
#define WORDS_H

#include "reader.h"

/* One line each, to standard output. */
void words_print(const struct record *r);
void words_print_json(const struct record *r);

#endif /* WORDS_H */
