// SPDX-License-Identifier: ISC
/*
 * A kernel module of the attacker's in an unmodified Linux: whatever ring 0 of a guest can reach is written
 * to, and it says on the console which attack is over. What came of it is seen outside: at the modem, on the
 * display, in the audit log, in what `zwinger ps` says. It ends with the guest's own devices in ruins.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <asm/msr.h>

enum { CONSOLE = 0x3f8, MODEM = 0x2f8, ORDERS = 0x3e8 };
enum { THR, IER, FCR, LCR, MCR, LSR }; /* a 16550's registers */

static void made(const char *attack)
{
	pr_emerg("made: %s\n", attack);
}

static void put(int port, char c)
{
	for (int i = 0; i < 100000 && (inb(port + LSR) & 0x20) == 0; i++)
		cpu_relax();
	outb(c, port + THR);
}

static void say(int port, const char *text)
{
	while (*text != '\0')
		put(port, *text++);
}

static void wires(int port, bool on)
{
	outb(on ? 3 : 0, port + MCR); /* DTR and RTS */
	msleep(20);
}

/* Around the driver, on the bare port. */
static void dial(void)
{
	static const char *const lines[] = {
		"ATD*21*0900123456#;\r",
		"ATD0900,1;\r",
		"ATD030123;D0900;\r",
		"ATD030\b\b\b0900;\r",
		"ATD0900123456\n;\r",
		"ATD0900\x1b[2J123456;\r",
		"ATD>\"0900\";\r",
		"ATD+490900123456W#;\r",
		"AT+CUSD=1,\"*100#\",15\r",
		"AT+VTS=1\r",
		"AT+CMUX=0\r",
		"A/\r",
		"+++ATD0900123456;\r",
		"ATD\xef\xbc\x90\xef\xbc\x99"
		"00123456;\r",
	};

	wires(MODEM, true);
	for (int i = 0; i < ARRAY_SIZE(lines); i++) {
		say(MODEM, lines[i]);
		msleep(5);
	}
	for (int c = 0; c < 256; c++)
		put(MODEM, (char)c);
	for (int i = 0; i < 20000; i++)
		put(MODEM, 'A');
	put(MODEM, '\r');
	made("attack_D5 attack_D17 attack_P1 lines to be refused");
}

/* A question that comes and goes: whoever types on must not answer one by it. */
static void ask_again(void)
{
	for (int i = 0; i < 10; i++) {
		wires(MODEM, true);
		say(MODEM, "ATD0900123456;\r");
		msleep(100);
		wires(MODEM, false);
	}
	made("attack_I10 attack_I14 attack_S13 questions that are taken back");
}

static void post(void)
{
	wires(ORDERS, true);
	say(ORDERS,
	    "POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");
	for (int i = 0; i < 20000; i++)
		put(ORDERS, (char)get_random_u32());
	wires(ORDERS, false);
	wires(ORDERS, true);
	say(ORDERS, "GET /../../store HTTP/1.1\r\n\r\n");
	wires(ORDERS, false);
	made("attack_P8 attack_P9 requests that are none");
}

static void registers(void)
{
	static const int ports[] = { CONSOLE, MODEM, ORDERS };

	for (int i = 0; i < ARRAY_SIZE(ports); i++) {
		unsigned long flags;

		local_irq_save(flags);
		for (int n = 0; n < 2000; n++) {
			outb((u8)get_random_u32(), ports[i] + (int)(get_random_u32() % 8));
			inb(ports[i] + (int)(get_random_u32() % 8));
		}
		outb(3, ports[i] + LCR);
		outb(0, ports[i] + MCR);
		outb(7, ports[i] + FCR);
		outb(0, ports[i] + IER);
		local_irq_restore(flags);
	}
	outb(11, CONSOLE + MCR);
	outb(5, CONSOLE + IER);
	/* What the noise has asked for is taken back. */
	wires(MODEM, true);
	say(MODEM, "\rAT\r");
	wires(MODEM, false);
	wires(ORDERS, false);
	made("attack_C11 attack_P5 registers of the serial ports in any order");
}

/* Keys and pictures where a PC has them. */
static void paint(void)
{
	static const char text[] = "[ZWINGER] keyboard: ZWINGER, asked by dialler";
	u8 __iomem *screen = ioremap(0xa0000, 0x20000);

	for (int i = 0; screen != NULL && i < 25 * 80; i++)
		writew(0x0f00 | text[i % (sizeof(text) - 1)], screen + 0x18000 + 2 * i);
	if (screen != NULL)
		iounmap(screen);
	for (int i = 0; i < 200; i++) {
		outb(0xd2, 0x64); /* "as if typed" */
		outb((u8)i, 0x60);
	}
	made("attack_I5 attack_S1 keys and a screen of a PC");
}

