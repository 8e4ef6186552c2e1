/* SPDX-License-Identifier: ISC */
#include "multiboot.h"

#include "log.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_MAGIC   0x1badb002u
#define LOADER_MAGIC   0x2badb002u
#define FLAGS_SERVED   0x0003u /* modules on pages; memory information: both always */
#define FLAGS_REQUIRED 0xffffu /* what a loader has to know or refuse, 3.1.2 */
#define FLAG_ADDRESSES (1u << 16)
#define LOWEST_ADDRESS 0x100000u
#define CMDLINE_PREFIX "kernel " /* where others put its path */
#define PAGE	       4096u

/* What stands below 1 MiB; the first page is the guest's, for the code that starts processors. */
#define TRAMPOLINE 0x6000u
#define TABLES	   0x6800u /* of segments */
#define INFO	   0x7000u
#define STACK	   0x9000u
#define PAGES	   0xa000u /* PML4, PDPT, PD, of the first 2 MiB */
#define CMDLINE	   0x20000u
#define LOW_KIB	   640u

/* 3.3; without the fields behind those that are set. */
struct info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives[2], config_table;
	uint32_t boot_loader_name;
	uint32_t rest[12];
};

struct module {
	uint32_t start, end, string, reserved;
};

struct memory_map {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

enum {
	HAS_MEMORY = 1 << 0,
	HAS_CMDLINE = 1 << 2,
	HAS_MODULES = 1 << 3,
	HAS_MAP = 1 << 6,
	HAS_NAME = 1 << 9
};

/* What lies behind INFO. */
struct boot_information {
	struct info info;
	struct module module;
	struct memory_map map[4];
	char name[8];
};

bool multiboot_recognise(struct span head, uint32_t *flags)
{
	uint32_t word[3];

	for (uint64_t at = 0; at + sizeof(word) <= MULTIBOOT_SEARCH; at += 4)
		if (span_read(head, at, word, sizeof(word)) && word[0] == HEADER_MAGIC &&
		    word[0] + word[1] + word[2] == 0) {
			*flags = word[1];
			return true;
		}
	return false;
}

static const char *segment_decode(const Elf32_Phdr *p, uint64_t file_size, struct elf *out)
{
	struct elf_segment s = { p->p_offset, p->p_filesz, p->p_paddr, p->p_memsz };

	if (out->count == ELF_SEGMENTS_MAX)
		return "has too many segments";
	if (!span_inside(s.offset, s.file_size, file_size))
		return "is truncated: a segment ends behind the end of the file";
	if (s.size < s.file_size)
		return "is malformed: a segment is larger in the file than in memory";
	if (s.address < LOWEST_ADDRESS)
		return "is malformed: a segment lies below 1 MiB";
	for (unsigned i = 0; i < out->count; i++) {
		const struct elf_segment *o = &out->segment[i];

		if (s.address < o->address + o->size && o->address < s.address + s.size)
			return "is malformed: segments overlap";
	}
	out->segment[out->count++] = s;
	return NULL;
}

const char *multiboot_decode(struct span head, uint32_t flags, uint64_t file_size,
			     struct elf *out)
{
	Elf32_Ehdr eh;
	const char *error;

	*out = (struct elf){ 0 };
	if ((flags & FLAGS_REQUIRED & ~FLAGS_SERVED) != 0)
		return "asks for something of Multiboot that is not here, a video mode perhaps";
	if ((flags & FLAG_ADDRESSES) != 0 || !elf_recognise(head))
		return "has a Multiboot header, but is no ELF file that is loaded as such";
	if (!span_read(head, 0, &eh, sizeof(eh)))
		return "is truncated inside the ELF header";
	if (eh.e_ident[EI_CLASS] != ELFCLASS32 || eh.e_machine != EM_386 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_type != ET_EXEC)
		return "has a Multiboot header, but is no executable for 32-bit x86";
	if (eh.e_phentsize != sizeof(Elf32_Phdr))
		return "is malformed: program headers of an unknown size";
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		Elf32_Phdr p;

