/* SPDX-License-Identifier: ISC */
#include "extras.h"

void extras_create(struct machine *m)
{
	(void)m;
}

bool extras_load(const struct machine *m, const struct kernel_source *src,
		 struct kernel_entry *out, enum status *st)
{
	(void)m;
	(void)src;
	(void)out;
	(void)st;
	return false;
}
