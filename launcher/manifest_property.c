/* SPDX-License-Identifier: ISC */
#include "manifest_property.h"

#include "device_spec.h"
#include "grid.h"
#include "manifest_source.h"
#include "number.h"
#include "options.h"

#include <libfdt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type {
	FLAG,
	TEXT,	   /* of printable ASCII, min to max characters */
	INPUTS,	   /* texts like that, up to MANIFEST_INPUTS */
	WORD,	   /* one of words, as its index + min */
	NUMBER,	   /* one cell */
	SIZE,	   /* text: digits and perhaps K, M, G or T; in bytes */
	REFERENCE, /* to a node: its phandle */
	DEVICE,	   /* texts, each what stands behind the command line's option of that name */
	OTHERS,	   /* not ours: manifest.c takes it */
};

#define ON(kind)	       (1u << MANIFEST_##kind)
#define ON_NODE(kind)	       (1u << NODE_##kind)
#define PROCESSES	       (ON_NODE(ROOT) - 1)
#define ALL		       ((1u << NODE_KINDS) - 1)
#define AT(field)	       offsetof(struct manifest_process, field)
#define AT_ROOT(field)	       offsetof(struct manifest_root, field)
#define AT_END(field)	       offsetof(struct manifest_ends, field)
#define AT_RULE(field)	       offsetof(struct dialler_rule, field)
#define CHARACTERS(s, field)   (sizeof(((struct s *)NULL)->field) - 1)
#define FILE_NAME(kind, field) ON(kind), TEXT, AT(field), 1, MANIFEST_PATH - 1

static const char *const links[] = { "messages", "grid", "stream", NULL };
static const char *const audits[] = { "none", "full", "digest", "decisions", NULL };
static const char *const layouts[] = { "us", "de", NULL };
static const char *const classes[] = { "emergency", "short",   "local",
				       "national",  "mobile",  "international",
				       "free",	    "premium", NULL };

static const struct property {
	const char *name;
	unsigned on; /* kinds of nodes that may have it */
	enum type type;
	size_t at; /* in the struct of such nodes */
	uint64_t min, max;
	bool needed;
	const char *const *words; /* a TEXT or WORD is one of them */
} properties[] = {
	{ "compatible", ON_NODE(ROOT), TEXT, AT_ROOT(compatible), 1, 19, true, NULL },
	{ "model", ON_NODE(ROOT), TEXT, AT_ROOT(model), 1, CRITICAL_NAME - 1, true, NULL },
	{ "phandle", ALL, OTHERS, 0, 0, 0, false, NULL }, /* dtc's own, for references */
	/* Processes. */
	{ "kind", PROCESSES, OTHERS, 0, 0, 0, true, NULL },
	{ "after", PROCESSES, OTHERS, 0, 0, 0, false, NULL },
	{ "restart", PROCESSES & ~ON(VM), FLAG, AT(restart), 0, 0, false, NULL },
	{ "kernel", FILE_NAME(VM, vm.kernel), true, NULL },
	{ "initrd", FILE_NAME(VM, vm.initrd), false, NULL },
	{ "cmdline", ON(VM), TEXT, AT(vm.cmdline), 0, VM_CMDLINE_MAX - 1, false, NULL },
	{ "memory", ON(VM), SIZE, AT(vm.memory_size), VM_MEMORY_MIN, 1ull << 40, false, NULL },
	{ "cpus", ON(VM), NUMBER, AT(vm.cpu_count), 1, VM_CPUS_MAX, false, NULL },
	{ "no-rng", ON(VM), FLAG, AT(vm.no_rng), 0, 0, false, NULL },
	{ "disk", ON(VM), DEVICE, 0, KIND_DISK, 0, false, NULL },
	{ "net", ON(VM), DEVICE, 0, KIND_NET, 0, false, NULL },
	{ "console", ON(VM), DEVICE, 0, KIND_CONSOLE, 0, false, NULL },
	{ "vsock", ON(VM), DEVICE, 0, KIND_VSOCK, 0, false, NULL },
	{ "share", ON(VM), DEVICE, 0, KIND_SHARE, 0, false, NULL },
	{ "balloon", ON(VM), DEVICE, 0, KIND_BALLOON, 0, false, NULL },
	{ "rows", ON(TERMINAL), NUMBER, AT(terminal.rows), 1, GRID_ROWS_MAX, false, NULL },
	{ "columns", ON(TERMINAL), NUMBER, AT(terminal.columns), 1, GRID_COLUMNS_MAX, false,
	  NULL },
	{ "phrase-file", FILE_NAME(DISPLAY, display.phrase_file), false, NULL },
	{ "drm", FILE_NAME(DISPLAY, display.drm), false, NULL },
	{ "input", ON(DISPLAY), INPUTS, AT(display.input), 1, MANIFEST_PATH - 1, false, NULL },
	{ "layout", ON(DISPLAY), TEXT, AT(display.settings.layout), 1, 7, false, layouts },
	{ "timeout-ms", ON(DISPLAY), NUMBER, AT(display.settings.timeout_ms), 1000, 600000,
	  false, NULL },
	{ "dead-time-ms", ON(DISPLAY), NUMBER, AT(display.settings.dead_time_ms), 500, 10000,
	  false, NULL },
	{ "directory", FILE_NAME(AUDITOR, auditor.directory), true, NULL },
	{ "segment-bytes", ON(AUDITOR), SIZE, AT(auditor.settings.segment_bytes), 1u << 16,
	  1ull << 40, false, NULL },
	{ "keep-bytes", ON(AUDITOR), SIZE, AT(auditor.settings.keep_bytes), 1u << 17,
	  1ull << 50, false, NULL },
	{ "checkpoint-every", ON(AUDITOR), NUMBER, AT(auditor.settings.checkpoint_every), 1,
	  1u << 20, false, NULL },
	{ "modem", FILE_NAME(DIALLER, dialler.modem), true, NULL },
	{ "country", ON(DIALLER), TEXT, AT(dialler.settings.country), 2, 5, true, NULL },
	{ "international", ON(DIALLER), TEXT, AT(dialler.settings.international), 1, 5, true,
	  NULL },
	{ "trunk", ON(DIALLER), TEXT, AT(dialler.settings.trunk), 0, 3, true, NULL },
	{ "prefix", ON_NODE(NUMBER), TEXT, AT_RULE(prefix), 1, 11, true, NULL },
	{ "class", ON_NODE(NUMBER), WORD, AT_RULE(number_class), NUMBER_EMERGENCY, 0, true,
	  classes },
	{ "cents-per-minute", ON_NODE(NUMBER), NUMBER, AT_RULE(cents_per_minute), 1, 100000,
	  false, NULL },
	{ "cents-per-call", ON_NODE(NUMBER), NUMBER, AT_RULE(cents_per_call), 1, 100000, false,
	  NULL },
	/* Channels. */
	{ "from", ON_NODE(CHANNEL), REFERENCE, AT_END(from), 1, UINT32_MAX - 1, true, NULL },
	{ "to", ON_NODE(CHANNEL), REFERENCE, AT_END(to), 1, UINT32_MAX - 1, true, NULL },
	{ "link", ON_NODE(CHANNEL), WORD, AT_END(link), LINK_MESSAGES, 0, false, links },
	{ "audit", ON_NODE(CHANNEL), WORD, AT_END(audit), AUDIT_NONE, 0, false, audits },
	{ "slots", ON_NODE(CHANNEL), NUMBER, AT_END(slots), 2, CHAN_SLOTS_MAX, false, NULL },
	{ "sync", ON_NODE(CHANNEL), FLAG, AT_END(sync), 0, 0, false, NULL },
};
#define COUNT (sizeof(properties) / sizeof(properties[0]))
_Static_assert(COUNT <= 64, "they are counted in one word");

