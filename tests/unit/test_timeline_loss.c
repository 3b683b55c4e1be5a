// rooms: base record timeline tests/support/wires tests/support/timeline_rig
// SPDX-License-Identifier: GPL-2.0-only
/* What a timeline says when parts are missing, late, or not ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"
#include "tests/support/timeline_rig.h"

static void count_loss(struct rig *r, enum wire_counter counter)
{
	uint64_t counters[WIRE_COUNTERS] = {0};

	counters[counter] = 1;
	timeline_counters(r->t, counters);
}

/* A request that the gateway answers by itself: no upstream turn, no record of the provider. */
static void local_answer(struct rig *r, uint64_t id, uint64_t at, uint32_t flags)
{
	rig_inbound_marks(r, at);
	struct record_request q = rig_request_record(r, id, at);
	q.flags = flags;
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, 0);
	timeline_request(r->t, &q);
}

static void test_cache_hit(void **state)
{
	struct rig *r = rig_of(state);

	local_answer(r, 1, RIG_S, RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED);
	local_answer(r, 2, RIG_S + RIG_MS, RECORD_POSITIONS | RECORD_CONN_REUSED);
	timeline_tick(r->t, 3 * RIG_S);
	assert_int_equal(r->count, 0); /* the provider's record may still come */
	timeline_tick(r->t, 5 * RIG_S);
	assert_int_equal(r->count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(r->got[i].unmatched, TIMELINE_MATCHED);
		assert_true(r->got[i].cache_hit);
		assert_int_equal(r->got[i].upstreams, 0);
	}
	assert_int_equal(timeline_stats(r->t)->cache_hits, 2);
}

static void test_no_cache_hit_after_loss(void **state)
{
	static const enum wire_counter losses[] = {WIRE_COUNT_RING_FULL, WIRE_COUNT_STORAGE_REFUSED, WIRE_COUNT_TARGETS_FULL,
						   WIRE_COUNT_MARKS_BOUND};

	for (unsigned i = 0; i < 4; i++) {
		struct rig *r = rig_of(state);
		rig_free(r);
		rig_new(r, true, false);
		local_answer(r, 1, RIG_S, RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED);
		timeline_tick(r->t, 2 * RIG_S);
		count_loss(r, losses[i]);
		timeline_tick(r->t, 5 * RIG_S);
		assert_int_equal(r->got[0].unmatched, TIMELINE_NO_UPSTREAM_SEEN);
		assert_false(r->got[0].cache_hit);
		/* the loss is history for what begins later */
		local_answer(r, 2, 6 * RIG_S, RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED);
		timeline_tick(r->t, 10 * RIG_S);
		assert_true(r->got[1].cache_hit);
	}
}

static void test_other_counters_are_no_loss(void **state)
{
	struct rig *r = rig_of(state);

	local_answer(r, 1, RIG_S, RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED);
	count_loss(r, WIRE_COUNT_RETRANSMITS);
	timeline_finish(r->t);
	assert_true(r->got[0].cache_hit);
}

static void lose_one(struct rig *r, struct end *lost, enum timeline_unmatched cause)
{
	rig_plain(r, 1, RIG_S);
	rig_inbound_marks(r, 2 * RIG_S);
	rig_upstream_marks(r, 2 * RIG_S);
	const struct record_request q = rig_request_record(r, 2, 2 * RIG_S);
	const struct record_provider p = rig_provider_record(r, 2, 2 * RIG_S);
	struct end *const all[] = {&r->driver, &r->gateway, &r->upstream, &r->provider};
	for (unsigned i = 0; i < 4; i++) {
		if (all[i] == lost)
			end_lose(all[i]);
		else
			end_turn(all[i], 0);
	}
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	rig_plain(r, 3, 3 * RIG_S);
	timeline_tick(r->t, 10 * RIG_S);
	assert_int_equal(r->count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r->got[i].unmatched, r->got[i].driver.id == 2 ? cause : TIMELINE_MATCHED);
	assert_int_equal(timeline_stats(r->t)->unmatched[cause], cause == TIMELINE_MATCHED ? 3 : 1);
	assert_int_equal(timeline_stats(r->t)->order_violations, 0);
}

static void test_lost_driver_turn(void **state)
{
	lose_one(rig_of(state), &rig_of(state)->driver, TIMELINE_NO_DRIVER_TURN);
}

static void test_lost_inbound_turn(void **state)
{
	lose_one(rig_of(state), &rig_of(state)->gateway, TIMELINE_NO_INBOUND_TURN);
}

static void test_lost_upstream_turn(void **state)
{
	lose_one(rig_of(state), &rig_of(state)->upstream, TIMELINE_NO_UPSTREAM_TURN);
}

