// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report session/gaps session/pipeline session/pipeline_ends session/pipeline_fill session/replay
// rooms: session/run_meta session/run_meta_json scenario/fault
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/build.h"
#include "report/merge.h"
#include "session/pipeline.h"
#include "session/replay.h"
#include "tests/support/test.h"

#define REQUESTS 1000u
#define WARMUP 100u
#define STREAM_EVERY 10u
#define EVENTS 8u
#define EVENT_BYTES 30u
#define REQUEST_BYTES 200u
#define ANSWER_BYTES 400u
#define HEAD_BYTES 60u
#define START_NS (UINT64_C(5000) * NS_PER_S)
#define GAP_NS (20 * NS_PER_US)

enum { DRIVER = 101, INBOUND = 102, UPSTREAM = 103, PROVIDER = 104 };

static char directory[] = "/tmp/toll-replay-XXXXXX";

static const char *path_of(char buf[128], const char *name)
{
	snprintf(buf, 128, "%s/%s", directory, name);
	return buf;
}

/* --- a run, made by hand -------------------------------------------------------------------------------------------------------- */

static void meta_make(struct run_meta *m)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->command, sizeof(m->command), "run");
	snprintf(m->scenario, sizeof(m->scenario), "edge/latency-breakdown");
	m->provider_is_ours = true;
	m->open_loop = true;
	m->start_ns = START_NS;
	m->start_unix_s = 1795319402;
	m->warmup_ns = WARMUP * NS_PER_MS;
	snprintf(m->machine.hostname, sizeof(m->machine.hostname), "lab-3");
	m->machine.cores = 2;
	m->classes = 2;
	snprintf(m->class_[0].name, sizeof(m->class_[0].name), "plain");
	snprintf(m->class_[1].name, sizeof(m->class_[1].name), "streamed");
	m->class_[1].stream = true;
	m->stages = 1;
	snprintf(m->stage[0].name, sizeof(m->stage[0].name), "hold");
	m->stage[0].duration_ns = (REQUESTS - WARMUP) * NS_PER_MS;
	snprintf(m->criterion[0], sizeof(m->criterion[0]), "%s", "success_rate >= 99%");
	snprintf(m->criterion[1], sizeof(m->criterion[1]), "%s", "toll.p99 < 1ms");
	snprintf(m->criterion[2], sizeof(m->criterion[2]), "%s", "trust.coverage >= 99.9%");
	m->criteria = 3;
}

static int frame(struct pipeline *p, enum capture_frame type, const void *data, size_t bytes)
{
	return pipeline_frame(p, type, data, (uint32_t)bytes);
}

