/* SPDX-License-Identifier: ISC */
/*
 * Which lines of the policies did the processes of a traced run use?
 *
 * usage: policy_use TREE PROCESS... <TRACE
 *
 * TRACE is ftrace's text of raw_syscalls:sys_enter with record-tgid. PROCESS is COMM=POLICY[,POLICY...]
 * with the policies' paths in TREE; "COMM+" is what the second filter of its first thread and the only
 * one of any other thread stand for. Calls before a thread's first filter do not count. Prints "COMM
 * POLICY LINE" for each line that permitted a call, once.
 */
#include "policyc_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define PIDS_MAX     (1u << 22)
#define POLICIES_MAX 32
#define FILTER	     1 /* SECCOMP_SET_MODE_FILTER */

struct policy {
	char comm[17];
	bool second;
	struct policy_text text;
	bool used[POLICY_RULES_MAX];
};

struct call {
	char comm[17];
	unsigned thread, pid;
	int nr;
	uint64_t arg[6];
};

static struct policy policy[POLICIES_MAX];
static unsigned policy_count;
static unsigned char filters[PIDS_MAX]; /* of each thread */

/* "zwinger-vmm+=vmm/vmm_run.policy" */
static void add_process(const char *tree, char *process)
{
	char *files = strchr(process, '='), *rest = NULL;

	if (files == NULL) {
		fprintf(stderr, "policy_use: '%s' is not COMM=POLICY\n", process);
		exit(2);
	}
	*files++ = '\0';
	for (char *f = strtok_r(files, ",", &rest); f != NULL; f = strtok_r(NULL, ",", &rest)) {
		struct policy *p = &policy[policy_count++];
		char path[4096];

		if (policy_count == POLICIES_MAX)
			exit(2);
		snprintf(p->comm, sizeof(p->comm), "%.*s", (int)strcspn(process, "+"), process);
		p->second = strchr(process, '+') != NULL;
		snprintf(path, sizeof(path), "%s/%s", tree, f);
		p->text.path = path;
		policy_read(&p->text, seccomp_arch_native());
		p->text.path = f;
	}
}

/* "zwinger-blk-158 ( 158) [000] ..... 12.3: sys_enter: NR 16 (5, ae80, 0, 0, 0, 0)" */
static bool parse(const char *line, struct call *c)
{
	const char *at = strstr(line, ": sys_enter: NR "), *tgid = strstr(line, " (");
	const char *name = line + strspn(line, " "), *dash = tgid;
	int end = 0;

	if (at == NULL || tgid == NULL || tgid > at)
		return false;
	while (dash > name && *dash != '-')
		dash--;
	if (dash == name || dash - name > 16 || sscanf(dash, "-%u", &c->thread) != 1 ||
	    sscanf(tgid, " (%u)", &c->pid) != 1 || c->thread >= PIDS_MAX)
		return false;
	snprintf(c->comm, sizeof(c->comm), "%.*s", (int)(dash - name), name);
	if (sscanf(at, ": sys_enter: NR %d (%n", &c->nr, &end) != 1 || end == 0)
		return false;
	at += end;
	for (unsigned i = 0; i < 6; i++) {
		char *after;

		c->arg[i] = strtoull(at, &after, 16);
		if (after == at)
			return false;
		at = after + strspn(after, ", ");
	}
	return true;
}

static bool holds(const struct scmp_arg_cmp *c, const uint64_t arg[6])
{
	uint64_t v = arg[c->arg];

	switch (c->op) {
	case SCMP_CMP_EQ:
		return v == c->datum_a;
	case SCMP_CMP_NE:
		return v != c->datum_a;
	case SCMP_CMP_LT:
		return v < c->datum_a;
	case SCMP_CMP_LE:
		return v <= c->datum_a;
	case SCMP_CMP_GT:
		return v > c->datum_a;
	case SCMP_CMP_GE:
		return v >= c->datum_a;
	case SCMP_CMP_MASKED_EQ:
		return (v & c->datum_a) == c->datum_b;
	case _SCMP_CMP_MIN:
	case _SCMP_CMP_MAX:
		break;
	}
	return false;
}

static bool permits(const struct policy_rule *r, const struct call *c)
{
	if (r->nr != c->nr)
		return false;
	for (unsigned i = 0; i < r->count; i++)
		if (!holds(&r->cond[i], c->arg))
			return false;
	return true;
}

/* Has the call passed this policy? */
static bool stands(const struct policy *p, const struct call *c)
{
	bool first = c->thread == c->pid;

	return strcmp(c->comm, p->comm) == 0 &&
	       (p->second ? filters[c->thread] >= (first ? 2 : 1)
			  : first && filters[c->thread] >= 1);
}

static void use(struct policy *p, const struct call *c)
{
	for (unsigned i = 0; i < p->text.count; i++) {
		if (p->used[i] || !permits(&p->text.rule[i], c))
			continue;
		p->used[i] = true;
		printf("%s %s %u\n", p->comm, p->text.path, p->text.rule[i].line);
	}
}

int main(int argc, char **argv)
{
	static char line[4096];
	unsigned long calls = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: policy_use TREE COMM=POLICY[,POLICY]... <TRACE\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		add_process(argv[1], argv[i]);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct call c;

		if (!parse(line, &c))
			continue;
		calls++;
		for (unsigned i = 0; i < policy_count; i++)
			if (stands(&policy[i], &c))
				use(&policy[i], &c);
		if (c.nr == SYS_seccomp && c.arg[0] == FILTER && filters[c.thread] < UINT8_MAX)
			filters[c.thread]++;
	}
	fprintf(stderr, "policy_use: %lu calls\n", calls);
	return 0;
}
