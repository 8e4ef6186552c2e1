/* SPDX-License-Identifier: ISC */
#include "results.h"

#include <stdlib.h>
#include <string.h>

#define WRITTEN_SAMPLES 200 /* of a series, in a file: thinned evenly */

static void *grown(void *p, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return p;
	*room = *room > 0 ? 2 * *room : 64;
	p = realloc(p, *room * size);
	if (p == NULL) {
		fprintf(stderr, "bench: no memory\n");
		exit(1);
	}
	return p;
}

struct series *results_series(struct results *r, const char *row, const char *side,
			      const char *what, const char *unit)
{
	struct series *s;

	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->series[i].row, row) == 0 && strcmp(r->series[i].side, side) == 0)
			return &r->series[i];
	r->series = grown(r->series, r->count, &r->room, sizeof(*s));
	s = &r->series[r->count++];
	memset(s, 0, sizeof(*s));
	snprintf(s->row, sizeof(s->row), "%s", row);
	snprintf(s->side, sizeof(s->side), "%s", side);
	snprintf(s->what, sizeof(s->what), "%s", what);
	snprintf(s->unit, sizeof(s->unit), "%s", unit);
	return s;
}

void series_add(struct series *s, const double *sample, size_t count)
{
	size_t begin = s->count;
	struct summary run;
	double *copy;

	for (size_t i = 0; i < count; i++) {
		s->sample = grown(s->sample, s->count, &s->room, sizeof(double));
		s->sample[s->count++] = sample[i];
	}
	if (count == 0 || s->run_count == RESULTS_RUNS_MAX)
		return;
	copy = calloc(count, sizeof(double));
	if (copy == NULL)
		return;
	memcpy(copy, s->sample + begin, count * sizeof(double));
	statistics_summarise(copy, count, &run);
	s->run[s->run_count++] = run.p50;
	free(copy);
}

void results_sort(struct results *r)
{
	for (size_t i = 1; i < r->count; i++) {
		struct series s = r->series[i];
		size_t after = i; /* the last of its row before it */

		while (after > 0 && strcmp(r->series[after - 1].row, s.row) != 0)
			after--;
		if (after == 0)
			continue;
		memmove(&r->series[after + 1], &r->series[after], (i - after) * sizeof(s));
		r->series[after] = s;
	}
}

void results_finish(struct results *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct series *s = &r->series[i];
		double *copy = calloc(s->count + 1, sizeof(double));

		if (copy == NULL)
			continue;
		if (s->count > 0)
			memcpy(copy, s->sample, s->count * sizeof(double));
		statistics_summarise(copy, s->count, &s->summary);
		histogram_fill(&s->histogram, copy, s->count);
		free(copy);
	}
}

const struct series *results_base(const struct results *r, const struct series *s)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->series[i].row, s->row) == 0)
			return &r->series[i];
	return s;
}

bool series_ratio(const struct series *s, const struct series *base, struct ratio *out)
{
	double ratio[RESULTS_RUNS_MAX];
	unsigned n = s->run_count < base->run_count ? s->run_count : base->run_count, found = 0;
	struct summary summary;

	for (unsigned i = 0; i < n; i++)
		if (base->run[i] > 0)
			ratio[found++] = s->run[i] / base->run[i];
	if (found == 0)
		return false;
	statistics_summarise(ratio, found, &summary);
	*out = (struct ratio){ summary.p50, summary.min, summary.max };
	return true;
}

double series_ns(const struct results *r, const struct series *s, double value)
{
	return strcmp(s->unit, "cycles") == 0 ? value * 1e6 / r->environment.tsc_khz : value;
}

void results_sparkline(const struct histogram *h, char text[3 * SPARKLINE_CELLS + 1])
{
	size_t cell[SPARKLINE_CELLS] = { 0 }, most = 1;
	unsigned span = h->first > h->last ? 0 : h->last - h->first + 1;
	unsigned per = (span + SPARKLINE_CELLS - 1) / SPARKLINE_CELLS, n = 0;

	for (unsigned b = h->first; b <= h->last && span > 0; b++) {
		unsigned c = (b - h->first) / per;

		cell[c] += h->count[b];
		n = c + 1;
		if (cell[c] > most)
			most = cell[c];
	}
	text[0] = '\0';
	for (unsigned c = 0; c < n; c++) {
		static const char level[8][4] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
		size_t l = cell[c] == 0 ? 0
					: 1 + cell[c] * 6 / most; /* seen at all: more than 0 */

		strcat(text, cell[c] == 0 ? " " : level[l < 8 ? l : 7]);
	}
}

