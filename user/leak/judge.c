// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <string.h>

#include "leak/leak.h"

#define CONFIDENCE 0.995
#define WINDOW_SAMPLES_LEAST 3 /* fewer make no floor */
#define PART_POINTS_LEAST 5
#define PERSISTENCE_LEAK 0.5
#define PERSISTENCE_OVER 0.35
/*
 * A leak has 0.97 to 1.01. More than this is a slow warm-up with a late step, as a peak of load leaves: of an evicting cache's series over a
 * live soak with such a step 2.4 % were called a leak, with this 0.6 % (tests/model/test_leak_model.c, reference-3).
 */
#define PERSISTENCE_MOST 2.0
#define SLOWER 0.7 /* of the first half, and that for certain: no constant rate */
#define RISES_LEAK 0.6 /* share of the windows that a leak raises: growth by a few steps raises few */
#define ALIKE 0.5 /* parts whose slopes are nearer than so much of the slope are one growth */
#define ALIKE_ERRORS 3.0
#define GRADUAL_LEAST 1.5
#define GRADUAL_MOST 8.0
#define FEW_WINDOWS 12
#define AGREE 0.5 /* slopes over windows of two lengths are one where they are nearer than this */
#define JUDGED_SHARE_LEAST 0.33
#define FILLS_SHARE 0.33
#define BEARABLE_MATERIALS 4.0

/* Lowest value of each window of equal time, with the time and the requests of that moment. */
struct floors {
	unsigned count;
	double time_s[FIT_POINTS_MAX], requests[FIT_POINTS_MAX], value[FIT_POINTS_MAX];
	bool served; /* requests drive the gauge; else time does */
	struct fit_parts parts;
};

/* What the floor is drawn against. */
static const double *axis(const struct floors *f)
{
	return f->served ? f->requests : f->time_s;
}

static void floors_make(const struct leak_series *s, unsigned windows, struct floors *out)
{
	double start_s = s->sample[0].time_s, span_s = s->sample[s->samples - 1].time_s - start_s;
	unsigned window = windows;

	out->count = 0;
	for (unsigned i = 0; i < s->samples; i++) {
		const struct leak_sample *p = &s->sample[i];
		unsigned at = span_s > 0 ? (unsigned)((p->time_s - start_s) / span_s * windows) : 0;
		at = at < windows ? at : windows - 1;
		if (at != window)
			out->count++;
		else if (p->value >= out->value[out->count - 1])
			continue;
		window = at;
		out->time_s[out->count - 1] = p->time_s;
		out->requests[out->count - 1] = p->requests;
		out->value[out->count - 1] = p->value;
	}
	out->served = out->requests[out->count - 1] > out->requests[0];
	fit_cut(axis(out), out->value, out->count, PART_POINTS_LEAST, &out->parts);
}

/* The parts of [from, to), counted from `from` on. */
static struct fit_parts parts_within(const struct fit_parts *parts, unsigned from, unsigned to)
{
	struct fit_parts in = {.count = 1};

	for (unsigned i = 0; i < parts->count; i++)
		if (parts->first[i] > from && parts->first[i] < to)
			in.first[in.count++] = parts->first[i] - from;
	return in;
}

static int fit_part(const double *x, const struct floors *f, unsigned from, unsigned to, double confidence, struct fit_line *out)
{
	const struct fit_parts parts = parts_within(&f->parts, from, to);

	return fit_line(x + from, f->value + from, to - from, &parts, confidence, out);
}

/*
 * Error of a slope whose growth comes in lumps (one request in a thousand): that of a sum of steps as uneven as these. From the
 * differences of neighbouring steps, so that a growth that changes slowly does not count as uneven.
 */
static double lumps_error(const struct floors *f, unsigned from, unsigned to, double slope)
{
	const double *x = axis(f), *y = f->value;
	double square = 0, span = x[to - 1] - x[from];
	unsigned pairs = 0;

	for (unsigned i = from + 2; i < to; i++, pairs++) {
		double bend = y[i] - 2 * y[i - 1] + y[i - 2] - slope * (x[i] - 2 * x[i - 1] + x[i - 2]);
		square += bend * bend / 2;
	}
	return pairs && span > 0 ? sqrt(square / pairs * (to - from)) / span : 0;
}

