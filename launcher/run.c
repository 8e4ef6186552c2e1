/* SPDX-License-Identifier: ISC */
#include "run.h"

#include "guest.h"
#include "host.h"
#include "log.h"
#include "manifest_check.h"
#include "number.h"
#include "timing.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB		(1ull << 20)
#define DEFAULT_MEMORY	(512 * MIB)
#define DEFAULT_CMDLINE "console=ttyS0"
#define DEFAULT_ESCAPE	']'

/* A guest that resets at once, again and again, is not rebooting but broken. */
#define RESETS_MAX	 5
#define RESET_TOO_SOON_S 2

const struct option_spec run_options[] = {
	{ "kernel", "FILE",
	  "the kernel: a bzImage as the distribution ships it, or an ELF vmlinux" },
	{ "initrd", "FILE", "its initial RAM disk" },
	{ "firmware", "seabios|FILE",
	  "instead of a kernel: a PC's BIOS, which boots the first disk" },
	{ "append", "TEXT", "its whole command line (default: " DEFAULT_CMDLINE ")" },
	{ "memory", "SIZE", "guest memory, with K, M, G or T (default: 512M; at least 64M)" },
	{ "cpus", "N", "virtual processors, 1 to 64 (default: 1)" },
	{ "disk", "FILE[,KEY=VALUE]...",
	  "a disk: file=PATH,readonly,direct,serial=TEXT,queues=N,rate=BYTES,ops=N; or socket=PATH; bootindex=N" },
	{ "net", "tap=NAME[,...]",
	  "a network card: tap=NAME, fd=N or passt,port=HOST:GUEST; mac=,mtu=,queues=,rate=,ops=" },
	{ "console", "name=NAME,socket=PATH",
	  "a named port of a virtio console; or hvc: this terminal is hvc0" },
	{ "vsock", "cid=N,path=PATH",
	  "sockets between guest and host; into the host: PATH_PORT" },
	{ "share", "path=DIR,tag=TAG[,readonly]",
	  "a directory, by virtiofs; or socket=PATH,tag=TAG" },
	{ "balloon", "size=SIZE[,socket=PATH]",
	  "memory taken from the guest, changed by PATH" },
	{ "no-rng", NULL, "no source of random numbers for the guest" },
	{ "huge-pages", NULL, "use reserved 2 MiB pages of the host, or fail" },
	{ "prefault", NULL, "allocate all guest memory before the guest starts" },
	{ "no-reboot", NULL, "end when the guest resets, instead of starting it again" },
	{ "escape", "CHAR",
	  "Ctrl-CHAR begins a keyboard command (default: ]; 'none' for no key)" },
	{ "firmware-debug", NULL, "log what the firmware tells its developers" },
	{ "name", "NAME", "what zwinger ps, stat and stop call it (default: vm-PID)" },
	{ "metrics", "PATH", "statistics for Prometheus, by HTTP at a Unix socket" },
	{ "test-devices", NULL, "boot Multiboot images too; port 0xf4 ends the guest" },
	{ "timing", NULL, "say when each step of the start was reached" },
	{ 0 },
};
enum {
	KERNEL,
	INITRD,
	FIRMWARE,
	APPEND,
	MEMORY,
	CPUS,
	DISK,
	NET,
	CONSOLE,
	VSOCK,
	SHARE,
	BALLOON,
	NO_RNG,
	HUGE_PAGES,
	PREFAULT,
	NO_REBOOT,
	ESCAPE,
	FIRMWARE_DEBUG,
	NAME,
	METRICS,
	TEST_DEVICES,
	TIMING
};
_Static_assert(BALLOON - DISK == (int)KIND_BALLOON,
	       "the options of devices are in the order of their kinds");

struct request {
	struct vm_software software;
	bool append;
	bool no_reboot, no_rng;
	const char *metrics;
	struct guest guest;
	struct guest_control control;
};

static bool set_memory(const char *text, uint64_t *out)
{
	uint64_t size, host = host_memory();

	if (!number_parse_size(text, &size)) {
		log_error("--memory: '%s' is not a size; say for example 512M or 2G", text);
		return false;
	}
	if (size < VM_MEMORY_MIN) {
		log_error("--memory: %s is too little; a guest needs at least 64M", text);
		return false;
	}
	if (size > host) {
		log_error("--memory: %s is more than this host has (%lluM)", text,
			  (unsigned long long)(host / MIB));
		return false;
	}
	if (size % (2 * MIB) != 0) {
		log_error("--memory: %s is not a multiple of 2M", text);
		return false;
	}
	*out = size;
	return true;
}

