// SPDX-License-Identifier: GPL-2.0-only
/* Draws, intervals, verdicts: compare.h says how. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "compare/figures.h"

#define CONFIDENCE 0.95
/* A histogram's value may be 0.4 % off: two equal runs can read one bucket apart. */
#define QUANTILE_NOISE 0.003
#define LEAST_NOISE 0.0005
/* What a driver's lag differs by even between runs that look alike */
#define CONTROL_SHARE 0.05
/* A request wakes the gateway up when it comes, when its answer comes, and often once between */
#define WAKEUPS_LATE 3
#define LATENCY_WAKEUPS 3
/* The most by which a mean lag was above its median on a machine that did nothing else */
#define MEAN_OF_MEDIAN 1.25
#define UNCONTROLLED 3
/* Clock frequency, caches and who shares the core: equal runs used up to 15 % more or less CPU a request */
#define CPU_NOISE 0.15
/* Who else wants a CPU, and when: equal runs on a quiet machine waited 60 to 127 us a request, 28 % (sd) about their mean */
#define WAIT_NOISE 0.3
#define ERROR_TOLERANCE 0.01
#define PART_TOLERANCE 0.01 /* of the toll (or the latency): a part that moves less than this moves nothing */

/* What two runs of the same thing differ by: how much of a figure's change is the machine's, and the sd of that, in the change's unit. */
struct control {
	double shift, sd;
};

struct draws {
	const struct sample *side[2];
	struct comparison *c;
	struct figure_set set;
	struct rng rng;
	uint64_t *scratch;
	double *deviation; /* [resample * figures + figure], then in units of the figure's standard error */
	double estimate[COMPARE_FIGURES_MAX]; /* log(new / base), or new - base */
	double error[COMPARE_FIGURES_MAX];
	struct control noise[COMPARE_FIGURES_MAX];
};

static double change_of(const struct figure *f, double base, double new_)
{
	return f->is_absolute ? new_ - base : log(new_ / base);
}

static void values_of(struct draws *d, const unsigned times[2][SAMPLE_BLOCKS_MAX], double out[2][COMPARE_FIGURES_MAX])
{
	struct sample_total total;

	for (unsigned side = 0; side < 2; side++) {
		sample_total(d->side[side], times[side], d->scratch, &total);
		for (unsigned i = 0; i < d->c->figures; i++)
			out[side][i] = figure_value(&d->set.source[i], side, &total);
	}
}

static void estimate(struct draws *d)
{
	unsigned times[2][SAMPLE_BLOCKS_MAX];
	double value[2][COMPARE_FIGURES_MAX] = {{0}};

	for (unsigned i = 0; i < SAMPLE_BLOCKS_MAX; i++)
		times[0][i] = times[1][i] = 1;
	values_of(d, times, value);
	for (unsigned i = 0; i < d->c->figures; i++) {
		struct figure *f = &d->c->figure[i];

		f->base = value[0][i];
		f->new_ = value[1][i];
		d->estimate[i] = change_of(f, f->base, f->new_);
		if (isfinite(d->estimate[i]))
			continue;
		f->has_interval = false;
		snprintf(f->reason, sizeof(f->reason), "one of the two has nothing of it");
	}
}

/* The stationary bootstrap: with chance 1 / mean a new stretch begins, else the next block follows (the last one is followed by the first). */
static void draw(struct rng *r, unsigned blocks, double mean, unsigned *times)
{
	uint64_t at = 0;

	memset(times, 0, sizeof(*times) * blocks);
	for (unsigned i = 0; i < blocks; i++) {
		at = i == 0 || rng_unit(r) * mean < 1 ? rng_below(r, blocks) : (at + 1) % blocks;
		times[at]++;
	}
}

/* What two runs' lag differs by: seen, and even between runs that look alike. */
static double lag_apart(double before, double after)
{
	return fabs(before - after) + CONTROL_SHARE * fmin(before, after);
}

/* What late wake-ups add to the mean: of lags that are all alike it lies near the median. */
static double lag_late(const struct compare_control *c)
{
	return fmax(0, c->ns[0] - MEAN_OF_MEDIAN * c->ns[1]);
}

