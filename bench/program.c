/* SPDX-License-Identifier: ISC */
#include "program.h"

#include "log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *program_zwinger(void)
{
	static const char *const beside[] = { "/" ZW_BIN_FROM_LIBEXEC "/zwinger",
					      "/../launcher/zwinger" };
	static char path[PATH_MAX + 64];
	const char *given = getenv("ZW_ZWINGER");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (given != NULL)
		return given;
	for (unsigned i = 0; n > 0 && i < sizeof(beside) / sizeof(beside[0]); i++) {
		self[n] = '\0';
		self[strrchr(self, '/') - self] = '\0';
		snprintf(path, sizeof(path), "%s%s", self, beside[i]);
		if (access(path, X_OK) == 0)
			return path;
	}
	log_error("zwinger is not installed beside this program; use `zwinger bench`");
	return NULL;
}

const char *program_find(const char *name, char path[PATH_MAX])
{
	const char *list = getenv("PATH");

	if (list == NULL)
		list = "/usr/local/bin:/usr/bin:/bin";
	while (*list != '\0') {
		size_t len = strcspn(list, ":");

		snprintf(path, PATH_MAX, "%.*s/%s", (int)len, list, name);
		if (access(path, X_OK) == 0)
			return path;
		list += len + (list[len] == ':');
	}
	return NULL;
}
