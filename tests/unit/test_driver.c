// rooms: base record driver scenario/arrival tests/support/raw_server
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "driver/driver.h"
#include "record/tag.h"
#include "tests/support/raw_server.h"
#include "tests/support/test.h"

#define RECORDS_MAX 4096

/* --- a run ------------------------------------------------------------------------------------------------------------------- */

struct run {
	struct plan plan;
	struct driver_config config;
	struct raw_server *server;
	char url[64];
	struct driver *driver;
	const struct driver_stats *stats;
	pthread_mutex_t lock;
	struct record_request record[RECORDS_MAX];
	unsigned records;
	struct record_event event[RECORDS_MAX];
	struct record_events events_head;
	unsigned events;
};

static void keep_request(void *ctx, const struct record_request *r)
{
	struct run *run = ctx;

	pthread_mutex_lock(&run->lock);
	assert_true(run->records < RECORDS_MAX);
	run->record[run->records++] = *r;
	pthread_mutex_unlock(&run->lock);
}

static void keep_events(void *ctx, const struct record_events *head, const struct record_event *events)
{
	struct run *run = ctx;

	pthread_mutex_lock(&run->lock);
	run->events_head = *head;
	for (uint32_t i = 0; i < head->count && run->events < RECORDS_MAX; i++)
		run->event[run->events++] = events[i];
	pthread_mutex_unlock(&run->lock);
}

/* One chat class and one closed stage of `requests` requests by `users` users. */
static struct run *run_new(enum raw_mode mode, bool tls, double users, uint64_t requests)
{
	struct run *run = calloc(1, sizeof(*run));
	struct plan *plan = &run->plan;

	pthread_mutex_init(&run->lock, NULL);
	run->server = raw_server_start(mode, tls);
	snprintf(run->url, sizeof(run->url), "http%s://127.0.0.1:%u/", tls ? "s" : "", run->server->port);
	strcpy(plan->name, "test");
	strcpy(plan->model, "model");
	plan->seed = 7;
	plan->classes = plan->stages = 1;
	strcpy(plan->class_[0].name, "chat");
	plan->class_[0].weight = 1;
	plan->class_[0].prompt_bytes = 100;
	plan->class_[0].max_tokens = 8;
	plan->class_[0].timeout_ns = 20 * NS_PER_S;
	plan->class_[0].stream = mode == RAW_STREAM || mode == RAW_STREAM_CUT || mode == RAW_STREAM_BAD;
	plan->stage[0].from = plan->stage[0].to = users;
	plan->stage[0].requests = requests;
	run->config = (struct driver_config){.plan = plan, .url = run->url, .threads = 1, .tag = true, .tls_insecure = true};
	run->config.sink = (struct record_sink){.ctx = run, .request = keep_request, .events = keep_events};
	return run;
}

static void run_start(struct run *run)
{
	struct err err = {0};

	assert_int_equal(driver_new(&run->driver, &run->config, &err), 0);
	assert_int_equal(driver_start(run->driver, clock_now_ns(), &err), 0);
}

static void run_wait(struct run *run)
{
	struct pollfd done = {.fd = driver_done_fd(run->driver), .events = POLLIN};
	struct driver_progress progress;
	struct err err = {0};

	assert_int_equal(poll(&done, 1, 60000), 1);
	assert_int_equal(driver_finish(run->driver, &run->stats, &err), 0);
	driver_progress(run->driver, &progress);
	assert_int_equal(progress.finished, 1);
	assert_int_equal(progress.done, run->records);
	assert_int_equal(progress.in_flight, 0);
	assert_int_equal(progress.queued, 0);
}

static void run_all(struct run *run)
{
	run_start(run);
	run_wait(run);
}

static void run_free(struct run *run)
{
	driver_free(run->driver);
	raw_server_stop(run->server);
	pthread_mutex_destroy(&run->lock);
	free(run);
}

static void all_have(const struct run *run, enum record_outcome outcome, uint64_t requests)
{
	assert_int_equal(run->records, requests);
	assert_int_equal(run->stats->total.outcome[outcome], requests);
	for (unsigned i = 0; i < run->records; i++)
		assert_string_equal(record_outcome_name(run->record[i].outcome), record_outcome_name(outcome));
}

