// SPDX-License-Identifier: GPL-2.0-only
#include "leak/watch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "leak/split.h"

/* One a second for more than an hour; then one every two seconds, four ... */
#define SAMPLES_MAX 4096
#define BYTES_MATERIAL 65536.0
#define COUNT_MATERIAL 8.0
#define DRIVING_LEAST 0.05 /* of all growth */
#define DRIVING_FEW 0.1 /* of all requests */

struct moment {
	double time_s;
	uint32_t life;
	bool pages_read; /* the gauges of pages are of this moment */
	double requests[LEAK_CLASSES_MAX];
	double value[LEAK_GAUGES];
};

struct leak_watch {
	unsigned classes;
	double requests[LEAK_CLASSES_MAX];
	struct leak_parts *parts;
	uint64_t start_ns;
	double disk_free_bytes; /* at the begin */
	double most[LEAK_GAUGES];
	struct moment *at;
	unsigned count, room;
	bool ended;
	double confidence; /* of the judgement that ended it; 0: the usual one */
	unsigned every, skipped; /* one sample in so many is a moment of its own */
	uint64_t samples;
	uint32_t missing; /* enum record_gauges_missing, of any sample */
	uint32_t runtimes;
};

static const struct {
	const char *name, *title;
	bool bytes, judged, counter;
	uint32_t read_from; /* enum record_gauges_missing: without it there is no such gauge */
} gauge_row[LEAK_GAUGES] = {
	[LEAK_MEMORY] = {"memory", "anonymous memory", true, true, false, RECORD_GAUGES_NO_STATUS},
	[LEAK_HEAP] = {"heap", "heap (brk)", true, false, false, RECORD_GAUGES_NO_MAPPINGS},
	[LEAK_MAPPINGS] = {"mappings", "anonymous mappings", true, false, false, RECORD_GAUGES_NO_MAPPINGS},
	[LEAK_DESCRIPTORS] = {"descriptors", "file descriptors", false, true, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_FD_SOCKETS] = {"fd_sockets", "… of sockets", false, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_FD_FILES] = {"fd_files", "… of files", false, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_FD_PIPES] = {"fd_pipes", "… of pipes", false, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_FD_ANON] = {"fd_anon", "… of events, timers", false, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_FD_OTHER] = {"fd_other", "… of other kinds", false, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_SOCKETS_CLOSE_WAIT] = {"sockets_close_wait", "sockets in CLOSE_WAIT", false, true, false,
				     RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_SOCKETS_CLOSED] = {"sockets_closed", "sockets in CLOSE", false, true, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_THREADS] = {"threads", "threads", false, true, false, 0},
	[LEAK_SOCKET_BYTES] = {"socket_bytes", "bytes in sockets", true, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_PAGE_TABLES] = {"page_tables", "page tables", true, false, false, RECORD_GAUGES_NO_STATUS},
	[LEAK_PSS] = {"pss", "PSS (more rarely)", true, false, false, RECORD_GAUGES_NO_PSS},
	[LEAK_RUNTIME_HEAP] = {"runtime_heap", "the runtime's heap", true, false, false, RECORD_GAUGES_NO_RUNTIME},
	[LEAK_NATIVE] = {"native", "memory outside of it", true, false, false, RECORD_GAUGES_NO_RUNTIME},
	[LEAK_KERNEL_TCP] = {"kernel_tcp", "TCP buffers, machine", true, false, false, RECORD_GAUGES_NO_KERNEL},
	[LEAK_LOGS] = {"logs", "files being written", true, false, false, RECORD_GAUGES_NO_DESCRIPTORS},
	[LEAK_DISK_USED] = {"disk_used", "disk used, by all", true, false, false, RECORD_GAUGES_NO_DISK},
	[LEAK_DISK_WRITTEN] = {"disk_written", "written to disk", true, false, true, RECORD_GAUGES_NO_IO},
	[LEAK_NETWORK] = {"network", "network, its namespace", true, false, true, RECORD_GAUGES_NO_NETWORK},
};