static void print_series(const struct results *r, const struct series *s)
{
	const struct summary *m = &s->summary;
	const struct series *base = results_base(r, s);
	char spark[3 * SPARKLINE_CELLS + 1], ratios[64] = "";
	struct ratio ratio;

	printf("%-22s %-16s ", s == base ? s->row : "", s->side);
	if (s->count == 0) {
		printf("%s\n", s->reason[0] != '\0' ? s->reason : "not measured");
		return;
	}
	printf(m->max < 10000 && strcmp(s->unit, "cycles") != 0
		       ? "%9.2f %9.2f %9.2f %9.2f %9.2f %10.2f"
		       : "%9.0f %9.0f %9.0f %9.0f %9.0f %10.0f",
	       series_ns(r, s, m->min), series_ns(r, s, m->p50), series_ns(r, s, m->p90),
	       series_ns(r, s, m->p99), series_ns(r, s, m->p999), series_ns(r, s, m->max));
	printf(" %9.0f %5zu ", m->p50, m->disturbed);
	if (s != base && series_ratio(s, base, &ratio))
		snprintf(ratios, sizeof(ratios), "%.3f [%.3f, %.3f]", ratio.median, ratio.min,
			 ratio.max);
	results_sparkline(&s->histogram, spark);
	printf("%-23s %s\n", ratios, spark);
}

void results_print(const struct results *r)
{
	bool cycles = r->count > 0 && strcmp(r->series[0].unit, "cycles") == 0;
	const char *unit = cycles ? "ns" : r->count > 0 ? r->series[0].unit : "";

	printf("%-22s %-16s %9s %9s %9s %9s %9s %10s %9s %5s %-23s histogram\n", "", unit,
	       "min", "p50", "p90", "p99", "p99.9", "max", cycles ? "p50/cyc" : "p50", "dist.",
	       "ratio [by run]");
	for (size_t i = 0; i < r->count; i++)
		print_series(r, &r->series[i]);
	printf("\ndist.: samples above %.0f times the median, which are left in; ratio: of the "
	       "medians of each run\nto those of the first line, their median and range. "
	       "The histogram is logarithmic from min to max.\n",
	       DISTURBED);
}

/* Text as JSON and CSV both quote it, but for what is doubled or escaped. */
static void write_text(FILE *f, const char *text, bool json)
{
	fputc('"', f);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || (json && *p == '\\'))
			fputc(json ? '\\' : '"', f);
		if ((unsigned char)*p >= ' ')
			fputc(*p, f);
	}
	fputc('"', f);
}

static void write_field(FILE *f, const char *name, const char *value)
{
	fprintf(f, "\"%s\": ", name);
	write_text(f, value, true);
	fputs(", ", f);
}

