/* SPDX-License-Identifier: ISC */
/* One picture of all series: a histogram each, as shades along a logarithmic axis. */
#ifndef SVG_H
#define SVG_H

#include "results.h"

bool svg_write(const struct results *r, FILE *f);

/* As text of XML. */
void svg_text(FILE *f, const char *text);

#endif /* SVG_H */