static void ids_are_unique(const struct run *run)
{
	struct map *seen = map_new();

	for (unsigned i = 0; i < run->records; i++) {
		assert_true(run->record[i].id > 0);
		assert_null(map_get(seen, run->record[i].id));
		assert_int_equal(map_put(seen, run->record[i].id, seen), 0);
	}
	map_free(seen);
}

/* Session tickets that were still unread when the answer came are told as part of it: then it starts at most those two earlier. */
static void starts_within_tickets(const struct record_request *r, const struct raw_turn *turn)
{
	assert_true(r->in_start_pos <= turn->out_start);
	assert_true(r->in_start_pos + 1024 > turn->out_start);
}

/* Each request's positions are what the server counted, byte for byte. */
static void positions_agree(const struct run *run)
{
	for (unsigned i = 0; i < run->records; i++) {
		const struct record_request *r = &run->record[i];
		const struct raw_turn *turn = raw_server_turn(run->server, r->id);

		assert_non_null(turn);
		assert_int_equal(r->flags & RECORD_POSITIONS, RECORD_POSITIONS);
		assert_int_equal(r->out_start_pos, turn->in_start);
		assert_int_equal(r->out_end_pos, turn->in_end);
		if ((r->flags & RECORD_TLS) && !(r->flags & RECORD_CONN_REUSED))
			starts_within_tickets(r, turn);
		else
			assert_int_equal(r->in_start_pos, turn->out_start);
		assert_int_equal(r->in_end_pos, turn->out_end);
		if (!(r->flags & RECORD_TLS))
			assert_int_equal(r->in_body_pos, turn->out_body);
	}
}

static void times_are_in_order(const struct run *run)
{
	for (unsigned i = 0; i < run->records; i++) {
		const struct record_request *r = &run->record[i];

		assert_true(r->due_ns <= r->sent_ns);
		assert_true(r->sent_ns <= r->first_byte_ns);
		assert_true(r->first_byte_ns <= r->first_token_ns);
		assert_true(r->first_token_ns <= r->end_ns);
		if (!r->connect_start_ns)
			continue;
		assert_true(r->due_ns <= r->connect_start_ns);
		assert_true(r->connect_start_ns <= r->connect_end_ns);
		assert_true(r->connect_end_ns <= r->sent_ns);
	}
}

/* --- whole answers ------------------------------------------------------------------------------------------------------- */

static void keep_alive(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 3, 60);
	unsigned reused = 0;

	(void)state;
	run_all(run);
	all_have(run, RECORD_OK, 60);
	ids_are_unique(run);
	positions_agree(run);
	times_are_in_order(run);
	for (unsigned i = 0; i < run->records; i++)
		reused += (run->record[i].flags & RECORD_CONN_REUSED) != 0;
	assert_int_equal(reused, 57);
	assert_int_equal(run->stats->connections, 3);
	assert_int_equal(run->server->connections, 3);
	assert_int_equal(run->stats->total.tokens, 60 * 5);
	assert_int_equal(run->stats->total.prompt_tokens, 60 * 7);
	assert_int_equal(run->stats->due, 60);
	assert_int_equal(run->stats->cut_short, 0);
	run_free(run);
}

/* Most ends are counted, some looked up: the same. */
static void positions_of_a_busy_driver(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 2, 1000);

	(void)state;
	run->server->spins = true;
	run->plan.classes = 2;
	run->plan.class_[1] = run->plan.class_[0];
	run->plan.class_[1].prompt_bytes = 3000; /* its head is longer by a digit */
	run_all(run);
	all_have(run, RECORD_OK, 1000);
	positions_agree(run);
	run_free(run);
}

static void connection_close(void **state)
{
	struct run *run = run_new(RAW_CLOSE, false, 2, 20);

	(void)state;
	run_all(run);
	all_have(run, RECORD_OK, 20);
	positions_agree(run);
	assert_int_equal(run->stats->connections, 20);
	run_free(run);
}

