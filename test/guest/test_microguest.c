/* SPDX-License-Identifier: ISC */
/*
 * Guests of a few bytes on the host's real KVM: one row, one fact about vcpu.c, machine.c and
 * the devices together. Each runs in a process of its own. Exits with 77 without /dev/kvm.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "machine.h"
#include "tiny_image.h"

#define CODE	   0x8000u /* real and protected mode; data stands 0x100 behind */
#define DATA	   0x100u
#define STACK	   0x7000u
#define TIMEOUT_MS 10000

#define NO_END	    99 /* the guest neither ended nor stalled */
#define EXIT_SKIP   77
#define PROBE_PORT  0x5000u
#define PROBE_MMIO  0xfed00000u /* outside of ECAM and BARs, pci.h */
#define PROBE_SIZE  8
#define PROBE_VALUE 0x8877665544332211ull

/* vcpu_set_entry()'s state, protected mode with flat segments, real mode with segments at 0. */
enum mode { LONG, PROTECTED, REAL };

#define OFF_16                                                                                 \
	"\xb0\x34"     /* mov $0x34,%al */                                                     \
	"\xba\x00\x06" /* mov $0x600,%dx */                                                    \
	"\xee"	       /* out %al,(%dx) */                                                     \
	"\xf4"	       /* hlt */
#define OFF                                                                                    \
	"\xb0\x34"	       /* mov $0x34,%al */                                             \
	"\xba\x00\x06\x00\x00" /* mov $0x600,%edx */                                           \
	"\xee"		       /* out %al,(%dx) */                                             \
	"\xf4"		       /* hlt */

#define BYTES(s) s, sizeof(s) - 1

