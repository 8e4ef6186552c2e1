/* SPDX-License-Identifier: ISC */
#include "debug_port.h"

#include "log.h"

#define PRESENT 0xe9u /* what SeaBIOS reads before it writes anything */

struct debug_port *debug_port_init(struct debug_port *d)
{
	*d = (struct debug_port){ .len = 0 };
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

void debug_port_access(void *dev, const struct bus_access *a)
{
	struct debug_port *d = dev;

	if (!a->write) {
		bus_answer(a, PRESENT);
		return;
	}
	pthread_mutex_lock(&d->lock);
	if (a->data[0] != '\n')
		d->line[d->len++] = (char)a->data[0];
	if (a->data[0] == '\n' || d->len == sizeof(d->line)) {
		log_info("firmware: %.*s", (int)d->len, d->line);
		d->len = 0;
	}
	pthread_mutex_unlock(&d->lock);
}
