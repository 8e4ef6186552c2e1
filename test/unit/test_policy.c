/* SPDX-License-Identifier: ISC */
/*
 * The policy compiler: what it refuses, with file and line; and what the filters that it
 * makes decide, by a small interpreter of the kernel's filter language.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy_sample_policy.h"

#ifdef __x86_64__
#define THIS_ARCH AUDIT_ARCH_X86_64
#else
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

#define HOT_PATH_MAX 13 /* instructions, with two pinned arguments of 64 bits */

static uint32_t field(const struct seccomp_data *d, uint32_t offset)
{
	uint32_t v;

	assert_true(offset % 4 == 0 && offset <= sizeof(*d) - sizeof(v));
	memcpy(&v, (const uint8_t *)d + offset, sizeof(v));
	return v;
}

/* What the kernel would decide, and after how many instructions. */
static uint32_t decide(const struct seccomp_data *d, unsigned *steps)
{
	const struct sock_filter *f = policy_sample_filter;
	uint32_t a = 0;

	for (*steps = 1;; f++, ++*steps) {
		assert_true(f < policy_sample_filter + policy_sample_filter_count);
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = field(d, f->k);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			f += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			f += a == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			f += a >= f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			f += a > f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			fail_msg("instruction 0x%x", f->code);
		}
	}
}

