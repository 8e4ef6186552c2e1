/* SPDX-License-Identifier: ISC */
/*
 * A whole system, as its manifest describes it: creates the channels, starts every process with
 * the descriptors that the manifest grants and no others, watches them, restarts what may be
 * restarted and closes the channels of what is gone.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include "chan_pages.h"
#include "control.h"
#include "guest.h"
#include "manifest.h"
#include "process.h"

#define SYSTEM_VMS 4

/* A process of the system. Invariant: it runs if process.child.pid is not 0. */
struct member {
	const struct manifest_process *is;
	struct process process;
	int exe;
	int resource[CRITICAL_RESOURCES_MAX]; /* ours; in the order of critical_settings.h */
	unsigned resource_count;
	struct guest *guest; /* of a VM */
	bool dead;	     /* never to be started again */
	unsigned starts;
	unsigned too_soon; /* resets of a guest in a row, each seconds after its start */
	uint64_t began_ms, due_ms; /* when it was started; when it is to be, 0 for not at all */
};

/* A channel between two of them. */
struct link {
	const struct manifest_channel *is;
	struct chan_pages pages; /* of LINK_MESSAGES */
	int writable, readable;	 /* of LINK_GRID: the memory */
	int bell;		 /* of LINK_GRID */
	int stream[2];		 /* of LINK_STREAM: the VM's end, the terminal's */
	bool closed;		 /* one of its ends is gone */
	uint32_t awaited;	 /* whose word that they have let go is missing: 1 << member */
};

struct system {
	const struct manifest *manifest;
	struct member member[MANIFEST_PROCESSES];
	struct link link[MANIFEST_CHANNELS];
	struct guest guest[SYSTEM_VMS];
	unsigned guest_count;
	bool drm;    /* the display has a screen of its own */
	bool played; /* the caller plays the VMs, with their ends of `link`: tests, benchmarks */
	int signal_fd;
	struct control control;
	bool ended;
	int status;
};

/*
 * Opens everything that the manifest names and creates the channels. s is 0 but for manifest, drm
 * control.metrics and played. What is not STATUS_OK has been logged.
 */
enum status system_open(struct system *s);

/* Starts all; serves until the last VM has ended or a signal came. The command's exit status. */
int system_run(struct system *s, int ready_fd);

/* The member of that kind, the first of them, or NULL. */
struct member *system_find(struct system *s, enum manifest_kind kind);

/* Listens at the control socket and answers there; system_control.c. False: logged. */
bool system_listen(struct system *s);

/* What each is doing, as a table for people. Returns its length, less than size. */
size_t system_describe(const struct system *s, char *text, size_t size);

#endif /* SYSTEM_H */
