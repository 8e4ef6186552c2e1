/* SPDX-License-Identifier: ISC */
#include "output.h"

#include "log.h"
#include "svg.h"

#include <errno.h>
#include <string.h>

static bool written(const char *path, const struct results *r,
		    bool (*write)(const struct results *r, FILE *f))
{
	FILE *f;
	bool ok;

	if (path == NULL)
		return true;
	f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	ok = f != NULL && write(r, f);
	if (f != NULL && f != stdout)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		log_error("%s: %s", path, strerror(errno));
	return ok;
}

bool output_results(const struct output *o, struct results *r)
{
	const char *files[] = { o->json, o->csv, o->svg };
	bool to_stdout = false, ok;

	results_finish(r);
	for (unsigned i = 0; i < 3; i++)
		to_stdout = to_stdout || (files[i] != NULL && strcmp(files[i], "-") == 0);
	if (!to_stdout) {
		environment_print(&r->environment);
		results_print(r);
	}
	ok = written(o->json, r, results_write_json);
	ok = written(o->csv, r, results_write_csv) && ok;
	return written(o->svg, r, svg_write) && ok;
}
