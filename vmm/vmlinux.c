/* SPDX-License-Identifier: ISC */
#include "vmlinux.h"

#include <endian.h>
#include <lz4.h>
#include <string.h>
#include <sys/mman.h>

#define LZ4_MAGIC   0x184c2102u /* lz4_Frame_format.md, "Legacy frame" */
#define LZ4_BLOCK   (8u << 20)	/* bytes that every block but the last unpacks to */
#define HEAD_SIZE   ELF_HEAD_SIZE
#define VMLINUX_MAX (512ull << 20)

#define KERNEL_MAP	0xffffffff80000000ul /* __START_KERNEL_map */
#define KERNEL_MAP_SIZE (1ull << 30)	     /* KERNEL_IMAGE_SIZE under KASLR */

static bool load32(struct span s, uint64_t offset, uint32_t *v)
{
	if (!span_read(s, offset, v, sizeof(*v)))
		return false;
	*v = le32toh(*v);
	return true;
}

bool vmlinux_recognise(struct span payload)
{
	uint32_t magic;

	return load32(payload, 0, &magic) && magic == LZ4_MAGIC;
}

/* The block at *at; moves *at behind it. False at the end of the blocks or if one is cut. */
static bool next_block(struct span payload, uint64_t *at, struct span *block)
{
	uint32_t len;

	/* The last four bytes are the unpacked size, added by the kernel's build. */
	if (!load32(payload, *at, &len) || len == 0 || payload.len < 4 ||
	    !span_inside(*at + 4, len, payload.len - 4))
		return false;
	*block = (struct span){ payload.at + *at + 4, len };
	*at += 4 + (uint64_t)len;
	return true;
}

/*
 * Unpacking in place works if the file's segments are in the order of their addresses and each
 * is to move down or stay: then moving them in order overwrites nothing that is still to move.
 */
static bool in_order(const struct vmlinux *v)
{
	const struct elf *e = &v->elf;
	uint64_t file_end = 0, memory_end = 0;

	for (unsigned i = 0; i < e->count; i++) {
		const struct elf_segment *s = &e->segment[i];

		if (s->offset < file_end || s->address < memory_end ||
		    s->address > v->file_address + s->offset)
			return false;
		file_end = s->offset + s->file_size;
		memory_end = s->address + s->size;
	}
	return e->end >= file_end;
}

const char *vmlinux_decode(struct span payload, struct vmlinux *out, bool *plain)
{
	static char head[HEAD_SIZE];
	const struct elf_segment *first, *last;
	struct span block;
	uint64_t at = 4;
	uint32_t size;
	const char *error;
	int n;

	*out = (struct vmlinux){ 0 };
	*plain = false;
	if (payload.len < 8 || !load32(payload, payload.len - 4, &size) ||
	    !next_block(payload, &at, &block))
		return "is truncated: its LZ4 payload has no block";
	n = LZ4_decompress_safe_partial((const char *)block.at, head, (int)block.len, HEAD_SIZE,
					HEAD_SIZE);
	if (n <= 0)
		return "is damaged: its LZ4 payload does not unpack";
	out->file_size = size;
	if (size > VMLINUX_MAX)
		return "is malformed: its payload claims to unpack to more than 512 MiB";
	error = elf_decode((struct span){ (const uint8_t *)head, (size_t)n }, size, &out->elf);
	if (error != NULL)
		return error;

	first = &out->elf.segment[0];
	last = &out->elf.segment[out->elf.count - 1];
	out->end = last->address + last->size;
	out->file_address = first->address - first->offset;
	*plain = first->offset <= first->address && in_order(out) && out->end < KERNEL_MAP_SIZE;
	return NULL;
}

/* Where a kernel virtual address of the relocation table stands in memory. */
static uint8_t *target(struct iovec memory, uint64_t start, uint32_t entry, size_t len)
{
	/* Entries are the low halves of addresses that are sign-extended from 32 bits. */
	uint64_t address = (uint64_t)(int64_t)(int32_t)entry - KERNEL_MAP;

	if (address < start || !span_inside(address - start, len, memory.iov_len))
		return NULL;
	return (uint8_t *)memory.iov_base + (address - start);
}

static bool add32(uint8_t *p, uint32_t v)
{
	uint32_t old;

	if (p == NULL)
		return false;
	memcpy(&old, p, sizeof(old));
	old += v;
	memcpy(p, &old, sizeof(old));
	return true;
}

