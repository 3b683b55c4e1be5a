// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "report/build.h"
#include "report/formats.h"
#include "report/merge.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

#define PARTS 3
#define REQUESTS 3000

static const char *const criteria[] = {"success_rate >= 95%", "toll.p99 < 1us", "chat.latency.p95 < 100ms",
				       "trust.coverage > 99%", "stage.hold.success_rate > 99.9%"};
static const char *const names[] = {"a.json", "b.json", "c.json"};

static json_t *part_build(unsigned part, unsigned parts)
{
	struct report_fixture f;

	report_fixture_init_part(&f, REQUESTS, part, parts);
	f.in.criterion = criteria;
	f.in.criteria = sizeof(criteria) / sizeof(*criteria);
	f.in.duration_s = 30; /* as its sets say */
	f.in.due = REQUESTS / parts;
	/* a driver each, and a gateway each */
	snprintf(f.in.machine.hostname, sizeof(f.in.machine.hostname), "lab-%u", part);
	json_t *doc = report_build(&f.in);
	assert_non_null(doc);
	report_fixture_fini(&f);
	return doc;
}

static json_t *merge_ok(json_t *const *part, unsigned n, bool one_after_another)
{
	struct merge_options options = {.one_after_another = one_after_another};
	struct err err = {0};
	json_t *doc;

	if (report_merge((const json_t *const *)part, names, n, &options, &doc, &err))
		fail_msg("%s", err.text);
	assert_fits_schema(doc, report_schema());
	return doc;
}

static const json_t *at(const json_t *doc, const char *path)
{
	char key[64];

	while (doc && *path) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		doc = json_is_array(doc) ? json_array_get(doc, strtoul(key, NULL, 10)) : json_object_get(doc, key);
		path += n + (path[n] == '.');
	}
	return doc;
}

static void assert_equal_at(const json_t *a, const json_t *b, const char *path)
{
	char *x = json_dumps(at(a, path), JSON_ENCODE_ANY | JSON_SORT_KEYS),
	     *y = json_dumps(at(b, path), JSON_ENCODE_ANY | JSON_SORT_KEYS);

	if (!x || !y || strcmp(x, y))
		fail_msg("%s: %.300s, expected %.300s", path, x ? x : "absent", y ? y : "absent");
	free(x);
	free(y);
}

/* Whatever is made from counts and histograms is the same as if one driver had done it all. */
static void test_parts_are_the_whole(void **state)
{
	static const char *const same[] = {"latency",
					   "service",
					   "lateness",
					   "toll",
					   "joined_latency",
					   "phases",
					   "streams",
					   "requests.sent",
					   "requests.ok",
					   "requests.errors",
					   "requests.status",
					   "requests.tokens",
					   "requests.rate_per_s",
					   "upstream_turns_per_request",
					   "classes",
					   "stages",
					   "upstreams",
					   "criteria",
					   "verdict",
					   "trust.requests",
					   "trust.joined",
					   "trust.coverage",
					   "trust.unmatched",
					   "trust.driver_lag_p99_ns",
					   "blocks.latency",
					   "blocks.toll",
					   "blocks.ok",
					   "blocks.phase_sum_ns",
					   "blocks.width_ns",
					   "blocks.count",
					   "driver.due",
					   "scenario",
					   "configuration"};
	json_t *part[PARTS], *whole = part_build(0, 1);

	(void)state;
	for (unsigned i = 0; i < PARTS; i++)
		part[i] = part_build(i, PARTS);
	json_t *joined = merge_ok(part, PARTS, false);
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		assert_equal_at(joined, whole, same[i]);
	assert_int_equal(json_array_size(at(joined, "hosts")), PARTS);
	assert_string_equal(json_string_value(at(joined, "hosts.2.machine.hostname")), "lab-2");
	assert_null(at(joined, "machine.hostname"));
	assert_null(at(joined, "series"));
	assert_non_null(at(joined, "not_measured.series"));
	/* three gateways, each with 0.31 of a core */
	assert_float_equal(json_number_value(at(joined, "gateway.cpu_cores.mean")), 0.93, 1e-9);
	json_decref(joined);
	json_decref(whole);
	for (unsigned i = 0; i < PARTS; i++)
		json_decref(part[i]);
}

