/* SPDX-License-Identifier: ISC */
#include "tiny_image.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <lz4.h>
#include <string.h>

/* Hard to compress, so that a packed block has literals wherever one cuts it. */
uint8_t tiny_byte(uint32_t file_offset)
{
	uint32_t x = file_offset * 2654435761u;

	return (uint8_t)(x >> 24 ^ x >> 13);
}

void tiny_elf(struct tiny_image *out, const void *code, size_t code_len)
{
	Elf64_Ehdr eh = { .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_entry = TINY_ADDRESS,
			  .e_phoff = sizeof(eh),
			  .e_shoff = TINY_OFFSET_2 + TINY_SIZE_2,
			  .e_ehsize = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 2,
			  .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 1 };
	Elf64_Phdr ph[2] = { { .p_type = PT_LOAD,
			       .p_offset = TINY_OFFSET,
			       .p_paddr = TINY_ADDRESS,
			       .p_vaddr = 0xffffffff80000000 + TINY_ADDRESS,
			       .p_filesz = TINY_SIZE,
			       .p_memsz = TINY_SIZE },
			     { .p_type = PT_LOAD,
			       .p_offset = TINY_OFFSET_2,
			       .p_paddr = TINY_ADDRESS_2,
			       .p_vaddr = 0xffffffff80000000 + TINY_ADDRESS_2,
			       .p_filesz = TINY_SIZE_2,
			       .p_memsz = TINY_MEMORY_2 } };

	memset(out, 0, sizeof(*out));
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(out->bytes, &eh, sizeof(eh));
	memcpy(out->bytes + sizeof(eh), ph, sizeof(ph));
	for (uint32_t i = TINY_OFFSET; i < TINY_OFFSET + TINY_SIZE; i++)
		out->bytes[i] = tiny_byte(i);
	for (uint32_t i = TINY_OFFSET_2; i < TINY_OFFSET_2 + TINY_SIZE_2; i++)
		out->bytes[i] = tiny_byte(i);
	memcpy(out->bytes + TINY_OFFSET, code, code_len);
	out->size = TINY_ELF_SIZE;
}

static void append(struct tiny_image *i, const void *bytes, size_t len)
{
	memcpy(i->bytes + i->size, bytes, len);
	i->size += len;
}

static void append32(struct tiny_image *i, uint32_t v)
{
	append(i, &v, sizeof(v));
}

void tiny_append(struct tiny_image *elf, const uint32_t *words, size_t count)
{
	append(elf, words, count * sizeof(*words));
}

static void append_block(struct tiny_image *out, const uint8_t *bytes, size_t len)
{
	int n = LZ4_compress_default((const char *)bytes, (char *)out->bytes + out->size + 4,
				     (int)len, (int)(TINY_MAX - out->size - 4));

	append32(out, (uint32_t)n);
	out->size += (size_t)n;
}

size_t tiny_bzimage(struct tiny_image *out, const struct tiny_image *vmlinux)
{
	struct setup_header h = { .setup_sects = TINY_SETUP_SIZE / 512 - 1,
				  .boot_flag = 0xaa55,
				  .jump = 0xeb | (0x1f1 + sizeof(h) - 0x202) << 8,
				  .header = 0x53726448,
				  .version = 0x020f,
				  .loadflags = LOADED_HIGH,
				  .initrd_addr_max = 0x7fffffff,
				  .kernel_alignment = 0x200000,
				  .relocatable_kernel = 1,
				  .xloadflags = XLF_KERNEL_64,
				  .cmdline_size = 2047,
				  .payload_offset = TINY_STUB_SIZE,
				  .pref_address = TINY_ADDRESS,
				  .init_size = 0x400000 };
	size_t second;

	memset(out, 0, sizeof(*out));
	out->size = TINY_PAYLOAD;
	append32(out, 0x184c2102);
	append_block(out, vmlinux->bytes, TINY_FIRST_BLOCK);
	second = out->size;
	append_block(out, vmlinux->bytes + TINY_FIRST_BLOCK, vmlinux->size - TINY_FIRST_BLOCK);
	append32(out, (uint32_t)vmlinux->size);
	h.payload_length = (uint32_t)(out->size - TINY_PAYLOAD);
	h.syssize = (uint32_t)(out->size - TINY_SETUP_SIZE + 15) / 16;
	memcpy(out->bytes + 0x1f1, &h, sizeof(h));
	return second;
}
