/* SPDX-License-Identifier: ISC */
/*
 * libcap-ng comes as one object, and one of its functions, capng_change_id(), looks users
 * up by name. Nobody here calls it; but a static link would carry libc's user database with
 * its loadable modules into every process. These two stand in for it and know no user.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

struct passwd *getpwuid(uid_t uid)
{
	(void)uid;
	errno = ENOENT;
	return NULL;
}

int initgroups(const char *user, gid_t group)
{
	(void)user;
	(void)group;
	errno = EPERM;
	return -1;
}