/* Without the provider's end the gateway's own marks still stand. */
static void test_lost_provider_turn(void **state)
{
	struct rig *r = rig_of(state);

	lose_one(r, &r->provider, TIMELINE_MATCHED);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r->got[i].upstream[0].t5 == 0, r->got[i].driver.id == 2);
}

static void test_process_between(void **state)
{
	struct rig *r = rig_of(state);
	const struct tuple_text tuple = {"127.0.0.1", 42000, "127.0.0.1", 8081};
	uint16_t port[4];

	end_open(&r->driver, r->t, 40, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &tuple, 1, RIG_S, RIG_S);
	rig_plain(r, 1, RIG_S + RIG_MS);
	timeline_finish(r->t);
	assert_int_equal(r->got[0].unmatched, TIMELINE_NO_INBOUND_CONN);
	assert_int_equal(timeline_stats(r->t)->conns_foreign, 1);
	assert_int_equal(timeline_foreign_ports(r->t, port, 4), 1);
	assert_int_equal(port[0], 42000);
	assert_int_equal(timeline_foreign_ports(r->t, port, 0), 0);
}

/* The gateway's CONN record was refused by a full ring: that is no process between. */
static void test_lost_gateway_conn(void **state)
{
	struct rig *r = rig_of(state);
	const struct tuple_text tuple = {"127.0.0.1", 42000, "127.0.0.1", 8080};

	end_open(&r->driver, r->t, 40, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &tuple, 1, RIG_S, RIG_S);
	rig_plain(r, 1, RIG_S + RIG_MS);
	timeline_tick(r->t, 2 * RIG_S);
	r->count = 0;
	count_loss(r, WIRE_COUNT_RING_FULL);
	timeline_finish(r->t);
	assert_int_equal(r->got[0].unmatched, TIMELINE_NO_INBOUND_TURN);
	assert_int_equal(timeline_stats(r->t)->conns_foreign, 0);
}

static void test_failed_requests(void **state)
{
	struct rig *r = rig_of(state);
	const struct record_request refused = {.id = 1, .outcome = RECORD_CONNECT_FAILED, .due_ns = RIG_S, .end_ns = RIG_S + 1};

	timeline_request(r->t, &refused);
	/* timed out: the gateway has read it, no answer */
	end_mark(&r->driver, WIRE_LANE_OUT, 300, 2 * RIG_S + RIG_T1, 0);
	end_mark(&r->gateway, WIRE_LANE_IN, 300, 2 * RIG_S + RIG_T2, 0);
	end_mark(&r->gateway, WIRE_LANE_READ, 300, 2 * RIG_S + RIG_T3, 0);
	struct record_request timeout = {.id = 2,
					 .outcome = RECORD_TIMEOUT,
					 .flags = RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED,
					 .due_ns = 2 * RIG_S,
					 .end_ns = 3 * RIG_S,
					 .conn = 1,
					 .out_end_pos = 300};
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, 0);
	timeline_request(r->t, &timeout);
	timeline_finish(r->t);
	assert_int_equal(r->count, 2);
	assert_int_equal(r->got[0].unmatched, TIMELINE_FAILED_REQUEST);
	assert_int_equal(r->got[1].unmatched, TIMELINE_FAILED_REQUEST);
	assert_int_equal(r->got[1].t3, 2 * RIG_S + RIG_T3); /* what was seen is kept */
}

/* An answer with an error status, or one that failed a check, is whole. */
static void test_errors_with_answers_are_whole(void **state)
{
	static const uint16_t outcomes[] = {RECORD_HTTP_ERROR, RECORD_CHECK_FAILED, RECORD_MALFORMED};
	struct rig *r = rig_of(state);

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t at = RIG_S * (i + 1);
		rig_inbound_marks(r, at);
		rig_upstream_marks(r, at);
		struct record_request q = rig_request_record(r, i + 1, at);
		q.outcome = outcomes[i];
		q.http_status = 502; /* ... and not the provider's */
		const struct record_provider p = rig_provider_record(r, i + 1, at);
		rig_turns(r, 0);
		timeline_request(r->t, &q);
		timeline_provider(r->t, &p);
	}
	timeline_finish(r->t);
	assert_int_equal(timeline_stats(r->t)->whole, 3);
}

