/* SPDX-License-Identifier: ISC */
#include "svg.h"

#include <math.h>
#include <string.h>

#define LEFT   340.0 /* where the axis begins */
#define RIGHT  960.0
#define LINE   15.0
#define TOP    34.0
#define WIDTH  1100.0
#define COLORS 6

static const char *const color[COLORS] = { "#4363d8", "#d2582a", "#3c8d40",
					   "#8e44ad", "#7f6a00", "#5f6b6d" };

struct axis {
	double from, to; /* logarithms to base 10 of nanoseconds, or of the unit */
};

void svg_text(FILE *f, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			fputs("&lt;", f);
		else if (*text == '>')
			fputs("&gt;", f);
		else if (*text == '&')
			fputs("&amp;", f);
		else if (*text == '"')
			fputs("&quot;", f);
		else if ((unsigned char)*text >= ' ')
			fputc(*text, f);
	}
}

static double position(const struct axis *a, double value)
{
	double l = log10(value > 1e-9 ? value : 1e-9), x;

	x = LEFT + (l - a->from) / (a->to - a->from) * (RIGHT - LEFT);
	return x < LEFT ? LEFT : x > RIGHT ? RIGHT : x;
}

static void find_axis(const struct results *r, struct axis *a)
{
	double least = INFINITY, most = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct series *s = &r->series[i];

		if (s->count == 0)
			continue;
		least = fmin(least, series_ns(r, s, fmax(s->summary.min, 1)));
		most = fmax(most, series_ns(r, s, s->summary.max));
	}
	if (most <= 0)
		least = most = 1;
	a->from = floor(log10(least) + 1e-9);
	a->to = fmax(ceil(log10(most) - 1e-9), a->from + 1);
}

static void draw_axis(const struct axis *a, double bottom, const char *unit, FILE *f)
{
	for (double d = a->from; d <= a->to + 1e-9; d++)
		for (unsigned m = 1; m < 10; m++) {
			double value = m * pow(10, d), x = position(a, value);

			if (log10(value) > a->to + 1e-9)
				break;
			fprintf(f,
				"<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s'/>\n",
				x, x, TOP - 6, bottom, m == 1 ? "#bbb" : "#eee");
			if (m == 1)
				fprintf(f,
					"<text x='%.1f' y='%.1f' text-anchor='middle'>%g</text>\n",
					x, TOP - 10, value);
		}
	fprintf(f, "<text x='%.1f' y='%.1f'>%s</text>\n", RIGHT + 40, TOP - 10, unit);
}

/* The shade of a bucket follows the square root of its share, so that rare ones are seen. */
static void draw_series(const struct results *r, const struct series *s, const struct axis *a,
			double y, const char *fill, FILE *f)
{
	const struct histogram *h = &s->histogram;
	size_t most = 1;
	double p50 = position(a, series_ns(r, s, s->summary.p50));

	for (unsigned b = h->first; b <= h->last; b++)
		most = h->count[b] > most ? h->count[b] : most;
	for (unsigned b = h->first; b <= h->last; b++) {
		double x = position(a, series_ns(r, s, histogram_from(b)));
		double end = position(a, series_ns(r, s, histogram_from(b + 1)));

		if (h->count[b] > 0)
			fprintf(f,
				"<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s' fill-opacity='%.2f'/>\n",
				x, y, fmax(end - x, 0.8), LINE - 4, fill,
				0.08 + 0.92 * sqrt((double)h->count[b] / (double)most));
	}
	fprintf(f,
		"<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#000' stroke-width='1.6'/>\n",
		p50, p50, y - 1, y + LINE - 3);
	fprintf(f, "<text x='%.1f' y='%.1f'>%.4g</text>\n", RIGHT + 10, y + LINE - 5,
		series_ns(r, s, s->summary.p50));
}

static unsigned side_color(const struct results *r, const struct series *s)
{
	const char *seen[COLORS];
	unsigned n = 0;

	for (size_t i = 0; i < r->count && n < COLORS; i++) {
		unsigned k = 0;

		while (k < n && strcmp(seen[k], r->series[i].side) != 0)
			k++;
		if (k == n)
			seen[n++] = r->series[i].side;
		if (strcmp(r->series[i].side, s->side) == 0)
			return k;
	}
	return COLORS - 1;
}

bool svg_write(const struct results *r, FILE *f)
{
	const char *unit = r->count > 0 ? r->series[0].unit : "";
	double bottom, y = TOP;
	struct axis a;
	size_t drawn = 0;

	for (size_t i = 0; i < r->count; i++)
		drawn += r->series[i].count > 0;
	bottom = TOP + LINE * (double)drawn;
	find_axis(r, &a);
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' font-family='sans-serif' font-size='10'>\n"
		"<rect width='100%%' height='100%%' fill='#fff'/>\n",
		WIDTH, bottom + 10);
	draw_axis(&a, bottom, strcmp(unit, "cycles") == 0 ? "ns" : unit, f);
	for (size_t i = 0; i < r->count; i++) {
		const struct series *s = &r->series[i];
		unsigned c = side_color(r, s);

		if (s->count == 0)
			continue;
		fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='end' fill='%s'>", LEFT - 8,
			y + LINE - 5, color[c]);
		svg_text(f, s->row);
		fputs(", ", f);
		svg_text(f, s->side);
		fputs("</text>\n", f);
		draw_series(r, s, &a, y, color[c], f);
		y += LINE;
	}
	fputs("</svg>\n", f);
	return fflush(f) == 0 && !ferror(f);
}
