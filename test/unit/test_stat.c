/* SPDX-License-Identifier: ISC */
/* Statistics: the text format both ways, KVM's binary one, HTTP, and who may hand statistics over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "kvm_stats.h"
#include "stat_text.h"
#include "stat_view.h"
#include "unix_socket.h"
#include "vm.h"

static char *text;
static size_t len;

static char *written(const char *value)
{
	FILE *f = open_memstream(&text, &len);
	const struct stat_label labels[] = { { "a", value }, { "b", "2" }, { NULL, NULL } };

	stat_text_family(f, "x_total", true, "help");
	stat_text_sample(f, "x_total", labels, 12.5, 1);
	fclose(f);
	return text;
}

static const struct {
	const char *value, *escaped, *again;
} escapes[] = {
	{ "plain", "plain", "plain" },
	{ "", "", "" },
	{ "a\"} 1\nb{", "a\\\"} 1\\nb{", "a\"} 1\nb{" },
	{ "back\\slash\\", "back\\\\slash\\\\", "back\\slash\\" },
	{ "\\n", "\\\\n", "\\n" },
	{ "\033[31m\r\t\177\303\244", "?[31m?????", "?[31m?????" },
};

static void test_labels_stay_within_their_quotes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		char wanted[256], *at;
		struct stat_sample s;

		snprintf(wanted, sizeof(wanted),
			 "# HELP x_total help\n# TYPE x_total counter\n"
			 "x_total{a=\"%s\",b=\"2\"} 12.5\n",
			 escapes[i].escaped);
		at = written(escapes[i].value);
		assert_string_equal(at, wanted);
		assert_true(stat_text_next(&at, &s));
		assert_string_equal(s.name, "x_total");
		assert_string_equal(stat_text_label(&s, "a"), escapes[i].again);
		assert_string_equal(stat_text_label(&s, "b"), "2");
		assert_string_equal(stat_text_label(&s, "c"), "");
		assert_true(s.value == 12.5);
		assert_false(stat_text_next(&at, &s));
		assert_string_equal(at, "");
		free(text);
	}
}

static const char *const not_ours[] = {
	"x",
	"x ",
	"x y\n",
	"x 1",
	"x{} 1\n",
	"x{a} 1\n",
	"x{a=1} 1\n",
	"x{a=\"1} 1\n",
	"x{a=\"1\"}1\n",
	"x{a=\"1\" 1\n",
	"X 1\n",
	"x{a=\"\\\n",
	"x{a=\"1\",} 1\n",
	"{a=\"1\"} 1\n",
	"x 1 2\n",
	"x{a=\"1\",a=\"1\",a=\"1\",a=\"1\",a=\"1\",a=\"1\",a=\"1\"} 1\n",
};

static void test_other_lines_end_the_reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++) {
		char line[128], *at = line;
		struct stat_sample s;

		snprintf(line, sizeof(line), "%s", not_ours[i]);
		assert_false(stat_text_next(&at, &s));
		assert_string_not_equal(at, "");
	}
}

static void test_rates(void **state)
{
	static const char first[] = "a_total 10\nb_total{v=\"1\"} 100\nc 5\n",
			  second[] =
				  "b_total{v=\"2\"} 7\nb_total{v=\"1\"} 160\na_total 4\nc 9\n";
	struct stat_view before, now, none = { .text = NULL };
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_true(stat_view_init(&before, strdup(first), 1000000000));
	assert_true(stat_view_init(&now, strdup(second), 3000000000));
	stat_view_json(&now, &before, "s\"", 1.5, f);
	stat_view_json(&before, &none, "s", 1, f);
	fclose(f);
	/* What began anew has counted what it shows; a gauge has no rate. */
	assert_string_equal(
		text,
		"{\"system\":\"s\\\"\",\"time\":1.500,\"metrics\":{\"b_total\":[{\"v\":\"2\",\"value\":7,"
		"\"per_second\":3.500},{\"v\":\"1\",\"value\":160,\"per_second\":30.000}],"
		"\"a_total\":[{\"value\":4,\"per_second\":2.000}],\"c\":[{\"value\":9}]}}\n"
		"{\"system\":\"s\",\"time\":1.000,\"metrics\":{\"a_total\":[{\"value\":10}],"
		"\"b_total\":[{\"v\":\"1\",\"value\":100}],\"c\":[{\"value\":5}]}}\n");
	free(text);
	stat_view_free(&before);
	stat_view_free(&now);
}

/* As the kernel lays them out, api.rst 4.133. */
struct image {
	struct kvm_stats_header h;
	struct {
		uint32_t flags;
		int16_t exponent;
		uint16_t size;
		uint32_t offset, bucket_size;
		char name[16];
	} desc[5];
	uint64_t data[4];
};

_Static_assert(offsetof(struct image, desc[0].name) - offsetof(struct image, desc) ==
		       sizeof(struct kvm_stats_desc),
	       "as in linux/kvm.h");

static struct image image(void)
{
	struct image i = { .h = { .name_size = 16,
				  .num_desc = 5,
				  .desc_offset = offsetof(struct image, desc),
				  .data_offset = offsetof(struct image, data) } };
	static const uint32_t flags[] = { KVM_STATS_TYPE_CUMULATIVE, KVM_STATS_TYPE_INSTANT,
					  KVM_STATS_TYPE_LOG_HIST, KVM_STATS_TYPE_PEAK,
					  KVM_STATS_TYPE_CUMULATIVE };
	static const char *const names[] = { "exits", "pages", "hist", "peak", "Bad\n}" };

	for (unsigned n = 0; n < 5; n++) {
		i.desc[n].flags = flags[n];
		i.desc[n].size = n == 2 ? 2 : 1;
		i.desc[n].offset = n < 4 ? 8 * n : 0;
		strcpy(i.desc[n].name, names[n]);
		if (n < 4)
			i.data[n] = 100 + n;
	}
	return i;
}