/* In whatever order and grouping: (a + b) + c is a + (b + c). */
static void test_joined_results_can_be_joined(void **state)
{
	json_t *part[PARTS], *left[2], *right[2];

	(void)state;
	for (unsigned i = 0; i < PARTS; i++)
		part[i] = part_build(i, PARTS);
	left[0] = merge_ok(part, 2, false);
	left[1] = json_incref(part[2]);
	right[0] = json_incref(part[0]);
	right[1] = merge_ok(part + 1, 2, false);
	json_t *a = merge_ok(left, 2, false), *b = merge_ok(right, 2, false);
	assert_equal_at(a, b, "latency");
	assert_equal_at(a, b, "toll");
	assert_equal_at(a, b, "requests");
	assert_equal_at(a, b, "blocks");
	assert_equal_at(a, b, "hosts");
	assert_equal_at(a, b, "criteria");
	json_t *all[] = {a, b, left[0], left[1], right[0], right[1], part[0], part[1], part[2]};
	for (size_t i = 0; i < 9; i++)
		json_decref(all[i]);
}

/* Two drivers of one gateway: its CPU and memory are not counted twice. */
static void test_one_gateway_is_counted_once(void **state)
{
	json_t *part[] = {part_build(0, 2), part_build(1, 2)};

	(void)state;
	json_object_set_new(json_object_get(part[1], "machine"), "hostname", json_string("lab-0"));
	json_t *joined = merge_ok(part, 2, false);
	assert_equal_at(joined, part[0], "gateway.cpu_cores");
	assert_equal_at(joined, part[0], "gateway.memory_bytes");
	json_decref(joined);
	json_decref(part[0]);
	json_decref(part[1]);
}

static json_int_t column_sum(const json_t *column)
{
	json_int_t sum = 0;
	json_t *one;
	size_t i;

	json_array_foreach (column, i, one) {
		sum += json_integer_value(one);
	}
	return sum;
}

/* What blocks hold of a cause is all of it, and two equal results have twice as much of it, in the same shares. */
static void test_causes_are_joined(void **state)
{
	struct report_fixture f;
	struct hist *lock;

	(void)state;
	report_fixture_init_threads(&f, 600);
	json_t *one = report_build(&f.in), *part[] = {one, json_deep_copy(one)};
	report_fixture_fini(&f);
	json_object_set_new(json_object_get(part[1], "machine"), "hostname", json_string("lab-9"));
	assert_int_equal(hist_decode(json_string_value(at(one, "causes.lock.histogram")), &lock), 0);
	assert_int_equal(column_sum(at(one, "blocks.cause_sum_ns.lock")), hist_sum(lock));
	json_t *joined = merge_ok(part, 2, false);
	assert_int_equal(json_integer_value(at(joined, "causes.lock.count")), 2 * hist_count(lock));
	assert_int_equal(column_sum(at(joined, "blocks.cause_sum_ns.lock")), 2 * hist_sum(lock));
	assert_equal_at(joined, one, "causes.lock.share_of_toll");
	assert_equal_at(joined, one, "causes.lock.per_request_ns");
	assert_equal_at(joined, one, "causes_by_phase.process_request.lock.share_of_phase");
	/* twice as many calls of twice as many requests, and threads of one name are one row */
	assert_int_equal(json_integer_value(at(joined, "system_calls.recvfrom.count")),
			 2 * json_integer_value(at(one, "system_calls.recvfrom.count")));
	assert_equal_at(joined, one, "system_calls.recvfrom.p99_ns");
	assert_equal_at(joined, one, "system_calls.recvfrom.per_request");
	assert_equal_at(joined, one, "system_calls.recvfrom.in_toll_per_request_ns");
	assert_int_equal(json_integer_value(at(joined, "system_calls.recvfrom.errors.EAGAIN")),
			 2 * json_integer_value(at(one, "system_calls.recvfrom.errors.EAGAIN")));
	assert_int_equal(json_array_size(at(joined, "threads")), json_array_size(at(one, "threads")));
	assert_int_equal(json_integer_value(at(joined, "threads.0.on_cpu_ns")),
			 2 * json_integer_value(at(one, "threads.0.on_cpu_ns")));
	hist_free(lock);
	json_decref(joined);
	json_decref(part[0]);
	json_decref(part[1]);
}

