/* SPDX-License-Identifier: ISC */
#include "manifest_property.h"

#include "device_spec.h"
#include "grid.h"
#include "manifest_source.h"
#include "number.h"
#include "options.h"
#include "payment.h"
#include "payment_messages.h"

#include <libfdt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type {
	FLAG,
	TEXT,	   /* of printable ASCII, min to max characters */
	INPUTS,	   /* texts like that, up to MANIFEST_INPUTS */
	NUMBER,	   /* one cell */
	SIZE,	   /* text: digits and perhaps K, M, G or T; in bytes */
	REFERENCE, /* to a node: its phandle */
	DEVICE,	   /* texts, as behind the command line's option of that name; min: its kind */
	KIND,	   /* one of words[], as its index + min; and so are the next ones */
	LINK,
	AUDIT,
	CLASS,
	LAYOUT, /* ... as it is */
	OTHERS, /* manifest.c takes it; min: its size, if it has one */
	TYPES
};

static const char *const words[TYPES][MANIFEST_KINDS + 4] = {
	[KIND] = { "vm", "terminal", "display", "auditor", "dialler", "showpay", "auth",
		   "storage" },
	[LINK] = { "messages", "grid", "stream" },
	[AUDIT] = { "none", "full", "digest", "decisions" },
	[CLASS] = { "emergency", "short", "local", "national", "mobile", "international",
		    "free", "premium" },
	[LAYOUT] = { "us", "de" },
};

const char *manifest_kind_name(enum manifest_kind k)
{
	return words[KIND][k];
}

const char *manifest_link_name(enum manifest_link l)
{
	return words[LINK][l];
}

const char *manifest_audit_name(enum channel_audit a)
{
	return words[AUDIT][a];
}

#define NEEDED	      (1u << 31)
#define ON(kind)      (1u << MANIFEST_##kind)
#define PROCESSES     (ON(KINDS) - 1)
#define ROOT	      (1u << NODE_ROOT)
#define CHANNEL	      (1u << NODE_CHANNEL)
#define RULE	      (1u << NODE_RULE)
#define ANY	      ((1u << NODE_KINDS) - 1)
#define HOLD_NODES    (ROOT | 1u << NODE_LIST | ON(DIALLER))
#define AT(field)     offsetof(struct manifest_process, field)
#define FROM(s, f)    offsetof(struct s, f)
#define NAME	      1, CRITICAL_NAME - 1
#define PATH	      1, MANIFEST_PATH - 1
#define CENTS	      1, 100000
#define SETTING(p, f) AT(p.settings.f)

