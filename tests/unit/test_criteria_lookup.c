// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "report/criteria_lookup.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

static double value_of(const struct report_input *in, const char *metric)
{
	struct criteria_value v;

	if (criteria_lookup(in, metric, &v))
		fail_msg("%s: %s", metric, v.reason);
	return v.value;
}

static const char *reason_of(const struct report_input *in, const char *metric)
{
	struct criteria_value v;

	assert_int_equal(criteria_lookup(in, metric, &v), -ENODATA);
	assert_non_null(v.reason);
	return v.reason;
}

static bool is_at_least(const struct report_input *in, const char *metric)
{
	struct criteria_value v;

	assert_int_equal(criteria_lookup(in, metric, &v), 0);
	return v.at_least;
}

static void test_counts_and_rates(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	assert_float_equal(value_of(&f.in, "sent"), 3000, 0);
	assert_float_equal(value_of(&f.in, "failed"), 30, 0);
	assert_float_equal(value_of(&f.in, "completed"), 2970, 0);
	assert_float_equal(value_of(&f.in, "success_rate"), 0.99, 1e-9);
	assert_float_equal(value_of(&f.in, "error_rate"), 0.01, 1e-9);
	assert_float_equal(value_of(&f.in, "throughput"), 99, 1e-9);
	assert_float_equal(value_of(&f.in, "tokens_per_s"), 1600, 1e-9);
	assert_float_equal(value_of(&f.in, "streaming_success_rate"), 0.99, 1e-9);
	assert_float_equal(value_of(&f.in, "check.status-200"), 1, 1e-9);
	assert_float_equal(value_of(&f.in, "upstream.attempts_per_request"), 1, 1e-9);
	assert_float_equal(value_of(&f.in, "cache_hit_rate"), 0, 0);
	report_fixture_fini(&f);
}

static void test_goodput(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	assert_non_null(strstr(reason_of(&f.in, "goodput"), "an slo"));
	assert_non_null(strstr(reason_of(&f.in, "slo_rate"), "an slo"));
	f.total.slo = 2000;
	f.total.good = 1500;
	assert_float_equal(value_of(&f.in, "goodput"), 50, 1e-9);
	assert_float_equal(value_of(&f.in, "slo_rate"), 0.75, 1e-9);
	report_fixture_fini(&f);
}

static void test_gateway_and_trust(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	assert_float_equal(value_of(&f.in, "gateway.cpu.mean"), 0.155, 1e-9);
	assert_float_equal(value_of(&f.in, "gateway.cpu.max"), 0.22, 1e-9);
	assert_float_equal(value_of(&f.in, "gateway.memory.peak"), 9.0 * 1048576, 0);
	assert_float_equal(value_of(&f.in, "gateway.memory.growth"), 1.0 / 6, 1e-9);
	assert_float_equal(value_of(&f.in, "trust.coverage"), 1, 1e-9);
	assert_float_equal(value_of(&f.in, "trust.lost"), 0, 0);
	f.in.counters[WIRE_COUNT_RING_FULL] = 3;
	f.timeline.wire_rejected = 2;
	f.timeline.order_violations = 1;
	assert_float_equal(value_of(&f.in, "trust.lost"), 5, 0);
	assert_float_equal(value_of(&f.in, "trust.order_violations"), 1, 0);
	/* retransmits and peeks are no loss */
	f.in.counters[WIRE_COUNT_RETRANSMITS] = f.in.counters[WIRE_COUNT_PEEKS] = 100;
	assert_float_equal(value_of(&f.in, "trust.lost"), 5, 0);
	f.in.gateway.cpu_measured = f.in.gateway.memory_measured = false;
	reason_of(&f.in, "gateway.cpu.mean");
	reason_of(&f.in, "gateway.memory.growth");
	report_fixture_fini(&f);
}

static void test_prefixes(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	assert_float_equal(value_of(&f.in, "chat.sent"), 2000, 0);
	assert_float_equal(value_of(&f.in, "streaming.sent"), 1000, 0);
	assert_float_equal(value_of(&f.in, "stage.hold.sent"), 1000, 0);
	assert_float_equal(value_of(&f.in, "stage.hold.throughput"), 99, 1e-9);
	assert_true(value_of(&f.in, "streaming.latency.p50") > value_of(&f.in, "chat.latency.p50"));
	assert_true(value_of(&f.in, "chat.toll.p50") > 0);
	assert_float_equal(value_of(&f.in, "chat.check.status-200"), 1, 1e-9);
	assert_string_equal(reason_of(&f.in, "streaming.check.status-200"), "no class here has a check of that name");
	assert_string_equal(reason_of(&f.in, "stage.hold.cache_hit_rate"), "cache hits are told for the whole run only");
	reason_of(&f.in, "chat.streaming_success_rate");
	reason_of(&f.in, "nobody.sent");
	reason_of(&f.in, "stage.nowhere.sent");
	reason_of(&f.in, "chat.gateway.cpu.mean");
	reason_of(&f.in, "latency.p98");
	report_fixture_fini(&f);
}

/* A stage's name may hold dots, and may begin as another one does. */
static void test_names_with_dots(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	f.in.stage[0].name = "v1";
	f.in.stage[1].name = "v1.5";
	f.in.stage[2].name = "v1.5.latency";
	assert_float_equal(value_of(&f.in, "stage.v1.sent"), 100, 0);
	assert_float_equal(value_of(&f.in, "stage.v1.5.sent"), 100, 0);
	assert_true(value_of(&f.in, "stage.v1.5.latency.p50") > 0);
	assert_float_equal(value_of(&f.in, "stage.v1.5.latency.sent"), 100, 0);
	report_fixture_fini(&f);
}

