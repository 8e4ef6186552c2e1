/* SPDX-License-Identifier: ISC */
#include "boot.h"

#include "launch.h"
#include "log.h"
#include "number.h"
#include "options.h"
#include "output.h"
#include "program.h"
#include "status.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct option_spec specs[] = {
	{ "kernel", "FILE", "the guest's kernel, a bzImage" },
	{ "initrd", "FILE",
	  "its initrd, which says FIRST PROCESS and powers off; if $stay is set, after some seconds" },
	{ "vmlinux", "FILE", "the kernel's ELF image, for VMMs that take it" },
	{ "runs", "N", "so many rounds, in each of which every VMM has its turn (default: 5)" },
	{ "json", "FILE",
	  "write all results as JSON, for zwinger bench compare; - is the standard output" },
	{ "csv", "FILE", "write the table as comma-separated values" },
	{ "svg", "FILE", "write a picture of all histograms" },
	{ 0 },
};
enum { KERNEL, INITRD, VMLINUX, RUNS, JSON, CSV, SVG };

struct request {
	struct guest_files guest;
	struct output output;
	uint64_t runs;
};

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;
	const char **text[] = { &q->guest.kernel, &q->guest.initrd, &q->guest.vmlinux, NULL,
				&q->output.json,  &q->output.csv,   &q->output.svg };

	if (index != RUNS) {
		*text[index] = value;
		return true;
	}
	if (number_parse(value, 1, RESULTS_RUNS_MAX, &q->runs))
		return true;
	log_error("--runs: '%s' is not a number from 1 to %d", value, RESULTS_RUNS_MAX);
	return false;
}

/* OK: go on; else the exit status is *status. */
static bool prepare(int argc, char **argv, const char *name, const char *about,
		    struct request *q, int *status)
{
	const char *file[] = { q->guest.kernel, q->guest.initrd, q->guest.vmlinux };

	*status = STATUS_USAGE;
	switch (options_parse(specs, argc, argv, 2, set, q)) {
	case OPTIONS_HELP:
		printf("usage: zwinger bench %s --kernel FILE --initrd FILE [OPTION]...\n\n%s\n",
		       name, about);
		options_print(specs);
		*status = STATUS_OK;
		return false;
	case OPTIONS_BAD:
		return false;
	case OPTIONS_OK:
		break;
	}
	if (q->guest.kernel == NULL || q->guest.initrd == NULL) {
		log_error(
			"--kernel and --initrd are needed; in the source tree bench/%s makes them",
			name);
		return false;
	}
	file[0] = q->guest.kernel;
	file[1] = q->guest.initrd;
	file[2] = q->guest.vmlinux;
	for (unsigned i = 0; i < 3; i++)
		if (file[i] != NULL && access(file[i], R_OK) < 0) {
			log_error("%s: %s", file[i], strerror(errno));
			*status = STATUS_NO_FILE;
			return false;
		}
	*status = STATUS_NO_KVM;
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		log_error("/dev/kvm: %s; zwinger check tells what to do", strerror(errno));
		return false;
	}
	*status = STATUS_FAILED;
	q->guest.zwinger = program_zwinger();
	return q->guest.zwinger != NULL;
}

