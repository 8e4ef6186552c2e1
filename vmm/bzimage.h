/* SPDX-License-Identifier: ISC */
/*
 * A Linux bzImage (Documentation/arch/x86/boot.rst, protocol 2.12 and later).
 *
 * After bzimage_decode() has said yes: setup, protected-mode code and payload are inside the file.
 */
#ifndef BZIMAGE_H
#define BZIMAGE_H

#include "span.h"

#include <asm/bootparam.h>

struct bzimage {
	struct setup_header header; /* as in the file, checked; zero behind its real end */
	uint64_t code_offset;	    /* protected-mode code, in the file, bytes */
	uint64_t code_size;
	uint64_t payload_offset; /* the compressed vmlinux, in the file; 0 if not told */
	uint64_t payload_size;
	uint64_t load_address; /* guest-physical, where the code wants to stand */
	uint64_t init_size;    /* bytes of RAM that it needs from there */
	uint64_t initrd_max;   /* highest address an initrd may touch */
	uint32_t cmdline_max;  /* bytes without the NUL */
};

bool bzimage_recognise(struct span head);

/* As elf_decode(). */
const char *bzimage_decode(struct span head, uint64_t file_size,
			   struct bzimage *out) MUST_CHECK;

#endif /* BZIMAGE_H */
