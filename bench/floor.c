/* SPDX-License-Identifier: ISC */
#include "floor.h"

#include "kvm_statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define IDENTITY_MAP 0xfffbc000ull
#define TSS	     0xfffbd000ull
#define STACK_3	     0x1800000ull
#define INTERRUPT    24u /* GSI of the irqfd */
#define CPUIDS	     256
#define REPORT_MAX   (sizeof(struct guest_report) + 4ull * GUEST_SAMPLES_MAX)

/* Long enough for the vCPU to be in HLT, and for its host to have gone to sleep if it is to. */
#define WAKE_GAP_NS  100000
#define BLOCK_GAP_NS 1000000

#define LOST (1ull << 30) /* cycles: an emulated host loses an interrupt now and then */

static const struct experiment *experiment;
static const struct plan *plan;
static struct outcome *outcome;
static struct guest_parameters parameters, *shared; /* shared: the guest's own */
static int kvm, vm, vcpu[2] = { -1, -1 }, bell = -1, interrupt = -1, statistics = -1;
static struct kvm_run *run[2];
static uint8_t *memory;
static uint64_t counted_before;
static uint8_t report[REPORT_MAX];
static uint32_t report_len;

__attribute__((format(printf, 1, 2))) static _Noreturn void give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(outcome->reason, sizeof(outcome->reason), format, args);
	va_end(args);
	outcome->impossible = true;
	_exit(0);
}

static int kvm_call(int fd, unsigned long request, unsigned long argument, const char *name)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		give_up("%s: %s", name, strerror(errno));
	return result;
}
#define KVM(fd, request, argument) kvm_call(fd, request, (unsigned long)(argument), #request)

/* ---- the machine ---- */