static void feed_conn(struct pipeline *p, uint64_t cookie, uint8_t role, uint8_t side, uint16_t client_port, uint16_t server_port)
{
	struct wire_conn c = {
		.h = {.kind = WIRE_KIND_CONN, .size = sizeof(c), .time_ns = START_NS - NS_PER_MS},
		.conn = cookie,
		.role = role,
		.side = side,
		.netns = 1,
		.local_port = side == WIRE_SIDE_CLIENT ? client_port : server_port,
		.peer_port = side == WIRE_SIDE_CLIENT ? server_port : client_port,
		.syn_ns = START_NS - 2 * NS_PER_MS,
		.established_ns = START_NS - NS_PER_MS,
	};
	static const uint8_t local[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

	memcpy(c.local_addr, local, sizeof(local));
	memcpy(c.peer_addr, local, sizeof(local));
	assert_int_equal(frame(p, CAPTURE_WIRE, &c, sizeof(c)), 0);
}

static struct wire_lane_span span_of(uint64_t ns, uint64_t start, uint32_t bytes)
{
	return (struct wire_lane_span){
		.first_ns = ns, .last_ns = ns, .start_pos = start, .end_pos = start + bytes, .first_bytes = bytes, .count = 1};
}

/* One turn of one end: the request in `from` and the answer back, each in one piece. */
static void feed_turn(struct pipeline *p, uint64_t conn, uint32_t turn, uint8_t role, uint8_t side, const uint64_t ns[3])
{
	bool serves = side == WIRE_SIDE_SERVER;
	uint64_t request = (uint64_t)turn * REQUEST_BYTES, answer = (uint64_t)turn * ANSWER_BYTES;
	struct wire_turn t = {
		.h = {.kind = WIRE_KIND_TURN, .size = sizeof(t), .time_ns = ns[2]},
		.conn = conn,
		.turn = turn,
		.role = role,
		.side = side,
	};

	t.lane[WIRE_LANE_IN] = span_of(ns[0], serves ? request : answer, serves ? REQUEST_BYTES : ANSWER_BYTES);
	t.lane[WIRE_LANE_READ] = span_of(ns[1], serves ? request : answer, serves ? REQUEST_BYTES : ANSWER_BYTES);
	t.lane[WIRE_LANE_OUT] = span_of(ns[2], serves ? answer : request, serves ? ANSWER_BYTES : REQUEST_BYTES);
	assert_int_equal(frame(p, CAPTURE_WIRE, &t, sizeof(t)), 0);
}

static void feed_events(struct pipeline *p, uint64_t id, uint64_t conn, bool driver, uint64_t answer_pos, uint64_t ns)
{
	struct {
		struct record_events head;
		struct record_event event[EVENTS];
	} e = {.head = {.id = id, .conn = conn, .count = EVENTS, .from_driver = driver}};

	for (unsigned k = 0; k < EVENTS; k++)
		e.event[k] =
			(struct record_event){.pos = answer_pos + HEAD_BYTES + (k + 1) * EVENT_BYTES, .time_ns = ns + k * GAP_NS};
	assert_int_equal(frame(p, CAPTURE_EVENTS, &e, sizeof(e)), 0);
}

/* Marks of request i: 20 µs to leave, 8 + 10 µs in the gateway on the way up, 400 µs at the provider, 6 + 12 µs on the way down. */
struct marks {
	uint64_t t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, end;
};

static struct marks marks_of(unsigned i)
{
	struct marks m = {.t0 = START_NS + i * NS_PER_MS};

	m.t1 = m.t0 + 20000;
	m.t2 = m.t1 + 2000;
	m.t3 = m.t2 + 8000 + i % 7 * 100;
	m.t4 = m.t3 + 10000;
	m.t5 = m.t4 + 2000;
	m.t6 = m.t5 + 400000;
	m.t7 = m.t6 + 2000;
	m.t8 = m.t7 + 6000;
	m.t9 = m.t8 + 12000 + i % 11 * 200;
	m.t10 = m.t9 + 2000;
	m.end = m.t10 + 9000;
	return m;
}

static void feed_ends(struct pipeline *p, unsigned i, const struct marks *m)
{
	bool stream = i % STREAM_EVERY == 0;
	uint64_t request = (uint64_t)i * REQUEST_BYTES, answer = (uint64_t)i * ANSWER_BYTES;
	struct record_provider provider = {
		.tag = i + 1,
		.conn = PROVIDER,
		.in_start_pos = request,
		.in_end_pos = request + REQUEST_BYTES,
		.out_start_pos = answer,
		.out_end_pos = answer + ANSWER_BYTES,
		.out_body_pos = answer + HEAD_BYTES,
		.request_first_ns = m->t5 + 2000,
		.request_last_ns = m->t5 + 2000,
		.answer_first_ns = m->t6 - 1000,
		.answer_last_ns = m->t6,
		.http_status = 200,
		.flags = stream ? RECORD_PROVIDER_STREAM : 0,
		.chunks = stream ? EVENTS : 0,
	};
	struct record_request driver = {
		.id = i + 1,
		.class_index = stream,
		.http_status = 200,
		.flags = RECORD_CONN_REUSED | RECORD_TAGGED | RECORD_POSITIONS | (stream ? RECORD_STREAM : 0) |
			 (i < WARMUP ? RECORD_WARMUP : 0),
		.due_ns = m->t0,
		.sent_ns = m->t1 - 1000,
		.first_byte_ns = m->t10 + 4000,
		.first_token_ns = stream ? m->t10 + 4000 : 0,
		.end_ns = m->end,
		.conn = DRIVER,
		.out_start_pos = request,
		.out_end_pos = request + REQUEST_BYTES,
		.in_start_pos = answer,
		.in_end_pos = answer + ANSWER_BYTES,
		.in_body_pos = answer + HEAD_BYTES,
		.in_token_pos = stream ? answer + HEAD_BYTES + EVENT_BYTES : 0,
		.tokens = 8,
		.chunks = stream ? EVENTS : 0,
	};

	if (stream) {
		feed_events(p, i + 1, PROVIDER, false, answer, m->t6 - 1000);
		feed_events(p, i + 1, DRIVER, true, answer, m->t10 + 4000);
	}
	assert_int_equal(frame(p, CAPTURE_PROVIDER, &provider, sizeof(provider)), 0);
	assert_int_equal(frame(p, CAPTURE_REQUEST, &driver, sizeof(driver)), 0);
}

static void feed_request(struct pipeline *p, unsigned i)
{
	struct marks m = marks_of(i);

	feed_turn(p, PROVIDER, i, WIRE_ROLE_PROVIDER, WIRE_SIDE_SERVER, (uint64_t[]){m.t5, m.t5 + 1500, m.t6});
	feed_turn(p, UPSTREAM, i, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, (uint64_t[]){m.t7, m.t8, m.t4});
	feed_turn(p, INBOUND, i, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, (uint64_t[]){m.t2, m.t3, m.t9});
	feed_turn(p, DRIVER, i, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, (uint64_t[]){m.t10, m.t10 + 2500, m.t1});
	feed_ends(p, i, &m);
	if (i % 20 == 19)
		assert_int_equal(pipeline_tick(p, m.t0 + NS_PER_MS), 0);
}

static void feed_gauges(struct pipeline *p, unsigned i)
{
	struct record_gauges g = {
		.time_ns = START_NS + i * NS_PER_S / 4, .cpu_ns = i * NS_PER_S / 8, .rss_bytes = 1000000 + i, .processes = 1};

	assert_int_equal(frame(p, CAPTURE_GAUGES, &g, sizeof(g)), 0);
}

static void feed_stack(struct pipeline *p, uint64_t stack, const char *names, uint32_t text_bytes, uint16_t frames)
{
	struct {
		struct record_stack head;
		char text[64];
	} r = {.head = {.stack = stack, .frames = frames, .text_bytes = text_bytes}};

	memcpy(r.text, names, text_bytes);
	assert_int_equal(frame(p, CAPTURE_STACK, &r, (uint32_t)sizeof(r.head) + text_bytes), 0);
}

/* A hundred samples, ten of them in the warm-up; one stack under two keys, one that never got names. */
static void feed_samples(struct pipeline *p)
{
	for (unsigned i = 0; i < REQUESTS; i += 10) {
		struct wire_sample s = {.h = {WIRE_KIND_SAMPLE, sizeof(s), 0, START_NS + i * NS_PER_MS},
					.tid = 4243,
					.stack = 1 + i / 10 % 3,
					.period_ns = 10000000};
		assert_int_equal(frame(p, CAPTURE_WIRE, &s, sizeof(s)), 0);
	}
	feed_stack(p, 1, "parse\0main", 11, 2);
	feed_stack(p, 2, "parse\0main", 11, 2);
}

static void feed_run(struct pipeline *p)
{
	uint64_t counters[WIRE_COUNTERS] = {[WIRE_COUNT_RECORDS] = 4 + 4 * REQUESTS, [WIRE_COUNT_PEEKS] = 17};

	feed_conn(p, DRIVER, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, 40000, 8080);
	feed_conn(p, INBOUND, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, 40000, 8080);
	feed_conn(p, UPSTREAM, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, 50000, 9000);
	feed_conn(p, PROVIDER, WIRE_ROLE_PROVIDER, WIRE_SIDE_SERVER, 50000, 9000);
	for (unsigned i = 0; i < REQUESTS; i++)
		feed_request(p, i);
	for (unsigned i = 0; i < 4; i++)
		feed_gauges(p, i);
	feed_samples(p);
	assert_int_equal(frame(p, CAPTURE_COUNTERS, counters, sizeof(counters)), 0);
	assert_int_equal(pipeline_tick(p, START_NS + REQUESTS * NS_PER_MS), 0);
}

/* Makes the capture as a session would; the live run's document, as the replay would name it. */
static json_t *make_capture(const char *path, enum capture_mode mode, uint64_t max_bytes)
{
	struct capture_writer *w;
	struct capture_end totals;
	struct run_meta m;
	struct report_input in;
	struct pipeline *p;
	struct err err = {0};

	meta_make(&m);
	assert_int_equal(capture_writer_open(&w, path, mode, max_bytes, &err), 0);
	struct pipeline_config config = {.meta = &m, .capture = w};
	assert_int_equal(pipeline_new(&p, &config, &err), 0);
	feed_run(p);
	assert_int_equal(pipeline_finish(p), 0);
	pipeline_fill_report(p, &in);
	in.complete = true;
	in.cut_short_because = NULL;
	in.due = REQUESTS;
	run_meta_from_report(pipeline_meta(p), &in);
	assert_int_equal(pipeline_meta_write(p), 0);
	assert_int_equal(capture_writer_close(w, &totals, &err), 0);
	in.command = "replay";
	in.capture = &totals;
	json_t *doc = report_build(&in);
	assert_non_null(doc);
	pipeline_free(p);
	return doc;
}

static void assert_fits_schema(const json_t *doc)
{
	struct err err = {0};
	json_t *schema = json_loads(report_schema(), 0, NULL);

	if (schema_check(schema, doc, true, &err))
		fail_msg("%s", err.text);
	json_decref(schema);
}

static void assert_same(const json_t *a, const json_t *b)
{
	char *first = json_dumps(a, JSON_INDENT(1)), *second = json_dumps(b, JSON_INDENT(1));

	assert_string_equal(first, second);
	free(first);
	free(second);
}

static json_int_t at(const json_t *doc, const char *a, const char *b)
{
	return json_integer_value(json_object_get(json_object_get(doc, a), b));
}

static json_t *replay_ok(const char *path)
{
	struct err err = {0};
	json_t *doc;

	if (replay_capture(path, &doc, &err))
		fail_msg("%s", err.text);
	assert_fits_schema(doc);
	return doc;
}

/* --- tests ---------------------------------------------------------------------------------------------------------------------- */

static void test_replays_are_the_same_and_as_live(void **state)
{
	char path[128];
	json_t *live = make_capture(path_of(path, "capture.toll"), CAPTURE_FULL, 0);
	json_t *first = replay_ok(path), *second = replay_ok(path);

	(void)state;
	assert_same(first, second);
	assert_same(live, first);
	json_decref(live);
	json_decref(first);
	json_decref(second);
}

static void test_what_the_replay_says(void **state)
{
	char path[128];
	json_t *doc;

	(void)state;
	json_decref(make_capture(path_of(path, "capture.toll"), CAPTURE_FULL, 0));
	doc = replay_ok(path);
	assert_int_equal(report_exit_code(doc), EXIT_CODE_OK);
	assert_int_equal(at(doc, "trust", "requests"), REQUESTS);
	assert_int_equal(at(doc, "trust", "joined"), REQUESTS);
	assert_int_equal(at(doc, "trust", "order_violations"), 0);
	assert_int_equal(at(doc, "warmup", "requests"), WARMUP);
	assert_int_equal(at(doc, "latency", "count"), REQUESTS - WARMUP);
	assert_int_equal(at(doc, "toll", "count"), REQUESTS - WARMUP);
	/* 8.3 + 10 + 6 + 13 µs: the ends of the phases were made so */
	assert_in_range(at(doc, "toll", "p50_ns"), 36800, 37800);
	const json_t *phases = json_object_get(doc, "phases");
	assert_in_range(at(phases, "provider", "p50_ns"), 398000, 402000);
	assert_in_range(at(phases, "process_request", "p50_ns"), 9960, 10040);
	assert_in_range(at(phases, "driver_lag", "p50_ns"), 19920, 20080);
	/* streams: 7 gaps each, without the warm-up's */
	const json_t *streams = json_object_get(doc, "streams");
	assert_int_equal(at(streams, "inter_token", "count"), (REQUESTS - WARMUP) / STREAM_EVERY * (EVENTS - 1));
	assert_in_range(at(streams, "inter_token", "p50_ns"), GAP_NS - 100, GAP_NS + 100);
	assert_null(json_object_get(json_object_get(json_object_get(doc, "classes"), "plain"), "streams"));
	assert_int_equal(at(json_object_get(doc, "upstreams"), "provider", "turns"), REQUESTS - WARMUP);
	/* a request a millisecond, the warm-up's too; half a core */
	const json_t *series = json_object_get(doc, "series");
	assert_float_equal(json_number_value(json_array_get(json_object_get(series, "sent_per_s"), 0)), REQUESTS, 1);
	assert_float_equal(json_number_value(json_array_get(json_object_get(series, "gateway_cpu_cores"), 0)), 0.5, 1e-6);
	assert_in_range(json_integer_value(json_array_get(json_object_get(series, "toll_p50_ns"), 0)), 36000, 38600);
	const json_t *stacks = json_object_get(doc, "stacks");
	assert_int_equal(at(doc, "stacks", "samples"), 90);
	assert_int_equal(at(doc, "stacks", "cpu_ns"), 900 * NS_PER_MS);
	const json_t *top = json_array_get(json_object_get(stacks, "top_self"), 0);
	assert_string_equal(json_string_value(json_object_get(top, "frame")), "parse");
	assert_int_equal(json_integer_value(json_object_get(top, "cpu_self_ns")), 600 * NS_PER_MS);
	assert_int_equal(json_array_size(json_object_get(stacks, "folded")), 2);
	/* 900 ms without the warm-up: four blocks of 250 ms */
	const json_t *blocks = json_object_get(doc, "blocks");
	assert_int_equal(json_integer_value(json_object_get(blocks, "count")), 4);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(blocks, "ok"), 2)), 250);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(blocks, "joined"), 3)), 150);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(blocks, "gateway_cpu_ns"), 1)), 125 * NS_PER_MS);
	json_decref(doc);
}

