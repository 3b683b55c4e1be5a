// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/timeline_rig.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void take(void *ctx, const struct whole_request *w)
{
	struct rig *r = ctx;

	assert(r->count < RIG_GOT_MAX);
	assert(w->chunks <= RIG_CHUNKS_MAX);
	r->got[r->count] = *w;
	if (w->chunks)
		memcpy(r->chunk, w->chunk, w->chunks * sizeof(*w->chunk));
	r->got[r->count++].chunk = r->chunk;
}

void rig_open_inbound(struct rig *r, uint64_t base, uint16_t port, uint64_t ns)
{
	const struct tuple_text tuple = {"127.0.0.1", port, "127.0.0.1", 8080};

	end_open(&r->driver, r->t, base, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &tuple, 1, ns - 100, ns);
	end_open(&r->gateway, r->t, base + 1, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, &tuple, 1, ns + 10, ns + 10);
}

void rig_open_upstream(struct rig *r, uint64_t base, uint16_t port, uint64_t ns)
{
	const struct tuple_text tuple = {"127.0.0.1", port, "127.0.0.1", 9000};

	end_open(&r->upstream, r->t, base, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &tuple, 1, ns - 100, ns);
	end_open(&r->provider, r->t, base + 1, WIRE_ROLE_PROVIDER, WIRE_SIDE_SERVER, &tuple, 1, ns + 10, ns + 10);
}

void rig_new(struct rig *r, bool provider_is_ours, bool attach)
{
	const struct timeline_config config = {.attach = attach, .provider_is_ours = provider_is_ours, .whole = take, .ctx = r};

	memset(r, 0, sizeof(*r));
	r->t = timeline_new(&config);
	assert(r->t);
	rig_open_inbound(r, 1, 40000, RIG_S / 2);
	rig_open_upstream(r, 3, 50000, RIG_S / 2);
}

void rig_free(struct rig *r)
{
	timeline_free(r->t);
}

void rig_inbound_marks(struct rig *r, uint64_t at)
{
	end_mark(&r->driver, WIRE_LANE_OUT, RIG_REQUEST_BYTES, at + RIG_T1, 5);
	end_mark(&r->gateway, WIRE_LANE_IN, RIG_REQUEST_BYTES, at + RIG_T2, 0);
	end_mark(&r->gateway, WIRE_LANE_READ, RIG_REQUEST_BYTES, at + RIG_T3, RIG_GATEWAY_TID);
	end_mark(&r->gateway, WIRE_LANE_OUT, RIG_ANSWER_BYTES, at + RIG_T9, RIG_GATEWAY_TID);
	end_mark(&r->driver, WIRE_LANE_IN, RIG_ANSWER_BYTES, at + RIG_T10, 0);
	end_mark(&r->driver, WIRE_LANE_READ, RIG_ANSWER_BYTES, at + RIG_END, 5);
}

void rig_upstream_marks(struct rig *r, uint64_t at)
{
	end_mark(&r->upstream, WIRE_LANE_OUT, RIG_REQUEST_BYTES, at + RIG_T4, RIG_GATEWAY_TID);
	end_mark(&r->provider, WIRE_LANE_IN, RIG_REQUEST_BYTES, at + RIG_T5, 0);
	end_mark(&r->provider, WIRE_LANE_READ, RIG_REQUEST_BYTES, at + RIG_T5 + 500, 9);
	end_mark(&r->provider, WIRE_LANE_OUT, RIG_ANSWER_BYTES, at + RIG_T6, 9);
	end_mark(&r->upstream, WIRE_LANE_IN, RIG_ANSWER_BYTES, at + RIG_T7, 0);
	end_mark(&r->upstream, WIRE_LANE_READ, RIG_ANSWER_BYTES, at + RIG_T8, RIG_GATEWAY_TID);
}

struct record_request rig_request_record(const struct rig *r, uint64_t id, uint64_t at)
{
	const uint64_t out = r->driver.pos[WIRE_LANE_OUT], in = r->driver.pos[WIRE_LANE_IN];

	return (struct record_request){.id = id,
				       .http_status = 200,
				       .flags = RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED,
				       .due_ns = at,
				       .sent_ns = at,
				       .end_ns = at + RIG_END,
				       .conn = r->driver.cookie,
				       .out_start_pos = out - RIG_REQUEST_BYTES,
				       .out_end_pos = out,
				       .in_start_pos = in - RIG_ANSWER_BYTES,
				       .in_end_pos = in};
}

struct record_provider rig_provider_record(const struct rig *r, uint64_t tag, uint64_t at)
{
	const uint64_t in = r->provider.pos[WIRE_LANE_IN], out = r->provider.pos[WIRE_LANE_OUT];

	return (struct record_provider){.tag = tag,
					.conn = r->provider.cookie,
					.in_start_pos = in - RIG_REQUEST_BYTES,
					.in_end_pos = in,
					.out_start_pos = out - RIG_ANSWER_BYTES,
					.out_end_pos = out,
					.request_first_ns = at + RIG_T5 + 500,
					.request_last_ns = at + RIG_T5 + 500,
					.answer_first_ns = at + RIG_T6 - 500,
					.answer_last_ns = at + RIG_T6 + 500,
					.http_status = 200};
}

void rig_turns(struct rig *r, uint16_t flags)
{
	end_turn(&r->driver, flags);
	end_turn(&r->gateway, flags);
	end_turn(&r->upstream, flags);
	end_turn(&r->provider, flags);
}

void rig_plain(struct rig *r, uint64_t id, uint64_t at)
{
	rig_inbound_marks(r, at);
	rig_upstream_marks(r, at);
	const struct record_request request = rig_request_record(r, id, at);
	const struct record_provider provider = rig_provider_record(r, id, at);
	rig_turns(r, 0);
	timeline_provider(r->t, &provider);
	timeline_request(r->t, &request);
}

struct rig *rig_of(void **state)
{
	return *state;
}

int setup_rig(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	rig_new(r, true, false);
	*state = r;
	return 0;
}

int teardown_rig(void **state)
{
	struct rig *r = *state;

	rig_free(r);
	free(r);
	return 0;
}
