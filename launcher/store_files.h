/* SPDX-License-Identifier: ISC */
/*
 * The files of a secure storage: a directory with the key that seals the store, the two slots it is
 * written to in turn, and the anchor that knows how often. The storage itself opens nothing.
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "critical_settings.h"

#define STORE_FILES 4  /* enum storage_resource */
#define STORE_KEY   32 /* bytes */

/*
 * Opens them, and makes those that are not there; a key only where nothing is sealed by one yet. tpm ""
 * is none, else the device that is the anchor. Until fd[] are closed nobody else opens them. False: a
 * line that begins with `who` has been logged, and nothing stays open.
 */
bool store_files_open(const char *who, const char *directory, const char *tpm,
		      int fd[STORE_FILES]) __attribute__((warn_unused_result));

#endif /* STORE_FILES_H */
