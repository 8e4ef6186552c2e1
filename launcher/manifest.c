/* SPDX-License-Identifier: ISC */
#include "manifest.h"

#include "device_spec.h"
#include "manifest_check.h"
#include "manifest_property.h"
#include "manifest_source.h"
#include "payment_messages.h"

#include <libfdt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES "/processes"
#define CHANNELS  "/channels"
#define BINARIES  "/binaries"
#define VERSION	  17 /* of the format, since 2005 */

#define PATH_BYTES 160 /* of a node's path: names in it are cut, valid ones are not */

static const struct {
	const char *program;
	unsigned order; /* who is started first if the manifest does not say */
} kinds[MANIFEST_KINDS] = {
	[MANIFEST_AUDITOR] = { "zwinger-audit", 0 },
	[MANIFEST_DISPLAY] = { "zwinger-display", 1 },
	[MANIFEST_DIALLER] = { "zwinger-dialler", 2 },
	[MANIFEST_STORAGE] = { "zwinger-storage", 2 },
	[MANIFEST_AUTH] = { "zwinger-auth", 3 },
	[MANIFEST_SHOWPAY] = { "zwinger-showpay", 4 },
	[MANIFEST_TERMINAL] = { "zwinger-terminal", 5 },
	[MANIFEST_VM] = { "zwinger-vmm", 6 },
};

/* A process before all is known of it. */
struct entry {
	int node;
	char name[CRITICAL_NAME];
	enum manifest_kind kind;
	uint32_t phandle;  /* 0: nothing refers to it */
	uint32_t after;	   /* those that are started before it: 1 << index */
	unsigned position; /* in the order of starts; count: not known yet */
};

/* As the manifest has them. */
struct entries {
	const void *fdt;
	unsigned count;
	struct entry entry[MANIFEST_PROCESSES];
};

const char *manifest_program(const struct manifest_process *p)
{
	return p->kind == MANIFEST_VM && p->vm.firmware[0] != '\0' ? "zwinger-vmm-firmware"
								   : kinds[p->kind].program;
}

const struct manifest_binary *manifest_binary(const struct manifest *m, const char *program)
{
	for (unsigned i = 0; i < m->binary_count; i++)
		if (strcmp(m->binary[i].name, program) == 0)
			return &m->binary[i];
	return NULL;
}

/* Of that kind, and served by a program of ours rather than by whoever has a socket. */
static bool own_device(const struct manifest_device *d, enum device_kind kind)
{
	struct device_spec s;
	bool own;

	if (strcmp(d->option, device_kind_name(kind)) != 0 ||
	    !device_spec_parse(&s, kind, d->value))
		return false;
	own = kind != KIND_DISK || s.socket == NULL;
	free(s.copy);
	return own;
}

unsigned manifest_programs(const struct manifest_process *p,
			   const char *list[MANIFEST_PROGRAMS])
{
	static const char *const served[KIND_COUNT] = {
		[KIND_DISK] = "zwinger-blk",	    [KIND_NET] = "zwinger-net",
		[KIND_CONSOLE] = "zwinger-console", [KIND_VSOCK] = "zwinger-vsock",
		[KIND_BALLOON] = "zwinger-balloon",
	};
	unsigned n = 0;

	list[n++] = manifest_program(p);
	if (p->kind != MANIFEST_VM)
		return n;
	if (!p->vm.no_rng)
		list[n++] = "zwinger-rng";
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		for (unsigned i = 0; i < p->vm.device_count && served[kind] != NULL; i++)
			if (own_device(&p->vm.device[i], (enum device_kind)kind)) {
				list[n++] = served[kind];
				break;
			}
	return n;
}

/* Writes "/processes/linux" into path and "linux" into name, if it can be one. */
static bool take_name(const void *fdt, int node, const char *parent, char path[PATH_BYTES],
		      char name[CRITICAL_NAME])
{
	const char *text = fdt_get_name(fdt, node, NULL);

	snprintf(path, PATH_BYTES, "%s/%.32s", parent, text);
	if (!manifest_name_valid(text))
		return refuse(path, NULL,
			      "a name is 1 to %d of a-z, 0-9 and '-', which is not the first",
			      CRITICAL_NAME - 1);
	strcpy(name, text);
	return true;
}

