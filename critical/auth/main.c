/* SPDX-License-Identifier: ISC */
/* zwinger-auth: judges PINs. */
#include "auth.h"
#include "auth_policy.h"
#include "critical_settings.h"

int main(void)
{
	static const struct critical_process process = {
		.kind = "auth",
		.filter = auth_filter,
		.filter_count = auth_filter_count,
		.settings_size = sizeof(struct auth_settings),
		.open = auth_open,
		.notified = auth_notified,
		.tick = auth_tick,
		.close = auth_close,
	};

	return critical_main(&process);
}
