/* SPDX-License-Identifier: ISC */
/*
 * The properties of a manifest's nodes: one table says which node may have which, of what type and
 * within which limits. What is not in the table is refused.
 */
#ifndef MANIFEST_PROPERTY_H
#define MANIFEST_PROPERTY_H

#include "manifest.h"

/* What kind of node: a process is one of enum manifest_kind; and these. */
enum manifest_node {
	NODE_ROOT = MANIFEST_KINDS,
	NODE_LIST,
	NODE_CHANNEL,
	NODE_RULE,
	NODE_KINDS
};

struct manifest_root {
	char compatible[20], model[CRITICAL_NAME];
};

/* A channel as its node has it. */
struct manifest_ends {
	uint32_t from, to; /* phandles */
	uint32_t link;	   /* enum manifest_link */
	uint32_t audit;	   /* enum channel_audit; MANIFEST_UNSAID */
	uint32_t slots;	   /* 0: unsaid */
	bool sync;
};
#define MANIFEST_UNSAID UINT32_MAX

/* The kind of a process. False: one line has been logged. */
bool manifest_kind_of(const void *fdt, int node, const char *path, enum manifest_kind *kind)
	__attribute__((warn_unused_result));

/*
 * Takes all properties of a node into *to, which has the defaults: struct manifest_root,
 * manifest_process, manifest_ends, dialler_rule, or for NODE_LIST nothing. Refuses nodes in one
 * that can have none. path is for messages. False: one line has been logged.
 */
bool manifest_properties(const void *fdt, int node, const char *path, unsigned kind, void *to)
	__attribute__((warn_unused_result));

/* The next of the texts in a property; *at begins with 0. NULL: no more, or *bad is set. */
const char *manifest_text(const char *value, int len, int *at, bool *bad);

#endif /* MANIFEST_PROPERTY_H */
