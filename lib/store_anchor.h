/* SPDX-License-Identifier: ISC */
/*
 * What remembers how often the store was written, and cannot be set back together with it: a TPM's
 * counter, or, weaker, a file: an older copy of the store is found out unless that of the file came with it.
 */
#ifndef STORE_ANCHOR_H
#define STORE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

struct store_anchor {
	int fd;		    /* the file, or the TPM */
	uint32_t tpm_index; /* 0: it is a file */
	uint8_t key[32];    /* what a file's content is authenticated with */
	bool used;	    /* it was raised before */
	uint64_t value;
};

/* False: it cannot be read, or is not this store's; that has been logged. */
bool store_anchor_read(struct store_anchor *a) __attribute__((warn_unused_result));

/* By one, and on the disk. An unused TPM's goes to wherever that begins. False has been logged. */
bool store_anchor_raise(struct store_anchor *a) __attribute__((warn_unused_result));

#endif /* STORE_ANCHOR_H */
