// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input tests/support/wires
// SPDX-License-Identifier: GPL-2.0-only
/* The report's section on the gateway's sockets, and the criteria that speak of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "report/build.h"
#include "report/criteria_lookup.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"
#include "tests/support/wires.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)
#define CONNECTIONS 12

static void feed(void *ctx, const void *record, uint32_t bytes)
{
	(void)bytes;
	assert_int_equal(sockets_wire(ctx, record), 0);
}

/* A connection for each turn to one peer, refused connects to another, a send that found its buffer full. */
static struct sockets *sockets_made(bool calls)
{
	struct sockets *s = sockets_new();
	struct wire_connect_failed f = {.h = {WIRE_KIND_CONNECT_FAILED, sizeof(f), 0, S},
					.role = WIRE_ROLE_GATEWAY,
					.peer_port = 1,
					.err = ECONNREFUSED,
					.peer_addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	struct wire_syscalls c = {.h = {WIRE_KIND_SYSCALLS, sizeof(c), 0, S}, .count = 1};

	for (uint16_t i = 0; i < CONNECTIONS; i++) {
		const struct tuple_text t = {"127.0.0.1", (uint16_t)(50000 + i), "127.0.0.1", 9999};
		struct end e = {.feed = feed, .ctx = s};

		end_open(&e, NULL, 10 + i, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &t, 1, S, S + 40000);
		end_mark(&e, WIRE_LANE_OUT, 100, S + MS, 7);
		end_mark(&e, WIRE_LANE_IN, 100, S + 2 * MS, 0);
		end_mark(&e, WIRE_LANE_READ, 100, S + 2 * MS + 9000, 7);
		end_turn(&e, 0);
		end_close(&e, S + 3 * MS);
	}
	assert_int_equal(sockets_wire(s, &f), 0);
	c.call[0] = (struct wire_syscall){.enter_ns = S, .nr = SYS_sendto, .flags = WIRE_SYSCALL_SHORT};
	if (calls)
		assert_int_equal(sockets_wire(s, &c), 0);
	assert_int_equal(sockets_finish(s), 0);
	return s;
}

static void test_document(void **state)
{
	(void)state;
	struct report_fixture f;
	struct sockets *s = sockets_made(true);

	report_fixture_init(&f, 100);
	f.in.sockets = s;
	json_t *doc = report_build(&f.in);
	assert_non_null(doc);
	assert_fits_schema(doc, report_schema());
	const json_t *sockets = json_object_get(doc, "sockets");
	const json_t *peer = json_object_get(json_object_get(sockets, "upstream"), "127.0.0.1:9999");
	assert_int_equal(json_integer_value(json_object_get(peer, "opened")), CONNECTIONS);
	assert_true(json_is_true(json_object_get(peer, "opens_per_request")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(peer, "unread"), "max_ns")), 9000);
	const json_t *refused = json_object_get(json_object_get(sockets, "upstream"), "127.0.0.1:1");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(refused, "failed"), "ECONNREFUSED")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(sockets, "sends"), "short")), 1);
	assert_null(json_object_get(json_object_get(sockets, "sends"), "blocked")); /* those probes were off */
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "sockets.sends.blocked"));
	assert_int_equal(json_array_size(json_object_get(sockets, "findings")), 3);
	json_decref(doc);
	sockets_free(s);
	report_fixture_fini(&f);
}

static void test_text(void **state)
{
	(void)state;
	struct report_fixture f;
	struct sockets *s = sockets_made(false);
	char *text = NULL;
	size_t size;

	report_fixture_init(&f, 100);
	f.in.sockets = s;
	json_t *doc = report_build(&f.in);
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(report_print_text(doc, out, false), 0);
	fclose(out);
	assert_non_null(strstr(text, "\nSOCKETS "));
	assert_non_null(strstr(text, "opens a connection to 127.0.0.1:9999 for each request: 12 opened for 12 turns"));
	assert_non_null(strstr(text, "connects to 127.0.0.1:1 that failed: ECONNREFUSED 1"));
	assert_non_null(
		strstr(json_string_value(json_object_get(json_object_get(doc, "not_measured"), "sockets.sends")), "were off"));
	free(text);
	json_decref(doc);
	sockets_free(s);
	report_fixture_fini(&f);
}