static const struct property {
	const char *name;
	unsigned on; /* kinds of nodes that may have it; NEEDED: and must */
	enum type type;
	size_t at; /* in the struct of such nodes */
	uint64_t min, max;
} properties[] = {
	{ "phandle", ANY, OTHERS, 0, sizeof(fdt32_t), 0 }, /* dtc's own, for references */
	{ "compatible", NEEDED | ROOT, TEXT, FROM(manifest_root, compatible), 1, 19 },
	{ "model", NEEDED | ROOT, TEXT, FROM(manifest_root, model), NAME },

	{ "kind", NEEDED | PROCESSES, KIND, AT(kind), 0, 0 },
	{ "after", PROCESSES, OTHERS, 0, 0, 0 },
	{ "restart", PROCESSES & ~ON(VM), FLAG, AT(restart), 0, 0 },

	{ "kernel", ON(VM), TEXT, AT(vm.kernel), PATH },
	{ "initrd", ON(VM), TEXT, AT(vm.initrd), PATH },
	{ "firmware", ON(VM), TEXT, AT(vm.firmware), PATH },
	{ "cmdline", ON(VM), TEXT, AT(vm.cmdline), 0, VM_CMDLINE_MAX - 1 },
	{ "memory", ON(VM), SIZE, AT(vm.memory_size), VM_MEMORY_MIN, 1ull << 40 },
	{ "cpus", ON(VM), NUMBER, AT(vm.cpu_count), 1, VM_CPUS_MAX },
	{ "no-rng", ON(VM), FLAG, AT(vm.no_rng), 0, 0 },
	{ "disk", ON(VM), DEVICE, 0, KIND_DISK, 0 },
	{ "net", ON(VM), DEVICE, 0, KIND_NET, 0 },
	{ "console", ON(VM), DEVICE, 0, KIND_CONSOLE, 0 },
	{ "vsock", ON(VM), DEVICE, 0, KIND_VSOCK, 0 },
	{ "share", ON(VM), DEVICE, 0, KIND_SHARE, 0 },
	{ "balloon", ON(VM), DEVICE, 0, KIND_BALLOON, 0 },

	{ "rows", ON(TERMINAL), NUMBER, AT(terminal.rows), 1, GRID_ROWS_MAX },
	{ "columns", ON(TERMINAL), NUMBER, AT(terminal.columns), 1, GRID_COLUMNS_MAX },

	{ "phrase-file", ON(DISPLAY), TEXT, AT(display.phrase_file), PATH },
	{ "drm", ON(DISPLAY), TEXT, AT(display.drm), PATH },
	{ "input", ON(DISPLAY), INPUTS, AT(display.input), PATH },
	{ "layout", ON(DISPLAY), LAYOUT, SETTING(display, layout), 0, 0 },
	{ "timeout-ms", ON(DISPLAY), NUMBER, SETTING(display, timeout_ms), 1000, 600000 },
	{ "dead-time-ms", ON(DISPLAY), NUMBER, SETTING(display, dead_time_ms), 500, 10000 },

	{ "directory", NEEDED | ON(AUDITOR), TEXT, AT(auditor.directory), PATH },
	{ "directory", NEEDED | ON(STORAGE), TEXT, AT(storage.directory), PATH },
	{ "segment-bytes", ON(AUDITOR), SIZE, SETTING(auditor, segment_bytes), 1 << 16,
	  1ull << 40 },
	{ "keep-bytes", ON(AUDITOR), SIZE, SETTING(auditor, keep_bytes), 1 << 17, 1ull << 40 },
	{ "checkpoint-every", ON(AUDITOR), NUMBER, SETTING(auditor, checkpoint_every), 1,
	  1000000 },

	{ "tries", ON(STORAGE), NUMBER, SETTING(storage, tries), 1, PIN_TRIES },
	{ "tpm", ON(STORAGE), TEXT, AT(storage.tpm), PATH },
	{ "tpm-index", ON(STORAGE), NUMBER, SETTING(storage, tpm_index), 0x01000000,
	  0x01ffffff },

	{ "account", NEEDED | ON(SHOWPAY), TEXT, SETTING(showpay, account), 15,
	  PAYMENT_IBAN - 1 },

	{ "modem", NEEDED | ON(DIALLER), TEXT, AT(dialler.modem), PATH },
	{ "country", NEEDED | ON(DIALLER), TEXT, SETTING(dialler, country), 2, 5 },
	{ "international", NEEDED | ON(DIALLER), TEXT, SETTING(dialler, international), 1, 5 },
	{ "trunk", NEEDED | ON(DIALLER), TEXT, SETTING(dialler, trunk), 0, 3 },
	{ "prefix", NEEDED | RULE, TEXT, FROM(dialler_rule, prefix), 1, 11 },
	{ "class", NEEDED | RULE, CLASS, FROM(dialler_rule, number_class), 1, 0 },
	{ "cents-per-minute", RULE, NUMBER, FROM(dialler_rule, cents_per_minute), CENTS },
	{ "cents-per-call", RULE, NUMBER, FROM(dialler_rule, cents_per_call), CENTS },

	{ "from", NEEDED | CHANNEL, REFERENCE, FROM(manifest_ends, from), 1, UINT32_MAX - 1 },
	{ "to", NEEDED | CHANNEL, REFERENCE, FROM(manifest_ends, to), 1, UINT32_MAX - 1 },
	{ "link", CHANNEL, LINK, FROM(manifest_ends, link), 0, 0 },
	{ "audit", CHANNEL, AUDIT, FROM(manifest_ends, audit), 0, 0 },
	{ "slots", CHANNEL, NUMBER, FROM(manifest_ends, slots), 2, CHAN_SLOTS_MAX },
	{ "sync", CHANNEL, FLAG, FROM(manifest_ends, sync), 0, 0 },
};
#define COUNT (sizeof(properties) / sizeof(properties[0]))
#define END   (properties + COUNT)
_Static_assert(COUNT <= 64, "those seen are one word");
_Static_assert(NUMBER_EMERGENCY == 1 && NUMBER_PREMIUM == 8, "as in words[CLASS]");

