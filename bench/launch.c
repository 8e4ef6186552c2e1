/* SPDX-License-Identifier: ISC */
#include "launch.h"

#include "program.h"
#include "session_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 120
#define TRACING	  "/sys/kernel/tracing"
#define INSTANCE  TRACING "/instances/zwinger-bench"
#define TRACE_KIB "8192"
/* Below lie firmware and the boot loader's data, above it firmware that has moved itself there. */
#define KERNEL_LOW 0x100000ul
#define APPEND	   "console=ttyS0 quiet panic=-1 reboot=t nokaslr"

#define QEMU                                                                                   \
	"-accel", "kvm", "-cpu", "host", "-m", "%M", "-smp", "1", "-nodefaults",               \
		"-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",       \
		"-initrd", "%I", "-append", "%A"
#define ZWINGER                                                                                \
	"run", "--no-reboot", "--escape", "none", "--memory", "%MM", "--initrd", "%I",         \
		"--append", "%A"

const struct vmm vmms[] = {
	{ "zwinger", "zwinger", "bzImage", false, { ZWINGER, "--kernel", "%K" } },
	{ "zwinger-vmlinux", "zwinger", "ELF image", true, { ZWINGER, "--kernel", "%V" } },
	{ "zwinger-huge-pages",
	  "zwinger",
	  "ELF image, reserved huge pages",
	  true,
	  { ZWINGER, "--kernel", "%V", "--huge-pages" } },
	{ "qemu-microvm",
	  "qemu-system-x86_64",
	  "microvm with rtc=on, bzImage",
	  false,
	  { QEMU, "-M", "microvm,rtc=on", "-kernel", "%K" } },
	{ "qemu-pc",
	  "qemu-system-x86_64",
	  "pc, bzImage",
	  false,
	  { QEMU, "-M", "pc", "-kernel", "%K" } },
	{ "qemu-pc-pvh",
	  "qemu-system-x86_64",
	  "pc, PVH from the ELF image",
	  true,
	  { QEMU, "-M", "pc", "-kernel", "%V" } },
	{ "kvmtool",
	  "lkvm",
	  "bzImage",
	  false,
	  { "run", "-c", "1", "-m", "%M", "-k", "%K", "-i", "%I", "-p", "%A", "--console",
	    "serial" } },
	{ "cloud-hypervisor",
	  "cloud-hypervisor",
	  "ELF image",
	  true,
	  { "--cpus", "boot=1", "--memory", "size=%MM", "--kernel", "%V", "--initramfs", "%I",
	    "--cmdline", "%A", "--serial", "tty", "--console", "off" } },
	{ "firecracker",
	  "firecracker",
	  "ELF image",
	  true,
	  { "--no-api", "--config-file", "%F" } },
};
const unsigned vmm_count = sizeof(vmms) / sizeof(vmms[0]);

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool wants_huge_pages(const struct vmm *v)
{
	for (unsigned i = 0; v->argument[i] != NULL; i++)
		if (strcmp(v->argument[i], "--huge-pages") == 0)
			return true;
	return false;
}

static unsigned free_huge_pages(void)
{
	unsigned n = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");

	if (f != NULL && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f != NULL)
		fclose(f);
	return n;
}

bool launch_possible(const struct vmm *v, const struct guest_files *g, char why[200])
{
	char path[PATH_MAX];

	if (v->vmlinux && g->vmlinux == NULL)
		snprintf(why, 200, "needs the kernel's ELF image: --vmlinux FILE");
	else if (wants_huge_pages(v) && free_huge_pages() < g->memory / 2)
		snprintf(why, 200,
			 "needs reserved huge pages: echo %u > /proc/sys/vm/nr_hugepages",
			 g->memory / 2);
	else if (strcmp(v->program, "zwinger") != 0 && program_find(v->program, path) == NULL)
		snprintf(why, 200, "%s is not installed", v->program);
	else
		return true;
	return false;
}

/* Firecracker takes a file. */
static const char *firecracker_file(const struct guest_files *g, const char *append)
{
	static char path[] = "/tmp/zwinger-bench-firecracker.json";
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return path;
	fprintf(f,
		"{\"boot-source\": {\"kernel_image_path\": \"%s\", \"initrd_path\": \"%s\", "
		"\"boot_args\": \"%s\"}, \"drives\": [], "
		"\"machine-config\": {\"vcpu_count\": 1, \"mem_size_mib\": %u}}\n",
		g->vmlinux, g->initrd, append, g->memory);
	fclose(f);
	return path;
}

static char *fill(const char *word, const struct guest_files *g, bool stay)
{
	char memory[16], append[128], *out;
	const char *with = NULL;

	snprintf(memory, sizeof(memory), "%u", g->memory);
	snprintf(append, sizeof(append), "%s%s", APPEND, stay ? " stay=1" : "");
	switch (word[0] == '%' ? word[1] : '\0') {
	case 'K':
		return strdup(g->kernel);
	case 'I':
		return strdup(g->initrd);
	case 'V':
		return strdup(g->vmlinux);
	case 'A':
		return strdup(append);
	case 'F':
		return strdup(firecracker_file(g, append));
	default:
		with = strstr(word, "%M");
		if (with == NULL)
			return strdup(word);
		return asprintf(&out, "%.*s%s%s", (int)(with - word), word, memory, with + 2) <
				       0
			       ? NULL
			       : out;
	}
}

