/* SPDX-License-Identifier: ISC */
/* KVM's own counters of a vCPU, by KVM_GET_STATS_FD (Linux 5.14). */
#ifndef KVM_STATISTICS_H
#define KVM_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

/* The statistics descriptor of a vCPU, or -1. */
int kvm_statistics_open(int vcpu_fd);

/* One counter, by name. False if there is none of this name. */
bool kvm_statistics_read(int fd, const char *name, uint64_t *value);

#endif /* KVM_STATISTICS_H */