static void test_no_probes(void **state)
{
	(void)state;
	struct report_fixture f;

	report_fixture_init(&f, 100);
	report_fixture_no_probes(&f);
	json_t *doc = report_build(&f.in);
	assert_null(json_object_get(doc, "sockets"));
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "sockets"));
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_criteria(void **state)
{
	(void)state;
	static const struct {
		const char *metric;
		double value;
	} rows[] = {{"upstream.turns_per_connection", 1},
		    {"upstream.connects_failed", 1},
		    {"upstream.connect.max", 40000},
		    {"upstream.unread.max", 9000}};
	struct report_fixture f;
	struct sockets *s = sockets_made(false);
	struct criteria_value v;

	report_fixture_init(&f, 100);
	f.in.sockets = s;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(criteria_lookup(&f.in, rows[i].metric, &v), 0);
		assert_true(v.value == rows[i].value);
	}
	assert_int_equal(criteria_lookup(&f.in, "upstream.opened_per_request", &v), -ENODATA);
	assert_int_equal(criteria_lookup(&f.in, "upstream.attempts_per_request", &v), 0);
	f.in.sockets = NULL;
	assert_int_equal(criteria_lookup(&f.in, "upstream.connects_failed", &v), -ENODATA);
	assert_non_null(strstr(v.reason, "not followed"));
	sockets_free(s);
	report_fixture_fini(&f);
}

static void feed_both(void *ctx, const void *record, uint32_t bytes)
{
	struct report_input *in = ctx;

	(void)bytes;
	assert_int_equal(sockets_wire((struct sockets *)(uintptr_t)in->sockets, record), 0);
	assert_int_equal(pools_wire((struct pools *)(uintptr_t)in->pools, record), 0);
}

/* Of two connections to a peer one is forgotten before the other is opened. */
static void pool_fill(struct report_input *in)
{
	struct pools *pools = (struct pools *)(uintptr_t)in->pools;

	pools_start(pools, S);
	for (uint16_t i = 0; i < 2; i++) {
		const struct tuple_text t = {"127.0.0.1", (uint16_t)(50000 + i), "127.0.0.1", 5432};
		struct end e = {.feed = feed_both, .ctx = in};
		uint64_t at_ns = S + 2 * S * i;

		end_open(&e, NULL, 10 + i, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &t, 1, at_ns, at_ns + 40000);
		end_mark(&e, WIRE_LANE_OUT, 100, at_ns + S, 7);
		end_mark(&e, WIRE_LANE_IN, 100, at_ns + S + 100 * MS, 0);
		end_mark(&e, WIRE_LANE_READ, 100, at_ns + S + 100 * MS, 7);
		end_turn(&e, 0);
	}
	assert_int_equal(pools_tick(pools, 6 * S), 0);
	assert_int_equal(pools_finish(pools), 0);
}

/* How many of two are free, when one is forgotten? */
static void exhaustion_untold(const struct report_input *in, const json_t *doc, const json_t *pool)
{
	struct criteria_value v;

	assert_int_equal(criteria_lookup(in, "peer.db.exhausted", &v), -ENODATA);
	assert_non_null(strstr(v.reason, "forgotten"));
	assert_null(json_object_get(pool, "exhausted"));
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "sockets.upstream.db.pool.exhausted"));
}

