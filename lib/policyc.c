/* SPDX-License-Identifier: ISC */
/*
 * The policy compiler: turns one process's list of permitted system calls into the
 * seccomp filter that the process carries in its read-only data. It runs when Zwinger is
 * built and is part of no process, so no process parses a policy or links libseccomp.
 *
 *   policyc [--action kill|trap|log] [--arch x86_64|aarch64] NAME INPUT OUTPUT
 *
 * One line permits one call, and says who needs it; anything not listed gets the action:
 *
 *   ioctl  arg1 == KVM_RUN                        # vcpu: enters the guest
 *   mmap   arg2 & ~(PROT_READ|PROT_WRITE) == 0    # malloc: never executable
 *   write  arg0 == 2, arg2 <= 512                 # log
 *
 * Conditions of one line must all hold; several lines on one call are alternatives.
 * Comparisons are unsigned and of 64 bits. The first line is the hot one: it is decided by
 * a few instructions in front of the program that libseccomp makes of all lines.
 */
#include "policyc_text.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The first rule, in front of everything: arch, number, then each argument's two halves.
 * Any mismatch jumps behind it. Returns the count of instructions, 0 if the rule is of a
 * kind that the general program had better decide.
 */
static unsigned hot_path(const struct policy_rule *r, uint32_t audit_arch,
			 struct sock_filter *out)
{
	struct sock_filter *f = out;

	for (unsigned i = 0; i < r->count; i++)
		if (r->cond[i].op != SCMP_CMP_EQ)
			return 0;
	*f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, arch));
	*f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit_arch, 0, 0);
	*f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, nr));
	*f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->nr, 0, 0);
	for (unsigned i = 0; i < r->count; i++)
		for (unsigned half = 0; half < 2;
		     half++) { /* both machines are little-endian */
			uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) +
				      r->cond[i].arg * 8 + half * 4;
			uint32_t k = (uint32_t)(r->cond[i].datum_a >> (half * 32));

			*f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
			*f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0);
		}
	*f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (struct sock_filter *j = out; j < f; j++)
		if (BPF_CLASS(j->code) == BPF_JMP)
			j->jf = (uint8_t)(f - j - 1);
	return (unsigned)(f - out);
}

/* The program for all lines, by libseccomp, into a file of its own. */
static int general_program(struct policy_text *in, uint32_t action, uint32_t arch)
{
	scmp_filter_ctx ctx = seccomp_init(action);
	int fd = memfd_create("policy", MFD_CLOEXEC);
	int err;

	if (ctx == NULL || fd < 0)
		policy_fail(in, "cannot set up libseccomp");
	if (arch != seccomp_arch_native() &&
	    (seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) < 0 || seccomp_arch_add(ctx, arch) < 0))
		policy_fail(in, "libseccomp does not know the architecture");
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
		policy_fail(in, "libseccomp cannot kill on a foreign architecture");
	for (unsigned i = 0; i < in->count; i++) {
		const struct policy_rule *r = &in->rule[i];
		uint8_t priority = (uint8_t)(i < 255 ? 255 - i : 0);

		in->line = r->line;
		err = seccomp_syscall_priority(ctx, r->nr, priority);
		if (err == 0)
			err = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, r->nr, r->count,
							   r->cond);
		if (err < 0)
			policy_fail(in, "libseccomp refuses the rule: %s", strerror(-err));
	}
	err = seccomp_export_bpf(ctx, fd);
	if (err < 0)
		policy_fail(in, "libseccomp: %s", strerror(-err));
	seccomp_release(ctx);
	return fd;
}

static bool write_header(const char *path, const char *name, const char *action,
			 const struct sock_filter *f, unsigned count)
{
	FILE *out = fopen(path, "we");

	if (out == NULL)
		return false;
	fprintf(out, "/* Made by policyc; action on anything else: %s. */\n", action);
	fprintf(out, "#pragma once\n#include <linux/filter.h>\n\n");
	fprintf(out, "static const struct sock_filter %s_filter[] = {\n", name);
	for (unsigned i = 0; i < count; i++)
		fprintf(out, "\t{ 0x%02x, %u, %u, 0x%08x },\n", f[i].code, f[i].jt, f[i].jf,
			f[i].k);
	fprintf(out, "};\nenum { %s_filter_count = %u };\n", name, count);
	return fclose(out) == 0;
}

int main(int argc, char **argv)
{
	static struct policy_text in;
	static struct sock_filter filter[BPF_MAXINSNS];
	static const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{ "kill", SCMP_ACT_KILL_PROCESS },
		{ "trap", SCMP_ACT_TRAP },
		{ "log", SCMP_ACT_LOG },
	};
	unsigned action = 0, count;
	uint32_t arch = seccomp_arch_native();
	ssize_t got;
	int i, fd;

	for (i = 1; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--arch") == 0)
			arch = seccomp_arch_resolve_name(argv[i + 1]);
		else if (strcmp(argv[i], "--action") == 0)
			for (action = 0; action < 3; action++)
				if (strcmp(argv[i + 1], actions[action].name) == 0)
					break;
	}
	if (argc - i != 3 || action == 3 ||
	    (arch != SCMP_ARCH_X86_64 && arch != SCMP_ARCH_AARCH64)) {
		fprintf(stderr, "usage: policyc [--action kill|trap|log] "
				"[--arch x86_64|aarch64] NAME INPUT OUTPUT\n");
		return 2;
	}
	in.path = argv[i + 1];
	policy_read(&in, arch);
	count = hot_path(&in.rule[0],
			 arch == SCMP_ARCH_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64,
			 filter);
	fd = general_program(&in, actions[action].action, arch);
	got = pread(fd, filter + count, sizeof(filter) - count * sizeof(filter[0]), 0);
	if (got <= 0 || lseek(fd, 0, SEEK_END) != got || got % (ssize_t)sizeof(filter[0]) != 0)
		policy_fail(&in, "the filter is longer than the kernel takes");
	close(fd);
	count += (unsigned)((size_t)got / sizeof(filter[0]));
	if (!write_header(argv[i + 2], argv[i], actions[action].name, filter, count)) {
		fprintf(stderr, "%s: error: %s\n", argv[i + 2], strerror(errno));
		return 1;
	}
	return 0;
}