/* Does the part that begins at `part` rise like what follows it? */
static bool is_alike(const struct floors *f, unsigned part, double confidence)
{
	unsigned from = f->parts.first[part], next = f->parts.first[part + 1];
	struct fit_line own, rest;

	if (fit_part(axis(f), f, from, next, confidence, &own) || fit_part(axis(f), f, next, f->count, confidence, &rest))
		return false;
	/* a slope's error over fewer points of the same noise */
	double error = rest.error * pow((double)rest.points / own.points, 1.5);
	return fabs(own.slope - rest.slope) <= fmax(ALIKE * fabs(rest.slope), ALIKE_ERRORS * error);
}

/* The last parts that rise alike: what came before them was another regime, a warm-up most likely. */
static unsigned judged_from(const struct floors *f, double confidence)
{
	unsigned part = f->parts.count - 1;

	while (part > 0 && is_alike(f, part - 1, confidence))
		part--;
	return f->parts.first[part];
}

/* At one confidence whatever the verdict's is: to be surer of a leak must not mean to be less ready to see that it slows down. */
static bool is_faster(const struct floors *f, const unsigned edge[3], double fast, double slow, double error)
{
	double lumps = hypot(lumps_error(f, edge[0], edge[1], fast), lumps_error(f, edge[1], edge[2], slow));
	double freedom = fmax(edge[2] - edge[0] - 4.0, 1.0);

	return fast - slow > fit_t_quantile((1.0 - CONFIDENCE) / 2.0, freedom) * fmax(error, lumps);
}

/* The regime before rose faster, but not by much: it slows down bit by bit, which a warm-up does not. */
static bool is_slowing(const struct floors *f, unsigned from, double confidence, const struct fit_line *judged)
{
	struct fit_line before;
	unsigned part = 0;

	while (part + 1 < f->parts.count && f->parts.first[part + 1] < from)
		part++;
	if (!from || fit_part(axis(f), f, f->parts.first[part], from, confidence, &before))
		return false;
	const unsigned edge[3] = {f->parts.first[part], from, f->count};
	if (before.slope <= GRADUAL_LEAST * judged->slope || before.slope >= GRADUAL_MOST * judged->slope)
		return false;
	/* too few to tell by chance from a curve: as it looks */
	return f->count - from < FEW_WINDOWS ||
	       is_faster(f, edge, before.slope, judged->slope, hypot(before.error, judged->error));
}

static void halves_fit(const struct floors *f, unsigned from, double confidence, struct leak_judgement *out)
{
	unsigned middle = from + (f->count - from) / 2;
	struct fit_line first;

	if (fit_part(axis(f), f, from, middle, confidence, &first) ||
	    fit_part(axis(f), f, middle, f->count, confidence, &out->second_half)) {
		out->second_half.points = 0;
		return;
	}
	const unsigned edge[3] = {from, middle, f->count};
	out->persistence = first.slope > 0 ? out->second_half.slope / first.slope : 0;
	out->slower = out->persistence < SLOWER &&
		      is_faster(f, edge, first.slope, out->second_half.slope, hypot(first.error, out->second_half.error));
}

static void lines_fit(const struct floors *f, unsigned from, double confidence, struct leak_judgement *out)
{
	const double *x = axis(f);

	fit_part(f->time_s, f, from, f->count, confidence, &out->per_second);
	if (f->served)
		fit_part(f->requests, f, from, f->count, confidence, &out->per_request);
	halves_fit(f, from, confidence, out);
	out->slower |= is_slowing(f, from, confidence, f->served ? &out->per_request : &out->per_second);
	for (unsigned i = from + 1; i < f->count; i++) {
		if (x[i] > x[i - 1]) { /* what comes with requests has no reason to grow without any */
			out->moves++;
			out->rises += f->value[i] > f->value[i - 1];
		}
	}
	out->judged_from_s = f->time_s[from] - f->time_s[0];
	out->steps = parts_within(&f->parts, from, f->count).count - 1;
	out->last_step_s = f->parts.count > 1 ? f->time_s[f->parts.first[f->parts.count - 1]] - f->time_s[0] : 0;
	out->start_value = f->value[from];
	out->end_value = f->value[f->count - 1];
}

/* The width of a slope's interval falls with the 1.5th power of the length at the same noise: more points, and further apart. */
static double longer_by_s(double span_s, double width, double wanted)
{
	return wanted > 0 && width > wanted ? span_s * (pow(width / wanted, 2.0 / 3.0) - 1.0) : 0;
}

