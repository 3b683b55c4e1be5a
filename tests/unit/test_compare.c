// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report compare tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/compare.h"
#include "report/build.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

/* 20 s of requests each 500 µs: 80 blocks. */
#define REQUESTS 40000

static json_t *build(unsigned part, unsigned parts)
{
	struct report_fixture f;

	report_fixture_init_part(&f, REQUESTS, part, parts);
	f.in.duration_s = 20;
	f.in.due = REQUESTS / parts;
	json_t *doc = report_build(&f.in);
	assert_non_null(doc);
	report_fixture_fini(&f);
	return doc;
}

/* The same run with all tolls in its blocks a share larger, and one phase much larger. */
static json_t *with_toll(const json_t *doc, double times)
{
	json_t *copy = json_deep_copy(doc), *blocks = json_object_get(copy, "blocks"), *column = json_object_get(blocks, "toll"),
	       *one;
	size_t i;

	json_array_foreach (column, i, one) {
		struct hist *h = NULL, *more;
		uint64_t n;

		if (!*json_string_value(one))
			continue;
		assert_int_equal(hist_decode(json_string_value(one), &h), 0);
		more = hist_new();
		for (unsigned k = hist_next(h, 0, &n); k < HIST_BUCKETS; k = hist_next(h, k + 1, &n))
			hist_record_n(more, (uint64_t)((double)hist_bucket_value(k) * times), n);
		char *text = hist_encode_short(more);
		json_array_set_new(column, i, json_string(text));
		free(text);
		hist_free(h);
		hist_free(more);
	}
	column = json_object_get(json_object_get(blocks, "phase_sum_ns"), "process_request");
	json_array_foreach (column, i, one) {
		json_array_set_new(column, i, json_integer((json_int_t)((double)json_integer_value(one) * times * 3)));
	}
	return copy;
}

static struct comparison *compare(const json_t *a, const json_t *b, const char *const *gate, unsigned gates)
{
	struct compare_options o = COMPARE_OPTIONS_DEFAULT;
	struct comparison *c = calloc(1, sizeof(*c));
	struct err err = {0};

	o.gate = gate;
	o.gates = gates;
	assert_non_null(c);
	if (compare_documents(a, b, &o, c, &err))
		fail_msg("%s", err.text);
	return c;
}

static const struct figure *figure(const struct comparison *c, const char *name)
{
	for (unsigned i = 0; i < c->figures; i++)
		if (!strcmp(c->figure[i].name, name))
			return &c->figure[i];
	fail_msg("no figure %s", name);
	return NULL;
}

static void done(struct comparison *c)
{
	json_t *doc = compare_to_json(c);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_fits_schema(doc, compare_schema());
	assert_int_equal(compare_print_text(c, out, false), 0);
	fclose(out);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		unsigned columns = 0;
		for (const char *p = line; *p && *p != '\n'; p++)
			columns += ((unsigned char)*p & 0xc0) != 0x80;
		assert_in_range(columns, 0, 100);
	}
	free(text);
	json_decref(doc);
	compare_fini(c);
	free(c);
}

static void test_a_run_against_itself(void **state)
{
	static const char *const gates[] = {"toll.p50 +10%", "latency.mean +50ms", "throughput -10%", "error_rate +1%",
					    "gateway.memory.peak +1%"};
	static const char *const certain[] = {"toll.mean", "toll.p50", "latency.mean", "throughput", "error_rate"};
	json_t *doc = build(0, 1);
	struct comparison *c = compare(doc, doc, gates, 5);

	(void)state;
	assert_int_equal(c->issues, 0);
	assert_string_equal(compare_verdict(c), "no_difference");
	for (unsigned i = 0; i < c->figures; i++)
		if (c->figure[i].verdict == FIGURE_WORSE || c->figure[i].verdict == FIGURE_BETTER)
			fail_msg("%s: %f to %f", c->figure[i].name, c->figure[i].low, c->figure[i].high);
	/* tails, and parts of a few µs, are within what the driver's own wake-ups differ by */
	for (size_t i = 0; i < sizeof(certain) / sizeof(*certain); i++)
		assert_int_equal(figure(c, certain[i])->verdict, FIGURE_NO_DIFFERENCE);
	for (unsigned i = 0; i < c->gates; i++)
		if (c->gate[i].verdict != GATE_PASSED)
			fail_msg("%s: %s", c->gate[i].text, c->gate[i].reason);
	assert_int_equal(compare_exit_code(c), 0);
	done(c);
	json_decref(doc);
}