static bool set_cpus(const char *text, uint32_t *out)
{
	uint64_t n;

	if (!number_parse(text, 1, VM_CPUS_MAX, &n)) {
		log_error("--cpus: '%s' is not a number from 1 to %d", text, VM_CPUS_MAX);
		return false;
	}
	*out = (uint32_t)n;
	return true;
}

static bool set_cmdline(const char *text, char cmdline[VM_CMDLINE_MAX])
{
	size_t len = strlen(text);

	if (len >= VM_CMDLINE_MAX) {
		log_error("--append: %zu characters are too many; at most %d fit", len,
			  VM_CMDLINE_MAX - 1);
		return false;
	}
	memcpy(cmdline, text, len + 1);
	return true;
}

static bool set_escape(const char *text, int *out)
{
	if (strcmp(text, "none") == 0) {
		*out = -1;
		return true;
	}
	/* The keys from Ctrl-@ to Ctrl-_; letters count as upper case. */
	if (text[0] == '\0' || text[1] != '\0' || (text[0] & ~0x20) < 'A' - 1 ||
	    (text[0] & ~0x20) > '_') {
		log_error("--escape: '%s' is not one of @ A to Z [ \\ ] ^ _ or 'none'", text);
		return false;
	}
	*out = text[0] >= 'a' ? text[0] - 96 : text[0] - 64;
	return true;
}

static bool set_name(const char *text)
{
	if (manifest_name_valid(text))
		return true;
	log_error("--name: '%s' is not a name: a to z, 0 to 9 and '-', at most %d", text,
		  CRITICAL_NAME - 1);
	return false;
}

static bool set(void *state, unsigned index, const char *value)
{
	struct request *r = state;
	struct vm_config *c = &r->guest.config;

	switch (index) {
	case KERNEL:
		r->software.kernel = value;
		return true;
	case INITRD:
		r->software.initrd = value;
		return true;
	case FIRMWARE:
		r->software.firmware = value;
		return true;
	case APPEND:
		r->append = true;
		return set_cmdline(value, c->cmdline);
	case MEMORY:
		return set_memory(value, &c->memory_size);
	case CPUS:
		return set_cpus(value, &c->cpu_count);
	case DISK:
	case NET:
	case CONSOLE:
	case VSOCK:
	case SHARE:
	case BALLOON:
		return devices_add(&r->guest.devices, (enum device_kind)(index - DISK), value);
	case NO_RNG:
		r->no_rng = true;
		return true;
	case HUGE_PAGES:
		c->flags |= VM_HUGE_PAGES;
		return true;
	case PREFAULT:
		c->flags |= VM_PREFAULT;
		return true;
	case NO_REBOOT:
		r->no_reboot = true;
		return true;
	case ESCAPE:
		return set_escape(value, &r->guest.escape);
	case NAME:
		r->control.name = value;
		return set_name(value);
	case METRICS:
		r->metrics = value;
		return true;
	case TEST_DEVICES:
		r->software.test_devices = true;
		return true;
	case FIRMWARE_DEBUG:
		c->flags |= VM_FIRMWARE_DEBUG;
		return true;
	case TIMING:
		c->flags |= VM_TIMING;
		return true;
	default:
		return false;
	}
}

