// SPDX-License-Identifier: GPL-2.0-only
#include "session/alloc_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/log.h"
#include "report/allocator.h"

#define RATE_NS UINT64_C(200000000) /* calls are counted for so long before they are a rate */
#define NOTES_MAX 8

void alloc_watch_open(struct alloc_watch *w, struct probe *probe, const uint32_t *pid, unsigned pids,
		      const struct budget_limit *limit)
{
	struct alloc_probe_config config = {.threads_map_fd = probe_alloc_threads_fd(probe)};
	struct err err = {0};
	unsigned failed = 0;

	w->probe = probe;
	if (probe_alloc_marks(probe, false)) /* what marks tell of it begins with the first window */
		log_line(LOG_DEBUG, "the begin of the allocator's windows was not told");
	if (calibrate((enum uprobe_link_kind)probe_alloc_path(probe), &w->calibration, &err)) {
		snprintf(w->why, sizeof(w->why), "%.300s", err.text);
		return;
	}
	config.link = w->calibration.link;
	memcpy(config.bias_ns, w->calibration.bias_ns, sizeof(config.bias_ns));
	if (alloc_probe_open(&w->alloc, &config, &err)) {
		w->alloc = NULL;
		snprintf(w->why, sizeof(w->why), "%.300s", err.text);
		return;
	}
	for (unsigned i = 0; i < pids; i++)
		failed += alloc_probe_add(w->alloc, pid[i], &err) != 0;
	if (failed == pids) {
		snprintf(w->why, sizeof(w->why), "%.300s", err.text);
		alloc_watch_close(w);
		return;
	}
	metered_init(&w->metered, limit, BUDGET_WINDOW_NS);
	w->rate.one_return_in = BUDGET_ONE_RETURN_IN_LEAST;
}

void alloc_watch_close(struct alloc_watch *w)
{
	w->probe = NULL;
	if (w->alloc)
		alloc_probe_switch(w->alloc, false);
	if (w->why[0]) {
		alloc_probe_close(w->alloc);
		w->alloc = NULL;
	}
}

void alloc_watch_fini(struct alloc_watch *w)
{
	alloc_watch_close(w);
	alloc_probe_close(w->alloc);
	free(w->base);
	*w = (struct alloc_watch){.alloc = NULL};
}

void alloc_watch_add(struct alloc_watch *w, uint32_t pid)
{
	struct err err = {0};

	if (w->alloc && alloc_probe_add(w->alloc, pid, &err))
		log_line(LOG_DEBUG, "%s", err.text); /* it has ended already */
}

void alloc_watch_process(struct alloc_watch *w, const struct wire_process *p, uint32_t pid)
{
	if (!w->alloc || p->role != WIRE_ROLE_GATEWAY)
		return;
	if (p->event == WIRE_PROCESS_EXIT)
		alloc_probe_forget(w->alloc, pid);
	else
		alloc_watch_add(w, pid);
}

static bool row_since_start(const struct alloc_watch *w, unsigned index, struct alloc_row *row)
{
	uint64_t *value = (uint64_t *)&row->stats;

	if (alloc_probe_row(w->alloc, index, row))
		return false;
	for (size_t i = 0; index < w->base_rows && i < sizeof(row->stats) / sizeof(*value); i++)
		value[i] -= ((const uint64_t *)&w->base[index])[i];
	return true;
}

/* Charges what has come since the last time, at what a hit costs now: that depends on who else has probes there. */
static void costs_add(struct alloc_watch *w, unsigned index, const struct alloc_row *row)
{
	const struct alloc_counted now = {row->stats.calls, row->stats.returns, row->stats.nested + row->stats.passed};
	struct alloc_counted *last = &w->counted[index];
	struct alloc_costs *out = row->kind == WIRE_ALLOC_FREE ? &w->gives : &w->takes;
	double calls = (double)(now.calls - last->calls), returns = (double)(now.returns - last->returns);
	double hits = calls + (double)(now.hits - last->hits), some = calls / w->rate.one_return_in, all = calls;
	const struct calibration *c = &w->calibration;

	*last = now;
	if (row->entry_only) {
		double ns = hits * c->entry_ns[row->place.insn];

		out->seen_ns += ns;
		out->all_ns += ns;
		out->some_ns += ns;
		return;
	}
	if (row->kind == WIRE_ALLOC_FREE)
		all = some;
	else if (row->kind == WIRE_ALLOC_CALLOC || row->kind == WIRE_ALLOC_REALLOC)
		some = all;
	out->seen_ns += calibration_cost_ns(c, row->place.insn, row->beside, hits, returns);
	out->all_ns += calibration_cost_ns(c, row->place.insn, row->beside, hits, all);
	out->some_ns += calibration_cost_ns(c, row->place.insn, row->beside, hits, some);
}

