/* SPDX-License-Identifier: ISC */
#include "rtc.h"

enum {
	REG_SECONDS = 0x00,
	REG_MINUTES = 0x02,
	REG_HOURS = 0x04,
	REG_WEEKDAY = 0x06,
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	REG_CENTURY = 0x32, /* named by the FADT */
};

#define A_32KHZ 0x26u /* divider running, update never in progress */
#define B_24H	0x02u /* 24-hour, BCD */
#define D_VALID 0x80u /* battery good */

static time_t host_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

static uint8_t bcd(int v)
{
	unsigned u = (unsigned)v % 100;

	return (uint8_t)(u / 10 << 4 | u % 10);
}

/* libc's gmtime() would go and look for a time zone file, which the sandbox forbids. */
struct civil {
	int second, minute, hour, weekday, day, month, year;
};

static struct civil civil_from(time_t now)
{
	/* Days since 0000-03-01, so that a leap day is the last of its year; 400-year eras. */
	int64_t days = now / 86400 + 719468, seconds = now % 86400;
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0 is March */

	return (struct civil){
		.second = (int)(seconds % 60),
		.minute = (int)(seconds / 60 % 60),
		.hour = (int)(seconds / 3600),
		.weekday = (int)((now / 86400 + 4) % 7),
		.day = (int)(of_year - (153 * month + 2) / 5 + 1),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.year = (int)(year + era * 400 + (month >= 10)),
	};
}

static uint8_t read_register(const struct rtc *r)
{
	struct civil t = civil_from(r->now());

	switch (r->index) {
	case REG_SECONDS:
		return bcd(t.second);
	case REG_MINUTES:
		return bcd(t.minute);
	case REG_HOURS:
		return bcd(t.hour);
	case REG_WEEKDAY:
		return bcd(t.weekday + 1);
	case REG_DAY:
		return bcd(t.day);
	case REG_MONTH:
		return bcd(t.month);
	case REG_YEAR:
		return bcd(t.year % 100);
	case REG_CENTURY:
		return bcd(t.year / 100);
	case REG_A:
		return A_32KHZ;
	case REG_B:
		return B_24H;
	case REG_C:
		return 0;
	case REG_D:
		return D_VALID;
	default:
		return r->ram[r->index];
	}
}

void rtc_init(struct rtc *r)
{
	*r = (struct rtc){ .now = host_time };
	pthread_mutex_init(&r->lock, NULL);
}

void rtc_access(void *dev, const struct bus_access *a)
{
	struct rtc *r = dev;

	pthread_mutex_lock(&r->lock);
	if (a->len == 1 && a->offset == 0 && a->write)
		r->index = a->data[0] & 0x7f; /* bit 7 masks NMI, of which there is none */
	else if (a->len == 1 && a->offset == 1 && a->write)
		r->ram[r->index] = a->data[0]; /* the clock's own registers ignore it */
	else if (a->len == 1 && a->offset == 1)
		a->data[0] = read_register(r);
	else if (!a->write)
		bus_answer(a, UINT64_MAX);
	pthread_mutex_unlock(&r->lock);
}
