/* SPDX-License-Identifier: ISC */
/*
 * A Multiboot image that uses the interfaces of kvm-unit-tests the way these do: 32-bit entry, the
 * boot information, COM1, fw_cfg, a second processor by INIT and SIPI, an exit by port 0xf4. It
 * prints what any loader of Multiboot 0.6.96 has to give it, so that two can be compared.
 */
#include <stdint.h>

#define TEXT(x) #x
#define WORD(x) TEXT(x)
#ifndef FLAGS
#define FLAGS 0
#endif

__asm__(".section .header, \"a\"\n"
	".long 0x1badb002, " WORD(FLAGS) ", -(0x1badb002 + " WORD(
		FLAGS) ")\n"
		       ".section .text\n"
		       ".globl _start\n"
		       "_start: mov $stack + 16384, %esp\n"
		       "push %ebx\n"
		       "push %eax\n"
		       "call main\n"
		       "1: hlt; jmp 1b\n"
		       ".bss\n"
		       ".comm stack, 16384, 16\n"
		       ".section .rodata\n"
		       /* What a started processor does: says so, in real mode; ds is 0. */
		       ".globl begin, end\n"
		       "begin: .code16\n"
		       "xor %ax, %ax\n"
		       "mov %ax, %ds\n"
		       "lock incw 0x800\n"
		       "2: hlt; jmp 2b\n"
		       "end: .code32\n");

extern const uint8_t begin[], end[];

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4], mmap_length, mmap_addr;
};

static void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void text(const char *s)
{
	for (; *s != '\0'; s++) {
		while ((in8(0x3fd) & 0x20) == 0)
			;
		out8(0x3f8, (uint8_t)*s);
	}
}

static void number(const char *name, uint32_t v)
{
	char digits[9] = "";

	for (unsigned i = 0; i < 8; i++)
		digits[i] = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
	text(name);
	text(digits);
	text("\n");
}

static uint32_t fw_cfg(uint16_t key, unsigned bytes)
{
	uint32_t v = 0;

	__asm__ volatile("outw %0, %1" : : "a"(key), "Nd"((uint16_t)0x510));
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)in8(0x511) << (8 * i);
	return v;
}

/* As kvm-unit-tests do: the code at address 0, INIT and start-up to all others. */
static uint32_t start_others(uint32_t cpus)
{
	volatile uint32_t *apic = (volatile uint32_t *)0xfee00000;
	volatile uint16_t *started = (volatile uint16_t *)0x800;
	volatile uint8_t *low = (volatile uint8_t *)0;

	__asm__("" : "+r"(low), "+r"(started)); /* address 0 is memory here */
	*started = 0;
	for (const uint8_t *at = begin; at < end; at++)
		low[at - begin] = *at;
	apic[0xf0 / 4] = 0x1ff;
	apic[0x300 / 4] = 0xc4500;
	apic[0x300 / 4] = 0xc4600;
	while (*started + 1u < cpus)
		__asm__ volatile("pause");
	return *started + 1u;
}

static uint32_t config(uint32_t address, uint32_t reg)
{
	uint32_t v;

	__asm__ volatile("outl %0, %1"
			 :
			 : "a"(0x80000000 | address | reg), "Nd"((uint16_t)0xcf8));
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"((uint16_t)0xcfc));
	return v;
}

static uint8_t get(uint32_t bar, uint32_t offset)
{
	volatile uint8_t *at = (volatile uint8_t *)((bar & ~15u) + offset);

	return (bar & 1) != 0 ? in8((uint16_t)((bar & ~3u) + offset)) : *at;
}

static void set(uint32_t bar, uint32_t offset, uint8_t v)
{
	volatile uint8_t *at = (volatile uint8_t *)((bar & ~15u) + offset);

	if ((bar & 1) != 0)
		out8((uint16_t)((bar & ~3u) + offset), v);
	else
		*at = v;
}

static uint32_t word(uint32_t bar, uint32_t offset)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v |= (uint32_t)get(bar, offset + i) << 8 * i;
	return v;
}

/* QEMU, docs/specs/pci-testdev.rst: tests are counted up until one is not there. */
static void test_bar(const char *name, uint32_t bar)
{
	number(name, bar & 1);
	for (uint8_t test = 0; test < 16; test++) {
		set(bar, 0, test);
		if (get(bar, 1) != 1)
			break;
		for (uint32_t at = 16; get(bar, at) != 0; at++)
			text((const char[]){ (char)get(bar, at), '\0' });
		for (unsigned i = 0; i < 3; i++)
			set(bar, word(bar, 4), (uint8_t)word(bar, 8));
		set(bar, word(bar, 4), 0x55);
		number(": offset ", word(bar, 4));
		number("data ", word(bar, 8));
		/* For debugging, says the specification; QEMU counts no events. */
		if (test == 0)
			number("counted ", word(bar, 12));
	}
}

/* As kvm-unit-tests' library reads a half of a register: by low bits of the address, at 0xcfc alone. */
static uint16_t half(uint32_t address, uint32_t reg)
{
	uint16_t v;

	config(address, reg);
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"((uint16_t)0xcfc));
	return v;
}

