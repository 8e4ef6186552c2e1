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
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <linux/memfd.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define RULES_MAX      256
#define CONDITIONS_MAX 6

struct rule {
	char name[64];
	int nr;
	unsigned line;
	unsigned count;
	struct scmp_arg_cmp cond[CONDITIONS_MAX];
};

/* What has been read so far, and where, for messages. */
struct input {
	const char *path;
	unsigned line;
	const char *at; /* the next character of the line */
	struct rule rule[RULES_MAX];
	unsigned count;
};

/* clang-format off */
#define CONSTANT(name) { #name, (uint64_t)(name) }

static const struct {
	const char *name;
	uint64_t value;
} constants[] = {
	/* KVM: system, VM, vCPU */
	CONSTANT(KVM_GET_API_VERSION), CONSTANT(KVM_CREATE_VM), CONSTANT(KVM_CHECK_EXTENSION),
	CONSTANT(KVM_GET_VCPU_MMAP_SIZE), CONSTANT(KVM_CREATE_VCPU), CONSTANT(KVM_ENABLE_CAP),
	CONSTANT(KVM_SET_USER_MEMORY_REGION), CONSTANT(KVM_GET_DIRTY_LOG),
	CONSTANT(AF_UNIX), CONSTANT(KVM_IRQ_LINE), CONSTANT(KVM_SET_GSI_ROUTING), CONSTANT(KVM_SIGNAL_MSI),
	CONSTANT(KVM_IRQFD), CONSTANT(KVM_IOEVENTFD), CONSTANT(KVM_REGISTER_COALESCED_MMIO),
	CONSTANT(KVM_UNREGISTER_COALESCED_MMIO), CONSTANT(KVM_CREATE_DEVICE),
	CONSTANT(KVM_SET_DEVICE_ATTR), CONSTANT(KVM_GET_DEVICE_ATTR),
	CONSTANT(KVM_HAS_DEVICE_ATTR), CONSTANT(KVM_RUN), CONSTANT(KVM_GET_REGS),
	CONSTANT(KVM_SET_REGS), CONSTANT(KVM_GET_SREGS), CONSTANT(KVM_SET_SREGS),
	CONSTANT(KVM_GET_FPU), CONSTANT(KVM_SET_FPU), CONSTANT(KVM_GET_ONE_REG),
	CONSTANT(KVM_SET_ONE_REG), CONSTANT(KVM_GET_REG_LIST), CONSTANT(KVM_GET_MP_STATE),
	CONSTANT(KVM_SET_MP_STATE), CONSTANT(KVM_GET_VCPU_EVENTS),
	CONSTANT(KVM_SET_VCPU_EVENTS), CONSTANT(KVM_SET_SIGNAL_MASK),
	CONSTANT(KVM_CREATE_IRQCHIP),
#ifdef __aarch64__
	CONSTANT(KVM_ARM_VCPU_INIT), CONSTANT(KVM_ARM_PREFERRED_TARGET),
#endif
#ifdef __x86_64__
	CONSTANT(KVM_GET_SUPPORTED_CPUID), CONSTANT(KVM_GET_MSR_INDEX_LIST),
	CONSTANT(KVM_GET_MSR_FEATURE_INDEX_LIST), CONSTANT(KVM_SET_TSS_ADDR),
	CONSTANT(KVM_SET_IDENTITY_MAP_ADDR), CONSTANT(KVM_CREATE_PIT2), CONSTANT(KVM_GET_PIT2),
	CONSTANT(KVM_SET_PIT2), CONSTANT(KVM_GET_IRQCHIP), CONSTANT(KVM_SET_IRQCHIP),
	CONSTANT(KVM_SET_BOOT_CPU_ID), CONSTANT(KVM_GET_CLOCK), CONSTANT(KVM_SET_CLOCK),
	CONSTANT(KVM_GET_MSRS), CONSTANT(KVM_SET_MSRS), CONSTANT(KVM_SET_CPUID2),
	CONSTANT(KVM_GET_CPUID2), CONSTANT(KVM_GET_LAPIC), CONSTANT(KVM_SET_LAPIC),
	CONSTANT(KVM_GET_XSAVE), CONSTANT(KVM_SET_XSAVE), CONSTANT(KVM_GET_XCRS),
	CONSTANT(KVM_SET_XCRS), CONSTANT(KVM_GET_DEBUGREGS), CONSTANT(KVM_SET_DEBUGREGS),
	CONSTANT(KVM_SET_TSC_KHZ), CONSTANT(KVM_GET_TSC_KHZ), CONSTANT(KVM_KVMCLOCK_CTRL),
	CONSTANT(KVM_TRANSLATE), CONSTANT(KVM_NMI), CONSTANT(KVM_SMI), CONSTANT(KVM_INTERRUPT),
	CONSTANT(KVM_GET_STATS_FD), CONSTANT(KVM_GET_SREGS2), CONSTANT(KVM_SET_SREGS2), CONSTANT(KVM_X86_SET_MSR_FILTER),
#endif
	/* memory */
	CONSTANT(PROT_NONE), CONSTANT(PROT_READ), CONSTANT(PROT_WRITE), CONSTANT(PROT_EXEC),
	CONSTANT(MAP_SHARED), CONSTANT(MAP_PRIVATE), CONSTANT(MAP_ANONYMOUS),
	CONSTANT(MAP_NORESERVE), CONSTANT(MAP_FIXED), CONSTANT(MAP_STACK),
	CONSTANT(MAP_POPULATE), CONSTANT(MAP_HUGETLB), CONSTANT(MADV_DONTNEED),
	CONSTANT(MADV_FREE), CONSTANT(MADV_HUGEPAGE), CONSTANT(MADV_NOHUGEPAGE),
	CONSTANT(MADV_DONTDUMP), CONSTANT(MADV_DONTFORK), CONSTANT(MADV_REMOVE),
	CONSTANT(MADV_POPULATE_READ), CONSTANT(MADV_POPULATE_WRITE), CONSTANT(MFD_CLOEXEC),
	CONSTANT(MFD_ALLOW_SEALING), CONSTANT(MFD_HUGETLB), CONSTANT(MFD_HUGE_2MB),
	/* descriptors */
	CONSTANT(TCGETS), CONSTANT(TCSETS), CONSTANT(TCSETSF), CONSTANT(TIOCGWINSZ),
	CONSTANT(F_GETFL), CONSTANT(F_SETFL), CONSTANT(F_GETFD), CONSTANT(F_SETFD),
	CONSTANT(F_DUPFD_CLOEXEC), CONSTANT(F_ADD_SEALS), CONSTANT(F_GET_SEALS),
	CONSTANT(F_SEAL_SEAL), CONSTANT(F_SEAL_SHRINK), CONSTANT(F_SEAL_GROW),
	CONSTANT(F_SEAL_WRITE), CONSTANT(O_RDONLY), CONSTANT(O_WRONLY), CONSTANT(O_RDWR),
	CONSTANT(O_NONBLOCK), CONSTANT(O_CLOEXEC), CONSTANT(O_APPEND), CONSTANT(FIONBIO),
	CONSTANT(FIONREAD), CONSTANT(EFD_CLOEXEC), CONSTANT(EFD_NONBLOCK),
	CONSTANT(TFD_CLOEXEC), CONSTANT(TFD_NONBLOCK), CONSTANT(TFD_TIMER_ABSTIME),
	CONSTANT(EPOLL_CLOEXEC), CONSTANT(EPOLL_CTL_ADD), CONSTANT(EPOLL_CTL_DEL),
	CONSTANT(EPOLL_CTL_MOD), CONSTANT(MSG_DONTWAIT), CONSTANT(MSG_NOSIGNAL),
	CONSTANT(FALLOC_FL_PUNCH_HOLE), CONSTANT(FALLOC_FL_KEEP_SIZE), CONSTANT(SOCK_CLOEXEC), CONSTANT(SOCK_NONBLOCK), CONSTANT(MSG_CMSG_CLOEXEC), CONSTANT(MSG_TRUNC), CONSTANT(SHUT_RD), CONSTANT(SHUT_WR),
	CONSTANT(SHUT_RDWR), CONSTANT(AT_EMPTY_PATH), CONSTANT(GRND_NONBLOCK),
	/* threads, signals, time */
	CONSTANT(FUTEX_WAIT), CONSTANT(FUTEX_WAKE), CONSTANT(FUTEX_WAIT_PRIVATE),
	CONSTANT(FUTEX_WAKE_PRIVATE), CONSTANT(FUTEX_WAIT_BITSET),
	CONSTANT(FUTEX_WAIT_BITSET_PRIVATE), CONSTANT(FUTEX_WAKE_BITSET_PRIVATE),
	CONSTANT(FUTEX_REQUEUE_PRIVATE), CONSTANT(FUTEX_CMP_REQUEUE_PRIVATE),
	CONSTANT(FUTEX_CLOCK_REALTIME), CONSTANT(CLONE_VM), CONSTANT(CLONE_FS),
	CONSTANT(CLONE_FILES), CONSTANT(CLONE_SIGHAND), CONSTANT(CLONE_THREAD),
	CONSTANT(CLONE_SYSVSEM), CONSTANT(CLONE_SETTLS), CONSTANT(CLONE_PARENT_SETTID),
	CONSTANT(CLONE_CHILD_CLEARTID), CONSTANT(SIG_BLOCK), CONSTANT(SIG_UNBLOCK),
	CONSTANT(SIG_SETMASK), CONSTANT(SIGTERM), CONSTANT(SIGUSR1), CONSTANT(SIGUSR2),
	CONSTANT(SIGSYS), CONSTANT(SIGABRT), CONSTANT(CLOCK_MONOTONIC),
	CONSTANT(CLOCK_REALTIME), CONSTANT(CLOCK_BOOTTIME), CONSTANT(PR_SET_NAME),
	CONSTANT(PR_SET_DUMPABLE), CONSTANT(PR_SET_TIMERSLACK), CONSTANT(PR_SET_VMA),
	CONSTANT(PR_SET_NO_NEW_PRIVS), CONSTANT(SECCOMP_SET_MODE_FILTER),
	CONSTANT(SECCOMP_FILTER_FLAG_TSYNC),
};
/* clang-format on */