static void early_hints(void **state)
{
	struct run *run = run_new(RAW_EARLY_HINTS, false, 1, 5);

	(void)state;
	run_all(run);
	all_have(run, RECORD_OK, 5);
	positions_agree(run);
	assert_int_equal(run->record[0].http_status, 200);
	run_free(run);
}

static void several_threads_share_the_load(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 5, 90);
	bool seen[3] = {false};

	(void)state;
	run->config.threads = 3;
	run_all(run);
	all_have(run, RECORD_OK, 90);
	ids_are_unique(run);
	positions_agree(run);
	for (unsigned i = 0; i < run->records; i++)
		seen[run->record[i].driver_thread] = true;
	assert_true(seen[0] && seen[1] && seen[2]);
	run_free(run);
}

static void a_large_body_and_a_paused_one(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 1, 4);

	(void)state;
	run->plan.classes = 2;
	run->plan.class_[0].prompt_bytes = 900000;
	run->plan.class_[0].weight = 0;
	run->plan.class_[1] = run->plan.class_[0];
	run->plan.class_[1].prompt_bytes = 2000;
	run->plan.class_[1].weight = 1;
	run->plan.class_[1].body_pause_ns = 30 * NS_PER_MS;
	run->plan.stage[1] = run->plan.stage[0];
	run->plan.stage[0].classes = 1;
	run->plan.stage[1].classes = 2;
	run->plan.stages = 2;
	run->plan.class_[0].weight = 1;
	run_all(run);
	all_have(run, RECORD_OK, 8);
	positions_agree(run);
	for (unsigned i = 0; i < run->records; i++) {
		const struct raw_turn *turn = raw_server_turn(run->server, run->record[i].id);

		assert_int_equal(run->record[i].stage_index, run->record[i].class_index);
		if (run->record[i].class_index == 1)
			assert_true(turn->last_byte_ns - turn->first_half_ns >= 25 * NS_PER_MS);
	}
	run_free(run);
}

static void tls_positions_are_of_the_ciphertext(void **state)
{
	struct run *run = run_new(RAW_PLAIN, true, 2, 12);

	(void)state;
	run->server->stall_ms = 20;
	run_all(run);
	all_have(run, RECORD_OK, 12);
	positions_agree(run);
	for (unsigned i = 0; i < run->records; i++) {
		assert_int_equal(run->record[i].flags & RECORD_TLS, RECORD_TLS);
		if (!(run->record[i].flags & RECORD_CONN_REUSED))
			assert_true(run->record[i].tls_end_ns >= run->record[i].connect_end_ns);
	}
	run_free(run);
}

/* --- streams ------------------------------------------------------------------------------------------------------------- */

static void a_stream_tells_tokens_and_places(void **state)
{
	struct run *run = run_new(RAW_STREAM, false, 1, 3);

	(void)state;
	run_all(run);
	all_have(run, RECORD_OK, 3);
	positions_agree(run);
	times_are_in_order(run);
	assert_int_equal(run->events, 3 * 4);
	assert_int_equal(run->events_head.from_driver, 1);
	for (unsigned i = 0; i < run->records; i++) {
		const struct raw_turn *turn = raw_server_turn(run->server, run->record[i].id);

		assert_int_equal(run->record[i].chunks, 4);
		assert_int_equal(run->record[i].tokens, 6); /* usage wins over four deltas */
		assert_int_equal(run->record[i].prompt_tokens, 9);
		assert_int_equal(run->record[i].in_token_pos, turn->event_end[0]);
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(run->event[i * 4 + k].pos, turn->event_end[k]);
	}
	assert_int_equal(hist_count(run->stats->total.ttft), 3);
	assert_int_equal(hist_count(run->stats->total.inter_token), 3 * 3);
	run_free(run);
}

