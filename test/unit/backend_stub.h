/* SPDX-License-Identifier: ISC */
/*
 * A vhost-user back end that serves nothing: it answers what a front end asks and remembers what
 * it was told. It runs in a thread of the test.
 */
#ifndef BACKEND_STUB_H
#define BACKEND_STUB_H

#include "vhost_user.h"

#include <pthread.h>

#define STUB_QUEUES 3

struct backend_stub {
	int socket; /* the front end's end; the test's to use and close */
	uint64_t features, protocol, queue_count;
	uint8_t config[VHOST_USER_CONFIG_MAX];
	uint32_t refuse; /* a request that is answered by "failed" */

	/* What it was told. */
	uint64_t acked;
	int event_fd; /* for messages of the back end's own */
	unsigned regions, resets, inflight_asked, inflight_told;
	struct {
		uint32_t num, base;
		uint64_t desc, used, avail;
		unsigned started, stopped, enabled;
		int kick_fd, call_fd, err_fd;
	} ring[STUB_QUEUES];

	int own; /* its end */
	pthread_t thread;
};

/* Starts one that offers what the caller has set; the rest is 0. */
void stub_start(struct backend_stub *s);

/* Hangs up and waits for its end. */
void stub_stop(struct backend_stub *s);

#endif /* BACKEND_STUB_H */
