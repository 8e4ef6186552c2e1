/* SPDX-License-Identifier: ISC */
#include "vm.h"

#include "host.h"
#include "kvm_stats.h"
#include "timing.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A regular file with something in it; nothing else can be a kernel or an initrd. */
static int open_image(const char *option, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		log_error("--%s: cannot open '%s': %s", option, path, strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		log_error("--%s: '%s' is a directory", option, path);
	} else if (!S_ISREG(st.st_mode)) {
		log_error("--%s: '%s' is not a regular file", option, path);
	} else if (st.st_size == 0) {
		log_error("--%s: '%s' is empty", option, path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Debian's build for a machine without a chipset; doc/firmware.md */
#define SEABIOS	       "/usr/share/seabios/bios-microvm.bin"
#define NOT_A_FIRMWARE "--firmware: '%s' is neither 'seabios' nor a path with a '/'"

static enum status open_firmware(struct guest *g, const char *name)
{
	bool debian = strcmp(name, "seabios") == 0;

	if (!debian && strchr(name, '/') == NULL) {
		log_error(NOT_A_FIRMWARE, name);
		return STATUS_USAGE;
	}
	if (debian && access(SEABIOS, F_OK) < 0) {
		log_error("--firmware: " SEABIOS " is missing; mend it: apt-get install "
			  "seabios, or name its file");
		return STATUS_NO_FILE;
	}
	g->vmm = VM_FIRMWARE;
	g->kernel_fd = open_image("firmware", debian ? SEABIOS : name);
	return g->kernel_fd < 0 ? STATUS_NO_FILE : STATUS_OK;
}

static enum status open_kernel(struct guest *g, const struct vm_software *s)
{
	g->vmm = s->test_devices ? VM_TESTING : VM_DIRECT;
	g->kernel_fd = open_image("kernel", s->kernel);
	if (g->kernel_fd < 0)
		return STATUS_NO_FILE;
	if (s->initrd != NULL)
		g->initrd_fd = open_image("initrd", s->initrd);
	return s->initrd != NULL && g->initrd_fd < 0 ? STATUS_NO_FILE : STATUS_OK;
}

enum status vm_open(struct guest *g, const struct vm_software *s)
{
	char why[256], fix[256];
	enum status status;

	status = s->firmware != NULL ? open_firmware(g, s->firmware) : open_kernel(g, s);
	if (status != STATUS_OK)
		return status;
	status = devices_open(&g->devices, g->config.cpu_count);
	if (status != STATUS_OK)
		return status;
	g->kvm_fd = host_open_kvm(why, fix);
	if (g->kvm_fd < 0) {
		log_error("%s%s%s", why, fix[0] != '\0' ? "; mend it: " : "", fix);
		return STATUS_NO_KVM;
	}
	g->vmm_fd = host_open_program(g->vmm);
	if (g->vmm_fd == -1)
		log_error("%s is not installed beside this program (see `zwinger check`)",
			  g->vmm);
	return g->vmm_fd < 0 ? STATUS_FAILED : STATUS_OK;
}

static bool start_vmm(struct guest *g, struct process *p, int console, const int *sockets,
		      const struct spawn_fd *more, unsigned more_count)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned count = VMM_FD_DEVICE - VMM_FD_KVM;
	struct spawn_fd fds[VMM_FD_DEVICE + VM_DEVICES_MAX + VM_MORE_FDS + PROCESS_FDS] = {
		{ g->kvm_fd, VMM_FD_KVM },
		{ g->kernel_fd, VMM_FD_KERNEL },
		{ g->initrd_fd >= 0 ? g->initrd_fd : null, VMM_FD_INITRD },
		{ console, VMM_FD_CONSOLE },
	};
	bool ok;

	if (null < 0) {
		log_error("cannot start the VMM process: /dev/null: %s", strerror(errno));
		return false;
	}
	for (unsigned i = 0; i < g->devices.count; i++)
		fds[count++] = (struct spawn_fd){ sockets[i], VMM_FD_DEVICE + (int)i };
	for (unsigned i = 0; i < more_count; i++)
		fds[count++] = more[i];
	ok = process_start(p, g->vmm_fd, g->vmm, fds, count, &g->config, sizeof(g->config));
	close(null);
	if (ok) {
		timing_mark("VMM process executed");
		timing_report();
	}
	return ok;
}

bool vm_start(struct guest *g, struct process *p, int console, const struct spawn_fd *more,
	      unsigned more_count)
{
	int sockets[VM_DEVICES_MAX];
	bool ok;

	if (!devices_start(&g->devices, &g->config, sockets))
		return false;
	ok = start_vmm(g, p, console, sockets, more, more_count);
	for (unsigned i = 0; i < g->devices.count; i++)
		close(sockets[i]);
	if (!ok)
		devices_stop(&g->devices);
	return ok;
}

void vm_stop(struct guest *g)
{
	devices_stop(&g->devices);
	for (unsigned i = 0; i <= VM_CPUS_MAX; i++) {
		if (g->counters[i] > 0)
			close(g->counters[i]);
		g->counters[i] = 0;
	}
}

/* Each once, and only what KVM fills: nothing that could stall whoever reads it. */
static bool take_counters(struct guest *g, const struct vm_command *c, int fd)
{
	if (c->kind != VM_COUNTERS || c->device > g->config.cpu_count ||
	    g->counters[c->device] > 0 || !kvm_stats_valid(fd))
		return false;
	g->counters[c->device] = fd;
	return true;
}

struct vm_command vm_hear(struct guest *g, struct process *p)
{
	struct vm_command c;
	int fd;
	ssize_t n = unix_receive(p->control, &c, sizeof(c), &fd);

	if (fd >= 0 && (n != (ssize_t)sizeof(c) || !take_counters(g, &c, fd)))
		close(fd);
	if (n == 0) {
		close(p->control);
		p->control = -1;
	}
	if (n != (ssize_t)sizeof(c))
		return (struct vm_command){ 0 };
	if (c.kind != VM_DEVICE_LOST)
		return c;
	devices_lost(&g->devices, c.device);
	return (struct vm_command){ 0 };
}
