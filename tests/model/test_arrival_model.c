// rooms: base scenario
// SPDX-License-Identifier: GPL-2.0-only
/* Arrivals against their definition: rates, shards, ramps and mixes of random stages, the seed printed. */
#include <math.h>
#include <string.h>

#include "scenario/arrival.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define S UINT64_C(1000000000)
#define ROUNDS 60
#define ARRIVALS_MAX 20000

struct schedule {
	unsigned count;
	struct arrival at[ARRIVALS_MAX];
};

static void schedule_read(struct schedule *s, const struct plan *plan, uint32_t stage, uint64_t start_ns, uint32_t shard,
			  uint32_t shards)
{
	struct arrival_walk w;
	struct arrival a;

	s->count = 0;
	arrival_walk_init(&w, plan, stage, start_ns, shard, shards);
	while (arrival_walk_next(&w, &a)) {
		assert_in_range(s->count, 0, ARRIVALS_MAX - 1);
		s->at[s->count++] = a;
	}
	assert_int_equal(arrival_walk_next(&w, &a), 0);
}

static struct plan_stage open_stage(double from, double to, uint64_t duration_ns, enum plan_arrival arrival)
{
	return (struct plan_stage){.loop = PLAN_OPEN, .arrival = arrival, .from = from, .to = to, .duration_ns = duration_ns};
}

/* Bounded to about 1500 arrivals a stage. */
static void random_plan(struct rng *r, struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->seed = rng_u64(r);
	plan->classes = 1 + (uint32_t)rng_below(r, PLAN_CLASSES_MAX);
	for (uint32_t i = 0; i < plan->classes; i++)
		plan->class_[i].weight = 0.1 + 10 * rng_unit(r);
	plan->stages = 1 + (uint32_t)rng_below(r, 4);
	for (uint32_t i = 0; i < plan->stages; i++) {
		double duration_s = 0.5 + 10 * rng_unit(r), peak = 100 * rng_unit(r);
		double from = rng_below(r, 4) ? peak * rng_unit(r) : 0, to = rng_below(r, 4) ? peak : 0;

		if (rng_below(r, 2))
			from = to;
		plan->stage[i] =
			open_stage(from, to, (uint64_t)(duration_s * 1e9), rng_below(r, 2) ? PLAN_POISSON : PLAN_CONSTANT);
		plan->stage[i].classes = (uint32_t)rng_below(r, UINT64_C(1) << plan->classes);
		if (rng_below(r, 3) == 0)
			plan->stage[i].requests = 1 + rng_below(r, 300);
		if (rng_below(r, 5) == 0)
			plan->stage[i].loop = PLAN_CLOSED;
		else if (rng_below(r, 5) == 0 && plan->stage[i].requests > 0) {
			plan->stage[i].duration_ns = 0;
			plan->stage[i].from = plan->stage[i].to = 1 + from;
		}
	}
}

/* Integral of the rate from the start of the stage to t, by its definition. */
static double exposure_at(const struct plan_stage *stage, double t)
{
	double slope = stage->duration_ns ? (stage->to - stage->from) / ((double)stage->duration_ns / 1e9) : 0;

	return stage->from * t + slope * t * t / 2;
}

static void check_schedule(const struct plan *plan, uint32_t stage_index, const struct schedule *s, uint64_t start_ns,
			   uint64_t first_index)
{
	const struct plan_stage *stage = &plan->stage[stage_index];

	assert_int_equal(arrival_count(plan, stage_index), s->count);
	for (unsigned k = 0; k < s->count; k++) {
		const struct arrival *a = &s->at[k];
		uint64_t since_ns = a->due_ns - start_ns;

		assert_int_equal(a->index, first_index + k);
		assert_int_equal(a->stage, stage_index);
		assert_in_range(a->class_index, 0, plan->classes - 1);
		if (stage->classes)
			assert_int_not_equal(stage->classes & (1u << a->class_index), 0);
		if (stage->duration_ns)
			assert_in_range(since_ns, 0, stage->duration_ns);
		if (k > 0)
			assert_in_range(a->due_ns, s->at[k - 1].due_ns, UINT64_MAX);
		/* within 2 ns times the rate, and the square root of the last digit near the end of a ramp to 0 */
		if (stage->arrival == PLAN_CONSTANT)
			assert_in_range((uint64_t)fabs((exposure_at(stage, (double)since_ns / 1e9) - k - 0.5) * 1e6), 0, 5);
	}
}

