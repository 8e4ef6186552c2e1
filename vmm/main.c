/* SPDX-License-Identifier: ISC */
/* zwinger-vmm, or zwinger-vmm-firmware: takes what the launcher grants, shuts itself in, runs one virtual machine. */
#include "boot.h"
#include "chan_map.h"
#include "console.h"
#include "log.h"
#include "sandbox.h"
#include "timing.h"
#include "vmm_run_policy.h"
#include "vmm_setup_policy.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct vm_config config;
static struct machine machine;

/* Refuses anything but exactly one well-formed message. */
static bool receive_config(struct vm_config *c)
{
	ssize_t n = recv(VMM_FD_CONTROL, c, sizeof(*c), 0);

	if (n != (ssize_t)sizeof(*c) || c->device_count > VM_DEVICES_MAX)
		return false;
	for (uint32_t i = 0; i < c->device_count; i++)
		if (c->device[i].config_size > VM_DEVICE_CONFIG ||
		    c->device[i].queue_count > VHOST_QUEUES_MAX)
			return false;
	return c->version == VM_CONFIG_VERSION && c->cpu_count >= 1 &&
	       c->cpu_count <= VM_CPUS_MAX && c->memory_size >= VM_MEMORY_MIN &&
	       c->memory_size % RAM_ALIGN == 0 &&
	       memchr(c->cmdline, '\0', sizeof(c->cmdline)) != NULL;
}

static unsigned line_count(const struct vm_config *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VM_LINES_MAX; i++)
		n += c->line[i].slots != 0;
	return n;
}

/* Their channels' descriptors follow those of the devices. */
static bool open_lines(const struct vm_config *c)
{
	static const char *const names[] = {
		[VM_LINE_MODEM] = "modem", [VM_LINE_ORDERS] = "orders"
	};
	int first = VMM_FD_DEVICE + (int)c->device_count;

	for (unsigned i = 0; i < VM_LINES_MAX; i++) {
		if (c->line[i].slots == 0)
			continue;
		if (!line_open(&machine.line[i], names[i], first, c->line[i].slots,
			       c->line[i].audited)) {
			log_error("%s: its channels cannot be mapped: %s", names[i],
				  strerror(errno));
			return false;
		}
		first += 2 * CHANNEL_FDS;
	}
	return true;
}

/* The vCPUs' threads run the guest and nothing else, and so have this policy from the start. */
static void shut_in(void)
{
	sandbox_thread(vmm_run_filter, vmm_run_filter_count);
}

static bool start_threads(void)
{
	return machine_start(&machine, config.cpu_count, shut_in) == STATUS_OK;
}

static enum status run(const struct vm_config *c)
{
	enum status st = machine_init(&machine, VMM_FD_KVM, c);

	if (st == STATUS_OK)
		st = boot_load(&machine, c);
	if (st != STATUS_OK)
		return st;
	close(VMM_FD_KERNEL);
	close(VMM_FD_INITRD);
	timing_mark("kernel or firmware loaded");

	/* 3. No more memory or descriptors: what is left is what a running guest needs. */
	sandbox_tighten(vmm_run_filter, vmm_run_filter_count);
	timing_mark("first KVM_RUN");
	timing_report();
	machine_release(&machine);
	return console_serve(&machine, VMM_FD_CONSOLE, VMM_FD_CONTROL);
}

int main(void)
{
	struct sandbox_policy policy = {
		.filter = vmm_setup_filter,
		.filter_count = vmm_setup_filter_count,
		.threads = start_threads,
	};

	/* 1. Take what the launcher gives us; refuse to start with less or more. */
	log_init("vmm");
	if (!receive_config(&config)) {
		log_error("this program is started by zwinger, not by hand");
		return STATUS_NOT_STARTED;
	}
	if (!open_lines(&config))
		return STATUS_NOT_STARTED;
	timing_init(config.flags & VM_TIMING, config.started_ns);
	timing_mark("VMM process started");

	/* 2. From here: no path, no socket, no new program. The policy says why each call stays. */
	policy.file_size = config.memory_size;
	policy.open_files = VMM_FD_DEVICE + 8 + VM_CPUS_MAX +
			    line_count(&config) * 2u * CHANNEL_FDS +
			    config.device_count * (2 * VHOST_QUEUES_MAX + 8);
	sandbox_enter(&policy);
	timing_mark("sandbox entered");

	return (int)run(&config);
}