static void events_on_tls_lie_within_their_records(void **state)
{
	struct run *run = run_new(RAW_STREAM, true, 1, 3);

	(void)state;
	run->server->stall_ms = 20;
	run_all(run);
	all_have(run, RECORD_OK, 3);
	positions_agree(run);
	assert_int_equal(run->events, 3 * 4);
	for (unsigned i = 0; i < run->events; i++) {
		const struct raw_turn *turn = raw_server_turn(run->server, run->record[i / 4].id);

		assert_true(run->event[i].pos > turn->out_body);
		assert_true(run->event[i].pos <= turn->out_end);
		assert_true(!(i % 4) || run->event[i].pos >= run->event[i - 1].pos);
	}
	run_free(run);
}

static void a_stream_without_its_end_is_malformed(void **state)
{
	struct run *run = run_new(RAW_STREAM_CUT, false, 1, 2);

	(void)state;
	run_all(run);
	all_have(run, RECORD_MALFORMED, 2);
	assert_int_equal(run->record[0].chunks, 4);
	assert_string_equal(run->stats->first_error, "class chat: the stream ended without its last event");
	run_free(run);
}

static void a_broken_chunk_is_malformed(void **state)
{
	struct run *run = run_new(RAW_STREAM_BAD, false, 1, 2);

	(void)state;
	run_all(run);
	all_have(run, RECORD_MALFORMED, 2);
	run_free(run);
}

static void a_plain_answer_to_a_stream_is_malformed(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 1, 2);

	(void)state;
	run->plan.class_[0].stream = true;
	run_all(run);
	all_have(run, RECORD_MALFORMED, 2);
	run_free(run);
}

/* --- failures ------------------------------------------------------------------------------------------------------------ */

static void error_statuses(void **state)
{
	struct run *run = run_new(RAW_ERROR, false, 2, 10);

	(void)state;
	run_all(run);
	all_have(run, RECORD_HTTP_ERROR, 10);
	assert_int_equal(run->stats->total.status[500], 10);
	assert_int_equal(run->stats->total.completed, 10);
	run_free(run);
}

static void an_expected_error_is_fine(void **state)
{
	struct run *run = run_new(RAW_ERROR, false, 1, 3);

	(void)state;
	run->plan.class_[0].expect_status[0] = 429;
	run->plan.class_[0].expect_status[1] = 500;
	run_all(run);
	all_have(run, RECORD_OK, 3);
	run_free(run);
}

static void a_reset_in_the_body(void **state)
{
	struct run *run = run_new(RAW_RESET, false, 1, 4);

	(void)state;
	run_all(run);
	all_have(run, RECORD_RESET, 4);
	assert_int_equal(run->stats->total.completed, 0);
	run_free(run);
}

static void not_http_is_malformed(void **state)
{
	struct run *run = run_new(RAW_NOT_HTTP, false, 1, 2);

	(void)state;
	run_all(run);
	all_have(run, RECORD_MALFORMED, 2);
	run_free(run);
}

/* A client that gives up, and one that leaves as its class is meant to: that is no failure. */
static void a_hang_is_a_lower_bound(void **state)
{
	(void)state;
	for (unsigned leaves = 0; leaves < 2; leaves++) {
		struct run *run = run_new(RAW_HANG, false, 2, 4);

		*(leaves ? &run->plan.class_[0].leave_after_ns : &run->plan.class_[0].timeout_ns) = 50 * NS_PER_MS;
		run_all(run);
		all_have(run, leaves ? RECORD_LEFT : RECORD_TIMEOUT, 4);
		assert_int_equal(run->stats->total.failed, leaves ? 0 : 4);
		assert_int_equal(hist_count_at_least(run->stats->total.latency), 4);
		assert_true(hist_min(run->stats->total.latency) >= 50 * NS_PER_MS);
		run_free(run);
	}
}

static unsigned closed_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void a_refused_connection(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 1, 2);
	unsigned port = closed_port();
	char expected[80];

	(void)state;
	snprintf(run->url, sizeof(run->url), "http://127.0.0.1:%u", port);
	snprintf(expected, sizeof(expected), "connect to 127.0.0.1:%u: Connection refused", port);
	run_all(run);
	all_have(run, RECORD_CONNECT_FAILED, 2);
	assert_string_equal(run->stats->first_error, expected);
	run_free(run);
}

