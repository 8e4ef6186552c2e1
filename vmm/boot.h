/* SPDX-License-Identifier: ISC */
/*
 * How a machine gets its software. Each program links one of three: zwinger-vmm has direct.c, a
 * kernel in place of a boot loader; zwinger-vmm-firmware has firmware.c, a PC's BIOS;
 * zwinger-vmm-test has testing.c, for images of kvm-unit-tests.
 */
#ifndef BOOT_H
#define BOOT_H

#include "machine.h"

/*
 * Loads what is behind VMM_FD_KERNEL and prepares vCPU 0 for it; m has been initialised and not
 * started. On failure one line is logged and the status says which kind of failure it is.
 */
enum status boot_load(struct machine *m, const struct vm_config *c) MUST_CHECK;

#endif /* BOOT_H */
