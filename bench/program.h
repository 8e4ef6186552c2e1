/* SPDX-License-Identifier: ISC */
/* Where the other programs are. */
#ifndef PROGRAM_H
#define PROGRAM_H

/* The `zwinger` that started us, or that lies where ours does. NULL with a line logged. */
const char *program_zwinger(void);

/* The first of a list's names that PATH has, or NULL. The caller's buffer. */
const char *program_find(const char *name, char path[4096]);

#endif /* PROGRAM_H */
