/* SPDX-License-Identifier: GPL-2.0-only */
/* The plants of one side of one request, one after the other, and what this program's own clock saw of them. */
#ifndef TOLL_GATEWAY_PLANT_RUN_H
#define TOLL_GATEWAY_PLANT_RUN_H

#include <stdbool.h>

#include "gateway/gateway.h"
#include "gateway/mailbox.h"
#include "gateway/plant_hog.h"
#include "gateway/plant_tool.h"

/* Where a request's plants run: its worker's loop, and the helper thread's for what comes behind a handoff. */
struct plant_place {
	const struct gateway_plants *plants;
	struct loop *loop;
	struct mailbox *box; /* of the worker */
	struct plant_tools tools;
	struct plant_hog *hog; /* NULL: not planted */
	struct loop *helper_loop;
	struct mailbox *helper_box;
	struct plant_tools helper_tools;
};

struct plant_run {
	struct plant_place *place;
	struct gateway_truth *truth; /* plant_ns is added to */
	uint64_t chance; /* random, one for each request: decides which "/N" plants it carries */
	enum gateway_side side;
	unsigned next;
	unsigned now; /* the plant that waits for the loop */
	bool away; /* in the helper thread: do not touch until done() */
	bool in_helper; /* what runs now runs there */
	bool resolved; /* the name was asked for: the next call is on a connection of its own */
	uint64_t began_ns;
	uint64_t cpu_ns;
	uint64_t wait_began_ns;
	struct loop_timer timer;
	struct mail mail;
	struct plant_hog_wait hog_wait;
	void (*done)(struct plant_run *run, uint64_t wall_ns, uint64_t cpu_ns); /* in the worker's loop */
	void *ctx;
};

/* False: the request has no plant on this side, done() is not called. True: done() is called, now or later. */
bool plant_run_start(struct plant_run *run, enum gateway_side side);
/* The request is gone. False: its plants are in the helper thread, done() is still called. */
bool plant_run_cancel(struct plant_run *run);

#endif