/* What its value is, for messages. */
static const char *what(const struct property *p, char out[160])
{
	unsigned long long min = p->min, max = p->max;
	size_t len = 0;

	switch (p->type) {
	case NUMBER:
		snprintf(out, 160, "one number from %llu to %llu, like <%llu>", min, max, max);
		return out;
	case SIZE:
		snprintf(out, 160, "a size from %lluK to %lluG, like \"%lluM\"", min >> 10,
			 max >> 30, (min >> 20) + 1);
		return out;
	case INPUTS:
		snprintf(out, 160,
			 "at most %d texts of %llu to %llu printable ASCII characters",
			 MANIFEST_INPUTS, min, max);
		return out;
	case TEXT:
	case WORD:
		if (p->words == NULL)
			snprintf(out, 160,
				 "one text of %llu to %llu printable ASCII characters", min,
				 max);
		for (unsigned i = 0; p->words != NULL && p->words[i] != NULL; i++)
			len += (size_t)snprintf(out + len, 160 - len, "%s\"%s\"",
						i == 0 ? "one of " : ", ", p->words[i]);
		return out;
	case FLAG:
		return "a word that stands alone, without a value";
	case REFERENCE:
		return "one reference to a process, like <&linux>";
	case DEVICE:
		return "texts like those of the option of that name of zwinger run";
	case OTHERS:
		break;
	}
	return "needed";
}

const char *manifest_text(const char *value, int len, int *at, bool *bad)
{
	const char *start = value + *at;

	if (*at >= len) {
		*bad |= len == 0;
		return NULL;
	}
	for (; *at < len && value[*at] != '\0'; ++*at)
		if (value[*at] < ' ' || value[*at] > '~')
			*bad = true;
	*bad |= *at == len; /* without an end */
	++*at;
	return *bad ? NULL : start;
}

/* Its only text, if it is within its limits. */
static const char *one_text(const struct property *p, const char *value, int len)
{
	bool bad = false;
	int at = 0;
	const char *text = manifest_text(value, len, &at, &bad);

	if (text == NULL || at < len || strlen(text) < p->min || strlen(text) > p->max)
		return NULL;
	return text;
}

