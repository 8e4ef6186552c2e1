/* SPDX-License-Identifier: ISC */
/* zwinger-showpay: an extremely simple web server in front of a payment. */
#include "critical_settings.h"
#include "showpay.h"
#include "showpay_policy.h"

int main(void)
{
	static const struct critical_process process = {
		.kind = "showpay",
		.filter = showpay_filter,
		.filter_count = showpay_filter_count,
		.settings_size = sizeof(struct showpay_settings),
		.open = showpay_open,
		.notified = showpay_notified,
		.tick = showpay_tick,
	};

	return critical_main(&process);
}
