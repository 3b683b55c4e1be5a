// rooms: base scenario tests/support/plan_text
// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/plan_text.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static const char everything[] =
	"name: family/all\n"
	"id: PERF_LOAD_ALL_001\n"
	"answers: >\n  Does every key arrive\n  where it belongs?\n"
	"seed: 42\n"
	"model: a-model\n"
	"warmup: 2s\n"
	"classes:\n"
	"  plain: {weight: 70, prompt: 4kB, max_tokens: 30, temperature: 0.1, timeout: 5s, body_pause: 30ms,\n"
	"          expect_status: [200, 429], fixed_prompt: true,\n"
	"          checks: [{name: a, status: 200}, {name: b, json: x.0.y}, {name: c, not_empty: data},\n"
	"                   {name: d, json: object, equals: list}, {name: e, within: 100ms}]}\n"
	"  streams: {endpoint: messages, stream: true, weight: 20}\n"
	"  vectors: {endpoint: embeddings, batch: 8}\n"
	"  models: {endpoint: models}\n"
	"  health: {endpoint: health}\n"
	"stages:\n"
	"  - {name: up, vus: 0..50, for: 30s, think: 1s, classes: [plain, streams]}\n"
	"  - {rate: 1000/m, requests: 7}\n"
	"  - {name: open, rate: 10..200.5, arrival: poisson, in_flight: 9, for: 1m}\n"
	"criteria:\n"
	"  - plain.latency.p95  <= 1.5s\n"
	"  - stage.up.error_rate < 1%\n"
	"  - check.d == 100%\n"
	"abort_when: error_rate > 50%\n"
	"provider: {service_time: 'lognormal(20ms, 80ms)', first_token_time: 5ms, inter_token_time: 'exponential( 1ms )',\n"
	"           tokens: 20, pause: 30ms, head_pause: 10ms, head_early: true}\n";

static void test_every_key(void **state)
{
	struct plan *p = plan_text_good(everything, NULL);

	(void)state;
	assert_string_equal(p->name, "family/all");
	assert_string_equal(p->id, "PERF_LOAD_ALL_001");
	assert_string_equal(p->answers, "Does every key arrive where it belongs?");
	assert_string_equal(p->model, "a-model");
	assert_int_equal(p->seed, 42);
	assert_int_equal(p->warmup_ns, 2 * S);
	assert_int_equal(p->criteria, 3);
	assert_string_equal(p->criterion[0], "plain.latency.p95  <= 1.5s");
	assert_string_equal(p->abort_when, "error_rate > 50%");
	assert_string_equal(p->provider[0].service_time, "lognormal(20ms, 80ms)");
	assert_string_equal(p->provider[0].first_token_time, "5ms");
	assert_string_equal(p->provider[0].inter_token_time, "exponential( 1ms )");
	assert_int_equal(p->provider[0].tokens, 20);
	assert_int_equal(p->provider[0].pause_ns, 30 * MS);
	assert_int_equal(p->provider[0].head_pause_ns, 10 * MS);
	assert_int_equal(p->provider[0].head_early, true);
	plan_free(p);
}

static void test_classes(void **state)
{
	struct plan *p = plan_text_good(everything, NULL);
	const struct plan_class *c = &p->class_[0];

	(void)state;
	assert_int_equal(p->classes, 5);
	assert_string_equal(c->name, "plain");
	assert_int_equal(c->endpoint, PLAN_CHAT);
	assert_float_equal(c->weight, 70, 0);
	assert_int_equal(c->fixed_prompt, true);
	assert_int_equal(c->prompt_bytes, 4000);
	assert_int_equal(c->max_tokens, 30);
	assert_float_equal(c->temperature, 0.1, 0);
	assert_int_equal(c->timeout_ns, 5 * S);
	assert_int_equal(c->body_pause_ns, 30 * MS);
	assert_int_equal(c->expect_status[0], 200);
	assert_int_equal(c->expect_status[1], 429);
	assert_int_equal(c->expect_status[2], 0);
	assert_int_equal(c->checks, 5);
	assert_int_equal(c->check[0].kind, PLAN_CHECK_STATUS);
	assert_int_equal(c->check[0].number, 200);
	assert_int_equal(c->check[1].kind, PLAN_CHECK_JSON);
	assert_string_equal(c->check[1].path, "x.0.y");
	assert_int_equal(c->check[2].kind, PLAN_CHECK_NOT_EMPTY);
	assert_string_equal(c->check[2].path, "data");
	assert_int_equal(c->check[3].kind, PLAN_CHECK_EQUALS);
	assert_string_equal(c->check[3].path, "object");
	assert_string_equal(c->check[3].text, "list");
	assert_int_equal(c->check[4].kind, PLAN_CHECK_WITHIN);
	assert_int_equal(c->check[4].number, 100 * MS);
	assert_int_equal(p->class_[1].endpoint, PLAN_MESSAGES);
	assert_int_equal(p->class_[1].stream, true);
	assert_int_equal(p->class_[1].fixed_prompt, false);
	assert_int_equal(p->class_[1].checks, 0);
	assert_int_equal(p->class_[2].batch, 8);
	assert_int_equal(p->class_[3].endpoint, PLAN_MODELS);
	assert_int_equal(p->class_[4].endpoint, PLAN_HEALTH);
	plan_free(p);
}

