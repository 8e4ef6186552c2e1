/* SPDX-License-Identifier: ISC */
/*
 * KVM's statistics of this virtual machine (KVM_GET_STATS_FD, Linux 5.14): read-only descriptors,
 * which the launcher gets before any of the guest's bytes is looked at. This process keeps none.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

/*
 * Gives away the statistics of a VM or a vCPU; index: 0 the VM, 1 + its number a vCPU. Nothing
 * happens where KVM has none, or nobody takes them.
 */
void counters_hand_over(int kvm_object, unsigned index);

#endif /* COUNTERS_H */
