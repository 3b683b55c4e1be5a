// rooms: base scenario tests/support/plan_text
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario/plan_print.h"
#include "tests/support/plan_text.h"
#include "tests/support/test.h"

#define S UINT64_C(1000000000)

/* --- overrides ------------------------------------------------------------------------------------------------------------ */

static const char mixed[] = GOOD_CLASSES "stages:\n"
					 "  - {name: open, rate: 10..30, for: 10s}\n"
					 "  - {name: users, vus: 4, for: 30s, think: 1s}\n"
					 "  - {name: count, vus: 2, requests: 5}\n"
					 "warmup: 4s\n"
					 "criteria: [latency.p95 < 2s, success_rate > 90%, latency.p95 > 1ms]\n"
					 "quick:\n"
					 "  seed: 9\n"
					 "  warmup: 0s\n"
					 "  stages: [{name: users, vus: 1, requests: 3}]\n";

static void test_quick(void **state)
{
	struct plan *p = plan_text_good(mixed, &(struct plan_overrides){.quick = true});

	(void)state;
	assert_int_equal(p->seed, 9);
	assert_int_equal(p->warmup_ns, 0);
	assert_int_equal(p->stages, 1);
	assert_int_equal(p->criteria, 3);
	assert_int_equal(plan_request_count(p), 3);
	assert_int_equal(plan_duration_ns(p), 0);
	plan_free(p);
	p = plan_text_good(mixed, NULL);
	assert_int_equal(p->seed, 1);
	assert_int_equal(p->stages, 3);
	plan_free(p);
	plan_text_error(GOOD_CLASSES GOOD_STAGES, &(struct plan_overrides){.quick = true}, NULL, "has no quick: block");
}

static void test_time_scale(void **state)
{
	struct plan *p = plan_text_good(mixed, &(struct plan_overrides){.time_scale = 0.5});

	(void)state;
	assert_int_equal(p->stage[0].duration_ns, 5 * S);
	assert_int_equal(p->stage[1].duration_ns, 15 * S);
	assert_int_equal(p->stage[1].think_ns, S);
	assert_int_equal(p->stage[2].duration_ns, 0);
	assert_int_equal(p->stage[2].requests, 5);
	assert_int_equal(p->warmup_ns, 2 * S);
	assert_float_equal(p->stage[0].to, 30, 0);
	plan_free(p);
	p = plan_text_good(mixed, &(struct plan_overrides){.duration_ns = 4 * S});
	assert_int_equal(plan_duration_ns(p), 4 * S);
	assert_int_equal(p->stage[0].duration_ns, S);
	assert_int_equal(lround(p->time_scale * 1e12), 100000000000);
	plan_free(p);
	plan_text_error(mixed, &(struct plan_overrides){.quick = true, .duration_ns = S}, NULL, "--duration: the stages of");
	plan_text_error(mixed, &(struct plan_overrides){.time_scale = 1e300}, NULL, "time scale");
}

static void test_load_overrides(void **state)
{
	struct plan *p = plan_text_good(mixed, &(struct plan_overrides){.rate_per_s = 5.5, .vus = 7, .seed = 3});

	(void)state;
	assert_int_equal(p->seed, 3);
	assert_float_equal(p->stage[0].from, 5.5, 0);
	assert_float_equal(p->stage[0].to, 5.5, 0);
	assert_float_equal(p->stage[1].from, 7, 0);
	assert_float_equal(p->stage[2].to, 7, 0);
	plan_free(p);
	p = plan_text_good(GOOD_CLASSES "stages:\n"
					"  - {name: open, rate: 10, for: 10s}\n"
					"  - {name: pause, rate: 0, for: 1s}\n",
			   &(struct plan_overrides){.rate_per_s = 5});
	assert_float_equal(p->stage[0].to, 5, 0);
	assert_float_equal(p->stage[1].to, 0, 0); /* a pause stays one */
	plan_free(p);
	plan_text_error(GOOD_CLASSES GOOD_STAGES, &(struct plan_overrides){.rate_per_s = 5}, NULL, "has only closed-loop stages");
	plan_text_error(GOOD_CLASSES "stages: [{rate: 5, for: 1s}]\n", &(struct plan_overrides){.vus = 5}, NULL,
			"has only open-loop stages");
	plan_text_error(mixed, &(struct plan_overrides){.vus = 200000}, NULL, "at most");
}

static void test_criterion_overrides(void **state)
{
	static const char *const more[] = {"latency.p95 < 9s", "chat.latency.p95 < 9s"};
	static const char *const wrong[] = {"latency.p95 < 9"};
	struct plan *p = plan_text_good(mixed, &(struct plan_overrides){.criterion = more, .criteria = 2});

	(void)state;
	assert_int_equal(p->criteria, 3);
	assert_string_equal(p->criterion[0], "success_rate > 90%");
	assert_string_equal(p->criterion[1], "latency.p95 < 9s");
	assert_string_equal(p->criterion[2], "chat.latency.p95 < 9s");
	plan_free(p);
	plan_text_error(mixed, &(struct plan_overrides){.criterion = wrong, .criteria = 1}, NULL,
			"--criterion: latency.p95 is a time");
}

static void test_request_count(void **state)
{
	struct plan *p = plan_text_good(GOOD_CLASSES "stages: [{rate: 16.67, for: 60s}, {vus: 3, requests: 20}]\n", NULL);

	(void)state;
	assert_int_equal(plan_request_count(p), 1020);
	plan_free(p);
	p = plan_text_good(GOOD_CLASSES "stages: [{rate: 5, for: 60s, requests: 100}, {vus: 0, for: 1s}]\n", NULL);
	assert_int_equal(plan_request_count(p), 100);
	plan_free(p);
	p = plan_text_good(mixed, NULL);
	assert_int_equal(plan_request_count(p), 0);
	plan_free(p);
}

