/* SPDX-License-Identifier: ISC */
/*
 * Boot through a PC's BIOS: SeaBIOS as its package has it, at the end of 4 GiB and below 1 MiB,
 * and what it asks for by fw_cfg. doc/firmware.md says why no more is needed.
 */
#include "acpi.h"
#include "boot.h"
#include "debug_port.h"
#include "fw_cfg.h"
#include "log.h"
#include "no_boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRMWARE_MIN  (64u << 10)
#define FIRMWARE_MAX  (256u << 10) /* KVM's own pages stand below; see machine.c */
#define HIGH_START    0x100000u
#define RESET_VECTOR  16u /* bytes before the end */
#define FAR_JUMP      0xeau
#define FIRMWARE_SLOT 8u /* behind those of RAM */

#define VIRTIO_BLOCK 2u

/* As etc/e820 has them. */
struct e820_entry {
	uint64_t start, len;
	uint32_t type;
} __attribute__((packed));
enum { E820_RAM = 1, E820_RESERVED = 2 };

/* One command of etc/table-loader: "put that file where a scan for the RSDP finds it". */
struct loader_entry {
	uint32_t command;
	char file[FW_CFG_NAME_MAX];
	uint32_t align;
	uint8_t zone;
	uint8_t unused[63];
} __attribute__((packed));
_Static_assert(sizeof(struct loader_entry) == 128, "as on the wire");
enum { LOADER_ALLOCATE = 1, LOADER_ZONE_FSEG = 2 };

static struct {
	struct fw_cfg cfg;
	struct no_boot no_boot;
	struct debug_port debug;
	struct e820_entry e820[4];
	uint8_t rsdp[ACPI_RSDP_SIZE];
	char order[VM_DEVICES_MAX * 32];
	uint16_t cpu_count;
} firmware;

static enum status failed(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return STATUS_FAILED;
}

static enum status bad_firmware(uint64_t size)
{
	log_error(
		"the firmware is not a PC BIOS for this machine: %llu bytes, and it has to be 64 to "
		"256 KiB and end with a jump; Debian's is bios-microvm.bin of the package seabios",
		(unsigned long long)size);
	return STATUS_BAD_IMAGE;
}

/* *rom is a copy that nobody changes, for the guest to read and to start from. */
static enum status read_rom(uint8_t **rom, size_t *size)
{
	struct stat st;

	if (fstat(VMM_FD_KERNEL, &st) < 0)
		return failed("cannot read the firmware");
	if (st.st_size < FIRMWARE_MIN || st.st_size > FIRMWARE_MAX || st.st_size % 4096 != 0)
		return bad_firmware((uint64_t)st.st_size);
	*size = (size_t)st.st_size;
	*rom = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*rom == MAP_FAILED)
		return failed("no memory for the firmware");
	if (pread(VMM_FD_KERNEL, *rom, *size, 0) != (ssize_t)*size)
		return failed("cannot read the firmware");
	return (*rom)[*size - RESET_VECTOR] == FAR_JUMP ? STATUS_OK : bad_firmware(*size);
}

/*
 * At its place below 1 MiB it is plain RAM, as if a chipset had been told to shadow it; SeaBIOS
 * finds no chipset that it could tell, and goes on.
 */
