// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
/* What the document and the report say of causes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/cause.h"
#include "report/build.h"
#include "report/criteria_lookup.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

static json_t *build(struct report_fixture *f)
{
	json_t *doc = report_build(&f->in), *schema = json_loads(report_schema(), 0, NULL);
	struct err err = {0};

	assert_non_null(doc);
	if (schema_check(schema, doc, true, &err))
		fail_msg("%s", err.text);
	json_decref(schema);
	return doc;
}

static char *text_of(const json_t *doc)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(report_print_text(doc, f, false), 0);
	fclose(f);
	return text;
}

static json_int_t per_request(const json_t *causes, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(causes, name), "per_request_ns"));
}

static void test_causes_add_up_to_the_toll(void **state)
{
	struct report_fixture f;
	double share = 0;
	json_int_t sum = 0;
	const char *key;
	json_t *row;

	(void)state;
	report_fixture_init_threads(&f, 3000);
	json_t *doc = build(&f);
	const json_t *causes = json_object_get(doc, "causes");
	json_object_foreach ((json_t *)causes, key, row) {
		share += json_number_value(json_object_get(row, "share_of_toll"));
		sum += per_request(causes, key);
		assert_int_equal(json_integer_value(json_object_get(row, "count")), 2970);
	}
	assert_true(fabs(share - 1) < 1e-4);
	json_int_t toll = json_integer_value(json_object_get(json_object_get(doc, "toll"), "per_request_ns"));
	assert_true(llabs(sum - toll) <= CAUSES);
	assert_true(per_request(causes, "lock") > 1000);
	assert_true(per_request(causes, "run_queue") > 0);
	/* measured, and nothing */
	assert_non_null(json_object_get(causes, "disk"));
	assert_int_equal(per_request(causes, "disk"), 0);
	/* not measured, and told why */
	const json_t *why = json_object_get(doc, "not_measured");
	assert_non_null(json_object_get(causes, "own_user"));
	assert_non_null(json_object_get(why, "causes.allocator"));
	assert_non_null(json_object_get(why, "causes.peer_receive_cpu"));
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_phases_add_up_too(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init_threads(&f, 300);
	json_t *doc = build(&f);
	json_t *by_phase = json_object_get(doc, "causes_by_phase"), *causes, *row;
	const char *phase, *key;
	unsigned phases = 0;
	json_object_foreach (by_phase, phase, causes) {
		double share = 0;
		json_object_foreach (causes, key, row) {
			share += json_number_value(json_object_get(row, "share_of_phase"));
		}
		assert_true(fabs(share - 1) < 1e-4);
		phases++;
	}
	assert_int_equal(phases, 4);
	assert_true(per_request(json_object_get(by_phase, "process_request"), "lock") > 1000);
	assert_non_null(json_object_get(json_object_get(json_object_get(doc, "classes"), "chat"), "causes"));
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_findings_and_composition(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init_threads(&f, 3000);
	json_t *doc = build(&f), *row;
	const json_t *findings = json_object_get(doc, "findings"),
		     *p99 = json_object_get(json_object_get(doc, "toll_composition"), "p99");
	double last = 1, share = 0;
	bool lock = false;
	size_t i;
	assert_true(json_array_size(findings) > 1);
	json_array_foreach (findings, i, row) {
		double s = json_number_value(json_object_get(row, "share_of_toll_p99"));
		assert_true(s <= last); /* worst first */
		last = s;
		const char *text = json_string_value(json_object_get(row, "text"));
		if (!strcmp(json_string_value(json_object_get(row, "cause")), "lock")) {
			lock = true;
			assert_non_null(strstr(text, "thread log writer (71) releases it"));
			assert_non_null(strstr(text, "in \"process request\""));
		}
	}
	assert_true(lock);
	assert_true(json_integer_value(json_object_get(p99, "requests")) >= 2970 / 20);
	json_array_foreach (json_object_get(p99, "parts"), i, row) {
		share += json_number_value(json_object_get(row, "share"));
	}
	assert_true(fabs(share - 1) < 1e-3);
	char *text = text_of(doc);
	assert_non_null(strstr(text, "COSTS MOST"));
	assert_non_null(strstr(text, "WHY THE TOLL TAKES ITS TIME"));
	assert_null(strstr(text, "DISTURBED"));
	assert_non_null(strstr(text, "% of what all take"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "  lock ", 7))
			lock = false;
	assert_false(lock);
	free(text);
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_system_calls_and_threads(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init_threads(&f, 3000);
	json_t *doc = build(&f);
	const json_t *calls = json_object_get(doc, "system_calls"), *recv = json_object_get(calls, "recvfrom"),
		     *send = json_object_get(calls, "sendto"), *loop = json_array_get(json_object_get(doc, "threads"), 0);
	assert_int_equal(json_object_size(calls), 2);
	assert_int_equal(json_integer_value(json_object_get(recv, "count")), 3000);
	assert_int_equal(json_integer_value(json_object_get(recv, "failed")), 750);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(recv, "errors"), "EAGAIN")), 750);
	assert_int_equal(json_integer_value(json_object_get(recv, "p50_ns")), 2000);
	assert_true(json_number_value(json_object_get(recv, "per_request")) > 0.99);
	/* half of each lies before the mark */
	assert_true(json_integer_value(json_object_get(send, "in_toll_per_request_ns")) >= 900);
	assert_string_equal(json_string_value(json_object_get(loop, "name")), "event loop");
	assert_int_equal(json_integer_value(json_object_get(loop, "threads")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(loop, "blocked_ns"), "futex")), 3000 * 3000);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(loop, "blocked_ns"), "poll")), 3000 * 23000);
	char *text = text_of(doc);
	assert_non_null(strstr(text, "EAGAIN 750"));
	assert_non_null(strstr(text, "THREADS, BY NAME"));
	assert_null(strstr(text, "on in windows"));
	free(text);
	json_object_set_new(doc, "probes",
			    json_pack("{s:{s:{s:s, s:f}}}", "groups", "threads", "mode", "windows", "on_share", 0.3));
	text = text_of(doc);
	assert_non_null(strstr(text, "in 30.0 % of the time: their probes were on in windows"));
	free(text);
	json_decref(doc);
	report_fixture_fini(&f);
	report_fixture_init(&f, 30);
	doc = build(&f);
	assert_null(json_object_get(doc, "system_calls"));
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "system_calls"));
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "threads"));
	json_decref(doc);
	report_fixture_fini(&f);
}