static void test_stages(void **state)
{
	struct plan *p = plan_text_good(everything, NULL);

	(void)state;
	assert_int_equal(p->stages, 3);
	assert_string_equal(p->stage[0].name, "up");
	assert_int_equal(p->stage[0].loop, PLAN_CLOSED);
	assert_float_equal(p->stage[0].from, 0, 0);
	assert_float_equal(p->stage[0].to, 50, 0);
	assert_int_equal(p->stage[0].duration_ns, 30 * S);
	assert_int_equal(p->stage[0].think_ns, S);
	assert_int_equal(p->stage[0].classes, 3);
	assert_string_equal(p->stage[1].name, "2");
	assert_int_equal(p->stage[1].loop, PLAN_OPEN);
	assert_int_equal(p->stage[1].arrival, PLAN_CONSTANT);
	assert_int_equal(lround(p->stage[1].from * 6e6), 100000000); /* 1000/60 */
	assert_int_equal(p->stage[1].requests, 7);
	assert_int_equal(p->stage[1].duration_ns, 0);
	assert_int_equal(p->stage[1].in_flight_max, 1000);
	assert_int_equal(p->stage[1].classes, 0);
	assert_int_equal(p->stage[2].arrival, PLAN_POISSON);
	assert_float_equal(p->stage[2].to, 200.5, 0);
	assert_int_equal(p->stage[2].in_flight_max, 9);
	assert_int_equal(plan_duration_ns(p), 90 * S);
	plan_free(p);
}

static void test_defaults_and_environment(void **state)
{
	struct plan *p = plan_text_good(GOOD_CLASSES GOOD_STAGES, NULL);

	(void)state;
	assert_int_equal(strncmp(p->name, "toll-plan-", 10), 0);
	assert_string_equal(p->model, "gpt-3.5-turbo");
	assert_int_equal(p->class_[0].max_tokens, 100);
	assert_float_equal(p->class_[0].temperature, 0.7, 0);
	assert_float_equal(p->class_[0].weight, 1, 0);
	assert_int_equal(p->class_[0].timeout_ns, 60 * S);
	plan_free(p);
	setenv("MODEL", "mine", 1);
	setenv("MAX_TOKENS", "7", 1);
	setenv("TEMPERATURE", "0", 1);
	p = plan_text_good(GOOD_CLASSES GOOD_STAGES, NULL);
	assert_string_equal(p->model, "mine");
	assert_int_equal(p->class_[0].max_tokens, 7);
	assert_float_equal(p->class_[0].temperature, 0, 0);
	plan_free(p);
	setenv("MAX_TOKENS", "many", 1);
	plan_text_error(GOOD_CLASSES GOOD_STAGES, NULL, NULL,
			"MAX_TOKENS: expected a number of tokens from 1 to 1000000, found \"many\"");
	unsetenv("MAX_TOKENS");
	setenv("TEMPERATURE", "nan", 1);
	plan_text_error(GOOD_CLASSES GOOD_STAGES, NULL, NULL, "TEMPERATURE: expected a number from 0 to 2, found \"nan\"");
	unsetenv("TEMPERATURE");
	unsetenv("MODEL");
}

/* --- errors --------------------------------------------------------------------------------------------------------------- */

