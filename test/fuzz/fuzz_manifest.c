/* SPDX-License-Identifier: ISC */
/*
 * Manifests as trees in memory. The input is either the bytes of a tree, or what is done to a good
 * one: properties set, nodes added, renamed and removed, so that the rules behind the format are
 * reached. What is accepted must be within the limits that its users rely on.
 */
#include "manifest.h"
#include "input.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES	 16384
#define HASH	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The good one, in the order of its writing; a property NULL begins a node, both NULL end one. */
#define TEXT(name, text)                                                                       \
	{                                                                                      \
		name, text, sizeof(text)                                                       \
	}
#define BYTES_OF(name, v)                                                                      \
	{                                                                                      \
		name, v, sizeof(v) - 1                                                         \
	}
#define BEGIN(name)                                                                            \
	{                                                                                      \
		NULL, name, 0                                                                  \
	}
#define END                                                                                    \
	{                                                                                      \
		NULL, NULL, 0                                                                  \
	}
#define CHANNEL(name, from, to, audit)                                                         \
	BEGIN(name), BYTES_OF("from", "\0\0\0" from), BYTES_OF("to", "\0\0\0" to),             \
		TEXT("audit", audit), END
#define LINK(name, from, to)                                                                   \
	BEGIN(name), BYTES_OF("from", "\0\0\0" from), BYTES_OF("to", "\0\0\0" to),             \
		TEXT("link", name), END

static const struct {
	const char *property, *value;
	int len;
} good[] = {
	BEGIN(""),
	TEXT("compatible", "zwinger,system-1"),
	TEXT("model", "phone"),
	BEGIN("processes"),
	BEGIN("linux"),
	TEXT("kind", "vm"),
	TEXT("kernel", "vmlinuz"),
	TEXT("memory", "512M"),
	BYTES_OF("cpus", "\0\0\0\1"),
	TEXT("disk", "d.img,readonly"),
	BYTES_OF("phandle", "\0\0\0\1"),
	END,
	BEGIN("terminal"),
	TEXT("kind", "terminal"),
	BYTES_OF("phandle", "\0\0\0\2"),
	END,
	BEGIN("screen"),
	TEXT("kind", "display"),
	BYTES_OF("timeout-ms", "\0\0\377\0"),
	BYTES_OF("phandle", "\0\0\0\3"),
	END,
	BEGIN("dialler"),
	TEXT("kind", "dialler"),
	TEXT("modem", "modem"),
	TEXT("country", "+49"),
	TEXT("international", "00"),
	TEXT("trunk", "0"),
	BYTES_OF("phandle", "\0\0\0\4"),
	BEGIN("numbers"),
	BEGIN("premium"),
	TEXT("prefix", "0900"),
	TEXT("class", "premium"),
	BYTES_OF("cents-per-call", "\0\0\0\1"),
	END,
	BEGIN("fire"),
	TEXT("prefix", "112"),
	TEXT("class", "emergency"),
	END,
	END,
	END,
	BEGIN("auditor"),
	TEXT("kind", "auditor"),
	TEXT("directory", "audit"),
	BYTES_OF("phandle", "\0\0\0\5"),
	END,
	END,
	BEGIN("channels"),
	CHANNEL("out", "\1", "\4", "full"),
	CHANNEL("in", "\4", "\1", "digest"),
	CHANNEL("ask", "\4", "\3", "full"),
	CHANNEL("answer", "\3", "\4", "decisions"),
	CHANNEL("keys", "\3", "\2", "none"),
	LINK("stream", "\1", "\2"),
	LINK("grid", "\2", "\3"),
	END,
	BEGIN("binaries"),
	TEXT("zwinger-vmm", HASH),
	TEXT("zwinger-rng", HASH),
	TEXT("zwinger-blk", HASH),
	TEXT("zwinger-net", HASH),
	TEXT("zwinger-console", HASH),
	TEXT("zwinger-terminal", HASH),
	TEXT("zwinger-display", HASH),
	TEXT("zwinger-audit", HASH),
	TEXT("zwinger-dialler", HASH),
	END,
	END,
};

static const char *const names[] = {
	"after",
	"audit",
	"balloon",
	"cents-per-call",
	"cents-per-minute",
	"checkpoint-every",
	"class",
	"cmdline",
	"columns",
	"compatible",
	"console",
	"country",
	"cpus",
	"dead-time-ms",
	"directory",
	"disk",
	"drm",
	"from",
	"initrd",
	"input",
	"international",
	"keep-bytes",
	"kernel",
	"kind",
	"layout",
	"link",
	"memory",
	"model",
	"modem",
	"net",
	"no-rng",
	"phandle",
	"phrase-file",
	"prefix",
	"restart",
	"rows",
	"segment-bytes",
	"share",
	"slots",
	"sync",
	"timeout-ms",
	"to",
	"trunk",
	"vsock",
	"zwinger-vmm",
	"numbers",
	"processes",
	"channels",
	"binaries",
	"linux",
};

static const char *const texts[] = {
	"vm",	"terminal", "display", "auditor",   "dialler", "messages", "grid", "stream",
	"none", "full",	    "digest",  "decisions", "free",    "us",	   "64M",  "1024G",
	"+49",	"0",	    "passt",   "hvc",	    "d,raw",   "socket=s", HASH,   "",
};

static _Alignas(8) char tree[BYTES];