static void create_memory(void)
{
	bool huge = experiment->memory == MEMORY_HUGE;
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_MEMORY };
	int fd = memfd_create("guest", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0u));

	if (fd < 0 || ftruncate(fd, GUEST_MEMORY) < 0)
		give_up("guest memory: %s", strerror(errno));
	/* Where KVM can map huge pages, as a VMM does. */
	memory = mmap(NULL, GUEST_MEMORY + (2u << 20), PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		give_up("guest memory: %s", strerror(errno));
	memory += -(uintptr_t)memory & ((2u << 20) - 1);
	memory = mmap(memory, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		      0);
	if (memory == MAP_FAILED)
		give_up(huge ? "too few reserved huge pages: echo 128 > /proc/sys/vm/nr_hugepages"
			     : "guest memory: %s",
			strerror(errno));
	if (experiment->memory == MEMORY_PREFAULTED &&
	    madvise(memory, GUEST_MEMORY, MADV_POPULATE_WRITE) < 0)
		give_up("guest memory cannot be populated: %s", strerror(errno));
	region.userspace_addr = (uint64_t)(uintptr_t)memory;
	KVM(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void load(void)
{
	const uint8_t *elf;
	uint32_t size = experiment_image(experiment, plan, &elf);
	struct image image;

	if (size == 0 || !experiment_segment(elf, size, &image))
		give_up("the guest's image is not what its build should make");
	memcpy(memory + GUEST_START, image.bytes, image.len);
	shared = (struct guest_parameters *)(void *)(memory + GUEST_START + GUEST_PARAMETERS);
	parameters = *shared;
	if (experiment->answer == BY_DEVICE)
		shared->operation = OP_DOORBELL;
}

static void create_vcpu(unsigned id)
{
	static union {
		struct kvm_cpuid2 head;
		uint8_t room[sizeof(struct kvm_cpuid2) +
			     CPUIDS * sizeof(struct kvm_cpuid_entry2)];
	} cpuid;
	int size = KVM(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	cpuid.head.nent = CPUIDS;
	KVM(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	for (uint32_t i = 0; i < cpuid.head.nent; i++)
		if (cpuid.head.entries[i].function == 1)
			cpuid.head.entries[i].ebx =
				(cpuid.head.entries[i].ebx & 0xffffff) | id << 24;
	vcpu[id] = KVM(vm, KVM_CREATE_VCPU, id);
	KVM(vcpu[id], KVM_SET_CPUID2, &cpuid);
	run[id] = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu[id], 0);
	if (run[id] == MAP_FAILED)
		give_up("run page: %s", strerror(errno));
}

static struct kvm_segment segment(uint16_t selector, bool code)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
				     .selector = selector,
				     .type = code ? 0xb : 0x3,
				     .present = 1,
				     .dpl = selector & 3,
				     .s = 1,
				     .g = 1,
				     .l = code,
				     .db = !code };
}

/*
 * As a boot loader hands over; or, for ring 3, as start.S would: some kinds of KVM run ring 3 alone
 * by the processor, and cannot get there from ring 0.
 */
static void enter(void)
{
	bool user = experiment->ring == 3;
	struct kvm_regs regs = { .rip = GUEST_START + (user ? GUEST_RING_3 : 0),
				 .rsp = STACK_3,
				 .rflags = user ? 0x3002 : 2 };
	struct kvm_sregs s;

	KVM(vcpu[0], KVM_GET_SREGS, &s);
	s.cs = segment(user ? 0x23 : 0x08, true);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(user ? 0x1b : 0x10, false);
	s.idt = (struct kvm_dtable){ 0 };
	memcpy(&s.cr3, memory + GUEST_START + GUEST_TABLES, sizeof(s.cr3));
	s.cr0 = 0x80010033; /* PG, WP, NE, ET, MP, PE */
	s.cr4 = 0x20;	    /* PAE */
	s.efer = 0x500;	    /* LMA, LME */
	KVM(vcpu[0], KVM_SET_SREGS, &s);
	KVM(vcpu[0], KVM_SET_REGS, &regs);
}

static void add_eventfd(uint64_t address, uint32_t len, uint32_t flags)
{
	struct kvm_ioeventfd e = { .addr = address, .len = len, .flags = flags };

	bell = e.fd = eventfd(0, EFD_CLOEXEC);
	KVM(vm, KVM_IOEVENTFD, &e);
}

/* The serial port's interrupt, and an eventfd that is a message to vCPU 0. */
static void route_interrupts(void)
{
	union {
		struct kvm_irq_routing head;
		uint8_t room[sizeof(struct kvm_irq_routing) +
			     2 * sizeof(struct kvm_irq_routing_entry)];
	} r = { .room = { 0 } };
	struct kvm_irq_routing_entry *entry = r.head.entries;
	struct kvm_irqfd f = { .gsi = INTERRUPT };

	r.head.nr = 2;
	entry[0] = (struct kvm_irq_routing_entry){ .gsi = GUEST_SERIAL_IRQ,
						   .type = KVM_IRQ_ROUTING_IRQCHIP };
	entry[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	entry[0].u.irqchip.pin = GUEST_SERIAL_IRQ;
	entry[1] =
		(struct kvm_irq_routing_entry){ .gsi = INTERRUPT, .type = KVM_IRQ_ROUTING_MSI };
	entry[1].u.msi.address_lo = GUEST_SIGNAL_ADDRESS;
	entry[1].u.msi.data = GUEST_VECTOR;
	KVM(vm, KVM_SET_GSI_ROUTING, &r);
	interrupt = eventfd(0, EFD_CLOEXEC);
	f.fd = (uint32_t)interrupt;
	KVM(vm, KVM_IRQFD, &f);
}

static void filter_msr(void)
{
	static uint8_t denied[1] = { 0 };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_FILTER } };
	struct kvm_msr_filter f = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };

	f.ranges[0] = (struct kvm_msr_filter_range){ .flags = KVM_MSR_FILTER_READ |
							      KVM_MSR_FILTER_WRITE,
						     .nmsrs = 1,
						     .base = GUEST_MSR,
						     .bitmap = denied };
	KVM(vm, KVM_ENABLE_CAP, &cap);
	KVM(vm, KVM_X86_SET_MSR_FILTER, &f);
}

/* What the experiment needs of the machine beyond memory and processors. */
static void equip(void)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = GUEST_COALESCED, .size = 4096 };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL };

	switch (experiment->answer) {
	case BY_EVENTFD:
		if (experiment->operation == OP_PORT_WRITE)
			add_eventfd(GUEST_DOORBELL_PORT, experiment->width,
				    KVM_IOEVENTFD_FLAG_PIO);
		else
			add_eventfd(GUEST_DOORBELL, 0, 0); /* any width, as a VMM has it */
		break;
	case BY_RING:
		KVM(vm, KVM_REGISTER_COALESCED_MMIO, &zone);
		break;
	case BY_FILTER:
		filter_msr();
		break;
	case BY_DEVICE:
		add_eventfd(GUEST_DOORBELL, 0, 0);
		route_interrupts();
		break;
	case BY_WAKING:
		if (experiment->block)
			KVM(vm, KVM_ENABLE_CAP, &cap);
		route_interrupts();
		break;
	case BY_INJECTION:
		route_interrupts();
		break;
	case BY_USER:
	case BY_KERNEL:
	case BY_NOBODY:
		break;
	}
}