static void stopping_cuts_short_what_is_under_way(void **state)
{
	struct run *run = run_new(RAW_HANG, false, 3, 100);
	struct driver_progress progress;

	(void)state;
	run_start(run);
	do
		driver_progress(run->driver, &progress);
	while (progress.in_flight < 3);
	driver_stop(run->driver);
	run_wait(run);
	all_have(run, RECORD_CUT_SHORT, 3);
	assert_int_equal(run->stats->cut_short, 1);
	run_free(run);
}

static void checks_on_the_answer(void **state)
{
	static const struct plan_check checks[] = {
		{.name = "status", .kind = PLAN_CHECK_STATUS, .number = 200},
		{.name = "there", .kind = PLAN_CHECK_JSON, .path = "choices.0.message"},
		{.name = "text", .kind = PLAN_CHECK_NOT_EMPTY, .path = "choices.0.message.content"},
		{.name = "is", .kind = PLAN_CHECK_EQUALS, .path = "usage.completion_tokens", .text = "5"},
		{.name = "is_not", .kind = PLAN_CHECK_EQUALS, .path = "choices.0.message.content", .text = "other"},
		{.name = "absent", .kind = PLAN_CHECK_JSON, .path = "choices.1"},
		{.name = "fast", .kind = PLAN_CHECK_WITHIN, .number = 60 * NS_PER_S},
	};
	struct run *run = run_new(RAW_PLAIN, false, 1, 2);

	(void)state;
	memcpy(run->plan.class_[0].check, checks, sizeof(checks));
	run->plan.class_[0].checks = 7;
	run_all(run);
	all_have(run, RECORD_CHECK_FAILED, 2);
	assert_int_equal(run->record[0].checks_passed, 0x4f);
	assert_int_equal(run->record[0].checks_failed, 0x30);
	assert_string_equal(run->stats->first_error, "class chat: check is_not failed");
	run_free(run);
}

/* --- loops --------------------------------------------------------------------------------------------------------------- */

static void make_open(struct run *run, double rate, uint64_t duration_ns, uint32_t in_flight)
{
	run->plan.stage[0] = (struct plan_stage){
		.loop = PLAN_OPEN, .from = rate, .to = rate, .duration_ns = duration_ns, .in_flight_max = in_flight};
}

/* The wait of requests that were due while the server stalled counts, and none is dropped. */
static void open_loop_counts_from_the_intended_start(void **state)
{
	struct run *run = run_new(RAW_STALL, false, 1, 1);

	(void)state;
	run->server->stall_turn = 20;
	run->server->stall_ms = 300;
	make_open(run, 200, NS_PER_S, 1);
	run_all(run);
	all_have(run, RECORD_OK, 200);
	assert_int_equal(run->stats->due, 200);
	assert_int_equal(run->stats->in_flight_max, 1);
	assert_true(hist_percentile(run->stats->total.latency, 99) >= 250 * NS_PER_MS);
	assert_true(run->stats->queue_max >= 30);
	run_free(run);
}

static void shards_split_one_schedule(void **state)
{
	struct run *run[2];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		run[i] = run_new(RAW_PLAIN, false, 1, 1);
		make_open(run[i], 500, NS_PER_S / 5, 64);
		run[i]->config.shard = i;
		run[i]->config.shards = 2;
		run[i]->config.threads = 2;
		run_all(run[i]);
		all_have(run[i], RECORD_OK, 50);
		ids_are_unique(run[i]);
	}
	run_free(run[0]);
	run_free(run[1]);
}

static void the_warm_up_counts_apart(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 1, 1);
	unsigned warm = 0;

	(void)state;
	make_open(run, 500, NS_PER_S / 5, 64);
	run->plan.warmup_ns = NS_PER_S / 10;
	run_all(run);
	for (unsigned i = 0; i < run->records; i++)
		warm += (run->record[i].flags & RECORD_WARMUP) != 0;
	assert_int_equal(run->records, 100);
	assert_int_equal(warm, 50);
	assert_int_equal(run->stats->warmup.sent, 50);
	assert_int_equal(run->stats->total.sent, 50);
	assert_int_equal(run->stats->class_[0].sent, 50);
	assert_int_equal(run->stats->due, 50);
	run_free(run);
}