static json_t *connects(uint64_t ns)
{
	struct hist *h = hist_new();

	for (unsigned i = 0; i < 95; i++)
		assert_int_equal(hist_record(h, ns + i), 0);
	char *text = hist_encode(h);
	json_t *dist = json_pack("{s:s}", "histogram", text);
	hist_free(h);
	free(text);
	return dist;
}

static json_t *sockets_part(uint64_t connect_ns)
{
	return json_pack("{s:{s:i,s:i,s:i,s:i,s:i}, s:{s:{s:s,s:i,s:i,s:i,s:i,s:i,s:f,s:b,s:o,s:{s:i}}}, s:{s:i,s:i}, s:[]}",
			 "accepted", "opened", 2, "connections", 4, "turns", 100, "requests", 100, "retransmits", 0, "upstream",
			 "provider", "address", "127.0.0.1:9000", "opened", 95, "connections", 95, "turns", 100, "requests", 100,
			 "retransmits", 3, "turns_per_connection", 1.0, "opens_per_request", 1, "connect", connects(connect_ns),
			 "failed", "ECONNREFUSED", 1, "sends", "short", 2, "would_block", 1, "findings");
}

/* Counts add up, ratios and sentences are made again from them. */
static void test_sockets_are_joined(void **state)
{
	json_t *part[] = {part_build(0, 2), part_build(1, 2)};

	(void)state;
	json_object_set_new(part[0], "sockets", sockets_part(1000000));
	json_object_set_new(part[1], "sockets", sockets_part(8000000));
	json_object_set_new((json_t *)at(part[1], "sockets.upstream.provider"), "pool", json_pack("{s:i}", "open_max", 9));
	json_t *joined = merge_ok(part, 2, false);
	assert_int_equal(json_integer_value(at(joined, "sockets.upstream.provider.opened")), 190);
	assert_int_equal(json_integer_value(at(joined, "sockets.upstream.provider.failed.ECONNREFUSED")), 2);
	assert_int_equal(json_integer_value(at(joined, "sockets.upstream.provider.connect.count")), 190);
	assert_int_equal(json_integer_value(at(joined, "sockets.upstream.provider.connect.max_ns")), 8000094);
	assert_float_equal(json_number_value(at(joined, "sockets.upstream.provider.opened_per_request")), 0.95, 1e-9);
	assert_float_equal(json_number_value(at(joined, "sockets.accepted.turns_per_connection")), 25, 1e-9);
	assert_int_equal(json_array_size(at(joined, "sockets.findings")), 4);
	assert_null(at(joined, "sockets.upstream.provider.pool"));
	assert_non_null(json_object_get(at(joined, "not_measured"), "sockets.upstream.pool"));
	assert_non_null(strstr(json_string_value(at(joined, "sockets.findings.0")), "190 opened for 200 requests"));
	assert_string_equal(json_string_value(at(joined, "sockets.findings.1")),
			    "connects to provider that failed: ECONNREFUSED 2");
	assert_string_equal(json_string_value(at(joined, "sockets.findings.3")), "sends that found a full buffer: 6");
	json_decref(joined);
	/* two drivers that watched one gateway saw the same sockets */
	json_object_set_new(json_object_get(part[1], "machine"), "hostname", json_string("lab-0"));
	joined = merge_ok(part, 2, false);
	assert_int_equal(json_integer_value(at(joined, "sockets.upstream.provider.opened")), 95);
	json_decref(joined);
	json_decref(part[0]);
	json_decref(part[1]);
}

