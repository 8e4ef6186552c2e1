/* SPDX-License-Identifier: ISC */
#include "device_command.h"

#include "devices.h"
#include "options.h"
#include "run.h"
#include "unix_socket.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct option_spec device_options[] = {
	{ "socket", "PATH", "where the front end connects" },
	{ "disk", "FILE[,KEY=VALUE]...", "the device is a disk, with the keys of zwinger run" },
	{ "net", "tap=NAME[,...]", "or a network card" },
	{ "console", "name=NAME,socket=PATH", "or a console, once for each of its ports" },
	{ "vsock", "cid=N,path=PATH", "or sockets between guest and host" },
	{ "balloon", "size=SIZE[,socket=PATH]", "or one that takes memory from the guest" },
	{ "rng", NULL, "or a source of random numbers" },
	{ 0 },
};
static const enum device_kind kind_of[] = { KIND_COUNT, KIND_DISK,    KIND_NET, KIND_CONSOLE,
					    KIND_VSOCK, KIND_BALLOON, KIND_RNG };

static const char *path;
static struct devices devices; /* one */

static bool set(void *state, unsigned index, const char *value)
{
	enum device_kind kind = kind_of[index];
	const struct backing *b = &devices.device[0].peripheral.backing;

	(void)state;
	if (kind == KIND_COUNT) {
		path = value;
		return true;
	}
	if (!devices_add(&devices, kind, value != NULL ? value : ""))
		return false;
	if (devices.count > 1)
		log_error("--%s: one device is enough", device_kind_name(kind));
	else if (kind == KIND_DISK && b->spec->socket != NULL)
		log_error("--disk: what listens at a socket needs no `zwinger device`");
	else if (b->spec->hvc)
		log_error("--console: 'hvc' goes only with `zwinger run`");
	else
		return true;
	return false;
}

/* One front end after the other, until a signal comes. Returns its number. */
static int serve(struct peripheral *d, int listening, int signals)
{
	enum { SIGNAL, FRONT_END, COUNT };
	struct pollfd p[COUNT + PERIPHERAL_POLLS];
	struct signalfd_siginfo s = { 0 };

	for (;;) {
		bool idle = d->process.child.pid == 0;

		p[SIGNAL] = (struct pollfd){ .fd = signals, .events = POLLIN };
		p[FRONT_END] = (struct pollfd){ .fd = idle ? listening : -1, .events = POLLIN };
		peripheral_poll(d, p + COUNT);
		if (poll(p, COUNT + PERIPHERAL_POLLS, -1) < 0)
			continue;
		if (p[SIGNAL].revents != 0 && read(signals, &s, sizeof(s)) == sizeof(s) &&
		    s.ssi_signo != SIGWINCH) {
			if (s.ssi_signo != SIGTSTP)
				return (int)s.ssi_signo;
			raise(SIGSTOP);
		}
		if (p[FRONT_END].revents != 0) {
			int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0 && !peripheral_serve(d, fd))
				return 0;
			close(fd);
		}
		if (!peripheral_polled(d, p + COUNT))
			process_was_killed(&d->process, d->ended);
	}
}

int device_main(int argc, char **argv)
{
	struct peripheral *d = &devices.device[0].peripheral;
	int listening, signals, ended_by;
	enum status status;

	switch (options_parse(device_options, argc, argv, 2, set, NULL)) {
	case OPTIONS_HELP:
		puts("usage: zwinger device --socket PATH --disk FILE\n\n"
		     "Serves one device to any vhost-user front end.\n");
		options_print(device_options);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (path == NULL || devices.count == 0) {
		log_error("%s is needed: zwinger device --socket PATH --disk FILE",
			  path == NULL ? "--socket PATH" : "a device");
		return STATUS_USAGE;
	}
	status = devices_open(&devices, 1);
	if (status != STATUS_OK)
		return (int)status;
	signals = run_open_signals();
	listening = unix_listen("--socket", path);
	if (signals < 0 || listening < 0)
		return STATUS_NO_FILE;
	log_info("listening on %s", path);
	ended_by = serve(d, listening, signals);
	peripheral_stop(d);
	return ended_by != 0 ? 128 + ended_by : STATUS_FAILED;
}
