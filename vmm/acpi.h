/* SPDX-License-Identifier: ISC */
/*
 * The ACPI tables of the machine (ACPI 6.5, chapter 5): RSDP, XSDT, hardware-reduced FADT,
 * MADT, MCFG and the DSDT compiled from dsdt.asl. They describe what the other modules do.
 */
#ifndef ACPI_H
#define ACPI_H

#include "gmem.h"

#define ACPI_START     0xe0000u /* where a legacy scan finds the RSDP, which stands first */
#define ACPI_SIZE      0x20000u
#define ACPI_RSDP_SIZE 36u

#define IOAPIC_START 0xfec00000u
#define LAPIC_START  0xfee00000u

/*
 * Builds the tables for cpu_count processors, with APIC ids 0 to cpu_count - 1, into table,
 * as they are to stand at guest-physical start, below 4 GiB. Returns the bytes used.
 */
size_t acpi_build(uint8_t table[ACPI_SIZE], uint32_t start, unsigned cpu_count);

/* What makes all bytes of a table sum to 0, in the place of a byte that is 0 so far. */
uint8_t acpi_checksum(const uint8_t *p, size_t len);

/* acpi_build() into guest memory. False if there is no RAM at start. */
bool acpi_write(const struct gmem *mem, uint32_t start, unsigned cpu_count) MUST_CHECK;

#endif /* ACPI_H */
