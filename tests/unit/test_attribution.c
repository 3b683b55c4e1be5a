// rooms: base record/request_stats timeline/names timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait attribution
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "attribution/attribution.h"
#include "tests/support/test.h"

/* A request with one upstream turn; each span has a length of its own. */
static struct whole_request plain(void)
{
	struct whole_request w = {.driver = {.id = 1, .due_ns = 1000, .end_ns = 3000, .http_status = 200},
				  .t1 = 1010,
				  .t2 = 1030,
				  .t2_last = 1030,
				  .t3 = 1070,
				  .t9 = 2500,
				  .t10 = 2600,
				  .t11 = 2900,
				  .upstreams = 1};

	w.upstream[0] = (struct whole_upstream){.t4 = 1150,
						.t4_last = 1150,
						.t5 = 1200,
						.t5_last = 1200,
						.t6 = 2000,
						.t7 = 2010,
						.t8 = 2100,
						.peer_port = 9000,
						.peer_index = 0,
						.http_status = 200,
						.answered = true};
	return w;
}

static struct phase_cut cut_of(const struct whole_request *w)
{
	struct phase_cut cut;
	uint64_t sum = 0;

	assert_int_equal(attribution_cut(w, &cut), 0);
	for (unsigned i = 0; i < PHASES; i++)
		sum += cut.ns[i];
	assert_int_equal(sum, w->t11 - w->driver.due_ns);
	assert_int_equal(cut.total_ns, sum);
	return cut;
}

static void test_plain(void **state)
{
	const struct whole_request w = plain();
	const struct phase_cut c = cut_of(&w);

	(void)state;
	assert_int_equal(c.ns[PHASE_DRIVER_LAG], 10);
	assert_int_equal(c.ns[PHASE_NETWORK], 20 + 50 + 10 + 100);
	assert_int_equal(c.ns[PHASE_PICK_UP_REQUEST], 40);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST], 80);
	assert_int_equal(c.ns[PHASE_PROVIDER], 800);
	assert_int_equal(c.ns[PHASE_PICK_UP_RESPONSE], 90);
	assert_int_equal(c.ns[PHASE_PROCESS_RESPONSE], 400);
	assert_int_equal(c.ns[PHASE_STREAM], 300);
	assert_int_equal(c.toll_ns, 40 + 80 + 90 + 400);
}

static void test_client_connect_and_accept_queue(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.inbound_syn_ns = 1002;
	w.inbound_established_ns = 1005;
	w.accepted_ns = 1050; /* 20 after it was readable */
	struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_CLIENT_CONNECT], 3);
	assert_int_equal(c.ns[PHASE_DRIVER_LAG], 7);
	assert_int_equal(c.ns[PHASE_ACCEPT_QUEUE], 20);
	assert_int_equal(c.ns[PHASE_PICK_UP_REQUEST], 20);
	assert_int_equal(c.toll_ns, 40 + 80 + 90 + 400); /* seen or not, the accept is the gateway's */
	w.accepted_ns = 1020; /* before there was anything to read */
	c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_ACCEPT_QUEUE], 0);
	assert_int_equal(c.ns[PHASE_PICK_UP_REQUEST], 40);
}

static void test_client_tls(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.inbound_syn_ns = 1001;
	w.inbound_established_ns = 1002;
	w.inbound_first_data_ns = 1003;
	w.accepted_ns = 1006;
	w.client_tls_end_ns = 1008;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_CLIENT_CONNECT], 1);
	assert_int_equal(c.ns[PHASE_ACCEPT_QUEUE], 3);
	assert_int_equal(c.ns[PHASE_CLIENT_TLS], 3);
	assert_int_equal(c.ns[PHASE_DRIVER_LAG], 3);
}