/* Frees that go unseen cost as much beside each call that takes memory as those that were seen. */
static void costs_read(struct alloc_watch *w, struct budget_seen *seen)
{
	double before_ns = w->takes.some_ns, frees_ns, *level_ns = seen->level_ns;
	struct alloc_row row;

	for (unsigned i = 0; i < alloc_probe_rows(w->alloc); i++)
		if (!alloc_probe_row(w->alloc, i, &row))
			costs_add(w, i, &row);
	if (w->frees.on)
		w->takes_beside_frees_ns += w->takes.some_ns - before_ns;
	frees_ns = w->gives.some_ns;
	if (w->takes_beside_frees_ns > 0)
		frees_ns *= w->takes.some_ns / w->takes_beside_frees_ns;
	seen->spent_ns = w->takes.seen_ns + w->gives.seen_ns;
	level_ns[BUDGET_ALL_RETURNS] = w->takes.all_ns + frees_ns;
	level_ns[BUDGET_SOME_RETURNS] = w->takes.some_ns + frees_ns;
	level_ns[BUDGET_FEW_FREES] = w->takes.some_ns + frees_ns * (double)BUDGET_FREES_ON_NS / (double)BUDGET_FREES_PERIOD_NS;
}

static void base_take(struct alloc_watch *w)
{
	unsigned rows = alloc_probe_rows(w->alloc);
	struct alloc_row row;

	w->base = calloc(rows ? rows : 1, sizeof(*w->base));
	if (!w->base)
		return;
	for (w->base_rows = 0; w->base_rows < rows && !alloc_probe_row(w->alloc, w->base_rows, &row); w->base_rows++)
		w->base[w->base_rows] = row.stats;
}

void alloc_watch_start(struct alloc_watch *w, uint64_t now_ns, uint64_t requests)
{
	if (!w->alloc || w->metered.measured)
		return;
	base_take(w);
	costs_read(w, &w->metered.seen);
	metered_start(&w->metered, now_ns, requests);
	metered_start(&w->frees, now_ns, requests);
}

/* Marks tell of the allocator's time only while all of it is seen. Probes go off before anything is read: until then they cost. */
static int probes_switch(struct alloc_watch *w, bool on, bool frees)
{
	bool whole = on && frees;
	uint64_t since_ns = whole ? 0 : probe_alloc_hush(w->probe);
	int rc = alloc_probe_frees(w->alloc, frees);

	if (!rc)
		rc = alloc_probe_switch(w->alloc, on);
	if (!whole) {
		int told = probe_alloc_hushed(w->probe, since_ns);

		return rc ? rc : told;
	}
	return rc ? rc : probe_alloc_marks(w->probe, true);
}

static void follow(struct alloc_watch *w, uint64_t now_ns, uint64_t requests, bool on, bool frees)
{
	metered_follow(&w->metered, now_ns, requests, on);
	metered_follow(&w->frees, now_ns, requests, on && frees);
}

/* What comes counts from when it is there, what goes until it begins to go: putting probes on takes as long as some requests. */
static void put_on(struct alloc_watch *w, bool on, bool frees, const struct metered_now *now)
{
	bool more = (on && !w->metered.on) || (on && frees && !w->frees.on),
	     less = (!on && w->metered.on) || (!frees && w->frees.on);
	int rc;

	if (!more)
		follow(w, now->now_ns, now->requests, on, frees);
	if (!more && !less)
		return;
	rc = probes_switch(w, on, frees);
	if (more)
		follow(w, clock_now_ns(), now->requests_now(now->ctx), on, frees);
	if (!rc)
		return;
	if (probe_alloc_marks(w->probe, false))
		log_line(LOG_DEBUG, "the end of the allocator's windows was not told");
	snprintf(w->why, sizeof(w->why), "the probes cannot be put on: %s", strerror(-rc));
	log_line(LOG_WARN, "no allocator calls: %s", w->why);
	alloc_watch_close(w);
}

static uint64_t calls_read(const struct alloc_watch *w)
{
	struct alloc_row row;
	uint64_t calls = 0;

	for (unsigned i = 0; i < alloc_probe_rows(w->alloc); i++)
		if (!alloc_probe_row(w->alloc, i, &row))
			calls += row.stats.calls;
	return calls;
}