static _Noreturn void start(const struct vmm *v, const struct guest_files *g, bool stay,
			    int output)
{
	char *argument[40] = { strdup(v->program) };
	unsigned n = 1;

	for (; v->argument[n - 1] != NULL; n++)
		argument[n] = fill(v->argument[n - 1], g, stay);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(output, 1);
	dup2(output, 2);
	if (strcmp(v->program, "zwinger") == 0)
		execv(g->zwinger, argument);
	else
		execvp(v->program, argument);
	dprintf(2, "%s: %s\n", v->program, strerror(errno));
	_exit(127);
}

/* ---- memory ---- */

static void add_process(void *launch, const char *name, long kib)
{
	struct launch *out = launch;

	if (out->process_count == LAUNCH_PROCESSES)
		return;
	snprintf(out->process[out->process_count].name, sizeof(out->process[0].name), "%s",
		 name);
	out->process[out->process_count++].kib = kib;
}

/* ---- the kernel's trace of KVM ---- */

static bool put(const char *file, const char *text)
{
	char path[200];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), INSTANCE "/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* The first events stay, those that find no room are lost. */
static bool trace_begin(void)
{
	if (access(TRACING "/instances", F_OK) < 0)
		(void)mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (mkdir(INSTANCE, 0700) < 0 && errno != EEXIST)
		return false;
	return put("trace_clock", "mono") && put("options/overwrite", "0") &&
	       put("buffer_size_kb", TRACE_KIB) && put("trace", "\n") &&
	       put("events/kvm/kvm_entry/enable", "1") && put("tracing_on", "1");
}

/* "...  12.345678: kvm_entry: vcpu 0, rip 0xfff0" */
static void trace_end(const struct guest_files *g, double begin, struct launch *out)
{
	unsigned long rip, high = ((unsigned long)g->memory - 32) << 20;
	char line[512];
	FILE *f;

	put("tracing_on", "0");
	put("events/kvm/kvm_entry/enable", "0");
	f = fopen(INSTANCE "/trace", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *event = strstr(line, ": kvm_entry:"), *at = event;
		char *where = event != NULL ? strstr(event, "rip 0x") : NULL;
		double when;

		if (where == NULL)
			continue;
		while (at > line && at[-1] != ' ')
			at--;
		when = strtod(at, NULL) - begin;
		rip = strtoul(where + 6, NULL, 16);
		if (out->first_run < 0)
			out->first_run = when;
		if (rip >= KERNEL_LOW && rip < high) {
			out->kernel_entry = when;
			break;
		}
	}
	if (f != NULL)
		fclose(f);
	rmdir(INSTANCE);
}

/* ---- the run ---- */

/* Reads until the marker, or else the end. True if the marker came. */
static bool read_output(int fd, double deadline, bool marker, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		double left = deadline - now();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) == 0)
			return false;
		if (len + 1 >= size) { /* keep the end, where the marker may be cut in two */
			memmove(text, text + len / 2, len - len / 2 + 1);
			len -= len / 2;
		}
		n = read(fd, text + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		if (marker && strstr(text, LAUNCH_MARKER) != NULL)
			return true;
	}
}

static void explain(struct launch *out, const char *what, char *text)
{
	char *last = text;

	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n' && p[1] != '\0')
			last = p + 1;
		else if ((unsigned char)*p < ' ' && *p != '\n')
			*p = ' ';
	last[strcspn(last, "\n")] = '\0';
	snprintf(out->reason, sizeof(out->reason), "%s; the last line: %.120s", what, last);
}

void launch_run(const struct vmm *v, const struct guest_files *g, bool trace, bool stay,
		struct launch *out)
{
	static char text[1 << 16];
	double begin, deadline;
	int output[2], status;
	pid_t pid;

	memset(out, 0, sizeof(*out));
	out->first_run = out->kernel_entry = out->first_process = out->power_off = -1;
	if (trace && !trace_begin()) {
		snprintf(out->reason, sizeof(out->reason),
			 "KVM cannot be traced: it needs root and " TRACING);
		return;
	}
	if (pipe2(output, O_CLOEXEC) < 0)
		return;
	fflush(NULL);
	begin = now();
	deadline = begin + TIMEOUT_S;
	pid = fork();
	if (pid == 0)
		start(v, g, stay, output[1]);
	close(output[1]);
	if (!read_output(output[0], deadline, true, text, sizeof(text))) {
		explain(out, "its guest's first process did not speak", text);
	} else {
		out->first_process = now() - begin;
		out->done = true;
		if (stay)
			memory_of_session(pid, add_process, out);
		else if (!read_output(output[0], deadline, false, text, sizeof(text)) &&
			 now() < deadline)
			out->power_off = now() - begin;
	}
	if (out->power_off < 0)
		kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	if (out->power_off >= 0)
		out->power_off = now() - begin;
	close(output[0]);
	if (trace)
		trace_end(g, begin, out);
}