/* Users come one after the other, think, and go; the next stage goes on with those that it wants. */
static void users_ramp_and_think(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 1, 1);

	(void)state;
	run->plan.stage[0] = (struct plan_stage){.from = 0, .to = 4, .duration_ns = 200 * NS_PER_MS, .think_ns = 10 * NS_PER_MS};
	run->plan.stage[1] = (struct plan_stage){.from = 4, .to = 0, .duration_ns = 200 * NS_PER_MS, .think_ns = 10 * NS_PER_MS};
	run->plan.stage[2] = (struct plan_stage){.from = 2, .to = 2, .requests = 6, .think_ns = NS_PER_MS};
	run->plan.stages = 3;
	run_all(run);
	all_have(run, RECORD_OK, run->records);
	positions_agree(run);
	assert_true(run->stats->in_flight_max <= 4);
	assert_true(run->stats->stage[0].sent >= 4);
	assert_true(run->stats->stage[1].sent >= 1);
	assert_int_equal(run->stats->stage[2].sent, 6);
	run_free(run);
}

/* --- before the run ------------------------------------------------------------------------------------------------------ */

static int preflight(struct run *run, unsigned *status, struct err *err)
{
	*err = (struct err){0};
	return driver_preflight(&run->config, "/health", status, err);
}

/* Nothing is under way between the stages, and the second begins when it is told to. */
static void a_stage_waits_for_what_is_done_before_it(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 3, 30);
	struct plan *plan = &run->plan;
	struct pollfd before;
	struct driver_progress progress;

	(void)state;
	plan->stages = 2;
	plan->stage[1] = plan->stage[0];
	plan->stage[1].befores = 1;
	run->config.threads = 2;
	run_start(run);
	before = (struct pollfd){.fd = driver_before_fd(run->driver), .events = POLLIN};
	assert_int_equal(poll(&before, 1, 20000), 1);
	assert_int_equal(driver_before(run->driver), 1);
	driver_progress(run->driver, &progress);
	assert_int_equal(progress.done, 30);
	assert_int_equal(progress.sent, 30);
	assert_false(progress.finished);
	driver_go(run->driver, 1);
	run_wait(run);
	all_have(run, RECORD_OK, 60);
	run_free(run);
}

/* Counted are those that ended well within every limit of their class; a class without one is not judged. */
static void goodput_is_what_keeps_its_objective(void **state)
{
	static const struct {
		struct plan_slo slo;
		uint64_t judged, good;
		enum raw_mode mode;
	} cases[] = {
		{{0}, 0, 0, RAW_STREAM},
		{{.latency_ns = 20 * NS_PER_S}, 6, 6, RAW_STREAM},
		{{.latency_ns = 1}, 6, 0, RAW_STREAM},
		{{.latency_ns = 20 * NS_PER_S}, 6, 0, RAW_ERROR},
		{{.ttft_ns = 20 * NS_PER_S, .inter_token_ns = 20 * NS_PER_S}, 6, 6, RAW_STREAM},
		{{.ttft_ns = 1}, 6, 0, RAW_STREAM},
		{{.inter_token_ns = 1}, 6, 0, RAW_STREAM},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run *run = run_new(cases[i].mode, false, 2, 6);

		run->plan.class_[0].slo = cases[i].slo;
		run_all(run);
		assert_int_equal(run->stats->total.slo, cases[i].judged);
		assert_int_equal(run->stats->class_[0].good, cases[i].good);
		run_free(run);
	}
}

/* A user asks on: each question of a conversation is longer by what was said before, three times, then a new one begins. */
static void users_talk(void **state)
{
	struct run *run = run_new(RAW_STREAM, false, 1, 9);

	(void)state;
	run->plan.class_[0].turns = 3;
	run_all(run);
	all_have(run, RECORD_OK, 9);
	for (unsigned i = 0; i < 9; i++) {
		uint64_t bytes = run->record[i].out_end_pos - run->record[i].out_start_pos;
		uint64_t first = run->record[0].out_end_pos - run->record[0].out_start_pos;

		if (i % 3 == 0)
			assert_int_equal(bytes, first);
		else
			assert_in_range(bytes, first + i % 3 * 100, first + i % 3 * 300);
	}
	run_free(run);
}

