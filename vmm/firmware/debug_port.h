/* SPDX-License-Identifier: ISC */
/* What the firmware tells its developers, port 0x402, as lines of our log. Only if it was asked for. */
#ifndef DEBUG_PORT_H
#define DEBUG_PORT_H

#include "bus.h"

#include <pthread.h>

#define DEBUG_PORT 0x402

struct debug_port {
	pthread_mutex_t lock; /* protects what follows */
	char line[128];
	unsigned len; /* less than sizeof(line) */
};

/* Returns d. */
struct debug_port *debug_port_init(struct debug_port *d);

void debug_port_access(void *dev, const struct bus_access *a); /* bus_handler */

#endif /* DEBUG_PORT_H */