static const struct bad {
	const char *text, *place, *words;
} bad_files[] = {
	{"", "1: ", "empty"},
	{"name: [", "", "not valid YAML"},
	{"a: b\nc: d: e\n", "2: ", "not valid YAML: mapping values are not allowed"},
	{GOOD_CLASSES "\xff\xfe: 1\n", "3: ", "not valid YAML"},
	{"just text\n", "1: ", "expected a mapping, found \"just text\""},
	{GOOD_CLASSES GOOD_STAGES "---\nname: second\n", "5: ", "second document"},
	{GOOD_STAGES, "1: ", "classes is missing"},
	{GOOD_CLASSES, "1: ", "stages is missing"},
	{GOOD_CLASSES GOOD_STAGES "warmpu: 2s\n", "5: warmpu: ", "unknown key; did you mean warmup?"},
	{GOOD_CLASSES GOOD_STAGES "zzzzzzzzz: 2s\n", "5: zzzzzzzzz: ", "expected one of name, id"},
	{GOOD_CLASSES GOOD_STAGES "seed: 1\nseed: 2\n", "6: seed: ", "given twice"},
	{GOOD_CLASSES GOOD_STAGES "? [a]\n: 1\n", "6: ", "unknown key"},
	{GOOD_CLASSES GOOD_STAGES "seed: -1\n", "5: seed: ", "expected a whole number, 0 or more, found \"-1\""},
	{GOOD_CLASSES GOOD_STAGES "time_scale: 0\n", "5: time_scale: ", "expected a factor above 0"},
	{GOOD_CLASSES GOOD_STAGES "time_scale: .inf\n", "5: time_scale: ", "expected a factor above 0"},
	{GOOD_CLASSES GOOD_STAGES "warmup: 2\n", "5: warmup: ", "expected a duration with a unit such as 10s, found \"2\""},
	{GOOD_CLASSES GOOD_STAGES "warmup: -2s\n", "5: warmup: ", "found \"-2s\""},
	{GOOD_CLASSES GOOD_STAGES "warmup: 3s\n", "5: warmup: ", "less than the stages take"},
	{GOOD_CLASSES GOOD_STAGES "name: {a: b}\n", "5: name: ", "expected a name such as gateway/smoke, found a mapping"},
	{GOOD_CLASSES GOOD_STAGES "answers: \"a\\eb\"\n", "5: answers: ", "control character"},
	{GOOD_CLASSES GOOD_STAGES "model: \"a\\0b\"\n", "5: model: ", "found \"a NUL byte\""},
	{GOOD_CLASSES GOOD_STAGES "model: 0123456789012345678901234567890123456789012345678901234567890123456789\n",
	 "5: model: ", "at most 63 bytes, found 70"},
	{"classes: []\n" GOOD_STAGES, "1: classes: ", "found a list"},
	{"classes: {}\n" GOOD_STAGES, "1: classes: ", "at least one class"},
	{"classes:\n  a: {endpoint: chatt}\n" GOOD_STAGES,
	 "2: classes.a.endpoint: ", "expected chat, embeddings, models, health or messages, found \"chatt\""},
	{"classes:\n  a: {weight: 0}\n" GOOD_STAGES, "2: classes.a.weight: ", "a weight above 0"},
	{"classes:\n  a: {weight: -1}\n" GOOD_STAGES, "2: classes.a.weight: ", "a weight above 0"},
	{"classes:\n  a: {weight: 0x10}\n" GOOD_STAGES, "2: classes.a.weight: ", "a weight above 0"},
	{"classes:\n  a: {stream: yes}\n" GOOD_STAGES, "2: classes.a.stream: ", "expected true or false, found \"yes\""},
	{"classes:\n  a:\n    prompt: 200X\n" GOOD_STAGES, "3: classes.a.prompt: ", "a size from 1B to 16MiB"},
	{"classes:\n  a: {prompt: 1GB}\n" GOOD_STAGES, "2: classes.a.prompt: ", "a size from 1B to 16MiB"},
	{"classes:\n  a: {max_tokens: 0}\n" GOOD_STAGES, "2: classes.a.max_tokens: ", "from 1 to 1000000"},
	{"classes:\n  a: {max_tokens: 1.5}\n" GOOD_STAGES, "2: classes.a.max_tokens: ", "from 1 to 1000000"},
	{"classes:\n  a: {temperature: 3}\n" GOOD_STAGES, "2: classes.a.temperature: ", "from 0 to 2"},
	{"classes:\n  a: {timeout: 0s}\n" GOOD_STAGES, "2: classes.a.timeout: ", "from 1ms to 24h"},
	{"classes:\n  a: {endpoint: embeddings, batch: 9999}\n" GOOD_STAGES, "2: classes.a.batch: ", "from 1 to 2048"},
	{"classes:\n  a: {batch: 2}\n" GOOD_STAGES, "2: classes.a: ", "batch does not apply to endpoint chat"},
	{"classes:\n  a: {endpoint: models, prompt: 2B}\n" GOOD_STAGES,
	 "2: classes.a: ", "prompt does not apply to endpoint models"},
	{"classes:\n  a: {expect_status: 200}\n" GOOD_STAGES, "2: classes.a.expect_status: ", "a list of HTTP statuses"},
	{"classes:\n  a: {expect_status: [200, 42]}\n" GOOD_STAGES, "2: classes.a.expect_status[1]: ", "from 100 to 599"},
	{"classes:\n  a: {expect_status: [200,201,202,203,204,205,206,207]}\n" GOOD_STAGES,
	 "2: classes.a.expect_status[7]: ", "at most 7"},
	{"classes:\n  a: {checks: [{status: 200}]}\n" GOOD_STAGES, "2: classes.a.checks[0]: ", "name is missing"},
	{"classes:\n  a: {checks: [{name: x}]}\n" GOOD_STAGES,
	 "2: classes.a.checks[0]: ", "expected exactly one of status, json"},
	{"classes:\n  a: {checks: [{name: x, status: 200, json: a}]}\n" GOOD_STAGES,
	 "2: classes.a.checks[0]: ", "exactly one of"},
	{"classes:\n  a: {checks: [{name: x, equals: a}]}\n" GOOD_STAGES, "2: classes.a.checks[0]: ", "exactly one of"},
	{"classes:\n  a: {checks: [{name: x.y, status: 200}]}\n" GOOD_STAGES, "2: classes.a.checks[0].name: ", "letters, digits"},
	{"classes:\n  a: {checks: [{name: x, status: 200}, {name: x, json: b}]}\n" GOOD_STAGES,
	 "2: classes.a.checks[1]: ", "a second check named x"},
	{"classes:\n  a.b: {}\n" GOOD_STAGES, "2: classes.a.b: ", "a name of letters, digits, - and _"},
	{"classes:\n  latency: {}\n" GOOD_STAGES, "2: classes.latency: ", "no metric begins with"},
	{"classes:\n  gateway: {}\n" GOOD_STAGES, "2: classes.gateway: ", "no metric"},
	{"classes:\n  stage: {}\n" GOOD_STAGES, "2: classes.stage: ", "no metric"},
	{"classes:\n  a: {}\n  a: {}\n" GOOD_STAGES, "3: classes.a: ", "given twice"},
	{GOOD_CLASSES "stages: {}\n", "3: stages: ", "expected a list of stages"},
	{GOOD_CLASSES "stages: []\n", "3: stages: ", "at least one stage"},
	{GOOD_CLASSES "stages: [{vus: 0, for: 1s}]\n", "3: stages: ", "vus or rate above 0"},
	{GOOD_CLASSES "stages:\n  - {vus: 1, for: 1s}\n  - {for: 1s}\n", "5: stages[1]: ", "vus or rate is missing"},
	{GOOD_CLASSES "stages: [{vus: 1}]\n", "3: stages[0]: ", "for or requests is missing"},
	{GOOD_CLASSES "stages: [{vus: 1, rate: 1, for: 1s}]\n", "3: stages[0]: ", "both vus and rate"},
	{GOOD_CLASSES "stages: [{vus: 1.5, for: 1s}]\n", "3: stages[0].vus: ", "a number of virtual users"},
	{GOOD_CLASSES "stages: [{vus: 0..., for: 1s}]\n", "3: stages[0].vus: ", "a number of virtual users"},
	{GOOD_CLASSES "stages: [{vus: 100001, for: 1s}]\n", "3: stages[0].vus: ", "up to 100000"},
	{GOOD_CLASSES "stages: [{rate: fast, for: 1s}]\n", "3: stages[0].rate: ", "requests per second"},
	{GOOD_CLASSES "stages: [{rate: 1..-5, for: 1s}]\n", "3: stages[0].rate: ", "requests per second"},
	{GOOD_CLASSES "stages: [{rate: 2000000, for: 1s}]\n", "3: stages[0].rate: ", "up to 1000000"},
	{GOOD_CLASSES "stages: [{rate: 5, arrival: uniform, for: 1s}]\n", "3: stages[0].arrival: ", "constant or poisson"},
	{GOOD_CLASSES "stages: [{rate: 5, for: 10}]\n",
	 "3: stages[0].for: ", "a duration with a unit from 1ms to 720h, such as 30s or 5m, found \"10\""},
	{GOOD_CLASSES "stages: [{rate: 5, for: -10s}]\n", "3: stages[0].for: ", "found \"-10s\""},
	{GOOD_CLASSES "stages: [{rate: 5, for: 0s}]\n", "3: stages[0].for: ", "found \"0s\""},
	{GOOD_CLASSES "stages: [{rate: 5, for: 9999h}]\n", "3: stages[0].for: ", "found \"9999h\""},
	{GOOD_CLASSES "stages: [{rate: 5, requests: 0}]\n", "3: stages[0].requests: ", "1 or more"},
	{GOOD_CLASSES "stages: [{rate: 5, for: 1s, in_flight: 0}]\n", "3: stages[0].in_flight: ", "from 1 to 100000"},
	{GOOD_CLASSES "stages: [{rate: 5, for: 1s, think: 1s}]\n", "3: stages[0]: ", "think does not apply"},
	{GOOD_CLASSES "stages: [{vus: 5, for: 1s, in_flight: 1}]\n", "3: stages[0]: ", "in_flight does not apply"},
	{GOOD_CLASSES "stages: [{vus: 5, for: 1s, arrival: poisson}]\n", "3: stages[0]: ", "arrival does not apply"},
	{GOOD_CLASSES "stages: [{vus: 0..5, requests: 5}]\n", "3: stages[0]: ", "for is missing"},
	{GOOD_CLASSES "stages: [{vus: 0, requests: 5}]\n", "3: stages[0]: ", "no load"},
	{GOOD_CLASSES "stages: [{vus: 5, for: 1s, classes: []}]\n", "3: stages[0].classes: ", "a list of class names"},
	{GOOD_CLASSES "stages: [{vus: 5, for: 1s, classes: [chat, caht]}]\n",
	 "3: stages[0].classes[1]: ", "the name of a class under classes:, found \"caht\""},
	{GOOD_CLASSES "stages: [{vus: 5, for: 1s, name: x}, {vus: 5, for: 1s, name: x}]\n",
	 "3: stages[1]: ", "a second stage named x"},
	{GOOD_CLASSES GOOD_STAGES "criteria: latency.p95 < 1s\n", "5: criteria: ", "a list of criteria"},
	{GOOD_CLASSES GOOD_STAGES "criteria:\n  - latency.p95 < 1s\n  - latency.p95 < 64MiB\n",
	 "7: criteria[1]: ", "latency.p95 is a time; expected a limit with a unit of time"},
	{GOOD_CLASSES GOOD_STAGES "criteria: [{a: b}]\n", "5: criteria[0]: ", "expected a criterion such as"},
	{GOOD_CLASSES GOOD_STAGES "criteria: [caht.latency.p95 < 1s]\n", "5: criteria[0]: ", "did you mean chat"},
	{GOOD_CLASSES GOOD_STAGES "criteria: [stage.2.latency.p95 < 1s]\n",
	 "5: criteria[0]: ", "no class, stage, tenant, upstream or peer stage.2"},
	{GOOD_CLASSES GOOD_STAGES "criteria: [check.ok == 100%]\n", "5: criteria[0]: ", "a check that no class makes"},
	{GOOD_CLASSES GOOD_STAGES "abort_when: error_rate > 50\n", "5: abort_when: ", "a ratio; expected a limit such as 99.5%"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 20}\n",
	 "5: provider.service_time: ", "lognormal(MEDIAN,P99), uniform"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'lognormal(80ms,20ms)'}\n",
	 "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'lognormal(20ms)'}\n",
	 "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'exponential(1ms,2ms)'}\n",
	 "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'pareto(1ms,2ms)'}\n",
	 "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'uniform(1,2)'}\n",
	 "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'uniform(1ms,2ms)x'}\n",
	 "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {service_time: 'file:'}\n", "5: provider.service_time: ", "expected a duration"},
	{GOOD_CLASSES GOOD_STAGES "provider: {latency: 20ms}\n", "5: provider.latency: ", "unknown key"},
	{GOOD_CLASSES GOOD_STAGES "provider: {pause: 20}\n", "5: provider.pause: ", "a duration with a unit"},
	{GOOD_CLASSES GOOD_STAGES "quick: 5\n", "5: quick: ", "expected a mapping of keys"},
	{GOOD_CLASSES GOOD_STAGES "quick: {seed: x}\n", "5: quick.seed: ", "with the quick: block applied"},
	{GOOD_CLASSES GOOD_STAGES "quick: {sede: 1}\n", "5: quick.sede: ", "did you mean seed?"},
	{GOOD_CLASSES GOOD_STAGES "quick: {quick: {}}\n", "5: quick.quick: ", "no quick: inside quick:"},
	{GOOD_CLASSES "stages: [{name: x, vus: 1, for: 9s}]\nwarmup: 2s\nquick:\n  stages: [{vus: 1, for: 1s}]\n",
	 "4: warmup: ", "with the quick: block applied"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++)
		plan_text_error(bad_files[i].text, NULL, bad_files[i].place, bad_files[i].words);
}