/* Where the toll's own figures cannot tell, a phase of it can: the rest of the toll did not go the other way. */
static void test_a_phase_tells_which_way(void **state)
{
	json_t *doc = build(0, 1), *more = with_toll(doc, 1);
	struct comparison *c = compare(doc, more, NULL, 0);

	(void)state;
	assert_int_equal(figure(c, "toll.mean")->verdict, FIGURE_NO_DIFFERENCE);
	assert_int_equal(figure(c, "process_request.mean")->verdict, FIGURE_WORSE);
	assert_string_equal(compare_verdict(c), "slower");
	done(c);
	c = compare(more, doc, NULL, 0);
	assert_string_equal(compare_verdict(c), "faster");
	done(c);
	json_decref(doc);
	json_decref(more);
}

static void test_a_larger_toll(void **state)
{
	static const char *const gates[] = {"toll.p50 +10%", "toll.p50 +40%", "toll.mean +1ms"};
	json_t *doc = build(0, 1), *more = with_toll(doc, 1.3);
	struct comparison *c = compare(doc, more, gates, 3);

	(void)state;
	assert_string_equal(compare_verdict(c), "slower");
	assert_int_equal(figure(c, "toll.mean")->verdict, FIGURE_WORSE);
	assert_float_equal(figure(c, "toll.mean")->change, 0.3, 0.01);
	assert_string_equal(figure_verdict_word(figure(c, "toll.mean")), "slower");
	assert_int_equal(figure(c, "process_request.mean")->verdict, FIGURE_WORSE);
	assert_int_equal(figure(c, "pick_up_request.mean")->verdict, FIGURE_CANNOT_TELL);
	assert_int_equal(c->gate[0].verdict, GATE_FAILED);
	assert_int_equal(c->gate[1].verdict, GATE_PASSED);
	assert_int_equal(c->gate[2].verdict, GATE_PASSED);
	assert_int_equal(compare_exit_code(c), EXIT_CODE_CRITERIA);
	done(c);
	c = compare(more, doc, gates, 1);
	assert_string_equal(compare_verdict(c), "faster");
	assert_int_equal(compare_exit_code(c), 0);
	done(c);
	json_decref(doc);
	json_decref(more);
}

/* The toll grew by what the driver's own lag grew by: the machine woke all of them up later. */
static void test_what_the_lag_explains_is_taken_off(void **state)
{
	json_t *doc = build(0, 1), *more = with_toll(doc, 1.3),
	       *lag = json_object_get(json_object_get(more, "phases"), "driver_lag");
	float grown_ns = 0.3F * (float)json_number_value(json_object_get(json_object_get(doc, "toll"), "p50_ns"));

	(void)state;
	json_object_set_new(lag, "p50_ns", json_real(json_number_value(json_object_get(lag, "p50_ns")) + (double)grown_ns));
	struct comparison *c = compare(doc, more, NULL, 0);
	const struct figure *f = figure(c, "toll.p50");
	assert_float_equal(f->lag_ns, grown_ns, 1);
	assert_float_equal(f->change, 0, 0.05);
	assert_int_not_equal(f->verdict, FIGURE_WORSE);
	assert_float_equal(figure(c, "latency.p50")->lag_ns, 3 * grown_ns, 1);
	assert_float_equal(figure(c, "toll.p99")->lag_ns, 0, 0);
	done(c);
	json_decref(doc);
	json_decref(more);
}