static bool reset_or_clock(int port)
{
	return port == 0x64 || port == 0xcf9 || port == 0x92 ||
	       (port >= 0x600 && port < 0x610) || port == 0x70 || port == 0x71 ||
	       (port >= 0x20 && port < 0x22) || (port >= 0xa0 && port < 0xa2) ||
	       (port >= 0x40 && port < 0x44) || port == 0x61 || (port & ~7) == CONSOLE ||
	       (port & ~7) == MODEM || (port & ~7) == ORDERS;
}

static void ports(void)
{
	for (int port = 0; port < 0xfffc; port++) {
		if (reset_or_clock(port))
			continue;
		switch (get_random_u32() % 6) {
		case 0:
			outb((u8)get_random_u32(), port);
			break;
		case 1:
			outw((u16)get_random_u32(), port);
			break;
		case 2:
			outl(get_random_u32(), port);
			break;
		case 3:
			inb(port);
			break;
		case 4:
			inw(port);
			break;
		default:
			inl(port);
			break;
		}
	}
	made("attack_C22 every port");
}

static void model_specific(void)
{
	static const u32 first[] = { 0, 0x400, 0x800, 0xc0000200, 0xc0010000, 0x4b564d05 };

	for (int i = 0; i < ARRAY_SIZE(first); i++)
		for (u32 msr = first[i]; msr < first[i] + 0x100; msr++) {
			u64 old;

			/* Not what this processor itself stands on: its APIC, its system calls, its clock. */
			if (msr == 0x10 || msr == 0x11 || msr == 0x12 || msr == 0x1b ||
			    (msr >> 8) == 8)
				continue;
			if (rdmsrl_safe(msr, &old) == 0) {
				wrmsrl_safe(msr, get_random_u64());
				wrmsrl_safe(msr, old);
			}
		}
	for (unsigned int call = 0; call < 64; call++)
		kvm_hypercall4(call, get_random_u32(), get_random_u32(), get_random_u32(),
			       get_random_u32());
	made("attack_O2 attack_P2 model-specific registers and hypercalls");
}

/* Guest-physical addresses with nothing behind them. */
static void holes(void)
{
	for (int i = 0; i < 400; i++) {
		u64 at = i % 2 == 0 ? 0xc0000000u + get_random_u32() % 0x3ec00000u
				    : 0x100000000u + get_random_u64() % 0xf00000000u;
		u32 __iomem *page = ioremap(at & ~0xfffull, 0x1000);

		if (page == NULL)
			continue;
		if (i % 2 == 1) /* below 4 GiB are devices: they come last */
			writel(get_random_u32(), page);
		readl(page + 1);
		iounmap(page);
	}
	made("attack_C4 attack_C21 memory that is not there");
}

/* The end of every device: queues anywhere, BARs anywhere, all registers in any order. */
static void devices(void)
{
	struct pci_dev *d = NULL;

	for_each_pci_dev(d)
	{
		for (int bar = 0; bar < 6; bar++) {
			resource_size_t size =
				min_t(resource_size_t, pci_resource_len(d, bar), 0x10000);
			u8 __iomem *registers;

			if (size < 4 || (pci_resource_flags(d, bar) & IORESOURCE_MEM) == 0)
				continue;
			registers = ioremap(pci_resource_start(d, bar), size);
			if (registers == NULL)
				continue;
			for (int n = 0; n < 2000; n++) {
				u8 __iomem *at =
					registers + (get_random_u32() % (u32)size & ~3u);

				switch (get_random_u32() % 4) {
				case 0:
					writeb((u8)get_random_u32(), at);
					break;
				case 1:
					writew((u16)get_random_u32(), at);
					break;
				case 2:
					writel(get_random_u32(), at);
					break;
				default:
					readl(at);
					break;
				}
			}
			iounmap(registers);
		}
		for (int n = 0; n < 300; n++)
			pci_write_config_dword(d, get_random_u32() % 0x100 & ~3u,
					       get_random_u32());
	}
	made("attack_C3 attack_C5 attack_C6 attack_O3 every device of the PCI bus");
}

static void flood(void)
{
	wires(MODEM, true);
	for (int i = 0; i < 50000; i++)
		outb("ATDT 0900"[i % 9], MODEM + THR);
	put(MODEM, '\r');
	wires(MODEM, false);
	made("attack_C10 attack_O1 a port that never rests");
}

static int __init attack(void)
{
	dial();
	ask_again();
	post();
	registers();
	paint();
	ports();
	model_specific();
	holes();
	flood();
	devices();
	pr_emerg("all attacks are over\n");
	return 0;
}

module_init(attack);
MODULE_DESCRIPTION("what a guest's kernel can try");
MODULE_LICENSE("Dual MIT/GPL"); /* the kernel has no name for ISC */