const char *leak_gauge_name(enum leak_gauge gauge)
{
	return (unsigned)gauge < LEAK_GAUGES ? gauge_row[gauge].name : "unknown";
}

const char *leak_gauge_title(enum leak_gauge gauge)
{
	return (unsigned)gauge < LEAK_GAUGES ? gauge_row[gauge].title : "unknown";
}

bool leak_gauge_is_bytes(enum leak_gauge gauge)
{
	return (unsigned)gauge < LEAK_GAUGES && gauge_row[gauge].bytes;
}

bool leak_gauge_is_judged(enum leak_gauge gauge)
{
	return (unsigned)gauge < LEAK_GAUGES && gauge_row[gauge].judged;
}

struct leak_watch *leak_watch_new(unsigned classes)
{
	struct leak_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->parts = leak_parts_new();
	if (!w || !w->parts) {
		free(w);
		return NULL;
	}
	w->classes = classes < LEAK_CLASSES_MAX ? classes : LEAK_CLASSES_MAX;
	w->every = 1;
	return w;
}

void leak_watch_free(struct leak_watch *w)
{
	if (!w)
		return;
	leak_parts_free(w->parts);
	free(w->at);
	free(w);
}

void leak_watch_requests(struct leak_watch *w, unsigned class_index, uint64_t ended)
{
	if (class_index < LEAK_CLASSES_MAX)
		w->requests[class_index] += (double)ended;
}

void leak_watch_done(const struct leak_watch *w, double ended[LEAK_CLASSES_MAX])
{
	memcpy(ended, w->requests, sizeof(w->requests));
}

bool leak_gauge_is_counter(enum leak_gauge gauge)
{
	return (unsigned)gauge < LEAK_GAUGES && gauge_row[gauge].counter;
}

static void values_of(const struct leak_watch *w, const struct record_gauges *g, double value[LEAK_GAUGES])
{
	value[LEAK_MEMORY] = (double)(g->anon_bytes + g->swap_bytes);
	value[LEAK_HEAP] = (double)g->heap_bytes;
	value[LEAK_MAPPINGS] = (double)g->mapped_bytes;
	value[LEAK_DESCRIPTORS] = g->fds;
	value[LEAK_SOCKETS_CLOSE_WAIT] = g->tcp[8];
	value[LEAK_SOCKETS_CLOSED] = g->tcp[7];
	value[LEAK_THREADS] = g->threads;
	value[LEAK_SOCKET_BYTES] = (double)(g->unread_bytes + g->unsent_bytes);
	value[LEAK_PAGE_TABLES] = (double)g->page_table_bytes;
	value[LEAK_FD_SOCKETS] = g->fd[RECORD_FD_SOCKET];
	value[LEAK_FD_FILES] = g->fd[RECORD_FD_FILE];
	value[LEAK_FD_PIPES] = g->fd[RECORD_FD_PIPE];
	value[LEAK_FD_ANON] = g->fd[RECORD_FD_ANON];
	value[LEAK_FD_OTHER] = g->fd[RECORD_FD_OTHER];
	value[LEAK_PSS] = (double)g->pss_bytes;
	value[LEAK_RUNTIME_HEAP] = (double)g->runtime_bytes;
	value[LEAK_NATIVE] = (double)g->native_bytes;
	value[LEAK_KERNEL_TCP] = (double)g->kernel_tcp_bytes;
	value[LEAK_LOGS] = (double)g->log_bytes;
	value[LEAK_DISK_USED] = w->disk_free_bytes - (double)g->disk_free_bytes;
	value[LEAK_DISK_WRITTEN] = (double)g->disk_written_bytes;
	value[LEAK_NETWORK] = (double)g->network_bytes;
}