/* Only a quarter of the load came through: fewer requests a second is worse. */
static void test_less_throughput(void **state)
{
	static const char *const gates[] = {"throughput -5%"};
	json_t *doc = build(0, 1), *less = build(0, 4);

	(void)state;
	/* what was offered was the same */
	json_object_set_new(json_object_get(less, "driver"), "due", json_integer(REQUESTS));
	struct comparison *c = compare(doc, less, gates, 1);
	assert_int_equal(figure(c, "throughput")->verdict, FIGURE_WORSE);
	assert_string_equal(figure_verdict_word(figure(c, "throughput")), "less");
	assert_float_equal(figure(c, "throughput")->change, -0.75, 0.01);
	assert_int_equal(c->gate[0].verdict, GATE_FAILED);
	done(c);
	json_decref(doc);
	json_decref(less);
}

static void assert_refused(json_t *a, json_t *b, const char *words)
{
	struct comparison *c = compare(a, b, NULL, 0);

	assert_in_range(c->refusals, 1, COMPARE_ISSUES_MAX);
	if (!strstr(c->issue[0], words))
		fail_msg("\"%s\" lacks \"%s\"", c->issue[0], words);
	assert_int_equal(compare_exit_code(c), EXIT_CODE_CANNOT_RUN);
	assert_int_equal(c->figures, 0);
	done(c);
}

static void test_runs_that_are_not_alike(void **state)
{
	json_t *a = build(0, 1), *b = json_deep_copy(a), *trust = json_object_get(b, "trust");

	(void)state;
	json_object_set_new(b, "scenario", json_string("edge/other"));
	assert_refused(a, b, "another scenario");
	json_object_set(b, "scenario", json_object_get(a, "scenario"));
	json_object_set_new(b, "invalid", json_string("the driver was late"));
	assert_refused(a, b, "INVALID");
	json_object_del(b, "invalid");
	json_object_set_new(trust, "untrusted", json_true());
	assert_refused(a, b, "UNTRUSTED");
	json_object_set_new(trust, "untrusted", json_false());
	json_object_set_new(json_object_get(b, "driver"), "due", json_integer(REQUESTS / 2));
	assert_refused(a, b, "another load");
	json_object_set(json_object_get(b, "driver"), "due", json_object_get(json_object_get(a, "driver"), "due"));
	json_object_set_new(json_object_get(b, "machine"), "hostname", json_string("elsewhere"));
	struct comparison *c = compare(a, b, NULL, 0);
	assert_int_equal(c->refusals, 0);
	assert_int_equal(c->issues, 1);
	assert_non_null(strstr(c->issue[0], "another machine"));
	done(c);
	json_decref(a);
	json_decref(b);
}

/* What is refused can be had all the same, and says what is wrong with it. */
static void test_anyway(void **state)
{
	struct compare_options o = COMPARE_OPTIONS_DEFAULT;
	json_t *a = build(0, 1), *b = json_deep_copy(a);
	struct comparison *c = calloc(1, sizeof(*c));
	struct err err = {0};

	(void)state;
	assert_non_null(c);
	o.anyway = true;
	json_object_set_new(b, "scenario", json_string("edge/other"));
	assert_int_equal(compare_documents(a, b, &o, c, &err), 0);
	assert_int_equal(c->refusals, 1);
	assert_in_range(c->figures, 8, COMPARE_FIGURES_MAX);
	done(c);
	json_decref(a);
	json_decref(b);
}

