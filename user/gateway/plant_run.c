// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/plant_run.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define SPINS 300 /* well under a microsecond between two looks at the clock, which is a system call */

static void burn_cpu(uint64_t amount_ns)
{
	uint64_t until = clock_thread_cpu_ns() + amount_ns;

	while (clock_thread_cpu_ns() < until)
		for (volatile unsigned i = 0; i < SPINS; i++)
			;
}

static void make_syscalls(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		syscall(SYS_getppid); /* the C library cannot answer it */
}

static bool is_carried(const struct plant_run *run, const struct gateway_plant *p)
{
	return p->side == run->side && run->chance % p->every == 0;
}

/* The next plant of this side; NULL: none is left. */
static const struct gateway_plant *plant_next(struct plant_run *run)
{
	const struct gateway_plants *plants = run->place->plants;

	while (run->next < plants->count) {
		const struct gateway_plant *p = &plants->plant[run->next++];
		if (is_carried(run, p))
			return p;
	}
	return NULL;
}

static void plants_go_on(struct plant_run *run);

static void timer_fired(struct loop_timer *t)
{
	plants_go_on(t->ctx);
}

static void arrived_in_helper(struct mail *m)
{
	struct plant_run *run = m->ctx;

	run->in_helper = true;
	plants_go_on(run);
}

static void plants_end(struct plant_run *run)
{
	run->away = false;
	run->done(run, clock_now_ns() - run->began_ns, run->cpu_ns);
}

static void arrived_back(struct mail *m)
{
	struct plant_run *run = m->ctx;

	run->in_helper = false;
	plants_end(run);
}

/* True: it is over already. */
static bool plant_do(struct plant_run *run, const struct gateway_plant *p)
{
	uint64_t cpu_ns = clock_thread_cpu_ns();

	if (p->kind == GATEWAY_PLANT_SLEEP) {
		struct loop *loop = run->in_helper ? run->place->helper_loop : run->place->loop;
		run->timer = (struct loop_timer){.fire = timer_fired, .ctx = run};
		return loop_timer_set(loop, &run->timer, clock_now_ns() + p->amount) != 0;
	}
	if (p->kind == GATEWAY_PLANT_HANDOFF) {
		if (run->in_helper)
			return true;
		run->away = true;
		run->mail = (struct mail){.deliver = arrived_in_helper, .ctx = run};
		mailbox_post(run->place->helper_box, &run->mail);
		return false;
	}
	if (p->kind == GATEWAY_PLANT_CPU)
		burn_cpu(p->amount);
	else
		make_syscalls(p->amount);
	run->cpu_ns += clock_thread_cpu_ns() - cpu_ns;
	return true;
}

static void plants_go_on(struct plant_run *run)
{
	const struct gateway_plant *p;

	while ((p = plant_next(run)))
		if (!plant_do(run, p))
			return;
	if (run->in_helper) {
		run->mail = (struct mail){.deliver = arrived_back, .ctx = run};
		mailbox_post(run->place->box, &run->mail);
		return;
	}
	plants_end(run);
}

bool plant_run_start(struct plant_run *run, enum gateway_side side)
{
	const struct gateway_plants *plants = run->place->plants;
	bool any = false;

	run->side = side;
	run->next = 0;
	run->cpu_ns = 0;
	for (unsigned i = 0; i < plants->count && !any; i++)
		any = is_carried(run, &plants->plant[i]);
	if (!any)
		return false;
	run->began_ns = clock_now_ns();
	plants_go_on(run);
	return true;
}

bool plant_run_cancel(struct plant_run *run)
{
	if (run->away)
		return false;
	loop_timer_cancel(run->place->loop, &run->timer);
	return true;
}
