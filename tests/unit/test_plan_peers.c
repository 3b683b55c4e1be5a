// rooms: base scenario tests/support/plan_text
// SPDX-License-Identifier: GPL-2.0-only
/* Providers, their faults, tenants and the embedded gateway's settings. */
#include <stdlib.h>
#include <string.h>

#include "scenario/arrival.h"
#include "tests/support/plan_text.h"
#include "tests/support/test.h"

#define S UINT64_C(1000000000)

static void test_providers(void **state)
{
	struct plan *p =
		plan_text_good(GOOD_CLASSES GOOD_STAGES "provider: {service_time: 7ms, tokens: 3}\n"
							"providers:\n"
							"  bedrock: {faults: [\"error=503,from=1s,until=2s\", hang]}\n"
							"  openai: {service_time: 9ms}\n"
							"criteria: [upstream.bedrock.breaker.opened >= 1, failover.count > 0]\n"
							"gateway: {retries: 2, cache: \"yes\"}\n",
			       &(struct plan_overrides){.time_scale = 2});

	(void)state;
	assert_int_equal(p->providers, 2);
	assert_string_equal(p->provider[0].label, "bedrock");
	assert_string_equal(p->provider[0].service_time, "7ms");
	assert_int_equal(p->provider[0].faults, 2);
	assert_int_equal(p->provider[0].fault[0].from_ns, 2 * S);
	assert_int_equal(p->provider[0].fault[0].until_ns, 4 * S);
	assert_int_equal(p->provider[0].fault[1].until_ns, UINT64_MAX);
	assert_string_equal(p->provider[1].service_time, "9ms");
	assert_int_equal(p->provider[1].tokens, 3);
	assert_int_equal(p->provider[1].faults, 0);
	assert_int_equal(p->settings, 2);
	assert_string_equal(p->setting[1].name, "cache");
	assert_string_equal(p->setting[1].value, "yes");
	plan_free(p);
	p = plan_text_good(GOOD_CLASSES GOOD_STAGES, NULL);
	assert_int_equal(p->providers, 1);
	assert_string_equal(p->provider[0].label, "provider");
	plan_free(p);
}

#define TENANTS "tenants: {heavy: {weight: 80}, light: {key: abc, weight: 20}}\n"

static void test_tenants(void **state)
{
	struct plan *p = plan_text_good(GOOD_CLASSES TENANTS
					"stages:\n"
					"  - {name: alone, vus: 1, for: 1s, tenants: [light]}\n"
					"  - {name: both, vus: 1, for: 1s}\n"
					"criteria: [tenant.light.latency.p99 / tenant.light.alone.latency.p99 < 1.2]\n",
					NULL);
	unsigned light = 0;
	struct rng rng;

	(void)state;
	assert_int_equal(p->tenants, 2);
	assert_string_equal(p->tenant[0].key, "key-heavy");
	assert_string_equal(p->tenant[1].key, "abc");
	assert_int_equal(p->stage[0].tenants, 2);
	assert_int_equal(p->stage[1].tenants, 0);
	rng_init(&rng, 1, 1);
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(arrival_tenant(p, 0, &rng), 1);
		light += arrival_tenant(p, 1, &rng);
	}
	assert_in_range(light, 1800, 2200);
	plan_free(p);
}

static void test_peers(void **state)
{
	struct plan *p = plan_text_good(GOOD_CLASSES GOOD_STAGES
					"tenants: {a: {quota: 90/m}, b: {}}\n"
					"peers: {cache: redis, db: postgresql, billing: http, search: \"[::1]:8081\"}\n"
					"criteria: [peer.db.open.max <= 5, stage.1.peer.search.exhausted < 1%]\n",
					NULL);

	(void)state;
	assert_true(p->tenant[0].quota_per_s == 1.5);
	assert_true(p->tenant[1].quota_per_s == 0.0);
	assert_int_equal(p->peers, 4);
	assert_int_equal(p->peer[0].kind, PLAN_PEER_REDIS);
	assert_int_equal(p->peer[1].kind, PLAN_PEER_POSTGRESQL);
	assert_string_equal(p->peer[1].label, "db");
	assert_int_equal(p->peer[2].kind, PLAN_PEER_BILLING);
	assert_int_equal(p->peer[3].kind, PLAN_PEER_ADDRESS);
	assert_string_equal(p->peer[3].address, "[::1]:8081");
	plan_free(p);
}

static void test_errors(void **state)
{
	(void)state;
	plan_text_error(GOOD_CLASSES GOOD_STAGES "peers: {db: redis}\n", NULL, "5: peers.db", "db: postgresql");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "peers: {x: \"127.0.0.1:70000\"}\n", NULL, "5: peers.x", "127.0.0.1:5432");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "peers: {cache: redis, cache: redis}\n", NULL, "5: peers", "given twice");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "tenants:\n  a: {quota: many}\n", NULL, "6: tenants.a.quota", "100/s");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "criteria: [peer.db.open.max < 5]\n", NULL, "5: criteria[0]", "peer.db here");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "providers: {}\n", NULL, "5: providers", "mapping of labels");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "providers:\n  a b: {}\n", NULL, "6", "letters, digits");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "provider:\n  faults: [eror=1]\n", NULL, "6: provider.faults[0]",
			"expected error=STATUS");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "provider:\n  faults: [{a: b}]\n", NULL, "6: provider.faults[0]",
			"a fault such as");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "tenants:\n  a: {weight: 0}\n", NULL, "6: tenants.a.weight", "a weight above 0");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "tenants:\n  a: {key: \"x y\"}\n", NULL, "6: tenants.a", "without a blank");
	plan_text_error(GOOD_CLASSES TENANTS "stages:\n  - {vus: 1, for: 1s, tenants: [ligth]}\n", NULL,
			"5: stages[0].tenants[0]", "the name of a tenant");
	plan_text_error(GOOD_CLASSES TENANTS GOOD_STAGES "criteria: [tenant.x.latency.p99 < 1s]\n", NULL, "6: criteria[0]",
			"no class, stage, tenant");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "criteria: [upstream.provider.latency.p99 < 1s]\n", NULL, "5: criteria[0]",
			"no metric");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "criteria: [breaker.opened == 0]\n", NULL, "5: criteria[0]", "no metric");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "gateway: {retries: [1]}\n", NULL, "5: gateway.retries", "a value");
}

static int count(void *ctx, const char *name)
{
	unsigned *n = ctx;

	assert_int_equal(strncmp(name, "model-api/", 10), 0);
	++*n;
	return 0;
}

static void test_families(void **state)
{
	struct err err = {0};
	struct plan *p;
	unsigned n = 0;

	(void)state;
	assert_int_equal(plan_family("model-api/", count, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_not_equal(plan_family("no-such/", count, &n, &err), 0);
	assert_non_null(strstr(err.text, "no-such/"));
	assert_int_equal(plan_load("model-api", NULL, &p, &err), 0);
	assert_string_equal(p->name, "model-api/standard");
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_providers), cmocka_unit_test(test_tenants),  cmocka_unit_test(test_peers),
		cmocka_unit_test(test_errors),    cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, plan_text_share, NULL);
}