static void test_upstream_connect_and_tls(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstream[0].syn_ns = 1080;
	w.upstream[0].established_ns = 1100;
	w.upstream[0].tls_end_ns = 1130;
	struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_UPSTREAM_CONNECT], 20);
	assert_int_equal(c.ns[PHASE_UPSTREAM_TLS], 30);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST], 30);
	w.upstream[0].tls_end_ns = 1190; /* the provider noted it after the request had left */
	c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_UPSTREAM_TLS], 50);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST], 10);
}

static void test_waiting_is_not_charged(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.gap[0] = (struct timeline_gap){1090, 1120};
	w.gap[1] = (struct timeline_gap){1160, 1180}; /* while it was sending on */
	w.gaps = 2;
	w.upstream[0].t4_last = 1190;
	w.upstream[0].gap[0] = (struct timeline_gap){2200, 2450};
	w.upstream[0].gap[1] = (struct timeline_gap){2490, 2700}; /* goes on after the answer has begun */
	w.upstream[0].gaps = 2;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_REQUEST_ARRIVAL], 30 + 20);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST], 50 + 20);
	assert_int_equal(c.ns[PHASE_REST_OF_RESPONSE], 250 + 10);
	assert_int_equal(c.ns[PHASE_PROCESS_RESPONSE], 140);
	assert_int_equal(c.toll_ns, 40 + 70 + 90 + 140);
}

static void test_retry(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstream[1] = w.upstream[0];
	w.upstreams = 2;
	w.upstream[0] = (struct whole_upstream){
		.t4 = 1100, .t4_last = 1100, .t5_last = 1105, .t6 = 1110, .t7 = 1112, .t8 = 1116, .t8_last = 1118};
	w.upstream[1].syn_ns = 1130;
	w.upstream[1].established_ns = 1140;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST], 30);
	assert_int_equal(c.ns[PHASE_BETWEEN_ATTEMPTS], 14 + 10);
	assert_int_equal(c.ns[PHASE_UPSTREAM_CONNECT], 10);
	assert_int_equal(c.ns[PHASE_PROVIDER], 5 + 800);
	assert_int_equal(c.ns[PHASE_PICK_UP_RESPONSE], 4 + 90);
}

/* The first attempt never answered: it was waited for until the second began. */
static void test_retry_after_no_answer(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstream[1] = w.upstream[0];
	w.upstreams = 2;
	w.upstream[0] = (struct whole_upstream){.t4 = 1080, .t4_last = 1080};
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_PROVIDER], 70 + 800);
	assert_int_equal(c.ns[PHASE_BETWEEN_ATTEMPTS], 0);
}

/* Two turns at once: the one that answered owns, from its sending on. */
static void test_hedge(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstream[1] = w.upstream[0];
	w.upstreams = 2;
	w.upstream[0] = (struct whole_upstream){.t4 = 1080, .t4_last = 1080, .t5_last = 1090, .t6 = 2300, .t7 = 2310, .t8 = 2320};
	struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_PROVIDER], 60 + 800);
	assert_int_equal(c.ns[PHASE_PROCESS_RESPONSE], 400);
	assert_int_equal(c.ns[PHASE_BETWEEN_ATTEMPTS], 0);
	/* the first one answered: the second is nobody's time */
	w.upstream[0].answered = true;
	w.upstream[1].answered = false;
	c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_PROVIDER], 1210);
	assert_int_equal(c.ns[PHASE_PROCESS_RESPONSE], 180);
}

static void test_local_answer(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstreams = 0;
	w.gap[0] = (struct timeline_gap){1100, 1200};
	w.gaps = 1;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_LOCAL_ANSWER], 1430 - 100);
	assert_int_equal(c.ns[PHASE_REQUEST_ARRIVAL], 100);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST], 0);
}

static void test_peer_that_is_not_ours(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstream[0].t5 = w.upstream[0].t5_last = w.upstream[0].t6 = 0;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_PROVIDER], 860);
	assert_int_equal(c.ns[PHASE_NETWORK], 20 + 100);
}

