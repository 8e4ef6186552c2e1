/* SPDX-License-Identifier: ISC */
/*
 * What the benchmarks and their guest agree on. The guest is one ELF image, loaded by the bare
 * loop and by a VMM alike; its parameters are written into the image before it is loaded, and its
 * report leaves by the serial port, so that nothing else of its surroundings matters.
 */
#ifndef MICROGUEST_H
#define MICROGUEST_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_START	  0x1000000u /* the image; entered here, in 64-bit mode */
#define GUEST_PARAMETERS  16u	     /* bytes from there */
#define GUEST_TABLES	  80u	     /* bytes from there: the address of the page tables */
#define GUEST_RING_3	  0x100u /* bytes from there: who sets up ring 3 himself enters here */
#define GUEST_SAMPLES	  0x2000000u
#define GUEST_SAMPLES_MAX 65536u
#define GUEST_TOUCHED	  0x4000000u /* from here to the end of memory nothing is touched */
#define GUEST_MEMORY	  0x10000000u

/* Addresses that mean the same to the bare loop and to the VMM. */
#define GUEST_SERIAL	     0x3f8u
#define GUEST_SERIAL_ENABLE  0x3f9u /* 2: the transmitter is empty, so IRQ 4; 0: no interrupt */
#define GUEST_SERIAL_IRQ     4u
#define GUEST_SERIAL_STATUS  0x3fdu
#define GUEST_SERIAL_EMPTY   0x20u
#define GUEST_SERIAL_FIFO    16u
#define GUEST_POWER	     0x600u
#define GUEST_POWER_OFF	     0x34u
#define GUEST_CONFIG_PORT    0xcfcu	 /* of PCI; in user space */
#define GUEST_ECAM	     0xe0000000u /* in user space */
#define GUEST_PIC	     0x21u	 /* in the kernel */
#define GUEST_PIC_2	     0xa1u
#define GUEST_IOAPIC	     0xfec00000u /* in the kernel */
#define GUEST_DOORBELL_PORT  0x5000u	 /* an ioeventfd of the bare loop */
#define GUEST_DOORBELL	     0xc0003000u /* an ioeventfd: queue 0 of the first virtio device */
#define GUEST_COALESCED	     0xd0000000u
#define GUEST_MSR	     0x1a0u	 /* IA32_MISC_ENABLE: KVM emulates it everywhere */
#define GUEST_HYPERCALL	     1u		 /* KVM_HC_VAPIC_POLL_IRQ: does nothing */
#define GUEST_VECTOR	     0x40u	 /* of every interrupt here */
#define GUEST_SIGNAL_ADDRESS 0xfee00000u /* a message there is an interrupt of vCPU 0 */

enum operation {
	OP_NOTHING, /* the clock's own overhead */
	OP_PORT_WRITE,
	OP_PORT_READ,
	OP_MMIO_WRITE,
	OP_MMIO_READ,
	OP_HYPERCALL,
	OP_CPUID,
	OP_MSR_READ,
	OP_MSR_WRITE,
	OP_TOUCH,  /* memory, `width` bytes further each time */
	OP_INJECT, /* a port write upon which user space raises an interrupt, to its handler */
	OP_SELF_IPI, /* an interrupt to oneself, to its handler */
	OP_EOI,	     /* its end */
	OP_IPI,	     /* to vCPU 1, until its handler has been seen to run */
	OP_DOORBELL, /* a notification and HLT until the interrupt that answers it */
	OP_DEVICE,   /* the same with virtio-rng: a buffer, until it is in the used ring */
	OP_HALT,     /* HLT, until whoever wakes it has had enough */
	OP_COUNT
};

struct guest_parameters {
	uint32_t operation; /* enum operation */
	uint32_t ring;	    /* 0 or 3 */
	uint32_t samples, warm_up;
	uint32_t width; /* bytes */
	uint32_t value; /* that is written */
	uint64_t address;
	/* Of OP_HALT: whoever wakes it reads one and writes the other. */
	volatile uint64_t woken;
	volatile uint64_t enough;
};

_Static_assert(offsetof(struct guest_parameters, woken) == 32, "start.S counts there");

#define GUEST_MAGIC 0x3142575au /* "ZWB1" */

/* The report: this, and the samples, 32 bits each, in cycles. */
struct guest_report {
	uint32_t magic; /* GUEST_MAGIC */
	uint32_t count;
	uint32_t overhead;  /* cycles that reading the clock adds to a sample */
	uint32_t sum;	    /* of the samples, modulo 2^32 */
	uint32_t performed; /* operations, with those of the warm-up */
	uint32_t failed;    /* 1: the machine is not what the operation needs */
};

#endif /* MICROGUEST_H */
