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
	NODE_LIST, /* only holds nodes: "processes", "channels", "numbers" */
	NODE_CHANNEL,
	NODE_NUMBER, /* a rule about telephone numbers */
	NODE_KINDS
};

struct manifest_root {
	char compatible[20];
	char model[CRITICAL_NAME];
};

/* A channel as its node has it. */
struct manifest_ends {
	uint32_t from, to; /* phandles */
	uint32_t link;	   /* enum manifest_link */
	uint32_t audit;	   /* enum channel_audit; MANIFEST_UNSAID */
	uint32_t slots;	   /* 0: not said */
	bool sync;
};
#define MANIFEST_UNSAID UINT32_MAX

/*
 * Takes all properties of a node into *to: struct manifest_root, manifest_process, manifest_ends or
 * dialler_rule, which has the defaults. path is for messages. False: one line has been logged.
 */
bool manifest_properties(const void *fdt, int node, const char *path, unsigned kind, void *to)
	__attribute__((warn_unused_result));

/* The next of the texts in a property; *at begins with 0. NULL: no more, or *bad is set. */
const char *manifest_text(const char *value, int len, int *at, bool *bad);

#endif /* MANIFEST_PROPERTY_H */
