/* SPDX-License-Identifier: ISC */
/* The guest: performs one operation again and again, times each by the TSC, and reports. */
#include "microguest.h"

#include <stdbool.h>
#include <stddef.h>

extern struct guest_parameters parameters;
extern char trampoline[], trampoline_end[], interrupt[];
extern uint64_t idt[];
void prepare(void);
void second_processor(void);
_Noreturn void microguest(void);

volatile uint64_t interrupt_at, interrupt_count;
volatile uint32_t interrupt_end_cost;

static struct guest_report report;
static uint32_t sample_index;

#define TRAMPOLINE 0x8000u
#define APIC	   0xfee00000u
enum { APIC_SPURIOUS = 0xf0, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310 };
#define ICR_SELF     0x44000u /* fixed, asserted, to oneself */
#define ICR_FIXED    0x4000u
#define ICR_INIT     0x4500u
#define ICR_START_UP 0x4600u
#define ICR_PENDING  0x1000u

/* ---- the processor ---- */

static inline uint64_t clock(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (uint64_t)high << 32;
}

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "d"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "d"(port) : "memory");
	return v;
}

static inline void write32(uint64_t address, uint32_t v)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(v), "r"(address) : "memory");
}

static inline uint32_t read32(uint64_t address)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(address) : "memory");
	return v;
}

static inline void write16(uint64_t address, uint16_t v)
{
	__asm__ volatile("movw %0, (%1)" : : "r"(v), "r"(address) : "memory");
}

static inline void write8(uint64_t address, uint8_t v)
{
	__asm__ volatile("movb %0, (%1)" : : "q"(v), "r"(address) : "memory");
}

static inline void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* Interrupts are let in by HLT and only by it, or by waiting; afterwards they are off again. */
static inline void halt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* ---- operations: cycles that one took ---- */

#define TIMED(statement)                                                                       \
	do {                                                                                   \
		uint64_t begin = clock();                                                      \
		statement;                                                                     \
		return clock() - begin;                                                        \
	} while (0)

static uint64_t nothing(void)
{
	TIMED(;);
}

static uint64_t port_write(void)
{
	uint16_t port = (uint16_t)parameters.address;
	uint32_t v = parameters.value;

	switch (parameters.width) {
	case 1:
		TIMED(__asm__ volatile("outb %b0, %1" : : "a"(v), "d"(port) : "memory"));
	case 2:
		TIMED(__asm__ volatile("outw %w0, %1" : : "a"(v), "d"(port) : "memory"));
	default:
		TIMED(__asm__ volatile("outl %0, %1" : : "a"(v), "d"(port) : "memory"));
	}
}

static uint64_t port_read(void)
{
	uint16_t port = (uint16_t)parameters.address;
	uint32_t v;

	switch (parameters.width) {
	case 1:
		TIMED(__asm__ volatile("inb %1, %b0" : "=a"(v) : "d"(port) : "memory"));
	case 2:
		TIMED(__asm__ volatile("inw %1, %w0" : "=a"(v) : "d"(port) : "memory"));
	default:
		TIMED(__asm__ volatile("inl %1, %0" : "=a"(v) : "d"(port) : "memory"));
	}
}

static uint64_t mmio_write(void)
{
	uint64_t at = parameters.address, v = parameters.value;

	switch (parameters.width) {
	case 1:
		TIMED(__asm__ volatile("movb %b0, (%1)" : : "q"(v), "r"(at) : "memory"));
	case 2:
		TIMED(__asm__ volatile("movw %w0, (%1)" : : "r"(v), "r"(at) : "memory"));
	case 4:
		TIMED(__asm__ volatile("movl %k0, (%1)" : : "r"(v), "r"(at) : "memory"));
	default:
		TIMED(__asm__ volatile("movq %0, (%1)" : : "r"(v), "r"(at) : "memory"));
	}
}