static void decide_growth(double span_s, struct leak_judgement *out)
{
	if (out->rises < RISES_LEAK * out->moves || out->persistence > PERSISTENCE_MOST) {
		out->reason = LEAK_STEPPED;
		out->needs_s = span_s;
	} else if (out->persistence >= PERSISTENCE_LEAK && !out->slower) {
		out->verdict = LEAK_FOUND;
		out->reason = LEAK_GROWS_ON;
	} else if (out->second_half.points && out->persistence < PERSISTENCE_OVER) {
		out->verdict = LEAK_NONE;
		out->reason = LEAK_LEVELS_OFF;
	} else {
		out->reason = LEAK_SLOWS_DOWN;
		out->needs_s = span_s;
	}
}

static double highest(const struct floors *f, unsigned from, unsigned to)
{
	double high = f->value[from];

	for (unsigned i = from; i < to; i++)
		high = fmax(high, f->value[i]);
	return high;
}

/* A floor that leaks is higher in the second half than ever in the first. */
static bool has_new_high(const struct floors *f, unsigned from, double material)
{
	unsigned middle = from + (f->count - from) / 2;

	return highest(f, middle, f->count) >= highest(f, from, middle) + material;
}

/* Where what fills up at the begin may have filled up. */
static unsigned filled_from(const struct floors *f)
{
	double from_s = f->time_s[0] + FILLS_SHARE * (f->time_s[f->count - 1] - f->time_s[0]);
	unsigned from = 0;

	while (from + 1 < f->count && f->time_s[from] < from_s)
		from++;
	return from;
}

/* From the lowest to the highest that came later, regimes or not. */
static double grown_from(const struct floors *f, unsigned from)
{
	double low = f->value[from], most = 0;

	for (unsigned i = from; i < f->count; i++) {
		low = fmin(low, f->value[i]);
		most = fmax(most, f->value[i] - low);
	}
	return most;
}

/* The smallest growth that would have shown: by the interval, or by a new high. */
static double smallest_visible(const struct floors *f, unsigned from, double material, const struct leak_judgement *out)
{
	unsigned middle = from + (f->count - from) / 2;
	double requests = f->requests[f->count - 1] - f->requests[from];
	double visible = fmax(2.0 * (out->per_request.high - out->per_request.slope), material / requests);

	if (out->reason == LEAK_FLAT || out->reason == LEAK_LEVELS_OFF)
		visible =
			fmax(visible, grown_from(f, filled_from(f)) / (f->requests[f->count - 1] - f->requests[filled_from(f)]));
	if (out->reason == LEAK_NO_NEW_HIGH) {
		double below = highest(f, from, middle) - highest(f, middle, f->count) + material;
		visible = fmin(visible, 2.0 * below / requests);
	}
	return visible;
}

static void decide(const struct floors *f, unsigned from, double material, struct leak_judgement *out)
{
	const struct fit_line *line = f->served ? &out->per_request : &out->per_second;
	double whole_s = f->time_s[f->count - 1] - f->time_s[0], span_s = f->time_s[f->count - 1] - f->time_s[from];
	double span = axis(f)[f->count - 1] - axis(f)[from], grown = line->slope * span, most = line->high * span;
	double bearable = fmax(BEARABLE_MATERIALS * material, 0.05 * fabs(out->end_value));

	if (span_s < JUDGED_SHARE_LEAST * whole_s) {
		out->reason = LEAK_TOO_SHORT; /* the regime that it is in has only begun */
		out->needs_s = whole_s * JUDGED_SHARE_LEAST - span_s;
	} else if (line->low > 0 && grown >= material) {
		decide_growth(span_s, out);
	} else if (most <= bearable && (line->jumps <= bearable || out->last_step_s <= whole_s / 2)) {
		out->verdict = LEAK_NONE;
		out->reason = line->jumps > bearable || out->judged_from_s > 0 ? LEAK_LEVELS_OFF : LEAK_FLAT;
	} else if (!has_new_high(f, from, material)) {
		out->verdict = LEAK_NONE;
		out->reason = LEAK_NO_NEW_HIGH;
	} else if (most <= bearable) {
		out->reason = LEAK_STEPPED;
		out->needs_s = span_s;
	} else {
		/* what hides in the interval may be large only where the gauge itself is */
		out->reason = LEAK_TOO_NOISY;
		out->needs_s = longer_by_s(span_s, line->high - line->slope, fmax(grown, material) / span);
	}
	if (out->verdict == LEAK_INCONCLUSIVE &&
	    (grown_from(f, 0) <= bearable || grown_from(f, filled_from(f)) <= BEARABLE_MATERIALS * material)) {
		/* doubt about how it grew does not matter where all that it grew by does not; beside a warm-up of megabytes a leak is small, too */
		out->verdict = LEAK_NONE;
		out->reason = grown_from(f, 0) <= bearable ? LEAK_FLAT : LEAK_LEVELS_OFF;
		out->needs_s = 0;
	}
}

