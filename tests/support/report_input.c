// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/report_input.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "attribution/blocks.h"
#include "base/clock.h"
#include "report/build.h"
#include "tests/support/test.h"

#define START_NS (UINT64_C(1000) * NS_PER_S)
#define CHUNKS 8
#define FIXTURE_TID 70
#define LOCKER_TID 71

static const uint8_t provider_addr[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

static void fill_driver(struct record_request *r, unsigned i)
{
	*r = (struct record_request){
		.id = i + 1,
		.class_index = i % 3 == 2,
		.stage_index = i % FIXTURE_STAGES,
		.outcome = i % 100 == 99 ? RECORD_TIMEOUT : RECORD_OK,
		.http_status = i % 100 == 99 ? 0 : 200,
		.flags = i % 3 == 2 ? RECORD_STREAM : 0,
		.due_ns = START_NS + i * UINT64_C(500000),
		.tokens = 16,
		.chunks = i % 3 == 2 ? CHUNKS : 0,
		.checks_passed = 1,
	};
	if (r->outcome == RECORD_OK && i % 2) { /* LiteLLM's header, mostly too low */
		r->flags |= RECORD_OVERHEAD;
		r->overhead_header = 1;
		r->overhead_ns = 20000 + i % 11 * 2000;
	}
	r->sent_ns = r->due_ns + 20000;
	r->first_byte_ns = r->sent_ns + 20040000 + (i % 17) * 1000;
	r->first_token_ns = i % 3 == 2 ? r->first_byte_ns : 0;
	r->end_ns = r->first_byte_ns + (i % 3 == 2 ? 70000000 : 12000);
	if (r->outcome == RECORD_TIMEOUT)
		r->end_ns = r->due_ns + 30 * NS_PER_S;
}

static void fill_upstream(struct whole_upstream *u, const struct whole_request *w, unsigned i)
{
	u->conn = 10000 + i;
	u->t4 = u->t4_last = w->t3 + 9000 + i % 5 * 500;
	u->t5 = u->t5_last = u->t4 + 2800;
	u->hold_start_ns = u->t5 + 3000;
	u->t6 = u->t5 + 20 * NS_PER_MS;
	u->hold_end_ns = u->t6 - 900;
	u->t7 = u->t6 + 2800;
	u->t8 = u->t7 + 6000 + i % 7 * 700;
	u->t6_last = u->t6;
	u->t7_last = u->t7;
	u->t8_last = u->t8;
	u->turn_of_conn = i;
	u->peer_port = 9000;
	u->http_status = 200;
	memcpy(u->peer_addr, provider_addr, sizeof(u->peer_addr));
	u->joined_by = TIMELINE_JOIN_ENDS;
	u->answered = true;
}

static void fill_chunks(struct whole_chunk *chunk, struct whole_request *w)
{
	for (unsigned k = 0; k < CHUNKS; k++) {
		chunk[k].written_ns = w->upstream[0].t6 + k * 10 * NS_PER_MS;
		chunk[k].readable_ns = chunk[k].written_ns + 2800;
		chunk[k].read_ns = chunk[k].readable_ns + 5000;
		chunk[k].sent_ns = chunk[k].read_ns + 7000 + k * 100;
		chunk[k].received_ns = chunk[k].sent_ns + 9000;
	}
	w->chunk = chunk;
	w->chunks = CHUNKS;
	w->first_token_t6 = w->upstream[0].t6;
	w->first_token_t7 = w->upstream[0].t7;
	w->first_token_t8 = w->upstream[0].t8;
	w->first_token_t9 = w->t9;
}

static void fill_whole(struct whole_request *w, struct whole_chunk *chunk, unsigned i)
{
	memset(w, 0, sizeof(*w));
	fill_driver(&w->driver, i);
	w->t1 = w->t1_last = w->driver.due_ns + 21000;
	w->t2 = w->t2_last = w->t1 + 2700;
	w->t3 = w->t3_last = w->t2 + 8000 + i % 11 * 900;
	w->upstreams = 1;
	fill_upstream(&w->upstream[0], w, i);
	w->t9 = w->upstream[0].t8 + 12000 + i % 13 * 400;
	w->t10 = w->t9 + 2700;
	w->t11 = w->t10 + (w->driver.flags & RECORD_STREAM ? 70 * NS_PER_MS : 0);
	w->t9_last = w->t11 - 2700;
	w->driver.end_ns = w->t11 + 12000;
	w->joined_by = TIMELINE_JOIN_ENDS;
	w->inbound_conn = 100 + i;
	w->reader_tid = w->sender_tid = w->upstream[0].t4_tid = w->upstream[0].t8_tid = FIXTURE_TID;
	if (w->driver.outcome == RECORD_TIMEOUT)
		w->unmatched = TIMELINE_FAILED_REQUEST;
	if (w->driver.flags & RECORD_STREAM && chunk)
		fill_chunks(chunk, w);
}

static void fill_requests(struct report_fixture *f, unsigned n, unsigned part, unsigned parts)
{
	struct whole_chunk chunk[CHUNKS];
	struct whole_request w;

	blocks_start(attribution_blocks(f->attribution), START_NS);
	for (unsigned i = part; i < n; i += parts) {
		fill_whole(&w, chunk, i);
		attribution_add(f->attribution, &w);
		series_whole(f->series, &w, attribution_newest_cut(f->attribution));
		f->timeline.requests++;
		f->timeline.whole += w.unmatched == TIMELINE_MATCHED;
		f->timeline.unmatched[w.unmatched] += w.unmatched != TIMELINE_MATCHED;
		f->timeline.joined_by[TIMELINE_JOIN_ENDS] += w.unmatched == TIMELINE_MATCHED;
		struct record_request r;
		fill_driver(&r, i);
		series_request(f->series, &r);
		blocks_request(attribution_blocks(f->attribution), &r);
		struct request_stats *sets[] = {&f->total, &f->class_[r.class_index], &f->stage[r.stage_index]};
		for (unsigned k = 0; k < 3; k++) {
			request_stats_add(sets[k], &r);
			if (r.flags & RECORD_STREAM)
				request_stats_gap(sets[k], 10 * NS_PER_MS);
		}
	}
}

static void fill_gauges(struct report_fixture *f)
{
	for (unsigned i = 0; i < 32; i++) {
		struct record_gauges g = {
			.time_ns = START_NS + i * NS_PER_S,
			.cpu_ns = i * NS_PER_S / 4,
			.rss_bytes = (6u << 20) + i * 4096,
			.processes = 2,
			.threads = 3,
			.fds = 70 + i % 3,
		};
		series_gauges(f->series, &g);
		blocks_gauges(attribution_blocks(f->attribution), &g);
	}
}

static void fill_sets(struct report_fixture *f)
{
	static const char *const classes[] = {"chat", "streaming"};
	static const char *const stages[] = {"ramp", "hold", "down"};

	f->in.total = (struct report_set){
		.name = "all", .stats = &f->total, .duration_s = 30, .attribution = attribution_total(f->attribution)};
	f->in.classes = FIXTURE_CLASSES;
	for (unsigned i = 0; i < FIXTURE_CLASSES; i++)
		f->in.class_[i] = (struct report_set){.name = classes[i],
						      .stream = i == 1,
						      .stats = &f->class_[i],
						      .duration_s = 30,
						      .attribution = attribution_class(f->attribution, i)};
	f->in.class_[0].check_name[0] = "status-200";
	f->in.class_[0].checks = 1;
	f->in.stages = FIXTURE_STAGES;
	for (unsigned i = 0; i < FIXTURE_STAGES; i++)
		f->in.stage[i] = (struct report_set){.name = stages[i],
						     .stats = &f->stage[i],
						     .duration_s = 10,
						     .from_s = i * 10,
						     .attribution = attribution_stage(f->attribution, i)};
}

static void fill_gateway(struct report_gateway *g)
{
	g->known = true;
	snprintf(g->exe, sizeof(g->exe), "/usr/sbin/nginx");
	snprintf(g->comm, sizeof(g->comm), "nginx");
	snprintf(g->how, sizeof(g->how), "listens on port 8080: nginx (pid 12) and 2 children");
	snprintf(g->url, sizeof(g->url), "http://127.0.0.1:8080");
	g->pid[0] = 12;
	g->pid[1] = 13;
	g->pids = 2;
	g->cpu_measured = g->memory_measured = true;
	g->cpu_ns = 900 * NS_PER_MS;
	g->cpu_cores_mean = 0.31;
	g->cpu_cores_max = 0.44;
	g->cores_usable = 2;
	g->rss_initial_bytes = 6 << 20;
	g->rss_mean_bytes = 7 << 20;
	g->rss_peak_bytes = 9 << 20;
	g->rss_final_bytes = 7 << 20;
}

static void fill_head(struct report_fixture *f)
{
	struct report_input *in = &f->in;

	in->command = "run";
	in->scenario = "edge/latency-breakdown";
	in->complete = true;
	in->start_unix_s = 1795319402;
	in->duration_s = 30.02;
	in->machine = (struct report_machine){.kernel = "Linux 6.18.5", .hostname = "lab-3", .cpu = "AMD EPYC 7B13", .cores = 2};
	in->configuration = f->configuration;
	in->probe_paths = "readable: sk_data_ready; accept: not seen on this kernel";
	in->probe_cpu_known = true;
	in->probe_cpu_share = 0.021;
	in->counters[WIRE_COUNT_RECORDS] = 12345;
	in->counters[WIRE_COUNT_MARKS_SEEN] = 98765;
	in->counters[WIRE_COUNT_IN_INFERRED] = 3;
	in->open_loop = true;
	in->queue_max = 4;
	in->in_flight_max = 61;
	in->connections = 64;
	in->driver_cpu_ns = 2 * NS_PER_S;
	in->driver_threads = 1;
	in->warmup_stats = &f->warmup;
	in->timeline = &f->timeline;
	in->attribution = f->attribution;
	in->series = f->series;
	in->warmup_s = 1;
	in->start_ns = START_NS;
	in->threads = &f->threads;
	in->calls = f->calls;
	in->capture = &f->capture;
}

static void thread_found(struct threads *s, uint32_t tid, const char *comm)
{
	struct wire_thread_life r = {.h = {.time_ns = 1}, .tid = tid, .role = WIRE_ROLE_GATEWAY, .event = WIRE_THREAD_FOUND};

	snprintf(r.comm, sizeof(r.comm), "%s", comm);
	threads_life(s, &r);
}

static void thread_off(struct threads *s, uint64_t out_ns, uint64_t runnable_ns, uint64_t in_ns, uint16_t nr)
{
	const struct wire_off_cpu r = {.h = {.time_ns = in_ns},
				       .tid = FIXTURE_TID,
				       .out_ns = out_ns,
				       .runnable_ns = runnable_ns,
				       .held_ns = {[WIRE_HOLDER_TOLL] = 500},
				       .waker_tid = nr == SYS_futex ? LOCKER_TID : 0,
				       .syscall = nr};

	threads_off(s, &r);
}

static void thread_calls(struct report_fixture *f, uint64_t ns, uint16_t nr, int32_t result)
{
	const struct wire_syscalls r = {.h = {.time_ns = ns + 2000},
					.tid = FIXTURE_TID,
					.count = 1,
					.call = {{.enter_ns = ns, .exit_ns = ns + 2000, .nr = nr, .result = result}}};

	threads_calls(&f->threads, &r);
	calls_add(f->calls, &r, 0);
}

static void thread_mark(struct threads *s, uint64_t ns, uint64_t conn, uint64_t flags)
{
	threads_mark(s, FIXTURE_TID, &(struct thread_mark){.time_ns = ns, .conn = conn, .flags = flags});
}

/* One thread does everything; before each request is sent it waits for a lock, and each tenth time for a CPU. */
static void fill_threads(struct report_fixture *f, unsigned n)
{
	thread_found(&f->threads, FIXTURE_TID, "event loop");
	thread_found(&f->threads, LOCKER_TID, "log writer");
	for (unsigned i = 0; i < n; i++) {
		struct whole_request w;
		fill_whole(&w, NULL, i);
		uint64_t at = w.driver.due_ns, lock = w.t3 + 1000;
		thread_off(&f->threads, at, at + 23000, at + 24000, SYS_epoll_wait);
		thread_off(&f->threads, lock, lock + 3000, lock + (i % 10 ? 3500 : 6500), SYS_futex);
		thread_calls(f, w.t3 - 1000, SYS_recvfrom, i % 4 ? 300 : -11);
		thread_calls(f, w.upstream[0].t4 - 1000, SYS_sendto, 300);
		thread_mark(&f->threads, w.t3, w.inbound_conn, 0);
		thread_mark(&f->threads, w.upstream[0].t4, w.upstream[0].conn, THREAD_MARK_OUT);
		thread_mark(&f->threads, w.upstream[0].t8, w.upstream[0].conn, 0);
		thread_mark(&f->threads, w.t9, w.inbound_conn, THREAD_MARK_OUT);
	}
	threads_settle(&f->threads);
	f->timeline.threads = f->threads.stats;
}

static void fixture_init(struct report_fixture *f, unsigned n, bool threads, unsigned part, unsigned parts)
{
	struct attribution_config config = {.classes = FIXTURE_CLASSES, .stages = FIXTURE_STAGES, .threads = &f->threads};

	memset(f, 0, sizeof(*f));
	threads_init(&f->threads, 64 << 20);
	f->calls = calls_new();
	if (threads)
		fill_threads(f, n);
	request_stats_init(&f->total);
	request_stats_init(&f->warmup);
	for (unsigned i = 0; i < FIXTURE_CLASSES; i++)
		request_stats_init(&f->class_[i]);
	for (unsigned i = 0; i < FIXTURE_STAGES; i++)
		request_stats_init(&f->stage[i]);
	f->attribution = attribution_new(&config);
	f->series = series_new();
	series_start(f->series, START_NS);
	f->configuration = json_pack("{s:i, s:b, s:{s:s}}", "rate", 2000, "tag", 1, "provider", "service_time", "20ms");
	fill_requests(f, n, part, parts);
	fill_gauges(f);
	f->capture =
		(struct capture_end){.frames_seen = n * 8, .frames_written = n * 8, .requests_seen = n, .requests_written = n};
	f->in.due = n;
	fill_head(f);
	fill_gateway(&f->in.gateway);
	fill_sets(f);
	attribution_finish(f->attribution);
}

void report_fixture_init_part(struct report_fixture *f, unsigned n, unsigned part, unsigned parts)
{
	fixture_init(f, n, false, part, parts);
}

void report_fixture_init(struct report_fixture *f, unsigned n)
{
	fixture_init(f, n, false, 0, 1);
}

void report_fixture_init_threads(struct report_fixture *f, unsigned n)
{
	fixture_init(f, n, true, 0, 1);
}

void report_fixture_fini(struct report_fixture *f)
{
	request_stats_fini(&f->total);
	request_stats_fini(&f->warmup);
	for (unsigned i = 0; i < FIXTURE_CLASSES; i++)
		request_stats_fini(&f->class_[i]);
	for (unsigned i = 0; i < FIXTURE_STAGES; i++)
		request_stats_fini(&f->stage[i]);
	attribution_free(f->attribution);
	threads_fini(&f->threads);
	calls_free(f->calls);
	series_free(f->series);
	json_decref(f->configuration);
}

void report_fixture_no_probes(struct report_fixture *f)
{
	f->in.no_probes_because =
		"this user may not load BPF programs: run as root, or give CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";
	f->in.timeline = NULL;
	f->in.attribution = NULL;
	f->in.probe_paths = NULL;
	f->in.probe_cpu_known = false;
	memset(f->in.counters, 0, sizeof(f->in.counters));
	f->in.total.attribution = NULL;
	for (unsigned i = 0; i < FIXTURE_CLASSES; i++)
		f->in.class_[i].attribution = NULL;
	for (unsigned i = 0; i < FIXTURE_STAGES; i++)
		f->in.stage[i].attribution = NULL;
}

void report_fixture_attach(struct report_fixture *f)
{
	f->in.command = "attach";
	f->in.scenario = "";
	f->in.total.stats = NULL;
	f->in.warmup_stats = NULL;
	f->in.classes = 0;
	f->in.stages = 0;
	f->in.capture = NULL;
	f->in.gateway.url[0] = 0;
}

static json_t *stack_row(const char *phase, const char *cause, json_int_t ns, json_t *frames)
{
	json_t *row = json_pack("{s:o, s:I}", "frames", frames, "ns", ns);

	if (phase) {
		json_object_set_new(row, "phase", json_string(phase));
		json_object_set_new(row, "cause", json_string(cause));
	}
	return row;
}

void report_fixture_stacks(json_t *doc)
{
	json_t *rows = json_array();

	json_array_append_new(rows, stack_row("process_request", "own_user", 600, json_pack("[s, s]", "main", "parse")));
	json_array_append_new(rows,
			      stack_row("process_request", "own_user", 200, json_pack("[s, s, s]", "main", "parse", "copy")));
	json_array_append_new(rows, stack_row("process_response", "lock", 200, json_pack("[s]", "main")));
	json_array_append_new(rows, stack_row(NULL, NULL, 3000, json_pack("[s, s]", "main", "loop; idle")));
	json_object_set_new(
		doc, "stacks",
		json_pack("{s:i, s:i, s:i, s:[], s:o}", "samples", 4, "cpu_ns", 3800, "stacks", 4, "top", "folded", rows));
}

void assert_fits_schema(const json_t *doc, const char *schema_text)
{
	struct err err = {0};
	json_t *schema = json_loads(schema_text, 0, NULL);

	assert_non_null(schema);
	if (schema_check(schema, doc, true, &err))
		fail_msg("%s", err.text);
	json_decref(schema);
}
