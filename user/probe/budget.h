/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a group of probes be on just now? What it spends (its hits times what a hit costs) is paid from an account into which a fixed share of
 * the gateway's own CPU time flows. When the account is empty the group goes off until enough for a window has flowed in. Whether it looks
 * at all returns or at some follows from what each would have cost so far. Pure: numbers in, decision out.
 */
#ifndef TOLL_PROBE_BUDGET_H
#define TOLL_PROBE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* The shortest window, and the longest pause: beyond it the group is as good as left out, but still looked at now and then. */
#define BUDGET_WINDOW_NS UINT64_C(100000000)
#define BUDGET_PAUSE_MAX_NS UINT64_C(30000000000)

/* All cumulative, from the same start. */
struct budget_seen {
	uint64_t now_ns;
	double gateway_cpu_ns; /* what the probes took included */
	double base_ns; /* spent by the groups that stay on */
	double spent_ns; /* by this group */
	double full_ns, sampled_ns; /* what the calls that it saw would have cost with all returns, with some */
};

enum budget_mode {
	BUDGET_FULL = 0, /* on all the time, every return */
	BUDGET_SAMPLED = 1, /* on all the time, some returns */
	BUDGET_WINDOWS = 2, /* on in windows, some returns */
};

struct budget {
	double share; /* of the gateway's own CPU; 0: no limit, on all the time */
	struct budget_seen last;
	double account_ns;
	bool on, sampled;
	uint64_t turned_ns; /* when it last went on or off */
	double window_cost_ns; /* of BUDGET_WINDOW_NS of being on, as last seen */
	double on_cpu_ns, on_full_ns, on_sampled_ns; /* while it was on: the gateway's own CPU, and the group's cost */
	bool was_off; /* since the start */
	uint64_t limited_ns; /* when it was first held back; 0: never */
};

/* Without a limit all returns are looked at only while that costs less than this. */
#define BUDGET_RETURNS_SHARE 0.03

/* Starts on, with some of the returns until their cost is known. */
void budget_init(struct budget *b, double share, const struct budget_seen *start);
/* Call every 20 ms or so, and act on b->on and b->sampled. */
void budget_tick(struct budget *b, const struct budget_seen *seen);
enum budget_mode budget_mode(const struct budget *b);
const char *budget_mode_name(enum budget_mode mode); /* "full", "sampled", "windows" */

#endif
