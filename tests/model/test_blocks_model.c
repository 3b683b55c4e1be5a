// rooms: base record attribution timeline
// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of time against a naive model: whatever the order and the length of a run, nothing is lost, doubled or put in the wrong block. */
#include <stdlib.h>
#include <string.h>

#include "attribution/blocks.h"
#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define START_NS (UINT64_C(7000) * NS_PER_S)
#define REQUESTS_MAX 3000
#define ROUNDS 60

struct model {
	struct record_request request[REQUESTS_MAX];
	uint64_t toll_ns[REQUESTS_MAX]; /* 0: not joined */
	size_t requests;
};

static void draw(struct model *m, struct rng *r)
{
	uint64_t length_ns = (1 + rng_below(r, 3)) * (rng_below(r, 2) ? 10 * NS_PER_S : 4000 * NS_PER_S);

	m->requests = 1 + rng_below(r, REQUESTS_MAX);
	for (size_t i = 0; i < m->requests; i++) {
		uint64_t due_ns = START_NS + rng_below(r, length_ns);

		m->request[i] = (struct record_request){
			.id = i + 1,
			.outcome = rng_below(r, 20) ? RECORD_OK : RECORD_TIMEOUT,
			.due_ns = due_ns,
			.sent_ns = due_ns + 1,
			.end_ns = due_ns + rng_below(r, NS_PER_S),
		};
		m->toll_ns[i] = rng_below(r, 4) ? 1 + rng_below(r, NS_PER_MS) : 0;
	}
}

static void feed(struct blocks *b, const struct model *m)
{
	for (size_t i = 0; i < m->requests; i++) {
		struct whole_request w = {.driver = m->request[i]};
		struct phase_cut cut = {.toll_ns = m->toll_ns[i]};

		cut.ns[PHASE_PROCESS_REQUEST] = m->toll_ns[i];
		assert_int_equal(blocks_request(b, &m->request[i]), 0);
		if (m->toll_ns[i])
			assert_int_equal(blocks_whole(b, &w, &cut), 0);
	}
}

static void assert_same_hist(const struct hist *a, struct hist *expected)
{
	char *x = a ? hist_encode(a) : strdup("toll.hist/1;0;0;0;0;0;"), *y = hist_encode(expected);

	assert_string_equal(x, y);
	free(x);
	free(y);
	hist_free(expected);
}

/* Block i again, from the requests themselves. */
static void assert_block(const struct model *m, const struct block *block, uint64_t from_ns, uint64_t to_ns)
{
	struct hist *latency = hist_new(), *toll = hist_new();
	uint64_t ok = 0, failed = 0, joined = 0, sum_ns = 0;

	for (size_t i = 0; i < m->requests; i++) {
		const struct record_request *r = &m->request[i];

		if (r->due_ns < from_ns || r->due_ns >= to_ns)
			continue;
		ok += r->outcome == RECORD_OK;
		failed += r->outcome != RECORD_OK;
		if (r->outcome == RECORD_OK)
			hist_record(latency, r->end_ns - r->due_ns);
		else
			hist_record_at_least(latency, (r->end_ns > r->sent_ns ? r->end_ns : r->sent_ns) - r->due_ns);
		if (!m->toll_ns[i])
			continue;
		joined++;
		sum_ns += m->toll_ns[i];
		hist_record(toll, m->toll_ns[i]);
	}
	assert_int_equal(block->ok, ok);
	assert_int_equal(block->failed, failed);
	assert_int_equal(block->sent, ok + failed);
	assert_int_equal(block->joined, joined);
	assert_int_equal(block->phase_sum_ns[PHASE_PROCESS_REQUEST], sum_ns);
	assert_same_hist(block->latency, latency);
	assert_same_hist(block->toll, toll);
}

static void test_every_request_is_in_its_block(void **state)
{
	static struct model m;
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct blocks *b = blocks_new(0);
		unsigned n;
		uint64_t held = 0;

		draw(&m, &r);
		blocks_start(b, START_NS);
		feed(b, &m);
		blocks_start(b, START_NS + NS_PER_S); /* too late: nothing moves */
		const struct block *at = blocks_at(b, &n);
		uint64_t width_ns = blocks_width_ns(b);
		assert_in_range(n, 1, BLOCKS_MAX);
		assert_int_equal(width_ns % BLOCK_WIDTH_FIRST_NS, 0);
		for (unsigned i = 0; i < n; i++) {
			assert_block(&m, &at[i], START_NS + i * width_ns, START_NS + (i + 1) * width_ns);
			held += at[i].ok + at[i].failed;
		}
		assert_int_equal(held, m.requests);
		blocks_free(b);
	}
}

/* The CPU of all blocks together is what the samples tell, and each sample's share lies where its time lies. */
static void test_cpu_is_spread_over_time(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 1);
	for (int round = 0; round < 300; round++) {
		struct record_gauges g = {.time_ns = START_NS + rng_below(&r, NS_PER_S), .cpu_ns = rng_below(&r, NS_PER_S)};
		struct blocks *b = blocks_new(START_NS);
		uint64_t first_ns = g.cpu_ns, sum_ns = 0;
		unsigned n, samples = 1 + (unsigned)rng_below(&r, 400);

		assert_int_equal(blocks_gauges(b, &g), 0);
		assert_false(blocks_has_cpu(b));
		for (unsigned i = 0; i < samples; i++) {
			g.time_ns += 1 + rng_below(&r, 3 * NS_PER_S);
			g.cpu_ns += rng_below(&r, NS_PER_S);
			assert_int_equal(blocks_gauges(b, &g), 0);
		}
		const struct block *at = blocks_at(b, &n);
		for (unsigned i = 0; i < n; i++)
			sum_ns += at[i].cpu_ns;
		assert_true(blocks_has_cpu(b));
		assert_int_equal(sum_ns, g.cpu_ns - first_ns);
		assert_int_equal(n, (g.time_ns - START_NS) / blocks_width_ns(b) + 1);
		blocks_free(b);
	}
}

static void test_an_even_second_is_four_equal_blocks(void **state)
{
	struct blocks *b = blocks_new(START_NS);
	struct record_gauges g = {.time_ns = START_NS, .cpu_ns = 5};
	unsigned n;

	(void)state;
	assert_int_equal(blocks_gauges(b, &g), 0);
	g.time_ns += NS_PER_S;
	g.cpu_ns += 400;
	assert_int_equal(blocks_gauges(b, &g), 0);
	g.cpu_ns = 3; /* less than before: a process left, and the window cannot be told */
	g.time_ns += NS_PER_S;
	assert_int_equal(blocks_gauges(b, &g), 0);
	const struct block *at = blocks_at(b, &n);
	assert_in_range(n, 4, 5);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(at[i].cpu_ns, 100);
	blocks_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_request_is_in_its_block),
					   cmocka_unit_test(test_cpu_is_spread_over_time),
					   cmocka_unit_test(test_an_even_second_is_four_equal_blocks)};

	return cmocka_run_group_tests_name("blocks_model", tests, NULL, NULL);
}