static uint64_t mmio_read(void)
{
	uint64_t at = parameters.address, v;

	switch (parameters.width) {
	case 1:
		TIMED(__asm__ volatile("movb (%1), %b0" : "=q"(v) : "r"(at) : "memory"));
	case 2:
		TIMED(__asm__ volatile("movw (%1), %w0" : "=r"(v) : "r"(at) : "memory"));
	case 4:
		TIMED(__asm__ volatile("movl (%1), %k0" : "=r"(v) : "r"(at) : "memory"));
	default:
		TIMED(__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at) : "memory"));
	}
}

static bool amd;

static uint64_t cpuid(void)
{
	uint32_t a = 0, b, c = 0, d;

	TIMED(__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory"));
}

/* Each vendor's own instruction: KVM would have to rewrite the other's. */
static uint64_t hypercall(void)
{
	uint64_t a = GUEST_HYPERCALL;

	if (amd)
		TIMED(__asm__ volatile("vmmcall" : "+a"(a) : : "memory"));
	TIMED(__asm__ volatile("vmcall" : "+a"(a) : : "memory"));
}

static uint32_t msr_low, msr_high;

static uint64_t msr_read(void)
{
	TIMED(__asm__ volatile("rdmsr"
			       : "=a"(msr_low), "=d"(msr_high)
			       : "c"((uint32_t)parameters.address)
			       : "memory"));
}

/* What was read first. */
static uint64_t msr_write(void)
{
	uint32_t low = msr_low, high = msr_high;

	TIMED(__asm__ volatile("wrmsr"
			       :
			       : "a"(low), "d"(high), "c"((uint32_t)parameters.address)
			       : "memory"));
}

static uint64_t touch(void)
{
	uint64_t at = GUEST_TOUCHED + (uint64_t)sample_index * parameters.width;

	TIMED(write32(at, 1));
}

/* From `begin` until the handler's own look at the clock. */
static uint64_t until_interrupt(uint64_t begin, uint64_t count)
{
	while (interrupt_count == count)
		pause();
	interrupts_off();
	return interrupt_at - begin;
}

static uint64_t inject(void)
{
	uint64_t count = interrupt_count, begin, cycles;

	interrupts_on();
	begin = clock();
	out8(GUEST_SERIAL_ENABLE, 2);
	cycles = until_interrupt(begin, count);
	out8(GUEST_SERIAL_ENABLE, 0);
	return cycles;
}

static uint64_t self_ipi(void)
{
	uint64_t count = interrupt_count, begin;

	interrupts_on();
	begin = clock();
	write32(APIC + APIC_ICR, ICR_SELF | GUEST_VECTOR);
	return until_interrupt(begin, count);
}

static uint64_t end_of_interrupt(void)
{
	(void)self_ipi();
	return interrupt_end_cost;
}

static uint64_t ipi(void)
{
	uint64_t count = interrupt_count, begin = clock();

	write32(APIC + APIC_ICR, ICR_FIXED | GUEST_VECTOR);
	while (interrupt_count == count)
		pause();
	return clock() - begin;
}

static uint64_t doorbell(void)
{
	uint64_t count = interrupt_count, begin = clock();

	write32(GUEST_DOORBELL, 0);
	while (interrupt_count == count)
		halt();
	return interrupt_at - begin;
}

/* ---- virtio-rng, virtio 1.2, as zwinger-vmm presents it: the first device, all in BAR 0 ---- */

#define DEVICE_CONFIG (GUEST_ECAM + 0x8000u) /* slot 1 */
#define BAR	      (GUEST_DOORBELL - 0x3000u)
#define MSIX_TABLE    (BAR + 0x4000u)
#define QUEUE_SIZE    2u
enum { RNG = 0x10441af4, CONFIG_COMMAND = 4, CONFIG_MSIX = 0x98 }; /* registers */
enum {								   /* 4.1.4.3 */
       DRIVER_SELECT = 8,
       DRIVER_FEATURES = 12,
       STATUS = 20,
       QUEUE_SELECT = 22,
       QUEUE_SIZE_REG = 24,
       QUEUE_VECTOR = 26,
       QUEUE_ENABLE = 28,
       QUEUE_DESC = 32,
       QUEUE_DRIVER = 40,
       QUEUE_DEVICE = 48
};

static struct {
	_Alignas(16) struct {
		uint64_t address;
		uint32_t len;
		uint16_t flags, next;
	} desc[QUEUE_SIZE];
	_Alignas(4) struct {
		uint16_t flags;
		volatile uint16_t idx;
		uint16_t ring[QUEUE_SIZE], event;
	} avail;
	_Alignas(4) struct {
		uint16_t flags;
		volatile uint16_t idx;
		struct {
			uint32_t id, len;
		} ring[QUEUE_SIZE];
		uint16_t event;
	} used;
} queue;
static uint8_t random[8];

static void write64(uint64_t address, const volatile void *pointer)
{
	uint64_t v = (uint64_t)pointer;

	write32(address, (uint32_t)v);
	write32(address + 4, (uint32_t)(v >> 32));
}

static void bar_on(void)
{
	write16(DEVICE_CONFIG + CONFIG_COMMAND, 6); /* memory, bus master */
}

static bool device_start(void)
{
	if (read32(DEVICE_CONFIG) != RNG || (read32(DEVICE_CONFIG + 16) & ~15u) != BAR)
		return false;
	bar_on();
	write32(MSIX_TABLE, GUEST_SIGNAL_ADDRESS);
	write32(MSIX_TABLE + 4, 0);
	write32(MSIX_TABLE + 8, GUEST_VECTOR);
	write32(MSIX_TABLE + 12, 0);
	write8(DEVICE_CONFIG + CONFIG_MSIX + 3, 0x80);
	write8(BAR + STATUS, 0);
	write8(BAR + STATUS, 3);
	write32(BAR + DRIVER_SELECT, 1);
	write32(BAR + DRIVER_FEATURES, 1); /* VERSION_1 */
	write8(BAR + STATUS, 11);
	write16(BAR + QUEUE_SELECT, 0);
	write16(BAR + QUEUE_SIZE_REG, QUEUE_SIZE);
	write16(BAR + QUEUE_VECTOR, 0);
	write64(BAR + QUEUE_DESC, queue.desc);
	write64(BAR + QUEUE_DRIVER, &queue.avail);
	write64(BAR + QUEUE_DEVICE, &queue.used);
	write16(BAR + QUEUE_ENABLE, 1);
	write8(BAR + STATUS, 15);
	queue.desc[0].address = (uint64_t)random;
	queue.desc[0].len = sizeof(random);
	queue.desc[0].flags = 2; /* device-writable */
	return true;
}

static uint64_t device(void)
{
	uint16_t idx = queue.avail.idx;
	uint64_t begin = clock();

	queue.avail.ring[idx % QUEUE_SIZE] = 0;
	__asm__ volatile("" : : : "memory"); /* x86 keeps the order of stores */
	queue.avail.idx = (uint16_t)(idx + 1);
	write16(GUEST_DOORBELL, 0);
	while (queue.used.idx == idx)
		halt();
	return interrupt_at - begin;
}

/* Whoever wakes it measures. */
static void be_woken(void)
{
	while (!parameters.enough)
		halt();
}

/* ---- before and after ---- */

static void set_vector(unsigned vector, const char *handler)
{
	uint64_t at = (uint64_t)handler;

	idt[2 * vector] =
		(at & 0xffff) | 8ull << 16 | 0x8eull << 40 | (at >> 16 & 0xffff) << 48;
	idt[2 * vector + 1] = at >> 32;
}

static void wait_for_icr(void)
{
	while (read32(APIC + APIC_ICR) & ICR_PENDING)
		pause();
}

static volatile bool second_runs;

static void start_second(void)
{
	for (const char *p = trampoline; p < trampoline_end; p++)
		*((volatile char *)TRAMPOLINE + (p - trampoline)) = *p;
	write32(APIC + APIC_ICR_HIGH, 1u << 24);
	write32(APIC + APIC_ICR, ICR_INIT);
	wait_for_icr();
	write32(APIC + APIC_ICR, ICR_START_UP | TRAMPOLINE >> 12);
	wait_for_icr();
	while (!second_runs)
		pause();
}

void second_processor(void)
{
	write32(APIC + APIC_SPURIOUS, 0x1ff);
	second_runs = true;
	for (;;) {
		interrupts_on();
		pause();
	}
}

/* Edge-triggered, to vCPU 0; and not by the 8259 besides, which a PC starts with. */
static void route_serial(void)
{
	out8(GUEST_PIC, 0xff);
	out8(GUEST_PIC_2, 0xff);
	write32(GUEST_IOAPIC, 0x10 + 2 * GUEST_SERIAL_IRQ + 1);
	write32(GUEST_IOAPIC + 16, 0);
	write32(GUEST_IOAPIC, 0x10 + 2 * GUEST_SERIAL_IRQ);
	write32(GUEST_IOAPIC + 16, GUEST_VECTOR);
}

/* In ring 0, before anything else: what the operation needs. */
void prepare(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	amd = c == 0x444d4163 || c == 0x656e6975; /* Authentic"AMD", HygonGen"uine" */
	if (parameters.operation == OP_MMIO_WRITE && parameters.address == GUEST_DOORBELL)
		bar_on();
	if (parameters.operation == OP_MSR_WRITE)
		(void)msr_read();
	if (parameters.operation < OP_INJECT)
		return;
	set_vector(GUEST_VECTOR, interrupt);
	write32(APIC + APIC_SPURIOUS, 0x1ff);
	if (parameters.operation == OP_INJECT)
		route_serial();
	if (parameters.operation == OP_IPI)
		start_second();
	if (parameters.operation == OP_DEVICE)
		report.failed = !device_start();
}

static void send(const void *bytes, uint64_t len)
{
	const char *p = bytes;

	while (len > 0) {
		uint64_t n = len < GUEST_SERIAL_FIFO ? len : GUEST_SERIAL_FIFO;

		len -= n;
		while ((in8(GUEST_SERIAL_STATUS) & GUEST_SERIAL_EMPTY) == 0)
			pause();
		__asm__ volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(GUEST_SERIAL) : "memory");
	}
}

