// rooms: base scenario tests/support/plan_text
// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario/plan_cost.h"
#include "tests/support/plan_text.h"
#include "tests/support/test.h"

static struct plan_cost cost_of(const char *text, const char *prices)
{
	struct plan *p = plan_text_good(text, NULL);
	struct err err = {0};
	struct plan_cost cost;

	if (plan_cost(p, prices, &cost, &err))
		fail_msg("%s", err.text);
	plan_free(p);
	return cost;
}

static void test_counts(void **state)
{
	struct plan_cost cost = cost_of("model: gpt-3.5-turbo\n"
					"classes:\n"
					"  chat: {weight: 3, prompt: 400B, max_tokens: 50}\n"
					"  vectors: {endpoint: embeddings, prompt: 40B, batch: 10}\n"
					"stages:\n"
					"  - {rate: 10, for: 10s}\n"
					"  - {vus: 2, requests: 100, classes: [chat]}\n"
					"  - {vus: 0, for: 1s}\n",
					NULL);

	(void)state;
	assert_true(cost.bounded);
	assert_float_equal(cost.requests, 200, 1e-6);
	assert_float_equal(cost.prompt_tokens, 200 * 100, 1e-6);
	assert_float_equal(cost.completion_tokens, (75 + 100) * 50, 1e-6);
	assert_true(cost.priced);
	assert_int_equal((int)(cost.dollars * 1e6 + 0.5), 23125);
}

static void test_users(void **state)
{
	struct plan_cost cost = cost_of(GOOD_CLASSES "stages: [{vus: 4, for: 10s, think: 1s}]\n", NULL);

	(void)state;
	assert_true(cost.bounded);
	assert_float_equal(cost.requests, 44, 1e-6);
	cost = cost_of(GOOD_CLASSES "stages: [{vus: 4, for: 10s}]\n", NULL);
	assert_false(cost.bounded);
	assert_float_equal(cost.requests, 0, 0);
	assert_false(cost_of("model: nobody-knows\n" GOOD_CLASSES GOOD_STAGES, NULL).priced);
}

static void test_tables(void **state)
{
	static const char *const texts[] = {"m: {input: -1}\n", "m: {input: 1, ouptut: 2}\n", "m: [1]\n", "m: {input: 1e9}\n"};
	struct plan *p = plan_text_good("model: m\n" GOOD_CLASSES "stages: [{vus: 1, requests: 9}]\n", NULL);
	struct plan_cost cost;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char path[] = "/tmp/toll-prices-XXXXXX";
		struct err err = {0};
		int fd = mkstemp(path);

		assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		close(fd);
		assert_int_not_equal(plan_cost(p, path, &cost, &err), 0);
		assert_non_null(strstr(err.text, ":1: m"));
		unlink(path);
	}
	assert_int_not_equal(plan_cost(p, "/no/such/table", &cost, NULL), 0);
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, plan_text_share, NULL);
}
