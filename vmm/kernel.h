/* SPDX-License-Identifier: ISC */
/*
 * Direct boot of a Linux kernel: image, initrd and command line into guest RAM, and the state
 * in which the boot processor enters it (boot.rst, "64-bit boot protocol").
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "ram.h"

struct kernel_source {
	int kernel_fd;	     /* regular file, at offset 0 or anywhere: read by pread only */
	int initrd_fd;	     /* regular file, or anything else for none */
	const char *cmdline; /* NUL-terminated */
	unsigned cpu_count;
};

struct kernel_entry {
	uint64_t rip;	    /* first instruction, 64-bit mode */
	uint64_t rsi;	    /* the zero page */
	uint64_t page_root; /* CR3: the first 4 GiB mapped one to one */
	uint64_t gdt;	    /* holds 64-bit code at 0x10 and data at 0x18 */
	uint16_t gdt_limit;
};

/* On failure one line is logged and the status says which kind of failure it is. */
enum status kernel_load(const struct ram *ram, const struct kernel_source *src,
			struct kernel_entry *out) MUST_CHECK;

#endif /* KERNEL_H */