/* Of two moments one is kept, whole, for values and requests belong together: the one with less memory, for floors are what counts. */
static void moment_join(struct moment *into, const struct moment *later)
{
	if (later->value[LEAK_MEMORY] < into->value[LEAK_MEMORY] || later->life != into->life)
		*into = *later;
}

static void halve(struct leak_watch *w)
{
	for (unsigned i = 0; i < w->count / 2; i++) {
		struct moment joined = w->at[2 * i];
		moment_join(&joined, &w->at[2 * i + 1]);
		w->at[i] = joined;
	}
	w->count /= 2;
	w->every *= 2;
}

static int moment_add(struct leak_watch *w, const struct moment *now)
{
	if (w->count == SAMPLES_MAX)
		halve(w);
	if (w->count == w->room) {
		unsigned room = w->room ? 2 * w->room : 256;
		struct moment *grown = realloc(w->at, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		w->at = grown;
		w->room = room;
	}
	w->at[w->count++] = *now;
	return 0;
}

void leak_watch_end(struct leak_watch *w, double confidence)
{
	w->ended = true;
	w->confidence = confidence;
}

int leak_watch_gauges(struct leak_watch *w, const struct record_gauges *g)
{
	struct moment now = {0};

	if (w->ended)
		return 0;
	if (!w->start_ns) {
		w->start_ns = g->time_ns;
		w->disk_free_bytes = (double)g->disk_free_bytes;
	}
	now.life = g->lives;
	now.pages_read = g->pages_read != 0;
	now.time_s = (double)(g->time_ns - w->start_ns) / (double)NS_PER_S;
	memcpy(now.requests, w->requests, sizeof(now.requests));
	values_of(w, g, now.value);
	for (unsigned i = 0; i < LEAK_GAUGES; i++)
		w->most[i] = fmax(w->most[i], now.value[i]);
	w->samples++;
	w->missing |= g->missing;
	w->runtimes |= g->runtimes;
	if (w->count && w->skipped + 1 < w->every) {
		w->skipped++;
		moment_join(&w->at[w->count - 1], &now);
		return 0;
	}
	w->skipped = 0;
	return moment_add(w, &now);
}

static double requests_sum(const double requests[LEAK_CLASSES_MAX], unsigned classes)
{
	double sum = 0;

	for (unsigned i = 0; i < LEAK_CLASSES_MAX; i++)
		sum += classes & 1u << i ? requests[i] : 0;
	return sum;
}

static double requests_of(const struct moment *m, unsigned classes)
{
	return requests_sum(m->requests, classes);
}

int leak_watch_part(struct leak_watch *w, const struct record_part *part)
{
	if (w->ended || !w->start_ns || part->time_ns < w->start_ns)
		return 0;
	return leak_parts_add(w->parts, part, (double)(part->time_ns - w->start_ns) / (double)NS_PER_S,
			      requests_sum(w->requests, ~0u));
}

const struct leak_parts *leak_watch_parts(const struct leak_watch *w)
{
	return w->parts;
}

/* Read more rarely than the others. */
static bool is_of_pages(enum leak_gauge gauge)
{
	return gauge == LEAK_PSS || gauge == LEAK_RUNTIME_HEAP || gauge == LEAK_NATIVE;
}

/* classes: bits of those whose requests count. */
static unsigned series_fill(const struct leak_watch *w, enum leak_gauge gauge, unsigned classes, struct leak_sample *out,
			    unsigned most)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->count && n < most; i++) {
		const struct moment *m = &w->at[i];
		if (!is_of_pages(gauge) || m->pages_read)
			out[n++] = (struct leak_sample){m->time_s, requests_of(m, classes), m->value[gauge]};
	}
	return n;
}

/* By how many times what it was, or what would be material. */
static double growth_of(const struct leak_result *r, enum leak_gauge gauge)
{
	const struct leak_judgement *j = &r->gauge[gauge];
	double material = gauge_row[gauge].bytes ? BYTES_MATERIAL : COUNT_MATERIAL;

	return (j->end_value - j->start_value) / fmax(j->start_value, material);
}

