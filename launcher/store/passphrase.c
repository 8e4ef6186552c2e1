/* SPDX-License-Identifier: ISC */
#include "passphrase.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Up to the end of the line, byte by byte: what follows is not ours. */
static bool read_line(int fd, char out[PASSPHRASE_MAX])
{
	size_t len = 0;
	char c;

	while (read(fd, &c, 1) == 1 && c != '\n') {
		if (len == PASSPHRASE_MAX - 1) {
			log_error("the passphrase is longer than %d bytes", PASSPHRASE_MAX - 1);
			return false;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	if (len < PASSPHRASE_MIN || strlen(out) != len) {
		log_error("the passphrase has less than %d bytes", PASSPHRASE_MIN);
		return false;
	}
	return true;
}

static bool ask(int tty, const char *question, char out[PASSPHRASE_MAX])
{
	struct termios before, silent;
	bool ok;

	if (tcgetattr(tty, &before) < 0)
		return false;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(tty, TCSAFLUSH, &silent) < 0 ||
	    write(tty, question, strlen(question)) < 0)
		return false;
	ok = read_line(tty, out);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	(void)!write(tty, "\n", 1);
	return ok;
}

static bool ask_tty(int tty, bool twice, char out[PASSPHRASE_MAX])
{
	char again[PASSPHRASE_MAX] = "";
	bool same;

	if (!ask(tty, "Passphrase of the backup: ", out))
		return false;
	if (!twice)
		return true;
	same = ask(tty, "Once more: ", again) && strcmp(out, again) == 0;
	sodium_memzero(again, sizeof(again));
	if (!same)
		log_error("the two passphrases differ");
	return same;
}

bool passphrase_read(const char *path, bool twice, char out[PASSPHRASE_MAX])
{
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
			      : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	bool ok;

	if (fd < 0) {
		log_error("%s: %s%s", path != NULL ? path : "/dev/tty", strerror(errno),
			  path != NULL ? "" : "; without a terminal use --passphrase-file");
		return false;
	}
	ok = path != NULL ? read_line(fd, out) : ask_tty(fd, twice, out);
	close(fd);
	return ok;
}
