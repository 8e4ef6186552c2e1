/* SPDX-License-Identifier: ISC */
/*
 * The input is what a guest and the wire do to the devices: six bytes a step,
 *   what, address (2, little-endian), value (3).
 * What: bits 0-1 width 1, 2, 4, 8; bit 2 write; bits 3-4 ports, near a device, ECAM, wire.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pci.h"
#include "power.h"
#include "rtc.h"
#include "serial.h"

#define STEP 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop(void *machine, enum status why)
{
	if (machine != NULL || (why != STATUS_OK && why != STATUS_GUEST_RESET))
		abort();
}

static struct serial serial;
static struct rtc rtc;
static struct pci pci;
static struct power power = { .stop = stop };

static void access_bus(const struct bus *b, uint64_t addr, const uint8_t *step)
{
	uint8_t *data =
		malloc(8); /* exactly what KVM's run page holds; the sanitizer watches */
	uint32_t len = 1u << (step[0] & 3);

	if (data == NULL)
		abort();
	memset(data, step[5], 8);
	memcpy(data, step + 3, 3);
	bus_dispatch(b, addr, data + 8 - len, len, (step[0] & 4) != 0);
	free(data);
}

/* The other end of the serial port: takes what there is, gives what there is room for. */
static void wire(const uint8_t *step)
{
	uint8_t bytes[256];
	size_t n = step[1], room = serial_room(&serial);

	if (room > SERIAL_RX_SIZE)
		abort();
	if ((step[0] & 4) != 0) {
		memset(bytes, step[3], sizeof(bytes));
		serial_receive(&serial, bytes, n < room ? n : room);
	} else if (serial_transmit(&serial, bytes, n) > n) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t devices[] = { SERIAL_PORT, RTC_PORT, PCI_CONFIG_PORT, POWER_PORT,
					    KEYBOARD_PORT };
	struct bus ports = { .count = 0 }, mmio = { .count = 0 };
	struct pci_device bridge;

	serial_init(&serial, (struct irq_line){ .vm_fd = -1 }, -1);
	rtc_init(&rtc);
	pci_init(&pci);
	bridge = pci.bridge;
	bus_claim(&ports, SERIAL_PORT, SERIAL_REGS, serial_access, &serial);
	bus_claim(&ports, PCI_CONFIG_PORT, PCI_CONFIG_REGS, pci_port_access, &pci);
	bus_claim(&ports, RTC_PORT, RTC_REGS, rtc_access, &rtc);
	bus_claim(&ports, POWER_PORT, POWER_REGS, power_access, &power);
	bus_claim(&ports, KEYBOARD_PORT, 1, power_keyboard_access, &power);
	bus_claim(&mmio, PCI_ECAM_START, PCI_ECAM_SIZE, pci_ecam_access, &pci);

	for (; size >= STEP; data += STEP, size -= STEP) {
		uint16_t addr = (uint16_t)(data[1] | data[2] << 8);

		switch (data[0] >> 3 & 3) {
		case 0:
			access_bus(&ports, addr, data);
			break;
		case 1:
			access_bus(&ports, (uint64_t)devices[data[2] % 5] + data[1] % 10 - 1,
				   data);
			break;
		case 2:
			access_bus(&mmio, PCI_ECAM_START + addr * 17ull, data);
			break;
		default:
			wire(data);
			break;
		}
	}
	/* Nothing of the bridge is writable. */
	if (memcmp(&bridge, &pci.bridge, sizeof(bridge)) != 0)
		abort();
	return 0;
}
