/* SPDX-License-Identifier: ISC */
/*
 * An ELF vmlinux, as far as loading it goes (System V ABI, chapters 4 and 5).
 *
 * After elf_decode() has said yes: every segment's file range is inside the file, every memory
 * range is above 1 MiB and does not wrap, no two overlap, and the entry lies in a segment.
 */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include "span.h"

#define ELF_SEGMENTS_MAX 16
#define ELF_HEAD_SIZE	 8192 /* a prefix of the file that is enough to decode it */

struct elf_segment {
	uint64_t offset, file_size; /* bytes, in the file */
	uint64_t address, size;	    /* guest-physical; size >= file_size, the rest is zeros */
};

struct elf {
	uint64_t entry; /* guest-physical */
	uint64_t end;	/* file offset behind the section headers: what is appended follows */
	unsigned count;
	struct elf_segment segment[ELF_SEGMENTS_MAX];
};

bool elf_recognise(struct span head);

/*
 * head is the first bytes of a file of file_size bytes. Returns NULL, or a sentence that says
 * what is wrong; then *out is not to be used.
 */
const char *elf_decode(struct span head, uint64_t file_size, struct elf *out) MUST_CHECK;

#endif /* ELF_IMAGE_H */