static struct kvm_stats stats;

static void take(const void *bytes, size_t size)
{
	memset(&stats, 0xff, sizeof(stats));
	memcpy(stats.bytes, bytes, size);
	stats.len = size;
}

static void test_kvm_numbers(void **state)
{
	static const char *const names[] = { "exits", "pages", "", "peak", "" };
	struct image i = image();
	struct kvm_stat s;

	(void)state;
	take(&i, sizeof(i));
	for (unsigned n = 0; n < 5; n++) {
		assert_true(kvm_stats_get(&stats, n, &s));
		assert_string_equal(s.name, names[n]);
		assert_int_equal(s.counter, n == 0 || n == 4);
		if (s.name[0] != '\0')
			assert_int_equal(s.value, 100 + n);
	}
	assert_false(kvm_stats_get(&stats, 5, &s));
}

/* Cut anywhere, and with any of the header's words wrong, nothing outside is looked at. */
static void test_kvm_numbers_that_make_no_sense(void **state)
{
	static const uint32_t odd[] = { 0,    1,     15,    17,		64,	   65,
					4096, 65535, 65536, 0x7fffffff, 0xffffffff };
	struct kvm_stat s;

	(void)state;
	for (size_t size = 0; size < sizeof(struct image); size++) {
		struct image i = image();
		/* At the end of the heap's block, where a sanitizer sees a look behind it. */
		unsigned n;

		take(&i, size);
		for (n = 0; n < 6 && kvm_stats_get(&stats, n, &s); n++)
			if (s.name[0] != '\0')
				assert_in_range(s.value, 100, 103);
	}
	for (unsigned word = 0; word < 6; word++)
		for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
			struct image i = image();
			unsigned n;

			memcpy((char *)&i.h + 4 * word, &odd[k], 4);
			take(&i, sizeof(i));
			for (n = 0; n < 100000 && kvm_stats_get(&stats, n, &s); n++)
				assert_int_equal(
					strspn(s.name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
					strlen(s.name));
			assert_in_range(n, 0, 99999);
		}
}

/* A VMM that was taken over hands over what stalls or fills whoever reads it. */
static void test_vmm_hands_over_something_else(void **state)
{
	static struct guest g;
	struct vm_command c = { .kind = VM_COUNTERS };
	struct process p = { .who = "the VMM process" };
	int pair[2], pipes[2], what[4];

	(void)state;
	g.config.cpu_count = 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	p.control = pair[0];
	what[0] = pipes[0];
	what[1] = eventfd(0, 0);
	what[2] = memfd_create("anon_inode:kvm-vm-stats", 0);
	what[3] = open("/dev/zero", O_RDONLY);
	for (unsigned i = 0; i < 12; i++) {
		int free_fd = dup(0), after;

		close(free_fd);
		c.device = i / 4 == 2 ? UINT32_MAX : i / 4;
		assert_true(unix_send(pair[1], &c, sizeof(c), what[i % 4]));
		assert_int_equal(vm_hear(&g, &p).kind, VM_COUNTERS);
		after = dup(0);
		assert_int_equal(after, free_fd); /* what came is closed again */
		close(after);
	}
	assert_true(unix_send(pair[1], &c, 4, what[0]));
	assert_int_equal(vm_hear(&g, &p).kind, 0);
	for (unsigned i = 0; i <= VM_CPUS_MAX; i++)
		assert_int_equal(g.counters[i], 0);
}

static const struct {
	const char *request;
	enum http_verdict verdict;
} requests[] = {
	{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_PAGE },
	{ "GET / HTTP/1.0\r\n\r\n", HTTP_PAGE },
	{ "GET /metrics?a=b HTTP/1.1\r\n\r\n", HTTP_PAGE },
	{ "GET /metrics HTTP/1.1\r\nHost: x\r\n", HTTP_MORE },
	{ "", HTTP_MORE },
	{ "GET /metricsx HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND },
	{ "GET ../metrics HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND },
	{ "POST /metrics HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED },
	{ "get /metrics HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED },
	{ "GET /metrics\r\n\r\n", HTTP_BAD },
	{ "GET /metrics HTTP/2\r\n\r\n", HTTP_BAD },
	{ "\r\n\r\n", HTTP_BAD },
};

static void test_requests(void **state)
{
	static char long_one[HTTP_REQUEST_MAX];
	char head[HTTP_HEAD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_int_equal(http_judge(requests[i].request, strlen(requests[i].request)),
				 requests[i].verdict);
	memset(long_one, 'x', sizeof(long_one));
	assert_int_equal(http_judge(long_one, sizeof(long_one) - 1), HTTP_MORE);
	assert_int_equal(http_judge(long_one, sizeof(long_one)), HTTP_BAD);
	memcpy(long_one + sizeof(long_one) - 4, "\r\n\r\n", 4);
	assert_int_equal(http_judge(long_one, sizeof(long_one)), HTTP_BAD);
	assert_int_equal(http_judge("GET /\0 HTTP/1.1\r\n\r\n", 19), HTTP_BAD);
	for (int v = HTTP_PAGE; v <= HTTP_BAD; v++) {
		size_t n = http_head((enum http_verdict)v, 1234567890123, head);

		assert_int_equal(strlen(head), n);
		assert_memory_equal(head + n - 4, "\r\n\r\n", 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_stay_within_their_quotes),
		cmocka_unit_test(test_other_lines_end_the_reading),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_kvm_numbers),
		cmocka_unit_test(test_kvm_numbers_that_make_no_sense),
		cmocka_unit_test(test_vmm_hands_over_something_else),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
