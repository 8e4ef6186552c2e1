/* SPDX-License-Identifier: ISC */
/* Explains, for a person, why KVM cannot go on with a vCPU. */
#ifndef STALL_H
#define STALL_H

struct vcpu;

/* Logs one line with the reason and one with RIP, mode and the instruction's bytes. */
void stall_report(const struct vcpu *v);

#endif /* STALL_H */
