/* SPDX-License-Identifier: ISC */
/*
 * Guest RAM: one sealed memfd, mapped once, given to KVM as at most two memory slots:
 * below the hole at 3 GiB, and from 4 GiB upwards.
 *
 * The host address of every guest-physical address is congruent to it modulo 2 MiB, so that
 * the host can map huge pages; inaccessible pages stand before and behind the mapping.
 */
#ifndef RAM_H
#define RAM_H

#include "gmem.h"
#include "status.h"

#define RAM_LOW_MAX    0xc0000000ull /* the hole for PCI, IOAPIC and LAPIC begins here */
#define RAM_HIGH_START 0x100000000ull
#define RAM_ALIGN      (2ull << 20)

struct ram {
	int fd;		 /* sealed against resizing; owned */
	uint64_t size;	 /* bytes, multiple of RAM_ALIGN */
	struct gmem mem; /* region 0 starts at address 0; region 1, if any, at 4 GiB */
};

enum ram_backing {
	RAM_PAGES,	/* ordinary pages; transparent huge ones where the host gives them */
	RAM_HUGE_PAGES, /* reserved 2 MiB pages (hugetlb), or failure */
};

/* Creates and maps size bytes. On failure one line is logged and STATUS_FAILED returned. */
enum status ram_init(struct ram *r, uint64_t size, enum ram_backing backing) MUST_CHECK;

/* Has the host allocate every page now. */
enum status ram_prefault(const struct ram *r) MUST_CHECK;

/*
 * Asks the host to back a range of the memfd by huge pages at once: for what is sure to be
 * touched. Best effort: an older host leaves ordinary pages.
 */
void ram_collapse(const struct ram *r, uint64_t start, uint64_t len);

/* Bytes of RAM below the hole. */
uint64_t ram_low_size(const struct ram *r);

/* Registers the memory slots with a virtual machine. */
enum status ram_attach(const struct ram *r, int vm_fd) MUST_CHECK;

#endif /* RAM_H */
