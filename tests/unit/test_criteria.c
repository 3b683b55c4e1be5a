// rooms: base scenario
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "scenario/criteria.h"
#include "tests/support/test.h"

static const char *const prefixes[] = {"chat", "chat_stream", "stage.ramp", "upstream.LABEL", "peer.LABEL", NULL};

static void assert_micro(double value, double expected)
{
	assert_int_equal(llround(value * 1e6), llround(expected * 1e6));
}

static void test_good(void **state)
{
	static const struct {
		const char *text, *metric, *divisor;
		enum criterion_op op;
		enum criterion_unit unit;
		double limit;
	} cases[] = {
		{"success_rate >= 99.5%", "success_rate", "", CRITERION_GE, CRITERION_RATIO, 0.995},
		{"success_rate>=0.995", "success_rate", "", CRITERION_GE, CRITERION_RATIO, 0.995},
		{"  check.chat_ok == 100% ", "check.chat_ok", "", CRITERION_EQ, CRITERION_RATIO, 1},
		{"gateway.memory.growth < 150%", "gateway.memory.growth", "", CRITERION_LT, CRITERION_RATIO, 1.5},
		{"latency.p95 < 15s", "latency.p95", "", CRITERION_LT, CRITERION_NS, 15e9},
		{"toll.p999 <= 300us", "toll.p999", "", CRITERION_LE, CRITERION_NS, 300e3},
		{"lateness.max == 0", "lateness.max", "", CRITERION_EQ, CRITERION_NS, 0},
		{"chat.latency.p95 <= 1.5s", "chat.latency.p95", "", CRITERION_LE, CRITERION_NS, 1.5e9},
		{"chat_stream.ttft.p50 < 1m30s", "chat_stream.ttft.p50", "", CRITERION_LT, CRITERION_NS, 90e9},
		{"stage.ramp.pick_up_request.mean < 1ms", "stage.ramp.pick_up_request.mean", "", CRITERION_LT, CRITERION_NS, 1e6},
		{"chat.check.ok > 50%", "chat.check.ok", "", CRITERION_GT, CRITERION_RATIO, 0.5},
		{"throughput > 1000/s", "throughput", "", CRITERION_GT, CRITERION_PER_S, 1000},
		{"throughput > 20 RPS", "throughput", "", CRITERION_GT, CRITERION_PER_S, 20},
		{"throughput > 600rpm", "throughput", "", CRITERION_GT, CRITERION_PER_S, 10},
		{"tokens_per_s > 12.5", "tokens_per_s", "", CRITERION_GT, CRITERION_PER_S, 12.5},
		{"completed >= 900", "completed", "", CRITERION_GE, CRITERION_COUNT, 900},
		{"upstream.attempts_per_request <= 1.1", "upstream.attempts_per_request", "", CRITERION_LE, CRITERION_COUNT, 1.1},
		{"gateway.memory.peak < 64MiB", "gateway.memory.peak", "", CRITERION_LT, CRITERION_BYTES, 64.0 * 1048576},
		{"gateway.cpu.mean < 70%", "gateway.cpu.mean", "", CRITERION_LT, CRITERION_RATIO, 0.7},
		{"trust.lost == 0", "trust.lost", "", CRITERION_EQ, CRITERION_COUNT, 0},
		{"latency.p99 / latency.p50 < 1.2", "latency.p99", "latency.p50", CRITERION_LT, CRITERION_COUNT, 1.2},
		{"gateway.memory.peak/gateway.memory.initial < 200%", "gateway.memory.peak", "gateway.memory.initial",
		 CRITERION_LT, CRITERION_COUNT, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct criterion c;
		struct err err = {0};

		if (criterion_parse(cases[i].text, prefixes, &c, &err) != 0)
			fail_msg("%s", err.text);
		assert_string_equal(c.metric, cases[i].metric);
		assert_string_equal(c.divisor, cases[i].divisor);
		assert_int_equal(c.op, cases[i].op);
		assert_int_equal(c.unit, cases[i].unit);
		assert_micro(c.limit, cases[i].limit);
		assert_non_null(strstr(cases[i].text, c.text));
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", "\"\" is no criterion; expected METRIC OP VALUE"},
		{"latency.p95", "is no criterion"},
		{"latency.p95 <", "is no criterion"},
		{"< 5s", "is no criterion"},
		{"latency.p95 = 5s", "is no criterion"},
		{"latency.p95 <\n5s", "is no criterion"},
		{"latency.p95 / < 5s", "is no criterion"},
		{"latency.p95 < 1111111111111111111111111111111111111111s", "is no criterion"},
		{"latncy.p95 < 5s",
		 "no metric latncy.p95, did you mean latency.p95; expected a metric that `toll schema criteria`"},
		{"latency.p96 < 5s", "did you mean latency.p9"},
		{"chat.latncy.p95 < 5s", "no metric chat.latncy.p95, did you mean latency.p95"},
		{"latency < 5s", "latency alone is no metric; expected one of its figures (min, mean, p50"},
		{"caht.latency.p95 < 5s",
		 "no class, stage, tenant, upstream or peer caht here, did you mean chat; expected the name of a class"},
		{"stage.rmap.latency.p95 < 5s",
		 "no class, stage, tenant, upstream or peer stage.rmap here, did you mean stage.ramp"},
		{"chat.gateway.cpu.mean < 5%", "gateway.cpu.mean is a figure of the whole run; expected it without \"chat.\""},
		{"check.a.b == 100%", "no metric check.a.b"},
		{"check. == 100%", "no metric check."},
		{"latency.p95 < 5",
		 "latency.p95 is a time; expected a limit with a unit of time, such as 15s, 1.5ms or 300us, found \"5\""},
		{"latency.p95 < -5s", "found \"-5s\""},
		{"latency.p95 < 64MiB", "latency.p95 is a time"},
		{"success_rate > 95",
		 "success_rate is a ratio; expected a limit such as 99.5%, or a fraction from 0 to 1 such as 0.995"},
		{"success_rate > 15s", "success_rate is a ratio"},
		{"success_rate > inf", "success_rate is a ratio"},
		{"success_rate > 0x1", "success_rate is a ratio"},
		{"throughput > 5s", "throughput is a rate; expected a limit above 0 such as 20/s"},
		{"gateway.memory.peak < 50%", "gateway.memory.peak is a number of bytes; expected a limit such as 64MiB"},
		{"completed >= 90%", "completed is a count; expected a plain number"},
		{"latency.p99 / success_rate < 2",
		 "latency.p99 is a time and success_rate is a ratio; expected two metrics of the same unit"},
		{"peer.LABEL.open.maxx < 5", "no metric peer.LABEL.open.maxx"},
		{"stage.ramp.peer.LABEL.abandoned == 0", "abandoned is a figure of the whole run"},
		{"stage.ramp.peer.other.open.max == 0", "no metric"},
		{"latency.p99 / nothing < 2", "no metric nothing"},
		{"latency.p99 / latency.p50 < 2s",
		 "latency.p99 / latency.p50 has no unit; expected a plain number such as 1.2 or 120%"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct criterion c;
		struct err err = {0};

		assert_int_equal(criterion_parse(cases[i].text, prefixes, &c, &err), -EINVAL);
		if (!strstr(err.text, cases[i].words))
			fail_msg("expected \"%s\" in: %s", cases[i].words, err.text);
	}
}

static void test_prefixes(void **state)
{
	static const char *const classes_only[] = {"chat", NULL};
	struct criterion c;

	(void)state;
	assert_int_equal(criterion_parse("stage.any.latency.p95 < 5s", classes_only, &c, NULL), 0);
	assert_int_equal(criterion_parse("other.latency.p95 < 5s", classes_only, &c, NULL), -EINVAL);
	assert_int_equal(criterion_parse("other.latency.p95 < 5s", NULL, &c, NULL), 0);
	assert_int_equal(criterion_parse("stage.any.latency.p95 < 5s", NULL, &c, NULL), 0);
	assert_int_equal(criterion_parse("other.latncy.p95 < 5s", NULL, &c, NULL), -EINVAL);
	assert_int_equal(criterion_parse("stage.ramp.peer.LABEL.wait.p95 < 5s", prefixes, &c, NULL), 0);
	assert_int_equal(criterion_parse("peer.LABEL.abandoned == 0", prefixes, &c, NULL), 0);
	assert_int_equal(criterion_name_taken("peer"), true);
	assert_int_equal(criterion_name_taken("latency"), true);
	assert_int_equal(criterion_name_taken("gateway"), true);
	assert_int_equal(criterion_name_taken("stage"), true);
	assert_int_equal(criterion_name_taken("chat"), false);
	assert_int_equal(criterion_name_taken("lat"), false);
}

/* --- judging -------------------------------------------------------------------------------------------------------------- */

static int lookup(void *ctx, const char *metric, double *value, const char **reason)
{
	(void)ctx;
	if (strcmp(metric, "latency.p95") == 0)
		*value = 2e9;
	else if (strcmp(metric, "latency.p50") == 0)
		*value = 1e9;
	else if (strcmp(metric, "latency.min") == 0)
		*value = 0;
	else if (strcmp(metric, "success_rate") == 0)
		*value = 1;
	else if (strcmp(metric, "latency.mean") == 0)
		*value = NAN;
	else {
		*reason = "no probes";
		return -ENODATA;
	}
	return 0;
}

static void test_judge(void **state)
{
	static const struct {
		const char *text;
		enum criterion_verdict verdict;
		const char *reason;
	} cases[] = {
		{"latency.p95 < 2s", CRITERION_MISSED, NULL},
		{"latency.p95 <= 2s", CRITERION_MET, NULL},
		{"latency.p95 > 2s", CRITERION_MISSED, NULL},
		{"latency.p95 >= 2s", CRITERION_MET, NULL},
		{"latency.p95 == 2s", CRITERION_MET, NULL},
		{"latency.p95 == 1s", CRITERION_MISSED, NULL},
		{"success_rate == 100%", CRITERION_MET, NULL},
		{"latency.p95 / latency.p50 <= 2", CRITERION_MET, NULL},
		{"latency.p95 / latency.p50 < 200%", CRITERION_MISSED, NULL},
		{"latency.p95 / latency.min < 2", CRITERION_NOT_MEASURED, "its divisor was measured as 0"},
		{"latency.p95 / toll.p50 < 2", CRITERION_NOT_MEASURED, "no probes"},
		{"toll.p50 / latency.p95 < 2", CRITERION_NOT_MEASURED, "no probes"},
		{"toll.p95 < 20ms", CRITERION_NOT_MEASURED, "no probes"},
		{"latency.mean < 20ms", CRITERION_NOT_MEASURED, "the figure is not a number"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct criterion c;
		const char *reason;
		double value;

		assert_int_equal(criterion_parse(cases[i].text, prefixes, &c, NULL), 0);
		assert_int_equal(criterion_judge(&c, lookup, NULL, &value, &reason), cases[i].verdict);
		if (cases[i].reason)
			assert_string_equal(reason, cases[i].reason);
		else
			assert_null(reason);
	}
}

/* --- the list of metrics -------------------------------------------------------------------------------------------------- */

struct listing {
	unsigned rows, metrics;
};

static void parse_one(struct listing *l, const char *name, enum criterion_unit unit)
{
	static const char *const limit[] = {[CRITERION_NS] = "1ms",
					    [CRITERION_RATIO] = "1%",
					    [CRITERION_BYTES] = "1MiB",
					    [CRITERION_PER_S] = "1/s",
					    [CRITERION_COUNT] = "1"};
	char text[160];
	struct criterion c;
	struct err err = {0};

	snprintf(text, sizeof(text), "%s < %s", name, limit[unit]);
	if (criterion_parse(text, prefixes, &c, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(c.unit, unit);
	l->metrics++;
}

/* Every listed metric parses with a limit of the listed unit; families "name.{a, b}" are opened. */
static void take_row(void *ctx, const char *name, enum criterion_unit unit, const char *meaning)
{
	struct listing *l = ctx;
	const char *brace = strchr(name, '{');
	char members[96], one[96];

	l->rows++;
	assert_string_not_equal(meaning, "");
	if (!brace) {
		parse_one(l, name, unit);
		return;
	}
	snprintf(members, sizeof(members), "%s", brace + 1);
	members[strcspn(members, "}")] = '\0';
	for (char *save = NULL, *m = strtok_r(members, ", ", &save); m; m = strtok_r(NULL, ", ", &save)) {
		snprintf(one, sizeof(one), "%.*s%s", (int)(brace - name), name, m);
		parse_one(l, one, unit);
	}
}

static void test_metrics_listed(void **state)
{
	struct listing l = {0};

	(void)state;
	criterion_metrics(take_row, &l);
	assert_in_range(l.rows, 40, 150);
	assert_in_range(l.metrics, 200, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),           cmocka_unit_test(test_bad),
		cmocka_unit_test(test_prefixes),       cmocka_unit_test(test_judge),
		cmocka_unit_test(test_metrics_listed),
	};

	return cmocka_run_group_tests_name("criteria", tests, NULL, NULL);
}