static void test_early_answer(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.t9 = 1500;
	w.t10 = 1510;
	w.early_answer = true;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_PROVIDER], 300);
	assert_int_equal(c.ns[PHASE_PICK_UP_RESPONSE], 0);
	assert_int_equal(c.ns[PHASE_PROCESS_RESPONSE], 0);
	assert_int_equal(c.ns[PHASE_STREAM], 1390);
}

static void test_answer_before_the_request_is_in(void **state)
{
	struct whole_request w = plain();

	(void)state;
	w.upstreams = 0;
	w.t9 = 1025;
	const struct phase_cut c = cut_of(&w);
	assert_int_equal(c.ns[PHASE_LOCAL_ANSWER], 0);
	assert_int_equal(c.ns[PHASE_PICK_UP_REQUEST], 0);
}

static void test_backwards_is_refused(void **state)
{
	struct whole_request w = plain();
	struct phase_cut c;

	(void)state;
	w.t11 = 999;
	assert_int_equal(attribution_cut(&w, &c), -EINVAL);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PHASES; i++) {
		assert_non_null(phase_name((enum phase)i));
		assert_non_null(phase_title((enum phase)i));
		assert_non_null(phase_owner((enum phase)i));
		if (phase_is_toll((enum phase)i))
			assert_string_equal(phase_owner((enum phase)i), "gateway");
	}
	assert_string_equal(phase_name(PHASE_PICK_UP_REQUEST), "pick_up_request");
	assert_string_equal(phase_title(PHASE_PICK_UP_REQUEST), "pick up request");
	assert_string_equal(phase_name(PHASES), "unknown");
	assert_string_equal(timeline_unmatched_name(TIMELINE_NO_UPSTREAM_SEEN), "no_upstream_seen");
}

/* More kinds of requests than are counted together first: each still counts once in each of its sets, whenever they are asked for. */
static void test_many_kinds_of_requests(void **state)
{
	const struct attribution_config config = {.classes = 40, .stages = 3, .tenants = 2};
	struct attribution *a = attribution_new(&config);
	struct whole_request w = plain();
	uint64_t of_class = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 240; i++) {
			w.driver.class_index = i % 40;
			w.driver.stage_index = i % 3;
			w.driver.tenant = 1 + i % 2;
			assert_int_equal(attribution_add(a, &w), 0);
		}
		assert_int_equal(attribution_total(a)->requests, 240 * (round + 1));
	}
	for (unsigned i = 0; i < 40; i++)
		of_class += hist_count(attribution_class(a, i)->phase[PHASE_NETWORK]);
	assert_int_equal(of_class, 480);
	assert_int_equal(attribution_stage(a, 2)->requests, 160);
	assert_int_equal(hist_sum(attribution_tenant(a, 1)->latency), 240 * 1900);
	assert_int_equal(hist_count(attribution_total(a)->toll), 480);
	attribution_free(a);
}

static void test_sets(void **state)
{
	const struct attribution_config config = {.classes = 2, .stages = 1};
	struct attribution *a = attribution_new(&config);
	struct whole_request w = plain();
	uint64_t warmup;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		w.driver.class_index = i % 2;
		assert_int_equal(attribution_add(a, &w), 0);
	}
	w.driver.flags = RECORD_WARMUP;
	attribution_add(a, &w);
	w.driver.flags = 0;
	assert_int_equal(attribution_newest_cut(a)->total_ns, w.t11 - w.driver.due_ns);
	w.unmatched = TIMELINE_NO_INBOUND_TURN;
	attribution_add(a, &w);
	assert_null(attribution_newest_cut(a));
	w.unmatched = TIMELINE_MATCHED;
	w.driver.class_index = 7; /* of no class of the plan */
	w.driver.stage_index = 7;
	attribution_add(a, &w);
	assert_int_equal(attribution_left_out(a, &warmup), 1);
	assert_int_equal(warmup, 1);
	assert_int_equal(attribution_total(a)->requests, 11);
	assert_int_equal(attribution_class(a, 0)->requests, 5);
	assert_int_equal(attribution_class(a, 1)->requests, 5);
	assert_null(attribution_class(a, 2));
	assert_int_equal(attribution_stage(a, 0)->requests, 10);
	assert_null(attribution_stage(a, 1));
	const struct attribution_set *s = attribution_total(a);
	assert_int_equal(hist_count(s->latency), 11);
	assert_int_equal(hist_max(s->latency), 1900);
	assert_int_equal(hist_max(s->toll), 610);
	assert_int_equal(s->toll_sum_ns, 11 * 610);
	assert_int_equal(s->phase_sum_ns[PHASE_PROVIDER], 11 * 800);
	assert_int_equal(hist_count(s->phase[PHASE_LOCAL_ANSWER]), 0);
	assert_int_equal(hist_count(s->phase[PHASE_UPSTREAM_CONNECT]), 0);
	assert_int_equal(hist_count(s->driver_reading), 11);
	assert_int_equal(hist_max(s->driver_reading), 100);
	assert_int_equal(hist_count(s->self_end), 0); /* no read mark of the driver's socket */
	attribution_free(a);
	attribution_free(NULL);
}

