// rooms: base record timeline tests/support/wires tests/support/timeline_rig
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"
#include "tests/support/timeline_rig.h"

/* Every mark of the rig's plain request. */
static void assert_plain(const struct whole_request *w, uint64_t at)
{
	assert_int_equal(w->unmatched, TIMELINE_MATCHED);
	assert_int_equal(w->driver.due_ns, at);
	assert_int_equal(w->t1, at + RIG_T1);
	assert_int_equal(w->t2, at + RIG_T2);
	assert_int_equal(w->t3, at + RIG_T3);
	assert_int_equal(w->t9, at + RIG_T9);
	assert_int_equal(w->t10, at + RIG_T10);
	assert_int_equal(w->t11, at + RIG_T10);
	assert_int_equal(w->upstreams, 1);
	assert_int_equal(w->upstream[0].t4, at + RIG_T4);
	assert_int_equal(w->upstream[0].t7, at + RIG_T7);
	assert_int_equal(w->upstream[0].t8, at + RIG_T8);
	assert_true(w->upstream[0].answered);
	assert_false(w->order_violation);
	assert_false(w->early_answer);
}

static void test_plain(void **state)
{
	struct rig *r = rig_of(state);

	rig_plain(r, 7, RIG_S);
	timeline_tick(r->t, RIG_S + 100 * RIG_MS);
	assert_int_equal(r->count, 0); /* a second attempt may still show up */
	timeline_tick(r->t, RIG_S + 260 * RIG_MS);
	assert_int_equal(r->count, 1);
	const struct whole_request *w = &r->got[0];
	assert_plain(w, RIG_S);
	assert_int_equal(w->upstream[0].t5, RIG_S + RIG_T5);
	assert_int_equal(w->upstream[0].t6, RIG_S + RIG_T6);
	assert_int_equal(w->upstream[0].peer_port, 9000);
	assert_int_equal(w->upstream[0].joined_by, TIMELINE_JOIN_TAG);
	assert_int_equal(w->upstream[0].syn_ns, 0); /* opened before the request */
	assert_int_equal(w->joined_by, TIMELINE_JOIN_ENDS);
	assert_int_equal(w->reader_tid, RIG_GATEWAY_TID);
	assert_int_equal(w->sender_tid, RIG_GATEWAY_TID);
	assert_false(w->cache_hit);
	timeline_finish(r->t);
	assert_int_equal(r->count, 1);
	assert_int_equal(timeline_stats(r->t)->whole, 1);
	assert_int_equal(timeline_stats(r->t)->provider_unclaimed, 0);
}

static void test_keep_alive(void **state)
{
	struct rig *r = rig_of(state);

	for (uint64_t i = 0; i < 20; i++)
		rig_plain(r, i + 1, RIG_S + i * 400 * RIG_MS);
	timeline_tick(r->t, 10 * RIG_S);
	assert_int_equal(r->count, 20);
	for (uint64_t i = 0; i < 20; i++) {
		assert_plain(&r->got[i], RIG_S + i * 400 * RIG_MS);
		assert_int_equal(r->got[i].upstream[0].turn_of_conn, i);
	}
}

/* The same four addresses and ports, twice in a run, and the first gateway end's record is lost. */
static void test_port_reuse(void **state)
{
	struct rig *r = rig_of(state);

	end_close(&r->driver, RIG_S);
	end_close(&r->gateway, RIG_S);
	rig_open_inbound(r, 11, 40000, 2 * RIG_S);
	rig_plain(r, 1, 2 * RIG_S + RIG_MS);
	end_close(&r->driver, 3 * RIG_S);
	end_close(&r->gateway, 3 * RIG_S);
	rig_open_inbound(r, 21, 40000, 4 * RIG_S);
	rig_plain(r, 2, 4 * RIG_S + RIG_MS);
	timeline_finish(r->t);
	assert_int_equal(r->count, 2);
	assert_plain(&r->got[0], 2 * RIG_S + RIG_MS);
	assert_int_equal(r->got[0].inbound_conn, 12);
	assert_plain(&r->got[1], 4 * RIG_S + RIG_MS);
	assert_int_equal(r->got[1].inbound_conn, 22);
}

