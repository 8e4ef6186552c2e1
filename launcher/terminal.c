/* SPDX-License-Identifier: ISC */
#include "terminal.h"

#include "log.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static volatile sig_atomic_t raw;
static bool prepared;

void terminal_restore(void)
{
	if (!raw)
		return;
	raw = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &saved); /* async-signal-safe, POSIX 2.4.3 */
	log_raw_terminal(false);
}

static void crashed(int signal)
{
	terminal_restore();
	raise(signal); /* SA_RESETHAND: this time it kills */
}

static void prepare(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction act = { .sa_handler = crashed,
				 .sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &act, NULL);
	atexit(terminal_restore);
	prepared = true;
}

bool terminal_raw(void)
{
	struct termios t;

	if (raw)
		return true;
	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return false;
	if (!prepared)
		prepare();
	t = saved;
	cfmakeraw(&t);
	raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t) < 0) {
		raw = 0;
		return false;
	}
	log_raw_terminal(true);
	return true;
}
