/* SPDX-License-Identifier: ISC */
#include "check.h"

#include "host.h"
#include "options.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANDLOCK_CREATE_RULESET_VERSION_FLAG 1u

static void line(const char *state, const char *what, const char *fix)
{
	printf("  %-8s %s\n", state, what);
	if (fix != NULL && fix[0] != '\0')
		printf("  %-8s mend it: %s\n", "", fix);
}

static void say_kind(enum host_kind kind)
{
	switch (kind) {
	case HOST_HARDWARE:
		puts("This host has KVM with hardware virtualisation: everything works here.");
		break;
	case HOST_EMULATED:
		puts("This host is itself emulated (QEMU TCG) and has KVM: everything works here, slowly.");
		break;
	case HOST_PVM:
		puts("This host has KVM without hardware virtualisation (PVM): small guests, firmware and\n"
		     "the exit benchmarks work here; a stock Linux does not boot. Use scripts/lab for it.");
		break;
	case HOST_NONE:
		puts("This host has no KVM: no guest runs here. scripts/lab emulates a host that has it.");
		break;
	}
}

/* Required: without it no guest runs. */
static bool check_kvm(void)
{
	char why[256], fix[256], text[64];
	int fd = host_open_kvm(why, fix);

	if (fd < 0) {
		line("missing", why, fix);
		return false;
	}
	line("ok", "/dev/kvm opens and has every capability that zwinger needs", NULL);
	snprintf(text, sizeof(text), "up to %d vCPUs",
		 ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_MAX_VCPUS));
	line("ok", text, NULL);
	close(fd);
	return true;
}

static bool check_programs(void)
{
	static const char *const programs[] = { "zwinger-vmm",	 "zwinger-blk",
						"zwinger-net",	 "zwinger-console",
						"zwinger-vsock", "zwinger-balloon",
						"zwinger-rng" };
	bool all = true;
	char text[80];

	for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		int fd = host_open_program(programs[i]);

		if (fd >= 0) {
			close(fd);
			continue;
		}
		snprintf(text, sizeof(text), "%s is not installed", programs[i]);
		line("missing", text, "cmake --install build");
		all = false;
	}
	if (all)
		line("ok", "the programs of the VMM and the devices are installed", NULL);
	return all;
}

static void check_nested_paging(void)
{
	static const char *const path[] = { "/sys/module/kvm_amd/parameters/npt",
					    "/sys/module/kvm_intel/parameters/ept" };
	char value[8];

	for (unsigned i = 0; i < 2; i++) {
		if (!host_read_line(path[i], value, sizeof(value)))
			continue;
		if (value[0] == 'Y' || value[0] == '1')
			line("ok", "nested paging is on", NULL);
		else
			line("note", "nested paging is off: guests will be slow",
			     i == 0 ? "modprobe -r kvm_amd; modprobe kvm_amd npt=1"
				    : "modprobe -r kvm_intel; modprobe kvm_intel ept=1");
	}
}

static void check_namespaces(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : 1);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
		line("ok", "processes can be given namespaces of their own", NULL);
	else
		line("note",
		     "this host refuses namespaces to you; seccomp and the rest still hold",
		     "sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=1000");
}

static void check_landlock(void)
{
	char text[64];
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0UL,
			   LANDLOCK_CREATE_RULESET_VERSION_FLAG);

	if (abi > 0) {
		snprintf(text, sizeof(text), "Landlock ABI %ld", abi);
		line("ok", text, NULL);
	} else {
		line("note", "no Landlock; the other walls still hold",
		     "add landlock to the kernel's lsm= parameter, Linux 5.13 or later");
	}
}

static void check_huge_pages(void)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
	char value[80];

	if (!host_read_line(path, value, sizeof(value)))
		return;
	if (strstr(value, "[never]") != NULL || strstr(value, "[deny]") != NULL)
		line("note",
		     "guest memory gets few huge pages: guests start and run a little slower",
		     "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled");
	else
		line("ok", "guest memory gets huge pages", NULL);
}

int check_main(int argc, char **argv)
{
	static const struct option_spec none[] = { { 0 } };
	enum host_kind kind;
	char text[80];
	bool ok;

	switch (options_parse(none, argc, argv, 2, NULL, NULL)) {
	case OPTIONS_HELP:
		puts("usage: zwinger check\n\nSays what kind of host this is, what is missing for running "
		     "guests, and how to mend it.\nExit status 0: a stock Linux can run here.");
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}

	kind = host_kind();
	say_kind(kind);
	putchar('\n');
	ok = check_kvm();
	ok = check_programs() && ok;
	check_nested_paging();
	check_namespaces();
	check_landlock();
	if (prctl(PR_GET_SECCOMP) < 0)
		line("missing", "no seccomp: zwinger's processes cannot shut themselves in",
		     "a kernel with CONFIG_SECCOMP_FILTER");
	check_huge_pages();
	snprintf(text, sizeof(text), "%u processors, %llu MiB of memory", host_cpus(),
		 (unsigned long long)(host_memory() >> 20));
	line("ok", text, NULL);
	if (!ok)
		return kind == HOST_NONE ? STATUS_NO_KVM : STATUS_FAILED;
	return kind == HOST_PVM ? STATUS_FAILED : STATUS_OK;
}
