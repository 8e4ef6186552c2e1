/* SPDX-License-Identifier: ISC */
/*
 * Where a manifest comes from: dtc's output for a .dts, or a .dtb as it is; and which line of the
 * text each node and property stands on, so that what is wrong with it can be found. There is one
 * source at a time, the last one read; all of it is in static memory.
 */
#ifndef MANIFEST_SOURCE_H
#define MANIFEST_SOURCE_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>

#define MANIFEST_TREE_MAX (256u << 10) /* bytes of a .dtb */
#define MANIFEST_TEXT_MAX (1u << 20)   /* bytes of what dtc says of a .dts */

/* The flattened tree, not looked at yet, of *size bytes. NULL: at least one line was logged. */
const void *manifest_source_read(const char *path, size_t *size);

/* What is judged from now on is from nowhere: no file, no lines. */
void manifest_source_forget(void);

/* The line of a node ("/processes/linux"); 0: unknown. */
unsigned manifest_source_line(const char *node);

/*
 * Logs "phone.dts:12: /processes/dialler: modem: ...", with the property's line or, if it has
 * none, its node's; property NULL: it is about the node. Always false. Its name is short so that a
 * rule and what is said of it stand on two lines.
 */
bool refuse(const char *node, const char *property, const char *fmt, ...) LOG_FORMAT(3, 4);

#endif /* MANIFEST_SOURCE_H */
