/* SPDX-License-Identifier: ISC */
#include "pci_testdev.h"

#include "log.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLASS_OTHER 0x00ff

/* A BAR begins with a header of this layout, little-endian; in its second half each test has its byte. */
enum { TEST = 0, WIDTH = 1, OFFSET = 4, DATA = 8, COUNT = 12, NAME = 16, HEADER = 48 };

#define MEMORY_SIZE 4096u
#define PORTS	    0xc000u /* where BAR 1 is; elsewhere it does not answer */
#define PORTS_SIZE  256u
#define NO_TEST	    UINT8_MAX

static const struct {
	const char *name;
	bool event, exact; /* exact: only this datum rings */
	uint8_t data;
} tests[] = {
	{ "no-eventfd", false, true, 0xfa },
	{ "wildcard-eventfd", true, false, 0xce },
	{ "datamatch-eventfd", true, true, 0xfa },
};
#define TESTS (sizeof(tests) / sizeof(tests[0]))

struct bar {
	const char *kind;
	uint32_t size, kvm_flags;
	uint32_t first; /* QEMU numbers the bytes of both BARs in one row */
	uint64_t at;	/* where it answers, or PCI_NOWHERE */
	int event;
	uint8_t test; /* that runs, or NO_TEST */
	uint32_t count;
	uint8_t header[HEADER];
};

static struct pci_testdev {
	pthread_mutex_t lock; /* protects both BARs; taken after pci.lock */
	int vm_fd;
	struct pci_device pci;
	struct bar memory, ports;
} testdev = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint32_t place(const struct bar *b)
{
	return b->size / 2 + b->first + b->test;
}

/* The event of the test that runs, there or no more. */
static void assign(const struct bar *b, uint32_t flags)
{
	struct kvm_ioeventfd arg = { .addr = b->at + place(b),
				     .len = 1,
				     .fd = b->event,
				     .flags = b->kvm_flags | flags };

	if (b->test >= TESTS || !tests[b->test].event || b->at == PCI_NOWHERE)
		return;
	if (tests[b->test].exact) {
		arg.datamatch = tests[b->test].data;
		arg.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
	}
	if (ioctl(testdev.vm_fd, KVM_IOEVENTFD, &arg) < 0)
		log_error("test device: an event: %s", strerror(errno));
}

static void move(struct bar *b, uint64_t to)
{
	assign(b, KVM_IOEVENTFD_FLAG_DEASSIGN);
	b->at = to;
	assign(b, 0);
}

static void put32(struct bar *b, unsigned at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		b->header[at + i] = (uint8_t)(v >> 8 * i);
}

static void count_events(struct bar *b)
{
	uint64_t rings;

	if (read(b->event, &rings, sizeof(rings)) == sizeof(rings))
		b->count += (uint32_t)rings;
	put32(b, COUNT, b->count);
}

/* A number that is none of a test is no error: so a guest finds out how many there are. */
static void begin(struct bar *b, uint8_t test)
{
	assign(b, KVM_IOEVENTFD_FLAG_DEASSIGN);
	count_events(b);
	b->test = test < TESTS ? test : NO_TEST;
	b->count = 0;
	memset(b->header, 0, sizeof(b->header));
	if (b->test == NO_TEST)
		return;
	b->header[WIDTH] = 1;
	put32(b, OFFSET, place(b));
	put32(b, DATA, tests[test].data);
	memcpy(&b->header[NAME], b->kind, strlen(b->kind));
	strcpy((char *)&b->header[NAME] + strlen(b->kind), tests[test].name);
	assign(b, 0);
}

static void access_bar(struct bar *b, const struct bus_access *a)
{
	pthread_mutex_lock(&testdev.lock);
	if (!a->write) {
		count_events(b);
		for (uint32_t i = 0; i < a->len; i++)
			a->data[i] = a->offset + i < HEADER ? b->header[a->offset + i] : 0;
	} else if (a->offset == TEST && a->len == 1) {
		begin(b, a->data[0]);
	} else if (b->test != NO_TEST && a->offset == place(b) && a->len == 1 &&
		   (!tests[b->test].exact || a->data[0] == tests[b->test].data)) {
		b->count++;
	}
	pthread_mutex_unlock(&testdev.lock);
}

static void memory_access(void *dev, const struct bus_access *a)
{
	(void)dev;
	access_bar(&testdev.memory, a);
}

static void port_access(void *dev, const struct bus_access *a)
{
	(void)dev;
	if (testdev.ports.at == PORTS)
		access_bar(&testdev.ports, a);
	else if (!a->write)
		bus_answer(a, UINT64_MAX);
}

static void memory_moved(void *dev, uint64_t from, uint64_t to)
{
	(void)dev;
	(void)from;
	pthread_mutex_lock(&testdev.lock);
	move(&testdev.memory, to);
	pthread_mutex_unlock(&testdev.lock);
}

static void config_written(void *dev, uint32_t offset, uint32_t len)
{
	const struct pci_device *d = &testdev.pci;
	bool here = (d->config[PCI_REG_COMMAND] & PCI_COMMAND_PORTS) != 0 &&
		    pci_get32(d, PCI_REG_BAR1) == (PORTS | 1);

	(void)dev;
	(void)offset;
	(void)len;
	pthread_mutex_lock(&testdev.lock);
	move(&testdev.ports, here ? PORTS : PCI_NOWHERE);
	pthread_mutex_unlock(&testdev.lock);
}

enum status pci_testdev_create(struct machine *m)
{
	struct pci_device *d = &testdev.pci;

	testdev.vm_fd = m->vm_fd;
	testdev.memory = (struct bar){ .kind = "mmio-", .size = MEMORY_SIZE, .test = NO_TEST };
	testdev.ports = (struct bar){ .kind = "portio-",
				      .size = PORTS_SIZE,
				      .kvm_flags = KVM_IOEVENTFD_FLAG_PIO,
				      .first = TESTS,
				      .test = NO_TEST,
				      .at = PORTS };
	testdev.memory.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	testdev.ports.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (testdev.memory.event < 0 || testdev.ports.event < 0) {
		log_error("test device: eventfd: %s", strerror(errno));
		return STATUS_FAILED;
	}
	pci_set16(d, PCI_REG_VENDOR, 0x1b36);
	pci_set16(d, PCI_REG_DEVICE, 0x0005);
	pci_set16(d, PCI_REG_CLASS, CLASS_OTHER);
	d->bar_size = MEMORY_SIZE;
	d->bar_access = memory_access;
	d->bar_moved = memory_moved;
	d->config_written = config_written;
	pci_plug(&m->pci, d);
	pci_set32(d, PCI_REG_BAR1, PORTS | 1);
	d->writable[PCI_REG_BAR1 + 1] = 0xff;
	d->writable[PCI_REG_COMMAND] |= PCI_COMMAND_PORTS;
	pci_set16(d, PCI_REG_COMMAND, PCI_COMMAND_PORTS | PCI_COMMAND_MEMORY);
	d->bar_at = testdev.memory.at = pci_get32(d, PCI_REG_BAR0);
	bus_claim(&m->ports, PORTS, PORTS_SIZE, port_access, NULL);
	return STATUS_OK;
}