static void test_found_open(void **state)
{
	struct rig *r = rig_of(state);
	const struct tuple_text tuple = {"127.0.0.1", 43000, "127.0.0.1", 8080};

	end_found_open(&r->driver, r->t, 50, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &tuple, RIG_S, 900, 1300, 0);
	end_found_open(&r->gateway, r->t, 51, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, &tuple, RIG_S + 5, 1300, 900,
		       WIRE_CONN_MID_TURN);
	/* the request was half in when the gateway's end was found */
	rig_inbound_marks(r, RIG_S + 1);
	struct record_request half = rig_request_record(r, 1, RIG_S);
	half.out_start_pos -= 100;
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, WIRE_TURN_MID);
	timeline_request(r->t, &half);
	rig_plain(r, 2, 2 * RIG_S);
	timeline_finish(r->t);
	assert_int_equal(r->count, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r->got[i].unmatched, r->got[i].driver.id == 1 ? TIMELINE_OPEN_AT_ATTACH : TIMELINE_MATCHED);
	assert_int_equal(timeline_stats(r->t)->conns_found_open, 2);
	assert_int_equal(timeline_stats(r->t)->turns_mid, 1);
}

/* Marks of a turn that the ring refused: first and last stand, what lies between is flagged. */
static void test_dropped_marks(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	struct record_request q = rig_request_record(r, 1, at);
	const struct record_provider p = rig_provider_record(r, 1, at);
	for (unsigned i = 0; i < 3; i++)
		end_mark(&r->gateway, WIRE_LANE_OUT, 10, at + RIG_T9 + 100 * (i + 1), RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, 30, at + RIG_T10 + 400, 0);
	q.in_end_pos += 20; /* ends in the middle of what follows */
	r->gateway.sent[WIRE_LANE_OUT] = 4; /* never sent */
	rig_turns(r, WIRE_TURN_MARKS_DROPPED);
	timeline_request(r->t, &q);
	timeline_provider(r->t, &p);
	timeline_finish(r->t);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MATCHED);
	assert_true(r->got[0].inexact);
	assert_int_equal(r->got[0].t9, at + RIG_T9);
	assert_int_equal(r->got[0].t9_last, at + RIG_T9 + 300);
	assert_int_equal(timeline_stats(r->t)->inexact, 1);
}

static void test_rejected_records(void **state)
{
	struct rig *r = rig_of(state);
	struct wire_turn turn = {.h = {.kind = WIRE_KIND_TURN, .size = sizeof(turn)}};

	assert_int_equal(timeline_wire(r->t, &turn, sizeof(turn) - 8), -EPROTO);
	turn.h.kind = 99;
	assert_int_equal(timeline_wire(r->t, &turn, sizeof(turn)), -EPROTO);
	assert_int_equal(timeline_stats(r->t)->wire_rejected, 2);
}

static void test_unaligned_record(void **state)
{
	struct rig *r = rig_of(state);
	char raw[sizeof(struct wire_close) + 1];
	const struct wire_close c = {.h = {.kind = WIRE_KIND_CLOSE, .size = sizeof(c), .time_ns = RIG_S}, .conn = 1};

	memcpy(raw + 1, &c, sizeof(c));
	assert_int_equal(timeline_wire(r->t, raw + 1, sizeof(c)), 0);
}

/* Records of one request in the worst order: ends first, marks last. */
static void test_records_before_their_turns(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	const struct record_request q = rig_request_record(r, 1, at);
	const struct record_provider p = rig_provider_record(r, 1, at);
	timeline_request(r->t, &q);
	timeline_tick(r->t, at + 300 * RIG_MS);
	timeline_provider(r->t, &p);
	timeline_tick(r->t, at + 900 * RIG_MS);
	assert_int_equal(r->count, 0);
	rig_turns(r, WIRE_TURN_STILL_OPEN); /* the flush of an idle connection */
	timeline_tick(r->t, at + 1600 * RIG_MS);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MATCHED);
}

/* A failed attempt's record waits for a stream that ends a minute later, while its connection goes on serving others. */
static void test_attempt_before_a_long_stream(void **state)
{
	struct rig *r = rig_of(state);
	uint64_t at = RIG_S;

	rig_upstream_marks(r, at);
	struct record_provider first = rig_provider_record(r, 1, at);
	first.http_status = 500;
	end_turn(&r->upstream, 0);
	end_turn(&r->provider, 0);
	timeline_provider(r->t, &first);
	struct rig inbound = *r; /* the stream's own connections */
	rig_open_inbound(&inbound, 60, 44000, at - 1000);
	rig_open_upstream(&inbound, 62, 45000, at - 1000);
	for (uint64_t i = 1; i <= 60; i++) {
		rig_plain(r, 100 + i, at + i * RIG_S);
		timeline_tick(r->t, at + i * RIG_S + RIG_S / 2);
	}
	r->count = 0;
	rig_inbound_marks(&inbound, at + 61 * RIG_S);
	rig_upstream_marks(&inbound, at + 61 * RIG_S);
	inbound.gateway.mark[WIRE_LANE_IN][0].time_ns = at + RIG_T2;
	inbound.gateway.mark[WIRE_LANE_READ][0].time_ns = at + RIG_T3;
	inbound.driver.mark[WIRE_LANE_OUT][0].time_ns = at + RIG_T1;
	struct record_request q = rig_request_record(&inbound, 1, at + 61 * RIG_S);
	q.due_ns = at;
	const struct record_provider p = rig_provider_record(&inbound, 1, at + 61 * RIG_S);
	rig_turns(&inbound, 0);
	timeline_provider(r->t, &p);
	timeline_request(r->t, &q);
	timeline_tick(r->t, at + 63 * RIG_S);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MATCHED);
	assert_int_equal(r->got[0].upstreams, 2);
	assert_int_equal(r->got[0].upstream[0].t4, at + RIG_T4);
	assert_int_equal(r->got[0].upstream[0].t8, at + RIG_T8);
	assert_true(r->got[0].upstream[1].answered);
}

