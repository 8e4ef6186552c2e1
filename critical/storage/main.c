/* SPDX-License-Identifier: ISC */
/* zwinger-storage: signs payments that were confirmed, and keeps what has to be kept. */
#include "critical_settings.h"
#include "storage.h"
#include "storage_policy.h"

int main(void)
{
	static const struct critical_process process = {
		.kind = "storage",
		.filter = storage_filter,
		.filter_count = storage_filter_count,
		.file_size = 1 << 16, /* its slots are smaller */
		.settings_size = sizeof(struct storage_settings),
		.open = storage_open,
		.notified = storage_notified,
		.tick = storage_tick,
		.close = storage_close,
	};

	return critical_main(&process);
}