/* Two network namespaces with the same addresses, and a pair across a veth. */
static void test_network_namespaces(void **state)
{
	struct rig *r = rig_of(state);
	const struct tuple_text tuple = {"10.0.0.2", 41000, "10.0.0.1", 8080};
	struct end other;

	end_open(&other, r->t, 30, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, &tuple, 9, RIG_S, RIG_S);
	end_open(&r->driver, r->t, 31, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &tuple, 4, RIG_S, RIG_S + 1000);
	end_open(&r->gateway, r->t, 32, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, &tuple, 4, RIG_S, RIG_S + 900000);
	rig_plain(r, 1, RIG_S + RIG_MS);
	const struct tuple_text across = {"10.0.0.2", 41001, "10.0.0.1", 8080};
	end_open(&r->driver, r->t, 33, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &across, 4, RIG_S, RIG_S + 1000);
	end_open(&r->gateway, r->t, 34, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, &across, 5, RIG_S, RIG_S + 2000);
	rig_plain(r, 2, RIG_S + 2 * RIG_MS);
	timeline_finish(r->t);
	assert_int_equal(r->got[0].inbound_conn, 32);
	assert_plain(&r->got[0], RIG_S + RIG_MS);
	assert_int_equal(r->got[1].inbound_conn, 34);
	assert_plain(&r->got[1], RIG_S + 2 * RIG_MS);
}

/* 100 Continue flips the direction twice within one true turn. */
static void test_100_continue(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	end_mark(&r->driver, WIRE_LANE_OUT, 200, at + 10, 0);
	end_mark(&r->gateway, WIRE_LANE_IN, 200, at + 20, 0);
	end_mark(&r->gateway, WIRE_LANE_READ, 200, at + 30, RIG_GATEWAY_TID);
	end_mark(&r->gateway, WIRE_LANE_OUT, 25, at + 40, RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, 25, at + 50, 0);
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, 0);
	rig_inbound_marks(r, at); /* the body and the answer */
	rig_upstream_marks(r, at);
	struct record_request q = rig_request_record(r, 1, at);
	q.out_start_pos -= 200;
	const struct record_provider p = rig_provider_record(r, 1, at);
	rig_turns(r, 0);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	assert_int_equal(r->count, 1);
	const struct whole_request *w = &r->got[0];
	assert_int_equal(w->unmatched, TIMELINE_MATCHED);
	assert_int_equal(w->t1, at + 10);
	assert_int_equal(w->t1_last, at + RIG_T1);
	assert_int_equal(w->t2, at + 20);
	assert_int_equal(w->t2_last, at + RIG_T2);
	assert_int_equal(w->t3, at + 30);
	assert_int_equal(w->t3_last, at + RIG_T3);
	assert_int_equal(w->t9, at + RIG_T9);
	assert_int_equal(w->gaps, 1); /* it waited for the body from at + 30 on */
	assert_int_equal(w->gap[0].start_ns, at + 30);
	assert_int_equal(w->gap[0].end_ns, at + RIG_T2);
}

/* TLS 1.3: the client's Finished shares a flip with the request, the server's tickets one with the answer. */
static void test_tls_shares_flips(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	rig_open_inbound(r, 11, 40001, at + 200);
	end_mark(&r->driver, WIRE_LANE_OUT, 517, at + 300, 5); /* ClientHello */
	end_mark(&r->gateway, WIRE_LANE_IN, 517, at + 310, 0);
	end_accept(&r->gateway, at + 320, RIG_GATEWAY_TID);
	end_mark(&r->gateway, WIRE_LANE_READ, 517, at + 330, RIG_GATEWAY_TID);
	end_mark(&r->gateway, WIRE_LANE_OUT, 1400, at + 400, RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, 1400, at + 410, 0);
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, 0);
	end_mark(&r->driver, WIRE_LANE_OUT, 64, at + 500, 5); /* Finished */
	end_mark(&r->gateway, WIRE_LANE_IN, 64, at + 510, 0);
	end_mark(&r->gateway, WIRE_LANE_READ, 64, at + 520, RIG_GATEWAY_TID);
	end_mark(&r->gateway, WIRE_LANE_OUT, 500, at + 600, RIG_GATEWAY_TID); /* tickets */
	end_mark(&r->driver, WIRE_LANE_IN, 500, at + 610, 0);
	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	struct record_request q = rig_request_record(r, 1, at);
	q.flags = RECORD_TAGGED | RECORD_POSITIONS | RECORD_TLS;
	q.tls_end_ns = at + 505;
	const struct record_provider p = rig_provider_record(r, 1, at);
	rig_turns(r, 0);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	const struct whole_request *w = &r->got[0];
	assert_plain(w, at);
	assert_int_equal(w->inbound_established_ns, at + 200);
	assert_int_equal(w->inbound_first_data_ns, at + 310);
	assert_int_equal(w->accepted_ns, at + 320);
	assert_int_equal(w->client_tls_end_ns, at + 505);
	assert_int_equal(w->reader_tid, RIG_GATEWAY_TID);
}

