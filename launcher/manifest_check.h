/* SPDX-License-Identifier: ISC */
/*
 * What must be true of a manifest beyond single properties: names that cannot be mistaken for each
 * other, channels only between kinds that have something to say to each other, none missing that a
 * kind needs, everything audited that must be, a hash for every program.
 */
#ifndef MANIFEST_CHECK_H
#define MANIFEST_CHECK_H

#include "manifest.h"

/* True if it can be the name of a process, a channel, a rule or a system. */
bool manifest_name_valid(const char *name);

/*
 * A channel by itself, as the manifest has it: geometry.slots may be 0 and audit
 * MANIFEST_UNSAID; both get their values, and geometry.message_size too. False: one line has been
 * logged.
 */
bool manifest_check_channel(const struct manifest *m, struct manifest_channel *c)
	__attribute__((warn_unused_result));

/* Rule i of a dialler, beside those before it. path is the rule's. False: as above. */
bool manifest_check_rule(const struct dialler_settings *d, unsigned i, const char *path)
	__attribute__((warn_unused_result));

/* Everything else, of the whole. False: one line has been logged. */
bool manifest_check(struct manifest *m) __attribute__((warn_unused_result));

#endif /* MANIFEST_CHECK_H */