static const struct row {
	const char *name;
	enum mode mode;
	const char *code;
	size_t len;
	int end;	    /* enum status */
	const char *seen;   /* by the probes: w or r, width, offset, what was written */
	const char *serial; /* what the guest has sent */
	const char *log;    /* a part of what was logged; "" is nothing at all */
	const char *log_too;
	char data[32];	 /* at CODE + DATA */
	bool may_differ; /* depends on the host's KVM: another end is no failure, but told */
} rows[] = {
	{ "real mode: OUT of 1, 2, 4 bytes", REAL,
	  BYTES("\xba\x00\x50"		   /* mov $0x5000,%dx */
		"\x66\xb8\x11\x22\x33\x44" /* mov $0x44332211,%eax */
		"\xee"			   /* out %al,(%dx) */
		"\xef"			   /* out %ax,(%dx) */
		"\x66\xef" OFF_16),	   /* out %eax,(%dx) */
	  STATUS_OK, "w1+0=11 w2+0=2211 w4+0=44332211 ", "", "", "", "", false },
	{ "real mode: IN of 1, 2, 4 bytes", REAL,
	  BYTES("\xba\x00\x50"	    /* mov $0x5000,%dx */
		"\xec"		    /* in (%dx),%al */
		"\xee"		    /* out %al,(%dx) */
		"\xed"		    /* in (%dx),%ax */
		"\xef"		    /* out %ax,(%dx) */
		"\x66\xed"	    /* in (%dx),%eax */
		"\x66\xef" OFF_16), /* out %eax,(%dx) */
	  STATUS_OK, "r1+0 w1+0=11 r2+0 w2+0=2211 r4+0 w4+0=44332211 ", "", "", "", "", false },
	{ "real mode: IN of a word from nobody is ones", REAL,
	  BYTES("\xba\x00\x40"	    /* mov $0x4000,%dx */
		"\x66\x31\xc0"	    /* xor %eax,%eax */
		"\xed"		    /* in (%dx),%ax */
		"\xba\x00\x50"	    /* mov $0x5000,%dx */
		"\x66\xef" OFF_16), /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=ffff ", "", "", "", "", false },
	{ "real mode: IN of a dword from nobody is ones", REAL,
	  BYTES("\xba\x00\x40"	    /* mov $0x4000,%dx */
		"\x66\x31\xc0"	    /* xor %eax,%eax */
		"\x66\xed"	    /* in (%dx),%eax */
		"\xba\x00\x50"	    /* mov $0x5000,%dx */
		"\x66\xef" OFF_16), /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=ffffffff ", "", "", "", "", false },
	{ "real mode: IN over the edge of a device is ones", REAL,
	  BYTES("\xba\x06\x50"	    /* mov $0x5006,%dx */
		"\x66\x31\xc0"	    /* xor %eax,%eax */
		"\x66\xed"	    /* in (%dx),%eax */
		"\xba\x00\x50"	    /* mov $0x5000,%dx */
		"\x66\xef" OFF_16), /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=ffffffff ", "", "", "", "", false },
	{ "real mode: REP OUTSB to a device", REAL,
	  BYTES("\xbe\x00\x81"	    /* mov $0x8100,%si */
		"\xb9\x04\x00"	    /* mov $0x4,%cx */
		"\xba\x00\x50"	    /* mov $0x5000,%dx */
		"\xf3\x6e" OFF_16), /* rep outsb (%si),(%dx) */
	  STATUS_OK, "w1+0=61 w1+0=62 w1+0=63 w1+0=64 ", "", "", "", "abcdefgh", false },
	{ "real mode: REP OUTSB to nobody", REAL,
	  BYTES("\xbe\x00\x81"	/* mov $0x8100,%si */
		"\xb9\x64\x00"	/* mov $0x64,%cx */
		"\xba\x00\x40"	/* mov $0x4000,%dx */
		"\xf3\x6e"	/* rep outsb (%si),(%dx) */
		"\xba\x00\x50"	/* mov $0x5000,%dx */
		"\x88\xc8"	/* mov %cl,%al */
		"\xee" OFF_16), /* out %al,(%dx) */
	  STATUS_OK, "w1+0=0 ", "", "", "", "", false },
	{ "real mode: REP OUTSW over the edge of a device", REAL,
	  BYTES("\xbe\x00\x81"	    /* mov $0x8100,%si */
		"\xb9\x03\x00"	    /* mov $0x3,%cx */
		"\xba\x07\x50"	    /* mov $0x5007,%dx */
		"\xf3\x6f" OFF_16), /* rep outsw (%si),(%dx) */
	  STATUS_OK, "", "", "", "", "abcdefgh", false },
	{ "real mode: REP INSB from a device", REAL,
	  BYTES("\xbf\x00\x90"	    /* mov $0x9000,%di */
		"\xb9\x03\x00"	    /* mov $0x3,%cx */
		"\xba\x00\x50"	    /* mov $0x5000,%dx */
		"\xf3\x6c"	    /* rep insb (%dx),(%di) */
		"\x66\xa1\x00\x90"  /* mov 0x9000,%eax */
		"\x66\xef" OFF_16), /* out %eax,(%dx) */
	  STATUS_OK, "r1+0 r1+0 r1+0 w4+0=111111 ", "", "", "", "", false },
	{ "real mode: a byte to the serial port", REAL,
	  BYTES("\xba\xf8\x03"	/* mov $0x3f8,%dx */
		"\xb0\x41"	/* mov $0x41,%al */
		"\xee" OFF_16), /* out %al,(%dx) */
	  STATUS_OK, "", "A", "", "", "", false },
	{ "real mode: REP OUTSB to the serial port", REAL,
	  BYTES("\xbe\x00\x81"	    /* mov $0x8100,%si */
		"\xb9\x06\x00"	    /* mov $0x6,%cx */
		"\xba\xf8\x03"	    /* mov $0x3f8,%dx */
		"\xf3\x6e" OFF_16), /* rep outsb (%si),(%dx) */
	  STATUS_OK, "", "abcdef", "", "", "abcdefgh", false },
	{ "real mode: HLT until the serial port interrupts", REAL,
	  BYTES("\x31\xc0"		   /* xor %ax,%ax */
		"\x8e\xd0"		   /* mov %ax,%ss */
		"\xbc\x00\x70"		   /* mov $0x7000,%sp */
		"\xc7\x06\x90\x00\x00\x81" /* movw $0x8100,0x90: vector 0x24 */
		"\xc7\x06\x92\x00\x00\x00" /* movw $0x0,0x92 */
		"\xb0\x11\xe6\x20"	   /* mov $0x11,%al; out %al,$0x20 */
		"\xb0\x20\xe6\x21"	   /* mov $0x20,%al; out %al,$0x21 */
		"\xb0\x04\xe6\x21"	   /* mov $0x4,%al; out %al,$0x21 */
		"\xb0\x01\xe6\x21"	   /* mov $0x1,%al; out %al,$0x21 */
		"\xb0\xef\xe6\x21"	   /* mov $0xef,%al; out %al,$0x21: IRQ 4 alone */
		"\xba\xf9\x03"		   /* mov $0x3f9,%dx */
		"\xb0\x02"		   /* mov $0x2,%al: transmitter empty */
		"\xee"			   /* out %al,(%dx) */
		"\xfb"			   /* sti */
		"\xf4"			   /* hlt */
		"\xf4"),		   /* hlt */
	  STATUS_OK, "w1+0=2 ", "", "", "",
	  "\xba\xfa\x03" /* mov $0x3fa,%dx */
	  "\xec"	 /* in (%dx),%al */
	  "\xba\x00\x50" /* mov $0x5000,%dx */
	  "\xee" OFF_16, /* out %al,(%dx) */
	  false },

	{ "power off", REAL, BYTES(OFF_16), STATUS_OK, "", "", "", "", "", false },
	{ "reset register", REAL,
	  BYTES("\xba\x02\x06" /* mov $0x602,%dx */
		"\xb0\x01"     /* mov $0x1,%al */
		"\xee"	       /* out %al,(%dx) */
		"\xf4"),       /* hlt */
	  STATUS_GUEST_RESET, "", "", "", "", "", false },
	{ "keyboard controller's reset", REAL,
	  BYTES("\xe4\x64" /* in $0x64,%al */
		"\xa8\x02" /* test $0x2,%al */
		"\x75\xfa" /* jne .-4 */
		"\xb0\xfe" /* mov $0xfe,%al */
		"\xe6\x64" /* out %al,$0x64 */
		"\xf4"),   /* hlt */
	  STATUS_GUEST_RESET, "", "", "", "", "", false },
	{ "the first end stays", REAL,
	  BYTES("\xba\x02\x06"	/* mov $0x602,%dx */
		"\xb0\x01"	/* mov $0x1,%al */
		"\xee" OFF_16), /* out %al,(%dx) */
	  STATUS_GUEST_RESET, "", "", "", "", "", false },
	{ "triple fault in protected mode", PROTECTED,
	  BYTES("\x0f\x0b"), /* ud2, without an interrupt table */
	  STATUS_GUEST_CRASHED, "", "", "", "", "", false },
	{ "triple fault in 64-bit mode", LONG, BYTES("\x0f\x0b"), /* ud2 */
	  STATUS_GUEST_CRASHED, "", "", "", "", "", false },

	{ "protected mode: OUT of 1, 2, 4 bytes", PROTECTED,
	  BYTES("\xba\x00\x50\x00\x00" /* mov $0x5000,%edx */
		"\xb8\x11\x22\x33\x44" /* mov $0x44332211,%eax */
		"\xee"		       /* out %al,(%dx) */
		"\x66\xef"	       /* out %ax,(%dx) */
		"\xef" OFF),	       /* out %eax,(%dx) */
	  STATUS_OK, "w1+0=11 w2+0=2211 w4+0=44332211 ", "", "", "", "", false },
	{ "protected mode: ECAM read, written to in vain, and read", PROTECTED,
	  BYTES("\xba\x00\x50\x00\x00"			   /* mov $0x5000,%edx */
		"\xa1\x00\x00\x00\xc0"			   /* mov 0xc0000000,%eax */
		"\xef"					   /* out %eax,(%dx) */
		"\xc6\x05\x00\x00\x00\xc0\x55"		   /* movb $0x55,0xc0000000 */
		"\x66\xc7\x05\x00\x00\x00\xc0\x55\x55"	   /* movw $0x5555,0xc0000000 */
		"\xc7\x05\x00\x00\x00\xc0\x55\x55\x55\x55" /* movl $0x55555555,0xc0000000 */
		"\x0f\xb7\x05\x0a\x00\x00\xc0"		   /* movzwl 0xc000000a,%eax */
		"\xef"					   /* out %eax,(%dx) */
		"\x0f\xb6\x05\x01\x00\x00\xc0"		   /* movzbl 0xc0000001,%eax */
		"\xef"					   /* out %eax,(%dx) */
		"\xa1\x00\x80\x00\xc0"			   /* mov 0xc0008000,%eax */
		"\xef" OFF),				   /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=81b36 w4+0=600 w4+0=1b w4+0=ffffffff ", "", "", "", "", false },

	{ "64-bit mode: paging is on, RSI is the zero page", LONG,
	  BYTES("\x0f\x20\xc0"		   /* mov %cr0,%rax */
		"\xc1\xe8\x1f"		   /* shr $0x1f,%eax */
		"\xba\x00\x50\x00\x00"	   /* mov $0x5000,%edx */
		"\xef"			   /* out %eax,(%dx) */
		"\x8b\x86\x02\x02\x00\x00" /* mov 0x202(%rsi),%eax: "HdrS" */
		"\xef" OFF),		   /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=1 w4+0=53726448 ", "", "", "", "", false },
	{ "64-bit mode: OUT and IN", LONG,
	  BYTES("\xba\x00\x50\x00\x00" /* mov $0x5000,%edx */
		"\xb8\x11\x22\x33\x44" /* mov $0x44332211,%eax */
		"\xee"		       /* out %al,(%dx) */
		"\x66\xef"	       /* out %ax,(%dx) */
		"\xef"		       /* out %eax,(%dx) */
		"\xed"		       /* in (%dx),%eax */
		"\xef" OFF),	       /* out %eax,(%dx) */
	  STATUS_OK, "w1+0=11 w2+0=2211 w4+0=44332211 r4+0 w4+0=44332211 ", "", "", "", "",
	  false },
	{ "64-bit mode: a byte to the serial port", LONG,
	  BYTES("\xba\xf8\x03\x00\x00" /* mov $0x3f8,%edx */
		"\xb0\x41"	       /* mov $0x41,%al */
		"\xee" OFF),	       /* out %al,(%dx) */
	  STATUS_OK, "", "A", "", "", "", false },
	{ "64-bit mode: ECAM by 8, 1, 2 and 4 bytes", LONG,
	  BYTES("\xba\x00\x50\x00\x00"	   /* mov $0x5000,%edx */
		"\xbb\x00\x00\x00\xc0"	   /* mov $0xc0000000,%ebx */
		"\x48\x8b\x03"		   /* mov (%rbx),%rax */
		"\xef"			   /* out %eax,(%dx) */
		"\x48\x89\x0b"		   /* mov %rcx,(%rbx) */
		"\x88\x0b"		   /* mov %cl,(%rbx) */
		"\x8a\x03"		   /* mov (%rbx),%al */
		"\xee"			   /* out %al,(%dx) */
		"\x66\x8b\x43\x02"	   /* mov 0x2(%rbx),%ax */
		"\x66\xef"		   /* out %ax,(%dx) */
		"\x8b\x83\x00\x01\x00\x00" /* mov 0x100(%rbx),%eax */
		"\xef" OFF),		   /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=81b36 w1+0=36 w2+0=8 w4+0=0 ", "", "", "", "", false },
	{ "64-bit mode: MMIO of 1, 2, 4, 8 bytes", LONG,
	  BYTES("\xbb\x00\x00\xd0\xfe" /* mov $0xfed00000,%ebx */
		"\x48\x8b\x03"	       /* mov (%rbx),%rax */
		"\x88\x43\x07"	       /* mov %al,0x7(%rbx) */
		"\x66\x89\x43\x02"     /* mov %ax,0x2(%rbx) */
		"\x89\x43\x04"	       /* mov %eax,0x4(%rbx) */
		"\x48\x89\x03" OFF),   /* mov %rax,(%rbx) */
	  STATUS_OK, "r8+0 w1+7=11 w2+2=2211 w4+4=44332211 w8+0=8877665544332211 ", "", "", "",
	  "", false },
	{ "64-bit mode: MMIO over the edge of a device", LONG,
	  BYTES("\xbb\x04\x00\xd0\xfe" /* mov $0xfed00004,%ebx */
		"\x48\x89\x03"	       /* mov %rax,(%rbx) */
		"\x48\x8b\x03"	       /* mov (%rbx),%rax */
		"\xba\x00\x50\x00\x00" /* mov $0x5000,%edx */
		"\xef" OFF),	       /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=ffffffff ", "", "", "", "", false },
	{ "64-bit mode: memory that nobody has", LONG,
	  BYTES("\xbb\x00\x00\xd1\xfe" /* mov $0xfed10000,%ebx */
		"\x48\x8b\x03"	       /* mov (%rbx),%rax */
		"\xba\x00\x50\x00\x00" /* mov $0x5000,%edx */
		"\xef" OFF),	       /* out %eax,(%dx) */
	  STATUS_OK, "w4+0=ffffffff ", "", "", "", "", false },

	{ "running where there is no memory", LONG,
	  BYTES("\xb8\x00\x00\xd1\xfe" /* mov $0xfed10000,%eax */
		"\xff\xe0"),	       /* jmp *%rax */
	  STATUS_INTERNAL_ERROR, "", "", "KVM cannot emulate an instruction",
	  "RIP 0xfed10000, ring 0, 64-bit mode, instruction bytes: none readable", "", true },
	{ "PVM host: INT3 of a kernel", LONG, BYTES("\xcc\x90\x90\x90"), /* int3; nop... */
	  STATUS_INTERNAL_ERROR, "", "", "KVM cannot emulate an instruction",
	  "RIP 0x1000000, ring 0, 64-bit mode, instruction bytes: cc 90 90 90 ", "", true },
	{ "PVM host: XSAVE of a kernel", LONG,
	  BYTES("\xbc\x00\x70\x00\x00" /* mov $0x7000,%esp */
		"\x0f\xae\x24\x24"),   /* xsave (%rsp) */
	  STATUS_INTERNAL_ERROR, "", "", "KVM cannot emulate an instruction",
	  "RIP 0x1000005, ring 0, 64-bit mode, instruction bytes: 0f ae 24 24 ", "", true },
};

/* What a row's process hands back, in memory shared with it. */
struct result {
	bool done;
	int end;
	char seen[512];
	char serial[64];
};

static struct result *result;
static struct machine machine;

/* On the vCPU's thread; the test looks when the machine has stopped. */
static void probe(void *dev, const struct bus_access *a)
{
	size_t n = strlen(result->seen);

	(void)dev;
	if (!a->write)
		bus_answer(a, PROBE_VALUE);
	snprintf(result->seen + n, sizeof(result->seen) - n,
		 a->write ? "w%u+%u=%llx " : "r%u+%u ", (unsigned)a->len, (unsigned)a->offset,
		 (unsigned long long)bus_value(a));
}

static bool enter_low(const struct row *r)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
	struct kvm_segment flat = { .limit = 0xffffffff,
				    .selector = 8,
				    .type = 0xb,
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1 };
	struct kvm_sregs s;
	int fd = machine.vcpu[0].fd;

	if (!gmem_write(&machine.ram.mem, gpa(CODE), r->code, r->len) ||
	    !gmem_write(&machine.ram.mem, gpa(CODE + DATA), r->data, sizeof(r->data)) ||
	    ioctl(fd, KVM_GET_SREGS, &s) < 0)
		return false;
	s.cs.base = 0;
	s.cs.selector = 0;
	if (r->mode == PROTECTED) {
		s.cs = flat;
		flat.selector = 16;
		flat.type = 3;
		s.ds = s.es = s.fs = s.gs = s.ss = flat;
		s.cr0 |= 1;
		s.idt = (struct kvm_dtable){ .limit = 0 };
	}
	return ioctl(fd, KVM_SET_SREGS, &s) == 0 && ioctl(fd, KVM_SET_REGS, &regs) == 0;
}

static bool enter_long(const struct row *r)
{
	static struct tiny_image image;
	struct kernel_source src = { .initrd_fd = -1, .cmdline = "", .cpu_count = 1 };
	struct kernel_entry entry;

	tiny_elf(&image, r->code, r->len);
	src.kernel_fd = memfd_create("kernel", MFD_CLOEXEC);
	return src.kernel_fd >= 0 &&
	       write(src.kernel_fd, image.bytes, image.size) == (ssize_t)image.size &&
	       kernel_load(&machine.ram, &src, &entry) == STATUS_OK &&
	       vcpu_set_entry(&machine.vcpu[0], &entry) == STATUS_OK;
}

/* What the guest does is of interest here, not what its threads may. */
static void unconfined(void)
{
}

/* In a process of its own, which ends with the guest in it. */
static void run(const struct row *r, int kvm_fd)
{
	struct vm_config config = { .version = VM_CONFIG_VERSION,
				    .cpu_count = 1,
				    .memory_size = VM_MEMORY_MIN };
	struct pollfd p = { .events = POLLIN };

	log_init("microguest");
	if (machine_start(&machine, config.cpu_count, unconfined) != STATUS_OK ||
	    machine_init(&machine, kvm_fd, &config) != STATUS_OK ||
	    !(r->mode == LONG ? enter_long(r) : enter_low(r)))
		return;
	bus_claim(&machine.ports, PROBE_PORT, PROBE_SIZE, probe, NULL);
	bus_claim(&machine.mmio, PROBE_MMIO, PROBE_SIZE, probe, NULL);
	machine_release(&machine);
	p.fd = machine.stop_fd;
	result->end =
		poll(&p, 1, TIMEOUT_MS) == 1 ? (int)machine_stop_reason(&machine) : NO_END;
	serial_transmit(&machine.serial, (uint8_t *)result->serial, sizeof(result->serial) - 1);
	result->done = true;
}

static bool passed(const struct row *r, int kvm_fd)
{
	static char said[4096];
	int log[2], status = 0;
	ssize_t n;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	if (pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0) {
		dup2(log[1], STDERR_FILENO);
		run(r, kvm_fd);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	n = read(log[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(log[0]);
	close(log[1]);

	if (status == 0 && result->done && result->end == r->end &&
	    strcmp(result->seen, r->seen) == 0 && strcmp(result->serial, r->serial) == 0 &&
	    strstr(said, r->log) != NULL && strstr(said, r->log_too) != NULL &&
	    (r->log[0] != '\0' || said[0] == '\0')) {
		printf("ok: %s\n", r->name);
		return true;
	}
	if (r->may_differ && status == 0 && result->done && result->end != r->end) {
		printf("skipped: %s: on this host the guest ended with %d, not %d\n", r->name,
		       result->end, r->end);
		return true;
	}
	printf("FAILED: %s: wait status 0x%x, end %d, not %d\n  seen: %s\n  serial: %s\n  log: %s\n",
	       r->name, (unsigned)status, result->end, r->end, result->seen, result->serial,
	       said);
	return false;
}

int main(void)
{
	int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	unsigned failed = 0;

	if (kvm_fd < 0) {
		printf("skipped: /dev/kvm: %s\n", strerror(errno));
		return EXIT_SKIP;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (result == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		failed += !passed(&rows[i], kvm_fd);
	printf("%zu micro-guests, %u failed\n", sizeof(rows) / sizeof(rows[0]), failed);
	return failed != 0;
}