static void truncate_to(const char *path, double share)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, (off_t)((double)st.st_size * share)), 0);
}

static void test_cut_capture_says_so(void **state)
{
	static const double shares[] = {0.02, 0.3, 0.6, 0.999};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		json_decref(make_capture(path_of(path, "cut.toll"), CAPTURE_FULL, 0));
		truncate_to(path, shares[i]);
		json_t *doc = replay_ok(path);
		assert_int_equal(report_exit_code(doc), EXIT_CODE_CUT_SHORT);
		assert_non_null(strstr(json_string_value(json_object_get(doc, "cut_short_because")), "the capture was cut"));
		if (shares[i] < 0.9)
			assert_true(at(doc, "trust", "requests") < REQUESTS);
		json_decref(doc);
	}
}

static void test_sample_says_so(void **state)
{
	char path[128];
	json_t *live, *doc;

	(void)state;
	live = make_capture(path_of(path, "sample.toll"), CAPTURE_SAMPLE, 400000);
	json_t *row = json_object_get(live, "capture");
	if (json_integer_value(json_object_get(row, "requests_written")) == REQUESTS)
		fail_msg("the sample holds everything");
	assert_int_equal(at(live, "latency", "count"), REQUESTS - WARMUP);
	doc = replay_ok(path);
	const json_t *notes = json_object_get(doc, "notes");
	assert_int_equal(json_array_size(notes), 1);
	assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "holds a sample"));
	/* a second that is missing must not look like one without requests */
	assert_null(json_object_get(json_object_get(doc, "series"), "ended_per_s"));
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "series.rates"));
	assert_non_null(json_object_get(json_object_get(live, "series"), "latency_p50_ns"));
	json_decref(doc);
	json_decref(live);
}

