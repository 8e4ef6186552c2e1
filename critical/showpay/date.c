/* SPDX-License-Identifier: ISC */
#include "date.h"

#include <stdio.h>

#define DAY 86400
#define END 253402300800 /* 10000-01-01 */

void date_format(int64_t seconds, char date[PAYMENT_DATE])
{
	uint64_t s = seconds < 0 ? 0 : seconds >= END ? END - 1 : (uint64_t)seconds;
	/* Years begin in March, so that the leap day is their last: 0000-03-01 is day 0. */
	unsigned day = (unsigned)(s / DAY) + 719468, second = (unsigned)(s % DAY);
	unsigned era = day / 146097, year, month;

	day %= 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	snprintf(date, PAYMENT_DATE, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000,
		 month % 100, (day + 1) % 100, second / 3600 % 100, second / 60 % 60,
		 second % 60);
}