/* A full accept queue held up the connect, or the first data: the gateway's, not the network's. */
static void test_listen_full(void **state)
{
	struct whole_request w = plain();
	struct phase_cut bare, cut;

	(void)state;
	w.inbound_syn_ns = w.driver.due_ns + 2;
	w.inbound_established_ns = w.driver.due_ns + 7;
	assert_int_equal(attribution_cut(&w, &bare), 0);
	assert_int_equal(bare.ns[PHASE_CLIENT_CONNECT], 5);
	w.listen_full_syn = true;
	assert_int_equal(attribution_cut(&w, &cut), 0);
	assert_int_equal(cut.ns[PHASE_CLIENT_CONNECT], 0);
	assert_int_equal(cut.ns[PHASE_ACCEPT_QUEUE], 5);
	w.listen_full_data = true;
	assert_int_equal(attribution_cut(&w, &cut), 0);
	assert_int_equal(cut.ns[PHASE_ACCEPT_QUEUE], 5 + w.t2 - w.t1);
	assert_int_equal(cut.ns[PHASE_NETWORK], bare.ns[PHASE_NETWORK] - (w.t2 - w.t1));
	assert_int_equal(cut.toll_ns, bare.toll_ns + 5 + w.t2 - w.t1);
}

static void test_self_check(void **state)
{
	const struct attribution_config config = {0};
	struct attribution *a = attribution_new(&config);
	struct whole_request w = plain();

	(void)state;
	w.upstream[0].hold_start_ns = 1210;
	w.upstream[0].hold_end_ns = 1990; /* 780, the kernel: from its read mark on */
	w.upstream[0].provider_read_last = w.upstream[0].t6 - 800;
	w.t11_read = w.driver.end_ns - 7;
	attribution_add(a, &w);
	assert_int_equal(hist_max(attribution_total(a)->self_end), 7);
	assert_int_equal(hist_count(attribution_total(a)->self_hold), 1);
	assert_int_equal(hist_max(attribution_total(a)->self_hold), 20);
	attribution_free(a);
}

static void test_streams(void **state)
{
	const struct attribution_config config = {0};
	const struct whole_chunk chunk[] = {{.readable_ns = 2010, .sent_ns = 2040}, {.readable_ns = 2050, .sent_ns = 0}};
	struct attribution *a = attribution_new(&config);
	struct whole_request w = plain();

	(void)state;
	w.driver.flags = RECORD_STREAM;
	w.driver.first_token_ns = 2200;
	w.first_token_t7 = 2010;
	w.first_token_t9 = 2150;
	w.chunk = chunk;
	w.chunks = 2;
	w.chunks_unmatched = 3;
	attribution_add(a, &w);
	const struct attribution_set *s = attribution_total(a);
	assert_int_equal(hist_max(s->ttft), 1200);
	assert_int_equal(hist_max(s->ttft_toll), 40 + 80 + 140);
	assert_int_equal(hist_count(s->chunk_lag), 1);
	assert_int_equal(hist_max(s->chunk_lag), 30);
	assert_int_equal(s->chunks, 2);
	assert_int_equal(s->chunks_unmatched, 3);
	attribution_free(a);
}