/* What cannot be joined says so, each with its reason; a leak's verdict stands beside its host. */
static void test_what_is_left_out_says_why(void **state)
{
	json_t *part[] = {part_build(0, 2), part_build(1, 2)};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		json_object_set_new(part[i], "leak",
				    json_pack("{s:s,s:s,s:{},s:{},s:f}", "verdict", i ? "leak" : "no_leak", "gauge", "heap",
					      "gauges", "classes", "bytes_per_request", i ? 64.0 : 0.0));
	for (unsigned i = 0; i < 2; i++) {
		json_object_set_new(part[i], "disconnects",
				    json_pack("{s:i,s:i,s:o}", "clients", 3, "calls", 2, "kept", connects(1000 + 1000 * i)));
		json_object_set_new(part[i], "queue", json_pack("{s:i}", "requests_max", 9));
	}
	json_t *joined = merge_ok(part, 2, false), *value;
	const char *key;
	assert_null(at(joined, "leak"));
	assert_non_null(strstr(json_string_value(at(joined, "not_measured.leak")), "verdict stands in hosts"));
	assert_string_equal(json_string_value(at(joined, "hosts.1.leak.verdict")), "leak");
	assert_float_equal(json_number_value(at(joined, "hosts.1.leak.bytes_per_request")), 64, 1e-9);
	assert_int_equal(json_integer_value(at(joined, "disconnects.clients")), 6);
	assert_int_equal(json_integer_value(at(joined, "disconnects.kept.count")), 190);
	assert_null(at(joined, "queue"));
	/* the worst of both */
	int64_t a = json_integer_value(at(part[0], "exemplars.worst.toll_ns")),
		b = json_integer_value(at(part[1], "exemplars.worst.toll_ns"));
	assert_int_equal(json_integer_value(at(joined, "exemplars.worst.toll_ns")), a > b ? a : b);
	assert_non_null(json_object_get(at(joined, "not_measured"), "exemplars.median"));
	json_object_foreach (part[0], key, value) {
		if (!json_object_get(joined, key) && strcmp(key, "not_measured"))
			assert_string_not_equal(json_string_value(json_object_get(at(joined, "not_measured"), key)),
						"results that were joined do not have it: see each one");
	}
	json_decref(joined);
	json_decref(part[0]);
	json_decref(part[1]);
}

static void test_runs_after_each_other(void **state)
{
	json_t *part[] = {part_build(0, 2), part_build(1, 2)};

	(void)state;
	json_t *joined = merge_ok(part, 2, true);
	assert_float_equal(json_number_value(at(joined, "duration_s")), 60, 1e-6);
	assert_int_equal(json_integer_value(at(joined, "blocks.count")) * (json_integer_value(at(joined, "blocks.width_ns")) /
									   json_integer_value(at(part[0], "blocks.width_ns"))) >=
				 2 * json_integer_value(at(part[0], "blocks.count")),
			 true);
	assert_null(at(joined, "gateway.memory_bytes"));
	json_decref(joined);
	json_decref(part[0]);
	json_decref(part[1]);
}

static void assert_refused(json_t *a, json_t *b, const char *words)
{
	const json_t *const part[] = {a, b};
	struct merge_options options = {0};
	struct err err = {0};
	json_t *doc;

	assert_int_equal(report_merge(part, names, 2, &options, &doc, &err), -EINVAL);
	if (!strstr(err.text, words) || !strstr(err.text, "b.json"))
		fail_msg("\"%s\" lacks \"%s\"", err.text, words);
	assert_null(doc);
}

