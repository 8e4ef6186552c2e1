/* SPDX-License-Identifier: ISC */
/* The table of exits that are measured, and what one measurement gives. */
#ifndef EXPERIMENT_H
#define EXPERIMENT_H

#include "guest/microguest.h"

#include <stdbool.h>

/* Who answers the guest, under the bare loop. */
enum answer {
	BY_USER,      /* the loop itself: it counts the exit and enters again */
	BY_KERNEL,    /* nobody here */
	BY_EVENTFD,   /* an ioeventfd */
	BY_RING,      /* KVM's ring of coalesced writes */
	BY_FILTER,    /* the loop, since an MSR filter says so */
	BY_INJECTION, /* the loop raises an interrupt */
	BY_DEVICE,    /* a thread that waits for an ioeventfd and writes an irqfd */
	BY_WAKING,    /* a thread measures: irqfd to the guest's handler */
	BY_NOBODY,    /* KVM_RUN is told to return at once; measured outside */
};

enum memory { MEMORY_PLAIN, MEMORY_PREFAULTED, MEMORY_HUGE };

struct experiment {
	const char *name, *what;
	enum operation operation;
	uint32_t ring, width;
	uint64_t address;
	enum answer answer;
	enum memory memory;
	uint32_t samples_max; /* 0: as many as are asked for */
	bool two;	      /* needs two processors */
	bool block;	      /* the host shall not poll before it blocks */
	const char *why_not;  /* why a VMM has no such exit; NULL: it has */
	const char *counter;  /* of KVM's, by which the exit is known; */
	bool exact;	      /* it counts nothing else meanwhile */
};

extern const struct experiment experiments[];
extern const unsigned experiment_count;

/* What a measurement gives. */
struct outcome {
	bool done;
	bool impossible;  /* not done, and will not be on this host: reason */
	char reason[200]; /* if it is not done */
	uint32_t count, overhead, performed;
	uint64_t seen;	  /* times that the exit was seen to do what it is to do */
	bool has_counted; /* KVM tells */
	uint64_t counted;
	uint32_t sample[GUEST_SAMPLES_MAX];
};

/* How to measure. */
struct plan {
	uint32_t samples, warm_up;
	int pin;	  /* a processor, or -1 */
	int other;	  /* a second one, or -1 */
	unsigned timeout; /* seconds, for one measurement */
	const char *zwinger;
};

/* The image with its parameters in it. Returns its size, and where it stands. */
uint32_t experiment_image(const struct experiment *e, const struct plan *p,
			  const uint8_t **image);
void experiment_parameters(const struct experiment *e, const struct plan *p,
			   struct guest_parameters *out);

/* A report as it came through the serial port. False with a reason if it is none. */
bool experiment_parse(const uint8_t *bytes, uint32_t len, struct outcome *o);

/* This thread, and what it starts, stays on cpu (if it is not negative) and, if not, on other. */
void experiment_stay(int cpu, int other);

/* Where the image stands in the ELF file, and how long it is in memory. */
struct image {
	const uint8_t *bytes;
	uint32_t len, memory_len;
	uint64_t tables;
};
bool experiment_segment(const uint8_t *elf, uint32_t size, struct image *out);

#endif /* EXPERIMENT_H */
