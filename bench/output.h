/* SPDX-License-Identifier: ISC */
/* The options by which every benchmark says where its results go, and what is done with them. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "results.h"

struct output {
	const char *json, *csv, *svg; /* files; NULL: none */
};

/* Finishes the results, prints them and writes the files. False with a line logged. */
bool output_results(const struct output *o, struct results *r);

#endif /* OUTPUT_H */