static bool add64(uint8_t *p, uint64_t v)
{
	uint64_t old;

	if (p == NULL)
		return false;
	memcpy(&old, p, sizeof(old));
	old += v;
	memcpy(p, &old, sizeof(old));
	return true;
}

/*
 * The table behind the file (arch/x86/tools/relocs.c): from its end backwards, 32-bit places
 * to add to, then, in kernels whose per-CPU area begins at zero, places to subtract from, then
 * 64-bit places; each list ends with a zero, so the number of zeros tells which lists there are.
 */
static const char *relocate(struct iovec memory, uint64_t start, struct span table,
			    uint64_t slide)
{
	enum { ADD_32, SUBTRACT_32, ADD_64, END } list = ADD_32;
	uint64_t zeros = 0;

	for (uint64_t i = 0; i < table.len / 4; i++) {
		uint32_t entry;

		memcpy(&entry, table.at + 4 * i, sizeof(entry));
		zeros += entry == 0;
	}
	if (zeros != 2 && zeros != 3)
		return "is damaged: its relocation table has no known form";
	for (uint64_t i = table.len / 4; i-- > 0;) {
		uint32_t entry;
		bool ok = false;

		memcpy(&entry, table.at + 4 * i, sizeof(entry));
		if (entry == 0) {
			list = list == ADD_32 && zeros == 2 ? ADD_64 : list + 1;
			continue;
		}
		if (list == ADD_32)
			ok = add32(target(memory, start, entry, 4), (uint32_t)slide);
		else if (list == SUBTRACT_32)
			ok = add32(target(memory, start, entry, 4), (uint32_t)-slide);
		else if (list == ADD_64)
			ok = add64(target(memory, start, entry, 8), slide);
		if (!ok)
			return "is damaged: its relocation table points outside of it";
	}
	return NULL;
}

uint64_t vmlinux_slide_room(const struct vmlinux *v)
{
	return v->elf.end < v->file_size ? KERNEL_MAP_SIZE - v->end : 0;
}

static const char *unpack(struct span payload, struct iovec file)
{
	struct span block;
	uint64_t at = 4, done = 0;

	while (done < file.iov_len && next_block(payload, &at, &block)) {
		uint64_t room = file.iov_len - done;
		int n = LZ4_decompress_safe((const char *)block.at,
					    (char *)file.iov_base + done, (int)block.len,
					    room < LZ4_BLOCK ? (int)room : (int)LZ4_BLOCK);

		if (n <= 0)
			return "is damaged: its LZ4 payload does not unpack";
		done += (uint64_t)n;
	}
	return done == file.iov_len ? NULL : "is truncated: its LZ4 payload ends early";
}

/* Everything behind the unpacking; file may be a part of memory. */
static const char *place(struct iovec file, struct iovec memory, const struct vmlinux *v,
			 uint64_t slide)
{
	const struct elf *e = &v->elf;
	uint64_t start = e->segment[0].address;
	struct span table = { (const uint8_t *)file.iov_base + e->end,
			      (size_t)(v->file_size - e->end) };
	const char *error = NULL;

	for (unsigned i = 0; i < e->count; i++) {
		const struct elf_segment *s = &e->segment[i];

		memmove((uint8_t *)memory.iov_base + (s->address - start),
			(uint8_t *)file.iov_base + s->offset, s->file_size);
	}
	/* Segments only ever move down, so the table behind them is still where it was. */
	if (slide != 0)
		error = relocate(memory, start, table, slide);
	for (unsigned i = 0; i < e->count; i++) {
		const struct elf_segment *s = &e->segment[i];

		memset((uint8_t *)memory.iov_base + (s->address + s->file_size - start), 0,
		       s->size - s->file_size);
	}
	return error;
}

const char *vmlinux_unpack(struct span payload, const struct gmem *mem, const struct vmlinux *v,
			   uint64_t slide)
{
	uint64_t start = v->elf.segment[0].address;
	struct iovec memory, file = { .iov_base = NULL };
	const char *error;
	void *scratch = MAP_FAILED;

	if (!gmem_iovec(mem, gpa(start), v->end - start, &memory))
		return "does not fit into the guest's memory";
	if (!gmem_iovec(mem, gpa(v->file_address), v->file_size, &file)) {
		scratch = mmap(NULL, v->file_size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (scratch == MAP_FAILED)
			return "cannot be unpacked: the host has no memory for it";
		file = (struct iovec){ scratch, v->file_size };
	}
	error = unpack(payload, file);
	if (error == NULL)
		error = place(file, memory, v, slide);
	if (scratch != MAP_FAILED)
		munmap(scratch, v->file_size);
	return error;
}
