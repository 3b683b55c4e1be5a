// rooms: base leak record scenario/criteria scenario/metrics timeline attribution report session/run_meta session/run_meta_json scenario/fault
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/run_meta.h"
#include "tests/support/test.h"

static void fill(struct run_meta *m)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->command, sizeof(m->command), "run");
	snprintf(m->scenario, sizeof(m->scenario), "gateway/smoke");
	m->open_loop = m->provider_is_ours = m->ended = m->complete = true;
	m->start_ns = UINT64_C(123456789012345678);
	m->warmup_ns = 10;
	m->probe_cpu_known = true;
	m->probe_cpu_share = 0.021;
	m->due = 60000;
	m->driver_threads = 2;
	snprintf(m->machine.cpu, sizeof(m->machine.cpu), "A CPU \"with\" quotes");
	m->machine.cores = 64;
	m->classes = PLAN_CLASSES_MAX;
	for (uint32_t i = 0; i < m->classes; i++) {
		snprintf(m->class_[i].name, sizeof(m->class_[i].name), "class-%u", i);
		snprintf(m->class_[i].endpoint, sizeof(m->class_[i].endpoint), "chat");
		m->class_[i].stream = i % 2;
		m->class_[i].checks = i % (PLAN_CHECKS_MAX + 1);
		for (uint32_t k = 0; k < m->class_[i].checks; k++)
			snprintf(m->class_[i].check[k], sizeof(m->class_[i].check[k]), "check-%u", k);
	}
	m->stages = PLAN_STAGES_MAX;
	for (uint32_t i = 0; i < m->stages; i++) {
		snprintf(m->stage[i].name, sizeof(m->stage[i].name), "stage-%u", i);
		m->stage[i].duration_ns = i;
	}
	m->peers = 1;
	m->peer[0] = (struct run_meta_peer){"db", "127.0.0.1:5432", {true, 1, 2, 3, 4, 5, 6}};
	m->criteria = 1;
	snprintf(m->criterion[0], sizeof(m->criterion[0]), "toll.p99 < 1ms");
	m->gateway.known = m->gateway.cpu_measured = true;
	snprintf(m->gateway.exe, sizeof(m->gateway.exe), "/usr/bin/\xc3\xbcser");
	m->gateway.pid[0] = 4194303;
	m->gateway.pids = 1;
	m->gateway.cpu_cores_mean = 0.3125;
	m->plants = 1;
	snprintf(m->plant[0].text, sizeof(m->plant[0].text), "sleep=1ms@request");
	m->plant[0].truth_p50_ns = 1056000;
	m->notes = 1;
	snprintf(m->note[0], sizeof(m->note[0]), "a note");
	m->configuration = json_pack("{s:i}", "rate", 2000);
}

static void test_round_trip(void **state)
{
	struct run_meta *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	struct err err = {0};

	(void)state;
	fill(a);
	char *text = run_meta_encode(a);
	assert_non_null(text);
	assert_int_equal(run_meta_decode(text, strlen(text), b, &err), 0);
	assert_true(json_equal(a->configuration, b->configuration));
	json_decref(b->configuration);
	b->configuration = a->configuration;
	assert_memory_equal(a, b, sizeof(*a));
	b->configuration = NULL;
	run_meta_fini(a);
	run_meta_fini(b);
	free(text);
	free(a);
	free(b);
}

static void assert_refused(const char *field, json_t *value, const char *words)
{
	struct run_meta *m = calloc(1, sizeof(*m));
	struct err err = {0};

	fill(m);
	char *text = run_meta_encode(m);
	run_meta_fini(m);
	json_t *doc = json_loads(text, 0, NULL);
	free(text);
	if (value)
		json_object_set_new(doc, field, value);
	else
		json_object_del(doc, field);
	text = json_dumps(doc, 0);
	json_decref(doc);
	assert_int_equal(run_meta_decode(text, strlen(text), m, &err), -EPROTO);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" lacks \"%s\"", err.text, words);
	assert_null(m->configuration);
	free(text);
	free(m);
}

static json_t *array_of(unsigned n, json_t *item)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append(array, item);
	json_decref(item);
	return array;
}

static void test_defects_are_named(void **state)
{
	struct run_meta *m = calloc(1, sizeof(*m));
	struct err err = {0};
	char longer[PLAN_NAME_MAX + 1];

	(void)state;
	assert_int_equal(run_meta_decode("{", 1, m, &err), -EPROTO);
	free(m);
	memset(longer, 'x', PLAN_NAME_MAX);
	longer[PLAN_NAME_MAX] = 0;
	assert_refused("scenario", json_string(longer), "scenario");
	assert_refused("scenario", json_integer(1), "scenario");
	assert_refused("warmup_ns", json_integer(-1), "warmup_ns");
	assert_refused("driver_threads", json_integer(5000000000), "driver_threads");
	assert_refused("attach", NULL, "attach");
	assert_refused("classes", array_of(PLAN_CLASSES_MAX + 1, json_object()), "classes");
	assert_refused("classes", array_of(1, json_object()), "name");
	assert_refused("criteria", array_of(PLAN_CRITERIA_MAX + 1, json_string("x")), "criteria");
	assert_refused("criteria", array_of(1, json_null()), "criteria");
	assert_refused("notes", json_string("x"), "notes");
	assert_refused("machine", NULL, "machine");
	assert_refused("gateway", json_array(), "gateway");
	assert_refused("scenario", json_stringn("a\0b", 3), "no JSON");
}

static void test_from_plan(void **state)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct run_meta *m = calloc(1, sizeof(*m));

	(void)state;
	snprintf(plan->name, sizeof(plan->name), "gateway/baseline");
	plan->warmup_ns = 7;
	plan->classes = 1;
	snprintf(plan->class_[0].name, sizeof(plan->class_[0].name), "chat");
	plan->class_[0].endpoint = PLAN_MESSAGES;
	plan->class_[0].stream = true;
	plan->class_[0].checks = 1;
	snprintf(plan->class_[0].check[0].name, sizeof(plan->class_[0].check[0].name), "valid");
	plan->stages = 2;
	plan->stage[1].loop = PLAN_OPEN;
	plan->criteria = 1;
	snprintf(plan->criterion[0], sizeof(plan->criterion[0]), "error_rate < 5%%");
	assert_int_equal(run_meta_from_plan(m, plan), 0);
	assert_string_equal(m->scenario, "gateway/baseline");
	assert_string_equal(m->class_[0].endpoint, "messages");
	assert_string_equal(m->class_[0].check[0], "valid");
	assert_true(m->open_loop);
	assert_false(m->attach);
	assert_int_equal(m->stages, 2);
	assert_true(m->machine.kernel[0] != 0);
	assert_non_null(json_object_get(m->configuration, "seed"));
	run_meta_fini(m);
	assert_int_equal(run_meta_from_plan(m, NULL), 0);
	assert_true(m->attach);
	assert_string_equal(m->command, "attach");
	run_meta_fini(m);
	free(m);
	free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_defects_are_named),
		cmocka_unit_test(test_from_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