/* "it is" or "is not", and then what the value has to be. */
static bool refuse_value(const struct property *p, const char *path, const char *how)
{
	unsigned long long min = p->min, max = p->max;
	char list[160] = "";
	size_t len = 0;

	for (unsigned i = 0; words[p->type][i] != NULL; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s\"%s\"",
					i > 0 ? ", " : "", words[p->type][i]);
	switch (p->type) {
	case FLAG:
		return refuse(path, p->name, "%s a word without a value", how);
	case TEXT:
		return refuse(path, p->name,
			      "%s one text of %llu to %llu printable ASCII characters", how,
			      min, max);
	case INPUTS:
		return refuse(path, p->name, "%s up to %d texts of up to %llu characters", how,
			      MANIFEST_INPUTS, max);
	case NUMBER:
		return refuse(path, p->name, "%s one number from %llu to %llu, like <%llu>",
			      how, min, max, min);
	case SIZE:
		return refuse(path, p->name, "%s a text like \"64M\", from %lluK to %lluG", how,
			      min >> 10, max >> 30);
	case REFERENCE:
		return refuse(path, p->name, "%s one reference to a process, like <&linux>",
			      how);
	case DEVICE:
		return refuse(path, p->name,
			      "%s texts as behind --%s of zwinger run, %d at most", how,
			      p->name, MANIFEST_DEVICES);
	case KIND:
	case LINK:
	case AUDIT:
	case CLASS:
	case LAYOUT:
	case OTHERS:
		return refuse(path, p->name, "%s what dtc makes of a reference", how);
	case TYPES:
		break;
	}
	return refuse(path, p->name, "%s one of %s", how, list);
}

const char *manifest_text(const char *value, int len, int *at, bool *bad)
{
	const char *start = value + *at;

	*bad |= len == 0;
	if (*at >= len)
		return NULL;
	for (; *at < len && value[*at] != '\0'; ++*at)
		*bad |= value[*at] < ' ' || value[*at] > '~';
	*bad |= *at == len; /* without an end */
	++*at;
	return *bad ? NULL : start;
}

/* The only text there is, if it is one. */
static const char *one_text(const char *value, int len)
{
	bool bad = false;
	int at = 0;
	const char *text = manifest_text(value, len, &at, &bad);

	return at == len ? text : NULL;
}

/* Makes a copy of each text. False: too many, or one is not of a good length. */
static bool take_inputs(const struct property *p, struct manifest_process *to,
			const char *value, int len)
{
	uint32_t *count = &to->display.settings.input_count;
	bool bad = false;
	int at = 0;

	for (const char *text; (text = manifest_text(value, len, &at, &bad)) != NULL;) {
		if (*count == MANIFEST_INPUTS || text[0] == '\0' || strlen(text) > p->max)
			return false;
		strcpy(to->display.input[(*count)++], text);
	}
	return !bad;
}

/* The same with devices; those that make no sense have been logged. */
static bool take_devices(const struct property *p, struct manifest_vm *vm, const char *value,
			 int len)
{
	struct device_spec spec;
	bool bad = false;
	int at = 0;

	for (const char *text; (text = manifest_text(value, len, &at, &bad)) != NULL;) {
		struct manifest_device *d = &vm->device[vm->device_count];

		if (vm->device_count == MANIFEST_DEVICES || strlen(text) >= MANIFEST_PATH ||
		    !device_spec_parse(&spec, (enum device_kind)p->min, text))
			return false;
		free(spec.copy);
		strcpy(d->option, p->name);
		strcpy(d->value, text);
		vm->device_count++;
	}
	return !bad;
}

