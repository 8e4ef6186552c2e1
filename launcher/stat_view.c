/* SPDX-License-Identifier: ISC */
#include "stat_view.h"

#include <stdlib.h>
#include <string.h>

#define KIB 1024

bool stat_view_init(struct stat_view *v, char *text, uint64_t at_ns)
{
	char *at = text;
	unsigned room = 0;

	*v = (struct stat_view){ .text = text, .at_ns = at_ns };
	for (;;) {
		if (v->count == room) {
			struct stat_sample *more;

			room = room * 2 + 64;
			more = realloc(v->sample, room * sizeof(*more));
			if (more == NULL)
				return false;
			v->sample = more;
		}
		if (!stat_text_next(&at, &v->sample[v->count]))
			return *at == '\0';
		v->count++;
	}
}

void stat_view_free(struct stat_view *v)
{
	free(v->text);
	free(v->sample);
	*v = (struct stat_view){ .text = NULL };
}

static bool same_labels(const struct stat_sample *a, const struct stat_sample *b)
{
	for (unsigned i = 0;; i++) {
		if (a->label[i].name == NULL || b->label[i].name == NULL)
			return a->label[i].name == b->label[i].name;
		if (strcmp(a->label[i].name, b->label[i].name) != 0 ||
		    strcmp(a->label[i].value, b->label[i].value) != 0)
			return false;
	}
}

/* The sample of that name with the labels of like, or NULL. */
static const struct stat_sample *find(const struct stat_view *v, const char *name,
				      const struct stat_sample *like)
{
	for (unsigned i = 0; i < v->count; i++)
		if (strcmp(v->sample[i].name, name) == 0 && same_labels(&v->sample[i], like))
			return &v->sample[i];
	return NULL;
}

static double value_of(const struct stat_view *v, const char *name,
		       const struct stat_sample *like)
{
	const struct stat_sample *s = find(v, name, like);

	return s != NULL ? s->value : 0;
}

/* Below 0: nobody knows. A counter that began anew has counted what it shows. */
static double rate(const struct stat_view *v, const struct stat_view *before,
		   const struct stat_sample *s)
{
	size_t at = (size_t)(s - v->sample);
	const struct stat_sample *was = NULL;

	if (before->count == 0 || v->at_ns <= before->at_ns)
		return -1;
	if (at < before->count && strcmp(before->sample[at].name, s->name) == 0 &&
	    same_labels(&before->sample[at], s))
		was = &before->sample[at];
	else
		was = find(before, s->name, s);
	return (s->value - (was != NULL && was->value <= s->value ? was->value : 0)) * 1e9 /
	       (double)(v->at_ns - before->at_ns);
}

static bool counts(const char *name)
{
	size_t len = strlen(name);

	return len > 6 && strcmp(name + len - 6, "_total") == 0;
}

/* Tables. */

static void put_rate(FILE *f, double r)
{
	if (r < 0)
		fprintf(f, " %9s", "-");
	else
		fprintf(f, " %9.*f", r < 100 ? 1 : 0, r);
}

/* A counter of another family with like's labels: its value, and how fast it grows. */
static void put_counter(FILE *f, const struct stat_view *v, const struct stat_view *before,
			const char *name, const struct stat_sample *like)
{
	const struct stat_sample *s = find(v, name, like);

	fprintf(f, " %11.0f", s != NULL ? s->value : 0);
	put_rate(f, s != NULL ? rate(v, before, s) : -1);
}

static void print_processes(const struct stat_view *v, const struct stat_view *before, FILE *f)
{
	fprintf(f, "%-22s %-9s %8s %9s %12s %12s %7s\n", "PROCESS", "KIND", "PID", "CPU %",
		"PRIVATE KiB", "SHARED KiB", "STARTS");
	for (unsigned i = 0; i < v->count; i++) {
		const struct stat_sample *s = &v->sample[i];
		const struct stat_sample *cpu;
		double r;

		if (strcmp(s->name, "zwinger_process_pid") != 0)
			continue;
		cpu = find(v, "zwinger_process_cpu_seconds_total", s);
		r = cpu != NULL ? rate(v, before, cpu) : -1;
		fprintf(f, "%-22s %-9s %8.0f", stat_text_label(s, "process"),
			stat_text_label(s, "kind"), s->value);
		put_rate(f, r < 0 ? r : 100 * r);
		fprintf(f, " %12.0f %12.0f %7.0f\n",
			value_of(v, "zwinger_process_private_bytes", s) / KIB,
			value_of(v, "zwinger_process_shared_bytes", s) / KIB,
			value_of(v, "zwinger_process_starts_total", s));
	}
}

