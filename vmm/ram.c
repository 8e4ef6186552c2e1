/* SPDX-License-Identifier: ISC */
#include "ram.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static uint64_t low_part(uint64_t size)
{
	return size < RAM_LOW_MAX ? size : RAM_LOW_MAX;
}

uint64_t ram_low_size(const struct ram *r)
{
	return low_part(r->size);
}

static enum status failed(const char *what, uint64_t size)
{
	log_error("guest memory of %llu MiB: %s: %s", (unsigned long long)(size >> 20), what,
		  strerror(errno));
	return STATUS_FAILED;
}

/* An aligned range of address space with a guard of RAM_ALIGN or more on both sides. */
static uint8_t *reserve(uint64_t size)
{
	uint8_t *p = mmap(NULL, size + 3 * RAM_ALIGN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	return p + RAM_ALIGN + (RAM_ALIGN - (uintptr_t)p % RAM_ALIGN) % RAM_ALIGN;
}

enum status ram_init(struct ram *r, uint64_t size, enum ram_backing backing)
{
	unsigned huge = backing == RAM_HUGE_PAGES ? MFD_HUGETLB | MFD_HUGE_2MB : 0;
	struct gmem_region region[2];
	uint8_t *host;

	r->size = size;
	r->fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | huge);
	if (r->fd < 0)
		return failed("memfd_create", size);
	if (ftruncate(r->fd, (off_t)size) < 0)
		return failed("ftruncate", size);
	if (fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return failed("F_ADD_SEALS", size);

	host = reserve(size);
	if (host == NULL)
		return failed("no address space", size);
	/* Reserved pages are claimed now, or a later touch would end in SIGBUS. */
	if (mmap(host, size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | (huge != 0 ? 0 : MAP_NORESERVE), r->fd,
		 0) == MAP_FAILED) {
		if (huge == 0)
			return failed("mmap", size);
		log_error(
			"too few huge pages are reserved: echo %llu > /proc/sys/vm/nr_hugepages",
			(unsigned long long)(size / RAM_ALIGN));
		return STATUS_FAILED;
	}
	/* Both best effort. A core dump of ours must not hold the guest's secrets. */
	madvise(host, size, MADV_HUGEPAGE);
	madvise(host, size, MADV_DONTDUMP);

	region[0] = (struct gmem_region){ 0, low_part(size), host };
	region[1] = (struct gmem_region){ RAM_HIGH_START, size - low_part(size),
					  host + low_part(size) };
	if (!gmem_init(&r->mem, region, region[1].size != 0 ? 2 : 1))
		return failed("layout", size);
	return STATUS_OK;
}

enum status ram_prefault(const struct ram *r)
{
	/* The mapping is contiguous on the host, whatever hole the guest sees. */
	uint8_t *host = r->mem.region[0].host;

	ram_collapse(r, 0, r->size);
	if (madvise(host, r->size, MADV_POPULATE_WRITE) == 0)
		return STATUS_OK;
	if (errno != EINVAL)
		return failed("prefault", r->size);
	for (uint64_t at = 0; at < r->size; at += 4096)
		__atomic_store_n(host + at, 0, __ATOMIC_RELAXED);
	return STATUS_OK;
}

void ram_collapse(const struct ram *r, uint64_t start, uint64_t len)
{
	uint64_t at = start / RAM_ALIGN * RAM_ALIGN;

	for (; at < start + len && at < r->size; at += RAM_ALIGN) {
		uint8_t *p = r->mem.region[0].host + at;

		/* The host does not collapse a range in which no page exists yet. */
		__atomic_fetch_or(p, 0, __ATOMIC_RELAXED);
		if (madvise(p, RAM_ALIGN, MADV_COLLAPSE) < 0)
			return;
	}
}

enum status ram_attach(const struct ram *r, int vm_fd)
{
	for (unsigned i = 0; i < r->mem.region_count; i++) {
		const struct gmem_region *g = &r->mem.region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = g->start,
			.memory_size = g->size,
			.userspace_addr = (uintptr_t)g->host,
		};

		if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return failed("KVM_SET_USER_MEMORY_REGION", r->size);
	}
	return STATUS_OK;
}
