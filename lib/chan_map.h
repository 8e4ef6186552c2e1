/* SPDX-License-Identifier: ISC */
/* How a process that was granted an end of a channel begins to use it: maps its pages, once. */
#ifndef CHAN_MAP_H
#define CHAN_MAP_H

#include "chan.h"

/*
 * The descriptors of an end are consecutive; one that the role has not is not open: a writer has
 * no log, nor has the reader of a channel that is not audited; the auditor has no ack.
 */
enum channel_fd {
	CHANNEL_DATA,
	CHANNEL_ACK,
	CHANNEL_LOG,
	CHANNEL_BELL,
	CHANNEL_RING,
	CHANNEL_FDS
};

/*
 * Maps what is behind the descriptors from first on and closes all but the bells, fills *c and
 * begins with message number 0. False: errno; only the start of a process can fail so.
 */
bool chan_map_writer(struct chan_writer *c, int first, struct chan_geometry g, bool audited)
	__attribute__((warn_unused_result));
bool chan_map_reader(struct chan_reader *c, int first, struct chan_geometry g, bool audited)
	__attribute__((warn_unused_result));
bool chan_map_auditor(struct chan_auditor *c, int first, struct chan_geometry g)
	__attribute__((warn_unused_result));

#endif /* CHAN_MAP_H */