/* A node that holds nodes only: no properties. */
static bool plain(const void *fdt, int node, const char *path)
{
	char none;

	return manifest_properties(fdt, node, path, NODE_LIST, &none);
}

/* ---- processes ---- */

static uint32_t phandle_of(const void *fdt, int node)
{
	int len;
	const void *value = fdt_getprop(fdt, node, "phandle", &len);

	return value != NULL && len == sizeof(fdt32_t) ? fdt32_ld(value) : 0;
}

/* The process that a phandle refers to, or NULL. */
static const struct entry *refers_to(const struct entries *e, uint32_t phandle)
{
	for (unsigned i = 0; i < e->count; i++)
		if (phandle != 0 && e->entry[i].phandle == phandle)
			return &e->entry[i];
	return NULL;
}

static bool take_entry(struct entries *e, int node)
{
	struct entry *p = &e->entry[e->count];
	char path[PATH_BYTES];

	if (e->count == MANIFEST_PROCESSES)
		return refuse(PROCESSES, NULL, "more than %d processes", MANIFEST_PROCESSES);
	if (!take_name(e->fdt, node, PROCESSES, path, p->name) ||
	    !manifest_kind_of(e->fdt, node, path, &p->kind))
		return false;
	p->node = node;
	p->phandle = phandle_of(e->fdt, node);
	if (refers_to(e, p->phandle) != NULL)
		return refuse(path, "phandle", "is another process's too");
	e->count++;
	return true;
}

/* Whom p is to be started after. */
static bool take_after(const struct entries *e, struct entry *p, const char *path)
{
	int len;
	const fdt32_t *after = fdt_getprop(e->fdt, p->node, "after", &len);

	if (after == NULL)
		return true;
	if (len == 0 || len % (int)sizeof(*after) != 0)
		return refuse(path, "after", "is not references to processes, like <&auditor>");
	for (int i = 0; i < len / (int)sizeof(*after); i++) {
		const struct entry *other = refers_to(e, fdt32_ld(&after[i]));

		if (other == NULL)
			return refuse(path, "after", "refers to no process");
		p->after |= 1u << (other - e->entry);
	}
	return true;
}

/* One after the other, the first of those that wait for nobody. */
static bool put_in_order(struct entries *e)
{
	char path[PATH_BYTES] = "";
	uint32_t placed = 0;

	for (unsigned n = 0; n < e->count; n++) {
		struct entry *next = NULL;

		for (struct entry *p = e->entry; p < e->entry + e->count; p++) {
			if ((placed & 1u << (p - e->entry)) != 0)
				continue;
			if ((p->after & ~placed) != 0)
				snprintf(path, sizeof(path), PROCESSES "/%s", p->name);
			else if (next == NULL || kinds[p->kind].order < kinds[next->kind].order)
				next = p;
		}
		if (next == NULL)
			return refuse(path, "after",
				      "there is no order: who is waited for waits too");
		next->position = n;
		placed |= 1u << (next - e->entry);
	}
	return true;
}

static void set_defaults(struct manifest_process *p)
{
	switch (p->kind) {
	case MANIFEST_VM:
		strcpy(p->vm.cmdline, MANIFEST_CMDLINE);
		p->vm.memory_size = 512ull << 20;
		p->vm.cpu_count = 1;
		break;
	case MANIFEST_TERMINAL:
		p->terminal = (struct terminal_settings){ .rows = 24, .columns = 80 };
		break;
	case MANIFEST_DISPLAY:
		strcpy(p->display.settings.layout, "us");
		break;
	case MANIFEST_STORAGE:
		p->storage.settings.tries = PIN_TRIES;
		break;
	case MANIFEST_AUDITOR:
	case MANIFEST_DIALLER:
	case MANIFEST_SHOWPAY:
	case MANIFEST_AUTH:
	case MANIFEST_KINDS:
		break;
	}
}

static bool take_numbers(const void *fdt, int numbers, const char *parent,
			 struct dialler_settings *d)
{
	char path[PATH_BYTES], name[CRITICAL_NAME];
	int node;

