/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event-loop hog: another client, in a process that is none of the gateway's, with a connection that the worker's loop serves. A
 * request with the plant yields to the loop, which first reads what that client sends and burns CPU for it.
 */
#ifndef TOLL_GATEWAY_PLANT_HOG_H
#define TOLL_GATEWAY_PLANT_HOG_H

#include "base/err.h"
#include "http/loop.h"

struct plant_hog;

/* A request that waits behind the hog. */
struct plant_hog_wait {
	struct plant_hog_wait *next;
	uint64_t busy_ns; /* to burn */
	void (*served)(struct plant_hog_wait *w, uint64_t took_ns); /* in the loop's thread */
	void *ctx;
};

int plant_hog_new(struct plant_hog **out, struct loop *loop, struct err *err);
void plant_hog_free(struct plant_hog *h); /* nobody waits; NULL: nothing */
void plant_hog_join(struct plant_hog *h, struct plant_hog_wait *w);
void plant_hog_leave(struct plant_hog *h, struct plant_hog_wait *w); /* not waiting: nothing */

#endif