static void test_random_stages(void **state)
{
	static struct schedule whole;
	static struct plan plan;
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t first_index = 0, start_ns = rng_below(&r, S);

		random_plan(&r, &plan);
		for (uint32_t i = 0; i < plan.stages; i++) {
			if (plan.stage[i].loop != PLAN_OPEN)
				continue;
			schedule_read(&whole, &plan, i, start_ns, 0, 0);
			check_schedule(&plan, i, &whole, start_ns, first_index);
			first_index += whole.count;
			start_ns += plan.stage[i].duration_ns;
		}
	}
}

/* The shards together are the whole schedule: each arrival once, the same due time, class and index. */
static void test_shards(void **state)
{
	static struct schedule whole, part;
	static struct plan plan;
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t shards = 1 + (uint32_t)rng_below(&r, 7), stage;
		unsigned seen = 0;

		random_plan(&r, &plan);
		stage = (uint32_t)rng_below(&r, plan.stages);
		if (plan.stage[stage].loop != PLAN_OPEN)
			continue;
		schedule_read(&whole, &plan, stage, 5 * S, 0, 0);
		for (uint32_t shard = 0; shard < shards; shard++) {
			schedule_read(&part, &plan, stage, 5 * S, shard, shards);
			for (unsigned k = 0; k < part.count; k++) {
				uint64_t at = part.at[k].index - whole.at[0].index;

				assert_in_range(at, 0, whole.count - 1);
				assert_int_equal(part.at[k].index % shards, shard);
				assert_memory_equal(&part.at[k], &whole.at[at], sizeof(struct arrival));
			}
			seen += part.count;
		}
		assert_int_equal(seen, whole.count);
	}
}

static void test_same_seed(void **state)
{
	static struct schedule a, b;
	static struct plan plan;

	(void)state;
	plan.seed = 7;
	plan.classes = 2;
	plan.class_[0].weight = plan.class_[1].weight = 1;
	plan.stages = 1;
	plan.stage[0] = open_stage(100, 100, 5 * S, PLAN_POISSON);
	schedule_read(&a, &plan, 0, 0, 0, 1);
	schedule_read(&b, &plan, 0, 0, 0, 1);
	assert_int_equal(a.count, b.count);
	assert_memory_equal(a.at, b.at, a.count * sizeof(struct arrival));
	plan.seed = 8;
	schedule_read(&b, &plan, 0, 0, 0, 1);
	assert_memory_not_equal(a.at, b.at, 50 * sizeof(struct arrival));
}

static void test_constant_gap(void **state)
{
	static const double rates[] = {1, 3, 16.67, 300, 999};
	static struct schedule s;
	static struct plan plan;

	(void)state;
	plan.classes = 1;
	plan.class_[0].weight = 1;
	plan.stages = 1;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		plan.stage[0] = open_stage(rates[i], rates[i], 20 * S, PLAN_CONSTANT);
		schedule_read(&s, &plan, 0, S, 0, 1);
		assert_int_equal(s.count, lround(rates[i] * 20));
		for (unsigned k = 0; k < s.count; k++)
			assert_int_equal(s.at[k].due_ns, S + (uint64_t)llroundl(((long double)k + 0.5L) * 1e9L / rates[i]));
	}
}

/* Up: gaps never grow; down: never shrink (1 ns of rounding). */
static void test_ramp_gaps(void **state)
{
	static struct schedule up, down;
	static struct plan plan;

	(void)state;
	plan.classes = 1;
	plan.class_[0].weight = 1;
	plan.stages = 2;
	plan.stage[0] = open_stage(0, 200, 10 * S, PLAN_CONSTANT);
	plan.stage[1] = open_stage(200, 0, 10 * S, PLAN_CONSTANT);
	schedule_read(&up, &plan, 0, 0, 0, 1);
	schedule_read(&down, &plan, 1, 0, 0, 1);
	assert_int_equal(up.count, 1000);
	assert_int_equal(down.count, 1000);
	for (unsigned k = 2; k < 1000; k++) {
		assert_in_range(up.at[k].due_ns - up.at[k - 1].due_ns, 1, up.at[k - 1].due_ns - up.at[k - 2].due_ns + 1);
		assert_in_range(down.at[k - 1].due_ns - down.at[k - 2].due_ns, 1, down.at[k].due_ns - down.at[k - 1].due_ns + 1);
	}
	for (unsigned k = 0; k < 1000; k++) /* one is the other, backwards */
		assert_in_range(up.at[k].due_ns + down.at[999 - k].due_ns, 10 * S - 2, 10 * S + 2);
}