static void test_unclaimed_provider_records(void **state)
{
	struct rig *r = rig_of(state);

	rig_upstream_marks(r, RIG_S);
	const struct record_provider stranger = rig_provider_record(r, 999, RIG_S);
	end_turn(&r->upstream, 0);
	end_turn(&r->provider, 0);
	timeline_provider(r->t, &stranger);
	timeline_finish(r->t);
	assert_int_equal(r->count, 0);
	assert_int_equal(timeline_stats(r->t)->provider_unclaimed, 1);
}

static void test_multiplexed(void **state)
{
	struct rig *r = rig_of(state);
	struct record_request q[3];

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t at = RIG_S * (i + 1);
		rig_inbound_marks(r, at);
		rig_upstream_marks(r, at);
		q[i] = rig_request_record(r, i + 1, at);
		q[i].flags |= RECORD_HTTP2;
		const struct record_provider p = rig_provider_record(r, i + 1, at);
		rig_turns(r, 0);
		timeline_provider(r->t, &p);
	}
	q[1].sent_ns = q[0].sent_ns + 1; /* its stream was open during the first */
	for (unsigned i = 0; i < 3; i++)
		timeline_request(r->t, &q[i]);
	timeline_finish(r->t);
	assert_int_equal(r->count, 3);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MULTIPLEXED);
	assert_int_equal(r->got[1].unmatched, TIMELINE_MULTIPLEXED);
	assert_int_equal(r->got[2].unmatched, TIMELINE_MATCHED);
}

/* A driver that could not log positions: its kernel turn within the request's times. */
static void test_without_positions(void **state)
{
	struct rig *r = rig_of(state);

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t at = RIG_S + i * RIG_MS;
		rig_inbound_marks(r, at);
		rig_upstream_marks(r, at);
		struct record_request q = rig_request_record(r, i + 1, at);
		q.flags &= ~(uint32_t)RECORD_POSITIONS;
		q.out_start_pos = q.out_end_pos = q.in_start_pos = q.in_end_pos = 0;
		const struct record_provider p = rig_provider_record(r, i + 1, at);
		rig_turns(r, 0);
		timeline_provider(r->t, &p);
		timeline_request(r->t, &q);
	}
	timeline_finish(r->t);
	assert_int_equal(r->count, 3);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(r->got[i].unmatched, TIMELINE_MATCHED);
		assert_int_equal(r->got[i].t9, RIG_S + i * RIG_MS + RIG_T9);
		assert_int_equal(r->got[i].joined_by, TIMELINE_JOIN_ORDER);
	}
}

int main(void)
{
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup_rig, teardown_rig)
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_cache_hit),
		RIG_TEST(test_no_cache_hit_after_loss),
		RIG_TEST(test_other_counters_are_no_loss),
		RIG_TEST(test_lost_driver_turn),
		RIG_TEST(test_lost_inbound_turn),
		RIG_TEST(test_lost_upstream_turn),
		RIG_TEST(test_lost_provider_turn),
		RIG_TEST(test_process_between),
		RIG_TEST(test_lost_gateway_conn),
		RIG_TEST(test_failed_requests),
		RIG_TEST(test_errors_with_answers_are_whole),
		RIG_TEST(test_found_open),
		RIG_TEST(test_dropped_marks),
		RIG_TEST(test_rejected_records),
		RIG_TEST(test_unaligned_record),
		RIG_TEST(test_records_before_their_turns),
		RIG_TEST(test_attempt_before_a_long_stream),
		RIG_TEST(test_unclaimed_provider_records),
		RIG_TEST(test_multiplexed),
		RIG_TEST(test_without_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
