/* SPDX-License-Identifier: ISC */
/* What the clock says, in UTC, without time zones: 2026-11-29T14:55:01Z. */
#ifndef DATE_H
#define DATE_H

#include "payment.h"

/* seconds since 1970; before that, and after the year 9999, it is the first or the last of them. */
void date_format(int64_t seconds, char date[PAYMENT_DATE]);

#endif /* DATE_H */