/* What one of two drivers would have recorded: the kernel's records are everybody's, requests are one's own. */
static void write_half(const char *from, const char *to, uint64_t parity)
{
	struct capture_reader *r;
	struct capture_writer *w;
	struct capture_end totals;
	enum capture_frame type;
	const void *data;
	uint32_t bytes;
	struct err err = {0};

	assert_int_equal(capture_reader_open(&r, from, &err), 0);
	assert_int_equal(capture_writer_open(&w, to, CAPTURE_FULL, 0, &err), 0);
	while (capture_read(r, &type, &data, &bytes, &err) == 1) {
		uint64_t id = 0; /* of requests and of events it is the first member */

		if (type == CAPTURE_REQUEST || type == CAPTURE_EVENTS)
			memcpy(&id, data, sizeof(id));
		if (type != CAPTURE_END && !(id && id % 2 != parity))
			assert_int_equal(capture_write(w, type, data, bytes), 0);
	}
	assert_int_equal(capture_writer_close(w, &totals, &err), 0);
	capture_reader_free(r);
}

static void test_joined_halves_are_the_whole(void **state)
{
	static const char *const names[] = {"odd", "even"}, *const same[] = {"latency", "service", "toll",    "joined_latency",
									     "phases",  "streams", "requests"};
	char whole_path[128], path[2][128];
	struct merge_options options = {0};
	json_t *half[2], *joined;
	struct err err = {0};

	(void)state;
	json_decref(make_capture(path_of(whole_path, "whole.toll"), CAPTURE_FULL, 0));
	for (unsigned i = 0; i < 2; i++) {
		write_half(whole_path, path_of(path[i], i ? "even.toll" : "odd.toll"), !i);
		half[i] = replay_ok(path[i]);
		assert_int_equal(at(half[i], "toll", "count"), (REQUESTS - WARMUP) / 2);
	}
	json_t *whole = replay_ok(whole_path);
	assert_int_equal(report_merge((const json_t *const *)half, names, 2, &options, &joined, &err), 0);
	/* the halves' last answers, and so their rates, are a millisecond apart */
	json_object_del(json_object_get(joined, "requests"), "rate_per_s");
	json_object_del(json_object_get(joined, "requests"), "tokens_per_s");
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		json_t *value;
		const char *key;

		json_object_foreach (json_object_get(joined, same[i]), key, value) {
			if (!json_equal(value, json_object_get(json_object_get(whole, same[i]), key)))
				fail_msg("%s.%s of the halves is not that of the whole", same[i], key);
		}
	}
	json_decref(joined);
	json_decref(whole);
	json_decref(half[0]);
	json_decref(half[1]);
}

