/* SPDX-License-Identifier: ISC */
#include "exits.h"

#include "experiment.h"
#include "floor.h"
#include "log.h"
#include "number.h"
#include "options.h"
#include "output.h"
#include "program.h"
#include "status.h"
#include "subject.h"

#include <errno.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RUNS	3
#define SAMPLES 5000
#define TIMEOUT 60 /* seconds for one measurement */

static const struct option_spec specs[] = {
	{ "json", "FILE",
	  "write all results as JSON, for zwinger bench compare; - is the standard output" },
	{ "csv", "FILE", "write the table as comma-separated values" },
	{ "svg", "FILE", "write a picture of all histograms" },
	{ "pin", "CPU", "keep what is measured on this processor" },
	{ "runs", "N", "so many runs of everything, in turn (default: 3)" },
	{ "samples", "N", "so many samples of each exit in a run (default: 5000)" },
	{ "only", "LIST", "only these, with commas between; * stands for anything" },
	{ "floor", NULL, "only the bare loop, not the VMM" },
	{ "verify", NULL, "fail if an exit did not happen as often as claimed" },
	{ "list", NULL, "name all exits that can be measured" },
	{ 0 },
};
enum { JSON, CSV, SVG, PIN, RUNS_OPTION, SAMPLES_OPTION, ONLY, FLOOR, VERIFY, LIST };

struct request {
	struct output output;
	struct plan plan;
	uint64_t runs;
	const char *only;
	bool floor, verify, list;
};

static bool set_number(const char *option, const char *text, uint64_t from, uint64_t to,
		       uint64_t *out)
{
	if (number_parse(text, from, to, out))
		return true;
	log_error("--%s: '%s' is not a number from %llu to %llu", option, text,
		  (unsigned long long)from, (unsigned long long)to);
	return false;
}

static bool set(void *state, unsigned index, const char *value)
{
	struct request *q = state;
	uint64_t n = 0;
	bool ok = true;

	switch (index) {
	case JSON:
		q->output.json = value;
		break;
	case CSV:
		q->output.csv = value;
		break;
	case SVG:
		q->output.svg = value;
		break;
	case PIN:
		ok = set_number("pin", value, 0, CPU_SETSIZE - 1, &n);
		q->plan.pin = (int)n;
		break;
	case RUNS_OPTION:
		ok = set_number("runs", value, 1, RESULTS_RUNS_MAX, &q->runs);
		break;
	case SAMPLES_OPTION:
		ok = set_number("samples", value, 16, GUEST_SAMPLES_MAX / 2, &n);
		q->plan.samples = (uint32_t)n;
		break;
	case ONLY:
		q->only = value;
		break;
	case FLOOR:
		q->floor = true;
		break;
	case VERIFY:
		q->verify = true;
		break;
	case LIST:
		q->list = true;
		break;
	default:
		break;
	}
	return ok;
}

static bool wanted(const struct experiment *e, const char *only)
{
	char *list, *rest, *pattern;
	bool found = only == NULL;

	if (only == NULL)
		return true;
	rest = list = strdup(only);
	while (rest != NULL && (pattern = strsep(&rest, ",")) != NULL)
		found = found || fnmatch(pattern, e->name, 0) == 0;
	free(list);
	return found;
}

/* The processors: the one to stay on, and another one for whoever else takes part. */
static bool choose_processors(struct plan *p)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return true;
	if (p->pin >= 0 && !CPU_ISSET((size_t)p->pin, &set)) {
		log_error("--pin: there is no processor %d, or this process may not use it",
			  p->pin);
		return false;
	}
	for (int i = 0; i < CPU_SETSIZE && p->pin >= 0 && p->other < 0; i++)
		if (i != p->pin && CPU_ISSET((size_t)i, &set))
			p->other = i;
	return true;
}

static void add(struct results *r, const struct experiment *e, const char *side,
		const struct outcome *o)
{
	struct series *s = results_series(r, e->name, side, e->what, "cycles");
	double *sample = calloc(o->count + 1u, sizeof(double));

	for (uint32_t i = 0; sample != NULL && i < o->count; i++)
		sample[i] = o->sample[i];
	if (o->done && sample != NULL) {
		series_add(s, sample, o->count);
		s->overhead = o->overhead;
		s->performed += o->performed;
		s->seen += (double)o->seen;
	}
	if (!o->done)
		snprintf(s->reason, sizeof(s->reason), "%s", o->reason);
	if (o->done && o->has_counted) {
		snprintf(s->counter, sizeof(s->counter), "%s", e->counter);
		s->counted += (double)o->counted;
	}
	free(sample);
}

