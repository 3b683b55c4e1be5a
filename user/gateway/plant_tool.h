/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a plant does to the thread that it runs on, one tool for each kind that runs in one go. A tool that needs something beside the
 * thread (another thread, a process, a file) opens it once for each thread that runs plants.
 */
#ifndef TOLL_GATEWAY_PLANT_TOOL_H
#define TOLL_GATEWAY_PLANT_TOOL_H

#include "gateway/gateway.h"

/* Where a tool is opened. */
struct plant_site {
	const char *directory; /* a file may be made here */
	unsigned thread; /* counts the threads that run plants: two for each worker */
};

struct plant_tool {
	/* NULL: there is nothing to open. *ctx is to be closed once it is set, whatever is returned. */
	int (*open)(const struct gateway_plant *p, const struct plant_site *site, void **ctx, struct err *err);
	/* Returns the ns that lie in the plant's cause, by this program's own clocks. */
	uint64_t (*run)(void *ctx, const struct gateway_plant *p);
	void (*close)(void *ctx);
};

extern const struct plant_tool plant_cpu, plant_quota, plant_syscalls, plant_malloc, plant_page_faults; /* plant_work.c */
extern const struct plant_tool plant_fsync, plant_file_faults; /* plant_file.c */
extern const struct plant_tool plant_lock;
extern const struct plant_tool plant_neighbour;
extern const struct plant_tool plant_resolver;

/* The tools of one thread: those of the plants that it may run. */
struct plant_tools {
	const struct gateway_plants *plants;
	void *ctx[GATEWAY_PLANTS_MAX];
};
int plant_tools_open(struct plant_tools *t, const struct gateway_plants *plants, const struct plant_site *site, struct err *err);
void plant_tools_close(struct plant_tools *t); /* zero-initialised: nothing */
/* NULL: the kind waits in the event loop and is not run by a tool. */
const struct plant_tool *plant_tool_of(enum gateway_plant_kind kind);

/* How long the calling thread was neither on a CPU nor waiting for one, by the kernel's account of it. */
struct plant_watch {
	uint64_t wall_ns, cpu_ns, delay_ns;
};
void plant_watch_start(struct plant_watch *w);
uint64_t plant_watch_blocked_ns(const struct plant_watch *w);

/* Burns CPU in user mode. */
void plant_burn_cpu(uint64_t amount_ns);

#endif