static void fail(const struct input *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

static void fail(const struct input *in, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: error: ", in->path, in->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void skip_space(struct input *in)
{
	while (*in->at == ' ' || *in->at == '\t')
		in->at++;
}

static bool take(struct input *in, const char *token)
{
	skip_space(in);
	if (strncmp(in->at, token, strlen(token)) != 0)
		return false;
	in->at += strlen(token);
	return true;
}

static void take_word(struct input *in, char word[64], const char *what)
{
	size_t n = 0;

	skip_space(in);
	while (isalnum((unsigned char)in->at[n]) || in->at[n] == '_')
		n++;
	if (n == 0 || n >= 64)
		fail(in, "%s expected at '%s'", what, in->at);
	memcpy(word, in->at, n);
	word[n] = '\0';
	in->at += n;
}

static uint64_t take_expression(struct input *in);

static uint64_t take_term(struct input *in)
{
	char word[64], *end;
	uint64_t v;

	if (take(in, "~"))
		return ~take_term(in);
	if (take(in, "(")) {
		v = take_expression(in);
		if (!take(in, ")"))
			fail(in, "')' expected at '%s'", in->at);
		return v;
	}
	take_word(in, word, "a number or a constant");
	if (isdigit((unsigned char)word[0])) {
		errno = 0;
		v = strtoull(word, &end, 0);
		if (errno != 0 || *end != '\0')
			fail(in, "'%s' is not a number", word);
		return v;
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (strcmp(word, constants[i].name) == 0)
			return constants[i].value;
	fail(in, "unknown constant '%s'", word);
}

static uint64_t take_expression(struct input *in)
{
	uint64_t v = take_term(in);

	while (take(in, "|"))
		v |= take_term(in);
	return v;
}

static void take_condition(struct input *in, struct rule *r)
{
	static const struct {
		const char *token;
		enum scmp_compare op;
	} operators[] = {
		/* the longer of two with a common beginning first */
		{ "==", SCMP_CMP_EQ }, { "!=", SCMP_CMP_NE }, { "<=", SCMP_CMP_LE },
		{ ">=", SCMP_CMP_GE }, { "<", SCMP_CMP_LT },  { ">", SCMP_CMP_GT },
	};
	struct scmp_arg_cmp *c;
	char word[64];

	if (r->count == CONDITIONS_MAX)
		fail(in, "more than %d conditions", CONDITIONS_MAX);
	c = &r->cond[r->count++];
	take_word(in, word, "'arg0' to 'arg5'");
	if (strlen(word) != 4 || strncmp(word, "arg", 3) != 0 || word[3] < '0' || word[3] > '5')
		fail(in, "'arg0' to 'arg5' expected, not '%s'", word);
	*c = (struct scmp_arg_cmp){ .arg = (unsigned)(word[3] - '0') };
	if (take(in, "&")) {
		c->op = SCMP_CMP_MASKED_EQ;
		c->datum_a = take_expression(in);
		if (!take(in, "=="))
			fail(in, "'==' expected after the mask, at '%s'", in->at);
		c->datum_b = take_expression(in);
		if ((c->datum_b & ~c->datum_a) != 0)
			fail(in, "the value has bits outside its mask; it can never match");
		return;
	}
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (take(in, operators[i].token)) {
			c->op = operators[i].op;
			c->datum_a = take_expression(in);
			return;
		}
	fail(in, "a comparison expected at '%s'", in->at);
}

static bool same(const struct rule *a, const struct rule *b)
{
	if (a->nr != b->nr || a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (a->cond[i].arg != b->cond[i].arg || a->cond[i].op != b->cond[i].op ||
		    a->cond[i].datum_a != b->cond[i].datum_a ||
		    a->cond[i].datum_b != b->cond[i].datum_b)
			return false;
	return true;
}

/* A line that another line makes void hides a mistake: the reader believes the narrower one. */
static void refuse_redundant(const struct input *in, const struct rule *r)
{
	for (const struct rule *o = in->rule; o < r; o++) {
		if (same(o, r))
			fail(in, "duplicate: line %u permits the same", o->line);
		if (o->nr == r->nr && o->count == 0)
			fail(in, "duplicate: line %u permits every '%s'", o->line, r->name);
		if (o->nr == r->nr && r->count == 0)
			fail(in, "duplicate: this permits every '%s', line %u only some",
			     r->name, o->line);
	}
}

static void take_line(struct input *in, uint32_t arch)
{
	struct rule *r = &in->rule[in->count];

	skip_space(in);
	if (*in->at == '\0' || *in->at == '#')
		return;
	if (in->count == RULES_MAX)
		fail(in, "more than %d lines", RULES_MAX);
	*r = (struct rule){ .line = in->line };
	take_word(in, r->name, "the name of a system call");
	r->nr = seccomp_syscall_resolve_name_arch(arch, r->name);
	if (r->nr == __NR_SCMP_ERROR)
		fail(in, "unknown system call '%s'", r->name);
	if (r->nr < 0)
		fail(in, "'%s' is not a system call of this architecture", r->name);
	skip_space(in);
	if (*in->at != '#' && *in->at != '\0')
		do
			take_condition(in, r);
		while (take(in, ","));
	if (!take(in, "#"))
		fail(in, "%s",
		     *in->at == '\0' ? "missing comment: who needs this call, and why?"
				     : "',' or '#' expected after a condition");
	skip_space(in);
	if (*in->at == '\0')
		fail(in, "empty comment: who needs this call, and why?");
	refuse_redundant(in, r);
	in->count++;
}

static void read_policy(struct input *in, uint32_t arch)
{
	char text[LINE_MAX_BYTES];
	FILE *f = fopen(in->path, "re");

	if (f == NULL) {
		fprintf(stderr, "%s: error: %s\n", in->path, strerror(errno));
		exit(1);
	}
	while (fgets(text, sizeof(text), f) != NULL) {
		in->line++;
		if (strlen(text) == sizeof(text) - 1)
			fail(in, "line longer than %d bytes", LINE_MAX_BYTES - 2);
		text[strcspn(text, "\n")] = '\0';
		in->at = text;
		take_line(in, arch);
	}
	fclose(f);
	if (in->count == 0)
		fail(in, "nothing is permitted; not even exit_group");
}

/*
 * The first rule, in front of everything: arch, number, then each argument's two halves.
 * Any mismatch jumps behind it. Returns the count of instructions, 0 if the rule is of a
 * kind that the general program had better decide.
 */
static unsigned hot_path(const struct rule *r, uint32_t audit_arch, struct sock_filter *out)
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
static int general_program(struct input *in, uint32_t action, uint32_t arch)
{
	scmp_filter_ctx ctx = seccomp_init(action);
	int fd = memfd_create("policy", MFD_CLOEXEC);
	int err;

	if (ctx == NULL || fd < 0)
		fail(in, "cannot set up libseccomp");
	if (arch != seccomp_arch_native() &&
	    (seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) < 0 || seccomp_arch_add(ctx, arch) < 0))
		fail(in, "libseccomp does not know the architecture");
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
		fail(in, "libseccomp cannot kill on a foreign architecture");
	for (unsigned i = 0; i < in->count; i++) {
		const struct rule *r = &in->rule[i];
		uint8_t priority = (uint8_t)(i < 255 ? 255 - i : 0);

		in->line = r->line;
		err = seccomp_syscall_priority(ctx, r->nr, priority);
		if (err == 0)
			err = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, r->nr, r->count,
							   r->cond);
		if (err < 0)
			fail(in, "libseccomp refuses the rule: %s", strerror(-err));
	}
	err = seccomp_export_bpf(ctx, fd);
	if (err < 0)
		fail(in, "libseccomp: %s", strerror(-err));
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
	static struct input in;
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
	read_policy(&in, arch);
	count = hot_path(&in.rule[0],
			 arch == SCMP_ARCH_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64,
			 filter);
	fd = general_program(&in, actions[action].action, arch);
	got = pread(fd, filter + count, sizeof(filter) - count * sizeof(filter[0]), 0);
	if (got <= 0 || lseek(fd, 0, SEEK_END) != got || got % (ssize_t)sizeof(filter[0]) != 0)
		fail(&in, "the filter is longer than the kernel takes");
	close(fd);
	count += (unsigned)((size_t)got / sizeof(filter[0]));
	if (!write_header(argv[i + 2], argv[i], actions[action].name, filter, count)) {
		fprintf(stderr, "%s: error: %s\n", argv[i + 2], strerror(errno));
		return 1;
	}
	return 0;
}