static void test_decisions(void **state)
{
	static const struct {
		const char *name;
		int nr;
		uint64_t args[6];
		bool allowed;
	} rows[] = {
		{ "hot", SYS_ioctl, { 9, KVM_RUN }, true },
		{ "hot, other descriptor", SYS_ioctl, { 8, KVM_RUN }, false },
		{ "hot, other number", SYS_ioctl, { 9, KVM_GET_REGS }, false },
		{ "hot, high half of arg0", SYS_ioctl, { 1ull << 32 | 9, KVM_RUN }, false },
		{ "hot, high half of arg1", SYS_ioctl, { 9, 1ull << 32 | KVM_RUN }, false },
		{ "alternative", SYS_ioctl, { 0, KVM_IRQ_LINE }, true },
		{ "alternative, as a number", SYS_ioctl, { 0, 0x5401 }, true },
		{ "alternative, high half", SYS_ioctl, { 0, 1ull << 63 | 0x5401 }, false },
		{ "unconditional",
		  SYS_read,
		  { ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull },
		  true },
		{ "data", SYS_mmap, { 0, 0, PROT_READ | PROT_WRITE }, true },
		{ "code", SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC }, false },
		{ "a bit above 32", SYS_mmap, { 0, 0, 1ull << 40 }, false },
		{ "bit present", SYS_mprotect, { 0, 0, PROT_READ | PROT_WRITE }, true },
		{ "bit absent", SYS_mprotect, { 0, 0, PROT_READ | PROT_EXEC }, false },
		{ "below the limit", SYS_lseek, { 0, 0xffffffff }, true },
		{ "at the limit", SYS_lseek, { 0, 0x100000000 }, false },
		{ "far above the limit", SYS_lseek, { 0, ~0ull }, false },
		{ "range, both ends", SYS_pread64, { 0, 0, 4096, 512 }, true },
		{ "range, above", SYS_pread64, { 0, 0, 4097, 512 }, false },
		{ "range, below", SYS_pread64, { 0, 0, 4096, 511 }, false },
		{ "not the one", SYS_madvise, { 0, 0, MADV_DONTDUMP }, true },
		{ "the one", SYS_madvise, { 0, 0, MADV_REMOVE }, false },
		{ "or of constants", SYS_fcntl, { 0, F_GETFL | F_GETFD }, true },
		{ "one of the two", SYS_fcntl, { 0, F_GETFD }, false },
		{ "exit", SYS_exit_group, { 0 }, true },
		{ "not listed", SYS_getppid, { 0 }, false },
		{ "neighbour of a listed one", SYS_read + 1, { 0 }, false },
		{ "number of another table (x32)", SYS_read | 0x40000000, { 0 }, false },
		{ "negative number", -1, { 0 }, false },
	};
	unsigned wrong = 0, steps;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seccomp_data d = { .nr = rows[i].nr, .arch = THIS_ARCH };

		memcpy(d.args, rows[i].args, sizeof(d.args));
		if ((decide(&d, &steps) == SECCOMP_RET_ALLOW) == rows[i].allowed)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_foreign_architecture_is_killed(void **state)
{
	struct seccomp_data d = { .nr = SYS_read, .arch = AUDIT_ARCH_I386 };
	struct seccomp_data hot = { .nr = SYS_ioctl,
				    .arch = AUDIT_ARCH_I386,
				    .args = { 9, KVM_RUN } };
	unsigned steps;

	(void)state;
	assert_int_equal(decide(&d, &steps), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(decide(&hot, &steps), SECCOMP_RET_KILL_PROCESS);
}

static void test_first_line_is_hot(void **state)
{
	struct seccomp_data d = { .nr = SYS_ioctl, .arch = THIS_ARCH, .args = { 9, KVM_RUN } };
	unsigned steps;

	(void)state;
	assert_int_equal(decide(&d, &steps), SECCOMP_RET_ALLOW);
	print_message("the first line is decided by %u instructions of %u\n", steps,
		      (unsigned)policy_sample_filter_count);
	assert_true(steps <= HOT_PATH_MAX);
}

/* Runs policyc on text; its exit status, and what it said without the directory. */
static int compile(const char *text, char said[512])
{
	char dir[] = "/tmp/test_policy.XXXXXX", path[64], out[64], command[512];
	char line[512];
	FILE *f;
	int status;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/p", dir);
	snprintf(out, sizeof(out), "%s/p.h", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	snprintf(command, sizeof(command), POLICYC " p %s %s 2>&1", path, out);
	f = popen(command, "re");
	assert_non_null(f);
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	status = pclose(f);
	snprintf(said, 512, "%s",
		 strncmp(line, path, strlen(path)) == 0 ? line + strlen(dir) + 1 : line);
	unlink(path);
	unlink(out);
	rmdir(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_bad_lines_are_named(void **state)
{
	static const struct {
		const char *text, *says; /* NULL: it compiles */
	} rows[] = {
		{ "read # x\n", NULL },
		{ "# only\n\nread # x", NULL },
		{ "read # x\nwrite\n",
		  "p:2: error: missing comment: who needs this call, and why?" },
		{ "read #  \n", "p:1: error: empty comment: who needs this call, and why?" },
		{ "read arg0 == 1\n",
		  "p:1: error: missing comment: who needs this call, and why?" },
		{ "\n\nreed # x\n", "p:3: error: unknown system call 'reed'" },
		{ "ioctl arg1 == KVM_RUNN # x\n", "p:1: error: unknown constant 'KVM_RUNN'" },
		{ "read # x\nwrite # y\nread # z\n",
		  "p:3: error: duplicate: line 1 permits the same" },
		{ "read # x\nread arg0 == 1 # y\n",
		  "p:2: error: duplicate: line 1 permits every 'read'" },
		{ "read arg0 == 1 # x\nread # y\n",
		  "p:2: error: duplicate: this permits every 'read', line 1 only some" },
		{ "read arg0 == 1, arg1 == 2 # x\nread arg0 == 1, arg1 == 2 # y\n",
		  "p:2: error: duplicate: line 1 permits the same" },
		{ "read arg6 == 1 # x\n", "p:1: error: 'arg0' to 'arg5' expected, not 'arg6'" },
		{ "read fd == 1 # x\n", "p:1: error: 'arg0' to 'arg5' expected, not 'fd'" },
		{ "read arg0 = 1 # x\n", "p:1: error: a comparison expected at '= 1 # x'" },
		{ "read arg0 == # x\n",
		  "p:1: error: a number or a constant expected at '# x'" },
		{ "read arg0 == 1x # x\n", "p:1: error: '1x' is not a number" },
		{ "read arg0 == 0x10000000000000000 # x\n",
		  "p:1: error: '0x10000000000000000' is not a number" },
		{ "read arg0 == (1 # x\n", "p:1: error: ')' expected at '# x'" },
		{ "read arg0 & 3 # x\n", "p:1: error: '==' expected after the mask, at '# x'" },
		{ "read arg0 & 3 == 4 # x\n",
		  "p:1: error: the value has bits outside its mask; it can never match" },
		{ "read arg0 == 1 arg1 == 1 # x\n",
		  "p:1: error: ',' or '#' expected after a condition" },
		{ "read arg0 > 1, arg0 < 3 # x\n",
		  "p:1: error: libseccomp refuses the rule: Invalid argument" },
		{ "- # x\n", "p:1: error: the name of a system call expected at '- # x'" },
		{ "# nothing\n", "p:1: error: nothing is permitted; not even exit_group" },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char said[512];
		int status = compile(rows[i].text, said);

		if (rows[i].says == NULL ? status == 0 && said[0] == '\0'
					 : status == 1 && strcmp(said, rows[i].says) == 0)
			continue;
		print_error("row: %s  status %d: %s\n", rows[i].text, status, said);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_foreign_architecture_is_killed),
		cmocka_unit_test(test_first_line_is_hot),
		cmocka_unit_test(test_bad_lines_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
