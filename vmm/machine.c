/* SPDX-License-Identifier: ISC */
#include "machine.h"

#include "bug.h"
#include "counters.h"
#include "log.h"
#include "timing.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * KVM on Intel processors without "unrestricted guest" keeps four pages of its own in the
 * guest-physical space; here they are in nobody's way.
 */
#define KVM_IDENTITY_MAP 0xfffbc000ull
#define KVM_TSS		 0xfffbd000ull

static enum status failed(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return STATUS_FAILED;
}

static enum status create_vm(struct machine *m)
{
	uint64_t identity_map = KVM_IDENTITY_MAP;

	do
		m->vm_fd = ioctl(m->kvm_fd, KVM_CREATE_VM, 0UL);
	while (m->vm_fd < 0 && errno == EINTR);
	if (m->vm_fd < 0)
		return failed("KVM_CREATE_VM");
	counters_hand_over(m->vm_fd, 0);
	if (ioctl(m->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return failed("KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(m->vm_fd, KVM_SET_TSS_ADDR, KVM_TSS) < 0)
		return failed("KVM_SET_TSS_ADDR");
	if (ioctl(m->vm_fd, KVM_CREATE_IRQCHIP, 0UL) < 0)
		return failed("KVM_CREATE_IRQCHIP");
	return STATUS_OK;
}

static enum status create_vcpus(struct machine *m)
{
	static struct cpuid cpuid;
	int run_size = ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0UL);
	int deadline = ioctl(m->kvm_fd, KVM_CHECK_EXTENSION,
			     (unsigned long)KVM_CAP_TSC_DEADLINE_TIMER);
	int error = cpuid_init(&cpuid, m->kvm_fd);

	if (run_size < (int)sizeof(struct kvm_run) || error != 0) {
		errno = -error;
		return failed("KVM_GET_SUPPORTED_CPUID");
	}
	for (unsigned i = 0; i < m->cpu_count; i++) {
		enum status st = vcpu_init(&m->vcpu[i], m->vm_fd, (size_t)run_size);
		int khz;

		if (st != STATUS_OK)
			return st;
		counters_hand_over(m->vcpu[i].fd, 1 + i);
		khz = ioctl(m->vcpu[i].fd, KVM_GET_TSC_KHZ, 0UL);
		cpuid_set_cpu(&cpuid, i, m->cpu_count, khz > 0 ? (uint32_t)khz : 0,
			      deadline > 0);
		st = vcpu_set_cpuid(&m->vcpu[i], &cpuid);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

static void create_lines(struct machine *m)
{
	static const struct {
		uint32_t gsi;
		uint16_t port;
	} at[] = { [VM_LINE_MODEM] = { IRQ_MODEM, MODEM_PORT },
		   [VM_LINE_ORDERS] = { IRQ_ORDERS, ORDERS_PORT } };

	for (unsigned i = 0; i < VM_LINES_MAX; i++) {
		struct line *l = &m->line[i];

		if (!l->present)
			continue;
		line_init(l, (struct irq_line){ .vm_fd = m->vm_fd, .gsi = at[i].gsi },
			  m->wake_fd);
		bus_claim(&m->ports, at[i].port, SERIAL_REGS, serial_access, &l->port);
	}
}

static enum status create_devices(struct machine *m)
{
	m->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->wake_fd < 0)
		return failed("timerfd_create");
	serial_init(&m->serial, (struct irq_line){ .vm_fd = m->vm_fd, .gsi = IRQ_SERIAL },
		    m->wake_fd);
	rtc_init(&m->rtc);
	pci_init(&m->pci);
	m->power = (struct power){ .stop = machine_stop, .machine = m };

	bus_claim(&m->ports, SERIAL_PORT, SERIAL_REGS, serial_access, &m->serial);
	create_lines(m);
	bus_claim(&m->ports, PCI_CONFIG_PORT, PCI_CONFIG_REGS, pci_port_access, &m->pci);
	bus_claim(&m->ports, RTC_PORT, RTC_REGS, rtc_access, &m->rtc);
	bus_claim(&m->ports, POWER_PORT, POWER_REGS, power_access, &m->power);
	bus_claim(&m->ports, KEYBOARD_PORT, 1, power_keyboard_access, &m->power);
	bus_claim(&m->mmio, PCI_ECAM_START, PCI_ECAM_SIZE, pci_ecam_access, &m->pci);
	bus_claim(&m->mmio, PCI_MMIO_START, PCI_MMIO_SIZE, pci_mmio_access, &m->pci);
	return STATUS_OK;
}

/* The device processes have been started before us; each is asked what it is. */
static enum status create_virtio(struct machine *m, const struct vm_config *c)
{
	irq_routes_init(&m->routes, m->vm_fd);
	for (; m->virtio_count < c->device_count; m->virtio_count++) {
		enum status st = virtio_pci_init(&m->virtio[m->virtio_count],
						 &c->device[m->virtio_count],
						 VMM_FD_DEVICE + (int)m->virtio_count, &m->ram,
						 m->vm_fd, &m->routes, &m->pci);

		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

enum status machine_start(struct machine *m, unsigned cpu_count, void (*shut_in)(void))
{
	m->cpu_count = cpu_count;
	m->world = (struct vcpu_world){ .shut_in = shut_in,
					.gate = &m->gate,
					.ports = &m->ports,
					.mmio = &m->mmio,
					.mem = &m->ram.mem,
					.stop = machine_stop,
					.machine = m };
	pthread_barrier_init(&m->gate, NULL, cpu_count + 1);
	/* vCPU 0 last: the others only wait for its start-up interrupts. */
	for (unsigned i = cpu_count; i-- > 0;) {
		enum status st = vcpu_start(&m->vcpu[i], i, &m->world);

		if (st != STATUS_OK)
			return st;
	}
	pthread_barrier_wait(&m->gate);
	return STATUS_OK;
}

enum status machine_init(struct machine *m, int kvm_fd, const struct vm_config *config)
{
	enum ram_backing backing = config->flags & VM_HUGE_PAGES ? RAM_HUGE_PAGES : RAM_PAGES;
	enum status st;

	m->kvm_fd = kvm_fd;
	m->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->stop_fd < 0)
		return failed("eventfd");

	st = create_vm(m);
	timing_mark("virtual machine created");
	if (st == STATUS_OK)
		st = ram_init(&m->ram, config->memory_size, backing);
	if (st == STATUS_OK && config->flags & VM_PREFAULT)
		st = ram_prefault(&m->ram);
	if (st == STATUS_OK)
		st = ram_attach(&m->ram, m->vm_fd);
	timing_mark("guest memory mapped");
	if (st == STATUS_OK)
		st = create_devices(m);
	if (st == STATUS_OK)
		st = create_virtio(m, config);
	timing_mark("devices connected");
	if (st == STATUS_OK)
		st = create_vcpus(m);
	timing_mark("vCPUs created");
	return st;
}

void machine_release(struct machine *m)
{
	pthread_barrier_wait(&m->gate);
}

void machine_stop(void *machine, enum status why)
{
	struct machine *m = machine;
	int running = 0;
	uint64_t one = 1;

	if (atomic_compare_exchange_strong(&m->stopped, &running, (int)why + 1))
		BUG_ON(write(m->stop_fd, &one, sizeof(one)) != sizeof(one));
}

enum status machine_stop_reason(const struct machine *m)
{
	int stopped = atomic_load(&m->stopped);

	BUG_ON(stopped == 0);
	return (enum status)(stopped - 1);
}
