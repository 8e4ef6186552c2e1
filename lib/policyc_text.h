/* SPDX-License-Identifier: ISC */
/*
 * The text of a policy, read: for the policy compiler, and for the test that asks which of its
 * lines are used. The format is described in policyc.c.
 */
#ifndef POLICYC_TEXT_H
#define POLICYC_TEXT_H

#include <seccomp.h>
#include <stdint.h>

#define POLICY_RULES_MAX      256
#define POLICY_CONDITIONS_MAX 6

struct policy_rule {
	char name[64];
	int nr;
	unsigned line;
	unsigned count;
	struct scmp_arg_cmp cond[POLICY_CONDITIONS_MAX];
};

/* What has been read so far, and where, for messages. */
struct policy_text {
	const char *path;
	unsigned line;
	const char *at; /* the next character of the line */
	struct policy_rule rule[POLICY_RULES_MAX];
	unsigned count;
};

/* Reads in->path; at the first mistake it says so on stderr and exits with status 1. */
void policy_read(struct policy_text *in, uint32_t arch);

/* "PATH:LINE: error: ...", and the end. */
void policy_fail(const struct policy_text *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

#endif /* POLICYC_TEXT_H */
