// rooms: base record timeline tests/support/wires tests/support/timeline_rig
// SPDX-License-Identifier: GPL-2.0-only
/* Joins without a tag: by order and thread, with peers that are not ours, and in attach mode. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"
#include "tests/support/timeline_rig.h"

#define UNTAGGED (RECORD_POSITIONS | RECORD_CONN_REUSED)

static struct rig *rig_with(void **state, bool provider_is_ours, bool attach)
{
	struct rig *r = malloc(sizeof(*r));

	rig_new(r, provider_is_ours, attach);
	*state = r;
	return r;
}

/* The gateway's connection `cookie` to a peer that is not watched. */
static void open_foreign(struct rig *r, struct end *e, uint64_t cookie, uint16_t peer_port, uint64_t ns)
{
	const struct tuple_text tuple = {"127.0.0.1", (uint16_t)(50000 + cookie), "203.0.113.7", peer_port};

	end_open(e, r->t, cookie, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &tuple, 1, ns - 1000, ns);
}

static void foreign_turn(struct end *e, uint64_t sent_ns, uint64_t read_ns, uint32_t sender, uint32_t reader)
{
	end_mark(e, WIRE_LANE_OUT, 300, sent_ns, sender);
	end_mark(e, WIRE_LANE_IN, 500, read_ns - 1000, 0);
	end_mark(e, WIRE_LANE_READ, 500, read_ns, reader);
	end_turn(e, 0);
}

static void request_untagged(struct rig *r, uint64_t id, uint64_t at)
{
	struct record_request q = rig_request_record(r, id, at);

	q.flags = UNTAGGED;
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, 0);
	timeline_request(r->t, &q);
}

static const struct whole_request *got(const struct rig *r, uint64_t id)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->got[i].driver.id == id)
			return &r->got[i];
	return NULL;
}

static void test_untagged_by_our_provider(void **state)
{
	struct rig *r = rig_with(state, true, false);

	for (uint64_t i = 1; i <= 5; i++) {
		uint64_t at = RIG_S + i * RIG_MS;
		rig_inbound_marks(r, at);
		rig_upstream_marks(r, at);
		const struct record_provider p = rig_provider_record(r, 0, at);
		end_turn(&r->upstream, 0);
		end_turn(&r->provider, 0);
		timeline_provider(r->t, &p);
		request_untagged(r, i, at);
	}
	timeline_tick(r->t, 6 * RIG_S);
	assert_int_equal(r->count, 5);
	for (uint64_t i = 1; i <= 5; i++) {
		const struct whole_request *w = got(r, i);
		assert_int_equal(w->unmatched, TIMELINE_MATCHED);
		assert_int_equal(w->upstreams, 1);
		assert_int_equal(w->upstream[0].t6, RIG_S + i * RIG_MS + RIG_T6);
		assert_int_equal(w->joined_by, TIMELINE_JOIN_THREAD);
		assert_false(w->cache_hit);
	}
	assert_int_equal(timeline_stats(r->t)->provider_untagged, 5);
	timeline_finish(r->t);
	assert_int_equal(timeline_stats(r->t)->provider_unclaimed, 0);
}

/* A health check of the gateway's own is nobody's, and no request's answer. */
static void test_stray_turn_of_our_provider(void **state)
{
	struct rig *r = rig_with(state, true, false);

	rig_upstream_marks(r, RIG_S);
	const struct record_provider check = rig_provider_record(r, 0, RIG_S);
	end_turn(&r->upstream, 0);
	end_turn(&r->provider, 0);
	timeline_provider(r->t, &check);
	rig_plain(r, 1, 2 * RIG_S);
	timeline_tick(r->t, 3 * RIG_S);
	/* a tagged class whose tags do arrive does not take an untagged turn for its own */
	rig_upstream_marks(r, 4 * RIG_S);
	const struct record_provider inside = rig_provider_record(r, 0, 4 * RIG_S);
	end_turn(&r->upstream, 0);
	end_turn(&r->provider, 0);
	timeline_provider(r->t, &inside);
	rig_inbound_marks(r, 4 * RIG_S);
	const struct record_request hit = rig_request_record(r, 2, 4 * RIG_S);
	end_turn(&r->driver, 0);
	end_turn(&r->gateway, 0);
	timeline_request(r->t, &hit);
	timeline_finish(r->t);
	assert_int_equal(got(r, 1)->upstreams, 1);
	assert_int_equal(got(r, 2)->upstreams, 0);
	assert_true(got(r, 2)->cache_hit);
	assert_int_equal(timeline_stats(r->t)->provider_unclaimed, 2);
}