static void write_summary(const struct results *r, const struct series *s, bool ns, FILE *f)
{
	const struct summary *m = &s->summary;
	double v[] = { m->min, m->p50, m->p90, m->p99, m->p999, m->max, m->mean };
	static const char *const name[] = {
		"min", "p50", "p90", "p99", "p99.9", "max", "mean"
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		fprintf(f, "\"%s\": %.9g%s", name[i], ns ? series_ns(r, s, v[i]) : v[i],
			i < 6 ? ", " : "");
}

static void write_series(const struct results *r, const struct series *s, FILE *f)
{
	size_t kept = s->count < WRITTEN_SAMPLES ? s->count : WRITTEN_SAMPLES;
	const char *comma = "";

	fputs("  {", f);
	write_field(f, "row", s->row);
	write_field(f, "side", s->side);
	write_field(f, "what", s->what);
	write_field(f, "unit", s->unit);
	if (s->reason[0] != '\0')
		write_field(f, "reason", s->reason);
	fprintf(f, "\"better\": \"%s\", \"count\": %zu", s->more ? "more" : "less", s->count);
	if (s->counter[0] != '\0') {
		fputs(", ", f);
		write_field(f, "counter", s->counter);
		fprintf(f, "\"counted\": %.0f", s->counted);
	}
	if (s->performed > 0)
		fprintf(f, ", \"performed\": %.0f, \"seen\": %.0f", s->performed, s->seen);
	if (s->count > 0) {
		fprintf(f, ",\n   \"disturbed\": %zu, \"overhead\": %.9g, ",
			s->summary.disturbed, s->overhead);
		write_summary(r, s, false, f);
		fputs(",\n   \"ns\": {", f);
		write_summary(r, s, true, f);
		fputs("},\n   \"runs\": [", f);
		for (unsigned i = 0; i < s->run_count; i++)
			fprintf(f, "%s%.9g", i > 0 ? ", " : "", s->run[i]);
		fputs("],\n   \"histogram\": [", f);
		for (unsigned b = s->histogram.first; b <= s->histogram.last; b++) {
			if (s->histogram.count[b] == 0)
				continue;
			fprintf(f, "%s[%.9g, %zu]", comma, histogram_from(b),
				s->histogram.count[b]);
			comma = ", ";
		}
		fputs("],\n   \"samples\": [", f);
		for (size_t i = 0; i < kept; i++)
			fprintf(f, "%s%.9g", i > 0 ? ", " : "", s->sample[i * s->count / kept]);
		fputs("]", f);
	}
	fputs("}", f);
}

bool results_write_json(const struct results *r, FILE *f)
{
	const struct environment *e = &r->environment;

	fputs("{", f);
	write_field(f, "format", RESULTS_FORMAT);
	write_field(f, "kind", r->kind);
	fputs("\n \"environment\": {", f);
	write_field(f, "host", e->host);
	write_field(f, "cpu", e->cpu);
	write_field(f, "kernel", e->kernel);
	write_field(f, "kvm", e->kvm);
	write_field(f, "mitigations", e->mitigations);
	write_field(f, "governor", e->governor);
	write_field(f, "version", e->version);
	write_field(f, "date", e->date);
	write_field(f, "command", e->command);
	fprintf(f, "\"processors\": %u, \"tsc_khz\": %.0f, \"warnings\": [", e->processors,
		e->tsc_khz);
	for (unsigned i = 0; i < e->warning_count; i++) {
		fputs(i > 0 ? ", " : "", f);
		write_text(f, e->warning[i], true);
	}
	fputs("]},\n \"series\": [\n", f);
	for (size_t i = 0; i < r->count; i++) {
		write_series(r, &r->series[i], f);
		fputs(i + 1 < r->count ? ",\n" : "\n", f);
	}
	fputs(" ]}\n", f);
	return fflush(f) == 0 && !ferror(f);
}

bool results_write_csv(const struct results *r, FILE *f)
{
	fputs("row,side,unit,count,min,p50,p90,p99,p99.9,max,mean,p50 ns,disturbed,overhead,"
	      "ratio,ratio min,ratio max,reason\n",
	      f);
	for (size_t i = 0; i < r->count; i++) {
		const struct series *s = &r->series[i];
		const struct summary *m = &s->summary;
		struct ratio ratio;

		write_text(f, s->row, false);
		fputc(',', f);
		write_text(f, s->side, false);
		fprintf(f, ",%s,%zu,", s->unit, s->count);
		if (s->count == 0) {
			fputs(",,,,,,,,,,,,,", f);
			write_text(f, s->reason, false);
			fputc('\n', f);
			continue;
		}
		fprintf(f, "%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%zu,%.9g,", m->min, m->p50,
			m->p90, m->p99, m->p999, m->max, m->mean, series_ns(r, s, m->p50),
			m->disturbed, s->overhead);
		if (series_ratio(s, results_base(r, s), &ratio))
			fprintf(f, "%.4f,%.4f,%.4f,\n", ratio.median, ratio.min, ratio.max);
		else
			fputs(",,,\n", f);
	}
	return fflush(f) == 0 && !ferror(f);
}
