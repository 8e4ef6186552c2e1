/* SPDX-License-Identifier: ISC */
/*
 * A backup of a store: its state, sealed by a passphrase (Argon2id, then XSalsa20-Poly1305). It holds
 * the keys: whoever has it and the passphrase can sign.
 */
#ifndef BACKUP_H
#define BACKUP_H

#include "store.h"

/* How far a restored count is ahead: more payments than this between backup and loss, and one count
 * could be used twice. */
#define BACKUP_AHEAD 1000000

/* Makes the file, which must not be there. False has been logged. */
bool backup_write(const char *path, const struct store_state *state, const char *passphrase);

/* False has been logged. */
bool backup_read(const char *path, struct store_state *state, const char *passphrase);

/* What becomes of a state when it is restored. */
void backup_age(struct store_state *state);

#endif /* BACKUP_H */