/* Streams whose chunks take 10 µs through the gateway, and 1 µs more with each one. */
static void add_growing_streams(struct report_fixture *f)
{
	static struct whole_chunk chunk[100];
	struct whole_request w = {
		.t1 = 1000, .t2 = 1000, .t3 = 1000, .t9 = 2000, .t10 = 2000, .t11 = 3000, .chunk = chunk, .chunks = 100};

	w.driver.due_ns = 1000;
	for (unsigned k = 0; k < 100; k++)
		chunk[k] = (struct whole_chunk){.readable_ns = 5000, .sent_ns = 15000 + k * 1000};
	for (unsigned i = 0; i < 200; i++)
		attribution_add(f->attribution, &w);
	attribution_finish(f->attribution);
}

static void test_growth_is_told(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init_threads(&f, 300);
	json_t *doc = build(&f);
	assert_true(json_is_false(
		json_object_get(json_object_get(json_object_get(doc, "growth"), "chunk_lag"), "grows"))); /* 100 ns a chunk */
	json_decref(doc);
	add_growing_streams(&f);
	doc = build(&f);
	const json_t *findings = json_object_get(doc, "findings"),
		     *last = json_array_get(findings, json_array_size(findings) - 1);
	assert_true(json_is_true(json_object_get(json_object_get(json_object_get(doc, "growth"), "chunk_lag"), "grows")));
	assert_non_null(strstr(json_string_value(json_object_get(last, "text")), "each further 100 chunks add 100 µs (chunk "));
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_interference_opens_the_report(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init_threads(&f, 300);
	json_t *doc = build(&f);
	json_object_set_new(json_object_get(doc, "interference"), "share_of_toll_p99", json_real(0.11));
	char *text = text_of(doc);
	assert_int_equal(strncmp(text, "DISTURBED", 9), 0);
	free(text);
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_criteria_may_name_causes(void **state)
{
	struct criteria_value v;
	struct report_fixture f;

	(void)state;
	report_fixture_init_threads(&f, 300);
	assert_int_equal(criteria_lookup(&f.in, "causes.lock.p50", &v), 0);
	assert_true(v.value > 1000);
	assert_int_equal(criteria_lookup(&f.in, "chat.causes.disk.p99", &v), 0);
	assert_int_equal(v.value, 0);
	report_fixture_fini(&f);
	report_fixture_init(&f, 300);
	assert_int_equal(criteria_lookup(&f.in, "causes.lock.p50", &v), -ENODATA);
	report_fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes_add_up_to_the_toll), cmocka_unit_test(test_phases_add_up_too),
		cmocka_unit_test(test_system_calls_and_threads),  cmocka_unit_test(test_growth_is_told),
		cmocka_unit_test(test_findings_and_composition),  cmocka_unit_test(test_interference_opens_the_report),
		cmocka_unit_test(test_criteria_may_name_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
