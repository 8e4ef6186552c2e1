/* SPDX-License-Identifier: ISC */
/*
 * The vmlinux inside a bzImage: unpacked on the host, straight into guest RAM, and relocated
 * to a random virtual address, as the kernel's own decompressor would have done.
 */
#ifndef VMLINUX_H
#define VMLINUX_H

#include "bzimage.h"
#include "elf_image.h"

/* True if the payload is packed in the one way that we unpack: LZ4, "legacy" frame. */
bool vmlinux_recognise(struct span payload);

struct vmlinux {
	struct elf elf;
	uint64_t file_address; /* guest-physical; unpacked here, segment 0 needs no move */
	uint64_t file_size;    /* bytes unpacked; ends with the relocation table, if any */
	uint64_t end;	       /* guest-physical, behind the last segment */
};

/*
 * NULL on success, else a sentence as in elf_decode(). *plain tells whether vmlinux_unpack() can
 * handle the layout; if not, the image is sound but only its own decompressor knows its shape.
 */
const char *vmlinux_decode(struct span payload, struct vmlinux *out, bool *plain) MUST_CHECK;

/*
 * Unpacks and moves every segment to its address, before the first vCPU runs. slide is added to
 * the kernel's virtual addresses; 0 leaves them. In place if guest RAM has room for the whole
 * file, else by way of scratch memory that is returned to the host.
 */
const char *vmlinux_unpack(struct span payload, const struct gmem *mem, const struct vmlinux *v,
			   uint64_t slide) MUST_CHECK;

/* How far the virtual addresses may slide; 0 if the kernel carries no relocations. */
uint64_t vmlinux_slide_room(const struct vmlinux *v);

#endif /* VMLINUX_H */