static void test_peers(void **state)
{
	const struct attribution_config config = {0};
	struct attribution *a = attribution_new(&config);
	const struct attribution_peer *peer;
	struct whole_request w = plain();

	(void)state;
	w.upstream[1] = w.upstream[0];
	w.upstreams = 2;
	w.upstream[0].peer_port = 9001;
	w.upstream[0].http_status = 503;
	w.upstream[0].answered = false;
	w.upstream[1].syn_ns = 1100;
	attribution_add(a, &w);
	attribution_add(a, &w);
	assert_int_equal(attribution_peers(a, &peer), 2);
	assert_int_equal(peer[0].port, 9001);
	assert_int_equal(peer[0].turns, 2);
	assert_int_equal(peer[0].answered, 0);
	assert_int_equal(peer[0].status[5], 2);
	assert_int_equal(peer[1].answered, 2);
	assert_int_equal(peer[1].new_connections, 2);
	assert_int_equal(peer[1].status[2], 2);
	assert_int_equal(hist_max(peer[1].wait), 860);
	attribution_free(a);
}

static void test_many_peers_are_bounded(void **state)
{
	const struct attribution_config config = {0};
	struct attribution *a = attribution_new(&config);
	const struct attribution_peer *peer;
	struct whole_request w = plain();
	uint64_t turns = 0;

	(void)state;
	for (uint16_t i = 1; i <= 400; i++) {
		w.upstream[0].peer_port = i;
		attribution_add(a, &w);
	}
	unsigned n = attribution_peers(a, &peer);
	assert_int_equal(n, 256);
	for (unsigned i = 0; i < n; i++)
		turns += peer[i].turns;
	assert_int_equal(turns, 400);
	assert_int_equal(peer[255].port, 0);
	attribution_free(a);
}

static void test_exemplars(void **state)
{
	const struct attribution_config config = {0};
	struct attribution *a = attribution_new(&config);
	static struct attribution_exemplar e;
	struct whole_request w = plain();

	(void)state;
	assert_false(attribution_exemplar(a, 50, &e));
	assert_false(attribution_exemplar(a, 100, &e));
	for (uint64_t i = 0; i < 5000; i++) {
		/* the last phase of the gateway grows by i, all behind it moves with it */
		w = plain();
		w.driver.id = i + 1;
		w.t9 += i * 10;
		w.t10 += i * 10;
		w.t11 += i * 10;
		attribution_add(a, &w);
	}
	assert_true(attribution_exemplar(a, 100, &e));
	assert_int_equal(e.request.driver.id, 5000);
	assert_null(e.request.chunk);
	assert_int_equal(e.cut.toll_ns, 610 + 49990);
	assert_true(attribution_exemplar(a, 50, &e));
	assert_in_range(e.request.driver.id, 2300, 2700); /* 512 of 5000: the nearest is some ten away */
	assert_true(attribution_exemplar(a, 99, &e));
	assert_in_range(e.request.driver.id, 4800, 5000);
	attribution_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_client_connect_and_accept_queue),
		cmocka_unit_test(test_client_tls),
		cmocka_unit_test(test_upstream_connect_and_tls),
		cmocka_unit_test(test_waiting_is_not_charged),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_retry_after_no_answer),
		cmocka_unit_test(test_hedge),
		cmocka_unit_test(test_local_answer),
		cmocka_unit_test(test_peer_that_is_not_ours),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_answer_before_the_request_is_in),
		cmocka_unit_test(test_backwards_is_refused),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_many_kinds_of_requests),
		cmocka_unit_test(test_self_check),
		cmocka_unit_test(test_listen_full),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_many_peers_are_bounded),
		cmocka_unit_test(test_exemplars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