static void preflight_says_what_is_wrong(void **state)
{
	struct run *run = run_new(RAW_PLAIN, false, 1, 1);
	unsigned status;
	struct err err;

	(void)state;
	assert_int_equal(preflight(run, &status, &err), 0);
	assert_int_equal(status, 200);
	run->server->mode = RAW_UNAUTHORIZED;
	assert_int_equal(preflight(run, &status, &err), -EACCES);
	assert_non_null(strstr(err.text, "API_KEY"));
	run->server->mode = RAW_NOT_HTTP;
	assert_int_equal(preflight(run, &status, &err), -EPROTO);
	snprintf(run->url, sizeof(run->url), "http://127.0.0.1:%u", closed_port());
	assert_int_equal(preflight(run, &status, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.text, "Connection refused"));
	run->config.url = "ftp://127.0.0.1";
	assert_int_equal(preflight(run, &status, &err), -EINVAL);
	run_free(run);
}

static void a_certificate_that_nobody_knows(void **state)
{
	struct run *run = run_new(RAW_PLAIN, true, 1, 2);
	unsigned status;
	struct err err;

	(void)state;
	run->config.tls_insecure = false;
	assert_int_equal(preflight(run, &status, &err), -EPROTO);
	assert_non_null(strstr(err.text, "--ca-file"));
	run_all(run);
	all_have(run, RECORD_TLS_FAILED, 2);
	run_free(run);
}

/* Each request has a trace of its own, which its record's id tells again; without being asked the driver sends none. */
static void a_trace_for_each_request(void **state)
{
	for (unsigned traced = 0; traced < 2; traced++) {
		struct run *run = run_new(RAW_PLAIN, false, 2, 20);

		(void)state;
		run->config.traceparent = traced;
		run_all(run);
		assert_int_equal(run->records, 20);
		for (unsigned i = 0; i < run->records; i++) {
			char wanted[TAG_TRACEPARENT_BYTES + 1] = "";

			if (traced)
				tag_traceparent(wanted, run->record[i].id);
			assert_string_equal(raw_server_turn(run->server, run->record[i].id)->traceparent, wanted);
		}
		run_free(run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(a_trace_for_each_request),
		cmocka_unit_test(positions_of_a_busy_driver),
		cmocka_unit_test(connection_close),
		cmocka_unit_test(early_hints),
		cmocka_unit_test(several_threads_share_the_load),
		cmocka_unit_test(a_large_body_and_a_paused_one),
		cmocka_unit_test(tls_positions_are_of_the_ciphertext),
		cmocka_unit_test(a_stream_tells_tokens_and_places),
		cmocka_unit_test(events_on_tls_lie_within_their_records),
		cmocka_unit_test(a_stream_without_its_end_is_malformed),
		cmocka_unit_test(a_broken_chunk_is_malformed),
		cmocka_unit_test(a_plain_answer_to_a_stream_is_malformed),
		cmocka_unit_test(error_statuses),
		cmocka_unit_test(an_expected_error_is_fine),
		cmocka_unit_test(a_reset_in_the_body),
		cmocka_unit_test(not_http_is_malformed),
		cmocka_unit_test(a_hang_is_a_lower_bound),
		cmocka_unit_test(a_refused_connection),
		cmocka_unit_test(stopping_cuts_short_what_is_under_way),
		cmocka_unit_test(checks_on_the_answer),
		cmocka_unit_test(open_loop_counts_from_the_intended_start),
		cmocka_unit_test(shards_split_one_schedule),
		cmocka_unit_test(the_warm_up_counts_apart),
		cmocka_unit_test(users_ramp_and_think),
		cmocka_unit_test(a_stage_waits_for_what_is_done_before_it),
		cmocka_unit_test(users_talk),
		cmocka_unit_test(goodput_is_what_keeps_its_objective),
		cmocka_unit_test(preflight_says_what_is_wrong),
		cmocka_unit_test(a_certificate_that_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