static void create(void)
{
	uint64_t identity_map = IDENTITY_MAP;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		give_up("/dev/kvm: %s", strerror(errno));
	vm = KVM(kvm, KVM_CREATE_VM, 0);
	KVM(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	KVM(vm, KVM_SET_TSS_ADDR, TSS);
	KVM(vm, KVM_CREATE_IRQCHIP, 0);
	create_memory();
	load();
	for (unsigned id = 0; id < (experiment->operation == OP_IPI ? 2u : 1u); id++)
		create_vcpu(id);
	equip();
	enter();
	statistics = kvm_statistics_open(vcpu[0]);
}

/* ---- the loop ---- */

static void count_begin(void)
{
	outcome->has_counted =
		experiment->counter != NULL &&
		kvm_statistics_read(statistics, experiment->counter, &counted_before);
}

/* When the guest begins to report, it has performed. */
static void count_end(void)
{
	uint64_t now = 0;

	if (outcome->has_counted && outcome->counted == 0 &&
	    kvm_statistics_read(statistics, experiment->counter, &now))
		outcome->counted =
			now - counted_before -
			(strcmp(experiment->counter, "io_exits") == 0); /* this one */
}

static void raise_serial(bool up)
{
	struct kvm_irq_level level = { .irq = GUEST_SERIAL_IRQ, .level = up };

	(void)ioctl(vm, KVM_IRQ_LINE, &level);
	outcome->seen += up;
}

static void take_report(const uint8_t *bytes, uint32_t len)
{
	if (len > sizeof(report) - report_len)
		len = (uint32_t)sizeof(report) - report_len;
	memcpy(report + report_len, bytes, len);
	report_len += len;
}

/* A port other than the measured one. False at the power-off. */
static bool serve_port(struct kvm_run *r)
{
	uint8_t *data = (uint8_t *)r + r->io.data_offset;

	switch (r->io.port) {
	case GUEST_SERIAL_STATUS:
		count_end();
		data[0] = GUEST_SERIAL_EMPTY;
		return true;
	case GUEST_SERIAL:
		take_report(data, r->io.count * r->io.size);
		return true;
	case GUEST_SERIAL_ENABLE:
		raise_serial(data[0] != 0);
		return true;
	case GUEST_POWER:
		return false;
	default:
		return true;
	}
}

static void drain_ring(struct kvm_run *r)
{
	struct kvm_coalesced_mmio_ring *ring =
		(void *)((uint8_t *)r +
			 sysconf(_SC_PAGESIZE) * ioctl(kvm, KVM_CHECK_EXTENSION,
						       (unsigned long)KVM_CAP_COALESCED_MMIO));
	uint32_t max = (uint32_t)(((size_t)sysconf(_SC_PAGESIZE) - sizeof(*ring)) /
				  sizeof(struct kvm_coalesced_mmio));

	while (ring->first != ring->last) {
		ring->first = (ring->first + 1) % max;
		outcome->seen++;
	}
}

static _Noreturn void stopped(const struct kvm_run *r)
{
	const char *hint = r->exit_reason == KVM_EXIT_INTERNAL_ERROR
				   ? ": KVM here cannot emulate what this guest does"
				   : "";

	give_up("the guest stopped with exit reason %u%s", r->exit_reason, hint);
}

static void loop(unsigned id)
{
	struct kvm_run *r = run[id];
	uint16_t port = (uint16_t)experiment->address;

	for (;;) {
		if (ioctl(vcpu[id], KVM_RUN, 0UL) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			give_up("KVM_RUN: %s", strerror(errno));
		}
		switch (r->exit_reason) {
		case KVM_EXIT_IO:
			if (r->io.port == port && experiment->answer == BY_USER)
				outcome->seen += r->io.size == experiment->width;
			else if (!serve_port(r))
				return;
			break;
		case KVM_EXIT_MMIO:
			if (experiment->answer == BY_RING) {
				drain_ring(r);
				outcome->seen += r->mmio.phys_addr == GUEST_COALESCED;
			} else {
				outcome->seen += experiment->operation != OP_DEVICE &&
						 r->mmio.phys_addr == experiment->address &&
						 r->mmio.len == experiment->width;
			}
			break;
		case KVM_EXIT_X86_RDMSR: /* the first before a write is the preparation's */
			r->msr.error = 0;
			outcome->seen += experiment->operation == OP_MSR_READ;
			break;
		case KVM_EXIT_X86_WRMSR:
			r->msr.error = 0;
			outcome->seen++;
			break;
		case KVM_EXIT_INTR:
			break;
		default:
			stopped(r);
		}
	}
}

static void *second_loop(void *unused)
{
	experiment_stay(plan->other, -1);
	loop(1);
	return unused;
}

static void *device(void *unused)
{
	uint64_t rung, one = 1;

	experiment_stay(plan->other, -1);
	for (;;) {
		if (read(bell, &rung, sizeof(rung)) != sizeof(rung))
			continue;
		outcome->seen += rung;
		if (write(interrupt, &one, sizeof(one)) != sizeof(one))
			return unused;
	}
}

/* ---- what is measured from outside the guest ---- */

static uint32_t clock_overhead(void)
{
	uint64_t least = UINT32_MAX;

	for (unsigned i = 0; i < 200; i++) {
		uint64_t begin = __rdtsc(), cycles = __rdtsc() - begin;

		if (cycles < least)
			least = cycles;
	}
	return (uint32_t)least;
}

static void take_sample(uint32_t i, uint64_t cycles)
{
	outcome->performed++;
	if (i < parameters.warm_up)
		return;
	cycles = cycles > outcome->overhead ? cycles - outcome->overhead : 0;
	outcome->sample[outcome->count++] = cycles > UINT32_MAX ? UINT32_MAX : (uint32_t)cycles;
}

static void *wake(void *unused)
{
	struct timespec gap = { .tv_nsec = experiment->block ? BLOCK_GAP_NS : WAKE_GAP_NS };
	uint64_t one = 1;

	experiment_stay(plan->other, -1);
	outcome->overhead = clock_overhead();
	for (uint32_t i = 0; i < parameters.warm_up + parameters.samples; i++) {
		uint64_t before, begin, again;

		nanosleep(&gap, NULL);
		before = shared->woken;
		again = begin = __rdtsc();
		if (write(interrupt, &one, sizeof(one)) != sizeof(one))
			break;
		while (shared->woken == before) {
			_mm_pause();
			if (__rdtsc() - again < LOST)
				continue;
			again = __rdtsc();
			(void)!write(interrupt, &one, sizeof(one));
		}
		take_sample(i, __rdtsc() - begin);
		outcome->seen++;
	}
	shared->enough = 1;
	(void)!write(interrupt, &one, sizeof(one));
	return unused;
}

static void return_at_once(void)
{
	run[0]->immediate_exit = 1;
	outcome->overhead = clock_overhead();
	for (uint32_t i = 0; i < parameters.warm_up + parameters.samples; i++) {
		uint64_t begin = __rdtsc();
		int result = ioctl(vcpu[0], KVM_RUN, 0UL);

		take_sample(i, __rdtsc() - begin);
		outcome->seen += result < 0 && errno == EINTR;
	}
	outcome->done = true;
}

/* ---- the child ---- */

static void start(void *(*thread)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread, NULL) != 0)
		give_up("a thread: %s", strerror(errno));
}

