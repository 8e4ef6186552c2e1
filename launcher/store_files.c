/* SPDX-License-Identifier: ISC */
#include "store_files.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[STORE_FILES] = {
	[STORAGE_KEY] = "key",
	[STORAGE_SLOT_A] = "slot-a",
	[STORAGE_SLOT_B] = "slot-b",
	[STORAGE_ANCHOR] = "anchor",
};

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -1 : st.st_size;
}

/* A key is made once, and only when no store needs another one. */
static bool make_key(const char *who, const char *directory, const int fd[STORE_FILES])
{
	uint8_t key[STORE_KEY];
	bool ok;

	if (size_of(fd[STORAGE_KEY]) == STORE_KEY)
		return true;
	if (size_of(fd[STORAGE_KEY]) != 0 || size_of(fd[STORAGE_SLOT_A]) != 0 ||
	    size_of(fd[STORAGE_SLOT_B]) != 0) {
		log_error(
			"%s: '%s/key' is not the key of the store beside it: bring it back, or restore a "
			"backup into an empty directory (zwinger store restore)",
			who, directory);
		return false;
	}
	ok = getrandom(key, sizeof(key), 0) == sizeof(key) &&
	     pwrite(fd[STORAGE_KEY], key, sizeof(key), 0) == sizeof(key) &&
	     fsync(fd[STORAGE_KEY]) == 0;
	explicit_bzero(key, sizeof(key));
	if (!ok)
		log_error("%s: '%s/key' cannot be written: %s", who, directory,
			  strerror(errno));
	return ok;
}

/* Others may not even read what is sealed. */
static bool private(const char *who, const char *directory, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (st.st_mode & 077) == 0)
		return true;
	log_error("%s: others may read '%s': chmod 700 '%s'", who, directory, directory);
	return false;
}

bool store_files_open(const char *who, const char *directory, const char *tpm,
		      int fd[STORE_FILES])
{
	bool ok = true;
	int dir;

	(void)mkdir(directory, 0700);
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < STORE_FILES; i++) {
		bool device = i == STORAGE_ANCHOR && tpm[0] != '\0';

		fd[i] = device ? open(tpm, O_RDWR | O_CLOEXEC | O_NOCTTY)
			       : openat(dir, names[i],
					O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd[i] < 0 && ok)
			log_error("%s: cannot open '%s%s%s': %s", who, device ? "" : directory,
				  device ? "" : "/", device ? tpm : names[i], strerror(errno));
		ok &= fd[i] >= 0;
	}
	ok = ok && private(who, directory, dir);
	if (ok && flock(fd[STORAGE_SLOT_A], LOCK_EX | LOCK_NB) < 0) {
		log_error("%s: '%s' is in use by another system", who, directory);
		ok = false;
	}
	/* The names are as lasting as what will be written into them. */
	ok = ok && make_key(who, directory, fd) && fsync(dir) == 0;
	if (dir >= 0)
		close(dir);
	for (unsigned i = 0; i < STORE_FILES && !ok; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return ok;
}
