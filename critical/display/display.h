/* SPDX-License-Identifier: ISC */
/*
 * The trusted display: who has the screen has the keyboard, and the strip says who that is. The
 * guest's console, or the display's menu, or exactly one question.
 */
#ifndef DISPLAY_H
#define DISPLAY_H

#include "critical.h"

/* The callbacks of lib/critical.h. */
enum status display_open(struct critical *c);
void display_notified(struct critical_end *end);
void display_ready(int fd, short revents);
void display_command(const struct critical_command *m, const int *fds, unsigned fd_count);
uint64_t display_tick(uint64_t now_ms);
void display_close(void);

#endif /* DISPLAY_H */
