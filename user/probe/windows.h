/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When are dear probes on that need long windows? What they spend is paid from an account into which a share of the gateway's own CPU time
 * flows, from the soak's begin on: a window is as long as what was saved, and the next one begins when there is enough for WINDOWS_GOOD_NS. Pure.
 */
#ifndef TOLL_PROBE_WINDOWS_H
#define TOLL_PROBE_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOWS_GOOD_NS UINT64_C(10000000000) /* many times as long as requests are */
#define WINDOWS_LEAST_NS UINT64_C(1000000000)
#define WINDOWS_PAUSE_NS UINT64_C(30000000000) /* then a shorter one will do */
#define WINDOWS_SAVED_CPU_NS 600e9 /* of so much of the gateway's CPU time the share is saved, no more */

struct windows_seen {
	uint64_t now_ns;
	double gateway_cpu_ns; /* cumulative, what probes took included */
	double spent_ns; /* cumulative, by these probes */
	double share; /* of the gateway's own CPU that they may have; 0: no limit */
};

struct windows {
	bool on;
	double account_ns;
	double cost; /* CPU ns a ns of being on, as last seen */
	uint64_t turned_ns;
	double turned_spent_ns;
	struct windows_seen last;
	bool limited; /* it has been off for want of budget */
};

/* The account begins empty; nothing is on. */
void windows_init(struct windows *w, const struct windows_seen *start);
/* As often as is convenient; then act on w->on. may_begin: may a window begin, or is nothing to be followed yet? */
void windows_tick(struct windows *w, const struct windows_seen *seen, bool may_begin);

#endif