/* The index of a word in the list of them, or -1. */
static int word(const struct property *p, const char *text)
{
	for (int i = 0; text != NULL && p->words[i] != NULL; i++)
		if (strcmp(p->words[i], text) == 0)
			return i;
	return -1;
}

/* The device is added to the VM; that its text makes sense is known then. */
static bool add_devices(const struct property *p, const char *path, struct manifest_process *to,
			const char *value, int len)
{
	enum device_kind kind = (enum device_kind)p->min;
	struct manifest_vm *vm = &to->vm;
	struct device_spec spec;
	bool bad = false;
	int at = 0;

	for (const char *text; (text = manifest_text(value, len, &at, &bad)) != NULL;) {
		struct manifest_device *d = &vm->device[vm->device_count];

		if (vm->device_count == MANIFEST_DEVICES)
			return manifest_refuse(path, p->name, "more than %d devices",
					       MANIFEST_DEVICES);
		if (strlen(text) >= sizeof(d->value))
			return manifest_refuse(path, p->name,
					       "a text of more than %zu characters",
					       sizeof(d->value) - 1);
		if (!device_spec_parse(&spec, kind, text))
			return manifest_refuse(path, p->name, "'%s' is no device: see above",
					       text);
		free(spec.copy);
		strcpy(d->option, p->name);
		strcpy(d->value, text);
		vm->device_count++;
	}
	return !bad || manifest_refuse(path, p->name, "is not %s", what(p, (char[160]){ 0 }));
}

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

/* False: the value is not what(p). */
static bool take(const struct property *p, void *node, const char *value, int len)
{
	char *to = (char *)node + p->at;
	uint64_t size = 0;
	const char *text;
	uint32_t number;

	switch (p->type) {
	case FLAG:
		*(bool *)to = true;
		return len == 0;
	case NUMBER:
	case REFERENCE:
		if (len != sizeof(fdt32_t))
			return false;
		number = fdt32_ld((const fdt32_t *)(const void *)value);
		memcpy(to, &number, sizeof(number));
		return number >= p->min && number <= p->max;
	case WORD:
		text = one_text(&(struct property){ .max = INT32_MAX }, value, len);
		number = (uint32_t)word(p, text) + (uint32_t)p->min;
		memcpy(to, &number, sizeof(number));
		return word(p, text) >= 0;
	case SIZE:
		text = one_text(&(struct property){ .max = INT32_MAX }, value, len);
		if (text == NULL || !number_parse_size(text, &size))
			return false;
		memcpy(to, &size, sizeof(size));
		return size >= p->min && size <= p->max;
	case TEXT:
		text = one_text(p, value, len);
		if (text == NULL || (p->words != NULL && word(p, text) < 0))
			return false;
		strcpy(to, text);
		return true;
	case INPUTS:
		return take_inputs(p, node, value, len);
	case DEVICE:
	case OTHERS:
		break;
	}
	return true;
}

/* Nothing is ignored: there is no such property, or only others may have it. */
static bool refuse_unknown(const char *path, unsigned kind, const char *name)
{
	const char *names[COUNT + 1] = { NULL }, *nearest;
	unsigned count = 0;

	for (const struct property *p = properties; p < properties + COUNT; p++) {
		if ((p->on & 1u << kind) != 0)
			names[count++] = p->name;
		else if (strcmp(p->name, name) == 0 && (p->on & PROCESSES) != 0 &&
			 kind < MANIFEST_KINDS)
			return manifest_refuse(
				path, name, "is for a %s, not for a %s",
				manifest_kind_name((enum manifest_kind)__builtin_ctz(p->on)),
				manifest_kind_name((enum manifest_kind)kind));
	}
	nearest = options_nearest(name, names);
	if (nearest == NULL)
		return manifest_refuse(path, name, "there is no such property here");
	return manifest_refuse(path, name, "there is no such property here; did you mean '%s'?",
			       nearest);
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
			return manifest_refuse(path, NULL, "damaged");
		while (p < properties + COUNT &&
		       ((p->on & 1u << kind) == 0 || strcmp(p->name, name) != 0))
			p++;
		if (p == properties + COUNT)
			return refuse_unknown(path, kind, name);
		if ((seen & 1ull << (p - properties)) != 0)
			return manifest_refuse(path, name, "is given twice");
		seen |= 1ull << (p - properties);
		if (p->type == DEVICE && !add_devices(p, path, to, value, len))
			return false;
		if (!take(p, to, value, len))
			return manifest_refuse(path, name, "is not %s",
					       what(p, (char[160]){ 0 }));
	}
	for (const struct property *p = properties; p < properties + COUNT; p++)
		if (p->needed && (p->on & 1u << kind) != 0 &&
		    (seen & 1ull << (p - properties)) == 0)
			return manifest_refuse(path, p->name, "is missing; it is %s",
					       what(p, (char[160]){ 0 }));
	return true;
}