/* count copies of item between head and tail, each with its number for an @ */
static char *repeat(const char *head, const char *item, unsigned count, const char *tail)
{
	size_t size = strlen(head) + strlen(tail) + count * (strlen(item) + 12) + 1, used;
	char *text = malloc(size);
	const char *at = strchr(item, '@');

	assert_non_null(text);
	used = (size_t)snprintf(text, size, "%s", head);
	for (unsigned i = 0; i < count; i++) {
		if (!at)
			used += (size_t)snprintf(text + used, size - used, "%s", item);
		else
			used += (size_t)snprintf(text + used, size - used, "%.*s%u%s", (int)(at - item), item, i, at + 1);
	}
	snprintf(text + used, size - used, "%s", tail);
	return text;
}

static void assert_bound(const char *head, const char *item, unsigned most, const char *tail, const char *words)
{
	char *good = repeat(head, item, most, tail), *bad = repeat(head, item, most + 1, tail);

	plan_free(plan_text_good(good, NULL));
	plan_text_error(bad, NULL, "", words);
	free(good);
	free(bad);
}

static void test_bounds(void **state)
{
	(void)state;
	assert_bound("classes:\n", "  c@: {}\n", PLAN_CLASSES_MAX, GOOD_STAGES, "classes.c16: expected at most 16 classes");
	assert_bound(GOOD_CLASSES "stages:\n", "  - {name: s@, vus: 1, for: 1s}\n", PLAN_STAGES_MAX, "",
		     "stages[64]: expected at most 64 stages");
	assert_bound(GOOD_CLASSES GOOD_STAGES "criteria:\n", "  - latency.p95 < @s\n", PLAN_CRITERIA_MAX, "",
		     "criteria[48]: expected at most 48 criteria");
	assert_bound("classes:\n  a:\n    checks:\n", "      - {name: k@, status: 200}\n", PLAN_CHECKS_MAX, GOOD_STAGES,
		     "classes.a.checks[8]: expected at most 8 checks");
}

