/* SPDX-License-Identifier: ISC */
/*
 * A VMM, ours or another's, started as its user would, and watched: when its guest was entered, when
 * the guest's first process spoke, when it had powered off, and what memory its processes held.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>

#define LAUNCH_MARKER	 "FIRST PROCESS"
#define LAUNCH_PROCESSES 16

struct guest_files {
	const char *kernel, *initrd; /* as a distribution ships them */
	const char *vmlinux;	     /* the ELF image, for who takes nothing else; NULL: none */
	const char *zwinger;
	unsigned memory; /* MiB */
};

struct vmm {
	const char *name, *program, *what;
	bool vmlinux;		  /* takes the ELF image */
	const char *argument[32]; /* words; %K %I %V %M %A are filled in */
};
extern const struct vmm vmms[];
extern const unsigned vmm_count;

struct launch {
	bool done;
	char reason[200];
	/* Seconds from exec; negative: not seen. The first two by tracing only. */
	double first_run, kernel_entry, first_process, power_off;
	unsigned process_count; /* when the first process spoke */
	struct {
		char name[32];
		long kib; /* PSS, without mappings as large as guest RAM */
	} process[LAUNCH_PROCESSES];
};

/* Is it installed, and are its files there? Otherwise why not. */
bool launch_possible(const struct vmm *v, const struct guest_files *g, char why[200]);

/*
 * Boots it once. trace: by the kernel's tracing of KVM, which costs time; needs root. stay: the
 * guest lingers, memory is looked at, and it is ended.
 */
void launch_run(const struct vmm *v, const struct guest_files *g, bool trace, bool stay,
		struct launch *out);

#endif /* LAUNCH_H */
