/* SPDX-License-Identifier: ISC */
/*
 * MC146818-compatible real-time clock and its 128 bytes of CMOS memory, ports 0x70 and 0x71.
 *
 * It tells the host's time in UTC and cannot be set; it has no alarm and no interrupt. A stock
 * kernel without it polls for a clock 20,000 times at boot, or keeps no hardware clock at all.
 */
#ifndef RTC_H
#define RTC_H

#include "bus.h"

#include <pthread.h>
#include <time.h>

#define RTC_PORT 0x70
#define RTC_REGS 2

struct rtc {
	pthread_mutex_t lock; /* protects index and ram */
	uint8_t index;	      /* 0 to 127 */
	uint8_t ram[128];
	time_t (*now)(void); /* seconds since 1970, not negative; replaced in unit tests */
};

void rtc_init(struct rtc *r);
void rtc_access(void *dev, const struct bus_access *a); /* bus_handler */

#endif /* RTC_H */