static void test_file_size(void **state)
{
	char *good = repeat(GOOD_CLASSES GOOD_STAGES, "# 12345\n", 100000, ""),
	     *bad = repeat(GOOD_CLASSES GOOD_STAGES, "# 12345\n", 140000, "");

	(void)state;
	plan_free(plan_text_good(good, NULL));
	plan_text_error(bad, NULL, NULL, "larger than 1 MiB");
	free(good);
	free(bad);
}

/* As much of it as a file may hold, which libyaml alone would not be done with in minutes; the file of a recipe is read by the same rule. */
static void test_deep_nesting(void **state)
{
	char *deep = repeat("name: ", "[", 1000000, ""),
	     *flat = repeat(GOOD_CLASSES GOOD_STAGES "x: &a [", "b, ", 1000, "]\ny: [*a, *a]\n");

	(void)state;
	plan_text_error(deep, NULL, "1: ", "more than 32 deep");
	plan_text_error(flat, NULL, "5: x: ", "unknown key");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "criteria: &a [*a]\n", NULL, "5: ", "");
	free(deep);
	free(flat);
}

static int clear_environment(void **state)
{
	(void)state;
	return unsetenv("MODEL") || unsetenv("MAX_TOKENS") || unsetenv("TEMPERATURE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key), cmocka_unit_test(test_classes),
		cmocka_unit_test(test_stages),    cmocka_unit_test(test_defaults_and_environment),
		cmocka_unit_test(test_errors),    cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_file_size), cmocka_unit_test(test_deep_nesting),
	};

	return cmocka_run_group_tests_name("plan", tests, clear_environment, NULL);
}
