// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/plant_run.h"

#include "base/clock.h"

static bool is_carried(const struct plant_run *run, const struct gateway_plant *p)
{
	return p->side == run->side && run->chance % p->every == 0;
}

/* The next plant of this side; NULL: none is left. */
static const struct gateway_plant *plant_next(struct plant_run *run)
{
	const struct gateway_plants *plants = run->place->plants;

	while (run->next < plants->count) {
		run->now = run->next++;
		if (!is_carried(run, &plants->plant[run->now]))
			continue;
		run->truth->carried |= 1u << run->now;
		return &plants->plant[run->now];
	}
	return NULL;
}

static void plants_go_on(struct plant_run *run);

static void plant_took(struct plant_run *run, uint64_t ns)
{
	run->truth->plant_ns[run->now] += ns;
}

/* --- plants that wait in a loop: until done, others of the thread go on -------------------------------------------------------- */

static struct loop *loop_here(const struct plant_run *run)
{
	return run->in_helper ? run->place->helper_loop : run->place->loop;
}

static bool timer_start(struct plant_run *run, void (*fire)(struct loop_timer *t), uint64_t amount_ns)
{
	run->timer = (struct loop_timer){.fire = fire, .ctx = run};
	run->wait_began_ns = clock_now_ns();
	return !loop_timer_set(loop_here(run), &run->timer, run->wait_began_ns + amount_ns);
}

static void slept(struct loop_timer *t)
{
	struct plant_run *run = t->ctx;

	plant_took(run, clock_now_ns() - run->wait_began_ns);
	plants_go_on(run);
}

static void taken_up(struct plant_run *run)
{
	plant_took(run, clock_now_ns() - run->wait_began_ns);
	plants_go_on(run);
}

static void taken_up_late(struct loop_timer *t)
{
	taken_up(t->ctx);
}

/* The helper is in no hurry: for so long the work lies in its queue. */
static void arrived_in_helper(struct mail *m)
{
	struct plant_run *run = m->ctx;
	uint64_t posted_ns = run->wait_began_ns, delay_ns = run->place->plants->plant[run->now].amount;

	run->in_helper = true;
	if (!delay_ns || !timer_start(run, taken_up_late, delay_ns)) {
		taken_up(run);
		return;
	}
	run->wait_began_ns = posted_ns;
}

static void hog_served(struct plant_hog_wait *w, uint64_t took_ns)
{
	struct plant_run *run = w->ctx;

	plant_took(run, took_ns);
	plants_go_on(run);
}

/* True: it is over already, or cannot be done here. */
static bool plant_wait(struct plant_run *run, const struct gateway_plant *p)
{
	if (p->kind == GATEWAY_PLANT_SLEEP)
		return !timer_start(run, slept, p->amount);
	if (run->in_helper)
		return true;
	if (p->kind == GATEWAY_PLANT_HOG) {
		run->hog_wait = (struct plant_hog_wait){.busy_ns = p->amount, .served = hog_served, .ctx = run};
		plant_hog_join(run->place->hog, &run->hog_wait);
		return false;
	}
	run->away = true;
	run->wait_began_ns = clock_now_ns();
	run->mail = (struct mail){.deliver = arrived_in_helper, .ctx = run};
	mailbox_post(run->place->helper_box, &run->mail);
	return false;
}

/* --- one after the other ------------------------------------------------------------------------------------------------------- */

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
	const struct plant_tool *tool = plant_tool_of(p->kind);
	struct plant_tools *tools = run->in_helper ? &run->place->helper_tools : &run->place->tools;

	if (!tool)
		return plant_wait(run, p);
	uint64_t cpu_ns = clock_thread_cpu_ns();
	plant_took(run, tool->run(tools->ctx[run->now], p));
	run->cpu_ns += clock_thread_cpu_ns() - cpu_ns;
	run->resolved |= p->kind == GATEWAY_PLANT_RESOLVER;
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
	if (run->place->hog)
		plant_hog_leave(run->place->hog, &run->hog_wait);
	return true;
}