	if (!plain(fdt, numbers, parent))
		return false;
	fdt_for_each_subnode(node, fdt, numbers)
	{
		if (d->rule_count == DIALLER_RULES)
			return refuse(parent, NULL, "more than %d rules", DIALLER_RULES);
		if (!take_name(fdt, node, parent, path, name) ||
		    !manifest_properties(fdt, node, path, NODE_RULE, &d->rule[d->rule_count]))
			return false;
		if (!manifest_check_rule(d, d->rule_count++, path))
			return false;
	}
	return true;
}

static bool take_process(const struct entries *e, const struct entry *from,
			 struct manifest_process *p)
{
	char path[PATH_BYTES], inside[PATH_BYTES];
	int node;

	snprintf(path, sizeof(path), PROCESSES "/%s", from->name);
	strcpy(p->name, from->name);
	p->kind = from->kind;
	p->line = manifest_source_line(path);
	set_defaults(p);
	if (!manifest_properties(e->fdt, from->node, path, p->kind, p))
		return false;
	fdt_for_each_subnode(node, e->fdt, from->node)
	{
		const char *name = fdt_get_name(e->fdt, node, NULL);

		snprintf(inside, sizeof(inside), PROCESSES "/%s/%.32s", from->name, name);
		if (p->kind != MANIFEST_DIALLER || strcmp(name, "numbers") != 0)
			return refuse(inside, NULL, "there is no such node here");
		if (p->dialler.settings.rule_count > 0)
			return refuse(inside, NULL, "is given twice");
		if (!take_numbers(e->fdt, node, inside, &p->dialler.settings))
			return false;
	}
	return true;
}

static bool take_processes(struct entries *e, struct manifest *m, int processes)
{
	char path[PATH_BYTES];
	int node;

	if (!plain(e->fdt, processes, PROCESSES))
		return false;
	fdt_for_each_subnode(node, e->fdt, processes) if (!take_entry(e, node)) return false;
	for (unsigned i = 0; i < e->count; i++) {
		snprintf(path, sizeof(path), PROCESSES "/%s", e->entry[i].name);
		if (!take_after(e, &e->entry[i], path))
			return false;
	}
	if (!put_in_order(e))
		return false;
	m->process_count = e->count;
	for (unsigned i = 0; i < e->count; i++)
		if (!take_process(e, &e->entry[i], &m->process[e->entry[i].position]))
			return false;
	return true;
}

/* ---- channels and binaries ---- */

static bool take_channel(const struct entries *e, struct manifest *m, int node)
{
	struct manifest_channel *c = &m->channel[m->channel_count];
	struct manifest_ends ends = { .link = LINK_MESSAGES, .audit = MANIFEST_UNSAID };
	const struct entry *from, *to;
	char path[PATH_BYTES];

	if (m->channel_count == MANIFEST_CHANNELS)
		return refuse(CHANNELS, NULL, "more than %d channels", MANIFEST_CHANNELS);
	if (!take_name(e->fdt, node, CHANNELS, path, c->name) ||
	    !manifest_properties(e->fdt, node, path, NODE_CHANNEL, &ends))
		return false;
	from = refers_to(e, ends.from);
	to = refers_to(e, ends.to);
	if (from == NULL || to == NULL)
		return refuse(path, from == NULL ? "from" : "to", "refers to no process");
	c->link = (enum manifest_link)ends.link;
	c->from = from->position;
	c->to = to->position;
	c->geometry.slots = ends.slots;
	c->audit = (enum channel_audit)ends.audit;
	c->sync = ends.sync;
	c->line = manifest_source_line(path);
	m->channel_count++;
	return manifest_check_channel(m, c);
}

static bool take_channels(const struct entries *e, struct manifest *m, int channels)
{
	int node;

	if (!plain(e->fdt, channels, CHANNELS))
		return false;
	fdt_for_each_subnode(node, e->fdt,
			     channels) if (!take_channel(e, m, node)) return false;
	return true;
}

