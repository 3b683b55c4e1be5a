// SPDX-License-Identifier: GPL-2.0-only
#include "session/metered.h"

void metered_init(struct metered *m, const struct budget_limit *limit, uint64_t window_ns)
{
	*m = (struct metered){.on = false};
	budget_init(&m->budget, limit, window_ns);
}

void metered_start(struct metered *m, uint64_t now_ns, uint64_t requests)
{
	m->spent_start_ns = m->seen.spent_ns;
	m->cpu_start_ns = m->seen.gateway_cpu_ns;
	m->measured = true;
	budget_measure(&m->budget);
	m->start_ns = m->last_ns = now_ns;
	m->requests_from = requests;
}

bool metered_tick(struct metered *m, const struct metered_now *now)
{
	bool first = !m->seen.now_ns;

	m->seen.now_ns = now->now_ns;
	m->seen.gateway_cpu_ns = now->gateway_cpu_ns;
	m->seen.base_ns = now->base_ns;
	m->seen.after_ns = now->after_ns;
	if (first) /* from here on the gateway's CPU is counted */
		budget_begin(&m->budget, &m->seen);
	if (m->held)
		m->budget.last = m->seen; /* what the gateway did without it is neither income nor a measure of its cost */
	else
		budget_tick(&m->budget, &m->seen);
	return m->budget.on && !m->held;
}

void metered_follow(struct metered *m, uint64_t now_ns, uint64_t requests, bool on)
{
	if (m->measured && m->on) {
		m->on_ns += now_ns - m->last_ns;
		m->requests += requests - m->requests_from;
	}
	m->last_ns = now_ns;
	m->requests_from = requests;
	m->on = on;
}

double metered_on_share(const struct metered *m)
{
	return m->last_ns > m->start_ns ? (double)m->on_ns / (double)(m->last_ns - m->start_ns) : 0;
}

double metered_spent_ns(const struct metered *m)
{
	return m->seen.spent_ns - m->spent_start_ns;
}

json_t *metered_json(const struct metered *m)
{
	double cpu_ns = m->seen.gateway_cpu_ns - m->cpu_start_ns;
	uint64_t limited_ns = m->budget.limited_ns;
	json_t *out = json_pack("{s:s, s:f, s:I}", "mode", budget_mode_name(budget_mode(&m->budget)), "on_share",
				metered_on_share(m), "requests", (json_int_t)m->requests);

	if (cpu_ns > 0)
		json_object_set_new(out, "cpu_share", json_real(metered_spent_ns(m) / cpu_ns));
	if (limited_ns)
		json_object_set_new(out, "limited_from_s",
				    json_real(limited_ns > m->start_ns ? (double)(limited_ns - m->start_ns) / 1e9 : 0));
	return out;
}
