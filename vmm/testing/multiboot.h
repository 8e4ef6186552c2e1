/* SPDX-License-Identifier: ISC */
/*
 * Multiboot 0.6.96: an ELF image of 32 bits with a header of its own in the first 8 KiB, entered in
 * protected mode without paging. What kvm-unit-tests' images are.
 *
 * After multiboot_decode() has said yes: every segment's file range is inside the file, its memory
 * range above 1 MiB and below 4 GiB, no two overlap, and the entry lies in a segment.
 */
#ifndef MULTIBOOT_H
#define MULTIBOOT_H

#include "elf_image.h"
#include "kernel.h"

#define MULTIBOOT_SEARCH 8192 /* bytes, 3.1 */

/* True if a valid header is in the head of the file; flags: what it asks for (3.1.2). */
bool multiboot_recognise(struct span head, uint32_t *flags);

/* NULL, or a sentence that says what is wrong; then *out is not to be used. */
const char *multiboot_decode(struct span head, uint32_t flags, uint64_t file_size,
			     struct elf *out) MUST_CHECK;

/* Loads the image, the initrd as its one module, and what it is told. head: of the file. */
enum status multiboot_load(const struct ram *ram, const struct kernel_source *src,
			   struct span head, uint32_t flags,
			   struct kernel_entry *out) MUST_CHECK;

#endif /* MULTIBOOT_H */
