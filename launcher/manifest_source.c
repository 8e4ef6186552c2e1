/* SPDX-License-Identifier: ISC */
#include "manifest_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH_MAX 8 /* deeper than any node of a manifest */
#define NO_DTC	  127
#define PATH_SIZE 256
#define DTB_MAGIC "\xd0\x0d\xfe\xed"

static _Alignas(8) char tree[MANIFEST_TREE_MAX + 1];
static char text[MANIFEST_TEXT_MAX + 1]; /* the .dts as dtc prints it, with places; or "" */
static const char *source = "";

/* ---- places ---- */

/* As dtc notes it, "phone.dts:12"; of what is put together of several, the first. */
struct place {
	const char *text;
	size_t len; /* 0: unknown */
};

/* A line of dtc's: the beginning of a node, or a property, behind as many tabs as it is deep. */
struct line {
	size_t depth;
	bool node;
	const char *name;
	int name_len;
	struct place place;
};

/* Of what is at `at`, up to the next end of line. False: it is neither, or has no place. */
static bool line_decode(const char *at, struct line *l)
{
	static const char mark[] = " /* ";
	const char *end = at + strcspn(at, "\n"), *name = at + strspn(at, "\t");
	const char *comment = NULL;

	/* Strings may hold what looks like a comment: the real one is the last. */
	for (const char *c = name; (c = memmem(c, (size_t)(end - c), mark, 4)) != NULL; c++)
		comment = c;
	if (comment == NULL || comment == name || *name == '}')
		return false;
	l->depth = (size_t)(name - at);
	l->node = comment[-1] == '{';
	l->place.text = comment + strlen(mark);
	l->place.len = strcspn(l->place.text, ", \n");
	while (l->name = name, name += strcspn(name, " ;"), name > l->name && name[-1] == ':')
		name++; /* that was a label */
	l->name_len = (int)(name - l->name);
	return true;
}

/* Where the property is, or else the node. */
static struct place find(const char *node, const char *property)
{
	struct place found = { "", 0 };
	size_t end[DEPTH_MAX] = { 0 };
	char path[PATH_SIZE] = "";
	struct line l;

	for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
		if (!line_decode(at, &l) || l.depth >= DEPTH_MAX)
			continue;
		if (l.node && l.depth > 0) {
			size_t up = end[l.depth - 1];

			snprintf(path + up, sizeof(path) - up, "/%.*s", l.name_len, l.name);
			end[l.depth] = strlen(path);
		}
		if (strcmp(path[0] != '\0' ? path : "/", node) != 0)
			continue;
		if (l.node)
			found = l.place;
		else if (property != NULL && strlen(property) == (size_t)l.name_len &&
			 memcmp(property, l.name, strlen(property)) == 0)
			return l.place;
	}
	return found;
}

unsigned manifest_source_line(const char *node)
{
	struct place p = find(node, NULL);
	const char *colon = memrchr(p.text, ':', p.len);

	return colon != NULL ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

bool refuse(const char *node, const char *property, const char *fmt, ...)
{
	struct place p = find(node, property);
	char what[LOG_LINE_MAX];
	va_list ap;

	if (p.len == 0)
		p = (struct place){ source, strlen(source) };
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_error("%.*s%s%s: %s%s%s", (int)p.len, p.text, p.len > 0 ? ": " : "", node,
		  property != NULL ? property : "", property != NULL ? ": " : "", what);
	return false;
}

/* ---- reading ---- */

/* All of a file, which must be one, into *out. Returns its size; -1: logged. */
static ssize_t read_all(int fd, const char *path, char *out, size_t size)
{
	size_t len = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		log_error("%s: cannot open it: %s", path, strerror(errno));
		return -1;
	}
	while (S_ISREG(st.st_mode) && len < size &&
	       (n = pread(fd, out + len, size - len, (off_t)len)) > 0)
		len += (size_t)n;
	if (!S_ISREG(st.st_mode))
		log_error("%s: is no file", path);
	else if (n < 0)
		log_error("%s: %s", path, strerror(errno));
	else if (len == size)
		log_error("%s: more than %zu bytes are too many", path, size - 1);
	else
		return (ssize_t)len;
	return -1;
}

/* What dtc has to say, a line each. */
static void relay(int fd)
{
	static char said[16384];
	ssize_t n = pread(fd, said, sizeof(said) - 1, 0);
	char *next = said;

	said[n > 0 ? n : 0] = '\0';
	for (const char *line; (line = strsep(&next, "\n")) != NULL;)
		if (line[0] != '\0')
			log_error("dtc: %s", line);
}

/* In a child: becomes dtc, which reads and writes nothing but what it is given. */
static void become_dtc(char *const *words, int out, int err)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2) {
		execvp(words[0], words);
		execv("/usr/bin/dtc", words);
	}
	_exit(NO_DTC);
}

/* A source in dtc's format "dtb" or, with places, "dts". Returns its size; -1: logged. */
static ssize_t compile(const char *path, const char *format, char *to, size_t size)
{
	bool places = strcmp(format, "dts") == 0;
	const char *words[] = { "dtc", places ? "-qT" : "-q", "-Idts", "-O", format, "--", path,
				NULL };
	int out = memfd_create("tree", MFD_CLOEXEC), err = memfd_create("log", MFD_CLOEXEC);
	pid_t pid = out >= 0 && err >= 0 ? fork() : -1;
	int status = -1;
	ssize_t n = -1;

	if (pid == 0)
		become_dtc((char *const *)words, out, err);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		log_error("%s: dtc cannot be started: %s", path, strerror(errno));
	else
		relay(err);
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == NO_DTC)
		log_error("%s: dtc, which compiles it, is not installed; mend it: apt-get "
			  "install device-tree-compiler",
			  path);
	else if (pid > 0 && status != 0)
		log_error("%s: dtc does not take it", path);
	if (status == 0)
		n = read_all(out, path, to, size);
	if (out >= 0)
		close(out);
	if (err >= 0)
		close(err);
	return n;
}

void manifest_source_forget(void)
{
	source = "";
	text[0] = '\0';
}

const void *manifest_source_read(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = read_all(fd, path, tree, sizeof(tree));

	manifest_source_forget();
	if (fd >= 0)
		close(fd);
	if (n >= 4 && memcmp(tree, DTB_MAGIC, 4) != 0) {
		ssize_t len = compile(path, "dts", text, sizeof(text));

		text[len > 0 ? len : 0] = '\0';
		n = len < 0 ? -1 : compile(path, "dtb", tree, sizeof(tree));
	}
	source = path;
	*size = n < 0 ? 0 : (size_t)n;
	return n < 0 ? NULL : tree;
}
