/* SPDX-License-Identifier: ISC */
#include "loop.h"

#include "bug.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH_MAX 32
#define SECOND_NS 1000000000u

static int epoll_fd = -1;
static bool ended;
static struct epoll_event
	batch[BATCH_MAX]; /* what the last wait brought; from batch_at on due */
static int batch_at, batch_count;

bool loop_init(void)
{
	if (epoll_fd >= 0)
		close(epoll_fd);
	batch_at = batch_count = 0;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd >= 0;
}

/* What was ready for s is so no more. */
static void forget(const struct loop_source *s)
{
	for (int i = batch_at; i < batch_count; i++)
		if (batch[i].data.ptr == s)
			batch[i].data.ptr = NULL;
}

static int control(int op, struct loop_source *s, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	/* A timer that has run out tells so once and need not be read. */
	if (s->timer)
		e.events |= EPOLLET;
	return epoll_ctl(epoll_fd, op, s->fd, &e);
}

bool loop_add(struct loop_source *s, uint32_t events)
{
	return control(EPOLL_CTL_ADD, s, events) == 0;
}

void loop_change(struct loop_source *s, uint32_t events)
{
	BUG_ON(control(EPOLL_CTL_MOD, s, events) < 0);
}

void loop_remove(struct loop_source *s)
{
	if (s->fd < 0)
		return;
	BUG_ON(control(EPOLL_CTL_DEL, s, 0) < 0);
	forget(s);
	s->fd = -1;
}

bool loop_timer_init(struct loop_source *s, void (*ready)(void *arg, uint32_t events),
		     void *arg)
{
	*s = (struct loop_source){ .ready = ready, .arg = arg, .timer = true };
	s->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return s->fd >= 0;
}

void loop_timer_set(struct loop_source *s, uint64_t after_ns)
{
	struct itimerspec t = { .it_value = { .tv_sec = (time_t)(after_ns / SECOND_NS),
					      .tv_nsec = (long)(after_ns % SECOND_NS) } };

	BUG_ON(timerfd_settime(s->fd, 0, &t, NULL) < 0);
	forget(s); /* it may have run out in this very batch */
}

void loop_run(void)
{
	ended = false;
	while (!ended) {
		/* Not epoll_wait(), which is not a system call everywhere. */
		batch_count = epoll_pwait(epoll_fd, batch, BATCH_MAX, -1, NULL);
		BUG_ON(batch_count < 0 && errno != EINTR);
		/* The whole batch even when ended: a timer would not tell again. */
		for (batch_at = 0; batch_at < batch_count;) {
			const struct epoll_event *e = &batch[batch_at++];
			const struct loop_source *s = e->data.ptr;

			if (s != NULL)
				s->ready(s->arg, e->events);
		}
	}
}

void loop_end(void)
{
	ended = true;
}