static void test_retry_has_two_turns(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	rig_inbound_marks(r, at + RIG_MS);
	struct record_request q = rig_request_record(r, 1, at + RIG_MS);
	q.due_ns = at;
	/* first attempt: 503, on the old connection */
	rig_upstream_marks(r, at + RIG_MS - 900);
	struct record_provider p = rig_provider_record(r, 1, at + RIG_MS - 900);
	p.http_status = 503;
	end_turn(&r->upstream, 0);
	end_turn(&r->provider, 0);
	/* the records of later attempts may come first */
	struct record_provider first = p;
	rig_open_upstream(r, 13, 50001, at + RIG_MS + RIG_T8 + 200);
	rig_upstream_marks(r, at + RIG_MS);
	r->provider.mark[WIRE_LANE_OUT][0].time_ns = at + RIG_MS + RIG_T8 + 400;
	r->upstream.mark[WIRE_LANE_OUT][0].time_ns = at + RIG_MS + RIG_T8 + 300;
	r->provider.mark[WIRE_LANE_IN][0].time_ns = at + RIG_MS + RIG_T8 + 350;
	r->upstream.mark[WIRE_LANE_IN][0].time_ns = at + RIG_MS + RIG_T8 + 410;
	r->upstream.mark[WIRE_LANE_READ][0].time_ns = at + RIG_MS + RIG_T8 + 500;
	p = rig_provider_record(r, 1, at + RIG_MS);
	rig_turns(r, 0);
	timeline_provider(r->t, &p);
	timeline_provider(r->t, &first);
	timeline_request(r->t, &q);
	timeline_tick(r->t, at + RIG_S / 2);
	assert_int_equal(r->count, 1);
	const struct whole_request *w = &r->got[0];
	assert_int_equal(w->unmatched, TIMELINE_MATCHED);
	assert_int_equal(w->upstreams, 2);
	assert_int_equal(w->upstream[0].http_status, 503);
	assert_int_equal(w->upstream[0].t4, at + RIG_MS - 900 + RIG_T4);
	assert_false(w->upstream[0].answered);
	assert_true(w->upstream[1].answered);
	assert_int_equal(w->upstream[1].syn_ns, at + RIG_MS + RIG_T8 + 100);
	assert_int_equal(w->upstream[1].established_ns, at + RIG_MS + RIG_T8 + 200);
	assert_int_equal(w->upstream[1].t8, at + RIG_MS + RIG_T8 + 500);
}

/* What the flush iterator saw of an idle connection is enough; what comes later is merged. */
static void test_snapshot_is_superseded(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	rig_turns(r, WIRE_TURN_STILL_OPEN);
	const struct record_provider p = rig_provider_record(r, 1, at);
	timeline_provider(r->t, &p);
	/* the rest of the answer comes after the snapshot */
	end_mark(&r->gateway, WIRE_LANE_OUT, RIG_ANSWER_BYTES, at + 2 * RIG_T9, RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, RIG_ANSWER_BYTES, at + 2 * RIG_T10, 0);
	struct record_request q = rig_request_record(r, 1, at);
	q.in_start_pos -= RIG_ANSWER_BYTES;
	timeline_request(r->t, &q);
	timeline_tick(r->t, at + 300 * RIG_MS);
	assert_int_equal(r->count, 0);
	rig_turns(r, 0);
	timeline_tick(r->t, at + 800 * RIG_MS);
	assert_int_equal(r->count, 1);
	const struct whole_request *w = &r->got[0];
	assert_int_equal(w->unmatched, TIMELINE_MATCHED);
	assert_int_equal(w->t9, at + RIG_T9);
	assert_int_equal(w->t9_last, at + 2 * RIG_T9);
	assert_int_equal(w->t10, at + RIG_T10);
	assert_int_equal(w->t11, at + 2 * RIG_T10);
	assert_false(w->inexact);
}

