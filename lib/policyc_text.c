/* SPDX-License-Identifier: ISC */
#include "policyc_text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <linux/memfd.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
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

void policy_fail(const struct policy_text *in, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: error: ", in->path, in->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void skip_space(struct policy_text *in)
{
	while (*in->at == ' ' || *in->at == '\t')
		in->at++;
}

static bool take(struct policy_text *in, const char *token)
{
	skip_space(in);
	if (strncmp(in->at, token, strlen(token)) != 0)
		return false;
	in->at += strlen(token);
	return true;
}

static void take_word(struct policy_text *in, char word[64], const char *what)
{
	size_t n = 0;

	skip_space(in);
	while (isalnum((unsigned char)in->at[n]) || in->at[n] == '_')
		n++;
	if (n == 0 || n >= 64)
		policy_fail(in, "%s expected at '%s'", what, in->at);
	memcpy(word, in->at, n);
	word[n] = '\0';
	in->at += n;
}

static uint64_t take_expression(struct policy_text *in);

static uint64_t take_term(struct policy_text *in)
{
	char word[64], *end;
	uint64_t v;

	if (take(in, "~"))
		return ~take_term(in);
	if (take(in, "(")) {
		v = take_expression(in);
		if (!take(in, ")"))
			policy_fail(in, "')' expected at '%s'", in->at);
		return v;
	}
	take_word(in, word, "a number or a constant");
	if (isdigit((unsigned char)word[0])) {
		errno = 0;
		v = strtoull(word, &end, 0);
		if (errno != 0 || *end != '\0')
			policy_fail(in, "'%s' is not a number", word);
		return v;
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (strcmp(word, constants[i].name) == 0)
			return constants[i].value;
	policy_fail(in, "unknown constant '%s'", word);
}

static uint64_t take_expression(struct policy_text *in)
{
	uint64_t v = take_term(in);

	while (take(in, "|"))
		v |= take_term(in);
	return v;
}

static void take_condition(struct policy_text *in, struct policy_rule *r)
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

	if (r->count == POLICY_CONDITIONS_MAX)
		policy_fail(in, "more than %d conditions", POLICY_CONDITIONS_MAX);
	c = &r->cond[r->count++];
	take_word(in, word, "'arg0' to 'arg5'");
	if (strlen(word) != 4 || strncmp(word, "arg", 3) != 0 || word[3] < '0' || word[3] > '5')
		policy_fail(in, "'arg0' to 'arg5' expected, not '%s'", word);
	*c = (struct scmp_arg_cmp){ .arg = (unsigned)(word[3] - '0') };
	if (take(in, "&")) {
		c->op = SCMP_CMP_MASKED_EQ;
		c->datum_a = take_expression(in);
		if (!take(in, "=="))
			policy_fail(in, "'==' expected after the mask, at '%s'", in->at);
		c->datum_b = take_expression(in);
		if ((c->datum_b & ~c->datum_a) != 0)
			policy_fail(in,
				    "the value has bits outside its mask; it can never match");
		return;
	}
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (take(in, operators[i].token)) {
			c->op = operators[i].op;
			c->datum_a = take_expression(in);
			return;
		}
	policy_fail(in, "a comparison expected at '%s'", in->at);
}

static bool same(const struct policy_rule *a, const struct policy_rule *b)
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
static void refuse_redundant(const struct policy_text *in, const struct policy_rule *r)
{
	for (const struct policy_rule *o = in->rule; o < r; o++) {
		if (same(o, r))
			policy_fail(in, "duplicate: line %u permits the same", o->line);
		if (o->nr == r->nr && o->count == 0)
			policy_fail(in, "duplicate: line %u permits every '%s'", o->line,
				    r->name);
		if (o->nr == r->nr && r->count == 0)
			policy_fail(in, "duplicate: this permits every '%s', line %u only some",
				    r->name, o->line);
	}
}

static void take_line(struct policy_text *in, uint32_t arch)
{
	struct policy_rule *r = &in->rule[in->count];

	skip_space(in);
	if (*in->at == '\0' || *in->at == '#')
		return;
	if (in->count == POLICY_RULES_MAX)
		policy_fail(in, "more than %d lines", POLICY_RULES_MAX);
	*r = (struct policy_rule){ .line = in->line };
	take_word(in, r->name, "the name of a system call");
	r->nr = seccomp_syscall_resolve_name_arch(arch, r->name);
	if (r->nr == __NR_SCMP_ERROR)
		policy_fail(in, "unknown system call '%s'", r->name);
	if (r->nr < 0)
		policy_fail(in, "'%s' is not a system call of this architecture", r->name);
	skip_space(in);
	if (*in->at != '#' && *in->at != '\0')
		do
			take_condition(in, r);
		while (take(in, ","));
	if (!take(in, "#"))
		policy_fail(in, "%s",
			    *in->at == '\0' ? "missing comment: who needs this call, and why?"
					    : "',' or '#' expected after a condition");
	skip_space(in);
	if (*in->at == '\0')
		policy_fail(in, "empty comment: who needs this call, and why?");
	refuse_redundant(in, r);
	in->count++;
}

void policy_read(struct policy_text *in, uint32_t arch)
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
			policy_fail(in, "line longer than %d bytes", LINE_MAX_BYTES - 2);
		text[strcspn(text, "\n")] = '\0';
		in->at = text;
		take_line(in, arch);
	}
	fclose(f);
	if (in->count == 0)
		policy_fail(in, "nothing is permitted; not even exit_group");
}
