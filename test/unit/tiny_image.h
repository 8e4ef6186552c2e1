/* SPDX-License-Identifier: ISC */
/*
 * The smallest kernel images that a loader takes, made in memory: an ELF vmlinux and a bzImage
 * around another one. Tests spoil them, guests are made of them, fuzzers start from them.
 */
#ifndef TINY_IMAGE_H
#define TINY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define TINY_MAX 32768

struct tiny_image {
	uint8_t bytes[TINY_MAX];
	size_t size;
};

/* The ELF file: two segments, entered at the first byte of the first. */
#define TINY_ADDRESS   0x1000000u /* segment 0, guest-physical */
#define TINY_OFFSET    0x1000u	  /* in the file */
#define TINY_SIZE      0x400u	  /* in the file and in memory */
#define TINY_ADDRESS_2 0x1000800u
#define TINY_OFFSET_2  0x2000u
#define TINY_SIZE_2    0x400u				  /* in the file */
#define TINY_MEMORY_2  0x3000u				  /* in memory */
#define TINY_ELF_SIZE  (TINY_OFFSET_2 + TINY_SIZE_2 + 64) /* one section header at the end */

/* Segment 0 begins with code; every other byte of a segment is the low byte of tiny_byte(). */
void tiny_elf(struct tiny_image *out, const void *code, size_t code_len);
uint8_t tiny_byte(uint32_t file_offset);

/* Appends a relocation table. */
void tiny_append(struct tiny_image *elf, const uint32_t *words, size_t count);

#define TINY_SETUP_SIZE	 1024u /* of the bzImage: setup code and its header */
#define TINY_STUB_SIZE	 0x200u
#define TINY_PAYLOAD	 (TINY_SETUP_SIZE + TINY_STUB_SIZE)
#define TINY_FIRST_BLOCK 8192u /* bytes of the vmlinux in the first LZ4 block */

/* A bzImage with vmlinux packed in two LZ4 blocks. Returns the file offset of the second. */
size_t tiny_bzimage(struct tiny_image *out, const struct tiny_image *vmlinux);

#endif /* TINY_IMAGE_H */
