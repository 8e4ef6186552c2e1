/* SPDX-License-Identifier: ISC */
/*
 * The input is the file that a user hands over as a kernel. The last byte chooses whether it
 * may slide. Run with -close_fd_mask=2: the log goes nowhere, reports of sanitizers do not.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ram ram;
	static int fd = -1;
	struct kernel_source src = { .initrd_fd = -1, .cpu_count = 1 };
	struct kernel_entry entry;
	enum status st;

	if (fd < 0) {
		fd = memfd_create("kernel", MFD_CLOEXEC);
		if (fd < 0 || ram_init(&ram, 64u << 20, RAM_PAGES) != STATUS_OK)
			abort();
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	src.kernel_fd = fd;
	src.cmdline = size != 0 && (data[size - 1] & 1) != 0 ? "nokaslr" : "";
	st = kernel_load(&ram, &src, &entry);
	/* Whatever the file is: it is taken, or it is refused as a file; the host never fails. */
	if (st != STATUS_OK && st != STATUS_BAD_IMAGE && st != STATUS_NO_FIT)
		abort();
	if (st == STATUS_OK &&
	    (entry.rip < 0x100000 || entry.rip >= ram_low_size(&ram) + 0x200))
		abort();
	return 0;
}