static void test_foreign_peer(void **state)
{
	struct rig *r = rig_with(state, false, false);
	struct end up;

	open_foreign(r, &up, 30, 80, RIG_S / 2);
	for (uint64_t i = 1; i <= 3; i++) {
		uint64_t at = RIG_S + i * RIG_MS;
		rig_inbound_marks(r, at);
		foreign_turn(&up, at + RIG_T4, at + RIG_T8, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
		request_untagged(r, i, at);
	}
	timeline_finish(r->t);
	for (uint64_t i = 1; i <= 3; i++) {
		const struct whole_request *w = got(r, i);
		assert_int_equal(w->unmatched, TIMELINE_MATCHED);
		assert_int_equal(w->upstreams, 1);
		assert_int_equal(w->upstream[0].t5, 0);
		assert_int_equal(w->upstream[0].t4, RIG_S + i * RIG_MS + RIG_T4);
		assert_int_equal(w->upstream[0].t8, RIG_S + i * RIG_MS + RIG_T8);
		assert_int_equal(w->upstream[0].peer_index, UINT32_MAX);
		assert_int_equal(w->upstream[0].peer_addr[12], 203);
		assert_int_equal(w->upstream[0].joined_by, TIMELINE_JOIN_THREAD);
		assert_true(w->upstream[0].answered);
	}
}

/* With a provider of ours a cache or a database is a side call. */
static void test_side_calls(void **state)
{
	struct rig *r = rig_with(state, true, false);
	struct end cache;

	open_foreign(r, &cache, 30, 6379, RIG_S / 2);
	foreign_turn(&cache, RIG_S + 6000, RIG_S + 7000, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	foreign_turn(&cache, RIG_S + 66000, RIG_S + 67000, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	foreign_turn(&cache, RIG_S + 90000, RIG_S + 91000, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	rig_plain(r, 1, RIG_S);
	timeline_finish(r->t);
	assert_int_equal(got(r, 1)->unmatched, TIMELINE_MATCHED);
	assert_int_equal(got(r, 1)->upstreams, 1);
	assert_int_equal(got(r, 1)->side_calls, 2);
}

/* Two requests at once through one event loop: it sends right after it picked up, and answers right after it read. */
static void overlap_in_one_loop(struct rig *r, uint32_t second_sender, uint32_t second_reader)
{
	struct rig other = *r;
	struct end up, up2;

	rig_open_inbound(&other, 20, 40001, RIG_S / 2);
	open_foreign(r, &up, 30, 80, RIG_S / 2);
	open_foreign(r, &up2, 31, 80, RIG_S / 2);
	rig_inbound_marks(r, RIG_S);
	rig_inbound_marks(&other, RIG_S + 10000);
	foreign_turn(&up, RIG_S + RIG_T4, RIG_S + RIG_T8, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	foreign_turn(&up2, RIG_S + 10000 + RIG_T4, RIG_S + 10000 + RIG_T8, second_sender, second_reader);
	request_untagged(r, 1, RIG_S);
	request_untagged(&other, 2, RIG_S + 10000);
	timeline_finish(r->t);
	assert_int_equal(r->count, 2);
}

static void test_overlap_decided_by_thread(void **state)
{
	struct rig *r = rig_with(state, false, false);

	overlap_in_one_loop(r, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	assert_int_equal(got(r, 1)->upstreams, 1);
	assert_int_equal(got(r, 1)->upstream[0].t4, RIG_S + RIG_T4);
	assert_int_equal(got(r, 2)->upstreams, 1);
	assert_int_equal(got(r, 2)->upstream[0].t4, RIG_S + 10000 + RIG_T4);
}

/* A hand-off to unknown threads: the second turn lies in the second request's window only, so it is its own. */
static void test_overlap_decided_by_window(void **state)
{
	struct rig *r = rig_with(state, false, false);

	overlap_in_one_loop(r, 500, 501);
	assert_int_equal(got(r, 1)->upstreams, 1);
	assert_int_equal(got(r, 2)->upstreams, 1);
	assert_int_equal(got(r, 2)->upstream[0].joined_by, TIMELINE_JOIN_ORDER);
}

/* Both windows hold the turn and no thread tells: it is nobody's, and neither request may claim to have answered by itself. */
static void test_ambiguous_is_not_claimed(void **state)
{
	struct rig *r = rig_with(state, true, false);
	struct rig other = *r;

	rig_open_inbound(&other, 20, 40001, RIG_S / 2);
	rig_inbound_marks(r, RIG_S);
	rig_inbound_marks(&other, RIG_S + 100);
	rig_upstream_marks(r, RIG_S);
	r->upstream.mark[WIRE_LANE_OUT][0].tid = 600;
	r->upstream.mark[WIRE_LANE_READ][0].tid = 601;
	const struct record_provider p = rig_provider_record(r, 0, RIG_S);
	end_turn(&r->upstream, 0);
	end_turn(&r->provider, 0);
	timeline_provider(r->t, &p);
	request_untagged(r, 1, RIG_S);
	request_untagged(&other, 2, RIG_S + 100);
	timeline_finish(r->t);
	assert_int_equal(r->count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(r->got[i].unmatched, TIMELINE_NO_UPSTREAM_SEEN);
		assert_int_equal(r->got[i].upstreams, 0);
		assert_false(r->got[i].cache_hit);
	}
}

static void test_first_tls_turn_of_a_real_provider(void **state)
{
	struct rig *r = rig_with(state, false, false);
	struct end up;

	open_foreign(r, &up, 30, 443, RIG_S + 6000);
	rig_inbound_marks(r, RIG_S);
	foreign_turn(&up, RIG_S + RIG_T4, RIG_S + RIG_T8, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	request_untagged(r, 1, RIG_S);
	rig_inbound_marks(r, 2 * RIG_S);
	foreign_turn(&up, 2 * RIG_S + RIG_T4, 2 * RIG_S + RIG_T8, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	request_untagged(r, 2, 2 * RIG_S);
	timeline_finish(r->t);
	assert_int_equal(got(r, 1)->unmatched, TIMELINE_FIRST_TLS_TURN);
	assert_int_equal(got(r, 2)->unmatched, TIMELINE_MATCHED);
}

static void test_attach(void **state)
{
	struct rig *r = rig_with(state, false, true);
	struct end up;

	open_foreign(r, &up, 30, 80, RIG_S / 2);
	for (uint64_t i = 1; i <= 3; i++) {
		uint64_t at = RIG_S * i;
		rig_inbound_marks(r, at);
		foreign_turn(&up, at + RIG_T4, at + RIG_T8, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
		end_turn(&r->gateway, i == 3 ? WIRE_TURN_STILL_OPEN : 0);
	}
	timeline_tick(r->t, 3 * RIG_S + RIG_S / 2);
	assert_int_equal(r->count, 0);
	timeline_tick(r->t, 10 * RIG_S);
	assert_int_equal(r->count, 3);
	for (uint64_t i = 1; i <= 3; i++) {
		const struct whole_request *w = &r->got[i - 1];
		assert_int_equal(w->unmatched, TIMELINE_MATCHED);
		assert_int_equal(w->driver.id, 0);
		assert_int_equal(w->driver.due_ns, RIG_S * i + RIG_T2);
		assert_int_equal(w->t1, w->driver.due_ns);
		assert_int_equal(w->t3, RIG_S * i + RIG_T3);
		assert_int_equal(w->t9, RIG_S * i + RIG_T9);
		assert_int_equal(w->t11, RIG_S * i + RIG_T9);
		assert_int_equal(w->upstreams, 1);
		assert_int_equal(w->upstream[0].t7, RIG_S * i + RIG_T8 - 1000);
		assert_int_equal(w->joined_by, TIMELINE_JOIN_THREAD);
		assert_false(w->order_violation);
	}
	assert_int_equal(timeline_stats(r->t)->requests, 3);
}

/* A request that waits for its provider longer than the grace is not given up. */
static void test_attach_waits_for_the_answer(void **state)
{
	struct rig *r = rig_with(state, false, true);
	struct end up;

	open_foreign(r, &up, 30, 80, RIG_S / 2);
	end_mark(&r->gateway, WIRE_LANE_IN, 300, RIG_S + RIG_T2, 0);
	end_mark(&r->gateway, WIRE_LANE_READ, 300, RIG_S + RIG_T3, RIG_GATEWAY_TID);
	end_turn(&r->gateway, WIRE_TURN_STILL_OPEN);
	end_mark(&up, WIRE_LANE_OUT, 300, RIG_S + RIG_T4, RIG_GATEWAY_TID);
	end_turn(&up, WIRE_TURN_STILL_OPEN);
	for (uint64_t s = 2; s < 30; s++)
		timeline_tick(r->t, s * RIG_S);
	assert_int_equal(r->count, 0);
	end_mark(&up, WIRE_LANE_IN, 500, 30 * RIG_S, 0);
	end_mark(&up, WIRE_LANE_READ, 500, 30 * RIG_S + 1000, RIG_GATEWAY_TID);
	end_turn(&up, 0);
	end_mark(&r->gateway, WIRE_LANE_OUT, 500, 30 * RIG_S + 9000, RIG_GATEWAY_TID);
	end_turn(&r->gateway, 0);
	for (uint64_t s = 31; s < 40; s++)
		timeline_tick(r->t, s * RIG_S);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->got[0].unmatched, TIMELINE_MATCHED);
	assert_int_equal(r->got[0].upstreams, 1);
	assert_int_equal(r->got[0].upstream[0].t4, RIG_S + RIG_T4);
	assert_int_equal(r->got[0].upstream[0].t7, 30 * RIG_S);
}

static void test_attach_leaves_inner_hops_out(void **state)
{
	struct rig *r = rig_with(state, false, true);
	const struct tuple_text tuple = {"127.0.0.1", 46000, "127.0.0.1", 7000};
	struct end caller, server, up;

	end_open(&caller, r->t, 70, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &tuple, 1, RIG_S / 2, RIG_S / 2);
	end_open(&server, r->t, 71, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, &tuple, 1, RIG_S / 2, RIG_S / 2);
	open_foreign(r, &up, 30, 80, RIG_S / 2);
	rig_inbound_marks(r, RIG_S);
	foreign_turn(&caller, RIG_S + 6000, RIG_S + 68000, RIG_GATEWAY_TID, RIG_GATEWAY_TID);
	end_mark(&server, WIRE_LANE_IN, 300, RIG_S + 6500, 0);
	end_mark(&server, WIRE_LANE_READ, 300, RIG_S + 7000, RIG_GATEWAY_TID + 1);
	end_mark(&server, WIRE_LANE_OUT, 500, RIG_S + 66000, RIG_GATEWAY_TID + 1);
	end_turn(&server, 0);
	foreign_turn(&up, RIG_S + RIG_T4, RIG_S + RIG_T8, RIG_GATEWAY_TID + 1, RIG_GATEWAY_TID + 1);
	end_turn(&r->gateway, 0);
	timeline_finish(r->t);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->got[0].upstreams, 1);
	assert_int_equal(r->got[0].upstream[0].conn, 30);
	assert_int_equal(timeline_stats(r->t)->requests, 1);
}

int main(void)
{
#define RIG_TEST(f) cmocka_unit_test_teardown(f, teardown_rig)
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_untagged_by_our_provider),
		RIG_TEST(test_stray_turn_of_our_provider),
		RIG_TEST(test_foreign_peer),
		RIG_TEST(test_side_calls),
		RIG_TEST(test_overlap_decided_by_thread),
		RIG_TEST(test_overlap_decided_by_window),
		RIG_TEST(test_ambiguous_is_not_claimed),
		RIG_TEST(test_first_tls_turn_of_a_real_provider),
		RIG_TEST(test_attach),
		RIG_TEST(test_attach_waits_for_the_answer),
		RIG_TEST(test_attach_leaves_inner_hops_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
