/* SPDX-License-Identifier: GPL-2.0-only */
/* The plants of one side of one request, one after the other, and what this program's own clock saw of them. */
#ifndef TOLL_GATEWAY_PLANT_RUN_H
#define TOLL_GATEWAY_PLANT_RUN_H

#include <stdbool.h>

#include "gateway/gateway.h"
#include "gateway/mailbox.h"

/* Where a request's plants run: its worker's loop, and the helper thread's for what comes behind a handoff. */
struct plant_place {
	const struct gateway_plants *plants;
	struct loop *loop;
	struct mailbox *box; /* of the worker */
	struct loop *helper_loop;
	struct mailbox *helper_box;
};

struct plant_run {
	const struct plant_place *place;
	uint64_t chance; /* random, one for each request: decides which "/N" plants it carries */
	enum gateway_side side;
	unsigned next;
	bool away; /* in the helper thread: do not touch until done() */
	bool in_helper; /* what runs now runs there */
	uint64_t began_ns;
	uint64_t cpu_ns;
	struct loop_timer timer;
	struct mail mail;
	void (*done)(struct plant_run *run, uint64_t wall_ns, uint64_t cpu_ns); /* in the worker's loop */
	void *ctx;
};

/* False: the request has no plant on this side, done() is not called. True: done() is called, now or later. */
bool plant_run_start(struct plant_run *run, enum gateway_side side);
/* The request is gone. False: its plants are in the helper thread, done() is still called. */
bool plant_run_cancel(struct plant_run *run);

#endif