static const unsigned window_choice[] = {60, 30, 20, 15};
#define WINDOW_CHOICES (sizeof(window_choice) / sizeof(window_choice[0]))

/*
 * A swing nearly as long as a window makes the floor drift slowly without any growth; windows of another length drift in another
 * way. Does one more choice of windows show the same growth?
 */
static bool is_seen_again(const struct leak_series *s, unsigned windows, double from_s, double confidence,
			  const struct fit_line *judged)
{
	for (unsigned i = 0; i < WINDOW_CHOICES; i++) {
		struct floors f = {.count = 0};
		struct fit_line line;

		if (window_choice[i] == windows || s->samples < WINDOW_SAMPLES_LEAST * window_choice[i])
			continue;
		floors_make(s, window_choice[i], &f);
		unsigned from = 0;
		while (from < f.count && f.time_s[from] < f.time_s[0] + from_s)
			from++;
		if (!fit_part(axis(&f), &f, from, f.count, confidence, &line) &&
		    fabs(line.slope - judged->slope) <= AGREE * judged->slope)
			return true;
	}
	return false;
}

static bool is_constant(const struct leak_series *s)
{
	for (unsigned i = 1; i < s->samples; i++)
		if (s->sample[i].value != s->sample[0].value)
			return false;
	return true;
}

/*
 * As many windows as give the narrowest interval: windows shorter than a swing of the gauge cut through it and their errors hang
 * together, longer ones are few.
 */
static bool windows_choose(const struct leak_series *s, double confidence, struct floors *best, unsigned *best_from)
{
	double narrowest = INFINITY;
	struct floors f = {.count = 0};

	/* one choice is enough for what never changes */
	for (unsigned i = is_constant(s) ? WINDOW_CHOICES - 1 : 0; i < WINDOW_CHOICES; i++) {
		struct fit_line line;

		if (s->samples < WINDOW_SAMPLES_LEAST * window_choice[i])
			continue;
		floors_make(s, window_choice[i], &f);
		unsigned from = judged_from(&f, confidence);
		if (fit_part(axis(&f), &f, from, f.count, confidence, &line) || line.high - line.slope >= narrowest)
			continue;
		narrowest = line.high - line.slope;
		*best = f;
		*best_from = from;
	}
	return narrowest < INFINITY;
}

int leak_judge(const struct leak_series *s, const struct leak_config *config, struct leak_judgement *out)
{
	double confidence = config->confidence > 0 ? config->confidence : CONFIDENCE;
	struct floors f = {.count = 0};
	unsigned from = 0;

	memset(out, 0, sizeof(*out));
	if (!(config->material > 0))
		return -EINVAL;
	if (!s->samples || !windows_choose(s, confidence, &f, &from)) {
		out->reason = LEAK_TOO_SHORT;
		return 0;
	}
	lines_fit(&f, from, confidence, out);
	decide(&f, from, config->material, out);
	if (out->verdict == LEAK_FOUND &&
	    !is_seen_again(s, f.count, out->judged_from_s, confidence, f.served ? &out->per_request : &out->per_second)) {
		out->verdict = LEAK_INCONCLUSIVE;
		out->reason = LEAK_TOO_NOISY;
		out->needs_s = f.time_s[f.count - 1] - f.time_s[0];
	}
	if (out->per_request.points)
		out->smallest_visible_per_request = smallest_visible(&f, from, config->material, out);
	return 0;
}

const char *leak_verdict_name(enum leak_verdict verdict)
{
	static const char *const name[] = {"inconclusive", "no_leak", "leak"};

	return (unsigned)verdict < sizeof(name) / sizeof(name[0]) ? name[verdict] : "unknown";
}

bool leak_rises(const struct leak_judgement *j)
{
	const struct fit_line *line = j->per_request.points ? &j->per_request : &j->per_second;

	return j->verdict == LEAK_FOUND || (line->points && line->low > 0);
}

double leak_time_to_limit_s(const struct leak_judgement *j, double limit, double *low_s)
{
	double left = limit - j->end_value;

	*low_s = 0;
	if (j->verdict != LEAK_FOUND || left <= 0)
		return 0;
	*low_s = left / j->per_second.high;
	return left / j->per_second.slope;
}