static void test_distributions(void **state)
{
	static const char *const names[] = {"latency",     "service", "lateness", "ttft",
					    "inter_token", "toll",    "provider", "pick_up_request"};
	static const char *const stats[] = {"min", "mean", "p50", "p90", "p95", "p99", "p999", "max"};
	struct report_fixture f;
	char metric[64];

	(void)state;
	report_fixture_init(&f, 300);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (size_t k = 0; k < sizeof(stats) / sizeof(*stats); k++) {
			snprintf(metric, sizeof(metric), "%s.%s", names[i], stats[k]);
			assert_true(value_of(&f.in, metric) > 0);
		}
	}
	assert_false(is_at_least(&f.in, "latency.p50"));
	assert_true(is_at_least(&f.in, "latency.p999"));
	assert_true(is_at_least(&f.in, "latency.mean"));
	assert_true(is_at_least(&f.in, "latency.max"));
	assert_false(is_at_least(&f.in, "latency.min"));
	assert_string_equal(reason_of(&f.in, "accept_queue.p99"), "it did not occur in any joined request");
	report_fixture_fini(&f);
}

static void test_not_measured(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	report_fixture_no_probes(&f);
	assert_string_equal(reason_of(&f.in, "toll.p99"), f.in.no_probes_because);
	assert_string_equal(reason_of(&f.in, "chat.provider.p99"), f.in.no_probes_because);
	assert_string_equal(reason_of(&f.in, "trust.lost"), f.in.no_probes_because);
	assert_string_equal(reason_of(&f.in, "cache_hit_rate"), f.in.no_probes_because);
	assert_true(value_of(&f.in, "latency.p50") > 0);
	report_fixture_fini(&f);
	report_fixture_init(&f, 300);
	report_fixture_attach(&f);
	assert_string_equal(reason_of(&f.in, "latency.p50"), "the load was not ours");
	assert_string_equal(reason_of(&f.in, "success_rate"), "the load was not ours");
	assert_true(value_of(&f.in, "toll.p50") > 0);
	report_fixture_fini(&f);
	report_fixture_init(&f, 0);
	assert_string_equal(reason_of(&f.in, "success_rate"), "no request was sent");
	assert_string_equal(reason_of(&f.in, "latency.p50"), "no request was sent");
	assert_string_equal(reason_of(&f.in, "trust.coverage"), "no request had a whole answer");
	report_fixture_fini(&f);
}

/* Every metric that criteria may name is known here: it has a value, or a reason of its own. */
static void every_metric(void *ctx, const char *name, enum criterion_unit unit, const char *meaning)
{
	const char *family = strchr(name, '{');
	struct criteria_value v;
	char metric[128];

	(void)unit;
	(void)meaning;
	if (family)
		snprintf(metric, sizeof(metric), "%.*sp99", (int)(family - name), name);
	else if (strlen(name) > 5 && !strcmp(name + strlen(name) - 5, ".NAME"))
		snprintf(metric, sizeof(metric), "%.*s.status-200", (int)strlen(name) - 5, name);
	else
		snprintf(metric, sizeof(metric), "%s", name);
	if (criteria_lookup(ctx, metric, &v) && !strcmp(v.reason, "this run has no such metric, class or stage"))
		fail_msg("%s is not looked up", metric);
}

static void test_every_metric_is_looked_up(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	criterion_metrics(every_metric, &f.in);
	report_fixture_fini(&f);
}

/* --- verdicts with lower bounds ----------------------------------------------------------------------------------------------- */

static const char *verdict_of(struct report_fixture *f, const char *text)
{
	static char verdict[32];

	f->in.criterion = &text;
	f->in.criteria = 1;
	json_t *doc = report_build(&f->in);
	const json_t *row = json_array_get(json_object_get(doc, "criteria"), 0);
	snprintf(verdict, sizeof(verdict), "%s", json_string_value(json_object_get(row, "verdict")));
	json_decref(doc);
	return verdict;
}

/* One request in a hundred gave up after 30 s: p99.9 is 30 s or more. */
static void test_bounds_judge_only_what_they_prove(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	assert_string_equal(verdict_of(&f, "latency.p999 < 10s"), "missed");
	assert_string_equal(verdict_of(&f, "latency.p999 < 40s"), "not_measured");
	assert_string_equal(verdict_of(&f, "latency.p999 > 10s"), "met");
	assert_string_equal(verdict_of(&f, "latency.p999 > 40s"), "not_measured");
	assert_string_equal(verdict_of(&f, "latency.p999 == 10s"), "missed");
	assert_string_equal(verdict_of(&f, "latency.p999 == 40s"), "not_measured");
	assert_string_equal(verdict_of(&f, "latency.p50 < 40s"), "met");
	/* the same behind a division: the value is this or more, this or less, anything */
	assert_string_equal(verdict_of(&f, "latency.p999 / latency.p50 < 2"), "missed");
	assert_string_equal(verdict_of(&f, "latency.p999 / latency.p50 < 1000000"), "not_measured");
	assert_string_equal(verdict_of(&f, "latency.p50 / latency.p999 < 0.9"), "met");
	assert_string_equal(verdict_of(&f, "latency.p50 / latency.p999 > 0.9"), "missed");
	assert_string_equal(verdict_of(&f, "latency.p50 / latency.p999 > 0.0000001"), "not_measured");
	assert_string_equal(verdict_of(&f, "latency.p999 / latency.max < 2"), "not_measured");
	report_fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_and_rates),
		cmocka_unit_test(test_goodput),
		cmocka_unit_test(test_gateway_and_trust),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_names_with_dots),
		cmocka_unit_test(test_distributions),
		cmocka_unit_test(test_not_measured),
		cmocka_unit_test(test_every_metric_is_looked_up),
		cmocka_unit_test(test_bounds_judge_only_what_they_prove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