/* A provider that pauses after its head, and a client that pauses in its body. */
static void test_pauses_are_gaps(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	end_mark(&r->driver, WIRE_LANE_OUT, 100, at + 100, 5);
	end_mark(&r->gateway, WIRE_LANE_IN, 100, at + 110, 0);
	end_mark(&r->gateway, WIRE_LANE_READ, 60, at + 120, RIG_GATEWAY_TID);
	end_mark(&r->gateway, WIRE_LANE_READ, 40, at + 130, RIG_GATEWAY_TID); /* now all that came is read */
	rig_inbound_marks(r, at);
	end_mark(&r->provider, WIRE_LANE_OUT, 80, at + 30000, 9);
	end_mark(&r->upstream, WIRE_LANE_IN, 80, at + 31000, 0);
	end_mark(&r->upstream, WIRE_LANE_READ, 80, at + 32000, RIG_GATEWAY_TID);
	rig_upstream_marks(r, at);
	struct record_request q = rig_request_record(r, 1, at);
	q.out_start_pos -= 100;
	struct record_provider p = rig_provider_record(r, 1, at);
	p.out_start_pos -= 80;
	rig_turns(r, 0);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	const struct whole_request *w = &r->got[0];
	assert_int_equal(w->unmatched, TIMELINE_MATCHED);
	assert_int_equal(w->gaps, 1);
	assert_int_equal(w->gap[0].start_ns, at + 130);
	assert_int_equal(w->gap[0].end_ns, at + RIG_T2);
	assert_int_equal(w->upstream[0].gaps, 1);
	assert_int_equal(w->upstream[0].gap[0].start_ns, at + 32000);
	assert_int_equal(w->upstream[0].gap[0].end_ns, at + RIG_T7);
	assert_int_equal(w->upstream[0].t7, at + 31000);
	assert_int_equal(w->upstream[0].t7_last, at + RIG_T7);
}

static void test_early_answer(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	/* a heartbeat leaves before the provider has answered */
	end_mark(&r->gateway, WIRE_LANE_OUT, 10, at + 20000, RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, 10, at + 21000, 0);
	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	struct record_request q = rig_request_record(r, 1, at);
	q.in_start_pos -= 10;
	const struct record_provider p = rig_provider_record(r, 1, at);
	rig_turns(r, 0);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MATCHED);
	assert_true(r->got[0].early_answer);
	assert_false(r->got[0].order_violation);
	assert_int_equal(timeline_stats(r->t)->early_answers, 1);
}

static void feed_events(struct rig *r, uint64_t conn, uint64_t id, bool driver, const struct record_event *e, uint32_t n)
{
	const struct record_events head = {.id = id, .conn = conn, .count = n, .from_driver = driver};

	assert_int_equal(timeline_events(r->t, &head, e), 0);
}

/* The client left: the provider's first write of an answer failed, which so has a start and no end. */
static void test_answer_without_an_end(void **state)
{
	struct rig *r = rig_of(state);

	rig_plain(r, 1, RIG_S); /* so that the connection is not at its begin */
	rig_inbound_marks(r, 2 * RIG_S);
	rig_upstream_marks(r, 2 * RIG_S);
	struct record_provider p = rig_provider_record(r, 2, 2 * RIG_S);
	const struct record_request q = rig_request_record(r, 2, 2 * RIG_S);
	const struct record_event before = {.pos = p.out_start_pos, .time_ns = RIG_S};
	feed_events(r, p.conn, 1, false, &before, 1);
	p.out_end_pos = 0;
	p.flags = RECORD_PROVIDER_ABORTED;
	rig_turns(r, 0);
	assert_int_equal(timeline_request(r->t, &q), 0);
	assert_int_equal(timeline_provider(r->t, &p), 0);
	assert_int_equal(timeline_tick(r->t, 9 * RIG_S), 0);
	assert_int_equal(r->count, 2);
}

/* Two events of a stream leave the provider in two segments; the gateway re-frames them and sends them later. */
static const struct whole_request *two_events(struct rig *r, uint64_t at, uint64_t token_pos)
{

	rig_inbound_marks(r, at);
	end_mark(&r->gateway, WIRE_LANE_OUT, 60, at + 300000, RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, 60, at + 301000, 0);
	rig_upstream_marks(r, at);
	end_mark(&r->provider, WIRE_LANE_OUT, 50, at + 250000, 9);
	end_mark(&r->upstream, WIRE_LANE_IN, 50, at + 251000, 0);
	end_mark(&r->upstream, WIRE_LANE_READ, 50, at + 252000, RIG_GATEWAY_TID);
	struct record_request q = rig_request_record(r, 1, at);
	q.in_start_pos = 0;
	q.flags |= RECORD_STREAM;
	q.in_token_pos = token_pos;
	struct record_provider p = rig_provider_record(r, 1, at);
	p.out_start_pos = 0;
	const struct record_event sent[] = {{RIG_ANSWER_BYTES - 10, at + 59000}, {RIG_ANSWER_BYTES + 50, at + 249000}};
	const struct record_event got[] = {{RIG_ANSWER_BYTES, at + 72000}, {RIG_ANSWER_BYTES + 60, at + 302000}};
	rig_turns(r, 0);
	feed_events(r, r->provider.cookie, 1, false, sent, 2);
	feed_events(r, r->driver.cookie, 1, true, got, 2);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MATCHED);
	return &r->got[0];
}

