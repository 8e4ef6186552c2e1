/* SPDX-License-Identifier: ISC */
#include "kvm_stats.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool kvm_stats_valid(int fd)
{
	char path[32], is[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, is, sizeof(is) - 1) > 0 &&
	       (strcmp(is, "anon_inode:kvm-vm-stats") == 0 ||
		strncmp(is, "anon_inode:kvm-vcpu-stats:", 26) == 0);
}

bool kvm_stats_read(struct kvm_stats *s, int fd)
{
	ssize_t n = pread(fd, s->bytes, sizeof(s->bytes), 0);

	s->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* A copy of size bytes at off; false: they are not all there. */
static bool take(const struct kvm_stats *s, uint64_t off, void *out, size_t size)
{
	if (off > s->len || size > s->len - off)
		return false;
	memcpy(out, s->bytes + off, size);
	return true;
}

static void take_name(const struct kvm_stats *s, uint64_t off, uint32_t size,
		      char name[KVM_STATS_NAME])
{
	size_t len;

	name[0] = '\0';
	if (size > KVM_STATS_NAME || !take(s, off, name, size))
		return;
	name[KVM_STATS_NAME - 1] = '\0';
	len = strlen(name);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		name[0] = '\0';
}

bool kvm_stats_get(const struct kvm_stats *s, unsigned index, struct kvm_stat *out)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc d;
	uint64_t at;
	uint32_t type;

	if (!take(s, 0, &h, sizeof(h)) || index >= h.num_desc)
		return false;
	at = h.desc_offset + (uint64_t)index * (sizeof(d) + h.name_size);
	if (!take(s, at, &d, sizeof(d)))
		return false;
	*out = (struct kvm_stat){ .name = "" };
	type = d.flags & KVM_STATS_TYPE_MASK;
	out->counter = type == KVM_STATS_TYPE_CUMULATIVE;
	if ((out->counter || type == KVM_STATS_TYPE_INSTANT || type == KVM_STATS_TYPE_PEAK) &&
	    d.size == 1 &&
	    take(s, (uint64_t)h.data_offset + d.offset, &out->value, sizeof(out->value)))
		take_name(s, at + sizeof(d), h.name_size, out->name);
	return true;
}
