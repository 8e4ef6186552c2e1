/* SPDX-License-Identifier: ISC */
/* The same guest under a whole VMM: zwinger run, as anybody would start it. */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "experiment.h"

void subject_measure(const struct experiment *e, const struct plan *p, struct outcome *o);

#endif /* SUBJECT_H */
