// rooms: base record/request_stats timeline/names timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait attribution
// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cut against a painter that knows no cursor: it asks for every stretch between two marks who owns it, by the written precedence.
 * Random timelines: any number of upstream turns, overlapping, marks missing or out of order, gaps, early answers.
 */
#include <string.h>

#include "attribution/attribution.h"
#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define ROUNDS 20000
#define STAGES_MAX 128

/* A stage ends at its mark; the first stage in order whose end is still to come owns the instant, unless one of its spans holds it. */
struct stage {
	uint64_t end_ns;
	enum phase phase;
	struct {
		enum phase phase;
		const struct timeline_gap *gap;
		uint32_t gaps;
	} over[4];
	unsigned overs;
};

struct painter {
	struct stage stage[STAGES_MAX];
	unsigned stages;
	struct timeline_gap own[64]; /* spans between two marks */
	unsigned owns;
};

static struct stage *stage_add(struct painter *p, uint64_t end_ns, enum phase phase)
{
	struct stage *s = &p->stage[p->stages++];

	*s = (struct stage){.end_ns = end_ns, .phase = phase};
	return s;
}

static void over_gaps(struct stage *s, enum phase phase, const struct timeline_gap *gap, uint32_t gaps)
{
	s->over[s->overs].phase = phase;
	s->over[s->overs].gap = gap;
	s->over[s->overs++].gaps = gaps;
}

