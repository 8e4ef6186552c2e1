/* SPDX-License-Identifier: ISC */
/* zwinger-dialler: shows which number is dialled, before it is. */
#include "critical_settings.h"
#include "dialler.h"
#include "dialler_policy.h"

int main(void)
{
	static const struct critical_process process = {
		.kind = "dialler",
		.filter = dialler_filter,
		.filter_count = dialler_filter_count,
		.settings_size = sizeof(struct dialler_settings),
		.open = dialler_open,
		.notified = dialler_notified,
		.ready = dialler_ready,
		.tick = dialler_tick,
		.close = dialler_close,
	};

	return critical_main(&process);
}