/* on: the probes have been on, with those that give back, and stay so. A stretch that ends otherwise tells no rate. */
static void rate_follow(struct alloc_watch *w, uint64_t now_ns, bool on)
{
	struct alloc_rate *r = &w->rate;

	if (on && r->from_ns && now_ns - r->from_ns < RATE_NS)
		return;
	uint64_t calls = on ? calls_read(w) : 0;
	if (on && r->from_ns)
		r->one_return_in = budget_one_return_in((double)(calls - r->calls) * 1e9 / (double)(now_ns - r->from_ns));
	r->calls = calls;
	r->from_ns = on ? now_ns : 0;
}

void alloc_watch_tick(struct alloc_watch *w, const struct metered_now *now, bool held)
{
	bool on;
	int rc;

	if (!w->alloc || !w->probe)
		return;
	rc = alloc_probe_rest(w->alloc);
	if (rc) /* that one process is not seen; the others are */
		log_line(LOG_DEBUG, "probes of a process that woke up: %s", strerror(-rc));
	w->metered.held = held;
	costs_read(w, &w->metered.seen);
	on = metered_tick(&w->metered, now);
	rate_follow(w, now->now_ns, on && w->metered.on && w->frees.on);
	alloc_probe_sample(w->alloc, w->metered.budget.level == BUDGET_ALL_RETURNS ? 1 : w->rate.one_return_in,
			   w->rate.one_return_in);
	put_on(w, on, w->metered.budget.frees, now);
}

void alloc_watch_end(struct alloc_watch *w, const struct metered_now *now)
{
	if (w->alloc && w->probe)
		put_on(w, false, true, now);
}

/* The latency of one row, as the report's histogram; NULL: none was seen. */
static struct hist *latency_of(const struct wire_alloc_stats *s)
{
	struct hist *h = s->returns ? hist_new() : NULL;

	for (unsigned i = 0; h && i < WIRE_ALLOC_BUCKETS; i++)
		if (s->bucket[i])
			hist_record_n(h, (alloc_bucket_low_ns(i) + alloc_bucket_low_ns(i + 1)) / 2, s->bucket[i]);
	return h;
}

static uint32_t functions_fill(const struct alloc_watch *w, struct report_alloc_function *out, struct hist **hist,
			       unsigned *functions)
{
	uint32_t noise_ns = 0;

	for (unsigned i = 0; i < alloc_probe_rows(w->alloc); i++) {
		struct alloc_row row;

		if (!row_since_start(w, i, &row))
			continue;
		hist[*functions] = latency_of(&row.stats);
		if (row.stats.returns && w->calibration.noise_ns[row.place.insn] > noise_ns)
			noise_ns = w->calibration.noise_ns[row.place.insn];
		out[*functions] = (struct report_alloc_function){
			.name = row.name,
			.file = row.file,
			.family = row.family,
			.insn = probe_insn_name(row.place.insn),
			.entry_only = row.entry_only,
			.gives_back = row.kind == WIRE_ALLOC_FREE,
			.requests = row.kind == WIRE_ALLOC_FREE ? w->frees.requests : w->metered.requests,
			.calls = row.stats.calls,
			.bytes = row.stats.bytes,
			.returns = row.stats.returns,
			.failed = row.stats.failed,
			.unfinished = row.stats.unfinished,
			.sum_ns = row.stats.sum_ns,
			.latency = hist[*functions],
		};
		(*functions)++;
	}
	return noise_ns;
}

static void allocator_result(const struct alloc_watch *w, json_t *parts)
{
	struct report_alloc_function function[WIRE_ALLOC_FUNCTIONS_MAX];
	struct hist *hist[WIRE_ALLOC_FUNCTIONS_MAX] = {NULL};
	const char *note[NOTES_MAX + 1] = {NULL};
	struct report_allocator a = {
		.link = uprobe_link_name(alloc_probe_link(w->alloc)),
		.function = function,
		.requests = w->metered.requests,
		.on_share = metered_on_share(&w->metered),
		.frees_on_share = metered_on_share(&w->frees),
		.note = note,
	};

	for (unsigned i = 0; i < NOTES_MAX; i++)
		note[i] = alloc_probe_note(w->alloc, i);
	a.noise_ns = functions_fill(w, function, hist, &a.functions);
	json_object_set_new(parts, "allocator", report_allocator(&a));
	for (unsigned i = 0; i < WIRE_ALLOC_FUNCTIONS_MAX; i++)
		hist_free(hist[i]);
}

void alloc_watch_result(const struct alloc_watch *w, json_t *parts, json_t *groups, json_t *not_measured)
{
	if (!w->alloc || !w->metered.measured) {
		json_object_set_new(not_measured, "allocator",
				    json_string(w->why[0] ? w->why : "allocator probes were not asked for (--probes alloc)"));
		return;
	}
	allocator_result(w, parts);
	json_object_set_new(groups, "alloc", metered_json(&w->metered));
}