static void over_span(struct painter *p, struct stage *s, enum phase phase, uint64_t start_ns, uint64_t end_ns)
{
	if (!start_ns)
		return;
	p->own[p->owns] = (struct timeline_gap){start_ns, end_ns};
	over_gaps(s, phase, &p->own[p->owns++], 1);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void paint_connect(struct painter *p, struct stage *s, const struct whole_upstream *u)
{
	over_span(p, s, PHASE_UPSTREAM_DNS, u->dns.start_ns, u->dns.end_ns);
	over_span(p, s, PHASE_UPSTREAM_CONNECT, u->syn_ns, u->established_ns);
	over_span(p, s, PHASE_UPSTREAM_TLS, u->established_ns, u->tls_end_ns);
}

/* Up to t9: everything is bounded by it. */
static void paint_upstreams(struct painter *p, const struct whole_request *w, uint64_t t9)
{
	uint32_t owner = w->upstreams - 1;

	for (uint32_t i = 0; i < w->upstreams; i++)
		if (w->upstream[i].answered)
			owner = i;
	struct stage *s = stage_add(p, least(w->upstream[0].t4, t9), PHASE_PROCESS_REQUEST);
	over_gaps(s, PHASE_REQUEST_ARRIVAL, w->gap, w->gaps);
	paint_connect(p, s, &w->upstream[0]);
	for (uint32_t i = 0; i <= owner; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		uint64_t end = i < owner && u[1].t4 ? least(u[1].t4, t9) : t9, answer = u->t7 ? least(u->t7, end) : end;
		s = stage_add(p, least(u->t4_last, answer), PHASE_PROCESS_REQUEST);
		over_gaps(s, PHASE_REQUEST_ARRIVAL, w->gap, w->gaps);
		stage_add(p, least(u->t5_last, answer), PHASE_NETWORK);
		stage_add(p, least(u->t6, answer), PHASE_PROVIDER);
		if (u->t7) {
			stage_add(p, answer, u->t6 ? PHASE_NETWORK : PHASE_PROVIDER);
			stage_add(p, least(u->t8, end), PHASE_PICK_UP_RESPONSE);
		}
		bool last = i == owner;
		uint64_t until = last ? t9 : least(u[1].t4, t9);
		s = stage_add(p, until, !u->t7 ? PHASE_PROVIDER : last ? PHASE_PROCESS_RESPONSE : PHASE_BETWEEN_ATTEMPTS);
		if (last || u->t7)
			over_gaps(s, PHASE_REST_OF_RESPONSE, u->gap, u->gaps);
		if (!last && u->t7)
			paint_connect(p, s, u + 1);
	}
}

static void painter_init(struct painter *p, const struct whole_request *w)
{
	uint64_t t9 = least(w->t9 ? w->t9 : w->t10 ? w->t10 : w->t11, w->t11);
	uint64_t first_data = w->inbound_first_data_ns ? w->inbound_first_data_ns : w->t2;

	p->stages = p->owns = 0;
	struct stage *s = stage_add(p, least(w->t1, t9), PHASE_DRIVER_LAG);
	over_span(p, s, PHASE_CLIENT_CONNECT, w->inbound_syn_ns, w->inbound_established_ns);
	over_span(p, s, PHASE_ACCEPT_QUEUE, first_data, w->accepted_ns);
	over_span(p, s, PHASE_CLIENT_TLS, w->inbound_established_ns, w->client_tls_end_ns);
	stage_add(p, least(w->t2, t9), PHASE_NETWORK);
	s = stage_add(p, least(w->t3, t9), PHASE_PICK_UP_REQUEST);
	over_span(p, s, PHASE_ACCEPT_QUEUE, first_data, w->accepted_ns);
	if (w->upstreams) {
		paint_upstreams(p, w, t9);
	} else {
		s = stage_add(p, t9, PHASE_LOCAL_ANSWER);
		over_gaps(s, PHASE_REQUEST_ARRIVAL, w->gap, w->gaps);
	}
	stage_add(p, least(w->t10, w->t11), PHASE_NETWORK);
	stage_add(p, w->t11, PHASE_STREAM);
}

static enum phase painter_owner(const struct painter *p, uint64_t at_ns)
{
	for (unsigned i = 0; i < p->stages; i++) {
		const struct stage *s = &p->stage[i];
		if (s->end_ns <= at_ns)
			continue;
		for (unsigned k = 0; k < s->overs; k++)
			for (uint32_t g = 0; g < s->over[k].gaps; g++)
				if (s->over[k].gap[g].start_ns <= at_ns && at_ns < s->over[k].gap[g].end_ns)
					return s->over[k].phase;
		return s->phase;
	}
	fail_msg("no owner");
	return PHASES;
}

/* Times are small, so that every instant can be asked for on its own. */
#define SPAN 300u
static uint64_t any_time(struct rng *r)
{
	return 1000 + rng_below(r, SPAN);
}

static uint64_t maybe(struct rng *r, uint64_t t, unsigned missing_of_8)
{
	return rng_below(r, 8) < missing_of_8 ? 0 : t;
}

/* Mostly behind each other, now and then anywhere. */
static uint64_t after(struct rng *r, uint64_t t)
{
	return rng_below(r, 10) == 0 ? any_time(r) : t + rng_below(r, 12);
}

static uint32_t random_gaps(struct rng *r, struct timeline_gap *gap)
{
	uint32_t n = (uint32_t)rng_below(r, 5);
	uint64_t at = any_time(r);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t start = at + rng_below(r, 10);
		at = start + 1 + rng_below(r, 20);
		gap[i] = (struct timeline_gap){start, at};
	}
	return n;
}

static void random_upstream(struct rng *r, struct whole_upstream *u, uint64_t begin, unsigned missing)
{
	memset(u, 0, sizeof(*u));
	if (rng_below(r, 2)) {
		if (rng_below(r, 2)) {
			u->dns.start_ns = after(r, begin);
			u->dns.end_ns = after(r, u->dns.start_ns + 1);
		}
		u->syn_ns = after(r, begin);
		u->established_ns = after(r, u->syn_ns);
		u->tls_end_ns = maybe(r, after(r, u->established_ns), 4);
		begin = u->established_ns;
	}
	u->t4 = after(r, begin);
	u->t4_last = maybe(r, after(r, u->t4), missing);
	u->t5_last = maybe(r, after(r, u->t4 + 5), missing);
	u->t6 = maybe(r, after(r, u->t4 + 10), missing);
	u->t7 = maybe(r, after(r, u->t4 + 20), missing);
	u->t8 = maybe(r, after(r, u->t4 + 30), missing);
	u->gaps = random_gaps(r, u->gap);
}