/* The gateway waits for more though it has read the first token: its own time. Before the token it is starved. */
static void test_starved_until_the_first_token(void **state)
{
	struct rig *r = rig_of(state);
	const struct whole_request *w = two_events(r, RIG_S, RIG_ANSWER_BYTES);

	assert_int_equal(w->first_token_t8, RIG_S + RIG_T8);
	assert_int_equal(w->upstream[0].gaps, 0);
}

static void test_chunks_by_position(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;
	const struct whole_request *w = two_events(r, at, RIG_ANSWER_BYTES + 60);

	assert_int_equal(w->upstream[0].gaps, 1);
	assert_int_equal(w->chunks, 2);
	assert_int_equal(w->chunks_unmatched, 0);
	assert_int_equal(w->chunk[0].readable_ns, at + RIG_T7);
	assert_int_equal(w->chunk[0].read_ns, at + RIG_T8);
	assert_int_equal(w->chunk[0].sent_ns, at + RIG_T9);
	assert_int_equal(w->chunk[1].written_ns, at + 249000);
	assert_int_equal(w->chunk[1].readable_ns, at + 251000);
	assert_int_equal(w->chunk[1].sent_ns, at + 300000);
	assert_int_equal(w->chunk[1].received_ns, at + 302000);
	assert_int_equal(w->first_token_t6, at + 250000);
	assert_int_equal(w->first_token_t7, at + 251000);
	assert_int_equal(w->first_token_t9, at + 300000);
}

static void test_many_marks_in_one_turn(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;
	struct record_event sent[50], got[50];

	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t ns = at + RIG_MS * (i + 1);
		end_mark(&r->provider, WIRE_LANE_OUT, 20, ns, 9);
		end_mark(&r->upstream, WIRE_LANE_IN, 20, ns + 10, 0);
		end_mark(&r->upstream, WIRE_LANE_READ, 20, ns + 20, RIG_GATEWAY_TID);
		end_mark(&r->gateway, WIRE_LANE_OUT, 20, ns + 30 + i, RIG_GATEWAY_TID);
		end_mark(&r->driver, WIRE_LANE_IN, 20, ns + 100, 0);
		sent[i] = got[i] = (struct record_event){RIG_ANSWER_BYTES + 20 * (i + 1), ns};
	}
	struct record_request q = rig_request_record(r, 1, at);
	q.in_start_pos = 0;
	q.end_ns = at + 51 * RIG_MS;
	struct record_provider p = rig_provider_record(r, 1, at);
	p.out_start_pos = 0;
	rig_turns(r, 0);
	feed_events(r, r->provider.cookie, 1, false, sent, 50);
	feed_events(r, r->driver.cookie, 1, true, got, 50);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	const struct whole_request *w = &r->got[0];
	assert_int_equal(w->chunks, 50);
	assert_false(w->inexact);
	for (uint64_t i = 0; i < 50; i++) {
		assert_int_equal(w->chunk[i].readable_ns, at + RIG_MS * (i + 1) + 10);
		assert_int_equal(w->chunk[i].sent_ns, at + RIG_MS * (i + 1) + 30 + i);
	}
}

int main(void)
{
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup_rig, teardown_rig)
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_plain),
		RIG_TEST(test_keep_alive),
		RIG_TEST(test_port_reuse),
		RIG_TEST(test_network_namespaces),
		RIG_TEST(test_100_continue),
		RIG_TEST(test_tls_shares_flips),
		RIG_TEST(test_retry_has_two_turns),
		RIG_TEST(test_snapshot_is_superseded),
		RIG_TEST(test_pauses_are_gaps),
		RIG_TEST(test_early_answer),
		RIG_TEST(test_starved_until_the_first_token),
		RIG_TEST(test_chunks_by_position),
		RIG_TEST(test_answer_without_an_end),
		RIG_TEST(test_many_marks_in_one_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
