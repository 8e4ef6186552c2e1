/* SPDX-License-Identifier: ISC */
/*
 * Log lines: one event, one line, one write(2) to descriptor 2.
 *
 * Allocates nothing and needs no system call but write, so it works inside every sandbox.
 * Bytes that are not printable ASCII come out as '?': a line can neither forge another
 * line nor drive a terminal. A line of more than LOG_LINE_MAX bytes ends in "...".
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINE_MAX		  512
#define LOG_FORMAT(string, first) __attribute__((format(printf, string, first)))

/* How often a guest has caused one kind of message. All zero to begin with. */
struct log_limit {
	unsigned long count; /* changed only by log_guest(), from any thread */
};

/* Names the process in front of each line; the string is kept, not copied. */
void log_init(const char *process);

/* While the terminal behind descriptor 2 is raw, a line must end in "\r\n". */
void log_raw_terminal(bool raw);

/* error: an operator must act; warn: someone should look; info: it is as it should be. */
void log_error(const char *fmt, ...) LOG_FORMAT(1, 2);
void log_warn(const char *fmt, ...) LOG_FORMAT(1, 2);
void log_info(const char *fmt, ...) LOG_FORMAT(1, 2);

/*
 * For what a guest can cause at will. The first eight are written; after them only
 * the 16th, 32nd, 64th ... with the count of those that were left out.
 */
void log_guest(struct log_limit *l, const char *fmt, ...) LOG_FORMAT(2, 3);

/* Writes bytes that another process logged as one line of ours, under that process's name. */
void log_relay(const char *text, size_t len);

#endif /* LOG_H */
