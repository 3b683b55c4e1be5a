/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/stage_clock.h"

void stage_clock_init(struct stage_clock *c, const struct plan *plan, uint64_t start_ns, unsigned threads)
{
	*c = (struct stage_clock){0};
	for (uint32_t i = 0; i < plan->stages; i++) {
		atomic_init(&c->threads_left[i], threads);
		atomic_init(&c->threads_waiting[i], threads);
	}
	atomic_store(&c->start_ns[0], start_ns);
}

void stage_clock_wake(const struct stage_clock *c)
{
	if (c->stage_known)
		c->stage_known(c->ctx);
}

void stage_clock_go(struct stage_clock *c, uint32_t stage, uint64_t now_ns)
{
	atomic_store(&c->start_ns[stage], now_ns);
	stage_clock_wake(c);
}

void stage_clock_skip(struct stage_clock *c, uint32_t stage, uint64_t now_ns)
{
	atomic_store(&c->skip_ns, now_ns);
	atomic_store(&c->skip_to, stage);
	stage_clock_wake(c);
}

uint32_t stage_clock_stage(const struct stage_clock *c, const struct plan *plan, uint64_t now_ns)
{
	uint32_t stage = 0;

	for (uint32_t i = 1; i < plan->stages; i++) {
		uint64_t start_ns = atomic_load(&c->start_ns[i]);

		if (start_ns && start_ns <= now_ns)
			stage = i;
	}
	return stage;
}