static void test_what_cannot_be_joined(void **state)
{
	json_t *a = part_build(0, 2), *b = part_build(1, 2);

	(void)state;
	json_object_set_new(b, "scenario", json_string("edge/other"));
	assert_refused(a, b, "different scenarios");
	json_object_set(b, "scenario", json_object_get(a, "scenario"));
	json_object_set_new(b, "schema", json_string("toll.result/2"));
	assert_refused(a, b, "schema");
	json_object_set(b, "schema", json_object_get(a, "schema"));
	json_object_del(json_object_get(b, "classes"), "chat");
	assert_refused(a, b, "other classes");
	json_decref(a);
	json_decref(b);
}

static void test_redacted(void **state)
{
	static const char *const secrets[] = {"lab-0",       "127.0.0.1", "/usr/sbin", "hunter2",
					      "gw.internal", "s3cret",    "pid 12",    "0a1b2c"};
	static const char *const left[] = {"edge/latency-breakdown", "toll.hist/1", "stage.hold.success_rate > 99.9%", "p99_ns",
					   "sleep=1ms@request/2"};
	json_t *doc = part_build(0, 1);

	(void)state;
	json_array_append_new(
		json_object_get(doc, "notes"),
		json_string("first failure: https://bob:hunter2@gw.internal:8443/v1 refused, see /usr/sbin/nginx (lab-0)"));
	json_object_set_new(json_object_get(doc, "gateway"), "url", json_string("https://bob:hunter2@gw.internal:8443/v1"));
	json_object_set_new(json_object_get(doc, "configuration"), "plant", json_string("sleep=1ms@request/2"));
	json_object_set_new(json_object_get(doc, "configuration"), "headers", json_pack("[s]", "X-Key: s3cret"));
	json_object_set_new(json_object_get(doc, "not_measured"), "x",
			    json_string("cannot open /home/bob/x: gw.internal said no"));
	assert_int_equal(report_redact(doc), 0);
	char *text = json_dumps(doc, 0);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (strstr(text, secrets[i]))
			fail_msg("%s is still there: %.80s", secrets[i], strstr(text, secrets[i]));
	json_t *plain = json_loads(text, 0, NULL); /* without JSON's escaped slashes */
	free(text);
	text = json_dumps(plain, 0);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
		if (!strstr(text, left[i]))
			fail_msg("%s is gone", left[i]);
	assert_fits_schema(doc, report_schema());
	free(text);
	json_decref(plain);
	json_decref(doc);
}

/* Every section that tells something in words: a host, a process, a path of the machine, whatever its key. */
static json_t *told_everywhere(void)
{
	json_t *doc = part_build(0, 1);
	const char *const sections[] = {
		"{\"findings\": [{\"cause\": \"idle\", \"phase\": \"process_request\", \"share_of_toll_p99\": 0.5, \"text\": "
		"\"thread io-gw.acme.test (4711) waits for 10.9.8.7:6379\"}]}",
		"{\"busy_threads\": [{\"tid\": 4711, \"name\": \"io-gw.acme.test\", \"ns\": 5}]}",
		"{\"lock_holders\": [{\"tid\": 4712, \"name\": \"log\", \"ns\": 5}]}",
		"{\"threads\": [{\"name\": \"gw.acme.test:443\", \"threads\": 1, \"on_cpu_ns\": 1, \"run_queue_ns\": 1, "
		"\"run_queue_held_by\": {}, \"throttled_ns\": 0, \"blocked_ns\": {}, \"times_off_cpu\": 1}]}",
		"{\"sockets\": {\"upstream\": {\"10.9.8.7:6379\": {\"address\": \"10.9.8.7:6379\", \"opened\": 1}}, "
		"\"findings\": "
		"[\"connects to 10.9.8.7:6379 that failed: ECONNREFUSED 2\"]}}",
		"{\"upstreams\": {\"10.9.8.7:6379\": {\"address\": \"10.9.8.7:6379\", \"turns\": 1}}}",
		"{\"stacks\": {\"samples\": 1, \"cpu_ns\": 1, \"stacks\": 1, \"top_self\": [{\"frame\": \"handler "
		"/srv/acme/app.js:12\", "
		"\"cpu_self_ns\": 1, \"cpu_total_ns\": 1, \"toll_self_ns\": 0, \"toll_total_ns\": 0}], \"top_total\": [], "
		"\"folded\": "
		"[{\"frames\": [\"main\", \"handler /srv/acme/app.js:12\"], \"ns\": 1}]}}",
		"{\"allocator\": {\"functions\": [{\"name\": \"malloc\", \"file\": \"/srv/acme/lib/libjemalloc.so.2\"}]}}",
		"{\"leak\": {\"verdict\": \"leak\", \"gauge\": \"heap\", \"gauges\": {}, \"classes\": {}, \"sites\": "
		"[{\"frames\": "
		"[\"grow /srv/acme/app.js:77\"]}], \"note\": \"process 4711 on gw.acme.test\"}}",
		"{\"hosts\": [{\"machine\": {\"hostname\": \"node7.acme.test\"}, \"gateway_pids\": [4711]}]}",
		"{\"invalid\": \"node7.acme.test could not keep up\"}",
	};

	json_object_set_new(json_object_get(doc, "gateway"), "url", json_string("http://ops:k3y@gw.acme.test:8443/v1"));
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		json_t *section = json_loads(sections[i], 0, NULL);
		assert_non_null(section);
		json_object_update(doc, section);
		json_decref(section);
	}
	json_object_set_new(json_object_get(doc, "not_measured"), "sockets.upstream.10.9.8.7:6379.connect",
			    json_string("gw.acme.test"));
	return doc;
}

