/* SPDX-License-Identifier: ISC */
/*
 * The life of a critical process: it is given its channels and resources, shuts itself in, and
 * serves them from one loop. The same main for all: main() { return critical_main(&process); }
 *
 * Descriptors: 0 and 1 /dev/null, 2 the log, 3 SOCK_SEQPACKET to the launcher, then
 * CHANNEL_FDS for each channel in the order of its configuration, then the resources.
 */
#ifndef CRITICAL_H
#define CRITICAL_H

#include "chan_map.h"
#include "status.h"

#include <linux/filter.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CRITICAL_CONFIG_VERSION 1
#define CRITICAL_CHANNELS_MAX	16
#define CRITICAL_RESOURCES_MAX	16
#define CRITICAL_SETTINGS	6144 /* bytes */
#define CRITICAL_NAME		24   /* bytes with the final NUL; [a-z0-9-] only */

enum critical_fd {
	CRITICAL_FD_LOG = 2,
	CRITICAL_FD_CONTROL = 3,
	CRITICAL_FD_CHANNEL = 4, /* of channel i: + i * CHANNEL_FDS + enum channel_fd */
};

enum channel_role { CHANNEL_WRITER = 1, CHANNEL_READER = 2, CHANNEL_AUDITOR = 3 };

/* What of a channel goes into the log. */
enum channel_audit {
	AUDIT_NONE = 0,	  /* nobody taps it */
	AUDIT_FULL = 1,	  /* every message */
	AUDIT_DIGEST = 2, /* a hash of every message */
	AUDIT_DECISIONS =
		3, /* messages whose first 32-bit word has CHAN_DECISION; others counted */
};
#define CHAN_DECISION 0x40000000 /* in the type of a message that decides something */

struct critical_channel {
	char name[CRITICAL_NAME]; /* the manifest's */
	char from[CRITICAL_NAME]; /* the processes at its ends */
	char to[CRITICAL_NAME];
	uint32_t role;	/* enum channel_role: ours */
	uint32_t audit; /* enum channel_audit */
	struct chan_geometry geometry;
	uint32_t sync; /* for the auditor: 1: fsync before each delivery; 0: at checkpoints */
	uint32_t reserved;
};

/* Sent once by the launcher, before anything else. */
struct critical_config {
	uint32_t version;
	uint32_t channel_count;
	uint32_t resource_count;
	uint32_t settings_size;
	char name[CRITICAL_NAME]; /* this process in the manifest */
	struct critical_channel channel[CRITICAL_CHANNELS_MAX];
	uint8_t settings
		[CRITICAL_SETTINGS]; /* the process's own struct, see its header in lib/ */
};

/* Afterwards, on the control socket. */
enum critical_command_kind {
	/* To the process: */
	CRITICAL_CLOSE =
		1, /* one end of channel `channel` is gone: touch it no more, say CLOSED */
	CRITICAL_OPEN = 2,   /* both ends of the channel begin anew, from index 0 */
	CRITICAL_ATTACH = 3, /* display: a terminal and its client's socket come along, 2 fds */
	/* From the process: */
	CRITICAL_CLOSED = 4,
};

struct critical_command {
	uint32_t kind;	  /* enum critical_command_kind */
	uint32_t channel; /* index in the process's configuration */
};

/* A channel at run time; the union's member is that of the role. */
struct critical_end {
	const struct critical_channel *config;
	bool open;	  /* false: do not use; send() says CHAN_BROKEN, recv() CHAN_AGAIN */
	bool more;	  /* it has had its turn and there is more to take */
	unsigned taken;	  /* in this turn; at most as many as there are slots */
	unsigned barren;  /* rings in a row that brought nothing */
	uint64_t deaf_ms; /* until then its bell is not listened to */
	union {
		struct chan_writer writer;
		struct chan_reader reader;
		struct chan_auditor auditor;
	};
};

struct critical {
	struct critical_config config;
	struct critical_end end[CRITICAL_CHANNELS_MAX];
};

struct critical_process {
	const char *kind; /* for the log until the manifest's name is known */
	const struct sock_filter *filter;
	unsigned filter_count;
	unsigned open_files; /* beyond what it is started with */
	rlim_t file_size;    /* bytes */
	size_t settings_size;

	/* Before the sandbox: opens nothing by path, may refuse. */
	enum status (*open)(struct critical *c);

	/* A channel's bell has rung, or it was opened or closed (end->open tells). */
	void (*notified)(struct critical_end *end);

	/* A watched descriptor, critical_watch(). NULL: nothing is ever watched. */
	void (*ready)(int fd, short revents);

	/* A command that only this process knows; the descriptors are its to close. NULL: none. */
	void (*command)(const struct critical_command *m, const int *fds, unsigned fd_count);

	/*
	 * Time passes: returns when it wants to be called again, CLOCK_BOOTTIME ms; or UINT64_MAX.
	 * Called at the start, before each wait and after it.
	 */
	uint64_t (*tick)(uint64_t now_ms);

	/* The launcher ends the system: leave everything in good order. NULL: nothing to do. */
	void (*close)(void);
};

/* Does not return until the launcher's socket ends. */
int critical_main(const struct critical_process *p);

/* The channel of that name in that role, or NULL; for open(). */
struct critical_end *critical_find(struct critical *c, const char *name,
				   enum channel_role role);

/*
 * Send and receive on an end; a channel that turns out broken is closed and logged once. One
 * notified() takes at most one round of messages, so that a flood on one channel delays the
 * others by that much: then recv() says CHAN_AGAIN, and notified() is called again.
 */
enum chan_status critical_send(struct critical_end *e, const void *message)
	__attribute__((warn_unused_result));
enum chan_status critical_recv(struct critical_end *e, void *message)
	__attribute__((warn_unused_result));

/* No more of this channel, for a reason that the caller has logged. */
void critical_break(struct critical_end *e);

/* Descriptor of resource i. */
int critical_resource(const struct critical *c, unsigned i);

/* Watch a descriptor for POLLIN and the like; at most 16. events 0: no longer. */
void critical_watch(int fd, short events);

/* Ends the loop: critical_main() returns st. */
void critical_end_with(enum status st);

#endif /* CRITICAL_H */
