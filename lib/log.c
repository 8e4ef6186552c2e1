/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_FULLY 8

static const char *process = "zwinger";
static const char *line_end = "\n";

/* One byte of room is kept for the NUL that vsnprintf() writes, two for the line's end. */
struct line {
	char text[LOG_LINE_MAX + 3];
	size_t len; /* at most LOG_LINE_MAX; what did not fit is shown by line_write() */
	bool cut;
};

static void append(struct line *l, const char *fmt, ...) LOG_FORMAT(2, 3);
static void vappend(struct line *l, const char *fmt, va_list ap) LOG_FORMAT(2, 0);
static void vline(const char *level, const char *fmt, va_list ap) LOG_FORMAT(2, 0);

static void vappend(struct line *l, const char *fmt, va_list ap)
{
	size_t room = LOG_LINE_MAX - l->len;
	int n = vsnprintf(l->text + l->len, room + 1, fmt, ap);

	if (n < 0)
		return;
	l->cut |= (size_t)n > room;
	l->len += (size_t)n > room ? room : (size_t)n;
}

static void append(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vappend(l, fmt, ap);
	va_end(ap);
}

static void line_write(struct line *l)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->text[i] < 0x20 || l->text[i] > 0x7e)
			l->text[i] = '?';
	if (l->cut)
		memcpy(l->text + LOG_LINE_MAX - 3, "...", 3);
	for (const char *c = line_end; *c != '\0'; c++)
		l->text[l->len++] = *c;
	/* A log that cannot be written is nothing this process can mend. */
	(void)!write(STDERR_FILENO, l->text, l->len);
}

static void vline(const char *level, const char *fmt, va_list ap)
{
	struct line l = { .len = 0 };

	append(&l, "%s: %s", process, level);
	vappend(&l, fmt, ap);
	line_write(&l);
}

void log_init(const char *name)
{
	process = name;
}

void log_raw_terminal(bool raw)
{
	line_end = raw ? "\r\n" : "\n";
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vline("error: ", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vline("warning: ", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vline("", fmt, ap);
	va_end(ap);
}

void log_guest(struct log_limit *limit, const char *fmt, ...)
{
	unsigned long n = __atomic_add_fetch(&limit->count, 1, __ATOMIC_RELAXED);
	struct line l = { .len = 0 };
	va_list ap;

	if (n > SHOWN_FULLY && (n & (n - 1)) != 0)
		return;
	append(&l, "%s: guest: ", process);
	va_start(ap, fmt);
	vappend(&l, fmt, ap);
	va_end(ap);
	if (n > SHOWN_FULLY)
		append(&l, " ... and %lu more", n / 2 - 1);
	line_write(&l);
}

void log_relay(const char *text, size_t len)
{
	struct line l = { .cut = len > LOG_LINE_MAX };

	l.len = l.cut ? LOG_LINE_MAX : len;
	memcpy(l.text, text, l.len);
	line_write(&l);
}
