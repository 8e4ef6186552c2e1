/* SPDX-License-Identifier: ISC */
/* zwinger-display: owns the screen and the keyboard, and says to whom they are lent. */
#include "critical_settings.h"
#include "display.h"
#include "display_policy.h"

int main(void)
{
	static const struct critical_process process = {
		.kind = "display",
		.filter = display_filter,
		.filter_count = display_filter_count,
		.open_files = 4,
		.settings_size = sizeof(struct display_settings),
		.open = display_open,
		.notified = display_notified,
		.ready = display_ready,
		.command = display_command,
		.tick = display_tick,
		.close = display_close,
	};

	return critical_main(&process);
}
