// SPDX-License-Identifier: GPL-2.0-only
/* What costs most, worst first, in sentences: which cost, how much a request, where, and how that is known. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/cause_stats.h"
#include "attribution/cause_threads.h"
#include "base/buf.h"
#include "base/units.h"
#include "report/build.h"

#define FINDINGS_MAX 5
#define SHARE_MIN 0.05

/* How a cause is called in a sentence. */
static const char *const phrase[CAUSES] = {
	[CAUSE_OWN_USER] = "the gateway's own code",
	[CAUSE_OWN_KERNEL] = "system calls for the request itself",
	[CAUSE_OWN_CPU] = "CPU for the request itself",
	[CAUSE_ALLOCATOR] = "the allocator",
	[CAUSE_OTHER_WORK] = "event-loop wait",
	[CAUSE_RUN_QUEUE] = "waiting for a CPU",
	[CAUSE_THROTTLED] = "the cgroup's CPU quota",
	[CAUSE_STEAL] = "CPU taken by interrupts or the hypervisor",
	[CAUSE_LOCK] = "waiting for a lock",
	[CAUSE_DISK] = "waiting for a disk or file system",
	[CAUSE_PAGE_FAULT] = "waiting in page faults",
	[CAUSE_SWAP] = "waiting for memory (reclaim, swap)",
	[CAUSE_SOCKET] = "blocked in a read or write of a socket or pipe",
	[CAUSE_OTHER_BLOCKED] = "blocked in other system calls",
	[CAUSE_IDLE] = "waiting idle (timer, sleep or back-off)",
	[CAUSE_HAND_OFF] = "hand-off from one thread to another",
	[CAUSE_UNKNOWN] = "not known: there is no account of its threads",
};

struct finding {
	enum cause cause;
	enum phase phase; /* where most of it lies */
	double share; /* of the toll of the slowest requests */
	double phase_share; /* of the cause */
};

static int by_share(const void *a, const void *b)
{
	double x = ((const struct finding *)a)->share, y = ((const struct finding *)b)->share;

	return (x < y) - (x > y);
}

static unsigned findings_rank(const struct cause_mix *slow, struct finding out[CAUSES])
{
	unsigned n = 0;

	for (unsigned k = 0; k < CAUSES; k++) {
		uint64_t all = cause_mix_ns(slow, (enum cause)k);
		struct finding f = {.cause = (enum cause)k, .share = build_ratio((double)all, (double)slow->toll_ns)};
		if (f.share < SHARE_MIN)
			continue;
		for (unsigned i = 0; i < PHASES; i++)
			if (slow->ns[i][k] > slow->ns[f.phase][k])
				f.phase = (enum phase)i;
		f.phase_share = build_ratio((double)slow->ns[f.phase][k], (double)all);
		out[n++] = f;
	}
	qsort(out, n, sizeof(*out), by_share);
	return n;
}

static int percent(double share)
{
	return (int)(share * 100 + 0.5);
}

static void tell_thread(struct buf *t, const struct cause_thread *who, uint64_t ns, uint64_t of_ns, const char *what)
{
	if (!who)
		return;
	buf_printf(t, "; thread %s (%u) %s", who->comm[0] ? who->comm : "of another process", who->tid, what);
	if (ns < of_ns)
		buf_printf(t, " in %d %% of it", percent(build_ratio((double)ns, (double)of_ns)));
}

static void tell_holders(struct buf *t, const struct cause_mix *slow)
{
	double all = 0;

	for (unsigned i = 0; i < WIRE_HOLDERS; i++)
		all += (double)slow->held_ns[i];
	if (all <= 0)
		return;
	buf_printf(
		t, "; meanwhile the CPU ran the gateway's other threads for %d %% of it, driver and provider %d %%, others %d %%",
		percent((double)slow->held_ns[WIRE_HOLDER_GATEWAY] / all), percent((double)slow->held_ns[WIRE_HOLDER_TOLL] / all),
		percent((double)slow->held_ns[WIRE_HOLDER_OTHER] / all));
}

static void evidence(struct build *b, struct buf *t, const struct finding *f, const struct cause_mix *slow)
{
	const struct cause_threads *who = attribution_cause_threads(b->in->attribution);
	const struct cause_stats *s = b->in->total.attribution->causes;
	const struct cause_thread *one;

	switch (f->cause) {
	case CAUSE_OTHER_WORK:
		one = cause_threads_busiest(who);
		tell_thread(t, one, one ? one->other_work_ns : 0, s->sum_ns[CAUSE_OTHER_WORK], "is busy with other requests");
		break;
	case CAUSE_LOCK:
		one = cause_threads_releaser(who);
		tell_thread(t, one, one ? one->released_ns : 0, s->sum_ns[CAUSE_LOCK], "releases it");
		break;
	case CAUSE_RUN_QUEUE:
		tell_holders(t, slow);
		break;
	case CAUSE_IDLE:
		if (slow->timer_ns)
			buf_printf(t, "; %d %% of it in a sleep call",
				   percent(build_ratio((double)slow->timer_ns, (double)cause_mix_ns(slow, CAUSE_IDLE))));
		break;
	default:
		break;
	}
}

static void finding_build(struct build *b, json_t *findings, const struct finding *f, const struct cause_mix *slow)
{
	const struct hist *h = b->in->total.attribution->causes->cause[f->cause];
	uint64_t p50 = h ? hist_percentile(h, 50) : 0, p99 = h ? hist_percentile(h, 99) : 0;
	char low[32], high[32];
	struct buf t = {0};

	buf_printf(&t, "%d %% of the toll at p99 is %s: %s a request at p50, %s at p99", percent(f->share), phrase[f->cause],
		   units_format_ns(low, sizeof(low), p50), units_format_ns(high, sizeof(high), p99));
	if (f->phase_share > 0.995)
		buf_printf(&t, ", in \"%s\"", phase_title(f->phase));
	else
		buf_printf(&t, ", %d %% of it in \"%s\"", percent(f->phase_share), phase_title(f->phase));
	evidence(b, &t, f, slow);
	json_t *row = json_object();
	build_put(b, row, "cause", json_string(cause_name(f->cause)));
	build_put(b, row, "phase", json_string(phase_name(f->phase)));
	build_put(b, row, "share_of_toll_p99", build_number(f->share));
	build_put(b, row, "p50_ns", build_u64(p50));
	build_put(b, row, "p99_ns", build_u64(p99));
	build_put(b, row, "text", t.data ? report_text(t.data) : NULL);
	build_append(b, findings, row);
	buf_fini(&t);
}

void build_findings(struct build *b)
{
	const struct attribution_set *a = build_no_probes(b->in) ? NULL : b->in->total.attribution;
	struct cause_mix typical, slow;
	struct finding f[CAUSES];

	if (!a || !a->causes)
		return; /* toll_composition says why */
	build_mixes(a, &typical, &slow);
	json_t *findings = build_array(b, b->doc, "findings");
	unsigned n = findings_rank(&slow, f);
	for (unsigned i = 0; i < n && i < FINDINGS_MAX; i++)
		finding_build(b, findings, &f[i], &slow);
}