static void assert_refused(const char *path, const char *words)
{
	struct err err = {0};
	json_t *doc;

	assert_true(replay_capture(path, &doc, &err) < 0);
	assert_null(doc);
	if (!strstr(err.text, words) || !strstr(err.text, path))
		fail_msg("\"%s\" lacks \"%s\" or the path", err.text, words);
}

static void write_frames(const char *path, const char *const *meta, unsigned n, bool request_first)
{
	struct record_request r = {.id = 1, .due_ns = 1, .end_ns = 2};
	struct capture_writer *w;
	struct capture_end totals;
	struct err err = {0};

	assert_int_equal(capture_writer_open(&w, path, CAPTURE_FULL, 0, &err), 0);
	if (request_first)
		capture_write(w, CAPTURE_REQUEST, &r, sizeof(r));
	for (unsigned i = 0; i < n; i++)
		capture_write(w, CAPTURE_META, meta[i], (uint32_t)strlen(meta[i]));
	assert_int_equal(capture_writer_close(w, &totals, &err), 0);
}

static void test_defects_are_named(void **state)
{
	char path[128];
	struct run_meta m;
	char *one, *other;

	(void)state;
	assert_refused(path_of(path, "none.toll"), "No such file");
	path_of(path, "bad.toll");
	write_frames(path, NULL, 0, false);
	assert_refused(path, "empty");
	write_frames(path, NULL, 0, true);
	assert_refused(path, "head is missing");
	write_frames(path, (const char *[]){"{\"command\": 1}"}, 1, false);
	assert_refused(path, "command");
	meta_make(&m);
	one = run_meta_encode(&m);
	m.classes = 1;
	other = run_meta_encode(&m);
	write_frames(path, (const char *[]){one, other}, 2, false);
	assert_refused(path, "not what it says");
	free(one);
	free(other);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	static const char *const names[] = {"capture.toll", "cut.toll", "sample.toll", "bad.toll",
					    "whole.toll",   "odd.toll", "even.toll"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path_of(path, names[i]));
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replays_are_the_same_and_as_live),
		cmocka_unit_test(test_what_the_replay_says),
		cmocka_unit_test(test_cut_capture_says_so),
		cmocka_unit_test(test_sample_says_so),
		cmocka_unit_test(test_joined_halves_are_the_whole),
		cmocka_unit_test(test_defects_are_named),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
