/* SPDX-License-Identifier: ISC */
/* What a running system answers on its control socket. */
#include "stats.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The display gets the terminal and the connection; whatever it does with them, we are out of it. */
static void attach(struct system *s, int client, int terminal, FILE *f)
{
	struct critical_command c = { .kind = CRITICAL_ATTACH };
	struct iovec part = { .iov_base = &c, .iov_len = sizeof(c) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	const struct member *display = system_find(s, MANIFEST_DISPLAY);
	int fds[2] = { terminal, client };

	control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS,
					   .cmsg_len = CMSG_LEN(sizeof(fds)) };
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	if (terminal < 0)
		fputs("no terminal came along\n", f);
	else if (display == NULL)
		fputs("this system has no display\n", f);
	else if (display->process.child.pid == 0)
		fputs("the display has ended\n", f);
	else if (sendmsg(display->process.control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		fputs("the display does not answer\n", f);
}

static bool answer(void *state, enum control_question q, int client, int fd, FILE *f)
{
	static char text[4096];
	struct system *s = state;
	const struct member *auditor;

	switch (q) {
	case CONTROL_PS:
		system_describe(s, text, sizeof(text));
		fputs(text, f);
		return false;
	case CONTROL_STOP:
		log_info("ended by zwinger stop");
		s->ended = true;
		s->status = STATUS_OK;
		return true;
	case CONTROL_ATTACH:
		attach(s, client, fd, f);
		return false;
	case CONTROL_AUDIT:
		auditor = system_find(s, MANIFEST_AUDITOR);
		if (auditor != NULL && realpath(auditor->is->auditor.directory, text) != NULL)
			fputs(text, f);
		return false;
	case CONTROL_STAT:
	case CONTROL_METRICS:
		return false;
	}
	return false;
}

static void stat(void *state, FILE *f)
{
	static struct stats t;
	const struct system *s = state;

	t = (struct stats){ .system = s->manifest->name };
	stats_add_process(&t, "zwinger", "launcher", (int)getpid(), 1);
	for (unsigned i = 0; i < s->manifest->process_count; i++) {
		const struct member *m = &s->member[i];

		stats_add_process(&t, m->is->name, manifest_kind_name(m->is->kind),
				  m->process.child.pid, m->starts);
		if (m->guest != NULL)
			stats_add_guest(&t, m->is->name, m->guest);
	}
	for (unsigned i = 0; i < s->manifest->channel_count; i++)
		if (s->link[i].is->link == LINK_MESSAGES)
			stats_add_channel(&t, s->link[i].is->name, &s->link[i].pages,
					  !s->link[i].closed);
	stats_write(&t, f);
}

bool system_listen(struct system *s)
{
	s->control.host = (struct control_host){ .answer = answer, .stat = stat, .state = s };
	s->control.listener = control_listen(s->manifest->name);
	return s->control.listener >= 0;
}
