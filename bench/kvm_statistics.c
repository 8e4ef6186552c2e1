/* SPDX-License-Identifier: ISC */
#include "kvm_statistics.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_MAX_LEN 256

int kvm_statistics_open(int vcpu_fd)
{
	return ioctl(vcpu_fd, KVM_GET_STATS_FD, 0UL);
}

bool kvm_statistics_read(int fd, const char *name, uint64_t *value)
{
	struct kvm_stats_header h;

	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.name_size > NAME_MAX_LEN)
		return false;
	for (uint32_t i = 0; i < h.num_desc; i++) {
		/* A descriptor and the name behind it. */
		union {
			struct kvm_stats_desc desc;
			char bytes[sizeof(struct kvm_stats_desc) + NAME_MAX_LEN + 1];
		} d = { .bytes = { 0 } };
		size_t size = sizeof(struct kvm_stats_desc) + h.name_size;

		if (pread(fd, &d, size, (off_t)(h.desc_offset + i * size)) != (ssize_t)size)
			return false;
		if (strcmp(d.bytes + sizeof(struct kvm_stats_desc), name) == 0)
			return pread(fd, value, sizeof(*value),
				     (off_t)h.data_offset + d.desc.offset) == sizeof(*value);
	}
	return false;
}