static void random_request(struct rng *r, struct whole_request *w)
{
	unsigned missing = rng_below(r, 2) ? 0 : 2;

	memset(w, 0, sizeof(*w));
	w->driver.due_ns = 1000;
	if (rng_below(r, 2)) {
		w->inbound_syn_ns = after(r, 1000);
		w->inbound_established_ns = after(r, w->inbound_syn_ns);
		w->client_tls_end_ns = maybe(r, after(r, w->inbound_established_ns), 4);
		w->accepted_ns = maybe(r, after(r, w->inbound_established_ns), 2);
		w->inbound_first_data_ns = maybe(r, after(r, w->inbound_established_ns), 4);
	}
	w->t1 = maybe(r, after(r, 1010), missing);
	w->t2 = maybe(r, after(r, 1020), missing);
	w->t3 = maybe(r, after(r, 1030), missing);
	w->gaps = random_gaps(r, w->gap);
	w->upstreams = (uint32_t)rng_below(r, 5);
	uint64_t at = 1035;
	for (uint32_t i = 0; i < w->upstreams; i++) {
		random_upstream(r, &w->upstream[i], at, missing);
		/* in order of t4, overlapping or not */
		if (i && w->upstream[i].t4 < w->upstream[i - 1].t4)
			w->upstream[i].t4 = w->upstream[i - 1].t4;
		at = w->upstream[i].t4 + rng_below(r, 60);
	}
	if (w->upstreams && rng_below(r, 4))
		w->upstream[rng_below(r, w->upstreams)].answered = true;
	w->t9 = maybe(r, after(r, at + 30), missing);
	w->t10 = maybe(r, after(r, at + 45), missing);
	w->t11 = rng_below(r, 8) ? at + 50 + rng_below(r, 50) : any_time(r);
}

static void test_cut_is_the_painters(void **state)
{
	struct rng r;
	struct painter p;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		static struct whole_request w;
		struct phase_cut cut;
		uint64_t wanted[PHASES] = {0}, sum = 0, toll = 0;
		random_request(&r, &w);
		assert_int_equal(attribution_cut(&w, &cut), 0);
		painter_init(&p, &w);
		for (uint64_t at = w.driver.due_ns; at < w.t11; at++)
			wanted[painter_owner(&p, at)]++;
		for (unsigned i = 0; i < PHASES; i++) {
			if (cut.ns[i] != wanted[i])
				fail_msg("round %u: %s is %llu, the painter says %llu", round, phase_name((enum phase)i),
					 (unsigned long long)cut.ns[i], (unsigned long long)wanted[i]);
			sum += cut.ns[i];
			toll += phase_is_toll((enum phase)i) ? cut.ns[i] : 0;
		}
		assert_int_equal(sum, w.t11 - w.driver.due_ns);
		assert_int_equal(cut.total_ns, sum);
		assert_int_equal(cut.toll_ns, toll);
	}
}

/* The painter's owner changes where, and only where, a span ends. */
static void assert_spans_are_the_painters(const struct painter *p, const struct whole_request *w, unsigned max)
{
	struct phase_span span[256];
	unsigned n = attribution_spans(w, span, max), i = 0;
	uint64_t end_ns = n ? span[n - 1].to_ns : w->driver.due_ns;

	assert_in_range(n, 0, max);
	assert_int_equal(end_ns, w->t11);
	for (uint64_t at = w->driver.due_ns; at < w->t11; at++) {
		i += at == span[i].to_ns;
		assert_true(i < n && span[i].from_ns <= at && at < span[i].to_ns);
		if (i + 1 < max)
			assert_int_equal(span[i].phase, painter_owner(p, at));
		assert_true(i + 1 == n || span[i + 1].from_ns == span[i].to_ns);
		assert_true(i + 1 >= n || span[i].phase != span[i + 1].phase);
	}
}

static void test_spans_are_the_painters(void **state)
{
	struct rng r;
	struct painter p;

	(void)state;
	rng_init(&r, test_seed(), 1);
	for (unsigned round = 0; round < ROUNDS / 4; round++) {
		static struct whole_request w;
		random_request(&r, &w);
		painter_init(&p, &w);
		assert_spans_are_the_painters(&p, &w, 256);
		assert_spans_are_the_painters(&p, &w, 4);
		assert_int_equal(attribution_spans(&w, NULL, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_is_the_painters),
		cmocka_unit_test(test_spans_are_the_painters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
