/* SPDX-License-Identifier: ISC */
#include "session_memory.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM_KIB 65536L

static long pss(const char *pid)
{
	char path[300], line[512];
	long size = 0, value, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Size: %ld", &value) == 1)
			size = value;
		if (sscanf(line, "Pss: %ld", &value) == 1 && size < RAM_KIB)
			sum += value;
	}
	fclose(f);
	return sum;
}

void memory_of_session(pid_t session, void (*tell)(void *arg, const char *name, long kib),
		       void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc != NULL && (e = readdir(proc)) != NULL) {
		char path[300], name[32] = "";
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(name, sizeof(name), f) != NULL)
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
		if (getsid((pid_t)atoi(e->d_name)) == session ||
		    (strncmp(name, "zwinger-", 8) == 0 && strcmp(name, "zwinger-bench") != 0))
			tell(arg, name, pss(e->d_name));
	}
	if (proc != NULL)
		closedir(proc);
}
