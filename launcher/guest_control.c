/* SPDX-License-Identifier: ISC */
#include "guest_control.h"

#include "stats.h"

#include <string.h>
#include <unistd.h>

static void describe(const struct stats *t, FILE *f)
{
	fprintf(f, "%-16s %-9s %8s %-8s %7s\n", "PROCESS", "KIND", "PID", "STATE", "STARTS");
	for (unsigned i = 0; i < t->process_count; i++)
		fprintf(f, "%-16s %-9s %8d %-8s %7u\n", t->process[i].name, t->process[i].kind,
			t->process[i].pid, t->process[i].pid != 0 ? "running" : "waiting",
			t->process[i].starts);
}

static const struct stats *collect(const struct guest_control *c)
{
	static struct stats t;

	t = (struct stats){ .system = c->name };
	stats_add_process(&t, "zwinger", "launcher", (int)getpid(), 1);
	stats_add_process(&t, "vm", "vm", c->vmm != NULL ? (int)c->vmm->child.pid : 0,
			  c->starts);
	stats_add_guest(&t, "vm", c->guest);
	return &t;
}

static bool answer(void *state, enum control_question q, int client, int fd, FILE *f)
{
	struct guest_control *c = state;

	(void)client;
	(void)fd;
	switch (q) {
	case CONTROL_PS:
		describe(collect(c), f);
		return false;
	case CONTROL_STOP:
		log_info("ended by zwinger stop");
		c->stop = true;
		return true;
	case CONTROL_ATTACH:
		fputs("a virtual machine by itself has no trusted display\n", f);
		return false;
	case CONTROL_AUDIT:
	case CONTROL_STAT:
	case CONTROL_METRICS:
		return false;
	}
	return false;
}

static void stat(void *state, FILE *f)
{
	stats_write(collect(state), f);
}

bool guest_control_open(struct guest_control *c)
{
	static char own[32];
	bool named = c->name != NULL;
	char why[256];

	c->control.host = (struct control_host){ .answer = answer, .stat = stat, .state = c };
	c->control.listener = -1;
	if (!named) {
		snprintf(own, sizeof(own), "vm-%d", (int)getpid());
		c->name = own;
	}
	if (!named && !control_make_directory(why))
		return true;
	c->control.listener = control_listen(c->name);
	return c->control.listener >= 0 || !named;
}