int run_open_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	struct sigaction was;
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum status open_all(struct request *r)
{
	enum status st = vm_open(&r->guest, &r->software);

	if (st != STATUS_OK)
		return st;
	r->control.guest = &r->guest;
	r->control.control.metrics =
		r->metrics != NULL ? unix_listen("--metrics", r->metrics) : -1;
	if (r->metrics != NULL && r->control.control.metrics < 0)
		return STATUS_NO_FILE;
	if (!guest_control_open(&r->control))
		return STATUS_FAILED;
	r->guest.signal_fd = run_open_signals();
	if (r->guest.signal_fd < 0) {
		log_error("signalfd: %s", strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* True if the guest is to be started again. */
static bool reboots(const struct request *r, int status, time_t lived_s, unsigned *too_soon)
{
	/* With test devices a status is whatever the guest has chosen. */
	if ((status != STATUS_GUEST_RESET && status != STATUS_GUEST_CRASHED) ||
	    r->software.test_devices)
		return false;
	*too_soon = lived_s < RESET_TOO_SOON_S ? *too_soon + 1 : 0;
	if (r->no_reboot) {
		log_info(status == STATUS_GUEST_RESET ? "the guest asked for a reset"
						      : "the guest ended in a triple fault");
		return false;
	}
	if (*too_soon >= RESETS_MAX) {
		log_error(
			"the guest resets again and again (%u times within seconds): giving up",
			*too_soon);
		return false;
	}
	log_info("the guest resets, starting it again");
	return true;
}

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int run(struct request *r)
{
	unsigned too_soon = 0;
	enum guest_end end;
	time_t began;
	int status;

	if (r->guest.escape >= 0 && isatty(STDIN_FILENO))
		log_info("Ctrl-%c x ends the guest, Ctrl-%c ? lists the keys",
			 r->guest.escape + 64, r->guest.escape + 64);
	do {
		began = now_s();
		end = guest_run(&r->guest, &r->control, &status);
		if (end == GUEST_SIGNAL)
			log_info("ended by SIG%s", sigabbrev_np(status - 128));
		if (end == GUEST_QUIT && !r->control.stop)
			log_info("ended from the keyboard");
	} while (end == GUEST_EXITED && reboots(r, status, now_s() - began, &too_soon));
	return status;
}

/* A kernel with what belongs to it, or firmware, which finds its own. */
static bool software_complete(const struct request *r)
{
	const struct vm_software *s = &r->software;

	if (s->kernel == NULL && s->firmware == NULL)
		log_error(
			"--kernel FILE is needed; on Debian the host's own is /boot/vmlinuz-*. Or "
			"--firmware seabios boots a disk");
	else if (s->firmware != NULL && (s->kernel != NULL || s->initrd != NULL || r->append))
		log_error(
			"--%s does not go with --firmware: the guest's own boot loader has its own",
			s->kernel != NULL   ? "kernel"
			: s->initrd != NULL ? "initrd"
					    : "append");
	else if (s->firmware != NULL && s->test_devices)
		log_error("--test-devices does not go with --firmware");
	else if (s->firmware == NULL && (r->guest.config.flags & VM_FIRMWARE_DEBUG))
		log_error("--firmware-debug goes only with --firmware");
	else
		return true;
	return false;
}

static void print_usage(void)
{
	puts("usage: zwinger run --kernel FILE [OPTION]...\n"
	     "       zwinger run --firmware seabios --disk FILE [OPTION]...\n\n"
	     "Runs a virtual machine; its serial console is this terminal.\n");
	options_print(run_options);
	puts("\nExit status: 0 the guest powered off; 1 the host failed; 2 wrong usage; 3 no such file;\n"
	     "4 bad kernel image; 5 does not fit; 6 no KVM; 7 no disk could be booted; 10 guest reset and 11 guest crashed (with\n"
	     "--no-reboot); 12 KVM cannot go on; 13 a process was killed; 128+n ended by signal n.");
}

int run_main(int argc, char **argv, uint64_t started_ns)
{
	static struct request r = { .guest = { .vmm_fd = -1,
					       .kvm_fd = -1,
					       .kernel_fd = -1,
					       .initrd_fd = -1,
					       .escape = DEFAULT_ESCAPE - 64,
					       .config = { .version = VM_CONFIG_VERSION,
							   .cpu_count = 1,
							   .memory_size = DEFAULT_MEMORY,
							   .cmdline = DEFAULT_CMDLINE } } };
	int status;

	switch (options_parse(run_options, argc, argv, 2, set, &r)) {
	case OPTIONS_HELP:
		print_usage();
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (!software_complete(&r))
		return STATUS_USAGE;
	/* Whatever stands there is a test's argument. */
	if (r.software.test_devices && !r.append)
		r.guest.config.cmdline[0] = '\0';
	if (!r.no_rng && !devices_add(&r.guest.devices, KIND_RNG, ""))
		return STATUS_USAGE;
	r.guest.config.started_ns = started_ns;
	timing_init(r.guest.config.flags & VM_TIMING, started_ns);
	status = (int)open_all(&r);
	return status == STATUS_OK ? run(&r) : status;
}
