/* SPDX-License-Identifier: ISC */
/* zwinger-terminal: between the guest's console, the grid and the display's keys. Untrusted. */
#include "terminal.h"

#include "critical.h"
#include "critical_settings.h"
#include "log.h"

#include "terminal_policy.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_BYTES 4096 /* of the console, before others have a turn */

static int console, grid_bell;
static bool console_ended;

/* After each turn. */
static void finish(void)
{
	const uint64_t one = 1;
	short writable = terminal_flush(console) ? 0 : POLLOUT;

	/* A bell that is too full to ring rings already. */
	if (terminal_publish())
		(void)!write(grid_bell, &one, sizeof(one));
	critical_watch(console, console_ended ? 0 : (short)(POLLIN | writable));
}

static void notified(struct critical_end *keys)
{
	struct grid_input input;

	while (critical_recv(keys, &input) == CHAN_OK)
		terminal_obey(&input);
	finish();
}

static void ready(int fd, short revents)
{
	static char bytes[TURN_BYTES];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)revents;
	if (n > 0)
		terminal_feed(bytes, (size_t)n);
	else
		console_ended = n == 0 || (errno != EAGAIN && errno != EINTR);
	finish();
}

static enum status terminal_open(struct critical *c)
{
	const struct critical_channel *keys = &c->config.channel[0];
	struct terminal_settings settings;
	struct grid *grid;

	if (c->config.channel_count != 1 || keys->role != CHANNEL_READER ||
	    keys->geometry.message_size != sizeof(struct grid_input) ||
	    c->config.resource_count != TERMINAL_CONSOLE + 1) {
		log_error("it needs a channel of keys, a grid, its bell and a console");
		return STATUS_NOT_STARTED;
	}
	memcpy(&settings, c->config.settings, sizeof(settings));
	grid = mmap(NULL, sizeof(*grid), PROT_READ | PROT_WRITE, MAP_SHARED,
		    critical_resource(c, TERMINAL_GRID), 0);
	close(critical_resource(c, TERMINAL_GRID));
	grid_bell = critical_resource(c, TERMINAL_GRID_BELL);
	console = critical_resource(c, TERMINAL_CONSOLE);
	if (grid == MAP_FAILED || !terminal_init(grid, settings.rows, settings.columns)) {
		log_error("no grid, or a size that cannot be: %u rows, %u columns",
			  settings.rows, settings.columns);
		return STATUS_NOT_STARTED;
	}
	finish();
	return STATUS_OK;
}

int main(void)
{
	static const struct critical_process process = {
		.kind = "terminal",
		.filter = terminal_filter,
		.filter_count = terminal_filter_count,
		.settings_size = sizeof(struct terminal_settings),
		.open = terminal_open,
		.notified = notified,
		.ready = ready,
	};

	return critical_main(&process);
}
