/* SPDX-License-Identifier: ISC */
/* Where a measurement was made, and what of that place spoils it. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

#define ENVIRONMENT_TEXT     160
#define ENVIRONMENT_WARNINGS 10

struct environment {
	char host[ENVIRONMENT_TEXT], cpu[ENVIRONMENT_TEXT], kernel[ENVIRONMENT_TEXT];
	char kvm[ENVIRONMENT_TEXT]; /* hardware AMD or Intel, PVM, emulated, none */
	char mitigations[16 * ENVIRONMENT_TEXT], governor[ENVIRONMENT_TEXT];
	char version[ENVIRONMENT_TEXT], date[ENVIRONMENT_TEXT], command[8 * ENVIRONMENT_TEXT];
	bool pvm;
	unsigned processors; /* that this process may use */
	double tsc_khz;	     /* of a guest; of this process if there is no KVM */
	unsigned warning_count;
	char warning[ENVIRONMENT_WARNINGS][ENVIRONMENT_TEXT];
};

/* pin: the processor that will be measured on, or -1. */
void environment_look(struct environment *e, int pin, int argc, char **argv);

/* On standard output. */
void environment_print(const struct environment *e);

#endif /* ENVIRONMENT_H */