/*
 * Time that a thread left its CPU for something else than a CPU (a timer, a lock, a disk) ends when it is woken up, not when it has one: of
 * how late that is there is no more in it than of a timer that the driver waits for.
 */
static bool is_left_for(const struct figure *f)
{
	static const char *const on_cpu[] = {"own_user",  "own_kernel", "own_cpu",   "allocator",
					     "run_queue", "steal",      "throttled", "unknown"};

	for (size_t i = 0; i < sizeof(on_cpu) / sizeof(*on_cpu); i++)
		if (!strncmp(f->name, "cause.", 6) && !strncmp(f->name + 6, on_cpu[i], strlen(on_cpu[i])))
			return false;
	return f->is_cause;
}

/* More lag makes a figure that holds `wakeups` of them grow by about as much for each; recorded runs of one gateway grew by 0.9 to 1.9 times that. */
static struct control control_of(double wakeups, double before, double after)
{
	return (struct control){wakeups * (after - before), wakeups * lag_apart(before, after) / 2};
}

static struct control control_unsigned(double sd)
{
	return (struct control){0, sd};
}

/*
 * How many of the driver's wake-ups a figure holds, and at which percentile of its lag, as recorded runs of one gateway differed: a mean or a
 * median of the toll one, of latency three, for it has the provider's and the driver's own too. Phases and causes hold some of them or none;
 * tails go with the tail of the lag, whatever their percentile (latency's twice as far), and so do means where late wake-ups make them: of
 * those nobody can say how much it was (tests/model/compare holds the runs).
 */
static struct control control_ns(const struct comparison *c, const struct figure *f, const struct figure_source *s)
{
	enum { MEAN = 0, P50 = 1, P99 = SAMPLE_QUANTILES };
	const struct compare_control *base = &c->control[0], *new_ = &c->control[1];
	double late = WAKEUPS_LATE * lag_apart(lag_late(base), lag_late(new_));
	double tail = lag_apart(base->ns[P99], new_->ns[P99]);
	bool toll = s->from == FROM_TOLL_MEAN || s->from == FROM_TOLL_QUANTILE;
	bool quantile = s->from == FROM_TOLL_QUANTILE || s->from == FROM_LATENCY_QUANTILE;
	struct control control = control_of(toll ? 1 : LATENCY_WAKEUPS, base->ns[P50], new_->ns[P50]);

	if (s->from == FROM_PART)
		return control_unsigned(is_left_for(f) ? lag_apart(base->ns[P50], new_->ns[P50])
						       : lag_apart(base->ns[MEAN], new_->ns[MEAN]));
	if (!toll && !quantile && s->from != FROM_LATENCY_MEAN)
		return control_unsigned(0);
	if (quantile && s->index[0] > 0)
		return control_unsigned((toll ? 1 : 2) * WAKEUPS_LATE * tail);
	/* what is seldom for one wake-up is not for all of a request's, so half of the requests may have had it */
	if (!toll || !quantile)
		control.sd = hypot(control.sd, late);
	return control;
}

static const struct figure *figure_named(const struct comparison *c, const char *name)
{
	for (unsigned i = 0; i < c->figures; i++)
		if (!strcmp(c->figure[i].name, name))
			return &c->figure[i];
	return NULL;
}

/* How much of a mean is waiting for a CPU, ns, where the account of the threads says it; 0: it does not, or it is none of this figure's. */
static double waits_ns(const struct comparison *c, const struct figure *f, const struct figure_source *s)
{
	static const char *const all_wait[] = {"pick_up_request.mean", "pick_up_response.mean", "cause.run_queue.mean"};
	const struct figure *run_queue = figure_named(c, "cause.run_queue.mean");
	double told = run_queue ? (run_queue->base + run_queue->new_) / 2 : 0;

	if (s->from == FROM_TOLL_MEAN || s->from == FROM_LATENCY_MEAN)
		return told;
	for (size_t i = 0; i < sizeof(all_wait) / sizeof(*all_wait); i++)
		if (!strcmp(f->name, all_wait[i]))
			return fmin(told, (f->base + f->new_) / 2);
	return 0;
}

static struct control noise_of(const struct comparison *c, const struct figure *f, const struct figure_source *s)
{
	bool controlled = c->control[0].known && c->control[1].known;
	double share = c->options.run_noise * (controlled ? 1 : UNCONTROLLED), level = (f->base + f->new_) / 2;
	struct control noise = controlled ? control_ns(c, f, s) : control_unsigned(0);