/*
 * Which gauge the verdict is about: a leak before doubt before none. Of several leaks the one that has grown the most beside what it was:
 * threads take memory along, and sockets descriptors, but neither as many times as there were of them.
 */
static void verdict_sum_up(struct leak_result *out)
{
	static const enum leak_verdict order[] = {LEAK_FOUND, LEAK_INCONCLUSIVE, LEAK_NONE};
	/* the narrower kind before the wider */
	static const enum leak_gauge judged[] = {LEAK_MEMORY, LEAK_SOCKETS_CLOSE_WAIT, LEAK_SOCKETS_CLOSED, LEAK_THREADS,
						 LEAK_DESCRIPTORS};
	bool any = false;

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]) && !any; i++) {
		for (unsigned g = 0; g < sizeof(judged) / sizeof(judged[0]); g++) {
			if (out->gauge[judged[g]].verdict != order[i] ||
			    (any && (order[i] != LEAK_FOUND || growth_of(out, judged[g]) <= growth_of(out, out->worst))))
				continue;
			any = true;
			out->verdict = order[i];
			out->worst = judged[g];
		}
	}
}

/* Growth of one gauge, told apart by class and time. */
static int split_by_class(const struct leak_watch *w, enum leak_gauge gauge, double from_s, struct leak_split *out)
{
	struct split split;
	int rc = split_init(&split, w->classes + 1);

	*out = (struct leak_split){0};
	for (unsigned i = 0; i < w->count && !rc; i++) {
		const struct moment *m = &w->at[i];
		double driver[LEAK_CLASSES_MAX + 1];
		memcpy(driver, m->requests, w->classes * sizeof(driver[0]));
		driver[w->classes] = m->time_s;
		rc = split_add(&split, driver, m->value[gauge], m->time_s < from_s);
	}
	if (!rc)
		rc = split_solve(&split);
	for (unsigned i = 0; i < w->classes && !rc; i++)
		out->class_[i].told =
			split_slope(&split, i, &out->class_[i].per_request, &out->class_[i].low, &out->class_[i].high);
	if (!rc)
		out->time.told = split_slope(&split, w->classes, &out->time.per_request, &out->time.low, &out->time.high);
	split_fini(&split);
	return rc;
}

static int judge_classes(const struct leak_watch *w, double confidence, enum leak_gauge gauge, unsigned classes,
			 struct leak_sample *sample, struct leak_judgement *out)
{
	const struct leak_config config = {.confidence = confidence,
					   .material = gauge_row[gauge].bytes ? BYTES_MATERIAL : COUNT_MATERIAL};
	const struct leak_series series = {sample, series_fill(w, gauge, classes, sample, SAMPLES_MAX)};

	return leak_judge(&series, &config, out);
}

/*
 * Bits of the classes that the growth comes with. Where a gauge is still but for its steps the intervals are narrow enough to see a
 * millionth of a byte: what is no part worth naming of all growth drives nothing.
 */
static unsigned driving_of(const struct leak_watch *w, const struct leak_split *split, double from_s)
{
	const struct moment *end = &w->at[w->count - 1], *begin = w->at;
	double grown[LEAK_CLASSES_MAX] = {0}, all = 0;
	unsigned driving = 0;

	while (begin < end && begin->time_s - w->at[0].time_s < from_s)
		begin++;
	for (unsigned i = 0; i < w->classes; i++) {
		if (split->class_[i].told && split->class_[i].low > 0)
			grown[i] = split->class_[i].per_request * (end->requests[i] - begin->requests[i]);
		all += grown[i];
	}
	for (unsigned i = 0; i < w->classes; i++)
		driving |= grown[i] > DRIVING_LEAST * all ? 1u << i : 0;
	return driving;
}

/*
 * Another axis may take the noise out of a growth; it must not talk a slowing one into a steady one. Where few of the requests drive it, its
 * steps look like anything against all of them, slowing down too.
 */
