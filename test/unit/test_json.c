/* SPDX-License-Identifier: ISC */
/* What is written of results can be read again, and what is no JSON is refused. */
#include "json.h"
#include "results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void values(void **state)
{
	struct json *v;
	size_t where;

	(void)state;
	v = json_read(
		" {\"a\": [1, -2.5e3, true, false, null], \"b\": {\"c\": \"x\\\"\\n\\u00e9\"}} ",
		&where);
	assert_non_null(v);
	assert_float_equal(json_member(v, "a")->item->number, 1, 0);
	assert_float_equal(json_member(v, "a")->item->next->number, -2500, 0);
	assert_float_equal(json_member(v, "a")->item->next->next->number, 1, 0);
	assert_float_equal(json_member(v, "a")->item->next->next->next->number, 0, 0);
	assert_int_equal(json_member(v, "a")->item->next->next->next->next->kind, JSON_NULL);
	assert_string_equal(json_text(json_member(v, "b"), "c"), "x\"\n?");
	assert_null(json_member(v, "none"));
	assert_string_equal(json_text(v, "a"), "");
	json_free(v);
}

static void malformed(void **state)
{
	static const char *const bad[] = { "",
					   "{",
					   "[1,]",
					   "[1 2]",
					   "{\"a\"}",
					   "\"open",
					   "\"\\x\"",
					   "\"\\u12g4\"",
					   "tru",
					   "1 1",
					   "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]" };
	size_t where;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_read(bad[i], &where) != NULL)
			fail_msg("taken for JSON: %s", bad[i]);
}

static void results_come_back(void **state)
{
	double one[] = { 5, 1, 3 }, two[] = { 10, 30, 20 };
	struct results r = { .kind = "exits", .environment = { .tsc_khz = 2e6 } };
	struct json *file;
	const struct json *s;
	char *text = NULL;
	size_t len, where;
	FILE *f = open_memstream(&text, &len);
	struct ratio ratio;

	(void)state;
	snprintf(r.environment.cpu, sizeof(r.environment.cpu), "a \"quoted\\\" name");
	series_add(results_series(&r, "row", "floor", "what", "cycles"), one, 3);
	series_add(results_series(&r, "row", "vmm", "what", "cycles"), two, 3);
	snprintf(results_series(&r, "other", "vmm", "what", "cycles")->reason, 20, "no such");
	results_finish(&r);
	assert_true(results_write_json(&r, f));
	fclose(f);
	file = json_read(text, &where);
	if (file == NULL)
		fail_msg("not JSON at %zu: %s", where, text);
	assert_string_equal(json_text(file, "format"), RESULTS_FORMAT);
	assert_string_equal(json_text(json_member(file, "environment"), "cpu"),
			    "a \"quoted\\\" name");
	s = json_member(file, "series")->item;
	assert_string_equal(json_text(s, "side"), "floor");
	assert_float_equal(json_member(s, "p50")->number, 3, 0);
	assert_float_equal(json_member(json_member(s, "ns"), "p50")->number, 1.5, 0);
	assert_float_equal(json_member(s, "samples")->item->number, 5, 0); /* in their order */
	assert_float_equal(json_member(s, "samples")->item->next->number, 1, 0);
	assert_string_equal(json_text(s->next->next, "reason"), "no such");
	assert_true(series_ratio(&r.series[1], &r.series[0], &ratio));
	assert_float_equal(ratio.median, 20.0 / 3, 1e-9);
	assert_ptr_equal(results_base(&r, &r.series[1]), &r.series[0]);
	json_free(file);
	free(text);
	for (size_t i = 0; i < r.count; i++)
		free(r.series[i].sample);
	free(r.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(malformed),
		cmocka_unit_test(results_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