static _Noreturn void child(void)
{
	uint64_t rung = 0;
	struct outcome waking;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	create();
	experiment_stay(plan->pin, -1);
	count_begin();
	if (experiment->answer == BY_NOBODY) {
		return_at_once();
		_exit(0);
	}
	if (experiment->operation == OP_IPI)
		start(second_loop);
	if (experiment->answer == BY_DEVICE)
		start(device);
	if (experiment->answer == BY_WAKING)
		start(wake);
	loop(0);
	if (experiment->answer == BY_EVENTFD && read(bell, &rung, sizeof(rung)) == sizeof(rung))
		outcome->seen = rung;
	if (experiment->answer == BY_RING)
		drain_ring(run[0]);
	if (experiment->answer != BY_WAKING) {
		(void)experiment_parse(report, report_len, outcome);
		if (experiment->answer == BY_KERNEL) /* nothing is to be seen here */
			outcome->seen = outcome->seen == 0 ? outcome->performed : 0;
		_exit(0);
	}
	waking = (struct outcome){ .done = false };
	outcome->done = experiment_parse(report, report_len, &waking);
	_exit(0);
}

void floor_measure(const struct experiment *e, const struct plan *p, struct outcome *o)
{
	int status = 0;
	pid_t pid;

	memset(o, 0, sizeof(*o));
	experiment = e;
	plan = p;
	outcome = o;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(p->timeout);
		child();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		snprintf(o->reason, sizeof(o->reason), "no process: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		snprintf(o->reason, sizeof(o->reason), "%s",
			 WTERMSIG(status) == SIGALRM ? "the guest did not come to an end"
						     : strsignal(WTERMSIG(status)));
	else
		return;
	o->done = false;
	o->impossible = true;
}