/* What a form prints, unpacked. false: the document has nothing for it. */
static bool form_read(const struct report_format *form, const json_t *doc, struct buf *out)
{
	char path[] = "/tmp/toll-unit.XXXXXX", part[4096];
	int fd = mkstemp(path), n;
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	int rc = form->print(doc, f);
	assert_int_equal(fclose(f), 0);
	gzFile in = gzopen(path, "r"); /* reads plain files too */
	assert_non_null(in);
	while ((n = gzread(in, part, sizeof(part))) > 0)
		assert_int_equal(buf_append(out, part, (size_t)n), 0);
	assert_int_equal(gzclose(in), Z_OK);
	assert_int_equal(unlink(path), 0);
	return !rc;
}

/* No form of it tells any of it. */
static void test_no_section_tells(void **state)
{
	static const char *const secrets[] = {"acme", "10.9.8.7", "4711", "4712", "k3y", "ops", "app.js", "libjemalloc"};
	json_t *doc = told_everywhere();
	unsigned forms = 0;

	(void)state;
	assert_int_equal(report_redact(doc), 0);
	assert_non_null(at(doc, "sockets.upstream.upstream-1"));
	assert_non_null(at(doc, "upstreams.upstream-1"));
	/* requests are still told apart */
	assert_string_not_equal(json_string_value(at(doc, "traces.0.id")), json_string_value(at(doc, "traces.1.id")));
	for (const struct report_format *form = report_formats; form->name; form++) {
		struct buf text = {0};

		forms += form_read(form, doc, &text);
		for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
			const char *found = text.data ? memmem(text.data, text.used, secrets[i], strlen(secrets[i])) : NULL;
			if (found)
				fail_msg("%s tells %s: %.60s", form->name, secrets[i], found);
		}
		buf_fini(&text);
	}
	assert_int_equal(forms, 14);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_the_whole),
		cmocka_unit_test(test_joined_results_can_be_joined),
		cmocka_unit_test(test_one_gateway_is_counted_once),
		cmocka_unit_test(test_runs_after_each_other),
		cmocka_unit_test(test_causes_are_joined),
		cmocka_unit_test(test_sockets_are_joined),
		cmocka_unit_test(test_what_is_left_out_says_why),
		cmocka_unit_test(test_what_cannot_be_joined),
		cmocka_unit_test(test_redacted),
		cmocka_unit_test(test_no_section_tells),
	};

	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
