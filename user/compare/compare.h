/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two results against each other. How a change is judged:
 *
 * - A run is drawn again from its blocks of time by the stationary bootstrap (Politis & Romano 1994): blocks that follow each other stay
 *   together for a random stretch (on average the cube root of their number), because neighbours share their luck. Both runs are
 *   drawn `resamples` times, from a fixed seed: the same two files give the same words.
 * - What two runs of the same thing differ by, beyond what the blocks of one run can tell, is added to each draw: `run_noise`, a standard
 *   deviation of the relative change (start-up layout, heat), and what a control says. The control is the driver's own lag: it wakes up on the
 *   same machine as the gateway does and is not part of it. Where its median differs between the two runs, the wake-ups that a figure holds
 *   differ by as much without being another gateway: that is taken off the change of the toll (one wake-up) and of latency (three), give or
 *   take half of it. What phases, causes and tails have of it nobody can say: there all of it is allowed for, both ways; and where late wake-ups
 *   make the lag's mean, in the means too. Where no driver of ours was on the machine, run_noise is three times as large.
 *   Waits for a CPU differ by who else wants one: where the account of the threads tells them, three tenths of the wait are allowed for, in
 *   itself, in what lay unread meanwhile and in the means that hold it.
 * - The intervals of all figures hold together: their common factor is the 95th percentile, over the draws, of the largest deviation
 *   among all figures in units of its own standard error (max-t). A change is seen where its interval excludes 0, so
 *   among all figures of two equal runs a false one turns up in at most 5 of 100 comparisons.
 */
#ifndef TOLL_COMPARE_COMPARE_H
#define TOLL_COMPARE_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "compare/sample.h"

#define COMPARE_FIGURES_MAX 80u
#define COMPARE_GATES_MAX 32u
#define COMPARE_ISSUES_MAX 24u
#define COMPARE_BLOCKS_MIN 16u /* fewer cannot tell how a figure wanders */

struct compare_options {
	uint64_t seed;
	unsigned resamples; /* 100 and more */
	double tolerance; /* "no difference": the interval lies within +- this share (where no gate says another) */
	double run_noise;
	bool anyway; /* compare what should not be compared */
	const char *const *gate;
	unsigned gates;
};
#define COMPARE_OPTIONS_DEFAULT                                                                                                  \
	{                                                                                                                        \
		.seed = 1, .resamples = 2000, .tolerance = 0.10, .run_noise = 0.01                                               \
	}

/* The driver's lag: mean, then as sample_quantile[]. */
struct compare_control {
	bool known;
	double ns[1 + SAMPLE_QUANTILES];
};

enum figure_unit { FIGURE_NS, FIGURE_PER_S, FIGURE_SHARE, FIGURE_BYTES };
enum figure_verdict {
	FIGURE_CANNOT_TELL = 0,
	FIGURE_NO_DIFFERENCE = 1,
	FIGURE_WORSE = 2,
	FIGURE_BETTER = 3,
};

struct figure {
	char name[80]; /* as criteria name it: "toll.p99", "process_request.mean" */
	enum figure_unit unit;
	bool more_is_better; /* throughput */
	bool is_part; /* a phase or a cause: judged by its absolute change */
	bool is_cause;
	bool is_toll; /* a part of the toll, or the toll itself */
	bool has_interval; /* false: one figure a run, such as the most memory */
	double base, new_;
	/* relative to base; for parts and shares in their own unit. Less what the driver's lag explains: lag_ns of new less base */
	double change, low, high;
	double lag_ns;
	bool is_absolute;
	enum figure_verdict verdict;
	char reason[160]; /* why it cannot be told */
};

enum gate_verdict { GATE_PASSED = 0, GATE_FAILED = 1, GATE_CANNOT_TELL = 2 };
struct gate {
	char text[120];
	char name[80];
	double limit; /* signed: +0.10 more is allowed, -0.05 less is allowed; in the figure's unit when is_absolute */
	bool is_absolute;
	const struct figure *figure;
	enum gate_verdict verdict;
	char reason[240];
};

struct comparison {
	struct figure figure[COMPARE_FIGURES_MAX];
	unsigned figures;
	struct gate gate[COMPARE_GATES_MAX];
	unsigned gates;
	char issue[COMPARE_ISSUES_MAX][240]; /* why these runs are hard to compare; the first `refusals` forbid it */
	unsigned issues, refusals;
	double factor; /* of the simultaneous intervals */
	unsigned blocks[2];
	uint64_t width_ns[2];
	struct compare_control control[2];
	double stretch[2]; /* mean length of a drawn stretch, in blocks */
	struct compare_options options;
	json_t *head[2]; /* who they are: scenario, date, gateway; owned */
};

/* Pure statistics: figures with intervals and verdicts. c has options, gates and controls. -ENOMEM. */
int compare_samples(const struct sample *base, const struct sample *new_, struct comparison *c);
/* Everything. -EINVAL: a gate is not understood, a document has no blocks ...; issues that forbid it are no error: see refusals. */
int compare_documents(const json_t *base, const json_t *new_, const struct compare_options *options, struct comparison *c,
		      struct err *err);
void compare_fini(struct comparison *c);
/* 0 no gate failed, 1 one did, 2 it cannot be told (refused, or a gate that no interval decides). */
int compare_exit_code(const struct comparison *c);
/*
 * "slower", "faster", "mixed", "no_difference", "cannot_tell": of the toll, or, where it is not measured, of latency. Phases and
 * causes of the toll count too (waiting for a CPU does not), where all that moved went one way.
 */
const char *compare_verdict(const struct comparison *c);
/* "slower" for a worse time, "more" for a worse share ...: by figure. */
const char *figure_verdict_word(const struct figure *f);

json_t *compare_to_json(const struct comparison *c);
int compare_print_text(const struct comparison *c, FILE *out, bool colour);
const char *compare_schema(void);

/* issues.c: what makes two runs hard to compare. */
void compare_issues(const json_t *base, const json_t *new_, struct comparison *c);
/* gate.c */
int gate_parse(const char *text, struct gate *out, struct err *err);
void gates_judge(struct comparison *c);

#endif
