/* SPDX-License-Identifier: ISC */
/*
 * The memory and the bells of a channel, for whoever creates it and hands its ends out.
 *
 * Each page is a sealed memfd with two descriptions: one to write by and one that was opened
 * read-only, whose mapping can never become writable. Behind a sandbox without /proc nobody
 * turns the one into the other.
 */
#ifndef CHAN_PAGES_H
#define CHAN_PAGES_H

#include "chan_map.h"

enum chan_role { CHAN_WRITER, CHAN_READER, CHAN_AUDITOR };

struct chan_pages {
	struct chan_geometry geometry;
	bool audited;
	int data, data_ro, ack, ack_ro, log, log_ro; /* -1: there is none */
	int bell[3];				     /* enum chan_role: whose bell it is */
};

/* Creates all; the descriptors are close-on-exec. False: errno, and nothing was created. */
bool chan_pages_create(struct chan_pages *p, struct chan_geometry g, bool audited)
	__attribute__((warn_unused_result));

/* The descriptor of an end, for one role; -1: that role does not get it. */
int chan_pages_fd(const struct chan_pages *p, enum chan_role role, enum channel_fd which);

/* All pages to 0 and all bells silent. Nobody may be using the channel. False: errno. */
bool chan_pages_reset(const struct chan_pages *p) __attribute__((warn_unused_result));

/* A sealed memfd of size bytes, and a read-only description of it. False: errno. */
bool chan_memory_create(const char *name, size_t size, int *writable, int *readable)
	__attribute__((warn_unused_result));

#endif /* CHAN_PAGES_H */
