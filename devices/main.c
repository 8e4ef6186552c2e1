/* SPDX-License-Identifier: ISC */
/* zwinger-<device>: takes what the launcher grants, shuts itself in, serves one virtio device. */
#include "backend.h"
#include "sandbox.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct backend backend;

/* Refuses anything but exactly one well-formed message. */
static bool receive_config(struct device_config *c)
{
	ssize_t n = recv(DEVICE_FD_CONTROL, c, sizeof(*c), MSG_TRUNC);

	return n == (ssize_t)sizeof(*c) && c->version == DEVICE_CONFIG_VERSION &&
	       c->backend_count <= DEVICE_BACKENDS_MAX;
}

/* The page stays mapped; its descriptor is of no more use. */
static bool map_counters(struct device *d)
{
	void *page = mmap(NULL, sizeof(*d->counters), PROT_READ | PROT_WRITE, MAP_SHARED,
			  DEVICE_FD_COUNTERS, 0);

	if (page == MAP_FAILED)
		return false;
	close(DEVICE_FD_COUNTERS);
	d->counters = page;
	return true;
}

int main(void)
{
	static struct device_config config;
	const struct device_ops *ops = &device_ops;
	struct sandbox_policy policy = {
		.filter = ops->filter,
		.filter_count = ops->filter_count,
		.open_files = DEVICE_FD_BACKEND + DEVICE_BACKENDS_MAX + BACKEND_FDS_MAX +
			      ops->open_files,
		.file_size = ops->file_size > BACKEND_INFLIGHT_MAX ? ops->file_size
								   : BACKEND_INFLIGHT_MAX,
		/* No policy permits a thread; but what io_uring starts by itself is counted. */
		.processes = RLIM_INFINITY,
	};
	enum status st;

	/* 1. Take what the launcher gives us; refuse to start with less or more. */
	log_init(ops->name);
	if (!receive_config(&config)) {
		log_error("this program is started by zwinger, not by hand");
		return STATUS_NOT_STARTED;
	}
	if (!loop_init()) {
		log_error("cannot wait: %s", strerror(errno));
		return STATUS_FAILED;
	}
	backend_init(&backend, DEVICE_FD_VHOST);
	if ((config.flags & DEVICE_COUNTED) != 0 && !map_counters(&backend.device)) {
		log_error("cannot map the counters: %s", strerror(errno));
		return STATUS_NOT_STARTED;
	}
	st = ops->open(&backend.device, &config);
	if (st != STATUS_OK)
		return (int)st;
	/* What the front end hands over to be written to may be a pipe without a reader. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);

	/* 2. From here: no path, no socket, no new program. The policy says why each call stays. */
	sandbox_enter(&policy);

	/* 3. Wait, obey, answer. */
	return (int)backend_serve(&backend);
}
