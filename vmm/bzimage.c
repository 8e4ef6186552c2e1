/* SPDX-License-Identifier: ISC */
#include "bzimage.h"

#include <string.h>

#define HEADER_OFFSET  0x1f1u
#define HEADER_MAGIC   0x202u
#define JUMP_OFFSET    0x201u /* its operand tells where the header ends */
#define SECTOR	       512u
#define OLDEST	       0x020cu /* the first with xloadflags */
#define LOWEST_ADDRESS 0x100000u
#define RAM_NEEDED_MAX 0x40000000u /* no kernel is near 1 GiB; keeps sums far from wrapping */

bool bzimage_recognise(struct span head)
{
	char magic[4];

	return span_read(head, HEADER_MAGIC, magic, sizeof(magic)) &&
	       memcmp(magic, "HdrS", 4) == 0;
}

const char *bzimage_decode(struct span head, uint64_t file_size, struct bzimage *out)
{
	struct setup_header *h = &out->header;
	uint8_t header_end;
	uint64_t sectors;

	*out = (struct bzimage){ 0 };
	if (!span_read(head, JUMP_OFFSET, &header_end, 1) ||
	    !span_read(head, HEADER_OFFSET, h, sizeof(*h)))
		return "is truncated inside the setup header";
	if (h->boot_flag != 0xaa55)
		return "is malformed: no boot sector signature";
	if (h->version < OLDEST)
		return "is too old: it does not speak boot protocol 2.12";
	if ((h->loadflags & LOADED_HIGH) == 0)
		return "is a zImage, which no 64-bit kernel is";
	if ((h->xloadflags & XLF_KERNEL_64) == 0)
		return "is a 32-bit kernel: it has no 64-bit entry point";
	/* Fields that this kernel does not know yet must read as zero in the zero page. */
	if (HEADER_MAGIC + header_end <
	    HEADER_OFFSET + offsetof(struct setup_header, init_size) + 4)
		return "is malformed: its setup header ends too early";
	if (HEADER_MAGIC + header_end < HEADER_OFFSET + sizeof(*h)) {
		size_t known = HEADER_MAGIC + header_end - HEADER_OFFSET;

		memset((uint8_t *)h + known, 0, sizeof(*h) - known);
	}

	sectors = h->setup_sects != 0 ? h->setup_sects : 4; /* "if 0, the real value is 4" */
	out->code_offset = (sectors + 1) * SECTOR;
	if (out->code_offset >= file_size)
		return "is truncated inside the real-mode setup code";
	out->code_size = (uint64_t)h->syssize * 16;
	/* The last paragraph may be cut short; some linkers also append to the file. */
	if (out->code_size == 0 || out->code_size > file_size - out->code_offset + 15)
		return "is truncated: the protected-mode code ends behind the end of the file";
	if (out->code_size > file_size - out->code_offset)
		out->code_size = file_size - out->code_offset;

	if (h->payload_length != 0) {
		if (!span_inside(h->payload_offset, h->payload_length, out->code_size))
			return "is malformed: its payload lies outside its code";
		out->payload_offset = out->code_offset + h->payload_offset;
		out->payload_size = h->payload_length;
	}

	out->load_address = h->pref_address;
	out->init_size = h->init_size;
	if (out->load_address < LOWEST_ADDRESS || out->load_address > RAM_NEEDED_MAX)
		return "is malformed: its preferred address is out of range";
	if (out->init_size < out->code_size || out->init_size > RAM_NEEDED_MAX)
		return "is malformed: its memory need is out of range";
	out->initrd_max = h->initrd_addr_max;
	out->cmdline_max = h->cmdline_size;
	if (out->cmdline_max == 0)
		return "is malformed: it takes no command line";
	return NULL;
}