static enum status place(struct machine *m, uint8_t *rom, size_t size)
{
	struct kvm_userspace_memory_region slot = { .slot = FIRMWARE_SLOT,
						    .flags = KVM_MEM_READONLY,
						    .guest_phys_addr = RAM_HIGH_START - size,
						    .memory_size = size,
						    .userspace_addr = (uintptr_t)rom };
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (!gmem_write(&m->ram.mem, gpa(HIGH_START - size), rom, size))
		return bad_firmware(size);
	if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return failed("KVM_SET_USER_MEMORY_REGION for the firmware");
	if (ioctl(m->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		return failed("KVM_CREATE_PIT2");
	return STATUS_OK;
}

/* ACPI's tables stand at the end of RAM below the hole, where nothing else will be put. */
static void describe_memory(const struct ram *ram, uint32_t acpi)
{
	const struct e820_entry e820[] = {
		{ 0, acpi, E820_RAM },
		{ acpi, ACPI_SIZE, E820_RESERVED }, /* SeaBIOS drops other types */
		{ PCI_ECAM_START, PCI_ECAM_SIZE, E820_RESERVED },
		{ RAM_HIGH_START, ram->size - ram_low_size(ram), E820_RAM },
	};
	uint32_t count = ram->size > ram_low_size(ram) ? 4 : 3;

	memcpy(firmware.e820, e820, sizeof(e820));
	fw_cfg_add_file(&firmware.cfg, "etc/e820", firmware.e820,
			count * (uint32_t)sizeof(e820[0]));
}

/* The disks by their boot index, those without one behind; each as SeaBIOS knows it. */
static void order_disks(const struct vm_config *c)
{
	size_t len = 0;

	for (uint32_t index = 1; index <= VM_BOOT_LAST; index++)
		for (uint32_t i = 0; i < c->device_count; i++) {
			uint32_t at = c->device[i].boot_index;

			if (c->device[i].virtio_id != VIRTIO_BLOCK ||
			    (at != 0 ? at : VM_BOOT_LAST) != index)
				continue;
			/* Slot 0 is the bridge. */
			len += (size_t)snprintf(
				firmware.order + len, sizeof(firmware.order) - len,
				"%s/pci@i0cf8/*@%x", len > 0 ? "\n" : "", i + 1);
		}
	fw_cfg_add_file(&firmware.cfg, "bootorder", firmware.order, (uint32_t)len + 1);
}

static void offer_config(struct machine *m, const struct vm_config *c, uint32_t acpi)
{
	static const struct loader_entry loader = { .command = LOADER_ALLOCATE,
						    .file = "etc/acpi/rsdp",
						    .align = 16,
						    .zone = LOADER_ZONE_FSEG };
	static const uint16_t serial = SERIAL_PORT;
	static const uint8_t no;
	struct fw_cfg *f = &firmware.cfg;

	firmware.cpu_count = (uint16_t)c->cpu_count;
	fw_cfg_init(f, &m->ram.mem);
	fw_cfg_add(f, FW_CFG_CPUS, &firmware.cpu_count, sizeof(firmware.cpu_count));
	fw_cfg_add(f, FW_CFG_CPUS_MAX, &firmware.cpu_count, sizeof(firmware.cpu_count));
	describe_memory(&m->ram, acpi);
	fw_cfg_add_file(f, "etc/table-loader", &loader, sizeof(loader));
	fw_cfg_add_file(f, "etc/acpi/rsdp", firmware.rsdp, sizeof(firmware.rsdp));
	fw_cfg_add_file(f, "etc/sercon-port", &serial, sizeof(serial));
	fw_cfg_add_file(f, "etc/show-boot-menu", &no, sizeof(no));
	order_disks(c);
	fw_cfg_add_file(f, "genroms/zwinger.rom", no_boot_rom(), NO_BOOT_ROM_SIZE);
	bus_claim(&m->ports, FW_CFG_PORT, FW_CFG_REGS, fw_cfg_access, f);
}

/* A vCPU that has not been told otherwise starts at the reset vector, so no register is set. */
enum status boot_load(struct machine *m, const struct vm_config *c)
{
	uint32_t acpi = (uint32_t)ram_low_size(&m->ram) - ACPI_SIZE;
	uint8_t *rom;
	size_t size;
	enum status st = read_rom(&rom, &size);

	if (st == STATUS_OK)
		st = place(m, rom, size);
	if (st != STATUS_OK)
		return st;
	if (!acpi_write(&m->ram.mem, acpi, c->cpu_count) ||
	    !gmem_read(&m->ram.mem, gpa(acpi), firmware.rsdp, sizeof(firmware.rsdp))) {
		log_error("ACPI's tables do not fit into the guest's memory");
		return STATUS_NO_FIT;
	}
	offer_config(m, c, acpi);
	firmware.no_boot = (struct no_boot){ .stop = m->power.stop, .machine = m };
	bus_claim(&m->ports, NO_BOOT_PORT, 1, no_boot_access, &firmware.no_boot);
	if (c->flags & VM_FIRMWARE_DEBUG)
		bus_claim(&m->ports, DEBUG_PORT, 1, debug_port_access,
			  debug_port_init(&firmware.debug));
	return STATUS_OK;
}
