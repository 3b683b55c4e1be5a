/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a group of probes be on just now? What it spends (its hits times what a hit costs) is paid from an account into which a fixed share of
 * the gateway's own CPU time flows. When the account is empty the group goes off until enough for a window has flowed in. How much it looks
 * at while it is on, its level, follows from what each would have cost so far. Groups share one budget in an order: each has what those before it
 * leave. Pure: numbers in, decision out.
 */
#ifndef TOLL_PROBE_BUDGET_H
#define TOLL_PROBE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* The shortest window. */
#define BUDGET_WINDOW_NS UINT64_C(100000000)
/*
 * A group that could be on for less than this part of the time is left out, but for a look now and then, as short as BUDGET_LOOK_NS: when
 * what has flowed in pays for it, and no sooner than this pause is over.
 */
#define BUDGET_ON_LEAST 0.05
#define BUDGET_LOOK_NS UINT64_C(20000000)
#define BUDGET_PAUSE_MAX_NS UINT64_C(30000000000)
/* A gateway that has used less than a hundredth of a CPU for so long is idle: a group that is on costs it nothing. */
#define BUDGET_IDLE_NS UINT64_C(200000000)

/* What a group looks at while it is on, the dearest first. Groups that know no such difference cost the same at each. */
enum budget_level {
	BUDGET_ALL_RETURNS = 0,
	BUDGET_SOME_RETURNS = 1, /* budget_one_return_in() */
	BUDGET_FEW_FREES =
		2, /* some returns, and what gives back for BUDGET_FREES_ON_NS of at most each BUDGET_FREES_PERIOD_NS */
	BUDGET_LEVELS = 3,
};
#define BUDGET_FREES_ON_NS UINT64_C(1000000000)
#define BUDGET_FREES_PERIOD_NS UINT64_C(4000000000)

/* Of how many calls one return is looked at where not all are: a power of two, 16 or more, so that 4,000 to 8,000 a second are. */
#define BUDGET_RETURNS_PER_S 8000
#define BUDGET_ONE_RETURN_IN_LEAST 16
#define BUDGET_ONE_RETURN_IN_MOST 1024
uint32_t budget_one_return_in(double calls_per_s);

/* All cumulative, from the same start. */
struct budget_seen {
	uint64_t now_ns;
	double gateway_cpu_ns; /* what the probes took included */
	double base_ns; /* spent by the groups before this one */
	double after_ns; /* ... by those after it */
	double spent_ns; /* by this group */
	double level_ns[BUDGET_LEVELS]; /* what it would have cost at each level */
};

enum budget_mode {
	BUDGET_FULL = 0, /* on all the time, every return */
	BUDGET_SAMPLED = 1, /* on all the time, some returns */
	BUDGET_WINDOWS = 2, /* on in windows, some returns */
	BUDGET_LEFT_OUT = 3, /* off, but for a look now and then */
	BUDGET_FREES_IN_WINDOWS = 4, /* on all the time, some returns; what gives back in windows */
};

/* What all groups together may take. */
struct budget_limit {
	double share; /* of the gateway's own CPU; 0: no limit, on all the time */
	double least; /* of one CPU: so much even where that is more */
};

struct budget {
	struct budget_limit limit;
	uint64_t start_ns;
	uint64_t window_ns; /* the shortest: what it tells within a shorter one is of no use */
	struct budget_seen last;
	double account_ns;
	bool on, left_out;
	enum budget_level level;
	bool frees; /* what gives back is to be on, while the group is */
	uint64_t turned_ns, frees_turned_ns; /* when it last went on or off */
	uint64_t busy_ns; /* when the gateway was last seen busy */
	double window_cost_ns; /* of window_ns of being on, as last seen */
	double on_ns, on_cpu_ns,
		on_level_ns[BUDGET_LEVELS]; /* while it was on: time, the gateway's own CPU, and the group's cost */
	bool was_off; /* since the start, or since budget_measure() */
	uint64_t limited_ns; /* when it was first held back; 0: never */
};

/* Without a limit all returns are looked at only while that costs less than this. */
#define BUDGET_RETURNS_SHARE 0.03

/* Starts on, with some of the returns until their cost is known. window_ns: at least BUDGET_WINDOW_NS. */
void budget_init(struct budget *b, const struct budget_limit *limit, uint64_t window_ns);
/* Before the first tick: what has been by then is not counted. */
void budget_begin(struct budget *b, const struct budget_seen *start);
/* Call every 20 ms or so, and act on b->on, b->level and b->frees. */
void budget_tick(struct budget *b, const struct budget_seen *seen);
/* budget_mode() tells of what is from here on: a first look in the warm-up makes no windows. */
void budget_measure(struct budget *b);
enum budget_mode budget_mode(const struct budget *b);
const char *budget_mode_name(enum budget_mode mode); /* "full", "sampled", "windows", "left_out", "frees_in_windows" */

#endif
