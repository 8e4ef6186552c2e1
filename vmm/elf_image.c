/* SPDX-License-Identifier: ISC */
#include "elf_image.h"

#include <elf.h>
#include <string.h>

#define LOWEST_ADDRESS 0x100000u /* below stand the boot parameters and the ACPI tables */

bool elf_recognise(struct span head)
{
	char magic[SELFMAG];

	return span_read(head, 0, magic, sizeof(magic)) && memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static const char *foreign(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return NULL;
	case EM_386:
		return "is for 32-bit x86, this machine is x86-64";
	case EM_AARCH64:
		return "is for arm64, this machine is x86-64";
	case EM_RISCV:
		return "is for RISC-V, this machine is x86-64";
	default:
		return "is for another architecture, this machine is x86-64";
	}
}

static const char *segment_decode(const Elf64_Phdr *p, uint64_t file_size, struct elf *out)
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
	if (s.size > UINT64_MAX - s.address)
		return "is malformed: a segment wraps around the end of memory";
	for (unsigned i = 0; i < out->count; i++) {
		const struct elf_segment *o = &out->segment[i];

		if (s.address < o->address + o->size && o->address < s.address + s.size)
			return "is malformed: segments overlap";
	}
	out->segment[out->count++] = s;
	return NULL;
}

const char *elf_decode(struct span head, uint64_t file_size, struct elf *out)
{
	Elf64_Ehdr eh;
	const char *error;

	*out = (struct elf){ 0 };
	if (!span_read(head, 0, &eh, sizeof(eh)))
		return "is truncated inside the ELF header";
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return "is big-endian, this machine is little-endian";
	/* e_machine stands at the same place in a 32-bit file. */
	error = foreign(eh.e_machine);
	if (error != NULL)
		return error;
	if (eh.e_ident[EI_CLASS] != ELFCLASS64)
		return "is for 32-bit x86, this machine is x86-64";
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return "is an ELF object, not an executable kernel";
	if (eh.e_phentsize != sizeof(Elf64_Phdr))
		return "is malformed: program headers of an unknown size";

	for (unsigned i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr p;

		if (eh.e_phoff > head.len ||
		    !span_read(head, eh.e_phoff + i * sizeof(p), &p, sizeof(p)))
			return "is truncated: no room for its program headers";
		if (p.p_type != PT_LOAD || p.p_memsz == 0)
			continue;
		error = segment_decode(&p, file_size, out);
		if (error != NULL)
			return error;
	}
	if (out->count == 0)
		return "has no segment to load";

	out->entry = eh.e_entry;
	out->end = eh.e_shoff; /* judged by its user: a stripped kernel may say anything */
	if (out->end <= file_size &&
	    (uint64_t)eh.e_shnum * eh.e_shentsize <= file_size - out->end)
		out->end += (uint64_t)eh.e_shnum * eh.e_shentsize;
	else
		out->end = file_size;
	for (unsigned i = 0; i < out->count; i++)
		if (out->entry >= out->segment[i].address &&
		    out->entry - out->segment[i].address < out->segment[i].file_size)
			return NULL;
	return "is malformed: its entry point lies outside its segments";
}
