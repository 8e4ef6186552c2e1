/* SPDX-License-Identifier: ISC */
#include "host.h"

#include "log.h"
#include "manifest.h"
#include "measure.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define KVM_DEVICE "/dev/kvm"

bool host_read_line(const char *path, char *line, unsigned size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, line, size - 1);
	close(fd);
	if (n < 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* CPUID 0x40000000 names the hypervisor that this host runs under; QEMU's emulator says TCG. */
static bool emulated(void)
{
	unsigned eax, ebx, ecx, edx;
	char name[13] = "";

	__cpuid(1, eax, ebx, ecx, edx);
	if ((ecx & 1u << 31) == 0)
		return false;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(name, &ebx, 4);
	memcpy(name + 4, &ecx, 4);
	memcpy(name + 8, &edx, 4);
	return strcmp(name, "TCGTCGTCGTCG") == 0;
}

enum host_kind host_kind(void)
{
	if (access(KVM_DEVICE, F_OK) < 0)
		return HOST_NONE;
	if (access("/sys/module/kvm_pvm", F_OK) == 0)
		return HOST_PVM;
	return emulated() ? HOST_EMULATED : HOST_HARDWARE;
}

/* All that zwinger-vmm uses without asking. */
static const struct {
	unsigned capability;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "user memory slots" },
	{ KVM_CAP_IRQCHIP, "interrupt controllers in the kernel" },
	{ KVM_CAP_SET_TSS_ADDR, "TSS address" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "identity map address" },
	{ KVM_CAP_EXT_CPUID, "CPUID control" },
	{ KVM_CAP_IRQFD, "irqfd" },
	{ KVM_CAP_IOEVENTFD, "ioeventfd" },
	{ KVM_CAP_GET_TSC_KHZ, "TSC frequency" },
};

static const char *missing_capability(int fd)
{
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)needed[i].capability) <= 0)
			return needed[i].name;
	return NULL;
}

/* Which module would drive this processor. */
static const char *module(void)
{
	unsigned eax, ebx, ecx, edx;

	__cpuid(0, eax, ebx, ecx, edx);
	return ebx == 0x756e6547 ? "kvm_intel" : "kvm_amd"; /* "Genu"ineIntel */
}

static void explain_open(int error, char why[256], char fix[256])
{
	const char *user;

	fix[0] = '\0';
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		snprintf(why, 256,
			 "there is no /dev/kvm: virtualisation is switched off in the "
			 "firmware, not passed on by an outer hypervisor, or its kernel "
			 "module is not loaded");
		snprintf(fix, 256, "modprobe %s", module());
		return;
	case EACCES:
	case EPERM:
		user = getenv("USER"); /* only ever printed */
		snprintf(why, 256, "you may not open /dev/kvm: it belongs to the group kvm");
		snprintf(fix, 256, "adduser %s kvm   (as root; then log in again)",
			 user != NULL ? user : "YOUR-NAME");
		return;
	case EBUSY:
		snprintf(why, 256,
			 "/dev/kvm is busy: another hypervisor (VirtualBox, VMware) "
			 "holds the processor's virtualisation");
		snprintf(fix, 256, "end its machines and unload its kernel module");
		return;
	default:
		snprintf(why, 256, "/dev/kvm cannot be opened: %s", strerror(error));
	}
}

int host_open_kvm(char why[256], char fix[256])
{
	int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	const char *missing;
	int version;

	if (fd < 0) {
		explain_open(errno, why, fix);
		return -1;
	}
	fix[0] = '\0';
	version = ioctl(fd, KVM_GET_API_VERSION, 0UL);
	missing = version == KVM_API_VERSION ? missing_capability(fd) : NULL;
	if (version == KVM_API_VERSION && missing == NULL)
		return fd;
	if (missing != NULL)
		snprintf(why, 256, "this host's KVM is too old: it lacks %s", missing);
	else if (version < 0)
		snprintf(why, 256, "/dev/kvm is not KVM: %s", strerror(errno));
	else
		snprintf(why, 256, "this host's KVM speaks API version %d, not %d", version,
			 KVM_API_VERSION);
	if (version >= 0)
		snprintf(fix, 256, "a kernel of 5.10 or later");
	close(fd);
	return -1;
}

static const struct manifest_binary *expected; /* NULL: whatever is installed */
static unsigned expected_count;

void host_expect(const struct manifest_binary *list, unsigned count)
{
	expected = list;
	expected_count = count;
}

/* Takes over exe; returns a copy that is what was expected, or HOST_REFUSED. */
static int measured(const char *name, int exe)
{
	char is[2 * MEASURE_BYTES + 1];
	uint8_t sha256[MEASURE_BYTES];
	int copy = measure_copy(exe, sha256);

	close(exe);
	if (copy < 0) {
		log_error("%s cannot be measured: %s", name, strerror(errno));
		return HOST_REFUSED;
	}
	for (unsigned i = 0; i < expected_count; i++)
		if (strcmp(expected[i].name, name) == 0 &&
		    memcmp(expected[i].sha256, sha256, sizeof(sha256)) == 0)
			return copy;
	measure_text(sha256, is);
	log_error("%s is not what the manifest expects: its SHA-256 is %s", name, is);
	close(copy);
	return HOST_REFUSED;
}

int host_open_program(const char *name)
{
	/* Installed; in a build tree. Never by a search path or the environment. */
	static const char *const place[] = { ZW_LIBEXEC_FROM_BIN,
					     "../vmm",
					     "../vmm/firmware",
					     "../vmm/testing",
					     "../devices",
					     "../devices/terminal",
					     "../critical/audit",
					     "../critical/display",
					     "../critical/dialler",
					     "../critical/showpay",
					     "../critical/auth",
					     "../critical/storage",
					     "audit",
					     "verify",
					     "store",
					     "../bench" };
	char self[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return -1;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	for (unsigned i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s/%s", self, place[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return expected != NULL ? measured(name, fd) : fd;
	}
	return -1;
}

uint64_t host_memory(void)
{
	struct sysinfo s;

	return sysinfo(&s) == 0 ? (uint64_t)s.totalram * s.mem_unit : 0;
}

unsigned host_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

/* Destination 0 by mask or prefix 0, in a route that is up and leads through some interface. */
bool host_has_route(void)
{
	FILE *v4 = fopen("/proc/net/route", "re"), *v6 = fopen("/proc/net/ipv6_route", "re");
	char line[256], name[32];
	unsigned long to, gateway, flags, mask;
	bool found = false;

	while (v4 != NULL && !found && fgets(line, sizeof(line), v4) != NULL)
		found = sscanf(line, "%31s %lx %lx %lx %*s %*s %*s %lx", name, &to, &gateway,
			       &flags, &mask) == 5 &&
			to == 0 && mask == 0 && (flags & 1) != 0;
	while (v6 != NULL && !found && fgets(line, sizeof(line), v6) != NULL)
		found = strncmp(line, "00000000000000000000000000000000 00 ", 36) == 0 &&
			strstr(line, " lo\n") == NULL;
	if (v4 != NULL)
		fclose(v4);
	if (v6 != NULL)
		fclose(v6);
	return found;
}
