/* SPDX-License-Identifier: ISC */
/*
 * What kvm-unit-tests' library takes for granted of QEMU's PC and this machine has not: a power
 * management timer that ACPI 1.0's tables name, interrupt lines that a guest moves, a page that
 * it unmaps (both pc-testdev), and configuration addresses with low bits. Of zwinger-vmm-test alone.
 */
#ifndef PC_H
#define PC_H

#include "machine.h"

#define PC_TIMER_PORT 0x608 /* where QEMU's firmware places it */

void pc_create(struct machine *m);

/*
 * The ACPI tables, and an RSDT with a FADT of ACPI 1.0 that names the timer. Who knows the XSDT does
 * not look there. False if there is no RAM for them.
 */
bool pc_write_tables(const struct gmem *mem, unsigned cpu_count) MUST_CHECK;

#endif /* PC_H */
