/* SPDX-License-Identifier: ISC */
/*
 * What a running system counts, as Prometheus' text: memory and time of each process by /proc, KVM's
 * statistics, the devices' queues, the channels. Numbers may come from a process that was taken
 * over; names and labels are the launcher's own and the kernel's.
 */
#ifndef STATS_H
#define STATS_H

#include "chan_pages.h"
#include "vm.h"

#include <stdio.h>

#define STATS_GUESTS	4
#define STATS_PROCESSES 160
#define STATS_CHANNELS	32

struct stats {
	const char *system;
	struct {
		char name[48];
		const char *kind;
		int pid;	 /* 0: it does not run */
		unsigned starts; /* 0: nobody has counted */
	} process[STATS_PROCESSES];
	unsigned process_count;
	struct {
		const char *name;
		const struct guest *guest;
	} guest[STATS_GUESTS];
	unsigned guest_count;
	struct {
		const char *name;
		const struct chan_pages *pages;
		bool open;
	} channel[STATS_CHANNELS];
	unsigned channel_count;
};

/* One more of each; a guest brings its devices' processes along. */
void stats_add_process(struct stats *s, const char *name, const char *kind, int pid,
		       unsigned starts);
void stats_add_guest(struct stats *s, const char *name, const struct guest *g);
void stats_add_channel(struct stats *s, const char *name, const struct chan_pages *p,
		       bool open);

/* All of it, now. */
void stats_write(const struct stats *s, FILE *f);

#endif /* STATS_H */
