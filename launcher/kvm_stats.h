/* SPDX-License-Identifier: ISC */
/*
 * KVM's binary statistics (Documentation/virt/kvm/api.rst, 4.133): a header, descriptors with a
 * name each, and numbers, all in one file that the kernel makes. Histograms are passed over.
 */
#ifndef KVM_STATS_H
#define KVM_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KVM_STATS_BYTES (64u << 10) /* more than any kernel has */
#define KVM_STATS_NAME	64

/* A snapshot: what pread() gave. Any bytes are safe to look at. */
struct kvm_stats {
	size_t len;
	uint8_t bytes[KVM_STATS_BYTES];
};

struct kvm_stat {
	char name[KVM_STATS_NAME]; /* of [a-z0-9_] */
	bool counter;		   /* it only grows; else it may fall */
	uint64_t value;
};

/* True if fd is such a file, of the kernel's own. */
bool kvm_stats_valid(int fd);

/* Reads it all. False: it cannot be read, which leaves len 0. */
bool kvm_stats_read(struct kvm_stats *s, int fd);

/* The number at index; false past the last. What is no single number has an empty name. */
bool kvm_stats_get(const struct kvm_stats *s, unsigned index, struct kvm_stat *out);

#endif /* KVM_STATS_H */
