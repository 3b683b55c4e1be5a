// SPDX-License-Identifier: GPL-2.0-only
/* Why the gateway's phases took their time, and what the slow requests are made of. */
#include <math.h>
#include <stdlib.h>

#include "attribution/cause_stats.h"
#include "attribution/cause_threads.h"
#include "report/build.h"

static const char *const holder_names[WIRE_HOLDERS] = {"gateway", "toll", "other", "idle"};

/* Why a cause that took no time at all may not be called zero; NULL: it may. */
static const char *cause_absent_reason(const struct cause_stats *s, enum cause cause)
{
	switch (cause) {
	case CAUSE_OWN_USER:
	case CAUSE_OWN_KERNEL:
		return s->calls_known ? NULL : "no system call was told: own_cpu holds both";
	case CAUSE_OWN_CPU:
		return s->calls_known ? "told apart: own_user and own_kernel" : NULL;
	case CAUSE_ALLOCATOR:
		return "no probe of an allocator told its time: it is part of the own work";
	default:
		return NULL;
	}
}

static void cause_words(struct build *b, json_t *row, enum cause cause, uint64_t sum_ns, uint64_t requests, const char *share,
			double of_ns)
{
	build_put(b, row, "title", json_string(cause_title(cause)));
	build_put(b, row, "per_request_ns", build_u64((uint64_t)llround(build_ratio((double)sum_ns, (double)requests))));
	build_put(b, row, share, build_number(build_ratio((double)sum_ns, of_ns)));
}

static void set_cause(struct build *b, json_t *causes, const char *prefix, const struct attribution_set *a, enum cause cause)
{
	const struct cause_stats *s = a->causes;
	const char *why = s->occurred[cause] ? NULL : cause_absent_reason(s, cause);
	char path[64];

	if (why || !build_dist(b, causes, cause_name(cause), s->cause[cause])) {
		snprintf(path, sizeof(path), "causes.%s", cause_name(cause));
		build_absent(b, prefix, path, why ? why : "no request's causes were looked for");
		return;
	}
	json_t *row = json_object_get(causes, cause_name(cause));
	uint64_t toll_ns = 0;
	for (unsigned i = 0; i < CAUSES; i++)
		toll_ns += s->sum_ns[i];
	cause_words(b, row, cause, s->sum_ns[cause], s->requests, "share_of_toll", (double)toll_ns);
	build_put(b, row, "meaning", json_string(cause_meaning(cause)));
	build_put(b, row, "occurred", build_u64(s->occurred[cause]));
}

static void phase_causes(struct build *b, json_t *by_phase, const struct cause_stats *s, enum phase phase)
{
	const struct cause_phase *p = &s->phase[phase];
	uint64_t sum_ns = 0;

	if (!p->requests)
		return;
	json_t *row = build_object(b, by_phase, phase_name(phase));
	for (unsigned k = 0; k < CAUSES; k++)
		sum_ns += p->sum_ns[k];
	for (unsigned k = 0; k < CAUSES; k++)
		if (p->sum_ns[k] && build_dist(b, row, cause_name((enum cause)k), p->cause[k]))
			cause_words(b, json_object_get(row, cause_name((enum cause)k)), (enum cause)k, p->sum_ns[k], p->requests,
				    "share_of_phase", (double)sum_ns);
}

static const char *no_causes(const struct build *b, const struct attribution_set *a)
{
	const char *why = build_no_probes(b->in);

	if (why)
		return why;
	if (!a || !a->requests)
		return "no request was joined";
	if (!b->in->timeline->threads.threads)
		return "no thread was watched: the probes of threads were off, or this kernel refused them";
	return a->causes
		       ? NULL
		       : "no thread was watched when the measured requests ran (probes.groups tells when the budget let them be)";
}

void build_set_causes(struct build *b, json_t *object, const char *prefix, const struct attribution_set *a)
{
	const char *why = no_causes(b, a);

	if (why) {
		build_absent(b, prefix, "causes", why);
		build_absent(b, prefix, "causes_by_phase", why);
		return;
	}
	json_t *causes = build_object(b, object, "causes");
	for (unsigned k = 0; k < CAUSES; k++)
		set_cause(b, causes, prefix, a, (enum cause)k);
	json_t *by_phase = build_object(b, object, "causes_by_phase");
	for (unsigned i = 0; i < PHASES; i++)
		if (phase_is_gateway((enum phase)i))
			phase_causes(b, by_phase, a->causes, (enum phase)i);
	build_absent(b, prefix, "causes.peer_receive_cpu",
		     "what a send costs after its first byte has left lies behind the mark that ends the phase");
}

