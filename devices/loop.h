/* SPDX-License-Identifier: ISC */
/*
 * The one event loop of a device process: descriptors, and who is called when they are ready.
 * It allocates nothing; a source belongs to its caller and lives as long as it is watched.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
	int fd;					   /* -1: not watched */
	void (*ready)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
	void *arg;
	bool timer; /* made by loop_timer_init() */
};

/* Before the sandbox. False: the host refuses; errno says why. */
bool loop_init(void) __attribute__((warn_unused_result));

/* Begins to watch s->fd. False: the host refuses. */
bool loop_add(struct loop_source *s, uint32_t events) __attribute__((warn_unused_result));

/* Watches a source for other events; 0 leaves only hang-up and error. */
void loop_change(struct loop_source *s, uint32_t events);

/* Ends watching and sets s->fd to -1; the descriptor stays open. Safe within any ready(). */
void loop_remove(struct loop_source *s);

/* A timer: calls ready once after so many nanoseconds (0: never mind). Watch it with loop_add(). */
bool loop_timer_init(struct loop_source *s, void (*ready)(void *arg, uint32_t events),
		     void *arg) __attribute__((warn_unused_result));
void loop_timer_set(struct loop_source *s, uint64_t after_ns);

/* Serves until loop_end(). */
void loop_run(void);
void loop_end(void);

#endif /* LOOP_H */