static void test_too_few_blocks(void **state)
{
	static const char *const gates[] = {"toll.p99 +10%"};
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	json_t *doc = report_build(&f.in);
	json_object_set_new(doc, "duration_s", json_real(1.5));
	/* gauges of a fixture go on: only the blocks with requests are kept */
	json_t *blocks = json_object_get(doc, "blocks"), *column, *inner;
	const char *key, *part;
	json_object_set_new(blocks, "count", json_integer(6));
	json_object_foreach (blocks, key, column) {
		while (json_array_size(column) > 6)
			json_array_remove(column, 6);
		json_object_foreach (column, part, inner) {
			while (json_array_size(inner) > 6)
				json_array_remove(inner, 6);
		}
	}
	struct comparison *c = compare(doc, doc, gates, 1);
	assert_string_equal(compare_verdict(c), "cannot_tell");
	assert_non_null(strstr(c->figure[0].reason, "too few blocks"));
	assert_int_equal(c->gate[0].verdict, GATE_CANNOT_TELL);
	assert_int_equal(compare_exit_code(c), EXIT_CODE_CANNOT_RUN);
	done(c);
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_gates_are_read(void **state)
{
	static const char *const wrong[] = {"",
					    "toll.p99",
					    "toll.p99 10%",
					    "toll.p99 +",
					    "toll.p99 +x%",
					    "toll.p99 +10",
					    "toll.p99 + 10%",
					    "toll.p99 +10%x",
					    "toll.p99 +-1%",
					    "toll.p99 +inf%"};
	struct gate g;
	struct err err = {0};

	(void)state;
	assert_int_equal(gate_parse("toll.p99 +10%", &g, &err), 0);
	assert_string_equal(g.name, "toll.p99");
	assert_float_equal(g.limit, 0.1, 1e-12);
	assert_false(g.is_absolute);
	assert_int_equal(gate_parse("throughput   -2.5%", &g, &err), 0);
	assert_float_equal(g.limit, -0.025, 1e-12);
	assert_int_equal(gate_parse("toll.mean +50us", &g, &err), 0);
	assert_float_equal(g.limit, 50000, 1e-9);
	assert_true(g.is_absolute);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		err = (struct err){0};
		if (gate_parse(wrong[i], &g, &err) != -EINVAL)
			fail_msg("'%s' was read", wrong[i]);
		assert_non_null(strstr(err.text, "--gate"));
	}
}

static void test_unknown_metric(void **state)
{
	static const char *const gates[] = {"tol.p99 +10%"};
	json_t *doc = build(0, 2);
	struct comparison *c = compare(doc, doc, gates, 1);

	(void)state;
	assert_int_equal(c->gate[0].verdict, GATE_CANNOT_TELL);
	assert_int_equal(compare_exit_code(c), EXIT_CODE_CANNOT_RUN);
	done(c);
	json_decref(doc);
}

static void test_damaged_blocks(void **state)
{
	struct compare_options o = COMPARE_OPTIONS_DEFAULT;
	json_t *doc = build(0, 2), *bad = json_deep_copy(doc);
	struct comparison *c = calloc(1, sizeof(*c));
	struct err err = {0};

	(void)state;
	assert_non_null(c);
	json_array_set_new(json_object_get(json_object_get(bad, "blocks"), "toll"), 3, json_string("toll.hist/2;1"));
	assert_int_equal(compare_documents(doc, bad, &o, c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "blocks.toll[3]"));
	compare_fini(c);
	json_array_remove(json_object_get(json_object_get(bad, "blocks"), "toll"), 3);
	err = (struct err){0};
	assert_int_equal(compare_documents(doc, bad, &o, c, &err), -EINVAL);
	compare_fini(c);
	json_object_del(bad, "blocks");
	err = (struct err){0};
	assert_int_equal(compare_documents(doc, bad, &o, c, &err), -ENODATA);
	compare_fini(c);
	free(c);
	json_decref(doc);
	json_decref(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_against_itself),
		cmocka_unit_test(test_a_phase_tells_which_way),
		cmocka_unit_test(test_a_larger_toll),
		cmocka_unit_test(test_what_the_lag_explains_is_taken_off),
		cmocka_unit_test(test_less_throughput),
		cmocka_unit_test(test_runs_that_are_not_alike),
		cmocka_unit_test(test_anyway),
		cmocka_unit_test(test_too_few_blocks),
		cmocka_unit_test(test_gates_are_read),
		cmocka_unit_test(test_unknown_metric),
		cmocka_unit_test(test_damaged_blocks),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