static void refuse(struct outcome *o, const char *why)
{
	memset(o, 0, offsetof(struct outcome, sample));
	o->impossible = true;
	snprintf(o->reason, sizeof(o->reason), "%s", why);
}

static void measure(struct results *r, const struct experiment *e, const struct request *q,
		    struct outcome *o, bool vmm)
{
	const struct series *s =
		results_series(r, e->name, vmm ? "zwinger-vmm" : "floor", e->what, "cycles");

	if (s->reason[0] != '\0') /* it will not be possible in the next run either */
		return;
	if (e->two && r->environment.processors < 2)
		refuse(o, "needs two processors: there is one here");
	else if (vmm && e->why_not != NULL)
		refuse(o, e->why_not);
	else if (vmm)
		subject_measure(e, &q->plan, o);
	else
		floor_measure(e, &q->plan, o);
	add(r, e, vmm ? "zwinger-vmm" : "floor", o);
}

/* Every second run goes the other way round, so that neither side is always the first. */
static void measure_all(struct results *r, const struct request *q, struct outcome *o)
{
	for (uint64_t run = 0; run < q->runs; run++)
		for (unsigned i = 0; i < experiment_count; i++) {
			const struct experiment *e = &experiments[i];

			if (!wanted(e, q->only))
				continue;
			if (isatty(STDERR_FILENO))
				fprintf(stderr, "\r\033[Krun %llu of %llu: %s",
					(unsigned long long)run + 1,
					(unsigned long long)q->runs, e->name);
			(void)results_series(r, e->name, "floor", e->what, "cycles");
			for (unsigned side = 0; side < (q->floor ? 1 : 2); side++)
				measure(r, e, q, o, q->floor ? false : (side + run) % 2 == 1);
		}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* Did it happen as often as it was performed? KVM's own counters are not all kept under PVM. */
static unsigned disagreements(const struct results *r)
{
	unsigned found = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct series *s = &r->series[i];
		const struct experiment *e = experiments;

		double least;

		while (strcmp(e->name, s->row) != 0)
			e++;
		/* A wake-up may come when HLT has not yet been reached. */
		least = e->answer == BY_WAKING ? 0.9 * s->performed : s->performed;
		if (s->seen != s->performed) {
			log_error("%s: performed %.0f times, seen %.0f times", s->row,
				  s->performed, s->seen);
			found++;
		}
		if (s->counter[0] != '\0' && !r->environment.pvm &&
		    (s->counted < least || (e->exact && s->counted > s->performed))) {
			log_error("%s: performed %.0f times, KVM counts %.0f %s", s->row,
				  s->performed, s->counted, s->counter);
			found++;
		}
	}
	return found;
}

static int list(void)
{
	for (unsigned i = 0; i < experiment_count; i++)
		printf("%-22s %s\n", experiments[i].name, experiments[i].what);
	return STATUS_OK;
}

int exits_main(int argc, char **argv)
{
	struct request q = {
		.plan = { .samples = SAMPLES, .pin = -1, .other = -1, .timeout = TIMEOUT },
		.runs = RUNS
	};
	struct results r = { .kind = "exits" };
	struct outcome *o;
	unsigned wrong;

	switch (options_parse(specs, argc, argv, 2, set, &q)) {
	case OPTIONS_HELP:
		puts("usage: zwinger bench exits [OPTION]...\n\n"
		     "What leaving the guest costs, for each kind of exit: under a bare loop (the floor)\n"
		     "and under zwinger-vmm, the same guest. Runs on this host's /dev/kvm.\n");
		options_print(specs);
		return STATUS_OK;
	case OPTIONS_BAD:
		return STATUS_USAGE;
	case OPTIONS_OK:
		break;
	}
	if (q.list)
		return list();
	if (!choose_processors(&q.plan))
		return STATUS_USAGE;
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		log_error("/dev/kvm: %s; zwinger check tells what to do", strerror(errno));
		return STATUS_NO_KVM;
	}
	q.plan.warm_up = q.plan.samples / 10;
	q.plan.zwinger = program_zwinger();
	if (!q.floor && q.plan.zwinger == NULL)
		return STATUS_FAILED;
	o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (o == MAP_FAILED)
		return STATUS_FAILED;
	environment_look(&r.environment, q.plan.pin, argc - 1, argv + 1);
	measure_all(&r, &q, o);
	if (r.count == 0) {
		log_error("--only: nothing is called '%s'; --list names all", q.only);
		return STATUS_USAGE;
	}
	wrong = disagreements(&r);
	if (!output_results(&q.output, &r))
		return STATUS_FAILED;
	return q.verify && wrong > 0 ? STATUS_FAILED : STATUS_OK;
}