/* Of every vCPU of one VM together, what has ever happened; exits before the rest. */
static void print_vm(const struct stat_view *v, const struct stat_view *before, const char *vm,
		     bool exits, FILE *f)
{
	static const char prefix[] = "zwinger_vcpu_";
	const size_t len = sizeof(prefix) - 1;

	for (unsigned i = 0; i < v->count;) {
		const char *name = v->sample[i].name;
		double total = 0, r = 0;

		for (; i < v->count && strcmp(v->sample[i].name, name) == 0; i++) {
			double more = rate(v, before, &v->sample[i]);

			if (strcmp(stat_text_label(&v->sample[i], "vm"), vm) != 0)
				continue;
			total += v->sample[i].value;
			r = more < 0 ? more : r + more;
		}
		if (strncmp(name, prefix, len) != 0 || !counts(name) || total == 0 ||
		    (strstr(name, "exits") != NULL) != exits)
			continue;
		fprintf(f, "%-32.*s %11.0f", (int)(strlen(name) - len - 6), name + len, total);
		put_rate(f, r);
		fputc('\n', f);
	}
}

static void print_vms(const struct stat_view *v, const struct stat_view *before, FILE *f)
{
	for (unsigned i = 0; i < v->count; i++) {
		const struct stat_sample *s = &v->sample[i];
		const char *vm = stat_text_label(s, "vm");

		if (strcmp(s->name, "zwinger_vcpu_exits_total") != 0 ||
		    strcmp(stat_text_label(s, "vcpu"), "0") != 0)
			continue;
		fprintf(f, "\nEXITS of %-23s %11s %9s\n", vm, "TOTAL", "PER S");
		print_vm(v, before, vm, true, f);
		fprintf(f, "\nKVM for %-24s %11s %9s\n", vm, "TOTAL", "PER S");
		print_vm(v, before, vm, false, f);
	}
}

static void print_queues(const struct stat_view *v, const struct stat_view *before, FILE *f)
{
	static const char base[] = "zwinger_queue_requests_total";
	bool head = false;

	for (unsigned i = 0; i < v->count; i++) {
		const struct stat_sample *s = &v->sample[i];
		char name[80];

		if (strcmp(s->name, base) != 0)
			continue;
		if (!head)
			fprintf(f, "\n%-22s %11s %9s %11s %9s %11s %9s\n", "QUEUE", "REQUESTS",
				"PER S", "NOTIFIED", "PER S", "INTERRUPTS", "PER S");
		head = true;
		snprintf(name, sizeof(name), "%.24s.%.24s.%.8s", stat_text_label(s, "vm"),
			 stat_text_label(s, "device"), stat_text_label(s, "queue"));
		fprintf(f, "%-22s", name);
		put_counter(f, v, before, base, s);
		put_counter(f, v, before, "zwinger_queue_notifications_total", s);
		put_counter(f, v, before, "zwinger_queue_interrupts_total", s);
		fputc('\n', f);
	}
}

static void print_channels(const struct stat_view *v, const struct stat_view *before, FILE *f)
{
	static const char sent[] = "zwinger_channel_sent_messages_total",
			  received[] = "zwinger_channel_received_messages_total";
	bool head = false;

	for (unsigned i = 0; i < v->count; i++) {
		const struct stat_sample *s = &v->sample[i];

		if (strcmp(s->name, "zwinger_channel_open") != 0)
			continue;
		if (!head)
			fprintf(f, "\n%-22s %-6s %11s %9s %11s %9s\n", "CHANNEL", "STATE",
				"SENT", "PER S", "RECEIVED", "PER S");
		head = true;
		fprintf(f, "%-22s %-6s", stat_text_label(s, "channel"),
			s->value > 0 ? "open" : "closed");
		put_counter(f, v, before, sent, s);
		put_counter(f, v, before, received, s);
		fputc('\n', f);
	}
}

void stat_view_print(const struct stat_view *v, const struct stat_view *before, FILE *f)
{
	print_processes(v, before, f);
	print_vms(v, before, f);
	print_queues(v, before, f);
	print_channels(v, before, f);
}

/* JSON. */

static void put_string(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

void stat_view_json(const struct stat_view *v, const struct stat_view *before,
		    const char *system, double time, FILE *f)
{
	fputs("{\"system\":", f);
	put_string(f, system);
	fprintf(f, ",\"time\":%.3f,\"metrics\":{", time);
	for (unsigned i = 0; i < v->count; i++) {
		const struct stat_sample *s = &v->sample[i];
		bool first = i == 0 || strcmp(v->sample[i - 1].name, s->name) != 0;
		double r = counts(s->name) ? rate(v, before, s) : -1;

		if (first && i > 0)
			fputs("],", f);
		if (first)
			put_string(f, s->name);
		fputs(first ? ":[{" : ",{", f);
		for (unsigned k = 0; s->label[k].name != NULL; k++) {
			put_string(f, s->label[k].name);
			fputc(':', f);
			put_string(f, s->label[k].value);
			fputc(',', f);
		}
		fprintf(f, "\"value\":%.*f", s->value == (double)(long long)s->value ? 0 : 3,
			s->value);
		if (r >= 0)
			fprintf(f, ",\"per_second\":%.3f", r);
		fputc('}', f);
	}
	fputs(v->count > 0 ? "]}}\n" : "}}\n", f);
}