static bool is_worth_another_axis(const struct leak_watch *w, const struct leak_judgement *j, unsigned driving)
{
	const struct moment *end = &w->at[w->count - 1];

	if (j->reason == LEAK_TOO_NOISY || j->reason == LEAK_STEPPED)
		return true;
	return (j->reason == LEAK_SLOWS_DOWN || j->reason == LEAK_LEVELS_OFF || j->reason == LEAK_TOO_SHORT) &&
	       requests_of(end, driving) < DRIVING_FEW * requests_of(end, ~0u);
}

/*
 * Against all requests first; then, where phases by class show who drives it, against those classes alone, for growth that comes with one
 * class only is no line against all.
 */
static int judge_gauge(const struct leak_watch *w, double confidence, enum leak_gauge gauge, struct leak_sample *sample,
		       struct leak_result *out)
{
	struct leak_judgement *j = &out->gauge[gauge], alone;
	struct leak_split *split = &out->split[gauge];
	unsigned driving = 0;
	int rc;

	if (w->missing & gauge_row[gauge].read_from) {
		*j = (struct leak_judgement){.reason = LEAK_NOT_MEASURED};
		return 0;
	}
	rc = judge_classes(w, confidence, gauge, ~0u, sample, j);

	if (!rc && (j->per_second.error > 0 || j->per_second.slope != 0)) /* a gauge that never changes has no drivers */
		rc = split_by_class(w, gauge, j->judged_from_s, split);
	if (!rc && w->count)
		driving = driving_of(w, split, j->judged_from_s);
	if (rc || !driving || !is_worth_another_axis(w, j, driving))
		return rc;
	rc = judge_classes(w, confidence, gauge, driving, sample, &alone);
	if (!rc && alone.verdict == LEAK_FOUND) {
		*j = alone;
		split->driving = driving;
	}
	return rc;
}

/* The same, of the longest life alone: what another process holds is no growth of this one. Shares its moments. */
static struct leak_watch life_choose(const struct leak_watch *w, struct leak_result *out)
{
	struct leak_watch longest = *w;

	longest.count = 0;
	for (unsigned i = 0, end; i < w->count; i = end) {
		for (end = i + 1; end < w->count && w->at[end].life == w->at[i].life; end++)
			;
		out->lives++;
		if (end - i <= longest.count)
			continue;
		longest.at = w->at + i;
		longest.count = end - i;
	}
	if (longest.count) {
		out->life_from_s = longest.at[0].time_s;
		out->life_to_s = longest.at[longest.count - 1].time_s;
	}
	return longest;
}

int leak_watch_judge_at(const struct leak_watch *w, double confidence, double limit_bytes, struct leak_result *out)
{
	struct leak_sample *sample = calloc(SAMPLES_MAX, sizeof(*sample));
	int rc = sample ? 0 : -ENOMEM;

	*out = (struct leak_result){
		.classes = w->classes, .samples = w->samples, .runtimes = w->runtimes, .limit_bytes = limit_bytes};
	memcpy(out->most, w->most, sizeof(out->most));
	const struct leak_watch life = life_choose(w, out);
	for (unsigned g = 0; g < LEAK_GAUGES && !rc; g++)
		rc = judge_gauge(&life, confidence, (enum leak_gauge)g, sample, out);
	free(sample);
	if (rc)
		return rc;
	out->duration_s = w->count ? w->at[w->count - 1].time_s : 0;
	verdict_sum_up(out);
	if (limit_bytes > 0)
		out->limit_in_s = leak_time_to_limit_s(&out->gauge[LEAK_MEMORY], limit_bytes, &out->limit_in_low_s);
	return 0;
}

int leak_watch_judge(const struct leak_watch *w, double limit_bytes, struct leak_result *out)
{
	return leak_watch_judge_at(w, w->confidence, limit_bytes, out);
}
