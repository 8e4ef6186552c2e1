/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <asm/bootparam.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acpi.h"
#include "kernel.h"
#include "tiny_image.h"
#include "vmlinux.h"

#define RAM_SIZE (64ull << 20)
#define MIB	 (1ull << 20)

/* An overwritten number; the last of a list has len 0. */
struct patch {
	enum { FROM_START, FROM_END, SECOND_BLOCK } base;
	int64_t offset;
	unsigned len;
	uint64_t value;
};

#define PATCHES_MAX 6

static struct ram ram;
static struct tiny_image elf, bz, inner;
static int kernel_fd, initrd_fd, null_fd;
static char said[4096]; /* what the last load has logged */

static void spoil(struct tiny_image *image, const struct patch *p, size_t second_block)
{
	const uint64_t base[] = { 0, image->size, second_block };

	for (unsigned i = 0; i < PATCHES_MAX && p[i].len != 0; i++)
		memcpy(image->bytes + (int64_t)base[p[i].base] + p[i].offset, &p[i].value,
		       p[i].len);
}

/* kernel_load() with what is logged caught. */
static enum status load(const struct kernel_source *src, struct kernel_entry *entry)
{
	int pipe_fd[2], saved = dup(STDERR_FILENO);
	enum status st;
	ssize_t n;

	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(pipe_fd[1], STDERR_FILENO);
	st = kernel_load(&ram, src, entry);
	dup2(saved, STDERR_FILENO);
	n = read(pipe_fd[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(saved);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return st;
}

static void give(int fd, const struct tiny_image *image, size_t size)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, image->bytes, size, 0), size);
}

static enum status load_image(const struct tiny_image *image, size_t size, const char *cmdline,
			      struct kernel_entry *entry)
{
	struct kernel_source src = { kernel_fd, null_fd, cmdline, 1 };

