/* SPDX-License-Identifier: ISC */
#include "kernel.h"

#include "acpi.h"
#include "bzimage.h"
#include "elf_image.h"
#include "log.h"
#include "pci.h"
#include "vmlinux.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands below 1 MiB. The kernel itself and the initrd are above. */
#define GDT_ADDRESS	0x500u
#define ZERO_PAGE	0x7000u
#define PAGE_TABLES	0x9000u /* PML4, PDPT, four page directories */
#define CMDLINE_ADDRESS 0x20000u
#define CMDLINE_SIZE	0x1000u
#define SEED_ADDRESS	0x22000u
#define RAM_END_LOW	0x9fc00u /* where a PC's extended BIOS data area would begin */
#define HIGH_START	0x100000u

#define ENTRY_64     0x200u /* the 64-bit entry point, from the start of the loaded code */
#define LOADER_OTHER 0xffu  /* type_of_loader: no assigned id */
#define PAGE	     4096u
#define BOOT_HEAP                                                                              \
	(24u << 20) /* measured: what Debian's 6.1 allocates until its first process */

/* What is known of the image once it is in memory. */
struct loaded {
	struct setup_header header;
	uint64_t entry;
	uint64_t start, end; /* guest-physical: what the kernel occupies, or needs to start */
	uint64_t initrd_max;
	uint32_t cmdline_max;
};

static enum status bad_image(const char *what)
{
	log_error("the kernel image %s", what);
	return STATUS_BAD_IMAGE;
}

static enum status no_fit(const char *what, uint64_t need)
{
	log_error(
		"%s not fit into the guest's memory: %llu MiB more or less are needed (--memory)",
		what, (unsigned long long)((need >> 20) + 1));
	return STATUS_NO_FIT;
}

