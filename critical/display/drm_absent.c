/* SPDX-License-Identifier: ISC */
#include "backend.h"
#include "log.h"

const struct backend *drm_open(int drm, const int *inputs, unsigned input_count,
			       const char *layout, const struct backend_events *events)
{
	(void)drm;
	(void)inputs;
	(void)input_count;
	(void)layout;
	(void)events;
	log_error("this build has no back end for a screen of its own");
	return NULL;
}