static bool take_binaries(const void *fdt, struct manifest *m, int binaries)
{
	int property, len;

	if (fdt_first_subnode(fdt, binaries) >= 0)
		return refuse(BINARIES, NULL, "there is no node in here");
	fdt_for_each_property_offset(property, fdt, binaries)
	{
		struct manifest_binary *b = &m->binary[m->binary_count];
		const char *name = "", *text = NULL;
		const char *value = fdt_getprop_by_offset(fdt, property, &name, &len);
		bool bad = value == NULL;
		int at = 0;

		if (m->binary_count == MANIFEST_BINARIES)
			return refuse(BINARIES, NULL, "more than %d", MANIFEST_BINARIES);
		if (bad || strncmp(name, "zwinger-", 8) != 0 || strlen(name) >= sizeof(b->name))
			return refuse(BINARIES, name, "is no program of Zwinger's");
		if (manifest_binary(m, name) != NULL)
			return refuse(BINARIES, name, "is given twice");
		text = manifest_text(value, len, &at, &bad);
		if (text == NULL || at != len || strlen(text) != 2 * sizeof(b->sha256) ||
		    sodium_hex2bin(b->sha256, sizeof(b->sha256), text, strlen(text), NULL, NULL,
				   NULL) != 0)
			return refuse(BINARIES, name,
				      "is not a SHA-256, one text of 64 hexadecimal digits");
		strcpy(b->name, name);
		m->binary_count++;
	}
	return true;
}

/* ---- the whole ---- */

static bool take_root(const void *fdt, struct manifest *m, int nodes[3])
{
	static const char *const names[] = { PROCESSES, CHANNELS, BINARIES };
	struct manifest_root root = { .model = "" };
	int node;

	if (!manifest_properties(fdt, 0, "/", NODE_ROOT, &root))
		return false;
	if (strcmp(root.compatible, "zwinger,system-1") != 0)
		return refuse("/", "compatible", "is not \"zwinger,system-1\"");
	if (!manifest_name_valid(root.model))
		return refuse("/", "model",
			      "is no name: a-z, 0-9 and '-', which is not the first");
	strcpy(m->name, root.model);
	fdt_for_each_subnode(node, fdt, 0)
	{
		char path[PATH_BYTES];
		unsigned i = 0;

		snprintf(path, sizeof(path), "/%.32s", fdt_get_name(fdt, node, NULL));
		while (i < 3 && strcmp(names[i], path) != 0)
			i++;
		if (i == 3)
			return refuse(path, NULL, "there is no such node here");
		if (nodes[i] >= 0)
			return refuse(path, NULL, "is given twice");
		nodes[i] = node;
	}
	return true;
}

static bool parse(struct manifest *m, const void *fdt, size_t size)
{
	static struct entries e;
	int nodes[3] = { -1, -1, -1 }, why = fdt_check_full(fdt, size);

	memset(m, 0, sizeof(*m));
	memset(&e, 0, sizeof(e));
	e.fdt = fdt;
	if (why < 0)
		return refuse("/", NULL, "is no flattened device tree: %s", fdt_strerror(why));
	if (fdt_version(fdt) != VERSION || fdt_totalsize(fdt) != size ||
	    fdt_num_mem_rsv(fdt) != 0)
		return refuse("/", NULL,
			      "is not of version %d, has more behind it, or reserves "
			      "memory",
			      VERSION);
	if (!take_root(fdt, m, nodes))
		return false;
	if (nodes[0] < 0)
		return refuse(PROCESSES, NULL, "is missing");
	return take_processes(&e, m, nodes[0]) &&
	       (nodes[1] < 0 || take_channels(&e, m, nodes[1])) &&
	       (nodes[2] < 0 || take_binaries(fdt, m, nodes[2])) && manifest_check(m);
}

bool manifest_parse(struct manifest *m, const void *fdt, size_t size)
{
	manifest_source_forget();
	return parse(m, fdt, size);
}

bool manifest_read(struct manifest *m, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1, size;
	const void *fdt = manifest_source_read(path, &size);

	if (fdt == NULL || !parse(m, fdt, size))
		return false;
	if (len >= sizeof(m->directory))
		return refuse("/", NULL, "the path of its directory is too long");
	memcpy(m->directory, path, len);
	return true;
}