	if (f->unit == FIGURE_SHARE)
		return control_unsigned(0);
	if (s->from == FROM_CPU)
		share = fmax(share, CPU_NOISE);
	noise.sd = hypot(hypot(share * level, WAIT_NOISE * waits_ns(c, f, s)), noise.sd);
	if (!f->is_absolute) {
		noise.sd /= level;
		noise.shift /= level;
	}
	return noise;
}

/* Once all figures have their values. */
static void noises(struct draws *d)
{
	for (unsigned i = 0; i < d->c->figures; i++)
		d->noise[i] = noise_of(d->c, &d->c->figure[i], &d->set.source[i]);
}

static void resample(struct draws *d)
{
	unsigned times[2][SAMPLE_BLOCKS_MAX], n = d->c->figures;
	double value[2][COMPARE_FIGURES_MAX] = {{0}};

	for (unsigned r = 0; r < d->c->options.resamples; r++) {
		for (unsigned side = 0; side < 2; side++)
			draw(&d->rng, d->side[side]->blocks, d->c->stretch[side], times[side]);
		values_of(d, times, value);
		for (unsigned i = 0; i < n; i++) {
			const struct figure *f = &d->c->figure[i];
			double change = change_of(f, value[0][i], value[1][i]);

			/* a draw that has nothing of a rare figure says nothing about it */
			d->deviation[r * n + i] = isfinite(change) && f->has_interval ? change - d->estimate[i] : 0;
			d->deviation[r * n + i] += d->noise[i].sd * rng_normal(&d->rng);
		}
	}
}

static double least_error(const struct draws *d, unsigned i, double requests)
{
	const struct figure *f = &d->c->figure[i];

	if (f->unit == FIGURE_SHARE)
		return requests > 0 ? 1 / requests : 1;
	if (f->is_absolute)
		return LEAST_NOISE * (f->base + f->new_) / 2;
	return d->set.source[i].from == FROM_TOLL_QUANTILE || d->set.source[i].from == FROM_LATENCY_QUANTILE ? QUANTILE_NOISE
													     : LEAST_NOISE;
}

static double requests_least(const struct draws *d)
{
	double least = INFINITY;

	for (unsigned side = 0; side < 2; side++) {
		double sum = 0;

		for (unsigned i = 0; i < d->side[side]->blocks; i++)
			sum += d->side[side]->ok[i] + d->side[side]->failed[i];
		least = sum < least ? sum : least;
	}
	return least;
}