static void test_device(void)
{
	uint32_t slot = 0;

	while (slot < 32 && config(slot << 11, 0) != 0x00051b36)
		slot++;
	number("no test device ", slot == 32);
	if (slot == 32)
		return;
	number("by halves ", half(slot << 11, 0) | (uint32_t)half(slot << 11, 2) << 16);
	test_bar("memory ", config(slot << 11, 0x10));
	test_bar("ports ", config(slot << 11, 0x14));
}

/* A table of ACPI 1.0: from the RSDP by way of the RSDT. */
static const uint32_t *table(uint32_t signature)
{
	const uint32_t *p = (const uint32_t *)0xe0000, *rsdt;

	while (p < (const uint32_t *)0x100000 && (p[0] != 0x20445352 || p[1] != 0x20525450))
		p += 4;
	rsdt = (const uint32_t *)p[4];
	for (uint32_t at = 9; rsdt != 0 && at < rsdt[1] / 4; at++)
		if (*(const uint32_t *)rsdt[at] == signature)
			return (const uint32_t *)rsdt[at];
	return 0;
}

static uint32_t sum(const uint32_t *t)
{
	uint32_t s = 0;

	for (uint32_t i = 0; i < t[1]; i++)
		s += ((const uint8_t *)t)[i];
	return s & 255;
}

static void timer(void)
{
	const uint32_t *fadt = table(0x50434146);
	uint32_t first, next;

	number("FADT ", fadt != 0);
	if (fadt == 0)
		return;
	number("sum ", sum(fadt));
	number("timer at ", fadt[19]);
	__asm__ volatile("inl %w1, %0" : "=a"(first) : "Nd"(fadt[19]));
	do
		__asm__ volatile("inl %w1, %0" : "=a"(next) : "Nd"(fadt[19]));
	while (next == first);
	number("counts, in 24 bits, ", (first | next) >> 24);
}

/* Pin 14 by pc-testdev's port: an interrupt that waits at the local APIC, interrupts being off. */
static void line(void)
{
	volatile uint32_t *apic = (volatile uint32_t *)0xfee00000;
	volatile uint32_t *ioapic = (volatile uint32_t *)0xfec00000;

	apic[0xf0 / 4] = 0x1ff;
	ioapic[0] = 0x10 + 2 * 14 + 1;
	ioapic[4] = 0;
	ioapic[0] = 0x10 + 2 * 14;
	ioapic[4] = 0x61;
	number("waits before ", apic[0x230 / 4]);
	out8(0x2000 + 14, 1);
	out8(0x2000 + 14, 0);
	number("waits after ", apic[0x230 / 4]);
	ioapic[4] = 0x10061;
}

void main(uint32_t magic, const struct info *info);
void main(uint32_t magic, const struct info *info)
{
	const uint32_t *module = (const uint32_t *)info->mods_addr;
	const char *arguments = (const char *)info->cmdline;
	uint32_t cr0, flags, cs, ranges = 0, code = 0;

	out8(0x3fb, 3);
	out8(0x3fa, 0);
	__asm__ volatile("mov %%cr0, %0; pushf; pop %1; mov %%cs, %2"
			 : "=r"(cr0), "=r"(flags), "=r"(cs));
	number("magic ", magic);
	number("paging and protection ", cr0 & 0x80000001);
	number("virtual 8086, interrupts ", flags & 0x20200);
	number("information ", info->flags & 0x4d);
	number("MiB, but for what a BIOS keeps ", (info->mem_upper + 2047) >> 10);
	for (uint32_t at = 0; at < info->mmap_length;) {
		const uint32_t *range = (const uint32_t *)(info->mmap_addr + at);

		if (range[5] == 1 && range[1] == 0x100000 && range[2] == 0)
			ranges++;
		at += range[0] + 4;
	}
	number("ranges of RAM from 1 MiB ", ranges);
	number("modules ", info->mods_count);
	if (info->mods_count != 0) {
		number("on a page ", module[0] & 0xfff);
		for (const char *at = (const char *)module[0]; at < (const char *)module[1];
		     at++)
			text((const char[]){ *at, '\0' });
	}
	while (*arguments != ' ' && *arguments != '\0')
		arguments++;
	text("arguments:");
	text(arguments);
	text("\n");
	while (*arguments != '\0')
		if (*arguments++ >= '0' && arguments[-1] <= '9')
			code = code * 10 + (uint32_t)(arguments[-1] - '0');
	number("fw_cfg ", fw_cfg(0, 4));
	number("processors ", fw_cfg(5, 2));
	number("memory ", fw_cfg(3, 4));
	test_device();
	timer();
	line();
	/* The page is taken away from under the program, which goes on. */
	__asm__ volatile("outl %0, %1" : : "a"(main), "Nd"((uint16_t)0xe4));
	number("started ", start_others(fw_cfg(5, 2)));
	__asm__ volatile("outl %0, %1" : : "a"(code), "Nd"((uint16_t)0xf4));
	text("nothing has ended\n");
}