static void mix_parts(struct build *b, json_t *row, const struct cause_mix *m)
{
	json_t *parts = build_array(b, row, "parts");

	for (unsigned i = 0; i < PHASES; i++) {
		for (unsigned k = 0; k < CAUSES; k++) {
			if (!m->ns[i][k])
				continue;
			json_t *part = json_object();
			build_put(b, part, "phase", json_string(phase_name((enum phase)i)));
			build_put(b, part, "cause", json_string(cause_name((enum cause)k)));
			build_put(b, part, "per_request_ns", build_u64(m->ns[i][k] / m->requests));
			build_put(b, part, "share", build_number(build_ratio((double)m->ns[i][k], (double)m->toll_ns)));
			build_append(b, parts, part);
		}
	}
}

static void mix_build(struct build *b, json_t *compositions, const char *key, const struct cause_mix *m)
{
	if (!m->requests)
		return;
	json_t *row = build_object(b, compositions, key);
	build_put(b, row, "requests", build_u64(m->requests));
	build_put(b, row, "toll_ns", build_u64(m->toll_ns / m->requests));
	json_t *held = build_object(b, row, "run_queue_held_by");
	for (unsigned i = 0; i < WIRE_HOLDERS; i++)
		build_put(b, held, holder_names[i], build_u64(m->held_ns[i] / m->requests));
	build_put(b, row, "idle_in_timers_ns", build_u64(m->timer_ns / m->requests));
	mix_parts(b, row, m);
}

void build_mixes(const struct attribution_set *a, struct cause_mix *typical, struct cause_mix *slow)
{
	cause_stats_mix(a->causes, hist_percentile(a->toll, 40), hist_percentile(a->toll, 60), typical);
	cause_stats_mix(a->causes, hist_percentile(a->toll, 95), UINT64_MAX, slow);
}

static void interference(struct build *b, const struct cause_mix *slow)
{
	json_t *row = build_object(b, b->doc, "interference");

	build_put(b, row, "per_request_p99_ns", build_u64(slow->requests ? slow->held_ns[WIRE_HOLDER_TOLL] / slow->requests : 0));
	build_put(b, row, "share_of_toll_p99",
		  build_number(build_ratio((double)slow->held_ns[WIRE_HOLDER_TOLL], (double)slow->toll_ns)));
}

static void lock_threads(struct build *b, const char *key, uint64_t (*ns)(const struct cause_thread *t))
{
	json_t *list = build_array(b, b->doc, key);

	for (const struct cause_thread *t = attribution_cause_threads(b->in->attribution)->first; t; t = t->next) {
		if (!ns(t) || json_array_size(list) == 64)
			continue;
		json_t *row = json_object();
		build_put(b, row, "tid", json_integer(t->tid));
		build_put(b, row, "name", report_text(t->comm[0] ? t->comm : "not known"));
		build_put(b, row, "ns", build_u64(ns(t)));
		build_append(b, list, row);
	}
}

static uint64_t busy_ns(const struct cause_thread *t)
{
	return t->other_work_ns;
}

static uint64_t release_ns(const struct cause_thread *t)
{
	return t->released_ns;
}

void build_compositions(struct build *b)
{
	const struct attribution_set *a = b->in->total.attribution;
	const char *why = no_causes(b, a);
	struct cause_mix typical, slow;

	if (why) {
		build_absent(b, "", "toll_composition", why);
		build_absent(b, "", "interference", why);
		return;
	}
	build_mixes(a, &typical, &slow);
	json_t *compositions = build_object(b, b->doc, "toll_composition");
	mix_build(b, compositions, "p50", &typical);
	mix_build(b, compositions, "p99", &slow);
	interference(b, &slow);
	lock_threads(b, "busy_threads", busy_ns);
	lock_threads(b, "lock_holders", release_ns);
}

void build_thread_trust(struct build *b, json_t *trust)
{
	const struct threads_stats *s = &b->in->timeline->threads;
	uint64_t told, untold;

	if (!s->threads) {
		build_absent(b, "", "trust.threads", "no thread was watched");
		return;
	}
	json_t *row = build_object(b, trust, "threads");
	build_put(b, row, "known", build_u64(s->threads));
	build_put(b, row, "off_cpu_periods", build_u64(s->periods));
	build_put(b, row, "system_calls", build_u64(s->calls));
	build_put(b, row, "marks", build_u64(s->marks));
	build_put(b, row, "refused", build_u64(s->refused));
	build_put(b, row, "holes", build_u64(s->holes));
	build_put(b, row, "rejected", build_u64(s->rejected));
	build_put(b, row, "history_dropped", build_u64(s->dropped));
	build_put(b, row, "hurried", build_u64(attribution_hurried(b->in->attribution)));
	attribution_told(b->in->attribution, &told, &untold);
	build_put(b, row, "requests_told", build_u64(told));
	build_put(b, row, "requests_untold", build_u64(untold));
}
