/* SPDX-License-Identifier: ISC */
#include "environment.h"

#include <cpuid.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f != NULL && fgets(line, (int)size, f) != NULL;

	if (f != NULL)
		fclose(f);
	line[ok ? strcspn(line, "\n") : 0] = '\0';
	return ok;
}

__attribute__((format(printf, 2, 3))) static void warn(struct environment *e,
						       const char *format, ...)
{
	va_list args;

	if (e->warning_count == ENVIRONMENT_WARNINGS)
		return;
	va_start(args, format);
	vsnprintf(e->warning[e->warning_count++], ENVIRONMENT_TEXT, format, args);
	va_end(args);
}

/* The first line of /proc/cpuinfo that begins with a key. */
static void cpu_model(char out[ENVIRONMENT_TEXT])
{
	char line[512];
	FILE *f = fopen("/proc/cpuinfo", "re");

	snprintf(out, ENVIRONMENT_TEXT, "unknown");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || value == NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, ENVIRONMENT_TEXT, "%.*s", ENVIRONMENT_TEXT - 1, value + 2);
		break;
	}
	if (f != NULL)
		fclose(f);
}

/* CPUID 0x40000000: who this machine itself runs under; "" on bare metal. */
static void outer_hypervisor(char name[13])
{
	unsigned a, b, c, d;

	name[0] = '\0';
	__cpuid(1, a, b, c, d);
	if ((c & 1u << 31) == 0)
		return;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	name[12] = '\0';
}

static void look_at_kvm(struct environment *e)
{
	char outer[13], text[32] = "";
	const char *kind = "unknown module";

	outer_hypervisor(outer);
	e->pvm = access("/sys/module/kvm_pvm", F_OK) == 0;
	if (e->pvm)
		kind = "PVM: no hardware virtualisation";
	else if (access("/sys/module/kvm_amd", F_OK) == 0)
		kind = "AMD SVM";
	else if (access("/sys/module/kvm_intel", F_OK) == 0)
		kind = "Intel VMX";
	if (access("/dev/kvm", F_OK) < 0)
		snprintf(e->kvm, sizeof(e->kvm), "none");
	else
		snprintf(e->kvm, sizeof(e->kvm), "%s%s%s", kind,
			 outer[0] != '\0' ? ", itself under " : "", outer);
	if (strcmp(outer, "TCGTCGTCGTCG") == 0)
		warn(e, "this machine is emulated by software: ratios say more than figures");
	else if (outer[0] != '\0')
		warn(e,
		     "this machine is virtual: its processors may be taken away at any time");
	if (read_line("/sys/module/kvm/parameters/halt_poll_ns", text, sizeof(text))) {
		size_t n = strlen(e->kvm);

		snprintf(e->kvm + n, sizeof(e->kvm) - n, ", halt_poll_ns %s", text);
	}
}

/* The frequency of a guest's time stamp counter, or else of ours, by the clock. */
static double tsc_khz(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1, vcpu = -1, khz = 0;
	struct timespec a, b;
	uint64_t from, to;

	if (kvm >= 0)
		vm = ioctl(kvm, KVM_CREATE_VM, 0UL);
	if (vm >= 0)
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	if (vcpu >= 0)
		khz = ioctl(vcpu, KVM_GET_TSC_KHZ, 0UL);
	if (vcpu >= 0)
		close(vcpu);
	if (vm >= 0)
		close(vm);
	if (kvm >= 0)
		close(kvm);
	if (khz > 0)
		return khz;
	clock_gettime(CLOCK_MONOTONIC, &a);
	from = __rdtsc();
	do
		clock_gettime(CLOCK_MONOTONIC, &b);
	while ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec) < 5e7);
	to = __rdtsc();
	return (double)(to - from) * 1e6 /
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec));
}

static void look_at_mitigations(struct environment *e)
{
	static const char directory[] = "/sys/devices/system/cpu/vulnerabilities";
	DIR *d = opendir(directory);
	struct dirent *entry;
	size_t n = 0;

	while (d != NULL && (entry = readdir(d)) != NULL && n < sizeof(e->mitigations)) {
		char path[320], line[ENVIRONMENT_TEXT];

		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] == '.' || !read_line(path, line, sizeof(line)) ||
		    strcmp(line, "Not affected") == 0)
			continue;
		n += (size_t)snprintf(e->mitigations + n, sizeof(e->mitigations) - n,
				      "%s%s: %s", n > 0 ? "; " : "", entry->d_name, line);
	}
	if (d != NULL)
		closedir(d);
	if (n == 0)
		snprintf(e->mitigations, sizeof(e->mitigations), "none needed or none known");
}

static void look_at_power(struct environment *e, int pin)
{
	char path[96], line[32];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
		 pin < 0 ? 0 : pin);
	if (!read_line(path, e->governor, sizeof(e->governor)))
		snprintf(e->governor, sizeof(e->governor), "not visible");
	else if (strcmp(e->governor, "performance") != 0)
		warn(e, "governor %.40s: cpupower frequency-set -g performance", e->governor);
	if (read_line("/sys/devices/system/cpu/intel_pstate/no_turbo", line, sizeof(line)) &&
	    strcmp(line, "0") == 0)
		warn(e, "turbo is on: the clock changes with load and warmth");
	if (read_line("/sys/devices/system/cpu/smt/active", line, sizeof(line)) &&
	    strcmp(line, "1") == 0)
		warn(e, "hardware threads share their core: a neighbour may slow this one");
}

void environment_look(struct environment *e, int pin, int argc, char **argv)
{
	struct utsname u;
	cpu_set_t set;
	double load = 0;
	time_t now = time(NULL);
	size_t n = 0;
	char line[64];

	memset(e, 0, sizeof(*e));
	uname(&u);
	snprintf(e->host, sizeof(e->host), "%.64s", u.nodename);
	snprintf(e->kernel, sizeof(e->kernel), "%.64s %.80s", u.sysname, u.release);
	snprintf(e->version, sizeof(e->version), "zwinger " ZW_VERSION);
	strftime(e->date, sizeof(e->date), "%Y-%m-%d %H:%M:%S UTC", gmtime(&now));
	for (int i = 0; i < argc && n < sizeof(e->command); i++)
		n += (size_t)snprintf(e->command + n, sizeof(e->command) - n, "%s%s%s",
				      i > 0 ? " " : "", i == 0 ? "zwinger bench " : "",
				      argv[i]);
	cpu_model(e->cpu);
	if (pin < 0)
		warn(e, "not pinned: --pin CPU keeps the measured code on one processor");
	look_at_kvm(e);
	e->tsc_khz = tsc_khz();
	look_at_mitigations(e);
	look_at_power(e, pin);
	if (read_line("/proc/loadavg", line, sizeof(line)))
		load = strtod(line, NULL);
	if (load > 0.5)
		warn(e, "others are busy on this machine (load %.2f)", load);
	e->processors =
		sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

void environment_print(const struct environment *e)
{
	printf("host         %s: %s\n", e->host, e->cpu);
	printf("processors   %u, time stamp counter at %.0f MHz, governor %s\n", e->processors,
	       e->tsc_khz / 1e3, e->governor);
	printf("kernel       %s\n", e->kernel);
	printf("KVM          %s\n", e->kvm);
	printf("mitigations  %s\n", e->mitigations);
	printf("measured     %s, %s: %s\n", e->date, e->version, e->command);
	for (unsigned i = 0; i < e->warning_count; i++)
		printf("warning      %s\n", e->warning[i]);
	putchar('\n');
}