/* len bytes of a file, at offset, into guest memory; the kernel copies. */
static enum status read_into(const struct ram *ram, int fd, uint64_t offset, gpa_t to,
			     uint64_t len, const char *what)
{
	struct iovec v;

	if (!gmem_iovec(&ram->mem, to, len, &v))
		return no_fit(what, to.raw + len);
	while (v.iov_len > 0) {
		ssize_t n = pread(fd, v.iov_base, v.iov_len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_error("cannot read %s: %s", what,
				  n < 0 ? strerror(errno) : "the file became shorter");
			return n < 0 ? STATUS_FAILED : STATUS_BAD_IMAGE;
		}
		v.iov_base = (uint8_t *)v.iov_base + n;
		v.iov_len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return STATUS_OK;
}

static bool word_in(const char *cmdline, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = cmdline; (p = strstr(p, word)) != NULL; p += len)
		if ((p == cmdline || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}

/* A multiple of align in [0, room]; 0 when randomness is not wanted. */
static uint64_t random_slide(uint64_t room, uint64_t align, const char *cmdline)
{
	uint64_t r;

	if (word_in(cmdline, "nokaslr") || align < RAM_ALIGN || (align & (align - 1)) != 0 ||
	    getrandom(&r, sizeof(r), 0) != sizeof(r))
		return 0;
	return r % (room / align + 1) * align;
}

/*
 * All of the image is about to be written, and what follows it is what a booting kernel hands
 * out first: in huge pages that is one fault for 512.
 */
static void prepare(const struct ram *ram, uint64_t start, uint64_t end)
{
	ram_collapse(ram, start, end - start + BOOT_HEAP);
}

static enum status load_elf(const struct ram *ram, const struct kernel_source *src,
			    const struct elf *elf, struct loaded *out)
{
	out->start = UINT64_MAX;
	for (unsigned i = 0; i < elf->count; i++) {
		const struct elf_segment *s = &elf->segment[i];

		if (out->start > s->address)
			out->start = s->address;
		if (out->end < s->address + s->size)
			out->end = s->address + s->size;
	}
	if (out->end > ram_low_size(ram))
		return no_fit("the kernel does", out->end);
	prepare(ram, out->start, out->end);
	for (unsigned i = 0; i < elf->count; i++) {
		/* RAM is zeros already, so what lies behind file_size needs no work. */
		const struct elf_segment *s = &elf->segment[i];
		enum status st = read_into(ram, src->kernel_fd, s->offset, gpa(s->address),
					   s->file_size, "the kernel");

		if (st != STATUS_OK)
			return st;
	}
	out->entry = elf->entry;
	out->initrd_max = 0x7fffffff;
	out->cmdline_max = 2047;
	out->header.boot_flag = 0xaa55;
	out->header.header = 0x53726448; /* "HdrS" */
	out->header.version = 0x020f;
	out->header.kernel_alignment = RAM_ALIGN;
	out->header.cmdline_size = out->cmdline_max;
	return STATUS_OK;
}

/* Unpacks on the host. *done is false, and nothing has happened, if the guest has to do it. */
static enum status load_unpacked(const struct ram *ram, const struct kernel_source *src,
				 const struct bzimage *bz, struct loaded *out, bool *done)
{
	uint64_t skip = bz->payload_offset % PAGE;
	size_t len = (size_t)(bz->payload_size + skip);
	struct span payload;
	struct vmlinux v;
	bool plain;
	const char *error = NULL;
	enum status st = STATUS_OK;
	uint64_t slide;
	uint8_t *file;

	*done = false;
	if (bz->payload_size == 0)
		return STATUS_OK;
	file = mmap(NULL, len, PROT_READ, MAP_PRIVATE, src->kernel_fd,
		    (off_t)(bz->payload_offset - skip));
	if (file == MAP_FAILED) {
		log_error("cannot map the kernel: %s", strerror(errno));
		return STATUS_FAILED;
	}
	payload = (struct span){ file + skip, (size_t)bz->payload_size };
	if (!vmlinux_recognise(payload))
		goto unmap;
	error = vmlinux_decode(payload, &v, &plain);
	if (error != NULL || !plain)
		goto unmap;
	if (v.end > ram_low_size(ram)) {
		st = no_fit("the kernel does", v.end);
		goto unmap;
	}
	slide = random_slide(vmlinux_slide_room(&v), bz->header.kernel_alignment, src->cmdline);
	prepare(ram, v.file_address, v.file_address + v.file_size);
	error = vmlinux_unpack(payload, &ram->mem, &v, slide);
	if (error != NULL)
		goto unmap;
	*done = true;
	out->entry = v.elf.entry;
	out->start = v.elf.segment[0].address;
	out->end = v.end;
	if (slide != 0)
		out->header.loadflags |= KASLR_FLAG;
unmap:
	munmap(file, len);
	return error == NULL ? st : bad_image(error);
}

static enum status load_bzimage(const struct ram *ram, const struct kernel_source *src,
				const struct bzimage *bz, struct loaded *out)
{
	bool done;
	enum status st;

	*out = (struct loaded){
		.header = bz->header,
		.entry = bz->load_address + ENTRY_64,
		.start = bz->load_address,
		.end = bz->load_address + bz->init_size,
		.initrd_max = bz->initrd_max,
		.cmdline_max = bz->cmdline_max,
	};
	st = load_unpacked(ram, src, bz, out, &done);
	if (st != STATUS_OK || done)
		return st;
	if (out->end > ram_low_size(ram))
		return no_fit("the kernel does", out->end);
	return read_into(ram, src->kernel_fd, bz->code_offset, gpa(bz->load_address),
			 bz->code_size, "the kernel");
}

/* Names what people hand over by mistake. */
static const char *misfit(struct span head)
{
	static const struct {
		uint64_t offset;
		const char *magic, *what;
	} known[] = {
		{ 0x38, "ARM\x64", "is for arm64, this machine is x86-64" },
		{ 0x30, "RISCV", "is for RISC-V, this machine is x86-64" },
		{ 0, "\x1f\x8b", "is a gzip file: unpack it, or give the bzImage" },
		{ 0, "\xfd\067zXZ", "is an xz file: unpack it, or give the bzImage" },
		{ 0, "\x28\xb5\x2f\xfd", "is a zstd file: unpack it, or give the bzImage" },
		{ 0, "070701", "is a cpio archive: it goes with --initrd" },
		{ 0, "QFI\xfb", "is a qcow2 disk image, not a kernel" },
		{ 0, "!<arch>",
		  "is an archive: unpack the package, the kernel is boot/vmlinuz-*" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char at[8];
		size_t len = strlen(known[i].magic);

		if (span_read(head, known[i].offset, at, len) &&
		    memcmp(at, known[i].magic, len) == 0)
			return known[i].what;
	}
	return "is not a kernel: neither a bzImage nor an ELF vmlinux";
}

static enum status load_image(const struct ram *ram, const struct kernel_source *src,
			      struct loaded *out)
{
	static uint8_t head[ELF_HEAD_SIZE];
	struct span span = { head, 0 };
	struct bzimage bz;
	struct elf elf;
	const char *error;
	struct stat st;
	ssize_t n;

	*out = (struct loaded){ 0 };
	n = pread(src->kernel_fd, head, sizeof(head), 0);
	if (n < 0 || fstat(src->kernel_fd, &st) < 0) {
		log_error("cannot read the kernel: %s", strerror(errno));
		return STATUS_FAILED;
	}
	span.len = (size_t)n;
	if (elf_recognise(span)) {
		error = elf_decode(span, (uint64_t)st.st_size, &elf);
		return error == NULL ? load_elf(ram, src, &elf, out) : bad_image(error);
	}
	if (bzimage_recognise(span)) {
		error = bzimage_decode(span, (uint64_t)st.st_size, &bz);
		return error == NULL ? load_bzimage(ram, src, &bz, out) : bad_image(error);
	}
	return bad_image(misfit(span));
}

/* The highest page-aligned place for size bytes inside [bottom, top), or 0. */
static uint64_t highest(uint64_t bottom, uint64_t top, uint64_t size)
{
	uint64_t start;

	if (top < bottom || size > top - bottom)
		return 0;
	start = (top - size) & ~(uint64_t)(PAGE - 1);
	return start >= bottom ? start : 0;
}

/* Above the kernel, as high as it allows; in a small guest below it. */
static enum status load_initrd(const struct ram *ram, const struct kernel_source *src,
			       const struct loaded *kernel, uint64_t *start, uint64_t *size)
{
	uint64_t top = ram_low_size(ram);
	struct stat st;

	*start = *size = 0;
	if (fstat(src->initrd_fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return STATUS_OK;
	*size = (uint64_t)st.st_size;
	if (top > kernel->initrd_max)
		top = kernel->initrd_max + 1;
	*start = highest(kernel->end, top, *size);
	if (*start == 0)
		*start = highest(HIGH_START, kernel->start < top ? kernel->start : top, *size);
	if (*start == 0 || *size > UINT32_MAX)
		return no_fit("kernel and initrd do", kernel->end + *size);
	return read_into(ram, src->initrd_fd, 0, gpa(*start), *size, "the initrd");
}

/*
 * The real-mode reset vector, where a PC has its BIOS: a kernel that reboots "through the BIOS"
 * (Linux on hardware-reduced ACPI does) gets the keyboard controller's reset pulse.
 */
#define RESET_VECTOR 0xffff0u

static bool write_reset_vector(const struct ram *ram)
{
	static const uint8_t code[] = { 0xb0, 0xfe, /* mov $0xfe, %al */
					0xe6, 0x64, /* out %al, $0x64 */
					0xf4,	    /* hlt */
					0xeb, 0xfd /* jmp to the hlt */ };

	return gmem_write(&ram->mem, gpa(RESET_VECTOR), code, sizeof(code));
}

static void e820_add(struct boot_params *zp, uint64_t start, uint64_t end, uint32_t type)
{
	if (start < end)
		zp->e820_table[zp->e820_entries++] =
			(struct boot_e820_entry){ start, end - start, type };
}

enum { E820_RAM = 1, E820_RESERVED = 2 };

static void e820_fill(struct boot_params *zp, const struct ram *ram)
{
	e820_add(zp, 0, RAM_END_LOW, E820_RAM);
	e820_add(zp, RAM_END_LOW, HIGH_START, E820_RESERVED);
	e820_add(zp, HIGH_START, ram_low_size(ram), E820_RAM);
	e820_add(zp, PCI_ECAM_START, PCI_ECAM_START + PCI_ECAM_SIZE, E820_RESERVED);
	e820_add(zp, RAM_HIGH_START, RAM_HIGH_START + (ram->size - ram_low_size(ram)),
		 E820_RAM);
}

/* Random bytes for the guest's pool, so that it need not wait for its first ones. */
struct seed {
	uint64_t next;
	uint32_t type, len;
	uint8_t bytes[64];
};

static bool write_seed(const struct ram *ram)
{
	struct seed s = { .type = SETUP_RNG_SEED, .len = sizeof(s.bytes) };
	bool ok = getrandom(s.bytes, sizeof(s.bytes), 0) == sizeof(s.bytes) &&
		  gmem_write(&ram->mem, gpa(SEED_ADDRESS), &s, sizeof(s));

	explicit_bzero(&s, sizeof(s));
	return ok;
}

static bool write_page_tables(const struct ram *ram)
{
	enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80, ENTRIES = 512, GIBS = 4 };
	uint64_t table[ENTRIES] = { 0 };
	bool ok;

	table[0] = (PAGE_TABLES + PAGE) | PRESENT | WRITABLE;
	ok = gmem_write(&ram->mem, gpa(PAGE_TABLES), table, sizeof(table));
	for (unsigned i = 0; i < GIBS; i++)
		table[i] = (PAGE_TABLES + (2 + i) * PAGE) | PRESENT | WRITABLE;
	ok = ok && gmem_write(&ram->mem, gpa(PAGE_TABLES + PAGE), table, sizeof(table));
	for (unsigned i = 0; i < GIBS; i++) {
		for (uint64_t j = 0; j < ENTRIES; j++)
			table[j] = (i * ENTRIES + j) << 21 | PRESENT | WRITABLE | LARGE;
		ok = ok && gmem_write(&ram->mem, gpa(PAGE_TABLES + (2 + i) * PAGE), table,
				      sizeof(table));
	}
	return ok;
}

static bool write_gdt(const struct ram *ram, struct kernel_entry *out)
{
	static const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

	out->gdt = GDT_ADDRESS;
	out->gdt_limit = sizeof(gdt) - 1;
	return gmem_write(&ram->mem, gpa(GDT_ADDRESS), gdt, sizeof(gdt));
}

enum status kernel_load(const struct ram *ram, const struct kernel_source *src,
			struct kernel_entry *out)
{
	static struct boot_params zp;
	struct loaded kernel;
	uint64_t initrd, initrd_size;
	size_t cmdline_size = strlen(src->cmdline) + 1;
	enum status st = load_image(ram, src, &kernel);

	if (st != STATUS_OK)
		return st;
	if (cmdline_size - 1 > kernel.cmdline_max || cmdline_size > CMDLINE_SIZE) {
		log_error("the command line has %zu characters, this kernel takes %u",
			  cmdline_size - 1, kernel.cmdline_max);
		return STATUS_NO_FIT;
	}
	st = load_initrd(ram, src, &kernel, &initrd, &initrd_size);
	if (st != STATUS_OK)
		return st;

	memset(&zp, 0, sizeof(zp));
	zp.hdr = kernel.header;
	zp.hdr.type_of_loader = LOADER_OTHER;
	zp.hdr.cmd_line_ptr = CMDLINE_ADDRESS;
	zp.hdr.ramdisk_image = (uint32_t)initrd;
	zp.hdr.ramdisk_size = (uint32_t)initrd_size;
	zp.hdr.setup_data = SEED_ADDRESS;
	zp.acpi_rsdp_addr = ACPI_START;
	e820_fill(&zp, ram);

	*out = (struct kernel_entry){ .rip = kernel.entry,
				      .rsi = ZERO_PAGE,
				      .page_root = PAGE_TABLES };
	if (!gmem_write(&ram->mem, gpa(ZERO_PAGE), &zp, sizeof(zp)) ||
	    !gmem_write(&ram->mem, gpa(CMDLINE_ADDRESS), src->cmdline, cmdline_size) ||
	    !write_seed(ram) || !write_page_tables(ram) || !write_gdt(ram, out) ||
	    !acpi_write(&ram->mem, ACPI_START, src->cpu_count) || !write_reset_vector(ram))
		return no_fit("the boot parameters do", HIGH_START);
	return STATUS_OK;
}