static void build(void)
{
	must(fdt_create(tree, sizeof(tree)) == 0 && fdt_finish_reservemap(tree) == 0, "create");
	for (unsigned i = 0; i < COUNT(good); i++)
		if (good[i].property != NULL)
			must(fdt_property(tree, good[i].property, good[i].value, good[i].len) ==
				     0,
			     "property");
		else
			must((good[i].value != NULL ? fdt_begin_node(tree, good[i].value)
						    : fdt_end_node(tree)) == 0,
			     "node");
	must(fdt_finish(tree) == 0 && fdt_open_into(tree, tree, sizeof(tree)) == 0, "finish");
}

/* One of the nodes that are there now. */
static int any_node(uint8_t which)
{
	int node = 0, next, depth = 0;

	for (; which > 0; which--) {
		next = fdt_next_node(tree, node, &depth);
		node = next < 0 || depth < 0 ? 0 : next;
		depth = next < 0 || depth < 0 ? 0 : depth;
	}
	return node;
}

/* A name of the schema's, or of one's own. */
static const char *any_name(char own[40])
{
	uint8_t which = next8(), len;

	if (which < 200)
		return names[which % COUNT(names)];
	len = next8() % 39;
	for (uint8_t i = 0; i < len; i++) {
		own[i] = (char)next8();
		own[i] = own[i] == '\0' ? 'a' : own[i];
	}
	own[len] = '\0';
	return own;
}

static void set_property(int node, const char *name)
{
	char value[64];
	uint8_t how = next8();
	const char *text = texts[how % COUNT(texts)];
	uint32_t number = next8();

	switch (how >> 6) {
	case 0:
		(void)fdt_setprop_string(tree, node, name, text);
		break;
	case 1:
		number = number < 128 ? number % 8 : number << (how & 31);
		(void)fdt_setprop_u32(tree, node, name, number);
		break;
	case 2:
		(void)fdt_appendprop_string(tree, node, name, text);
		break;
	default:
		number %= sizeof(value);
		for (uint32_t i = 0; i < number; i++)
			value[i] = (char)next8();
		(void)fdt_setprop(tree, node, name, value, (int)number);
		break;
	}
}

static void step(void)
{
	uint8_t what = next8();
	int node = any_node(next8() % 48), old;
	char own[40];

	switch (what % 8) {
	case 0:
		(void)fdt_delprop(tree, node, any_name(own));
		break;
	case 1:
		(void)fdt_add_subnode(tree, node, any_name(own));
		break;
	case 2:
		if (node != 0)
			(void)fdt_del_node(tree, node);
		break;
	case 3:
		(void)fdt_set_name(tree, node, any_name(own));
		break;
	case 4: /* one more process or channel, like another */
		old = fdt_add_subnode(
			tree,
			fdt_path_offset(tree, (what & 8) != 0 ? "/channels" : "/processes"),
			any_name(own));
		if (old >= 0)
			for (uint8_t n = next8() % 8; n > 0; n--)
				set_property(old, any_name(own));
		break;
	default:
		set_property(node, any_name(own));
		break;
	}
}

/* NUL-terminated within its array. */
#define ENDS(array) (memchr(array, '\0', sizeof(array)) != NULL)

static void accepted(const struct manifest *m)
{
	const char *list[MANIFEST_PROGRAMS];

	must(m->process_count >= 1 && m->process_count <= MANIFEST_PROCESSES, "processes");
	must(m->channel_count <= MANIFEST_CHANNELS, "channels");
	must(m->binary_count <= MANIFEST_BINARIES, "binaries");
	must(ENDS(m->name), "name");
	for (unsigned i = 0; i < m->process_count; i++) {
		const struct manifest_process *p = &m->process[i];
		unsigned count = manifest_programs(p, list);

		must(p->kind < MANIFEST_KINDS && ENDS(p->name) && p->name[0] != '\0',
		     "process");
		must(count >= 1 && count <= MANIFEST_PROGRAMS, "programs");
		while (count > 0)
			must(manifest_binary(m, list[--count]) != NULL, "no hash");
		if (p->kind == MANIFEST_VM)
			must(p->vm.cpu_count >= 1 && p->vm.cpu_count <= VM_CPUS_MAX &&
				     p->vm.memory_size >= VM_MEMORY_MIN &&
				     p->vm.memory_size % (2u << 20) == 0 &&
				     p->vm.device_count <= MANIFEST_DEVICES &&
				     ENDS(p->vm.cmdline),
			     "vm");
		if (p->kind == MANIFEST_DIALLER)
			must(p->dialler.settings.rule_count >= 1 &&
				     p->dialler.settings.rule_count <= DIALLER_RULES,
			     "rules");
		if (p->kind == MANIFEST_DISPLAY)
			must(p->display.settings.input_count <= MANIFEST_INPUTS &&
				     ENDS(p->display.settings.guest),
			     "inputs");
	}
	for (unsigned i = 0; i < m->channel_count; i++) {
		const struct manifest_channel *c = &m->channel[i];

		must(c->from < m->process_count && c->to < m->process_count && c->from != c->to,
		     "ends");
		must(c->link != LINK_MESSAGES || chan_geometry_valid(c->geometry), "geometry");
		must(c->link <= LINK_STREAM && c->audit <= AUDIT_DECISIONS, "link");
		must(c->audit != AUDIT_NONE || m->process[c->to].kind == MANIFEST_TERMINAL ||
			     c->link != LINK_MESSAGES,
		     "unlogged");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct manifest m;

	input = data;
	left = size;
	if (next8() % 2 == 0 && left <= sizeof(tree)) {
		size = left;
		memcpy(tree, input, size);
	} else {
		build();
		while (left > 0)
			step();
		must(fdt_pack(tree) == 0, "pack");
		size = fdt_totalsize(tree);
	}
	if (manifest_parse(&m, tree, size))
		accepted(&m);
	return 0;
}
