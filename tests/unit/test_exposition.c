// rooms: base record
// SPDX-License-Identifier: GPL-2.0-only
/* Prometheus' text format: names, labels, values and types of samples; lines that are none are counted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "record/exposition.h"

struct seen {
	char text[600];
	size_t used;
};

static void on_sample(void *ctx, const struct exposition_sample *s)
{
	struct seen *seen = ctx;
	int n = snprintf(seen->text + seen->used, sizeof(seen->text) - seen->used, "%.*s{%.*s}=%g/%d;", (int)s->name_bytes,
			 s->name, (int)s->labels_bytes, s->labels, s->value, (int)s->type);

	seen->used += (size_t)n;
}

static void assert_samples(const char *text, const char *wanted, size_t passed_over)
{
	struct seen seen = {.used = 0};

	assert_int_equal(exposition_parse(text, strlen(text), on_sample, &seen), passed_over);
	assert_string_equal(seen.text, wanted);
}

static void test_samples_have_name_labels_and_value(void **state)
{
	(void)state;
	assert_samples("a_total 3\nb{x=\"1\",y=\"2\"} 4.5 1395066363000\nc{} -1e3\r\n\n  d +Inf\n",
		       "a_total{}=3/0;b{x=\"1\",y=\"2\"}=4.5/0;c{}=-1000/0;d{}=inf/0;", 0);
}

static void test_a_brace_in_quotes_ends_nothing(void **state)
{
	(void)state;
	assert_samples("a{path=\"/v1/{id}\",q=\"\\\"}\"} 7\n", "a{path=\"/v1/{id}\",q=\"\\\"}\"}=7/0;", 0);
}

static void test_a_type_holds_for_its_family_alone(void **state)
{
	(void)state;
	assert_samples("# HELP h what it is\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 3\nh_count 4\nhits 5\n"
		       "# TYPE c counter\nc_total 6\nother_total 7\n# TYPE g gauge\ng 8\n",
		       "h_bucket{le=\"1\"}=2/3;h_sum{}=3/3;h_count{}=4/3;hits{}=5/0;c_total{}=6/1;other_total{}=7/0;g{}=8/2;", 0);
}

static void test_what_is_no_sample_is_passed_over(void **state)
{
	(void)state;
	assert_samples("<html>\nname\nname{x=\"1\" 3\nname 3x\nok 1", "ok{}=1/0;", 4);
	assert_samples("", "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_have_name_labels_and_value),
		cmocka_unit_test(test_a_brace_in_quotes_ends_nothing),
		cmocka_unit_test(test_a_type_holds_for_its_family_alone),
		cmocka_unit_test(test_what_is_no_sample_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
