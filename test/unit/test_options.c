/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

static const struct option_spec table[] = {
	{ "kernel", "FILE", "a" },
	{ "memory", "SIZE", "b" },
	{ "no-reboot", NULL, "c" },
	{ 0 },
};

/* Notes what was set, as text: "kernel=x;no-reboot;". A value "refused" is refused. */
static bool note(void *state, unsigned index, const char *value)
{
	char *text = state;

	if (value != NULL && strcmp(value, "refused") == 0)
		return false;
	strcat(text, table[index].name);
	if (value != NULL)
		strcat(strcat(text, "="), value);
	strcat(text, ";");
	return true;
}

static const struct {
	const char *argv[5];
	enum options_result result;
	const char *set;    /* what was set, in order */
	const char *logged; /* "" for nothing */
} rows[] = {
	{ { 0 }, OPTIONS_OK, "", "" },
	{ { "--kernel", "k" }, OPTIONS_OK, "kernel=k;", "" },
	{ { "--kernel=k" }, OPTIONS_OK, "kernel=k;", "" },
	{ { "--kernel=k=l" }, OPTIONS_OK, "kernel=k=l;", "" },
	{ { "--kernel=" }, OPTIONS_OK, "kernel=;", "" },
	{ { "--kernel", "--memory" }, OPTIONS_OK, "kernel=--memory;", "" },
	{ { "--no-reboot", "--memory", "1M" }, OPTIONS_OK, "no-reboot;memory=1M;", "" },
	{ { "--memory", "1M", "--memory", "2M" }, OPTIONS_OK, "memory=1M;memory=2M;", "" },
	{ { "--help", "--nonsense" }, OPTIONS_HELP, "", "" },
	{ { "--no-reboot", "-h" }, OPTIONS_HELP, "no-reboot;", "" },
	{ { "--kernel" },
	  OPTIONS_BAD,
	  "",
	  "t: error: --kernel needs a value: --kernel FILE\n" },
	{ { "--no-reboot=yes" }, OPTIONS_BAD, "", "t: error: --no-reboot takes no value\n" },
	{ { "--kernal", "k" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unknown option '--kernal'; did you mean '--kernel'?\n" },
	{ { "--kernal=k" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unknown option '--kernal'; did you mean '--kernel'?\n" },
	{ { "--mem", "1M" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unknown option '--mem'; did you mean '--memory'?\n" },
	{ { "--kernelx" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unknown option '--kernelx'; did you mean '--kernel'?\n" },
	{ { "--zzzzzzzzzz" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unknown option '--zzzzzzzzzz'; see --help\n" },
	{ { "--a-very-long-option-that-is-longer-than-any-word-of-ours" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unknown option '--a-very-long-option-that-is-longer-than-any-word-of-ours'; "
	  "see --help\n" },
	{ { "--" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unexpected word '--'; options begin with '--', see --help\n" },
	{ { "--=x" }, OPTIONS_BAD, "", "t: error: unknown option '--'; see --help\n" },
	{ { "kernel" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unexpected word 'kernel'; options begin with '--', see --help\n" },
	{ { "-k" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unexpected word '-k'; options begin with '--', see --help\n" },
	{ { "" },
	  OPTIONS_BAD,
	  "",
	  "t: error: unexpected word ''; options begin with '--', see --help\n" },
	{ { "--kernel", "refused", "--no-reboot" }, OPTIONS_BAD, "", "" },
};

static void test_parsing(void **state)
{
	unsigned wrong = 0;
	int p[2], kept = dup(2);

	(void)state;
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	log_init("t");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char set[128] = "", logged[512], *argv[8] = { NULL };
		enum options_result result;
		ssize_t n;
		int argc = 2;

		for (; argc < 7 && rows[i].argv[argc - 2] != NULL; argc++)
			memcpy(&argv[argc], &rows[i].argv[argc - 2], sizeof(argv[0]));
		dup2(p[1], 2);
		result = options_parse(table, argc, argv, 2, note, set);
		dup2(kept, 2);
		n = read(p[0], logged, sizeof(logged) - 1);
		logged[n > 0 ? n : 0] = '\0';
		if (result == rows[i].result && strcmp(set, rows[i].set) == 0 &&
		    strcmp(logged, rows[i].logged) == 0)
			continue;
		print_error("row %zu (%s): result %d, set '%s', logged '%s'\n", i,
			    rows[i].argv[0] != NULL ? rows[i].argv[0] : "", (int)result, set,
			    logged);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	close(kept), close(p[0]), close(p[1]);
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "run", "check", "help", NULL };

	(void)state;
	assert_string_equal(options_nearest("rum", words), "run");
	assert_string_equal(options_nearest("chekc", words), "check");
	assert_null(options_nearest("xyz", words));
	assert_null(options_nearest("", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parsing),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