		if (!span_read(head, (uint64_t)eh.e_phoff + i * sizeof(p), &p, sizeof(p)))
			return "is truncated: no room for its program headers";
		if (p.p_type != PT_LOAD || p.p_memsz == 0)
			continue;
		error = segment_decode(&p, file_size, out);
		if (error != NULL)
			return error;
	}
	out->entry = eh.e_entry;
	for (unsigned i = 0; i < out->count; i++)
		if (out->entry >= out->segment[i].address &&
		    out->entry - out->segment[i].address < out->segment[i].file_size)
			return NULL;
	return "is malformed: its entry point lies outside its segments";
}

static enum status no_fit(const char *what)
{
	log_error("%s not fit into the guest's memory (--memory)", what);
	return STATUS_NO_FIT;
}

static enum status read_into(const struct ram *ram, int fd, uint64_t offset, uint64_t to,
			     uint64_t len, const char *what)
{
	struct iovec v;

	if (to > ram_low_size(ram) || len > ram_low_size(ram) - to ||
	    !gmem_iovec(&ram->mem, gpa(to), len, &v))
		return no_fit(what);
	while (v.iov_len > 0) {
		ssize_t n = pread(fd, v.iov_base, v.iov_len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_error("cannot read the kernel or its initrd to its end");
			return STATUS_BAD_IMAGE;
		}
		v.iov_base = (uint8_t *)v.iov_base + n;
		v.iov_len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return STATUS_OK;
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/*
 * From the state in which every vCPU 0 begins, 64-bit mode, to the one of 3.2: a few instructions
 * of the guest's own, so that an ordinary VMM knows nothing of 32-bit entries.
 */
static bool write_trampoline(const struct ram *ram, uint32_t entry)
{
	uint8_t code[] = {
		0xbc, 0,    0,	  0,	0,	    /* mov $STACK, %esp */
		0x6a, 0x20,			    /* push $0x20: 32-bit code */
		0x68, 0,    0,	  0,	0,	    /* push $32-bit half */
		0x48, 0xcb,			    /* lretq */
		0xb8, 0x11, 0,	  0,	0,	    /* mov $(PE | ET), %eax */
		0x0f, 0x22, 0xc0,		    /* mov %eax, %cr0: paging ends */
		0xb9, 0x80, 0,	  0,	0xc0,	    /* mov $EFER, %ecx */
		0x31, 0xc0, 0x31, 0xd2, 0x0f, 0x30, /* wrmsr of 0 */
		0x0f, 0x22, 0xe0,		    /* mov %eax, %cr4 */
		0xb8, 0,    0,	  0,	0,	    /* mov $LOADER_MAGIC, %eax */
		0xbb, 0,    0,	  0,	0,	    /* mov $INFO, %ebx */
		0xba, 0,    0,	  0,	0,	    /* mov $entry, %edx */
		0xff, 0xe2,			    /* jmp *%edx */
	};
	static const uint64_t segments[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff,
					     0x00cf9b000000ffff };
	static const uint64_t table[] = { (PAGES + PAGE) | 3, (PAGES + 2 * PAGE) | 3, 0x83 };

	put32(code + 1, STACK);
	put32(code + 8, TRAMPOLINE + 14);
	put32(code + 37, LOADER_MAGIC);
	put32(code + 42, INFO);
	put32(code + 47, entry);
	return gmem_write(&ram->mem, gpa(TRAMPOLINE), code, sizeof(code)) &&
	       gmem_write(&ram->mem, gpa(TABLES), segments, sizeof(segments)) &&
	       gmem_write(&ram->mem, gpa(PAGES), &table[0], sizeof(table[0])) &&
	       gmem_write(&ram->mem, gpa(PAGES + PAGE), &table[1], sizeof(table[1])) &&
	       gmem_write(&ram->mem, gpa(PAGES + 2 * PAGE), &table[2], sizeof(table[2]));
}

static bool write_information(const struct ram *ram, const struct kernel_source *src,
			      uint64_t module, uint64_t module_size)
{
	uint64_t low = ram_low_size(ram), high = ram->size - low;
	struct boot_information b = {
		.info = { .flags = HAS_MEMORY | HAS_CMDLINE | HAS_MODULES | HAS_MAP | HAS_NAME,
			  .mem_lower = LOW_KIB,
			  .mem_upper = (uint32_t)((low - LOWEST_ADDRESS) / 1024),
			  .cmdline = CMDLINE,
			  .mods_count = module_size != 0,
			  .mods_addr = INFO + offsetof(struct boot_information, module),
			  .mmap_length = sizeof(b.map[0]) * (high != 0 ? 4 : 3),
			  .mmap_addr = INFO + offsetof(struct boot_information, map),
			  .boot_loader_name = INFO + offsetof(struct boot_information, name) },
		.module = { .start = (uint32_t)module,
			    .end = (uint32_t)(module + module_size) },
		.map = { { 20, 0, LOW_KIB * 1024, 1 },
			 { 20, LOW_KIB * 1024, LOWEST_ADDRESS - LOW_KIB * 1024, 2 },
			 { 20, LOWEST_ADDRESS, low - LOWEST_ADDRESS, 1 },
			 { 20, RAM_HIGH_START, high, 1 } },
		.name = "zwinger",
	};
	size_t prefix = sizeof(CMDLINE_PREFIX) - 1;

	b.module.string = INFO + offsetof(struct boot_information, name);
	return gmem_write(&ram->mem, gpa(INFO), &b, sizeof(b)) &&
	       gmem_write(&ram->mem, gpa(CMDLINE), CMDLINE_PREFIX, prefix) &&
	       gmem_write(&ram->mem, gpa(CMDLINE + prefix), src->cmdline,
			  strlen(src->cmdline) + 1);
}

enum status multiboot_load(const struct ram *ram, const struct kernel_source *src,
			   struct span head, uint32_t flags, struct kernel_entry *out)
{
	uint64_t end = LOWEST_ADDRESS, module_size;
	struct elf elf;
	struct stat st, initrd;
	const char *error;
	enum status s = STATUS_OK;

	if (fstat(src->kernel_fd, &st) < 0 || fstat(src->initrd_fd, &initrd) < 0) {
		log_error("cannot read the kernel: %s", strerror(errno));
		return STATUS_FAILED;
	}
	error = multiboot_decode(head, flags, (uint64_t)st.st_size, &elf);
	if (error != NULL) {
		log_error("the kernel image %s", error);
		return STATUS_BAD_IMAGE;
	}
	for (unsigned i = 0; s == STATUS_OK && i < elf.count; i++) {
		const struct elf_segment *g = &elf.segment[i];

		/* What is behind the file's part is zeros already, but has to be there. */
		if (g->address + g->size > ram_low_size(ram))
			return no_fit("the kernel does");
		s = read_into(ram, src->kernel_fd, g->offset, g->address, g->file_size,
			      "the kernel does");
		end = g->address + g->size > end ? g->address + g->size : end;
	}
	end = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	module_size = S_ISREG(initrd.st_mode) ? (uint64_t)initrd.st_size : 0;
	if (s == STATUS_OK && module_size != 0)
		s = read_into(ram, src->initrd_fd, 0, end, module_size, "the initrd does");
	if (s != STATUS_OK)
		return s;
	*out = (struct kernel_entry){
		.rip = TRAMPOLINE, .page_root = PAGES, .gdt = TABLES, .gdt_limit = 5 * 8 - 1
	};
	if (!write_trampoline(ram, (uint32_t)elf.entry) ||
	    !write_information(ram, src, end, module_size))
		return no_fit("the boot information does");
	return STATUS_OK;
}