/* --- sources -------------------------------------------------------------------------------------------------------------- */

static void test_unknown_names(void **state)
{
	static const struct {
		const char *source, *words;
	} cases[] = {
		{"gateway/smoek", "did you mean gateway/smoke"},
		{"streaming", "did you mean gateway/streaming"},
		{"../gateway/smoke", "no scenario or file"},
		{"gateways/nginx", "no scenario or file"},
		{"", "no scenario or file"},
		{"/nowhere/x.yaml", "/nowhere/x.yaml: cannot read the scenario"},
		{"/tmp", "/tmp: cannot read the scenario"},
	};
	struct plan *plan;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};

		assert_int_not_equal(plan_load(cases[i].source, NULL, &plan, &err), 0);
		if (!strstr(err.text, cases[i].words))
			fail_msg("expected \"%s\" in: %s", cases[i].words, err.text);
	}
}

static void test_no_share(void **state)
{
	struct err err = {0};
	struct plan *plan;

	(void)state;
	setenv("TOLL_SHARE", "/nowhere", 1);
	assert_int_not_equal(plan_load("gateway/smoke", NULL, &plan, &err), 0);
	setenv("TOLL_SHARE", ".", 1);
	assert_non_null(strstr(err.text, "gateway/smoke"));
}

static const char piped[] = "name: family/piped\n" GOOD_CLASSES GOOD_STAGES;

static void test_standard_input(void **state)
{
	int saved = dup(STDIN_FILENO), ends[2];
	struct plan *plan = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], piped, strlen(piped)), strlen(piped));
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(plan_load("-", NULL, &plan, &err), 0);
	assert_string_equal(plan->name, "family/piped");
	plan_free(plan);
	/* at its end now: an empty scenario */
	assert_int_equal(plan_load("-", NULL, &plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "standard input:1: "));
	dup2(saved, STDIN_FILENO);
	close(saved);
}

struct listed {
	unsigned count;
	char last[PLAN_NAME_MAX];
};

/* Every scenario that is shipped: loads as it is and with --quick, names itself as its file, says what it answers, prints. */
static int check_listed(void *ctx, const struct plan *plan)
{
	const struct plan_overrides quick = {.quick = true};
	struct listed *listed = ctx;
	char path[PLAN_NAME_MAX + 32], *text = NULL;
	struct err err = {0};
	struct plan *short_;
	size_t bytes;
	FILE *out;

	snprintf(path, sizeof(path), "./scenarios/%s.yaml", plan->name);
	assert_string_equal(plan->path, path);
	assert_string_not_equal(plan->answers, "");
	assert_int_not_equal(plan->criteria, 0);
	assert_int_equal(strcmp(listed->last, plan->name) < 0, 1);
	if (plan_load(plan->name, &quick, &short_, &err) != 0)
		fail_msg("%s", err.text);
	assert_in_range(plan_duration_ns(short_), 0, 10 * S);
	out = open_memstream(&text, &bytes);
	assert_non_null(out);
	assert_int_equal(plan_print(short_, out), 0);
	fclose(out);
	assert_non_null(strstr(text, short_->class_[0].name));
	assert_non_null(strstr(text, short_->criterion[0]));
	free(text);
	plan_free(short_);
	listed->count++;
	snprintf(listed->last, sizeof(listed->last), "%s", plan->name);
	return 0;
}

static void test_shipped_scenarios(void **state)
{
	struct listed listed = {0};
	struct err err = {0};

	(void)state;
	if (plan_list(check_listed, &listed, &err) != 0)
		fail_msg("%s", err.text);
	assert_in_range(listed.count, 6, 1000);
}

static int ignore_plan(void *ctx, const struct plan *plan)
{
	(void)plan;
	++*(unsigned *)ctx;
	return 0;
}

static void test_broken_listed(void **state)
{
	char dir[] = "/tmp/toll-share-XXXXXX", path[64];
	unsigned good = 0;
	struct err err = {0};
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "mkdir -p %s/scenarios/gateways", dir);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/scenarios/a.yaml", dir);
	f = fopen(path, "w");
	fputs("name: a\n", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/scenarios/b.yaml", dir);
	f = fopen(path, "w");
	fputs(GOOD_CLASSES GOOD_STAGES, f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/scenarios/gateways/c.yaml", dir);
	f = fopen(path, "w");
	fclose(f);
	setenv("TOLL_SHARE", dir, 1);
	assert_int_equal(plan_list(ignore_plan, &good, &err), -EINVAL);
	setenv("TOLL_SHARE", ".", 1);
	assert_int_equal(good, 1);
	assert_non_null(strstr(err.text, "1 scenario cannot be read, the first: "));
	assert_non_null(strstr(err.text, "a.yaml:1: classes is missing"));
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_time_scale),
		cmocka_unit_test(test_load_overrides),
		cmocka_unit_test(test_criterion_overrides),
		cmocka_unit_test(test_request_count),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_no_share),
		cmocka_unit_test(test_standard_input),
		cmocka_unit_test(test_shipped_scenarios),
		cmocka_unit_test(test_broken_listed),
	};

	return cmocka_run_group_tests_name("plan use", tests, plan_text_share, NULL);
}
