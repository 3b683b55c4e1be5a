// rooms: base scenario tests/support/plan_text
// SPDX-License-Identifier: GPL-2.0-only
/* Items of stages: that stand for several stages. */
#include <math.h>
#include <string.h>

#include "scenario/arrival.h"
#include "tests/support/plan_text.h"
#include "tests/support/test.h"

#define S UINT64_C(1000000000)

static void test_steps(void **state)
{
	struct plan *p = plan_text_good(GOOD_CLASSES "stages:\n"
						     "  - {name: before, rate: 10, for: 1s}\n"
						     "  - {name: step, rate: 100, step: 50, up_to: 300, for: 10s, in_flight: 9, "
						     "until: [error_rate > 5%, latency.p99 > 15s]}\n"
						     "  - {name: after, vus: 1, for: 1s}\n"
						     "criteria: [stage.step_150.latency.p95 < 1s]\n",
					&(struct plan_overrides){.time_scale = 0.1});

	(void)state;
	assert_int_equal(p->stages, 7);
	for (unsigned i = 0; i < 5; i++) {
		const struct plan_stage *stage = &p->stage[1 + i];

		assert_int_equal((unsigned)stage->from, 100 + 50 * i);
		assert_float_equal(stage->to, stage->from, 0);
		assert_int_equal(stage->duration_ns, S);
		assert_int_equal(stage->in_flight_max, 9);
		assert_int_equal(stage->group, p->stage[1].group);
		assert_int_equal(stage->untils, 2);
		assert_string_equal(stage->until[0], "error_rate > 5%");
	}
	assert_string_equal(p->stage[1].name, "step_100");
	assert_string_equal(p->stage[5].name, "step_300");
	assert_int_equal(p->stage[0].group, 0);
	assert_int_equal(p->stage[6].group, 0);
	plan_free(p);
}

static void test_bursts(void **state)
{
	struct plan *p = plan_text_good(GOOD_CLASSES "stages:\n"
						     "  - name: day\n"
						     "    rate: 10\n"
						     "    for: 100s\n"
						     "    bursts:\n"
						     "      - {name: rush, times: 3, for: 20s, at: 30s}\n"
						     "      - {name: batch, times: 5, for: 5s, every: 40s}\n",
					NULL);
	static const struct {
		const char *name;
		double rate;
		uint64_t seconds;
	} want[] = {{"calm_1", 10, 30}, {"rush_2", 30, 10}, {"rush-batch_3", 70, 5}, {"rush_4", 30, 5},
		    {"calm_5", 10, 30}, {"batch_6", 50, 5}, {"calm_7", 10, 15}};

	(void)state;
	assert_int_equal(p->stages, 7);
	for (unsigned i = 0; i < 7; i++) {
		assert_string_equal(p->stage[i].name, want[i].name);
		assert_float_equal(p->stage[i].from, want[i].rate, 1e-9);
		assert_int_equal(p->stage[i].duration_ns, want[i].seconds * S);
	}
	plan_free(p);
}

/* At random, but the same for the same seed; within the stage; all of them. */
static void test_random_bursts(void **state)
{
	static const char text[] = GOOD_CLASSES "stages:\n"
						"  - name: day\n"
						"    rate: 10\n"
						"    for: 100s\n"
						"    bursts: [{name: viral, times: 10, for: 5s, count: 3}]\n";

	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct plan *p = plan_text_good(text, NULL), *q = plan_text_good(text, NULL);
		uint64_t viral_ns = 0;

		assert_int_equal(p->stages, 7);
		assert_int_equal(plan_duration_ns(p), 100 * S);
		for (unsigned i = 0; i < p->stages; i++) {
			assert_int_equal(p->stage[i].duration_ns, q->stage[i].duration_ns);
			if (p->stage[i].from > 50)
				viral_ns += p->stage[i].duration_ns;
		}
		assert_int_equal(viral_ns, 15 * S);
		plan_free(p);
		plan_free(q);
	}
}

static void test_errors(void **state)
{
#define STAGE(text) GOOD_CLASSES "stages:\n  - {" text "}\n"
	static const struct {
		const char *text, *words;
	} rows[] = {
		{STAGE("vus: 1, for: 1s, step: 1"), "step and up_to go together"},
		{STAGE("vus: 1, for: 1s, up_to: 1"), "step and up_to go together"},
		{STAGE("vus: 1, for: 1s, until: error_rate > 5%"), "until belongs to steps"},
		{STAGE("vus: 5, for: 1s, step: 1, up_to: 4"), "no less than the first step"},
		{STAGE("vus: 1..5, for: 1s, step: 1, up_to: 9"), "no ramp"},
		{STAGE("vus: 1, requests: 9, step: 1, up_to: 9"), "no ramp and no end by requests"},
		{STAGE("vus: 1, for: 1s, step: 0.001, up_to: 1000"), "makes more than 64 stages"},
		{STAGE("vus: 1, for: 1s, step: 1, up_to: 9, until: latency.p95 > 5"), "unit of time"},
		{STAGE("vus: 1, for: 1s, step: 1, up_to: 9, until: stage.x.latency.p95 > 5s"), "one figure of the step itself"},
		{STAGE("vus: 1, for: 1s, step: -1, up_to: 9"), "a number above 0"},
		{STAGE("rate: 1, for: 9s, bursts: {}"), "a list of bursts"},
		{STAGE("rate: 1, for: 9s, bursts: [{name: a, times: 3}]"), "for is missing"},
		{STAGE("rate: 1, for: 9s, bursts: [{name: a, times: 0.5, for: 1s}]"), "a factor from 1 to 1000"},
		{STAGE("rate: 1, for: 9s, bursts: [{name: a, times: 2, for: 1s, at: 1s, every: 2s}]"), "both at and every"},
		{STAGE("rate: 1, for: 9s, bursts: [{name: a, times: 2, for: 1s, every: 500ms}]"), "more than the burst takes"},
		{STAGE("rate: 1, for: 24h, bursts: [{name: a, times: 2, for: 1s, every: 2s}]"), "makes more than 64 stages"},
		{STAGE("rate: 1, for: 9s, step: 1, up_to: 3, bursts: [{name: a, times: 2, for: 1s}]"), "both step and bursts"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		plan_text_error(rows[i].text, NULL, "4: stages[0]", rows[i].words);
	plan_text_error(GOOD_CLASSES GOOD_STAGES "says: [READY]\n", NULL, "5: says", "two texts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_random_bursts),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