static uint64_t perform(void)
{
	switch (parameters.operation) {
	case OP_PORT_WRITE:
		return port_write();
	case OP_PORT_READ:
		return port_read();
	case OP_MMIO_WRITE:
		return mmio_write();
	case OP_MMIO_READ:
		return mmio_read();
	case OP_HYPERCALL:
		return hypercall();
	case OP_CPUID:
		return cpuid();
	case OP_MSR_READ:
		return msr_read();
	case OP_MSR_WRITE:
		return msr_write();
	case OP_TOUCH:
		return touch();
	case OP_INJECT:
		return inject();
	case OP_SELF_IPI:
		return self_ipi();
	case OP_EOI:
		return end_of_interrupt();
	case OP_IPI:
		return ipi();
	case OP_DOORBELL:
		return doorbell();
	case OP_DEVICE:
		return device();
	default:
		return nothing();
	}
}

/* The least that two looks at the clock are apart. */
static uint32_t clock_overhead(void)
{
	uint64_t least = UINT32_MAX;

	for (unsigned i = 0; i < 200; i++) {
		uint64_t cycles = nothing();

		if (cycles < least)
			least = cycles;
	}
	return (uint32_t)least;
}

void microguest(void)
{
	uint32_t *sample = (uint32_t *)GUEST_SAMPLES;
	uint32_t all = parameters.warm_up + parameters.samples;

	report.magic = GUEST_MAGIC;
	report.overhead = clock_overhead();
	if (parameters.operation == OP_HALT) {
		be_woken();
		all = 0;
	}
	if (report.failed)
		all = 0;
	for (sample_index = 0; sample_index < all; sample_index++) {
		uint64_t cycles = perform();

		report.performed++;
		if (sample_index < parameters.warm_up)
			continue;
		cycles = cycles > report.overhead ? cycles - report.overhead : 0;
		if (cycles > UINT32_MAX)
			cycles = UINT32_MAX;
		sample[report.count++] = (uint32_t)cycles;
		report.sum += (uint32_t)cycles;
	}
	send(&report, sizeof(report));
	send(sample, 4ull * report.count);
	out8(GUEST_POWER, GUEST_POWER_OFF);
	for (;;)
		pause();
}