/* False: the value is not as it has to be. */
static bool take(const struct property *p, void *node, const char *value, int len)
{
	const char *text = one_text(value, len);
	uint32_t number = (uint32_t)p->min;
	char *to = (char *)node + p->at;
	uint64_t size;

	switch (p->type) {
	case FLAG:
		*(bool *)to = true;
		return len == 0;
	case TEXT:
		if (text == NULL || strlen(text) < p->min || strlen(text) > p->max)
			return false;
		strcpy(to, text);
		return true;
	case INPUTS:
		return take_inputs(p, node, value, len);
	case NUMBER:
	case REFERENCE:
		if (len != sizeof(number))
			return false;
		number = fdt32_ld((const fdt32_t *)(const void *)value);
		memcpy(to, &number, sizeof(number));
		return number >= p->min && number <= p->max;
	case SIZE:
		if (text == NULL || !number_parse_size(text, &size))
			return false;
		memcpy(to, &size, sizeof(size));
		return size >= p->min && size <= p->max;
	case DEVICE:
		return take_devices(p, &((struct manifest_process *)node)->vm, value, len);
	case KIND:
	case LINK:
	case AUDIT:
	case CLASS:
	case LAYOUT:
		for (const char *const *w = words[p->type]; *w != NULL; w++, number++) {
			if (text == NULL || strcmp(*w, text) != 0)
				continue;
			if (p->type == LAYOUT)
				strcpy(to, text);
			else
				memcpy(to, &number, sizeof(number));
			return true;
		}
		return false;
	case OTHERS:
		return p->min == 0 || (uint64_t)len == p->min;
	case TYPES:
		break;
	}
	return true;
}

/* Nothing is ignored: there is no such property, or only others may have it. */
static bool refuse_unknown(const char *path, unsigned kind, const char *name)
{
	const char *names[COUNT + 1] = { NULL }, *nearest;
	unsigned count = 0;

	for (const struct property *p = properties; p < END; p++) {
		if ((p->on & 1u << kind) != 0)
			names[count++] = p->name;
		else if (strcmp(p->name, name) == 0 && (p->on & PROCESSES) != 0 &&
			 kind < MANIFEST_KINDS)
			return refuse(path, name, "a process of kind \"%s\" must not have it",
				      words[KIND][kind]);
	}
	nearest = options_nearest(name, names);
	return refuse(path, name, "there is no such property here%s%s",
		      nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "");
}

bool manifest_kind_of(const void *fdt, int node, const char *path, enum manifest_kind *kind)
{
	const struct property *p = properties;
	const char *value;
	int len;

	while (p->type != KIND)
		p++;
	value = fdt_getprop(fdt, node, p->name, &len);
	if (value == NULL)
		return refuse_value(p, path, "is missing; it is");
	return take(&(struct property){ .type = KIND }, kind, value, len) ||
	       refuse_value(p, path, "is not");
}

bool manifest_properties(const void *fdt, int node, const char *path, unsigned kind, void *to)
{
	uint64_t seen = 0;
	int property, len;

	fdt_for_each_property_offset(property, fdt, node)
	{
		const char *name, *value = fdt_getprop_by_offset(fdt, property, &name, &len);
		const struct property *p = properties;

		if (value == NULL)
			return refuse(path, NULL, "is damaged");
		while (p < END && ((p->on & 1u << kind) == 0 || strcmp(p->name, name) != 0))
			p++;
		if (p == END)
			return refuse_unknown(path, kind, name);
		if ((seen & 1ull << (p - properties)) != 0)
			return refuse(path, name, "is given twice");
		seen |= 1ull << (p - properties);
		if (!take(p, to, value, len))
			return refuse_value(p, path, "is not");
	}
	for (const struct property *p = properties; p < END; p++)
		if ((p->on & NEEDED) != 0 && (p->on & 1u << kind) != 0 &&
		    (seen & 1ull << (p - properties)) == 0)
			return refuse_value(p, path, "is missing; it is");
	if ((HOLD_NODES & 1u << kind) == 0 && fdt_first_subnode(fdt, node) >= 0)
		return refuse(path, NULL, "there is no node in here");
	return true;
}
