/* SPDX-License-Identifier: ISC */
/*
 * QEMU's PCI test device (1b36:0005; QEMU, docs/specs/pci-testdev.rst): a page of memory and 256 ports
 * whose writes are counted, by this process or by an ioeventfd. Of zwinger-vmm-test alone.
 */
#ifndef PCI_TESTDEV_H
#define PCI_TESTDEV_H

#include "machine.h"

/* In the next free slot, its BARs already answering, as after a BIOS. Returns STATUS_OK or logs why not. */
enum status pci_testdev_create(struct machine *m) MUST_CHECK;

#endif /* PCI_TESTDEV_H */
