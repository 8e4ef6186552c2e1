/* SPDX-License-Identifier: ISC */
/* zwinger-audit: reads along every audited channel, and delivers what it has logged. */
#include "audit.h"
#include "audit_policy.h"
#include "critical_settings.h"

int main(void)
{
	static const struct critical_process process = {
		.kind = "audit",
		.filter = audit_filter,
		.filter_count = audit_filter_count,
		.file_size = RLIM_INFINITY,
		.settings_size = sizeof(struct audit_settings),
		.open = audit_open,
		.notified = audit_notified,
		.tick = audit_tick,
		.close = audit_close,
	};

	return critical_main(&process);
}