/* Standard errors; the deviations become multiples of them. */
static void standardise(struct draws *d)
{
	unsigned n = d->c->figures, resamples = d->c->options.resamples;
	double requests = requests_least(d);

	for (unsigned i = 0; i < n; i++) {
		double squares = 0, least = least_error(d, i, requests);

		for (unsigned r = 0; r < resamples; r++)
			squares += d->deviation[r * n + i] * d->deviation[r * n + i];
		d->error[i] = sqrt(squares / resamples);
		if (d->error[i] < least)
			d->error[i] = least;
		for (unsigned r = 0; r < resamples; r++)
			d->deviation[r * n + i] /= d->error[i] > 0 ? d->error[i] : 1;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int factor_find(struct draws *d)
{
	unsigned n = d->c->figures, resamples = d->c->options.resamples;
	double *largest = calloc(resamples, sizeof(*largest));

	if (!largest)
		return -ENOMEM;
	for (unsigned r = 0; r < resamples; r++)
		for (unsigned i = 0; i < n; i++)
			if (d->c->figure[i].has_interval)
				largest[r] = fmax(largest[r], fabs(d->deviation[r * n + i]));
	qsort(largest, resamples, sizeof(*largest), by_value);
	d->c->factor = largest[(unsigned)(CONFIDENCE * (resamples - 1))];
	free(largest);
	return 0;
}

/* How far a figure may have moved and still count as the same. */
static double tolerance_of(const struct comparison *c, const struct figure *f)
{
	double own = c->options.tolerance;
	const struct figure *whole;

	for (unsigned i = 0; i < c->gates; i++)
		if (!strcmp(c->gate[i].name, f->name) && c->gate[i].is_absolute == f->is_absolute)
			own = fabs(c->gate[i].limit);
	if (f->unit == FIGURE_SHARE)
		return own < ERROR_TOLERANCE ? own : ERROR_TOLERANCE;
	if (!f->is_part)
		return own;
	whole = figure_named(c, f->is_toll ? "toll.mean" : "latency.mean");
	return fmax(c->options.tolerance * f->base, PART_TOLERANCE * (whole ? whole->base : 0));
}

static void figure_judge(const struct comparison *c, struct figure *f)
{
	double tolerance = tolerance_of(c, f);

	if (f->low > 0)
		f->verdict = f->more_is_better ? FIGURE_BETTER : FIGURE_WORSE;
	else if (f->high < 0)
		f->verdict = f->more_is_better ? FIGURE_WORSE : FIGURE_BETTER;
	else if (f->low >= -tolerance && f->high <= tolerance)
		f->verdict = FIGURE_NO_DIFFERENCE;
	else
		f->verdict = FIGURE_CANNOT_TELL;
	if (f->verdict == FIGURE_CANNOT_TELL && f->is_absolute)
		snprintf(f->reason, sizeof(f->reason), "the interval is too wide: longer runs narrow it");
	else if (f->verdict == FIGURE_CANNOT_TELL)
		snprintf(f->reason, sizeof(f->reason),
			 "the interval is wider than +-%.3g %%: runs about %.0f times as long would tell", tolerance * 100,
			 ceil(pow(fmax(f->high, -f->low) / tolerance, 2)));
}

static void intervals(struct draws *d)
{
	for (unsigned i = 0; i < d->c->figures; i++) {
		struct figure *f = &d->c->figure[i];
		double half = d->c->factor * d->error[i], own = d->estimate[i] - d->noise[i].shift;

		if (!f->has_interval)
			continue;
		f->lag_ns = (f->is_absolute ? 1 : (f->base + f->new_) / 2) * d->noise[i].shift;
		f->change = f->is_absolute ? own : expm1(own);
		f->low = f->is_absolute ? own - half : expm1(own - half);
		f->high = f->is_absolute ? own + half : expm1(own + half);
		figure_judge(d->c, f);
	}
}

static bool enough_blocks(struct comparison *c)
{
	if (c->blocks[0] >= COMPARE_BLOCKS_MIN && c->blocks[1] >= COMPARE_BLOCKS_MIN)
		return true;
	for (unsigned i = 0; i < c->figures; i++) {
		struct figure *f = &c->figure[i];

		f->change = f->is_absolute ? f->new_ - f->base : f->new_ / f->base - 1;
		f->has_interval = false;
		snprintf(f->reason, sizeof(f->reason), "too few blocks of time (%u and %u; at least %u are wanted): run longer",
			 c->blocks[0], c->blocks[1], COMPARE_BLOCKS_MIN);
	}
	return false;
}

static int judge(struct draws *d)
{
	struct comparison *c = d->c;

	d->deviation = calloc((size_t)c->options.resamples * COMPARE_FIGURES_MAX, sizeof(*d->deviation));
	if (!d->deviation)
		return -ENOMEM;
	noises(d);
	resample(d);
	standardise(d);
	int rc = factor_find(d);
	if (!rc)
		intervals(d);
	free(d->deviation);
	return rc;
}

int compare_samples(const struct sample *base, const struct sample *new_, struct comparison *c)
{
	unsigned room = sample_scratch(base) > sample_scratch(new_) ? sample_scratch(base) : sample_scratch(new_);
	struct draws d = {.side = {base, new_}, .c = c, .scratch = calloc(room + 1, sizeof(*d.scratch))};
	int rc = 0;

	if (!d.scratch)
		return -ENOMEM;
	for (unsigned side = 0; side < 2; side++) {
		c->blocks[side] = d.side[side]->blocks;
		c->width_ns[side] = d.side[side]->width_ns;
		c->stretch[side] = ceil(cbrt(d.side[side]->blocks));
	}
	figures_common(base, new_, &d.set, c);
	rng_init(&d.rng, c->options.seed, 0);
	estimate(&d);
	if (enough_blocks(c))
		rc = judge(&d);
	free(d.scratch);
	return rc;
}