/* Of the whole run, and of a stage that sees only the second answer. */
static void test_pool(void **state)
{
	static const struct {
		const char *metric;
		double value;
	} rows[] = {{"peer.db.open.max", 2},        {"peer.db.open.end", 2},        {"peer.db.busy.max", 1},
		    {"peer.db.abandoned", 1},       {"peer.db.backlog.max", 0},     {"peer.db.cpu.cores", 0.25},
		    {"peer.db.memory.peak", 1700},  {"peer.db.memory.growth", 0.5}, {"peer.db.opened", 2},
		    {"peer.db.failed", 0},          {"peer.db.turns", 2},           {"stage.S.peer.db.open.max", 2},
		    {"stage.S.peer.db.busy.max", 1}};
	const struct report_peer peer = {.label = "db",
					 .addr = {[10] = 0xff, 0xff, 127, 0, 0, 1},
					 .port = 5432,
					 .process = {true, S / 2, 2 * S, 1000, 1700, 1500, 3}};
	struct report_fixture f;
	struct criteria_value v;
	char metric[120], *text = NULL;
	size_t size;

	(void)state;
	report_fixture_init(&f, 100);
	f.in.sockets = sockets_new();
	f.in.pools = pools_new();
	f.in.peer = &peer;
	f.in.peers = 1;
	f.in.stage[0].from_ns = 3 * S;
	f.in.stage[0].to_ns = 5 * S;
	pool_fill(&f.in);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *stage = strstr(rows[i].metric, ".S.");

		snprintf(metric, sizeof(metric), "%s%s%s", stage ? "stage." : "", stage ? f.in.stage[0].name : rows[i].metric,
			 stage ? stage + 2 : "");
		assert_int_equal(criteria_lookup(&f.in, metric, &v), 0);
		assert_true(v.value == rows[i].value);
	}
	snprintf(metric, sizeof(metric), "stage.%s.peer.db.wait.p50", f.in.stage[0].name);
	assert_int_equal(criteria_lookup(&f.in, metric, &v), 0);
	assert_in_range((uint64_t)v.value, 98 * MS, 102 * MS);
	assert_int_equal(criteria_lookup(&f.in, "peer.cache.open.max", &v), -ENODATA);
	assert_non_null(strstr(v.reason, "no peer of that label"));
	json_t *doc = report_build(&f.in);
	assert_fits_schema(doc, report_schema());
	const json_t *row = json_object_get(json_object_get(json_object_get(doc, "sockets"), "upstream"), "db");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(row, "pool"), "abandoned")), 1);
	exhaustion_untold(&f.in, doc, json_object_get(row, "pool"));
	const json_t *open = json_object_get(json_object_get(json_object_get(row, "pool"), "series"), "open");
	assert_int_equal(json_array_size(open), 100);
	assert_int_equal(json_integer_value(json_array_get(open, 10)), 1);
	assert_int_equal(json_integer_value(json_array_get(open, 99)), 2);
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(report_print_text(doc, out, false), 0);
	fclose(out);
	assert_non_null(strstr(text, "connections to db that lie there unused while others were opened: 1"));
	free(text);
	json_decref(doc);
	sockets_free((struct sockets *)(uintptr_t)f.in.sockets);
	pools_free((struct pools *)(uintptr_t)f.in.pools);
	report_fixture_fini(&f);
}

/* A connection that is kept for all requests may be exhausted, and never was; one for each request is no pool. */
static void test_exhausted(void **state)
{
	const struct report_peer peer = {.label = "db", .addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = 5432};

	(void)state;
	for (unsigned each = 0; each < 2; each++) {
		struct report_fixture f;
		struct criteria_value v;
		struct end e = {.feed = feed_both};

		report_fixture_init(&f, 100);
		f.in.sockets = sockets_new();
		f.in.pools = pools_new();
		f.in.peer = &peer;
		f.in.peers = 1;
		e.ctx = &f.in;
		pools_start((struct pools *)(uintptr_t)f.in.pools, S);
		for (unsigned i = 0; i < CONNECTIONS; i++) {
			const struct tuple_text t = {"127.0.0.1", (uint16_t)(50000 + i), "127.0.0.1", 5432};
			uint64_t at_ns = S + 20 * MS * i;

			if (each || !i)
				end_open(&e, NULL, 10 + i, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &t, 1, at_ns, at_ns + 40000);
			end_mark(&e, WIRE_LANE_OUT, 100, at_ns + MS, 7);
			end_mark(&e, WIRE_LANE_IN, 100, at_ns + 10 * MS, 0);
			end_mark(&e, WIRE_LANE_READ, 100, at_ns + 10 * MS, 7);
			end_turn(&e, 0);
			if (each)
				end_close(&e, at_ns + 15 * MS);
		}
		assert_int_equal(criteria_lookup(&f.in, "peer.db.exhausted", &v), each ? -ENODATA : 0);
		if (each)
			assert_non_null(strstr(v.reason, "for each request"));
		else
			assert_true(v.value == 0);
		assert_int_equal(criteria_lookup(&f.in, "peer.db.open.max", &v), 0);
		assert_true(v.value == 1);
		sockets_free((struct sockets *)(uintptr_t)f.in.sockets);
		pools_free((struct pools *)(uintptr_t)f.in.pools);
		report_fixture_fini(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document), cmocka_unit_test(test_text), cmocka_unit_test(test_no_probes),
		cmocka_unit_test(test_criteria), cmocka_unit_test(test_pool), cmocka_unit_test(test_exhausted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
