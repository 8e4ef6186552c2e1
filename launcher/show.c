/* SPDX-License-Identifier: ISC */
#include "show.h"

#include "log.h"
#include "manifest.h"
#include "options.h"
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDTH  80
#define INDENT 12 /* of what a process holds */
#define HASH   12 /* digits of it that are shown */

static const struct option_spec options[] = {
	{ "dot", NULL, "as a drawing, for Graphviz: zwinger show --dot FILE | dot -Tsvg" },
	{ 0 },
};

static struct manifest manifest;

static bool set(void *state, unsigned index, const char *value)
{
	(void)index;
	(void)value;
	*(bool *)state = true;
	return true;
}

/* The guest's side of the wall; the rest decides, shows or logs. */
static bool untrusted(const struct manifest_process *p)
{
	return p->kind == MANIFEST_VM || p->kind == MANIFEST_TERMINAL;
}

/* ---- the table ---- */

/* The next of a process's things, on a new line where it does not fit any more. */
static void thing(unsigned *column, const char *title, const char *fmt, ...) LOG_FORMAT(3, 4);
static void thing(unsigned *column, const char *title, const char *fmt, ...)
{
	char text[MANIFEST_PATH + 32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (*column == 0)
		*column = (unsigned)printf("  %-*s%s", INDENT - 2, title, text);
	else if (*column + 2 + strlen(text) < WIDTH)
		*column += (unsigned)printf(", %s", text);
	else
		*column = (unsigned)printf(",\n%*s%s", INDENT, "", text) - 2;
}

static void print_holdings(const struct manifest_process *p)
{
	unsigned column = 0;

	switch (p->kind) {
	case MANIFEST_VM:
		thing(&column, "  holds", "%lluM of memory",
		      (unsigned long long)p->vm.memory_size >> 20);
		thing(&column, "  holds", "%u CPU%s", p->vm.cpu_count,
		      p->vm.cpu_count > 1 ? "s" : "");
		thing(&column, "  holds", "%s %s",
		      p->vm.firmware[0] != '\0' ? "firmware" : "kernel",
		      p->vm.firmware[0] != '\0' ? p->vm.firmware : p->vm.kernel);
		if (p->vm.initrd[0] != '\0')
			thing(&column, "  holds", "initrd %s", p->vm.initrd);
		for (unsigned i = 0; i < p->vm.device_count; i++)
			thing(&column, "  holds", "%s %s", p->vm.device[i].option,
			      p->vm.device[i].value);
		if (!p->vm.no_rng)
			thing(&column, "  holds", "rng");
		break;
	case MANIFEST_DISPLAY:
		thing(&column, "  holds", "a terminal that is attached to it");
		if (p->display.phrase_file[0] != '\0')
			thing(&column, "  holds", "phrase %s", p->display.phrase_file);
		if (p->display.drm[0] != '\0')
			thing(&column, "  holds", "screen %s", p->display.drm);
		for (unsigned i = 0; i < p->display.settings.input_count; i++)
			thing(&column, "  holds", "keyboard %s", p->display.input[i]);
		break;
	case MANIFEST_AUDITOR:
		thing(&column, "  holds", "directory %s", p->auditor.directory);
		thing(&column, "  holds", "a view of every audited channel");
		break;
	case MANIFEST_DIALLER:
		thing(&column, "  holds", "modem %s", p->dialler.modem);
		thing(&column, "  holds", "%u rules about numbers",
		      p->dialler.settings.rule_count);
		break;
	case MANIFEST_SHOWPAY:
		thing(&column, "  holds", "only its channels");
		thing(&column, "  holds", "account %s", p->showpay.settings.account);
		break;
	case MANIFEST_STORAGE:
		thing(&column, "  holds", "directory %s", p->storage.directory);
		if (p->storage.tpm[0] != '\0')
			thing(&column, "  holds", "tpm %s, counter 0x%08x", p->storage.tpm,
			      p->storage.settings.tpm_index);
		break;
	case MANIFEST_AUTH:
	case MANIFEST_TERMINAL:
	case MANIFEST_KINDS:
		thing(&column, "  holds", "only its channels");
		break;
	}
	putchar('\n');
}

static void print_process(const struct manifest_process *p, int width)
{
	const char *programs[MANIFEST_PROGRAMS];
	unsigned count = manifest_programs(p, programs);

	for (unsigned i = 0; i < count; i++) {
		const struct manifest_binary *b = manifest_binary(&manifest, programs[i]);

		printf("  %-*s  %-8s  %-16s  ", width, i == 0 ? p->name : "",
		       i == 0 ? manifest_kind_name(p->kind) : "device", programs[i]);
		for (unsigned n = 0; n < HASH / 2; n++)
			printf("%02x", b->sha256[n]);
		/* A device is always started again, as long as its VM runs. */
		puts(i > 0 || p->restart ? "  yes" : "  no");
	}
	print_holdings(p);
}

static void print_channel(const struct manifest_channel *c, int width, int ends)
{
	char way[2 * CRITICAL_NAME + 4], messages[32];

	snprintf(way, sizeof(way), "%s %s %s", manifest.process[c->from].name,
		 c->link == LINK_STREAM ? "<>" : "->", manifest.process[c->to].name);
	snprintf(messages, sizeof(messages), "%u x %u bytes", c->geometry.slots,
		 c->geometry.message_size);
	printf("  %-*s  %-*s  %-15s  %s%s\n", width, c->name, ends, way,
	       c->link == LINK_GRID	? "screen of cells"
	       : c->link == LINK_STREAM ? "stream of bytes"
					: messages,
	       manifest_audit_name(c->audit), c->sync ? ", sync" : "");
}

static void print_trust(const char *title, bool trusted, const char *others)
{
	unsigned column = 0;

	for (unsigned i = 0; i < manifest.process_count; i++)
		if (untrusted(&manifest.process[i]) != trusted)
			thing(&column, title, "%s", manifest.process[i].name);
	thing(&column, title, "%s", others);
	putchar('\n');
}

static void print_table(void)
{
	int process = 4, channel = 4, ends = 10;

	for (unsigned i = 0; i < manifest.process_count; i++) {
		int len = (int)strlen(manifest.process[i].name);

		process = len > process ? len : process;
	}
	for (unsigned i = 0; i < manifest.channel_count; i++) {
		const struct manifest_channel *c = &manifest.channel[i];
		int len = (int)strlen(c->name);
		int both = (int)(strlen(manifest.process[c->from].name) +
				 strlen(manifest.process[c->to].name)) +
			   4;

		channel = len > channel ? len : channel;
		ends = both > ends ? both : ends;
	}
	printf("SYSTEM %s\n\nPROCESSES, in the order of their starts\n", manifest.name);
	printf("  %-*s  %-8s  %-16s  %-12s  restart\n", process, "name", "kind", "program",
	       "SHA-256");
	for (unsigned i = 0; i < manifest.process_count; i++)
		print_process(&manifest.process[i], process);
	puts("\nCHANNELS");
	printf("  %-*s  %-*s  %-15s  audit\n", channel, "name", ends, "from -> to", "messages");
	for (unsigned i = 0; i < manifest.channel_count; i++)
		print_channel(&manifest.channel[i], channel, ends);
	puts("\nTRUST");
	print_trust("untrusted", false, "every device, and all that runs in a virtual machine");
	print_trust("trusted", true, "zwinger, the host's kernel and who administers it");
}

/* ---- the drawing ---- */

/* Names and programs have no character that means anything to Graphviz. */
static void draw_cluster(const char *title, bool trusted)
{
	const char *programs[MANIFEST_PROGRAMS];

	printf("\tsubgraph cluster_%s {\n\t\tlabel=\"%s\"; style=\"rounded%s\";\n", title,
	       title, trusted ? "" : ",dashed");
	for (unsigned i = 0; i < manifest.process_count; i++) {
		const struct manifest_process *p = &manifest.process[i];
		unsigned count = manifest_programs(p, programs);

		if (untrusted(p) == trusted)
			continue;
		printf("\t\t\"%s\" [label=\"%s\\n%s\"];\n", p->name, p->name, programs[0]);
		for (unsigned k = 1; k < count; k++) {
			printf("\t\t\"%s/%s\" [label=\"%s\"];\n", p->name, programs[k],
			       programs[k]);
			printf("\t\t\"%s\" -> \"%s/%s\" [dir=both, style=dotted];\n", p->name,
			       p->name, programs[k]);
		}
	}
	puts("\t}");
}

static void print_drawing(void)
{
	printf("digraph \"%s\" {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n"
	       "\tedge [fontname=\"sans-serif\", fontsize=10];\n",
	       manifest.name);
	draw_cluster("untrusted", false);
	draw_cluster("trusted", true);
	for (unsigned i = 0; i < manifest.channel_count; i++) {
		const struct manifest_channel *c = &manifest.channel[i];

		printf("\t\"%s\" -> \"%s\" [label=\"%s\\n%s\"%s];\n",
		       manifest.process[c->from].name, manifest.process[c->to].name, c->name,
		       c->audit != AUDIT_NONE ? manifest_audit_name(c->audit) : "not audited",
		       c->link == LINK_STREAM ? ", dir=both" : "");
	}
	puts("}");
}

int show_main(int argc, char **argv)
{
	const char *file = NULL;
	bool dot = false;
	int count = 2;

	/* The options are what is left when the file is taken out. */
	for (int i = 2; i < argc; i++)
		if (file == NULL && argv[i][0] != '-')
			file = argv[i];
		else
			argv[count++] = argv[i];
	switch (options_parse(options, count, argv, 2, set, &dot)) {
	case OPTIONS_HELP:
		puts("usage: zwinger show FILE [--dot]\n\n"
		     "Shows the system that the manifest FILE (.dts or .dtb) describes.\n");
		options_print(options);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (file == NULL) {
		log_error("a file is needed: zwinger show FILE");
		return STATUS_USAGE;
	}
	if (!manifest_read(&manifest, file))
		return STATUS_USAGE;
	if (dot)
		print_drawing();
	else
		print_table();
	return STATUS_OK;
}