	give(kernel_fd, image, size);
	return load(&src, entry);
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* True if the load ended so, with one line that says why, or none if all is well. */
static bool ended(const char *row, enum status got, enum status want, const char *text)
{
	if (got == want && strstr(said, text) != NULL && lines(said) == (want != STATUS_OK))
		return true;
	print_error("row: %s: status %d, \"%s\"\n", row, (int)got, said);
	return false;
}

#define EH(field)    FROM_START, offsetof(Elf64_Ehdr, field)
#define PH(n, field) FROM_START, 64 + 56 * (n) + offsetof(Elf64_Phdr, field)
#define HD(field)    FROM_START, 0x1f1 + offsetof(struct setup_header, field)

static const struct row {
	const char *name;
	struct patch patch[PATCHES_MAX];
	enum status status;
	const char *text;
	uint64_t rip; /* 0: not looked at */
} elf_rows[] = {
	{ "as it should be", { { 0 } }, STATUS_OK, "", 0 },
	{ "wrong magic",
	  { { EH(e_ident), 4, 0x464c4580 } },
	  STATUS_BAD_IMAGE,
	  "neither a bzImage",
	  0 },
	{ "arm64", { { EH(e_machine), 2, EM_AARCH64 } }, STATUS_BAD_IMAGE, "arm64", 0 },
	{ "RISC-V", { { EH(e_machine), 2, EM_RISCV } }, STATUS_BAD_IMAGE, "RISC-V", 0 },
	{ "s390",
	  { { EH(e_machine), 2, EM_S390 } },
	  STATUS_BAD_IMAGE,
	  "another architecture",
	  0 },
	{ "i386",
	  { { EH(e_machine), 2, EM_386 }, { EH(e_ident[EI_CLASS]), 1, ELFCLASS32 } },
	  STATUS_BAD_IMAGE,
	  "32-bit x86",
	  0 },
	{ "x32",
	  { { EH(e_ident[EI_CLASS]), 1, ELFCLASS32 } },
	  STATUS_BAD_IMAGE,
	  "32-bit x86",
	  0 },
	{ "no class", { { EH(e_ident[EI_CLASS]), 1, 0 } }, STATUS_BAD_IMAGE, "32-bit", 0 },
	{ "big-endian",
	  { { EH(e_ident[EI_DATA]), 1, ELFDATA2MSB } },
	  STATUS_BAD_IMAGE,
	  "big-endian",
	  0 },
	{ "object file",
	  { { EH(e_type), 2, ET_REL } },
	  STATUS_BAD_IMAGE,
	  "not an executable",
	  0 },
	{ "core dump",
	  { { EH(e_type), 2, ET_CORE } },
	  STATUS_BAD_IMAGE,
	  "not an executable",
	  0 },
	{ "position-independent", { { EH(e_type), 2, ET_DYN } }, STATUS_OK, "", 0 },
	{ "program headers of 0 bytes",
	  { { EH(e_phentsize), 2, 0 } },
	  STATUS_BAD_IMAGE,
	  "unknown size",
	  0 },
	{ "program headers of 32 bytes",
	  { { EH(e_phentsize), 2, 32 } },
	  STATUS_BAD_IMAGE,
	  "unknown size",
	  0 },
	{ "no program headers", { { EH(e_phnum), 2, 0 } }, STATUS_BAD_IMAGE, "no segment", 0 },
	{ "65535 program headers",
	  { { EH(e_phnum), 2, 0xffff }, { PH(1, p_type), 4, 0 } },
	  STATUS_BAD_IMAGE,
	  "no room",
	  0 },
	{ "program headers behind the file",
	  { { EH(e_phoff), 8, TINY_ELF_SIZE } },
	  STATUS_BAD_IMAGE,
	  "no room",
	  0 },
	{ "program headers behind the head",
	  { { EH(e_phoff), 8, 8192 } },
	  STATUS_BAD_IMAGE,
	  "no room",
	  0 },
	{ "second program header over the head's end",
	  { { EH(e_phoff), 8, 8192 - 111 }, { FROM_START, 8192 - 111, 8, 0 } },
	  STATUS_BAD_IMAGE,
	  "no room",
	  0 },
	{ "program headers wrap to the first byte",
	  { { EH(e_phoff), 8, UINT64_MAX - 55 } },
	  STATUS_BAD_IMAGE,
	  "no room",
	  0 },
	{ "highest program header offset",
	  { { EH(e_phoff), 8, UINT64_MAX } },
	  STATUS_BAD_IMAGE,
	  "no room",
	  0 },
	{ "no segment to load",
	  { { PH(0, p_type), 4, PT_NOTE }, { PH(1, p_type), 4, PT_NOTE } },
	  STATUS_BAD_IMAGE,
	  "no segment",
	  0 },
	{ "empty segments do not count",
	  { { PH(1, p_memsz), 8, 0 }, { PH(1, p_paddr), 8, 0 } },
	  STATUS_OK,
	  "",
	  0 },

	{ "segment ends at the file's end",
	  { { PH(1, p_filesz), 8, TINY_SIZE_2 + 64 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "segment ends one byte behind the file",
	  { { PH(1, p_filesz), 8, TINY_SIZE_2 + 65 } },
	  STATUS_BAD_IMAGE,
	  "behind the end of the file",
	  0 },
	{ "segment starts behind the file",
	  { { PH(1, p_offset), 8, TINY_ELF_SIZE + 1 }, { PH(1, p_filesz), 8, 0 } },
	  STATUS_BAD_IMAGE,
	  "behind the end of the file",
	  0 },
	{ "file range wraps",
	  { { PH(1, p_offset), 8, UINT64_MAX - 0xff } },
	  STATUS_BAD_IMAGE,
	  "behind the end of the file",
	  0 },
	{ "file size of all",
	  { { PH(1, p_filesz), 8, UINT64_MAX } },
	  STATUS_BAD_IMAGE,
	  "behind the end of the file",
	  0 },
	{ "larger in the file than in memory",
	  { { PH(1, p_memsz), 8, TINY_SIZE_2 - 1 } },
	  STATUS_BAD_IMAGE,
	  "larger in the file",
	  0 },
	{ "as large in the file as in memory",
	  { { PH(1, p_memsz), 8, TINY_SIZE_2 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "segment at address 0",
	  { { PH(0, p_paddr), 8, 0 }, { EH(e_entry), 8, 0 } },
	  STATUS_BAD_IMAGE,
	  "below 1 MiB",
	  0 },
	{ "segment one byte below 1 MiB",
	  { { PH(0, p_paddr), 8, MIB - 1 }, { EH(e_entry), 8, MIB } },
	  STATUS_BAD_IMAGE,
	  "below 1 MiB",
	  0 },
	{ "segment at 1 MiB",
	  { { PH(0, p_paddr), 8, MIB }, { EH(e_entry), 8, MIB } },
	  STATUS_OK,
	  "",
	  0 },
	{ "segment wraps by one",
	  { { PH(1, p_paddr), 8, UINT64_MAX - TINY_MEMORY_2 + 2 } },
	  STATUS_BAD_IMAGE,
	  "wraps",
	  0 },
	{ "segment wraps to its start",
	  { { PH(1, p_memsz), 8, UINT64_MAX } },
	  STATUS_BAD_IMAGE,
	  "wraps",
	  0 },
	{ "the same segment twice",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS } },
	  STATUS_BAD_IMAGE,
	  "overlap",
	  0 },
	{ "overlap by a byte from behind",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS + TINY_SIZE - 1 } },
	  STATUS_BAD_IMAGE,
	  "overlap",
	  0 },
	{ "overlap by a byte from before",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS - TINY_MEMORY_2 + 1 } },
	  STATUS_BAD_IMAGE,
	  "overlap",
	  0 },
	{ "touching from behind",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS + TINY_SIZE } },
	  STATUS_OK,
	  "",
	  0 },
	{ "touching from before",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS - TINY_MEMORY_2 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "one around the other",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS - 0x1000 } },
	  STATUS_BAD_IMAGE,
	  "overlap",
	  0 },

	{ "entry at 0", { { EH(e_entry), 8, 0 } }, STATUS_BAD_IMAGE, "entry point", 0 },
	{ "entry before",
	  { { EH(e_entry), 8, TINY_ADDRESS - 1 } },
	  STATUS_BAD_IMAGE,
	  "entry point",
	  0 },
	{ "entry at the last byte",
	  { { EH(e_entry), 8, TINY_ADDRESS + TINY_SIZE - 1 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "entry behind",
	  { { EH(e_entry), 8, TINY_ADDRESS + TINY_SIZE } },
	  STATUS_BAD_IMAGE,
	  "entry point",
	  0 },
	{ "entry in the zeros",
	  { { EH(e_entry), 8, TINY_ADDRESS_2 + TINY_SIZE_2 } },
	  STATUS_BAD_IMAGE,
	  "entry point",
	  0 },
	{ "entry is virtual",
	  { { EH(e_entry), 8, 0xffffffff81000000 } },
	  STATUS_BAD_IMAGE,
	  "entry point",
	  0 },
	{ "entry's low half is right",
	  { { EH(e_entry), 8, 0x100000000 + TINY_ADDRESS } },
	  STATUS_BAD_IMAGE,
	  "entry point",
	  0 },

	{ "up to the end of memory",
	  { { PH(1, p_memsz), 8, RAM_SIZE - TINY_ADDRESS_2 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "one byte more than memory",
	  { { PH(1, p_memsz), 8, RAM_SIZE - TINY_ADDRESS_2 + 1 } },
	  STATUS_NO_FIT,
	  "the kernel does not fit",
	  0 },
	{ "behind the memory",
	  { { PH(1, p_paddr), 8, RAM_SIZE } },
	  STATUS_NO_FIT,
	  "does not fit",
	  0 },
	{ "far behind the memory",
	  { { PH(1, p_paddr), 8, UINT64_MAX - TINY_MEMORY_2 } },
	  STATUS_NO_FIT,
	  "does not fit",
	  0 },
	{ "in the hole below 4 GiB",
	  { { PH(1, p_paddr), 8, 0xe0000000 } },
	  STATUS_NO_FIT,
	  "does not fit",
	  0 },
	{ "section headers may lie",
	  { { EH(e_shoff), 8, UINT64_MAX }, { EH(e_shnum), 2, 0xffff } },
	  STATUS_OK,
	  "",
	  0 },
};

#define BLOCK_1 (TINY_PAYLOAD + 4)

static const struct row bz_rows[] = {
	{ "as it should be", { { 0 } }, STATUS_OK, "", 0 },
	{ "wrong magic",
	  { { HD(header), 4, 0x53726449 } },
	  STATUS_BAD_IMAGE,
	  "neither a bzImage",
	  0 },
	{ "no boot sector signature",
	  { { HD(boot_flag), 2, 0x55aa } },
	  STATUS_BAD_IMAGE,
	  "no boot sector",
	  0 },
	{ "boot protocol 2.11", { { HD(version), 2, 0x20b } }, STATUS_BAD_IMAGE, "too old", 0 },
	{ "boot protocol 2.12", { { HD(version), 2, 0x20c } }, STATUS_OK, "", 0 },
	{ "zImage", { { HD(loadflags), 1, 0 } }, STATUS_BAD_IMAGE, "zImage", 0 },
	{ "32-bit kernel", { { HD(xloadflags), 2, 0xfffe } }, STATUS_BAD_IMAGE, "32-bit", 0 },
	{ "header ends before init_size does",
	  { { FROM_START, 0x201, 1, 0x61 } },
	  STATUS_BAD_IMAGE,
	  "ends too early",
	  0 },
	{ "header ends with init_size", { { FROM_START, 0x201, 1, 0x62 } }, STATUS_OK, "", 0 },
	{ "header ends at once",
	  { { FROM_START, 0x201, 1, 0 } },
	  STATUS_BAD_IMAGE,
	  "ends too early",
	  0 },
	{ "header longer than we know", { { FROM_START, 0x201, 1, 0xff } }, STATUS_OK, "", 0 },

	{ "255 setup sectors",
	  { { HD(setup_sects), 1, 255 } },
	  STATUS_BAD_IMAGE,
	  "real-mode setup",
	  0 },
	{ "0 setup sectors are 4",
	  { { HD(setup_sects), 1, 0 } },
	  STATUS_BAD_IMAGE,
	  "protected-mode code",
	  0 },
	{ "code of no size",
	  { { HD(syssize), 4, 0 } },
	  STATUS_BAD_IMAGE,
	  "protected-mode code",
	  0 },
	{ "code of 64 GiB",
	  { { HD(syssize), 4, UINT32_MAX } },
	  STATUS_BAD_IMAGE,
	  "protected-mode code",
	  0 },
	{ "code smaller than the payload",
	  { { HD(syssize), 4, 0x21 } },
	  STATUS_BAD_IMAGE,
	  "payload lies outside",
	  0 },
	{ "payload starts behind the code",
	  { { HD(payload_offset), 4, 0x8000 } },
	  STATUS_BAD_IMAGE,
	  "payload lies outside",
	  0 },
	{ "payload one byte too far",
	  { { HD(payload_offset), 4, TINY_STUB_SIZE + 1 } },
	  STATUS_BAD_IMAGE,
	  "payload lies outside",
	  0 },
	{ "payload of 4 GiB",
	  { { HD(payload_length), 4, UINT32_MAX } },
	  STATUS_BAD_IMAGE,
	  "payload lies outside",
	  0 },
	{ "payload offset and length wrap 32 bits",
	  { { HD(payload_offset), 4, UINT32_MAX - 0xff }, { HD(payload_length), 4, 0x200 } },
	  STATUS_BAD_IMAGE,
	  "payload lies outside",
	  0 },
	{ "preferred address 0",
	  { { HD(pref_address), 8, 0 } },
	  STATUS_BAD_IMAGE,
	  "preferred address",
	  0 },
	{ "preferred address below 1 MiB",
	  { { HD(pref_address), 8, MIB - 1 } },
	  STATUS_BAD_IMAGE,
	  "preferred address",
	  0 },
	{ "preferred address above 1 GiB",
	  { { HD(pref_address), 8, 0x40000001 } },
	  STATUS_BAD_IMAGE,
	  "preferred address",
	  0 },
	{ "highest preferred address",
	  { { HD(pref_address), 8, UINT64_MAX } },
	  STATUS_BAD_IMAGE,
	  "preferred address",
	  0 },
	{ "needs less than its code",
	  { { HD(init_size), 4, 0x200 } },
	  STATUS_BAD_IMAGE,
	  "memory need",
	  0 },
	{ "needs nothing", { { HD(init_size), 4, 0 } }, STATUS_BAD_IMAGE, "memory need", 0 },
	{ "needs more than 1 GiB",
	  { { HD(init_size), 4, 0x40000001 } },
	  STATUS_BAD_IMAGE,
	  "memory need",
	  0 },
	{ "takes no command line",
	  { { HD(cmdline_size), 4, 0 } },
	  STATUS_BAD_IMAGE,
	  "no command line",
	  0 },

	{ "payload without a block",
	  { { HD(payload_length), 4, 8 } },
	  STATUS_BAD_IMAGE,
	  "no block",
	  0 },
	{ "payload of a magic alone",
	  { { HD(payload_length), 4, 4 } },
	  STATUS_BAD_IMAGE,
	  "no block",
	  0 },
	{ "first block empty",
	  { { FROM_START, BLOCK_1, 4, 0 } },
	  STATUS_BAD_IMAGE,
	  "no block",
	  0 },
	{ "first block of 4 GiB",
	  { { FROM_START, BLOCK_1, 4, UINT32_MAX } },
	  STATUS_BAD_IMAGE,
	  "no block",
	  0 },
	{ "first block of 2 GiB",
	  { { FROM_START, BLOCK_1, 4, 0x80000000 } },
	  STATUS_BAD_IMAGE,
	  "no block",
	  0 },
	{ "first block is one token",
	  { { FROM_START, BLOCK_1, 4, 1 } },
	  STATUS_BAD_IMAGE,
	  "",
	  0 },
	{ "first block is noise",
	  { { FROM_START, BLOCK_1 + 4, 8, UINT64_MAX },
	    { FROM_START, BLOCK_1 + 12, 8, UINT64_MAX } },
	  STATUS_BAD_IMAGE,
	  "",
	  0 },
	{ "second block empty",
	  { { SECOND_BLOCK, 0, 4, 0 } },
	  STATUS_BAD_IMAGE,
	  "payload ends early",
	  0 },
	{ "second block of 4 GiB",
	  { { SECOND_BLOCK, 0, 4, UINT32_MAX } },
	  STATUS_BAD_IMAGE,
	  "payload ends early",
	  0 },
	{ "second block is noise",
	  { { SECOND_BLOCK, 4, 8, UINT64_MAX } },
	  STATUS_BAD_IMAGE,
	  "does not unpack",
	  0 },
	{ "second block copies from before the first byte",
	  { { SECOND_BLOCK, 4, 4, 0x00ffff00 } },
	  STATUS_BAD_IMAGE,
	  "does not unpack",
	  0 },
	{ "claims one byte more",
	  { { FROM_END, -4, 4, TINY_ELF_SIZE + 1 } },
	  STATUS_BAD_IMAGE,
	  "payload ends early",
	  0 },
	{ "claims one byte less",
	  { { FROM_END, -4, 4, TINY_ELF_SIZE - 1 } },
	  STATUS_BAD_IMAGE,
	  "does not unpack",
	  0 },
	{ "claims less than its segments",
	  { { FROM_END, -4, 4, TINY_OFFSET_2 } },
	  STATUS_BAD_IMAGE,
	  "truncated",
	  0 },
	{ "claims nothing", { { FROM_END, -4, 4, 0 } }, STATUS_BAD_IMAGE, "truncated", 0 },
	{ "claims 512 MiB",
	  { { FROM_END, -4, 4, 512 << 20 } },
	  STATUS_BAD_IMAGE,
	  "payload ends early",
	  0 },
	{ "claims more than 512 MiB",
	  { { FROM_END, -4, 4, (512 << 20) + 1 } },
	  STATUS_BAD_IMAGE,
	  "more than 512 MiB",
	  0 },
	{ "claims 4 GiB",
	  { { FROM_END, -4, 4, UINT32_MAX } },
	  STATUS_BAD_IMAGE,
	  "more than 512 MiB",
	  0 },

	/* Packed otherwise, or not at all: the guest unpacks it, if there is room for that. */
	{ "packed by something else",
	  { { FROM_START, TINY_PAYLOAD, 4, 0x587a37fd } },
	  STATUS_OK,
	  "",
	  0 },
	{ "no payload told",
	  { { HD(payload_length), 4, 0 }, { HD(payload_offset), 4, 0 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "needs all memory to unpack itself",
	  { { HD(payload_length), 4, 0 }, { HD(init_size), 4, RAM_SIZE - TINY_ADDRESS } },
	  STATUS_OK,
	  "",
	  0 },
	{ "needs one byte more",
	  { { HD(payload_length), 4, 0 }, { HD(init_size), 4, RAM_SIZE - TINY_ADDRESS + 1 } },
	  STATUS_NO_FIT,
	  "the kernel does not fit",
	  0 },
	{ "wants to stand behind the memory",
	  { { HD(payload_length), 4, 0 }, { HD(pref_address), 8, RAM_SIZE } },
	  STATUS_NO_FIT,
	  "does not fit",
	  0 },
};

/* Where the guest enters: a vmlinux at its entry, a kernel that unpacks itself 0x200 behind. */
#define UNPACKED      TINY_ADDRESS
#define SELF_UNPACKED (TINY_ADDRESS + 0x200)

/* Of the vmlinux inside, before it is packed. */
static const struct row inner_rows[] = {
	{ "as it should be", { { 0 } }, STATUS_OK, "", UNPACKED },
	{ "three segments",
	  { { EH(e_phnum), 2, 3 },
	    { PH(1, p_memsz), 8, TINY_SIZE_2 },
	    { PH(2, p_type), 4, PT_LOAD },
	    { PH(2, p_offset), 8, TINY_OFFSET_2 + TINY_SIZE_2 },
	    { PH(2, p_paddr), 8, TINY_ADDRESS_2 + TINY_SIZE_2 },
	    { PH(2, p_memsz), 8, 16 } },
	  STATUS_OK,
	  "",
	  UNPACKED },
	{ "third segment begins inside the second, in the file",
	  { { EH(e_phnum), 2, 3 },
	    { PH(1, p_memsz), 8, TINY_SIZE_2 },
	    { PH(2, p_type), 4, PT_LOAD },
	    { PH(2, p_offset), 8, TINY_OFFSET_2 + TINY_SIZE_2 - 1 },
	    { PH(2, p_paddr), 8, TINY_ADDRESS_2 + TINY_SIZE_2 },
	    { PH(2, p_memsz), 8, 16 } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
	{ "segments touch",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS + TINY_SIZE } },
	  STATUS_OK,
	  "",
	  UNPACKED },
	{ "second segment stays where it is unpacked",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS + 0x1000 } },
	  STATUS_OK,
	  "",
	  UNPACKED },
	{ "second segment one byte further up",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS + 0x1001 } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
	{ "arm64 inside", { { EH(e_machine), 2, EM_AARCH64 } }, STATUS_BAD_IMAGE, "arm64", 0 },
	{ "below 1 MiB inside",
	  { { PH(0, p_paddr), 8, 0x1000 } },
	  STATUS_BAD_IMAGE,
	  "below 1 MiB",
	  0 },
	{ "segment out of file inside",
	  { { PH(1, p_filesz), 8, TINY_SIZE_2 + 65 } },
	  STATUS_BAD_IMAGE,
	  "behind the end of the file",
	  0 },
	{ "overlap inside",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS } },
	  STATUS_BAD_IMAGE,
	  "overlap",
	  0 },
	{ "entry outside inside",
	  { { EH(e_entry), 8, 0 } },
	  STATUS_BAD_IMAGE,
	  "entry point",
	  0 },
	{ "up to the end of memory inside",
	  { { PH(1, p_memsz), 8, RAM_SIZE - TINY_ADDRESS_2 } },
	  STATUS_OK,
	  "",
	  0 },
	{ "larger than memory inside",
	  { { PH(1, p_memsz), 8, RAM_SIZE - TINY_ADDRESS_2 + 1 } },
	  STATUS_NO_FIT,
	  "the kernel does not fit",
	  0 },

	/* Sound, but of a shape that only its own decompressor handles: the guest does it. */
	{ "segment moves up",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS + 0x2000 } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
	{ "segments in another order",
	  { { PH(1, p_paddr), 8, TINY_ADDRESS - TINY_MEMORY_2 } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
	{ "segments overlap in the file",
	  { { PH(1, p_offset), 8, TINY_OFFSET } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
	{ "ends above 1 GiB",
	  { { PH(1, p_memsz), 8, 1 << 30 } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
	{ "section headers inside the segments",
	  { { EH(e_shoff), 8, 64 } },
	  STATUS_OK,
	  "",
	  SELF_UNPACKED },
};

/*
 * Rows of the table that are spoilt copies of one image. Every load starts with RAM that
 * holds what the last one left, as no row of these looks at it.
 */
static void test_elf(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(elf_rows) / sizeof(elf_rows[0]); i++) {
		struct tiny_image image = elf;
		struct kernel_entry e;

		spoil(&image, elf_rows[i].patch, 0);
		wrong += !ended(elf_rows[i].name, load_image(&image, image.size, "", &e),
				elf_rows[i].status, elf_rows[i].text);
	}
	assert_int_equal(wrong, 0);
}

static void test_bzimage(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bz_rows) / sizeof(bz_rows[0]); i++) {
		struct tiny_image image;
		struct kernel_entry e;
		size_t second = tiny_bzimage(&image, &inner);

		spoil(&image, bz_rows[i].patch, second);
		wrong += !ended(bz_rows[i].name, load_image(&image, image.size, "", &e),
				bz_rows[i].status, bz_rows[i].text);
	}
	assert_int_equal(wrong, 0);
}

static void test_vmlinux_inside(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(inner_rows) / sizeof(inner_rows[0]); i++) {
		struct tiny_image vmlinux = inner, image;
		struct kernel_entry e = { .rip = 0 };

		spoil(&vmlinux, inner_rows[i].patch, 0);
		tiny_bzimage(&image, &vmlinux);
		if (ended(inner_rows[i].name, load_image(&image, image.size, "", &e),
			  inner_rows[i].status, inner_rows[i].text) &&
		    (inner_rows[i].rip == 0 || e.rip == inner_rows[i].rip))
			continue;
		print_error("row: %s: entered at 0x%llx\n", inner_rows[i].name,
			    (unsigned long long)e.rip);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* A damaged first block is refused, whatever the one decoded before it was. */
static void test_noise_after_a_good_one(void **state)
{
	struct tiny_image image = bz;
	struct span payload = { image.bytes + TINY_PAYLOAD, image.size - TINY_PAYLOAD };
	struct vmlinux v;
	bool plain;

	(void)state;
	assert_null(vmlinux_decode(payload, &v, &plain));
	assert_true(plain);
	memcpy(image.bytes + TINY_PAYLOAD + 8, "\x00\xff\xff", 3); /* from before the start */
	assert_non_null(vmlinux_decode(payload, &v, &plain));
	assert_false(plain);
}

/* The last four bytes of a payload are its size and belong to no block. */
static void test_block_over_the_size(void **state)
{
	struct tiny_image image;
	size_t second = tiny_bzimage(&image, &inner);
	struct kernel_entry e;

	(void)state;
	image.bytes[second]++;
	assert_true(ended("second block one byte into the size",
			  load_image(&image, image.size, "", &e), STATUS_BAD_IMAGE,
			  "payload ends early"));
}

/* What is appended to an ELF file begins behind its section headers, if those can be believed. */
static void test_end_of_elf(void **state)
{
	static const struct {
		const char *name;
		uint64_t shoff;
		uint16_t count, size;
		uint64_t end;
	} rows[] = {
		{ "as it should be", TINY_ELF_SIZE - 64, 1, 64, TINY_ELF_SIZE },
		{ "none", 0, 0, 64, 0 },
		{ "earlier", 0x1800, 2, 64, 0x1880 },
		{ "one byte behind the file", TINY_ELF_SIZE - 63, 1, 64, TINY_ELF_SIZE },
		{ "far behind the file", 1ull << 40, 1, 64, TINY_ELF_SIZE },
		{ "wraps", UINT64_MAX, 1, 64, TINY_ELF_SIZE },
		{ "too many", 64, 0xffff, 0xffff, TINY_ELF_SIZE },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct patch p[] = { { EH(e_shoff), 8, rows[i].shoff },
				     { EH(e_shnum), 2, rows[i].count },
				     { EH(e_shentsize), 2, rows[i].size },
				     { 0 } };
		struct tiny_image image = elf;
		struct elf out;

		spoil(&image, p, 0);
		if (elf_decode((struct span){ image.bytes, image.size }, image.size, &out) ==
			    NULL &&
		    out.end == rows[i].end)
			continue;
		print_error("row: %s: 0x%llx\n", rows[i].name, (unsigned long long)out.end);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* CVE-2022-23523: a file that ends anywhere before it should. */
static void test_every_truncation(void **state)
{
	static const struct {
		const char *name;
		const struct tiny_image *image;
		size_t enough;
	} files[] = {
		{ "ELF", &elf, TINY_OFFSET_2 + TINY_SIZE_2 },
		{ "bzImage", &bz, 0 }, /* all of it */
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		size_t enough = files[f].enough != 0 ? files[f].enough : files[f].image->size;
		struct kernel_entry e;

		for (size_t size = 0; size < enough; size++) {
			enum status st = load_image(files[f].image, size, "", &e);

			if (st == STATUS_BAD_IMAGE && lines(said) == 1)
				continue;
			print_error("row: %s of %zu bytes: %d\n", files[f].name, size, (int)st);
			wrong++;
		}
		assert_int_equal(load_image(files[f].image, enough, "", &e), STATUS_OK);
	}
	assert_int_equal(wrong, 0);
}

/* The same without a file: a head that ends early while the file is said to go on. */
static void test_every_short_head(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t len = 0; len < 64 + 2 * 56; len++) {
		struct elf out;

		wrong += elf_decode((struct span){ elf.bytes, len }, elf.size, &out) == NULL;
	}
	for (size_t len = 0; len < 0x1f1 + sizeof(struct setup_header); len++) {
		struct bzimage out;

		wrong += bzimage_decode((struct span){ bz.bytes, len }, bz.size, &out) == NULL;
	}
	assert_int_equal(wrong, 0);
}

static void test_number_of_segments(void **state)
{
	static const struct {
		const char *name;
		unsigned count;
		bool works;
	} rows[] = {
		{ "as many as there may be", ELF_SEGMENTS_MAX, true },
		{ "one too many", ELF_SEGMENTS_MAX + 1, false },
		{ "as many as fit into the head", 140, false },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tiny_image image = elf;
		uint16_t count = (uint16_t)rows[i].count;
		struct elf out;

		memcpy(image.bytes + offsetof(Elf64_Ehdr, e_phnum), &count, sizeof(count));
		for (unsigned n = 1; n < rows[i].count; n++) {
			Elf64_Phdr p = { .p_type = PT_LOAD,
					 .p_paddr = TINY_ADDRESS + n * 0x1000,
					 .p_memsz = 16 };

			memcpy(image.bytes + 64 + 56 * n, &p, sizeof(p));
		}
		if ((elf_decode((struct span){ image.bytes, image.size }, image.size, &out) ==
		     NULL) == rows[i].works)
			continue;
		print_error("row: %s\n", rows[i].name);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* What people hand over by mistake is named. */
static void test_other_files(void **state)
{
	static const struct {
		const char *name;
		unsigned offset;
		const char *magic;
		const char *text;
	} rows[] = {
		{ "empty", 0, "", "neither a bzImage" },
		{ "text", 0, "#!/bin/sh\n", "neither a bzImage" },
		{ "arm64 Image", 0x38, "ARM\x64", "arm64" },
		{ "RISC-V Image", 0x30, "RISCV", "RISC-V" },
		{ "gzip", 0, "\x1f\x8b\x08", "gzip" },
		{ "xz", 0,
		  "\xfd"
		  "7zXZ",
		  "xz file" },
		{ "zstd", 0, "\x28\xb5\x2f\xfd", "zstd" },
		{ "cpio", 0, "070701", "--initrd" },
		{ "qcow2", 0, "QFI\xfb", "qcow2" },
		{ "Debian package", 0, "!<arch>\n", "archive" },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tiny_image image = { .size = 0x40 };
		struct kernel_entry e;

		memcpy(image.bytes + rows[i].offset, rows[i].magic, strlen(rows[i].magic));
		wrong += !ended(rows[i].name, load_image(&image, image.size, "", &e),
				STATUS_BAD_IMAGE, rows[i].text);
	}
	assert_int_equal(wrong, 0);
}

static void test_command_line(void **state)
{
	static const struct {
		const char *name;
		unsigned taken; /* by the kernel; 0: an ELF kernel */
		size_t len;
		enum status status;
	} rows[] = {
		{ "none", 2047, 0, STATUS_OK },
		{ "as long as may be", 2047, 2047, STATUS_OK },
		{ "one too long", 2047, 2048, STATUS_NO_FIT },
		{ "much too long", 2047, 6000, STATUS_NO_FIT },
		{ "kernel takes one character", 1, 1, STATUS_OK },
		{ "kernel takes one, not two", 1, 2, STATUS_NO_FIT },
		{ "kernel takes more than there is room for", UINT32_MAX, 4096, STATUS_NO_FIT },
		{ "all room there is", UINT32_MAX, 4095, STATUS_OK },
		{ "ELF, as long as may be", 0, 2047, STATUS_OK },
		{ "ELF, one too long", 0, 2048, STATUS_NO_FIT },
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tiny_image image = rows[i].taken != 0 ? bz : elf;
		struct patch p[] = {
			{ HD(cmdline_size), rows[i].taken != 0 ? 4 : 0, rows[i].taken }, { 0 }
		};
		char cmdline[8192] = { 0 };
		struct kernel_entry e;

		spoil(&image, p, 0);
		memset(cmdline, 'x', rows[i].len);
		wrong += !ended(rows[i].name, load_image(&image, image.size, cmdline, &e),
				rows[i].status,
				rows[i].status == STATUS_OK ? "" : "the command line has");
	}
	assert_int_equal(wrong, 0);
}

static struct boot_params zero_page(const struct kernel_entry *e)
{
	struct boot_params zp;

	assert_true(gmem_read(&ram.mem, gpa(e->rsi), &zp, sizeof(zp)));
	return zp;
}

/* Where an initrd comes to stand, and when it does not. */
static void test_initrd(void **state)
{
	static const struct {
		const char *name;
		uint64_t size, max; /* max: the highest address that the kernel allows */
		uint64_t kernel_end;
		uint64_t start; /* 0: does not fit */
	} rows[] = {
		{ "one byte", 1, 0x7fffffff, 0x1003800, RAM_SIZE - 4096 },
		{ "a page", 4096, 0x7fffffff, 0x1003800, RAM_SIZE - 4096 },
		{ "a page and a byte", 4097, 0x7fffffff, 0x1003800, RAM_SIZE - 8192 },
		{ "all room above the kernel", 0x2ffc000, 0x7fffffff, 0x1003800, 0x1004000 },
		{ "larger than the memory", 65 * MIB, 0x7fffffff, 0x1003800, 0 },
		{ "larger than 4 GiB", 4096 * MIB + 1, 0x7fffffff, 0x1003800, 0 },
		{ "larger than any room", 0x2ffd000, 0x7fffffff, 0x1003800, 0 },
		{ "fits, but not at a page", 0x2ffc400, 0x7fffffff, 0x1003800, 0 },
		{ "below the kernel", 15 * MIB, 0x7fffffff, RAM_SIZE, MIB },
		{ "neither above nor below", 15 * MIB + 1, 0x7fffffff, RAM_SIZE, 0 },
		{ "as high as the kernel allows", 4096, 0x1ffffff, 0x1003800, 0x1fff000 },
		{ "a limit in mid-page", 4096, 0x1fff7ff, 0x1003800, 0x1ffe000 },
		{ "a limit below the kernel", 4096, 0x7fffff, 0x1003800, 0x7ff000 },
		{ "a limit below 1 MiB", 4096, 0xfffff, 0x1003800, 0 },
		{ "a limit of 0", 4096, 0, 0x1003800, 0 },
		{ "a limit of 4 GiB", 4096, 0xffffffff, 0x1003800, RAM_SIZE - 4096 },
	};
	struct kernel_source src = { kernel_fd, initrd_fd, "", 1 };
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tiny_image vmlinux = inner, image;
		struct patch memory[] = {
			{ PH(1, p_memsz), 8, rows[i].kernel_end - TINY_ADDRESS_2 }, { 0 }
		};
		struct patch max[] = { { HD(initrd_addr_max), 4, rows[i].max }, { 0 } };
		struct kernel_entry e = { 0 };
		struct boot_params zp;
		enum status st;
		char mark = 0;

		spoil(&vmlinux, memory, 0);
		tiny_bzimage(&image, &vmlinux);
		spoil(&image, max, 0);
		give(kernel_fd, &image, image.size);
		assert_int_equal(ftruncate(initrd_fd, 0), 0);
		assert_int_equal(ftruncate(initrd_fd, (off_t)rows[i].size), 0);
		assert_int_equal(pwrite(initrd_fd, "I", 1, 0), 1);
		st = load(&src, &e);
		if (!ended(rows[i].name, st, rows[i].start != 0 ? STATUS_OK : STATUS_NO_FIT,
			   rows[i].start != 0 ? "" : "kernel and initrd do not fit")) {
			wrong++;
			continue;
		}
		if (rows[i].start == 0)
			continue;
		zp = zero_page(&e);
		if (zp.hdr.ramdisk_image == rows[i].start &&
		    zp.hdr.ramdisk_size == rows[i].size &&
		    gmem_read(&ram.mem, gpa(rows[i].start), &mark, 1) && mark == 'I')
			continue;
		print_error("row: %s: stands at 0x%x\n", rows[i].name, zp.hdr.ramdisk_image);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* True if guest memory holds what the tiny ELF's two segments say, zeros included. */
static void assert_segments_in_place(void)
{
	uint8_t memory[TINY_ADDRESS_2 - TINY_ADDRESS + TINY_MEMORY_2];
	const uint8_t *second = memory + (TINY_ADDRESS_2 - TINY_ADDRESS);

	assert_true(gmem_read(&ram.mem, gpa(TINY_ADDRESS), memory, sizeof(memory)));
	assert_memory_equal(memory, elf.bytes + TINY_OFFSET, TINY_SIZE);
	assert_memory_equal(second, elf.bytes + TINY_OFFSET_2, TINY_SIZE_2);
	for (uint32_t i = TINY_SIZE_2; i < TINY_MEMORY_2; i++)
		assert_int_equal(second[i], 0);
}

static void fresh_ram(void)
{
	assert_int_equal(fallocate(ram.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   (off_t)ram.size),
			 0);
}

/* What the boot protocol promises to a kernel besides itself. */
static void assert_boot_parameters(const struct kernel_entry *e, const char *cmdline)
{
	struct boot_params zp = zero_page(e);
	char text[64], rsdp[8];

	assert_int_equal(zp.hdr.boot_flag, 0xaa55);
	assert_int_equal(zp.hdr.header, 0x53726448);
	assert_int_equal(zp.hdr.type_of_loader, 0xff);
	assert_true(gmem_read(&ram.mem, gpa(zp.hdr.cmd_line_ptr), text, strlen(cmdline) + 1));
	assert_string_equal(text, cmdline);
	assert_int_equal(zp.acpi_rsdp_addr, ACPI_START);
	assert_true(gmem_read(&ram.mem, gpa(zp.acpi_rsdp_addr), rsdp, sizeof(rsdp)));
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(zp.hdr.ramdisk_size, 0);
	assert_int_equal(zp.e820_entries, 4);
	assert_true(zp.e820_table[0].addr == 0 && zp.e820_table[0].size == 0x9fc00);
	assert_true(zp.e820_table[2].addr == MIB && zp.e820_table[2].size == RAM_SIZE - MIB);
	assert_int_equal(zp.e820_table[2].type, 1);
}

static void test_elf_in_place(void **state)
{
	struct kernel_entry e;

	(void)state;
	fresh_ram();
	assert_int_equal(load_image(&elf, elf.size, "console=ttyS0", &e), STATUS_OK);
	assert_true(e.rip == TINY_ADDRESS);
	assert_segments_in_place();
	assert_boot_parameters(&e, "console=ttyS0");
}

static void test_bzimage_unpacks(void **state)
{
	struct kernel_entry e;

	(void)state;
	fresh_ram();
	assert_int_equal(load_image(&bz, bz.size, "nokaslr quiet", &e), STATUS_OK);
	assert_true(e.rip == TINY_ADDRESS);
	assert_segments_in_place();
	assert_boot_parameters(&e, "nokaslr quiet");
	assert_int_equal(zero_page(&e).hdr.loadflags, LOADED_HIGH);
	assert_int_equal(zero_page(&e).hdr.version, 0x20f);
}

/* A shape that is not ours to unpack: the code stands where it wants to, entered at 0x200. */
static void test_bzimage_as_it_is(void **state)
{
	struct tiny_image image = bz;
	struct patch other[] = { { FROM_START, TINY_PAYLOAD, 4, 0x587a37fd }, { 0 } };
	static uint8_t code[TINY_MAX];
	struct kernel_entry e;

	(void)state;
	fresh_ram();
	spoil(&image, other, 0);
	assert_int_equal(load_image(&image, image.size, "", &e), STATUS_OK);
	assert_true(e.rip == TINY_ADDRESS + 0x200);
	assert_true(gmem_read(&ram.mem, gpa(TINY_ADDRESS), code, image.size - TINY_SETUP_SIZE));
	assert_memory_equal(code, image.bytes + TINY_SETUP_SIZE, image.size - TINY_SETUP_SIZE);
}

/* Fields behind the end of an older kernel's header are code, and must not be told as fields. */
static void test_unknown_fields_are_zero(void **state)
{
	struct tiny_image image = bz;
	struct patch old[] = { { FROM_START, 0x201, 1, 0x62 },
			       { HD(handover_offset), 4, 0x11223344 },
			       { HD(kernel_info_offset), 4, 0x55667788 },
			       { 0 } };
	struct kernel_entry e;

	(void)state;
	spoil(&image, old, 0);
	assert_int_equal(load_image(&image, image.size, "", &e), STATUS_OK);
	assert_int_equal(zero_page(&e).hdr.init_size, 0x400000);
	assert_int_equal(zero_page(&e).hdr.handover_offset, 0);
	assert_int_equal(zero_page(&e).hdr.kernel_info_offset, 0);
}

#define VA(offset) (0x80000000u + TINY_ADDRESS + (offset))
#define END_VA	   VA(TINY_ADDRESS_2 - TINY_ADDRESS + TINY_MEMORY_2)

/* Relocation tables; the places at 16 (32 bits), 32 (subtract) and 64 (64 bits) are looked at. */
static const struct {
	const char *name;
	uint32_t word[8];
	size_t count;
	uint64_t slide;
	const char *error; /* NULL: works */
	uint64_t add32, subtract32, add64;
} tables[] = {
	{ "two lists", { 0, VA(64), 0, VA(16) }, 4, 0x200000, NULL, 0x200000, 0, 0x200000 },
	{ "three lists",
	  { 0, VA(64), 0, VA(32), 0, VA(16) },
	  6,
	  0x200000,
	  NULL,
	  0x200000,
	  0x200000,
	  0x200000 },
	{ "no slide, no change", { 0, VA(64), 0, VA(16) }, 4, 0, NULL, 0, 0, 0 },
	{ "no slide, table not looked at", { 1, 2, 3 }, 3, 0, NULL, 0, 0, 0 },
	{ "empty lists", { 0, 0 }, 2, 0x200000, NULL, 0, 0, 0 },
	{ "three empty lists", { 0, 0, 0 }, 3, 0x200000, NULL, 0, 0, 0 },
	{ "a place twice",
	  { 0, VA(64), VA(64), 0, VA(16) },
	  5,
	  0x200000,
	  NULL,
	  0x200000,
	  0,
	  0x400000 },
	{ "last place of the kernel",
	  { 0, END_VA - 8, 0, END_VA - 4 },
	  4,
	  0x200000,
	  NULL,
	  0,
	  0,
	  0 },
	{ "no table", { 0 }, 0, 0x200000, "no known form", 0, 0, 0 },
	{ "no terminator", { VA(64), VA(16) }, 2, 0x200000, "no known form", 0, 0, 0 },
	{ "one terminator", { 0, VA(16) }, 2, 0x200000, "no known form", 0, 0, 0 },
	{ "four terminators", { 0, 0, 0, 0 }, 4, 0x200000, "no known form", 0, 0, 0 },
	{ "behind the last terminator",
	  { VA(16), 0, VA(64), 0 },
	  4,
	  0x200000,
	  "outside",
	  0,
	  0,
	  0 },
	{ "32 bits over the end", { 0, 0, END_VA - 3 }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "64 bits over the end", { 0, END_VA - 7, 0 }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "32 bits at the end", { 0, 0, END_VA }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "subtract over the end", { 0, 0, END_VA - 3, 0 }, 4, 0x200000, "outside", 0, 0, 0 },
	{ "one before the kernel", { 0, 0, VA(0) - 1 }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "the lowest address of the map",
	  { 0, 0, 0x80000000 },
	  3,
	  0x200000,
	  "outside",
	  0,
	  0,
	  0 },
	{ "a physical address", { 0, 0, TINY_ADDRESS }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "address 1", { 0, 0, 1 }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "the highest address", { 0, 0, 0xffffffff }, 3, 0x200000, "outside", 0, 0, 0 },
	{ "the highest address, 64 bits",
	  { 0, 0xffffffff, 0 },
	  3,
	  0x200000,
	  "outside",
	  0,
	  0,
	  0 },
};

static uint64_t word_at(uint32_t offset, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, inner.bytes + TINY_OFFSET + offset, len);
	return v;
}

static uint64_t memory_at(uint32_t offset, size_t len)
{
	uint64_t v = 0;

	assert_true(gmem_read(&ram.mem, gpa(TINY_ADDRESS + offset), &v, len));
	return v;
}

static void test_relocations(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct tiny_image vmlinux = inner, image;
		struct span payload;
		struct vmlinux v;
		const char *error;
		bool plain;

		tiny_append(&vmlinux, tables[i].word, tables[i].count);
		tiny_bzimage(&image, &vmlinux);
		payload =
			(struct span){ image.bytes + TINY_PAYLOAD, image.size - TINY_PAYLOAD };
		assert_null(vmlinux_decode(payload, &v, &plain));
		assert_true(plain);
		assert_int_equal(vmlinux_slide_room(&v) != 0, tables[i].count != 0);
		error = vmlinux_unpack(payload, &ram.mem, &v, tables[i].slide);
		if (tables[i].error == NULL
			    ? error == NULL &&
				      (uint32_t)(memory_at(16, 4) - word_at(16, 4)) ==
					      tables[i].add32 &&
				      (uint32_t)(word_at(32, 4) - memory_at(32, 4)) ==
					      tables[i].subtract32 &&
				      memory_at(64, 8) - word_at(64, 8) == tables[i].add64 &&
				      memory_at(0, 8) == word_at(0, 8) &&
				      memory_at(TINY_ADDRESS_2 - TINY_ADDRESS + TINY_MEMORY_2 -
							8,
						8) == 0
			    : error != NULL && strstr(error, tables[i].error) != NULL)
			continue;
		print_error("row: %s: %s\n", tables[i].name,
			    error != NULL ? error : "wrong sums");
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* A kernel with relocations slides unless told not to, and learns that it has slid. */
static void test_random_slide(void **state)
{
	static const uint32_t words[] = { 0, VA(64), 0, VA(16) };
	struct tiny_image vmlinux = inner, image;
	struct kernel_entry e;
	unsigned slid = 0, wrong = 0;

	(void)state;
	tiny_append(&vmlinux, words, 4);
	tiny_bzimage(&image, &vmlinux);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t slide;

		assert_int_equal(load_image(&image, image.size, "xnokaslr nokaslrx", &e),
				 STATUS_OK);
		slide = memory_at(64, 8) - word_at(64, 8);
		slid += slide != 0;
		wrong += slide % RAM_ALIGN != 0 || slide > (1u << 30) - 0x1003800 ||
			 (uint32_t)(memory_at(16, 4) - word_at(16, 4)) != slide ||
			 ((zero_page(&e).hdr.loadflags & KASLR_FLAG) != 0) != (slide != 0) ||
			 e.rip != TINY_ADDRESS;
	}
	assert_int_equal(wrong, 0);
	assert_in_range(slid, 15, 20);
	assert_int_equal(load_image(&image, image.size, "quiet nokaslr", &e), STATUS_OK);
	assert_true(memory_at(64, 8) == word_at(64, 8));
	assert_int_equal(zero_page(&e).hdr.loadflags & KASLR_FLAG, 0);
}

/* By way of scratch memory when the file as a whole is larger than what memory it leaves. */
static void test_unpacks_without_room_for_the_file(void **state)
{
	static uint8_t small[TINY_ADDRESS_2 - TINY_ADDRESS + TINY_MEMORY_2];
	struct gmem_region exact = { TINY_ADDRESS, sizeof(small), small };
	struct gmem_region short_by_one = { TINY_ADDRESS, sizeof(small) - 1, small };
	struct span payload = { bz.bytes + TINY_PAYLOAD, bz.size - TINY_PAYLOAD };
	struct gmem mem;
	struct vmlinux v;
	bool plain;

	(void)state;
	memset(small, 0xaa, sizeof(small));
	assert_null(vmlinux_decode(payload, &v, &plain));
	assert_true(gmem_init(&mem, &short_by_one, 1));
	assert_non_null(vmlinux_unpack(payload, &mem, &v, 0));
	assert_true(gmem_init(&mem, &exact, 1));
	assert_null(vmlinux_unpack(payload, &mem, &v, 0));
	assert_memory_equal(small, inner.bytes + TINY_OFFSET, TINY_SIZE);
	assert_memory_equal(small + 0x800, inner.bytes + TINY_OFFSET_2, TINY_SIZE_2);
	assert_int_equal(small[0x800 + TINY_SIZE_2], 0);
	assert_int_equal(small[sizeof(small) - 1], 0);
}

static int set_up(void **state)
{
	(void)state;
	tiny_elf(&elf, "", 0);
	inner = elf;
	tiny_bzimage(&bz, &inner);
	kernel_fd = memfd_create("kernel", MFD_CLOEXEC);
	initrd_fd = memfd_create("initrd", MFD_CLOEXEC);
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return kernel_fd < 0 || initrd_fd < 0 || null_fd < 0 ||
	       ram_init(&ram, RAM_SIZE, RAM_PAGES) != STATUS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_bzimage),
		cmocka_unit_test(test_vmlinux_inside),
		cmocka_unit_test(test_noise_after_a_good_one),
		cmocka_unit_test(test_block_over_the_size),
		cmocka_unit_test(test_end_of_elf),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_short_head),
		cmocka_unit_test(test_number_of_segments),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_initrd),
		cmocka_unit_test(test_elf_in_place),
		cmocka_unit_test(test_bzimage_unpacks),
		cmocka_unit_test(test_bzimage_as_it_is),
		cmocka_unit_test(test_unknown_fields_are_zero),
		cmocka_unit_test(test_relocations),
		cmocka_unit_test(test_random_slide),
		cmocka_unit_test(test_unpacks_without_room_for_the_file),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