static void add_time(struct results *r, const char *row, const struct vmm *v, const char *what,
		     double seconds, const char *reason)
{
	struct series *s = results_series(r, row, v->name, what, "ms");
	double ms = seconds * 1000;

	if (seconds >= 0)
		series_add(s, &ms, 1);
	else if (s->count == 0)
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static void boot_once(struct results *r, const struct vmm *v, const struct guest_files *g)
{
	static const char *const row[] = { "first-kvm-run", "kernel-entry", "first-process",
					   "power-off" };
	static const char *const what[] = { "exec to the first KVM_RUN",
					    "exec to the first entry into the kernel's memory",
					    "exec to the guest's first process",
					    "exec to the end after power-off" };
	struct launch traced, plain;
	char why[200] = "";

	if (!launch_possible(v, g, why)) {
		for (unsigned i = 0; i < 4; i++)
			add_time(r, row[i], v, what[i], -1, why);
		return;
	}
	launch_run(v, g, true, false, &traced);
	launch_run(v, g, false, false, &plain);
	add_time(r, row[0], v, what[0], traced.first_run, traced.reason);
	add_time(r, row[1], v, what[1], traced.kernel_entry, traced.reason);
	add_time(r, row[2], v, what[2], plain.first_process, plain.reason);
	add_time(r, row[3], v, what[3], plain.power_off,
		 plain.done ? "it did not end after power-off" : plain.reason);
}

static bool is_ours(const struct series *s)
{
	return strncmp(s->side, "zwinger", 7) == 0;
}

/* Each of Zwinger's against the best of the others, round by round. */
static void print_beside_best(const struct results *r, const char *row)
{
	const struct series *peer = NULL, *s;
	struct ratio ratio;

	for (s = r->series; s < r->series + r->count; s++)
		if (!is_ours(s) && strcmp(s->row, row) == 0 && s->count > 0 &&
		    (peer == NULL || s->summary.p50 < peer->summary.p50))
			peer = s;
	for (s = r->series; peer != NULL && s < r->series + r->count; s++)
		if (is_ours(s) && strcmp(s->row, row) == 0 && s->count > 0 &&
		    series_ratio(s, peer, &ratio))
			printf("%s: %s takes %.3f [%.3f, %.3f] of the time of the best peer, "
			       "%s\n",
			       row, s->side, ratio.median, ratio.min, ratio.max, peer->side);
}

int boot_main(int argc, char **argv)
{
	struct request q = { .guest = { .memory = 256 }, .runs = 5 };
	struct results r = { .kind = "boot" };
	int status;

	if (!prepare(
		    argc, argv, "boot",
		    "How long a stock guest takes from exec to its first process and to its end, under zwinger\n"
		    "and every other VMM that is installed, in turn. As root the kernel's trace tells when the\n"
		    "guest was entered; that is measured in boots of its own.\n",
		    &q, &status))
		return status;
	environment_look(&r.environment, 0, argc - 1, argv + 1);
	for (uint64_t run = 0; run < q.runs; run++)
		for (unsigned i = 0; i < vmm_count; i++)
			boot_once(&r, &vmms[run % 2 == 0 ? i : vmm_count - 1 - i], &q.guest);
	results_sort(&r);
	if (!output_results(&q.output, &r))
		return STATUS_FAILED;
	print_beside_best(&r, "first-process");
	print_beside_best(&r, "power-off");
	return STATUS_OK;
}

static void add_memory(struct results *r, const char *row, const char *side, double kib)
{
	series_add(results_series(r, row, side, "PSS beyond guest RAM", "KiB"), &kib, 1);
}

static void memory_once(struct results *r, const struct vmm *v, const struct guest_files *g)
{
	struct launch l;
	char why[200] = "";
	double sum = 0;

	if (launch_possible(v, g, why))
		launch_run(v, g, false, true, &l);
	if (why[0] != '\0' || !l.done) {
		struct series *s = results_series(r, "all-processes", v->name,
						  "PSS beyond guest RAM", "KiB");

		snprintf(s->reason, sizeof(s->reason), "%s", why[0] != '\0' ? why : l.reason);
		return;
	}
	for (unsigned i = 0; i < l.process_count; i++) {
		add_memory(r, l.process[i].name, v->name, (double)l.process[i].kib);
		sum += (double)l.process[i].kib;
	}
	add_memory(r, "all-processes", v->name, sum);
}

int memory_main(int argc, char **argv)
{
	struct request q = { .guest = { .memory = 256 }, .runs = 3 };
	struct results r = { .kind = "memory" };
	int status;

	if (!prepare(
		    argc, argv, "memory",
		    "What every process of a running guest holds beyond the guest's RAM (PSS), under zwinger and\n"
		    "every other VMM that is installed.\n",
		    &q, &status))
		return status;
	environment_look(&r.environment, 0, argc - 1, argv + 1);
	for (uint64_t run = 0; run < q.runs; run++)
		for (unsigned i = 0; i < vmm_count; i++)
			memory_once(&r, &vmms[i], &q.guest);
	results_sort(&r);
	return output_results(&q.output, &r) ? STATUS_OK : STATUS_FAILED;
}