/* Poisson: the count of a stage and of each fifth of a ramp lies within 5 standard deviations of the integral (fixed seeds). */
static void test_poisson_rate(void **state)
{
	static struct schedule s;
	static struct plan plan;

	(void)state;
	plan.classes = 1;
	plan.class_[0].weight = 1;
	plan.stages = 1;
	for (plan.seed = 1; plan.seed <= 20; plan.seed++) {
		unsigned in_part[5] = {0};
		double squares = 0;

		plan.stage[0] = open_stage(50, 450, 20 * S, PLAN_POISSON);
		schedule_read(&s, &plan, 0, 0, 0, 1);
		for (unsigned k = 0; k < s.count; k++)
			in_part[s.at[k].due_ns / (4 * S)]++;
		for (unsigned p = 0; p < 5; p++) {
			double expected = exposure_at(&plan.stage[0], 4.0 * (p + 1)) - exposure_at(&plan.stage[0], 4.0 * p);

			assert_in_range((uint64_t)fabs(in_part[p] - expected), 0, (uint64_t)(5 * sqrt(expected)));
		}
		plan.stage[0] = open_stage(250, 250, 20 * S, PLAN_POISSON);
		schedule_read(&s, &plan, 0, 0, 0, 1);
		for (unsigned k = 1; k < s.count; k++) {
			double gap = (double)(s.at[k].due_ns - s.at[k - 1].due_ns) / 1e9 * 250;

			squares += gap * gap;
		}
		/* unit exponentials: the mean of squares is 2, its standard deviation sqrt(20 / n) */
		assert_in_range((uint64_t)(1000 * squares / (s.count - 1)), 2000 - 350, 2000 + 350);
	}
}

static void test_mix(void **state)
{
	static struct plan plan;
	unsigned drawn[3] = {0};
	struct rng r;

	(void)state;
	plan.classes = 3;
	plan.class_[0].weight = 70;
	plan.class_[1].weight = 20;
	plan.class_[2].weight = 10;
	plan.stages = 2;
	plan.stage[1].classes = 6;
	rng_init(&r, 1, 1);
	for (unsigned i = 0; i < 100000; i++)
		drawn[arrival_class(&plan, 0, &r)]++;
	assert_in_range(drawn[0], 69200, 70800);
	assert_in_range(drawn[1], 19300, 20700);
	memset(drawn, 0, sizeof(drawn));
	for (unsigned i = 0; i < 30000; i++)
		drawn[arrival_class(&plan, 1, &r)]++;
	assert_int_equal(drawn[0], 0);
	assert_in_range(drawn[1], 19500, 20500);
}

static void test_users(void **state)
{
	struct plan_stage ramp = {.from = 0, .to = 50, .duration_ns = 100 * S};
	struct plan_stage count = {.from = 3, .to = 3, .requests = 9};
	uint32_t last = 0;

	(void)state;
	assert_int_equal(arrival_users(&ramp, 0), 0);
	assert_int_equal(arrival_users(&ramp, S), 1); /* 0.5 up */
	assert_int_equal(arrival_users(&ramp, 50 * S), 25);
	assert_int_equal(arrival_users(&ramp, 100 * S), 50);
	assert_int_equal(arrival_users(&ramp, 500 * S), 50);
	for (uint64_t t = 0; t <= 100 * S; t += S / 3) {
		uint32_t users = arrival_users(&ramp, t);

		assert_in_range(users, last, last + 1);
		last = users;
	}
	assert_int_equal(arrival_users(&count, 7 * S), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_stages), cmocka_unit_test(test_shards),    cmocka_unit_test(test_same_seed),
		cmocka_unit_test(test_constant_gap),  cmocka_unit_test(test_ramp_gaps), cmocka_unit_test(test_poisson_rate),
		cmocka_unit_test(test_mix),           cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests_name("arrival model", tests, NULL, NULL);
}
