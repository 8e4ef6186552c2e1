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

static int out, kept;

/* Descriptor 2 is a pipe during each test. A packet pipe keeps each write(2) apart. */
static int set_up(void **state)
{
	int p[2];

	(void)state;
	if (pipe2(p, O_DIRECT | O_NONBLOCK) < 0)
		return -1;
	kept = dup(2);
	dup2(p[1], 2);
	close(p[1]);
	out = p[0];
	log_init("vmm");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_raw_terminal(false);
	dup2(kept, 2);
	close(kept);
	close(out);
	return 0;
}

/* The next write(2), "" if there was none. */
static const char *written(void)
{
	static char text[4096];
	ssize_t n = read(out, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_levels(void **state)
{
	(void)state;
	log_error("cannot %s: %d", "open", 5);
	assert_string_equal(written(), "vmm: error: cannot open: 5\n");
	log_warn("w");
	assert_string_equal(written(), "vmm: warning: w\n");
	log_info("i");
	assert_string_equal(written(), "vmm: i\n");
	assert_string_equal(written(), "");
}

static void test_raw_terminal(void **state)
{
	(void)state;
	log_raw_terminal(true);
	log_info("i");
	assert_string_equal(written(), "vmm: i\r\n");
}

static void test_control_characters(void **state)
{
	(void)state;
	log_info("a\nvmm: error: forged\r\x1b[2J\x7f\xc3\xa4\tz");
	assert_string_equal(written(), "vmm: a?vmm: error: forged??[2J????z\n");
	log_relay("a\nb\0c", 5);
	assert_string_equal(written(), "a?b?c\n");
}

static void test_long_lines(void **state)
{
	char text[2000];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_info("%.*s", LOG_LINE_MAX - 5, text); /* with "vmm: " exactly full */
	line = written();
	assert_int_equal(strlen(line), LOG_LINE_MAX + 1);
	assert_string_equal(line + LOG_LINE_MAX - 3, "xxx\n");
	log_info("%.*s", LOG_LINE_MAX - 4, text);
	line = written();
	assert_int_equal(strlen(line), LOG_LINE_MAX + 1);
	assert_string_equal(line + LOG_LINE_MAX - 4, "x...\n");
	log_relay(text, sizeof(text) - 1);
	line = written();
	assert_int_equal(strlen(line), LOG_LINE_MAX + 1);
	assert_string_equal(line + LOG_LINE_MAX - 4, "x...\n");
	log_raw_terminal(true);
	log_info("%s", text);
	assert_string_equal(written() + LOG_LINE_MAX - 4, "x...\r\n");
}

static void test_guest_messages_thin_out(void **state)
{
	struct log_limit l = { 0 }, other = { 0 };
	unsigned lines = 0;

	(void)state;
	for (int i = 1; i <= 8; i++) {
		log_guest(&l, "bad port %d", i);
		lines += written()[0] != '\0';
	}
	assert_int_equal(lines, 8);
	for (int i = 9; i <= 15; i++) {
		log_guest(&l, "bad port %d", i);
		lines += written()[0] != '\0';
	}
	assert_int_equal(lines, 8);
	log_guest(&l, "bad port 16");
	assert_string_equal(written(), "vmm: guest: bad port 16 ... and 7 more\n");
	log_guest(&other, "another kind");
	assert_string_equal(written(), "vmm: guest: another kind\n");
	for (int i = 17; i <= 1000000; i++) {
		log_guest(&l, "flood");
		lines += written()[0] != '\0';
	}
	assert_int_equal(lines, 8 + 15); /* 2^5 to 2^19 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_raw_terminal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_control_characters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_guest_messages_thin_out, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
